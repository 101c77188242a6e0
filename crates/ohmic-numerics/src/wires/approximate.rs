//! A fast matrix with a bound on its error: the shortest way through the array, and how much that leaves out.
//!
//! Every current takes one of many ways: along its word line, through a cell, down a bit line; and perhaps
//! through a cell onto another word line, and so on. All ways count positive. The ways through one cell are
//! `cell · a · b`, `a` the potential of the cell's word node with all bit lines at 0 V, `b` that of its bit
//! node with the sense terminal at 1 V and all word lines at 0 V: never more than the truth. What a column
//! carries with all rows driven is bounded from above by sweeps that start from potentials that are too high.

use super::lines::{Error, Lines, SenseEnd};
use crate::{Mat, MatRef};

/// Sweeps along all lines from either side.
const SWEEPS: usize = 4;

/// A matrix and what is known about its error.
#[derive(Clone, Debug, PartialEq)]
pub struct Approximation {
    /// As [`super::effective`] gives it, nearly; exact sums of columns up to `bound`.
    pub matrix: Mat<f64>,
    /// Whatever voltages from 0 to 1 V the sources have, the current of every column is off by at most this
    /// fraction of its current with all sources at 1 V.
    pub bound: f64,
}

/// The matrix of an array, approximately, in time proportional to its cells; undriven lines at 0 V.
///
/// # Errors
/// As [`super::effective`]; [`Error::Bound`] if the bound on the error is larger than `allowed`.
pub fn approximate(cells: MatRef<'_, f64>, lines: &Lines, allowed: f64) -> Result<Approximation, Error> {
    lines.check()?;
    super::array::check_cells(cells)?;
    let (m, n) = (cells.rows(), cells.cols());
    if m == 0 || n == 0 || lines.are_ideal() {
        let matrix = Mat::from_vec(m, n, cells.as_slice().to_vec());
        return Ok(Approximation { matrix, bound: 0.0 });
    }
    // rows from the sense end on: bit lines start there
    let row_of = |i: usize| match lines.sensed_at {
        SenseEnd::Bottom => m - 1 - i,
        SenseEnd::Top => i,
    };
    let down: Vec<f64> = (0..m).flat_map(|i| cells.row(row_of(i))).copied().collect();
    let across = transposed(&down, n);
    let words = Line { near: lines.driver_ohm, segment: lines.row_segment_ohm, far: lines.far_driver_ohm };
    let bits = Line { near: lines.sense_ohm, segment: lines.column_segment_ohm, far: None };

    let mut share = vec![0.0; m * n];
    bits.potentials(&down, None, 1.0, n, &mut share);
    // current into the sense terminal for each volt on a word node
    let gain: Vec<f64> = down.iter().zip(&share).map(|(g, b)| g * b).collect();
    let mut word = vec![0.0; m * n];
    words.potentials(&across, None, 1.0, m, &mut word);
    let mut low = transposed(&word, m);
    let first: Vec<f64> = gain.iter().zip(&low).map(|(g, u)| g * u).collect();
    let mut high = vec![1.0; m * n];
    let mut bit = vec![0.0; m * n];
    for u in [&mut low, &mut high] {
        for _ in 0..SWEEPS {
            bits.potentials(&down, Some(u), 0.0, n, &mut bit);
            words.potentials(&across, Some(&transposed(&bit, n)), 1.0, m, &mut word);
            *u = transposed(&word, m);
        }
    }
    let columns = |u: Option<&[f64]>, of: &[f64]| {
        let mut sums = vec![0.0; n];
        for (at, &g) in of.iter().enumerate() {
            sums[at % n] += g * u.map_or(1.0, |u| u[at]);
        }
        sums
    };
    let (least, most) = (columns(Some(&low), &gain), columns(Some(&high), &gain));
    let direct = columns(None, &first);
    let mut bound = 0f64;
    let mut scale = vec![1.0; n];
    for j in 0..n {
        // rounding of all these sums, and no more
        let rounding = 1e-15 * (m + n) as f64;
        if direct[j] > 0.0 {
            scale[j] = (least[j] + most[j]) / 2.0 / direct[j];
            bound = bound.max((most[j] - direct[j]).max(0.0) / least[j] + rounding);
        } else if most[j] > 0.0 {
            // underflow: nothing is known
            bound = f64::INFINITY;
        }
    }
    if bound > allowed || allowed.is_nan() {
        return Err(Error::Bound { bound, allowed });
    }
    let mut matrix = Mat::filled(m, n, 0.0);
    for (i, row) in first.chunks_exact(n).enumerate() {
        for ((to, g), scale) in matrix.row_mut(row_of(i)).iter_mut().zip(row).zip(&scale) {
            *to = g * scale;
        }
    }
    Ok(Approximation { matrix, bound })
}

