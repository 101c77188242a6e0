//! SRAM macros in layers: errors of capacitors, transistors, heat, leakage and converters against their closed forms,
//! how the SNR goes with rows, what supply and temperature move, and that quiet ones are ideal hardware.

#![allow(missing_docs, clippy::unwrap_used, clippy::float_cmp)]

use ohmic_execution::{Chip, Design, Probe, Shortcuts};
use ohmic_hardware::Hardware;
use ohmic_network::reference::IntegerEngine;
use ohmic_network::{Shape, Tensor};
use ohmic_numerics::{Noise, Seed};
use ohmic_tests::{Bench, Inputs, draw, hardware, integers, linear, only, random, samples};

const N: usize = 16;
const SAMPLES: usize = 24;
const CHIPS: u64 = 6;

const CHARGE: &str = "kind = \"sram_charge\"\nunit_capacitor = \"1 fF\"\nv_ref = \"1 V\"\n";
const CURRENT: &str = "kind = \"sram_current\"\nv_drive = \"0.8 V\"\nv_threshold = \"0.4 V\"\n";

fn text(device: &str, adc: &str, rows: usize) -> Hardware {
    machine(&format!("{CHARGE}{device}"), adc, rows, "")
}

/// Ternary weights and inputs of one bit, so that a converter meets the sums of bits themselves.
fn machine(device: &str, adc: &str, rows: usize, more: &str) -> Hardware {
    // what the price of a converter is for
    let bits = adc.split("bits = ").nth(1).and_then(|t| t.split_whitespace().next()).unwrap_or("32");
    hardware(&format!(
        "[device]\n{device}\n\
         [encoding]\nkind = \"ternary\"\n[dac]\nkind = \"uniform\"\nbits = 1\nsigned_inputs = \"two_pass\"\n\
         [adc]\n{adc}\n[component.adc]\nkind = \"priced\"\nper = \"adc\"\narea = \"1 um2\"\n\
         events = {{ conversion = \"1 pJ\" }}\nfor_adc_bits = ADCBITS\nsource = \"test\"\n\
         [component.array]\nkind = \"charge_array\"\ncell_area = \"1 um2\"\nrow_energy = \"1 pJ\"\nsource = \"test\"\n\
         [precision]\nweight_bits = 2\ninput_bits = 1\n\
         [crossbar]\nrows = {rows}\ncols = 64\nrows_per_read = {rows}\nv_read = \"1 V\"\nt_read = \"10 ns\"\n{more}"
    ).replace("ADCBITS", bits))
}

/// Mean square of the error over all outputs, samples and chips, and that of the answer, both in units of the
/// integer product; and the mean of `f(products of one output)`.
fn powers(hw: &Hardware, rows: usize, f: impl Fn(&[f64], &[f64]) -> f64) -> (f64, f64, f64) {
    let x: Tensor = samples(6, SAMPLES, &Shape(vec![rows]), Inputs::Rectified);
    powers_of(hw, (&random(5, rows * N), &x), f)
}

/// The same with weights of -1 and 1 and inputs of 0 and 1, as many of the one as of the other: sums of N products
/// are Gaussian with a mean square of N / 2.
fn powers_of_bits(hw: &Hardware, rows: usize, f: impl Fn(&[f64], &[f64]) -> f64) -> (f64, f64, f64) {
    let weights: Vec<f32> = (0..rows * N).map(|i| draw(5, i).signum()).collect();
    let x = (0..rows * SAMPLES).map(|i| draw(6, i).signum().max(0.0)).collect();
    powers_of(hw, (&weights, &Tensor::new(SAMPLES, Shape(vec![rows]), x)), f)
}

