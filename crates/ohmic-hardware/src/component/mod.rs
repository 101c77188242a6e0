//! Components: what an event costs, what area it takes, and who says so.
//!
//! To add one: 1. write `component/<name>.rs` with a `KIND` (copy `adc_isaac_2016.rs`); 2. add
//! `mod <name>;` below; 3. add `<name>::KIND` to [`KINDS`].

mod adc_isaac_2016;
mod adc_regression;
mod adc_zigzag;
mod charge_array;
mod dac_mnsim;
mod priced;
mod resistive_array;
mod scaling;
mod white_space;

use crate::event::Event;
use crate::spec::{CrossbarSpec, Hierarchy};
use ohmic_config::{KeyDoc, Kind};
use std::fmt::Debug;

/// Every price model there is.
pub const KINDS: &[Kind<dyn ComponentModel>] = &[
    priced::KIND,
    resistive_array::KIND,
    charge_array::KIND,
    adc_isaac_2016::KIND,
    adc_regression::KIND,
    adc_zigzag::KIND,
    dac_mnsim::KIND,
    white_space::KIND,
];

pub(crate) const SOURCE: KeyDoc = KeyDoc::text(
    "source",
    "where the figures come from; begin with \"assumption:\" where nobody published them",
);

/// What a price may depend on; said once, in `[crossbar]`, `[adc]` and `[dac]`, never repeated in
/// `[component]`, so that accuracy and cost cannot describe two machines.
#[derive(Clone, Copy, Debug)]
pub struct Machine<'a> {
    /// Geometry and rates.
    pub crossbar: &'a CrossbarSpec,
    /// Bits of a conversion.
    pub adc_bits: u32,
    /// Bits of an input driven in one step.
    pub dac_bits: u32,
    /// Supply of an array that moves charge, in volt; `None` if its cells conduct.
    pub supply_volt: Option<f64>,
    /// Temperature, in kelvin.
    pub temperature_kelvin: f64,
    /// How crossbars make up the chip.
    pub hierarchy: &'a Hierarchy,
    /// The components that stand above it in the file.
    pub parts: &'a [Component],
}

impl Machine<'_> {
    /// How many of a level there are in one of another that is not below it.
    pub fn there_are(&self, level: Level, within: Level) -> f64 {
        let crossbars = |level: Level| match level {
            Level::Row => 1.0 / self.crossbar.rows as f64,
            Level::Adc => 1.0 / self.crossbar.adcs as f64,
            Level::Crossbar => 1.0,
            Level::Macro => self.hierarchy.crossbars_per_macro as f64,
            Level::Tile => (self.hierarchy.crossbars_per_macro * self.hierarchy.macros_per_tile) as f64,
            Level::Chip => self.hierarchy.crossbars() as f64,
        };
        crossbars(within) / crossbars(level)
    }
}

/// A price or a device was asked for outside the range that its model is valid in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutsideValidity {
    /// Key path of the value it is not valid for: `adc.bits`.
    pub key: &'static str,
    /// That value.
    pub value: String,
    /// What the model is valid for, and the way out.
    pub valid: String,
}

/// A price model as it stands in a hardware file, before it is told the machine.
pub trait ComponentModel: Debug + Send + Sync {
    /// What there are [`ComponentModel::count`] instances for.
    fn per(&self) -> Level;

    /// Instances per [`ComponentModel::per`].
    fn count(&self) -> f64 {
        1.0
    }

    /// The price of one instance in this machine.
    ///
    /// # Errors
    /// The machine is outside the model's validity.
    fn fit(&self, machine: &Machine<'_>) -> Result<Box<dyn CostModel>, OutsideValidity>;
}

/// A price of one event only: what converters and arrays come to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OneEvent {
    pub(crate) event: Event,
    pub(crate) energy_joule: f64,
    pub(crate) area_m2: f64,
}

impl CostModel for OneEvent {
    fn area_m2(&self) -> f64 {
        self.area_m2
    }

    fn leakage_watt(&self) -> f64 {
        0.0
    }

    fn energy_joule(&self, event: Event) -> Option<f64> {
        (event == self.event).then_some(self.energy_joule)
    }
}

/// Area, leakage and energy per event of one instance of a component.
pub trait CostModel: Debug + Send + Sync {
    /// Area of one instance, in square metres.
    fn area_m2(&self) -> f64;

    /// Static power of one instance, in watt.
    fn leakage_watt(&self) -> f64;

    /// Power of one instance while the layer it serves is at work, in watt; its clock is gated off otherwise.
    fn clocked_watt(&self) -> f64 {
        0.0
    }

    /// The most events a second that one instance takes, if it is known: at its peak it has so many.
    fn rate_hz(&self, event: Event) -> Option<f64> {
        let _ = event;
        None
    }

    /// Energy in joule of one `event` (for [`Event::CellRead`]: joule charged per joule of ohmic
    /// energy). `None`: not an event of this component. Several components may price one event;
    /// their energies add.
    fn energy_joule(&self, event: Event) -> Option<f64>;
}

/// What there is one set of instances for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Every row of every crossbar.
    Row,
    /// Every converter.
    Adc,
    /// Every crossbar.
    Crossbar,
    /// Every macro.
    Macro,
    /// Every tile.
    Tile,
    /// The chip.
    Chip,
}

impl Level {
    /// The name in hardware files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Row => "row",
            Self::Adc => "adc",
            Self::Crossbar => "crossbar",
            Self::Macro => "macro",
            Self::Tile => "tile",
            Self::Chip => "chip",
        }
    }
}

/// A part of the machine that has a price.
#[derive(Debug)]
pub struct Component {
    /// Name in the hardware file, `[component.<name>]`.
    pub name: String,
    /// What there are `count` instances for.
    pub per: Level,
    /// Instances per [`Component::per`]; a fraction where several share one (a router of 4 tiles: 0.25).
    pub count: f64,
    /// Price of one instance.
    pub model: Box<dyn CostModel>,
    /// Where the figures come from.
    pub source: String,
}
