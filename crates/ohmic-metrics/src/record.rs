//! One run as a flat record, and what its columns mean.

use crate::cost::{Upkeep, cost_written, upkeep};
use crate::snr::{binding, ratio_db};
use crate::{Cost, Error, Programming, cost, programming};
use ohmic_execution::{Activity, Chip, Events, LayerBudget, Repair, SetRun, Statistics, assumed, uncovered};
use ohmic_hardware::{Event, Hardware};
use ohmic_mapping::repair::plan_yield;
use ohmic_mapping::{Plan, Shapes, map_shapes};
use ohmic_network::Network;
use ohmic_numerics::stats::{snr_db, wilson};
use ohmic_results::{Column, Record, Value};

/// What one layer did in a run, for reports about a single run.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerMetrics {
    /// Layer name.
    pub name: String,
    /// Rows and outputs of its matrix (of one group), groups, and vectors a sample.
    pub k: usize,
    /// Outputs of one group.
    pub n: usize,
    /// Independent matrices.
    pub groups: usize,
    /// Vectors a sample.
    pub positions: usize,
    /// How often its weights are held.
    pub copies: usize,
    /// Crossbars it owns, copies included.
    pub crossbars: usize,
    /// Occupied cells over all cells of its crossbars.
    pub utilization: f64,
    /// Own error against the exact integer product of the same inputs, in dB; infinite if exact;
    /// `None` if nothing was probed.
    pub snr_db: Option<f64>,
    /// Clipped conversions over all conversions.
    pub clip_rate: f64,
    /// Reads that zero skipping saved, over all reads.
    pub skipped: f64,
    /// Dynamic energy of one inference, in joule.
    pub energy_joule: f64,
    /// Time of one inference, in seconds.
    pub time_s: f64,
}

/// Everything measured in one run of one chip.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// Fraction of images put into the right class.
    pub accuracy: f64,
    /// Layer by layer.
    pub layers: Vec<LayerMetrics>,
    /// Energy, latency and area.
    pub cost: Cost,
    /// What writing the network took, if the hardware file accounts for it.
    pub programming: Option<Programming>,
    /// What was done about broken cells, if there can be any.
    pub repair: Option<Repair>,
    /// The same, flat.
    pub record: Record,
}

/// What the network answers without any analog part, for comparison.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Digital {
    /// Accuracy in float on the same images, if computed.
    pub float_accuracy: Option<f64>,
    /// Accuracy of the exact integer network on the same images, if computed.
    pub integer_accuracy: Option<f64>,
}

