//! What a stage's value depends on, in words: the keys of what points share.
//!
//! A stage's key holds the whole resolved hardware file but for what is listed here as not read by it. So a
//! section or key that is new is in every stage's key until somebody lists it, which costs reuse but never
//! rightness; and the test below changes every key of every section and part that is documented, and
//! demands that the stage's value stays the same to the bit where its key does.

use ohmic_hardware::{Hardware, RangePer};
use ohmic_network::LayerId;
use toml::{Table, Value};

/// Keys and sections that stand behind the cells: no stage here reads them.
const BEHIND: &[&str] = &[
    "name",
    "summary",
    "adc",
    "hierarchy",
    "schedule",
    "interconnect",
    "component",
    "compensation",
    "crossbar.adcs",
    "crossbar.adc_rate",
];

/// What encoding and calibration do not read beside: their cells are nominal.
const NOMINAL: &[&str] =
    &["device", "variation", "rtn", "write", "conditions", "fault", "crossbar.v_read", "crossbar.t_read"];

/// What programming does not read beside: the integers of the weights are in its key themselves.
const INPUTS: &[&str] = &["precision", "dac"];

/// What cells right after programming do not depend on beside.
const FRESH: &[&str] = &["conditions.elapsed"];

/// The keys of what the stages of one point compute.
#[derive(Clone, Debug)]
pub(crate) struct StageKeys {
    pub(crate) encoding: String,
    pub(crate) calibration: String,
    cells: String,
    /// The same without the time that has gone by.
    fresh: String,
    /// What the weights of each layer are.
    weights: Vec<String>,
}

/// When cells are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Age {
    /// After the time that the conditions say.
    Now,
    /// Right after programming, whatever they say.
    Fresh,
}

impl StageKeys {
    /// The keys for a machine, for integers that `same_integers` describes and the weights among them.
    pub(crate) fn new(hardware: &Hardware, same_integers: &str, weights: &[String]) -> Self {
        let resolved = Resolved::new(hardware.resolved());
        let nominal = resolved.without(&[BEHIND, NOMINAL]);
        // of the device, nominal cells have the window
        let window = hardware.device().window();
        let encoding = format!("{same_integers}\n{nominal}");
        if hardware.device().current_law().is_some() {
            // nominal cells have a law too, and cells a matrix for each voltage that inputs are driven with
            let of = |unread: &[&[&str]]| {
                let rest = resolved.without(unread);
                format!("{same_integers}\n{}\n{rest}", sharing(hardware))
            };
            let (all, fresh) = (of(&[BEHIND]), of(&[BEHIND, FRESH]));
            return Self { encoding, calibration: all.clone(), cells: all, fresh, weights: weights.to_vec() };
        }
        Self {
            encoding,
            calibration: format!("{same_integers}\n{window:?}\n{}\n{nominal}", sharing(hardware)),
            fresh: resolved.without(&[BEHIND, INPUTS, FRESH]),
            cells: resolved.without(&[BEHIND, INPUTS]),
            weights: weights.to_vec(),
        }
    }

    /// The key of the moments of cells: of everything that cells are computed from but the weights.
    pub(crate) fn moments(&self) -> &str {
        &self.cells
    }

    /// The key of the cells of one layer of one chip instance.
    pub(crate) fn cells(&self, id: LayerId, seed: u64, trial: u32, age: Age) -> String {
        let weights = self.weights.get(id.0 as usize).map_or("", String::as_str);
        let (age, machine) = match age {
            Age::Now => ("", &self.cells),
            Age::Fresh => (" fresh", &self.fresh),
        };
        format!("layer {} weights {weights} seed {seed} chip {trial}{age}\n{machine}", id.0)
    }
}

/// Which converters share a range: all that calibration knows of what stands behind the cells.
fn sharing(hardware: &Hardware) -> String {
    let (per, hierarchy) = (hardware.adc().range_per(), hardware.hierarchy());
    match per {
        RangePer::Layer | RangePer::Crossbar => format!("{per:?}"),
        RangePer::Tile => format!("{per:?} {}", hierarchy.crossbars_per_macro * hierarchy.macros_per_tile),
        RangePer::ColumnGroup => format!("{per:?} {}", hardware.crossbar().adcs),
    }
}

/// A hardware file, read once for all keys.
struct Resolved<'a> {
    text: &'a str,
    table: Option<Table>,
}

impl<'a> Resolved<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, table: text.parse().ok() }
    }

    /// It without some of its keys and sections.
    fn without(&self, unread: &[&[&str]]) -> String {
        let Some(mut table) = self.table.clone() else { return self.text.to_owned() };
        for path in unread.iter().copied().flatten() {
            match path.split_once('.') {
                Some((section, key)) => {
                    let Some(Value::Table(inside)) = table.get_mut(section) else { continue };
                    inside.remove(key);
                    // a section of which nothing is read says as much as none
                    if inside.is_empty() {
                        table.remove(section);
                    }
                }
                None => {
                    table.remove(*path);
                }
            }
        }
        table.to_string()
    }
}

#[cfg(test)]
mod tests;
