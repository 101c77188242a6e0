//! What stands before and after the products of a read: digits, conversions, digital gains.

use super::{level, scalar};
use crate::quantize::Uniform;

/// The converter grids of the columns of a read, laid out for the kernels.
#[derive(Clone, Debug, Default)]
pub struct Grids {
    pub(super) inverse: Vec<f32>,
    pub(super) low: Vec<f32>,
    pub(super) high: Vec<f32>,
    /// The first and last values that round to a code.
    pub(super) floor: Vec<f32>,
    pub(super) ceiling: Vec<f32>,
}

impl Grids {
    /// Number of columns, padding included.
    pub fn len(&self) -> usize {
        self.inverse.len()
    }

    /// Whether there is no column.
    pub fn is_empty(&self) -> bool {
        self.inverse.is_empty()
    }

    /// One grid a column; `padded` columns in all, the rest answer 0 to a sum of 0.
    ///
    /// # Panics
    /// At most `padded` grids.
    pub fn new(columns: impl IntoIterator<Item = Uniform>, padded: usize) -> Self {
        let mut grids = Self::default();
        for q in columns {
            grids.inverse.push(1.0 / q.step);
            grids.low.push(q.code_min as f32);
            grids.high.push(q.code_max as f32);
        }
        assert!(grids.inverse.len() <= padded, "{} grids for {padded} columns", grids.inverse.len());
        grids.inverse.resize(padded, 1.0);
        grids.low.resize(padded, 0.0);
        grids.high.resize(padded, 0.0);
        grids.floor = grids.low.iter().map(|&low| -last_that_rounds_to(-low)).collect();
        grids.ceiling = grids.high.iter().map(|&high| last_that_rounds_to(high)).collect();
        grids
    }
}

/// The largest number that rounds to a code: half a step above an even one, the last before that above an
/// odd one (ties go to even).
fn last_that_rounds_to(code: f32) -> f32 {
    let mut last = code + 0.5;
    while last.round_ties_even() > code {
        last = last.next_down();
    }
    last
}

#[inline(always)]
fn convert_body(
    sums: &[i32],
    targets: &[u32],
    scale: f32,
    noise: Option<&[f32]>,
    grids: &Grids,
    gains: &[i32],
    codes: &mut [i32],
) -> u64 {
    match noise {
        None => scalar::convert_rows::<false>(sums, targets, scale, &[], grids, gains, codes),
        Some(z) => scalar::convert_rows::<true>(sums, targets, scale, z, grids, gains, codes),
    }
}

by_level! {
    fn convert_at(sums: &[i32], targets: &[u32], scale: f32, noise: Option<&[f32]>, grids: &Grids, gains: &[i32], codes: &mut [i32]) -> u64 = convert_body
}

/// Converts the sums of many reads and adds `gain · code` to one row of `codes` a read; returns how
/// many conversions clipped.
///
/// Model: `code = clamp(round_ties_even((sum · scale + noise) · (1 / step)))`, see [`Uniform::code`].
/// Shapes: `sums` and `noise` are `targets.len() × gains.len()`; read `r` adds to row `targets[r]` of
/// `codes`. Units: `scale` is levels per unit of `sums`; noise and steps are in levels.
///
/// # Panics
/// The shapes above; every target is a row of `codes`.
pub fn convert_rows(
    sums: &[i32],
    targets: &[u32],
    scale: f32,
    noise: Option<&[f32]>,
    grids: &Grids,
    gains: &[i32],
    codes: &mut [i32],
) -> u64 {
    let n = targets.len() * gains.len();
    assert_eq!(sums.len(), n, "one row of sums a read");
    assert!(noise.is_none_or(|z| z.len() == n), "one deviate a conversion");
    assert_eq!(grids.inverse.len(), gains.len(), "one grid a column");
    convert_at(level(), sums, targets, scale, noise, grids, gains, codes)
}

by_level! {
    fn fold_at(codes: &[i32], gains: &[i32], width: usize, sums: &mut [i64]) -> () = scalar::fold_rows
}

/// Shift-and-add over input slices: `sums[t][c] += sum_s gains[s] · codes[t · slices + s][c]`.
///
/// # Panics
/// `codes.len() == sums.len() * gains.len()`, both whole rows of `width`.
pub fn fold_rows(codes: &[i32], gains: &[i32], width: usize, sums: &mut [i64]) {
    assert_eq!(codes.len(), sums.len() * gains.len(), "one row a slice");
    assert_eq!(sums.len() % width, 0, "whole rows of {width}");
    fold_at(level(), codes, gains, width, sums);
}

