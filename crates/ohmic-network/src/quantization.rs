//! Integer weights and activations: what a crossbar is asked to compute exactly.
//!
//! Weights are symmetric, per layer or per output; activations are unsigned where calibration saw no
//! negative value, else two's complement. The calibration set is never the test set. Bias is added
//! digitally in integers of scale `input step · weight step`.

use crate::data::DataSetView;
use crate::gather::Gather;
use crate::layer::Mvm;
use crate::network::{LayerId, MvmEngine, Network, Node};
use crate::reference::FloatEngine;
use crate::{Error, Tensor};
use ohmic_numerics::{Mat, Uniform};

/// The integer form of one layer matrix.
#[derive(Clone, Debug)]
pub struct QuantizedMvm {
    /// One `k × (outputs / groups)` matrix a group, entries in `-(2^(b-1)-1) ..= 2^(b-1)-1`.
    pub weights: Vec<Mat<i32>>,
    /// Bits of a weight, sign included.
    pub weight_bits: u32,
    /// Value of one weight step, one an output (all equal if quantized per layer).
    pub weight_step: Vec<f32>,
    /// Bits of an input.
    pub input_bits: u32,
    /// Whether inputs are two's complement (else unsigned).
    pub input_signed: bool,
    /// Value of one input step.
    pub input_step: f32,
    /// Bias in units of `input_step · weight_step`, one an output.
    pub bias: Vec<i64>,
    /// Where the vectors come from.
    pub gather: Gather,
}

/// The integer form of a network: one entry a layer, `Some` where it runs on crossbars.
#[derive(Clone, Debug)]
pub struct Quantized {
    /// By layer index.
    pub layers: Vec<Option<QuantizedMvm>>,
}

/// What shares one weight step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightScale {
    /// All weights of a layer.
    Layer,
    /// The weights of one output.
    Output,
}

/// How the largest input that is not clipped is chosen from the calibration inputs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum InputRange {
    /// The largest magnitude seen.
    Max,
    /// The magnitude that this fraction of the inputs (0..1, such as 0.999) does not exceed.
    Percentile(f64),
    /// The range with the least mean squared quantization error.
    Mse,
}

/// How a network is turned into integers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QuantizeOptions {
    /// Bits of a weight, sign included: 2 to 16.
    pub weight_bits: u32,
    /// Bits of an input: 1 to 16, at least 2 where a layer sees negative inputs.
    pub input_bits: u32,
    /// What shares one weight step.
    pub weight_scale: WeightScale,
    /// How input ranges are chosen.
    pub input_range: InputRange,
}

/// Bias and step of one output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OutputScale {
    /// Added to an accumulator.
    pub bias: f64,
    /// The value of one step of the sum.
    pub step: f64,
}

impl OutputScale {
    /// The value of an accumulator.
    #[inline]
    pub fn value(self, accumulator: f64) -> f32 {
        ((accumulator + self.bias) * self.step) as f32
    }
}

impl QuantizedMvm {
    /// The quantizer of the inputs.
    pub fn input_quantizer(&self) -> Uniform {
        if self.input_signed {
            Uniform::signed(self.input_bits, self.input_step)
        } else {
            Uniform::unsigned(self.input_bits, self.input_step)
        }
    }

