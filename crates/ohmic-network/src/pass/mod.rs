//! Passes: functions that transform a network into one that gives the same answers.

mod fold_batch_norm;

pub use fold_batch_norm::fold_batch_norm;
