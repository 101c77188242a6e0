//! A hardware file as written, checked into a [`Hardware`].
//!
//! Order: read, preset (`extends`), settings, tables put in where files are named, strict reading, ranges, combinations; nothing
//! downstream checks again.

use crate::component::{self, Component, Machine};
use crate::dac::InputSign;
use crate::device::Surroundings;
use crate::documentation;
use crate::hardware::Hardware;
use crate::keys::{self, ACTIVITY, CONDITIONS, CROSSBAR, HIERARCHY, PRECISION, REDUNDANCY, ROOT, SCHEDULE};
use crate::spec::{
    AssumedActivity, Bus, Conditions, CrossbarSpec, DummyColumn, Duplicate, Hierarchy, InputRange, Overflow,
    Precision, Redundancy, Remap, Schedule, Start, WeightScale,
};
use crate::{
    Adc, Dac, Error, WeightEncoding, adc, compensation, dac, device, encoding, fault, interconnect, presets,
    rtn, variation, wires, write,
};
use ohmic_config::document::Alternatives;
use ohmic_config::key::Form;
use ohmic_config::{Document, Place, Section, SourceText, family};
use ohmic_numerics::MatRef;
use std::path::Path;

/// Keys that say the same thing in two ways: a later text's one drops an earlier text's other.
const ALTERNATIVES: Alternatives = &[
    &["g_min", "on_off_ratio"],
    &["sigma", "sigma_fraction"],
    &["read_sigma_fraction", "read_sigma_rel"],
    &["sigma_ln", "sigma_rel"],
    &["states", "reads"],
    &["band", "band_fraction", "band_rel"],
];

impl Hardware {
    /// Reads a hardware file, and the preset it extends.
    ///
    /// # Errors
    /// The file cannot be read, or something in it is wrong: with file, line, column and the way out.
    pub fn read(path: &Path) -> Result<Self, Error> {
        from_document(Document::read(path)?, &[], beside(path))
    }

    /// A machine that comes with Ohmic, by name (`ohmic list hardware`).
    ///
    /// # Errors
    /// No preset has this name.
    pub fn preset(name: &str) -> Result<Self, Error> {
        from_document(preset_document(name)?, &[], Path::new(""))
    }

    /// A hardware file or preset with some keys set to other values, as `--set` and sweep axes do.
    ///
    /// What ends in `.toml` or contains a `/` is a file, or a folder with a `hardware.toml`;
    /// anything else is a preset, or a file of that name if there is one.
    ///
    /// # Errors
    /// As [`Hardware::read`]; an error about a set value shows the setting.
    pub fn load(name_or_path: &str, sets: &[(String, toml::Value)]) -> Result<Self, Error> {
        let path = Path::new(name_or_path);
        let is_preset = presets::find(name_or_path).is_some();
        let looks_like_path = name_or_path.ends_with(".toml") || name_or_path.contains(['/', '\\']);
        if is_preset || !(looks_like_path || path.exists()) {
            return from_document(preset_document(name_or_path)?, sets, Path::new(""));
        }
        let file = if path.is_dir() { path.join("hardware.toml") } else { path.to_owned() };
        from_document(Document::read(&file)?, sets, beside(&file))
    }

    /// A machine from the text of a hardware file; `name` stands for the file in messages.
    ///
    /// # Errors
    /// As [`Hardware::read`].
    pub fn from_text(name: &str, text: &str) -> Result<Self, Error> {
        let source = SourceText { path: name.to_owned(), text: text.to_owned() };
        from_document(Document::parse(source)?, &[], beside(Path::new(name)))
    }
}

/// The folder that a file lies in.
fn beside(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new(""))
}

fn preset_document(name: &str) -> Result<Document, Error> {
    let preset = presets::find(name).ok_or_else(|| ohmic_config::Error::UnknownRequest {
        what: "preset",
        value: name.to_owned(),
        nearest: ohmic_config::suggest::nearest(name, presets::names()).map(str::to_owned),
        known: presets::names().map(str::to_owned).collect(),
    })?;
    let source = SourceText { path: preset.path.to_owned(), text: preset.text.to_owned() };
    Ok(Document::parse(source)?)
}