/// The transpose of a matrix of rows of `cols` values.
fn transposed(a: &[f64], cols: usize) -> Vec<f64> {
    let rows = a.len() / cols;
    let mut out = vec![0.0; a.len()];
    for (i, row) in a.chunks_exact(cols).enumerate() {
        for (j, v) in row.iter().enumerate() {
            out[j * rows + i] = *v;
        }
    }
    out
}

/// A line from its first terminal on, in ohm.
#[derive(Clone, Copy, Debug)]
struct Line {
    near: f64,
    segment: f64,
    far: Option<f64>,
}

impl Line {
    /// Potentials along many lines at once, node after node: terminals at `terminal`, loads ending at the
    /// potentials `at`, or at 0. All terms are positive.
    fn potentials(&self, loads: &[f64], at: Option<&[f64]>, terminal: f64, lines: usize, out: &mut [f64]) {
        let nodes = loads.len() / lines;
        let inverse = |ohm: f64| if ohm > 0.0 { 1.0 / ohm } else { 0.0 };
        let end = |i: usize, l: usize| at.map_or(0.0, |at| at[i * lines + l]);
        if self.segment == 0.0 {
            let ends = inverse(self.near) + self.far.map_or(0.0, inverse);
            let is_fixed = self.near == 0.0 || self.far == Some(0.0);
            for l in 0..lines {
                let (mut drive, mut total) = (ends * terminal, ends);
                for i in 0..nodes {
                    let load = loads[i * lines + l];
                    drive += load * end(i, l);
                    total += load;
                }
                let potential = if is_fixed { terminal } else { drive / total };
                (0..nodes).for_each(|i| out[i * lines + l] = potential);
            }
            return;
        }
        let segment = inverse(self.segment);
        let (mut low, mut high) = (0, nodes);
        let (mut first, mut last) = (inverse(self.near), self.far.map_or(0.0, inverse));
        if self.near == 0.0 {
            out[..lines].fill(terminal);
            (low, first) = (1, segment);
        }
        if self.far == Some(0.0) && high > low {
            high -= 1;
            out[high * lines..(high + 1) * lines].fill(terminal);
            last = segment;
        }
        let (mut total, mut drive) = (vec![first; lines], vec![first * terminal; lines]);
        let mut back = vec![0.0; nodes * lines];
        for i in low..high {
            let next = if i + 1 < high { segment } else { 0.0 };
            let more = if i + 1 == high { last } else { 0.0 };
            let own = i * lines..(i + 1) * lines;
            let fixed = at.map(|at| &at[own.clone()]);
            let (out, back) = (&mut out[own.clone()], &mut back[own.clone()]);
            for (l, &load) in loads[own].iter().enumerate() {
                total[l] += load + more;
                drive[l] += load * fixed.map_or(0.0, |f| f[l]) + more * terminal;
                let inverse = 1.0 / (total[l] + next);
                out[l] = drive[l] * inverse;
                back[l] = next * inverse;
                total[l] *= back[l];
                drive[l] *= back[l];
            }
        }
        for i in (low..high.max(1) - 1).rev() {
            let (now, later) = out.split_at_mut((i + 1) * lines);
            let now = &mut now[i * lines..];
            for l in 0..lines {
                now[l] += back[i * lines + l] * later[l];
            }
        }
    }
}
