//! Running inputs through a chip.

use crate::Error;
use crate::activity::{Activity, LayerActivity};
use crate::apply::{Samples, apply};
use crate::chip::Chip;
use crate::design::{Design, LayerDesign};
use crate::program::Occupied;
use crate::read::{Scratch, Vectors, multiply};
use ohmic_hardware::Skipping;
use ohmic_mapping::LayerPlan;
use ohmic_network::quantization::QuantizedMvm;
use ohmic_network::{LayerId, MvmEngine, Node, Tensor};

/// Signal and error power of one layer for one sample, against the exact integer product of the very
/// inputs that the layer got: the layer's own error, not what it inherited.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LayerError {
    /// Sum of the squared exact results.
    pub signal: f64,
    /// Sum of the squared differences.
    pub error: f64,
}

/// Whether a run also computes the exact answer of every layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// Yes: costs one exact product a layer.
    LayerErrors,
    /// No.
    Off,
}

/// What a batch gave.
#[derive(Clone, Debug)]
pub struct Run {
    /// The network's output.
    pub output: Tensor,
    /// What happened.
    pub activity: Activity,
    /// By layer index, then sample of the batch; empty without a probe.
    pub errors: Vec<Vec<LayerError>>,
}

impl Chip<'_> {
    /// Runs a batch whose first sample has index `first_sample` in its data set; noise is addressed by
    /// that index, so results do not depend on how a data set is cut into batches.
    ///
    /// # Errors
    /// The network refuses the inputs, or noise addresses do not fit.
    pub fn run(&self, inputs: &Tensor, first_sample: usize, probe: Probe) -> Result<Run, Error> {
        let mut engine = Engine {
            chip: self,
            activity: Activity {
                layers: vec![LayerActivity::default(); self.layers.len()],
                digital_elements: 0,
            },
            errors: match probe {
                Probe::LayerErrors => vec![vec![LayerError::default(); inputs.batch]; self.layers.len()],
                Probe::Off => Vec::new(),
            },
            scratch: Scratch::default(),
            exact: Vec::new(),
        };
        let output = self.design.network.forward(inputs, first_sample, &mut engine);
        Ok(Run { output: output?, activity: engine.activity, errors: engine.errors })
    }
}

struct Engine<'c> {
    chip: &'c Chip<'c>,
    activity: Activity,
    errors: Vec<Vec<LayerError>>,
    scratch: Scratch,
    exact: Vec<f64>,
}

impl MvmEngine for Engine<'_> {
    fn mvm(
        &mut self,
        id: LayerId,
        node: &Node,
        input: &Tensor,
        first_sample: usize,
    ) -> Result<Tensor, ohmic_network::Error> {
        let i = id.0 as usize;
        let design = self.chip.design;
        let (Some(chip), Some(layer), Some(quantized), Some(plan)) =
            (&self.chip.layers[i], &design.layers[i], &design.quantized.layers[i], &design.plan.layers[i])
        else {
            unreachable!("every layer with a matrix is quantized, planned and programmed");
        };
        let Self { activity, errors, scratch, exact, .. } = self;
        let activity = &mut activity.layers[i];
        let mut errors = errors.get_mut(i);
        activity.samples += input.batch as u64;
        let noise = Some((&self.chip.noise, id.0));
        let result = apply(&node.name, quantized, input, first_sample, &mut |group, vectors, y, samples| {
            count(design, layer, plan, quantized, group, vectors, samples, activity);
            match &chip.program {
                None => {
                    multiply(&layer.exact, group, vectors, None, y, scratch);
                }
                Some(program) => activity.clips += multiply(program, group, vectors, noise, y, scratch),
            }
            if let Some(errors) = errors.as_deref_mut() {
                exact.clear();
                exact.resize(y.len(), 0.0);
                multiply(&layer.exact, group, vectors, None, exact, scratch);
                let each = y.len() / samples.count;
                for (s, (y, exact)) in y.chunks_exact(each).zip(exact.chunks_exact(each)).enumerate() {
                    let error = &mut errors[samples.first + s];
                    for (y, exact) in y.iter().zip(exact) {
                        error.signal += exact * exact;
                        error.error += (y - exact) * (y - exact);
                    }
                }
            }
        });
        result.map_err(|error| ohmic_network::Error::Engine {
            layer: node.name.clone(),
            source: Box::new(error),
        })
    }

    fn observe(&mut self, _id: LayerId, node: &Node, output: &Tensor) {
        if node.layer.mvm().is_none() {
            self.activity.digital_elements += output.data.len() as u64;
        }
    }
}

#[allow(clippy::too_many_arguments)]
/// Counts what the vectors of one group make the machine do, whatever path computes the answer.
fn count(
    design: &Design<'_>,
    layer: &LayerDesign,
    plan: &LayerPlan,
    quantized: &QuantizedMvm,
    group: usize,
    vectors: Vectors<'_>,
    samples: Samples<'_>,
    activity: &mut LayerActivity,
) {
    let k = vectors.k;
    activity.squares.resize(k * plan.groups, 0);
    let squares = &mut activity.squares[group * k..(group + 1) * k];
    let squared: Vec<u32> = samples.integers.iter().map(|&x| layer.squares.of(x)).collect();
    for sample in squared.chunks_exact(squared.len() / samples.count) {
        quantized.gather.add_up(sample, group, squares);
    }
    let (vectors_n, slices, fragments) =
        (vectors.count() as u64, layer.slices.len() as u64, layer.fragments.len() as u64);
    // blocks of other groups may share the crossbar and are read in turn: an equal share of the wait
    let turns = plan.blocks_in_turn() as u64;
    let longest = |reads: &[u64]| -> u64 { reads.iter().copied().max().unwrap_or(0) };
    match design.hardware.dac().skipping() {
        Skipping::None => {
            activity.reads += vectors_n * slices * fragments;
            activity.rows += vectors_n * slices * k as u64;
            let deepest = row_ranges(plan).map(|f| f.len() as u64).max().unwrap_or(0);
            if group < turns as usize {
                activity.steps += vectors_n * slices * deepest;
            }
        }
        Skipping::LeadingZeros => {
            let ranges: Vec<_> = row_ranges(plan).collect();
            let mut reads = vec![0u64; ranges.len()];
            for x in vectors.iter() {
                for (reads, range) in reads.iter_mut().zip(&ranges) {
                    *reads = 0;
                    for f in &layer.fragments[range.clone()] {
                        let occupied = Occupied::of(&x[f.rows.clone()]);
                        let issued = layer.slices.iter().filter(|s| occupied.reaches(s)).count() as u64;
                        *reads += issued;
                        activity.rows += issued * f.rows.len() as u64;
                    }
                    activity.reads += *reads;
                }
                if group < turns as usize {
                    activity.steps += longest(&reads);
                }
            }
            activity.skipped =
                activity.samples * plan.positions as u64 * slices * fragments * plan.groups as u64
                    - activity.reads;
        }
    }
}

/// Fragments of each range of rows that one crossbar holds.
fn row_ranges(plan: &LayerPlan) -> impl Iterator<Item = std::ops::Range<usize>> {
    plan.blocks.iter().filter(|b| b.group == 0 && b.outputs.start == 0).map(|b| plan.fragments_of(b))
}
