//! What of a layer matrix a plan depends on: its size, never its weights.

use crate::{FlowNode, Stream};
use ohmic_hardware::Precision;
use ohmic_network::Network;
use ohmic_network::quantization::{Quantized, QuantizedMvm};

/// A layer matrix without its weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MvmShape {
    /// Rows of the matrix of one group.
    pub k: usize,
    /// Outputs of the matrix of one group.
    pub n: usize,
    /// Independent matrices: 1 unless a grouped convolution.
    pub groups: usize,
    /// Vectors per sample.
    pub positions: usize,
    /// Bits of a weight, sign included.
    pub weight_bits: u32,
    /// Bits of an input.
    pub input_bits: u32,
}

impl MvmShape {
    /// The shape of a layer in integers.
    pub fn of(layer: &QuantizedMvm) -> Self {
        Self {
            k: layer.weights[0].rows(),
            n: layer.weights[0].cols(),
            groups: layer.weights.len(),
            positions: layer.gather.positions(),
            weight_bits: layer.weight_bits,
            input_bits: layer.input_bits,
        }
    }

    /// Multiply-accumulates of one sample.
    pub fn macs(&self) -> f64 {
        (self.positions * self.groups) as f64 * (self.k * self.n) as f64
    }
}

/// A network as a plan sees it: the name of every layer, and its matrix where it runs on crossbars.
#[derive(Clone, Debug)]
pub struct Shapes {
    /// Name of the network.
    pub network: String,
    /// By layer index.
    pub layers: Vec<(String, Option<MvmShape>)>,
    /// Elements that layers without a matrix compute, a sample.
    pub digital_elements: usize,
    /// What layers wait for, by layer index; empty: one layer after the other.
    pub flow: Vec<FlowNode>,
    /// By layer index, how values go from layer to layer; empty where nobody knows.
    pub streams: Vec<Stream>,
}

impl Shapes {
    /// Those of a network in integers.
    pub fn of(network: &Network, quantized: &Quantized) -> Self {
        let names = network.nodes.iter().map(|node| node.name.clone());
        let shapes = quantized.layers.iter().map(|layer| layer.as_ref().map(MvmShape::of));
        Self {
            network: network.name.clone(),
            layers: names.zip(shapes).collect(),
            digital_elements: digital(network),
            flow: FlowNode::of(network),
            streams: Stream::of(network),
        }
    }

    /// Those of a network whose weights and inputs nobody looked at.
    pub fn unseen(network: &Network, precision: &Precision) -> Self {
        let layers = network.nodes.iter().map(|node| {
            let shape = node.layer.mvm().map(|mvm| MvmShape {
                k: mvm.gather.k(),
                n: mvm.outputs / mvm.gather.groups(),
                groups: mvm.gather.groups(),
                positions: mvm.gather.positions(),
                weight_bits: precision.weight_bits,
                input_bits: precision.input_bits,
            });
            (node.name.clone(), shape)
        });
        Self {
            network: network.name.clone(),
            layers: layers.collect(),
            digital_elements: digital(network),
            flow: FlowNode::of(network),
            streams: Stream::of(network),
        }
    }
}

fn digital(network: &Network) -> usize {
    network.nodes.iter().filter(|node| node.layer.mvm().is_none()).map(|node| node.shape.len()).sum()
}
