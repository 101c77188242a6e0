//! Digits turned so that lanes are vectors, for the dot products of AVX-512.

use std::arch::x86_64::*;

/// Vectors of a set: four registers of sums.
pub(super) const SET: usize = 64;

/// Rows of digits, as [`turn`] takes them: 32 bits hold the digits of a step, four bytes or two words.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    /// Bytes; whole cache lines a row.
    pub(super) bytes: &'a [u8],
    /// Bytes of a row.
    pub(super) stride: usize,
    /// Rows of a vector: slices.
    pub(super) slices: usize,
    /// Vectors.
    pub(super) vectors: usize,
    /// Steps of a row that are wanted.
    pub(super) steps: usize,
}

/// `[set][slice][step][64 vectors]`; vectors that are not there have digits of zero.
///
/// # Safety
/// The CPU has the features named; rows hold their steps rounded up to sixteen; `out` holds all sets.
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
)]
pub(super) unsafe fn turn(rows: Rows<'_>, out: &mut [u8]) {
    let Rows { bytes, stride, slices, vectors, steps } = rows;
    for (i, out) in out.chunks_exact_mut(steps * SET * 4).enumerate() {
        let (set, slice) = (i / slices, i % slices);
        for quarter in 0..4 {
            let first = set * SET + 16 * quarter;
            for start in (0..steps).step_by(16) {
                // SAFETY: rows of vectors that are there, sixteen steps each; see above.
                unsafe {
                    let lines: [__m512i; 16] = std::array::from_fn(|v| {
                        if first + v < vectors {
                            let at = ((first + v) * slices + slice) * stride + 4 * start;
                            _mm512_loadu_si512(bytes.as_ptr().add(at).cast())
                        } else {
                            _mm512_setzero_si512()
                        }
                    });
                    let turned = transpose(lines);
                    for (step, line) in turned.into_iter().take(steps - start).enumerate() {
                        let at = ((start + step) * 4 + quarter) * 64;
                        _mm512_store_si512(out.as_mut_ptr().add(at).cast(), line);
                    }
                }
            }
        }
    }
}

/// Sixteen by sixteen lanes of 32 bits.
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
)]
pub(in crate::kernel) fn transpose(x: [__m512i; 16]) -> [__m512i; 16] {
    // four[4p + h]: of rows 4p .. 4p + 4, lanes h of each 128 bits
    let mut four = x;
    for p in 0..4 {
        let (a, b) = (x[4 * p], x[4 * p + 1]);
        let (c, d) = (x[4 * p + 2], x[4 * p + 3]);
        let (ab, cd) = (_mm512_unpacklo_epi32(a, b), _mm512_unpacklo_epi32(c, d));
        let (ab2, cd2) = (_mm512_unpackhi_epi32(a, b), _mm512_unpackhi_epi32(c, d));
        four[4 * p] = _mm512_unpacklo_epi64(ab, cd);
        four[4 * p + 1] = _mm512_unpackhi_epi64(ab, cd);
        four[4 * p + 2] = _mm512_unpacklo_epi64(ab2, cd2);
        four[4 * p + 3] = _mm512_unpackhi_epi64(ab2, cd2);
    }
    let mut out = x;
    for h in 0..4 {
        // 128 bits k of four[4p + h]: rows 4p .. 4p + 4 of lane 4k + h
        let (a, b, c, d) = (four[h], four[4 + h], four[8 + h], four[12 + h]);
        let (ab, cd) = (_mm512_shuffle_i32x4::<0x44>(a, b), _mm512_shuffle_i32x4::<0x44>(c, d));
        out[h] = _mm512_shuffle_i32x4::<0x88>(ab, cd);
        out[4 + h] = _mm512_shuffle_i32x4::<0xdd>(ab, cd);
        let (ab, cd) = (_mm512_shuffle_i32x4::<0xee>(a, b), _mm512_shuffle_i32x4::<0xee>(c, d));
        out[8 + h] = _mm512_shuffle_i32x4::<0x88>(ab, cd);
        out[12 + h] = _mm512_shuffle_i32x4::<0xdd>(ab, cd);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Level;
    use crate::kernel::engine::Aligned;

    /// Every digit stands where the layout says.
    #[test]
    fn digits_are_turned() {
        if !Level::available().contains(&Level::Avx512) {
            return;
        }
        let (slices, vectors, steps, stride) = (2, 70, 21, 128);
        let bytes: Vec<u8> = (0..vectors * slices * stride).map(|i| (i * 31 % 251) as u8).collect();
        let mut out = Aligned::<u8>::zeros(2 * slices * steps * SET * 4);
        // SAFETY: this machine has the features; rows hold 32 steps.
        unsafe { turn(Rows { bytes: &bytes, stride, slices, vectors, steps }, &mut out) };
        for v in 0..2 * SET {
            for slice in 0..slices {
                for b in 0..4 * steps {
                    let at = (((v / SET) * slices + slice) * steps + b / 4) * 256 + v % SET * 4 + b % 4;
                    let want = if v < vectors { bytes[(v * slices + slice) * stride + b] } else { 0 };
                    assert_eq!(out[at], want, "vector {v}, slice {slice}, byte {b}");
                }
            }
        }
    }
}
