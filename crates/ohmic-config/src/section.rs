//! Typed, checked reads of one table.
//!
//! A section is opened with the keys it may have, so that a mistyped key is found before anything
//! else; every read then names the [`KeyDoc`] it means and gets its type, unit and range checked.

use crate::csv::Csv;
use crate::document::{Document, Key, Node, Value};
use crate::error::{Error, Unknown};
use crate::key::{Form, KeyDoc, Presence};
use crate::quantity::{NotAQuantity, Quantity};
use crate::span::{Place, SourceText};
use crate::suggest::nearest;
use std::sync::Arc;

/// A table with the keys it may have.
#[derive(Clone, Debug)]
pub struct Section<'a> {
    path: String,
    place: &'a Place,
    entries: &'a [(Key, Node)],
    keys: Vec<&'static KeyDoc>,
}

impl<'a> Section<'a> {
    /// The outermost table of a document, which may have these keys only.
    ///
    /// # Errors
    /// Another key is there.
    pub fn root(document: &'a Document, keys: &'static [KeyDoc]) -> Result<Self, Error> {
        Self::open(String::new(), &document.root, keys)
    }

    fn open(path: String, node: &'a Node, keys: &'static [KeyDoc]) -> Result<Self, Error> {
        let Value::Table(entries) = &node.value else {
            return Err(Error::WrongType {
                place: node.place.clone(),
                wanted: format!("a section `[{path}]`"),
                path,
                found: node.value.kind_name(),
            });
        };
        let section = Self { path, place: &node.place, entries, keys: keys.iter().collect() };
        section.refuse_unknown()?;
        Ok(section)
    }

    /// The same table where it may also have other keys: the kind of a family knows them.
    pub(crate) fn narrowed(&self, keys: &'static [KeyDoc]) -> Result<Self, Error> {
        let section =
            Self { keys: [crate::family::KIND_KEY].into_iter().chain(keys).collect(), ..self.clone() };
        section.refuse_unknown()?;
        Ok(section)
    }

    /// One of [`Section::named_sections`], which may have these keys only.
    ///
    /// # Errors
    /// Another key is there.
    pub fn with_keys(&self, keys: &'static [KeyDoc]) -> Result<Self, Error> {
        let section = Self { keys: keys.iter().collect(), ..self.clone() };
        section.refuse_unknown()?;
        Ok(section)
    }

    pub(crate) fn unchecked(path: &str, node: &'a Node) -> Result<Self, Error> {
        let Value::Table(entries) = &node.value else {
            return Self::open(path.to_owned(), node, &[]);
        };
        Ok(Self { path: path.to_owned(), place: &node.place, entries, keys: vec![crate::family::KIND_KEY] })
    }

    fn refuse_unknown(&self) -> Result<(), Error> {
        let known = || self.keys.iter().map(|k| k.key);
        let Some((key, node)) = self.entries.iter().find(|(k, _)| known().all(|n| n != k.name)) else {
            return Ok(());
        };
        // a key that the same text already has is hardly what was meant
        let same_text = |n: &str| self.node(n).is_some_and(|n| n.place.same_source(&key.place));
        Err(Error::UnknownKey {
            place: key.place.clone(),
            path: self.path_of(&key.name),
            what: if matches!(node.value, Value::Table(_)) { Unknown::Section } else { Unknown::Key },
            kind: self.node("kind").and_then(|n| match &n.value {
                Value::Text(kind) => Some(kind.clone()),
                _ => None,
            }),
            nearest: nearest(&key.name, known().filter(|n| !same_text(n))).map(str::to_owned),
            known: known().map(str::to_owned).collect(),
        })
    }

    /// Key path of this section: `component.adc`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Key path of one of its keys.
    pub fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Where the section begins.
    pub fn place(&self) -> &Place {
        self.place
    }

    /// Where the value of `key` stands, or else where the section begins.
    pub fn place_of(&self, key: &str) -> &Place {
        self.node(key).map_or(self.place, |n| &n.place)
    }

