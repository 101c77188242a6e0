//! Running inputs through a chip.

use crate::Error;
use crate::activity::{Activity, LayerActivity};
use crate::apply::{Buffers, Multiply, Part, apply};
use crate::chip::{Chip, ChipLayer};
use crate::design::{Design, LayerDesign};
use crate::read::{Scratch, multiply, occupied};
use ohmic_hardware::Skipping;
use ohmic_mapping::LayerPlan;
use ohmic_network::quantization::QuantizedMvm;
use ohmic_network::{LayerId, MvmEngine, Node, Tensor};
use ohmic_numerics::kernel::Order;
use ohmic_numerics::kernel::engine::{Values, Vectors};
use std::cell::RefCell;

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
            kept: KEPT.take(),
        };
        let output = self.design.network.forward(inputs, first_sample, &mut engine);
        let Engine { activity, errors, kept, .. } = engine;
        KEPT.set(kept);
        Ok(Run { output: output?, activity, errors })
    }
}

thread_local! {
    /// What a thread keeps from batch to batch, so that a steady state allocates nothing a read.
    static KEPT: RefCell<Kept> = RefCell::default();
}

#[derive(Default)]
struct Kept {
    scratch: Scratch,
    buffers: Buffers,
    exact: Vec<f64>,
    squares: Vec<u64>,
}

struct Engine<'c> {
    chip: &'c Chip<'c>,
    activity: Activity,
    errors: Vec<Vec<LayerError>>,
    kept: Kept,
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
        let activity = &mut self.activity.layers[i];
        activity.samples += input.batch as u64;
        let Kept { scratch, buffers, exact, squares } = &mut self.kept;
        let mut run = LayerRun {
            at: At { chip: self.chip, id, chip_layer: chip, layer, quantized, plan },
            activity,
            errors: self.errors.get_mut(i).map(Vec::as_mut_slice),
            scratch,
            exact,
            squares,
        };
        apply(&node.name, quantized, input, first_sample, buffers, &mut run).map_err(|error| {
            ohmic_network::Error::Engine { layer: node.name.clone(), source: Box::new(error) }
        })
    }

    fn observe(&mut self, _id: LayerId, node: &Node, output: &Tensor) {
        // a corrected answer takes a multiplication
        if node.layer.mvm().is_none() || self.chip.compensation.is_some() {
            self.activity.digital_elements += output.data.len() as u64;
        }
    }
}

/// A layer in all its forms.
#[derive(Clone, Copy)]
struct At<'c> {
    chip: &'c Chip<'c>,
    id: LayerId,
    chip_layer: &'c ChipLayer,
    layer: &'c LayerDesign,
    quantized: &'c QuantizedMvm,
    plan: &'c LayerPlan,
}

/// One layer while a batch goes through it.
struct LayerRun<'c, 'e> {
    at: At<'c>,
    activity: &'e mut LayerActivity,
    errors: Option<&'e mut [LayerError]>,
    scratch: &'e mut Scratch,
    exact: &'e mut Vec<f64>,
    squares: &'e mut Vec<u64>,
}

impl Multiply for LayerRun<'_, '_> {
    /// Counts what the inputs drive the rows with, whatever path computes the answer.
    fn begin(&mut self, integers: Values<'_>) {
        let At { layer, quantized, plan, .. } = self.at;
        drive(layer, quantized, plan, integers, self.squares, self.activity);
    }

    fn by_output(&self) -> bool {
        self.at.chip_layer.program.as_ref().unwrap_or(&self.at.layer.exact).layout.by_column()
    }

