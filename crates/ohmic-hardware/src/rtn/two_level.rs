//! One trap in some of the cells.

use super::TelegraphModel;
use crate::device::Patch;
use ohmic_config::{KeyDoc, Kind};
use ohmic_numerics::Purpose;

const SOURCE: &str = "two-level telegraph noise; its constants differ by technology and have to be measured: a few percent \
                      of the conductance in low-resistance ReRAM, tens of percent in high-resistance states";
const FRACTION: KeyDoc = KeyDoc::number("fraction", "cells that have a trap, as a fraction of all")
    .at_least(0.0)
    .at_most(1.0)
    .source(SOURCE);
const AMPLITUDE: KeyDoc = KeyDoc::number(
    "amplitude",
    "difference between the upper and the lower conductance, relative to their mean over time",
)
.at_least(0.0)
.at_most(1.0)
.source(SOURCE);
const UPPER: KeyDoc = KeyDoc::number(
    "upper_probability",
    "share of the time that a cell with a trap spends in the upper state",
)
.at_least(0.0)
.at_most(1.0)
.optional("0.5");
const PACE: KeyDoc = KeyDoc::choice(
    "pace",
    &[
        ("slow", "dwell times beyond an inference: the state found when reading begins stays"),
        ("fast", "dwell times below a read and its neighbours': every read finds another state"),
    ],
    "how long the cell stays in a state, compared with the reads",
);

pub(super) const KIND: Kind<dyn TelegraphModel> = Kind {
    name: "two_level",
    summary: "some cells jump between two conductances about their mean, slowly or in every read",
    example: "fraction = 0.1\namplitude = 0.2\nupper_probability = 0.3\npace = \"slow\"",
    quiet: Some("fraction = 0.0\namplitude = 0.1\npace = \"slow\""),
    keys: &[FRACTION, AMPLITUDE, UPPER, PACE],
    build: |s| {
        let (fraction, amplitude) = (s.number(&FRACTION)?, s.number(&AMPLITUDE)?);
        let upper = s.number_if(&UPPER)?.unwrap_or(0.5);
        let is_there = fraction > 0.0 && amplitude > 0.0 && upper > 0.0 && upper < 1.0;
        let pace = match (is_there, s.choice(&PACE)?) {
            (false, _) => Pace::Never,
            (true, "slow") => Pace::Slow,
            (true, _) => Pace::Fast,
        };
        Ok(Box::new(TwoLevel { fraction, amplitude, upper, pace }))
    },
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    Never,
    Slow,
    Fast,
}

/// Model: a cell has a trap with probability f; its conductance is then g (1 + a (1 - p)) with probability p and
/// g (1 - a p) else, whose mean is g and whose variance is a^2 p (1 - p) g^2.
///
/// Slow: one state a cell, found when reading begins. Fast: the variance, in every read, as independent Gaussian noise;
/// many cells on a bit line make it so.
/// Units: siemens. Randomness: who has a trap `Purpose::Device`, once a chip; the state `Purpose::Age`; draw
/// [`DRAW`] of both, which no device and no variation uses.
/// Left out: several traps, amplitudes that differ from cell to cell or follow the conductance, dwell times between
/// the two limits; writing does not see it.
#[derive(Debug)]
struct TwoLevel {
    fraction: f64,
    amplitude: f64,
    upper: f64,
    pace: Pace,
}

/// Draw number of traps and of their states.
const DRAW: u32 = 0x0052_544e;

impl TwoLevel {
    fn has_trap(&self, cell: usize, patch: &Patch<'_>) -> bool {
        let cell = patch.at.first.wrapping_add(cell as u32);
        patch.noise.uniform(Purpose::Device, patch.at.site, DRAW, cell) < self.fraction
    }
}

impl TelegraphModel for TwoLevel {
    fn freeze(&self, g_siemens: &mut [f32], patch: &Patch<'_>) {
        if self.pace != Pace::Slow {
            return;
        }
        for (cell, g) in g_siemens.iter_mut().enumerate().filter(|(cell, _)| self.has_trap(*cell, patch)) {
            let address = patch.at.first.wrapping_add(cell as u32);
            let up = patch.noise.uniform(Purpose::Age, patch.at.site, DRAW, address) < self.upper;
            let from_mean = if up { 1.0 - self.upper } else { -self.upper };
            *g = (f64::from(*g) * (1.0 + self.amplitude * from_mean)) as f32;
        }
    }

    fn read_sigma_siemens(&self, g_siemens: f32, cell: usize, patch: &Patch<'_>) -> f32 {
        if self.pace != Pace::Fast || !self.has_trap(cell, patch) {
            return 0.0;
        }
        let spread = (self.upper * (1.0 - self.upper)).sqrt();
        (self.amplitude * spread * f64::from(g_siemens)) as f32
    }

    fn is_noisy(&self) -> bool {
        self.pace == Pace::Fast
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ohmic_numerics::{Cells, Noise, Seed, Site};

    const N: usize = 200_000;

    fn patch(noise: &Noise) -> Patch<'_> {
        Patch::row(N, Cells { site: Site { layer: 0, block: 0 }, first: 5 }, noise)
    }

    /// f = 0.1, a = 0.2, p = 0.3: upper 1.14 g in 3 %, lower 0.94 g in 7 %, mean g, variance f a^2 p (1 - p) g^2 =
    /// 8.4e-4 g^2. Counts within five standard errors: sqrt(200 000 * 0.03 * 0.97) = 76, sqrt(200 000 * 0.07 * 0.93) = 114.
    #[test]
    fn slow_traps_freeze_two_levels() {
        let model = KIND.build_text(KIND.example).unwrap();
        let noise = Noise::new(Seed(9));
        let mut g = vec![1f32; N];
        model.freeze(&mut g, &patch(&noise));
        let count = |v: f32| g.iter().filter(|g| (**g - v).abs() < 1e-6).count();
        assert!(count(1.14).abs_diff(6000) < 380, "{}", count(1.14));
        assert!(count(0.94).abs_diff(14_000) < 570, "{}", count(0.94));
        assert_eq!(count(1.14) + count(0.94) + count(1.0), N);
        assert!(!model.is_noisy());
    }

    /// The same cells with fast traps: the same fraction, each with sigma 0.2 sqrt(0.21) g = 0.0916515 g.
    #[test]
    fn fast_traps_scatter_reads_of_the_same_cells() {
        let slow = KIND.build_text(KIND.example).unwrap();
        let fast = KIND.build_text(&KIND.example.replace("slow", "fast")).unwrap();
        let noise = Noise::new(Seed(9));
        let mut g = vec![1f32; N];
        slow.freeze(&mut g, &patch(&noise));
        for (cell, g) in g.iter().enumerate() {
            let sigma = fast.read_sigma_siemens(2e-5, cell, &patch(&noise));
            let want = if (*g - 1.0).abs() > 1e-6 { 2e-5 * 0.091_651_5 } else { 0.0 };
            assert!((f64::from(sigma) - want).abs() < 1e-11, "{cell}");
        }
        assert!(fast.is_noisy());
        let mut untouched = vec![1f32; 100];
        fast.freeze(&mut untouched, &patch(&noise));
        assert!(untouched.iter().all(|g| g.to_bits() == 1f32.to_bits()));
    }
}
