//! No cell is broken.

use super::FaultModel;
use crate::device::{Patch, Window};
use ohmic_config::Kind;

pub(super) const KIND: Kind<dyn FaultModel> = Kind {
    name: "none",
    summary: "no cell is broken",
    example: "",
    quiet: Some(""),
    keys: &[],
    build: |_| Ok(Box::new(None)),
};

#[derive(Debug)]
pub(super) struct None;

impl FaultModel for None {
    fn apply(&self, _: &mut [f32], _: Window, _: &Patch<'_>) {}

    fn cell_probability(&self) -> Option<f64> {
        Some(0.0)
    }

    fn is_none(&self) -> bool {
        true
    }
}
