//! Cells that stand for -1 and 1 (XNOR).

use super::{EncodeError, Encoded, INPUT_SUM, WeightEncoding, read_input_sum};
use crate::digits::{Digit, Flip, InputSum, integers, symmetric, unsigned_planes};
use ohmic_config::{KeyDoc, Kind};
use ohmic_numerics::MatRef;

const EVEN_WEIGHTS: KeyDoc = KeyDoc::choice(
    "even_weights",
    &[
        ("refuse", "sums of 1, 2, 4, ... with signs are odd: an even weight, 0 too, is an error"),
        (
            "extra_lsb",
            "a second cell worth as much as the lowest, and one more digit: w = (odd + 1 or odd - 1) / 2",
        ),
    ],
    "what becomes of even weights",
)
.source("extra_lsb: the two bits with LSB weighting of Jia et al., JSSC 2020, that let XNOR cells hold 0");

pub(super) const KIND: Kind<dyn WeightEncoding> = Kind {
    name: "bipolar",
    summary: "w = sum 2^i (2 b_i - 1) in one-bit cells, read as 2 sum x b - sum x (XNOR macros)",
    example: "input_sum = \"digital\"\neven_weights = \"extra_lsb\"",
    quiet: None,
    keys: &[INPUT_SUM, EVEN_WEIGHTS],
    build: |s| {
        let even = if s.choice(&EVEN_WEIGHTS)? == "refuse" { Even::Refuse } else { Even::ExtraLsb };
        Ok(Box::new(Bipolar { input_sum: read_input_sum(s)?, even }))
    },
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Even {
    Refuse,
    ExtraLsb,
}

/// With `b` bits, sign included, an odd `w` in `-(2^(b-1) - 1) ..= 2^(b-1) - 1` is a sum of `b - 1`
/// signed powers of two. With an extra LSB cell `2 w` is a sum of `b` such powers and one more 1 or
/// -1, so that every `w` of that range can be held.
#[derive(Debug)]
struct Bipolar {
    input_sum: InputSum,
    even: Even,
}

fn bits(count: u32, gain_of_lowest: i64) -> impl Iterator<Item = (usize, Digit)> {
    (0..count).map(move |shift| (0, Digit { shift, bits: 1, gain: gain_of_lowest << shift }))
}

impl WeightEncoding for Bipolar {
    fn cell_bits(&self) -> u32 {
        1
    }

    fn columns_per_output(&self, weight_bits: u32) -> usize {
        match self.even {
            Even::Refuse => weight_bits as usize - 1,
            Even::ExtraLsb => weight_bits as usize + 1,
        }
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
        match self.even {
            Even::Refuse => {
                let all = (1i32 << (weight_bits - 1)) - 1;
                let u = integers(weights, rows_per_read, |w| match symmetric(w, weight_bits)? {
                    w if w % 2 == 0 => Err("bipolar cells hold odd weights only, unless even_weights = \
                                            \"extra_lsb\" adds a cell"
                        .to_owned()),
                    w => Ok(((w + all) / 2) as u32),
                })?;
                let digits: Vec<_> = bits(weight_bits - 1, 2).collect();
                Ok(unsigned_planes(&[u], &digits, i64::from(all), self.input_sum, Flip::Never, rows_per_read))
            }
            Even::ExtraLsb => {
                // 2 w = odd + extra, extra = -1 above 0 and 1 else, so that odd fits into b bits
                let extra = |w: i32| if w > 0 { -1 } else { 1 };
                let all = (1i32 << weight_bits) - 1;
                let odd = integers(weights, rows_per_read, |w| {
                    symmetric(w, weight_bits).map(|w| ((2 * w - extra(w) + all) / 2) as u32)
                })?;
                let extra = integers(weights, rows_per_read, |w| Ok(u32::from(extra(w) > 0)))?;
                let mut digits: Vec<_> = bits(weight_bits, 1).collect();
                digits.push((1, Digit { shift: 0, bits: 1, gain: 1 }));
                // (sum 2^i (2 b_i - 1) + 2 e - 1) / 2 = sum 2^i b_i + e - 2^(b-1)
                let bias = i64::from((all + 1) / 2);
                Ok(unsigned_planes(&[odd, extra], &digits, bias, self.input_sum, Flip::Never, rows_per_read))
            }
        }
    }
}
