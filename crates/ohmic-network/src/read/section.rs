//! A section of a model file, read key by key: every key is checked, and keys nobody asked for are refused.

use crate::error::suggest;
use crate::{Error, Shape};
use std::collections::BTreeMap;
use std::path::Path;
use toml::de::{DeTable, DeValue};

/// The named tensors of a weights file.
#[derive(Debug, Default)]
pub struct Tensors {
    stored: BTreeMap<String, Stored>,
    fresh: bool,
}

#[derive(Debug)]
struct Stored {
    dims: Vec<usize>,
    /// Or the data type, if it is none of floats.
    values: Result<Vec<f32>, String>,
    used: bool,
}

impl Tensors {
    /// No file: every tensor that a layer asks for is there, of the right dimensions and all zeros, for
    /// a network that is to be trained. Its layers name no tensors.
    pub(crate) fn fresh() -> Self {
        Self { stored: BTreeMap::new(), fresh: true }
    }

    /// Adds a tensor; the name must be new.
    pub(crate) fn insert(&mut self, name: String, dims: Vec<usize>, values: Result<Vec<f32>, String>) {
        self.stored.insert(name, Stored { dims, values, used: false });
    }

    /// Names of tensors that no layer asked for.
    pub(crate) fn unused(&self) -> Vec<&str> {
        self.stored.iter().filter(|(_, s)| !s.used).map(|(name, _)| name.as_str()).collect()
    }

    /// Marks a tensor as known though no layer names it; whether it is there.
    pub(crate) fn ignore(&mut self, name: &str) -> bool {
        self.stored.get_mut(name).map(|s| s.used = true).is_some()
    }
}

/// A file's text and how to say where in it something is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Document<'a> {
    pub(crate) path: &'a Path,
    pub(crate) text: &'a str,
}

impl Document<'_> {
    /// `file:line:column`, both from 1.
    pub(crate) fn place(&self, offset: usize) -> String {
        let before = &self.text.as_bytes()[..offset.min(self.text.len())];
        let line = before.iter().filter(|&&b| b == b'\n').count() + 1;
        let column = before.iter().rev().take_while(|&&b| b != b'\n').count() + 1;
        format!("{}:{line}:{column}", self.path.display())
    }
}

/// One table of a TOML file with where it stands. For a layer: also its inputs' shapes and the tensors.
#[derive(Debug)]
pub struct Section<'a> {
    document: Document<'a>,
    name: String,
    table: &'a DeTable<'a>,
    offset: usize,
    asked: Vec<&'static str>,
    inputs: &'a [&'a Shape],
    tensors: Option<&'a mut Tensors>,
}

impl<'a> Section<'a> {
    /// A section that starts at a byte offset of the document; `name` is its key path.
    pub(crate) fn new(
        document: Document<'a>,
        name: impl Into<String>,
        table: &'a DeTable<'a>,
        offset: usize,
    ) -> Self {
        Self { document, name: name.into(), table, offset, asked: Vec::new(), inputs: &[], tensors: None }
    }

