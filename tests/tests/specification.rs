//! Execution against the plain specification: `docs/physics` written down cell by cell in f64, with
//! nothing shared but the parts themselves (device, encoding, drivers) and the addresses of draws.

#![allow(clippy::float_cmp, missing_docs, clippy::unwrap_used)]

use ohmic_execution::{Chip, Design, Probe, Shortcuts};
use ohmic_hardware::dac::InputSign;
use ohmic_hardware::{Event, Hardware, Patch};
use ohmic_mapping::Plan;
use ohmic_network::quantization::QuantizedMvm;
use ohmic_network::{Network, Shape, Tensor};
use ohmic_numerics::{Cells, Mat, Noise, Seed, Site, Uniform};
use ohmic_tests::{Bench, Inputs, hardware, integers, linear, only, random, samples};

struct Answer {
    /// One value an output and sample, in units of the integer product.
    y: Vec<f64>,
    /// Energy of the array for all samples, in joule.
    joule: f64,
}

/// Every cell of every block programmed one by one, every read summed in f64.
fn specification(
    hw: &Hardware,
    plan: &Plan,
    layer: &QuantizedMvm,
    grids: &[Option<Uniform>],
    x: &[i32],
    noise: &Noise,
) -> Answer {
    let plan = plan.layers[0].as_ref().unwrap();
    let (k, n) = (plan.k, plan.n);
    let window = hw.device().window();
    let step = window.step_siemens(1 << hw.encoding().cell_bits());
    let base = window.g_min_siemens / step;
    let sign = if layer.input_signed { InputSign::Signed } else { InputSign::Unsigned };
    let slices = hw.dac().slices(layer.input_bits, sign);
    let v_lsb = hw.crossbar().v_read_volt / ((1u64 << hw.dac().bits()) - 1) as f64;
    let mut answer = Answer { y: vec![0.0; x.len() / k * n], joule: 0.0 };
    for block in &plan.blocks {
        let rows = block.rows.clone();
        let weights = Mat::from_fn(rows.len(), block.outputs.len(), |r, c| {
            layer.weights[0][(rows.start + r, block.outputs.start + c)]
        });
        let encoded = hw.encoding().encode(weights.view(), layer.weight_bits, plan.rows_per_read).unwrap();
        let site = Site { layer: plan.id.0, block: block.id.0 };
        let mut first = 0;
        let planes: Vec<Mat<f64>> = encoded
            .planes
            .iter()
            .map(|plane| {
                let mut g: Vec<f32> = plane
                    .as_slice()
                    .iter()
                    .map(|&l| (window.g_min_siemens + f64::from(l) * step) as f32)
                    .collect();
                let patch = Patch::row(g.len(), Cells { site, first }, noise);
                hw.device().program(&mut g, &patch, 0);
                hw.faults().apply(&mut g, window, &patch);
                first += g.len() as u32;
                Mat::from_vec(plane.rows(), plane.cols(), g.into_iter().map(f64::from).collect())
            })
            .collect();
        for (v, x) in x.chunks_exact(k).enumerate() {
            let y = &mut answer.y[v * n..][block.outputs.clone()];
            for slice in &slices {
                for (fragment, start) in (0..rows.len()).step_by(plan.rows_per_read).enumerate() {
                    let read = start..(start + plan.rows_per_read).min(rows.len());
                    for r in read.clone() {
                        let digit = f64::from(slice.digit(x[rows.start + r]));
                        let g: f64 = planes.iter().map(|p| p.row(r).iter().sum::<f64>()).sum();
                        answer.joule += (digit * v_lsb).powi(2) * g * hw.crossbar().t_read_s;
                    }
                    for (readout, grid) in encoded.readouts.iter().zip(grids) {
                        for (c, y) in y.iter_mut().enumerate() {
                            let mut sum = 0.0;
                            for &(plane, sign) in &readout.terms {
                                let p = &planes[plane];
                                let column = if p.cols() == 1 { 0 } else { c };
                                for r in read.clone() {
                                    let level = p[(r, column)] / step - base + base;
                                    sum += sign.value() as f64
                                        * f64::from(slice.digit(x[rows.start + r]))
                                        * level;
                                }
                            }
                            let value = match grid {
                                None => sum,
                                Some(g) => f64::from(g.step) * f64::from(g.code(sum as f32)),
                            };
                            *y += value * (readout.gain.at(fragment, c) * slice.gain) as f64;
                        }
                    }
                }
            }
            let sum: i64 = rows.clone().map(|r| i64::from(x[r])).sum();
            for (y, scale) in y.iter_mut().zip(&encoded.input_sum_scale) {
                *y += (scale * sum) as f64;
            }
        }
    }
    answer
}

