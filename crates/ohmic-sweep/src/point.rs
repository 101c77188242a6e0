//! One setting of a sweep.

use std::path::{Path, PathBuf};
use toml::Value;

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
