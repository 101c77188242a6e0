//! SRAM that computes with charge: every bit decides whether its capacitor adds its charge to the bit line.

use super::sram::{self, DISTANCE, Sites, Surroundings};
use super::{DeviceModel, Window};
use crate::adc::transfer::BitLine;
use crate::component::OutsideValidity;
use crate::variation::VariationModel;
use ohmic_config::{Dimension, KeyDoc, Kind};

const UNIT_CAPACITOR: KeyDoc =
    KeyDoc::quantity("unit_capacitor", Dimension::Capacitance, "capacitor of one site").above(0.0);
const PARASITIC: KeyDoc = KeyDoc::quantity(
    "parasitic",
    Dimension::Capacitance,
    "capacitance of a bit line beside its sites: it takes part of the swing, and adds to the noise in levels",
)
.at_least(0.0)
.optional("0 F");
const V_REF: KeyDoc =
    KeyDoc::quantity("v_ref", Dimension::Voltage, "voltage of a charged capacitor: the supply of the array")
        .above(0.0);
const SIGMA_CAPACITOR: KeyDoc =
    KeyDoc::number("sigma_capacitor", "standard deviation of a capacitor, relative to its mean; once a chip")
        .at_least(0.0)
        .at_most(0.2);
const CELLS_PER_SITE: KeyDoc = KeyDoc::integer(
    "cells_per_site",
    1,
    1024,
    "cells of a column that share one capacitor, one of them at a time: word lines `rows / cells_per_site` apart",
)
.optional("1")
.source("CAP-RAM, JSSC 2021: 8 cells a circuit");
const THERMAL_NOISE: KeyDoc = KeyDoc::choice(
    "thermal_noise",
    &[("on", "kT/C of the bit line in every read"), ("off", "none")],
    "noise of charge that is shared and cut off",
)
.optional("on");
const LINES: KeyDoc =
    KeyDoc::integer("lines", 1, 2, "bit lines that a conversion looks at: 2 where it takes their difference")
        .optional("1");
const INJECTION_GAIN: KeyDoc =
    KeyDoc::number("injection_gain", "charge that switches inject in proportion to the sum, relative to it")
        .at_least(-0.2)
        .at_most(0.2)
        .optional("0");
const INJECTION_OFFSET: KeyDoc = KeyDoc::number(
    "injection_offset",
    "charge that switches inject whatever the sum, relative to a full read",
)
.at_least(-0.2)
.at_most(0.2)
.optional("0");
const HOLD_TIME: KeyDoc = KeyDoc::quantity(
    "hold_time",
    Dimension::Time,
    "time constant of leakage from the bit line at 300 K; it halves every 10 K",
)
.above(0.0)
.optional("no leakage");

pub(super) const KIND: Kind<dyn DeviceModel> = Kind {
    name: "sram_charge",
    summary: "SRAM with a capacitor a site: mismatch, kT/C, charge injection, leakage and parasitics",
    example: "unit_capacitor = \"1 fF\"\nv_ref = \"1 V\"\nsigma_capacitor = 0.01",
    quiet: Some("unit_capacitor = \"1 fF\"\nv_ref = \"1 V\"\nsigma_capacitor = 0.0\nthermal_noise = \"off\""),
    keys: &[
        UNIT_CAPACITOR,
        PARASITIC,
        V_REF,
        SIGMA_CAPACITOR,
        CELLS_PER_SITE,
        THERMAL_NOISE,
        LINES,
        INJECTION_GAIN,
        INJECTION_OFFSET,
        HOLD_TIME,
    ],
    build: |s| {
        let cells_per_site = s.integer_if(&CELLS_PER_SITE)?.unwrap_or(1) as usize;
        let unit_farad = s.quantity(&UNIT_CAPACITOR)?;
        let parasitic_farad = s.quantity_if(&PARASITIC)?.unwrap_or(0.0);
        Ok(Box::new(SramCharge {
            unit_farad,
            parasitic_farad,
            v_ref_volt: s.quantity(&V_REF)?,
            sigma: s.number(&SIGMA_CAPACITOR)?,
            cells_per_site,
            is_thermal: s.choice_if(&THERMAL_NOISE)? != Some("off"),
            injection_gain: s.number_if(&INJECTION_GAIN)?.unwrap_or(0.0),
            injection_offset: s.number_if(&INJECTION_OFFSET)?.unwrap_or(0.0),
            hold_s: s.quantity_if(&HOLD_TIME)?,
            lines: f64::from(s.integer_if(&LINES)?.unwrap_or(1)),
            sites: 128,
            line: Line { gain: 1.0, offset: 0.0, sigma: 0.0 },
        }))
    },
};

