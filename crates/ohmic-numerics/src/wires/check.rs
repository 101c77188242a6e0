//! Potentials inside an array, and whether currents balance at every node.

use super::plan::Plan;
use super::solve::{Mesh, Record, Values};
use super::tree::Nodes;
use crate::kernel::mesh_lanes::LANES;

/// How well a solution obeys Kirchhoff's current law, with every source at 1 V.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Balance {
    /// Largest sum of currents into a node, relative to the largest current in any conductor.
    pub imbalance: f64,
    /// Largest difference between the current that flows into a sense terminal and what the matrix says,
    /// relative to the largest of these currents.
    pub mismatch: f64,
}

impl Balance {
    /// The worse of two.
    pub(super) fn worse(self, other: Self) -> Self {
        Self { imbalance: self.imbalance.max(other.imbalance), mismatch: self.mismatch.max(other.mismatch) }
    }
}

/// The balance of a part with its sources at 1 V, from the record of its elimination.
pub(super) fn balance(plan: &Plan, values: Values<'_>, record: &Record, mesh: &Mesh) -> Balance {
    let potentials = potentials(plan, record);
    let mut into = vec![0.0; potentials.len()];
    let mut largest = 0f64;
    for (a, b, siemens) in conductors(plan, values) {
        let current = siemens * (potentials[a as usize] - potentials[b as usize]);
        into[b as usize] += current;
        into[a as usize] -= current;
        largest = largest.max(current.abs());
    }
    let (sources, senses) = (plan.topology.sources(), plan.topology.senses());
    let mut inside = into.clone();
    sources.iter().chain(&senses).for_each(|&t| inside[t as usize] = 0.0);
    let imbalance = inside.iter().fold(0f64, |most, i| most.max(i.abs()));
    let (mut mismatch, mut most) = (0f64, 0f64);
    for (j, &sense) in senses.iter().enumerate() {
        let told: f64 = (0..mesh.sources).map(|s| mesh.across[s * mesh.senses + j]).sum();
        mismatch = mismatch.max((told - into[sense as usize]).abs());
        most = most.max(told);
    }
    let relative = |value: f64, to: f64| if value > 0.0 { value / to } else { 0.0 };
    Balance { imbalance: relative(imbalance, largest), mismatch: relative(mismatch, most) }
}

/// Potential of every node by number: nodes in the opposite order of their elimination, each the mean of
/// those that it was connected to when it went.
fn potentials(plan: &Plan, record: &Record) -> Vec<f64> {
    let nodes = plan.topology.nodes();
    let mut x = vec![0.0; nodes.count()];
    plan.topology.sources().iter().for_each(|&s| x[s as usize] = 1.0);
    for (front, rows) in plan.fronts.iter().zip(&record.fronts).rev() {
        let stride = front.stride();
        for p in (0..front.pivots).rev().filter(|&p| front.nodes[p] != u32::MAX) {
            let row = &rows[p * stride..(p + 1) * stride];
            let others = front.nodes.iter().zip(row).skip(p + 1);
            let sum: f64 =
                others.filter(|(node, _)| **node != u32::MAX).map(|(&node, g)| g * x[node as usize]).sum();
            x[front.nodes[p] as usize] = sum * row[p];
        }
    }
    for (shape, groups) in plan.shapes.iter().zip(&record.lanes) {
        let local = Nodes { rows: shape.rows, cols: shape.cols, ..nodes };
        for (at, tile) in shape.tiles.iter().enumerate() {
            let numbers = numbers(local, nodes, tile.top, tile.left);
            let rows = &groups[at / LANES];
            let lane = at % LANES;
            let mut end = rows.len();
            for (step, ids) in shape.program.steps.iter().zip(&shape.step_nodes).rev() {
                end -= step.pivots * step.nodes;
                for p in (0..step.pivots).rev() {
                    let row = &rows[end + p * step.nodes..end + (p + 1) * step.nodes];
                    let others = ids.iter().zip(row).skip(p + 1);
                    let sum: f64 = others.map(|(&id, g)| g[lane] * x[numbers[id as usize] as usize]).sum();
                    x[numbers[ids[p] as usize] as usize] = sum * row[p][lane];
                }
            }
        }
    }
    x
}

/// Number in the array of each node of a small rectangle.
fn numbers(local: Nodes, whole: Nodes, top: usize, left: usize) -> Vec<u32> {
    let mut numbers = vec![0; local.count()];
    for i in 0..local.rows {
        for c in 0..=local.cols {
            numbers[local.word(i, c) as usize] = whole.word(top + i, left + c);
        }
    }
    for r in 0..=local.rows {
        for j in 0..local.cols {
            numbers[local.bit(r, j) as usize] = whole.bit(top + r, left + j);
        }
    }
    numbers
}

/// Every conductor of a part: node, node, siemens.
fn conductors(plan: &Plan, values: Values<'_>) -> Vec<(u32, u32, f64)> {
    let nodes = plan.topology.nodes();
    let mut all = Vec::new();
    for i in 0..nodes.rows {
        for j in 0..nodes.cols {
            let (word, bit) = (nodes.word(i, j + 1), nodes.bit(i, j));
            all.push((word, bit, values.cells[i * nodes.cols + j]));
            if nodes.series_words {
                all.push((nodes.word(i, j), word, if j == 0 { values.word_first } else { values.word }));
            }
            if nodes.series_bits {
                let last = i + 1 == nodes.rows;
                all.push((bit, nodes.bit(i + 1, j), if last { values.bit_last } else { values.bit }));
            }
        }
    }
    let siemens = |end| values.end(end);
    all.extend(plan.topology.ends().into_iter().map(|(a, b, end)| (a, b, siemens(end))));
    all
}
