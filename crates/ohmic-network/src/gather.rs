//! How the input vectors of a layer matrix are gathered from a layer's input (im2col).

use crate::{Error, Shape};
pub use ohmic_numerics::kernel::Windows;
use std::ops::Range;

/// Which input values form the vectors that a layer matrix is multiplied with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gather {
    /// The whole sample is one vector.
    Vector {
        /// Values in a sample.
        len: usize,
    },
    /// One vector for each position of a sliding window: a convolution.
    Window(Window),
}

/// Largest height, width, kernel, stride, dilation or padding that is accepted.
const LARGEST: usize = 1 << 16;

/// Values that are copied at once.
const CHUNK: usize = 8;

/// Values that are gathered.
pub trait Gathered: Copy + Default {
    /// Copies eight values from each of `starts` of each window to the window's vector, one start's `each` values
    /// behind the other's; vectors are `stride` apart. What is too much is written over by the next start.
    fn copy_runs(
        source: &[Self],
        windows: Windows,
        starts: &[usize],
        each: usize,
        out: &mut [Self],
        stride: usize,
    ) {
        for (i, out) in out.chunks_exact_mut(stride).enumerate() {
            let window = &source[windows.first + i * windows.step..];
            for (row, &start) in starts.iter().enumerate() {
                out[row * each..row * each + CHUNK].copy_from_slice(&window[start..start + CHUNK]);
            }
        }
    }
}

impl Gathered for f32 {}
impl Gathered for i32 {}
impl Gathered for u64 {}
impl Gathered for u8 {
    fn copy_runs(
        source: &[Self],
        windows: Windows,
        starts: &[usize],
        each: usize,
        out: &mut [Self],
        stride: usize,
    ) {
        ohmic_numerics::kernel::copy_runs(source, windows, starts, each, out, stride);
    }
}

/// Largest gathered matrix (`k × positions` of one group) that is accepted: 1 GiB of floats.
const LARGEST_GATHERED: usize = 1 << 28;

/// The geometry of a two-dimensional convolution or pooling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Input channels, over all groups.
    pub channels: usize,
    /// Input height and width.
    pub size: [usize; 2],
    /// Kernel height and width.
    pub kernel: [usize; 2],
    /// Step between windows, vertical and horizontal.
    pub stride: [usize; 2],
    /// Zeros before the first row, before the first column, after the last row, after the last column.
    pub padding: [usize; 4],
    /// Distance of neighbouring kernel taps.
    pub dilation: [usize; 2],
    /// Groups: each sees `channels / groups` input channels.
    pub groups: usize,
}

impl Window {
    /// Whether this geometry is possible and of a sane size.
    ///
    /// # Errors
    /// A zero count, groups that do not divide the channels, a window larger than the padded input.
    pub fn check(&self, kind: &'static str) -> Result<(), Error> {
        let refuse = |problem: String| Err(Error::shape(kind, problem));
        let counts = [
            ("kernel", &self.kernel[..]),
            ("stride", &self.stride),
            ("dilation", &self.dilation),
            ("input size", &self.size),
        ];
        for (name, values) in counts {
            if values.iter().any(|&v| v == 0 || v > LARGEST) {
                return refuse(format!("{name} must be 1 to {LARGEST}, got {values:?}"));
            }
        }
        if self.padding.iter().any(|&v| v > LARGEST) {
            return refuse(format!("padding must be at most {LARGEST}, got {:?}", self.padding));
        }
        if self.groups == 0 || self.channels == 0 || !self.channels.is_multiple_of(self.groups) {
            return refuse(format!("{} channels cannot be split into {} groups", self.channels, self.groups));
        }
        for (d, name) in ["rows", "columns"].iter().enumerate() {
            let padded = self.size[d] + self.padding[d] + self.padding[d + 2];
            let reach = self.dilation[d] * (self.kernel[d] - 1) + 1;
            if reach > padded {
                return refuse(format!(
                    "the window reaches over {reach} {name}, the padded input has {padded}"
                ));
            }
        }
        let gathered = self.out_size().iter().fold(self.k(), |product, &d| product.saturating_mul(d));
        if gathered > LARGEST_GATHERED {
            let problem =
                format!("its gathered input would hold {gathered} values, more than {LARGEST_GATHERED}");
            return refuse(problem);
        }
        Ok(())
    }

