//! The deviates of reads are normal and independent: moments, Kolmogorov distance, counts in the tails, and
//! neighbours in every direction, drawn by the function that reads draw with.
//!
//! All is deterministic, so a bound that holds once holds always; each is what a perfect source breaks once in
//! 10⁴ (Kolmogorov) to 10⁶ (the others) choices of seeds.

use super::deviations::{read_index, reads};
use super::*;
use crate::kernel::{Digit, DigitPart, Level};
use crate::noise::quad_deviates;
use crate::{Mat, Noise, Seed, Site};

/// Deviates that the test of the distribution draws unless the environment variable `OHMIC_DRAWS` says how
/// many: as many that 20 are expected beyond 5.5 sigma, so that none at all would be noticed.
const DRAWS: u64 = 1 << 29;

/// What deviates are drawn for: vectors × fragments × slices × columns.
#[derive(Clone, Copy)]
struct Shape {
    vectors: usize,
    fragments: usize,
    slices: usize,
    columns: usize,
}

/// Where they are drawn.
#[derive(Clone, Copy)]
struct Address {
    seed: u64,
    layer: u32,
    block: u32,
    first_draw: u32,
}

const HERE: Address = Address { seed: 1, layer: 0, block: 0, first_draw: 0 };

impl Shape {
    fn block(self) -> Block {
        let fragments: Vec<_> = (0..self.fragments).map(|f| 4 * f..4 * f + 4).collect();
        let cells = Mat::filled(4 * self.fragments, self.columns, 1i16);
        let gains = Mat::filled(self.fragments, self.columns, 1);
        let digit = Digit { part: DigitPart::Bits, shift: 0, bits: 8 };
        let source = BlockSource {
            cells: cells.view(),
            fragments: &fragments,
            gains: gains.view(),
            grids: None,
            scale: 1.0,
            slices: &vec![Slice { digit, gain: 1 }; self.slices],
        };
        Block::pack(Engine::Dot16, &source).expect("it fits")
    }

    /// Unit deviates of the group of four panels that `first` begins, as reads have them.
    fn fill(self, level: Level, block: &Block, at: Address, first: usize, out: &mut Aligned<f32>) {
        let noise = Noise::new(Seed(at.seed));
        let sigma = vec![1.0; block.width()];
        let deviates = Deviates {
            noise: &noise,
            site: Site { layer: at.layer, block: at.block },
            first_draw: at.first_draw,
            sigma: &sigma,
            variance: None,
            issued: None,
        };
        let count = (block.width() / Block::PANEL - first).min(4);
        deviates.fill_at(level, block, (first, count), self.vectors, &[], out);
    }

    /// All deviates as `[vector][fragment][slice][column]`.
    fn all(self, at: Address) -> Vec<f32> {
        let (block, reads) = (self.block(), self.fragments * self.slices);
        let mut all = vec![0.0; self.vectors * reads * self.columns];
        let mut part = Aligned::default();
        for first in (0..block.width() / Block::PANEL).step_by(4) {
            self.fill(crate::kernel::level(), &block, at, first, &mut part);
            let count = (block.width() / Block::PANEL - first).min(4);
            let each = part.len() / self.vectors;
            for (row, all) in all.chunks_exact_mut(self.columns).enumerate() {
                let (vector, read) = (row / reads, row % reads);
                let read = read_index(self.slices, read / self.slices, read % self.slices);
                let part = &part[vector * each + read * count * Block::PANEL..][..count * Block::PANEL];
                for (all, part) in all[first * Block::PANEL..].iter_mut().zip(part) {
                    *all = *part;
                }
            }
        }
        all
    }
}

/// Bins of the histogram: from -8 to 8 sigma.
const BINS: usize = 16 * BINS_A_SIGMA;
const BINS_A_SIGMA: usize = 1024;

/// What is kept of many deviates.
struct Seen {
    count: u64,
    /// Sums of the first four powers.
    powers: [f64; 4],
    bins: Vec<u64>,
}

impl Seen {
    fn add(&mut self, deviates: &[f32]) {
        const LANES: usize = 16;
        self.count += deviates.len() as u64;
        let mut sums = [[0f64; LANES]; 4];
        for part in deviates.chunks_exact(LANES) {
            for i in 0..LANES {
                let x = f64::from(part[i]);
                let square = x * x;
                sums[0][i] += x;
                sums[1][i] += square;
                sums[2][i] += square * x;
                sums[3][i] += square * square;
            }
            for &x in part {
                let bin = f64::from(x) * BINS_A_SIGMA as f64 + (BINS / 2) as f64;
                self.bins[bin as usize] += 1;
            }
        }
        for (power, sums) in self.powers.iter_mut().zip(sums) {
            *power += sums.iter().sum::<f64>();
        }
    }

