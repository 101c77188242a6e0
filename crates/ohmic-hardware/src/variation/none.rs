//! All cells are alike.

use super::VariationModel;
use crate::device::Patch;
use ohmic_config::Kind;

pub(super) const KIND: Kind<dyn VariationModel> = Kind {
    name: "none",
    summary: "all cells are alike",
    example: "",
    quiet: Some(""),
    keys: &[],
    build: |_| Ok(Box::new(None)),
};

#[derive(Debug)]
pub(super) struct None;

impl VariationModel for None {
    fn apply(&self, _: &mut [f32], _: &Patch<'_>) {}

    fn is_none(&self) -> bool {
        true
    }
}
