//! Successive approximation on a binary array of capacitors.

use super::Adc;
use super::shared::{BITS, Converter, Decisions, OWN, by_halves, with_shared_keys};
use super::transfer::Instance;
use ohmic_config::{KeyDoc, Kind};

const UNIT_SIGMA: KeyDoc = KeyDoc::number(
    "unit_capacitor_sigma",
    "standard deviation of a unit capacitor, as a fraction of it; a bit of 2^i units has sqrt(2^i) times that",
)
.at_least(0.0)
.below(0.3);

pub(super) const KIND: Kind<dyn Adc> = Kind {
    name: "sar",
    summary: "successive approximation on a binary array of capacitors that do not match exactly",
    example: "bits = 6\nrange = \"full_scale\"\nunit_capacitor_sigma = 0.02\nsigma_lsb = 0.2\noffset_sigma_lsb = 0.3",
    quiet: Some("bits = 12\nrange = \"full_scale\"\nunit_capacitor_sigma = 0.0\nunused_codes = \"allow\""),
    keys: with_shared_keys![BITS, UNIT_SIGMA],
    build: |s| {
        let decides = Sar { unit_sigma: s.number(&UNIT_SIGMA)? };
        Ok(Box::new(Converter::read(s, s.integer(&BITS)?, decides)?))
    },
};

/// Model: trial of code k compares with `2^b Σ_i k_i C_i / (Σ C_i + C_dummy) - 1/2`, `C_i = 2^i + sqrt(2^i) σ z_i`.
///
/// Comparator offset and noise are the shared keys `offset_sigma_lsb` and `sigma_lsb` (one draw a conversion, not one
/// a decision). Left out: settling, parasitic capacitance, noise of the reference.
#[derive(Debug)]
struct Sar {
    unit_sigma: f64,
}

impl Decisions for Sar {
    fn is_uniform(&self) -> bool {
        self.unit_sigma <= 0.0
    }

    fn decisions(&self, bits: u32, converter: Instance<'_>) -> Vec<f64> {
        let capacitor =
            |i: u32, units: f64| units + units.sqrt() * self.unit_sigma * converter.normal(OWN + i);
        let bit: Vec<f64> = (0..bits).map(|i| capacitor(i, f64::from(1u32 << i))).collect();
        let total = bit.iter().sum::<f64>() + capacitor(bits, 1.0);
        let codes = f64::from(1u32 << bits);
        by_halves(bits, &|code| {
            let on = bit.iter().enumerate().filter(|(i, _)| code >> i & 1 == 1).map(|(_, c)| c).sum::<f64>();
            codes * on / total - 0.5
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ohmic_numerics::{Noise, Seed};

    /// Half of n = 2^b unit capacitors over all: n (A / (A + B)), so the decision at mid code has
    /// sigma_u sqrt(n) / 2 steps: 0.02 sqrt(1024) / 2 = 0.32. 4000 converters: 5 standard errors are 5.6 %.
    #[test]
    fn mid_code_error_is_that_of_half_the_array() {
        let adc = KIND.build_text("bits = 10\nrange = \"full_scale\"\nunit_capacitor_sigma = 0.02").unwrap();
        let noise = Noise::new(Seed(5));
        let squares: f64 = (0..4000)
            .map(|index| {
                let d = adc.imperfection().unwrap().decisions(Instance { noise: &noise, crossbar: 3, index });
                (d[511] - 511.5).powi(2)
            })
            .sum();
        let sigma = (squares / 4000.0).sqrt();
        assert!((sigma / 0.32 - 1.0).abs() < 0.056, "{sigma}");
    }

    /// A heavy mismatch loses codes at major carries; what is left still ascends.
    #[test]
    fn codes_go_missing_and_decisions_still_ascend() {
        let adc = KIND.build_text("bits = 8\nrange = \"full_scale\"\nunit_capacitor_sigma = 0.2").unwrap();
        let noise = Noise::new(Seed(1));
        let mut missing = 0;
        for index in 0..50 {
            let d = adc.imperfection().unwrap().decisions(Instance { noise: &noise, crossbar: 0, index });
            assert!(d.is_sorted());
            missing += d.windows(2).filter(|t| t[1] <= t[0]).count();
        }
        assert!(missing > 0, "sigma of the major carry is 0.2 sqrt(256) = 3.2 steps");
    }
}
