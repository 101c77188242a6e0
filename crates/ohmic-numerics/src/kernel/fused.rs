//! A whole read in registers: products, conversion and digital gain, fragment after fragment, without
//! the sums ever going to memory. For reads without noise; others go through [`super::mvm_i16`] and
//! [`super::convert_rows`].

use super::{Grids, PackedI16, convert_rows, level, mvm_i16};

/// The matrices and converters of one block.
#[derive(Clone, Copy, Debug)]
pub struct Fused<'a> {
    /// One matrix a fragment, all of the same width.
    pub fragments: &'a [PackedI16],
    /// Where each fragment's digits start in a row of digits.
    pub offsets: &'a [usize],
    /// Digital gain of every column's code, one row a fragment; 0: not converted.
    pub gains: &'a [Vec<i32>],
    /// Converter of every column.
    pub grids: &'a Grids,
    /// Levels per unit of the sums: a power of two.
    pub scale: f32,
}

/// Which reads of a row of digits are computed: the others have no driven row and give code 0.
#[derive(Clone, Copy, Debug)]
pub struct Active<'a> {
    /// One set of slices a vector and fragment, `vectors × fragments`: bit `s` stands for slice `s`.
    pub slices: &'a [u64],
    /// Rows of digits a vector has.
    pub per_vector: usize,
    /// Fragments of the whole layer.
    pub fragments: usize,
    /// The block's first.
    pub first: usize,
}

impl Active<'_> {
    /// Whether a fragment of a row of digits is computed.
    #[inline(always)]
    pub(super) fn is_set(&self, row: u32, fragment: usize) -> bool {
        let (vector, slice) = (row as usize / self.per_vector, row as usize % self.per_vector);
        self.slices[vector * self.fragments + self.first + fragment] >> slice & 1 != 0
    }
}

