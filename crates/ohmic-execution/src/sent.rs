//! What the tiles of a plan sent each other: messages of the plan, with the zeros that a run saw.

use crate::{Activity, Events};
use ohmic_hardware::{Event, Hardware};
use ohmic_mapping::{Cargo, Load, Message, Plan};

impl Activity {
    /// Fraction of the values of a message that are not zero: of the inputs of the matrix layer that sees them, 1 where
    /// none does.
    pub fn non_zeros(&self, message: &Message) -> f64 {
        let seen = match message.cargo {
            Cargo::Values(Some(id)) => self.layers.get(id.0 as usize),
            Cargo::Values(None) | Cargo::PartialSums => None,
        };
        seen.filter(|l| l.values > 0).map_or(1.0, |l| l.non_zeros as f64 / l.values as f64)
    }

    /// What the tiles send for one layer in one inference (mean over the samples), with tiles at `places`; nothing
    /// without `[interconnect]`.
    pub fn load(&self, plan: &Plan, hardware: &Hardware, layer: usize, places: &[u32]) -> Load {
        let (Some(traffic), Some(interconnect)) = (&plan.traffic, hardware.interconnect()) else {
            return Load::default();
        };
        let send = interconnect.carrying().send_zeros;
        traffic.load(layer, places, interconnect, |message| message.bytes(self.non_zeros(message), send))
    }

    /// Puts bytes through the routers and links that messages pass in place of one router for every byte.
    pub(crate) fn count_messages(&self, plan: &Plan, hardware: &Hardware, events: &mut [Events]) {
        let Some(traffic) = &plan.traffic else { return };
        for (i, events) in events.iter_mut().enumerate() {
            let samples = self.layers.get(i).map_or(0, |l| l.samples) as f64;
            let load = self.load(plan, hardware, i, &traffic.places);
            events.set(Event::RouterByte, load.router_bytes * samples);
            events.set(Event::LinkByte, load.link_bytes * samples);
        }
    }
}
