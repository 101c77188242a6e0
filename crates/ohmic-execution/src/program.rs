//! One layer as the arithmetic sees it: digits in, packed integers, conversions, accumulators out.
//!
//! The analog sum of a read is an integer: effective levels are held in units of `2^-fraction_bits`
//! of a level (16 bits each, the error below 2^-12 of the largest, far below any device), digits are
//! integers, so the order of additions, threads, batches and SIMD width cannot change a bit
//! (`docs/physics`, fixed-point analog sums).

use ohmic_hardware::dac::{InputSlice, Part, Skipping};
use ohmic_numerics::kernel::{Grids, PackedI16};
use ohmic_numerics::{Mat, Uniform};
use std::ops::Range;

/// A run of rows summed in one read, and where its digits stand in a padded input vector.
#[derive(Clone, Debug)]
pub(crate) struct Fragment {
    /// Rows of the layer matrix.
    pub(crate) rows: Range<usize>,
    /// First digit in the padded vector; the fragment takes `rows.len()` rounded up to even.
    pub(crate) offset: usize,
}

/// Lays fragments out one after the other, each at an even offset; returns them and the length.
pub(crate) fn lay_out(rows: &[Range<usize>]) -> (Vec<Fragment>, usize) {
    let mut offset = 0;
    let fragments = rows
        .iter()
        .map(|r| {
            let fragment = Fragment { rows: r.clone(), offset };
            offset += r.len().next_multiple_of(2);
            fragment
        })
        .collect();
    // room for vectors of whole registers, see `Vectors::stride`
    let k = rows.last().map_or(0, |r| r.end);
    (fragments, offset.max(k.next_multiple_of(16)))
}

/// Joins neighbouring fragments whose digits stand as far apart as their rows.
pub(crate) fn join(fragments: &[Fragment]) -> Vec<Fragment> {
    let mut runs: Vec<Fragment> = Vec::new();
    for f in fragments {
        match runs.last_mut() {
            Some(run) if run.rows.end == f.rows.start && run.offset + run.rows.len() == f.offset => {
                run.rows.end = f.rows.end;
            }
            _ => runs.push(f.clone()),
        }
    }
    runs
}

/// One conversion a read and column: where its sums stand and what its codes are worth.
#[derive(Clone, Debug)]
pub(crate) struct ReadoutProgram {
    /// Columns among the block's sums: as many as outputs; or one that all outputs share; or one a
    /// fragment that all outputs share, if each fragment's code has gains of its own.
    pub(crate) columns: Range<usize>,
    /// Which of the layer's ranges its converter uses.
    pub(crate) range: usize,
    /// `Some`: a code serves all outputs, each with its own digital gain; one row a column.
    pub(crate) shared_gain: Option<Mat<i64>>,
}

/// Effective levels of a block in units of `2^-fraction_bits`.
#[derive(Clone, Debug)]
pub(crate) enum Cells {
    /// 16 bits, one packed matrix a fragment: what the kernels take.
    Narrow(Vec<PackedI16>),
    /// 32 bits, `rows × columns`: where 16 bits, 32-bit sums or 15-bit digits do not suffice.
    Wide(Mat<i32>),
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
    /// Converter grid of every column, padded; unused without a converter.
    pub(crate) grids: Grids,
    /// Digital gain of every column's code, padded, one row a fragment; 0: not converted.
    pub(crate) gains: Vec<Vec<i32>>,
    /// Standard deviation of converter noise of every column, in levels; empty without.
    pub(crate) sigma: Vec<f32>,
    /// Variance of one read at unit digits, in levels², rows × columns; empty without read noise.
    pub(crate) variance: Vec<f32>,
    /// `y[c] += input_sum_scale[c] · sum x`; empty if unused.
    pub(crate) input_sum_scale: Vec<i64>,
}

impl BlockProgram {
    /// Readout columns: conversions of one read.
    pub(crate) fn columns(&self) -> usize {
        self.readouts.last().map_or(0, |r| r.columns.end)
    }

    /// Columns of a row of sums.
    pub(crate) fn padded_columns(&self) -> usize {
        self.columns().next_multiple_of(PackedI16::PANEL)
    }
}

/// A converter's grid, or none: the exact sum is passed on.
pub(crate) type Grid = Option<Uniform>;

