//! Which rows each read drives, group by group, for the look-ups of AVX-512.

use super::Engine;
use super::digits::{Layout, Values, Vectors, part};
use super::lookup::{SET, rows_together};
use crate::kernel::{Digit, DigitPart};
use std::arch::x86_64::*;

/// Bytes of one group of rows of one set: a byte a read, or two words a read.
pub(super) fn bytes_a_group(engine: Engine) -> usize {
    if engine == Engine::Table8 { SET } else { 4 * SET }
}

/// Words that hold a bit for each group.
pub(super) fn words_of(groups: usize) -> usize {
    groups.div_ceil(64)
}

/// The patterns of many vectors, `[set][group of rows][lane]`: what picks a sum from its table. For
/// [`Engine::Table8`] a byte of six rows; for [`Engine::Table16`] four registers of words, of lanes 0, 4, 8 ...,
/// of lanes 1, 5, 9 ... and so on: the first four rows, and 16 and the next four.
///
/// `driven` says which groups any read drives: `words_of(groups)` words a set, a bit a group.
///
/// PERF: eight rows by eight bits are transposed by one product of bit matrices.
///
/// # Safety
/// The CPU has the features named; digits of one bit; `lanes` is their number rounded up as
/// [`super::lookup::Lanes`] does; `out` and `driven` hold all sets.
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
)]
pub(super) unsafe fn patterns(
    layout: &Layout,
    slices: &[Digit],
    lanes: usize,
    vectors: Vectors<'_>,
    out: &mut [u8],
    driven: &mut [u64],
) {
    let together = rows_together(layout.engine());
    let each = bytes_a_group(layout.engine());
    let (groups, count) = (layout.groups(), vectors.count());
    let chunks: Vec<Chunk> = (0..lanes.div_ceil(8)).map(|c| Chunk::of(slices, c)).collect();
    // row j of a group becomes bit j: the product takes the bytes of a matrix from the last
    let (mut spread, mut fields) = ([0i8; 64], [0i8; 64]);
    for i in 0..64 {
        let row = 7 - i % 8;
        spread[i] = (i / 8 * together + row) as i8;
        fields[i] = (i % 8 * together) as i8;
    }
    let transposed: [i8; 64] = std::array::from_fn(|i| (i % 8 * 8 + i / 8) as i8);
    let rows_of_a_group = 0xffu64 >> (8 - together);
    // rows of a group stand in the last bytes
    let kept = (rows_of_a_group << (8 - together)).wrapping_mul(0x0101_0101_0101_0101);
    // SAFETY: loads are masked to the rows of a vector, stores lie within the sets of `out`.
    unsafe {
        let load = |a: &[i8; 64]| _mm512_loadu_si512(a.as_ptr().cast());
        let (spread, fields, transposed) = (load(&spread), load(&fields), load(&transposed));
        let bits = _mm512_set1_epi8(rows_of_a_group as i8);
        driven.fill(0);
        let sets = out.chunks_exact_mut(groups * each).zip(driven.chunks_exact_mut(words_of(groups)));
        for (set, (out, driven)) in sets.enumerate() {
            for (rows, offset) in layout.runs() {
                for (i, start) in rows.clone().step_by(8 * together).enumerate() {
                    let n = (rows.end - start).min(8 * together);
                    let part = Part { vectors, count, start, n, spread, kept, fields, transposed, bits };
                    let items: [__m512i; 8] = if lanes == 4 {
                        std::array::from_fn(|i| {
                            let (a, b) = (16 * set + 2 * i, 16 * set + 2 * i + 1);
                            let (a, b) = (part.of(a, &chunks[0]), part.of(b, &chunks[0]));
                            _mm512_mask_mov_epi32(a, 0xaaaa, _mm512_slli_epi64::<32>(b))
                        })
                    } else {
                        let (vectors, of) = (SET / lanes, lanes / 8);
                        std::array::from_fn(|i| part.of(set * vectors + i / of, &chunks[i % of]))
                    };
                    let items = transpose(items);
                    let first = offset / together + 8 * i;
                    for (g, item) in items.into_iter().take(n.div_ceil(together)).enumerate() {
                        let to = out.as_mut_ptr().add((first + g) * each).cast::<__m512i>();
                        let any = _mm512_test_epi32_mask(item, item) != 0;
                        driven[(first + g) / 64] |= u64::from(any) << ((first + g) % 64);
                        if each == SET {
                            _mm512_storeu_si512(to, item);
                            continue;
                        }
                        let four = _mm512_set1_epi32(0x000f_000f);
                        let second = _mm512_set1_epi32(0x0010_0000);
                        let bytes = [
                            item,
                            _mm512_srli_epi32::<8>(item),
                            _mm512_srli_epi32::<16>(item),
                            _mm512_srli_epi32::<24>(item),
                        ];
                        for (j, byte) in bytes.into_iter().enumerate() {
                            let byte = _mm512_and_si512(byte, _mm512_set1_epi32(0xff));
                            let both = _mm512_or_si512(byte, _mm512_slli_epi32::<12>(byte));
                            let words = _mm512_or_si512(_mm512_and_si512(both, four), second);
                            _mm512_storeu_si512(to.add(j), words);
                        }
                    }
                }
            }
        }
    }
}

