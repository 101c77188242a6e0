//! Points and lines over a numeric axis.

use super::{LEGEND_ROW, Swatch, draw_legend, legend_height, vertical_title, with_unit};
use crate::Error;
use crate::canvas::{
    Anchor, Canvas, GREY, GRID, INK, TICK, TITLE, WIDTH, colour, dashes, fitted, text_width,
};
use crate::chart::{Join, Lines, YRange};
use crate::scale::{Scale, duration, extent, number, prefixed};
use plotters::prelude::DrawingBackend;

const TOP: f64 = 12.0;
const RIGHT: f64 = 14.0;
const PLOT: f64 = 230.0;
const BELOW: f64 = 52.0;

pub(super) fn height(chart: &Lines) -> f64 {
    TOP + PLOT
        + BELOW
        + legend_height(&chart.legend)
        + if chart.legend.is_empty() { 0.0 } else { 0.2 * LEGEND_ROW }
}

pub(super) fn draw<DB: DrawingBackend>(c: &Canvas<DB>, chart: &Lines) -> Result<(), Error> {
    let spots = || chart.series.iter().flat_map(|s| &s.points);
    let mut places: Vec<f64> = spots().map(|p| p.x).filter(|x| x.is_finite()).collect();
    places.sort_by(f64::total_cmp);
    places.dedup();
    let bars = spots().filter(|p| p.y.is_finite()).filter_map(|p| p.bar).flat_map(|(l, h)| [l, h]);
    let values: Vec<f64> =
        spots().map(|p| p.y).chain(bars).chain(chart.references.iter().map(|r| r.y)).collect();
    let xs = Scale::of_places(&places);
    let mut ys = Scale::of_values(&values, chart.y_range == YRange::Free);
    if let (YRange::Fraction, Scale::Linear { low, high }) = (chart.y_range, ys) {
        let pad = 0.02 * (high - low).min(1.0); // a marker at 1 stays whole
        ys = Scale::Linear { low: low.max(-pad), high: high.min(1.0 + pad) };
    }
    // from seconds to hours and beyond, times are in words
    let in_words = chart.x_unit == "s" && extent(&places).1 >= 3600.0 && matches!(xs, Scale::Log { .. });
    let (x_factor, x_unit) =
        if in_words { (1.0, String::new()) } else { prefixed(&chart.x_unit, extent(&places).1) };
    let (y_factor, y_unit) = prefixed(&chart.y_unit, extent(&values).1);
    let y_ticks = ys.ticks(5, y_factor);
    let widest = y_ticks.iter().map(|t| text_width(&t.1, TICK)).fold(0.0, f64::max);
    let (left, right, top, bottom) = (32.0 + widest + 6.0, WIDTH - RIGHT, TOP, TOP + PLOT);
    let to_x = |v: f64| left + xs.place(v) * (right - left);
    let to_y = |v: f64| bottom - ys.place(v).clamp(-0.1, 1.1) * (bottom - top);

    for (v, word) in &y_ticks {
        c.line(&[(left, to_y(*v)), (right, to_y(*v))], GRID, 0.8)?;
        c.text(word, (left - 7.0, to_y(*v)), TICK, Anchor::Right, INK)?;
    }
    let word = |v: f64| if in_words && v > 0.0 { duration(v) } else { number(v * x_factor, 3) };
    let own: Vec<(f64, String)> = places.iter().map(|v| (*v, word(*v))).collect();
    let apart = |t: &[(f64, String)]| {
        t.windows(2).all(|p| {
            to_x(p[1].0) - to_x(p[0].0) > (text_width(&p[0].1, TICK) + text_width(&p[1].1, TICK)) / 2.0 + 8.0
        })
    };
    let x_ticks = match own.len() <= 9 && apart(&own) {
        true => own,
        false if in_words => xs.time_ticks(),
        false => xs.ticks(6, x_factor),
    };
    let mut free_from = f64::NEG_INFINITY;
    for (v, word) in &x_ticks {
        let (x, half) = (to_x(*v), text_width(word, TICK) / 2.0);
        c.line(&[(x, top), (x, bottom)], GRID, 0.8)?;
        c.line(&[(x, bottom), (x, bottom + 4.0)], INK, 1.0)?;
        if x - half > free_from {
            c.text(word, (x, bottom + 14.0), TICK, Anchor::Centre, INK)?;
            free_from = x + half + 6.0;
        }
    }
    c.line(&[(left, top), (right, top), (right, bottom), (left, bottom), (left, top)], INK, 1.0)?;
    if let Some(gap) = xs.gap() {
        let x = left + gap * (right - left);
        c.filled(
            &[
                (x - 1.0, bottom - 4.0),
                (x + 5.0, bottom - 4.0),
                (x + 1.0, bottom + 4.0),
                (x - 5.0, bottom + 4.0),
            ],
            WHITE,
        )?;
        for d in [-3.0, 3.0] {
            c.line(&[(x + d - 2.0, bottom + 5.0), (x + d + 2.0, bottom - 5.0)], INK, 1.0)?;
        }
    }
    for r in &chart.references {
        let y = to_y(r.y);
        c.dashed(&[(left, y), (right, y)], GREY, 1.2, &[5.0, 4.0])?;
    }
    draw_series(c, chart, &to_x, &to_y, top)?;
    draw_reference_labels(c, chart, &to_x, &to_y, (left, right, top, bottom))?;
    let title = fitted(&with_unit(&chart.x_title, &x_unit), TITLE, WIDTH - 30.0);
    let centre = (left + right) / 2.0;
    let half = text_width(&title, TITLE) / 2.0;
    c.text(
        &title,
        (centre.min(WIDTH - 4.0 - half).max(4.0 + half), bottom + 35.0),
        TITLE,
        Anchor::Centre,
        INK,
    )?;
    vertical_title(c, &with_unit(&chart.y_title, &y_unit), 14.0, top, bottom)?;
    draw_legend(c, &chart.legend, bottom + BELOW, Swatch::Line)
}

