//! `ohmic map`: where a network sits on a machine.

use super::{exchange, single, writing};
use crate::answer::Answer;
use crate::args::MachineArgs;
use crate::text::{self, percent};
use anyhow::{Result, anyhow};
use ohmic_mapping::Plan;
use ohmic_sweep::{Case, Simulation};
use serde_json::{Value, json};

pub(crate) fn run(args: &MachineArgs) -> Result<Answer> {
    let point = single::point(args, 1, 1, 0)?;
    let case = single::case(&Simulation::default(), &point)?;
    let plan = case.plan.as_ref().map_err(|problem| anyhow!("{problem}"))?;
    let (activity, _) = ohmic_execution::assumed(plan, &case.hardware, 0)?;
    let text = format!(
        "{} on {}\n\n{}\n{}{}{}{}",
        case.network.name,
        case.hardware.name(),
        layers(&case, plan),
        totals(&case, plan),
        writing::plan_text(&case.hardware, plan),
        writing::yield_text(&case.hardware, plan),
        exchange::text(plan, &case.hardware, &activity)
    );
    Ok(Answer::done(text, to_json(&case, plan, exchange::json(plan, &case.hardware, &activity))))
}

/// One line a layer.
fn layers(case: &Case, plan: &Plan) -> String {
    let cells = (case.hardware.crossbar().rows * case.hardware.crossbar().cols) as f64;
    let rows: Vec<Vec<String>> = plan
        .layers
        .iter()
        .flatten()
        .map(|layer| {
            let groups = if layer.groups > 1 { format!(" x {} groups", layer.groups) } else { String::new() };
            vec![
                layer.name.clone(),
                format!("{} x {}{groups}", layer.k, layer.n),
                layer.positions.to_string(),
                layer.blocks.len().to_string(),
                layer.fragments.len().to_string(),
                layer.copies.to_string(),
                layer.placed.len().to_string(),
                percent(layer.cells as f64 / (cells * layer.crossbars.len() as f64)),
            ]
        })
        .collect();
    text::columns(
        &["layer", "inputs x outputs", "vectors", "blocks", "fragments", "copies", "crossbars", "cells used"],
        &rows,
    )
}

/// Crossbars, macros, tiles, chips.
pub(crate) fn totals(case: &Case, plan: &Plan) -> String {
    let crossbar = case.hardware.crossbar();
    format!(
        "{} crossbars of {} x {} cells ({} used), {} macros, {} tiles, {} chip{}{}\n",
        plan.crossbars,
        crossbar.rows,
        crossbar.cols,
        percent(plan.utilization),
        plan.macros,
        plan.tiles,
        plan.chips,
        if plan.chips == 1 { "" } else { "s" },
        if plan.loads == 1 { String::new() } else { format!(", written {} times for a batch", plan.loads) }
    )
}

fn to_json(case: &Case, plan: &Plan, communication: Value) -> Value {
    let layers: Vec<Value> = plan
        .layers
        .iter()
        .flatten()
        .map(|layer| {
            let blocks: Vec<Value> = layer
                .blocks
                .iter()
                .map(|b| {
                    json!({ "group": b.group, "rows": [b.rows.start, b.rows.end], "outputs": [b.outputs.start, b.outputs.end],
                            "crossbar": b.crossbar, "first_row": b.first_row, "first_col": b.first_col, "columns": b.columns })
                })
                .collect();
            json!({ "name": layer.name, "k": layer.k, "n": layer.n, "groups": layer.groups,
                    "positions": layer.positions, "rows_per_read": layer.rows_per_read,
                    "fragments": layer.fragments.len(), "copies": layer.copies,
                    "crossbars": layer.placed.len(), "placed": [layer.placed.start, layer.placed.end],
                    "cells": layer.cells, "blocks": blocks })
        })
        .collect();
    json!({ "network": case.network.name, "hardware": case.hardware.name(), "crossbars": plan.crossbars,
            "writing": writing::plan_json(&case.hardware, plan), "yield": writing::yield_json(&case.hardware, plan), "macros": plan.macros, "tiles": plan.tiles, "chips": plan.chips, "loads": plan.loads, "utilization": plan.utilization,
            "communication": communication, "layers": layers })
}