/// `folder` is where tables are looked for whose path a setting gives.
fn from_document(
    document: Document,
    sets: &[(String, toml::Value)],
    folder: &Path,
) -> Result<Hardware, Error> {
    let extends = {
        let root = Section::root(&document, ROOT)?;
        match root.has(&keys::EXTENDS) {
            true => Some((root.text(&keys::EXTENDS)?, root.place_of("extends").clone())),
            false => None,
        }
    };
    let mut merged = match extends {
        None => document,
        Some((name, place)) => {
            let base = presets::find(&name).ok_or_else(|| ohmic_config::Error::UnknownName {
                place,
                path: "extends".to_owned(),
                nearest: ohmic_config::suggest::nearest(&name, presets::names()).map(str::to_owned),
                known: presets::names().map(str::to_owned).collect(),
                value: name,
            })?;
            let base = SourceText { path: base.path.to_owned(), text: base.text.to_owned() };
            document.over(Document::parse(base)?, ALTERNATIVES)
        }
    };
    for (path, value) in sets {
        merged.set(path, value, ALTERNATIVES)?;
        if let Some(section) = path.strip_suffix(".kind") {
            keep_known(&mut merged, section, value, sets);
        }
    }
    merged.remove("extends");
    // from here on the document says everything itself: results are reproduced from it and known by it
    for section in documentation::sections() {
        let keys = section.keys.iter().chain(section.members.iter().flat_map(|m| m.keys));
        for key in keys.filter(|key| key.form == Form::File) {
            merged.attach(&format!("{}.{}", section.path, key.key), folder)?;
        }
    }
    checked(&merged)
}

/// Another kind of part keeps the keys that it knows; those of the kind before it mean nothing to it. What was set
/// beside it stays, to be refused if it is unknown.
fn keep_known(document: &mut Document, section: &str, kind: &toml::Value, sets: &[(String, toml::Value)]) {
    let family = section.split('.').next().unwrap_or(section);
    let sections = documentation::sections();
    let members = sections.iter().filter(|s| s.path == family).flat_map(|s| &s.members);
    let Some(member) = members.into_iter().find(|m| kind.as_str() == Some(m.name)) else { return };
    let is_set = |key: &str| sets.iter().any(|(path, _)| *path == format!("{section}.{key}"));
    let is_known = |key: &str| key == "kind" || member.keys.iter().any(|k| k.key == key);
    document.retain(section, |key| is_known(key) || is_set(key));
}

