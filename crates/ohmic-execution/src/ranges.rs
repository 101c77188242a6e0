//! The sums that converters met on the calibration set, and the ranges chosen by them.

use ohmic_hardware::{Adc, RangePolicy, Span};
use ohmic_numerics::Uniform;

/// Bins of a histogram of sums: of a layer, of one of its blocks, and of one converter of a block.
const BINS: usize = 8192;
const BLOCK_BINS: usize = 2048;
const CONVERTER_BINS: usize = 512;

/// How much finer each step is that is tried than the one before: sixteen to an octave.
const FINER: f64 = 0.957_603_280_698_573_6;

/// Steps that are tried: down to a 512th of the one that clips nothing.
const TRIALS: usize = 9 * 16;

/// The sums that one readout met.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SumRange {
    low: f64,
    high: f64,
    /// Bounds of the histogram: what the encoding guarantees.
    bounds: Span,
    counts: Vec<u64>,
}

/// Of what a histogram is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    Layer,
    Block,
    Converter,
}

impl SumRange {
    pub(crate) fn new(bounds: Span, of: Of) -> Self {
        let bins = match of {
            Of::Layer => BINS,
            Of::Block => BLOCK_BINS,
            Of::Converter => CONVERTER_BINS,
        };
        Self { low: 0.0, high: 0.0, bounds, counts: vec![0; bins] }
    }

    pub(crate) fn add(&mut self, level: f64, times: u64) {
        self.low = self.low.min(level);
        self.high = self.high.max(level);
        let width = (self.bounds.high - self.bounds.low).max(f64::MIN_POSITIVE);
        let bins = self.counts.len();
        let at = (level - self.bounds.low) / width * bins as f64;
        self.counts[(at.max(0.0) as usize).min(bins - 1)] += times;
    }

