//! One link that all tiles share.

use super::{Carrying, InterconnectModel, Misfit, PLACEMENT, ROUTER_CYCLES, SEND_ZEROS, carrying};
use ohmic_config::{KeyDoc, Kind};

const LENGTH: KeyDoc = KeyDoc::number(
    "length",
    "length of the bus in pitches of a tile, all of which every byte charges: so many `link_byte` a byte",
)
.above(0.0)
.at_most(1e6)
.optional("tiles of the chip less 1: a line through all of them");

pub(super) const KIND: Kind<dyn InterconnectModel> = Kind {
    name: "bus",
    summary: "one link that all tiles share: no routers, one message at a time, every byte charges all of it",
    example: "",
    quiet: None,
    keys: &[LENGTH, PLACEMENT, SEND_ZEROS, ROUTER_CYCLES],
    build: |s| {
        Ok(Box::new(Bus { asked: s.number_if(&LENGTH)?, length: 1.0, tiles: 1, carrying: carrying(s)? }))
    },
};

/// Model: messages follow each other; where tiles stand makes no difference.
///
/// Left out: segments that are switched off, time for arbitration beyond `router_cycles` a message's way.
#[derive(Debug)]
struct Bus {
    asked: Option<f64>,
    length: f64,
    tiles: usize,
    carrying: Carrying,
}

impl InterconnectModel for Bus {
    fn built_for(&mut self, tiles: usize) -> Result<(), Misfit> {
        self.tiles = tiles;
        self.length = self.asked.unwrap_or(tiles.saturating_sub(1).max(1) as f64);
        Ok(())
    }

    fn carrying(&self) -> Carrying {
        self.carrying
    }

    fn places(&self) -> usize {
        self.tiles
    }

    fn links(&self) -> usize {
        1
    }

    fn hops(&self, from: usize, to: usize) -> usize {
        usize::from(from != to)
    }

    fn routers(&self, _from: usize, _to: usize) -> usize {
        0
    }

    fn way(&self, from: usize, to: usize, links: &mut Vec<usize>) {
        if from != to {
            links.push(0);
        }
    }

    fn pitches(&self, _link: usize) -> f64 {
        self.length
    }

    fn link_name(&self, _link: usize) -> String {
        "the bus".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_link_as_long_as_all_tiles() {
        let mut bus = KIND.build_text("").unwrap();
        bus.built_for(9).unwrap();
        assert_eq!((bus.hops(2, 7), bus.routers(2, 7), bus.links(), bus.pitches(0)), (1, 0, 1, 8.0));
        let mut bus = KIND.build_text("length = 3.5").unwrap();
        bus.built_for(9).unwrap();
        assert_eq!(bus.pitches(0), 3.5);
    }
}