    fn multiply(&mut self, part: Part<'_>, y: &mut [f64]) {
        let At { chip, id, chip_layer, layer, plan, .. } = self.at;
        let Part { group, vectors, first_draw, order, samples } = part;
        count(chip.design, layer, plan, group, vectors, self.activity);
        match &chip_layer.program {
            None => {
                multiply(&layer.exact, group, vectors, first_draw, None, (y, order), self.scratch);
            }
            Some(program) => {
                let noise = Some((&chip.noise, id.0));
                self.activity.clips +=
                    multiply(program, group, vectors, first_draw, noise, (y, order), self.scratch);
            }
        }
        if let Some(affine) = &chip_layer.affine {
            affine.correct(group * plan.n, y, order);
        }
        let Some(errors) = self.errors.as_deref_mut() else { return };
        self.exact.clear();
        self.exact.resize(y.len(), 0.0);
        multiply(&layer.exact, group, vectors, first_draw, None, (self.exact, order), self.scratch);
        let each = vectors.count() / samples.1;
        let (run, samples_of) = match order {
            // an output's positions, sample after sample
            Order::ByOutput(_) => (each, samples.1),
            // the outputs of a sample
            Order::ByVector(outputs) => (outputs, samples.1),
        };
        for (i, (y, exact)) in y.chunks_exact(run).zip(self.exact.chunks_exact(run)).enumerate() {
            let error = &mut errors[samples.0 + i % samples_of];
            for (y, exact) in y.iter().zip(exact) {
                error.signal += exact * exact;
                error.error += (y - exact) * (y - exact);
            }
        }
    }
}

/// Adds up what the inputs of a batch drive the rows with.
pub(crate) fn drive(
    layer: &LayerDesign,
    quantized: &QuantizedMvm,
    plan: &LayerPlan,
    integers: Values<'_>,
    squares: &mut Vec<u64>,
    activity: &mut LayerActivity,
) {
    // squares add up over the samples first: windows are walked once a batch
    squares.clear();
    squares.resize(quantized.gather.sample_len(), 0);
    let (values, non_zeros) = match integers {
        Values::Bytes(x) => {
            layer.squares.add_bytes(x, squares);
            (x.len(), x.iter().filter(|&&x| x != 0).count())
        }
        Values::Words(x) => {
            layer.squares.add_words(x, squares);
            (x.len(), x.iter().filter(|&&x| x != 0).count())
        }
    };
    activity.values += values as u64;
    activity.non_zeros += non_zeros as u64;
    let k = plan.k;
    activity.squares.resize(k * plan.groups, 0);
    for (group, sums) in activity.squares.chunks_exact_mut(k).enumerate() {
        quantized.gather.add_up(squares, group, sums);
    }
}

/// Counts the reads that the vectors of one group make the machine do.
pub(crate) fn count(
    design: &Design<'_>,
    layer: &LayerDesign,
    plan: &LayerPlan,
    group: usize,
    vectors: Vectors<'_>,
    activity: &mut LayerActivity,
) {
    let (vectors_n, slices, fragments) =
        (vectors.count() as u64, layer.slices.len() as u64, plan.fragments.len() as u64);
    // blocks of other groups may share the crossbar and are read in turn: an equal share of the wait
    let turns = plan.blocks_in_turn();
    match design.hardware.dac().skipping() {
        Skipping::None => {
            activity.reads += vectors_n * slices * fragments;
            activity.rows += vectors_n * slices * plan.k as u64;
            let deepest = row_ranges(plan).map(|f| f.len() as u64).max().unwrap_or(0);
            if group < turns {
                let dac = design.hardware.dac();
                let pulses: u64 = layer.slices.iter().map(|s| dac.pulses(s)).sum();
                activity.steps += vectors_n * slices * deepest;
                activity.pulses += vectors_n * pulses * deepest;
            }
        }
        Skipping::LeadingZeros => {
            let ranges: Vec<_> = row_ranges(plan).collect();
            for vector in 0..vectors.count() {
                let mut longest = 0;
                for range in &ranges {
                    let mut reads = 0;
                    for f in &plan.fragments[range.clone()] {
                        let occupied = occupied(vectors, vector, f.clone());
                        let issued = layer.slices.iter().filter(|s| occupied.reaches(s)).count() as u64;
                        reads += issued;
                        activity.rows += issued * f.len() as u64;
                    }
                    activity.reads += reads;
                    longest = longest.max(reads);
                }
                if group < turns {
                    activity.steps += longest;
                    activity.pulses += longest;
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
