//! The matrix of an array: its parts solved one by one and put together.

use super::check::{self, Balance};
use super::floating;
use super::ladder::Ladder;
use super::lines::{Error, Lines, Part, SenseEnd, Side, Undriven, parts};
use super::plan::{BitLines, Plan, Topology, WordLines};
use super::solve::{Among, Mesh, Record, Values, Workspace, reduce};
use crate::kernel::{Level, level};
use crate::{Mat, MatRef};
use std::sync::Arc;

/// Computes the matrices of arrays of one size with lines of one kind; keeps its plan and its memory.
/// Clones share the plan: give each thread its own.
#[derive(Clone, Debug)]
pub struct Solver {
    rows: usize,
    cols: usize,
    lines: Lines,
    undriven: Undriven,
    parts: Vec<(Part, Option<Arc<Plan>>)>,
    pub(super) work: Workspace,
    pub(super) level: Level,
}

/// The matrix of an array with resistance in its lines: entry `(i, j)` is the current in ampere into the
/// sense terminal of bit line `j` for one volt on the source of word line `i` and 0 V on all others, for
/// `cells` in siemens, rows along word lines. Exact up to rounding (about 1e-13 relative in every entry),
/// deterministic, single-threaded.
///
/// # Errors
/// A resistance or conductance is negative, not finite or out of range, or runs of rows do not fit.
pub fn effective(cells: MatRef<'_, f64>, lines: &Lines, undriven: &Undriven) -> Result<Mat<f64>, Error> {
    Solver::new(cells.rows(), cells.cols(), lines, undriven)?.effective(cells)
}

impl Solver {
    /// Makes the plan for arrays of `rows × cols` cells.
    ///
    /// # Errors
    /// A resistance is negative, not finite or out of range; runs do not cover the rows; too many cells.
    pub fn new(rows: usize, cols: usize, lines: &Lines, undriven: &Undriven) -> Result<Self, Error> {
        lines.check()?;
        if rows > 16_384 || cols > 16_384 || rows * cols > 1 << 26 {
            return Err(Error::TooLarge { rows, columns: cols });
        }
        if let Undriven::Floating(runs) = undriven {
            let mut next = 0;
            let fits = runs.iter().all(|r| {
                let fits = r.start == next && r.end > r.start;
                next = r.end;
                fits
            });
            if !fits || next != rows {
                return Err(Error::Runs { rows, found: runs.clone() });
            }
        }
        let mut planned: Vec<(Part, Option<Arc<Plan>>)> = Vec::new();
        if rows > 0 && cols > 0 {
            for part in parts(rows, cols, lines) {
                let is_closed = *undriven == Undriven::Grounded && has_closed_form(&part);
                let is_plain = part.words == WordLines::Fixed && part.bits == BitLines::Fixed;
                let plan = (!is_closed && !is_plain).then(|| Arc::new(Plan::new(topology(&part))));
                planned.push((part, plan));
            }
        }
        Ok(Self {
            rows,
            cols,
            lines: *lines,
            undriven: undriven.clone(),
            parts: planned,
            work: Workspace::default(),
            level: level(),
        })
    }

    /// The same with the kernels of one level. Results do not depend on it.
    #[cfg(test)]
    pub(super) fn at_level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// The matrix of one array, as [`effective`] gives it.
    ///
    /// # Errors
    /// A cell is negative, not finite or too large, or the shape is not the one planned for.
    pub fn effective(&mut self, cells: MatRef<'_, f64>) -> Result<Mat<f64>, Error> {
        self.check(cells)?;
        if self.lines.are_ideal() {
            return Ok(Mat::from_vec(self.rows, self.cols, cells.as_slice().to_vec()));
        }
        let mut out = Mat::filled(self.rows, self.cols, 0.0);
        match self.undriven.clone() {
            Undriven::Grounded => self.grounded(cells, &mut out),
            Undriven::Floating(runs) => {
                let network = self.network(cells);
                let runs: Vec<_> = match self.lines.sensed_at {
                    SenseEnd::Bottom => runs,
                    SenseEnd::Top => {
                        runs.iter().rev().map(|r| self.rows - r.end..self.rows - r.start).collect()
                    }
                };
                let mut flipped = Mat::filled(self.rows, self.cols, 0.0);
                floating::solve(self.level, &network, self.rows, &runs, &mut flipped);
                for i in 0..self.rows {
                    out.row_mut(i).copy_from_slice(flipped.row(self.source_row(i)));
                }
            }
        }
        Ok(out)
    }

