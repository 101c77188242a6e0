//! Rows of numbers separated by commas, one of them the class.

use super::stream::Stream;
use super::{DataSet, LabelColumn};
use crate::{Error, Shape};
use std::path::Path;

/// Reads a file without header (or with a first line that holds no number, which is skipped).
pub(super) fn read(
    name: &str,
    path: &Path,
    label: LabelColumn,
    shape: Option<Shape>,
    classes: Option<usize>,
) -> Result<DataSet, Error> {
    let mut stream = Stream::open(path)?;
    let limit = 1 << 30;
    let bytes = stream.read_up_to(limit + 1)?;
    if bytes.len() as u64 > limit {
        return Err(stream.problem("is larger than 1 GiB"));
    }
    let text = std::str::from_utf8(&bytes).map_err(|e| stream.problem(format!("is no text: {e}")))?;
    let (mut values, mut labels): (Vec<f32>, Vec<u16>) = (Vec::new(), Vec::new());
    let mut columns = None;
    for (i, line) in text.lines().enumerate() {
        let place = |problem: String| Error::file(path, format!("line {}: {problem}", i + 1));
        if line.trim().is_empty() {
            continue;
        }
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        if i == 0 && fields.iter().all(|f| f.parse::<f32>().is_err()) {
            continue;
        }
        let wanted = *columns.get_or_insert(fields.len());
        if fields.len() != wanted || wanted < 2 {
            let got = fields.len();
            return Err(place(format!("has {got} columns, expected {} as in the first row", wanted.max(2))));
        }
        let at = if label == LabelColumn::First { 0 } else { wanted - 1 };
        for (column, field) in fields.iter().enumerate() {
            if column == at {
                let class = field.parse::<u16>().ok().filter(|&l| classes.is_none_or(|c| usize::from(l) < c));
                labels.push(class.ok_or_else(|| {
                    let below = classes.map_or(String::new(), |c| format!(" below {c}"));
                    place(format!("column {}: expected a class number{below}, got `{field}`", column + 1))
                })?);
            } else {
                match field.parse::<f32>() {
                    Ok(v) if v.is_finite() => values.push(v),
                    _ => return Err(place(format!("column {}: `{field}` is no finite number", column + 1))),
                }
            }
        }
    }
    let Some(columns) = columns else {
        return Err(stream.problem("holds no row"));
    };
    let shape = shape.unwrap_or_else(|| Shape(vec![columns - 1]));
    if shape.len() != columns - 1 {
        let (n, m) = (columns - 1, shape.len());
        return Err(stream.problem(format!("has {n} values a row, a shape of {shape} needs {m}")));
    }
    let classes = classes.unwrap_or_else(|| labels.iter().max().map_or(1, |&l| usize::from(l) + 1));
    DataSet::from_floats(name, shape, classes, values, labels)
}
