//! One gain a layer.

use super::{CompensationModel, Correction, IMAGES, Policy};
use ohmic_config::Kind;

pub(super) const KIND: Kind<dyn CompensationModel> = Kind {
    name: "global",
    summary: "one gain a layer, from the same reads right after programming and now",
    example: "images = 8",
    quiet: None,
    keys: &[IMAGES],
    build: |s| Ok(Box::new(Global { images: s.integer(&IMAGES)? as usize })),
};

/// Model: y = alpha y_t with alpha = sum |y_0| / sum |y_t|, sums over outputs and calibration vectors of a layer.
///
/// Left out: reads in parallel with inference; a reference that is itself taken some time after programming.
///
/// Source: global drift compensation, Joshi et al., Nature Communications 11, 2473 (2020); IBM/aihwkit
/// `GlobalDriftCompensation`, which reads one-hot inputs instead.
#[derive(Debug)]
struct Global {
    images: usize,
}

impl CompensationModel for Global {
    fn policy(&self) -> Option<Policy> {
        Some(Policy { correction: Correction::LayerGain, images: self.images })
    }
}
