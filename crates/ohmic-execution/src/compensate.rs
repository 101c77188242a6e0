//! What keeps an ageing chip's answers right: gains and offsets of outputs, learned on images that are never
//! tested, and what learning them took.
//!
//! * Gains compare the chip with itself right after programming, both with the same inputs: those that the
//!   exact integer network has on the images. No layer depends on another one.
//! * Moments compare the chip with the exact integer network. Layer after layer, the images run through the
//!   chip itself; what a layer passes on is corrected.
//!
//! Reads draw their noise under addresses of their own, so that nothing is learned from the draws of the
//! test set. Sums are added up in the order of the images, so that threads cannot change a bit.

use crate::Error;
use crate::activity::{Activity, Events, LayerActivity};
use crate::apply::{Buffers, Multiply, Part, apply};
use crate::chip::{Chip, ChipLayer};
use crate::design::{Design, LayerDesign};
use crate::read::{Scratch, multiply};
use crate::run::{count, drive};
use ohmic_hardware::Correction;
use ohmic_mapping::LayerPlan;
use ohmic_network::quantization::QuantizedMvm;
use ohmic_network::{LayerId, MvmEngine, Node, Tensor};
use ohmic_numerics::Noise;
use ohmic_numerics::kernel::Order;
use ohmic_numerics::kernel::engine::Values;
use rayon::prelude::*;

/// Images that one thread looks at before it takes others.
const PART: usize = 4;
/// Instances of a chip's noise that its runs for compensation draw from.
const REFERENCE: u32 = 0;
const NOW: u32 = 1;

/// What was learned on a chip to keep its answers right.
#[derive(Clone, Debug, PartialEq)]
pub struct Compensation {
    /// By layer index; `None` where nothing has to be changed.
    pub(crate) layers: Vec<Option<Affine>>,
    /// The runs it was learned from.
    pub runs: Vec<LearningRun>,
    /// Outputs that were left as they are because they gave nothing but zeros, now or in the reference.
    pub silent_outputs: u64,
}

/// A run that something was learned from.
#[derive(Clone, Debug, PartialEq)]
pub struct LearningRun {
    /// What happened.
    pub activity: Activity,
    /// The events that this amounts to, by layer index.
    pub events: Vec<Events>,
}

/// Gain and offset of every output of a layer, in units of the integer product.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Affine {
    gain: Vec<f64>,
    offset: Vec<f64>,
}

impl Affine {
    /// `None` if it changes nothing.
    fn new(gain: Vec<f64>, offset: Vec<f64>) -> Option<Self> {
        let changes = |v: &[f64], still: f64| v.iter().any(|v| (v - still).abs() > 0.0);
        (changes(&gain, 1.0) || changes(&offset, 0.0)).then_some(Self { gain, offset })
    }

    /// Corrects the accumulators of the outputs from `first` on.
    pub(crate) fn correct(&self, first: usize, y: &mut [f64], order: Order) {
        let (gain, offset) = (&self.gain[first..], &self.offset[first..]);
        match order {
            Order::ByOutput(count) => {
                for ((y, gain), offset) in y.chunks_exact_mut(count).zip(gain).zip(offset) {
                    y.iter_mut().for_each(|y| *y = *y * gain + offset);
                }
            }
            Order::ByVector(n) => {
                for y in y.chunks_exact_mut(n) {
                    y.iter_mut().zip(gain.iter().zip(offset)).for_each(|(y, (g, o))| *y = *y * g + o);
                }
            }
        }
    }
}

impl Compensation {
    /// Learns what a policy wants on `images`. `fresh` is the same chip right after programming, on another
    /// design of the same machine or on this one; without it `chip` itself counts as fresh, and gains are 1.
    ///
    /// # Errors
    /// The network refuses the images, or noise addresses do not fit.
    pub fn learn(
        chip: &Chip<'_>,
        fresh: Option<&Chip<'_>>,
        correction: Correction,
        images: &Tensor,
    ) -> Result<Self, Error> {
        match correction {
            Correction::LayerGain | Correction::OutputGain => gains(chip, fresh, correction, images),
            Correction::OutputMoments => moments(chip, images),
        }
    }

