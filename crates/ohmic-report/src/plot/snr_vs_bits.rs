//! Signal-to-noise ratio over every swept number of bits: per layer for one design, else the worst layer's.

use super::{Plot, Styles, error_bars, file_word, needs, numeric_axes};
use crate::chart::{Chart, Figure, Join, LegendEntry, Lines, Series, Spot, YRange};
use crate::points::Points;

pub(super) const KIND: &dyn Plot = &SnrVsBits;
const WORST: &str = "snr_db";

#[derive(Debug)]
struct SnrVsBits;

fn is_bits(key: &str) -> bool {
    key.rsplit('.').next().is_some_and(|word| word.contains("bits"))
}

impl Plot for SnrVsBits {
    fn name(&self) -> &'static str {
        "snr_vs_bits"
    }
    fn summary(&self) -> &'static str {
        "signal-to-noise ratio against the exact integer answer over each swept number of bits"
    }
    fn fits(&self, points: &Points) -> Result<(), String> {
        fits(points, is_bits, "bits (`axis:....bits`)")
    }
    fn figures(&self, points: &Points) -> Vec<Figure> {
        numeric_axes(points, is_bits).into_iter().map(|x| figure(points, x)).collect()
    }
}

pub(super) fn fits(points: &Points, accept: fn(&str) -> bool, what: &str) -> Result<(), String> {
    let layers = points.family("snr_db:");
    if layers.is_empty() {
        needs(points, WORST)?;
    } else if !layers.iter().any(|l| needs(points, &format!("snr_db:{l}")).is_ok())
        && needs(points, WORST).is_err()
    {
        return Err("the columns `snr_db` have no finite value (the hardware is exact)".to_owned());
    }
    if numeric_axes(points, accept).is_empty() {
        Err(format!("no axis of {what} takes two values"))
    } else {
        Ok(())
    }
}

pub(super) fn figure(points: &Points, x: usize) -> Figure {
    let styles = Styles::new(points, x);
    let layers = points.family("snr_db:");
    let axis = &points.axes[x];
    let (series, legend, what) = if styles.others.is_empty() && !layers.is_empty() {
        per_layer(points, x, &layers)
    } else if points.table.has(WORST) {
        let legend = styles.legend(points, Join::Line);
        (styles.series(points, x, WORST, false), legend, "of the worst layer")
    } else {
        let first = format!("snr_db:{}", layers.first().map_or("", String::as_str));
        (styles.series(points, x, &first, false), styles.legend(points, Join::Line), "of the first layer")
    };
    let infinite = series.iter().flat_map(|s| &s.points).any(|p| p.y.is_infinite());
    let arrows = if infinite { " Arrows at the upper edge: no error at all (infinite)." } else { "" };
    Figure {
        name: format!("snr_vs_{}", file_word(&axis.key)),
        title: format!("SNR versus {}", axis.key),
        caption: format!(
            "Signal-to-noise ratio {what} against the exact integer answer over {}.{}{arrows}",
            axis.title(),
            error_bars(points)
        ),
        chart: Chart::Lines(Lines {
            x_title: axis.title(),
            x_unit: axis.column.unit.clone(),
            y_title: "SNR".to_owned(),
            y_unit: "dB".to_owned(),
            y_range: YRange::Linear,
            series,
            references: Vec::new(),
            legend,
        }),
    }
}

fn per_layer(points: &Points, x: usize, layers: &[String]) -> (Vec<Series>, Vec<LegendEntry>, &'static str) {
    let one = |(i, layer): (usize, &String)| {
        let column = format!("snr_db:{layer}");
        let spot = |s: &crate::Setting| {
            let e = points.estimate(&column, &[s])?;
            let place = points.axes[x].values[s.at[x]].number()?;
            Some(Spot { x: place, y: e.mean, bar: super::ends(e, false) })
        };
        Series {
            colour: i,
            marker: i,
            line: Join::Line,
            points: points.settings.iter().filter_map(spot).collect(),
        }
    };
    let entry = |(i, l): (usize, &String)| LegendEntry {
        label: l.clone(),
        colour: Some(i),
        marker: Some(i),
        join: Join::Line,
    };
    (
        layers.iter().enumerate().map(one).collect(),
        layers.iter().enumerate().map(entry).collect(),
        "of each layer",
    )
}
