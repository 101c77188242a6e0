//! Conversions of small whole sums in 16 or 8 bits: 32 or 64 reads at a time instead of 16.
//!
//! A converter maps the sums `0 ..= most` to codes by a staircase. Here the staircase is written in integer
//! arithmetic, and every step of it is compared with the converter's own before it is used: what does not
//! agree everywhere is not taken.

use super::Aligned;
use super::lookup::{Lanes, SET};
use super::pack::BlockSource;
use crate::kernel::Grids;

/// A block's conversions in short integers.
#[derive(Clone, Debug)]
pub(super) enum Staircase {
    /// 16 bits, 32 reads at a time.
    Words(Words),
    /// 8 bits, 64 reads at a time.
    Bytes(Bytes),
}

/// `code = min(((sum · 2^7 · slope) / 2^16 + half) / 2^shift + [sum = off] · put, high)`, an entry a column.
///
/// PERF: each stands twice, since only 32 bits are broadcast by a load alone.
#[derive(Clone, Debug)]
pub(super) struct Words {
    pub(super) shift: u32,
    pub(super) slope: Aligned<u32>,
    pub(super) half: Aligned<u32>,
    pub(super) off: Aligned<u32>,
    pub(super) put: Aligned<u32>,
    /// Whether any column has a sum that is off.
    pub(super) has_odd: bool,
    pub(super) high: Aligned<u32>,
    /// The largest sum that does not clip.
    pub(super) ceiling: Aligned<u32>,
}

/// Whether a sum can clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clips {
    /// None can.
    Never,
    /// Some may.
    Possible,
}

/// Tables of codes, of sums from 0 on: as they are, then negated.
#[derive(Clone, Debug)]
pub(super) struct Bytes {
    pub(super) codes: Aligned<i8>,
    /// Fragments whose codes add up in a byte.
    pub(super) flush: usize,
}

impl Staircase {
    /// The short form of a block's conversions, if there is one: cells that are never negative.
    pub(super) fn of(source: &BlockSource<'_>) -> Option<Self> {
        let grids = source.grids?;
        let most = largest_sum(source)?;
        Self::bytes(source, grids, most).or_else(|| Self::words(source, grids, most))
    }

    fn bytes(source: &BlockSource<'_>, grids: &Grids, most: usize) -> Option<Self> {
        let columns = source.cells.cols();
        let same = |v: &[f32]| v[..columns].iter().all(|x| x.to_bits() == v[0].to_bits());
        let one = |f: usize| source.gains.row(f).iter().all(|g| g.abs() == 1);
        if most >= SET
            || !(same(&grids.inverse) && same(&grids.low) && same(&grids.high))
            || !(0..source.gains.rows()).all(one)
            || Lanes::of(source.slices)?.bytes.is_empty()
        {
            return None;
        }
        let mut codes = Aligned::zeros(2 * SET);
        let mut largest = 1;
        for sum in 0..=most {
            let code = code(grids, 0, source.scale, sum)?;
            if !(0..=127).contains(&code) {
                return None;
            }
            largest = largest.max(code as usize);
            codes[sum] = code as i8;
            codes[SET + sum] = -(code as i8);
        }
        Some(Self::Bytes(Bytes { codes, flush: 127 / largest }))
    }

    fn words(source: &BlockSource<'_>, grids: &Grids, most: usize) -> Option<Self> {
        if most > 511 {
            return None;
        }
        let columns = source.cells.cols();
        let zeros = || Aligned::<u32>::zeros(columns);
        let twice = |v: i16| u32::from(v as u16) * 0x1_0001;
        let (mut slope, mut half, mut off, mut put) = (zeros(), zeros(), zeros(), zeros());
        let (mut high, mut ceiling) = (zeros(), zeros());
        // as fine as slopes of 16 bits and codes of 16 bits allow
        let steepest = grids.inverse[..columns].iter().fold(0f32, |top, &v| top.max(v)) * source.scale;
        let highest = grids.high[..columns].iter().fold(1f32, |top, &v| top.max(v));
        let room = (127.9 / steepest).log2().min((65_535.0 / (highest + 2.0)).log2()).floor();
        if !(4.0..=15.0).contains(&room) {
            return None;
        }
        let shift = room as u32;
        let mut known: Vec<([u32; 3], Step)> = Vec::new();
        for c in 0..columns {
            let key = [&grids.inverse, &grids.low, &grids.high].map(|v| v[c].to_bits());
            let step = match known.iter().find(|(k, _)| *k == key) {
                Some((_, step)) => *step,
                None => {
                    let step = Step::find(grids, c, source.scale, most, shift)?;
                    known.push((key, step));
                    step
                }
            };
            slope[c] = twice(step.slope as i16);
            half[c] = twice(step.half);
            off[c] = twice(step.off);
            put[c] = twice(step.put);
            high[c] = twice(step.high);
            ceiling[c] = twice(step.ceiling);
        }
        let has_odd = known.iter().any(|(_, step)| step.put != 0);
        Some(Self::Words(Words { shift, slope, half, off, put, has_odd, high, ceiling }))
    }
}

