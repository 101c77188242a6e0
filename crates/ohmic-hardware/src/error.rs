//! What can be wrong with a machine.

/// Why a hardware file was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Something in the file, with its place and the way out.
    #[error(transparent)]
    Config(#[from] ohmic_config::Error),
}

impl Error {
    /// The message in one line, for a cell of a table.
    pub fn one_line(&self) -> String {
        match self {
            Self::Config(e) => e.one_line(),
        }
    }
}
