//! Harness shared by the tests that span crates: small networks with random weights, hardware from a
//! few lines of TOML, and the way from both to a chip.

use ohmic_execution::{Chip, Design, Probe, Run, Shortcuts};
use ohmic_hardware::Hardware;
use ohmic_mapping::{Plan, map};
use ohmic_network::data::DataSet;
use ohmic_network::gather::Window;
use ohmic_network::layer::{Conv2d, Linear};
use ohmic_network::quantization::{InputRange, QuantizeOptions, Quantized, WeightScale, quantize};
use ohmic_network::{LayerId, Network, Node, Shape, Source, Tensor};
use ohmic_numerics::{Noise, Purpose, Seed, Site};

/// A repeatable random number source for test inputs: the i-th of stream `stream`.
pub fn draw(stream: u32, i: usize) -> f32 {
    Noise::new(Seed(99)).normal(Purpose::Data, Site { layer: 0, block: stream }, 0, i as u32)
}

/// Random values.
pub fn random(stream: u32, len: usize) -> Vec<f32> {
    (0..len).map(|i| draw(stream, i)).collect()
}

/// Whether test inputs may be negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inputs {
    /// All at least zero, about half of them zero: as after ReLU.
    Rectified,
    /// Of both signs.
    Signed,
}

/// A batch of random samples.
pub fn samples(stream: u32, batch: usize, shape: &Shape, inputs: Inputs) -> Tensor {
    let data = random(stream, batch * shape.len())
        .into_iter()
        .map(|v| if inputs == Inputs::Rectified { v.max(0.0) } else { v })
        .collect();
    Tensor::new(batch, shape.clone(), data)
}

fn node(name: &str, layer: Box<dyn ohmic_network::layer::Layer>) -> Node {
    Node { name: name.into(), layer, inputs: vec![Source::Input], shape: Shape(Vec::new()) }
}

/// A network of one linear layer.
///
/// # Panics
/// The weights do not make a layer.
pub fn linear(k: usize, n: usize, weights: Vec<f32>) -> Network {
    let layer = Linear::new(k, n, weights, random(7, n)).expect("a linear layer");
    Network::from_nodes("linear", Shape(vec![k]), vec![node("fc", Box::new(layer))]).expect("a network")
}

/// A network of one convolution.
///
/// # Panics
/// The weights do not make a layer.
pub fn convolution(window: Window, outputs: usize, stream: u32) -> Network {
    let shape = Shape(vec![window.channels, window.size[0], window.size[1]]);
    let k = window.channels / window.groups * window.kernel[0] * window.kernel[1];
    let layer =
        Conv2d::new(window, outputs, random(stream, outputs * k), random(8, outputs)).expect("a convolution");
    Network::from_nodes("convolution", shape, vec![node("conv", Box::new(layer))]).expect("a network")
}

/// The integer form of a network, its ranges taken from `calibration`.
///
/// # Panics
/// The network cannot be quantized.
pub fn integers(network: &Network, weight_bits: u32, input_bits: u32, calibration: &Tensor) -> Quantized {
    let set = DataSet::from_floats(
        "random",
        calibration.shape.clone(),
        network.nodes.last().map_or(1, |n| n.shape.len()),
        calibration.data.clone(),
        vec![0; calibration.batch],
    )
    .expect("a data set");
    let options = QuantizeOptions {
        weight_bits,
        input_bits,
        weight_scale: WeightScale::Output,
        input_range: InputRange::Max,
    };
    quantize(network, &options, &set.all()).expect("integers")
}

/// Hardware from a few lines over the preset `generic_reram`.
///
/// # Panics
/// With the full message if the lines are not a hardware file.
pub fn hardware(lines: &str) -> Hardware {
    let text = format!("name = \"test\"\nextends = \"generic_reram\"\n{lines}");
    Hardware::from_text("test.toml", &text).unwrap_or_else(|e| panic!("{e}"))
}

/// What a test runs on one chip.
#[derive(Debug)]
pub struct Bench<'a> {
    /// The network.
    pub network: &'a Network,
    /// Its integers.
    pub quantized: &'a Quantized,
    /// The machine.
    pub hardware: &'a Hardware,
    /// Where the network sits.
    pub plan: Plan,
}

impl<'a> Bench<'a> {
    /// Maps the network.
    ///
    /// # Panics
    /// It cannot be mapped.
    pub fn new(network: &'a Network, quantized: &'a Quantized, hardware: &'a Hardware) -> Self {
        let plan = map(network, quantized, hardware).unwrap_or_else(|e| panic!("{e}"));
        Self { network, quantized, hardware, plan }
    }

    /// Programs a chip and runs the inputs.
    ///
    /// # Errors
    /// The encoding refuses a weight.
    pub fn run(
        &self,
        inputs: &Tensor,
        seed: u64,
        shortcuts: Shortcuts,
    ) -> Result<Run, ohmic_execution::Error> {
        let design = Design::new(self.network, self.quantized, &self.plan, self.hardware, inputs)?;
        let chip = Chip::program(&design, Noise::new(Seed(seed)), shortcuts)?;
        chip.run(inputs, 0, Probe::LayerErrors)
    }
}

/// The only layer's integers, for tests that look at them.
///
/// # Panics
/// The network's first layer has no matrix.
pub fn only(quantized: &Quantized) -> &ohmic_network::quantization::QuantizedMvm {
    quantized.layer(LayerId(0)).expect("a layer with a matrix")
}
