//! What differs between two finished runs: settings, and numbers.

use crate::Finished;
use ohmic_config::document::{Node, Value};
use std::collections::BTreeMap;

/// A setting that two machines have otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// Key path.
    pub key: String,
    /// In the first, if it is there.
    pub first: Option<toml::Value>,
    /// In the second, if it is there.
    pub second: Option<toml::Value>,
}

/// A number that two runs have otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct NumberMoved {
    /// Result column.
    pub column: String,
    /// Its unit.
    pub unit: String,
    /// Mean over the chip instances of the first run.
    pub first: f64,
    /// Of the second.
    pub second: f64,
}

/// What differs between two finished runs.
#[derive(Clone, Debug)]
pub struct Difference {
    /// Settings, by key.
    pub settings: Vec<Setting>,
    /// Numbers, in the order of the columns.
    pub numbers: Vec<NumberMoved>,
}

/// Compares two finished runs.
pub fn difference(first: &Finished, second: &Finished) -> Difference {
    let (a, b) = (flat(&first.resolved.root), flat(&second.resolved.root));
    let mut keys: Vec<&String> = a.keys().chain(b.keys()).collect();
    keys.sort();
    keys.dedup();
    let settings = keys
        .into_iter()
        .filter(|key| a.get(*key) != b.get(*key))
        .map(|key| Setting { key: key.clone(), first: a.get(key).cloned(), second: b.get(key).cloned() })
        .collect();
    let numbers = first
        .columns()
        .iter()
        .filter_map(|(column, unit)| {
            let (first, second) = (first.mean(column)?, second.mean(column)?);
            let differs = first.to_bits() != second.to_bits() && column != "trial" && column != "point";
            let (column, unit) = (column.clone(), unit.clone());
            differs.then_some(NumberMoved { column, unit, first, second })
        })
        .collect();
    Difference { settings, numbers }
}

/// Every value of a document by its key path.
fn flat(root: &Node) -> BTreeMap<String, toml::Value> {
    fn walk(path: &str, node: &Node, into: &mut BTreeMap<String, toml::Value>) {
        match &node.value {
            Value::Table(entries) => {
                for (key, node) in entries {
                    let path =
                        if path.is_empty() { key.name.clone() } else { format!("{path}.{}", key.name) };
                    walk(&path, node, into);
                }
            }
            other => {
                into.insert(path.to_owned(), other.to_toml());
            }
        }
    }
    let mut all = BTreeMap::new();
    walk("", root, &mut all);
    all
}
