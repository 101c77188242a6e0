//! Reads by kernels against the plain form, and the exact program against integer sums.

use super::*;
use crate::design::{EncodedLayer, LayerDesign};
use crate::fix::{Arithmetic, Periphery, Seen, exact_program, program};
use crate::sharing::{RangePlace, Sharing};
use crate::stairs::{LayerStairs, LineNoise, Voltages};
use ohmic_hardware::dac::Skipping;
use ohmic_hardware::dac::{InputSlice, Part};
use ohmic_hardware::{Encoded, Gain, RangePer, Readout, Sign};
use ohmic_mapping::{Block, BlockId, LayerPlan};
use ohmic_network::quantization::QuantizedMvm;
use ohmic_network::{Gather, LayerId};
use ohmic_numerics::kernel::Stairs;
use ohmic_numerics::{Mat, Purpose, Seed, Uniform};
use std::sync::Arc;

struct Case {
    k: usize,
    n: usize,
    rows: usize,
    per_read: usize,
    slices: Vec<InputSlice>,
    low: i32,
    high: i32,
    skipping: Skipping,
    sigma_lsb: f32,
    read_noise: f64,
    spread: f64,
    converter: bool,
    stairs: bool,
    ranges: RangePer,
}

fn draw(purpose: u32, i: usize, range: i64) -> i64 {
    let at = Site { layer: 9, block: purpose };
    i64::from(Noise::new(Seed(11)).bits(Purpose::Data, at, 0, i as u32)) % range
}

/// Three wide readouts (one with a gain per fragment) and one shared, on levels that need not be whole.
fn build(case: &Case) -> (LayerDesign, LayerPlan, Vec<Seen>) {
    let weights = Mat::from_fn(case.k, case.n, |r, c| draw(1, r * case.n + c, 15) as i32 - 7);
    let mut fragments = Vec::new();
    let mut blocks = Vec::new();
    for start in (0..case.k).step_by(case.rows) {
        let end = (start + case.rows).min(case.k);
        fragments.extend((start..end).step_by(case.per_read).map(|f| f..(f + case.per_read).min(end)));
        blocks.push(Block {
            id: BlockId(blocks.len() as u32),
            group: 0,
            rows: start..end,
            outputs: 0..case.n,
            crossbar: blocks.len() as u32,
            first_row: 0,
            first_col: 0,
            columns: 3 * case.n + 1,
        });
    }
    let grids = if case.converter {
        vec![
            Some(Uniform::unsigned(5, 1.3)),
            Some(Uniform::unsigned(7, 1.0)),
            Some(Uniform::signed(6, 0.7)),
            Some(Uniform::unsigned(7, 1.0)),
        ]
    } else {
        vec![None; 4]
    };
    let mut encoded = Vec::new();
    let mut seen = Vec::new();
    for block in &blocks {
        let rows = block.rows.len();
        let plane = |p: usize, cols: usize| {
            Mat::from_fn(rows, cols, |r, c| draw(2, (p * 1000 + r) * 100 + c, 4) as u16)
        };
        let readout =
            |plane, gain| Readout { terms: vec![(plane, Sign::Plus)], gain, level_low: 0.0, level_high: 3.0 };
        let per_fragment =
            Mat::from_fn(rows.div_ceil(case.per_read), case.n, |f, c| if (f + c) % 2 == 0 { 4 } else { -4 });
        encoded.push(Encoded {
            planes: vec![plane(0, case.n), plane(1, case.n), plane(2, case.n), plane(3, 1)],
            readouts: vec![
                readout(0, Gain::All(1)),
                readout(1, Gain::PerFragment(per_fragment)),
                readout(2, Gain::PerColumn((0..case.n as i64).map(|c| 16 - c).collect())),
                readout(3, Gain::All(-64)),
            ],
            input_sum_scale: (0..case.n as i64).collect(),
        });
        let columns = 3 * case.n + 1;
        let off = |i: usize| (draw(3, i, 2001) - 1000) as f64 / 1000.0 * case.spread;
        let levels = Mat::from_fn(rows, columns, |r, c| {
            let e = &encoded.last().expect("just pushed").planes;
            f64::from(if c == 3 * case.n { e[3][(r, 0)] } else { e[c / case.n][(r, c % case.n)] })
                + off(r * columns + c)
        });
        let variance = if case.read_noise > 0.0 {
            Mat::from_fn(rows, columns, |r, c| case.read_noise * (1.0 + ((r + c) % 3) as f64))
        } else {
            Mat::default()
        };
        seen.push(Seen { levels, variance });
    }
    let layer = QuantizedMvm {
        weights: vec![weights],
        weight_bits: 4,
        weight_step: vec![1.0; case.n],
        input_bits: 8,
        input_signed: case.low < 0,
        input_step: 1.0,
        bias: vec![0; case.n],
        gather: Gather::Vector { len: case.k },
    };
    let exact = exact_program(&layer);
    let squares = crate::design::Squares::new(&case.slices, &layer, ohmic_hardware::Drive::Amplitude);
    let plan = LayerPlan {
        id: LayerId(2),
        name: "case".into(),
        k: case.k,
        n: case.n,
        groups: 1,
        positions: 1,
        weight_bits: layer.weight_bits,
        input_bits: layer.input_bits,
        rows_per_read: case.per_read,
        fragments,
        crossbars: 0..blocks.len() as u32,
        copies: 1,
        placed: 0..blocks.len() as u32,
        loads: 0..1,
        conversions: 1,
        blocks,
        cells: 0,
    };
    let sharing = match case.ranges {
        RangePer::ColumnGroup => {
            Sharing::new(&plan, &encoded, |block, line| RangePlace::Converter { block, converter: line / 3 })
        }
        _ => Sharing::of_layer(&plan, &encoded),
    };
    // sets of one readout differ in their steps
    let of = |(i, set): (usize, &crate::sharing::Set)| {
        let finer = 1.0 + 0.25 * (i % 3) as f32 * f32::from(u8::from(case.ranges == RangePer::ColumnGroup));
        grids[set.readout].map(|g: Uniform| Uniform { step: g.step * finer, ..g })
    };
    let grids = sharing.sets.iter().enumerate().map(of).collect();
    (
        LayerDesign::new(
            Arc::new(EncodedLayer {
                encoded,
                slices: case.slices.clone(),
                unsigned: case.low >= 0,
                exact,
                squares,
            }),
            Arc::new(sharing),
            grids,
        ),
        plan,
        seen,
    )
}

