//! What can go wrong with results.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// An error of reading, building or writing results.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written.
    #[error("{}: cannot {action}: {}", .path.display(), way_out(.source))]
    Io {
        /// What was tried, in the words of a sentence: `write`, `create the folder`.
        action: &'static str,
        /// File or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A file does not hold what its name says.
    #[error("{}: {reason}", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column where known.
        reason: String,
    },
    /// A line of a journal, not its last, does not match its checksum.
    #[error("{}:{line}: {reason}; a broken line before the end is not a crash's trace: restore the file from a copy, \
             or delete this line so that its point is computed again", .path.display())]
    CorruptLine {
        /// The journal.
        path: PathBuf,
        /// Line number from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The folder holds the results of another sweep.
    #[error("{}: this folder holds the results of another sweep:\n{}\nchoose another folder, or delete this one",
            .path.display(), list_differences(.differences))]
    OtherSweep {
        /// The manifest.
        path: PathBuf,
        /// Key, value in the folder, value asked for; `None` where a side has no such key.
        differences: Vec<(String, Option<String>, Option<String>)>,
    },
    /// Another process is writing to the store.
    #[error("{}: another process is writing to this folder; wait for it to end, or choose another folder", .path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// The journal is there but the manifest that says whose it is is not.
    #[error("{}: there is a journal in this folder but no manifest that says which sweep it belongs to; choose an empty folder", .path.display())]
    NoManifest {
        /// The missing manifest.
        path: PathBuf,
    },
    /// The key is in the store with another record.
    #[error("{}: `{key}` is already there with other values; the evaluation is not deterministic, or two points share one key", .path.display())]
    DuplicateKey {
        /// The journal.
        path: PathBuf,
        /// The key.
        key: String,
    },
    /// An earlier write failed in a way that leaves the journal's end unknown.
    #[error("{}: an earlier write failed; run the same command again, it continues from the points that are safe", .path.display())]
    Poisoned {
        /// The journal.
        path: PathBuf,
    },
    /// `append` on a store that was opened for reading.
    #[error("{}: the store is open for reading only", .path.display())]
    ReadOnly {
        /// The journal.
        path: PathBuf,
    },
    /// The table has no such column.
    #[error("no column `{name}`{}", nearest(.name, .known))]
    NoColumn {
        /// Name asked for.
        name: String,
        /// Names that are there.
        known: Vec<String>,
    },
    /// Two columns with the same name.
    #[error("two columns are named `{name}`")]
    DuplicateColumn {
        /// The name.
        name: String,
    },
    /// A record has a value that no column describes.
    #[error("a record has a value `{name}` that no column describes{}", nearest(.name, .known))]
    UndescribedValue {
        /// Name of the value.
        name: String,
        /// Names of the columns.
        known: Vec<String>,
    },
    /// A row has another number of values than the table has columns.
    #[error("row {row} has {found} values, the table has {expected} columns")]
    RowLength {
        /// Row from 0.
        row: usize,
        /// Values in the row.
        found: usize,
        /// Columns of the table.
        expected: usize,
    },
    /// The Parquet library refused the table.
    #[error("cannot form a Parquet file: {reason}")]
    Parquet {
        /// Its own words.
        reason: String,
    },
}

impl Error {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Error::Io { action, path, source }
    }
}

/// The system's answer with the way out where one is known.
fn way_out(e: &io::Error) -> String {
    match e.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            format!(
                "the disk is full ({e}); free some space and run the same command again, finished points are kept"
            )
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            format!("no permission to write there ({e}); choose another folder")
        }
        ErrorKind::NotFound => format!("it does not exist ({e})"),
        _ => e.to_string(),
    }
}

fn list_differences(all: &[(String, Option<String>, Option<String>)]) -> String {
    let show = |v: &Option<String>| v.as_ref().map_or("nothing".to_owned(), |v| format!("`{v}`"));
    let lines: Vec<_> = all
        .iter()
        .map(|(k, there, asked)| format!("  {k}: {} there, {} asked for", show(there), show(asked)))
        .collect();
    lines.join("\n")
}

/// `; did you mean ...` with the nearest known name, or the list of the known ones.
fn nearest(name: &str, known: &[String]) -> String {
    let best = known.iter().map(|k| (distance(name, k), k)).min();
    match best {
        Some((d, k)) if d <= name.chars().count().max(3) / 3 => format!("; did you mean `{k}`?"),
        Some(_) => format!("; there are {}", known.join(", ")),
        None => "; there are no columns".to_owned(),
    }
}

/// Levenshtein's edit distance in characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let substitute = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = substitute.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}
