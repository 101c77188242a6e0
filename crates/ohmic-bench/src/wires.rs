//! The matrix of an array with resistance in its wires, against a large float product.

use crate::Figure;
use crate::case::Outcomes;
use crate::error::Problem;
use crate::machine::Machine;
use crate::setup::uniform;
use crate::timing::{Pace, seconds_of};
use ohmic_numerics::Mat;
use ohmic_numerics::kernel::{Op, gemm_f32};
use ohmic_numerics::wires::{Lines, SenseEnd, Solver, Undriven};

/// Side of the float product.
const PRODUCT: usize = 2048;

/// Seconds for one array of `size × size` cells of 1 to 100 uS, lines of 1 ohm a cell, drivers and sense
/// inputs of 10 ohm. One thread; the plan, shared by all arrays of a size, is made before.
pub(crate) fn run(machine: &Machine, size: usize) -> Result<Outcomes, Problem> {
    let quick = machine.pace == Pace::Quick;
    let (size, product) = if quick { (size / 16, PRODUCT / 16) } else { (size, PRODUCT) };
    let lines = Lines {
        row_segment_ohm: 1.0,
        column_segment_ohm: 1.0,
        driver_ohm: 10.0,
        far_driver_ohm: None,
        sense_ohm: 10.0,
        sensed_at: SenseEnd::Bottom,
    };
    let cells = Mat::from_fn(size, size, |r, c| 1e-6 + 99e-6 * f64::from(uniform(6, r * size + c)));
    let mut solver = Solver::new(size, size, &lines, &Undriven::Grounded)?;
    let values = |stream| -> Vec<f32> { (0..product * product).map(|i| uniform(stream, i) - 0.5).collect() };
    let (a, b) = (values(7), values(8));
    let mut c = vec![0.0; product * product];
    let mut matrix = || {
        std::hint::black_box(solver.effective(cells.view())?);
        Ok(())
    };
    let mut multiply = || {
        gemm_f32([product; 3], (&a, Op::Plain), (&b, Op::Plain), 0.0, &mut c);
        std::hint::black_box(&c);
        Ok(())
    };
    let (own, other) =
        machine.pools()[0].1.install(|| seconds_of(machine.pace, &mut matrix, &mut multiply))?;
    let figure =
        Figure { rate: own.best, reference: other.best, spread: own.spread, repetitions: own.repetitions };
    Ok(vec![(1, Ok(figure))])
}
