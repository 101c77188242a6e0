//! `ohmic fit`: raw measurements become a device file, with how well it describes them and a picture.

use crate::answer::Answer;
use crate::args::FitArgs;
use crate::text::{self, quantity, time};
use anyhow::{Context, Result};
use ohmic_hardware::fit::{Fit, Measurement, StateFit, normal_quantile};
use ohmic_report::{Chart, Join, LegendEntry, Lines, Series, Spot, YRange};
use serde_json::{Value, json};

pub(crate) fn run(args: &FitArgs) -> Result<Answer> {
    let fit = Fit::of(&Measurement::read(&args.file)?)?;
    let mut text = format!(
        "{}: {} states of {} cells, read {} after programming (`{}`)\n\n{}",
        fit.name,
        fit.states.len(),
        fit.states.iter().map(|s| s.goodness.n).sum::<usize>(),
        time(fit.programmed.1),
        fit.programmed.0,
        states(&fit)
    );
    text.push_str(
        "\nks: largest distance between the cumulative distributions of the cells and of the fit; * beyond what 5 % of \
         samples\nfrom the distribution itself exceed. chi2: Pearson's, of the normal fit, and what 5 % exceed.\n",
    );
    for change in &fit.changes {
        text.push_str(&format!("\nchange after {} (`{}`)\n", time(change.elapsed_s), change.name));
        let rows: Vec<Vec<String>> = fit
            .states
            .iter()
            .zip(&change.states)
            .map(|(s, (mean, sigma))| [s.target_siemens, *mean, *sigma].map(|g| quantity(g, "S")).to_vec())
            .collect();
        text.push_str(&text::columns(&["target", "mean", "sigma"], &rows));
    }
    if let Some(out) = &args.out {
        text.push('\n');
        let mut files = vec![
            ("states.csv", fit.states_csv().into_bytes()),
            ("device.toml", fit.device_toml(&args.extends).into_bytes()),
        ];
        files.extend(fit.drift_csv().map(|csv| ("drift.csv", csv.into_bytes())));
        let programmed = distributions(&fit);
        files.push(("states.svg", ohmic_report::svg(&programmed)?.into_bytes()));
        files.push(("states.png", ohmic_report::png(&programmed)?));
        if !fit.changes.is_empty() {
            let changed = changes(&fit);
            files.push(("drift.svg", ohmic_report::svg(&changed)?.into_bytes()));
            files.push(("drift.png", ohmic_report::png(&changed)?));
        }
        for (name, bytes) in files {
            let path = out.join(name);
            ohmic_results::write_atomically(&path, &bytes)
                .with_context(|| format!("cannot write {}", path.display()))?;
            text.push_str(&format!("wrote {}\n", path.display()));
        }
    }
    Ok(Answer::done(text, to_json(&fit)))
}

/// One line a state.
fn states(fit: &Fit) -> String {
    let rows: Vec<Vec<String>> = fit
        .states
        .iter()
        .map(|s| {
            let g = &s.goodness;
            let star = |d: f64| format!("{d:.3}{}", if d > g.ks_limit { " *" } else { "" });
            vec![
                quantity(s.target_siemens, "S"),
                quantity(s.mean_siemens, "S"),
                quantity(s.sigma_siemens, "S"),
                s.read_sigma_siemens.map_or("-".to_owned(), |r| quantity(r, "S")),
                g.n.to_string(),
                star(g.ks_normal),
                g.ks_lognormal.map_or("-".to_owned(), star),
                format!("{:.3}", g.ks_limit),
                format!("{:.1} ({:.1})", g.chi2_normal, g.chi2_limit),
            ]
        })
        .collect();
    let head =
        ["target", "mean", "sigma", "read sigma", "cells", "ks normal", "ks lognormal", "5 % limit", "chi2"];
    text::columns(&head, &rows)
}

