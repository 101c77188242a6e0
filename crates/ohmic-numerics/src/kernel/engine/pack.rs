//! A block packed for an engine.

use super::lookup::{Lanes, Lookup};
use super::staircase::Clips;
use super::{Aligned, Engine};
use crate::MatRef;
use crate::kernel::{Digit, DigitPart, Grids, Level, level};
use std::ops::Range;

/// One step of driving an input: its digit, and what a code of it is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// Which bits of the input.
    pub digit: Digit,
    /// A power of two, or its negative.
    pub gain: i64,
}

/// A block as it is specified, for any engine.
#[derive(Clone, Copy, Debug)]
pub struct BlockSource<'a> {
    /// Effective levels in units of `1 / scale^-1`: rows × columns.
    pub cells: MatRef<'a, i16>,
    /// Rows of each fragment, within the block.
    pub fragments: &'a [Range<usize>],
    /// Digital gain of a column's code in each fragment: fragments × columns; 0: not converted.
    pub gains: MatRef<'a, i32>,
    /// Converter of every column (columns rounded up to [`Block::PANEL`]); `None`: sums are passed on.
    pub grids: Option<&'a Grids>,
    /// Levels per unit of the cells: a power of two.
    pub scale: f32,
    /// Steps of driving an input.
    pub slices: &'a [Slice],
}

/// Why an engine cannot take a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Sums, codes or totals may leave their integers; or levels are no powers of two of them.
    Range,
    /// It has no columns, rows or slices.
    Empty,
    /// Digits of more than one bit, or of more than eight.
    Digits,
    /// Cells are not whole, or too large.
    Cells,
    /// Converters are not uniform: only engines for AVX-512 whose lanes are reads have staircases.
    Stairs,
}

/// A block packed for an engine.
#[derive(Clone, Debug)]
pub struct Block {
    pub(super) engine: Engine,
    /// Rows of each fragment.
    pub(super) rows: Vec<usize>,
    /// Columns, and the same rounded up to panels.
    pub(super) columns: usize,
    pub(super) width: usize,
    /// Fragments × width.
    pub(super) gains: Aligned<i32>,
    /// The lower 16 bits of the same.
    pub(super) halves: Aligned<i32>,
    pub(super) grids: Option<Grids>,
    /// `1 / step` times `scale`.
    pub(super) factors: Aligned<f32>,
    pub(super) scale: f32,
    pub(super) slices: Vec<Slice>,
    pub(super) cells: Packed,
    /// Whether a sum without noise can clip, column by column.
    pub(super) clips: Vec<Clips>,
    /// What it was packed for.
    pub(super) level: Level,
}

/// Cells in the order an engine reads them.
#[derive(Clone, Debug)]
pub(super) enum Packed {
    /// `[fragment][row][width]`, rows rounded up to even.
    Rows(Aligned<i16>),
    /// `[fragment][panel][pair of rows][16][2]`
    Pairs(Aligned<i16>),
    /// `[fragment][panel][four rows][16][4]`, less `bias`; `Σx · bias` is added to a sum.
    Quads { cells: Aligned<i8>, bias: i32 },
    /// Columns by themselves.
    Lookup(Box<Lookup>),
    /// The same.
    Turned(Turned),
    /// `[fragment][panel][plane][word of 32 rows][16]`, less `bias`.
    Planes { cells: Aligned<u32>, planes: usize, bias: i32 },
}

/// `[column][step]`: four bytes less `bias`, or two words, of neighbouring rows; zeros behind a fragment.
#[derive(Clone, Debug)]
pub(super) struct Turned {
    pub(super) cells: Aligned<i32>,
    /// Rows of a step.
    pub(super) together: usize,
    /// Steps of a column.
    pub(super) steps: usize,
    /// `Σx · bias` is added to a sum.
    pub(super) bias: i32,
}

impl Turned {
    fn of(engine: Engine, source: &BlockSource<'_>, bias: i32) -> Self {
        let together = engine.alignment();
        let steps = source.fragments.iter().map(|f| f.len().div_ceil(together)).sum();
        let mut cells = Aligned::zeros(source.cells.cols() * steps);
        for c in 0..source.cells.cols() {
            let mut first = 0;
            for f in source.fragments {
                for (i, row) in f.clone().enumerate() {
                    let g = i32::from(source.cells[(row, c)]) - bias;
                    let (bits, mask) = if together == 4 { (8, 0xff) } else { (16, 0xffff) };
                    cells[c * steps + first + i / together] |= (g & mask) << (bits * (i % together));
                }
                first += f.len().div_ceil(together);
            }
        }
        Self { cells, together, steps, bias }
    }
}

