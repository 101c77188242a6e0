//! Read a model and data sets; the exact digital answer; passes that transform a network.
//!
//! [`load`] reads a [`Network`]: [`Node`]s in running order, each a [`layer::Layer`]. [`data::load`] reads a
//! [`data::DataSet`]. [`Network::forward`] runs a batch, its matrix products computed by an [`MvmEngine`]: the
//! digital reference ([`reference::FloatEngine`], [`reference::IntegerEngine`]) or a chip. What a crossbar is
//! asked to compute is a [`quantization::QuantizedMvm`], made by [`quantization::quantize`].
//!
//! Left out: layers with state from input to input, dynamic shapes, networks with several inputs or outputs.

mod columns;
mod convolve;
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
pub use network::{LayerId, MvmEngine, Network, Node, Shape, Source, Tensor, Weights};
pub use read::{Model, ModelInfo, load, load_model, load_text, save};
