//! What every member of every family has to hold, over the lists: a new part is tested without a
//! line here.

use ohmic_config::key::Presence;
use ohmic_config::{Error, Kind};
use ohmic_hardware::adc::transfer::Instance;
use ohmic_hardware::component::Machine;
use ohmic_hardware::{
    Conditions, CrossbarSpec, DummyColumn, Event, Hardware, Held, InputSign, Patch, Span, Window, adc,
    compensation, component, dac, device, encoding, fault, interconnect, rtn, variation, wires, write,
};
use ohmic_numerics::{Cells, Noise, Seed, Site};

const LATER: Conditions = Conditions { elapsed_s: 1e4, temperature_kelvin: 300.0, t_read_s: 1e-7 };
const WINDOW: Window = Window { g_min_siemens: 1e-6, g_max_siemens: 25e-6 };

/// Examples build; an unknown key is refused and named; no key is read that is not declared.
fn examples_build<T: ?Sized>(kinds: &[Kind<T>]) {
    for kind in kinds {
        for text in [Some(kind.example), kind.quiet].into_iter().flatten() {
            if let Err(e) = kind.build_text(text) {
                panic!("{e}");
            }
            let wrong = format!("{text}\nno_such_key = 1\n");
            match kind.build_text(&wrong).map(|_| ()) {
                Err(Error::UnknownKey { path, .. }) => assert_eq!(path, format!("{}.no_such_key", kind.name)),
                other => panic!("{}: {other:?}", kind.name),
            }
        }
    }
    let mut names: Vec<_> = kinds.iter().map(|k| k.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), kinds.len(), "two members have the same name");
}

#[test]
fn every_example_builds_and_refuses_unknown_keys() {
    examples_build(device::KINDS);
    examples_build(variation::KINDS);
    examples_build(rtn::KINDS);
    examples_build(write::KINDS);
    examples_build(fault::KINDS);
    examples_build(wires::KINDS);
    examples_build(interconnect::KINDS);
    examples_build(compensation::KINDS);
    examples_build(encoding::KINDS);
    examples_build(dac::KINDS);
    examples_build(adc::KINDS);
    examples_build(component::KINDS);
}

fn targets(window: Window, cells: usize) -> Vec<f32> {
    let step = window.step_siemens(16);
    (0..cells).map(|i| (window.g_min_siemens + step * (i % 16) as f64) as f32).collect()
}

fn bits(g: &[f32]) -> Vec<u32> {
    g.iter().map(|g| g.to_bits()).collect()
}

