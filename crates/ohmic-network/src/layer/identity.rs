//! The layer that does nothing; dropout at inference is one.

use super::{Example, Gradients, Layer, LayerKind, one};
use crate::{Error, Shape, Tensor};

pub(super) const KIND: LayerKind = LayerKind {
    name: NAME,
    summary: "nothing (dropout at inference)",
    onnx_ops: &["Identity", "Dropout"],
    from_toml: |_| Ok(Box::new(Identity)),
    from_onnx: |op| {
        op.activation(0)?;
        if op.op() == "Dropout" {
            op.ignore(&["ratio", "seed", "is_test"]);
        }
        Ok(Some(Box::new(Identity)))
    },
    example: || Example::of(Ok(Identity), &[&[2, 3]]),
};

const NAME: &str = "identity";

/// The layer that does nothing.
#[derive(Clone, Copy, Debug)]
pub struct Identity;

impl Layer for Identity {
    fn kind(&self) -> &'static str {
        NAME
    }

    fn out_shape(&self, inputs: &[&Shape]) -> Result<Shape, Error> {
        one(NAME, inputs).cloned()
    }

    fn run(&self, inputs: &[&Tensor]) -> Tensor {
        inputs[0].clone()
    }

    fn run_in_place(&self, first: Tensor, _others: &[&Tensor]) -> Result<Tensor, Tensor> {
        Ok(first)
    }

    fn backward(&self, _inputs: &[&Tensor], _output: &Tensor, gradient: &Tensor) -> Option<Gradients> {
        Some(Gradients { inputs: vec![gradient.clone()], parameters: Vec::new() })
    }
}
