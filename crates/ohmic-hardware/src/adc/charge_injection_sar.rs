//! Successive approximation that takes charge away in unary packets (CAP-RAM).

use super::Adc;
use super::shared::{BITS, Converter, Decisions, OWN, SIGMA_LSB, by_halves, with_shared_keys};
use super::transfer::Instance;
use ohmic_config::{Error, KeyDoc, Kind, Section};

const CELLS: KeyDoc = KeyDoc::integer(
    "cells",
    1,
    1024,
    "unary injection cells, a power of two; a step larger than all of them uses them again",
)
.source("CAP-RAM, JSSC 2021: 16 cells at 7 bits, the largest step uses them twice");
const CELL_SIGMA: KeyDoc = KeyDoc::number(
    "cell_sigma",
    "standard deviation of the charge of an injection cell, as a fraction of it",
)
.at_least(0.0)
.below(0.3);
const DROOP: KeyDoc = KeyDoc::number(
    "droop",
    "fraction by which a cell takes less charge from a line from which half the range was already taken",
)
.at_least(0.0)
.below(0.5)
.optional("0, a cell takes the same charge at any voltage");
const ENOB: KeyDoc = KeyDoc::number(
    "enob",
    "effective bits of a conversion that only noise keeps from being ideal: instead of sigma_lsb",
)
.above(0.5)
.at_most(12.0)
.optional("sigma_lsb says what the noise is")
.source("CAP-RAM, JSSC 2021: 6.85 of 7 bits in transient-noise simulation");

pub(super) const KIND: Kind<dyn Adc> = Kind {
    name: "charge_injection_sar",
    summary: "successive approximation whose steps are packets of charge from unary cells (CAP-RAM)",
    example: "bits = 7\nrange = \"full_scale\"\ncells = 16\ncell_sigma = 0.02\nenob = 6.85\noffset_sigma_lsb = 1.0\n\
              gain_sigma = 0.02\ncalibration = \"two_step\"",
    quiet: Some("bits = 12\nrange = \"full_scale\"\ncells = 512\ncell_sigma = 0.0\nunused_codes = \"allow\""),
    keys: with_shared_keys![BITS, CELLS, CELL_SIGMA, DROOP, ENOB],
    build,
};

fn build(s: &Section<'_>) -> Result<Box<dyn Adc>, Error> {
    let bits = s.integer(&BITS)?;
    let cells = s.integer(&CELLS)?;
    if !cells.is_power_of_two() {
        let problem = format!("{cells} cells cannot make steps of 1, 2, 4, ...");
        return Err(s.invalid("cells", problem, vec![], Some("a power of two".to_owned())));
    }
    let decides =
        ChargeInjection { cells, sigma: s.number(&CELL_SIGMA)?, droop: s.number_if(&DROOP)?.unwrap_or(0.0) };
    let mut converter = Converter::read(s, bits, decides)?;
    if let Some(enob) = s.number_if(&ENOB)? {
        if s.has(&SIGMA_LSB) {
            let also = vec![(s.place_of("sigma_lsb").clone(), "says the same".to_owned())];
            let help = Some("keep one of the two".to_owned());
            return Err(s.invalid("enob", "the noise is given twice".to_owned(), also, help));
        }
        if enob > f64::from(bits) {
            let problem = format!("{enob} effective bits are more than a code has");
            let also = vec![(s.place_of("bits").clone(), format!("{bits} bits"))];
            return Err(s.invalid("enob", problem, also, Some(format!("at most {bits}"))));
        }
        converter.sigma_lsb = sigma_of_enob(bits, enob) as f32;
    }
    Ok(Box::new(converter))
}

/// Noise (in steps) with which rounding to `bits` bits has so many effective bits: the error's power is
/// `1/12 + σ² = 4^(bits - enob) / 12`.
fn sigma_of_enob(bits: u32, enob: f64) -> f64 {
    ((libm::exp2(2.0 * (f64::from(bits) - enob)) - 1.0) / 12.0).max(0.0).sqrt()
}

/// Model: the difference of two lines is compared with zero; the higher one loses a packet of `2^(b-2)` units, then
/// one of half as many, down to one, and each comparison is a bit. A packet of `2^i` units is the charge of the first
/// `2^i` cells, or of all of them several times; a cell takes `1 + σ z`, less `droop · (taken from that line) / 2^(b-1)`.
///
/// Comparator offset and noise are the shared keys, or `enob`: one draw a conversion. Left out: charge that a
/// comparison kicks back, and the common mode's effect on the comparator.
#[derive(Debug)]
struct ChargeInjection {
    cells: u32,
    sigma: f64,
    droop: f64,
}

impl Decisions for ChargeInjection {
    fn is_uniform(&self) -> bool {
        self.sigma <= 0.0 && self.droop <= 0.0
    }

