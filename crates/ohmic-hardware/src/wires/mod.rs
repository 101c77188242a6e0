//! Wires: the resistance of word and bit lines, of their drivers and of the sense inputs.
//!
//! To add one: 1. write `wires/<name>.rs` with a `KIND` (copy `exact.rs`); 2. add `mod <name>;` below;
//! 3. add `<name>::KIND` to [`KINDS`].

mod approximate;
mod exact;
mod none;

use crate::spec::CrossbarSpec;
use ohmic_config::{Dimension, Error, KeyDoc, Kind, Section};
use ohmic_numerics::wires::{Lines, SenseEnd};
use std::fmt::Debug;
use std::ops::Range;

/// Every model of wires there is.
pub const KINDS: &[Kind<dyn WireModel>] = &[none::KIND, exact::KIND, approximate::KIND];

/// Lines without resistance: what a file without `[wires]` says.
pub fn none() -> Box<dyn WireModel> {
    Box::new(none::None)
}

/// What lines do to the currents of a crossbar.
pub trait WireModel: Debug + Send + Sync {
    /// The lines and how their effect is computed; `None` if they have none.
    fn wires(&self) -> Option<Wires> {
        None
    }
}

/// The lines of a crossbar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wires {
    /// Resistances, for a crossbar that is in use to its edges.
    pub lines: Lines,
    /// How their effect is computed.
    pub method: Method,
}

/// How the effect of lines is computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// Exactly; rows that are not driven in a read are as told.
    Exact(UndrivenRows),
    /// Approximately, if the error of any column is certain to stay below this fraction of its current with all
    /// rows driven; rows that are not driven are at 0 V.
    Approximate(f64),
}

/// What the word lines do that are not driven in a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UndrivenRows {
    /// Their drivers hold them at 0 V.
    Grounded,
    /// Their drivers are off.
    Floating,
}

impl Wires {
    /// The lines as cells in some rows and columns of a crossbar see them: up to drivers and sense inputs they
    /// pass over unused cells, which conduct nothing.
    pub fn seen_from(&self, rows: Range<usize>, columns: Range<usize>, crossbar: &CrossbarSpec) -> Lines {
        let lines = self.lines;
        let below = match lines.sensed_at {
            SenseEnd::Bottom => crossbar.rows - rows.end,
            SenseEnd::Top => rows.start,
        };
        Lines {
            driver_ohm: lines.driver_ohm + columns.start as f64 * lines.row_segment_ohm,
            far_driver_ohm: lines
                .far_driver_ohm
                .map(|far| far + (crossbar.cols - columns.end) as f64 * lines.row_segment_ohm),
            sense_ohm: lines.sense_ohm + below as f64 * lines.column_segment_ohm,
            ..lines
        }
    }
}

const MOST_OHM: f64 = 1e6;
const ROW_SEGMENT: KeyDoc = KeyDoc::quantity(
    "row_segment",
    Dimension::Resistance,
    "resistance of a word line between two neighbouring cells",
)
.at_least(0.0)
.at_most(MOST_OHM);
const COLUMN_SEGMENT: KeyDoc = KeyDoc::quantity(
    "column_segment",
    Dimension::Resistance,
    "resistance of a bit line between two neighbouring cells",
)
.at_least(0.0)
.at_most(MOST_OHM);
const DRIVER_RESISTANCE: KeyDoc = KeyDoc::quantity(
    "driver_resistance",
    Dimension::Resistance,
    "resistance between a source and the end of its word line; \"0 Ohm\" is an ideal source",
)
.at_least(0.0)
.at_most(MOST_OHM);
const SENSE_RESISTANCE: KeyDoc = KeyDoc::quantity(
    "sense_resistance",
    Dimension::Resistance,
    "resistance between the end of a bit line and virtual ground; \"0 Ohm\" is an ideal sense amplifier",
)
.at_least(0.0)
.at_most(MOST_OHM);
const DRIVEN_FROM: KeyDoc = KeyDoc::choice(
    "driven_from",
    &[("left", "the end of column 0; the other is open"), ("both", "both ends, each through a driver")],
    "ends at which word lines are driven",
);
const SENSED_AT: KeyDoc = KeyDoc::choice(
    "sensed_at",
    &[("bottom", "beyond the last row"), ("top", "before row 0")],
    "end of bit lines at which current is sensed; the other is open",
);

/// The keys that say what lines are like.
fn lines(s: &Section<'_>) -> Result<Lines, Error> {
    let ohm = |key: &KeyDoc| {
        let ohm = s.quantity(key)?;
        if ohm > 0.0 && ohm < 1e-9 {
            let problem = format!("{ohm:e} Ohm is next to nothing");
            let help = "\"0 Ohm\" for a line without resistance, or at least 1e-9 Ohm".to_owned();
            return Err(s.invalid(key.key, problem, vec![], Some(help)));
        }
        Ok(ohm)
    };
    let driver_ohm = ohm(&DRIVER_RESISTANCE)?;
    Ok(Lines {
        row_segment_ohm: ohm(&ROW_SEGMENT)?,
        column_segment_ohm: ohm(&COLUMN_SEGMENT)?,
        driver_ohm,
        far_driver_ohm: (s.choice(&DRIVEN_FROM)? == "both").then_some(driver_ohm),
        sense_ohm: ohm(&SENSE_RESISTANCE)?,
        sensed_at: if s.choice(&SENSED_AT)? == "top" { SenseEnd::Top } else { SenseEnd::Bottom },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: &str = "row_segment = \"1 Ohm\"\ncolumn_segment = \"2 Ohm\"\ndriver_resistance = \"10 Ohm\"\n\
                        sense_resistance = \"20 Ohm\"\n";

    fn built(more: &str) -> Wires {
        exact::KIND.build_text(&format!("{KEYS}{more}")).unwrap().wires().unwrap()
    }

    /// Hand: in a crossbar of 10 x 12, rows 2..5 and columns 3..7 have 3 segments of 1 ohm to the left, 5 to the
    /// right, 5 of 2 ohm below and 2 above.
    #[test]
    fn unused_cells_leave_their_wires() {
        let crossbar = CrossbarSpec {
            rows: 10,
            cols: 12,
            rows_per_read: 10,
            dummy_column: crate::DummyColumn::None,
            v_read_volt: 0.2,
            t_read_s: 1e-7,
            adcs: 1,
            adc_rate_hz: 1e9,
        };
        let seen = |w: Wires| w.seen_from(2..5, 3..7, &crossbar);
        let lines = seen(built("driven_from = \"both\"\nsensed_at = \"bottom\""));
        assert_eq!((lines.driver_ohm, lines.far_driver_ohm, lines.sense_ohm), (13.0, Some(15.0), 30.0));
        let lines = seen(built("driven_from = \"left\"\nsensed_at = \"top\""));
        assert_eq!((lines.driver_ohm, lines.far_driver_ohm, lines.sense_ohm), (13.0, None, 24.0));
    }
}
