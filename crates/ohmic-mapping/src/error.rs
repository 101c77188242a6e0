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
    /// The network has no layer that runs on crossbars.
    #[error("network `{network}` has no layer that runs on crossbars (linear or convolution)")]
    NothingToMap {
        /// Network name.
        network: String,
    },
}
