//! The same values in another shape.

use super::{Description, Example, FromOnnx, Gradients, Layer, LayerKind, one};
use crate::read::Operator;
use crate::{Error, Shape, Tensor};

pub(super) const KIND: LayerKind = LayerKind {
    name: NAME,
    summary: "the same values in another shape",
    onnx_ops: &["Reshape", "Squeeze"],
    from_toml: |s| Ok(Box::new(Reshape::new(s.counts("shape")?)?)),
    from_onnx,
    example: || Example::of(Reshape::new(vec![3, 4]), &[&[2, 3, 2]]),
};

const NAME: &str = "reshape";

/// The same values in another shape (of one sample).
#[derive(Clone, Debug)]
pub struct Reshape {
    shape: Shape,
}

impl Reshape {
    /// A reshape to this shape of one sample.
    ///
    /// # Errors
    /// The shape holds no value.
    pub fn new(shape: Vec<usize>) -> Result<Self, Error> {
        let shape = Shape(shape);
        if shape.0.is_empty() || shape.checked_len().is_none_or(|n| n == 0) {
            return Err(Error::shape(NAME, format!("shape must hold at least one value, got {shape}")));
        }
        Ok(Self { shape })
    }
}

impl Layer for Reshape {
    fn kind(&self) -> &'static str {
        NAME
    }

    fn out_shape(&self, inputs: &[&Shape]) -> Result<Shape, Error> {
        let shape = one(NAME, inputs)?;
        if shape.len() != self.shape.len() {
            let (to, n, m) = (&self.shape, self.shape.len(), shape.len());
            return Err(Error::shape(NAME, format!("{shape} holds {m} values, {to} holds {n}")));
        }
        Ok(self.shape.clone())
    }

    fn run(&self, inputs: &[&Tensor]) -> Tensor {
        Tensor { batch: inputs[0].batch, shape: self.shape.clone(), data: inputs[0].data.clone() }
    }

    fn run_in_place(&self, first: Tensor, _others: &[&Tensor]) -> Result<Tensor, Tensor> {
        Ok(Tensor { shape: self.shape.clone(), ..first })
    }

    fn backward(&self, inputs: &[&Tensor], _output: &Tensor, gradient: &Tensor) -> Option<Gradients> {
        let x = inputs[0];
        let dx = Tensor { batch: x.batch, shape: x.shape.clone(), data: gradient.data.clone() };
        Some(Gradients { inputs: vec![dx], parameters: Vec::new() })
    }

    fn describe(&self) -> Description<'_> {
        Description::default().with_counts("shape", &self.shape.0)
    }
}

/// The first axis of an ONNX shape is the batch and has to stay it.
fn from_onnx(op: &Operator<'_>) -> FromOnnx {
    let input = op.activation(0)?;
    if op.op() == "Squeeze" {
        let axes = op.axes(1)?.ok_or_else(|| op.problem("without axes the batch could be squeezed away"))?;
        let mut kept = Vec::new();
        for (i, &d) in input.0.iter().enumerate() {
            match (axes.contains(&(i + 1)), d) {
                (true, 1) => {}
                (true, _) => return Err(op.problem(format!("axis {} has {d} values, not 1", i + 1))),
                (false, _) => kept.push(d),
            }
        }
        if axes.contains(&0) {
            return Err(op.problem("axis 0 is the batch"));
        }
        return Ok(Some(Box::new(Reshape::new(kept)?)));
    }
    op.ignore(&["allowzero"]);
    let target = op.integers_or_attribute(1, "shape")?;
    let refuse = |why: &str| op.problem(format!("cannot reshape a batch of {input} to {target:?}: {why}"));
    let Some((&batch, rest)) = target.split_first() else {
        return Err(refuse("the batch axis is lost"));
    };
    if rest.is_empty() {
        return Err(refuse("the batch axis is lost"));
    }
    let mut shape = Vec::with_capacity(rest.len());
    let mut free = None;
    for (i, &d) in rest.iter().enumerate() {
        shape.push(match d {
            -1 if free.is_none() && batch != -1 => {
                free = Some(i);
                1
            }
            0 if i < input.0.len() => input.0[i],
            d if d > 0 => usize::try_from(d).map_err(|_| refuse("too large"))?,
            _ => return Err(refuse("at most one axis can be left open")),
        });
    }
    let known = Shape(shape.clone()).checked_len().filter(|&n| n > 0).ok_or_else(|| refuse("too large"))?;
    if let Some(free) = free {
        shape[free] = input.len() / known;
    }
    if Shape(shape.clone()).len() != input.len() {
        return Err(refuse("a sample would not stay a sample"));
    }
    Ok(Some(Box::new(Reshape::new(shape)?)))
}
