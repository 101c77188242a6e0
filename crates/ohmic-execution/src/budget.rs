//! What each cause of error does to each layer, measured: one cause at a time, all with the same inputs and the
//! same draws.

use crate::apply::{Buffers, Multiply, Part, apply};
use crate::causes::{Cause, Causes};
use crate::chip::{Chip, Shortcuts};
use crate::design::Design;
use crate::read::{Scratch, multiply};
use crate::{Error, LayerError};
use ohmic_network::quantization::{
    InputRange, QuantizeOptions, Quantized, QuantizedMvm, WeightScale, quantize,
};
use ohmic_network::reference::{FloatEngine, IntegerEngine};
use ohmic_network::{LayerId, MvmEngine, Network, Node, Tensor};
use ohmic_numerics::Noise;
use rayon::prelude::*;

/// Images that one thread looks at before it takes others.
const PART: usize = 4;

/// The error of one layer, cause by cause, against the exact integer product of the inputs that the exact
/// network gives it. Powers are sums over images, positions and outputs, in squared units of that product.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerBudget {
    /// Which layer.
    pub id: LayerId,
    /// Power of the exact product.
    pub signal: f64,
    /// Power of the error with one cause alone at work, in the order of [`Cause::ALL`]; 0 where the machine
    /// does not have it.
    pub alone: [f64; Cause::ALL.len()],
    /// Power of the error of the machine as it is.
    pub total: f64,
}

impl LayerBudget {
    /// Takes over what another chip gave for the same layer.
    pub fn add(&mut self, other: &Self) {
        self.signal += other.signal;
        self.alone.iter_mut().zip(other.alone).for_each(|(a, b)| *a += b);
        self.total += other.total;
    }
}

/// Measures every layer of one chip instance on some images, the first of which has index `first_sample` in its
/// data set. Every cause acts on the same inputs, and draws what it draws in the whole machine.
///
/// # Errors
/// See [`Chip::program`] and [`Chip::run`].
pub fn measure(
    design: &Design<'_>,
    noise: Noise,
    images: &Tensor,
    first_sample: usize,
) -> Result<Vec<LayerBudget>, Error> {
    let sets: Vec<Causes> = Cause::ALL.iter().map(|&c| Causes::only(c)).chain([Causes::ALL]).collect();
    // what the machine does not have is not computed
    let chips: Vec<Option<Chip<'_>>> = sets
        .iter()
        .enumerate()
        .map(|(i, &causes)| match Cause::ALL.get(i) {
            Some(&cause) if !design.has(cause) => Ok(None),
            _ => Chip::program_with(design, noise, Shortcuts::Taken, causes).map(Some),
        })
        .collect::<Result<_, _>>()?;
    let each = images.shape.len();
    let parts: Vec<&[f32]> = images.data.chunks((PART * each).max(1)).collect();
    let look = |i: usize, part: &[f32]| -> Result<Vec<Vec<LayerError>>, Error> {
        let mut engine = Budgeting {
            design,
            chips: &chips,
            errors: vec![vec![LayerError::default(); chips.len()]; design.layers.len()],
            scratch: Scratch::default(),
            buffers: Buffers::default(),
        };
        let part = Tensor::new(part.len() / each, images.shape.clone(), part.to_vec());
        design.network.forward(&part, first_sample + i * PART, &mut engine)?;
        Ok(engine.errors)
    };
    let parts: Vec<_> = parts.par_iter().enumerate().map(|(i, part)| look(i, part)).collect();
    let mut sums = vec![vec![LayerError::default(); chips.len()]; design.layers.len()];
    for part in parts {
        for (sum, part) in sums.iter_mut().flatten().zip(part?.iter().flatten()) {
            sum.signal += part.signal;
            sum.error += part.error;
        }
    }
    let budgets = design.layers().map(|id| {
        let errors = &sums[id.0 as usize];
        let mut alone = [0.0; Cause::ALL.len()];
        alone.iter_mut().zip(errors).for_each(|(to, from)| *to = from.error);
        let all = errors[Cause::ALL.len()];
        LayerBudget { id, signal: all.signal, alone, total: all.error }
    });
    Ok(budgets.collect())
}

struct Budgeting<'a> {
    design: &'a Design<'a>,
    chips: &'a [Option<Chip<'a>>],
    /// By layer index, then chip.
    errors: Vec<Vec<LayerError>>,
    scratch: Scratch,
    buffers: Buffers,
}

impl MvmEngine for Budgeting<'_> {
    fn mvm(
        &mut self,
        id: LayerId,
        node: &Node,
        input: &Tensor,
        first_sample: usize,
    ) -> Result<Tensor, ohmic_network::Error> {
        let i = id.0 as usize;
        let Some(layer) = &self.design.quantized.layers[i] else {
            unreachable!("every layer with a matrix is quantized");
        };
        let mut compare = Compare {
            design: self.design,
            chips: self.chips,
            id,
            errors: &mut self.errors[i],
            scratch: &mut self.scratch,
            answer: Vec::new(),
        };
        apply(&node.name, layer, input, first_sample, &mut self.buffers, &mut compare).map_err(|error| {
            ohmic_network::Error::Engine { layer: node.name.clone(), source: Box::new(error) }
        })
    }
}

