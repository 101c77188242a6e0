//! Converters that are not uniform: one staircase for each physical converter and grid, beside the engines.
//!
//! With AVX-512 the engines whose lanes are reads convert by staircases themselves. Elsewhere, and where not every read
//! is issued or voltages take the place of digits, sums come from an engine, one slice and fragment at a time and
//! without converters; deviations are those that engines draw (same addresses, same bits); the staircase of the
//! column's converter then says what a level is taken for. Columns of a crossbar take turns at its converters: bit line `c` goes to converter
//! `c · adcs / cols`, and all that go to one share its errors.

use crate::design::{Design, LayerDesign};
use crate::effective::width;
use crate::program::{BlockProgram, Cells, LayerProgram};
use crate::read::{Answer, weigh};
use crate::wires::bit_lines;
use ohmic_hardware::Hardware;
use ohmic_hardware::adc::transfer::{
    BitLine, Calibrated, Curve, Instance, Transfer, nominal_decisions, transfers,
};
use ohmic_mapping::{Block as Place, LayerPlan};
use ohmic_numerics::kernel::engine::{
    Block, Deviates, Deviations, DigitRows, Read, Start, TotalOrder, Totals, Workspace, read_index, reads,
};
use ohmic_numerics::kernel::{ColumnReads, Stairs, Strided, convert_column};
use ohmic_numerics::{Mat, Noise, Site, Uniform};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;

/// The staircases of a layer.
#[derive(Clone, Debug)]
pub(crate) struct LayerStairs {
    /// Those of the converters that its columns go to.
    pub(crate) tables: Arc<[Stairs]>,
    /// Which of them each column of what converters see goes to, by block.
    pub(crate) of: Vec<Vec<u32>>,
    /// Bits of a value behind the binary point.
    pub(crate) fraction_bits: u32,
    /// What a bit line adds to the noise of a conversion, in levels, by readout; and what all deviations are
    /// divided by, because a curve flattens what lies behind it.
    pub(crate) lines: Vec<LineNoise>,
    /// What digits drive, if their voltages are not equally spaced.
    pub(crate) driven: Option<Voltages>,
}

/// The voltages of digits, in `2^-FRACTION_BITS` of a digit's step.
#[derive(Clone, Debug)]
pub(crate) struct Voltages(Vec<i16>);

impl Voltages {
    /// Right to 1/128 of a step, and narrow enough to leave the cells their bits.
    pub(crate) const FRACTION_BITS: u32 = 6;

    pub(crate) fn new(levels: &[f64]) -> Self {
        let scale = f64::from(1 << Self::FRACTION_BITS);
        // 8 bits and a bow of 64 steps are 319 steps
        Self(levels.iter().map(|v| (v * scale).round_ties_even().clamp(-32_767.0, 32_767.0) as i16).collect())
    }

    /// What a digit drives; a negative one the other way.
    pub(crate) fn of(&self, digit: i32) -> i32 {
        i32::from(self.0[digit.unsigned_abs() as usize]) * digit.signum()
    }

    /// The largest magnitude.
    pub(crate) fn largest(&self) -> i64 {
        self.0.iter().map(|v| i64::from(*v).abs()).max().unwrap_or(0)
    }
}

/// What a bit line does to the noise of one readout.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LineNoise {
    /// Standard deviation of its own, in levels as the converter sees them.
    pub(crate) sigma: f64,
    /// What the converter sees of a full read, as a fraction of it.
    pub(crate) slope: f64,
}

impl LayerStairs {
    /// The largest magnitude of a value.
    pub(crate) fn largest(&self) -> i64 {
        self.tables.iter().map(Stairs::largest).max().unwrap_or(0)
    }
}

/// Block, its staircases, and which of them each of its columns goes to.
type OfBlock = (usize, Vec<Stairs>, Vec<u32>);

/// One block for this way of reading.
#[derive(Clone, Debug)]
pub(crate) struct Climb {
    /// Sums of each fragment.
    pub(crate) sums: Vec<Block>,
    /// Digital gain of a column's code in each fragment: fragments × columns.
    pub(crate) gains: Mat<i32>,
    /// Fragments, slices and columns of the whole, for its deviates.
    pub(crate) shape: Block,
}

