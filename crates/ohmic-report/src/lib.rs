//! A results table becomes figures (SVG and PNG) and one self-contained page.
//!
//! [`report`] reads the folder of a sweep and writes `figures/` and `report.html` into it. The figures are the members
//! of [`plot::KINDS`]: each says itself whether a table has what it needs, and why not.
//!
//! Left out: nothing is simulated here; only tables are seen, so that any table with the columns of [`plot`] is drawn.
#![warn(missing_docs)]

mod canvas;
mod chart;
mod draw;
mod error;
mod folder;
mod page;
pub mod plot;
mod points;
mod scale;

pub use chart::{
    Bars, Chart, Figure, Histogram, Histograms, Join, LegendEntry, Lines, Panel, Reference, Series, Spot,
    Stack, YRange,
};
pub use draw::{png, svg};
pub use error::Error;
pub use folder::{Formats, Options, report};
pub use points::{Axis, Estimate, Points, Setting};
