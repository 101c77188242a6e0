//! AVX-512 forms.

use super::PackedI16;
use super::fused::{Active, Fused};
use std::arch::x86_64::*;

/// See [`super::mvm_i16`].
///
/// PERF: two multiply-adds a lane and instruction; twelve rows by two panels keep 24 of 32 registers
/// busy, so that each loaded panel serves twelve reads.
///
/// # Safety
/// The CPU has the features named; addresses as asserted by [`super::mvm_i16`].
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(super) unsafe fn mvm_i16(x: &[i16], rows: &[u32], g: &PackedI16, out: &mut [i32]) {
    let width = g.padded_cols();
    let panels = width / PackedI16::PANEL;
    let mut row = 0;
    while row < rows.len() {
        let left = rows.len() - row;
        // SAFETY: tiles cover rows `row .. row + M` and panels `p .. p + N` that exist; see the caller.
        unsafe {
            macro_rules! strip {
                ($m:literal) => {{
                    let mut p = 0;
                    while p + 2 <= panels {
                        tile::<$m, 2>(
                            x,
                            &rows[row..row + $m],
                            g,
                            p,
                            out.as_mut_ptr().add(row * width),
                            width,
                        );
                        p += 2;
                    }
                    if p < panels {
                        tile::<$m, 1>(
                            x,
                            &rows[row..row + $m],
                            g,
                            p,
                            out.as_mut_ptr().add(row * width),
                            width,
                        );
                    }
                    row += $m;
                }};
            }
            match left {
                12.. => strip!(12),
                8..12 => strip!(8),
                4..8 => strip!(4),
                2..4 => strip!(2),
                _ => strip!(1),
            }
        }
    }
}

/// `sum += g · x` for pairs of 16-bit integers, the pair of `x` broadcast from memory.
///
/// PERF: the compiler turns the intrinsic into a multiplication and an addition (it tunes for latency,
/// and there are two dozen chains here); as an instruction it is half as many operations.
///
/// # Safety
/// The CPU has AVX-512 VNNI; `x` points at four readable bytes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn multiply_add(sum: &mut __m512i, g: __m512i, x: *const i32) {
    // SAFETY: reads four bytes at `x` and nothing else, see above.
    unsafe {
        std::arch::asm!(
            "vpdpwssd {sum}, {g}, dword ptr [{x}]{{1to16}}",
            sum = inout(zmm_reg) *sum,
            g = in(zmm_reg) g,
            x = in(reg) x,
            options(pure, readonly, nostack, preserves_flags),
        );
    }
}

/// `M` reads by `N` panels, all sums in registers.
///
/// # Safety
/// `rows.len() == M`; panels `panel .. panel + N` exist; `out` points at `M` rows of `width`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn tile<const M: usize, const N: usize>(
    x: &[i16],
    rows: &[u32],
    g: &PackedI16,
    panel: usize,
    out: *mut i32,
    width: usize,
) {
    let panel_len = g.pairs * 2 * PackedI16::PANEL;
    // SAFETY: each x pointer has 2 * pairs values behind it and each panel 32 * pairs, both asserted
    // by `mvm_i16` and `PackedI16::pack`; unaligned loads and stores throughout.
    unsafe {
        let x: [*const i32; M] = std::array::from_fn(|i| x.as_ptr().add(rows[i] as usize).cast());
        let g: [*const i16; N] = std::array::from_fn(|j| g.data.as_ptr().add((panel + j) * panel_len));
        let pairs = panel_len / (2 * PackedI16::PANEL);
        let mut sums = [[_mm512_setzero_si512(); N]; M];
        for k in 0..pairs {
            let g: [__m512i; N] = std::array::from_fn(|j| _mm512_loadu_si512(g[j].add(k * 32).cast()));
            for i in 0..M {
                for j in 0..N {
                    multiply_add(&mut sums[i][j], g[j], x[i].add(k));
                }
            }
        }
        for i in 0..M {
            for j in 0..N {
                _mm512_storeu_si512(out.add(i * width + (panel + j) * PackedI16::PANEL).cast(), sums[i][j]);
            }
        }
    }
}

/// Fragments that one call handles at most; longer lists go in parts.
const MOST: usize = 256;

/// See [`super::read_rows`].
///
/// PERF: six rows by two panels hold their sums and their codes in 24 registers; nothing but digits,
/// matrices and final codes moves.
///
/// # Safety
/// The CPU has the features named; addresses as asserted by [`super::read_rows`].
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(super) unsafe fn read_rows(
    x: &[i16],
    stride: usize,
    rows: &[u32],
    active: Active<'_>,
    block: Fused<'_>,
    codes: &mut [i32],
) -> u64 {
    let width = block.grids.len();
    let panels = width / PackedI16::PANEL;
    let factor: Vec<f32> = block.grids.inverse.iter().map(|i| i * block.scale).collect();
    let mut clips = 0;
    let mut list = [0u32; MOST];
    let mut row = 0;
    while row < rows.len() {
        let m = match rows.len() - row {
            6.. => 6,
            4..6 => 4,
            2..4 => 2,
            _ => 1,
        };
        let tile = &rows[row..row + m];
        for part in (0..block.fragments.len()).step_by(MOST) {
            let mut n = 0;
            for f in part..(part + MOST).min(block.fragments.len()) {
                if tile.iter().any(|&r| active.is_set(r, f)) {
                    list[n] = f as u32;
                    n += 1;
                }
            }
            // SAFETY: panels and rows exist; see the caller.
            unsafe {
                macro_rules! strip {
                    ($m:literal) => {{
                        let mut p = 0;
                        while p + 2 <= panels {
                            clips += fused::<$m, 2>(x, stride, row, &list[..n], block, &factor, p, codes);
                            p += 2;
                        }
                        if p < panels {
                            clips += fused::<$m, 1>(x, stride, row, &list[..n], block, &factor, p, codes);
                        }
                    }};
                }
                match m {
                    6 => strip!(6),
                    4 => strip!(4),
                    2 => strip!(2),
                    _ => strip!(1),
                }
            }
        }
        row += m;
    }
    clips
}

