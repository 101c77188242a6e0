//! The broken cells of one chip, as a test found them.

use super::FaultModel;
use crate::device::{Patch, Window};
use crate::spec::CrossbarSpec;
use ohmic_config::csv::Csv;
use ohmic_config::{Dimension, Error, KeyDoc, Kind};
use std::collections::BTreeMap;

const MAP: KeyDoc = KeyDoc::file(
    "map",
    "table of broken cells: crossbar, row, column, and what the cell is stuck at, as `state` or `conductance`",
);

const CROSSBAR: KeyDoc =
    KeyDoc::integer("crossbar", 0, u32::MAX, "crossbar, counted over the network from 0 (`ohmic map`)");
const ROW: KeyDoc = KeyDoc::integer("row", 0, 65_535, "word line, from 0");
const COLUMN: KeyDoc = KeyDoc::integer("column", 0, 65_535, "bit line, from 0");
const STATE: KeyDoc = KeyDoc::integer(
    "state",
    0,
    1,
    "0: stuck in the high-resistance state, at g_min; 1: in the low one, at g_max",
)
.optional("conductance says it instead");
const CONDUCTANCE: KeyDoc =
    KeyDoc::quantity("conductance", Dimension::Conductance, "conductance that the cell is stuck at")
        .at_least(0.0)
        .optional("state says it instead");
const COLUMNS: &[KeyDoc] = &[CROSSBAR, ROW, COLUMN, STATE, CONDUCTANCE];

pub(super) const KIND: Kind<dyn FaultModel> = Kind {
    name: "map",
    summary: "the broken cells of one chip, listed in a table: the same for every chip instance",
    example: "map = \"\"\"\ncrossbar, row, column, state\n0, 0, 5, 0\n0, 0, 6, 1\n\"\"\"",
    quiet: None,
    keys: &[MAP],
    build: |s| Ok(Box::new(Map::read(s.csv(&MAP, COLUMNS)?)?)),
};

/// What a cell is stuck at.
#[derive(Clone, Copy, Debug)]
enum Stuck {
    HighResistance,
    LowResistance,
    Siemens(f32),
}

/// Model: the cells of the table hold what it says; all others work.
///
/// Units: siemens. Randomness: none.
/// Left out: cells that break later, or only sometimes.
#[derive(Debug)]
struct Map {
    table: Csv,
    /// Row of the table and what the cell is stuck at, by crossbar, word line and bit line.
    cells: BTreeMap<(u32, usize, usize), (usize, Stuck)>,
}

impl Map {
    fn read(table: Csv) -> Result<Self, Error> {
        let (states, conductances) = (table.values(&STATE), table.values(&CONDUCTANCE));
        if states.is_empty() == conductances.is_empty() {
            let (problem, help) = if states.is_empty() {
                (
                    "the table does not say what cells are stuck at",
                    "add a column `state` or `conductance [uS]`",
                )
            } else {
                ("`state` and `conductance` say the same in two ways", "leave one of the columns out")
            };
            return Err(table.invalid(0, &CROSSBAR, problem.to_owned(), vec![], Some(help.to_owned())));
        }
        let mut cells = BTreeMap::new();
        for i in 0..table.rows() {
            let whole = |key: &KeyDoc| {
                let value = table.values(key)[i];
                if value.fract() != 0.0 {
                    let help = Some(key.meaning.to_owned());
                    return Err(table.invalid(i, key, format!("{value} is no whole number"), vec![], help));
                }
                Ok(value as u32)
            };
            let place = (whole(&CROSSBAR)?, whole(&ROW)? as usize, whole(&COLUMN)? as usize);
            let stuck = match conductances.get(i) {
                Some(&siemens) => Stuck::Siemens(siemens as f32),
                None if whole(&STATE)? == 0 => Stuck::HighResistance,
                None => Stuck::LowResistance,
            };
            if let Some((other, _)) = cells.insert(place, (i, stuck)) {
                let also = vec![(table.place(other, &CROSSBAR), "and here".to_owned())];
                let help = Some("one row for each cell".to_owned());
                return Err(table.invalid(i, &CROSSBAR, "the cell is there twice".to_owned(), also, help));
            }
        }
        Ok(Self { table, cells })
    }
}

