//! The digital answer: in float, and in the exact integers that ideal hardware must equal bit for bit.

use crate::columns::Columns;
use crate::data::DataSetView;
use crate::gather::Gather;
use crate::network::{LayerId, MvmEngine, Network, Node};
use crate::quantization::{Quantized, QuantizedMvm};
use crate::{Error, Tensor};
use ohmic_numerics::kernel::{Op, gemm_f32};

/// Matrix products in float.
#[derive(Clone, Copy, Debug, Default)]
pub struct FloatEngine;

impl MvmEngine for FloatEngine {
    fn mvm(&mut self, _: LayerId, node: &Node, input: &Tensor, _: usize) -> Result<Tensor, Error> {
        Ok(node.layer.run(&[input]))
    }
}

/// Matrix products in exact integers.
///
/// The arithmetic is a float product over so few rows at a time that every partial sum is an integer
/// below 2^24, which `f32` holds exactly in any order of addition; the pieces are added in `f64`, exact
/// below 2^53.
#[derive(Clone, Debug)]
pub struct IntegerEngine<'a> {
    quantized: &'a Quantized,
    /// By layer and group: the weights as floats, `k × n`.
    weights: Vec<Vec<Vec<f32>>>,
}

impl<'a> IntegerEngine<'a> {
    /// The engine for a network that was quantized.
    pub fn new(quantized: &'a Quantized) -> Self {
        let floats = |layer: &Option<QuantizedMvm>| {
            let groups = layer.iter().flat_map(|l| &l.weights);
            groups.map(|m| m.as_slice().iter().map(|&w| w as f32).collect()).collect()
        };
        Self { quantized, weights: quantized.layers.iter().map(floats).collect() }
    }

    fn layer(&self, id: LayerId, node: &Node) -> Result<&'a QuantizedMvm, Error> {
        self.quantized.layer(id).ok_or_else(|| Error::Request {
            problem: format!("layer `{}` has no integer form: another network was quantized", node.name),
        })
    }

    /// The exact sums `sum_k w_k x_k` in steps, without bias, laid out like the layer's output.
    ///
    /// # Errors
    /// The quantized network is another one.
    pub fn accumulators(&self, id: LayerId, node: &Node, input: &Tensor) -> Result<Vec<f64>, Error> {
        let layer = self.layer(id, node)?;
        let mut codes = vec![0; input.data.len()];
        layer.quantize_inputs(&input.data, &mut codes);
        let mut sums = vec![0.0; input.batch * layer.outputs() * layer.gather.positions()];
        let (parts, rows) = exact_rows(layer);
        for part in parts {
            let digits: Vec<f32> = codes.iter().map(|&c| part.of(c)).collect();
            self.add_products(id, layer, &digits, rows, part.weight(), &mut sums);
        }
        Ok(sums)
    }

    /// Adds `scale · W^T x` to the sums, `rows` rows at a time.
    fn add_products(
        &self,
        id: LayerId,
        layer: &QuantizedMvm,
        codes: &[f32],
        rows: usize,
        scale: f64,
        sums: &mut [f64],
    ) {
        let k = layer.gather.k();
        let groups = layer.gather.groups();
        let n = layer.outputs() / groups;
        let positions = layer.gather.positions();
        let batch = sums.len() / (layer.outputs() * positions);
        let weights = &self.weights[id.0 as usize];
        let piece = rows.min(k);
        let add = |sums: &mut [f64], part: &[f32]| {
            sums.iter_mut().zip(part).for_each(|(s, &p)| *s += scale * f64::from(p));
        };
        match &layer.gather {
            Gather::Vector { .. } => {
                let mut part = vec![0.0; batch * n];
                let mut rows = vec![0.0; batch * piece];
                for first in (0..k).step_by(piece) {
                    let count = piece.min(k - first);
                    let rows = &mut rows[..batch * count];
                    for (row, sample) in rows.chunks_exact_mut(count).zip(codes.chunks_exact(k)) {
                        row.copy_from_slice(&sample[first..first + count]);
                    }
                    let w = (&weights[0][first * n..(first + count) * n], Op::Plain);
                    gemm_f32([batch, n, count], (rows, Op::Plain), w, 0.0, &mut part);
                    add(sums, &part);
                }
            }
            Gather::Window(window) => {
                let mut gathering = Columns::new(window);
                let columns_count = gathering.count();
                let mut part = vec![0.0; n * columns_count];
                let mut wide = vec![0.0; n * columns_count];
                let width = window.out_size()[1];
                let size = codes.len() / batch.max(1);
                for (b, sample) in codes.chunks_exact(size).enumerate() {
                    for (g, weights) in weights.iter().enumerate() {
                        wide.fill(0.0);
                        gathering.blocks(sample, g, |start, len, columns| {
                            let part = &mut part[..n * len];
                            for first in (0..k).step_by(piece) {
                                let rows = piece.min(k - first);
                                let w = (&weights[first * n..(first + rows) * n], Op::Transposed);
                                let x = (&columns[first * len..(first + rows) * len], Op::Plain);
                                gemm_f32([n, len, rows], w, x, 0.0, part);
                                for (to, from) in
                                    wide.chunks_exact_mut(columns_count).zip(part.chunks_exact(len))
                                {
                                    add(&mut to[start..start + len], from);
                                }
                            }
                        });
                        let target = &mut sums[(b * groups + g) * n * positions..][..n * positions];
                        for (target, wide) in
                            target.chunks_exact_mut(positions).zip(wide.chunks_exact(columns_count))
                        {
                            gathering.lines(|to, from| {
                                let lines = target[to..to + width].iter_mut().zip(&wide[from..from + width]);
                                lines.for_each(|(t, v)| *t += v);
                            });
                        }
                    }
                }
            }
        }
    }
}

