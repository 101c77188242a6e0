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
use crate::chip::{HeldCells, hold};
use crate::design::Design;
use crate::program::Grid;
use crate::statistics::{Bin, ConversionStatistics, LayerStatistics, Statistics};
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
        if hardware.reads_scatter() {
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
                let HeldCells { mut programmed, mut g, .. } =
                    hold(hardware, (causes, hardware.conditions()), &targets, &patch);
                if causes.has(Cause::Faults) {
                    // as they fall: what changes places to evade broken cells is left out
                    hardware.faults().apply(&mut programmed, window, &patch);
                    hardware.faults().apply(&mut g, window, &patch);
                }
                let errors: Vec<f64> = g.iter().map(|&g| (f64::from(g) - f64::from(target)) / step).collect();
                let mean = errors.iter().sum::<f64>() / CELLS as f64;
                moments.mean.push(mean);
                let square = |e: &f64| (e - mean) * (e - mean);
                moments.variance.push(errors.iter().map(square).sum::<f64>() / CELLS as f64);
                if causes.has(Cause::Read) {
                    let of = |cell: usize| {
                        let (g_programmed_siemens, g_siemens) = (programmed[cell], g[cell]);
                        let held = Held { g_target_siemens: target, g_programmed_siemens, g_siemens };
                        hardware.read_variance(held, cell, &patch, step)
                    };
                    *read = (0..CELLS).map(of).sum::<f64>() / CELLS as f64;
                }
            }
            moments
        };
        let alone = Cause::ALL.map(|cause| IN_CELLS.contains(&cause).then(|| moments(Causes::only(cause))));
        let all = moments(all);
        Self { alone, all, read }
    }
}

impl CellMoments {
    /// Bytes that they take in memory.
    pub fn bytes(&self) -> usize {
        let of = |m: &Moments| 8 * (m.mean.len() + m.variance.len());
        self.alone.iter().flatten().map(of).sum::<usize>() + of(&self.all) + 8 * self.read.len()
    }
}

/// The error powers of every layer: means over input vectors and outputs, in squared units of the exact product.
///
/// Left out: what wires do, correlation of neighbouring cells, and what rounding in one conversion has to do with
/// rounding in another.
pub fn predict(design: &Design<'_>, statistics: &Statistics, cells: &CellMoments) -> Vec<LayerBudget> {
    predict_with(design, statistics, cells, &CodePowers::new(design, statistics))
}

/// [`predict`] with what was worked out before: `codes` of the same statistics and converter ranges.
pub fn predict_with(
    design: &Design<'_>,
    statistics: &Statistics,
    cells: &CellMoments,
    codes: &CodePowers,
) -> Vec<LayerBudget> {
    let layers = statistics.layers.iter().zip(&codes.layers);
    layers.map(|(layer, &codes)| Layer::new(design, layer).budget(cells, codes)).collect()
}

/// What rounding and clipping do alone: they depend on the sums and the converters' grids, not on cells or noise,
/// so that designs which differ in those share them.
#[derive(Clone, Debug, PartialEq)]
pub struct CodePowers {
    /// By layer of the statistics.
    layers: Vec<Codes>,
}

/// Of one layer.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Codes {
    rounding: f64,
    clipping: f64,
}

impl CodePowers {
    /// Works them out for every layer.
    pub fn new(design: &Design<'_>, statistics: &Statistics) -> Self {
        let of = |layer: &LayerStatistics| {
            let layer = Layer::new(design, layer);
            Codes {
                rounding: layer.converted(Converting::Round, None).1,
                clipping: layer.converted(Converting::Clip, None).1,
            }
        };
        Self { layers: statistics.layers.iter().map(of).collect() }
    }

    /// Bytes that they take in memory.
    pub fn bytes(&self) -> usize {
        size_of_val(&self.layers[..])
    }
}

struct Layer<'a> {
    statistics: &'a LayerStatistics,
    grids: &'a [Grid],
    sigma_lsb: f64,
    /// What a finite on/off ratio leaves in every cell, in level steps.
    base: f64,
}

