//! Drift by a power of time, for devices without a law of their own.

use crate::device::Patch;
use crate::spec::Conditions;
use ohmic_config::{Dimension, Error, KeyDoc, Section};
use ohmic_numerics::Purpose;

pub(crate) const DRIFT_NU: KeyDoc =
    KeyDoc::number("drift_nu", "mean exponent nu of g(t) = g (1 + t / drift_t0)^-nu over the cells")
        .at_least(0.0)
        .at_most(1.0)
        .optional("cells do not drift")
        .source("0.06 for phase-change memory: Joshi et al., Nature Communications 11, 2473 (2020)");
pub(crate) const DRIFT_NU_SIGMA: KeyDoc =
    KeyDoc::number("drift_nu_sigma", "standard deviation of the exponent from cell to cell")
        .at_least(0.0)
        .at_most(1.0)
        .optional("0: all cells drift alike");
pub(crate) const DRIFT_T0: KeyDoc =
    KeyDoc::quantity("drift_t0", Dimension::Time, "time after programming at which drift sets in")
        .above(0.0)
        .at_most(1e6)
        .optional("there is no drift, else it has to be there")
        .source("20 s for phase-change memory: Nandakumar et al., ICECS 2019");

/// Model: g(t) = g (1 + t / t0)^-nu, nu = |nu_mean + nu_sigma z|, z ~ N(0, 1): no cell drifts upwards.
///
/// Randomness: one draw a cell, `Purpose::Age`: the exponent is the cell's own, whatever time has gone by.
/// Left out: exponents that depend on state or temperature, relaxation right after programming.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PowerLaw {
    nu_mean: f64,
    nu_sigma: f64,
    t0_s: f64,
}

impl PowerLaw {
    /// The drift that the keys of a device describe; an exponent of 0 without spread is none.
    pub(crate) fn read(s: &Section<'_>) -> Result<Option<Self>, Error> {
        let nu = s.number_if(&DRIFT_NU)?;
        let t0 = s.quantity_if(&DRIFT_T0)?;
        let nu_sigma = s.number_if(&DRIFT_NU_SIGMA)?;
        let Some(nu_mean) = nu else {
            if let Some(key) =
                [t0.map(|_| &DRIFT_T0), nu_sigma.map(|_| &DRIFT_NU_SIGMA)].iter().flatten().next()
            {
                let help = Some("add `drift_nu`, the mean exponent".to_owned());
                return Err(s.invalid(
                    key.key,
                    "says how cells drift, but not that they do".to_owned(),
                    vec![],
                    help,
                ));
            }
            return Ok(None);
        };
        let Some(t0_s) = t0 else {
            let help = Some("add `drift_t0`, such as \"20 s\"".to_owned());
            return Err(s.invalid(
                DRIFT_NU.key,
                "a power of what time? `drift_t0` is missing".to_owned(),
                vec![],
                help,
            ));
        };
        let nu_sigma = nu_sigma.unwrap_or(0.0);
        Ok((nu_mean > 0.0 || nu_sigma > 0.0).then_some(Self { nu_mean, nu_sigma, t0_s }))
    }

