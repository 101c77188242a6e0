//! Nothing is corrected.

use super::{CompensationModel, Policy};
use ohmic_config::Kind;

pub(super) const KIND: Kind<dyn CompensationModel> = Kind {
    name: "none",
    summary: "nothing is corrected",
    example: "",
    quiet: Some(""),
    keys: &[],
    build: |_| Ok(Box::new(None)),
};

#[derive(Debug)]
pub(super) struct None;

impl CompensationModel for None {
    fn policy(&self) -> Option<Policy> {
        Option::None
    }
}
