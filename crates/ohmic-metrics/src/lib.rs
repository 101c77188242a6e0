//! Reduce runs to a record: accuracy with interval, signal-to-noise ratios, energy, latency and area.

#![cfg_attr(test, allow(clippy::float_cmp))]

mod communication;
mod cost;
mod error;
mod peak;
mod pipeline;
mod programming;
mod record;
mod snr;
mod timeline;

pub use communication::{Communication, Exchange, communication};
pub use cost::{ComponentCost, Cost, LayerCost, Limit, Reload, Upkeep, cost, upkeep};
pub use error::Error;
pub use peak::{PEAK_FIGURES, Peak, PeakComponent, peak};
pub use programming::{Programming, programming};
pub use record::{COLUMNS, Digital, LayerMetrics, Measured, assumed_cost, column, evaluate, predicted};
pub use snr::{LayerSnr, binding, ratio_db, weakest};
pub use timeline::{Span, Timeline, timeline};
