//! One layer as the arithmetic sees it: digits in, packed integers, conversions, accumulators out.
//!
//! The analog sum of a read is an integer: effective levels are held in units of `2^-fraction_bits`
//! of a level (16 bits each, the error below 2^-12 of the largest, far below any device), digits are
//! integers, so the order of additions, threads, batches and SIMD width cannot change a bit
//! (`docs/physics`, fixed-point analog sums).

use ohmic_hardware::dac::{InputSlice, Part};
use ohmic_hardware::encoding::Gain;
use ohmic_numerics::kernel::PackedI16;
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
    (fragments, offset)
}

/// One conversion a read and column: where its sums stand and what its codes are worth.
#[derive(Clone, Debug)]
pub(crate) struct ReadoutProgram {
    /// Columns among the block's sums: as many as outputs, or one that all outputs share.
    pub(crate) columns: Range<usize>,
    /// Digital gain of its codes.
    pub(crate) gain: IntGain,
    /// Which of the layer's ranges its converter uses.
    pub(crate) range: usize,
}

impl ReadoutProgram {
    /// Whether one code serves all outputs.
    pub(crate) fn is_shared(&self, outputs: usize) -> bool {
        self.columns.len() == 1 && outputs != 1
    }
}

/// A gain as the 32-bit kernels take it.
#[derive(Clone, Debug)]
pub(crate) enum IntGain {
    All(i32),
    Each(Vec<i32>),
    PerFragment(Mat<i32>),
}

impl IntGain {
    /// `None` if a gain leaves 32 bits.
    pub(crate) fn new(gain: &Gain) -> Option<Self> {
        Some(match gain {
            Gain::All(g) => Self::All(i32::try_from(*g).ok()?),
            Gain::PerColumn(g) => Self::Each(g.iter().map(|&g| i32::try_from(g).ok()).collect::<Option<_>>()?),
            Gain::PerFragment(g) => {
                let data = g.as_slice().iter().map(|&g| i32::try_from(g).ok()).collect::<Option<_>>()?;
                Self::PerFragment(Mat::from_vec(g.rows(), g.cols(), data))
            }
        })
    }

    /// The largest magnitude.
    pub(crate) fn largest(&self) -> i64 {
        match self {
            Self::All(g) => i64::from(*g).abs(),
            Self::Each(g) => g.iter().map(|&g| i64::from(g).abs()).max().unwrap_or(0),
            Self::PerFragment(g) => g.as_slice().iter().map(|&g| i64::from(g).abs()).max().unwrap_or(0),
        }
    }
}

/// One block, ready to be read.
#[derive(Clone, Debug)]
pub(crate) struct BlockProgram {
    /// Block index within the layer: part of the address of its noise.
    pub(crate) block: u32,
    /// Which of the layer's independent matrices.
    pub(crate) group: usize,
    /// Outputs of that matrix.
    pub(crate) outputs: Range<usize>,
    /// Fragments of the layer that lie in the block's rows.
    pub(crate) fragments: Range<usize>,
    /// One packed matrix a fragment: its rows × all readout columns.
    pub(crate) packed: Vec<PackedI16>,
    /// The conversions of one read.
    pub(crate) readouts: Vec<ReadoutProgram>,
    /// Variance of one read at unit digits, in levels², `rows × columns` (rows from the block's
    /// first); empty without read noise.
    pub(crate) variance: Vec<f32>,
    /// `y[c] += input_sum_scale[c] · sum x`; empty if unused.
    pub(crate) input_sum_scale: Vec<i64>,
}

impl BlockProgram {
    /// Readout columns: conversions of one read.
    pub(crate) fn columns(&self) -> usize {
        self.readouts.last().map_or(0, |r| r.columns.end)
    }
}

/// A converter's grid, or none: the exact sum is passed on.
pub(crate) type Grid = Option<Uniform>;

/// One layer, ready to be read.
#[derive(Clone, Debug)]
pub(crate) struct LayerProgram {
    /// Steps that an input is driven in.
    pub(crate) slices: Vec<InputSlice>,
    /// Runs of rows summed in one read.
    pub(crate) fragments: Vec<Fragment>,
    /// Digits of one input vector, padding included.
    pub(crate) padded: usize,
    /// The pieces.
    pub(crate) blocks: Vec<BlockProgram>,
    /// Converter grids that readouts refer to.
    pub(crate) ranges: Vec<Grid>,
    /// Unit of the packed levels: `2^-fraction_bits` of a level step.
    pub(crate) fraction_bits: i32,
    /// Input-referred converter noise, in steps of its grid.
    pub(crate) sigma_lsb: f32,
}

impl LayerProgram {
    /// Whether a read of zeros can give anything but zeros.
    pub(crate) fn reads_are_noisy(&self) -> bool {
        self.sigma_lsb > 0.0
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
        assert_eq!(len, 10);
    }
}
