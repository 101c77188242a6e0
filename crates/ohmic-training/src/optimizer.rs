//! How a gradient moves the weights.

use ohmic_network::layer::Layer;

/// The rule by which a gradient moves the weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Optimizer {
    /// Stochastic gradient descent: `v = momentum · v + g`, `w -= rate · v`.
    Sgd {
        /// Share of the last move that goes on.
        momentum: f32,
    },
    /// Adam (Kingma and Ba, ICLR 2015, algorithm 1) with its bias corrections.
    Adam {
        /// Decay of the mean of the gradient.
        beta1: f32,
        /// Decay of the mean of its square.
        beta2: f32,
        /// Added to the root of the mean square.
        epsilon: f32,
    },
}

impl Optimizer {
    /// Numbers kept for each weight from step to step.
    pub fn moments(&self) -> usize {
        match self {
            Self::Sgd { .. } => 1,
            Self::Adam { .. } => 2,
        }
    }
}

/// What an optimizer remembers: one vector for each moment of each parameter, layer after layer.
pub(crate) type Moments = Vec<Vec<f32>>;

/// One step, counted from 0 over the whole run. Weight decay is apart from the gradient (Loshchilov
/// and Hutter, ICLR 2019): `w -= rate · decay · w`, on weights and not on biases.
pub(crate) fn step<'a>(
    optimizer: Optimizer,
    (step, rate, decay): (usize, f32, f32),
    layers: impl Iterator<Item = &'a mut Box<dyn Layer>>,
    gradients: &[Vec<f32>],
    moments: &mut Moments,
) {
    let parameters = layers.flat_map(|layer| layer.parameters_mut());
    let moments = moments.chunks_exact_mut(optimizer.moments());
    for (((name, weights), gradient), moments) in parameters.zip(gradients).zip(moments) {
        let decay = if name == "bias" { 0.0 } else { decay };
        let keep = 1.0 - rate * decay;
        match (optimizer, moments) {
            (Optimizer::Sgd { momentum }, [velocity]) => {
                for ((w, g), v) in weights.iter_mut().zip(gradient).zip(velocity) {
                    *v = momentum * *v + g;
                    *w = keep * *w - rate * *v;
                }
            }
            (Optimizer::Adam { beta1, beta2, epsilon }, [mean, square]) => {
                let times = (step + 1) as f64;
                let first = (1.0 / (1.0 - libm::pow(beta1.into(), times))) as f32;
                let second = (1.0 / (1.0 - libm::pow(beta2.into(), times))) as f32;
                for (((w, g), m), v) in weights.iter_mut().zip(gradient).zip(mean).zip(square) {
                    *m = beta1 * *m + (1.0 - beta1) * g;
                    *v = beta2 * *v + (1.0 - beta2) * g * g;
                    *w = keep * *w - rate * (first * *m) / ((second * *v).sqrt() + epsilon);
                }
            }
            (_, moments) => panic!("{} moments of {optimizer:?}", moments.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ohmic_network::layer::Linear;

    /// Two steps with gradients 1 and 0 on one weight of 2 and one bias of 0.
    fn two_steps(optimizer: Optimizer, decay: f32) -> [f32; 2] {
        let mut layer: Box<dyn Layer> = Box::new(Linear::new(1, 1, vec![2.0], vec![0.0]).unwrap());
        let mut moments = vec![vec![0.0]; 2 * optimizer.moments()];
        for (i, g) in [1.0, 0.0].into_iter().enumerate() {
            let gradients = [vec![g], vec![g]];
            let layers = std::iter::once(&mut layer);
            step(optimizer, (i, 0.1, decay), layers, &gradients, &mut moments);
        }
        let p = layer.parameters();
        [p[0].1[0], p[1].1[0]]
    }

    #[test]
    fn steps_by_hand() {
        let near = |got: [f32; 2], want: [f32; 2]| {
            assert!(got.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-6), "{got:?} {want:?}");
        };
        let sgd = Optimizer::Sgd { momentum: 0.5 };
        // 2 - 0.1 - 0.05
        near(two_steps(sgd, 0.0), [1.85, -0.15]);
        // (2 (1 - 0.1 0.2) - 0.1)(1 - 0.02) - 0.05 = 1.86 0.98 - 0.05; the bias does not decay
        near(two_steps(sgd, 0.2), [1.7728, -0.15]);
        // step 1: 0.1 1/1; step 2: m = 0.09/0.19, v = 0.000999/0.001999: 0.1 0.473684/0.706930
        let adam = Optimizer::Adam { beta1: 0.9, beta2: 0.999, epsilon: 0.0 };
        let moved = 0.1 + 0.1 * 0.473_684_2 / 0.706_929_9;
        near(two_steps(adam, 0.0), [2.0 - moved, -moved]);
    }
}
