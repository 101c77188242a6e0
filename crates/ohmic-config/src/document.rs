//! A TOML text as a tree whose every key and value knows the text and the bytes it came from; trees
//! of a preset, a file and settings are merged without losing that.

use crate::error::Error;
use crate::span::{Place, SourceText};
use std::path::Path;
use std::sync::Arc;
use toml::de::{DeTable, DeValue};

/// A key and where it stands.
#[derive(Clone, Debug)]
pub struct Key {
    /// The key.
    pub name: String,
    /// Where it stands.
    pub place: Place,
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it stands; for a table made by a header, the header.
    pub place: Place,
}

/// A value.
#[derive(Clone, Debug)]
pub enum Value {
    /// A text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Number(f64),
    /// `true` or `false`.
    Flag(bool),
    /// A date or time, as written: no setting is one.
    Date(String),
    /// A list.
    List(Vec<Node>),
    /// A table, in the order of the text.
    Table(Vec<(Key, Node)>),
}

impl Value {
    /// What the value is, in words.
    pub fn kind_name(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Integer(_) => "a whole number",
            Self::Number(_) => "a number",
            Self::Flag(_) => "true or false",
            Self::Date(_) => "a date or time",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

impl Value {
    /// The same value without places; a date becomes its text.
    pub fn to_toml(&self) -> toml::Value {
        match self {
            Self::Text(text) | Self::Date(text) => toml::Value::String(text.clone()),
            Self::Integer(value) => toml::Value::Integer(*value),
            Self::Number(value) => toml::Value::Float(*value),
            Self::Flag(value) => toml::Value::Boolean(*value),
            Self::List(nodes) => toml::Value::Array(nodes.iter().map(|n| n.value.to_toml()).collect()),
            Self::Table(entries) => {
                toml::Value::Table(entries.iter().map(|(k, n)| (k.name.clone(), n.value.to_toml())).collect())
            }
        }
    }
}

/// Keys of one section of which a later text's one drops the earlier texts' others: two ways to say
/// the same thing.
pub type Alternatives = &'static [&'static [&'static str]];

/// What a set value's text is called.
const SET: &str = "--set or sweep axis";

/// A whole text, or several merged ones.
#[derive(Clone, Debug)]
pub struct Document {
    /// The outermost table.
    pub root: Node,
}

impl Document {
    /// Reads a file.
    ///
    /// # Errors
    /// The file cannot be read or is not TOML.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| Error::Read { path: path.display().to_string(), source })?;
        Self::parse(SourceText { path: path.display().to_string(), text })
    }

    /// Reads a text.
    ///
    /// # Errors
    /// The text is not TOML.
    pub fn parse(source: SourceText) -> Result<Self, Error> {
        let source = Arc::new(source);
        let table = DeTable::parse(&source.text).map_err(|e| {
            let place = Place::new(source.clone(), e.span().unwrap_or(0..0));
            let twice = e.message().starts_with("duplicate key");
            let first = twice.then(|| first_given(&source, &place)).flatten();
            Error::Syntax { place, message: e.message().to_owned(), first }
        })?;
        let place = Place::new(source.clone(), 0..0);
        Ok(Self { root: Node { value: Value::Table(entries(table.get_ref(), &source)?), place } })
    }

    /// This document laid over `base`: tables are merged key by key, anything else replaces. A table
    /// that states another `kind` than the base's replaces it as a whole, because the keys of one
    /// kind mean nothing to another.
    pub fn over(self, base: Self, alternatives: Alternatives) -> Self {
        let place = self.root.place.clone();
        let root = match (self.root.value, base.root.value) {
            (Value::Table(over), Value::Table(base)) => Value::Table(merge(base, over, alternatives)),
            (over, _) => over,
        };
        Self { root: Node { value: root, place } }
    }

    /// Sets one key by its path; a table given as value replaces the table. Whether the path names
    /// anything real is found by the strict reading that follows.
    ///
    /// # Errors
    /// The path is not a dotted key, or runs through a value that is not a table.
    pub fn set(&mut self, path: &str, value: &toml::Value, alternatives: Alternatives) -> Result<(), Error> {
        let text = format!("{path} = {value}");
        let set = Self::parse(SourceText { path: SET.to_owned(), text })?;
        if path.contains(['\n', '\r', '=', '#', '[', '{', '\\']) {
            let message = format!("`{}` is not a key path like `device.sigma_ln`", path.escape_debug());
            return Err(Error::Syntax { place: set.root.place, message, first: None });
        }
        let Value::Table(from) = set.root.value else { return Ok(()) };
        let Node { value: Value::Table(into), .. } = &mut self.root else { return Ok(()) };
        from.into_iter().try_for_each(|entry| assign(into, entry, path_depth(path), alternatives))
    }

    /// The value at a dotted path, if there is one.
    pub fn get(&self, path: &str) -> Option<&Node> {
        path.split('.').try_fold(&self.root, |node, key| match &node.value {
            Value::Table(entries) => entries.iter().find(|(k, _)| k.name == key).map(|(_, n)| n),
            _ => None,
        })
    }

    /// Reads the file that the text at a dotted path names and puts its content there, so that the document says
    /// everything itself. A text of several lines is such a content already. A path is relative to the file that
    /// it stands in; one that was set, to `folder`.
    ///
    /// # Errors
    /// The file cannot be read or is empty.
    pub fn attach(&mut self, path: &str, folder: &Path) -> Result<(), Error> {
        let Some(node) = self.get_mut(path) else { return Ok(()) };
        let Value::Text(name) = &node.value else { return Ok(()) };
        if name.contains('\n') {
            return Ok(());
        }
        let beside = Path::new(node.place.path()).parent().unwrap_or(Path::new(""));
        let file = if node.place.path() == SET { folder } else { beside }.join(name);
        let refused = |problem: String| Error::Invalid {
            place: node.place.clone(),
            path: path.to_owned(),
            problem,
            also: vec![],
            help: Some("the path is relative to the file that names it".to_owned()),
        };
        let text = std::fs::read_to_string(&file)
            .map_err(|e| refused(format!("cannot read the table {}: {e}", file.display())))?;
        let mut text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
        if text.trim().is_empty() {
            return Err(refused(format!("the table {} is empty", file.display())));
        }
        if !text.ends_with('\n') {
            text.push('\n');
        }
        let source = Arc::new(SourceText { path: file.display().to_string(), text: text.clone() });
        *node = Node { value: Value::Text(text), place: Place::new(source, 0..0) };
        Ok(())
    }

    fn get_mut(&mut self, path: &str) -> Option<&mut Node> {
        path.split('.').try_fold(&mut self.root, |node, key| match &mut node.value {
            Value::Table(entries) => entries.iter_mut().find(|(k, _)| k.name == key).map(|(_, n)| n),
            _ => None,
        })
    }

    /// Keeps those keys of the table at a dotted path that `keep` says; nothing if there is no table.
    pub fn retain(&mut self, path: &str, keep: impl Fn(&str) -> bool) {
        if let Some(Node { value: Value::Table(entries), .. }) = self.get_mut(path) {
            entries.retain(|(key, _)| keep(&key.name));
        }
    }

    /// Takes a key of the outermost table away.
    pub fn remove(&mut self, key: &str) -> Option<Node> {
        let Value::Table(entries) = &mut self.root.value else { return None };
        let at = entries.iter().position(|(k, _)| k.name == key)?;
        Some(entries.remove(at).1)
    }

    /// The document as TOML text; reading it gives the same values.
    pub fn to_toml(&self) -> String {
        let mut out = String::new();
        if let Value::Table(entries) = &self.root.value {
            write_table(&mut out, "", entries);
        }
        out
    }
}

fn entries(table: &DeTable<'_>, source: &Arc<SourceText>) -> Result<Vec<(Key, Node)>, Error> {
    table
        .iter()
        .map(|(key, value)| {
            let place = Place::new(source.clone(), key.span());
            Ok((Key { name: key.get_ref().to_string(), place }, node(value, source)?))
        })
        .collect()
}

fn node(value: &toml::Spanned<DeValue<'_>>, source: &Arc<SourceText>) -> Result<Node, Error> {
    let place = Place::new(source.clone(), value.span());
    let too_large = |place: &Place| Error::Syntax {
        place: place.clone(),
        message: "this number does not fit into 64 bits".to_owned(),
        first: None,
    };
    let value = match value.get_ref() {
        DeValue::String(s) => Value::Text(s.to_string()),
        DeValue::Integer(i) => {
            Value::Integer(i64::from_str_radix(i.as_str(), i.radix()).map_err(|_| too_large(&place))?)
        }
        DeValue::Float(f) => Value::Number(f.as_str().parse().map_err(|_| too_large(&place))?),
        DeValue::Boolean(b) => Value::Flag(*b),
        DeValue::Datetime(d) => Value::Date(d.to_string()),
        DeValue::Array(a) => Value::List(a.iter().map(|v| node(v, source)).collect::<Result<_, _>>()?),
        DeValue::Table(t) => Value::Table(entries(t, source)?),
    };
    Ok(Node { value, place })
}

/// Where the key or section header that is given again at `again` was given first: the line before
/// it, in the same section, that begins with the same name.
fn first_given(source: &Arc<SourceText>, again: &Place) -> Option<Place> {
    let name = again.excerpt();
    let line_start = source.text[..again.span().start].rfind('\n').map_or(0, |i| i + 1);
    let is_header = source.text[line_start..].trim_start().starts_with('[');
    let mut found = None;
    let mut at = 0;
    for line in source.text[..line_start].split_inclusive('\n') {
        let plain = line.trim_start();
        if is_header {
            let inner = plain.strip_prefix('[').map(str::trim_start);
            if inner.is_some_and(|l| l.starts_with(name) && l[name.len()..].trim_start().starts_with(']')) {
                found = line.find(name).map(|i| at + i);
            }
        } else if plain.starts_with('[') {
            found = None;
        } else if plain.starts_with(name) && plain[name.len()..].trim_start().starts_with('=') {
            found = Some(at + line.len() - plain.len());
        }
        at += line.len();
    }
    found.map(|start| Place::new(source.clone(), start..start + name.len()))
}

fn kind_of(entries: &[(Key, Node)]) -> Option<&str> {
    entries.iter().find(|(k, _)| k.name == "kind").and_then(|(_, n)| match &n.value {
        Value::Text(t) => Some(t.as_str()),
        _ => None,
    })
}

fn drop_alternatives(into: &mut Vec<(Key, Node)>, key: &str, alternatives: Alternatives) {
    for group in alternatives.iter().filter(|g| g.contains(&key)) {
        into.retain(|(k, _)| k.name == key || !group.contains(&k.name.as_str()));
    }
}

fn merge(mut base: Vec<(Key, Node)>, over: Vec<(Key, Node)>, alternatives: Alternatives) -> Vec<(Key, Node)> {
    if matches!((kind_of(&base), kind_of(&over)), (Some(a), Some(b)) if a != b) {
        return over;
    }
    // first drop, then add: keys of one text never drop each other
    for (key, _) in &over {
        drop_alternatives(&mut base, &key.name, alternatives);
    }
    for (key, node) in over {
        let Some(at) = base.iter().position(|(k, _)| k.name == key.name) else {
            base.push((key, node));
            continue;
        };
        let old = std::mem::replace(&mut base[at].1.value, Value::Flag(false));
        let value = match (old, node.value) {
            (Value::Table(old), Value::Table(new)) => Value::Table(merge(old, new, alternatives)),
            (_, new) => new,
        };
        base[at] = (key, Node { value, place: node.place });
    }
    base
}

/// Number of keys in a dotted path that TOML has already accepted.
fn path_depth(path: &str) -> usize {
    let mut quote = None;
    let mut dots = 0;
    for c in path.chars() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(q), c) if q == c => quote = None,
            (None, '.') => dots += 1,
            _ => {}
        }
    }
    dots + 1
}

