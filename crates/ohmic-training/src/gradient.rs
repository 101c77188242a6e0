//! Loss and gradient of a network over a batch: cross-entropy, layer-wise backward.

use crate::Error;
use ohmic_network::data::DataSetView;
use ohmic_network::reference::predictions;
use ohmic_network::{Network, Shape, Source, Tensor};
use rayon::prelude::*;

/// Samples whose gradient is computed in one piece. Fixed, and the pieces are added in their order, so
/// that the result does not depend on the number of threads.
const CHUNK: usize = 16;

/// Loss and gradient over a batch.
#[derive(Clone, Debug, Default)]
pub struct BatchGradient {
    /// Cross-entropy in nats, summed over the samples.
    pub loss: f64,
    /// Samples whose first largest score is that of their class.
    pub correct: usize,
    /// Derivatives of the mean loss over the batch, one vector a parameter, layer after layer.
    pub parameters: Vec<Vec<f32>>,
}

/// Loss and gradient of a network at samples (one after the other) with these classes. The last layer
/// gives the scores whose softmax is the likelihood of the classes.
///
/// # Errors
/// A layer that has no gradient.
///
/// # Panics
/// `samples.len() == classes.len() * network.input.len()`, every class is an output of the network.
pub fn batch_gradient(network: &Network, samples: &[f32], classes: &[u16]) -> Result<BatchGradient, Error> {
    let len = network.input.len();
    assert_eq!(samples.len(), classes.len() * len, "{} samples of {}", classes.len(), network.input);
    let scale = 1.0 / classes.len() as f32;
    let pieces: Vec<Result<BatchGradient, Error>> = samples
        .par_chunks(CHUNK * len)
        .zip(classes.par_chunks(CHUNK))
        .map(|(x, t)| {
            chunk_gradient(network, Tensor::new(t.len(), network.input.clone(), x.to_vec()), t, scale)
        })
        .collect();
    let mut pieces = pieces.into_iter();
    let mut total = pieces.next().transpose()?.unwrap_or_default();
    for piece in pieces {
        let piece = piece?;
        total.loss += piece.loss;
        total.correct += piece.correct;
        for (sum, part) in total.parameters.iter_mut().zip(&piece.parameters) {
            sum.iter_mut().zip(part).for_each(|(s, p)| *s += p);
        }
    }
    Ok(total)
}

fn chunk_gradient(
    network: &Network,
    input: Tensor,
    classes: &[u16],
    scale: f32,
) -> Result<BatchGradient, Error> {
    let nodes = &network.nodes;
    let outputs = run(network, &input);
    let last = nodes.len() - 1;
    let (loss, correct, scores) = cross_entropy(&outputs[last], classes, scale);

    let mut gradients: Vec<Option<Tensor>> = vec![None; nodes.len()];
    gradients[last] = Some(scores);
    let mut parameters: Vec<Vec<Vec<f32>>> = vec![Vec::new(); nodes.len()];
    for (i, node) in nodes.iter().enumerate().rev() {
        // every result is used by a later layer, so its gradient is there
        let Some(gradient) = gradients[i].take() else { continue };
        let inputs = sources(&node.inputs, &input, &outputs);
        let back =
            node.layer.backward(&inputs, &outputs[i], &gradient).ok_or_else(|| Error::NotTrainable {
                layer: node.name.clone(),
                kind: node.layer.kind(),
                problem: "this kind has no gradient".into(),
            })?;
        parameters[i] = back.parameters;
        for (source, part) in node.inputs.iter().zip(back.inputs) {
            if let Source::Layer(id) = source {
                match &mut gradients[id.0 as usize] {
                    Some(sum) => sum.data.iter_mut().zip(&part.data).for_each(|(s, p)| *s += p),
                    none => *none = Some(part),
                }
            }
        }
    }
    Ok(BatchGradient { loss, correct, parameters: parameters.into_iter().flatten().collect() })
}

fn sources<'a>(inputs: &[Source], input: &'a Tensor, outputs: &'a [Tensor]) -> Vec<&'a Tensor> {
    inputs
        .iter()
        .map(|source| match source {
            Source::Input => input,
            Source::Layer(id) => &outputs[id.0 as usize],
        })
        .collect()
}

/// Summed loss, number of samples that are right, and `scale` times the gradient of the loss with
/// respect to the scores: `softmax(scores) - one of the class`.
fn cross_entropy(scores: &Tensor, classes: &[u16], scale: f32) -> (f64, usize, Tensor) {
    let n = scores.shape.len();
    let mut gradient = Tensor::zeros(scores.batch, Shape(scores.shape.0.clone()));
    let (mut loss, mut correct) = (0.0, 0);
    let rows = scores.data.chunks_exact(n).zip(gradient.data.chunks_exact_mut(n));
    for (((row, out), &class), top) in rows.zip(classes).zip(predictions(scores)) {
        let class = usize::from(class);
        correct += usize::from(top == class);
        let mut sum = 0.0;
        for (o, v) in out.iter_mut().zip(row) {
            *o = libm::expf(v - row[top]);
            sum += *o;
        }
        loss += f64::from(row[top] - row[class]) + libm::log(f64::from(sum));
        out.iter_mut().for_each(|o| *o *= scale / sum);
        out[class] -= scale;
    }
    (loss, correct, gradient)
}