    /// Turns inputs into integers.
    ///
    /// # Panics
    /// `x.len() == out.len()`.
    pub fn quantize_inputs(&self, x: &[f32], out: &mut [i32]) {
        assert_eq!(x.len(), out.len(), "one integer an input");
        let quantizer = self.input_quantizer();
        let inverse = 1.0 / quantizer.step;
        let (low, high) = (quantizer.code_min as f32, quantizer.code_max as f32);
        // the codes of `Uniform::code`: below 2^22 this sum rounds to the nearest integer, ties to even, and
        // the integer stands in its last bits: no call and no check a value (tested against `code`)
        const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23
        for (code, &x) in out.iter_mut().zip(x) {
            let rounded = (x * inverse).max(low).min(high) + ROUND;
            *code = (rounded.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
        }
    }

    /// The same for unsigned inputs of at most 8 bits.
    ///
    /// # Panics
    /// `x.len() == out.len()`; inputs are unsigned and have at most 8 bits.
    pub fn quantize_bytes(&self, x: &[f32], out: &mut [u8]) {
        assert!(!self.input_signed && self.input_bits <= 8, "unsigned inputs of at most 8 bits");
        let quantizer = self.input_quantizer();
        let inverse = 1.0 / quantizer.step;
        ohmic_numerics::kernel::quantize_bytes(x, inverse, quantizer.code_max as f32, out);
    }

    /// The value of an accumulator of an output, `sum_k w_k x_k` in steps, bias added here.
    ///
    /// Every engine uses this function, so that equal accumulators give equal bits.
    #[inline]
    pub fn dequantize(&self, accumulator: f64, output: usize) -> f32 {
        self.output_scale(output).value(accumulator)
    }

    /// What turns accumulators of an output into values, see [`Self::dequantize`].
    pub fn output_scale(&self, output: usize) -> OutputScale {
        OutputScale {
            bias: self.bias[output] as f64,
            step: f64::from(self.input_step) * f64::from(self.weight_step[output]),
        }
    }

    /// Outputs over all groups.
    pub fn outputs(&self) -> usize {
        self.weight_step.len()
    }
}

impl Quantized {
    /// The integer form of a layer that runs on crossbars.
    pub fn layer(&self, id: LayerId) -> Option<&QuantizedMvm> {
        self.layers.get(id.0 as usize).and_then(Option::as_ref)
    }
}

/// The integer form of a network, input ranges taken from calibration images.
///
/// # Errors
/// Bits out of range, a percentile outside (0, 1], an empty calibration set, images that do not fit
/// the network.
///
/// ```
/// use ohmic_network::data::DataSet;
/// use ohmic_network::layer::Linear;
/// use ohmic_network::quantization::{InputRange, QuantizeOptions, WeightScale, quantize};
/// use ohmic_network::{Network, Node, Shape, Source};
///
/// let layer = Linear::new(2, 1, vec![0.7, -1.27], vec![]).unwrap();
/// let nodes = vec![Node::new("fc", Box::new(layer), vec![Source::Input])];
/// let network = Network::from_nodes("tiny", Shape(vec![2]), nodes).unwrap();
/// let images = DataSet::from_floats("two", Shape(vec![2]), 1, vec![0.0, 2.55], vec![0]).unwrap();
/// let (weight_scale, input_range) = (WeightScale::Layer, InputRange::Max);
/// let options = QuantizeOptions { weight_bits: 8, input_bits: 8, weight_scale, input_range };
/// let quantized = quantize(&network, &options, &images.all()).unwrap();
/// let layer = quantized.layers[0].as_ref().unwrap();
/// // 1.27 is 127 steps of 0.01; 2.55 is 255 steps of 0.01
/// assert_eq!(layer.weights[0].as_slice(), [70, -127]);
/// assert!((layer.input_step - 0.01).abs() < 1e-8 && !layer.input_signed);
/// ```
pub fn quantize(
    network: &Network,
    options: &QuantizeOptions,
    calibration: &DataSetView<'_>,
) -> Result<Quantized, Error> {
    let refuse = |problem: String| Err(Error::Request { problem });
    if !(2..=16).contains(&options.weight_bits) {
        return refuse(format!("weight_bits must be 2 to 16, got {}", options.weight_bits));
    }
    if !(1..=16).contains(&options.input_bits) {
        return refuse(format!("input_bits must be 1 to 16, got {}", options.input_bits));
    }
    if let InputRange::Percentile(p) = options.input_range
        && !(p > 0.0 && p <= 1.0)
    {
        return refuse(format!(
            "percentile must be a fraction above 0 and up to 1 (99.9 % is 0.999), got {p}"
        ));
    }
    if calibration.is_empty() {
        return refuse("the calibration set is empty".into());
    }
    calibration.fits(network)?;
    let mut engine =
        Calibration { ranges: vec![Range::default(); network.nodes.len()], pass: Pass::Extremes };
    let run = |engine: &mut Calibration| {
        for batch in calibration.batches(32) {
            network.forward(&batch, 0, engine)?;
        }
        Ok::<(), Error>(())
    };
    run(&mut engine)?;
    if options.input_range != InputRange::Max {
        engine.pass = Pass::Histogram;
        run(&mut engine)?;
    }
    let mut layers = Vec::with_capacity(network.nodes.len());
    for (node, range) in network.nodes.iter().zip(&engine.ranges) {
        layers.push(match node.layer.mvm() {
            Some(mvm) => Some(quantize_layer(&node.name, &mvm, options, range)?),
            None => None,
        });
    }
    Ok(Quantized { layers })
}

fn quantize_layer(
    name: &str,
    mvm: &Mvm<'_>,
    options: &QuantizeOptions,
    range: &Range,
) -> Result<QuantizedMvm, Error> {
    let k = mvm.gather.k();
    let groups = mvm.gather.groups();
    let n = mvm.outputs / groups;
    let largest = |values: &[f32]| values.iter().fold(0f32, |top, v| top.max(v.abs()));
    let symmetric = |largest: f32| Uniform::symmetric(options.weight_bits, 1.0).code_max as f32 / largest;
    let step_for = |values: &[f32]| match 1.0 / symmetric(largest(values)) {
        step if step.is_normal() => step,
        // nothing but zeros: any step does
        _ => 1.0,
    };
    let weight_step: Vec<f32> = match options.weight_scale {
        WeightScale::Layer => vec![step_for(mvm.weights); mvm.outputs],
        WeightScale::Output => mvm.weights.chunks_exact(k).map(step_for).collect(),
    };
    let weights = (0..groups)
        .map(|g| {
            Mat::from_fn(k, n, |row, col| {
                let output = g * n + col;
                let quantizer = Uniform::symmetric(options.weight_bits, weight_step[output]);
                quantizer.code(mvm.weights[output * k + row])
            })
        })
        .collect();
    let input_signed = range.low < 0.0;
    if input_signed && options.input_bits < 2 {
        let problem = format!("layer `{name}` sees negative inputs: input_bits must be at least 2");
        return Err(Error::Request { problem });
    }
    let input_step = range.step(options.input_range, options.input_bits);
    let mut bias = vec![0i64; mvm.outputs];
    for (output, (code, value)) in bias.iter_mut().zip(mvm.bias).enumerate() {
        let steps = f64::from(*value) / (f64::from(input_step) * f64::from(weight_step[output]));
        // beyond 2^52 the sum with it would not be exact
        if steps.is_nan() || steps.abs() > 4_503_599_627_370_496.0 {
            let problem =
                format!("layer `{name}`: bias[{output}] = {value} is out of proportion to its weights");
            return Err(Error::Request { problem });
        }
        *code = steps.round_ties_even() as i64;
    }
    Ok(QuantizedMvm {
        weights,
        weight_bits: options.weight_bits,
        weight_step,
        input_bits: options.input_bits,
        input_signed,
        input_step,
        bias,
        gather: mvm.gather.clone(),
    })
}

/// Bins of the histogram of magnitudes: 16 a step at 8 bits.
const BINS: usize = 4096;

/// What calibration saw at the input of one layer.
#[derive(Clone, Debug, Default)]
struct Range {
    low: f32,
    high: f32,
    /// How many magnitudes fell into each part of `0 ..= largest`; empty before the second pass.
    histogram: Vec<u64>,
}

impl Range {
    fn largest(&self) -> f32 {
        self.high.max(-self.low)
    }

