//! The specification of every kernel, in plain Rust.
//!
//! The functions marked `inline(always)` are also the bodies of the faster forms: compiled again
//! with wider vectors switched on. They use additions, multiplications, roundings and square roots
//! only (never fused), so every form gives the same bits.

use super::{Digit, DigitPart, PackedI16, Weighed};
use crate::noise::{philox4x32_10, quad_normals};

/// `out[r][c] = sum over k of x[rows[r] + k] · g[k][c]`, wrapping in 32 bits.
pub(super) fn mvm_i16(x: &[i16], rows: &[u32], g: &PackedI16, out: &mut [i32]) {
    let width = g.padded_cols();
    for (&row, out) in rows.iter().zip(out.chunks_exact_mut(width)) {
        let x = &x[row as usize..][..2 * g.pairs];
        for (panel, out) in
            g.data.chunks_exact(g.pairs * 2 * PackedI16::PANEL).zip(out.chunks_exact_mut(PackedI16::PANEL))
        {
            out.fill(0);
            for (x, g) in x.chunks_exact(2).zip(panel.chunks_exact(2 * PackedI16::PANEL)) {
                for (out, g) in out.iter_mut().zip(g.chunks_exact(2)) {
                    let pair = i32::from(x[0])
                        .wrapping_mul(i32::from(g[0]))
                        .wrapping_add(i32::from(x[1]).wrapping_mul(i32::from(g[1])));
                    *out = out.wrapping_add(pair);
                }
            }
        }
    }
}

/// [`philox4x32_10`] for sixteen counters at a time, word by word, so that the compiler sees loops of fixed length to
/// vectorise.
#[inline(always)]
pub(super) fn philox_sixteen(mut c: [[u32; 16]; 4], key: [u32; 2]) -> [[u32; 16]; 4] {
    let (mut k0, mut k1) = (key[0], key[1]);
    for _ in 0..10 {
        for i in 0..16 {
            let p0 = u64::from(c[0][i]) * 0xD251_1F53;
            let p1 = u64::from(c[2][i]) * 0xCD9E_8D57;
            c[0][i] = (p1 >> 32) as u32 ^ c[1][i] ^ k0;
            c[1][i] = p1 as u32;
            c[2][i] = (p0 >> 32) as u32 ^ c[3][i] ^ k1;
            c[3][i] = p0 as u32;
        }
        k0 = k0.wrapping_add(0x9E37_79B9);
        k1 = k1.wrapping_add(0xBB67_AE85);
    }
    c
}

/// Normal deviates for whole quads of cells: `out.len()` is a multiple of 4.
#[inline(always)]
pub(super) fn normal_quads(key: [u32; 2], place: [u32; 3], first_quad: u32, out: &mut [f32]) {
    const LANES: usize = 16;
    let mut quad = first_quad;
    let mut chunks = out.chunks_exact_mut(4 * LANES);
    for chunk in &mut chunks {
        let counters = std::array::from_fn(|i| quad.wrapping_add(i as u32));
        let words = [counters, [place[0]; LANES], [place[1]; LANES], [place[2]; LANES]];
        let c = philox_sixteen(words, key);
        let mut normals = [[0.0f32; 4]; LANES];
        for i in 0..LANES {
            normals[i] = quad_normals([c[0][i], c[1][i], c[2][i], c[3][i]]);
        }
        for (out, quad) in chunk.chunks_exact_mut(4).zip(&normals) {
            out.copy_from_slice(quad);
        }
        quad = quad.wrapping_add(LANES as u32);
    }
    for out in chunks.into_remainder().chunks_exact_mut(4) {
        out.copy_from_slice(&quad_normals(philox4x32_10([quad, place[0], place[1], place[2]], key)));
        quad = quad.wrapping_add(1);
    }
}

/// See [`super::digits`].
#[inline(always)]
pub(super) fn digits(x: &[i32], slice: Digit, out: &mut [i16]) {
    let (shift, mask) = (slice.shift, ((1i64 << slice.bits) - 1) as i32);
    match slice.part {
        DigitPart::Bits => {
            for (o, &x) in out.iter_mut().zip(x) {
                *o = ((x >> shift) & mask) as i16;
            }
        }
        DigitPart::Positive => {
            for (o, &x) in out.iter_mut().zip(x) {
                *o = ((x.max(0) >> shift) & mask) as i16;
            }
        }
        DigitPart::Negative => {
            for (o, &x) in out.iter_mut().zip(x) {
                *o = (((-x).max(0) >> shift) & mask) as i16;
            }
        }
        DigitPart::Signed => {
            for (o, &x) in out.iter_mut().zip(x) {
                *o = (((x.abs() >> shift) & mask) * x.signum()) as i16;
            }
        }
    }
}

