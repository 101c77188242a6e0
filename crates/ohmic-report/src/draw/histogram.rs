//! Histograms with a range marked, one panel below the other: what lies outside the range has another colour.

use super::{Swatch, boxes, draw_legend, legend_height, vertical_title};
use crate::Error;
use crate::canvas::{Anchor, Canvas, GRID, INK, TICK, TITLE, WIDTH, colour, fitted, text_width};
use crate::chart::{Histogram, Histograms};
use crate::scale::{Scale, number};
use plotters::prelude::DrawingBackend;

const PLOT: f64 = 110.0;
const TOP: f64 = 24.0;
const BELOW: f64 = 22.0;
/// Bars of a panel, at most.
const BARS: usize = 120;

pub(super) fn height(chart: &Histograms) -> f64 {
    chart.panels.len().max(1) as f64 * (TOP + PLOT + BELOW) + 24.0 + legend_height(&legend(chart))
}

fn legend(chart: &Histograms) -> Vec<crate::chart::LegendEntry> {
    boxes(&chart.parts)
}

pub(super) fn draw<DB: DrawingBackend>(c: &Canvas<DB>, chart: &Histograms) -> Result<(), Error> {
    let (left, right) = (74.0, WIDTH - 16.0);
    for (i, panel) in chart.panels.iter().enumerate() {
        let top = i as f64 * (TOP + PLOT + BELOW) + TOP;
        draw_panel(c, panel, (left, right), top)?;
        vertical_title(c, &chart.y_title, 14.0, top, top + PLOT)?;
    }
    let bottom = chart.panels.len() as f64 * (TOP + PLOT + BELOW);
    let title = fitted(&chart.x_title, TITLE, WIDTH - 20.0);
    c.text(&title, ((left + right) / 2.0, bottom + 7.0), TITLE, Anchor::Centre, INK)?;
    draw_legend(c, &legend(chart), bottom + 24.0, Swatch::Box)
}

/// Bars: from, to, count.
fn bars(panel: &Histogram) -> Vec<(f64, f64, u64)> {
    let width = (panel.high - panel.low) / panel.counts.len().max(1) as f64;
    let first = panel.counts.iter().position(|&c| c > 0).unwrap_or(0);
    let last = panel.counts.iter().rposition(|&c| c > 0).unwrap_or(0);
    let together = (last + 1 - first).div_ceil(BARS).max(1);
    let bar = |(i, counts): (usize, &[u64])| {
        let from = panel.low + (first + i * together) as f64 * width;
        (from, from + counts.len() as f64 * width, counts.iter().sum())
    };
    let counts = panel.counts.get(first..=last).unwrap_or(&[]);
    counts.chunks(together).enumerate().map(bar).collect()
}

fn draw_panel<DB: DrawingBackend>(
    c: &Canvas<DB>,
    panel: &Histogram,
    (left, right): (f64, f64),
    top: f64,
) -> Result<(), Error> {
    let bottom = top + PLOT;
    let bars = bars(panel);
    let (low, high) = panel.range;
    let from = bars.first().map_or(low, |b| b.0).min(low);
    let to = bars.last().map_or(high, |b| b.1).max(high);
    let margin = 0.03 * (to - from).max(f64::MIN_POSITIVE);
    let across = Scale::Linear { low: from - margin, high: to + margin };
    let to_x = |v: f64| left + across.place(v) * (right - left);
    let most = bars.iter().map(|b| b.2).max().unwrap_or(0).max(1) as f64;
    let up = Scale::Log { low: 0.5, high: most * 2.0, zero: false };
    let to_y = |v: f64| bottom - up.place(v).clamp(0.0, 1.0) * PLOT;
    for (v, word) in up.ticks(4, 1.0) {
        c.line(&[(left, to_y(v)), (right, to_y(v))], GRID, 0.8)?;
        c.text(&word, (left - 7.0, to_y(v)), TICK, Anchor::Right, INK)?;
    }
    for (v, word) in across.ticks(6, 1.0) {
        c.line(&[(to_x(v), bottom), (to_x(v), bottom + 4.0)], INK, 1.0)?;
        c.text(&word, (to_x(v), bottom + 13.0), TICK, Anchor::Centre, INK)?;
    }
    for &(from, to, count) in bars.iter().filter(|b| b.2 > 0) {
        // a bar over an end of the range is cut there
        let cuts = [from, low.clamp(from, to), high.clamp(from, to), to];
        for (part, tone) in cuts.windows(2).zip([1, 0, 1]) {
            if part[1] > part[0] {
                let (x0, x1) = (to_x(part[0]), to_x(part[1]));
                c.rectangle(x0, to_y(count as f64), x1.max(x0 + 0.4), bottom, colour(tone))?;
            }
        }
    }
    for end in [low, high] {
        c.dashed(&[(to_x(end), top), (to_x(end), bottom)], INK, 1.2, &[4.0, 3.0])?;
    }
    c.line(&[(left, top), (left, bottom), (right, bottom)], INK, 1.0)?;
    let share = |f: f64| if f > 0.0 { format!("{} %", number(f * 100.0, 2)) } else { "0".to_owned() };
    let tails = format!("{} below, {} above", share(panel.below), share(panel.above));
    c.text(&tails, (right, top - 11.0), TICK, Anchor::Right, INK)?;
    let room = right - left - text_width(&tails, TICK) - 16.0;
    c.text(&fitted(&panel.title, TICK, room), (left, top - 11.0), TICK, Anchor::Left, INK)
}
