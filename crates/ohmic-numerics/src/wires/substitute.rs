//! Potentials of the nodes that an elimination took out: currents fed into nodes go forward through it,
//! potentials come back.

use super::plan::{Plan, Shape, Tile};
use super::solve::Record;
use super::tree::Nodes;
use crate::kernel::mesh_lanes::LANES;

/// Moves the currents that are fed into nodes that went to those that are left: each goes to what the node was
/// connected to when it went, by its share. What stands at a node that went stays there, for [`backward`].
pub(super) fn forward(plan: &Plan, record: &Record, ampere: &mut [f64]) {
    for_each_tile(plan, record, |shape, numbers, rows, lane| {
        let mut start = 0;
        for (step, ids) in shape.program.steps.iter().zip(&shape.step_nodes) {
            for p in 0..step.pivots {
                let row = &rows[start + p * step.nodes..start + (p + 1) * step.nodes];
                let share = ampere[numbers[ids[p] as usize] as usize] * row[p][lane];
                for (&id, g) in ids.iter().zip(row).skip(p + 1) {
                    ampere[numbers[id as usize] as usize] += g[lane] * share;
                }
            }
            start += step.pivots * step.nodes;
        }
    });
    for (front, rows) in plan.fronts.iter().zip(&record.fronts) {
        let stride = front.stride();
        for p in (0..front.pivots).filter(|&p| front.nodes[p] != u32::MAX) {
            let row = &rows[p * stride..(p + 1) * stride];
            let share = ampere[front.nodes[p] as usize] * row[p];
            for (&node, g) in front.nodes.iter().zip(row).skip(p + 1).filter(|(node, _)| **node != u32::MAX) {
                ampere[node as usize] += g * share;
            }
        }
    }
}

/// Potential of every node from those of the terminals in `x`: nodes in the opposite order of their
/// elimination, each the mean of those that it was connected to when it went, and what is fed into it.
pub(super) fn backward(plan: &Plan, record: &Record, ampere: Option<&[f64]>, x: &mut [f64]) {
    let fed = |node: u32| ampere.map_or(0.0, |a| a[node as usize]);
    for (front, rows) in plan.fronts.iter().zip(&record.fronts).rev() {
        let stride = front.stride();
        for p in (0..front.pivots).rev().filter(|&p| front.nodes[p] != u32::MAX) {
            let row = &rows[p * stride..(p + 1) * stride];
            let others = front.nodes.iter().zip(row).skip(p + 1);
            let sum: f64 =
                others.filter(|(node, _)| **node != u32::MAX).map(|(&node, g)| g * x[node as usize]).sum();
            x[front.nodes[p] as usize] = (sum + fed(front.nodes[p])) * row[p];
        }
    }
    for_each_tile(plan, record, |shape, numbers, rows, lane| {
        let mut end = rows.len();
        for (step, ids) in shape.program.steps.iter().zip(&shape.step_nodes).rev() {
            end -= step.pivots * step.nodes;
            for p in (0..step.pivots).rev() {
                let row = &rows[end + p * step.nodes..end + (p + 1) * step.nodes];
                let others = ids.iter().zip(row).skip(p + 1);
                let sum: f64 = others.map(|(&id, g)| g[lane] * x[numbers[id as usize] as usize]).sum();
                let node = numbers[ids[p] as usize];
                x[node as usize] = (sum + fed(node)) * row[p][lane];
            }
        }
    });
}

/// Calls `f` with every small rectangle: its shape, the numbers of its nodes, and its record and lane there.
fn for_each_tile(
    plan: &Plan,
    record: &Record,
    mut f: impl FnMut(&Shape, &[u32], &[crate::kernel::mesh_lanes::Lane], usize),
) {
    let nodes = plan.topology.nodes();
    for (shape, groups) in plan.shapes.iter().zip(&record.lanes) {
        let local = Nodes { rows: shape.rows, cols: shape.cols, ..nodes };
        for (at, tile) in shape.tiles.iter().enumerate() {
            f(shape, &numbers(local, nodes, tile), &groups[at / LANES], at % LANES);
        }
    }
}

/// Number in the array of each node of a small rectangle.
fn numbers(local: Nodes, whole: Nodes, tile: &Tile) -> Vec<u32> {
    let mut numbers = vec![0; local.count()];
    for i in 0..local.rows {
        for c in 0..=local.cols {
            numbers[local.word(i, c) as usize] = whole.word(tile.top + i, tile.left + c);
        }
    }
    for r in 0..=local.rows {
        for j in 0..local.cols {
            numbers[local.bit(r, j) as usize] = whole.bit(tile.top + r, tile.left + j);
        }
    }
    numbers
}
