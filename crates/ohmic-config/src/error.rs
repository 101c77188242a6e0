//! What can be wrong with a text of settings, shown in the text: where, what, and the way out.

use crate::span::Place;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// Why settings were refused. `Display` shows the place in the text; [`Error::one_line`] is for tables.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read.
    Read {
        /// Its path.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The text is not TOML.
    Syntax {
        /// Where.
        place: Place,
        /// What the TOML reader says.
        message: String,
        /// Of a key given twice, where it was given first.
        first: Option<Place>,
    },
    /// A key that nobody reads.
    UnknownKey {
        /// Where the key stands.
        place: Place,
        /// Section and key.
        path: String,
        /// Whether it is a key or a whole section.
        what: Unknown,
        /// The kind of the section, which does not have this key.
        kind: Option<String>,
        /// The known name that is probably meant.
        nearest: Option<String>,
        /// The keys that the section has.
        known: Vec<String>,
    },
    /// A key that is needed is not there.
    MissingKey {
        /// The section's header.
        place: Place,
        /// Section and key.
        path: String,
        /// What the key means.
        meaning: String,
        /// The key as it could stand there.
        example: String,
    },
    /// A section that is needed is not there.
    MissingSection {
        /// The text.
        place: Place,
        /// The section.
        path: String,
        /// What the section is for and what it could look like.
        help: String,
    },
    /// A number where a quantity is wanted.
    BareNumber {
        /// Where the number stands.
        place: Place,
        /// Section and key.
        path: String,
        /// The number.
        value: String,
        /// The form that is wanted, in words.
        wanted: String,
        /// The number with the SI unit of the key.
        help: String,
    },
    /// A text that is not a number with a known unit of the right dimension.
    Unit {
        /// Where the value stands.
        place: Place,
        /// Section and key.
        path: String,
        /// What is wrong with it.
        problem: String,
        /// The form that is wanted, in words.
        wanted: String,
        /// The way out.
        help: String,
    },
    /// A value of another type.
    WrongType {
        /// Where the value stands.
        place: Place,
        /// Section and key.
        path: String,
        /// What the value is.
        found: &'static str,
        /// The form that is wanted, in words.
        wanted: String,
    },
    /// A number outside the allowed range.
    OutOfRange {
        /// Where the value stands.
        place: Place,
        /// Section and key.
        path: String,
        /// The value.
        value: String,
        /// The range in words.
        range: String,
        /// What the key means.
        meaning: String,
    },
    /// A name that is not one of the known ones.
    UnknownName {
        /// Where the name stands.
        place: Place,
        /// Section and key.
        path: String,
        /// The name.
        value: String,
        /// The known name that is probably meant.
        nearest: Option<String>,
        /// The known names.
        known: Vec<String>,
    },
    /// A name that is not in a text, but in a request.
    UnknownRequest {
        /// What was asked for: `preset`.
        what: &'static str,
        /// The name.
        value: String,
        /// The known name that is probably meant.
        nearest: Option<String>,
        /// The known names.
        known: Vec<String>,
    },
    /// Values that are fine each, but not together, or anything else about one value.
    Invalid {
        /// Where the value stands.
        place: Place,
        /// Section and key.
        path: String,
        /// What is wrong.
        problem: String,
        /// Other values that it does not go with, and what they say.
        also: Vec<(Place, String)>,
        /// The way out.
        help: Option<String>,
    },
}

/// What is unknown about a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// A key with a value.
    Key,
    /// A whole section.
    Section,
    /// A column of a table.
    Column,
}

/// Title, label at the place, and help of an error.
struct Parts<'a> {
    place: Option<&'a Place>,
    title: String,
    label: String,
    also: Vec<(Place, String)>,
    help: Option<String>,
}

fn did_you_mean(nearest: Option<&str>, known: &[String], what: &str) -> String {
    let all = match known {
        [] => format!("there are no {what} here"),
        known => format!("known {what}: {}", known.join(", ")),
    };
    match nearest {
        Some(name) => format!("did you mean `{name}`? {all}"),
        None => all,
    }
}

