//! Read a model and data sets; the exact digital answer; passes that transform a network.

mod columns;
pub mod data;
mod error;
pub mod gather;
pub mod layer;
pub mod network;
pub mod pass;
pub mod quantization;
pub mod read;
pub mod reference;

pub use error::Error;
pub use gather::Gather;
pub use network::{LayerId, MvmEngine, Network, Node, Shape, Source, Tensor};
pub use read::{Model, ModelInfo, load, load_model, load_text, save};
