//! `ohmic run`: one network on one machine: what each layer does, how accurate it is, what it costs.

use super::{Common, cost, histograms, map, single};
use crate::answer::Answer;
use crate::args::RunArgs;
use crate::text::{self, decibel, percent, quantity};
use anyhow::{Result, anyhow};
use ohmic_metrics::Measured;
use ohmic_numerics::stats::{mean, student_half_width, wilson};
use ohmic_results::{Record, Table, Value, write_atomically};
use ohmic_sweep::{Case, Evaluate, Point, Simulation};
use serde_json::json;
use std::path::Path;

/// A layer below this signal-to-noise ratio no longer carries its input on: half the amplitude is noise.
const BROKEN_DB: f64 = 6.0;

pub(crate) fn run(args: &RunArgs, common: Common) -> Result<Answer> {
    if let Some(out) = &args.out {
        refuse_results(out)?;
    }
    let point = single::run_point(args)?;
    let simulation = args.memory.simulation();
    let case = single::case(&simulation, &point)?;
    let all = simulation.trials(&case, &point, common.threads)?;
    let first = all.first().ok_or_else(|| anyhow!("no trial was run"))?;
    let plan = case.plan.as_ref().map_err(|problem| anyhow!("{problem}"))?;

    let mut text = format!("# resolved hardware\n{}\n", case.hardware.resolved().trim_end());
    text.push_str(&format!(
        "\n{} on {}, {} of {}, seed {}, {} chip instance{}\n\n",
        case.network.name,
        case.hardware.name(),
        count(point.images, "image"),
        point.data,
        point.seed,
        point.trials,
        if point.trials == 1 { "" } else { "s" }
    ));
    text.push_str(&layers(first));
    text.push_str(&map::totals(&case, plan));
    text.push('\n');
    text.push_str(&accuracy(&case, &point, &all));
    text.push('\n');
    text.push_str(&cost::breakdown(&cost::Costing::of(&case, first, plan)));
    let broken = broken_layer(&case, &all);
    if let Some(broken) = &broken {
        text.push_str(&format!("\n{broken}\n"));
    }
    let records: Vec<Record> = all.iter().map(|m| m.record.clone()).collect();
    if let Some(out) = &args.out {
        text.push_str(&write(out, &case, &point, &simulation, &records)?);
        if args.histograms {
            let all = simulation.histograms(&case, common.threads)?;
            text.push_str(&histograms::write(out, &all)?);
        }
    }
    let json = json!({
        "hardware": case.hardware.resolved(), "network": case.network.name, "data": point.data,
        "images": point.images, "seed": point.seed, "trials": records, "broken_layer": broken,
    });
    Ok(Answer::done(text, json))
}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// One line a layer.
fn layers(measured: &Measured) -> String {
    let rows: Vec<Vec<String>> = measured
        .layers
        .iter()
        .map(|layer| {
            let groups = if layer.groups > 1 { format!(" x {}", layer.groups) } else { String::new() };
            vec![
                layer.name.clone(),
                format!("{} x {}{groups}", layer.k, layer.n),
                layer.positions.to_string(),
                layer.copies.to_string(),
                layer.crossbars.to_string(),
                percent(layer.utilization),
                layer.snr_db.map_or("-".to_owned(), decibel),
                percent(layer.clip_rate),
                percent(layer.skipped),
                quantity(layer.energy_joule, "J"),
                quantity(layer.time_s, "s"),
            ]
        })
        .collect();
    let head = [
        "layer",
        "shape",
        "vectors",
        "copies",
        "crossbars",
        "cells used",
        "SNR",
        "clipped",
        "skipped",
        "energy",
        "time",
    ];
    text::columns(&head, &rows)
}

/// Accuracy with both intervals, beside the digital answers.
fn accuracy(case: &Case, point: &Point, all: &[Measured]) -> String {
    let values: Vec<f64> = all.iter().map(|m| m.accuracy).collect();
    let mut rows = Vec::new();
    let mut row = |name: &str, value: String, note: String| {
        rows.push(vec![name.to_owned(), format!("{value}  {note}")])
    };
    if let Some(float) = case.digital.float_accuracy {
        row("accuracy, float", percent(float), String::new());
    }
    if let Some(integer) = case.digital.integer_accuracy {
        row("accuracy, exact integers", percent(integer), "(what ideal hardware gives)".to_owned());
    }
    let note = match student_half_width(&values) {
        Some(half) => format!("± {:.2} over {} chips (95 %, Student)", half * 100.0, values.len()),
        None => String::new(),
    };
    row("accuracy, this hardware", percent(mean(&values)), note);
    let right = (mean(&values) * point.images as f64).round() as u64;
    let interval = wilson(right.min(point.images as u64), point.images as u64);
    let images =
        format!("{} to {} over images (95 %, Wilson)", percent(interval.low), percent(interval.high));
    row("", String::new(), images);
    text::names(
        &rows.into_iter().map(|mut r| (r.remove(0), r.remove(0).trim().to_owned())).collect::<Vec<_>>(),
    )
}