/// Three converters a block for each grid, each with errors of its own; columns take turns.
fn staircases(design: &LayerDesign, plan: &LayerPlan) -> LayerStairs {
    let mut tables = Vec::new();
    let mut of = Vec::new();
    for (b, block) in plan.blocks.iter().enumerate() {
        let mut columns = Vec::new();
        for r in 0..4 {
            let of_column: Vec<Uniform> = design.column_grids(b).flatten().collect();
            let first = r * block.outputs.len();
            for converter in 0..3 {
                let grid = of_column[first];
                let number = (tables.len() + converter) * 1000;
                let codes = grid.code_min..grid.code_max;
                let mut thresholds: Vec<f32> = codes
                    .map(|k| {
                        let off = draw(8, number + (k - grid.code_min) as usize, 200) as f32 / 100.0 - 1.0;
                        (k as f32 + 0.5 + off) * grid.step
                    })
                    .collect();
                thresholds.sort_by(f32::total_cmp);
                let values: Vec<i32> = (grid.code_min..=grid.code_max)
                    .map(|k| 16 * k + draw(9, number + (k - grid.code_min) as usize, 9) as i32 - 4)
                    .collect();
                tables.push(Stairs::new(&thresholds, &values, (-2.0, 20.0)));
            }
            let width = if r == 3 { 1 } else { block.outputs.len() };
            columns.extend((0..width).map(|c| (tables.len() - 3 + c % 3) as u32));
        }
        of.push(columns);
    }
    let lines = vec![LineNoise { sigma: 0.0, slope: 1.0 }; 4];
    LayerStairs { tables: tables.into(), of, fraction_bits: 4, lines, driven: None }
}

fn set_apart(x: &[i32], k: usize) -> (Vec<i32>, usize) {
    let stride = k.next_multiple_of(64);
    let mut out = vec![0; x.len() / k * stride];
    for (out, x) in out.chunks_exact_mut(stride).zip(x.chunks_exact(k)) {
        out[..k].copy_from_slice(x);
    }
    (out, stride)
}

fn one_bit(bits: u32) -> Vec<InputSlice> {
    (0..bits).map(|shift| InputSlice { part: Part::Bits, shift, bits: 1, gain: 1 << shift }).collect()
}

