//! The same values as one vector.

use super::{Example, Gradients, Layer, LayerKind, one};
use crate::{Error, Shape, Tensor};

pub(super) const KIND: LayerKind = LayerKind {
    name: NAME,
    summary: "the same values as one vector",
    onnx_ops: &["Flatten"],
    from_toml: |_| Ok(Box::new(Flatten)),
    from_onnx: |op| {
        op.activation(0)?;
        match op.int("axis", 1)? {
            1 => Ok(Some(Box::new(Flatten))),
            axis => Err(op.problem(format!("axis {axis} would mix the samples of a batch; 1 is read"))),
        }
    },
    example: || Example::of(Ok(Flatten), &[&[2, 3, 2]]),
};

const NAME: &str = "flatten";

/// The same values as one vector.
#[derive(Clone, Copy, Debug)]
pub struct Flatten;

impl Layer for Flatten {
    fn kind(&self) -> &'static str {
        NAME
    }

    fn out_shape(&self, inputs: &[&Shape]) -> Result<Shape, Error> {
        Ok(Shape(vec![one(NAME, inputs)?.len()]))
    }

    fn run(&self, inputs: &[&Tensor]) -> Tensor {
        let x = inputs[0];
        Tensor { batch: x.batch, shape: Shape(vec![x.shape.len()]), data: x.data.clone() }
    }

    fn run_in_place(&self, first: Tensor, _others: &[&Tensor]) -> Result<Tensor, Tensor> {
        let shape = Shape(vec![first.shape.len()]);
        Ok(Tensor { shape, ..first })
    }

    fn backward(&self, inputs: &[&Tensor], _output: &Tensor, gradient: &Tensor) -> Option<Gradients> {
        let x = inputs[0];
        let dx = Tensor { batch: x.batch, shape: x.shape.clone(), data: gradient.data.clone() };
        Some(Gradients { inputs: vec![dx], parameters: Vec::new() })
    }
}
