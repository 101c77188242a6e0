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
mod tests {
    use super::*;
    use crate::design::{Arithmetic, LayerDesign, Periphery, Seen, exact_program, program};
    use crate::program::lay_out;
    use ohmic_hardware::dac::Skipping;
    use ohmic_hardware::{Encoded, Gain, Readout, Sign};
    use ohmic_mapping::{Block, BlockId, LayerPlan};
    use ohmic_network::quantization::QuantizedMvm;
    use ohmic_network::{Gather, LayerId};
    use ohmic_numerics::{Mat, Seed, Uniform};

    struct Case {
        k: usize,
        n: usize,
        rows: usize,
        per_read: usize,
        slices: Vec<InputSlice>,
        low: i32,
        high: i32,
        skipping: Skipping,
        sigma_lsb: f32,
        read_noise: f64,
        spread: f64,
        converter: bool,
    }

    fn draw(purpose: u32, i: usize, range: i64) -> i64 {
        let at = Site { layer: 9, block: purpose };
        i64::from(Noise::new(Seed(11)).bits(Purpose::Data, at, 0, i as u32)) % range
    }

    /// Three wide readouts (one with a gain per fragment) and one shared, on levels that need not be whole.
    fn build(case: &Case) -> (LayerDesign, LayerPlan, Vec<Seen>) {
        let weights = Mat::from_fn(case.k, case.n, |r, c| draw(1, r * case.n + c, 15) as i32 - 7);
        let mut fragments = Vec::new();
        let mut blocks = Vec::new();
        for start in (0..case.k).step_by(case.rows) {
            let end = (start + case.rows).min(case.k);
            fragments.extend((start..end).step_by(case.per_read).map(|f| f..(f + case.per_read).min(end)));
            blocks.push(Block {
                id: BlockId(blocks.len() as u32),
                group: 0,
                rows: start..end,
                outputs: 0..case.n,
                crossbar: blocks.len() as u32,
                first_row: 0,
                first_col: 0,
                columns: 3 * case.n + 1,
            });
        }
        let (laid, padded) = lay_out(&fragments);
        let grids = if case.converter {
            vec![
                Some(Uniform::unsigned(5, 1.3)),
                Some(Uniform::unsigned(7, 1.0)),
                Some(Uniform::signed(6, 0.7)),
                Some(Uniform::unsigned(7, 1.0)),
            ]
        } else {
            vec![None; 4]
        };
        let mut encoded = Vec::new();
        let mut seen = Vec::new();
        for block in &blocks {
            let rows = block.rows.len();
            let plane = |p: usize, cols: usize| {
                Mat::from_fn(rows, cols, |r, c| draw(2, (p * 1000 + r) * 100 + c, 4) as u16)
            };
            let readout = |plane, gain| Readout {
                terms: vec![(plane, Sign::Plus)],
                gain,
                level_low: 0.0,
                level_high: 3.0,
            };
            let per_fragment =
                Mat::from_fn(
                    rows.div_ceil(case.per_read),
                    case.n,
                    |f, c| if (f + c) % 2 == 0 { 4 } else { -4 },
                );
            encoded.push(Encoded {
                planes: vec![plane(0, case.n), plane(1, case.n), plane(2, case.n), plane(3, 1)],
                readouts: vec![
                    readout(0, Gain::All(1)),
                    readout(1, Gain::PerFragment(per_fragment)),
                    readout(2, Gain::PerColumn((0..case.n as i64).map(|c| 16 - c).collect())),
                    readout(3, Gain::All(-64)),
                ],
                input_sum_scale: (0..case.n as i64).collect(),
            });
            let columns = 3 * case.n + 1;
            let off = |i: usize| (draw(3, i, 2001) - 1000) as f64 / 1000.0 * case.spread;
            let levels = Mat::from_fn(rows, columns, |r, c| {
                let e = &encoded.last().expect("just pushed").planes;
                f64::from(if c == 3 * case.n { e[3][(r, 0)] } else { e[c / case.n][(r, c % case.n)] })
                    + off(r * columns + c)
            });
            let variance = if case.read_noise > 0.0 {
                Mat::from_fn(rows, columns, |r, c| case.read_noise * (1.0 + ((r + c) % 3) as f64))
            } else {
                Mat::default()
            };
            seen.push(Seen { levels, variance });
        }
        let layer = QuantizedMvm {
            weights: vec![weights],
            weight_bits: 4,
            weight_step: vec![1.0; case.n],
            input_bits: 8,
            input_signed: case.low < 0,
            input_step: 1.0,
            bias: vec![0; case.n],
            gather: Gather::Vector { len: case.k },
        };
        let exact = exact_program(&layer);
        let squares = crate::design::Squares::new(&case.slices, &layer);
        let plan = LayerPlan {
            id: LayerId(2),
            name: "case".into(),
            k: case.k,
            n: case.n,
            groups: 1,
            positions: 1,
            rows_per_read: case.per_read,
            fragments,
            crossbars: 0..blocks.len() as u32,
            blocks,
            cells: 0,
        };
        (
            LayerDesign {
                encoded,
                slices: case.slices.clone(),
                fragments: laid,
                padded,
                grids,
                exact,
                squares,
            },
            plan,
            seen,
        )
    }

    fn set_apart(x: &[i32], k: usize) -> (Vec<i32>, usize) {
        let stride = Vectors::stride_of(k);
        let mut out = vec![0; x.len() / k * stride];
        for (out, x) in out.chunks_exact_mut(stride).zip(x.chunks_exact(k)) {
            out[..k].copy_from_slice(x);
        }
        (out, stride)
    }

