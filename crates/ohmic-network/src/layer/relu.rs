//! The rectifier: `max(x, 0)`.

use super::{Example, Gradients, Layer, LayerKind, each, each_backward, each_in_place, one};
use crate::{Error, Shape, Tensor};

pub(super) const KIND: LayerKind = LayerKind {
    name: NAME,
    summary: "rectifier: max(x, 0)",
    onnx_ops: &["Relu"],
    from_toml: |_| Ok(Box::new(Relu)),
    from_onnx: |op| op.activation(0).map(|_| Some(Box::new(Relu) as Box<dyn Layer>)),
    example: || Example::of(Ok(Relu), &[&[2, 3, 3]]),
};

const NAME: &str = "relu";

/// The rectifier: `max(x, 0)`.
#[derive(Clone, Copy, Debug)]
pub struct Relu;

impl Layer for Relu {
    fn kind(&self) -> &'static str {
        NAME
    }

    fn out_shape(&self, inputs: &[&Shape]) -> Result<Shape, Error> {
        one(NAME, inputs).cloned()
    }

    fn run(&self, inputs: &[&Tensor]) -> Tensor {
        each(inputs[0], |x| if x > 0.0 { x } else { 0.0 })
    }

    fn run_in_place(&self, first: Tensor, _others: &[&Tensor]) -> Result<Tensor, Tensor> {
        each_in_place(first, |x| if x > 0.0 { x } else { 0.0 })
    }

    fn backward(&self, inputs: &[&Tensor], output: &Tensor, gradient: &Tensor) -> Option<Gradients> {
        each_backward(inputs[0], output, gradient, |x, _| if x > 0.0 { 1.0 } else { 0.0 })
    }
}
