//! `ohmic cost`: energy by component and layer, latency and area.

use super::run::{refuse_results, write};
use super::{Common, single, writing};
use crate::answer::Answer;
use crate::args::RunArgs;
use crate::text::{self, percent, quantity};
use anyhow::{Result, anyhow};
use ohmic_hardware::Event;
use ohmic_metrics::Measured;
use ohmic_sweep::Case;
use serde_json::{Value, json};

pub(crate) fn run(args: &RunArgs, common: Common) -> Result<Answer> {
    if let Some(out) = &args.out {
        refuse_results(out)?;
    }
    let mut point = single::run_point(args)?;
    point.trials = 1;
    let simulation = args.memory.simulation();
    let case = single::case(&simulation, &point)?;
    let all = simulation.trials(&case, &point, common.threads)?;
    let measured = all.into_iter().next().ok_or_else(|| anyhow!("no trial was run"))?;
    let rows: Vec<Vec<String>> = measured
        .layers
        .iter()
        .map(|l| {
            vec![
                l.name.clone(),
                quantity(l.energy_joule, "J"),
                quantity(l.time_s, "s"),
                l.crossbars.to_string(),
            ]
        })
        .collect();
    let mut text = format!(
        "{} on {}, mean over {} images of {}\n\n{}\n{}\n{}",
        case.network.name,
        case.hardware.name(),
        point.images,
        point.data,
        breakdown(&case, &measured),
        text::columns(&["layer", "energy", "time", "crossbars"], &rows),
        events(&measured)
    );
    if let Some(out) = &args.out {
        text.push_str(&write(out, &case, &simulation, std::slice::from_ref(&measured.record))?);
    }
    Ok(Answer::done(text, to_json(&case, &measured)))
}

/// Energy and area by component, then the totals.
pub(crate) fn breakdown(case: &Case, measured: &Measured) -> String {
    let cost = &measured.cost;
    let (energy, area) = (cost.energy_joule(), cost.area_m2());
    let share = |part: f64, whole: f64| if whole > 0.0 { percent(part / whole) } else { "-".to_owned() };
    let rows: Vec<Vec<String>> = cost
        .components
        .iter()
        .map(|c| {
            vec![
                c.name.clone(),
                text::digits(c.instances),
                quantity(c.energy_joule, "J"),
                share(c.energy_joule, energy),
                quantity(c.area_m2, "m2"),
                share(c.area_m2, area),
            ]
        })
        .collect();
    let mut text = text::columns(&["component", "instances", "energy", "", "area", ""], &rows);
    let bottleneck = cost
        .bottleneck()
        .and_then(|id| case.network.nodes.get(id.0 as usize))
        .map_or_else(String::new, |node| format!(" (limited by `{}`)", node.name));
    let ops = 2.0 * cost.macs;
    let rate = if cost.interval_s > 0.0 { 1.0 / cost.interval_s } else { 0.0 };
    let rows = [
        ("energy per inference", quantity(energy, "J")),
        ("latency", quantity(cost.latency_s, "s")),
        ("inferences per second", format!("{}{bottleneck}", text::digits(rate))),
        ("area", quantity(area, "m2")),
        (
            "operations per energy",
            format!(
                "{} TOPS/W (1 MAC = 2 operations, {}-bit weights, {}-bit inputs)",
                text::digits(if energy > 0.0 { ops / energy / 1e12 } else { 0.0 }),
                case.hardware.precision().weight_bits,
                case.hardware.precision().input_bits
            ),
        ),
    ];
    let mut rows = rows.map(|(n, v)| (n.to_owned(), v)).to_vec();
    rows.extend(measured.programming.iter().flat_map(writing::lines));
    rows.extend(measured.repair.iter().map(writing::repair_line));
    text.push_str(&format!("\n{}", text::names(&rows)));
    text
}

/// Every event of an inference and its amount.
fn events(measured: &Measured) -> String {
    let rows: Vec<Vec<String>> = Event::ALL
        .iter()
        .filter_map(|&event| {
            let amount: f64 = measured.cost.events.iter().map(|e| e.get(event)).sum();
            (amount > 0.0)
                .then(|| vec![event.name().to_owned(), text::digits(amount), event.unit().to_owned()])
        })
        .collect();
    text::columns(&["event", "per inference", ""], &rows)
}

fn to_json(case: &Case, measured: &Measured) -> Value {
    let cost = &measured.cost;
    let components: Vec<Value> = cost
        .components
        .iter()
        .map(|c| {
            json!({ "name": c.name, "instances": c.instances, "energy_joule": c.energy_joule,
                    "leakage_joule": c.leakage_joule, "area_m2": c.area_m2, "source": c.source })
        })
        .collect();
    let layers: Vec<Value> = measured
        .layers
        .iter()
        .map(|l| {
            json!({ "name": l.name, "energy_joule": l.energy_joule, "time_s": l.time_s, "crossbars": l.crossbars })
        })
        .collect();
    json!({ "network": case.network.name, "hardware": case.hardware.name(), "energy_joule": cost.energy_joule(),
            "latency_s": cost.latency_s, "interval_s": cost.interval_s, "area_m2": cost.area_m2(), "macs": cost.macs,
            "components": components, "layers": layers,
            "programming": measured.programming.as_ref().map(writing::json) })
}
