//! Reads in 64-bit sums, one conversion after the other: the plain form of [`crate::read`], taken
//! where 16-bit cells, 15-bit digits or 32-bit sums do not suffice, and the form it is tested against.

use crate::program::{BlockProgram, Cells, LayerProgram};
use crate::read::{Answer, occupied};
use ohmic_numerics::kernel::engine::{Vectors, deviate_number};
use ohmic_numerics::{Noise, Site};

/// Adds the answer of blocks above each other; returns how many conversions clipped.
///
/// # Panics
/// The blocks hold plain cells.
pub(crate) fn read_stack(
    program: &LayerProgram,
    stack: &[&BlockProgram],
    vectors: Vectors<'_>,
    first_draw: u32,
    noise: Option<(&Noise, u32)>,
    answer: &mut Answer<'_>,
) -> u64 {
    let bottom = stack[0];
    let mut clips = 0;
    for v in 0..vectors.count() {
        let mut folded = vec![0i64; bottom.columns()];
        for block in stack {
            clips += fold(program, block, vectors, v, first_draw + v as u32, noise, &mut folded);
        }
        for readout in &bottom.readouts {
            let step = program.step(readout.range);
            for (i, c) in readout.columns.clone().enumerate() {
                let total = folded[c] * i64::from(bottom.worth[c]);
                match &readout.shared_gain {
                    None => {
                        *answer.at(bottom.outputs.start + readout.first_output + i, v) += total as f64 * step
                    }
                    Some(gains) => {
                        for (output, &gain) in bottom.outputs.clone().zip(gains.row(i)) {
                            *answer.at(output, v) += (gain * total) as f64 * step;
                        }
                    }
                }
            }
        }
    }
    clips
}

/// Adds one vector's codes through a block, with the gains of slices and fragments.
fn fold(
    program: &LayerProgram,
    block: &BlockProgram,
    vectors: Vectors<'_>,
    v: usize,
    draw: u32,
    noise: Option<(&Noise, u32)>,
    folded: &mut [i64],
) -> u64 {
    let Cells::Wide { cells, gains, variance } = &block.cells else { unreachable!("a block of plain cells") };
    let columns = block.columns();
    let mut clips = 0;
    for (s, slice) in program.slices.iter().enumerate() {
        for (local, f) in block.fragments.clone().enumerate() {
            let rows = program.layout.rows[f].clone();
            let occupied = occupied(vectors, v, rows.clone());
            if !program.is_computed(slice, occupied) {
                continue;
            }
            let mut sums = vec![0i64; columns];
            let mut squares = vec![0u64; columns];
            let mut variances = vec![0f32; columns];
            for row in rows {
                let d = slice.digit(vectors.at(v, row));
                if d == 0 {
                    continue;
                }
                let inside = row - block.first_row;
                let driven = program.driven(d);
                for (sum, &g) in sums.iter_mut().zip(cells.row(inside)) {
                    *sum += i64::from(driven) * i64::from(g);
                }
                let square = u64::from(d.unsigned_abs()).pow(2);
                if let Some(integers) = &block.variance {
                    let start = program.layout.rows[f].start - block.first_row;
                    for (c, sum) in squares.iter_mut().enumerate() {
                        *sum += square * u64::from(integers.at(local, inside - start, c));
                    }
                } else if !variance.as_slice().is_empty() {
                    for (sum, &v) in variances.iter_mut().zip(variance.row(inside)) {
                        *sum += (square as f64 * v) as f32;
                    }
                }
            }
            for readout in &block.readouts {
                for c in readout.columns.clone() {
                    let gain = i64::from(gains[(local, c)]) * slice.gain;
                    let Some(grid) = program.ranges[readout.range] else {
                        folded[c] += gain * sums[c];
                        continue;
                    };
                    let mut level = sums[c] as f32 * program.scale();
                    if let Some((source, layer)) = noise {
                        let variance = match &block.variance {
                            Some(integers) => squares[c] as f32 * integers.unit(),
                            None => variances[c],
                        };
                        let sigma = block.sigma[c];
                        if variance > 0.0 || sigma > 0.0 {
                            let at = Site { layer, block: block.block };
                            let width = block.padded_columns();
                            let cell = deviate_number(program.slices.len(), width, (local, s), c);
                            level += source.deviate(at, draw, cell)
                                * if block.variance.is_none() && variances[c] == 0.0 {
                                    sigma
                                } else {
                                    (variance + sigma * sigma).sqrt()
                                };
                        }
                    }
                    let (clipped, code) = match &program.stairs {
                        None => (grid.clips(level), grid.code(level)),
                        Some(stairs) => {
                            let stairs = &stairs.tables[block.stairs[c] as usize];
                            (stairs.clips(level), stairs.value(level))
                        }
                    };
                    clips += u64::from(clipped);
                    folded[c] += gain * i64::from(code);
                }
            }
        }
    }
    clips
}
