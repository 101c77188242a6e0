//! Which converters share a calibrated range: the ratio it gives, measured and predicted, and what it leaves alone.

#![allow(missing_docs, clippy::unwrap_used, clippy::float_cmp)]

use ohmic_execution::{CellMoments, Design, RangePlace, Shortcuts, Statistics, measure, predict};
use ohmic_hardware::Hardware;
use ohmic_network::reference::IntegerEngine;
use ohmic_network::{Network, Shape, Tensor};
use ohmic_numerics::{Noise, Seed};
use ohmic_tests::{Bench, Inputs, draw, hardware, integers, linear, samples};

const ROWS: usize = 128;
const OUTPUTS: usize = 32;

/// The first quarter of the outputs has weights of 6 to 15, the others of a third of that, and all one of 15 on a row that
/// nothing drives, so that they have the same scale: what their columns sum to is three times apart.
fn network() -> Network {
    let weights = (0..ROWS * OUTPUTS).map(|i| {
        let (output, row) = (i / ROWS, i % ROWS);
        let size = (0.4 + 0.3 * draw(2, i).abs()).min(1.0);
        let size = if row == 0 { 1.0 } else { size };
        let is_large = output < OUTPUTS / 4 || row == 0;
        if is_large { size * draw(1, i).signum() } else { size / 3.0 * draw(1, i).signum() }
    });
    linear(ROWS, OUTPUTS, weights.collect())
}

fn inputs() -> Tensor {
    let mut x = samples(3, 64, &Shape(vec![ROWS]), Inputs::Rectified);
    x.data.iter_mut().step_by(ROWS).for_each(|x| *x = 0.0);
    x
}

/// Two crossbars of 64 rows; 8 converters take turns at 64 bit lines, of which an output has two.
fn machine([dac, bits]: [u32; 2], per: &str, more: &str) -> Hardware {
    hardware(&format!(
        "[device]\nkind = \"ideal\"\ng_max = \"40 uS\"\ng_min = \"0 S\"\n\
         [encoding]\nkind = \"differential\"\nsides = \"one\"\nsubtract = \"digital\"\ncell_bits = 4\n\
         [dac]\nkind = \"uniform\"\nbits = {dac}\nsigned_inputs = \"two_pass\"\n\
         [adc]\nkind = \"uniform\"\nbits = {bits}\nrange = \"max\"\nrange_per = \"{per}\"\nunused_codes = \"allow\"\n{more}\
         [crossbar]\nrows = 64\ncols = 64\nrows_per_read = 64\nadcs = 8\n\
         [precision]\nweight_bits = 5\ninput_bits = 4\n\
         [component.adc]\nkind = \"priced\"\nper = \"adc\"\narea = \"1 um2\"\nevents = {{ conversion = \"1 pJ\" }}\n\
         for_adc_bits = {bits}\nsource = \"test\"\n"
    ))
}

/// Ratios of the layer, measured and predicted, in decibel.
fn ratios(hw: &Hardware) -> (f64, f64) {
    let (network, x) = (network(), inputs());
    let quantized = integers(&network, 5, 4, &x);
    let bench = Bench::new(&network, &quantized, hw);
    let design = Design::new(&network, &quantized, &bench.plan, hw, &x).unwrap();
    let measured = measure(&design, Noise::new(Seed(1)), &x, 0).unwrap();
    let statistics = Statistics::observe(&design, &x).unwrap();
    let predicted = predict(&design, &statistics, &CellMoments::draw(hw));
    (
        10.0 * (measured[0].signal / measured[0].total).log10(),
        10.0 * (predicted[0].signal / predicted[0].total).log10(),
    )
}

fn output(hw: &Hardware) -> Vec<f32> {
    let (network, x) = (network(), inputs());
    let quantized = integers(&network, 5, 4, &x);
    Bench::new(&network, &quantized, hw).run(&x, 1, Shortcuts::Avoided).unwrap().output.data
}

/// With one range all conversions have the step of the outputs of large weights. Three in four outputs have sums that are
/// three times smaller: with a range of their own a ninth is left of their error, a gain of
/// 10 log10(1 / (1/4 + 3/4 / 9)) = 4.8 dB; and a little for the others, whose converters do not all meet the largest sum.
#[test]
fn column_groups_gain_where_columns_differ() {
    let mut all = Vec::new();
    for per in ["layer", "tile", "crossbar", "column_group"] {
        let (measured, predicted) = ratios(&machine([4, 6], per, ""));
        println!("{per}: measured {measured} dB, predicted {predicted} dB");
        assert!((measured - predicted).abs() < 1.0, "{per}: {measured} {predicted}");
        all.push((measured, predicted));
    }
    let gain = |f: fn(&(f64, f64)) -> f64| f(&all[3]) - f(&all[0]);
    assert!(gain(|a| a.0) > 4.0, "{all:?}");
    assert!(gain(|a| a.1) > 4.0, "{all:?}");
    assert!(all[2].0 > all[0].0 - 0.1, "{all:?}");
}

/// Ranges are where the floorplan says: bit line c at converter c * adcs / cols; a tile of one crossbar is that crossbar,
/// a tile that holds the layer is the layer.
#[test]
fn places_follow_the_floorplan() {
    let one = "[hierarchy]\ncrossbars_per_macro = 1\nmacros_per_tile = 1\ntiles = 64\n";
    assert_eq!(output(&machine([1, 5], "tile", one)), output(&machine([1, 5], "crossbar", one)));
    let many = "[hierarchy]\ncrossbars_per_macro = 8\nmacros_per_tile = 8\ntiles = 4\n";
    assert_eq!(output(&machine([1, 5], "tile", many)), output(&machine([1, 5], "layer", many)));
    assert_ne!(output(&machine([1, 5], "crossbar", many)), output(&machine([1, 5], "layer", many)));

    let (network, x, hw) = (network(), inputs(), machine([1, 5], "column_group", ""));
    let quantized = integers(&network, 5, 4, &x);
    let bench = Bench::new(&network, &quantized, &hw);
    let design = Design::new(&network, &quantized, &bench.plan, &hw, &x).unwrap();
    let places: Vec<(usize, RangePlace)> = design.ranges().iter().map(|r| (r.readout, r.place)).collect();
    // 2 crossbars, 64 lines of 2 readouts at 8 converters each
    for block in 0..2 {
        for converter in 0..8 {
            let here = places.iter().filter(|p| p.1 == RangePlace::Converter { block, converter });
            assert!(here.count() >= 1, "{places:?}");
        }
    }
    assert!(places.len() <= 2 * 8 * 2, "{places:?}");
}

/// With a code for every sum the integers come out, whoever shares a range; and converters that are off by nothing that
/// counts give what uniform ones do, with a range each, too.
#[test]
fn ideal_hardware_stays_ideal() {
    let (network, x) = (network(), inputs());
    let quantized = integers(&network, 5, 4, &x);
    let want = network.forward(&x, 0, &mut IntegerEngine::new(&quantized)).unwrap();
    for per in ["layer", "tile", "crossbar", "column_group"] {
        // 64 rows of at most 15 are 960
        assert_eq!(output(&machine([1, 12], per, "")), want.data, "{per}");
        assert_eq!(output(&machine([1, 12], per, "inl_bow_lsb = 1e-9\n")), want.data, "{per}");
        assert_ne!(output(&machine([1, 5], per, "")), want.data, "{per}");
    }
}
