//! What commands say about writing: energy, time and wear of a chip, and what heat allows a plan.

use crate::text::{self, percent, quantity};
use ohmic_execution::Repair;
use ohmic_hardware::{Hardware, HeatLimit, WriteSpec};
use ohmic_mapping::Plan;
use ohmic_mapping::heat::{StepLimit, capacity_bound, least_steps, makespan, schedule, schemes};
use ohmic_mapping::repair::plan_yield;
use ohmic_metrics::Programming;
use serde_json::{Value, json};

/// Lines of a table of totals.
pub(crate) fn lines(p: &Programming) -> Vec<(String, String)> {
    let mut lines = vec![(
        "programming, once".to_owned(),
        format!(
            "{}{}, {} pulses a cell (at most {}){}",
            quantity(p.energy_joule, "J"),
            p.time_s.map_or_else(String::new, |s| format!(", {}", quantity(s, "s"))),
            text::digits(p.pulses_per_cell),
            p.most_pulses,
            p.convergence.map_or_else(String::new, |c| format!(", {} of cells accepted", percent(c)))
        ),
    )];
    lines.extend(
        p.rewrites.map(|r| ("endurance".to_owned(), format!("can be programmed {} times", text::digits(r)))),
    );
    lines
}

/// The same for programs.
pub(crate) fn json(p: &Programming) -> Value {
    json!({ "energy_joule": p.energy_joule, "time_s": p.time_s, "steps": p.steps, "pulses": p.pulses,
            "verify_reads": p.verify_reads, "pulses_per_cell": p.pulses_per_cell, "most_pulses": p.most_pulses,
            "convergence": p.convergence, "rewrites": p.rewrites })
}

/// Every cell of a plan changed once.
struct OncePerCell {
    /// Steps of the crossbar that takes longest.
    steps: usize,
    /// Of the widest word line: its cells, steps, steps that no schedule can do without, changes a step and cell.
    widest: (usize, usize, usize, f64),
}

fn once_per_cell(spec: &WriteSpec, plan: &Plan) -> OncePerCell {
    let limit = StepLimit { parallel: spec.parallel_cells, heat: spec.heat };
    let mut by_width: Vec<Option<usize>> = Vec::new();
    let mut by_crossbar = vec![0usize; plan.layers.iter().flatten().map(|l| l.crossbars.len()).sum()];
    for block in plan.layers.iter().flatten().flat_map(|layer| &layer.blocks) {
        if by_width.len() <= block.columns {
            by_width.resize(block.columns + 1, None);
        }
        let steps = *by_width[block.columns].get_or_insert_with(|| makespan(&vec![1; block.columns], &limit));
        by_crossbar[block.crossbar as usize] += steps * block.rows.len();
    }
    let widest = by_width.len().saturating_sub(1);
    let row = vec![1; widest];
    let made = schedule(&row, &limit);
    OncePerCell {
        steps: by_crossbar.into_iter().max().unwrap_or(0),
        widest: (widest, made.steps.len(), least_steps(&row, &limit), made.throughput(widest)),
    }
}

/// What writing every cell of a plan once takes; empty if the hardware file does not account for writing.
pub(crate) fn plan_text(hardware: &Hardware, plan: &Plan) -> String {
    let Some(spec) = hardware.write().spec() else { return String::new() };
    let all = once_per_cell(spec, plan);
    let (cells, steps, least, throughput) = all.widest;
    let time = spec.pulse_s.map_or_else(String::new, |pulse| {
        let step = pulse + spec.verify_s.unwrap_or(0.0);
        format!(", {}", quantity(step * all.steps as f64, "s"))
    });
    let mut text = format!(
        "\nwriting every cell once: {} steps{time}; a word line of {cells} cells takes {steps} (no schedule takes fewer \
         than {least}), {} changes a step and cell\n",
        all.steps,
        text::digits(throughput)
    );
    if let Some(heat) = &spec.heat {
        text.push_str(&heat_text(heat));
    }
    text
}

