//! One layer as the arithmetic sees it: digits in, packed integers, conversions, accumulators out.
//!
//! The analog sum of a read is an integer: effective levels are held in units of `2^-fraction_bits`
//! of a level (16 bits each, the error below 2^-12 of the largest, far below any device), digits are
//! integers, so the order of additions, threads, batches and SIMD width cannot change a bit
//! (`docs/physics`, fixed-point analog sums).

use crate::nonlinear::Spread;
use crate::stairs::{Climb, LayerStairs};
use ohmic_hardware::dac::{InputSlice, Part, Skipping};
use ohmic_numerics::kernel::engine::{Block, Engine, Layout, Slice, Variance};
use ohmic_numerics::kernel::{Digit, DigitPart, PackedI16};
use ohmic_numerics::{Mat, Uniform};
use std::ops::Range;
use std::sync::Arc;

/// One conversion a read and column: where its sums stand and what its codes are worth.
#[derive(Clone, Debug)]
pub(crate) struct ReadoutProgram {
    /// Columns among the block's sums: as many as outputs; or one that all outputs share; or one a
    /// fragment that all outputs share, if each fragment's code has gains of its own.
    pub(crate) columns: Range<usize>,
    /// Output of the block that the first column is of, unless all share it.
    pub(crate) first_output: usize,
    /// Index within the encoding, of which this may be a part: columns of one set of converters.
    pub(crate) readout: usize,
    /// Which of the layer's sets of converters that share a range.
    pub(crate) set: usize,
    /// Which of the layer's ranges its converter uses.
    pub(crate) range: usize,
    /// `Some`: a code serves all outputs, each with its own digital gain; one row a column.
    pub(crate) shared_gain: Option<Mat<i64>>,
}

/// What the sums of a block are made of.
#[derive(Clone, Debug)]
pub(crate) enum Cells {
    /// Packed for an engine, converters and gains included.
    Engine(Box<Block>),
    /// 16 bits, one matrix a fragment, nothing behind them.
    Sums(Vec<PackedI16>),
    /// Sums by an engine, conversions by staircases.
    Climb(Box<Climb>),
    /// The plain form: where 16-bit cells, 32-bit sums or 15-bit digits do not suffice, and for tests.
    Wide {
        /// Rows × columns, in units of `2^-fraction_bits` of a level.
        cells: Mat<i32>,
        /// Fragments × columns, see [`BlockProgram::worth`].
        gains: Mat<i32>,
        /// Variance of one read at unit digits, in levels², rows × columns; empty without read noise.
        variance: Mat<f64>,
    },
}

/// One block, ready to be read.
#[derive(Clone, Debug)]
pub(crate) struct BlockProgram {
    /// Block index within the layer: part of the address of its noise.
    pub(crate) block: u32,
    /// Which of the layer's independent matrices.
    pub(crate) group: usize,
    /// First row of that matrix, and how many.
    pub(crate) first_row: usize,
    pub(crate) rows: usize,
    /// Outputs of that matrix.
    pub(crate) outputs: Range<usize>,
    /// Fragments of the layer that lie in the block's rows.
    pub(crate) fragments: Range<usize>,
    /// What the sums are made of: rows × all readout columns.
    pub(crate) cells: Cells,
    /// The conversions of one read.
    pub(crate) readouts: Vec<ReadoutProgram>,
    /// Digital gain that all codes of a column have in common.
    pub(crate) worth: Vec<i32>,
    /// Standard deviation of converter noise of every column, in levels; columns rounded up to panels.
    pub(crate) sigma: Vec<f32>,
    /// Variance of its cells in integers, if reads are noisy and digits have at most 8 bits.
    pub(crate) variance: Option<Variance>,
    /// Staircase of every column, if its converters are not uniform.
    pub(crate) stairs: Vec<u32>,
    /// `y[c] += input_sum_scale[c] · sum x`; empty if unused.
    pub(crate) input_sum_scale: Vec<i64>,
    /// The largest magnitude that its totals can have.
    pub(crate) largest_total: i64,
}

