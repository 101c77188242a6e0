//! `ohmic sweep`: every point of a sweep file, then its report.

use super::Common;
use crate::answer::Answer;
use crate::args::SweepArgs;
use crate::progress::{Display, duration};
use crate::text;
use anyhow::Result;
use ohmic_numerics::stats::{mean, student_half_width};
use ohmic_results::{Table, Value};
use ohmic_sweep::{Options, Simulation, SweepFile};
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

pub(crate) fn run(args: &SweepArgs, common: Common) -> Result<Answer> {
    let mut sweep = SweepFile::read(&args.file)?;
    for (key, value) in &args.set.sets {
        sweep.set(key, value.clone())?;
    }
    let out = args.out.clone().unwrap_or_else(|| default_out(&args.file));
    let points = sweep.points();
    let trials: usize = points.iter().map(|p| p.trials as usize).sum();
    let _ = writeln!(
        std::io::stderr(),
        "{}\n  {} points, {trials} trials of {} images; results in {}",
        sweep.question(),
        points.len(),
        sweep.run().images,
        out.display()
    );
    let display = Display::new(common.verbose);
    let start = Instant::now();
    let options = Options {
        out: &out,
        threads: common.threads,
        shard: args.shard,
        progress: &|progress| display.show(progress),
    };
    let simulation = args.memory.simulation();
    let outcome = ohmic_sweep::run(&sweep, &simulation, &options);
    display.finish();
    let outcome = outcome?;
    let _ = writeln!(
        std::io::stderr(),
        "  {} trials computed in {}, {} found finished",
        outcome.computed,
        duration(start.elapsed()),
        outcome.found
    );
    if common.verbose > 0 {
        let _ = writeln!(std::io::stderr(), "{}", reuse(&simulation));
    }

    let mut answer = format!("{}\n\n", sweep.question());
    let mut page = None;
    match &outcome.table {
        Some(table) => {
            answer.push_str(&summary(table)?);
            page = super::report::draw(&out, &out)?.pop();
        }
        None => answer.push_str(
            "this shard is finished; when all are, the same command without --shard writes the results\n",
        ),
    }
    for (point, message) in outcome.failed.iter().take(5) {
        answer.push_str(&format!("\nfailed: {point}: {message}"));
    }
    if outcome.failed.len() > 5 {
        answer.push_str(&format!(
            "\nand {} more points failed; see `status` in results.csv",
            outcome.failed.len() - 5
        ));
    }
    if !outcome.failed.is_empty() {
        answer.push('\n');
    }
    // a shard has none: they exist when the parts are put together
    let results = outcome.table.is_some().then(|| out.join("results.csv"));
    if let Some(results) = &results {
        answer.push_str(&format!("\nresults  {}\n", results.display()));
    }
    if let Some(page) = &page {
        answer.push_str(&format!("report   {}\n", page.display()));
    }
    let failed: Vec<_> =
        outcome.failed.iter().map(|(point, message)| json!({ "point": point, "message": message })).collect();
    let json = json!({
        "question": sweep.question(), "points": points.len(), "trials": trials, "computed": outcome.computed,
        "found": outcome.found, "failed": failed, "results": out.display().to_string(),
        "report": page.map(|p| p.display().to_string()),
    });
    Ok(Answer { text: answer, json, code: u8::from(!outcome.failed.is_empty()) })
}

/// What was computed once for several points, as lines for standard error.
fn reuse(simulation: &Simulation) -> String {
    let mut text = format!(
        "  memory: {} allowed, at most {} of it for work kept to be used again",
        simulation.budget(),
        ohmic_sweep::size(simulation.most_kept_bytes())
    );
    for (stage, uses) in simulation.uses() {
        let dropped = match uses.dropped {
            0 => String::new(),
            n => format!(", {n} dropped for want of memory"),
        };
        text.push_str(&format!(
            "\n  {}: {} computed, {} found{dropped}",
            stage.name(),
            uses.computed,
            uses.found
        ));
    }
    text
}

/// `out/<name of the file>`, where the command is run.
fn default_out(file: &Path) -> PathBuf {
    Path::new("out").join(file.file_stem().unwrap_or(file.as_os_str()))
}

/// One line a point: mean over its trials of accuracy, SNR, energy.
fn summary(table: &Table) -> Result<String> {
    const SHOWN: usize = 60;
    let axes: Vec<usize> = table
        .columns
        .iter()
        .enumerate()
        .filter(|(_, c)| c.name.starts_with("axis:") && c.name != "axis:run.hardware")
        .map(|(i, _)| i)
        .collect();
    let mut head = vec!["point".to_owned(), "hardware".to_owned()];
    head.extend(axes.iter().map(|i| table.columns[*i].name.trim_start_matches("axis:").to_owned()));
    head.extend(["accuracy", "±95 %", "worst SNR", "energy", "latency", "area"].map(str::to_owned));
    let index = |name: &str| table.index(name);
    let (point, hardware) = (index("point")?, index("hardware")?);
    let status = index("status")?;
    let predicted = index("predicted_snr_db").ok();
    let measured = ["accuracy", "snr_db", "energy_per_inference", "latency", "area"];
    let measured = measured.map(|name| index(name).ok());
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut start = 0;
    while start < table.rows.len() && rows.len() < SHOWN {
        let first = &table.rows[start];
        let count = table.rows[start..].iter().take_while(|row| row[point] == first[point]).count();
        let group = &table.rows[start..start + count];
        let values = |column: Option<usize>| -> Vec<f64> {
            column.map_or_else(Vec::new, |c| group.iter().filter_map(|row| row[c].number()).collect())
        };
        let shown = |column: Option<usize>, unit: &str| {
            let values = values(column);
            if values.is_empty() { "-".to_owned() } else { text::quantity(mean(&values), unit) }
        };
        let accuracy = values(measured[0]);
        let mut row = vec![show(&first[point]), show(&first[hardware])];
        row.extend(axes.iter().map(|i| match &first[*i] {
            Value::Float(v) if !table.columns[*i].unit.is_empty() => {
                text::quantity(*v, &table.columns[*i].unit)
            }
            value => show(value),
        }));
        if accuracy.is_empty() {
            let is_failed = group.iter().any(|row| row[status].text() == Some("failed"));
            row.extend([if is_failed { "failed" } else { "predicted" }, "-"].map(str::to_owned));
        } else {
            row.push(text::percent(mean(&accuracy)));
            row.push(student_half_width(&accuracy).map_or("-".to_owned(), |h| format!("{:.2}", h * 100.0)));
        }
        row.extend([
            shown(measured[1].filter(|_| !accuracy.is_empty()).or(predicted), "dB"),
            shown(measured[2], "J"),
            shown(measured[3], "s"),
            shown(measured[4], "m2"),
        ]);
        rows.push(row);
        start += count;
    }
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let mut text = text::columns(&head, &rows);
    if start < table.rows.len() {
        text.push_str("  ... more in results.csv\n");
    }
    Ok(text)
}

fn show(value: &Value) -> String {
    match value {
        Value::Float(v) => text::digits(*v),
        Value::Int(v) => v.to_string(),
        Value::Text(t) => t.clone(),
        Value::Missing => "-".to_owned(),
    }
}