struct Case {
    network: Network,
    x: Tensor,
    text: String,
}

fn case(encoding: &str, device: &str, rest: &str, inputs: Inputs) -> Case {
    let network = linear(150, 13, random(1, 150 * 13));
    let x = samples(3, 6, &Shape(vec![150]), inputs);
    Case { network, x, text: format!("[device]\n{device}\n[encoding]\n{encoding}\n{rest}") }
}

fn run(case: &Case, check: impl Fn(&[f64], &Answer, f64)) {
    let hw = hardware(&case.text);
    let quantized = integers(&case.network, 8, 8, &case.x);
    let layer = only(&quantized);
    let bench = Bench::new(&case.network, &quantized, &hw);
    let design = Design::new(&case.network, &quantized, &bench.plan, &hw, &case.x).unwrap();
    let noise = Noise::new(Seed(17));
    let chip = Chip::program(&design, noise, Shortcuts::Taken).unwrap();
    let run = chip.run(&case.x, 0, Probe::Off).unwrap();
    let mut integers = vec![0; case.x.data.len()];
    layer.quantize_inputs(&case.x.data, &mut integers);
    let grids: Vec<_> = design.ranges().into_iter().map(|r| r.grid).collect();
    let want = specification(&hw, &bench.plan, layer, &grids, &integers, &noise);
    // back from the layer's float output to units of the integer product
    let got: Vec<f64> = run
        .output
        .data
        .iter()
        .enumerate()
        .map(|(i, &y)| {
            let c = i % 13;
            f64::from(y) / (f64::from(layer.input_step) * f64::from(layer.weight_step[c]))
                - layer.bias[c] as f64
        })
        .collect();
    let joule = chip.events(&run.activity)[0].get(Event::CellRead);
    check(&got, &want, joule);
}

const LOGNORMAL: &str = "kind = \"lognormal\"\ng_max = \"40 uS\"\ng_min = \"1 uS\"\nsigma_ln = 0.1";
const IDEAL_ADC: &str = "[adc]\nkind = \"ideal\"\n[component.adc]\nkind = \"priced\"\nper = \"adc\"\narea = \"1 um2\"\nevents = { conversion = \"1 pJ\" }\nfor_adc_bits = 32\nsource = \"test\"\n";

/// Root mean square over all outputs.
fn rms(v: impl Iterator<Item = f64>) -> f64 {
    let v: Vec<f64> = v.collect();
    (v.iter().map(|v| v * v).sum::<f64>() / v.len() as f64).sqrt()
}

/// Without a converter only the fixed point differs: at most 2^-12 of the largest level a cell, 2^-12 / √3 of it
/// root mean square; 62 dB and more below the signal, whatever the encoding.
#[test]
fn programmed_cells_without_a_converter() {
    for encoding in [
        "kind = \"differential\"\ncell_bits = 4\nsides = \"one\"\nsubtract = \"analog\"",
        "kind = \"offset\"\ncell_bits = 2\ninput_sum = \"unit_column\"\nflipped_columns = \"when_large\"",
        "kind = \"offset_column\"\ncell_bits = 2",
        "kind = \"twos_complement\"\ncell_bits = 1",
    ] {
        for inputs in [Inputs::Rectified, Inputs::Signed] {
            let case =
                case(encoding, LOGNORMAL, &format!("{IDEAL_ADC}[crossbar]\nrows_per_read = 32\n"), inputs);
            run(&case, |got, want, _| {
                let error = rms(got.iter().zip(&want.y).map(|(a, b)| a - b));
                let signal = rms(want.y.iter().copied());
                assert!(error < 8e-4 * signal, "{error} of {signal}: {encoding}");
            });
        }
    }
}

/// With a converter a code may differ only where the sum lies on a decision boundary.
#[test]
fn programmed_cells_with_a_converter() {
    let encoding = "kind = \"differential\"\ncell_bits = 4\nsides = \"one\"\nsubtract = \"analog\"";
    let case = case(
        encoding,
        LOGNORMAL,
        "[adc]\nbits = 6\nrange = \"full_scale\"\n[crossbar]\nrows_per_read = 32\n",
        Inputs::Rectified,
    );
    run(&case, |got, want, _| {
        // one step of 32 rows x 15 levels x 2 / 2^6 = 15 levels at gain 1..16 and slice gain 1..128
        let differing = got.iter().zip(&want.y).filter(|(a, b)| (*a - *b).abs() > 1.0).count();
        assert!(differing <= got.len() / 10, "{differing} of {}", got.len());
        let error = rms(got.iter().zip(&want.y).map(|(a, b)| a - b));
        let signal = rms(want.y.iter().copied());
        assert!(error < 0.02 * signal, "{error} of {signal}");
    });
}

