//! Matrices, noise by address, the uniform quantizer, statistics, tolerances and SIMD kernels.
//!
//! Knows no physics. Principal types: [`Mat`], [`Noise`], [`Uniform`]; [`stats`] for estimates;
//! [`kernel`] holds the only `unsafe` of the workspace.

#![cfg_attr(test, allow(clippy::float_cmp))]

pub mod kernel;
pub mod mat;
pub mod noise;
pub mod quantize;
pub mod stats;
pub mod tolerance;
pub mod wires;

pub use mat::{Mat, MatMut, MatRef};
pub use noise::{Cells, Noise, Purpose, Seed, Site};
pub use quantize::Uniform;
