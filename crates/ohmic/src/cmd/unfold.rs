//! `ohmic explain COLUMN --of DIR`: a cost number of a finished run, unfolded into events and unit costs.

use crate::answer::Answer;
use crate::text::{self, digits, percent, quantity};
use anyhow::{Result, anyhow};
use ohmic_repro::{Finished, Unfolded, unfold};
use serde_json::{Value, json};
use std::path::Path;

pub(crate) fn run(column: &str, folder: &Path, point: Option<usize>) -> Result<Answer> {
    let run = Finished::read(folder, point)?;
    let parts = unfold(&run);
    let component = |name: &str| {
        parts.iter().find(|p| p.component == name).ok_or_else(|| {
            let known: Vec<&str> = parts.iter().map(|p| p.component.as_str()).collect();
            anyhow!(
                "the machine of {} has no component `{name}`; it has {}",
                folder.display(),
                known.join(", ")
            )
        })
    };
    if let Some(name) = column.strip_prefix("energy:").or_else(|| column.strip_prefix("energy.")) {
        let part = component(name)?;
        return Ok(Answer::done(energy(part), to_json(std::slice::from_ref(part))));
    }
    if let Some(name) = column.strip_prefix("area:").or_else(|| column.strip_prefix("area.")) {
        let part = component(name)?;
        let text = format!(
            "area:{name} = {}\n  {} instances x {}\n{}",
            quantity(part.instances * part.area_m2, "m2"),
            digits(part.instances),
            quantity(part.area_m2, "m2"),
            price(part)
        );
        return Ok(Answer::done(text, to_json(std::slice::from_ref(part))));
    }
    match column {
        "energy_per_inference" => {
            let whole: f64 = parts.iter().map(|p| p.energy_joule).sum();
            let mut shares: Vec<&Unfolded> = parts.iter().filter(|p| p.energy_joule > 0.0).collect();
            shares.sort_by(|a, b| b.energy_joule.total_cmp(&a.energy_joule));
            let rows: Vec<Vec<String>> = shares
                .iter()
                .map(|p| {
                    let (of_events, still) = (p.events_joule(), p.leakage_joule() + p.clocked_joule());
                    vec![
                        p.component.clone(),
                        quantity(p.energy_joule, "J"),
                        percent(p.energy_joule / whole),
                        quantity(of_events, "J"),
                        quantity(if still.abs() > 1e-9 * p.energy_joule { still } else { 0.0 }, "J"),
                    ]
                })
                .collect();
            let head = ["component", "energy", "share", "by events", "leakage and clocks"];
            let mut text =
                format!("energy_per_inference = {}\n\n{}", quantity(whole, "J"), text::columns(&head, &rows));
            for part in shares {
                text.push_str(&format!("\n{}", energy(part)));
            }
            Ok(Answer::done(text, to_json(&parts)))
        }
        "area" => {
            let rows: Vec<Vec<String>> = parts
                .iter()
                .map(|p| {
                    let (one, all) = (quantity(p.area_m2, "m2"), quantity(p.instances * p.area_m2, "m2"));
                    vec![p.component.clone(), digits(p.instances), one, all]
                })
                .collect();
            let all: f64 = parts.iter().map(|p| p.instances * p.area_m2).sum();
            let text = format!(
                "area = {}\n\n{}",
                quantity(all, "m2"),
                text::columns(&["component", "instances", "one", "all"], &rows)
            );
            Ok(Answer::done(text, to_json(&parts)))
        }
        _ => by_formula(column, &run),
    }
}

