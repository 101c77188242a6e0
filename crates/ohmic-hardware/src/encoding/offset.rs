//! Weights made non-negative by an offset, which is taken off again by the sum of the inputs.

use super::{
    CELL_BITS, EncodeError, Encoded, FLIPPED_COLUMNS, INPUT_SUM, WeightEncoding, read_flip, read_input_sum,
};
use crate::digits::{Flip, InputSum, digits, integers, twos_complement, unsigned_planes};
use ohmic_config::Kind;
use ohmic_numerics::MatRef;

pub(super) const KIND: Kind<dyn WeightEncoding> = Kind {
    name: "offset",
    summary: "u = w + 2^(b-1) in cells; 2^(b-1) times the sum of inputs is subtracted (ISAAC)",
    example: "cell_bits = 2\ninput_sum = \"unit_column\"",
    quiet: None,
    keys: &[CELL_BITS, INPUT_SUM, FLIPPED_COLUMNS],
    build: |s| {
        let input_sum = read_input_sum(s)?;
        Ok(Box::new(Offset { cell_bits: s.integer(&CELL_BITS)?, input_sum, flip: read_flip(s, input_sum)? }))
    },
};

/// `u = w + 2^(b-1) >= 0`; `sum x w = sum x u - 2^(b-1) sum x`.
///
/// Source: ISAAC, ISCA 2016, with `input_sum = "unit_column"` and `flipped_columns = "when_large"`.
#[derive(Debug)]
struct Offset {
    cell_bits: u32,
    input_sum: InputSum,
    flip: Flip,
}

impl WeightEncoding for Offset {
    fn cell_bits(&self) -> u32 {
        self.cell_bits
    }

    fn columns_per_output(&self, weight_bits: u32) -> usize {
        digits(weight_bits, self.cell_bits).len()
    }

    fn shared_columns(&self, _: u32) -> usize {
        usize::from(self.input_sum == InputSum::UnitColumn)
    }

    fn encode(
        &self,
        weights: MatRef<'_, i32>,
        weight_bits: u32,
        rows_per_read: usize,
    ) -> Result<Encoded, EncodeError> {
        self.check_weight_bits(KIND.name, weight_bits)?;
        let half = 1i32 << (weight_bits - 1);
        let u =
            integers(weights, rows_per_read, |w| twos_complement(w, weight_bits).map(|_| (w + half) as u32))?;
        let digits: Vec<_> = digits(weight_bits, self.cell_bits).into_iter().map(|d| (0, d)).collect();
        Ok(unsigned_planes(&[u], &digits, i64::from(half), self.input_sum, self.flip, rows_per_read))
    }
}
