//! From raw measurements to the tables of a `measured` device: what `ohmic fit` computes.
//!
//! A measurement file ([`Measurement`]) says which files hold reads of which cells, in which states, how long
//! after programming. [`Fit`] reduces them to means and standard deviations per state, of the programmed
//! conductances and of their change over time, says how well a normal and a lognormal distribution describe
//! them, and writes the tables that `kind = "measured"` reads.
//!
//! Left out: mixtures, heavy tails (they show in the distances), temperatures between those measured.

mod goodness;
mod measurement;

pub use goodness::{Goodness, normal_quantile};
pub use measurement::{KEYS, Measurement, READS, ReadCell, ReadSet};

use crate::Error;
use ohmic_numerics::stats::{deviation, mean};

/// What was found about one state.
#[derive(Clone, Debug)]
pub struct StateFit {
    /// Conductance that the state was programmed to, in siemens; where no file says it, the mean.
    pub target_siemens: f64,
    /// Mean of the programmed cells, in siemens.
    pub mean_siemens: f64,
    /// Standard deviation from cell to cell after programming, in siemens.
    pub sigma_siemens: f64,
    /// Standard deviation from read to read of one cell, in siemens, if cells were read more than once.
    pub read_sigma_siemens: Option<f64>,
    /// The programmed conductances, ascending, in siemens: one a cell.
    pub cells_siemens: Vec<f64>,
    /// How well the distributions describe them.
    pub goodness: Goodness,
}

/// How the cells of each state have changed since they were programmed.
#[derive(Clone, Debug)]
pub struct ChangeFit {
    /// Name of the set of reads.
    pub name: String,
    /// Time since programming, in seconds.
    pub elapsed_s: f64,
    /// Temperature over that time, in kelvin, if the file says it.
    pub temperature_kelvin: Option<f64>,
    /// Mean and standard deviation of the change, in siemens; one a state.
    pub states: Vec<(f64, f64)>,
}

/// What a measurement says about a device.
#[derive(Clone, Debug)]
pub struct Fit {
    /// Name of the device.
    pub name: String,
    /// Where the measurement comes from.
    pub source: String,
    /// Name and elapsed time in seconds of the set that the states were found in.
    pub programmed: (String, f64),
    /// The states, by ascending target.
    pub states: Vec<StateFit>,
    /// Changes since then, by ascending time.
    pub changes: Vec<ChangeFit>,
}

impl Fit {
    /// Reduces a measurement: the set read first after programming gives the states, later ones the changes of
    /// the same cells.
    ///
    /// # Errors
    /// Fewer than two states, a state of fewer than [`Fit::CELLS`] cells, two states of the same target, or later reads of
    /// other cells.
    pub fn of(measurement: &Measurement) -> Result<Self, Error> {
        let mut sets: Vec<&ReadSet> = measurement.sets.iter().collect();
        sets.sort_by(|a, b| a.elapsed_s.total_cmp(&b.elapsed_s));
        let Some((first, later)) = sets.split_first() else {
            return Err(measurement.refused("there are no reads".to_owned()));
        };
        // cells of each state, by ascending target
        let mut groups = first.states();
        let means = |cells: &[usize]| cells.iter().map(|&c| first.cells[c].mean()).collect::<Vec<_>>();
        let target = |state: &[usize]| first.cells[state[0]].target_siemens.unwrap_or(mean(&means(state)));
        groups.sort_by(|a, b| target(a).total_cmp(&target(b)));
        if groups.len() < 2 {
            return Err(first.refused("all cells are in one state; a device needs two".to_owned()));
        }
        for pair in groups.windows(2) {
            if target(&pair[0]) >= target(&pair[1]) {
                return Err(first.refused(format!(
                    "states {} and {} have the same target, {:.4} uS",
                    first.cells[pair[0][0]].state,
                    first.cells[pair[1][0]].state,
                    target(&pair[0]) * 1e6
                )));
            }
        }
        if let Some(small) = groups.iter().find(|g| g.len() < Self::CELLS) {
            return Err(first.refused(format!(
                "state {} has {} cells; {} or more say something about a distribution",
                first.cells[small[0]].state,
                small.len(),
                Self::CELLS
            )));
        }
        let states = groups
            .iter()
            .map(|cells| {
                let mut g = means(cells);
                g.sort_by(f64::total_cmp);
                StateFit {
                    target_siemens: target(cells),
                    mean_siemens: mean(&g),
                    sigma_siemens: deviation(&g),
                    read_sigma_siemens: read_sigma(cells.iter().map(|&c| &first.cells[c])),
                    goodness: Goodness::of(&g),
                    cells_siemens: g,
                }
            })
            .collect();
        let changes = later.iter().map(|set| changes(first, set, &groups)).collect::<Result<_, _>>()?;
        Ok(Self {
            name: measurement.name.clone(),
            source: measurement.source.clone(),
            programmed: (first.name.clone(), first.elapsed_s),
            states,
            changes,
        })
    }

