//! Input vectors cut into the digits that an engine reads: words, bytes or bits.

use super::lookup::{Lanes, SET};
use super::{Aligned, Engine};
use crate::kernel::{Digit, DigitPart, Level, level};
use std::ops::Range;

/// Many input vectors, one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Vectors<'a> {
    /// Their values.
    pub values: Values<'a>,
    /// Length of one.
    pub k: usize,
    /// Distance of two; what lies between them has no meaning.
    pub stride: usize,
}

/// Integers of input vectors.
#[derive(Clone, Copy, Debug)]
pub enum Values<'a> {
    /// Unsigned, of at most 8 bits.
    Bytes(&'a [u8]),
    /// Any.
    Words(&'a [i32]),
}

impl<'a> Vectors<'a> {
    /// How many.
    pub fn count(&self) -> usize {
        match self.values {
            Values::Bytes(x) => x.len() / self.stride,
            Values::Words(x) => x.len() / self.stride,
        }
    }

    /// Some of them.
    pub fn part(&self, first: usize, count: usize) -> Self {
        let range = first * self.stride..(first + count) * self.stride;
        let values = match self.values {
            Values::Bytes(x) => Values::Bytes(&x[range]),
            Values::Words(x) => Values::Words(&x[range]),
        };
        Self { values, ..*self }
    }

    /// One value.
    pub fn at(&self, vector: usize, row: usize) -> i32 {
        match self.values {
            Values::Bytes(x) => i32::from(x[vector * self.stride + row]),
            Values::Words(x) => x[vector * self.stride + row],
        }
    }

    /// The sum of some rows of a vector.
    pub fn sum(&self, vector: usize, rows: Range<usize>) -> i64 {
        let at = vector * self.stride;
        match self.values {
            Values::Bytes(x) => {
                i64::from(x[at + rows.start..at + rows.end].iter().map(|&v| u32::from(v)).sum::<u32>())
            }
            Values::Words(x) => x[at + rows.start..at + rows.end].iter().map(|&v| i64::from(v)).sum(),
        }
    }

    /// The bits that occur in some rows of a vector.
    pub fn bits(&self, vector: usize, rows: Range<usize>) -> u32 {
        let at = vector * self.stride;
        match self.values {
            Values::Bytes(x) => u32::from(x[at + rows.start..at + rows.end].iter().fold(0, |a, &v| a | v)),
            Values::Words(x) => x[at + rows.start..at + rows.end].iter().fold(0, |a, &v| a | v as u32),
        }
    }
}

/// Where the digits of a layer's fragments stand in a row of digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Rows of each fragment, in the layer matrix.
    pub rows: Vec<Range<usize>>,
    /// Where its first digit stands.
    pub offsets: Vec<usize>,
    /// Digits of a row, padding included.
    pub padded: usize,
    /// The same in as few runs as the offsets allow: rows, and where the first of them stands.
    runs: Vec<(Range<usize>, usize)>,
    /// Where the digits of the last fragment end.
    end: usize,
    engine: Engine,
}

impl Layout {
    /// Fragments one after the other, each where `engine` wants it.
    pub fn new(engine: Engine, fragments: &[Range<usize>]) -> Self {
        let mut offset = 0;
        let mut offsets = Vec::with_capacity(fragments.len());
        let mut runs: Vec<(Range<usize>, usize)> = Vec::new();
        for rows in fragments {
            offsets.push(offset);
            match runs.last_mut() {
                Some((run, at)) if run.end == rows.start && *at + run.len() == offset => run.end = rows.end,
                _ => runs.push((rows.clone(), offset)),
            }
            offset += rows.len().next_multiple_of(engine.alignment());
        }
        // whole words of bits, whole registers of bytes
        let padded = offset.max(fragments.last().map_or(0, |r| r.end)).next_multiple_of(64);
        Self { rows: fragments.to_vec(), offsets, padded, runs, end: offset, engine }
    }

    /// The engine that it is for.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// Whether totals come column by column here ([`super::TotalOrder`]).
    pub fn by_column(&self) -> bool {
        level() == Level::Avx512 && !matches!(self.engine, Engine::Plain | Engine::Bits)
    }

    /// Panics unless vectors have all the rows: kernels rely on it.
    fn check(&self, vectors: Vectors<'_>) {
        let rows = self.runs.iter().map(|(rows, _)| rows.end).max().unwrap_or(0);
        assert!(
            rows <= vectors.k && vectors.k <= vectors.stride,
            "vectors of {} rows, {} apart, for a layout of {rows}",
            vectors.k,
            vectors.stride
        );
    }

    pub(super) fn runs(&self) -> &[(Range<usize>, usize)] {
        &self.runs
    }

