//! Mean and spread of every output.

use super::{CompensationModel, Correction, IMAGES, Policy};
use ohmic_config::Kind;

pub(super) const KIND: Kind<dyn CompensationModel> = Kind {
    name: "batch_norm",
    summary: "mean and standard deviation of every output are brought back to those of the exact network",
    example: "images = 256",
    quiet: None,
    keys: &[IMAGES],
    build: |s| Ok(Box::new(BatchNorm { images: s.integer(&IMAGES)? as usize })),
};

/// Model: y_j = m_j + (s_j / s_tj) (y_tj - m_tj), with means m and standard deviations s over calibration vectors, of the
/// exact integer network and of the chip; layer after layer, each on the corrected outputs of those before. Where
/// either spread is 0 only the mean is brought back.
///
/// Batch normalisation is part of the weights here, and a normalisation whose statistics are measured anew is
/// this gain and offset. It is applied to every layer with a matrix, the last one and those without batch
/// normalisation included.
///
/// Source: adaptive batch normalisation statistics, Joshi et al., Nature Communications 11, 2473 (2020) (2600
/// images of CIFAR-10).
#[derive(Debug)]
struct BatchNorm {
    images: usize,
}

impl CompensationModel for BatchNorm {
    fn policy(&self) -> Option<Policy> {
        Some(Policy { correction: Correction::OutputMoments, images: self.images })
    }
}
