//! Whole tasks, in seconds, as a user would start them.

use crate::Figure;
use crate::case::Outcomes;
use crate::error::Problem;
use crate::machine::Machine;
use crate::setup::{Cells, Prepared, Slicing, hardware};
use crate::timing::Pace;
use ohmic_execution::{Chip, Probe, Shortcuts};
use ohmic_network::data::{DATA_FOLDER_KNOB, DataSpec, DataSplit, data_folder, load};
use ohmic_numerics::{Noise, Seed};
use ohmic_sweep::{Options, Simulation, SweepFile};
use rayon::prelude::*;
use std::path::PathBuf;
use std::time::Instant;

/// Seconds that the sweep may take.
const SWEEP_SECONDS: f64 = 5.0;
/// Seconds that ResNet-20 may take.
const RESNET_SECONDS: f64 = 15.0;

/// A folder that is removed with what is in it.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The sweep file; a small one if it is not for a figure.
fn sweep_text(full: bool) -> String {
    let (network, data) =
        if data_folder().is_some() { ("lenet5-mnist", "mnist") } else { ("lenet5-glyphs", "glyphs") };
    let (images, trials, points) = if full { (1000, 5, 10) } else { (4, 1, 2) };
    let spreads: Vec<String> = (1..=points).map(|i| format!("{:.2}", f64::from(i) * 0.02)).collect();
    format!(
        "# How long does a bit-sliced sweep of LeNet-5 take?\nseed = 1\n[run]\nnetwork = \"{network}\"\ndata = \"{data}\"\n\
         images = {images}\ntrials = {trials}\nhardware = [\"isaac_isca_2016\"]\n[set]\nprecision.weight_bits = 8\n\
         precision.input_bits = 8\ndevice.kind = \"gaussian_absolute\"\ndevice.g_max = \"0.814 uS\"\n\
         device.on_off_ratio = 1500\n[[axis]]\nkey = \"device.sigma_fraction\"\nvalues = [{}]\n",
        spreads.join(", ")
    )
}

/// 10 spreads x 5 chips x 1000 images of LeNet-5 with ISAAC's slices, from a sweep file to its results.
pub(crate) fn sweep(machine: &Machine) -> Result<Outcomes, Problem> {
    let full = machine.pace == Pace::Full;
    let file = SweepFile::parse("the sweep of a benchmark", &sweep_text(full))?;
    let mut times = Vec::new();
    for repetition in 0..if full { 2 } else { 1 } {
        let out = std::env::temp_dir().join(format!("ohmic-bench-{}-{repetition}", std::process::id()));
        let scratch = Scratch(out);
        let options =
            Options { out: &scratch.0, threads: Some(machine.most()), shard: None, progress: &|_| () };
        let start = Instant::now();
        let outcome = ohmic_sweep::run(&file, &Simulation::default(), &options)?;
        if let Some((point, message)) = outcome.failed.first() {
            return Err(format!("{point}: {message}").into());
        }
        times.push(start.elapsed().as_secs_f64());
    }
    Ok(vec![(machine.most(), Ok(seconds(&times, SWEEP_SECONDS)))])
}

/// ResNet-20 on 1000 images of CIFAR-10, ISAAC's slices, programmed cells.
pub(crate) fn resnet20(machine: &Machine) -> Result<Outcomes, Problem> {
    if data_folder().is_none() {
        let reason =
            format!("skipped: {DATA_FOLDER_KNOB} is not set; network and images are read from there");
        return Ok(vec![(machine.most(), Err(reason))]);
    }
    let full = machine.pace == Pace::Full;
    let network = ohmic_sweep::networks::load("resnet20-cifar10")?;
    let spec = DataSpec::parse("cifar10")?;
    let count = if full { 1000 } else { 2 };
    // the published file holds 1000 images; scales from the first of them, as nothing is scored here
    let images = load(&spec.clone().with_limit(count))?;
    let calibration = load(&spec.clone().with_split(DataSplit::Calibration).with_limit(32))
        .or_else(|_| load(&spec.with_limit(32)))?;
    let hardware = hardware(Slicing::Isaac, Cells::Programmed)?;
    let mut times = Vec::new();
    for _ in 0..if full { 2 } else { 1 } {
        let start = Instant::now();
        let prepared = Prepared::new(&network, &hardware, &calibration)?;
        let design = prepared.design()?;
        let chip = Chip::program(&design, Noise::new(Seed(1)), Shortcuts::Avoided)?;
        let starts: Vec<usize> = (0..count).step_by(16).collect();
        machine.largest_pool().install(|| {
            starts.par_iter().try_for_each(|&first| {
                let batch = images.batch(first..count.min(first + 16));
                std::hint::black_box(chip.run(&batch, first, Probe::Off)?);
                Ok::<(), ohmic_execution::Error>(())
            })
        })?;
        times.push(start.elapsed().as_secs_f64());
    }
    Ok(vec![(machine.most(), Ok(seconds(&times, RESNET_SECONDS)))])
}

/// The figure of a task: its best time against what it may take.
fn seconds(times: &[f64], limit: f64) -> Figure {
    let best = times.iter().copied().fold(f64::INFINITY, f64::min);
    let worst = times.iter().copied().fold(0.0, f64::max);
    Figure { rate: best, reference: limit, spread: worst / best - 1.0, repetitions: times.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sweep_has_the_points_that_its_name_says() {
        let file = SweepFile::parse("sweep", &sweep_text(true)).unwrap();
        assert_eq!(file.points().len(), 10);
        assert_eq!((file.run().trials, file.run().images), (5, 1000));
        // its hardware is right at every point
        let small = SweepFile::parse("sweep", &sweep_text(false)).unwrap();
        for point in small.points() {
            Simulation::default().case(&point).unwrap();
        }
    }
}
