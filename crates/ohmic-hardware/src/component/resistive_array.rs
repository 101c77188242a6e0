//! The cells of a crossbar of resistors: they draw what Ohm's law says.

use super::{ComponentModel, CostModel, Level, Machine, OneEvent, OutsideValidity, SOURCE};
use crate::event::Event;
use ohmic_config::{Dimension, KeyDoc, Kind};

const CELL_AREA: KeyDoc = KeyDoc::quantity("cell_area", Dimension::Area, "area of one cell").at_least(0.0);

pub(super) const KIND: Kind<dyn ComponentModel> = Kind {
    name: "resistive_array",
    summary: "cells at the exact ohmic energy of the data, sum of v^2 g t; area per cell",
    example: "cell_area = \"0.0256 um2\"\nsource = \"4 F^2 at F = 80 nm\"",
    quiet: None,
    keys: &[SOURCE, CELL_AREA],
    build: |s| Ok(Box::new(ResistiveArray { cell_area_m2: s.quantity(&CELL_AREA)? })),
};

#[derive(Debug)]
struct ResistiveArray {
    cell_area_m2: f64,
}

impl ComponentModel for ResistiveArray {
    fn per(&self) -> Level {
        Level::Crossbar
    }

    fn fit(&self, machine: &Machine<'_>) -> Result<Box<dyn CostModel>, OutsideValidity> {
        if let Some(volt) = machine.supply_volt {
            return Err(OutsideValidity {
                key: "device.kind",
                value: format!("charge at {volt} V"),
                valid: "its cells draw no ohmic current: `charge_array` prices them".to_owned(),
            });
        }
        let cells = machine.crossbar.rows as f64 * machine.crossbar.cols as f64;
        // execution hands over joules; they are charged as they are
        Ok(Box::new(OneEvent {
            event: Event::CellRead,
            energy_joule: 1.0,
            area_m2: cells * self.cell_area_m2,
        }))
    }
}
