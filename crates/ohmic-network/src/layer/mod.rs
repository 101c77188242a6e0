//! The family of layers.
//!
//! To add one: 1. copy the nearest file here; 2. add `mod name;` and `&name::KIND,` below;
//! 3. run the tests: shape, gradient and crossbar laws run over the list.

use crate::gather::{Gather, Window};
use crate::read::{Operator, Section};
use crate::{Error, Shape, Tensor};
use std::fmt::Debug;

mod add;
mod average_pool;
mod batch_norm;
mod clip;
mod concat;
mod conv2d;
mod flatten;
mod global_average_pool;
mod identity;
mod leaky_relu;
mod linear;
mod max_pool;
mod pad;
mod relu;
mod reshape;
mod scale;
mod sigmoid;
mod softmax;
mod tanh;

pub use add::Add;
pub use average_pool::{AveragePool, Divisor};
pub use batch_norm::BatchNorm;
pub use clip::Clip;
pub use concat::Concat;
pub use conv2d::Conv2d;
pub use flatten::Flatten;
pub use global_average_pool::{GlobalAveragePool, PooledShape};
pub use identity::Identity;
pub use leaky_relu::LeakyRelu;
pub use linear::Linear;
pub use max_pool::MaxPool;
pub use pad::Pad;
pub use relu::Relu;
pub use reshape::Reshape;
pub use scale::Scale;
pub use sigmoid::Sigmoid;
pub use softmax::Softmax;
pub use tanh::Tanh;

/// Every kind of layer there is.
pub const KINDS: &[&LayerKind] = &[
    &linear::KIND,
    &conv2d::KIND,
    &batch_norm::KIND,
    &scale::KIND,
    &relu::KIND,
    &leaky_relu::KIND,
    &clip::KIND,
    &sigmoid::KIND,
    &tanh::KIND,
    &softmax::KIND,
    &max_pool::KIND,
    &average_pool::KIND,
    &global_average_pool::KIND,
    &flatten::KIND,
    &reshape::KIND,
    &pad::KIND,
    &add::KIND,
    &concat::KIND,
    &identity::KIND,
];

/// A layer read from an ONNX node; `None`: this form is another kind's.
pub type FromOnnx = Result<Option<Box<dyn Layer>>, Error>;

/// One member of the family: how a layer is read from files, and an example of it.
pub struct LayerKind {
    /// Name, as `kind` in `model.toml`.
    pub name: &'static str,
    /// What it computes, in one line.
    pub summary: &'static str,
    /// ONNX operators that may become this layer.
    pub onnx_ops: &'static [&'static str],
    /// Reads it from a `[[layer]]` section of `model.toml`.
    pub from_toml: fn(&mut Section<'_>) -> Result<Box<dyn Layer>, Error>,
    /// Reads it from an ONNX node with one of `onnx_ops`; `None`: this form is another kind's.
    pub from_onnx: fn(&Operator<'_>) -> FromOnnx,
    /// A small member with the shapes of its inputs: the laws run over it.
    pub example: fn() -> Example,
}

/// A small layer and the shapes of its inputs.
pub struct Example {
    /// The layer.
    pub layer: Box<dyn Layer>,
    /// Shapes of its inputs.
    pub inputs: Vec<Shape>,
}

impl Example {
    /// An example from a layer that is known to be right.
    ///
    /// # Panics
    /// The layer could not be made.
    pub(crate) fn of(layer: Result<impl Layer + 'static, Error>, inputs: &[&[usize]]) -> Self {
        let layer = layer.unwrap_or_else(|e| panic!("an example must be right: {e}"));
        Self { layer: Box::new(layer), inputs: inputs.iter().map(|s| Shape(s.to_vec())).collect() }
    }
}

/// One layer: a function of its inputs with parameters of its own.
pub trait Layer: Debug + Send + Sync {
    /// The kind's name, as in `model.toml`.
    fn kind(&self) -> &'static str;

    /// The shape of the result, or why these inputs do not fit.
    fn out_shape(&self, inputs: &[&Shape]) -> Result<Shape, Error>;

    /// The layer matrix, for a layer that runs on crossbars.
    fn mvm(&self) -> Option<Mvm<'_>> {
        None
    }

    /// The window that slides over its maps, for a layer of which a row of the result needs only the rows of the input
    /// that the window reaches.
    fn window(&self) -> Option<&Window> {
        None
    }

    /// The axis of the sample along which it puts its inputs one after the other, if it does no more than that.
    fn joins(&self) -> Option<usize> {
        None
    }

    /// The digital answer in float.
    fn run(&self, inputs: &[&Tensor]) -> Tensor;

    /// The same answer in the memory of the first input, which nobody else needs; gives it back, as it was,
    /// if this kind cannot. The same bits as `run`.
    fn run_in_place(&self, first: Tensor, _others: &[&Tensor]) -> Result<Tensor, Tensor> {
        Err(first)
    }

    /// The parameters that training moves, by name.
    fn parameters(&self) -> Vec<(&'static str, &[f32])> {
        Vec::new()
    }

    /// The same parameters, to be moved, in the same order.
    fn parameters_mut(&mut self) -> Vec<(&'static str, &mut [f32])> {
        Vec::new()
    }

    /// Gradients of a loss with respect to inputs and parameters, given the layer's inputs, its
    /// output and the gradient with respect to that output. `None`: this kind cannot be trained.
    fn backward(&self, _inputs: &[&Tensor], _output: &Tensor, _gradient: &Tensor) -> Option<Gradients> {
        None
    }

    /// Everything that `from_toml` needs to make this layer again; also what the network's hash is
    /// taken of.
    fn describe(&self) -> Description<'_> {
        Description::default()
    }

    /// `(factor, shift)` if this layer is `y = factor · x + shift`, one value each or one a channel:
    /// [`crate::pass::fold_batch_norm`] puts it into the layer before it.
    fn channel_affine(&self) -> Option<(Vec<f64>, Vec<f64>)> {
        None
    }

    /// The same layer followed by `y = factor · x + shift`, one value an output channel, if it can
    /// take that into its own parameters.
    fn with_affine(&self, _factor: &[f64], _shift: &[f64]) -> Option<Box<dyn Layer>> {
        None
    }
}

