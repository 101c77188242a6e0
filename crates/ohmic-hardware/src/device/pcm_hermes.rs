//! Phase-change memory of the IBM HERMES chip, with one or two devices a cell.

use super::fitted::{
    AGE_SCALE, FITTED_G_MAX, FITTED_G_MIN, Measured, PROGRAM_SCALE, READ_SCALE, Scales, one_over_f,
    polynomial,
};
use super::{DeviceModel, Held, ON_OFF_RATIO, Patch, ReadNoise, Window};
use crate::component::OutsideValidity;
use crate::spec::Conditions;
use ohmic_config::{KeyDoc, Kind};
use ohmic_numerics::Purpose;

const CITED: &str = "Le Gallo et al., Nature Electronics 2023, as in HermesNoiseModel of the IBM Analog Hardware \
                     Acceleration Kit";
const DEVICES: KeyDoc = KeyDoc::integer(
    "devices",
    1,
    2,
    "phase-change devices in a cell that share its conductance: 10.35 uS with one, 20.7 uS with two",
)
.source(CITED);

/// The fits for one and for two devices a cell.
#[derive(Debug)]
struct Fits {
    source: Measured,
    t0_s: f64,
    /// Standard deviation of programming in microsiemens, powers of r.
    programming: [f64; 4],
    /// Spread of the drift exponent: up to this r, slope and offset in ln r and limits, then powers of r.
    spread: (f64, [f64; 4], [f64; 3]),
    /// Q of 1/f noise, in the same way.
    q: (f64, [f64; 4], [f64; 4]),
}

const ONE: Fits = Fits {
    source: Measured {
        name: "the HERMES chip with one device a cell",
        low_siemens: 0.0,
        high_siemens: 10.35e-6,
        from_s: 0.0,
        to_s: 3.2e7,
    },
    t0_s: 200.0,
    programming: [0.15782, 2.32444, -2.16311, 0.68842],
    spread: (0.3039, [-0.0120, -0.0023, 0.0124, 0.04], [0.0104, 0.0116, -0.0165]),
    q: (0.1591, [-0.0078, 0.0038, 0.0179, 0.04], [0.0088, 0.0768, -0.1352, 0.0664]),
};

const TWO: Fits = Fits {
    source: Measured {
        name: "the HERMES chip with two devices a cell",
        low_siemens: 0.0,
        high_siemens: 20.7e-6,
        from_s: 0.0,
        to_s: 3.2e7,
    },
    t0_s: 300.0,
    programming: [0.16603, 4.71806, -8.48101, 4.68961],
    spread: (0.3055, [-0.0117, -0.0057, 0.0091, 0.04], [0.0073, 0.0093, -0.0118]),
    q: (0.16, [-0.0117, -0.0069, 0.015, 0.04], [0.0123, 0.0211, -0.0280, 0.0069]),
};

impl Fits {
    fn r(&self, g_siemens: f64) -> f64 {
        g_siemens / self.source.high_siemens
    }

    fn programming_siemens(&self, r: f64) -> f64 {
        1e-6 * polynomial(&self.programming, r)
    }

    /// Mean and standard deviation of the drift exponent.
    fn exponent(&self, r: f64) -> (f64, f64) {
        let r = r.max(1e-7);
        let mean = piecewise(r, 0.0945, &[-0.0387, -0.0182, 0.072, 0.13], &[0.0736, -0.0126, -0.0436]);
        (mean, piecewise(r, self.spread.0, &self.spread.1, &self.spread.2))
    }

    fn q(&self, r_programmed: f64) -> f64 {
        piecewise(r_programmed.max(1e-7), self.q.0, &self.q.1, &self.q.2)
    }
}

/// Below `split` slope * ln r + offset between its limits, from there on a polynomial.
fn piecewise(r: f64, split: f64, low: &[f64; 4], high: &[f64]) -> f64 {
    if r < split { (low[0] * libm::log(r) + low[1]).clamp(low[2], low[3]) } else { polynomial(high, r) }
}

