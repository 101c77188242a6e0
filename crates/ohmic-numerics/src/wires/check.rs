//! Potentials inside an array, and whether currents balance at every node.

use super::plan::{Plan, Topology};
use super::solve::{Mesh, Record, Values};
use super::substitute::backward;

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

/// Potential of every node by number with every source at 1 V.
fn potentials(plan: &Plan, record: &Record) -> Vec<f64> {
    let mut x = vec![0.0; plan.topology.nodes().count()];
    plan.topology.sources().iter().for_each(|&s| x[s as usize] = 1.0);
    backward(plan, record, None, &mut x);
    x
}

/// Every conductor of a part: node, node, siemens.
fn conductors(plan: &Plan, values: Values<'_>) -> Vec<(u32, u32, f64)> {
    let nodes = plan.topology.nodes();
    let mut all = wires(plan.topology, values);
    for i in 0..nodes.rows {
        for j in 0..nodes.cols {
            all.push((nodes.word(i, j + 1), nodes.bit(i, j), values.cells[i * nodes.cols + j]));
        }
    }
    all
}

/// Every conductor of a part but its cells: node, node, siemens.
pub(super) fn wires(topology: Topology, values: Values<'_>) -> Vec<(u32, u32, f64)> {
    let nodes = topology.nodes();
    let mut all = Vec::new();
    for i in 0..nodes.rows {
        for j in 0..nodes.cols {
            let (word, bit) = (nodes.word(i, j + 1), nodes.bit(i, j));
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
    all.extend(topology.ends().into_iter().map(|(a, b, end)| (a, b, siemens(end))));
    all
}
