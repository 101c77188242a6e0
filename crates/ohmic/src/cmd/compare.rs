//! `ohmic compare`: networks on machines side by side.

use super::Common;
use crate::answer::Answer;
use crate::args::CompareArgs;
use crate::text::{self, digits, percent, quantity};
use anyhow::{Context, Result};
use ohmic_report::{Bars, Chart, Panel};
use ohmic_repro::{Compared, Data, Equal, Evaluator, Ran, compare};
use serde_json::{Value, json};

pub(crate) fn run(args: &CompareArgs, common: Common) -> Result<Answer> {
    let equal = match (args.area, args.crossbars) {
        (Some(area_m2), _) => Equal::Area(area_m2),
        (None, Some(crossbars)) => Equal::Crossbars(f64::from(crossbars)),
        (None, None) => Equal::Copies,
    };
    let ran = args.data.clone().map(|data| Ran { data, images: args.images as usize, trials: 1 });
    let evaluator = Evaluator::new(args.memory.simulation(), common.threads, Data::Used);
    let all = compare(&args.machines, &args.networks, equal, ran.as_ref(), &evaluator)?;
    let on = match equal {
        Equal::Copies => "one copy of the network on each".to_owned(),
        Equal::Area(area_m2) => {
            format!("as many copies of the network as fit on {}", quantity(area_m2, "m2"))
        }
        Equal::Crossbars(n) => format!("as many copies of the network as fit on {n} crossbars"),
    };
    let with = match &ran {
        Some(ran) => format!("mean over {} images of {}", ran.images, ran.data),
        None => "with the activity that each file assumes".to_owned(),
    };
    let mut text = format!(
        "{on}, {with}; in brackets relative to {}.\nbits: of weights x inputs; mostly of: the component that takes most of \
         the energy (chip links that one file has and another leaves out are no difference of the arrays)\n",
        args.machines[0]
    );
    for rows in all.chunks(args.machines.len()) {
        text.push_str(&format!("\n{}\n{}", rows[0].network, table(rows)));
    }
    if let Some(out) = &args.out {
        let mut pictures = vec![("compare_shares", shares(&all))];
        if args.machines.len() > 1 {
            pictures.push(("compare", ratios(&all, args.machines.len())));
        }
        for (name, chart) in pictures {
            for (ending, bytes) in
                [("svg", ohmic_report::svg(&chart)?.into_bytes()), ("png", ohmic_report::png(&chart)?)]
            {
                let path = out.join(format!("{name}.{ending}"));
                ohmic_results::write_atomically(&path, &bytes)
                    .with_context(|| format!("cannot write {}", path.display()))?;
                text.push_str(&format!("wrote {}\n", path.display()));
            }
        }
    }
    Ok(Answer::done(text, to_json(&all)))
}

/// Machines as rows; every number with its ratio to the first machine's.
fn table(rows: &[Compared]) -> String {
    let first = &rows[0];
    let beside = |value: f64, of_first: f64, unit: &str| {
        let ratio = if of_first > 0.0 { format!("{} x", digits(value / of_first)) } else { "-".to_owned() };
        format!("{} ({ratio})", quantity(value, unit))
    };
    let lines: Vec<Vec<String>> = rows
        .iter()
        .map(|c| {
            if c.copies < 1.0 {
                return vec![c.machine.clone(), "does not fit".to_owned()];
            }
            let largest = c.energies.iter().max_by(|a, b| a.1.total_cmp(&b.1));
            let mostly = largest.map_or("-".to_owned(), |(name, joule)| {
                format!("{name} {:.0} %", 100.0 * joule / c.energy_joule)
            });
            vec![
                c.machine.clone(),
                digits(c.copies),
                format!("{} x {}", c.bits.0, c.bits.1),
                c.accuracy.map_or("-".to_owned(), percent),
                beside(c.energy_joule, first.energy_joule, "J"),
                mostly,
                beside(c.latency_s, first.latency_s, "s"),
                beside(c.rate_hz, first.rate_hz, ""),
                beside(c.area_m2, first.area_m2, "m2"),
                digits(c.crossbars),
            ]
        })
        .collect();
    let head = [
        "",
        "copies",
        "bits",
        "accuracy",
        "energy",
        "mostly of",
        "latency",
        "inferences per second",
        "area",
        "crossbars",
    ];
    text::columns(&head, &lines)
}

