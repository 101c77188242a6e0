//! SRAM macros in layers: errors of capacitors and kT/C against their closed forms, and how the SNR
//! goes with rows.

#![allow(missing_docs, clippy::unwrap_used)]

use ohmic_execution::{Chip, Design, Probe, Shortcuts};
use ohmic_hardware::Hardware;
use ohmic_network::{Shape, Tensor};
use ohmic_numerics::{Noise, Seed};
use ohmic_tests::{Bench, Inputs, hardware, integers, linear, only, random, samples};

const N: usize = 16;
const SAMPLES: usize = 24;
const CHIPS: u64 = 6;

fn text(device: &str, adc: &str, rows: usize) -> Hardware {
    hardware(&format!(
        "[device]\nkind = \"sram_charge\"\nunit_capacitor = \"1 fF\"\nv_ref = \"1 V\"\n{device}\n\
         [encoding]\nkind = \"ternary\"\n[dac]\nkind = \"uniform\"\nbits = 1\nsigned_inputs = \"two_pass\"\n\
         [adc]\n{adc}\n[component.adc]\nkind = \"priced\"\nper = \"adc\"\narea = \"1 um2\"\n\
         events = {{ conversion = \"1 pJ\" }}\nfor_adc_bits = ADCBITS\nsource = \"test\"\n\
         [component.array]\nkind = \"charge_array\"\ncell_area = \"1 um2\"\nrow_energy = \"1 pJ\"\nsource = \"test\"\n\
         [precision]\nweight_bits = 2\ninput_bits = 1\n\
         [crossbar]\nrows = {rows}\ncols = 64\nrows_per_read = {rows}\nv_read = \"1 V\"\n"
    ).replace("ADCBITS", if adc.contains("ideal") { "32" } else { "12" }))
}

/// Mean square of the error over all outputs, samples and chips, and that of the answer, both in units of the
/// integer product; and the mean of `f(products of one output)`.
fn powers(hw: &Hardware, rows: usize, f: impl Fn(&[f64], &[f64]) -> f64) -> (f64, f64, f64) {
    let network = linear(rows, N, random(5, rows * N));
    let x: Tensor = samples(6, SAMPLES, &Shape(vec![rows]), Inputs::Rectified);
    let quantized = integers(&network, 2, 1, &x);
    let layer = only(&quantized);
    let bench = Bench::new(&network, &quantized, hw);
    let design = Design::new(&network, &quantized, &bench.plan, hw, &x).unwrap();
    let mut inputs = vec![0; x.data.len()];
    layer.quantize_inputs(&x.data, &mut inputs);
    let (mut error, mut signal, mut predicted) = (0.0, 0.0, 0.0);
    for trial in 0..CHIPS {
        let chip = Chip::program(&design, Noise::new(Seed(40 + trial)), Shortcuts::Taken).unwrap();
        let run = chip.run(&x, 0, Probe::Off).unwrap();
        for (i, &y) in run.output.data.iter().enumerate() {
            let (sample, c) = (i / N, i % N);
            let a: Vec<f64> = (0..rows)
                .map(|r| f64::from(inputs[sample * rows + r]) * f64::from(layer.weights[0][(r, c)]))
                .collect();
            let exact: f64 = a.iter().sum();
            let unit = f64::from(layer.input_step) * f64::from(layer.weight_step[c]);
            let got = f64::from(y) / unit - layer.bias[c] as f64;
            error += (got - exact).powi(2);
            signal += exact * exact;
            // the bits of a weight stand on two lines, of which each shares its own charge
            let side = |sign: f64| a.iter().map(|a| (sign * a).max(0.0)).collect::<Vec<_>>();
            predicted += f(&side(1.0), &side(-1.0));
        }
    }
    let count = (N * SAMPLES) as f64 * CHIPS as f64;
    (error / count, signal / count, predicted / count)
}

const IDEAL: &str = "kind = \"ideal\"";
const TWELVE: &str = "kind = \"uniform\"\nbits = 12\nrange = \"full_scale\"\nunused_codes = \"allow\"";

fn mismatch(a: &[f64]) -> f64 {
    let (sum, squares) = (a.iter().sum::<f64>(), a.iter().map(|a| a * a).sum::<f64>());
    squares - sum * sum / a.len() as f64
}

/// sigma^2 (sum a^2 - (sum a)^2 / N) on each line: 16 columns on 6 chips see 192 lines of errors, each by 24 inputs,
/// so the mean square is known to about sqrt(2 / 192) = 10 %.
#[test]
fn mismatch_follows_the_closed_form_and_leaves_the_snr() {
    let mut snr = Vec::new();
    for rows in [16, 64, 256] {
        let hw = text("sigma_capacitor = 0.05\nthermal_noise = \"off\"", IDEAL, rows);
        let (error, signal, predicted) = powers(&hw, rows, |up, down| mismatch(up) + mismatch(down));
        let wanted = 0.05f64.powi(2) * predicted;
        assert!((error / wanted - 1.0).abs() < 0.35, "{rows} rows: {error} {wanted}");
        snr.push(10.0 * (signal / error).log10());
    }
    println!("mismatch: SNR {snr:?} dB at 16, 64, 256 rows");
    assert!((snr[0] - snr[2]).abs() < 3.0, "{snr:?}");
}

/// kT/C of 1 fF a site at 300 K and 1 V: sigma = N sqrt(kT / (N C)) / 1 V levels: 0.00814 sqrt(N) V / V at 4.14 aJ /
/// 1 fF = (2.035 mV)^2; 100 times the noise (0.1 aF, to be seen beside rounding): (0.2035 V)^2. Rounding the noise
/// adds 1 / 12. Half the voltage: twice the noise; 400 K: 4 / 3 of its power.
#[test]
fn thermal_noise_follows_the_closed_form() {
    for (rows, v_ref, kelvin) in [(16usize, 1.0, 300.0), (64, 1.0, 300.0), (64, 0.5, 300.0), (64, 1.0, 400.0)]
    {
        let device = "sigma_capacitor = 0.0\nlines = 1\n";
        let text = text(device, TWELVE, rows).resolved().to_owned();
        let text = text
            .replace("v_ref = \"1 V\"", &format!("v_ref = \"{v_ref} V\""))
            .replace("unit_capacitor = \"1 fF\"", "unit_capacitor = \"0.0001 fF\"");
        let text = format!("{text}\n[conditions]\ntemperature = \"{kelvin} K\"\n");
        let hw = Hardware::from_text("test.toml", &text).unwrap_or_else(|e| panic!("{e}"));
        let (error, ..) = powers(&hw, rows, |_, _| 0.0);
        let n = rows as f64;
        let wanted = (1.380_649e-23 * kelvin / (n * 1e-19)) * (n / v_ref).powi(2);
        // one conversion an output and sample: 2304 draws, mean square known to 3 %; rounding adds 1/12
        println!("{rows} rows, {v_ref} V, {kelvin} K: {error} {wanted}");
        assert!((error / (wanted + 1.0 / 12.0) - 1.0).abs() < 0.15, "{rows}: {error} {wanted}");
    }
}
