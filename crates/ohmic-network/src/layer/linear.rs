//! The fully connected layer: `y = W x + bias`.

use super::{Description, Example, FromOnnx, Gradients, Layer, LayerKind, Mvm, one};
use crate::gather::Gather;
use crate::read::Operator;
use crate::{Error, Shape, Tensor};
use ohmic_numerics::kernel::{Op, dots_f32, gemm_f32};

pub(super) const KIND: LayerKind = LayerKind {
    name: NAME,
    summary: "fully connected: y = W x + bias",
    onnx_ops: &["Gemm", "MatMul"],
    from_toml: |s| {
        let inputs = one(NAME, s.inputs())?.len();
        let outputs = s.count("outputs")?;
        let weights = s.tensor("weight", &[outputs, inputs])?;
        let bias = s.optional_tensor("bias", &[outputs])?.unwrap_or_default();
        Ok(Box::new(Linear::new(inputs, outputs, weights, bias)?))
    },
    from_onnx,
    example: || {
        let weights = (0..15).map(|i| (i * 7 % 15) as f32 / 10.0 - 0.7).collect();
        Example::of(Linear::new(5, 3, weights, vec![0.1, -0.2, 0.3]), &[&[5]])
    },
};

const NAME: &str = "linear";

/// Samples that one product takes at a time. Fixed, and the last group filled up with zeros, so that
/// a sample's result does not depend on the batch it came in.
const GROUP: usize = 32;

/// Weights from which on they are read as they are stored: to pack them would take longer than the product.
const LARGE: usize = 1 << 17;

/// The fully connected layer.
#[derive(Clone, Debug)]
pub struct Linear {
    inputs: usize,
    outputs: usize,
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl Linear {
    /// A layer from its weights `outputs × inputs` and its bias (one an output, or empty).
    ///
    /// # Errors
    /// A count is 0 or does not fit the number of values.
    pub fn new(inputs: usize, outputs: usize, weights: Vec<f32>, bias: Vec<f32>) -> Result<Self, Error> {
        if inputs == 0 || outputs == 0 || inputs.checked_mul(outputs) != Some(weights.len()) {
            let got = weights.len();
            return Err(Error::shape(NAME, format!("weight needs {outputs} x {inputs} values, got {got}")));
        }
        if !bias.is_empty() && bias.len() != outputs {
            let got = bias.len();
            return Err(Error::shape(NAME, format!("bias needs {outputs} values, one an output, got {got}")));
        }
        Ok(Self { inputs, outputs, weights, bias })
    }
}

impl Layer for Linear {
    fn kind(&self) -> &'static str {
        NAME
    }

    fn out_shape(&self, inputs: &[&Shape]) -> Result<Shape, Error> {
        let shape = one(NAME, inputs)?;
        if shape.0 != [self.inputs] {
            let hint = if shape.len() == self.inputs { "; put a `flatten` before it" } else { "" };
            let wanted = self.inputs;
            return Err(Error::shape(NAME, format!("needs {wanted} inputs, got {shape}{hint}")));
        }
        Ok(Shape(vec![self.outputs]))
    }

    fn mvm(&self) -> Option<Mvm<'_>> {
        Some(Mvm {
            weights: &self.weights,
            outputs: self.outputs,
            bias: &self.bias,
            gather: Gather::Vector { len: self.inputs },
        })
    }

    fn run(&self, inputs: &[&Tensor]) -> Tensor {
        let x = inputs[0];
        let (n, k) = (self.outputs, self.inputs);
        let mut y = Tensor::zeros(x.batch, Shape(vec![n]));
        if n * k >= LARGE {
            dots_f32(&x.data, &self.weights, &self.bias, k, &mut y.data);
            return y;
        }
        let mut spare = (Vec::new(), Vec::new());
        for first in (0..x.batch).step_by(GROUP) {
            let count = GROUP.min(x.batch - first);
            let source = &x.data[first * k..][..count * k];
            let target = &mut y.data[first * n..][..count * n];
            let weights = (&self.weights[..], Op::Transposed);
            if count == GROUP {
                gemm_f32([GROUP, n, k], (source, Op::Plain), weights, 0.0, target);
            } else {
                spare.0.resize(GROUP * k, 0.0);
                spare.1.resize(GROUP * n, 0.0);
                spare.0[..count * k].copy_from_slice(source);
                gemm_f32([GROUP, n, k], (&spare.0, Op::Plain), weights, 0.0, &mut spare.1);
                target.copy_from_slice(&spare.1[..count * n]);
            }
        }
        if !self.bias.is_empty() {
            for row in y.data.chunks_exact_mut(n) {
                row.iter_mut().zip(&self.bias).for_each(|(v, b)| *v += b);
            }
        }
        y
    }

    fn parameters(&self) -> Vec<(&'static str, &[f32])> {
        let mut list = vec![("weight", &self.weights[..])];
        if !self.bias.is_empty() {
            list.push(("bias", &self.bias));
        }
        list
    }

    fn parameters_mut(&mut self) -> Vec<(&'static str, &mut [f32])> {
        let mut list = vec![("weight", &mut self.weights[..])];
        if !self.bias.is_empty() {
            list.push(("bias", &mut self.bias));
        }
        list
    }

    fn backward(&self, inputs: &[&Tensor], _output: &Tensor, gradient: &Tensor) -> Option<Gradients> {
        let x = inputs[0];
        let (b, n, k) = (x.batch, self.outputs, self.inputs);
        let dy = &gradient.data;
        let mut dw = vec![0.0; n * k];
        gemm_f32([n, k, b], (dy, Op::Transposed), (&x.data, Op::Plain), 0.0, &mut dw);
        let mut dx = Tensor::zeros(b, x.shape.clone());
        gemm_f32([b, k, n], (dy, Op::Plain), (&self.weights, Op::Plain), 0.0, &mut dx.data);
        let mut parameters = vec![dw];
        if !self.bias.is_empty() {
            let mut db = vec![0.0; n];
            for row in dy.chunks_exact(n) {
                db.iter_mut().zip(row).for_each(|(d, g)| *d += g);
            }
            parameters.push(db);
        }
        Some(Gradients { inputs: vec![dx], parameters })
    }

    fn describe(&self) -> Description<'_> {
        let d = Description::default().with("outputs", self.outputs as i64).tensor(
            "weight",
            &[self.outputs, self.inputs],
            &self.weights,
        );
        if self.bias.is_empty() { d } else { d.tensor("bias", &[self.outputs], &self.bias) }
    }

    fn with_affine(&self, factor: &[f64], shift: &[f64]) -> Option<Box<dyn Layer>> {
        let (weights, bias) = super::conv2d::fold(&self.weights, &self.bias, factor, shift);
        Linear::new(self.inputs, self.outputs, weights, bias).ok().map(|l| Box::new(l) as Box<dyn Layer>)
    }
}

