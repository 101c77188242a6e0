//! The theme and the pen: colours, markers, fonts and line widths of every figure, on plotters' backends.

use crate::Error;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, register_font};
use std::sync::OnceLock;

/// Width of a figure in its own pixels: one column of a two-column paper at 137 pixels per inch, so that the 13-pixel
/// text is printed at 6.8 points.
pub(crate) const WIDTH: f64 = 480.0;
pub(crate) const TICK: f64 = 13.0;
pub(crate) const TITLE: f64 = 14.0;
/// Names as an SVG viewer looks for them; for measuring and for PNG it is always the font below.
const FAMILY: &str = "DejaVu Sans, Verdana, Arial, sans-serif";
static FONT: &[u8] = include_bytes!("../assets/DejaVuSans.ttf");
/// Line height of DejaVu Sans in em (ascent 0.928 + descent 0.236); plotters scales bitmap text by height.
const LINE_HEIGHT: f64 = 1.164;

/// Okabe and Ito's palette, told apart by colour-blind readers (jfly.uni-koeln.de/color, 2008), the yellow last
/// because it is faint on white.
const PALETTE: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
    RGBColor(240, 228, 66),
];
pub(crate) const INK: RGBColor = RGBColor(30, 30, 30);
pub(crate) const GREY: RGBColor = RGBColor(110, 110, 110);
pub(crate) const GRID: RGBColor = RGBColor(228, 228, 228);

pub(crate) fn colour(index: usize) -> RGBColor {
    PALETTE[index % PALETTE.len()]
}

#[derive(Clone, Copy)]
pub(crate) enum Anchor {
    Left,
    Centre,
    Right,
}

/// A drawing area in figure pixels on a backend that has `zoom` times as many.
pub(crate) struct Canvas<DB: DrawingBackend> {
    pub(crate) area: DrawingArea<DB, Shift>,
    pub(crate) zoom: f64,
    /// SVG divides a font's size by 1.24, the bitmap by its line height: what makes both the same.
    pub(crate) font_factor: f64,
    /// How far, in em, a horizontal text is moved down: the bitmap centres it too high.
    pub(crate) drop_em: f64,
}

pub(crate) fn fonts() -> Result<(), Error> {
    static DONE: OnceLock<bool> = OnceLock::new();
    let done = *DONE.get_or_init(|| register_font(FAMILY, FontStyle::Normal, FONT).is_ok());
    if done { Ok(()) } else { Err(Error::Draw { reason: "the built-in font is not readable".to_owned() }) }
}

/// Width of a text of that size.
pub(crate) fn text_width(text: &str, size: f64) -> f64 {
    let font = (FAMILY, 1000.0 * LINE_HEIGHT).into_font();
    font.box_size(text).map_or(0.6 * text.chars().count() as f64, |(w, _)| f64::from(w) / 1000.0) * size
}

/// The text, shortened in its middle where it is wider than `room`.
pub(crate) fn fitted(text: &str, size: f64, room: f64) -> String {
    if text_width(text, size) <= room {
        return text.to_owned();
    }
    let all: Vec<char> = text.chars().collect();
    for keep in (2..all.len()).rev() {
        let (head, tail) = (keep.div_ceil(2), keep / 2);
        let short: String = all[..head].iter().chain(&['…']).chain(&all[all.len() - tail..]).collect();
        if text_width(&short, size) <= room {
            return short;
        }
    }
    "…".to_owned()
}

impl<DB: DrawingBackend> Canvas<DB> {
    fn at(&self, (x, y): (f64, f64)) -> (i32, i32) {
        ((x * self.zoom).round() as i32, (y * self.zoom).round() as i32)
    }

    pub(crate) fn line(&self, points: &[(f64, f64)], colour: RGBColor, width: f64) -> Result<(), Error> {
        let points: Vec<_> = points.iter().map(|p| self.at(*p)).collect();
        self.area
            .draw(&PathElement::new(points, colour.stroke_width((width * self.zoom).round().max(1.0) as u32)))
            .map_err(refused)
    }

    /// A line in dashes: lengths of mark, gap, mark, gap ..., repeated; none: solid.
    pub(crate) fn dashed(
        &self,
        points: &[(f64, f64)],
        colour: RGBColor,
        width: f64,
        dashes: &[f64],
    ) -> Result<(), Error> {
        if dashes.is_empty() {
            return self.line(points, colour, width);
        }
        let (mut which, mut left) = (0, dashes[0]);
        let mut mark: Vec<(f64, f64)> = points.first().copied().into_iter().collect();
        for pair in points.windows(2) {
            let (mut a, b) = (pair[0], pair[1]);
            loop {
                let length = (b.0 - a.0).hypot(b.1 - a.1);
                if length <= left {
                    left -= length;
                    mark.push(b);
                    break;
                }
                let t = left / length;
                a = (a.0 + t * (b.0 - a.0), a.1 + t * (b.1 - a.1));
                mark.push(a);
                if which % 2 == 0 {
                    self.line(&mark, colour, width)?;
                }
                mark = vec![a];
                which += 1;
                left = dashes[which % dashes.len()];
            }
        }
        if which % 2 == 0 && mark.len() > 1 { self.line(&mark, colour, width) } else { Ok(()) }
    }

