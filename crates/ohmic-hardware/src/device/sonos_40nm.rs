//! Charge-trap memory (SONOS) of a 40 nm process, read below threshold.

use super::fitted::{
    AGE_SCALE, DAY_S, FITTED_G_MAX, FITTED_G_MIN, Measured, PROGRAM_SCALE, READ_SCALE, Scales, polynomial,
    quiet,
};
use super::{DeviceModel, Held, ON_OFF_RATIO, Patch, ReadNoise, Window};
use crate::component::OutsideValidity;
use crate::spec::Conditions;
use ohmic_config::{Dimension, Kind};
use ohmic_numerics::Purpose;

/// Siemens of a cell that carries a nanoampere at the 0.1 V drain bias of the source: 1600 nA are 16 uS.
const SIEMENS_PER_NA: f64 = 1e-9 / 0.1;

const SOURCE: Measured = Measured {
    name: "Agrawal et al., IEDM 2022 (SONOS)",
    low_siemens: 0.0,
    high_siemens: 1800.0 * SIEMENS_PER_NA,
    from_s: 0.0,
    to_s: 5.0 * DAY_S,
};
/// Largest conductance whose mean drift is known: beyond 1400 nA the published polynomials run away, in siemens.
const DRIFT_HIGH: f64 = 1400.0 * SIEMENS_PER_NA;
const CITED: &str = "Agrawal et al., IEDM 2022, 21.7, as in SONOS of CrossSim (sandialabs/cross-sim)";

/// Spread between cells after 0 to 5 days: A and B of A (1 - exp(-I / B)), in nanoampere.
const SPREAD: [(f64, f64); 6] =
    [(19.89, 176.3), (25.59, 186.9), (28.73, 193.6), (31.04, 198.9), (33.76, 204.8), (34.58, 207.3)];

/// Mean change after 1 to 5 days in nanoampere: powers of the programmed current in nanoampere.
const SHIFT: [[f64; 11]; 5] = [
    [
        6.83650e-01,
        6.51250e-03,
        -4.03163e-04,
        3.37944e-06,
        -1.87435e-08,
        5.88902e-11,
        -1.07685e-13,
        1.17751e-16,
        -7.60016e-20,
        2.67255e-23,
        -3.94954e-27,
    ],
    [
        6.60925e-01,
        8.60627e-03,
        -1.72936e-04,
        7.44096e-07,
        -5.94866e-09,
        2.36734e-11,
        -4.83740e-14,
        5.56072e-17,
        -3.65397e-20,
        1.28405e-23,
        -1.87450e-27,
    ],
    [
        1.15821e00,
        1.96116e-02,
        -4.70807e-04,
        3.67510e-06,
        -2.08786e-08,
        6.59752e-11,
        -1.19499e-13,
        1.28435e-16,
        -8.11574e-20,
        2.78802e-23,
        -4.02057e-27,
    ],
    [
        8.72216e-01,
        1.70926e-02,
        -2.23370e-04,
        1.57526e-06,
        -1.32779e-08,
        5.08256e-11,
        -1.01251e-13,
        1.14633e-16,
        -7.46124e-20,
        2.60559e-23,
        -3.78724e-27,
    ],
    [
        1.15294e00,
        1.03149e-02,
        -6.05199e-05,
        1.76086e-08,
        -6.46690e-09,
        3.39044e-11,
        -7.53872e-14,
        8.98185e-17,
        -6.00346e-20,
        2.12615e-23,
        -3.11099e-27,
    ],
];

/// A and B of the spread from read to read, in nanoampere.
const READ: (f64, f64) = (12.58, 215.4);

pub(super) const KIND: Kind<dyn DeviceModel> = Kind {
    name: "sonos_40nm",
    summary: "40 nm SONOS charge-trap cell, 18 uS: spread and drift over 5 days, read noise",
    example: "g_max = \"14 uS\"\ng_min = \"0 S\"",
    quiet: quiet!("program_scale", "age_scale", "read_scale"),
    keys: &[
        FITTED_G_MAX,
        FITTED_G_MIN,
        ON_OFF_RATIO,
        PROGRAM_SCALE.source(CITED),
        AGE_SCALE.source(CITED),
        READ_SCALE.source(CITED),
    ],
    build: |s| {
        let (window, scales) = (SOURCE.window(s)?, Scales::read(s)?);
        let read = (scales.read > 0.0).then_some(Read { scale: scales.read });
        Ok(Box::new(Sonos40nm { window, scales, read }))
    },
};

