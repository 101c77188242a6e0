//! A cell whose programmed conductance is lognormal about its target.

use super::law::{CURRENT_LAW, GenericLaw, LAW_AT, LAW_VOLT};
use super::{
    CurrentLaw, DeviceModel, G_MAX, G_MIN, GaussianRead, ON_OFF_RATIO, Patch, READ_SIGMA_FRACTION,
    READ_SIGMA_REL, ReadNoise, Window, read_read_noise, read_window,
};
use crate::drift::{DRIFT_NU, DRIFT_NU_SIGMA, DRIFT_T0, PowerLaw};
use crate::spec::Conditions;
use ohmic_config::{KeyDoc, Kind};
use ohmic_numerics::Purpose;

const SIGMA_LN: KeyDoc = KeyDoc::number(
    "sigma_ln",
    "standard deviation of ln(g / g_target): a spread, not a percentage",
)
.at_least(0.0)
.at_most(2.0)
.source(
    "w' = w exp(theta), theta ~ N(0, sigma^2): Chen et al., DATE 2017 (0.5 to 2); FORMS, ISCA 2021 (0.1)",
);

pub(super) const KIND: Kind<dyn DeviceModel> = Kind {
    name: "lognormal",
    summary: "programmed conductance is lognormal about its target",
    example: "g_min = \"1 uS\"\ng_max = \"25 uS\"\nsigma_ln = 0.05\nread_sigma_rel = 0.01\ndrift_nu = 0.06\ndrift_t0 = \"20 s\"",
    quiet: Some("g_min = \"1 uS\"\ng_max = \"25 uS\"\nsigma_ln = 0.0"),
    keys: &[
        G_MAX,
        G_MIN,
        ON_OFF_RATIO,
        SIGMA_LN,
        READ_SIGMA_FRACTION,
        READ_SIGMA_REL,
        CURRENT_LAW,
        LAW_VOLT,
        LAW_AT,
        DRIFT_NU,
        DRIFT_NU_SIGMA,
        DRIFT_T0,
    ],
    build: |s| {
        let window = read_window(s)?;
        let sigma_ln = s.number(&SIGMA_LN)? as f32;
        Ok(Box::new(LogNormal {
            window,
            sigma_ln,
            read: read_read_noise(s, window)?,
            law: GenericLaw::read(s)?,
            drift: PowerLaw::read(s)?,
        }))
    },
};

/// Model: g = g_target exp(sigma z), z ~ N(0, 1): the target is the median, the mean is
/// exp(sigma^2 / 2) above it. Never below 0, may leave the window upwards.
///
/// Units: siemens; `sigma_ln` is the standard deviation of ln g.
/// Randomness: one draw per cell, `Purpose::Program`, once per programming; for drift see [`PowerLaw`].
/// Left out: write-verify, cycle-to-cycle endurance, correlation between neighbours.
///
/// Source: Chen et al., DATE 2017; FORMS, ISCA 2021, with sigma = 0.1.
#[derive(Debug)]
struct LogNormal {
    window: Window,
    sigma_ln: f32,
    read: Option<GaussianRead>,
    law: Option<GenericLaw>,
    drift: Option<PowerLaw>,
}

impl DeviceModel for LogNormal {
    fn window(&self) -> Window {
        self.window
    }

    fn program(&self, g_siemens: &mut [f32], patch: &Patch<'_>, attempt: u32) {
        if self.sigma_ln > 0.0 {
            patch.for_each_normal(g_siemens, Purpose::Program, attempt, |g, z| {
                *g *= libm::expf(self.sigma_ln * z)
            });
        }
    }

    fn age(&self, g_siemens: &mut [f32], _: &[f32], patch: &Patch<'_>, conditions: &Conditions) {
        if let Some(drift) = &self.drift {
            drift.age(g_siemens, patch, conditions);
        }
    }

    fn read_noise(&self) -> Option<&dyn ReadNoise> {
        self.read.as_ref().map(|r| r as &dyn ReadNoise)
    }

    fn current_law(&self) -> Option<&dyn CurrentLaw> {
        self.law.as_ref().map(|l| l as &dyn CurrentLaw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ohmic_numerics::{Cells, Noise, Seed, Site};

    /// ln(g / g_target) of 100 000 cells: mean 0 +- 5 * 0.1 / sqrt(1e5), sigma 0.1 +- 5 * 0.1 / sqrt(2e5).
    #[test]
    fn spread_is_what_was_asked_for() {
        let device = KIND.build_text("g_min = '0 S'\ng_max = '25 uS'\nsigma_ln = 0.1").unwrap();
        let mut g = vec![10e-6f32; 100_000];
        let at = Cells { site: Site { layer: 0, block: 0 }, first: 3 };
        device.program(&mut g, &Patch::row(100_000, at, &Noise::new(Seed(1))), 0);
        let logs: Vec<f64> = g.iter().map(|&g| (f64::from(g) / 10e-6).ln()).collect();
        let mean = logs.iter().sum::<f64>() / 1e5;
        let sigma = (logs.iter().map(|l| (l - mean).powi(2)).sum::<f64>() / 1e5).sqrt();
        assert!(mean.abs() < 1.6e-3, "{mean}");
        assert!((sigma - 0.1).abs() < 1.2e-3, "{sigma}");
    }

    #[test]
    fn percentages_are_refused() {
        let e = KIND.build_text("g_min = '0 S'\ng_max = '25 uS'\nsigma_ln = 10").unwrap_err().to_string();
        assert!(e.contains("`lognormal.sigma_ln` = 10 is out of range") && e.contains("0 to 2"), "{e}");
    }
}