    pub(crate) fn filled(&self, points: &[(f64, f64)], colour: RGBColor) -> Result<(), Error> {
        let points: Vec<_> = points.iter().map(|p| self.at(*p)).collect();
        self.area.draw(&Polygon::new(points, colour.filled())).map_err(refused)
    }

    pub(crate) fn rectangle(
        &self,
        x0: f64,
        y0: f64,
        x1: f64,
        y1: f64,
        colour: RGBColor,
    ) -> Result<(), Error> {
        self.area
            .draw(&Rectangle::new([self.at((x0, y0)), self.at((x1, y1))], colour.filled()))
            .map_err(refused)
    }

    /// A text with its middle line at `at.1`.
    pub(crate) fn text(
        &self,
        text: &str,
        at: (f64, f64),
        size: f64,
        anchor: Anchor,
        colour: RGBColor,
    ) -> Result<(), Error> {
        self.words(text, (at.0, at.1 + self.drop_em * size), size, anchor, colour, FontTransform::None)
    }

    /// A text that reads upwards, centred at `at`.
    pub(crate) fn upward(
        &self,
        text: &str,
        at: (f64, f64),
        size: f64,
        colour: RGBColor,
    ) -> Result<(), Error> {
        self.words(text, at, size, Anchor::Centre, colour, FontTransform::Rotate270)
    }

    fn words(
        &self,
        text: &str,
        at: (f64, f64),
        size: f64,
        anchor: Anchor,
        colour: RGBColor,
        turn: FontTransform,
    ) -> Result<(), Error> {
        let h = match anchor {
            Anchor::Left => HPos::Left,
            Anchor::Centre => HPos::Center,
            Anchor::Right => HPos::Right,
        };
        let font = (FAMILY, size * self.zoom * self.font_factor).into_font().transform(turn);
        let style = TextStyle::from(font).color(&colour).pos(Pos::new(h, VPos::Center));
        self.area.draw(&Text::new(text.to_owned(), self.at(at), style)).map_err(refused)
    }

    /// The marker of that index about a place: eight shapes, told apart without colour.
    pub(crate) fn marker(&self, index: usize, (x, y): (f64, f64), colour: RGBColor) -> Result<(), Error> {
        let r = 4.0;
        let shape = |points: &[(f64, f64)]| -> Vec<(f64, f64)> {
            points.iter().map(|(a, b)| (x + a * r, y + b * r)).collect()
        };
        let polygon: Vec<(f64, f64)> = match index % 8 {
            0 => (0..24)
                .map(|i| f64::from(i) * std::f64::consts::TAU / 24.0)
                .map(|a| (x + r * a.cos(), y + r * a.sin()))
                .collect(),
            1 => shape(&[(-0.88, -0.88), (0.88, -0.88), (0.88, 0.88), (-0.88, 0.88)]),
            2 => shape(&[(0.0, -1.15), (1.1, 0.8), (-1.1, 0.8)]),
            3 => shape(&[(0.0, -1.25), (1.25, 0.0), (0.0, 1.25), (-1.25, 0.0)]),
            4 => shape(&[(0.0, 1.15), (1.1, -0.8), (-1.1, -0.8)]),
            5 => shape(&[
                (-0.4, -1.2),
                (0.4, -1.2),
                (0.4, -0.4),
                (1.2, -0.4),
                (1.2, 0.4),
                (0.4, 0.4),
                (0.4, 1.2),
                (-0.4, 1.2),
                (-0.4, 0.4),
                (-1.2, 0.4),
                (-1.2, -0.4),
                (-0.4, -0.4),
            ]),
            6 => shape(&[(-1.15, 0.0), (0.8, 1.1), (0.8, -1.1)]),
            _ => shape(&[
                (-0.7, -1.1),
                (0.0, -0.45),
                (0.7, -1.1),
                (1.1, -0.7),
                (0.45, 0.0),
                (1.1, 0.7),
                (0.7, 1.1),
                (0.0, 0.45),
                (-0.7, 1.1),
                (-1.1, 0.7),
                (-0.45, 0.0),
                (-1.1, -0.7),
            ]),
        };
        self.filled(&polygon, colour)
    }
}

fn refused(e: impl std::fmt::Display) -> Error {
    Error::Draw { reason: e.to_string() }
}

/// Dashes of a series by its marker.
pub(crate) fn dashes(index: usize) -> &'static [f64] {
    match index % 4 {
        0 => &[],
        1 => &[7.0, 3.0],
        2 => &[2.5, 2.5],
        _ => &[8.0, 3.0, 2.0, 3.0],
    }
}
