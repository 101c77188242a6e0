//! The ideal-hardware law: with ideal devices and converters wide enough, the crossbar result equals the
//! integer matrix product bit for bit, for every encoding, slicing, tiling, fragment size and input
//! coding (`docs/physics`), whether shortcuts are taken or every read is computed.

#![allow(clippy::float_cmp, missing_docs, clippy::unwrap_used)]

use ohmic_execution::Shortcuts;
use ohmic_network::Shape;
use ohmic_network::gather::Window;
use ohmic_network::reference::IntegerEngine;
use ohmic_tests::{Bench, Inputs, convolution, draw, hardware, integers, linear, random, samples};
use proptest::prelude::*;

/// Every encoding with the options that change its planes; `{c}` stands for the bits of a cell.
const ENCODINGS: &[(&str, &str)] = &[
    ("differential", "sides = 'one'\nsubtract = 'analog'\ncell_bits = {c}"),
    ("differential", "sides = 'one'\nsubtract = 'digital'\ncell_bits = {c}"),
    ("differential", "sides = 'two'\nsubtract = 'analog'\ncell_bits = {c}"),
    ("offset", "input_sum = 'unit_column'\ncell_bits = {c}"),
    ("offset", "input_sum = 'digital'\ncell_bits = {c}"),
    ("offset", "input_sum = 'unit_column'\nflipped_columns = 'when_large'\ncell_bits = {c}"),
    ("offset_column", "cell_bits = {c}"),
    ("twos_complement", "cell_bits = {c}"),
    ("bipolar", "input_sum = 'digital'\neven_weights = 'extra_lsb'"),
    ("bipolar", "input_sum = 'unit_column'\neven_weights = 'extra_lsb'"),
    ("polarized", "cell_bits = {c}"),
    ("ternary", ""),
];

fn machine(
    encoding: usize,
    cell_bits: u32,
    dac_bits: u32,
    rows_per_read: &str,
    signed_inputs: &str,
    adc: &str,
    on_off: &str,
) -> String {
    let (kind, options) = ENCODINGS[encoding];
    let adc_bits = if adc == ADCS[0] { 32 } else { 16 };
    let weight_bits = if kind == "ternary" { 2 } else { 8 };
    format!(
        "[device]\nkind = 'ideal'\ng_max = '40 uS'\n{on_off}\n[encoding]\nkind = '{kind}'\n{}\n\
         [dac]\nkind = 'uniform'\nbits = {dac_bits}\nsigned_inputs = '{signed_inputs}'\n\
         [adc]\n{adc}\n[crossbar]\nrows_per_read = {rows_per_read}\ndummy_column = 'analog'\n\
         [precision]\nweight_bits = {weight_bits}\n\
         [component.adc]\nkind = 'priced'\nper = 'adc'\narea = '1 um2'\nevents = {{ conversion = '1 pJ' }}\nfor_adc_bits = {adc_bits}\nsource = 'test'\n",
        options.replace("{c}", &cell_bits.to_string())
    )
    .replace('\'', "\"")
}

const READS: [&str; 5] = ["4", "8", "16", "128", "'all'"];
const SIGNED: [&str; 3] = ["twos_complement", "two_pass", "signed_drive"];
/// A converter that passes sums on, and a real one with more codes than sums.
const ADCS: [&str; 2] =
    ["kind = 'ideal'", "kind = 'uniform'\nbits = 16\nrange = 'full_scale'\nunused_codes = 'allow'"];
/// Infinite on/off ratio, and a finite one whose level-0 current the dummy column takes off.
const ON_OFF: [&str; 2] = ["g_min = '0 S'", "g_min = '3 uS'"];

fn check(
    k: usize,
    n: usize,
    encoding: usize,
    weight_bits: u32,
    inputs: Inputs,
    text: &str,
) -> Result<(), TestCaseError> {
    let hardware = hardware(text);
    let per_read = hardware.crossbar().rows_per_read;
    let mut weights = random(1, k * n);
    if ENCODINGS[encoding].0 == "polarized" {
        // one sign a fragment and column, fragments starting afresh with every crossbar
        let per_crossbar = hardware.crossbar().rows / per_read * per_read;
        for (i, w) in weights.iter_mut().enumerate() {
            let (column, row) = (i / k, i % k);
            let fragment = row / per_crossbar * 1000 + row % per_crossbar / per_read;
            *w = w.abs() * draw(2, fragment * n + column).signum();
        }
    }
    let weight_bits = if ENCODINGS[encoding].0 == "ternary" { 2 } else { weight_bits };
    let network = linear(k, n, weights);
    let x = samples(3, 5, &Shape(vec![k]), inputs);
    let quantized = integers(&network, weight_bits, 8, &x);
    let bench = Bench::new(&network, &quantized, &hardware);
    let want = network.forward(&x, 0, &mut IntegerEngine::new(&quantized)).unwrap();
    for shortcuts in [Shortcuts::Taken, Shortcuts::Avoided] {
        let run = bench.run(&x, 1, shortcuts).unwrap_or_else(|e| panic!("{e}\n{text}"));
        prop_assert_eq!(&run.output.data, &want.data, "{:?}\n{}", shortcuts, text);
        prop_assert!(run.errors.iter().flatten().all(|e| e.error == 0.0));
        prop_assert!(run.activity.layers.iter().all(|l| l.clips == 0));
    }
    Ok(())
}

