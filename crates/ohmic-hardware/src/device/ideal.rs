//! A cell that holds exactly the conductance it was asked for.

use super::law::{CURRENT_LAW, GenericLaw, LAW_AT, LAW_VOLT};
use super::{CurrentLaw, DeviceModel, G_MAX, G_MIN, ON_OFF_RATIO, Window, read_window};
use ohmic_config::Kind;

pub(super) const KIND: Kind<dyn DeviceModel> = Kind {
    name: "ideal",
    summary: "holds exactly its target; the on/off ratio may still be finite",
    example: "g_min = \"0 S\"\ng_max = \"25 uS\"",
    quiet: Some("g_min = \"0 S\"\ng_max = \"25 uS\""),
    keys: &[G_MAX, G_MIN, ON_OFF_RATIO, CURRENT_LAW, LAW_VOLT, LAW_AT],
    build: |s| Ok(Box::new(Ideal { window: read_window(s)?, law: GenericLaw::read(s)? })),
};

#[derive(Debug)]
struct Ideal {
    window: Window,
    law: Option<GenericLaw>,
}

impl DeviceModel for Ideal {
    fn window(&self) -> Window {
        self.window
    }

    fn current_law(&self) -> Option<&dyn CurrentLaw> {
        self.law.as_ref().map(|l| l as &dyn CurrentLaw)
    }
}
