//! What a paper publishes, as `expected.toml` says it.

use crate::Error;
use ohmic_config::document::{Node, Value as Written};
use ohmic_config::quantity::{Dimension, NotAQuantity, Quantity};
use ohmic_config::{Document, KeyDoc, Section, SourceText};
use ohmic_metrics::PEAK_FIGURES;
use std::path::Path;

const FIGURE: KeyDoc = KeyDoc::table("figure", "one table for each published figure, `[figure.<name>]`")
    .optional("none is published");
const ASSUMPTION: KeyDoc = KeyDoc::table(
    "assumption",
    "one table for each value that the paper does not say, `[assumption.<name>]`",
)
.optional("the paper says everything");
const ROOT: &[KeyDoc] = &[FIGURE, ASSUMPTION];

const OF: KeyDoc = KeyDoc::text(
    "of",
    "what Ohmic computes: a peak figure (`peak_power:tile`) or a result column (`accuracy`, needs `network`)",
)
.optional("Ohmic does not compute it: the published value stands alone");
const VALUE: KeyDoc = KeyDoc::text("value", "as published: a quantity with its unit, or a number");
const TOLERANCE: KeyDoc =
    KeyDoc::number("tolerance", "largest deviation that is met, as a fraction of the published value")
        .above(0.0)
        .at_most(1.0)
        .optional("what the tag allows");
const TAG: KeyDoc = KeyDoc::choice(
    "tag",
    &[
        ("exact", "printed in the paper or its tables: 1 %"),
        ("derived", "computed from printed figures: 2 %"),
        ("secondary", "read elsewhere: 10 %"),
        ("shown", "rests on something nobody published: shown, not judged"),
    ],
    "how far the published value can be trusted",
);
const SOURCE: KeyDoc = KeyDoc::text("source", "where it is published");
const REASON: KeyDoc =
    KeyDoc::text("reason", "why the tolerance is wider than the tag allows, or why it is only shown")
        .optional("it is not");
const SET: KeyDoc = KeyDoc::table(
    "set",
    "keys of the hardware file set to other values for this figure, { \"adc.bits\" = 6 }",
)
.optional("the machine as it stands");
const AGAINST: KeyDoc = KeyDoc::text("against", "machine that the value is relative to: it is then a ratio")
    .optional("the value is absolute");
const AGAINST_SET: KeyDoc =
    KeyDoc::table("against_set", "keys set in that machine").optional("that machine as it stands");
const NETWORK: KeyDoc =
    KeyDoc::text("network", "network that runs on it").optional("none: a peak figure of the full chip");
const DATA: KeyDoc =
    KeyDoc::text("data", "data set that it runs").optional("none: activity is as `[activity]` assumes");
const IMAGES: KeyDoc = KeyDoc::integer("images", 1, 1_000_000, "test images").optional("1000");
const TRIALS: KeyDoc =
    KeyDoc::integer("trials", 1, 100_000, "chip instances; the mean over them counts").optional("1");
const FIGURE_KEYS: &[KeyDoc] =
    &[OF, VALUE, TOLERANCE, TAG, SOURCE, REASON, SET, AGAINST, AGAINST_SET, NETWORK, DATA, IMAGES, TRIALS];

const KEY: KeyDoc = KeyDoc::text("key", "key path in the hardware file");
const VALUES: KeyDoc = KeyDoc::table("values", "other values that it may well have, a list");
const MOVES: KeyDoc =
    KeyDoc::table("moves", "names of the figures that are computed anew for each value, a list");
const WHY: KeyDoc = KeyDoc::text("why", "what is not published, and where the value of the file comes from");
const ASSUMPTION_KEYS: &[KeyDoc] = &[KEY, VALUES, MOVES, WHY];

/// A published value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// In the SI base unit of its dimension.
    Quantity(Quantity),
    /// Without dimension.
    Number(f64),
}

impl Value {
    /// The number, in the SI base unit.
    pub fn si(self) -> f64 {
        match self {
            Self::Quantity(q) => q.value_si,
            Self::Number(v) => v,
        }
    }

