//! Why a published figure cannot be compared.

/// What is wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file of published figures is wrong.
    #[error(transparent)]
    Config(#[from] ohmic_config::Error),
    /// The hardware file is wrong, or a setting of a figure is.
    #[error(transparent)]
    Hardware(#[from] ohmic_hardware::Error),
    /// The folder of a run cannot be used.
    #[error("{}: {problem}", folder.display())]
    Folder {
        /// The folder.
        folder: std::path::PathBuf,
        /// Why.
        problem: String,
    },
    /// A machine cannot be compared.
    #[error("`{machine}`: {problem}")]
    Compare {
        /// The machine.
        machine: String,
        /// Why.
        problem: String,
    },
    /// A figure cannot be computed.
    #[error("figure `{figure}` of `{machine}`: {problem}")]
    Figure {
        /// Machine.
        machine: String,
        /// Name of the figure.
        figure: String,
        /// Why.
        problem: String,
    },
}