    fn new(layers: usize) -> Self {
        Self { layers: vec![None; layers], runs: Vec::new(), silent_outputs: 0 }
    }
}

/// A layer in all its forms.
#[derive(Clone, Copy)]
struct At<'c> {
    id: LayerId,
    layer: &'c LayerDesign,
    quantized: &'c QuantizedMvm,
    plan: &'c LayerPlan,
}

impl<'c> At<'c> {
    fn of(design: &'c Design<'_>, id: LayerId) -> Self {
        let i = id.0 as usize;
        let (Some(layer), Some(quantized), Some(plan)) =
            (&design.layers[i], &design.quantized.layers[i], &design.plan.layers[i])
        else {
            unreachable!("every layer with a matrix is quantized and planned");
        };
        Self { id, layer, quantized, plan }
    }

    /// Adds a chip's answer, or the exact one, to accumulators; returns how many conversions clipped.
    fn answer(
        self,
        chip: Option<(&ChipLayer, &Noise)>,
        part: Part<'_>,
        y: (&mut [f64], Order),
        scratch: &mut Scratch,
    ) -> u64 {
        let Part { group, vectors, first_draw, .. } = part;
        match chip.and_then(|(layer, noise)| layer.program.as_ref().zip(Some(noise))) {
            Some((program, noise)) => {
                multiply(program, group, vectors, first_draw, Some((noise, self.id.0)), y, scratch)
            }
            None => multiply(&self.layer.exact, group, vectors, first_draw, None, y, scratch),
        }
    }
}

fn layer_of<'c>(chip: &'c Chip<'_>, id: LayerId) -> &'c ChipLayer {
    match &chip.layers[id.0 as usize] {
        Some(layer) => layer,
        None => unreachable!("every layer with a matrix is programmed"),
    }
}

/// Calls `f(output, value)` for every accumulator, those of an output in the order of the vectors.
fn for_each(y: &[f64], order: Order, mut f: impl FnMut(usize, f64)) {
    match order {
        Order::ByOutput(count) => {
            for (output, y) in y.chunks_exact(count).enumerate() {
                y.iter().for_each(|&y| f(output, y));
            }
        }
        Order::ByVector(n) => {
            for y in y.chunks_exact(n) {
                y.iter().enumerate().for_each(|(output, &y)| f(output, y));
            }
        }
    }
}

// ---- gains ----------------------------------------------------------------------------------------------

/// Sums of magnitudes by layer and output: right after programming, and now.
#[derive(Clone, Debug)]
struct Magnitudes {
    sums: Vec<[Vec<f64>; 2]>,
    activity: Activity,
}

impl Magnitudes {
    fn new(design: &Design<'_>) -> Self {
        let outputs = |layer: &Option<QuantizedMvm>| layer.as_ref().map_or(0, QuantizedMvm::outputs);
        let zeros = |layer| [vec![0.0; outputs(layer)], vec![0.0; outputs(layer)]];
        let layers = design.quantized.layers.len();
        Self {
            sums: design.quantized.layers.iter().map(zeros).collect(),
            activity: Activity { layers: vec![LayerActivity::default(); layers], digital_elements: 0 },
        }
    }

    fn merge(&mut self, other: &Self) {
        for (a, b) in self.sums.iter_mut().flatten().zip(other.sums.iter().flatten()) {
            a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        }
        self.activity.merge(&other.activity);
    }
}

