//! `ohmic snr --versus`: the ratio over the values of one hardware key.

use super::{Common, columns, draw, measured_on, records, to_json, waterfall};
use crate::answer::Answer;
use crate::args::{SnrArgs, Versus};
use crate::cmd::{run::refuse_results, single};
use crate::progress::duration;
use crate::text::{self, percent};
use anyhow::{Context, Result, anyhow};
use ohmic_execution::Cause;
use ohmic_metrics::{LayerSnr, binding, ratio_db, weakest};
use ohmic_report::{Bars, Chart, Join, LegendEntry, Lines, Panel, Series, Spot, YRange};
use ohmic_results::{Column, Table, Value};
use ohmic_sweep::{Measuring, axis_column, axis_unit, axis_value};
use serde_json::json;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

/// Causes drawn at most: more curves are no longer told apart.
const MOST_CAUSES: usize = 5;
/// Layers drawn at most, the weakest ones.
const MOST_LAYERS: usize = 8;
/// A cause below this share of the error everywhere is not drawn.
const LEAST_SHARE: f64 = 0.01;
/// Where a cause is this far below what the machine reaches at best, its curve ends: it would press all others flat.
const FARTHEST_DB: f64 = 40.0;

/// What one value of the key gave.
struct Step {
    /// The value in words.
    word: String,
    /// The value in the axis' unit.
    value: Value,
    /// The layers, or why there are none.
    found: Result<Vec<LayerSnr>, String>,
}

impl Step {
    fn weakest(&self) -> Option<&LayerSnr> {
        self.found.as_ref().ok().and_then(|layers| weakest(layers))
    }
}

pub(super) fn run(args: &SnrArgs, versus: &Versus, common: Common) -> Result<Answer> {
    let Versus { key, values } = versus;
    if key == "seed" || key.starts_with("run.") {
        return Err(anyhow!(
            "--versus {key}: `{key}` is no hardware key; see `ohmic list` for those that are"
        ));
    }
    if args.machine.set.sets.iter().any(|(set, _)| set == key) {
        return Err(anyhow!(
            "--versus {key}: `--set {key}` gives it one value already; leave one of them out"
        ));
    }
    if let Some(out) = &args.out {
        refuse_results(out)?;
    }
    let simulation = args.memory.simulation();
    // every value is checked before anything runs
    let mut cases = Vec::new();
    for value in values {
        let mut point = single::point(&args.machine, args.images, args.trials, args.seed)?;
        point.settings.push((key.clone(), value.clone()));
        let case = single::case(&simulation, &point).with_context(|| format!("--versus {key}, {value}"))?;
        cases.push((point, case));
    }
    let measuring = if args.predict { Measuring::No } else { Measuring::Chips };
    let unit = axis_unit(values);
    let start = Instant::now();
    let mut steps: Vec<Step> = Vec::new();
    for (i, ((point, case), value)) in cases.iter().zip(values).enumerate() {
        let found = simulation.snr(case, point, measuring, common.threads).map_err(|e| e.to_string());
        let word = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let step = Step { word, value: axis_value(value, &unit), found };
        let said = step.weakest().map_or("failed".to_owned(), |w| text::decibel(w.snr_db()));
        let left = start.elapsed().mul_f64((values.len() - i - 1) as f64 / (i + 1) as f64);
        let left = if i + 1 < values.len() { format!(", {} left", duration(left)) } else { String::new() };
        // a closed standard error is no reason to stop
        let _ =
            writeln!(std::io::stderr(), "  {}/{}  {key} = {}: {said}{left}", i + 1, values.len(), step.word);
        steps.push(step);
    }
    let (_, first) = &cases[0];
    let name = &first.network.name;
    if steps.iter().all(|s| s.found.as_ref().is_ok_and(Vec::is_empty)) {
        return Err(anyhow!("`{name}` has no layer that runs on crossbars"));
    }

    let mut text = format!("{name} on {} versus {key}: {}\n\n", first.hardware.name(), measured_on(args));
    text.push_str(&table(key, &steps));
    text.push_str(
        "\nof the weakest layer at each value. SNR: the whole machine against exact integers; SQNR: few bits alone \
         (quantized\nweights and inputs, rounding, clipping); both: the whole machine and quantization, against the float \
         network\n",
    );
    let failed: Vec<String> = steps
        .iter()
        .filter_map(|s| Some(format!("failed: {key} = {}: {}\n", s.word, s.found.as_ref().err()?)))
        .collect();
    text.extend(failed.iter().map(|line| format!("\n{line}")));
    if let Some(out) = &args.out {
        text.push_str(&write(out, (key, &unit), &steps)?);
    }
    let values: Vec<_> = steps.iter().map(|step| step_json(key, step)).collect();
    let json = json!({ "versus": key, "unit": unit, "values": values });
    Ok(Answer { text, json, code: u8::from(!failed.is_empty()) })
}

