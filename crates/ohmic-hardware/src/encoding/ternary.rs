//! Weights -1, 0 and 1 in two cells of one bit.

use super::{EncodeError, Encoded, Gain, Readout, Sign, WeightEncoding};
use crate::digits::integers;
use ohmic_config::Kind;
use ohmic_numerics::MatRef;
use std::ops::RangeInclusive;

pub(super) const KIND: Kind<dyn WeightEncoding> = Kind {
    name: "ternary",
    summary: "weights -1, 0, 1 in two one-bit cells, subtracted before the conversion (CAP-RAM)",
    example: "",
    quiet: None,
    keys: &[],
    build: |_| Ok(Box::new(Ternary)),
};

/// `w = w+ - w-` with both in {0, 1}: weights of 2 bits without -2.
///
/// Source: the differential mode of CAP-RAM, JSSC 2021.
#[derive(Debug)]
struct Ternary;

impl WeightEncoding for Ternary {
    fn cell_bits(&self) -> u32 {
        1
    }

    fn weight_bits(&self) -> RangeInclusive<u32> {
        2..=2
    }

    fn columns_per_output(&self, _: u32) -> usize {
        2
    }

    fn encode(
        &self,
        weights: MatRef<'_, i32>,
        weight_bits: u32,
        rows_per_read: usize,
    ) -> Result<Encoded, EncodeError> {
        self.check_weight_bits(KIND.name, weight_bits)?;
        let cell = |w: i32, holds: i32| match w {
            -1..=1 => Ok(u32::from(w == holds)),
            _ => Err("a ternary cell pair holds -1, 0 and 1".to_owned()),
        };
        let plus = integers(weights, rows_per_read, |w| cell(w, 1))?;
        let minus = integers(weights, rows_per_read, |w| cell(w, -1))?;
        Ok(Encoded {
            planes: vec![plus.map(|u| u as u16), minus.map(|u| u as u16)],
            readouts: vec![Readout {
                terms: vec![(0, Sign::Plus), (1, Sign::Minus)],
                gain: Gain::All(1),
                level_low: -1.0,
                level_high: 1.0,
            }],
            input_sum_scale: vec![0; weights.cols()],
        })
    }
}