impl BlockProgram {
    /// Readout columns: conversions of one read.
    pub(crate) fn columns(&self) -> usize {
        self.readouts.last().map_or(0, |r| r.columns.end)
    }

    /// Columns of a row of sums.
    pub(crate) fn padded_columns(&self) -> usize {
        self.columns().next_multiple_of(Block::PANEL)
    }
}

/// Blocks of the same outputs whose codes have the same worth, as long as the sums of their totals fit 32 bits.
pub(crate) fn stacks(blocks: &[BlockProgram]) -> Vec<Vec<usize>> {
    let mut stacks: Vec<(i64, Vec<usize>)> = Vec::new();
    for (i, block) in blocks.iter().enumerate() {
        let fits = |(total, stack): &&mut (i64, Vec<usize>)| {
            let other: &BlockProgram = &blocks[stack[0]];
            let same = |(a, b): (&ReadoutProgram, &ReadoutProgram)| {
                a.columns == b.columns && a.range == b.range && a.shared_gain == b.shared_gain
            };
            other.group == block.group
                && other.outputs == block.outputs
                && other.worth == block.worth
                && other.readouts.len() == block.readouts.len()
                && other.readouts.iter().zip(&block.readouts).all(same)
                && total.saturating_add(block.largest_total) <= i64::from(i32::MAX)
        };
        match stacks.iter_mut().find(fits) {
            Some((total, stack)) => {
                *total += block.largest_total;
                stack.push(i);
            }
            None => stacks.push((block.largest_total, vec![i])),
        }
    }
    stacks.into_iter().map(|(_, stack)| stack).collect()
}

/// A converter's grid, or none: the exact sum is passed on.
pub(crate) type Grid = Option<Uniform>;

/// One layer, ready to be read.
#[derive(Clone, Debug)]
pub(crate) struct LayerProgram {
    /// Steps that an input is driven in.
    pub(crate) slices: Vec<InputSlice>,
    /// The same for the kernels.
    pub(crate) digits: Vec<Digit>,
    /// Runs of rows summed in one read, and where an engine finds their digits.
    pub(crate) layout: Layout,
    /// Which slices of a fragment the machine issues.
    pub(crate) skipping: Skipping,
    /// The pieces.
    pub(crate) blocks: Vec<BlockProgram>,
    /// The same in stacks: blocks above each other, whose totals are added as integers.
    pub(crate) stacks: Vec<Vec<usize>>,
    /// Converter grids that readouts refer to; all `None` or all `Some`.
    pub(crate) ranges: Vec<Grid>,
    /// Unit of the sums: `2^-fraction_bits` of a level step.
    pub(crate) fraction_bits: i32,
    /// Input-referred converter noise, in steps of its grid.
    pub(crate) sigma_lsb: f32,
    /// How inputs are spread before they are read, if cells are not linear and digits have several bits.
    pub(crate) spread: Option<Arc<Spread>>,
    /// Converters that are not uniform.
    pub(crate) stairs: Option<LayerStairs>,
}

/// An input slice as the kernels take it.
pub(crate) fn kernel_slice(slice: &InputSlice) -> Slice {
    let part = match slice.part {
        Part::Bits => DigitPart::Bits,
        Part::Positive => DigitPart::Positive,
        Part::Negative => DigitPart::Negative,
        Part::Signed => DigitPart::Signed,
    };
    Slice { digit: Digit { part, shift: slice.shift, bits: slice.bits }, gain: slice.gain }
}

impl LayerProgram {
    /// A program of no block.
    pub(crate) fn empty() -> Self {
        Self {
            slices: Vec::new(),
            digits: Vec::new(),
            layout: Layout::new(Engine::Plain, &[]),
            skipping: Skipping::None,
            blocks: Vec::new(),
            stacks: Vec::new(),
            ranges: Vec::new(),
            fraction_bits: 0,
            sigma_lsb: 0.0,
            spread: None,
            stairs: None,
        }
    }

