//! `ohmic bench`: how fast this program is on this machine.

use super::Common;
use crate::answer::Answer;
use crate::args::BenchArgs;
use crate::text;
use anyhow::{Context, Result};
use ohmic_bench::{CASES, Measurement, Options, Pace, describe};
use ohmic_results::write_atomically;
use serde_json::{Value, json};
use std::io::Write;
use std::num::NonZeroUsize;

pub(crate) fn run(args: &BenchArgs, common: Common) -> Result<Answer> {
    if args.list {
        return Ok(list());
    }
    let all = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let options = Options {
        cases: args.cases.clone(),
        threads: common.threads.and_then(NonZeroUsize::new).unwrap_or(all),
        pace: if args.quick { Pace::Quick } else { Pace::Full },
    };
    if cfg!(debug_assertions) && !args.quick {
        let _ = writeln!(std::io::stderr(), "a debug build: the figures mean nothing, use a release build");
    }
    let measured = ohmic_bench::run(&options, &mut |case| {
        let _ = writeln!(std::io::stderr(), "measuring {case}");
    })?;
    let json = Value::Array(measured.iter().map(object).collect());
    let mut answer = Answer::done(table(&measured), json);
    if let Some(out) = &args.out {
        std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
        let text = serde_json::to_string_pretty(&answer.json)?;
        write_atomically(&out.join("bench.json"), format!("{text}\n").as_bytes())?;
        let page = format!("```\n{}```\n", answer.text);
        write_atomically(&out.join("table.md"), page.as_bytes())?;
    }
    let failed = measured.iter().any(|m| m.note.as_ref().is_some_and(|n| n.starts_with("failed")));
    answer.code = u8::from(failed);
    Ok(answer)
}

fn list() -> Answer {
    let target = |case: &ohmic_bench::Case| case.target.map(|t| t.to_string());
    let rows: Vec<(String, String)> = CASES
        .iter()
        .map(|case| {
            let target = target(case).map_or(String::new(), |t| format!("; ratio {t}"));
            (case.name.to_owned(), format!("{}{target}", case.summary))
        })
        .collect();
    let json = CASES
        .iter()
        .map(|c| json!({ "case": c.name, "summary": c.summary, "unit": c.unit, "target": target(c) }))
        .collect();
    Answer::done(text::names(&rows), Value::Array(json))
}

/// One figure; a case that was not measured has nulls and a note.
fn object(m: &Measurement) -> Value {
    json!({
        "case": m.case,
        "threads": m.threads,
        "rate": m.figure.map(|f| f.rate),
        "unit": m.unit,
        "reference": m.figure.map(|f| f.reference),
        "ratio": m.figure.map(|f| f.ratio()),
        "target": m.target.map(|t| t.to_string()),
        "met": m.met(),
        "spread": m.figure.map(|f| f.spread),
        "repetitions": m.figure.map(|f| f.repetitions),
        "peak_memory_bytes": m.peak_memory_bytes,
        "note": m.note,
    })
}

fn table(measured: &[Measurement]) -> String {
    let rows: Vec<Vec<String>> = measured
        .iter()
        .map(|m| {
            let figure = |f: &dyn Fn(&ohmic_bench::Figure) -> String| {
                m.figure.as_ref().map_or_else(|| "-".to_owned(), f)
            };
            vec![
                m.case.to_owned(),
                m.threads.to_string(),
                figure(&|f| text::quantity(f.rate, m.unit)),
                figure(&|f| text::quantity(f.reference, m.unit)),
                figure(&|f| text::digits(f.ratio())),
                m.target.map_or_else(String::new, |t| t.to_string()),
                match m.met() {
                    Some(true) => "met".to_owned(),
                    Some(false) => "missed".to_owned(),
                    None => String::new(),
                },
                figure(&|f| text::percent(f.spread)),
                m.peak_memory_bytes.map_or_else(String::new, |b| format!("{} MiB", b >> 20)),
            ]
        })
        .collect();
    let head = ["case", "threads", "rate", "reference", "ratio", "target", "", "spread", "memory"];
    let mut answer = String::new();
    for (name, value) in describe() {
        answer.push_str(&format!("{name:<10} {value}\n"));
    }
    answer.push('\n');
    answer.push_str(&text::columns(&head, &rows));
    for m in measured {
        if let Some(note) = &m.note {
            answer.push_str(&format!("\n{}: {note}\n", m.case));
        }
    }
    answer
}