/// Reduces a run to numbers. Accuracy and cost come out of the same run of the same chip.
///
/// # Errors
/// [`Error::Unpriced`] names an event that happened and that no component prices.
pub fn evaluate(
    network: &Network,
    plan: &Plan,
    hardware: &Hardware,
    chip: &Chip<'_>,
    run: &SetRun,
    digital: Digital,
) -> Result<Measured, Error> {
    let cost = cost_written(plan, hardware, &run.activity, &chip.events(&run.activity), &chip.writing())?;
    let programming = programming(hardware, &chip.writing())?;
    let images = run.predictions.len() as u64;
    let crossbar = hardware.crossbar();
    let cells_per_crossbar = (crossbar.rows * crossbar.cols) as f64;
    let mut conversions = 0.0;
    let layers: Vec<LayerMetrics> = plan
        .layers
        .iter()
        .flatten()
        .zip(&cost.layers)
        .map(|(plan, cost)| {
            let i = plan.id.0 as usize;
            let activity = &run.activity.layers[i];
            let converted = cost.conversions * activity.samples as f64;
            conversions += cost.conversions;
            LayerMetrics {
                name: network.nodes[i].name.clone(),
                k: plan.k,
                n: plan.n,
                groups: plan.groups,
                positions: plan.positions,
                copies: plan.copies,
                crossbars: plan.placed.len(),
                utilization: plan.cells as f64 / (plan.crossbars.len() as f64 * cells_per_crossbar),
                snr_db: run.errors.get(i).map(|e| snr_db(e.signal, e.error)),
                clip_rate: ratio(activity.clips as f64, converted),
                skipped: ratio(activity.skipped as f64, (activity.skipped + activity.reads) as f64),
                energy_joule: cost.energy_joule,
                time_s: cost.time_s,
            }
        })
        .collect();

    let mut r = Record::new();
    let accuracy = ratio(run.correct as f64, images as f64);
    r.set("images", images as i64);
    r.set("accuracy", accuracy);
    if images > 0 {
        let interval = wilson(run.correct, images);
        r.set("accuracy_low", interval.low);
        r.set("accuracy_high", interval.high);
    }
    r.set("float_accuracy", digital.float_accuracy.map_or(Value::Missing, Value::Float));
    r.set("integer_accuracy", digital.integer_accuracy.map_or(Value::Missing, Value::Float));
    let worst =
        layers.iter().filter_map(|l| l.snr_db.map(|snr| (snr, &l.name))).min_by(|a, b| a.0.total_cmp(&b.0));
    r.set("snr_db", worst.map_or(Value::Missing, |w| Value::Float(w.0)));
    r.set("worst_layer", worst.map_or(Value::Missing, |w| Value::Text(w.1.clone())));
    let clips: f64 = run.activity.layers.iter().map(|l| l.clips as f64).sum();
    r.set("clip_rate", ratio(clips, conversions * images as f64));
    set_cost(&mut r, plan, &cost, &run.activity);
    let repair = (!hardware.faults().is_none()).then(|| chip.repair());
    set_writing(&mut r, programming.as_ref());
    set_repair(&mut r, plan, hardware, repair.as_ref());
    let upkeep = match chip.compensation() {
        Some(compensation) => upkeep(plan, hardware, compensation)?,
        None => Upkeep::default(),
    };
    r.set("compensation_energy", upkeep.energy_joule);
    r.set("compensation_time", upkeep.time_s);
    r.set("silent_outputs", chip.compensation().map_or(0, |c| c.silent_outputs) as i64);
    for l in &layers {
        r.set(format!("snr_db:{}", l.name), l.snr_db.map_or(Value::Missing, Value::Float));
    }
    for l in &layers {
        r.set(format!("clip_rate:{}", l.name), l.clip_rate);
    }
    for l in &layers {
        r.set(format!("energy_layer:{}", l.name), l.energy_joule);
        r.set(format!("time_layer:{}", l.name), l.time_s);
    }
    Ok(Measured { accuracy, layers, cost, programming, repair, record: r })
}

/// Energy, latency, area and what they are made of.
fn set_cost(r: &mut Record, plan: &Plan, cost: &Cost, activity: &Activity) {
    let conversions: f64 = cost.layers.iter().map(|l| l.conversions).sum();
    let energy = cost.energy_joule();
    let area = cost.area_m2();
    let ops = 2.0 * cost.macs;
    r.set("energy_per_inference", energy);
    r.set("latency", cost.latency_s);
    r.set("inferences_per_second", ratio(1.0, cost.interval_s));
    r.set("area", area);
    r.set("operations", ops);
    r.set("tops_per_watt", ratio(ops, energy) / 1e12);
    r.set("gops_per_mm2", ratio(ratio(ops, cost.interval_s) / 1e9, area * 1e6));
    r.set("conversions_per_mac", ratio(conversions, cost.macs));
    let (skipped, reads) =
        activity.layers.iter().fold((0.0, 0.0), |(s, r), l| (s + l.skipped as f64, r + l.reads as f64));
    r.set("skipped_reads", ratio(skipped, skipped + reads));
    r.set("crossbars", plan.crossbars as i64);
    r.set("macros", plan.macros as i64);
    r.set("tiles", plan.tiles as i64);
    r.set("chips", plan.chips as i64);
    r.set("utilization", plan.utilization);
    r.set("loads", plan.loads as i64);
    r.set("reload_energy", cost.reload.as_ref().map_or(0.0, |r| r.energy_joule));
    r.set("reload_time", cost.reload.as_ref().map_or(0.0, |r| r.time_s));
    for c in &cost.components {
        r.set(format!("energy:{}", c.name), c.energy_joule);
    }
    for c in &cost.components {
        r.set(format!("area:{}", c.name), c.area_m2);
    }
    for event in Event::ALL {
        r.set(format!("events:{}", event.name()), cost.amount(event));
    }
}

