//! A sweep file becomes points, points become records: in parallel, resumable.
//!
//! * [`SweepFile`]: what is written in a sweep file, checked; [`SweepFile::points`] lists its points.
//! * [`Evaluate`]: whoever computes one trial of one point; [`Simulation`] is the real one.
//! * [`run`]: all points on all cores, each finished trial durable before it is reported, and the
//!   results written at the end. A run that was killed and started again ends with the same bytes.
//!
//! Axes are key paths into the hardware file (`device.sigma_ln`) or run options (`run.network`),
//! applied before the hardware is parsed and checked, so everything a part can read can be swept.
//! Draws no picture.

mod axis;
mod cache;
mod error;
mod evaluate;
mod file;
mod folder;
mod key;
mod memory;
pub mod networks;
mod point;
mod reuse;
mod runner;
mod self_test;
mod simulate;
mod snr;

pub use axis::{Axis, read_value};
pub use cache::{Stage, Uses};
pub use error::Error;
pub use evaluate::{Evaluate, Prepared};
pub use file::{RunSettings, SweepFile};
pub use folder::{axis_column, axis_unit, axis_value, label_columns};
pub use key::{RUN_KEYS, RunKey, Swept, TrialKey};
pub use memory::{Budget, size};
pub use point::{Fidelity, Point};
pub use runner::{Options, Outcome, Progress, Shard, run};
pub use self_test::{SelfTest, self_test};
pub use simulate::{Case, PointDesign, Simulation, data_spec};
pub use snr::Measuring;
