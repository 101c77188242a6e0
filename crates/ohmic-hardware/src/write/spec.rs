//! What writing takes beside energy: keys that every way of writing has.

use crate::spec::HeatLimit;
use ohmic_config::{Dimension, Error, KeyDoc, Section};

const HEAT_SOURCE: &str =
    "(alpha, beta, p) constraint of Qin, Yaakobi, Siegel, IEEE Trans. Inf. Theory 59(8), 2013";

pub(super) const PULSE_TIME: KeyDoc =
    KeyDoc::quantity("pulse_time", Dimension::Time, "time of one write pulse, set-up included")
        .above(0.0)
        .at_most(1.0)
        .optional("programming time cannot be asked for");
pub(super) const PARALLEL_CELLS: KeyDoc = KeyDoc::integer_or(
    "parallel_cells",
    1,
    65_536,
    "row",
    "cells of a word line that are pulsed at the same time",
)
.optional("\"row\"");
pub(super) const ENDURANCE: KeyDoc = KeyDoc::number("endurance", "write pulses that a cell survives")
    .at_least(1.0)
    .at_most(1e18)
    .optional("wear is not accounted for");
pub(super) const HEAT_REWRITES: KeyDoc = KeyDoc::integer(
    "heat_rewrites",
    1,
    1024,
    "alpha: consecutive steps of writing a word line that share heat; needs heat_cells and heat_changes",
)
.optional("heat does not limit writing")
.source(HEAT_SOURCE);
pub(super) const HEAT_CELLS: KeyDoc =
    KeyDoc::integer("heat_cells", 1, 65_536, "beta: contiguous cells of a word line that share heat")
        .optional("heat does not limit writing")
        .source(HEAT_SOURCE);
pub(super) const HEAT_CHANGES: KeyDoc = KeyDoc::integer(
    "heat_changes",
    1,
    65_536,
    "p: pulses in heat_rewrites consecutive steps and heat_cells contiguous cells, at most",
)
.optional("heat does not limit writing")
.source(HEAT_SOURCE);

/// The keys of every way of writing.
pub(super) const KEYS: &[KeyDoc] =
    &[PULSE_TIME, PARALLEL_CELLS, ENDURANCE, HEAT_REWRITES, HEAT_CELLS, HEAT_CHANGES];

/// Time, limits and wear of writing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WriteSpec {
    /// Time of one pulse, in seconds, if it is known.
    pub pulse_s: Option<f64>,
    /// Time of the verify read after each pulse, in seconds, if there is one and it is known.
    pub verify_s: Option<f64>,
    /// Cells of a word line that can be pulsed at the same time; `None`: all of them.
    pub parallel_cells: Option<usize>,
    /// What heat allows; `None`: anything.
    pub heat: Option<HeatLimit>,
    /// Pulses that a cell survives, if wear is accounted for.
    pub endurance_pulses: Option<f64>,
}

/// Reads [`KEYS`].
pub(super) fn read(s: &Section<'_>) -> Result<WriteSpec, Error> {
    let parallel = if s.has(&PARALLEL_CELLS) { s.integer_or_word(&PARALLEL_CELLS)? } else { None };
    let heat = [&HEAT_REWRITES, &HEAT_CELLS, &HEAT_CHANGES];
    let heat = if heat.iter().any(|key| s.has(key)) {
        // asks for the others in the words of a missing key
        Some(HeatLimit {
            rewrites: s.integer(&HEAT_REWRITES)? as usize,
            cells: s.integer(&HEAT_CELLS)? as usize,
            changes: s.integer(&HEAT_CHANGES)? as usize,
        })
    } else {
        None
    };
    Ok(WriteSpec {
        pulse_s: s.quantity_if(&PULSE_TIME)?,
        verify_s: None,
        parallel_cells: parallel.map(|p| p as usize),
        heat,
        endurance_pulses: s.number_if(&ENDURANCE)?,
    })
}
