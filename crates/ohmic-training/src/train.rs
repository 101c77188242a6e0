//! The training loop.

use crate::checkpoint::{self, State};
use crate::gradient::{batch_gradient, count_correct};
use crate::{Error, Recipe, optimizer, order};
use ohmic_network::Network;
use ohmic_network::data::{self, DataSet};
use ohmic_numerics::Noise;
use rayon::prelude::*;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What a run does with a checkpoint that it finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Start {
    /// Goes on from it; the result has the same bits as that of an undisturbed run.
    #[default]
    Continue,
    /// Throws it away.
    Afresh,
}

/// What does not decide the weights.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Folder for the checkpoint and the trained network; the recipe's own if `None`.
    pub output: Option<PathBuf>,
    /// What to do with a checkpoint that is there.
    pub start: Start,
    /// Stop after so many epochs of the recipe, with a checkpoint to go on from.
    pub stop_after_epochs: Option<u32>,
}

/// A step of a run that goes on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepReport {
    /// Epoch, from 1.
    pub epoch: u32,
    /// Epochs of the whole run.
    pub epochs: u32,
    /// Step in the epoch, from 1.
    pub step: usize,
    /// Steps of an epoch.
    pub steps: usize,
    /// Mean cross-entropy of the epoch so far in nats.
    pub loss: f64,
    /// Estimated seconds to the end of the run.
    pub seconds_left: f64,
}

/// An epoch that is done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpochReport {
    /// Epoch, from 1.
    pub epoch: u32,
    /// Epochs of the whole run.
    pub epochs: u32,
    /// Mean cross-entropy over the epoch in nats.
    pub loss: f64,
    /// Training samples that were right when they were seen.
    pub train_correct: usize,
    /// Training samples.
    pub train_images: usize,
    /// Test samples that are right after the epoch.
    pub test_correct: usize,
    /// Test samples.
    pub test_images: usize,
    /// Estimated seconds to the end of the run; NaN for an epoch of an earlier run.
    pub seconds_left: f64,
}

impl EpochReport {
    /// Share of the test samples that are right.
    pub fn test_accuracy(&self) -> f64 {
        self.test_correct as f64 / self.test_images as f64
    }
}

/// Whoever wants to see how a run goes on.
pub trait Progress {
    /// A step is done. Does nothing unless overridden.
    fn step(&mut self, _report: &StepReport) {}
    /// An epoch is done, and is durable in the checkpoint. Does nothing unless overridden.
    fn epoch(&mut self, _report: &EpochReport) {}
}

/// Nobody is watching.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {}

/// The result of a run.
#[derive(Debug)]
pub struct Trained {
    /// The network.
    pub network: Network,
    /// Its epochs, those of earlier runs that were continued included.
    pub history: Vec<EpochReport>,
    /// The folder that holds it, or the checkpoint if it is not finished.
    pub folder: PathBuf,
    /// Files written: `model.toml` and `weights.safetensors`; none if not finished.
    pub files: Vec<PathBuf>,
}

/// Trains a network as a recipe file says, and writes it.
///
/// The weights are a function of the recipe, the data and the machine's float kernels: the same for any
/// number of threads and with any interruptions. Another kind of processor adds in another order, so
/// kept weights go with their hash.
///
/// # Errors
/// The recipe, the data or the output folder are wrong, or the loss is not finite.
pub fn train(recipe: &Path, options: &Options, progress: &mut dyn Progress) -> Result<Trained, Error> {
    let recipe = Recipe::read(recipe)?;
    let own = recipe.path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = options.output.clone().unwrap_or_else(|| own.to_owned());
    // find out that nothing can be written before hours of work, not after
    std::fs::create_dir_all(&folder).map_err(|e| Error::io("create", &folder, e))?;
    let checkpoint = folder.join("training.checkpoint");
    checkpoint::write_whole(&folder.join("training.probe"), b"")?;
    let probe = folder.join("training.probe");
    std::fs::remove_file(&probe).map_err(|e| Error::io("remove", &probe, e))?;

    let train = data::load(&recipe.train)?;
    let test = data::load(&recipe.test)?;
    let network = recipe.untrained()?;
    train.all().fits(&network)?;
    test.all().fits(&network)?;
    let moments = network
        .nodes
        .iter()
        .flat_map(|n| n.layer.parameters())
        .flat_map(|(_, p)| std::iter::repeat_n(vec![0.0; p.len()], recipe.optimizer.moments()))
        .collect();
    let mut state = State { network, moments, history: Vec::new() };
    if options.start == Start::Continue {
        checkpoint::load(&checkpoint, &recipe, &mut state, [train.len(), test.len()])?;
    }

    let mut run = Run { recipe: &recipe, train: &train, test: &test, started: Instant::now(), steps_done: 0 };
    let stop = options.stop_after_epochs.unwrap_or(recipe.epochs).min(recipe.epochs);
    for epoch in state.history.len() as u32..stop {
        let report = run.epoch(epoch, &mut state, progress)?;
        state.history.push(report);
        checkpoint::save(&checkpoint, &recipe, &state)?;
        progress.epoch(&report);
    }
    let State { mut network, history, .. } = state;
    network.rehash();
    let mut files = Vec::new();
    if history.len() as u32 == recipe.epochs {
        files = crate::model::write(&folder, &recipe, &network, &history)?;
        match std::fs::remove_file(&checkpoint) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io("remove", &checkpoint, e));
            }
            _ => {}
        }
    }
    Ok(Trained { network, history, folder, files })
}

