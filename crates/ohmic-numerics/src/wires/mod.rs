//! Arrays of linear cells on lines with resistance, as a matrix.
//!
//! Such an array is a linear network: the currents into the sense terminals are a matrix times the
//! voltages of the sources. [`effective`] computes that matrix exactly; [`Solver`] does it for many
//! arrays of one size. Knows matrices and conductances only; `docs/physics/wires.md` tells the physics.

// tables and networks read best by index; a resistance is zero or it is not
#![allow(clippy::needless_range_loop, clippy::float_cmp)]

mod approximate;
mod array;
mod check;
mod floating;
mod ladder;
mod lines;
mod plan;
mod solve;
mod tree;

pub use approximate::{Approximation, approximate};
pub use array::{Solver, effective};
pub use check::Balance;
pub use lines::{Error, Lines, SenseEnd, Undriven};

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;
