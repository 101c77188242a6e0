//! Look-ups and bit planes for AVX-512.

use super::avx512::{CONVERTED, Converters, EXACT, NOISY, convert, dot_pairs, weigh};
use super::digits::Of;
use super::pack::{Packed, Signs};
use super::staircase::{Bytes, Clips, STRIP, Staircase, Words};
use super::{Aligned, Block, DigitRows, Workspace};
use crate::kernel::{Digit, DigitPart};
use std::arch::x86_64::*;
use std::ops::Range;

/// For each slice the bits of up to 64 bytes.
///
/// # Safety
/// The CPU has the features named; at most 64 bytes, at most 64 slices.
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,popcnt,bmi1,bmi2"
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

/// Bytes of a table entry, and of the sixteen entries of four rows.
const ENTRY: usize = 64;
const FOUR_ROWS: usize = 16 * ENTRY;

/// Rows whose table stays in the first-level cache beside what is read and written: 32 KiB.
const ROWS_IN_CACHE: usize = 128;

/// See [`super::plain::read_group`], for tables.
///
/// # Safety
/// The CPU has the features named; digits, offsets and totals as asserted by [`Block::read`].
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,popcnt,bmi1,bmi2"
)]
pub(super) unsafe fn table_group(
    block: &Block,
    (first_fragment, digits): (usize, DigitRows<'_>),
    offsets: &[usize],
    (first, count): (usize, usize),
    noisy: bool,
    totals: &mut [i32],
    workspace: &mut Workspace,
) -> u64 {
    let side = if matches!(block.cells, Packed::Half(_)) { 2 } else { 4 };
    let Workspace { table, lists, lengths, deviations, listed, .. } = workspace;
    let deviations = noisy.then_some(&deviations[..]);
    // words of 32 digits must start where fragments do
    if let (Some(tail), 1, true) = (&block.tail, count, offsets.iter().all(|offset| offset % 32 == 0)) {
        let planes = Planes { cells: &tail.cells, planes: tail.planes, bias: tail.bias, panels: 1 };
        // SAFETY: the same features; the tail is the group's one panel.
        return unsafe { bits_panels(block, planes, digits, offsets, (first, 1), deviations, totals) };
    }
    let mut clips = _mm512_setzero_si512();
    let mut start = 0;
    let mut fragments = 0..0;
    while fragments.end < block.rows.len() {
        // as many fragments as the cache holds, at least one
        fragments.start = fragments.end;
        let mut rows = 0;
        while fragments.end < block.rows.len() {
            let more = block.rows[fragments.end].next_multiple_of(4);
            if rows > 0 && rows + more > ROWS_IN_CACHE {
                break;
            }
            rows += more;
            fragments.end += 1;
        }
        let capacity = fragments.clone().map(|f| block.rows[f].div_ceil(4)).max().unwrap_or(0);
        // short lists two at a time, long ones eight: few lengths, so that their ends are foreseen
        let step = if capacity > 4 { 8 } else { 2 };
        let capacity = capacity.next_multiple_of(step);
        let here = (first_fragment + fragments.start..first_fragment + fragments.end, digits.stamp);
        // SAFETY: see the callee; fragments are those of the block.
        unsafe {
            if listed.as_ref() != Some(&here) {
                list(block, digits, offsets, fragments.clone(), (capacity, step), lists, lengths);
                *listed = Some(here);
            }
            for strip in 0..count.div_ceil(side) {
                let panels = (first + strip * side, (count - strip * side).min(side));
                build(block, panels.0 / side, start..start + rows, table);
                let run = Strip {
                    block,
                    rows: digits.rows,
                    table: table.as_ptr().cast(),
                    lists: &lists[..],
                    lengths: &lengths[..],
                    capacity,
                    fragments: fragments.clone(),
                    panel: panels.0,
                    deviations,
                    // panels of the group before this strip, and all of them
                    beside: (strip * side, count),
                };
                macro_rules! run {
                    ($kind:literal, $n:literal, $how:expr) => {
                        run.read::<$kind, $n, { $how }>(totals, &mut clips)
                    };
                }
                if let (Some(staircase), false) = (&block.staircase, noisy) {
                    macro_rules! short {
                        ($n:literal) => {
                            match staircase {
                                Staircase::Bytes(steps) => run.read_bytes::<$n>(steps, totals),
                                Staircase::Words(steps) if steps.clips == Clips::Never => {
                                    run.read_words::<false, $n>(steps, totals, &mut clips)
                                }
                                Staircase::Words(steps) => {
                                    run.read_words::<true, $n>(steps, totals, &mut clips)
                                }
                            }
                        };
                    }
                    match panels.1 {
                        4 => short!(4),
                        3 => short!(3),
                        2 => short!(2),
                        _ => short!(1),
                    }
                    continue;
                }
                macro_rules! by_how {
                    ($kind:literal, $n:literal) => {
                        match (&block.grids, noisy) {
                            (None, _) => run!($kind, $n, EXACT),
                            (Some(_), false) => run!($kind, $n, CONVERTED),
                            (Some(_), true) => run!($kind, $n, NOISY),
                        }
                    };
                }
                match (&block.cells, panels.1) {
                    (Packed::Half(_), 2) => by_how!(0, 2),
                    (Packed::Half(_), _) => by_how!(0, 1),
                    (Packed::Quarter { signed: Signs::Unsigned, .. }, 4) => by_how!(1, 4),
                    (Packed::Quarter { signed: Signs::Unsigned, .. }, 3) => by_how!(1, 3),
                    (Packed::Quarter { signed: Signs::Unsigned, .. }, 2) => by_how!(1, 2),
                    (Packed::Quarter { signed: Signs::Unsigned, .. }, _) => by_how!(1, 1),
                    (_, 4) => by_how!(2, 4),
                    (_, 3) => by_how!(2, 3),
                    (_, 2) => by_how!(2, 2),
                    (_, _) => by_how!(2, 1),
                }
            }
        }
        start += rows;
    }
    _mm512_reduce_add_epi32(clips) as u32 as u64
}

/// Lists the entries that each row of digits adds, fragment by fragment: their places in the table.
///
/// PERF: groups of four rows that no digit drives are left out.
///
/// # Safety
/// As [`table_group`].
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,popcnt,bmi1,bmi2"
)]
unsafe fn list(
    block: &Block,
    digits: DigitRows<'_>,
    offsets: &[usize],
    fragments: Range<usize>,
    (capacity, step): (usize, usize),
    lists: &mut Aligned<u32>,
    lengths: &mut Vec<u32>,
) {
    let Of::Bits(bits) = digits.of else { unreachable!("digits were cut for another engine") };
    // room for a whole register behind the last list
    lists.resize(digits.rows * fragments.len() * capacity + 16);
    lengths.clear();
    lengths.resize(digits.rows * fragments.len(), 0);
    #[rustfmt::skip]
    let nibbles = _mm512_set_epi8(
        0, 0, 0, 60, 0, 0, 0, 56, 0, 0, 0, 52, 0, 0, 0, 48, 0, 0, 0, 44, 0, 0, 0, 40, 0, 0, 0, 36, 0, 0, 0, 32,
        0, 0, 0, 28, 0, 0, 0, 24, 0, 0, 0, 20, 0, 0, 0, 16, 0, 0, 0, 12, 0, 0, 0, 8, 0, 0, 0, 4, 0, 0, 0, 0,
    );
    let groups_of = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    let places = _mm512_slli_epi32::<10>(groups_of);
    let mut base = 0;
    let (mut words, mut ends): (Vec<Word>, Vec<usize>) = Default::default();
    for f in fragments.clone() {
        let groups = block.rows[f].div_ceil(4);
        words.extend((0..groups).step_by(16).map(|first| {
            let (from, n) = (offsets[f] + 4 * first, (groups - first).min(16));
            Word {
                at: from / 64,
                shift: (from % 64) as u32,
                mask: u64::MAX >> (64 - 4 * n),
                base: (base + first * FOUR_ROWS) as i32,
            }
        }));
        ends.push(words.len());
        base += groups * FOUR_ROWS;
    }
    // fragments of two groups side by side: eight of them at a time, groups that are not driven and all
    let start = offsets[fragments.start];
    let paired = capacity == 2
        && fragments.clone().enumerate().all(|(i, f)| {
            block.rows[f].div_ceil(4) == 2 && offsets[f] == start + 8 * i && start.is_multiple_of(64)
        });
    if paired {
        let count = fragments.len();
        for (row, bits) in bits.chunks_exact(digits.stride).take(digits.rows).enumerate() {
            for first in (0..count).step_by(8) {
                let n = (count - first).min(8);
                let four = _mm512_and_si512(
                    _mm512_multishift_epi64_epi8(
                        nibbles,
                        _mm512_set1_epi64(bits[start / 64 + first / 8] as i64),
                    ),
                    _mm512_set1_epi32(15),
                );
                let driven = u32::from(_mm512_test_epi32_mask(four, four));
                let place = _mm512_add_epi32(
                    _mm512_add_epi32(_mm512_slli_epi32::<6>(four), places),
                    _mm512_set1_epi32((2 * first * FOUR_ROWS) as i32),
                );
                // one bit a fragment
                let any = _pext_u32(driven | driven >> 1, 0x5555) as u8;
                let at = row * count + first;
                // SAFETY: a register's worth of entries stands behind every list (see below), and a length for
                // each of the `n` fragments.
                unsafe {
                    _mm512_storeu_si512(lists.as_mut_ptr().add(2 * at).cast(), place);
                    _mm256_mask_storeu_epi32(
                        lengths.as_mut_ptr().add(at).cast(),
                        u8::MAX >> (8 - n),
                        _mm256_maskz_set1_epi32(any, 2),
                    );
                }
            }
        }
        return;
    }
    let mut at = 0;
    for bits in bits.chunks_exact(digits.stride).take(digits.rows) {
        let mut first = 0;
        for &end in &ends {
            let mut length = 0;
            // SAFETY: a list has room for all its groups, and a register's worth stands behind every list: that
            // of later rows, written after it, or the sixteen entries behind the last.
            unsafe {
                let out = lists.as_mut_ptr().add(at * capacity);
                for word in &words[first..end] {
                    let mut driven = bits[word.at] >> word.shift;
                    if word.shift != 0 && word.at + 1 < bits.len() {
                        driven |= bits[word.at + 1] << (64 - word.shift);
                    }
                    let four = _mm512_and_si512(
                        _mm512_multishift_epi64_epi8(nibbles, _mm512_set1_epi64((driven & word.mask) as i64)),
                        _mm512_set1_epi32(15),
                    );
                    let driven = _mm512_test_epi32_mask(four, four);
                    let place = _mm512_add_epi32(
                        _mm512_add_epi32(_mm512_slli_epi32::<6>(four), places),
                        _mm512_set1_epi32(word.base),
                    );
                    _mm512_storeu_si512(out.add(length).cast(), _mm512_maskz_compress_epi32(driven, place));
                    length += driven.count_ones() as usize;
                }
                // the first entry of all is a zero
                _mm512_storeu_si512(out.add(length).cast(), _mm512_setzero_si512());
            }
            // the step is a power of two
            lengths[at] = ((length + step - 1) & !(step - 1)) as u32;
            at += 1;
            first = end;
        }
    }
}

