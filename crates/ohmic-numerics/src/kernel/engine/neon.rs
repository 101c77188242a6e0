//! Dot products for NEON (little-endian aarch64), and what follows a sum there.
//!
//! Compiled for aarch64 alone: CI, which runs on x86-64, neither builds nor tests it. Whoever changes it runs
//! the tests of this crate on such a machine or under emulation, with the dot-product extension
//! (`qemu-aarch64 -cpu max`) and without (`-cpu cortex-a53`); the conformance corpus takes the level up by itself.
//! It has been tested for its bits in this way, and never been timed.

use super::deviations::{read_index, reads};
use super::digits::Of;
use super::pack::Packed;
use super::{Block, DigitRows};
use std::arch::aarch64::*;

/// How a sum becomes a code.
const EXACT: u8 = 0;
/// Converted.
const CONVERTED: u8 = 1;
/// Converted with a deviation.
const NOISY: u8 = 2;

/// Pairs of 16-bit products, [`sums_of_words`].
const WORDS: u8 = 0;
/// Bytes widened to 16 bits, [`sums_of_bytes`].
const BYTES: u8 = 1;
/// Four byte products an instruction, [`sums_by_dot`].
const DOT: u8 = 2;

/// Sums of the sixteen columns of a panel.
type Sums = [int32x4_t; 4];

/// See [`super::plain::read_group`].
///
/// # Safety
/// The CPU has NEON; digits, offsets and totals as asserted by [`Block::read`].
#[target_feature(enable = "neon")]
pub(super) unsafe fn dot_group(
    block: &Block,
    digits: DigitRows<'_>,
    offsets: &[usize],
    (first, count): (usize, usize),
    deviations: Option<&[f32]>,
    totals: &mut [i32],
) -> u64 {
    let group = Group { block, digits, offsets, first, count, deviations };
    macro_rules! run {
        ($kind:ident, $m:literal) => {
            // SAFETY: the panels exist, see the caller; `DOT` only where the CPU has its instruction.
            unsafe {
                match (&block.grids, deviations) {
                    (None, _) => group.run::<$kind, $m, EXACT>(totals),
                    (Some(_), None) => group.run::<$kind, $m, CONVERTED>(totals),
                    (Some(_), Some(_)) => group.run::<$kind, $m, NOISY>(totals),
                }
            }
        };
    }
    // PERF: as many rows as leave registers for cells and digits (32 in all)
    match &block.cells {
        Packed::Quads { .. } if std::arch::is_aarch64_feature_detected!("dotprod") => run!(DOT, 6),
        Packed::Quads { .. } => run!(BYTES, 4),
        _ => run!(WORDS, 6),
    }
}

#[derive(Clone, Copy)]
struct Group<'a> {
    block: &'a Block,
    digits: DigitRows<'a>,
    offsets: &'a [usize],
    first: usize,
    count: usize,
    deviations: Option<&'a [f32]>,
}

