//! The mean of each channel.

use super::{Description, Example, FromOnnx, Gradients, Layer, LayerKind, maps, one};
use crate::read::Operator;
use crate::{Error, Shape, Tensor};

pub(super) const KIND: LayerKind = LayerKind {
    name: NAME,
    summary: "mean of each channel",
    onnx_ops: &["GlobalAveragePool", "ReduceMean"],
    from_toml: |s| {
        let shape = match s.choice_or("result", &["vector", "maps"], "vector")? {
            "maps" => PooledShape::Maps,
            _ => PooledShape::Vector,
        };
        Ok(Box::new(GlobalAveragePool::new(shape)))
    },
    from_onnx,
    example: || Example::of(Ok(GlobalAveragePool::new(PooledShape::Vector)), &[&[3, 4, 2]]),
};

const NAME: &str = "global_average_pool";

/// Shape of the result of a global pooling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PooledShape {
    /// `[channels]`.
    Vector,
    /// `[channels, 1, 1]`.
    Maps,
}

/// The mean of each channel.
#[derive(Clone, Copy, Debug)]
pub struct GlobalAveragePool {
    result: PooledShape,
}

impl GlobalAveragePool {
    /// A global pooling.
    pub fn new(result: PooledShape) -> Self {
        Self { result }
    }

    fn shape(&self, channels: usize) -> Shape {
        Shape(match self.result {
            PooledShape::Vector => vec![channels],
            PooledShape::Maps => vec![channels, 1, 1],
        })
    }
}

impl Layer for GlobalAveragePool {
    fn kind(&self) -> &'static str {
        NAME
    }

    fn out_shape(&self, inputs: &[&Shape]) -> Result<Shape, Error> {
        let (channels, _) = maps(NAME, one(NAME, inputs)?)?;
        Ok(self.shape(channels))
    }

    fn run(&self, inputs: &[&Tensor]) -> Tensor {
        let x = inputs[0];
        let plane = x.shape.0[1] * x.shape.0[2];
        let mean = |p: &[f32]| p.iter().sum::<f32>() / plane as f32;
        Tensor {
            batch: x.batch,
            shape: self.shape(x.shape.0[0]),
            data: x.data.chunks_exact(plane).map(mean).collect(),
        }
    }

    fn backward(&self, inputs: &[&Tensor], _output: &Tensor, gradient: &Tensor) -> Option<Gradients> {
        let x = inputs[0];
        let plane = x.shape.0[1] * x.shape.0[2];
        let mut dx = Tensor::zeros(x.batch, x.shape.clone());
        for (values, g) in dx.data.chunks_exact_mut(plane).zip(&gradient.data) {
            values.fill(g / plane as f32);
        }
        Some(Gradients { inputs: vec![dx], parameters: Vec::new() })
    }

    fn describe(&self) -> Description<'_> {
        let result = match self.result {
            PooledShape::Vector => "vector",
            PooledShape::Maps => "maps",
        };
        Description::default().with("result", result)
    }
}

/// `ReduceMean` is this layer where it runs over rows and columns.
fn from_onnx(op: &Operator<'_>) -> FromOnnx {
    maps(NAME, op.activation(0)?)?;
    if op.op() == "GlobalAveragePool" {
        return Ok(Some(Box::new(GlobalAveragePool::new(PooledShape::Maps))));
    }
    let mut axes = op.axes(1)?.unwrap_or_default();
    axes.sort_unstable();
    if axes != [2, 3] {
        return Err(op.problem(format!("axes {axes:?}: the mean over rows and columns (2, 3) is read")));
    }
    let keep = op.int("keepdims", 1)? != 0;
    op.ignore(&["noop_with_empty_axes"]);
    Ok(Some(Box::new(GlobalAveragePool::new(if keep { PooledShape::Maps } else { PooledShape::Vector }))))
}
