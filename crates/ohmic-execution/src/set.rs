//! Running a whole data set through a chip, batch by batch, in parallel, with the same result for any
//! batch size and number of threads.

use crate::activity::Activity;
use crate::run::{LayerError, Probe};
use crate::{Chip, Error};
use ohmic_network::data::DataSetView;
use ohmic_network::reference::predictions;
use rayon::prelude::*;

/// How to run; none of it changes a result, but `probe_images` says how much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunOptions {
    /// Images run together: memory grows with it, results do not depend on it.
    pub batch: usize,
    /// Images, from the first on, whose layers are compared with the exact answer.
    pub probe_images: usize,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self { batch: 16, probe_images: 32 }
    }
}

/// What a data set gave.
#[derive(Clone, Debug, PartialEq)]
pub struct SetRun {
    /// Predicted class of every image.
    pub predictions: Vec<usize>,
    /// How many are right.
    pub correct: u64,
    /// What happened.
    pub activity: Activity,
    /// By layer index: error powers summed over the probed images; empty without a probe.
    pub errors: Vec<LayerError>,
}

impl Chip<'_> {
    /// Runs every image of a data set.
    ///
    /// # Errors
    /// See [`Chip::run`].
    ///
    /// # Panics
    /// `options.batch > 0`.
    pub fn run_set(&self, data: &DataSetView<'_>, options: RunOptions) -> Result<SetRun, Error> {
        assert!(options.batch > 0, "a batch of at least one image");
        let probed = options.probe_images.min(data.len());
        // batches end where probing ends, so that no batch is probed in part
        let starts: Vec<usize> = (0..probed).step_by(options.batch).collect();
        let mut rest = vec![0; data.len() - probed];
        let probe = || -> Vec<Result<_, Error>> {
            let one = |&start: &usize| {
                let end = (start + options.batch).min(probed);
                let run = self.run(&data.batch(start..end), start, Probe::LayerErrors)?;
                Ok((predictions(&run.output), run.activity, run.errors))
            };
            starts.par_iter().map(one).collect()
        };
        // counts add up the same in any order, so one sum a thread is kept, not one a batch
        let plain = || -> Vec<Result<Activity, Error>> {
            let one = |sum: &mut Activity, (i, predicted): (usize, &mut [usize])| {
                let start = probed + i * options.batch;
                let run = self.run(&data.batch(start..start + predicted.len()), start, Probe::Off)?;
                predicted.copy_from_slice(&predictions(&run.output));
                sum.merge(&run.activity);
                Ok(())
            };
            rest.par_chunks_mut(options.batch)
                .enumerate()
                .fold(
                    || Ok(Activity::default()),
                    |sum, part| {
                        let mut sum = sum?;
                        one(&mut sum, part).map(|()| sum)
                    },
                )
                .collect()
        };
        let (parts, sums) = rayon::join(probe, plain);
        let mut set = SetRun {
            predictions: Vec::with_capacity(data.len()),
            correct: 0,
            activity: Activity::default(),
            errors: if probed > 0 { vec![LayerError::default(); self.layers.len()] } else { Vec::new() },
        };
        for part in parts {
            let (predicted, activity, errors) = part?;
            set.predictions.extend(predicted);
            set.activity.merge(&activity);
            for (sum, errors) in set.errors.iter_mut().zip(errors) {
                // sample after sample: the order of these additions is that of the data set
                for error in errors {
                    sum.signal += error.signal;
                    sum.error += error.error;
                }
            }
        }
        for sum in sums {
            set.activity.merge(&sum?);
        }
        set.predictions.extend(rest);
        set.correct =
            set.predictions.iter().zip(data.labels()).filter(|&(&p, &label)| p == usize::from(label)).count()
                as u64;
        Ok(set)
    }
}