/// What a digit is cut from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigitPart {
    /// The bits as they stand (two's complement if negative).
    Bits,
    /// The bits of `max(x, 0)`.
    Positive,
    /// The bits of `max(-x, 0)`.
    Negative,
    /// The bits of `|x|`, with the sign of `x`.
    Signed,
}

/// One digit of an integer: `bits` bits from bit `shift` up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digit {
    /// What it is cut from.
    pub part: DigitPart,
    /// Lowest bit.
    pub shift: u32,
    /// Number of bits, at most 15.
    pub bits: u32,
}

by_level! {
    fn digits_at(x: &[i32], slice: Digit, out: &mut [i16]) -> () = scalar::digits
}

/// The digits of many integers.
///
/// # Panics
/// `out.len() == x.len()`, `bits <= 15`, `shift < 32`.
pub fn digits(x: &[i32], slice: Digit, out: &mut [i16]) {
    assert!(
        out.len() == x.len() && slice.bits <= 15 && slice.shift < 32,
        "{slice:?} of {} integers",
        x.len()
    );
    digits_at(level(), x, slice, out);
}

by_level! {
    fn digit_rows_at(x: &[i32], stride: usize, slices: &[Digit], padded: usize, out: &mut [i16]) -> () = scalar::digit_rows
}

/// All digits of many vectors: row `t · slices + s` of `out` (each `padded` long) holds digit `s` of
/// vector `t` (each `stride` long). A stride of whole vector registers (multiples of 16) is fastest.
///
/// # Panics
/// `stride <= padded`, whole rows on both sides, `bits <= 15`, `shift < 32`.
pub fn digit_rows(x: &[i32], stride: usize, slices: &[Digit], padded: usize, out: &mut [i16]) {
    assert!(
        stride > 0 && stride <= padded && x.len().is_multiple_of(stride),
        "vectors of {stride} in rows of {padded}"
    );
    assert_eq!(out.len(), x.len() / stride * slices.len() * padded, "one row a slice");
    assert!(slices.iter().all(|s| s.bits <= 15 && s.shift < 32), "digits of at most 15 bits");
    digit_rows_at(level(), x, stride, slices, padded, out);
}

by_level! {
    fn digits_of_at(x: &[i32], stride: usize, slices: &[Digit], rows: &[u32], padded: usize, out: &mut [i16]) -> () = scalar::digits_of
}

/// Some of the rows that [`digit_rows`] makes, one after the other: row `j` of `out` is its row `rows[j]`.
///
/// # Panics
/// `stride <= padded`, every row has its vector in `x`, `out` holds one row each, digits as there.
pub fn digits_of(x: &[i32], stride: usize, slices: &[Digit], rows: &[u32], padded: usize, out: &mut [i16]) {
    assert!(
        stride > 0 && stride <= padded && x.len().is_multiple_of(stride),
        "vectors of {stride} in rows of {padded}"
    );
    let most = x.len() / stride * slices.len();
    assert!(rows.iter().all(|&r| (r as usize) < most) && out.len() == rows.len() * padded, "one row each");
    assert!(slices.iter().all(|s| s.bits <= 15 && s.shift < 32), "digits of at most 15 bits");
    digits_of_at(level(), x, stride, slices, rows, padded, out);
}

by_level! {
    fn fold_listed_at(codes: &[i32], rows: &[u32], gains: &[i32], width: usize, sums: &mut [i64]) -> () = scalar::fold_listed
}

/// [`fold_rows`] for some rows only: row `j` of `codes` stands for row `rows[j]` there.
///
/// # Panics
/// One row of `codes` each, whose vector has a row in `sums`.
pub fn fold_listed(codes: &[i32], rows: &[u32], gains: &[i32], width: usize, sums: &mut [i64]) {
    assert_eq!(codes.len(), rows.len() * width, "one row each");
    assert!(rows.iter().all(|&r| (r as usize / gains.len() + 1) * width <= sums.len()), "a sum a vector");
    fold_listed_at(level(), codes, rows, gains, width, sums);
}

/// Columns of folded codes and what they are worth.
#[derive(Clone, Copy, Debug)]
pub struct Weighed<'a> {
    /// First column.
    pub first: usize,
    /// What all codes of a column are multiplied with, a column each.
    pub worth: &'a [f64],
    /// What one code is worth.
    pub step: f64,
    /// `None`: one column an output. `Some`: each column serves all outputs, with these gains, `columns × outputs`.
    pub shared: Option<&'a [i64]>,
}

