//! Published figures beside ours: read, computed, judged.
//!
//! A folder of `models/hardware/` says in `expected.toml` what its paper publishes ([`Expected`]); [`reproduce`] computes
//! each figure with the machine of that folder and says whether it is met. To add a figure: a table in that file.
//!
//! Left out: figures that need a machine Ohmic cannot describe; they stand as published rows without one of ours.
#![cfg_attr(test, allow(clippy::float_cmp))]

mod error;
mod evaluate;
mod expected;
mod judge;

pub use error::Error;
pub use evaluate::{Data, Evaluator, Skipped};
pub use expected::{Assumption, Expected, Figure, Of, Published, Tag, Value};
pub use judge::{Judged, Moved, Reproduction, Verdict, reproduce};
