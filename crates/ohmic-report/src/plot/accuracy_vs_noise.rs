//! Accuracy over every swept numeric axis: noise, converter bits, rows, faults.

use super::{Plot, Styles, error_bars, file_word, needs, numeric_axes};
use crate::chart::{Chart, Figure, Join, Lines, Reference, YRange};
use crate::points::Points;

pub(super) const KIND: &dyn Plot = &AccuracyVsNoise;

#[derive(Debug)]
struct AccuracyVsNoise;

impl Plot for AccuracyVsNoise {
    fn name(&self) -> &'static str {
        "accuracy_vs_noise"
    }
    fn summary(&self) -> &'static str {
        "accuracy over each swept numeric axis (noise, converter bits, rows), with error bars over chip instances"
    }
    fn fits(&self, points: &Points) -> Result<(), String> {
        needs(points, "accuracy")?;
        match numeric_axes(points, |_| true).is_empty() {
            true => Err("no numeric axis (a column `axis:...`) takes two values".to_owned()),
            false => Ok(()),
        }
    }
    fn figures(&self, points: &Points) -> Vec<Figure> {
        numeric_axes(points, |_| true).into_iter().map(|x| figure(points, x)).collect()
    }
}

fn figure(points: &Points, x: usize) -> Figure {
    let styles = Styles::new(points, x);
    let mut series = styles.series(points, x, "accuracy", true);
    let mut bars = error_bars(points);
    if points.trials() == 1 {
        // one chip instance: the interval over images, if the table has it
        for (s, (_, settings)) in series.iter_mut().zip(points.groups(&styles.others)) {
            for spot in &mut s.points {
                let here = |p: &&&crate::Setting| points.axes[x].values[p.at[x]].number() == Some(spot.x);
                let Some(setting) = settings.iter().find(here) else { continue };
                let end = |c| points.estimate(c, &[setting]).map(|e| e.mean);
                spot.bar = end("accuracy_low").zip(end("accuracy_high"));
                if spot.bar.is_some() {
                    bars = " Error bars: Wilson's 95 % interval over images (one chip instance).";
                }
            }
        }
    }
    let mut references = Vec::new();
    let mut add =
        |label: &str, y: Option<f64>| references.extend(y.map(|y| Reference { label: label.to_owned(), y }));
    add("float", super::constant(points, "float_accuracy"));
    let chance = super::constant(points, "chance").or(super::constant(points, "classes").map(|n| 1.0 / n));
    add("chance", chance);
    let axis = &points.axes[x];
    let lines = match references.len() {
        0 => String::new(),
        _ => format!(
            " Dashed: {}.",
            references.iter().map(|r: &Reference| r.label.as_str()).collect::<Vec<_>>().join(" and ")
        ),
    };
    Figure {
        name: format!("accuracy_vs_{}", file_word(&axis.key)),
        title: format!("Accuracy versus {}", axis.key),
        caption: format!("Classification accuracy over {}.{bars}{lines}", axis.title()),
        chart: Chart::Lines(Lines {
            x_title: axis.title(),
            x_unit: axis.column.unit.clone(),
            y_title: "accuracy".to_owned(),
            y_unit: points.title("accuracy").1,
            y_range: YRange::Fraction,
            series,
            references,
            legend: styles.legend(points, Join::Line),
        }),
    }
}