/// One layer, ready to be read.
#[derive(Clone, Debug)]
pub(crate) struct LayerProgram {
    /// Steps that an input is driven in.
    pub(crate) slices: Vec<InputSlice>,
    /// Whether slice `s` is bit `s` of the input: the common case, decided once.
    pub(crate) slices_are_bits: bool,
    /// Runs of rows summed in one read.
    pub(crate) fragments: Vec<Fragment>,
    /// The same rows in as few runs as the offsets allow, for cutting digits.
    pub(crate) runs: Vec<Fragment>,
    /// Digits of one input vector, padding included.
    pub(crate) padded: usize,
    /// Which slices of a fragment the machine issues.
    pub(crate) skipping: Skipping,
    /// The pieces.
    pub(crate) blocks: Vec<BlockProgram>,
    /// Converter grids that readouts refer to; all `None` or all `Some`.
    pub(crate) ranges: Vec<Grid>,
    /// Unit of the cells: `2^-fraction_bits` of a level step.
    pub(crate) fraction_bits: i32,
    /// Input-referred converter noise, in steps of its grid.
    pub(crate) sigma_lsb: f32,
}

/// Whether slice `s` is bit `s` of the input.
pub(crate) fn are_bits(slices: &[InputSlice]) -> bool {
    slices
        .iter()
        .enumerate()
        .all(|(s, slice)| (slice.part, slice.shift as usize, slice.bits) == (Part::Bits, s, 1))
}

impl LayerProgram {
    /// Levels per unit of the sums.
    pub(crate) fn scale(&self) -> f32 {
        (-f64::from(self.fraction_bits)).exp2() as f32
    }

    /// What one code of a range is worth, in levels.
    pub(crate) fn step(&self, range: usize) -> f64 {
        self.ranges[range].map_or((-f64::from(self.fraction_bits)).exp2(), |q| f64::from(q.step))
    }

    /// Whether sums are passed on without a converter.
    pub(crate) fn is_exact(&self) -> bool {
        self.ranges.iter().all(Option::is_none)
    }

    /// Whether the kernels can take it.
    pub(crate) fn is_narrow(&self) -> bool {
        self.blocks.iter().all(|b| matches!(b.cells, Cells::Narrow(_)))
    }

    /// Whether the machine issues the read of a slice of a fragment with these inputs.
    pub(crate) fn is_issued(&self, slice: &InputSlice, occupied: Occupied) -> bool {
        match self.skipping {
            Skipping::None => true,
            Skipping::LeadingZeros => occupied.reaches(slice),
        }
    }

    /// The slices of a fragment that have to be computed, bit `s` for slice `s`.
    pub(crate) fn computed(&self, occupied: Occupied) -> u64 {
        if self.sigma_lsb <= 0.0 && self.slices_are_bits {
            return u64::from(occupied.bits) & ((1 << self.slices.len()) - 1);
        }
        let set = |(s, slice)| u64::from(self.is_computed(slice, occupied)) << s;
        self.slices.iter().enumerate().map(set).sum()
    }

    /// Whether a read has to be computed: it gives code 0 if its digits are zero and its converter quiet.
    pub(crate) fn is_computed(&self, slice: &InputSlice, occupied: Occupied) -> bool {
        occupied.drives(slice) || (self.sigma_lsb > 0.0 && self.is_issued(slice, occupied))
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
    /// Every bit that there can be.
    pub(crate) const ANYTHING: Self = Self { bits: u32::MAX, positive: u32::MAX, negative: u32::MAX };

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

    /// Of inputs whose slices are all of [`Part::Bits`]: nothing else is looked at.
    pub(crate) fn of_bits(bits: u32) -> Self {
        Self { bits, ..Self::default() }
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

    #[test]
    fn fragments_start_at_even_offsets() {
        let (f, len) = lay_out(&[0..3, 3..6, 6..7]);
        assert_eq!(f.iter().map(|f| f.offset).collect::<Vec<_>>(), [0, 4, 8]);
        assert_eq!(len, 16);
        let (f, _) = lay_out(&[0..4, 4..8, 8..9]);
        let runs = join(&f);
        assert_eq!((runs.len(), runs[0].rows.clone(), runs[0].offset), (1, 0..9, 0));
    }
}
