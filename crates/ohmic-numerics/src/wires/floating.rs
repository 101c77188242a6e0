//! Word lines that float while others are driven: one matrix a run of driven rows, all from one network.

use super::solve::Mesh;
use crate::Mat;
use crate::kernel::Level;
use crate::kernel::mesh::{self, PANEL, WIDE};
use std::ops::Range;

/// Fills the rows of every run with the matrix that holds while the sources of the other rows are open.
///
/// Half of the runs is done at a time: the other half's sources go, once for all of them. Sources are those
/// of `rows` rows, and perhaps as many second ones.
pub(super) fn solve(level: Level, network: &Mesh, rows: usize, runs: &[Range<usize>], out: &mut Mat<f64>) {
    let sources = (0..network.sources).map(|s| s % rows).collect();
    let network = Part { rows: sources, among: network.among.clone(), across: network.across.clone() };
    halve(level, &network, network_width(&network), runs, out);
}

/// Sources that are left, by row, and what they see.
struct Part {
    rows: Vec<usize>,
    among: Vec<f64>,
    across: Vec<f64>,
}

fn network_width(part: &Part) -> usize {
    part.across.len() / part.rows.len().max(1)
}

fn halve(level: Level, part: &Part, senses: usize, runs: &[Range<usize>], out: &mut Mat<f64>) {
    if let [run] = runs {
        // second sources of a row have its voltage too
        for (s, &row) in part.rows.iter().enumerate() {
            debug_assert!(run.contains(&row));
            let from = &part.across[s * senses..(s + 1) * senses];
            for (to, from) in out.row_mut(row).iter_mut().zip(from) {
                *to += from;
            }
        }
        return;
    }
    if runs.is_empty() {
        return;
    }
    let (first, second) = runs.split_at(runs.len() / 2);
    let border = second[0].start;
    for (runs, is_first) in [(first, true), (second, false)] {
        let left = without(level, part, senses, |row| (row < border) != is_first);
        halve(level, &left, senses, runs, out);
    }
}

/// The network without some of its sources, which nothing is connected to.
fn without(level: Level, part: &Part, senses: usize, goes: impl Fn(usize) -> bool) -> Part {
    let all = part.rows.len();
    let gone: Vec<usize> = (0..all).filter(|&s| goes(part.rows[s])).collect();
    let stay: Vec<usize> = (0..all).filter(|&s| !goes(part.rows[s])).collect();
    let pivots = gone.len().next_multiple_of(PANEL);
    let nodes = pivots + stay.len() + senses;
    let stride = nodes.next_multiple_of(WIDE);
    let mut f = vec![0.0; stride * stride];
    let first_sense = pivots + stay.len();
    let places = |s: usize| if s < gone.len() { s } else { pivots + s - gone.len() };
    let order: Vec<usize> = gone.iter().chain(&stay).copied().collect();
    for (i, &s) in order.iter().enumerate() {
        let row = &mut f[places(i) * stride..(places(i) + 1) * stride];
        for (j, &t) in order.iter().enumerate().skip(i + 1) {
            row[places(j)] = part.among[s.min(t) * all + s.max(t)];
        }
        row[first_sense..first_sense + senses].copy_from_slice(&part.across[s * senses..(s + 1) * senses]);
    }
    let (mut u, mut w) = (vec![0.0; pivots * stride], vec![0.0; pivots * stride]);
    let front = mesh::Front { f: &mut f, stride, pivots, first: first_sense, second: first_sense };
    mesh::eliminate(level, front, &mut u, &mut w);
    let mut left = Part { rows: stay.iter().map(|&s| part.rows[s]).collect(), among: vec![], across: vec![] };
    for i in 0..stay.len() {
        let row = &f[(pivots + i) * stride..(pivots + i + 1) * stride];
        left.among.extend_from_slice(&row[pivots..first_sense]);
        left.across.extend_from_slice(&row[first_sense..first_sense + senses]);
    }
    left
}
