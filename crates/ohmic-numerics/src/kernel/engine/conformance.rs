//! Every engine on every level of this machine against the specification, on one corpus.

use super::*;
use crate::kernel::{Digit, DigitPart, Grids, Level};
use crate::{Mat, MatRef, Noise, Purpose, Seed, Site, Uniform};

fn draw(topic: u32, i: usize, below: i64) -> i64 {
    let at = Site { layer: 3, block: topic };
    i64::from(Noise::new(Seed(17)).bits(Purpose::Data, at, 0, i as u32)) % below
}

/// What a case is made of.
struct Case {
    rows: Vec<usize>,
    columns: usize,
    vectors: usize,
    cells: (i64, i64),
    slices: Vec<Slice>,
    inputs: (i64, i64),
    converter: bool,
    noise: (f32, f64),
}

fn one_bit(bits: u32) -> Vec<Slice> {
    (0..bits)
        .map(|shift| Slice { digit: Digit { part: DigitPart::Bits, shift, bits: 1 }, gain: 1 << shift })
        .collect()
}

fn whole(part: DigitPart, bits: u32) -> Vec<Slice> {
    vec![Slice { digit: Digit { part, shift: 0, bits }, gain: 1 }]
}

fn corpus() -> Vec<Case> {
    let two_pass: Vec<Slice> = [(DigitPart::Positive, 1), (DigitPart::Negative, -1)]
        .into_iter()
        .flat_map(|(part, sign)| {
            (0..7).map(move |shift| Slice { digit: Digit { part, shift, bits: 1 }, gain: sign << shift })
        })
        .collect();
    let twos: Vec<Slice> = one_bit(8)
        .into_iter()
        .map(|s| if s.digit.shift == 7 { Slice { gain: -128, ..s } } else { s })
        .collect();
    let pairs: Vec<Slice> = (0..4)
        .map(|i| Slice { digit: Digit { part: DigitPart::Bits, shift: 2 * i, bits: 2 }, gain: 1 << (2 * i) })
        .collect();
    let codings = [
        (one_bit(8), (0, 255)),
        (whole(DigitPart::Bits, 8), (0, 255)),
        (whole(DigitPart::Signed, 8), (-127, 127)),
        (pairs, (0, 255)),
        (two_pass, (-127, 127)),
        (twos, (-128, 127)),
        (one_bit(12), (0, 4095)),
    ];
    let shapes: [(&[usize], usize, usize); 12] = [
        (&[12, 7], 9, 141),
        (&[1], 1, 1),
        (&[128], 40, 7),
        (&[8, 8, 8, 8, 8], 64, 5),
        (&[8, 8, 3], 65, 13),
        (&[25], 6, 30),
        (&[9, 5, 7, 1], 33, 6),
        (&[64, 60, 100], 17, 9),
        (&[200], 80, 3),
        (&[16; 12], 130, 2),
        (&[64], 129, 6),
        (&[8; 19], 40, 5),
    ];
    let mut cases = Vec::new();
    let mut number = 0;
    for (rows, columns, vectors) in shapes {
        for (slices, inputs) in &codings {
            for cells in [(0, 3), (-3, 3), (0, 255), (-127, 127), (0, 3100), (-2000, 1500)] {
                for (converter, noise) in
                    [(true, (0.0, 0.0)), (true, (0.7, 0.0)), (true, (0.4, 0.3)), (false, (0.0, 0.0))]
                {
                    // every third: each pair of properties still meets
                    number += 1;
                    if number % 3 != 0 {
                        continue;
                    }
                    cases.push(Case {
                        rows: rows.to_vec(),
                        columns,
                        vectors,
                        cells,
                        slices: slices.clone(),
                        inputs: *inputs,
                        converter,
                        noise,
                    });
                }
            }
        }
    }
    cases
}

