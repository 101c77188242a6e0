//! Placements against every permutation of a few tiles, and never worse than the plain one.

use super::*;
use crate::Cargo;
use ohmic_hardware::Hardware;
use proptest::prelude::*;

fn machine(tiles: usize, interconnect: &str) -> Hardware {
    let base = include_str!("../../../../models/hardware/generic_reram/hardware.toml");
    let text = base.replace("tiles = 16", &format!("tiles = {tiles}"));
    Hardware::from_text("machine.toml", &format!("{text}\n[interconnect]\n{interconnect}")).unwrap()
}

fn message(from: usize, to: usize, values: u64) -> Message {
    Message { from: from as u32, to: to as u32, cargo: Cargo::PartialSums, values, bits: 8 }
}

/// The least cost over all ways to put tiles on the places of one chip.
fn least(partners: &Partners, tiles: usize, interconnect: &dyn InterconnectModel) -> u64 {
    fn rest(places: &mut Vec<u32>, tiles: usize, all: u32, cost: &dyn Fn(&[u32]) -> u64) -> u64 {
        if places.len() == tiles {
            return cost(places);
        }
        let mut best = u64::MAX;
        for place in 0..all {
            if !places.contains(&place) {
                places.push(place);
                best = best.min(rest(places, tiles, all, cost));
                places.pop();
            }
        }
        best
    }
    let cost = |places: &[u32]| partners.cost(places, interconnect);
    rest(&mut Vec::new(), tiles, interconnect.places() as u32, &cost)
}

/// Hand: a chain of 6 tiles on 3 x 2 places. In order, the third and fourth are 3 links apart, the others 1: 8 bits
/// times (4 + 3); the snake has every link 1.
#[test]
fn chain_by_hand() {
    let hardware = machine(6, "kind = \"mesh\"\ncolumns = 3\n");
    let interconnect = hardware.interconnect().unwrap();
    let chain: Vec<Message> = (0..5).map(|t| message(t, t + 1, 1)).collect();
    let partners = Partners::new(&chain, 6, 6);
    let cost = |placement| partners.cost(&partners.place(placement, interconnect), interconnect);
    assert_eq!(cost(Placement::Order), 8 * 7);
    assert_eq!(cost(Placement::Snake), 8 * 5);
    assert_eq!(cost(Placement::LeastTraffic), 8 * 5);
    assert_eq!(partners.place(Placement::Snake, interconnect), [0, 1, 2, 5, 4, 3]);
}

/// Two chips: tiles stay on theirs, and those that talk to the other chip move to place 0.
#[test]
fn tiles_stay_on_their_chip() {
    let hardware = machine(4, "kind = \"mesh\"\ncolumns = 2\n");
    let interconnect = hardware.interconnect().unwrap();
    let partners = Partners::new(&[message(3, 7, 5), message(1, 6, 1)], 8, 4);
    let places = partners.place(Placement::LeastTraffic, interconnect);
    assert!(places[..4].iter().all(|&p| p < 4) && places[4..].iter().all(|&p| (4..8).contains(&p)));
    assert_eq!((places[3], places[7]), (0, 4));
    // 5 · 0 + 1 · (1 + 1) links of 8 bits
    assert_eq!(partners.cost(&places, interconnect), 16);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Each tile has a place of its own; never worse than order or snake; on a few tiles within a tenth of the best
    /// of all permutations.
    #[test]
    fn near_the_best_of_all_permutations(
        volumes in prop::collection::vec(0u64..50, 36),
        tiles in 2usize..7,
    ) {
        let hardware = machine(6, "kind = \"mesh\"\ncolumns = 3\n");
        let interconnect = hardware.interconnect().unwrap();
        let messages: Vec<Message> = (0..tiles * tiles)
            .filter(|i| i / tiles != i % tiles)
            .map(|i| message(i / tiles, i % tiles, volumes[i]))
            .collect();
        let partners = Partners::new(&messages, tiles, 6);
        let places = partners.place(Placement::LeastTraffic, interconnect);
        let mut used = places.clone();
        used.sort_unstable();
        used.dedup();
        prop_assert_eq!(used.len(), tiles);
        let cost = partners.cost(&places, interconnect);
        for plain in [Placement::Order, Placement::Snake] {
            prop_assert!(cost <= partners.cost(&partners.place(plain, interconnect), interconnect));
        }
        let best = least(&partners, tiles, interconnect);
        prop_assert!(cost >= best && cost as f64 <= 1.1 * best as f64, "{} of {}", cost, best);
    }

    /// On every interconnect, many tiles: a place each, never worse than order or snake.
    #[test]
    fn never_worse_than_plain(
        pairs in prop::collection::vec((0usize..23, 0usize..23, 1u64..1000), 1..80),
    ) {
        for kind in ["mesh", "h_tree", "bus"] {
            let hardware = machine(25, &format!("kind = \"{kind}\"\n"));
            let interconnect = hardware.interconnect().unwrap();
            let messages: Vec<Message> =
                pairs.iter().filter(|p| p.0 != p.1).map(|p| message(p.0, p.1, p.2)).collect();
            let partners = Partners::new(&messages, 23, 25);
            let of = |placement| {
                let places = partners.place(placement, interconnect);
                let mut used = places.clone();
                used.sort_unstable();
                used.dedup();
                assert_eq!(used.len(), 23, "{kind}");
                partners.cost(&places, interconnect)
            };
            let least = of(Placement::LeastTraffic);
            prop_assert!(least <= of(Placement::Order) && least <= of(Placement::Snake), "{}", kind);
        }
    }
}