    pub(super) fn check(&self, cells: MatRef<'_, f64>) -> Result<(), Error> {
        if (cells.rows(), cells.cols()) != (self.rows, self.cols) {
            return Err(Error::Shape {
                rows: cells.rows(),
                columns: cells.cols(),
                wanted_rows: self.rows,
                wanted_columns: self.cols,
            });
        }
        check_cells(cells)
    }

    /// How well the solution of an array obeys Kirchhoff's current law at every node while all sources are at
    /// 1 V: solves it once more, keeping what potentials take.
    ///
    /// # Errors
    /// As [`Solver::effective`].
    pub fn balance(&mut self, cells: MatRef<'_, f64>) -> Result<Balance, Error> {
        self.check(cells)?;
        let mut worst = Balance::default();
        for at in 0..self.parts.len() {
            let (part, plan) = self.parts[at].clone();
            if part.words == WordLines::Fixed && part.bits == BitLines::Fixed {
                continue;
            }
            let plan = plan.unwrap_or_else(|| Arc::new(Plan::new(topology(&part))));
            let own = self.cells_of(&part, cells);
            let values = self.values(&part, &own);
            let mut record = Record::default();
            let mesh = reduce(self.level, &plan, values, Among::Dropped, &mut self.work, Some(&mut record));
            worst = worst.worse(check::balance(&plan, values, &record, &mesh));
        }
        Ok(worst)
    }

    /// Row of the given cells that is row `i` counted from the end of the bit lines that is open.
    pub(super) fn source_row(&self, i: usize) -> usize {
        match self.lines.sensed_at {
            SenseEnd::Bottom => i,
            SenseEnd::Top => self.rows - 1 - i,
        }
    }

    /// The cells of a part, row after row.
    pub(super) fn cells_of(&self, part: &Part, cells: MatRef<'_, f64>) -> Vec<f64> {
        let mut own = Vec::with_capacity(part.rows.len() * part.cols.len());
        for i in part.rows.clone() {
            own.extend_from_slice(&cells.row(self.source_row(i))[part.cols.clone()]);
        }
        own
    }

    pub(super) fn values<'a>(&self, part: &Part, cells: &'a [f64]) -> Values<'a> {
        let inverse = |ohm: f64| if ohm > 0.0 { 1.0 / ohm } else { 0.0 };
        Values {
            cells,
            word_first: part.word_first,
            word: inverse(self.lines.row_segment_ohm),
            word_end: part.word_end,
            bit: inverse(self.lines.column_segment_ohm),
            bit_last: part.bit_last,
            bit_end: part.bit_end,
        }
    }

    fn grounded(&mut self, cells: MatRef<'_, f64>, out: &mut Mat<f64>) {
        for at in 0..self.parts.len() {
            let (part, plan) = self.parts[at].clone();
            let own = self.cells_of(&part, cells);
            let values = self.values(&part, &own);
            let width = part.cols.len();
            let found = match &plan {
                None => closed_form(&part, values, width),
                Some(plan) => {
                    let mesh = reduce(self.level, plan, values, Among::Dropped, &mut self.work, None);
                    fold(mesh, part.rows.len())
                }
            };
            for (i, row) in part.rows.clone().zip(found.chunks_exact(width)) {
                out.row_mut(self.source_row(i))[part.cols.clone()].copy_from_slice(row);
            }
        }
    }

    /// The whole array as a network of its sources, left ones before right ones, and its sense terminals.
    fn network(&mut self, cells: MatRef<'_, f64>) -> Mesh {
        let (m, n) = (self.rows, self.cols);
        let sources = if self.lines.far_driver_ohm.is_some() { 2 * m } else { m };
        let mut whole =
            Mesh { sources, senses: n, among: vec![0.0; sources * sources], across: vec![0.0; sources * n] };
        for at in 0..self.parts.len() {
            let (part, plan) = self.parts[at].clone();
            let own = self.cells_of(&part, cells);
            let values = self.values(&part, &own);
            let (height, width) = (part.rows.len(), part.cols.len());
            let mesh = match &plan {
                // both its lines are fixed: every cell is a conductance between terminals
                None => Mesh {
                    sources: height,
                    senses: width,
                    among: vec![0.0; height * height],
                    across: own.clone(),
                },
                Some(plan) => reduce(self.level, plan, values, Among::Kept, &mut self.work, None),
            };
            let place = |s: usize| {
                let is_right = part.side == Side::Right || s >= height;
                part.rows.start + s % height + if is_right { m } else { 0 }
            };
            for s in 0..mesh.sources {
                let to = &mut whole.across[place(s) * n..][part.cols.clone()];
                for (to, from) in to.iter_mut().zip(&mesh.across[s * width..(s + 1) * width]) {
                    *to += from;
                }
                for t in s + 1..mesh.sources {
                    let (a, b) = (place(s).min(place(t)), place(s).max(place(t)));
                    whole.among[a * sources + b] += mesh.among[s * mesh.sources + t];
                }
            }
        }
        let ends_meet = self.lines.driver_ohm == 0.0 && self.lines.far_driver_ohm == Some(0.0);
        if ends_meet && n == 2 && self.lines.row_segment_ohm > 0.0 {
            for i in 0..m {
                whole.among[i * sources + m + i] += 1.0 / self.lines.row_segment_ohm;
            }
        }
        whole
    }
}

