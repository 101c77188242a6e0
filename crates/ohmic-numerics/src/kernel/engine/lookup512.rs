//! Look-ups for AVX-512: a register holds the sums of some rows of a column for all patterns, lanes are
//! reads. See [`super::lookup`].

use super::convert512::{CONVERTED, Converter, EXACT, NOISY, WITHIN, code, dot_pairs};
use super::deviations::{Deviates, GROUP, group_width, read_index};
use super::digits::Of;
use super::lookup::{Columns, Lookup, SET};
use super::normal512::{Counters, Draws, Philox, normals, squares};
use super::pack::Packed;
use super::patterns512::words_of;
use super::staircase::{Clips, Staircase};
use super::{Aligned, Block, DigitRows, Start, Workspace};
use std::arch::x86_64::*;
use std::ops::Range;

/// Groups of rows whose tables are kept at a time: with four columns 8 KiB, beside what is read with them.
const GROUPS: usize = 32;

/// See [`super::plain::read_group`]; totals stand column by column. `variances` as
/// [`Deviates::variances`] lays them out.
///
/// # Safety
/// The CPU has the features named; digits, offsets and totals as asserted by [`Block::read_group`].
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
    // PERF: words fill four registers of sums a column; with more columns than two they get in each other's way
    let most = if bytes { 4 } else { 2 };
    let mut clips = 0;
    let mut column = columns.start;
    while column < columns.end {
        let n = if columns.end - column >= most { most } else { 1 };
        let totals = &mut totals[(column - columns.start) * run.apart..][..n * run.apart];
        let how = match (&block.grids, &run.deviates) {
            (None, _) => EXACT,
            (Some(_), Some(_)) => NOISY,
            (Some(_), None) if block.clips_in(column..column + n) == Clips::Never => WITHIN,
            (Some(_), None) => CONVERTED,
        };
        macro_rules! run {
            ($n:literal, $bytes:literal) => {
                match how {
                    EXACT => run.columns::<$n, $bytes, EXACT>(column, totals, workspace),
                    NOISY => run.columns::<$n, $bytes, NOISY>(column, totals, workspace),
                    WITHIN => run.columns::<$n, $bytes, WITHIN>(column, totals, workspace),
                    _ => run.columns::<$n, $bytes, CONVERTED>(column, totals, workspace),
                }
            };
        }
        // SAFETY: the same features; the columns exist, see the caller.
        clips += unsafe {
            match (n, bytes) {
                (4, true) => run!(4, true),
                (2, false) => run!(2, false),
                (_, true) => run!(1, true),
                (_, false) => run!(1, false),
            }
        };
        column += n;
    }
    clips
}

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

/// What the deviations of all columns have in common.
struct Noisy<'a> {
    deviates: &'a Deviates<'a>,
    variances: &'a [i32],
    philox: Philox,
    /// Of the lanes: vector of the set, and counters from the first of a fragment and column.
    vector: __m512i,
    counter: __m512i,
    /// Of the lanes of each register: the variance from the first of a set, fragment and column.
    variance: [__m512i; 4],
}