/// Adds `gain · code` of every fragment to row `j` of `codes` for the `j`-th row of digits of `x`, which
/// stands for row `rows[j]` of all vectors' digits (see [`super::digits_of`]); returns how many
/// conversions clipped. The same as [`mvm_i16`] and [`convert_rows`] one fragment after the other, and
/// the same bits.
///
/// # Panics
/// `x` and `codes` hold one row each; there is a matrix, an offset and a row of gains a fragment.
pub fn read_rows(
    x: &[i16],
    stride: usize,
    rows: &[u32],
    active: Active<'_>,
    block: Fused<'_>,
    codes: &mut [i32],
) -> u64 {
    let width = block.gains.first().map_or(0, Vec::len);
    assert!(block.offsets.len() == block.fragments.len() && block.gains.len() == block.fragments.len());
    assert!(
        block.fragments.iter().zip(block.gains).all(|(f, g)| f.padded_cols() == width && g.len() == width)
    );
    assert_eq!(block.grids.len(), width, "one grid a column");
    for (fragment, offset) in block.fragments.iter().zip(block.offsets) {
        assert!(offset + fragment.padded_rows() <= stride, "digits within their row");
    }
    assert!(
        x.len() == rows.len() * stride && codes.len() == rows.len() * width,
        "one row of digits and codes each"
    );
    #[cfg(target_arch = "x86_64")]
    if level() == super::Level::Avx512 {
        // SAFETY: `level` reports AVX-512 only where all the features of the function are there; the
        // asserts above give every address it forms.
        return unsafe { super::avx512::read_rows(x, stride, rows, active, block, codes) };
    }
    let _ = level();
    let (mut targets, mut offsets, mut sums) = (Vec::new(), Vec::new(), Vec::new());
    let mut clips = 0;
    for (f, packed) in block.fragments.iter().enumerate() {
        targets.clear();
        targets.extend((0..rows.len() as u32).filter(|&j| active.is_set(rows[j as usize], f)));
        offsets.clear();
        offsets.extend(targets.iter().map(|&r| (r as usize * stride + block.offsets[f]) as u32));
        sums.resize(targets.len() * width, 0);
        mvm_i16(x, &offsets, packed, &mut sums);
        clips += convert_rows(&sums, &targets, block.scale, None, block.grids, &block.gains[f], codes);
    }
    clips
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;
    use crate::kernel::Level;
    use crate::{Mat, Uniform};

    /// The fused form against products and conversions one after the other.
    #[test]
    fn fused_equals_one_after_the_other() {
        if !Level::available().contains(&Level::Avx512) {
            println!("SKIPPED: no AVX-512");
            return;
        }
        let value = |i: usize, range: i32| ((i * 7919 + 13) % (2 * range as usize)) as i32 - range;
        for (rows_of, cols) in
            [(vec![3usize, 8, 1], 5usize), (vec![8; 7], 64), (vec![128, 22], 33), (vec![25], 112)]
        {
            for reads in [1usize, 2, 5, 6, 7, 13, 40] {
                let packed: Vec<PackedI16> = rows_of
                    .iter()
                    .enumerate()
                    .map(|(f, &k)| {
                        PackedI16::pack(
                            Mat::from_fn(k, cols, |r, c| value(f * 31 + r * cols + c, 3000) as i16).view(),
                        )
                    })
                    .collect();
                let mut offset = 0;
                let offsets: Vec<usize> = packed
                    .iter()
                    .map(|p| {
                        offset += p.padded_rows();
                        offset - p.padded_rows()
                    })
                    .collect();
                let stride = offset + 4;
                let vectors = 20;
                let x: Vec<i16> = (0..2 * vectors * stride)
                    .map(|i| if i % 5 == 0 { 0 } else { value(i, 3) as i16 })
                    .collect();
                let width = packed[0].padded_cols();
                let kinds = [Uniform::unsigned(5, 1.7), Uniform::signed(4, 0.9), Uniform::signed(9, 1.0)];
                let grids = Grids::new((0..cols).map(|c| kinds[c % 3]), width);
                let gains: Vec<Vec<i32>> = (0..packed.len())
                    .map(|f| {
                        (0..width).map(|c| if c >= cols { 0 } else { [1, -4, 0, 16][(c + f) % 4] }).collect()
                    })
                    .collect();
                let slices: Vec<u64> = (0..vectors * packed.len()).map(|i| (i * 37 % 4) as u64).collect();
                let active = Active { slices: &slices, per_vector: 2, fragments: packed.len(), first: 0 };
                let block = Fused {
                    fragments: &packed,
                    offsets: &offsets,
                    gains: &gains,
                    grids: &grids,
                    scale: 1.0 / 256.0,
                };
                // digits of reads that are not active are zero
                let mut x = x;
                for r in 0..2 * vectors {
                    for (f, p) in packed.iter().enumerate() {
                        if !active.is_set(r as u32, f) {
                            x[r * stride + offsets[f]..][..p.padded_rows()].fill(0);
                        }
                    }
                }
                let rows: Vec<u32> = (0..reads as u32).map(|r| (r * 3) % 40).collect();
                let x: Vec<i16> =
                    rows.iter().flat_map(|&r| x[r as usize * stride..][..stride].to_vec()).collect();
                let own: Vec<u32> = (0..reads as u32).collect();
                let (mut want, mut clips) = (vec![0; reads * width], 0);
                for f in 0..packed.len() {
                    let at: Vec<u32> =
                        own.iter().map(|&r| (r as usize * stride + offsets[f]) as u32).collect();
                    let mut sums = vec![0; rows.len() * width];
                    mvm_i16(&x, &at, &packed[f], &mut sums);
                    clips += convert_rows(&sums, &own, block.scale, None, &grids, &gains[f], &mut want);
                }
                let mut got = vec![0; want.len()];
                // SAFETY: AVX-512 is there (checked above); shapes as in `read_rows`.
                let got_clips =
                    unsafe { super::super::avx512::read_rows(&x, stride, &rows, active, block, &mut got) };
                assert_eq!((got, got_clips), (want, clips), "{rows_of:?} x {cols}, {reads} reads");
            }
        }
    }
}
