//! AVX-512 forms.

use super::PackedI16;
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

/// See [`super::turned_values`].
///
/// PERF: sixteen by sixteen values are turned in registers; a store a value would cost as much as a product.
///
/// # Safety
/// The CPU has the features named; accumulators and values as asserted by [`super::turned_values`].
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
)]
pub(super) unsafe fn turned_values(
    y: &[f64],
    vectors: usize,
    bias: &[f64],
    step: &[f64],
    out: &mut [f32],
    stride: usize,
) {
    let outputs = bias.len();
    for o in (0..outputs).step_by(16) {
        let some = (outputs - o).min(16);
        for v in (0..vectors).step_by(16) {
            let there = (vectors - v).min(16);
            let mask = u16::MAX >> (16 - there);
            // SAFETY: masked to accumulators and values that exist, see above.
            unsafe {
                let lines: [__m512i; 16] = std::array::from_fn(|i| {
                    if i >= some {
                        return _mm512_setzero_si512();
                    }
                    let from = y.as_ptr().add((o + i) * vectors + v);
                    let (bias, step) = (
                        _mm512_set1_pd(*bias.get_unchecked(o + i)),
                        _mm512_set1_pd(*step.get_unchecked(o + i)),
                    );
                    let half = |h: usize| {
                        let y = _mm512_maskz_loadu_pd((mask >> (8 * h)) as u8, from.wrapping_add(8 * h));
                        _mm512_cvtpd_ps(_mm512_mul_pd(_mm512_add_pd(y, bias), step))
                    };
                    let both = _mm512_castps256_ps512(half(0));
                    _mm512_castps_si512(_mm512_insertf32x8::<1>(both, half(1)))
                });
                let turned = super::engine::transpose(lines);
                for (i, line) in turned.into_iter().take(there).enumerate() {
                    let to = out.as_mut_ptr().add((v + i) * stride + o);
                    _mm512_mask_storeu_ps(to, u16::MAX >> (16 - some), _mm512_castsi512_ps(line));
                }
            }
        }
    }
}