/// Every combination that the law names, on one layer that needs several crossbars.
#[test]
fn every_encoding_cell_slicing_and_fragment() {
    let mut cases = 0;
    for encoding in 0..ENCODINGS.len() {
        for (i, cell_bits) in [1, 2, 4].into_iter().enumerate() {
            for (j, dac_bits) in [1, 2, 8].into_iter().enumerate() {
                for (l, reads) in READS.into_iter().enumerate() {
                    // the other options take turns
                    let turn = encoding + i + j + l;
                    let inputs = if turn % 2 == 0 { Inputs::Rectified } else { Inputs::Signed };
                    let signed = if dac_bits == 8 { SIGNED[1 + turn / 2 % 2] } else { SIGNED[turn / 2 % 3] };
                    // 16 bits of converter hold 128 rows of 1-bit by 8-bit products, not more
                    let adc = if dac_bits + cell_bits + 7 > 15 { 0 } else { turn / 3 % 2 };
                    let text = machine(
                        encoding,
                        cell_bits,
                        dac_bits,
                        reads,
                        signed,
                        ADCS[adc],
                        ON_OFF[turn / 5 % 2],
                    );
                    check(150, 19, encoding, 8, inputs, &text).unwrap_or_else(|e| panic!("{e}"));
                    cases += 1;
                }
            }
        }
    }
    assert_eq!(cases, 12 * 3 * 3 * 5);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_layers(
        encoding in 0..ENCODINGS.len(), cell_bits in 1u32..=5, dac_bits in 1u32..=8, weight_bits in 2u32..=10,
        k in 1usize..300, n in 1usize..40, read in 0usize..5, signed in 0usize..3, adc in 0usize..2, on_off in 0usize..2,
        negative in any::<bool>(),
    ) {
        let inputs = if negative { Inputs::Signed } else { Inputs::Rectified };
        // 16 bits of converter hold 128 rows x 255 x 1 only: keep sums of the uniform one small enough
        let adc = if dac_bits + cell_bits + 7 > 15 { 0 } else { adc };
        let text = machine(encoding, cell_bits, dac_bits, READS[read], SIGNED[signed], ADCS[adc], ON_OFF[on_off]);
        check(k, n, encoding, weight_bits, inputs, &text)?;
    }
}

/// Convolutions with stride, padding, dilation, groups and depthwise, over several crossbars.
#[test]
fn convolutions() {
    let window = |channels, kernel, stride, padding, dilation, groups| Window {
        channels,
        size: [9, 8],
        kernel: [kernel, kernel],
        stride: [stride, stride],
        padding: [padding; 4],
        dilation: [dilation, dilation],
        groups,
    };
    for (i, (window, outputs)) in [
        (window(3, 3, 1, 1, 1, 1), 5),
        (window(20, 3, 2, 1, 1, 1), 40),
        (window(4, 2, 1, 0, 2, 2), 6),
        (window(6, 3, 1, 1, 1, 6), 6),
    ]
    .into_iter()
    .enumerate()
    {
        for encoding in [0, 3, 7] {
            for reads in ["8", "'all'"] {
                let text = machine(encoding, 2, 1, reads, SIGNED[0], ADCS[i % 2], ON_OFF[0]);
                let hardware = hardware(&text);
                let network = convolution(window.clone(), outputs, 20 + i as u32);
                let x = samples(
                    4,
                    3,
                    &network.input,
                    if i % 2 == 0 { Inputs::Signed } else { Inputs::Rectified },
                );
                let quantized = integers(&network, 6, 7, &x);
                let bench = Bench::new(&network, &quantized, &hardware);
                let want = network.forward(&x, 0, &mut IntegerEngine::new(&quantized)).unwrap();
                for shortcuts in [Shortcuts::Taken, Shortcuts::Avoided] {
                    assert_eq!(
                        bench.run(&x, 1, shortcuts).unwrap().output.data,
                        want.data,
                        "{window:?}\n{text}"
                    );
                }
            }
        }
    }
}

/// An unpolarized weight is refused and named.
#[test]
fn polarized_refuses_an_unpolarized_weight() {
    let mut weights = vec![0.5; 40 * 3];
    weights[40 + 21] = -1.0; // column 1, row 21: fragment 2 of 8 rows
    let network = linear(40, 3, weights);
    let x = samples(3, 2, &Shape(vec![40]), Inputs::Rectified);
    let quantized = integers(&network, 8, 8, &x);
    let hardware = hardware(&machine(10, 2, 1, "8", SIGNED[0], ADCS[0], ON_OFF[0]));
    let message =
        Bench::new(&network, &quantized, &hardware).run(&x, 1, Shortcuts::Taken).unwrap_err().to_string();
    for part in ["fc", "row", "column 1", "fragment 2"] {
        assert!(message.contains(part), "`{part}` in: {message}");
    }
}