/// The parts that input codes are cut into, each with its weight and largest magnitude, and the rows whose
/// products may then be added in `f32` without rounding (their sum stays below 2^24).
///
/// Codes are whole unless so few rows would be left that halves are quicker: low byte and the rest.
fn exact_rows(layer: &QuantizedMvm) -> (&'static [Part], usize) {
    let weight = (1usize << (layer.weight_bits - 1)) - 1;
    let input =
        if layer.input_signed { 1 << (layer.input_bits - 1) } else { (1usize << layer.input_bits) - 1 };
    match (1 << 24) / (weight * input) {
        rows if rows >= 64 || input < 256 => (&[Part::Whole], rows.max(1)),
        _ => (&[Part::Low, Part::High], (1 << 24) / (weight * 256)),
    }
}

/// A part of an input code.
#[derive(Clone, Copy, Debug)]
enum Part {
    Whole,
    Low,
    High,
}

impl Part {
    fn of(self, code: i32) -> f32 {
        (match self {
            Self::Whole => code,
            Self::Low => code & 0xff,
            Self::High => code >> 8,
        }) as f32
    }

    fn weight(self) -> f64 {
        if matches!(self, Self::High) { 256.0 } else { 1.0 }
    }
}

impl MvmEngine for IntegerEngine<'_> {
    fn mvm(&mut self, id: LayerId, node: &Node, input: &Tensor, _: usize) -> Result<Tensor, Error> {
        let sums = self.accumulators(id, node, input)?;
        let layer = self.layer(id, node)?;
        let positions = layer.gather.positions();
        let outputs = layer.outputs();
        let mut y = Tensor::zeros(input.batch, node.shape.clone());
        let planes = y.data.chunks_exact_mut(positions).zip(sums.chunks_exact(positions));
        for (i, (values, sums)) in planes.enumerate() {
            let output = i % outputs;
            values.iter_mut().zip(sums).for_each(|(v, &s)| *v = layer.dequantize(s, output));
        }
        Ok(y)
    }
}

/// How many samples of a data set the network puts into the right class.
///
/// # Errors
/// The data do not fit the network; the engine fails.
pub fn accuracy(
    network: &Network,
    data: &DataSetView<'_>,
    engine: &mut dyn MvmEngine,
) -> Result<usize, Error> {
    data.fits(network)?;
    let mut correct = 0;
    let mut first = 0;
    for batch in data.batches(32) {
        let scores = network.forward(&batch, first, engine)?;
        let labels = &data.labels()[first..first + batch.batch];
        correct += predictions(&scores).iter().zip(labels).filter(|(p, l)| **p == usize::from(**l)).count();
        first += batch.batch;
    }
    Ok(correct)
}

