//! The converter of ZigZag-IMC: a closed form in bits and supply voltage.

use super::{ComponentModel, CostModel, Level, Machine, OneEvent, OutsideValidity, SOURCE};
use crate::event::Event;
use ohmic_config::{Dimension, KeyDoc, Kind};

const VDD: KeyDoc = KeyDoc::quantity("vdd", Dimension::Voltage, "supply voltage").at_least(0.4).at_most(1.5);

pub(super) const KIND: Kind<dyn ComponentModel> = Kind {
    name: "adc_zigzag",
    summary: "closed form of ZigZag-IMC for 1 to 11 bits, over supply voltage",
    example: "vdd = \"0.9 V\"\nsource = \"KULeuven-MICAS/zigzag-imc\"",
    quiet: None,
    keys: &[SOURCE, VDD],
    build: |s| Ok(Box::new(AdcZigzag { vdd_volt: s.quantity(&VDD)? })),
};

/// E = (100 b + 0.001 4^b) Vdd^2 fJ; area = 10^(1.206 - 0.0369 b) 2^b um2.
///
/// Source: KULeuven-MICAS/zigzag-imc, 28 nm. Left out: dependence on rate and node.
fn price(bits: u32, vdd_volt: f64) -> (f64, f64) {
    let b = f64::from(bits);
    let energy_fj = (100.0 * b + 0.001 * libm::pow(4.0, b)) * vdd_volt * vdd_volt;
    let area_um2 = libm::pow(10.0, 1.206 - 0.0369 * b) * libm::pow(2.0, b);
    (energy_fj * 1e-15, area_um2 * 1e-12)
}

#[derive(Debug)]
struct AdcZigzag {
    vdd_volt: f64,
}

impl ComponentModel for AdcZigzag {
    fn per(&self) -> Level {
        Level::Adc
    }

    fn fit(&self, machine: &Machine<'_>) -> Result<Box<dyn CostModel>, OutsideValidity> {
        if !(1..=11).contains(&machine.adc_bits) {
            return Err(OutsideValidity {
                key: "adc.bits",
                value: machine.adc_bits.to_string(),
                valid: "the form is for 1 to 11 bits".to_owned(),
            });
        }
        let (energy_joule, area_m2) = price(machine.adc_bits, self.vdd_volt);
        Ok(Box::new(OneEvent { event: Event::Conversion, energy_joule, area_m2 }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hand: 8 bits at 1 V: 800 + 0.001 * 65536 = 865.536 fJ; 10^(1.206 - 0.2952) = 10^0.9108 =
    /// 8.1433, times 256 = 2084.7 um2.
    #[test]
    fn eight_bits_by_hand() {
        let (energy, area) = price(8, 1.0);
        assert!((energy * 1e15 - 865.536).abs() < 1e-9);
        assert!((area * 1e12 - 2084.7).abs() < 0.1, "{area}");
        assert!((price(8, 0.5).0 / energy - 0.25).abs() < 1e-12);
    }
}
