//! The float network, which crossbars are held against: `cargo bench -p ohmic-network`.

#![allow(missing_docs)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ohmic_network::reference::FloatEngine;
use ohmic_network::{Tensor, load_text};
use std::path::Path;

fn lenet5(c: &mut Criterion) {
    let text = include_str!("../../../models/networks/lenet5-mnist/model.toml");
    let weights = include_bytes!("../../../models/networks/lenet5-mnist/weights.safetensors");
    let network = load_text(Path::new("lenet5-mnist"), text, Some(weights)).expect("it is kept").network;
    let mut group = c.benchmark_group("float");
    for batch in [1, 32, 128] {
        let pixels = (0..batch * network.input.len()).map(|i| (i * 7919 % 256) as f32).collect();
        let images = Tensor::new(batch, network.input.clone(), pixels);
        group.throughput(Throughput::Elements(batch as u64));
        group.bench_function(format!("lenet5/{batch}"), |bench| {
            bench.iter(|| network.forward(&images, 0, &mut FloatEngine));
        });
    }
    group.finish();
}

criterion_group!(float, lenet5);
criterion_main!(float);
