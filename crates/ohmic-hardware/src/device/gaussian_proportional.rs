//! A cell whose programming error grows with its conductance.

use super::law::{CURRENT_LAW, GenericLaw, LAW_AT, LAW_VOLT};
use super::{
    CurrentLaw, DeviceModel, G_MAX, G_MIN, GaussianRead, ON_OFF_RATIO, Patch, READ_SIGMA_FRACTION,
    READ_SIGMA_REL, ReadNoise, Window, read_read_noise, read_window,
};
use crate::drift::{DRIFT_NU, DRIFT_NU_SIGMA, DRIFT_T0, PowerLaw};
use crate::spec::Conditions;
use ohmic_config::{KeyDoc, Kind};
use ohmic_numerics::Purpose;

const SIGMA_REL: KeyDoc = KeyDoc::number(
    "sigma_rel",
    "standard deviation of the programming error, relative to the target conductance",
)
.at_least(0.0)
.at_most(10.0)
.source("generic error model `proportional` of CrossSim (sandialabs/cross-sim)");

pub(super) const KIND: Kind<dyn DeviceModel> = Kind {
    name: "gaussian_proportional",
    summary: "programming error is Gaussian with sigma proportional to the target",
    example: "g_min = \"1 uS\"\ng_max = \"25 uS\"\nsigma_rel = 0.05\nread_sigma_rel = 0.01\ndrift_nu = 0.06\ndrift_t0 = \"20 s\"",
    quiet: Some("g_min = \"1 uS\"\ng_max = \"25 uS\"\nsigma_rel = 0.0"),
    keys: &[
        G_MAX,
        G_MIN,
        ON_OFF_RATIO,
        SIGMA_REL,
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
        let sigma_rel = s.number(&SIGMA_REL)? as f32;
        Ok(Box::new(GaussianProportional {
            window,
            sigma_rel,
            read: read_read_noise(s, window)?,
            law: GenericLaw::read(s)?,
            drift: PowerLaw::read(s)?,
        }))
    },
};

/// Model: g = max(0, g_target (1 + sigma z)), z ~ N(0, 1).
///
/// Units: siemens. A conductance cannot be negative: what would fall below 0 (only for
/// `sigma_rel` above about 0.2) is 0; nothing limits it upwards.
/// Randomness: one draw per cell, `Purpose::Program`, once per programming; for drift see [`PowerLaw`].
/// Left out: write-verify, correlation between neighbours.
#[derive(Debug)]
struct GaussianProportional {
    window: Window,
    sigma_rel: f32,
    read: Option<GaussianRead>,
    law: Option<GenericLaw>,
    drift: Option<PowerLaw>,
}

impl DeviceModel for GaussianProportional {
    fn window(&self) -> Window {
        self.window
    }

    fn program(&self, g_siemens: &mut [f32], patch: &Patch<'_>, attempt: u32) {
        if self.sigma_rel > 0.0 {
            patch.for_each_normal(g_siemens, Purpose::Program, attempt, |g, z| {
                *g = (*g * (1.0 + self.sigma_rel * z)).max(0.0)
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
