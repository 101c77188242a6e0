//! Error powers of a design in closed form, from statistics of its inputs and weights and moments of its cells:
//! no input is run.
//!
//! An output is `y = sum of gain * code` over fragments, readouts and input slices (`docs/physics/snr.md`):
//!
//! * A cell keeps its error over all reads of a chip, so with independent errors of variance `v(level)` and mean
//!   `m(level)`, in level steps, the power is `sum v apart + m' together m`.
//! * Read and converter noise are new in each conversion: `sum gain² (sum v digits)`, `sum gain² sigma²`.
//! * Converters: mean square of code minus sum over the distribution of sums that they meet, widened by all
//!   noise in front of them; means of different conversions add up, the rest is taken as independent.

use crate::budget::LayerBudget;
use crate::causes::{Cause, Causes};
use crate::chip::hold;
use crate::design::Design;
use crate::program::Grid;
use crate::statistics::{ConversionStatistics, LayerStatistics, Statistics};
use ohmic_hardware::{DummyColumn, Hardware, Held, Patch};
use ohmic_numerics::{Cells, Noise, Seed, Site};

/// Cells that each level's moments are drawn from: the standard error of a variance is `sqrt(2 / 2048)` of it,
/// 0.14 dB.
const CELLS: usize = 2048;

/// Mean and variance of the error of cells, by level, in level steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    /// Mean error.
    pub mean: Vec<f64>,
    /// Variance of the error.
    pub variance: Vec<f64>,
}

/// What a machine does to its cells, by cause: drawn from its own models, whatever they are.
#[derive(Clone, Debug, PartialEq)]
pub struct CellMoments {
    /// With one cause alone at work, in the order of [`Cause::ALL`]; none for what is not in the cells.
    alone: [Option<Moments>; Cause::ALL.len()],
    /// With all of them.
    all: Moments,
    /// Variance of a read, by level.
    read: Vec<f64>,
}

impl CellMoments {
    /// Draws cells of every level; the same every time.
    pub fn draw(hardware: &Hardware) -> Self {
        const IN_CELLS: [Cause; 4] = [Cause::Variation, Cause::Programming, Cause::Ageing, Cause::Faults];
        let levels = 1usize << hardware.encoding().cell_bits();
        let window = hardware.device().window();
        let step = window.step_siemens(levels as u32);
        let noise = Noise::new(Seed(0x736e_7220));
        let mut all = IN_CELLS.iter().fold(Causes::NONE, |set, &cause| set.and(cause));
        if hardware.device().read_noise().is_some() {
            all = all.and(Cause::Read);
        }
        let mut read = vec![0.0; levels];
        let mut moments = |causes: Causes| {
            let mut moments = Moments { mean: Vec::new(), variance: Vec::new() };
            for (level, read) in read.iter_mut().enumerate() {
                let target = (window.g_min_siemens + level as f64 * step) as f32;
                let at = Cells { site: Site { layer: 0, block: level as u32 }, first: 0 };
                // far from each other, so that variation which is correlated in space is not
                let patch = Patch { col_stride: 4096, ..Patch::row(CELLS, at, &noise) };
                let targets = vec![target; CELLS];
                let (programmed, g, _) = hold(hardware, causes, &targets, &patch);
                let errors: Vec<f64> = g.iter().map(|&g| (f64::from(g) - f64::from(target)) / step).collect();
                let mean = errors.iter().sum::<f64>() / CELLS as f64;
                moments.mean.push(mean);
                let square = |e: &f64| (e - mean) * (e - mean);
                moments.variance.push(errors.iter().map(square).sum::<f64>() / CELLS as f64);
                if let (true, Some(noise)) = (causes.has(Cause::Read), hardware.device().read_noise()) {
                    let of = |(&g_programmed_siemens, &g_siemens): (&f32, &f32)| {
                        let held = Held { g_target_siemens: target, g_programmed_siemens, g_siemens };
                        (f64::from(noise.sigma_siemens(held, hardware.conditions())) / step).powi(2)
                    };
                    *read = programmed.iter().zip(&g).map(of).sum::<f64>() / CELLS as f64;
                }
            }
            moments
        };
        let alone = Cause::ALL.map(|cause| IN_CELLS.contains(&cause).then(|| moments(Causes::only(cause))));
        let all = moments(all);
        Self { alone, all, read }
    }
}

