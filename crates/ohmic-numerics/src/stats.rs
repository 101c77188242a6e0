//! Estimates and their uncertainty.

/// Two-sided interval about an estimate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// 97.5 % quantile of the standard normal distribution: the z of a 95 % interval.
const Z95: f64 = 1.959_963_984_540_054;

/// Mean of the values, 0 for none.
pub fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

/// Standard deviation with `n - 1` in the denominator, 0 for fewer than two values.
pub fn deviation(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let m = mean(values);
    (values.iter().map(|v| (v - m) * (v - m)).sum::<f64>() / (values.len() - 1) as f64).sqrt()
}

/// Wilson's 95 % interval for a proportion (E. B. Wilson, JASA 22, 1927), for `hits` of `n`.
///
/// # Panics
/// `hits <= n`, `n > 0`.
pub fn wilson(hits: u64, n: u64) -> Interval {
    assert!(hits <= n && n > 0, "{hits} hits of {n}");
    let (n, p) = (n as f64, hits as f64 / n as f64);
    let z2 = Z95 * Z95;
    let centre = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z95 / (1.0 + z2 / n) * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    Interval { low: (centre - half).max(0.0), high: (centre + half).min(1.0) }
}

/// Half-width of Student's 95 % interval for the mean of independent values; `None` for fewer than two.
pub fn student_half_width(values: &[f64]) -> Option<f64> {
    let n = values.len();
    (n >= 2).then(|| student_quantile(n - 1) * deviation(values) / (n as f64).sqrt())
}

/// 97.5 % quantile of Student's t: a table (Fisher and Yates) to 30 degrees of freedom, then the
/// Cornish-Fisher expansion in 1/df, good to 1e-5 there.
fn student_quantile(df: usize) -> f64 {
    const TABLE: [f64; 30] = [
        12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281, 2.2010, 2.1788,
        2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860, 2.0796, 2.0739, 2.0687, 2.0639,
        2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423,
    ];
    if df <= TABLE.len() {
        return TABLE[df - 1];
    }
    let (z, v) = (Z95, df as f64);
    let (z3, z5) = (z.powi(3), z.powi(5));
    z + (z3 + z) / (4.0 * v) + (5.0 * z5 + 16.0 * z3 + 3.0 * z) / (96.0 * v * v)
}

/// The q-quantile (0..=1) of the values by linear interpolation between order statistics.
///
/// # Panics
/// `values` is not empty, `0 <= q <= 1`, no value is NaN.
pub fn quantile(values: &[f64], q: f64) -> f64 {
    assert!(!values.is_empty() && (0.0..=1.0).contains(&q), "quantile {q} of {} values", values.len());
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = q * (sorted.len() - 1) as f64;
    let (lo, hi) = (at.floor() as usize, at.ceil() as usize);
    sorted[lo] + (sorted[hi] - sorted[lo]) * (at - lo as f64)
}

/// Signal-to-noise ratio in dB: `10 log10(signal power / error power)`; infinite without error.
pub fn snr_db(signal_power: f64, error_power: f64) -> f64 {
    10.0 * libm::log10(signal_power / error_power)
}

/// Effective number of bits of a full-scale sine at this ratio: `(SNR - 1.76) / 6.02`.
pub fn enob_bits(snr_db: f64) -> f64 {
    (snr_db - 1.760_912_59) / 6.020_599_91
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_by_hand() {
        // 90 of 100: centre (0.9 + 0.019207)/(1.038415) = 0.885204, half 1.887455 * sqrt(0.0009+0.000096) = 0.0595
        let i = wilson(90, 100);
        assert!((i.low - 0.825_6).abs() < 1e-4 && (i.high - 0.944_8).abs() < 1e-4, "{i:?}");
        assert!((wilson(10, 10).high - 1.0).abs() < 1e-12);
        assert!(wilson(10, 10).low > 0.72);
    }

    #[test]
    fn student_by_hand() {
        // deviation of 1, 2, 3 is 1; t(2) = 4.3027; / sqrt(3)
        assert!((student_half_width(&[1.0, 2.0, 3.0]).unwrap() - 4.3027 / 3f64.sqrt()).abs() < 1e-9);
        assert_eq!(student_half_width(&[1.0]), None);
        // t(40) = 2.0211, t(120) = 1.9799 (tables)
        assert!((student_quantile(40) - 2.0211).abs() < 1e-4);
        assert!((student_quantile(120) - 1.9799).abs() < 1e-4);
    }

    #[test]
    fn quantiles_and_decibels() {
        assert_eq!(quantile(&[3.0, 1.0, 2.0], 0.5), 2.0);
        assert_eq!(quantile(&[1.0, 2.0], 0.25), 1.25);
        assert!((snr_db(100.0, 1.0) - 20.0).abs() < 1e-12);
        // an ideal 8-bit quantizer of a full-scale sine has 49.93 dB
        assert!((enob_bits(49.925_7) - 8.0).abs() < 1e-3);
    }
}
