//! Scores turned into probabilities.

use super::{Example, FromOnnx, Gradients, Layer, LayerKind, one};
use crate::read::Operator;
use crate::{Error, Shape, Tensor};

pub(super) const KIND: LayerKind = LayerKind {
    name: NAME,
    summary: "scores turned into probabilities over a vector",
    onnx_ops: &["Softmax"],
    from_toml: |_| Ok(Box::new(Softmax)),
    from_onnx,
    example: || Example::of(Ok(Softmax), &[&[5]]),
};

const NAME: &str = "softmax";

/// `exp(x_i) / sum_j exp(x_j)` over a vector.
#[derive(Clone, Copy, Debug)]
pub struct Softmax;

impl Layer for Softmax {
    fn kind(&self) -> &'static str {
        NAME
    }

    fn out_shape(&self, inputs: &[&Shape]) -> Result<Shape, Error> {
        let shape = one(NAME, inputs)?;
        if shape.0.len() != 1 {
            return Err(Error::shape(
                NAME,
                format!("needs a vector, got {shape}; put a `flatten` before it"),
            ));
        }
        Ok(shape.clone())
    }

    fn run(&self, inputs: &[&Tensor]) -> Tensor {
        let mut y = inputs[0].clone();
        for row in y.data.chunks_exact_mut(y.shape.len()) {
            // the largest score is taken off first, so that no exponential overflows
            let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let mut sum = 0.0;
            for v in row.iter_mut() {
                *v = libm::expf(*v - top);
                sum += *v;
            }
            row.iter_mut().for_each(|v| *v /= sum);
        }
        y
    }

    fn backward(&self, _inputs: &[&Tensor], output: &Tensor, gradient: &Tensor) -> Option<Gradients> {
        // dx_i = y_i (g_i - sum_j g_j y_j)
        let mut dx = gradient.clone();
        let n = output.shape.len();
        for (row, y) in dx.data.chunks_exact_mut(n).zip(output.data.chunks_exact(n)) {
            let dot: f32 = row.iter().zip(y).map(|(g, y)| g * y).sum();
            row.iter_mut().zip(y).for_each(|(g, y)| *g = y * (*g - dot));
        }
        Some(Gradients { inputs: vec![dx], parameters: Vec::new() })
    }
}

fn from_onnx(op: &Operator<'_>) -> FromOnnx {
    let shape = op.activation(0)?;
    let axis = op.int("axis", if op.opset() < 13 { 1 } else { -1 })?;
    if shape.0.len() != 1 || !(axis == 1 || axis == -1) {
        return Err(op.problem(format!("axis {axis} of {shape} a sample: only vectors of scores are read")));
    }
    Ok(Some(Box::new(Softmax)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worked_by_hand() {
        // exp(0) : exp(ln 3) = 1 : 3, whatever is added to both; large scores do not overflow
        let x = Tensor::new(2, Shape(vec![2]), vec![0.0, 3f32.ln(), 1000.0, 1000.0 + 3f32.ln()]);
        let y = Softmax.run(&[&x]).data;
        for (y, want) in y.iter().zip([0.25, 0.75, 0.25, 0.75]) {
            assert!((y - want).abs() < 2e-5, "{y} {want}");
        }
    }
}
