//! Everything a hardware file can say, checked: devices, encodings, faults, converters, components
//! and unit costs.
//!
//! Principal type: [`Hardware`], the checked machine. Each family of parts has a folder with a
//! trait and a list `KINDS`: [`device`], [`variation`], [`rtn`], [`mod@write`], [`encoding`], [`dac`], [`adc`], [`fault`],
//! [`wires`], [`compensation`], [`interconnect`], [`component`].
//! Knows no network.

#![cfg_attr(test, allow(clippy::float_cmp))]

pub mod adc;
pub mod compensation;
pub mod component;
pub mod dac;
pub mod device;
mod digits;
pub mod documentation;
mod drift;
pub mod encoding;
mod error;
pub mod event;
pub mod fault;
mod file;
pub mod fit;
mod hardware;
pub mod interconnect;
mod keys;
pub mod presets;
pub mod rtn;
mod spec;
pub mod variation;
pub mod wires;
pub mod write;

pub use adc::{Adc, RangePer, RangePolicy, Span};
pub use compensation::{CompensationModel, Correction, Policy};
pub use component::{Component, CostModel, Level, OutsideValidity};
pub use dac::{Dac, Drive, InputSign, InputSlice, Part, Skipping};
pub use device::{CurrentLaw, DeviceModel, Held, Patch, ReadNoise, Window};
pub use encoding::{EncodeError, Encoded, Gain, Readout, Sign, WeightEncoding};
pub use error::Error;
pub use event::Event;
pub use fault::FaultModel;
pub use hardware::Hardware;
pub use interconnect::{InterconnectModel, Placement, SendZeros};
pub use rtn::TelegraphModel;
pub use spec::{
    AssumedActivity, Bus, Conditions, CrossbarSpec, DummyColumn, Duplicate, HeatLimit, Hierarchy, InputRange,
    Overflow, Precision, Redundancy, Remap, Schedule, Start, WeightScale,
};
pub use variation::VariationModel;
pub use wires::WireModel;
pub use write::{WriteModel, WriteSpec, Writing, Written};
