//! Train networks: layer-wise backward, optimizers, recipes.
//!
//! [`train`] runs a recipe file ([`Recipe`]) to a trained network beside it. Everything that decides
//! the weights stands in the recipe; everything random is drawn by address, so that neither threads
//! nor interruptions change a bit. [`batch_gradient`] is the step's arithmetic by itself.
//!
//! Left out: noise-injected and quantization-aware training, ADMM, recurrent networks, batch
//! normalisation.

mod checkpoint;
mod error;
mod gradient;
mod init;
mod model;
pub mod optimizer;
mod order;
pub mod recipe;
mod schedule;
mod train;

pub use error::Error;
pub use gradient::{BatchGradient, batch_gradient};
pub use init::Init;
pub use optimizer::Optimizer;
pub use recipe::Recipe;
pub use schedule::{Course, Schedule};
pub use train::{EpochReport, Options, Progress, Silent, Start, StepReport, Trained, train};
