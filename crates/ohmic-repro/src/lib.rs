//! Published figures beside ours: read, computed, judged.
//!
//! A folder of `models/hardware/` says in `expected.toml` what its paper publishes ([`Expected`]); [`reproduce`] computes
//! each figure with the machine of that folder and says whether it is met. To add a figure: a table in that file.
//!
//! A finished run ([`Finished`]) is unfolded into events and unit costs ([`unfold()`]), or held against another
//! ([`difference()`]); machines stand side by side at equal area or crossbars ([`compare()`]).
//!
//! Left out: figures that need a machine Ohmic cannot describe; they stand as published rows without one of ours.
#![cfg_attr(test, allow(clippy::float_cmp))]

mod compare;
mod difference;
mod error;
mod evaluate;
mod expected;
mod finished;
mod judge;
mod unfold;

pub use compare::{Compared, Equal, compare};
pub use difference::{Alone, Difference, NumberMoved, Setting, difference, one_by_one};
pub use error::Error;
pub use evaluate::{Data, Evaluator, Ran, Skipped};
pub use expected::{Assumption, Expected, Figure, Of, Published, Tag, Value};
pub use finished::Finished;
pub use judge::{Judged, Moved, Reproduction, Verdict, reproduce};
pub use unfold::{Term, Unfolded, unfold};
