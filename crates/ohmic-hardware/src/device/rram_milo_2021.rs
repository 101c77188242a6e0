//! Multi-level ReRAM programmed by write-verify with 100 pulses (IGVVA-100).

use super::fitted::{FITTED_G_MAX, FITTED_G_MIN, Measured, PROGRAM_SCALE, polynomial, quiet};
use super::{DeviceModel, ON_OFF_RATIO, Patch, Window};
use crate::component::OutsideValidity;
use crate::spec::Conditions;
use ohmic_config::Kind;
use ohmic_numerics::Purpose;

const SOURCE: Measured = Measured {
    name: "Milo et al., IRPS 2021",
    low_siemens: 50e-6,
    high_siemens: 225e-6,
    from_s: 0.0,
    to_s: 0.0,
};

pub(super) const KIND: Kind<dyn DeviceModel> = Kind {
    name: "rram_milo_2021",
    summary: "multi-level ReRAM, 50 to 225 uS: programming error left by write-verify",
    example: "g_max = \"225 uS\"\ng_min = \"50 uS\"",
    quiet: quiet!("program_scale"),
    keys: &[
        FITTED_G_MAX,
        FITTED_G_MIN,
        ON_OFF_RATIO,
        PROGRAM_SCALE
            .source("Milo et al., IRPS 2021, Fig. 4, as in RRAMMilo of CrossSim (sandialabs/cross-sim)"),
    ],
    build: |s| {
        let window = SOURCE.window(s)?;
        Ok(Box::new(RramMilo2021 { window, scale: s.number_if(&PROGRAM_SCALE)?.unwrap_or(1.0) }))
    },
};

/// Model: g = g_target + sigma xi, xi ~ N(0, 1), sigma = 4.7823 uS - 0.009107 g_target.
///
/// Units: siemens. Valid: 50 to 225 uS, as programmed, at room temperature: the source says nothing about ageing
/// and read noise.
/// Randomness: `Purpose::Program`, one draw a cell.
#[derive(Debug)]
struct RramMilo2021 {
    window: Window,
    scale: f64,
}

/// Standard deviation of programming, in siemens.
fn programming(target_siemens: f64) -> f64 {
    polynomial(&[4.7823e-6, -0.009107], target_siemens).max(0.0)
}

impl DeviceModel for RramMilo2021 {
    fn window(&self) -> Window {
        self.window
    }

    fn holds(&self, conditions: &Conditions) -> Result<(), OutsideValidity> {
        SOURCE.holds(conditions)
    }

    fn program(&self, g_siemens: &mut [f32], patch: &Patch<'_>, attempt: u32) {
        if self.scale > 0.0 {
            patch.for_each_normal(g_siemens, Purpose::Program, attempt, |g, z| {
                let target = f64::from(*g);
                *g = (target + self.scale * programming(target) * f64::from(z)).max(0.0) as f32;
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fitted::check::{agrees, conditions};
    use super::*;

    /// 50 uS: 4.7823 - 0.45535 = 4.32695; 225 uS: 4.7823 - 2.049075 = 2.733225 uS.
    #[test]
    fn programming_sigma_is_the_published_one() {
        let device = KIND.build_text(KIND.example).unwrap();
        let fresh = conditions(0.0, 1e-7);
        agrees(device.as_ref(), 50.0, &fresh, 50.0, 4.326_95);
        agrees(device.as_ref(), 225.0, &fresh, 225.0, 2.733_225);
    }

    #[test]
    fn what_the_source_does_not_cover_is_refused() {
        for (text, says) in [
            ("g_max = '300 uS'", "300 uS is outside of what Milo"),
            ("g_max = '200 uS'\ng_min = '20 uS'", "`rram_milo_2021.g_min`: 20 uS"),
            ("on_off_ratio = 10", "`rram_milo_2021.on_off_ratio`: 22.5 uS"),
        ] {
            let e = KIND.build_text(text).unwrap_err().to_string();
            assert!(e.contains(says) && e.contains("50 uS to 225 uS"), "{e}");
        }
        // 225 uS / 4.5 = 50 uS
        assert!(KIND.build_text("on_off_ratio = 4.5").is_ok());
        let device = KIND.build_text(KIND.example).unwrap();
        let e = device.holds(&conditions(10.0, 1e-7)).unwrap_err();
        assert!(e.valid.contains("says nothing about ageing"), "{}", e.valid);
    }
}
