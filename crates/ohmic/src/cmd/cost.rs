//! `ohmic cost`: energy by component and layer, latency and area.

use super::run::{refuse_results, write};
use super::{Common, single, writing};
use crate::answer::Answer;
use crate::args::CostArgs;
use crate::text::{self, percent, quantity};
use anyhow::{Result, anyhow};
use ohmic_execution::Repair;
use ohmic_hardware::{Event, Hardware, Skipping};
use ohmic_mapping::Plan;
use ohmic_metrics::{Cost, LayerCost, Measured, Programming};
use ohmic_network::Network;
use ohmic_sweep::{Case, Point, networks};
use serde_json::{Value, json};

pub(crate) fn run(args: &CostArgs, common: Common) -> Result<Answer> {
    let point = single::run_point(&args.run)?;
    if args.assume {
        return assumed(args, &point);
    }
    let args = &args.run;
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
        "{} on {}, mean over {} images of {}\n\n{}\n{}\n{}",
        case.network.name,
        case.hardware.name(),
        point.images,
        point.data,
        breakdown(&costing),
        layers(&costing),
        events(&costing)
    );
    if let Some(out) = &args.out {
        text.push_str(&write(out, &case, &point, &simulation, std::slice::from_ref(&measured.record))?);
    }
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
    let text = format!(
        "{} on {}, with assumed activity: {} of the input bits are 1, cells at {} of the largest level on average{}\n\n{}\n{}\n{}",
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
        events(&costing)
    );
    Ok(Answer::done(text, to_json(&costing, "assumed")))
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

    /// Name, costs and crossbars of every layer on crossbars.
    fn layers(&self) -> impl Iterator<Item = (&str, &LayerCost, usize)> {
        self.cost.layers.iter().filter_map(|layer| {
            let plan = self.plan.layers.get(layer.id.0 as usize)?.as_ref()?;
            Some((plan.name.as_str(), layer, plan.crossbars.len()))
        })
    }
}

/// One line a layer.
fn layers(costing: &Costing<'_>) -> String {
    let rows: Vec<Vec<String>> = costing
        .layers()
        .map(|(name, layer, crossbars)| {
            vec![
                name.to_owned(),
                quantity(layer.energy_joule, "J"),
                quantity(layer.time_s, "s"),
                crossbars.to_string(),
            ]
        })
        .collect();
    text::columns(&["layer", "energy", "time", "crossbars"], &rows)
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
    let bottleneck = cost
        .bottleneck()
        .and_then(|id| costing.network.nodes.get(id.0 as usize))
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
                costing.hardware.precision().weight_bits,
                costing.hardware.precision().input_bits
            ),
        ),
    ];
    let mut rows = rows.map(|(n, v)| (n.to_owned(), v)).to_vec();
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
        .map(|(name, l, crossbars)| {
            json!({ "name": name, "energy_joule": l.energy_joule, "time_s": l.time_s, "crossbars": crossbars })
        })
        .collect();
    json!({ "network": costing.network.name, "hardware": costing.hardware.name(), "activity": activity,
            "energy_joule": cost.energy_joule(), "latency_s": cost.latency_s, "interval_s": cost.interval_s,
            "area_m2": cost.area_m2(), "macs": cost.macs, "components": components, "layers": layers,
            "programming": costing.programming.map(writing::json) })
}
