//! Batch normalisation with stored statistics: folded into the layer before it where that is possible.

use super::{Description, Example, FromOnnx, Gradients, Layer, LayerKind, one};
use crate::read::Operator;
use crate::{Error, Shape, Tensor};

pub(super) const KIND: LayerKind = LayerKind {
    name: NAME,
    summary: "batch normalisation with stored mean and variance",
    onnx_ops: &["BatchNormalization"],
    from_toml: |s| {
        let channels = one(NAME, s.inputs())?.0.first().copied().unwrap_or(0);
        let weight = s.tensor("weight", &[channels])?;
        let bias = s.tensor("bias", &[channels])?;
        let mean = s.tensor("mean", &[channels])?;
        let variance = s.tensor("variance", &[channels])?;
        Ok(Box::new(BatchNorm::new(weight, bias, mean, variance, s.number("epsilon")?)?))
    },
    from_onnx,
    example: || {
        let (weight, bias) = (vec![1.5, -0.5], vec![0.1, 0.2]);
        Example::of(BatchNorm::new(weight, bias, vec![0.3, -0.1], vec![0.5, 2.0], 1e-5), &[&[2, 3, 2]])
    },
};

const NAME: &str = "batch_norm";

/// `weight · (x - mean) / sqrt(variance + epsilon) + bias`, one of each a channel. Training moves
/// weight and bias; mean and variance stay as stored.
#[derive(Clone, Debug)]
pub struct BatchNorm {
    weight: Vec<f32>,
    bias: Vec<f32>,
    mean: Vec<f32>,
    variance: Vec<f32>,
    epsilon: f32,
}

impl BatchNorm {
    /// A normalisation from its stored values, one a channel each.
    ///
    /// # Errors
    /// The lists differ in length, or `variance + epsilon` is not positive.
    pub fn new(
        weight: Vec<f32>,
        bias: Vec<f32>,
        mean: Vec<f32>,
        variance: Vec<f32>,
        epsilon: f32,
    ) -> Result<Self, Error> {
        let lengths = [weight.len(), bias.len(), mean.len(), variance.len()];
        if weight.is_empty() || lengths.iter().any(|&n| n != weight.len()) {
            let problem = format!("weight, bias, mean and variance must be of one length, got {lengths:?}");
            return Err(Error::shape(NAME, problem));
        }
        if let Some(i) = variance.iter().position(|&v| (v + epsilon).is_nan() || v + epsilon <= 0.0) {
            let problem = format!("variance[{i}] + epsilon must be above 0, got {} + {epsilon}", variance[i]);
            return Err(Error::shape(NAME, problem));
        }
        Ok(Self { weight, bias, mean, variance, epsilon })
    }

    /// `1 / sqrt(variance + epsilon)` of a channel.
    fn inverse_deviation(&self, channel: usize) -> f64 {
        1.0 / (f64::from(self.variance[channel]) + f64::from(self.epsilon)).sqrt()
    }

    /// The pair (factor, shift) of a channel.
    fn affine(&self, channel: usize) -> (f64, f64) {
        let factor = f64::from(self.weight[channel]) * self.inverse_deviation(channel);
        (factor, f64::from(self.bias[channel]) - factor * f64::from(self.mean[channel]))
    }

    fn apply(&self, mut y: Tensor) -> Tensor {
        let channels = self.weight.len();
        for (i, plane) in y.data.chunks_exact_mut(y.shape.len() / channels).enumerate() {
            let (factor, shift) = self.affine(i % channels);
            let (factor, shift) = (factor as f32, shift as f32);
            plane.iter_mut().for_each(|v| *v = *v * factor + shift);
        }
        y
    }
}

impl Layer for BatchNorm {
    fn kind(&self) -> &'static str {
        NAME
    }

    fn out_shape(&self, inputs: &[&Shape]) -> Result<Shape, Error> {
        let shape = one(NAME, inputs)?;
        if shape.0.first() != Some(&self.weight.len()) {
            return Err(Error::shape(NAME, format!("has {} channels, got {shape}", self.weight.len())));
        }
        Ok(shape.clone())
    }

    fn run(&self, inputs: &[&Tensor]) -> Tensor {
        self.apply(inputs[0].clone())
    }

    fn run_in_place(&self, first: Tensor, _others: &[&Tensor]) -> Result<Tensor, Tensor> {
        Ok(self.apply(first))
    }

    fn parameters(&self) -> Vec<(&'static str, &[f32])> {
        vec![("weight", &self.weight), ("bias", &self.bias)]
    }

    fn parameters_mut(&mut self) -> Vec<(&'static str, &mut [f32])> {
        vec![("weight", &mut self.weight), ("bias", &mut self.bias)]
    }

    fn backward(&self, inputs: &[&Tensor], _output: &Tensor, gradient: &Tensor) -> Option<Gradients> {
        let x = inputs[0];
        let channels = self.weight.len();
        let plane = x.shape.len() / channels;
        let mut dx = gradient.clone();
        let (mut dw, mut db) = (vec![0.0; channels], vec![0.0; channels]);
        for (i, (g, x)) in dx.data.chunks_exact_mut(plane).zip(x.data.chunks_exact(plane)).enumerate() {
            let c = i % channels;
            let (inverse, mean) = (self.inverse_deviation(c) as f32, self.mean[c]);
            db[c] += g.iter().sum::<f32>();
            dw[c] += g.iter().zip(x).map(|(g, x)| g * (x - mean)).sum::<f32>() * inverse;
            let factor = self.affine(c).0 as f32;
            g.iter_mut().for_each(|g| *g *= factor);
        }
        Some(Gradients { inputs: vec![dx], parameters: vec![dw, db] })
    }

    fn describe(&self) -> Description<'_> {
        let n = [self.weight.len()];
        Description::default()
            .with("epsilon", f64::from(self.epsilon))
            .tensor("weight", &n, &self.weight)
            .tensor("bias", &n, &self.bias)
            .tensor("mean", &n, &self.mean)
            .tensor("variance", &n, &self.variance)
    }

    fn channel_affine(&self) -> Option<(Vec<f64>, Vec<f64>)> {
        Some((0..self.weight.len()).map(|c| self.affine(c)).unzip())
    }
}

fn from_onnx(op: &Operator<'_>) -> FromOnnx {
    op.activation(0)?;
    if op.int("training_mode", 0)? != 0 || op.int("spatial", 1)? != 1 {
        return Err(op.problem("only the form with stored statistics, one a channel, is read"));
    }
    op.ignore(&["momentum", "is_test"]);
    let list = |i| op.floats(i).map(|(_, v)| v.to_vec());
    let layer = BatchNorm::new(list(1)?, list(2)?, list(3)?, list(4)?, op.float("epsilon", 1e-5)?)?;
    Ok(Some(Box::new(layer)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worked_by_hand() {
        // 2 (5 - 1) / sqrt(3.5 + 0.5) + 10 = 14
        let layer = BatchNorm::new(vec![2.0], vec![10.0], vec![1.0], vec![3.5], 0.5).unwrap();
        assert_eq!(layer.run(&[&Tensor::new(1, Shape(vec![1]), vec![5.0])]).data, [14.0]);
        assert!(BatchNorm::new(vec![1.0], vec![0.0], vec![0.0], vec![-1.0], 0.5).is_err());
        assert!(BatchNorm::new(vec![1.0], vec![0.0], vec![0.0], vec![f32::NAN], 0.5).is_err());
        assert!(BatchNorm::new(vec![1.0], vec![0.0], vec![0.0], vec![1.0], f32::NAN).is_err());
    }
}
