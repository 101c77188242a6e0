//! What can go wrong between a plan and its results.

use ohmic_hardware::encoding::EncodeError;

/// Why a network cannot be programmed or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The weight encoding cannot hold a weight of the layer.
    #[error(
        "layer `{layer}`, crossbar {crossbar} (its rows from {first_row}, outputs from {first_output}): {source}"
    )]
    Encode {
        /// Layer name.
        layer: String,
        /// Crossbar, counted over the network.
        crossbar: u32,
        /// First row of the layer matrix that the crossbar holds.
        first_row: usize,
        /// First output of the layer matrix that the crossbar holds.
        first_output: usize,
        /// What the encoding says; its row and column count from the two above.
        source: EncodeError,
    },
    /// A device gave a conductance that is not a number or negative.
    #[error(
        "layer `{layer}`, crossbar {crossbar}: the device gave a conductance of {g_siemens} S for cell {cell}; expected \
         a finite value, 0 or more"
    )]
    Conductance {
        /// Layer name.
        layer: String,
        /// Crossbar, counted over the network.
        crossbar: u32,
        /// Cell within the block, planes one after the other.
        cell: usize,
        /// What it gave.
        g_siemens: f32,
    },
    /// The wires of a crossbar cannot be computed.
    #[error("layer `{layer}`, crossbar {crossbar}, `[wires]`: {source}")]
    Wires {
        /// Layer name.
        layer: String,
        /// Crossbar, counted over the whole network.
        crossbar: u32,
        /// What the solver says.
        source: ohmic_numerics::wires::Error,
    },
    /// An address of a random draw does not fit its 32 bits.
    #[error("layer `{layer}`: {what} is too large to give every conversion its own noise (limit 2^32)")]
    TooManyDraws {
        /// Layer name.
        layer: String,
        /// What has to be made smaller.
        what: &'static str,
    },
    /// The network itself refused the inputs.
    #[error(transparent)]
    Network(#[from] ohmic_network::Error),
}