/// Model, in currents of the source, I = g 0.1 V, with xi ~ N(0, 1), A_t and B_t between the days on straight lines:
///
/// * programming: I_p = max(0, I_target + s_0(I_target) xi), s_t(I) = A_t (1 - exp(-I / B_t)): device-to-device spread and
///   write error together, which the source does not tell apart;
/// * ageing: I(t) = max(0, I_p + D_t(I_target) + sqrt(max(0, s_t(I_target + D_t)^2 - s_0(I_target)^2)) xi'), D_t the published
///   polynomials between the days on straight lines: mean and spread at t are the published ones, the random
///   change independent of the error of programming;
/// * read: independent, 12.58 nA (1 - exp(-I / 215.4 nA)).
///
/// Units: siemens and seconds. Currents become conductances by the drain bias of 0.1 V that makes 1600 nA the 16 uS
/// of the source.
/// Valid: up to 1800 nA (18 uS) as programmed, up to 1400 nA (14 uS) with ageing, at room temperature, up to 5 days.
/// Randomness: `Purpose::Program` and `Purpose::Age`, one draw a cell each.
#[derive(Debug)]
struct Sonos40nm {
    window: Window,
    scales: Scales,
    read: Option<Read>,
}

fn saturating((a, b): (f64, f64), current: f64) -> f64 {
    a * (1.0 - libm::exp(-current / b)).max(0.0)
}

/// Mean change and its spread, in nanoampere, of a cell that was asked for a current.
fn ageing(current: f64, days: f64) -> (f64, f64) {
    let first = (days as usize).min(SPREAD.len() - 2);
    let share = days - first as f64;
    let line = |from: f64, to: f64| from + (to - from) * share;
    let shift = |day: usize| if day == 0 { 0.0 } else { polynomial(&SHIFT[day - 1], current) };
    let mean = line(shift(first), shift(first + 1));
    let (from, to) = (SPREAD[first], SPREAD[first + 1]);
    let now = saturating((line(from.0, to.0), line(from.1, to.1)), (current + mean).max(0.0));
    let then = saturating(SPREAD[0], current);
    (mean, (now * now - then * then).max(0.0).sqrt())
}

impl DeviceModel for Sonos40nm {
    fn window(&self) -> Window {
        self.window
    }

    fn holds(&self, conditions: &Conditions) -> Result<(), OutsideValidity> {
        SOURCE.holds(conditions)?;
        let g_max = self.window.g_max_siemens;
        if conditions.elapsed_s > 0.0 && self.scales.age > 0.0 && g_max > DRIFT_HIGH * (1.0 + 1e-9) {
            return Err(OutsideValidity {
                key: "device.g_max",
                value: Dimension::Conductance.format(g_max),
                valid: format!(
                    "the drift of {} is known up to {}; leave `conditions.elapsed` out to use more",
                    SOURCE.name,
                    Dimension::Conductance.format(DRIFT_HIGH)
                ),
            });
        }
        Ok(())
    }

    fn program(&self, g_siemens: &mut [f32], patch: &Patch<'_>, attempt: u32) {
        if self.scales.program > 0.0 {
            patch.for_each_normal(g_siemens, Purpose::Program, attempt, |g, z| {
                let target = f64::from(*g) / SIEMENS_PER_NA;
                let sigma = self.scales.program * saturating(SPREAD[0], target);
                *g = ((target + sigma * f64::from(z)).max(0.0) * SIEMENS_PER_NA) as f32;
            });
        }
    }

    fn age(&self, g_siemens: &mut [f32], targets: &[f32], patch: &Patch<'_>, conditions: &Conditions) {
        if conditions.elapsed_s <= 0.0 || self.scales.age <= 0.0 {
            return;
        }
        let days = conditions.elapsed_s / DAY_S;
        let mut targets = targets.iter();
        patch.for_each_normal(g_siemens, Purpose::Age, 0, |g, z| {
            let target = f64::from(*targets.next().unwrap_or(g)) / SIEMENS_PER_NA;
            let (mean, sigma) = ageing(target, days);
            let change = self.scales.age * (mean + sigma * f64::from(z));
            *g = (f64::from(*g) + change * SIEMENS_PER_NA).max(0.0) as f32;
        });
    }

