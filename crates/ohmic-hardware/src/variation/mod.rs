//! Device-to-device variation: what a cell makes of every write, drawn once a chip.
//!
//! To add one: 1. write `variation/<name>.rs` with a `KIND` (copy `none.rs`); 2. add `mod <name>;`
//! below; 3. add `<name>::KIND` to [`KINDS`].

mod correlated;
mod gaussian;
mod lognormal;
mod none;
mod spread;

use crate::device::Patch;
use ohmic_config::Kind;
use std::fmt::Debug;

/// Every model of variation there is.
pub const KINDS: &[Kind<dyn VariationModel>] =
    &[none::KIND, gaussian::KIND, lognormal::KIND, correlated::KIND];

/// The model in which all cells are alike: what a file without `[variation]` says.
pub fn none() -> Box<dyn VariationModel> {
    Box::new(none::None)
}

/// How the cells of a chip differ from each other, whatever is written into them.
pub trait VariationModel: Debug + Send + Sync {
    /// Turns target conductances into those that each cell of this chip would get from a perfect write, in
    /// place (siemens). Draws with `Purpose::Device`: the same for every write of the same chip.
    fn apply(&self, g_siemens: &mut [f32], patch: &Patch<'_>);

    /// Whether all cells are alike.
    fn is_none(&self) -> bool {
        false
    }

    /// Whether cells near each other differ alike.
    fn is_correlated(&self) -> bool {
        false
    }
}