/// Energy and rate per area of every pair, in decades from the first machine's.
fn ratios(all: &[Compared], machines: usize) -> Chart {
    let others: Vec<(&Compared, &Compared)> =
        all.chunks(machines).flat_map(|rows| rows[1..].iter().map(|c| (c, &rows[0]))).collect();
    let panel = |title: &str, of: fn(&Compared) -> f64| Panel {
        title: title.to_owned(),
        unit: String::new(),
        values: others
            .iter()
            .map(|(c, first)| (of(c) / of(first)).log10())
            .map(|decades| if decades.is_finite() { vec![decades] } else { vec![] })
            .collect(),
        half: vec![None; others.len()],
    };
    Chart::Bars(Bars {
        rows: others.iter().map(|(c, _)| label(c, all.len() > machines)).collect(),
        parts: Vec::new(),
        panels: vec![panel("log10 energy", |c| c.energy_joule), panel("log10 rate/area", Compared::density)],
    })
}

fn label(c: &Compared, several_networks: bool) -> String {
    if several_networks { format!("{}, {}", c.machine, c.network) } else { c.machine.clone() }
}

/// The parts that a picture has colours for; what is left is drawn as one.
const PARTS: usize = 7;

/// Where energy and area go, by component.
fn shares(all: &[Compared]) -> Chart {
    type Family = fn(&Compared) -> &[(String, f64)];
    let families: [(&str, Family); 2] =
        [("share of energy", |c| &c.energies), ("share of area", |c| &c.areas)];
    let share = |c: &Compared, family: Family, name: &str| {
        let whole: f64 = family(c).iter().map(|e| e.1).sum();
        let part: f64 = family(c).iter().filter(|e| e.0 == name).map(|e| e.1).sum();
        if whole > 0.0 { part / whole } else { 0.0 }
    };
    let mut parts: Vec<(String, f64)> = Vec::new();
    for (name, _) in all.iter().flat_map(|c| &c.energies) {
        if parts.iter().all(|p| p.0 != *name) {
            let of = |c: &Compared| families.iter().map(|f| share(c, f.1, name)).fold(0.0, f64::max);
            parts.push((name.clone(), all.iter().map(of).fold(0.0, f64::max)));
        }
    }
    parts.sort_by(|a, b| b.1.total_cmp(&a.1));
    let names: Vec<String> = parts.iter().take(PARTS).map(|p| p.0.clone()).collect();
    let several = all.iter().any(|c| c.network != all[0].network);
    let panels = families
        .iter()
        .map(|&(title, family)| Panel {
            title: title.to_owned(),
            unit: String::new(),
            values: all
                .iter()
                .map(|c| {
                    let mut column: Vec<f64> = names.iter().map(|n| share(c, family, n)).collect();
                    column.push((1.0 - column.iter().sum::<f64>()).max(0.0));
                    column
                })
                .collect(),
            half: vec![None; all.len()],
        })
        .collect();
    let parts = names.into_iter().chain(["others".to_owned()]).collect();
    Chart::Bars(Bars { rows: all.iter().map(|c| label(c, several)).collect(), parts, panels })
}

fn to_json(all: &[Compared]) -> Value {
    all.iter()
        .map(|c| {
            let parts = |parts: &[(String, f64)]| -> serde_json::Map<String, Value> {
                parts.iter().map(|(name, value)| (name.clone(), json!(value))).collect()
            };
            json!({ "machine": c.machine, "network": c.network, "copies": c.copies, "accuracy": c.accuracy,
                    "energy_joule": c.energy_joule, "latency_s": c.latency_s, "inferences_per_second": c.rate_hz,
                    "area_m2": c.area_m2, "crossbars": c.crossbars, "inferences_per_second_m2": c.density(),
                    "energy_joule_by_component": parts(&c.energies), "area_m2_by_component": parts(&c.areas) })
        })
        .collect()
}