    fn read_noise(&self) -> Option<&dyn ReadNoise> {
        self.read.as_ref().map(|r| r as &dyn ReadNoise)
    }
}

#[derive(Debug)]
struct Read {
    scale: f64,
}

impl ReadNoise for Read {
    fn sigma_siemens(&self, cell: Held, _: &Conditions) -> f32 {
        let current = f64::from(cell.g_siemens) / SIEMENS_PER_NA;
        (self.scale * saturating(READ, current) * SIEMENS_PER_NA) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::super::fitted::check::{agrees, conditions, near, read_us};
    use super::*;

    /// 1000 nA = 10 uS: day 0: 19.89 (1 - e^(-1000/176.3)) = 19.89 * 0.9965580 = 19.82154 nA = 0.1982154 uS.
    #[test]
    fn spread_as_programmed_is_the_published_one() {
        let device = KIND.build_text("g_max = '18 uS'").unwrap();
        let fresh = conditions(0.0, 1e-7);
        let sigma = 0.1989 * (1.0 - (-1000.0f64 / 176.3).exp());
        assert!((sigma - 0.198_215).abs() < 1e-5, "{sigma}");
        agrees(device.as_ref(), 10.0, &fresh, 10.0, sigma);
        agrees(device.as_ref(), 18.0, &fresh, 18.0, 0.1989 * (1.0 - (-1800.0f64 / 176.3).exp()));
    }

    /// After one day at 1000 nA: the polynomial gives -29.47 nA (summed in another language and order), the spread
    /// is that of 970.53 nA; after five -46.73 nA.
    #[test]
    fn drift_is_the_published_one() {
        let device = KIND.build_text(KIND.example).unwrap();
        for (days, shift, (a, b)) in [(1.0, -29.47, (25.59, 186.9)), (5.0, -46.73, (34.58, 207.3))] {
            assert!((ageing(1000.0, days).0 - shift).abs() < 0.006, "{}", ageing(1000.0, days).0);
            let shift = ageing(1000.0, days).0;
            let sigma = a * (1.0 - (-(1000.0 + shift) / b).exp());
            let at = conditions(days * 86_400.0, 1e-7);
            agrees(device.as_ref(), 10.0, &at, 10.0 + shift / 100.0, sigma / 100.0);
        }
        // half a day: half the change of the first
        near(ageing(1000.0, 0.5).0, ageing(1000.0, 1.0).0 / 2.0);
    }

    /// 200 nA = 2 uS: 12.58 (1 - e^(-200/215.4)) = 12.58 * 0.6048702 = 7.60927 nA = 0.0760927 uS.
    #[test]
    fn read_noise_is_the_published_one() {
        let device = KIND.build_text(KIND.example).unwrap();
        let want = 0.1258 * (1.0 - (-200.0f64 / 215.4).exp());
        assert!((want - 0.0761).abs() < 1e-4);
        near(read_us(device.as_ref(), 2.0, 2.0, &conditions(0.0, 1e-7)), want);
    }

    #[test]
    fn what_the_source_does_not_cover_is_refused() {
        let e = KIND.build_text("g_max = '19 uS'").unwrap_err().to_string();
        assert!(e.contains("19 uS is outside") && e.contains("0 S to 18 uS"), "{e}");
        let device = KIND.build_text("g_max = '18 uS'").unwrap();
        let e = device.holds(&conditions(DAY_S, 1e-7)).unwrap_err();
        assert!(e.key == "device.g_max" && e.valid.contains("14 uS"), "{}", e.valid);
        let device = KIND.build_text(KIND.example).unwrap();
        assert!(device.holds(&conditions(DAY_S, 1e-7)).is_ok());
        assert_eq!(device.holds(&conditions(6.0 * DAY_S, 1e-7)).unwrap_err().key, "conditions.elapsed");
    }
}
