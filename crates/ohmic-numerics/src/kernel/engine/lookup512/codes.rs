//! From sums to codes, and what codes are worth.

use super::*;

/// Repeats a block for each of `N` columns with `j` as a constant.
///
/// PERF: a loop would keep its registers in memory, since the compiler does not unroll long bodies.
macro_rules! unrolled {
    ($n:ident, $j:ident, $body:block) => {
        if $n > 0 {
            const $j: usize = 0;
            $body
        }
        if $n > 1 {
            const $j: usize = 1;
            $body
        }
        if $n > 2 {
            const $j: usize = 2;
            $body
        }
        if $n > 3 {
            const $j: usize = 3;
            $body
        }
    };
}

/// The upper halves of products of 16 bits.
///
/// PERF: the compiler takes the intrinsic apart and widens it.
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
)]
fn high_products(a: __m512i, b: __m512i) -> __m512i {
    let product: __m512i;
    // SAFETY: registers only.
    unsafe {
        std::arch::asm!(
            "vpmulhuw {product}, {a}, {b}",
            product = lateout(zmm_reg) product,
            a = in(zmm_reg) a,
            b = in(zmm_reg) b,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    product
}

impl Run<'_> {
    /// Codes of small sums from a table of codes, signed, added up in bytes. None clips.
    ///
    /// # Safety
    /// As [`Run::columns`].
    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
    )]
    pub(super) unsafe fn bytes_by_table<const N: usize>(
        &self,
        x: *const u8,
        table: *const u8,
        fragments: Range<usize>,
        column: usize,
        worth: &mut [__m512i; N],
    ) {
        let (block, lookup) = (self.block, self.lookup);
        let Some(Staircase::Bytes(steps)) = &lookup.staircase else { unreachable!("asked by the caller") };
        // SAFETY: two tables of 64 codes; gains have an entry for each of the columns.
        unsafe {
            let gains = _mm512_load_si512(lookup.lanes.bytes.as_ptr().cast());
            let codes = steps.codes.as_ptr().cast::<u8>();
            let mut f = fragments.start;
            let mut g = 0;
            while f < fragments.end {
                let end = (f + steps.flush).min(fragments.end);
                let mut added = [_mm512_setzero_si512(); N];
                while f < end {
                    let groups = block.rows[f].div_ceil(lookup.together);
                    let mut sums = [_mm512_setzero_si512(); N];
                    for g in g..g + groups {
                        let x = _mm512_loadu_si512(x.add(g * SET).cast());
                        for (j, sums) in sums.iter_mut().enumerate() {
                            let table = _mm512_load_si512(table.add((g * N + j) * SET).cast());
                            *sums = _mm512_add_epi8(*sums, _mm512_permutexvar_epi8(x, table));
                        }
                    }
                    let signs = block.gains.as_ptr().add(f * block.width + column);
                    unrolled!(N, J, {
                        let negative = *signs.add(J) < 0;
                        let codes = _mm512_load_si512(codes.add(usize::from(negative) * SET).cast());
                        added[J] = _mm512_add_epi8(added[J], _mm512_permutexvar_epi8(sums[J], codes));
                    });
                    g += groups;
                    f += 1;
                }
                for j in 0..N {
                    worth[j] = _mm512_dpbusd_epi32(worth[j], gains, added[j]);
                }
            }
        }
    }

    /// Codes of whole sums in 16 bits.
    ///
    /// # Safety
    /// As [`Run::columns`].
    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
    )]
    pub(super) unsafe fn bytes_by_steps<const N: usize, const HOW: u8>(
        &self,
        set: usize,
        mut before: usize,
        mut x: *const u8,
        mut table: *const u8,
        fragments: Range<usize>,
        column: usize,
        worth: &mut [__m512i; N],
    ) -> u64 {
        let (block, lookup) = (self.block, self.lookup);
        let Some(Staircase::Words(steps)) = &lookup.staircase else { unreachable!("asked by the caller") };
        let shift = _mm_cvtsi32_si128(steps.shift as i32);
        let mut clips = 0;
        for f in fragments {
            let groups = block.rows[f].div_ceil(lookup.together);
            let driven = self.driven(set, before, groups);
            before += groups;
            // SAFETY: steps have an entry for each of the columns.
            unsafe {
                // sums of nothing give codes of zero, none of which clips
                if driven != 0 {
                    let words = self.words::<N>(x, table, groups, driven);
                    unrolled!(N, J, {
                        let c = column + J;
                        let set1 = |v: &Aligned<u32>| _mm512_set1_epi32(*v.get_unchecked(c) as i32);
                        let (slope, half) = (set1(&steps.slope), set1(&steps.half));
                        let code = |sum: __m512i| {
                            let scaled = high_products(_mm512_slli_epi16::<7>(sum), slope);
                            let code = _mm512_srl_epi16(_mm512_add_epi16(scaled, half), shift);
                            let code = if steps.has_odd {
                                let odd = _mm512_cmpeq_epi16_mask(sum, set1(&steps.off));
                                _mm512_mask_add_epi16(code, odd, code, set1(&steps.put))
                            } else {
                                code
                            };
                            if HOW == WITHIN { code } else { _mm512_min_epi16(code, set1(&steps.high)) }
                        };
                        if HOW != WITHIN {
                            let ceiling = set1(&steps.ceiling);
                            let above = words[J].map(|sum| _mm512_cmpgt_epi16_mask(sum, ceiling));
                            if above != [0; 2] {
                                clips += self.clipped(set, above);
                            }
                        }
                        let codes = [code(words[J][0]), code(words[J][1])];
                        worth[J] = self.weigh(f, c, codes, worth[J]);
                    });
                }
                let each = SET * groups;
                x = x.add(each);
                table = table.add(each * N);
            }
        }
        clips
    }

    /// How many of the sums above are those of reads: of even lanes, of odd lanes.
    #[cold]
    fn clipped(&self, set: usize, above: [__mmask32; 2]) -> u64 {
        let there = self.there(set);
        let mut clips = 0;
        for (i, above) in above.into_iter().enumerate() {
            for lane in 0..16 {
                let both = (there[i] >> lane & 1) + (there[i + 2] >> lane & 1) * 2;
                clips += u64::from((above >> (2 * lane) & u32::from(both)).count_ones());
            }
        }
        clips
    }

    /// Adds codes times gains: `codes[0]` are words of slices 0 and 2 of four, `codes[1]` of 1 and 3.
    ///
    /// # Safety
    /// As [`Run::columns`].
    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
    )]
    pub(super) unsafe fn weigh(
        &self,
        f: usize,
        column: usize,
        codes: [__m512i; 2],
        worth: __m512i,
    ) -> __m512i {
        let mut worth = worth;
        let gains = self.lookup.lanes.gains.as_ptr().cast::<__m512i>();
        // SAFETY: four registers of gains; gains of the block have an entry for each of the columns.
        unsafe {
            let gain = *self.block.gains.get_unchecked(f * self.block.width + column);
            let gains = gains.add(if gain < 0 { 2 } else { 0 });
            if gain == 1 || gain == -1 {
                worth = dot_pairs(worth, codes[0], _mm512_load_si512(gains));
                worth = dot_pairs(worth, codes[1], _mm512_load_si512(gains.add(1)));
            } else {
                let mut sum = _mm512_setzero_si512();
                sum = dot_pairs(sum, codes[0], _mm512_load_si512(gains));
                sum = dot_pairs(sum, codes[1], _mm512_load_si512(gains.add(1)));
                let by = _mm512_set1_epi32(gain.abs());
                worth = _mm512_add_epi32(worth, _mm512_mullo_epi32(sum, by));
            }
        }
        worth
    }

    /// Codes of sums in floating point, or sums passed on.
    ///
    /// # Safety
    /// As [`Run::columns`].
    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
    )]
    pub(super) unsafe fn by_floats<const N: usize, const BYTES: bool, const HOW: u8>(
        &self,
        set: usize,
        mut before: usize,
        mut x: *const u8,
        mut table: *const u8,
        fragments: Range<usize>,
        (column, converters): (usize, &[Converter<'_>; N]),
        mut counters: *const Counters,
        worth: &mut [__m512i; N],
    ) -> u64 {
        let (block, lookup) = (self.block, self.lookup);
        let there = if HOW == EXACT || HOW == WITHIN { [0; 4] } else { self.there(set) };
        let noisy = match &self.deviates {
            Some(noisy) if is_noisy(HOW) => Some((noisy, noisy.draws(set * lookup.lanes.vectors()))),
            _ => None,
        };
        let mut deviations = [[_mm512_setzero_ps(); 4]; N];
        let mut clips = 0;
        for f in fragments {
            let groups = block.rows[f].div_ceil(lookup.together);
            let driven = self.driven(set, before, groups);
            before += groups;
            // SAFETY: see the caller.
            unsafe {
                if let Some((noisy, draws)) = &noisy {
                    self.deviations(noisy, (draws, counters), set, (f, column), &there, &mut deviations);
                    counters = counters.add(N);
                }
                if driven != 0 || is_noisy(HOW) || !lookup.zero_is_zero {
                    let sums: [[__m512i; 4]; N] = if BYTES {
                        let low = _mm512_set1_epi32(0xffff);
                        self.words::<N>(x, table, groups, driven).map(|[even, odd]| {
                            [
                                _mm512_and_si512(even, low),
                                _mm512_and_si512(odd, low),
                                _mm512_srli_epi32::<16>(even),
                                _mm512_srli_epi32::<16>(odd),
                            ]
                        })
                    } else {
                        Self::longs::<N>(x, table, groups, driven)
                    };
                    unrolled!(N, J, {
                        let c = column + J;
                        if HOW == EXACT {
                            worth[J] = self.pass(f, c, sums[J], worth[J]);
                        } else {
                            let at = &converters[J];
                            let mut code = |i: usize| {
                                let deviations = (&raw const deviations[J][i]).cast();
                                code::<HOW>(sums[J][i], at, deviations, there[i], &mut clips)
                            };
                            let (c0, c1, c2, c3) = (code(0), code(1), code(2), code(3));
                            let codes = [
                                _mm512_mask_mov_epi16(c0, 0xaaaa_aaaa, _mm512_slli_epi32::<16>(c2)),
                                _mm512_mask_mov_epi16(c1, 0xaaaa_aaaa, _mm512_slli_epi32::<16>(c3)),
                            ];
                            worth[J] = self.weigh(f, c, codes, worth[J]);
                        }
                    });
                }
                let each = SET * groups;
                x = x.add(if BYTES { each } else { 4 * each });
                table = table.add(each * N);
            }
        }
        clips
    }

    /// Adds sums times gains.
    ///
    /// # Safety
    /// As [`Run::columns`].
    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
    )]
    pub(super) unsafe fn pass(&self, f: usize, column: usize, sums: [__m512i; 4], worth: __m512i) -> __m512i {
        let mut worth = worth;
        let gain = _mm512_set1_epi32(self.block.gains[f * self.block.width + column]);
        let gains = self.lookup.lanes.gains.as_ptr().cast::<__m512i>();
        for (i, sum) in sums.into_iter().enumerate() {
            // SAFETY: four registers of gains.
            let gains = unsafe { _mm512_load_si512(gains.add(i % 2)) };
            let low = if i < 2 { _mm512_slli_epi32::<16>(gains) } else { gains };
            let slice = _mm512_mullo_epi32(_mm512_srai_epi32::<16>(low), gain);
            worth = _mm512_add_epi32(worth, _mm512_mullo_epi32(sum, slice));
        }
        worth
    }
}
