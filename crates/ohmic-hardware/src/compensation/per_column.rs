//! One gain an output.

use super::{CompensationModel, Correction, IMAGES, Policy};
use ohmic_config::Kind;

pub(super) const KIND: Kind<dyn CompensationModel> = Kind {
    name: "per_column",
    summary: "one gain an output, from the same reads right after programming and now",
    example: "images = 8",
    quiet: None,
    keys: &[IMAGES],
    build: |s| Ok(Box::new(PerColumn { images: s.integer(&IMAGES)? as usize })),
};

/// Model: y_j = alpha_j y_tj with alpha_j = sum |y_0j| / sum |y_tj|, sums over calibration vectors; an output that
/// answers 0 to all of them keeps alpha_j = 1 and is counted.
///
/// Left out: what is left out of `global`; gains of the single bit lines that make up an output.
///
/// Source: the per-column variant of global drift compensation in IBM/aihwkit.
#[derive(Debug)]
struct PerColumn {
    images: usize,
}

impl CompensationModel for PerColumn {
    fn policy(&self) -> Option<Policy> {
        Some(Policy { correction: Correction::OutputGain, images: self.images })
    }
}
