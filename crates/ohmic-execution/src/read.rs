//! Reading a layer: many input vectors through its crossbars.

use crate::program::{BlockProgram, Cells, LayerProgram, Occupied};
use ohmic_hardware::dac::{InputSlice, Part};
use ohmic_numerics::kernel::{Digit, DigitPart, add_squares, convert_rows, digits, fold_rows, mvm_i16};
use ohmic_numerics::{Noise, Purpose, Site};

/// Input vectors of one group of a layer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vectors<'a> {
    /// `count × k` integers.
    pub(crate) x: &'a [i32],
    /// Length of one.
    pub(crate) k: usize,
    /// Draw index of the first: sample · positions + position. The next ones follow.
    pub(crate) first_draw: u32,
}

impl Vectors<'_> {
    pub(crate) fn count(&self) -> usize {
        self.x.len() / self.k
    }
}

/// Buffers kept from call to call: fresh ones cost more in page faults than the arithmetic.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) digits: Vec<i16>,
    pub(crate) occupied: Vec<Occupied>,
    pub(crate) offsets: Vec<u32>,
    pub(crate) targets: Vec<u32>,
    pub(crate) sums: Vec<i32>,
    noise: Vec<f32>,
    deviates: Vec<f32>,
    codes: Vec<i32>,
    folded: Vec<i64>,
}

/// Sums that a tile of reads may take, in bytes: half of a 512 KiB second-level cache.
const TILE_BYTES: usize = 256 << 10;

/// Adds the layer's answer to `y` (`count × outputs of the group`, in units of the integer product)
/// and returns how many conversions clipped.
///
/// `noise` is the chip's source and the layer's index; it is drawn from only if the program says that
/// reads or conversions are noisy. Reads whose digits are all zero give code 0 without noise and are
/// left out; a skipped read draws no noise because the machine does not issue it.
pub(crate) fn multiply(
    program: &LayerProgram,
    group: usize,
    vectors: Vectors<'_>,
    noise: Option<(&Noise, u32)>,
    y: &mut [f64],
    scratch: &mut Scratch,
) -> u64 {
    let count = vectors.count();
    if count == 0 {
        return 0;
    }
    let outputs = y.len() / count;
    let slices = program.slices.len();
    let widest = program.blocks.iter().map(|b| b.padded_columns()).max().unwrap_or(1);
    let tile = (TILE_BYTES / 4 / widest / slices).clamp(1, 256);
    let mut clips = 0;
    for first in (0..count).step_by(tile) {
        let n = tile.min(count - first);
        let tile = Vectors {
            x: &vectors.x[first * vectors.k..(first + n) * vectors.k],
            k: vectors.k,
            first_draw: vectors.first_draw + first as u32,
        };
        clips += multiply_tile(program, group, tile, noise, &mut y[first * outputs..(first + n) * outputs], scratch);
    }
    clips
}

