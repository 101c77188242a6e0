//! Dot products for AVX-512: lanes are vectors, so neither narrow nor odd columns waste any.

use super::convert512::{
    CONVERTED, Converter, EXACT, NOISY, NOISY_STAIRS, STAIRS, WITHIN, code, dot_pairs, how, is_noisy,
};
use super::deviations::{Deviates, GROUP, group_width, read_index};
use super::digits::Of;
use super::normal512::{Draws, Philox, normals, squares};
use super::pack::{Packed, Turned};
use super::turn512::SET;
use super::{Aligned, Block, DigitRows, Start, Workspace};
use std::arch::x86_64::*;
use std::ops::Range;

/// See [`super::plain::read_group`]; totals stand column by column.
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
    columns: Range<usize>,
    (deviates, start): (Option<(&Deviates<'_>, &[i32])>, Start),
    totals: &mut [i32],
    workspace: &mut Workspace,
) -> u64 {
    let Packed::Turned(cells) = &block.cells else { unreachable!("cells were packed for another engine") };
    let Of::Turned(x) = digits.of else { unreachable!("digits were cut for another engine") };
    let vectors = digits.rows / block.slices.len();
    let how = how(block, deviates.is_some(), block.clips_in(columns.clone()));
    let mut turned = std::mem::take(&mut workspace.turned);
    if let Some((deviates, variances)) = deviates
        && deviates.variance.is_some()
        && is_noisy(how)
    {
        // SAFETY: the variances are those of these columns and vectors, see the caller.
        unsafe { turn_variances(block, columns.start, vectors, variances, &mut turned) };
    }
    let run = Run {
        onto: start == Start::Onto,
        block,
        cells,
        x,
        stride: digits.stride,
        first: offsets.first().copied().unwrap_or(0) / cells.together,
        vectors,
        apart: super::apart(vectors),
        deviation: deviates.map(|(d, _)| Deviation::new(d, &turned, block, vectors)),
    };
    macro_rules! run {
        ($bytes:literal) => {
            match how {
                EXACT => run.all::<$bytes, EXACT>(columns, totals, workspace),
                NOISY => run.all::<$bytes, NOISY>(columns, totals, workspace),
                STAIRS => run.all::<$bytes, STAIRS>(columns, totals, workspace),
                NOISY_STAIRS => run.all::<$bytes, NOISY_STAIRS>(columns, totals, workspace),
                WITHIN => run.all::<$bytes, WITHIN>(columns, totals, workspace),
                _ => run.all::<$bytes, CONVERTED>(columns, totals, workspace),
            }
        };
    }
    // SAFETY: see the callee.
    let clips = unsafe { if cells.together == 4 { run!(true) } else { run!(false) } };
    workspace.turned = turned;
    clips
}

/// Turns variances, `[fragment][vector][slice][column of the group]`, into `[fragment][slice][column][vector]`,
/// columns so far apart as totals are.
///
/// # Safety
/// The CPU has the features named; variances of the group that `column` begins, for all vectors.
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
)]
unsafe fn turn_variances(
    block: &Block,
    column: usize,
    vectors: usize,
    variances: &[i32],
    out: &mut Aligned<i32>,
) {
    let (slices, width) = (block.slices.len(), group_width(block, column));
    let apart = super::apart(vectors);
    let reads = block.rows.len() * slices;
    assert_eq!(variances.len(), reads * vectors * width, "a variance a read and column");
    out.resize(reads * width * apart);
    for read in 0..reads {
        let (f, s) = (read / slices, read % slices);
        for first in (0..vectors).step_by(16) {
            for c in (0..width).step_by(16) {
                // SAFETY: sixteen columns of vectors that are there; columns of the result stand further apart
                // than vectors rounded up to sixteen.
                unsafe {
                    let lines: [__m512i; 16] = std::array::from_fn(|v| {
                        if first + v >= vectors {
                            return _mm512_setzero_si512();
                        }
                        let at = ((f * vectors + first + v) * slices + s) * width + c;
                        _mm512_loadu_si512(variances.as_ptr().add(at).cast())
                    });
                    for (i, line) in super::transpose(lines).into_iter().enumerate() {
                        let to = out.as_mut_ptr().add((read * width + c + i) * apart + first);
                        _mm512_store_si512(to.cast(), line);
                    }
                }
            }
        }
    }
}

struct Run<'a> {
    /// Whether totals are added to.
    onto: bool,
    block: &'a Block,
    cells: &'a Turned,
    x: &'a [u8],
    /// Bytes of a set.
    stride: usize,
    /// The block's first step in a row of digits.
    first: usize,
    vectors: usize,
    /// Distance of the totals of two columns.
    apart: usize,
    deviation: Option<Deviation<'a>>,
}