impl<'a> Layer<'a> {
    fn new(design: &'a Design<'_>, statistics: &'a LayerStatistics) -> Self {
        let hardware = design.hardware;
        let Some(layer) = &design.layers[statistics.id.0 as usize] else {
            unreachable!("statistics of a layer on crossbars");
        };
        Self {
            statistics,
            grids: &layer.grids,
            sigma_lsb: f64::from(hardware.adc().sigma_lsb()),
            base: match hardware.crossbar().dummy_column {
                DummyColumn::Analog => 0.0,
                DummyColumn::None => design.base_level(),
            },
        }
    }

    fn budget(&self, cells: &CellMoments, codes: Codes) -> LayerBudget {
        let none = Moments {
            mean: vec![0.0; self.statistics.apart.len()],
            variance: vec![0.0; self.statistics.apart.len()],
        };
        let mut alone = [0.0; Cause::ALL.len()];
        for (power, (cause, moments)) in alone.iter_mut().zip(Cause::ALL.iter().zip(&cells.alone)) {
            *power = match (cause, moments) {
                (_, Some(moments)) => self.held(moments, 0.0),
                (Cause::OnOffRatio, None) => self.held(&none, self.base),
                (Cause::Read, None) => self.read(cells),
                (Cause::Converter, None) => self.converter_noise(),
                (Cause::Rounding, None) => codes.rounding,
                (Cause::Clipping, None) => codes.clipping,
                (_, None) => 0.0,
            };
        }
        let (passed, added) = self.converted(Converting::All, Some(cells));
        let total = passed * self.held(&cells.all, self.base) + added;
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
    fn read(&self, cells: &CellMoments) -> f64 {
        let of = |c: &ConversionStatistics| c.gain_square * c.driven * sum(&c.digits, &cells.read);
        self.statistics.conversions.iter().map(of).sum()
    }

    /// Power of converter noise alone: in every conversion that is issued, whatever its sum.
    fn converter_noise(&self) -> f64 {
        let of = |c: &ConversionStatistics| {
            let sigma = self.grids[c.set].map_or(0.0, |grid| self.sigma_lsb * f64::from(grid.step));
            c.gain_square * c.issued * sigma * sigma
        };
        self.statistics.conversions.iter().map(of).sum()
    }

    /// The part of the power of the errors of `cells` that converters let pass, and the power of what they add.
    ///
    /// A code follows an error in front of its converter by a factor, and has an error of its own beside that
    /// which does not follow it (Bussgang): an error far below a step is not passed on at all.
    fn converted(&self, converting: Converting, cells: Option<&CellMoments>) -> (f64, f64) {
        let mut apart = 0.0;
        // by set of converters: what the means of an output's conversions add up to, weighted by outputs
        let mut means = vec![0.0; self.grids.len()];
        let (mut passed, mut in_front) = (0.0, 0.0);
        // what follows the sums follows the answer: by how much, weighted by what they are of it
        let (mut slope, mut weight) = (0.0, 0.0);
        for c in &self.statistics.conversions {
            let Some(grid) = &self.grids[c.set] else {
                let read = cells.map_or(0.0, |cells| sum(&c.digits, &cells.read));
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
                Converting::All => (self.sigma_lsb * grid.step).powi(2),
                Converting::Round | Converting::Clip => 0.0,
            };
            let met = grid.over(c, &Fitted::new(&c.digits, cells), noise);
            passed += c.gain_square * c.driven * met.passed;
            in_front += c.gain_square * c.driven * met.in_front;
            // reads that drive no row give code 0, unless their converters are noisy
            let idle = if noise > 0.0 { c.issued - c.driven } else { 0.0 };
            let quiet = if idle > 0.0 { grid.about(0.0, noise.sqrt()).1 } else { 0.0 };
            // sums of both signs make up the answer; others are beside it what an offset adds
            let signed = met.sum * met.sum < 0.5 * met.square_sum;
            let follows = if signed { met.product / met.square_sum } else { 0.0 };
            slope += c.gain_square * c.driven * met.product * f64::from(u8::from(signed));
            weight += c.gain_square * c.driven * met.square_sum;
            let mean = c.driven * (met.mean - follows * met.sum);
            let square = c.driven * (met.added - follows * met.product) + idle * quiet;
            apart += c.gain_square * (square - mean * mean);
            means[c.set] += c.gain_sum * mean;
        }
        let along = if weight > 0.0 { (slope / weight).powi(2) * self.statistics.signal } else { 0.0 };
        let mut served = vec![0.0; self.grids.len()];
        for (share, sets) in &self.statistics.alike {
            sets.iter().for_each(|&set| served[set as usize] += share);
        }
        let of_output = |sets: &[u32]| -> f64 {
            sets.iter().map(|&set| means[set as usize] / served[set as usize]).sum()
        };
        let together: f64 =
            self.statistics.alike.iter().map(|(share, sets)| share * of_output(sets).powi(2)).sum();
        let added = apart + together + along;
        (if in_front > 0.0 { passed / in_front } else { 1.0 }, added)
    }
}

fn sum(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// What of a converter acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Converting {
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
            Converting::Round => ideal.round_ties_even() * self.step,
            Converting::Clip if ideal >= self.low && ideal <= self.high => sum,
            Converting::Clip => ideal.clamp(self.low, self.high) * self.step,
            Converting::All => ideal.round_ties_even().clamp(self.low, self.high) * self.step,
        }
    }

    /// Mean and mean square of the error about a sum with noise of this deviation in front, and the square of the
    /// factor by which the code follows the noise.
    fn about(&self, sum: f64, sigma: f64) -> (f64, f64, f64) {
        if sigma < 0.02 * self.step {
            let error = self.value(sum) - sum;
            return (error, error * error, 0.0);
        }
        if self.converting == Converting::All && sigma <= 0.5 * self.step {
            return self.beside(sum, sigma);
        }
        // noise of half a step makes rounding independent of the sum, to 0.7 %: step² / 12 beside what clips
        let blurred = self.converting == Converting::All && sigma > 0.5 * self.step;
        let (low, high) = (self.low * self.step, self.high * self.step);
        if blurred && sum - 5.0 * sigma > low && sum + 5.0 * sigma < high {
            return (0.0, sigma * sigma + self.step * self.step / 12.0, 1.0);
        }
        let (mut mean, mut square, mut follows) = (0.0, 0.0, 0.0);
        for node in NODES {
            let sample = sum + sigma * node;
            let error = if blurred { sample.clamp(low, high) } else { self.value(sample) } - sum;
            let rounding =
                if blurred && sample > low && sample < high { self.step * self.step / 12.0 } else { 0.0 };
            mean += error / NODES.len() as f64;
            square += (error * error + rounding) / NODES.len() as f64;
            follows += node * error / NODES.len() as f64;
        }
        let factor = if sigma > 0.0 { follows / sigma } else { 0.0 };
        (mean, square, factor * factor)
    }

    /// [`Self::about`] for noise of at most half a step: code by code, so that rare codes count.
    fn beside(&self, sum: f64, sigma: f64) -> (f64, f64, f64) {
        let nearest = (sum / self.step).round_ties_even();
        let (mut mean, mut square, mut follows) = (0.0, 0.0, 0.0);
        // edges of codes, in deviations of the noise: the part below an edge, and the density there
        let edge = |code: f64| {
            let z = ((code - 0.5) * self.step - sum) / sigma;
            let density = libm::exp(-0.5 * z * z) / (2.0 * std::f64::consts::PI).sqrt();
            (0.5 * libm::erfc(-z / std::f64::consts::SQRT_2), density)
        };
        // codes within 5 deviations
        let around = (5.0 * sigma / self.step + 0.5).ceil() as i32;
        let mut left = (0.0, 0.0);
        for i in -around..=around {
            let code = nearest + f64::from(i);
            let right = if i == around { (1.0, 0.0) } else { edge(code + 1.0) };
            let error = code.clamp(self.low, self.high) * self.step - sum;
            mean += (right.0 - left.0) * error;
            square += (right.0 - left.0) * error * error;
            follows += (left.1 - right.1) * error;
            left = right;
        }
        let factor = follows / sigma;
        (mean, square, factor * factor)
    }

    /// The same over the sums that a conversion meets, with noise of variance `noise` beside that of the cells.
    fn over(&self, c: &ConversionStatistics, cells: &Fitted, noise: f64) -> Met {
        let typical = (cells.held(&c.histogram) + cells.read(&c.histogram) + noise).sqrt();
        // bins that noise or the step blur anyway are taken together; wide ones are looked at in several places
        let blur = (0.25 * typical.max(self.step) / c.width) as usize;
        let together = blur.clamp(1, c.histogram.len());
        let places = if c.width > 0.25 * self.step && c.width.fract() != 0.0 { 4 } else { 1 };
        let mut all = Met::default();
        for (at, bins) in c.histogram.chunks(together).enumerate() {
            // what rounds without noise depends on where exactly a sum lies
            let apart = if typical < 0.1 * self.step { 1 } else { bins.len() };
            for (i, bins) in bins.chunks(apart).enumerate() {
                let share: f64 = bins.iter().map(|b| b.share).sum();
                if share <= 0.0 {
                    continue;
                }
                let middle = bins.iter().enumerate().map(|(i, b)| i as f64 * b.share).sum::<f64>() / share;
                let (held, read) = (cells.held(bins) / share, cells.read(bins) / share);
                for place in 0..places {
                    let inside = (f64::from(place) + 0.5) / f64::from(places) - 0.5;
                    let sum = c.first + ((at * together + i * apart) as f64 + middle + inside) * c.width;
                    let (mean, square, pass) = self.about(sum, (held + read + noise).sqrt());
                    let share = share / f64::from(places);
                    all.mean += share * mean;
                    all.added += share * (square - pass * held);
                    all.passed += share * pass * held;
                    all.in_front += share * held;
                    all.sum += share * sum;
                    all.square_sum += share * sum * sum;
                    all.product += share * mean * sum;
                }
            }
        }
        all
    }
}

