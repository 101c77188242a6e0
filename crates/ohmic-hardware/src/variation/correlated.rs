//! Cells that resemble their neighbours.

use super::gaussian::SIGMA_REL;
use super::lognormal::SIGMA_LN;
use super::{VariationModel, spread::Spread};
use crate::device::Patch;
use ohmic_config::{KeyDoc, Kind};
use ohmic_numerics::{Cells, Purpose, Site};

const LENGTH: KeyDoc = KeyDoc::number(
    "correlation_length",
    "distance in cells, along word and bit lines alike, at which the correlation of two cells is 1/e",
)
.at_least(2.0)
.at_most(128.0);
const FRACTION: KeyDoc = KeyDoc::number(
    "correlated_fraction",
    "share of the variance that neighbours have in common; the rest is every cell's own",
)
.at_least(0.0)
.at_most(1.0)
.optional("1, all of it");
const SIGMA_LN_HERE: KeyDoc = SIGMA_LN.optional("sigma_rel says it instead");
const SIGMA_REL_HERE: KeyDoc = SIGMA_REL.optional("sigma_ln says it instead");

pub(super) const KIND: Kind<dyn VariationModel> = Kind {
    name: "correlated",
    summary: "device-to-device: cells near each other on a crossbar differ alike, over a correlation length",
    example: "sigma_ln = 0.05\ncorrelation_length = 10\ncorrelated_fraction = 0.8",
    quiet: Some("sigma_ln = 0.0\ncorrelation_length = 10"),
    keys: &[SIGMA_LN_HERE, SIGMA_REL_HERE, LENGTH, FRACTION],
    build: |s| {
        s.exactly_one(&[&SIGMA_LN_HERE, &SIGMA_REL_HERE])?;
        let ln = s.number_if(&SIGMA_LN_HERE)?.map(|sigma| Spread::LogNormal(sigma as f32));
        let rel = s.number_if(&SIGMA_REL_HERE)?.map(|sigma| Spread::Gaussian(sigma as f32));
        let fraction = s.number_if(&FRACTION)?.unwrap_or(1.0);
        Ok(Box::new(Correlated {
            spread: ln.or(rel).unwrap_or(Spread::Gaussian(0.0)),
            kernel: kernel(s.number(&LENGTH)?),
            common: fraction.sqrt() as f32,
            own: (1.0 - fraction).sqrt() as f32,
        }))
    },
};

/// Model: z(cell) = sqrt(f) c + sqrt(1 - f) w, put into the spread of `gaussian` or `lognormal`; w ~ N(0, 1) is the
/// cell's own, c a standard normal field on the grid of word and bit lines of each crossbar with correlation
/// exp(-d^2 / L^2), d the distance in cells, L the correlation length.
///
/// c is white noise by address on the grid (and around it), convolved along rows and columns with a Gaussian
/// exp(-2 x^2 / L^2), cut at 2.5 L, whose squares sum to 1: its variance is 1 exactly, its correlation that of the
/// continuous field to 1e-4 for L of 2 or more. A cell's z does not depend on what else is on the crossbar.
/// Randomness: `Purpose::Device`, draw 0 for w and draw 1 for the field, once a chip; crossbars are independent.
/// Costs about 10 L multiplications a cell and chip. Left out: gradients over a chip, different pitches of rows and
/// columns.
#[derive(Debug)]
struct Correlated {
    spread: Spread,
    /// Weights of the cells -r..=r along one axis.
    kernel: Vec<f32>,
    common: f32,
    own: f32,
}

fn kernel(length: f64) -> Vec<f32> {
    let radius = (2.5 * length).ceil() as i32;
    let raw: Vec<f64> =
        (-radius..=radius).map(|x| libm::exp(-2.0 * (f64::from(x) / length).powi(2))).collect();
    let norm = raw.iter().map(|k| k * k).sum::<f64>().sqrt();
    raw.iter().map(|k| (k / norm) as f32).collect()
}

impl Correlated {
    /// The field at the cells of a patch, rows × columns.
    fn field(&self, patch: &Patch<'_>) -> Vec<f32> {
        let (reach, stride) = (self.kernel.len(), patch.col_stride);
        // rows of the patch and around it, convolved along the word line at the patch's columns; the first row and
        // column drawn stand half a kernel before the patch
        let mut along = vec![0f32; (patch.rows + reach - 1) * patch.cols];
        // columns far from each other have nothing between them that is needed
        let group = if stride < reach { patch.cols } else { 1 };
        let mut white = vec![0f32; (group - 1) * stride + reach];
        for (r, row) in along.chunks_exact_mut(patch.cols).enumerate() {
            let site = Site { layer: patch.crossbar, block: (patch.first_row + r) as u32 };
            for (g, out) in row.chunks_mut(group).enumerate() {
                let first = (patch.first_col + g * group * stride) as u32;
                patch.noise.fill_normal(Purpose::Device, Cells { site, first }, 1, &mut white);
                for (c, out) in out.iter_mut().enumerate() {
                    let window = &white[c * stride..c * stride + reach];
                    *out = window.iter().zip(&self.kernel).map(|(w, k)| w * k).sum();
                }
            }
        }
        let mut field = vec![0f32; patch.rows * patch.cols];
        for (r, out) in field.chunks_exact_mut(patch.cols).enumerate() {
            for (k, row) in self.kernel.iter().zip(along[r * patch.cols..].chunks_exact(patch.cols)) {
                out.iter_mut().zip(row).for_each(|(out, v)| *out += k * v);
            }
        }
        field
    }
}