impl Group<'_> {
    /// All rows of digits through all panels, `M` rows at a time.
    ///
    /// # Safety
    /// As [`dot_group`]; for [`DOT`] the CPU has the dot-product extension.
    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn run<const KIND: u8, const M: usize, const HOW: u8>(self, totals: &mut [i32]) -> u64 {
        let mut clips = 0;
        let mut before = 0;
        let rows = self.digits.rows;
        for f in 0..self.block.rows.len() {
            for panel in self.first..self.first + self.count {
                let mut row = 0;
                // SAFETY: rows `row .. row + M` exist; see the caller.
                unsafe {
                    while row + M <= rows {
                        clips += self.tile::<KIND, M, HOW>(row, f, panel, before, totals);
                        row += M;
                    }
                    while row < rows {
                        clips += self.tile::<KIND, 1, HOW>(row, f, panel, before, totals);
                        row += 1;
                    }
                }
            }
            before += self.block.rows[f].div_ceil(if KIND == WORDS { 2 } else { 4 });
        }
        clips
    }

    /// `M` rows from `row` on through a panel of one fragment, sums in registers; `before`: steps of the
    /// fragments before it. How many conversions clipped.
    ///
    /// # Safety
    /// The rows and the panel exist; otherwise as [`Group::run`].
    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn tile<const KIND: u8, const M: usize, const HOW: u8>(
        self,
        row: usize,
        f: usize,
        panel: usize,
        before: usize,
        totals: &mut [i32],
    ) -> u64 {
        let Self { block, digits, offsets, first, count, deviations } = self;
        let (slices, width, rows) = (block.slices.len(), block.width, block.rows[f]);
        let steps = rows.div_ceil(if KIND == WORDS { 2 } else { 4 });
        let column = panel * Block::PANEL;
        // SAFETY: a row of digits holds `steps` whole steps from the fragment's offset on (layouts pad to 64),
        // the packed cells `steps · 64` bytes a panel and fragment, gains and converters a column each, and
        // totals a row of the group's columns a vector; deviations as `Deviates::fill` lays them out.
        unsafe {
            let (cells, bias): (*const u8, i32) = match &block.cells {
                Packed::Quads { cells, bias } => (cells.as_ptr().cast(), *bias),
                Packed::Pairs(cells) => (cells.as_ptr().cast(), 0),
                _ => unreachable!("cells were packed for another engine"),
            };
            let g = cells.add((before * (width / Block::PANEL) + panel * steps) * 64);
            let start: *const u8 = match digits.of {
                Of::Bytes(x) => x.as_ptr().add(offsets[f]),
                Of::Words(x) => x.as_ptr().add(offsets[f]).cast(),
                Of::Bits(_) | Of::Patterns(..) => unreachable!("digits were cut for another engine"),
            };
            let stride = digits.stride * if KIND == WORDS { 2 } else { 1 };
            let x: [*const u8; M] = std::array::from_fn(|i| start.add((row + i) * stride));
            let sums: [Sums; M] = match KIND {
                WORDS => sums_of_words(g.cast(), x, steps),
                BYTES => sums_of_bytes(g.cast(), x, steps),
                _ => sums_by_dot(g, x, steps),
            };
            let reads = reads(slices, block.rows.len());
            let mut clips = vdupq_n_u32(0);
            let (mut vector, mut s) = (row / slices, row % slices);
            for i in 0..M {
                let base = if bias == 0 { 0 } else { bias.wrapping_mul(sum_of(x[i], rows)) };
                let gain = vdupq_n_s32(block.slices[s].gain as i32);
                let read = vector * reads + read_index(slices, f, s);
                // as deviations stand, and totals
                let (slot, total) = (read * count + panel - first, vector * count + panel - first);
                for j in 0..4 {
                    let at = column + 4 * j;
                    let sum = vaddq_s32(sums[i][j], vdupq_n_s32(base));
                    let code = match (HOW, &block.grids, deviations) {
                        (EXACT, ..) | (_, None, _) => sum,
                        (_, Some(grids), deviations) => {
                            let sum = vcvtq_f32_s32(sum);
                            let value = match deviations {
                                Some(d) if HOW == NOISY => {
                                    let d = vld1q_f32(d.as_ptr().add(slot * Block::PANEL + 4 * j));
                                    // the product is exact (a power of two), fused or not
                                    let level = vfmaq_f32(d, sum, vdupq_n_f32(block.scale));
                                    vmulq_f32(level, vld1q_f32(grids.inverse.as_ptr().add(at)))
                                }
                                _ => vmulq_f32(sum, vld1q_f32(block.factors.as_ptr().add(at))),
                            };
                            // clamping before rounding, at the last value that rounds to the last code
                            let floor = vld1q_f32(grids.floor.as_ptr().add(at));
                            let ceiling = vld1q_f32(grids.ceiling.as_ptr().add(at));
                            let within = vminq_f32(vmaxq_f32(value, floor), ceiling);
                            // all bits of what clipped are ones: less one is plus one
                            clips = vsubq_u32(clips, vmvnq_u32(vceqq_f32(within, value)));
                            vcvtnq_s32_f32(within)
                        }
                    };
                    let gains = vld1q_s32(block.gains.as_ptr().add(f * width + at));
                    let to = totals.as_mut_ptr().add(total * Block::PANEL + 4 * j);
                    vst1q_s32(to, vmlaq_s32(vld1q_s32(to), vmulq_s32(code, gains), gain));
                }
                s += 1;
                if s == slices {
                    (vector, s) = (vector + 1, 0);
                }
            }
            vaddlvq_u32(clips)
        }
    }
}

