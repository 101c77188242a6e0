//! A results table (one row per point and trial) as points with estimates over the trials.

use crate::scale::{duration, number, prefixed};
use ohmic_numerics::stats::{mean, student_half_width};
use ohmic_results::{Column, Table, Value};

/// Prefix of the columns that a sweep varied.
pub(crate) const AXIS: &str = "axis:";

/// One swept axis.
#[derive(Clone, Debug)]
pub struct Axis {
    /// Its key path, without the prefix of the column.
    pub key: String,
    /// Its column.
    pub column: Column,
    /// Its values: numbers ascending, texts as first met.
    pub values: Vec<Value>,
}

impl Axis {
    /// Whether all values are numbers (a missing one aside).
    pub fn is_numeric(&self) -> bool {
        self.values.iter().all(|v| v.number().is_some() || v.is_missing())
            && self.values.iter().any(|v| !v.is_missing())
    }

    /// The words of one of its values: a text as a name, a number with the key and unit.
    pub fn label(&self, value: usize) -> String {
        match &self.values[value] {
            Value::Text(t) => short(t),
            Value::Missing => format!("no {}", self.key),
            v => format!("{} = {}", self.key, self.plain(v)),
        }
    }

    /// The value alone, with its unit where it has one.
    pub fn plain(&self, v: &Value) -> String {
        match v {
            Value::Text(t) => short(t),
            Value::Missing => "–".to_owned(),
            v => {
                let x = v.number().unwrap_or(f64::NAN);
                if self.column.unit == "s" && x >= 60.0 {
                    return duration(x);
                }
                let (factor, unit) = prefixed(&self.column.unit, x.abs());
                format!("{} {unit}", number(x * factor, 4)).trim_end().to_owned()
            }
        }
    }

    /// Title of an axis of a figure: the column's meaning if it is short, else the key.
    pub fn title(&self) -> String {
        let meaning = self.column.meaning.trim();
        if meaning.is_empty() || meaning.chars().count() > 48 { self.key.clone() } else { meaning.to_owned() }
    }
}

/// A file's or folder's own name instead of its whole path.
fn short(text: &str) -> String {
    let parts: Vec<&str> = text.split('/').filter(|p| !p.is_empty()).collect();
    match parts[..] {
        [.., folder, "hardware.toml" | "model.toml"] => folder.to_owned(),
        [.., _, file] => file.trim_end_matches(".toml").to_owned(),
        _ => text.to_owned(),
    }
}

/// One setting of the axes and its rows.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Per axis, the index of its value.
    pub at: Vec<usize>,
    /// Rows of its finished trials.
    pub rows: Vec<usize>,
    /// Rows of its failed trials.
    pub failed: Vec<usize>,
}

/// An estimate over trials.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Mean over the trials.
    pub mean: f64,
    /// Half width of Student's 95 % interval; none for one trial.
    pub half: Option<f64>,
}

/// The points of a table.
#[derive(Clone, Debug)]
pub struct Points<'a> {
    /// The table.
    pub table: &'a Table,
    /// The axes that take two values or more; the table's order.
    pub axes: Vec<Axis>,
    /// Axes that take one value only.
    pub fixed: Vec<Axis>,
    /// One per setting, by the axes' values.
    pub settings: Vec<Setting>,
}

impl<'a> Points<'a> {
    /// Groups a table's rows by its `axis:` columns.
    pub fn of(table: &'a Table) -> Self {
        let mut axes = Vec::new();
        let mut indices: Vec<Vec<usize>> = Vec::new();
        for (c, column) in table.columns.iter().enumerate().filter(|(_, c)| c.name.starts_with(AXIS)) {
            let mut values: Vec<Value> = Vec::new();
            for row in &table.rows {
                if !values.iter().any(|v| same(v, &row[c])) {
                    values.push(row[c].clone());
                }
            }
            if values.iter().all(|v| v.text().is_none()) {
                let key = |v: &Value| v.number().unwrap_or(f64::INFINITY);
                values.sort_by(|a, b| key(a).total_cmp(&key(b)));
            }
            let find = |row: &Vec<Value>| values.iter().position(|v| same(v, &row[c])).unwrap_or(0);
            indices.push(table.rows.iter().map(find).collect());
            axes.push(Axis { key: column.name[AXIS.len()..].to_owned(), column: column.clone(), values });
        }
        let swept: Vec<usize> = (0..axes.len()).filter(|a| axes[*a].values.len() > 1).collect();
        let mut settings: Vec<Setting> = Vec::new();
        let mut sorted: Vec<(Vec<usize>, usize)> =
            (0..table.rows.len()).map(|r| (swept.iter().map(|a| indices[*a][r]).collect(), r)).collect();
        sorted.sort();
        let status = table.index("status").ok();
        for (at, row) in sorted {
            if settings.last().is_none_or(|s| s.at != at) {
                settings.push(Setting { at, rows: Vec::new(), failed: Vec::new() });
            }
            let failed = status.is_some_and(|c| table.rows[row][c].text() == Some("failed"));
            if let Some(s) = settings.last_mut() {
                if failed { s.failed.push(row) } else { s.rows.push(row) }
            }
        }
        let (mut kept, mut fixed) = (Vec::new(), Vec::new());
        for axis in axes {
            if axis.values.len() > 1 { kept.push(axis) } else { fixed.push(axis) }
        }
        Points { table, axes: kept, fixed, settings }
    }