/// Which layer broke and why, if accuracy is near chance although the integers are not.
fn broken_layer(case: &Case, all: &[Measured]) -> Option<String> {
    let accuracy = mean(&all.iter().map(|m| m.accuracy).collect::<Vec<_>>());
    let classes = case.network.nodes.last()?.shape.len();
    let chance = 1.0 / classes as f64;
    let digital = case.digital.integer_accuracy?;
    let float = case.digital.float_accuracy.unwrap_or(digital);
    if float > digital + 0.1 {
        return Some(format!(
            "exact integers already lose {} of the float network's {}: the precision (`precision.weight_bits`, \
             `precision.input_bits`) costs it before any analog part does",
            percent(float - digital),
            percent(float)
        ));
    }
    // a third of the way from chance to what the integers achieve
    if accuracy > chance + (digital - chance) / 3.0 {
        return None;
    }
    if digital < chance + 0.1 {
        return Some(format!(
            "accuracy is near chance ({}) already in exact integers ({}): the network or its data, not the analog part",
            percent(chance),
            percent(digital)
        ));
    }
    let first = all.first()?;
    let snr = |l: &ohmic_metrics::LayerMetrics| l.snr_db.unwrap_or(f64::INFINITY);
    let broken = first.layers.iter().find(|l| snr(l) < BROKEN_DB);
    let layer = broken.or_else(|| first.layers.iter().min_by(|a, b| snr(a).total_cmp(&snr(b))))?;
    // clipping a conversion in twenty is reason enough; less may be a side effect of the cells' spread
    let why = if layer.clip_rate > 0.05 {
        format!(
            "{} of its conversions clip: another `adc.range`, or fewer `crossbar.rows_per_read`, and see whether it stays",
            percent(layer.clip_rate)
        )
    } else {
        format!(
            "{} of its conversions clip, so look at the spread of the cells (`[device]`, `[fault]`), converter noise and \
             rounding (`adc.sigma_lsb`, `adc.bits`): set one after the other to nothing, to see which",
            percent(layer.clip_rate)
        )
    };
    let verb = if broken.is_some() { "broke first" } else { "is the weakest" };
    Some(format!(
        "accuracy has collapsed to {} ({} in exact integers, {} by chance): layer `{}` {verb}, with {} against the exact \
         answer; {why}",
        percent(accuracy),
        percent(digital),
        percent(chance),
        layer.name,
        decibel(snr(layer))
    ))
}

/// Refuses a folder that holds results already, before anything runs.
pub(crate) fn refuse_results(out: &Path) -> Result<()> {
    match ["manifest.json", "journal.jsonl", "results.csv"].into_iter().find(|name| out.join(name).exists()) {
        Some(name) => Err(anyhow!(
            "`{}` holds results already ({name}); give `--out` another folder, or remove this one",
            out.display()
        )),
        None => Ok(()),
    }
}

/// Writes the records, as of a sweep of one point.
pub(crate) fn write(
    out: &Path,
    case: &Case,
    point: &Point,
    simulation: &Simulation,
    records: &[Record],
) -> Result<String> {
    const LABELS: [&str; 5] = ["hardware", "network", "data", "trial", "seed"];
    let labels = ohmic_sweep::label_columns().into_iter().filter(|c| LABELS.contains(&c.name.as_str()));
    let mut columns: Vec<_> = labels.collect();
    columns.extend(simulation.columns(&[case]));
    let rows: Vec<Record> = records
        .iter()
        .enumerate()
        .map(|(trial, record)| {
            let mut row = Record::new();
            row.set("hardware", point.hardware.as_str());
            row.set("network", point.network.as_str());
            row.set("data", point.data.as_str());
            row.set("trial", Value::Int(trial as i64));
            row.set("seed", point.seed);
            record.iter().for_each(|(name, value)| row.set(name, value.clone()));
            row
        })
        .collect();
    let table = Table::from_records(columns, &rows)?;
    write_atomically(&out.join("resolved.toml"), case.hardware.resolved().as_bytes())?;
    table.to_csv(&out.join("results.csv"))?;
    table.to_json(&out.join("results.json"))?;
    table.to_parquet(&out.join("results.parquet"))?;
    Ok(format!("\nresults  {}\n", out.join("results.csv").display()))
}
