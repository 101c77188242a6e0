//! Our value of a figure.

use crate::Of;
use crate::expected::unit_of;
use ohmic_hardware::Hardware;
use ohmic_network::data::{NAMED_SETS, data_folder};
use ohmic_results::Record;
use ohmic_sweep::{Fidelity, Point, Simulation, networks};
use std::path::PathBuf;

/// Why a figure was not computed, though nothing is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped(pub String);

/// What is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// The data set.
    pub data: String,
    /// Test images.
    pub images: usize,
    /// Chip instances.
    pub trials: u32,
}

/// Computes figures; what they have in common is computed once.
#[derive(Debug, Default)]
pub struct Evaluator {
    simulation: Simulation,
    threads: Option<usize>,
    data: Data,
}

/// Whether figures that need a data set are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Data {
    /// Where the data set is there.
    #[default]
    Used,
    /// Never: peak figures and assumed activity only.
    Left,
}

impl Evaluator {
    /// On so many threads (one a core if `None`).
    pub fn new(simulation: Simulation, threads: Option<usize>, data: Data) -> Self {
        Self { simulation, threads, data }
    }

    /// What a machine gives with these keys set, in the SI base unit of the column's unit where it has one.
    ///
    /// # Errors
    /// The full message for the user.
    pub fn value(
        &self,
        machine: &str,
        set: &[(String, toml::Value)],
        of: &Of,
    ) -> Result<Result<f64, Skipped>, String> {
        let Of::Column { column, network, data, images, trials } = of else {
            let Of::Peak(name) = of else { return Err("nothing is computed".to_owned()) };
            let hardware = Hardware::load(machine, set).map_err(|e| e.to_string())?;
            let peak = ohmic_metrics::peak(&hardware).map_err(|e| e.to_string())?;
            let missing = || {
                let known: Vec<&str> = peak.components.iter().map(|c| c.name.as_str()).collect();
                format!("`{name}` names no component of `{machine}`; it has {}", known.join(", "))
            };
            return Ok(Ok(peak.figure(name).ok_or_else(missing)?));
        };
        let ran = data.as_ref().map(|data| Ran { data: data.clone(), images: *images, trials: *trials });
        let records = match self.records(machine, set, network, ran.as_ref())? {
            Ok(records) => records,
            Err(skipped) => return Ok(Err(skipped)),
        };
        let values: Vec<f64> = records.iter().filter_map(|r| r.get(column)?.number()).collect();
        if values.len() < records.len() {
            return Err(match data {
                Some(_) => format!("there is no number under `{column}` in the results of the run"),
                None => format!("`{column}` needs a run: add `data`, the data set"),
            });
        }
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let unit = ohmic_metrics::column(column).map_or(String::new(), |c| c.unit);
        Ok(Ok(mean * unit_of(&unit).map_or(1.0, |q| q.value_si)))
    }

    /// The results of a network on a machine, one a chip instance; with assumed activity if nothing is run.
    ///
    /// # Errors
    /// The full message for the user.
    pub fn records(
        &self,
        machine: &str,
        set: &[(String, toml::Value)],
        network: &str,
        ran: Option<&Ran>,
    ) -> Result<Result<Vec<Record>, Skipped>, String> {
        let Some(Ran { data, images, trials }) = ran else {
            let hardware = Hardware::load(machine, set).map_err(|e| e.to_string())?;
            let network = networks::load(network)?;
            let (.., record) = ohmic_metrics::assumed_cost(&network, &hardware).map_err(|e| e.to_string())?;
            return Ok(Ok(vec![record]));
        };
        if self.data == Data::Left {
            return Ok(Err(Skipped("data sets are left out".to_owned())));
        }
        let named = NAMED_SETS.iter().any(|set| *set != "glyphs" && set == data);
        let outside = networks::BUILT_IN
            .iter()
            .any(|n| n.name == network && n.weights.is_none() && !n.is_shapes_alone());
        if (named || outside) && data_folder().is_none() {
            return Ok(Err(Skipped("OHMIC_DATA is not set".to_owned())));
        }
        let point = Point {
            index: 0,
            seed: 1,
            hardware: machine.to_owned(),
            network: network.to_owned(),
            data: data.clone(),
            images: *images,
            trials: *trials,
            fidelity: Fidelity::Simulate,
            settings: set.to_vec(),
            axes: Vec::new(),
            folder: PathBuf::new(),
        };
        let case = self.simulation.case(&point)?;
        let all = self.simulation.trials(&case, &point, self.threads).map_err(|e| e.to_string())?;
        Ok(Ok(all.into_iter().map(|measured| measured.record).collect()))
    }
}
