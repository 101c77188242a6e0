//! `ohmic explain`: meaning, unit, formula, range and source of any key or column; and, from the same
//! place, the pages of `docs/reference`.

mod pages;

use crate::answer::Answer;
use crate::args::ExplainArgs;
use crate::text;
use anyhow::{Context, Result, anyhow};
use ohmic_config::KeyDoc;
use ohmic_config::key::{Form, Presence};
use ohmic_config::suggest::nearest;
use ohmic_hardware::Event;
use ohmic_hardware::documentation::sections;
use ohmic_results::Column;
use ohmic_sweep::{RUN_KEYS, Swept};
use serde_json::{Value, json};

/// One thing that can be explained.
struct Entry {
    name: String,
    /// Label and text, in the order they are shown.
    facts: Vec<(&'static str, String)>,
}

pub(crate) fn run(args: &ExplainArgs) -> Result<Answer> {
    let Some(key) = &args.key else {
        let pages = pages::all();
        if let Some(folder) = &args.out {
            let mut text = String::new();
            for (name, page) in &pages {
                let path = folder.join(name);
                ohmic_results::write_atomically(&path, page.as_bytes())
                    .with_context(|| format!("cannot write {}", path.display()))?;
                text.push_str(&format!("wrote {}\n", path.display()));
            }
            return Ok(Answer::done(text, json!(pages.iter().map(|p| &p.0).collect::<Vec<_>>())));
        }
        let text = pages.iter().map(|(_, page)| page.as_str()).collect::<Vec<_>>().join("\n");
        return Ok(Answer::done(text, json!(pages)));
    };
    if let Some(folder) = &args.of {
        return super::unfold::run(key, folder, args.point);
    }
    let all = entries();
    let mut found: Vec<&Entry> = all.iter().filter(|e| e.name == *key).collect();
    if found.is_empty() {
        // `bits`: every key of that name, whatever its section
        found = all.iter().filter(|e| e.name.rsplit('.').next() == Some(key)).collect();
    }
    let column = result_column(key);
    let own: Option<Entry> = column.as_ref().map(column_entry);
    if found.is_empty() {
        found.extend(&own);
    }
    if found.is_empty() {
        let names: Vec<&str> = all.iter().map(|e| e.name.as_str()).collect();
        let hint = match nearest(key, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`ohmic list column` and docs/reference show all there is".to_owned(),
        };
        return Err(anyhow!(
            "`{key}` is neither a key of a hardware or sweep file nor a result column; {hint}"
        ));
    }
    let text = found
        .iter()
        .map(|entry| {
            let rows: Vec<(String, String)> =
                entry.facts.iter().map(|(label, fact)| ((*label).to_owned(), fact.clone())).collect();
            format!("{}\n{}", entry.name, text::names(&rows))
        })
        .collect::<Vec<_>>()
        .join("\n");
    let json: Vec<Value> = found
        .iter()
        .map(|entry| {
            let mut object = serde_json::Map::new();
            object.insert("name".to_owned(), json!(entry.name));
            for (label, fact) in &entry.facts {
                object.insert((*label).to_owned(), json!(fact));
            }
            Value::Object(object)
        })
        .collect();
    Ok(Answer::done(text, Value::Array(json)))
}

/// Everything that can be explained: hardware keys, run options, events, result columns.
fn entries() -> Vec<Entry> {
    let mut all = Vec::new();
    for section in sections() {
        let path = |key: &str| {
            if section.path.is_empty() { key.to_owned() } else { format!("{}.{key}", section.path) }
        };
        for key in section.keys {
            all.push(key_entry(path(key.key), key, ""));
        }
        if !section.members.is_empty() {
            let known: Vec<String> =
                section.members.iter().map(|m| format!("\"{}\" ({})", m.name, m.summary)).collect();
            all.push(Entry {
                name: path("kind"),
                facts: vec![
                    ("meaning", format!("{}: which model", section.meaning)),
                    ("values", known.join("; ")),
                ],
            });
        }
        for member in &section.members {
            for key in member.keys {
                all.push(key_entry(path(key.key), key, member.name));
            }
        }
    }
    // the same key of several members is said once, with the names of all of them
    let mut merged: Vec<Entry> = Vec::new();
    for entry in all {
        let same = |a: &Entry, b: &Entry| {
            let facts = |e: &Entry| e.facts.iter().filter(|f| f.0 != "of").cloned().collect::<Vec<_>>();
            a.name == b.name && facts(a) == facts(b)
        };
        match merged.iter_mut().find(|m| same(m, &entry)) {
            Some(known) => {
                if let (Some(of), Some(more)) =
                    (known.facts.iter_mut().find(|f| f.0 == "of"), entry.facts.iter().find(|f| f.0 == "of"))
                {
                    of.1.push_str(&format!(", {}", more.1));
                }
            }
            None => merged.push(entry),
        }
    }
    merged.extend(RUN_KEYS.iter().map(|key| Entry {
        name: key.key.to_owned(),
        facts: vec![
            ("meaning", key.meaning.to_owned()),
            ("form", key.form.to_owned()),
            ("axis", if key.swept == Swept::Allowed { "yes" } else { "no: one value a sweep" }.to_owned()),
            ("file", "sweep file".to_owned()),
        ],
    }));
    merged.extend(Event::ALL.iter().map(|event| Entry {
        name: event.name().to_owned(),
        facts: vec![
            ("meaning", event.meaning().to_owned()),
            ("unit", event.unit().to_owned()),
            ("file", "an event: counted in every run, priced under `events` of a component".to_owned()),
        ],
    }));
    merged.extend(result_columns().iter().map(column_entry));
    merged
}

fn key_entry(name: String, key: &KeyDoc, member: &str) -> Entry {
    let mut facts = vec![("meaning", key.meaning.to_owned()), ("form", key.wanted())];
    if let Form::Choice(names) = key.form {
        facts.push((
            "values",
            names.iter().map(|(n, m)| format!("\"{n}\": {m}")).collect::<Vec<_>>().join("; "),
        ));
    }
    let mut push = |label, fact: String| {
        if !fact.is_empty() {
            facts.push((label, fact));
        }
    };
    push("unit", key.unit().to_owned());
    push("range", key.range());
    push(
        "if absent",
        match key.presence {
            Presence::Required => "an error".to_owned(),
            Presence::Optional(meaning) => meaning.to_owned(),
        },
    );
    push("source", key.source.to_owned());
    push("of", member.to_owned());
    push("file", "hardware file".to_owned());
    Entry { name, facts }
}

fn column_entry(column: &Column) -> Entry {
    let mut facts = vec![("meaning", column.meaning.clone())];
    let unit = if column.unit.is_empty() { "none".to_owned() } else { column.unit.clone() };
    facts.push(("unit", unit));
    if !column.formula.is_empty() {
        facts.push(("formula", column.formula.clone()));
    }
    facts.push(("file", "column of results".to_owned()));
    Entry { name: column.name.clone(), facts }
}

/// Every column of results; a name that ends in `:` is a family, one a component, layer or axis.
pub(crate) fn result_columns() -> Vec<Column> {
    let mut columns = ohmic_sweep::label_columns();
    columns.push(Column::new(
        "axis:",
        "",
        "value of an axis at this point, by its key path; quantities in the SI unit",
    ));
    columns.extend(
        ohmic_metrics::COLUMNS
            .iter()
            .map(|&(name, unit, meaning, formula)| Column::new(name, unit, meaning).with_formula(formula)),
    );
    columns
}

/// The column of a name, members of families (`energy:adc`) included.
fn result_column(name: &str) -> Option<Column> {
    if let Some(key) = name.strip_prefix("axis:") {
        return Some(Column::new(
            name,
            "",
            format!("value of the axis `{key}` at this point; see `ohmic explain {key}`"),
        ));
    }
    ohmic_metrics::column(name)
}
