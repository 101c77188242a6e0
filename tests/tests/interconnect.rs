//! Laws of what tiles send each other: conservation, zeros, prices, contention; and what placement gains.

#![allow(missing_docs, clippy::unwrap_used, clippy::float_cmp)]

use ohmic_hardware::{Event, Hardware, Placement};
use ohmic_metrics::{Communication, Cost, assumed_cost, communication};
use ohmic_network::Network;
use ohmic_sweep::networks;
use std::path::Path;

fn machine(sets: &[(&str, toml::Value)]) -> Hardware {
    let sets: Vec<_> = sets.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect();
    Hardware::load("generic_reram", &sets).unwrap()
}

/// A network, of its shapes alone if its weights do not come with the program.
fn shapes_of(name: &str) -> Network {
    if let Ok(network) = networks::load(name) {
        return network;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/networks").join(name).join("model.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let of_weights = ["file", "blake3", "weight", "bias", "mean", "variance", "scale", "deviation"];
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.split_once(" =").is_some_and(|(key, _)| of_weights.contains(&key)))
        .collect();
    let text = lines.join("\n").replace("[weights]", "[weights]\nfile = \"none\"");
    ohmic_network::load_text(&path, &text, None).unwrap().network
}

fn mesh(per_tile: i64, tiles: i64) -> Vec<(&'static str, toml::Value)> {
    vec![
        ("interconnect.kind", "mesh".into()),
        ("hierarchy.crossbars_per_macro", per_tile.into()),
        ("hierarchy.macros_per_tile", 1.into()),
        ("hierarchy.tiles", tiles.into()),
    ]
}

fn exchanged(network: &Network, hardware: &Hardware) -> Vec<Communication> {
    let (plan, cost, _) = assumed_cost(network, hardware).unwrap();
    communication(&plan, hardware, &cost.exchange.seen)
}

/// Bytes times links of order over those of least_traffic, on a nearly square mesh of small tiles: 1.29 (23 tiles), 2.79
/// (199) and 2.85 (90); energy times time falls by 1.24, 4.66 and 3.58.
#[test]
fn placement_gains_a_stated_factor() {
    for (network, per_tile, tiles, at_least) in
        [("lenet5-mnist", 1, 36, 1.28), ("vgg8-cifar10", 16, 400, 2.75), ("resnet20-cifar10", 1, 256, 2.8)]
    {
        let hardware = machine(&mesh(per_tile, tiles));
        let network = shapes_of(network);
        let (plan, cost, _) = assumed_cost(&network, &hardware).unwrap();
        let all = communication(&plan, &hardware, &cost.exchange.seen);
        let of = |placement| all.iter().find(|c| c.placement == placement).unwrap();
        let [order, snake, least] = Placement::ALL.map(of);
        let gain = |f: &dyn Fn(&Communication) -> f64| f(order) / f(least);
        println!(
            "{}: {} tiles, byte-hops {:.3} x (snake {:.3} x), energy {:.3} x, time {:.3} x, EDP {:.3} x",
            network.name,
            plan.tiles,
            gain(&|c| c.load.byte_hops),
            order.load.byte_hops / snake.load.byte_hops,
            gain(&|c| c.energy_joule.unwrap()),
            gain(&|c| c.time_s),
            gain(&|c| c.edp().unwrap())
        );
        assert!(gain(&|c| c.load.byte_hops) >= at_least, "{}", network.name);
        // the same bytes, wherever tiles stand
        assert_eq!(order.load.bytes, least.load.bytes);
    }
}

/// The events of the cost are those of the messages; each priced once; the parts sum to the whole.
#[test]
fn events_are_those_of_the_messages() {
    let network = shapes_of("resnet20-cifar10");
    for kind in ["mesh", "h_tree", "bus"] {
        let mut sets = mesh(4, 64);
        sets[0].1 = kind.into();
        let hardware = machine(&sets);
        let (plan, cost, _) = assumed_cost(&network, &hardware).unwrap();
        let all = communication(&plan, &hardware, &cost.exchange.seen);
        let load = &all.iter().find(|c| c.is_chosen).unwrap().load;
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * b.max(1.0);
        assert!(near(cost.amount(Event::RouterByte), load.router_bytes), "{kind}");
        assert!(near(cost.amount(Event::LinkByte), load.link_bytes), "{kind}");
        assert!(near(load.links.iter().sum::<f64>(), load.byte_hops), "{kind}");
        if kind == "mesh" {
            // volume · (hops · (router + link) + router)
            assert!(
                near(load.router_bytes, load.byte_hops + load.bytes) && near(load.link_bytes, load.byte_hops)
            );
        }
        assert!(load.between_chips > 0.0 || plan.chips == 1);
    }
}

