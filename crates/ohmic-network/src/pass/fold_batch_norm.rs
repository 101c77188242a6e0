//! Batch normalisation and constant scales put into the weights of the layer before them.

use crate::network::{LayerId, Network, Node, Source};
use crate::{Error, layer::Layer};

/// The network with every per-channel `y = factor · x + shift` put into the convolution or linear layer
/// before it, where nobody else uses that layer's result. What cannot be folded stays as it is.
///
/// The folded layer keeps the name of the layer with the weights.
///
/// # Errors
/// A folded weight is not finite.
pub fn fold_batch_norm(network: Network) -> Result<Network, Error> {
    let Network { name, input, nodes, .. } = network;
    let mut uses = vec![0usize; nodes.len()];
    for node in &nodes {
        for source in &node.inputs {
            if let Source::Layer(id) = source {
                uses[id.0 as usize] += 1;
            }
        }
    }
    let mut kept: Vec<Node> = Vec::with_capacity(nodes.len());
    // where each old layer's result comes from now
    let mut moved: Vec<Source> = Vec::with_capacity(nodes.len());
    for node in nodes {
        let inputs: Vec<Source> = node
            .inputs
            .iter()
            .map(|source| match source {
                Source::Input => Source::Input,
                Source::Layer(id) => moved[id.0 as usize],
            })
            .collect();
        let before = match (&node.inputs[..], &inputs[..]) {
            ([Source::Layer(old)], [Source::Layer(new)]) if uses[old.0 as usize] == 1 => Some(new.0 as usize),
            _ => None,
        };
        if let Some(before) = before
            && let Some(folded) = folded(&kept[before], node.layer.as_ref())
        {
            kept[before].layer = folded;
            moved.push(Source::Layer(LayerId(before as u32)));
            continue;
        }
        moved.push(Source::Layer(LayerId(kept.len() as u32)));
        kept.push(Node { inputs, ..node });
    }
    Network::from_nodes(name, input, kept)
}

/// The layer `before` followed by `after`, as one.
fn folded(before: &Node, after: &dyn Layer) -> Option<Box<dyn Layer>> {
    let outputs = before.layer.mvm()?.outputs;
    let (factor, shift) = after.channel_affine()?;
    let wide = |values: Vec<f64>| match values[..] {
        [one] => Some(vec![one; outputs]),
        _ if values.len() == outputs => Some(values),
        _ => None,
    };
    before.layer.with_affine(&wide(factor)?, &wide(shift)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::{Add, BatchNorm, Conv2d, Relu, Scale};
    use crate::reference::FloatEngine;
    use crate::{Shape, Tensor, gather::Window};

    fn conv(channels: usize) -> Box<dyn Layer> {
        let window = Window {
            channels,
            size: [4, 4],
            kernel: [3, 3],
            stride: [1, 1],
            padding: [1; 4],
            dilation: [1, 1],
            groups: 1,
        };
        let weights = (0..2 * channels * 9).map(|i| (i * 7 % 13) as f32 / 13.0 - 0.4).collect();
        Box::new(Conv2d::new(window, 2, weights, vec![]).unwrap())
    }

    fn norm() -> Box<dyn Layer> {
        let (weight, bias) = (vec![1.5, 0.5], vec![0.3, -0.4]);
        Box::new(BatchNorm::new(weight, bias, vec![0.2, -0.1], vec![0.7, 1.9], 1e-5).unwrap())
    }

    #[test]
    fn answers_stay_and_shared_results_are_left_alone() {
        let at = |i| Source::Layer(LayerId(i));
        let network = || {
            let nodes = vec![
                Node::new("a", conv(1), vec![Source::Input]),
                Node::new("norm", norm(), vec![at(0)]),
                Node::new("relu", Box::new(Relu), vec![at(1)]),
                Node::new("b", conv(2), vec![at(2)]),
                // used twice: cannot be folded into b
                Node::new("norm2", norm(), vec![at(3)]),
                Node::new("sum", Box::new(Add), vec![at(3), at(4)]),
                Node::new("scale", Box::new(Scale::new(vec![2.0], vec![1.0]).unwrap()), vec![at(5)]),
            ];
            Network::from_nodes("net", Shape(vec![1, 4, 4]), nodes).unwrap()
        };
        let folded = fold_batch_norm(network()).unwrap();
        let names: Vec<&str> = folded.nodes.iter().map(|n| n.name.as_str()).collect();
        assert_eq!(names, ["a", "relu", "b", "norm2", "sum", "scale"]);
        let x = Tensor::new(2, Shape(vec![1, 4, 4]), (0..32).map(|i| i as f32 / 16.0 - 0.9).collect());
        let before = network().forward(&x, 0, &mut FloatEngine).unwrap();
        let after = folded.forward(&x, 0, &mut FloatEngine).unwrap();
        for (a, b) in before.data.iter().zip(&after.data) {
            assert!((a - b).abs() < 1e-5 * (1.0 + a.abs()), "{a} {b}");
        }
    }
}
