//! Several results one after the other along an axis.

use super::{Description, Example, Gradients, Layer, LayerKind};
use crate::{Error, Shape, Tensor};

pub(super) const KIND: LayerKind = LayerKind {
    name: NAME,
    summary: "several results one after the other along an axis of the sample",
    onnx_ops: &["Concat"],
    from_toml: |s| Ok(Box::new(Concat::new(s.index_or("axis", 0)?))),
    from_onnx: |op| {
        for i in 0..op.inputs() {
            op.activation(i)?;
        }
        let rank = op.activation(0)?.0.len() as i64 + 1;
        let axis = op.int("axis", 1)?;
        match if axis < 0 { axis + rank } else { axis } {
            a if a >= 1 && a < rank => Ok(Some(Box::new(Concat::new(a as usize - 1)))),
            _ => Err(op.problem(format!("axis {axis}: samples of a batch cannot be joined"))),
        }
    },
    example: || Example::of(Ok(Concat::new(1)), &[&[2, 3, 2], &[2, 1, 2]]),
};

const NAME: &str = "concat";

/// Its inputs one after the other along an axis of the sample (0: channels).
#[derive(Clone, Copy, Debug)]
pub struct Concat {
    axis: usize,
}

impl Concat {
    /// A concatenation along this axis of the sample.
    pub fn new(axis: usize) -> Self {
        Self { axis }
    }

    /// Number of pieces before the axis, and values of one piece, of one sample.
    fn pieces(&self, shape: &Shape) -> (usize, usize) {
        (shape.0[..self.axis].iter().product(), shape.0[self.axis..].iter().product())
    }
}

impl Layer for Concat {
    fn kind(&self) -> &'static str {
        NAME
    }

    fn out_shape(&self, inputs: &[&Shape]) -> Result<Shape, Error> {
        let Some(first) = inputs.first() else {
            return Err(Error::shape(NAME, "takes at least one input"));
        };
        if self.axis >= first.0.len() {
            return Err(Error::shape(NAME, format!("axis {} of {first} does not exist", self.axis)));
        }
        let mut shape = (*first).clone();
        for other in &inputs[1..] {
            let fits = other.0.len() == shape.0.len()
                && other.0.iter().zip(&shape.0).enumerate().all(|(i, (a, b))| i == self.axis || a == b);
            if !fits {
                let axis = self.axis;
                return Err(Error::shape(NAME, format!("{first} and {other} differ beside axis {axis}")));
            }
            shape.0[self.axis] = shape.0[self.axis].saturating_add(other.0[self.axis]);
        }
        Ok(shape)
    }

    fn joins(&self) -> Option<usize> {
        Some(self.axis)
    }

    fn run(&self, inputs: &[&Tensor]) -> Tensor {
        let mut shape = inputs[0].shape.clone();
        shape.0[self.axis] = inputs.iter().map(|x| x.shape.0[self.axis]).sum();
        let batch = inputs[0].batch;
        let mut data = Vec::with_capacity(batch * shape.len());
        let pieces = self.pieces(&shape).0;
        for piece in 0..batch * pieces {
            for x in inputs {
                let len = self.pieces(&x.shape).1;
                data.extend_from_slice(&x.data[piece * len..][..len]);
            }
        }
        Tensor { batch, shape, data }
    }

    fn backward(&self, inputs: &[&Tensor], output: &Tensor, gradient: &Tensor) -> Option<Gradients> {
        let (pieces, whole) = self.pieces(&output.shape);
        let mut start = 0;
        let mut gradients = Vec::with_capacity(inputs.len());
        for x in inputs {
            let len = self.pieces(&x.shape).1;
            let mut data = Vec::with_capacity(x.data.len());
            for piece in 0..x.batch * pieces {
                data.extend_from_slice(&gradient.data[piece * whole + start..][..len]);
            }
            gradients.push(Tensor { batch: x.batch, shape: x.shape.clone(), data });
            start += len;
        }
        Some(Gradients { inputs: gradients, parameters: Vec::new() })
    }

    fn describe(&self) -> Description<'_> {
        Description::default().with("axis", self.axis as i64)
    }
}