/// The staircases of a layer's converters; `None` if they are uniform and see the sums as they are. Draws by address
/// from `noise`, the chip instance's.
pub(crate) fn layer_stairs(
    design: &Design<'_>,
    layer: &LayerDesign,
    plan: &LayerPlan,
    noise: &Noise,
) -> Option<LayerStairs> {
    let hardware = design.hardware;
    let (imperfection, line) = (hardware.adc().imperfection(), hardware.bit_line());
    let driven = hardware.dac().drive_levels().map(|d| Voltages::new(&d.levels(noise)));
    if imperfection.is_none() && line.is_none() && driven.is_none() {
        return None;
    }
    let fraction_bits = imperfection.map_or(0, |i| i.fraction_bits());
    let mut crossbars: Vec<u32> = plan.blocks.iter().map(|b| b.crossbar).collect();
    crossbars.sort_unstable();
    crossbars.dedup();
    // blocks that share a crossbar share its converters, so crossbars are worked out one by one
    let made: Vec<Vec<OfBlock>> = crossbars
        .par_iter()
        .map(|&crossbar| {
            let adcs = hardware.crossbar().adcs as u32;
            let decisions: Vec<Vec<f64>> = match imperfection {
                Some(i) => (0..adcs).map(|index| i.decisions(Instance { noise, crossbar, index })).collect(),
                None => vec![nominal_decisions(hardware.adc().bits()); adcs as usize],
            };
            let here = plan.blocks.iter().enumerate().filter(|(_, b)| b.crossbar == crossbar);
            here.map(|(i, block)| {
                let (tables, of) = block_stairs(hardware, layer, (i, block), &decisions, fraction_bits);
                (i, tables, of)
            })
            .collect()
        })
        .collect();
    let lines = layer.full_reads.iter().map(|&full| line_noise(line, full)).collect();
    let (mut all, mut of_block) = (Vec::new(), vec![Vec::new(); plan.blocks.len()]);
    for (block, tables, of) in made.into_iter().flatten() {
        let first = all.len() as u32;
        all.extend(tables);
        of_block[block] = of.into_iter().map(|i| first + i).collect();
    }
    Some(LayerStairs { tables: all.into(), of: of_block, fraction_bits, lines, driven })
}

fn line_noise(line: Option<&dyn BitLine>, full: f64) -> LineNoise {
    match line {
        None => LineNoise { sigma: 0.0, slope: 1.0 },
        Some(line) => LineNoise {
            sigma: line.sigma_levels(full),
            slope: ((line.seen(full, full) - line.seen(0.0, full)) / full).max(f64::MIN_POSITIVE),
        },
    }
}

/// The staircases that one block needs, and which of them each column of what its converters see goes to.
fn block_stairs(
    hardware: &Hardware,
    layer: &LayerDesign,
    (i, block): (usize, &Place),
    decisions: &[Vec<f64>],
    fraction_bits: u32,
) -> (Vec<Stairs>, Vec<u32>) {
    let crossbar = hardware.crossbar();
    let calibrated = hardware.adc().imperfection().map_or(Calibrated::No, |i| i.calibrated());
    let encoded = &layer.encoded[i];
    let outputs = block.outputs.len();
    let places = bit_lines(encoded, outputs);
    let mut tables: Vec<Stairs> = Vec::new();
    let mut known: Vec<(usize, usize)> = Vec::new();
    let mut transfers_of: Vec<(Uniform, f64, Vec<Transfer>)> = Vec::new();
    let mut of = Vec::new();
    let mut grids = layer.column_grids(i);
    for (readout, &full) in encoded.readouts.iter().zip(&layer.full_reads) {
        let (first, stride) = places[readout.terms[0].0];
        for c in 0..width(encoded, readout, outputs) {
            let grid = grids.next().flatten();
            let grid = grid.unwrap_or_else(|| unreachable!("converters that decide have a grid"));
            let same =
                |(g, f, _): &(Uniform, f64, Vec<Transfer>)| *g == grid && f.to_bits() == full.to_bits();
            let at = transfers_of.iter().position(same).unwrap_or_else(|| {
                let curve = hardware.bit_line().map(|line| Curve { line, step: f64::from(grid.step), full });
                let made = transfers(decisions, grid.code_min, curve, calibrated, fraction_bits);
                transfers_of.push((grid, full, made));
                transfers_of.len() - 1
            });
            let line = block.first_col + first + c * stride;
            let converter = line * crossbar.adcs / crossbar.cols;
            let index = known.iter().position(|&k| k == (at, converter)).unwrap_or_else(|| {
                known.push((at, converter));
                tables.push(stairs(&transfers_of[at].2[converter], grid));
                tables.len() - 1
            });
            of.push(index as u32);
        }
    }
    (tables, of)
}

/// A transfer in levels.
fn stairs(transfer: &Transfer, grid: Uniform) -> Stairs {
    let step = f64::from(grid.step);
    let levels: Vec<f32> = transfer.thresholds.iter().map(|t| (t * step) as f32).collect();
    // the outermost codes are as wide as nominal ones: what lies beyond them is clipped
    let finite = || transfer.thresholds.iter().filter(|t| t.is_finite());
    let bound = |t: Option<&f64>, off: f64, none: f32| t.map_or(none, |t| ((t + off) * step) as f32);
    let low = bound(finite().next(), -1.0, f32::NEG_INFINITY);
    let high = bound(finite().next_back(), 1.0, f32::INFINITY);
    Stairs::new(&levels, &transfer.values, (low, high))
}

