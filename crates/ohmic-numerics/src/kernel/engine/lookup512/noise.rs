//! What conversions deviate by.

use super::*;

/// What the deviations of all columns have in common.
pub(super) struct Noisy<'a> {
    deviates: &'a Deviates<'a>,
    variances: &'a [i32],
    philox: Philox,
    /// Of the lanes: vector of the set, and counters from the first of a fragment and column.
    vector: __m512i,
    counter: __m512i,
    /// Of the lanes of each register: the variance from the first of a set, fragment and column.
    variance: [__m512i; 4],
}

impl<'a> Noisy<'a> {
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
    )]
    pub(super) fn new(
        block: &Block,
        lookup: &Lookup,
        column: usize,
        deviates: &'a Deviates<'a>,
        variances: &'a [i32],
    ) -> Self {
        let slices = block.slices.len();
        let quads = (lookup.lanes.slices / 4) as u32;
        let index = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
        let vector = _mm512_srl_epi32(index, _mm_cvtsi32_si128(quads.trailing_zeros() as i32));
        let four = _mm512_and_si512(index, _mm512_set1_epi32(quads as i32 - 1));
        let width = _mm512_set1_epi32(block.width as i32);
        let counter = if slices == 1 { _mm512_setzero_si512() } else { _mm512_mullo_epi32(four, width) };
        let variance = std::array::from_fn(|i| {
            // row of the variances: vector, slice
            let row = _mm512_add_epi32(
                _mm512_mullo_epi32(vector, _mm512_set1_epi32(slices as i32)),
                _mm512_add_epi32(_mm512_slli_epi32::<2>(four), _mm512_set1_epi32(i as i32)),
            );
            _mm512_mullo_epi32(row, _mm512_set1_epi32(group_width(block, column) as i32))
        });
        let philox = Philox::new(deviates.noise.key(), deviates.place());
        Self { deviates, variances, philox, vector, counter, variance }
    }

    /// The counters of a fragment and column.
    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
    )]
    pub(super) fn counters(&self, block: &Block, f: usize, column: usize) -> Counters {
        let slices = block.slices.len();
        let first = if slices == 1 {
            (f * block.width + column) / 4
        } else {
            read_index(slices, f, 0) / 4 * block.width + column
        };
        self.philox.counters(_mm512_add_epi32(self.counter, _mm512_set1_epi32(first as i32)))
    }

    /// The draws of a set whose first vector is `first`.
    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
    )]
    pub(super) fn draws(&self, first: usize) -> Draws {
        let draw = self.deviates.first_draw.wrapping_add(first as u32);
        self.philox.draws(_mm512_add_epi32(self.vector, _mm512_set1_epi32(draw as i32)))
    }
}

impl Run<'_> {
    /// What the conversions of a set, a fragment and `N` columns deviate by, in levels.
    ///
    /// PERF: the words of all columns before their deviates, both in memory: chains of dependent operations
    /// that are short and many overlap.
    ///
    /// # Safety
    /// As [`Run::columns`]; the counters of the columns stand where they are said to.
    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
    )]
    pub(super) unsafe fn deviations<const N: usize>(
        &self,
        noisy: &Noisy<'_>,
        (draws, counters): (&Draws, *const Counters),
        set: usize,
        (f, column): (usize, usize),
        there: &There,
        out: &mut [[__m512; 4]; N],
    ) {
        let (block, lanes, deviates) = (self.block, &self.lookup.lanes, noisy.deviates);
        let slices = block.slices.len();
        let first = set * lanes.vectors();
        let mut words = [[_mm512_setzero_si512(); 4]; N];
        // SAFETY: see above.
        let counters = unsafe { std::slice::from_raw_parts(counters, N) };
        let (words_by_two, rest) = words.as_chunks_mut::<2>();
        let (counters_by_two, one) = counters.as_chunks::<2>();
        for (words, [a, b]) in words_by_two.iter_mut().zip(counters_by_two) {
            *words = noisy.philox.words([a, b], [draws; 2]);
        }
        for (words, one) in rest.iter_mut().zip(one) {
            [*words] = noisy.philox.words([one], [draws]);
        }
        for words in &mut words {
            words[0] = _mm512_castps_si512(squares(words[0]));
            words[2] = _mm512_castps_si512(squares(words[2]));
        }
        let mut issued = [u16::MAX; 4];
        if let Some(of) = deviates.issued {
            let fragments = block.rows.len();
            let mut all = 0u64;
            for v in 0..(self.vectors - first).min(lanes.vectors()) {
                let slices = u64::MAX >> (64 - lanes.slices);
                all |= (of[(first + v) * fragments + f] & slices) << (v * lanes.slices);
            }
            issued = std::array::from_fn(|i| _pext_u64(all, 0x1111_1111_1111_1111 << i) as __mmask16);
        }
        for (j, (normal, w)) in out.iter_mut().zip(&words).enumerate() {
            let column = column + j;
            let ([a, b], [c, d]) =
                (normals(_mm512_castsi512_ps(w[0]), w[1]), normals(_mm512_castsi512_ps(w[2]), w[3]));
            *normal = [a, b, c, d];
            if slices == 1 {
                // four columns share a counter then
                normal[0] = normal[column % 4];
            }
            let sigma = deviates.sigma[column];
            for (i, normal) in normal.iter_mut().enumerate() {
                let std = match deviates.variance {
                    None => _mm512_set1_ps(sigma),
                    Some(variance) => {
                        let width = group_width(block, column);
                        let start = (f * self.vectors + first) * slices * width + column % GROUP;
                        // SAFETY: only reads that exist are looked at.
                        let sums = unsafe {
                            _mm512_mask_i32gather_epi32::<4>(
                                _mm512_setzero_si512(),
                                there[i],
                                noisy.variance[i],
                                noisy.variances.as_ptr().add(start),
                            )
                        };
                        let off = _mm512_set1_epi32(variance.taken_off[f][column] as i32);
                        let sums = _mm512_cvtepu32_ps(_mm512_add_epi32(sums, off));
                        let read = _mm512_mul_ps(sums, _mm512_set1_ps(variance.unit));
                        _mm512_sqrt_ps(_mm512_add_ps(read, _mm512_set1_ps(sigma * sigma)))
                    }
                };
                *normal = _mm512_maskz_mul_ps(issued[i], *normal, std);
            }
        }
    }
}
