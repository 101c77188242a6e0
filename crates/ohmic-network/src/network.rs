//! The network: a list of layers in the order they run, each naming where its inputs come from.

use crate::Error;
use crate::layer::Layer;

/// Shape of one sample, without the batch: `[channels, height, width]` or `[features]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Shape(pub Vec<usize>);

impl Shape {
    /// Number of values in one sample.
    pub fn len(&self) -> usize {
        self.0.iter().fold(1, |product, &d| product.saturating_mul(d))
    }

    /// Number of values in one sample, if it is one that a machine can hold (at most 2^26).
    pub fn checked_len(&self) -> Option<usize> {
        let len = self.0.iter().try_fold(1usize, |product, &d| product.checked_mul(d))?;
        (len <= 1 << 26).then_some(len)
    }

    /// Whether a sample holds no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        write!(f, "{}", parts.join("x"))
    }
}

/// A batch of samples of one shape, sample after sample, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Number of samples.
    pub batch: usize,
    /// Shape of each sample.
    pub shape: Shape,
    /// `batch * shape.len()` values.
    pub data: Vec<f32>,
}

impl Tensor {
    /// A batch from its values.
    ///
    /// # Panics
    /// `data.len() == batch * shape.len()`.
    pub fn new(batch: usize, shape: Shape, data: Vec<f32>) -> Self {
        assert_eq!(data.len(), batch * shape.len(), "{batch} samples of {shape}");
        Self { batch, shape, data }
    }

    /// A batch of zeros.
    pub fn zeros(batch: usize, shape: Shape) -> Self {
        let data = vec![0.0; batch * shape.len()];
        Self { batch, shape, data }
    }

    /// The values of one sample.
    pub fn sample(&self, index: usize) -> &[f32] {
        let n = self.shape.len();
        &self.data[index * n..(index + 1) * n]
    }
}

/// Index of a layer in its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LayerId(pub u32);

/// Where a layer takes one of its inputs from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The network's input.
    Input,
    /// The output of an earlier layer.
    Layer(LayerId),
}

/// One layer of a network and its place in it.
#[derive(Debug)]
pub struct Node {
    /// Name from the model file, unique in the network.
    pub name: String,
    /// What it computes.
    pub layer: Box<dyn Layer>,
    /// Where its inputs come from; always earlier nodes.
    pub inputs: Vec<Source>,
    /// Shape of its result.
    pub shape: Shape,
}

impl Node {
    /// A node whose shape [`Network::from_nodes`] finds out.
    pub fn new(name: impl Into<String>, layer: Box<dyn Layer>, inputs: Vec<Source>) -> Self {
        Self { name: name.into(), layer, inputs, shape: Shape(Vec::new()) }
    }
}

/// Values that are hashed at a time.
const HASHED: usize = 4096;

/// Whether a network can be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weights {
    /// It was read with its weights.
    Known,
    /// Only its shapes are known; all parameters stand at zero.
    Unknown,
}

/// A trained network: shapes checked, layers in running order.
#[derive(Debug)]
pub struct Network {
    /// Name from the model file.
    pub name: String,
    /// Shape of one input sample.
    pub input: Shape,
    /// The layers; a layer's inputs come before it. The last one is the output (class scores).
    pub nodes: Vec<Node>,
    /// blake3 of everything that decides its answers (structure and weights), hex.
    pub hash: String,
    /// Whether it can be run.
    pub weights: Weights,
}

/// Whoever computes the matrix products of a network: the digital reference or a chip.
pub trait MvmEngine {
    /// The output of the layer `id` (which has an `mvm()`), for `input`. `first_sample` is the index
    /// of the batch's first sample in the data set, so that noise is drawn by address.
    fn mvm(&mut self, id: LayerId, node: &Node, input: &Tensor, first_sample: usize)
    -> Result<Tensor, Error>;

    /// Called with each layer's output once it is known. Does nothing unless overridden.
    fn observe(&mut self, _id: LayerId, _node: &Node, _output: &Tensor) {}
}

