//! The real evaluation: hardware, network and data become a chip, its run a record.

use crate::cache::{Cache, Stage, Uses};
use crate::memory::{Budget, Need, Room};
use crate::reuse::{Age, StageKeys};
use crate::runner::in_lanes;
use crate::{Error, Evaluate, Fidelity, Point, Prepared, networks};
use ohmic_execution::{
    Calibration, Chip, ChipBuilder, Compensation, Design, EncodedNetwork, ProgrammedLayer, RunOptions,
    Shortcuts, SumHistogram,
};
use ohmic_hardware::{Correction, Event, Hardware, InputRange, Precision, WeightScale};
use ohmic_mapping::Plan;
use ohmic_metrics::{COLUMNS, Digital, Measured};
use ohmic_network::data::{self, DataSet, DataSource, DataSpec, DataSplit};
use ohmic_network::quantization::{self, QuantizeOptions, Quantized};
use ohmic_network::reference::{FloatEngine, IntegerEngine, accuracy};
use ohmic_network::{MvmEngine, Network, Weights};
use ohmic_numerics::{Noise, Seed};
use ohmic_results::{Column, Record};
use rayon::ThreadPool;
use rayon::prelude::*;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// Evaluates points by simulation. What points have in common is computed once and shared, as far as there
/// is memory for it.
#[derive(Debug)]
pub struct Simulation {
    budget: Budget,
    pub(crate) cache: Cache,
    /// Images that one thread runs together.
    batch: AtomicUsize,
}

impl Default for Simulation {
    fn default() -> Self {
        Self::new(Budget::default())
    }
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
    /// How the point asks to be evaluated.
    pub(crate) fidelity: Fidelity,
    /// Accuracy without analog parts.
    pub digital: Digital,
    test: Arc<LoadedSet>,
    calibration: Arc<LoadedSet>,
    pub(crate) keys: StageKeys,
    /// What compensation is learned on, if there is any.
    pub(crate) learning: Option<Arc<LoadedSet>>,
}

#[derive(Debug)]
pub(crate) struct LoadedSet {
    pub(crate) set: DataSet,
    hash: String,
}

/// A network in integers, and what each layer's weights are, in words.
#[derive(Debug)]
pub(crate) struct Integers {
    pub(crate) quantized: Arc<Quantized>,
    /// By layer index.
    pub(crate) weights: Vec<String>,
}

impl Case {
    /// The test images.
    pub(crate) fn test(&self) -> &DataSet {
        &self.test.set
    }

    /// The images that scales and ranges are chosen on.
    pub(crate) fn calibration(&self) -> &DataSet {
        &self.calibration.set
    }
}

impl Simulation {
    /// A simulation that keeps within a budget of memory.
    pub fn new(budget: Budget) -> Self {
        // until the points are known, nothing is computed that could be dropped
        Self { budget, cache: Cache::new(0), batch: AtomicUsize::new(1) }
    }

    /// How often the values of each stage were found and computed so far.
    pub fn uses(&self) -> Vec<(Stage, Uses)> {
        self.cache.uses()
    }

    /// The most bytes that values which can be computed again have taken at one time.
    pub fn most_kept_bytes(&self) -> usize {
        self.cache.most_bytes()
    }

    /// The memory that it may take.
    pub fn budget(&self) -> Budget {
        self.budget
    }

    /// Reads and checks everything a point names.
    ///
    /// # Errors
    /// The full message for the user.
    pub fn case(&self, point: &Point) -> Result<Case, String> {
        self.case_on(point, None)
    }

