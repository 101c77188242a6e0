//! The real evaluation: hardware, network and data become a chip, its run a record.

use crate::{Evaluate, Point, Prepared, networks};
use ohmic_execution::{Chip, Design, RunOptions, Shortcuts};
use ohmic_hardware::{Hardware, InputRange, Precision, WeightScale};
use ohmic_mapping::Plan;
use ohmic_metrics::{COLUMNS, Digital, Measured};
use ohmic_network::data::{self, DataSet, DataSource, DataSpec, DataSplit};
use ohmic_network::quantization::{self, QuantizeOptions, Quantized};
use ohmic_network::reference::{FloatEngine, IntegerEngine, accuracy};
use ohmic_network::{MvmEngine, Network};
use ohmic_numerics::{Noise, Seed};
use ohmic_results::{Column, Record};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Evaluates points by simulation. Networks, data sets and quantized networks are read once and shared.
#[derive(Debug, Default)]
pub struct Simulation {
    networks: Cache<Arc<Network>>,
    sets: Cache<Arc<LoadedSet>>,
    quantized: Cache<Arc<Quantized>>,
    correct: Cache<usize>,
}

/// What a point names, read and checked.
#[derive(Debug)]
pub struct Case {
    /// The machine.
    pub hardware: Hardware,
    /// The network, batch normalisation folded.
    pub network: Arc<Network>,
    /// Its integer form.
    pub quantized: Arc<Quantized>,
    /// Where it sits, or why it cannot be mapped.
    pub plan: Result<Plan, String>,
    /// Accuracy without analog parts.
    pub digital: Digital,
    test: Arc<LoadedSet>,
    calibration: Arc<LoadedSet>,
}

#[derive(Debug)]
struct LoadedSet {
    set: DataSet,
    hash: String,
}

impl Simulation {
    /// Reads and checks everything a point names.
    ///
    /// # Errors
    /// The full message for the user.
    pub fn case(&self, point: &Point) -> Result<Case, String> {
        let hardware =
            Hardware::load(&point.locate(&point.hardware), &point.settings).map_err(|e| e.to_string())?;
        let network = self
            .networks
            .get(&point.network, || networks::load(&point.locate(&point.network)).map(Arc::new))?;
        let precision = hardware.precision();
        let (test, calibration) = self.data(point, &precision)?;
        for set in [&test, &calibration] {
            set.set.all().fits(&network).map_err(|e| e.to_string())?;
        }
        let options = quantize_options(&precision);
        let same_integers = format!("{} {} {options:?}", network.hash, calibration.hash);
        let quantized = self.quantized.get(&same_integers, || {
            quantization::quantize(&network, &options, &calibration.set.all())
                .map(Arc::new)
                .map_err(|e| e.to_string())
        })?;
        let fraction = |correct: usize| correct as f64 / test.set.len() as f64;
        let float = self.correct.get(&format!("float {} {}", network.hash, test.hash), || {
            correct(&network, &test.set, || FloatEngine)
        })?;
        let integer = self.correct.get(&format!("integer {same_integers} {}", test.hash), || {
            correct(&network, &test.set, || IntegerEngine::new(&quantized))
        })?;
        let plan = ohmic_mapping::map(&network, &quantized, &hardware).map_err(|e| e.to_string());
        let digital =
            Digital { float_accuracy: Some(fraction(float)), integer_accuracy: Some(fraction(integer)) };
        Ok(Case { hardware, network, quantized, plan, digital, test, calibration })
    }

    /// Runs one chip instance and reduces the run.
    ///
    /// # Errors
    /// Why the chip cannot be programmed, run or priced.
    pub fn measure(&self, design: &PointDesign<'_>, point: &Point, trial: u32) -> Result<Measured, String> {
        let PointDesign { case, plan, design, quiet } = design;
        let noise = Noise::new(Seed(point.seed)).instance(trial);
        let chip = Chip::program(design, noise, Shortcuts::Taken).map_err(|e| e.to_string())?;
        if let (true, Some(measured)) = (chip.is_quiet(), quiet.get()) {
            return Ok(measured.clone());
        }
        let run = chip.run_set(&case.test.set.all(), RunOptions::default()).map_err(|e| e.to_string())?;
        let measured =
            ohmic_metrics::evaluate(&case.network, plan, &case.hardware, &chip, &run, case.digital)
                .map_err(|e| e.to_string())?;
        if chip.is_quiet() {
            // another instance may have been first; it found the same
            let _ = quiet.set(measured.clone());
        }
        Ok(measured)
    }

    /// The test images of a point and the images that its scales and ranges are chosen on.
    fn data(&self, point: &Point, precision: &Precision) -> Result<(Arc<LoadedSet>, Arc<LoadedSet>), String> {
        let spec = data_spec(&point.locate(&point.data))?;
        let test = self.load(&spec.clone().with_limit(point.images))?;
        if test.set.len() < point.images {
            return Err(format!(
                "data set `{}` has {} images, {} are asked for; lower `run.images`",
                point.data,
                test.set.len(),
                point.images
            ));
        }
        let mut calibration = spec.with_limit(precision.calibration_images);
        match calibration.source {
            DataSource::Glyphs | DataSource::Named(_) => {
                calibration = calibration.with_split(DataSplit::Calibration);
            }
            // a file has no part of its own for this: what follows the test images is never tested
            _ => calibration.first += point.images,
        }
        let calibration = self.load(&calibration).map_err(|problem| {
            format!(
                "images for calibration (`precision.calibration_images`), beside the test images: {problem}"
            )
        })?;
        Ok((test, calibration))
    }

