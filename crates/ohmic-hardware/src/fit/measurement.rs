//! What a measurement file says, and the raw files that it names.

use crate::Error;
use ohmic_config::csv::{cells, lines, separator};
use ohmic_config::{Dimension, Document, KeyDoc, Place, Section, SourceText};
use ohmic_numerics::stats::mean;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

const NAME: KeyDoc = KeyDoc::text("name", "name of the device that is made");
const SOURCE: KeyDoc = KeyDoc::text("source", "where the measurement comes from: chip, paper, repository");
const READ_SETS: KeyDoc = KeyDoc::table(
    "reads",
    "one table for each file of reads, `[reads.<name>]`; the earliest gives the states",
);

/// Keys of a measurement file.
pub const KEYS: &[KeyDoc] = &[NAME, SOURCE, READ_SETS];

const FILE: KeyDoc = KeyDoc::text("file", "path of the raw reads, relative to the measurement file");
const ELAPSED: KeyDoc =
    KeyDoc::quantity("elapsed", Dimension::Time, "time from programming to these reads").above(0.0);
const TEMPERATURE: KeyDoc =
    KeyDoc::quantity("temperature", Dimension::Temperature, "temperature of the cells over that time")
        .above(0.0)
        .optional("nothing is said");
const UNIT: KeyDoc = KeyDoc::choice(
    "unit",
    &[
        ("S", "conductance in siemens"),
        ("mS", "conductance in millisiemens"),
        ("uS", "conductance in microsiemens"),
        ("nS", "conductance in nanosiemens"),
        ("Ohm", "resistance in ohm"),
        ("kOhm", "resistance in kiloohm"),
        ("MOhm", "resistance in megaohm"),
    ],
    "what the numbers are",
);
const COLUMN: KeyDoc =
    KeyDoc::integer("column", 1, 10_000, "column of the reads, the first is 1").optional("1");
const TARGET_COLUMN: KeyDoc =
    KeyDoc::integer("target_column", 1, 10_000, "column of the target, in the unit of the reads")
        .optional("lines go through `states` in turn, and a state's target is the mean of its cells");
const STATES: KeyDoc =
    KeyDoc::integer("states", 2, 4096, "number of states that the lines go through in turn")
        .optional("target_column says the states");
const SHIFT_EVERY: KeyDoc = KeyDoc::integer(
    "shift_every",
    1,
    1_000_000,
    "lines after which the turn begins one state later: state of line i = (i + i / shift_every) mod states",
)
.optional("it never shifts");
const CELLS: KeyDoc = KeyDoc::integer(
    "cells",
    1,
    100_000_000,
    "number of cells; further lines read them again, in the same order",
)
.optional("every line is another cell");
const HEADER_LINES: KeyDoc =
    KeyDoc::integer("header_lines", 0, 1000, "lines before the first read").optional("none");

/// Keys of one `[reads.<name>]` of a measurement file.
pub const READS: &[KeyDoc] =
    &[FILE, ELAPSED, TEMPERATURE, UNIT, COLUMN, TARGET_COLUMN, STATES, SHIFT_EVERY, CELLS, HEADER_LINES];

/// Reads of many cells, at one or more times after programming.
#[derive(Clone, Debug)]
pub struct Measurement {
    /// Name of the device.
    pub name: String,
    /// Where the measurement comes from.
    pub source: String,
    /// The sets of reads, in the order of the file.
    pub sets: Vec<ReadSet>,
    place: Place,
}

/// Reads of cells at one time after programming.
#[derive(Clone, Debug)]
pub struct ReadSet {
    /// Its name in the measurement file.
    pub name: String,
    /// Time since programming, in seconds.
    pub elapsed_s: f64,
    /// Temperature over that time, in kelvin.
    pub temperature_kelvin: Option<f64>,
    /// The cells, in the order of the file.
    pub cells: Vec<ReadCell>,
    place: Place,
}

/// One cell and what was read of it.
#[derive(Clone, Debug)]
pub struct ReadCell {
    /// Number of its state, from 0 in the order in which the file shows them.
    pub state: usize,
    /// Conductance that it was programmed to, in siemens, if the file says it.
    pub target_siemens: Option<f64>,
    /// What was read, in siemens: one a read, at least one.
    pub reads_siemens: Vec<f64>,
}

impl ReadCell {
    /// Mean of its reads, in siemens.
    pub fn mean(&self) -> f64 {
        mean(&self.reads_siemens)
    }
}

impl Measurement {
    /// Reads a measurement file and the raw files that it names.
    ///
    /// # Errors
    /// A file cannot be read, or anything in it is wrong: with file, line, column and the way out.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let document = Document::read(path)?;
        let root = Section::root(&document, KEYS)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let (name, source) = (root.text(&NAME)?, root.text(&SOURCE)?);
        let sets = root
            .named_sections(&READ_SETS)?
            .into_iter()
            .map(|(name, section)| read_set(name, &section.with_keys(READS)?, folder))
            .collect::<Result<Vec<_>, Error>>()?;
        Ok(Self { name, source, sets, place: root.place().clone() })
    }

    pub(super) fn refused(&self, problem: String) -> Error {
        let help = Some(format!("`{}`: {}", READ_SETS.key, READ_SETS.meaning));
        let (place, path) = (self.place.clone(), READ_SETS.key.to_owned());
        ohmic_config::Error::Invalid { place, path, problem, also: vec![], help }.into()
    }
}