/// Model: V = V_ref sum x w C_i / (sum C_i + C_par) over the sites of a bit line, C_i = C (1 + sigma z_i). A level
/// is a bit; what a site adds is `(1 + sigma z_i) (N C + C_par) / (sum C_i + C_par)` of it, so that a matched line
/// adds exactly 1. Behind it `(1 + gain) sum exp(-t / tau) + offset full`, and kT / (N C + C_par) of noise.
///
/// Units: a level is 1; it is no conductance. Valid: cells of one bit; no more rows a read than sites.
/// Randomness: one draw a site, once a chip (`Purpose::Device`), whatever is written; kT/C with the converter's
/// noise, once a conversion.
/// Left out: settling, coupling between lines, the dependence of injected charge on the data, converter
/// references that follow the supply.
#[derive(Debug)]
struct SramCharge {
    unit_farad: f64,
    parasitic_farad: f64,
    v_ref_volt: f64,
    sigma: f64,
    cells_per_site: usize,
    is_thermal: bool,
    injection_gain: f64,
    injection_offset: f64,
    hold_s: Option<f64>,
    lines: f64,
    /// Sites of a bit line, in the crossbar that it is built into.
    sites: usize,
    line: Line,
}

/// What stands between the sum and the converter.
#[derive(Clone, Copy, Debug)]
struct Line {
    gain: f64,
    offset: f64,
    /// kT/C noise, relative to the voltage of a full read.
    sigma: f64,
}

impl BitLine for Line {
    fn seen(&self, sum: f64, full: f64) -> f64 {
        self.gain * sum + self.offset * full
    }

    fn sigma_levels(&self, full: f64) -> f64 {
        self.sigma * full
    }
}

impl SramCharge {
    /// Capacitance of a whole bit line, in farad.
    fn total_farad(&self) -> f64 {
        self.sites as f64 * self.unit_farad + self.parasitic_farad
    }
}

impl DeviceModel for SramCharge {
    fn window(&self) -> Window {
        sram::WINDOW
    }

    fn built_into(&mut self, around: &Surroundings<'_>) -> Result<(), OutsideValidity> {
        sram::check_bits(around)?;
        let crossbar = around.crossbar;
        self.sites = crossbar.rows / self.cells_per_site;
        if self.sites * self.cells_per_site != crossbar.rows {
            return Err(OutsideValidity {
                key: "device.cells_per_site",
                value: self.cells_per_site.to_string(),
                valid: format!("a divisor of crossbar.rows = {}", crossbar.rows),
            });
        }
        if crossbar.rows_per_read > self.sites {
            return Err(OutsideValidity {
                key: "crossbar.rows_per_read",
                value: crossbar.rows_per_read.to_string(),
                valid: format!(
                    "{} rows share {} sites, one row of a site at a time: read at most {} rows",
                    crossbar.rows, self.sites, self.sites
                ),
            });
        }
        let temperature = around.conditions.temperature_kelvin;
        // a full read charges as many sites as it has rows
        let swing = self.v_ref_volt * crossbar.rows_per_read as f64 * self.unit_farad / self.total_farad();
        let thermal = (self.lines * sram::BOLTZMANN * temperature / self.total_farad()).sqrt();
        let hold_s = self.hold_s.map(|s| s * sram::halved_every_ten_kelvin(temperature));
        let kept = hold_s.map_or(1.0, |hold| libm::exp(-crossbar.t_read_s / hold));
        self.line = Line {
            gain: (1.0 + self.injection_gain) * kept,
            offset: self.injection_offset,
            sigma: if self.is_thermal { thermal / swing } else { 0.0 },
        };
        Ok(())
    }

    fn variation(&self) -> Option<Box<dyn VariationModel>> {
        (self.sigma > 0.0).then(|| {
            let of_line = (self.parasitic_farad / self.unit_farad, self.sigma);
            Box::new(Sites { sites: self.sites, parasitic: of_line.0, sigma: of_line.1 })
                as Box<dyn VariationModel>
        })
    }

    fn bit_line(&self) -> Option<&dyn BitLine> {
        let Line { gain, offset, sigma } = self.line;
        let is_ideal = (gain - 1.0).abs() < DISTANCE && offset == 0.0 && sigma == 0.0;
        (!is_ideal).then_some(&self.line)
    }

