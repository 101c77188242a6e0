//! Every engine in plain Rust, compiled once for each level: how the sums of a read come about. What
//! follows a sum is the same for all.

use super::deviations::{read_index, reads};
use super::digits::Of;
use super::pack::Packed;
use super::{Block, DigitRows};

/// Columns of a group: four panels.
const GROUP: usize = 4 * Block::PANEL;

by_level! {
    fn group(block: &Block, digits: DigitRows<'_>, offsets: &[usize], panels: (usize, usize), deviations: Option<&[f32]>, totals: &mut [i32]) -> u64 = group_body
}

/// See [`super::plain::read_group`].
pub(super) fn read_group(
    level: crate::kernel::Level,
    block: &Block,
    digits: DigitRows<'_>,
    offsets: &[usize],
    panels: (usize, usize),
    deviations: Option<&[f32]>,
    totals: &mut [i32],
) -> u64 {
    group(level, block, digits, offsets, panels, deviations, totals)
}

#[inline(always)]
fn group_body(
    block: &Block,
    digits: DigitRows<'_>,
    offsets: &[usize],
    (first, count): (usize, usize),
    deviations: Option<&[f32]>,
    totals: &mut [i32],
) -> u64 {
    let (slices, fragments, width) = (block.slices.len(), block.rows.len(), block.width);
    let (reads, each) = (reads(slices, fragments), count * Block::PANEL);
    let columns = first * Block::PANEL..(first + count) * Block::PANEL;
    let mut clips = 0u64;
    let mut sums = [0i32; GROUP];
    for row in 0..digits.rows {
        let (vector, s) = (row / slices, row % slices);
        let gain = block.slices[s].gain as i32;
        let mut start = 0;
        for (f, (&rows, &offset)) in block.rows.iter().zip(offsets).enumerate() {
            sums.fill(0);
            let read = Read { block, digits, row, offset, start, rows, first, count };
            match &block.cells {
                Packed::Rows(cells) => read.rows(cells, &mut sums),
                Packed::Pairs(cells) => read.pairs(cells, &mut sums),
                Packed::Quads { cells, bias } => read.quads(cells, *bias, &mut sums),
                Packed::Lookup(_) | Packed::Turned(_) => unreachable!("cells were packed for another level"),
                Packed::Planes { cells, planes, bias } => read.planes(cells, *planes, *bias, &mut sums),
            }
            start += rows;
            let sums = &sums[..count * Block::PANEL];
            let totals = &mut totals[vector * each..][..sums.len()];
            let gains = &block.gains[f * width + columns.start..][..sums.len()];
            let Some(grids) = &block.grids else {
                for ((total, sum), column) in totals.iter_mut().zip(sums).zip(gains) {
                    *total += gain * column * sum;
                }
                continue;
            };
            let deviations =
                deviations.map(|d| &d[(vector * reads + read_index(slices, f, s)) * each..][..sums.len()]);
            let (inverse, low, high) =
                (&grids.inverse[columns.clone()], &grids.low[columns.clone()], &grids.high[columns.clone()]);
            let mut row_clips = 0u32;
            for i in 0..sums.len() {
                let mut level = sums[i] as f32 * block.scale;
                if let Some(deviations) = deviations {
                    level += deviations[i];
                }
                let ideal = (level * inverse[i]).round_ties_even();
                // what is no number is clipped, as the specification does
                let code = if ideal >= low[i] { ideal } else { low[i] };
                let code = if code > high[i] { high[i] } else { code };
                row_clips += u32::from(code != ideal);
                // SAFETY: between two codes, which are integers of at most 16 bits; never NaN.
                let code: i32 = unsafe { code.to_int_unchecked() };
                totals[i] += gain * gains[i] * code;
            }
            clips += u64::from(row_clips);
        }
    }
    clips
}

/// One fragment of one row of digits.
struct Read<'a> {
    block: &'a Block,
    digits: DigitRows<'a>,
    row: usize,
    /// Where its digits start in the row.
    offset: usize,
    /// Rows of the fragments before it.
    start: usize,
    rows: usize,
    first: usize,
    count: usize,
}

