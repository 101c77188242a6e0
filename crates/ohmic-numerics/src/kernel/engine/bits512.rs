//! Bit planes for AVX-512.

use super::convert512::{CONVERTED, EXACT, NOISY};
use super::deviations::{read_index, reads};
use super::digits::Of;
use super::pack::Packed;
use super::{Block, DigitRows};
use crate::kernel::{Digit, DigitPart};
use std::arch::x86_64::*;

/// Where the columns of one panel find their converters.
#[derive(Clone, Copy)]
struct Converters {
    factor: *const f32,
    inverse: *const f32,
    floor: *const f32,
    ceiling: *const f32,
    scale: f32,
}

impl Converters {
    /// Those of the columns from `column` on.
    ///
    /// # Safety
    /// `column + 16` columns exist, and the block has converters.
    #[inline]
    unsafe fn at(block: &Block, column: usize) -> Self {
        // SAFETY: grids and factors have an entry for each column, see `Block::pack`.
        unsafe {
            match &block.grids {
                Some(grids) => Self {
                    factor: block.factors.as_ptr().add(column),
                    inverse: grids.inverse.as_ptr().add(column),
                    floor: grids.floor.as_ptr().add(column),
                    ceiling: grids.ceiling.as_ptr().add(column),
                    scale: block.scale,
                },
                None => {
                    let none = std::ptr::null();
                    Self { factor: none, inverse: none, floor: none, ceiling: none, scale: 1.0 }
                }
            }
        }
    }
}

/// Codes of sixteen sums; counts those that clip.
///
/// PERF: clamping before rounding (at the last value that rounds to the last code) lets one comparison
/// tell what clipped.
///
/// # Safety
/// The CPU has the features named; for [`NOISY`] sixteen deviations stand at `deviations`.
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
)]
unsafe fn convert<const HOW: u8>(
    sum: __m512i,
    at: Converters,
    deviations: *const f32,
    clips: &mut __m512i,
) -> __m512i {
    if HOW == EXACT {
        return sum;
    }
    // SAFETY: see `Converters::at` and above.
    unsafe {
        let sum = _mm512_cvtepi32_ps(sum);
        let value = if HOW == NOISY {
            // the product is exact (a power of two), so fusing it with the addition changes nothing
            let level = _mm512_fmadd_ps(sum, _mm512_set1_ps(at.scale), _mm512_loadu_ps(deviations));
            _mm512_mul_ps(level, _mm512_loadu_ps(at.inverse))
        } else {
            _mm512_mul_ps(sum, _mm512_loadu_ps(at.factor))
        };
        let within =
            _mm512_min_ps(_mm512_max_ps(value, _mm512_loadu_ps(at.floor)), _mm512_loadu_ps(at.ceiling));
        let clipped = _mm512_cmpneq_ps_mask(within, value);
        // PERF: the compiler would widen the mask to a register first
        std::arch::asm!(
            "vpaddd {clips}{{{clipped}}}, {clips}, {one}",
            clips = inout(zmm_reg) *clips,
            clipped = in(kreg) clipped,
            one = in(zmm_reg) _mm512_set1_epi32(1),
            options(pure, nomem, nostack, preserves_flags),
        );
        _mm512_cvtps_epi32(within)
    }
}

/// `total + gain · code` in 16 bits each, shifted and signed as the slice wants; exact sums in 32 bits.
///
/// # Safety
/// The CPU has the features named.
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
)]
unsafe fn weigh<const HOW: u8>(code: __m512i, gain: __m512i) -> __m512i {
    if HOW == EXACT {
        _mm512_mullo_epi32(code, gain)
    } else {
        // a gain stands in the lower half of its lane, nothing in the upper
        _mm512_madd_epi16(code, gain)
    }
}

/// For each slice the bits of up to 64 bytes.
///
/// # Safety
/// The CPU has the features named; at most 64 bytes, at most 64 slices.
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
)]
pub(super) unsafe fn byte_masks(x: &[u8], slices: &[Digit], out: &mut [u64; 64]) {
    let there = u64::MAX >> (64 - x.len());
    // SAFETY: masked to the bytes that are there.
    let bytes = unsafe { _mm512_maskz_loadu_epi8(there, x.as_ptr().cast()) };
    for (slice, out) in slices.iter().zip(out) {
        *out = if slice.shift > 7 || slice.part == DigitPart::Negative {
            0
        } else {
            _mm512_test_epi8_mask(bytes, _mm512_set1_epi8(1u8.wrapping_shl(slice.shift) as i8))
        };
    }
}

