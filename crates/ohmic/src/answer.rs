//! What a command answers, as text and as JSON.

use serde_json::Value;

/// How the answer is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[value(alias = "table")]
    Text,
    /// For programs; numbers in SI base units.
    Json,
}

/// The answer of a command.
#[derive(Debug)]
pub(crate) struct Answer {
    /// For people.
    pub(crate) text: String,
    /// For programs.
    pub(crate) json: Value,
    /// Exit code: 0 done, 1 some points failed, 2 the request was wrong.
    pub(crate) code: u8,
}

impl Answer {
    /// An answer with exit code 0.
    pub(crate) fn done(text: impl Into<String>, json: Value) -> Self {
        Self { text: text.into(), json, code: 0 }
    }
}