/// The kernels' form of a read equals the plain form, bit for bit, clips included, with uniform converters and
/// others, every kind of noise, skipping, signed digits, odd fragments and partial tiles.
#[test]
fn kernels_equal_the_plain_form() {
    let signed = vec![InputSlice { part: Part::Signed, shift: 0, bits: 8, gain: 1 }];
    let mut two_pass = one_bit(7);
    for s in &mut two_pass {
        s.part = Part::Positive;
    }
    two_pass.extend(two_pass.clone().iter().map(|s| InputSlice {
        part: Part::Negative,
        gain: -s.gain,
        ..*s
    }));
    let mut number = 0;
    for (k, n, rows, per_read) in
        [(1, 1, 1, 1), (25, 6, 128, 128), (75, 16, 32, 8), (40, 9, 15, 5), (33, 3, 9, 3)]
    {
        for (slices, low, high) in
            [(one_bit(8), 0, 255), (signed.clone(), -127, 127), (two_pass.clone(), -127, 127)]
        {
            for (sigma_lsb, read_noise, spread) in
                [(0.0, 0.0, 0.0), (0.0, 0.0, 0.4), (0.3, 0.0, 0.1), (0.2, 0.05, 0.2), (0.0, 0.02, 0.0)]
            {
                for skipping in [Skipping::None, Skipping::LeadingZeros] {
                    for (converter, stairs) in [(true, false), (true, true), (false, false)] {
                        if !converter && (sigma_lsb > 0.0 || read_noise > 0.0) {
                            continue;
                        }
                        number += 1;
                        let case = Case {
                            k,
                            n,
                            rows,
                            per_read,
                            slices: slices.clone(),
                            low,
                            high,
                            skipping,
                            sigma_lsb,
                            read_noise,
                            spread,
                            converter,
                            stairs,
                            ranges: if number % 3 == 0 { RangePer::ColumnGroup } else { RangePer::Layer },
                        };
                        let (design, plan, seen) = build(&case);
                        let range = i64::from(case.high - case.low + 1);
                        let x: Vec<i32> = (0..37 * k)
                            .map(|i| {
                                if draw(4, i + number, 3) == 0 {
                                    0
                                } else {
                                    (draw(5, i + number, range) + i64::from(case.low)) as i32
                                }
                            })
                            .collect();
                        let (x, stride) = set_apart(&x, k);
                        let words = Vectors { values: Values::Words(&x), k, stride };
                        let bytes: Vec<u8> = x.iter().map(|&x| x as u8).collect();
                        let bytes = Vectors { values: Values::Bytes(&bytes), k, stride };
                        let noise = Noise::new(Seed(5));
                        let mut answers = Vec::new();
                        for arithmetic in [Arithmetic::Chosen, Arithmetic::Plain] {
                            let program = program(
                                &design,
                                &plan,
                                Periphery { sigma_lsb: case.sigma_lsb, skipping: case.skipping, arithmetic },
                                case.stairs.then(|| staircases(&design, &plan)),
                                &seen,
                            );
                            let is_fast = |b: &BlockProgram| match b.cells {
                                Cells::Engine(_) => true,
                                Cells::Climb(_) => case.stairs,
                                _ => false,
                            };
                            let engines = program.blocks.iter().all(is_fast);
                            assert_eq!(engines, arithmetic == Arithmetic::Chosen);
                            for vectors in [words, bytes].into_iter().take(if low < 0 { 1 } else { 2 }) {
                                let mut y = vec![0.0; 37 * n];
                                let scratch = &mut Scratch::default();
                                let noise = Some((&noise, 2));
                                let order =
                                    if number % 2 == 0 { Order::ByOutput(37) } else { Order::ByVector(n) };
                                let clips =
                                    multiply(&program, 0, vectors, 1000, noise, (&mut y, order), scratch);
                                answers.push((y, clips));
                            }
                        }
                        for answer in &answers {
                            assert_eq!(answers[0], *answer, "case {number}: k {k} n {n}");
                        }
                    }
                }
            }
        }
    }
    // 5 shapes x 3 input codings x 2 ways of skipping x (5 noises with either converter, 2 without)
    assert_eq!(number, 360);
}