/// Cells of every state against the quantiles of a normal distribution: what is normal lies on its line.
fn distributions(fit: &Fit) -> Chart {
    const SHOWN: usize = 48;
    let points = |s: &StateFit| -> Vec<Spot> {
        let n = s.cells_siemens.len();
        let step = (n - 1) as f64 / (SHOWN.min(n) - 1) as f64;
        (0..SHOWN.min(n))
            .map(|i| (i as f64 * step).round() as usize)
            .map(|i| {
                let z = normal_quantile((i as f64 + 0.5) / n as f64);
                Spot { x: s.cells_siemens[i], y: z, bar: None }
            })
            .collect()
    };
    let line = |s: &StateFit| -> Vec<Spot> {
        let at = |z: f64| Spot { x: s.mean_siemens + z * s.sigma_siemens, y: z, bar: None };
        (-6..=6).map(|half| at(f64::from(half) / 2.0)).collect()
    };
    let mut series = Vec::new();
    for (i, s) in fit.states.iter().enumerate() {
        // black is the lines', and the yellow behind it is too faint for single cells
        series.push(Series { colour: i % 6, marker: i, line: Join::Markers, points: points(s) });
    }
    for s in &fit.states {
        series.push(Series { colour: 6, marker: 0, line: Join::LineOnly, points: line(s) });
    }
    let entry = |label: &str, marker, join| LegendEntry {
        label: label.to_owned(),
        colour: if join == Join::LineOnly { Some(6) } else { None },
        marker,
        join,
    };
    Chart::Lines(Lines {
        x_title: "programmed conductance".to_owned(),
        x_unit: "S".to_owned(),
        y_title: "standard normal quantile".to_owned(),
        y_unit: String::new(),
        y_range: YRange::Linear,
        series,
        references: Vec::new(),
        legend: vec![
            entry("cells, one colour a state", Some(0), Join::Markers),
            entry("normal distribution, their mean and sigma", None, Join::LineOnly),
        ],
    })
}

/// Mean change of every state with its spread, one series a time.
fn changes(fit: &Fit) -> Chart {
    let series = fit.changes.iter().enumerate().map(|(i, change)| Series {
        colour: i,
        marker: i,
        line: Join::Line,
        points: fit
            .states
            .iter()
            .zip(&change.states)
            .map(|(s, &(mean, sigma))| Spot {
                x: s.target_siemens,
                y: mean,
                bar: Some((mean - sigma, mean + sigma)),
            })
            .collect(),
    });
    let legend = fit.changes.iter().enumerate().map(|(i, change)| LegendEntry {
        label: format!("after {}, mean and sigma of the cells", time(change.elapsed_s)),
        colour: Some(i),
        marker: Some(i),
        join: Join::Line,
    });
    Chart::Lines(Lines {
        x_title: "target".to_owned(),
        x_unit: "S".to_owned(),
        y_title: "change since programming".to_owned(),
        y_unit: "S".to_owned(),
        y_range: YRange::Linear,
        series: series.collect(),
        references: Vec::new(),
        legend: legend.collect(),
    })
}

fn to_json(fit: &Fit) -> Value {
    let states: Vec<Value> = fit
        .states
        .iter()
        .map(|s| {
            let g = &s.goodness;
            json!({ "target_siemens": s.target_siemens, "mean_siemens": s.mean_siemens,
                    "sigma_siemens": s.sigma_siemens, "read_sigma_siemens": s.read_sigma_siemens, "cells": g.n,
                    "ks_normal": g.ks_normal, "ks_lognormal": g.ks_lognormal, "ks_limit": g.ks_limit,
                    "chi2_normal": g.chi2_normal, "chi2_limit": g.chi2_limit, "chi2_freedom": g.chi2_freedom })
        })
        .collect();
    let changes: Vec<Value> = fit
        .changes
        .iter()
        .map(|c| {
            let states: Vec<Value> = c
                .states
                .iter()
                .map(|(mean, sigma)| json!({ "mean_siemens": mean, "sigma_siemens": sigma }))
                .collect();
            json!({ "name": c.name, "elapsed_s": c.elapsed_s, "temperature_kelvin": c.temperature_kelvin,
                    "states": states })
        })
        .collect();
    json!({ "name": fit.name, "source": fit.source, "states": states, "changes": changes })
}
