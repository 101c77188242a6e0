//! Reading a layer: many input vectors through its crossbars.

use crate::program::{BlockProgram, Cells, LayerProgram, Occupied};
use ohmic_hardware::dac::{InputSlice, Part};
use ohmic_numerics::kernel::{
    Active, Digit, DigitPart, Fused, Weighed, add_squares, convert_rows, deviate_rows, digit_rows, digits,
    digits_of, fold_listed, fold_rows, mvm_i16, or_rows, read_rows, weigh_rows,
};
use ohmic_numerics::{Noise, Purpose, Site};

/// Input vectors of one group of a layer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vectors<'a> {
    /// `count × stride` integers.
    pub(crate) x: &'a [i32],
    /// Length of one.
    pub(crate) k: usize,
    /// Distance of two: `k` rounded up to whole registers, zeros behind the vector.
    pub(crate) stride: usize,
    /// Draw index of the first: sample · positions + position. The next ones follow.
    pub(crate) first_draw: u32,
}

impl<'a> Vectors<'a> {
    /// `k` rounded up to whole registers of 32-bit lanes.
    pub(crate) fn stride_of(k: usize) -> usize {
        k.next_multiple_of(16)
    }

    pub(crate) fn count(&self) -> usize {
        self.x.len() / self.stride
    }

    /// Vector after vector, without what is behind them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &'a [i32]> + use<'a> {
        let k = self.k;
        self.x.chunks_exact(self.stride).map(move |x| &x[..k])
    }

    /// Some of the vectors.
    pub(crate) fn part(&self, first: usize, count: usize) -> Self {
        Self {
            x: &self.x[first * self.stride..(first + count) * self.stride],
            first_draw: self.first_draw + first as u32,
            ..*self
        }
    }
}

