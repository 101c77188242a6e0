//! A converter that returns the sum as it is.

use super::{Adc, RangePolicy, Span};
use ohmic_config::Kind;
use ohmic_numerics::Uniform;

pub(super) const KIND: Kind<dyn Adc> = Kind {
    name: "ideal",
    summary: "returns the analog sum as it is: no rounding, no clipping, no noise",
    example: "",
    quiet: Some(""),
    keys: &[],
    build: |_| Ok(Box::new(Ideal)),
};

#[derive(Debug)]
struct Ideal;

impl Adc for Ideal {
    /// 32: what a price model is given; there are no such converters.
    fn bits(&self) -> u32 {
        32
    }

    fn range(&self) -> RangePolicy {
        RangePolicy::FullScale
    }

    fn quantizer(&self, _: Span) -> Option<Uniform> {
        None
    }
}
