//! Energy, latency and area: events times unit costs, summed by component and by layer.
//!
//! Conservation: the parts sum to the whole, by component and by layer. Energy of an inference is
//! dynamic energy (events) plus leakage over the interval at which inferences complete with all layers
//! working as a pipeline. Left out: fill and drain of the pipeline, waiting for buffers and links.

use crate::Error;
use ohmic_execution::{Activity, Compensation, Events};
use ohmic_hardware::{Component, Event, Hardware, Level};
use ohmic_mapping::{LayerPlan, Plan};
use ohmic_network::LayerId;

/// What one component contributes.
#[derive(Clone, Debug, PartialEq)]
pub struct ComponentCost {
    /// Name from the hardware file.
    pub name: String,
    /// Instances in the crossbars, macros, tiles and chips in use.
    pub instances: f64,
    /// Dynamic and leakage energy of one inference, in joule.
    pub energy_joule: f64,
    /// Leakage part of the above, in joule.
    pub leakage_joule: f64,
    /// Area of all instances, in m².
    pub area_m2: f64,
    /// Where its figures come from.
    pub source: String,
}

/// What one layer costs.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerCost {
    /// Which layer.
    pub id: LayerId,
    /// Dynamic energy of one inference, in joule.
    pub energy_joule: f64,
    /// Time for one inference, in seconds.
    pub time_s: f64,
    /// Conversions of one inference.
    pub conversions: f64,
    /// Sequential reads of one inference.
    pub steps: f64,
}

/// What one inference costs on the hardware.
#[derive(Clone, Debug, PartialEq)]
pub struct Cost {
    /// By component, in the order of the hardware file.
    pub components: Vec<ComponentCost>,
    /// By layer that runs on crossbars.
    pub layers: Vec<LayerCost>,
    /// Amounts of every event for one inference, by layer as in the network.
    pub events: Vec<Events>,
    /// Elements of one inference that digital layers compute: events of no layer on crossbars.
    pub digital_elements: f64,
    /// Time from input to output of one inference, in seconds.
    pub latency_s: f64,
    /// Interval at which inferences complete with all layers at work, in seconds.
    pub interval_s: f64,
    /// Multiply-accumulates of one inference on crossbars.
    pub macs: f64,
}

impl Cost {
    /// Energy of one inference, in joule.
    pub fn energy_joule(&self) -> f64 {
        self.components.iter().map(|c| c.energy_joule).sum()
    }

    /// Area in use, in m².
    pub fn area_m2(&self) -> f64 {
        self.components.iter().map(|c| c.area_m2).sum()
    }

    /// How often an event happened in one inference (in joule for [`Event::CellRead`]).
    pub fn amount(&self, event: Event) -> f64 {
        let digital = if event == Event::DigitalOp { self.digital_elements } else { 0.0 };
        self.events.iter().map(|e| e.get(event)).sum::<f64>() + digital
    }

    /// The layer that limits the rate of inferences.
    pub fn bottleneck(&self) -> Option<LayerId> {
        self.layers.iter().max_by(|a, b| a.time_s.total_cmp(&b.time_s)).map(|l| l.id)
    }
}

/// Time of one read: the lines are driven while the previous sums are converted, so the slower of the
/// two counts. `columns` is the number of conversions a read asks of one crossbar, `pulses` how many times the read
/// time its lines are driven (more than 1 where digits are times; the mean over slices).
pub fn read_time_s(hardware: &Hardware, columns: usize, pulses: f64) -> f64 {
    let crossbar = hardware.crossbar();
    let turns = columns.div_ceil(crossbar.adcs) as f64;
    (crossbar.t_read_s * pulses).max(turns / crossbar.adc_rate_hz)
}

