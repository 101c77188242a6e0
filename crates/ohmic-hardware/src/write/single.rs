//! One pulse a cell.

use super::{WriteModel, WriteSpec, Writing, Written, spec};
use ohmic_config::Kind;

pub(super) const KIND: Kind<dyn WriteModel> = Kind {
    name: "single",
    summary: "one pulse a cell, never looked at",
    example: "pulse_time = \"100 ns\"\nheat_rewrites = 2\nheat_cells = 8\nheat_changes = 4",
    quiet: Some(""),
    keys: spec::KEYS,
    build: |s| Ok(Box::new(Single { spec: Some(spec::read(s)?) })),
};

/// Model: every cell gets one pulse and keeps what it made of it.
///
/// Randomness: that of the device, attempt 0.
#[derive(Debug)]
pub(super) struct Single {
    spec: Option<WriteSpec>,
}

impl Single {
    /// Without time, limits and wear.
    pub(super) fn unaccounted() -> Self {
        Self { spec: None }
    }
}

impl WriteModel for Single {
    fn write(&self, writing: Writing<'_>, g_siemens: &mut [f32], pulses: &mut [u32]) -> Written {
        writing.pulse(g_siemens, 0);
        pulses.fill(1);
        let cells = writing.targets.len() as u64;
        Written { cells, pulses: cells, most_pulses: u32::from(cells > 0), ..Written::default() }
    }

    fn spec(&self) -> Option<&WriteSpec> {
        self.spec.as_ref()
    }
}
