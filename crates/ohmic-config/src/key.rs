//! What a key means: written once, beside the code that reads it; checks, messages, `ohmic explain`
//! and the reference pages all use it.

use crate::quantity::Dimension;

/// One end of a range of numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// No limit.
    None,
    /// The limit itself is allowed.
    Closed(f64),
    /// The limit itself is not allowed.
    Open(f64),
}

/// How a key's value is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Form {
    /// A string with a unit, `"25 uS"`; bounds in the SI base unit.
    Quantity(Dimension),
    /// A number without dimension.
    Number,
    /// A whole number.
    Integer,
    /// A whole number, or this word.
    IntegerOr(&'static str),
    /// One of these names, each with its meaning.
    Choice(&'static [(&'static str, &'static str)]),
    /// Any text.
    Text,
    /// The path of a CSV table, relative to the file that names it, or the table itself in a text of several
    /// lines.
    File,
    /// A table whose keys are chosen by the writer, or listed in the meaning.
    Table,
}

/// What it means when a key is not there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Presence {
    /// That is an error.
    Required,
    /// This is what it means.
    Optional(&'static str),
}

/// Meaning, form, range and source of one key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KeyDoc {
    /// The key within its section.
    pub key: &'static str,
    /// How its value is written.
    pub form: Form,
    /// Smallest value.
    pub low: Bound,
    /// Largest value.
    pub high: Bound,
    /// Whether it has to be there.
    pub presence: Presence,
    /// What it means, in one sentence.
    pub meaning: &'static str,
    /// Where the definition comes from, or empty.
    pub source: &'static str,
}

impl KeyDoc {
    const fn new(key: &'static str, form: Form, meaning: &'static str) -> Self {
        Self {
            key,
            form,
            low: Bound::None,
            high: Bound::None,
            presence: Presence::Required,
            meaning,
            source: "",
        }
    }

    /// A quantity with a unit.
    pub const fn quantity(key: &'static str, dimension: Dimension, meaning: &'static str) -> Self {
        Self::new(key, Form::Quantity(dimension), meaning)
    }

    /// A number without dimension.
    pub const fn number(key: &'static str, meaning: &'static str) -> Self {
        Self::new(key, Form::Number, meaning)
    }

    /// A whole number in `low..=high`.
    pub const fn integer(key: &'static str, low: u32, high: u32, meaning: &'static str) -> Self {
        Self {
            low: Bound::Closed(low as f64),
            high: Bound::Closed(high as f64),
            ..Self::new(key, Form::Integer, meaning)
        }
    }

    /// A whole number in `low..=high`, or `word`.
    pub const fn integer_or(
        key: &'static str,
        low: u32,
        high: u32,
        word: &'static str,
        meaning: &'static str,
    ) -> Self {
        Self { form: Form::IntegerOr(word), ..Self::integer(key, low, high, meaning) }
    }

    /// One of some names, each with its meaning.
    pub const fn choice(
        key: &'static str,
        names: &'static [(&'static str, &'static str)],
        meaning: &'static str,
    ) -> Self {
        Self::new(key, Form::Choice(names), meaning)
    }

    /// Any text.
    pub const fn text(key: &'static str, meaning: &'static str) -> Self {
        Self::new(key, Form::Text, meaning)
    }

    /// A CSV table: its path, or itself.
    pub const fn file(key: &'static str, meaning: &'static str) -> Self {
        Self::new(key, Form::File, meaning)
    }

    /// A table.
    pub const fn table(key: &'static str, meaning: &'static str) -> Self {
        Self::new(key, Form::Table, meaning)
    }

    /// Only values `>= low`.
    pub const fn at_least(self, low: f64) -> Self {
        Self { low: Bound::Closed(low), ..self }
    }

    /// Only values `> low`.
    pub const fn above(self, low: f64) -> Self {
        Self { low: Bound::Open(low), ..self }
    }

    /// Only values `<= high`.
    pub const fn at_most(self, high: f64) -> Self {
        Self { high: Bound::Closed(high), ..self }
    }

    /// Only values `< high`.
    pub const fn below(self, high: f64) -> Self {
        Self { high: Bound::Open(high), ..self }
    }

