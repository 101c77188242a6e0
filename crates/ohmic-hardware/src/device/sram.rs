//! What SRAM macros have in common: a cell holds one bit, sites differ once a chip, heat is kT.

use super::{Patch, Window};
use crate::component::OutsideValidity;
use crate::spec::{Conditions, CrossbarSpec};
use crate::variation::VariationModel;
use ohmic_numerics::{Purpose, Site};

/// The crossbar that a device is built into, and how it is used.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// Its geometry and its reads.
    pub crossbar: &'a CrossbarSpec,
    /// When and how warm it is read.
    pub conditions: &'a Conditions,
    /// Bits that a cell is asked to hold.
    pub cell_bits: u32,
}

/// A bit is there or not: levels are no conductances, and 1 is one level.
pub(super) const WINDOW: Window = Window { g_min_siemens: 0.0, g_max_siemens: 1.0 };

/// Boltzmann's constant, in joule per kelvin (exact in SI).
pub(super) const BOLTZMANN: f64 = 1.380_649e-23;

/// Below this, what is 1 up to rounding counts as 1.
pub(super) const DISTANCE: f64 = 1e-15;

/// The place of sites in the address of a draw: no layer has this index.
const SITES: u32 = 0x00ff_fffd;

/// An SRAM cell holds one bit.
pub(super) fn check_bits(around: &Surroundings<'_>) -> Result<(), OutsideValidity> {
    if around.cell_bits == 1 {
        return Ok(());
    }
    Err(OutsideValidity {
        key: "encoding.cell_bits",
        value: around.cell_bits.to_string(),
        valid: "an SRAM cell holds 1 bit".to_owned(),
    })
}

/// The factor on a time constant of leakage: 1 at 300 K, half of it 10 K above (rule of thumb for
/// subthreshold and junction leakage).
pub(super) fn halved_every_ten_kelvin(temperature_kelvin: f64) -> f64 {
    libm::exp2((Conditions::ROOM_KELVIN - temperature_kelvin) / 10.0)
}

/// A standard normal deviate that belongs to a place of a crossbar, the same whatever is written there.
pub(super) fn deviate(patch: &Patch<'_>, row: usize, bit_line: usize) -> f64 {
    let at = Site { layer: SITES, block: patch.crossbar };
    f64::from(patch.noise.normal(Purpose::Device, at, bit_line as u32, row as u32))
}

/// Capacitors that differ: those of one bit line share its charge, so each counts relative to their sum.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sites {
    /// Sites of a bit line; word lines this far apart share one.
    pub(super) sites: usize,
    /// Capacitance beside them, in units of a site.
    pub(super) parasitic: f64,
    /// Relative standard deviation of one.
    pub(super) sigma: f64,
}

impl Sites {
    fn capacitor(&self, patch: &Patch<'_>, site: usize, bit_line: usize) -> f64 {
        (1.0 + self.sigma * deviate(patch, site, bit_line)).max(0.0)
    }
}

impl VariationModel for Sites {
    fn apply(&self, g_siemens: &mut [f32], patch: &Patch<'_>) {
        let whole = self.sites as f64 + self.parasitic;
        for c in 0..patch.cols.min(g_siemens.len()) {
            let bit_line = patch.place(c).1;
            let of_line: Vec<f64> = (0..self.sites).map(|s| self.capacitor(patch, s, bit_line)).collect();
            let share = whole / (of_line.iter().sum::<f64>() + self.parasitic);
            for cell in (c..g_siemens.len()).step_by(patch.cols) {
                let site = patch.place(cell).0 % self.sites;
                g_siemens[cell] = (f64::from(g_siemens[cell]) * of_line[site] * share) as f32;
            }
        }
    }
}
