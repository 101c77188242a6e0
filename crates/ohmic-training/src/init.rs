//! Weights before training.

use crate::Error;
use ohmic_network::Network;
use ohmic_numerics::{Cells, Noise, Purpose, Seed, Site};

/// The spread of the weights before training. All are normal with mean zero, biases are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Init {
    /// Variance `2 / inputs` (He et al., ICCV 2015): keeps the signal's size through ReLU.
    He,
    /// Variance `2 / (inputs + outputs)` (Glorot and Bengio, AISTATS 2010): for tanh and sigmoid.
    Glorot,
}

/// Draws the weights of every layer matrix; a layer's draws do not depend on the other layers.
///
/// # Errors
/// A layer has parameters but no layer matrix, so that nothing is known of how it should start.
pub(crate) fn initialize(network: &mut Network, init: Init, seed: Seed) -> Result<(), Error> {
    let noise = Noise::new(seed);
    for (i, node) in network.nodes.iter_mut().enumerate() {
        let Some((outputs, k)) = node.layer.mvm().map(|m| (m.outputs / m.gather.groups(), m.gather.k()))
        else {
            if node.layer.parameters().is_empty() {
                continue;
            }
            let (layer, kind) = (node.name.clone(), node.layer.kind());
            let problem = "only layers with a layer matrix (linear, conv2d) are trained".into();
            return Err(Error::NotTrainable { layer, kind, problem });
        };
        let variance = match init {
            Init::He => 2.0 / k as f32,
            Init::Glorot => 2.0 / (k + outputs) as f32,
        };
        let sigma = variance.sqrt();
        for (name, values) in node.layer.parameters_mut() {
            if name == "bias" {
                values.fill(0.0);
                continue;
            }
            let at = Cells { site: Site { layer: i as u32, block: crate::order::WEIGHTS }, first: 0 };
            noise.fill_normal(Purpose::Training, at, 0, values);
            values.iter_mut().for_each(|v| *v *= sigma);
        }
    }
    network.rehash();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ohmic_network::{Shape, read::fresh_layers};

    #[test]
    fn spread_is_as_declared() {
        let text = "[[layer]]\nkind = 'linear'\noutputs = 300\n";
        let input = Shape(vec![200]);
        for (init, variance) in [(Init::He, 0.01), (Init::Glorot, 0.004)] {
            let nodes = fresh_layers("t".as_ref(), text, &input).unwrap();
            let mut network = Network::from_nodes("t", input.clone(), nodes).unwrap();
            initialize(&mut network, init, Seed(1)).unwrap();
            let w = network.nodes[0].layer.parameters()[0].1;
            let got = w.iter().map(|v| v * v).sum::<f32>() / w.len() as f32;
            // the standard error of a variance from 60 000 values is 0.6 %
            assert!((got / variance - 1.0).abs() < 0.03, "{got}");
        }
    }
}
