//! The mean of a sliding window.

use super::max_pool::{check_pool, describe_pool, each_window, onnx_window, pool_shape, pool_window};
use super::{Description, Example, Gradients, Layer, LayerKind};
use crate::gather::Window;
use crate::{Error, Shape, Tensor};
use std::ops::Range;

pub(super) const KIND: LayerKind = LayerKind {
    name: NAME,
    summary: "mean of a sliding window",
    onnx_ops: &["AveragePool"],
    from_toml: |s| {
        let divisor = match s.choice_or("divisor", &["inside", "kernel"], "inside")? {
            "kernel" => Divisor::Kernel,
            _ => Divisor::Inside,
        };
        Ok(Box::new(AveragePool::new(pool_window(NAME, s)?, divisor)?))
    },
    from_onnx: |op| {
        let whole = op.int("count_include_pad", 0)? != 0;
        let divisor = if whole { Divisor::Kernel } else { Divisor::Inside };
        Ok(Some(Box::new(AveragePool::new(onnx_window(NAME, op)?, divisor)?)))
    },
    example: || {
        let window = Window {
            channels: 2,
            size: [6, 5],
            kernel: [3, 2],
            stride: [2, 2],
            padding: [1, 0, 1, 1],
            dilation: [1, 1],
            groups: 2,
        };
        Example::of(AveragePool::new(window, Divisor::Inside), &[&[2, 6, 5]])
    },
};

const NAME: &str = "average_pool";

/// What the sum of a window is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Divisor {
    /// The number of values inside the input (ONNX `count_include_pad = 0`).
    Inside,
    /// The size of the kernel, padding counted as zeros (`count_include_pad = 1`).
    Kernel,
}

/// The mean of a sliding window, channel by channel.
#[derive(Clone, Debug)]
pub struct AveragePool {
    window: Window,
    divisor: Divisor,
}

impl AveragePool {
    /// A pooling with this window (`groups` and `channels` equal).
    ///
    /// # Errors
    /// The geometry is impossible.
    pub fn new(window: Window, divisor: Divisor) -> Result<Self, Error> {
        check_pool(NAME, &window)?;
        Ok(Self { window, divisor })
    }

    fn share(&self, rows: &Range<usize>, cols: &Range<usize>) -> f32 {
        let count = match self.divisor {
            Divisor::Inside => rows.len() * cols.len(),
            Divisor::Kernel => self.window.kernel[0] * self.window.kernel[1],
        };
        1.0 / count as f32
    }
}

impl Layer for AveragePool {
    fn kind(&self) -> &'static str {
        NAME
    }

    fn out_shape(&self, inputs: &[&Shape]) -> Result<Shape, Error> {
        pool_shape(NAME, &self.window, inputs)
    }

    fn window(&self) -> Option<&Window> {
        Some(&self.window)
    }

    fn run(&self, inputs: &[&Tensor]) -> Tensor {
        let x = inputs[0];
        let [h, w] = self.window.out_size();
        let width = self.window.size[1];
        let mut y = Tensor::zeros(x.batch, Shape(vec![self.window.channels, h, w]));
        each_window(&self.window, x.batch, |i, rows, cols, plane| {
            let share = self.share(&rows, &cols);
            let mut sum = 0.0;
            for row in rows {
                let line = plane + row * width;
                sum += x.data[line + cols.start..line + cols.end].iter().sum::<f32>();
            }
            y.data[i] = sum * share;
        });
        y
    }

    fn backward(&self, inputs: &[&Tensor], _output: &Tensor, gradient: &Tensor) -> Option<Gradients> {
        let x = inputs[0];
        let width = self.window.size[1];
        let mut dx = Tensor::zeros(x.batch, x.shape.clone());
        each_window(&self.window, x.batch, |i, rows, cols, plane| {
            let g = gradient.data[i] * self.share(&rows, &cols);
            for row in rows {
                let line = plane + row * width;
                dx.data[line + cols.start..line + cols.end].iter_mut().for_each(|v| *v += g);
            }
        });
        Some(Gradients { inputs: vec![dx], parameters: Vec::new() })
    }

    fn describe(&self) -> Description<'_> {
        let divisor = match self.divisor {
            Divisor::Inside => "inside",
            Divisor::Kernel => "kernel",
        };
        describe_pool(&self.window).with("divisor", divisor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_counts_or_not() {
        // 1 2 with one padded column on the left, windows of 1 x 2, stride 1:
        // inside: 1 and (1+2)/2; kernel: (0+1)/2 and (1+2)/2
        let window = Window {
            channels: 1,
            size: [1, 2],
            kernel: [1, 2],
            stride: [1, 1],
            padding: [0, 1, 0, 0],
            dilation: [1, 1],
            groups: 1,
        };
        let x = Tensor::new(1, Shape(vec![1, 1, 2]), vec![1., 2.]);
        let mean = |d| AveragePool::new(window.clone(), d).unwrap().run(&[&x]).data;
        assert_eq!(mean(Divisor::Inside), [1.0, 1.5]);
        assert_eq!(mean(Divisor::Kernel), [0.5, 1.5]);
    }
}
