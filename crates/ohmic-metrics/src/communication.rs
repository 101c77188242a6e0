//! What communication between tiles costs, for any placement of them: to see what a placement gains.
//!
//! Energy: bytes through routers and over links times their prices. Time: layer after layer, each its busiest link's
//! flits and the longest way (`L = flits · t_flit + hops · t_router`), as in CANNON (Goksoy et al., IEEE TETC 11(4),
//! 2023) reduced to what is published of it.

use ohmic_execution::{Activity, LayerActivity};
use ohmic_hardware::{Event, Hardware, Placement};
use ohmic_mapping::{Load, Plan};

/// What tiles send each other in one inference comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Communication {
    /// Which placement.
    pub placement: Placement,
    /// Whether it is the hardware file's.
    pub is_chosen: bool,
    /// All messages of one inference.
    pub load: Load,
    /// Energy of routers and links, in joule; `None` if nobody prices them.
    pub energy_joule: Option<f64>,
    /// Time, layer after layer, in seconds.
    pub time_s: f64,
}

impl Communication {
    /// Energy times time, in joule seconds.
    pub fn edp(&self) -> Option<f64> {
        self.energy_joule.map(|energy| energy * self.time_s)
    }
}

/// Communication of one inference with every placement there is, the plain one first; nothing without
/// `[interconnect]`.
pub fn communication(plan: &Plan, hardware: &Hardware, activity: &Activity) -> Vec<Communication> {
    let (Some(traffic), Some(interconnect)) = (&plan.traffic, hardware.interconnect()) else {
        return Vec::new();
    };
    let chosen = interconnect.carrying().placement;
    let one = |placement| {
        let places = traffic.placed(placement, hardware);
        let mut all = Load::default();
        let mut time_s = 0.0;
        for layer in 0..plan.layers.len() {
            let load = activity.load(plan, hardware, layer, &places);
            time_s += load.time_s(hardware);
            all.add(&load);
        }
        let energy = |event, amount: f64| match amount > 0.0 {
            true => price(hardware, event).map(|unit| unit * amount),
            false => Some(0.0),
        };
        let energy_joule = energy(Event::RouterByte, all.router_bytes)
            .and_then(|routers| Some(routers + energy(Event::LinkByte, all.link_bytes)?));
        Communication { placement, is_chosen: placement == chosen, load: all, energy_joule, time_s }
    };
    Placement::ALL.map(one).to_vec()
}

/// What all components together take for an event, in joule; `None` if none prices it.
fn price(hardware: &Hardware, event: Event) -> Option<f64> {
    let prices: Vec<f64> = hardware.components().iter().filter_map(|c| c.model.energy_joule(event)).collect();
    (!prices.is_empty()).then(|| prices.iter().sum())
}

/// How long the tiles of a machine exchange values in one inference.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exchange {
    /// Values and zeros that layers saw, and nothing else of what they did: what [`communication`] asks for.
    pub seen: Activity,
    /// By layer index, in seconds: what is sent for it, its busiest link's flits one after the other, and the way.
    pub layers_s: Vec<f64>,
    /// The link that carries most with all layers at work, and how long it is taken by one inference, in seconds.
    pub busiest: Option<(String, f64)>,
}

impl Exchange {
    /// What a run's activity makes the tiles exchange.
    pub fn of(plan: &Plan, hardware: &Hardware, activity: &Activity) -> Self {
        let (Some(traffic), Some(interconnect)) = (&plan.traffic, hardware.interconnect()) else {
            return Self::default();
        };
        let mut all = Load::default();
        let mut layers_s = Vec::with_capacity(plan.layers.len());
        for layer in 0..plan.layers.len() {
            let load = activity.load(plan, hardware, layer, &traffic.places);
            layers_s.push(load.time_s(hardware));
            all.add(&load);
        }
        let name = |link: usize| {
            let each = interconnect.links();
            let chip = if plan.chips > 1 { format!("chip {}, ", link / each) } else { String::new() };
            format!("{chip}{}", interconnect.link_name(link % each))
        };
        let taken_s = |bytes: f64| {
            (bytes * 8.0 / f64::from(hardware.hierarchy().link_bits)).ceil() / hardware.hierarchy().clock_hz
        };
        let of = |l: &LayerActivity| LayerActivity {
            samples: l.samples,
            values: l.values,
            non_zeros: l.non_zeros,
            ..LayerActivity::default()
        };
        let seen = Activity { layers: activity.layers.iter().map(of).collect(), digital_elements: 0 };
        Self { seen, layers_s, busiest: all.busiest().map(|(link, bytes)| (name(link), taken_s(bytes))) }
    }

    /// Time of all layers, one after the other, in seconds.
    pub fn time_s(&self) -> f64 {
        self.layers_s.iter().sum()
    }

    /// Interval below which inferences cannot follow each other, for the busiest link is taken, in seconds.
    pub fn interval_s(&self) -> f64 {
        self.busiest.as_ref().map_or(0.0, |b| b.1)
    }
}