    /// May be left out, which means `absence`.
    pub const fn optional(self, absence: &'static str) -> Self {
        Self { presence: Presence::Optional(absence), ..self }
    }

    /// Where the definition comes from.
    pub const fn source(self, source: &'static str) -> Self {
        Self { source, ..self }
    }

    /// Whether `value` (SI) lies in the range.
    pub fn admits(&self, value: f64) -> bool {
        let low = match self.low {
            Bound::None => true,
            Bound::Closed(b) => value >= b,
            Bound::Open(b) => value > b,
        };
        let high = match self.high {
            Bound::None => true,
            Bound::Closed(b) => value <= b,
            Bound::Open(b) => value < b,
        };
        value.is_finite() && low && high
    }

    /// The range in words, with units: `more than 0 S`, `4 to 10`; empty if there is none.
    pub fn range(&self) -> String {
        let show = |v: f64| match self.form {
            Form::Quantity(d) => d.format(v),
            _ => v.to_string(),
        };
        match (self.low, self.high) {
            (Bound::Closed(l), Bound::Closed(h)) => format!("{} to {}", show(l), show(h)),
            (low, high) => {
                let low = match low {
                    Bound::None => None,
                    Bound::Closed(b) => Some(format!("at least {}", show(b))),
                    Bound::Open(b) => Some(format!("more than {}", show(b))),
                };
                let high = match high {
                    Bound::None => None,
                    Bound::Closed(b) => Some(format!("at most {}", show(b))),
                    Bound::Open(b) => Some(format!("less than {}", show(b))),
                };
                [low, high].into_iter().flatten().collect::<Vec<_>>().join(" and ")
            }
        }
    }

    /// How the value is written, in words: `a conductance with its unit, like "25 uS"`.
    pub fn wanted(&self) -> String {
        match self.form {
            Form::Quantity(d) => format!("{} with its unit, like \"{}\"", article(d.name()), d.example()),
            Form::Number => "a number".to_owned(),
            Form::Integer => "a whole number".to_owned(),
            Form::IntegerOr(word) => format!("a whole number or \"{word}\""),
            Form::Choice(names) => {
                let names: Vec<_> = names.iter().map(|(n, _)| format!("\"{n}\"")).collect();
                format!("one of {}", names.join(", "))
            }
            Form::Text => "a text in quotes".to_owned(),
            Form::File => {
                "the path of a CSV table, or the table itself in a text of several lines".to_owned()
            }
            Form::Table => "a table".to_owned(),
        }
    }

    /// The unit column of reference pages: `S`, `V`, or empty.
    pub fn unit(&self) -> &'static str {
        match self.form {
            Form::Quantity(d) => d.units().next().unwrap_or(""),
            _ => "",
        }
    }

    /// The key as it could stand in a file, for messages about a missing key.
    pub fn example_line(&self) -> String {
        let value = match self.form {
            Form::Quantity(d) => format!("\"{}\"", d.example()),
            Form::Number | Form::Integer | Form::IntegerOr(_) => match (self.low, self.high) {
                (Bound::Closed(l), _) => l.to_string(),
                (Bound::Open(_), Bound::Closed(h)) => h.to_string(),
                _ => "1".to_owned(),
            },
            Form::Choice(names) => format!("\"{}\"", names.first().map_or("", |n| n.0)),
            Form::Text => "\"...\"".to_owned(),
            Form::File => "\"table.csv\"".to_owned(),
            Form::Table => "{ ... }".to_owned(),
        };
        format!("{} = {value}", self.key)
    }
}

fn article(noun: &str) -> String {
    let an = matches!(noun.chars().next(), Some('a' | 'e' | 'i' | 'o' | 'u'));
    format!("{} {noun}", if an { "an" } else { "a" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_tested_from_both_sides() {
        let g = KeyDoc::quantity("g_max", Dimension::Conductance, "").above(0.0).at_most(1e-3);
        assert!(
            !g.admits(0.0) && g.admits(1e-9) && g.admits(1e-3) && !g.admits(1.001e-3) && !g.admits(f64::NAN)
        );
        assert_eq!(g.range(), "more than 0 S and at most 1 mS");
        assert_eq!(KeyDoc::integer("bits", 4, 10, "").range(), "4 to 10");
        assert_eq!(KeyDoc::text("x", "").range(), "");
    }
}