    fn supply_volt(&self) -> Option<f64> {
        Some(self.v_ref_volt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Patch;
    use crate::spec::{Conditions, CrossbarSpec, DummyColumn};
    use ohmic_numerics::{Cells, Noise, Seed, Site};

    /// A device in a crossbar of `rows`, of which `per_read` are read for 10 ns at `kelvin`.
    fn built(
        more: &str,
        [rows, per_read]: [usize; 2],
        kelvin: f64,
    ) -> Result<Box<dyn DeviceModel>, OutsideValidity> {
        let mut device = KIND.build_text(&format!("unit_capacitor = '1 fF'\n{more}")).unwrap();
        let crossbar = CrossbarSpec {
            rows,
            cols: 64,
            rows_per_read: per_read,
            dummy_column: DummyColumn::None,
            v_read_volt: 1.0,
            t_read_s: 1e-8,
            adcs: 8,
            adc_rate_hz: 1e9,
        };
        let conditions = Conditions { elapsed_s: 0.0, temperature_kelvin: kelvin, t_read_s: 1e-8 };
        device.built_into(&Surroundings { crossbar: &crossbar, conditions: &conditions, cell_bits: 1 })?;
        Ok(device)
    }

    /// Hand: kT = 4.141947e-21 J at 300 K; over 128 fF its square root is 0.179886 mV, so 0.0230254 of 128 levels at
    /// 1 V. 128 fF more: sqrt(1/2) of the noise on half the swing. Half the supply: twice. 1200 K: twice.
    #[test]
    fn thermal_noise_by_hand() {
        let sigma = |volt: f64, more: &str, kelvin| {
            let text = format!("sigma_capacitor = 0.0\nv_ref = '{volt} V'\n{more}");
            built(&text, [128, 128], kelvin).unwrap().bit_line().unwrap().sigma_levels(128.0)
        };
        for (got, times) in [
            (sigma(1.0, "", 300.0), 1.0),
            (sigma(1.0, "parasitic = '128 fF'", 300.0), 2f64.sqrt()),
            (sigma(1.0, "lines = 2", 300.0), 2f64.sqrt()),
            (sigma(0.5, "", 300.0), 2.0),
            (sigma(1.0, "", 1200.0), 2.0),
        ] {
            assert!((got / times - 0.023_025_4).abs() < 1e-7, "{got} {times}");
        }
    }

    /// Hand: 1 % of 50 and 0.2 % of 128 are 0.756 on top; 10 ns of 100 ns leave exp(-0.1), and exp(-0.2) at 310 K.
    #[test]
    fn injection_and_leakage_by_hand() {
        let seen = |more: &str, kelvin| {
            let text = format!("sigma_capacitor = 0.0\nv_ref = '1 V'\nthermal_noise = 'off'\n{more}");
            built(&text, [128, 128], kelvin).unwrap().bit_line().map(|line| line.seen(50.0, 128.0))
        };
        assert_eq!(seen("", 300.0), None);
        let injected = seen("injection_gain = 0.01\ninjection_offset = 0.002", 300.0).unwrap();
        assert!((injected - 50.756).abs() < 1e-12, "{injected}");
        for (kelvin, wanted) in [(300.0, -0.1f64), (310.0, -0.2)] {
            let kept = seen("hold_time = '100 ns'", kelvin).unwrap();
            assert!((kept / 50.0 - wanted.exp()).abs() < 1e-12, "{kept}");
        }
    }

    /// CAP-RAM: 512 word lines on 64 sites a column: those 64 apart have the same capacitor, others do not, and a
    /// full read of a line without parasitics is exact: its capacitors share their own charge.
    #[test]
    fn eight_cells_share_one_site() {
        let text = "v_ref = '1.2 V'\nsigma_capacitor = 0.05\ncells_per_site = 8";
        let device = built(text, [512, 64], 300.0).unwrap();
        let noise = Noise::new(Seed(3));
        let at = Cells { site: Site { layer: 0, block: 0 }, first: 0 };
        let patch = Patch { rows: 512, ..Patch::row(2, at, &noise) };
        let mut g = vec![1.0f32; 1024];
        device.variation().unwrap().apply(&mut g, &patch);
        for cell in 0..1024 - 128 {
            assert_eq!(g[cell].to_bits(), g[cell + 128].to_bits(), "{cell}");
        }
        assert_ne!(g[0].to_bits(), g[1].to_bits());
        assert_ne!(g[0].to_bits(), g[2].to_bits());
        let full: f64 = (0..64).map(|r| f64::from(g[2 * r])).sum();
        assert!((full - 64.0).abs() < 1e-5, "{full}");
        let wide = built(text, [512, 128], 300.0).unwrap_err();
        assert_eq!(wide.key, "crossbar.rows_per_read");
        assert_eq!(built(text, [508, 32], 300.0).unwrap_err().key, "device.cells_per_site");
    }
}
