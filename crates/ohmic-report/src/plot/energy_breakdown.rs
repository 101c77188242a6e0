//! Energy per inference of each design, split by component.

use super::{MOST_BARS, Parts, Plot, averaged, needs};
use crate::chart::{Bars, Chart, Figure, Panel};
use crate::points::Points;

pub(super) const KIND: &dyn Plot = &EnergyBreakdown;

#[derive(Debug)]
struct EnergyBreakdown;

impl Plot for EnergyBreakdown {
    fn name(&self) -> &'static str {
        "energy_breakdown"
    }
    fn summary(&self) -> &'static str {
        "energy per inference of each design, split by component"
    }
    fn fits(&self, points: &Points) -> Result<(), String> {
        needs(points, "energy_per_inference")?;
        if points.family("energy:").is_empty() {
            Err("the table has no columns `energy:<component>`".to_owned())
        } else {
            Ok(())
        }
    }
    fn figures(&self, points: &Points) -> Vec<Figure> {
        vec![breakdown(
            points,
            self.name(),
            "energy_per_inference",
            "energy:",
            "Energy per inference by component",
        )]
    }
}

/// Stacked bars of a family of columns, one per design; axes that change the total by less than 2 % are averaged over.
pub(super) fn breakdown(points: &Points, name: &str, total: &str, prefix: &str, title: &str) -> Figure {
    let every: Vec<usize> = (0..points.axes.len()).collect();
    let kept = points.matter(total, 0.02, &every);
    let parts = Parts::of(points, prefix);
    let mut groups = points.groups(&kept);
    let left_out = groups.len().saturating_sub(MOST_BARS);
    groups.truncate(MOST_BARS);
    let values: Vec<Vec<f64>> = groups.iter().map(|(_, s)| parts.values(points, total, s)).collect();
    let more = if left_out > 0 { format!(" {left_out} more settings are left out.") } else { String::new() };
    let (words, unit) = points.title(total);
    Figure {
        name: name.to_owned(),
        title: title.to_owned(),
        caption: format!("{title}, the total at the end of each bar.{}{more}", averaged(points, &kept)),
        chart: Chart::Bars(Bars {
            rows: groups.iter().map(|(at, _)| points.label(&kept, at)).collect(),
            panels: vec![Panel { title: words, unit, half: vec![None; values.len()], values }],
            parts: parts.names,
        }),
    }
}
