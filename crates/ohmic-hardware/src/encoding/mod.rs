//! Weight encodings: signed integers as non-negative levels of cells.
//!
//! An encoding answers with planes of levels, readouts and gains; execution evaluates
//! `y = sum_readout sum_fragment gain * ADC(sum_i x_i * (sum of signed planes)_i) + input_sum_scale * sum_i x_i`
//! and never learns which encoding it was.
//!
//! To add one: 1. write `encoding/<name>.rs` with a `KIND` (copy `polarized.rs`); 2. add
//! `mod <name>;` below; 3. add `<name>::KIND` to [`KINDS`]. `exact.rs` then tests it.

mod bipolar;
mod differential;
mod offset;
mod offset_column;
mod polarized;
mod ternary;
mod twos_complement;

use crate::digits::{Flip, InputSum};
use ohmic_config::{Error, KeyDoc, Kind, Section};
use ohmic_numerics::{Mat, MatRef};
use std::fmt::Debug;
use std::ops::RangeInclusive;

/// Every weight encoding there is.
pub const KINDS: &[Kind<dyn WeightEncoding>] = &[
    differential::KIND,
    offset::KIND,
    offset_column::KIND,
    polarized::KIND,
    twos_complement::KIND,
    ternary::KIND,
    bipolar::KIND,
];

pub(crate) const CELL_BITS: KeyDoc =
    KeyDoc::integer("cell_bits", 1, 16, "bits that one cell holds: 2^cell_bits levels");
pub(crate) const INPUT_SUM: KeyDoc = KeyDoc::choice(
    "input_sum",
    &[
        ("unit_column", "a column of cells of level 1 on every crossbar, converted like the others"),
        ("digital", "an exact digital adder"),
    ],
    "who adds up the inputs of a read",
)
.source("unit_column: ISAAC, ISCA 2016");
pub(crate) const FLIPPED_COLUMNS: KeyDoc = KeyDoc::choice(
    "flipped_columns",
    &[
        ("never", "levels are stored as they are"),
        ("when_large", "a column whose levels sum to more than half of the largest sum stores max - level"),
    ],
    "columns that store max - level, which saves one bit of the converter",
)
.optional("never")
.source("flipped encoding of ISAAC, ISCA 2016");

/// The choice of [`INPUT_SUM`].
pub(crate) fn read_input_sum(s: &Section<'_>) -> Result<InputSum, Error> {
    Ok(if s.choice(&INPUT_SUM)? == "unit_column" { InputSum::UnitColumn } else { InputSum::Digital })
}

/// The choice of [`FLIPPED_COLUMNS`]; a flipped column needs the sum of the inputs of its own read.
pub(crate) fn read_flip(s: &Section<'_>, input_sum: InputSum) -> Result<Flip, Error> {
    match s.choice_if(&FLIPPED_COLUMNS)? {
        Some("when_large") if input_sum == InputSum::Digital => Err(s.invalid(
            FLIPPED_COLUMNS.key,
            "flipped columns need the unit column".to_owned(),
            vec![(s.place_of(INPUT_SUM.key).clone(), "no unit column".to_owned())],
            Some(
                "a flip is decided for each fragment, whose own input sum the unit column measures: \
                  input_sum = \"unit_column\""
                    .to_owned(),
            ),
        )),
        Some("when_large") => Ok(Flip::WhenLarge),
        _ => Ok(Flip::Never),
    }
}

/// Whether a plane is added or subtracted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// Added.
    Plus,
    /// Subtracted.
    Minus,
}

impl Sign {
    /// `1` or `-1`.
    pub fn value(self) -> i64 {
        match self {
            Self::Plus => 1,
            Self::Minus => -1,
        }
    }
}

/// The digital factor of a code.
#[derive(Clone, Debug, PartialEq)]
pub enum Gain {
    /// The same for every fragment and output.
    All(i64),
    /// One for each output.
    PerColumn(Vec<i64>),
    /// One for each fragment (row of the matrix) and output (column).
    PerFragment(Mat<i64>),
}