    /// Length of one gathered vector: the rows of the layer matrix of one group.
    pub fn k(&self) -> usize {
        (self.channels / self.groups).saturating_mul(self.kernel[0] * self.kernel[1])
    }

    /// Columns of the result, as a range, whose tap `x` falls inside the input.
    pub(crate) fn inside(&self, axis: usize, tap: usize, out: usize) -> Range<usize> {
        let (stride, offset) = (self.stride[axis], tap * self.dilation[axis]);
        let first = self.padding[axis].saturating_sub(offset).div_ceil(stride);
        let last = (self.size[axis] + self.padding[axis]).saturating_sub(offset).div_ceil(stride);
        first.min(out)..last.min(out).max(first.min(out))
    }

    /// Gathers all vectors of one group of one sample as the columns of a `k × positions` matrix:
    /// the transposed of what [`Gather::gather`] gives, in long runs.
    ///
    /// # Panics
    /// `out.len() == self.k() * positions`.
    pub fn columns<T: Copy + Default>(&self, sample: &[T], group: usize, out: &mut [T]) {
        let [oh, ow] = self.out_size();
        assert_eq!(out.len(), self.k() * oh * ow, "gathered columns");
        self.each_row(group, |row, plane, [y, x]| {
            let target = &mut out[row * oh * ow..][..oh * ow];
            let (rows, cols) = (self.inside(0, y, oh), self.inside(1, x, ow));
            target[..rows.start * ow].fill(T::default());
            target[rows.end * ow..].fill(T::default());
            for oy in rows {
                let line = &mut target[oy * ow..][..ow];
                line[..cols.start].fill(T::default());
                line[cols.end..].fill(T::default());
                if cols.is_empty() {
                    continue;
                }
                let start = plane + self.source(0, y, oy) * self.size[1] + self.source(1, x, cols.start);
                let line = &mut line[cols.clone()];
                if self.stride[1] == 1 {
                    line.copy_from_slice(&sample[start..][..line.len()]);
                } else {
                    let source = sample[start..].iter().step_by(self.stride[1]);
                    line.iter_mut().zip(source).for_each(|(t, &s)| *t = s);
                }
            }
        });
    }

    /// Adds the columns back to where [`Window::columns`] took them from: its transposed.
    ///
    /// # Panics
    /// `columns.len() == self.k() * positions`.
    pub fn add_columns(&self, columns: &[f32], group: usize, sample: &mut [f32]) {
        let [oh, ow] = self.out_size();
        assert_eq!(columns.len(), self.k() * oh * ow, "gathered columns");
        self.each_row(group, |row, plane, [y, x]| {
            let source = &columns[row * oh * ow..][..oh * ow];
            let cols = self.inside(1, x, ow);
            if cols.is_empty() {
                return;
            }
            for oy in self.inside(0, y, oh) {
                let start = plane + self.source(0, y, oy) * self.size[1] + self.source(1, x, cols.start);
                let line = &source[oy * ow..][cols.clone()];
                if self.stride[1] == 1 {
                    let target = &mut sample[start..][..line.len()];
                    target.iter_mut().zip(line).for_each(|(t, s)| *t += s);
                } else {
                    let target = sample[start..].iter_mut().step_by(self.stride[1]);
                    target.zip(line).for_each(|(t, s)| *t += s);
                }
            }
        });
    }

    /// Calls `f` with each row of the gathered matrix, where its channel starts in the sample, and its tap.
    fn each_row(&self, group: usize, mut f: impl FnMut(usize, usize, [usize; 2])) {
        let channels = self.channels / self.groups;
        let mut row = 0;
        for c in 0..channels {
            let plane = (group * channels + c) * self.size[0] * self.size[1];
            for y in 0..self.kernel[0] {
                for x in 0..self.kernel[1] {
                    f(row, plane, [y, x]);
                    row += 1;
                }
            }
        }
    }

