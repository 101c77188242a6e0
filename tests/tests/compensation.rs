//! Compensation of drift: against closed forms, on quiet chips, and what it is charged.

#![allow(clippy::float_cmp, missing_docs, clippy::unwrap_used)]

use ohmic_execution::{Chip, ChipBuilder, Compensation, Design, Probe, ProgrammedLayer, Run, Shortcuts};
use ohmic_hardware::{Correction, Event, Hardware};
use ohmic_mapping::map;
use ohmic_network::gather::Window;
use ohmic_network::quantization::Quantized;
use ohmic_network::reference::IntegerEngine;
use ohmic_network::{Network, Shape, Tensor};
use ohmic_numerics::{Noise, Seed};
use ohmic_tests::{Inputs, convolution, hardware, integers, linear, random, samples};

const ALL: [Correction; 3] = [Correction::LayerGain, Correction::OutputGain, Correction::OutputMoments];

/// What one chip gave without and with a correction that was learned on the very inputs.
struct Seen {
    plain: Run,
    corrected: Run,
    learned: Compensation,
    events: [f64; 2],
}

fn see(network: &Network, quantized: &Quantized, hw: &Hardware, x: &Tensor, correction: Correction) -> Seen {
    let plan = map(network, quantized, hw).unwrap();
    let design = Design::new(network, quantized, &plan, hw, x).unwrap();
    let noise = Noise::new(Seed(5));
    let now = Chip::program(&design, noise, Shortcuts::Taken).unwrap();
    let mut fresh = ChipBuilder::new(&design, noise, Shortcuts::Taken);
    for id in design.layers() {
        let cells = ProgrammedLayer::program_until(&design, id, &noise, &hw.conditions().fresh()).unwrap();
        fresh.place(id, &cells);
    }
    let fresh = fresh.finish();
    let learned = Compensation::learn(&now, Some(&fresh), correction, x).unwrap();
    let plain = now.run(x, 0, Probe::LayerErrors).unwrap();
    let corrected = now.compensated(learned.clone());
    let again = corrected.run(x, 0, Probe::LayerErrors).unwrap();
    let digital = |run: &Run| run.activity.digital_elements as f64;
    Seen { events: [digital(&plain), digital(&again)], plain, corrected: again, learned }
}

fn exact(network: &Network, quantized: &Quantized, x: &Tensor) -> Tensor {
    network.forward(x, 0, &mut IntegerEngine::new(quantized)).unwrap()
}

fn small() -> (Network, Quantized, Tensor) {
    let network = linear(150, 19, random(1, 150 * 19));
    let x = samples(3, 37, &Shape(vec![150]), Inputs::Rectified);
    let quantized = integers(&network, 8, 8, &x);
    (network, quantized, x)
}

const DRIFT: &str = "[device]\nkind = \"lognormal\"\ng_max = \"40 uS\"\ng_min = \"0 S\"\nsigma_ln = 0.0\n\
                     drift_t0 = \"20 s\"\n";

fn drifting(more: &str, elapsed: &str, adc: &str) -> Hardware {
    let bits = if adc == IDEAL { 32 } else { 8 };
    hardware(&format!(
        "[adc]\n{adc}\n[conditions]\nelapsed = \"{elapsed}\"\n[encoding]\nkind = \"differential\"\ncell_bits = 4\n\
         sides = \"one\"\nsubtract = \"analog\"\n{DRIFT}{more}\n[component.adc]\nkind = \"priced\"\nper = \"adc\"\n\
         area = \"1 um2\"\nevents = {{ conversion = \"1 pJ\" }}\nfor_adc_bits = {bits}\nsource = \"test\"\n"
    ))
}

const IDEAL: &str = "kind = \"ideal\"";
const UNIFORM: &str = "kind = \"uniform\"\nbits = 8\nrange = \"max\"";

/// Cells that all drift alike: the gain is the inverse of the drift, (1 + 19980 / 20)^0.06 = 1000^0.06 = 10^0.18
/// = 1.513561, and the exact answers come back, to the 12 bits of a cell in fixed point (2^-12 each).
#[test]
fn drift_of_all_cells_alike_is_undone() {
    let (network, quantized, x) = small();
    let hw = drifting("drift_nu = 0.06\n", "19980 s", IDEAL);
    let want = exact(&network, &quantized, &x);
    let largest = want.data.iter().fold(0f32, |a, v| a.max(v.abs()));
    for correction in ALL {
        let seen = see(&network, &quantized, &hw, &x, correction);
        let far = |run: &Run| {
            run.output.data.iter().zip(&want.data).map(|(a, b)| (a - b).abs() / largest).fold(0f32, f32::max)
        };
        assert!(far(&seen.plain) > 0.2, "{correction:?}: {}", far(&seen.plain));
        assert!(far(&seen.corrected) < 5e-4, "{correction:?}: {}", far(&seen.corrected));
        // signal over error: (1 - 1 / 1.513561)^-2 = 8.686 = 9.4 dB before
        let ratio = |run: &Run| {
            let sum = run.errors.iter().flatten().fold((0.0, 0.0), |s, e| (s.0 + e.signal, s.1 + e.error));
            sum.0 / sum.1
        };
        assert!((ratio(&seen.plain) - 8.686).abs() < 0.02, "{}", ratio(&seen.plain));
        assert!(ratio(&seen.corrected) > 1e5, "{correction:?}: {}", ratio(&seen.corrected));
        assert_eq!(seen.learned.silent_outputs, 0);
    }
}