    /// Deviates below `-sigma` and above `sigma`.
    fn beyond(&self, sigma: f64) -> [u64; 2] {
        let bins = (sigma * BINS_A_SIGMA as f64) as usize;
        let (below, rest) = self.bins.split_at(BINS / 2 - bins);
        [below.iter().sum(), rest[2 * bins..].iter().sum()]
    }
}

/// The standard normal distribution.
fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}

/// What sup |F_n - F| exceeds in one of 10⁴ samples of `n`: 2 exp(-2 n d²) = 10⁻⁴ (Kolmogorov).
fn kolmogorov_bound(n: u64) -> f64 {
    (2e4f64.ln() / 2.0).sqrt() / (n as f64).sqrt()
}

/// Whether a count is one that a Poisson distribution of this mean shows: either tail of it above 2.9e-7, as
/// with five standard deviations of a Gaussian.
fn is_poisson(count: u64, mean: f64) -> bool {
    if mean > 1000.0 {
        return (count as f64 - mean).abs() < 5.0 * mean.sqrt();
    }
    let mut term = (-mean).exp();
    let mut below = 0.0;
    for k in 0..count {
        below += term;
        term *= mean / (k + 1) as f64;
    }
    // P(K >= count) and P(K <= count)
    1.0 - below > 2.9e-7 && below + term > 2.9e-7
}

#[test]
fn deviates_of_reads_are_normal() {
    let wanted = std::env::var_os("OHMIC_DRAWS").map_or(DRAWS, |n| {
        n.to_str().and_then(|n| n.parse().ok()).expect("OHMIC_DRAWS: a number of deviates")
    });
    let shape = Shape { vectors: 128, fragments: 4, slices: 4, columns: 128 };
    let block = shape.block();
    let mut out = Aligned::default();
    let mut seen = Seen { count: 0, powers: [0.0; 4], bins: vec![0; BINS] };
    let start = std::time::Instant::now();
    let mut tile = 0;
    while seen.count < wanted {
        // every part of an address moves
        let at = Address {
            seed: 5 + u64::from(tile / 64),
            layer: tile % 4,
            block: tile / 4 % 4,
            first_draw: tile / 16 % 4 * shape.vectors as u32,
        };
        for first in [0, 4] {
            shape.fill(crate::kernel::level(), &block, at, first, &mut out);
            seen.add(&out);
        }
        tile += 1;
    }
    let n = seen.count as f64;
    println!("{} deviates in {:.1} s, {} kernels", seen.count, start.elapsed().as_secs_f64(), level_name());

    let [m1, m2, m3, m4] = seen.powers.map(|sum| sum / n);
    let variance = m2 - m1 * m1;
    let skewness = (m3 - 3.0 * m1 * m2 + 2.0 * m1.powi(3)) / variance.powf(1.5);
    let kurtosis = (m4 - 4.0 * m1 * m3 + 6.0 * m1 * m1 * m2 - 3.0 * m1.powi(4)) / variance.powi(2);
    // sampling errors of normal samples: 1, 2, 6 and 24 over n (Cramér)
    for (name, got, want, spread) in [
        ("mean", m1, 0.0, 1.0),
        ("variance", variance, 1.0, 2.0),
        ("skewness", skewness, 0.0, 6.0),
        ("kurtosis", kurtosis, 3.0, 24.0),
    ] {
        let error = (got - want) / f64::sqrt(spread / n);
        println!("{name}: {got:.7}, {error:+.2} standard errors from {want}");
        assert!(error.abs() < 5.0, "{name} {got}, {error} standard errors from {want}");
    }

    let mut below = 0;
    let mut distance = 0f64;
    for (bin, count) in seen.bins.iter().enumerate() {
        let edge = (bin as f64 - (BINS / 2) as f64) / BINS_A_SIGMA as f64;
        distance = distance.max((below as f64 / n - normal_cdf(edge)).abs());
        below += count;
    }
    let bound = kolmogorov_bound(seen.count);
    println!("Kolmogorov: {distance:.3e}, bound {bound:.3e}");
    assert!(distance < bound, "Kolmogorov distance {distance}, bound {bound}");

    for sigma in [2.0, 3.0, 4.0, 5.0, 5.5] {
        let each = n * normal_cdf(-sigma);
        let [below, above] = seen.beyond(sigma);
        println!("beyond {sigma} sigma: {below} below, {above} above, {each:.1} expected each");
        for (count, mean) in [(below, each), (above, each), (below + above, 2.0 * each)] {
            assert!(is_poisson(count, mean), "{count} beyond {sigma} sigma, expected {mean}");
        }
    }
}

fn level_name() -> &'static str {
    crate::kernel::level().name()
}