/// Where a tile is.
#[derive(Clone, Copy)]
struct Place {
    set: usize,
    fragment: usize,
    /// Steps of the block before the fragment.
    before: usize,
    steps: usize,
}

impl Run<'_> {
    /// All vectors through some columns.
    ///
    /// # Safety
    /// As [`dot_group`].
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
    )]
    unsafe fn all<const BYTES: bool, const HOW: u8>(
        &self,
        columns: Range<usize>,
        totals: &mut [i32],
        workspace: &mut Workspace,
    ) -> u64 {
        let slices = self.block.slices.len();
        workspace.sums.resize(slices * SET);
        workspace.deviations.resize(4 * 4 * SET);
        let mut clips = 0;
        for set in 0..self.vectors.div_ceil(SET) {
            let mut before = 0;
            let draws = self.deviation.as_ref().map(|deviation| deviation.draws(set));
            for (fragment, rows) in self.block.rows.iter().enumerate() {
                let steps = rows.div_ceil(self.cells.together);
                let place = Place { set, fragment, before, steps };
                // SAFETY: columns, fragments and vectors that are there; see the caller.
                unsafe {
                    if BYTES && self.cells.bias != 0 {
                        self.sums_of_digits(place, &mut workspace.sums);
                    }
                    let mut c = columns.start;
                    while c < columns.end {
                        let left = columns.end - c;
                        let totals = &mut totals[(c - columns.start) * self.apart..];
                        // columns that share deviates go together
                        if left >= 6 && !is_noisy(HOW) {
                            clips +=
                                self.tile::<6, BYTES, HOW>((place, draws.as_ref()), c, totals, workspace);
                            c += 6;
                        } else if left >= 4 {
                            clips +=
                                self.tile::<4, BYTES, HOW>((place, draws.as_ref()), c, totals, workspace);
                            c += 4;
                        } else {
                            clips +=
                                self.tile::<1, BYTES, HOW>((place, draws.as_ref()), c, totals, workspace);
                            c += 1;
                        }
                    }
                }
                before += steps;
            }
        }
        clips
    }

    fn digits(&self, place: Place, slice: usize) -> *const u8 {
        let all = self.stride / (self.block.slices.len() * 4 * SET);
        let step = slice * all + self.first + place.before;
        self.x[place.set * self.stride + step * 4 * SET..][..place.steps * 4 * SET].as_ptr()
    }

    /// Sums of the digits of each vector and slice: what a bias of all cells is multiplied with.
    ///
    /// # Safety
    /// As [`Run::all`].
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
    )]
    unsafe fn sums_of_digits(&self, place: Place, sums: &mut [i32]) {
        let bias = _mm512_set1_epi32(self.cells.bias);
        for (slice, sums) in sums.chunks_exact_mut(SET).enumerate() {
            let x = self.digits(place, slice).cast::<__m512i>();
            // what stands behind the last row has no meaning
            let rest = (self.block.rows[place.fragment] + 3) % 4;
            for i in 0..4 {
                let mut sum = _mm512_setzero_si512();
                for step in 0..place.steps {
                    let ones = if step + 1 == place.steps {
                        0x0101_0101u32 >> (8 * (3 - rest))
                    } else {
                        0x0101_0101
                    };
                    // SAFETY: `digits` has checked that they are there.
                    let x = unsafe { _mm512_loadu_si512(x.add(4 * step + i).cast()) };
                    sum = _mm512_dpbusd_epi32(sum, x, _mm512_set1_epi32(ones as i32));
                }
                // SAFETY: room for four registers a slice.
                unsafe {
                    let to = sums.as_mut_ptr().add(16 * i).cast();
                    _mm512_storeu_si512(to, _mm512_mullo_epi32(sum, bias));
                }
            }
        }
    }

    /// A set of vectors through `N` neighbouring columns of a fragment, all slices.
    ///
    /// # Safety
    /// As [`Run::all`]; the columns are there.
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
    )]
    unsafe fn tile<const N: usize, const BYTES: bool, const HOW: u8>(
        &self,
        (place, draws): (Place, Option<&[Draws; 4]>),
        column: usize,
        totals: &mut [i32],
        workspace: &mut Workspace,
    ) -> u64 {
        let Self { block, cells, vectors, .. } = self;
        let Place { set, fragment, before, steps } = place;
        let slices = block.slices.len();
        let there = (vectors - set * SET).min(SET);
        let there: [__mmask16; 4] =
            std::array::from_fn(|i| ((1u32 << there.saturating_sub(16 * i).min(16)) - 1) as u16);
        let mut clips = 0;
        for s in 0..slices {
            if let (Some(deviation), Some(draws)) = (&self.deviation, draws)
                && is_noisy(HOW)
                && (slices == 1 || s % 4 == 0)
            {
                // SAFETY: see above.
                unsafe {
                    let vectors = (set * SET, there);
                    deviation.tile::<N>(vectors, draws, fragment, s, column, &mut workspace.deviations);
                }
            }
            let of = if slices == 1 { 0 } else { s % 4 };
            let x = self.digits(place, s);
            // SAFETY: cells, gains and converters of the columns are there, digits and totals of the vectors.
            unsafe {
                let g: [*const i32; N] =
                    std::array::from_fn(|j| cells.cells.as_ptr().add((column + j) * cells.steps + before));
                let sums = products::<N, BYTES>(x, g, steps);
                let gain = block.slices[s].gain;
                let shift = _mm_cvtsi32_si128(gain.unsigned_abs().trailing_zeros() as i32);
                macro_rules! column {
                    ($j:literal) => {
                        if N > $j {
                            let c = column + $j;
                            let at = Converter::at(block, c);
                            let own = *block.gains.get_unchecked(fragment * block.width + c);
                            let own = if gain < 0 { -own } else { own };
                            macro_rules! register {
                                ($i:literal) => {
                                    let mut sum = sums[$j][$i];
                                    if BYTES && cells.bias != 0 {
                                        let base = workspace.sums.as_ptr().add(s * SET + 16 * $i);
                                        sum = _mm512_add_epi32(sum, _mm512_loadu_si512(base.cast()));
                                    }
                                    let deviation = workspace
                                        .deviations
                                        .as_ptr()
                                        .wrapping_add((($j * 4 + $i) * 4 + of) * 16);
                                    let code = code::<HOW>(sum, &at, deviation, there[$i], &mut clips);
                                    let code = if own == 1 { code } else { times(code, own) };
                                    let worth = _mm512_sll_epi32(code, shift);
                                    let to = totals.as_mut_ptr().add($j * self.apart + set * SET + 16 * $i);
                                    // the first finds nothing in the totals
                                    let before = if self.onto || fragment + s > 0 { there[$i] } else { 0 };
                                    let before = _mm512_maskz_loadu_epi32(before, to);
                                    let sum = _mm512_add_epi32(before, worth);
                                    _mm512_mask_storeu_epi32(to, there[$i], sum);
                                };
                            }
                            register!(0);
                            register!(1);
                            register!(2);
                            register!(3);
                        }
                    };
                }
                column!(0);
                column!(1);
                column!(2);
                column!(3);
                column!(4);
                column!(5);
            }
        }
        clips
    }
}