    fn load(&self, spec: &DataSpec) -> Result<Arc<LoadedSet>, String> {
        self.sets.get(&format!("{spec:?}"), || {
            let set = data::load(spec).map_err(|e| e.to_string())?;
            let mut hash = blake3::Hasher::new();
            hash.update(format!("{} {}", set.shape, set.classes).as_bytes());
            for first in (0..set.len()).step_by(256) {
                for value in set.batch(first..set.len().min(first + 256)).data {
                    hash.update(&value.to_le_bytes());
                }
            }
            for label in &set.labels {
                hash.update(&label.to_le_bytes());
            }
            Ok(Arc::new(LoadedSet { set, hash: hash.finalize().to_hex().to_string() }))
        })
    }
}

/// A point's network encoded for its machine: what all its chip instances share.
#[derive(Debug)]
pub struct PointDesign<'a> {
    /// What the point names.
    pub case: &'a Case,
    /// Where the network sits.
    pub plan: &'a Plan,
    /// The encoded network.
    pub design: Design<'a>,
    /// What a chip without anything random gave: the same for all its instances.
    quiet: OnceLock<Measured>,
}

impl Evaluate for Simulation {
    type Case = Case;
    type Design<'a> = PointDesign<'a>;

    fn prepare(&self, point: &Point) -> Result<Prepared<Case>, String> {
        let case = self.case(point)?;
        let resolved = case.hardware.resolved().to_owned();
        let identity = format!("{} {} {}", case.network.hash, case.test.hash, case.calibration.hash);
        Ok(Prepared { case, resolved, identity })
    }

    fn design<'a>(&'a self, case: &'a Case, _: &Point) -> Result<PointDesign<'a>, String> {
        let plan = case.plan.as_ref().map_err(Clone::clone)?;
        let set = &case.calibration.set;
        let calibration = set.batch(0..set.len());
        let design = Design::new(&case.network, &case.quantized, plan, &case.hardware, &calibration)
            .map_err(|e| e.to_string())?;
        Ok(PointDesign { case, plan, design, quiet: OnceLock::new() })
    }

    fn evaluate(&self, design: &PointDesign<'_>, point: &Point, trial: u32) -> Result<Record, String> {
        self.measure(design, point, trial).map(|measured| measured.record)
    }

    fn columns(&self, cases: &[&Case]) -> Vec<Column> {
        columns(cases)
    }
}

/// The columns of the records that these cases give: a family (`energy:`) has one for each component
/// or layer of any of them.
fn columns(cases: &[&Case]) -> Vec<Column> {
    let mut components: Vec<&str> = Vec::new();
    let mut layers: Vec<&str> = Vec::new();
    for case in cases {
        let names = case.hardware.components().iter().map(|c| c.name.as_str());
        components.extend(names.filter(|n| !components.contains(n)).collect::<Vec<_>>());
        let names = case.network.mvm_layers().map(|(_, node)| node.name.as_str());
        layers.extend(names.filter(|n| !layers.contains(n)).collect::<Vec<_>>());
    }
    let mut columns = Vec::new();
    for &(name, ..) in COLUMNS {
        let names: Vec<String> = match name {
            "energy:" | "area:" => components.iter().map(|member| format!("{name}{member}")).collect(),
            family if family.ends_with(':') => {
                layers.iter().map(|member| format!("{name}{member}")).collect()
            }
            single => vec![single.to_owned()],
        };
        columns.extend(names.iter().filter_map(|name| ohmic_metrics::column(name)));
    }
    columns
}

/// The data set of a name, of files, or of a data file.
///
/// # Errors
/// Nothing is known under that name, or the file is wrong.
pub fn data_spec(name: &str) -> Result<DataSpec, String> {
    if !name.ends_with(".toml") {
        return DataSpec::parse(name).map_err(|e| e.to_string());
    }
    let path = Path::new(name);
    let text = std::fs::read_to_string(path).map_err(|e| format!("cannot read the data file {name}: {e}"))?;
    let table: toml::Table = toml::from_str(&text).map_err(|e| format!("{name}: {e}"))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    DataSpec::from_toml(&toml::Value::Table(table), folder).map_err(|e| format!("{name}: {e}"))
}

fn quantize_options(precision: &Precision) -> QuantizeOptions {
    QuantizeOptions {
        weight_bits: precision.weight_bits,
        input_bits: precision.input_bits,
        weight_scale: match precision.weight_scale {
            WeightScale::Layer => quantization::WeightScale::Layer,
            WeightScale::Output => quantization::WeightScale::Output,
        },
        input_range: match precision.input_range {
            InputRange::Max => quantization::InputRange::Max,
            InputRange::Percentile(p) => quantization::InputRange::Percentile(p),
            InputRange::MeanSquaredError => quantization::InputRange::Mse,
        },
    }
}

/// Images that a digital engine puts into the right class.
fn correct<E: MvmEngine>(
    network: &Network,
    set: &DataSet,
    engine: impl Fn() -> E + Sync,
) -> Result<usize, String> {
    let starts: Vec<usize> = (0..set.len()).step_by(128).collect();
    starts
        .par_iter()
        .map(|&first| {
            let part = set.view(first..set.len().min(first + 128));
            accuracy(network, &part, &mut engine()).map_err(|e| e.to_string())
        })
        .sum()
}

/// Values by name, computed once. Nothing is locked while one is computed: two threads may compute
/// the same value, which costs time but cannot wait for each other.
#[derive(Debug)]
struct Cache<T>(Mutex<BTreeMap<String, T>>);

impl<T> Default for Cache<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Cache<T> {
    fn get(&self, name: &str, compute: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
        let known = |cache: &Self| {
            let values = cache.0.lock().unwrap_or_else(PoisonError::into_inner);
            values.get(name).cloned()
        };
        if let Some(value) = known(self) {
            return Ok(value);
        }
        let value = compute()?;
        let mut values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(values.entry(name.to_owned()).or_insert(value).clone())
    }
}
