//! AVX2 forms.

use super::PackedI16;
use std::arch::x86_64::*;

/// See [`super::mvm_i16`].
///
/// # Safety
/// The CPU has AVX2; addresses as asserted by [`super::mvm_i16`].
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn mvm_i16(x: &[i16], rows: &[u32], g: &PackedI16, out: &mut [i32]) {
    let width = g.padded_cols();
    let panels = width / PackedI16::PANEL;
    let mut row = 0;
    while row < rows.len() {
        // SAFETY: tiles cover rows and panels that exist; see the caller.
        unsafe {
            macro_rules! strip {
                ($m:literal) => {{
                    for p in 0..panels {
                        tile::<$m>(x, &rows[row..row + $m], g, p, out.as_mut_ptr().add(row * width), width);
                    }
                    row += $m;
                }};
            }
            match rows.len() - row {
                4.. => strip!(4),
                2..4 => strip!(2),
                _ => strip!(1),
            }
        }
    }
}

/// `M` reads by one panel (two registers wide), all sums in registers.
///
/// # Safety
/// `rows.len() == M`; the panel exists; `out` points at `M` rows of `width`.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn tile<const M: usize>(
    x: &[i16],
    rows: &[u32],
    g: &PackedI16,
    panel: usize,
    out: *mut i32,
    width: usize,
) {
    // SAFETY: each x pointer has 2 * pairs values behind it and the panel 32 * pairs, both asserted by
    // `mvm_i16` and `PackedI16::pack`; unaligned loads and stores throughout.
    unsafe {
        let x: [*const i32; M] = std::array::from_fn(|i| x.as_ptr().add(rows[i] as usize).cast());
        let pairs = g.pairs;
        let g = g.data.as_ptr().add(panel * pairs * 2 * PackedI16::PANEL);
        let mut sums = [[_mm256_setzero_si256(); 2]; M];
        for k in 0..pairs {
            let g: [__m256i; 2] = std::array::from_fn(|j| _mm256_loadu_si256(g.add(k * 32 + j * 16).cast()));
            for i in 0..M {
                let x = _mm256_set1_epi32(x[i].add(k).read_unaligned());
                for j in 0..2 {
                    sums[i][j] = _mm256_add_epi32(sums[i][j], _mm256_madd_epi16(x, g[j]));
                }
            }
        }
        for i in 0..M {
            for j in 0..2 {
                _mm256_storeu_si256(out.add(i * width + panel * PackedI16::PANEL + j * 8).cast(), sums[i][j]);
            }
        }
    }
}
