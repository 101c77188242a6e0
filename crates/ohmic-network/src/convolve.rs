//! The forward convolution in float: sums over runs of a padded sample, which is never gathered as a whole.
//!
//! With stride 1 a kernel tap sees a shifted run of the padded sample, so nothing is copied; the few
//! sums that straddle two lines are thrown away. Where they would be many, or the stride is another, some
//! rows and lines at a time are gathered, few enough to stay in cache.

use crate::gather::Window;
use ohmic_numerics::kernel::{Begin, InputRows, PanelsF32};

/// Values that a sum may read behind its last position.
const SLACK: usize = 16;
/// Positions that are computed before the next lines are begun.
const POSITIONS: usize = 1536;
/// Gathered values that stay in cache.
const GATHERED: usize = 96 << 10;

/// One convolution over the samples of a batch; keeps its buffers.
#[derive(Debug)]
pub(crate) struct Convolver<'a> {
    window: &'a Window,
    out: [usize; 2],
    padded_size: [usize; 2],
    /// The channels of one group, padded; borders are written once.
    padded: Vec<f32>,
    /// Where each tap starts in the padded channels.
    taps: Vec<usize>,
    way: Way,
    buffer: Vec<f32>,
}

/// How inputs reach the sums; `lines` of the result at a time.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// As runs of the padded sample.
    Runs { lines: usize },
    /// Gathered, so many rows at a time.
    Gathered { lines: usize, rows: usize },
}

impl<'a> Convolver<'a> {
    /// For a window and a number of outputs a group.
    pub(crate) fn new(window: &'a Window, outputs: usize) -> Self {
        let w = window;
        let out = w.out_size();
        let padded_size: [usize; 2] = std::array::from_fn(|d| w.size[d] + w.padding[d] + w.padding[d + 2]);
        let [height, width] = padded_size;
        let channels = w.channels / w.groups;
        let mut taps = Vec::with_capacity(w.k());
        for c in 0..channels {
            for y in 0..w.kernel[0] {
                for x in 0..w.kernel[1] {
                    taps.push((c * height + y * w.dilation[0]) * width + x * w.dilation[1]);
                }
            }
        }
        let padded = vec![0.0; channels * height * width + SLACK];
        let way = Way::choose(w, out, width, outputs);
        Self { window, out, padded_size, padded, taps, way, buffer: Vec::new() }
    }

    /// Takes in the channels of one group of a sample.
    fn pad(&mut self, sample: &[f32], group: usize) {
        let w = self.window;
        let [height, width] = self.padded_size;
        let plane = w.size[0] * w.size[1];
        let channels = w.channels / w.groups;
        for c in 0..channels {
            let source = &sample[(group * channels + c) * plane..][..plane];
            let target = &mut self.padded[(c * height + w.padding[0]) * width + w.padding[1]..];
            if width == w.size[1] {
                target[..plane].copy_from_slice(source);
                continue;
            }
            for (line, target) in source.chunks_exact(w.size[1]).zip(target.chunks_mut(width)) {
                copy(line, &mut target[..line.len()]);
            }
        }
    }

    /// The sums of one group of a sample, `outputs × positions`, begun with the group's bias.
    pub(crate) fn sums(
        &mut self,
        sample: &[f32],
        group: usize,
        weights: &PanelsF32,
        bias: &[f32],
        target: &mut [f32],
    ) {
        self.pad(sample, group);
        match self.way {
            Way::Runs { lines } => self.by_runs(lines, weights, bias, target),
            Way::Gathered { lines, rows } => self.by_gathering(lines, rows, weights, bias, target),
        }
    }