    /// Ages conductances, in place.
    pub(crate) fn age(&self, g_siemens: &mut [f32], patch: &Patch<'_>, conditions: &Conditions) {
        if conditions.elapsed_s <= 0.0 {
            return;
        }
        let ln_time = libm::log1p(conditions.elapsed_s / self.t0_s);
        let factor = |nu: f64| libm::exp(-nu * ln_time) as f32;
        if self.nu_sigma <= 0.0 {
            let factor = factor(self.nu_mean);
            g_siemens.iter_mut().for_each(|g| *g *= factor);
            return;
        }
        patch.for_each_normal(g_siemens, Purpose::Age, 0, |g, z| {
            *g *= factor((self.nu_mean + self.nu_sigma * f64::from(z)).abs());
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::KINDS;
    use ohmic_numerics::{Cells, Noise, Seed, Site};

    const AT: Cells = Cells { site: Site { layer: 1, block: 2 }, first: 5 };

    fn later(elapsed_s: f64) -> Conditions {
        Conditions { elapsed_s, temperature_kelvin: 300.0, t_read_s: 1e-7 }
    }

    fn aged(keys: &str, cells: usize, elapsed_s: f64) -> Result<Vec<f32>, String> {
        let kind = KINDS.iter().find(|k| k.name == "lognormal").ok_or("no such device")?;
        let text = format!("g_min = '1 uS'\ng_max = '25 uS'\nsigma_ln = 0.0\n{keys}");
        let device = kind.build_text(&text).map_err(|e| e.to_string())?;
        let mut g = vec![10e-6f32; cells];
        let targets = g.clone();
        device.age(&mut g, &targets, &Patch::row(cells, AT, &Noise::new(Seed(4))), &later(elapsed_s));
        Ok(g)
    }

    /// (1 + 99 * 20 s / 20 s)^-0.06 = 100^-0.06 = 10^-0.12 = 0.758577575...
    #[test]
    fn power_of_time() {
        let g = aged("drift_nu = 0.06\ndrift_t0 = '20 s'", 3, 1980.0).unwrap();
        assert!(g.iter().all(|g| (f64::from(*g) / 10e-6 - 0.758_577_575).abs() < 1e-6), "{g:?}");
        let fresh = aged("drift_nu = 0.06\ndrift_nu_sigma = 0.02\ndrift_t0 = '20 s'", 3, 0.0).unwrap();
        assert!(fresh.iter().all(|g| g.to_bits() == 10e-6f32.to_bits()), "{fresh:?}");
    }

    /// Exponents of 100 000 cells, from ln g: mean 0.06 +- 5 * 0.02 / sqrt(1e5), sigma 0.02 +- 5 * 0.02 / sqrt(2e5)
    /// (3 sigma from 0, the fold moves the mean by 1.5e-5 and sigma by 4.6e-5).
    #[test]
    fn exponents_are_spread_as_asked_for() {
        let keys = "drift_nu = 0.06\ndrift_nu_sigma = 0.02\ndrift_t0 = '1 s'";
        let g = aged(keys, 100_000, 1e4 - 1.0).unwrap();
        let nu: Vec<f64> = g.iter().map(|g| -(f64::from(*g) / 10e-6).ln() / 1e4f64.ln()).collect();
        let mean = nu.iter().sum::<f64>() / 1e5;
        let sigma = (nu.iter().map(|n| (n - mean).powi(2)).sum::<f64>() / 1e5).sqrt();
        assert!((mean - 0.06).abs() < 3.4e-4, "{mean}");
        assert!((sigma - 0.02).abs() < 2.8e-4, "{sigma}");
        assert!(nu.iter().all(|n| *n > -1e-6));
        // the exponent is the cell's own: a hundred times the time is ln g twice as far
        let before = aged(keys, 100_000, 99.0).unwrap();
        for (a, b) in before.iter().zip(&g) {
            let (a, b) = ((f64::from(*a) / 10e-6).ln(), (f64::from(*b) / 10e-6).ln());
            assert!((2.0 * a - b).abs() < 1e-6, "{a} {b}");
        }
    }

    #[test]
    fn half_a_law_is_refused() {
        for (keys, part) in [
            ("drift_nu = 0.06", "`drift_t0` is missing"),
            ("drift_t0 = '20 s'", "not that they do"),
            ("drift_nu_sigma = 0.02", "not that they do"),
            ("drift_nu = -0.06\ndrift_t0 = '20 s'", "out of range"),
            ("drift_nu = 0.06\ndrift_t0 = '0 s'", "out of range"),
        ] {
            let e = aged(keys, 1, 1.0).unwrap_err();
            assert!(e.contains(part), "{keys}\n{e}");
        }
    }
}