    /// Input index that output index `out` sees through `tap`, where that is inside the input.
    fn source(&self, axis: usize, tap: usize, out: usize) -> usize {
        out * self.stride[axis] + tap * self.dilation[axis] - self.padding[axis]
    }

    /// Height and width of the result.
    pub fn out_size(&self) -> [usize; 2] {
        std::array::from_fn(|d| {
            let reach = self.dilation[d] * (self.kernel[d] - 1) + 1;
            (self.size[d] + self.padding[d] + self.padding[d + 2] - reach) / self.stride[d] + 1
        })
    }
}

impl Gather {
    /// Groups of independent layer matrices (1 unless a grouped convolution).
    pub fn groups(&self) -> usize {
        match self {
            Self::Vector { .. } => 1,
            Self::Window(w) => w.groups,
        }
    }

    /// Values in a sample.
    pub fn sample_len(&self) -> usize {
        match self {
            Self::Vector { len } => *len,
            Self::Window(w) => w.channels * w.size[0] * w.size[1],
        }
    }

    /// Length of one gathered vector: the rows `k` of the layer matrix of one group.
    pub fn k(&self) -> usize {
        match self {
            Self::Vector { len } => *len,
            Self::Window(w) => w.k(),
        }
    }

    /// Vectors per sample: matrix-vector products that one sample asks of each group.
    pub fn positions(&self) -> usize {
        match self {
            Self::Vector { .. } => 1,
            Self::Window(w) => w.out_size().iter().product(),
        }
    }

    /// Shape of the layer's result for `outputs` output channels over all groups.
    pub fn out_shape(&self, outputs: usize) -> Shape {
        match self {
            Self::Vector { .. } => Shape(vec![outputs]),
            Self::Window(w) => {
                let [h, wd] = w.out_size();
                Shape(vec![outputs, h, wd])
            }
        }
    }

    /// Gathers the vectors of the given positions of one group from one sample, one after the other.
    /// Row order is channel, kernel row, kernel column: `k = (c · kh + y) · kw + x`.
    ///
    /// # Panics
    /// `out.len() == positions.len() * self.k()`.
    pub fn gather<T: Gathered>(&self, sample: &[T], group: usize, positions: Range<usize>, out: &mut [T]) {
        self.gather_rows(sample, group, positions, self.k(), out);
    }

    /// The same with vectors `stride >= k` apart; what lies between them has no meaning.
    ///
    /// # Panics
    /// `out.len() == positions.len() * stride`.
    pub fn gather_rows<T: Gathered>(
        &self,
        sample: &[T],
        group: usize,
        positions: Range<usize>,
        stride: usize,
        out: &mut [T],
    ) {
        self.gather_padded(sample, group, positions, stride, &mut Vec::new(), out);
    }

