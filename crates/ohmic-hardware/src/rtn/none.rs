//! No cell has a trap.

use super::TelegraphModel;
use crate::device::Patch;
use ohmic_config::Kind;

pub(super) const KIND: Kind<dyn TelegraphModel> = Kind {
    name: "none",
    summary: "no cell has a trap",
    example: "",
    quiet: Some(""),
    keys: &[],
    build: |_| Ok(Box::new(None)),
};

#[derive(Debug)]
pub(super) struct None;

impl TelegraphModel for None {
    fn freeze(&self, _: &mut [f32], _: &Patch<'_>) {}

    fn read_sigma_siemens(&self, _: f32, _: usize, _: &Patch<'_>) -> f32 {
        0.0
    }

    fn is_noisy(&self) -> bool {
        false
    }
}
