//! A constant border around each channel.

use super::{Description, Example, FromOnnx, Gradients, Layer, LayerKind, maps, one};
use crate::read::Operator;
use crate::{Error, Shape, Tensor};

pub(super) const KIND: LayerKind = LayerKind {
    name: NAME,
    summary: "a constant border around each channel",
    onnx_ops: &["Pad"],
    from_toml: |s| Ok(Box::new(Pad::new(s.padding()?, s.number_or("value", 0.0)?)?)),
    from_onnx,
    example: || Example::of(Pad::new([1, 0, 2, 1], 0.5), &[&[2, 3, 2]]),
};

const NAME: &str = "pad";

/// A constant border around each channel.
#[derive(Clone, Copy, Debug)]
pub struct Pad {
    padding: [usize; 4],
    value: f32,
}

impl Pad {
    /// A border of `value`: rows above, columns left, rows below, columns right.
    ///
    /// # Errors
    /// A width is beyond all reason, or the value is not finite.
    pub fn new(padding: [usize; 4], value: f32) -> Result<Self, Error> {
        if padding.iter().any(|&p| p > 1 << 16) || !value.is_finite() {
            return Err(Error::shape(NAME, format!("padding {padding:?} of {value} is not possible")));
        }
        Ok(Self { padding, value })
    }

    /// Calls `f` with where each input row starts in the input and in the result, and its length.
    fn rows(&self, shape: &Shape, batch: usize, mut f: impl FnMut(usize, usize, usize)) {
        let [top, left, bottom, right] = self.padding;
        let (h, w) = (shape.0[1], shape.0[2]);
        let (oh, ow) = (h + top + bottom, w + left + right);
        for plane in 0..batch * shape.0[0] {
            for y in 0..h {
                f((plane * h + y) * w, (plane * oh + top + y) * ow + left, w);
            }
        }
    }
}

impl Layer for Pad {
    fn kind(&self) -> &'static str {
        NAME
    }

    fn out_shape(&self, inputs: &[&Shape]) -> Result<Shape, Error> {
        let (channels, [h, w]) = maps(NAME, one(NAME, inputs)?)?;
        let [top, left, bottom, right] = self.padding;
        Ok(Shape(vec![channels, h + top + bottom, w + left + right]))
    }

    fn run(&self, inputs: &[&Tensor]) -> Tensor {
        let x = inputs[0];
        let [top, left, bottom, right] = self.padding;
        let shape = Shape(vec![x.shape.0[0], x.shape.0[1] + top + bottom, x.shape.0[2] + left + right]);
        let mut y = Tensor::zeros(x.batch, shape);
        y.data.fill(self.value);
        self.rows(&x.shape, x.batch, |from, to, len| {
            y.data[to..to + len].copy_from_slice(&x.data[from..from + len]);
        });
        y
    }

    fn backward(&self, inputs: &[&Tensor], _output: &Tensor, gradient: &Tensor) -> Option<Gradients> {
        let x = inputs[0];
        let mut dx = Tensor::zeros(x.batch, x.shape.clone());
        self.rows(&x.shape, x.batch, |from, to, len| {
            dx.data[from..from + len].copy_from_slice(&gradient.data[to..to + len]);
        });
        Some(Gradients { inputs: vec![dx], parameters: Vec::new() })
    }

    fn describe(&self) -> Description<'_> {
        Description::default().with_counts("padding", &self.padding).with("value", f64::from(self.value))
    }
}

/// `pads` holds the widths before each axis, batch and channels first, then those after.
fn from_onnx(op: &Operator<'_>) -> FromOnnx {
    maps(NAME, op.activation(0)?)?;
    let mode = op.text("mode", "constant")?;
    if mode != "constant" {
        return Err(op.problem(format!("mode `{mode}` is not read; `constant` is")));
    }
    let pads = op.integers_or_attribute(1, "pads")?;
    let value = if op.opset() < 11 {
        op.float("value", 0.0)?
    } else {
        match op.optional_floats(2)? {
            Some((_, [v])) => *v,
            _ => 0.0,
        }
    };
    match pads[..] {
        [0, 0, top, left, 0, 0, bottom, right] if [top, left, bottom, right].iter().all(|&p| p >= 0) => {
            let padding = [top, left, bottom, right].map(|p| usize::try_from(p).unwrap_or(usize::MAX));
            Ok(Some(Box::new(Pad::new(padding, value)?)))
        }
        _ => Err(op.problem(format!("pads {pads:?}: only rows and columns can be padded, not cropped"))),
    }
}
