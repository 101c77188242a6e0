//! The converter of ISAAC at 4 to 10 bits.

use super::{ComponentModel, CostModel, Level, Machine, OneEvent, OutsideValidity, SOURCE};
use crate::event::Event;
use ohmic_config::{KeyDoc, Kind};

const ENERGY_SCALE: KeyDoc = KeyDoc::number(
    "energy_scale",
    "factor on the energy of the table that meets a published converter; `source` says which",
)
.above(0.0)
.optional("1");

pub(super) const KIND: Kind<dyn ComponentModel> = Kind {
    name: "adc_isaac_2016",
    summary: "table for 4 to 10 bits at 32 nm and up to 1.28 GS/s, as used with ISAAC",
    example: "source = \"ISAAC, ISCA 2016; accelergy-library-plug-in\"",
    quiet: None,
    keys: &[SOURCE, ENERGY_SCALE],
    build: |s| Ok(Box::new(AdcIsaac2016 { energy_scale: s.number_if(&ENERGY_SCALE)?.unwrap_or(1.0) })),
};

/// (bits, pJ a conversion, um2). The capacitive part grows exponentially, the rest linearly.
///
/// Source: Accelergy-Project/accelergy-library-plug-in, ISAAC library; 8 bits is Table I of ISAAC,
/// ISCA 2016 (2 mW at 1.2 GS/s, 1200 um2).
const TABLE: [(u32, f64, f64); 7] = [
    (4, 0.79, 361.0),
    (5, 0.99, 477.0),
    (6, 1.20, 627.0),
    (7, 1.42, 845.0),
    (8, 1.67, 1200.0),
    (9, 1.97, 1828.0),
    (10, 2.38, 3002.0),
];
const RATE_MAX_HZ: f64 = 1.28e9;

#[derive(Debug)]
struct AdcIsaac2016 {
    energy_scale: f64,
}

impl ComponentModel for AdcIsaac2016 {
    fn per(&self) -> Level {
        Level::Adc
    }

    fn fit(&self, machine: &Machine<'_>) -> Result<Box<dyn CostModel>, OutsideValidity> {
        if machine.crossbar.adc_rate_hz > RATE_MAX_HZ {
            return Err(OutsideValidity {
                key: "crossbar.adc_rate",
                value: format!("{} GHz", machine.crossbar.adc_rate_hz / 1e9),
                valid: "the table is for up to 1.28 GHz; `adc_regression` knows faster ones".to_owned(),
            });
        }
        let row = TABLE.iter().find(|(bits, ..)| *bits == machine.adc_bits).ok_or(OutsideValidity {
            key: "adc.bits",
            value: machine.adc_bits.to_string(),
            valid: "the table has 4 to 10 bits; `adc_zigzag` knows 1 to 11, `adc_regression` 4 and more"
                .to_owned(),
        })?;
        Ok(Box::new(OneEvent {
            event: Event::Conversion,
            energy_joule: row.1 * 1e-12 * self.energy_scale,
            area_m2: row.2 * 1e-12,
        }))
    }
}