    /// Fewest cells of a state.
    pub const CELLS: usize = 8;

    /// The table of states that a `measured` device reads.
    pub fn states_csv(&self) -> String {
        let read = self.states.iter().all(|s| s.read_sigma_siemens.is_some());
        let mut out = format!(
            "# {}\n# programmed cells of `{}`\ntarget [uS], mean [uS], sigma [uS]{}\n",
            one_line(&self.source),
            one_line(&self.programmed.0),
            if read { ", read_sigma [uS]" } else { "" }
        );
        for s in &self.states {
            let more = s.read_sigma_siemens.filter(|_| read).map(|r| format!(", {}", micro(r)));
            out.push_str(&format!(
                "{}, {}, {}{}\n",
                micro(s.target_siemens),
                micro(s.mean_siemens),
                micro(s.sigma_siemens),
                more.unwrap_or_default()
            ));
        }
        out
    }

    /// The table of changes over time that a `measured` device reads; `None` without later reads.
    pub fn drift_csv(&self) -> Option<String> {
        if self.changes.is_empty() {
            return None;
        }
        let mut out = format!(
            "# {}\n# change since `{}`\nelapsed [s], target [uS], mean_change [uS], sigma_change [uS]\n",
            one_line(&self.source),
            one_line(&self.programmed.0)
        );
        let none = vec![(0.0, 0.0); self.states.len()];
        let start = (self.programmed.1, &none);
        for (elapsed_s, values) in
            std::iter::once(start).chain(self.changes.iter().map(|c| (c.elapsed_s, &c.states)))
        {
            for (state, &(change, sigma)) in self.states.iter().zip(values) {
                let target = micro(state.target_siemens);
                out.push_str(&format!("{elapsed_s}, {target}, {}, {}\n", micro(change), micro(sigma)));
            }
        }
        Some(out)
    }

    /// A hardware file that gives the preset `extends` this device; its tables lie beside it.
    pub fn device_toml(&self, extends: &str) -> String {
        let mut out = format!(
            "# made by `ohmic fit`; the section [device] can stand in any hardware file\n\
             name = {}\nextends = {}\n\n[device]\nkind = \"measured\"\nsource = {}\nstates = \"states.csv\"\n",
            quoted(&self.name),
            quoted(extends),
            quoted(&self.source)
        );
        if !self.changes.is_empty() {
            out.push_str("drift = \"drift.csv\"\n");
            let mut temperatures = self.changes.iter().map(|c| c.temperature_kelvin);
            if let Some(Some(t)) = temperatures.next()
                && temperatures.all(|other| other.is_some_and(|o| o.to_bits() == t.to_bits()))
            {
                out.push_str(&format!("drift_temperature = \"{t} K\"\n"));
            }
        }
        let ends = [self.states.first(), self.states.last()];
        for (key, state) in ["g_min", "g_max"].into_iter().zip(ends) {
            if let Some(s) = state {
                out.push_str(&format!("{key} = \"{} uS\"\n", micro(s.target_siemens)));
            }
        }
        out
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// In microsiemens with six significant digits: the tables are for people too.
fn micro(siemens: f64) -> String {
    let value = format!("{:.5e}", siemens * 1e6);
    value.parse::<f64>().map_or(value, |v| v.to_string())
}

/// Pooled standard deviation of repeated reads about the mean of their cell.
fn read_sigma<'a>(cells: impl Iterator<Item = &'a ReadCell>) -> Option<f64> {
    let (mut squares, mut freedom) = (0.0, 0usize);
    for cell in cells {
        let m = cell.mean();
        squares += cell.reads_siemens.iter().map(|g| (g - m) * (g - m)).sum::<f64>();
        freedom += cell.reads_siemens.len() - 1;
    }
    (freedom > 0).then(|| (squares / freedom as f64).sqrt())
}

fn changes(first: &ReadSet, set: &ReadSet, groups: &[Vec<usize>]) -> Result<ChangeFit, Error> {
    let same = set.cells.len() == first.cells.len()
        && set.cells.iter().zip(&first.cells).all(|(a, b)| a.state == b.state);
    if !same {
        return Err(set.refused(format!(
            "{} cells, which are not the {} of `{}`: a change over time is that of the same cells",
            set.cells.len(),
            first.cells.len(),
            first.name
        )));
    }
    if set.elapsed_s <= first.elapsed_s {
        return Err(set.refused(format!("read at the same time as `{}`", first.name)));
    }
    let states = groups
        .iter()
        .map(|cells| {
            let change: Vec<f64> =
                cells.iter().map(|&c| set.cells[c].mean() - first.cells[c].mean()).collect();
            (mean(&change), deviation(&change))
        })
        .collect();
    Ok(ChangeFit {
        name: set.name.clone(),
        elapsed_s: set.elapsed_s,
        temperature_kelvin: set.temperature_kelvin,
        states,
    })
}
