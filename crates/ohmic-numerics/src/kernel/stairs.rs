//! Conversions by converters whose codes are not equally wide: one staircase each.

use super::{Level, level};

/// One converter: which value it gives for a level.
///
/// The value of a level is that of as many thresholds as are not above it. Thresholds stand in buckets of equal
/// width, so that few have to be compared with; bucket and comparison are both monotone in the level, so what is
/// found is exact.
#[derive(Clone, Debug, PartialEq)]
pub struct Stairs {
    /// Where the first bucket begins, and how many there are to a level.
    first: f32,
    per_level: f32,
    last: f32,
    /// Thresholds before each bucket, and the most that one holds.
    before: Vec<u32>,
    most: u32,
    /// Ascending, in levels, infinity behind the last.
    thresholds: Vec<f32>,
    /// One more than thresholds.
    values: Vec<i32>,
    /// Levels outside are clipped.
    low: f32,
    high: f32,
}

impl Stairs {
    /// A converter with these thresholds (ascending, in levels; infinite ones are never reached), the value of
    /// each code, and the levels beyond which a conversion counts as clipped.
    ///
    /// # Panics
    /// One value more than thresholds; thresholds ascend.
    pub fn new(thresholds: &[f32], values: &[i32], (low, high): (f32, f32)) -> Self {
        assert_eq!(values.len(), thresholds.len() + 1, "one value a code");
        assert!(thresholds.is_sorted() && !thresholds.iter().any(|t| t.is_nan()), "thresholds ascend");
        let finite = || thresholds.iter().copied().filter(|t| t.is_finite());
        let (first, end) = (finite().next().unwrap_or(0.0), finite().next_back().unwrap_or(0.0));
        // four a code: thresholds have to be off by most of a step for two to share one
        let buckets = (4 * values.len()).next_power_of_two();
        let width = (end - first).max(f32::MIN_POSITIVE);
        let per_level = ((buckets - 2) as f32 / width).min(f32::MAX);
        let mut stairs = Self {
            first,
            per_level,
            last: (buckets - 1) as f32,
            before: vec![0; buckets],
            most: 0,
            thresholds: thresholds.iter().copied().chain([f32::INFINITY]).collect(),
            values: values.to_vec(),
            low,
            high,
        };
        let mut held = vec![0u32; buckets];
        for &t in thresholds {
            held[stairs.bucket(t)] += 1;
        }
        stairs.most = held.iter().copied().max().unwrap_or(0);
        let mut sum = 0;
        for (before, held) in stairs.before.iter_mut().zip(held) {
            *before = sum;
            sum += held;
        }
        stairs
    }

    #[inline(always)]
    fn bucket(&self, level: f32) -> usize {
        ((level - self.first) * self.per_level).max(0.0).min(self.last) as usize
    }

    /// The value of a level.
    #[inline(always)]
    pub fn value(&self, level: f32) -> i32 {
        let mut code = self.before[self.bucket(level)] as usize;
        // infinity stands behind the last
        while level >= self.thresholds[code] {
            code += 1;
        }
        self.values[code]
    }

    /// Whether a level lies outside what the converter covers.
    #[inline(always)]
    pub fn clips(&self, level: f32) -> bool {
        level < self.low || level > self.high
    }

    /// The largest magnitude of a value.
    pub fn largest(&self) -> i64 {
        self.values.iter().map(|&v| i64::from(v).abs()).max().unwrap_or(0)
    }

    /// Bytes that it takes in memory.
    pub fn bytes(&self) -> usize {
        4 * (self.before.len() + self.thresholds.len() + self.values.len()) + size_of::<Self>()
    }
}

/// Values so far apart.
#[derive(Clone, Copy, Debug)]
pub struct Strided<'a, T> {
    /// The values, the first of them first.
    pub values: &'a [T],
    /// How far apart.
    pub stride: usize,
}

