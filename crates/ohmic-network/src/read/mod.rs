//! Readers and writers of model files.
//!
//! A model is an `.onnx` file, or a folder with a `model.toml` that names the weights (`.safetensors`,
//! or an `.onnx` file that needs a description).

mod layers;
mod model;
pub mod onnx;
mod safetensors;
mod save;
mod section;

pub use layers::fresh_layers;
pub use model::{Model, ModelInfo, ReferenceAccuracy, load, load_model, load_text};
pub use onnx::Operator;
pub use save::save;
pub use section::{Section, Tensors};