fn multiply_tile(
    program: &LayerProgram,
    group: usize,
    vectors: Vectors<'_>,
    noise: Option<(&Noise, u32)>,
    y: &mut [f64],
    scratch: &mut Scratch,
) -> u64 {
    let count = vectors.count();
    let outputs = y.len() / count;
    let slices = program.slices.len();
    let rows = count * slices;
    occupied_bits(program, vectors, &mut scratch.occupied);
    if program.is_narrow() {
        cut_digits(program, vectors, &mut scratch.digits);
    }
    let gains: Vec<i64> = program.slices.iter().map(|s| s.gain).collect();
    let mut clips = 0;
    for block in program.blocks.iter().filter(|b| b.group == group) {
        let width = block.padded_columns();
        scratch.folded.clear();
        scratch.folded.resize(count * width, 0);
        match &block.cells {
            Cells::Narrow(packed) => {
                scratch.codes.clear();
                scratch.codes.resize(rows * width, 0);
                for (local, fragment) in block.fragments.clone().enumerate() {
                    choose_reads(program, fragment, scratch);
                    if scratch.targets.is_empty() {
                        continue;
                    }
                    scratch.sums.resize(scratch.targets.len() * width, 0);
                    mvm_i16(&scratch.digits, &scratch.offsets, &packed[local], &mut scratch.sums);
                    if program.is_exact() {
                        add_exact(scratch, &gains, &block.gains[local], width);
                        continue;
                    }
                    let noisy = match noise {
                        Some((source, layer)) if program.sigma_lsb > 0.0 || !block.variance.is_empty() => {
                            let at = Site { layer, block: block.block };
                            draw_noise(program, block, fragment, vectors, (source, at), scratch);
                            true
                        }
                        _ => false,
                    };
                    clips += convert_rows(
                        &scratch.sums,
                        &scratch.targets,
                        program.scale(),
                        noisy.then_some(&scratch.noise[..]),
                        &block.grids,
                        &block.gains[local],
                        &mut scratch.codes,
                    );
                }
                if !program.is_exact() {
                    fold_rows(&scratch.codes, &gains, width, &mut scratch.folded);
                }
            }
            Cells::Wide(cells) => {
                let Scratch { occupied, folded, .. } = scratch;
                clips += crate::wide::read_block(program, block, cells, vectors, noise, occupied, folded);
            }
        }
        combine(program, block, &scratch.folded, width, vectors, y, outputs);
    }
    clips
}

/// Occupied bits of every vector and fragment, `count × fragments`.
pub(crate) fn occupied_bits(program: &LayerProgram, vectors: Vectors<'_>, out: &mut Vec<Occupied>) {
    out.clear();
    for x in vectors.x.chunks_exact(vectors.k) {
        out.extend(program.fragments.iter().map(|f| Occupied::of(&x[f.rows.clone()])));
    }
}

/// The digits of every vector and slice, `(count · slices) × padded`, fragments at their offsets.
pub(crate) fn cut_digits(program: &LayerProgram, vectors: Vectors<'_>, out: &mut Vec<i16>) {
    let padded = program.padded;
    out.resize(vectors.count() * program.slices.len() * padded, 0);
    let kernels: Vec<Digit> = program.slices.iter().map(digit).collect();
    for (x, rows) in vectors.x.chunks_exact(vectors.k).zip(out.chunks_exact_mut(padded * kernels.len())) {
        for (&kernel, row) in kernels.iter().zip(rows.chunks_exact_mut(padded)) {
            for run in &program.runs {
                digits(&x[run.rows.clone()], kernel, &mut row[run.offset..run.offset + run.rows.len()]);
                // an odd run is followed by one padding digit, which may be left over from another layer
                if run.rows.len() % 2 == 1 {
                    row[run.offset + run.rows.len()] = 0;
                }
            }
        }
    }
}

fn digit(slice: &InputSlice) -> Digit {
    let part = match slice.part {
        Part::Bits => DigitPart::Bits,
        Part::Positive => DigitPart::Positive,
        Part::Negative => DigitPart::Negative,
        Part::Signed => DigitPart::Signed,
    };
    Digit { part, shift: slice.shift, bits: slice.bits }
}

/// The reads of one fragment that have to be computed: where their digits start, and their row.
pub(crate) fn choose_reads(program: &LayerProgram, fragment: usize, scratch: &mut Scratch) {
    scratch.offsets.clear();
    scratch.targets.clear();
    let slices = program.slices.len();
    let offset = program.fragments[fragment].offset;
    for (vector, occupied) in scratch.occupied.chunks_exact(program.fragments.len()).enumerate() {
        for (s, slice) in program.slices.iter().enumerate() {
            if program.is_computed(slice, occupied[fragment]) {
                let row = vector * slices + s;
                scratch.targets.push(row as u32);
                scratch.offsets.push((row * program.padded + offset) as u32);
            }
        }
    }
}

