//! `ohmic snr`: what disturbs each layer, cause by cause.

use super::{Common, single};
use crate::answer::Answer;
use crate::args::SnrArgs;
use crate::text::{self, percent};
use anyhow::{Context, Result, anyhow};
use ohmic_execution::{Cause, LayerBudget, uncovered};
use ohmic_metrics::{LayerSnr, binding, ratio_db, weakest};
use ohmic_report::{Chart, Stack};
use ohmic_results::{Column, Record, Table, Value, write_atomically};
use ohmic_sweep::Measuring;
use serde_json::json;
use std::path::Path;

mod versus;

pub(crate) fn run(args: &SnrArgs, common: Common) -> Result<Answer> {
    if let Some(versus) = &args.versus {
        return versus::run(args, versus, common);
    }
    let point = single::point(&args.machine, args.images, args.trials, args.seed)?;
    let simulation = args.memory.simulation();
    let case = single::case(&simulation, &point)?;
    let measuring = if args.predict { Measuring::No } else { Measuring::Chips };
    let layers = simulation.snr(&case, &point, measuring, common.threads)?;
    if layers.is_empty() {
        return Err(anyhow!("`{}` has no layer that runs on crossbars", case.network.name));
    }

    let mut text = format!("{} on {}: {}\n\n", case.network.name, case.hardware.name(), measured_on(args));
    text.push_str(&table(&layers));
    text.push('\n');
    text.push_str(&verdict(&layers));
    let left_out = uncovered(&case.hardware);
    if !left_out.is_empty() {
        text.push_str("predictions leave out what this machine has besides:\n");
        left_out.iter().for_each(|u| text.push_str(&format!("  [{}] {}\n", u.section, u.what)));
        if matches!(measuring, Measuring::No) {
            text.push_str("  without --predict, chips are run with it\n");
        }
    }
    if let Some(out) = &args.out {
        text.push_str(&write(out, case.hardware.name(), &layers)?);
    }
    let left_out: Vec<_> = left_out.iter().map(|u| json!({ "section": u.section, "what": u.what })).collect();
    let layers: Vec<_> = layers.iter().map(to_json).collect();
    Ok(Answer::done(text, json!({ "layers": layers, "predicted_without": left_out })))
}

/// The chips and images of a measurement.
fn measured_on(args: &SnrArgs) -> String {
    if args.predict {
        return "no chip was run".to_owned();
    }
    let chips = if args.trials == 1 {
        "1 chip instance".to_owned()
    } else {
        format!("{} chip instances", args.trials)
    };
    format!("{chips}, {} images of {}, seed {}", args.images, args.machine.data, args.seed)
}

fn decibel(value: f64) -> String {
    if value.is_finite() { format!("{value:.1}") } else { "-".to_owned() }
}

/// The causes that do anything in any layer.
fn causes<'a>(layers: impl Iterator<Item = &'a LayerSnr> + Clone) -> Vec<Cause> {
    let acts = |budget: &LayerBudget, cause: Cause| budget.alone[cause as usize] > 1e-12 * budget.signal;
    let any = |cause: &Cause| {
        layers
            .clone()
            .any(|l| acts(&l.predicted, *cause) || l.measured.as_ref().is_some_and(|m| acts(m, *cause)))
    };
    Cause::ALL.into_iter().filter(any).collect()
}

/// One line a layer and kind: the ratio if each cause were alone, in dB.
fn table(layers: &[LayerSnr]) -> String {
    let causes = causes(layers.iter());
    let mut head = vec!["dB below the signal", "", "weights", "inputs"];
    head.extend(causes.iter().map(|c| c.name()));
    head.extend(["all", "binds"]);
    let line = |name: &str, kind: &str, layer: &LayerSnr, budget: &LayerBudget| {
        let q = &layer.quantization;
        let mut cells = vec![name.to_owned(), kind.to_owned()];
        if kind == "measured" || layer.measured.is_none() {
            cells.extend([decibel(ratio_db(q.signal, q.weights)), decibel(ratio_db(q.signal, q.inputs))]);
        } else {
            cells.extend([String::new(), String::new()]);
        }
        cells.extend(causes.iter().map(|&c| decibel(ratio_db(budget.signal, budget.alone[c as usize]))));
        cells.push(decibel(ratio_db(budget.signal, budget.total)));
        cells.push(binding(budget).map_or_else(
            || "nothing".to_owned(),
            |(cause, share)| format!("{} {}", cause.name(), percent(share)),
        ));
        cells
    };
    let mut rows = Vec::new();
    for layer in layers {
        if let Some(measured) = &layer.measured {
            rows.push(line(&layer.name, "measured", layer, measured));
            rows.push(line("", "predicted", layer, &layer.predicted));
        } else {
            rows.push(line(&layer.name, "predicted", layer, &layer.predicted));
        }
    }
    text::columns(&head, &rows)
}

/// What to look at first, and how good the prediction is.
fn verdict(layers: &[LayerSnr]) -> String {
    let mut text = String::new();
    if let Some(worst) = weakest(layers) {
        text.push_str(&match binding(worst.budget()) {
            Some((cause, share)) => format!(
                "weakest layer: `{}` with {} dB; {} of what its causes take alone is {}: {}\n",
                worst.name,
                decibel(worst.snr_db()),
                percent(share),
                cause.name(),
                cause.meaning()
            ),
            None => "no layer has any error: the machine equals the integers\n".to_owned(),
        });
    }
    let errors: Vec<f64> = layers.iter().filter_map(LayerSnr::prediction_error_db).collect();
    if let Some(largest) = errors.iter().map(|e| e.abs()).max_by(f64::total_cmp) {
        let near = errors.iter().filter(|e| e.abs() <= 1.0).count();
        text.push_str(&format!(
            "prediction within 1 dB of what was measured in {near} of {} layers, at most {largest:.1} dB off\n",
            errors.len()
        ));
    }
    text
}