fn heat_text(heat: &HeatLimit) -> String {
    let schemes = schemes(heat);
    let bound = capacity_bound(heat)
        .map_or_else(|| "too large a window to compute".to_owned(), |b| format!("{b:.4} bit at most"));
    let rows = [
        (
            "heat",
            format!(
                "at most {} changes in any {} rewrites of any {} neighbouring cells: {} changes a step and cell in the long run",
                heat.changes,
                heat.rewrites,
                heat.cells,
                text::digits(heat.changes as f64 / (heat.rewrites * heat.cells) as f64)
            ),
        ),
        ("any code, a cell and rewrite", bound),
        ("this schedule, any data", format!("{:.4} bit", schemes.scheduled)),
        ("syndrome code", format!("{:.4} bit", schemes.syndrome)),
    ];
    text::names(&rows.map(|(name, value)| (name.to_owned(), value)))
}

/// The same for programs; null if the hardware file does not account for writing.
pub(crate) fn plan_json(hardware: &Hardware, plan: &Plan) -> Value {
    let Some(spec) = hardware.write().spec() else { return Value::Null };
    let all = once_per_cell(spec, plan);
    let (cells, steps, least, throughput) = all.widest;
    json!({ "steps": all.steps, "pulse_s": spec.pulse_s, "verify_s": spec.verify_s,
            "widest_row": { "cells": cells, "steps": steps, "least_steps": least, "throughput": throughput },
            "heat": spec.heat.as_ref().map(|heat| {
                let schemes = schemes(heat);
                json!({ "rewrites": heat.rewrites, "cells": heat.cells, "changes": heat.changes,
                        "capacity_bound": capacity_bound(heat), "scheduled": schemes.scheduled,
                        "syndrome": schemes.syndrome })
            }) })
}

/// A line of a table of totals.
pub(crate) fn repair_line(r: &Repair) -> (String, String) {
    let whole = match r.unrepairable_blocks {
        0 => "there are whole bit lines for all columns".to_owned(),
        n => format!("{n} crossbar block{} too few whole bit lines", if n == 1 { " has" } else { "s have" }),
    };
    let moved =
        format!("{} broken under weights, {} columns moved; {whole}", r.broken_cells, r.moved_columns);
    ("cells".to_owned(), moved)
}

/// Spare columns a crossbar, and the fraction of chips that can then be repaired.
fn yields(hardware: &Hardware, plan: &Plan) -> Option<(f64, Vec<(usize, f64)>)> {
    let q = hardware.faults().cell_probability().filter(|q| *q > 0.0)?;
    let chosen = hardware.redundancy().spare_columns;
    let mut spares = vec![0, 1, 2, 4, 8, 16, 32];
    spares.retain(|s| s * 4 <= hardware.crossbar().cols);
    if !spares.contains(&chosen) {
        spares.push(chosen);
        spares.sort_unstable();
    }
    Some((q, spares.into_iter().map(|s| (s, plan_yield(plan, q, s))).collect()))
}

/// How many chips can be repaired with how many spare columns; empty if cells do not break independently.
pub(crate) fn yield_text(hardware: &Hardware, plan: &Plan) -> String {
    let Some((q, yields)) = yields(hardware, plan) else { return String::new() };
    let chosen = hardware.redundancy().spare_columns;
    let rows: Vec<Vec<String>> = yields
        .iter()
        .map(|&(spares, y)| {
            let mark = if spares == chosen { "as asked" } else { "" };
            vec![spares.to_string(), percent(y), mark.to_owned()]
        })
        .collect();
    format!(
        "\nchips in which every column finds a whole bit line, {} of cells broken, these blocks:\n{}",
        percent(q),
        text::columns(&["spare columns", "yield", ""], &rows)
    )
}

/// The same for programs; null if cells do not break independently.
pub(crate) fn yield_json(hardware: &Hardware, plan: &Plan) -> Value {
    let Some((q, yields)) = yields(hardware, plan) else { return Value::Null };
    let rows: Vec<Value> =
        yields.iter().map(|(spares, y)| json!({ "spare_columns": spares, "yield": y })).collect();
    json!({ "cell_fault": q, "by_spare_columns": rows })
}
