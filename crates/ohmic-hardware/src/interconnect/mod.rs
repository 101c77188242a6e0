//! Interconnects: what carries bytes between the tiles of a chip, and which way they take.
//!
//! To add one: 1. write `interconnect/<name>.rs` with a `KIND` (copy `bus.rs`); 2. add `mod <name>;` below;
//! 3. add `<name>::KIND` to [`KINDS`].

mod bus;
mod h_tree;
mod mesh;

use ohmic_config::{Error, KeyDoc, Kind, Section};
use std::fmt::Debug;

/// Every interconnect there is.
pub const KINDS: &[Kind<dyn InterconnectModel>] = &[mesh::KIND, h_tree::KIND, bus::KIND];

/// Which tile of a plan takes which place of the chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Tiles in the order they are filled, place after place.
    Order,
    /// The same, but every other row backwards, so that neighbours in order are neighbours in place.
    Snake,
    /// Where bytes times links are fewest, as far as exchanges of two places find it.
    LeastTraffic,
}

impl Placement {
    /// All, the plain one first.
    pub const ALL: [Self; 3] = [Self::Order, Self::Snake, Self::LeastTraffic];

    /// The value of the key.
    pub fn name(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Snake => "snake",
            Self::LeastTraffic => "least_traffic",
        }
    }
}

/// What is sent of values that are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendZeros {
    /// Every value is sent.
    Yes,
    /// A bit a value says whether it is zero, and the others follow; all are sent where that is not less.
    Masked,
    /// Values that are not zero only; that the receiver knows which costs nothing.
    No,
}

/// What all interconnects have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carrying {
    /// Which tile takes which place.
    pub placement: Placement,
    /// What is sent of zeros.
    pub send_zeros: SendZeros,
    /// Clocks that a flit takes for one link and the router at its end.
    pub router_cycles: u32,
}

/// Why an interconnect does not go with a number of tiles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The key of `[interconnect]` that is to blame.
    pub key: &'static str,
    /// What is wrong.
    pub problem: String,
    /// The way out.
    pub help: String,
}

/// What carries bytes between the tiles of a chip. Tiles stand in places, counted from 0.
pub trait InterconnectModel: Debug + Send + Sync {
    /// Lays it out for so many tiles; comes before all else.
    ///
    /// # Errors
    /// There are not enough places for them.
    fn built_for(&mut self, tiles: usize) -> Result<(), Misfit>;

    /// What all interconnects have in common.
    fn carrying(&self) -> Carrying;

    /// Places that tiles can take.
    fn places(&self) -> usize;

    /// Links, each in one direction.
    fn links(&self) -> usize;

    /// Links that a message passes from one place to another.
    fn hops(&self, from: usize, to: usize) -> usize;

    /// Routers that it passes.
    fn routers(&self, from: usize, to: usize) -> usize;

    /// Adds the links that it passes, in order.
    fn way(&self, from: usize, to: usize, links: &mut Vec<usize>);

    /// Length of a link, in pitches of a tile.
    fn pitches(&self, _link: usize) -> f64 {
        1.0
    }

    /// What a report calls a link.
    fn link_name(&self, link: usize) -> String;

    /// The places such that each is as near to the next as can be.
    fn snake(&self) -> Vec<usize> {
        (0..self.places()).collect()
    }
}

const PLACEMENT: KeyDoc = KeyDoc::choice(
    "placement",
    &[
        ("order", "tiles in the order they are filled, place after place (row by row of a mesh)"),
        ("snake", "the same, every other row of a mesh backwards"),
        ("least_traffic", "where bytes times links are fewest, by exchanges until none gains; never more than the other two"),
    ],
    "which tile takes which place",
)
.optional("order");
const SEND_ZEROS: KeyDoc = KeyDoc::choice(
    "send_zeros",
    &[
        ("yes", "every value is sent"),
        (
            "masked",
            "a bit a value says whether it is zero, the others follow; where that is not less, all are sent",
        ),
        ("no", "values that are not zero only, and the receiver knows which at no cost"),
    ],
    "what is sent of values that are zero",
)
.optional("yes");
const ROUTER_CYCLES: KeyDoc = KeyDoc::integer(
    "router_cycles",
    0,
    1000,
    "clocks that a flit takes for one link and the router at its end",
)
.optional("1");

/// The keys that all members read.
fn carrying(s: &Section<'_>) -> Result<Carrying, Error> {
    Ok(Carrying {
        placement: match s.choice_if(&PLACEMENT)? {
            Some("snake") => Placement::Snake,
            Some("least_traffic") => Placement::LeastTraffic,
            _ => Placement::Order,
        },
        send_zeros: match s.choice_if(&SEND_ZEROS)? {
            Some("masked") => SendZeros::Masked,
            Some("no") => SendZeros::No,
            _ => SendZeros::Yes,
        },
        router_cycles: s.integer_if(&ROUTER_CYCLES)?.unwrap_or(1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(kind: &Kind<dyn InterconnectModel>, tiles: usize) -> Box<dyn InterconnectModel> {
        let mut model = kind.build_text("").unwrap();
        model.built_for(tiles).unwrap();
        model
    }

    /// A way has as many links as there are hops, is the same there and back in length, and has links that exist.
    #[test]
    fn ways_hold_together() {
        for kind in KINDS {
            for tiles in [1, 2, 5, 16, 17, 42] {
                let model = built(kind, tiles);
                assert!(model.places() >= tiles, "{}", kind.name);
                let mut snake = model.snake();
                snake.sort_unstable();
                assert_eq!(snake, (0..model.places()).collect::<Vec<_>>(), "{}", kind.name);
                for from in 0..model.places() {
                    for to in (0..model.places()).filter(|&to| to != from) {
                        let mut links = Vec::new();
                        model.way(from, to, &mut links);
                        assert_eq!(links.len(), model.hops(from, to), "{} {from} {to}", kind.name);
                        assert_eq!(model.hops(from, to), model.hops(to, from), "{}", kind.name);
                        assert!(links.iter().all(|&l| l < model.links() && model.pitches(l) > 0.0));
                        assert!(links.iter().all(|&l| !model.link_name(l).is_empty()));
                        links.sort_unstable();
                        links.dedup();
                        assert_eq!(links.len(), model.hops(from, to), "{}: a link twice", kind.name);
                    }
                }
            }
        }
    }
}
