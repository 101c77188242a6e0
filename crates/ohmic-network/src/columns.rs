//! The gathered matrix of a convolution, in the form that is quickest to fill.
//!
//! With stride 1 the result is computed as wide as the padded input: every row of the gathered matrix is
//! then one run of the padded sample, shifted by the tap, and the few columns that straddle two lines are
//! thrown away. Else each line is gathered by itself ([`Window::columns`]).

use crate::gather::Window;

/// Columns that [`Columns::blocks`] gathers at a time.
pub(crate) const BLOCK: usize = 256;

/// Gathers samples for one convolution, reusing its buffer.
#[derive(Debug)]
pub(crate) struct Columns<'a> {
    window: &'a Window,
    wide: bool,
    padded: Vec<f32>,
    block: Vec<f32>,
    padded_size: [usize; 2],
    out: [usize; 2],
}

impl<'a> Columns<'a> {
    pub(crate) fn new(window: &'a Window) -> Self {
        let out = window.out_size();
        let padded_size: [usize; 2] =
            std::array::from_fn(|d| window.size[d] + window.padding[d] + window.padding[d + 2]);
        let span = (out[0] - 1) * padded_size[1] + out[1];
        // at most half more columns than needed
        let wide = window.stride == [1, 1] && 2 * span <= 3 * out[0] * out[1];
        Self { window, wide, padded: Vec::new(), block: Vec::new(), padded_size, out }
    }

    /// Columns of one gathered sample.
    pub(crate) fn count(&self) -> usize {
        (self.out[0] - 1) * self.pitch() + self.out[1]
    }

    /// Columns from one line of the result to the next.
    fn pitch(&self) -> usize {
        if self.wide { self.padded_size[1] } else { self.out[1] }
    }

    /// Samples to gather side by side, so that products are neither small nor out of cache.
    pub(crate) fn samples_together(&self) -> usize {
        if self.wide { ((1 << 18) / (self.window.k() * self.count())).clamp(1, 16) } else { 1 }
    }

    /// Calls `f` with each line of the result: where it starts there, where it starts in the columns.
    pub(crate) fn lines(&self, mut f: impl FnMut(usize, usize)) {
        (0..self.out[0]).for_each(|y| f(y * self.out[1], y * self.pitch()));
    }

    /// Copies values of a result to where the columns have them, zeros between.
    pub(crate) fn widen(&self, out: &[f32], wide: &mut [f32]) {
        let width = self.out[1];
        wide.fill(0.0);
        self.lines(|from, to| wide[to..to + width].copy_from_slice(&out[from..from + width]));
    }

    /// Calls `f` with each row and where its run starts in the padded channels of one group.
    fn runs(&self, mut f: impl FnMut(usize, usize)) {
        let w = self.window;
        let [height, width] = self.padded_size;
        let mut row = 0;
        for c in 0..w.channels / w.groups {
            for y in 0..w.kernel[0] {
                for x in 0..w.kernel[1] {
                    f(row, (c * height + y * w.dilation[0]) * width + x * w.dilation[1]);
                    row += 1;
                }
            }
        }
    }

    /// Calls `f` with where each input line of one group starts in the sample and in the padded channels.
    fn input_lines(&self, group: usize, mut f: impl FnMut(usize, usize)) {
        let w = self.window;
        let channels = w.channels / w.groups;
        for c in 0..channels {
            for y in 0..w.size[0] {
                let from = ((group * channels + c) * w.size[0] + y) * w.size[1];
                f(from, (c * self.padded_size[0] + y + w.padding[0]) * self.padded_size[1] + w.padding[1]);
            }
        }
    }

    /// Gathers one group of a sample into the columns from `first` on of a matrix `k × total`.
    pub(crate) fn gather(
        &mut self,
        sample: &[f32],
        group: usize,
        out: &mut [f32],
        first: usize,
        total: usize,
    ) {
        if !self.wide {
            self.window.columns(sample, group, out);
            return;
        }
        let padded = std::mem::take(&mut self.padded);
        let count = self.count();
        let padded = self.with_padding(sample, group, padded, |source| {
            self.runs(|row, start| {
                out[row * total + first..][..count].copy_from_slice(&source[start..start + count]);
            });
        });
        self.padded = padded;
    }

    /// Gathers one group of a sample block by block: calls `f` with the first column of each block, its number of
    /// columns and the `k × columns` matrix.
    ///
    /// PERF: a block stays in cache between gathering and multiplying: a tenth less time for ResNet-14.
    pub(crate) fn blocks(&mut self, sample: &[f32], group: usize, mut f: impl FnMut(usize, usize, &[f32])) {
        let (k, count) = (self.window.k(), self.count());
        let mut block = std::mem::take(&mut self.block);
        if self.wide {
            block.resize(k * BLOCK.min(count), 0.0);
            let padded = std::mem::take(&mut self.padded);
            self.padded = self.with_padding(sample, group, padded, |source| {
                for first in (0..count).step_by(BLOCK) {
                    let len = BLOCK.min(count - first);
                    self.runs(|row, start| {
                        block[row * len..][..len].copy_from_slice(&source[start + first..][..len]);
                    });
                    f(first, len, &block[..k * len]);
                }
            });
        } else {
            block.resize(k * count, 0.0);
            self.window.columns(sample, group, &mut block);
            f(0, count, &block);
        }
        self.block = block;
    }

    /// Calls `f` with the channels of one group, padded in the given buffer where they need padding; gives the
    /// buffer back.
    fn with_padding(
        &self,
        sample: &[f32],
        group: usize,
        mut padded: Vec<f32>,
        f: impl FnOnce(&[f32]),
    ) -> Vec<f32> {
        let w = self.window;
        let len = w.channels / w.groups * self.padded_size[0] * self.padded_size[1];
        if w.padding == [0; 4] {
            f(&sample[group * len..][..len]);
        } else {
            padded.clear();
            padded.resize(len, 0.0);
            self.input_lines(group, |from, to| {
                padded[to..to + w.size[1]].copy_from_slice(&sample[from..from + w.size[1]]);
            });
            f(&padded);
        }
        padded
    }

    /// Adds columns back to where `gather` took them from.
    pub(crate) fn add_back(
        &mut self,
        columns: &[f32],
        group: usize,
        sample: &mut [f32],
        first: usize,
        total: usize,
    ) {
        let w = self.window;
        if !self.wide {
            w.add_columns(columns, group, sample);
            return;
        }
        let mut padded = std::mem::take(&mut self.padded);
        padded.clear();
        padded.resize(w.channels / w.groups * self.padded_size[0] * self.padded_size[1], 0.0);
        let count = self.count();
        self.runs(|row, start| {
            let source = &columns[row * total + first..][..count];
            padded[start..start + count].iter_mut().zip(source).for_each(|(t, s)| *t += s);
        });
        self.input_lines(group, |to, from| {
            let source = &padded[from..from + w.size[1]];
            sample[to..to + w.size[1]].iter_mut().zip(source).for_each(|(t, s)| *t += s);
        });
        self.padded = padded;
    }
}
