//! Conversions of small whole sums in 16 or 8 bits: 32 or 64 columns at a time instead of 16.
//!
//! A converter maps the sums `0 ..= most` to codes by a staircase. Here the staircase is written in integer
//! arithmetic, and every step of it is compared with the converter's own before it is used: what does not
//! agree everywhere is not taken.

use super::Aligned;
use super::pack::BlockSource;
use crate::kernel::Grids;

/// A block's conversions in short integers.
#[derive(Clone, Debug)]
pub(super) enum Staircase {
    /// 16 bits, 32 columns at a time.
    Words(Words),
    /// 8 bits, 64 columns at a time.
    Bytes(Bytes),
}

/// `code = min(((sum · 2^7 · slope) / 2^16 + half) / 2^shift + [sum = off] · put, high)`. Entries stand in strips of 64
/// columns: panels 0 and 2 word by word, then panels 1 and 3.
#[derive(Clone, Debug)]
pub(super) struct Words {
    pub(super) shift: u32,
    pub(super) slope: Aligned<i16>,
    pub(super) half: Aligned<i16>,
    pub(super) off: Aligned<i16>,
    pub(super) put: Aligned<i16>,
    pub(super) high: Aligned<i16>,
    /// The largest sum that does not clip.
    pub(super) ceiling: Aligned<i16>,
    /// Whether a sum can clip.
    pub(super) clips: Clips,
    /// `[fragment][column as above]`, 1 or −1; empty if all are 1.
    pub(super) gains: Aligned<i16>,
}

/// Whether a sum can clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clips {
    /// None can.
    Never,
    /// Some may.
    Possible,
}

/// A table of codes: `codes[sum | sign]`, the sign bit is 32.
#[derive(Clone, Debug)]
pub(super) struct Bytes {
    pub(super) codes: Aligned<i8>,
    /// `[fragment][strip][64]`: 32 where the gain is −1; byte `4l + j` is lane `l` of panel `j`.
    pub(super) signs: Aligned<u8>,
    /// Fragments whose codes add up in a byte.
    pub(super) flush: usize,
}

/// Columns of a strip.
pub(super) const STRIP: usize = 64;

impl Staircase {
    /// The short form of a block's conversions, if there is one: sums that are never negative, gains of one.
    pub(super) fn of(source: &BlockSource<'_>, width: usize) -> Option<Self> {
        let grids = source.grids?;
        let one = |f: usize| source.gains.row(f).iter().all(|g| g.abs() == 1);
        if !(0..source.gains.rows()).all(one)
            || source.slices.iter().any(|s| !(1..=1 << 14).contains(&s.gain))
        {
            return None;
        }
        let most = largest_sum(source)?;
        Self::bytes(source, grids, width, most).or_else(|| Self::words(source, grids, width, most))
    }

    fn bytes(source: &BlockSource<'_>, grids: &Grids, width: usize, most: usize) -> Option<Self> {
        let columns = source.cells.cols();
        let same = |v: &[f32]| v[..columns].iter().all(|x| x.to_bits() == v[0].to_bits());
        if most > 31 || !(same(&grids.inverse) && same(&grids.low) && same(&grids.high)) {
            return None;
        }
        let mut codes = Aligned::zeros(STRIP);
        let mut largest = 1;
        for sum in 0..=most {
            let code = code(grids, 0, source.scale, sum)?;
            if !(0..=63).contains(&code) {
                return None;
            }
            largest = largest.max(code as usize);
            codes[sum] = code as i8;
            codes[sum | 32] = -(code as i8);
        }
        let strips = width.div_ceil(STRIP);
        let mut signs = Aligned::zeros(source.fragments.len() * strips * STRIP);
        for f in 0..source.fragments.len() {
            for (c, &gain) in source.gains.row(f).iter().enumerate() {
                let (panel, lane) = (c % STRIP / 16, c % 16);
                signs[(f * strips + c / STRIP) * STRIP + 4 * lane + panel] = if gain < 0 { 32 } else { 0 };
            }
        }
        Some(Self::Bytes(Bytes { codes, signs, flush: 127 / largest }))
    }

