//! The cells of a crossbar of capacitors: switching energy per driven row, no ohmic current.

use super::{ComponentModel, CostModel, Level, Machine, OutsideValidity, SOURCE};
use crate::event::Event;
use ohmic_config::{Dimension, KeyDoc, Kind};

const CELL_AREA: KeyDoc = KeyDoc::quantity("cell_area", Dimension::Area, "area of one cell").at_least(0.0);
const ROW_ENERGY: KeyDoc = KeyDoc::quantity(
    "row_energy",
    Dimension::Energy,
    "energy of one row in one read: its driver and the capacitors of all its columns",
)
.at_least(0.0);

pub(super) const KIND: Kind<dyn ComponentModel> = Kind {
    name: "charge_array",
    summary: "charge-domain cells at a fixed energy a driven row, whatever the data; area per cell",
    example: "cell_area = \"1.7 um2\"\nrow_energy = \"2.7 pJ\"\nsource = \"CAP-RAM, JSSC 2021\"",
    quiet: None,
    keys: &[SOURCE, CELL_AREA, ROW_ENERGY],
    build: |s| {
        Ok(Box::new(ChargeArray {
            cell_area_m2: s.quantity(&CELL_AREA)?,
            row_energy_joule: s.quantity(&ROW_ENERGY)?,
        }))
    },
};

#[derive(Debug)]
struct ChargeArray {
    cell_area_m2: f64,
    row_energy_joule: f64,
}

impl ComponentModel for ChargeArray {
    fn per(&self) -> Level {
        Level::Crossbar
    }

    fn fit(&self, machine: &Machine<'_>) -> Result<Box<dyn CostModel>, OutsideValidity> {
        let cells = machine.crossbar.rows as f64 * machine.crossbar.cols as f64;
        Ok(Box::new(Fitted { area_m2: cells * self.cell_area_m2, row_energy_joule: self.row_energy_joule }))
    }
}

#[derive(Debug)]
struct Fitted {
    area_m2: f64,
    row_energy_joule: f64,
}

impl CostModel for Fitted {
    fn area_m2(&self) -> f64 {
        self.area_m2
    }

    fn leakage_watt(&self) -> f64 {
        0.0
    }

    fn energy_joule(&self, event: Event) -> Option<f64> {
        match event {
            Event::RowDrive => Some(self.row_energy_joule),
            // claimed, at nothing: there is no ohmic current in this array
            Event::CellRead => Some(0.0),
            _ => None,
        }
    }
}
