//! What it takes to write a network into a chip, once: never part of the cost of an inference.

use crate::Error;
use crate::cost::checked;
use ohmic_execution::ChipWriting;
use ohmic_hardware::{Event, Hardware};

/// Energy, time and wear of writing all cells once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Programming {
    /// Energy of all pulses and verify reads, in joule.
    pub energy_joule: f64,
    /// Time of the crossbar that takes longest, in seconds; `None` if the file says no times.
    pub time_s: Option<f64>,
    /// Steps of the crossbar that takes longest.
    pub steps: u64,
    /// Pulses, of all cells.
    pub pulses: u64,
    /// Verify reads, of all cells.
    pub verify_reads: u64,
    /// Pulses per cell, the mean.
    pub pulses_per_cell: f64,
    /// Pulses of the cell that took most.
    pub most_pulses: u32,
    /// Cells that were accepted, over all; `None` if none was looked at.
    pub convergence: Option<f64>,
    /// How often the network can be written until the cell with most pulses is worn out; `None` if wear is not
    /// accounted for.
    pub rewrites: Option<f64>,
}

/// What writing a chip cost; `None` if the hardware file does not account for writing (no `[write]`).
///
/// # Errors
/// [`Error::Unpriced`] if pulses or verify reads happened and no component prices them.
pub fn programming(hardware: &Hardware, writing: &ChipWriting) -> Result<Option<Programming>, Error> {
    let Some(spec) = hardware.write().spec() else { return Ok(None) };
    let written = writing.written;
    let mut energy_joule = 0.0;
    for (event, count) in [(Event::WritePulse, written.pulses), (Event::VerifyRead, written.verify_reads)] {
        let mut priced = false;
        for component in hardware.components() {
            if let Some(unit) = component.model.energy_joule(event) {
                energy_joule += count as f64 * checked(component, hardware, "energy", unit)?;
                priced = true;
            }
        }
        if count > 0 && !priced {
            let (event, amount, hardware) = (event.name(), count as f64, hardware.name().to_owned());
            return Err(Error::Unpriced { event, amount, hardware });
        }
    }
    let verifies = hardware.write().verifies();
    let step_s = match (spec.pulse_s, spec.verify_s) {
        (Some(pulse), _) if !verifies => Some(pulse),
        (Some(pulse), Some(verify)) => Some(pulse + verify),
        _ => None,
    };
    let cells = written.cells.max(1) as f64;
    Ok(Some(Programming {
        energy_joule,
        time_s: step_s.map(|s| s * writing.steps as f64),
        steps: writing.steps,
        pulses: written.pulses,
        verify_reads: written.verify_reads,
        pulses_per_cell: written.pulses as f64 / cells,
        most_pulses: written.most_pulses,
        convergence: verifies.then(|| 1.0 - written.unaccepted as f64 / cells),
        rewrites: spec.endurance_pulses.map(|e| (e / f64::from(written.most_pulses.max(1))).floor()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ohmic_hardware::Written;

    const WRITTEN: Written =
        Written { cells: 1000, pulses: 1500, verify_reads: 1500, unaccepted: 10, most_pulses: 7 };
    const WRITING: ChipWriting = ChipWriting { written: WRITTEN, steps: 300 };

    fn hardware(more: &str) -> Hardware {
        Hardware::from_text("test", &format!("extends = \"isaac_isca_2016\"\n{more}")).unwrap()
    }

    /// 1500 pulses of 8 pJ and 1500 reads of 2 pJ are 15 nJ; 300 steps of 100 ns + 50 ns are 45 us; 10 of 1000
    /// cells were left; 1e6 pulses are 142857 times seven.
    #[test]
    fn by_hand() {
        let priced = "[component.writing]\nkind = \"priced\"\nper = \"crossbar\"\narea = \"0 um2\"\n\
                      events = { write_pulse = \"8 pJ\", verify_read = \"2 pJ\" }\nsource = \"a test\"\n\
                      [write]\nkind = \"verify\"\nband_fraction = 0.02\nmax_pulses = 10\n\
                      pulse_time = \"100 ns\"\nverify_time = \"50 ns\"\nendurance = 1e6\n";
        let p = programming(&hardware(priced), &WRITING).unwrap().unwrap();
        assert!((p.energy_joule - 15e-9).abs() < 1e-20);
        assert!((p.time_s.unwrap() - 45e-6).abs() < 1e-15);
        assert!((p.pulses_per_cell - 1.5).abs() < 1e-15 && (p.convergence.unwrap() - 0.99).abs() < 1e-15);
        assert_eq!(p.rewrites, Some(142_857.0));
        let single = priced.split("[write]").next().unwrap().to_owned() + "[write]\nkind = \"single\"\n";
        let p = programming(&hardware(&single), &WRITING).unwrap().unwrap();
        assert_eq!((p.time_s, p.convergence, p.rewrites), (None, None, None));
    }

    /// A machine without `[write]` does not account for writing; one that does and has no price is refused.
    #[test]
    fn nothing_is_free_by_omission() {
        assert_eq!(programming(&hardware(""), &WRITING).unwrap(), None);
        let e = programming(&hardware("[write]\nkind = \"single\"\n"), &WRITING).unwrap_err().to_string();
        assert!(e.contains("event `write_pulse` happened") && e.contains("component.NAME"), "{e}");
    }
}