/// Whether every cell is one that can be.
pub(super) fn check_cells(cells: MatRef<'_, f64>) -> Result<(), Error> {
    match cells.as_slice().iter().position(|g| !(0.0..=1e6).contains(g)) {
        None => Ok(()),
        Some(at) => Err(Error::Conductance {
            row: at / cells.cols(),
            column: at % cells.cols(),
            siemens: cells.as_slice()[at],
        }),
    }
}

pub(super) fn topology(part: &Part) -> Topology {
    Topology { rows: part.rows.len(), cols: part.cols.len(), words: part.words, bits: part.bits }
}

/// Adds what right sources see to what left ones see.
fn fold(mesh: Mesh, rows: usize) -> Vec<f64> {
    let mut across = mesh.across;
    if mesh.sources > rows {
        let (left, right) = across.split_at_mut(rows * mesh.senses);
        for (l, r) in left.iter_mut().zip(right) {
            *l += *r;
        }
        across.truncate(rows * mesh.senses);
    }
    across
}

/// Whether the lines of one direction do not see one another while undriven sources are at 0 V.
fn has_closed_form(part: &Part) -> bool {
    part.words == WordLines::Fixed || part.bits == BitLines::Fixed
}

/// The matrix of a part in which the lines of one direction are fixed nodes: each line of the other
/// direction by itself.
fn closed_form(part: &Part, values: Values<'_>, width: usize) -> Vec<f64> {
    let cells = values.cells;
    let mut out = cells.to_vec();
    let height = cells.len() / width;
    match (part.words, part.bits) {
        (WordLines::Fixed, BitLines::Fixed) => {}
        (WordLines::Fixed, bits) => {
            let (mut share, mut back) = (vec![0.0; height], vec![0.0; height]);
            for j in 0..width {
                let loads = (0..height).rev().map(|i| cells[i * width + j]);
                match bits {
                    BitLines::Series => {
                        // potentials for 1 V at the sense terminal: what each cell's current contributes there
                        let ladder = Ladder { first: values.bit_last, segment: values.bit, far: 0.0 };
                        ladder.potentials(loads, &mut share, &mut back);
                    }
                    _ => share.fill(values.bit_end / loads.fold(values.bit_end, |sum, g| sum + g)),
                }
                for (i, share) in (0..height).rev().zip(&share) {
                    out[i * width + j] *= share;
                }
            }
        }
        (words, _) => {
            let (mut share, mut back) = (vec![0.0; width], vec![0.0; width]);
            for (row, out) in cells.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
                let loads = row.iter().copied();
                match words {
                    WordLines::Merged => {
                        share.fill(values.word_end / loads.fold(values.word_end, |sum, g| sum + g));
                    }
                    _ => {
                        let far = if words == WordLines::SeriesBoth { values.word_end } else { 0.0 };
                        let ladder = Ladder { first: values.word_first, segment: values.word, far };
                        ladder.potentials(loads, &mut share, &mut back);
                    }
                }
                for (out, share) in out.iter_mut().zip(&share) {
                    *out *= share;
                }
            }
        }
    }
    out
}
