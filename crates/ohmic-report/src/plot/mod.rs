//! The figures. Each looks at a table and gives its figures, or the reason why it has none.
//!
//! To add one: write `src/plot/<name>.rs` with a type that is a [`Plot`] and a `pub(super) const KIND`, add
//! `mod <name>;` and `<name>::KIND,` below, and accept its snapshot in `tests/snapshots/`.
//! A plot never draws: it fills a [`Chart`](crate::Chart), which one theme draws as SVG and PNG.

use crate::chart::{Figure, Join, LegendEntry, Series, Spot};
use crate::points::{Estimate, Points, Setting};
use ohmic_results::Value;
use std::fmt::Debug;

mod accuracy_energy_pareto;
mod accuracy_vs_noise;
mod area_breakdown;
mod encodings_compared;
mod energy_breakdown;
mod energy_vs_adc_bits;
mod snr_vs_bits;
mod snr_vs_rows;
pub mod sum_histograms;
mod yield_vs_spares;

/// All plots, in the order of a page.
pub const KINDS: &[&dyn Plot] = &[
    accuracy_vs_noise::KIND,
    energy_vs_adc_bits::KIND,
    energy_breakdown::KIND,
    snr_vs_bits::KIND,
    snr_vs_rows::KIND,
    accuracy_energy_pareto::KIND,
    accuracy_energy_pareto::PREDICTED,
    encodings_compared::KIND,
    area_breakdown::KIND,
    yield_vs_spares::KIND,
];

/// A kind of figure.
pub trait Plot: Debug + Send + Sync {
    /// Its name, that of its file.
    fn name(&self) -> &'static str;
    /// What it shows in one line.
    fn summary(&self) -> &'static str;
    /// Whether the table has what it needs.
    ///
    /// # Errors
    /// The reason why not, naming the missing column or axis.
    fn fits(&self, points: &Points) -> Result<(), String>;
    /// Its figures; called only if it fits; none if no value of its columns can be drawn.
    fn figures(&self, points: &Points) -> Vec<Figure>;
}

/// Bars on one figure; more are left out and the caption says so.
const MOST_BARS: usize = 24;
/// Parts of a stack; the smallest others become one.
const MOST_PARTS: usize = 7;

/// A finite number of the column somewhere, or the reason why not.
fn needs(points: &Points, column: &str) -> Result<(), String> {
    let values = points.table.column(column).map_err(|_| format!("the table has no column `{column}`"))?;
    match values.iter().filter_map(|v| v.number()).any(f64::is_finite) {
        true => Ok(()),
        false => Err(format!("the column `{column}` has no finite value")),
    }
}

/// The swept numeric axes that a test accepts.
fn numeric_axes(points: &Points, accept: impl Fn(&str) -> bool) -> Vec<usize> {
    (0..points.axes.len()).filter(|a| points.axes[*a].is_numeric() && accept(&points.axes[*a].key)).collect()
}

/// `over 5 chip instances` and what the error bars are then.
fn error_bars(points: &Points) -> &'static str {
    if points.trials() > 1 {
        " Error bars: 95 % interval of the mean over chip instances (Student's t)."
    } else {
        ""
    }
}

/// An interval's ends; a fraction's stay inside 0..1.
fn ends(e: Estimate, fraction: bool) -> Option<(f64, f64)> {
    let (low, high) = e.half.map(|h| (e.mean - h, e.mean + h))?;
    Some(if fraction { (low.max(0.0), high.min(1.0)) } else { (low, high) })
}

/// How a family of series looks: colour after one axis, marker and dashes after the others, and the legend.
struct Styles {
    others: Vec<usize>,
    colour_axis: Option<usize>,
    groups: Vec<Vec<usize>>,
}

impl Styles {
    /// For series over `x`: one per combination of the other axes.
    fn new(points: &Points, x: usize) -> Self {
        Self::over(points, (0..points.axes.len()).filter(|a| *a != x).collect())
    }

    fn over(points: &Points, others: Vec<usize>) -> Self {
        let text = others.iter().copied().find(|a| !points.axes[*a].is_numeric());
        let colour_axis = text.or(others.first().copied());
        let groups = points.groups(&others).into_iter().map(|(at, _)| at).collect();
        Self { others, colour_axis, groups }
    }

    fn colour(&self, at: &[usize]) -> usize {
        self.colour_axis.map_or(0, |a| at[a])
    }

    /// With one other axis the marker says the same as the colour; with more it says the rest.
    fn marker(&self, at: &[usize]) -> usize {
        if self.others.len() < 2 {
            return self.colour(at);
        }
        let mut seen: Vec<Vec<usize>> = Vec::new();
        for g in &self.groups {
            let rest = self.rest(g);
            if !seen.contains(&rest) {
                seen.push(rest);
            }
        }
        seen.sort();
        seen.iter().position(|r| *r == self.rest(at)).unwrap_or(0)
    }

    fn rest(&self, at: &[usize]) -> Vec<usize> {
        self.others.iter().filter(|a| Some(**a) != self.colour_axis).map(|a| at[*a]).collect()
    }