/// Where the digits of up to sixteen groups of four rows stand in a row of bits, and their tables.
struct Word {
    at: usize,
    shift: u32,
    mask: u64,
    base: i32,
}

/// The sums of every four rows in `rows` (counted with each fragment rounded up to four) for all patterns.
///
/// # Safety
/// As [`table_group`]; `strip` and `rows` exist.
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,popcnt,bmi1,bmi2"
)]
unsafe fn build(block: &Block, strip: usize, rows: Range<usize>, table: &mut Aligned<i16>) {
    let total: usize = block.rows.iter().map(|r| r.next_multiple_of(4)).sum();
    table.resize(rows.len() / 4 * FOUR_ROWS / 2);
    // SAFETY: every row of the strip is a line of 64 bytes, and the table has sixteen for each four rows.
    unsafe {
        macro_rules! build {
            ($cells:expr, $add:ident) => {{
                let cells = $cells.as_ptr().cast::<u8>().add((strip * total + rows.start) * ENTRY);
                for group in 0..rows.len() / 4 {
                    let to = table.as_mut_ptr().cast::<u8>().add(group * FOUR_ROWS);
                    let row: [__m512i; 4] = std::array::from_fn(|i| {
                        _mm512_loadu_si512(cells.add((4 * group + i) * ENTRY).cast())
                    });
                    let mut sums = [_mm512_setzero_si512(); 16];
                    for pattern in 1..16usize {
                        let bit = pattern.trailing_zeros() as usize;
                        sums[pattern] = $add(sums[pattern & (pattern - 1)], row[bit]);
                    }
                    for (pattern, sum) in sums.into_iter().enumerate() {
                        _mm512_storeu_si512(to.add(pattern * ENTRY).cast(), sum);
                    }
                }
            }};
        }
        match &block.cells {
            Packed::Half(cells) => build!(cells, _mm512_add_epi16),
            Packed::Quarter { cells, .. } => build!(cells, _mm512_add_epi8),
            _ => unreachable!("cells were packed for another engine"),
        }
    }
}

