//! Broken cells of a block, and which columns change places to evade them.
//!
//! Broken cells belong to bit lines of the crossbar; weights belong to columns of planes. A block's columns sit on its
//! bit lines in order, as `wires.rs` says, followed here by the crossbar's spare ones. What is known of a chip is
//! which cells are stuck and at what; moving a column changes nothing else: its programming error stays that of its
//! weights' addresses, and wires see it where it was.

use crate::wires::columns;
use ohmic_hardware::{Encoded, Gain, Patch, Remap};
use ohmic_mapping::{assign, cheapest};
use ohmic_numerics::Mat;

/// What was done about broken cells.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Repair {
    /// Cells that are stuck, of those in use.
    pub broken_cells: u64,
    /// Columns that sit on another bit line than without broken cells.
    pub moved_columns: u64,
    /// Blocks that have fewer whole bit lines than columns, spare ones counted.
    pub unrepairable_blocks: u64,
    /// Squared errors that stuck cells would make where nothing moves: in levels, weighted by squared gains.
    pub error_before: f64,
    /// What they make.
    pub error_after: f64,
}

impl Repair {
    /// Adds what was done elsewhere.
    pub fn merge(&mut self, other: &Self) {
        self.broken_cells += other.broken_cells;
        self.moved_columns += other.moved_columns;
        self.unrepairable_blocks += other.unrepairable_blocks;
        self.error_before += other.error_before;
        self.error_after += other.error_after;
    }
}

/// The broken cells of a block's bit lines and spare ones, and who sits on which.
#[derive(Debug)]
pub(crate) struct Seats {
    /// Broken cells of each bit line: row, and what it is stuck at in siemens.
    stuck: Vec<Vec<(usize, f32)>>,
    /// The bit line of each column, both counted within the block; spare ones follow its own.
    seat: Vec<usize>,
    pub(crate) repair: Repair,
}

/// The columns of a block.
pub(crate) struct Columns<'a> {
    pub(crate) encoded: &'a Encoded,
    pub(crate) outputs: usize,
    pub(crate) has_dummy: bool,
    /// Conductance of level 0 and of a step, in siemens.
    pub(crate) level: (f64, f64),
}

