//! From what the converters of a layer see, in levels, to the integers that its reads are computed in.

use crate::design::{EncodedLayer, LayerDesign};
use crate::effective::width;
use crate::program::{BlockProgram, Cells, Grid, LayerProgram, ReadoutProgram, kernel_slice, stacks};
use crate::sharing::Sharing;
use crate::stairs::{Climb, LayerStairs, LineNoise, Voltages};
use ohmic_hardware::dac::{InputSlice, Part, Skipping};
use ohmic_hardware::{Encoded, Gain, Hardware};
use ohmic_mapping::{Block as Place, LayerPlan};
use ohmic_network::quantization::QuantizedMvm;
use ohmic_numerics::kernel::engine::{Block, BlockSource, Engine, Layout, Negative, Slice, Variance};
use ohmic_numerics::kernel::{Digit, DigitPart, Grids, PackedI16, Staircases};
use ohmic_numerics::{Mat, MatRef};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;

/// What a program needs to know of the hardware beside its cells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Periphery {
    pub(crate) sigma_lsb: f32,
    pub(crate) skipping: Skipping,
    pub(crate) arithmetic: Arithmetic,
}

impl Periphery {
    pub(crate) fn of(hardware: &Hardware) -> Self {
        Self {
            sigma_lsb: hardware.adc().sigma_lsb(),
            skipping: hardware.dac().skipping(),
            arithmetic: Arithmetic::Chosen,
        }
    }
}

/// Which form of a read computes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    /// An engine where one fits, else the plain form.
    Chosen,
    /// Nothing but the sums, for calibration.
    Sums,
    /// The plain form, for tests.
    #[cfg_attr(not(test), allow(dead_code))]
    Plain,
}

/// A block's effective levels and read-noise variances.
#[derive(Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) levels: Mat<f64>,
    /// Empty (0 × 0) without read noise.
    pub(crate) variance: Mat<f64>,
}

/// One block on its way.
struct Fixed {
    /// Rows × program columns, in units of `2^-fraction_bits` of a level.
    cells: Mat<i32>,
    /// Of a read at unit digits, levels²; empty without read noise.
    variance: Mat<f64>,
    readouts: Vec<ReadoutProgram>,
    /// Converter of every column, padded.
    grids: Option<Grids>,
    /// Digital gain of every column's code, fragments × columns, is `gains · worth`: what differs from
    /// fragment to fragment, and what a column's codes have in common.
    gains: Mat<i32>,
    worth: Vec<i32>,
    sigma: Vec<f32>,
    /// Staircase of every column, if converters are not uniform.
    stairs: Vec<u32>,
    /// Fragments within the block's rows.
    fragments: Vec<Range<usize>>,
}

