//! What the lines of an array are, and how an array falls apart where a resistance is zero.

use super::plan::{BitLines, WordLines};
use std::ops::Range;

/// Resistances of the lines of an array. Zero is exact: the two ends are one node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lines {
    /// Between neighbouring cells along a word line, in ohm.
    pub row_segment_ohm: f64,
    /// Between neighbouring cells along a bit line, in ohm.
    pub column_segment_ohm: f64,
    /// From the source of a word line to its first cell, in ohm.
    pub driver_ohm: f64,
    /// From a second source with the same voltage to its last cell, in ohm; `None`: that end is open.
    pub far_driver_ohm: Option<f64>,
    /// From the last cell of a bit line to virtual ground, in ohm.
    pub sense_ohm: f64,
    /// At which end of the bit lines that is.
    pub sensed_at: SenseEnd,
}

/// The end of the bit lines at which current is sensed; the other end is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SenseEnd {
    /// Beyond the last row.
    Bottom,
    /// Before the first row.
    Top,
}

/// What the word lines do that are not driven in a read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undriven {
    /// Their drivers hold them at 0 V: one matrix serves every choice of driven rows.
    Grounded,
    /// Their drivers are off. The runs of rows that are driven together cover all rows, in order; each row of
    /// the matrix holds while its run is driven.
    Floating(Vec<Range<usize>>),
}

/// Why there is no matrix.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A resistance that lines cannot have.
    #[error("{what} of {ohm} ohm; expected 0, or from 1e-9 to 1e12 ohm")]
    Resistance {
        /// Which one.
        what: &'static str,
        /// Its value in ohm.
        ohm: f64,
    },
    /// A conductance that a cell cannot have.
    #[error("cell ({row}, {column}) has {siemens} S; expected 0 to 1e6 S")]
    Conductance {
        /// Row of the cell.
        row: usize,
        /// Column of the cell.
        column: usize,
        /// Its value in siemens.
        siemens: f64,
    },
    /// A matrix of another size than the solver is made for.
    #[error("{rows} x {columns} cells for a solver of {wanted_rows} x {wanted_columns}")]
    Shape {
        /// Rows given.
        rows: usize,
        /// Columns given.
        columns: usize,
        /// Rows expected.
        wanted_rows: usize,
        /// Columns expected.
        wanted_columns: usize,
    },
    /// Runs of rows that do not cover an array of so many rows in order.
    #[error("runs of driven rows have to cover 0..{rows} in order without gaps; found {found:?}")]
    Runs {
        /// Rows of the array.
        rows: usize,
        /// What was given.
        found: Vec<Range<usize>>,
    },
    /// A larger array than nodes can be numbered for.
    #[error("{rows} x {columns} cells are too many; at most 16384 lines each way and 2^26 cells")]
    TooLarge {
        /// Rows of the array.
        rows: usize,
        /// Columns of the array.
        columns: usize,
    },
    /// Another number of drives than rows.
    #[error("{found} drives for {rows} rows")]
    Drives {
        /// Rows of the array.
        rows: usize,
        /// Drives given.
        found: usize,
    },
    /// A voltage that a row cannot be driven with.
    #[error("row {row} is driven with {volt} V; expected -1e6 to 1e6 V")]
    Drive {
        /// The row.
        row: usize,
        /// Its voltage.
        volt: f64,
    },
    /// A law of cells that is none.
    #[error(
        "cell ({row}, {column}) of {siemens:e} S draws {ampere:e} A with a slope of {slope:e} S at {volt:e} V; expected a \
         finite current that does not fall with the voltage"
    )]
    Law {
        /// Row of the cell.
        row: usize,
        /// Column of the cell.
        column: usize,
        /// Voltage across it.
        volt: f64,
        /// Its conductance in siemens.
        siemens: f64,
        /// What the law says: ampere.
        ampere: f64,
        /// What the law says: siemens.
        slope: f64,
    },
    /// Newton's method has not found an operating point.
    #[error(
        "no operating point after {steps} Newton steps: currents at a node balance to {residual:e} of the largest current, \
         {allowed:e} was allowed; allow more, or more steps"
    )]
    NotConverged {
        /// Steps taken.
        steps: usize,
        /// What is left, relative to the largest current in a conductor.
        residual: f64,
        /// What was allowed.
        allowed: f64,
    },
    /// The approximation cannot promise what was asked.
    #[error(
        "the approximate method is certain to {bound:.3e} of a column's current only, {allowed:.3e} was allowed; use \
         the exact method, or allow more"
    )]
    Bound {
        /// What it can promise, relative to the current of the column with every row driven.
        bound: f64,
        /// What was allowed.
        allowed: f64,
    },
}

