//! One setting of a sweep.

use std::path::{Path, PathBuf};
use toml::Value;

/// How a point is evaluated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fidelity {
    /// In closed form, without running a chip.
    Predict,
    /// By running chips.
    #[default]
    Simulate,
    /// Both; in a sweep chips are run on the predicted front alone.
    Both,
}

impl Fidelity {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Predict, Self::Simulate, Self::Both];

    /// The name in sweep files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Predict => "predict",
            Self::Simulate => "simulate",
            Self::Both => "both",
        }
    }

    /// Whether the point has predicted columns.
    pub fn predicts(self) -> bool {
        self != Self::Simulate
    }
}

/// One setting of a sweep: which machine, network and data, and what is changed in the machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Place in the sweep's order, from 0.
    pub index: usize,
    /// Seed of all random numbers.
    pub seed: u64,
    /// Preset name or path of the hardware file.
    pub hardware: String,
    /// Name or path of the network.
    pub network: String,
    /// Name or path of the data set.
    pub data: String,
    /// Number of test images.
    pub images: usize,
    /// Number of chip instances.
    pub trials: u32,
    /// How it is evaluated.
    pub fidelity: Fidelity,
    /// Key paths and values merged into the hardware, in order: the file's `[set]`, then the axes.
    pub settings: Vec<(String, Value)>,
    /// Where the point stands on every axis: key and value, or key and label, in the file's order.
    pub axes: Vec<(String, Value)>,
    /// Folder of the sweep file, which relative paths of files start from.
    pub folder: PathBuf,
}

impl Point {
    /// A name or path as the sweep file means it: a path that leads somewhere from the sweep file's folder
    /// starts there, anything else stays as it is.
    pub fn locate(&self, name: &str) -> String {
        let path = Path::new(name);
        let is_path = name.contains(['/', '\\']) || path.extension().is_some();
        let from_folder = self.folder.join(path);
        if is_path && path.is_relative() && from_folder.exists() {
            return from_folder.display().to_string();
        }
        name.to_owned()
    }

    /// `point 3 (isaac_isca_2016, adc.bits = 6)`, for messages.
    pub fn describe(&self) -> String {
        let mut parts = vec![self.hardware.clone()];
        parts.extend(
            self.axes
                .iter()
                .filter(|(key, _)| key != "run.hardware")
                .map(|(key, value)| format!("{key} = {value}")),
        );
        format!("point {} ({})", self.index, parts.join(", "))
    }
}