/// Makes the fixed-point form of a layer from what its converters see.
pub(crate) fn program(
    design: &LayerDesign,
    plan: &LayerPlan,
    periphery: Periphery,
    stairs: Option<LayerStairs>,
    seen: &[Seen],
) -> LayerProgram {
    let mut ranges: Vec<Grid> = Vec::new();
    let mut range_of = |grid: &Grid| {
        ranges.iter().position(|r| r == grid).unwrap_or_else(|| {
            ranges.push(*grid);
            ranges.len() - 1
        })
    };
    // which of them each set of converters has
    let range_of: Vec<usize> = design.grids.iter().map(&mut range_of).collect();
    let Periphery { mut sigma_lsb, skipping, arithmetic } = periphery;
    let slices: Vec<Slice> = design.slices.iter().map(kernel_slice).collect();
    let driven = stairs.as_ref().and_then(|s| s.driven.as_ref());
    let narrow = narrow_fraction(design, plan, seen, driven);
    let fraction_bits = narrow.unwrap_or_else(|| wide_fraction(seen));
    let digit_bits = if driven.is_some() { Voltages::FRACTION_BITS as i32 } else { 0 };
    let scale = libm::exp2(-f64::from(fraction_bits + digit_bits)) as f32;
    let mut fixed: Vec<Fixed> = plan
        .blocks
        .par_iter()
        .zip(&design.encoded)
        .zip(seen)
        .enumerate()
        .map(|(i, ((block, encoded), seen))| {
            let stairs = stairs.as_ref().map(|s| (&s.lines[..], &s.of[i][..]));
            let sharing = (&*design.sharing, i);
            fix(block, plan, (encoded, sharing), seen, (&ranges, &range_of, stairs), fraction_bits, sigma_lsb)
        })
        .collect();
    let small: Option<Vec<Mat<i16>>> =
        narrow.is_some().then(|| fixed.iter().map(|f| f.cells.map(|v| v as i16)).collect());
    if fixed.iter().any(|f| f.sigma.iter().any(|&s| s > 0.0)) {
        // noise of the bit lines alone makes conversions noisy, too
        sigma_lsb = sigma_lsb.max(f32::MIN_POSITIVE);
    }
    // an engine converts every read; where some are not issued, or voltages take the place of digits, it only sums
    let converts = skipping == Skipping::None && driven.is_none();
    if let Some(stairs) = stairs.as_ref().filter(|_| converts) {
        for f in &mut fixed {
            let padded = f.cells.cols().next_multiple_of(Block::PANEL);
            let of = Staircases::new(Arc::clone(&stairs.tables), f.stairs.clone(), padded);
            f.grids = f.grids.take().map(|grids| grids.with_stairs(of));
        }
    }
    let all = small.as_ref().filter(|_| arithmetic == Arithmetic::Chosen);
    let chosen = all.filter(|_| stairs.is_none() || converts);
    let engine = chosen.and_then(|small| {
        let sources: Vec<BlockSource<'_>> = small
            .iter()
            .zip(&fixed)
            .map(|(cells, fixed)| fixed.source(cells.view(), scale, &slices))
            .collect();
        let digits = design.slices.iter().map(InputSlice::max_abs).max().unwrap_or(0);
        // variances are kept for digits of at most 8 bits
        let quiet = seen.iter().all(|s| s.variance.as_slice().is_empty());
        if quiet || digits <= 255 { Block::choose(&sources, negative(design)) } else { None }
    });
    let climbs = match (&stairs, all, engine) {
        (Some(stairs), Some(small), None) => climbs(design, plan, stairs, &fixed, small, scale),
        _ => None,
    };
    let climbing = climbs.as_ref().map(|(engine, _)| *engine);
    let mut climbs: Vec<Option<Climb>> = match climbs {
        Some((_, climbs)) => climbs.into_iter().map(Some).collect(),
        None => (0..plan.blocks.len()).map(|_| None).collect(),
    };
    let blocks = plan
        .blocks
        .par_iter()
        .zip(&design.encoded)
        .zip(fixed)
        .zip(&mut climbs)
        .enumerate()
        .map(|(i, (((block, encoded), fixed), climb))| {
            let largest_total = largest_total(&fixed, &ranges, stairs.as_ref(), &design.slices);
            let digit = design.slices.iter().map(InputSlice::max_abs).max().unwrap_or(1) as u32;
            let noisy = !fixed.variance.as_slice().is_empty();
            let variance = (noisy && digit <= 255)
                .then(|| Variance::pack(fixed.variance.view(), &fixed.fragments, digit));
            let cells = match (engine, &small, arithmetic) {
                (Some(engine), Some(small), _) => Cells::Engine(Box::new(
                    Block::pack(engine, &fixed.source(small[i].view(), scale, &slices))
                        .unwrap_or_else(|unfit| unreachable!("an engine that was chosen: {unfit:?}")),
                )),
                (None, Some(small), Arithmetic::Sums) => Cells::Sums(
                    fixed
                        .fragments
                        .iter()
                        .map(|f| PackedI16::pack(rows(small[i].view(), f.clone())))
                        .collect(),
                ),
                _ => match climb.take() {
                    Some(climb) => Cells::Climb(Box::new(climb)),
                    None => Cells::Wide { cells: fixed.cells, gains: fixed.gains, variance: fixed.variance },
                },
            };
            BlockProgram {
                block: block.id.0,
                group: block.group,
                first_row: block.rows.start,
                rows: block.rows.len(),
                outputs: block.outputs.clone(),
                fragments: plan.fragments_of(block),
                cells,
                readouts: fixed.readouts,
                worth: fixed.worth,
                sigma: fixed.sigma,
                stairs: fixed.stairs,
                variance,
                input_sum_scale: if encoded.input_sum_scale.iter().all(|&s| s == 0) {
                    Vec::new()
                } else {
                    encoded.input_sum_scale.clone()
                },
                largest_total,
            }
        })
        .collect::<Vec<_>>();
    LayerProgram {
        stacks: stacks(&blocks),
        digits: slices.iter().map(|s| s.digit).collect(),
        slices: design.slices.clone(),
        layout: Layout::new(engine.or(climbing).unwrap_or(Engine::Plain), &plan.fragments),
        skipping,
        blocks,
        ranges,
        fraction_bits: fraction_bits + digit_bits,
        sigma_lsb,
        spread: None,
        stairs,
    }
}