/// Totals and clips of a case, read by an engine at a level; `None` if the engine cannot take it.
fn answer(case: &Case, engine: Engine, level: Level, bytes: bool) -> Option<(Vec<i32>, u64)> {
    // fragments of other blocks before, so that offsets count; whole words of bits for some
    let mut layer = vec![0..3, 3..10];
    if let 5 | 6 = case.vectors {
        layer.pop();
        layer[0] = 0..if case.vectors == 5 { 64 } else { 32 };
    }
    let first = layer.len();
    let before = layer[first - 1].end;
    let (mut start, mut fragments) = (before, Vec::new());
    for &rows in &case.rows {
        fragments.push(start - before..start - before + rows);
        layer.push(start..start + rows);
        start += rows;
    }
    let rows: usize = case.rows.iter().sum();
    let (low, high) = case.cells;
    let cells =
        Mat::from_fn(rows, case.columns, |r, c| (draw(1, r * case.columns + c, high - low + 1) + low) as i16);
    // single gains and one kind of converter open the ways of short integers
    let alike = case.vectors % 2 == 1;
    let many: &[i32] = if alike { &[1, -1] } else { &[1, -1, 4, -16] };
    let gains = Mat::from_fn(fragments.len(), case.columns, |f, c| {
        if case.vectors % 4 == 1 { 1 } else { many[(f * 7 + c) % many.len()] }
    });
    let fraction = if high > 300 { 1.0 / 1024.0 } else { 1.0 };
    let kinds = [
        Uniform { code_max: 2, ..Uniform::unsigned(3, 2.0) },
        Uniform::unsigned(6, 1.7),
        Uniform::signed(5, 0.9),
        Uniform::unsigned(8, 384.0 / 255.0),
        Uniform::unsigned(3, 2.0),
    ];
    let width = case.columns.next_multiple_of(Block::PANEL);
    let grids = Grids::new(
        (0..case.columns).map(|c| if alike { kinds[case.vectors / 2 % 5] } else { kinds[c % 5] }),
        width,
    );
    let source = BlockSource {
        cells: cells.view(),
        fragments: &fragments,
        gains: gains.view(),
        grids: case.converter.then_some(&grids),
        scale: fraction,
        slices: &case.slices,
    };
    let block = Block::pack_at(level, engine, &source).ok()?;
    let stride = (start + 5).next_multiple_of(64);
    let x: Vec<i32> = (0..case.vectors * stride)
        .map(|i| {
            let (a, b) = case.inputs;
            // vectors of zeros, and runs of rows that no vector drives, occur
            let row = i % stride;
            if draw(2, i, 3) == 0 || i / stride == 2 || row / 4 % 5 == 0 || row / 16 % 3 == 1 {
                0
            } else {
                (draw(3, i, b - a + 1) + a) as i32
            }
        })
        .collect();
    let small: Vec<u8> = x.iter().map(|&x| x as u8).collect();
    let values = if bytes { Values::Bytes(&small) } else { Values::Words(&x) };
    let vectors = Vectors { values, k: start, stride };
    let layout = Layout::new(engine, &layer);
    let cut: Vec<Digit> = case.slices.iter().map(|s| s.digit).collect();
    let (mut digits, mut squares) = (Digits::default(), Digits::default());
    let digits = digits.cut_at(level, &layout, &cut, vectors);
    let noise = Noise::new(Seed(4));
    let mut sigma = vec![case.noise.0; case.columns];
    sigma.resize(width, 0.0);
    let variance = (case.noise.1 > 0.0).then(|| {
        let v = Mat::from_fn(rows, case.columns, |r, c| case.noise.1 * (1 + (r + c) % 5) as f64);
        Variance::pack(v.view(), &fragments, 255)
    });
    let issued: Vec<u64> = (0..case.vectors * fragments.len()).map(|i| draw(5, i, 1 << 16) as u64).collect();
    let deviates = Deviates {
        noise: &noise,
        site: Site { layer: 1, block: 2 },
        first_draw: 40,
        sigma: &sigma,
        variance: variance.as_ref(),
        issued: case.columns.is_multiple_of(2).then_some(&issued[..]),
    };
    let squares = if variance.is_some() { squares.squares(&layout, &cut, vectors) } else { &[] };
    let deviates = (case.noise.0 > 0.0).then_some((&deviates, squares));
    let mut totals = vec![3; case.vectors * case.columns];
    let (mut clips, mut workspace) = (0, Workspace::default());
    for group in 0..block.groups() {
        let read = Read { layout: &layout, fragment: first, digits, deviates, group, start: Start::Fresh };
        clips += block.read(read, &mut workspace);
        if group == 1 {
            // once more onto itself
            clips += block.read(Read { start: Start::Onto, ..read }, &mut workspace);
        }
        let part = workspace.totals();
        for vector in 0..case.vectors {
            for (i, c) in part.columns.clone().enumerate() {
                totals[vector * case.columns + c] = part.at(vector, i);
            }
        }
    }
    Some((totals, clips))
}