impl Network {
    /// A network from its layers in running order; their shapes are computed here.
    ///
    /// # Errors
    /// No layer, two layers of one name, an input that is not an earlier layer, a result that nobody
    /// uses, a shape that does not fit its layer, a weight that is not finite.
    pub fn from_nodes(name: impl Into<String>, input: Shape, mut nodes: Vec<Node>) -> Result<Self, Error> {
        let name = name.into();
        let refuse = |problem: String| Err(Error::Structure { network: name.clone(), problem });
        if input.0.is_empty() || input.checked_len().is_none_or(|n| n == 0) {
            return refuse(format!("an input of {input} is not possible"));
        }
        if nodes.is_empty() {
            return refuse("it has no layer".into());
        }
        let mut names = std::collections::BTreeSet::new();
        let mut used = vec![false; nodes.len()];
        for i in 0..nodes.len() {
            let (earlier, rest) = nodes.split_at_mut(i);
            let node = &mut rest[0];
            if !names.insert(node.name.clone()) {
                return refuse(format!("two layers are named `{}`", node.name));
            }
            let mut shapes = Vec::with_capacity(node.inputs.len());
            for source in &node.inputs {
                shapes.push(match source {
                    Source::Input => &input,
                    Source::Layer(id) => match earlier.get(id.0 as usize) {
                        Some(before) => {
                            used[id.0 as usize] = true;
                            &before.shape
                        }
                        None => return refuse(format!("layer `{}` takes a later one as input", node.name)),
                    },
                });
            }
            let shape = node.layer.out_shape(&shapes).map_err(|e| e.in_layer(&node.name))?;
            if shape.0.is_empty() || shape.checked_len().is_none_or(|n| n == 0) {
                let kind = node.layer.kind();
                let problem = format!("a result of {shape} a sample is not possible (at most 2^26 values)");
                return Err(Error::shape(kind, problem).in_layer(&node.name));
            }
            node.shape = shape;
            for tensor in node.layer.describe().tensors {
                if let Some(index) = tensor.values.iter().position(|v| !v.is_finite()) {
                    let (layer, value) = (node.name.clone(), tensor.values[index]);
                    return Err(Error::NotFinite { layer, tensor: tensor.key, index, value });
                }
            }
        }
        if let Some(i) = used.iter().take(nodes.len() - 1).position(|u| !u) {
            return refuse(format!("nobody uses the result of layer `{}`", nodes[i].name));
        }
        let mut network = Self { name, input, nodes, hash: String::new(), weights: Weights::Known };
        network.rehash();
        Ok(network)
    }

    /// Takes the hash anew, after parameters were moved.
    pub fn rehash(&mut self) {
        let mut hasher = blake3::Hasher::new();
        let text = |hasher: &mut blake3::Hasher, text: &str| {
            hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
        };
        text(&mut hasher, &self.input.to_string());
        for node in &self.nodes {
            text(&mut hasher, node.layer.kind());
            for source in &node.inputs {
                let id = match source {
                    Source::Input => -1,
                    Source::Layer(id) => i64::from(id.0),
                };
                text(&mut hasher, &id.to_string());
            }
            let description = node.layer.describe();
            text(&mut hasher, &description.settings.to_string());
            for tensor in &description.tensors {
                text(&mut hasher, &format!("{} {:?}", tensor.key, tensor.dims));
                // some at a time: a call a value would take longer than the hash
                let mut bytes = Vec::with_capacity(4 * HASHED);
                for values in tensor.values.chunks(HASHED) {
                    bytes.clear();
                    values.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
                    hasher.update(&bytes);
                }
            }
        }
        self.hash = hasher.finalize().to_hex().to_string();
    }

    /// The network's output for a batch, its matrix products computed by `engine`. Intermediate
    /// results are dropped after their last use.
    pub fn forward(
        &self,
        input: &Tensor,
        first_sample: usize,
        engine: &mut dyn MvmEngine,
    ) -> Result<Tensor, Error> {
        let mut last_use = vec![0; self.nodes.len()];
        for (i, node) in self.nodes.iter().enumerate() {
            for source in &node.inputs {
                if let Source::Layer(id) = source {
                    last_use[id.0 as usize] = i;
                }
            }
        }
        let mut results: Vec<Option<Tensor>> = Vec::with_capacity(self.nodes.len());
        for (i, node) in self.nodes.iter().enumerate() {
            // what nobody needs after this layer may be written over by it
            let first = match node.inputs.first() {
                Some(Source::Layer(id))
                    if last_use[id.0 as usize] == i
                        && node.layer.mvm().is_none()
                        && !node.inputs[1..].contains(&node.inputs[0]) =>
                {
                    results[id.0 as usize].take()
                }
                _ => None,
            };
            let of = |source: &Source| match source {
                Source::Input => input,
                Source::Layer(id) => results[id.0 as usize]
                    .as_ref()
                    .expect("inputs come earlier and are kept to their last use"),
            };
            let id = LayerId(i as u32);
            let output = match first {
                Some(first) => {
                    let others: Vec<&Tensor> = node.inputs[1..].iter().map(of).collect();
                    node.layer.run_in_place(first, &others).unwrap_or_else(|first| {
                        node.layer.run(&std::iter::once(&first).chain(others).collect::<Vec<_>>())
                    })
                }
                None if node.layer.mvm().is_some() => {
                    engine.mvm(id, node, of(&node.inputs[0]), first_sample)?
                }
                None => node.layer.run(&node.inputs.iter().map(of).collect::<Vec<_>>()),
            };
            engine.observe(id, node, &output);
            results.push(Some(output));
            for source in &node.inputs {
                if let Source::Layer(id) = source
                    && last_use[id.0 as usize] == i
                {
                    results[id.0 as usize] = None;
                }
            }
        }
        Ok(results.pop().flatten().expect("a network has at least one layer"))
    }

    /// The layers that run on crossbars, in order.
    pub fn mvm_layers(&self) -> impl Iterator<Item = (LayerId, &Node)> {
        self.nodes
            .iter()
            .enumerate()
            .filter(|(_, node)| node.layer.mvm().is_some())
            .map(|(i, node)| (LayerId(i as u32), node))
    }
}
