//! Random telegraph noise: cells with a trap, whose conductance jumps between two values.
//!
//! A family of its own, because a trap is a property of the cell beside its technology: every device can have it,
//! and no device has to know. Slow traps freeze a state into the cells when they are read; fast ones add to the
//! variance of every read.
//!
//! To add one: 1. write `rtn/<name>.rs` with a `KIND` (copy `two_level.rs`); 2. add `mod <name>;`
//! below; 3. add `<name>::KIND` to [`KINDS`].

mod none;
mod two_level;

use crate::device::Patch;
use ohmic_config::Kind;
use std::fmt::Debug;

/// Every model of telegraph noise there is.
pub const KINDS: &[Kind<dyn TelegraphModel>] = &[none::KIND, two_level::KIND];

/// The model without traps: what a file without `[rtn]` says.
pub fn none() -> Box<dyn TelegraphModel> {
    Box::new(none::None)
}

/// Cells that jump between two conductances.
pub trait TelegraphModel: Debug + Send + Sync {
    /// Puts slow traps into the state in which they are found when the cells are read, in place (siemens).
    fn freeze(&self, g_siemens: &mut [f32], patch: &Patch<'_>);

    /// Standard deviation that fast traps give every read of a cell, in siemens; `cell` is its index in the patch.
    fn read_sigma_siemens(&self, g_siemens: f32, cell: usize, patch: &Patch<'_>) -> f32;

    /// Whether reads scatter, because there are fast traps.
    fn is_noisy(&self) -> bool;
}
