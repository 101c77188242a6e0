//! How well a distribution describes measured values.

use ohmic_numerics::stats::{deviation, mean};

/// Distances between the values and the distributions with their mean and standard deviation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Goodness {
    /// Number of values.
    pub n: usize,
    /// Largest distance between the cumulative distributions: the values' and the normal one's (Kolmogorov).
    pub ks_normal: f64,
    /// The same for the lognormal distribution; `None` if a value is 0.
    pub ks_lognormal: Option<f64>,
    /// Distance that 5 % of samples from the distribution itself exceed, mean and sigma being found from the
    /// sample: 0.895 / (sqrt(n) - 0.01 + 0.85 / sqrt(n)), Stephens, JASA 69 (1974) 730.
    pub ks_limit: f64,
    /// Pearson's chi-squared of the normal distribution, in bins of equal probability.
    pub chi2_normal: f64,
    /// Its degrees of freedom: bins - 3.
    pub chi2_freedom: usize,
    /// Value that 5 % of samples from a normal distribution exceed (Wilson and Hilferty, PNAS 17 (1931) 684).
    pub chi2_limit: f64,
}

impl Goodness {
    /// Of ascending values, at least two of them different.
    pub(super) fn of(sorted: &[f64]) -> Self {
        let n = sorted.len();
        let root = (n as f64).sqrt();
        let logs: Option<Vec<f64>> = sorted.iter().map(|v| (*v > 0.0).then(|| libm::log(*v))).collect();
        // five values or more expected in a bin
        let bins = (n / 5).clamp(4, 20);
        let freedom = bins - 3;
        let (m, s) = (mean(sorted), deviation(sorted));
        let mut counts = vec![0usize; bins];
        for v in sorted {
            counts[((normal_cdf((v - m) / s) * bins as f64) as usize).min(bins - 1)] += 1;
        }
        let expected = n as f64 / bins as f64;
        let k = 2.0 / (9.0 * freedom as f64);
        Self {
            n,
            ks_normal: kolmogorov(sorted),
            ks_lognormal: logs.map(|logs| kolmogorov(&logs)),
            ks_limit: 0.895 / (root - 0.01 + 0.85 / root),
            chi2_normal: counts.iter().map(|&c| (c as f64 - expected).powi(2) / expected).sum(),
            chi2_freedom: freedom,
            chi2_limit: freedom as f64 * (1.0 - k + 1.644_854 * k.sqrt()).powi(3),
        }
    }
}

/// Distance of ascending values from the normal distribution with their mean and standard deviation.
fn kolmogorov(sorted: &[f64]) -> f64 {
    let (m, s, n) = (mean(sorted), deviation(sorted), sorted.len() as f64);
    let distance = |(i, v): (usize, &f64)| {
        let p = normal_cdf((v - m) / s);
        (p - i as f64 / n).max((i + 1) as f64 / n - p)
    };
    sorted.iter().enumerate().map(distance).fold(0.0, f64::max)
}

/// Probability of a standard normal deviate below `z`.
pub(super) fn normal_cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2)
}

/// The standard normal deviate that a share `p` of 0 to 1 lies below; by bisection, within +-9.
pub fn normal_quantile(p: f64) -> f64 {
    let (mut low, mut high) = (-9.0, 9.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if normal_cdf(middle) < p { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ohmic_numerics::{Cells, Noise, Purpose, Seed, Site};

    #[test]
    fn quantiles_of_the_normal_distribution() {
        // tables of the normal distribution
        for (p, z) in [(0.5, 0.0), (0.975, 1.959_964), (0.001, -3.090_232)] {
            assert!((normal_quantile(p) - z).abs() < 1e-6, "{p}");
        }
    }

    /// Values at the centres of n shares of a normal distribution are half a step from it everywhere; one of
    /// four shares is moved: by hand.
    #[test]
    fn distance_by_hand() {
        // mean 0, deviation 1: z of three values -1, 0, 1; Phi = 0.158655, 0.5, 0.841345. Steps at 1/3, 2/3, 1:
        // 0.1587 (below), 1/3 - 0.1587 = 0.1747, 0.5 - 1/3 = 1/6, 0.8413 - 2/3 = 0.1747
        assert!((kolmogorov(&[-1.0, 0.0, 1.0]) - (1.0 / 3.0 - 0.158_655_25)).abs() < 1e-7);
    }

    /// Of 2000 samples of 100 normal values, 5 % exceed each limit: 100 +- 5 sqrt(95).
    #[test]
    fn one_in_twenty_normal_samples_is_beyond_the_limits() {
        let noise = Noise::new(Seed(5));
        let (mut ks, mut chi2) = (0u32, 0u32);
        for sample in 0..2000 {
            let mut z = [0f32; 100];
            let at = Cells { site: Site { layer: 0, block: sample }, first: 0 };
            noise.fill_normal(Purpose::Data, at, 0, &mut z);
            let mut z: Vec<f64> = z.iter().map(|z| f64::from(*z)).collect();
            z.sort_by(f64::total_cmp);
            let g = Goodness::of(&z);
            ks += u32::from(g.ks_normal > g.ks_limit);
            chi2 += u32::from(g.chi2_normal > g.chi2_limit);
        }
        assert!(ks.abs_diff(100) < 49, "{ks}");
        // with parameters found from the values, not from the bins, chi-squared lies between bins - 3 and bins - 1
        // degrees of freedom (Chernoff and Lehmann, 1954): a little more than 5 %
        assert!((60..220).contains(&chi2), "{chi2}");
    }

    /// exp of normal values: lognormal fits, normal does not.
    #[test]
    fn lognormal_values_are_told_from_normal_ones() {
        let mut z = vec![0f32; 1000];
        let at = Cells { site: Site { layer: 0, block: 0 }, first: 0 };
        Noise::new(Seed(2)).fill_normal(Purpose::Data, at, 0, &mut z);
        let mut g: Vec<f64> = z.iter().map(|z| libm::exp(0.5 * f64::from(*z))).collect();
        g.sort_by(f64::total_cmp);
        let fit = Goodness::of(&g);
        assert!(
            fit.ks_normal > 2.0 * fit.ks_limit && fit.ks_lognormal.unwrap() < 1.2 * fit.ks_limit,
            "{fit:?}"
        );
        assert!(fit.chi2_normal > 2.0 * fit.chi2_limit);
    }
}