/// `M` rows from `row` on by `N` panels through the listed fragments.
///
/// # Safety
/// Rows `row .. row + M` exist; panels `panel .. panel + N` exist; addresses as asserted by `read_rows`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn fused<const M: usize, const N: usize>(
    x: &[i16],
    stride: usize,
    row: usize,
    list: &[u32],
    block: Fused<'_>,
    factor: &[f32],
    panel: usize,
    codes: &mut [i32],
) -> u64 {
    let width = factor.len();
    let mut clips = 0u64;
    // SAFETY: `read_rows` asserts that every row of digits and codes lies within its slice, that
    // matrices are `width` wide and that grids and gains have `width` entries.
    unsafe {
        let at: [*mut i32; N] =
            std::array::from_fn(|j| codes.as_mut_ptr().add((panel + j) * PackedI16::PANEL));
        let mut total: [[__m512i; N]; M] = std::array::from_fn(|i| {
            std::array::from_fn(|j| _mm512_loadu_si512(at[j].add((row + i) * width).cast()))
        });
        let column = panel * PackedI16::PANEL;
        for &f in list {
            let f = f as usize;
            let packed = &block.fragments[f];
            let panel_len = packed.pairs * 2 * PackedI16::PANEL;
            let x: [*const i32; M] =
                std::array::from_fn(|i| x.as_ptr().add((row + i) * stride + block.offsets[f]).cast());
            let g: [*const i16; N] =
                std::array::from_fn(|j| packed.data.as_ptr().add((panel + j) * panel_len));
            let mut sums = [[_mm512_setzero_si512(); N]; M];
            for k in 0..packed.pairs {
                let g: [__m512i; N] = std::array::from_fn(|j| _mm512_loadu_si512(g[j].add(k * 32).cast()));
                for i in 0..M {
                    for j in 0..N {
                        multiply_add(&mut sums[i][j], g[j], x[i].add(k));
                    }
                }
            }
            for j in 0..N {
                let from = column + j * PackedI16::PANEL;
                let factor = _mm512_loadu_ps(factor.as_ptr().add(from));
                // codes are integers of at most 24 bits, so the bounds convert exactly
                let low = _mm512_cvtps_epi32(_mm512_loadu_ps(block.grids.low.as_ptr().add(from)));
                let high = _mm512_cvtps_epi32(_mm512_loadu_ps(block.grids.high.as_ptr().add(from)));
                let gain = _mm512_loadu_si512(block.gains[f].as_ptr().add(from).cast());
                let converted = _mm512_test_epi32_mask(gain, gain);
                for i in 0..M {
                    // scale and 1/step in one factor: scale is a power of two, so the product rounds the same;
                    // the conversion rounds to nearest even; sums stay below 2^31 by the caller's bound
                    let ideal = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_cvtepi32_ps(sums[i][j]), factor));
                    let code = _mm512_min_epi32(_mm512_max_epi32(ideal, low), high);
                    clips += u64::from((_mm512_cmpneq_epi32_mask(code, ideal) & converted).count_ones());
                    total[i][j] = _mm512_add_epi32(total[i][j], _mm512_mullo_epi32(code, gain));
                }
            }
        }
        for i in 0..M {
            for j in 0..N {
                _mm512_storeu_si512(at[j].add((row + i) * width).cast(), total[i][j]);
            }
        }
    }
    clips
}

/// See [`super::weigh`], output by output.
///
/// PERF: sixteen rows of one column are gathered at once; the accumulators then lie side by side.
///
/// # Safety
/// The CPU has the features named; `part` lies within rows of `width`, and `y` has an entry for every row
/// of every column, columns `stride` apart.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(super) unsafe fn weigh_columns(
    sums: &[i32],
    width: usize,
    part: super::Weighed<'_>,
    stride: usize,
    y: &mut [f64],
) {
    let rows = sums.len() / width;
    let lanes = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    let places = _mm512_mullo_epi32(lanes, _mm512_set1_epi32(width as i32));
    let step = _mm512_set1_pd(part.step);
    for first in (0..rows).step_by(16) {
        let n = (rows - first).min(16);
        let mask = u16::MAX >> (16 - n);
        for (i, &worth) in part.worth.iter().enumerate() {
            // SAFETY: masked to rows and entries that exist, see above.
            unsafe {
                let from = sums.as_ptr().add(first * width + part.first + i);
                let sum = _mm512_mask_i32gather_epi32::<4>(_mm512_setzero_si512(), mask, places, from.cast());
                let worth = _mm512_set1_pd(worth);
                let halves = [_mm512_castsi512_si256(sum), _mm512_extracti64x4_epi64::<1>(sum)];
                for (h, half) in halves.into_iter().enumerate() {
                    let mask = (mask >> (8 * h)) as u8;
                    let to = y.as_mut_ptr().wrapping_add(i * stride + first + 8 * h);
                    let add = _mm512_mul_pd(_mm512_mul_pd(_mm512_cvtepi32_pd(half), worth), step);
                    let sum = _mm512_add_pd(_mm512_maskz_loadu_pd(mask, to), add);
                    _mm512_mask_storeu_pd(to, mask, sum);
                }
            }
        }
    }
}