/// Codes times a gain that is not one.
///
/// PERF: apart, or the compiler multiplies always and then chooses.
#[cold]
#[inline(never)]
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
)]
fn times(codes: __m512i, gain: i32) -> __m512i {
    _mm512_mullo_epi32(codes, _mm512_set1_epi32(gain))
}

/// Sums of products of a fragment, four registers a column.
///
/// # Safety
/// The CPU has the features named; `steps` of digits and cells are there.
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
)]
unsafe fn products<const N: usize, const BYTES: bool>(
    x: *const u8,
    g: [*const i32; N],
    steps: usize,
) -> [[__m512i; 4]; N] {
    let mut sums = [[_mm512_setzero_si512(); 4]; N];
    for step in 0..steps {
        // SAFETY: see above.
        unsafe {
            let x: [__m512i; 4] =
                std::array::from_fn(|i| _mm512_loadu_si512(x.add((step * 4 + i) * 64).cast()));
            for j in 0..N {
                let g = _mm512_set1_epi32(g[j].add(step).read_unaligned());
                for i in 0..4 {
                    sums[j][i] = if BYTES {
                        _mm512_dpbusd_epi32(sums[j][i], x[i], g)
                    } else {
                        dot_pairs(sums[j][i], x[i], g)
                    };
                }
            }
        }
    }
    sums
}

/// Where the conversions of a block deviate.
struct Deviation<'a> {
    deviates: &'a Deviates<'a>,
    /// As [`turn_variances`] leaves them.
    variances: &'a [i32],
    philox: Philox,
    block: &'a Block,
    vectors: usize,
}

