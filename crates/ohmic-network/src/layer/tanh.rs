//! The hyperbolic tangent.

use super::{Example, Gradients, Layer, LayerKind, each, each_backward, each_in_place, one};
use crate::{Error, Shape, Tensor};

pub(super) const KIND: LayerKind = LayerKind {
    name: NAME,
    summary: "hyperbolic tangent",
    onnx_ops: &["Tanh"],
    from_toml: |_| Ok(Box::new(Tanh)),
    from_onnx: |op| op.activation(0).map(|_| Some(Box::new(Tanh) as Box<dyn Layer>)),
    example: || Example::of(Ok(Tanh), &[&[2, 3, 3]]),
};

const NAME: &str = "tanh";

/// The hyperbolic tangent.
#[derive(Clone, Copy, Debug)]
pub struct Tanh;

impl Layer for Tanh {
    fn kind(&self) -> &'static str {
        NAME
    }

    fn out_shape(&self, inputs: &[&Shape]) -> Result<Shape, Error> {
        one(NAME, inputs).cloned()
    }

    fn run(&self, inputs: &[&Tensor]) -> Tensor {
        each(inputs[0], libm::tanhf)
    }

    fn run_in_place(&self, first: Tensor, _others: &[&Tensor]) -> Result<Tensor, Tensor> {
        each_in_place(first, libm::tanhf)
    }

    fn backward(&self, inputs: &[&Tensor], output: &Tensor, gradient: &Tensor) -> Option<Gradients> {
        each_backward(inputs[0], output, gradient, |_, y| 1.0 - y * y)
    }
}