/// The blocks of a layer for staircases, if its sums, digits and totals fit.
fn climbs(
    design: &LayerDesign,
    plan: &LayerPlan,
    stairs: &LayerStairs,
    fixed: &[Fixed],
    small: &[Mat<i16>],
    scale: f32,
) -> Option<(Engine, Vec<Climb>)> {
    let noisy = fixed.iter().any(|f| !f.variance.as_slice().is_empty());
    let digit = design.slices.iter().map(InputSlice::max_abs).max().unwrap_or(0);
    let totals = plan.blocks.iter().zip(fixed).map(|(_, f)| largest_gain(f, &design.slices));
    let most = totals.max().unwrap_or(0).saturating_mul(stairs.largest());
    if (noisy && digit > 255) || most > i64::from(i32::MAX) {
        return None;
    }
    // any slice for all: cells are read one slice at a time, and what a code is worth stands in the gain
    let bits = design.slices.iter().map(|s| s.bits).max().unwrap_or(1);
    let signed = design.slices.iter().any(|s| s.part == Part::Signed);
    let part = if signed || stairs.driven.is_some() { DigitPart::Signed } else { DigitPart::Bits };
    // voltages are digits themselves
    let bits = stairs.driven.as_ref().map_or(bits, |d| i64::BITS - d.largest().leading_zeros());
    let one = [Slice { digit: Digit { part, shift: 0, bits }, gain: 1 }];
    let pieces: Vec<Vec<(Mat<i16>, Range<usize>)>> = fixed
        .iter()
        .zip(small)
        .map(|(fixed, small)| {
            let piece = |f: &Range<usize>| {
                let part = rows(small.view(), f.clone());
                (Mat::from_vec(part.rows(), part.cols(), part.as_slice().to_vec()), 0..f.len())
            };
            fixed.fragments.iter().map(piece).collect()
        })
        .collect();
    let widest = fixed.iter().map(|f| f.cells.cols()).max().unwrap_or(0);
    let ones = vec![1; widest];
    let sources: Vec<Vec<BlockSource<'_>>> =
        pieces.iter().map(|p| p.iter().map(|p| fragment_source(p, &ones, scale, &one)).collect()).collect();
    let negative = if stairs.driven.is_some() { Negative::Possible } else { negative(design) };
    let engine = Block::choose(&sources.concat(), negative)?;
    let climbs = fixed
        .iter()
        .zip(&sources)
        .map(|(fixed, sources)| {
            let sums = sources.iter().map(|s| Block::pack(engine, s)).collect::<Result<_, _>>().ok()?;
            let fragments = fixed.fragments.len();
            let rows: Vec<Range<usize>> = (0..fragments).map(|f| f..f + 1).collect();
            let nothing = Mat::filled(fragments, fixed.cells.cols(), 0);
            let gains = Mat::filled(fragments, fixed.cells.cols(), 1);
            let slices: Vec<Slice> =
                design.slices.iter().map(|s| Slice { gain: 1, ..kernel_slice(s) }).collect();
            let shape = BlockSource {
                cells: nothing.view(),
                fragments: &rows,
                gains: gains.view(),
                grids: None,
                scale: 1.0,
                slices: &slices,
            };
            let shape = Block::pack(Engine::Plain, &shape).ok()?;
            Some(Climb { sums, gains: fixed.gains.clone(), shape })
        })
        .collect::<Option<Vec<Climb>>>()?;
    Some((engine, climbs))
}

/// The sums of one fragment alone.
fn fragment_source<'a>(
    (cells, rows): &'a (Mat<i16>, Range<usize>),
    ones: &'a [i32],
    scale: f32,
    slices: &'a [Slice],
) -> BlockSource<'a> {
    BlockSource {
        cells: cells.view(),
        fragments: std::slice::from_ref(rows),
        gains: MatRef::new(1, cells.cols(), &ones[..cells.cols()]),
        grids: None,
        scale,
        slices,
    }
}

