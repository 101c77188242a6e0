//! The folder of a sweep's results.
//!
//! ```text
//! manifest.json     whose results these are: version, hashes, seed; machine and kernel
//! journal.jsonl     finished trials, one a line, in the order they finished
//! sweep.toml        the sweep file
//! resolved/0000.toml …  the hardware of each point with preset and settings merged in
//! results.csv, results.json, results.parquet   one row a trial, when all are finished
//! timings.csv       seconds a trial took; not part of the results
//! ```

use crate::evaluate::Prepared;
use crate::{Error, Point, SweepFile, TrialKey};
use ohmic_config::Quantity;
use ohmic_results::{Column, Manifest, Record, Store, Table, Value, write_atomically};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Columns that say where a row belongs; the evaluation's own columns stand behind them.
pub fn label_columns() -> Vec<Column> {
    vec![
        Column::new("point", "", "place of the point in the sweep's order, from 0"),
        Column::new("hardware", "", "preset or file of the machine, as the sweep names it"),
        Column::new("network", "", "network, as the sweep names it"),
        Column::new("data", "", "data set, as the sweep names it"),
        Column::new(
            "trial",
            "",
            "chip instance, from 0: devices, faults and programming are drawn anew for each",
        ),
        Column::new("seed", "", "seed of every random number of the sweep"),
        Column::new("status", "", "`done`, or `failed` with the reason in `message`"),
        Column::new("message", "", "why the trial failed; nothing otherwise"),
    ]
}

pub(crate) struct Row<'a> {
    pub(crate) point: &'a Point,
    pub(crate) trial: u32,
    pub(crate) key: TrialKey,
}

pub(crate) struct Folder<'a> {
    path: &'a Path,
    manifest: Manifest,
}

