//! What devices that stand for measured ones have in common: a window inside what was measured, and a factor on
//! each of their effects.

use super::{G_MAX, G_MIN, ON_OFF_RATIO, Window, window_of};
use crate::component::OutsideValidity;
use crate::spec::Conditions;
use ohmic_config::{Dimension, Error, KeyDoc, Section};

pub(super) const FITTED_G_MAX: KeyDoc = KeyDoc::quantity(
    G_MAX.key,
    Dimension::Conductance,
    "conductance of the highest level; not above the largest that the source measured",
)
.above(0.0)
.optional("the largest that the source measured");
pub(super) const FITTED_G_MIN: KeyDoc =
    G_MIN.optional("the smallest that the source measured, or on_off_ratio says it");
pub(super) const PROGRAM_SCALE: KeyDoc = KeyDoc::number(
    "program_scale",
    "factor on the error of programming that the source found; 0 takes the effect away",
)
.at_least(0.0)
.at_most(100.0)
.optional("1, as found");
pub(super) const AGE_SCALE: KeyDoc = KeyDoc::number(
    "age_scale",
    "factor on the ageing that the source found, its mean and its spread; 0 takes the effect away",
)
.at_least(0.0)
.at_most(100.0)
.optional("1, as found");
pub(super) const READ_SCALE: KeyDoc =
    KeyDoc::number("read_scale", "factor on the read noise that the source found; 0 takes the effect away")
        .at_least(0.0)
        .at_most(100.0)
        .optional("1, as found");

/// Examples without anything random or time-dependent.
macro_rules! quiet {
    ($($key:literal),*) => {
        Some(concat!($($key, " = 0.0\n"),*))
    };
}
pub(super) use quiet;

/// Factors on the published effects: 1 is the publication, 0 is nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scales {
    pub(super) program: f64,
    pub(super) age: f64,
    pub(super) read: f64,
}

impl Scales {
    /// Those of a device that has all three effects.
    pub(super) fn read(s: &Section<'_>) -> Result<Self, Error> {
        let of = |key: &KeyDoc| Ok::<_, Error>(s.number_if(key)?.unwrap_or(1.0));
        Ok(Self { program: of(&PROGRAM_SCALE)?, age: of(&AGE_SCALE)?, read: of(&READ_SCALE)? })
    }
}

/// What a source measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured {
    /// Its name in messages.
    pub(super) name: &'static str,
    /// Smallest and largest conductance, in siemens.
    pub(super) low_siemens: f64,
    pub(super) high_siemens: f64,
    /// Shortest (besides 0) and longest time since programming, in seconds.
    pub(super) from_s: f64,
    pub(super) to_s: f64,
}

impl Measured {
    /// The window of the section: what it leaves out is that of the source.
    pub(super) fn window(&self, s: &Section<'_>) -> Result<Window, Error> {
        let g_max_siemens = s.quantity_if(&FITTED_G_MAX)?.unwrap_or(self.high_siemens);
        s.at_most_one(&[&G_MIN, &ON_OFF_RATIO])?;
        let ratio = s.number_if(&ON_OFF_RATIO)?.map(|r| g_max_siemens / r);
        let given = s.quantity_if(&G_MIN)?.or(ratio);
        let window = window_of(s, given.unwrap_or(self.low_siemens), g_max_siemens)?;
        // a ratio is rounded
        let slack = 1e-9 * self.high_siemens;
        let show = |g: f64| Dimension::Conductance.format(g);
        let refuse = |key: &str, g: f64| {
            let problem = format!("{} is outside of what {} covers", show(g), self.name);
            let help = format!("{} to {}", show(self.low_siemens), show(self.high_siemens));
            Err(s.invalid(key, problem, vec![], Some(help)))
        };
        if window.g_max_siemens > self.high_siemens + slack {
            return refuse(G_MAX.key, window.g_max_siemens);
        }
        if window.g_min_siemens < self.low_siemens - slack {
            let key = if s.has(&ON_OFF_RATIO) { ON_OFF_RATIO.key } else { G_MIN.key };
            return refuse(key, window.g_min_siemens);
        }
        Ok(window)
    }

