//! What is done for every array of one size and kind of lines, worked out once.

use super::tree::{Child, Nodes, Rect, Tree};
use crate::kernel::mesh::{PANEL, WIDE};
use crate::kernel::mesh_lanes::{LaneProgram, LaneStep};
use std::ops::Range;

/// Side of the squares of cells that are worked on eight at a time.
const TILE: usize = 8;

/// How a word line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WordLines {
    /// Segments; a driver with resistance at the left end.
    Series,
    /// The same, and another one at the right end.
    SeriesBoth,
    /// One node, with a driver's resistance before it.
    Merged,
    /// One node, which is the source.
    Fixed,
}

/// How a bit line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BitLines {
    /// Segments; a sense resistance at the lower end.
    Series,
    /// One node, with a sense resistance behind it.
    Merged,
    /// One node, which is the sense terminal.
    Fixed,
}

/// What a plan is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Topology {
    pub(super) rows: usize,
    pub(super) cols: usize,
    pub(super) words: WordLines,
    pub(super) bits: BitLines,
}

impl Topology {
    pub(super) fn nodes(&self) -> Nodes {
        Nodes {
            rows: self.rows,
            cols: self.cols,
            series_words: matches!(self.words, WordLines::Series | WordLines::SeriesBoth),
            series_bits: self.bits == BitLines::Series,
        }
    }

    /// Sources: one a row, or all left ones and then all right ones.
    pub(super) fn sources(&self) -> Vec<u32> {
        let nodes = self.nodes();
        let left = (0..self.rows).map(|i| nodes.word(i, 0));
        let beside = (0..self.rows).map(|i| nodes.extra_source(i));
        match self.words {
            WordLines::Series | WordLines::Fixed => left.collect(),
            WordLines::SeriesBoth => left.chain(beside).collect(),
            WordLines::Merged => beside.collect(),
        }
    }

    pub(super) fn senses(&self) -> Vec<u32> {
        let nodes = self.nodes();
        match self.bits {
            BitLines::Series | BitLines::Fixed => (0..self.cols).map(|j| nodes.bit(self.rows, j)).collect(),
            BitLines::Merged => (0..self.cols).map(|j| nodes.extra_sense(j)).collect(),
        }
    }

    /// Conductances that only the last merge sees: line node, terminal, whose it is.
    pub(super) fn ends(&self) -> Vec<(u32, u32, End)> {
        let nodes = self.nodes();
        let mut ends = Vec::new();
        match self.words {
            WordLines::SeriesBoth => ends.extend(
                (0..self.rows).map(|i| (nodes.word(i, self.cols), nodes.extra_source(i), End::Driver)),
            ),
            WordLines::Merged => {
                ends.extend((0..self.rows).map(|i| (nodes.word(i, 0), nodes.extra_source(i), End::Driver)));
            }
            WordLines::Series | WordLines::Fixed => {}
        }
        if self.bits == BitLines::Merged {
            ends.extend((0..self.cols).map(|j| (nodes.bit(0, j), nodes.extra_sense(j), End::Sense)));
        }
        ends
    }
}

/// Whose conductance stands at an end of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The driver at the right end, or of a line that is one node.
    Driver,
    /// The sense resistance of a line that is one node.
    Sense,
}

/// Small rectangles of one shape, all of them done by one program.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) rows: usize,
    pub(super) cols: usize,
    pub(super) program: LaneProgram,
    /// Ports of a result.
    pub(super) ports: usize,
    /// Nodes of each step by number within the rectangle, pivots first: for recorded steps.
    pub(super) step_nodes: Vec<Vec<u32>>,
    pub(super) tiles: Vec<Tile>,
}

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct Tile {
    pub(super) top: usize,
    pub(super) left: usize,
    /// Where its result goes.
    pub(super) offset: usize,
    /// Which node of the result each port of the program is.
    pub(super) places: Vec<u16>,
}

/// Where a part of a front comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    /// The results of small rectangles.
    Tiles,
    /// The stack of results.
    Stack,
}

/// A part of a front.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) from: From,
    pub(super) offset: usize,
    pub(super) ports: usize,
    /// First port, first node of the front, how many: ascending in both.
    pub(super) runs: Vec<(usize, usize, usize)>,
}

