//! Reads in 64-bit sums, one conversion after the other: the plain form of [`crate::read`], taken
//! where 16-bit cells, 15-bit digits or 32-bit sums do not suffice, and the form it is tested against.

use crate::program::{BlockProgram, LayerProgram, Occupied};
use crate::read::Vectors;
use ohmic_numerics::{Mat, Noise, Purpose, Site};

/// Adds the codes of a block, weighed with column and slice gains, to `folded` (`count × padded
/// columns`); returns how many conversions clipped.
pub(crate) fn read_block(
    program: &LayerProgram,
    block: &BlockProgram,
    cells: &Mat<i32>,
    vectors: Vectors<'_>,
    noise: Option<(&Noise, u32)>,
    occupied: &[Occupied],
    folded: &mut [i64],
) -> u64 {
    let (columns, width) = (block.columns(), block.padded_columns());
    let stride = columns.next_multiple_of(4);
    let fragments = program.fragments.len();
    let mut clips = 0;
    for (v, x) in vectors.iter().enumerate() {
        let draw = vectors.first_draw + v as u32;
        for (s, slice) in program.slices.iter().enumerate() {
            for (local, f) in block.fragments.clone().enumerate() {
                if !program.is_computed(slice, occupied[v * fragments + f]) {
                    continue;
                }
                let rows = program.fragments[f].rows.clone();
                let digits: Vec<i32> = x[rows.clone()].iter().map(|&x| slice.digit(x)).collect();
                for readout in &block.readouts {
                    for c in readout.columns.clone() {
                        if block.gains[local][c] == 0 {
                            continue;
                        }
                        let mut sum = 0i64;
                        let mut variance = 0f32;
                        for (row, &d) in rows.clone().zip(&digits) {
                            sum += i64::from(d) * i64::from(cells[(row - block.first_row, c)]);
                            if !block.variance.is_empty() && d != 0 {
                                let square = d as f32 * d as f32;
                                variance += square * block.variance[(row - block.first_row) * columns + c];
                            }
                        }
                        let code = match program.ranges[readout.range] {
                            None => sum,
                            Some(grid) => {
                                let mut level = sum as f32 * program.scale();
                                if let Some((source, layer)) = noise {
                                    let at = Site { layer, block: block.block };
                                    let cell = ((s * fragments + f) * stride + c) as u32;
                                    let mut deviation = 0.0;
                                    if !block.variance.is_empty() {
                                        deviation =
                                            variance.sqrt() * source.normal(Purpose::Read, at, draw, cell);
                                    }
                                    if program.sigma_lsb > 0.0 {
                                        deviation += block.sigma[c]
                                            * source.normal(Purpose::Converter, at, draw, cell);
                                    }
                                    level += deviation;
                                }
                                clips += u64::from(grid.clips(level));
                                i64::from(grid.code(level))
                            }
                        };
                        folded[v * width + c] += slice.gain * i64::from(block.gains[local][c]) * code;
                    }
                }
            }
        }
    }
    clips
}