    /// Whether the source covers the conditions: its times, and room temperature.
    pub(super) fn holds(&self, conditions: &Conditions) -> Result<(), OutsideValidity> {
        let show = |t: f64| Dimension::Time.format(t);
        let t = conditions.elapsed_s;
        if t > 0.0 && !(self.from_s..=self.to_s).contains(&t) {
            let valid = if self.to_s <= 0.0 {
                format!("{} says nothing about ageing: leave `conditions.elapsed` out or 0 s", self.name)
            } else if self.from_s > 0.0 {
                format!("{}: 0 s (as programmed), or {} to {}", self.name, show(self.from_s), show(self.to_s))
            } else {
                format!("{}: 0 s (as programmed) to {}", self.name, show(self.to_s))
            };
            return Err(OutsideValidity { key: "conditions.elapsed", value: show(t), valid });
        }
        let kelvin = conditions.temperature_kelvin;
        if !(ROOM_KELVIN.0..=ROOM_KELVIN.1).contains(&kelvin) {
            return Err(OutsideValidity {
                key: "conditions.temperature",
                value: format!("{kelvin} K"),
                valid: format!(
                    "{} was measured at room temperature: {} K to {} K",
                    self.name, ROOM_KELVIN.0, ROOM_KELVIN.1
                ),
            });
        }
        Ok(())
    }
}

/// What counts as room temperature, in kelvin.
const ROOM_KELVIN: (f64, f64) = (285.0, 315.0);

/// One day, in seconds.
pub(super) const DAY_S: f64 = 86_400.0;

/// A polynomial, lowest power first.
pub(super) fn polynomial(coefficients: &[f64], x: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c)
}

/// 1/f noise that has gathered over a time, relative to its Q: sqrt(ln((t + t_read) / (2 t_read))); 0 for times
/// shorter than a read.
pub(super) fn one_over_f(elapsed_s: f64, t_read_s: f64) -> f64 {
    libm::log((elapsed_s + t_read_s) / (2.0 * t_read_s)).max(0.0).sqrt()
}

/// Draws and closed forms of the devices' tests.
#[cfg(test)]
pub(super) mod check {
    use super::super::{DeviceModel, Held, Patch};
    use crate::spec::Conditions;
    use ohmic_numerics::stats::{deviation, mean};
    use ohmic_numerics::{Cells, Noise, Seed, Site};

    /// Cells of one draw.
    pub(crate) const DRAWS: usize = 1_000_000;

    pub(crate) fn conditions(elapsed_s: f64, t_read_s: f64) -> Conditions {
        Conditions { elapsed_s, temperature_kelvin: 300.0, t_read_s }
    }

    /// Mean and standard deviation in microsiemens of [`DRAWS`] cells of one target, programmed and aged.
    pub(crate) fn drawn(device: &dyn DeviceModel, target_us: f64, conditions: &Conditions) -> (f64, f64) {
        let noise = Noise::new(Seed(11));
        let targets = vec![(target_us * 1e-6) as f32; DRAWS];
        let mut g = targets.clone();
        let at = Cells { site: Site { layer: 1, block: 2 }, first: 0 };
        let patch = Patch::row(DRAWS, at, &noise);
        device.program(&mut g, &patch, 0);
        device.age(&mut g, &targets, &patch, conditions);
        let g: Vec<f64> = g.iter().map(|g| f64::from(*g) * 1e6).collect();
        (mean(&g), deviation(&g))
    }

    /// Mean and sigma of the draws within five standard errors of what is expected, in microsiemens.
    pub(crate) fn agrees(device: &dyn DeviceModel, target_us: f64, at: &Conditions, mean: f64, sigma: f64) {
        let (m, s) = drawn(device, target_us, at);
        let n = DRAWS as f64;
        let about = format!("{target_us} uS after {} s", at.elapsed_s);
        // f32 conductances add a few 1e-7 of the mean
        assert!((m - mean).abs() < 5.0 * sigma / n.sqrt() + 1e-6 * mean, "{about}: mean {m}, not {mean}");
        assert!((s - sigma).abs() < 5.0 * sigma / (2.0 * n).sqrt() + 1e-6, "{about}: sigma {s}, not {sigma}");
    }

    /// Standard deviation of a read in microsiemens, of a cell that was programmed to its target.
    pub(crate) fn read_us(device: &dyn DeviceModel, programmed_us: f64, now_us: f64, at: &Conditions) -> f64 {
        let held = Held {
            g_target_siemens: (programmed_us * 1e-6) as f32,
            g_programmed_siemens: (programmed_us * 1e-6) as f32,
            g_siemens: (now_us * 1e-6) as f32,
        };
        device.read_noise().map_or(0.0, |r| f64::from(r.sigma_siemens(held, at)) * 1e6)
    }

    pub(crate) fn near(a: f64, b: f64) {
        assert!((a - b).abs() <= 2e-6 * b.abs() + 1e-12, "{a}, not {b}");
    }
}