/// A component's energy: its events, then what it draws without any, then its price model.
fn energy(part: &Unfolded) -> String {
    let rows: Vec<Vec<String>> = part
        .terms
        .iter()
        .filter(|t| t.amount > 0.0)
        .map(|t| {
            vec![
                t.event.name().to_owned(),
                if t.event.unit() == "joule" { quantity(t.amount, "J") } else { digits(t.amount) },
                if t.event.unit() == "joule" {
                    format!("{} J a J", digits(t.unit_joule))
                } else {
                    quantity(t.unit_joule, "J")
                },
                quantity(t.amount * t.unit_joule, "J"),
            ]
        })
        .collect();
    let mut text = format!("energy:{} = {}\n", part.component, quantity(part.energy_joule, "J"));
    if !rows.is_empty() {
        text.push_str(&text::columns(&["event", "an inference", "one costs", "together"], &rows));
    }
    if part.leakage_watt > 0.0 {
        text.push_str(&format!(
            "  leakage  {} x {} instances x {} between inferences = {}\n",
            quantity(part.leakage_watt, "W"),
            digits(part.instances),
            quantity(part.interval_s, "s"),
            quantity(part.leakage_joule(), "J")
        ));
    }
    if part.clocked_watt > 0.0 {
        text.push_str(&format!(
            "  clocks   {} an instance while its layers are at work = {}\n",
            quantity(part.clocked_watt, "W"),
            quantity(part.clocked_joule(), "J")
        ));
    }
    text + &price(part)
}

/// Where one unit's price comes from.
fn price(part: &Unfolded) -> String {
    let mut rows = vec![("model".to_owned(), part.model.to_owned())];
    rows.extend(part.keys.iter().filter(|k| k.0 != "source").cloned());
    rows.push(("source".to_owned(), part.source.clone()));
    text::names(&rows)
}

/// Any other column: its formula, and the value of every column that the formula names.
fn by_formula(name: &str, run: &Finished) -> Result<Answer> {
    let column = ohmic_metrics::column(name).ok_or_else(|| {
        let names = run.columns().iter().map(|c| c.0.as_str());
        match ohmic_config::suggest::nearest(name, names) {
            Some(near) => anyhow!("no column `{name}`; did you mean `{near}`?"),
            None => anyhow!("no column `{name}`; `ohmic list column` shows all"),
        }
    })?;
    let value = run.mean(name).ok_or_else(|| anyhow!("the results have no number under `{name}`"))?;
    let words: Vec<&str> =
        column.formula.split(|c: char| !(c.is_ascii_lowercase() || c == '_' || c == ':')).collect();
    let inputs: Vec<(String, f64, String)> = run
        .columns()
        .iter()
        .filter(|(c, _)| {
            let family = c.find(':').map_or("", |i| &c[..=i]);
            words.contains(&c.as_str())
                || (!family.is_empty() && words.contains(&family))
                || c.starts_with(&format!("{name}:"))
        })
        .filter_map(|(c, unit)| Some((c.clone(), run.mean(c)?, unit.clone())))
        .collect();
    let written = |v: f64, unit: &str| if unit.is_empty() { digits(v) } else { quantity(v, unit) };
    let mut rows = vec![("meaning".to_owned(), column.meaning.clone())];
    if !column.formula.is_empty() {
        rows.push(("formula".to_owned(), column.formula.clone()));
    }
    rows.extend(inputs.iter().map(|(c, v, unit)| (c.clone(), written(*v, unit))));
    let text = format!("{name} = {}\n{}", written(value, &column.unit), text::names(&rows));
    let inputs: serde_json::Map<String, Value> = inputs.into_iter().map(|(c, v, _)| (c, json!(v))).collect();
    Ok(Answer::done(
        text,
        json!({ "column": name, "value": value, "formula": column.formula, "inputs": inputs }),
    ))
}

fn to_json(parts: &[Unfolded]) -> Value {
    parts
        .iter()
        .map(|p| {
            let terms: Vec<Value> = p
                .terms
                .iter()
                .map(|t| {
                    json!({ "event": t.event.name(), "amount": t.amount, "unit_joule": t.unit_joule,
                            "joule": t.amount * t.unit_joule })
                })
                .collect();
            let keys: serde_json::Map<String, Value> =
                p.keys.iter().map(|(k, v)| (k.clone(), json!(v))).collect();
            json!({ "component": p.component, "energy_joule": p.energy_joule, "events": terms,
                    "leakage_joule": p.leakage_joule(), "clocked_joule": p.clocked_joule(), "instances": p.instances,
                    "area_m2": p.area_m2, "keys": keys, "source": p.source })
        })
        .collect()
}