/// Samples that the network puts into their class, by the float answer.
pub(crate) fn count_correct(network: &Network, data: &DataSetView<'_>) -> usize {
    /// Samples run in one piece: bounds the memory.
    const PIECE: usize = 64;
    let pieces = data.len().div_ceil(PIECE);
    (0..pieces)
        .into_par_iter()
        .map(|piece| {
            let range = piece * PIECE..((piece + 1) * PIECE).min(data.len());
            let classes = &data.labels()[range.clone()];
            let outputs = run(network, &data.batch(range));
            let predicted = predictions(&outputs[outputs.len() - 1]);
            predicted.iter().zip(classes).filter(|(p, class)| **p == usize::from(**class)).count()
        })
        .sum()
}

/// The result of every layer.
fn run(network: &Network, input: &Tensor) -> Vec<Tensor> {
    let mut outputs: Vec<Tensor> = Vec::with_capacity(network.nodes.len());
    for node in &network.nodes {
        let y = node.layer.run(&sources(&node.inputs, input, &outputs));
        outputs.push(y);
    }
    outputs
}

#[cfg(test)]
mod tests {
    use super::*;
    use ohmic_network::read::fresh_layers;
    use std::path::Path;

    fn tiny() -> Network {
        let text = "[[layer]]\nname = 'a'\nkind = 'conv2d'\noutputs = 3\nkernel = 3\npadding = 1\n\
                    [[layer]]\nkind = 'relu'\n[[layer]]\nkind = 'max_pool'\nkernel = 2\nstride = 2\n\
                    [[layer]]\nname = 'b'\nkind = 'conv2d'\noutputs = 3\nkernel = 3\npadding = 1\n\
                    [[layer]]\nname = 'sum'\nkind = 'add'\ninputs = ['max_pool2', 'b']\n\
                    [[layer]]\nkind = 'tanh'\n[[layer]]\nkind = 'flatten'\n\
                    [[layer]]\nname = 'c'\nkind = 'linear'\noutputs = 4\n";
        let input = Shape(vec![2, 6, 6]);
        let nodes = fresh_layers(Path::new("tiny"), text, &input).unwrap();
        let mut network = Network::from_nodes("tiny", input, nodes).unwrap();
        crate::init::initialize(&mut network, crate::init::Init::He, ohmic_numerics::Seed(3)).unwrap();
        network
    }

    fn data(n: usize) -> (Vec<f32>, Vec<u16>) {
        let x = (0..n * 72).map(|i| ((i * 37 + i / 72 * 11) % 101) as f32 / 50.0 - 1.0).collect();
        (x, (0..n).map(|i| (i * 7 % 4) as u16).collect())
    }

    /// Central differences of the whole chain, a residual branch included, against `backward`: step
    /// 1e-2 on f32 scores gives about 1e-4 of rounding and 1e-4 of curvature.
    #[test]
    fn equals_finite_differences() {
        let mut network = tiny();
        let (x, t) = data(5);
        let gradient = batch_gradient(&network, &x, &t).unwrap();
        let step = 1e-2f32;
        let mut index = 0;
        for node in 0..network.nodes.len() {
            for parameter in 0..network.nodes[node].layer.parameters().len() {
                let len = network.nodes[node].layer.parameters()[parameter].1.len();
                for at in (0..len).step_by(7) {
                    let mut loss = |by: f32| {
                        network.nodes[node].layer.parameters_mut()[parameter].1[at] += by;
                        batch_gradient(&network, &x, &t).unwrap().loss / 5.0
                    };
                    let (up, down) = (loss(step), loss(-2.0 * step));
                    loss(step);
                    let want = (up - down) / f64::from(2.0 * step);
                    let got = f64::from(gradient.parameters[index][at]);
                    assert!((got - want).abs() < 2e-3 + 0.02 * want.abs(), "{node} {at}: {got} {want}");
                }
                index += 1;
            }
        }
    }

    /// Two scores 0 and ln 3, class 0: likelihood 1/4, loss ln 4, gradient (1/4 - 1, 3/4).
    #[test]
    fn loss_by_hand() {
        let scores = Tensor::new(1, Shape(vec![2]), vec![0.0, 3f32.ln()]);
        let (loss, correct, gradient) = cross_entropy(&scores, &[0], 1.0);
        assert!((loss - 4f64.ln()).abs() < 1e-6 && correct == 0);
        assert!((gradient.data[0] + 0.75).abs() < 1e-6 && (gradient.data[1] - 0.75).abs() < 1e-6);
    }

    #[test]
    fn same_bits_with_any_number_of_threads() {
        let network = tiny();
        let (x, t) = data(50);
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let g = pool.install(|| batch_gradient(&network, &x, &t)).unwrap();
            let bits: Vec<u32> = g.parameters.iter().flatten().map(|v| v.to_bits()).collect();
            (g.loss.to_bits(), g.correct, bits)
        };
        let one = with(1);
        assert!(one == with(2) && one == with(7));
    }
}
