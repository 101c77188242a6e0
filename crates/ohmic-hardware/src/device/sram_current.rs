//! SRAM that computes with current: every bit that is there and driven discharges the bit line.

use super::sram::{self, Surroundings};
use super::{DeviceModel, Patch, Window};
use crate::adc::transfer::BitLine;
use crate::component::OutsideValidity;
use crate::variation::VariationModel;
use ohmic_config::{Dimension, KeyDoc, Kind};

const V_DRIVE: KeyDoc =
    KeyDoc::quantity("v_drive", Dimension::Voltage, "voltage of a driven word line: the supply of the array")
        .above(0.0);
const V_THRESHOLD: KeyDoc = KeyDoc::quantity(
    "v_threshold",
    Dimension::Voltage,
    "threshold voltage of the transistors that discharge the bit line",
)
.above(0.0);
const SIGMA_THRESHOLD: KeyDoc = KeyDoc::quantity(
    "sigma_threshold",
    Dimension::Voltage,
    "standard deviation of that voltage from cell to cell; once a chip",
)
.at_least(0.0)
.at_most(0.2);
const ALPHA: KeyDoc = KeyDoc::number("alpha", "exponent of the current: I = k (v_drive - v_threshold)^alpha")
    .at_least(1.0)
    .at_most(2.0)
    .optional("1.3")
    .source("alpha-power law: Sakurai and Newton, JSSC 1990; 1.3 is their short-channel value");
const SECOND_ORDER: KeyDoc = KeyDoc::number(
    "second_order",
    "what a full read loses to the bit line's own voltage, second order: sum (1 - second (sum / full) - third (sum / full)^2)",
)
.at_least(0.0)
.at_most(0.4)
.optional("0");
const THIRD_ORDER: KeyDoc =
    KeyDoc::number("third_order", "the same, third order").at_least(0.0).at_most(0.3).optional("0");
const LINE_CAPACITOR: KeyDoc =
    KeyDoc::quantity("line_capacitor", Dimension::Capacitance, "capacitance of a bit line: its kT/C noise")
        .above(0.0)
        .optional("no thermal noise");
const FULL_SWING: KeyDoc =
    KeyDoc::quantity("full_swing", Dimension::Voltage, "voltage that a full read discharges the bit line by")
        .above(0.0)
        .optional("only line_capacitor uses it");

pub(super) const KIND: Kind<dyn DeviceModel> = Kind {
    name: "sram_current",
    summary: "SRAM that discharges its bit lines: threshold mismatch, compressive discharge, kT/C",
    example: "v_drive = \"0.8 V\"\nv_threshold = \"0.4 V\"\nsigma_threshold = \"20 mV\"\nsecond_order = 0.1",
    quiet: Some("v_drive = \"0.8 V\"\nv_threshold = \"0.4 V\"\nsigma_threshold = \"0 V\""),
    keys: &[
        V_DRIVE,
        V_THRESHOLD,
        SIGMA_THRESHOLD,
        ALPHA,
        SECOND_ORDER,
        THIRD_ORDER,
        LINE_CAPACITOR,
        FULL_SWING,
    ],
    build: |s| {
        let (v_drive_volt, v_threshold_volt) = (s.quantity(&V_DRIVE)?, s.quantity(&V_THRESHOLD)?);
        if v_drive_volt <= v_threshold_volt {
            let also = vec![(s.place_of("v_threshold").clone(), "the threshold".to_owned())];
            let help = Some("the model is that of transistors that are on".to_owned());
            return Err(s.invalid("v_drive", "not above `v_threshold`".to_owned(), also, help));
        }
        let line_farad = s.quantity_if(&LINE_CAPACITOR)?;
        let full_swing_volt = match (line_farad, s.quantity_if(&FULL_SWING)?) {
            // asks for it in the words of a missing key
            (Some(_), None) => s.quantity(&FULL_SWING)?,
            (_, swing) => swing.unwrap_or(1.0),
        };
        let line = Line {
            second: s.number_if(&SECOND_ORDER)?.unwrap_or(0.0),
            third: s.number_if(&THIRD_ORDER)?.unwrap_or(0.0),
            sigma: 0.0,
        };
        if line.slope(1.0) < 0.05 {
            let also = vec![(s.place_of("second_order").clone(), format!("{}", line.second))];
            let help = Some("second_order and 1.5 times third_order together at most 0.475".to_owned());
            return Err(s.invalid("third_order", "a full read discharges no further".to_owned(), also, help));
        }
        Ok(Box::new(SramCurrent {
            v_drive_volt,
            threshold: Threshold {
                overdrive_volt: v_drive_volt - v_threshold_volt,
                sigma_volt: s.quantity(&SIGMA_THRESHOLD)?,
                alpha: s.number_if(&ALPHA)?.unwrap_or(1.3),
            },
            line_farad,
            full_swing_volt,
            line,
        }))
    },
};

/// Model: a driven bit draws `((v_drive - v_threshold - sigma z) / (v_drive - v_threshold))^alpha` of a level; the
/// bit line falls by `sum (1 - a (sum / full) - b (sum / full)^2)` and, beyond a full read, by the slope there;
/// kT / C of noise. Differences of lines are bent like their sums.
///
/// Units: a level is 1; it is no conductance. Valid: cells of one bit, transistors that are on.
/// Randomness: one draw a cell, once a chip (`Purpose::Device`), whatever is written; kT/C with the converter's
/// noise, once a conversion.
/// Left out: cells that flip when they are read, pull-up, the shape of word-line pulses, thresholds that fall with
/// temperature (converters are taken to follow).
#[derive(Debug)]
struct SramCurrent {
    v_drive_volt: f64,
    threshold: Threshold,
    line_farad: Option<f64>,
    full_swing_volt: f64,
    line: Line,
}