impl Error {
    fn parts(&self) -> Parts<'_> {
        let at = |place, title, label: &str, help| Parts {
            place: Some(place),
            title,
            label: label.to_owned(),
            also: vec![],
            help,
        };
        match self {
            Self::Read { path, source } => Parts {
                place: None,
                title: format!("cannot read {path}: {source}"),
                label: String::new(),
                also: vec![],
                help: None,
            },
            Self::Syntax { place, message, first } => {
                let line = message.lines().next().unwrap_or_default();
                let more = message.lines().skip(1).collect::<Vec<_>>().join("; ");
                let after = &place.text()[place.span().start..];
                let help = after.starts_with(',').then(|| "the decimal sign is a point: 0.05".to_owned());
                let also = first.iter().map(|p| (p.clone(), "given here first".to_owned())).collect();
                Parts { also, ..at(place, format!("not valid TOML: {line}"), &more, help) }
            }
            Self::UnknownKey { place, path, what, kind, nearest, known } => {
                let (title, noun) = match what {
                    Unknown::Section => (format!("unknown section `[{path}]`"), "section"),
                    Unknown::Key => (format!("unknown key `{path}`"), "key"),
                    Unknown::Column => (format!("unknown column `{path}`"), "column"),
                };
                let label = match kind {
                    Some(kind) => format!("the kind `{kind}` has no such {noun}"),
                    None => format!("nothing reads this {noun}"),
                };
                let nouns = if *what == Unknown::Column { "columns" } else { "keys" };
                at(place, title, &label, Some(did_you_mean(nearest.as_deref(), known, nouns)))
            }
            Self::MissingKey { place, path, meaning, example } => at(
                place,
                format!("missing key `{path}`"),
                "in this section",
                Some(format!("add `{example}`: {meaning}")),
            ),
            Self::MissingSection { place, path, help } => {
                at(place, format!("missing section `[{path}]`"), "in this file", Some(help.clone()))
            }
            Self::BareNumber { place, path, value, wanted, help } => at(
                place,
                format!("`{path}` = {value} has no unit"),
                &format!("expected {wanted}"),
                Some(help.clone()),
            ),
            Self::Unit { place, path, problem, wanted, help } => {
                at(place, format!("`{path}`: {problem}"), &format!("expected {wanted}"), Some(help.clone()))
            }
            Self::WrongType { place, path, found, wanted } => {
                at(place, format!("`{path}` is {found}"), &format!("expected {wanted}"), None)
            }
            Self::OutOfRange { place, path, value, range, meaning } => at(
                place,
                format!("`{path}` = {value} is out of range"),
                &format!("expected {range}"),
                Some(format!("`{}`: {meaning}", path.rsplit('.').next().unwrap_or(path))),
            ),
            Self::UnknownName { place, path, value, nearest, known } => at(
                place,
                format!("`{path}` has no choice \"{value}\""),
                "not a known name",
                Some(did_you_mean(nearest.as_deref(), known, "names")),
            ),
            Self::UnknownRequest { what, value, nearest, known } => Parts {
                place: None,
                title: format!("no file and no {what} is called `{value}`"),
                label: String::new(),
                also: vec![],
                help: Some(did_you_mean(nearest.as_deref(), known, &format!("{what}s"))),
            },
            Self::Invalid { place, path, problem, also, help } => Parts {
                place: Some(place),
                title: format!("`{path}`: {problem}"),
                label: String::new(),
                also: also.clone(),
                help: help.clone(),
            },
        }
    }

    /// Where the offending value stands, if it stands in a text.
    pub fn place(&self) -> Option<&Place> {
        self.parts().place
    }

    /// The message in one line, for a cell of a table: `file:line:column: problem; expected ...; help: ...`.
    pub fn one_line(&self) -> String {
        let p = self.parts();
        let mut out = p.place.map(|place| format!("{place}: ")).unwrap_or_default();
        out.push_str(&p.title);
        if p.label.starts_with("expected") {
            out.push_str(&format!("; {}", p.label));
        }
        for (place, label) in &p.also {
            out.push_str(&format!("; {place}: {label}"));
        }
        if let Some(help) = p.help {
            out.push_str(&format!("; help: {help}"));
        }
        out
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let p = self.parts();
        let mut group = annotate_snippets::Group::with_title(Level::ERROR.no_name().primary_title(&p.title));
        if let Some(place) = p.place {
            let snippet = |at: &'_ Place| Snippet::source(at.text().to_owned()).path(at.path().to_owned());
            let primary = |at: &Place, label: &str| {
                let a = AnnotationKind::Primary.span(at.span());
                if label.is_empty() { a } else { a.label(label.to_owned()) }
            };
            let context =
                |(at, label): &(Place, String)| AnnotationKind::Context.span(at.span()).label(label.clone());
            // an empty text has no line to show
            if place.text().is_empty() {
                group = group.element(annotate_snippets::Origin::path(place.path().to_owned()));
            } else {
                let here = p.also.iter().filter(|(at, _)| at.same_source(place));
                group = group.element(
                    snippet(place).annotation(primary(place, &p.label)).annotations(here.map(context)),
                );
            }
            for also in p.also.iter().filter(|(at, _)| !at.same_source(place)) {
                group = group.element(snippet(&also.0).annotation(context(also)));
            }
        }
        if let Some(help) = &p.help {
            group = group.element(Level::HELP.message(help.clone()));
        }
        f.write_str(&Renderer::plain().render(&[group]))
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read { source, .. } => Some(source),
            _ => None,
        }
    }
}