fn gains(
    chip: &Chip<'_>,
    fresh: Option<&Chip<'_>>,
    correction: Correction,
    images: &Tensor,
) -> Result<Compensation, Error> {
    let design = chip.design;
    let each = images.shape.len();
    let parts: Vec<&[f32]> = images.data.chunks((PART * each).max(1)).collect();
    let look = |(i, part): (usize, &&[f32])| -> Result<Magnitudes, Error> {
        let mut listener = Listener {
            chips: [fresh.map(|c| (c, c.noise.instance(REFERENCE))), Some((chip, chip.noise.instance(NOW)))],
            design,
            heard: Magnitudes::new(design),
            kept: Kept::default(),
        };
        let part = Tensor::new(part.len() / each, images.shape.clone(), part.to_vec());
        design.network.forward(&part, i * PART, &mut listener)?;
        Ok(listener.heard)
    };
    let parts: Vec<Result<Magnitudes, Error>> = parts.par_iter().enumerate().map(look).collect();
    let mut heard = Magnitudes::new(design);
    for part in parts {
        heard.merge(&part?);
    }
    let mut all = Compensation::new(design.layers.len());
    for chip in [fresh, Some(chip)].into_iter().flatten() {
        // inputs are the same, so is all that is counted but the energy of the cells
        let events = chip.events(&heard.activity);
        all.runs.push(LearningRun { activity: heard.activity.clone(), events });
    }
    if fresh.is_none() {
        return Ok(all);
    }
    for id in design.layers() {
        let [then, now] = &heard.sums[id.0 as usize];
        let outputs = then.len();
        let mut ratio = |then: f64, now: f64, outputs: u64| {
            let is_heard = then > 0.0 && now > 0.0;
            if is_heard != (then > 0.0 || now > 0.0) {
                all.silent_outputs += outputs;
            }
            if is_heard { then / now } else { 1.0 }
        };
        let gain = match correction {
            Correction::LayerGain => {
                vec![ratio(then.iter().sum(), now.iter().sum(), outputs as u64); outputs]
            }
            _ => then.iter().zip(now).map(|(&then, &now)| ratio(then, now, 1)).collect(),
        };
        all.layers[id.0 as usize] = Affine::new(gain, vec![0.0; outputs]);
    }
    Ok(all)
}

#[derive(Default)]
struct Kept {
    buffers: Buffers,
    scratch: Scratch,
    squares: Vec<u64>,
    y: Vec<f64>,
}

/// Lets chips answer the inputs that the exact integer network has.
struct Listener<'c> {
    /// Right after programming, if that is another one, and now; each with its noise.
    chips: [Option<(&'c Chip<'c>, Noise)>; 2],
    design: &'c Design<'c>,
    heard: Magnitudes,
    kept: Kept,
}

impl MvmEngine for Listener<'_> {
    fn mvm(
        &mut self,
        id: LayerId,
        node: &Node,
        input: &Tensor,
        first_sample: usize,
    ) -> Result<Tensor, ohmic_network::Error> {
        let i = id.0 as usize;
        let at = At::of(self.design, id);
        let Kept { buffers, scratch, squares, y } = &mut self.kept;
        let activity = &mut self.heard.activity.layers[i];
        activity.samples += input.batch as u64;
        let chips = self.chips.map(|chip| chip.map(|(chip, noise)| (layer_of(chip, id), noise)));
        let mut layer = Listening {
            at,
            design: self.design,
            chips,
            sums: &mut self.heard.sums[i],
            activity,
            scratch,
            squares,
            y,
        };
        let output = apply(&node.name, at.quantized, input, first_sample, buffers, &mut layer)
            .map_err(|error| engine_error(node, error))?;
        // each answer is added to its output's sum of magnitudes
        self.heard.activity.digital_elements += output.data.len() as u64;
        Ok(output)
    }
}

fn engine_error(node: &Node, error: Error) -> ohmic_network::Error {
    ohmic_network::Error::Engine { layer: node.name.clone(), source: Box::new(error) }
}

