//! `ohmic doctor`: what this program finds on this machine.

use crate::answer::Answer;
use crate::text;
use anyhow::Result;
use ohmic_network::data::{DATA_FOLDER_KNOB, data_folder};
use ohmic_numerics::kernel::{Level, level};
use serde_json::json;

pub(crate) fn run() -> Result<Answer> {
    let levels: Vec<&str> = Level::available().iter().map(|level| level.name()).collect();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = memory_bytes();
    let folder = data_folder();
    let mut found = Vec::new();
    if let Some(folder) = &folder
        && let Ok(entries) = std::fs::read_dir(folder)
    {
        found = entries
            .filter_map(Result::ok)
            .filter(|entry| entry.path().is_dir())
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        found.sort();
    }
    let build = if cfg!(debug_assertions) {
        "debug: slow, use `cargo run --release` or an installed binary"
    } else {
        "release"
    };
    let data = match (&folder, found.is_empty()) {
        (None, _) => format!("only the built-in glyphs; {DATA_FOLDER_KNOB} is not set"),
        (Some(folder), true) => {
            format!("{DATA_FOLDER_KNOB}={} holds no data folder", folder.display())
        }
        (Some(folder), false) => format!("glyphs (built in); {}: {}", folder.display(), found.join(", ")),
    };
    let rows = [
        ("version", format!("ohmic {}", env!("CARGO_PKG_VERSION"))),
        ("build", build.to_owned()),
        ("system", format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)),
        ("kernels", format!("{} (this machine can run {})", level().name(), levels.join(", "))),
        ("threads", threads.to_string()),
        (
            "memory",
            memory.map_or("not known".to_owned(), |b| format!("{:.1} GiB", b as f64 / (1u64 << 30) as f64)),
        ),
        ("data", data),
    ];
    let rows: Vec<(String, String)> = rows.map(|(name, value)| (name.to_owned(), value)).into();
    let json = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "debug_build": cfg!(debug_assertions),
        "system": std::env::consts::OS,
        "architecture": std::env::consts::ARCH,
        "kernel": level().name(),
        "kernels_available": levels,
        "threads": threads,
        "memory_bytes": memory,
        "data_folder": folder.map(|f| f.display().to_string()),
        "data_found": found,
    });
    Ok(Answer::done(text::names(&rows), json))
}

/// Memory of the machine in bytes, where the system says it.
fn memory_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
}