impl Gain {
    /// The factor for a fragment and an output.
    pub fn at(&self, fragment: usize, output: usize) -> i64 {
        match self {
            Self::All(g) => *g,
            Self::PerColumn(g) => g[output],
            Self::PerFragment(g) => g[(fragment, output)],
        }
    }
}

/// One conversion per read and column: the code of the signed sum of some planes, times a gain.
///
/// A readout whose planes are all shared (`k x 1`) is converted once per read, and its code applies
/// to every output.
#[derive(Clone, Debug, PartialEq)]
pub struct Readout {
    /// Planes that are summed before the conversion.
    pub terms: Vec<(usize, Sign)>,
    /// Digital gain of the code.
    pub gain: Gain,
    /// Lower bound of the mean signed level over the rows of one read: a read of `m` rows with
    /// inputs in `0..=x` gives a sum in `m * x * [min(low, 0), max(high, 0)]`.
    pub level_low: f64,
    /// Upper bound of the mean signed level over the rows of one read.
    pub level_high: f64,
}

/// A block of weights as a crossbar holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoded {
    /// Levels: `k x n`, or `k x 1` for a column shared by all outputs (unit, reference).
    pub planes: Vec<Mat<u16>>,
    /// What is converted.
    pub readouts: Vec<Readout>,
    /// `y[c] += input_sum_scale[c] * sum_i x_i` by an exact digital adder; `n` entries, all 0 if
    /// there is no such adder.
    pub input_sum_scale: Vec<i64>,
}

/// Why a block of weights cannot be encoded.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The encoding has no cells for this weight.
    #[error("weight {weight} at row {row}, column {column} (fragment {fragment}): {problem}")]
    Weight {
        /// The weight.
        weight: i32,
        /// Row (input) within the block.
        row: usize,
        /// Column (output) within the block.
        column: usize,
        /// Fragment within the block: `row / rows_per_read`.
        fragment: usize,
        /// Why, and the way out.
        problem: String,
    },
    /// The encoding does not have weights of that many bits.
    #[error("weights of {weight_bits} bits, but `{encoding}` holds weights of {low} to {high} bits")]
    WeightBits {
        /// Bits asked for, sign included.
        weight_bits: u32,
        /// Name of the encoding.
        encoding: &'static str,
        /// Fewest bits.
        low: u32,
        /// Most bits.
        high: u32,
    },
}

/// How signed integer weights become levels of cells.
pub trait WeightEncoding: Debug + Send + Sync {
    /// Bits that one cell holds: levels `0 ..= 2^cell_bits - 1`.
    fn cell_bits(&self) -> u32;

    /// Widths of weights (sign included) that this encoding can hold.
    fn weight_bits(&self) -> RangeInclusive<u32> {
        2..=16
    }

    /// Refuses widths outside [`WeightEncoding::weight_bits`].
    ///
    /// # Errors
    /// [`EncodeError::WeightBits`].
    fn check_weight_bits(&self, encoding: &'static str, weight_bits: u32) -> Result<(), EncodeError> {
        let (low, high) = self.weight_bits().into_inner();
        if (low..=high).contains(&weight_bits) {
            Ok(())
        } else {
            Err(EncodeError::WeightBits { weight_bits, encoding, low, high })
        }
    }

    /// Physical columns that one output takes.
    fn columns_per_output(&self, weight_bits: u32) -> usize;

    /// Physical columns that all outputs of a crossbar share.
    fn shared_columns(&self, weight_bits: u32) -> usize {
        let _ = weight_bits;
        0
    }

    /// One block of weights (`k x n`) as levels; `rows_per_read` rows are summed in one read.
    ///
    /// # Errors
    /// A weight that this encoding cannot represent, by row, column and fragment.
    fn encode(
        &self,
        weights: MatRef<'_, i32>,
        weight_bits: u32,
        rows_per_read: usize,
    ) -> Result<Encoded, EncodeError>;
}
