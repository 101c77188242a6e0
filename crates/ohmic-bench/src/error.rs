//! What can be wrong with a request.

/// Why nothing was measured at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No case has such a name.
    #[error(
        "no case of the benchmark has `{name}` in its name; nearest: `{nearest}`, all: `ohmic bench --list`"
    )]
    UnknownCase {
        /// What was asked for.
        name: String,
        /// The case whose name is most like it.
        nearest: &'static str,
    },
    /// The system gives no more threads.
    #[error("cannot start {threads} threads")]
    Threads {
        /// Threads asked for.
        threads: usize,
        /// What the system says.
        source: rayon::ThreadPoolBuildError,
    },
}

/// Why one case could not be measured: whatever its parts say.
pub(crate) type Problem = Box<dyn std::error::Error + Send + Sync>;