/// The distance of a sorted sample, between its steps too.
#[test]
fn kolmogorov_distance_of_a_sorted_sample() {
    let mut z = Shape { vectors: 512, fragments: 2, slices: 8, columns: 128 }.all(HERE);
    z.sort_unstable_by(f32::total_cmp);
    let n = z.len() as f64;
    let distance = z.iter().enumerate().fold(0f64, |top, (i, &z)| {
        let f = normal_cdf(f64::from(z));
        top.max(f - i as f64 / n).max((i + 1) as f64 / n - f)
    });
    let bound = kolmogorov_bound(z.len() as u64);
    assert!(distance < bound, "Kolmogorov distance {distance}, bound {bound}");
}

/// No sampling: P(|z| > t) of a deviate z = R cos(φ) is the mean over all 2³² radii R of (2/π) acos(t / R), and
/// only the smallest uniforms have radii beyond t. What is missing at 6.5 sigma is the coarseness of these few.
#[test]
fn tails_are_those_of_a_normal_distribution_to_their_end() {
    // cos 0 = 1: the first of four deviates is the radius
    let radius = |w: u32| f64::from(quad_deviates([w, 0, 0, 0])[0]);
    for (sigma, error) in [(4.0, 1e-6), (5.0, 1e-5), (5.5, 1e-4), (6.0, 2e-3), (6.5, 2e-2)] {
        let sum: f64 = (0..)
            .map(radius)
            .take_while(|&r| r > sigma)
            .map(|r| (sigma / r).acos() * std::f64::consts::FRAC_2_PI)
            .sum();
        let (got, want) = (sum / 4_294_967_296.0, 2.0 * normal_cdf(-sigma));
        println!("P(|z| > {sigma}) = {got:.5e}, normal {want:.5e}, {:+.1e}", got / want - 1.0);
        assert!((got / want - 1.0).abs() < error, "beyond {sigma}: {got}, normal {want}");
    }
    // u = 2^-33 is the smallest uniform
    let largest = (66.0 * std::f64::consts::LN_2).sqrt();
    assert!((radius(0) / largest - 1.0).abs() < 1e-6, "{} for {largest}", radius(0));
    for w in [0, 1, 1 << 30, 1 << 31, 3 << 30, u32::MAX] {
        for z in quad_deviates([0, w, 0, w]) {
            assert!(f64::from(z.abs()) <= largest * (1.0 + 1e-6), "{z} beyond {largest}");
        }
    }
}

/// Sums over all pairs of x·y and of (x² - 1)(y² - 1) / 2, in standard deviations of independent pairs.
fn correlations(pairs: impl Iterator<Item = (f32, f32)>) -> [f64; 2] {
    let (mut n, mut sums) = (0u64, [0.0; 2]);
    for (x, y) in pairs {
        let (x, y) = (f64::from(x), f64::from(y));
        n += 1;
        sums[0] += x * y;
        sums[1] += 0.5 * (x * x - 1.0) * (y * y - 1.0);
    }
    sums.map(|sum| sum / (n as f64).sqrt())
}

/// Four neighbouring reads (slices, or fragments of one slice) share a counter, and two of them the radius of
/// Box and Muller; everything else is another counter, one word of it changed.
#[test]
fn neighbours_are_independent() {
    let shape = Shape { vectors: 1024, fragments: 4, slices: 4, columns: 128 };
    let here = shape.all(HERE);
    let check = |what: &str, got: [f64; 2]| {
        println!("{what}: {:+.2} {:+.2} standard deviations", got[0], got[1]);
        assert!(got.iter().all(|c| c.abs() < 5.0), "{what}: {got:?}");
    };
    let within = |all: &[f32], shape: Shape, relations: &[(&str, usize, usize)]| {
        for &(what, distance, within) in relations {
            let pairs = all.chunks_exact(within).flat_map(|all| all.iter().zip(&all[distance..]));
            check(&format!("{what}, {} slices", shape.slices), correlations(pairs.map(|(x, y)| (*x, *y))));
        }
    };
    let row = shape.columns;
    let slice = shape.slices * row;
    let vector = shape.fragments * slice;
    let relations = [
        ("columns", 1, row),
        ("columns of neighbouring panels", 16, row),
        ("columns of neighbouring groups of panels", 64, row),
        ("slices", row, slice),
        ("slices two apart", 2 * row, slice),
        ("slices three apart", 3 * row, slice),
        ("fragments", slice, vector),
        ("vectors", vector, here.len()),
    ];
    within(&here, shape, &relations);
    let single = Shape { fragments: 16, slices: 1, ..shape };
    let relations = [
        ("columns", 1, row),
        ("fragments", row, vector),
        ("fragments two apart", 2 * row, vector),
        ("fragments three apart", 3 * row, vector),
        ("fragments four apart", 4 * row, vector),
        ("vectors", vector, here.len()),
    ];
    within(&single.all(HERE), single, &relations);
    for (what, there) in [
        ("layers", Address { layer: 1, ..HERE }),
        ("blocks", Address { block: 1, ..HERE }),
        ("seeds", Address { seed: 2, ..HERE }),
        ("upper halves of seeds", Address { seed: 1 + (1 << 32), ..HERE }),
        ("tiles", Address { first_draw: shape.vectors as u32, ..HERE }),
        ("tiles of half a million vectors", Address { first_draw: 1 << 19, ..HERE }),
    ] {
        check(what, correlations(here.iter().copied().zip(shape.all(there))));
    }
    // a test that cannot fail is none: the same address is seen
    assert!(correlations(here.iter().copied().zip(shape.all(HERE))).iter().all(|c| *c > 100.0));
}