/// `Σ x · g` of 16-bit digits and cells: `steps` pairs of rows.
///
/// # Safety
/// The CPU has NEON; there are `32 · steps` cells at `g` and `2 · steps` digits of 16 bits at each of `x`.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn sums_of_words<const M: usize>(g: *const i16, x: [*const u8; M], steps: usize) -> [Sums; M] {
    let mut sums = [[vdupq_n_s32(0); 4]; M];
    for k in 0..steps {
        // SAFETY: see above.
        let (left, right) = unsafe { (vld2q_s16(g.add(32 * k)), vld2q_s16(g.add(32 * k + 16))) };
        for i in 0..M {
            // SAFETY: as above.
            let x = unsafe { x[i].cast::<i32>().add(k).read_unaligned() };
            let x = vreinterpret_s16_s32(vdup_n_s32(x));
            let sums = &mut sums[i];
            macro_rules! row {
                ($lane:literal, $left:expr, $right:expr) => {
                    sums[0] = vmlal_lane_s16::<$lane>(sums[0], vget_low_s16($left), x);
                    sums[1] = vmlal_high_lane_s16::<$lane>(sums[1], $left, x);
                    sums[2] = vmlal_lane_s16::<$lane>(sums[2], vget_low_s16($right), x);
                    sums[3] = vmlal_high_lane_s16::<$lane>(sums[3], $right, x);
                };
            }
            row!(0, left.0, right.0);
            row!(1, left.1, right.1);
        }
    }
    sums
}

/// `Σ x · g` of unsigned bytes and signed cells: `steps` times four rows.
///
/// PERF: NEON multiplies no unsigned byte with a signed one, and two products of full bytes leave 16 bits.
///
/// # Safety
/// The CPU has NEON; there are `64 · steps` cells at `g` and `4 · steps` digits at each of `x`.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn sums_of_bytes<const M: usize>(g: *const i8, x: [*const u8; M], steps: usize) -> [Sums; M] {
    let mut sums = [[vdupq_n_s32(0); 4]; M];
    for k in 0..steps {
        // SAFETY: see above.
        let g = unsafe { vld4q_s8(g.add(64 * k)) };
        let wide = [g.0, g.1, g.2, g.3].map(|g| (vmovl_s8(vget_low_s8(g)), vmovl_high_s8(g)));
        for i in 0..M {
            // SAFETY: as above.
            let x = unsafe { x[i].cast::<u32>().add(k).read_unaligned() };
            let x = vreinterpret_s16_u16(vget_low_u16(vmovl_u8(vreinterpret_u8_u32(vdup_n_u32(x)))));
            let sums = &mut sums[i];
            macro_rules! row {
                ($lane:literal) => {
                    let (left, right) = wide[$lane];
                    sums[0] = vmlal_lane_s16::<$lane>(sums[0], vget_low_s16(left), x);
                    sums[1] = vmlal_high_lane_s16::<$lane>(sums[1], left, x);
                    sums[2] = vmlal_lane_s16::<$lane>(sums[2], vget_low_s16(right), x);
                    sums[3] = vmlal_high_lane_s16::<$lane>(sums[3], right, x);
                };
            }
            row!(0);
            row!(1);
            row!(2);
            row!(3);
        }
    }
    sums
}

/// The same with the dot-product extension, which multiplies unsigned with unsigned: of cells raised by 128,
/// less 128 times the sum of the digits.
///
/// # Safety
/// The CPU has the extension; otherwise as [`sums_of_bytes`].
#[target_feature(enable = "neon,dotprod")]
unsafe fn sums_by_dot<const M: usize>(g: *const u8, x: [*const u8; M], steps: usize) -> [Sums; M] {
    let raise = vdupq_n_u8(0x80);
    let mut sums = [[vdupq_n_s32(0); 4]; M];
    for k in 0..steps {
        // SAFETY: see above.
        let g = unsafe { vld1q_u8_x4(g.add(64 * k)) };
        let g = [veorq_u8(g.0, raise), veorq_u8(g.1, raise), veorq_u8(g.2, raise), veorq_u8(g.3, raise)];
        for i in 0..M {
            // SAFETY: as above.
            let x = unsafe { x[i].cast::<u32>().add(k).read_unaligned() };
            let x = vreinterpretq_u8_u32(vdupq_n_u32(x));
            for j in 0..4 {
                // SAFETY: registers only; there is no stable intrinsic.
                unsafe {
                    std::arch::asm!(
                        "udot {sum:v}.4s, {g:v}.16b, {x:v}.16b",
                        sum = inout(vreg) sums[i][j],
                        g = in(vreg) g[j],
                        x = in(vreg) x,
                        options(pure, nomem, nostack, preserves_flags),
                    );
                }
            }
        }
    }
    for i in 0..M {
        // SAFETY: as above.
        let lift = vdupq_n_s32(unsafe { sum_of(x[i], 4 * steps) } << 7);
        for sum in &mut sums[i] {
            *sum = vsubq_s32(*sum, lift);
        }
    }
    sums
}

