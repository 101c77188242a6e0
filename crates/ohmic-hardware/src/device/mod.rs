//! Devices: what conductance a cell has when it was asked for a level.
//!
//! To add one: 1. write `device/<name>.rs` with a `KIND` (copy `lognormal.rs`); 2. add `mod <name>;`
//! below; 3. add `<name>::KIND` to [`KINDS`]. The laws in `laws.rs` then test it.

mod cmo_hfox;
mod fitted;
mod gaussian_absolute;
mod gaussian_proportional;
mod ideal;
mod law;
mod lognormal;
mod measured;
mod pcm_hermes;
mod pcm_nandakumar_2019;
mod rram_milo_2021;
mod rram_wan_2022;
mod sonos_40nm;
mod sram;
mod sram_charge;
mod sram_current;

use crate::adc::transfer::BitLine;
use crate::component::OutsideValidity;
use crate::spec::Conditions;
use crate::variation::VariationModel;
use ohmic_config::{Dimension, Error, KeyDoc, Kind, Section};
use ohmic_numerics::{Cells, Noise, Purpose};
use std::fmt::Debug;

pub use sram::Surroundings;

/// Every device model there is.
pub const KINDS: &[Kind<dyn DeviceModel>] = &[
    ideal::KIND,
    gaussian_absolute::KIND,
    gaussian_proportional::KIND,
    lognormal::KIND,
    pcm_nandakumar_2019::KIND,
    pcm_hermes::KIND,
    rram_wan_2022::KIND,
    rram_milo_2021::KIND,
    cmo_hfox::KIND,
    sonos_40nm::KIND,
    measured::KIND,
    sram_charge::KIND,
    sram_current::KIND,
];

/// The conductances that the levels of a cell lie between.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Conductance of level 0, in siemens; 0 means an infinite on/off ratio.
    pub g_min_siemens: f64,
    /// Conductance of the highest level, in siemens.
    pub g_max_siemens: f64,
}

impl Window {
    /// Conductance between two neighbouring levels of a cell with `levels` levels, in siemens.
    pub fn step_siemens(&self, levels: u32) -> f64 {
        (self.g_max_siemens - self.g_min_siemens) / f64::from(levels - 1)
    }
}

/// The cells of one plane of one block: where they sit in their crossbar, and where their random numbers
/// come from.
///
/// Cell `(r, c)` is entry `r * cols + c` of a plane's conductances; it sits on word line `first_row + r` and
/// bit line `first_col + c * col_stride` of its crossbar.
#[derive(Clone, Copy, Debug)]
pub struct Patch<'a> {
    /// The address of the first cell's random numbers; the others follow.
    pub at: Cells,
    /// Rows of the plane.
    pub rows: usize,
    /// Columns of the plane.
    pub cols: usize,
    /// The crossbar, counted over the whole network: blocks that share one have neighbouring cells.
    pub crossbar: u32,
    /// Word line of its first row.
    pub first_row: usize,
    /// Bit line of its first column.
    pub first_col: usize,
    /// Bit lines from one of its columns to the next: columns of other planes lie between.
    pub col_stride: usize,
    /// The chip instance's source.
    pub noise: &'a Noise,
}

impl<'a> Patch<'a> {
    /// Cells in one row and nowhere in particular, for tests and statistics.
    pub fn row(cells: usize, at: Cells, noise: &'a Noise) -> Self {
        Self { at, rows: 1, cols: cells, crossbar: 0, first_row: 0, first_col: 0, col_stride: 1, noise }
    }

    /// Word line and bit line of a cell, by its index in the plane.
    pub fn place(&self, cell: usize) -> (usize, usize) {
        let (row, column) = (cell / self.cols, cell % self.cols);
        (self.first_row + row, self.first_col + column * self.col_stride)
    }

    /// Calls `f(value, standard normal deviate)` for every cell: one deviate a cell of this purpose and draw.
    pub fn for_each_normal(
        &self,
        values: &mut [f32],
        purpose: Purpose,
        draw: u32,
        mut f: impl FnMut(&mut f32, f32),
    ) {
        let mut z = [0.0f32; 256];
        let mut first = self.at.first;
        for chunk in values.chunks_mut(z.len()) {
            let z = &mut z[..chunk.len()];
            self.noise.fill_normal(purpose, Cells { first, ..self.at }, draw, z);
            chunk.iter_mut().zip(z.iter()).for_each(|(g, z)| f(g, *z));
            first += chunk.len() as u32;
        }
    }
}

/// The technology of a cell. The defaults are an ideal cell: a model writes only what differs.
pub trait DeviceModel: Debug + Send + Sync {
    /// Where levels lie: level `l` of `L` sits at `g_min + l (g_max - g_min) / (L - 1)`.
    fn window(&self) -> Window;