#[derive(Clone, Copy, Debug)]
struct Threshold {
    overdrive_volt: f64,
    sigma_volt: f64,
    alpha: f64,
}

impl VariationModel for Threshold {
    fn apply(&self, g_siemens: &mut [f32], patch: &Patch<'_>) {
        for (cell, g) in g_siemens.iter_mut().enumerate() {
            let (row, bit_line) = patch.place(cell);
            let volt = self.sigma_volt * sram::deviate(patch, row, bit_line);
            let overdrive = (1.0 - volt / self.overdrive_volt).max(0.0);
            *g = (f64::from(*g) * libm::pow(overdrive, self.alpha)) as f32;
        }
    }
}

/// What stands between the sum and the converter.
#[derive(Clone, Copy, Debug)]
struct Line {
    second: f64,
    third: f64,
    /// kT/C noise, relative to the voltage of a full read.
    sigma: f64,
}

impl Line {
    fn slope(&self, part: f64) -> f64 {
        1.0 - 2.0 * self.second * part - 3.0 * self.third * part * part
    }
}

impl BitLine for Line {
    fn seen(&self, sum: f64, full: f64) -> f64 {
        let part = sum.abs() / full;
        let inside = part.min(1.0);
        let bent = inside * (1.0 - self.second * inside - self.third * inside * inside);
        (bent + (part - inside) * self.slope(1.0)).copysign(sum) * full
    }

    fn sigma_levels(&self, full: f64) -> f64 {
        self.sigma * full
    }
}

impl DeviceModel for SramCurrent {
    fn window(&self) -> Window {
        sram::WINDOW
    }

    fn built_into(&mut self, around: &Surroundings<'_>) -> Result<(), OutsideValidity> {
        sram::check_bits(around)?;
        let kt = sram::BOLTZMANN * around.conditions.temperature_kelvin;
        self.line.sigma = self.line_farad.map_or(0.0, |farad| (kt / farad).sqrt() / self.full_swing_volt);
        Ok(())
    }

    fn variation(&self) -> Option<Box<dyn VariationModel>> {
        (self.threshold.sigma_volt > 0.0).then(|| Box::new(self.threshold) as Box<dyn VariationModel>)
    }

    fn bit_line(&self) -> Option<&dyn BitLine> {
        let Line { second, third, sigma } = self.line;
        (second != 0.0 || third != 0.0 || sigma != 0.0).then_some(&self.line)
    }

    fn supply_volt(&self) -> Option<f64> {
        Some(self.v_drive_volt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ohmic_numerics::{Cells, Noise, Seed, Site};

    /// Hand, second order 0.1 and third 0.05: half of a full read of 128 shows 0.5 (1 - 0.05 - 0.0125) of it, 60;
    /// twice a full read 0.85 and the slope there, 0.65: 192.
    #[test]
    fn compression_by_hand() {
        let line = Line { second: 0.1, third: 0.05, sigma: 0.0 };
        for (sum, wanted) in [(0.0, 0.0), (64.0, 60.0), (-64.0, -60.0), (256.0, 192.0)] {
            assert!((line.seen(sum, 128.0) - wanted).abs() < 1e-12, "{sum}");
        }
    }

    /// To first order alpha sigma / (v_drive - v_threshold): 1.3 * 4 mV / 0.4 V = 1.3 %, and 2.6 % at 0.2 V less of
    /// supply; 4096 cells know it to 1.1 %.
    #[test]
    fn threshold_mismatch_by_hand() {
        for (volt, wanted) in [(0.8, 0.013), (0.6, 0.026)] {
            let text = format!("v_drive = '{volt} V'\nv_threshold = '0.4 V'\nsigma_threshold = '4 mV'");
            let device = KIND.build_text(&text).unwrap();
            let noise = Noise::new(Seed(5));
            let at = Cells { site: Site { layer: 0, block: 0 }, first: 0 };
            let mut g = vec![1.0f32; 4096];
            device.variation().unwrap().apply(&mut g, &Patch { rows: 64, ..Patch::row(64, at, &noise) });
            let mean = g.iter().map(|g| f64::from(*g)).sum::<f64>() / 4096.0;
            let variance = g.iter().map(|g| (f64::from(*g) - mean).powi(2)).sum::<f64>() / 4096.0;
            assert!((variance.sqrt() / wanted - 1.0).abs() < 0.05, "{volt} V: {}", variance.sqrt());
        }
    }

    #[test]
    fn wrong_cells_are_refused() {
        let base = "v_drive = '0.8 V'\nv_threshold = '0.4 V'\nsigma_threshold = '0 V'\n";
        for (more, part) in [
            ("line_capacitor = '50 fF'", "full_swing"),
            ("second_order = 0.4\nthird_order = 0.3", "discharges no further"),
        ] {
            let e = KIND.build_text(&format!("{base}{more}")).unwrap_err().to_string();
            assert!(e.contains(part), "{e}");
        }
        let off = base.replace("0.8 V", "0.3 V");
        assert!(KIND.build_text(&off).unwrap_err().to_string().contains("not above"));
    }
}
