//! One setting of a sweep.

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
    /// Value of every axis key, in the file's order.
    pub axes: Vec<(String, Value)>,
}

impl Point {
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
