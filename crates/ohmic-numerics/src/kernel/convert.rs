//! What stands before and after the products of a read: digits, conversions, digital gains.

use super::engine::{TotalOrder, Totals};
use super::stairs::Stairs;
use super::{level, scalar};
use crate::quantize::Uniform;
use std::sync::Arc;

/// The converter grids of the columns of a read, laid out for the kernels.
#[derive(Clone, Debug, Default)]
pub struct Grids {
    pub(super) inverse: Vec<f32>,
    pub(super) low: Vec<f32>,
    pub(super) high: Vec<f32>,
    /// The first and last values that round to a code.
    pub(super) floor: Vec<f32>,
    pub(super) ceiling: Vec<f32>,
    /// Converters that are not uniform: these decide, not the grids.
    pub(super) stairs: Option<Staircases>,
}

/// Staircases, and which of them each column's converter is.
#[derive(Clone, Debug)]
pub struct Staircases {
    tables: Arc<[Stairs]>,
    of: Vec<u32>,
}

impl Staircases {
    /// Of columns, padded by those of the last.
    ///
    /// # Panics
    /// Each column's is there.
    pub fn new(tables: Arc<[Stairs]>, mut of: Vec<u32>, padded: usize) -> Self {
        assert!(
            of.iter().all(|&i| (i as usize) < tables.len()) && of.len() <= padded,
            "a staircase a column"
        );
        of.resize(padded, of.last().copied().unwrap_or(0));
        Self { tables, of }
    }

    /// That of a column.
    pub fn at(&self, column: usize) -> &Stairs {
        &self.tables[self.of[column] as usize]
    }

    /// The largest magnitude of a value of any column.
    pub fn largest(&self) -> i64 {
        self.of.iter().map(|&i| self.tables[i as usize].largest()).max().unwrap_or(0)
    }
}

impl Grids {
    /// Number of columns, padding included.
    pub fn len(&self) -> usize {
        self.inverse.len()
    }

    /// The same columns with converters that are not uniform.
    ///
    /// # Panics
    /// A staircase for each column, padding included.
    #[must_use]
    pub fn with_stairs(self, stairs: Staircases) -> Self {
        assert_eq!(stairs.of.len(), self.len(), "a staircase a column");
        Self { stairs: Some(stairs), ..self }
    }

    /// Whether there is no column.
    pub fn is_empty(&self) -> bool {
        self.inverse.is_empty()
    }

    /// One grid a column; `padded` columns in all, the rest answer 0 to a sum of 0.
    ///
    /// # Panics
    /// At most `padded` grids.
    pub fn new(columns: impl IntoIterator<Item = Uniform>, padded: usize) -> Self {
        let mut grids = Self::default();
        for q in columns {
            grids.inverse.push(1.0 / q.step);
            grids.low.push(q.code_min as f32);
            grids.high.push(q.code_max as f32);
        }
        assert!(grids.inverse.len() <= padded, "{} grids for {padded} columns", grids.inverse.len());
        grids.inverse.resize(padded, 1.0);
        grids.low.resize(padded, 0.0);
        grids.high.resize(padded, 0.0);
        grids.floor = grids.low.iter().map(|&low| -last_that_rounds_to(-low)).collect();
        grids.ceiling = grids.high.iter().map(|&high| last_that_rounds_to(high)).collect();
        grids
    }
}

/// The largest number that rounds to a code: half a step above an even one, the last before that above an
/// odd one (ties go to even).
fn last_that_rounds_to(code: f32) -> f32 {
    let mut last = code + 0.5;
    while last.round_ties_even() > code {
        last = last.next_down();
    }
    last
}

/// What a digit is cut from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigitPart {
    /// The bits as they stand (two's complement if negative).
    Bits,
    /// The bits of `max(x, 0)`.
    Positive,
    /// The bits of `max(-x, 0)`.
    Negative,
    /// The bits of `|x|`, with the sign of `x`.
    Signed,
}

