//! Who computes a point.

use crate::Point;
use ohmic_results::{Column, Record};
use rayon::ThreadPool;

/// A point made ready to run.
#[derive(Debug)]
pub struct Prepared<C> {
    /// What [`Evaluate::evaluate`] needs: parsed hardware, loaded network and data.
    pub case: C,
    /// The hardware as TOML text with presets and settings merged in; written beside the results.
    pub resolved: String,
    /// What else decides the results: hashes of network and data, versions of the model.
    pub identity: String,
}

/// Whoever computes the trials (chip instances) of the points.
pub trait Evaluate: Sync {
    /// A point made ready to run: everything it names, read and checked.
    type Case: Send + Sync;
    /// What the trials of a point share; lives only while they run.
    type Design<'a>: Send + Sync
    where
        Self: 'a;

    /// Reads and checks everything the point names. Called for every point before the first one runs, for several
    /// at once; `pool` is as for [`Evaluate::design`].
    ///
    /// # Errors
    /// The full message for the user.
    fn prepare(&self, point: &Point, pool: &ThreadPool) -> Result<Prepared<Self::Case>, String>;

    /// Settles how each point is evaluated and with how many trials, where that depends on the others. Called
    /// once, when all points are read; the same for the same points.
    ///
    /// # Errors
    /// Why a point cannot be looked at.
    fn choose(&self, cases: &[&Self::Case], points: &mut [Point], pool: &ThreadPool) -> Result<(), String> {
        let _ = (cases, points, pool);
        Ok(())
    }

    /// How many trials of these points may be in flight at once with so many threads; more than there are
    /// threads, so that none is idle while a trial is written down, unless memory is short. Called once,
    /// when all points are read and before the first one runs.
    ///
    /// # Errors
    /// Not even one fits; the message says what is needed.
    fn in_flight(&self, cases: &[&Self::Case], threads: usize) -> Result<usize, String> {
        let _ = cases;
        Ok(threads + 1)
    }

    /// What the trials of the point share. Work is done on the threads of `pool`; the caller is none of
    /// them, so that it may wait for what others compute.
    ///
    /// # Errors
    /// Why this point cannot be computed; all its trials then fail with this message, and the sweep goes on.
    fn design<'a>(
        &'a self,
        case: &'a Self::Case,
        point: &Point,
        pool: &ThreadPool,
    ) -> Result<Self::Design<'a>, String>;

    /// Computes one trial: the same record for the same point and trial, whatever ran before it. `pool` is
    /// as for [`Evaluate::design`].
    ///
    /// # Errors
    /// Why this trial cannot be computed; the sweep keeps the message in its row and goes on.
    fn evaluate(
        &self,
        design: &Self::Design<'_>,
        point: &Point,
        trial: u32,
        pool: &ThreadPool,
    ) -> Result<Record, String>;

    /// The columns of the records that these cases give, in order.
    fn columns(&self, cases: &[&Self::Case]) -> Vec<Column>;
}
