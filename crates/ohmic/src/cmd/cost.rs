//! `ohmic cost`: energy by component and layer, latency and area.

use super::run::{refuse_results, write};
use super::{Common, exchange, single, writing};
use crate::answer::Answer;
use crate::args::CostArgs;
use crate::text::{self, percent, quantity};
use anyhow::{Result, anyhow};
use ohmic_execution::Repair;
use ohmic_hardware::{Event, Hardware, Skipping};
use ohmic_mapping::{LayerPlan, Plan};
use ohmic_metrics::{Cost, LayerCost, Measured, Programming};
use ohmic_network::Network;
use ohmic_results::write_atomically;
use ohmic_sweep::{Case, Point, networks};
use serde_json::{Value, json};
use std::path::Path;

/// Images on a timeline.
const TRACED: usize = 4;

pub(crate) fn run(args: &CostArgs, common: Common) -> Result<Answer> {
    let point = single::run_point(&args.run)?;
    if args.assume {
        return assumed(args, &point);
    }
    let (args, trace) = (&args.run, args.trace.as_deref());
    if let Some(out) = &args.out {
        refuse_results(out)?;
    }
    let mut point = point;
    point.trials = 1;
    let simulation = args.memory.simulation();
    let case = single::case(&simulation, &point)?;
    let all = simulation.trials(&case, &point, common.threads)?;
    let measured = all.into_iter().next().ok_or_else(|| anyhow!("no trial was run"))?;
    let plan = case.plan.as_ref().map_err(|problem| anyhow!("{problem}"))?;
    let costing = Costing::of(&case, &measured, plan);
    let mut text = format!(
        "{} on {}, mean over {} images of {}\n\n{}\n{}\n{}{}",
        case.network.name,
        case.hardware.name(),
        point.images,
        point.data,
        breakdown(&costing),
        layers(&costing),
        events(&costing),
        exchange::text(costing.plan, costing.hardware, &costing.cost.exchange.seen)
    );
    if let Some(out) = &args.out {
        text.push_str(&write(out, &case, &point, &simulation, std::slice::from_ref(&measured.record))?);
    }
    text.push_str(&traced(trace, &costing)?);
    Ok(Answer::done(text, to_json(&costing, "run")))
}

/// What an inference would cost with the activity that the hardware file assumes: nothing is run.
fn assumed(args: &CostArgs, point: &Point) -> Result<Answer> {
    if args.run.out.is_some() {
        return Err(anyhow!("--assume runs nothing: there are no results that --out could hold"));
    }
    let hardware = Hardware::load(&point.hardware, &point.settings)?;
    let network = networks::load(&point.network).map_err(|problem| anyhow!("{problem}"))?;
    let (plan, cost, _) = ohmic_metrics::assumed_cost(&network, &hardware)?;
    let activity = hardware.activity();
    let costing = Costing {
        network: &network,
        hardware: &hardware,
        plan: &plan,
        cost: &cost,
        programming: None,
        repair: None,
    };
    let mut text = format!(
        "{} on {}, with assumed activity: {} of the input bits are 1, cells at {} of the largest level on average{}\n\n{}\n{}\n{}{}",
        network.name,
        hardware.name(),
        percent(activity.ones),
        percent(activity.levels),
        if hardware.dac().skipping() == Skipping::None {
            String::new()
        } else {
            format!(", {} of the slices issued", percent(activity.issued))
        },
        breakdown(&costing),
        layers(&costing),
        events(&costing),
        exchange::text(costing.plan, costing.hardware, &costing.cost.exchange.seen)
    );
    text.push_str(&traced(args.trace.as_deref(), &costing)?);
    Ok(Answer::done(text, to_json(&costing, "assumed")))
}

/// Writes the timeline of a few images, if asked for.
fn traced(file: Option<&Path>, costing: &Costing<'_>) -> Result<String> {
    let Some(file) = file else { return Ok(String::new()) };
    let timeline = ohmic_metrics::timeline(costing.plan, costing.hardware, costing.cost, TRACED);
    write_atomically(file, timeline.chrome_trace(costing.network, costing.plan).as_bytes())?;
    Ok(format!("\ntimeline  {}\n", file.display()))
}

/// What an inference costs, and on what.
pub(crate) struct Costing<'a> {
    network: &'a Network,
    hardware: &'a Hardware,
    plan: &'a Plan,
    cost: &'a Cost,
    programming: Option<&'a Programming>,
    repair: Option<&'a Repair>,
}

impl<'a> Costing<'a> {
    /// Of a run.
    pub(crate) fn of(case: &'a Case, measured: &'a Measured, plan: &'a Plan) -> Self {
        Self {
            network: &case.network,
            hardware: &case.hardware,
            plan,
            cost: &measured.cost,
            programming: measured.programming.as_ref(),
            repair: measured.repair.as_ref(),
        }
    }