/// Up to four panels side by side, and the table of some fragments.
#[derive(Clone)]
struct Strip<'a> {
    block: &'a Block,
    rows: usize,
    table: *const u8,
    lists: &'a [u32],
    lengths: &'a [u32],
    capacity: usize,
    fragments: Range<usize>,
    panel: usize,
    deviations: Option<&'a [f32]>,
    beside: (usize, usize),
}

impl Strip<'_> {
    /// All rows of digits. `KIND` 0: 16-bit entries; 1: unsigned, 2: signed 8-bit entries. `N` panels.
    ///
    /// # Safety
    /// As [`table_group`]; lists and table are those of the fragments.
    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,popcnt,bmi1,bmi2"
    )]
    unsafe fn read<const KIND: u8, const N: usize, const HOW: u8>(
        &self,
        totals: &mut [i32],
        clips: &mut __m512i,
    ) {
        let Self { block, .. } = *self;
        // in a register: through memory each count would wait for the one before
        let mut clipped = _mm512_setzero_si512();
        let (slices, width) = (block.slices.len(), block.width);
        let column = self.panel * Block::PANEL;
        let slots = (block.rows.len() * slices * self.beside.1).next_multiple_of(4);
        // SAFETY: totals have a row a vector; converters and gains a column each; deviations as
        // `Deviates::fill` lays them out.
        unsafe {
            let at: [Converters; N] =
                std::array::from_fn(|j| Converters::at(block, column + j * Block::PANEL));
            let gains = if HOW == EXACT { block.gains.as_ptr() } else { block.halves.as_ptr() };
            let gains = gains.add(self.fragments.start * width + column).cast::<__m512i>();
            for vector in 0..self.rows / slices {
                let total = totals.as_mut_ptr().add(vector * width + column).cast::<__m512i>();
                let mut sum: [__m512i; N] = std::array::from_fn(|j| _mm512_loadu_si512(total.add(j)));
                for (s, slice) in block.slices.iter().enumerate() {
                    let mut worth = [_mm512_setzero_si512(); N];
                    let first = (vector * slices + s) * self.fragments.len();
                    // what follows moves on from fragment to fragment
                    let mut list = self.lists.as_ptr().add(first * self.capacity);
                    let mut gain = gains;
                    let mut deviation = match self.deviations {
                        Some(d) => {
                            let read = self.fragments.start * slices + s;
                            d.as_ptr()
                                .add((vector * slots + read * self.beside.1 + self.beside.0) * Block::PANEL)
                        }
                        None => std::ptr::null(),
                    };
                    for &length in &self.lengths[first..first + self.fragments.len()] {
                        if length > 0 || HOW == NOISY {
                            let sums = self.sums::<KIND, N>(list, length as usize);
                            for j in 0..N {
                                let deviation = deviation.wrapping_add(j * Block::PANEL);
                                let code = convert::<HOW>(sums[j], at[j], deviation, &mut clipped);
                                let gain = _mm512_loadu_si512(gain.add(j));
                                worth[j] = _mm512_add_epi32(worth[j], weigh::<HOW>(code, gain));
                            }
                        }
                        list = list.wrapping_add(self.capacity);
                        gain = gain.wrapping_byte_add(4 * width);
                        deviation = deviation.wrapping_add(slices * self.beside.1 * Block::PANEL);
                    }
                    let shift = _mm_cvtsi32_si128(slice.gain.unsigned_abs().trailing_zeros() as i32);
                    for j in 0..N {
                        let worth = _mm512_sll_epi32(worth[j], shift);
                        sum[j] = if slice.gain < 0 {
                            _mm512_sub_epi32(sum[j], worth)
                        } else {
                            _mm512_add_epi32(sum[j], worth)
                        };
                    }
                }
                for j in 0..N {
                    _mm512_storeu_si512(total.add(j), sum[j]);
                }
            }
        }
        *clips = _mm512_add_epi32(*clips, clipped);
    }

    /// The sums of the entries of a list (an even number), panel by panel.
    ///
    /// # Safety
    /// Every place of the list lies within the table.
    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,popcnt,bmi1,bmi2"
    )]
    unsafe fn sums<const KIND: u8, const N: usize>(&self, list: *const u32, length: usize) -> [__m512i; N] {
        let zero = _mm512_setzero_si512();
        let mut sums = [zero; N];
        // SAFETY: see above.
        unsafe {
            let entry = |i: usize| _mm512_load_si512(self.table.add(*list.add(i) as usize).cast());
            if KIND == 0 {
                // two entries fit 16 bits; then even words are one panel, odd words the other
                let (low, high) = (_mm512_set1_epi32(1), _mm512_set1_epi32(1 << 16));
                let mut more = [zero; N];
                macro_rules! add {
                    ($sums:ident, $i:expr) => {
                        let pair = _mm512_add_epi16(entry($i), entry($i + 1));
                        dot_pairs(&mut $sums[0], pair, low);
                        if N > 1 {
                            dot_pairs(&mut $sums[1], pair, high);
                        }
                    };
                }
                let mut i = 0;
                while i + 8 <= length {
                    add!(sums, i);
                    add!(more, i + 2);
                    add!(sums, i + 4);
                    add!(more, i + 6);
                    i += 8;
                }
                while i < length {
                    add!(sums, i);
                    i += 2;
                }
                for j in 0..N {
                    sums[j] = _mm512_add_epi32(sums[j], more[j]);
                }
                return sums;
            }
            let mut i = 0;
            while i < length {
                let bytes = self.bytes(list, length, &mut i);
                for (j, sum) in sums.iter_mut().enumerate() {
                    // one byte of every four is a panel's
                    let pick = _mm512_set1_epi32(1 << (8 * j));
                    *sum = if KIND == 1 {
                        _mm512_dpbusd_epi32(*sum, bytes, pick)
                    } else {
                        _mm512_dpbusd_epi32(*sum, pick, bytes)
                    };
                }
            }
            sums
        }
    }

    /// The sums of as many 8-bit entries from `i` on as a byte can hold; `i` moves on behind them.
    ///
    /// # Safety
    /// As [`Strip::sums`].
    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,popcnt,bmi1,bmi2"
    )]
    unsafe fn bytes(&self, list: *const u32, length: usize, i: &mut usize) -> __m512i {
        let Packed::Quarter { flush, .. } = self.block.cells else {
            unreachable!("cells were packed for another engine")
        };
        // SAFETY: see above.
        unsafe {
            let entry = |i: usize| _mm512_load_si512(self.table.add(*list.add(i) as usize).cast());
            let end = (*i + flush).min(length);
            let (mut a, mut b) = (_mm512_setzero_si512(), _mm512_setzero_si512());
            while *i + 8 <= end {
                a = _mm512_add_epi8(a, _mm512_add_epi8(entry(*i), entry(*i + 1)));
                b = _mm512_add_epi8(b, _mm512_add_epi8(entry(*i + 2), entry(*i + 3)));
                a = _mm512_add_epi8(a, _mm512_add_epi8(entry(*i + 4), entry(*i + 5)));
                b = _mm512_add_epi8(b, _mm512_add_epi8(entry(*i + 6), entry(*i + 7)));
                *i += 8;
            }
            while *i < end {
                a = _mm512_add_epi8(a, _mm512_add_epi8(entry(*i), entry(*i + 1)));
                *i += 2;
            }
            _mm512_add_epi8(a, b)
        }
    }

    /// All rows of digits, codes in words: four panels, whole cells that are never negative.
    ///
    /// PERF: 32 conversions an instruction instead of 16, and no floating point.
    ///
    /// # Safety
    /// As [`Strip::read`]; `steps` are the block's.
    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,popcnt,bmi1,bmi2"
    )]
    unsafe fn read_words<const CLIPS: bool, const N: usize>(
        &self,
        steps: &Words,
        totals: &mut [i32],
        clips: &mut __m512i,
    ) {
        let (slices, width) = (self.block.slices.len(), self.block.width);
        let at = self.panel * Block::PANEL;
        let strips = width.div_ceil(STRIP) * STRIP;
        // SAFETY: as in `read`; the entries of a strip are 64 words.
        unsafe {
            let pair = |v: &Aligned<i16>| [0, 32].map(|i| _mm512_load_si512(v.as_ptr().add(at + i).cast()));
            let (slope, half) = (pair(&steps.slope), pair(&steps.half));
            let (off, put) = (pair(&steps.off), pair(&steps.put));
            let (high, ceiling) = (pair(&steps.high), pair(&steps.ceiling));
            let shift = _mm512_set1_epi16(steps.shift as i16);
            let low_byte = _mm512_set1_epi16(0xff);
            let one = _mm512_set1_epi16(1);
            let mut clipped = _mm512_setzero_si512();
            for vector in 0..self.rows / slices {
                let total = totals.as_mut_ptr().add(vector * width + at).cast::<__m512i>();
                let mut sum: [__m512i; N] = std::array::from_fn(|j| _mm512_loadu_si512(total.add(j)));
                for (s, slice) in self.block.slices.iter().enumerate() {
                    let mut codes = [_mm512_setzero_si512(); 2];
                    let first = (vector * slices + s) * self.fragments.len();
                    for (local, f) in self.fragments.clone().enumerate() {
                        let length = *self.lengths.get_unchecked(first + local) as usize;
                        if length == 0 {
                            continue;
                        }
                        let list = self.lists.as_ptr().add((first + local) * self.capacity);
                        let mut i = 0;
                        let bytes = self.bytes(list, length, &mut i);
                        let mut sums = [_mm512_and_si512(bytes, low_byte), _mm512_srli_epi16::<8>(bytes)];
                        while i < length {
                            let bytes = self.bytes(list, length, &mut i);
                            sums[0] = _mm512_add_epi16(sums[0], _mm512_and_si512(bytes, low_byte));
                            sums[1] = _mm512_add_epi16(sums[1], _mm512_srli_epi16::<8>(bytes));
                        }
                        for i in 0..2 {
                            let scaled = _mm512_mulhi_epu16(_mm512_slli_epi16::<7>(sums[i]), slope[i]);
                            let code = _mm512_srlv_epi16(_mm512_add_epi16(scaled, half[i]), shift);
                            let odd = _mm512_cmpeq_epi16_mask(sums[i], off[i]);
                            let mut code = _mm512_mask_add_epi16(code, odd, code, put[i]);
                            if CLIPS {
                                code = _mm512_min_epi16(code, high[i]);
                                let above = _mm512_cmpgt_epi16_mask(sums[i], ceiling[i]);
                                clipped = _mm512_mask_add_epi16(clipped, above, clipped, one);
                            }
                            if !steps.gains.is_empty() {
                                let gain = steps.gains.as_ptr().add(f * strips + at + 32 * i);
                                code = _mm512_mullo_epi16(code, _mm512_load_si512(gain.cast()));
                            }
                            codes[i] = _mm512_add_epi16(codes[i], code);
                        }
                    }
                    // words 0, 2, .. of each pair are panels 0 and 1, words 1, 3, .. panels 2 and 3
                    for (j, sum) in sum.iter_mut().enumerate() {
                        let weight = if j < 2 { slice.gain as i32 } else { (slice.gain as i32) << 16 };
                        dot_pairs(sum, codes[j % 2], _mm512_set1_epi32(weight));
                    }
                    if CLIPS {
                        // a word holds the clips of a slice: emptied before it can be full
                        *clips = _mm512_add_epi32(*clips, _mm512_madd_epi16(clipped, one));
                        clipped = _mm512_setzero_si512();
                    }
                }
                for (j, sum) in sum.into_iter().enumerate() {
                    _mm512_storeu_si512(total.add(j), sum);
                }
            }
        }
    }

    /// All rows of digits, codes looked up and added in bytes.
    ///
    /// # Safety
    /// As [`Strip::read`]; `steps` are the block's.
    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,popcnt,bmi1,bmi2"
    )]
    unsafe fn read_bytes<const N: usize>(&self, steps: &Bytes, totals: &mut [i32]) {
        let (slices, width) = (self.block.slices.len(), self.block.width);
        let at = self.panel * Block::PANEL;
        let strips = width.div_ceil(STRIP) * STRIP;
        // SAFETY: as in `read`; 64 codes, and 64 signs a strip and fragment.
        unsafe {
            let table = _mm512_load_si512(steps.codes.as_ptr().cast());
            let signs = steps.signs.as_ptr().add(at);
            for vector in 0..self.rows / slices {
                let total = totals.as_mut_ptr().add(vector * width + at).cast::<__m512i>();
                let mut sum: [__m512i; N] = std::array::from_fn(|j| _mm512_loadu_si512(total.add(j)));
                for (s, slice) in self.block.slices.iter().enumerate() {
                    let first = (vector * slices + s) * self.fragments.len();
                    let mut worth = [_mm512_setzero_si512(); N];
                    let mut local = 0;
                    while local < self.fragments.len() {
                        let end = (local + steps.flush).min(self.fragments.len());
                        let mut codes = _mm512_setzero_si512();
                        while local < end {
                            let length = *self.lengths.get_unchecked(first + local) as usize;
                            if length > 0 {
                                let list = self.lists.as_ptr().add((first + local) * self.capacity);
                                let mut i = 0;
                                let mut sums = self.bytes(list, length, &mut i);
                                while i < length {
                                    sums = _mm512_add_epi8(sums, self.bytes(list, length, &mut i));
                                }
                                let f = self.fragments.start + local;
                                let sign = _mm512_load_si512(signs.add(f * strips).cast());
                                let code = _mm512_permutexvar_epi8(_mm512_or_si512(sums, sign), table);
                                codes = _mm512_add_epi8(codes, code);
                            }
                            local += 1;
                        }
                        for (j, worth) in worth.iter_mut().enumerate() {
                            *worth = _mm512_dpbusd_epi32(*worth, _mm512_set1_epi32(1 << (8 * j)), codes);
                        }
                    }
                    let shift = _mm_cvtsi32_si128(slice.gain.trailing_zeros() as i32);
                    for j in 0..N {
                        sum[j] = _mm512_add_epi32(sum[j], _mm512_sll_epi32(worth[j], shift));
                    }
                }
                for (j, sum) in sum.into_iter().enumerate() {
                    _mm512_storeu_si512(total.add(j), sum);
                }
            }
        }
    }
}

