//! Dot products for AVX-512, and what follows a sum there.

use super::deviations::{read_index, reads};
use super::digits::Of;
use super::pack::Packed;
use super::{Block, DigitRows};
use std::arch::x86_64::*;

/// Where the columns of one panel find their converters.
#[derive(Clone, Copy)]
pub(super) struct Converters {
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
    pub(super) unsafe fn at(block: &Block, column: usize) -> Self {
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

/// How a sum becomes a code.
pub(super) const EXACT: u8 = 0;
/// Converted.
pub(super) const CONVERTED: u8 = 1;
/// Converted with a deviation.
pub(super) const NOISY: u8 = 2;
/// Converted, and known not to clip.
pub(super) const WITHIN: u8 = 3;

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
pub(super) unsafe fn convert<const HOW: u8>(
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
pub(super) unsafe fn weigh<const HOW: u8>(code: __m512i, gain: __m512i) -> __m512i {
    if HOW == EXACT {
        _mm512_mullo_epi32(code, gain)
    } else {
        // a gain stands in the lower half of its lane, nothing in the upper
        _mm512_madd_epi16(code, gain)
    }
}

/// `sum += x · g` in pairs of 16-bit integers.
///
/// PERF: the compiler turns the intrinsic into a multiplication and an addition (it tunes for latency,
/// and there are two dozen chains here); as an instruction it is half as many operations.
///
/// # Safety
/// The CPU has AVX-512 VNNI.
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
)]
pub(super) unsafe fn dot_pairs(sum: &mut __m512i, x: __m512i, g: __m512i) {
    // SAFETY: registers only, see above.
    unsafe {
        std::arch::asm!(
            "vpdpwssd {sum}, {x}, {g}",
            sum = inout(zmm_reg) *sum,
            x = in(zmm_reg) x,
            g = in(zmm_reg) g,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
}

/// See [`super::plain::read_group`].
///
/// # Safety
/// The CPU has the features named; digits, offsets and totals as asserted by [`Block::read`].
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
)]
pub(super) unsafe fn dot_group(
    block: &Block,
    digits: DigitRows<'_>,
    offsets: &[usize],
    (first, count): (usize, usize),
    deviations: Option<&[f32]>,
    totals: &mut [i32],
) -> u64 {
    macro_rules! strip {
        ($n:literal, $m:literal, $bytes:literal) => {{
            let group = Group { block, digits, offsets, first, deviations };
            // SAFETY: `count == n` panels from `first` on exist; see the caller.
            unsafe {
                match (&block.grids, deviations) {
                    (None, _) => group.run::<$n, $m, $bytes, EXACT>(totals),
                    (Some(_), None) => group.run::<$n, $m, $bytes, CONVERTED>(totals),
                    (Some(_), Some(_)) => group.run::<$n, $m, $bytes, NOISY>(totals),
                }
            }
        }};
    }
    match (count, &block.cells) {
        (4, Packed::Quads { .. }) => strip!(4, 6, true),
        (3, Packed::Quads { .. }) => strip!(3, 8, true),
        (2, Packed::Quads { .. }) => strip!(2, 12, true),
        (_, Packed::Quads { .. }) => strip!(1, 12, true),
        (4, _) => strip!(4, 6, false),
        (3, _) => strip!(3, 8, false),
        (2, _) => strip!(2, 12, false),
        (_, _) => strip!(1, 12, false),
    }
}

#[derive(Clone, Copy)]
struct Group<'a> {
    block: &'a Block,
    digits: DigitRows<'a>,
    offsets: &'a [usize],
    first: usize,
    deviations: Option<&'a [f32]>,
}

