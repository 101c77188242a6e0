//! `y = factor · x + shift` with constants: what input normalisation and arithmetic with constants become.

use super::{Description, Example, FromOnnx, Gradients, Layer, LayerKind, one};
use crate::read::Operator;
use crate::{Error, Shape, Tensor};

pub(super) const KIND: LayerKind = LayerKind {
    name: NAME,
    summary: "y = factor x + shift, constants for all values or one a channel",
    onnx_ops: &["Add", "Sub", "Mul", "Div"],
    from_toml: |s| {
        let channels = one(NAME, s.inputs())?.0.first().copied().unwrap_or(1);
        let factor = s.numbers("factor", channels)?;
        let shift = s.numbers("shift", channels)?;
        Ok(Box::new(Scale::new(factor, shift)?))
    },
    from_onnx,
    example: || Example::of(Scale::new(vec![0.5, -2.0], vec![0.25]), &[&[2, 3, 2]]),
};

const NAME: &str = "scale";

/// `y = factor · x + shift`; training does not move the constants.
#[derive(Clone, Debug)]
pub struct Scale {
    factor: Vec<f32>,
    shift: Vec<f32>,
}

impl Scale {
    /// A scale from one factor and one shift, or one a channel.
    ///
    /// # Errors
    /// A list is empty or the two do not fit each other.
    pub fn new(factor: Vec<f32>, shift: Vec<f32>) -> Result<Self, Error> {
        let (f, s) = (factor.len(), shift.len());
        if f == 0 || s == 0 || (f != s && f != 1 && s != 1) {
            let problem = format!("needs one value or one a channel, got {f} factors and {s} shifts");
            return Err(Error::shape(NAME, problem));
        }
        Ok(Self { factor, shift })
    }

    fn at(values: &[f32], channel: usize) -> f32 {
        if values.len() == 1 { values[0] } else { values[channel] }
    }

    fn map(&self, x: &Tensor, f: impl Fn(f32, f32, f32) -> f32) -> Tensor {
        let channels = x.shape.0.first().copied().unwrap_or(1);
        let plane = x.shape.len() / channels;
        let mut y = x.clone();
        for (i, values) in y.data.chunks_exact_mut(plane).enumerate() {
            let channel = i % channels;
            let (a, b) = (Self::at(&self.factor, channel), Self::at(&self.shift, channel));
            values.iter_mut().for_each(|v| *v = f(*v, a, b));
        }
        y
    }
}

impl Layer for Scale {
    fn kind(&self) -> &'static str {
        NAME
    }

    fn out_shape(&self, inputs: &[&Shape]) -> Result<Shape, Error> {
        let shape = one(NAME, inputs)?;
        let channels = shape.0.first().copied().unwrap_or(0);
        let constants = self.factor.len().max(self.shift.len());
        if constants != 1 && constants != channels {
            return Err(Error::shape(NAME, format!("has constants for {constants} channels, got {shape}")));
        }
        Ok(shape.clone())
    }

    fn run(&self, inputs: &[&Tensor]) -> Tensor {
        self.map(inputs[0], |v, a, b| v * a + b)
    }

    fn backward(&self, _inputs: &[&Tensor], _output: &Tensor, gradient: &Tensor) -> Option<Gradients> {
        let dx = self.map(gradient, |g, a, _| g * a);
        Some(Gradients { inputs: vec![dx], parameters: Vec::new() })
    }

    fn describe(&self) -> Description<'_> {
        Description::default().tensor("factor", &[self.factor.len()], &self.factor).tensor(
            "shift",
            &[self.shift.len()],
            &self.shift,
        )
    }

    fn channel_affine(&self) -> Option<(Vec<f64>, Vec<f64>)> {
        let wide = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect();
        Some((wide(&self.factor), wide(&self.shift)))
    }
}

/// Arithmetic of an activation with a constant that is one number or one a channel.
fn from_onnx(op: &Operator<'_>) -> FromOnnx {
    if op.is_activation(0) && op.is_activation(1) {
        return match op.op() {
            "Add" => Ok(None),
            other => Err(op.problem(format!("{other} of two activations is not read"))),
        };
    }
    if op.opset() < 7 {
        op.ignore(&["broadcast", "axis"]);
    }
    let (activation, constant) = if op.is_activation(0) { (0, 1) } else { (1, 0) };
    let shape = op.activation(activation)?;
    let (dims, values) = op.floats(constant)?;
    // the constant is aligned with the last axes of [batch, channels, ...]; all but channels must be 1
    let rank = shape.0.len() + 1;
    let channel_axis = dims.len().checked_sub(rank - 1);
    let per_channel = dims.len() <= rank
        && dims.iter().enumerate().all(|(axis, &d)| d == 1 || Some(axis) == channel_axis)
        && (values.len() == 1 || shape.0.first() == Some(&values.len()));
    if !per_channel {
        return Err(op.problem(format!(
            "a constant of {dims:?} with {shape} a sample: one value or one a channel is read"
        )));
    }
    let (factor, shift) = match (op.op(), activation) {
        ("Add", _) => (vec![1.0], values.to_vec()),
        ("Sub", 0) => (vec![1.0], values.iter().map(|v| -v).collect()),
        ("Sub", _) => (vec![-1.0], values.to_vec()),
        ("Mul", _) => (values.to_vec(), vec![0.0]),
        ("Div", 0) => (values.iter().map(|v| 1.0 / v).collect(), vec![0.0]),
        _ => return Err(op.problem("a constant divided by an activation is not read")),
    };
    Ok(Some(Box::new(Scale::new(factor, shift)?)))
}