/// The sum of bytes.
///
/// # Safety
/// The CPU has NEON; there are `len` bytes at `x`.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn sum_of(x: *const u8, len: usize) -> i32 {
    let mut sum = vdupq_n_u32(0);
    // SAFETY: see above.
    let (registers, rest) = unsafe { std::slice::from_raw_parts(x, len) }.as_chunks::<16>();
    for part in registers {
        // SAFETY: sixteen bytes.
        let part = unsafe { vld1q_u8(part.as_ptr()) };
        sum = vpadalq_u16(sum, vpaddlq_u8(part));
    }
    (vaddvq_u32(sum) + rest.iter().map(|&x| u32::from(x)).sum::<u32>()) as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Noise, Purpose, Seed, Site};

    fn draw(topic: u32, i: usize) -> u32 {
        Noise::new(Seed(23)).bits(Purpose::Data, Site { layer: 0, block: topic }, 0, i as u32)
    }

    fn columns<const M: usize>(sums: [Sums; M]) -> Vec<[i32; 16]> {
        let column = |sums: Sums| {
            let mut out = [0; 16];
            for j in 0..4 {
                // SAFETY: four of sixteen numbers; NEON is there, see the callers.
                unsafe { vst1q_s32(out.as_mut_ptr().add(4 * j), sums[j]) };
            }
            out
        };
        sums.into_iter().map(column).collect()
    }

    /// All forms, this machine's extensions permitting, against the sum written out, extremes included.
    fn compare<const M: usize>() {
        for steps in [0, 1, 2, 3, 4, 5, 7, 8, 13, 32, 50] {
            for case in 0..8 {
                let byte = |topic: u32, i: usize| match (case, draw(topic, i) as u8) {
                    (0, _) => 0xff,
                    (1, _) => 0x80,
                    (2, v) => v & 1,
                    (3, v) if v % 2 == 0 => 0x80,
                    (_, v) => v,
                };
                // rows of digits stand at odd distances
                let stride = 4 * steps + 3;
                let x: Vec<u8> = (0..M * stride).map(|i| byte(1, i)).collect();
                let g: Vec<i8> = (0..64 * steps).map(|i| byte(2, i + 1000 * case) as i8).collect();
                let rows: [*const u8; M] = std::array::from_fn(|i| x[i * stride..].as_ptr());
                let want: Vec<[i32; 16]> = (0..M)
                    .map(|i| {
                        std::array::from_fn(|c| {
                            let at = |k: usize| i32::from(g[k / 4 * 64 + c * 4 + k % 4]);
                            (0..4 * steps).map(|k| i32::from(x[i * stride + k]) * at(k)).sum()
                        })
                    })
                    .collect();
                // SAFETY: `steps` times four rows of cells and digits.
                let got = unsafe { sums_of_bytes(g.as_ptr(), rows, steps) };
                assert_eq!(columns(got), want, "bytes: {M} rows, {steps} steps, case {case}");
                if std::arch::is_aarch64_feature_detected!("dotprod") {
                    // SAFETY: as above, and the extension is there.
                    let got = unsafe { sums_by_dot(g.as_ptr().cast(), rows, steps) };
                    assert_eq!(columns(got), want, "dot: {M} rows, {steps} steps, case {case}");
                }

                let word = |topic: u32, i: usize, most: i32| match (case, draw(topic, i) as i32 >> 8) {
                    (0, _) => most as i16,
                    (1, _) => -most as i16,
                    (_, v) => (v % (most + 1)) as i16,
                };
                let stride = 2 * steps + 1;
                // sums stay within 31 bits
                let x: Vec<i16> = (0..M * stride).map(|i| word(3, i, 511)).collect();
                let g: Vec<i16> = (0..32 * steps).map(|i| word(4, i + 1000 * case, 32_767)).collect();
                let rows: [*const u8; M] = std::array::from_fn(|i| x[i * stride..].as_ptr().cast());
                let want: Vec<[i32; 16]> = (0..M)
                    .map(|i| {
                        std::array::from_fn(|c| {
                            let at = |k: usize| i32::from(g[k / 2 * 32 + c * 2 + k % 2]);
                            (0..2 * steps).map(|k| i32::from(x[i * stride + k]) * at(k)).sum()
                        })
                    })
                    .collect();
                // SAFETY: `steps` pairs of rows of cells and digits.
                let got = unsafe { sums_of_words(g.as_ptr(), rows, steps) };
                assert_eq!(columns(got), want, "words: {M} rows, {steps} steps, case {case}");
            }
        }
    }

    #[test]
    fn sums_of_any_length() {
        if std::arch::is_aarch64_feature_detected!("neon") {
            compare::<1>();
            compare::<4>();
            compare::<6>();
        }
    }
}
