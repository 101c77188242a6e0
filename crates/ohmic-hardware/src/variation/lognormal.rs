//! Cells whose conductance differs by a lognormal factor.

use super::{VariationModel, spread::Spread};
use crate::device::Patch;
use ohmic_config::{KeyDoc, Kind};
use ohmic_numerics::Purpose;

pub(super) const SIGMA_LN: KeyDoc = KeyDoc::number(
    "sigma_ln",
    "standard deviation of ln g between cells that are asked for the same: a spread, not a percentage",
)
.at_least(0.0)
.at_most(2.0);

pub(super) const KIND: Kind<dyn VariationModel> = Kind {
    name: "lognormal",
    summary: "device-to-device: every cell multiplies what it is asked for by its own exp(sigma z)",
    example: "sigma_ln = 0.05",
    quiet: Some("sigma_ln = 0.0"),
    keys: &[SIGMA_LN],
    build: |s| Ok(Box::new(LogNormal(Spread::LogNormal(s.number(&SIGMA_LN)? as f32)))),
};

/// Model: g = g_target exp(sigma z), z ~ N(0, 1), one z a cell, the same for every write; the target is the median.
///
/// Randomness: `Purpose::Device`, draw 0, once a chip. Left out: neighbours are independent, see `correlated`.
#[derive(Debug)]
struct LogNormal(Spread);

impl VariationModel for LogNormal {
    fn apply(&self, g_siemens: &mut [f32], patch: &Patch<'_>) {
        if !self.is_none() {
            patch.for_each_normal(g_siemens, Purpose::Device, 0, |g, z| self.0.apply(g, z));
        }
    }

    fn is_none(&self) -> bool {
        self.0.is_none()
    }
}
