//! What can be wrong with a model or a data set.

use std::path::PathBuf;

/// Why a model or a data set was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The layer's inputs or parameters do not fit it.
    #[error("layer `{layer}` ({kind}): {problem}")]
    Shape {
        /// Layer name, or empty where it is not known yet.
        layer: String,
        /// Layer kind.
        kind: &'static str,
        /// What does not fit.
        problem: String,
    },
    /// The layers do not form a network.
    #[error("network `{network}`: {problem}")]
    Structure {
        /// Name of the network.
        network: String,
        /// What is wrong.
        problem: String,
    },
    /// A weight is NaN or infinite.
    #[error("layer `{layer}`: {tensor}[{index}] is {value}; weights must be finite")]
    NotFinite {
        /// Layer name.
        layer: String,
        /// Name of the parameter within the layer.
        tensor: &'static str,
        /// Index of the value, row-major.
        index: usize,
        /// The value.
        value: f32,
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
    /// A file is not what it should be.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong and what was expected.
        problem: String,
    },
    /// A key of a model file is wrong.
    #[error("{place}: {problem}")]
    Key {
        /// File, line, column and key path.
        place: String,
        /// What is wrong and what was expected.
        problem: String,
    },
    /// Operators of an ONNX file that are not supported, all of them.
    #[error(
        "{}: {} not supported:\n{}\nsupported operators: {supported}",
        path.display(),
        if operators.len() == 1 { "1 node is".to_owned() } else { format!("{} nodes are", operators.len()) },
        operators.iter().map(|o| format!("  {o}")).collect::<Vec<_>>().join("\n")
    )]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// One line a node: operator, node name, reason where there is one.
        operators: Vec<String>,
        /// The operators that are read, separated by commas.
        supported: String,
    },
    /// The request cannot be met whatever the files say.
    #[error("{problem}")]
    Request {
        /// What is wrong and the way out.
        problem: String,
    },
    /// The engine that computes the matrix products failed.
    #[error("layer `{layer}`: {source}")]
    Engine {
        /// Layer name.
        layer: String,
        /// What the engine says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// A layer that does not fit, its name not known yet; [`Error::in_layer`] adds it.
    pub fn shape(kind: &'static str, problem: impl Into<String>) -> Self {
        Self::Shape { layer: String::new(), kind, problem: problem.into() }
    }

    /// The same error with the layer's name where it was missing.
    #[must_use]
    pub fn in_layer(self, name: &str) -> Self {
        match self {
            Self::Shape { layer, kind, problem } if layer.is_empty() => {
                Self::Shape { layer: name.to_owned(), kind, problem }
            }
            other => other,
        }
    }

    /// A file that is not what it should be.
    pub(crate) fn file(path: impl Into<PathBuf>, problem: impl Into<String>) -> Self {
        Self::File { path: path.into(), problem: problem.into() }
    }

    /// A request that cannot be met.
    pub(crate) fn request(problem: impl Into<String>) -> Self {
        Self::Request { problem: problem.into() }
    }
}

/// The known name nearest to what was written, as a half sentence ("; did you mean `x`?"), or all names.
pub(crate) fn suggest(written: &str, known: &[&str]) -> String {
    let near = known
        .iter()
        .map(|name| (distance(written, name), *name))
        .min()
        .filter(|(d, name)| *d <= 1 + name.len() / 3);
    match near {
        Some((_, name)) => format!("; did you mean `{name}`? known: {}", known.join(", ")),
        None => format!("; known: {}", known.join(", ")),
    }
}

/// Edit distance (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let substitute = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = substitute.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_name_is_suggested() {
        assert_eq!(distance("kitten", "sitting"), 3); // the textbook pair
        assert!(suggest("strid", &["stride", "padding"]).contains("did you mean `stride`"));
        assert!(!suggest("colour", &["stride", "padding"]).contains("did you mean"));
    }
}