/// The code of a sum as the converter gives it; `None` if it is clipped.
fn code(grids: &Grids, column: usize, scale: f32, sum: usize) -> Option<i32> {
    let ideal = (sum as f32 * scale * grids.inverse[column]).round_ties_even();
    (ideal >= grids.low[column] && ideal <= grids.high[column]).then_some(ideal as i32)
}

/// One column's staircase.
#[derive(Clone, Copy, Debug)]
struct Step {
    shift: u32,
    slope: u16,
    half: i16,
    off: i16,
    put: i16,
    high: i16,
    ceiling: i16,
}

impl Step {
    /// A staircase that agrees with the converter on every sum from 0 to `most`.
    fn find(grids: &Grids, column: usize, scale: f32, most: usize, shift: u32) -> Option<Self> {
        if grids.low[column] > 0.0 || !(0.0..=16_383.0).contains(&grids.high[column]) {
            return None;
        }
        let high = grids.high[column] as i16;
        // codes grow with sums: those above the first that clips clip too
        let ceiling =
            (0..=most).take_while(|&sum| code(grids, column, scale, sum).is_some()).count().checked_sub(1)?;
        let slope = f64::from(grids.inverse[column] * scale) * f64::from(512u32 << shift);
        if !(3.0..65_533.0).contains(&slope) {
            return None;
        }
        for slope in [0.0, -1.0, 1.0, -2.0, 2.0].map(|d| slope.round() + d) {
            for half in [0, 1, -1, 2, -2].map(|d| (1i16 << (shift - 1)) + d) {
                let mut step =
                    Self { shift, slope: slope as u16, half, off: -1, put: 0, high, ceiling: ceiling as i16 };
                // within the range without the last clamp, which is left out where nothing clips
                let right = |step: &Self, sum: usize| match code(grids, column, scale, sum) {
                    Some(code) => step.unclamped(sum) == code,
                    None => step.code(sum) == i32::from(high),
                };
                let wrong: Vec<usize> = (0..=most).filter(|&sum| !right(&step, sum)).collect();
                if let [sum] = wrong[..] {
                    let put =
                        code(grids, column, scale, sum).unwrap_or(i32::from(high)) - step.unclamped(sum);
                    (step.off, step.put) = (sum as i16, put as i16);
                    if right(&step, sum) {
                        return Some(step);
                    }
                } else if wrong.is_empty() {
                    return Some(step);
                }
            }
        }
        None
    }

    fn code(&self, sum: usize) -> i32 {
        self.unclamped(sum).min(i32::from(self.high))
    }

    fn unclamped(&self, sum: usize) -> i32 {
        let scaled = (((sum as u32) << 7) * u32::from(self.slope)) >> 16;
        // in 16 bits, as the engine adds
        let code = i32::from((scaled + self.half as u32) as u16 >> self.shift);
        if sum == self.off as usize { code + i32::from(self.put) } else { code }
    }
}

/// The largest sum of whole cells that are never negative, under one-bit digits.
fn largest_sum(source: &BlockSource<'_>) -> Option<usize> {
    let mut most = 0;
    for rows in source.fragments {
        let mut sums = vec![0usize; source.cells.cols()];
        for row in rows.clone() {
            for (sum, &g) in sums.iter_mut().zip(source.cells.row(row)) {
                *sum += usize::try_from(g).ok()?;
            }
        }
        most = sums.into_iter().fold(most, usize::max);
    }
    Some(most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Uniform;

    /// `find` promises what it has compared; here, that it finds something for the converters in use: full
    /// scale of 128 rows of two-bit cells in 4 to 9 bits, with its ties.
    #[test]
    fn converters_in_use_have_a_staircase() {
        for (bits, most, shift) in
            [(4, 384, 11), (6, 384, 9), (8, 384, 7), (8, 255, 6), (9, 384, 6), (4, 24, 7)]
        {
            let step = most as f32 / ((1 << bits) - 1) as f32;
            {
                let grids = Grids::new([Uniform::unsigned(bits, step)], 16);
                let found = Step::find(&grids, 0, 1.0, most, shift);
                assert!(found.is_some(), "{bits} bits, step {step}, sums to {most}");
            }
        }
    }

    /// Codes 0 to 2 in steps of 2 levels, by hand: 5 is 2.5 steps, a tie to 2, and does not clip; what is read
    /// without the last clamp has to know.
    #[test]
    fn a_tie_at_the_last_code_stays_below_it() {
        let grids = Grids::new([Uniform { code_max: 2, ..Uniform::unsigned(3, 2.0) }], 16);
        let step = Step::find(&grids, 0, 1.0, 5, 7).expect("there is one");
        let codes: Vec<i32> = (0..=5).map(|sum| step.unclamped(sum)).collect();
        // 0, 1/2, 1, 3/2, 2, 5/2, ties to even
        assert_eq!(codes, [0, 0, 1, 2, 2, 2]);
    }
}