/// One merge of dense networks.
#[derive(Clone, Debug)]
pub(super) struct Front {
    pub(super) parts: Vec<Part>,
    /// Nodes that go, rounded up to whole panels.
    pub(super) pivots: usize,
    /// Nodes left.
    pub(super) ports: usize,
    /// Where sources and sense terminals begin among the nodes of the front.
    pub(super) first_source: usize,
    pub(super) first_sense: usize,
    /// Where the result goes on the stack.
    pub(super) result: usize,
    /// All nodes by number; `u32::MAX` where there is none.
    pub(super) nodes: Vec<u32>,
}

impl Front {
    /// Values a row.
    pub(super) fn stride(&self) -> usize {
        (self.pivots + self.ports).next_multiple_of(WIDE)
    }
}

/// Everything about a size that does not depend on the values.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) topology: Topology,
    pub(super) shapes: Vec<Shape>,
    /// Values of all small results.
    pub(super) tiles: usize,
    pub(super) fronts: Vec<Front>,
    /// Values on the stack at most.
    pub(super) stack: usize,
    /// Ends of lines in the last front: node, node, whose.
    pub(super) ends: Vec<(usize, usize, End)>,
}

impl Plan {
    pub(super) fn new(topology: Topology) -> Self {
        let nodes = topology.nodes();
        let (sources, senses) = (topology.sources(), topology.senses());
        let open_right = topology.words != WordLines::SeriesBoth;
        let merges = Tree::merges(nodes, TILE, open_right, true, &sources, &senses);
        let mut tiler = Tiler { nodes, shapes: Vec::new(), size: 0 };
        let mut stack = Stack::default();
        let mut place = vec![u32::MAX; nodes.count()];
        let mut fronts: Vec<Front> = Vec::with_capacity(merges.len());
        for merge in &merges {
            let pivots = merge.pivots.len().next_multiple_of(PANEL);
            let mut numbers = merge.pivots.clone();
            numbers.resize(pivots, u32::MAX);
            numbers.extend(&merge.ports);
            for (at, &node) in numbers.iter().enumerate().filter(|(_, node)| **node != u32::MAX) {
                place[node as usize] = at as u32;
            }
            let parts = merge
                .children
                .iter()
                .map(|child| {
                    let (from, offset, ports) = match child {
                        Child::Leaf(rect, ports) => (From::Tiles, tiler.add(*rect, ports), ports),
                        Child::Merge(m) => (From::Stack, fronts[*m].result, &merges[*m].ports),
                    };
                    Part { from, offset, ports: ports.len(), runs: runs(ports, &place) }
                })
                .collect();
            let start = |wanted: &[u32]| {
                let found = merge.ports.iter().position(|p| wanted.binary_search(p).is_ok());
                found.map(|p| pivots + p)
            };
            let first_sense = start(&senses).unwrap_or(numbers.len());
            let first_source = start(&sources).unwrap_or(first_sense);
            let taken = merge.children.iter().filter(|c| matches!(c, Child::Merge(_))).count();
            let ports = merge.ports.len();
            let result = stack.put(taken, ports * ports);
            fronts.push(Front { parts, pivots, ports, first_source, first_sense, result, nodes: numbers });
        }
        let ends = topology.ends();
        let ends = ends.iter().map(|&(a, b, end)| {
            let at = |node: u32| place[node as usize] as usize;
            (at(a), at(b), end)
        });
        let ends = ends.collect();
        Self { topology, shapes: tiler.shapes, tiles: tiler.size, fronts, stack: stack.most, ends }
    }
}

/// Ascending runs of neighbouring ports that are neighbours in the front too.
fn runs(ports: &[u32], place: &[u32]) -> Vec<(usize, usize, usize)> {
    let mut runs: Vec<(usize, usize, usize)> = Vec::new();
    for (port, &node) in ports.iter().enumerate() {
        let at = place[node as usize] as usize;
        match runs.last_mut() {
            Some((_, to, len)) if *to + *len == at => *len += 1,
            last => {
                debug_assert!(last.is_none_or(|l| l.1 + l.2 < at), "ports in the order in which they go");
                runs.push((port, at, 1));
            }
        }
    }
    runs
}

/// Places on a stack, as they are taken and given back.
#[derive(Debug, Default)]
struct Stack {
    ends: Vec<(usize, usize)>,
    most: usize,
}

impl Stack {
    /// Takes off `taken` entries and puts one on; returns where it starts.
    fn put(&mut self, taken: usize, size: usize) -> usize {
        self.ends.truncate(self.ends.len() - taken);
        let start = self.ends.last().map_or(0, |&(start, size)| start + size);
        self.ends.push((start, size));
        self.most = self.most.max(start + size);
        start
    }
}

/// Collects small rectangles by shape.
struct Tiler {
    nodes: Nodes,
    shapes: Vec<Shape>,
    size: usize,
}