/// Buffers of a thread.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    deviations: Deviations,
    totals: Vec<i32>,
}

/// A tile of vectors.
#[derive(Clone, Copy)]
pub(crate) struct Tile<'a> {
    /// How many.
    pub(crate) vectors: usize,
    /// Their digits, slice by slice.
    pub(crate) digits: &'a [DigitRows<'a>],
    /// Squares of all of them, where reads are noisy.
    pub(crate) squares: &'a [i16],
    pub(crate) first_draw: u32,
    pub(crate) noise: Option<(&'a Noise, u32)>,
    /// Slices issued, block after block, vectors × fragments; `None`: all.
    pub(crate) issued: Option<&'a [u64]>,
}

/// Adds the answer of blocks above each other; returns how many conversions clipped.
///
/// # Panics
/// The blocks hold [`Cells::Climb`].
pub(crate) fn read_stack(
    program: &LayerProgram,
    stack: &[usize],
    tile: Tile<'_>,
    worth: &[f64],
    (workspace, buffers): (&mut Workspace, &mut Buffers),
    answer: &mut Answer<'_>,
) -> u64 {
    let bottom = &program.blocks[stack[0]];
    let mut clips = 0;
    for group in 0..bottom.padded_columns().div_ceil(4 * Block::PANEL) {
        let columns = 4 * Block::PANEL * group..(4 * Block::PANEL * (group + 1)).min(bottom.columns());
        buffers.totals.clear();
        buffers.totals.resize(columns.len() * tile.vectors, 0);
        let mut issued = tile.issued;
        for block in program.stacked(stack) {
            let own = issued.map(|all| all.split_at(block.fragments.len() * tile.vectors));
            issued = own.map(|(_, rest)| rest);
            let own = own.map(|(own, _)| own);
            clips += read_block(program, block, tile, own, (group, columns.clone()), workspace, buffers);
        }
        let totals = Totals {
            columns: columns.clone(),
            vectors: tile.vectors,
            values: &buffers.totals,
            order: TotalOrder::ByColumn(tile.vectors),
        };
        weigh(program, bottom, &totals, worth, answer);
    }
    clips
}

/// Adds the codes of one block and group of columns to the totals.
fn read_block(
    program: &LayerProgram,
    block: &BlockProgram,
    tile: Tile<'_>,
    issued: Option<&[u64]>,
    (group, columns): (usize, Range<usize>),
    workspace: &mut Workspace,
    buffers: &mut Buffers,
) -> u64 {
    let Cells::Climb(climb) = &block.cells else { unreachable!("a block that is read by staircases") };
    let Some(stairs) = &program.stairs else { unreachable!("a program with staircases") };
    let (slices, fragments) = (program.slices.len(), block.fragments.len());
    let Buffers { deviations, totals } = buffers;
    let is_noisy = program.sigma_lsb > 0.0 || block.variance.is_some();
    let noise = tile.noise.filter(|_| is_noisy);
    if let Some((source, layer)) = noise {
        let deviates = Deviates {
            noise: source,
            site: Site { layer, block: block.block },
            first_draw: tile.first_draw,
            sigma: &block.sigma,
            variance: block.variance.as_ref(),
            issued: None,
        };
        let offsets = &program.layout.offsets[block.fragments.clone()];
        deviates.group(
            &climb.shape,
            (&program.layout, offsets),
            tile.squares,
            (group, tile.vectors),
            deviations,
        );
    }
    let each = (block.padded_columns() - columns.start).min(4 * Block::PANEL);
    let a_vector = reads(slices, fragments) * each;
    let mut clips = 0;
    for (s, (slice, &digits)) in program.slices.iter().zip(tile.digits).enumerate() {
        for (local, sums) in climb.sums.iter().enumerate() {
            let fragment = block.fragments.start + local;
            let layout = &program.layout;
            sums.read(
                Read { layout, fragment, digits, deviates: None, group, start: Start::Fresh },
                workspace,
            );
            let of = workspace.totals();
            let (stride, apart) = match of.order {
                TotalOrder::ByVector(stride) => (stride, 1),
                TotalOrder::ByColumn(apart) => (1, apart),
            };
            for (i, c) in columns.clone().enumerate() {
                let first = read_index(slices, local, s) * each + i;
                let reads = ColumnReads {
                    sums: Strided { values: &of.values[i * apart..], stride },
                    scale: program.scale(),
                    deviations: noise
                        .map(|_| Strided { values: &deviations.values[first..], stride: a_vector }),
                    issued: issued.map(|issued| (Strided { values: &issued[local..], stride: fragments }, s)),
                    gain: (i64::from(climb.gains[(local, c)]) * slice.gain) as i32,
                };
                let totals = &mut totals[i * tile.vectors..(i + 1) * tile.vectors];
                clips += convert_column(&stairs.tables[block.stairs[c] as usize], reads, totals);
            }
        }
    }
    clips
}