    /// The same with a buffer for the padded sample, kept from call to call.
    ///
    /// # Panics
    /// `out.len() == positions.len() * stride`.
    pub fn gather_padded<T: Gathered>(
        &self,
        sample: &[T],
        group: usize,
        positions: Range<usize>,
        stride: usize,
        padded: &mut Vec<T>,
        out: &mut [T],
    ) {
        assert!(stride >= self.k(), "vectors of {} every {stride}", self.k());
        assert_eq!(out.len(), positions.len() * stride, "gathered vectors");
        let w = match self {
            Self::Vector { len } => return out[..*len].copy_from_slice(sample),
            Self::Window(w) => w,
        };
        // a frame of zeros once a sample saves asking at every tap
        let channels = w.channels / w.groups;
        let [top, left, bottom, right] = w.padding;
        let (height, width) = (w.size[0] + top + bottom, w.size[1] + left + right);
        let own = &sample[group * channels * w.size[0] * w.size[1]..][..channels * w.size[0] * w.size[1]];
        // room for a chunk behind the last tap
        padded.clear();
        padded.resize(channels * height * width + CHUNK, T::default());
        for (c, plane) in own.chunks_exact(w.size[0] * w.size[1]).enumerate() {
            for (y, line) in plane.chunks_exact(w.size[1]).enumerate() {
                padded[(c * height + top + y) * width + left..][..line.len()].copy_from_slice(line);
            }
        }
        let [kh, kw] = w.kernel;
        let out_width = w.out_size()[1];
        // where each kernel row starts, from the window's first tap on
        let rows = channels * kh;
        let start = |row: usize| (row / kh * height + row % kh * w.dilation[0]) * width;
        let starts: Vec<usize> = (0..rows).map(start).collect();
        // what is too much in a chunk is written over by the next kernel row, or lies behind the vector
        let chunked = w.dilation[1] == 1 && kw <= CHUNK;
        let safe = if chunked { (0..rows).take_while(|row| row * kw + CHUNK <= stride).count() } else { 0 };
        // windows beside each other, line by line
        let mut position = positions.start;
        let mut out = out;
        while position < positions.end {
            let (y, x) = (position / out_width, position % out_width);
            let count = (out_width - x).min(positions.end - position);
            let (here, rest) = out.split_at_mut(count * stride);
            let first = y * w.stride[0] * width + x * w.stride[1];
            let windows = Windows { first, step: w.stride[1], count };
            T::copy_runs(padded, windows, &starts[..safe], kw, here, stride);
            for (i, out) in here.chunks_exact_mut(stride).enumerate() {
                let window = &padded[first + i * w.stride[1]..];
                for (&start, out) in starts[safe..].iter().zip(out[safe * kw..].chunks_exact_mut(kw)) {
                    for (x, out) in out.iter_mut().enumerate() {
                        *out = window[start + x * w.dilation[1]];
                    }
                }
            }
            out = rest;
            position += count;
        }
    }

    /// Adds all vectors of one group of a sample, entry by entry: what `gather` over all positions
    /// would give, summed, without writing the vectors out.
    ///
    /// # Panics
    /// `sums.len() == self.k()`.
    pub fn add_up(&self, sample: &[u64], group: usize, sums: &mut [u64]) {
        assert_eq!(sums.len(), self.k(), "one sum a row");
        match self {
            Self::Vector { .. } => sums.iter_mut().zip(sample).for_each(|(sum, &v)| *sum += v),
            Self::Window(w) => {
                let [height, width] = w.size;
                let [kh, kw] = w.kernel;
                let [out_height, out_width] = w.out_size();
                let channels = w.channels / w.groups;
                // the positions whose tap at `offset` lies inside `size`
                let inside = |offset: isize, size: usize, step: usize, count: usize| {
                    let first = if offset < 0 { offset.unsigned_abs().div_ceil(step) } else { 0 };
                    let room = size as isize - 1 - offset;
                    let end = if room < 0 { 0 } else { room as usize / step + 1 };
                    first.min(count)..end.min(count).max(first.min(count))
                };
                for c in 0..channels {
                    let plane = &sample[(group * channels + c) * height * width..][..height * width];
                    for y in 0..kh {
                        let dy = (y * w.dilation[0]) as isize - w.padding[0] as isize;
                        for x in 0..kw {
                            let dx = (x * w.dilation[1]) as isize - w.padding[1] as isize;
                            let columns = inside(dx, width, w.stride[1], out_width);
                            if columns.is_empty() {
                                continue;
                            }
                            let first = (dx + (columns.start * w.stride[1]) as isize) as usize;
                            let mut sum = 0u64;
                            for row in inside(dy, height, w.stride[0], out_height) {
                                let line =
                                    &plane[(dy + (row * w.stride[0]) as isize) as usize * width..][..width];
                                sum += if w.stride[1] == 1 {
                                    line[first..first + columns.len()].iter().sum::<u64>()
                                } else {
                                    line[first..].iter().step_by(w.stride[1]).take(columns.len()).sum()
                                };
                            }
                            sums[(c * kh + y) * kw + x] += sum;
                        }
                    }
                }
            }
        }
    }
}