/// What makes a layer: its settings and its tensors.
#[derive(Clone, Debug, Default)]
pub struct Description<'a> {
    /// Keys of the `[[layer]]` section, without kind, name, inputs and tensors.
    pub settings: toml::Table,
    /// Key, dimensions and values of each tensor.
    pub tensors: Vec<DescribedTensor<'a>>,
}

/// One tensor of a layer.
#[derive(Clone, Debug)]
pub struct DescribedTensor<'a> {
    /// Key in the `[[layer]]` section.
    pub key: &'static str,
    /// Dimensions, outermost first.
    pub dims: Vec<usize>,
    /// Values, row-major.
    pub values: &'a [f32],
}

impl<'a> Description<'a> {
    /// The same with one more setting.
    #[must_use]
    pub(crate) fn with(mut self, key: &str, value: impl Into<toml::Value>) -> Self {
        self.settings.insert(key.to_owned(), value.into());
        self
    }

    /// The same with one more list of counts.
    #[must_use]
    pub(crate) fn with_counts(self, key: &str, values: &[usize]) -> Self {
        let list: Vec<toml::Value> = values.iter().map(|&v| toml::Value::Integer(v as i64)).collect();
        self.with(key, list)
    }

    /// The same with one more tensor.
    #[must_use]
    pub(crate) fn tensor(mut self, key: &'static str, dims: &[usize], values: &'a [f32]) -> Self {
        self.tensors.push(DescribedTensor { key, dims: dims.to_vec(), values });
        self
    }
}

/// What `Layer::backward` returns.
#[derive(Clone, Debug)]
pub struct Gradients {
    /// One tensor an input, shaped like it.
    pub inputs: Vec<Tensor>,
    /// One vector a parameter, in the order of `Layer::parameters`, summed over the batch.
    pub parameters: Vec<Vec<f32>>,
}

/// A layer matrix as trained: `y = W^T x + bias` for every gathered vector `x`.
#[derive(Clone, Debug)]
pub struct Mvm<'a> {
    /// Output-major: `outputs × k`, groups one after the other (group `g` owns the outputs
    /// `g * outputs / groups ..`), as convolution and linear weights are stored.
    pub weights: &'a [f32],
    /// Outputs over all groups.
    pub outputs: usize,
    /// One value an output, or empty.
    pub bias: &'a [f32],
    /// Where the vectors come from.
    pub gather: Gather,
}

/// The one input shape, or why there is not exactly one.
pub(crate) fn one<'a>(kind: &'static str, inputs: &[&'a Shape]) -> Result<&'a Shape, Error> {
    match inputs {
        [shape] => Ok(shape),
        _ => Err(Error::shape(kind, format!("takes one input, got {}", inputs.len()))),
    }
}

/// Channels, height and width, or why the shape has none.
pub(crate) fn maps(kind: &'static str, shape: &Shape) -> Result<(usize, [usize; 2]), Error> {
    match shape.0[..] {
        [channels, height, width] => Ok((channels, [height, width])),
        _ => Err(Error::shape(kind, format!("needs input of channels x height x width, got {shape}"))),
    }
}

/// The tensor with `f` applied to each value.
pub(crate) fn each(input: &Tensor, f: impl Fn(f32) -> f32) -> Tensor {
    Tensor {
        batch: input.batch,
        shape: input.shape.clone(),
        data: input.data.iter().map(|&v| f(v)).collect(),
    }
}

/// The same in the tensor's own memory.
#[allow(clippy::unnecessary_wraps)]
pub(crate) fn each_in_place(mut input: Tensor, f: impl Fn(f32) -> f32) -> Result<Tensor, Tensor> {
    input.data.iter_mut().for_each(|v| *v = f(*v));
    Ok(input)
}

/// Gradients of an element-wise layer without parameters: `slope(input, output) · gradient`.
pub(crate) fn each_backward(
    input: &Tensor,
    output: &Tensor,
    gradient: &Tensor,
    slope: impl Fn(f32, f32) -> f32,
) -> Option<Gradients> {
    let data = input
        .data
        .iter()
        .zip(&output.data)
        .zip(&gradient.data)
        .map(|((&x, &y), &g)| slope(x, y) * g)
        .collect();
    let tensor = Tensor { batch: input.batch, shape: input.shape.clone(), data };
    Some(Gradients { inputs: vec![tensor], parameters: Vec::new() })
}

/// The example input number `index`: values in about (-1, 1), no two equal, none at a kink.
#[cfg(test)]
fn example_input(shape: &Shape, batch: usize, index: usize) -> Tensor {
    let n = batch * shape.len();
    let data = (0..n).map(|i| ((i * 37 + index * 11 + 5) % 101) as f32 / 50.0 - 1.013).collect();
    Tensor::new(batch, shape.clone(), data)
}

#[cfg(test)]
mod laws;