/// Every level draws the same bits, whatever the shape; each deviate has the variance `Σ x² v + σ²` of its read.
#[test]
fn every_level_draws_the_same_bits() {
    for (fragments, slices, columns) in
        [(1, 1, 1), (1, 1, 33), (3, 1, 64), (2, 3, 48), (5, 8, 17), (4, 4, 200)]
    {
        let shape = Shape { vectors: 37, fragments, slices, columns };
        let block = shape.block();
        let layout = {
            let all: Vec<_> = (0..fragments).map(|f| 4 * f..4 * f + 4).collect();
            Layout::new(Engine::Dot16, &all)
        };
        let v = Mat::from_fn(4 * fragments, columns, |r, c| 1e-4 * (1 + (r * 7 + c) % 11) as f64);
        let variance = Variance::pack(v.view(), &layout.rows, 255);
        let x: Vec<u8> = (0..shape.vectors * layout.padded).map(|i| (i * i % 251) as u8).collect();
        let vectors = Vectors { values: Values::Bytes(&x), k: 4 * fragments, stride: layout.padded };
        let cut: Vec<Digit> = block.slices.iter().map(|s| s.digit).collect();
        let mut digits = Digits::default();
        let squares = digits.squares(&layout, &cut, vectors);
        let noise = Noise::new(Seed(9));
        let sigma: Vec<f32> = (0..block.width()).map(|c| 0.1 + c as f32 / 64.0).collect();
        for variance in [None, Some(&variance)] {
            let deviates = Deviates {
                noise: &noise,
                site: Site { layer: 2, block: 3 },
                first_draw: u32::MAX - 20,
                sigma: &sigma,
                variance,
                issued: None,
            };
            let mut variances = Aligned::default();
            for first in (0..block.width() / Block::PANEL).step_by(4) {
                deviates.variances(&block, &layout, &layout.offsets, squares, first / 4, &mut variances);
                let group = (first, (block.width() / Block::PANEL - first).min(4));
                let mut want = Aligned::default();
                deviates.fill_at(Level::Scalar, &block, group, shape.vectors, &variances, &mut want);
                for level in Level::available() {
                    let mut got = Aligned::default();
                    deviates.fill_at(level, &block, group, shape.vectors, &variances, &mut got);
                    assert!(
                        got.iter().zip(&*want).all(|(a, b)| a.to_bits() == b.to_bits()),
                        "{fragments} {slices} {columns} {group:?} at {}",
                        level.name()
                    );
                }
                let at = Address { seed: 9, layer: 2, block: 3, first_draw: u32::MAX - 20 };
                let mut unit = Aligned::default();
                shape.fill(Level::Scalar, &block, at, first, &mut unit);
                let reads = reads(slices, fragments);
                for (i, (got, unit)) in want.iter().zip(&*unit).enumerate() {
                    let (slot, lane) = (i / Block::PANEL, i % Block::PANEL);
                    let (vector, read, panel) =
                        (slot / group.1 / reads, slot / group.1 % reads, slot % group.1);
                    let column = (first + panel) * Block::PANEL + lane;
                    let Some(f) = (0..fragments)
                        .find(|&f| (0..slices).any(|s| read_index(slices, f, s) == read))
                        .filter(|_| column < columns)
                    else {
                        continue;
                    };
                    let read = variance.map_or(0.0, |v| {
                        let rows = (0..4).map(|r| {
                            let x = f64::from(x[vector * layout.padded + 4 * f + r]);
                            x * x * f64::from(v.at(f, r, column))
                        });
                        rows.sum::<f64>() * f64::from(v.unit())
                    });
                    let scale = (read + f64::from(sigma[column]).powi(2)).sqrt();
                    let (got, want) = (f64::from(*got), f64::from(*unit) * scale);
                    assert!((got - want).abs() <= 1e-6 * want.abs(), "{got} for {want}, deviate {i}");
                }
            }
        }
    }
}
