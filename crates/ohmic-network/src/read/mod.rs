//! Readers of model files.

pub mod onnx;
mod section;

pub use onnx::Operator;
pub use section::{Section, Tensors};