struct Listening<'c, 'e> {
    at: At<'c>,
    design: &'c Design<'c>,
    chips: [Option<(&'c ChipLayer, Noise)>; 2],
    sums: &'e mut [Vec<f64>; 2],
    activity: &'e mut LayerActivity,
    scratch: &'e mut Scratch,
    squares: &'e mut Vec<u64>,
    y: &'e mut Vec<f64>,
}

impl Multiply for Listening<'_, '_> {
    fn begin(&mut self, integers: Values<'_>) {
        let At { layer, quantized, plan, .. } = self.at;
        drive(layer, quantized, plan, integers, self.squares, self.activity);
    }

    fn multiply(&mut self, part: Part<'_>, y: &mut [f64]) {
        let At { layer, plan, .. } = self.at;
        let Part { group, vectors, order, .. } = part;
        count(self.design, layer, plan, group, vectors, self.activity);
        let first = group * plan.n;
        for (chip, sums) in self.chips.iter().zip(self.sums.iter_mut()) {
            let Some((chip, noise)) = chip else { continue };
            self.y.clear();
            self.y.resize(y.len(), 0.0);
            let clips = self.at.answer(Some((chip, noise)), part, (self.y, order), self.scratch);
            self.activity.clips += clips;
            for_each(self.y, order, |output, y| sums[first + output] += y.abs());
        }
        self.at.answer(None, part, (y, order), self.scratch);
    }
}

// ---- mean and spread ------------------------------------------------------------------------------------

/// Mean of some values and the sum of their squared distances from it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    /// Takes over other values: Chan, Golub and LeVeque (1983).
    fn merge(&mut self, other: &Self) {
        if other.count <= 0.0 {
            return;
        }
        let count = self.count + other.count;
        let apart = other.mean - self.mean;
        self.squares += other.squares + apart * apart * (self.count * other.count / count);
        self.mean += apart * (other.count / count);
        self.count = count;
    }
}

/// Sums of values less the first of them, so that equal values have no spread to the bit.
#[derive(Clone, Copy, Debug, Default)]
struct Shifted {
    count: f64,
    first: f64,
    sum: f64,
    squares: f64,
}

impl Shifted {
    fn add(&mut self, value: f64) {
        if self.count <= 0.0 {
            self.first = value;
        }
        let d = value - self.first;
        self.count += 1.0;
        self.sum += d;
        self.squares += d * d;
    }

    fn moments(&self) -> Moments {
        if self.count <= 0.0 {
            return Moments::default();
        }
        let mean = self.sum / self.count;
        let squares = (self.squares - self.sum * mean).max(0.0);
        Moments { count: self.count, mean: self.first + mean, squares }
    }
}

/// What a layer answered to a part of the images.
struct Answered {
    output: Tensor,
    moments: Vec<Moments>,
    activity: LayerActivity,
}

/// Lets a layer answer all images, part by part, and returns everything put together.
fn answers(
    at: At<'_>,
    design: &Design<'_>,
    chip: Option<(&ChipLayer, &Noise)>,
    node: &Node,
    input: &Tensor,
) -> Result<Answered, Error> {
    let each = input.shape.len();
    let outputs = at.quantized.outputs();
    let parts: Vec<&[f32]> = input.data.chunks((PART * each).max(1)).collect();
    let look = |(i, part): (usize, &&[f32])| -> Result<Answered, Error> {
        let part = Tensor::new(part.len() / each, input.shape.clone(), part.to_vec());
        let mut activity = LayerActivity { samples: part.batch as u64, ..LayerActivity::default() };
        let mut layer = Answering {
            at,
            design,
            chip,
            sums: vec![Shifted::default(); outputs],
            activity: &mut activity,
            scratch: Scratch::default(),
            squares: Vec::new(),
        };
        let output = apply(&node.name, at.quantized, &part, i * PART, &mut Buffers::default(), &mut layer)?;
        let moments = layer.sums.iter().map(Shifted::moments).collect();
        Ok(Answered { output, moments, activity })
    };
    let parts: Vec<Result<Answered, Error>> = parts.par_iter().enumerate().map(look).collect();
    let mut all = Answered {
        output: Tensor::new(0, node.shape.clone(), Vec::with_capacity(input.batch * node.shape.len())),
        moments: vec![Moments::default(); outputs],
        activity: LayerActivity::default(),
    };
    for part in parts {
        let part = part?;
        all.output.batch += part.output.batch;
        all.output.data.extend(part.output.data);
        all.moments.iter_mut().zip(&part.moments).for_each(|(a, b)| a.merge(b));
        all.activity.merge(&part.activity);
    }
    Ok(all)
}

struct Answering<'c, 'e> {
    at: At<'c>,
    design: &'c Design<'c>,
    chip: Option<(&'c ChipLayer, &'c Noise)>,
    sums: Vec<Shifted>,
    activity: &'e mut LayerActivity,
    scratch: Scratch,
    squares: Vec<u64>,
}

impl Multiply for Answering<'_, '_> {
    fn begin(&mut self, integers: Values<'_>) {
        let At { layer, quantized, plan, .. } = self.at;
        drive(layer, quantized, plan, integers, &mut self.squares, self.activity);
    }

