//! Lines have no resistance.

use super::WireModel;
use ohmic_config::Kind;

pub(super) const KIND: Kind<dyn WireModel> = Kind {
    name: "none",
    summary: "lines have no resistance",
    example: "",
    quiet: Some(""),
    keys: &[],
    build: |_| Ok(Box::new(None)),
};

#[derive(Debug)]
pub(super) struct None;

impl WireModel for None {}
