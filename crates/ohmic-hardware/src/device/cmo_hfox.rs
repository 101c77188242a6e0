//! Filamentary ReRAM with a conductive metal-oxide layer (CMO/HfOx), programmed into a narrow band.

use super::fitted::{
    AGE_SCALE, FITTED_G_MAX, FITTED_G_MIN, Measured, PROGRAM_SCALE, READ_SCALE, Scales, one_over_f,
    polynomial,
};
use super::{DeviceModel, Held, ON_OFF_RATIO, Patch, ReadNoise, Window};
use crate::component::OutsideValidity;
use crate::spec::Conditions;
use ohmic_config::{KeyDoc, Kind};
use ohmic_numerics::Purpose;

const SOURCE: Measured = Measured {
    name: "Falcone et al. (CMO/HfOx)",
    low_siemens: 9e-6,
    high_siemens: 88.19e-6,
    from_s: 1.0,
    to_s: 3.16e8,
};
const CITED: &str = "Falcone et al., arXiv 2502.04524 (2025), as in ReRamCMONoiseModel of the IBM Analog Hardware \
                     Acceleration Kit";
const ACCEPTANCE: KeyDoc = KeyDoc::choice(
    "acceptance",
    &[
        ("2%", "written until within 2 % of the target: sigma 0.01122 uS + 0.01129 g"),
        ("0.2%", "written until within 0.2 % of the target: sigma 0.000811 uS + 0.00107 g"),
    ],
    "band about the target in which programming stops",
)
.source(CITED);

pub(super) const KIND: Kind<dyn DeviceModel> = Kind {
    name: "cmo_hfox",
    summary: "CMO/HfOx ReRAM, 9 to 88 uS: programmed to 2 % or 0.2 %, relaxation of 1 s to 10 years, 1/f read noise",
    example: "acceptance = \"2%\"\ng_max = \"88 uS\"\ng_min = \"9 uS\"",
    quiet: Some("acceptance = \"2%\"\nprogram_scale = 0.0\nage_scale = 0.0\nread_scale = 0.0"),
    keys: &[
        ACCEPTANCE,
        FITTED_G_MAX,
        FITTED_G_MIN,
        ON_OFF_RATIO,
        PROGRAM_SCALE.source(CITED),
        AGE_SCALE.source(CITED),
        READ_SCALE.source(CITED),
    ],
    build: |s| {
        let coefficients = match s.choice(&ACCEPTANCE)? {
            "2%" => [0.01122e-6, 0.01129],
            _ => [0.000811e-6, 0.00107],
        };
        let (window, scales) = (SOURCE.window(s)?, Scales::read(s)?);
        let read = (scales.read > 0.0).then_some(Read { scale: scales.read });
        Ok(Box::new(CmoHfox { window, coefficients, scales, read }))
    },
};

/// Model, with xi ~ N(0, 1), t in seconds, conductances in microsiemens in the logarithm:
///
/// * programming: g_p = max(0, g_target + (c0 + c1 g_target) xi), c0 and c1 by acceptance;
/// * ageing: g(t) = max(0, g_p - 0.0890 uS ln t + (0.0420 ln t + 0.4118) uS xi'), the same for all states; as programmed
///   at t = 0;
/// * read: sigma = 0.02773 uS log10(g(t) / 1 uS) sqrt(ln((t + t_read) / (2 t_read))), nothing at t = 0.
///
/// Units: siemens and seconds. t_read is that of the crossbar; the fit was made with 1 us.
/// Valid: 9 to 88.19 uS, at room temperature, 0 s and 1 s to 10 years, which is where the source extrapolates to.
/// Randomness: `Purpose::Program` and `Purpose::Age`, one draw a cell each.
/// Left out: the source cuts conductances off at its window; here they may leave it.
#[derive(Debug)]
struct CmoHfox {
    window: Window,
    coefficients: [f64; 2],
    scales: Scales,
    read: Option<Read>,
}

