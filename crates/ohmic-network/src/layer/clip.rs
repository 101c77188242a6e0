//! Values clipped to a range; the rectifier up to six is `low = 0, high = 6`.

use super::{
    Description, Example, FromOnnx, Gradients, Layer, LayerKind, each, each_backward, each_in_place, one,
};
use crate::read::Operator;
use crate::{Error, Shape, Tensor};

pub(super) const KIND: LayerKind = LayerKind {
    name: NAME,
    summary: "values clipped to low..high (relu6: 0..6)",
    onnx_ops: &["Clip"],
    from_toml: |s| Ok(Box::new(Clip::new(s.number("low")?, s.number("high")?)?)),
    from_onnx,
    example: || Example::of(Clip::new(-0.5, 0.6), &[&[2, 3, 3]]),
};

const NAME: &str = "clip";

/// Values clipped to a range.
#[derive(Clone, Copy, Debug)]
pub struct Clip {
    low: f32,
    high: f32,
}

impl Clip {
    /// A clip to `low ..= high`.
    ///
    /// # Errors
    /// The range is empty or not a number.
    pub fn new(low: f32, high: f32) -> Result<Self, Error> {
        if low < high {
            Ok(Self { low, high })
        } else {
            Err(Error::shape(NAME, format!("low must be below high, got {low} and {high}")))
        }
    }
}

impl Layer for Clip {
    fn kind(&self) -> &'static str {
        NAME
    }

    fn out_shape(&self, inputs: &[&Shape]) -> Result<Shape, Error> {
        one(NAME, inputs).cloned()
    }

    fn run(&self, inputs: &[&Tensor]) -> Tensor {
        each(inputs[0], |x| x.max(self.low).min(self.high))
    }

    fn run_in_place(&self, first: Tensor, _others: &[&Tensor]) -> Result<Tensor, Tensor> {
        each_in_place(first, |x| x.max(self.low).min(self.high))
    }

    fn backward(&self, inputs: &[&Tensor], output: &Tensor, gradient: &Tensor) -> Option<Gradients> {
        let slope = |x, _| if x > self.low && x < self.high { 1.0 } else { 0.0 };
        each_backward(inputs[0], output, gradient, slope)
    }

    fn describe(&self) -> Description<'_> {
        Description::default().with("low", f64::from(self.low)).with("high", f64::from(self.high))
    }
}

/// Bounds are attributes up to operator set 10 and inputs from 11 on.
fn from_onnx(op: &Operator<'_>) -> FromOnnx {
    op.activation(0)?;
    let bound = |input: usize, attribute: &str, default: f32| {
        if op.opset() < 11 {
            return op.float(attribute, default);
        }
        match op.optional_floats(input)? {
            None => Ok(default),
            Some((_, [one])) => Ok(*one),
            Some((_, many)) => Err(op.problem(format!("{attribute} has {} values, 1 is needed", many.len()))),
        }
    };
    Ok(Some(Box::new(Clip::new(bound(1, "min", f32::MIN)?, bound(2, "max", f32::MAX)?)?)))
}