/// Reads of one column with one slice and fragment, vector by vector.
#[derive(Clone, Copy, Debug)]
pub struct ColumnReads<'a> {
    /// Integer sums.
    pub sums: Strided<'a, i32>,
    /// Levels per unit of the sums.
    pub scale: f32,
    /// What each level deviates by, in levels.
    pub deviations: Option<Strided<'a, f32>>,
    /// Slices that the machine issues, and the bit that says so of this one.
    pub issued: Option<(Strided<'a, u64>, usize)>,
    /// Digital gain of a value.
    pub gain: i32,
}

fn convert_body(stairs: &Stairs, reads: ColumnReads<'_>, totals: &mut [i32]) -> u64 {
    let ColumnReads { sums, scale, deviations, issued, gain } = reads;
    let mut clips = 0;
    for (v, total) in totals.iter_mut().enumerate() {
        if let Some((issued, slice)) = issued
            && issued.values[v * issued.stride] >> slice & 1 == 0
        {
            continue;
        }
        let mut level = sums.values[v * sums.stride] as f32 * scale;
        if let Some(deviations) = deviations {
            level += deviations.values[v * deviations.stride];
        }
        clips += u64::from(stairs.clips(level));
        *total = total.wrapping_add(gain.wrapping_mul(stairs.value(level)));
    }
    clips
}

by_level! {
    fn convert_at(stairs: &Stairs, reads: ColumnReads<'_>, totals: &mut [i32]) -> u64 = convert_inline
}

#[inline(always)]
fn convert_inline(stairs: &Stairs, reads: ColumnReads<'_>, totals: &mut [i32]) -> u64 {
    convert_body(stairs, reads, totals)
}

/// Converts the reads of one column and adds the values, times their gain, to a total for each vector; returns
/// how many were clipped. A read that is not issued is not converted.
///
/// # Panics
/// Sums, deviations and issued slices for as many vectors as totals.
pub fn convert_column(stairs: &Stairs, reads: ColumnReads<'_>, totals: &mut [i32]) -> u64 {
    let n = totals.len();
    if n == 0 {
        return 0;
    }
    let last = |stride: usize| (n - 1).checked_mul(stride).is_some_and(|last| i32::try_from(last).is_ok());
    let fits = last(reads.sums.stride) && reads.deviations.is_none_or(|d| last(d.stride));
    let there = (n - 1) * reads.sums.stride < reads.sums.values.len()
        && reads.deviations.is_none_or(|d| (n - 1) * d.stride < d.values.len())
        && reads.issued.is_none_or(|(i, _)| (n - 1) * i.stride < i.values.len());
    assert!(there, "reads of {n} vectors");
    #[cfg(target_arch = "x86_64")]
    if level() == Level::Avx512 && fits {
        // SAFETY: `level` reports AVX-512 only where all the features of the function are there; the last of each of
        // the strided values is there, and its offset fits 31 bits.
        return unsafe { convert512(stairs, reads, totals) };
    }
    convert_at(level(), stairs, reads, totals)
}

/// The same, sixteen vectors at a time.
///
/// PERF: a staircase of 256 codes is 7 KiB, so that what is gathered lies in the first-level cache.
///
/// # Safety
/// The CPU has the features named; sums, deviations and issued slices for all vectors, whose offsets fit 31 bits.
#[cfg(target_arch = "x86_64")]
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
)]
unsafe fn convert512(stairs: &Stairs, reads: ColumnReads<'_>, totals: &mut [i32]) -> u64 {
    use std::arch::x86_64::*;
    let ColumnReads { sums, scale, deviations, issued, gain } = reads;
    let lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    let apart = |stride: usize| _mm512_mullo_epi32(lanes, _mm512_set1_epi32(stride as i32));
    let (sums_apart, off_apart) = (apart(sums.stride), apart(deviations.map_or(0, |d| d.stride)));
    let zero = _mm512_setzero_si512();
    let mut clips = 0;
    for (first, totals) in (0..).step_by(16).zip(totals.chunks_mut(16)) {
        let mut there = ((1u32 << totals.len()) - 1) as __mmask16;
        if let Some((issued, slice)) = issued {
            for v in 0..totals.len() {
                let bit = issued.values[(first + v) * issued.stride] >> slice & 1;
                there &= !(u16::from(bit == 0) << v);
            }
        }
        // SAFETY: masked lanes are those of vectors that are there; codes lie within the staircase, because bucket and
        // comparison never lead beyond the last threshold, behind which infinity stands.
        unsafe {
            let at = sums.values.as_ptr().add(first * sums.stride);
            let sum = if sums.stride == 1 {
                _mm512_maskz_loadu_epi32(there, at)
            } else {
                _mm512_mask_i32gather_epi32::<4>(zero, there, sums_apart, at)
            };
            let sum = _mm512_cvtepi32_ps(sum);
            let level = match deviations {
                None => _mm512_mul_ps(sum, _mm512_set1_ps(scale)),
                Some(d) => {
                    let at = d.values.as_ptr().add(first * d.stride);
                    let off = _mm512_mask_i32gather_ps::<4>(_mm512_setzero_ps(), there, off_apart, at);
                    _mm512_add_ps(_mm512_mul_ps(sum, _mm512_set1_ps(scale)), off)
                }
            };
            let value = stairs.sixteen(level, there, &mut clips);
            let worth = _mm512_mullo_epi32(value, _mm512_set1_epi32(gain));
            let to = totals.as_mut_ptr();
            let total = _mm512_add_epi32(_mm512_maskz_loadu_epi32(there, to), worth);
            _mm512_mask_storeu_epi32(to, there, total);
        }
    }
    clips
}

