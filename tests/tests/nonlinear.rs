//! Layers of cells whose current is not proportional to their voltage, against the same cell by cell and, on
//! wires, operating point by operating point.

#![allow(clippy::float_cmp, missing_docs, clippy::unwrap_used)]

use ohmic_execution::{Chip, Design, Probe, Shortcuts};
use ohmic_hardware::Hardware;
use ohmic_hardware::dac::InputSign;
use ohmic_hardware::device::Patch;
use ohmic_mapping::Plan;
use ohmic_network::quantization::QuantizedMvm;
use ohmic_network::{Network, Shape, Tensor};
use ohmic_numerics::wires::{CellCurrent, Drive, NewtonOptions, NonlinearSolver};
use ohmic_numerics::{Cells, Mat, Noise, Seed, Site};
use ohmic_tests::{Bench, Inputs, hardware, integers, linear, only, random, samples};

const K: usize = 21;
const N: usize = 3;

/// The layer's answers in units of the integer product: currents of all cells at their voltages, summed; on
/// wires, the operating point of every read.
fn specification(hw: &Hardware, plan: &Plan, layer: &QuantizedMvm, x: &[i32], noise: &Noise) -> Vec<f64> {
    let plan = plan.layers[0].as_ref().unwrap();
    let law = hw.device().current_law().unwrap();
    let window = hw.device().window();
    let step = window.step_siemens(1 << hw.encoding().cell_bits());
    let sign = if layer.input_signed { InputSign::Signed } else { InputSign::Unsigned };
    let slices = hw.dac().slices(layer.input_bits, sign);
    let v_lsb = hw.crossbar().v_read_volt / ((1u64 << hw.dac().bits()) - 1) as f64;
    let mut y = vec![0.0; x.len() / K * N];
    for block in &plan.blocks {
        let rows = block.rows.clone();
        let outputs = block.outputs.len();
        let weights = Mat::from_fn(rows.len(), outputs, |r, c| {
            layer.weights[0][(rows.start + r, block.outputs.start + c)]
        });
        let encoded = hw.encoding().encode(weights.view(), layer.weight_bits, plan.rows_per_read).unwrap();
        let site = Site { layer: plan.id.0, block: block.id.0 };
        let mut first = 0;
        // no shared columns here: bit line of plane p of output c is c * planes + p
        let planes = encoded.planes.len();
        let mut cells = Mat::filled(rows.len(), outputs * planes, 0.0);
        for (p, plane) in encoded.planes.iter().enumerate() {
            let level = |l: u16| (window.g_min_siemens + f64::from(l) * step) as f32;
            let mut g: Vec<f32> = plane.as_slice().iter().map(|&l| level(l)).collect();
            hw.device().program(&mut g, &Patch::row(plane.as_slice().len(), Cells { site, first }, noise), 0);
            first += g.len() as u32;
            for (at, g) in g.into_iter().enumerate() {
                cells[(at / outputs, at % outputs * planes + p)] = f64::from(g);
            }
        }
        let mut solver = hw.wires().wires().map(|w| {
            let (r, c) = (
                block.first_row..block.first_row + rows.len(),
                block.first_col..block.first_col + cells.cols(),
            );
            NonlinearSolver::new(rows.len(), cells.cols(), &w.seen_from(r, c, hw.crossbar())).unwrap()
        });
        let at = |v: f64, g: f64| CellCurrent {
            ampere: law.current_ampere(v, g),
            slope_siemens: law.slope_siemens(v, g),
        };
        for (v, x) in x.chunks_exact(K).enumerate() {
            let y = &mut y[v * N..][block.outputs.clone()];
            for slice in &slices {
                for (fragment, start) in (0..rows.len()).step_by(plan.rows_per_read).enumerate() {
                    let read = start..(start + plan.rows_per_read).min(rows.len());
                    let volt = |r: usize| {
                        if read.contains(&r) {
                            f64::from(slice.digit(x[rows.start + r])) * v_lsb
                        } else {
                            0.0
                        }
                    };
                    let currents: Vec<f64> = match &mut solver {
                        Some(solver) => {
                            let drives: Vec<Drive> = (0..rows.len()).map(|r| Drive::Volt(volt(r))).collect();
                            solver
                                .solve(cells.view(), &at, &drives, NewtonOptions::default())
                                .unwrap()
                                .currents_ampere
                        }
                        None => (0..cells.cols())
                            .map(|j| {
                                (0..rows.len()).map(|r| law.current_ampere(volt(r), cells[(r, j)])).sum()
                            })
                            .collect(),
                    };
                    for readout in &encoded.readouts {
                        for (c, y) in y.iter_mut().enumerate() {
                            let term = |&(p, sign): &(usize, ohmic_hardware::Sign)| {
                                sign.value() as f64 * currents[c * planes + p]
                            };
                            let sum: f64 = readout.terms.iter().map(term).sum::<f64>() / (step * v_lsb);
                            *y += sum * (readout.gain.at(fragment, c) * slice.gain) as f64;
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
    y
}

struct Case {
    network: Network,
    x: Tensor,
}

fn case(inputs: Inputs) -> Case {
    Case { network: linear(K, N, random(1, K * N)), x: samples(3, 4, &Shape(vec![K]), inputs) }
}

const ADC: &str = "[adc]\nkind = \"ideal\"\n[component.adc]\nkind = \"priced\"\nper = \"adc\"\narea = \"1 um2\"\nevents = { conversion = \"1 pJ\" }\nfor_adc_bits = 32\nsource = \"test\"\n";
const DIFFERENTIAL: &str = "kind = \"differential\"\ncell_bits = 4\nsides = \"one\"\nsubtract = \"analog\"";
const LOGNORMAL: &str = "kind = \"lognormal\"\ng_max = \"40 uS\"\ng_min = \"1 uS\"\nsigma_ln = 0.1";
const SINH: &str = "current_law = \"sinh\"\nlaw_volt = \"0.12 V\"";

fn text(device: &str, encoding: &str, dac: &str, more: &str) -> String {
    let bits = dac.split("bits = ").nth(1).and_then(|b| b.lines().next()).unwrap();
    format!(
        "[device]\n{device}\n[encoding]\n{encoding}\n[dac]\n{dac}\n{ADC}[component.dac]\nkind = \"priced\"\nper = \"row\"\n\
         area = \"1 um2\"\nevents = {{ row_drive = \"1 pJ\" }}\nfor_dac_bits = {bits}\nsource = \"test\"\n\
         [precision]\nweight_bits = 8\ninput_bits = 4\n\
         [crossbar]\nrows = 12\ncols = 12\nrows_per_read = 6\nv_read = \"0.3 V\"\n{more}"
    )
}

/// Got, wanted; and whether the layer is computed.
fn run(case: &Case, hw: &Hardware) -> (Vec<f64>, Vec<f64>, Vec<f32>) {
    let quantized = integers(&case.network, 8, 4, &case.x);
    let layer = only(&quantized);
    let bench = Bench::new(&case.network, &quantized, hw);
    let design = Design::new(&case.network, &quantized, &bench.plan, hw, &case.x).unwrap();
    let noise = Noise::new(Seed(17));
    let chip = Chip::program(&design, noise, Shortcuts::Taken).unwrap();
    let run = chip.run(&case.x, 0, Probe::Off).unwrap();
    let unit = |i: usize| f64::from(layer.input_step) * f64::from(layer.weight_step[i % N]);
    let got = run.output.data.iter().enumerate();
    let got = got.map(|(i, &y)| f64::from(y) / unit(i) - layer.bias[i % N] as f64).collect();
    let mut x = vec![0; case.x.data.len()];
    layer.quantize_inputs(&case.x.data, &mut x);
    let want = match hw.device().current_law() {
        Some(_) => specification(hw, &bench.plan, layer, &x, &noise),
        None => Vec::new(),
    };
    (got, want, run.output.data)
}

/// Root mean square of the difference over that of the wanted.
fn off(got: &[f64], want: &[f64]) -> f64 {
    let square = |v: &mut dyn Iterator<Item = f64>| v.map(|v| v * v).sum::<f64>();
    (square(&mut got.iter().zip(want).map(|(a, b)| a - b)) / square(&mut want.iter().copied())).sqrt()
}

/// Every way of driving inputs, of one bit and of several, with laws that differ much over the drive: the layer is
/// the sum of its cells' currents, to what 16-bit cells round (2^-12 of the largest level each).
#[test]
fn layer_is_the_sum_of_its_cells_currents() {
    let signed = "signed_inputs = \"twos_complement\"";
    for (inputs, dac) in [
        (Inputs::Rectified, format!("kind = \"uniform\"\nbits = 1\n{signed}")),
        (Inputs::Rectified, format!("kind = \"uniform\"\nbits = 2\n{signed}")),
        (Inputs::Rectified, format!("kind = \"uniform\"\nbits = 4\n{signed}")),
        (Inputs::Signed, format!("kind = \"uniform\"\nbits = 2\n{signed}")),
        (Inputs::Signed, "kind = \"uniform\"\nbits = 2\nsigned_inputs = \"two_pass\"".to_owned()),
        (
            Inputs::Signed,
            "kind = \"uniform\"\nbits = 3\nsigned_inputs = \"two_pass\"\nskip_zeros = \"leading\"".to_owned(),
        ),
        (Inputs::Signed, "kind = \"uniform\"\nbits = 1\nsigned_inputs = \"signed_drive\"".to_owned()),
        (Inputs::Signed, "kind = \"uniform\"\nbits = 3\nsigned_inputs = \"signed_drive\"".to_owned()),
    ] {
        let case = case(inputs);
        for law in [SINH, "current_law = \"cubic\"\nlaw_volt = \"0.2 V\"\nlaw_at = \"0.3 V\""] {
            for encoding in [
                DIFFERENTIAL,
                "kind = \"offset\"\ncell_bits = 2\ninput_sum = \"digital\"\nflipped_columns = \"never\"",
            ] {
                let device = format!("{LOGNORMAL}\n{law}");
                let (got, want, _) = run(&case, &hardware(&text(&device, encoding, &dac, "")));
                let (plain, ..) = run(&case, &hardware(&text(LOGNORMAL, encoding, &dac, "")));
                assert!(off(&got, &want) < 1e-3, "{dac}\n{law}\n{encoding}: {}", off(&got, &want));
                let is_fitted = law.contains("law_at") && dac.contains("bits = 1");
                assert!(
                    is_fitted || off(&plain, &want) > 0.02,
                    "the law has to matter: {}",
                    off(&plain, &want)
                );
            }
        }
    }
}

/// Cells that were verified at the read voltage are linear cells as long as rows are driven with one bit: the
/// same bits as without a law, on the lossless shortcut too.
#[test]
fn one_bit_cells_verified_at_the_read_voltage_are_linear() {
    let case = case(Inputs::Rectified);
    let dac = "kind = \"uniform\"\nbits = 1\nsigned_inputs = \"twos_complement\"";
    let law = "\ncurrent_law = \"sinh\"\nlaw_volt = \"0.05 V\"\nlaw_at = \"0.3 V\"";
    let ideal = "kind = \"ideal\"\ng_max = \"40 uS\"\ng_min = \"0 S\"";
    for device in [ideal, LOGNORMAL] {
        let (_, _, with) = run(&case, &hardware(&text(&format!("{device}{law}"), DIFFERENTIAL, dac, "")));
        let (_, _, without) = run(&case, &hardware(&text(device, DIFFERENTIAL, dac, "")));
        assert_eq!(with, without);
    }
}

fn wires(ohm: f64) -> String {
    format!(
        "[wires]\nkind = \"exact\"\nrow_segment = \"{ohm} Ohm\"\ncolumn_segment = \"{ohm} Ohm\"\n\
         driver_resistance = \"{0} Ohm\"\nsense_resistance = \"{0} Ohm\"\ndriven_from = \"left\"\nsensed_at = \"bottom\"\n",
        4.0 * ohm
    )
}

/// On wires the matrix is that of the operating point with all rows of a read at full voltage: exact for inputs
/// that drive them so, and for others far nearer than if the law or the wires were left out.
#[test]
fn on_wires_the_full_read_is_exact_and_others_are_near() {
    let dac = "kind = \"uniform\"\nbits = 4\nsigned_inputs = \"twos_complement\"";
    let device = format!("{LOGNORMAL}\n{SINH}");
    let ones = Case { x: Tensor::new(1, Shape(vec![K]), vec![1.0; K]), ..case(Inputs::Rectified) };
    let any = case(Inputs::Rectified);
    for (ohm, near) in [(5.0, 0.005), (20.0, 0.02), (100.0, 0.1)] {
        let hw = hardware(&text(&device, DIFFERENTIAL, dac, &wires(ohm)));
        let (got, want, _) = run(&ones, &hw);
        assert!(off(&got, &want) < 1e-3, "all rows: {}", off(&got, &want));
        let (got, want, _) = run(&any, &hw);
        let (ideal, ..) = run(&any, &hardware(&text(&device, DIFFERENTIAL, dac, "")));
        let (linear, ..) = run(&any, &hardware(&text(LOGNORMAL, DIFFERENTIAL, dac, &wires(ohm))));
        println!(
            "{ohm} ohm: matrix {:.5}, without wires {:.5}, linear cells {:.5}",
            off(&got, &want),
            off(&ideal, &want),
            off(&linear, &want)
        );
        assert!(off(&got, &want) < near, "{ohm} ohm: {}", off(&got, &want));
        assert!(3.0 * off(&got, &want) < off(&ideal, &want), "{}", off(&ideal, &want));
        assert!(off(&linear, &want) > 0.05);
    }
}

#[test]
fn what_cannot_be_computed_is_refused() {
    let bits = |bits: u32| format!("kind = \"uniform\"\nbits = {bits}\nsigned_inputs = \"two_pass\"");
    let device = format!("{LOGNORMAL}\n{SINH}");
    let steep = format!("{LOGNORMAL}\ncurrent_law = \"sinh\"\nlaw_volt = \"2 mV\"");
    let approximate = wires(1.0).replace("exact", "approximate") + "error_bound = 0.1\n";
    for (device, dac, more, part) in [
        (&device, bits(9), "", "at most 8 bits in one step"),
        (&steep, bits(1), "", "`crossbar.v_read`"),
        (&device, bits(1), approximate.as_str(), "set wires.kind = \"exact\""),
    ] {
        let text = format!(
            "name = \"test\"\nextends = \"generic_reram\"\n{}",
            text(device, DIFFERENTIAL, &dac, more)
        );
        let e = Hardware::from_text("test.toml", &text).unwrap_err().to_string();
        assert!(e.contains(part), "{e}");
    }
}
