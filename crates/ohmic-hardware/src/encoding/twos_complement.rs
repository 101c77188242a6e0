//! Digits of two's complement: the sign bit has a column of its own with negative gain.

use super::{CELL_BITS, EncodeError, Encoded, FLIPPED_COLUMNS, WeightEncoding, read_flip};
use crate::digits::{Digit, Flip, InputSum, digits, integers, twos_complement, unsigned_planes};
use ohmic_config::Kind;
use ohmic_numerics::MatRef;

pub(super) const KIND: Kind<dyn WeightEncoding> = Kind {
    name: "twos_complement",
    summary: "digits of two's complement; the column of sign bits has gain -2^(b-1) (SRAM macros)",
    example: "cell_bits = 1",
    quiet: None,
    keys: &[CELL_BITS, FLIPPED_COLUMNS],
    build: |s| {
        let flip = read_flip(s, InputSum::UnitColumn)?;
        Ok(Box::new(TwosComplement { cell_bits: s.integer(&CELL_BITS)?, flip }))
    },
};

/// `w = sum_{i < b-1} 2^i bit_i - 2^(b-1) bit_{b-1}`; the lower bits are grouped into cells, the
/// sign bit has one of its own.
///
/// Source: the multi-bit mode of CAP-RAM, JSSC 2021, with cells of 1 bit. Flipped columns need a
/// unit column; there is none without them.
#[derive(Debug)]
struct TwosComplement {
    cell_bits: u32,
    flip: Flip,
}

impl TwosComplement {
    fn digits(&self, weight_bits: u32) -> Vec<(usize, Digit)> {
        let shift = weight_bits - 1;
        let sign = Digit { shift, bits: 1, gain: -(1 << shift) };
        digits(shift, self.cell_bits).into_iter().chain([sign]).map(|d| (0, d)).collect()
    }
}

impl WeightEncoding for TwosComplement {
    fn cell_bits(&self) -> u32 {
        self.cell_bits
    }

    fn columns_per_output(&self, weight_bits: u32) -> usize {
        self.digits(weight_bits).len()
    }

    fn shared_columns(&self, _: u32) -> usize {
        usize::from(self.flip == Flip::WhenLarge)
    }

    fn encode(
        &self,
        weights: MatRef<'_, i32>,
        weight_bits: u32,
        rows_per_read: usize,
    ) -> Result<Encoded, EncodeError> {
        self.check_weight_bits(KIND.name, weight_bits)?;
        let u = integers(weights, rows_per_read, |w| twos_complement(w, weight_bits))?;
        let input_sum = match self.flip {
            Flip::Never => InputSum::Digital,
            Flip::WhenLarge => InputSum::UnitColumn,
        };
        // bias 0: without flipped columns the digital sum is not used
        Ok(unsigned_planes(&[u], &self.digits(weight_bits), 0, input_sum, self.flip, rows_per_read))
    }
}