fn assign(
    into: &mut Vec<(Key, Node)>,
    (key, node): (Key, Node),
    depth: usize,
    alternatives: Alternatives,
) -> Result<(), Error> {
    let at = into.iter().position(|(k, _)| k.name == key.name);
    if depth > 1
        && let Some(at) = at
    {
        let Value::Table(inner) = node.value else { return Ok(()) };
        let there = &mut into[at].1;
        let Value::Table(table) = &mut there.value else {
            return Err(Error::Invalid {
                place: key.place,
                path: key.name.clone(),
                problem: format!("`{}` is {}, it has no keys below it", key.name, there.value.kind_name()),
                also: vec![(there.place.clone(), "set here".to_owned())],
                help: None,
            });
        };
        return inner.into_iter().try_for_each(|entry| assign(table, entry, depth - 1, alternatives));
    }
    drop_alternatives(into, &key.name, alternatives);
    match into.iter().position(|(k, _)| k.name == key.name) {
        Some(at) => into[at] = (key, node),
        None => into.push((key, node)),
    }
    Ok(())
}

fn write_table(out: &mut String, path: &str, entries: &[(Key, Node)]) {
    let is_table = |n: &Node| matches!(n.value, Value::Table(_));
    for (key, node) in entries.iter().filter(|(_, n)| !is_table(n)) {
        out.push_str(&format!("{} = {}\n", bare(&key.name), inline(&node.value)));
    }
    for (key, node) in entries {
        let Value::Table(inner) = &node.value else { continue };
        let path = if path.is_empty() { bare(&key.name) } else { format!("{path}.{}", bare(&key.name)) };
        if inner.is_empty() || inner.iter().any(|(_, n)| !is_table(n)) {
            out.push_str(&format!("\n[{path}]\n"));
        }
        write_table(out, &path, inner);
    }
}