    /// Whether the model holds under these conditions; asked once, when the file is read.
    ///
    /// # Errors
    /// The key, its value and what the model's source covers.
    fn holds(&self, conditions: &Conditions) -> Result<(), OutsideValidity> {
        let _ = conditions;
        Ok(())
    }

    /// Tells the model, once, what it is built into; asked before anything else.
    ///
    /// # Errors
    /// The key, its value and what the model can be built into.
    fn built_into(&mut self, around: &Surroundings<'_>) -> Result<(), OutsideValidity> {
        let _ = around;
        Ok(())
    }

    /// How its cells differ from each other once a chip, if that is part of the technology; `[variation]` then has
    /// no say.
    fn variation(&self) -> Option<Box<dyn VariationModel>> {
        None
    }

    /// Supply of an array whose cells conduct no current and move charge instead, in volt.
    fn supply_volt(&self) -> Option<f64> {
        None
    }

    /// Turns targets into programmed conductances, in place: one write pulse a cell (siemens). Another
    /// `attempt` at the same cells draws afresh; the first is 0.
    fn program(&self, g_siemens: &mut [f32], patch: &Patch<'_>, attempt: u32) {
        let _ = (g_siemens, patch, attempt);
    }

    /// Ages programmed conductances by the time elapsed, in place; `targets_siemens` is what the cells were
    /// asked to hold.
    fn age(
        &self,
        g_siemens: &mut [f32],
        targets_siemens: &[f32],
        patch: &Patch<'_>,
        conditions: &Conditions,
    ) {
        let _ = (g_siemens, targets_siemens, patch, conditions);
    }

    /// Independent zero-mean Gaussian noise per cell and read, if there is any.
    fn read_noise(&self) -> Option<&dyn ReadNoise> {
        None
    }

    /// What stands between the sums of its bit lines and the converters, if anything does.
    fn bit_line(&self) -> Option<&dyn BitLine> {
        None
    }

    /// A law other than `I = G V`, if the cell is not linear.
    fn current_law(&self) -> Option<&dyn CurrentLaw> {
        None
    }
}

/// The conductance of a cell, then and now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Held {
    /// What it was asked to hold, in siemens.
    pub g_target_siemens: f32,
    /// Right after programming, in siemens.
    pub g_programmed_siemens: f32,
    /// When it is read, in siemens.
    pub g_siemens: f32,
}

/// Noise that every read of a cell adds to its conductance.
pub trait ReadNoise: Debug + Send + Sync {
    /// Standard deviation of the conductance in one read, in siemens.
    fn sigma_siemens(&self, cell: Held, conditions: &Conditions) -> f32;
}

/// The current of a cell that is not linear: 0 at 0 V, and never less at more voltage.
pub trait CurrentLaw: Debug + Send + Sync {
    /// Current in ampere at `v_volt` across a cell that was programmed to `g_siemens`.
    fn current_ampere(&self, v_volt: f64, g_siemens: f64) -> f64;

    /// Current over voltage, in siemens; the slope at 0 V.
    fn chord_siemens(&self, v_volt: f64, g_siemens: f64) -> f64 {
        if v_volt == 0.0 {
            self.slope_siemens(0.0, g_siemens)
        } else {
            self.current_ampere(v_volt, g_siemens) / v_volt
        }
    }

    /// Its derivative by voltage, in siemens; 0 or more.
    fn slope_siemens(&self, v_volt: f64, g_siemens: f64) -> f64;

    /// The largest voltage across a cell, of either sign, that the law holds for.
    fn v_max_volt(&self) -> f64;
}

pub(crate) const G_MAX: KeyDoc =
    KeyDoc::quantity("g_max", Dimension::Conductance, "conductance of the highest level").above(0.0);
pub(crate) const G_MIN: KeyDoc = KeyDoc::quantity(
    "g_min",
    Dimension::Conductance,
    "conductance of level 0; \"0 S\" is an infinite on/off ratio",
)
.at_least(0.0)
.optional("on_off_ratio says it instead");
pub(crate) const ON_OFF_RATIO: KeyDoc =
    KeyDoc::number("on_off_ratio", "ratio of the conductances of the highest level and of level 0")
        .above(1.0)
        .optional("g_min says it instead");