    /// One entry per series; where there are more than six of two axes or more, one per colour and one per marker.
    fn legend(&self, points: &Points, join: Join) -> Vec<LegendEntry> {
        if self.others.is_empty() {
            return Vec::new();
        }
        if self.others.len() == 1 || self.groups.len() <= 6 {
            let entry = |at: &Vec<usize>| LegendEntry {
                label: points.label(&self.others, at),
                colour: Some(self.colour(at)),
                marker: Some(self.marker(at)),
                join,
            };
            return self.groups.iter().map(entry).collect();
        }
        let mut legend: Vec<LegendEntry> = Vec::new();
        let mut add = |e: LegendEntry| {
            if !legend.iter().any(|l| l.label == e.label) {
                legend.push(e);
            }
        };
        let colour_axes: Vec<usize> = self.colour_axis.into_iter().collect();
        for at in &self.groups {
            let label = points.label(&colour_axes, at);
            add(LegendEntry { label, colour: Some(self.colour(at)), marker: None, join: Join::LineOnly });
        }
        let rest: Vec<usize> = self.others.iter().copied().filter(|a| Some(*a) != self.colour_axis).collect();
        let mut by_marker: Vec<&Vec<usize>> = self.groups.iter().collect();
        by_marker.sort_by_key(|at| self.marker(at));
        for at in by_marker {
            add(LegendEntry {
                label: points.label(&rest, at),
                colour: None,
                marker: Some(self.marker(at)),
                join,
            });
        }
        legend
    }

    /// The series of a column over the axis `x`.
    fn series(&self, points: &Points, x: usize, column: &str, fraction: bool) -> Vec<Series> {
        let one = |(at, settings): (Vec<usize>, Vec<&Setting>)| {
            let spot = |s: &&Setting| {
                let place = points.axes[x].values[s.at[x]].number()?;
                let e = points.estimate(column, &[s])?;
                Some(Spot { x: place, y: e.mean, bar: ends(e, fraction) })
            };
            let mut spots: Vec<Spot> = settings.iter().filter_map(spot).collect();
            spots.sort_by(|a, b| a.x.total_cmp(&b.x));
            Series { colour: self.colour(&at), marker: self.marker(&at), line: Join::Line, points: spots }
        };
        points.groups(&self.others).into_iter().map(one).filter(|s| !s.points.is_empty()).collect()
    }
}

/// The largest members of a family of columns and their sums; the others become one, `other (n)`.
struct Parts {
    columns: Vec<Vec<String>>,
    names: Vec<String>,
}

impl Parts {
    fn of(points: &Points, prefix: &str) -> Self {
        let all: Vec<&Setting> = points.settings.iter().collect();
        let mut sized: Vec<(f64, String)> = points
            .family(prefix)
            .into_iter()
            .map(|name| (points.estimate(&format!("{prefix}{name}"), &all).map_or(0.0, |e| e.mean), name))
            .collect();
        sized.sort_by(|a, b| b.0.total_cmp(&a.0));
        let rest = if sized.len() > MOST_PARTS + 1 { sized.split_off(MOST_PARTS) } else { Vec::new() };
        let column = |name: &String| format!("{prefix}{name}");
        let mut columns: Vec<Vec<String>> = sized.iter().map(|(_, n)| vec![column(n)]).collect();
        let mut names: Vec<String> = sized.into_iter().map(|(_, n)| n.replace('_', " ")).collect();
        if !rest.is_empty() {
            names.push(format!("{} others", rest.len()));
            columns.push(rest.iter().map(|(_, n)| column(n)).collect());
        }
        Self { columns, names }
    }

    /// The parts of some settings, or the total alone where there are no parts; empty if there is nothing.
    fn values(&self, points: &Points, total: &str, settings: &[&Setting]) -> Vec<f64> {
        let mean = |c: &String| points.estimate(c, settings).map(|e| e.mean).filter(|m| m.is_finite());
        if self.columns.is_empty() {
            return mean(&total.to_owned()).into_iter().collect();
        }
        if self.columns.iter().flatten().all(|c| mean(c).is_none()) {
            return Vec::new();
        }
        self.columns.iter().map(|cs| cs.iter().filter_map(mean).sum()).collect()
    }
}

/// What was averaged over, for a caption.
fn averaged(points: &Points, kept: &[usize]) -> String {
    let rest: Vec<&str> =
        (0..points.axes.len()).filter(|a| !kept.contains(a)).map(|a| points.axes[a].key.as_str()).collect();
    if rest.is_empty() { String::new() } else { format!(" Mean over the settings of {}.", rest.join(", ")) }
}

/// The one value of a column, if it has one only.
fn constant(points: &Points, column: &str) -> Option<f64> {
    let values = points.table.column(column).ok()?;
    let mut numbers = values.into_iter().filter_map(Value::number);
    let first = numbers.next()?;
    numbers.all(|v| v.total_cmp(&first).is_eq()).then_some(first)
}

/// A key path as part of a file name.
fn file_word(key: &str) -> String {
    key.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}