    /// Bytes that the digits of one read take.
    pub fn bytes_a_read(&self) -> usize {
        match self.engine {
            Engine::Table16 => self.end / 2,
            Engine::Table8 => self.end / 6,
            Engine::Bits => self.padded / 8,
            Engine::Dot8 => self.padded,
            Engine::Plain | Engine::Dot16 => 2 * self.padded,
        }
    }

    /// Groups of rows that are looked up together, or steps of a dot product.
    pub(super) fn groups(&self) -> usize {
        self.end / self.engine.alignment()
    }
}

/// Rows of digits, `vectors × slices` of them, as an engine reads them.
#[derive(Clone, Copy, Debug)]
pub struct DigitRows<'a> {
    pub(super) of: Of<'a>,
    /// Distance of two rows.
    pub(super) stride: usize,
    /// Number of rows, and of those that a vector has.
    pub(super) rows: usize,
    pub(super) slices: usize,
    /// Groups of rows that each holds, as many rows together as the engine aligns fragments by.
    pub(super) groups: usize,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Of<'a> {
    Words(&'a [i16]),
    Bytes(&'a [u8]),
    Bits(&'a [u64]),
    /// `[set of reads][group of rows]`, and which groups are driven, see `patterns512.rs`.
    Patterns(&'a [u8], &'a [u64]),
    /// `[set of 64 vectors][slice][step][vector]`, see `turn512.rs`.
    Turned(&'a [u8]),
}

impl<'a> DigitRows<'a> {
    /// Digits as words, and how far apart rows are; `None` for engines that take others.
    pub fn words(&self) -> Option<(&'a [i16], usize)> {
        match self.of {
            Of::Words(x) => Some((x, self.stride)),
            _ => None,
        }
    }
}

/// Buffers for the digits of a tile of vectors.
#[derive(Debug, Default)]
pub struct Digits {
    words: Vec<i16>,
    bytes: Vec<u8>,
    bits: Vec<u64>,
    /// What a level of its own form reads.
    lanes: Aligned<u8>,
    squares: Vec<i16>,
}

impl Digits {
    /// Cuts vectors into rows of digits: row `t · slices + s` holds slice `s` of vector `t`.
    ///
    /// # Panics
    /// Vectors have all the rows; digits of at most 15 bits; 8 for [`Engine::Dot8`] and one for the engines of bits,
    /// unsigned; at most 64 slices where sums are looked up.
    pub fn cut<'a>(&'a mut self, layout: &Layout, slices: &[Digit], vectors: Vectors<'a>) -> DigitRows<'a> {
        self.cut_at(level(), layout, slices, vectors)
    }

    pub(super) fn cut_at<'a>(
        &'a mut self,
        level: Level,
        layout: &Layout,
        slices: &[Digit],
        vectors: Vectors<'a>,
    ) -> DigitRows<'a> {
        let rows = vectors.count() * slices.len();
        let groups = layout.groups();
        let cut = |of, stride| DigitRows { of, stride, rows, slices: slices.len(), groups };
        layout.check(vectors);
        assert!(slices.iter().all(|s| s.bits <= 15 && s.shift < 32), "digits of at most 15 bits");
        let Self { words, bytes, bits, lanes, .. } = self;
        match layout.engine {
            Engine::Plain | Engine::Dot16 => {
                let words = word_rows(level, layout, slices, vectors, words);
                #[cfg(target_arch = "x86_64")]
                if level == Level::Avx512 && layout.engine == Engine::Dot16 {
                    // SAFETY: any two bytes of a word are bytes.
                    let bytes = unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), 2 * words.len()) };
                    let stride =
                        turned((bytes, 2 * layout.padded), layout, slices.len(), vectors.count(), lanes);
                    return cut(Of::Turned(lanes), stride);
                }
                cut(Of::Words(words), layout.padded)
            }
            Engine::Dot8 => {
                let (bytes, stride) = byte_rows(level, layout, slices, vectors, bytes);
                #[cfg(target_arch = "x86_64")]
                if level == Level::Avx512 {
                    let stride = turned((bytes, stride), layout, slices.len(), vectors.count(), lanes);
                    return cut(Of::Turned(lanes), stride);
                }
                cut(Of::Bytes(bytes), stride)
            }
            #[cfg(target_arch = "x86_64")]
            Engine::Table16 | Engine::Table8 if level == Level::Avx512 => {
                assert!(slices.iter().all(|s| s.bits == 1), "one-bit digits");
                let count = Lanes::slices_of(slices.len());
                assert!(count <= SET, "at most {SET} slices");
                let stride = layout.groups() * super::patterns512::bytes_a_group(layout.engine);
                let sets = vectors.count().div_ceil(SET / count);
                lanes.resize(sets * stride);
                bits.resize(sets * super::patterns512::words_of(layout.groups()), 0);
                // SAFETY: `level` reports AVX-512 only where all the features of the function are there; sets are
                // those of the vectors.
                unsafe { super::patterns512::patterns(layout, slices, count, vectors, lanes, bits) };
                cut(Of::Patterns(lanes, bits), stride)
            }
            Engine::Table16 | Engine::Table8 | Engine::Bits => {
                assert!(slices.iter().all(|s| s.bits == 1), "one-bit digits");
                let stride = layout.padded / 64;
                bits.clear();
                bits.resize(rows * stride, 0);
                cut_bits(level, layout, slices, vectors, bits);
                cut(Of::Bits(bits), stride)
            }
        }
    }

    /// The squares of digits less 2^15, rows as [`Digits::cut`] has them: what variances are multiplied with
    /// ([`super::Variance`]).
    ///
    /// # Panics
    /// Digits of at most 8 bits, sign apart.
    pub fn squares(&mut self, layout: &Layout, slices: &[Digit], vectors: Vectors<'_>) -> &[i16] {
        assert!(slices.iter().all(|s| s.bits <= 8), "digits of at most 8 bits");
        layout.check(vectors);
        let stride = layout.padded;
        let rows = vectors.count() * slices.len();
        self.squares.clear();
        // what is behind a run meets rows of zeros
        self.squares.resize(rows * stride, 0);
        each_run(layout, slices, vectors, &mut self.squares, stride, |part, digit, out| {
            match part {
                Values::Bytes(x) => byte_words(level(), x, digit, out),
                Values::Words(x) => crate::kernel::digits(x, digit, out),
            }
            for d in out {
                let d1 = i32::from(*d);
                *d = (d1 * d1 - 32_768) as i16;
            }
        });
        &self.squares
    }
}