impl<'a> Deviation<'a> {
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
    )]
    fn new(deviates: &'a Deviates<'a>, variances: &'a [i32], block: &'a Block, vectors: usize) -> Self {
        let philox = Philox::new(deviates.noise.key(), deviates.place());
        Self { deviates, variances, philox, block, vectors }
    }

    /// The draws of a set's vectors, four registers of them.
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
    )]
    fn draws(&self, set: usize) -> [Draws; 4] {
        let index = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
        let mut all = [Draws::none(); 4];
        for (i, draws) in all.iter_mut().enumerate() {
            let first = self.deviates.first_draw.wrapping_add((set * SET + 16 * i) as u32);
            *draws = self.philox.draws(_mm512_add_epi32(index, _mm512_set1_epi32(first as i32)));
        }
        all
    }

    /// Deviations of a set of vectors and `N` columns, `[column][register][slice of four]`, from slice `s` on.
    ///
    /// # Safety
    /// As [`Run::tile`]; a single slice wants one column, or four from a multiple of four on.
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
    )]
    unsafe fn tile<const N: usize>(
        &self,
        (first, there): (usize, [__mmask16; 4]),
        draws: &[Draws; 4],
        f: usize,
        s: usize,
        column: usize,
        out: &mut Aligned<f32>,
    ) {
        let Self { deviates, block, .. } = self;
        let (slices, width) = (block.slices.len(), block.width);
        let registers = there.iter().filter(|there| **there != 0).count();
        if slices == 1 {
            // four columns share a counter
            let drawn = self.drawn((f * width + column) / 4, draws, registers);
            for (i, drawn) in drawn[..registers].iter().enumerate() {
                for j in 0..N {
                    // SAFETY: see above.
                    unsafe {
                        let std = self.std(first + 16 * i, f, 0, column + j);
                        let to = out.as_mut_ptr().add((j * 4 + i) * 4 * 16);
                        _mm512_store_ps(to, _mm512_mul_ps(drawn[(column + j) % 4], std));
                    }
                }
            }
        } else {
            let counter = read_index(slices, f, s) / 4 * width + column;
            for j in 0..N {
                let drawn = self.drawn(counter + j, draws, registers);
                for (i, drawn) in drawn[..registers].iter().enumerate() {
                    for o in 0..(slices - s).min(4) {
                        // SAFETY: see above.
                        unsafe {
                            let std = self.std(first + 16 * i, f, s + o, column + j);
                            let to = out.as_mut_ptr().add(((j * 4 + i) * 4 + o) * 16);
                            _mm512_store_ps(to, _mm512_mul_ps(drawn[o], std));
                        }
                    }
                }
            }
        }
        let Some(issued) = deviates.issued else { return };
        let fragments = block.rows.len();
        for (i, there) in there.into_iter().enumerate() {
            for lane in (0..16).filter(|lane| there >> lane & 1 != 0) {
                let issued = issued[(first + 16 * i + lane) * fragments + f] >> s;
                for o in (0..4).filter(|o| issued >> o & 1 == 0) {
                    for j in 0..N {
                        out[((j * 4 + i) * 4 + o) * 16 + lane] = 0.0;
                    }
                }
            }
        }
    }

    /// Four deviates of a counter for each of some registers of vectors.
    ///
    /// PERF: words, then radii, then deviates: see [`Philox::words`].
    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
    )]
    fn drawn(&self, counter: usize, [a, b, c, d]: &[Draws; 4], registers: usize) -> [[__m512; 4]; 4] {
        let counter = self.philox.counter(counter);
        let mut words = [[_mm512_setzero_si512(); 4]; 4];
        [words[0], words[1]] = self.philox.words([&counter; 2], [a, b]);
        if registers > 2 {
            [words[2], words[3]] = self.philox.words([&counter; 2], [c, d]);
        }
        for words in &mut words[..registers] {
            words[0] = _mm512_castps_si512(squares(words[0]));
            words[2] = _mm512_castps_si512(squares(words[2]));
        }
        let mut drawn = [[_mm512_setzero_ps(); 4]; 4];
        for (drawn, words) in drawn.iter_mut().zip(&words[..registers]) {
            [drawn[0], drawn[1]] = normals(_mm512_castsi512_ps(words[0]), words[1]);
            [drawn[2], drawn[3]] = normals(_mm512_castsi512_ps(words[2]), words[3]);
        }
        drawn
    }

    /// Standard deviations of sixteen vectors.
    ///
    /// # Safety
    /// The column is there, and variances of it were turned; sixteen vectors from a multiple of sixteen on.
    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
    )]
    unsafe fn std(&self, vector: usize, f: usize, s: usize, column: usize) -> __m512 {
        let (slices, width) = (self.block.slices.len(), group_width(self.block, column));
        // SAFETY: see above.
        unsafe {
            let sigma = *self.deviates.sigma.get_unchecked(column);
            let Some(variance) = self.deviates.variance else { return _mm512_set1_ps(sigma) };
            let line = (f * slices + s) * width + column % GROUP;
            let from = self.variances.as_ptr().add(line * super::apart(self.vectors) + vector);
            let sums = _mm512_load_si512(from.cast());
            let off = variance.taken_off[f][column] as i32;
            let sums = _mm512_cvtepu32_ps(_mm512_add_epi32(sums, _mm512_set1_epi32(off)));
            let read = _mm512_mul_ps(sums, _mm512_set1_ps(variance.unit));
            _mm512_sqrt_ps(_mm512_add_ps(read, _mm512_set1_ps(sigma * sigma)))
        }
    }
}