/// A chip on which nothing has aged, and one that is ideal: not a bit changes.
#[test]
fn nothing_to_compensate_changes_nothing() {
    let (network, quantized, x) = small();
    for (more, elapsed, adc) in [
        ("drift_nu = 0.0\n", "1 year", IDEAL),
        ("drift_nu = 0.0\n", "1 year", UNIFORM),
        ("drift_nu = 0.06\ndrift_nu_sigma = 0.02\n", "0 s", IDEAL),
        ("drift_nu = 0.06\ndrift_nu_sigma = 0.02\n", "0 s", UNIFORM),
    ] {
        let hw = drifting(more, elapsed, adc);
        for correction in ALL {
            // moments also set right what converters do to mean and spread
            if adc == UNIFORM && correction == Correction::OutputMoments {
                continue;
            }
            let seen = see(&network, &quantized, &hw, &x, correction);
            assert_eq!(seen.plain.output.data, seen.corrected.output.data, "{more} {adc} {correction:?}");
        }
    }
}

/// Every output's mean and spread on the learning images are those of the exact network, through two layers'
/// worth of positions, whatever cells and converters do.
#[test]
fn moments_come_back() {
    let window = Window {
        channels: 3,
        size: [6, 6],
        kernel: [3, 3],
        stride: [1, 1],
        padding: [1; 4],
        dilation: [1, 1],
        groups: 1,
    };
    let network = convolution(window, 5, 2);
    let x = samples(4, 9, &Shape(vec![3, 6, 6]), Inputs::Rectified);
    let quantized = integers(&network, 8, 8, &x);
    let hw = drifting("drift_nu = 0.06\ndrift_nu_sigma = 0.03\n", "1 day", UNIFORM);
    let moments = |t: &Tensor| -> Vec<(f64, f64)> {
        (0..5)
            .map(|o| {
                let values: Vec<f64> = (0..t.batch)
                    .flat_map(|s| t.sample(s)[o * 36..(o + 1) * 36].iter().map(|v| f64::from(*v)))
                    .collect();
                let mean = values.iter().sum::<f64>() / values.len() as f64;
                let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64;
                (mean, variance.sqrt())
            })
            .collect()
    };
    let want = moments(&exact(&network, &quantized, &x));
    // reads are quiet, so the reads that were learned from are those of the run
    let seen = see(&network, &quantized, &hw, &x, Correction::OutputMoments);
    let (before, after) = (moments(&seen.plain.output), moments(&seen.corrected.output));
    for ((want, before), after) in want.iter().zip(&before).zip(&after) {
        assert!((before.1 / want.1 - 1.0).abs() > 0.1, "{before:?} {want:?}");
        assert!((after.0 - want.0).abs() < 1e-5 * want.1, "{after:?} {want:?}");
        assert!((after.1 / want.1 - 1.0).abs() < 1e-5, "{after:?} {want:?}");
    }
}

/// Converters that see nothing any more, (1 + 1e10 s / 20 s)^-1 = 2e-9 of the current: every output is silent, is
/// counted, and stays what it is.
#[test]
fn silent_outputs_are_counted_and_left() {
    let (network, quantized, x) = small();
    let hw = drifting("drift_nu = 1.0\n", "1e10 s", UNIFORM);
    for correction in ALL {
        let seen = see(&network, &quantized, &hw, &x, correction);
        assert_eq!(seen.learned.silent_outputs, 19, "{correction:?}");
        if correction != Correction::OutputMoments {
            assert_eq!(seen.plain.output.data, seen.corrected.output.data);
        }
    }
}

/// 37 images, 150 rows on two crossbars of 128, 8 one-bit slices: 37 * 2 * 8 reads each; two runs for gains, one for
/// moments; 19 products an inference, 19 or 38 additions an image learned on.
#[test]
fn reads_and_products_are_counted() {
    let (network, quantized, x) = small();
    let hw = drifting("drift_nu = 0.06\ndrift_nu_sigma = 0.02\n", "1 day", UNIFORM);
    for (correction, runs, additions) in
        [(Correction::LayerGain, 2, 19), (Correction::OutputGain, 2, 19), (Correction::OutputMoments, 1, 38)]
    {
        let seen = see(&network, &quantized, &hw, &x, correction);
        assert_eq!(seen.learned.runs.len(), runs);
        assert_eq!(seen.events, [0.0, 37.0 * 19.0]);
        for run in &seen.learned.runs {
            let layer = &run.activity.layers[0];
            assert_eq!((layer.samples, layer.reads), (37, 37 * 2 * 8));
            assert_eq!(run.activity.digital_elements, 37 * additions);
            assert_eq!(layer.squares, seen.plain.activity.layers[0].squares);
        }
        // what has drifted draws less than what it is compared with
        let energy: Vec<f64> = seen.learned.runs.iter().map(|r| r.events[0].get(Event::CellRead)).collect();
        assert!(energy.windows(2).all(|e| e[1] < 0.75 * e[0]), "{energy:?}");
    }
}

/// The same bits on one thread and on three.
#[test]
fn threads_change_nothing() {
    let (network, quantized, x) = small();
    let noisy = "drift_nu = 0.06\ndrift_nu_sigma = 0.02\nread_sigma_rel = 0.03\n";
    let hw = drifting(noisy, "1 day", UNIFORM);
    for correction in ALL {
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| see(&network, &quantized, &hw, &x, correction))
        };
        let (one, three) = (on(1), on(3));
        assert!(one.learned == three.learned, "{correction:?}");
        assert_eq!(one.corrected.output.data, three.corrected.output.data);
        assert_ne!(one.plain.output.data, one.corrected.output.data);
    }
}
