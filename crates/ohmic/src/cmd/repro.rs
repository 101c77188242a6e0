//! `ohmic repro`: published figures beside ours, and whether they are met.

use super::Common;
use crate::answer::Answer;
use crate::args::ReproArgs;
use crate::text::{self, percent};
use anyhow::{Context, Result};
use ohmic_report::{Bars, Chart, Panel};
use ohmic_repro::{Data, Evaluator, Judged, Published, Reproduction, Verdict, reproduce};
use serde_json::{Value, json};

pub(crate) fn run(args: &ReproArgs, common: Common) -> Result<Answer> {
    let machines = match &args.name {
        Some(name) => vec![Published::load(name)?],
        None => Published::presets()?,
    };
    let data = if args.without_data { Data::Left } else { Data::Used };
    let evaluator = Evaluator::new(args.memory.simulation(), common.threads, data);
    let total: usize = machines.iter().map(|m| m.expected.figures.len()).sum();
    let mut progress = crate::progress::Counted::new(total, "figures");
    let mut all = Vec::with_capacity(machines.len());
    for machine in &machines {
        all.push(reproduce(machine, &evaluator, |_| progress.step())?);
    }
    let mut text: String = all.iter().map(table).collect::<Vec<_>>().join("\n");
    let judged = || all.iter().flat_map(|r| &r.figures);
    let count = |name: &str| judged().filter(|f| f.verdict.name() == name).count();
    text.push_str(&format!(
        "\n{} figures met, {} missed, {} shown and not judged, {} published only, {} skipped\n",
        count("met"),
        count("MISSED"),
        count("shown"),
        count("published"),
        count("skipped")
    ));
    if let Some(out) = &args.out {
        for reproduction in &all {
            let Some(chart) = bars(reproduction) else { continue };
            let name = reproduction.machine.rsplit('/').find(|part| !part.is_empty()).unwrap_or("machine");
            for (ending, bytes) in
                [("svg", ohmic_report::svg(&chart)?.into_bytes()), ("png", ohmic_report::png(&chart)?)]
            {
                let path = out.join(format!("repro_{name}.{ending}"));
                ohmic_results::write_atomically(&path, &bytes)
                    .with_context(|| format!("cannot write {}", path.display()))?;
                text.push_str(&format!("wrote {}\n", path.display()));
            }
        }
        let path = out.join("repro.json");
        ohmic_results::write_atomically(&path, serde_json::to_string_pretty(&to_json(&all))?.as_bytes())
            .with_context(|| format!("cannot write {}", path.display()))?;
        text.push_str(&format!("wrote {}\n", path.display()));
    }
    let code = u8::from(!all.iter().all(Reproduction::holds));
    Ok(Answer { code, ..Answer::done(text, to_json(&all)) })
}

/// One machine: its figures, then what moves them.
fn table(reproduction: &Reproduction) -> String {
    let rows: Vec<Vec<String>> = reproduction
        .figures
        .iter()
        .map(|judged| {
            let figure = &judged.figure;
            let deviation = judged.deviation().map_or("-".to_owned(), signed_percent);
            let allowed = match judged.verdict {
                Verdict::Met | Verdict::Missed => percent(figure.tolerance),
                _ => "-".to_owned(),
            };
            vec![
                figure.name.clone(),
                figure.value.written(figure.value.si()),
                judged.ours.map_or("-".to_owned(), |v| figure.value.written(v)),
                deviation,
                allowed,
                judged.verdict.name().to_owned(),
            ]
        })
        .collect();
    let head = ["figure", "published", "ours", "deviation", "allowed", ""];
    let lines = text::columns(&head, &rows);
    let sources =
        std::iter::once("source").chain(reproduction.figures.iter().map(|f| f.figure.source.as_str()));
    let mut text = format!("{}\n", reproduction.machine);
    for (line, source) in lines.lines().zip(sources) {
        text.push_str(&format!("{line}  {source}\n"));
    }
    for judged in &reproduction.figures {
        let name = &judged.figure.name;
        match (&judged.verdict, &judged.figure.reason) {
            (Verdict::Skipped(why), _) => text.push_str(&format!("{name}: skipped, {why}\n")),
            (_, Some(reason)) => text.push_str(&format!("{name}: {reason}\n")),
            _ => {}
        }
    }
    if !reproduction.moved.is_empty() {
        let rows: Vec<Vec<String>> = reproduction
            .moved
            .iter()
            .map(|moved| {
                let of = reproduction.figures.iter().find(|f| f.figure.name == moved.figure);
                let written = |v: f64| of.map_or(String::new(), |f| f.figure.value.written(v));
                vec![
                    format!("{} = {}", moved.set.0, moved.set.1),
                    moved.figure.clone(),
                    written(moved.before),
                    written(moved.after),
                    signed_percent(moved.after / moved.before - 1.0),
                ]
            })
            .collect();
        text.push_str(&format!(
            "\nif what is assumed were otherwise\n{}",
            text::columns(&["key", "figure", "as assumed", "otherwise", ""], &rows)
        ));
    }
    text
}

fn signed_percent(fraction: f64) -> String {
    format!("{:+.1} %", 100.0 * fraction)
}

/// Ours over the published value, a bar a figure.
fn bars(reproduction: &Reproduction) -> Option<Chart> {
    let computed: Vec<&Judged> = reproduction.figures.iter().filter(|f| f.ours.is_some()).collect();
    let ratio = |f: &&Judged| f.deviation().map_or(Vec::new(), |d| vec![1.0 + d]);
    (!computed.is_empty()).then(|| {
        Chart::Bars(Bars {
            rows: computed
                .iter()
                .map(|f| match f.verdict {
                    Verdict::Met => f.figure.name.clone(),
                    _ => format!("{} ({})", f.figure.name, f.verdict.name()),
                })
                .collect(),
            parts: Vec::new(),
            panels: vec![Panel {
                title: "ours over the published value".to_owned(),
                unit: String::new(),
                values: computed.iter().map(ratio).collect(),
                half: vec![None; computed.len()],
            }],
        })
    })
}

fn to_json(all: &[Reproduction]) -> Value {
    let figure = |judged: &Judged| {
        let figure = &judged.figure;
        let why = match &judged.verdict {
            Verdict::Skipped(why) => Some(why),
            _ => figure.reason.as_ref(),
        };
        json!({ "name": figure.name, "published_si": figure.value.si(), "ours_si": judged.ours,
                "deviation": judged.deviation(), "tolerance": (figure.tolerance.is_finite()).then_some(figure.tolerance),
                "tag": figure.tag.name(), "verdict": judged.verdict.name(), "source": figure.source, "reason": why })
    };
    all.iter()
        .map(|r| {
            let figures: Vec<Value> = r.figures.iter().map(figure).collect();
            let moved: Vec<Value> = r
                .moved
                .iter()
                .map(|m| {
                    json!({ "assumption": m.assumption, "key": m.set.0, "value": m.set.1.to_string(),
                            "figure": m.figure, "as_assumed_si": m.before, "otherwise_si": m.after })
                })
                .collect();
            json!({ "machine": r.machine, "holds": r.holds(), "figures": figures, "moved": moved })
        })
        .collect()
}
