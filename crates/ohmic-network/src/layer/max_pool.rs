//! The largest value of a sliding window.

use super::{Description, Example, FromOnnx, Gradients, Layer, LayerKind, maps, one};
use crate::gather::Window;
use crate::read::{Operator, Section};
use crate::{Error, Shape, Tensor};

pub(super) const KIND: LayerKind = LayerKind {
    name: NAME,
    summary: "largest value of a sliding window",
    onnx_ops: &["MaxPool"],
    from_toml: |s| Ok(Box::new(MaxPool::new(pool_window(NAME, s)?)?)),
    from_onnx,
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
        Example::of(MaxPool::new(window), &[&[2, 6, 5]])
    },
};

const NAME: &str = "max_pool";

/// The largest value of a sliding window, channel by channel; padding never wins.
#[derive(Clone, Debug)]
pub struct MaxPool {
    window: Window,
}

/// The window of a pooling section; the stride is the kernel unless given.
pub(super) fn pool_window(kind: &'static str, s: &mut Section<'_>) -> Result<Window, Error> {
    let (channels, size) = maps(kind, one(kind, s.inputs())?)?;
    let kernel = s.pair("kernel")?;
    let stride = s.pair_or("stride", kernel)?;
    Ok(Window { channels, size, kernel, stride, padding: s.padding()?, dilation: [1, 1], groups: channels })
}

/// Checks the window of a pooling: every window must see at least one value.
pub(super) fn check_pool(kind: &'static str, w: &Window) -> Result<(), Error> {
    w.check(kind)?;
    if (0..4).any(|side| w.padding[side] >= w.kernel[side % 2]) || w.dilation != [1, 1] {
        let (p, k) = (w.padding, w.kernel);
        return Err(Error::shape(
            kind,
            format!("padding {p:?} must be smaller than the kernel {k:?}, dilation 1"),
        ));
    }
    Ok(())
}

/// The shape of the result of a pooling.
pub(super) fn pool_shape(kind: &'static str, w: &Window, inputs: &[&Shape]) -> Result<Shape, Error> {
    let shape = one(kind, inputs)?;
    if maps(kind, shape)? != (w.channels, w.size) {
        let (c, [h, wd]) = (w.channels, w.size);
        return Err(Error::shape(kind, format!("needs input {c}x{h}x{wd}, got {shape}")));
    }
    let [h, wd] = w.out_size();
    Ok(Shape(vec![w.channels, h, wd]))
}

/// Calls `f` with each window: its index in the result, its rows and its columns (cut to the input),
/// and where its channel starts.
pub(super) fn each_window(
    w: &Window,
    batch: usize,
    mut f: impl FnMut(usize, std::ops::Range<usize>, std::ops::Range<usize>, usize),
) {
    let [oh, ow] = w.out_size();
    let cut = |axis: usize, out: usize| {
        let start = out * w.stride[axis];
        let end = (start + w.kernel[axis]).saturating_sub(w.padding[axis]).min(w.size[axis]);
        start.saturating_sub(w.padding[axis]).min(end)..end
    };
    for plane in 0..batch * w.channels {
        for oy in 0..oh {
            let rows = cut(0, oy);
            for ox in 0..ow {
                f((plane * oh + oy) * ow + ox, rows.clone(), cut(1, ox), plane * w.size[0] * w.size[1]);
            }
        }
    }
}

/// Settings of a pooling window.
pub(super) fn describe_pool(w: &Window) -> Description<'_> {
    Description::default()
        .with_counts("kernel", &w.kernel)
        .with_counts("stride", &w.stride)
        .with_counts("padding", &w.padding)
}

/// The window of an ONNX pooling node.
pub(super) fn onnx_window(kind: &'static str, op: &Operator<'_>) -> Result<Window, Error> {
    let (channels, size) = maps(kind, op.activation(0)?)?;
    if op.int("ceil_mode", 0)? != 0 {
        return Err(op.problem("ceil_mode = 1 is not read; export with ceil_mode = 0"));
    }
    let mut window = op.window(channels, size, None)?;
    window.groups = channels;
    Ok(window)
}

impl MaxPool {
    /// A pooling with this window (`groups` and `channels` equal).
    ///
    /// # Errors
    /// The geometry is impossible.
    pub fn new(window: Window) -> Result<Self, Error> {
        check_pool(NAME, &window)?;
        Ok(Self { window })
    }

    /// Whether windows are 2 x 2, one beside the other: the common case.
    fn is_pairs(&self) -> bool {
        let w = &self.window;
        w.kernel == [2, 2] && w.stride == [2, 2] && w.padding == [0; 4]
    }

