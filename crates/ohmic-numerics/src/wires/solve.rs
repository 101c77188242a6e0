//! Runs a plan on values: small rectangles eight at a time, then the dense fronts.

use super::plan::{End, From, Front, Part, Plan, Shape, terminals};
use crate::kernel::Level;
use crate::kernel::mesh::{self, PANEL};
use crate::kernel::mesh_lanes::{LANES, Lane, run_lanes};

/// The values of one array whose lines are as its plan says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Values<'a> {
    /// Conductance of every cell in siemens, row after row.
    pub(super) cells: &'a [f64],
    /// Of the first edge of a word line, of each segment, and of the driver at its other end.
    pub(super) word_first: f64,
    pub(super) word: f64,
    pub(super) word_end: f64,
    /// Of each segment of a bit line, of its last edge, and of the sense resistance of a line that is a node.
    pub(super) bit: f64,
    pub(super) bit_last: f64,
    pub(super) bit_end: f64,
}

impl Values<'_> {
    /// Conductance at an end of a line, in siemens.
    pub(super) fn end(&self, end: End) -> f64 {
        match end {
            End::Driver => self.word_end,
            End::Sense => self.bit_end,
        }
    }
}

/// What is left of an array: conductances among its sources, and from them to the sense terminals.
#[derive(Clone, Debug, Default)]
pub(super) struct Mesh {
    pub(super) sources: usize,
    pub(super) senses: usize,
    /// `sources × sources`, upper triangle; empty unless asked for.
    pub(super) among: Vec<f64>,
    /// `sources × senses`.
    pub(super) across: Vec<f64>,
}

/// Whether conductances among the sources are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Among {
    Dropped,
    Kept,
}

/// Memory that starts on a whole cache line.
#[derive(Clone, Debug, Default)]
struct Buffer(Vec<f64>);

impl Buffer {
    fn get(&mut self, len: usize) -> &mut [f64] {
        if self.0.len() < len + 8 {
            self.0.resize(len + 8, 0.0);
        }
        // in values of 8 bytes, at most 7 of them; whatever it answers, results do not depend on it
        let start = self.0.as_ptr().align_offset(64).min(8);
        &mut self.0[start..start + len]
    }
}

/// Memory that solving works in; kept from one array to the next.
#[derive(Clone, Debug, Default)]
pub(super) struct Workspace {
    values: Vec<Lane>,
    lane_stack: Vec<Lane>,
    lane_front: Vec<Lane>,
    tiles: Vec<f64>,
    stack: Vec<f64>,
    front: Buffer,
    u: Buffer,
    w: Buffer,
}

/// What went on inside, for potentials: rows of pivots, one over their sums on the diagonal.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    /// By shape and group of eight.
    pub(super) lanes: Vec<Vec<Vec<Lane>>>,
    /// By front: `pivots × stride`.
    pub(super) fronts: Vec<Vec<f64>>,
}

/// Reduces an array to its terminals.
pub(super) fn reduce(
    level: Level,
    plan: &Plan,
    values: Values<'_>,
    among: Among,
    work: &mut Workspace,
    mut record: Option<&mut Record>,
) -> Mesh {
    if work.tiles.len() < plan.tiles {
        work.tiles.resize(plan.tiles, 0.0);
    }
    if work.stack.len() < plan.stack {
        work.stack.resize(plan.stack, 0.0);
    }
    for shape in &plan.shapes {
        let mut groups = Vec::new();
        for group in 0..shape.tiles.len().div_ceil(LANES) {
            let mut rows = Vec::new();
            if record.is_some() {
                rows.resize(shape.program.record, [0.0; LANES]);
            }
            run_group(level, plan, shape, group, values, work, &mut rows);
            groups.push(rows);
        }
        if let Some(record) = &mut record {
            record.lanes.push(groups);
        }
    }
    let mut mesh = Mesh::default();
    for (index, front) in plan.fronts.iter().enumerate() {
        let stride = front.stride();
        let f = work.front.get(stride * stride);
        assemble(front, f, &work.tiles, &work.stack);
        let is_last = index + 1 == plan.fronts.len();
        if is_last {
            for &(a, b, end) in &plan.ends {
                f[a * stride + b] += values.end(end);
            }
        }
        let first = if among == Among::Kept { front.first_sense } else { front.first_source };
        let len = front.pivots * stride;
        mesh::eliminate(
            level,
            mesh::Front { f, stride, pivots: front.pivots, first, second: front.first_sense },
            work.u.get(len),
            work.w.get(len),
        );
        if let Some(record) = &mut record {
            record.fronts.push(f[..len].to_vec());
        }
        if is_last {
            mesh = read_off(front, f, among);
        } else {
            let (k, n) = (front.pivots, front.ports);
            let result = &mut work.stack[front.result..front.result + n * n];
            for (i, row) in result.chunks_exact_mut(n).enumerate() {
                row[i..].copy_from_slice(&f[(k + i) * stride + k + i..(k + i) * stride + k + n]);
            }
        }
    }
    mesh
}