/// See [`super::plain::read_group`], for bit planes.
///
/// # Safety
/// The CPU has the features named; digits, offsets and totals as asserted by [`Block::read`].
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
)]
pub(super) unsafe fn bits_group(
    block: &Block,
    digits: DigitRows<'_>,
    offsets: &[usize],
    (first, count): (usize, usize),
    deviations: Option<&[f32]>,
    totals: &mut [i32],
) -> u64 {
    let Packed::Planes { cells, planes, bias } = &block.cells else {
        unreachable!("cells were packed for another engine")
    };
    let held = Planes { cells, planes: *planes, bias: *bias };
    let mut clips = _mm512_setzero_si512();
    // SAFETY: see the callee.
    unsafe {
        for panel in first..first + count {
            let beside = (panel - first, count);
            match (&block.grids, deviations) {
                (None, _) => {
                    bits_panel::<EXACT>(block, held, digits, offsets, panel, beside, None, totals, &mut clips)
                }
                (Some(_), None) => {
                    bits_panel::<CONVERTED>(
                        block, held, digits, offsets, panel, beside, None, totals, &mut clips,
                    );
                }
                (Some(_), d) => {
                    bits_panel::<NOISY>(block, held, digits, offsets, panel, beside, d, totals, &mut clips)
                }
            }
        }
    }
    _mm512_reduce_add_epi32(clips) as u32 as u64
}

/// Bit planes of a block.
#[derive(Clone, Copy)]
struct Planes<'a> {
    cells: &'a [u32],
    planes: usize,
    bias: i32,
}

/// One panel: 32 rows of 16 columns an AND and a population count.
///
/// # Safety
/// As [`bits_group`]; the panel exists.
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
)]
unsafe fn bits_panel<const HOW: u8>(
    block: &Block,
    held: Planes<'_>,
    digits: DigitRows<'_>,
    offsets: &[usize],
    panel: usize,
    beside: (usize, usize),
    deviations: Option<&[f32]>,
    totals: &mut [i32],
    clips: &mut __m512i,
) {
    let Of::Bits(x) = digits.of else { unreachable!("digits were cut for another engine") };
    let Planes { cells, planes, bias } = held;
    let (slices, width) = (block.slices.len(), block.width);
    let panels = width / Block::PANEL;
    let reads = reads(slices, block.rows.len());
    let mut before = 0;
    let mut clipped = _mm512_setzero_si512();
    for (f, (&rows, &offset)) in block.rows.iter().zip(offsets).enumerate() {
        let words = rows.div_ceil(32);
        // SAFETY: cells hold `planes · words` lines a panel; a row of digits whole words of 32 from the
        // fragment's offset on; columns have converters and gains.
        unsafe {
            let cells = cells
                .as_ptr()
                .add((before * panels + panel * words) * planes * Block::PANEL)
                .cast::<__m512i>();
            let at = Converters::at(block, panel * Block::PANEL);
            let gains = if HOW == EXACT { block.gains.as_ptr() } else { block.halves.as_ptr() };
            let gain = _mm512_loadu_si512(gains.add(f * width + panel * Block::PANEL).cast());
            for row in 0..digits.rows {
                let (vector, s) = (row / slices, row % slices);
                let x = x.as_ptr().add(row * digits.stride).cast::<i32>().add(offset / 32);
                let mut sum = _mm512_setzero_si512();
                // the most significant plane first, doubled on the way
                for plane in (0..planes).rev() {
                    sum = _mm512_add_epi32(sum, sum);
                    for w in 0..words {
                        let g = _mm512_loadu_si512(cells.add(plane * words + w));
                        let both = _mm512_and_si512(_mm512_set1_epi32(*x.add(w)), g);
                        sum = _mm512_add_epi32(sum, _mm512_popcnt_epi32(both));
                    }
                }
                if bias != 0 {
                    let driven: u32 = (0..words).map(|w| (*x.add(w) as u32).count_ones()).sum();
                    sum = _mm512_add_epi32(sum, _mm512_set1_epi32(bias * driven as i32));
                }
                let deviations = match deviations {
                    Some(d) => {
                        let read = vector * reads + read_index(slices, f, s);
                        d.as_ptr().add((read * beside.1 + beside.0) * Block::PANEL)
                    }
                    None => std::ptr::null(),
                };
                let code = convert::<HOW>(sum, at, deviations, &mut clipped);
                let slice = block.slices[s].gain;
                let shift = _mm_cvtsi32_si128(slice.unsigned_abs().trailing_zeros() as i32);
                let worth = _mm512_sll_epi32(weigh::<HOW>(code, gain), shift);
                let total = totals.as_mut_ptr().add((vector * beside.1 + beside.0) * Block::PANEL);
                let sum = _mm512_loadu_si512(total.cast());
                let sum = if slice < 0 { _mm512_sub_epi32(sum, worth) } else { _mm512_add_epi32(sum, worth) };
                _mm512_storeu_si512(total.cast(), sum);
            }
        }
        before += words;
    }
    *clips = _mm512_add_epi32(*clips, clipped);
}