/// One line a value.
fn table(key: &str, steps: &[Step]) -> String {
    let measured = steps.iter().any(|s| s.weakest().is_some_and(|w| w.measured.is_some()));
    let mut head = vec![key, "weakest layer", "SNR"];
    if measured {
        head.push("predicted");
    }
    head.extend(["SQNR", "both", "binds"]);
    let line = |step: &Step| {
        let mut cells = vec![step.word.clone()];
        let Some(worst) = step.weakest() else {
            cells.push("failed".to_owned());
            return cells;
        };
        cells.extend([worst.name.clone(), text::decibel(worst.snr_db())]);
        if measured {
            cells.push(text::decibel(ratio_db(worst.predicted.signal, worst.predicted.total)));
        }
        cells.extend([worst.sqnr_db(), worst.with_quantization_db()].map(text::decibel));
        cells.push(binding(worst.budget()).map_or_else(
            || "nothing".to_owned(),
            |(cause, share)| format!("{} {}", cause.name(), percent(share)),
        ));
        cells
    };
    text::columns(&head, &steps.iter().map(line).collect::<Vec<_>>())
}

fn step_json(key: &str, step: &Step) -> serde_json::Value {
    let value = match &step.value {
        Value::Int(v) => json!(v),
        Value::Float(v) => json!(v),
        _ => json!(step.word),
    };
    let worst = step.weakest();
    json!({
        key: value,
        "weakest": worst.map(|w| &w.name),
        "snr_db": worst.map(LayerSnr::snr_db),
        "predicted_snr_db": worst.map(|w| ratio_db(w.predicted.signal, w.predicted.total)),
        "sqnr_db": worst.map(LayerSnr::sqnr_db),
        "with_quantization_db": worst.map(LayerSnr::with_quantization_db),
        "binding": worst.and_then(|w| binding(w.budget())).map(|(c, share)| json!({ "cause": c.name(), "share": share })),
        "layers": step.found.as_ref().ok().map(|layers| layers.iter().map(to_json).collect::<Vec<_>>()),
        "problem": step.found.as_ref().err(),
    })
}

/// Writes the tables and the figures.
fn write(out: &Path, (key, unit): (&str, &str), steps: &[Step]) -> Result<String> {
    let axis = axis_column(key);
    let mut all =
        vec![Column::new(axis.clone(), unit, format!("value of the key `{key}`; see `ohmic explain {key}`"))];
    all.extend(columns());
    all.push(Column::new("sqnr_db", "dB", "ratio with quantization, rounding and clipping alone"));
    all.push(Column::new("with_quantization_db", "dB", "ratio of the whole machine and quantization"));
    let mut rows = Vec::new();
    for step in steps {
        for layer in step.found.as_ref().map_or(&[][..], Vec::as_slice) {
            for mut row in records(std::slice::from_ref(layer)) {
                row.set(axis.clone(), step.value.clone());
                // each line has the ratios of its own kind
                let measured = row.get("kind").and_then(Value::text) == Some("measured");
                let kind =
                    if measured { layer.clone() } else { LayerSnr { measured: None, ..layer.clone() } };
                row.set("sqnr_db", kind.sqnr_db());
                row.set("with_quantization_db", kind.with_quantization_db());
                rows.push(row);
            }
        }
    }
    let table = Table::from_records(all, &rows)?;
    std::fs::create_dir_all(out).with_context(|| format!("cannot make the folder {}", out.display()))?;
    table.to_csv(&out.join("snr_versus.csv"))?;
    table.to_json(&out.join("snr_versus.json"))?;
    let mut said = format!("\nresults  {}\n", out.join("snr_versus.csv").display());
    for (name, chart) in figures(key, unit, steps) {
        draw(out, name, &chart)?;
        said.push_str(&format!("figure   {}\n", out.join(format!("{name}.svg")).display()));
    }
    Ok(said)
}

/// Curves where the values are numbers, bars where they are names.
fn figures(key: &str, unit: &str, steps: &[Step]) -> Vec<(&'static str, Chart)> {
    let steps: Vec<(&Step, &LayerSnr)> = steps.iter().filter_map(|s| Some((s, s.weakest()?))).collect();
    let mut at: Vec<(f64, &Step, &LayerSnr)> =
        steps.iter().filter_map(|(s, w)| Some((s.value.number()?, *s, *w))).collect();
    if at.is_empty() || at.len() < steps.len() {
        return names(key, &steps);
    }
    at.sort_by(|a, b| a.0.total_cmp(&b.0));
    let lines = |(series, legend): (Vec<Series>, Vec<LegendEntry>), y_title: &str| {
        Chart::Lines(Lines {
            x_title: key.to_owned(),
            x_unit: unit.to_owned(),
            y_title: y_title.to_owned(),
            y_unit: "dB".to_owned(),
            y_range: YRange::Linear,
            series,
            references: Vec::new(),
            legend,
        })
    };
    let mut figures = vec![("snr_versus", lines(curves(&at), "ratio in the weakest layer"))];
    if at[0].1.found.as_ref().is_ok_and(|l| l.len() > 1) {
        figures.push(("snr_versus_layers", lines(of_layers(&at), "SNR of a layer")));
    }
    figures
}