impl DeviceModel for CmoHfox {
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
                let sigma = self.scales.program * polynomial(&self.coefficients, target);
                *g = (target + sigma * f64::from(z)).max(0.0) as f32;
            });
        }
    }

    fn age(&self, g_siemens: &mut [f32], _: &[f32], patch: &Patch<'_>, conditions: &Conditions) {
        if conditions.elapsed_s <= 0.0 || self.scales.age <= 0.0 {
            return;
        }
        let ln = libm::log(conditions.elapsed_s);
        let (shift, sigma) = (-0.0890e-6 * ln, (0.0420 * ln + 0.4118) * 1e-6);
        patch.for_each_normal(g_siemens, Purpose::Age, 0, |g, z| {
            let change = self.scales.age * (shift + sigma * f64::from(z));
            *g = (f64::from(*g) + change).max(0.0) as f32;
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
        if conditions.elapsed_s <= 0.0 {
            return 0.0;
        }
        // the logarithm is that of a state of 1 uS or more; below, the fit has no noise
        let state = libm::log10(f64::from(cell.g_siemens).max(1e-6) * 1e6);
        let gathered = one_over_f(conditions.elapsed_s, conditions.t_read_s);
        (self.scale * 0.02773e-6 * state * gathered) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::super::fitted::check::{agrees, conditions, near, read_us};
    use super::*;

    /// 50 uS: 2 %: 0.01122 + 0.5645 = 0.57572; 0.2 %: 0.000811 + 0.0535 = 0.054311 uS.
    #[test]
    fn programming_sigma_is_the_published_one() {
        let fresh = conditions(0.0, 1e-6);
        for (acceptance, sigma) in [("2%", 0.575_72), ("0.2%", 0.054_311)] {
            let device = KIND.build_text(&format!("acceptance = '{acceptance}'")).unwrap();
            agrees(device.as_ref(), 50.0, &fresh, 50.0, sigma);
        }
    }

    /// After e^10 s: mean 50 - 0.890, sigma 0.420 + 0.4118 = 0.8318 uS; after 1 s: 50 and 0.4118.
    #[test]
    fn relaxation_is_the_published_one() {
        let device = KIND.build_text("acceptance = '0.2%'\nprogram_scale = 0.0").unwrap();
        agrees(device.as_ref(), 50.0, &conditions(10f64.exp(), 1e-6), 49.11, 0.8318);
        agrees(device.as_ref(), 50.0, &conditions(1.0, 1e-6), 50.0, 0.4118);
        // both together add in variance
        let both = KIND.build_text("acceptance = '2%'").unwrap();
        let sigma = (0.575_72f64.powi(2) + 0.4118f64.powi(2)).sqrt();
        agrees(both.as_ref(), 50.0, &conditions(1.0, 1e-6), 50.0, sigma);
    }

    /// 10 uS after 1 s, t_read 1 us: 0.02773 * 1 * sqrt(ln(1.000001 / 2e-6)) = 0.02773 * 3.622485 = 0.1004515 uS.
    #[test]
    fn read_noise_is_the_published_one() {
        let device = KIND.build_text(KIND.example).unwrap();
        near(
            read_us(device.as_ref(), 10.0, 10.0, &conditions(1.0, 1e-6)),
            0.02773 * (1.000_001f64 / 2e-6).ln().sqrt(),
        );
        assert!((0.02773 * (1.000_001f64 / 2e-6).ln().sqrt() - 0.100_45).abs() < 1e-5);
        assert_eq!(read_us(device.as_ref(), 10.0, 10.0, &conditions(0.0, 1e-6)).to_bits(), 0);
    }

    #[test]
    fn what_the_source_does_not_cover_is_refused() {
        for text in ["acceptance = '2%'\ng_min = '5 uS'", "acceptance = '2%'\ng_max = '90 uS'"] {
            let e = KIND.build_text(text).unwrap_err().to_string();
            assert!(e.contains("9 uS to 88.19 uS"), "{e}");
        }
        assert!(KIND.build_text("acceptance = '1%'").is_err());
        let device = KIND.build_text(KIND.example).unwrap();
        assert!(
            device.holds(&conditions(0.1, 1e-6)).is_err() && device.holds(&conditions(4e8, 1e-6)).is_err()
        );
    }
}
