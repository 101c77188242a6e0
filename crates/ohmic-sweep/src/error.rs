//! What can be wrong with a sweep.

use std::path::PathBuf;

/// Why a sweep was refused or could not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read the sweep file {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Something stands in the file that cannot be meant.
    #[error("{problem}\n --> {path}:{line}:{column}\n  |\n{line:>4} | {excerpt}\n  |{}", help_line(help))]
    Written {
        /// The file.
        path: String,
        /// Line from 1.
        line: usize,
        /// Column from 1.
        column: usize,
        /// That line of the file.
        excerpt: String,
        /// What is wrong.
        problem: String,
        /// The way out, or empty.
        help: String,
    },
    /// A setting given beside the file cannot be applied.
    #[error("--set {key}: {problem}")]
    Setting {
        /// The key path.
        key: String,
        /// What is wrong.
        problem: String,
    },
    /// Points whose hardware, network or data are refused; found before anything runs.
    #[error("{}", refused(points, *total))]
    Refused {
        /// Description of the point and the reason, for the first few.
        points: Vec<(String, String)>,
        /// How many points are refused in all.
        total: usize,
    },
    /// The results folder cannot be written or holds another sweep.
    #[error(transparent)]
    Results(#[from] ohmic_results::Error),
    /// A file beside the results cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A trial outside of a sweep cannot be computed, or there is too little memory to run.
    #[error("{problem}")]
    Trial {
        /// The full message.
        problem: String,
    },
    /// The threads cannot be started.
    #[error("cannot start {threads} threads: {problem}")]
    Threads {
        /// How many.
        threads: usize,
        /// What the system said.
        problem: String,
    },
}

fn help_line(help: &str) -> String {
    if help.is_empty() { String::new() } else { format!("\n  = help: {help}") }
}

fn refused(points: &[(String, String)], total: usize) -> String {
    let mut text = format!("{total} point{} of the sweep refused", if total == 1 { "" } else { "s" });
    for (point, problem) in points {
        text.push_str(&format!("\n\n{point}:\n{problem}"));
    }
    if total > points.len() {
        text.push_str(&format!("\n\nand {} more", total - points.len()));
    }
    text
}