/// A series with its place in the legend.
fn curve(
    (label, colour, marker, join): (String, usize, usize, Join),
    points: impl Iterator<Item = (f64, f64)>,
) -> (Series, LegendEntry) {
    let points = points.map(|(x, y)| Spot { x, y, bar: None }).collect();
    let entry = LegendEntry { label, colour: Some(colour), marker: Some(marker), join };
    (Series { colour, marker, line: join, points }, entry)
}

/// The ratios of the weakest layer, and of the causes that matter there if each were alone.
fn curves(at: &[(f64, &Step, &LayerSnr)]) -> (Vec<Series>, Vec<LegendEntry>) {
    const BLACK: usize = 6;
    let mut all = vec![curve(
        ("SNR, all causes".to_owned(), BLACK, 0, Join::Line),
        at.iter().map(|(x, _, w)| (*x, w.snr_db())),
    )];
    if at.iter().any(|(_, _, w)| w.measured.is_some()) {
        let predicted = at.iter().map(|(x, _, w)| (*x, ratio_db(w.predicted.signal, w.predicted.total)));
        all.push(curve(("SNR, predicted".to_owned(), BLACK, 2, Join::LineOnly), predicted));
    }
    let sqnr = at.iter().map(|(x, _, w)| (*x, w.sqnr_db()));
    all.push(curve(("SQNR: few bits alone".to_owned(), 0, 1, Join::Line), sqnr));
    // by the largest share of the error that each takes anywhere
    let parts: Vec<Vec<(&str, f64)>> = at.iter().map(|(_, _, w)| w.parts()).collect();
    let largest = |i: usize| {
        let share = |p: &Vec<(&str, f64)>| p[i].1 / p.iter().map(|p| p.1).sum::<f64>();
        parts.iter().map(share).fold(0.0, f64::max)
    };
    let mut order: Vec<(usize, f64)> =
        (0..2 + Cause::ALL.len()).map(|i| (i, largest(i))).filter(|o| o.1 > LEAST_SHARE).collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    order.truncate(MOST_CAUSES);
    let best = at.iter().map(|a| a.2.snr_db()).filter(|r| r.is_finite()).fold(0.0, f64::max);
    for (nth, (i, _)) in order.into_iter().enumerate() {
        let alone = at.iter().zip(&parts).map(|((x, _, _), p)| (*x, ratio_db(1.0, p[i].1)));
        let points = alone.filter(|p| p.1 < best + FARTHEST_DB);
        let name = format!("{} alone", parts[0][i].0.replace('_', " "));
        all.push(curve((name, nth + 1, nth + 2, Join::Line), points));
    }
    let (mut series, legend): (Vec<_>, _) = all.into_iter().unzip();
    // the legend begins with the whole machine, and nothing is drawn over it
    series.reverse();
    (series, legend)
}

/// The ratio of every layer, or of the weakest ones.
fn of_layers(at: &[(f64, &Step, &LayerSnr)]) -> (Vec<Series>, Vec<LegendEntry>) {
    let ratios = |name: &str| -> Vec<(f64, f64)> {
        let of =
            |step: &Step| step.found.as_ref().ok()?.iter().find(|l| l.name == name).map(LayerSnr::snr_db);
        at.iter().filter_map(|(x, step, _)| Some((*x, of(step)?))).collect()
    };
    let layers = at[0].1.found.as_ref().map_or(&[][..], Vec::as_slice);
    let mut all: Vec<_> =
        layers.iter().enumerate().map(|(i, l)| (i, l.name.as_str(), ratios(&l.name))).collect();
    let least = |points: &[(f64, f64)]| points.iter().map(|p| p.1).fold(f64::INFINITY, f64::min);
    all.sort_by(|a, b| least(&a.2).total_cmp(&least(&b.2)));
    all.truncate(MOST_LAYERS);
    all.sort_by_key(|l| l.0);
    let series = all
        .into_iter()
        .enumerate()
        .map(|(nth, (_, name, points))| curve((name.to_owned(), nth, nth, Join::Line), points.into_iter()));
    series.unzip()
}

/// Bars and a waterfall: names have no place on an axis.
fn names(key: &str, steps: &[(&Step, &LayerSnr)]) -> Vec<(&'static str, Chart)> {
    let panel = |title: &str, of: fn(&LayerSnr) -> f64| Panel {
        title: title.to_owned(),
        unit: "dB".to_owned(),
        values: steps.iter().map(|(_, w)| vec![of(w)]).collect(),
        half: vec![None; steps.len()],
    };
    let bars = Chart::Bars(Bars {
        rows: steps.iter().map(|(s, _)| s.word.clone()).collect(),
        panels: vec![panel("SNR, weakest layer", LayerSnr::snr_db), panel("SQNR there", LayerSnr::sqnr_db)],
        parts: Vec::new(),
    });
    let named: Vec<(String, &LayerSnr)> = steps.iter().map(|(s, w)| (s.word.clone(), *w)).collect();
    vec![
        ("snr_versus", bars),
        ("snr_versus_waterfall", waterfall(format!("{key}; number: quantization alone"), &named)),
    ]
}
