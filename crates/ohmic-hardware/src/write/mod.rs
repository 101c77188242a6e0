//! Writing: how often a cell is pulsed and read until it counts as programmed.
//!
//! To add one: 1. write `write/<name>.rs` with a `KIND` (copy `single.rs`); 2. add `mod <name>;`
//! below; 3. add `<name>::KIND` to [`KINDS`].

mod expected;
mod single;
mod spec;
mod verify;

use crate::device::{DeviceModel, Patch, Window};
use crate::spec::Conditions;
use crate::variation::VariationModel;
use ohmic_config::Kind;
use std::fmt::Debug;

pub use expected::{Expected, expected};
pub use spec::WriteSpec;

/// Every way of writing there is.
pub const KINDS: &[Kind<dyn WriteModel>] = &[single::KIND, verify::KIND];

/// One pulse a cell, never looked at and not accounted for: what a file without `[write]` says.
pub fn single() -> Box<dyn WriteModel> {
    Box::new(single::Single::unaccounted())
}

/// What writing a plane took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Cells written.
    pub cells: u64,
    /// Write pulses.
    pub pulses: u64,
    /// Reads that looked whether a cell had reached its target.
    pub verify_reads: u64,
    /// Cells that were left outside the band of acceptance.
    pub unaccepted: u64,
    /// Pulses of the cell that took most.
    pub most_pulses: u32,
}

impl Written {
    /// Takes over what another plane took.
    pub fn merge(&mut self, other: &Self) {
        self.cells += other.cells;
        self.pulses += other.pulses;
        self.verify_reads += other.verify_reads;
        self.unaccepted += other.unaccepted;
        self.most_pulses = self.most_pulses.max(other.most_pulses);
    }

    /// What so many planes like this one took.
    pub fn times(&self, planes: u64) -> Self {
        Self {
            cells: self.cells * planes,
            pulses: self.pulses * planes,
            verify_reads: self.verify_reads * planes,
            unaccepted: self.unaccepted * planes,
            most_pulses: self.most_pulses,
        }
    }
}

/// The cells that are written.
#[derive(Clone, Copy, Debug)]
pub struct Writing<'a> {
    /// Their technology.
    pub device: &'a dyn DeviceModel,
    /// How they differ from each other.
    pub variation: &'a dyn VariationModel,
    /// Under what conditions verify reads happen.
    pub conditions: &'a Conditions,
    /// Where they sit.
    pub patch: &'a Patch<'a>,
    /// What they are asked to hold, in siemens.
    pub targets: &'a [f32],
}

impl Writing<'_> {
    /// One pulse into every cell, from its target: what all cells hold after this attempt alone, in siemens.
    pub fn pulse(&self, g_siemens: &mut [f32], attempt: u32) {
        g_siemens.copy_from_slice(self.targets);
        self.variation.apply(g_siemens, self.patch);
        self.device.program(g_siemens, self.patch, attempt);
    }
}

/// How cells are brought to their targets.
pub trait WriteModel: Debug + Send + Sync {
    /// Writes a plane; `g_siemens` holds what its cells hold afterwards, `pulses` how many write pulses each took.
    fn write(&self, writing: Writing<'_>, g_siemens: &mut [f32], pulses: &mut [u32]) -> Written;

    /// Time, limits and wear of writing; `None` if the file does not account for writing.
    fn spec(&self) -> Option<&WriteSpec>;

    /// Most pulses that a cell can get.
    fn most_pulses(&self) -> u32 {
        1
    }

    /// Whether cells are looked at after a pulse.
    fn verifies(&self) -> bool {
        false
    }

    /// Whether it makes sense for cells of this window; asked once, when the file is read.
    ///
    /// # Errors
    /// The key that does not, what is wrong, and the way out.
    fn suits(&self, window: Window) -> Result<(), (&'static str, String, String)> {
        let _ = window;
        Ok(())
    }
}