/// Some rows of the vectors.
struct Part<'a> {
    vectors: Vectors<'a>,
    count: usize,
    start: usize,
    n: usize,
    spread: __m512i,
    kept: u64,
    fields: __m512i,
    transposed: __m512i,
    bits: __m512i,
}

impl Part<'_> {
    /// `[group of rows][slice]` of a vector; zeros if it is not there.
    ///
    /// # Safety
    /// As [`patterns`].
    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
    )]
    unsafe fn of(&self, vector: usize, chunk: &Chunk) -> __m512i {
        if vector >= self.count {
            return _mm512_setzero_si512();
        }
        let at = vector * self.vectors.stride + self.start;
        match self.vectors.values {
            Values::Bytes(x) => {
                // SAFETY: masked to rows of the vector, see the caller.
                let x =
                    unsafe { _mm512_maskz_loadu_epi8(u64::MAX >> (64 - self.n), x.as_ptr().add(at).cast()) };
                let rows = _mm512_maskz_permutexvar_epi8(self.kept, self.spread, x);
                _mm512_gf2p8affine_epi64_epi8::<0>(_mm512_set1_epi64(chunk.bytes), rows)
            }
            Values::Words(x) => {
                let masks = chunk.masks(&x[at..at + self.n]);
                let by_slice = _mm512_multishift_epi64_epi8(self.fields, masks);
                _mm512_and_si512(_mm512_permutexvar_epi8(self.transposed, by_slice), self.bits)
            }
        }
    }
}

/// Eight slices.
struct Chunk {
    slices: Vec<Digit>,
    /// For each the bit of a byte that is its digit.
    bytes: i64,
}

impl Chunk {
    fn of(slices: &[Digit], number: usize) -> Self {
        let slices: Vec<Digit> = slices.iter().skip(8 * number).take(8).copied().collect();
        let bit = |s: &Digit| {
            if s.shift > 7 || s.part == DigitPart::Negative { 0 } else { 1u64 << s.shift }
        };
        let bytes = slices.iter().enumerate().map(|(i, s)| bit(s) << (8 * i)).sum::<u64>() as i64;
        Self { slices, bytes }
    }

    /// The digits of up to 64 rows, a slice a lane, a row a bit.
    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
    )]
    fn masks(&self, x: &[i32]) -> __m512i {
        let mut masks = [0i64; 8];
        for (mask, slice) in masks.iter_mut().zip(&self.slices) {
            for (i, &x) in x.iter().enumerate() {
                *mask |= i64::from(part(slice.part, x) >> slice.shift & 1) << i;
            }
        }
        // SAFETY: eight numbers of 64 bits.
        unsafe { _mm512_loadu_si512(masks.as_ptr().cast()) }
    }
}

/// Eight by eight lanes of 64 bits.
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
)]
fn transpose(x: [__m512i; 8]) -> [__m512i; 8] {
    let two: [__m512i; 8] = std::array::from_fn(|i| {
        let (a, b) = (x[i / 2 * 2], x[i / 2 * 2 + 1]);
        if i % 2 == 0 { _mm512_unpacklo_epi64(a, b) } else { _mm512_unpackhi_epi64(a, b) }
    });
    // two[2p + h]: rows 2p and 2p + 1, lanes h, h + 2, h + 4, h + 6, two by two
    let four = |h: usize, p: usize, high: bool| {
        let (a, b) = (two[4 * p + h], two[4 * p + 2 + h]);
        if high { _mm512_shuffle_i64x2::<0xee>(a, b) } else { _mm512_shuffle_i64x2::<0x44>(a, b) }
    };
    let mut out = x;
    for h in 0..2 {
        for (half, high) in [(0, false), (1, true)] {
            let (a, b) = (four(h, 0, high), four(h, 1, high));
            out[4 * half + h] = _mm512_shuffle_i64x2::<0x88>(a, b);
            out[4 * half + 2 + h] = _mm512_shuffle_i64x2::<0xdd>(a, b);
        }
    }
    out
}