/// The largest magnitude that totals can have; all of 64 bits without converters.
fn largest_total(fixed: &Fixed, ranges: &[Grid], stairs: Option<&LayerStairs>, slices: &[InputSlice]) -> i64 {
    let code = fixed.readouts.iter().map(|r| match stairs {
        Some(stairs) => stairs.largest(),
        None => {
            ranges[r.range].map_or(i64::MAX, |q| i64::from(q.code_max).abs().max(i64::from(q.code_min).abs()))
        }
    });
    code.max().unwrap_or(0).saturating_mul(largest_gain(fixed, slices))
}

/// The largest magnitude that codes are multiplied with, summed over a vector's reads.
fn largest_gain(fixed: &Fixed, slices: &[InputSlice]) -> i64 {
    let gain = fixed.gains.as_slice().iter().map(|g| i64::from(*g).abs()).max().unwrap_or(0);
    let steps: i64 = slices.iter().map(|s| s.gain.abs()).sum();
    (fixed.fragments.len() as i64 * gain).saturating_mul(steps)
}

impl Fixed {
    fn source<'a>(&'a self, cells: MatRef<'a, i16>, scale: f32, slices: &'a [Slice]) -> BlockSource<'a> {
        BlockSource {
            cells,
            fragments: &self.fragments,
            gains: self.gains.view(),
            grids: self.grids.as_ref(),
            scale,
            slices,
        }
    }
}

/// Whether a digit of a layer can be negative.
fn negative(design: &EncodedLayer) -> Negative {
    if design.unsigned || !design.slices.iter().any(InputSlice::can_be_negative) {
        Negative::Never
    } else {
        Negative::Possible
    }
}

