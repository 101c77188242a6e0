//! Lines with resistance, solved exactly.

use super::{
    COLUMN_SEGMENT, DRIVEN_FROM, DRIVER_RESISTANCE, Method, ROW_SEGMENT, SENSE_RESISTANCE, SENSED_AT,
    UndrivenRows, WireModel, Wires, lines,
};
use ohmic_config::{KeyDoc, Kind};

const UNDRIVEN_ROWS: KeyDoc = KeyDoc::choice(
    "undriven_rows",
    &[("grounded", "their drivers hold them at 0 V"), ("floating", "their drivers are off")],
    "what the word lines do that lie outside the fragment that is read",
)
.optional("grounded");

pub(super) const KIND: Kind<dyn WireModel> = Kind {
    name: "exact",
    summary: "lines with resistance; the linear network is solved exactly, once for every programmed block",
    example: "row_segment = \"1 Ohm\"\ncolumn_segment = \"1 Ohm\"\ndriver_resistance = \"10 Ohm\"\nsense_resistance = \"10 Ohm\"\n\
              driven_from = \"left\"\nsensed_at = \"bottom\"",
    quiet: None,
    keys: &[
        ROW_SEGMENT,
        COLUMN_SEGMENT,
        DRIVER_RESISTANCE,
        SENSE_RESISTANCE,
        DRIVEN_FROM,
        SENSED_AT,
        UNDRIVEN_ROWS,
    ],
    build: |s| {
        let undriven = match s.choice_if(&UNDRIVEN_ROWS)? {
            Some("floating") => UndrivenRows::Floating,
            _ => UndrivenRows::Grounded,
        };
        Ok(Box::new(Exact(Wires { lines: lines(s)?, method: Method::Exact(undriven) })))
    },
};

/// Model: linear cells between word and bit lines of equal segments; see `docs/physics/wires.md`.
///
/// Cells with a law of their own: the matrix of the operating point with all rows of a read driven alike
/// (`docs/physics/nonlinear.md`). Left out: capacitance (the answer is that of a settled read), select transistors.
#[derive(Debug)]
struct Exact(Wires);

impl WireModel for Exact {
    fn wires(&self) -> Option<Wires> {
        (!self.0.lines.are_ideal()).then_some(self.0)
    }
}