fn checked(document: &Document) -> Result<Hardware, Error> {
    let root = Section::root(document, ROOT)?;
    let name = root.text(&keys::NAME)?;
    let crossbar = crossbar(&root.section(&keys::CROSSBAR_SECTION, CROSSBAR)?)?;
    let places = Places(document);
    let encoding = family::build(&root, &keys::ENCODING, encoding::KINDS)?;
    let conditions = match root.has(&keys::CONDITIONS_SECTION) {
        true => conditions(&root.section(&keys::CONDITIONS_SECTION, CONDITIONS)?, &crossbar)?,
        false => Conditions {
            elapsed_s: 0.0,
            temperature_kelvin: Conditions::ROOM_KELVIN,
            t_read_s: crossbar.t_read_s,
        },
    };
    let mut device = family::build(&root, &keys::DEVICE, device::KINDS)?;
    let cell_bits = encoding.cell_bits();
    device.built_into(&Surroundings { crossbar: &crossbar, conditions: &conditions, cell_bits }).map_err(
        |outside| {
            let also = [("device.kind", "this device".to_owned())];
            let problem = format!("{} does not go with the device", outside.value);
            places.invalid(outside.key, problem, &also, outside.valid)
        },
    )?;
    let hardware = Hardware {
        name,
        resolved: document.to_toml(),
        variation: match (device.variation(), root.has(&keys::VARIATION)) {
            (None, true) => family::build(&root, &keys::VARIATION, variation::KINDS)?,
            (None, false) => variation::none(),
            (Some(own), false) => own,
            (Some(_), true) => {
                return Err(places.invalid(
                    "variation",
                    "the device says itself how its cells differ".to_owned(),
                    &[("device.kind", "this device".to_owned())],
                    "leave [variation] out, or the device's own sigma at 0".to_owned(),
                ));
            }
        },
        rtn: match root.has(&keys::RTN) {
            true => family::build(&root, &keys::RTN, rtn::KINDS)?,
            false => rtn::none(),
        },
        device,
        write: match root.has(&keys::WRITE) {
            true => family::build(&root, &keys::WRITE, write::KINDS)?,
            false => write::single(),
        },
        conditions,
        encoding,
        dac: family::build(&root, &keys::DAC, dac::KINDS)?,
        adc: family::build(&root, &keys::ADC, adc::KINDS)?,
        fault: match root.has(&keys::FAULT) {
            true => family::build(&root, &keys::FAULT, fault::KINDS)?,
            false => fault::none(),
        },
        redundancy: match root.has(&keys::REDUNDANCY_SECTION) {
            true => redundancy(&root.section(&keys::REDUNDANCY_SECTION, REDUNDANCY)?, crossbar.cols)?,
            false => Redundancy::default(),
        },
        wires: match root.has(&keys::WIRES) {
            true => family::build(&root, &keys::WIRES, wires::KINDS)?,
            false => wires::none(),
        },
        compensation: match root.has(&keys::COMPENSATION) {
            true => family::build(&root, &keys::COMPENSATION, compensation::KINDS)?,
            false => compensation::none(),
        },
        precision: precision(&root.section(&keys::PRECISION_SECTION, PRECISION)?)?,
        crossbar,
        hierarchy: hierarchy(&root.section(&keys::HIERARCHY_SECTION, HIERARCHY)?)?,
        interconnect: None,
        activity: match root.has(&keys::ACTIVITY_SECTION) {
            true => activity(&root.section(&keys::ACTIVITY_SECTION, ACTIVITY)?)?,
            false => AssumedActivity::default(),
        },
        schedule: match root.has(&keys::SCHEDULE_SECTION) {
            true => schedule(&root.section(&keys::SCHEDULE_SECTION, SCHEDULE)?)?,
            false => Schedule::default(),
        },
        components: vec![],
    };
    check_widths(&places, &hardware)?;
    check_columns(&places, &hardware)?;
    check_adc(&places, &hardware)?;
    check_law(&places, &hardware)?;
    hardware.fault.suits(&hardware.crossbar)?;
    hardware.device.holds(&hardware.conditions).map_err(|outside| {
        places.invalid(
            outside.key,
            format!("{} is outside of what the device's source covers", outside.value),
            &[("device.kind", "this model".to_owned())],
            outside.valid,
        )
    })?;
    check_write(&places, &hardware)?;
    if hardware.device.supply_volt().is_some() && hardware.wires.wires().is_some() {
        return Err(places.invalid(
            "wires.kind",
            "lines with resistance carry currents of cells that conduct".to_owned(),
            &[("device.kind", "the cells of this device move charge".to_owned())],
            "leave [wires] out".to_owned(),
        ));
    }
    let components = components(&root, &places, &hardware)?;
    let interconnect = match root.has(&keys::INTERCONNECT) {
        true => Some(interconnect(&root, &places, hardware.hierarchy.tiles)?),
        false => None,
    };
    Ok(Hardware { components, interconnect, ..hardware })
}

fn interconnect(
    root: &Section<'_>,
    places: &Places<'_>,
    tiles: usize,
) -> Result<Box<dyn interconnect::InterconnectModel>, Error> {
    let mut model = family::build(root, &keys::INTERCONNECT, interconnect::KINDS)?;
    match model.built_for(tiles) {
        Ok(()) => Ok(model),
        Err(misfit) => {
            let path = format!("interconnect.{}", misfit.key);
            let also = [("hierarchy.tiles", format!("{tiles} tiles here"))];
            Err(places.invalid(&path, misfit.problem, &also, misfit.help))
        }
    }
}

/// Places of values by key path, for errors about combinations.
struct Places<'a>(&'a Document);

