//! Multi-level ReRAM programmed by write-verify with 100 pulses (IGVVA-100).

use super::fitted::{FITTED_G_MAX, FITTED_G_MIN, Measured, PROGRAM_SCALE, polynomial, quiet};
use super::{CurrentLaw, DeviceModel, ON_OFF_RATIO, Patch, Window};
use crate::component::OutsideValidity;
use crate::spec::Conditions;
use ohmic_config::{KeyDoc, Kind};
use ohmic_numerics::Purpose;

const SOURCE: Measured = Measured {
    name: "Milo et al., IRPS 2021",
    low_siemens: 50e-6,
    high_siemens: 225e-6,
    from_s: 0.0,
    to_s: 0.0,
};

const CURRENT_LAW: KeyDoc = KeyDoc::choice(
    "current_law",
    &[
        ("linear", "I = g V"),
        ("measured", "I = g V + n2(g) V^2 + n3(g) V^3, up to 0.5 V: the current grows less than the voltage"),
    ],
    "how a cell's current follows its voltage; g is the slope at 0 V",
)
.optional("linear")
.source("cubic fit of Milo et al., IRPS 2021, in RRAMMilo of CrossSim (sandialabs/cross-sim): measured from 62.5 to 110 uS, linear at 225 uS");

pub(super) const KIND: Kind<dyn DeviceModel> = Kind {
    name: "rram_milo_2021",
    summary: "multi-level ReRAM, 50 to 225 uS: programming error left by write-verify",
    example: "g_max = \"225 uS\"\ng_min = \"50 uS\"",
    quiet: quiet!("program_scale"),
    keys: &[
        FITTED_G_MAX,
        FITTED_G_MIN,
        ON_OFF_RATIO,
        CURRENT_LAW,
        PROGRAM_SCALE
            .source("Milo et al., IRPS 2021, Fig. 4, as in RRAMMilo of CrossSim (sandialabs/cross-sim)"),
    ],
    build: |s| {
        let window = SOURCE.window(s)?;
        let law = (s.choice_if(&CURRENT_LAW)? == Some("measured")).then_some(Cubic);
        Ok(Box::new(RramMilo2021 { window, scale: s.number_if(&PROGRAM_SCALE)?.unwrap_or(1.0), law }))
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
    law: Option<Cubic>,
}

/// Model: `I = g V + n2 V² + n3 V³` with `n2`, `n3` polynomials in log10 of g in siemens, odd in V.
///
/// Beside 50 to 225 uS (a cell that missed its target) `n2 / g` and `n3 / g` stay as they are at the edge, where the
/// polynomials would soon make the current fall with the voltage.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Cubic;

/// `n2` in A/V² and `n3` in A/V³.
fn bends(g_siemens: f64) -> (f64, f64) {
    let inside = g_siemens.clamp(SOURCE.low_siemens, SOURCE.high_siemens);
    let x = libm::log10(inside);
    let n2 = polynomial(&[7.063e-3, 5.711e-3, 1.541e-3, 1.388e-4], x);
    let n3 = polynomial(&[1.2968e-3, 6.7919e-4, 8.871e-5], x);
    (n2 * g_siemens / inside, n3 * g_siemens / inside)
}

impl CurrentLaw for Cubic {
    fn current_ampere(&self, v_volt: f64, g_siemens: f64) -> f64 {
        self.chord_siemens(v_volt, g_siemens) * v_volt
    }

    fn chord_siemens(&self, v_volt: f64, g_siemens: f64) -> f64 {
        let ((n2, n3), v) = (bends(g_siemens), v_volt.abs());
        g_siemens + n2 * v + n3 * v * v
    }

    fn slope_siemens(&self, v_volt: f64, g_siemens: f64) -> f64 {
        let ((n2, n3), v) = (bends(g_siemens), v_volt.abs());
        g_siemens + 2.0 * n2 * v + 3.0 * n3 * v * v
    }

    fn v_max_volt(&self) -> f64 {
        0.5
    }
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

    fn current_law(&self) -> Option<&dyn CurrentLaw> {
        self.law.as_ref().map(|law| law as &dyn CurrentLaw)
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

    /// By hand at 100 uS, x = -4: n2 = -8.8832e-3 + 24.656e-3 - 22.844e-3 + 7.063e-3 = -8.2e-6, n3 = 1.41936e-3 -
    /// 2.71676e-3 + 1.2968e-3 = -6e-7; at 0.3 V 30 uA - 0.738 uA - 0.0162 uA = 29.2458 uA. Everywhere inside and beside
    /// the window the current grows with the voltage.
    #[test]
    fn the_law_is_the_published_one() {
        let device = KIND.build_text("g_max = '225 uS'\ng_min = '50 uS'\ncurrent_law = 'measured'").unwrap();
        let law = device.current_law().unwrap();
        assert!((law.current_ampere(0.3, 100e-6) - 29.2458e-6).abs() < 1e-12);
        assert_eq!(law.current_ampere(-0.3, 100e-6).to_bits(), (-law.current_ampere(0.3, 100e-6)).to_bits());
        for g in 1..300 {
            for v in 0..=50 {
                assert!(law.slope_siemens(f64::from(v) * 0.01, f64::from(g) * 1e-6) > 0.0, "{g} uS");
            }
        }
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