    fn decisions(&self, bits: u32, converter: Instance<'_>) -> Vec<f64> {
        let cell: Vec<f64> = (0..self.cells).map(|i| 1.0 + self.sigma * converter.normal(OWN + i)).collect();
        let all: f64 = cell.iter().sum();
        let half = f64::from(1u32 << (bits - 1));
        let packet = |units: u32| -> f64 {
            if units <= self.cells {
                cell[..units as usize].iter().sum()
            } else {
                all * f64::from(units / self.cells)
            }
        };
        let packets: Vec<f64> = (0..bits.saturating_sub(1)).map(|i| packet(1 << i)).collect();
        // the trial that tells `code` from the one below: the path of comparisons that leads there
        let zeros = |code: u32| code.trailing_zeros();
        by_halves(bits, &|code| {
            let (mut threshold, mut taken) = (0.0, [0.0f64; 2]);
            for i in (zeros(code)..bits - 1).rev() {
                // the bit above says which line was higher, and lost the packet
                let high = code >> (i + 1) & 1 == 1;
                let line = &mut taken[usize::from(high)];
                let charge = packets[i as usize] * (1.0 - self.droop * *line / half);
                *line += charge;
                threshold += if high { charge } else { -charge };
            }
            half - 0.5 + threshold
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adc::measure::{enob, worst_inl};
    use crate::adc::transfer::{nominal_decisions, transfers};
    use ohmic_numerics::{Noise, Seed};

    fn cap_ram(more: &str) -> Box<dyn Adc> {
        let text = format!("bits = 7\nrange = \"full_scale\"\ncells = 16\n{more}");
        KIND.build_text(&text).unwrap()
    }

    fn all(adc: &dyn Adc, noise: &Noise, crossbar: u32, adcs: u32) -> Vec<Vec<f64>> {
        let imperfection = adc.imperfection().unwrap();
        (0..adcs).map(|index| imperfection.decisions(Instance { noise, crossbar, index })).collect()
    }

    /// With cells that match, the search by packets decides where a uniform converter does, whatever the number of
    /// cells.
    #[test]
    fn equal_cells_make_a_uniform_converter() {
        for (bits, cells) in [(1, 1), (2, 1), (3, 4), (7, 16), (7, 1), (7, 32), (9, 16)] {
            let decides = ChargeInjection { cells, sigma: 0.0, droop: 0.0 };
            let noise = Noise::new(Seed(1));
            let d = decides.decisions(bits, Instance { noise: &noise, crossbar: 0, index: 0 });
            assert_eq!(d, nominal_decisions(bits), "{bits} bits, {cells} cells");
        }
    }

    /// The quarter codes stand where one packet of 32 leads: all 16 cells, twice, so their sigma is 2 sqrt(16) sigma =
    /// 8 sigma, and mid code has none. 3000 converters: 5 standard errors are 6.5 %.
    #[test]
    fn the_largest_packet_uses_its_cells_twice() {
        let adc = cap_ram("cell_sigma = 0.02");
        let noise = Noise::new(Seed(8));
        let decisions = all(adc.as_ref(), &noise, 2, 3000);
        let sigma = (decisions.iter().map(|d| (d[95] - 95.5).powi(2)).sum::<f64>() / 3000.0).sqrt();
        assert!((sigma / 0.16 - 1.0).abs() < 0.065, "{sigma}");
        assert!(decisions.iter().all(|d| d[63].to_bits() == 63.5f64.to_bits() && d.is_sorted()));
    }

    /// Published: ENOB 6.85 in a simulation of transient noise; here from the transfer and its noise under a sine of
    /// full scale.
    #[test]
    fn enob_is_what_was_asked_for() {
        let adc = cap_ram("cell_sigma = 0.0\nenob = 6.85");
        assert!(adc.imperfection().is_none());
        let t = &transfers(&[nominal_decisions(7)], 0, None, super::super::transfer::Calibrated::No, 0)[0];
        let got = enob(t, 0, f64::from(adc.sigma_lsb()));
        assert!((got - 6.85).abs() < 0.04, "{got}");
        // (4^0.15 - 1) / 12 = 0.019262
        assert!((f64::from(adc.sigma_lsb()) - 0.138_79).abs() < 1e-4, "{}", adc.sigma_lsb());
    }

    /// Published: system error below 2 LSB after calibration in two steps, over 32 converters. Offsets of a step, gains
    /// of 2 %, cells of 2 % and 10 % droop are far off before.
    #[test]
    fn linearity_is_below_two_steps_after_calibration() {
        let adc = cap_ram(
            "cell_sigma = 0.02\ndroop = 0.1\nenob = 6.85\noffset_sigma_lsb = 1.0\ngain_sigma = 0.02\n\
             calibration = \"two_step\"",
        );
        let noise = Noise::new(Seed(3));
        let imperfection = adc.imperfection().unwrap();
        let (mut before, mut after) = (0f64, 0f64);
        for crossbar in 0..8 {
            let decisions = all(adc.as_ref(), &noise, crossbar, 32);
            let raw = transfers(&decisions, 0, None, super::super::transfer::Calibrated::No, 0);
            let fraction = imperfection.fraction_bits();
            let corrected = transfers(&decisions, 0, None, imperfection.calibrated(), fraction);
            for (raw, corrected) in raw.iter().zip(&corrected) {
                before = before.max(worst_inl(raw, 0));
                after = after.max(worst_inl(corrected, fraction));
            }
        }
        assert!(before > 3.0, "{before}");
        assert!(after < 2.0, "{after}");
    }

    #[test]
    fn noise_is_given_once() {
        for (text, wants) in [
            ("cell_sigma = 0.0\nenob = 6.8\nsigma_lsb = 0.1", "given twice"),
            ("cell_sigma = 0.0\nenob = 7.5", "more than a code has"),
        ] {
            let text = format!("bits = 7\nrange = \"max\"\ncells = 16\n{text}");
            let e = KIND.build_text(&text).unwrap_err().to_string();
            assert!(e.contains(wants), "{e}");
        }
        let text = "bits = 7\nrange = \"max\"\ncells = 12\ncell_sigma = 0.0";
        assert!(KIND.build_text(text).unwrap_err().to_string().contains("power of two"));
    }
}