/// Digits as words, rows as the layout pads them.
fn word_rows<'a>(
    level: Level,
    layout: &Layout,
    slices: &[Digit],
    vectors: Vectors<'_>,
    words: &'a mut Vec<i16>,
) -> &'a [i16] {
    words.resize(vectors.count() * slices.len() * layout.padded, 0);
    each_run(layout, slices, vectors, words, layout.padded, |part, digit, out| match part {
        Values::Bytes(x) => byte_words(level, x, digit, out),
        Values::Words(x) => crate::kernel::digits(x, digit, out),
    });
    words
}

/// Digits as bytes, and how far apart rows are.
fn byte_rows<'a>(
    level: Level,
    layout: &Layout,
    slices: &[Digit],
    vectors: Vectors<'a>,
    bytes: &'a mut Vec<u8>,
) -> (&'a [u8], usize) {
    assert!(slices.iter().all(|s| s.bits <= 8), "digits of at most 8 bits");
    // a single slice holds all bits of its inputs
    let whole = matches!(slices, [d] if d.shift == 0 && d.bits == 8 && d.part != DigitPart::Negative);
    if let (Values::Bytes(x), true, [(run, 0)]) = (vectors.values, whole, &layout.runs[..])
        && run.start == 0
        && vectors.stride >= layout.padded
    {
        return (x, vectors.stride);
    }
    bytes.resize(vectors.count() * slices.len() * layout.padded, 0);
    each_run(layout, slices, vectors, bytes, layout.padded, |part, digit, out| match part {
        Values::Bytes(x) => byte_bytes(level, x, digit, out),
        Values::Words(x) => word_bytes(level, x, digit, out),
    });
    (bytes, layout.padded)
}

/// Turns rows of digits, so far apart in bytes; how far apart sets are.
#[cfg(target_arch = "x86_64")]
fn turned(
    (bytes, stride): (&[u8], usize),
    layout: &Layout,
    slices: usize,
    vectors: usize,
    out: &mut Aligned<u8>,
) -> usize {
    let steps = layout.groups();
    let set = slices * steps * 4 * super::turn512::SET;
    out.resize(vectors.div_ceil(super::turn512::SET) * set);
    assert!(
        stride >= (4 * steps).next_multiple_of(64) && bytes.len() >= vectors * slices * stride,
        "rows of whole cache lines"
    );
    let rows = super::turn512::Rows { bytes, stride, slices, vectors, steps };
    // SAFETY: called where AVX-512 is in use alone; the assert gives every row, the line before every set.
    unsafe { super::turn512::turn(rows, out) };
    set
}

