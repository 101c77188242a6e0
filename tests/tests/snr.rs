//! Error budgets: each cause alone, measured and predicted, against each other and against closed forms.

#![allow(missing_docs, clippy::unwrap_used, clippy::disallowed_methods)]

use ohmic_execution::{Cause, Causes, Chip, Design, Probe, Shortcuts, measure};
use ohmic_metrics::LayerSnr;
use ohmic_numerics::{Noise, Seed};
use ohmic_sweep::{Fidelity, Measuring, Point, Simulation};
use ohmic_tests::{Inputs, hardware, integers, linear, random, samples};
use toml::Value;

fn point(network: &str, data: &str, images: usize, trials: u32, settings: Vec<(String, Value)>) -> Point {
    Point {
        index: 0,
        seed: 1,
        hardware: "generic_reram".to_owned(),
        network: network.to_owned(),
        data: data.to_owned(),
        images,
        trials,
        fidelity: Fidelity::Simulate,
        settings,
        axes: Vec::new(),
        folder: std::path::PathBuf::new(),
    }
}

fn budgets(point: &Point, measuring: Measuring) -> Vec<LayerSnr> {
    let simulation = Simulation::default();
    let case = simulation.case(point).unwrap();
    simulation.snr(&case, point, measuring, None).unwrap()
}

/// The design number `i` of a grid over cells, drivers, converters and rows: mixed radix, low digits first.
fn design(i: usize) -> Vec<(String, Value)> {
    let mut rest = i;
    let mut pick = |n: usize| {
        let digit = rest % n;
        rest /= n;
        digit
    };
    let set = |key: &str, value: Value| (key.to_owned(), value);
    vec![
        set("device.sigma_ln", [0.02, 0.05, 0.1, 0.2][pick(4)].into()),
        set("adc.bits", [5i64, 6, 8][pick(3)].into()),
        set("adc.sigma_lsb", [0.0, 0.3, 0.8][pick(3)].into()),
        set("crossbar.rows_per_read", [128i64, 32][pick(2)].into()),
        set("dac.bits", [1i64, 4][pick(2)].into()),
        set("encoding.cell_bits", [4i64, 2][pick(2)].into()),
        set("adc.range", ["max", "full_scale"][pick(2)].into()),
        set("adc.unused_codes", "allow".into()),
    ]
}

/// Designs of the grid (576 in all) that are looked at: spread over it; `OHMIC_DESIGNS=200` for the full measure.
fn designs() -> Vec<usize> {
    let count = std::env::var("OHMIC_DESIGNS").map_or(4, |n| n.parse().unwrap());
    // 5 has no factor in common with 576, so that every digit runs through its values
    (0..count).map(|i| (i * (576 / count) + 5 * i) % 576).collect()
}

/// Predicted and measured ratios within 1 dB for at least 90 % of the layers, over designs and networks.
#[test]
fn predictions_are_within_a_decibel_of_chips() {
    let mut networks = vec![("lenet5-glyphs", "glyphs"), ("mlp-glyphs", "glyphs")];
    if std::env::var("OHMIC_DESIGNS").is_ok() {
        networks.push(("models/networks/cnn-mnist-onnx", "mnist"));
    }
    let mut errors: Vec<(f64, String)> = Vec::new();
    for (network, data) in networks {
        let network = match network.strip_prefix("models/") {
            Some(_) => format!("{}/../{network}", env!("CARGO_MANIFEST_DIR")),
            None => network.to_owned(),
        };
        for i in designs() {
            let point = point(&network, data, 16, 8, design(i));
            for layer in budgets(&point, Measuring::Chips) {
                let Some(error) = layer.prediction_error_db() else { continue };
                let b = layer.measured.as_ref().unwrap();
                let snr = 10.0 * (b.signal / b.total).log10();
                let what = format!("{network} design {i} {} ({snr:.1} dB) {:?}", layer.name, point.settings);
                errors.push((error, what));
            }
        }
    }
    let near = errors.iter().filter(|e| e.0.abs() <= 1.0).count();
    errors.sort_by(|a, b| b.0.abs().total_cmp(&a.0.abs()));
    println!("{near} of {} layers within 1 dB; the farthest:", errors.len());
    errors.iter().take(12).for_each(|(error, what)| println!("  {error:+.2} dB  {what}"));
    assert!(near as f64 >= 0.9 * errors.len() as f64, "{near} of {}", errors.len());
}

