//! Flat results: columns with name, unit and meaning; records and tables; CSV, JSON and Parquet; the
//! crash-safe store that a sweep appends its finished points to.
//!
//! [`Column`], [`Value`], [`Record`] and [`Table`] are the data; [`Table::to_csv`], [`Table::to_json`] and
//! [`Table::to_parquet`] write it, the same bytes for the same table; [`Store`] keeps records while a sweep runs.
//!
//! Left out: nothing is computed here (see `ohmic-metrics`), nothing is drawn (see `ohmic-report`).
#![warn(missing_docs)]

mod column;
mod error;
mod export;
mod record;
mod store;
mod table;
mod write;

pub use column::Column;
pub use error::Error;
pub use record::{Record, Value};
pub use store::{JOURNAL, MANIFEST, Manifest, Store};
pub use table::Table;
pub use write::write_atomically;
