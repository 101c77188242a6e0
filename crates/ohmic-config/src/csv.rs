//! Tables of measured values: CSV texts whose columns are documented by [`KeyDoc`]s, as keys are, and whose
//! every cell knows where it stands.
//!
//! The first line that is not empty and does not begin with `#` names the columns, each quantity with its unit:
//! `target [uS], mean [uS], sigma [nS]`. Cells are separated by commas, semicolons or tabs.

use crate::error::{Error, Unknown};
use crate::key::{Form, KeyDoc, Presence};
use crate::quantity::Quantity;
use crate::span::{Place, SourceText};
use crate::suggest::nearest;
use std::ops::Range;
use std::sync::Arc;

/// A table, checked cell by cell against the documentation of its columns.
#[derive(Clone, Debug)]
pub struct Csv {
    source: Arc<SourceText>,
    columns: Vec<Column>,
    rows: usize,
}

#[derive(Clone, Debug)]
struct Column {
    key: &'static str,
    /// In SI units.
    values: Vec<f64>,
    spans: Vec<Range<usize>>,
}

/// The cells of a line: bytes of the text, blanks around them taken off.
pub fn cells(text: &str, line: Range<usize>, separator: char) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let mut start = line.start;
    for part in text[line].split(separator) {
        let end = start + part.len();
        let before = part.len() - part.trim_start().len();
        out.push(start + before..(start + before + part.trim().len()).min(end));
        start = end + separator.len_utf8();
    }
    out
}

/// The lines of a table that have cells: bytes of the text without the line break.
pub fn lines(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    text.split_inclusive('\n').filter_map(move |line| {
        let start = at;
        at += line.len();
        let plain = line.trim();
        (!plain.is_empty() && !plain.starts_with('#')).then(|| start..start + line.trim_end().len())
    })
}

/// What separates the cells of a line: a tab, a semicolon, or else a comma.
pub fn separator(line: &str) -> char {
    ['\t', ';'].into_iter().find(|c| line.contains(*c)).unwrap_or(',')
}