/// The error powers of every layer: means over input vectors and outputs, in squared units of the exact product.
///
/// Left out: what wires do, correlation of neighbouring cells, and what rounding in one conversion has to do with
/// rounding in another.
pub fn predict(design: &Design<'_>, statistics: &Statistics, cells: &CellMoments) -> Vec<LayerBudget> {
    statistics.layers.iter().map(|layer| Layer::new(design, layer, cells).budget()).collect()
}

struct Layer<'a> {
    statistics: &'a LayerStatistics,
    cells: &'a CellMoments,
    grids: &'a [Grid],
    sigma_lsb: f64,
    /// What a finite on/off ratio leaves in every cell, in level steps.
    base: f64,
}

impl<'a> Layer<'a> {
    fn new(design: &'a Design<'_>, statistics: &'a LayerStatistics, cells: &'a CellMoments) -> Self {
        let hardware = design.hardware;
        let Some(layer) = &design.layers[statistics.id.0 as usize] else {
            unreachable!("statistics of a layer on crossbars");
        };
        Self {
            statistics,
            cells,
            grids: &layer.grids,
            sigma_lsb: f64::from(hardware.adc().sigma_lsb()),
            base: match hardware.crossbar().dummy_column {
                DummyColumn::Analog => 0.0,
                DummyColumn::None => design.base_level(),
            },
        }
    }

    fn budget(&self) -> LayerBudget {
        let none = Moments {
            mean: vec![0.0; self.statistics.apart.len()],
            variance: vec![0.0; self.statistics.apart.len()],
        };
        let mut alone = [0.0; Cause::ALL.len()];
        for (power, (cause, moments)) in alone.iter_mut().zip(Cause::ALL.iter().zip(&self.cells.alone)) {
            *power = match (cause, moments) {
                (_, Some(moments)) => self.held(moments, 0.0),
                (Cause::OnOffRatio, None) => self.held(&none, self.base),
                (Cause::Read, None) => self.read(),
                (Cause::Converter, None) => self.converted(Converting::Noise, None),
                (Cause::Rounding, None) => self.converted(Converting::Round, None),
                (Cause::Clipping, None) => self.converted(Converting::Clip, None),
                (_, None) => 0.0,
            };
        }
        let total =
            self.held(&self.cells.all, self.base) + self.converted(Converting::All, Some(&self.cells.all));
        LayerBudget { id: self.statistics.id, signal: self.statistics.signal, alone, total: total.max(0.0) }
    }

    /// Power of errors that cells keep.
    fn held(&self, moments: &Moments, shift: f64) -> f64 {
        let s = self.statistics;
        let apart: f64 = s.apart.iter().zip(&moments.variance).map(|(a, v)| a * v).sum();
        let groups = s.together.rows();
        let (mut mean, mut count) = (vec![0.0; groups], vec![0.0; groups]);
        for (level, m) in moments.mean.iter().enumerate() {
            mean[s.group(level)] += m + shift;
            count[s.group(level)] += 1.0;
        }
        mean.iter_mut().zip(&count).for_each(|(m, n)| *m /= f64::max(*n, 1.0));
        let together: f64 = (0..groups)
            .map(|a| (0..groups).map(|b| mean[a] * s.together[(a, b)] * mean[b]).sum::<f64>())
            .sum();
        apart + together
    }

    /// Power of read noise, before any converter.
    fn read(&self) -> f64 {
        let of = |c: &ConversionStatistics| c.gain_square * c.driven * sum(&c.digits, &self.cells.read);
        self.statistics.conversions.iter().map(of).sum()
    }

