//! Read a model and data sets; the exact digital answer; passes that transform a network.

mod error;
pub mod gather;
pub mod layer;
pub mod network;
pub mod quantization;

pub use error::Error;
pub use gather::Gather;
pub use network::{LayerId, MvmEngine, Network, Node, Shape, Source, Tensor};