    /// Takes over what another part of the calibration set gave.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.low = self.low.min(other.low);
        self.high = self.high.max(other.high);
        for (a, b) in self.counts.iter_mut().zip(&other.counts) {
            *a += b;
        }
    }

    /// What the histogram counts in: bins from the lower bound to the upper one.
    pub(crate) fn histogram(&self) -> (Span, &[u64]) {
        (self.bounds, &self.counts)
    }

    pub(crate) fn bytes(&self) -> usize {
        8 * self.counts.len() + size_of::<Self>()
    }

    /// Where a bin begins.
    fn edge(&self, bin: usize) -> f64 {
        self.bounds.low + (self.bounds.high - self.bounds.low) * bin as f64 / self.counts.len() as f64
    }

    /// The span that a converter is to cover.
    pub(crate) fn span(&self, adc: &dyn Adc) -> Span {
        let whole = Span { low: self.low, high: self.high };
        match adc.range() {
            RangePolicy::FullScale | RangePolicy::Max => whole,
            RangePolicy::Percentile(keep) => self.percentile(keep),
            RangePolicy::MeanSquaredError => self.least_error(adc, 0.0),
            RangePolicy::Snr => self.least_error(adc, f64::from(adc.sigma_lsb())),
        }
    }

    /// All but an equal share of both tails.
    fn percentile(&self, keep: f64) -> Span {
        let total: u64 = self.counts.iter().sum();
        let drop = ((1.0 - keep) * 0.5 * total as f64) as u64;
        let mut seen = 0;
        let low = self.counts.iter().position(|&c| {
            seen += c;
            seen > drop
        });
        seen = 0;
        let high = self.counts.iter().rposition(|&c| {
            seen += c;
            seen > drop
        });
        // zero always lies inside: a read of nothing must give code 0
        Span {
            low: low.map_or(self.low, |b| self.edge(b).max(self.low)).min(0.0),
            high: high.map_or(self.high, |b| self.edge(b + 1).min(self.high)).max(0.0),
        }
    }

    /// The span, as everything seen made smaller, whose grid has the smallest mean squared error: of rounding, of
    /// clipping, and of noise of so many steps.
    fn least_error(&self, adc: &dyn Adc, sigma_steps: f64) -> Span {
        let occupied: Vec<(f64, f64)> = self
            .counts
            .iter()
            .enumerate()
            .filter(|&(_, &c)| c > 0)
            .map(|(bin, &c)| (self.edge(bin), c as f64))
            .collect();
        let total: f64 = occupied.iter().map(|o| o.1).sum();
        let mut scale = 1.0;
        let mut best = (f64::INFINITY, Span { low: self.low, high: self.high });
        for _ in 0..TRIALS {
            let span = Span { low: self.low * scale, high: self.high * scale };
            scale *= FINER;
            let Some(grid) = adc.quantizer(span) else { return best.1 };
            let noise = (sigma_steps * f64::from(grid.step)).powi(2) * total;
            let error = self.error(&occupied, grid) + noise;
            if error < best.0 {
                best = (error, span);
            }
            // no grid is finer
            if grid.step <= 1.0 {
                break;
            }
        }
        best.1
    }

    /// Squared error of rounding and clipping, summed over the sums.
    fn error(&self, occupied: &[(f64, f64)], grid: Uniform) -> f64 {
        let width = self.edge(1) - self.edge(0);
        let step = f64::from(grid.step);
        let (first, last) = (f64::from(grid.code_min) * step, f64::from(grid.code_max) * step);
        let of = |&(level, count): &(f64, f64)| {
            // bins that hold one whole level each say exactly what is rounded; in wider ones it is anything
            let off = if width <= 1.0 {
                let level = level.round();
                level - f64::from(grid.code(level as f32)) * step
            } else {
                let outside = (first - level).max(level - last).max(0.0);
                let rounding = if step > 1.0 { step * step / 12.0 } else { 0.0 };
                (outside * outside).max(rounding).sqrt()
            };
            off * off * count
        };
        occupied.iter().map(of).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ohmic_hardware::Hardware;

    fn hardware(adc: &str) -> Hardware {
        let text = format!(
            "extends = \"generic_reram\"\n[adc]\nkind = \"uniform\"\nunused_codes = \"allow\"\n{adc}\n"
        );
        Hardware::from_text("t", &text).unwrap()
    }

    #[test]
    fn percentile_drops_equal_tails() {
        let mut r = SumRange::new(Span { low: 0.0, high: 8192.0 }, Of::Layer);
        // 1000 sums of 10, one of 8000: keeping 99 % drops five on each side
        r.add(10.0, 1000);
        r.add(8000.0, 1);
        let max = hardware("bits = 8\nrange = \"max\"");
        assert_eq!(r.span(max.adc()), Span { low: 0.0, high: 8000.0 });
        let most = hardware("bits = 8\nrange = \"percentile\"\npercentile = 0.99");
        assert_eq!(r.span(most.adc()), Span { low: 0.0, high: 11.0 });
    }

    /// 4 bits (15 steps), equal numbers of sums 0 to 60 and one at 600: a step of 40 that covers all is off by 40²/12 a
    /// sum, one of 4 by 4²/12 and once by 540²: (1600 - 16) / 12 = 132 a sum is worth it from 2209 sums on.
    #[test]
    fn clipping_is_weighed_against_rounding() {
        let mse = hardware("bits = 4\nrange = \"mse\"");
        for (each, clips) in [(2u64, false), (400, true)] {
            let mut r = SumRange::new(Span { low: 0.0, high: 8192.0 }, Of::Layer);
            (0..=60).for_each(|level| r.add(f64::from(level), each));
            r.add(600.0, 1);
            let high = r.span(mse.adc()).high;
            assert_eq!(high < 100.0, clips, "{each} of each: {high}");
            assert!(!clips || (55.0..66.0).contains(&high), "{high}");
        }
    }

    /// The best clip of a Gaussian in b bits is known (Max 1960; for uniform steps of n = 16 levels the step is 0.3352
    /// sigma, so that 16 steps cover 5.36 sigma). Signed grids have one code more below zero than above: 7 steps up and
    /// 8 down, so about 0.335 * 7 = 2.35 sigma upwards.
    #[test]
    fn gaussian_sums_get_the_steps_of_max() {
        let mse = hardware("bits = 4\nrange = \"mse\"");
        let mut r = SumRange::new(Span { low: -4096.0, high: 4096.0 }, Of::Layer);
        let sigma = 400.0f64;
        for level in -2400..=2400 {
            let x = f64::from(level) / sigma;
            r.add(f64::from(level), (1e9 * (-0.5 * x * x).exp()) as u64);
        }
        let step = f64::from(mse.adc().quantizer(r.span(mse.adc())).unwrap().step) / sigma;
        assert!((0.31..0.37).contains(&step), "{step}");
    }

    /// Noise that grows with the step asks for a smaller one: 0.5 steps of noise add 3 times the rounding error.
    #[test]
    fn noise_makes_the_best_range_smaller() {
        let mut r = SumRange::new(Span { low: 0.0, high: 8192.0 }, Of::Layer);
        for level in 0..4000u64 {
            let x = level as f64 / 500.0;
            r.add(level as f64, (1e6 * (-0.5 * x * x).exp()) as u64 + 1);
        }
        let quiet = hardware("bits = 5\nrange = \"snr\"");
        let noisy = hardware("bits = 5\nrange = \"snr\"\nsigma_lsb = 0.5");
        let mse = hardware("bits = 5\nrange = \"mse\"\nsigma_lsb = 0.5");
        let high = |h: &Hardware| r.span(h.adc()).high;
        assert!(high(&noisy) < high(&quiet), "{} {}", high(&noisy), high(&quiet));
        assert_eq!(high(&mse).to_bits(), high(&quiet).to_bits());
    }
}