    /// Calls `f` with each window's index in the result and the index of its first largest value.
    fn each_largest(&self, x: &Tensor, mut f: impl FnMut(usize, usize)) {
        let w = &self.window;
        if !self.is_pairs() {
            each_window(w, x.batch, |i, rows, cols, plane| f(i, self.largest(&x.data, rows, cols, plane)));
            return;
        }
        // PERF: the common case; three times as quick as the general one
        let ([oh, ow], [height, width]) = (w.out_size(), w.size);
        let mut out = 0;
        for plane in 0..x.batch * w.channels {
            for y in 0..oh {
                let start = (plane * height + 2 * y) * width;
                let (top, bottom) = x.data[start..][..2 * width].split_at(width);
                let pairs = top.chunks_exact(2).zip(bottom.chunks_exact(2)).take(ow);
                for (column, (a, b)) in pairs.enumerate() {
                    let (mut best, mut largest) = (0, a[0]);
                    for (at, v) in [(1, a[1]), (width, b[0]), (width + 1, b[1])] {
                        if v > largest {
                            (best, largest) = (at, v);
                        }
                    }
                    f(out, start + 2 * column + best);
                    out += 1;
                }
            }
        }
    }

    /// Index of the first largest value of a window.
    fn largest(
        &self,
        x: &[f32],
        rows: std::ops::Range<usize>,
        cols: std::ops::Range<usize>,
        plane: usize,
    ) -> usize {
        let width = self.window.size[1];
        let mut best = plane + rows.start * width + cols.start;
        let mut top = x[best];
        for row in rows {
            let line = plane + row * width;
            for (at, &v) in (line + cols.start..).zip(&x[line + cols.start..line + cols.end]) {
                if v > top {
                    (best, top) = (at, v);
                }
            }
        }
        best
    }
}

impl Layer for MaxPool {
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
        let mut y = Tensor::zeros(x.batch, Shape(vec![self.window.channels, h, w]));
        if !self.is_pairs() {
            self.each_largest(x, |i, largest| y.data[i] = x.data[largest]);
            return y;
        }
        // PERF: whole lines at once, in vectors: ten times as quick as looking where the largest is
        let [height, width] = self.window.size;
        let larger = |a: f32, b: f32| if b > a { b } else { a };
        let mut rows = vec![0.0; width];
        for (plane, target) in x.data.chunks_exact(height * width).zip(y.data.chunks_exact_mut(h * w)) {
            for (lines, target) in plane.chunks_exact(2 * width).zip(target.chunks_exact_mut(w)) {
                let (top, bottom) = lines.split_at(width);
                let pairs = top.iter().zip(bottom);
                rows.iter_mut().zip(pairs).for_each(|(r, (&a, &b))| *r = larger(a, b));
                let (pairs, _) = rows.as_chunks::<2>();
                target.iter_mut().zip(pairs).for_each(|(t, &[a, b])| *t = larger(a, b));
            }
        }
        y
    }

    fn backward(&self, inputs: &[&Tensor], _output: &Tensor, gradient: &Tensor) -> Option<Gradients> {
        let x = inputs[0];
        let mut dx = Tensor::zeros(x.batch, x.shape.clone());
        self.each_largest(x, |i, largest| dx.data[largest] += gradient.data[i]);
        Some(Gradients { inputs: vec![dx], parameters: Vec::new() })
    }

    fn describe(&self) -> Description<'_> {
        describe_pool(&self.window)
    }
}

fn from_onnx(op: &Operator<'_>) -> FromOnnx {
    op.ignore(&["storage_order"]);
    Ok(Some(Box::new(MaxPool::new(onnx_window(NAME, op)?)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worked_by_hand() {
        // windows of 2 x 2, stride 2, one column of padding on the right and left of
        //   -1 -2 -3      columns {0}, {1, 2}: max(-1, -4) and max(-2, -3, -5, -6)
        //   -4 -5 -6      the padding would win if it counted as 0
        let window = Window {
            channels: 1,
            size: [2, 3],
            kernel: [2, 2],
            stride: [2, 2],
            padding: [0, 1, 0, 0],
            dilation: [1, 1],
            groups: 1,
        };
        let pool = MaxPool::new(window).unwrap();
        let x = Tensor::new(1, Shape(vec![1, 2, 3]), vec![-1., -2., -3., -4., -5., -6.]);
        assert_eq!(pool.run(&[&x]).data, [-1.0, -2.0]);
    }

    #[test]
    fn the_common_case_equals_the_general_one() {
        for size in [[4, 6], [5, 7]] {
            let window = Window {
                channels: 3,
                size,
                kernel: [2, 2],
                stride: [2, 2],
                padding: [0; 4],
                dilation: [1, 1],
                groups: 3,
            };
            let pool = MaxPool::new(window.clone()).unwrap();
            let n = 2 * 3 * size[0] * size[1];
            // few values, so that many windows hold their largest twice
            let data = (0..n).map(|i| (i * 7919 % 5) as f32).collect();
            let x = Tensor::new(2, Shape(vec![3, size[0], size[1]]), data);
            let (mut quick, mut general) = (Vec::new(), Vec::new());
            pool.each_largest(&x, |i, at| quick.push((i, at)));
            each_window(&window, 2, |i, rows, cols, plane| {
                general.push((i, pool.largest(&x.data, rows, cols, plane)))
            });
            assert_eq!(quick, general);
            let values: Vec<f32> = general.iter().map(|&(_, at)| x.data[at]).collect();
            assert_eq!(pool.run(&[&x]).data, values);
        }
    }
}
