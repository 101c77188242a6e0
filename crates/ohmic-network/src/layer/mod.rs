//! The family of layers.
//!
//! To add one: 1. copy the nearest file here; 2. add `mod name;` and `name::KIND,` below;
//! 3. run the tests: shape, gradient and crossbar laws run over the list.

use crate::gather::Gather;
use crate::{Error, Shape, Tensor};
use std::fmt::Debug;

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

    /// The digital answer in float.
    fn run(&self, inputs: &[&Tensor]) -> Tensor;

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
