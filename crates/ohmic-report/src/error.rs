//! What can go wrong with a report.

use std::path::PathBuf;

/// An error of drawing or writing a report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The results could not be read, or a file not written.
    #[error(transparent)]
    Results(#[from] ohmic_results::Error),
    /// The folder holds no results of a sweep.
    #[error("{}: no results here (neither `results.json` nor `manifest.json`); give the folder that `ohmic sweep --out` wrote",
            .path.display())]
    NoResults {
        /// The folder.
        path: PathBuf,
    },
    /// A file of the folder could not be read.
    #[error("{}: cannot read: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The drawing library refused.
    #[error("cannot draw: {reason}")]
    Draw {
        /// Its own words.
        reason: String,
    },
    /// The page's template refused.
    #[error("cannot form the page: {reason}")]
    Page {
        /// Its own words.
        reason: String,
    },
}
