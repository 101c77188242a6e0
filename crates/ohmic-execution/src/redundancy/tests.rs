//! Seats: what moves, and that moving never hurts.

use super::*;
use ohmic_hardware::{Hardware, Window};
use ohmic_numerics::{Cells, Noise, Seed, Site};
use proptest::prelude::*;

const WINDOW: Window = Window { g_min_siemens: 1e-6, g_max_siemens: 16e-6 };

fn encode(rows: usize, outputs: usize, weights: impl Fn(usize, usize) -> i32) -> Encoded {
    let hardware = Hardware::preset("generic_reram").unwrap();
    let matrix = Mat::from_fn(rows, outputs, weights);
    hardware.encoding().encode(matrix.view(), 8, rows).unwrap()
}

/// Seats of a block whose broken cells are listed by row and bit line.
fn seats(
    encoded: &Encoded,
    outputs: usize,
    spares: usize,
    remap: Remap,
    broken: &[(usize, usize, f32)],
) -> Seats {
    let rows = encoded.planes[0].rows();
    let block = Columns { encoded, outputs, has_dummy: false, level: (WINDOW.g_min_siemens, 1e-6) };
    let noise = Noise::new(Seed(1));
    let at = Cells { site: Site { layer: 0, block: 0 }, first: 0 };
    let places = crate::wires::bit_lines(encoded, outputs);
    let mut patches: Vec<(Patch<'_>, usize)> = encoded
        .planes
        .iter()
        .zip(&places)
        .map(|(plane, &(first, stride))| {
            let patch = Patch {
                rows,
                cols: plane.cols(),
                first_col: first,
                col_stride: stride,
                ..Patch::row(1, at, &noise)
            };
            (patch, first)
        })
        .collect();
    let columns: usize = encoded.planes.iter().map(Mat::cols).sum();
    if spares > 0 {
        let patch = Patch { rows, cols: spares, first_col: columns, ..Patch::row(1, at, &noise) };
        patches.push((patch, columns));
    }
    Seats::new(&block, &patches, remap, |g, patch| {
        for (cell, g) in g.iter_mut().enumerate() {
            let (row, line) = patch.place(cell);
            if let Some(b) = broken.iter().find(|b| (b.0, b.1) == (row, line)) {
                *g = b.2;
            }
        }
    })
}

/// Two outputs of 8-bit weights in 4-bit cells, one pair of columns a digit: bit lines 0.. of output 0, then those of
/// output 1. A cell of the top digit is stuck at g_max where a 0 belongs.
#[test]
fn the_worst_column_takes_the_spare() {
    let encoded = encode(4, 2, |_, _| 0);
    let columns: usize = encoded.planes.iter().map(Mat::cols).sum();
    // bit line 0 and its neighbour differ in the gain of their digits: break one cell in each, one spare
    let broken = [(0, 0, 16e-6), (1, 1, 16e-6), (2, 2, 16e-6), (3, 3, 16e-6)];
    let none = seats(&encoded, 2, 1, Remap::None, &broken);
    assert_eq!((none.repair.moved_columns, none.repair.broken_cells), (0, 4));
    assert_eq!(none.repair.unrepairable_blocks, 1);
    let one = seats(&encoded, 2, 1, Remap::Spares, &broken);
    assert_eq!(one.repair.moved_columns, 1);
    let moved = one.seat.iter().position(|&line| line == columns).unwrap();
    let cost = |c: usize| {
        let block = Columns { encoded: &encoded, outputs: 2, has_dummy: false, level: (1e-6, 1e-6) };
        let (plane, output) = columns_of(&encoded)[c];
        weight(&block, plane, output)
    };
    assert!((0..4).all(|c| cost(c) <= cost(moved)), "the column with the largest gain moves");
    // 15 levels, squared, times the squared gain
    let error = |c: usize| 225.0 * cost(c);
    assert!(
        (none.repair.error_before - (0..4).map(error).sum::<f64>()).abs() < 1e-6 * none.repair.error_before
    );
    let left = none.repair.error_before - error(moved);
    assert!((one.repair.error_after - left).abs() <= 1e-6 * left);
    let all = seats(&encoded, 2, 4, Remap::Spares, &broken);
    assert_eq!(
        (all.repair.error_after, all.repair.broken_cells, all.repair.unrepairable_blocks),
        (0.0, 0, 0)
    );
}

fn columns_of(encoded: &Encoded) -> Vec<(Option<usize>, usize)> {
    columns(encoded, 2, false)
}

/// A stuck cell under a weight that wants just that value hurts nobody: outputs change places for it.
#[test]
fn outputs_go_where_they_are_not_hurt() {
    // output 0 wants 127 in row 0, output 1 wants 0 there
    let encoded = encode(1, 2, |_, o| if o == 0 { 127 } else { 0 });
    let own = encoded.planes.len();
    let level = |plane: usize| f64::from(encoded.planes[plane][(0, 0)]);
    // the bit lines of output 1 are stuck at what output 0 wants
    let broken: Vec<(usize, usize, f32)> =
        (0..own).map(|i| (0, own + i, (1e-6 + level(i) * 1e-6) as f32)).collect();
    let swapped = seats(&encoded, 2, 0, Remap::Outputs, &broken);
    assert!(swapped.repair.error_before > 0.0);
    assert_eq!(swapped.repair.error_after, 0.0);
    assert_eq!(swapped.seat[..own], (own..2 * own).collect::<Vec<_>>());
    // what the cells then hold is what was asked for
    let mut g: Vec<f32> = vec![(1e-6 + level(0) * 1e-6) as f32, 1e-6];
    let before = g.clone();
    let (first, stride) = crate::wires::bit_lines(&encoded, 2)[0];
    swapped.stick(&mut g, 2, (first, stride));
    assert_eq!(g, before);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Nothing that changes places makes the error larger; the freer, the smaller; every column has a line of its own.
    #[test]
    fn moving_never_hurts(
        weights in prop::collection::vec(-127i32..=127, 24),
        broken in prop::collection::vec((0usize..4, 0usize..28, prop::bool::ANY), 0..40),
        spares in 0usize..4,
    ) {
        let encoded = encode(4, 6, |r, o| weights[r * 6 + o]);
        let columns: usize = encoded.planes.iter().map(Mat::cols).sum();
        let broken: Vec<_> = broken
            .into_iter()
            .map(|(r, line, high)| (r, line % (columns + spares), if high { 16e-6f32 } else { 1e-6 }))
            .collect();
        let error = |remap| {
            let s = seats(&encoded, 6, spares, remap, &broken);
            let mut lines = s.seat.clone();
            lines.sort_unstable();
            lines.dedup();
            assert_eq!(lines.len(), columns);
            (s.repair.error_before, s.repair.error_after)
        };
        let (before, none) = error(Remap::None);
        prop_assert_eq!(before, none);
        let [spared, outputs, any] = [Remap::Spares, Remap::Outputs, Remap::Columns].map(error);
        let slack = 1.0 + 1e-12;
        prop_assert!(spared.1 <= before && outputs.1 <= before && any.1 <= before);
        prop_assert!(any.1 <= spared.1 * slack && any.1 <= outputs.1 * slack);
    }
}