impl Places<'_> {
    fn of(&self, path: &str) -> Place {
        let mut path = path;
        loop {
            if let Some(node) = self.0.get(path) {
                return node.place.clone();
            }
            match path.rsplit_once('.') {
                Some((parent, _)) => path = parent,
                None => return self.0.root.place.clone(),
            }
        }
    }

    fn invalid(&self, path: &str, problem: String, also: &[(&str, String)], help: String) -> Error {
        let also = also.iter().map(|(path, label)| (self.of(path), label.clone())).collect();
        let (place, path) = (self.of(path), path.to_owned());
        ohmic_config::Error::Invalid { place, path, problem, also, help: Some(help) }.into()
    }
}

fn precision(s: &Section<'_>) -> Result<Precision, Error> {
    let percentile = s.number_if(&keys::PERCENTILE)?;
    Ok(Precision {
        weight_bits: s.integer(&keys::WEIGHT_BITS)?,
        input_bits: s.integer(&keys::INPUT_BITS)?,
        weight_scale: match s.choice(&keys::WEIGHT_SCALE)? {
            "layer" => WeightScale::Layer,
            _ => WeightScale::Output,
        },
        input_range: match s.choice(&keys::INPUT_RANGE)? {
            "max" => InputRange::Max,
            "mse" => InputRange::MeanSquaredError,
            _ => InputRange::Percentile(match percentile {
                Some(p) => p,
                // asks for it in the words of a missing key
                None => s.number(&keys::PERCENTILE)?,
            }),
        },
        calibration_images: s.integer(&keys::CALIBRATION_IMAGES)? as usize,
    })
}

fn conditions(s: &Section<'_>, crossbar: &CrossbarSpec) -> Result<Conditions, Error> {
    Ok(Conditions {
        elapsed_s: s.quantity_if(&keys::ELAPSED)?.unwrap_or(0.0),
        temperature_kelvin: s.quantity_if(&keys::TEMPERATURE)?.unwrap_or(Conditions::ROOM_KELVIN),
        t_read_s: crossbar.t_read_s,
    })
}

fn crossbar(s: &Section<'_>) -> Result<CrossbarSpec, Error> {
    let rows = s.integer(&keys::ROWS)? as usize;
    let cols = s.integer(&keys::COLS)? as usize;
    let rows_per_read = s.integer_or_word(&keys::ROWS_PER_READ)?.map_or(rows, |r| r as usize);
    let adcs = s.integer(&keys::ADCS)? as usize;
    for (key, value, of, limit) in
        [("rows_per_read", rows_per_read, "rows", rows), ("adcs", adcs, "cols", cols)]
    {
        if value > limit {
            let also = vec![(s.place_of(of).clone(), format!("there are {limit} {of}"))];
            let help = Some(format!("`{key}` is at most `{of}`"));
            return Err(s.invalid(key, format!("{value} is more than `{of}` = {limit}"), also, help).into());
        }
    }
    Ok(CrossbarSpec {
        rows,
        cols,
        rows_per_read,
        dummy_column: match s.choice_if(&keys::DUMMY_COLUMN)? {
            Some("analog") => DummyColumn::Analog,
            _ => DummyColumn::None,
        },
        v_read_volt: s.quantity(&keys::V_READ)?,
        t_read_s: s.quantity(&keys::T_READ)?,
        adcs,
        adc_rate_hz: s.quantity(&keys::ADC_RATE)?,
    })
}

fn redundancy(s: &Section<'_>, cols: usize) -> Result<Redundancy, Error> {
    let spare_columns = s.integer_if(&keys::SPARE_COLUMNS)?.unwrap_or(0) as usize;
    if spare_columns >= cols {
        let problem = format!("{spare_columns} of {cols} columns leave none for weights");
        let help = Some("fewer than `crossbar.cols`".to_owned());
        return Err(s.invalid(keys::SPARE_COLUMNS.key, problem, vec![], help).into());
    }
    Ok(Redundancy {
        spare_columns,
        remap: match s.choice_if(&keys::REMAP)? {
            Some("none") => Remap::None,
            Some("outputs") => Remap::Outputs,
            Some("columns") => Remap::Columns,
            _ => Remap::Spares,
        },
    })
}

