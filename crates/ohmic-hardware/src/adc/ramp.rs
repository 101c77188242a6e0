//! One ramp for all columns of a crossbar, a comparator and a counter each.

use super::Adc;
use super::shared::{BITS, Converter, Decisions, OWN, with_shared_keys};
use super::transfer::{Instance, nominal_decisions};
use ohmic_config::{KeyDoc, Kind};

const STEP_SIGMA: KeyDoc = KeyDoc::number(
    "ramp_step_sigma_lsb",
    "standard deviation of a step of the ramp, in steps of the code; all converters of a crossbar share the ramp",
)
.at_least(0.0)
.at_most(10.0);

pub(super) const KIND: Kind<dyn Adc> = Kind {
    name: "ramp",
    summary: "a ramp that all converters of a crossbar compare with, whose steps are not equally high",
    example: "bits = 5\nrange = \"full_scale\"\nramp_step_sigma_lsb = 0.1\noffset_sigma_lsb = 0.5",
    quiet: Some("bits = 12\nrange = \"full_scale\"\nramp_step_sigma_lsb = 0.0\nunused_codes = \"allow\""),
    keys: with_shared_keys![BITS, STEP_SIGMA],
    build: |s| {
        let decides = Ramp { sigma: s.number(&STEP_SIGMA)? };
        Ok(Box::new(Converter::read(s, s.integer(&BITS)?, decides)?))
    },
};

/// Model: decision i is at `i + 1/2 + σ Σ_{j<=i} z_j - (i + 1) / 2^b σ Σ_j z_j`, the z shared by the crossbar: the ramp
/// begins and ends where it should. A step of negative height decides nothing.
///
/// The delay of a comparator is its offset, `offset_sigma_lsb`. A conversion takes 2^bits clocks: `crossbar.adc_rate` has
/// to say so. Left out: a delay that depends on the slope.
#[derive(Debug)]
struct Ramp {
    sigma: f64,
}

impl Decisions for Ramp {
    fn is_uniform(&self) -> bool {
        self.sigma <= 0.0
    }

    fn decisions(&self, bits: u32, converter: Instance<'_>) -> Vec<f64> {
        let steps: Vec<f64> =
            (0..1u32 << bits).map(|i| self.sigma * converter.shared_normal(OWN + i)).collect();
        let (mut sum, all, n) = (0.0, steps.iter().sum::<f64>(), steps.len() as f64);
        let mut last = f64::NEG_INFINITY;
        let mut decisions = nominal_decisions(bits);
        for (i, t) in decisions.iter_mut().enumerate() {
            sum += steps[i];
            *t = (*t + sum - all * (i + 1) as f64 / n).max(last);
            last = *t;
        }
        decisions
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ohmic_numerics::{Noise, Seed};

    /// A walk of 64 steps that is held at both ends has, half way, a sigma of 0.1 sqrt(64) / 2 = 0.4. 3000 ramps: 5
    /// standard errors are 6.5 %. Converters of one crossbar differ by their offsets only.
    #[test]
    fn converters_of_a_crossbar_share_the_ramp() {
        let text = "bits = 6\nrange = \"full_scale\"\nramp_step_sigma_lsb = 0.1";
        let adc = KIND.build_text(text).unwrap();
        let noise = Noise::new(Seed(5));
        let of = |adc: &dyn Adc, crossbar, index| {
            adc.imperfection().unwrap().decisions(Instance { noise: &noise, crossbar, index })
        };
        let squares: f64 = (0..3000).map(|c| (of(adc.as_ref(), c, 0)[31] - 31.5).powi(2)).sum();
        let sigma = (squares / 3000.0).sqrt();
        assert!((sigma / 0.4 - 1.0).abs() < 0.065, "{sigma}");
        assert_eq!(of(adc.as_ref(), 7, 0), of(adc.as_ref(), 7, 1));
        let spread = KIND.build_text(&format!("{text}\noffset_sigma_lsb = 0.5")).unwrap();
        let (a, b) = (of(spread.as_ref(), 7, 0), of(spread.as_ref(), 7, 1));
        let off = b[0] - a[0];
        assert!(off.abs() > 1e-3 && a.iter().zip(&b).all(|(a, b)| (b - a - off).abs() < 1e-9), "{off}");
    }
}