/// Eight small rectangles of one shape; lanes that are left over repeat the first.
fn run_group(
    level: Level,
    plan: &Plan,
    shape: &Shape,
    group: usize,
    values: Values<'_>,
    work: &mut Workspace,
    record: &mut [Lane],
) {
    let program = &shape.program;
    let grow = |lanes: &mut Vec<Lane>, len: usize| {
        if lanes.len() < len {
            lanes.resize(len, [0.0; LANES]);
        }
    };
    grow(&mut work.values, program.values);
    grow(&mut work.lane_stack, program.stack);
    grow(&mut work.lane_front, program.front);
    let tiles = &shape.tiles[group * LANES..((group + 1) * LANES).min(shape.tiles.len())];
    let (rows, cols) = (shape.rows, shape.cols);
    let given = &mut work.values[..program.values];
    for lane in 0..LANES {
        let tile = tiles.get(lane).unwrap_or(&tiles[0]);
        for i in 0..rows {
            let start = (tile.top + i) * plan.topology.cols + tile.left;
            for (j, &g) in values.cells[start..start + cols].iter().enumerate() {
                given[i * cols + j][lane] = g;
            }
        }
        for j in 0..cols {
            given[rows * cols + j][lane] = if tile.left + j == 0 { values.word_first } else { values.word };
        }
        for i in 0..rows {
            let last = tile.top + i + 1 == plan.topology.rows;
            given[rows * cols + cols + i][lane] = if last { values.bit_last } else { values.bit };
        }
    }
    run_lanes(level, program, given, &mut work.lane_stack, &mut work.lane_front, record);
    for (lane, tile) in tiles.iter().enumerate() {
        let n = shape.ports;
        let out = &mut work.tiles[tile.offset..tile.offset + n * n];
        for i in 0..n {
            let a = usize::from(tile.places[i]);
            for (v, &b) in work.lane_stack[i * n + i + 1..(i + 1) * n].iter().zip(&tile.places[i + 1..]) {
                let b = usize::from(b);
                out[a.min(b) * n + a.max(b)] = v[lane];
            }
        }
    }
}

/// The sum of a front's parts.
fn assemble(front: &Front, f: &mut [f64], tiles: &[f64], stack: &[f64]) {
    let stride = front.stride();
    for (i, row) in f.chunks_exact_mut(stride).enumerate() {
        // tiles of the kernel start on whole panels
        row[i / PANEL * PANEL..].fill(0.0);
    }
    for part in &front.parts {
        let Part { from, offset, ports, runs } = part;
        let values = match from {
            From::Tiles => tiles,
            From::Stack => stack,
        };
        let values = &values[*offset..offset + ports * ports];
        for (r, &(first, to, len)) in runs.iter().enumerate() {
            for i in 0..len {
                let row = &values[(first + i) * ports..(first + i + 1) * ports];
                let f = &mut f[(to + i) * stride..(to + i + 1) * stride];
                add(&mut f[to + i + 1..to + len], &row[first + i + 1..first + len]);
                for &(first, to, len) in &runs[r + 1..] {
                    add(&mut f[to..to + len], &row[first..first + len]);
                }
            }
        }
    }
}

fn add(to: &mut [f64], from: &[f64]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += from;
    }
}

/// The terminals of the last front.
fn read_off(front: &Front, f: &[f64], among: Among) -> Mesh {
    let stride = front.stride();
    let (sources, senses) = terminals(front);
    let mut mesh = Mesh { sources: sources.len(), senses: senses.len(), ..Mesh::default() };
    for row in sources.clone() {
        let row = &f[row * stride..(row + 1) * stride];
        mesh.across.extend_from_slice(&row[senses.clone()]);
        if among == Among::Kept {
            mesh.among.extend_from_slice(&row[sources.clone()]);
        }
    }
    mesh
}