/// The cost of one inference: the mean over the samples of a run.
///
/// # Errors
/// [`Error::Unpriced`] names an event that happened and that no component prices.
pub fn cost(plan: &Plan, hardware: &Hardware, activity: &Activity, events: &[Events]) -> Result<Cost, Error> {
    let samples = activity.layers.iter().map(|l| l.samples).max().unwrap_or(0).max(1) as f64;
    let mut layers = Vec::new();
    let mut per_inference = vec![Events::NONE; events.len()];
    for (i, (plan, events)) in plan.layers.iter().zip(events).enumerate() {
        let Some(plan) = plan else { continue };
        per_inference[i] = events.scaled(1.0 / samples);
        let steps = activity.layers[i].steps as f64 / samples;
        let reads = activity.layers[i].reads as f64;
        let pulses = activity.layers[i].pulses as f64 / (activity.layers[i].steps as f64).max(1.0);
        let copies = plan.blocks.iter().filter(|b| b.group == 0 && b.rows == plan.blocks[0].rows).count();
        let conversions = per_inference[i].get(Event::Conversion);
        // the widest crossbar sets the pace: as many columns as the mean, to the next whole one
        let columns =
            if reads > 0.0 { (conversions * samples / reads / copies as f64).ceil() as usize } else { 0 };
        layers.push(LayerCost {
            id: plan.id,
            energy_joule: 0.0,
            time_s: steps * read_time_s(hardware, columns, pulses),
            conversions,
            steps,
        });
    }
    let digital = activity.digital_elements as f64 / samples;
    let latency_s = layers.iter().map(|l| l.time_s).sum();
    let interval_s = layers.iter().map(|l| l.time_s).fold(0.0, f64::max);
    let mut total = Events::NONE;
    for events in &per_inference {
        total.add(events);
    }
    total.add_amount(Event::DigitalOp, digital);
    for event in Event::ALL {
        let amount = total.get(event);
        if amount > 0.0 && hardware.components().iter().all(|c| c.model.energy_joule(event).is_none()) {
            return Err(Error::Unpriced {
                event: event.name(),
                amount: amount * samples,
                hardware: hardware.name().to_owned(),
            });
        }
    }
    let mut components = Vec::with_capacity(hardware.components().len());
    for component in hardware.components() {
        let instances = instances(component, plan, hardware);
        let leakage_joule =
            checked(component, hardware, "leakage", component.model.leakage_watt())? * instances * interval_s;
        let mut energy_joule = leakage_joule;
        let clocked_watt = checked(component, hardware, "clock power", component.model.clocked_watt())?;
        for event in Event::ALL {
            if let Some(unit) = component.model.energy_joule(event) {
                energy_joule += total.get(event) * checked(component, hardware, "energy", unit)?;
            }
        }
        for layer in &mut layers {
            if let Some(plan) = &plan.layers[layer.id.0 as usize] {
                let clocked_joule = clocked_watt * serving(component, plan, hardware) * layer.time_s;
                energy_joule += clocked_joule;
                layer.energy_joule += clocked_joule;
            }
            for event in Event::ALL {
                if let Some(unit) = component.model.energy_joule(event) {
                    layer.energy_joule += per_inference[layer.id.0 as usize].get(event) * unit;
                }
            }
        }
        components.push(ComponentCost {
            name: component.name.clone(),
            instances,
            energy_joule,
            leakage_joule,
            area_m2: checked(component, hardware, "area", component.model.area_m2())? * instances,
            source: component.source.clone(),
        });
    }
    let macs =
        plan.layers.iter().flatten().map(|l| (l.positions * l.groups) as f64 * (l.k * l.n) as f64).sum();
    Ok(Cost {
        components,
        layers,
        events: per_inference,
        digital_elements: digital,
        latency_s,
        interval_s,
        macs,
    })
}

/// What is spent once, not with every inference.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Upkeep {
    /// Energy of events, and of leakage over the time, in joule.
    pub energy_joule: f64,
    /// Time, in seconds: images one after the other, each layer after layer.
    pub time_s: f64,
}

/// What learning a compensation took.
///
/// # Errors
/// [`Error::Unpriced`] names an event that happened and that no component prices.
pub fn upkeep(plan: &Plan, hardware: &Hardware, compensation: &Compensation) -> Result<Upkeep, Error> {
    let mut upkeep = Upkeep::default();
    for run in &compensation.runs {
        let images = run.activity.layers.iter().map(|l| l.samples).max().unwrap_or(0) as f64;
        let one = cost(plan, hardware, &run.activity, &run.events)?;
        let time_s = images * one.latency_s;
        let leakage_joule: f64 = one.components.iter().map(|c| c.leakage_joule).sum();
        let leakage_watt = if one.interval_s > 0.0 { leakage_joule / one.interval_s } else { 0.0 };
        upkeep.energy_joule += images * (one.energy_joule() - leakage_joule) + leakage_watt * time_s;
        upkeep.time_s += time_s;
    }
    Ok(upkeep)
}

pub(crate) fn checked(
    component: &Component,
    hardware: &Hardware,
    what: &'static str,
    value: f64,
) -> Result<f64, Error> {
    if value.is_finite() && value >= 0.0 {
        return Ok(value);
    }
    Err(Error::Cost { component: component.name.clone(), hardware: hardware.name().to_owned(), what, value })
}

/// Instances of a component that a layer keeps awake: those of the places that hold any of its crossbars.
fn serving(component: &Component, layer: &LayerPlan, hardware: &Hardware) -> f64 {
    let (crossbar, hierarchy) = (hardware.crossbar(), hardware.hierarchy());
    let of_macro = hierarchy.crossbars_per_macro;
    let holding = |crossbars: usize| {
        let (first, last) = (layer.crossbars.start as usize, layer.crossbars.end.max(1) as usize - 1);
        last / crossbars - first / crossbars + 1
    };
    let places = match component.per {
        Level::Row => layer.crossbars.len() * crossbar.rows,
        Level::Adc => layer.crossbars.len() * crossbar.adcs,
        Level::Crossbar => layer.crossbars.len(),
        Level::Macro => holding(of_macro),
        Level::Tile => holding(of_macro * hierarchy.macros_per_tile),
        Level::Chip => holding(hierarchy.crossbars()),
    };
    places as f64 * component.count
}

/// Instances of a component in what the plan uses.
fn instances(component: &Component, plan: &Plan, hardware: &Hardware) -> f64 {
    let crossbar = hardware.crossbar();
    let places = match component.per {
        Level::Row => plan.crossbars * crossbar.rows,
        Level::Adc => plan.crossbars * crossbar.adcs,
        Level::Crossbar => plan.crossbars,
        Level::Macro => plan.macros,
        Level::Tile => plan.tiles,
        Level::Chip => plan.chips,
    };
    places as f64 * component.count
}