/// The chip with no cause at work is the exact integer product, bit for bit, whatever the machine has.
#[test]
fn without_causes_a_chip_is_exact() {
    let hw = hardware(
        "[device]\nkind = \"lognormal\"\nsigma_ln = 0.3\nread_sigma_rel = 0.2\ng_min = \"2 uS\"\ng_max = \"25 uS\"\n\
         [adc]\nkind = \"uniform\"\nbits = 5\nrange = \"full_scale\"\nsigma_lsb = 0.4\n\
         [fault]\nkind = \"stuck\"\nstuck_hrs_fraction = 0.1\nstuck_lrs_fraction = 0.1\n",
    );
    let (network, x) =
        (linear(70, 9, random(3, 630)), samples(4, 10, &ohmic_network::Shape(vec![70]), Inputs::Rectified));
    let quantized = integers(&network, 8, 8, &x);
    let plan = ohmic_mapping::map(&network, &quantized, &hw).unwrap();
    let design = Design::new(&network, &quantized, &plan, &hw, &x).unwrap();
    for shortcuts in [Shortcuts::Taken, Shortcuts::Avoided] {
        let chip = Chip::program_with(&design, Noise::new(Seed(5)), shortcuts, Causes::NONE).unwrap();
        let run = chip.run(&x, 0, Probe::LayerErrors).unwrap();
        assert!(run.errors.iter().flatten().all(|e| e.error == 0.0));
    }
}

/// One linear layer, one differential pair of 7-bit cells a weight, whose programming error has the same sigma at
/// every conductance and is cut at 0: with `g_min` 5 sigma above 0 nothing is cut, and the error power of an output is
/// `sigma² · 2 · sum x²` in levels, exactly, in the mean over chips.
#[test]
fn programming_follows_its_closed_form() {
    let hw = hardware(
        "[device]\nkind = \"gaussian_absolute\"\ng_min = \"10 uS\"\ng_max = \"40 uS\"\nsigma_fraction = 0.02\n\
         [encoding]\ncell_bits = 7\n",
    );
    let (network, x) =
        (linear(90, 40, random(3, 3600)), samples(4, 12, &ohmic_network::Shape(vec![90]), Inputs::Rectified));
    let quantized = integers(&network, 8, 8, &x);
    let plan = ohmic_mapping::map(&network, &quantized, &hw).unwrap();
    let design = Design::new(&network, &quantized, &plan, &hw, &x).unwrap();
    let layer = quantized.layers[0].as_ref().unwrap();
    let mut inputs = vec![0; x.data.len()];
    layer.quantize_inputs(&x.data, &mut inputs);
    let squares: f64 = inputs.iter().map(|&i| f64::from(i).powi(2)).sum();
    // 30 uS over 127 steps; the sum over 40 outputs of all samples
    let sigma = 0.02 * 127.0;
    let expected = 2.0 * sigma * sigma * squares * 40.0;
    let chips = 40;
    let total: f64 = (0..chips)
        .map(|i| {
            measure(&design, Noise::new(Seed(3)).instance(i), &x, 0).unwrap()[0].alone
                [Cause::Programming as usize]
        })
        .sum::<f64>()
        / f64::from(chips);
    // 40 chips of 40 outputs, whose errors share the inputs: about 1600 independent squares, 3.5 % standard error
    assert!((total / expected - 1.0).abs() < 0.12, "{total} {expected}");
}
