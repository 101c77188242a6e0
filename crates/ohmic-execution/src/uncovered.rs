//! What of a machine the closed form of [`crate::predict`] leaves out, so that no prediction is taken for more than
//! it is.

use ohmic_hardware::{Hardware, Remap};

/// A part of a machine that a prediction does not cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uncovered {
    /// Section of the hardware file.
    pub section: &'static str,
    /// What of it acts on a chip and not in the prediction.
    pub what: &'static str,
}

/// The parts of a machine that act on its chips and that predictions leave out, in the order of a hardware file.
pub fn uncovered(hardware: &Hardware) -> Vec<Uncovered> {
    let (adc, faults, redundancy) = (hardware.adc(), hardware.faults(), hardware.redundancy());
    let broken = !faults.is_none();
    let parts = [
        (hardware.device().current_law().is_some(), "device", "current that is not proportional to voltage"),
        (hardware.bit_line().is_some(), "device", "curve and noise of the bit lines"),
        (hardware.variation().is_correlated(), "variation", "that neighbouring cells differ alike"),
        (
            broken && faults.cell_probability().is_none(),
            "fault",
            "where cells are broken: each is taken to break by itself",
        ),
        (broken && redundancy.remap != Remap::None, "redundancy", "columns that evade broken cells"),
        (hardware.wires().wires().is_some(), "wires", "resistance of lines, drivers and sense inputs"),
        (hardware.dac().drive_levels().is_some(), "dac", "voltages that are not equally spaced"),
        (adc.imperfection().is_some(), "adc", "converters that differ from uniform ones"),
        (hardware.compensation().is_some(), "compensation", "correction of the answers"),
    ];
    parts.into_iter().filter(|p| p.0).map(|(_, section, what)| Uncovered { section, what }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sections that are left out of the prediction of a machine with something besides.
    fn sections(besides: &str) -> Vec<&'static str> {
        let hardware = Hardware::from_text("t", &format!("extends = \"generic_reram\"\n{besides}\n"));
        uncovered(&hardware.unwrap()).iter().map(|u| u.section).collect()
    }

    #[test]
    fn every_part_that_is_left_out_is_named() {
        let wires = "[wires]\nkind = \"exact\"\nrow_segment = \"1 Ohm\"\ncolumn_segment = \"1 Ohm\"\ndriver_resistance = \
                     \"1 Ohm\"\nsense_resistance = \"1 Ohm\"\ndriven_from = \"left\"\nsensed_at = \"bottom\"";
        let stuck = "[fault]\nkind = \"stuck\"\nstuck_hrs_fraction = 0.01\nstuck_lrs_fraction = 0.0";
        let cases: [(&str, &[&str]); 9] = [
            ("", &[]),
            ("[variation]\nkind = \"lognormal\"\nsigma_ln = 0.1", &[]),
            (
                "[variation]\nkind = \"correlated\"\nsigma_ln = 0.1\ncorrelation_length = 9\ncorrelated_fraction = 0.5",
                &["variation"],
            ),
            (stuck, &[]),
            (&format!("{stuck}\n[redundancy]\nspare_columns = 2\nremap = \"columns\""), &["redundancy"]),
            (
                "[fault]\nkind = \"lines\"\nbroken_row_fraction = 0.01\nbroken_column_fraction = 0.01",
                &["fault"],
            ),
            (wires, &["wires"]),
            ("[adc]\ninl_bow_lsb = 0.5", &["adc"]),
            ("[adc]\nrange_per = \"crossbar\"", &[]),
        ];
        for (besides, expected) in cases {
            assert_eq!(sections(besides), expected, "{besides}");
        }
    }
}
