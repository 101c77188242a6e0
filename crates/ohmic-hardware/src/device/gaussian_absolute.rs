//! A cell whose programming error has the same size at every conductance.

use super::law::{CURRENT_LAW, GenericLaw, LAW_AT, LAW_VOLT};
use super::{
    CurrentLaw, DeviceModel, G_MAX, G_MIN, GaussianRead, ON_OFF_RATIO, Patch, READ_SIGMA_FRACTION,
    READ_SIGMA_REL, ReadNoise, Window, read_read_noise, read_window,
};
use crate::drift::{DRIFT_NU, DRIFT_NU_SIGMA, DRIFT_T0, PowerLaw};
use crate::spec::Conditions;
use ohmic_config::{Dimension, KeyDoc, Kind};
use ohmic_numerics::Purpose;

const SOURCE: &str = "generic error model `independent` of CrossSim (sandialabs/cross-sim)";
const SIGMA_FRACTION: KeyDoc = KeyDoc::number(
    "sigma_fraction",
    "standard deviation of the programming error, as a fraction of g_max - g_min",
)
.at_least(0.0)
.at_most(10.0)
.optional("sigma says it instead")
.source(SOURCE);
const SIGMA: KeyDoc =
    KeyDoc::quantity("sigma", Dimension::Conductance, "standard deviation of the programming error")
        .at_least(0.0)
        .optional("sigma_fraction says it instead")
        .source(SOURCE);

pub(super) const KIND: Kind<dyn DeviceModel> = Kind {
    name: "gaussian_absolute",
    summary: "programming error is Gaussian with the same sigma at every conductance",
    example: "g_min = \"1 uS\"\ng_max = \"25 uS\"\nsigma_fraction = 0.05\nread_sigma_fraction = 0.01\ndrift_nu = 0.06\ndrift_t0 = \"20 s\"",
    quiet: Some("g_min = \"1 uS\"\ng_max = \"25 uS\"\nsigma_fraction = 0.0"),
    keys: &[
        G_MAX,
        G_MIN,
        ON_OFF_RATIO,
        SIGMA_FRACTION,
        SIGMA,
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
        s.exactly_one(&[&SIGMA_FRACTION, &SIGMA])?;
        let range = window.g_max_siemens - window.g_min_siemens;
        let fraction = s.number_if(&SIGMA_FRACTION)?.map(|f| f * range);
        let sigma_siemens = s.quantity_if(&SIGMA)?.or(fraction).unwrap_or(0.0) as f32;
        Ok(Box::new(GaussianAbsolute {
            window,
            sigma_siemens,
            read: read_read_noise(s, window)?,
            law: GenericLaw::read(s)?,
            drift: PowerLaw::read(s)?,
        }))
    },
};

/// Model: g = max(0, g_target + sigma z), z ~ N(0, 1).
///
/// Units: siemens. A conductance cannot be negative: what would fall below 0 is 0 (with
/// `g_min = 0` that is half of the cells of level 0); nothing limits it upwards.
/// Randomness: one draw per cell, `Purpose::Program`, once per programming; for drift see [`PowerLaw`].
/// Left out: write-verify, correlation between neighbours.
#[derive(Debug)]
struct GaussianAbsolute {
    window: Window,
    sigma_siemens: f32,
    read: Option<GaussianRead>,
    law: Option<GenericLaw>,
    drift: Option<PowerLaw>,
}

impl DeviceModel for GaussianAbsolute {
    fn window(&self) -> Window {
        self.window
    }

    fn program(&self, g_siemens: &mut [f32], patch: &Patch<'_>, attempt: u32) {
        if self.sigma_siemens > 0.0 {
            patch.for_each_normal(g_siemens, Purpose::Program, attempt, |g, z| {
                *g = (*g + self.sigma_siemens * z).max(0.0)
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