impl Seats {
    /// Finds broken cells with `stick`, which overwrites those of a patch, and seats the columns. `patches` are those
    /// of the planes, of the dummy column and of the spare columns, with the bit line of their first column within the
    /// block.
    pub(crate) fn new(
        block: &Columns<'_>,
        patches: &[(Patch<'_>, usize)],
        remap: Remap,
        stick: impl Fn(&mut [f32], &Patch<'_>),
    ) -> Self {
        let of_block = columns(block.encoded, block.outputs, block.has_dummy);
        let lines = patches.iter().map(|(p, first)| first + (p.cols.max(1) - 1) * p.col_stride + 1).max();
        let mut stuck = vec![Vec::new(); lines.unwrap_or(0).max(of_block.len())];
        for (patch, first) in patches {
            // what is overwritten was broken
            let mut g = vec![f32::NAN; patch.rows * patch.cols];
            stick(&mut g, patch);
            for (cell, &g) in g.iter().enumerate().filter(|(_, g)| !g.is_nan()) {
                stuck[first + cell % patch.cols * patch.col_stride].push((cell / patch.cols, g));
            }
        }
        let mut all = Self { seat: (0..of_block.len()).collect(), stuck, repair: Repair::default() };
        let whole = all.stuck.iter().filter(|cells| cells.is_empty()).count();
        all.repair.unrepairable_blocks = u64::from(whole < of_block.len());
        if all.stuck.iter().all(Vec::is_empty) {
            return all;
        }
        let cost = all.costs(block, &of_block);
        let total = |seat: &[usize]| seat.iter().enumerate().map(|(c, &line)| cost[(c, line)]).sum::<f64>();
        all.repair.error_before = total(&all.seat);
        let seat = all.find(block, &of_block, &cost, remap);
        if total(&seat) < all.repair.error_before {
            all.seat = seat;
        }
        all.repair.error_after = total(&all.seat);
        all.repair.moved_columns = all.seat.iter().enumerate().filter(|(c, line)| c != *line).count() as u64;
        all.repair.broken_cells = all.seat.iter().map(|&line| all.stuck[line].len() as u64).sum();
        all
    }

    /// What each column costs on each bit line.
    fn costs(&self, block: &Columns<'_>, of_block: &[(Option<usize>, usize)]) -> Mat<f64> {
        let (level_0, step) = block.level;
        Mat::from_fn(of_block.len(), self.stuck.len(), |c, line| {
            let (plane, output) = of_block[c];
            let weight = weight(block, plane, output);
            let error = |&(row, g): &(usize, f32)| {
                let level = plane.map_or(0, |p| block.encoded.planes[p][(row, output)]);
                // the very value that a working cell is asked for costs nothing
                let target = (level_0 + f64::from(level) * step) as f32;
                ((f64::from(g) - f64::from(target)) / step).powi(2)
            };
            weight * self.stuck[line].iter().map(error).sum::<f64>()
        })
    }

    fn find(
        &self,
        block: &Columns<'_>,
        of_block: &[(Option<usize>, usize)],
        cost: &Mat<f64>,
        remap: Remap,
    ) -> Vec<usize> {
        let stay: Vec<usize> = (0..of_block.len()).collect();
        match remap {
            Remap::None => stay,
            Remap::Columns => assign(cost),
            Remap::Spares => onto_spares(stay, cost),
            Remap::Outputs => onto_spares(outputs_swapped(block, of_block, cost), cost),
        }
    }

    /// Lets the broken cells of a plane's columns hold what they are stuck at.
    pub(crate) fn stick(&self, g_siemens: &mut [f32], cols: usize, (first, stride): (usize, usize)) {
        for c in 0..cols {
            for &(row, g) in &self.stuck[self.seat[first + c * stride]] {
                g_siemens[row * cols + c] = g;
            }
        }
    }
}

/// Outputs on each other's bit lines, whole outputs only.
fn outputs_swapped(block: &Columns<'_>, of_block: &[(Option<usize>, usize)], cost: &Mat<f64>) -> Vec<usize> {
    let shared = of_block
        .iter()
        .filter(|(plane, _)| plane.is_none_or(|p| block.encoded.planes[p].cols() != block.outputs))
        .count();
    let mut seat: Vec<usize> = (0..of_block.len()).collect();
    let outputs = block.outputs;
    // a single output shares its columns with nobody, whatever they are
    if outputs < 2 {
        return seat;
    }
    let own = (of_block.len() - shared) / outputs;
    let sums = Mat::from_fn(outputs, outputs, |output, slot| {
        (0..own).map(|i| cost[(output * own + i, slot * own + i)]).sum::<f64>()
    });
    for (output, slot) in assign(&sums).into_iter().enumerate() {
        for i in 0..own {
            seat[output * own + i] = slot * own + i;
        }
    }
    seat
}

/// The columns that gain most go to spare bit lines.
fn onto_spares(mut seat: Vec<usize>, cost: &Mat<f64>) -> Vec<usize> {
    let columns = seat.len();
    let spares = cost.cols() - columns;
    if spares == 0 {
        return seat;
    }
    // what a column loses by going to a spare line; a spare line may also stay free
    let gain = Mat::from_fn(spares, columns + spares, |spare, c| match c < columns {
        true => cost[(c, columns + spare)] - cost[(c, seat[c])],
        false => 0.0,
    });
    for (spare, c) in cheapest(&gain).into_iter().enumerate() {
        if c < columns && gain[(spare, c)] < 0.0 {
            seat[c] = columns + spare;
        }
    }
    seat
}

/// Squared gain of a column's cells in the output, summed over all outputs that it goes into.
fn weight(block: &Columns<'_>, plane: Option<usize>, output: usize) -> f64 {
    let square = |gain: &Gain, output: Option<usize>| -> f64 {
        let mean = |gains: &mut dyn Iterator<Item = i64>| {
            let (n, sum) = gains.fold((0.0, 0.0), |(n, s), g| (n + 1.0, s + (g as f64).powi(2)));
            if n > 0.0 { sum / n } else { 0.0 }
        };
        match (gain, output) {
            (Gain::All(g), _) => (*g as f64).powi(2),
            (Gain::PerColumn(gains), Some(o)) => (gains[o] as f64).powi(2),
            (Gain::PerColumn(gains), None) => mean(&mut gains.iter().copied()),
            (Gain::PerFragment(gains), Some(o)) => mean(&mut (0..gains.rows()).map(|f| gains[(f, o)])),
            (Gain::PerFragment(gains), None) => mean(&mut gains.as_slice().iter().copied()),
        }
    };
    let shared = plane.is_none_or(|p| block.encoded.planes[p].cols() != block.outputs);
    let (output, into) = if shared { (None, block.outputs as f64) } else { (Some(output), 1.0) };
    let of_readout = |readout: &ohmic_hardware::Readout| {
        let net: i64 = readout
            .terms
            .iter()
            .filter(|(p, _)| plane.is_none_or(|plane| *p == plane))
            .map(|(_, sign)| sign.value())
            .sum();
        (net as f64).powi(2) * square(&readout.gain, output)
    };
    into * block.encoded.readouts.iter().map(of_readout).sum::<f64>()
}

#[cfg(test)]
mod tests;