/// Buffers kept from call to call: fresh ones cost more in page faults than the arithmetic.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) digits: Vec<i16>,
    pub(crate) occupied: Vec<Occupied>,
    active: Vec<u64>,
    /// Digits of the rows that `targets` lists.
    listed: Vec<i16>,
    bits: Vec<u32>,
    pub(crate) offsets: Vec<u32>,
    pub(crate) targets: Vec<u32>,
    pub(crate) sums: Vec<i32>,
    noise: Vec<f32>,
    read_deviates: Vec<f32>,
    converter_deviates: Vec<f32>,
    addresses: Vec<(u32, u32)>,
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
        let tile = vectors.part(first, n);
        clips += multiply_tile(
            program,
            group,
            tile,
            noise,
            &mut y[first * outputs..(first + n) * outputs],
            scratch,
        );
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
    occupied_bits(program, vectors, scratch);
    // fused reads cut the digits of their own rows
    let has_plain_reads = program.is_exact() || program.blocks.iter().any(|b| is_noisy(program, b, noise));
    if program.is_narrow() && has_plain_reads {
        cut_digits(program, vectors, &mut scratch.digits);
    }
    // an input has at most 16 bits
    let gains: Vec<i32> = program.slices.iter().map(|s| s.gain as i32).collect();
    let mut clips = 0;
    for block in program.blocks.iter().filter(|b| b.group == group) {
        let width = block.padded_columns();
        scratch.folded.clear();
        scratch.folded.resize(count * width, 0);
        match &block.cells {
            Cells::Narrow(packed) if !program.is_exact() && !is_noisy(program, block, noise) => {
                choose_rows(program, block.fragments.clone(), scratch);
                cut_listed_digits(program, vectors, scratch);
                scratch.codes.clear();
                scratch.codes.resize(scratch.targets.len() * width, 0);
                let offsets: Vec<usize> =
                    program.fragments[block.fragments.clone()].iter().map(|f| f.offset).collect();
                let active = Active {
                    slices: &scratch.active,
                    per_vector: slices,
                    fragments: program.fragments.len(),
                    first: block.fragments.start,
                };
                let fused = Fused {
                    fragments: packed,
                    offsets: &offsets,
                    gains: &block.gains,
                    grids: &block.grids,
                    scale: program.scale(),
                };
                let Scratch { listed, targets, codes, folded, .. } = scratch;
                clips += read_rows(listed, program.padded, targets, active, fused, codes);
                fold_listed(codes, targets, &gains, width, folded);
            }
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
                    if let Some((source, layer)) = noise {
                        let at = Site { layer, block: block.block };
                        draw_noise(program, block, fragment, vectors, (source, at), scratch);
                    }
                    clips += convert_rows(
                        &scratch.sums,
                        &scratch.targets,
                        program.scale(),
                        noise.is_some().then_some(&scratch.noise[..]),
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

/// Whether the reads of a block draw noise.
fn is_noisy(program: &LayerProgram, block: &BlockProgram, noise: Option<(&Noise, u32)>) -> bool {
    noise.is_some() && (program.sigma_lsb > 0.0 || !block.variance.is_empty())
}

/// The rows of digits that any of the fragments computes, and which do.
fn choose_rows(program: &LayerProgram, fragments: std::ops::Range<usize>, scratch: &mut Scratch) {
    let Scratch { occupied, active, targets, .. } = scratch;
    active.clear();
    active.extend(occupied.iter().map(|&o| program.computed(o)));
    targets.clear();
    let slices = program.slices.len() as u32;
    for (vector, active) in active.chunks_exact(program.fragments.len()).enumerate() {
        let mut any = active[fragments.clone()].iter().fold(0, |a, b| a | b);
        while any != 0 {
            targets.push(vector as u32 * slices + any.trailing_zeros());
            any &= any - 1;
        }
    }
}

/// Occupied bits of every vector and fragment, `count × fragments`.
pub(crate) fn occupied_bits(program: &LayerProgram, vectors: Vectors<'_>, scratch: &mut Scratch) {
    let Scratch { occupied, bits, .. } = scratch;
    occupied.clear();
    if program.slices_are_bits {
        let runs: Vec<(usize, usize)> =
            program.fragments.iter().map(|f| (f.rows.start, f.rows.end)).collect();
        bits.resize(vectors.count() * runs.len(), 0);
        or_rows(vectors.x, vectors.stride, &runs, bits);
        occupied.extend(bits.iter().map(|&b| Occupied::of_bits(b)));
        return;
    }
    if program.is_exact() && program.slices.len() == 1 {
        // one product a vector: looking for vectors of zeros costs more than it saves
        occupied.resize(vectors.count() * program.fragments.len(), Occupied::ANYTHING);
        return;
    }
    for x in vectors.iter() {
        occupied.extend(program.fragments.iter().map(|f| Occupied::of(&x[f.rows.clone()])));
    }
}

/// The digits of the rows that are listed in `targets`.
fn cut_listed_digits(program: &LayerProgram, vectors: Vectors<'_>, scratch: &mut Scratch) {
    let Scratch { listed, targets, .. } = scratch;
    let padded = program.padded;
    listed.resize(targets.len() * padded, 0);
    let kernels: Vec<Digit> = program.slices.iter().map(digit).collect();
    if let [run] = &program.runs[..]
        && run.offset == 0
        && vectors.stride <= padded
    {
        digits_of(vectors.x, vectors.stride, &kernels, targets, padded, listed);
        return;
    }
    for (&row, out) in targets.iter().zip(listed.chunks_exact_mut(padded)) {
        let (vector, slice) = (row as usize / kernels.len(), row as usize % kernels.len());
        for run in &program.runs {
            let x = &vectors.x[vector * vectors.stride..][run.rows.clone()];
            digits(x, kernels[slice], &mut out[run.offset..run.offset + run.rows.len()]);
        }
    }
}

/// The digits of every vector and slice, `(count · slices) × padded`, fragments at their offsets.
pub(crate) fn cut_digits(program: &LayerProgram, vectors: Vectors<'_>, out: &mut Vec<i16>) {
    let padded = program.padded;
    out.resize(vectors.count() * program.slices.len() * padded, 0);
    let kernels: Vec<Digit> = program.slices.iter().map(digit).collect();
    if let [run] = &program.runs[..]
        && run.offset == 0
        && vectors.stride <= padded
    {
        digit_rows(vectors.x, vectors.stride, &kernels, padded, out);
        return;
    }
    for (x, rows) in vectors.iter().zip(out.chunks_exact_mut(padded * kernels.len())) {
        for (&kernel, row) in kernels.iter().zip(rows.chunks_exact_mut(padded)) {
            for run in &program.runs {
                // what stands in the padding of an odd run meets a row of zeros
                digits(&x[run.rows.clone()], kernel, &mut row[run.offset..run.offset + run.rows.len()]);
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
fn add_exact(scratch: &mut Scratch, gains: &[i32], columns: &[i32], width: usize) {
    for (&target, sums) in scratch.targets.iter().zip(scratch.sums.chunks_exact(width)) {
        let (vector, slice) = (target as usize / gains.len(), target as usize % gains.len());
        let folded = &mut scratch.folded[vector * width..][..width];
        for ((folded, &sum), &gain) in folded.iter_mut().zip(sums).zip(columns) {
            *folded += i64::from(gains[slice]) * i64::from(gain) * i64::from(sum);
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
    let stride = columns.next_multiple_of(4) as u32;
    let Scratch { noise, read_deviates, converter_deviates, targets, offsets, digits, addresses, .. } =
        scratch;
    addresses.clear();
    addresses.extend(targets.iter().map(|&target| {
        let (vector, slice) = (target as usize / slices, target as usize % slices);
        let cell = (slice * program.fragments.len() + fragment) as u32 * stride;
        (vectors.first_draw + vector as u32, cell)
    }));
    noise.clear();
    noise.resize(targets.len() * width, 0.0);
    let has_read_noise = !block.variance.is_empty();
    if has_read_noise {
        let frag = &program.fragments[fragment];
        let start = frag.rows.start - block.first_row;
        let variance = &block.variance[start * columns..(start + frag.rows.len()) * columns];
        for (row, &offset) in noise.chunks_exact_mut(width).zip(offsets.iter()) {
            add_squares(&digits[offset as usize..][..frag.rows.len()], variance, &mut row[..columns]);
        }
        read_deviates.resize(noise.len(), 0.0);
        source.fill_normal_rows(Purpose::Read, at, addresses, columns, width, read_deviates);
    }
    let has_converter_noise = program.sigma_lsb > 0.0;
    if has_converter_noise {
        converter_deviates.resize(noise.len(), 0.0);
        source.fill_normal_rows(Purpose::Converter, at, addresses, columns, width, converter_deviates);
    }
    deviate_rows(
        has_read_noise.then(|| &read_deviates[..noise.len()]),
        has_converter_noise.then(|| (&converter_deviates[..noise.len()], &block.sigma[..])),
        width,
        noise,
    );
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
    let parts: Vec<Weighed<'_>> = block
        .readouts
        .iter()
        .map(|r| Weighed {
            first: r.columns.start,
            columns: r.columns.len(),
            step: program.step(r.range),
            shared: r.shared_gain.as_ref().map(|g| g.as_slice()),
        })
        .collect();
    weigh_rows(folded, width, &parts, block.outputs.start, outputs, y);
    if block.input_sum_scale.is_empty() {
        return;
    }
    for (x, y) in vectors.iter().zip(y.chunks_exact_mut(outputs)) {
        let sum: i64 = x[block.first_row..][..block.rows].iter().map(|&x| i64::from(x)).sum();
        for (y, &scale) in y[block.outputs.clone()].iter_mut().zip(&block.input_sum_scale) {
            *y += (scale * sum) as f64;
        }
    }
}

#[cfg(test)]
mod tests;
