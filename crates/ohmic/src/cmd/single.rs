//! One network on one machine, as `run`, `map` and `cost` ask for it.

use crate::args::{MachineArgs, RunArgs};
use anyhow::{Result, anyhow};
use ohmic_sweep::{Case, Point, Simulation};

/// The point that the arguments describe.
pub(crate) fn point(machine: &MachineArgs, images: u32, trials: u32, seed: u64) -> Result<Point> {
    let mut point = Point {
        index: 0,
        seed,
        hardware: machine.hardware.clone(),
        network: machine.network.clone(),
        data: machine.data.clone(),
        images: images as usize,
        trials,
        fidelity: ohmic_sweep::Fidelity::Simulate,
        settings: Vec::new(),
        axes: Vec::new(),
        folder: std::path::PathBuf::new(),
    };
    for (key, value) in &machine.set.sets {
        if key == "seed" || key.starts_with("run.") {
            return Err(anyhow!(
                "--set {key}: `{key}` has an option of its own here, see `ohmic run --help`"
            ));
        }
        point.settings.push((key.clone(), value.clone()));
    }
    Ok(point)
}

/// The point of a run.
pub(crate) fn run_point(args: &RunArgs) -> Result<Point> {
    point(&args.machine, args.images, args.trials, args.seed)
}

/// Everything the point names, read and checked.
pub(crate) fn case(simulation: &Simulation, point: &Point) -> Result<Case> {
    simulation.case(point).map_err(|problem| anyhow!("{problem}"))
}
