//! Yield over spare columns: the closed form, and the chips that were made.

use super::{Plot, Styles, error_bars, needs, numeric_axes};
use crate::chart::{Chart, Figure, Join, Lines, YRange};
use crate::points::Points;

pub(super) const KIND: &dyn Plot = &YieldVsSpares;

#[derive(Debug)]
struct YieldVsSpares;

fn is_spares(key: &str) -> bool {
    key.ends_with("spare_columns")
}

impl Plot for YieldVsSpares {
    fn name(&self) -> &'static str {
        "yield_vs_spares"
    }
    fn summary(&self) -> &'static str {
        "chips that can be repaired over spare columns a crossbar: closed form as lines, chip instances as points"
    }
    fn fits(&self, points: &Points) -> Result<(), String> {
        needs(points, "chip_yield")?;
        match numeric_axes(points, is_spares).is_empty() {
            true => Err("no axis `axis:redundancy.spare_columns` takes two values".to_owned()),
            false => Ok(()),
        }
    }
    fn figures(&self, points: &Points) -> Vec<Figure> {
        numeric_axes(points, is_spares).into_iter().map(|x| figure(points, x)).collect()
    }
}

fn figure(points: &Points, x: usize) -> Figure {
    let styles = Styles::new(points, x);
    let mut series = styles.series(points, x, "chip_yield", true);
    for s in &mut series {
        s.line = Join::LineOnly;
        s.points.iter_mut().for_each(|spot| spot.bar = None);
    }
    let mut made = styles.series(points, x, "repairable", true);
    made.iter_mut().for_each(|s| s.line = Join::Markers);
    let seen = if made.is_empty() { "" } else { " Points: chip instances." };
    series.extend(made);
    let axis = &points.axes[x];
    Figure {
        name: "yield_vs_spares".to_owned(),
        title: "Yield versus spare columns".to_owned(),
        caption: format!(
            "Chips in which every column finds a bit line without a broken cell, over {}. Lines: closed form.{seen}{}",
            axis.title(),
            error_bars(points)
        ),
        chart: Chart::Lines(Lines {
            x_title: axis.title(),
            x_unit: axis.column.unit.clone(),
            y_title: "repairable chips".to_owned(),
            y_unit: String::new(),
            y_range: YRange::Fraction,
            series,
            references: Vec::new(),
            legend: styles.legend(points, Join::Line),
        }),
    }
}
