//! How fast this program is on this machine, held against what the machine can do.
//!
//! [`run`] measures [`CASES`]: the machine's peaks, a layer under several kinds of hardware, whole networks
//! against the same network in float. Every figure is a ratio of two rates that were measured in turn in
//! one run, so that a machine that is slow today is slow on both sides. What is timed is the public way
//! of running a chip, with the lossless shortcut switched off.
//!
//! Left out: comparison with other programs, which needs them installed; `docs/bench` tells how that went.

mod case;
mod error;
mod layer;
mod machine;
mod network;
mod peaks;
mod physics;
mod setup;
mod timing;
mod whole;
mod wires;

pub use case::{CASES, Case, Target};
pub use error::Error;
pub use machine::describe;
pub use timing::Pace;

use machine::Machine;
use std::num::NonZeroUsize;

/// What to measure, and how long.
#[derive(Clone, Debug)]
pub struct Options {
    /// Parts of names: cases whose name holds one of them; empty: all.
    pub cases: Vec<String>,
    /// Most threads to measure with; one thread is always measured too.
    pub threads: NonZeroUsize,
    /// How much time a case may take.
    pub pace: Pace,
}

/// One figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// Name of the case.
    pub case: &'static str,
    /// Threads it ran with.
    pub threads: usize,
    /// Unit of rate and reference.
    pub unit: &'static str,
    /// What was measured; `None`: it could not be, see `note`.
    pub figure: Option<Figure>,
    /// What the ratio should be.
    pub target: Option<Target>,
    /// Largest resident memory of the process while the case ran, in bytes, where the system says it.
    pub peak_memory_bytes: Option<u64>,
    /// Why nothing was measured, or what else there is to say.
    pub note: Option<String>,
}

/// A rate and what it is held against.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    /// Best of all repetitions, in the measurement's unit.
    pub rate: f64,
    /// What it is held against, in the same unit; see the case.
    pub reference: f64,
    /// How far the median repetition took longer than the best, as a fraction.
    pub spread: f64,
    /// Number of repetitions.
    pub repetitions: usize,
}

impl Figure {
    /// Rate over reference.
    pub fn ratio(&self) -> f64 {
        self.rate / self.reference
    }
}

impl Measurement {
    /// Whether the target is met; `None` without a target or a figure.
    pub fn met(&self) -> Option<bool> {
        Some(self.target?.met(self.figure?.ratio()))
    }
}

/// Measures the cases in their order; `progress` is told what is being measured.
///
/// # Errors
/// No case has such a name, or threads cannot be started. A case that fails is a measurement without a
/// figure, its note says why.
pub fn run(options: &Options, progress: &mut dyn FnMut(&str)) -> Result<Vec<Measurement>, Error> {
    let wanted = case::select(&options.cases)?;
    let machine = Machine::new(options.threads, options.pace)?;
    let mut all = Vec::new();
    for case in wanted {
        progress(case.name);
        machine::reset_peak_memory();
        let outcomes = match (case.run)(&machine) {
            Ok(outcomes) => outcomes,
            Err(problem) => vec![(machine.most(), Err(format!("failed: {problem}")))],
        };
        let peak_memory_bytes = machine::peak_memory_bytes();
        all.extend(outcomes.into_iter().map(|(threads, figure)| Measurement {
            case: case.name,
            threads,
            unit: case.unit,
            figure: figure.as_ref().ok().copied(),
            target: case.target,
            peak_memory_bytes,
            note: figure.err(),
        }));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_gives_a_figure_for_each_number_of_threads() {
        let threads = NonZeroUsize::new(2).unwrap_or(NonZeroUsize::MIN);
        let options = Options { cases: vec!["peak.fma".into()], threads, pace: Pace::Quick };
        let mut told = Vec::new();
        let all = run(&options, &mut |case| told.push(case.to_owned())).unwrap();
        assert_eq!(told, ["peak.fma_f32"]);
        assert_eq!(all.iter().map(|m| m.threads).collect::<Vec<_>>(), [1, 2]);
        for m in &all {
            let figure = m.figure.unwrap();
            assert!(figure.rate > 0.0 && figure.ratio() > 0.0, "{m:?}");
            assert_eq!(m.note, None);
        }
        let none = run(&Options { cases: vec!["mvn".into()], ..options }, &mut |_| ());
        assert!(none.unwrap_err().to_string().contains("mvm.exact"));
    }
}
