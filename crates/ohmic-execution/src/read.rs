//! Reading a layer: many input vectors through its crossbars.

use crate::nonlinear::SpreadVectors;
use crate::program::{BlockProgram, Cells, LayerProgram, Occupied};
use crate::stairs::{self, Tile};
use crate::wide;
use ohmic_hardware::Skipping;
use ohmic_numerics::kernel::engine::{Deviates, Digits, Read, Start, Totals, Values, Vectors, Workspace};
use ohmic_numerics::kernel::{self, Accumulators, Digit, DigitPart, Order, Weighed};
use ohmic_numerics::{Noise, Site};
use std::ops::Range;

/// Buffers kept from call to call: fresh ones cost more in page faults than the arithmetic.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) digits: Digits,
    squares: Digits,
    workspace: Workspace,
    issued: Vec<u64>,
    worth: Vec<f64>,
    pub(crate) spread: SpreadVectors,
    slices: Vec<Digits>,
    driven: Vec<Vec<i32>>,
    stairs: stairs::Buffers,
    pub(crate) sums: Vec<i32>,
    pub(crate) offsets: Vec<u32>,
}

/// A voltage as a digit: the integer itself.
const VOLTAGE: Digit = Digit { part: DigitPart::Signed, shift: 0, bits: 15 };

/// Most vectors of a tile: whole sets of every engine's.
pub(crate) const TILE: usize = 1024;

/// Digits that a tile of vectors may take, in bytes, and deviations of 64 columns where they are kept: parts of
/// a second-level cache.
const DIGIT_BYTES: usize = 768 << 10;
const DEVIATION_BYTES: usize = 512 << 10;

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
        let first_draw = first_draw + first as u32;
        clips += match &program.spread {
            None => multiply_tile(program, group, (part, part), first_draw, noise, answer, scratch),
            Some(spread) => {
                let mut buffers = std::mem::take(&mut scratch.spread);
                let driven = spread.vectors(part, &mut buffers);
                let clips = multiply_tile(program, group, (driven, part), first_draw, noise, answer, scratch);
                scratch.spread = buffers;
                clips
            }
        };
    }
    clips
}

/// The accumulators of a tile of vectors.
pub(crate) type Answer<'a> = Accumulators<'a>;

/// Vectors that are read together.
fn tile(program: &LayerProgram, noisy: bool) -> usize {
    let slices = program.slices.len();
    let mut most = DIGIT_BYTES / (program.layout.bytes_a_read() * slices).max(1);
    if noisy && (!program.layout.by_column() || program.stairs.is_some()) {
        let fragments = program.blocks.iter().map(|b| b.fragments.len()).max().unwrap_or(1);
        most = most.min(DEVIATION_BYTES / (4 * 64 * fragments * slices));
    }
    let most = most.clamp(16, TILE);
    if most >= 64 { most / 64 * 64 } else { most / 16 * 16 }
}

