//! Reading a layer: many input vectors through its crossbars.

use crate::program::{BlockProgram, Cells, LayerProgram, Occupied};
use crate::wide;
use ohmic_hardware::Skipping;
use ohmic_numerics::kernel::engine::{Deviates, Digits, Values, Vectors, Workspace};
use ohmic_numerics::kernel::{self, Accumulators, Order, Weighed};
use ohmic_numerics::{Noise, Site};
use std::ops::Range;

/// Buffers kept from call to call: fresh ones cost more in page faults than the arithmetic.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) digits: Digits,
    squares: Digits,
    workspace: Workspace,
    totals: Vec<i32>,
    issued: Vec<u64>,
    worth: Vec<f64>,
    pub(crate) sums: Vec<i32>,
    pub(crate) offsets: Vec<u32>,
}

/// Totals that a tile of vectors may take, in bytes: a part of a second-level cache.
const TOTAL_BYTES: usize = 128 << 10;

/// The same for the deviations of four panels.
const DEVIATION_BYTES: usize = 256 << 10;

/// Adds the layer's answer to `y` (outputs of the group and vectors in either order, in units of the integer
/// product) and returns how many conversions clipped.
///
/// `noise` is the chip's source and the layer's index; it is drawn from only if the program says that
/// reads or conversions are noisy. `first_draw`: the draw index of the first vector. Reads whose digits are
/// all zero give code 0 without noise; a skipped read draws no noise because the machine does not issue it.
pub(crate) fn multiply(
    program: &LayerProgram,
    group: usize,
    vectors: Vectors<'_>,
    first_draw: u32,
    noise: Option<(&Noise, u32)>,
    (y, order): (&mut [f64], Order),
    scratch: &mut Scratch,
) -> u64 {
    let count = vectors.count();
    if count == 0 {
        return 0;
    }
    let tile = tile(program, noise.is_some());
    let mut clips = 0;
    for first in (0..count).step_by(tile) {
        let n = tile.min(count - first);
        let part = vectors.part(first, n);
        let answer = Answer { y: &mut *y, order, first };
        clips += multiply_tile(program, group, part, first_draw + first as u32, noise, answer, scratch);
    }
    clips
}

/// The accumulators of a tile of vectors.
pub(crate) type Answer<'a> = Accumulators<'a>;

/// Vectors that are read together.
fn tile(program: &LayerProgram, noisy: bool) -> usize {
    let widest = program.blocks.iter().map(BlockProgram::padded_columns).max().unwrap_or(16).max(16);
    let by_totals = TOTAL_BYTES / 4 / widest;
    let fragments = program.blocks.iter().map(|b| b.fragments.len()).max().unwrap_or(1);
    let by_deviations = DEVIATION_BYTES / 4 / (64 * fragments * program.slices.len());
    // whole tiles of every engine's
    if noisy { by_totals.min(by_deviations) } else { by_totals }.clamp(12, 264) / 12 * 12
}

fn multiply_tile(
    program: &LayerProgram,
    group: usize,
    vectors: Vectors<'_>,
    first_draw: u32,
    noise: Option<(&Noise, u32)>,
    mut answer: Answer<'_>,
    scratch: &mut Scratch,
) -> u64 {
    let count = vectors.count();
    let Scratch { digits, squares, workspace, totals, issued, worth, .. } = scratch;
    let is_engine = |b: &BlockProgram| matches!(b.cells, Cells::Engine(_));
    let mut cut = None;
    let mut clips = 0;
    if program.blocks.iter().any(is_engine) {
        cut = Some(digits.cut(&program.layout, &program.digits, vectors));
    }
    let has_variance = noise.is_some() && program.blocks.iter().any(|b| b.variance.is_some());
    let squares = if has_variance { squares.squares(&program.layout, &program.digits, vectors) } else { &[] };
    for block in program.blocks.iter().filter(|b| b.group == group) {
        let width = block.padded_columns();
        match (&block.cells, cut) {
            (Cells::Engine(engine), Some(cut)) => {
                let noise = noise.filter(|_| program.sigma_lsb > 0.0 || block.variance.is_some());
                let deviates = noise.map(|(source, layer)| {
                    let all = issue(program, vectors, block.fragments.clone(), issued);
                    Deviates {
                        noise: source,
                        site: Site { layer, block: block.block },
                        first_draw,
                        sigma: &block.sigma,
                        variance: block.variance.as_ref(),
                        issued: if all == Issued::All { None } else { Some(issued) },
                    }
                });
                totals.clear();
                totals.resize(count * width, 0);
                let deviates = deviates.as_ref().map(|d| (d, squares));
                clips +=
                    engine.read(&program.layout, block.fragments.clone(), cut, deviates, totals, workspace);
                weigh(program, block, totals, worth, &mut answer);
            }
            _ => clips += wide::read_block(program, block, vectors, first_draw, noise, &mut answer),
        }
        add_input_sums(block, vectors, &mut answer);
    }
    clips
}

/// Whether the machine issues every read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Issued {
    All,
    Some,
}

/// Which slices the machine issues, vectors × fragments, bit `s` for slice `s`.
fn issue(
    program: &LayerProgram,
    vectors: Vectors<'_>,
    fragments: Range<usize>,
    out: &mut Vec<u64>,
) -> Issued {
    if program.skipping == Skipping::None {
        return Issued::All;
    }
    out.clear();
    for vector in 0..vectors.count() {
        for f in fragments.clone() {
            let occupied = occupied(vectors, vector, program.layout.rows[f].clone());
            let set = |(s, slice)| u64::from(program.is_issued(slice, occupied)) << s;
            out.push(program.slices.iter().enumerate().map(set).sum());
        }
    }
    Issued::Some
}

/// The bits that occur in some rows of a vector.
pub(crate) fn occupied(vectors: Vectors<'_>, vector: usize, rows: Range<usize>) -> Occupied {
    match vectors.values {
        Values::Bytes(_) => Occupied::of_unsigned(vectors.bits(vector, rows)),
        Values::Words(x) => {
            let at = vector * vectors.stride;
            Occupied::of(&x[at + rows.start..at + rows.end])
        }
    }
}

/// Weighs the totals of a block with their steps and adds them to the answer.
fn weigh(
    program: &LayerProgram,
    block: &BlockProgram,
    totals: &[i32],
    worth: &mut Vec<f64>,
    answer: &mut Answer<'_>,
) {
    worth.clear();
    worth.extend(block.worth.iter().map(|&w| f64::from(w)));
    let parts: Vec<Weighed<'_>> = block
        .readouts
        .iter()
        .map(|r| Weighed {
            first: r.columns.start,
            worth: &worth[r.columns.clone()],
            step: program.step(r.range),
            shared: r.shared_gain.as_ref().map(|g| g.as_slice()),
        })
        .collect();
    kernel::weigh(totals, block.padded_columns(), &parts, block.outputs.start, answer);
}

/// What the encoding asks to be added for every unit of input.
fn add_input_sums(block: &BlockProgram, vectors: Vectors<'_>, answer: &mut Answer<'_>) {
    if block.input_sum_scale.is_empty() {
        return;
    }
    for vector in 0..vectors.count() {
        let sum = vectors.sum(vector, block.first_row..block.first_row + block.rows);
        for (output, &scale) in block.outputs.clone().zip(&block.input_sum_scale) {
            *answer.at(output, vector) += (scale * sum) as f64;
        }
    }
}

#[cfg(test)]
mod tests;