impl<'a> Noisy<'a> {
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
    )]
    fn new(
        block: &Block,
        lookup: &Lookup,
        column: usize,
        deviates: &'a Deviates<'a>,
        variances: &'a [i32],
    ) -> Self {
        let slices = block.slices.len();
        let quads = (lookup.lanes.slices / 4) as u32;
        let index = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
        let vector = _mm512_srl_epi32(index, _mm_cvtsi32_si128(quads.trailing_zeros() as i32));
        let four = _mm512_and_si512(index, _mm512_set1_epi32(quads as i32 - 1));
        let width = _mm512_set1_epi32(block.width as i32);
        let counter = if slices == 1 { _mm512_setzero_si512() } else { _mm512_mullo_epi32(four, width) };
        let variance = std::array::from_fn(|i| {
            // row of the variances: vector, slice
            let row = _mm512_add_epi32(
                _mm512_mullo_epi32(vector, _mm512_set1_epi32(slices as i32)),
                _mm512_add_epi32(_mm512_slli_epi32::<2>(four), _mm512_set1_epi32(i as i32)),
            );
            _mm512_mullo_epi32(row, _mm512_set1_epi32(group_width(block, column) as i32))
        });
        let philox = Philox::new(deviates.noise.key(), deviates.place());
        Self { deviates, variances, philox, vector, counter, variance }
    }

    /// The counters of a fragment and column.
    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
    )]
    fn counters(&self, block: &Block, f: usize, column: usize) -> Counters {
        let slices = block.slices.len();
        let first = if slices == 1 {
            (f * block.width + column) / 4
        } else {
            read_index(slices, f, 0) / 4 * block.width + column
        };
        self.philox.counters(_mm512_add_epi32(self.counter, _mm512_set1_epi32(first as i32)))
    }

    /// The draws of a set whose first vector is `first`.
    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
    )]
    fn draws(&self, first: usize) -> Draws {
        let draw = self.deviates.first_draw.wrapping_add(first as u32);
        self.philox.draws(_mm512_add_epi32(self.vector, _mm512_set1_epi32(draw as i32)))
    }
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
        let converters: [Converter; N] = std::array::from_fn(|j| Converter::at(block, column + j));
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
                        Some(Staircase::Bytes(_)) if BYTES && HOW != NOISY => {
                            self.bytes_by_table::<N>(x, table, batch.clone(), column, &mut worth);
                        }
                        Some(Staircase::Words(_)) if BYTES && HOW != NOISY => {
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

    /// Sums of a fragment in bytes, two words for each two reads: of even lanes, of odd lanes.
    ///
    /// # Safety
    /// As [`Run::columns`]; `groups` groups stand at `x` and `table`.
    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
    )]
    unsafe fn words<const N: usize>(
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
    unsafe fn longs<const N: usize>(
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

    /// Codes of small sums from a table of codes, signed, added up in bytes. None clips.
    ///
    /// # Safety
    /// As [`Run::columns`].
    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
    )]
    unsafe fn bytes_by_table<const N: usize>(
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
    unsafe fn bytes_by_steps<const N: usize, const HOW: u8>(
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
    unsafe fn weigh(&self, f: usize, column: usize, codes: [__m512i; 2], worth: __m512i) -> __m512i {
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
    unsafe fn by_floats<const N: usize, const BYTES: bool, const HOW: u8>(
        &self,
        set: usize,
        mut before: usize,
        mut x: *const u8,
        mut table: *const u8,
        fragments: Range<usize>,
        (column, converters): (usize, &[Converter; N]),
        mut counters: *const Counters,
        worth: &mut [__m512i; N],
    ) -> u64 {
        let (block, lookup) = (self.block, self.lookup);
        let there = if HOW == EXACT || HOW == WITHIN { [0; 4] } else { self.there(set) };
        let noisy = match &self.deviates {
            Some(noisy) if HOW == NOISY => Some((noisy, noisy.draws(set * lookup.lanes.vectors()))),
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
                if driven != 0 || HOW == NOISY || !lookup.zero_is_zero {
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
    unsafe fn pass(&self, f: usize, column: usize, sums: [__m512i; 4], worth: __m512i) -> __m512i {
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

    /// What the conversions of a set, a fragment and `N` columns deviate by, in levels.
    ///
    /// PERF: the words of all columns before their deviates, both in memory: chains of dependent operations
    /// that are short and many overlap.
    ///
    /// # Safety
    /// As [`Run::columns`]; the counters of the columns stand where they are said to.
    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
    )]
    unsafe fn deviations<const N: usize>(
        &self,
        noisy: &Noisy<'_>,
        (draws, counters): (&Draws, *const Counters),
        set: usize,
        (f, column): (usize, usize),
        there: &There,
        out: &mut [[__m512; 4]; N],
    ) {
        let (block, lanes, deviates) = (self.block, &self.lookup.lanes, noisy.deviates);
        let slices = block.slices.len();
        let first = set * lanes.vectors();
        let mut words = [[_mm512_setzero_si512(); 4]; N];
        // SAFETY: see above.
        let counters = unsafe { std::slice::from_raw_parts(counters, N) };
        let (words_by_two, rest) = words.as_chunks_mut::<2>();
        let (counters_by_two, one) = counters.as_chunks::<2>();
        for (words, [a, b]) in words_by_two.iter_mut().zip(counters_by_two) {
            *words = noisy.philox.words([a, b], [draws; 2]);
        }
        for (words, one) in rest.iter_mut().zip(one) {
            [*words] = noisy.philox.words([one], [draws]);
        }
        for words in &mut words {
            words[0] = _mm512_castps_si512(squares(words[0]));
            words[2] = _mm512_castps_si512(squares(words[2]));
        }
        let mut issued = [u16::MAX; 4];
        if let Some(of) = deviates.issued {
            let fragments = block.rows.len();
            let mut all = 0u64;
            for v in 0..(self.vectors - first).min(lanes.vectors()) {
                let slices = u64::MAX >> (64 - lanes.slices);
                all |= (of[(first + v) * fragments + f] & slices) << (v * lanes.slices);
            }
            issued = std::array::from_fn(|i| _pext_u64(all, 0x1111_1111_1111_1111 << i) as __mmask16);
        }
        for (j, (normal, w)) in out.iter_mut().zip(&words).enumerate() {
            let column = column + j;
            let ([a, b], [c, d]) =
                (normals(_mm512_castsi512_ps(w[0]), w[1]), normals(_mm512_castsi512_ps(w[2]), w[3]));
            *normal = [a, b, c, d];
            if slices == 1 {
                // four columns share a counter then
                normal[0] = normal[column % 4];
            }
            let sigma = deviates.sigma[column];
            for (i, normal) in normal.iter_mut().enumerate() {
                let std = match deviates.variance {
                    None => _mm512_set1_ps(sigma),
                    Some(variance) => {
                        let width = group_width(block, column);
                        let start = (f * self.vectors + first) * slices * width + column % GROUP;
                        // SAFETY: only reads that exist are looked at.
                        let sums = unsafe {
                            _mm512_mask_i32gather_epi32::<4>(
                                _mm512_setzero_si512(),
                                there[i],
                                noisy.variance[i],
                                noisy.variances.as_ptr().add(start),
                            )
                        };
                        let off = _mm512_set1_epi32(variance.taken_off[f][column] as i32);
                        let sums = _mm512_cvtepu32_ps(_mm512_add_epi32(sums, off));
                        let read = _mm512_mul_ps(sums, _mm512_set1_ps(variance.unit));
                        _mm512_sqrt_ps(_mm512_add_ps(read, _mm512_set1_ps(sigma * sigma)))
                    }
                };
                *normal = _mm512_maskz_mul_ps(issued[i], *normal, std);
            }
        }
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

/// Tables of six rows in bytes, `[group][column][64 patterns]`.
///
/// # Safety
/// The CPU has the features named; columns and groups exist, `tables` has room.
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
)]
unsafe fn build_bytes<const N: usize>(
    lookup: &Lookup,
    column: usize,
    groups: Range<usize>,
    tables: &mut Aligned<u8>,
) {
    let Columns::Sixes(cells) = &lookup.cells else { unreachable!("cells were packed for another engine") };
    // row j of the group in each 64 bits, for the patterns of three rows that drive it
    let of_group: __m512i = _mm512_set_epi64(
        0x0808_0808_0808_0808,
        0,
        0x0808_0808_0808_0808,
        0,
        0x0808_0808_0808_0808,
        0,
        0x0808_0808_0808_0808,
        0,
    );
    let row = |j: i8| _mm512_add_epi8(of_group, _mm512_set1_epi8(j));
    let rows: [__m512i; 6] = std::array::from_fn(|j| row(j as i8));
    let driven: [__mmask64; 3] = [0xaaaa_aaaa_aaaa_aaaa, 0xcccc_cccc_cccc_cccc, 0xf0f0_f0f0_f0f0_f0f0];
    // which pattern of the first three rows, and of the others, each of the 64 patterns has
    let lanes: [i8; 64] = std::array::from_fn(|e| e as i8);
    // SAFETY: 64 bytes.
    let lanes = unsafe { _mm512_loadu_si512(lanes.as_ptr().cast()) };
    let low = _mm512_and_si512(lanes, _mm512_set1_epi8(7));
    let high = _mm512_and_si512(_mm512_srli_epi16::<3>(lanes), _mm512_set1_epi8(7));
    for j in 0..N {
        let cells = &cells[((column + j) * lookup.groups + groups.start) * 8..][..groups.len() * 8];
        for (eight, cells) in cells.chunks(64).enumerate() {
            // SAFETY: masked to the cells; tables have room, see above.
            unsafe {
                let cells = _mm512_maskz_loadu_epi8(u64::MAX >> (64 - cells.len()), cells.as_ptr().cast());
                // sums of three rows for their eight patterns: none exceeds a byte
                let three = |first: usize| {
                    let one = |i: usize| _mm512_maskz_shuffle_epi8(driven[i], cells, rows[first + i]);
                    _mm512_add_epi8(_mm512_add_epi8(one(0), one(1)), one(2))
                };
                let (first, second) = (three(0), three(3));
                let left = groups.len() - 8 * eight;
                let mut at = _mm512_setzero_si512();
                for g in 8 * eight..8 * eight + left.min(8) {
                    let low = _mm512_permutexvar_epi8(_mm512_or_si512(low, at), first);
                    let high = _mm512_permutexvar_epi8(_mm512_or_si512(high, at), second);
                    let to = tables.as_mut_ptr().add((g * N + j) * SET);
                    _mm512_store_si512(to.cast(), _mm512_add_epi8(low, high));
                    at = _mm512_add_epi8(at, _mm512_set1_epi8(8));
                }
            }
        }
    }
}

/// Tables of eight rows in words, `[group][column][first four rows, next four][16 patterns]`.
///
/// # Safety
/// As [`build_bytes`].
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
)]
unsafe fn build_words<const N: usize>(
    lookup: &Lookup,
    column: usize,
    groups: Range<usize>,
    tables: &mut Aligned<u8>,
) {
    let Columns::Eights(cells) = &lookup.cells else { unreachable!("cells were packed for another engine") };
    // row j for the first sixteen patterns, row 4 + j for the others
    let row: [__m512i; 4] = std::array::from_fn(|j| {
        _mm512_inserti64x4::<1>(_mm512_set1_epi16(j as i16), _mm256_set1_epi16(4 + j as i16))
    });
    let driven: [__mmask32; 4] = [0xaaaa_aaaa, 0xcccc_cccc, 0xf0f0_f0f0, 0xff00_ff00];
    for j in 0..N {
        let cells = &cells[((column + j) * lookup.groups + groups.start) * 8..][..groups.len() * 8];
        for (g, rows) in cells.chunks_exact(8).enumerate() {
            // SAFETY: see above; eight words are sixteen bytes.
            unsafe {
                let rows = _mm512_broadcast_i32x4(_mm_loadu_si128(rows.as_ptr().cast()));
                let one = |i: usize| _mm512_maskz_permutexvar_epi16(driven[i], row[i], rows);
                let sum =
                    _mm512_add_epi16(_mm512_add_epi16(one(0), one(1)), _mm512_add_epi16(one(2), one(3)));
                _mm512_store_si512(tables.as_mut_ptr().add((g * N + j) * SET).cast(), sum);
            }
        }
    }
}
