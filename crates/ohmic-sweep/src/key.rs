//! The keys of a sweep file's `[run]`, and the key under which a finished trial is kept.

use crate::{Fidelity, Point};

/// One key of `[run]`: its meaning, for messages, `ohmic explain` and the reference pages.
#[derive(Clone, Copy, Debug)]
pub struct RunKey {
    /// Key path.
    pub key: &'static str,
    /// How the value is written.
    pub form: &'static str,
    /// What it means, in one sentence.
    pub meaning: &'static str,
    /// Whether an axis may name it.
    pub swept: Swept,
}

/// Whether an axis may name a run option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swept {
    /// It may.
    Allowed,
    /// It is one value for the whole sweep.
    Fixed,
}

/// All keys that belong to the run and not to the hardware.
pub const RUN_KEYS: &[RunKey] = &[
    RunKey {
        key: "seed",
        form: "a whole number",
        meaning: "seed of every random number of the sweep; required, so that a result can be had again",
        swept: Swept::Fixed,
    },
    RunKey {
        key: "run.network",
        form: "a text in quotes",
        meaning: "built-in network, or path of an .onnx file or of a folder with model.toml",
        swept: Swept::Allowed,
    },
    RunKey {
        key: "run.data",
        form: "a text in quotes",
        meaning: "built-in data set, name of a folder in OHMIC_DATA, or path of a data file (.toml)",
        swept: Swept::Allowed,
    },
    RunKey {
        key: "run.images",
        form: "a whole number, 1 or more",
        meaning: "number of test images, from the first on",
        swept: Swept::Allowed,
    },
    RunKey {
        key: "run.trials",
        form: "a whole number, 1 or more",
        meaning: "number of chip instances (devices, faults and programming drawn anew) at each point",
        swept: Swept::Fixed,
    },
    RunKey {
        key: "run.fidelity",
        form: "\"predict\", \"simulate\" or \"both\"",
        meaning: "predict: signal-to-noise ratios in closed form, no chip is run; simulate (the default): chips are run; \
                  both: every point is predicted, and chips are run where no other point has both a better predicted \
                  ratio and less energy",
        swept: Swept::Fixed,
    },
    RunKey {
        key: "run.hardware",
        form: "a list of texts",
        meaning: "hardware presets or paths of hardware files; the outermost axis",
        swept: Swept::Allowed,
    },
];

/// Content of one trial of one point, as 32 hex digits: equal keys mean equal results.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrialKey(String);

impl TrialKey {
    /// Hash of everything that decides the trial's row: the resolved hardware, the identity of network
    /// and data, the number of images, the seed, the trial, and the point's labels.
    pub fn new(point: &Point, resolved: &str, identity: &str, trial: u32) -> Self {
        let mut hash = blake3::Hasher::new();
        for part in [resolved, identity, &point.describe(), &point.network, &point.data] {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        for number in [point.images as u64, point.seed, u64::from(trial)] {
            hash.update(&number.to_le_bytes());
        }
        if point.fidelity != Fidelity::Simulate {
            hash.update(point.fidelity.name().as_bytes());
        }
        Self(hash.finalize().to_hex().as_str()[..32].to_owned())
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
