//! Compensation: what is read and corrected so that ageing cells go on giving the right answers.
//!
//! To add one: 1. write `compensation/<name>.rs` with a `KIND` (copy `global.rs`); 2. add `mod <name>;`
//! below; 3. add `<name>::KIND` to [`KINDS`].

mod batch_norm;
mod global;
mod none;
mod per_column;

use ohmic_config::{KeyDoc, Kind};
use std::fmt::Debug;

/// Every policy there is.
pub const KINDS: &[Kind<dyn CompensationModel>] =
    &[none::KIND, global::KIND, per_column::KIND, batch_norm::KIND];

/// The policy that corrects nothing: what a file without `[compensation]` says.
pub fn none() -> Box<dyn CompensationModel> {
    Box::new(none::None)
}

/// What is corrected, and from what it is learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Correction {
    /// One gain a layer: `sum |y_0| / sum |y_t|` over all its outputs, for the same inputs right after
    /// programming and now.
    LayerGain,
    /// The same with one gain an output.
    OutputGain,
    /// Gain and offset of every output, such that its mean and standard deviation are those of the exact
    /// integer network.
    OutputMoments,
}

/// How answers are kept right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What is corrected.
    pub correction: Correction,
    /// Images, never of the test set, that it is learned on.
    pub images: usize,
}

/// A policy that keeps answers right while cells age. What it does is applied to the finished sums of a
/// layer, by digital multiplication.
pub trait CompensationModel: Debug + Send + Sync {
    /// What it does, if it does anything.
    fn policy(&self) -> Option<Policy>;
}

pub(crate) const IMAGES: KeyDoc = KeyDoc::integer(
    "images",
    1,
    1_000_000,
    "images, never of the test set, that the correction is learned on: their reads are charged",
);
