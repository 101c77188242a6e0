//! Every documented key is changed, one at a time: a stage whose key stays the same must give the same value.

use super::*;
use crate::self_test;
use crate::simulate::{Integers, quantize_options};
use ohmic_config::KeyDoc;
use ohmic_config::key::Form;
use ohmic_execution::{Calibration, Design, EncodedNetwork, ProgrammedLayer};
use ohmic_hardware::documentation;
use ohmic_network::Shape;
use ohmic_network::data::DataSet;
use ohmic_network::quantization::quantize;
use ohmic_numerics::{Noise, Seed};
use std::collections::BTreeSet;

/// Names and values of the stages: key and what was computed, as text that is exact to the bit.
type Stages = [(&'static str, String, String); 4];

/// What the stages give on a machine; or why the file is refused.
fn stages(file: &Table) -> Result<Stages, String> {
    let hardware = Hardware::from_text("test", &file.to_string()).map_err(|e| e.to_string())?;
    // at least one row of the network's blocks stands behind another crossbar's
    let network = self_test::network(128)?;
    let samples: Vec<f32> = (0..3 * network.input.len()).map(|i| (i % 37) as f32 / 9.0).collect();
    let set = DataSet::from_floats("test", Shape(vec![network.input.len()]), 19, samples, vec![0; 3])
        .map_err(|e| e.to_string())?;
    let options = quantize_options(&hardware.precision());
    let integers = Integers::new(quantize(&network, &options, &set.all()).map_err(|e| e.to_string())?);
    let plan = ohmic_mapping::map(&network, &integers.quantized, &hardware).map_err(|e| e.to_string())?;
    let encoded = EncodedNetwork::new(&integers.quantized, &plan, &hardware).map_err(|e| e.to_string())?;
    let design = Design::uncalibrated(&network, &integers.quantized, &plan, &hardware, &encoded);
    let calibration = Calibration::observe(&design, &set.batch(0..3)).map_err(|e| e.to_string())?;
    let keys = StageKeys::new(&hardware, &format!("{options:?}"), &integers.weights);
    let id = design.layers().next().ok_or("no layer")?;
    let cells =
        ProgrammedLayer::program(&design, id, &Noise::new(Seed(3)).instance(1)).map_err(|e| e.to_string())?;
    let conditions = hardware.conditions().fresh();
    let fresh = ProgrammedLayer::program_until(&design, id, &Noise::new(Seed(3)).instance(1), &conditions)
        .map_err(|e| e.to_string())?;
    Ok([
        ("encoding", keys.encoding.clone(), format!("{encoded:?}")),
        ("calibration", keys.calibration.clone(), format!("{calibration:?}")),
        ("cells", keys.cells(id, 3, 1, Age::Now), format!("{cells:?}")),
        ("fresh cells", keys.cells(id, 3, 1, Age::Fresh), format!("{fresh:?}")),
    ])
}

/// A machine with read noise, an on/off ratio, faults and short reads, so that every stage has something
/// to depend on; without prices.
fn base() -> Table {
    let text = Hardware::preset("generic_reram").map(|h| h.resolved().to_owned()).unwrap_or_default();
    let mut table: Table = text.parse().expect("a resolved file is TOML");
    table.remove("component");
    for (section, more) in [
        ("device", "read_sigma_rel = 0.01"),
        ("crossbar", "rows_per_read = 8\nrows = 128"),
        ("adc", "unused_codes = \"allow\""),
        // stages are refused without it
        ("schedule", "cycle = \"100 ns\""),
        ("fault", "kind = \"stuck\"\nstuck_hrs_fraction = 0.02\nstuck_lrs_fraction = 0.01"),
    ] {
        let more: Table = more.parse().expect("is TOML");
        let there = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
        there.as_table_mut().expect("is a section").extend(more);
    }
    // families that the preset leaves out, one that is added later included
    for doc in documentation::sections().iter().filter(|doc| doc.path != "component") {
        if let (Some(member), false) = (doc.members.last(), table.contains_key(doc.path)) {
            let mut part: Table = member.example.parse().expect("an example is TOML");
            part.insert("kind".to_owned(), Value::String(member.name.to_owned()));
            table.insert(doc.path.to_owned(), Value::Table(part));
        }
    }
    table
}

fn section<'t>(table: &'t mut Table, path: &str) -> &'t mut Table {
    if path.is_empty() {
        return table;
    }
    let there = table.entry(path).or_insert_with(|| Value::Table(Table::new()));
    there.as_table_mut().expect("is a section")
}