    /// The same, with the work on the threads of `pool`, of which the caller is none; on the caller's if `None`.
    fn case_on(&self, point: &Point, pool: Option<&ThreadPool>) -> Result<Case, String> {
        let hardware =
            Hardware::load(&point.locate(&point.hardware), &point.settings).map_err(|e| e.to_string())?;
        let network = self.cache.get(Stage::Network, &point.locate(&point.network), network_bytes, || {
            networks::load(&point.locate(&point.network))
        })?;
        if network.weights == Weights::Unknown {
            return Err(format!(
                "network `{}` has shapes and no weights (weights.file = \"none\"): it can be costed with assumed activity \
                 (`ohmic cost --assume`), not run",
                network.name
            ));
        }
        let precision = hardware.precision();
        let learned_on = hardware.compensation().map_or(0, |policy| policy.images);
        let images = point.images + precision.calibration_images.max(learned_on);
        self.budget.holds_images(images, network.input.len())?;
        let test = self.tested(point, pool)?;
        let fits = |set: &LoadedSet| set.set.all().fits(&network).map_err(|e| e.to_string());
        // what does not fit at all is said before what there is too little of
        fits(&test)?;
        let calibration =
            self.beside(point, precision.calibration_images, "precision.calibration_images", pool)?;
        let learning = match hardware.compensation() {
            Some(policy) => Some(self.beside(point, policy.images, "compensation.images", pool)?),
            None => None,
        };
        for set in std::iter::once(&calibration).chain(&learning) {
            fits(set)?;
        }
        let options = quantize_options(&precision);
        let same_integers = format!("{} {} {options:?}", network.hash, calibration.hash);
        let integers = self.cache.get(Stage::Integers, &same_integers, Integers::bytes, || {
            install(pool, || quantization::quantize(&network, &options, &calibration.set.all()))
                .map(Integers::new)
                .map_err(|e| e.to_string())
        })?;
        let quantized = Arc::clone(&integers.quantized);
        let fraction = |correct: usize| correct as f64 / test.set.len() as f64;
        let reference = |name: String, compute: &(dyn Fn() -> Result<usize, String> + Sync)| {
            let compute = || install(pool, compute);
            self.cache.get(Stage::Reference, &name, |_| size_of::<usize>(), compute).map(|correct| *correct)
        };
        let float = reference(format!("float {} {}", network.hash, test.hash), &|| {
            correct(&network, &test.set, || FloatEngine)
        })?;
        let integer = reference(format!("integer {same_integers} {}", test.hash), &|| {
            correct(&network, &test.set, || IntegerEngine::new(&quantized))
        })?;
        let plan = ohmic_mapping::map(&network, &quantized, &hardware).map_err(|e| e.to_string());
        let digital =
            Digital { float_accuracy: Some(fraction(float)), integer_accuracy: Some(fraction(integer)) };
        let keys = StageKeys::new(&hardware, &same_integers, &integers.weights);
        let fidelity = point.fidelity;
        Ok(Case { fidelity, hardware, network, quantized, plan, digital, test, calibration, learning, keys })
    }

    /// Runs one chip instance, on the threads of `pool`, and reduces the run. Not to be called from one of
    /// those threads.
    ///
    /// # Errors
    /// Why the chip cannot be programmed, run or priced.
    pub fn measure(
        &self,
        design: &PointDesign<'_>,
        point: &Point,
        trial: u32,
        pool: &ThreadPool,
    ) -> Result<Measured, String> {
        let PointDesign { case, plan, quiet, .. } = design;
        let mut chip = self.chip(design, point, trial, Age::Now, pool)?;
        if let (true, Some(measured)) = (chip.is_quiet(), quiet.get()) {
            return Ok(measured.clone());
        }
        if let (Some(policy), Some(learning)) = (case.hardware.compensation(), &case.learning) {
            // a gain is what the chip has lost: right after programming, nothing
            let fresh = match policy.correction {
                Correction::LayerGain | Correction::OutputGain
                    if case.hardware.conditions().elapsed_s > 0.0 =>
                {
                    Some(self.chip(design, point, trial, Age::Fresh, pool)?)
                }
                _ => None,
            };
            let images = learning.set.batch(0..learning.set.len());
            let learned = pool
                .install(|| Compensation::learn(&chip, fresh.as_ref(), policy.correction, &images))
                .map_err(|e| e.to_string())?;
            chip = chip.compensated(learned);
        }
        let options = RunOptions { batch: self.batch.load(Ordering::Relaxed), ..RunOptions::default() };
        let measured = pool.install(|| -> Result<Measured, String> {
            let run = chip.run_set(&case.test.set.all(), options).map_err(|e| e.to_string())?;
            ohmic_metrics::evaluate(&case.network, plan, &case.hardware, &chip, &run, case.digital)
                .map_err(|e| e.to_string())
        })?;
        if chip.is_quiet() {
            // another instance may have been first; it found the same
            let _ = quiet.set(measured.clone());
        }
        Ok(measured)
    }