#[cfg(target_arch = "x86_64")]
impl Stairs {
    /// The values of sixteen levels; counts those that clip among the reads that are there.
    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
    )]
    pub(super) fn sixteen(
        &self,
        level: std::arch::x86_64::__m512,
        there: std::arch::x86_64::__mmask16,
        clips: &mut u64,
    ) -> std::arch::x86_64::__m512i {
        use std::arch::x86_64::*;
        let low = _mm512_mask_cmp_ps_mask::<_CMP_LT_OQ>(there, level, _mm512_set1_ps(self.low));
        let high = _mm512_mask_cmp_ps_mask::<_CMP_GT_OQ>(there, level, _mm512_set1_ps(self.high));
        *clips += u64::from((low | high).count_ones());
        let bucket = _mm512_sub_ps(level, _mm512_set1_ps(self.first));
        let bucket = _mm512_mul_ps(bucket, _mm512_set1_ps(self.per_level));
        let bucket = _mm512_max_ps(bucket, _mm512_setzero_ps());
        let bucket = _mm512_cvttps_epi32(_mm512_min_ps(bucket, _mm512_set1_ps(self.last)));
        // SAFETY: buckets lie between the first and the last; codes within the staircase, because bucket and comparison
        // never lead beyond the last threshold, behind which infinity stands.
        unsafe {
            let mut code = _mm512_i32gather_epi32::<4>(bucket, self.before.as_ptr().cast());
            for _ in 0..self.most {
                let threshold = _mm512_i32gather_ps::<4>(code, self.thresholds.as_ptr());
                let above = _mm512_cmp_ps_mask::<_CMP_GE_OQ>(level, threshold);
                code = _mm512_mask_add_epi32(code, above, code, _mm512_set1_epi32(1));
            }
            _mm512_i32gather_epi32::<4>(code, self.values.as_ptr())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Noise, Purpose, Seed, Site};

    /// The number of thresholds that are not above a level, one after the other.
    fn plain(thresholds: &[f32], values: &[i32], level: f32) -> i32 {
        values[thresholds.iter().filter(|&&t| level >= t).count()]
    }

    /// Random staircases, with codes that are missing and codes that are wide, against the plain count: at every
    /// threshold, just below it, far outside, and between.
    #[test]
    fn every_level_gets_the_value_of_the_plain_count() {
        let noise = Noise::new(Seed(4));
        for (case, bits) in [1u32, 2, 3, 5, 8, 10].into_iter().enumerate() {
            for spread in [0.0, 0.1, 3.0, 100.0] {
                let n = (1usize << bits) - 1;
                let at = Site { layer: case as u32, block: 0 };
                let mut thresholds: Vec<f32> = (0..n)
                    .map(|i| {
                        let off = noise.normal(Purpose::Data, at, 1, i as u32) * spread;
                        (i as f32 - n as f32 / 3.0 + off) * 1.7
                    })
                    .collect();
                thresholds.sort_by(f32::total_cmp);
                if bits > 3 {
                    thresholds[n - 1] = f32::INFINITY;
                    thresholds[4] = thresholds[3];
                }
                let values: Vec<i32> = (0..=n as i32).map(|v| 16 * v - 7).collect();
                let stairs = Stairs::new(&thresholds, &values, (-3.0, 5.0));
                let mut levels = vec![-1e9, 1e9, 0.0, f32::MIN, f32::MAX];
                for &t in thresholds.iter().filter(|t| t.is_finite()) {
                    levels.extend([t, t.next_down(), t.next_up(), t + 0.4, t - 0.4]);
                }
                // the same as integers of 2^-10 of a level, by the forms that columns are converted in
                let sums: Vec<i32> = levels.iter().map(|l| (l.clamp(-1e5, 1e5) * 1024.0) as i32).collect();
                let scale = 1.0 / 1024.0;
                let want: Vec<i32> =
                    sums.iter().map(|&s| 3 * plain(&thresholds, &values, s as f32 * scale)).collect();
                let reads = ColumnReads {
                    sums: Strided { values: &sums, stride: 1 },
                    scale,
                    deviations: None,
                    issued: None,
                    gain: 3,
                };
                let (mut fast, mut slow) = (vec![0; sums.len()], vec![0; sums.len()]);
                let clips = convert_column(&stairs, reads, &mut fast);
                assert_eq!(clips, convert_at(Level::Scalar, &stairs, reads, &mut slow));
                assert_eq!((&fast, &slow), (&want, &want), "{bits} {spread}");
                for level in levels {
                    assert_eq!(
                        stairs.value(level),
                        plain(&thresholds, &values, level),
                        "{bits} {spread} {level}"
                    );
                }
            }
        }
    }

    /// Columns against single conversions, with and without deviations and skipped reads.
    #[test]
    fn columns_are_converted_as_single_levels() {
        let thresholds = [-1.5f32, -0.5, 0.6, 1.4, 2.6];
        let stairs = Stairs::new(&thresholds, &[-2, -1, 0, 1, 2, 3], (-2.5, 3.5));
        let sums: Vec<i32> = (0..60).map(|i| (i * 37) % 41 - 20).collect();
        let off: Vec<f32> = (0..120).map(|i| (i % 7) as f32 * 0.1 - 0.3).collect();
        let issued: Vec<u64> = (0..20).map(|i| i % 3).collect();
        for deviate in [false, true] {
            for skip in [false, true] {
                let mut totals = vec![5; 20];
                let reads = ColumnReads {
                    sums: Strided { values: &sums, stride: 3 },
                    scale: 0.25,
                    deviations: deviate.then_some(Strided { values: &off, stride: 6 }),
                    issued: skip.then_some((Strided { values: &issued, stride: 1 }, 1)),
                    gain: -3,
                };
                let clips = convert_column(&stairs, reads, &mut totals);
                let mut want = 0;
                for (v, total) in totals.iter().enumerate() {
                    let level = sums[3 * v] as f32 * 0.25 + if deviate { off[6 * v] } else { 0.0 };
                    let counted = !skip || issued[v] >> 1 & 1 == 1;
                    let value = if counted { stairs.value(level) } else { 0 };
                    want += u64::from(counted && stairs.clips(level));
                    assert_eq!(*total, 5 - 3 * value);
                }
                assert_eq!(clips, want);
            }
        }
    }
}