/// Values of a key's form, some of which are in its range and go with the rest.
fn candidates(key: &KeyDoc, now: Option<&Value>) -> Vec<Value> {
    match key.form {
        Form::Quantity(dimension) => {
            let texts = [now.and_then(Value::as_str).unwrap_or_default(), dimension.example()];
            let scaled = texts.iter().filter_map(|text| text.split_once(' ')).flat_map(|(number, unit)| {
                let number: f64 = number.parse().unwrap_or(1.0);
                [0.1, 0.5, 0.9, 1.1, 2.0].map(|f| Value::String(format!("{} {unit}", number * f)))
            });
            scaled.collect()
        }
        Form::Number => {
            [0.0, 0.01, 0.1, 0.3, 0.6, 0.9, 1.0, 2.0, 50.0].map(Value::Float).into_iter().collect()
        }
        Form::Integer | Form::IntegerOr(_) => {
            [1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 64, 256].map(Value::Integer).into_iter().collect()
        }
        Form::Choice(names) => names.iter().map(|(name, _)| Value::String((*name).to_owned())).collect(),
        Form::Text => vec![Value::String("something else".to_owned())],
        // the same table with another text: what is kept must not depend on which; or the only other table there is
        Form::File => vec![Value::String(match now.and_then(Value::as_str) {
            Some(table) => format!("# noted\n{table}"),
            None => "target [uS], read [uS]\n1, 1.1\n50, 49\n100, 99\n".to_owned(),
        })],
        Form::Table => Vec::new(),
    }
}

#[test]
fn a_stage_whose_key_stays_gives_the_same_bits() {
    let mut untried: BTreeSet<String> = BTreeSet::new();
    let mut kept = 0;
    let mut compare = |name: &str, before: &Stages, after: &Stages| {
        for ((stage, key, value), (_, key_after, value_after)) in before.iter().zip(after) {
            if key == key_after {
                kept += 1;
                assert!(value == value_after, "`{name}` changes {stage} but not its key: list it no more");
            }
        }
    };
    for doc in documentation::sections() {
        let path = if doc.path == "component" { "component.part" } else { doc.path };
        let mut members: Vec<(&str, Table, &[KeyDoc])> = doc
            .members
            .iter()
            .map(|m| (m.name, m.example.parse::<Table>().expect("an example is TOML"), m.keys))
            .collect();
        if members.is_empty() {
            members.push(("", Table::new(), &[]));
        }
        let mut first: Option<Stages> = None;
        for (kind, example, keys) in members {
            let mut file = base();
            let place = |file: &mut Table, f: &dyn Fn(&mut Table)| match path.split_once('.') {
                Some((outer, inner)) => f(section(section(file, outer), inner)),
                None => f(section(file, path)),
            };
            if !kind.is_empty() {
                place(&mut file, &|s| {
                    s.clear();
                    s.insert("kind".to_owned(), Value::String(kind.to_owned()));
                    s.extend(example.clone());
                });
            }
            if kind == "ternary" {
                section(&mut file, "precision").insert("weight_bits".to_owned(), Value::Integer(2));
            }
            // a cell of SRAM holds one bit and says itself how it differs from others
            if kind.starts_with("sram_") {
                for other in ["variation", "rtn", "write", "fault", "wires", "compensation"] {
                    file.remove(other);
                }
                section(&mut file, "encoding").insert("cell_bits".to_owned(), Value::Integer(1));
            }
            let before = stages(&file).unwrap_or_else(|e| panic!("[{path}] kind = \"{kind}\": {e}"));
            // another member of the family is a change of its section as well
            if let Some(first) = first.as_ref().filter(|_| kind != "ternary" && !kind.starts_with("sram_")) {
                compare(&format!("{path}.kind"), first, &before);
            }
            for key in doc.keys.iter().chain(keys) {
                let name = format!("{path}.{}", key.key);
                let mut now = None;
                if let Some(Value::Table(s)) =
                    path.split('.').try_fold(&Value::Table(file.clone()), |at, part| {
                        if part.is_empty() { Some(at) } else { at.get(part) }
                    })
                {
                    now = s.get(key.key).cloned();
                }
                let mut tried = false;
                for value in candidates(key, now.as_ref()) {
                    let mut changed = file.clone();
                    place(&mut changed, &|s| {
                        s.insert(key.key.to_owned(), value.clone());
                    });
                    // the other way to say the same thing
                    let ways = [
                        ("g_min", "on_off_ratio"),
                        ("sigma", "sigma_fraction"),
                        ("read_sigma_fraction", "read_sigma_rel"),
                        ("sigma_ln", "sigma_rel"),
                        ("sigma_lsb", "enob"),
                        ("states", "reads"),
                        ("band", "band_fraction"),
                        ("band_rel", "band_fraction"),
                    ];
                    for (a, b) in ways {
                        for (a, b) in [(a, b), (b, a)] {
                            if key.key == a {
                                place(&mut changed, &|s| {
                                    s.remove(b);
                                });
                            }
                        }
                    }
                    if let (true, Ok(after)) = (changed != file, stages(&changed)) {
                        compare(&name, &before, &after);
                        tried = true;
                    }
                }
                if !tried && key.form != Form::Table {
                    untried.insert(name);
                }
            }
            first.get_or_insert(before);
        }
    }
    assert!(kept > 100, "only {kept} changes kept a key: nothing is shared");
    // what some stage does not read must have been changed, or the list above is believed, not tested
    let unread = [BEHIND, NOMINAL, INPUTS, FRESH].concat();
    // these are refused without other keys that the examples do not have
    const TOGETHER: [&str; 5] = [
        "component.part.at_voltage",
        "component.part.supply",
        "component.part.to_node",
        "component.part.to_supply",
        "device.line_capacitor",
    ];
    let believed: Vec<&String> = untried
        .iter()
        .filter(|name| !TOGETHER.contains(&name.as_str()))
        .filter(|name| {
            unread.iter().any(|u| name.trim_start_matches('.') == *u || name.starts_with(&format!("{u}.")))
        })
        .collect();
    assert!(believed.is_empty(), "no value tried for {believed:?}");
}

