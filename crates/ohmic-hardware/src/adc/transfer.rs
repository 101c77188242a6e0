//! Converters that are not exactly uniform: where each one decides, and what its codes are taken to mean.
//!
//! Everything here is in steps of the nominal grid. Code `k` of a nominal converter stands for the sum `k`; the
//! step from code `k - 1` to code `k` is decided at `k - 1/2`.

use ohmic_numerics::{Noise, Purpose, Site};
use std::fmt::Debug;

/// The place of converters in the address of a draw: no layer has this index.
const CONVERTERS: u32 = 0x00ff_fffe;

/// The most bits of a converter whose decisions are held one by one.
pub const MOST_BITS: u32 = 12;

/// One physical converter: all columns that take turns at it share its errors.
#[derive(Clone, Copy, Debug)]
pub struct Instance<'a> {
    /// The chip instance's source.
    pub noise: &'a Noise,
    /// Its crossbar, counted over the whole network.
    pub crossbar: u32,
    /// Which of the crossbar's converters.
    pub index: u32,
}

impl Instance<'_> {
    /// A standard normal deviate that belongs to this converter.
    pub fn normal(&self, number: u32) -> f64 {
        self.drawn(self.index, number)
    }

    /// One that all converters of the crossbar share.
    pub fn shared_normal(&self, number: u32) -> f64 {
        self.drawn(u32::MAX, number)
    }

    fn drawn(&self, draw: u32, number: u32) -> f64 {
        let at = Site { layer: CONVERTERS, block: self.crossbar };
        f64::from(self.noise.normal(Purpose::Device, at, draw, number))
    }
}

/// What a converter's codes are corrected by, digitally.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calibrated {
    /// Nothing: a code is taken for what it nominally stands for.
    No,
    /// Gain and offset of each converter.
    Line,
    /// Gain and offset of each converter, then one curve that all converters of a crossbar share (CAP-RAM).
    TwoStep,
}

/// What makes a converter other than uniform.
pub trait Imperfection: Debug + Send + Sync {
    /// Where one converter decides: `2^bits - 1` sums in steps, ascending, counted from the lowest code, so that
    /// a nominal converter answers 0.5, 1.5, 2.5, ... Two that are equal leave no sum for the code between them.
    fn decisions(&self, converter: Instance<'_>) -> Vec<f64>;

    /// What its codes are corrected by.
    fn calibrated(&self) -> Calibrated {
        Calibrated::No
    }

    /// Bits behind the binary point of a corrected code.
    fn fraction_bits(&self) -> u32 {
        0
    }
}

/// What stands between the sum of a bit line and its converter: the sum is seen through a monotone curve.
///
/// Sums in levels times input digits. `full` is the largest magnitude of a full read, so that a curve given in
/// volts knows where its supply is.
pub trait BitLine: Debug + Send + Sync {
    /// What the converter sees of an ideal sum; ascending in `sum`, and 0 for 0 unless the line has an offset.
    fn seen(&self, sum: f64, full: f64) -> f64;

    /// Standard deviation of the noise of one read that does not depend on what is read (kT/C), in levels as the
    /// converter sees them.
    fn sigma_levels(&self, full: f64) -> f64 {
        let _ = full;
        0.0
    }
}

/// What one converter makes of ideal sums.
#[derive(Clone, Debug, PartialEq)]
pub struct Transfer {
    /// Sums at which it goes to the next code, ascending, in steps of the grid; infinite: never.
    pub thresholds: Vec<f64>,
    /// What each code is taken to mean, in steps times `2^fraction_bits`: one more than thresholds.
    pub values: Vec<i32>,
}

/// A curve in front of the converters of a grid.
#[derive(Clone, Copy, Debug)]
pub struct Curve<'a> {
    /// The curve.
    pub line: &'a dyn BitLine,
    /// A step of the grid, in levels times digits.
    pub step: f64,
    /// The largest magnitude of a full read, in the same.
    pub full: f64,
}