/// One digit of an integer: `bits` bits from bit `shift` up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digit {
    /// What it is cut from.
    pub part: DigitPart,
    /// Lowest bit.
    pub shift: u32,
    /// Number of bits, at most 15.
    pub bits: u32,
}

by_level! {
    fn digits_at(x: &[i32], slice: Digit, out: &mut [i16]) -> () = scalar::digits
}

/// The digits of many integers.
///
/// # Panics
/// `out.len() == x.len()`, `bits <= 15`, `shift < 32`.
pub fn digits(x: &[i32], slice: Digit, out: &mut [i16]) {
    assert!(
        out.len() == x.len() && slice.bits <= 15 && slice.shift < 32,
        "{slice:?} of {} integers",
        x.len()
    );
    digits_at(level(), x, slice, out);
}

/// Columns of folded codes and what they are worth.
#[derive(Clone, Copy, Debug)]
pub struct Weighed<'a> {
    /// First column.
    pub first: usize,
    /// What all codes of a column are multiplied with, a column each.
    pub worth: &'a [f64],
    /// What one code is worth.
    pub step: f64,
    /// `None`: one column an output. `Some`: each column serves all outputs, with these gains, `columns × outputs`.
    pub shared: Option<&'a [i64]>,
}

/// Accumulators of many outputs and vectors.
#[derive(Debug)]
pub struct Accumulators<'a> {
    /// Their values.
    pub y: &'a mut [f64],
    /// How they stand.
    pub order: Order,
    /// The first vector that is meant.
    pub first: usize,
}

/// How accumulators stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Output by output, this many vectors each.
    ByOutput(usize),
    /// Vector by vector, this many outputs each.
    ByVector(usize),
}

impl Accumulators<'_> {
    /// The accumulator of an output and a vector, counted from the first.
    #[inline(always)]
    pub fn at(&mut self, output: usize, vector: usize) -> &mut f64 {
        let vector = self.first + vector;
        match self.order {
            Order::ByOutput(vectors) => &mut self.y[output * vectors + vector],
            Order::ByVector(outputs) => &mut self.y[vector * outputs + output],
        }
    }
}