/// A part that changes conductances draws by address (any split of the cells gives the same), and
/// leaves them finite and not negative.
fn changes_by_address(name: &str, window: Window, change: impl Fn(&mut [f32], &Patch<'_>)) {
    let noise = Noise::new(Seed(11));
    let site = Site { layer: 2, block: 5 };
    let mut whole = targets(window, 1000);
    change(&mut whole, &Patch::row(1000, Cells { site, first: 7 }, &noise));
    for split in [1usize, 3, 255, 256, 257, 999] {
        let mut parts = targets(window, 1000);
        for (i, chunk) in parts.chunks_mut(split).enumerate() {
            let at = Cells { site, first: 7 + (i * split) as u32 };
            change(chunk, &Patch { first_col: i * split, ..Patch::row(chunk.len(), at, &noise) });
        }
        assert_eq!(bits(&parts), bits(&whole), "{name} in runs of {split}");
    }
    assert!(whole.iter().all(|g| g.is_finite() && *g >= 0.0), "{name}");
}

#[test]
fn devices_draw_by_address_and_stay_physical() {
    for kind in device::KINDS {
        let device = kind.build_text(kind.example).unwrap();
        let window = device.window();
        assert!(0.0 <= window.g_min_siemens && window.g_min_siemens < window.g_max_siemens, "{}", kind.name);
        changes_by_address(kind.name, window, |g, patch| device.program(g, patch, 0));
        changes_by_address(kind.name, window, |g, patch| device.program(g, patch, 3));
        changes_by_address(kind.name, window, |g, patch| {
            let targets = g.to_vec();
            device.age(g, &targets, patch, &LATER);
        });
        if let Some(read) = device.read_noise() {
            for g in targets(window, 16) {
                let held = Held { g_target_siemens: g, g_programmed_siemens: g, g_siemens: g };
                let sigma = read.sigma_siemens(held, &LATER);
                assert!(sigma.is_finite() && sigma >= 0.0, "{}", kind.name);
            }
        }
    }
}

#[test]
fn quiet_devices_are_ideal() {
    for kind in device::KINDS {
        let Some(text) = kind.quiet else { continue };
        let device = kind.build_text(text).unwrap();
        let target = targets(device.window(), 500);
        let mut g = target.clone();
        let at = Cells { site: Site { layer: 0, block: 0 }, first: 0 };
        let noise = Noise::new(Seed(1));
        let patch = Patch::row(g.len(), at, &noise);
        device.program(&mut g, &patch, 0);
        device.age(&mut g, &target, &patch, &LATER);
        assert_eq!(bits(&g), bits(&target), "{}", kind.name);
        assert!(device.read_noise().is_none() && device.current_law().is_none(), "{}", kind.name);
        assert!(device.variation().is_none() && device.bit_line().is_none(), "{}", kind.name);
    }
}

/// Random parts are random: their example changes something, and another chip gives other values.
#[test]
fn noisy_devices_are_noisy() {
    for kind in device::KINDS.iter().filter(|k| k.quiet != Some(k.example)) {
        let device = kind.build_text(kind.example).unwrap();
        let at = Cells { site: Site { layer: 0, block: 0 }, first: 0 };
        let run = |seed| {
            let mut g = targets(device.window(), 100);
            let noise = Noise::new(Seed(seed));
            let patch = Patch::row(100, at, &noise);
            if let Some(own) = device.variation() {
                own.apply(&mut g, &patch);
            }
            device.program(&mut g, &patch, 0);
            bits(&g)
        };
        assert_ne!(run(1), bits(&targets(device.window(), 100)), "{}", kind.name);
        assert_ne!(run(1), run(2), "{}", kind.name);
    }
}

/// Variation draws by address and place: a row in pieces, each where it sits, gives the same; the quiet version
/// changes nothing.
#[test]
fn variation_and_traps_draw_by_address_and_quiet_ones_change_nothing() {
    let noise = Noise::new(Seed(11));
    let site = Site { layer: 2, block: 5 };
    let by_place = |name: &str, change: &dyn Fn(&mut [f32], &Patch<'_>)| {
        let run = |split: usize| {
            let mut g = targets(WINDOW, 500);
            for (i, chunk) in g.chunks_mut(split).enumerate() {
                let at = Cells { site, first: 7 + (i * split) as u32 };
                let patch = Patch { first_col: i * split, ..Patch::row(chunk.len(), at, &noise) };
                change(chunk, &patch);
            }
            g
        };
        let whole = run(500);
        for split in [1usize, 3, 255, 499] {
            assert_eq!(bits(&run(split)), bits(&whole), "{name} in runs of {split}");
        }
        assert!(whole.iter().all(|g| g.is_finite() && *g >= 0.0), "{name}");
        bits(&whole) == bits(&targets(WINDOW, 500))
    };
    for kind in variation::KINDS {
        let (example, quiet) = (kind.build_text(kind.example), kind.build_text(kind.quiet.unwrap()));
        let (example, quiet) = (example.unwrap(), quiet.unwrap());
        assert_eq!(by_place(kind.name, &|g, p| example.apply(g, p)), example.is_none(), "{}", kind.name);
        assert!(quiet.is_none() && by_place(kind.name, &|g, p| quiet.apply(g, p)), "{}", kind.name);
    }
    for kind in rtn::KINDS {
        let (example, quiet) = (kind.build_text(kind.example), kind.build_text(kind.quiet.unwrap()));
        let (example, quiet) = (example.unwrap(), quiet.unwrap());
        by_place(kind.name, &|g, p| example.freeze(g, p));
        assert!(!quiet.is_noisy() && by_place(kind.name, &|g, p| quiet.freeze(g, p)), "{}", kind.name);
    }
}

#[test]
fn faults_draw_by_address_and_stay_in_the_window() {
    for kind in fault::KINDS {
        let fault = kind.build_text(kind.example).unwrap();
        changes_by_address(kind.name, WINDOW, |g, patch| fault.apply(g, WINDOW, patch));
        let Some(quiet) = kind.quiet else { continue };
        let quiet = kind.build_text(quiet).unwrap();
        assert!(quiet.is_none(), "{}", kind.name);
        let mut g = targets(WINDOW, 300);
        let at = Cells { site: Site { layer: 0, block: 0 }, first: 0 };
        quiet.apply(&mut g, WINDOW, &Patch::row(300, at, &Noise::new(Seed(1))));
        assert_eq!(bits(&g), bits(&targets(WINDOW, 300)), "{}", kind.name);
    }
}

/// Gains times digits are the input, for every input of up to 8 bits.
#[test]
fn drivers_are_exact() {
    for kind in dac::KINDS {
        let dac = kind.build_text(kind.example).unwrap();
        for width in 1..=8u32 {
            for (sign, low, high) in [
                (InputSign::Unsigned, 0, (1 << width) - 1),
                (InputSign::Signed, -(1 << (width - 1)), (1 << (width - 1)) - 1),
            ] {
                let slices = dac.slices(width, sign);
                for x in low..=high {
                    let sum: i64 = slices.iter().map(|s| s.gain * i64::from(s.digit(x))).sum();
                    assert_eq!(sum, i64::from(x), "{} {width} bits {sign:?}", kind.name);
                }
                assert!(slices.iter().all(|s| s.bits <= dac.bits()), "{}", kind.name);
            }
        }
    }
}

/// Monotone, at most 2^bits codes, covers its span, zero is zero; noise is finite.
#[test]
fn converters_are_monotone_and_cover_their_span() {
    for kind in adc::KINDS {
        let adc = kind.build_text(kind.example).unwrap();
        assert!(adc.sigma_lsb().is_finite() && adc.sigma_lsb() >= 0.0, "{}", kind.name);
        for (low, high) in [(0.0, 300.0), (-300.0, 300.0), (-10.0, 500.0), (0.0, 1.0), (-77.0, 0.0)] {
            let Some(q) = adc.quantizer(Span { low, high }) else { continue };
            assert!(q.step >= 1.0, "{}: finer than a level", kind.name);
            assert_eq!(i64::from(q.code_max) - i64::from(q.code_min) + 1, 1 << adc.bits(), "{}", kind.name);
            assert!(!q.clips(low as f32) && !q.clips(high as f32), "{} {low}..{high}", kind.name);
            assert_eq!(q.code(0.0), 0, "{}", kind.name);
            let codes: Vec<_> = (-6000..=6000).map(|v| q.code(v as f32 / 10.0)).collect();
            assert!(codes.is_sorted(), "{}", kind.name);
        }
    }
}

/// Converters that are not uniform: decisions of every code ascend, are the converter's own, and come back by
/// address; the quiet form is the uniform converter itself, which an engine reads.
#[test]
fn converters_decide_by_address_and_quiet_ones_are_uniform() {
    let noise = Noise::new(Seed(11));
    for kind in adc::KINDS {
        let quiet = kind.build_text(kind.quiet.unwrap()).unwrap();
        assert!(quiet.imperfection().is_none() && quiet.sigma_lsb() <= 0.0, "{}", kind.name);
        let errors = "\noffset_sigma_lsb = 0.5\ngain_sigma = 0.02\ndnl_sigma_lsb = 0.2\ninl_bow_lsb = 1.0";
        for more in ["", errors] {
            let own = kind.example.contains("offset_sigma_lsb");
            let more = if own {
                more.replace("\noffset_sigma_lsb = 0.5", "").replace("\ngain_sigma = 0.02", "")
            } else {
                more.to_owned()
            };
            let Ok(adc) = kind.build_text(&format!("{}{more}", kind.example)) else {
                assert_eq!(kind.name, "ideal");
                continue;
            };
            let Some(imperfection) = adc.imperfection() else { continue };
            let of = |crossbar, index| imperfection.decisions(Instance { noise: &noise, crossbar, index });
            let first = of(4, 2);
            assert_eq!(first.len(), (1 << adc.bits()) - 1, "{}", kind.name);
            assert!(first.is_sorted() && first.iter().all(|t| t.is_finite()), "{}", kind.name);
            assert_eq!(first, of(4, 2), "{}", kind.name);
            assert_ne!(first, of(5, 2), "{}", kind.name);
        }
    }
}

fn crossbar() -> CrossbarSpec {
    CrossbarSpec {
        rows: 128,
        cols: 64,
        rows_per_read: 128,
        dummy_column: DummyColumn::None,
        v_read_volt: 0.2,
        t_read_s: 1e-8,
        adcs: 8,
        adc_rate_hz: 1e9,
    }
}

#[test]
fn components_are_finite_and_cite() {
    for kind in component::KINDS {
        let source = kind.keys.iter().find(|k| k.key == "source");
        assert!(
            matches!(source.map(|k| k.presence), Some(Presence::Required)),
            "{} needs no citation",
            kind.name
        );
        let model = kind.build_text(kind.example).unwrap();
        let crossbar = crossbar();
        let isaac = ohmic_hardware::Hardware::preset("isaac_isca_2016").unwrap();
        let hierarchy = isaac.hierarchy().clone();
        let cost = model
            .fit(&Machine {
                crossbar: &crossbar,
                adc_bits: 8,
                dac_bits: 1,
                supply_volt: (kind.name == "charge_array").then_some(1.0),
                temperature_kelvin: 300.0,
                hierarchy: &hierarchy,
                parts: &[],
            })
            .unwrap();
        assert!(model.count() > 0.0, "{}", kind.name);
        let energies = Event::ALL.into_iter().filter_map(|e| cost.energy_joule(e));
        for figure in energies.clone().chain([cost.area_m2(), cost.leakage_watt()]) {
            assert!(figure.is_finite() && figure >= 0.0, "{}: {figure}", kind.name);
        }
        let lays_out = kind.name == "white_space";
        assert!(energies.count() > 0 || lays_out, "{} prices nothing", kind.name);
    }
}

#[test]
fn a_component_without_source_is_refused() {
    for source in ["", "source = \"\"", "source = \" \""] {
        let text =
            format!("extends = \"generic_reram\"\n[component.new]\nkind = \"adc_isaac_2016\"\n{source}\n");
        let e = Hardware::from_text("new.toml", &text).unwrap_err().to_string();
        assert!(e.contains("component.new.source"), "{e}");
    }
}
