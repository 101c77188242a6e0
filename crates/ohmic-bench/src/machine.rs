//! The machine: its threads, what it says of itself, its memory.

use crate::Error;
use crate::timing::Pace;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::num::NonZeroUsize;

/// Threads to measure with.
#[derive(Debug)]
pub(crate) struct Machine {
    /// One pool for each number of threads: one, then all.
    pools: Vec<(usize, ThreadPool)>,
    pub(crate) pace: Pace,
}

impl Machine {
    pub(crate) fn new(threads: NonZeroUsize, pace: Pace) -> Result<Self, Error> {
        let mut counts = vec![1, threads.get()];
        counts.dedup();
        let pool = |threads| {
            let pool = ThreadPoolBuilder::new().num_threads(threads).build();
            pool.map(|pool| (threads, pool)).map_err(|source| Error::Threads { threads, source })
        };
        let pools = counts.into_iter().map(pool).collect::<Result<_, _>>()?;
        Ok(Self { pools, pace })
    }

    /// The numbers of threads, each with its pool.
    pub(crate) fn pools(&self) -> &[(usize, ThreadPool)] {
        &self.pools
    }

    /// The largest number of threads.
    pub(crate) fn most(&self) -> usize {
        self.pools[self.pools.len() - 1].0
    }

    /// The pool of the largest number of threads.
    pub(crate) fn largest_pool(&self) -> &ThreadPool {
        &self.pools[self.pools.len() - 1].1
    }
}

/// What this machine is: processor, cores, memory, kernels, version of this program, each with a name.
pub fn describe() -> Vec<(&'static str, String)> {
    use ohmic_numerics::kernel::{Peak, level, peak_instructions};
    let field = |path: &str, name: &str| {
        let text = std::fs::read_to_string(path).ok()?;
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let memory = field("/proc/meminfo", "MemTotal").and_then(|t| t.strip_suffix("kB")?.trim().parse().ok());
    let gib = |kib: f64| format!("{:.1} GiB", kib / f64::from(1 << 20));
    let peaks = [Peak::FmaF32, Peak::DotI8, Peak::Bits].map(peak_instructions).join("; ");
    vec![
        ("processor", field("/proc/cpuinfo", "model name").unwrap_or_else(|| "not known".to_owned())),
        ("cores", std::thread::available_parallelism().map_or(1, usize::from).to_string()),
        ("memory", memory.map_or_else(|| "not known".to_owned(), gib)),
        ("system", format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)),
        ("kernels", level().name().to_owned()),
        ("peaks by", peaks),
        ("version", format!("ohmic {}", env!("CARGO_PKG_VERSION"))),
        ("build", if cfg!(debug_assertions) { "debug: figures mean nothing" } else { "release" }.to_owned()),
    ]
}

/// Largest resident memory of this process since the last reset, in bytes, where the system says it.
pub(crate) fn peak_memory_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Starts the largest resident memory anew. Where the system does not allow it, what follows is that of
/// the whole run so far.
pub(crate) fn reset_peak_memory() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}