/// `vectors` is what rows are driven with, `inputs` what the layer was given: the same unless rows are spread.
fn multiply_tile(
    program: &LayerProgram,
    group: usize,
    (vectors, inputs): (Vectors<'_>, Vectors<'_>),
    first_draw: u32,
    noise: Option<(&Noise, u32)>,
    mut answer: Answer<'_>,
    scratch: &mut Scratch,
) -> u64 {
    let Scratch { digits, squares, workspace, issued, worth, slices, driven, stairs, .. } = scratch;
    let is_engine = |b: &BlockProgram| matches!(b.cells, Cells::Engine(_));
    let mut cut = None;
    let mut clips = 0;
    if program.blocks.iter().any(is_engine) {
        cut = Some(digits.cut(&program.layout, &program.digits, vectors));
    }
    let mut by_slice = Vec::new();
    if program.blocks.iter().any(|b| matches!(b.cells, Cells::Climb(_))) {
        slices.resize_with(program.digits.len().max(slices.len()), Digits::default);
        if let Some(table) = program.stairs.as_ref().and_then(|s| s.driven.as_ref()) {
            // voltages take the place of digits
            driven.resize_with(program.slices.len().max(driven.len()), Vec::new);
            for (driven, slice) in driven.iter_mut().zip(&program.slices) {
                driven.clear();
                driven.resize(vectors.count() * vectors.stride, 0);
                for (v, driven) in driven.chunks_exact_mut(vectors.stride).enumerate() {
                    for (row, driven) in driven[..vectors.k].iter_mut().enumerate() {
                        *driven = table.of(slice.digit(vectors.at(v, row)));
                    }
                }
            }
            for (digits, driven) in slices.iter_mut().zip(driven.iter()).take(program.slices.len()) {
                let vectors = Vectors { values: Values::Words(driven), ..vectors };
                by_slice.push(digits.cut(&program.layout, &[VOLTAGE], vectors));
            }
        } else {
            let cut = |(digits, digit): (_, _)| {
                Digits::cut(digits, &program.layout, std::slice::from_ref(digit), vectors)
            };
            by_slice.extend(slices.iter_mut().zip(&program.digits).map(cut));
        }
    }
    let has_variance = noise.is_some() && program.blocks.iter().any(|b| b.variance.is_some());
    let squares = if has_variance { squares.squares(&program.layout, &program.digits, vectors) } else { &[] };
    for stack in program.stacks.iter().filter(|stack| program.blocks[stack[0]].group == group) {
        let bottom = &program.blocks[stack[0]];
        for block in program.stacked(stack) {
            add_input_sums(program, block, inputs, &mut answer);
        }
        if let Cells::Climb(_) = &bottom.cells {
            let is_some = issue(program, vectors, program.stacked(stack), issued) == Issued::Some;
            worth.clear();
            worth.extend(bottom.worth.iter().map(|&w| f64::from(w)));
            let tile = Tile {
                vectors: vectors.count(),
                digits: &by_slice,
                squares,
                first_draw,
                noise,
                issued: is_some.then_some(&issued[..]),
            };
            clips += stairs::read_stack(program, stack, tile, worth, (workspace, stairs), &mut answer);
            continue;
        }
        let (Cells::Engine(engine), Some(digits)) = (&bottom.cells, cut) else {
            let stack: Vec<&BlockProgram> = program.stacked(stack).collect();
            clips += wide::read_stack(program, &stack, vectors, first_draw, noise, &mut answer);
            continue;
        };
        let is_some = issue(program, vectors, program.stacked(stack), issued) == Issued::Some;
        worth.clear();
        worth.extend(bottom.worth.iter().map(|&w| f64::from(w)));
        for columns in 0..engine.groups() {
            let mut issued = &issued[..];
            let mut start = Start::Fresh;
            for block in program.stacked(stack) {
                let Cells::Engine(engine) = &block.cells else {
                    unreachable!("all blocks of a program are packed alike");
                };
                let own;
                (own, issued) =
                    issued.split_at(if is_some { block.fragments.len() * vectors.count() } else { 0 });
                let noise = noise.filter(|_| program.sigma_lsb > 0.0 || block.variance.is_some());
                let deviates = noise.map(|(source, layer)| Deviates {
                    noise: source,
                    site: Site { layer, block: block.block },
                    first_draw,
                    sigma: &block.sigma,
                    variance: block.variance.as_ref(),
                    issued: is_some.then_some(own),
                });
                let read = Read {
                    layout: &program.layout,
                    fragment: block.fragments.start,
                    digits,
                    deviates: deviates.as_ref().map(|d| (d, squares)),
                    group: columns,
                    start,
                };
                clips += engine.read(read, workspace);
                start = Start::Onto;
            }
            weigh(program, bottom, &workspace.totals(), worth, &mut answer);
        }
    }
    clips
}

/// Whether the machine issues every read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Issued {
    All,
    Some,
}

/// Which slices the machine issues, block after block vectors × fragments, bit `s` for slice `s`.
fn issue<'a>(
    program: &LayerProgram,
    vectors: Vectors<'_>,
    blocks: impl Iterator<Item = &'a BlockProgram>,
    out: &mut Vec<u64>,
) -> Issued {
    if program.skipping == Skipping::None {
        return Issued::All;
    }
    out.clear();
    for block in blocks {
        for vector in 0..vectors.count() {
            for f in block.fragments.clone() {
                let occupied = occupied(vectors, vector, program.layout.rows[f].clone());
                let set = |(s, slice)| u64::from(program.is_issued(slice, occupied)) << s;
                out.push(program.slices.iter().enumerate().map(set).sum());
            }
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

/// Weighs the totals of some columns of a block with their steps and adds them to the answer.
pub(crate) fn weigh(
    program: &LayerProgram,
    block: &BlockProgram,
    totals: &Totals<'_>,
    worth: &[f64],
    answer: &mut Answer<'_>,
) {
    for readout in &block.readouts {
        let columns = &readout.columns;
        let (first, end) = (columns.start.max(totals.columns.start), columns.end.min(totals.columns.end));
        if first >= end {
            continue;
        }
        let inside = first - columns.start;
        let part = Weighed {
            first: first - totals.columns.start,
            worth: &worth[first..end],
            step: program.step(readout.range),
            shared: readout.shared_gain.as_ref().map(|gains| {
                let outputs = gains.cols();
                &gains.as_slice()[inside * outputs..(inside + end - first) * outputs]
            }),
        };
        let output =
            block.outputs.start + if part.shared.is_some() { 0 } else { readout.first_output + inside };
        kernel::weigh(totals, part, output, answer);
    }
}

/// What the encoding asks to be added for every unit of input.
fn add_input_sums(
    program: &LayerProgram,
    block: &BlockProgram,
    vectors: Vectors<'_>,
    answer: &mut Answer<'_>,
) {
    if block.input_sum_scale.is_empty() {
        return;
    }
    let spread = program.spread.as_ref().map_or(1, |s| s.rows);
    let rows = block.first_row / spread..(block.first_row + block.rows) / spread;
    for vector in 0..vectors.count() {
        let sum = vectors.sum(vector, rows.clone());
        for (output, &scale) in block.outputs.clone().zip(&block.input_sum_scale) {
            *answer.at(output, vector) += (scale * sum) as f64;
        }
    }
}

#[cfg(test)]
mod tests;
