//! Sums of a group of rows for all patterns.

use super::*;

/// Tables of six rows in bytes, `[group][column][64 patterns]`.
///
/// # Safety
/// The CPU has the features named; columns and groups exist, `tables` has room.
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
)]
pub(super) unsafe fn build_bytes<const N: usize>(
    lookup: &Lookup,
    column: usize,
    groups: Range<usize>,
    tables: &mut Aligned<u8>,
) {
    let Columns::Sixes(cells) = &lookup.cells else { unreachable!("cells were packed for another engine") };
    // row j of the group in each 64 bits, for the patterns of three rows that drive it
    let of_group: __m512i = _mm512_set_epi64(
        0x0808_0808_0808_0808,
        0,
        0x0808_0808_0808_0808,
        0,
        0x0808_0808_0808_0808,
        0,
        0x0808_0808_0808_0808,
        0,
    );
    let row = |j: i8| _mm512_add_epi8(of_group, _mm512_set1_epi8(j));
    let rows: [__m512i; 6] = std::array::from_fn(|j| row(j as i8));
    let driven: [__mmask64; 3] = [0xaaaa_aaaa_aaaa_aaaa, 0xcccc_cccc_cccc_cccc, 0xf0f0_f0f0_f0f0_f0f0];
    // which pattern of the first three rows, and of the others, each of the 64 patterns has
    let lanes: [i8; 64] = std::array::from_fn(|e| e as i8);
    // SAFETY: 64 bytes.
    let lanes = unsafe { _mm512_loadu_si512(lanes.as_ptr().cast()) };
    let low = _mm512_and_si512(lanes, _mm512_set1_epi8(7));
    let high = _mm512_and_si512(_mm512_srli_epi16::<3>(lanes), _mm512_set1_epi8(7));
    for j in 0..N {
        let cells = &cells[((column + j) * lookup.groups + groups.start) * 8..][..groups.len() * 8];
        for (eight, cells) in cells.chunks(64).enumerate() {
            // SAFETY: masked to the cells; tables have room, see above.
            unsafe {
                let cells = _mm512_maskz_loadu_epi8(u64::MAX >> (64 - cells.len()), cells.as_ptr().cast());
                // sums of three rows for their eight patterns: none exceeds a byte
                let three = |first: usize| {
                    let one = |i: usize| _mm512_maskz_shuffle_epi8(driven[i], cells, rows[first + i]);
                    _mm512_add_epi8(_mm512_add_epi8(one(0), one(1)), one(2))
                };
                let (first, second) = (three(0), three(3));
                let left = groups.len() - 8 * eight;
                let mut at = _mm512_setzero_si512();
                for g in 8 * eight..8 * eight + left.min(8) {
                    let low = _mm512_permutexvar_epi8(_mm512_or_si512(low, at), first);
                    let high = _mm512_permutexvar_epi8(_mm512_or_si512(high, at), second);
                    let to = tables.as_mut_ptr().add((g * N + j) * SET);
                    _mm512_store_si512(to.cast(), _mm512_add_epi8(low, high));
                    at = _mm512_add_epi8(at, _mm512_set1_epi8(8));
                }
            }
        }
    }
}

/// Tables of eight rows in words, `[group][column][first four rows, next four][16 patterns]`.
///
/// # Safety
/// As [`build_bytes`].
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
)]
pub(super) unsafe fn build_words<const N: usize>(
    lookup: &Lookup,
    column: usize,
    groups: Range<usize>,
    tables: &mut Aligned<u8>,
) {
    let Columns::Eights(cells) = &lookup.cells else { unreachable!("cells were packed for another engine") };
    // row j for the first sixteen patterns, row 4 + j for the others
    let row: [__m512i; 4] = std::array::from_fn(|j| {
        _mm512_inserti64x4::<1>(_mm512_set1_epi16(j as i16), _mm256_set1_epi16(4 + j as i16))
    });
    let driven: [__mmask32; 4] = [0xaaaa_aaaa, 0xcccc_cccc, 0xf0f0_f0f0, 0xff00_ff00];
    for j in 0..N {
        let cells = &cells[((column + j) * lookup.groups + groups.start) * 8..][..groups.len() * 8];
        for (g, rows) in cells.chunks_exact(8).enumerate() {
            // SAFETY: see above; eight words are sixteen bytes.
            unsafe {
                let rows = _mm512_broadcast_i32x4(_mm_loadu_si128(rows.as_ptr().cast()));
                let one = |i: usize| _mm512_maskz_permutexvar_epi16(driven[i], row[i], rows);
                let sum =
                    _mm512_add_epi16(_mm512_add_epi16(one(0), one(1)), _mm512_add_epi16(one(2), one(3)));
                _mm512_store_si512(tables.as_mut_ptr().add((g * N + j) * SET).cast(), sum);
            }
        }
    }
}
