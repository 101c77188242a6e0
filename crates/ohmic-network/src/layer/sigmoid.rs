//! The logistic function: `1 / (1 + exp(-x))`.

use super::{Example, Gradients, Layer, LayerKind, each, each_backward, each_in_place, one};
use crate::{Error, Shape, Tensor};

pub(super) const KIND: LayerKind = LayerKind {
    name: NAME,
    summary: "logistic function: 1 / (1 + exp(-x))",
    onnx_ops: &["Sigmoid"],
    from_toml: |_| Ok(Box::new(Sigmoid)),
    from_onnx: |op| op.activation(0).map(|_| Some(Box::new(Sigmoid) as Box<dyn Layer>)),
    example: || Example::of(Ok(Sigmoid), &[&[2, 3, 3]]),
};

const NAME: &str = "sigmoid";

/// The logistic function: `1 / (1 + exp(-x))`.
#[derive(Clone, Copy, Debug)]
pub struct Sigmoid;

impl Layer for Sigmoid {
    fn kind(&self) -> &'static str {
        NAME
    }

    fn out_shape(&self, inputs: &[&Shape]) -> Result<Shape, Error> {
        one(NAME, inputs).cloned()
    }

    fn run(&self, inputs: &[&Tensor]) -> Tensor {
        each(inputs[0], |x| 1.0 / (1.0 + libm::expf(-x)))
    }

    fn run_in_place(&self, first: Tensor, _others: &[&Tensor]) -> Result<Tensor, Tensor> {
        each_in_place(first, |x| 1.0 / (1.0 + libm::expf(-x)))
    }

    fn backward(&self, inputs: &[&Tensor], output: &Tensor, gradient: &Tensor) -> Option<Gradients> {
        each_backward(inputs[0], output, gradient, |_, y| y * (1.0 - y))
    }
}