impl VariationModel for Correlated {
    fn apply(&self, g_siemens: &mut [f32], patch: &Patch<'_>) {
        if self.is_none() {
            return;
        }
        let field = self.field(patch);
        let mut field = field.iter();
        patch.for_each_normal(g_siemens, Purpose::Device, 0, |g, w| {
            let c = field.next().copied().unwrap_or(0.0);
            self.spread.apply(g, self.common * c + self.own * w);
        });
    }

    fn is_none(&self) -> bool {
        self.spread.is_none()
    }

    fn is_correlated(&self) -> bool {
        !self.is_none() && self.common > 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ohmic_numerics::{Noise, Seed};

    /// ln(g / g_target) / sigma of one crossbar, by row.
    fn deviates(text: &str, seed: u64, size: usize) -> Vec<Vec<f64>> {
        let noise = Noise::new(Seed(seed));
        let at = Cells { site: Site { layer: 0, block: 0 }, first: 0 };
        let patch = Patch { rows: size, cols: size, ..Patch::row(size, at, &noise) };
        let mut g = vec![1e-5f32; size * size];
        KIND.build_text(text).unwrap().apply(&mut g, &patch);
        g.chunks(size).map(|row| row.iter().map(|g| (f64::from(*g) / 1e-5).ln() / 0.1).collect()).collect()
    }

    /// Mean of products of cells `d` apart along rows and columns, over 24 crossbars of 192 × 192 (field) cells.
    ///
    /// Standard error: a field of length L has about N / (pi L^2 / 2) independent places, 24 * 192^2 / (pi 18) = 15 645 at
    /// L = 6, so 0.008 a correlation, less for the mean of both directions; 0.03 is far outside of it.
    #[test]
    fn correlation_has_the_asked_length_and_sigma_is_right() {
        let size = 192;
        for (length, fraction) in [(6.0, 1.0), (6.0, 0.5), (2.0, 1.0)] {
            let text =
                format!("sigma_ln = 0.1\ncorrelation_length = {length}\ncorrelated_fraction = {fraction}");
            let chips: Vec<_> = (0..24).map(|seed| deviates(&text, seed, size)).collect();
            let correlation = |d: usize| {
                let (mut sum, mut n) = (0.0, 0.0);
                for z in &chips {
                    for row in z {
                        sum += row.iter().zip(&row[d..]).map(|(a, b)| a * b).sum::<f64>();
                    }
                    for (above, below) in z.iter().zip(&z[d..]) {
                        sum += above.iter().zip(below).map(|(a, b)| a * b).sum::<f64>();
                    }
                    n += 2.0 * (size * (size - d)) as f64;
                }
                sum / n
            };
            // d = 0: the variance
            assert!((correlation(0) - 1.0).abs() < 0.04, "{length}: variance {}", correlation(0));
            for d in [1usize, 2, 3, 6, 9, 18] {
                let want = fraction * (-(d as f64 / length).powi(2)).exp();
                let got = correlation(d);
                assert!(
                    (got - want).abs() < 0.03,
                    "L = {length}, f = {fraction}, d = {d}: {got}, not {want}"
                );
            }
        }
    }

    /// A cell gets the same whether its crossbar is asked for in one patch, in columns with others between them, or
    /// row by row.
    #[test]
    fn a_cell_depends_on_its_place_alone() {
        let noise = Noise::new(Seed(5));
        let model = KIND.build_text("sigma_rel = 0.2\ncorrelation_length = 3").unwrap();
        // all of the variance is common: the address of a cell's own numbers does not matter
        let at = Cells { site: Site { layer: 0, block: 0 }, first: 0 };
        let whole = Patch { rows: 12, cols: 10, ..Patch::row(10, at, &noise) };
        let mut all = vec![1f32; 120];
        model.apply(&mut all, &whole);
        let part = Patch { rows: 4, cols: 3, first_row: 5, first_col: 2, col_stride: 3, ..whole };
        let mut some = vec![1f32; 12];
        model.apply(&mut some, &part);
        for (cell, got) in some.iter().enumerate() {
            let (r, c) = part.place(cell);
            assert_eq!(got.to_bits(), all[r * 10 + c].to_bits(), "{r} {c}");
        }
        // columns farther apart than the kernel is long (17 cells) are drawn on their own
        let far = Patch { rows: 1, cols: 2, first_row: 3, first_col: 1, col_stride: 40, ..whole };
        let (mut ends, mut end) = (vec![1f32; 2], vec![1f32; 1]);
        model.apply(&mut ends, &far);
        let at = Cells { first: 1, ..at };
        model.apply(&mut end, &Patch { at, cols: 1, first_col: 41, ..far });
        assert_eq!(ends[1].to_bits(), end[0].to_bits());
        let mut other = vec![1f32; 120];
        model.apply(&mut other, &Patch { crossbar: 1, ..whole });
        assert_ne!(other[0].to_bits(), all[0].to_bits());
    }

    #[test]
    fn lengths_that_the_grid_cannot_show_are_refused() {
        let e = KIND.build_text("sigma_ln = 0.1\ncorrelation_length = 1").unwrap_err().to_string();
        assert!(e.contains("2 to 128"), "{e}");
        let e = KIND
            .build_text("sigma_ln = 0.1\nsigma_rel = 0.1\ncorrelation_length = 4")
            .unwrap_err()
            .to_string();
        assert!(e.contains("both are given"), "{e}");
    }
}