    /// Mean and interval of a column over the trials of some settings; NaN and missing values are left out; none if
    /// nothing is left; infinite if a value is.
    pub fn estimate(&self, column: &str, settings: &[&Setting]) -> Option<Estimate> {
        let c = self.table.index(column).ok()?;
        let rows = settings.iter().flat_map(|s| &s.rows);
        let values: Vec<f64> =
            rows.filter_map(|r| self.table.rows[*r][c].number()).filter(|v| !v.is_nan()).collect();
        if values.is_empty() {
            return None;
        }
        if let Some(infinite) = values.iter().find(|v| v.is_infinite()) {
            return Some(Estimate { mean: *infinite, half: None });
        }
        Some(Estimate { mean: mean(&values), half: student_half_width(&values) })
    }

    /// Words for a setting of some axes: `isaac, adc.bits = 8`.
    pub fn label(&self, axes: &[usize], at: &[usize]) -> String {
        let words: Vec<String> = axes.iter().map(|a| self.axes[*a].label(at[*a])).collect();
        if words.is_empty() { self.name() } else { words.join(", ") }
    }

    /// What the one design is called where nothing was swept.
    fn name(&self) -> String {
        let named = self.fixed.iter().find(|a| !a.is_numeric());
        named.map_or("all points".to_owned(), |a| a.label(0))
    }

    /// The settings that agree in these axes, in order: their common values and themselves.
    pub fn groups(&self, axes: &[usize]) -> Vec<(Vec<usize>, Vec<&Setting>)> {
        let mut groups: Vec<(Vec<usize>, Vec<&Setting>)> = Vec::new();
        for s in self.settings.iter().filter(|s| !s.rows.is_empty()) {
            let same = |g: &&mut (Vec<usize>, Vec<&Setting>)| axes.iter().all(|a| g.0[*a] == s.at[*a]);
            match groups.iter_mut().find(same) {
                Some(g) => g.1.push(s),
                None => groups.push((s.at.clone(), vec![s])),
            }
        }
        groups.sort_by_key(|g| axes.iter().map(|a| g.0[*a]).collect::<Vec<_>>());
        groups
    }

    /// The axes, out of these, on which a column depends: its mean changes by more than `share` of itself along them.
    pub fn matter(&self, column: &str, share: f64, among: &[usize]) -> Vec<usize> {
        let depends = |axis: usize| {
            let rest: Vec<usize> = (0..self.axes.len()).filter(|a| *a != axis).collect();
            self.groups(&rest).iter().any(|(_, group)| {
                let means: Vec<f64> =
                    group.iter().filter_map(|s| self.estimate(column, &[s])).map(|e| e.mean).collect();
                let (low, high) = crate::scale::extent(&means);
                means.len() > 1 && high - low > share * high.abs()
            })
        };
        among.iter().copied().filter(|a| depends(*a)).collect()
    }

    /// Index of the axis of that key.
    pub fn axis(&self, key: &str) -> Option<usize> {
        self.axes.iter().position(|a| a.key == key)
    }

    /// Names of the members of a family of columns with values, `energy:` → `adc`, `dac` ...
    pub fn family(&self, prefix: &str) -> Vec<String> {
        let names = self.table.columns.iter().filter_map(|c| c.name.strip_prefix(prefix));
        let some = |n: &&str| {
            self.table.column(&format!("{prefix}{n}")).is_ok_and(|v| v.iter().any(|v| v.number().is_some()))
        };
        names.filter(some).map(str::to_owned).collect()
    }

    /// Title and unit of a column for an axis of a figure.
    pub fn title(&self, column: &str) -> (String, String) {
        let found = self.table.columns.iter().find(|c| c.name == column);
        let unit = found.map_or(String::new(), |c| c.unit.clone());
        let words = column.replace([':', '_'], " ").replace(" db", "").replace("snr", "SNR");
        (words, unit)
    }

    /// Largest number of finished trials of a setting.
    pub fn trials(&self) -> usize {
        self.settings.iter().map(|s| s.rows.len()).max().unwrap_or(0)
    }
}

fn same(a: &Value, b: &Value) -> bool {
    match (a.number(), b.number()) {
        (Some(x), Some(y)) => x.total_cmp(&y).is_eq(),
        (None, None) => a == b,
        _ => false,
    }
}
