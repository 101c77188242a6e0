//! Lines with resistance, with all but the shortest ways of current summed up by column.

use super::{
    COLUMN_SEGMENT, DRIVEN_FROM, DRIVER_RESISTANCE, Method, ROW_SEGMENT, SENSE_RESISTANCE, SENSED_AT,
    WireModel, Wires, lines,
};
use ohmic_config::{KeyDoc, Kind};

const ERROR_BOUND: KeyDoc = KeyDoc::number(
    "error_bound",
    "largest error of a column's current that is accepted, as a fraction of its current with all rows driven; \
     where the method cannot promise that, the run stops",
)
.above(0.0)
.at_most(1.0);

pub(super) const KIND: Kind<dyn WireModel> = Kind {
    name: "approximate",
    summary: "lines with resistance, in first order and with a bound on the error; for large crossbars with short or good lines",
    example: "row_segment = \"0.1 Ohm\"\ncolumn_segment = \"0.1 Ohm\"\ndriver_resistance = \"1 Ohm\"\n\
              sense_resistance = \"1 Ohm\"\ndriven_from = \"left\"\nsensed_at = \"bottom\"\nerror_bound = 0.01",
    quiet: None,
    keys: &[
        ROW_SEGMENT,
        COLUMN_SEGMENT,
        DRIVER_RESISTANCE,
        SENSE_RESISTANCE,
        DRIVEN_FROM,
        SENSED_AT,
        ERROR_BOUND,
    ],
    build: |s| {
        let method = Method::Approximate(s.number(&ERROR_BOUND)?);
        Ok(Box::new(Approximate(Wires { lines: lines(s)?, method })))
    },
};

/// Model: as `exact`, each cell's current by the one way through that cell, columns scaled to the sum of all
/// ways; rows that are not driven are at 0 V.
///
/// Left out: what `exact` leaves out; how currents over several cells spread over the rows of a column.
#[derive(Debug)]
struct Approximate(Wires);

impl WireModel for Approximate {
    fn wires(&self) -> Option<Wires> {
        (!self.0.lines.are_ideal()).then_some(self.0)
    }
}