by_level! {
    fn weigh_rows_at(sums: &[i32], width: usize, part: Weighed<'_>, stride: usize, y: &mut [f64]) -> () = scalar::weigh_rows
}

by_level! {
    fn weigh_columns_at(sums: &[i32], width: usize, part: Weighed<'_>, stride: usize, y: &mut [f64]) -> () = scalar::weigh_columns
}

by_level! {
    fn share_rows_at(sums: &[i32], width: usize, gains: &[i64], step: f64, stride: usize, y: &mut [f64]) -> () = scalar::share_rows
}

by_level! {
    fn share_columns_at(sums: &[i32], width: usize, gains: &[i64], step: f64, stride: usize, y: &mut [f64]) -> () = scalar::share_columns
}

by_level! {
    fn weigh_one_at(sums: &[i32], worth: f64, step: f64, y: &mut [f64]) -> () = scalar::weigh_one
}

/// Adds `step · worth · code` of every column of `part` and vector of `totals` to the accumulators, from output
/// `output` on. Columns count from the first of `totals`.
///
/// # Panics
/// All of the columns are there, and all have accumulators.
pub fn weigh(totals: &Totals<'_>, part: Weighed<'_>, output: usize, to: &mut Accumulators<'_>) {
    match totals.order {
        TotalOrder::ByVector(width) => {
            weigh_vectors(&totals.values[..totals.vectors * width], width, part, output, to);
        }
        TotalOrder::ByColumn(apart) => {
            let vectors = totals.vectors;
            for (i, &worth) in part.worth.iter().enumerate() {
                let sums = &totals.values[(part.first + i) * apart..][..vectors];
                let one = Weighed {
                    first: 0,
                    worth: std::slice::from_ref(&worth),
                    shared: part.shared.map(|gains| {
                        let outputs = gains.len() / part.worth.len();
                        &gains[i * outputs..][..outputs]
                    }),
                    ..part
                };
                match (part.shared, to.order) {
                    (None, Order::ByOutput(all)) => {
                        let y = &mut to.y[(output + i) * all + to.first..][..vectors];
                        weigh_one_at(level(), sums, worth, part.step, y);
                    }
                    (None, _) => weigh_vectors(sums, 1, one, output + i, to),
                    (Some(_), _) => weigh_vectors(sums, 1, one, output, to),
                }
            }
        }
    }
}

fn weigh_vectors(sums: &[i32], width: usize, part: Weighed<'_>, output: usize, to: &mut Accumulators<'_>) {
    let rows = sums.len() / width;
    if let Some(gains) = part.shared {
        let outputs = gains.len() / part.worth.len();
        for (i, gains) in gains.chunks_exact(outputs).enumerate() {
            let sums = &sums[part.first + i..];
            match to.order {
                Order::ByVector(all) => {
                    assert!(output + outputs <= all, "an accumulator a gain");
                    let y = &mut to.y[to.first * all + output..];
                    share_rows_at(level(), sums, width, gains, part.step, all, y);
                }
                Order::ByOutput(vectors) => {
                    let y = &mut to.y[output * vectors + to.first..];
                    share_columns_at(level(), sums, width, gains, part.step, vectors, y);
                }
            }
        }
        return;
    }
    match to.order {
        Order::ByVector(outputs) => {
            assert!(output + part.worth.len() <= outputs, "an accumulator a column");
            let y = &mut to.y[to.first * outputs + output..];
            weigh_rows_at(level(), sums, width, part, outputs, y);
        }
        Order::ByOutput(vectors) => {
            assert!(to.first + rows <= vectors, "an accumulator a row of sums");
            if part.worth.is_empty() || rows == 0 {
                return;
            }
            let y = &mut to.y[output * vectors + to.first..];
            #[cfg(target_arch = "x86_64")]
            if level() == super::Level::Avx512 {
                assert!(
                    part.first <= width && part.worth.len() <= width - part.first && width < 1 << 27,
                    "a part within its row"
                );
                assert!((part.worth.len() - 1) * vectors + rows <= y.len(), "an accumulator each");
                // SAFETY: `level` reports AVX-512 only where all the features of the function are there; the
                // asserts give every address it forms.
                unsafe { super::avx512::weigh_columns(sums, width, part, vectors, y) };
                return;
            }
            weigh_columns_at(level(), sums, width, part, vectors, y);
        }
    }
}

by_level! {
    fn bytes_at(x: &[f32], inverse: f32, most: f32, out: &mut [u8]) -> () = scalar::quantize_bytes
}

/// The nearest codes, ties to even, from 0 to `most` (at most 255): `clamp(x · inverse)` rounded.
///
/// # Panics
/// `x.len() == out.len()`.
pub fn quantize_bytes(x: &[f32], inverse: f32, most: f32, out: &mut [u8]) {
    assert_eq!(x.len(), out.len(), "one code a value");
    bytes_at(level(), x, inverse, most, out);
}

by_level! {
    fn values_at(y: &[f64], bias: f64, step: f64, out: &mut [f32]) -> () = scalar::values
}

/// `(y + bias) · step`, rounded to f32.
///
/// # Panics
/// `y.len() == out.len()`.
pub fn values(y: &[f64], bias: f64, step: f64, out: &mut [f32]) {
    assert_eq!(y.len(), out.len(), "one value an accumulator");
    values_at(level(), y, bias, step, out);
}

by_level! {
    fn row_values_at(y: &[f64], bias: &[f64], step: &[f64], out: &mut [f32]) -> () = scalar::row_values
}

/// The same with a bias and a step each.
///
/// # Panics
/// All have one length.
pub fn row_values(y: &[f64], bias: &[f64], step: &[f64], out: &mut [f32]) {
    assert!(y.len() == out.len() && bias.len() == y.len() && step.len() == y.len(), "one of each");
    row_values_at(level(), y, bias, step, out);
}

by_level! {
    fn turned_values_at(y: &[f64], vectors: usize, bias: &[f64], step: &[f64], out: &mut [f32], stride: usize) -> () = scalar::turned_values
}

/// The same from accumulators output by output, `vectors` each, to values vector by vector, `stride` apart.
///
/// # Panics
/// One bias and step an output; `out` holds a value for each.
pub fn turned_values(y: &[f64], vectors: usize, bias: &[f64], step: &[f64], out: &mut [f32], stride: usize) {
    let outputs = bias.len();
    assert!(step.len() == outputs && outputs.checked_mul(vectors) == Some(y.len()), "one of each");
    if y.is_empty() {
        return;
    }
    let room = (vectors - 1).checked_mul(stride).and_then(|at| at.checked_add(outputs));
    assert!(stride >= outputs && room.is_some_and(|room| room <= out.len()), "a value an accumulator");
    #[cfg(target_arch = "x86_64")]
    if level() == super::Level::Avx512 {
        // SAFETY: `level` reports AVX-512 only where all the features of the function are there; the asserts
        // give every address it forms.
        unsafe { super::avx512::turned_values(y, vectors, bias, step, out, stride) };
        return;
    }
    turned_values_at(level(), y, vectors, bias, step, out, stride);
}

by_level! {
    fn bytes_squared_at(x: &[u8], sums: &mut [u64]) -> () = scalar::add_squares
}

/// Adds the squares of bytes, entry by entry.
///
/// # Panics
/// `x.len() == sums.len()`.
pub fn add_squares(x: &[u8], sums: &mut [u64]) {
    assert_eq!(x.len(), sums.len(), "one sum a byte");
    bytes_squared_at(level(), x, sums);
}

by_level! {
    fn bits_counted_at(x: &[u8], sums: &mut [u64]) -> () = scalar::add_bits
}

/// Adds the numbers of bits of bytes, entry by entry.
///
/// # Panics
/// `x.len() == sums.len()`.
pub fn add_bits(x: &[u8], sums: &mut [u64]) {
    assert_eq!(x.len(), sums.len(), "one sum a byte");
    bits_counted_at(level(), x, sums);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Level;

    #[test]
    fn digits_by_hand() {
        // 13 = 1101b, -6 = ...1010b in two's complement, |-6| = 110b
        let x = [13, -6, 0];
        for level in Level::available() {
            for (part, shift, bits, want) in [
                (DigitPart::Bits, 2, 2, [3, 2, 0]),
                (DigitPart::Positive, 0, 2, [1, 0, 0]),
                (DigitPart::Negative, 1, 2, [0, 3, 0]),
                (DigitPart::Signed, 1, 15, [6, -3, 0]),
            ] {
                let mut out = [9; 3];
                digits_at(level, &x, Digit { part, shift, bits }, &mut out);
                assert_eq!(out, want, "{part:?}");
            }
        }
    }

    /// Five outputs of 37 vectors, in rows of seven, against one value after the other.
    #[test]
    fn values_are_turned() {
        for (outputs, vectors, stride) in [(5, 37, 7), (16, 16, 16), (33, 20, 40), (1, 1, 1)] {
            let y: Vec<f64> =
                (0..outputs * vectors).map(|i| f64::from(i as u32 * 7919 % 1000) - 500.0).collect();
            let bias: Vec<f64> = (0..outputs).map(|i| i as f64 / 3.0).collect();
            let step: Vec<f64> = (0..outputs).map(|i| 0.1 + i as f64 / 7.0).collect();
            let mut got = vec![9.0; vectors * stride];
            turned_values(&y, vectors, &bias, &step, &mut got, stride);
            for v in 0..vectors {
                for o in 0..stride {
                    let want =
                        if o < outputs { ((y[o * vectors + v] + bias[o]) * step[o]) as f32 } else { 9.0 };
                    assert_eq!(got[v * stride + o], want, "vector {v}, output {o}");
                }
            }
        }
    }

    /// Totals of three vectors and two columns, worth 1 and 4 at half a level a code, in both orders.
    #[test]
    fn totals_are_weighed_in_both_orders() {
        let sums = [1, 2, 0, 3, -4, 0, 5, 6, 0];
        let part = Weighed { first: 0, worth: &[1.0, 4.0], step: 0.5, shared: None };
        for level in Level::available() {
            let (mut rows, mut columns) = (vec![1.0; 6], vec![1.0; 6]);
            weigh_rows_at(level, &sums, 3, part, 2, &mut rows);
            weigh_columns_at(level, &sums, 3, part, 3, &mut columns);
            assert_eq!(rows, [1.5, 5.0, 2.5, -7.0, 3.5, 13.0]);
            assert_eq!(columns, [1.5, 2.5, 3.5, 5.0, -7.0, 13.0]);
        }
        // one column that serves two outputs with gains of 2 and -1, vectors 1 to 3 of four
        for order in [Order::ByVector(2), Order::ByOutput(4)] {
            let mut y = vec![0.0; 8];
            let part = Weighed { first: 1, worth: &[1.0], step: 0.5, shared: Some(&[2, -1]) };
            let mut to = Accumulators { y: &mut y, order, first: 1 };
            let totals = Totals { columns: 0..3, vectors: 3, values: &sums, order: TotalOrder::ByVector(3) };
            weigh(&totals, part, 0, &mut to);
            // the same totals column by column
            let turned: Vec<i32> = (0..9).map(|i| sums[i % 3 * 3 + i / 3]).collect();
            let mut again = vec![0.0; 8];
            let mut to_again = Accumulators { y: &mut again, order, first: 1 };
            let totals =
                Totals { columns: 0..3, vectors: 3, values: &turned, order: TotalOrder::ByColumn(3) };
            weigh(&totals, part, 0, &mut to_again);
            assert_eq!(again, to.y);
            to.first = 0;
            let got: Vec<f64> =
                (0..2).flat_map(|c| (0..4).map(move |v| (c, v))).map(|(c, v)| *to.at(c, v)).collect();
            assert_eq!(got, [0.0, 2.0, -4.0, 6.0, 0.0, -1.0, 2.0, -3.0]);
        }
        // more rows than a register holds, the fast form against the plain one
        let sums: Vec<i32> = (0..37 * 20).map(|i| i * 7919 % 1000 - 500).collect();
        let worth: Vec<f64> = (0..17).map(|i| f64::from(1 << (i % 5))).collect();
        let part = Weighed { first: 2, worth: &worth, step: 0.3, shared: None };
        let (mut want, mut got) = (vec![0.1; 17 * 40], vec![0.1; 17 * 40]);
        weigh_columns_at(Level::Scalar, &sums, 20, part, 40, &mut want[3..]);
        let totals = Totals { columns: 0..20, vectors: 37, values: &sums, order: TotalOrder::ByVector(20) };
        let order = Order::ByOutput(40);
        weigh(&totals, part, 0, &mut Accumulators { y: &mut got, order, first: 3 });
        assert_eq!(got, want);
        let turned: Vec<i32> = (0..37 * 20).map(|i| sums[i % 37 * 20 + i / 37]).collect();
        let totals = Totals { columns: 0..20, vectors: 37, values: &turned, order: TotalOrder::ByColumn(37) };
        let mut got = vec![0.1; 17 * 40];
        weigh(&totals, part, 0, &mut Accumulators { y: &mut got, order, first: 3 });
        assert_eq!(got, want);
        // vector by vector
        let (mut want, mut got) = (vec![0.1; 17 * 40], vec![0.1; 17 * 40]);
        weigh_rows_at(Level::Scalar, &sums, 20, part, 17, &mut want[51..]);
        weigh(&totals, part, 0, &mut Accumulators { y: &mut got, order: Order::ByVector(17), first: 3 });
        assert_eq!(got, want);
    }
}