/// See [`super::weigh`], vector by vector.
#[inline(always)]
pub(super) fn weigh_rows(sums: &[i32], width: usize, part: Weighed<'_>, stride: usize, y: &mut [f64]) {
    let columns = part.worth.len();
    // the last row may end with its last accumulator
    for (sums, y) in sums.chunks_exact(width).zip(y.chunks_mut(stride)) {
        let y = &mut y[..columns];
        for ((y, &sum), &worth) in y.iter_mut().zip(&sums[part.first..][..columns]).zip(part.worth) {
            // the first product is a whole number below 2^53: exact
            *y += f64::from(sum) * worth * part.step;
        }
    }
}

/// See [`super::turned_values`].
#[inline(always)]
pub(super) fn turned_values(
    y: &[f64],
    vectors: usize,
    bias: &[f64],
    step: &[f64],
    out: &mut [f32],
    stride: usize,
) {
    for (o, y) in y.chunks_exact(vectors).enumerate() {
        for (out, y) in out[o..].iter_mut().step_by(stride).zip(y) {
            *out = ((y + bias[o]) * step[o]) as f32;
        }
    }
}

/// See [`super::weigh`]: one column of one output.
#[inline(always)]
pub(super) fn weigh_one(sums: &[i32], worth: f64, step: f64, y: &mut [f64]) {
    for (y, &sum) in y.iter_mut().zip(sums) {
        *y += f64::from(sum) * worth * step;
    }
}

/// See [`super::weigh`], output by output.
#[inline(always)]
pub(super) fn weigh_columns(sums: &[i32], width: usize, part: Weighed<'_>, stride: usize, y: &mut [f64]) {
    let rows = sums.len() / width;
    for (i, &worth) in part.worth.iter().enumerate() {
        let y = &mut y[i * stride..][..rows];
        for (y, &sum) in y.iter_mut().zip(sums[part.first + i..].iter().step_by(width)) {
            *y += f64::from(sum) * worth * part.step;
        }
    }
}

/// See [`super::weigh`]: one column that serves many outputs, vector by vector.
#[inline(always)]
pub(super) fn share_rows(sums: &[i32], width: usize, gains: &[i64], step: f64, stride: usize, y: &mut [f64]) {
    for (sum, y) in sums.iter().step_by(width).zip(y.chunks_mut(stride)) {
        for (y, &gain) in y[..gains.len()].iter_mut().zip(gains) {
            // the first product is a whole number below 2^53: exact
            *y += gain as f64 * f64::from(*sum) * step;
        }
    }
}

/// The same, output by output.
#[inline(always)]
pub(super) fn share_columns(
    sums: &[i32],
    width: usize,
    gains: &[i64],
    step: f64,
    stride: usize,
    y: &mut [f64],
) {
    const PART: usize = 64;
    let mut column = [0f64; PART];
    let rows = sums.len().div_ceil(width);
    for first in (0..rows).step_by(PART) {
        let n = PART.min(rows - first);
        for (column, sum) in column.iter_mut().zip(sums[first * width..].iter().step_by(width)) {
            *column = f64::from(*sum);
        }
        for (c, &gain) in gains.iter().enumerate() {
            let gain = gain as f64;
            for (y, sum) in y[c * stride + first..][..n].iter_mut().zip(&column) {
                *y += gain * sum * step;
            }
        }
    }
}

/// See [`super::quantize_bytes`].
#[inline(always)]
pub(super) fn quantize_bytes(x: &[f32], inverse: f32, most: f32, out: &mut [u8]) {
    // below 2^22 this sum rounds to the nearest integer, ties to even, and the integer stands in its last bits
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23
    for (code, &x) in out.iter_mut().zip(x) {
        *code = ((x * inverse).max(0.0).min(most) + ROUND).to_bits() as u8;
    }
}

/// See [`super::values`].
#[inline(always)]
pub(super) fn values(y: &[f64], bias: f64, step: f64, out: &mut [f32]) {
    for (out, &y) in out.iter_mut().zip(y) {
        *out = ((y + bias) * step) as f32;
    }
}

/// See [`super::row_values`].
#[inline(always)]
pub(super) fn row_values(y: &[f64], bias: &[f64], step: &[f64], out: &mut [f32]) {
    for (((out, &y), bias), step) in out.iter_mut().zip(y).zip(bias).zip(step) {
        *out = ((y + bias) * step) as f32;
    }
}

/// See [`super::add_squares`].
#[inline(always)]
pub(super) fn add_squares(x: &[u8], sums: &mut [u64]) {
    for (sum, &x) in sums.iter_mut().zip(x) {
        *sum += u64::from(u32::from(x) * u32::from(x));
    }
}

/// See [`super::add_bits`].
#[inline(always)]
pub(super) fn add_bits(x: &[u8], sums: &mut [u64]) {
    for (sum, &x) in sums.iter_mut().zip(x) {
        *sum += u64::from(x.count_ones());
    }
}