/// Not sending zeros never takes more energy or time, and less if there are any.
#[test]
fn skipping_zeros_never_raises_energy() {
    let network = shapes_of("lenet5-mnist");
    let sent = |how: &str, non_zeros: f64| {
        let mut sets = mesh(1, 36);
        sets.push(("interconnect.send_zeros", how.into()));
        sets.push(("activity.non_zeros", non_zeros.into()));
        exchanged(&network, &machine(&sets)).swap_remove(0)
    };
    for non_zeros in [0.0, 0.3, 0.875, 0.95, 1.0] {
        let [yes, masked, no] = ["yes", "masked", "no"].map(|how| sent(how, non_zeros));
        assert!(masked.energy_joule <= yes.energy_joule && no.energy_joule <= masked.energy_joule);
        assert!(masked.time_s <= yes.time_s && no.time_s <= masked.time_s);
        assert_eq!(no.load.bytes < yes.load.bytes, non_zeros < 1.0);
    }
}

/// A run counts the zeros that layers see: behind a rectifier there are some, and they are not sent.
#[test]
fn a_run_counts_its_zeros() {
    use ohmic_sweep::{Fidelity, Point, Simulation};
    let run = |send: &str| -> Cost {
        let mut settings: Vec<(String, toml::Value)> =
            mesh(1, 64).into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
        settings.push(("interconnect.send_zeros".to_owned(), send.into()));
        let point = Point {
            index: 0,
            seed: 1,
            hardware: "generic_reram".to_owned(),
            network: "lenet5-glyphs".to_owned(),
            data: "glyphs".to_owned(),
            images: 2,
            trials: 1,
            fidelity: Fidelity::Simulate,
            settings,
            axes: Vec::new(),
            folder: std::path::PathBuf::new(),
        };
        let simulation = Simulation::default();
        let case = simulation.case(&point).unwrap();
        simulation.trials(&case, &point, None).unwrap().swap_remove(0).cost
    };
    let (all, no) = (run("yes"), run("no"));
    let network = networks::load("lenet5-glyphs").unwrap();
    let mut some = 0;
    for (id, _) in network.mvm_layers() {
        let seen = &no.exchange.seen.layers[id.0 as usize];
        let gather = network.nodes[id.0 as usize].layer.mvm().unwrap().gather;
        assert_eq!((seen.samples, seen.values), (2, 2 * gather.sample_len() as u64), "each value once");
        assert!(seen.non_zeros > 0 && seen.non_zeros <= seen.values);
        some += usize::from(seen.non_zeros < seen.values);
    }
    assert!(some > 2, "inputs without a zero");
    assert_eq!(all.exchange.seen, no.exchange.seen);
    assert!(no.amount(Event::RouterByte) < all.amount(Event::RouterByte));
    assert!(no.energy_joule() < all.energy_joule());
}

/// Links so narrow that they hold up the machine are named; wide ones are not, and add next to nothing.
#[test]
fn a_contended_link_is_named() {
    let network = shapes_of("lenet5-mnist");
    let cost = |bits: i64, clock: &str| {
        let mut sets = mesh(1, 36);
        sets.push(("hierarchy.link_bits", bits.into()));
        sets.push(("hierarchy.clock", clock.into()));
        assumed_cost(&network, &machine(&sets)).unwrap().1
    };
    let (narrow, wide) = (cost(1, "10 MHz"), cost(4096, "1 GHz"));
    let link = narrow.contended_link().unwrap();
    assert!(link.contains("column") && narrow.layers.iter().all(|l| l.time_s < narrow.interval_s), "{link}");
    assert!(wide.contended_link().is_none());
    assert!(narrow.interval_s > wide.interval_s && narrow.latency_s > wide.latency_s);
    assert_eq!(narrow.interval_s, narrow.exchange.interval_s());
}

#[test]
fn mistakes_are_located() {
    let refused = |sets: &[(&str, toml::Value)]| {
        let sets: Vec<_> = sets.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect();
        Hardware::load("generic_reram", &sets).unwrap_err().to_string()
    };
    let unknown = refused(&[("interconnect.kind", "mash".into())]);
    assert!(unknown.contains("did you mean `mesh`"), "{unknown}");
    let small = refused(&[
        ("interconnect.kind", "mesh".into()),
        ("interconnect.columns", 3.into()),
        ("interconnect.rows", 5.into()),
    ]);
    assert!(small.contains("3 x 5 routers of 1 tile hold 15 tiles, the chip has 16"), "{small}");
    // a link that nobody prices: an error, never zero
    let sets = [
        ("interconnect.kind".to_owned(), "mesh".into()),
        ("hierarchy.crossbars_per_macro".to_owned(), 1.into()),
        ("hierarchy.macros_per_tile".to_owned(), 1.into()),
        ("hierarchy.tiles".to_owned(), 64.into()),
    ];
    let mut text = include_str!("../../models/hardware/generic_reram/hardware.toml").to_owned();
    text = text.replace(", link_byte = \"0.8 pJ\"", "");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hardware.toml");
    std::fs::write(&file, text).unwrap();
    let hardware = Hardware::load(file.to_str().unwrap(), &sets).unwrap();
    let error = assumed_cost(&shapes_of("lenet5-mnist"), &hardware).unwrap_err().to_string();
    assert!(error.contains("`link_byte`"), "{error}");
}