impl Block {
    /// Columns of a panel: what a register of 32-bit sums holds.
    pub const PANEL: usize = 16;

    /// The engine it is packed for.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// Columns rounded up to panels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The engine with the least cost a multiply-add (`cost` below) among those that take all of `sources`, or that of
    /// [`super::force_engine`] if it does.
    pub fn choose(sources: &[BlockSource<'_>], negative: Negative) -> Option<Engine> {
        let takes = |e: Engine| {
            (e != Engine::Dot8 || negative == Negative::Never) && sources.iter().all(|s| fits(e, s).is_ok())
        };
        if let Some(forced) = super::forced().filter(|&e| takes(e)) {
            return Some(forced);
        }
        let all = |e: Engine| sources.iter().map(|s| cost(level(), e, s)).sum::<f64>();
        Engine::ALL
            .into_iter()
            .filter(|&e| e != Engine::Plain && takes(e))
            .min_by(|&a, &b| all(a).total_cmp(&all(b)))
    }

    /// Whether a sum without noise can clip in any of some columns.
    pub(super) fn clips_in(&self, columns: Range<usize>) -> Clips {
        if self.clips[columns].contains(&Clips::Possible) { Clips::Possible } else { Clips::Never }
    }

    /// Packs a block for an engine.
    ///
    /// # Errors
    /// The engine cannot take it.
    ///
    /// # Panics
    /// Shapes as documented at [`BlockSource`].
    pub fn pack(engine: Engine, source: &BlockSource<'_>) -> Result<Self, Unfit> {
        Self::pack_at(level(), engine, source)
    }

    pub(super) fn pack_at(level: Level, engine: Engine, source: &BlockSource<'_>) -> Result<Self, Unfit> {
        fits(engine, source)?;
        let columns = source.cells.cols();
        let width = columns.next_multiple_of(Self::PANEL);
        assert_eq!((source.gains.rows(), source.gains.cols()), (source.fragments.len(), columns), "gains");
        let mut gains = Aligned::zeros(source.fragments.len() * width);
        for f in 0..source.fragments.len() {
            gains[f * width..][..columns].copy_from_slice(source.gains.row(f));
        }
        let factors = match source.grids {
            Some(grids) => {
                assert_eq!(grids.len(), width, "one grid a column");
                grids.inverse.iter().map(|i| i * source.scale).collect()
            }
            None => Aligned::default(),
        };
        Ok(Self {
            engine,
            halves: gains.iter().map(|g| g & 0xffff).collect(),
            rows: source.fragments.iter().map(ExactSizeIterator::len).collect(),
            columns,
            width,
            gains,
            grids: source.grids.cloned(),
            factors,
            scale: source.scale,
            slices: source.slices.to_vec(),
            cells: packed(level, engine, source, width),
            clips: clips(source),
            level,
        })
    }
}

/// What the multiply-adds of a block cost, in units of a look-up of bytes with AVX-512: rates of
/// `cargo bench -p ohmic-numerics --bench engines` and of `ohmic bench --case isaac` with `OHMIC_KERNEL` and
/// `OHMIC_ENGINE` on an Ice Lake server (2026-11-21). For NEON nothing has been measured; its dot products are
/// taken to be twice as quick as the portable ones.
fn cost(level: Level, engine: Engine, source: &BlockSource<'_>) -> f64 {
    let (low, high) = extremes(source.cells);
    let planes = f64::from(32 - ((high - low) as u32).leading_zeros()).max(1.0);
    let slices = source.slices.len();
    // lanes of look-ups are whole fours of slices
    let padding = Lanes::slices_of(slices) as f64 / slices as f64;
    let each = match (level, engine) {
        (_, Engine::Plain) => f64::INFINITY,
        (Level::Avx512, Engine::Table8) => padding,
        (Level::Avx512, Engine::Table16) => 2.4 * padding,
        (Level::Avx512, Engine::Bits) => 1.15 * planes,
        (Level::Avx512, Engine::Dot8) => 2.2,
        (Level::Avx512, Engine::Dot16) => 4.3,
        (_, Engine::Bits) => 15.0 * planes,
        (_, Engine::Table8 | Engine::Table16) => 85.0,
        (Level::Neon, Engine::Dot8) => 60.0,
        (Level::Neon, Engine::Dot16) => 110.0,
        (_, Engine::Dot8) => 120.0,
        (_, Engine::Dot16) => 220.0,
    };
    each * (source.cells.rows() * source.cells.cols() * slices) as f64
}

/// Whether digits can be negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Negative {
    /// None is.
    Never,
    /// Some may be.
    Possible,
}

