//! ONNX files: the graph decoded with `prost`, constants folded, each node handed to the layer that reads it.

mod operator;

pub use operator::{Constant, Operand, Operator, Values};
