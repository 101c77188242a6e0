//! Charts to SVG and PNG. To add a form of chart: a variant of `Chart`, a file here that draws it and says its height,
//! and its line in `height` and `paint`.

mod bars;
mod histogram;
mod lines;
mod stack;

use crate::Error;
use crate::canvas::{
    self, Anchor, Canvas, GREY, INK, TICK, TITLE, WIDTH, colour, dashes, fitted, text_width,
};
use crate::chart::{Chart, Join, LegendEntry};
use plotters::prelude::*;

/// The chart as SVG text: 480 units wide, text kept as text.
///
/// # Errors
/// The drawing library refuses.
pub fn svg(chart: &Chart) -> Result<String, Error> {
    const ZOOM: f64 = 10.0; // plotters places at whole pixels; ten of them to one of ours
    canvas::fonts()?;
    let height = height(chart);
    let mut text = String::new();
    let size = ((WIDTH * ZOOM) as u32, (height * ZOOM) as u32);
    {
        let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
        let canvas = Canvas { area, zoom: ZOOM, font_factor: 1.24, drop_em: 0.0 };
        paint(&canvas, chart, height)?;
        canvas.area.present().map_err(|e| Error::Draw { reason: e.to_string() })?;
    }
    let drawn = format!("width=\"{}\" height=\"{}\" viewBox", size.0, size.1);
    Ok(text.replacen(&drawn, &format!("width=\"{WIDTH}\" height=\"{height}\" viewBox"), 1))
}

/// The chart as the bytes of a PNG, 1440 pixels wide (410 per inch in one column of a paper).
///
/// # Errors
/// The drawing library refuses.
pub fn png(chart: &Chart) -> Result<Vec<u8>, Error> {
    const ZOOM: f64 = 3.0;
    canvas::fonts()?;
    let height = height(chart);
    let (w, h) = ((WIDTH * ZOOM) as u32, (height * ZOOM) as u32);
    let mut pixels = vec![255; (w * h * 3) as usize];
    {
        let area = BitMapBackend::with_buffer(&mut pixels, (w, h)).into_drawing_area();
        let canvas = Canvas { area, zoom: ZOOM, font_factor: 1.164, drop_em: 0.11 };
        paint(&canvas, chart, height)?;
        canvas.area.present().map_err(|e| Error::Draw { reason: e.to_string() })?;
    }
    let mut bytes = Vec::new();
    let encoder = image::codecs::png::PngEncoder::new(&mut bytes);
    image::ImageEncoder::write_image(encoder, &pixels, w, h, image::ColorType::Rgb8)
        .map_err(|e| Error::Draw { reason: e.to_string() })?;
    Ok(bytes)
}

fn height(chart: &Chart) -> f64 {
    match chart {
        Chart::Lines(c) => lines::height(c),
        Chart::Bars(c) => bars::height(c),
        Chart::Stack(c) => stack::height(c),
        Chart::Histograms(c) => histogram::height(c),
    }
    .ceil()
}

fn paint<DB: DrawingBackend>(canvas: &Canvas<DB>, chart: &Chart, height: f64) -> Result<(), Error> {
    canvas.rectangle(0.0, 0.0, WIDTH, height, RGBColor(255, 255, 255))?;
    match chart {
        Chart::Lines(c) => lines::draw(canvas, c),
        Chart::Bars(c) => bars::draw(canvas, c),
        Chart::Stack(c) => stack::draw(canvas, c),
        Chart::Histograms(c) => histogram::draw(canvas, c),
    }
}

/// `title (unit)`, or the title alone without a unit.
fn with_unit(title: &str, unit: &str) -> String {
    if unit.is_empty() { title.to_owned() } else { format!("{title} ({unit})") }
}

const LEGEND_ROW: f64 = 19.0;
const LEGEND_SAMPLE: f64 = 30.0;
const LEGEND_GAP: f64 = 18.0;

/// Columns and their width: as many as fit, with at most as many as entries.
fn legend_columns(legend: &[LegendEntry]) -> (usize, f64) {
    let room = WIDTH - 20.0;
    let widest = legend.iter().map(|e| text_width(&e.label, TICK)).fold(0.0, f64::max);
    let width = (widest + LEGEND_SAMPLE + LEGEND_GAP).min(room);
    (((room / width) as usize).clamp(1, legend.len().max(1)), width)
}

fn legend_height(legend: &[LegendEntry]) -> f64 {
    if legend.is_empty() {
        0.0
    } else {
        legend.len().div_ceil(legend_columns(legend).0) as f64 * LEGEND_ROW + 8.0
    }
}

/// The legend with its upper edge at `top`, read column by column.
fn draw_legend<DB: DrawingBackend>(
    c: &Canvas<DB>,
    legend: &[LegendEntry],
    top: f64,
    swatch: Swatch,
) -> Result<(), Error> {
    let (columns, width) = legend_columns(legend);
    let rows = legend.len().div_ceil(columns).max(1);
    let left = (WIDTH - legend.len().div_ceil(rows) as f64 * width + LEGEND_GAP) / 2.0;
    for (i, entry) in legend.iter().enumerate() {
        let (x, y) = (left + (i / rows) as f64 * width, top + ((i % rows) as f64 + 0.5) * LEGEND_ROW);
        let ink = entry.colour.map_or(GREY, colour);
        match swatch {
            Swatch::Box => c.rectangle(x + 8.0, y - 5.0, x + 24.0, y + 5.0, ink)?,
            Swatch::Line => {
                if entry.join != Join::Markers {
                    c.dashed(&[(x, y), (x + 25.0, y)], ink, 1.6, dashes(entry.marker.unwrap_or(0)))?;
                }
                if let (Some(m), true) = (entry.marker, entry.join != Join::LineOnly) {
                    c.marker(m, (x + 12.5, y), ink)?;
                }
            }
        }
        let label = fitted(&entry.label, TICK, width - LEGEND_SAMPLE - LEGEND_GAP + 1.0);
        c.text(&label, (x + LEGEND_SAMPLE, y), TICK, Anchor::Left, INK)?;
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Swatch {
    Line,
    Box,
}

/// Entries of a legend of filled boxes.
fn boxes(parts: &[String]) -> Vec<LegendEntry> {
    let entry = |(i, p): (usize, &String)| LegendEntry {
        label: p.clone(),
        colour: Some(i),
        marker: None,
        join: Join::LineOnly,
    };
    if parts.len() < 2 { Vec::new() } else { parts.iter().enumerate().map(entry).collect() }
}

/// The title of a vertical axis, in two lines if it is longer than the axis, reading upwards.
fn vertical_title<DB: DrawingBackend>(
    c: &Canvas<DB>,
    title: &str,
    x: f64,
    top: f64,
    bottom: f64,
) -> Result<(), Error> {
    let title = fitted(title, TITLE, bottom - top + 20.0);
    c.upward(&title, (x, (top + bottom) / 2.0), TITLE, INK)
}
