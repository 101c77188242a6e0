//! Program a chip and run inputs through it; count what happened.
//!
//! [`Design`] is a network encoded for a piece of hardware, [`Chip`] one programmed instance of it,
//! [`Run`] what a batch gave: outputs, [`Activity`], and each layer's own error if asked for.
//! Parses nothing, prices nothing. How a read is computed is told in `program.rs` and `read.rs`.
//!
//! [`measure`] and [`quantization`] say what each [`Cause`] of error does to each layer.

#![cfg_attr(test, allow(clippy::float_cmp))]

mod activity;
mod apply;
mod assumed;
mod budget;
mod calibrate;
mod causes;
mod chip;
mod compensate;
mod design;
mod effective;
mod error;
mod fix;
mod nonlinear;
mod predict;
mod program;
mod ranges;
mod read;
mod redundancy;
mod run;
mod sent;
mod set;
mod sharing;
mod stairs;
mod statistics;
mod uncovered;
mod wide;
mod wires;
mod writing;

pub use activity::{Activity, Events, LayerActivity};
pub use assumed::assumed;
pub use budget::{LayerBudget, LayerQuantization, measure, quantization};
pub use calibrate::{Calibration, SumHistogram};
pub use causes::{Cause, Causes};
pub use chip::{Chip, ChipBuilder, ProgrammedLayer, Shortcuts};
pub use compensate::{Compensation, LearningRun};
pub use design::{Design, EncodedNetwork, ReadoutRange};
pub use error::Error;
pub use predict::{CellMoments, CodePowers, Moments, predict, predict_with};
pub use redundancy::Repair;
pub use run::{LayerError, Probe, Run};
pub use set::{RunOptions, SetRun};
pub use sharing::RangePlace;
pub use statistics::{Bin, ConversionStatistics, LayerStatistics, Statistics};
pub use uncovered::{Uncovered, uncovered};
pub use writing::ChipWriting;
