//! The built-in data set `glyphs`: handwritten-looking digits drawn by our own code.
//!
//! An image is a pure function of its split and index: a skeleton of pen strokes for the digit (see
//! `skeletons`), bent, sheared, turned, scaled and shifted at random, drawn with a pen of random
//! width, sometimes crossed by a stray stroke or rubbed out in part, on a noisy background. The same
//! strokes are given as a pen sequence. Every random number is drawn by address ([`Purpose::Data`]),
//! and the arithmetic is `+ - * /`, square roots and the `libm` crate: the same bits on every machine.
//!
//! Splits never share an image, whatever their size; the set has no end but `u32`.

mod skeletons;

use ohmic_numerics::{Cells, Noise, Purpose, Seed, Site};
use rayon::prelude::*;
use skeletons::{Knot, SKELETONS};
use std::ops::Range;

/// Height and width of an image in pixels.
pub const SIDE: usize = 28;
/// Number of classes: the digits 0 to 9.
pub const CLASSES: usize = 10;
/// Pixels of an image.
pub const PIXELS: usize = SIDE * SIDE;

/// Root of the set's random numbers. Changing it, or anything that draws, makes another data set.
const SEED: Seed = Seed(0x6f68_6d69_6300_0001);

/// The disjoint parts of the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Split {
    /// For training.
    Train = 0,
    /// For reported accuracies.
    Test = 1,
    /// For choosing quantization and converter ranges.
    Calibration = 2,
}

/// Whether the pen goes on writing after a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pen {
    /// The next point belongs to the same stroke.
    Down,
    /// The stroke ends here.
    Up,
}

/// One point of a pen sequence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PenPoint {
    /// Distance from the left edge of the image in pixels.
    pub x: f32,
    /// Distance from the upper edge of the image in pixels.
    pub y: f32,
    /// Whether the stroke goes on.
    pub pen: Pen,
}

/// What a random number of an image is for: its draw index, so that a change to one part of the
/// drawing leaves the others' numbers as they were.
#[derive(Clone, Copy)]
#[repr(u32)]
enum Topic {
    Label = 0,
    Style = 1,
    Shape = 2,
    Place = 3,
    Ink = 4,
    Stray = 5,
    Grain = 6,
}

/// The random numbers of one topic of one image, one after the other.
struct Draws {
    noise: Noise,
    site: Site,
    topic: Topic,
    next: u32,
}

impl Draws {
    fn new(split: Split, index: u32, topic: Topic) -> Self {
        Self { noise: Noise::new(SEED), site: Site { layer: split as u32, block: index }, topic, next: 0 }
    }

    fn cell(&mut self) -> u32 {
        self.next += 1;
        self.next - 1
    }

    fn below(&mut self, n: u32) -> u32 {
        let cell = self.cell();
        let bits = self.noise.bits(Purpose::Data, self.site, self.topic as u32, cell);
        ((u64::from(bits) * u64::from(n)) >> 32) as u32
    }

    fn uniform(&mut self, low: f32, high: f32) -> f32 {
        let cell = self.cell();
        low + (high - low) * self.noise.uniform(Purpose::Data, self.site, self.topic as u32, cell) as f32
    }

    /// A normal deviate cut off at 2.5 sigma: no digit is bent beyond recognition.
    fn normal(&mut self, sigma: f32) -> f32 {
        let cell = self.cell();
        sigma * self.noise.normal(Purpose::Data, self.site, self.topic as u32, cell).clamp(-2.5, 2.5)
    }
}

/// The digit that an image shows.
pub fn label(split: Split, index: u32) -> u8 {
    Draws::new(split, index, Topic::Label).below(CLASSES as u32) as u8
}

/// The strokes that draw a digit, each a run of points at most about 2 pixels apart.
pub fn pen(split: Split, index: u32) -> Vec<PenPoint> {
    strokes(split, index)
        .iter()
        .flat_map(|stroke| {
            let last = stroke.len() - 1;
            stroke.iter().enumerate().map(move |(i, &[x, y])| {
                let pen = if i == last { Pen::Up } else { Pen::Down };
                PenPoint { x, y, pen }
            })
        })
        .collect()
}