impl ReadSet {
    /// Indices of the cells of each state.
    pub(super) fn states(&self) -> Vec<Vec<usize>> {
        let states = self.cells.iter().map(|c| c.state + 1).max().unwrap_or(0);
        let mut out = vec![Vec::new(); states];
        self.cells.iter().enumerate().for_each(|(i, cell)| out[cell.state].push(i));
        out
    }

    pub(super) fn refused(&self, problem: String) -> Error {
        let (place, path) = (self.place.clone(), format!("reads.{}", self.name));
        ohmic_config::Error::Invalid { place, path, problem, also: vec![], help: None }.into()
    }
}

/// The conductance that a number is, in siemens.
fn siemens(number: f64, unit: &str) -> f64 {
    match unit {
        "S" => number,
        "mS" => number * 1e-3,
        "uS" => number * 1e-6,
        "nS" => number * 1e-9,
        "Ohm" => 1.0 / number,
        "kOhm" => 1e-3 / number,
        _ => 1e-6 / number,
    }
}

/// The lines of one raw file.
struct Raw {
    source: Arc<SourceText>,
    unit: &'static str,
}

impl Raw {
    fn invalid(&self, span: Range<usize>, problem: String) -> Error {
        let place = Place::new(self.source.clone(), span);
        let path = self.source.path.clone();
        ohmic_config::Error::Invalid { place, path, problem, also: vec![], help: None }.into()
    }

    fn number(&self, line: &Range<usize>, column: usize) -> Result<f64, Error> {
        let text = &self.source.text;
        let row = cells(text, line.clone(), separator(&text[line.clone()]));
        let Some(span) = row.get(column - 1).cloned() else {
            return Err(self.invalid(line.clone(), format!("no column {column}: the line has {}", row.len())));
        };
        let word = &text[span.clone()];
        let resistance = self.unit.ends_with("Ohm");
        match word.parse::<f64>() {
            Ok(v) if v.is_finite() && (v > 0.0 || v >= 0.0 && !resistance) => Ok(siemens(v, self.unit)),
            Ok(v) if v.is_finite() => {
                let of = if resistance { "a resistance above 0" } else { "a conductance of 0 or more" };
                Err(self.invalid(span, format!("{word} {} is not {of}", self.unit)))
            }
            _ => Err(self.invalid(span, format!("`{word}` is not a finite number"))),
        }
    }
}

fn read_set(name: &str, s: &Section<'_>, folder: &Path) -> Result<ReadSet, Error> {
    s.exactly_one(&[&STATES, &TARGET_COLUMN])?;
    let file = folder.join(s.text(&FILE)?);
    let text = std::fs::read_to_string(&file)
        .map_err(|e| s.invalid(FILE.key, format!("cannot read {}: {e}", file.display()), vec![], None))?;
    let unit = s.choice(&UNIT)?;
    let raw = Raw { source: Arc::new(SourceText { path: file.display().to_string(), text }), unit };
    let column = s.integer_if(&COLUMN)?.map_or(1, |c| c as usize);
    let target_column = s.integer_if(&TARGET_COLUMN)?.map(|c| c as usize);
    let (states, shift) = (s.integer_if(&STATES)?, s.integer_if(&SHIFT_EVERY)?);
    let skipped = s.integer_if(&HEADER_LINES)?.unwrap_or(0) as usize;
    let read: Vec<Range<usize>> = lines(&raw.source.text).skip(skipped).collect();
    let count = s.integer_if(&CELLS)?.map_or(read.len(), |c| c as usize);
    if read.is_empty() {
        return Err(raw.invalid(0..0, "the file has no reads".to_owned()));
    }
    if !read.len().is_multiple_of(count) {
        let problem = format!("{} lines are not {count} cells read a whole number of times", read.len());
        return Err(s.invalid(CELLS.key, problem, vec![], None).into());
    }
    let mut targets: Vec<f64> = Vec::new();
    let mut cells: Vec<ReadCell> = Vec::with_capacity(count);
    for (i, line) in read.iter().enumerate() {
        let (state, target_siemens) = match (target_column, states) {
            (Some(column), _) => {
                let target = raw.number(line, column)?;
                let known = targets.iter().position(|t| t.to_bits() == target.to_bits());
                let state = known.unwrap_or_else(|| {
                    targets.push(target);
                    targets.len() - 1
                });
                (state, Some(target))
            }
            (None, states) => {
                let turn = i + shift.map_or(0, |n| i / n as usize);
                (turn % states.unwrap_or(2) as usize, None)
            }
        };
        let g = raw.number(line, column)?;
        match cells.get_mut(i % count) {
            None => cells.push(ReadCell { state, target_siemens, reads_siemens: vec![g] }),
            Some(cell) if cell.state == state => cell.reads_siemens.push(g),
            Some(cell) => {
                let problem = format!(
                    "cell {} is in state {state} here and in state {} when it was first read",
                    i % count,
                    cell.state
                );
                return Err(raw.invalid(line.clone(), problem));
            }
        }
    }
    Ok(ReadSet {
        name: name.to_owned(),
        elapsed_s: s.quantity(&ELAPSED)?,
        temperature_kelvin: s.quantity_if(&TEMPERATURE)?,
        cells,
        place: s.place().clone(),
    })
}
