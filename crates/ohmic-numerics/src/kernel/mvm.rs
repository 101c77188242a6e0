//! Integer products of many short vectors with one packed matrix.

use super::{Level, level, scalar};
use crate::MatRef;

/// A matrix of 16-bit integers packed for [`mvm_i16`]: panels of 16 columns, two rows interleaved.
#[derive(Clone, Debug, Default)]
pub struct PackedI16 {
    pub(super) pairs: usize,
    cols: usize,
    /// `[panel][pair of rows][16 columns][2 rows]`
    pub(super) data: Vec<i16>,
}

impl PackedI16 {
    /// Columns of a panel.
    pub const PANEL: usize = 16;

    /// Packs a `k × n` matrix; an odd `k` is padded by a row of zeros.
    pub fn pack(g: MatRef<'_, i16>) -> Self {
        let pairs = g.rows().div_ceil(2);
        let panels = g.cols().div_ceil(Self::PANEL);
        let mut data = vec![0; panels * pairs * 2 * Self::PANEL];
        for k in 0..g.rows() {
            for (c, &v) in g.row(k).iter().enumerate() {
                let panel = c / Self::PANEL;
                data[((panel * pairs + k / 2) * Self::PANEL + c % Self::PANEL) * 2 + k % 2] = v;
            }
        }
        Self { pairs, cols: g.cols(), data }
    }

    /// One entry.
    pub fn at(&self, row: usize, column: usize) -> i16 {
        let (panel, lane) = (column / Self::PANEL, column % Self::PANEL);
        self.data[((panel * self.pairs + row / 2) * Self::PANEL + lane) * 2 + row % 2]
    }

    /// Length of an input vector: rows, rounded up to even.
    pub fn padded_rows(&self) -> usize {
        2 * self.pairs
    }

    /// Columns of the matrix.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Columns of a result row: rounded up to whole panels.
    pub fn padded_cols(&self) -> usize {
        self.cols.div_ceil(Self::PANEL) * Self::PANEL
    }
}

/// `out[r][c] = sum_k x[rows[r] + k] · g[k][c]` in 32 bits, for `k` below `g.padded_rows()`.
///
/// `rows` are offsets into `x`, so that reads which need no work are simply left out. Sums wrap: the
/// caller sees to it that `sum_k |x_k · g_kc| < 2^31`. Integers, so every form gives the same bits.
///
/// # Panics
/// Every `rows[r] + g.padded_rows() <= x.len()` and `out.len() == rows.len() * g.padded_cols()`.
pub fn mvm_i16(x: &[i16], rows: &[u32], g: &PackedI16, out: &mut [i32]) {
    assert_eq!(out.len(), rows.len() * g.padded_cols(), "one result row a read");
    assert!(
        rows.iter().all(|&r| r as usize + g.padded_rows() <= x.len()),
        "input vectors of {} within {}",
        g.padded_rows(),
        x.len()
    );
    match level() {
        // SAFETY: `level` reports AVX-512 only where all the features of the function are there; the
        // asserts above give every address it forms.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { super::avx512::mvm_i16(x, rows, g, out) },
        // SAFETY: as above, for AVX2.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { super::avx2::mvm_i16(x, rows, g, out) },
        _ => scalar::mvm_i16(x, rows, g, out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Mat, Noise, Purpose, Seed, Site};

    /// Every form this machine has against the plain sum, on shapes around the tile sizes.
    #[test]
    fn all_levels_equal_the_plain_sum() {
        let noise = Noise::new(Seed(3));
        let draw = |d, i: usize, range: u32| {
            (noise.bits(Purpose::Data, Site { layer: 0, block: 0 }, d, i as u32) % (2 * range)) as i32
                - range as i32
        };
        let mut case = 0;
        for k in [1usize, 2, 3, 8, 25, 128, 131] {
            for n in [1usize, 7, 15, 16, 17, 31, 32, 33, 48, 49, 100] {
                for reads in [0usize, 1, 2, 5, 7, 8, 9, 16, 23] {
                    case += 1;
                    let g = Mat::from_fn(k, n, |r, c| draw(case, r * n + c, 30_000) as i16);
                    let packed = PackedI16::pack(g.view());
                    let stride = packed.padded_rows() + 3;
                    let mut x: Vec<i16> =
                        (0..stride * reads + 2).map(|i| draw(1000 + case, i, 255) as i16).collect();
                    let rows: Vec<u32> = (0..reads).map(|r| (r * stride) as u32).collect();
                    if k % 2 == 1 {
                        for &r in &rows {
                            x[r as usize + k] = 77; // must meet the padding row of zeros
                        }
                    }
                    let mut want = vec![0i32; reads * packed.padded_cols()];
                    for (r, &row) in rows.iter().enumerate() {
                        for c in 0..n {
                            want[r * packed.padded_cols() + c] =
                                (0..k).map(|i| i32::from(x[row as usize + i]) * i32::from(g[(i, c)])).sum();
                        }
                    }
                    let mut out = vec![-1; want.len()];
                    for level in Level::available() {
                        match level {
                            Level::Scalar => scalar::mvm_i16(&x, &rows, &packed, &mut out),
                            // SAFETY: `available` names only levels of this machine; shapes as in `mvm_i16`.
                            #[cfg(target_arch = "x86_64")]
                            Level::Avx2 => unsafe {
                                super::super::avx2::mvm_i16(&x, &rows, &packed, &mut out)
                            },
                            // SAFETY: as above.
                            #[cfg(target_arch = "x86_64")]
                            Level::Avx512 => unsafe {
                                super::super::avx512::mvm_i16(&x, &rows, &packed, &mut out)
                            },
                            _ => continue,
                        }
                        assert_eq!(out, want, "{} k {k} n {n} reads {reads}", level.name());
                    }
                }
            }
        }
    }
}