/// Whether an engine can take a block.
pub(super) fn fits(engine: Engine, source: &BlockSource<'_>) -> Result<(), Unfit> {
    in_range(source)?;
    if source.grids.is_some_and(|g| g.stairs.is_some())
        && (level() != Level::Avx512 || matches!(engine, Engine::Plain | Engine::Bits))
    {
        return Err(Unfit::Stairs);
    }
    let one_bit = source.slices.iter().all(|s| s.digit.bits == 1 && s.digit.part != DigitPart::Signed);
    let (low, high) = extremes(source.cells);
    match engine {
        Engine::Plain | Engine::Dot16 => Ok(()),
        Engine::Dot8 => {
            if source.slices.iter().any(|s| s.digit.bits > 8) {
                return Err(Unfit::Digits);
            }
            if high - low <= 255 { Ok(()) } else { Err(Unfit::Cells) }
        }
        Engine::Table16 | Engine::Table8 | Engine::Bits if !one_bit => Err(Unfit::Digits),
        Engine::Table16 | Engine::Table8 if Lanes::of(source.slices).is_none() => Err(Unfit::Digits),
        // sums of four rows in 16 bits
        Engine::Table16 if largest_entry(source, 4) > 32_767 => Err(Unfit::Cells),
        // sums of six in 8, and sums of words of two reads in 16
        Engine::Table8 if low < 0 || largest_entry(source, 6) > 255 || largest_sum(source) > 65_535 => {
            Err(Unfit::Cells)
        }
        Engine::Table16 | Engine::Table8 => Ok(()),
        Engine::Bits => {
            if high - low <= 255 {
                Ok(())
            } else {
                Err(Unfit::Cells)
            }
        }
    }
}

/// For each column whether a sum of digits can round to a code beyond the last.
fn clips(source: &BlockSource<'_>) -> Vec<Clips> {
    let mut clips = vec![Clips::Never; source.cells.cols()];
    let Some(grids) = source.grids else { return clips };
    let digit = source.slices.iter().map(|s| (1i64 << s.digit.bits) - 1).max().unwrap_or(1);
    let signed = source.slices.iter().any(|s| s.digit.part == DigitPart::Signed);
    for rows in source.fragments {
        for (c, (low, high)) in column_extremes(source, rows.clone()).into_iter().enumerate() {
            let (low, high) = if signed { (low.min(-high), high.max(-low)) } else { (low, high) };
            let factor = grids.inverse[c] * source.scale;
            let within = (low * digit) as f32 * factor >= grids.floor[c]
                && (high * digit) as f32 * factor <= grids.ceiling[c];
            if !within || grids.stairs.is_some() {
                clips[c] = Clips::Possible;
            }
        }
    }
    clips
}

