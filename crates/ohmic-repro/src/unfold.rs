//! Where a cost number of a finished run comes from: events times unit costs, down to the keys of the hardware file.

use crate::Finished;
use ohmic_config::document::{Node, Value};
use ohmic_hardware::{Component, Event, Level};

/// One event that a component prices.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    /// The event.
    pub event: Event,
    /// How often it happened in one inference (in joule for [`Event::CellRead`]).
    pub amount: f64,
    /// Joule an event.
    pub unit_joule: f64,
}

/// What one component contributed.
#[derive(Clone, Debug)]
pub struct Unfolded {
    /// Name in the hardware file.
    pub component: String,
    /// Energy of one inference as it stands in the results, in joule.
    pub energy_joule: f64,
    /// By event.
    pub terms: Vec<Term>,
    /// Static power of one instance, in watt.
    pub leakage_watt: f64,
    /// Power of one instance while its layer is at work, in watt.
    pub clocked_watt: f64,
    /// Instances in use.
    pub instances: f64,
    /// Area of one instance, in m².
    pub area_m2: f64,
    /// Time between inferences that leakage counts, in seconds.
    pub interval_s: f64,
    /// Its section of the hardware file, key by key.
    pub keys: Vec<(String, String)>,
    /// What its price model is.
    pub model: &'static str,
    /// Where its figures come from.
    pub source: String,
}

impl Unfolded {
    /// Energy of its events, in joule.
    pub fn events_joule(&self) -> f64 {
        self.terms.iter().map(|t| t.amount * t.unit_joule).sum()
    }

    /// Energy of leakage between two inferences, in joule.
    pub fn leakage_joule(&self) -> f64 {
        self.leakage_watt * self.instances * self.interval_s
    }

    /// What is left: clocks while layers are at work, in joule.
    pub fn clocked_joule(&self) -> f64 {
        self.energy_joule - self.events_joule() - self.leakage_joule()
    }
}

/// What every component of a finished run contributed, in the order of the hardware file.
pub fn unfold(run: &Finished) -> Vec<Unfolded> {
    let rate = run.mean("inferences_per_second").unwrap_or(0.0);
    let interval_s = if rate > 0.0 { 1.0 / rate } else { 0.0 };
    run.hardware
        .components()
        .iter()
        .map(|component| {
            let price = &component.model;
            let term = |event: Event| {
                let unit_joule = price.energy_joule(event)?;
                let amount = run.mean(&format!("events:{}", event.name()))?;
                Some(Term { event, amount, unit_joule })
            };
            let (keys, model) = section(run, component);
            Unfolded {
                component: component.name.clone(),
                energy_joule: run.mean(&format!("energy:{}", component.name)).unwrap_or(0.0),
                terms: Event::ALL.into_iter().filter_map(term).collect(),
                leakage_watt: price.leakage_watt(),
                clocked_watt: price.clocked_watt(),
                instances: instances(run, component),
                area_m2: price.area_m2(),
                interval_s,
                keys,
                model,
                source: component.source.clone(),
            }
        })
        .collect()
}

/// Instances in the crossbars, macros, tiles and chips in use.
fn instances(run: &Finished, component: &Component) -> f64 {
    let crossbar = run.hardware.crossbar();
    let of = |column: &str| run.mean(column).unwrap_or(0.0);
    let places = match component.per {
        Level::Row => of("crossbars") * crossbar.rows as f64,
        Level::Adc => of("crossbars") * crossbar.adcs as f64,
        Level::Crossbar => of("crossbars"),
        Level::Macro => of("macros"),
        Level::Tile => of("tiles"),
        Level::Chip => of("chips"),
    };
    places * component.count
}

/// The keys of its section, and what its `kind` is.
fn section(run: &Finished, component: &Component) -> (Vec<(String, String)>, &'static str) {
    let Some(Node { value: Value::Table(entries), .. }) =
        run.resolved.get(&format!("component.{}", component.name))
    else {
        return (vec![], "");
    };
    let keys: Vec<(String, String)> =
        entries.iter().map(|(k, node)| (k.name.clone(), node.value.to_toml().to_string())).collect();
    let kind = keys.iter().find(|k| k.0 == "kind").map_or("", |k| k.1.trim_matches('"'));
    let model =
        ohmic_hardware::component::KINDS.iter().find(|k| k.name == kind).map_or("", |kind| kind.summary);
    (keys, model)
}
