//! The sum of several results: a residual connection.

use super::{Example, Gradients, Layer, LayerKind};
use crate::{Error, Shape, Tensor};

pub(super) const KIND: LayerKind = LayerKind {
    name: NAME,
    summary: "sum of several results of one shape",
    onnx_ops: &["Add", "Sum"],
    from_toml: |_| Ok(Box::new(Add)),
    from_onnx: |op| {
        for i in 0..op.inputs() {
            op.activation(i)?;
        }
        Ok(Some(Box::new(Add)))
    },
    example: || Example::of(Ok(Add), &[&[2, 3], &[2, 3]]),
};

const NAME: &str = "add";

/// The sum of its inputs.
#[derive(Clone, Copy, Debug)]
pub struct Add;

impl Layer for Add {
    fn kind(&self) -> &'static str {
        NAME
    }

    fn out_shape(&self, inputs: &[&Shape]) -> Result<Shape, Error> {
        let [first, rest @ ..] = inputs else {
            return Err(Error::shape(NAME, "takes at least two inputs, got none"));
        };
        if rest.is_empty() {
            return Err(Error::shape(NAME, "takes at least two inputs, got one"));
        }
        match rest.iter().find(|s| *s != first) {
            Some(other) => {
                Err(Error::shape(NAME, format!("inputs must be of one shape, got {first} and {other}")))
            }
            None => Ok((*first).clone()),
        }
    }

    fn run(&self, inputs: &[&Tensor]) -> Tensor {
        let mut y = inputs[0].clone();
        for x in &inputs[1..] {
            y.data.iter_mut().zip(&x.data).for_each(|(y, x)| *y += x);
        }
        y
    }

    fn run_in_place(&self, mut first: Tensor, others: &[&Tensor]) -> Result<Tensor, Tensor> {
        for x in others {
            first.data.iter_mut().zip(&x.data).for_each(|(y, x)| *y += x);
        }
        Ok(first)
    }

    fn backward(&self, inputs: &[&Tensor], _output: &Tensor, gradient: &Tensor) -> Option<Gradients> {
        Some(Gradients { inputs: vec![gradient.clone(); inputs.len()], parameters: Vec::new() })
    }
}
