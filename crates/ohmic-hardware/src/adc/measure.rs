//! What a converter is said to be worth: differential and integral error, effective bits.

use super::transfer::Transfer;

/// Differential error of each code between two finite decisions, in steps: its width less one.
pub fn dnl(transfer: &Transfer) -> Vec<f64> {
    transfer
        .thresholds
        .windows(2)
        .filter(|t| t[0].is_finite() && t[1].is_finite())
        .map(|t| t[1] - t[0] - 1.0)
        .collect()
}

/// Integral error of each code between two decisions, in steps: what it is taken to mean less the middle of the
/// sums that give it. After a calibration, what that leaves.
pub fn inl(transfer: &Transfer, fraction_bits: u32) -> Vec<f64> {
    let scale = f64::from(1u32 << fraction_bits);
    transfer
        .thresholds
        .windows(2)
        .zip(&transfer.values[1..])
        .filter(|(t, _)| t[0].is_finite() && t[1].is_finite() && t[1] > t[0])
        .map(|(t, &value)| f64::from(value) / scale - 0.5 * (t[0] + t[1]))
        .collect()
}

/// The largest magnitude of [`inl`], in steps.
pub fn worst_inl(transfer: &Transfer, fraction_bits: u32) -> f64 {
    inl(transfer, fraction_bits).into_iter().fold(0.0, |worst, e| worst.max(e.abs()))
}

/// Effective number of bits under a sine of full scale, with Gaussian input noise of `sigma_lsb` steps.
///
/// The sine is centred in the codes and as high as they reach, half a step beyond the first and the last. What the
/// converter gives is averaged over the noise in closed form and over the sine at 64 phases a code; the best gain
/// and offset are taken off (IEEE 1241, four-parameter fit with known frequency and phase), the rest is error:
/// `ENOB = log2( signal / error / 1.5 ) / 2` in powers.
pub fn enob(transfer: &Transfer, fraction_bits: u32, sigma_lsb: f64) -> f64 {
    let codes = transfer.values.len();
    let scale = f64::from(1u32 << fraction_bits);
    let value = |k: usize| f64::from(transfer.values[k]) / scale;
    let (amplitude, middle) = (0.5 * codes as f64, 0.5 * (value(0) + value(codes - 1)));
    let phases = 64 * codes;
    let (mut mean, mut square, mut along) = (0.0, 0.0, 0.0);
    for p in 0..phases {
        let sine = libm::sin(std::f64::consts::TAU * (p as f64 + 0.5) / phases as f64);
        let sum = middle + amplitude * sine;
        let (first, second) = moments(transfer, &value, sum, sigma_lsb);
        mean += first;
        square += second;
        along += first * sine;
    }
    let n = phases as f64;
    let (mean, square, along) = (mean / n, square / n, along / n);
    // a sine has a mean square of 1/2
    let gain = 2.0 * along;
    let error = square - mean * mean - 0.5 * gain * gain;
    0.5 * libm::log2(0.5 * gain * gain / error / 1.5)
}

/// Mean and mean square of what the converter gives for a sum with noise.
fn moments(transfer: &Transfer, value: &impl Fn(usize) -> f64, sum: f64, sigma: f64) -> (f64, f64) {
    let thresholds = &transfer.thresholds;
    if sigma <= 0.0 {
        let v = value(thresholds.partition_point(|&t| t <= sum));
        return (v, v * v);
    }
    // beyond 9 sigma nothing is left of 1 in double precision
    let first = thresholds.partition_point(|&t| t <= sum - 9.0 * sigma);
    let last = thresholds.partition_point(|&t| t <= sum + 9.0 * sigma);
    let below = |t: f64| 0.5 * libm::erfc((sum - t) / (sigma * std::f64::consts::SQRT_2));
    let (mut mean, mut square, mut before) = (0.0, 0.0, 0.0);
    for k in first..=last {
        let upto = thresholds.get(k).filter(|_| k < last).map_or(1.0, |&t| below(t));
        let (v, p) = (value(k), upto - before);
        mean += p * v;
        square += p * v * v;
        before = upto;
    }
    (mean, square)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adc::transfer::{Calibrated, nominal_decisions, transfers};

    fn ideal(bits: u32) -> Transfer {
        transfers(&[nominal_decisions(bits)], 0, None, Calibrated::No, 0).remove(0)
    }

    /// An ideal converter has nearly the bits it has: a sine dwells at its ends, where 1/12 is not the mean error of a
    /// code, which costs less with every bit. Noise of a tenth adds 0.01 to 1/12: 0.5 log2(1.12) = 0.0817 bits less.
    #[test]
    fn ideal_converters_have_all_their_bits() {
        let mut last = 0.05;
        for bits in [6, 8, 10] {
            let quiet = enob(&ideal(bits), 0, 0.0);
            let off = f64::from(bits) - quiet;
            assert!(off.abs() < last, "{bits}: {quiet}");
            last = off.abs();
            let noisy = enob(&ideal(bits), 0, 0.1);
            assert!((quiet - noisy - 0.0817).abs() < 0.02, "{bits}: {quiet} {noisy}");
        }
    }

    /// By hand: codes 0 to 3 with decisions at 0.5, 1.75, 2.5.
    #[test]
    fn errors_by_hand() {
        let t = Transfer { thresholds: vec![0.5, 1.75, 2.5], values: vec![0, 1, 2, 3] };
        assert_eq!(dnl(&t), [0.25, -0.25]);
        assert_eq!(inl(&t, 0), [1.0 - 1.125, 2.0 - 2.125]);
        assert!((worst_inl(&t, 0) - 0.125).abs() < 1e-12);
    }
}
