//! A table as CSV, JSON and Parquet: the same bytes for the same table, written whole or not at all.

use crate::{Column, Error, Table, Value, write_atomically};
use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;
use std::path::Path;
use std::sync::Arc;

/// Rows of one Parquet row group: 2^18, as measured (1 M rows of 8 columns in 0.24 s).
const GROUP_ROWS: usize = 1 << 18;

impl Table {
    /// Writes CSV: a header with units (`latency [s]`), floats in their shortest form that reads back the same,
    /// `inf`, `-inf` and `nan` as such, nothing for a missing value (nor for an empty text).
    ///
    /// # Errors
    /// The file cannot be written, or the table's names or rows do not fit.
    pub fn to_csv(&self, path: &Path) -> Result<(), Error> {
        write_atomically(path, &self.csv()?)
    }

    /// Writes JSON: `{"columns": [{name, unit, meaning, formula}], "rows": [[...]]}` with one row per line; a missing
    /// value is `null`, what JSON has no number for is `{"float": "inf"}`, `"-inf"` or `"nan"`.
    ///
    /// # Errors
    /// As [`Table::to_csv`].
    pub fn to_json(&self, path: &Path) -> Result<(), Error> {
        write_atomically(path, &self.json()?)
    }

    /// Writes Parquet (Snappy): integers as INT64, numbers as DOUBLE, the rest as UTF-8 text, all optional; each
    /// column's `unit`, `meaning` and `formula` are file metadata under `<column>/unit` and so on.
    ///
    /// # Errors
    /// As [`Table::to_csv`], or the Parquet library refuses the table.
    pub fn to_parquet(&self, path: &Path) -> Result<(), Error> {
        write_atomically(path, &self.parquet()?)
    }

    /// Reads what [`Table::to_json`] wrote.
    ///
    /// # Errors
    /// The file cannot be read or does not hold such a table.
    pub fn read_json(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read(path).map_err(Error::io("read", path))?;
        let malformed = |reason: String| Error::Malformed { path: path.to_path_buf(), reason };
        let table: Table = serde_json::from_slice(&text).map_err(|e| malformed(e.to_string()))?;
        table.check().map_err(|e| malformed(e.to_string()))?;
        Ok(table)
    }

    /// The bytes that [`Table::to_csv`] writes.
    ///
    /// # Errors
    /// The table's names or rows do not fit.
    pub fn csv(&self) -> Result<Vec<u8>, Error> {
        self.check()?;
        let mut out = csv::Writer::from_writer(Vec::new());
        let malformed = |reason: String| Error::Malformed { path: "CSV".into(), reason };
        out.write_record(self.columns.iter().map(Column::header)).map_err(|e| malformed(e.to_string()))?;
        for row in &self.rows {
            out.write_record(row.iter().map(Value::to_string)).map_err(|e| malformed(e.to_string()))?;
        }
        out.into_inner().map_err(|e| malformed(e.to_string()))
    }

    /// The bytes that [`Table::to_json`] writes.
    ///
    /// # Errors
    /// The table's names or rows do not fit.
    pub fn json(&self) -> Result<Vec<u8>, Error> {
        self.check()?;
        let malformed =
            |e: serde_json::Error| Error::Malformed { path: "JSON".into(), reason: e.to_string() };
        let lines = |all: Vec<String>| {
            if all.is_empty() { String::new() } else { format!("\n{}\n", all.join(",\n")) }
        };
        let columns: Result<_, _> = self.columns.iter().map(serde_json::to_string).collect();
        let rows: Result<_, _> = self.rows.iter().map(serde_json::to_string).collect();
        let (columns, rows) = (columns.map_err(malformed)?, rows.map_err(malformed)?);
        Ok(format!("{{\"columns\": [{}],\n\"rows\": [{}]}}\n", lines(columns), lines(rows)).into_bytes())
    }

    /// The bytes that [`Table::to_parquet`] writes.
    ///
    /// # Errors
    /// As [`Table::to_parquet`].
    pub fn parquet(&self) -> Result<Vec<u8>, Error> {
        self.check()?;
        self.parquet_bytes().map_err(|e| Error::Parquet { reason: e.to_string() })
    }

    fn parquet_bytes(&self) -> parquet::errors::Result<Vec<u8>> {
        let kinds: Vec<Physical> = (0..self.columns.len()).map(|c| self.physical(c)).collect();
        let field = |(column, kind): (&Column, &Physical)| {
            let text = (*kind == Physical::BYTE_ARRAY).then_some(LogicalType::String);
            let field = Type::primitive_type_builder(&column.name, *kind);
            field.with_repetition(Repetition::OPTIONAL).with_logical_type(text).build().map(Arc::new)
        };
        let fields = self.columns.iter().zip(&kinds).map(field).collect::<Result<_, _>>()?;
        let schema = Arc::new(Type::group_type_builder("results").with_fields(fields).build()?);
        let meta = self.columns.iter().flat_map(|c| {
            [("unit", &c.unit), ("meaning", &c.meaning), ("formula", &c.formula)]
                .map(|(what, text)| KeyValue::new(format!("{}/{what}", c.name), text.clone()))
        });
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(format!("ohmic {}", env!("CARGO_PKG_VERSION")))
            .set_key_value_metadata(Some(meta.collect()))
            .build();
        let mut out = Vec::new();
        let mut file = SerializedFileWriter::new(&mut out, schema, Arc::new(properties))?;
        for rows in self.rows.chunks(GROUP_ROWS) {
            let mut group = file.next_row_group()?;
            for (c, kind) in kinds.iter().enumerate() {
                let values = || rows.iter().map(|r| &r[c]);
                let there: Vec<i16> = values().map(|v| i16::from(!v.is_missing())).collect();
                let Some(mut column) = group.next_column()? else { break };
                match kind {
                    Physical::INT64 => {
                        let v: Vec<i64> = values()
                            .filter_map(|v| if let Value::Int(i) = v { Some(*i) } else { None })
                            .collect();
                        column.typed::<Int64Type>().write_batch(&v, Some(&there), None)?;
                    }
                    Physical::DOUBLE => {
                        let v: Vec<f64> = values().filter_map(Value::number).collect();
                        column.typed::<DoubleType>().write_batch(&v, Some(&there), None)?;
                    }
                    _ => {
                        let text = values()
                            .filter(|v| !v.is_missing())
                            .map(|v| ByteArray::from(v.to_string().into_bytes()));
                        column.typed::<ByteArrayType>().write_batch(
                            &text.collect::<Vec<_>>(),
                            Some(&there),
                            None,
                        )?;
                    }
                }
                column.close()?;
            }
            group.close()?;
        }
        file.close()?;
        Ok(out)
    }