#[test]
fn every_engine_gives_the_bits_of_the_specification() {
    let mut compared = std::collections::BTreeMap::new();
    for (number, case) in corpus().iter().enumerate() {
        // variances are kept for digits of up to 8 bits
        if case.noise.1 > 0.0 && case.slices.iter().any(|s| s.digit.bits > 8) {
            continue;
        }
        let Some(want) = answer(case, Engine::Plain, Level::Scalar, false) else {
            *compared.entry(("out of range", "")).or_insert(0) += 1;
            continue;
        };
        for engine in Engine::ALL {
            for level in Level::available() {
                for bytes in [false, true] {
                    if bytes && (case.inputs.0 < 0 || case.inputs.1 > 255) {
                        continue;
                    }
                    // a digit of 8 bits cannot have a sign
                    if engine == Engine::Dot8 && case.inputs.0 < 0 && case.slices.len() == 1 {
                        continue;
                    }
                    if let Some(got) = answer(case, engine, level, bytes) {
                        assert!(
                            got == want,
                            "case {number}: {} at {} (bytes: {bytes}): {:?} rows, {} columns, cells {:?}, {} slices, noise {:?}, clips {} {}",
                            engine.name(),
                            level.name(),
                            case.rows,
                            case.columns,
                            case.cells,
                            case.slices.len(),
                            case.noise,
                            got.1,
                            want.1
                        );
                        *compared.entry((engine.name(), level.name())).or_insert(0) += 1;
                    }
                }
            }
        }
    }
    println!("compared: {compared:?}");
    for engine in Engine::ALL {
        for level in Level::available() {
            assert!(
                compared.get(&(engine.name(), level.name())).is_some_and(|&n| n >= 60),
                "{engine:?} {level:?}"
            );
        }
    }
}

/// The variance of a read in integers is that of the real numbers, to the bits that are kept.
#[test]
fn variances_are_those_of_the_real_numbers() {
    let (rows, columns) = (128, 20);
    let v = Mat::from_fn(rows, columns, |r, c| 1e-3 * (1 + draw(6, r * columns + c, 900)) as f64);
    let whole_block = std::slice::from_ref(&(0..rows)).to_vec();
    let packed = Variance::pack(v.view(), &whole_block, 255);
    let x: Vec<i32> = (0..rows).map(|i| draw(7, i, 256) as i32).collect();
    let stride = rows.next_multiple_of(64);
    let vectors = Vectors { values: Values::Words(&x), k: rows, stride };
    let layout = Layout::new(Engine::Dot16, &whole_block);
    let (zeros, ones) = (vec![0; rows * columns], vec![1; columns]);
    let source = BlockSource {
        cells: MatRef::new(rows, columns, &zeros),
        fragments: &whole_block,
        gains: MatRef::new(1, columns, &ones),
        grids: None,
        scale: 1.0,
        slices: &whole(DigitPart::Bits, 8),
    };
    let block = Block::pack(Engine::Dot16, &source).expect("it fits");
    let noise = Noise::new(Seed(1));
    let site = Site { layer: 0, block: 0 };
    let sigma = vec![0.0; 32];
    let deviates =
        Deviates { noise: &noise, site, first_draw: 0, sigma: &sigma, variance: Some(&packed), issued: None };
    let mut out = Aligned::default();
    let mut digits = Digits::default();
    let squares = digits.squares(&layout, &[whole(DigitPart::Bits, 8)[0].digit], vectors);
    deviates.variances(&block, &layout, &layout.offsets, squares, 0, &mut out);
    for c in 0..columns {
        let want: f64 = (0..rows).map(|r| f64::from(x[r]).powi(2) * v[(r, c)]).sum();
        let got = f64::from((out[c] as u32).wrapping_add(packed.taken_off[0][c])) * f64::from(packed.unit);
        assert!((got / want - 1.0).abs() < 1e-3, "column {c}: {got} for {want}");
    }
}
