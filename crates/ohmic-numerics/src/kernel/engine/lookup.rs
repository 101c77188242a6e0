//! Sums of one-bit digits by look-up: what a block is packed with for it.
//!
//! Some rows of a column have few possible sums, one for each pattern of driven rows: they are written into
//! a register once, and every read of the column picks its own from there (the method of the four
//! Russians). Lanes are reads, so neither narrow nor odd columns waste any.

use super::pack::{BlockSource, Slice, largest_entry};
use super::staircase::Staircase;
use super::{Aligned, Engine};

/// Lanes of a set: reads that go through a column together.
pub(super) const SET: usize = 64;

/// Rows whose sums are looked up together.
pub(super) fn rows_together(engine: Engine) -> usize {
    // 64 sums of a byte; 16 sums of a word, twice
    if engine == Engine::Table8 { 6 } else { 8 }
}

/// A block whose sums are looked up.
#[derive(Clone, Debug)]
pub(super) struct Lookup {
    pub(super) cells: Columns,
    /// Rows whose sums are looked up together.
    pub(super) together: usize,
    /// Groups of such rows, and the most that a fragment has.
    pub(super) groups: usize,
    pub(super) most_groups: usize,
    /// Groups whose sums a byte can add up.
    pub(super) flush: usize,
    pub(super) lanes: Lanes,
    /// Whether a sum of zero gives a code of zero and does not clip.
    pub(super) zero_is_zero: bool,
    /// Conversions in short integers, if there are any.
    pub(super) staircase: Option<Staircase>,
}

/// Cells `[column][group of rows][8]`, zeros behind the rows of a group.
#[derive(Clone, Debug)]
pub(super) enum Columns {
    /// Groups of six.
    Sixes(Aligned<u8>),
    /// Groups of eight.
    Eights(Aligned<i16>),
}

impl Lookup {
    /// The block for [`Engine::Table8`] or [`Engine::Table16`], which fits.
    pub(super) fn of(engine: Engine, source: &BlockSource<'_>) -> Option<Self> {
        let together = rows_together(engine);
        let groups = |f: &std::ops::Range<usize>| f.len().div_ceil(together);
        let bytes = engine == Engine::Table8;
        Some(Self {
            cells: if bytes {
                Columns::Sixes(columns_of(source, together, |g| g as u8))
            } else {
                Columns::Eights(columns_of(source, together, |g| g))
            },
            together,
            groups: source.fragments.iter().map(groups).sum(),
            most_groups: source.fragments.iter().map(groups).max().unwrap_or(0),
            flush: if bytes { 255 / largest_entry(source, together).max(1) as usize } else { 1 },
            lanes: Lanes::of(source.slices)?,
            zero_is_zero: source.grids.is_none_or(|g| {
                g.stairs.is_none()
                    && g.floor.iter().all(|&low| low <= 0.0)
                    && g.ceiling.iter().all(|&high| high >= 0.0)
            }),
            staircase: if bytes && source.grids.is_none_or(|g| g.stairs.is_none()) {
                Staircase::of(source)
            } else {
                None
            },
        })
    }
}

/// Which reads the lanes of a set are, and what their codes are worth.
///
/// Slices are rounded up to 4, 8, 16, 32 or 64, so that a set holds whole vectors: lane `v · slices + s` is
/// slice `s` of vector `v`. Four slices are added up in one 32-bit lane.
#[derive(Clone, Debug)]
pub(super) struct Lanes {
    /// Slices of a vector, rounded up.
    pub(super) slices: usize,
    /// Gains of slices 0 and 2 of four, word by word, of slices 1 and 3, and both once more negated;
    /// relative to the four's shift. 0 where there is no slice.
    pub(super) gains: Aligned<i16>,
    /// The same for signed codes in bytes: gains of four slices, byte by byte; empty if they do not fit.
    pub(super) bytes: Aligned<u8>,
    /// What is left of the gains of each four.
    pub(super) shifts: Aligned<u32>,
}

impl Lanes {
    /// The lanes of these slices; `None` if there are too many of them, or gains of four neighbours lie too
    /// far apart.
    pub(super) fn of(slices: &[Slice]) -> Option<Self> {
        let padded = Self::slices_of(slices.len());
        if padded > SET {
            return None;
        }
        let quads = padded / 4;
        let mut gains = Aligned::<i16>::zeros(4 * 32);
        let mut bytes = Aligned::<u8>::zeros(SET);
        let mut shifts = Aligned::<u32>::zeros(16);
        let mut small = true;
        for lane in 0..16 {
            let four = slices.chunks(4).nth(lane % quads).unwrap_or(&[]);
            let shift = four.iter().map(|s| s.gain.unsigned_abs().trailing_zeros()).min().unwrap_or(0);
            shifts[lane] = shift;
            for (j, slice) in four.iter().enumerate() {
                let gain = slice.gain >> shift;
                if gain.abs() > 1 << 14 || shift > 30 {
                    return None;
                }
                let word = 2 * lane + j / 2;
                gains[j % 2 * 32 + word] = gain as i16;
                gains[64 + j % 2 * 32 + word] = -gain as i16;
                small &= (0..=255).contains(&gain);
                bytes[4 * lane + j] = gain as u8;
            }
        }
        let bytes = if small { bytes } else { Aligned::default() };
        Some(Self { slices: padded, gains, bytes, shifts })
    }

    /// So many slices, rounded up.
    pub(super) fn slices_of(slices: usize) -> usize {
        slices.next_power_of_two().max(4)
    }

    /// Vectors of a set.
    pub(super) fn vectors(&self) -> usize {
        SET / self.slices
    }
}

/// `[column][group of rows][8]`: the rows of each fragment in groups of so many, zeros behind them.
fn columns_of<T: super::aligned::Number>(
    source: &BlockSource<'_>,
    together: usize,
    number: impl Fn(i16) -> T,
) -> Aligned<T> {
    let groups: usize = source.fragments.iter().map(|f| f.len().div_ceil(together)).sum();
    let mut out = Aligned::zeros(source.cells.cols() * groups * 8);
    for c in 0..source.cells.cols() {
        let mut first = 0;
        for f in source.fragments {
            for (i, row) in f.clone().enumerate() {
                let at = (c * groups + first + i / together) * 8 + i % together;
                out[at] = number(source.cells[(row, c)]);
            }
            first += f.len().div_ceil(together);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Digit, DigitPart};

    /// Six slices of gains 1 to 32 take eight lanes of a vector: two fours, the second four times sixteen.
    #[test]
    fn gains_stand_where_the_lanes_are() {
        let slices: Vec<Slice> = (0..6)
            .map(|shift| Slice { digit: Digit { part: DigitPart::Bits, shift, bits: 1 }, gain: 1 << shift })
            .collect();
        let lanes = Lanes::of(&slices).expect("they fit");
        assert_eq!((lanes.slices, lanes.vectors()), (8, 8));
        assert_eq!(lanes.shifts[..4], [0, 4, 0, 4]);
        // slices 0 and 2 of the first four, 4 of the second (6 is not there)
        assert_eq!(lanes.gains[..4], [1, 4, 1, 0]);
        assert_eq!(lanes.gains[32..36], [2, 8, 2, 0]);
        assert_eq!(lanes.gains[64..68], [-1, -4, -1, 0]);
        assert_eq!(lanes.bytes[..8], [1, 2, 4, 8, 1, 2, 0, 0]);
        assert!(Lanes::of(&vec![slices[0]; 65]).is_none());
    }
}