fn from_onnx(op: &Operator<'_>) -> FromOnnx {
    op.activation(0)?;
    if op.is_activation(1) {
        return Err(op.problem("multiplies two activations; only products with stored weights are read"));
    }
    let (dims, values) = op.floats(1)?;
    let &[rows, cols] = dims else {
        return Err(op.problem(format!("its weights have {} dimensions, 2 are needed", dims.len())));
    };
    let gemm = op.op() == "Gemm";
    if gemm && op.int("transA", 0)? != 0 {
        return Err(op.problem("transA = 1 would mix the samples of a batch"));
    }
    let output_major = gemm && op.int("transB", 0)? != 0;
    let (alpha, beta) = if gemm { (op.float("alpha", 1.0)?, op.float("beta", 1.0)?) } else { (1.0, 1.0) };
    let (outputs, inputs) = if output_major { (rows, cols) } else { (cols, rows) };
    let mut weights = vec![0.0; values.len()];
    for o in 0..outputs {
        for i in 0..inputs {
            let v = if output_major { values[o * inputs + i] } else { values[i * outputs + o] };
            weights[o * inputs + i] = alpha * v;
        }
    }
    let bias = match op.optional_floats(2)? {
        None => Vec::new(),
        Some((_, [one])) => vec![beta * one; outputs],
        Some((_, values)) => values.iter().map(|v| beta * v).collect(),
    };
    Ok(Some(Box::new(Linear::new(inputs, outputs, weights, bias)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worked_by_hand() {
        // [1 2; 3 4; 5 6] (1, 10) + (0.5, 0, -1) = (21.5, 43, 64)
        let layer = Linear::new(2, 3, vec![1., 2., 3., 4., 5., 6.], vec![0.5, 0., -1.]).unwrap();
        let y = layer.run(&[&Tensor::new(1, Shape(vec![2]), vec![1., 10.])]);
        assert_eq!(y.data, [21.5, 43.0, 64.0]);
    }

    #[test]
    fn a_sample_does_not_depend_on_its_batch() {
        let weights: Vec<f32> = (0..700 * 10).map(|i| (i % 97) as f32 * 0.013 - 0.6).collect();
        let layer = Linear::new(700, 10, weights, vec![]).unwrap();
        let data: Vec<f32> = (0..70 * 700).map(|i| (i % 89) as f32 * 0.017).collect();
        let all = layer.run(&[&Tensor::new(70, Shape(vec![700]), data.clone())]);
        for i in [0, 31, 32, 69] {
            let one = Tensor::new(1, Shape(vec![700]), data[i * 700..][..700].to_vec());
            let y = layer.run(&[&one]);
            assert!(y.data.iter().zip(all.sample(i)).all(|(a, b)| a.to_bits() == b.to_bits()), "sample {i}");
        }
    }

    #[test]
    fn wrong_shapes_are_refused() {
        assert!(Linear::new(2, 2, vec![0.0; 3], vec![]).is_err());
        assert!(Linear::new(2, 2, vec![0.0; 4], vec![0.0]).is_err());
        let layer = Linear::new(4, 1, vec![0.0; 4], vec![]).unwrap();
        let e = layer.out_shape(&[&Shape(vec![1, 2, 2])]).unwrap_err().in_layer("fc").to_string();
        assert_eq!(e, "layer `fc` (linear): needs 4 inputs, got 1x2x2; put a `flatten` before it");
    }
}