fn hierarchy(s: &Section<'_>) -> Result<Hierarchy, Error> {
    Ok(Hierarchy {
        crossbars_per_macro: s.integer(&keys::CROSSBARS_PER_MACRO)? as usize,
        macros_per_tile: s.integer(&keys::MACROS_PER_TILE)? as usize,
        tiles: s.integer(&keys::TILES)? as usize,
        clock_hz: s.quantity(&keys::CLOCK)?,
        bus_bits: s.integer(&keys::BUS_BITS)?,
        link_bits: s.integer(&keys::LINK_BITS)?,
    })
}

fn activity(s: &Section<'_>) -> Result<AssumedActivity, Error> {
    let usual = AssumedActivity::default();
    Ok(AssumedActivity {
        ones: s.number_if(&keys::ONES)?.unwrap_or(usual.ones),
        levels: s.number_if(&keys::LEVELS)?.unwrap_or(usual.levels),
        issued: s.number_if(&keys::ISSUED)?.unwrap_or(usual.issued),
        non_zeros: s.number_if(&keys::NON_ZEROS)?.unwrap_or(usual.non_zeros),
        pulses: s.number_if(&keys::PULSES)?,
    })
}

fn schedule(s: &Section<'_>) -> Result<Schedule, Error> {
    let stages = |key| s.integer_if(key).map(|n| n.unwrap_or(0) as usize);
    let (stages_before, stages_after) = (stages(&keys::STAGES_BEFORE)?, stages(&keys::STAGES_AFTER)?);
    Ok(Schedule {
        start: match s.choice_if(&keys::START)? {
            Some("rows") => Start::Rows,
            _ => Start::Whole,
        },
        // asked for in the words of a missing key where there are stages
        cycle_s: match stages_before + stages_after {
            0 => s.quantity_if(&keys::CYCLE)?.unwrap_or(0.0),
            _ => s.quantity(&keys::CYCLE)?,
        },
        stages_before,
        stages_after,
        overflow: match s.choice_if(&keys::OVERFLOW)? {
            Some("reload") => Overflow::Reload { images: s.integer(&keys::IMAGES_PER_LOAD)? as usize },
            _ => {
                s.integer_if(&keys::IMAGES_PER_LOAD)?;
                Overflow::Chips
            }
        },
        bus: match s.choice_if(&keys::BUS)? {
            Some("limits") => Bus::Limits,
            _ => Bus::Free,
        },
        duplicate: match s.choice_if(&keys::DUPLICATE)? {
            Some("equal") => Duplicate::Equal,
            Some("balanced") => Duplicate::Balanced,
            _ => Duplicate::None,
        },
        crossbars: match s.has(&keys::BUDGET) {
            true => s.integer_or_word(&keys::BUDGET)?.map(|n| n as usize),
            false => None,
        },
    })
}

fn check_widths(places: &Places<'_>, hw: &Hardware) -> Result<(), Error> {
    let (low, high) = hw.encoding.weight_bits().into_inner();
    let bits = hw.precision.weight_bits;
    if (low..=high).contains(&bits) {
        return Ok(());
    }
    let holds = if low == high { format!("{low}") } else { format!("{low} to {high}") };
    Err(places.invalid(
        "precision.weight_bits",
        format!("{bits} bits do not fit the encoding"),
        &[("encoding.kind", format!("holds weights of {holds} bits"))],
        format!("set precision.weight_bits = {} or choose another encoding", bits.clamp(low, high)),
    ))
}

fn check_columns(places: &Places<'_>, hw: &Hardware) -> Result<(), Error> {
    let bits = hw.precision.weight_bits;
    let (own, shared) = (hw.encoding.columns_per_output(bits), hw.encoding.shared_columns(bits));
    if own + shared <= hw.usable_columns() {
        return Ok(());
    }
    Err(places.invalid(
        "crossbar.cols",
        match hw.redundancy.spare_columns {
            0 => format!("{} columns hold not even one output", hw.crossbar.cols),
            spare => {
                format!("{} columns beside {spare} spare ones hold not even one output", hw.usable_columns())
            }
        },
        &[
            ("encoding.kind", format!("takes {own} columns an output and {shared} shared ones")),
            ("precision.weight_bits", format!("for weights of {bits} bits")),
        ],
        format!(
            "at least {} columns, more bits a cell, or fewer bits a weight",
            own + shared + hw.redundancy.spare_columns
        ),
    ))
}

