//! Laws of costs: parts sum to the whole, energy is events times unit costs, more work costs more in proportion, more
//! components never less, skipping never more; a finished run unfolds into what it was made of.

#![allow(missing_docs, clippy::unwrap_used)]

use ohmic_hardware::{Event, Hardware};
use ohmic_metrics::{Cost, assumed_cost, cost, peak};
use ohmic_network::Network;
use ohmic_repro::{Finished, difference, unfold};
use ohmic_sweep::networks;
use proptest::prelude::*;

const MACHINES: [&str; 4] = ["isaac_isca_2016", "forms_isca_2021", "cap_ram_jssc_2021", "generic_reram"];

fn machine(name: &str, sets: &[(&str, toml::Value)]) -> Hardware {
    let sets: Vec<_> = sets.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect();
    Hardware::load(name, &sets).unwrap()
}

fn costed(network: &Network, hardware: &Hardware) -> Cost {
    assumed_cost(network, hardware).unwrap().1
}

/// Energy without what is drawn whatever happens, in joule.
fn dynamic(cost: &Cost) -> f64 {
    cost.components.iter().map(|c| c.energy_joule - c.leakage_joule).sum()
}

#[test]
fn parts_sum_to_the_whole() {
    let network = networks::load("resnet50-imagenet").unwrap();
    for name in MACHINES {
        let hardware = machine(name, &[]);
        let cost = costed(&network, &hardware);
        let by_layer: f64 = cost.layers.iter().map(|l| l.energy_joule).sum();
        // digital layers are no layers on crossbars
        let digital: f64 = hardware
            .components()
            .iter()
            .filter_map(|c| Some(c.model.energy_joule(Event::DigitalOp)? * cost.digital_elements))
            .sum();
        let whole = dynamic(&cost);
        assert!(
            (by_layer + digital - whole).abs() <= 1e-9 * whole,
            "{name}: {by_layer} + {digital}, {whole}"
        );
        let events: f64 = hardware
            .components()
            .iter()
            .flat_map(|c| Event::ALL.map(|e| c.model.energy_joule(e).unwrap_or(0.0) * cost.amount(e)))
            .sum();
        let clocked: f64 = whole - events;
        let has_clocks = hardware.components().iter().any(|c| c.model.clocked_watt() > 0.0);
        assert!(
            clocked >= -1e-9 * whole && (has_clocks || clocked.abs() <= 1e-9 * whole),
            "{name}: {clocked}"
        );
    }
}

/// Twice the images are twice the events, and the same cost an inference.
#[test]
fn twice_the_batch_is_twice_the_energy() {
    let network = networks::load("lenet5-glyphs").unwrap();
    for name in MACHINES {
        let hardware = machine(name, &[]);
        let shapes = ohmic_mapping::Shapes::unseen(&network, &hardware.precision());
        let plan = ohmic_mapping::map_shapes(&shapes, &hardware).unwrap();
        let (activity, events) = ohmic_execution::assumed(&plan, &hardware, shapes.digital_elements).unwrap();
        let once = cost(&plan, &hardware, &activity, &events).unwrap();
        let mut twice = activity.clone();
        twice.merge(&activity);
        let doubled: Vec<_> = events.iter().map(|e| e.scaled(2.0)).collect();
        let both = cost(&plan, &hardware, &twice, &doubled).unwrap();
        assert!((dynamic(&both) - dynamic(&once)).abs() <= 1e-12 * dynamic(&once), "{name}");
        assert!((both.latency_s - once.latency_s).abs() <= 1e-12 * once.latency_s, "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// A component more never lowers area or energy, of a network or of the chip; skipping never raises energy.
    #[test]
    fn more_is_never_less(area_um2 in 0.0f64..1e6, leakage_uw in 0.0f64..1e3, issued in 0.05f64..1.0) {
        let network = networks::load("lenet5-glyphs").unwrap();
        let part = toml::from_str::<toml::Table>(&format!(
            "kind = \"priced\"\nper = \"tile\"\narea = \"{area_um2} um2\"\nleakage = \"{leakage_uw} uW\"\nsource = \"a test\""
        )).unwrap();
        for name in MACHINES {
            let (less, more) = (machine(name, &[]), machine(name, &[("component.another", part.clone().into())]));
            let (a, b) = (costed(&network, &less), costed(&network, &more));
            prop_assert!(b.area_m2() >= a.area_m2() && b.energy_joule() >= a.energy_joule(), "{name}");
            let (a, b) = (peak(&less).unwrap(), peak(&more).unwrap());
            prop_assert!(b.area_m2() >= a.area_m2() && b.power_watt() >= a.power_watt(), "{name}");
        }
        let all = costed(&network, &machine("forms_isca_2021", &[("activity.issued", 1.0.into())]));
        let some = costed(&network, &machine("forms_isca_2021", &[("activity.issued", issued.into())]));
        prop_assert!(some.energy_joule() <= all.energy_joule() && some.latency_s <= all.latency_s);
    }
}

/// What a finished run says it cost is what its events and unit costs come to; a run does not differ from itself.
#[test]
fn a_finished_run_unfolds() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let hardware = machine("isaac_isca_2016", &[]);
    let network = networks::load("mlp-glyphs").unwrap();
    let (.., record) = assumed_cost(&network, &hardware).unwrap();
    let columns: Vec<_> = record.iter().map(|(name, _)| ohmic_metrics::column(name).unwrap()).collect();
    let table = ohmic_results::Table::from_records(columns, [&record]).unwrap();
    std::fs::create_dir_all(&out).unwrap();
    std::fs::write(out.join("resolved.toml"), hardware.resolved()).unwrap();
    table.to_json(&out.join("results.json")).unwrap();
    let finished = Finished::read(&out, None).unwrap();
    let found = difference(&finished, &finished);
    assert!(found.settings.is_empty() && found.numbers.is_empty());
    let whole = record.get("energy_per_inference").unwrap().number().unwrap();
    let parts = unfold(&finished);
    let sum: f64 = parts.iter().map(|p| p.energy_joule).sum();
    assert!((sum - whole).abs() <= 1e-9 * whole);
    for part in &parts {
        let left = part.clocked_joule();
        let fits = if part.clocked_watt > 0.0 { left > 0.0 } else { left.abs() <= 1e-9 * whole };
        assert!(fits, "{}: {left} J of {} are explained by nothing", part.component, part.energy_joule);
        let area = record.get(&format!("area:{}", part.component)).unwrap().number().unwrap();
        assert!((part.instances * part.area_m2 - area).abs() <= 1e-9 * area, "{}", part.component);
    }
    let said = Finished::read(&folder.path().join("nothing"), None).unwrap_err().to_string();
    assert!(said.contains("nothing"), "{said}");
    let said = Finished::read(&out, Some(3)).unwrap_err().to_string();
    assert!(said.contains("no point 3"), "{said}");
}
