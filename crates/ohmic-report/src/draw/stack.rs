//! Stacked columns over categories, one panel per design.

use super::{Swatch, boxes, draw_legend, legend_height, vertical_title, with_unit};
use crate::Error;
use crate::canvas::{Anchor, Canvas, GRID, INK, TICK, TITLE, WIDTH, colour, fitted, text_width};
use crate::chart::Stack;
use crate::scale::{Scale, extent, number, prefixed};
use plotters::prelude::DrawingBackend;

const PLOT: f64 = 190.0;
const TOP: f64 = 26.0;
const BELOW: f64 = 22.0;
const GAP: f64 = 10.0;
const PER_ROW: usize = 3;

pub(super) fn height(chart: &Stack) -> f64 {
    let rows = chart.panels.len().max(1).div_ceil(PER_ROW);
    rows as f64 * (TOP + PLOT + BELOW) + 28.0 + legend_height(&boxes(&chart.parts))
}

pub(super) fn draw<DB: DrawingBackend>(c: &Canvas<DB>, chart: &Stack) -> Result<(), Error> {
    let total = |parts: &Vec<f64>| parts.iter().sum::<f64>();
    let totals: Vec<f64> = chart.panels.iter().flat_map(|p| p.1.iter().map(total)).collect();
    let most = extent(&totals).1;
    let (factor, unit) = prefixed(&chart.y_unit, most);
    let scale = Scale::Linear { low: 0.0, high: if most > 0.0 { 1.12 * most } else { 1.0 } };
    let ticks = scale.ticks(5, factor);
    let first = 32.0 + ticks.iter().map(|t| text_width(&t.1, TICK)).fold(0.0, f64::max) + 6.0;
    let columns = chart.panels.len().clamp(1, PER_ROW);
    let width = (WIDTH - 10.0 - first - GAP * (columns as f64 - 1.0)) / columns as f64;
    let rows = chart.panels.len().max(1).div_ceil(PER_ROW);
    for (i, (title, categories)) in chart.panels.iter().enumerate() {
        let left = first + (i % columns) as f64 * (width + GAP);
        let top = (i / columns) as f64 * (TOP + PLOT + BELOW) + TOP;
        let bottom = top + PLOT;
        let to_y = |v: f64| bottom - scale.place(v).clamp(0.0, 1.0) * PLOT;
        for (v, word) in &ticks {
            c.line(&[(left, to_y(*v)), (left + width, to_y(*v))], GRID, 0.8)?;
            if i % columns == 0 {
                c.text(word, (left - 7.0, to_y(*v)), TICK, Anchor::Right, INK)?;
            }
        }
        let slot = width / categories.len().max(1) as f64;
        let bar = (slot * 0.68).min(44.0);
        for (k, parts) in categories.iter().enumerate() {
            let x = left + (k as f64 + 0.5) * slot;
            let mut from = 0.0;
            for (p, v) in parts.iter().enumerate().filter(|(_, v)| **v > 0.0) {
                c.rectangle(x - bar / 2.0, to_y(from + v), x + bar / 2.0, to_y(from), colour(p))?;
                from += v;
            }
            let word = number(from * factor, 3);
            if !parts.is_empty() && text_width(&word, 12.0) <= slot + 2.0 {
                c.text(&word, (x, to_y(from) - 8.0), 12.0, Anchor::Centre, INK)?;
            }
            let word = fitted(&chart.categories[k], TICK, slot + 4.0);
            c.text(&word, (x, bottom + 12.0), TICK, Anchor::Centre, INK)?;
        }
        c.line(&[(left, top), (left, bottom), (left + width, bottom)], INK, 1.0)?;
        c.text(
            &fitted(title, TICK, width + GAP - 4.0),
            (left + width / 2.0, top - 13.0),
            TICK,
            Anchor::Centre,
            INK,
        )?;
        if i % columns == 0 {
            vertical_title(c, &with_unit(&chart.y_title, &unit), 14.0, top, bottom)?;
        }
    }
    let bottom = rows as f64 * (TOP + PLOT + BELOW);
    let title = fitted(&chart.x_title, TITLE, WIDTH - 20.0);
    c.text(&title, ((first + WIDTH - 10.0) / 2.0, bottom + 9.0), TITLE, Anchor::Centre, INK)?;
    draw_legend(c, &boxes(&chart.parts), bottom + 28.0, Swatch::Box)
}
