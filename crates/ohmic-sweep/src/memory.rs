//! How much memory a run or sweep may take, and how it is shared out.
//!
//! Counted are networks, data sets and integers that are loaded; for every trial in flight its encoded
//! network and its chip; for every thread the activations of a batch; and what the [cache](crate::cache)
//! keeps. The first are needed in any case; batches are made smaller and trials in flight fewer until they
//! fit, and the cache gets the rest. Estimates are on the safe side.

use crate::Case;
use ohmic_hardware::Correction;
use std::fmt;

/// Smallest sensible part of the memory that other programs leave: a half.
const SHARE: usize = 2;
/// What is assumed to be there where the system does not say: 2 GiB.
const UNKNOWN: usize = 2 << 30;
/// The program itself, its thread stacks and tables.
const PROGRAM: usize = 24 << 20;
/// Buffers of one thread that do not depend on the network: tiles of sums, codes, deviates.
const SCRATCH: usize = 6 << 20;
/// Images in a batch where memory does not matter.
const BATCH: usize = 16;

/// Bytes that a run or sweep may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// How many.
    pub bytes: usize,
}

impl Default for Budget {
    /// Half of the memory that is available now.
    fn default() -> Self {
        Self { bytes: available().unwrap_or(UNKNOWN) / SHARE }
    }
}

impl Budget {
    /// Reads a size: a number with one of the units B, kB, MB, GB, TB (powers of 1000) or KiB, MiB, GiB, TiB
    /// (powers of 1024).
    ///
    /// # Errors
    /// What is wrong with the text, and how a size is written.
    pub fn parse(text: &str) -> Result<Self, String> {
        const UNITS: [(&str, f64); 9] = [
            ("B", 1.0),
            ("kB", 1e3),
            ("MB", 1e6),
            ("GB", 1e9),
            ("TB", 1e12),
            ("KiB", 1024.0),
            ("MiB", 1_048_576.0),
            ("GiB", 1_073_741_824.0),
            ("TiB", 1_099_511_627_776.0),
        ];
        let form = "a size is written like \"1GiB\", \"512 MiB\" or \"1.5 GB\"";
        let text = text.trim();
        let at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
        let (number, unit) = (text[..at].trim(), &text[at..]);
        if unit.is_empty() {
            return Err(format!("`{text}` has no unit; {form}"));
        }
        let Some((_, scale)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            let known = UNITS.map(|(name, _)| name).join(", ");
            return Err(format!("`{unit}` is no unit of memory; known: {known}; {form}"));
        };
        let bytes = number.parse::<f64>().ok().map(|n| n * scale);
        match bytes.filter(|b| *b >= 1.0 && *b < usize::MAX as f64) {
            Some(bytes) => Ok(Self { bytes: bytes as usize }),
            None => Err(format!("`{number}` is not a positive number; {form}")),
        }
    }

    /// Whether a data set of so many images can be loaded at all.
    pub(crate) fn holds_images(self, images: usize, values: usize) -> Result<(), String> {
        // one byte a value at least
        let needed = images.saturating_mul(values).saturating_add(PROGRAM);
        if needed <= self.bytes {
            return Ok(());
        }
        Err(format!(
            "{images} images of {values} values need at least {} of memory, {self} are allowed; raise `--memory` or lower \
             `run.images`",
            size(needed)
        ))
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&size(self.bytes))
    }
}

/// `1.50 GiB`.
pub fn size(bytes: usize) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// Memory that is available to this process, in bytes, where the system says so (Linux).
fn available() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    // a container may have less than its machine
    let limit = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let limit = limit.and_then(|text| text.trim().parse().ok()).unwrap_or(usize::MAX);
    Some(kibibytes.saturating_mul(1024).min(limit))
}

/// What a point needs while it runs, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Need {
    /// A trial in flight: its encoded network, its chip, one layer being programmed.
    pub(crate) trial: usize,
    /// One image on its way through the network.
    pub(crate) image: usize,
    /// Vectors of one image in one layer.
    pub(crate) vectors: usize,
}

