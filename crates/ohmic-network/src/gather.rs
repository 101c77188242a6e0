//! How the input vectors of a layer matrix are gathered from a layer's input (im2col).

use crate::Shape;
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

/// The geometry of a two-dimensional convolution.
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

    /// Length of one gathered vector: the rows `k` of the layer matrix of one group.
    pub fn k(&self) -> usize {
        match self {
            Self::Vector { len } => *len,
            Self::Window(w) => w.channels / w.groups * w.kernel[0] * w.kernel[1],
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
    pub fn gather<T: Copy + Default>(
        &self,
        sample: &[T],
        group: usize,
        positions: Range<usize>,
        out: &mut [T],
    ) {
        let k = self.k();
        assert_eq!(out.len(), positions.len() * k, "gathered vectors");
        match self {
            Self::Vector { .. } => out.copy_from_slice(sample),
            Self::Window(w) => {
                let [height, width] = w.size;
                let [kh, kw] = w.kernel;
                let channels = w.channels / w.groups;
                let out_width = w.out_size()[1];
                for (position, row) in positions.zip(out.chunks_exact_mut(k)) {
                    let top = (position / out_width * w.stride[0]) as isize - w.padding[0] as isize;
                    let left = (position % out_width * w.stride[1]) as isize - w.padding[1] as isize;
                    let inside = w.dilation[1] == 1 && left >= 0 && left as usize + kw <= width;
                    for c in 0..channels {
                        let plane = &sample[(group * channels + c) * height * width..][..height * width];
                        for y in 0..kh {
                            let target = &mut row[(c * kh + y) * kw..][..kw];
                            let sy = top + (y * w.dilation[0]) as isize;
                            if sy < 0 || sy >= height as isize {
                                target.fill(T::default());
                            } else if inside {
                                target.copy_from_slice(&plane[sy as usize * width + left as usize..][..kw]);
                            } else {
                                let line = &plane[sy as usize * width..][..width];
                                for (x, t) in target.iter_mut().enumerate() {
                                    let sx = left + (x * w.dilation[1]) as isize;
                                    *t = if sx < 0 || sx >= width as isize {
                                        T::default()
                                    } else {
                                        line[sx as usize]
                                    };
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
