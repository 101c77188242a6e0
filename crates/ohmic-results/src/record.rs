//! One flat row of results, by name.

use serde::de::{self, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// One value of a record.
///
/// In JSON: a number, a text, `null` for [`Value::Missing`]; a float always has a point or an exponent, an integer
/// never; what JSON has no number for is `{"float": "inf"}`, `"-inf"` or `"nan"`.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number with a unit or a ratio; infinities and NaN are kept as they are.
    Float(f64),
    /// A count or an index.
    Int(i64),
    /// A name or a message.
    Text(String),
    /// Not computed, or without meaning for this row.
    Missing,
}

impl Value {
    /// The number, of a float or an integer.
    pub fn number(&self) -> Option<f64> {
        match self {
            Value::Float(x) => Some(*x),
            Value::Int(i) => Some(*i as f64),
            Value::Text(_) | Value::Missing => None,
        }
    }

    /// The text, of a text.
    pub fn text(&self) -> Option<&str> {
        if let Value::Text(t) = self { Some(t) } else { None }
    }

    /// Whether nothing is there.
    pub fn is_missing(&self) -> bool {
        matches!(self, Value::Missing)
    }

    /// Same kind and same bits: NaN equals NaN, 0.0 differs from -0.0.
    pub(crate) fn same(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()),
            _ => self == other,
        }
    }
}

/// As a CSV cell: the shortest digits that read back to the same float; `inf`, `-inf`, `nan`; empty if missing.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Float(x) if x.is_nan() => f.write_str("nan"),
            Value::Float(x) => write!(f, "{x:?}"),
            Value::Int(i) => write!(f, "{i}"),
            Value::Text(t) => f.write_str(t),
            Value::Missing => Ok(()),
        }
    }
}

impl From<f64> for Value {
    fn from(x: f64) -> Self {
        Value::Float(x)
    }
}
impl From<i64> for Value {
    fn from(i: i64) -> Self {
        Value::Int(i)
    }
}
impl From<u32> for Value {
    fn from(i: u32) -> Self {
        Value::Int(i.into())
    }
}
/// An integer, or a float where it does not fit into 63 bits.
impl From<u64> for Value {
    fn from(i: u64) -> Self {
        i64::try_from(i).map_or(Value::Float(i as f64), Value::Int)
    }
}
/// As `u64`.
impl From<usize> for Value {
    fn from(i: usize) -> Self {
        Value::from(i as u64)
    }
}
impl From<&str> for Value {
    fn from(t: &str) -> Self {
        Value::Text(t.to_owned())
    }
}
impl From<String> for Value {
    fn from(t: String) -> Self {
        Value::Text(t)
    }
}
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(v: Option<T>) -> Self {
        v.map_or(Value::Missing, Into::into)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Float(x) if x.is_finite() => s.serialize_f64(*x),
            Value::Float(_) => {
                let mut map = s.serialize_map(Some(1))?;
                map.serialize_entry("float", &self.to_string())?;
                map.end()
            }
            Value::Int(i) => s.serialize_i64(*i),
            Value::Text(t) => s.serialize_str(t),
            Value::Missing => s.serialize_unit(),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Value;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, a text, null or {\"float\": \"inf\" | \"-inf\" | \"nan\"}")
            }
            fn visit_f64<E: de::Error>(self, x: f64) -> Result<Value, E> {
                Ok(Value::Float(x))
            }
            fn visit_i64<E: de::Error>(self, i: i64) -> Result<Value, E> {
                Ok(Value::Int(i))
            }
            fn visit_u64<E: de::Error>(self, i: u64) -> Result<Value, E> {
                i64::try_from(i)
                    .map(Value::Int)
                    .map_err(|_| E::custom(format!("{i} does not fit into 63 bits")))
            }
            fn visit_str<E: de::Error>(self, t: &str) -> Result<Value, E> {
                Ok(Value::Text(t.to_owned()))
            }
            fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
                Ok(Value::Missing)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
                let entry: Option<(String, String)> = map.next_entry()?;
                let float = match &entry {
                    Some((k, v)) if k == "float" => match v.as_str() {
                        "inf" => Some(f64::INFINITY),
                        "-inf" => Some(f64::NEG_INFINITY),
                        "nan" => Some(f64::NAN),
                        _ => None,
                    },
                    _ => None,
                };
                match (float, map.next_key::<String>()?) {
                    (Some(x), None) => Ok(Value::Float(x)),
                    _ => Err(de::Error::custom("expected {\"float\": \"inf\" | \"-inf\" | \"nan\"}")),
                }
            }
        }
        d.deserialize_any(Any)
    }
}

/// One flat row of results: values by name, in the order they were first set.
#[derive(Clone, Debug, Default)]
pub struct Record {
    values: Vec<(String, Value)>,
}

impl Record {
    /// A record without values.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a value; one of the same name is replaced in its place.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        let (name, value) = (name.into(), value.into());
        match self.values.iter_mut().find(|(n, _)| *n == name) {
            Some((_, old)) => *old = value,
            None => self.values.push((name, value)),
        }
    }

    /// The value of that name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.iter().find(|(n, _)| n == name).map(|(_, v)| v)
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.values.iter().map(|(n, v)| (n.as_str(), v))
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

/// Same names in the same order with the same bits (NaN equals NaN).
impl PartialEq for Record {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().zip(other.iter()).all(|((n, v), (m, w))| n == m && v.same(w))
    }
}

impl<N: Into<String>, V: Into<Value>> FromIterator<(N, V)> for Record {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(all: I) -> Self {
        let mut record = Record::new();
        all.into_iter().for_each(|(n, v)| record.set(n, v));
        record
    }
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Record;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of values by name")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Record, A::Error> {
                let mut record = Record::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    record.set(name, value);
                }
                Ok(record)
            }
        }
        d.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_kind_and_bits() {
        let mut r = Record::new();
        r.set("a", 1.0);
        r.set("b", 1i64);
        r.set("c", f64::NEG_INFINITY);
        r.set("d", f64::NAN);
        r.set("e", "inf");
        r.set("f", Value::Missing);
        r.set("g", 0.1 + 0.2);
        r.set("h", -0.0);
        r.set("i", f64::MIN_POSITIVE / 3.0);
        let text = serde_json::to_string(&r).unwrap();
        // 0.1 + 0.2 in binary64 is 0.30000000000000004 (17 digits are its shortest form)
        assert_eq!(
            &text[..text.find(",\"h\"").unwrap()],
            r#"{"a":1.0,"b":1,"c":{"float":"-inf"},"d":{"float":"nan"},"e":"inf","f":null,"g":0.30000000000000004"#
        );
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), r);
    }

    #[test]
    fn wrong_json_is_refused() {
        for bad in [
            r#"{"a":[1]}"#,
            r#"{"a":{"float":"big"}}"#,
            r#"{"a":true}"#,
            r#"{"a":18446744073709551615}"#,
            "[]",
        ] {
            assert!(serde_json::from_str::<Record>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn setting_twice_replaces_in_place() {
        let mut r: Record = [("a", 1i64), ("b", 2)].into_iter().collect();
        r.set("a", 3i64);
        assert_eq!(r.iter().map(|(n, v)| format!("{n}{v}")).collect::<String>(), "a3b2");
    }
}
