//! Readers of model files.

mod layers;
pub mod onnx;
mod section;

pub use layers::fresh_layers;
pub use onnx::Operator;
pub use section::{Section, Tensors};