    /// The names of the keys that are there, in the order of the text.
    pub fn names(&self) -> impl Iterator<Item = &'a str> {
        self.entries.iter().map(|(k, _)| k.name.as_str())
    }

    fn node(&self, key: &str) -> Option<&'a Node> {
        self.entries.iter().find(|(k, _)| k.name == key).map(|(_, n)| n)
    }

    fn declared(&self, key: &KeyDoc) -> Option<&'a Node> {
        // a read that is not declared would never be documented, and its key always be refused
        assert!(
            self.keys.iter().any(|k| k.key == key.key),
            "`{}` reads an undeclared key `{}`",
            self.path,
            key.key
        );
        self.node(key.key)
    }

    fn required(&self, key: &KeyDoc) -> Result<&'a Node, Error> {
        self.declared(key).ok_or_else(|| Error::MissingKey {
            place: self.place.clone(),
            path: self.path_of(key.key),
            meaning: key.meaning.to_owned(),
            example: key.example_line(),
        })
    }

    fn wrong_type(&self, key: &KeyDoc, node: &Node) -> Error {
        Error::WrongType {
            place: node.place.clone(),
            path: self.path_of(key.key),
            found: node.value.kind_name(),
            wanted: key.wanted(),
        }
    }

    fn ranged(&self, key: &KeyDoc, node: &Node, value: f64) -> Result<f64, Error> {
        if key.admits(value) {
            return Ok(value);
        }
        let range = key.range();
        Err(Error::OutOfRange {
            place: node.place.clone(),
            path: self.path_of(key.key),
            value: node.place.excerpt().to_owned(),
            range: if range.is_empty() { "a finite number".to_owned() } else { range },
            meaning: key.meaning.to_owned(),
        })
    }

    /// A quantity in its SI base unit.
    ///
    /// # Errors
    /// Missing, not a text with a unit, another dimension, out of range.
    pub fn quantity(&self, key: &KeyDoc) -> Result<f64, Error> {
        self.quantity_of(key, self.required(key)?)
    }

    /// A quantity in its SI base unit, if the key is there.
    ///
    /// # Errors
    /// Not a text with a unit, another dimension, out of range.
    pub fn quantity_if(&self, key: &KeyDoc) -> Result<Option<f64>, Error> {
        debug_assert!(matches!(key.presence, Presence::Optional(_)), "{}", key.key);
        self.declared(key).map(|n| self.quantity_of(key, n)).transpose()
    }

    fn quantity_of(&self, key: &KeyDoc, node: &Node) -> Result<f64, Error> {
        let Form::Quantity(dimension) = key.form else { panic!("`{}` is not a quantity", key.key) };
        let path = || self.path_of(key.key);
        let text = match &node.value {
            Value::Text(text) => text,
            Value::Integer(_) | Value::Number(_) => {
                let value = node.place.excerpt().to_owned();
                let usual = dimension.example().rsplit(' ').next().unwrap_or_default();
                let help = format!(
                    "if {usual} is meant, write {} = \"{value} {usual}\"; units of {}: {}",
                    key.key,
                    dimension.name(),
                    dimension.units().collect::<Vec<_>>().join(", ")
                );
                let place = node.place.clone();
                return Err(Error::BareNumber { place, path: path(), value, wanted: key.wanted(), help });
            }
            _ => return Err(self.wrong_type(key, node)),
        };
        let unit_error = |problem: String, help: String| Error::Unit {
            place: node.place.clone(),
            path: path(),
            problem,
            wanted: key.wanted(),
            help,
        };
        let units =
            format!("units of {}: {}", dimension.name(), dimension.units().collect::<Vec<_>>().join(", "));
        let quantity = Quantity::parse(text).map_err(|why| match why {
            NotAQuantity::NoNumber => {
                unit_error(format!("\"{text}\" does not begin with a number"), units.clone())
            }
            NotAQuantity::NoUnit => unit_error(format!("\"{text}\" has no unit"), units.clone()),
            NotAQuantity::UnknownUnit(unit) => {
                let help = match Quantity::nearest_unit(&unit, dimension) {
                    Some(near) => format!("did you mean `{near}`? {units}"),
                    None => units.clone(),
                };
                unit_error(format!("\"{text}\" has the unknown unit `{unit}`"), help)
            }
        })?;
        if quantity.dimension != dimension {
            let found = quantity.dimension.name();
            let help = if dimension.reciprocal() == Some(quantity.dimension) && quantity.value_si > 0.0 {
                format!(
                    "one over it is {}: {} = \"{}\"",
                    dimension.name(),
                    key.key,
                    dimension.format(1.0 / quantity.value_si)
                )
            } else {
                let spelt = text.trim_start_matches(|c: char| !c.is_alphabetic()).trim();
                match dimension.units().find(|u| u.eq_ignore_ascii_case(spelt)) {
                    Some(near) => format!("did you mean `{near}`? {units}"),
                    None => units,
                }
            };
            return Err(unit_error(format!("\"{text}\" is {found}, not {}", dimension.name()), help));
        }
        self.ranged(key, node, quantity.value_si)
    }

    /// A number without dimension.
    ///
    /// # Errors
    /// Missing, not a number, out of range.
    pub fn number(&self, key: &KeyDoc) -> Result<f64, Error> {
        self.number_of(key, self.required(key)?)
    }

    /// A number without dimension, if the key is there.
    ///
    /// # Errors
    /// Not a number, out of range.
    pub fn number_if(&self, key: &KeyDoc) -> Result<Option<f64>, Error> {
        self.declared(key).map(|n| self.number_of(key, n)).transpose()
    }

    fn number_of(&self, key: &KeyDoc, node: &Node) -> Result<f64, Error> {
        let value = match node.value {
            Value::Integer(i) => i as f64,
            Value::Number(v) => v,
            _ => return Err(self.wrong_type(key, node)),
        };
        self.ranged(key, node, value)
    }

    /// A whole number.
    ///
    /// # Errors
    /// Missing, not a whole number, out of range.
    pub fn integer(&self, key: &KeyDoc) -> Result<u32, Error> {
        self.integer_of(key, self.required(key)?)
    }

    /// A whole number, if the key is there.
    ///
    /// # Errors
    /// Not a whole number, out of range.
    pub fn integer_if(&self, key: &KeyDoc) -> Result<Option<u32>, Error> {
        self.declared(key).map(|n| self.integer_of(key, n)).transpose()
    }

    fn integer_of(&self, key: &KeyDoc, node: &Node) -> Result<u32, Error> {
        let value = match node.value {
            Value::Integer(i) => i,
            // a sweep axis made by a range gives 8.0
            #[allow(clippy::float_cmp)]
            Value::Number(v) if v.trunc() == v && v.abs() < 1e9 => v as i64,
            _ => return Err(self.wrong_type(key, node)),
        };
        self.ranged(key, node, value as f64)?;
        u32::try_from(value).map_err(|_| Error::OutOfRange {
            place: node.place.clone(),
            path: self.path_of(key.key),
            value: value.to_string(),
            range: format!("0 to {}", u32::MAX),
            meaning: key.meaning.to_owned(),
        })
    }

    /// A whole number, or `None` for the word of [`Form::IntegerOr`].
    ///
    /// # Errors
    /// Missing, neither the one nor the other, out of range.
    pub fn integer_or_word(&self, key: &KeyDoc) -> Result<Option<u32>, Error> {
        let node = self.required(key)?;
        match (&node.value, key.form) {
            (Value::Text(t), Form::IntegerOr(word)) if t == word => Ok(None),
            _ => self.integer_of(key, node).map(Some),
        }
    }

    /// One of the names of [`Form::Choice`].
    ///
    /// # Errors
    /// Missing, not a text, not one of the names.
    pub fn choice(&self, key: &KeyDoc) -> Result<&'static str, Error> {
        self.choice_of(key, self.required(key)?)
    }

    /// One of the names of [`Form::Choice`], if the key is there.
    ///
    /// # Errors
    /// Not a text, not one of the names.
    pub fn choice_if(&self, key: &KeyDoc) -> Result<Option<&'static str>, Error> {
        self.declared(key).map(|n| self.choice_of(key, n)).transpose()
    }

    fn choice_of(&self, key: &KeyDoc, node: &Node) -> Result<&'static str, Error> {
        let Form::Choice(names) = key.form else { panic!("`{}` is not a choice", key.key) };
        let Value::Text(text) = &node.value else { return Err(self.wrong_type(key, node)) };
        names.iter().map(|(n, _)| *n).find(|n| n == text).ok_or_else(|| Error::UnknownName {
            place: node.place.clone(),
            path: self.path_of(key.key),
            value: text.clone(),
            nearest: nearest(text, names.iter().map(|n| n.0)).map(str::to_owned),
            known: names.iter().map(|n| n.0.to_owned()).collect(),
        })
    }

    /// A text.
    ///
    /// # Errors
    /// Missing, not a text, empty.
    pub fn text(&self, key: &KeyDoc) -> Result<String, Error> {
        let node = self.required(key)?;
        match &node.value {
            Value::Text(t) if t.trim().is_empty() => Err(Error::Invalid {
                place: node.place.clone(),
                path: self.path_of(key.key),
                problem: "the text is empty".to_owned(),
                also: vec![],
                help: Some(key.meaning.to_owned()),
            }),
            Value::Text(t) => Ok(t.clone()),
            _ => Err(self.wrong_type(key, node)),
        }
    }

    /// A CSV table with these columns: that of the file which the key names, once
    /// [`Document::attach`](crate::Document::attach) has read it, or the one that stands in the text itself.
    ///
    /// # Errors
    /// Missing, not a text, a path that nothing has read, or anything wrong in the table.
    pub fn csv(&self, key: &KeyDoc, columns: &'static [KeyDoc]) -> Result<Csv, Error> {
        let node = self.required(key)?;
        let Value::Text(text) = &node.value else { return Err(self.wrong_type(key, node)) };
        if !text.contains('\n') {
            return Err(Error::Invalid {
                place: node.place.clone(),
                path: self.path_of(key.key),
                problem: format!("there is no table in `{text}`"),
                also: vec![],
                help: Some(format!("expected {}: {}", key.wanted(), key.meaning)),
            });
        }
        let source = match node.place.text() == text {
            true => node.place.source(),
            // a table inside a text: its own lines are counted
            false => {
                let path = format!("{}: {}", node.place.path(), self.path_of(key.key));
                Arc::new(SourceText { path, text: text.clone() })
            }
        };
        Csv::parse(source, columns)
    }

    /// A CSV table, if the key is there.
    ///
    /// # Errors
    /// As [`Section::csv`].
    pub fn csv_if(&self, key: &KeyDoc, columns: &'static [KeyDoc]) -> Result<Option<Csv>, Error> {
        self.has(key).then(|| self.csv(key, columns)).transpose()
    }

    /// Whether the key is there.
    pub fn has(&self, key: &KeyDoc) -> bool {
        self.declared(key).is_some()
    }

    /// A table below this one, which may have these keys only.
    ///
    /// # Errors
    /// Missing, not a table, another key is there.
    pub fn section(&self, key: &KeyDoc, keys: &'static [KeyDoc]) -> Result<Section<'a>, Error> {
        Self::open(self.path_of(key.key), self.section_node(key)?, keys)
    }

    /// The tables in a table whose keys the writer chooses, by name, unchecked yet: `[component.*]`.
    ///
    /// # Errors
    /// Not tables.
    pub fn named_sections(&self, key: &KeyDoc) -> Result<Vec<(&'a str, Section<'a>)>, Error> {
        let Some(node) = self.declared(key) else { return Ok(vec![]) };
        let Value::Table(entries) = &node.value else { return Err(self.wrong_type(key, node)) };
        let path = self.path_of(key.key);
        entries
            .iter()
            .map(|(k, n)| Ok((k.name.as_str(), Section::unchecked(&format!("{path}.{}", k.name), n)?)))
            .collect()
    }

    /// What stands at a key that takes values of any form.
    ///
    /// # Errors
    /// Missing.
    pub fn any(&self, key: &KeyDoc) -> Result<&'a Node, Error> {
        self.required(key)
    }

    /// Settings as `--set` takes them: a table whose keys are key paths, `{ "adc.bits" = 6 }`; none if it is not
    /// there.
    ///
    /// # Errors
    /// Not a table.
    pub fn settings(&self, key: &KeyDoc) -> Result<Vec<(String, toml::Value)>, Error> {
        let Some(node) = self.declared(key) else { return Ok(vec![]) };
        let Value::Table(entries) = &node.value else { return Err(self.wrong_type(key, node)) };
        Ok(entries.iter().map(|(k, n)| (k.name.clone(), n.value.to_toml())).collect())
    }

    /// A list of values of any form.
    ///
    /// # Errors
    /// Missing, not a list, an empty one.
    pub fn list(&self, key: &KeyDoc) -> Result<Vec<toml::Value>, Error> {
        let node = self.required(key)?;
        match &node.value {
            Value::List(nodes) if !nodes.is_empty() => Ok(nodes.iter().map(|n| n.value.to_toml()).collect()),
            _ => Err(self.wrong_type(key, node)),
        }
    }

    /// A table of quantities whose keys are of these names: `events = { conversion = "1.67 pJ" }`.
    ///
    /// # Errors
    /// Missing, an unknown name, or a value that `value` does not admit.
    pub fn quantities(
        &self,
        key: &KeyDoc,
        names: &[&'static str],
        value: &KeyDoc,
    ) -> Result<Vec<(&'static str, f64)>, Error> {
        let node = self.required(key)?;
        let Value::Table(entries) = &node.value else { return Err(self.wrong_type(key, node)) };
        let inner = Section { path: self.path_of(key.key), place: &node.place, entries, keys: vec![] };
        entries
            .iter()
            .map(|(k, n)| {
                let known = names.iter().find(|name| **name == k.name).ok_or_else(|| Error::UnknownKey {
                    place: k.place.clone(),
                    path: inner.path_of(&k.name),
                    what: Unknown::Key,
                    kind: None,
                    nearest: nearest(&k.name, names.iter().copied()).map(str::to_owned),
                    known: names.iter().map(|n| (*n).to_owned()).collect(),
                })?;
                Ok((*known, inner.quantity_of(&KeyDoc { key: known, ..*value }, n)?))
            })
            .collect()
    }

    pub(crate) fn section_node(&self, key: &KeyDoc) -> Result<&'a Node, Error> {
        self.declared(key).ok_or_else(|| Error::MissingSection {
            place: self.place.clone(),
            path: self.path_of(key.key),
            help: format!("add a section `[{}]`: {}", self.path_of(key.key), key.meaning),
        })
    }

    /// The one of some keys that is there.
    ///
    /// # Errors
    /// None of them is there, or more than one.
    pub fn exactly_one(&self, keys: &[&'static KeyDoc]) -> Result<&'static KeyDoc, Error> {
        match self.at_most_one(keys)? {
            Some(key) => Ok(key),
            None => Err(Error::MissingKey {
                place: self.place.clone(),
                path: self.path_of(keys[0].key),
                meaning: keys[0].meaning.to_owned(),
                example: keys.iter().map(|k| k.example_line()).collect::<Vec<_>>().join("` or `"),
            }),
        }
    }

    /// The one of some keys that is there, if any.
    ///
    /// # Errors
    /// More than one is there.
    pub fn at_most_one(&self, keys: &[&'static KeyDoc]) -> Result<Option<&'static KeyDoc>, Error> {
        let given: Vec<_> = keys.iter().copied().filter(|k| self.has(k)).collect();
        match given[..] {
            [] => Ok(None),
            [one] => Ok(Some(one)),
            [first, second, ..] => {
                let problem = format!("`{}` says the same in another way, and both are given", second.key);
                let also = vec![(self.place_of(second.key).clone(), "also given".to_owned())];
                Err(self.invalid(first.key, problem, also, Some("leave one of them out".to_owned())))
            }
        }
    }

    /// An error about the value of `key`, or about the section if the key is not there.
    pub fn invalid(
        &self,
        key: &str,
        problem: String,
        also: Vec<(Place, String)>,
        help: Option<String>,
    ) -> Error {
        Error::Invalid { place: self.place_of(key).clone(), path: self.path_of(key), problem, also, help }
    }
}
