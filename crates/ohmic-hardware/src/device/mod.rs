//! Devices: what conductance a cell has when it was asked for a level.
//!
//! To add one: 1. write `device/<name>.rs` with a `KIND` (copy `lognormal.rs`); 2. add `mod <name>;`
//! below; 3. add `<name>::KIND` to [`KINDS`]. The laws in `laws.rs` then test it.

use ohmic_numerics::{Cells, Noise};
use std::fmt::Debug;

/// The conductances that the levels of a cell lie between.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Conductance of level 0, in siemens; 0 means an infinite on/off ratio.
    pub g_min_siemens: f64,
    /// Conductance of the highest level, in siemens.
    pub g_max_siemens: f64,
}

impl Window {
    /// Conductance between two neighbouring levels of a cell with `levels` levels, in siemens.
    pub fn step_siemens(&self, levels: u32) -> f64 {
        (self.g_max_siemens - self.g_min_siemens) / f64::from(levels - 1)
    }
}

/// The technology of a cell. The defaults are an ideal cell: a model writes only what differs.
pub trait DeviceModel: Debug + Send + Sync {
    /// Where levels lie: level `l` of `L` sits at `g_min + l (g_max - g_min) / (L - 1)`.
    fn window(&self) -> Window;

    /// Turns targets into programmed conductances, in place, once per programming (siemens, one
    /// entry a cell from `at.first`).
    fn program(&self, g_siemens: &mut [f32], at: Cells, noise: &Noise) {
        let _ = (g_siemens, at, noise);
    }

    /// Ages programmed conductances by `elapsed_s` seconds, in place.
    fn age(&self, g_siemens: &mut [f32], elapsed_s: f64, at: Cells, noise: &Noise) {
        let _ = (g_siemens, elapsed_s, at, noise);
    }

    /// Independent zero-mean Gaussian noise per cell and read, if there is any.
    fn read_noise(&self) -> Option<&dyn ReadNoise> {
        None
    }

    /// A law other than `I = G V`, if the cell is not linear.
    fn current_law(&self) -> Option<&dyn CurrentLaw> {
        None
    }
}

/// Noise that every read of a cell adds to its conductance.
pub trait ReadNoise: Debug + Send + Sync {
    /// Standard deviation at conductance `g_siemens`, in siemens.
    fn sigma_siemens(&self, g_siemens: f32) -> f32;
}

/// The current of a cell that is not linear.
pub trait CurrentLaw: Debug + Send + Sync {
    /// Current in ampere at `v_volt` across a cell of small-signal conductance `g_siemens`.
    fn current_ampere(&self, v_volt: f64, g_siemens: f64) -> f64;
}