impl FaultModel for Map {
    fn apply(&self, g_siemens: &mut [f32], window: Window, patch: &Patch<'_>) {
        let (low, high) =
            ((patch.crossbar, patch.first_row, 0), (patch.crossbar, patch.first_row + patch.rows, 0));
        for (&(_, row, column), &(_, stuck)) in self.cells.range(low..high) {
            let Some(offset) = column.checked_sub(patch.first_col) else { continue };
            let stride = patch.col_stride.max(1);
            if offset % stride != 0 || offset / stride >= patch.cols {
                continue;
            }
            g_siemens[(row - patch.first_row) * patch.cols + offset / stride] = match stuck {
                Stuck::HighResistance => window.g_min_siemens as f32,
                Stuck::LowResistance => window.g_max_siemens as f32,
                Stuck::Siemens(g) => g,
            };
        }
    }

    fn suits(&self, crossbar: &CrossbarSpec) -> Result<(), Error> {
        for (&(_, row, column), &(i, _)) in &self.cells {
            for (key, at, size, name) in
                [(&ROW, row, crossbar.rows, "rows"), (&COLUMN, column, crossbar.cols, "cols")]
            {
                if at >= size {
                    let problem = format!("{} {at} is outside of the crossbar", key.key);
                    let help = Some(format!("crossbar.{name} = {size}: 0 to {}", size - 1));
                    return Err(self.table.invalid(i, key, problem, vec![], help));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Hardware;
    use ohmic_numerics::{Cells, Noise, Seed, Site};

    fn map(rows: &str) -> Result<Box<dyn FaultModel>, String> {
        KIND.build_text(&format!("map = \"\"\"\n{rows}\"\"\"")).map_err(|e| e.to_string())
    }

    /// Cells (2, 5) and (3, 6) of crossbar 1, seen by a plane of 2 x 2 cells on word lines 2.. and bit lines 5, 7.
    #[test]
    fn cells_break_where_they_are() {
        let faults =
            map("crossbar, row, column, conductance [uS]\n1, 2, 5, 7.5\n1, 3, 6, 9\n0, 2, 7, 8\n").unwrap();
        let noise = Noise::new(Seed(1));
        let at = Cells { site: Site { layer: 0, block: 0 }, first: 0 };
        let patch = |first_col, crossbar| Patch {
            rows: 2,
            cols: 2,
            crossbar,
            first_row: 2,
            first_col,
            col_stride: 2,
            ..Patch::row(4, at, &noise)
        };
        let window = Window { g_min_siemens: 1e-6, g_max_siemens: 4e-6 };
        let apply = |patch: Patch<'_>| {
            let mut g = vec![2e-6f32; 4];
            faults.apply(&mut g, window, &patch);
            g
        };
        assert_eq!(apply(patch(5, 1)), [7.5e-6, 2e-6, 2e-6, 2e-6]);
        assert_eq!(apply(patch(6, 1)), [2e-6, 2e-6, 9e-6, 2e-6]);
        assert_eq!(apply(patch(5, 0)), [2e-6, 8e-6, 2e-6, 2e-6]);
        let states = map("crossbar, row, column, state\n1, 2, 5, 1\n1, 3, 5, 0\n").unwrap();
        let mut g = vec![2e-6f32; 4];
        states.apply(&mut g, window, &patch(5, 1));
        assert_eq!(g, [4e-6, 2e-6, 1e-6, 2e-6]);
    }

    #[test]
    fn wrong_tables_are_refused_with_their_place() {
        for (rows, parts) in [
            ("crossbar, row, column\n0, 1, 2\n", vec!["add a column `state`"]),
            (
                "crossbar, row, column, state, conductance [uS]\n0, 1, 2, 0, 5\n",
                vec!["leave one of the columns out"],
            ),
            ("crossbar, row, column, state\n0, 1.5, 2, 0\n", vec!["1.5 is no whole number", ":2:4"]),
            ("crossbar, row, column, state\n0, 1, 2, 3\n", vec!["out of range", ":2:10"]),
            ("crossbar, row, column, conductance\n0, 1, 2, 3\n", vec!["has no unit"]),
            ("crossbar, row, column, conductance [uS]\n0, 1, 2, -3\n", vec!["out of range"]),
            ("crossbar, row, column, state\n0, 1, 2, 0\n0, 1, 2, 1\n", vec!["there twice", ":3:1"]),
            ("crossbar, row, column, state\n0, 1, 2\n", vec!["the row has 3 cells"]),
        ] {
            let e = map(rows).map(|_| ()).unwrap_err();
            for part in parts {
                assert!(e.contains(part), "{rows}\n{e}");
            }
        }
        let text = "extends = \"generic_reram\"\n[fault]\nkind = \"map\"\nmap = \"\"\"\ncrossbar, row, column, state\n0, 1, 128, 0\n\"\"\"\n";
        let e = Hardware::from_text("test", text).unwrap_err().to_string();
        assert!(e.contains("column 128 is outside of the crossbar") && e.contains("0 to 127"), "{e}");
    }
}