    fn words(source: &BlockSource<'_>, grids: &Grids, width: usize, most: usize) -> Option<Self> {
        if most > 511 {
            return None;
        }
        let strips = width.div_ceil(STRIP);
        let zeros = || Aligned::<i16>::zeros(strips * STRIP);
        let (mut slope, mut half, mut off, mut put) = (zeros(), zeros(), zeros(), zeros());
        let (mut high, mut ceiling) = (zeros(), zeros());
        // columns behind the last have sums of zero: code 0, never clipped
        ceiling.fill(i16::MAX);
        off.fill(-1);
        // as fine as slopes of 16 bits and codes of 16 bits allow
        let columns = source.cells.cols();
        let steepest = grids.inverse[..columns].iter().fold(0f32, |top, &v| top.max(v)) * source.scale;
        let highest = grids.high[..columns].iter().fold(1f32, |top, &v| top.max(v));
        let room = (127.9 / steepest).log2().min((65_535.0 / (highest + 2.0)).log2()).floor();
        if !(4.0..=15.0).contains(&room) {
            return None;
        }
        let shift = room as u32;
        let mut clips = Clips::Never;
        let mut known: Vec<([u32; 3], Step)> = Vec::new();
        for c in 0..source.cells.cols() {
            let key = [&grids.inverse, &grids.low, &grids.high].map(|v| v[c].to_bits());
            let step = match known.iter().find(|(k, _)| *k == key) {
                Some((_, step)) => *step,
                None => {
                    let step = Step::find(grids, c, source.scale, most, shift)?;
                    known.push((key, step));
                    step
                }
            };
            if i64::from(step.high) * source.fragments.len() as i64 > 32_767 {
                return None;
            }
            let at = place(c);
            slope[at] = step.slope as i16;
            half[at] = step.half;
            off[at] = step.off;
            put[at] = step.put;
            high[at] = step.high;
            ceiling[at] = step.ceiling;
            if (step.ceiling as usize) < most {
                clips = Clips::Possible;
            }
        }
        let plain = (0..source.gains.rows()).all(|f| source.gains.row(f).iter().all(|&g| g == 1));
        let mut gains = Aligned::zeros(if plain { 0 } else { source.gains.rows() * strips * STRIP });
        if !plain {
            for f in 0..source.gains.rows() {
                for (c, &gain) in source.gains.row(f).iter().enumerate() {
                    gains[f * strips * STRIP + place(c)] = gain as i16;
                }
            }
        }
        Some(Self::Words(Words { shift, slope, half, off, put, high, ceiling, clips, gains }))
    }
}

/// Where a column's entry stands: panels 0 and 2 of a strip word by word, then panels 1 and 3.
fn place(column: usize) -> usize {
    let (strip, panel, lane) = (column / STRIP, column % STRIP / 16, column % 16);
    strip * STRIP + panel % 2 * 32 + 2 * lane + panel / 2
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
                let wrong: Vec<usize> = (0..=most)
                    .filter(|&sum| {
                        step.code(sum) != code(grids, column, scale, sum).unwrap_or(i32::from(high))
                    })
                    .collect();
                if let [sum] = wrong[..] {
                    let put = code(grids, column, scale, sum).unwrap_or(i32::from(high)) - step.code(sum);
                    (step.off, step.put) = (sum as i16, put as i16);
                    if step.code(sum) == code(grids, column, scale, sum).unwrap_or(i32::from(high)) {
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
        let scaled = (((sum as u32) << 7) * u32::from(self.slope)) >> 16;
        // in 16 bits, as the engine adds
        let code = i32::from((scaled + self.half as u32) as u16 >> self.shift);
        let code = if sum == self.off as usize { code + i32::from(self.put) } else { code };
        code.min(i32::from(self.high))
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
}