impl Group<'_> {
    /// All rows of digits through `N` panels, `M` rows at a time.
    ///
    /// # Safety
    /// As [`dot_group`].
    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
    )]
    unsafe fn run<const N: usize, const M: usize, const BYTES: bool, const HOW: u8>(
        self,
        totals: &mut [i32],
    ) -> u64 {
        let mut clips = _mm512_setzero_si512();
        let mut before = 0;
        let rows = self.digits.rows;
        for f in 0..self.block.rows.len() {
            let mut row = 0;
            // SAFETY: rows `row .. row + M` exist; see the caller.
            unsafe {
                while row + M <= rows {
                    self.tile::<N, M, BYTES, HOW>(row, f, before, totals, &mut clips);
                    row += M;
                }
                while row + 4 <= rows {
                    self.tile::<N, 4, BYTES, HOW>(row, f, before, totals, &mut clips);
                    row += 4;
                }
                while row < rows {
                    self.tile::<N, 1, BYTES, HOW>(row, f, before, totals, &mut clips);
                    row += 1;
                }
            }
            before += self.block.rows[f].div_ceil(if BYTES { 4 } else { 2 });
        }
        _mm512_reduce_add_epi32(clips) as u32 as u64
    }

    /// `M` rows from `row` on by `N` panels of one fragment, sums in registers; `before`: steps of the
    /// fragments before it.
    ///
    /// # Safety
    /// The rows exist; otherwise as [`dot_group`].
    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
    )]
    unsafe fn tile<const N: usize, const M: usize, const BYTES: bool, const HOW: u8>(
        self,
        row: usize,
        f: usize,
        before: usize,
        totals: &mut [i32],
        clips: &mut __m512i,
    ) {
        let Self { block, digits, offsets, first, deviations } = self;
        let (slices, width, rows) = (block.slices.len(), block.width, block.rows[f]);
        let steps = rows.div_ceil(if BYTES { 4 } else { 2 });
        // SAFETY: a row of digits holds `steps` whole steps from the fragment's offset on (layouts pad to 64),
        // the packed cells `steps · 64` bytes a panel and fragment, gains and converters a column each, and
        // totals a row a vector; deviations as `Deviates::fill` lays them out.
        unsafe {
            let cells: *const u8 = match &block.cells {
                Packed::Quads { cells, .. } => cells.as_ptr().cast(),
                Packed::Pairs(cells) => cells.as_ptr().cast(),
                _ => unreachable!("cells were packed for another engine"),
            };
            let cells = cells.add(before * (width / Block::PANEL) * 64);
            let g: [*const u8; N] = std::array::from_fn(|j| cells.add((first + j) * steps * 64));
            let start: *const u8 = match digits.of {
                Of::Bytes(x) => x.as_ptr().add(offsets[f]),
                Of::Words(x) => x.as_ptr().add(offsets[f]).cast(),
                Of::Bits(_) | Of::Patterns(_) => unreachable!("digits were cut for another engine"),
            };
            let stride = digits.stride * if BYTES { 1 } else { 2 };
            let x: [*const i32; M] = std::array::from_fn(|i| start.add((row + i) * stride).cast());
            let mut sums = [[_mm512_setzero_si512(); N]; M];
            for k in 0..steps {
                let g: [__m512i; N] = std::array::from_fn(|j| _mm512_loadu_si512(g[j].add(k * 64).cast()));
                for i in 0..M {
                    let x = _mm512_set1_epi32(x[i].add(k).read_unaligned());
                    for j in 0..N {
                        if BYTES {
                            sums[i][j] = _mm512_dpbusd_epi32(sums[i][j], x, g[j]);
                        } else {
                            dot_pairs(&mut sums[i][j], x, g[j]);
                        }
                    }
                }
            }
            let bias = match &block.cells {
                Packed::Quads { bias, .. } => *bias,
                _ => 0,
            };
            let reads = reads(slices, block.rows.len());
            // the first fragment finds nothing in the totals
            let kept: __mmask16 = if f > 0 { 0xffff } else { 0 };
            let gains = if HOW == EXACT { block.gains.as_ptr() } else { block.halves.as_ptr() };
            let gains = gains.add(f * width + first * Block::PANEL);
            let at: [Converters; N] =
                std::array::from_fn(|j| Converters::at(block, (first + j) * Block::PANEL));
            let mut clipped = _mm512_setzero_si512();
            let (mut vector, mut s) = (row / slices, row % slices);
            for i in 0..M {
                let deviations = match deviations {
                    Some(d) => d.as_ptr().add((vector * reads + read_index(slices, f, s)) * N * Block::PANEL),
                    None => std::ptr::null(),
                };
                let total = totals.as_mut_ptr().add(vector * N * Block::PANEL);
                let kept = if s > 0 { 0xffff } else { kept };
                if bias != 0 {
                    let x = std::slice::from_raw_parts(x[i].cast::<u8>(), rows);
                    let base = _mm512_set1_epi32(bias * sum_of_bytes(x));
                    for sum in &mut sums[i] {
                        *sum = _mm512_add_epi32(*sum, base);
                    }
                }
                if block.alike {
                    // one slice, gains of one: the code is the worth
                    for j in 0..N {
                        let to = total.add(j * Block::PANEL).cast::<__m512i>();
                        let code = convert::<HOW>(
                            sums[i][j],
                            at[j],
                            deviations.wrapping_add(j * Block::PANEL),
                            &mut clipped,
                        );
                        _mm512_storeu_si512(
                            to,
                            _mm512_add_epi32(code, _mm512_maskz_loadu_epi32(kept, to.cast())),
                        );
                    }
                } else {
                    let gain = block.slices[s].gain;
                    let shift = _mm_cvtsi32_si128(gain.unsigned_abs().trailing_zeros() as i32);
                    for j in 0..N {
                        let to = total.add(j * Block::PANEL).cast::<__m512i>();
                        let code = convert::<HOW>(
                            sums[i][j],
                            at[j],
                            deviations.wrapping_add(j * Block::PANEL),
                            &mut clipped,
                        );
                        let gains = _mm512_loadu_si512(gains.add(j * Block::PANEL).cast());
                        let worth = _mm512_sll_epi32(weigh::<HOW>(code, gains), shift);
                        let sum = _mm512_maskz_loadu_epi32(kept, to.cast());
                        let sum = if gain < 0 {
                            _mm512_sub_epi32(sum, worth)
                        } else {
                            _mm512_add_epi32(sum, worth)
                        };
                        _mm512_storeu_si512(to, sum);
                    }
                }
                s += 1;
                if s == slices {
                    (vector, s) = (vector + 1, 0);
                }
            }
            *clips = _mm512_add_epi32(*clips, clipped);
        }
    }
}

/// The sum of bytes.
///
/// # Safety
/// The CPU has the features named.
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
)]
unsafe fn sum_of_bytes(x: &[u8]) -> i32 {
    let mut sum = _mm512_setzero_si512();
    for part in x.chunks(64) {
        let mask = u64::MAX >> (64 - part.len());
        // SAFETY: only the bytes of `part` are read.
        let bytes = unsafe { _mm512_maskz_loadu_epi8(mask, part.as_ptr().cast()) };
        sum = _mm512_add_epi64(sum, _mm512_sad_epu8(bytes, _mm512_setzero_si512()));
    }
    _mm512_reduce_add_epi64(sum) as i32
}
