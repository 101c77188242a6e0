//! Integer weights and activations: what a crossbar is asked to compute exactly.
//!
//! Weights are symmetric, per layer or per output; activations are unsigned where calibration saw no
//! negative value, else two's complement. The calibration set is never the test set. Bias is added
//! digitally in integers of scale `input step · weight step`.

use crate::gather::Gather;
use ohmic_numerics::Mat;

/// The integer form of one layer matrix.
#[derive(Clone, Debug)]
pub struct QuantizedMvm {
    /// One `k × (outputs / groups)` matrix a group, entries in `-(2^(b-1)-1) ..= 2^(b-1)-1`.
    pub weights: Vec<Mat<i32>>,
    /// Bits of a weight, sign included.
    pub weight_bits: u32,
    /// Value of one weight step, one an output (all equal if quantized per layer).
    pub weight_step: Vec<f32>,
    /// Bits of an input.
    pub input_bits: u32,
    /// Whether inputs are two's complement (else unsigned).
    pub input_signed: bool,
    /// Value of one input step.
    pub input_step: f32,
    /// Bias in units of `input_step · weight_step`, one an output.
    pub bias: Vec<i64>,
    /// Where the vectors come from.
    pub gather: Gather,
}

/// The integer form of a network: one entry a layer, `Some` where it runs on crossbars.
#[derive(Clone, Debug)]
pub struct Quantized {
    /// By layer index.
    pub layers: Vec<Option<QuantizedMvm>>,
}
