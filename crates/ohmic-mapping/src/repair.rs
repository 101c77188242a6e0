//! Yield: how many chips have enough whole columns, in closed form.

use crate::{LayerPlan, Plan};

/// Probability that at most `most` of `trials` independent events of probability `p` happen.
pub fn binomial_at_most(most: usize, trials: usize, p: f64) -> f64 {
    if most >= trials || p <= 0.0 {
        return 1.0;
    }
    if p >= 1.0 {
        return 0.0;
    }
    let (n, log_p, log_q) = (trials as f64, libm::log(p), libm::log1p(-p));
    let sum: f64 = (0..=most)
        .map(|k| {
            let k = k as f64;
            let ways = libm::lgamma(n + 1.0) - libm::lgamma(k + 1.0) - libm::lgamma(n - k + 1.0);
            libm::exp(ways + k * log_p + (n - k) * log_q)
        })
        .sum();
    sum.min(1.0)
}

/// Probability that a block can do without its broken columns: that of its `columns` and `spares` bit lines, each
/// whole with probability `(1 - cell_fault)^rows`, at most `spares` are broken.
pub fn block_yield(cell_fault: f64, rows: usize, columns: usize, spares: usize) -> f64 {
    let broken = -libm::expm1(rows as f64 * libm::log1p(-cell_fault));
    binomial_at_most(spares, columns + spares, broken)
}

/// Probability that all blocks of a plan can do without their broken columns: the yield of chips that are thrown
/// away otherwise. Cells break independently with probability `cell_fault`; only rows that a block uses count.
pub fn plan_yield(plan: &Plan, cell_fault: f64, spares: usize) -> f64 {
    let of = |layer: &LayerPlan| -> f64 {
        let blocks = layer.blocks.iter();
        blocks.map(|b| block_yield(cell_fault, b.rows.len(), b.columns, spares)).product()
    };
    // every copy must be whole
    plan.layers.iter().flatten().map(|layer| libm::pow(of(layer), layer.copies as f64)).product()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three coins: at most one head 4/8. Two rows of cells broken with 0.1: a column is whole with 0.81; of two
    /// columns and one spare at most one broken: 0.81³ + 3 · 0.19 · 0.81² = 0.905418.
    #[test]
    fn by_hand() {
        assert!((binomial_at_most(1, 3, 0.5) - 0.5).abs() < 1e-14);
        assert!((block_yield(0.1, 2, 2, 1) - 0.905_418).abs() < 1e-12);
        assert!((block_yield(0.1, 2, 2, 0) - 0.81f64.powi(2)).abs() < 1e-12);
        assert!((block_yield(0.0, 128, 128, 0) - 1.0).abs() < 1e-15);
        assert!(block_yield(0.1, 1000, 128, 4) < 1e-300);
        assert!((block_yield(1.0, 2, 2, 1)).abs() < 1e-15);
    }

    #[test]
    fn more_spares_are_never_worse() {
        for spares in 0..20 {
            assert!(block_yield(1e-3, 128, 100, spares) < block_yield(1e-3, 128, 100, spares + 1));
        }
    }
}