pub(super) const KIND: Kind<dyn DeviceModel> = Kind {
    name: "pcm_hermes",
    summary: "phase-change memory of the HERMES chip, one or two devices a cell: programming, drift, 1/f read noise",
    example: "devices = 1\ng_max = \"10 uS\"\ng_min = \"0 S\"",
    quiet: Some("devices = 2\nprogram_scale = 0.0\nage_scale = 0.0\nread_scale = 0.0"),
    keys: &[
        DEVICES,
        FITTED_G_MAX,
        FITTED_G_MIN,
        ON_OFF_RATIO,
        PROGRAM_SCALE.source(CITED),
        AGE_SCALE.source(CITED),
        READ_SCALE.source(CITED),
    ],
    build: |s| {
        let fits = if s.integer(&DEVICES)? == 1 { &ONE } else { &TWO };
        let (window, scales) = (fits.source.window(s)?, Scales::read(s)?);
        let read = (scales.read > 0.0).then_some(Read { fits, scale: scales.read });
        Ok(Box::new(PcmHermes { fits, window, scales, read }))
    },
};

/// Model: as `pcm_nandakumar_2019`, with the fits of [`ONE`] and [`TWO`]; r = g / 10.35 uS or 20.7 uS.
///
/// * programming: cubic sigma(r) in uS; t0 = 200 s with one device, 300 s with two;
/// * drift exponent: mean clip(-0.0387 ln r - 0.0182, 0.072, 0.13) for r < 0.0945, else
///   0.0736 - 0.0126 r - 0.0436 r^2; its spread in the same form;
/// * read: sigma = g(t) Q(g_p) sqrt(ln((t + t0 + t_read) / (2 t_read))).
///
/// Units: siemens and seconds. t_read is that of the crossbar; the fit was made with 512 ns.
/// Valid: up to the largest conductance of the source, at room temperature, from programming to a year (the power
/// law has no end in the source).
/// Randomness: `Purpose::Program` and `Purpose::Age`, one draw a cell each.
/// Left out: with two devices, that one drifts while the other was programmed to compensate it.
#[derive(Debug)]
struct PcmHermes {
    fits: &'static Fits,
    window: Window,
    scales: Scales,
    read: Option<Read>,
}

impl DeviceModel for PcmHermes {
    fn window(&self) -> Window {
        self.window
    }

    fn holds(&self, conditions: &Conditions) -> Result<(), OutsideValidity> {
        self.fits.source.holds(conditions)
    }

    fn program(&self, g_siemens: &mut [f32], patch: &Patch<'_>, attempt: u32) {
        if self.scales.program > 0.0 {
            patch.for_each_normal(g_siemens, Purpose::Program, attempt, |g, z| {
                let target = f64::from(*g);
                let sigma = self.scales.program * self.fits.programming_siemens(self.fits.r(target));
                *g = (target + sigma * f64::from(z)).max(0.0) as f32;
            });
        }
    }

    fn age(&self, g_siemens: &mut [f32], targets: &[f32], patch: &Patch<'_>, conditions: &Conditions) {
        if conditions.elapsed_s <= 0.0 || self.scales.age <= 0.0 {
            return;
        }
        let ln = libm::log((conditions.elapsed_s + self.fits.t0_s) / self.fits.t0_s);
        let mut targets = targets.iter();
        patch.for_each_normal(g_siemens, Purpose::Age, 0, |g, z| {
            let target = f64::from(*targets.next().unwrap_or(g));
            let (mean, sigma) = self.fits.exponent(self.fits.r(target));
            let nu = self.scales.age * (mean + sigma * f64::from(z)).abs();
            *g = (f64::from(*g) * libm::exp(-nu * ln)) as f32;
        });
    }

    fn read_noise(&self) -> Option<&dyn ReadNoise> {
        self.read.as_ref().map(|r| r as &dyn ReadNoise)
    }
}

#[derive(Debug)]
struct Read {
    fits: &'static Fits,
    scale: f64,
}

