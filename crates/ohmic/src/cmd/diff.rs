//! `ohmic diff`: what differs between two finished runs.

use crate::answer::Answer;
use crate::args::DiffArgs;
use crate::text::{self, digits, quantity};
use anyhow::{Result, anyhow};
use ohmic_repro::{Difference, Finished, difference};
use serde_json::{Value, json};

pub(crate) fn run(args: &DiffArgs) -> Result<Answer> {
    let points = match args.point.as_slice() {
        [] => (None, None),
        [both] => (Some(*both), Some(*both)),
        [first, second] => (Some(*first), Some(*second)),
        _ => return Err(anyhow!("--point takes one or two points, like 3,7")),
    };
    let first = Finished::read(&args.first, points.0)?;
    let second = Finished::read(&args.second, points.1)?;
    let found = difference(&first, &second);
    let mut text = String::new();
    if found.settings.is_empty() {
        text.push_str("the same settings\n");
    } else {
        let value = |v: &Option<toml::Value>| v.as_ref().map_or("-".to_owned(), short);
        let rows: Vec<Vec<String>> =
            found.settings.iter().map(|s| vec![s.key.clone(), value(&s.first), value(&s.second)]).collect();
        text.push_str(&text::columns(&["setting", "first", "second"], &rows));
    }
    text.push('\n');
    if found.numbers.is_empty() {
        text.push_str("the same numbers\n");
    } else {
        let rows: Vec<Vec<String>> = found
            .numbers
            .iter()
            .map(|n| {
                let moved = match n.unit.as_str() {
                    "dB" => format!("{:+.2} dB", n.second - n.first),
                    _ if n.first != 0.0 => format!("{:+.1} %", 100.0 * (n.second / n.first - 1.0)),
                    _ => "-".to_owned(),
                };
                let written = |v: f64| if n.unit.is_empty() { digits(v) } else { quantity(v, &n.unit) };
                vec![n.column.clone(), written(n.first), written(n.second), moved]
            })
            .collect();
        text.push_str(&text::columns(&["number", "first", "second", ""], &rows));
    }
    if found.settings.len() > 1 && !found.numbers.is_empty() {
        text.push_str(
            "\nseveral settings differ: change them one after the other with --set to see which one moved a number\n",
        );
    }
    Ok(Answer::done(text, to_json(&found)))
}

/// A value in one line: tables that stand in a file are named by their size.
fn short(value: &toml::Value) -> String {
    let text = value.to_string();
    let lines = value.as_str().map_or(1, |s| s.lines().count());
    if lines > 1 { format!("a table of {lines} lines") } else { text }
}

fn to_json(found: &Difference) -> Value {
    let settings: Vec<Value> = found
        .settings
        .iter()
        .map(|s| {
            let value = |v: &Option<toml::Value>| v.as_ref().map(short);
            json!({ "key": s.key, "first": value(&s.first), "second": value(&s.second) })
        })
        .collect();
    let numbers: Vec<Value> = found
        .numbers
        .iter()
        .map(|n| json!({ "column": n.column, "unit": n.unit, "first": n.first, "second": n.second }))
        .collect();
    json!({ "settings": settings, "numbers": numbers })
}
