//! Networks that others trained give the accuracy that others measured. Needs the folder that the
//! environment variable OHMIC_DATA names; without it each test says that it was skipped.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // a test's helpers fail as the test does

use ohmic_network::data::{self, DataSet, DataSpec, data_folder};
use ohmic_network::quantization::{InputRange, QuantizeOptions, WeightScale, quantize};
use ohmic_network::reference::{FloatEngine, IntegerEngine, accuracy};
use ohmic_network::{Model, load_model};
use std::path::Path;

/// The model of this name and its test set, or nothing if the data are not there.
fn model(name: &str) -> Option<(Model, DataSet)> {
    if data_folder().is_none() {
        println!("SKIPPED: OHMIC_DATA not set");
        return None;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/networks").join(name);
    let model = load_model(&folder).unwrap_or_else(|e| panic!("{e}"));
    let test = DataSpec::parse(model.info.test.as_ref().unwrap()).unwrap();
    let set = data::load(&test).unwrap_or_else(|e| panic!("{e}"));
    Some((model, set))
}

/// Checks the reference accuracy of the model file and returns the number of right images.
fn float_accuracy(model: &Model, set: &DataSet) -> usize {
    let reference = model.info.reference.as_ref().unwrap();
    let correct = accuracy(&model.network, &set.first(reference.images), &mut FloatEngine).unwrap();
    let got = correct as f64 / reference.images as f64;
    println!("{}: {got} in float, {} expected", model.network.name, reference.accuracy);
    // sums in another order may move an image or two that lies on the boundary
    assert!((got - reference.accuracy).abs() <= 2.0 / reference.images as f64, "{got}");
    correct
}

fn eight_bits() -> QuantizeOptions {
    let (weight_scale, input_range) = (WeightScale::Layer, InputRange::Max);
    QuantizeOptions { weight_bits: 8, input_bits: 8, weight_scale, input_range }
}

/// Source: data/README, measured with another tool: 98.91 % of the 10 000 test images.
#[test]
fn onnx_mnist() {
    let Some((model, set)) = model("cnn-mnist-onnx") else { return };
    assert_eq!(set.len(), 10_000);
    float_accuracy(&model, &set);
}

/// Source: data/README, measured with another tool: 89.0 % of the first 1000 test images.
#[test]
fn resnet14() {
    let Some((model, set)) = model("resnet14-cifar10") else { return };
    assert_eq!(set.len(), 1000);
    float_accuracy(&model, &set);
}

/// Source: data/README, measured with another tool: 91.1 % of the first 1000 test images. Integers of 8 bits
/// cost at most 0.5 points.
#[test]
fn resnet20_in_float_and_in_integers() {
    let Some((model, set)) = model("resnet20-cifar10") else { return };
    let float = float_accuracy(&model, &set);
    let calibration = DataSpec::parse(model.info.calibration.as_ref().unwrap()).unwrap().with_limit(100);
    let calibration = data::load(&calibration).unwrap();
    let quantized = quantize(&model.network, &eight_bits(), &calibration.all()).unwrap();
    let integer = accuracy(&model.network, &set.all(), &mut IntegerEngine::new(&quantized)).unwrap();
    println!("{}: {integer} of 1000 in 8-bit integers, {float} in float", model.network.name);
    assert!(integer + 5 >= float, "{integer} {float}");
}
