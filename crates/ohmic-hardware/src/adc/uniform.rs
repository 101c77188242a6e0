//! A converter with equally spaced codes.

use super::{Adc, RangePolicy, Span};
use ohmic_config::{KeyDoc, Kind};

pub(crate) const BITS: KeyDoc = KeyDoc::integer("bits", 1, 16, "bits of a code: 2^bits codes");
const RANGE: KeyDoc = KeyDoc::choice(
    "range",
    &[
        ("full_scale", "the largest sum there can be, whatever the inputs"),
        ("max", "the largest sum seen on the calibration images, per layer and readout"),
        ("percentile", "the quantile `percentile` of the sums seen on the calibration images"),
    ],
    "sums that the codes cover; the step is never finer than one level times one input digit",
);
const PERCENTILE: KeyDoc = KeyDoc::number(
    "percentile",
    "quantile that range = \"percentile\" covers, as a fraction: 0.999 leaves one sum in a thousand outside",
)
.above(0.5)
.at_most(1.0)
.optional("only range = \"percentile\" uses it");
const SIGMA_LSB: KeyDoc = KeyDoc::number(
    "sigma_lsb",
    "standard deviation of input-referred noise of one conversion, in steps of the code",
)
.at_least(0.0)
.at_most(100.0)
.optional("0, no noise");
pub(crate) const UNUSED_CODES: KeyDoc = KeyDoc::choice(
    "unused_codes",
    &[
        ("refuse", "an error that names the bits that suffice"),
        ("allow", "wanted, for a sweep of bits over designs of different size"),
    ],
    "what more bits than the largest possible sum needs are",
)
.optional("refuse");

pub(super) const KIND: Kind<dyn Adc> = Kind {
    name: "uniform",
    summary: "rounds to equally spaced codes and clips at both ends",
    example: "bits = 4\nrange = \"full_scale\"\nsigma_lsb = 0.3",
    quiet: Some("bits = 16\nrange = \"full_scale\"\nunused_codes = \"allow\""),
    keys: &[BITS, RANGE, PERCENTILE, SIGMA_LSB, UNUSED_CODES],
    build: |s| {
        let range = match s.choice(&RANGE)? {
            "full_scale" => RangePolicy::FullScale,
            "max" => RangePolicy::Max,
            _ => RangePolicy::Percentile(s.number(&PERCENTILE)?),
        };
        // checked even where it is not used
        s.number_if(&PERCENTILE)?;
        s.choice_if(&UNUSED_CODES)?;
        let sigma_lsb = s.number_if(&SIGMA_LSB)?.unwrap_or(0.0) as f32;
        Ok(Box::new(Uniform { bits: s.integer(&BITS)?, range, sigma_lsb }))
    },
};

/// Model: code = clamp(round(sum / step)), `2^bits` codes, on a grid that contains 0.
///
/// Units: sums in levels times input digits. Left out: INL and DNL, offset and gain spread.
#[derive(Debug)]
struct Uniform {
    bits: u32,
    range: RangePolicy,
    sigma_lsb: f32,
}

impl Adc for Uniform {
    fn bits(&self) -> u32 {
        self.bits
    }

    fn range(&self) -> RangePolicy {
        self.range
    }

    fn quantizer(&self, span: Span) -> Option<ohmic_numerics::Uniform> {
        let unsigned = span.low >= 0.0;
        let grid = if unsigned {
            ohmic_numerics::Uniform::unsigned(self.bits, 1.0)
        } else {
            ohmic_numerics::Uniform::signed(self.bits, 1.0)
        };
        // below 0 there is one code more than above it; with 1 bit none is above
        let up = span.high.max(0.0) / f64::from(grid.code_max.max(1));
        let down = if unsigned { 0.0 } else { -span.low / -f64::from(grid.code_min) };
        Some(ohmic_numerics::Uniform { step: up.max(down).max(1.0) as f32, ..grid })
    }

    fn sigma_lsb(&self) -> f32 {
        self.sigma_lsb
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(bits: u32) -> Box<dyn Adc> {
        KIND.build_text(&format!("bits = {bits}\nrange = \"full_scale\"")).unwrap()
    }

    /// Hand: sums 0..=24 (8 rows of 2-bit cells) in 4 bits: 15 steps of 1.6; in 5 bits: steps of 1,
    /// exact. Signed -24..=24 in 5 bits: 24 / 15 = 1.6 upwards, 24 / 16 downwards.
    #[test]
    fn step_covers_the_span_and_is_never_below_a_level() {
        for (bits, low, high, step) in [
            (4, 0.0, 24.0, 1.6f32),
            (5, 0.0, 24.0, 1.0),
            (8, 0.0, 24.0, 1.0),
            (5, -24.0, 24.0, 1.6),
            (6, -24.0, 24.0, 1.0),
            (5, -32.0, 0.0, 2.0),
        ] {
            let got = built(bits).quantizer(Span { low, high }).unwrap().step;
            assert_eq!(got.to_bits(), step.to_bits(), "{bits} bits {low}..{high}: {got}");
        }
    }

    /// Monotone, clips at both ends, exact integers where the bits suffice.
    #[test]
    fn codes_are_monotone_and_clip() {
        for (bits, low, high) in [(3, 0.0, 24.0), (6, -24.0, 24.0), (1, 0.0, 9.0), (4, -5.0, 90.0)] {
            let q = built(bits).quantizer(Span { low, high }).unwrap();
            let mut last = i32::MIN;
            for i in -1000..=1000 {
                let code = q.code(i as f32 * 0.1);
                assert!(code >= last && (q.code_min..=q.code_max).contains(&code));
                last = code;
            }
            assert!(!q.clips(low as f32) && !q.clips(high as f32), "{bits} bits {low}..{high}");
        }
        let exact = built(6).quantizer(Span { low: -24.0, high: 24.0 }).unwrap();
        for v in -24..=24 {
            assert_eq!(exact.code(v as f32), v);
        }
    }
}