    /// The narrowest of integer, number and text that holds a column; number where nothing is there.
    fn physical(&self, c: usize) -> Physical {
        let mut kind = None;
        for row in &self.rows {
            kind = match (&row[c], kind) {
                (Value::Text(_), _) => return Physical::BYTE_ARRAY,
                (Value::Int(_), None) => Some(Physical::INT64),
                (Value::Float(_), _) => Some(Physical::DOUBLE),
                (_, kind) => kind,
            };
        }
        kind.unwrap_or(Physical::DOUBLE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;

    fn table() -> Table {
        let columns = vec![
            Column::new("axis:hardware", "", "design, \"as named\""),
            Column::new("trial", "", "chip instance"),
            Column::new("energy", "J", "energy per inference").with_formula("sum of n e"),
            Column::new("never", "dB", "not computed"),
        ];
        let rows = vec![
            vec!["isaac, 8 bit".into(), 0i64.into(), 1.25e-9.into(), Value::Missing],
            vec!["µ \"x\"".into(), 1i64.into(), f64::INFINITY.into(), Value::Missing],
            vec![Value::Missing, Value::Missing, f64::NAN.into(), Value::Missing],
            vec!["z".into(), (-1i64).into(), (0.1 + 0.2).into(), Value::Missing],
        ];
        Table { columns, rows }
    }

    #[test]
    fn csv_by_hand() {
        let text = String::from_utf8(table().csv().unwrap()).unwrap();
        let expected = "axis:hardware,trial,energy [J],never [dB]\n\
                        \"isaac, 8 bit\",0,1.25e-9,\n\
                        \"µ \"\"x\"\"\",1,inf,\n\
                        ,,nan,\n\
                        z,-1,0.30000000000000004,\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn json_reads_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("results.json");
        for t in [table(), Table::default()] {
            t.to_json(&path).unwrap();
            let back = Table::read_json(&path).unwrap();
            assert_eq!(back.columns, t.columns);
            assert!(back.rows.iter().flatten().zip(t.rows.iter().flatten()).all(|(a, b)| a.same(b)));
            assert_eq!(back.rows.len(), t.rows.len());
            assert_eq!(back.json().unwrap(), t.json().unwrap());
        }
        std::fs::write(&path, "{\"columns\": [{\"name\": \"a\"}], \"rows\": [[1, 2]]}").unwrap();
        let message = Table::read_json(&path).unwrap_err().to_string();
        assert!(message.ends_with("results.json: row 0 has 2 values, the table has 1 columns"), "{message}");
        std::fs::write(&path, "{\"columns\": [").unwrap();
        assert!(Table::read_json(&path).unwrap_err().to_string().contains("line 1 column"));
    }

    #[test]
    fn parquet_reads_back_with_units() {
        let bytes = table().parquet().unwrap();
        assert_eq!(bytes, table().parquet().unwrap(), "not deterministic");
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("results.parquet");
        table().to_parquet(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
        let file = SerializedFileReader::new(std::fs::File::open(&path).unwrap()).unwrap();
        let meta = file.metadata().file_metadata().key_value_metadata().unwrap();
        let of = |k: &str| meta.iter().find(|m| m.key == k).and_then(|m| m.value.clone()).unwrap();
        assert_eq!((of("energy/unit").as_str(), of("energy/formula").as_str()), ("J", "sum of n e"));
        let rows: Vec<_> = file.get_row_iter(None).unwrap().map(Result::unwrap).collect();
        let value = |r: usize, c: usize| rows[r].get_column_iter().nth(c).unwrap().1.clone();
        assert_eq!(value(1, 0), Field::Str("µ \"x\"".into()));
        assert_eq!((value(3, 1), value(2, 1)), (Field::Long(-1), Field::Null));
        assert_eq!((value(0, 2), value(1, 2)), (Field::Double(1.25e-9), Field::Double(f64::INFINITY)));
        assert_eq!(value(3, 3), Field::Null);
    }

    #[test]
    fn an_empty_table_is_written_too() {
        let t = Table { columns: vec![Column::new("a", "", "")], rows: vec![] };
        assert_eq!(t.csv().unwrap(), b"a\n");
        assert!(t.parquet().is_ok());
    }
}
