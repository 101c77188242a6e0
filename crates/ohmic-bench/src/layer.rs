//! One layer of 512 x 512 under every kind of hardware.

use crate::case::Outcomes;
use crate::error::Problem;
use crate::machine::Machine;
use crate::peaks::against_fma;
use crate::setup::{Cells, Prepared, Slicing, hardware, uniform};
use crate::timing::Pace;
use ohmic_execution::{Chip, Probe, Shortcuts};
use ohmic_network::data::DataSet;
use ohmic_network::layer::Linear;
use ohmic_network::{Network, Node, Shape, Source, Tensor};
use ohmic_numerics::{Noise, Seed};
use rayon::ThreadPool;
use rayon::prelude::*;

/// Inputs and outputs of the layer.
pub(crate) const SIZE: usize = 512;
/// Vectors that go through it in one repetition.
const BATCH: usize = 1024;
/// Rows that share a sign: a fragment of FORMS.
const FRAGMENT: usize = 8;

/// The layer and its inputs.
pub(crate) struct Subject {
    pub(crate) network: Network,
    pub(crate) inputs: DataSet,
}

impl Subject {
    /// Of any sign in each column.
    pub(crate) fn new(pace: Pace) -> Result<Self, Problem> {
        Self::of(pace, Slicing::MultiBit)
    }

    fn of(pace: Pace, slicing: Slicing) -> Result<Self, Problem> {
        let batch = if pace == Pace::Full { BATCH } else { BATCH / 16 };
        Ok(Self { network: network(slicing)?, inputs: inputs(batch)? })
    }

    /// As many parts of the inputs as there are threads, each with the number of its first.
    pub(crate) fn pieces(&self, threads: usize) -> Vec<(usize, Tensor)> {
        let batch = self.inputs.len();
        let each = batch.div_ceil(threads);
        (0..batch).step_by(each).map(|i| (i, self.inputs.batch(i..batch.min(i + each)))).collect()
    }
}

/// All pieces through a chip once.
pub(crate) fn pass(pool: &ThreadPool, pieces: &[(usize, Tensor)], chip: &Chip<'_>) -> Result<(), Problem> {
    pool.install(|| {
        pieces.par_iter().try_for_each(|(first, piece)| {
            std::hint::black_box(chip.run(piece, *first, Probe::Off)?);
            Ok::<(), ohmic_execution::Error>(())
        })
    })?;
    Ok(())
}

/// The layer with each number of threads.
pub(crate) fn run(machine: &Machine, slicing: Slicing, cells: Cells) -> Result<Outcomes, Problem> {
    let subject = Subject::of(machine.pace, slicing)?;
    let hardware = hardware(slicing, cells)?;
    let prepared = Prepared::new(&subject.network, &hardware, &subject.inputs)?;
    let design = prepared.design()?;
    // every read is computed: the lossless shortcut would be one integer product
    let chip = Chip::program(&design, Noise::new(Seed(1)), Shortcuts::Avoided)?;
    let mut outcomes = Outcomes::new();
    for (threads, pool) in machine.pools() {
        let pieces = subject.pieces(*threads);
        let mut once = || pass(pool, &pieces, &chip);
        let multiply_adds = (subject.inputs.len() * SIZE * SIZE) as f64 * slicing.products();
        outcomes.push((*threads, Ok(against_fma(pool, machine.pace, multiply_adds, &mut once)?)));
    }
    Ok(outcomes)
}

/// The layer: weights of full entropy; for fragments of one sign, of one sign in each fragment.
fn network(slicing: Slicing) -> Result<Network, Problem> {
    let weights = (0..SIZE * SIZE)
        .map(|i| match slicing {
            Slicing::Forms => {
                let sign = if uniform(2, i / FRAGMENT) < 0.5 { -1.0 } else { 1.0 };
                sign * uniform(1, i)
            }
            _ => 2.0 * uniform(1, i) - 1.0,
        })
        .collect();
    let layer = Linear::new(SIZE, SIZE, weights, Vec::new())?;
    let node = Node::new("layer", Box::new(layer), vec![Source::Input]);
    Ok(Network::from_nodes("layer", Shape(vec![SIZE]), vec![node])?)
}

/// Inputs of full entropy, none below 0.
fn inputs(batch: usize) -> Result<DataSet, Problem> {
    let values = (0..batch * SIZE).map(|i| uniform(3, i)).collect();
    Ok(DataSet::from_floats("random", Shape(vec![SIZE]), SIZE, values, vec![0; batch])?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is timed is what the physics asks for: conversions that round, cells off their levels.
    #[test]
    fn the_cases_are_what_they_say() {
        for slicing in [Slicing::MultiBit, Slicing::Isaac, Slicing::Forms] {
            let network = network(slicing).unwrap();
            let inputs = inputs(4).unwrap();
            for cells in [Cells::Exact, Cells::Programmed, Cells::ProgrammedConverter, Cells::ReadNoise] {
                let hardware = hardware(slicing, cells).unwrap();
                assert_eq!(hardware.device().read_noise().is_some(), cells == Cells::ReadNoise);
                assert_eq!(hardware.adc().sigma_lsb() > 0.0, cells == Cells::ProgrammedConverter);
                let prepared = Prepared::new(&network, &hardware, &inputs).unwrap();
                let design = prepared.design().unwrap();
                // after four slices of two bits: the unit column, whose 128 cells of level 1 need no rounding
                for range in design.ranges().iter().filter(|r| r.readout < 4) {
                    assert!(range.grid.as_ref().unwrap().step > 1.0, "{slicing:?}: {range:?}");
                }
                let chip = Chip::program(&design, Noise::new(Seed(1)), Shortcuts::Avoided).unwrap();
                assert!(chip.lossless_layers().is_empty());
                assert_eq!(chip.is_quiet(), cells == Cells::Exact);
                let run = chip.run(&inputs.batch(0..4), 0, Probe::Off).unwrap();
                let layer = &run.activity.layers[0];
                // 4 vectors, each read once a slice and fragment of 128 or 8 rows, in each column block
                let (slices, fragments) = match slicing {
                    Slicing::MultiBit => (1, 4),
                    Slicing::Isaac => (8, 4),
                    Slicing::Forms => (8, 64),
                };
                assert_eq!(layer.reads, 4 * slices * fragments);
            }
        }
    }
}