    /// One chip instance, as it is when it is read or as it was right after programming.
    fn chip<'d>(
        &self,
        design: &'d PointDesign<'_>,
        point: &Point,
        trial: u32,
        age: Age,
        pool: &ThreadPool,
    ) -> Result<Chip<'d>, String> {
        let PointDesign { case, design, .. } = design;
        let noise = Noise::new(Seed(point.seed)).instance(trial);
        let conditions = match age {
            Age::Now => *case.hardware.conditions(),
            Age::Fresh => case.hardware.conditions().fresh(),
        };
        let mut chip = ChipBuilder::new(design, noise, Shortcuts::Taken);
        for id in design.layers() {
            let key = case.keys.cells(id, point.seed, trial, age);
            let cells = self.cache.get(Stage::Cells, &key, ProgrammedLayer::bytes, || {
                pool.install(|| ProgrammedLayer::program_until(design, id, &noise, &conditions))
                    .map_err(|e| e.to_string())
            })?;
            pool.install(|| chip.place(id, &cells));
        }
        Ok(chip.finish())
    }

    /// Every chip instance of a point, in order, on `threads` threads (one a core if `None`).
    ///
    /// # Errors
    /// Too little memory, no threads, or why a trial cannot be computed.
    pub fn trials(&self, case: &Case, point: &Point, threads: Option<usize>) -> Result<Vec<Measured>, Error> {
        let pool = crate::runner::pool(threads)?;
        let failed = |problem| Error::Trial { problem };
        let lanes = self.in_flight(&[case], pool.current_num_threads()).map_err(failed)?;
        let design = self.design(case, point, &pool).map_err(failed)?;
        let done: Vec<OnceLock<Result<Measured, String>>> =
            (0..point.trials).map(|_| OnceLock::new()).collect();
        in_lanes(lanes, done.len(), |trial| {
            let _ = done[trial].set(self.measure(&design, point, trial as u32, &pool));
        });
        done.into_iter().filter_map(OnceLock::into_inner).map(|result| result.map_err(failed)).collect()
    }

    /// What the converters of every layer meet on the calibration images of a point, and the ranges chosen by it,
    /// on `threads` threads (one a core if `None`).
    ///
    /// # Errors
    /// No threads, or why the network cannot be encoded or calibrated.
    pub fn histograms(&self, case: &Case, threads: Option<usize>) -> Result<Vec<SumHistogram>, Error> {
        let pool = crate::runner::pool(threads)?;
        let failed = |problem| Error::Trial { problem };
        let design = self.designed(case, &pool).map_err(failed)?;
        let seen = self.calibration(case, &design, &pool).map_err(failed)?;
        Ok(seen.histograms(&design))
    }

    /// The encoded network, its ranges chosen.
    fn designed<'a>(&'a self, case: &'a Case, pool: &ThreadPool) -> Result<Design<'a>, String> {
        let plan = case.plan.as_ref().map_err(Clone::clone)?;
        let keys = &case.keys;
        let encoded = self.cache.get(Stage::Encoding, &keys.encoding, EncodedNetwork::bytes, || {
            pool.install(|| EncodedNetwork::new(&case.quantized, plan, &case.hardware))
                .map_err(|e| e.to_string())
        })?;
        let mut design = Design::uncalibrated(&case.network, &case.quantized, plan, &case.hardware, &encoded);
        if design.asks_for_calibration() {
            let ranges = self.calibration(case, &design, pool)?;
            design.calibrate(&ranges);
        }
        Ok(design)
    }

    fn calibration(
        &self,
        case: &Case,
        design: &Design<'_>,
        pool: &ThreadPool,
    ) -> Result<Arc<Calibration>, String> {
        self.cache.get(Stage::Calibration, &case.keys.calibration, Calibration::bytes, || {
            let set = &case.calibration.set;
            let images = set.batch(0..set.len());
            pool.install(|| Calibration::observe(design, &images)).map_err(|e| e.to_string())
        })
    }

    /// The test images of a point and the images that its scales and ranges are chosen on.
    fn tested(&self, point: &Point, pool: Option<&ThreadPool>) -> Result<Arc<LoadedSet>, String> {
        let spec = data_spec(&point.locate(&point.data))?;
        let test = self.load(&spec.clone().with_limit(point.images), pool)?;
        if test.set.len() < point.images {
            return Err(format!(
                "data set `{}` has {} images, {} are asked for; lower `run.images`",
                point.data,
                test.set.len(),
                point.images
            ));
        }
        Ok(test)
    }

    /// Images of the point's data set that are not tested, as many as the key `key` says.
    fn beside(
        &self,
        point: &Point,
        images: usize,
        key: &str,
        pool: Option<&ThreadPool>,
    ) -> Result<Arc<LoadedSet>, String> {
        let mut calibration = data_spec(&point.locate(&point.data))?.with_limit(images);
        match calibration.source {
            DataSource::Glyphs | DataSource::Named(_) => {
                calibration = calibration.with_split(DataSplit::Calibration);
            }
            // a file has no part of its own for this: what follows the test images is never tested
            _ => calibration.first += point.images,
        }
        let set = self.load(&calibration, pool).map_err(|problem| {
            format!("images for calibration (`{key}`), beside the test images: {problem}")
        })?;
        if set.set.len() < images {
            return Err(format!(
                "data set `{}` has {} images beside the test images, {images} are asked for; lower `{key}`",
                point.data,
                set.set.len(),
            ));
        }
        Ok(set)
    }

    fn load(&self, spec: &DataSpec, pool: Option<&ThreadPool>) -> Result<Arc<LoadedSet>, String> {
        let bytes = |set: &LoadedSet| set.set.bytes();
        self.cache.get(Stage::Data, &format!("{spec:?}"), bytes, || {
            let set = install(pool, || data::load(spec)).map_err(|e| e.to_string())?;
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
            Ok(LoadedSet { set, hash: hash.finalize().to_hex().to_string() })
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

    fn prepare(&self, point: &Point, pool: &ThreadPool) -> Result<Prepared<Case>, String> {
        let case = self.case_on(point, Some(pool))?;
        let resolved = case.hardware.resolved().to_owned();
        let mut identity = format!("{} {} {}", case.network.hash, case.test.hash, case.calibration.hash);
        if let Some(learning) = &case.learning {
            identity = format!("{identity} {}", learning.hash);
        }
        Ok(Prepared { case, resolved, identity })
    }

    fn in_flight(&self, cases: &[&Case], threads: usize) -> Result<usize, String> {
        let most = |a: Need, b: Need| Need {
            trial: a.trial.max(b.trial),
            image: a.image.max(b.image),
            vectors: a.vectors.max(b.vectors),
        };
        let need = cases.iter().map(|case| Need::of(case)).fold(Need::default(), most);
        let room = Room::share(self.budget, self.cache.held_bytes(), need, threads)?;
        self.batch.store(room.batch, Ordering::Relaxed);
        self.cache.set_budget(room.cache);
        Ok(room.lanes)
    }

    fn design<'a>(&'a self, case: &'a Case, _: &Point, pool: &ThreadPool) -> Result<PointDesign<'a>, String> {
        let plan = case.plan.as_ref().map_err(Clone::clone)?;
        let design = self.designed(case, pool)?;
        Ok(PointDesign { case, plan, design, quiet: OnceLock::new() })
    }

    fn evaluate(
        &self,
        design: &PointDesign<'_>,
        point: &Point,
        trial: u32,
        pool: &ThreadPool,
    ) -> Result<Record, String> {
        let mut record = Record::new();
        if point.fidelity.predicts() {
            record = self.predicted(design, pool)?;
        }
        if point.fidelity != Fidelity::Predict {
            let measured = self.measure(design, point, trial, pool)?;
            measured.record.iter().for_each(|(name, value)| record.set(name, value.clone()));
        }
        Ok(record)
    }

    fn choose(&self, cases: &[&Case], points: &mut [Point], pool: &ThreadPool) -> Result<(), String> {
        self.keep_front(cases, points, pool)
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
    let predicts = cases.iter().any(|case| case.fidelity.predicts());
    for &(name, ..) in COLUMNS.iter().filter(|c| predicts || !c.0.starts_with("predicted_")) {
        let names: Vec<String> = match name {
            "energy:" | "area:" => components.iter().map(|member| format!("{name}{member}")).collect(),
            "events:" => Event::ALL.map(|event| format!("{name}{}", event.name())).to_vec(),
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

pub(crate) fn quantize_options(precision: &Precision) -> QuantizeOptions {
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

/// Calls `work` on the threads of a pool, or here.
fn install<T: Send>(pool: Option<&ThreadPool>, work: impl FnOnce() -> T + Send) -> T {
    match pool {
        Some(pool) => pool.install(work),
        None => work(),
    }
}

/// Images that a digital engine puts into the right class.
fn correct<E: MvmEngine>(
    network: &Network,
    set: &DataSet,
    engine: impl Fn() -> E + Sync,
) -> Result<usize, String> {
    // small enough that every thread has some
    const PART: usize = 32;
    let starts: Vec<usize> = (0..set.len()).step_by(PART).collect();
    starts
        .par_iter()
        .map(|&first| {
            let part = set.view(first..set.len().min(first + PART));
            accuracy(network, &part, &mut engine()).map_err(|e| e.to_string())
        })
        .sum()
}

impl Integers {
    pub(crate) fn new(quantized: Quantized) -> Self {
        let weights = quantized.layers.iter().map(|layer| {
            let Some(layer) = layer else { return String::new() };
            let mut hash = blake3::Hasher::new();
            for group in &layer.weights {
                hash.update(format!("{} x {}", group.rows(), group.cols()).as_bytes());
                group.as_slice().iter().for_each(|weight| {
                    hash.update(&weight.to_le_bytes());
                });
            }
            format!("{} of {} bits", hash.finalize().to_hex(), layer.weight_bits)
        });
        Self { weights: weights.collect(), quantized: Arc::new(quantized) }
    }

    fn bytes(&self) -> usize {
        let weights = self.quantized.layers.iter().flatten().flat_map(|layer| &layer.weights);
        weights.map(|group| size_of_val(group.as_slice())).sum()
    }
}

fn network_bytes(network: &Network) -> usize {
    let parameters = network.nodes.iter().flat_map(|node| node.layer.parameters());
    parameters.map(|(_, values)| size_of_val(values)).sum()
}
