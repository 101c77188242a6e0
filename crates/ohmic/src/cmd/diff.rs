//! `ohmic diff`: what differs between two finished runs.

use super::Common;
use crate::answer::Answer;
use crate::args::DiffArgs;
use crate::text::{self, digits, quantity};
use anyhow::{Result, anyhow};
use ohmic_repro::{Alone, Data, Difference, Evaluator, Finished, NumberMoved, Ran, difference, one_by_one};
use serde_json::{Value, json};

pub(crate) fn run(args: &DiffArgs, common: Common) -> Result<Answer> {
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
        let value = |v: &Option<toml::Value>| v.as_ref().map_or("-".to_owned(), |v| clipped(&short(v)));
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
                let written = |v: f64| match n.unit.as_str() {
                    "" => digits(v),
                    "dB" => text::decibel(v),
                    unit => quantity(v, unit),
                };
                vec![n.column.clone(), written(n.first), written(n.second), moved(n)]
            })
            .collect();
        text.push_str(&text::columns(&["number", "first", "second", ""], &rows));
    }
    let mut alone = Vec::new();
    if !found.settings.is_empty() {
        let images = first.mean("images").unwrap_or(0.0) as usize;
        let data = first.text("data").map(str::to_owned);
        let ran = match (args.rerun, data) {
            (false, _) => None,
            (true, Some(data)) => Some(Ran { data, images, trials: first.trials() as u32 }),
            (true, None) => return Err(anyhow!("{} does not say which data ran", first.folder.display())),
        };
        let evaluator = Evaluator::new(args.memory.simulation(), common.threads, Data::Used);
        alone = one_by_one(&first, &found, &second, ran.as_ref(), &evaluator)?;
        text.push_str(&format!(
            "\neach setting of the second alone, in the first machine, {}\n{}",
            if ran.is_some() {
                "run again"
            } else {
                "with assumed activity (--rerun: run again, for accuracies too)"
            },
            attribution(&alone)
        ));
    }
    let mut json = to_json(&found);
    json["alone"] = alone.iter().map(alone_json).collect();
    Ok(Answer::done(text, json))
}

/// The numbers that most users look at first.
const HEADLINES: [&str; 6] =
    ["accuracy", "snr_db", "energy_per_inference", "latency", "inferences_per_second", "area"];

/// One line a setting: how far it moves each headline.
fn attribution(alone: &[Alone]) -> String {
    let rows: Vec<Vec<String>> =
        alone
            .iter()
            .map(|a| {
                let mut row = vec![format!("{} = {}", a.key, clipped(&short(&a.value)))];
                match &a.numbers {
                    Ok(numbers) => row.extend(HEADLINES.map(|column| {
                        numbers.iter().find(|n| n.column == column).map_or("-".to_owned(), moved)
                    })),
                    Err(_) => row.push("not alone".to_owned()),
                }
                row
            })
            .collect();
    let head = ["setting", "accuracy", "SNR", "energy", "latency", "rate", "area"];
    let mut text = text::columns(&head, &rows);
    for a in alone {
        if let Err(why) = &a.numbers {
            let first = why.lines().next().unwrap_or_default();
            text.push_str(&format!("  {}: {first}\n", a.key));
        }
    }
    text
}

/// At most so many characters of a value that has a line to itself no more.
fn clipped(text: &str) -> String {
    const MOST: usize = 40;
    if text.chars().count() <= MOST {
        text.to_owned()
    } else {
        format!("{}...", text.chars().take(MOST).collect::<String>())
    }
}

fn moved(n: &NumberMoved) -> String {
    match n.unit.as_str() {
        "dB" if !(n.second - n.first).is_finite() => "-".to_owned(),
        "dB" => format!("{:+.2} dB", n.second - n.first),
        _ if n.column.contains("accuracy") => format!("{:+.2} points", 100.0 * (n.second - n.first)),
        _ if n.first != 0.0 => format!("{:+.1} %", 100.0 * (n.second / n.first - 1.0)),
        _ => "-".to_owned(),
    }
}

fn alone_json(a: &Alone) -> Value {
    let numbers = |numbers: &Vec<NumberMoved>| -> Vec<Value> {
        numbers
            .iter()
            .map(|n| json!({ "column": n.column, "unit": n.unit, "first": n.first, "second": n.second }))
            .collect()
    };
    json!({ "key": a.key, "value": short(&a.value), "numbers": a.numbers.as_ref().ok().map(numbers),
            "problem": a.numbers.as_ref().err() })
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