/// Accumulators of many outputs and vectors.
#[derive(Debug)]
pub struct Accumulators<'a> {
    /// Their values.
    pub y: &'a mut [f64],
    /// How they stand.
    pub order: Order,
    /// The first vector that is meant.
    pub first: usize,
}

/// How accumulators stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Output by output, this many vectors each.
    ByOutput(usize),
    /// Vector by vector, this many outputs each.
    ByVector(usize),
}

impl Accumulators<'_> {
    /// The accumulator of an output and a vector, counted from the first.
    #[inline(always)]
    pub fn at(&mut self, output: usize, vector: usize) -> &mut f64 {
        let vector = self.first + vector;
        match self.order {
            Order::ByOutput(vectors) => &mut self.y[output * vectors + vector],
            Order::ByVector(outputs) => &mut self.y[vector * outputs + output],
        }
    }
}

by_level! {
    fn weigh_rows_at(sums: &[i32], width: usize, part: Weighed<'_>, stride: usize, y: &mut [f64]) -> () = scalar::weigh_rows
}

by_level! {
    fn weigh_columns_at(sums: &[i32], width: usize, part: Weighed<'_>, stride: usize, y: &mut [f64]) -> () = scalar::weigh_columns
}

/// Adds `step · worth · code` of every part and row of `sums` to the accumulators, from output `output` on.
///
/// # Panics
/// Whole rows of `width` in `sums`, all of which have accumulators; parts lie within both.
pub fn weigh(sums: &[i32], width: usize, parts: &[Weighed<'_>], output: usize, to: &mut Accumulators<'_>) {
    let rows = sums.len() / width;
    for part in parts {
        if let Some(gains) = part.shared {
            let outputs = gains.len() / part.worth.len();
            for (i, gains) in gains.chunks_exact(outputs).enumerate() {
                for (v, &sum) in sums[part.first + i..].iter().step_by(width).enumerate() {
                    for (c, &gain) in gains.iter().enumerate() {
                        *to.at(output + c, v) += (gain * i64::from(sum)) as f64 * part.step;
                    }
                }
            }
            continue;
        }
        match to.order {
            Order::ByVector(outputs) => {
                assert!(output + part.worth.len() <= outputs, "an accumulator a column");
                let y = &mut to.y[to.first * outputs + output..];
                weigh_rows_at(level(), sums, width, *part, outputs, y);
            }
            Order::ByOutput(vectors) => {
                assert!(to.first + rows <= vectors, "an accumulator a row of sums");
                let y = &mut to.y[output * vectors + to.first..];
                #[cfg(target_arch = "x86_64")]
                if level() == super::Level::Avx512 {
                    assert!(part.first + part.worth.len() <= width, "a part within its row");
                    assert!((part.worth.len() - 1) * vectors + rows <= y.len(), "an accumulator each");
                    // SAFETY: `level` reports AVX-512 only where all the features of the function are there; the
                    // asserts give every address it forms.
                    unsafe { super::avx512::weigh_columns(sums, width, *part, vectors, y) };
                    continue;
                }
                weigh_columns_at(level(), sums, width, *part, vectors, y);
            }
        }
    }
}

by_level! {
    fn or_rows_at(x: &[i32], stride: usize, runs: &[(usize, usize)], out: &mut [u32]) -> () = scalar::or_rows
}

/// The bits that occur in runs (start, end) of every vector: `vectors × runs`.
///
/// # Panics
/// Runs lie within `stride`; whole vectors in `x`, one entry each in `out`.
pub fn or_rows(x: &[i32], stride: usize, runs: &[(usize, usize)], out: &mut [u32]) {
    assert!(
        stride > 0 && x.len().is_multiple_of(stride) && out.len() == x.len() / stride * runs.len(),
        "one entry a run"
    );
    assert!(runs.iter().all(|&(start, end)| start <= end && end <= stride), "runs within {stride}");
    or_rows_at(level(), x, stride, runs, out);
}

by_level! {
    fn deviate_at(read: Option<&[f32]>, converter: Option<(&[f32], &[f32])>, width: usize, noise: &mut [f32]) -> () = scalar::deviate_rows
}

/// Turns variances and normal deviates into deviations of a read, `rows × width`, in place:
/// `noise = sqrt(noise) · read + sigma[c] · converter`; a part that is `None` is left out (without
/// `read`, `noise` comes in as zeros). `converter` is a pair of deviates and one sigma a column.
///
/// # Panics
/// Deviates have as many entries as `noise`; `sigma` has `width`.
pub fn deviate_rows(
    read: Option<&[f32]>,
    converter: Option<(&[f32], &[f32])>,
    width: usize,
    noise: &mut [f32],
) {
    assert!(read.is_none_or(|z| z.len() == noise.len()), "one deviate a conversion");
    assert!(converter.is_none_or(|(z, s)| z.len() == noise.len() && s.len() == width), "one sigma a column");
    deviate_at(level(), read, converter, width, noise);
}

by_level! {
    fn squares_at(x: &[i16], v: &[f32], width: usize, out: &mut [f32]) -> () = scalar::add_squares
}

/// Adds to `out` the variance of a read: `sum_i x_i² · v[i][c]`, `v` row-major `x.len() × out.len()`.
///
/// # Panics
/// `v.len() == x.len() * out.len()`.
pub fn add_squares(x: &[i16], v: &[f32], out: &mut [f32]) {
    assert_eq!(v.len(), x.len() * out.len(), "one variance a cell");
    squares_at(level(), x, v, out.len(), out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Level;

    /// The quantizer's own `code` and `clips`, column by column, on every level of this machine.
    #[test]
    fn all_levels_equal_the_quantizer() {
        let kinds = [Uniform::unsigned(6, 1.7), Uniform::signed(5, 0.9), Uniform::unsigned(20, 1.0)];
        for width in [1usize, 7, 15, 16, 17, 33, 100] {
            let targets = [2u32, 0, 1];
            let n = targets.len() * width;
            let sums: Vec<i32> = (0..n).map(|i| (i as i32 * 7919) % 5000 - 1500).collect();
            let noise: Vec<f32> = (0..n).map(|i| ((i * 31) % 17) as f32 * 0.37 - 3.0).collect();
            let gains: Vec<i32> = (0..width).map(|i| if i % 3 == 0 { -1 } else { 4 }).collect();
            let grids = Grids::new((0..width).map(|i| kinds[i % 3]), width);
            for z in [None, Some(&noise[..])] {
                let (mut want, mut clips) = (vec![5i32; n], 0u64);
                for (r, &t) in targets.iter().enumerate() {
                    for i in 0..width {
                        let p = sums[r * width + i] as f32 * 0.25 + z.map_or(0.0, |z| z[r * width + i]);
                        want[t as usize * width + i] += gains[i] * kinds[i % 3].code(p);
                        clips += u64::from(kinds[i % 3].clips(p));
                    }
                }
                for level in Level::available() {
                    let mut got = vec![5i32; n];
                    let c = convert_at(level, &sums, &targets, 0.25, z, &grids, &gains, &mut got);
                    assert_eq!((&got, c), (&want, clips), "{} width {width}", level.name());
                }
            }
        }
    }

    #[test]
    fn slices_fold_with_their_gains() {
        // two vectors, slices worth 1 and -8, one column: 3 - 8*1 = -5, 2^30 - 8*(-2^30) = 9 * 2^30
        for level in Level::available() {
            let mut sums = [0i64, 0];
            fold_at(level, &[3, 1, 1 << 30, -(1 << 30)], &[1, -8], 1, &mut sums);
            assert_eq!(sums, [-5, 9 << 30]);
        }
    }

    #[test]
    fn digits_by_hand() {
        // 13 = 1101b, -6 = ...1010b in two's complement, |-6| = 110b
        let x = [13, -6, 0];
        for level in Level::available() {
            for (part, shift, bits, want) in [
                (DigitPart::Bits, 2, 2, [3, 2, 0]),
                (DigitPart::Positive, 0, 2, [1, 0, 0]),
                (DigitPart::Negative, 1, 2, [0, 3, 0]),
                (DigitPart::Signed, 1, 15, [6, -3, 0]),
            ] {
                let mut out = [9; 3];
                digits_at(level, &x, Digit { part, shift, bits }, &mut out);
                assert_eq!(out, want, "{part:?}");
            }
        }
    }

    #[test]
    fn variances_are_the_same_bits_on_all_levels() {
        let x: Vec<i16> = (0..37).map(|i| i * 5 % 7).collect();
        let v: Vec<f32> = (0..37 * 21).map(|i| (i as f32 * 0.1).sqrt()).collect();
        let mut want = vec![0.5f32; 21];
        for i in 0..37 {
            for (c, want) in want.iter_mut().enumerate() {
                *want += f32::from(x[i]) * f32::from(x[i]) * v[i * 21 + c];
            }
        }
        for level in Level::available() {
            let mut got = vec![0.5f32; 21];
            squares_at(level, &x, &v, 21, &mut got);
            assert!(got.iter().zip(&want).all(|(a, b)| a.to_bits() == b.to_bits()), "{}", level.name());
        }
    }
}
