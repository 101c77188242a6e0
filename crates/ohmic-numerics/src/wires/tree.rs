//! In which order the nodes of an array go: rectangles of cells are halved, and a node goes where the last
//! cells that touch it come together (nested dissection).

/// Order of a node that stays: a source.
pub(super) const SOURCE: u32 = u32::MAX - 1;
/// Order of a node that stays: a sense terminal.
pub(super) const SENSE: u32 = u32::MAX;
/// Order of a node that has none yet.
const LATER: u32 = u32::MAX - 2;

/// The nodes of an array by number. Word node `(i, c)` lies to the left of cell `(i, c)`, the cell hangs on
/// node `(i, c + 1)`; bit node `(r, j)` lies above cell `(r, j)`, which hangs on it. A line without
/// resistance is one node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Nodes {
    pub(super) rows: usize,
    pub(super) cols: usize,
    pub(super) series_words: bool,
    pub(super) series_bits: bool,
}

impl Nodes {
    pub(super) fn word(&self, row: usize, c: usize) -> u32 {
        (row * (self.cols + 1) + if self.series_words { c } else { 0 }) as u32
    }

    pub(super) fn bit(&self, r: usize, col: usize) -> u32 {
        (self.rows * (self.cols + 1) + if self.series_bits { r } else { 0 } * self.cols + col) as u32
    }

    /// A terminal beside the lines: of a second driver, or of the driver of a line that is one node.
    pub(super) fn extra_source(&self, row: usize) -> u32 {
        (self.rows * (self.cols + 1) + (self.rows + 1) * self.cols + row) as u32
    }

    /// The sense terminal of a bit line that is one node.
    pub(super) fn extra_sense(&self, col: usize) -> u32 {
        self.extra_source(self.rows) + col as u32
    }

    pub(super) fn count(&self) -> usize {
        self.extra_sense(self.cols) as usize
    }
}

/// Cells of rows `top .. bottom` and columns `left .. right`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rect {
    pub(super) top: usize,
    pub(super) bottom: usize,
    pub(super) left: usize,
    pub(super) right: usize,
}

/// A part of a merge.
#[derive(Clone, Debug)]
pub(super) enum Child {
    /// Cells that are not halved further, and their nodes in order.
    Leaf(Rect, Vec<u32>),
    /// The result of an earlier merge, by index.
    Merge(usize),
}

/// One merge: its children are put together, then `pivots` go and `ports` are left.
#[derive(Clone, Debug)]
pub(super) struct Merge {
    pub(super) children: Vec<Child>,
    pub(super) pivots: Vec<u32>,
    /// In the order in which they go later, terminals last.
    pub(super) ports: Vec<u32>,
}

/// How an array is taken apart.
pub(super) struct Tree {
    nodes: Nodes,
    /// Side of the squares of cells that are not halved.
    leaf: usize,
    /// Whether nothing is connected at the right end of word lines, and at the upper end of bit lines.
    open_right: bool,
    open_top: bool,
    order: Vec<u32>,
    /// The last merge that keeps a node.
    kept: Vec<u32>,
    merges: Vec<Merge>,
}

impl Tree {
    /// The merges of a whole array, children first. `sources` and `senses` are the nodes that stay.
    pub(super) fn merges(
        nodes: Nodes,
        leaf: usize,
        open_right: bool,
        open_top: bool,
        sources: &[u32],
        senses: &[u32],
    ) -> Vec<Merge> {
        let mut order = vec![LATER; nodes.count()];
        sources.iter().for_each(|&s| order[s as usize] = SOURCE);
        senses.iter().for_each(|&s| order[s as usize] = SENSE);
        let kept = vec![u32::MAX; nodes.count()];
        let mut tree = Self { nodes, leaf, open_right, open_top, order, kept, merges: Vec::new() };
        let whole = Rect { top: 0, bottom: nodes.rows, left: 0, right: nodes.cols };
        let (children, mut found) = tree.children(whole);
        found.extend(sources.iter().chain(senses));
        tree.finish(children, found, None);
        tree.sorted()
    }

    /// Visits the halves of a rectangle; returns them and their nodes.
    fn children(&mut self, rect: Rect) -> (Vec<Child>, Vec<u32>) {
        let parts = self.halves(rect).map_or(vec![rect], |h| h.to_vec());
        let mut children = Vec::with_capacity(2);
        let mut nodes = Vec::new();
        for part in parts {
            let ports = if self.halves(part).is_none() {
                let ports = self.sides(part, true);
                children.push(Child::Leaf(part, ports.clone()));
                ports
            } else {
                let (inner, found) = self.children(part);
                let index = self.finish(inner, found, Some(part));
                children.push(Child::Merge(index));
                self.merges[index].ports.clone()
            };
            nodes.extend(ports);
        }
        (children, nodes)
    }

    /// Adds a merge and tells its pivots and ports apart: what lies on the outer sides of `rect` is kept, and
    /// at the root (`None`) the terminals.
    fn finish(&mut self, children: Vec<Child>, mut found: Vec<u32>, rect: Option<Rect>) -> usize {
        let index = self.merges.len();
        if let Some(rect) = rect {
            for node in self.sides(rect, false) {
                self.kept[node as usize] = index as u32;
            }
        }
        found.sort_unstable();
        found.dedup();
        let stays = |&node: &u32| match rect {
            Some(_) => self.kept[node as usize] == index as u32,
            None => self.order[node as usize] >= SOURCE,
        };
        let (ports, pivots): (Vec<u32>, Vec<u32>) = found.iter().partition(|node| stays(node));
        for &node in &pivots {
            self.order[node as usize] = index as u32;
        }
        self.merges.push(Merge { children, pivots, ports });
        index
    }

    /// Two halves of whole leaves across the longer side; `None` for a leaf.
    fn halves(&self, r: Rect) -> Option<[Rect; 2]> {
        let (height, width) =
            ((r.bottom - r.top).div_ceil(self.leaf), (r.right - r.left).div_ceil(self.leaf));
        if height.max(width) <= 1 {
            return None;
        }
        Some(if height > width {
            let middle = r.top + height.div_ceil(2) * self.leaf;
            [Rect { bottom: middle, ..r }, Rect { top: middle, ..r }]
        } else {
            let middle = r.left + width.div_ceil(2) * self.leaf;
            [Rect { right: middle, ..r }, Rect { left: middle, ..r }]
        })
    }

    /// Nodes on the sides of a rectangle; without those of open ends unless it is a leaf.
    fn sides(&self, r: Rect, is_leaf: bool) -> Vec<u32> {
        let nodes = &self.nodes;
        let mut out: Vec<u32> = (r.top..r.bottom).map(|i| nodes.word(i, r.left)).collect();
        if nodes.series_words && (is_leaf || !self.open_right || r.right < nodes.cols) {
            out.extend((r.top..r.bottom).map(|i| nodes.word(i, r.right)));
        }
        if nodes.series_bits && (is_leaf || !self.open_top || r.top > 0) {
            out.extend((r.left..r.right).map(|j| nodes.bit(r.top, j)));
        }
        out.extend((r.left..r.right).map(|j| nodes.bit(r.bottom, j)));
        out
    }

    /// The merges with every list in the order in which nodes go.
    fn sorted(self) -> Vec<Merge> {
        let Self { order, mut merges, .. } = self;
        let key = |node: &u32| (order[*node as usize], *node);
        for merge in &mut merges {
            merge.ports.sort_unstable_by_key(key);
            for child in &mut merge.children {
                if let Child::Leaf(_, nodes) = child {
                    nodes.sort_unstable_by_key(key);
                }
            }
        }
        merges
    }
}
