//! Look-ups for AVX-512: a register holds the sums of some rows of a column for all patterns, lanes are
//! reads. See [`super::lookup`].

use super::convert512::{
    CONVERTED, Converter, EXACT, NOISY, NOISY_STAIRS, STAIRS, WITHIN, code, dot_pairs, how, is_noisy,
};
use super::deviations::{Deviates, GROUP, group_width, read_index};
use super::digits::Of;
use super::lookup::{Columns, Lookup, SET};
use super::normal512::{Counters, Draws, Philox, normals, squares};
use super::pack::Packed;
use super::patterns512::words_of;
use super::staircase::Staircase;
use super::{Aligned, Block, DigitRows, Start, Workspace};
use std::arch::x86_64::*;
use std::ops::Range;

mod codes;
mod noise;
mod sums;
mod tables;

use noise::Noisy;
use tables::{build_bytes, build_words};

/// Groups of rows whose tables are kept at a time: with four columns 8 KiB, beside what is read with them.
const GROUPS: usize = 32;

/// See [`super::plain::read_group`]; totals stand column by column. `variances` as
/// [`Deviates::variances`] lays them out.
///
/// # Safety
/// The CPU has the features named; digits, offsets and totals as asserted by [`Block::read`].
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
)]
pub(super) unsafe fn lookup_group(
    block: &Block,
    digits: DigitRows<'_>,
    offsets: &[usize],
    columns: Range<usize>,
    (deviates, start): (Option<(&Deviates<'_>, &[i32])>, Start),
    totals: &mut [i32],
    workspace: &mut Workspace,
) -> u64 {
    let Packed::Lookup(lookup) = &block.cells else { unreachable!("cells were packed for another engine") };
    let Of::Patterns(patterns, driven) = digits.of else {
        unreachable!("digits were cut for another engine")
    };
    let vectors = digits.rows / block.slices.len();
    let run = Run {
        onto: start == Start::Onto,
        block,
        lookup,
        patterns,
        driven,
        words: words_of(
            digits.stride / if matches!(lookup.cells, Columns::Sixes(_)) { SET } else { 4 * SET },
        ),
        stride: digits.stride,
        first: offsets.first().copied().unwrap_or(0) / lookup.together,
        vectors,
        apart: super::apart(vectors),
        sets: vectors.div_ceil(lookup.lanes.vectors()),
        deviates: deviates
            .map(|(deviates, variances)| Noisy::new(block, lookup, columns.start, deviates, variances)),
    };
    let bytes = matches!(lookup.cells, Columns::Sixes(_));
    let mut clips = 0;
    let mut column = columns.start;
    while column < columns.end {
        let n = if columns.end - column >= 4 { 4 } else { 1 };
        let totals = &mut totals[(column - columns.start) * run.apart..][..n * run.apart];
        let how = how(block, run.deviates.is_some(), block.clips_in(column..column + n));
        macro_rules! run {
            ($n:literal, $bytes:literal) => {
                match how {
                    EXACT => run.columns::<$n, $bytes, EXACT>(column, totals, workspace),
                    NOISY => run.columns::<$n, $bytes, NOISY>(column, totals, workspace),
                    STAIRS => run.columns::<$n, $bytes, STAIRS>(column, totals, workspace),
                    NOISY_STAIRS => run.columns::<$n, $bytes, NOISY_STAIRS>(column, totals, workspace),
                    WITHIN => run.columns::<$n, $bytes, WITHIN>(column, totals, workspace),
                    _ => run.columns::<$n, $bytes, CONVERTED>(column, totals, workspace),
                }
            };
        }
        // SAFETY: the same features; the columns exist, see the caller.
        clips += unsafe {
            match (n, bytes) {
                (4, true) => run!(4, true),
                (4, false) => run!(4, false),
                (_, true) => run!(1, true),
                (_, false) => run!(1, false),
            }
        };
        column += n;
    }
    clips
}

/// What all columns of a read have in common.
struct Run<'a> {
    /// Whether totals are added to.
    onto: bool,
    block: &'a Block,
    lookup: &'a Lookup,
    patterns: &'a [u8],
    /// Which groups of rows any read of a set drives, so many words a set.
    driven: &'a [u64],
    words: usize,
    /// Bytes of a set of patterns.
    stride: usize,
    /// The block's first group of rows in a set of patterns.
    first: usize,
    vectors: usize,
    /// Distance of the totals of two columns.
    apart: usize,
    sets: usize,
    deviates: Option<Noisy<'a>>,
}

/// Which reads of a set there are: register `j` of four holds lanes `j`, `j + 4`, `j + 8` ...
type There = [__mmask16; 4];

impl Run<'_> {
    /// All reads through `N` neighbouring columns.
    ///
    /// # Safety
    /// As [`lookup_group`].
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
    )]
    unsafe fn columns<const N: usize, const BYTES: bool, const HOW: u8>(
        &self,
        column: usize,
        totals: &mut [i32],
        workspace: &mut Workspace,
    ) -> u64 {
        let Self { block, lookup, .. } = self;
        let Workspace { tables, sums, counters, .. } = workspace;
        sums.resize(self.sets * N * 16);
        tables.resize(GROUPS.max(lookup.most_groups) * N * SET);
        let converters: [Converter<'_>; N] = std::array::from_fn(|j| Converter::at(block, column + j));
        let fragments = block.rows.len();
        let mut clips = 0;
        let mut batch = 0..0;
        let mut first_group = 0;
        // SAFETY: cells, gains and grids have an entry for each of the columns, patterns a set for each of
        // `sets` with a group for each of the fragments' groups; tables and sums were just resized.
        unsafe {
            while batch.end < fragments {
                batch.start = batch.end;
                let mut groups = 0;
                while batch.end < fragments {
                    let more = block.rows[batch.end].div_ceil(lookup.together);
                    if groups > 0 && groups + more > GROUPS {
                        break;
                    }
                    groups += more;
                    batch.end += 1;
                }
                if BYTES {
                    build_bytes::<N>(lookup, column, first_group..first_group + groups, tables);
                } else {
                    build_words::<N>(lookup, column, first_group..first_group + groups, tables);
                }
                let table = tables.as_ptr();
                if let Some(noisy) = &self.deviates {
                    counters.resize(batch.len() * N * (size_of::<Counters>() / 4));
                    let mut place = counters.as_mut_ptr().cast::<Counters>();
                    for f in batch.clone() {
                        for j in 0..N {
                            place.write(noisy.counters(block, f, column + j));
                            place = place.add(1);
                        }
                    }
                }
                let counters = counters.as_ptr().cast::<Counters>();
                for set in 0..self.sets {
                    let place: *mut __m512i = sums.as_mut_ptr().cast::<__m512i>().add(set * N);
                    let mut worth: [__m512i; N] = if batch.start == 0 {
                        [_mm512_setzero_si512(); N]
                    } else {
                        std::array::from_fn(|j| _mm512_load_si512(place.add(j)))
                    };
                    let each = if BYTES { SET } else { 4 * SET };
                    let x = self.patterns.as_ptr().add(set * self.stride + (self.first + first_group) * each);
                    match &lookup.staircase {
                        Some(Staircase::Bytes(_)) if BYTES && !is_noisy(HOW) => {
                            self.bytes_by_table::<N>(x, table, batch.clone(), column, &mut worth);
                        }
                        Some(Staircase::Words(_)) if BYTES && !is_noisy(HOW) => {
                            clips += self.bytes_by_steps::<N, HOW>(
                                set,
                                first_group,
                                x,
                                table,
                                batch.clone(),
                                column,
                                &mut worth,
                            );
                        }
                        _ => {
                            clips += self.by_floats::<N, BYTES, HOW>(
                                set,
                                first_group,
                                x,
                                table,
                                batch.clone(),
                                (column, &converters),
                                counters,
                                &mut worth,
                            );
                        }
                    }
                    for (j, worth) in worth.into_iter().enumerate() {
                        _mm512_store_si512(place.add(j), worth);
                    }
                }
                first_group += groups;
            }
            for (j, totals) in totals.chunks_exact_mut(self.apart).enumerate() {
                self.add_up(sums.as_ptr().cast::<__m512i>().add(j), N, totals);
            }
        }
        clips
    }

    /// Which of some groups of rows are driven, as bits; all of them if they are too many.
    fn driven(&self, set: usize, first: usize, groups: usize) -> u64 {
        if groups > 64 {
            return u64::MAX;
        }
        let first = self.first + first;
        let words = &self.driven[set * self.words..][..self.words];
        let mut bits = words[first / 64] >> (first % 64);
        if !first.is_multiple_of(64) && first / 64 + 1 < words.len() {
            bits |= words[first / 64 + 1] << (64 - first % 64);
        }
        bits & (u64::MAX >> (64 - groups))
    }

    /// Which reads of a set there are.
    fn there(&self, set: usize) -> There {
        let lanes = &self.lookup.lanes;
        let vectors = (self.vectors - set * lanes.vectors()).min(lanes.vectors());
        let quads = lanes.slices / 4;
        let mut there = [0; 4];
        for (i, there) in there.iter_mut().enumerate() {
            // fours of slices whose number `i` exists
            let of = (self.block.slices.len() + 3 - i) / 4;
            for v in 0..vectors {
                *there |= ((1u32 << of) - 1) << (v * quads);
            }
        }
        there.map(|mask| mask as __mmask16)
    }

    /// The totals of a column: fours of slices shifted and added up.
    ///
    /// # Safety
    /// A register for each set stands at `sums`, `apart` registers apart; `totals` has room for whole sets.
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
    )]
    unsafe fn add_up(&self, sums: *const __m512i, apart: usize, totals: &mut [i32]) {
        let lanes = &self.lookup.lanes;
        let quads = lanes.slices / 4;
        // SAFETY: see above; whole registers of totals may be written, since columns stand further apart.
        unsafe {
            let shifts = _mm512_load_si512(lanes.shifts.as_ptr().cast());
            let shifted = |set: usize| _mm512_sllv_epi32(_mm512_load_si512(sums.add(set * apart)), shifts);
            let mut to = totals.as_mut_ptr();
            if quads == 2 {
                let even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
                let odd = _mm512_or_si512(even, _mm512_set1_epi32(1));
                for set in (0..self.sets).step_by(2) {
                    let (a, b) = (shifted(set), shifted((set + 1).min(self.sets - 1)));
                    let sum = _mm512_add_epi32(
                        _mm512_permutex2var_epi32(a, even, b),
                        _mm512_permutex2var_epi32(a, odd, b),
                    );
                    let before =
                        if self.onto { _mm512_loadu_si512(to.cast()) } else { _mm512_setzero_si512() };
                    _mm512_storeu_si512(to.cast(), _mm512_add_epi32(sum, before));
                    to = to.add(16);
                }
                return;
            }
            // lanes whose sum is that of a vector
            let first: u16 = (0..16 / quads).map(|v| 1 << (v * quads)).sum();
            for set in 0..self.sets {
                let mut sum = shifted(set);
                if quads >= 4 {
                    sum = _mm512_add_epi32(sum, _mm512_srli_epi64::<32>(sum));
                    sum = _mm512_add_epi32(sum, _mm512_shuffle_epi32::<0b01_00_11_10>(sum));
                }
                if quads >= 8 {
                    sum = _mm512_add_epi32(sum, _mm512_shuffle_i64x2::<0b10_11_00_01>(sum, sum));
                }
                if quads >= 16 {
                    sum = _mm512_add_epi32(sum, _mm512_shuffle_i64x2::<0b01_00_11_10>(sum, sum));
                }
                let sum = _mm512_maskz_compress_epi32(first, sum);
                let there = u16::MAX >> (16 - 16 / quads);
                let before = _mm512_maskz_loadu_epi32(if self.onto { there } else { 0 }, to);
                _mm512_mask_storeu_epi32(to, there, _mm512_add_epi32(sum, before));
                to = to.add(16 / quads);
            }
        }
    }
}
