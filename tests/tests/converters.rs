//! Converters that are not uniform, against conversions written down one by one; and what has to stay the same.

#![allow(clippy::float_cmp, missing_docs, clippy::unwrap_used)]

use ohmic_execution::{Chip, Design, Probe, RunOptions, SetRun, Shortcuts};
use ohmic_hardware::adc::transfer::{Instance, transfers};
use ohmic_hardware::dac::InputSign;
use ohmic_hardware::{Hardware, adc};
use ohmic_network::data::DataSet;
use ohmic_network::{Network, Shape, Tensor};
use ohmic_numerics::{Mat, Noise, Seed};
use ohmic_tests::{Bench, Inputs, hardware, integers, linear, only, random, samples};

const K: usize = 150;
const N: usize = 13;

fn inputs() -> (Network, Tensor) {
    (linear(K, N, random(1, K * N)), samples(3, 6, &Shape(vec![K]), Inputs::Signed))
}

fn outputs(hw: &Hardware, shortcuts: Shortcuts) -> (Vec<f32>, u64) {
    let (network, x) = inputs();
    let quantized = integers(&network, 8, 8, &x);
    let run = Bench::new(&network, &quantized, hw).run(&x, 17, shortcuts).unwrap();
    (run.output.data, run.activity.layers[0].clips)
}

/// Every kind, made quiet, gives the bits of a uniform converter, clips included.
#[test]
fn quiet_converters_are_uniform_to_the_bit() {
    let cells = "[device]\nkind = \"lognormal\"\ng_max = \"40 uS\"\ng_min = \"1 uS\"\nsigma_ln = 0.1\n";
    let with = |adc: String| {
        outputs(&hardware(&format!("{cells}[adc]\nbits = 6\nrange = \"max\"\n{adc}")), Shortcuts::Taken)
    };
    let uniform = with("kind = \"uniform\"".to_owned());
    for kind in adc::KINDS.iter().filter(|k| !["ideal", "uniform"].contains(&k.name)) {
        let own = kind
            .quiet
            .unwrap()
            .lines()
            .filter(|l| !["bits", "range", "unused_codes"].iter().any(|key| l.starts_with(key)));
        let text = own.fold(format!("kind = \"{}\"", kind.name), |text, line| format!("{text}\n{line}"));
        assert_eq!(with(text.replace("cells = 512", "cells = 16")), uniform, "{}", kind.name);
    }
}

