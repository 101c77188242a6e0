//! What write-verify comes to when a single pulse has a Gaussian error: in closed form.

/// Means over cells of a write-verify loop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expected {
    /// Probability that a pulse is accepted.
    pub success: f64,
    /// Pulses of a cell.
    pub pulses: f64,
    /// Fraction of cells accepted in the end.
    pub converged: f64,
    /// Standard deviation of the error of accepted cells, in siemens.
    pub accepted_sigma_siemens: f64,
    /// Standard deviation of the error of all cells, in siemens.
    pub sigma_siemens: f64,
}

/// A loop of at most `most_pulses` pulses, each an independent try with a Gaussian error of `sigma_siemens`, read
/// with Gaussian noise of `read_sigma_siemens` and accepted within `band_siemens` of the target; a cell that is
/// never accepted keeps its last try.
///
/// With `s² = sigma² + read²` and `a = band / s`: a try is accepted with `q = erf(a / √2)`; the number of tries is
/// geometric, cut at `N`: mean `(1 − (1 − q)^N) / q`; what is read of accepted cells is a truncated normal of variance
/// `s² (1 − 2 a φ(a) / q)`, of which the cell itself has the part `k = sigma² / s²`: `k² · that + sigma² (1 − k)`.
/// The rejected have what is left of the variance of a single try.
pub fn expected(
    sigma_siemens: f64,
    read_sigma_siemens: f64,
    band_siemens: f64,
    most_pulses: u32,
) -> Expected {
    let (own, read) = (sigma_siemens * sigma_siemens, read_sigma_siemens * read_sigma_siemens);
    let seen = own + read;
    if seen <= 0.0 {
        return Expected {
            success: 1.0,
            pulses: 1.0,
            converged: 1.0,
            accepted_sigma_siemens: 0.0,
            sigma_siemens: 0.0,
        };
    }
    let a = band_siemens / seen.sqrt();
    let q = libm::erf(a * std::f64::consts::FRAC_1_SQRT_2);
    let density = libm::exp(-0.5 * a * a) / (2.0 * std::f64::consts::PI).sqrt();
    let missed = libm::pow(1.0 - q, f64::from(most_pulses));
    let pulses = if q > 0.0 { (1.0 - missed) / q } else { f64::from(most_pulses) };
    let truncated = if q > 0.0 { seen * (1.0 - 2.0 * a * density / q) } else { 0.0 };
    let k = own / seen;
    let inside = (k * k * truncated + own * (1.0 - k)).max(0.0);
    let outside = if q < 1.0 { (own - q * inside) / (1.0 - q) } else { 0.0 };
    Expected {
        success: q,
        pulses,
        converged: 1.0 - missed,
        accepted_sigma_siemens: inside.sqrt(),
        sigma_siemens: ((1.0 - missed) * inside + missed * outside).max(0.0).sqrt(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Band of one sigma: q = 0.6826895 (the 68-95-99.7 rule), phi(1) = 0.2419707, so the variance inside is
    /// 1 - 2 · 0.2419707 / 0.6826895 = 0.2911251; three tries: (1 - 0.3173105³) / 0.6826895 = 1.4179965 pulses;
    /// outside (1 - 0.6826895 · 0.2911251) / 0.3173105 = 2.5251353.
    #[test]
    fn one_sigma_by_hand() {
        let e = expected(1.0, 0.0, 1.0, 3);
        assert!((e.success - 0.682_689_5).abs() < 1e-7);
        assert!((e.pulses - 1.417_996_5).abs() < 2e-6, "{}", e.pulses);
        assert!((e.accepted_sigma_siemens.powi(2) - 0.291_125_1).abs() < 1e-6);
        let missed = 0.317_310_5f64.powi(3);
        assert!((e.converged - (1.0 - missed)).abs() < 1e-7);
        let all = (1.0 - missed) * 0.291_125_1 + missed * 2.525_135_3;
        assert!((e.sigma_siemens.powi(2) - all).abs() < 1e-6);
    }

    /// One pulse is a single try whatever the band; a wide band accepts the first; noise in the read leaves more.
    #[test]
    fn limits() {
        assert!((expected(2.0, 0.5, 0.3, 1).sigma_siemens - 2.0).abs() < 1e-12);
        let wide = expected(1.0, 0.0, 40.0, 9);
        assert!((wide.pulses - 1.0).abs() < 1e-12 && (wide.sigma_siemens - 1.0).abs() < 1e-12);
        assert!(expected(0.0, 0.0, 1.0, 5).sigma_siemens.abs() < 1e-12);
        let never = expected(1.0, 0.0, 0.0, 7);
        assert!((never.pulses - 7.0).abs() < 1e-12 && never.converged.abs() < 1e-12);
        let noisy = expected(1.0, 1.0, 0.5, 100);
        assert!(noisy.accepted_sigma_siemens > expected(1.0, 0.0, 0.5, 100).accepted_sigma_siemens);
        // no band can beat what the read leaves unknown: sigma² (1 - k) = 0.5
        assert!(noisy.accepted_sigma_siemens.powi(2) > 0.5);
    }
}