/// One image: rows from the top, 0 is background and 255 full ink.
pub fn image(split: Split, index: u32) -> [u8; PIXELS] {
    let mut canvas = Canvas { depth: [f32::MIN; PIXELS] };
    let mut ink = Draws::new(split, index, Topic::Ink);
    let width = ink.uniform(0.75, 1.75);
    let pressure = ink.normal(0.18);
    for stroke in strokes(split, index) {
        canvas.draw(&stroke, width * (1.0 - pressure), width * (1.0 + pressure));
    }
    let edge = ink.uniform(0.9, 1.9);
    let mut pixels = canvas.coverage(edge);
    stray(split, index, edge, &mut pixels);
    let softness = ink.uniform(0.0, 0.8);
    soften(&mut pixels, softness);

    let foreground = ink.uniform(110.0, 250.0);
    let background = ink.uniform(0.0, 45.0);
    let tilt = [ink.normal(12.0), ink.normal(12.0)];
    let sigma = ink.uniform(4.0, 30.0);
    let mut grain = [0.0; PIXELS];
    let site = Site { layer: split as u32, block: index };
    Noise::new(SEED).fill_normal(Purpose::Data, Cells { site, first: 0 }, Topic::Grain as u32, &mut grain);
    std::array::from_fn(|i| {
        let [across, down] = [i % SIDE, i / SIDE].map(|v| v as f32 / SIDE as f32 - 0.5);
        let paper = background + tilt[0] * across + tilt[1] * down;
        let value = paper + (foreground - paper) * pixels[i] + sigma * grain[i];
        // truncation of a clamped value plus a half: rounding without the platform's
        (value.clamp(0.0, 255.0) + 0.5) as u8
    })
}

/// Images and labels of consecutive indices, image after image; computed by all threads.
pub fn images(split: Split, indices: Range<u32>) -> (Vec<u8>, Vec<u8>) {
    let mut pixels = vec![0; indices.len() * PIXELS];
    pixels
        .par_chunks_exact_mut(PIXELS)
        .zip(indices.clone())
        .for_each(|(out, index)| out.copy_from_slice(&image(split, index)));
    (pixels, indices.map(|index| label(split, index)).collect())
}

/// The digit's strokes in pixels, after every random change to its shape and place.
fn strokes(split: Split, index: u32) -> Vec<Vec<[f32; 2]>> {
    let styles = SKELETONS[usize::from(label(split, index))];
    let style = Draws::new(split, index, Topic::Style).below(styles.len() as u32) as usize;
    let mut shape = Draws::new(split, index, Topic::Shape);
    let mut place = Draws::new(split, index, Topic::Place);

    // a slow bend over the whole digit: a sine of each coordinate added to the other
    let bend: [[f32; 3]; 2] = std::array::from_fn(|_| {
        [shape.normal(0.06), shape.uniform(2.0, 6.0), shape.uniform(0.0, std::f32::consts::TAU)]
    });
    let turn = place.normal(0.2);
    let (sin, cos) = (libm::sinf(turn), libm::cosf(turn));
    let height = place.uniform(14.0, 21.5);
    let wide = height * place.uniform(0.62, 1.05);
    let shear = place.normal(0.22);
    let centre = [place.normal(1.5) + 14.0, place.normal(1.5) + 14.0];

    styles[style]
        .iter()
        .map(|stroke| {
            let knots: Vec<Knot> = stroke
                .iter()
                .map(|&(x, y, turn)| {
                    let (x, y) = (x + shape.normal(0.046), y + shape.normal(0.046));
                    let bent_x = x + bend[0][0] * libm::sinf(bend[0][1] * y + bend[0][2]);
                    let bent_y = y + bend[1][0] * libm::sinf(bend[1][1] * x + bend[1][2]);
                    let (u, v) = ((bent_x - 0.5) * wide, (bent_y - 0.5) * height);
                    let u = u - shear * v;
                    (cos * u - sin * v + centre[0], sin * u + cos * v + centre[1], turn)
                })
                .collect();
            smooth(&knots)
        })
        .collect()
}