#[test]
fn what_differs_only_behind_the_cells_shares_them() {
    let before = stages(&base()).expect("the base runs");
    let with = |path: &str, key: &str, value: Value| {
        let mut file = base();
        section(&mut file, path).insert(key.to_owned(), value);
        stages(&file).expect("the change runs")
    };
    let same = |after: &Stages| before.iter().zip(after).map(|(a, b)| a.1 == b.1).collect::<Vec<_>>();
    // encoding, calibration, cells, fresh cells
    assert_eq!(same(&with("adc", "bits", Value::Integer(5))), [true, true, true, true]);
    assert_eq!(same(&with("adc", "sigma_lsb", Value::Float(0.5))), [true, true, true, true]);
    assert_eq!(same(&with("crossbar", "adcs", Value::Integer(4))), [true, true, true, true]);
    assert_eq!(same(&with("device", "sigma_ln", Value::Float(0.2))), [true, true, false, false]);
    assert_eq!(same(&with("device", "g_min", Value::String("2 uS".to_owned()))), [true, false, false, false]);
    assert_eq!(same(&with("precision", "input_bits", Value::Integer(4))), [false, false, true, true]);
    assert_eq!(same(&with("encoding", "cell_bits", Value::Integer(2))), [false, false, false, false]);
    // time goes by: other cells, the same right after programming, and whatever is made of them
    let later = Value::String("1 day".to_owned());
    assert_eq!(same(&with("conditions", "elapsed", later)), [true, true, false, true]);
    assert_eq!(same(&with("compensation", "images", Value::Integer(9))), [true, true, true, true]);
}

/// With a range for each converter calibration knows how many there are; else it does not.
#[test]
fn column_groups_know_the_floorplan() {
    let key = |per: &str, adcs: i64, bits: i64| {
        let mut table = base();
        for (path, key, value) in [
            ("adc", "range_per", Value::String(per.to_owned())),
            ("adc", "bits", Value::Integer(bits)),
            ("crossbar", "adcs", Value::Integer(adcs)),
        ] {
            section(&mut table, path).insert(key.to_owned(), value);
        }
        stages(&table).map(|stages| (stages[1].1.clone(), stages[1].2.clone())).expect("a machine")
    };
    let (key4, value4) = key("column_group", 4, 8);
    let (key8, value8) = key("column_group", 8, 8);
    assert_ne!(key4, key8);
    assert_ne!(value4, value8);
    assert_eq!(key("column_group", 8, 7), (key8, value8));
    assert_eq!(key("layer", 4, 8), key("layer", 8, 8));
}