impl Read<'_> {
    /// Rows of the fragments before, each rounded up.
    #[inline(always)]
    fn start_in(&self, multiple: usize) -> usize {
        let mut start = 0;
        let mut seen = 0;
        for rows in &self.block.rows {
            if seen == self.start {
                break;
            }
            seen += rows;
            start += rows.next_multiple_of(multiple);
        }
        start
    }

    #[inline(always)]
    fn panels(&self) -> usize {
        self.block.width / Block::PANEL
    }

    #[inline(always)]
    fn bit(&self, row: usize) -> usize {
        let Of::Bits(x) = self.digits.of else { unreachable!("digits were cut for another engine") };
        let at = self.offset + row;
        (x[self.row * self.digits.stride + at / 64] >> (at % 64) & 1) as usize
    }

    #[inline(always)]
    fn pairs(&self, cells: &[i16], sums: &mut [i32; GROUP]) {
        let Of::Words(x) = self.digits.of else { unreachable!("digits were cut for another engine") };
        let pairs = self.rows.div_ceil(2);
        let x = &x[self.row * self.digits.stride + self.offset..][..2 * pairs];
        let before = self.start_in(2) / 2 * self.panels();
        for (panel, sums) in (self.first..).zip(sums.chunks_exact_mut(Block::PANEL)).take(self.count) {
            let cells = &cells[(before + panel * pairs) * 32..][..pairs * 32];
            for (x, cells) in x.chunks_exact(2).zip(cells.chunks_exact(32)) {
                let (x0, x1) = (i32::from(x[0]), i32::from(x[1]));
                for (sum, g) in sums.iter_mut().zip(cells.chunks_exact(2)) {
                    *sum += x0 * i32::from(g[0]) + x1 * i32::from(g[1]);
                }
            }
        }
    }

    #[inline(always)]
    fn quads(&self, cells: &[i8], bias: i32, sums: &mut [i32; GROUP]) {
        let Of::Bytes(x) = self.digits.of else { unreachable!("digits were cut for another engine") };
        let quads = self.rows.div_ceil(4);
        let x = &x[self.row * self.digits.stride + self.offset..][..4 * quads];
        let base = bias.wrapping_mul(x[..self.rows].iter().map(|&x| i32::from(x)).sum::<i32>());
        let before = self.start_in(4) / 4 * self.panels();
        for (panel, sums) in (self.first..).zip(sums.chunks_exact_mut(Block::PANEL)).take(self.count) {
            let cells = &cells[(before + panel * quads) * 64..][..quads * 64];
            sums.fill(base);
            for (x, cells) in x.chunks_exact(4).zip(cells.chunks_exact(64)) {
                let x: [i32; 4] = std::array::from_fn(|i| i32::from(x[i]));
                for (sum, g) in sums.iter_mut().zip(cells.chunks_exact(4)) {
                    *sum += x[0] * i32::from(g[0])
                        + x[1] * i32::from(g[1])
                        + x[2] * i32::from(g[2])
                        + x[3] * i32::from(g[3]);
                }
            }
        }
    }

    #[inline(always)]
    fn rows(&self, cells: &[i16], sums: &mut [i32; GROUP]) {
        let (start, width) = (self.start_in(2), self.block.width);
        let sums = &mut sums[..self.count * Block::PANEL];
        for row in 0..self.rows {
            if self.bit(row) != 0 {
                let cells = &cells[(start + row) * width + self.first * Block::PANEL..][..sums.len()];
                for (sum, &g) in sums.iter_mut().zip(cells) {
                    *sum += i32::from(g);
                }
            }
        }
    }

    #[inline(always)]
    fn planes(&self, cells: &[u32], planes: usize, bias: i32, sums: &mut [i32; GROUP]) {
        let Of::Bits(x) = self.digits.of else { unreachable!("digits were cut for another engine") };
        let words = self.rows.div_ceil(32);
        let before = self.start_in(32) / 32 * planes * self.panels();
        let x = &x[self.row * self.digits.stride..];
        let word = |w: usize| {
            let at = self.offset / 32 + w;
            (x[at / 2] >> (at % 2 * 32)) as u32
        };
        let base = bias * (0..words).map(|w| word(w).count_ones() as i32).sum::<i32>();
        for (panel, sums) in (self.first..).zip(sums.chunks_exact_mut(Block::PANEL)).take(self.count) {
            sums.fill(base);
            for plane in 0..planes {
                for w in 0..words {
                    let at = (before + (panel * planes + plane) * words + w) * Block::PANEL;
                    let x = word(w);
                    for (sum, g) in sums.iter_mut().zip(&cells[at..at + Block::PANEL]) {
                        *sum += ((x & g).count_ones() << plane) as i32;
                    }
                }
            }
        }
    }
}
