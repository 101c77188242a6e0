//! What can be wrong with a training run.

use std::path::PathBuf;

/// Why a training run was refused or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The recipe is wrong; the message shows the place in it.
    #[error(transparent)]
    Recipe(Box<ohmic_config::Error>),
    /// The layers, the data set or the written model are wrong.
    #[error(transparent)]
    Network(#[from] ohmic_network::Error),
    /// A layer has no gradient.
    #[error("layer `{layer}` ({kind}) cannot be trained: {problem}")]
    NotTrainable {
        /// Layer name.
        layer: String,
        /// Layer kind.
        kind: &'static str,
        /// Why, and the way out.
        problem: String,
    },
    /// The network does not fit the data set.
    #[error("network `{network}` {problem}")]
    Mismatch {
        /// Name of the network.
        network: String,
        /// What does not fit.
        problem: String,
    },
    /// The loss is NaN or infinite.
    #[error(
        "the loss is {loss} at epoch {epoch}, step {step}: the weights have grown without bound; \
         lower `learning_rate.rate` (it is {rate} there) or add warm-up epochs"
    )]
    Diverged {
        /// Epoch, from 1.
        epoch: u32,
        /// Step in the epoch, from 1.
        step: usize,
        /// The loss.
        loss: f64,
        /// The learning rate of that step.
        rate: f32,
    },
    /// A file could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried: "read", "write", "create".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A checkpoint that cannot be continued.
    #[error("checkpoint {}: {problem}; delete it to start from the beginning", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

impl From<ohmic_config::Error> for Error {
    fn from(error: ohmic_config::Error) -> Self {
        Self::Recipe(Box::new(error))
    }
}

impl Error {
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::Io { action, path: path.into(), source }
    }
}
