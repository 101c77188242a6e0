//! Energy, latency and area: events times unit costs, summed by component and by layer.
//!
//! Conservation: the parts sum to the whole, by component and by layer. Energy of an inference is
//! dynamic energy (events) plus leakage over the interval at which inferences complete with all layers
//! working as a pipeline. Copies of a layer share out its vectors: its time falls, its events stay. Where the chip is
//! written anew for a batch of images, each bears its part of it. What tiles send
//! each other adds to the latency, layer after layer; inferences follow each other no faster than the busiest link is
//! free. Left out: what waits between two loads.

use crate::pipeline::{SIMULATED, Walk};
use crate::programming::{assumed_writing, step_s};
use crate::{Error, Exchange};
use ohmic_execution::{Activity, ChipWriting, Compensation, Events};
use ohmic_hardware::{Bus, Component, Event, Hardware, Level, Overflow};
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
    /// Time for one inference, in seconds: its turns one after the other.
    pub time_s: f64,
    /// Time that one copy takes for one vector, in seconds; the mean.
    pub vector_s: f64,
    /// What that time is limited by.
    pub limit: Limit,
    /// Conversions of one inference.
    pub conversions: f64,
    /// Sequential reads of one inference.
    pub steps: f64,
}

/// What the time of a layer is limited by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Driving the lines.
    Lines,
    /// The converters.
    Conversions,
    /// The bus that brings its vectors.
    Bus,
}

impl Limit {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lines => "the time that lines are driven",
            Self::Conversions => "conversions",
            Self::Bus => "the bus of its tiles",
        }
    }
}

/// What writing the chip anew adds to each inference.
#[derive(Clone, Debug, PartialEq)]
pub struct Reload {
    /// Images that go through the layers of one load.
    pub images: usize,
    /// Time of writing a load, in seconds, one after the other.
    pub writes_s: Vec<f64>,
    /// Write pulses and verify reads of all loads, a share for each image.
    pub events: Events,
    /// Energy of writing all loads, a share for each image, in joule.
    pub energy_joule: f64,
    /// Time of writing all loads, a share for each image, in seconds.
    pub time_s: f64,
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
    /// How long tiles exchange values; nothing without `[interconnect]`.
    pub exchange: Exchange,
    /// Time from input to output of one inference, in seconds; where the chip is written anew, of a batch.
    pub latency_s: f64,
    /// Interval at which inferences complete with all layers at work, in seconds.
    pub interval_s: f64,
    /// What writing the chip anew adds, where it does not hold the network.
    pub reload: Option<Reload>,
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
        let reload = self.reload.as_ref().map_or(0.0, |r| r.events.get(event));
        self.events.iter().map(|e| e.get(event)).sum::<f64>() + digital + reload
    }

    /// The link that limits the rate of inferences, if it is one and no layer.
    pub fn contended_link(&self) -> Option<&str> {
        let slowest = self.bottleneck().map_or(0.0, |l| l.time_s);
        let busiest = self.exchange.busiest.as_ref()?;
        (busiest.1 > slowest && busiest.1 >= self.interval_s).then_some(busiest.0.as_str())
    }

    /// The layer that limits the rate of inferences, the first of several.
    pub fn bottleneck(&self) -> Option<&LayerCost> {
        self.layers.iter().rev().max_by(|a, b| a.time_s.total_cmp(&b.time_s))
    }

    /// Whether writing the chip anew takes more than half of the time.
    pub fn is_limited_by_writing(&self) -> bool {
        self.reload.as_ref().is_some_and(|r| r.time_s > self.interval_s / 2.0)
    }
}

/// The cost of one inference: the mean over the samples of a run. Where the chip is written anew for a batch, writing
/// takes what the hardware file assumes of it (`activity.pulses`).
///
/// # Errors
/// [`Error::Unpriced`] names an event that happened and that no component prices; [`Error::Reload`] says what is
/// missing to write the chip anew.
pub fn cost(plan: &Plan, hardware: &Hardware, activity: &Activity, events: &[Events]) -> Result<Cost, Error> {
    let writing = match plan.loads > 1 {
        true => assumed_writing(plan, hardware)?,
        false => ChipWriting::default(),
    };
    cost_written(plan, hardware, activity, events, &writing)
}

