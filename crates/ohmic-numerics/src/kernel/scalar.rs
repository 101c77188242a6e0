//! The specification of every kernel, in plain Rust.
//!
//! The functions marked `inline(always)` are also the bodies of the faster forms: compiled again
//! with wider vectors switched on. They use additions, multiplications, roundings and square roots
//! only (never fused), so every form gives the same bits.

use super::{Digit, DigitPart, Grids, PackedI16, Weighed};
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

/// Normal deviates for whole quads of cells: `out.len()` is a multiple of 4.
#[inline(always)]
pub(super) fn normal_quads(key: [u32; 2], place: [u32; 3], first_quad: u32, out: &mut [f32]) {
    // sixteen quads at a time, so that the compiler sees loops of fixed length to vectorise
    const LANES: usize = 16;
    let mut quad = first_quad;
    let mut chunks = out.chunks_exact_mut(4 * LANES);
    for chunk in &mut chunks {
        let mut c0: [u32; LANES] = std::array::from_fn(|i| quad.wrapping_add(i as u32));
        let mut c1 = [place[0]; LANES];
        let mut c2 = [place[1]; LANES];
        let mut c3 = [place[2]; LANES];
        let (mut k0, mut k1) = (key[0], key[1]);
        for _ in 0..10 {
            for i in 0..LANES {
                let p0 = u64::from(c0[i]) * 0xD251_1F53;
                let p1 = u64::from(c2[i]) * 0xCD9E_8D57;
                c0[i] = (p1 >> 32) as u32 ^ c1[i] ^ k0;
                c1[i] = p1 as u32;
                c2[i] = (p0 >> 32) as u32 ^ c3[i] ^ k1;
                c3[i] = p0 as u32;
            }
            k0 = k0.wrapping_add(0x9E37_79B9);
            k1 = k1.wrapping_add(0xBB67_AE85);
        }
        let mut normals = [[0.0f32; 4]; LANES];
        for i in 0..LANES {
            normals[i] = quad_normals([c0[i], c1[i], c2[i], c3[i]]);
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

/// See [`super::convert_rows`].
#[inline(always)]
pub(super) fn convert_rows<const NOISY: bool>(
    sums: &[i32],
    targets: &[u32],
    scale: f32,
    noise: &[f32],
    grid: &Grids,
    gains: &[i32],
    codes: &mut [i32],
) -> u64 {
    let width = gains.len();
    let (inverse, low, high) = (&grid.inverse[..width], &grid.low[..width], &grid.high[..width]);
    let mut clips = 0u64;
    for (r, (&target, sums)) in targets.iter().zip(sums.chunks_exact(width)).enumerate() {
        let codes = &mut codes[target as usize * width..][..width];
        let sums = &sums[..width];
        // without noise the sums stand in: never read, but of the same length
        let noise = if NOISY { &noise[r * width..][..width] } else { &inverse[..width] };
        let mut row_clips = 0u32;
        for i in 0..width {
            let level = sums[i] as f32 * scale + if NOISY { noise[i] } else { 0.0 };
            let ideal = (level * inverse[i]).round_ties_even();
            let clipped = if ideal < low[i] { low[i] } else { ideal };
            let clipped = if clipped > high[i] { high[i] } else { clipped };
            // a gain of 0 marks a column that is not converted
            row_clips += u32::from(ideal != clipped) & u32::from(gains[i] != 0);
            // SAFETY: `clipped` lies between two codes, and codes are integers of at most 24 bits; a
            // sum or a deviate is never NaN (integers, and polynomials of bounded arguments).
            let code: i32 = unsafe { clipped.to_int_unchecked() };
            codes[i] = codes[i].wrapping_add(code.wrapping_mul(gains[i]));
        }
        clips += u64::from(row_clips);
    }
    clips
}

/// See [`super::fold_rows`].
#[inline(always)]
pub(super) fn fold_rows(codes: &[i32], gains: &[i32], width: usize, sums: &mut [i64]) {
    for (sums, codes) in sums.chunks_exact_mut(width).zip(codes.chunks_exact(width * gains.len())) {
        for (&gain, codes) in gains.iter().zip(codes.chunks_exact(width)) {
            for (sum, &code) in sums.iter_mut().zip(codes) {
                // two 32-bit factors: one instruction where a 64-bit product takes three
                *sum += i64::from(gain) * i64::from(code);
            }
        }
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

/// See [`super::digit_rows`].
#[inline(always)]
pub(super) fn digit_rows(x: &[i32], stride: usize, slices: &[Digit], padded: usize, out: &mut [i16]) {
    for (x, rows) in x.chunks_exact(stride).zip(out.chunks_exact_mut(padded * slices.len())) {
        for (&slice, row) in slices.iter().zip(rows.chunks_exact_mut(padded)) {
            digits(x, slice, &mut row[..stride]);
        }
    }
}

/// See [`super::digits_of`].
#[inline(always)]
pub(super) fn digits_of(
    x: &[i32],
    stride: usize,
    slices: &[Digit],
    rows: &[u32],
    padded: usize,
    out: &mut [i16],
) {
    for (&row, out) in rows.iter().zip(out.chunks_exact_mut(padded)) {
        let (vector, slice) = (row as usize / slices.len(), row as usize % slices.len());
        digits(&x[vector * stride..][..stride], slices[slice], &mut out[..stride]);
    }
}

/// See [`super::fold_listed`].
#[inline(always)]
pub(super) fn fold_listed(codes: &[i32], rows: &[u32], gains: &[i32], width: usize, sums: &mut [i64]) {
    for (&row, codes) in rows.iter().zip(codes.chunks_exact(width)) {
        let (vector, slice) = (row as usize / gains.len(), row as usize % gains.len());
        let gain = gains[slice];
        for (sum, &code) in sums[vector * width..][..width].iter_mut().zip(codes) {
            *sum += i64::from(gain) * i64::from(code);
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

/// See [`super::or_rows`].
#[inline(always)]
pub(super) fn or_rows(x: &[i32], stride: usize, runs: &[(usize, usize)], out: &mut [u32]) {
    for (x, out) in x.chunks_exact(stride).zip(out.chunks_exact_mut(runs.len())) {
        for (&(start, end), out) in runs.iter().zip(out) {
            *out = x[start..end].iter().fold(0, |a, &v| a | v as u32);
        }
    }
}

/// Normal deviates of many rows of whole quads, each with a draw index and a first quad of its own.
#[inline(always)]
pub(super) fn normal_rows(
    key: [u32; 2],
    place: [u32; 2],
    rows: &[(u32, u32)],
    quads: usize,
    stride: usize,
    out: &mut [f32],
) {
    // lanes run over (row, quad) pairs, so that short rows fill the vectors too
    const LANES: usize = 16;
    let total = rows.len() * quads;
    let mut at = [0usize; LANES];
    let (mut row, mut quad) = (0, 0);
    let mut done = 0;
    while done < total {
        let n = LANES.min(total - done);
        let mut c0 = [0u32; LANES];
        let mut c1 = [0u32; LANES];
        for i in 0..n {
            let (draw, first) = rows[row];
            c0[i] = first.wrapping_add(quad as u32);
            c1[i] = draw;
            at[i] = row * stride + 4 * quad;
            quad += 1;
            if quad == quads {
                quad = 0;
                row += 1;
            }
        }
        let mut c2 = [place[0]; LANES];
        let mut c3 = [place[1]; LANES];
        let (mut k0, mut k1) = (key[0], key[1]);
        for _ in 0..10 {
            for i in 0..LANES {
                let p0 = u64::from(c0[i]) * 0xD251_1F53;
                let p1 = u64::from(c2[i]) * 0xCD9E_8D57;
                c0[i] = (p1 >> 32) as u32 ^ c1[i] ^ k0;
                c1[i] = p1 as u32;
                c2[i] = (p0 >> 32) as u32 ^ c3[i] ^ k1;
                c3[i] = p0 as u32;
            }
            k0 = k0.wrapping_add(0x9E37_79B9);
            k1 = k1.wrapping_add(0xBB67_AE85);
        }
        let mut normals = [[0.0f32; LANES]; 4];
        for i in 0..LANES {
            let q = quad_normals([c0[i], c1[i], c2[i], c3[i]]);
            normals[0][i] = q[0];
            normals[1][i] = q[1];
            normals[2][i] = q[2];
            normals[3][i] = q[3];
        }
        for i in 0..n {
            out[at[i]..at[i] + 4].copy_from_slice(&[
                normals[0][i],
                normals[1][i],
                normals[2][i],
                normals[3][i],
            ]);
        }
        done += n;
    }
}

/// See [`super::deviate_rows`].
#[inline(always)]
pub(super) fn deviate_rows(
    read: Option<&[f32]>,
    converter: Option<(&[f32], &[f32])>,
    width: usize,
    noise: &mut [f32],
) {
    if let Some(z) = read {
        for (noise, z) in noise.iter_mut().zip(z) {
            *noise = noise.sqrt() * z;
        }
    }
    if let Some((z, sigma)) = converter {
        for (noise, z) in noise.chunks_exact_mut(width).zip(z.chunks_exact(width)) {
            for ((noise, z), sigma) in noise.iter_mut().zip(z).zip(sigma) {
                *noise += sigma * z;
            }
        }
    }
}

/// `out[c] += sum over i of (x_i · x_i) · v[i][c]`, in the order of i, unfused.
#[inline(always)]
pub(super) fn add_squares(x: &[i16], v: &[f32], width: usize, out: &mut [f32]) {
    for (&x, row) in x.iter().zip(v.chunks_exact(width)) {
        if x != 0 {
            let square = f32::from(x) * f32::from(x);
            for (out, v) in out.iter_mut().zip(row) {
                *out += square * *v;
            }
        }
    }
}
