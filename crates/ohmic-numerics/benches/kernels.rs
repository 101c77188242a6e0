//! Kernels of the numerics: `cargo bench -p ohmic-numerics`.

#![allow(missing_docs)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ohmic_numerics::kernel::{Begin, InputRows, Op, PanelsF32, dots_f32, gemm_f32};
use ohmic_numerics::wires::{Lines, SenseEnd, Solver, Undriven};
use ohmic_numerics::{Cells, Mat, Noise, Purpose, Seed, Site};
use std::hint::black_box;

fn value(i: usize) -> f32 {
    (i * 7919 % 211) as f32 / 100.0 - 1.05
}

fn values(count: usize) -> Vec<f32> {
    (0..count).map(value).collect()
}

/// Products of floats, in multiply-adds.
fn products(c: &mut Criterion) {
    let mut group = c.benchmark_group("products");
    for n in [128, 512] {
        let (a, b) = (values(n * n), values(n * n));
        let mut out = vec![0.0; n * n];
        group.throughput(Throughput::Elements((n * n * n) as u64));
        group.bench_function(format!("gemm_f32/{n}"), |bench| {
            bench.iter(|| gemm_f32([n; 3], (&a, Op::Plain), (&b, Op::Plain), 0.0, black_box(&mut out)));
        });
    }
    // the full layer of VGG-8 on 32 samples
    let (samples, outputs, k) = (32, 1024, 8192);
    let (x, weights) = (values(samples * k), values(outputs * k));
    let mut out = vec![0.0; samples * outputs];
    group.throughput(Throughput::Elements((samples * outputs * k) as u64));
    group.bench_function("dots_f32/32x1024x8192", |bench| {
        bench.iter(|| dots_f32(&x, &weights, &[], k, black_box(&mut out)));
    });
    // eight outputs of a 3 x 3 convolution of 128 channels of 32 x 32
    let (k, count) = (1152, 31 * 34 + 32);
    let panels = PanelsF32::pack(&values(8 * k), 8, k);
    let padded = values(128 * 34 * 34 + 16);
    let starts: Vec<usize> = (0..k).map(|r| r / 9 * 34 * 34 + r % 9 / 3 * 34 + r % 3).collect();
    let mut out = vec![0.0; 8 * count];
    group.throughput(Throughput::Elements((8 * k * count) as u64));
    group.bench_function("sums/8x1152x1086", |bench| {
        let x = InputRows { values: &padded, starts: &starts, count };
        bench.iter(|| panels.sums(0, 0, x, Begin::With(&[]), black_box(&mut out), count));
    });
    group.finish();
}

/// Normal deviates by address.
fn normals(c: &mut Criterion) {
    let noise = Noise::new(Seed(1));
    let mut group = c.benchmark_group("normals");
    for count in [64, 16_384] {
        let mut out = vec![0.0; count];
        let at = Cells { site: Site { layer: 1, block: 2 }, first: 0 };
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(format!("fill_normal/{count}"), |bench| {
            bench.iter(|| noise.fill_normal(Purpose::Read, at, 3, black_box(&mut out)));
        });
    }
    group.finish();
}

/// Matrices of arrays with resistance in their wires.
fn wires(c: &mut Criterion) {
    let lines = Lines {
        row_segment_ohm: 1.0,
        column_segment_ohm: 1.0,
        driver_ohm: 10.0,
        far_driver_ohm: None,
        sense_ohm: 10.0,
        sensed_at: SenseEnd::Bottom,
    };
    let mut group = c.benchmark_group("wires");
    group.sample_size(10);
    for n in [64, 128] {
        let cells = Mat::from_fn(n, n, |r, c| 5e-5 + 4e-5 * f64::from(value(r * n + c)));
        let Ok(mut solver) = Solver::new(n, n, &lines, &Undriven::Grounded) else { continue };
        group.bench_function(format!("effective/{n}"), |bench| bench.iter(|| solver.effective(cells.view())));
    }
    group.finish();
}

criterion_group!(kernels, products, normals, wires);
criterion_main!(kernels);