/// Smallest and largest sum of one read, in levels times input digits: over all readouts of the
/// encoding and all steps of the driver.
fn largest_span(
    encoding: &dyn WeightEncoding,
    dac: &dyn Dac,
    precision: Precision,
    rows_per_read: usize,
) -> (f64, f64) {
    // weight 1 is one that every encoding can hold; bounds of levels do not depend on the weights
    let Ok(sample) = encoding.encode(MatRef::new(1, 1, &[1]), precision.weight_bits, 1) else {
        return (0.0, 0.0);
    };
    let (mut low, mut high) = (0.0f64, 0.0f64);
    for slice in
        [InputSign::Unsigned, InputSign::Signed].iter().flat_map(|s| dac.slices(precision.input_bits, *s))
    {
        let most = f64::from(slice.max_abs()) * rows_per_read as f64;
        for readout in &sample.readouts {
            let (l, h) = (readout.level_low.min(0.0) * most, readout.level_high.max(0.0) * most);
            low = low.min(l).min(if slice.can_be_negative() { -h } else { 0.0 });
            high = high.max(h).max(if slice.can_be_negative() { -l } else { 0.0 });
        }
    }
    (low, high.floor())
}

/// Bits with which every sum from `low` to `high` has a code of its own.
fn bits_needed(low: f64, high: f64) -> u32 {
    if low >= 0.0 {
        return (1..64).find(|b| high < 2f64.powi(*b as i32)).unwrap_or(64);
    }
    (2..64)
        .find(|b| {
            let half = 2f64.powi(*b as i32 - 1);
            high <= half - 1.0 && low >= -half
        })
        .unwrap_or(64)
}

fn check_write(places: &Places<'_>, hw: &Hardware) -> Result<(), Error> {
    hw.write.suits(hw.device.window()).map_err(|(key, problem, help)| {
        places.invalid(key, problem, &[("device.g_min", "here".to_owned())], help)
    })?;
    let cols = hw.crossbar.cols;
    match hw.write.spec().and_then(|spec| spec.parallel_cells).filter(|parallel| *parallel > cols) {
        None => Ok(()),
        Some(parallel) => Err(places.invalid(
            "write.parallel_cells",
            format!("{parallel} cells are more than a word line has"),
            &[("crossbar.cols", format!("{cols} here"))],
            "say \"row\" for all cells of a word line".to_owned(),
        )),
    }
}

fn check_adc(places: &Places<'_>, hw: &Hardware) -> Result<(), Error> {
    let adc: &dyn Adc = hw.adc.as_ref();
    let linear = hw.dac.drive_levels().is_none() && hw.dac.drive() == crate::Drive::Amplitude;
    if hw.device.current_law().is_some() && !linear {
        return Err(places.invalid(
            "dac.kind",
            "digits as time, or as voltages that are off, do not go with cells that are not linear"
                .to_owned(),
            &[("device.kind", "current is not proportional to voltage".to_owned())],
            "dac.kind = \"uniform\" without `inl_bow_lsb` and `inl_sigma_lsb`, or linear cells".to_owned(),
        ));
    }
    if adc.quantizer(crate::Span { low: 0.0, high: 1.0 }).is_none() {
        if hw.dac.drive_levels().is_some() {
            return Err(places.invalid(
                "adc.kind",
                "a converter that passes on sums as they are does not go with voltages that are off"
                    .to_owned(),
                &[("dac.kind", "voltages are not equally spaced".to_owned())],
                "a converter with codes, like adc.kind = \"uniform\"".to_owned(),
            ));
        }
        if hw.bit_line().is_some() {
            return Err(places.invalid(
                "adc.kind",
                "a converter that passes on sums as they are sees none of what the bit line does".to_owned(),
                &[("device.kind", "sums are seen through its bit lines".to_owned())],
                "a converter with codes, like adc.kind = \"uniform\"".to_owned(),
            ));
        }
        return Ok(());
    }
    let (bits, rows) = (adc.bits(), hw.crossbar.rows_per_read);
    let (low, high) = largest_span(hw.encoding.as_ref(), hw.dac.as_ref(), hw.precision, rows);
    if low < 0.0 && bits < 2 {
        return Err(places.invalid(
            "adc.bits",
            "1 bit cannot tell positive sums from negative ones".to_owned(),
            &[("encoding.kind", "converts sums of both signs".to_owned())],
            "at least 2 bits, or subtract after the conversion".to_owned(),
        ));
    }
    let needed = bits_needed(low, high);
    let allowed = places
        .0
        .get("adc.unused_codes")
        .is_some_and(|n| matches!(&n.value, ohmic_config::document::Value::Text(t) if t == "allow"));
    if bits <= needed || allowed {
        return Ok(());
    }
    let rows_key = if places.0.get("crossbar.rows_per_read").is_some() {
        "crossbar.rows_per_read"
    } else {
        "crossbar.rows"
    };
    let digit = (1u64 << hw.dac.bits().min(hw.precision.input_bits)) - 1;
    Err(places.invalid(
        "adc.bits",
        format!("{bits} bits have codes that can never occur"),
        &[(
            rows_key,
            format!("{rows} rows of {}-bit cells with input digits up to {digit} sum to {low} to {high}", hw.encoding.cell_bits()),
        )],
        format!(
            "{needed} bits tell every sum from every other; set adc.bits = {needed}, or adc.unused_codes = \"allow\" \
             to sweep bits over designs"
        ),
    ))
}