    /// Another value of the same dimension, as it is usually written.
    pub fn written(self, si: f64) -> String {
        match self {
            Self::Quantity(q) => {
                let rounded = format!("{si:.4e}").parse().unwrap_or(si);
                q.dimension.format(rounded)
            }
            Self::Number(_) if si == 0.0 || (1e-3..1e6).contains(&si.abs()) => {
                let digits = (4 - 1 - si.abs().max(1e-300).log10().floor() as i32).max(0) as usize;
                format!("{si:.digits$}")
            }
            Self::Number(_) => format!("{si:.3e}"),
        }
    }

    fn dimension(self) -> Option<Dimension> {
        match self {
            Self::Quantity(q) => Some(q.dimension),
            Self::Number(_) => None,
        }
    }
}

/// How far a published value can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// Printed in the paper or its tables.
    Exact,
    /// Computed from printed figures.
    Derived,
    /// Read elsewhere.
    Secondary,
    /// Rests on something nobody published: shown, not judged.
    Shown,
}

impl Tag {
    /// The word in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Derived => "derived",
            Self::Secondary => "secondary",
            Self::Shown => "shown",
        }
    }

    /// The largest deviation that needs no reason, as a fraction.
    pub fn tolerance(self) -> f64 {
        match self {
            Self::Exact => 0.01,
            Self::Derived => 0.02,
            Self::Secondary => 0.1,
            Self::Shown => f64::INFINITY,
        }
    }
}

/// What Ohmic computes.
#[derive(Clone, Debug, PartialEq)]
pub enum Of {
    /// A figure of the full chip.
    Peak(String),
    /// A result column of a network on the machine.
    Column {
        /// Its name.
        column: String,
        /// The network.
        network: String,
        /// The data set; `None`: activity is assumed.
        data: Option<String>,
        /// Test images.
        images: usize,
        /// Chip instances.
        trials: u32,
    },
}

/// One published figure.
#[derive(Clone, Debug)]
pub struct Figure {
    /// Its name in the file.
    pub name: String,
    /// What Ohmic computes for it, if it does.
    pub of: Option<Of>,
    /// As published.
    pub value: Value,
    /// Largest deviation that is met, as a fraction.
    pub tolerance: f64,
    /// How far it can be trusted.
    pub tag: Tag,
    /// Where it is published.
    pub source: String,
    /// Why the tolerance is wider than the tag allows.
    pub reason: Option<String>,
    /// Keys set for it.
    pub set: Vec<(String, toml::Value)>,
    /// Machine and its settings that the value is relative to.
    pub against: Option<(String, Vec<(String, toml::Value)>)>,
}

/// A value that a paper does not say.
#[derive(Clone, Debug)]
pub struct Assumption {
    /// Its name in the file.
    pub name: String,
    /// Key path in the hardware file.
    pub key: String,
    /// Other values that it may well have.
    pub values: Vec<toml::Value>,
    /// Figures that it moves.
    pub moves: Vec<String>,
    /// What is not published.
    pub why: String,
}

/// What a paper publishes, and what it leaves open.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The figures, in the order of the file.
    pub figures: Vec<Figure>,
    /// What is assumed.
    pub assumptions: Vec<Assumption>,
}

/// A machine with published figures.
#[derive(Clone, Debug)]
pub struct Published {
    /// Preset, or path of the hardware file.
    pub machine: String,
    /// What its paper publishes.
    pub expected: Expected,
}

impl Published {
    /// Every preset that publishes figures.
    ///
    /// # Errors
    /// A file of figures is wrong.
    pub fn presets() -> Result<Vec<Self>, Error> {
        let all = ohmic_hardware::presets::PRESETS.iter().filter_map(|preset| {
            let text = preset.expected?.to_owned();
            let path = preset.path.replace("hardware.toml", "expected.toml");
            Some(
                Expected::parse(SourceText { path, text })
                    .map(|expected| Self { machine: preset.name.to_owned(), expected }),
            )
        });
        all.collect()
    }