impl Curve<'_> {
    /// The ideal sum that is seen as `seen` (both in steps); infinite where there is none within four full reads.
    ///
    /// By bisection, to the last bit: the curve need not have an inverse in closed form.
    pub fn ideal(&self, seen: f64) -> f64 {
        let target = seen * self.step;
        let (mut low, mut high) = (-4.0 * self.full, 4.0 * self.full);
        if self.line.seen(high, self.full) < target {
            return f64::INFINITY;
        }
        if self.line.seen(low, self.full) >= target {
            return f64::NEG_INFINITY;
        }
        loop {
            let middle = 0.5 * (low + high);
            if middle <= low || middle >= high {
                return high / self.step;
            }
            if self.line.seen(middle, self.full) < target {
                low = middle;
            } else {
                high = middle;
            }
        }
    }
}

/// What the converters of one crossbar make of ideal sums on a grid whose lowest code is `code_min`.
///
/// `decisions`: of each converter, see [`Imperfection::decisions`].
pub fn transfers(
    decisions: &[Vec<f64>],
    code_min: i32,
    curve: Option<Curve<'_>>,
    calibrated: Calibrated,
    fraction_bits: u32,
) -> Vec<Transfer> {
    let thresholds: Vec<Vec<f64>> = decisions
        .iter()
        .map(|decisions| {
            let seen = decisions.iter().map(|d| d + f64::from(code_min));
            seen.map(|t| curve.map_or(t, |curve| curve.ideal(t))).collect()
        })
        .collect();
    let codes = thresholds.first().map_or(0, Vec::len) + 1;
    let nominal: Vec<f64> = (0..codes).map(|k| k as f64 + f64::from(code_min)).collect();
    let scale = f64::from(1u32 << fraction_bits);
    if calibrated == Calibrated::No {
        let values: Vec<i32> = nominal.iter().map(|k| (k * scale) as i32).collect();
        return thresholds
            .into_iter()
            .map(|thresholds| Transfer { thresholds, values: values.clone() })
            .collect();
    }
    let lines: Vec<(f64, f64)> = thresholds.iter().map(|t| line(t, &nominal)).collect();
    let mut master = vec![0.0; codes];
    if calibrated == Calibrated::TwoStep {
        let mut seen = vec![0u32; codes];
        for (t, &(gain, offset)) in thresholds.iter().zip(&lines) {
            for (k, centre) in centres(t) {
                master[k] += centre - (gain * nominal[k] + offset);
                seen[k] += 1;
            }
        }
        for (sum, &n) in master.iter_mut().zip(&seen) {
            *sum /= f64::from(n.max(1));
        }
        // the outermost codes have no centre: they are as far off as their neighbours
        let first = seen.iter().position(|&n| n > 0).unwrap_or(0);
        let last = seen.iter().rposition(|&n| n > 0).unwrap_or(0);
        let (low, high) = (master[first], master[last]);
        master[..first].fill(low);
        master[last + 1..].fill(high);
    }
    thresholds
        .into_iter()
        .zip(&lines)
        .map(|(thresholds, &(gain, offset))| {
            let value = |(k, m): (&f64, &f64)| ((gain * k + offset + m) * scale).round_ties_even() as i32;
            Transfer { thresholds, values: nominal.iter().zip(&master).map(value).collect() }
        })
        .collect()
}

/// The codes that lie between two finite decisions, and the middle of each.
fn centres(thresholds: &[f64]) -> impl Iterator<Item = (usize, f64)> {
    thresholds
        .windows(2)
        .enumerate()
        .filter(|(_, t)| t.iter().all(|t| t.is_finite()) && t[1] > t[0])
        .map(|(i, t)| (i + 1, 0.5 * (t[0] + t[1])))
}

/// The straight line (gain, offset) through the middles of the codes, with the least squared distance.
fn line(thresholds: &[f64], nominal: &[f64]) -> (f64, f64) {
    let points: Vec<(f64, f64)> = centres(thresholds).map(|(k, centre)| (nominal[k], centre)).collect();
    let n = points.len() as f64;
    if points.len() < 2 {
        // one decision fixes the offset, none fixes nothing
        let t = thresholds.iter().position(|t| t.is_finite());
        return (1.0, t.map_or(0.0, |i| thresholds[i] - 0.5 * (nominal[i] + nominal[i + 1])));
    }
    let mean_k = points.iter().map(|p| p.0).sum::<f64>() / n;
    let mean_c = points.iter().map(|p| p.1).sum::<f64>() / n;
    let sxx: f64 = points.iter().map(|p| (p.0 - mean_k).powi(2)).sum();
    let sxy: f64 = points.iter().map(|p| (p.0 - mean_k) * (p.1 - mean_c)).sum();
    let gain = if sxx > 0.0 { sxy / sxx } else { 1.0 };
    (gain, mean_c - gain * mean_k)
}

