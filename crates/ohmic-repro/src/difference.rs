//! What differs between two finished runs: settings, and numbers.

use crate::{Error, Evaluator, Finished, Ran, Skipped};
use ohmic_config::document::{Node, Value};
use ohmic_results::Record;
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

/// What one setting of the second machine alone does to the first.
#[derive(Clone, Debug)]
pub struct Alone {
    /// Key path of a value, or of a whole section where another `kind` of part takes the place.
    pub key: String,
    /// The value or table of the second machine.
    pub value: toml::Value,
    /// Columns that move, and to what; or why the first machine does not work with it.
    pub numbers: Result<Vec<NumberMoved>, String>,
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
        .filter(|key| a.get(*key) != b.get(*key) && !is_said(key))
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

/// Each setting of the second machine, alone, in the first: with the network of the first run, and its data if `ran`
/// (else with assumed activity).
///
/// # Errors
/// The folder does not say which network ran, or the first machine cannot be run again.
pub fn one_by_one(
    first: &Finished,
    found: &Difference,
    second: &Finished,
    ran: Option<&Ran>,
    evaluator: &Evaluator,
) -> Result<Vec<Alone>, Error> {
    let refused = |problem: String| Error::Folder { folder: first.folder.clone(), problem };
    let network =
        first.text("network").ok_or_else(|| refused("it does not say which network ran".to_owned()))?;
    let machine = first.file.display().to_string();
    let again = |set: &[(String, toml::Value)]| {
        let records = evaluator.records(&machine, set, network, ran)?.map_err(|Skipped(why)| why)?;
        Ok::<_, String>(records)
    };
    let before = again(&[]).map_err(refused)?;
    let mean = |records: &[Record], column: &str| {
        let values: Vec<f64> = records.iter().filter_map(|r| r.get(column)?.number()).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    let mut changes: Vec<(String, toml::Value)> = Vec::new();
    for setting in &found.settings {
        // another kind of part brings its own keys: its section is one setting
        let mut parents = setting.key.match_indices('.').map(|(at, _)| &setting.key[..at]);
        let section = parents.rfind(|path| found.settings.iter().any(|s| s.key == format!("{path}.kind")));
        let key = section.unwrap_or(&setting.key);
        if changes.iter().any(|(known, _)| known == key) {
            continue;
        }
        // what the second machine lacks cannot be set; its file says it by leaving it out
        if let Some(node) = second.resolved.get(key) {
            changes.push((key.to_owned(), node.value.to_toml()));
        }
    }
    let alone = changes.into_iter().filter(|(key, _)| !is_said(key));
    Ok(alone
        .map(|(key, value)| {
            let numbers = again(&[(key.clone(), value.clone())]).map(|after| {
                let moved = |&(column, unit, ..): &(&str, &str, &str, &str)| {
                    let (first, second) = (mean(&before, column)?, mean(&after, column)?);
                    let (column, unit) = (column.to_owned(), unit.to_owned());
                    (first.to_bits() != second.to_bits()).then_some(NumberMoved {
                        column,
                        unit,
                        first,
                        second,
                    })
                };
                ohmic_metrics::COLUMNS.iter().filter_map(moved).collect()
            });
            Alone { key, value, numbers }
        })
        .collect())
}

/// What is said of a machine and changes nothing about it.
fn is_said(key: &str) -> bool {
    matches!(key, "name" | "summary") || (key.starts_with("component.") && key.ends_with(".source"))
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
