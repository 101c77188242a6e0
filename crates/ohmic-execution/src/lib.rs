//! Program a chip and run inputs through it; count what happened.
//!
//! [`Design`] is a network encoded for a piece of hardware, [`Chip`] one programmed instance of it,
//! [`Run`] what a batch gave: outputs, [`Activity`], and each layer's own error if asked for.
//! Parses nothing, prices nothing. How a read is computed is told in `program.rs` and `read.rs`.
//!
//! Left out: drift over time, non-linear cells.

#![cfg_attr(test, allow(clippy::float_cmp))]

mod activity;
mod apply;
mod calibrate;
mod chip;
mod design;
mod effective;
mod error;
mod fix;
mod program;
mod read;
mod run;
mod set;
mod wide;
mod wires;

pub use activity::{Activity, Events, LayerActivity};
pub use calibrate::Calibration;
pub use chip::{Chip, ChipBuilder, ProgrammedLayer, Shortcuts};
pub use design::{Design, EncodedNetwork, ReadoutRange};
pub use error::Error;
pub use run::{LayerError, Probe, Run};
pub use set::{RunOptions, SetRun};