/// Voltages that are off, by the kernels and in the plain form; and voltages that are not, which are the digits.
#[test]
fn voltages_take_the_place_of_digits() {
    let slices: Vec<InputSlice> = [(Part::Positive, 1), (Part::Negative, -1)]
        .into_iter()
        .flat_map(|(part, sign)| [0, 3].map(|shift| InputSlice { part, shift, bits: 3, gain: sign << shift }))
        .collect();
    let case = Case {
        k: 40,
        n: 9,
        rows: 15,
        per_read: 5,
        slices,
        low: -63,
        high: 63,
        skipping: Skipping::LeadingZeros,
        sigma_lsb: 0.2,
        read_noise: 0.05,
        spread: 0.0,
        converter: true,
        stairs: true,
        ranges: RangePer::Layer,
    };
    let (design, plan, seen) = build(&case);
    let x: Vec<i32> = (0..37 * case.k).map(|i| (draw(5, i, 127) - 63) as i32).collect();
    let (x, stride) = set_apart(&x, case.k);
    let vectors = Vectors { values: Values::Words(&x), k: case.k, stride };
    let noise = Noise::new(Seed(5));
    let answer = |levels: Option<&[f64]>, arithmetic| {
        let driven = levels.map(Voltages::new);
        let stairs = LayerStairs { driven, ..staircases(&design, &plan) };
        let periphery = Periphery { sigma_lsb: 0.2, skipping: case.skipping, arithmetic };
        let program = program(&design, &plan, periphery, Some(stairs), &seen);
        let is_plain = program.blocks.iter().all(|b| matches!(b.cells, Cells::Wide { .. }));
        assert_eq!(is_plain, arithmetic == Arithmetic::Plain);
        let mut y = vec![0.0; 37 * case.n];
        let to = (&mut y[..], Order::ByOutput(37));
        let clips = multiply(&program, 0, vectors, 1000, Some((&noise, 2)), to, &mut Scratch::default());
        (y, clips)
    };
    let even: Vec<f64> = (0..8).map(f64::from).collect();
    let bowed = [0.0, 1.3, 2.4, 3.55, 4.6, 5.4, 6.2, 7.0];
    let digits = answer(None, Arithmetic::Plain);
    let off = answer(Some(&bowed), Arithmetic::Plain);
    assert_eq!(answer(Some(&even), Arithmetic::Chosen), digits);
    assert_eq!(answer(Some(&bowed), Arithmetic::Chosen), off);
    assert_ne!(off, digits);
}

/// The exact program against the plain integer sum, 16-bit operands included.
#[test]
fn exact_program_is_the_integer_product() {
    for (weight_bits, input_bits, k, n) in
        [(8u32, 8u32, 400usize, 10usize), (16, 16, 600, 5), (2, 1, 7, 3), (16, 15, 300, 2)]
    {
        for input_signed in [false, true] {
            if input_bits == 1 && input_signed {
                continue;
            }
            let top = (1i64 << (weight_bits - 1)) - 1;
            let weights = Mat::from_fn(k, n, |r, c| (draw(6, r * n + c, 2 * top + 1) - top) as i32);
            let (low, span) = if input_signed {
                (-(1i64 << (input_bits - 1)), 1i64 << input_bits)
            } else {
                (0, 1 << input_bits)
            };
            let x: Vec<i32> = (0..5 * k).map(|i| (draw(7, i, span) + low) as i32).collect();
            let layer = QuantizedMvm {
                weights: vec![weights.clone()],
                weight_bits,
                weight_step: vec![1.0; n],
                input_bits,
                input_signed,
                input_step: 1.0,
                bias: vec![0; n],
                gather: Gather::Vector { len: k },
            };
            let mut y = vec![0.0; 5 * n];
            let (spread, stride) = set_apart(&x, k);
            let vectors = Vectors { values: Values::Words(&spread), k, stride };
            multiply(
                &exact_program(&layer),
                0,
                vectors,
                0,
                None,
                (&mut y, Order::ByOutput(5)),
                &mut Scratch::default(),
            );
            for v in 0..5 {
                for c in 0..n {
                    let want: i64 =
                        (0..k).map(|i| i64::from(x[v * k + i]) * i64::from(weights[(i, c)])).sum();
                    assert_eq!(y[c * 5 + v], want as f64, "{weight_bits} x {input_bits} bits");
                }
            }
        }
    }
}
