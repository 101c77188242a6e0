//! Phase-change memory: programming, drift and 1/f read noise as fitted by Nandakumar et al.

use super::fitted::{
    AGE_SCALE, FITTED_G_MAX, FITTED_G_MIN, Measured, PROGRAM_SCALE, READ_SCALE, Scales, one_over_f,
    polynomial, quiet,
};
use super::{DeviceModel, Held, ON_OFF_RATIO, Patch, ReadNoise, Window};
use crate::component::OutsideValidity;
use crate::spec::Conditions;
use ohmic_config::Kind;
use ohmic_numerics::Purpose;

/// Conductance that the fits are relative to, in siemens.
const FULL: f64 = 25e-6;
const SOURCE: Measured = Measured {
    name: "Nandakumar et al., ICECS 2019",
    low_siemens: 0.0,
    high_siemens: FULL,
    from_s: 0.0,
    to_s: 3.2e7,
};
const CITED: &str =
    "Nandakumar et al., ICECS 2019, as in PCMLikeNoiseModel of the IBM Analog Hardware Acceleration Kit";

pub(super) const KIND: Kind<dyn DeviceModel> = Kind {
    name: "pcm_nandakumar_2019",
    summary: "phase-change memory, 25 uS: programming error, drift of 1 s to 1 year, 1/f read noise",
    example: "g_max = \"25 uS\"\ng_min = \"0 S\"",
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
        Ok(Box::new(PcmNandakumar2019 { window, scales, read }))
    },
};

/// Model, with r = g_target / 25 uS, xi ~ N(0, 1):
///
/// * programming: g_p = max(0, g_target + sigma xi), sigma = 0.26348 + 1.9650 r - 1.1731 r^2 in uS;
/// * ageing: g(t) = g_p ((t + t0) / t0)^-nu with t0 = 20 s, nu = |m + s xi|, one a cell,
///   m = clip(-0.0155 ln r + 0.0244, 0.049, 0.1), s = clip(-0.0125 ln r - 0.0059, 0.008, 0.045);
/// * read: sigma = g(t) Q sqrt(ln((t + t0 + t_read) / (2 t_read))),
///   Q = min(0.0088 / max((g_p / 25 uS)^0.65, 1e-3), 0.2).
///
/// Units: siemens and seconds. r is not below 1e-7 in a logarithm. Programming sigma and Q are those of the state
/// in microsiemens, whatever window is used of it (the kit scales them with its g_max instead). t_read is that of
/// the crossbar; the fit was made with 250 ns.
/// Valid: up to 25 uS, at room temperature, from programming to a year (the power law has no end in the source;
/// a year is what it has been compared with, Joshi et al. 2020).
/// Randomness: `Purpose::Program` and `Purpose::Age`, one draw a cell each.
/// Left out: 1/f noise is the same from read to read over short times; here every read is independent.
#[derive(Debug)]
struct PcmNandakumar2019 {
    window: Window,
    scales: Scales,
    read: Option<Read>,
}

/// Time of the first read after programming, which drift counts from, in seconds.
const T0_S: f64 = 20.0;

/// Standard deviation of programming, in siemens.
fn programming(r: f64) -> f64 {
    1e-6 * polynomial(&[0.26348, 1.9650, -1.1731], r)
}

/// Mean and standard deviation of the drift exponent.
fn exponent(r: f64) -> (f64, f64) {
    let ln = libm::log(r.max(1e-7));
    ((-0.0155 * ln + 0.0244).clamp(0.049, 0.1), (-0.0125 * ln - 0.0059).clamp(0.008, 0.045))
}

fn q(r_programmed: f64) -> f64 {
    (0.0088 / libm::pow(r_programmed, 0.65).max(1e-3)).min(0.2)
}

impl DeviceModel for PcmNandakumar2019 {
    fn window(&self) -> Window {
        self.window
    }

    fn holds(&self, conditions: &Conditions) -> Result<(), OutsideValidity> {
        SOURCE.holds(conditions)
    }

    fn program(&self, g_siemens: &mut [f32], patch: &Patch<'_>, attempt: u32) {
        if self.scales.program > 0.0 {
            patch.for_each_normal(g_siemens, Purpose::Program, attempt, |g, z| {
                let target = f64::from(*g);
                let sigma = self.scales.program * programming(target / FULL);
                *g = (target + sigma * f64::from(z)).max(0.0) as f32;
            });
        }
    }