/// Calls `f` with each run of each vector, a slice, and where its digits go.
#[inline(always)]
fn each_run<T>(
    layout: &Layout,
    slices: &[Digit],
    vectors: Vectors<'_>,
    out: &mut [T],
    stride: usize,
    f: impl Fn(Values<'_>, Digit, &mut [T]),
) {
    for (row, out) in out.chunks_exact_mut(stride).enumerate() {
        let (vector, slice) = (row / slices.len(), row % slices.len());
        for (run, offset) in &layout.runs {
            let range = vector * vectors.stride + run.start..vector * vectors.stride + run.end;
            let part = match vectors.values {
                Values::Bytes(x) => Values::Bytes(&x[range]),
                Values::Words(x) => Values::Words(&x[range]),
            };
            f(part, slices[slice], &mut out[*offset..offset + run.len()]);
        }
    }
}

by_level! {
    fn byte_words(x: &[u8], digit: Digit, out: &mut [i16]) -> () = byte_words_body
}

#[inline(always)]
fn byte_words_body(x: &[u8], digit: Digit, out: &mut [i16]) {
    let mask = byte_mask(digit);
    for (o, &x) in out.iter_mut().zip(x) {
        *o = i16::from((x >> digit.shift.min(7)) & mask);
    }
}

by_level! {
    fn byte_bytes(x: &[u8], digit: Digit, out: &mut [u8]) -> () = byte_bytes_body
}

#[inline(always)]
fn byte_bytes_body(x: &[u8], digit: Digit, out: &mut [u8]) {
    let mask = byte_mask(digit);
    for (o, &x) in out.iter_mut().zip(x) {
        *o = (x >> digit.shift.min(7)) & mask;
    }
}

/// Which bits of a shifted byte are the digit: none above the eighth, none of the negative part.
fn byte_mask(digit: Digit) -> u8 {
    if digit.shift > 7 || digit.part == DigitPart::Negative { 0 } else { ((1u32 << digit.bits) - 1) as u8 }
}

by_level! {
    fn word_bytes(x: &[i32], digit: Digit, out: &mut [u8]) -> () = word_bytes_body
}

#[inline(always)]
fn word_bytes_body(x: &[i32], digit: Digit, out: &mut [u8]) {
    let mask = (1 << digit.bits) - 1;
    for (o, &x) in out.iter_mut().zip(x) {
        *o = ((part(digit.part, x) >> digit.shift) & mask) as u8;
    }
}

/// What a digit that is never negative is cut from.
#[inline(always)]
pub(super) fn part(part: DigitPart, x: i32) -> i32 {
    match part {
        DigitPart::Bits | DigitPart::Signed => x,
        DigitPart::Positive => x.max(0),
        DigitPart::Negative => (-x).max(0),
    }
}

fn cut_bits(level: Level, layout: &Layout, slices: &[Digit], vectors: Vectors<'_>, out: &mut [u64]) {
    let words = layout.padded / 64;
    let mut masks = [0u64; 64];
    for (vector, rows) in out.chunks_exact_mut(words * slices.len()).enumerate() {
        for (run, offset) in &layout.runs {
            for start in (run.start..run.end).step_by(64) {
                let n = (run.end - start).min(64);
                let at = vector * vectors.stride + start;
                for (slices, rows) in slices.chunks(64).zip(rows.chunks_mut(64 * words)) {
                    match vectors.values {
                        Values::Bytes(x) => byte_masks(level, &x[at..at + n], slices, &mut masks),
                        Values::Words(x) => word_masks(level, &x[at..at + n], slices, &mut masks),
                    }
                    let to = offset + start - run.start;
                    for (row, &mask) in rows.chunks_exact_mut(words).zip(&masks) {
                        row[to / 64] |= mask << (to % 64);
                        if to % 64 != 0 && mask >> (64 - to % 64) != 0 {
                            row[to / 64 + 1] |= mask >> (64 - to % 64);
                        }
                    }
                }
            }
        }
    }
}

/// For each slice the bits of up to 64 bytes.
fn byte_masks(level: Level, x: &[u8], slices: &[Digit], out: &mut [u64; 64]) {
    #[cfg(target_arch = "x86_64")]
    if level == Level::Avx512 {
        // SAFETY: `level` reports AVX-512 only where all the features of the function are there; at most 64
        // bytes and at most 64 slices, see the callers.
        unsafe { super::bits512::byte_masks(x, slices, out) };
        return;
    }
    for (slice, out) in slices.iter().zip(out) {
        let bit = byte_mask(*slice) & 1;
        *out = x.iter().enumerate().fold(0, |m, (i, &x)| m | u64::from((x >> (slice.shift & 7)) & bit) << i);
    }
}

by_level! {
    fn word_masks(x: &[i32], slices: &[Digit], out: &mut [u64; 64]) -> () = word_masks_body
}

#[inline(always)]
fn word_masks_body(x: &[i32], slices: &[Digit], out: &mut [u64; 64]) {
    for (slice, out) in slices.iter().zip(out) {
        *out = x
            .iter()
            .enumerate()
            .fold(0, |m, (i, &x)| m | u64::from((part(slice.part, x) >> slice.shift) as u32 & 1) << i);
    }
}
