//! The specification: one product, one conversion after the other.

use super::deviations::{read_index, reads};
use super::digits::Of;
use super::pack::Packed;
use super::{Block, DigitRows};

/// Panels `first .. first + count` of a block; `deviations` as [`super::Deviates`] lays them out for them. Totals
/// are those of the panels, vector by vector.
pub(super) fn read_group(
    block: &Block,
    digits: DigitRows<'_>,
    offsets: &[usize],
    (first, count): (usize, usize),
    deviations: Option<&[f32]>,
    totals: &mut [i32],
) -> u64 {
    let (Packed::Rows(cells), Of::Words(x)) = (&block.cells, digits.of) else {
        unreachable!("digits were cut for another engine");
    };
    let (slices, fragments, width) = (block.slices.len(), block.rows.len(), block.width);
    let columns = first * Block::PANEL..(first + count) * Block::PANEL;
    let each = count * Block::PANEL;
    let reads = reads(slices, fragments);
    let mut clips = 0;
    for row in 0..digits.rows {
        let (vector, s) = (row / slices, row % slices);
        let mut start = 0;
        for (f, (&rows, &offset)) in block.rows.iter().zip(offsets).enumerate() {
            let x = &x[row * digits.stride + offset..][..rows];
            for c in columns.clone() {
                let sum: i32 =
                    (0..rows).map(|k| i32::from(x[k]) * i32::from(cells[(start + k) * width + c])).sum();
                let code = match &block.grids {
                    None => sum,
                    Some(grids) => {
                        let mut level = sum as f32 * block.scale;
                        if let Some(deviations) = deviations {
                            let read = vector * reads + read_index(slices, f, s);
                            level += deviations[read * each + c - columns.start];
                        }
                        let ideal = (level * grids.inverse[c]).round_ties_even();
                        let code = ideal.max(grids.low[c]).min(grids.high[c]);
                        clips += u64::from(code != ideal);
                        code as i32
                    }
                };
                totals[vector * each + c - columns.start] +=
                    block.slices[s].gain as i32 * block.gains[f * width + c] * code;
            }
            start += rows.next_multiple_of(2);
        }
    }
    clips
}
