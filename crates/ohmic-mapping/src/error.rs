//! Why a network cannot be mapped.

/// A limit of the hardware that a layer hits.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// One output of the layer matrix is wider than a crossbar.
    #[error(
        "layer `{layer}`: one output takes {needed} columns ({per_output} for its {weight_bits}-bit weight, {shared} \
         shared), a crossbar has {cols} to use; raise `crossbar.cols`, raise `encoding.cell_bits` or lower `precision.weight_bits`"
    )]
    TooWide {
        /// Layer name.
        layer: String,
        /// Columns that one output and the shared columns take.
        needed: usize,
        /// Columns of one output.
        per_output: usize,
        /// Columns that all outputs share.
        shared: usize,
        /// Weight bits asked for.
        weight_bits: u32,
        /// Columns there are, without those kept spare.
        cols: usize,
    },
    /// The encoding has no cells for weights of a layer's width.
    #[error("layer `{layer}`: weights of {weight_bits} bits cannot be encoded: {source}")]
    Encode {
        /// Layer name.
        layer: String,
        /// Weight bits asked for.
        weight_bits: u32,
        /// Why.
        source: ohmic_hardware::EncodeError,
    },
    /// Not even one copy of every layer fits the budget of copies.
    #[error(
        "every layer once takes {needed} crossbars, more than the {budget} of `schedule.crossbars`; raise it, or set \
         schedule.duplicate = \"none\""
    )]
    Budget {
        /// Crossbars of every layer once.
        needed: usize,
        /// Crossbars that may be taken.
        budget: usize,
    },
    /// The network has no layer that runs on crossbars.
    #[error("network `{network}` has no layer that runs on crossbars (linear or convolution)")]
    NothingToMap {
        /// Network name.
        network: String,
    },
}