/// A curve through the knots (Catmull-Rom), straight to and from corners at their ends.
fn smooth(knots: &[Knot]) -> Vec<[f32; 2]> {
    /// Pieces between two knots: short enough that the eye sees a curve in 28 pixels.
    const PIECES: usize = 5;
    let point = |i: usize| [knots[i].0, knots[i].1];
    let mut out = vec![point(0)];
    for i in 0..knots.len() - 1 {
        let (a, b) = (point(i), point(i + 1));
        // at a corner or an end the tangent is the one of the straight line
        let before = if i == 0 || knots[i].2 == skeletons::CORNER { a } else { point(i - 1) };
        let after =
            if i + 2 == knots.len() || knots[i + 1].2 == skeletons::CORNER { b } else { point(i + 2) };
        for piece in 1..=PIECES {
            let t = piece as f32 / PIECES as f32;
            out.push(std::array::from_fn(|d| {
                let (p0, p1, p2, p3) = (before[d], a[d], b[d], after[d]);
                let c1 = 0.5 * (p2 - p0);
                let c2 = p0 - 2.5 * p1 + 2.0 * p2 - 0.5 * p3;
                let c3 = 0.5 * (p3 - p0) + 1.5 * (p1 - p2);
                p1 + t * (c1 + t * (c2 + t * c3))
            }));
        }
    }
    out
}

/// How far inside the ink each pixel's centre lies, in pixels (negative: outside).
struct Canvas {
    depth: [f32; PIXELS],
}

impl Canvas {
    /// Draws a stroke whose half width goes from `start` to `end`, both in pixels.
    fn draw(&mut self, stroke: &[[f32; 2]], start: f32, end: f32) {
        let pieces = (stroke.len() - 1) as f32;
        for (i, ends) in stroke.windows(2).enumerate() {
            let radius = start + (end - start) * (i as f32 / pieces);
            self.segment(ends[0], ends[1], radius);
        }
    }

    fn segment(&mut self, a: [f32; 2], b: [f32; 2], radius: f32) {
        // beyond one pixel outside the ink no edge reaches
        let reach = radius + 1.0;
        let pixel = |v: f32| v.clamp(0.0, SIDE as f32) as usize;
        let span = |d: usize| pixel(a[d].min(b[d]) - reach)..pixel(a[d].max(b[d]) + reach + 1.0);
        let along = [b[0] - a[0], b[1] - a[1]];
        let inverse = 1.0 / (along[0] * along[0] + along[1] * along[1] + 1e-9);
        for y in span(1) {
            let v = y as f32 + 0.5 - a[1];
            for x in span(0) {
                let u = x as f32 + 0.5 - a[0];
                let t = ((u * along[0] + v * along[1]) * inverse).clamp(0.0, 1.0);
                let (du, dv) = (u - t * along[0], v - t * along[1]);
                let depth = &mut self.depth[y * SIDE + x];
                *depth = depth.max(radius - (du * du + dv * dv).sqrt());
            }
        }
    }

    /// Share of each pixel that is ink, the edge `edge` pixels wide.
    fn coverage(&self, edge: f32) -> [f32; PIXELS] {
        let inverse = 1.0 / edge;
        self.depth.map(|depth| (depth * inverse + 0.5).clamp(0.0, 1.0))
    }
}

/// What happens to real paper: a stray stroke beside or through the digit, or a rubbed-out streak.
fn stray(split: Split, index: u32, edge: f32, pixels: &mut [f32; PIXELS]) {
    let mut draws = Draws::new(split, index, Topic::Stray);
    let chance = draws.uniform(0.0, 1.0);
    let side = SIDE as f32;
    // (half width, how much of it shows)
    let (from, to, radius, strength) = if chance < 0.24 {
        // an end of a neighbouring figure at the left or right edge
        let x = if draws.below(2) == 0 { draws.uniform(-1.0, 3.0) } else { draws.uniform(25.0, 29.0) };
        let y = draws.uniform(0.0, side);
        let to = [x + draws.normal(2.0), y + draws.uniform(4.0, 12.0)];
        ([x, y], to, draws.uniform(0.6, 1.4), draws.uniform(0.5, 1.0))
    } else if chance < 0.40 {
        // a thin scratch anywhere
        let from = [draws.uniform(0.0, side), draws.uniform(0.0, side)];
        let to = [from[0] + draws.uniform(-14.0, 14.0), from[1] + draws.uniform(-14.0, 14.0)];
        (from, to, draws.uniform(0.3, 0.6), draws.uniform(0.3, 0.8))
    } else if chance < 0.60 {
        // a streak rubbed out across the middle
        let from = [draws.uniform(2.0, 12.0), draws.uniform(6.0, 22.0)];
        let to = [draws.uniform(16.0, 26.0), draws.uniform(6.0, 22.0)];
        (from, to, draws.uniform(0.6, 1.6), -draws.uniform(0.4, 1.0))
    } else {
        return;
    };
    let mut canvas = Canvas { depth: [f32::MIN; PIXELS] };
    canvas.segment(from, to, radius);
    for (pixel, cover) in pixels.iter_mut().zip(canvas.coverage(edge)) {
        if strength > 0.0 {
            *pixel = pixel.max(strength * cover);
        } else {
            *pixel *= 1.0 + strength * cover;
        }
    }
}