/// Integers of cells on their levels, so that sums are exact; then each conversion by the transfer of the converter
/// that its bit line goes to.
#[test]
fn conversions_are_those_of_the_converter_of_each_column() {
    let (network, x) = inputs();
    let quantized = integers(&network, 8, 8, &x);
    let layer = only(&quantized);
    for (adc, dac) in [
        (
            "kind = \"sar\"\nunit_capacitor_sigma = 0.1\noffset_sigma_lsb = 0.7",
            "signed_inputs = \"two_pass\"",
        ),
        (
            "kind = \"flash\"\ncomparator_sigma_lsb = 0.6\ncalibration = \"line\"",
            "bits = 1\nsigned_inputs = \"twos_complement\"",
        ),
        (
            "kind = \"ramp\"\nramp_step_sigma_lsb = 0.2\ngain_sigma = 0.03\ncalibration = \"two_step\"",
            "bits = 2\nsigned_inputs = \"signed_drive\"",
        ),
        (
            "kind = \"uniform\"\ndnl_sigma_lsb = 0.3\ninl_bow_lsb = 1.0",
            "signed_inputs = \"two_pass\"\nskip_zeros = \"leading\"",
        ),
    ] {
        let hw = hardware(&format!(
            "[device]\nkind = \"ideal\"\ng_max = \"40 uS\"\ng_min = \"0 S\"\n[crossbar]\nrows = 64\nrows_per_read = 32\n\
             cols = 64\nadcs = 5\n[encoding]\nkind = \"differential\"\ncell_bits = 2\n[dac]\nkind = \"uniform\"\n{}{dac}\n\
             [adc]\nbits = 6\nrange = \"max\"\nunused_codes = \"allow\"\n{adc}\n",
            if dac.contains("bits =") { "" } else { "bits = 3\n" }
        ));
        let bench = Bench::new(&network, &quantized, &hw);
        let design = Design::new(&network, &quantized, &bench.plan, &hw, &x).unwrap();
        let noise = Noise::new(Seed(17));
        let chip = Chip::program(&design, noise, Shortcuts::Taken).unwrap();
        let run = chip.run(&x, 0, Probe::Off).unwrap();
        let grids: Vec<_> = design.ranges().into_iter().map(|r| r.grid.unwrap()).collect();
        let mut integers = vec![0; x.data.len()];
        layer.quantize_inputs(&x.data, &mut integers);

        let imperfection = hw.adc().imperfection().unwrap();
        let plan = bench.plan.layers[0].as_ref().unwrap();
        let sign = if layer.input_signed { InputSign::Signed } else { InputSign::Unsigned };
        let slices = hw.dac().slices(layer.input_bits, sign);
        let fraction = imperfection.fraction_bits();
        let mut y = vec![0.0; 6 * N];
        for block in &plan.blocks {
            let rows = block.rows.clone();
            let weights = Mat::from_fn(rows.len(), block.outputs.len(), |r, c| {
                layer.weights[0][(rows.start + r, block.outputs.start + c)]
            });
            let encoded =
                hw.encoding().encode(weights.view(), layer.weight_bits, plan.rows_per_read).unwrap();
            let decisions: Vec<Vec<f64>> = (0..5)
                .map(|index| {
                    imperfection.decisions(Instance { noise: &noise, crossbar: block.crossbar, index })
                })
                .collect();
            for (v, x) in integers.chunks_exact(K).enumerate() {
                for slice in &slices {
                    for (fragment, start) in (0..rows.len()).step_by(plan.rows_per_read).enumerate() {
                        let read = start..(start + plan.rows_per_read).min(rows.len());
                        let digit = |r: usize| slice.digit(x[rows.start + r]);
                        // a slice is skipped if neither it nor a higher one of its part drives a row
                        let reaches =
                            slices.iter().filter(|s| s.part == slice.part && s.shift >= slice.shift);
                        let skips = hw.dac().skipping() != ohmic_hardware::Skipping::None;
                        if skips
                            && reaches.clone().all(|s| read.clone().all(|r| s.digit(x[rows.start + r]) == 0))
                        {
                            continue;
                        }
                        for (readout, grid) in encoded.readouts.iter().zip(&grids) {
                            let made = transfers(
                                &decisions,
                                grid.code_min,
                                None,
                                imperfection.calibrated(),
                                fraction,
                            );
                            for c in 0..block.outputs.len() {
                                let sum: i64 = readout
                                    .terms
                                    .iter()
                                    .flat_map(|&(plane, sign)| {
                                        let p = &encoded.planes[plane];
                                        read.clone().map(move |r| {
                                            sign.value() * i64::from(digit(r)) * i64::from(p[(r, c)])
                                        })
                                    })
                                    .sum();
                                // planes of one output stand side by side
                                let line = block.first_col + c * encoded.planes.len() + readout.terms[0].0;
                                let transfer = &made[line * 5 / 64];
                                let level = sum as f64;
                                let code = transfer
                                    .thresholds
                                    .iter()
                                    .filter(|&&t| level >= f64::from((t * f64::from(grid.step)) as f32))
                                    .count();
                                let value = f64::from(transfer.values[code])
                                    * f64::from(grid.step)
                                    * (-f64::from(fraction)).exp2();
                                y[v * N + block.outputs.start + c] +=
                                    value * (readout.gain.at(fragment, c) * slice.gain) as f64;
                            }
                        }
                    }
                }
            }
        }
        for (i, (&got, want)) in run.output.data.iter().zip(&y).enumerate() {
            let scale = f64::from(layer.input_step) * f64::from(layer.weight_step[i % N]);
            let want = (want + layer.bias[i % N] as f64) * scale;
            assert!((f64::from(got) - want).abs() <= 1e-5 * want.abs() + 1e-4, "{adc} {i}: {got} for {want}");
        }
    }
}

fn set_run(threads: usize, batch: usize) -> SetRun {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let (network, calibration) = inputs();
        let x = samples(6, 33, &network.input, Inputs::Signed);
        let set = DataSet::from_floats("random", network.input.clone(), N, x.data, vec![0; 33]).unwrap();
        let hw = hardware(
            "[device]\nkind = \"lognormal\"\ng_max = \"40 uS\"\ng_min = \"1 uS\"\nsigma_ln = 0.1\nread_sigma_rel = 0.02\n\
             [crossbar]\nrows = 64\nrows_per_read = 32\n[adc]\nkind = \"charge_injection_sar\"\nbits = 7\nrange = \"mse\"\n\
             range_per = \"crossbar\"\ncells = 16\ncell_sigma = 0.05\nenob = 6.5\noffset_sigma_lsb = 1.0\ncalibration = \"two_step\"\n",
        );
        let quantized = integers(&network, 8, 8, &calibration);
        let bench = Bench::new(&network, &quantized, &hw);
        let design = Design::new(&network, &quantized, &bench.plan, &hw, &calibration).unwrap();
        let chip = Chip::program(&design, Noise::new(Seed(5)), Shortcuts::Taken).unwrap();
        assert!(!chip.is_quiet());
        chip.run_set(&set.all(), RunOptions { batch, probe_images: 7 }).unwrap()
    })
}

#[test]
fn threads_and_batches_change_nothing() {
    let want = set_run(1, 33);
    for (threads, batch) in [(1, 1), (2, 5), (4, 16)] {
        assert_eq!(set_run(threads, batch), want, "{threads} threads, batches of {batch}");
    }
}