/// Array energy is the sum of v² g t over every driven cell: to rounding of the sum.
#[test]
fn array_energy_is_exact() {
    for dac in ["bits = 1", "bits = 4"] {
        let encoding = "kind = \"differential\"\ncell_bits = 4\nsides = \"one\"\nsubtract = \"analog\"";
        let rest = format!(
            "[dac]\n{dac}\n[fault]\nkind = \"stuck\"\nstuck_hrs_fraction = 0.05\nstuck_lrs_fraction = 0.02\n"
        );
        let case = case(encoding, LOGNORMAL, &rest, Inputs::Rectified);
        run(&case, |_, want, joule| {
            assert!((joule - want.joule).abs() < 1e-9 * want.joule, "{joule} against {}", want.joule);
        });
    }
}

/// Converter noise: the variance of the answer is the sum of the variances of its codes,
/// gain² (sigma² + 1/12), rounding being uniform once sigma is a good part of a step.
#[test]
fn converter_noise_has_its_variance() {
    let (k, n) = (64, 40);
    let network = linear(k, n, random(1, k * n));
    let x = samples(3, 200, &Shape(vec![k]), Inputs::Rectified);
    // full scale of 64 x 15 levels in 11 bits: lossless, so all error is noise (and its rounding)
    let hw = hardware(
        "[device]\nkind = \"ideal\"\ng_max = \"40 uS\"\ng_min = \"0 S\"\n[crossbar]\nrows_per_read = 64\n[adc]\nbits = 11\nrange = \"full_scale\"\nsigma_lsb = 0.6\n",
    );
    let quantized = integers(&network, 8, 8, &x);
    let run = Bench::new(&network, &quantized, &hw).run(&x, 3, Shortcuts::Taken).unwrap();
    let error: f64 = run.errors[0].iter().map(|e| e.error).sum::<f64>() / (200 * n) as f64;
    // two 4-bit cell slices (gains 1, 16), eight one-bit input slices (gains 1 .. 128), all issued
    let gains: f64 =
        [1.0f64, 16.0].iter().map(|g| g * g).sum::<f64>() * (0..8).map(|s| 4f64.powi(s)).sum::<f64>();
    let want = gains * (0.36 + 1.0 / 12.0);
    // 8000 answers: standard error of a variance about 1.6 %
    assert!((error / want - 1.0).abs() < 0.08, "{error} against {want}");
}

/// Read noise aggregated over a read has the variance of its cells: sum of digit² sigma².
#[test]
fn read_noise_has_its_variance() {
    let (k, n) = (64, 40);
    let network = linear(k, n, random(1, k * n));
    let x = samples(3, 200, &Shape(vec![k]), Inputs::Rectified);
    let text = "[device]\nkind = \"gaussian_absolute\"\ng_max = \"40 uS\"\ng_min = \"0 S\"\nsigma_fraction = 0.0\nread_sigma_fraction = 0.02\n[crossbar]\nrows_per_read = 64\n[adc]\nbits = 11\nrange = \"full_scale\"\n";
    let hw = hardware(text);
    let quantized = integers(&network, 8, 8, &x);
    let layer = only(&quantized);
    let run = Bench::new(&network, &quantized, &hw).run(&x, 3, Shortcuts::Taken).unwrap();
    let error: f64 = run.errors[0].iter().map(|e| e.error).sum::<f64>() / (200 * n) as f64;
    let mut integers = vec![0; x.data.len()];
    layer.quantize_inputs(&x.data, &mut integers);
    // sigma of a cell 0.02 x 15 levels, two cells a readout; plus rounding to whole levels
    let cell = (0.02f64 * 15.0).powi(2);
    let mut want = 0.0;
    for x in integers.chunks_exact(k) {
        for s in 0..8 {
            let driven = x.iter().filter(|&&x| x >> s & 1 == 1).count() as f64;
            if driven > 0.0 {
                want += 4f64.powi(s) * 257.0 * (2.0 * cell * driven + 1.0 / 12.0);
            }
        }
    }
    want /= 200.0;
    assert!((error / want - 1.0).abs() < 0.08, "{error} against {want}");
}
