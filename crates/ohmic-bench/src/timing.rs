//! Repeated measurement of two things in turn.

use crate::Figure;
use crate::error::Problem;
use std::time::{Duration, Instant};

/// How much time a case may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Enough repetitions for a figure to keep.
    Full,
    /// One small repetition: that it runs, not how fast.
    Quick,
}

impl Pace {
    /// Repetitions there are at least and at most, and the time after which there is none more.
    fn limits(self) -> (usize, usize, Duration) {
        match self {
            Self::Full => (5, 200, Duration::from_millis(1500)),
            Self::Quick => (1, 1, Duration::ZERO),
        }
    }

    /// Time that one repetition should take at least.
    pub(crate) fn repetition(self) -> Duration {
        match self {
            Self::Full => Duration::from_millis(60),
            Self::Quick => Duration::ZERO,
        }
    }
}

/// Something that can be done again and again: what, and how much of it in one go.
pub(crate) struct Work<'a> {
    /// Units of the rate in one repetition.
    pub(crate) amount: f64,
    /// Does it once.
    pub(crate) once: &'a mut dyn FnMut() -> Result<(), Problem>,
}

/// The rates of two works, done in turn after a warm-up: what disturbs one for a while disturbs both.
pub(crate) fn compare(pace: Pace, mut work: Work<'_>, mut reference: Work<'_>) -> Result<Figure, Problem> {
    let (least, most, time) = pace.limits();
    let (mut works, mut references) = (Vec::new(), Vec::new());
    if pace == Pace::Full {
        seconds(&mut work)?;
        seconds(&mut reference)?;
    }
    let start = Instant::now();
    while works.len() < least || (works.len() < most && start.elapsed() < time) {
        works.push(seconds(&mut work)?);
        references.push(seconds(&mut reference)?);
    }
    let (best, spread) = best(&mut works);
    Ok(Figure {
        rate: work.amount / best,
        reference: reference.amount / self::best(&mut references).0,
        spread,
        repetitions: works.len(),
    })
}

fn seconds(work: &mut Work<'_>) -> Result<f64, Problem> {
    let start = Instant::now();
    (work.once)()?;
    Ok(start.elapsed().as_secs_f64().max(1e-9))
}

/// The best of all times, and how far the median lies above it.
fn best(times: &mut [f64]) -> (f64, f64) {
    times.sort_unstable_by(f64::total_cmp);
    let best = times[0];
    (best, times[times.len() / 2] / best - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_and_how_far_the_median_is() {
        // sorted 2, 3, 4: best 2, median 3, half above it
        assert_eq!(best(&mut [4.0, 2.0, 3.0]), (2.0, 0.5));
        assert_eq!(best(&mut [7.0]), (7.0, 0.0));
    }

    #[test]
    fn works_take_turns() {
        let order = std::cell::RefCell::new(String::new());
        let note = |name: char| {
            order.borrow_mut().push(name);
            Ok(())
        };
        let figure = compare(
            Pace::Full,
            Work { amount: 1.0, once: &mut || note('w') },
            Work { amount: 2.0, once: &mut || note('r') },
        )
        .unwrap();
        // the warm-up is a turn too
        assert_eq!(order.borrow().len(), 2 * (figure.repetitions + 1));
        assert!(order.borrow().as_bytes().chunks(2).all(|pair| pair == b"wr"));
    }
}
