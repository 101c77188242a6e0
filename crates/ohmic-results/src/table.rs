//! Rows of values under columns.

use crate::{Column, Error, Record, Value};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Rows of values under columns; every row has one value per column.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Columns in the order of a row's values.
    pub columns: Vec<Column>,
    /// Rows; `rows[r][c]` is under `columns[c]`.
    pub rows: Vec<Vec<Value>>,
}

impl Table {
    /// The records as rows under these columns, in the order given; a value that a record lacks is missing.
    ///
    /// # Errors
    /// Two columns of one name; a record's value that no column describes.
    pub fn from_records<'a>(
        columns: Vec<Column>,
        records: impl IntoIterator<Item = &'a Record>,
    ) -> Result<Self, Error> {
        let mut table = Table { columns, rows: Vec::new() };
        for record in records {
            for (name, _) in record.iter() {
                if !table.has(name) {
                    return Err(Error::UndescribedValue { name: name.to_owned(), known: table.names() });
                }
            }
            let value = |c: &Column| record.get(&c.name).cloned().unwrap_or(Value::Missing);
            let row = table.columns.iter().map(value).collect();
            table.rows.push(row);
        }
        table.check()?;
        Ok(table)
    }

    /// Index of the column of that name.
    ///
    /// # Errors
    /// [`Error::NoColumn`], which names it and the nearest one there is.
    pub fn index(&self, name: &str) -> Result<usize, Error> {
        let found = self.columns.iter().position(|c| c.name == name);
        found.ok_or_else(|| Error::NoColumn { name: name.to_owned(), known: self.names() })
    }

    /// Values of the column of that name, one per row.
    ///
    /// # Errors
    /// As [`Table::index`].
    pub fn column(&self, name: &str) -> Result<Vec<&Value>, Error> {
        let c = self.index(name)?;
        Ok(self.rows.iter().filter_map(|r| r.get(c)).collect())
    }

    /// Whether there is a column of that name.
    pub fn has(&self, name: &str) -> bool {
        self.columns.iter().any(|c| c.name == name)
    }

    fn names(&self) -> Vec<String> {
        self.columns.iter().map(|c| c.name.clone()).collect()
    }

    /// Names unique, every row as long as the columns.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let mut seen = BTreeSet::new();
        for c in &self.columns {
            if !seen.insert(c.name.as_str()) {
                return Err(Error::DuplicateColumn { name: c.name.clone() });
            }
        }
        for (row, values) in self.rows.iter().enumerate() {
            if values.len() != self.columns.len() {
                return Err(Error::RowLength { row, found: values.len(), expected: self.columns.len() });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_values_and_names() {
        let columns =
            vec![Column::new("accuracy", "", "fraction right"), Column::new("latency", "s", "time")];
        let records: Vec<Record> = vec![
            [("latency", 2.0)].into_iter().collect(),
            [("accuracy", 0.5), ("latency", 1.0)].into_iter().collect(),
        ];
        let t = Table::from_records(columns.clone(), &records).unwrap();
        assert!(t.rows[0][0].is_missing());
        assert_eq!(t.column("latency").unwrap(), [&Value::Float(2.0), &Value::Float(1.0)]);
        let message = t.column("acuracy").unwrap_err().to_string();
        assert_eq!(message, "no column `acuracy`; did you mean `accuracy`?");
        let odd: Record = [("energy", 1.0)].into_iter().collect();
        let message = Table::from_records(columns, [&odd]).unwrap_err().to_string();
        assert_eq!(
            message,
            "a record has a value `energy` that no column describes; there are accuracy, latency"
        );
    }

    #[test]
    fn two_columns_of_one_name_are_refused() {
        let columns = vec![Column::new("a", "", ""), Column::new("a", "J", "")];
        assert_eq!(Table::from_records(columns, []).unwrap_err().to_string(), "two columns are named `a`");
    }
}