impl<'a> Folder<'a> {
    /// The folder, with what lies beside the results written into it: store, sweep file, resolved hardware.
    pub(crate) fn open<C>(
        path: &'a Path,
        sweep: &SweepFile,
        points: &[Point],
        prepared: &[Prepared<C>],
        measured: &[Column],
    ) -> Result<(Self, Store), Error> {
        let mut hash = blake3::Hasher::new();
        for (point, ready) in points.iter().zip(prepared) {
            hash.update(TrialKey::new(point, &ready.resolved, &ready.identity, 0).as_str().as_bytes());
        }
        let settings: Vec<String> = sweep.settings().iter().map(|(k, v)| format!("{k}={v}")).collect();
        let identity = BTreeMap::from(
            [
                ("version", env!("CARGO_PKG_VERSION").to_owned()),
                ("sweep", blake3::hash(sweep.text().as_bytes()).to_hex().to_string()),
                ("settings", settings.join(" ")),
                ("seed", sweep.seed().to_string()),
                ("points", hash.finalize().to_hex().to_string()),
            ]
            .map(|(k, v)| (k.to_owned(), v)),
        );
        let environment = [
            ("system", format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)),
            ("kernel", ohmic_numerics::kernel::level().name().to_owned()),
        ];
        let manifest = Manifest {
            identity,
            environment: environment.map(|(k, v)| (k.to_owned(), v)).into(),
            columns: columns(points, measured),
        };
        let store = Store::open(path, &manifest)?;
        write_atomically(&path.join("sweep.toml"), sweep.text().as_bytes())?;
        for (point, ready) in points.iter().zip(prepared) {
            let file = path.join("resolved").join(format!("{:04}.toml", point.index));
            if std::fs::read(&file).is_ok_and(|there| there == ready.resolved.as_bytes()) {
                continue;
            }
            // thousands of small files, not flushed one by one: what a power cut takes, the next run writes again
            let failed = |source| Error::Write { path: file.clone(), source };
            std::fs::create_dir_all(path.join("resolved")).map_err(failed)?;
            std::fs::write(&file, ready.resolved.as_bytes()).map_err(failed)?;
        }
        Ok((Self { path, manifest }, store))
    }

    /// Takes over the rows that shards of this sweep have finished.
    pub(crate) fn collect(&self, shards: &Path, store: &Store, rows: &[Row<'_>]) -> Result<(), Error> {
        let Ok(entries) = std::fs::read_dir(shards) else { return Ok(()) };
        let mut folders: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        folders.sort();
        for folder in folders {
            let shard = Store::open_read_only(&folder)?;
            if shard.manifest().identity != self.manifest.identity {
                // opening it as this sweep's names what differs
                Store::open(&folder, &self.manifest)?;
            }
            for row in rows.iter().filter(|row| !store.contains(row.key.as_str())) {
                for record in shard.records([row.key.as_str()]) {
                    store.append(row.key.as_str(), &record)?;
                }
            }
        }
        Ok(())
    }

    /// Writes the results, if every row is finished.
    pub(crate) fn finish(&self, store: &Store, rows: &[Row<'_>]) -> Result<Option<Table>, Error> {
        let records = store.records(rows.iter().map(|row| row.key.as_str()));
        if records.len() < rows.len() {
            return Ok(None);
        }
        let table = Table::from_records(self.manifest.columns.clone(), &records)?;
        table.to_csv(&self.path.join("results.csv"))?;
        table.to_json(&self.path.join("results.json"))?;
        table.to_parquet(&self.path.join("results.parquet"))?;
        Ok(Some(table))
    }

    /// Adds lines `point,trial,seconds` to the timings.
    pub(crate) fn append_timings(&self, lines: &str) -> Result<(), Error> {
        let path: PathBuf = self.path.join("timings.csv");
        let failed = |source| Error::Write { path: path.clone(), source };
        let mut file = std::fs::File::options().create(true).append(true).open(&path).map_err(failed)?;
        if file.metadata().map_err(failed)?.len() == 0 {
            file.write_all(b"point,trial,time [s]\n").map_err(failed)?;
        }
        file.write_all(lines.as_bytes()).map_err(failed)
    }
}

/// All columns of a sweep's results: labels, axes, what is measured.
fn columns(points: &[Point], measured: &[Column]) -> Vec<Column> {
    let mut columns = label_columns();
    let axes = points.first().map(|p| p.axes.as_slice()).unwrap_or_default();
    let place = columns.iter().position(|c| c.name == "trial").unwrap_or(0);
    for (i, (key, _)) in axes.iter().enumerate() {
        let meaning = format!("value of the key `{key}` at this point; see `ohmic explain {key}`");
        let unit = axis_unit(points.iter().filter_map(|p| Some(&p.axes.get(i)?.1)));
        columns.insert(place + i, Column::new(axis_column(key), unit, meaning));
    }
    columns.extend(measured.iter().cloned());
    columns
}

/// Name of the column of an axis.
pub fn axis_column(key: &str) -> String {
    format!("axis:{key}")
}

/// The SI unit of an axis whose values are all quantities of one dimension; empty if they are not.
pub fn axis_unit<'a>(values: impl IntoIterator<Item = &'a toml::Value>) -> String {
    let unit =
        |value: &toml::Value| Quantity::parse(value.as_str()?).ok().and_then(|q| q.dimension.units().next());
    let mut units = values.into_iter().map(unit);
    match units.next().flatten() {
        Some(first) if units.all(|unit| unit == Some(first)) => first.to_owned(),
        _ => String::new(),
    }
}

/// A value of an axis as results hold it: a number, in the axis' unit if it has one, else a text.
pub fn axis_value(value: &toml::Value, unit: &str) -> Value {
    match value {
        toml::Value::Integer(v) => Value::Int(*v),
        toml::Value::Float(v) => Value::Float(*v),
        toml::Value::String(text) if !unit.is_empty() => {
            Quantity::parse(text).map_or_else(|_| Value::Text(text.clone()), |q| Value::Float(q.value_si))
        }
        toml::Value::String(text) => Value::Text(text.clone()),
        other => Value::Text(other.to_string()),
    }
}

/// A row's labels, up to its status.
pub(crate) fn labels(point: &Point, trial: u32, columns: &[Column]) -> Record {
    let mut record = Record::new();
    record.set("point", Value::Int(point.index as i64));
    record.set("hardware", Value::Text(point.hardware.clone()));
    record.set("network", Value::Text(point.network.clone()));
    record.set("data", Value::Text(point.data.clone()));
    for (key, value) in &point.axes {
        let name = axis_column(key);
        let unit = columns.iter().find(|c| c.name == name).map_or("", |c| c.unit.as_str());
        let value = axis_value(value, unit);
        record.set(name, value);
    }
    record.set("trial", Value::Int(i64::from(trial)));
    // a seed beyond 2^63 has no integer of its own in the results; its text has
    record.set(
        "seed",
        i64::try_from(point.seed).map_or_else(|_| Value::Text(point.seed.to_string()), Value::Int),
    );
    record
}

impl Folder<'_> {
    /// The columns of the results.
    pub(crate) fn columns(&self) -> &[Column] {
        &self.manifest.columns
    }
}