    /// The same section for a layer with these inputs and tensors to choose from.
    pub(crate) fn for_layer(mut self, inputs: &'a [&'a Shape], tensors: &'a mut Tensors) -> Self {
        self.inputs = inputs;
        self.tensors = Some(tensors);
        self
    }

    /// Shapes of the layer's inputs.
    pub fn inputs(&self) -> &'a [&'a Shape] {
        self.inputs
    }

    /// The error for a key of this section (or for the whole, if the key is not there).
    pub fn problem(&self, key: &str, problem: impl std::fmt::Display) -> Error {
        let offset = self.table.get(key).map_or(self.offset, |v| v.span().start);
        let place = self.document.place(offset);
        let place = if key.is_empty() {
            format!("{place}: {}", self.name)
        } else {
            format!("{place}: {}.{key}", self.name)
        };
        Error::Key { place, problem: problem.to_string() }
    }

    fn get(&mut self, key: &'static str) -> Option<&'a DeValue<'a>> {
        self.asked.push(key);
        self.table.get(key).map(|v| v.get_ref())
    }

    fn need(&mut self, key: &'static str, wanted: &str) -> Result<&'a DeValue<'a>, Error> {
        self.get(key).ok_or_else(|| self.problem(key, format!("is missing; expected {wanted}")))
    }

    /// Refuses keys that nobody asked for.
    pub(crate) fn finish(&self) -> Result<(), Error> {
        for key in self.table.keys() {
            let key: &str = key.get_ref();
            if !self.asked.contains(&key) {
                return Err(self.problem(key, format!("unknown key{}", suggest(key, &self.asked))));
            }
        }
        Ok(())
    }

    /// Whether a key is there.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Declares keys that are read elsewhere.
    pub(crate) fn know(&mut self, keys: &[&'static str]) {
        self.asked.extend(keys);
    }

    /// A value with where it stands.
    pub(crate) fn raw(&self, key: &str) -> Option<(usize, &'a DeValue<'a>)> {
        self.table.get(key).map(|v| (v.span().start, v.get_ref()))
    }

    /// The text of the whole file.
    pub(crate) fn source(&self) -> &'a str {
        self.document.text
    }

    /// The error for something of this section at a byte offset.
    pub(crate) fn problem_at(&self, offset: usize, key: &str, problem: &str) -> Error {
        let place = format!("{}: {}.{key}", self.document.place(offset), self.name);
        Error::Key { place, problem: problem.to_owned() }
    }

    /// A sub-table, if the key is there.
    pub(crate) fn table(&mut self, key: &'static str) -> Result<Option<Section<'a>>, Error> {
        self.asked.push(key);
        let Some((offset, value)) = self.raw(key) else { return Ok(None) };
        match value.as_table() {
            Some(table) => Ok(Some(Section::new(self.document, key, table, offset))),
            None => Err(self.wrong(key, value, "a table")),
        }
    }

    /// A text or a list of texts; none if the key is not there.
    pub(crate) fn texts(&mut self, key: &'static str) -> Result<Vec<String>, Error> {
        let wanted = "a text or a list of texts";
        match self.get(key) {
            None => Ok(Vec::new()),
            Some(DeValue::String(one)) => Ok(vec![one.to_string()]),
            Some(DeValue::Array(list)) => list
                .iter()
                .map(|v| {
                    v.get_ref()
                        .as_str()
                        .map(str::to_owned)
                        .ok_or_else(|| self.wrong(key, v.get_ref(), wanted))
                })
                .collect(),
            Some(other) => Err(self.wrong(key, other, wanted)),
        }
    }

    /// A text, or why not.
    pub fn text(&mut self, key: &'static str) -> Result<&'a str, Error> {
        let value = self.need(key, "a text in quotes")?;
        value.as_str().ok_or_else(|| self.wrong(key, value, "a text in quotes"))
    }

    /// A text if the key is there.
    pub fn optional_text(&mut self, key: &'static str) -> Result<Option<&'a str>, Error> {
        self.asked.push(key);
        if self.has(key) { self.text(key).map(Some) } else { Ok(None) }
    }

    /// A list of texts if the key is there.
    pub fn optional_texts(&mut self, key: &'static str) -> Result<Option<Vec<&'a str>>, Error> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let list = value.as_array().map(|v| v.iter().map(|v| v.get_ref().as_str()).collect());
        match list {
            Some(Some(texts)) => Ok(Some(texts)),
            _ => Err(self.wrong(key, value, "a list of texts")),
        }
    }

    /// One of the names, or the default if the key is not there.
    pub fn choice_or(
        &mut self,
        key: &'static str,
        names: &[&'static str],
        default: &'static str,
    ) -> Result<&'static str, Error> {
        match self.optional_text(key)? {
            None => Ok(default),
            Some(text) => {
                names.iter().copied().find(|n| *n == text).ok_or_else(|| {
                    self.problem(key, format!("`{text}` is not known{}", suggest(text, names)))
                })
            }
        }
    }

    fn wrong(&self, key: &str, value: &DeValue<'_>, wanted: &str) -> Error {
        self.problem(key, format!("expected {wanted}, got {}", value.type_str()))
    }

    fn as_count(&self, key: &str, value: &DeValue<'_>) -> Result<usize, Error> {
        value
            .as_integer()
            .and_then(|i| usize::from_str_radix(i.as_str(), i.radix()).ok())
            .ok_or_else(|| self.wrong(key, value, "a whole number from 0 up"))
    }

    fn as_number(&self, key: &str, value: &DeValue<'_>) -> Result<f32, Error> {
        match self.as_wide_number(key, value)? as f32 {
            v if v.is_finite() => Ok(v),
            _ => Err(self.problem(key, "is too large")),
        }
    }

    /// A finite number in double precision.
    pub(crate) fn wide_number(&mut self, key: &'static str) -> Result<f64, Error> {
        let value = self.need(key, "a number")?;
        self.as_wide_number(key, value)
    }

    fn as_wide_number(&self, key: &str, value: &DeValue<'_>) -> Result<f64, Error> {
        let text = match value {
            DeValue::Integer(i) => i.as_str(),
            DeValue::Float(f) => f.as_str(),
            _ => return Err(self.wrong(key, value, "a number")),
        };
        match text.parse::<f64>() {
            Ok(v) if v.is_finite() => Ok(v),
            _ => Err(self.problem(key, format!("expected a finite number, got {text}"))),
        }
    }

    /// A whole number above 0.
    pub fn count(&mut self, key: &'static str) -> Result<usize, Error> {
        let value = self.need(key, "a whole number above 0")?;
        match self.as_count(key, value)? {
            0 => Err(self.problem(key, "expected a whole number above 0, got 0")),
            n => Ok(n),
        }
    }

    /// A whole number above 0, or the default.
    pub fn count_or(&mut self, key: &'static str, default: usize) -> Result<usize, Error> {
        self.asked.push(key);
        if self.has(key) { self.count(key) } else { Ok(default) }
    }

    /// A whole number from 0 up, or the default.
    pub fn index_or(&mut self, key: &'static str, default: usize) -> Result<usize, Error> {
        self.get(key).map_or(Ok(default), |value| self.as_count(key, value))
    }

    /// A list of whole numbers.
    pub fn counts(&mut self, key: &'static str) -> Result<Vec<usize>, Error> {
        let value = self.need(key, "a list of whole numbers")?;
        let list = value.as_array().ok_or_else(|| self.wrong(key, value, "a list of whole numbers"))?;
        list.iter().map(|v| self.as_count(key, v.get_ref())).collect()
    }

    fn one_to_four(&mut self, key: &'static str, wanted: &str) -> Result<Vec<usize>, Error> {
        let value = self.need(key, wanted)?;
        if value.is_integer() { Ok(vec![self.as_count(key, value)?]) } else { self.counts(key) }
    }

    /// Vertical and horizontal: `[2, 1]`, or one number for both.
    pub fn pair(&mut self, key: &'static str) -> Result<[usize; 2], Error> {
        let wanted = "a whole number, or [vertical, horizontal]";
        match self.one_to_four(key, wanted)?[..] {
            [both] => Ok([both, both]),
            [vertical, horizontal] => Ok([vertical, horizontal]),
            ref other => Err(self.problem(key, format!("expected {wanted}, got {} numbers", other.len()))),
        }
    }

    /// Vertical and horizontal, or the default.
    pub fn pair_or(&mut self, key: &'static str, default: [usize; 2]) -> Result<[usize; 2], Error> {
        self.asked.push(key);
        if self.has(key) { self.pair(key) } else { Ok(default) }
    }

    /// `padding`: one number for all sides, `[vertical, horizontal]`, or `[top, left, bottom, right]`; none if
    /// not there.
    pub fn padding(&mut self) -> Result<[usize; 4], Error> {
        let key = "padding";
        self.asked.push(key);
        if !self.has(key) {
            return Ok([0; 4]);
        }
        let wanted = "a whole number, [vertical, horizontal] or [top, left, bottom, right]";
        match self.one_to_four(key, wanted)?[..] {
            [all] => Ok([all; 4]),
            [v, h] => Ok([v, h, v, h]),
            [top, left, bottom, right] => Ok([top, left, bottom, right]),
            ref other => Err(self.problem(key, format!("expected {wanted}, got {} numbers", other.len()))),
        }
    }

    /// A finite number.
    pub fn number(&mut self, key: &'static str) -> Result<f32, Error> {
        let value = self.need(key, "a number")?;
        self.as_number(key, value)
    }

    /// A finite number, or the default.
    pub fn number_or(&mut self, key: &'static str, default: f32) -> Result<f32, Error> {
        self.get(key).map_or(Ok(default), |value| self.as_number(key, value))
    }

    /// Constants: a number, a list of numbers, or the name of a tensor of one value or `channels` values.
    pub fn numbers(&mut self, key: &'static str, channels: usize) -> Result<Vec<f32>, Error> {
        let value = self.need(key, "a number, a list of numbers or the name of a tensor")?;
        match value {
            DeValue::String(name) => {
                let one =
                    self.tensors.as_ref().and_then(|t| t.stored.get(&**name)).is_some_and(|t| t.dims == [1]);
                self.tensor(key, &[if one { 1 } else { channels }])
            }
            DeValue::Array(list) => list.iter().map(|v| self.as_number(key, v.get_ref())).collect(),
            other => Ok(vec![self.as_number(key, other)?]),
        }
    }

    /// The values of the tensor that a key names, which must have these dimensions.
    pub fn tensor(&mut self, key: &'static str, dims: &[usize]) -> Result<Vec<f32>, Error> {
        if self.is_fresh() {
            return self.zeros(dims);
        }
        let name = self.text(key)?;
        let stored = self.tensors.as_mut().and_then(|t| t.stored.get_mut(name));
        let Some(stored) = stored else {
            let names: Vec<&str> =
                self.tensors.iter().flat_map(|t| t.stored.keys().map(String::as_str)).collect();
            let hint = if names.len() > 20 { String::new() } else { suggest(name, &names) };
            return Err(self.problem(key, format!("the weights file has no tensor `{name}`{hint}")));
        };
        if stored.dims != dims {
            let got = &stored.dims;
            let problem = format!("tensor `{name}` has dimensions {got:?}, the layer needs {dims:?}");
            return Err(self.problem(key, problem));
        }
        stored.used = true;
        let values = stored.values.clone();
        values.map_err(|dtype| {
            self.problem(key, format!("tensor `{name}` is of type {dtype}; floats are needed"))
        })
    }

    /// The same for a key that may be absent.
    pub fn optional_tensor(&mut self, key: &'static str, dims: &[usize]) -> Result<Option<Vec<f32>>, Error> {
        if self.is_fresh() {
            return self.zeros(dims).map(Some);
        }
        self.asked.push(key);
        if self.has(key) { self.tensor(key, dims).map(Some) } else { Ok(None) }
    }

    fn is_fresh(&self) -> bool {
        self.tensors.as_ref().is_some_and(|t| t.fresh)
    }

    fn zeros(&self, dims: &[usize]) -> Result<Vec<f32>, Error> {
        let len = Shape(dims.to_vec()).checked_len();
        let len = len.ok_or_else(|| self.problem("", format!("a tensor of {dims:?} is too large")))?;
        Ok(vec![0.0; len])
    }
}
