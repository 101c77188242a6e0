//! A converter with equally spaced codes.

use super::Adc;
use super::shared::{Converter, Decisions, with_shared_keys};
use super::transfer::{Instance, nominal_decisions};
use ohmic_config::{KeyDoc, Kind};

const BITS: KeyDoc =
    KeyDoc::integer("bits", 1, 16, "bits of a code: 2^bits codes; 12 at most if converters differ");

pub(super) const KIND: Kind<dyn Adc> = Kind {
    name: "uniform",
    summary: "rounds to equally spaced codes and clips at both ends",
    example: "bits = 4\nrange = \"full_scale\"\nsigma_lsb = 0.3",
    quiet: Some("bits = 16\nrange = \"full_scale\"\nunused_codes = \"allow\""),
    keys: with_shared_keys![BITS],
    build: |s| Ok(Box::new(Converter::read(s, s.integer(&BITS)?, Uniform)?)),
};

/// Model: code = clamp(round(sum / step)), `2^bits` codes, on a grid that contains 0.
///
/// Units: sums in levels times input digits. Offset, gain, widths of codes and a bow are the shared keys.
#[derive(Debug)]
struct Uniform;

impl Decisions for Uniform {
    fn is_uniform(&self) -> bool {
        true
    }

    fn decisions(&self, bits: u32, _: Instance<'_>) -> Vec<f64> {
        nominal_decisions(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adc::Span;

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
