//! The rectifier with a slope below zero.

use super::{Description, Example, Gradients, Layer, LayerKind, each, each_backward, each_in_place, one};
use crate::{Error, Shape, Tensor};

pub(super) const KIND: LayerKind = LayerKind {
    name: NAME,
    summary: "rectifier with a slope below zero",
    onnx_ops: &["LeakyRelu"],
    from_toml: |s| Ok(Box::new(LeakyRelu::new(s.number("slope")?)?)),
    from_onnx: |op| {
        op.activation(0)?;
        Ok(Some(Box::new(LeakyRelu::new(op.float("alpha", 0.01)?)?)))
    },
    example: || Example::of(LeakyRelu::new(0.1), &[&[2, 3, 3]]),
};

const NAME: &str = "leaky_relu";

/// `x` above zero, `slope · x` below.
#[derive(Clone, Copy, Debug)]
pub struct LeakyRelu {
    slope: f32,
}

impl LeakyRelu {
    /// A rectifier with this slope below zero.
    ///
    /// # Errors
    /// The slope is not finite.
    pub fn new(slope: f32) -> Result<Self, Error> {
        if !slope.is_finite() {
            return Err(Error::shape(NAME, format!("slope must be finite, got {slope}")));
        }
        Ok(Self { slope })
    }
}

impl Layer for LeakyRelu {
    fn kind(&self) -> &'static str {
        NAME
    }

    fn out_shape(&self, inputs: &[&Shape]) -> Result<Shape, Error> {
        one(NAME, inputs).cloned()
    }

    fn run(&self, inputs: &[&Tensor]) -> Tensor {
        each(inputs[0], |x| if x > 0.0 { x } else { self.slope * x })
    }

    fn run_in_place(&self, first: Tensor, _others: &[&Tensor]) -> Result<Tensor, Tensor> {
        each_in_place(first, |x| if x > 0.0 { x } else { self.slope * x })
    }

    fn backward(&self, inputs: &[&Tensor], output: &Tensor, gradient: &Tensor) -> Option<Gradients> {
        each_backward(inputs[0], output, gradient, |x, _| if x > 0.0 { 1.0 } else { self.slope })
    }

    fn describe(&self) -> Description<'_> {
        Description::default().with("slope", f64::from(self.slope))
    }
}
