//! What can be wrong with a model or a data set.

/// Why a model or a data set was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The layer's inputs do not fit it.
    #[error("layer `{layer}` ({kind}): {problem}")]
    Shape {
        /// Layer name, or empty where it is not known yet.
        layer: String,
        /// Layer kind.
        kind: &'static str,
        /// What does not fit.
        problem: String,
    },
}