impl Csv {
    /// Reads a table that may have these columns only.
    ///
    /// # Errors
    /// No header or no row; an unknown, repeated or missing column; a missing or wrong unit; a row with another
    /// number of cells; a cell that is no finite number or out of its column's range.
    pub fn parse(source: Arc<SourceText>, columns: &'static [KeyDoc]) -> Result<Self, Error> {
        let text = &source.text;
        let mut lines = lines(text);
        let place = |span: Range<usize>| Place::new(source.clone(), span);
        let nothing = |problem: &str| Error::Invalid {
            place: place(0..0),
            path: source.path.clone(),
            problem: problem.to_owned(),
            also: vec![],
            help: Some(format!("expected a first line `{}` and rows of numbers below it", example(columns))),
        };
        let header = lines.next().ok_or_else(|| nothing("the table is empty"))?;
        let separator = separator(&text[header.clone()]);
        let mut found: Vec<(&'static KeyDoc, String, Column)> = Vec::new();
        for span in cells(text, header.clone(), separator) {
            let (name, unit) = name_and_unit(&text[span.clone()]);
            let Some(key) = columns.iter().find(|k| k.key == name) else {
                let known = || columns.iter().map(|k| k.key);
                return Err(Error::UnknownKey {
                    place: place(span),
                    path: name.to_owned(),
                    what: Unknown::Column,
                    kind: None,
                    nearest: nearest(name, known()).map(str::to_owned),
                    known: known().map(str::to_owned).collect(),
                });
            };
            let invalid = |problem: String| Error::Invalid {
                place: place(span.clone()),
                path: name.to_owned(),
                problem,
                also: vec![],
                help: Some(format!("write the column as `{}`: {}", header_of(key), key.meaning)),
            };
            if found.iter().any(|(k, ..)| k.key == key.key) {
                return Err(invalid("the column is there twice".to_owned()));
            }
            match (key.form, unit) {
                (Form::Quantity(d), None) => {
                    return Err(invalid(format!("the column has no unit; it is a {}", d.name())));
                }
                (Form::Quantity(d), Some(unit)) if !d.units().any(|u| u == plain_unit(unit)) => {
                    return Err(invalid(format!(
                        "`{unit}` is no unit of {}; units: {}",
                        d.name(),
                        d.units().collect::<Vec<_>>().join(", ")
                    )));
                }
                (Form::Quantity(_), Some(_)) | (_, None) => {}
                (_, Some(unit)) => {
                    return Err(invalid(format!("the column has no dimension, but the unit `{unit}`")));
                }
            }
            let column = Column { key: key.key, values: vec![], spans: vec![] };
            found.push((key, plain_unit(unit.unwrap_or_default()), column));
        }
        if let Some(missing) = columns
            .iter()
            .find(|k| k.presence == Presence::Required && !found.iter().any(|(f, ..)| f.key == k.key))
        {
            return Err(Error::Invalid {
                place: place(header),
                path: missing.key.to_owned(),
                problem: "the table has no such column".to_owned(),
                also: vec![],
                help: Some(format!("add a column `{}`: {}", header_of(missing), missing.meaning)),
            });
        }
        let mut rows = 0;
        for line in lines {
            let row = cells(text, line.clone(), separator);
            if row.len() != found.len() {
                let at = row.get(found.len()).cloned().unwrap_or(line.end.saturating_sub(1)..line.end);
                return Err(Error::Invalid {
                    place: place(at),
                    path: source.path.clone(),
                    problem: format!("the row has {} cells, the table {} columns", row.len(), found.len()),
                    also: vec![(place(header), "the columns".to_owned())],
                    help: Some(format!("separate all cells by `{}`", separator.escape_default())),
                });
            }
            for ((key, unit, column), span) in found.iter_mut().zip(row) {
                column.values.push(value(key, unit, &text[span.clone()], || place(span.clone()))?);
                column.spans.push(span);
            }
            rows += 1;
        }
        if rows == 0 {
            return Err(nothing("the table has no row"));
        }
        Ok(Self { columns: found.into_iter().map(|(_, _, c)| c).collect(), rows, source })
    }

    /// How many rows there are: at least one.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Whether the table has the column.
    pub fn has(&self, key: &KeyDoc) -> bool {
        self.column(key).is_some()
    }

    fn column(&self, key: &KeyDoc) -> Option<&Column> {
        self.columns.iter().find(|c| c.key == key.key)
    }

    /// The values of a column from the first row on, in SI units; empty if the column is not there.
    pub fn values(&self, key: &KeyDoc) -> &[f64] {
        self.column(key).map_or(&[], |c| &c.values)
    }

    /// Where a value stands.
    pub fn place(&self, row: usize, key: &KeyDoc) -> Place {
        let span = self.column(key).and_then(|c| c.spans.get(row)).cloned();
        Place::new(self.source.clone(), span.unwrap_or(0..0))
    }

    /// An error about one value of the table.
    pub fn invalid(
        &self,
        row: usize,
        key: &KeyDoc,
        problem: String,
        also: Vec<(Place, String)>,
        help: Option<String>,
    ) -> Error {
        Error::Invalid { place: self.place(row, key), path: key.key.to_owned(), problem, also, help }
    }
}

/// The name of a column as it stands in the header: `target [uS]`.
pub fn header_of(key: &KeyDoc) -> String {
    match key.form {
        Form::Quantity(d) => {
            let unit = d.example().rsplit(' ').next().unwrap_or_default();
            format!("{} [{unit}]", key.key)
        }
        _ => key.key.to_owned(),
    }
}

fn example(columns: &[KeyDoc]) -> String {
    let required = columns.iter().filter(|k| k.presence == Presence::Required);
    required.map(header_of).collect::<Vec<_>>().join(", ")
}

fn name_and_unit(header: &str) -> (&str, Option<&str>) {
    match header.split_once('[') {
        Some((name, unit)) => (name.trim(), Some(unit.trim_end_matches(']').trim())),
        None => (header, None),
    }
}

fn plain_unit(unit: &str) -> String {
    unit.replace(['\u{b5}', '\u{3bc}'], "u").replace(['\u{3a9}', '\u{2126}'], "Ohm")
}

fn value(key: &KeyDoc, unit: &str, text: &str, place: impl Fn() -> Place) -> Result<f64, Error> {
    let not_a_number = || Error::Invalid {
        place: place(),
        path: key.key.to_owned(),
        problem: if text.is_empty() {
            "the cell is empty".to_owned()
        } else {
            format!("`{text}` is not a finite number")
        },
        also: vec![],
        help: Some(key.meaning.to_owned()),
    };
    let number: f64 = text.parse().map_err(|_| not_a_number())?;
    if !number.is_finite() {
        return Err(not_a_number());
    }
    let value = if unit.is_empty() {
        number
    } else {
        // the double nearest to the decimal number in the SI unit, as in `Quantity`
        Quantity::parse(&format!("{text} {unit}")).map_err(|_| not_a_number())?.value_si
    };
    if key.admits(value) {
        return Ok(value);
    }
    let range = key.range();
    Err(Error::OutOfRange {
        place: place(),
        path: key.key.to_owned(),
        value: format!("{text} {unit}").trim().to_owned(),
        range: if range.is_empty() { "a finite number".to_owned() } else { range },
        meaning: key.meaning.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantity::Dimension;

    const TARGET: KeyDoc = KeyDoc::quantity("target", Dimension::Conductance, "what was asked for");
    const SIGMA: KeyDoc =
        KeyDoc::quantity("sigma", Dimension::Conductance, "standard deviation").at_least(0.0);
    const COUNT: KeyDoc = KeyDoc::number("count", "how many").optional("nobody knows");
    const COLUMNS: &[KeyDoc] = &[TARGET, SIGMA, COUNT];

    fn read(text: &str) -> Result<Csv, Error> {
        Csv::parse(Arc::new(SourceText { path: "t.csv".into(), text: text.into() }), COLUMNS)
    }

    #[test]
    #[allow(clippy::float_cmp)]
    fn values_are_in_si_units_whatever_separates_them() {
        for text in [
            "# a note\n\ntarget [uS], sigma [nS]\n1.5, 20\n2.5, 30\n",
            "target [\u{b5}S]\tsigma [nS]\n1.5\t20\n2.5\t30",
            "sigma [uS];target [uS];count\n0.02;1.5;3\n0.03;2.5;4\n",
        ] {
            let t = read(text).unwrap();
            assert_eq!((t.rows(), t.values(&TARGET)), (2, &[1.5e-6, 2.5e-6][..]), "{text}");
            assert_eq!(t.values(&SIGMA), [20e-9, 30e-9], "{text}");
        }
        assert!(read("target [uS],sigma [uS]\n1,1\n").unwrap().values(&COUNT).is_empty());
    }

    /// Every refusal names the file, the line and the column (of the character) it is about.
    #[test]
    fn bad_tables_are_refused_at_their_place() {
        for (text, place, says) in [
            ("", "1:1", "the table is empty"),
            ("# only a note\n", "1:1", "the table is empty"),
            ("target [uS], sigma [uS]\n", "1:1", "the table has no row"),
            ("target [uS], sigma\n1, 2\n", "1:14", "the column has no unit"),
            ("target [us], sigma [uS]\n1, 2\n", "1:1", "`us` is no unit of conductance"),
            ("target [uS], sgima [uS]\n1, 2\n", "1:14", "sgima"),
            ("target [uS]\n1\n", "1:1", "no such column"),
            ("target [uS], target [uS], sigma [uS]\n1, 2, 3\n", "1:14", "twice"),
            ("target [uS], sigma [uS], count [uS]\n1, 2, 3\n", "1:26", "no dimension"),
            ("target [uS], sigma [uS]\n1, 2\n3\n", "3:1", "the row has 1 cells"),
            ("target [uS], sigma [uS]\n1, 2, 4\n", "2:7", "has 3 cells"),
            ("target [uS], sigma [uS]\n1, 2\n3, NaN\n", "3:4", "not a finite number"),
            ("target [uS], sigma [uS]\n1, inf\n", "2:4", "not a finite number"),
            ("target [uS], sigma [uS]\n1, \n", "2:3", "the cell is empty"),
            ("target [uS], sigma [uS]\n, 1\n", "2:1", "the cell is empty"),
            ("target [uS], sigma [uS]\n1, 2\n1, -2\n", "3:4", "out of range"),
        ] {
            let e = read(text).map(|_| ()).expect_err(text);
            let message = e.one_line();
            assert!(message.contains(says), "{text:?}: {message}");
            assert!(message.starts_with(&format!("t.csv:{place}: ")), "{text:?} {place}: {message}");
        }
    }
}