    /// The machine of a preset's name, or of a folder that holds `hardware.toml` and `expected.toml`.
    ///
    /// # Errors
    /// Nothing is known under that name, or a file is wrong.
    pub fn load(name: &str) -> Result<Self, Error> {
        let folder = Path::new(name);
        if folder.is_dir() {
            let expected = Expected::from_document(&Document::read(&folder.join("expected.toml"))?)?;
            return Ok(Self { machine: name.to_owned(), expected });
        }
        let presets = Self::presets()?;
        let names: Vec<String> = presets.iter().map(|p| p.machine.clone()).collect();
        presets.into_iter().find(|p| p.machine == name).ok_or_else(|| {
            let nearest =
                ohmic_config::suggest::nearest(name, names.iter().map(String::as_str)).map(str::to_owned);
            let (what, value) = ("published machine", name.to_owned());
            ohmic_config::Error::UnknownRequest { what, value, nearest, known: names }.into()
        })
    }
}

impl Expected {
    /// Reads the text of an `expected.toml`.
    ///
    /// # Errors
    /// Something in it is wrong: with file, line, column and the way out.
    pub fn parse(source: SourceText) -> Result<Self, Error> {
        Self::from_document(&Document::parse(source)?)
    }

    fn from_document(document: &Document) -> Result<Self, Error> {
        let root = Section::root(document, ROOT)?;
        let figures = root
            .named_sections(&FIGURE)?
            .into_iter()
            .map(|(name, s)| figure(name, &s.with_keys(FIGURE_KEYS)?))
            .collect::<Result<Vec<_>, Error>>()?;
        let assumptions = root
            .named_sections(&ASSUMPTION)?
            .into_iter()
            .map(|(name, s)| assumption(name, &s.with_keys(ASSUMPTION_KEYS)?, &figures))
            .collect::<Result<_, Error>>()?;
        if figures.is_empty() {
            let problem = "no figure is published here: nothing could be missed".to_owned();
            let help = Some("add a section `[figure.<name>]`, see docs/guide/published.md".to_owned());
            return Err(root.invalid(FIGURE.key, problem, vec![], help).into());
        }
        Ok(Self { figures, assumptions })
    }
}

fn figure(name: &str, s: &Section<'_>) -> Result<Figure, Error> {
    let value = value(s, s.any(&VALUE)?)?;
    let tag = match s.choice(&TAG)? {
        "exact" => Tag::Exact,
        "derived" => Tag::Derived,
        "secondary" => Tag::Secondary,
        _ => Tag::Shown,
    };
    let reason = if s.has(&REASON) { Some(s.text(&REASON)?) } else { None };
    let tolerance = s.number_if(&TOLERANCE)?.unwrap_or(tag.tolerance());
    let wider = tolerance > tag.tolerance() || tag == Tag::Shown;
    if wider && reason.is_none() {
        let problem = match tag {
            Tag::Shown => "it is only shown, and nothing says why".to_owned(),
            _ => format!("{tolerance} is wider than the {} of tag \"{}\"", tag.tolerance(), tag.name()),
        };
        let key = if tag == Tag::Shown { TAG.key } else { TOLERANCE.key };
        return Err(s.invalid(key, problem, vec![], Some("add `reason`, which says why".to_owned())).into());
    }
    let against = match s.has(&AGAINST) {
        true => Some((s.text(&AGAINST)?, s.settings(&AGAINST_SET)?)),
        false => None,
    };
    if against.is_some() && value.dimension().is_some() {
        let help = Some("a ratio has no unit".to_owned());
        let problem = "a value relative to another machine has a unit".to_owned();
        return Err(s.invalid(VALUE.key, problem, vec![], help).into());
    }
    Ok(Figure {
        name: name.to_owned(),
        of: if s.has(&OF) { Some(of(s, against.is_none().then_some(value))?) } else { None },
        value,
        tolerance,
        tag,
        source: s.text(&SOURCE)?,
        reason,
        set: s.settings(&SET)?,
        against,
    })
}

