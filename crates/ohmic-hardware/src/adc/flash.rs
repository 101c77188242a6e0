//! One comparator a code.

use super::Adc;
use super::shared::{BITS, Converter, Decisions, OWN, with_shared_keys};
use super::transfer::{Instance, nominal_decisions};
use ohmic_config::{KeyDoc, Kind};

const COMPARATOR_SIGMA: KeyDoc = KeyDoc::number(
    "comparator_sigma_lsb",
    "standard deviation of the offset of each comparator, in steps of the code",
)
.at_least(0.0)
.at_most(100.0);

pub(super) const KIND: Kind<dyn Adc> = Kind {
    name: "flash",
    summary: "2^bits - 1 comparators, each with an offset, whose ones are counted",
    example: "bits = 4\nrange = \"full_scale\"\ncomparator_sigma_lsb = 0.2",
    quiet: Some("bits = 12\nrange = \"full_scale\"\ncomparator_sigma_lsb = 0.0\nunused_codes = \"allow\""),
    keys: with_shared_keys![BITS, COMPARATOR_SIGMA],
    build: |s| {
        let decides = Flash { sigma: s.number(&COMPARATOR_SIGMA)? };
        Ok(Box::new(Converter::read(s, s.integer(&BITS)?, decides)?))
    },
};

/// Model: decision i is at `i + 1/2 + σ z_i`; the code is the number of comparators that say one.
///
/// Counting makes the transfer monotone, whatever the offsets: it is that of the sorted decisions. Left out: other
/// ways to read the thermometer, whose bubbles can give any code.
#[derive(Debug)]
struct Flash {
    sigma: f64,
}

impl Decisions for Flash {
    fn is_uniform(&self) -> bool {
        self.sigma <= 0.0
    }

    fn decisions(&self, bits: u32, converter: Instance<'_>) -> Vec<f64> {
        let mut decisions = nominal_decisions(bits);
        for (i, t) in decisions.iter_mut().enumerate() {
            *t += self.sigma * converter.normal(OWN + i as u32);
        }
        decisions.sort_by(f64::total_cmp);
        decisions
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ohmic_numerics::{Noise, Seed};

    /// Offsets of 0.1 do not change places (10 sigma between two), so each decision has a sigma of 0.1 and the width of
    /// a code sqrt(2) times that. 300 converters of 63 decisions: 5 standard errors are 2.6 %.
    #[test]
    fn widths_have_the_sigma_of_two_comparators() {
        let adc = KIND.build_text("bits = 6\nrange = \"full_scale\"\ncomparator_sigma_lsb = 0.1").unwrap();
        let noise = Noise::new(Seed(5));
        let (mut decisions, mut widths) = (0.0, 0.0);
        for index in 0..300 {
            let d = adc.imperfection().unwrap().decisions(Instance { noise: &noise, crossbar: 1, index });
            decisions += d.iter().enumerate().map(|(i, t)| (t - i as f64 - 0.5).powi(2)).sum::<f64>();
            widths += d.windows(2).map(|t| (t[1] - t[0] - 1.0).powi(2)).sum::<f64>();
        }
        let sigma = (decisions / (300.0 * 63.0)).sqrt();
        let width = (widths / (300.0 * 62.0)).sqrt();
        assert!((sigma / 0.1 - 1.0).abs() < 0.026, "{sigma}");
        assert!((width / (0.1 * std::f64::consts::SQRT_2) - 1.0).abs() < 0.04, "{width}");
    }
}