/// See [`super::plain::read_group`], for bit planes.
///
/// # Safety
/// The CPU has the features named; digits, offsets and totals as asserted by [`Block::read`].
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,popcnt,bmi1,bmi2"
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
    let planes = Planes { cells, planes: *planes, bias: *bias, panels: block.width / Block::PANEL };
    // SAFETY: see the callee.
    unsafe { bits_panels(block, planes, digits, offsets, (first, count), deviations, totals) }
}

/// Bit planes of some panels of a block, its last among them.
#[derive(Clone, Copy)]
struct Planes<'a> {
    cells: &'a [u32],
    planes: usize,
    bias: i32,
    /// How many panels.
    panels: usize,
}

/// Panels `first .. first + count` of a block by its planes.
///
/// # Safety
/// As [`bits_group`]; the planes hold these panels.
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,popcnt,bmi1,bmi2"
)]
unsafe fn bits_panels(
    block: &Block,
    held: Planes<'_>,
    digits: DigitRows<'_>,
    offsets: &[usize],
    (first, count): (usize, usize),
    deviations: Option<&[f32]>,
    totals: &mut [i32],
) -> u64 {
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

/// One panel: 32 rows of 16 columns an AND and a population count.
///
/// # Safety
/// As [`bits_group`]; the panel exists.
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,popcnt,bmi1,bmi2"
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
    let Planes { cells, planes, bias, panels } = held;
    // panels that the planes leave out come before
    let place = panel + panels - block.width / Block::PANEL;
    let (slices, width) = (block.slices.len(), block.width);
    let slots = (block.rows.len() * slices * beside.1).next_multiple_of(4);
    let mut before = 0;
    let mut clipped = _mm512_setzero_si512();
    for (f, (&rows, &offset)) in block.rows.iter().zip(offsets).enumerate() {
        let words = rows.div_ceil(32);
        // SAFETY: cells hold `planes · words` lines a panel; a row of digits whole words of 32 from the
        // fragment's offset on; the rest as in `dot_group`.
        unsafe {
            let cells = cells
                .as_ptr()
                .add((before * panels + place * words) * planes * Block::PANEL)
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
                        let slot = vector * slots + (f * slices + s) * beside.1 + beside.0;
                        d.as_ptr().add(slot * Block::PANEL)
                    }
                    None => std::ptr::null(),
                };
                let code = convert::<HOW>(sum, at, deviations, &mut clipped);
                let slice = block.slices[s].gain;
                let shift = _mm_cvtsi32_si128(slice.unsigned_abs().trailing_zeros() as i32);
                let worth = _mm512_sll_epi32(weigh::<HOW>(code, gain), shift);
                let total = totals.as_mut_ptr().add(vector * width + panel * Block::PANEL).cast::<__m512i>();
                let sum = _mm512_loadu_si512(total);
                let sum = if slice < 0 { _mm512_sub_epi32(sum, worth) } else { _mm512_add_epi32(sum, worth) };
                _mm512_storeu_si512(total, sum);
            }
        }
        before += words;
    }
    *clips = _mm512_add_epi32(*clips, clipped);
}
