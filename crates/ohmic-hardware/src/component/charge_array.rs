//! The cells of a crossbar of capacitors: switching energy per driven row, no ohmic current.

use super::{ComponentModel, CostModel, Level, Machine, OutsideValidity, SOURCE};
use crate::event::Event;
use crate::spec::Conditions;
use ohmic_config::{Dimension, KeyDoc, Kind};

const CELL_AREA: KeyDoc = KeyDoc::quantity("cell_area", Dimension::Area, "area of one cell").at_least(0.0);
const ROW_ENERGY: KeyDoc = KeyDoc::quantity(
    "row_energy",
    Dimension::Energy,
    "energy of one row in one read: its driver and the capacitors of all its columns",
)
.at_least(0.0);

const AT_VOLTAGE: KeyDoc = KeyDoc::quantity(
    "at_voltage",
    Dimension::Voltage,
    "supply that `row_energy` holds for; that of the device counts by its square",
)
.above(0.0)
.optional("row_energy holds for any supply");
const LEAKAGE: KeyDoc = KeyDoc::quantity(
    "leakage",
    Dimension::Power,
    "leakage of the array at 300 K; it doubles every 10 K (rule of thumb)",
)
.at_least(0.0)
.optional("0 W");

pub(super) const KIND: Kind<dyn ComponentModel> = Kind {
    name: "charge_array",
    summary: "charge-domain cells at a fixed energy a driven row, whatever the data; area per cell",
    example: "cell_area = \"1.7 um2\"\nrow_energy = \"2.7 pJ\"\nsource = \"CAP-RAM, JSSC 2021\"",
    quiet: None,
    keys: &[SOURCE, CELL_AREA, ROW_ENERGY, AT_VOLTAGE, LEAKAGE],
    build: |s| {
        Ok(Box::new(ChargeArray {
            cell_area_m2: s.quantity(&CELL_AREA)?,
            row_energy_joule: s.quantity(&ROW_ENERGY)?,
            at_volt: s.quantity_if(&AT_VOLTAGE)?,
            leakage_watt: s.quantity_if(&LEAKAGE)?.unwrap_or(0.0),
        }))
    },
};

#[derive(Debug)]
struct ChargeArray {
    cell_area_m2: f64,
    row_energy_joule: f64,
    at_volt: Option<f64>,
    leakage_watt: f64,
}

impl ComponentModel for ChargeArray {
    fn per(&self) -> Level {
        Level::Crossbar
    }

    fn fit(&self, machine: &Machine<'_>) -> Result<Box<dyn CostModel>, OutsideValidity> {
        let cells = machine.crossbar.rows as f64 * machine.crossbar.cols as f64;
        let scale = match (self.at_volt, machine.supply_volt) {
            (None, _) => 1.0,
            (Some(at), Some(supply)) => (supply / at).powi(2),
            (Some(at), None) => {
                return Err(OutsideValidity {
                    key: "device.kind",
                    value: format!("no supply to compare with {at} V"),
                    valid: "leave `at_voltage` out, or take a device that has a supply (sram_charge)"
                        .to_owned(),
                });
            }
        };
        let warm = libm::exp2((machine.temperature_kelvin - Conditions::ROOM_KELVIN) / 10.0);
        Ok(Box::new(Fitted {
            area_m2: cells * self.cell_area_m2,
            row_energy_joule: self.row_energy_joule * scale,
            leakage_watt: self.leakage_watt * warm,
        }))
    }
}

#[derive(Debug)]
struct Fitted {
    area_m2: f64,
    row_energy_joule: f64,
    leakage_watt: f64,
}

impl CostModel for Fitted {
    fn area_m2(&self) -> f64 {
        self.area_m2
    }

    fn leakage_watt(&self) -> f64 {
        self.leakage_watt
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