/// Whether sums, codes and totals stay within their integers, whatever the inputs.
fn in_range(source: &BlockSource<'_>) -> Result<(), Unfit> {
    let digit = source.slices.iter().map(|s| (1i64 << s.digit.bits) - 1).max().unwrap_or(0);
    if source.fragments.is_empty()
        || source.fragments.iter().any(|rows| rows.is_empty())
        || source.cells.cols() == 0
        || source.slices.is_empty()
    {
        return Err(Unfit::Empty);
    }
    let sane = |v: &f32| *v > 0.0 && v.is_finite();
    if !sane(&source.scale)
        || source.scale.log2().fract() != 0.0
        || source.grids.is_some_and(|g| !g.inverse.iter().all(sane))
    {
        return Err(Unfit::Range);
    }
    if source.slices.iter().any(|s| s.digit.bits > 15 || !s.gain.unsigned_abs().is_power_of_two()) {
        return Err(Unfit::Digits);
    }
    let largest_sum = largest_sum(source);
    // half of what 32 bits hold; what is taken off and added again (bias) may go round, which changes nothing
    if largest_sum * digit > i64::from(i32::MAX / 2) {
        return Err(Unfit::Range);
    }
    let gains = source.slices.iter().fold(0i64, |sum, s| sum.saturating_add(s.gain.saturating_abs()));
    let largest_gain = (0..source.gains.rows())
        .flat_map(|f| source.gains.row(f))
        .map(|g| i64::from(*g).abs())
        .max()
        .unwrap_or(0);
    let code = match source.grids {
        None => largest_sum * digit,
        Some(grids) => {
            let code = match &grids.stairs {
                Some(stairs) => stairs.largest() as f32,
                None => grids.high.iter().chain(&grids.low).fold(0f32, |top, v| top.max(v.abs())),
            };
            // codes and gains are multiplied in 16 bits
            if code > 32_767.0 || largest_gain > 32_767 {
                return Err(Unfit::Range);
            }
            code as i64
        }
    };
    let total =
        gains.saturating_mul(largest_gain).saturating_mul(code).saturating_mul(source.fragments.len() as i64);
    if total <= i64::from(i32::MAX) { Ok(()) } else { Err(Unfit::Range) }
}

fn extremes(cells: MatRef<'_, i16>) -> (i32, i32) {
    let all = || (0..cells.rows()).flat_map(|r| cells.row(r)).map(|&g| i32::from(g));
    (all().min().unwrap_or(0).min(0), all().max().unwrap_or(0).max(0))
}

/// The smallest and the largest sum of driven rows among these, for each column.
pub(super) fn column_extremes(source: &BlockSource<'_>, rows: Range<usize>) -> Vec<(i64, i64)> {
    let mut sums = vec![(0i64, 0i64); source.cells.cols()];
    for row in rows {
        for ((below, above), &g) in sums.iter_mut().zip(source.cells.row(row)) {
            *below += i64::from(g).min(0);
            *above += i64::from(g).max(0);
        }
    }
    sums
}

/// The largest sum of the magnitudes of a fragment's cells.
fn largest_sum(source: &BlockSource<'_>) -> i64 {
    let sums = source.fragments.iter().flat_map(|rows| column_extremes(source, rows.clone()));
    sums.fold(0, |top, (below, above)| top.max(above - below))
}

/// The largest magnitude among the sums of any rows of so many neighbours of a fragment.
pub(super) fn largest_entry(source: &BlockSource<'_>, together: usize) -> i64 {
    let mut largest = 0;
    for rows in source.fragments {
        for first in rows.clone().step_by(together) {
            let sums = column_extremes(source, first..(first + together).min(rows.end));
            largest = sums.into_iter().fold(largest, |top, (below, above)| top.max(above).max(-below));
        }
    }
    largest
}

