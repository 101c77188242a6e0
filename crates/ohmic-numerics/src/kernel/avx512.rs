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
                let x = _mm512_set1_epi32(x[i].add(k).read_unaligned());
                for j in 0..N {
                    sums[i][j] = _mm512_dpwssd_epi32(sums[i][j], x, g[j]);
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
