//! From sums to codes for AVX-512, where lanes are reads.

use super::Block;
use super::staircase::Clips;
use crate::kernel::stairs::Stairs;
use std::arch::x86_64::*;

/// How a sum becomes a code: it is one.
pub(super) const EXACT: u8 = 0;
/// Converted.
pub(super) const CONVERTED: u8 = 1;
/// Converted with a deviation.
pub(super) const NOISY: u8 = 2;
/// Converted, and known not to clip.
pub(super) const WITHIN: u8 = 3;

/// Converted by a staircase.
pub(super) const STAIRS: u8 = 4;
/// Converted by a staircase with a deviation.
pub(super) const NOISY_STAIRS: u8 = 5;

/// Whether conversions deviate.
pub(super) const fn is_noisy(how: u8) -> bool {
    how == NOISY || how == NOISY_STAIRS
}

/// How the sums of some columns become codes.
pub(super) fn how(block: &Block, noisy: bool, clips: Clips) -> u8 {
    match &block.grids {
        None => EXACT,
        Some(grids) if grids.stairs.is_some() => {
            if noisy {
                NOISY_STAIRS
            } else {
                STAIRS
            }
        }
        Some(_) if noisy => NOISY,
        Some(_) if clips == Clips::Never => WITHIN,
        Some(_) => CONVERTED,
    }
}

/// A column's converter.
#[derive(Clone, Copy)]
pub(super) struct Converter<'a> {
    stairs: Option<&'a Stairs>,
    scale: f32,
    factor: f32,
    inverse: f32,
    floor: f32,
    ceiling: f32,
}

impl<'a> Converter<'a> {
    /// That of a column, which is there.
    pub(super) fn at(block: &'a Block, column: usize) -> Self {
        match &block.grids {
            Some(grids) => Self {
                stairs: grids.stairs.as_ref().map(|s| s.at(column)),
                scale: block.scale,
                factor: block.factors[column],
                inverse: grids.inverse[column],
                floor: grids.floor[column],
                ceiling: grids.ceiling[column],
            },
            None => Self { stairs: None, scale: 1.0, factor: 1.0, inverse: 1.0, floor: 0.0, ceiling: 0.0 },
        }
    }
}

/// Codes of sixteen sums; counts those that clip among the reads that are there.
///
/// PERF: clamping before rounding (at the last value that rounds to the last code) lets one comparison
/// tell what clipped.
///
/// # Safety
/// The CPU has the features named; for [`NOISY`] and [`NOISY_STAIRS`] sixteen deviations stand at `deviations`.
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
)]
pub(super) unsafe fn code<const HOW: u8>(
    sum: __m512i,
    at: &Converter<'_>,
    deviations: *const f32,
    there: __mmask16,
    clips: &mut u64,
) -> __m512i {
    if HOW == EXACT {
        return sum;
    }
    let sum = _mm512_cvtepi32_ps(sum);
    if let (true, Some(stairs)) = (HOW == STAIRS || HOW == NOISY_STAIRS, at.stairs) {
        let scale = _mm512_set1_ps(at.scale);
        let level = if HOW == NOISY_STAIRS {
            // SAFETY: see above.
            let deviations = unsafe { _mm512_loadu_ps(deviations) };
            // as below
            _mm512_fmadd_ps(sum, scale, deviations)
        } else {
            _mm512_mul_ps(sum, scale)
        };
        return stairs.sixteen(level, there, clips);
    }
    let value = if HOW == NOISY {
        // SAFETY: see above.
        let deviations = unsafe { _mm512_loadu_ps(deviations) };
        // the product is exact (a power of two), so fusing it with the addition changes nothing
        let level = _mm512_fmadd_ps(sum, _mm512_set1_ps(at.scale), deviations);
        _mm512_mul_ps(level, _mm512_set1_ps(at.inverse))
    } else {
        _mm512_mul_ps(sum, _mm512_set1_ps(at.factor))
    };
    if HOW == WITHIN {
        return _mm512_cvtps_epi32(value);
    }
    let within = _mm512_max_ps(value, _mm512_set1_ps(at.floor));
    let within = _mm512_min_ps(within, _mm512_set1_ps(at.ceiling));
    let clipped = _mm512_mask_cmpneq_ps_mask(there, within, value);
    *clips += u64::from(clipped.count_ones());
    _mm512_cvtps_epi32(within)
}

/// `sum + x · g` in pairs of 16-bit integers.
///
/// PERF: the compiler turns the intrinsic into a multiplication and an addition (it tunes for latency,
/// and there are two dozen chains here); as an instruction it is half as many operations.
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
)]
pub(super) fn dot_pairs(sum: __m512i, x: __m512i, g: __m512i) -> __m512i {
    let mut sum = sum;
    // SAFETY: registers only.
    unsafe {
        std::arch::asm!(
            "vpdpwssd {sum}, {x}, {g}",
            sum = inout(zmm_reg) sum,
            x = in(zmm_reg) x,
            g = in(zmm_reg) g,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sum
}