    fn by_runs(&mut self, lines: usize, weights: &PanelsF32, bias: &[f32], target: &mut [f32]) {
        let [height, width] = self.out;
        let (positions, pitch) = (height * width, self.padded_size[1]);
        for first in (0..height).step_by(lines) {
            let lines = lines.min(height - first);
            let count = (lines - 1) * pitch + width;
            let values = &self.padded[first * pitch..];
            let x = InputRows { values, starts: &self.taps, count };
            for panel in 0..weights.panels() {
                let outputs = weights.outputs_of(panel);
                let target = &mut target[outputs.start * positions..outputs.end * positions];
                if pitch == width {
                    weights.sums(panel, 0, x, Begin::With(bias), &mut target[first * width..], positions);
                    continue;
                }
                self.buffer.resize(outputs.len() * count, 0.0);
                weights.sums(panel, 0, x, Begin::With(bias), &mut self.buffer, count);
                for (to, from) in target.chunks_exact_mut(positions).zip(self.buffer.chunks_exact(count)) {
                    let to = to[first * width..].chunks_exact_mut(width);
                    to.zip(from.chunks(pitch)).for_each(|(to, from)| copy(&from[..width], to));
                }
            }
        }
    }

    fn by_gathering(
        &mut self,
        lines: usize,
        rows: usize,
        weights: &PanelsF32,
        bias: &[f32],
        target: &mut [f32],
    ) {
        let [height, width] = self.out;
        let [down, right] = self.window.stride;
        let (positions, pitch) = (height * width, self.padded_size[1]);
        self.buffer.resize(rows * lines.min(height) * width + SLACK, 0.0);
        let mut starts = Vec::with_capacity(rows);
        for first in (0..height).step_by(lines) {
            let lines = lines.min(height - first);
            let count = lines * width;
            for (row, taps) in self.taps.chunks(rows).enumerate() {
                let row = row * rows;
                for (gathered, &tap) in self.buffer.chunks_exact_mut(count).zip(taps) {
                    for (y, line) in gathered.chunks_exact_mut(width).enumerate() {
                        let source = &self.padded[tap + (first + y) * down * pitch..];
                        if right == 1 {
                            copy(&source[..width], line);
                        } else {
                            line.iter_mut().zip(source.iter().step_by(right)).for_each(|(t, &s)| *t = s);
                        }
                    }
                }
                starts.clear();
                starts.extend((0..taps.len()).map(|r| r * count));
                let x = InputRows { values: &self.buffer, starts: &starts, count };
                let begin = if row == 0 { Begin::With(bias) } else { Begin::Kept };
                for panel in 0..weights.panels() {
                    let outputs = weights.outputs_of(panel);
                    let target = &mut target[outputs.start * positions..outputs.end * positions];
                    weights.sums(panel, row, x, begin, &mut target[first * width..], positions);
                }
            }
        }
    }
}

impl Way {
    /// The way of the least work, in steps of two vectors of 16.
    fn choose(w: &Window, [height, width]: [usize; 2], pitch: usize, outputs: usize) -> Self {
        let even = |most: usize| height.div_ceil((height * width).div_ceil(most).clamp(1, height));
        let lines = even(POSITIONS.min(GATHERED / 16));
        let rows = (GATHERED / (lines * width)).clamp(1, w.k());
        let gathered = Self::Gathered { lines, rows };
        if w.stride != [1, 1] {
            return gathered;
        }
        let runs = even(POSITIONS * width / pitch);
        let k = w.k();
        let vectors = |lines: usize, each: usize| height.div_ceil(lines) * each.div_ceil(16);
        let by_runs = vectors(runs, (runs - 1) * pitch + width) * k * outputs / 2;
        let copying = k * height * (6 + width / 8);
        let by_gathering = vectors(lines, lines * width) * k * outputs / 2 + copying;
        if by_runs <= by_gathering { Self::Runs { lines: runs } } else { gathered }
    }
}

/// Copies a short line, eight values at a time.
#[inline(always)]
fn copy(from: &[f32], to: &mut [f32]) {
    let (from8, from_rest) = from.as_chunks::<8>();
    let (to8, to_rest) = to.as_chunks_mut::<8>();
    to8.iter_mut().zip(from8).for_each(|(t, f)| *t = *f);
    to_rest.iter_mut().zip(from_rest).for_each(|(t, f)| *t = *f);
}
