//! A cell that holds exactly the conductance it was asked for.

use super::{DeviceModel, G_MAX, G_MIN, ON_OFF_RATIO, Window, read_window};
use ohmic_config::Kind;

pub(super) const KIND: Kind<dyn DeviceModel> = Kind {
    name: "ideal",
    summary: "holds exactly its target; the on/off ratio may still be finite",
    example: "g_min = \"0 S\"\ng_max = \"25 uS\"",
    quiet: Some("g_min = \"0 S\"\ng_max = \"25 uS\""),
    keys: &[G_MAX, G_MIN, ON_OFF_RATIO],
    build: |s| Ok(Box::new(Ideal { window: read_window(s)? })),
};

#[derive(Debug)]
struct Ideal {
    window: Window,
}

impl DeviceModel for Ideal {
    fn window(&self) -> Window {
        self.window
    }
}