/// What writing the chip took.
fn set_writing(r: &mut Record, programming: Option<&Programming>) {
    let of = |f: &dyn Fn(&Programming) -> Option<f64>| {
        programming.and_then(f).map_or(Value::Missing, Value::Float)
    };
    r.set("programming_energy", of(&|p| Some(p.energy_joule)));
    r.set("programming_time", of(&|p| p.time_s));
    r.set("programming_steps", programming.map_or(Value::Missing, |p| Value::Int(p.steps as i64)));
    r.set("pulses_per_cell", of(&|p| Some(p.pulses_per_cell)));
    r.set("convergence", of(&|p| p.convergence));
    r.set("rewrites", of(&|p| p.rewrites));
}

/// What was done about broken cells.
fn set_repair(r: &mut Record, plan: &Plan, hardware: &Hardware, repair: Option<&Repair>) {
    let of = |f: &dyn Fn(&Repair) -> u64| repair.map_or(Value::Missing, |r| Value::Int(f(r) as i64));
    r.set("broken_cells", of(&|r| r.broken_cells));
    r.set("moved_columns", of(&|r| r.moved_columns));
    r.set("repairable", of(&|r| u64::from(r.unrepairable_blocks == 0)));
    let fault = hardware.faults().cell_probability().filter(|_| repair.is_some());
    let chip_yield = fault.map(|q| plan_yield(plan, q, hardware.redundancy().spare_columns));
    r.set("chip_yield", chip_yield.map_or(Value::Missing, Value::Float));
}

/// What is known of a point of which no chip was run: ratios in closed form, and what an inference costs with the
/// inputs of the calibration set.
///
/// # Errors
/// [`Error::Unpriced`] names an event that happens and that no component prices.
pub fn predicted(
    network: &Network,
    plan: &Plan,
    hardware: &Hardware,
    statistics: &Statistics,
    events: &[Events],
    layers: &[LayerBudget],
) -> Result<Record, Error> {
    let mut r = Record::new();
    let name = |l: &LayerBudget| network.nodes[l.id.0 as usize].name.clone();
    let worst = layers.iter().map(|l| (ratio_db(l.signal, l.total), l)).min_by(|a, b| a.0.total_cmp(&b.0));
    r.set("predicted_snr_db", worst.map_or(Value::Missing, |w| Value::Float(w.0)));
    r.set("predicted_worst_layer", worst.map_or(Value::Missing, |w| Value::Text(name(w.1))));
    let binds = worst.and_then(|w| binding(w.1)).map(|(cause, _)| Value::Text(cause.name().to_owned()));
    r.set("predicted_binding_cause", binds.unwrap_or(Value::Missing));
    let left_out: Vec<String> =
        uncovered(hardware).iter().map(|u| format!("[{}] {}", u.section, u.what)).collect();
    let left_out = (!left_out.is_empty()).then(|| Value::Text(left_out.join("; ")));
    r.set("predicted_without", left_out.unwrap_or(Value::Missing));
    for l in layers {
        r.set(format!("predicted_snr_db:{}", name(l)), ratio_db(l.signal, l.total));
    }
    let cost = cost(plan, hardware, &statistics.activity, events)?;
    set_cost(&mut r, plan, &cost, &statistics.activity);
    Ok(r)
}

/// What an inference would cost, if its data were what the hardware file assumes (`[activity]`): weights are not looked
/// at, nothing is run.
///
/// # Errors
/// The network does not fit, or an event happens that no component prices.
pub fn assumed_cost(network: &Network, hardware: &Hardware) -> Result<(Plan, Cost, Record), Error> {
    let shapes = Shapes::unseen(network, &hardware.precision());
    let refused = |problem: String| Error::Assumed { problem };
    let plan = map_shapes(&shapes, hardware).map_err(|e| refused(e.to_string()))?;
    let (activity, events) =
        assumed(&plan, hardware, shapes.digital_elements).map_err(|e| refused(e.to_string()))?;
    let cost = cost(&plan, hardware, &activity, &events)?;
    let mut record = Record::new();
    set_cost(&mut record, &plan, &cost, &activity);
    Ok((plan, cost, record))
}