impl Lines {
    /// Lines that do nothing: every resistance is zero.
    pub const IDEAL: Self = Self {
        row_segment_ohm: 0.0,
        column_segment_ohm: 0.0,
        driver_ohm: 0.0,
        far_driver_ohm: None,
        sense_ohm: 0.0,
        sensed_at: SenseEnd::Bottom,
    };

    /// Whether cells see their sources and virtual ground directly.
    pub fn are_ideal(&self) -> bool {
        let all = [self.row_segment_ohm, self.column_segment_ohm, self.driver_ohm, self.sense_ohm];
        all.iter().all(|&r| r <= 0.0)
    }

    /// Whether every resistance is one that lines can have.
    ///
    /// # Errors
    /// The first one that is not, by name.
    pub fn check(&self) -> Result<(), Error> {
        let named = [
            ("a word-line segment", self.row_segment_ohm),
            ("a bit-line segment", self.column_segment_ohm),
            ("a driver", self.driver_ohm),
            ("a second driver", self.far_driver_ohm.unwrap_or(0.0)),
            ("a sense input", self.sense_ohm),
        ];
        for (what, ohm) in named {
            let fits = ohm == 0.0 || (1e-9..=1e12).contains(&ohm);
            if !fits {
                return Err(Error::Resistance { what, ohm });
            }
        }
        Ok(())
    }
}

/// On which side the first source of some cells is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// Cells that only share fixed nodes with the others, rows counted from the far end of the bit lines.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    pub(super) rows: Range<usize>,
    pub(super) cols: Range<usize>,
    pub(super) words: WordLines,
    pub(super) bits: BitLines,
    pub(super) side: Side,
    /// Conductances in siemens as in `solve::Values`.
    pub(super) word_first: f64,
    pub(super) word_end: f64,
    pub(super) bit_last: f64,
    pub(super) bit_end: f64,
}

/// Takes an array apart where a driver or a sense input without resistance fixes a node of a line: what lies
/// beyond sees that node as its own terminal.
pub(super) fn parts(rows: usize, cols: usize, lines: &Lines) -> Vec<Part> {
    let inverse = |ohm: f64| if ohm > 0.0 { 1.0 / ohm } else { 0.0 };
    // columns, kind, conductance of the first edge and of the one at the end, side
    let mut across: Vec<(Range<usize>, WordLines, f64, f64, Side)> = Vec::new();
    let (near, far, segment) = (lines.driver_ohm, lines.far_driver_ohm, lines.row_segment_ohm);
    if segment == 0.0 {
        let fixed = near == 0.0 || far == Some(0.0);
        let kind = if fixed { WordLines::Fixed } else { WordLines::Merged };
        across.push((0..cols, kind, 0.0, inverse(near) + far.map_or(0.0, inverse), Side::Left));
    } else {
        let (mut left, mut right) = (0, cols);
        let (mut first, mut end) = (near, far);
        if near == 0.0 {
            across.push((0..1, WordLines::Fixed, 0.0, 0.0, Side::Left));
            (left, first) = (1, segment);
        }
        if far == Some(0.0) && right > left {
            let side = if cols > 1 { Side::Right } else { Side::Left };
            across.push((right - 1..right, WordLines::Fixed, 0.0, 0.0, side));
            (right, end) = (right - 1, Some(segment));
        }
        if left < right {
            let kind = if end.is_some() { WordLines::SeriesBoth } else { WordLines::Series };
            across.push((left..right, kind, inverse(first), end.map_or(0.0, inverse), Side::Left));
        }
    }
    let mut down: Vec<(Range<usize>, BitLines, f64, f64)> = Vec::new();
    let (sense, segment) = (lines.sense_ohm, lines.column_segment_ohm);
    if segment == 0.0 {
        let kind = if sense == 0.0 { BitLines::Fixed } else { BitLines::Merged };
        down.push((0..rows, kind, 0.0, inverse(sense)));
    } else {
        let (mut bottom, mut last) = (rows, sense);
        if sense == 0.0 {
            down.push((rows - 1..rows, BitLines::Fixed, 0.0, 0.0));
            (bottom, last) = (rows - 1, segment);
        }
        if bottom > 0 {
            down.push((0..bottom, BitLines::Series, inverse(last), 0.0));
        }
    }
    let mut parts = Vec::with_capacity(across.len() * down.len());
    for (rows, bits, bit_last, bit_end) in down {
        for (cols, words, word_first, word_end, side) in across.clone() {
            let (rows, cols) = (rows.clone(), cols);
            parts.push(Part { rows, cols, words, bits, side, word_first, word_end, bit_last, bit_end });
        }
    }
    parts
}