/// The predicted class of each sample: the first of the largest scores.
pub fn predictions(scores: &Tensor) -> Vec<usize> {
    scores
        .data
        .chunks_exact(scores.shape.len())
        .map(|row| row.iter().enumerate().fold(0, |best, (i, v)| if *v > row[best] { i } else { best }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::{Conv2d, Layer, Linear};
    use crate::quantization::{InputRange, QuantizeOptions, WeightScale, quantize};
    use crate::{Shape, Source, data::DataSet, gather::Window};
    use proptest::prelude::*;

    #[test]
    fn first_maximum_wins() {
        let scores = Tensor::new(2, Shape(vec![3]), vec![1.0, 5.0, 5.0, -3.0, -2.0, -4.0]);
        assert_eq!(predictions(&scores), [1, 1]);
    }

    /// The sums by 64-bit integers, term by term.
    fn by_integers(layer: &QuantizedMvm, input: &Tensor) -> Vec<i64> {
        let (k, positions) = (layer.gather.k(), layer.gather.positions());
        let n = layer.outputs() / layer.gather.groups();
        let mut codes = vec![0; input.data.len()];
        layer.quantize_inputs(&input.data, &mut codes);
        let mut vector = vec![0; k];
        let mut sums = Vec::new();
        for sample in codes.chunks_exact(input.shape.len()) {
            for o in 0..layer.outputs() {
                for p in 0..positions {
                    layer.gather.gather(sample, o / n, p..p + 1, &mut vector);
                    let weight = |row| i64::from(layer.weights[o / n][(row, o % n)]);
                    sums.push((0..k).map(|row| weight(row) * i64::from(vector[row])).sum());
                }
            }
        }
        sums
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn integers_are_exact(
            weight_bits in 2u32..=16, input_bits in 2u32..=16, negative in 0.0f32..1.0,
            per_output in proptest::bool::ANY, k in 1usize..700, seed in 0usize..1000,
        ) {
            let value = |i: usize| ((i * 7919 + seed * 104_729) % 10_007) as f32 / 10_007.0;
            let linear = Linear::new(k, 3, (0..3 * k).map(|i| value(i) - 0.5).collect(), vec![0.1, 0.2, 0.3]);
            let channels = 2 * k.div_ceil(100);
            let window = Window {
                channels, size: [5, 5], kernel: [3, 3], stride: [1, 2], padding: [1, 0, 1, 1],
                dilation: [1, 1], groups: 2,
            };
            let weights = (0..4 * window.k()).map(|i| value(i + 5) - 0.5).collect();
            let conv = Conv2d::new(window, 4, weights, vec![]);
            let layers: [(Box<dyn Layer>, Shape); 2] = [
                (Box::new(linear.unwrap()), Shape(vec![k])),
                (Box::new(conv.unwrap()), Shape(vec![channels, 5, 5])),
            ];
            for (layer, shape) in layers {
                let nodes = vec![Node::new("one", layer, vec![Source::Input])];
                let network = Network::from_nodes("net", shape.clone(), nodes).unwrap();
                let floats = (0..2 * shape.len()).map(|i| value(i + 3) - if negative > 0.5 { negative } else { 0.0 });
                let data = DataSet::from_floats("data", shape, 1, floats.collect(), vec![0, 0]).unwrap();
                let weight_scale = if per_output { WeightScale::Output } else { WeightScale::Layer };
                let options = QuantizeOptions { weight_bits, input_bits, weight_scale, input_range: InputRange::Max };
                let quantized = quantize(&network, &options, &data.all()).unwrap();
                let engine = IntegerEngine::new(&quantized);
                let input = data.batch(0..2);
                let sums = engine.accumulators(LayerId(0), &network.nodes[0], &input).unwrap();
                let want = by_integers(quantized.layers[0].as_ref().unwrap(), &input);
                prop_assert_eq!(sums.len(), want.len());
                for (a, b) in sums.iter().zip(&want) {
                    prop_assert_eq!(*a as i64, *b);
                }
            }
        }
    }

    /// 16-bit integers give the float answer to within their steps.
    #[test]
    fn many_bits_approach_float() {
        let layer = Linear::new(
            6,
            2,
            vec![0.3, -0.5, 0.7, 0.2, -0.9, 0.4, 0.1, 0.8, -0.6, 0.5, 0.25, -0.35],
            vec![0.5, -1.0],
        );
        let nodes = vec![Node::new("fc", Box::new(layer.unwrap()), vec![Source::Input])];
        let network = Network::from_nodes("net", Shape(vec![6]), nodes).unwrap();
        let floats = vec![0.1, -0.9, 0.4, 0.33, -0.2, 1.0];
        let data = DataSet::from_floats("data", Shape(vec![6]), 2, floats, vec![0]).unwrap();
        let options = QuantizeOptions {
            weight_bits: 16,
            input_bits: 16,
            weight_scale: WeightScale::Layer,
            input_range: InputRange::Max,
        };
        let quantized = quantize(&network, &options, &data.all()).unwrap();
        let x = data.batch(0..1);
        let float = network.forward(&x, 0, &mut FloatEngine).unwrap();
        let integer = network.forward(&x, 0, &mut IntegerEngine::new(&quantized)).unwrap();
        for (a, b) in float.data.iter().zip(&integer.data) {
            // 6 products, each off by half a step of 3e-5 in either factor: below 6 * 2 * 1.5e-5
            assert!((a - b).abs() < 2e-4, "{a} {b}");
        }
    }
}
