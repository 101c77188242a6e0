//! A finished run, or one point of a finished sweep: its resolved hardware and its results.

use crate::Error;
use ohmic_config::{Document, SourceText};
use ohmic_hardware::Hardware;
use ohmic_results::{Table, Value};
use std::path::{Path, PathBuf};

/// A finished run.
#[derive(Debug)]
pub struct Finished {
    /// The folder.
    pub folder: PathBuf,
    /// File of the machine that ran, preset and settings merged in.
    pub file: PathBuf,
    /// The machine that ran.
    pub hardware: Hardware,
    /// Its file, preset and settings merged in.
    pub resolved: Document,
    /// Names of the result columns, with unit, in order.
    columns: Vec<(String, String)>,
    /// Of each column: one value a trial.
    values: Vec<Vec<Value>>,
}

impl Finished {
    /// Reads the folder of `ohmic run --out`, or of a sweep of which `point` says the point (0 if there is one only).
    ///
    /// # Errors
    /// No results, no such point, or a file is damaged.
    pub fn read(folder: &Path, point: Option<usize>) -> Result<Self, Error> {
        let refused = |problem: String| Error::Folder { folder: folder.to_owned(), problem };
        let results = folder.join("results.json");
        let table = Table::read_json(&results).map_err(|e| refused(e.to_string()))?;
        let points: Vec<usize> = match table.column("point") {
            Ok(column) => column.iter().map(|v| v.number().unwrap_or(0.0) as usize).collect(),
            Err(_) => vec![0; table.rows.len()],
        };
        let last = points.iter().copied().max().unwrap_or(0);
        let point = match point {
            Some(point) if point <= last => point,
            Some(point) => return Err(refused(format!("it has no point {point}; the last one is {last}"))),
            None if last == 0 => 0,
            None => return Err(refused(format!("it has {} points: say which with --point", last + 1))),
        };
        let one = folder.join("resolved.toml");
        let file = if one.exists() { one } else { folder.join("resolved").join(format!("{point:04}.toml")) };
        let text = std::fs::read_to_string(&file)
            .map_err(|e| refused(format!("cannot read {}: {e}", file.display())))?;
        let path = file.display().to_string();
        let hardware = Hardware::from_text(&path, &text)?;
        let resolved = Document::parse(SourceText { path, text })?;
        let columns = table.columns.iter().map(|c| (c.name.clone(), c.unit.clone())).collect();
        let mut values = vec![Vec::new(); table.columns.len()];
        for (row, _) in table.rows.iter().zip(&points).filter(|(_, p)| **p == point) {
            for (column, value) in values.iter_mut().zip(row) {
                column.push(value.clone());
            }
        }
        Ok(Self { folder: folder.to_owned(), file, hardware, resolved, columns, values })
    }

    /// Name and unit of the result columns.
    pub fn columns(&self) -> &[(String, String)] {
        &self.columns
    }

    /// The text of a column, if all chip instances have the same.
    pub fn text(&self, column: &str) -> Option<&str> {
        let at = self.columns.iter().position(|c| c.0 == column)?;
        self.values[at].first()?.text()
    }

    /// Chip instances.
    pub fn trials(&self) -> usize {
        self.values.first().map_or(0, Vec::len)
    }

    /// The mean of a column over chip instances, if it holds numbers.
    pub fn mean(&self, column: &str) -> Option<f64> {
        let at = self.columns.iter().position(|c| c.0 == column)?;
        let numbers: Vec<f64> = self.values[at].iter().filter_map(Value::number).collect();
        (!numbers.is_empty()).then(|| numbers.iter().sum::<f64>() / numbers.len() as f64)
    }
}
