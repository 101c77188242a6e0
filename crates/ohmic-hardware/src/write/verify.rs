//! Pulse, read, and pulse again until the cell is near enough.

use super::{WriteModel, WriteSpec, Writing, Written, spec};
use crate::device::{Held, Patch, Window};
use ohmic_config::{Dimension, KeyDoc, Kind};
use ohmic_numerics::{Cells, Purpose};

const BAND: KeyDoc = KeyDoc::quantity(
    "band",
    Dimension::Conductance,
    "a read this near to the target, above or below, is accepted",
)
.above(0.0)
.optional("band_fraction or band_rel says it instead");
const BAND_FRACTION: KeyDoc = KeyDoc::number(
    "band_fraction",
    "distance from the target at which a read is accepted, as a fraction of g_max - g_min",
)
.above(0.0)
.at_most(1.0)
.optional("band or band_rel says it instead");
const BAND_REL: KeyDoc = KeyDoc::number(
    "band_rel",
    "distance from the target at which a read is accepted, relative to the target",
)
.above(0.0)
.at_most(1.0)
.optional("band or band_fraction says it instead");
const MAX_PULSES: KeyDoc = KeyDoc::integer(
    "max_pulses",
    1,
    10_000,
    "pulses of a cell at most; it then keeps what the last one made",
);
const VERIFY_TIME: KeyDoc =
    KeyDoc::quantity("verify_time", Dimension::Time, "time of the read that follows each pulse")
        .above(0.0)
        .at_most(1.0)
        .optional("programming time cannot be asked for");

pub(super) const KIND: Kind<dyn WriteModel> = Kind {
    name: "verify",
    summary: "pulse and read until the cell is within a band around its target",
    example: "band_fraction = 0.02\nmax_pulses = 10\npulse_time = \"100 ns\"\nverify_time = \"20 ns\"\nheat_rewrites = 2\n\
              heat_cells = 8\nheat_changes = 4",
    quiet: None,
    keys: &[
        BAND,
        BAND_FRACTION,
        BAND_REL,
        MAX_PULSES,
        spec::PULSE_TIME,
        VERIFY_TIME,
        spec::PARALLEL_CELLS,
        spec::ENDURANCE,
        spec::HEAT_REWRITES,
        spec::HEAT_CELLS,
        spec::HEAT_CHANGES,
    ],
    build: |s| {
        s.exactly_one(&[&BAND, &BAND_FRACTION, &BAND_REL])?;
        let most_pulses = s.integer(&MAX_PULSES)?;
        let band = match (s.quantity_if(&BAND)?, s.number_if(&BAND_FRACTION)?, s.number_if(&BAND_REL)?) {
            (Some(siemens), ..) => Band::Siemens(siemens),
            (_, Some(fraction), _) => Band::OfWindow(fraction),
            (.., relative) => Band::OfTarget(relative.unwrap_or(0.0)),
        };
        let spec = WriteSpec { verify_s: s.quantity_if(&VERIFY_TIME)?, ..spec::read(s)? };
        if let Some(endurance) = spec.endurance_pulses.filter(|e| *e < f64::from(most_pulses)) {
            let also =
                vec![(s.place_of(MAX_PULSES.key).clone(), format!("a cell may get {most_pulses} here"))];
            let problem = format!("{endurance} pulses wear a cell out while it is written once");
            let help = Some("a larger endurance, or a smaller max_pulses".to_owned());
            return Err(s.invalid(spec::ENDURANCE.key, problem, also, help));
        }
        Ok(Box::new(Verify { band, most_pulses, spec }))
    },
};

/// How near is near enough.
#[derive(Clone, Copy, Debug)]
enum Band {
    Siemens(f64),
    OfWindow(f64),
    OfTarget(f64),
}

/// Model: a cell is pulsed, each time afresh from its target's pulse, until a read lies within the band around the
/// target, `max_pulses` times at most; then it keeps what the last pulse made.
///
/// Units: siemens. A verify read sees the cell with the read noise that the device has right after programming;
/// its reference is exact.
/// Randomness: the device's own, a fresh attempt for each pulse; verify reads one draw a cell and attempt,
/// `Purpose::Verify`.
/// Left out: pulses that only move a cell a little (incremental steps), the energy of single pulse heights,
/// neighbours that a pulse disturbs.
#[derive(Debug)]
struct Verify {
    band: Band,
    most_pulses: u32,
    spec: WriteSpec,
}

impl Verify {
    fn band_siemens(&self, target: f64, window: Window) -> f64 {
        match self.band {
            Band::Siemens(siemens) => siemens,
            Band::OfWindow(fraction) => fraction * (window.g_max_siemens - window.g_min_siemens),
            Band::OfTarget(relative) => relative * target,
        }
    }
}

impl WriteModel for Verify {
    fn write(&self, writing: Writing<'_>, g_siemens: &mut [f32], pulses: &mut [u32]) -> Written {
        let Writing { device, patch, targets, .. } = writing;
        let (window, fresh, read_noise) = (device.window(), writing.conditions.fresh(), device.read_noise());
        let mut wanted = targets.to_vec();
        writing.variation.apply(&mut wanted, patch);
        let mut written = Written { cells: targets.len() as u64, ..Written::default() };
        let mut tried = vec![0f32; patch.cols];
        // row by row, so that a row is left as soon as all of its cells are accepted
        for row in 0..patch.rows {
            let first = row * patch.cols;
            let one = Patch {
                at: Cells { first: patch.at.first + first as u32, ..patch.at },
                rows: 1,
                first_row: patch.first_row + row,
                ..*patch
            };
            let mut open: Vec<usize> = (0..patch.cols).collect();
            for attempt in 0..self.most_pulses {
                tried.copy_from_slice(&wanted[first..first + patch.cols]);
                device.program(&mut tried, &one, attempt);
                open.retain(|&c| {
                    let (g, target) = (tried[c], targets[first + c]);
                    g_siemens[first + c] = g;
                    pulses[first + c] = attempt + 1;
                    written.pulses += 1;
                    written.verify_reads += 1;
                    written.most_pulses = written.most_pulses.max(attempt + 1);
                    let held = Held { g_target_siemens: target, g_programmed_siemens: g, g_siemens: g };
                    let sigma = read_noise.map_or(0.0, |r| r.sigma_siemens(held, &fresh));
                    let mut seen = f64::from(g);
                    if sigma > 0.0 {
                        let cell = one.at.first + c as u32;
                        let z = patch.noise.normal(Purpose::Verify, patch.at.site, attempt, cell);
                        seen += f64::from(sigma) * f64::from(z);
                    }
                    let target = f64::from(target);
                    (seen - target).abs() > self.band_siemens(target, window)
                });
                if open.is_empty() {
                    break;
                }
            }
            written.unaccepted += open.len() as u64;
        }
        written
    }

    fn spec(&self) -> Option<&WriteSpec> {
        Some(&self.spec)
    }

    fn most_pulses(&self) -> u32 {
        self.most_pulses
    }

    fn verifies(&self) -> bool {
        true
    }

    fn suits(&self, window: Window) -> Result<(), (&'static str, String, String)> {
        match self.band {
            Band::OfTarget(_) if window.g_min_siemens <= 0.0 => Err((
                "write.band_rel",
                "level 0 has a conductance of 0 S, and a band relative to it has no width".to_owned(),
                "say the width with write.band or write.band_fraction, or give the device a g_min above 0 S"
                    .to_owned(),
            )),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
