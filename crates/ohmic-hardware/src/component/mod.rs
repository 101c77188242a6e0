//! Components: what an event costs, what area it takes, and who says so.
//!
//! To add one: 1. write `component/<name>.rs` with a `KIND` (copy `adc_isaac_2016.rs`); 2. add
//! `mod <name>;` below; 3. add `<name>::KIND` to [`KINDS`].

use crate::event::Event;
use std::fmt::Debug;

/// Area, leakage and energy per event of one instance of a component.
pub trait CostModel: Debug + Send + Sync {
    /// Area of one instance, in square metres.
    fn area_m2(&self) -> f64;

    /// Static power of one instance, in watt.
    fn leakage_watt(&self) -> f64;

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
