//! Sums of the rows that reads drive.

use super::*;

impl Run<'_> {
    /// Sums of a fragment in bytes, two words for each two reads: of even lanes, of odd lanes.
    ///
    /// # Safety
    /// As [`Run::columns`]; `groups` groups stand at `x` and `table`.
    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
    )]
    pub(super) unsafe fn words<const N: usize>(
        &self,
        x: *const u8,
        table: *const u8,
        groups: usize,
        driven: u64,
    ) -> [[__m512i; 2]; N] {
        let low = _mm512_set1_epi16(0xff);
        let mut words = [[_mm512_setzero_si512(); 2]; N];
        let mut left = Groups { groups, driven, next: 0 };
        let mut group = left.next();
        while group < groups {
            let mut bytes = [_mm512_setzero_si512(); N];
            let mut room = self.lookup.flush;
            while group < groups && room > 0 {
                // SAFETY: see above.
                unsafe {
                    let x = _mm512_loadu_si512(x.add(group * SET).cast());
                    for (j, bytes) in bytes.iter_mut().enumerate() {
                        let table = _mm512_load_si512(table.add((group * N + j) * SET).cast());
                        *bytes = _mm512_add_epi8(*bytes, _mm512_permutexvar_epi8(x, table));
                    }
                }
                group = left.next();
                room -= 1;
            }
            for (words, bytes) in words.iter_mut().zip(bytes) {
                words[0] = _mm512_add_epi16(words[0], _mm512_and_si512(bytes, low));
                words[1] = _mm512_add_epi16(words[1], _mm512_srli_epi16::<8>(bytes));
            }
        }
        words
    }

    /// Sums of a fragment of words: register `j` of four holds lanes `j`, `j + 4` ...
    ///
    /// # Safety
    /// As [`Run::words`].
    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
    )]
    pub(super) unsafe fn longs<const N: usize>(
        x: *const u8,
        table: *const u8,
        groups: usize,
        driven: u64,
    ) -> [[__m512i; 4]; N] {
        let ones = _mm512_set1_epi16(1);
        let mut sums = [[_mm512_setzero_si512(); 4]; N];
        let mut left = Groups { groups, driven, next: 0 };
        let mut g = left.next();
        while g < groups {
            // SAFETY: see above.
            unsafe {
                let x: [__m512i; 4] =
                    std::array::from_fn(|i| _mm512_loadu_si512(x.add((g * 4 + i) * SET).cast()));
                for (j, sums) in sums.iter_mut().enumerate() {
                    let table = _mm512_load_si512(table.add((g * N + j) * SET).cast());
                    for i in 0..4 {
                        sums[i] = dot_pairs(sums[i], _mm512_permutexvar_epi16(x[i], table), ones);
                    }
                }
            }
            g = left.next();
        }
        sums
    }
}

/// Groups of rows that are driven, one after the other.
///
/// PERF: images are dark and rectified signals zero in places: what no read of a set drives adds nothing.
struct Groups {
    groups: usize,
    driven: u64,
    next: usize,
}

impl Groups {
    /// The next one; `groups` or more if there is none.
    #[inline(always)]
    fn next(&mut self) -> usize {
        if self.groups > 64 {
            self.next += 1;
            return self.next - 1;
        }
        let group = self.driven.trailing_zeros() as usize;
        self.driven &= self.driven.wrapping_sub(1);
        group
    }
}
