//! Error powers of layers as signal-to-noise ratios, and which cause binds.

use ohmic_execution::{Cause, LayerBudget, LayerQuantization};
use ohmic_numerics::stats::snr_db;

/// What disturbs one layer.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerSnr {
    /// Layer name.
    pub name: String,
    /// What quantization of weights and inputs does, measured.
    pub quantization: LayerQuantization,
    /// What the machine does, predicted in closed form.
    pub predicted: LayerBudget,
    /// What one chip of it does, measured; `None` if nothing was run.
    pub measured: Option<LayerBudget>,
}

/// The signal-to-noise ratio in dB; infinite without noise.
pub fn ratio_db(signal: f64, noise: f64) -> f64 {
    if noise > 0.0 { snr_db(signal, noise) } else { f64::INFINITY }
}

/// The cause that takes the largest part of the error, and its part of what all causes take alone; `None` if
/// nothing is wrong.
pub fn binding(budget: &LayerBudget) -> Option<(Cause, f64)> {
    let sum: f64 = budget.alone.iter().sum();
    let (cause, power) =
        Cause::ALL.iter().zip(budget.alone).max_by(|a, b| a.1.total_cmp(&b.1)).filter(|c| c.1 > 0.0)?;
    Some((*cause, power / sum))
}

/// The layer with the lowest ratio, the first of them if there are several; `None` without layers.
pub fn weakest(layers: &[LayerSnr]) -> Option<&LayerSnr> {
    layers.iter().min_by(|a, b| a.snr_db().total_cmp(&b.snr_db()))
}

impl LayerSnr {
    /// The budget to believe: the measured one where there is one.
    pub fn budget(&self) -> &LayerBudget {
        self.measured.as_ref().unwrap_or(&self.predicted)
    }

    /// Signal-to-noise ratio of the whole machine against the exact integers, in dB.
    pub fn snr_db(&self) -> f64 {
        ratio_db(self.budget().signal, self.budget().total)
    }

    /// The ratio if nothing but numbers of few bits were wrong, in dB: quantization of weights and inputs, and the
    /// converter's rounding and clipping.
    pub fn sqnr_db(&self) -> f64 {
        let budget = self.budget();
        let alone = |cause: Cause| budget.alone[cause as usize] / budget.signal;
        ratio_db(1.0, self.quantized() + alone(Cause::Rounding) + alone(Cause::Clipping))
    }

    /// The ratio against the float network, in dB: the whole machine and quantization of weights and inputs.
    pub fn with_quantization_db(&self) -> f64 {
        ratio_db(1.0, self.quantized() + self.budget().total / self.budget().signal)
    }

    /// Error power of quantized weights and inputs over signal power.
    fn quantized(&self) -> f64 {
        (self.quantization.weights + self.quantization.inputs) / self.quantization.signal
    }

    /// Predicted less measured signal-to-noise ratio of the whole machine, in dB; `None` if nothing was measured
    /// or one of them has no error.
    pub fn prediction_error_db(&self) -> Option<f64> {
        let measured = self.measured.as_ref()?;
        let error =
            ratio_db(self.predicted.signal, self.predicted.total) - ratio_db(measured.signal, measured.total);
        error.is_finite().then_some(error)
    }

    /// Error power relative to the signal: quantization of weights, of inputs, then every cause alone.
    pub fn parts(&self) -> Vec<(&'static str, f64)> {
        let q = &self.quantization;
        let of = |noise: f64| if q.signal > 0.0 { noise / q.signal } else { 0.0 };
        let budget = self.budget();
        let causes = Cause::ALL.iter().zip(budget.alone).map(|(cause, power)| {
            (cause.name(), if budget.signal > 0.0 { power / budget.signal } else { 0.0 })
        });
        [("weights", of(q.weights)), ("inputs", of(q.inputs))].into_iter().chain(causes).collect()
    }

    /// From the ratio with quantization alone down to what the machine leaves, in dB: the first, what each cause
    /// takes of the way, in proportion to its error power, and the last. Nothing is taken if the way has no end.
    pub fn waterfall(&self) -> (f64, Vec<(&'static str, f64)>, f64) {
        let parts = self.parts();
        let quantization = parts[0].1 + parts[1].1;
        let causes: f64 = parts[2..].iter().map(|p| p.1).sum();
        let (first, last) = (ratio_db(1.0, quantization), ratio_db(1.0, quantization + causes));
        let way = if first.is_finite() && causes > 0.0 { (first - last) / causes } else { 0.0 };
        (first, parts[2..].iter().map(|&(name, part)| (name, part * way)).collect(), last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ohmic_network::LayerId;

    fn layer(alone: [f64; Cause::ALL.len()]) -> LayerSnr {
        LayerSnr {
            name: "a".into(),
            quantization: LayerQuantization { signal: 1000.0, weights: 0.5, inputs: 0.5 },
            predicted: LayerBudget { id: LayerId(0), signal: 100.0, alone, total: alone.iter().sum() },
            measured: None,
        }
    }

    /// By hand: quantization 1e-3 of the signal is 30 dB; programming 6e-3 and rounding 3e-3 on top are 1e-2 in
    /// all, 20 dB: two thirds of the way are programming's.
    #[test]
    fn waterfall_by_hand() {
        let mut alone = [0.0; Cause::ALL.len()];
        alone[Cause::Programming as usize] = 0.6;
        alone[Cause::Rounding as usize] = 0.3;
        let (first, lost, left) = layer(alone).waterfall();
        assert!((first - 30.0).abs() < 1e-9 && (left - 20.0).abs() < 1e-9);
        let taken = |name| lost.iter().find(|l| l.0 == name).map_or(f64::NAN, |l| l.1);
        assert!(
            (taken("programming") - 20.0 / 3.0).abs() < 1e-9 && (taken("rounding") - 10.0 / 3.0).abs() < 1e-9
        );
        assert!(taken("wires") == 0.0);
        let (cause, share) = binding(&layer(alone).predicted).expect("a cause");
        assert!(cause == Cause::Programming && (share - 2.0 / 3.0).abs() < 1e-9);
        assert_eq!(binding(&layer([0.0; Cause::ALL.len()]).predicted), None);
        assert_eq!(layer(alone).prediction_error_db(), None);
    }

    /// By hand: the machine's 0.9 of 100 are 9e-3, 20.46 dB; quantization 1e-3 and rounding 3e-3 are 4e-3, 23.98 dB;
    /// quantization on top of the machine makes 1e-2, 20 dB.
    #[test]
    fn ratios_of_a_layer_by_hand() {
        let mut alone = [0.0; Cause::ALL.len()];
        alone[Cause::Programming as usize] = 0.6;
        alone[Cause::Rounding as usize] = 0.3;
        let noisy = layer(alone);
        for (found, by_hand) in
            [(noisy.snr_db(), 20.4576), (noisy.sqnr_db(), 23.9794), (noisy.with_quantization_db(), 20.0)]
        {
            assert!((found - by_hand).abs() < 1e-4, "{found} {by_hand}");
        }
        let exact = layer([0.0; Cause::ALL.len()]);
        assert!(exact.snr_db().is_infinite() && (exact.sqnr_db() - 30.0).abs() < 1e-9);
        let all = [exact.clone(), LayerSnr { name: "b".into(), ..noisy }];
        assert_eq!(weakest(&all).map(|l| l.name.as_str()), Some("b"));
        assert_eq!(weakest(&[exact.clone(), exact]).map(|l| l.name.as_str()), Some("a"));
        assert!(weakest(&[]).is_none());
    }
}