/// What becomes of the sums of a conversion.
#[derive(Clone, Copy, Debug, Default)]
struct Met {
    /// Mean error.
    mean: f64,
    /// Mean square of the error that does not follow what cells keep.
    added: f64,
    /// Variance of what cells keep that codes follow.
    passed: f64,
    /// Variance of what cells keep in front of the converter.
    in_front: f64,
    /// Mean of the sums, of their squares, and of their products with the error.
    sum: f64,
    square_sum: f64,
    product: f64,
}

/// Variances by level as `a + b level²`, weighted by how often levels are read: what one can say of a bin.
struct Fitted {
    held: (f64, f64),
    read: (f64, f64),
}

impl Fitted {
    fn new(digits: &[f64], cells: Option<&CellMoments>) -> Self {
        match cells {
            Some(cells) => Self { held: line(digits, &cells.all.variance), read: line(digits, &cells.read) },
            None => Self { held: (0.0, 0.0), read: (0.0, 0.0) },
        }
    }

    /// Sum over bins of share times variance.
    fn held(&self, bins: &[Bin]) -> f64 {
        bins.iter().map(|b| b.share * (self.held.0 * b.squares + self.held.1 * b.level_squares)).sum()
    }

    fn read(&self, bins: &[Bin]) -> f64 {
        bins.iter().map(|b| b.share * (self.read.0 * b.squares + self.read.1 * b.level_squares)).sum()
    }
}

/// Weighted least squares of `values[level]` by `a + b level²`, neither negative.
fn line(weights: &[f64], values: &[f64]) -> (f64, f64) {
    let square = |level: usize| (level * level) as f64;
    let of = |f: &dyn Fn(usize) -> f64| weights.iter().enumerate().map(|(l, w)| w * f(l)).sum::<f64>();
    let (w, x, xx) = (of(&|_| 1.0), of(&square), of(&|l| square(l).powi(2)));
    let (y, xy) = (of(&|l| values[l]), of(&|l| values[l] * square(l)));
    if w <= 0.0 {
        return (0.0, 0.0);
    }
    let spread = w * xx - x * x;
    let b = if spread > 1e-12 * w * xx { (w * xy - x * y) / spread } else { 0.0 };
    let a = (y - b * x) / w;
    if b < 0.0 {
        (y / w, 0.0)
    } else if a < 0.0 {
        (0.0, if x > 0.0 { y / x } else { 0.0 })
    } else {
        (a, b)
    }
}
