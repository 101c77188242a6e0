//! The machine's peaks: arithmetic in registers, and copying.

use crate::Figure;
use crate::case::Outcomes;
use crate::error::Problem;
use crate::machine::Machine;
use crate::timing::{Pace, Work, compare};
use ohmic_numerics::kernel::{Peak, spin};
use rayon::ThreadPool;
use rayon::prelude::*;

/// Bytes that are copied: more than caches hold.
const COPIED: usize = 128 << 20;

/// Rounds that take a few milliseconds.
fn rounds(pace: Pace) -> u64 {
    match pace {
        Pace::Full => 1 << 20,
        Pace::Quick => 1 << 12,
    }
}

/// One repetition of a peak on all threads of a pool; the multiply-adds done.
fn spin_all(pool: &ThreadPool, peak: Peak, pace: Pace) -> f64 {
    pool.broadcast(|_| spin(peak, rounds(pace))).into_iter().sum::<u64>() as f64
}

/// A peak with each number of threads, held against the same with one thread.
pub(crate) fn arithmetic(machine: &Machine, peak: Peak) -> Result<Outcomes, Problem> {
    let pace = machine.pace;
    let single = &machine.pools()[0].1;
    let each = spin(peak, rounds(pace)) as f64;
    let figure = |(threads, pool): &(usize, ThreadPool)| {
        let figure = compare(
            pace,
            Work { amount: each * *threads as f64, once: &mut || done(spin_all(pool, peak, pace)) },
            Work { amount: each, once: &mut || done(spin_all(single, peak, pace)) },
        )?;
        Ok((*threads, Ok(figure)))
    };
    machine.pools().iter().map(figure).collect()
}

/// Copying from one large array to another, bytes read and bytes written both counted.
pub(crate) fn copy(machine: &Machine) -> Result<Outcomes, Problem> {
    let bytes = if machine.pace == Pace::Full { COPIED } else { COPIED >> 6 };
    let from = vec![1u8; bytes];
    let mut to = vec![2u8; bytes];
    let mut outcomes = Outcomes::new();
    let single = &machine.pools()[0].1;
    for (threads, pool) in machine.pools() {
        let to = std::cell::RefCell::new(&mut to);
        let copy = |pool: &ThreadPool, threads: usize| {
            let piece = bytes.div_ceil(threads);
            let to: &mut [u8] = &mut to.borrow_mut();
            pool.install(|| {
                to.par_chunks_mut(piece)
                    .zip(from.par_chunks(piece))
                    .for_each(|(to, from)| to.copy_from_slice(from));
            });
            done(0.0)
        };
        let amount = 2.0 * bytes as f64;
        let figure = compare(
            machine.pace,
            Work { amount, once: &mut || copy(pool, *threads) },
            Work { amount, once: &mut || copy(single, 1) },
        )?;
        outcomes.push((*threads, Ok(figure)));
    }
    Ok(outcomes)
}

/// A rate of multiply-adds held against the `f32` peak of the same threads.
pub(crate) fn against_fma(
    pool: &ThreadPool,
    pace: Pace,
    multiply_adds: f64,
    once: &mut dyn FnMut() -> Result<(), Problem>,
) -> Result<Figure, Problem> {
    let amount = spin_all(pool, Peak::FmaF32, pace);
    compare(
        pace,
        Work { amount: multiply_adds, once },
        Work { amount, once: &mut || done(spin_all(pool, Peak::FmaF32, pace)) },
    )
}

#[allow(clippy::unnecessary_wraps)]
fn done(value: f64) -> Result<(), Problem> {
    std::hint::black_box(value);
    Ok(())
}
