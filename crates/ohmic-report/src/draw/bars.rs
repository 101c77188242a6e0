//! Horizontal bars: one row per design, one panel per quantity.

use super::{Swatch, boxes, draw_legend, legend_height, with_unit};
use crate::Error;
use crate::canvas::{Anchor, Canvas, GRID, INK, TICK, TITLE, WIDTH, colour, fitted, text_width};
use crate::chart::{Bars, Panel};
use crate::scale::{Scale, extent, number, prefixed};
use plotters::prelude::DrawingBackend;

const ROW: f64 = 24.0;
const TOP: f64 = 10.0;
const BELOW: f64 = 48.0;
const GAP: f64 = 14.0;

pub(super) fn height(chart: &Bars) -> f64 {
    TOP + ROW * chart.rows.len().max(1) as f64 + BELOW + legend_height(&boxes(&chart.parts))
}

pub(super) fn draw<DB: DrawingBackend>(c: &Canvas<DB>, chart: &Bars) -> Result<(), Error> {
    let widest = chart.rows.iter().map(|r| text_width(r, TICK)).fold(0.0, f64::max).min(WIDTH * 0.5);
    let first = 8.0 + widest + 8.0;
    let count = chart.panels.len().max(1) as f64;
    let width = (WIDTH - 12.0 - first - GAP * (count - 1.0)) / count;
    for (i, row) in chart.rows.iter().enumerate() {
        let y = TOP + ROW * (i as f64 + 0.5);
        c.text(&fitted(row, TICK, widest + 1.0), (first - 7.0, y), TICK, Anchor::Right, INK)?;
    }
    for (i, panel) in chart.panels.iter().enumerate() {
        let left = first + i as f64 * (width + GAP);
        draw_panel(c, chart, panel, i, (left, left + width))?;
    }
    let bottom = TOP + ROW * chart.rows.len().max(1) as f64;
    draw_legend(c, &boxes(&chart.parts), bottom + BELOW, Swatch::Box)
}

fn draw_panel<DB: DrawingBackend>(
    c: &Canvas<DB>,
    chart: &Bars,
    panel: &Panel,
    index: usize,
    (left, right): (f64, f64),
) -> Result<(), Error> {
    let bottom = TOP + ROW * chart.rows.len().max(1) as f64;
    let totals: Vec<f64> = panel.values.iter().map(|v| v.iter().sum::<f64>()).collect();
    let ends: Vec<f64> = totals.iter().zip(&panel.half).map(|(t, h)| t + h.unwrap_or(0.0)).collect();
    let drawn: Vec<f64> =
        ends.iter().zip(&panel.values).filter(|(_, v)| !v.is_empty()).map(|(e, _)| *e).collect();
    let (least, most) = extent(&drawn);
    let (factor, unit) = prefixed(&panel.unit, most);
    let words: Vec<String> = totals.iter().map(|t| number(t * factor, 3)).collect();
    // room behind the longest bar for its figure
    let word = words.iter().map(|w| text_width(w, 12.0)).fold(0.0, f64::max) + 8.0;
    let share = (1.0 - word / (right - left)).max(0.3);
    let low = least.min(0.0);
    let high = match most.max(0.0) {
        most if low < 0.0 => most + (most - low) * (1.0 - share) / share,
        most if most > 0.0 => most / share,
        _ => 1.0,
    };
    let scale = Scale::Linear { low, high };
    let to_x = |v: f64| left + scale.place(v).clamp(0.0, 1.0) * (right - left);
    let ticks = scale.ticks(((right - left) / 52.0).max(2.0) as usize, factor);
    let mut free_from = left - 20.0;
    for (v, word) in &ticks {
        let (x, half) = (to_x(*v), text_width(word, TICK) / 2.0);
        c.line(&[(x, TOP), (x, bottom)], GRID, 0.8)?;
        c.line(&[(x, bottom), (x, bottom + 4.0)], INK, 1.0)?;
        if x - half > free_from && x + half < right + 1.0 {
            c.text(word, (x, bottom + 14.0), TICK, Anchor::Centre, INK)?;
            free_from = x + half + 6.0;
        }
    }
    for (r, parts) in panel.values.iter().enumerate() {
        let y = TOP + ROW * (r as f64 + 0.5);
        if parts.is_empty() || !totals[r].is_finite() {
            c.text(if parts.is_empty() { "–" } else { &words[r] }, (left + 5.0, y), 12.0, Anchor::Left, INK)?;
            continue;
        }
        let mut from = 0.0;
        for (p, v) in parts.iter().enumerate() {
            let ink = colour(if chart.parts.len() > 1 { p } else { index });
            if v.abs() > 0.0 {
                c.rectangle(to_x(from), y - 7.5, to_x(from + v), y + 7.5, ink)?;
            }
            from += v;
        }
        if let Some(h) = panel.half[r] {
            let (a, b) = (to_x(totals[r] - h), to_x(totals[r] + h));
            c.line(&[(a, y), (b, y)], INK, 1.2)?;
            for x in [a, b] {
                c.line(&[(x, y - 3.5), (x, y + 3.5)], INK, 1.2)?;
            }
        }
        c.text(&words[r], (to_x(ends[r].max(0.0)) + 4.0, y), 12.0, Anchor::Left, INK)?;
    }
    c.line(&[(left, TOP), (left, bottom), (right, bottom)], INK, 1.0)?;
    let title = fitted(&with_unit(&panel.title, &unit), TITLE, right - left + GAP);
    c.text(&title, ((left + right) / 2.0, bottom + 34.0), TITLE, Anchor::Centre, INK)
}