    /// Power of what conversions add to the errors of `cells`.
    fn converted(&self, converting: Converting, cells: Option<&Moments>) -> f64 {
        let (mut apart, mut together) = (0.0, 0.0);
        for c in &self.statistics.conversions {
            let (held, read) = match cells {
                Some(cells) => (sum(&c.digits, &cells.variance), sum(&c.digits, &self.cells.read)),
                None => (0.0, 0.0),
            };
            let Some(grid) = &self.grids[c.readout] else {
                apart += c.gain_square * c.driven * read;
                continue;
            };
            let grid = Staircase {
                step: f64::from(grid.step),
                low: f64::from(grid.code_min),
                high: f64::from(grid.code_max),
                converting,
            };
            let noise = match converting {
                Converting::Noise | Converting::All => (self.sigma_lsb * grid.step).powi(2),
                Converting::Round | Converting::Clip => 0.0,
            };
            let (mean, square) = grid.over(c, (held + read + noise).sqrt());
            // reads that drive no row give code 0, unless their converters are noisy
            let idle = if noise > 0.0 { c.issued - c.driven } else { 0.0 };
            let (_, quiet) = if idle > 0.0 { grid.about(0.0, noise.sqrt()) } else { (0.0, 0.0) };
            let (mean, square) = (c.driven * mean, c.driven * (square - held) + idle * quiet);
            apart += c.gain_square * (square - mean * mean);
            together += c.gain_sum * mean;
        }
        apart + together * together
    }
}

fn sum(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// What of a converter acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Converting {
    Noise,
    Round,
    Clip,
    All,
}

struct Staircase {
    step: f64,
    low: f64,
    high: f64,
    converting: Converting,
}

/// Standard normal deviates at the middle of 16 equally likely parts, scaled to variance 1.
const NODES: [f64; 16] = [
    -1.938158962,
    -1.371380754,
    -1.050887426,
    -0.807861196,
    -0.602582803,
    -0.418538268,
    -0.246807070,
    -0.081587545,
    0.081587545,
    0.246807070,
    0.418538268,
    0.602582803,
    0.807861196,
    1.050887426,
    1.371380754,
    1.938158962,
];

impl Staircase {
    /// What becomes of a sum.
    fn value(&self, sum: f64) -> f64 {
        let ideal = sum / self.step;
        match self.converting {
            Converting::Noise => sum,
            Converting::Round => ideal.round_ties_even() * self.step,
            Converting::Clip => ideal.clamp(self.low, self.high) * self.step,
            Converting::All => ideal.round_ties_even().clamp(self.low, self.high) * self.step,
        }
    }

    /// Mean and mean square of the error about a sum with noise of this deviation in front.
    fn about(&self, sum: f64, sigma: f64) -> (f64, f64) {
        if sigma < 0.02 * self.step && self.converting != Converting::Noise {
            let error = self.value(sum) - sum;
            return (error, error * error + if error == 0.0 { 0.0 } else { sigma * sigma });
        }
        let (mut mean, mut square) = (0.0, 0.0);
        for node in NODES {
            let error = self.value(sum + sigma * node) - sum;
            mean += error / NODES.len() as f64;
            square += error * error / NODES.len() as f64;
        }
        (mean, square)
    }

    /// The same over the sums that a conversion meets.
    fn over(&self, c: &ConversionStatistics, sigma: f64) -> (f64, f64) {
        // bins that noise or the step blur anyway are taken together; wide ones are looked at in several places
        let blur = (0.25 * sigma.max(self.step) / c.width) as usize;
        let together = blur.clamp(1, c.histogram.len());
        let places = if c.width > 0.25 * self.step && c.width != 1.0 { 4 } else { 1 };
        let (mut mean, mut square) = (0.0, 0.0);
        for (at, bins) in c.histogram.chunks(together).enumerate() {
            let share: f64 = bins.iter().sum();
            if share <= 0.0 {
                continue;
            }
            if sigma < 0.02 * self.step || together == 1 {
                for (i, &share) in bins.iter().enumerate().filter(|(_, share)| **share > 0.0) {
                    for place in 0..places {
                        let inside = (f64::from(place) + 0.5) / f64::from(places) - 0.5;
                        let sum = c.first + ((at * together + i) as f64 + inside) * c.width;
                        let (m, s) = self.about(sum, sigma);
                        mean += share * m / f64::from(places);
                        square += share * s / f64::from(places);
                    }
                }
            } else {
                let moment: f64 = bins.iter().enumerate().map(|(i, share)| i as f64 * share).sum();
                let sum = c.first + ((at * together) as f64 + moment / share) * c.width;
                let (m, s) = self.about(sum, sigma);
                mean += share * m;
                square += share * s;
            }
        }
        (mean, square)
    }
}