    /// What a digit drives.
    pub(crate) fn driven(&self, digit: i32) -> i32 {
        let driven = self.stairs.as_ref().and_then(|s| s.driven.as_ref());
        driven.map_or(digit, |d| d.of(digit))
    }

    /// The blocks of a stack.
    pub(crate) fn stacked<'a>(&'a self, stack: &'a [usize]) -> impl Iterator<Item = &'a BlockProgram> {
        stack.iter().map(|&i| &self.blocks[i])
    }

    /// Levels per unit of the sums.
    pub(crate) fn scale(&self) -> f32 {
        libm::exp2(-f64::from(self.fraction_bits)) as f32
    }

    /// What one code of a range is worth, in levels.
    pub(crate) fn step(&self, range: usize) -> f64 {
        let behind = self.stairs.as_ref().map_or(0, |s| s.fraction_bits);
        let whole = |q: Uniform| f64::from(q.step) * libm::exp2(-f64::from(behind));
        self.ranges[range].map_or(libm::exp2(-f64::from(self.fraction_bits)), whole)
    }

    /// Whether the machine issues the read of a slice of a fragment with these inputs.
    pub(crate) fn is_issued(&self, slice: &InputSlice, occupied: Occupied) -> bool {
        match self.skipping {
            Skipping::None => true,
            Skipping::LeadingZeros => occupied.reaches(slice),
        }
    }

    /// Whether a read has to be computed: it gives code 0 if its digits are zero and its converter uniform
    /// and quiet.
    pub(crate) fn is_computed(&self, slice: &InputSlice, occupied: Occupied) -> bool {
        let always = self.sigma_lsb > 0.0 || self.stairs.is_some();
        occupied.drives(slice) || (always && self.is_issued(slice, occupied))
    }
}

/// The bits that occur in a set of inputs, by the parts that input slices look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Occupied {
    bits: u32,
    positive: u32,
    negative: u32,
}

impl Occupied {
    /// Of all the inputs.
    pub(crate) fn of(x: &[i32]) -> Self {
        let mut all = Self::default();
        for &x in x {
            all.bits |= x as u32;
            all.positive |= x.max(0) as u32;
            all.negative |= x.wrapping_neg().max(0) as u32;
        }
        all
    }

    /// Of inputs that are never negative, by the bits that occur in any.
    pub(crate) fn of_unsigned(bits: u32) -> Self {
        Self { bits, positive: bits, negative: 0 }
    }

    fn part(self, part: Part) -> u32 {
        match part {
            Part::Bits => self.bits,
            Part::Positive => self.positive,
            Part::Negative => self.negative,
            Part::Signed => self.positive | self.negative,
        }
    }

    /// Whether any input has a digit other than zero in this slice.
    pub(crate) fn drives(self, slice: &InputSlice) -> bool {
        (u64::from(self.part(slice.part)) >> slice.shift) & ((1 << slice.bits) - 1) != 0
    }

    /// Whether this slice or a more significant one of the same part has a digit other than zero:
    /// leading zero slices are those for which it is false.
    pub(crate) fn reaches(self, slice: &InputSlice) -> bool {
        u64::from(self.part(slice.part)) >> slice.shift != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn occupied_bits_by_hand() {
        let slice = |part, shift, bits| InputSlice { part, shift, bits, gain: 1 };
        // 5 = 101b, -2: positive part 101b, negative part 10b
        let o = Occupied::of(&[5, -2]);
        assert!(o.drives(&slice(Part::Positive, 0, 1)) && !o.drives(&slice(Part::Positive, 1, 1)));
        assert!(o.reaches(&slice(Part::Positive, 1, 1)) && !o.reaches(&slice(Part::Positive, 3, 1)));
        assert!(!o.drives(&slice(Part::Negative, 0, 1)) && o.drives(&slice(Part::Negative, 1, 1)));
        assert!(o.drives(&slice(Part::Signed, 0, 2)) && !o.drives(&slice(Part::Signed, 3, 8)));
        // two's complement of -2 has every high bit
        assert!(o.drives(&slice(Part::Bits, 7, 1)));
    }
}