    fn multiply(&mut self, part: Part<'_>, y: &mut [f64]) {
        let At { layer, plan, .. } = self.at;
        count(self.design, layer, plan, part.group, part.vectors, self.activity);
        self.activity.clips += self.at.answer(self.chip, part, (y, part.order), &mut self.scratch);
        let first = part.group * plan.n;
        for_each(y, part.order, |output, y| self.sums[first + output].add(y));
    }
}

/// The exact network, whose moments are the targets.
struct Exact<'c> {
    design: &'c Design<'c>,
    targets: Vec<Vec<Moments>>,
}

impl MvmEngine for Exact<'_> {
    fn mvm(
        &mut self,
        id: LayerId,
        node: &Node,
        input: &Tensor,
        _: usize,
    ) -> Result<Tensor, ohmic_network::Error> {
        let answered = answers(At::of(self.design, id), self.design, None, node, input);
        let answered = answered.map_err(|error| engine_error(node, error))?;
        self.targets[id.0 as usize] = answered.moments;
        Ok(answered.output)
    }
}

/// The chip, corrected layer by layer.
struct Correcting<'c> {
    chip: &'c Chip<'c>,
    noise: Noise,
    targets: Vec<Vec<Moments>>,
    learned: Compensation,
    activity: Activity,
}

impl MvmEngine for Correcting<'_> {
    fn mvm(
        &mut self,
        id: LayerId,
        node: &Node,
        input: &Tensor,
        _: usize,
    ) -> Result<Tensor, ohmic_network::Error> {
        let i = id.0 as usize;
        let at = At::of(self.chip.design, id);
        let answered =
            answers(at, self.chip.design, Some((layer_of(self.chip, id), &self.noise)), node, input);
        let Answered { mut output, moments, activity } =
            answered.map_err(|error| engine_error(node, error))?;
        self.activity.layers[i] = activity;
        // sum and sum of squares of every answer
        self.activity.digital_elements += 2 * output.data.len() as u64;
        let (mut gain, mut offset) = (Vec::new(), Vec::new());
        for (target, now) in self.targets[i].iter().zip(&moments) {
            let spread = target.squares > 0.0 && now.squares > 0.0;
            if spread != (target.squares > 0.0 || now.squares > 0.0) {
                self.learned.silent_outputs += 1;
            }
            let factor = if spread { (target.squares / now.squares).sqrt() } else { 1.0 };
            gain.push(factor);
            offset.push(target.mean - factor * now.mean);
        }
        let affine = Affine::new(gain, offset);
        if let Some(affine) = &affine {
            let (outputs, positions) = (at.quantized.outputs(), at.quantized.gather.positions());
            let planes = output.data.chunks_exact_mut(positions).enumerate();
            for (output, values) in planes.map(|(plane, values)| (plane % outputs, values)) {
                let scale = at.quantized.output_scale(output);
                for value in values {
                    let y = f64::from(*value) / scale.step - scale.bias;
                    *value = scale.value(y * affine.gain[output] + affine.offset[output]);
                }
            }
        }
        self.learned.layers[i] = affine;
        Ok(output)
    }

    fn observe(&mut self, _: LayerId, node: &Node, output: &Tensor) {
        if node.layer.mvm().is_none() {
            self.activity.digital_elements += output.data.len() as u64;
        }
    }
}

fn moments(chip: &Chip<'_>, images: &Tensor) -> Result<Compensation, Error> {
    let design = chip.design;
    let layers = design.layers.len();
    let mut exact = Exact { design, targets: vec![Vec::new(); layers] };
    design.network.forward(images, 0, &mut exact)?;
    let mut correcting = Correcting {
        chip,
        noise: chip.noise.instance(NOW),
        targets: exact.targets,
        learned: Compensation::new(layers),
        activity: Activity { layers: vec![LayerActivity::default(); layers], digital_elements: 0 },
    };
    design.network.forward(images, 0, &mut correcting)?;
    let Correcting { mut learned, activity, .. } = correcting;
    let events = chip.events(&activity);
    learned.runs.push(LearningRun { activity, events });
    Ok(learned)
}