impl Tiler {
    /// Adds a rectangle whose nodes are wanted in the order of `ports`; returns where its result will be.
    fn add(&mut self, rect: Rect, ports: &[u32]) -> usize {
        let (rows, cols) = (rect.bottom - rect.top, rect.right - rect.left);
        let local = Nodes { rows, cols, ..self.nodes };
        let found = self.shapes.iter().position(|s| (s.rows, s.cols) == (rows, cols));
        let at = found.unwrap_or_else(|| {
            self.shapes.push(compile(local));
            self.shapes.len() - 1
        });
        // sides of the rectangle by number within it and in the array
        let whole = self.nodes;
        let words =
            |c: usize| (0..rows).map(move |i| (local.word(i, c), whole.word(rect.top + i, rect.left + c)));
        let bits =
            |r: usize| (0..cols).map(move |j| (local.bit(r, j), whole.bit(rect.top + r, rect.left + j)));
        let mut pairs: Vec<(u32, u32)> =
            words(0).chain(words(cols)).chain(bits(0)).chain(bits(rows)).collect();
        pairs.sort_unstable();
        pairs.dedup();
        let mut sorted: Vec<(u32, u16)> = ports.iter().enumerate().map(|(at, &n)| (n, at as u16)).collect();
        sorted.sort_unstable();
        let place = |node: u32| sorted[sorted.partition_point(|&(n, _)| n < node)].1;
        let places = pairs.iter().map(|&(_, node)| place(node)).collect();
        let offset = self.size;
        self.size += ports.len() * ports.len();
        self.shapes[at].tiles.push(Tile { top: rect.top, left: rect.left, offset, places });
        offset
    }
}

/// The program for a rectangle, cell by cell; its ports are the nodes on its sides, by number.
fn compile(nodes: Nodes) -> Shape {
    let (rows, cols) = (nodes.rows, nodes.cols);
    let mut sides: Vec<u32> = (0..rows).flat_map(|i| [nodes.word(i, 0), nodes.word(i, cols)]).collect();
    sides.extend((0..cols).flat_map(|j| [nodes.bit(0, j), nodes.bit(rows, j)]));
    sides.sort_unstable();
    sides.dedup();
    let merges = Tree::merges(nodes, 1, false, false, &sides, &[]);
    let mut program = LaneProgram { values: rows * cols + cols + rows, ..LaneProgram::default() };
    let mut stack = Stack::default();
    let mut place = vec![0u8; nodes.count()];
    let mut step_nodes = Vec::with_capacity(merges.len());
    for merge in &merges {
        let numbers: Vec<u32> = merge.pivots.iter().chain(&merge.ports).copied().collect();
        for (at, &node) in numbers.iter().enumerate() {
            place[node as usize] = at as u8;
        }
        let mut step = LaneStep { pivots: merge.pivots.len(), nodes: numbers.len(), ..LaneStep::default() };
        let mut taken = 0;
        for child in &merge.children {
            match child {
                Child::Leaf(cell, _) => {
                    let (i, j) = (cell.top, cell.left);
                    let (word, bit) = (nodes.word(i, j + 1), nodes.bit(i, j));
                    let mut edge = |a: u32, b: u32, value: usize| {
                        let (a, b) = (place[a as usize], place[b as usize]);
                        step.edges.push((a.min(b), a.max(b), value as u16));
                    };
                    edge(word, bit, i * cols + j);
                    if nodes.series_words {
                        edge(nodes.word(i, j), word, rows * cols + j);
                    }
                    if nodes.series_bits {
                        edge(bit, nodes.bit(i + 1, j), rows * cols + cols + i);
                    }
                }
                Child::Merge(m) => {
                    taken += 1;
                    let map = merges[*m].ports.iter().map(|&n| place[n as usize]).collect();
                    step.children.push((program.steps[*m].result, map));
                }
            }
        }
        step.result = stack.put(taken, merge.ports.len() * merge.ports.len());
        program.front = program.front.max(step.nodes * step.nodes);
        program.record += step.pivots * step.nodes;
        program.steps.push(step);
        step_nodes.push(numbers);
    }
    program.stack = stack.most;
    Shape { rows, cols, program, ports: sides.len(), step_nodes, tiles: Vec::new() }
}

/// Where the terminals are in the last front.
pub(super) fn terminals(front: &Front) -> (Range<usize>, Range<usize>) {
    (front.first_source..front.first_sense, front.first_sense..front.pivots + front.ports)
}