    fn one_bit(bits: u32) -> Vec<InputSlice> {
        (0..bits).map(|shift| InputSlice { part: Part::Bits, shift, bits: 1, gain: 1 << shift }).collect()
    }

    /// The kernels' form of a read equals the plain form, bit for bit, clips included, with every kind of
    /// noise, skipping, signed digits, odd fragments and partial tiles.
    #[test]
    fn kernels_equal_the_plain_form() {
        let signed = vec![InputSlice { part: Part::Signed, shift: 0, bits: 8, gain: 1 }];
        let mut two_pass = one_bit(7);
        for s in &mut two_pass {
            s.part = Part::Positive;
        }
        two_pass.extend(two_pass.clone().iter().map(|s| InputSlice {
            part: Part::Negative,
            gain: -s.gain,
            ..*s
        }));
        let mut number = 0;
        for (k, n, rows, per_read) in
            [(1, 1, 1, 1), (25, 6, 128, 128), (75, 16, 32, 8), (40, 9, 15, 5), (33, 3, 9, 3)]
        {
            for (slices, low, high) in
                [(one_bit(8), 0, 255), (signed.clone(), -127, 127), (two_pass.clone(), -127, 127)]
            {
                for (sigma_lsb, read_noise, spread) in
                    [(0.0, 0.0, 0.0), (0.0, 0.0, 0.4), (0.3, 0.0, 0.1), (0.2, 0.05, 0.2), (0.0, 0.02, 0.0)]
                {
                    for skipping in [Skipping::None, Skipping::LeadingZeros] {
                        for converter in [true, false] {
                            if !converter && (sigma_lsb > 0.0 || read_noise > 0.0) {
                                continue;
                            }
                            number += 1;
                            let case = Case {
                                k,
                                n,
                                rows,
                                per_read,
                                slices: slices.clone(),
                                low,
                                high,
                                skipping,
                                sigma_lsb,
                                read_noise,
                                spread,
                                converter,
                            };
                            let (design, plan, seen) = build(&case);
                            let range = i64::from(case.high - case.low + 1);
                            let x: Vec<i32> = (0..37 * k)
                                .map(|i| {
                                    if draw(4, i + number, 3) == 0 {
                                        0
                                    } else {
                                        (draw(5, i + number, range) + i64::from(case.low)) as i32
                                    }
                                })
                                .collect();
                            let (x, stride) = set_apart(&x, k);
                            let vectors = Vectors { x: &x, k, stride, first_draw: 1000 };
                            let noise = Noise::new(Seed(5));
                            let mut answers = Vec::new();
                            for arithmetic in [Arithmetic::Chosen, Arithmetic::Plain] {
                                let program = program(
                                    &design,
                                    &plan,
                                    Periphery {
                                        sigma_lsb: case.sigma_lsb,
                                        skipping: case.skipping,
                                        arithmetic,
                                    },
                                    &seen,
                                );
                                assert_eq!(program.is_narrow(), arithmetic == Arithmetic::Chosen);
                                let mut y = vec![0.0; 37 * n];
                                let clips = multiply(
                                    &program,
                                    0,
                                    vectors,
                                    Some((&noise, 2)),
                                    &mut y,
                                    &mut Scratch::default(),
                                );
                                answers.push((y, clips));
                            }
                            assert_eq!(answers[0], answers[1], "case {number}: k {k} n {n}");
                        }
                    }
                }
            }
        }
        // 5 shapes x 3 input codings x 2 ways of skipping x (5 noises with a converter, 2 without)
        assert_eq!(number, 210);
    }

    /// The exact program against the plain integer sum, 16-bit operands included.
    #[test]
    fn exact_program_is_the_integer_product() {
        for (weight_bits, input_bits, k, n) in
            [(8u32, 8u32, 400usize, 10usize), (16, 16, 600, 5), (2, 1, 7, 3), (16, 15, 300, 2)]
        {
            for input_signed in [false, true] {
                if input_bits == 1 && input_signed {
                    continue;
                }
                let top = (1i64 << (weight_bits - 1)) - 1;
                let weights = Mat::from_fn(k, n, |r, c| (draw(6, r * n + c, 2 * top + 1) - top) as i32);
                let (low, span) = if input_signed {
                    (-(1i64 << (input_bits - 1)), 1i64 << input_bits)
                } else {
                    (0, 1 << input_bits)
                };
                let x: Vec<i32> = (0..5 * k).map(|i| (draw(7, i, span) + low) as i32).collect();
                let layer = QuantizedMvm {
                    weights: vec![weights.clone()],
                    weight_bits,
                    weight_step: vec![1.0; n],
                    input_bits,
                    input_signed,
                    input_step: 1.0,
                    bias: vec![0; n],
                    gather: Gather::Vector { len: k },
                };
                let mut y = vec![0.0; 5 * n];
                let (spread, stride) = set_apart(&x, k);
                let vectors = Vectors { x: &spread, k, stride, first_draw: 0 };
                multiply(&exact_program(&layer), 0, vectors, None, &mut y, &mut Scratch::default());
                for v in 0..5 {
                    for c in 0..n {
                        let want: i64 =
                            (0..k).map(|i| i64::from(x[v * k + i]) * i64::from(weights[(i, c)])).sum();
                        assert_eq!(y[v * n + c], want as f64, "{weight_bits} x {input_bits} bits");
                    }
                }
            }
        }
    }
}
