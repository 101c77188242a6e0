//! Cells whose conductance differs by a Gaussian share of it.

use super::{VariationModel, spread::Spread};
use crate::device::Patch;
use ohmic_config::{KeyDoc, Kind};
use ohmic_numerics::Purpose;

pub(super) const SIGMA_REL: KeyDoc = KeyDoc::number(
    "sigma_rel",
    "standard deviation between cells that are asked for the same, relative to the conductance",
)
.at_least(0.0)
.at_most(1.0);

pub(super) const KIND: Kind<dyn VariationModel> = Kind {
    name: "gaussian",
    summary: "device-to-device: every cell multiplies what it is asked for by its own 1 + sigma z",
    example: "sigma_rel = 0.05",
    quiet: Some("sigma_rel = 0.0"),
    keys: &[SIGMA_REL],
    build: |s| Ok(Box::new(Gaussian(Spread::Gaussian(s.number(&SIGMA_REL)? as f32)))),
};

/// Model: g = max(0, g_target (1 + sigma z)), z ~ N(0, 1), one z a cell, the same for every write.
///
/// Randomness: `Purpose::Device`, draw 0, once a chip. Left out: neighbours are independent, see `correlated`.
#[derive(Debug)]
struct Gaussian(Spread);

impl VariationModel for Gaussian {
    fn apply(&self, g_siemens: &mut [f32], patch: &Patch<'_>) {
        if !self.is_none() {
            patch.for_each_normal(g_siemens, Purpose::Device, 0, |g, z| self.0.apply(g, z));
        }
    }

    fn is_none(&self) -> bool {
        self.0.is_none()
    }
}