fn rows<T: Copy>(m: MatRef<'_, T>, rows: Range<usize>) -> MatRef<'_, T> {
    MatRef::new(rows.len(), m.cols(), &m.as_slice()[rows.start * m.cols()..rows.end * m.cols()])
}

/// Noise of the bit lines of each readout, and the staircase of each column of what converters see.
type ColumnStairs<'a> = (&'a [LineNoise], &'a [u32]);

/// One block in integers, with its readouts laid out as columns.
fn fix(
    block: &Place,
    plan: &LayerPlan,
    (encoded, (sharing, index)): (&Encoded, (&Sharing, usize)),
    seen: &Seen,
    (ranges, range_of, stairs): (&[Grid], &[usize], Option<ColumnStairs<'_>>),
    fraction_bits: i32,
    sigma_lsb: f32,
) -> Fixed {
    let fragments: Vec<Range<usize>> = plan.fragments[plan.fragments_of(block)]
        .iter()
        .map(|f| f.start - block.rows.start..f.end - block.rows.start)
        .collect();
    let n = block.outputs.len();
    let mut readouts = Vec::with_capacity(encoded.readouts.len());
    // which column of what the converters see each program column is, and in which fragment
    let mut sources: Vec<(usize, Option<usize>)> = Vec::new();
    let mut source = 0;
    for (r, readout) in encoded.readouts.iter().enumerate() {
        let width = width(encoded, readout, n);
        let first = sources.len();
        let mut shared_gain = None;
        if width == n {
            sources.extend((source..source + n).map(|c| (c, None)));
        } else if let Gain::PerFragment(gains) = &readout.gain {
            sources.extend((0..fragments.len()).map(|f| (source, Some(f))));
            shared_gain = Some(gains.clone());
        } else {
            sources.push((source, None));
            shared_gain = Some(Mat::from_fn(1, n, |_, c| readout.gain.at(0, c)));
        }
        let runs = sharing.runs(index, source..source + width);
        match shared_gain {
            // one bit line, hence one set
            Some(_) => {
                let (set, columns) = (runs[0].0, first..sources.len());
                let range = range_of[set];
                readouts.push(ReadoutProgram {
                    columns,
                    first_output: 0,
                    readout: r,
                    set,
                    range,
                    shared_gain,
                });
            }
            None => readouts.extend(runs.into_iter().map(|(set, run)| {
                let first_output = run.start - source;
                let columns = first + first_output..first + run.end - source;
                let range = range_of[set];
                ReadoutProgram { columns, first_output, readout: r, set, range, shared_gain: None }
            })),
        }
        source += width;
    }
    let columns = sources.len();
    let padded = columns.next_multiple_of(Block::PANEL);
    let column_grids: Vec<Grid> =
        readouts.iter().flat_map(|r| r.columns.clone().map(|_| ranges[r.range])).collect();
    let grids = column_grids
        .iter()
        .all(Option::is_some)
        .then(|| Grids::new(column_grids.iter().copied().flatten(), padded));
    // a quiet converter has no sigma; read noise alone still wants one a column
    let mut sigma: Vec<f32> = column_grids.iter().map(|g| g.map_or(0.0, |g| sigma_lsb * g.step)).collect();
    if let Some((lines, _)) = stairs {
        for readout in &readouts {
            let line = &lines[readout.readout];
            for sigma in &mut sigma[readout.columns.clone()] {
                *sigma = ((f64::from(*sigma).powi(2) + line.sigma * line.sigma).sqrt() / line.slope) as f32;
            }
        }
    }
    sigma.resize(padded, 0.0);
    let stairs = stairs.map_or_else(Vec::new, |(_, of)| sources.iter().map(|&(c, _)| of[c]).collect());
    let whole = Mat::from_fn(fragments.len(), columns, |local, at| {
        let readout = readouts
            .iter()
            .find(|r| r.columns.contains(&at))
            .unwrap_or_else(|| unreachable!("every column belongs to a readout"));
        let output = readout.first_output + at - readout.columns.start;
        if readout.shared_gain.is_some() {
            1
        } else {
            gain(&encoded.readouts[readout.readout].gain, local, output)
        }
    });
    let worth: Vec<i32> = (0..columns)
        .map(|c| {
            let first = whole[(0, c)].abs();
            if first > 0 && (0..fragments.len()).all(|f| whole[(f, c)].abs() == first) { first } else { 1 }
        })
        .collect();
    let gains = Mat::from_fn(fragments.len(), columns, |f, c| whole[(f, c)] / worth[c]);
    let local: Vec<Option<usize>> =
        (0..block.rows.len()).map(|row| fragments.iter().position(|f| f.contains(&row))).collect();
    let pick = |m: &Mat<f64>| {
        Mat::from_fn(m.rows(), columns, |row, at| {
            let (column, only) = sources[at];
            if only.is_none() || only == local[row] { m[(row, column)] } else { 0.0 }
        })
    };
    let scale = libm::exp2(f64::from(fraction_bits));
    let variance = if seen.variance.as_slice().is_empty() { Mat::default() } else { pick(&seen.variance) };
    let cells = pick(&seen.levels).map(|v| (v * scale).round() as i32);
    Fixed { cells, variance, readouts, grids, gains, worth, sigma, stairs, fragments }
}

fn gain(gain: &Gain, fragment: usize, column: usize) -> i32 {
    // weights have at most 16 bits, so gains stay below 2^16
    i32::try_from(gain.at(fragment, column)).expect("a gain of a weight of at most 16 bits")
}

/// The largest magnitude among the effective levels.
fn largest(seen: &[Seen]) -> f64 {
    seen.iter().flat_map(|s| s.levels.as_slice()).fold(0.0, |a: f64, v| a.max(v.abs()))
}

/// The largest sum of the magnitudes of one column over `step` neighbouring rows of a fragment (all of
/// them for `None`).
fn largest_sum(plan: &LayerPlan, seen: &[Seen], step: Option<usize>) -> f64 {
    let mut most = 0f64;
    for (block, seen) in plan.blocks.iter().zip(seen) {
        for f in &plan.fragments[plan.fragments_of(block)] {
            for first in f.clone().step_by(step.unwrap_or(f.len()).max(1)) {
                let mut sums = vec![0f64; seen.levels.cols()];
                for row in first..(first + step.unwrap_or(f.len())).min(f.end) {
                    for (sum, v) in sums.iter_mut().zip(seen.levels.row(row - block.rows.start)) {
                        *sum += v.abs();
                    }
                }
                most = sums.into_iter().fold(most, f64::max);
            }
        }
    }
    most
}

/// Fraction bits for 16-bit cells and 32-bit sums, if they leave 11 bits for the largest level (the error
/// is then at most 2^-12 of it); none for whole levels.
///
/// One-bit digits leave room for four rows in 16 bits ([`Engine::Table16`]), others for one.
fn narrow_fraction(
    design: &LayerDesign,
    plan: &LayerPlan,
    seen: &[Seen],
    driven: Option<&Voltages>,
) -> Option<i32> {
    let digit = design.slices.iter().map(|s| i64::from(s.max_abs())).max().unwrap_or(1);
    let digit = driven.map_or(digit, Voltages::largest);
    if design.slices.iter().any(|s| s.bits > 15) {
        return None;
    }
    let largest = largest(seen);
    if seen.iter().flat_map(|s| s.levels.as_slice()).all(|v| v.fract() == 0.0) {
        let fits =
            largest <= 32_767.0 && largest_sum(plan, seen, None) * digit as f64 <= f64::from(i32::MAX / 2);
        return fits.then_some(0);
    }
    let by_cell = if digit == 1 { 32_760.0 / largest_sum(plan, seen, Some(4)) } else { 32_767.0 / largest };
    // half a unit of rounding a row stays far below the other half of the range
    let by_sum = f64::from(i32::MAX / 2) / (largest_sum(plan, seen, None) * digit as f64);
    // without converters whole sums are weighed and added up, in 32 bits too
    let by_total = if design.is_converted() {
        by_sum
    } else {
        let gains: f64 = design.slices.iter().map(|s| s.gain.abs() as f64).sum();
        let fragments = plan.blocks.iter().map(|b| plan.fragments_of(b).len()).max().unwrap_or(1);
        by_sum / (gains * fragments as f64)
    };
    let fraction = libm::log2(by_cell.min(by_total)).floor().min(14.0);
    (largest * libm::exp2(fraction) >= 2047.0).then_some(fraction as i32)
}

/// Fraction bits for 32-bit cells: 24 bits for the largest level.
fn wide_fraction(seen: &[Seen]) -> i32 {
    let largest = largest(seen);
    if largest == 0.0 { 0 } else { (libm::log2(f64::from(1 << 24) / largest).floor() as i32).clamp(0, 16) }
}

/// The layer as exact integer products: one block a group, inputs in one slice of up to 15 bits or in
/// slices of 8, all rows in one fragment.
pub(crate) fn exact_program(layer: &QuantizedMvm) -> LayerProgram {
    let bits = layer.input_bits;
    let slices: Vec<InputSlice> = if bits <= 15 {
        vec![InputSlice { part: Part::Signed, shift: 0, bits, gain: 1 }]
    } else {
        (0..bits)
            .step_by(8)
            .map(|shift| InputSlice {
                part: Part::Signed,
                shift,
                bits: 8.min(bits - shift),
                gain: 1 << shift,
            })
            .collect()
    };
    let k = layer.weights[0].rows();
    let kernel: Vec<Slice> = slices.iter().map(kernel_slice).collect();
    let negative = if layer.input_signed { Negative::Possible } else { Negative::Never };
    let small: Vec<Mat<i16>> = layer.weights.iter().map(|w| w.map(|v| v as i16)).collect();
    let whole = 0..k;
    let ones = Mat::filled(1, layer.weights[0].cols(), 1);
    let sources: Vec<BlockSource<'_>> = small
        .iter()
        .map(|cells| BlockSource {
            cells: cells.view(),
            fragments: std::slice::from_ref(&whole),
            gains: ones.view(),
            grids: None,
            scale: 1.0,
            slices: &kernel,
        })
        .collect();
    let engine = Block::choose(&sources, negative);
    let blocks = sources
        .iter()
        .zip(&layer.weights)
        .enumerate()
        .map(|(group, (source, weights))| BlockProgram {
            block: 0,
            group,
            first_row: 0,
            rows: k,
            outputs: 0..weights.cols(),
            fragments: 0..1,
            cells: match engine.and_then(|engine| Block::pack(engine, source).ok()) {
                Some(block) => Cells::Engine(Box::new(block)),
                None => Cells::Wide { cells: weights.clone(), gains: ones.clone(), variance: Mat::default() },
            },
            readouts: vec![ReadoutProgram {
                columns: 0..weights.cols(),
                first_output: 0,
                readout: 0,
                set: 0,
                range: 0,
                shared_gain: None,
            }],
            worth: vec![1; weights.cols()],
            sigma: Vec::new(),
            stairs: Vec::new(),
            variance: None,
            input_sum_scale: Vec::new(),
            largest_total: i64::MAX,
        })
        .collect::<Vec<_>>();
    LayerProgram {
        stacks: stacks(&blocks),
        digits: kernel.iter().map(|s| s.digit).collect(),
        slices,
        layout: Layout::new(engine.unwrap_or(Engine::Plain), std::slice::from_ref(&whole)),
        skipping: Skipping::None,
        blocks,
        ranges: vec![None],
        fraction_bits: 0,
        sigma_lsb: 0.0,
        spread: None,
        stairs: None,
    }
}