fn bare(key: &str) -> String {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if plain { key.to_owned() } else { toml::Value::String(key.to_owned()).to_string() }
}

fn inline(value: &Value) -> String {
    match value {
        Value::Text(t) => toml::Value::String(t.clone()).to_string(),
        Value::Integer(i) => i.to_string(),
        Value::Number(v) => toml::Value::Float(*v).to_string(),
        Value::Flag(b) => b.to_string(),
        Value::Date(d) => d.clone(),
        Value::List(items) => {
            format!("[{}]", items.iter().map(|n| inline(&n.value)).collect::<Vec<_>>().join(", "))
        }
        Value::Table(entries) => {
            let entries: Vec<_> =
                entries.iter().map(|(k, n)| format!("{} = {}", bare(&k.name), inline(&n.value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALTERNATIVES: Alternatives = &[&["g_min", "on_off_ratio"]];

    fn doc(path: &str, text: &str) -> Document {
        Document::parse(SourceText { path: path.into(), text: text.into() }).unwrap()
    }

    #[test]
    fn merging_keeps_places_and_drops_alternatives() {
        let base = doc("base.toml", "a = 1\n[device]\nkind = 'x'\ng_min = '1 uS'\ng_max = '2 uS'\n");
        let over = doc("over.toml", "[device]\non_off_ratio = 10\n");
        let merged = over.over(base, ALTERNATIVES);
        assert_eq!(
            merged.to_toml(),
            "a = 1\n\n[device]\nkind = \"x\"\ng_max = \"2 uS\"\non_off_ratio = 10\n"
        );
        assert_eq!(merged.get("device.g_max").unwrap().place.path(), "base.toml");
        assert_eq!(merged.get("device.on_off_ratio").unwrap().place.to_string(), "over.toml:2:16");
    }

    #[test]
    fn another_kind_replaces_the_whole_table() {
        let base = doc("b", "[device]\nkind = 'x'\nsigma = 1\n");
        let merged = doc("o", "[device]\nkind = 'y'\n").over(base.clone(), ALTERNATIVES);
        assert_eq!(merged.to_toml(), "\n[device]\nkind = \"y\"\n");
        let same = doc("o", "[device]\nkind = 'x'\n").over(base, ALTERNATIVES);
        assert!(same.get("device.sigma").is_some());
    }

    #[test]
    fn settings_have_a_text_of_their_own() {
        let mut d = doc("f.toml", "[device]\ng_min = '1 uS'\n[adc]\nbits = 8\n");
        d.set("adc.bits", &toml::Value::Integer(4), ALTERNATIVES).unwrap();
        d.set("device.on_off_ratio", &toml::Value::Float(10.0), ALTERNATIVES).unwrap();
        d.set("new.part.key", &toml::Value::String("v".into()), ALTERNATIVES).unwrap();
        assert_eq!(
            d.to_toml(),
            "\n[device]\non_off_ratio = 10.0\n\n[adc]\nbits = 4\n\n[new.part]\nkey = \"v\"\n"
        );
        let place = &d.get("adc.bits").unwrap().place;
        assert_eq!((place.path(), place.text()), ("--set or sweep axis", "adc.bits = 4"));
        let e = d.set("adc.bits.low", &toml::Value::Integer(1), ALTERNATIVES).unwrap_err();
        assert!(e.to_string().contains("`bits` is a whole number, it has no keys below it"), "{e}");
        let e = d.set("adc bits", &toml::Value::Integer(1), ALTERNATIVES).unwrap_err();
        assert!(matches!(e, Error::Syntax { .. }), "{e}");
        for path in ["", ".", "a.", "adc.bits = 4\nx", "[adc]\nbits", "a # b\nc", "\"a\\\".b\"", "'a"] {
            let e = d.set(path, &toml::Value::Integer(1), ALTERNATIVES).unwrap_err();
            assert!(matches!(e, Error::Syntax { .. }), "{path:?}: {e}");
        }
    }

    #[test]
    fn what_is_given_twice_is_shown_twice() {
        let twice = |text: &str| {
            let e = Document::parse(SourceText { path: "t".into(), text: text.into() }).unwrap_err();
            let Error::Syntax { place, first, .. } = e else { panic!("{e}") };
            (place.line_column(), first.map(|p| p.line_column()))
        };
        assert_eq!(twice("[a]\nx = 1\n[b]\n x = 1\ny = 2\nx = 3\n"), ((6, 1), Some((4, 2))));
        assert_eq!(twice("[a]\nx = 1\n[b]\n[a]\n"), ((4, 2), Some((1, 2))));
    }

    #[test]
    fn written_text_reads_back_the_same() {
        let text =
            "s = \"a \\\"b\\\"\\n\"\nf = 0.1\ni = -3\nl = [1, \"x\"]\n\n[a.\"b c\"]\nz = 1e-12\n[a.d]\n";
        let once = doc("t", text).to_toml();
        assert_eq!(doc("t", &once).to_toml(), once);
        assert!(once.contains("[a.\"b c\"]"), "{once}");
    }
}