    /// The input step for these bits.
    fn step(&self, policy: InputRange, bits: u32) -> f32 {
        let codes = if self.low < 0.0 { (1u32 << (bits - 1)) - 1 } else { (1u32 << bits) - 1 } as f32;
        let limit = match policy {
            InputRange::Max => self.largest(),
            InputRange::Percentile(fraction) => self.percentile(fraction),
            InputRange::Mse => self.least_error(codes),
        };
        match limit / codes {
            step if step.is_normal() => step,
            // nothing but zeros seen: any step does
            _ => 1.0,
        }
    }

    fn percentile(&self, fraction: f64) -> f32 {
        let wanted = fraction * self.histogram.iter().sum::<u64>() as f64;
        let mut count = 0;
        for (bin, n) in self.histogram.iter().enumerate() {
            count += n;
            if count as f64 >= wanted {
                return self.largest() * ((bin + 1) as f32 / BINS as f32);
            }
        }
        self.largest()
    }

    fn least_error(&self, codes: f32) -> f32 {
        let mut best = (f64::INFINITY, self.largest());
        for part in 1..=128 {
            let limit = self.largest() * (part as f32 / 128.0);
            let step = limit / codes;
            if !step.is_normal() {
                continue;
            }
            let mut error = 0.0;
            for (bin, &n) in self.histogram.iter().enumerate().filter(|(_, n)| **n > 0) {
                let value = self.largest() * ((bin as f32 + 0.5) / BINS as f32);
                let off = f64::from(value - (value / step).round_ties_even().min(codes) * step);
                error += n as f64 * off * off;
            }
            if error <= best.0 {
                best = (error, limit);
            }
        }
        best.1
    }
}

#[derive(Clone, Copy, Debug)]
enum Pass {
    Extremes,
    Histogram,
}

/// Runs in float and looks at the inputs of each layer matrix.
struct Calibration {
    ranges: Vec<Range>,
    pass: Pass,
}

impl MvmEngine for Calibration {
    fn mvm(&mut self, id: LayerId, node: &Node, input: &Tensor, first: usize) -> Result<Tensor, Error> {
        let range = &mut self.ranges[id.0 as usize];
        match self.pass {
            Pass::Extremes => {
                for &v in &input.data {
                    if !v.is_finite() {
                        let layer = node.name.clone();
                        let source = format!("calibration gave it the input {v}").into();
                        return Err(Error::Engine { layer, source });
                    }
                    range.low = range.low.min(v);
                    range.high = range.high.max(v);
                }
            }
            Pass::Histogram => {
                let largest = range.largest();
                range.histogram.resize(BINS, 0);
                for &v in &input.data {
                    let bin = (v.abs() / largest * BINS as f32) as usize;
                    range.histogram[bin.min(BINS - 1)] += 1;
                }
            }
        }
        FloatEngine.mvm(id, node, input, first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentile_and_least_error() {
        // 999 values spread over 0..1 and one large one
        let range = |largest: f32| {
            let mut histogram = vec![0u64; BINS];
            for i in 0..999 {
                histogram[(i as f32 / 999.0 / largest * BINS as f32) as usize] += 1;
            }
            histogram[BINS - 1] += 1;
            Range { low: 0.0, high: largest, histogram }
        };
        let p = range(100.0).percentile(0.998);
        assert!((0.95..1.1).contains(&p), "{p}");
        assert_eq!(range(100.0).percentile(1.0).to_bits(), 100f32.to_bits());
        // 8 bits: a limit L costs (100 - L)^2 for the one and 999 (L/255)^2 / 12 for the others: least at
        // L = 100 / (1 + 999/780300) = 99.87, next to the largest of the 128 candidates
        assert_eq!(range(100.0).least_error(255.0).to_bits(), 100f32.to_bits());
        // 2 bits, the one at 10. L = 10 rounds all others to 0: 999/3 = 333. By hand for smaller L:
        // 221 at 4, 132 at 3, 106 at 2.5, 101 at 2, 90 at 1: clipping pays
        let limit = range(10.0).least_error(3.0);
        assert!((0.9..2.6).contains(&limit), "{limit}");
    }

    #[test]
    fn inputs_get_the_codes_of_the_quantizer() {
        for (input_bits, input_signed) in
            [(1, false), (2, true), (8, false), (8, true), (16, false), (16, true)]
        {
            let layer = QuantizedMvm {
                weights: Vec::new(),
                weight_bits: 8,
                weight_step: Vec::new(),
                input_bits,
                input_signed,
                input_step: 0.0625,
                bias: Vec::new(),
                gather: Gather::Vector { len: 1 },
            };
            // halves and quarters of a step around every part of the range, and what is no number
            let mut x: Vec<f32> = (-70_000..70_000).map(|i| i as f32 * 0.015_625).collect();
            x.extend((-70_000..70_000).map(|i| i as f32 * 0.031_25));
            x.extend([f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 1e38, -1e38, 1e-40]);
            let mut codes = vec![0; x.len()];
            layer.quantize_inputs(&x, &mut codes);
            let quantizer = layer.input_quantizer();
            assert!(
                x.iter().zip(&codes).all(|(&x, &c)| quantizer.code(x) == c),
                "{input_bits} {input_signed}"
            );
        }
    }

    #[test]
    fn zeros_get_some_step() {
        assert_eq!(Range::default().step(InputRange::Max, 8).to_bits(), 1f32.to_bits());
    }
}