/// One layer while images go through it: the exact product goes on, the chips' answers are compared with it.
struct Compare<'a> {
    design: &'a Design<'a>,
    chips: &'a [Option<Chip<'a>>],
    id: LayerId,
    errors: &'a mut [LayerError],
    scratch: &'a mut Scratch,
    answer: Vec<f64>,
}

impl Multiply for Compare<'_> {
    fn multiply(&mut self, part: Part<'_>, y: &mut [f64]) {
        let Part { group, vectors, first_draw, order, .. } = part;
        let i = self.id.0 as usize;
        let Some(layer) = &self.design.layers[i] else { unreachable!("a designed layer") };
        multiply(&layer.exact, group, vectors, first_draw, None, (&mut *y, order), self.scratch);
        let signal: f64 = y.iter().map(|y| y * y).sum();
        for (chip, error) in self.chips.iter().zip(self.errors.iter_mut()) {
            let Some(chip) = chip else { continue };
            error.signal += signal;
            // on the lossless shortcut there is no error
            let Some(program) = chip.layers[i].as_ref().and_then(|l| l.program.as_ref()) else { continue };
            self.answer.clear();
            self.answer.resize(y.len(), 0.0);
            let noise = Some((&chip.noise, self.id.0));
            let answer = &mut self.answer[..];
            multiply(program, group, vectors, first_draw, noise, (answer, order), self.scratch);
            error.error += self.answer.iter().zip(&*y).map(|(a, y)| (a - y) * (a - y)).sum::<f64>();
        }
    }
}

/// Power of what quantization does to a layer, each side alone, against weights and inputs of 16 bits: sums over
/// images, positions and outputs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LayerQuantization {
    /// Power of the product with 16-bit weights and inputs.
    pub signal: f64,
    /// Power of the error with the weights alone quantized as the hardware says.
    pub weights: f64,
    /// Power of the error with the inputs alone quantized as the hardware says.
    pub inputs: f64,
}

/// What quantization does to every layer of a float network, by layer index: the inputs are those of the float
/// network.
///
/// # Errors
/// The network refuses the images.
pub fn quantization(
    network: &Network,
    quantized: &Quantized,
    images: &Tensor,
    calibration: &ohmic_network::data::DataSetView<'_>,
) -> Result<Vec<LayerQuantization>, Error> {
    let options = QuantizeOptions {
        weight_bits: 16,
        input_bits: 16,
        weight_scale: WeightScale::Output,
        input_range: InputRange::Max,
    };
    let fine = quantize(network, &options, calibration)?;
    let mixed = |weights: &Quantized, inputs: &Quantized| Quantized {
        layers: weights
            .layers
            .iter()
            .zip(&inputs.layers)
            .map(|(weights, inputs)| {
                let (weights, inputs) = (weights.as_ref()?, inputs.as_ref()?);
                Some(QuantizedMvm {
                    input_bits: inputs.input_bits,
                    input_signed: inputs.input_signed,
                    input_step: inputs.input_step,
                    ..weights.clone()
                })
            })
            .collect(),
    };
    let forms = [fine.clone(), mixed(quantized, &fine), mixed(&fine, quantized)];
    let engines = forms.each_ref().map(IntegerEngine::new);
    let mut watch =
        Quantizing { forms: &forms, engines, sums: vec![LayerQuantization::default(); network.nodes.len()] };
    network.forward(images, 0, &mut watch)?;
    Ok(watch.sums)
}

struct Quantizing<'a> {
    forms: &'a [Quantized; 3],
    engines: [IntegerEngine<'a>; 3],
    sums: Vec<LayerQuantization>,
}

impl MvmEngine for Quantizing<'_> {
    fn mvm(
        &mut self,
        id: LayerId,
        node: &Node,
        input: &Tensor,
        first_sample: usize,
    ) -> Result<Tensor, ohmic_network::Error> {
        let mut products: Vec<Vec<f64>> = Vec::with_capacity(3);
        for (form, engine) in self.forms.iter().zip(&self.engines) {
            let mut sums = engine.accumulators(id, node, input)?;
            if let Some(layer) = form.layer(id) {
                let positions = layer.gather.positions();
                let outputs = layer.outputs();
                for (at, sums) in sums.chunks_exact_mut(positions).enumerate() {
                    let step = layer.output_scale(at % outputs).step;
                    sums.iter_mut().for_each(|s| *s *= step);
                }
            }
            products.push(sums);
        }
        let difference = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
        let sum = &mut self.sums[id.0 as usize];
        sum.signal += products[0].iter().map(|y| y * y).sum::<f64>();
        sum.weights += difference(&products[0], &products[1]);
        sum.inputs += difference(&products[0], &products[2]);
        FloatEngine.mvm(id, node, input, first_sample)
    }
}