    /// Place and costs of every layer on crossbars.
    fn layers(&self) -> impl Iterator<Item = (&LayerPlan, &LayerCost)> {
        self.cost
            .layers
            .iter()
            .filter_map(|layer| Some((self.plan.layers.get(layer.id.0 as usize)?.as_ref()?, layer)))
    }
}

/// One line a layer.
fn layers(costing: &Costing<'_>) -> String {
    let rows: Vec<Vec<String>> = costing
        .layers()
        .map(|(plan, layer)| {
            vec![
                plan.name.clone(),
                quantity(layer.energy_joule, "J"),
                quantity(layer.time_s, "s"),
                plan.copies.to_string(),
                plan.placed.len().to_string(),
            ]
        })
        .collect();
    text::columns(&["layer", "energy", "time", "copies", "crossbars"], &rows)
}

/// Energy and area by component, then the totals.
pub(crate) fn breakdown(costing: &Costing<'_>) -> String {
    let cost = costing.cost;
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
    let layer = || {
        cost.bottleneck().map_or_else(String::new, |layer| {
            if cost.is_limited_by_writing() {
                return " (limited by writing the chip anew)".to_owned();
            }
            let name = costing.network.nodes.get(layer.id.0 as usize).map_or("", |node| node.name.as_str());
            format!(" (limited by `{name}`: {})", layer.limit.name())
        })
    };
    let bottleneck = match cost.contended_link() {
        Some(link) => format!(" (limited by the link {link})"),
        None => layer(),
    };
    let ops = 2.0 * cost.macs;
    let rate = if cost.interval_s > 0.0 { 1.0 / cost.interval_s } else { 0.0 };
    let rows = [
        ("energy per inference", quantity(energy, "J")),
        ("latency", quantity(cost.latency_s, "s")),
        ("inferences per second", format!("{}{bottleneck}", text::digits(rate))),
        ("area", quantity(area, "m2")),
        ("stands on", {
            let (plan, many) =
                (costing.plan, |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" }));
            [many(plan.crossbars, "crossbar"), many(plan.tiles, "tile"), many(plan.chips, "chip")].join(", ")
        }),
        (
            "operations per energy",
            format!(
                "{} TOPS/W (1 MAC = 2 operations, {}-bit weights, {}-bit inputs)",
                text::digits(if energy > 0.0 { ops / energy / 1e12 } else { 0.0 }),
                costing.hardware.precision().weight_bits,
                costing.hardware.precision().input_bits
            ),
        ),
    ];
    let mut rows = rows.map(|(n, v)| (n.to_owned(), v)).to_vec();
    if let Some(reload) = &cost.reload {
        let line = format!(
            "the chip is written {} times for every {} images: {} and {} an inference, counted above",
            reload.writes_s.len(),
            reload.images,
            quantity(reload.energy_joule, "J"),
            quantity(reload.time_s, "s")
        );
        rows.push(("reloading".to_owned(), line));
    }
    rows.extend(costing.programming.into_iter().flat_map(writing::lines));
    rows.extend(costing.repair.into_iter().map(writing::repair_line));
    text.push_str(&format!("\n{}", text::names(&rows)));
    text
}

/// Every event of an inference and its amount.
fn events(costing: &Costing<'_>) -> String {
    let rows: Vec<Vec<String>> = Event::ALL
        .iter()
        .filter_map(|&event| {
            let amount = costing.cost.amount(event);
            (amount > 0.0)
                .then(|| vec![event.name().to_owned(), text::digits(amount), event.unit().to_owned()])
        })
        .collect();
    text::columns(&["event", "per inference", ""], &rows)
}

fn to_json(costing: &Costing<'_>, activity: &str) -> Value {
    let cost = costing.cost;
    let components: Vec<Value> = cost
        .components
        .iter()
        .map(|c| {
            json!({ "name": c.name, "instances": c.instances, "energy_joule": c.energy_joule,
                    "leakage_joule": c.leakage_joule, "area_m2": c.area_m2, "source": c.source })
        })
        .collect();
    let layers: Vec<Value> = costing
        .layers()
        .map(|(plan, l)| {
            json!({ "name": plan.name, "energy_joule": l.energy_joule, "time_s": l.time_s,
                    "limit": l.limit.name(), "copies": plan.copies, "crossbars": plan.placed.len() })
        })
        .collect();
    json!({ "network": costing.network.name, "hardware": costing.hardware.name(), "activity": activity,
            "energy_joule": cost.energy_joule(), "latency_s": cost.latency_s, "interval_s": cost.interval_s,
            "area_m2": cost.area_m2(), "macs": cost.macs,
            "limit": cost.bottleneck().map(|l| l.limit.name()), "reload": cost.reload.as_ref().map(|r| json!({
                "loads": r.writes_s.len(), "images": r.images, "energy_joule": r.energy_joule, "time_s": r.time_s })),
            "communication": exchange::json(costing.plan, costing.hardware, &cost.exchange.seen),
            "components": components, "layers": layers,
            "programming": costing.programming.map(writing::json) })
}