/// The decisions of a nominal converter.
pub fn nominal_decisions(bits: u32) -> Vec<f64> {
    (0..(1u32 << bits) - 1).map(|i| f64::from(i) + 0.5).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line with offset 0.3 and gain 1.02 by hand: decisions 1.02 (k - 1/2) + 0.3, so code k is 1.02 k + 0.3;
    /// in sixteenths.
    #[test]
    fn a_line_is_found_again() {
        let decisions: Vec<f64> = nominal_decisions(6).iter().map(|t| 1.02 * t + 0.3).collect();
        for (calibrated, want) in [
            (Calibrated::No, 16.0 * 10.0),
            (Calibrated::Line, 16.0 * (1.02 * 10.0 + 0.3)),
            (Calibrated::TwoStep, 16.0 * (1.02 * 10.0 + 0.3)),
        ] {
            let t = transfers(std::slice::from_ref(&decisions), 0, None, calibrated, 4);
            assert_eq!(t[0].values[10], f64::round(want) as i32, "{calibrated:?}");
            assert_eq!(t[0].thresholds, decisions);
        }
        // signed: code -32 is the lowest, and decides at -31.5 (1.02) + ...
        let t = transfers(&[nominal_decisions(6)], -32, None, Calibrated::Line, 4);
        assert_eq!((t[0].thresholds[0], t[0].values[0], t[0].values[63]), (-31.5, -512, 496));
    }

    /// Two converters with the same bow and other gains: a line each leaves the bow, the shared curve takes it.
    #[test]
    fn the_shared_curve_takes_what_converters_have_in_common() {
        let bow = |t: f64| 3.0 * 4.0 * (t / 127.0) * (1.0 - t / 127.0);
        let of =
            |gain: f64| -> Vec<f64> { nominal_decisions(7).iter().map(|t| gain * t + bow(*t)).collect() };
        let worst = |calibrated| {
            let all = transfers(&[of(1.0), of(1.03)], 0, None, calibrated, 4);
            let off = |t: &Transfer| {
                centres(&t.thresholds)
                    .map(|(k, c)| (f64::from(t.values[k]) / 16.0 - c).abs())
                    .fold(0.0, f64::max)
            };
            all.iter().map(off).fold(0.0, f64::max)
        };
        // the residual of a parabola of height 3 about its best line: 2 at the ends, 1 in the middle
        let (line, both) = (worst(Calibrated::Line), worst(Calibrated::TwoStep));
        assert!((1.8..2.1).contains(&line), "{line}");
        assert!(both < 0.04, "{both}");
    }

    /// A square-root line: the decision at 3 steps seen is at 9 steps of ideal sum. Full reads of 16 steps are
    /// seen as 4 at most within four full reads as 8: a decision at 9 is never reached.
    #[test]
    fn a_curve_moves_decisions_through_its_inverse() {
        #[derive(Debug)]
        struct Root;
        impl BitLine for Root {
            fn seen(&self, sum: f64, _: f64) -> f64 {
                sum.signum() * sum.abs().sqrt()
            }
        }
        let curve = Curve { line: &Root, step: 1.0, full: 16.0 };
        assert!((curve.ideal(3.0) - 9.0).abs() < 1e-12);
        assert_eq!(
            [9.0, -9.0].map(|t| curve.ideal(t).to_bits()),
            [f64::INFINITY, f64::NEG_INFINITY].map(f64::to_bits)
        );
        let t = transfers(&[nominal_decisions(4)], 0, Some(curve), Calibrated::TwoStep, 6);
        assert!((t[0].thresholds[2] - 2.5 * 2.5).abs() < 1e-12);
        // code 3 lies between 2.5² and 3.5²: its centre is 9.25, within 2^-7
        assert!((f64::from(t[0].values[3]) / 64.0 - 9.25).abs() <= 1.0 / 128.0, "{:?}", t[0].values);
    }
}
