//! A converter as good as the better ones published: a regression over bits, rate and node.

use super::{ComponentModel, CostModel, Level, Machine, OneEvent, OutsideValidity, SOURCE};
use crate::event::Event;
use ohmic_config::{Dimension, KeyDoc, Kind};

const FIT: &str = "Andrulis and Chen, accelergy-adc-plug-in: fit to Murmann's ADC survey 1997-2023";
const NODE: KeyDoc =
    KeyDoc::quantity("node", Dimension::Length, "technology node").at_least(7e-9).at_most(350e-9).source(FIT);
const ENERGY_SCALE: KeyDoc = KeyDoc::number(
    "energy_scale",
    "factor on the fitted energy that meets a published converter; `source` says which",
)
.above(0.0)
.optional("1");
const AREA_SCALE: KeyDoc = KeyDoc::number(
    "area_scale",
    "factor on the fitted area that meets a published converter; `source` says which",
)
.above(0.0)
.optional("1");

pub(super) const KIND: Kind<dyn ComponentModel> = Kind {
    name: "adc_regression",
    summary: "energy and area fitted to Murmann's survey, over bits (4 and more), rate and node",
    example: "node = \"32 nm\"\nsource = \"accelergy-adc-plug-in\"",
    quiet: None,
    keys: &[SOURCE, NODE, ENERGY_SCALE, AREA_SCALE],
    build: |s| {
        Ok(Box::new(AdcRegression {
            node_m: s.quantity(&NODE)?,
            energy_scale: s.number_if(&ENERGY_SCALE)?.unwrap_or(1.0),
            area_scale: s.number_if(&AREA_SCALE)?.unwrap_or(1.0),
        }))
    },
};

/// Energy per conversion (joule) and area (m2) of one converter of `bits` bits at `rate_hz`.
///
/// Optimistic by construction: best 20 % in energy, best 10 % in area. Source: the fit named in
/// [`NODE`], with its full-precision coefficients.
fn price(bits: u32, rate_hz: f64, node_m: f64) -> (f64, f64) {
    let (bits, node_nm) = (f64::from(bits), node_m * 1e9);
    let sndr_db = 6.0206 * bits + 1.7609;
    let by_rate = 213.780_668_734_811_8 - 2.871_903_039_952_995_7 * libm::log(rate_hz);
    let by_bits = 128.306_828_739_881_7 + (131.527_340_250_859_25 - 128.306_828_739_881_7) * libm::ceil(bits);
    let fom_db = by_rate.min(by_bits);
    let at_infinite_node_joule = 1.0 / (2.0 * libm::pow(10.0, (fom_db - sndr_db) / 10.0));
    let energy_pj = at_infinite_node_joule
        * libm::exp(
            26.049_621_568_651_8 + 1.880_036_920_681_500_4 * libm::log(node_nm)
                - 2.829_125_605_059_452_7 * libm::log(bits)
                - 1.470_202_213_378_440_5,
        );
    let area_um2 = libm::exp(
        1.346_191_643_991_074_2
            + 0.993_279_474_474_502_2 * libm::log(node_nm)
            + 0.180_715_384_245_082_38 * libm::log(rate_hz)
            + 0.299_124_261_926_534_85 * libm::log(energy_pj),
    );
    (energy_pj * 1e-12, area_um2 * 1e-12)
}

#[derive(Debug)]
struct AdcRegression {
    node_m: f64,
    energy_scale: f64,
    area_scale: f64,
}

impl ComponentModel for AdcRegression {
    fn per(&self) -> Level {
        Level::Adc
    }

    fn fit(&self, machine: &Machine<'_>) -> Result<Box<dyn CostModel>, OutsideValidity> {
        if !(4..=16).contains(&machine.adc_bits) {
            return Err(OutsideValidity {
                key: "adc.bits",
                value: machine.adc_bits.to_string(),
                valid: "the fit is for 4 to 16 bits; `adc_zigzag` knows 1 to 11".to_owned(),
            });
        }
        let rate_hz = machine.crossbar.adc_rate_hz;
        if rate_hz > 1e10 {
            return Err(OutsideValidity {
                key: "crossbar.adc_rate",
                value: format!("{} GHz", rate_hz / 1e9),
                valid: "the fit is for up to 10 GHz".to_owned(),
            });
        }
        let (energy_joule, area_m2) = price(machine.adc_bits, rate_hz, self.node_m);
        Ok(Box::new(OneEvent {
            event: Event::Conversion,
            energy_joule: energy_joule * self.energy_scale,
            area_m2: area_m2 * self.area_scale,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Printed by the plug-in's own code (accelergy-adc-plug-in), to four digits or an integer.
    #[test]
    fn values_of_the_plug_in() {
        for (node, bits, rate, pj, um2) in [
            (65e-9, 4, 1e7, 3.501, 6504.0),
            (65e-9, 4, 1.28e9, 3.501, 15630.0),
            (65e-9, 6, 1e8, 4.036, 10289.0),
            (65e-9, 8, 1e9, 6.494, 17983.0),
            (65e-9, 8, 1.28e9, 7.311, 19482.0),
            (32e-9, 4, 1e9, 0.924, 4964.0),
            (32e-9, 6, 1e7, 1.065, 2254.0),
            (32e-9, 8, 1.28e9, 1.929, 6469.0),
            (32e-9, 9, 1e9, 4.697, 8074.0),
            (32e-9, 10, 1e9, 13.945, 11180.0),
            (32e-9, 10, 1.28e9, 16.418, 12275.0),
            (22e-9, 8, 1e8, 0.847, 2199.0),
        ] {
            let (energy, area) = price(bits, rate, node);
            assert!((energy * 1e12 - pj).abs() <= 6e-4, "{node} {bits} {rate}: {energy}, expected {pj} pJ");
            assert!((area * 1e12 - um2).abs() <= 0.6, "{node} {bits} {rate}: {area}, expected {um2} um2");
        }
    }
}