const WHITE: plotters::style::RGBColor = plotters::style::RGBColor(255, 255, 255);

fn draw_series<DB: DrawingBackend>(
    c: &Canvas<DB>,
    chart: &Lines,
    to_x: &dyn Fn(f64) -> f64,
    to_y: &dyn Fn(f64) -> f64,
    top: f64,
) -> Result<(), Error> {
    for s in &chart.series {
        let ink = colour(s.colour);
        let finite: Vec<_> = s.points.iter().filter(|p| p.y.is_finite() && p.x.is_finite()).collect();
        let path: Vec<_> = finite.iter().map(|p| (to_x(p.x), to_y(p.y))).collect();
        if s.line != Join::Markers && path.len() > 1 {
            c.dashed(&path, ink, 1.6, dashes(s.marker))?;
        }
        for p in &finite {
            if let Some((low, high)) = p.bar {
                let (x, l, h) = (to_x(p.x), to_y(low), to_y(high));
                if (l - h).abs() > 1.0 {
                    c.line(&[(x, l), (x, h)], ink, 1.0)?;
                    c.line(&[(x - 3.0, l), (x + 3.0, l)], ink, 1.0)?;
                    c.line(&[(x - 3.0, h), (x + 3.0, h)], ink, 1.0)?;
                }
            }
        }
        if s.line != Join::LineOnly {
            for at in &path {
                c.marker(s.marker, *at, ink)?;
            }
        }
        for p in s.points.iter().filter(|p| p.y > f64::MAX && p.x.is_finite()) {
            let x = to_x(p.x);
            c.line(&[(x, top + 14.0), (x, top + 5.0)], ink, 1.4)?;
            c.filled(&[(x, top + 1.0), (x + 4.0, top + 8.0), (x - 4.0, top + 8.0)], ink)?;
        }
    }
    Ok(())
}

/// Words at the horizontal lines, where they cover the fewest points: above or below the line, left or right.
fn draw_reference_labels<DB: DrawingBackend>(
    c: &Canvas<DB>,
    chart: &Lines,
    to_x: &dyn Fn(f64) -> f64,
    to_y: &dyn Fn(f64) -> f64,
    (left, right, top, bottom): (f64, f64, f64, f64),
) -> Result<(), Error> {
    let mut covered: Vec<(f64, f64)> = Vec::new();
    for s in &chart.series {
        let all: Vec<_> =
            s.points.iter().filter(|p| p.y.is_finite()).map(|p| (to_x(p.x), to_y(p.y))).collect();
        covered.extend(&all);
        for pair in all.windows(2) {
            let along =
                |t: f64| (pair[0].0 + t * (pair[1].0 - pair[0].0), pair[0].1 + t * (pair[1].1 - pair[0].1));
            covered.extend((1..16).map(|i| along(f64::from(i) / 16.0)));
        }
    }
    for r in &chart.references {
        let (y, width) = (to_y(r.y), text_width(&r.label, 12.0) + 8.0);
        let mut best: Option<(usize, f64, f64)> = None;
        for dy in [10.0, -10.0] {
            for x in [left + 5.0, right - width, (left + right - width) / 2.0] {
                let middle = y + dy;
                if middle - 8.0 < top || middle + 8.0 > bottom {
                    continue;
                }
                let inside =
                    |p: &&(f64, f64)| p.0 > x - 6.0 && p.0 < x + width + 6.0 && (p.1 - middle).abs() < 12.0;
                let hits = covered.iter().filter(inside).count();
                if best.is_none_or(|b| hits < b.0) {
                    best = Some((hits, x, middle));
                }
            }
        }
        if let Some((_, x, middle)) = best {
            c.text(&r.label, (x + 2.0, middle), 12.0, Anchor::Left, GREY)?;
        }
    }
    Ok(())
}
