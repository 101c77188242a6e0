//! Arrays of cells on lines with resistance: as a matrix where cells are linear, else point by point.
//!
//! An array of linear cells is a linear network: the currents into the sense terminals are a matrix times the
//! voltages of the sources. [`effective`] computes that matrix exactly; [`Solver`] does it for many
//! arrays of one size. Cells with a law of their own are solved by [`NonlinearSolver`]. Knows matrices,
//! conductances and laws only; `docs/physics/wires.md` and `nonlinear.md` tell the physics.

// tables and networks read best by index; a resistance is zero or it is not
#![allow(clippy::needless_range_loop, clippy::float_cmp)]

mod approximate;
mod array;
mod check;
mod floating;
mod ladder;
mod lines;
mod newton;
mod plan;
mod solve;
mod substitute;
mod tree;

pub use approximate::{Approximation, approximate};
pub use array::{Solver, effective};
pub use check::Balance;
pub use lines::{Error, Lines, SenseEnd, Undriven};
pub use newton::{CellCurrent, Drive, Law, NewtonOptions, NonlinearSolver, OperatingPoint, chords};

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;