fn powers_of(
    hw: &Hardware,
    (weights, x): (&[f32], &Tensor),
    f: impl Fn(&[f64], &[f64]) -> f64,
) -> (f64, f64, f64) {
    let rows = x.shape.len();
    let network = linear(rows, N, weights.to_vec());
    let quantized = integers(&network, 2, 1, x);
    let layer = only(&quantized);
    let bench = Bench::new(&network, &quantized, hw);
    let design = Design::new(&network, &quantized, &bench.plan, hw, x).unwrap();
    let mut inputs = vec![0; x.data.len()];
    layer.quantize_inputs(&x.data, &mut inputs);
    let (mut error, mut signal, mut predicted) = (0.0, 0.0, 0.0);
    for trial in 0..CHIPS {
        let chip = Chip::program(&design, Noise::new(Seed(40 + trial)), Shortcuts::Taken).unwrap();
        let run = chip.run(x, 0, Probe::Off).unwrap();
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

/// Charge and converter together, N rows: mismatch as above, kT/C of 0.3 aF a site (so that it blurs whole sums, see
/// below) N kT / (C V^2), and a converter of b bits over everything that N rows can give, -N to N: steps of N / (2^(b-1) - 1), step^2 / 12 of rounding. From 64 to
/// 512 rows the power of the answer grows by 8, as that of mismatch and heat does, and that of rounding by 64.
/// 2304 conversions know a mean square to 3 %; 192 lines of mismatch theirs to 10 %, of which it is the smaller part.
#[test]
fn snr_versus_rows_follows_the_closed_form() {
    let mut snr = Vec::new();
    for (bits, rows) in [(6, 64), (6, 128), (6, 256), (6, 512), (7, 256), (7, 512), (8, 512)] {
        let adc = format!("kind = \"uniform\"\nbits = {bits}\nrange = \"full_scale\"");
        let small = CHARGE.replace("1 fF", "0.0003 fF");
        let hw = machine(&format!("{small}sigma_capacitor = 0.02"), &adc, rows, "");
        let (error, signal, lines) = powers_of_bits(&hw, rows, |up, down| mismatch(up) + mismatch(down));
        let n = rows as f64;
        let step = n / ((1 << (bits - 1)) - 1) as f64;
        let heat = n * 1.380_649e-23 * 300.0 / 3e-19;
        let wanted = 0.02f64.powi(2) * lines + heat + step * step / 12.0;
        println!("{bits} bits, {rows} rows: error {error}, closed form {wanted}");
        assert!((error / wanted - 1.0).abs() < 0.1, "{bits} bits, {rows} rows: {error} {wanted}");
        // of 16 columns, whose weights add up to something else each
        assert!((0.5..1.6).contains(&(signal / (0.5 * n))), "{rows} rows: {signal}");
        snr.push(10.0 * (0.5 * n / error).log10());
    }
    println!("SNR {snr:?} dB");
    // rows cost ratio, bits give it back
    assert!(snr[0] - snr[3] > 3.0 && snr[5] > snr[3] && snr[6] > snr[5], "{snr:?}");
}

/// Quiet cells give whole sums, and their error is that of rounding just these: not `step^2 / 12`, but 1.21 of it at 6
/// bits and 128 rows, where a step is 4.13 levels and all sums of a sample are odd or even together.
#[test]
fn whole_sums_are_rounded_one_by_one() {
    for (rows, part) in [(64, 1.02), (128, 1.21)] {
        let device = format!("{CHARGE}sigma_capacitor = 0.0\nthermal_noise = \"off\"");
        let hw = machine(&device, "kind = \"uniform\"\nbits = 6\nrange = \"full_scale\"", rows, "");
        let step = rows as f64 / 31.0;
        let (error, _, wanted) = powers_of_bits(&hw, rows, |up, down| {
            let sum = up.iter().sum::<f64>() - down.iter().sum::<f64>();
            ((sum / step).round_ties_even() * step - sum).powi(2)
        });
        assert!((error / wanted - 1.0).abs() < 1e-5, "{rows} rows: {error} {wanted}");
        let law = error / (step * step / 12.0);
        assert!((law - part).abs() < 0.01, "{rows} rows: {law} of the law");
    }
}

/// Effective bits: noise that leaves ENOB of b bits makes the error of a conversion `step^2 / 12 * 4^(b - ENOB)`.
#[test]
fn effective_bits_are_what_a_layer_sees() {
    for (enob, rows) in [(6.85, 256usize), (6.0, 256), (6.0, 512)] {
        let adc = format!(
            "kind = \"charge_injection_sar\"\nbits = 7\nrange = \"full_scale\"\ncells = 16\ncell_sigma = 0.0\nenob = {enob}"
        );
        let device = format!("{CHARGE}sigma_capacitor = 0.0\nthermal_noise = \"off\"");
        let (error, ..) = powers_of_bits(&machine(&device, &adc, rows, ""), rows, |_, _| 0.0);
        let step = rows as f64 / 63.0;
        let wanted = step * step / 12.0 * 4f64.powf(7.0 - enob);
        println!("ENOB {enob}, {rows} rows: {error} {wanted}");
        assert!((error / wanted - 1.0).abs() < 0.12, "ENOB {enob}, {rows} rows: {error} {wanted}");
    }
}

/// Current: a cell is off by `alpha sigma / (v_drive - v_threshold)` of a level, 1.3 * 4 mV / 0.4 V = 1.3 %, whatever
/// the others do: `sum a^2` of it, and the SNR stays. kT of a line of 50 fF is that of a line, whatever the rows:
/// `N sqrt(kT / C) / swing`, and the SNR falls by 10 dB a decade. 3072 cells on 6 chips.
#[test]
fn current_mismatch_and_heat_follow_their_closed_forms() {
    for (volt, sigma) in [(0.8, 0.013), (0.6, 0.026)] {
        let device = CURRENT.replace("0.8 V", &format!("{volt} V"));
        for rows in [64, 256] {
            let hw = machine(&format!("{device}sigma_threshold = \"4 mV\""), IDEAL, rows, "");
            let squares = |a: &[f64]| a.iter().map(|a| a * a).sum::<f64>();
            let (error, _, cells) = powers_of_bits(&hw, rows, |up, down| squares(up) + squares(down));
            let wanted = f64::powi(sigma, 2) * cells;
            assert!((error / wanted - 1.0).abs() < 0.25, "{volt} V, {rows} rows: {error} {wanted}");
        }
    }
    for (rows, kelvin) in [(64, 300.0), (256, 300.0), (256, 400.0)] {
        let device = format!(
            "{CURRENT}sigma_threshold = \"0 V\"\nline_capacitor = \"0.05 fF\"\nfull_swing = \"0.3 V\""
        );
        let at = format!("[conditions]\ntemperature = \"{kelvin} K\"\n");
        let (error, ..) = powers_of_bits(&machine(&device, TWELVE, rows, &at), rows, |_, _| 0.0);
        let n = rows as f64;
        let wanted = n * n * 1.380_649e-23 * kelvin / 5e-17 / 0.09 + 1.0 / 12.0;
        assert!((error / wanted - 1.0).abs() < 0.1, "{rows} rows, {kelvin} K: {error} {wanted}");
    }
}

/// What a bit line does to a sum, whole layers: 10 ns of a hold time of 100 ns leave exp(-0.1) at 300 K, exp(-0.2) at
/// 310 K, exp(-0.05) at 290 K; an injected gain of 1 % and an offset of 2 % of a full read; discharge that loses 10 %
/// and 5 % in the second and third order. A converter of a code a level gives the nearest integer of just that.
#[test]
fn bit_lines_show_what_the_equations_say() {
    const ROWS: usize = 200;
    let full = ROWS as f64;
    let charge = |more: &str| format!("{CHARGE}sigma_capacitor = 0.0\nthermal_noise = \"off\"\n{more}");
    let check = |device: &str, kelvin: f64, seen: &dyn Fn(f64) -> f64| {
        let at = format!("[conditions]\ntemperature = \"{kelvin} K\"\n");
        let hw = machine(device, TWELVE, ROWS, &at);
        // five weights in six are positive, so that sums are a good part of a full read
        let weights: Vec<f32> = (0..ROWS * N).map(|i| (draw(5, i) + 1.0).signum()).collect();
        let bits = (0..ROWS * SAMPLES).map(|i| draw(6, i).signum().max(0.0)).collect();
        let x = Tensor::new(SAMPLES, Shape(vec![ROWS]), bits);
        let (error, _, wanted) = powers_of(&hw, (&weights, &x), |up, down| {
            let sum = up.iter().sum::<f64>() - down.iter().sum::<f64>();
            (seen(sum).round() - sum).powi(2)
        });
        println!("{kelvin} K: {error} {wanted}");
        assert!(wanted > 0.1 && (error / wanted - 1.0).abs() < 1e-3, "{device} {kelvin} K: {error} {wanted}");
    };
    for (kelvin, part) in [(290.0, 0.05f64), (300.0, 0.1), (310.0, 0.2), (320.0, 0.4)] {
        check(&charge("hold_time = \"100 ns\""), kelvin, &|sum| (-part).exp() * sum);
    }
    check(&charge("injection_gain = 0.013\ninjection_offset = 0.0203"), 300.0, &|sum| {
        1.013 * sum + 0.0203 * full
    });
    let bent = format!("{CURRENT}sigma_threshold = \"0 V\"\nsecond_order = 0.1\nthird_order = 0.05");
    check(&bent, 300.0, &|sum| {
        let part = (sum / full).abs();
        sum * (1.0 - 0.1 * part - 0.05 * part * part)
    });
}

/// Mean square of the error, and energy and leakage of the array, of one machine.
fn accuracy_and_energy(device: &str, kelvin: f64) -> [f64; 3] {
    const ROWS: usize = 64;
    let at = format!("[conditions]\ntemperature = \"{kelvin} K\"\n");
    let text = machine(device, TWELVE, ROWS, &at).resolved().replace(
        "row_energy = \"1 pJ\"",
        "row_energy = \"1 pJ\"\nat_voltage = \"0.8 V\"\nleakage = \"1 uW\"",
    );
    let hw = Hardware::from_text("test.toml", &text).unwrap_or_else(|e| panic!("{e}"));
    let (error, ..) = powers_of_bits(&hw, ROWS, |_, _| 0.0);
    let network = linear(ROWS, N, random(5, ROWS * N));
    let x = samples(6, SAMPLES, &Shape(vec![ROWS]), Inputs::Rectified);
    let quantized = integers(&network, 2, 1, &x);
    let bench = Bench::new(&network, &quantized, &hw);
    let design = Design::new(&network, &quantized, &bench.plan, &hw, &x).unwrap();
    let chip = Chip::program(&design, Noise::new(Seed(1)), Shortcuts::Taken).unwrap();
    let run = chip.run(&x, 0, Probe::Off).unwrap();
    let cost = ohmic_metrics::cost(&bench.plan, &hw, &run.activity, &chip.events(&run.activity)).unwrap();
    let array = cost.components.iter().find(|c| c.name == "array").unwrap();
    [error, array.energy_joule - array.leakage_joule, array.leakage_joule]
}

/// One key moves accuracy and energy. Charge: half the supply, a quarter of C V^2 and four times kT/C in levels;
/// 100 K more: 4/3 of it, and leakage times 2^10. Current: from 0.8 V to 0.6 V (0.6 / 0.8)^2 of the energy, and twice
/// the deviation of cells of half the overdrive.
#[test]
fn supply_and_temperature_move_accuracy_and_energy() {
    // 0.1 aF: to be seen beside rounding, 1/12
    let charge = CHARGE.replace("1 fF", "0.0001 fF") + "sigma_capacitor = 0.0\n";
    let low = accuracy_and_energy(&charge.replace("1 V", "0.4 V"), 300.0);
    let high = accuracy_and_energy(&charge.replace("1 V", "0.8 V"), 300.0);
    let warm = accuracy_and_energy(&charge.replace("1 V", "0.8 V"), 400.0);
    let near = |got: f64, wanted: f64, by: f64| assert!((got / wanted - 1.0).abs() < by, "{got} {wanted}");
    near(high[1], 4.0 * low[1], 1e-9);
    near(low[0] - 1.0 / 12.0, 4.0 * (high[0] - 1.0 / 12.0), 0.1);
    near(warm[0] - 1.0 / 12.0, 4.0 / 3.0 * (high[0] - 1.0 / 12.0), 0.1);
    near(warm[1], high[1], 1e-12);
    near(warm[2], 1024.0 * high[2], 1e-9);
    let current = format!("{CURRENT}sigma_threshold = \"40 mV\"\n");
    let high = accuracy_and_energy(&current, 300.0);
    let low = accuracy_and_energy(&current.replace("0.8 V", "0.6 V"), 300.0);
    near(low[1], 0.5625 * high[1], 1e-9);
    // 13 % of a cell and 26 %, to first order; 1/12 of rounding
    near((low[0] - 1.0 / 12.0) / (high[0] - 1.0 / 12.0), 4.0, 0.3);
}

/// The quiet form of both, on a network of a convolution and a layer over several crossbars, with weights of several
/// bits in cells of one: the integers, bit for bit, with and without shortcuts.
#[test]
fn quiet_macros_are_ideal_hardware() {
    use ohmic_network::gather::Window;
    use ohmic_network::layer::{Conv2d, Flatten, Layer, Linear, Relu};
    use ohmic_network::{LayerId, Network, Node, Source};
    let (size, pair) = ([7, 6], [1, 1]);
    let window = Window {
        channels: 2,
        size,
        kernel: [3, 3],
        stride: pair,
        padding: [1; 4],
        dilation: pair,
        groups: 1,
    };
    let layers: Vec<Box<dyn Layer>> = vec![
        Box::new(Conv2d::new(window, 4, random(1, 4 * 18), random(2, 4)).unwrap()),
        Box::new(Relu),
        Box::new(Flatten),
        Box::new(Linear::new(4 * 42, 5, random(3, 5 * 168), random(4, 5)).unwrap()),
    ];
    let nodes = layers.into_iter().enumerate().map(|(i, layer)| {
        let from = if i == 0 { Source::Input } else { Source::Layer(LayerId(i as u32 - 1)) };
        Node { name: format!("n{i}"), layer, inputs: vec![from], shape: Shape(vec![]) }
    });
    let network = Network::from_nodes("small", Shape(vec![2, 7, 6]), nodes.collect()).unwrap();
    let x = samples(6, 9, &network.input, Inputs::Signed);
    let quantized = integers(&network, 6, 8, &x);
    let want = network.forward(&x, 0, &mut IntegerEngine::new(&quantized)).unwrap();
    for kind in ohmic_hardware::device::KINDS.iter().filter(|k| k.name.starts_with("sram_")) {
        for (encoding, dac) in [
            ("differential\"\nsides = \"two\"\nsubtract = \"analog\"\ncell_bits = 1", 1),
            ("twos_complement\"\ncell_bits = 1", 4),
        ] {
            let hw = hardware(&format!(
                "[device]\nkind = \"{}\"\n{}\n[encoding]\nkind = \"{encoding}\n\
                 [dac]\nkind = \"uniform\"\nbits = {dac}\nsigned_inputs = \"two_pass\"\n\
                 [adc]\n{TWELVE}\n[precision]\nweight_bits = 6\n[crossbar]\nrows = 64\nrows_per_read = 32\ncols = 16\n\
                 [component.adc]\nkind = \"priced\"\nper = \"adc\"\narea = \"1 um2\"\nevents = {{ conversion = \"1 pJ\" }}\n\
                 for_adc_bits = 12\nsource = \"test\"\n[component.array]\nkind = \"charge_array\"\ncell_area = \"1 um2\"\n\
                 row_energy = \"1 pJ\"\nsource = \"test\"\n",
                kind.name,
                kind.quiet.unwrap()
            ));
            let bench = Bench::new(&network, &quantized, &hw);
            for shortcuts in [Shortcuts::Taken, Shortcuts::Avoided] {
                let run = bench.run(&x, 3, shortcuts).unwrap();
                assert_eq!(run.output.data, want.data, "{} {encoding} {shortcuts:?}", kind.name);
                assert!(run.errors.iter().flatten().all(|e| e.error == 0.0));
            }
        }
    }
}
