//! Engines that read a block, each on what it is for: `cargo bench -p ohmic-numerics --bench engines`.
//!
//! One row of crossbars of a 512 x 512 layer: 128 rows, 128 vectors, conversions included, quantizing and
//! gathering left out. Throughput is in analog multiply-adds.

#![allow(missing_docs)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ohmic_numerics::kernel::engine::{
    Aligned, Block, BlockSource, Deviates, Digits, Engine, Layout, Read, Slice, Start, Values, Vectors,
    Workspace,
};
use ohmic_numerics::kernel::{Digit, DigitPart, Grids, level};
use ohmic_numerics::{Mat, Noise, Purpose, Seed, Site, Uniform};
use std::hint::black_box;

const ROWS: usize = 128;
const COLUMNS: usize = 128;
const VECTORS: usize = 128;

/// What is read: cells from `low` to `high` in units of `scale` levels, in fragments, with a converter.
struct Case {
    name: &'static str,
    engine: Engine,
    fragment: usize,
    cells: (i64, i64),
    scale: f32,
    input_bits: Inputs,
    converter: Uniform,
    sigma: f32,
}

#[derive(Clone, Copy, PartialEq)]
enum Inputs {
    Whole,
    BitByBit,
}

fn draw(i: usize, below: i64) -> i64 {
    let at = Site { layer: 0, block: 0 };
    i64::from(Noise::new(Seed(1)).bits(Purpose::Data, at, 0, i as u32)) % below
}

fn engines(c: &mut Criterion) {
    let fine = 1.0 / 1024.0;
    let isaac = Uniform::unsigned(8, 384.0 / 255.0);
    let forms = Uniform::unsigned(4, 24.0 / 15.0);
    let case = |name, engine, fragment, cells, scale, input_bits, converter, sigma| Case {
        name,
        engine,
        fragment,
        cells,
        scale,
        input_bits,
        converter,
        sigma,
    };
    use Inputs::{BitByBit, Whole};
    let cases = [
        case("mvm.exact", Engine::Dot8, 128, (-127, 127), 1.0, Whole, Uniform::signed(8, 9000.0), 0.0),
        case(
            "mvm.programmed",
            Engine::Dot16,
            128,
            (-30_000, 30_000),
            fine,
            Whole,
            Uniform::signed(8, 2000.0),
            0.0,
        ),
        case(
            "mvm.programmed_converter",
            Engine::Dot16,
            128,
            (-30_000, 30_000),
            fine,
            Whole,
            Uniform::signed(8, 2000.0),
            0.5,
        ),
        case("isaac.exact", Engine::Table8, 128, (0, 3), 1.0, BitByBit, isaac, 0.0),
        case("isaac.exact by bit planes", Engine::Bits, 128, (0, 3), 1.0, BitByBit, isaac, 0.0),
        case("isaac.programmed", Engine::Table16, 128, (0, 3100), fine, BitByBit, isaac, 0.0),
        case("isaac.programmed by words", Engine::Dot16, 128, (0, 3100), fine, BitByBit, isaac, 0.0),
        case("isaac.programmed_converter", Engine::Table16, 128, (0, 3100), fine, BitByBit, isaac, 0.5),
        case("forms.exact", Engine::Table8, 8, (0, 3), 1.0, BitByBit, forms, 0.0),
        case("forms.programmed", Engine::Table16, 8, (0, 3100), fine, BitByBit, forms, 0.0),
    ];
    let mut group = c.benchmark_group("engines");
    for case in cases {
        let slices: Vec<Slice> = match case.input_bits {
            Whole => vec![Slice { digit: Digit { part: DigitPart::Bits, shift: 0, bits: 8 }, gain: 1 }],
            BitByBit => (0..8)
                .map(|shift| Slice {
                    digit: Digit { part: DigitPart::Bits, shift, bits: 1 },
                    gain: 1 << shift,
                })
                .collect(),
        };
        let fragments: Vec<_> = (0..ROWS).step_by(case.fragment).map(|r| r..r + case.fragment).collect();
        let (low, high) = case.cells;
        let cells = Mat::from_fn(ROWS, COLUMNS, |r, c| (draw(r * COLUMNS + c, high - low + 1) + low) as i16);
        let gains = Mat::filled(fragments.len(), COLUMNS, 1);
        let grids = Grids::new((0..COLUMNS).map(|_| case.converter), COLUMNS);
        let source = BlockSource {
            cells: cells.view(),
            fragments: &fragments,
            gains: gains.view(),
            grids: Some(&grids),
            scale: case.scale,
            slices: &slices,
        };
        let Ok(block) = Block::pack(case.engine, &source) else { continue };
        let x: Vec<u8> = (0..VECTORS * ROWS).map(|i| draw(100_000 + i, 256) as u8).collect();
        let vectors = Vectors { values: Values::Bytes(&x), k: ROWS, stride: ROWS };
        let layout = Layout::new(case.engine, &fragments);
        let cut: Vec<Digit> = slices.iter().map(|s| s.digit).collect();
        let (mut digits, mut workspace) = (Digits::default(), Workspace::default());
        let noise = Noise::new(Seed(2));
        let sigma = vec![case.sigma; COLUMNS];
        let site = Site { layer: 0, block: 0 };
        let deviates =
            Deviates { noise: &noise, site, first_draw: 0, sigma: &sigma, variance: None, issued: None };
        group.throughput(Throughput::Elements((VECTORS * ROWS * COLUMNS * slices.len()) as u64));
        group.bench_function(case.name, |bench| {
            bench.iter(|| {
                let digits = digits.cut(&layout, &cut, vectors);
                let deviates: Option<(_, &[i16])> = (case.sigma > 0.0).then_some((&deviates, &[]));
                for group in 0..block.groups() {
                    let start = Start::Fresh;
                    let read = Read { layout: &layout, fragment: 0, digits, deviates, group, start };
                    black_box(block.read(read, &mut workspace));
                    black_box(workspace.totals().values);
                }
            });
        });
    }
    group.finish();
}

/// Deviates of conversions alone, without read noise: throughput is in deviates.
fn deviates(c: &mut Criterion) {
    let mut group = c.benchmark_group("deviates");
    let slice = Slice { digit: Digit { part: DigitPart::Bits, shift: 0, bits: 8 }, gain: 1 };
    let cells = Mat::filled(ROWS, COLUMNS, 1i16);
    let gains = Mat::filled(1, COLUMNS, 1);
    let source = BlockSource {
        cells: cells.view(),
        fragments: std::slice::from_ref(&(0..ROWS)),
        gains: gains.view(),
        grids: None,
        scale: 1.0,
        slices: &[slice; 8],
    };
    let Ok(block) = Block::pack(Engine::Plain, &source) else { return };
    let (noise, sigma) = (Noise::new(Seed(2)), vec![0.5; COLUMNS]);
    let site = Site { layer: 0, block: 0 };
    let deviates =
        Deviates { noise: &noise, site, first_draw: 0, sigma: &sigma, variance: None, issued: None };
    let mut out = Aligned::default();
    let panels = 4;
    group.throughput(Throughput::Elements((VECTORS * panels * Block::PANEL * source.slices.len()) as u64));
    group.bench_function(level().name(), |bench| {
        bench.iter(|| {
            deviates.fill(&block, (0, panels), VECTORS, &[], &mut out);
            black_box(&out);
        });
    });
    group.finish();
}

criterion_group!(all, engines, deviates);
criterion_main!(all);
