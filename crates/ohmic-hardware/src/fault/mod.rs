//! Faults: cells that do not hold what they were given.
//!
//! To add one: 1. write `fault/<name>.rs` with a `KIND` (copy `stuck.rs`); 2. add `mod <name>;`
//! below; 3. add `<name>::KIND` to [`KINDS`].

mod lines;
mod map;
mod none;
mod stuck;

use crate::device::{Patch, Window};
use crate::spec::CrossbarSpec;
use ohmic_config::{Error, Kind};
use std::fmt::Debug;

/// Every fault model there is.
pub const KINDS: &[Kind<dyn FaultModel>] = &[none::KIND, stuck::KIND, lines::KIND, map::KIND];

/// The model without broken cells: what a file without `[fault]` says.
pub fn none() -> Box<dyn FaultModel> {
    Box::new(none::None)
}

/// A model of broken cells, applied after programming.
pub trait FaultModel: Debug + Send + Sync {
    /// Overwrites the conductances of broken cells, in place (siemens). Draws with `Purpose::Fault`.
    fn apply(&self, g_siemens: &mut [f32], window: Window, patch: &Patch<'_>);

    /// Whether the broken cells lie in crossbars like these; asked once, when the file is read.
    ///
    /// # Errors
    /// Where the model says what does not fit.
    fn suits(&self, crossbar: &CrossbarSpec) -> Result<(), Error> {
        let _ = crossbar;
        Ok(())
    }

    /// Probability that a cell is broken, if all cells break independently with the same one.
    fn cell_probability(&self) -> Option<f64> {
        None
    }

    /// Whether this model never breaks a cell.
    fn is_none(&self) -> bool {
        false
    }
}