fn packed(level: Level, engine: Engine, source: &BlockSource<'_>, width: usize) -> Packed {
    let cells = source.cells;
    let (low, high) = extremes(cells);
    let panels = width / Block::PANEL;
    let at = |row: usize, column: usize| if column < cells.cols() { cells[(row, column)] } else { 0 };
    match engine {
        Engine::Table16 | Engine::Table8 if level == Level::Avx512 => match Lookup::of(engine, source) {
            Some(lookup) => Packed::Lookup(Box::new(lookup)),
            None => unreachable!("it fits"),
        },
        Engine::Plain | Engine::Table16 | Engine::Table8 => {
            let rows: usize = source.fragments.iter().map(|f| f.len().next_multiple_of(2)).sum();
            let mut out = Aligned::zeros(rows * width);
            let mut first = 0;
            for f in source.fragments {
                for (i, row) in f.clone().enumerate() {
                    out[(first + i) * width..][..cells.cols()].copy_from_slice(cells.row(row));
                }
                first += f.len().next_multiple_of(2);
            }
            Packed::Rows(out)
        }
        Engine::Dot16 if level == Level::Avx512 => Packed::Turned(Turned::of(engine, source, 0)),
        Engine::Dot16 => Packed::Pairs(interleave(source, panels, 2, at)),
        Engine::Dot8 => {
            let bias = if low >= -128 && high <= 127 { 0 } else { low + 128 };
            if level == Level::Avx512 {
                return Packed::Turned(Turned::of(engine, source, bias));
            }
            // columns behind the last stand for zeros too, rows behind a fragment for nothing at all
            let bytes = |row, column| (i32::from(at(row, column)) - bias) as i8;
            Packed::Quads { cells: interleave(source, panels, 4, bytes), bias }
        }
        Engine::Bits => {
            let planes = (32 - ((high - low) as u32).leading_zeros()).max(1) as usize;
            let words = |f: &Range<usize>| f.len().div_ceil(32);
            let total: usize = source.fragments.iter().map(words).sum();
            let mut out = Aligned::zeros(total * planes * width);
            let mut first = 0;
            for f in source.fragments {
                for panel in 0..panels {
                    for plane in 0..planes {
                        for (i, row) in f.clone().enumerate() {
                            for lane in 0..Block::PANEL {
                                let level = (i32::from(at(row, panel * Block::PANEL + lane)) - low) as u32;
                                let word =
                                    ((panel * planes + plane) * words(f) + i / 32) * Block::PANEL + lane;
                                out[first + word] |= (level >> plane & 1) << (i % 32);
                            }
                        }
                    }
                }
                first += words(f) * planes * width;
            }
            Packed::Planes { cells: out, planes, bias: low }
        }
    }
}

/// `[fragment][panel][group of rows][16][row of the group]`
fn interleave<T: super::aligned::Number>(
    source: &BlockSource<'_>,
    panels: usize,
    group: usize,
    at: impl Fn(usize, usize) -> T,
) -> Aligned<T> {
    let groups: usize = source.fragments.iter().map(|f| f.len().div_ceil(group)).sum();
    let mut out = Aligned::zeros(groups * panels * Block::PANEL * group);
    let mut first = 0;
    for f in source.fragments {
        let groups = f.len().div_ceil(group);
        for panel in 0..panels {
            for (i, row) in f.clone().enumerate() {
                for lane in 0..Block::PANEL {
                    let to = ((panel * groups + i / group) * Block::PANEL + lane) * group + i % group;
                    out[first + to] = at(row, panel * Block::PANEL + lane);
                }
            }
        }
        first += groups * panels * Block::PANEL * group;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Mat;

    /// One slice would leave three of four lanes of a look-up empty; eight fill them. Off their levels, cells
    /// take words.
    #[test]
    fn the_cheapest_engine_is_taken() {
        let slice =
            |shift, bits| Slice { digit: Digit { part: DigitPart::Bits, shift, bits }, gain: 1 << shift };
        let eight: Vec<Slice> = (0..8).map(|shift| slice(shift, 1)).collect();
        let gains = Mat::filled(1, 4, 1);
        let whole = 0..64;
        let cheapest = |level, slices: &[Slice], most: i16| {
            let cells = Mat::from_fn(64, 4, |r, c| ((r + c) % 4) as i16 * most / 3);
            let source = BlockSource {
                cells: cells.view(),
                fragments: std::slice::from_ref(&whole),
                gains: gains.view(),
                grids: None,
                scale: 1.0,
                slices,
            };
            let takes = Engine::ALL.into_iter().filter(|&e| fits(e, &source).is_ok());
            takes.min_by(|&a, &b| cost(level, a, &source).total_cmp(&cost(level, b, &source)))
        };
        assert_eq!(cheapest(Level::Avx512, &eight, 3), Some(Engine::Table8));
        assert_eq!(cheapest(Level::Avx512, &eight[..1], 3), Some(Engine::Dot8));
        assert_eq!(cheapest(Level::Avx512, &eight, 3000), Some(Engine::Table16));
        assert_eq!(cheapest(Level::Avx512, &eight[..1], 3000), Some(Engine::Dot16));
        assert_eq!(cheapest(Level::Avx512, &[slice(0, 8)], 120), Some(Engine::Dot8));
        assert_eq!(cheapest(Level::Avx2, &eight, 3), Some(Engine::Bits));
        assert_eq!(cheapest(Level::Scalar, &eight, 3000), Some(Engine::Table16));
    }
}
