//! Cut layers into blocks and fragments and place them on crossbars and tiles: a plan.
//!
//! Principal types: [`Plan`], [`LayerPlan`], [`Block`]; [`map`] makes them; [`heat`] says when cells may be written.
//! Draws no number and runs nothing.

#![cfg_attr(test, allow(clippy::float_cmp))]

mod assign;
mod duplicate;
mod error;
mod flow;
pub mod heat;
mod place;
mod plan;
pub mod repair;
mod shape;
mod traffic;
mod window;

pub use assign::{assign, cheapest};
pub use duplicate::{Demand, balanced, equal, slowest_s};
pub use error::Error;
pub use flow::{FlowNode, Needs};
pub use plan::{Block, BlockId, LayerPlan, Plan, map, map_shapes};
pub use shape::{MvmShape, Shapes};
pub use traffic::{Cargo, Load, Message, Stream, Traffic};
