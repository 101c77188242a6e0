//! The input driver of MNSIM: power and area double with every bit.

use super::{ComponentModel, CostModel, Level, Machine, OneEvent, OutsideValidity, SOURCE};
use crate::event::Event;
use ohmic_config::Kind;

pub(super) const KIND: Kind<dyn ComponentModel> = Kind {
    name: "dac_mnsim",
    summary: "driver of 1 to 8 bits: power and area of ISAAC's 1-bit driver, doubled with every bit",
    example: "source = \"thu-nics/MNSIM-2.0\"",
    quiet: None,
    keys: &[SOURCE],
    build: |_| Ok(Box::new(DacMnsim)),
};

/// One driver a row: 3.9 uW 2^(b-1) while it drives (`crossbar.t_read`), 0.166 um2 2^(b-1).
///
/// Source: thu-nics/MNSIM-2.0; 1 bit is ISAAC, ISCA 2016, Table I. Left out: dependence on load.
#[derive(Debug)]
struct DacMnsim;

impl ComponentModel for DacMnsim {
    fn per(&self) -> Level {
        Level::Row
    }

    fn fit(&self, machine: &Machine<'_>) -> Result<Box<dyn CostModel>, OutsideValidity> {
        if !(1..=8).contains(&machine.dac_bits) {
            return Err(OutsideValidity {
                key: "dac.bits",
                value: machine.dac_bits.to_string(),
                valid: "the model is for 1 to 8 bits".to_owned(),
            });
        }
        let doubled = f64::from(1u32 << (machine.dac_bits - 1));
        Ok(Box::new(OneEvent {
            event: Event::RowDrive,
            energy_joule: 3.9e-6 * doubled * machine.crossbar.t_read_s,
            area_m2: 0.166e-12 * doubled,
        }))
    }
}
