//! A converter that returns the sum as it is.

use super::{Adc, RangePolicy, Span};
use ohmic_config::{KeyDoc, Kind};
use ohmic_numerics::Uniform;

const BITS: KeyDoc = KeyDoc::integer("bits", 1, 32, "bits that its price is asked for; it does not round")
    .optional("32, for which no converter has a price");

pub(super) const KIND: Kind<dyn Adc> = Kind {
    name: "ideal",
    summary: "returns the analog sum as it is: no rounding, no clipping, no noise",
    example: "",
    quiet: Some(""),
    keys: &[BITS],
    build: |s| Ok(Box::new(Ideal { bits: s.integer_if(&BITS)?.unwrap_or(32) })),
};

#[derive(Debug)]
struct Ideal {
    bits: u32,
}

impl Adc for Ideal {
    fn bits(&self) -> u32 {
        self.bits
    }

    fn range(&self) -> RangePolicy {
        RangePolicy::FullScale
    }

    fn quantizer(&self, _: Span) -> Option<Uniform> {
        None
    }
}