/// Most bits of an input driver for cells that are not linear: each of its voltages has a matrix of its own.
const MOST_LAW_BITS: u32 = 8;

fn check_law(places: &Places<'_>, hw: &Hardware) -> Result<(), Error> {
    let Some(law) = hw.device.current_law() else { return Ok(()) };
    let device = |label: String| [("device.kind", label)];
    let (read, most) = (hw.crossbar.v_read_volt, law.v_max_volt());
    if read > most {
        return Err(places.invalid(
            "crossbar.v_read",
            format!("{read} V is outside of what the law of the cells covers"),
            &device(format!("its current law holds up to {most} V")),
            format!("read at {most} V or less, or set device.current_law = \"linear\""),
        ));
    }
    let bits = hw.dac.bits();
    if bits > MOST_LAW_BITS {
        return Err(places.invalid(
            "dac.bits",
            format!("{bits} bits are 2^{bits} - 1 voltages, and each takes a matrix of its own"),
            &device("the current of its cells is not proportional to their voltage".to_owned()),
            format!("at most {MOST_LAW_BITS} bits in one step, or device.current_law = \"linear\""),
        ));
    }
    let wires = hw.wires.wires();
    if wires.is_some_and(|w| matches!(w.method, wires::Method::Approximate(_))) {
        return Err(places.invalid(
            "wires.kind",
            "the approximate method knows linear cells only".to_owned(),
            &device("the current of its cells is not proportional to their voltage".to_owned()),
            "set wires.kind = \"exact\", or device.current_law = \"linear\"".to_owned(),
        ));
    }
    Ok(())
}

fn components(root: &Section<'_>, places: &Places<'_>, hw: &Hardware) -> Result<Vec<Component>, Error> {
    let mut out: Vec<Component> = Vec::new();
    for (name, section) in root.named_sections(&keys::COMPONENT)? {
        let machine = Machine {
            crossbar: &hw.crossbar,
            adc_bits: hw.adc.bits(),
            dac_bits: hw.dac.bits(),
            supply_volt: hw.device.supply_volt(),
            temperature_kelvin: hw.conditions.temperature_kelvin,
            hierarchy: &hw.hierarchy,
            parts: &out,
        };
        let (kind, section) = family::find(&section, component::KINDS)?;
        let source = section.text(&component::SOURCE)?;
        let model = (kind.build)(&section)?;
        let fitted = model.fit(&machine).map_err(|e| {
            let path = format!("component.{name}.kind");
            places.invalid(
                &path,
                format!("`{}` has no price for {} = {}", kind.name, e.key, e.value),
                &[(e.key, format!("{} here", e.value))],
                e.valid,
            )
        })?;
        out.push(Component {
            name: name.to_owned(),
            per: model.per(),
            count: model.count(),
            model: fitted,
            source,
        });
    }
    Ok(out)
}
