//! A tree of four branches a node with the tiles as its leaves: up to the common node and down again.

use super::{Carrying, InterconnectModel, Misfit, PLACEMENT, ROUTER_CYCLES, SEND_ZEROS, carrying};
use ohmic_config::Kind;

pub(super) const KIND: Kind<dyn InterconnectModel> = Kind {
    name: "h_tree",
    summary: "a tree of four branches a node, tiles are its leaves: up to the common node and down; links double in length level by level",
    example: "",
    quiet: None,
    keys: &[PLACEMENT, SEND_ZEROS, ROUTER_CYCLES],
    build: |s| Ok(Box::new(HTree { depth: 0, carrying: carrying(s)? })),
};

/// Branches of a node.
const BRANCHES: usize = 4;

/// Model: a node stands in the middle of the square that its leaves fill, so a link from a node of level `l` (leaves
/// are 0) to the one above is `2^l` pitches of a tile long. All links are as wide as `hierarchy.link_bits`.
///
/// Left out: trees whose links get wider toward the root.
#[derive(Debug)]
struct HTree {
    /// Levels of links.
    depth: u32,
    carrying: Carrying,
}

impl HTree {
    /// Nodes of a level.
    fn nodes(&self, level: u32) -> usize {
        BRANCHES.pow(self.depth - level)
    }

    /// Index of the first link between a level and the one above: two a node, up and down.
    fn first(&self, level: u32) -> usize {
        (0..level).map(|l| 2 * self.nodes(l)).sum()
    }

    /// Level of the node that two leaves have in common.
    fn meet(from: usize, to: usize) -> u32 {
        (0..).find(|&l| from >> (2 * l) == to >> (2 * l)).unwrap_or(0)
    }

    /// Level and node below a link, and whether it leads down.
    fn place_of(&self, link: usize) -> (u32, usize, bool) {
        let level = (0..self.depth).rev().find(|&l| self.first(l) <= link).unwrap_or(0);
        let within = link - self.first(level);
        (level, within / 2, within % 2 == 1)
    }
}

impl InterconnectModel for HTree {
    fn built_for(&mut self, tiles: usize) -> Result<(), Misfit> {
        self.depth = (0..).find(|&d| BRANCHES.pow(d) >= tiles).unwrap_or(0);
        Ok(())
    }

    fn carrying(&self) -> Carrying {
        self.carrying
    }

    fn places(&self) -> usize {
        self.nodes(0)
    }

    fn links(&self) -> usize {
        self.first(self.depth)
    }

    fn hops(&self, from: usize, to: usize) -> usize {
        2 * Self::meet(from, to) as usize
    }

    fn routers(&self, from: usize, to: usize) -> usize {
        self.hops(from, to).saturating_sub(1)
    }

    fn way(&self, from: usize, to: usize, links: &mut Vec<usize>) {
        let meet = Self::meet(from, to);
        links.extend((0..meet).map(|l| self.first(l) + 2 * (from >> (2 * l))));
        links.extend((0..meet).rev().map(|l| self.first(l) + 2 * (to >> (2 * l)) + 1));
    }

    fn pitches(&self, link: usize) -> f64 {
        (1u64 << self.place_of(link).0) as f64
    }

    fn link_name(&self, link: usize) -> String {
        let (level, node, down) = self.place_of(link);
        format!("level {level}, node {node}, {}", if down { "down" } else { "up" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hand: 16 leaves, 2 levels. 0 and 3 meet in the node above; 3 and 4 at the root, over links of 1, 2, 2 and 1 pitches.
    #[test]
    fn by_hand() {
        let mut tree = KIND.build_text("").unwrap();
        tree.built_for(16).unwrap();
        assert_eq!((tree.places(), tree.links()), (16, 2 * 16 + 2 * 4));
        assert_eq!((tree.hops(0, 3), tree.routers(0, 3)), (2, 1));
        assert_eq!((tree.hops(3, 4), tree.routers(3, 4)), (4, 3));
        let mut links = Vec::new();
        tree.way(3, 4, &mut links);
        let names: Vec<_> = links.iter().map(|&l| tree.link_name(l)).collect();
        let expected =
            ["level 0, node 3, up", "level 1, node 0, up", "level 1, node 1, down", "level 0, node 4, down"];
        assert_eq!(names, expected);
        assert_eq!(links.iter().map(|&l| tree.pitches(l)).collect::<Vec<_>>(), [1.0, 2.0, 2.0, 1.0]);
    }
}