impl ReadNoise for Read {
    fn sigma_siemens(&self, cell: Held, conditions: &Conditions) -> f32 {
        let gathered = one_over_f(conditions.elapsed_s + self.fits.t0_s, conditions.t_read_s);
        let q = self.fits.q(self.fits.r(f64::from(cell.g_programmed_siemens)));
        (self.scale * f64::from(cell.g_siemens) * q * gathered) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::super::fitted::check::{agrees, conditions, near, read_us};
    use super::*;

    /// Two devices, r = 0.5: 0.16603 + 2.35903 - 2.1202525 + 0.58620125 = 0.99100875 uS at 10.35 uS; r = 1: 1.09269.
    /// One device, r = 1: 0.15782 + 2.32444 - 2.16311 + 0.68842 = 1.00757 uS at 10.35 uS.
    #[test]
    fn programming_sigma_is_the_published_one() {
        near(TWO.programming_siemens(0.5), 0.991_008_75e-6);
        let fresh = conditions(0.0, 512e-9);
        let two = KIND.build_text("devices = 2").unwrap();
        agrees(two.as_ref(), 10.35, &fresh, 10.35, 0.991_008_75);
        agrees(two.as_ref(), 20.7, &fresh, 20.7, 1.092_69);
        let one = KIND.build_text("devices = 1").unwrap();
        agrees(one.as_ref(), 10.35, &fresh, 10.35, 1.007_57);
    }

    /// r = 1: m = 0.0736 - 0.0126 - 0.0436 = 0.0174; s of two devices 0.0073 + 0.0093 - 0.0118 = 0.0048, of one
    /// 0.0104 + 0.0116 - 0.0165 = 0.0055. r = 0.5: m = 0.0736 - 0.0063 - 0.0109 = 0.0564, s (two) = 0.0073 +
    /// 0.00465 - 0.00295 = 0.0090. r = 0.01: ln r = -4.605170: m = 0.160020 -> 0.13, s (one) = 0.052962 -> 0.04.
    #[test]
    fn drift_is_the_published_one() {
        for (fits, r, m, s) in [
            (&TWO, 1.0, 0.0174, 0.0048),
            (&ONE, 1.0, 0.0174, 0.0055),
            (&TWO, 0.5, 0.0564, 0.0090),
            (&ONE, 0.01, 0.13, 0.04),
        ] {
            near(fits.exponent(r).0, m);
            near(fits.exponent(r).1, s);
        }
        let device = KIND.build_text("devices = 2\nprogram_scale = 0.0").unwrap();
        let l = (86_700.0f64 / 300.0).ln();
        let mean = 10.35 * (-0.0564 * l + (0.009 * l).powi(2) / 2.0).exp();
        let sigma = mean * ((0.009 * l).powi(2).exp() - 1.0).sqrt();
        agrees(device.as_ref(), 10.35, &conditions(86_400.0, 512e-9), mean, sigma);
    }

    /// Two devices, r = 1: Q = 0.0123 + 0.0211 - 0.0280 + 0.0069 = 0.0123. One, r = 0.1: ln r = -2.302585:
    /// 0.0179602 + 0.0038 = 0.0217602. t0 = 300 s and t_read = 512 ns: sqrt(ln(300 / 1.024e-6)).
    #[test]
    fn read_noise_is_the_published_one() {
        near(TWO.q(1.0), 0.0123);
        near(ONE.q(0.1), 0.021_760_163);
        let device = KIND.build_text("devices = 2").unwrap();
        let want = 20.7 * 0.0123 * (300.0f64 / 1.024e-6).ln().sqrt();
        near(read_us(device.as_ref(), 20.7, 20.7, &conditions(0.0, 512e-9)), want);
    }

    #[test]
    fn what_the_source_does_not_cover_is_refused() {
        let e = KIND.build_text("devices = 1\ng_max = '20.7 uS'").unwrap_err().to_string();
        assert!(e.contains("`pcm_hermes.g_max`: 20.7 uS") && e.contains("0 S to 10.35 uS"), "{e}");
        assert!(KIND.build_text("devices = 2\ng_max = '20.7 uS'").is_ok());
        assert!(KIND.build_text("devices = 3").is_err());
    }
}
