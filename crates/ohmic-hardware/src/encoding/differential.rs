//! Two cells a digit: `w = w+ - w-`.

use super::{CELL_BITS, EncodeError, Encoded, Gain, Readout, Sign, WeightEncoding};
use crate::digits::{digits, integers, symmetric};
use ohmic_config::{KeyDoc, Kind};
use ohmic_numerics::MatRef;

const SIDES: KeyDoc = KeyDoc::choice(
    "sides",
    &[
        ("one", "w+ = max(w, 0), w- = max(-w, 0): one of the two cells is at level 0"),
        ("two", "both cells move from mid-range in opposite directions"),
    ],
    "way in which a weight is shared between its two cells",
)
.source("PRIME, ISCA 2016 (one); `balanced` cores of CrossSim (both)");
const SUBTRACT: KeyDoc = KeyDoc::choice(
    "subtract",
    &[
        ("analog", "currents are subtracted before one signed conversion"),
        ("digital", "both columns are converted, codes are subtracted"),
    ],
    "place where the two columns are subtracted",
);

pub(super) const KIND: Kind<dyn WeightEncoding> = Kind {
    name: "differential",
    summary: "two columns a digit, w = w+ - w-, subtracted before or after the conversion",
    example: "cell_bits = 2\nsides = \"one\"\nsubtract = \"analog\"",
    quiet: None,
    keys: &[CELL_BITS, SIDES, SUBTRACT],
    build: |s| {
        let sides = if s.choice(&SIDES)? == "one" { Sides::One } else { Sides::Two };
        let subtract = if s.choice(&SUBTRACT)? == "analog" { Subtract::Analog } else { Subtract::Digital };
        Ok(Box::new(Differential { cell_bits: s.integer(&CELL_BITS)?, sides, subtract }))
    },
};

#[derive(Clone, Copy, Debug)]
enum Sides {
    One,
    Two,
}

#[derive(Clone, Copy, Debug)]
enum Subtract {
    Analog,
    Digital,
}

#[derive(Debug)]
struct Differential {
    cell_bits: u32,
    sides: Sides,
    subtract: Subtract,
}

impl WeightEncoding for Differential {
    fn cell_bits(&self) -> u32 {
        self.cell_bits
    }

    fn columns_per_output(&self, weight_bits: u32) -> usize {
        2 * digits(weight_bits - 1, self.cell_bits).len()
    }

    fn encode(
        &self,
        weights: MatRef<'_, i32>,
        weight_bits: u32,
        rows_per_read: usize,
    ) -> Result<Encoded, EncodeError> {
        self.check_weight_bits(KIND.name, weight_bits)?;
        let top = (1i32 << (weight_bits - 1)) - 1;
        let positive = |w: i32| match self.sides {
            Sides::One => w.max(0),
            Sides::Two => (top + w) >> 1,
        };
        let plus = integers(weights, rows_per_read, |w| Ok(positive(symmetric(w, weight_bits)?) as u32))?;
        let minus = integers(weights, rows_per_read, |w| Ok((positive(w) - w) as u32))?;
        let mut planes = Vec::new();
        let mut readouts = Vec::new();
        for digit in digits(weight_bits - 1, self.cell_bits) {
            let (p, m, max) = (planes.len(), planes.len() + 1, f64::from(digit.max()));
            planes.push(plus.map(|u| digit.of(u)));
            planes.push(minus.map(|u| digit.of(u)));
            let readout =
                |terms, gain, level_low| Readout { terms, gain: Gain::All(gain), level_low, level_high: max };
            match self.subtract {
                Subtract::Analog => {
                    readouts.push(readout(vec![(p, Sign::Plus), (m, Sign::Minus)], digit.gain, -max));
                }
                Subtract::Digital => {
                    readouts.push(readout(vec![(p, Sign::Plus)], digit.gain, 0.0));
                    readouts.push(readout(vec![(m, Sign::Plus)], -digit.gain, 0.0));
                }
            }
        }
        Ok(Encoded { planes, readouts, input_sum_scale: vec![0; weights.cols()] })
    }
}
