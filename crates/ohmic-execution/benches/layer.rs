//! One layer of 512 x 512 on crossbars, 64 vectors, one thread: `cargo bench -p ohmic-execution`.
//! `ohmic bench` holds the same against what the machine can do.

#![allow(missing_docs)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ohmic_execution::{Chip, Design, Probe, Shortcuts};
use ohmic_hardware::Hardware;
use ohmic_network::data::DataSet;
use ohmic_network::layer::Linear;
use ohmic_network::quantization::{InputRange, QuantizeOptions, WeightScale, quantize};
use ohmic_network::{Network, Node, Shape, Source};
use ohmic_numerics::{Noise, Seed};

const SIZE: usize = 512;
const BATCH: usize = 64;
const SLICED: &str = "encoding = { kind = \"offset\", cell_bits = 2, input_sum = \"digital\" }\ndac.bits = 1\n\
    adc.range = \"full_scale\"\n";
const MULTI_BIT: &str =
    "encoding.cell_bits = 8\ndac = { kind = \"uniform\", bits = 8, signed_inputs = \"signed_drive\" }\n";
const EXACT: &str = "device = { kind = \"ideal\", g_min = \"0 S\", g_max = \"40 uS\" }\n";
const PROGRAMMED: &str =
    "device = { kind = \"gaussian_absolute\", g_min = \"0 S\", g_max = \"40 uS\", sigma_fraction = 0.01 }\n";

fn layer(c: &mut Criterion) {
    let value = |i: usize| (i * 7919 % 10_007) as f32 / 10_007.0;
    let weights = (0..SIZE * SIZE).map(|i| value(i) - 0.5).collect();
    let linear = Linear::new(SIZE, SIZE, weights, Vec::new()).expect("a layer");
    let node = Node::new("layer", Box::new(linear), vec![Source::Input]);
    let network = Network::from_nodes("layer", Shape(vec![SIZE]), vec![node]).expect("a network");
    let inputs = (0..BATCH * SIZE).map(|i| value(i + 13)).collect();
    let set = DataSet::from_floats("random", Shape(vec![SIZE]), SIZE, inputs, vec![0; BATCH]).expect("a set");
    let inputs = set.batch(0..BATCH);
    let options = QuantizeOptions {
        weight_bits: 8,
        input_bits: 8,
        weight_scale: WeightScale::Layer,
        input_range: InputRange::Max,
    };
    let quantized = quantize(&network, &options, &set.all()).expect("integers");
    let mut group = c.benchmark_group("layer");
    for (name, slicing, cells, products) in [
        ("multi_bit/exact", MULTI_BIT, EXACT, 1),
        ("multi_bit/programmed", MULTI_BIT, PROGRAMMED, 1),
        ("sliced/exact", SLICED, EXACT, 32),
        ("sliced/programmed", SLICED, PROGRAMMED, 32),
    ] {
        let text = format!("name = \"bench\"\nextends = \"generic_reram\"\n{slicing}{cells}");
        let hardware = Hardware::from_text("bench", &text).expect("hardware");
        let plan = ohmic_mapping::map(&network, &quantized, &hardware).expect("a plan");
        let design = Design::new(&network, &quantized, &plan, &hardware, &inputs).expect("a design");
        let chip = Chip::program(&design, Noise::new(Seed(1)), Shortcuts::Avoided).expect("a chip");
        group.throughput(Throughput::Elements((BATCH * SIZE * SIZE * products) as u64));
        group.bench_function(name, |bench| bench.iter(|| chip.run(&inputs, 0, Probe::Off)));
    }
    group.finish();
}

criterion_group!(layers, layer);
criterion_main!(layers);
