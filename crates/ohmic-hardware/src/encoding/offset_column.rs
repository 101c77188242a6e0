//! Weights made non-negative by an offset, which a reference column takes off again in analog.

use super::{CELL_BITS, EncodeError, Encoded, Gain, Readout, Sign, WeightEncoding};
use crate::digits::{digits, integers, twos_complement};
use ohmic_config::Kind;
use ohmic_numerics::{Mat, MatRef};

pub(super) const KIND: Kind<dyn WeightEncoding> = Kind {
    name: "offset_column",
    summary: "u = w + 2^(b-1) in cells; a reference column is subtracted in analog (NeuroSim)",
    example: "cell_bits = 2",
    quiet: None,
    keys: &[CELL_BITS],
    build: |s| Ok(Box::new(OffsetColumn { cell_bits: s.integer(&CELL_BITS)? })),
};

/// Each digit of `u = w + 2^(b-1)` has a reference column that holds the same digit of `2^(b-1)`;
/// the difference of the two currents is converted, signed.
///
/// The reference columns of the lower digits hold level 0: they take off what level 0 draws at a
/// finite on/off ratio. Source: the dummy column of DNN+NeuroSim.
#[derive(Debug)]
struct OffsetColumn {
    cell_bits: u32,
}

impl WeightEncoding for OffsetColumn {
    fn cell_bits(&self) -> u32 {
        self.cell_bits
    }

    fn columns_per_output(&self, weight_bits: u32) -> usize {
        digits(weight_bits, self.cell_bits).len()
    }

    fn shared_columns(&self, weight_bits: u32) -> usize {
        self.columns_per_output(weight_bits)
    }

    fn encode(
        &self,
        weights: MatRef<'_, i32>,
        weight_bits: u32,
        rows_per_read: usize,
    ) -> Result<Encoded, EncodeError> {
        self.check_weight_bits(KIND.name, weight_bits)?;
        let half = 1u32 << (weight_bits - 1);
        let u = integers(weights, rows_per_read, |w| {
            twos_complement(w, weight_bits).map(|_| (w + half as i32) as u32)
        })?;
        let mut planes = Vec::new();
        let mut readouts = Vec::new();
        for digit in digits(weight_bits, self.cell_bits) {
            let at = planes.len();
            let reference = digit.of(half);
            planes.push(u.map(|u| digit.of(u)));
            planes.push(Mat::filled(weights.rows(), 1, reference));
            readouts.push(Readout {
                terms: vec![(at, Sign::Plus), (at + 1, Sign::Minus)],
                gain: Gain::All(digit.gain),
                level_low: -f64::from(reference),
                level_high: f64::from(digit.max() - reference),
            });
        }
        Ok(Encoded { planes, readouts, input_sum_scale: vec![0; weights.cols()] })
    }
}