pub(crate) const READ_SIGMA_FRACTION: KeyDoc = KeyDoc::number(
    "read_sigma_fraction",
    "standard deviation of a cell's conductance from read to read, as a fraction of g_max - g_min",
)
.at_least(0.0)
.at_most(10.0)
.optional("no read noise, or read_sigma_rel says it instead");
pub(crate) const READ_SIGMA_REL: KeyDoc = KeyDoc::number(
    "read_sigma_rel",
    "standard deviation of a cell's conductance from read to read, relative to its conductance",
)
.at_least(0.0)
.at_most(10.0)
.optional("no read noise, or read_sigma_fraction says it instead");

/// The window that `g_max` and exactly one of `g_min` and `on_off_ratio` describe.
pub(crate) fn read_window(s: &Section<'_>) -> Result<Window, Error> {
    let g_max_siemens = s.quantity(&G_MAX)?;
    s.exactly_one(&[&G_MIN, &ON_OFF_RATIO])?;
    let ratio = s.number_if(&ON_OFF_RATIO)?;
    let g_min_siemens = match (s.quantity_if(&G_MIN)?, ratio) {
        (Some(g_min), _) => g_min,
        (None, Some(ratio)) => g_max_siemens / ratio,
        (None, None) => 0.0,
    };
    window_of(s, g_min_siemens, g_max_siemens)
}

/// The window between two conductances, of which the smaller is not the larger.
pub(crate) fn window_of(s: &Section<'_>, g_min_siemens: f64, g_max_siemens: f64) -> Result<Window, Error> {
    if g_min_siemens >= g_max_siemens {
        let also = vec![(s.place_of("g_max").clone(), "the highest level".to_owned())];
        let help = Some("level 0 has the smaller conductance".to_owned());
        let given = [&ON_OFF_RATIO, &G_MIN, &G_MAX].into_iter().find(|k| s.has(k)).unwrap_or(&G_MIN);
        let problem = if given.key == G_MAX.key { "not more than `g_min`" } else { "not less than `g_max`" };
        return Err(s.invalid(given.key, problem.to_owned(), also, help));
    }
    Ok(Window { g_min_siemens, g_max_siemens })
}

/// Read noise with one standard deviation for all cells, or one that follows the conductance.
#[derive(Clone, Copy, Debug)]
pub(crate) enum GaussianRead {
    /// In siemens.
    Absolute(f32),
    /// Relative to the conductance.
    Relative(f32),
}

impl ReadNoise for GaussianRead {
    fn sigma_siemens(&self, cell: Held, _: &Conditions) -> f32 {
        match self {
            Self::Absolute(sigma) => *sigma,
            Self::Relative(sigma) => sigma * cell.g_siemens,
        }
    }
}

/// The read noise that at most one of the two `read_sigma` keys describes; a sigma of 0 is none.
pub(crate) fn read_read_noise(s: &Section<'_>, window: Window) -> Result<Option<GaussianRead>, Error> {
    s.at_most_one(&[&READ_SIGMA_FRACTION, &READ_SIGMA_REL])?;
    let range = window.g_max_siemens - window.g_min_siemens;
    let absolute = s.number_if(&READ_SIGMA_FRACTION)?.map(|f| GaussianRead::Absolute((f * range) as f32));
    let relative = s.number_if(&READ_SIGMA_REL)?.map(|f| GaussianRead::Relative(f as f32));
    Ok(absolute.or(relative).filter(|n| match n {
        GaussianRead::Absolute(sigma) | GaussianRead::Relative(sigma) => *sigma > 0.0,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn window_from_either_key() {
        let ratio = KINDS[0].build_text("g_max = '20 uS'\non_off_ratio = 10").unwrap().window();
        let plain = KINDS[0].build_text("g_max = '20 uS'\ng_min = '2 uS'").unwrap().window();
        // 20 uS / 10 = 2 uS; one step of 4 levels is 18 uS / 3 = 6 uS
        assert!((ratio.g_min_siemens - 2e-6).abs() < 1e-18);
        assert!((plain.step_siemens(4) - 6e-6).abs() < 1e-18);
    }

    #[test]
    fn windows_that_make_no_sense() {
        for (text, part) in [
            ("g_max = '20 uS'\ng_min = '20 uS'", "not less than `g_max`"),
            ("g_max = '20 uS'\ng_min = '2 uS'\non_off_ratio = 10", "both are given"),
            ("g_max = '20 uS'", "missing key `ideal.g_min`"),
            ("g_max = '0 S'\ng_min = '0 S'", "out of range"),
            ("g_max = 20\ng_min = '0 S'", "has no unit"),
            ("g_max = '50 kOhm'\ng_min = '0 S'", "g_max = \"20 uS\""),
        ] {
            let e = KINDS[0].build_text(text).unwrap_err().to_string();
            assert!(e.contains(part), "{text}\n{e}");
        }
    }
}