    fn age(&self, g_siemens: &mut [f32], targets: &[f32], patch: &Patch<'_>, conditions: &Conditions) {
        if conditions.elapsed_s <= 0.0 || self.scales.age <= 0.0 {
            return;
        }
        let ln = libm::log((conditions.elapsed_s + T0_S) / T0_S);
        let mut targets = targets.iter();
        patch.for_each_normal(g_siemens, Purpose::Age, 0, |g, z| {
            let (mean, sigma) = exponent(f64::from(*targets.next().unwrap_or(g)) / FULL);
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
    scale: f64,
}

impl ReadNoise for Read {
    fn sigma_siemens(&self, cell: Held, conditions: &Conditions) -> f32 {
        let gathered = one_over_f(conditions.elapsed_s + T0_S, conditions.t_read_s);
        let q = q(f64::from(cell.g_programmed_siemens) / FULL);
        (self.scale * f64::from(cell.g_siemens) * q * gathered) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::super::fitted::check::{agrees, conditions, near, read_us};
    use super::*;

    /// At r = 0.5: 0.26348 + 0.98250 - 0.293275 = 0.952705 uS; at r = 1: 1.05538 uS.
    #[test]
    fn programming_sigma_is_the_published_one() {
        near(programming(0.5), 0.952_705e-6);
        near(programming(1.0), 1.055_38e-6);
        let device = KIND.build_text(KIND.example).unwrap();
        let fresh = conditions(0.0, 250e-9);
        agrees(device.as_ref(), 12.5, &fresh, 12.5, 0.952_705);
        agrees(device.as_ref(), 25.0, &fresh, 25.0, 1.055_38);
    }

    /// r = 0.5: ln r = -0.693147: m = 0.0351438 -> 0.049 (clipped), s = 0.00276434 -> 0.008. r = 0.05:
    /// ln r = -2.995732: m = 0.0708339, s = 0.0315467. r = 0.001: ln r = -6.907755: m = 0.131470 -> 0.1,
    /// s = 0.0804469 -> 0.045.
    #[test]
    fn drift_is_the_published_one() {
        for (r, m, s) in [(0.5, 0.049, 0.008), (0.05, 0.070_833_85, 0.031_546_65), (0.001, 0.1, 0.045)] {
            near(exponent(r).0, m);
            near(exponent(r).1, s);
        }
        // without programming error g(t) / g is lognormal as long as nu > 0 (6 sigma away at r = 0.5):
        // L = ln((86400 + 20) / 20) = 8.371242, mean exp(-m L + (s L)^2 / 2), sigma mean * sqrt(exp((s L)^2) - 1)
        let device = KIND.build_text("program_scale = 0.0").unwrap();
        let day = conditions(86_400.0, 250e-9);
        let l = (86_420.0f64 / 20.0).ln();
        let mean = 12.5 * (-0.049 * l + (0.008 * l).powi(2) / 2.0).exp();
        agrees(device.as_ref(), 12.5, &day, mean, mean * ((0.008 * l).powi(2).exp() - 1.0).sqrt());
        // a year costs what the exponent says: 12.5 uS (1578120)^-0.049 = 12.5 * 0.49694
        let year = conditions(31_562_380.0, 250e-9);
        let l = (31_562_400.0f64 / 20.0).ln();
        let mean = 12.5 * (-0.049 * l + (0.008 * l).powi(2) / 2.0).exp();
        assert!((mean / 12.5 - 0.500).abs() < 0.002, "{mean}");
        agrees(device.as_ref(), 12.5, &year, mean, mean * ((0.008 * l).powi(2).exp() - 1.0).sqrt());
    }

    /// Q(r = 1) = 0.0088; at t = 0, t_read = 250 ns: sqrt(ln(20.00000025 / 5e-7)) = sqrt(17.504390) = 4.183825;
    /// 25 uS * 0.0088 * 4.183825 = 0.920442 uS. Q(r = 0.25) = 0.0088 / 0.25^0.65 = 0.0216681;
    /// Q of nothing is 0.2.
    #[test]
    fn read_noise_is_the_published_one() {
        let device = KIND.build_text(KIND.example).unwrap();
        near(read_us(device.as_ref(), 25.0, 25.0, &conditions(0.0, 250e-9)), 0.920_441_6);
        assert!((q(0.25) - 0.021_668).abs() < 1e-6 && q(0.0).to_bits() == 0.2f64.to_bits());
        // it gathers with time and follows what drift left
        let later = read_us(device.as_ref(), 25.0, 15.0, &conditions(86_400.0, 250e-9));
        near(later, 15.0 * 0.0088 * ((86_420.0f64 + 250e-9) / 500e-9).ln().sqrt());
        assert_eq!(read_us(device.as_ref(), 0.0, 0.0, &conditions(0.0, 250e-9)).to_bits(), 0);
    }

    #[test]
    fn what_the_source_does_not_cover_is_refused() {
        let e = KIND.build_text("g_max = '50 uS'").unwrap_err().to_string();
        assert!(e.contains("`pcm_nandakumar_2019.g_max`: 50 uS") && e.contains("0 S to 25 uS"), "{e}");
        let device = KIND.build_text(KIND.example).unwrap();
        let e = device.holds(&conditions(1e9, 1e-7)).unwrap_err();
        assert_eq!((e.key, e.value.as_str()), ("conditions.elapsed", "1000000000 s"));
        assert!(e.valid.contains("32000000 s"), "{}", e.valid);
        let hot = Conditions { temperature_kelvin: 358.0, ..conditions(0.0, 1e-7) };
        assert_eq!(device.holds(&hot).unwrap_err().key, "conditions.temperature");
        assert!(device.holds(&conditions(3.1e7, 1e-7)).is_ok());
    }
}
