//! Signal-to-noise ratio over the rows summed or built.

use super::{Plot, numeric_axes, snr_vs_bits};
use crate::chart::Figure;
use crate::points::Points;

pub(super) const KIND: &dyn Plot = &SnrVsRows;

#[derive(Debug)]
struct SnrVsRows;

fn is_rows(key: &str) -> bool {
    key.rsplit('.').next().is_some_and(|word| word.contains("rows"))
}

impl Plot for SnrVsRows {
    fn name(&self) -> &'static str {
        "snr_vs_rows"
    }
    fn summary(&self) -> &'static str {
        "signal-to-noise ratio against the exact integer answer over crossbar rows or rows per read"
    }
    fn fits(&self, points: &Points) -> Result<(), String> {
        snr_vs_bits::fits(points, is_rows, "rows (`axis:crossbar.rows`, `axis:crossbar.rows_per_read`)")
    }
    fn figures(&self, points: &Points) -> Vec<Figure> {
        numeric_axes(points, is_rows).into_iter().map(|x| snr_vs_bits::figure(points, x)).collect()
    }
}