impl Need {
    /// Of one point; nothing if its network cannot be mapped.
    pub(crate) fn of(case: &Case) -> Self {
        let Ok(plan) = &case.plan else { return Self::default() };
        let mut need = Self::default();
        let mut largest = 0;
        for (layer, plan) in case.quantized.layers.iter().zip(&plan.layers) {
            let (Some(layer), Some(plan)) = (layer, plan) else { continue };
            let cells = plan.cells as usize;
            let weights: usize = layer.weights.iter().map(|w| w.as_slice().len()).sum();
            // encoded in 16 bits, exact in 16; programmed in 16 or 32, variance of reads in 32
            need.trial += 2 * cells + 2 * weights + 8 * cells;
            largest = largest.max(cells);
            // integers of the vectors, their digits bit by bit in 16, accumulators in 64 bits
            let vectors = plan.positions * (plan.k * (4 + 2 * layer.input_bits as usize) + 8 * plan.n);
            need.vectors = need.vectors.max(vectors);
        }
        // of the layer that is being programmed: levels and variances as converters see them in 64 bits, and
        // fixed point in 32; single blocks on the way there are small beside it
        need.trial += 24 * largest;
        let values = |shape: &ohmic_network::Shape| shape.len();
        let nodes: usize = case.network.nodes.iter().map(|node| values(&node.shape)).max().unwrap_or(0);
        // input, output and a tensor that is kept for an addition, in float, and integers of one
        need.image = 4 * (values(&case.network.input) + 4 * nodes);
        if let (Some(policy), Some(learning)) = (case.hardware.compensation(), &case.learning) {
            need.trial += match policy.correction {
                // the chip as it was right after programming
                Correction::LayerGain | Correction::OutputGain => {
                    8 * plan.layers.iter().flatten().map(|layer| layer.cells as usize).sum::<usize>()
                }
                // all images go through a layer before the next one
                Correction::OutputMoments => need.image * learning.set.len(),
            };
        }
        need
    }
}

/// How the memory is shared out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    /// Images of a batch.
    pub(crate) batch: usize,
    /// Trials in flight.
    pub(crate) lanes: usize,
    /// Bytes for the cache.
    pub(crate) cache: usize,
}

impl Room {
    /// Shares out `budget` among points that need at most `need` each, with `held` bytes loaded already.
    pub(crate) fn share(budget: Budget, held: usize, need: Need, threads: usize) -> Result<Self, String> {
        let used = |lanes: usize, batch: usize| {
            let thread = SCRATCH + need.vectors + batch * need.image;
            PROGRAM + held + lanes * need.trial + threads * thread
        };
        let least = used(1, 1);
        if least > budget.bytes {
            return Err(format!(
                "at least {} of memory are needed, {budget} are allowed: {} for data, networks and integers, {} for one \
                 programmed chip, {} for the program and its {threads} threads; raise `--memory`, or lower `run.images` \
                 or `--threads`",
                size(least),
                size(held),
                size(need.trial),
                size(least - held - need.trial)
            ));
        }
        // one more than threads: while one trial is written down, every thread has work
        let mut room = Self { batch: BATCH, lanes: threads + 1, cache: 0 };
        while used(room.lanes, room.batch) > budget.bytes && (room.lanes, room.batch) != (1, 1) {
            if room.batch > 4 || room.lanes == 1 {
                room.batch /= 2;
            } else {
                room.lanes -= 1;
            }
        }
        room.cache = budget.bytes - used(room.lanes, room.batch);
        Ok(room)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_as_they_are_written() {
        for (text, bytes) in [("1GiB", 1 << 30), ("512 MiB", 512 << 20), ("1.5 GB", 1_500_000_000), ("9B", 9)]
        {
            assert_eq!(Budget::parse(text), Ok(Budget { bytes }), "{text}");
        }
        for (text, part) in [
            ("1", "has no unit"),
            ("1 gib", "`gib` is no unit of memory; known: B, kB"),
            ("x GiB", "`x GiB` is no unit of memory"),
            ("1.2.3 GiB", "not a positive number"),
            ("-1 GiB", "not a positive number"),
            ("0 GiB", "not a positive number"),
        ] {
            let problem = Budget::parse(text).err().unwrap_or_default();
            assert!(problem.contains(part) && problem.contains("1GiB"), "{text}: {problem}");
        }
        assert_eq!(size(1536 << 20), "1.5 GiB");
        assert_eq!(size(100), "0.1 KiB");
    }

    #[test]
    fn batches_shrink_then_lanes_then_it_is_refused() {
        let mib = 1usize << 20;
        let need = Need { trial: 10 * mib, image: mib, vectors: 0 };
        let share = |bytes| Room::share(Budget { bytes }, mib, need, 2);
        // program 24, held 1, two threads of 6 + batch, trials of 10 each
        let full = 24 + 1 + 2 * (6 + 16) + 3 * 10;
        assert_eq!(share((full + 7) * mib), Ok(Room { batch: 16, lanes: 3, cache: 7 * mib }));
        assert_eq!(share((full - 1) * mib), Ok(Room { batch: 8, lanes: 3, cache: 15 * mib }));
        // 24 + 1 + 2 (6 + 4) + 3 * 10 = 75
        assert_eq!(share(74 * mib), Ok(Room { batch: 4, lanes: 2, cache: 9 * mib }));
        let least = 24 + 1 + 2 * 7 + 10;
        assert_eq!(share(least * mib), Ok(Room { batch: 1, lanes: 1, cache: 0 }));
        let refused = share(least * mib - 1).err().unwrap_or_default();
        assert!(refused.contains("at least 49.0 MiB of memory are needed"), "{refused}");
        assert!(Budget { bytes: mib }.holds_images(1 << 20, 784).is_err());
    }
}
