//! One axis of a sweep: keys that move together, and the values they take.

use crate::Error;
use crate::file::Source;
use serde::Deserialize;
use toml::{Spanned, Value};

/// One axis: `rows[i][j]` is the value of `keys[j]` at step `i`.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// Key paths that move together.
    pub keys: Vec<String>,
    /// One row a step, one value a key.
    pub rows: Vec<Vec<Value>>,
    /// What the steps are called in results, if not by their values.
    pub labels: Option<Vec<String>>,
}

impl Axis {
    /// The columns that say where a point stands on this axis at `step`: each key with its value, or the
    /// first key with the step's label.
    pub(crate) fn shown(&self, step: usize) -> Vec<(String, Value)> {
        match &self.labels {
            Some(labels) => vec![(self.keys[0].clone(), Value::String(labels[step].clone()))],
            None => self.set(step),
        }
    }

    /// What is set at `step`.
    pub(crate) fn set(&self, step: usize) -> Vec<(String, Value)> {
        self.keys.iter().cloned().zip(self.rows[step].iter().cloned()).collect()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenAxis {
    key: Option<Spanned<String>>,
    keys: Option<Spanned<Vec<Spanned<String>>>>,
    values: Option<Spanned<Vec<Spanned<Value>>>>,
    range: Option<Spanned<Range>>,
    labels: Option<Spanned<Vec<String>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Range {
    from: Spanned<Value>,
    to: Spanned<Value>,
    steps: Spanned<i64>,
    #[serde(default)]
    scale: Scale,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Scale {
    #[default]
    Linear,
    Log,
}

impl WrittenAxis {
    /// The axis with its values listed, and the place of each key; `at` is the place of the axis.
    pub(crate) fn check(
        self,
        at: std::ops::Range<usize>,
        source: &Source,
    ) -> Result<(Axis, Vec<Spanned<String>>), Error> {
        let keys = match (self.key, self.keys) {
            (Some(key), None) => vec![key],
            (None, Some(keys)) => {
                if keys.get_ref().is_empty() {
                    return Err(source.wrong(
                        keys.span(),
                        "an axis without keys",
                        "name at least one key path",
                    ));
                }
                keys.into_inner()
            }
            (Some(key), Some(_)) => {
                return Err(source.wrong(
                    key.span(),
                    "an axis has either `key` or `keys`",
                    "keep one of them",
                ));
            }
            (None, None) => {
                return Err(source.wrong(at, "an axis without a key", "add `key = \"adc.bits\"`"));
            }
        };
        let rows = match (self.values, self.range) {
            (Some(values), None) => {
                if values.get_ref().is_empty() {
                    return Err(source.wrong(
                        values.span(),
                        &format!("the axis `{}` is empty", keys[0].get_ref()),
                        "give it at least one value, or take the axis out",
                    ));
                }
                let width = keys.len();
                values
                    .into_inner()
                    .into_iter()
                    .map(|value| row(value, width, source))
                    .collect::<Result<Vec<_>, _>>()?
            }
            (None, Some(range)) => {
                if keys.len() > 1 {
                    return Err(source.wrong(
                        range.span(),
                        "a range moves one key",
                        "list `values` as rows, one value a key: [[4, 0.0], [5, 0.1]]",
                    ));
                }
                range.into_inner().steps(source)?.into_iter().map(|value| vec![value]).collect()
            }
            (Some(_), Some(range)) => {
                return Err(source.wrong(
                    range.span(),
                    "an axis has either `values` or `range`",
                    "keep one of them",
                ));
            }
            (None, None) => {
                return Err(source.wrong(
                    keys[0].span(),
                    &format!("the axis `{}` has no values", keys[0].get_ref()),
                    "add `values = [...]` or `range = { from = 1, to = 8, steps = 8 }`",
                ));
            }
        };
        for (i, a) in rows.iter().enumerate() {
            if rows[..i].contains(a) {
                return Err(source.wrong(
                    at,
                    &format!("the axis `{}` takes a value twice: {}", keys[0].get_ref(), show(a)),
                    "each value once; repetitions are `trials`",
                ));
            }
        }
        let names = keys.iter().map(|k| k.get_ref().clone()).collect();
        let labels = match self.labels {
            Some(labels) => {
                let list = labels.get_ref();
                if list.len() != rows.len() || (1..list.len()).any(|i| list[..i].contains(&list[i])) {
                    let problem = format!("{} labels for {} values", list.len(), rows.len());
                    return Err(source.wrong(labels.span(), &problem, "one label a value, each another"));
                }
                Some(labels.into_inner())
            }
            None => None,
        };
        Ok((Axis { keys: names, rows, labels }, keys))
    }
}

fn show(row: &[Value]) -> String {
    row.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn row(value: Spanned<Value>, width: usize, source: &Source) -> Result<Vec<Value>, Error> {
    if width == 1 {
        return Ok(vec![value.into_inner()]);
    }
    let span = value.span();
    match value.into_inner() {
        Value::Array(row) if row.len() == width => Ok(row),
        other => Err(source.wrong(
            span,
            &format!("`{other}` is not a row of {width} values"),
            &format!("the axis moves {width} keys, so each of its values is a list of {width}"),
        )),
    }
}

impl Range {
    fn steps(self, source: &Source) -> Result<Vec<Value>, Error> {
        let steps = *self.steps.get_ref();
        if !(2..=10_000).contains(&steps) {
            return Err(source.wrong(
                self.steps.span(),
                &format!("{steps} steps"),
                "2 to 10000; for one value write `values = [...]`",
            ));
        }
        let (from, from_unit) = number(&self.from, source)?;
        let (to, to_unit) = number(&self.to, source)?;
        if from_unit != to_unit {
            return Err(source.wrong(
                self.to.span(),
                "the ends of the range have different units",
                "write both with the same unit",
            ));
        }
        if from.total_cmp(&to).is_eq() {
            return Err(source.wrong(self.to.span(), "the ends of the range are equal", ""));
        }
        if self.scale == Scale::Log && (from <= 0.0 || to <= 0.0) {
            return Err(source.wrong(
                self.from.span(),
                "a log range has ends above 0",
                "use scale = \"linear\"",
            ));
        }
        let whole =
            matches!((self.from.get_ref(), self.to.get_ref()), (Value::Integer(_), Value::Integer(_)));
        let values: Vec<f64> = (0..steps)
            .map(|i| {
                let t = i as f64 / (steps - 1) as f64;
                // 12 digits: 0.3, not 0.30000000000000004; libm: the same bits on every machine
                neat(match self.scale {
                    Scale::Linear => from + (to - from) * t,
                    Scale::Log => from * libm::pow(to / from, t),
                })
            })
            .collect();
        let whole = whole && values.iter().all(|v| v.fract() == 0.0);
        Ok(values
            .into_iter()
            .map(|v| match from_unit {
                Some(unit) => Value::String(format!("{v} {unit}")),
                None if whole => Value::Integer(v as i64),
                None => Value::Float(v),
            })
            .collect())
    }
}

fn neat(value: f64) -> f64 {
    format!("{value:.11e}").parse().unwrap_or(value)
}

/// Number and unit of a range's end.
fn number<'a>(value: &'a Spanned<Value>, source: &Source) -> Result<(f64, Option<&'a str>), Error> {
    let found = match value.get_ref() {
        Value::Integer(v) => Some((*v as f64, None)),
        Value::Float(v) if v.is_finite() => Some((*v, None)),
        Value::String(text) => text
            .split_once(' ')
            .and_then(|(v, unit)| Some((v.parse().ok().filter(|v: &f64| v.is_finite())?, Some(unit.trim())))),
        _ => None,
    };
    found.ok_or_else(|| {
        source.wrong(
            value.span(),
            &format!("`{}` is not the end of a range", value.get_ref()),
            "a number, or a quantity like \"25 uS\"",
        )
    })
}

/// Reads one value as it stands behind `--set key=`: a TOML value, else a text.
pub fn read_value(text: &str) -> Value {
    toml::de::ValueDeserializer::parse(text)
        .and_then(Value::deserialize)
        .unwrap_or_else(|_| Value::String(text.to_owned()))
}
