//! One pulse a cell.

use super::{WriteModel, Writing, Written};
use ohmic_config::Kind;

pub(super) const KIND: Kind<dyn WriteModel> = Kind {
    name: "single",
    summary: "one pulse a cell, never looked at",
    example: "",
    quiet: None,
    keys: &[],
    build: |_| Ok(Box::new(Single)),
};

#[derive(Debug)]
pub(super) struct Single;

impl WriteModel for Single {
    fn write(&self, writing: Writing<'_>, g_siemens: &mut [f32]) -> Written {
        writing.pulse(g_siemens, 0);
        let cells = writing.targets.len() as u64;
        Written { cells, pulses: cells, ..Written::default() }
    }
}
