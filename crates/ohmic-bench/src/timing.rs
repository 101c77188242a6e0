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

/// What was seen of a work.
pub(crate) struct Seen {
    /// Shortest time in seconds.
    pub(crate) best: f64,
    /// How far the median lies above it, as a fraction.
    pub(crate) spread: f64,
    /// Number of repetitions.
    pub(crate) repetitions: usize,
}

type Once<'a> = &'a mut dyn FnMut() -> Result<(), Problem>;

/// The times of two works, done in turn after a warm-up: what disturbs one for a while disturbs both.
pub(crate) fn seconds_of(pace: Pace, work: Once<'_>, reference: Once<'_>) -> Result<(Seen, Seen), Problem> {
    let (least, most, time) = pace.limits();
    let (mut works, mut references) = (Vec::new(), Vec::new());
    if pace == Pace::Full {
        seconds(work)?;
        seconds(reference)?;
    }
    let start = Instant::now();
    while works.len() < least || (works.len() < most && start.elapsed() < time) {
        works.push(seconds(work)?);
        references.push(seconds(reference)?);
    }
    Ok((seen(works), seen(references)))
}

/// The rates of two works, done in turn.
pub(crate) fn compare(pace: Pace, work: Work<'_>, reference: Work<'_>) -> Result<Figure, Problem> {
    let (own, other) = seconds_of(pace, work.once, reference.once)?;
    Ok(Figure {
        rate: work.amount / own.best,
        reference: reference.amount / other.best,
        spread: own.spread,
        repetitions: own.repetitions,
    })
}

fn seconds(once: Once<'_>) -> Result<f64, Problem> {
    let start = Instant::now();
    once()?;
    Ok(start.elapsed().as_secs_f64().max(1e-9))
}

/// The best of all times, and how far the median lies above it.
fn seen(mut times: Vec<f64>) -> Seen {
    times.sort_unstable_by(f64::total_cmp);
    let best = times[0];
    Seen { best, spread: times[times.len() / 2] / best - 1.0, repetitions: times.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_and_how_far_the_median_is() {
        // sorted 2, 3, 4: best 2, median 3, half above it
        let all = seen(vec![4.0, 2.0, 3.0]);
        assert_eq!((all.best, all.spread, all.repetitions), (2.0, 0.5, 3));
        let one = seen(vec![7.0]);
        assert_eq!((one.best, one.spread), (7.0, 0.0));
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
