//! Whole lines that are broken.

use super::FaultModel;
use crate::device::{Patch, Window};
use ohmic_config::{KeyDoc, Kind};
use ohmic_numerics::Purpose;

const ROWS: KeyDoc = KeyDoc::number(
    "broken_row_fraction",
    "fraction of word lines (of a block) that are open at their driver",
)
.at_least(0.0)
.at_most(1.0);
const COLUMNS: KeyDoc = KeyDoc::number(
    "broken_column_fraction",
    "fraction of bit lines (of a block) that are open at their sense input",
)
.at_least(0.0)
.at_most(1.0);

/// The draw of a word line; that of a cell alone is 0.
const ROW_DRAW: u32 = 1;
const COLUMN_DRAW: u32 = 2;

pub(super) const KIND: Kind<dyn FaultModel> = Kind {
    name: "lines",
    summary: "independent word and bit lines that are open: their cells conduct nothing",
    example: "broken_row_fraction = 0.002\nbroken_column_fraction = 0.005",
    quiet: Some("broken_row_fraction = 0.0\nbroken_column_fraction = 0.0"),
    keys: &[ROWS, COLUMNS],
    build: |s| Ok(Box::new(Lines { rows: s.number(&ROWS)?, columns: s.number(&COLUMNS)? })),
};

/// Model: a cell on an open line adds no current, as if its conductance were 0 S.
///
/// Randomness: one uniform draw per line of a block, `Purpose::Fault`, once a chip, by the line's place in its
/// crossbar. Blocks that share a crossbar lie on its diagonal and have no line in common.
/// Left out: lines that are shorted, lines broken in the middle.
#[derive(Debug)]
struct Lines {
    rows: f64,
    columns: f64,
}

impl FaultModel for Lines {
    fn apply(&self, g_siemens: &mut [f32], _: Window, patch: &Patch<'_>) {
        if self.is_none() {
            return;
        }
        let broken = |draw, line: usize, fraction| {
            patch.noise.uniform(Purpose::Fault, patch.at.site, draw, line as u32) < fraction
        };
        let columns: Vec<bool> =
            (0..patch.cols).map(|c| broken(COLUMN_DRAW, patch.place(c).1, self.columns)).collect();
        for (row, cells) in g_siemens.chunks_mut(patch.cols.max(1)).enumerate() {
            let open = broken(ROW_DRAW, patch.first_row + row, self.rows);
            for (g, _) in cells.iter_mut().zip(&columns).filter(|(_, column)| open || **column) {
                *g = 0.0;
            }
        }
    }

    fn is_none(&self) -> bool {
        self.rows <= 0.0 && self.columns <= 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ohmic_numerics::{Cells, Noise, Seed, Site};

    /// Lines break as wholes, in all planes of a block alike: of 400 word lines and 500 bit lines a tenth, within
    /// five standard errors (6.0 and 6.7 lines).
    #[test]
    fn lines_break_as_wholes() {
        let lines = KIND.build_text("broken_row_fraction = 0.1\nbroken_column_fraction = 0.1").unwrap();
        let noise = Noise::new(Seed(4));
        let at = Cells { site: Site { layer: 1, block: 0 }, first: 0 };
        let window = Window { g_min_siemens: 1e-6, g_max_siemens: 4e-6 };
        let apply = |first: u32, first_col: usize, cols: usize, col_stride: usize| {
            let mut g = vec![2e-6f32; 400 * cols];
            let at = Cells { first, ..at };
            let patch = Patch { rows: 400, cols, first_col, col_stride, ..Patch::row(1, at, &noise) };
            lines.apply(&mut g, window, &patch);
            g
        };
        let whole = apply(0, 0, 500, 1);
        let open = |row: usize, column: usize| whole[row * 500 + column] == 0.0;
        let rows: Vec<usize> = (0..400).filter(|&r| (0..500).all(|c| open(r, c))).collect();
        let columns: Vec<usize> = (0..500).filter(|&c| (0..400).all(|r| open(r, c))).collect();
        assert!(rows.len().abs_diff(40) < 31 && columns.len().abs_diff(50) < 34, "{rows:?} {columns:?}");
        for r in 0..400 {
            assert!((0..500).all(|c| open(r, c) == (rows.contains(&r) || columns.contains(&c))));
        }
        // another plane on every second bit line breaks with them
        let second = apply(77_000, 1, 250, 2);
        assert!((0..400).all(|r| (0..250).all(|c| (second[r * 250 + c] == 0.0) == open(r, 2 * c + 1))));
    }
}