struct Run<'a> {
    recipe: &'a Recipe,
    train: &'a DataSet,
    test: &'a DataSet,
    started: Instant,
    steps_done: usize,
}

impl Run<'_> {
    fn epoch(
        &mut self,
        epoch: u32,
        state: &mut State,
        progress: &mut dyn Progress,
    ) -> Result<EpochReport, Error> {
        let recipe = self.recipe;
        let noise = Noise::new(recipe.seed);
        let order = order::shuffled(&noise, epoch, self.train.len());
        let steps = order.len().div_ceil(recipe.batch);
        let (mut loss, mut correct, mut seen) = (0.0, 0, 0);
        for (step, batch) in order.chunks(recipe.batch).enumerate() {
            let at = epoch as usize * steps + step;
            let rate = recipe.schedule.at(at, recipe.epochs, steps);
            let (samples, classes) = self.gather(&noise, epoch, batch);
            let gradient = batch_gradient(&state.network, &samples, &classes)?;
            if !gradient.loss.is_finite() {
                let loss = gradient.loss / batch.len() as f64;
                return Err(Error::Diverged { epoch: epoch + 1, step: step + 1, loss, rate });
            }
            let layers = state.network.nodes.iter_mut().map(|n| &mut n.layer);
            let how = (at, rate, recipe.weight_decay);
            optimizer::step(recipe.optimizer, how, layers, &gradient.parameters, &mut state.moments);
            loss += gradient.loss;
            correct += gradient.correct;
            seen += batch.len();
            self.steps_done += 1;
            progress.step(&StepReport {
                epoch: epoch + 1,
                epochs: recipe.epochs,
                step: step + 1,
                steps,
                loss: loss / seen as f64,
                seconds_left: self.seconds_left(recipe.epochs as usize * steps - at - 1),
            });
        }
        Ok(EpochReport {
            epoch: epoch + 1,
            epochs: recipe.epochs,
            loss: loss / seen as f64,
            train_correct: correct,
            train_images: self.train.len(),
            test_correct: count_correct(&state.network, &self.test.all()),
            test_images: self.test.len(),
            seconds_left: self.seconds_left((recipe.epochs - epoch - 1) as usize * steps),
        })
    }

    /// The samples of a batch, moved, and their classes.
    fn gather(&self, noise: &Noise, epoch: u32, batch: &[u32]) -> (Vec<f32>, Vec<u16>) {
        let reach = self.recipe.shift_pixels;
        let classes = batch.iter().map(|&i| self.train.labels[i as usize]).collect();
        let indices: Vec<usize> = batch.iter().map(|&i| i as usize).collect();
        let plain = self.train.gather(&indices).data;
        let &[_, height, width] = &self.recipe.input.0[..] else { return (plain, classes) };
        if reach == 0 {
            return (plain, classes);
        }
        let len = self.recipe.input.len();
        let mut moved = vec![0.0; plain.len()];
        moved.par_chunks_mut(len).zip(plain.par_chunks(len)).zip(batch).for_each(|((to, from), &i)| {
            let by = order::shift(noise, epoch, i, reach);
            order::copy_shifted(from, [height, width], by, to);
        });
        (moved, classes)
    }

    fn seconds_left(&self, steps: usize) -> f64 {
        self.started.elapsed().as_secs_f64() / self.steps_done.max(1) as f64 * steps as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::tests::SMALL;

    fn recipe(change: impl Fn(String) -> String) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recipe.toml");
        std::fs::write(&path, change(SMALL.to_owned())).unwrap();
        (folder, path)
    }

    #[derive(Default)]
    struct Count {
        steps: usize,
        epochs: Vec<EpochReport>,
    }
    impl Progress for Count {
        fn step(&mut self, report: &StepReport) {
            self.steps += 1;
            assert!(report.step <= report.steps && report.loss.is_finite());
        }
        fn epoch(&mut self, report: &EpochReport) {
            self.epochs.push(*report);
        }
    }

    #[test]
    fn learns_and_tells() {
        let (_folder, path) = recipe(|t| t);
        let mut count = Count::default();
        let trained = train(&path, &Options::default(), &mut count).unwrap();
        // 300 samples in batches of 32: 10 steps an epoch
        assert_eq!((count.steps, count.epochs.len()), (30, 3));
        assert!(trained.history[2].loss < trained.history[0].loss, "{:?}", trained.history);
        // chance is 30 of 300 with a deviation of 5.2
        assert!(trained.history[2].train_correct > 60, "{:?}", trained.history);
    }

    #[test]
    fn resumed_and_threaded_runs_have_the_same_bits() {
        let (_folder, path) = recipe(|t| t);
        let out = |name: &str| path.with_file_name(name);
        let with = |threads: usize, name: &str, stop| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let options = Options { output: Some(out(name)), stop_after_epochs: stop, ..Options::default() };
            pool.install(|| train(&path, &options, &mut Silent)).unwrap()
        };
        let whole = with(1, "one", None);
        assert_eq!(whole.network.hash, with(2, "two", None).network.hash);
        assert_eq!(whole.network.hash, with(7, "seven", None).network.hash);
        let half = with(2, "resumed", Some(1));
        assert!(half.files.is_empty() && half.network.hash != whole.network.hash);
        assert!(out("resumed").join("training.checkpoint").exists());
        let rest = with(1, "resumed", None);
        assert_eq!(rest.network.hash, whole.network.hash);
        assert_eq!(rest.history.len(), 3);
        assert!(!out("resumed").join("training.checkpoint").exists());
        for file in &whole.files {
            let name = file.file_name().unwrap();
            let same = std::fs::read(file).unwrap() == std::fs::read(out("resumed").join(name)).unwrap();
            assert!(same, "{name:?}");
        }
        let model = ohmic_network::read::load_model(&out("one")).unwrap();
        assert_eq!(model.network.hash, whole.network.hash);
        let reference = model.info.reference.unwrap();
        assert_eq!((reference.images, reference.accuracy), (100, whole.history[2].test_accuracy()));
    }

    #[test]
    fn damaged_and_foreign_checkpoints_are_refused() {
        let (folder, path) = recipe(|t| t);
        let options = Options { stop_after_epochs: Some(1), ..Options::default() };
        train(&path, &options, &mut Silent).unwrap();
        let checkpoint = folder.path().join("training.checkpoint");
        let good = std::fs::read(&checkpoint).unwrap();
        let refused = || train(&path, &options, &mut Silent).unwrap_err().to_string();
        for bad in [&good[..good.len() / 2], &[good.as_slice(), b"x"].concat(), b""] {
            std::fs::write(&checkpoint, bad).unwrap();
            assert!(refused().contains("is damaged"), "{}", refused());
        }
        std::fs::write(&checkpoint, &good).unwrap();
        std::fs::write(&path, SMALL.replace("seed = 5", "seed = 6")).unwrap();
        assert!(refused().contains("another text of the recipe"), "{}", refused());
        let afresh = Options { start: Start::Afresh, ..Options::default() };
        assert_eq!(train(&path, &afresh, &mut Silent).unwrap().history.len(), 3);
    }

    #[test]
    fn a_diverging_run_says_where() {
        let (_folder, path) = recipe(|t| {
            t.replace("rate = 0.05", "rate = 1000").replace("factor = 0.00392156862745098", "factor = 1e30")
        });
        let e = train(&path, &Options::default(), &mut Silent).unwrap_err();
        assert!(matches!(e, Error::Diverged { epoch: 1, .. }), "{e}");
        assert!(e.to_string().contains("lower `learning_rate.rate`"), "{e}");
    }

    #[test]
    fn an_output_folder_that_cannot_be_written_is_found_at_once() {
        let (folder, path) = recipe(|t| t);
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let options = Options { output: Some(file.join("out")), ..Options::default() };
        let e = train(&path, &options, &mut Silent).unwrap_err();
        assert!(matches!(e, Error::Io { action: "create", .. }), "{e}");
    }
}