/// Mixes each pixel with its neighbours: rows, then columns, weights `s/4, 1 - s/2, s/4`.
fn soften(pixels: &mut [f32; PIXELS], s: f32) {
    for step in [1, SIDE] {
        let old = *pixels;
        for (i, pixel) in pixels.iter_mut().enumerate() {
            let at = if step == 1 { i % SIDE } else { i / SIDE };
            let before = if at == 0 { 0.0 } else { old[i - step] };
            let after = if at == SIDE - 1 { 0.0 } else { old[i + step] };
            *pixel = (1.0 - 0.5 * s) * old[i] + 0.25 * s * (before + after);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Snapshots of our own output: they change only when the data set is changed on purpose, and
    /// then every kept network trained on it has to be trained again.
    #[test]
    fn same_bits_everywhere() {
        for (split, want) in [
            (Split::Train, "9fbc304eb261edb916e38d4bbc4aa9d326e587d7196704af2e6c5cad949da085"),
            (Split::Test, "085d3052d0ce9ef1eb17c4f63a605e15021c6b91ce60a75784962510aafd28d3"),
        ] {
            let (pixels, labels) = images(split, 0..1000);
            let mut hasher = blake3::Hasher::new();
            hasher.update(&pixels).update(&labels);
            assert_eq!(hasher.finalize().to_hex().as_str(), want, "{split:?}");
        }
    }

    #[test]
    fn splits_and_indices_differ() {
        let all: Vec<_> = [Split::Train, Split::Test, Split::Calibration]
            .into_iter()
            .flat_map(|s| (0..50).map(move |i| image(s, i)))
            .collect();
        for (i, a) in all.iter().enumerate() {
            assert!(all[..i].iter().all(|b| a != b), "image {i} is there twice");
        }
    }

    /// 1000 labels of 10 classes: 100 each, binomial deviation 9.5; bounds at five of them.
    #[test]
    fn every_class_is_there() {
        for split in [Split::Train, Split::Test, Split::Calibration] {
            let mut counts = [0; CLASSES];
            for i in 0..1000 {
                counts[usize::from(label(split, i))] += 1;
            }
            assert!(counts.iter().all(|c| (52..148).contains(c)), "{split:?}: {counts:?}");
        }
    }

    /// The pen draws what the image shows: under most of its points there is more ink than the
    /// image has on average, and it stays near the paper.
    #[test]
    fn pen_and_image_agree() {
        for i in 0..100 {
            let (pixels, points) = (image(Split::Train, i), pen(Split::Train, i));
            assert_eq!(points.last().map(|p| p.pen), Some(Pen::Up));
            let mean = pixels.iter().map(|&p| f32::from(p)).sum::<f32>() / PIXELS as f32;
            let inked = points
                .iter()
                .filter(|p| {
                    assert!((-4.0..32.0).contains(&p.x) && (-4.0..32.0).contains(&p.y), "{i}: {p:?}");
                    let at = |v: f32| v.clamp(0.0, 27.0) as usize;
                    f32::from(pixels[at(p.y) * SIDE + at(p.x)]) > mean
                })
                .count();
            assert!(inked * 10 > points.len() * 7, "{i}: ink under {inked} of {}", points.len());
        }
    }
}
