//! Bit planes for AVX-512.

use super::avx512::{CONVERTED, Converters, EXACT, NOISY, convert, weigh};
use super::deviations::{read_index, reads};
use super::digits::Of;
use super::pack::Packed;
use super::{Block, DigitRows};
use crate::kernel::{Digit, DigitPart};
use std::arch::x86_64::*;

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
        // fragment's offset on; the rest as in `dot_group`.
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
                let kept = if f + s > 0 { 0xffff } else { 0 };
                let sum = _mm512_maskz_loadu_epi32(kept, total);
                let sum = if slice < 0 { _mm512_sub_epi32(sum, worth) } else { _mm512_add_epi32(sum, worth) };
                _mm512_storeu_si512(total.cast(), sum);
            }
        }
        before += words;
    }
    *clips = _mm512_add_epi32(*clips, clipped);
}
