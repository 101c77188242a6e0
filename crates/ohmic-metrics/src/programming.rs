//! What it takes to write a network into a chip, once: never part of the cost of an inference.

use crate::Error;
use crate::cost::checked;
use ohmic_execution::ChipWriting;
use ohmic_hardware::{Event, Hardware, WriteSpec};
use ohmic_mapping::Plan;
use ohmic_mapping::heat::{StepLimit, makespan};
use std::collections::BTreeMap;

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
    let step_s = time_of_step_s(hardware, spec);
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

/// Time of a pulse and what follows it, in seconds, if the file says it.
fn time_of_step_s(hardware: &Hardware, spec: &WriteSpec) -> Option<f64> {
    match (spec.pulse_s, spec.verify_s) {
        (Some(pulse), _) if !hardware.write().verifies() => Some(pulse),
        (Some(pulse), Some(verify)) => Some(pulse + verify),
        _ => None,
    }
}

/// Time of a step of writing, in seconds, for a chip that is written anew again and again.
///
/// # Errors
/// [`Error::Reload`] if the file does not say it.
pub(crate) fn step_s(hardware: &Hardware) -> Result<f64, Error> {
    let refused =
        |missing: &str| Error::Reload { hardware: hardware.name().to_owned(), missing: missing.to_owned() };
    let spec = hardware.write().spec().ok_or_else(|| refused("a section [write]"))?;
    let missing = match spec.pulse_s {
        None => "write.pulse_time",
        Some(_) => "write.verify_time",
    };
    time_of_step_s(hardware, spec).ok_or_else(|| refused(missing))
}

/// What writing a plan takes, if every cell takes the pulses that `[activity]` assumes.
///
/// # Errors
/// [`Error::Reload`] if the file does not account for writing, or verifies and assumes no pulses.
pub(crate) fn assumed_writing(plan: &Plan, hardware: &Hardware) -> Result<ChipWriting, Error> {
    step_s(hardware)?;
    let verifies = hardware.write().verifies();
    let pulses = match hardware.activity().pulses {
        None if verifies => {
            let missing = "activity.pulses (cells are verified, and none is programmed here)".to_owned();
            return Err(Error::Reload { hardware: hardware.name().to_owned(), missing });
        }
        pulses => pulses.unwrap_or(1.0),
    };
    let limit = hardware.write().spec().map_or(StepLimit { parallel: None, heat: None }, |spec| StepLimit {
        parallel: spec.parallel_cells,
        heat: spec.heat,
    });
    let mut writing = ChipWriting::default();
    let mut row_steps: BTreeMap<usize, usize> = BTreeMap::new();
    for layer in plan.layers.iter().flatten() {
        writing.written.cells += layer.cells * layer.copies as u64;
        let mut by_crossbar = vec![0; layer.crossbars.len()];
        for block in &layer.blocks {
            let steps =
                row_steps.entry(block.columns).or_insert_with(|| makespan(&vec![1; block.columns], &limit));
            by_crossbar[(block.crossbar - layer.crossbars.start) as usize] += *steps * block.rows.len();
        }
        let slowest = by_crossbar.into_iter().max().unwrap_or(0) as f64 * pulses;
        writing.steps = writing.steps.max(slowest.ceil() as u64);
    }
    writing.written.pulses = (writing.written.cells as f64 * pulses).round() as u64;
    writing.written.verify_reads = if verifies { writing.written.pulses } else { 0 };
    Ok(writing)
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