/// Without a converter the sums themselves are the codes: straight into 64 bits.
fn add_exact(scratch: &mut Scratch, gains: &[i64], columns: &[i32], width: usize) {
    for (&target, sums) in scratch.targets.iter().zip(scratch.sums.chunks_exact(width)) {
        let (vector, slice) = (target as usize / gains.len(), target as usize % gains.len());
        let folded = &mut scratch.folded[vector * width..][..width];
        for ((folded, &sum), &gain) in folded.iter_mut().zip(sums).zip(columns) {
            *folded += gains[slice] * i64::from(gain) * i64::from(sum);
        }
    }
}

/// Deviations of every computed conversion of one fragment, in levels: read noise summed over the
/// rows (one draw of the summed variance, equal in distribution to one a cell) plus converter noise.
fn draw_noise(
    program: &LayerProgram,
    block: &BlockProgram,
    fragment: usize,
    vectors: Vectors<'_>,
    (source, at): (&Noise, Site),
    scratch: &mut Scratch,
) {
    let (columns, width) = (block.columns(), block.padded_columns());
    let slices = program.slices.len();
    scratch.noise.clear();
    scratch.noise.resize(scratch.targets.len() * width, 0.0);
    scratch.deviates.resize(width, 0.0);
    let stride = columns.next_multiple_of(4) as u32;
    for (r, &target) in scratch.targets.iter().enumerate() {
        let (vector, slice) = (target as usize / slices, target as usize % slices);
        let draw = vectors.first_draw + vector as u32;
        let first = (slice * program.fragments.len() + fragment) as u32 * stride;
        let cells = ohmic_numerics::Cells { site: at, first };
        let row = &mut scratch.noise[r * width..][..width];
        if !block.variance.is_empty() {
            let frag = &program.fragments[fragment];
            let start = frag.rows.start - block.first_row;
            let digits = &scratch.digits[scratch.offsets[r] as usize..][..frag.rows.len()];
            let variance = &block.variance[start * columns..(start + frag.rows.len()) * columns];
            add_squares(digits, variance, &mut row[..columns]);
            source.fill_normal(Purpose::Read, cells, draw, &mut scratch.deviates[..columns]);
            for (v, z) in row[..columns].iter_mut().zip(&scratch.deviates) {
                *v = v.sqrt() * z;
            }
        }
        if program.sigma_lsb > 0.0 {
            source.fill_normal(Purpose::Converter, cells, draw, &mut scratch.deviates[..columns]);
            for ((v, z), sigma) in row[..columns].iter_mut().zip(&scratch.deviates).zip(&block.sigma) {
                *v += sigma * z;
            }
        }
    }
}

/// Weighs the folded codes of a block with their steps and adds them to the answer.
fn combine(
    program: &LayerProgram,
    block: &BlockProgram,
    folded: &[i64],
    width: usize,
    vectors: Vectors<'_>,
    y: &mut [f64],
    outputs: usize,
) {
    for (v, (folded, y)) in folded.chunks_exact(width).zip(y.chunks_exact_mut(outputs)).enumerate() {
        let y = &mut y[block.outputs.clone()];
        for readout in &block.readouts {
            let step = program.step(readout.range);
            match &readout.shared_gain {
                Some(gains) => {
                    let code = folded[readout.columns.start];
                    for (y, &gain) in y.iter_mut().zip(gains) {
                        *y += step * (gain * code) as f64;
                    }
                }
                None => {
                    for (y, &code) in y.iter_mut().zip(&folded[readout.columns.clone()]) {
                        *y += step * code as f64;
                    }
                }
            }
        }
        if !block.input_sum_scale.is_empty() {
            let rows = block.first_row..block.first_row + block.rows;
            let sum: i64 = vectors.x[v * vectors.k..][rows].iter().map(|&x| i64::from(x)).sum();
            for (y, &scale) in y.iter_mut().zip(&block.input_sum_scale) {
                *y += (scale * sum) as f64;
            }
        }
    }
}