/// [`cost`], of a chip that was written.
pub(crate) fn cost_written(
    plan: &Plan,
    hardware: &Hardware,
    activity: &Activity,
    events: &[Events],
    writing: &ChipWriting,
) -> Result<Cost, Error> {
    let samples = activity.layers.iter().map(|l| l.samples).max().unwrap_or(0).max(1) as f64;
    let mut layers = Vec::new();
    let mut vector_s = vec![0.0; plan.layers.len()];
    let mut per_inference = vec![Events::NONE; events.len()];
    for (i, (plan, events)) in plan.layers.iter().zip(events).enumerate() {
        let Some(plan) = plan else { continue };
        per_inference[i] = events.scaled(1.0 / samples);
        let steps = activity.layers[i].steps as f64 / samples;
        let pulses = activity.layers[i].pulses as f64 / (activity.layers[i].steps as f64).max(1.0);
        // copies share out the vectors; each takes as long as the mean
        let vector_steps = steps / plan.positions.max(1) as f64;
        let (crossbar, hierarchy) = (hardware.crossbar(), hardware.hierarchy());
        let read_s = crossbar.read_time_s(plan.conversions, pulses);
        let mut vector_time_s = vector_steps * read_s;
        let mut limit = match crossbar.conversion_time_s(plan.conversions) > crossbar.t_read_s * pulses {
            true => Limit::Conversions,
            false => Limit::Lines,
        };
        // all copies take a vector each; the buses of the layer's tiles share their bits
        let bits = (plan.copies * plan.k * plan.groups) as f64 * f64::from(plan.input_bits);
        let tiles = holding(plan, hierarchy.crossbars_per_macro * hierarchy.macros_per_tile);
        let bus_s = bits / (tiles as f64 * f64::from(hierarchy.bus_bits) * hierarchy.clock_hz);
        if hardware.schedule().bus == Bus::Limits && bus_s > vector_time_s {
            (vector_time_s, limit) = (bus_s, Limit::Bus);
        }
        vector_s[i] = vector_time_s;
        layers.push(LayerCost {
            id: plan.id,
            energy_joule: 0.0,
            time_s: (plan.turns() * plan.loads.len()) as f64 * vector_time_s,
            vector_s: vector_time_s,
            limit,
            conversions: per_inference[i].get(Event::Conversion),
            steps,
        });
    }
    let digital = activity.digital_elements as f64 / samples;
    let walk = Walk { plan, hardware, vector_s: &vector_s };
    let (latency_s, interval_s, mut reload) = match (plan.loads, hardware.schedule().overflow) {
        (2.., Overflow::Reload { images }) => reloaded(&walk, images, writing)?,
        _ => {
            let done = walk.load(0, 1, 0.0, 0.0, |_| {});
            (done[0], walk.slowest_s(0), None)
        }
    };
    let exchange = Exchange::of(plan, hardware, activity);
    let latency_s = latency_s + exchange.time_s();
    let interval_s = interval_s.max(exchange.interval_s());
    let mut total = Events::NONE;
    for events in &per_inference {
        total.add(events);
    }
    total.add_amount(Event::DigitalOp, digital);
    if let Some(reload) = &mut reload {
        let images = reload.images as f64;
        let mut writes = Events::NONE;
        writes.add_amount(Event::WritePulse, writing.written.pulses as f64 / images);
        writes.add_amount(Event::VerifyRead, writing.written.verify_reads as f64 / images);
        total.add(&writes);
        reload.events = writes.clone();
        for (event, component) in
            Event::ALL.iter().flat_map(|&e| hardware.components().iter().map(move |c| (e, c)))
        {
            if let Some(unit) = component.model.energy_joule(event) {
                reload.energy_joule += writes.get(event) * checked(component, hardware, "energy", unit)?;
            }
        }
    }
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
        exchange,
        latency_s,
        interval_s,
        reload,
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
        // a chip that is written anew takes its images in batches
        let time_s = images * if one.reload.is_some() { one.interval_s } else { one.latency_s };
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

/// Places of so many crossbars that hold any of a layer's.
fn holding(layer: &LayerPlan, crossbars: usize) -> usize {
    let (first, last) = (layer.placed.start as usize, layer.placed.end.max(1) as usize - 1);
    last / crossbars - first / crossbars + 1
}

/// Latency of a batch, time an image, and what writing takes, if the chip is written anew for every load.
fn reloaded(
    walk: &Walk<'_>,
    images: usize,
    writing: &ChipWriting,
) -> Result<(f64, f64, Option<Reload>), Error> {
    // crossbars are written at the same time; what the slowest of all takes stands for the slowest of each load
    let write_s = step_s(walk.hardware)? * writing.steps as f64;
    let loads = walk.plan.loads;
    let mut now_s = 0.0;
    for load in 0..loads {
        let followed = images.min(SIMULATED);
        let done = walk.load(load, followed, now_s + write_s, 0.0, |_| {});
        let last_s = done.last().copied().unwrap_or(now_s + write_s);
        now_s = last_s + (images - followed) as f64 * walk.slowest_s(load);
    }
    let time_s = loads as f64 * write_s / images as f64;
    let reload =
        Reload { images, writes_s: vec![write_s; loads], events: Events::NONE, energy_joule: 0.0, time_s };
    Ok((now_s, now_s / images as f64, Some(reload)))
}

/// Instances of a component that a layer keeps awake: those of the places that hold any of its crossbars.
fn serving(component: &Component, layer: &LayerPlan, hardware: &Hardware) -> f64 {
    let (crossbar, hierarchy) = (hardware.crossbar(), hardware.hierarchy());
    let of_macro = hierarchy.crossbars_per_macro;
    let holding = |crossbars: usize| holding(layer, crossbars);
    let places = match component.per {
        Level::Row => layer.placed.len() * crossbar.rows,
        Level::Adc => layer.placed.len() * crossbar.adcs,
        Level::Crossbar => layer.placed.len(),
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