/// `part / whole`, 0 where there is no whole.
fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// Name, unit, meaning and formula of the columns of a record, in order. A name that ends in `:` is a
/// family: one column a component or layer.
pub const COLUMNS: &[(&str, &str, &str, &str)] = &[
    ("images", "", "images evaluated", ""),
    ("accuracy", "", "fraction of images put into the right class by this chip", "correct / images"),
    ("accuracy_low", "", "lower end of Wilson's 95 % interval over images", "E. B. Wilson, JASA 22, 1927"),
    ("accuracy_high", "", "upper end of Wilson's 95 % interval over images", "E. B. Wilson, JASA 22, 1927"),
    ("float_accuracy", "", "accuracy of the network in float on the same images", ""),
    (
        "integer_accuracy",
        "",
        "accuracy of the exact integer network on the same images: what ideal hardware gives",
        "",
    ),
    (
        "snr_db",
        "dB",
        "signal-to-noise ratio of the worst layer against the exact integer product of its own inputs",
        "10 log10(sum y² / sum (y' - y)²), the smallest over layers",
    ),
    ("worst_layer", "", "the layer with the smallest signal-to-noise ratio", ""),
    ("clip_rate", "", "conversions whose sum lay outside the converter's codes, over all conversions", ""),
    (
        "energy_per_inference",
        "J",
        "energy of one inference: events times unit costs, plus leakage over the pipeline interval",
        "sum events · unit cost + sum leakage · interval",
    ),
    (
        "latency",
        "s",
        "time from input to output of one inference; of a batch where the chip is written anew",
        "end of the last layer: each takes its time_layer: and starts when its input, or the rows it needs first, are there",
    ),
    (
        "inferences_per_second",
        "1/s",
        "rate with all layers at work as a pipeline",
        "1 / the largest time_layer:, or what else limits (docs/physics/timing.md)",
    ),
    (
        "compensation_energy",
        "J",
        "energy spent once on learning what compensation corrects: reads, digital sums, leakage meanwhile",
        "sum over runs of sum events · unit cost + sum leakage · time",
    ),
    (
        "compensation_time",
        "s",
        "time spent once on learning what compensation corrects: image after image, layer after layer",
        "sum over runs of images · latency",
    ),
    (
        "silent_outputs",
        "",
        "outputs that compensation leaves as they are, for they gave nothing but zeros",
        "",
    ),
    (
        "area",
        "m2",
        "area of the crossbars, macros, tiles and chips in use",
        "sum instances · area of a component",
    ),
    (
        "operations",
        "",
        "operations of one inference on crossbars at the hardware's own bit widths",
        "2 · multiply-accumulates",
    ),
    (
        "tops_per_watt",
        "TOPS/W",
        "operations per energy at the hardware's own bit widths",
        "operations / energy_per_inference / 1e12",
    ),
    (
        "gops_per_mm2",
        "GOPS/mm2",
        "operations per second and area of the pipeline",
        "operations · inferences_per_second / area / 1e15",
    ),
    ("conversions_per_mac", "", "conversions per multiply-accumulate", ""),
    ("skipped_reads", "", "reads that zero skipping saved, over all reads", ""),
    ("crossbars", "", "crossbars in use, copies of layers included", ""),
    ("macros", "", "macros in use", ""),
    ("tiles", "", "tiles in use", ""),
    ("chips", "", "chips needed to hold the network", ""),
    ("utilization", "", "occupied cells over all cells of the crossbars in use", ""),
    ("loads", "", "how often the chip is written for a batch of images; 1: once and for all", ""),
    (
        "reload_energy",
        "J",
        "part of the energy of one inference that writing the chip anew takes",
        "(pulses · price of write_pulse + verify reads · price of verify_read) / images_per_load",
    ),
    (
        "reload_time",
        "s",
        "part of the interval of one inference that writing the chip anew takes",
        "loads · steps · (pulse_time + verify_time) / images_per_load",
    ),
    (
        "programming_energy",
        "J",
        "energy of writing all cells once; not part of an inference; nothing without a section [write]",
        "pulses · price of write_pulse + verify reads · price of verify_read",
    ),
    (
        "programming_time",
        "s",
        "time to write all cells once, crossbars at the same time, word lines of each one after the other",
        "programming_steps · (pulse_time + verify_time)",
    ),
    (
        "programming_steps",
        "",
        "steps of one pulse each that the slowest crossbar is written in, as drivers and heat allow",
        "",
    ),
    ("pulses_per_cell", "", "write pulses of a cell, the mean over cells", "pulses / cells"),
    ("convergence", "", "cells that a verify read accepted in the end, over all cells", "accepted / cells"),
    (
        "rewrites",
        "",
        "how often the network can be written until the cell that took most pulses is worn out",
        "floor(endurance / pulses of that cell)",
    ),
    ("broken_cells", "", "stuck cells among those that hold weights, after columns have changed places", ""),
    ("moved_columns", "", "columns that sit on another bit line to evade broken cells", ""),
    (
        "repairable",
        "",
        "1 if every block of this chip has at least as many bit lines without a broken cell as columns, else 0",
        "",
    ),
    (
        "chip_yield",
        "",
        "probability that a chip is repairable, in closed form for cells that break independently",
        "product over blocks of P(broken lines <= spare_columns), lines whole with (1 - q)^rows",
    ),
    (
        "energy:",
        "J",
        "energy of one inference spent in a component, its leakage included",
        "events · unit cost + leakage · interval",
    ),
    ("area:", "m2", "area of all instances of a component", "instances · area"),
    (
        "events:",
        "",
        "how often an event happened in one inference; the ohmic energy of cell_read in joule",
        "",
    ),
    (
        "predicted_snr_db",
        "dB",
        "signal-to-noise ratio of the worst layer in closed form, from statistics of the calibration set",
        "docs/physics/snr.md",
    ),
    ("predicted_worst_layer", "", "the layer with the smallest predicted ratio", ""),
    ("predicted_binding_cause", "", "the cause that takes most of that layer's predicted error", ""),
    (
        "predicted_without",
        "",
        "parts of the machine, by section, that act on its chips and that the prediction leaves out; nothing if it covers \
         all",
        "docs/physics/snr.md",
    ),
    ("predicted_snr_db:", "dB", "predicted signal-to-noise ratio of a layer", "docs/physics/snr.md"),
    (
        "snr_db:",
        "dB",
        "signal-to-noise ratio of a layer against the exact integer product of its own inputs",
        "10 log10(sum y² / sum (y' - y)²)",
    ),
    ("clip_rate:", "", "clipped conversions of a layer over all its conversions", ""),
    (
        "time_layer:",
        "s",
        "time of one inference spent in a layer",
        "sequential reads · time of a read / copies",
    ),
    (
        "energy_layer:",
        "J",
        "dynamic energy of one inference spent in a layer",
        "events of the layer · unit costs",
    ),
];

/// The column of a name that [`evaluate`] sets.
pub fn column(name: &str) -> Option<Column> {
    let family = name.find(':').map(|i| &name[..=i]);
    COLUMNS.iter().find(|c| c.0 == name || Some(c.0) == family).map(|&(_, unit, meaning, formula)| {
        let meaning = match name.split_once(':') {
            Some((_, member)) => format!("{meaning} ({member})"),
            None => meaning.to_owned(),
        };
        Column::new(name, unit, meaning).with_formula(formula)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_is_explained() {
        for (name, _, meaning, _) in COLUMNS {
            assert!(!meaning.is_empty(), "{name}");
            assert!(column(name).is_some(), "{name}");
        }
        assert_eq!(column("energy:adc").map(|c| c.unit), Some("J".to_owned()));
        assert!(column("energy_adc").is_none());
    }
}