fn to_json(layer: &LayerSnr) -> serde_json::Value {
    let budget = |b: &LayerBudget| {
        let alone: serde_json::Map<String, serde_json::Value> = Cause::ALL
            .iter()
            .map(|c| (c.name().to_owned(), json!(b.alone[*c as usize] / b.signal)))
            .collect();
        json!({ "signal": b.signal, "total": b.total / b.signal, "alone": alone,
                "binding": binding(b).map(|(cause, share)| json!({ "cause": cause.name(), "share": share })) })
    };
    let q = &layer.quantization;
    json!({
        "layer": layer.name,
        "quantization": { "weights": q.weights / q.signal, "inputs": q.inputs / q.signal },
        "predicted": budget(&layer.predicted),
        "measured": layer.measured.as_ref().map(budget),
        "prediction_error_db": layer.prediction_error_db(),
    })
}

/// The columns of one line of a budget.
fn columns() -> Vec<Column> {
    let mut columns = vec![
        Column::new("layer", "", "layer of the network"),
        Column::new("kind", "", "predicted in closed form, or measured on chips"),
        Column::new("weights", "", "error power of quantized weights over signal power"),
        Column::new("inputs", "", "error power of quantized inputs over signal power"),
    ];
    columns.extend(Cause::ALL.iter().map(|c| {
        Column::new(
            c.name(),
            "",
            format!("error power over signal power if this were alone: {}", c.meaning()),
        )
    }));
    columns.push(Column::new("total", "", "error power of the whole machine over signal power"));
    columns.push(Column::new("snr_db", "dB", "signal-to-noise ratio of the whole machine"));
    columns
}

/// One record a layer and kind.
fn records(layers: &[LayerSnr]) -> Vec<Record> {
    let mut rows = Vec::new();
    for layer in layers {
        for (kind, budget) in [("measured", layer.measured.as_ref()), ("predicted", Some(&layer.predicted))] {
            let Some(budget) = budget else { continue };
            let q = &layer.quantization;
            let mut row = Record::new();
            row.set("layer", Value::Text(layer.name.clone()));
            row.set("kind", Value::Text(kind.to_owned()));
            row.set("weights", q.weights / q.signal);
            row.set("inputs", q.inputs / q.signal);
            for cause in Cause::ALL {
                row.set(cause.name(), budget.alone[cause as usize] / budget.signal);
            }
            row.set("total", budget.total / budget.signal);
            row.set("snr_db", ratio_db(budget.signal, budget.total));
            rows.push(row);
        }
    }
    rows
}

/// Writes the table and the figures.
fn write(out: &Path, hardware: &str, layers: &[LayerSnr]) -> Result<String> {
    super::run::refuse_results(out)?;
    let table = Table::from_records(columns(), &records(layers))?;
    std::fs::create_dir_all(out).with_context(|| format!("cannot make the folder {}", out.display()))?;
    table.to_csv(&out.join("snr.csv"))?;
    let named: Vec<(String, &LayerSnr)> = layers.iter().map(|l| (l.name.clone(), l)).collect();
    let title = format!("layers on {hardware}; number: quantization alone");
    draw(out, "snr_waterfall", &waterfall(title, &named))?;
    Ok(format!(
        "\nresults  {}\nfigure   {}\n",
        out.join("snr.csv").display(),
        out.join("snr_waterfall.svg").display()
    ))
}

/// Writes a figure as SVG and PNG.
fn draw(out: &Path, name: &str, chart: &Chart) -> Result<()> {
    write_atomically(&out.join(format!("{name}.svg")), ohmic_report::svg(chart)?.as_bytes())?;
    write_atomically(&out.join(format!("{name}.png")), &ohmic_report::png(chart)?)?;
    Ok(())
}

/// From what quantization leaves down to what the machine leaves: one column a budget, one piece a cause.
fn waterfall(x_title: String, budgets: &[(String, &LayerSnr)]) -> Chart {
    let falls: Vec<_> = budgets.iter().map(|(_, layer)| layer.waterfall()).collect();
    // what takes nothing that can be seen has no place in the legend
    let seen = |name: &str| falls.iter().flat_map(|fall| &fall.1).any(|lost| lost.0 == name && lost.1 > 0.01);
    let acting = causes(budgets.iter().map(|b| b.1));
    let shown: Vec<&str> = acting.iter().map(|c| c.name()).filter(|name| seen(name)).collect();
    let parts = std::iter::once("what is left".to_owned())
        .chain(shown.iter().map(|name| format!("lost by {}", name.replace('_', " "))))
        .collect();
    let columns = falls
        .iter()
        .map(|(first, lost, left)| {
            if !first.is_finite() || !left.is_finite() {
                return Vec::new();
            }
            // less than nothing is left where noise exceeds the signal: the column then ends at 0
            let mut column = vec![left.max(0.0)];
            let mut over = (-left).max(0.0);
            for name in &shown {
                let mut piece = lost.iter().find(|l| l.0 == *name).map_or(0.0, |l| l.1);
                let cut = over.min(piece);
                over -= cut;
                piece -= cut;
                column.push(piece);
            }
            column
        })
        .collect();
    Chart::Stack(Stack {
        x_title,
        y_title: "signal-to-noise ratio".to_owned(),
        y_unit: "dB".to_owned(),
        categories: budgets.iter().map(|b| b.0.clone()).collect(),
        parts,
        panels: vec![(String::new(), columns)],
    })
}