/// What is computed, and that its unit is that of the published value (if it is not a ratio).
fn of(s: &Section<'_>, value: Option<Value>) -> Result<Of, Error> {
    let name = s.text(&OF)?;
    let family = name.find(':').map_or(name.as_str(), |i| &name[..=i]);
    let peak = PEAK_FIGURES.iter().find(|f| f.0 == family);
    let (of, unit) = match peak {
        Some(figure) => (Of::Peak(name.clone()), figure.1.to_owned()),
        None => {
            let column = ohmic_metrics::column(&name).ok_or_else(|| {
                let names = PEAK_FIGURES.iter().chain(ohmic_metrics::COLUMNS).map(|c| c.0);
                let help =
                    ohmic_config::suggest::nearest(&name, names).map(|n| format!("did you mean `{n}`?"));
                let problem = format!("`{name}` is neither a peak figure nor a result column");
                s.invalid(OF.key, problem, vec![], help)
            })?;
            let of = Of::Column {
                column: name.clone(),
                network: s.text(&NETWORK)?,
                data: if s.has(&DATA) { Some(s.text(&DATA)?) } else { None },
                images: s.integer_if(&IMAGES)?.unwrap_or(1000) as usize,
                trials: s.integer_if(&TRIALS)?.unwrap_or(1),
            };
            (of, column.unit)
        }
    };
    if let Some(value) = value {
        let wanted = unit_of(&unit).map(|q| q.dimension);
        if wanted != value.dimension() {
            let problem = match wanted {
                Some(d) => format!("`{name}` is a {}", d.name()),
                None => format!("`{name}` is a number without unit"),
            };
            let help = wanted.map(|d| format!("write it like \"{}\"", d.example()));
            return Err(s.invalid(VALUE.key, problem, vec![], help).into());
        }
    }
    Ok(of)
}

/// One of a column's unit; `None` if it has none that a value is written in.
pub(crate) fn unit_of(unit: &str) -> Option<Quantity> {
    Quantity::parse(&format!("1 {unit}")).ok()
}

fn value(s: &Section<'_>, node: &Node) -> Result<Value, Error> {
    let wrong = |problem: String| {
        let help = Some("a quantity like \"330 mW\" or \"41.3 TOPS\", or a number".to_owned());
        Err(s.invalid(VALUE.key, problem, vec![], help).into())
    };
    match &node.value {
        Written::Text(text) => match Quantity::parse(text) {
            Ok(q) if q.value_si.is_finite() && q.value_si > 0.0 => Ok(Value::Quantity(q)),
            Ok(_) => wrong(format!("{text} is not finite and above 0: it has no relative deviation")),
            Err(NotAQuantity::NoNumber) => wrong(format!("\"{text}\" does not begin with a number")),
            Err(NotAQuantity::NoUnit) => {
                wrong(format!("\"{text}\" has no unit; a number stands without quotes"))
            }
            Err(NotAQuantity::UnknownUnit(unit)) => wrong(format!("`{unit}` is no known unit")),
        },
        Written::Integer(v) if *v > 0 => Ok(Value::Number(*v as f64)),
        Written::Number(v) if v.is_finite() && *v > 0.0 => Ok(Value::Number(*v)),
        Written::Integer(_) | Written::Number(_) => {
            wrong("it is not finite and above 0: it has no relative deviation".to_owned())
        }
        other => wrong(format!("found {}", other.kind_name())),
    }
}

fn assumption(name: &str, s: &Section<'_>, figures: &[Figure]) -> Result<Assumption, Error> {
    let mut moves = Vec::new();
    for value in s.list(&MOVES)? {
        let known = || figures.iter().map(|f| f.name.as_str());
        match value.as_str().filter(|name| known().any(|n| n == *name)) {
            Some(figure) => moves.push(figure.to_owned()),
            None => {
                let problem = format!("{value} is not a figure of this file");
                let help = Some(format!("known: {}", known().collect::<Vec<_>>().join(", ")));
                return Err(s.invalid(MOVES.key, problem, vec![], help).into());
            }
        }
    }
    Ok(Assumption {
        name: name.to_owned(),
        key: s.text(&KEY)?,
        values: s.list(&VALUES)?,
        moves,
        why: s.text(&WHY)?,
    })
}
