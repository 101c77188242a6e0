//! Ours beside the published value, and whether it is met.

use crate::evaluate::{Evaluator, Skipped};
use crate::{Error, Figure, Published, Tag};

/// What came of one figure.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Within the tolerance.
    Met,
    /// Outside of it.
    Missed,
    /// Not judged: the published value rests on something nobody published.
    Shown,
    /// Not computed, for this reason.
    Skipped(String),
    /// Ohmic does not compute it.
    PublishedOnly,
}

impl Verdict {
    /// One word for tables.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Missed => "MISSED",
            Self::Shown => "shown",
            Self::Skipped(_) => "skipped",
            Self::PublishedOnly => "published",
        }
    }
}

/// One figure, judged.
#[derive(Clone, Debug)]
pub struct Judged {
    /// What is published.
    pub figure: Figure,
    /// Ours, in the SI base unit.
    pub ours: Option<f64>,
    /// What came of it.
    pub verdict: Verdict,
}

impl Judged {
    /// Ours over the published value, less 1.
    pub fn deviation(&self) -> Option<f64> {
        self.ours.map(|ours| ours / self.figure.value.si() - 1.0)
    }
}

/// A figure at another value of something that is assumed.
#[derive(Clone, Debug)]
pub struct Moved {
    /// Name of the assumption.
    pub assumption: String,
    /// The key that was set, and to what.
    pub set: (String, toml::Value),
    /// Name of the figure.
    pub figure: String,
    /// Ours with the value of the file, in the SI base unit.
    pub before: f64,
    /// Ours with the other value.
    pub after: f64,
}

/// All figures of one machine.
#[derive(Clone, Debug)]
pub struct Reproduction {
    /// Preset, or path.
    pub machine: String,
    /// One by one, in the order of the file.
    pub figures: Vec<Judged>,
    /// How far they move with what is assumed.
    pub moved: Vec<Moved>,
}

impl Reproduction {
    /// Whether no figure is missed.
    pub fn holds(&self) -> bool {
        self.figures.iter().all(|f| f.verdict != Verdict::Missed)
    }
}

/// Computes and judges every published figure of a machine; `done` is told after each.
///
/// # Errors
/// A figure cannot be computed: a network does not fit, a price is missing, a setting names no key.
pub fn reproduce(
    published: &Published,
    evaluator: &Evaluator,
    mut done: impl FnMut(&Judged),
) -> Result<Reproduction, Error> {
    let machine = &published.machine;
    let mut figures = Vec::with_capacity(published.expected.figures.len());
    for figure in &published.expected.figures {
        let judged = judge(machine, figure, evaluator)?;
        done(&judged);
        figures.push(judged);
    }
    let mut moved = Vec::new();
    for assumption in &published.expected.assumptions {
        for judged in figures.iter().filter(|f| assumption.moves.contains(&f.figure.name)) {
            let Some(before) = judged.ours else { continue };
            for value in &assumption.values {
                let set = (assumption.key.clone(), value.clone());
                if let Ok(after) = ours(machine, &judged.figure, std::slice::from_ref(&set), evaluator)? {
                    let (assumption, figure) = (assumption.name.clone(), judged.figure.name.clone());
                    moved.push(Moved { assumption, set, figure, before, after });
                }
            }
        }
    }
    Ok(Reproduction { machine: machine.clone(), figures, moved })
}

fn judge(machine: &str, figure: &Figure, evaluator: &Evaluator) -> Result<Judged, Error> {
    let figure = figure.clone();
    if figure.of.is_none() {
        return Ok(Judged { figure, ours: None, verdict: Verdict::PublishedOnly });
    }
    let (ours, verdict) = match ours(machine, &figure, &[], evaluator)? {
        Err(Skipped(why)) => (None, Verdict::Skipped(why)),
        Ok(ours) if figure.tag == Tag::Shown => (Some(ours), Verdict::Shown),
        Ok(ours) => {
            let deviation = (ours / figure.value.si() - 1.0).abs();
            (Some(ours), if deviation <= figure.tolerance { Verdict::Met } else { Verdict::Missed })
        }
    };
    Ok(Judged { figure, ours, verdict })
}

/// Our value of a figure with more keys set.
fn ours(
    machine: &str,
    figure: &Figure,
    more: &[(String, toml::Value)],
    evaluator: &Evaluator,
) -> Result<Result<f64, Skipped>, Error> {
    let Some(of) = &figure.of else { return Ok(Err(Skipped("nothing is computed".to_owned()))) };
    let failed =
        |problem: String| Error::Figure { machine: machine.to_owned(), figure: figure.name.clone(), problem };
    let mut set = figure.set.clone();
    set.extend_from_slice(more);
    let own = match evaluator.value(machine, &set, of).map_err(failed)? {
        Ok(value) => value,
        skipped => return Ok(skipped),
    };
    let Some((other, set)) = &figure.against else { return Ok(Ok(own)) };
    let other = evaluator.value(other, set, of).map_err(failed)?;
    Ok(other.map(|other| own / other))
}
