//! Cells stuck at one end of the window, whatever they are given.

use super::FaultModel;
use crate::device::{Patch, Window};
use ohmic_config::{KeyDoc, Kind};
use ohmic_numerics::Purpose;

const SOURCE: &str =
    "9.04 % stuck in the high- and 1.75 % in the low-resistance state: Chen et al., DATE 2017";
const STUCK_HRS: KeyDoc =
    KeyDoc::number("stuck_hrs_fraction", "fraction of cells stuck in the high-resistance state, at g_min")
        .at_least(0.0)
        .at_most(1.0)
        .source(SOURCE);
const STUCK_LRS: KeyDoc =
    KeyDoc::number("stuck_lrs_fraction", "fraction of cells stuck in the low-resistance state, at g_max")
        .at_least(0.0)
        .at_most(1.0)
        .source(SOURCE);

pub(super) const KIND: Kind<dyn FaultModel> = Kind {
    name: "stuck",
    summary: "independent cells stuck at g_min or g_max",
    example: "stuck_hrs_fraction = 0.0904\nstuck_lrs_fraction = 0.0175",
    quiet: Some("stuck_hrs_fraction = 0.0\nstuck_lrs_fraction = 0.0"),
    keys: &[STUCK_HRS, STUCK_LRS],
    build: |s| {
        let (hrs, lrs) = (s.number(&STUCK_HRS)?, s.number(&STUCK_LRS)?);
        if hrs + lrs > 1.0 {
            let also = vec![(s.place_of(STUCK_LRS.key).clone(), format!("and {lrs} here"))];
            let problem = format!("{hrs} and {lrs} are more than all cells");
            return Err(s.invalid(STUCK_HRS.key, problem, also, Some("their sum is at most 1".to_owned())));
        }
        Ok(Box::new(Stuck { hrs, lrs }))
    },
};

/// Model: a cell is at g_min with probability `stuck_hrs`, else at g_max with probability `stuck_lrs`.
///
/// Randomness: one uniform draw per cell, `Purpose::Fault`, once a chip: a larger fraction keeps the
/// cells that a smaller one has broken at g_min.
/// Left out: spatial clusters, whole lines, cells that fail later.
#[derive(Debug)]
struct Stuck {
    hrs: f64,
    lrs: f64,
}

impl FaultModel for Stuck {
    fn apply(&self, g_siemens: &mut [f32], window: Window, patch: &Patch<'_>) {
        if self.is_none() {
            return;
        }
        let Patch { at, noise, .. } = *patch;
        for (cell, g) in (at.first..).zip(g_siemens) {
            let u = noise.uniform(Purpose::Fault, at.site, 0, cell);
            // from both ends, so that either fraction can be swept with the other's cells unchanged
            if u < self.hrs {
                *g = window.g_min_siemens as f32;
            } else if 1.0 - u < self.lrs {
                *g = window.g_max_siemens as f32;
            }
        }
    }

    fn cell_probability(&self) -> Option<f64> {
        Some(self.hrs + self.lrs)
    }

    fn is_none(&self) -> bool {
        self.hrs <= 0.0 && self.lrs <= 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ohmic_numerics::{Cells, Noise, Seed, Site};

    /// Of 100 000 cells 9.04 % and 1.75 %, each within five standard errors (450 and 207 cells).
    #[test]
    fn fractions_are_what_was_asked_for() {
        let fault = KIND.build_text(KIND.example).unwrap();
        let window = Window { g_min_siemens: 1e-6, g_max_siemens: 4e-6 };
        let mut g = vec![2e-6f32; 100_000];
        let at = Cells { site: Site { layer: 0, block: 0 }, first: 0 };
        fault.apply(&mut g, window, &Patch::row(100_000, at, &Noise::new(Seed(3))));
        let count = |v: f32| g.iter().filter(|g| g.to_bits() == v.to_bits()).count();
        assert!(count(1e-6).abs_diff(9040) < 460, "{}", count(1e-6));
        assert!(count(4e-6).abs_diff(1750) < 210, "{}", count(4e-6));
        assert_eq!(count(1e-6) + count(4e-6) + count(2e-6), 100_000);
    }

    #[test]
    fn more_than_all_cells_is_refused() {
        let e =
            KIND.build_text("stuck_hrs_fraction = 0.6\nstuck_lrs_fraction = 0.5").unwrap_err().to_string();
        assert!(e.contains("0.6 and 0.5 are more than all cells"), "{e}");
    }
}
