//! The page: one HTML file that needs no network.

use crate::folder::{Drawn, Folder};
use crate::points::AXIS;
use crate::scale::{number, prefixed};
use crate::{Error, Points, Setting};
use minijinja::{AutoEscape, Environment, context};
use ohmic_results::{Column, Value};

/// A cell of the results: its words, and what the column is sorted by (of a heading: what rests under the mouse).
fn cell(text: String, key: String) -> minijinja::Value {
    context! { text, key }
}

pub(crate) fn page(
    folder: &Folder,
    points: &Points,
    drawn: &[Drawn],
    skipped: &[(&str, &str, String)],
    name: &str,
) -> Result<String, Error> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let failed = |e: minijinja::Error| Error::Page { reason: format!("{e:#}") };
    environment.add_template("page", include_str!("page.html")).map_err(failed)?;
    let figures: Vec<_> = drawn
        .iter()
        .map(|d| context! { name => d.figure.name.as_str(), title => d.figure.title.as_str(), caption => d.figure.caption.as_str(), svg => inline(&d.svg) })
        .collect();
    let (header, rows) = results(points);
    let rows_of = |s: &Setting| (s.rows.len(), s.failed.len());
    let (finished, broken) = points.settings.iter().map(rows_of).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
    let columns: Vec<_> = points
        .table
        .columns
        .iter()
        .map(|c| context! { name => c.name.as_str(), unit => c.unit.as_str(), meaning => c.meaning.as_str(), formula => c.formula.as_str() })
        .collect();
    let all_axes: Vec<_> = (0..points.axes.len()).collect();
    let failures: Vec<_> = points
        .settings
        .iter()
        .flat_map(|s| s.failed.iter().map(move |r| (s, *r)))
        .map(|(s, r)| {
            let value = |c: &str| points.table.index(c).map_or(String::new(), |c| points.table.rows[r][c].to_string());
            context! { point => points.label(&all_axes, &s.at), trial => value("trial"), message => value("message") }
        })
        .collect();
    let resolved: Vec<_> =
        folder.resolved.iter().map(|(n, t)| context! { name => n.as_str(), text => t.as_str() }).collect();
    let skipped: Vec<_> = skipped
        .iter()
        .map(|(n, s, r)| context! { name => n.to_string(), summary => s.to_string(), reason => r.as_str() })
        .collect();
    let template = environment.get_template("page").map_err(failed)?;
    template
        .render(context! {
            name, figures, header, rows, columns, failures, resolved, skipped, finished, broken,
            question => folder.sweep.as_deref().map_or(String::new(), question),
            sweep => folder.sweep.clone().unwrap_or_default(),
            manifest => folder.manifest.as_ref().map_or(Vec::new(), manifest),
            unfinished => folder.unfinished,
            settings => points.settings.len(),
            trials => points.trials(),
        })
        .map_err(failed)
}

/// An SVG as it stands inside of HTML: scalable, without the XML head.
fn inline(svg: &str) -> String {
    let start = svg.find("<svg").unwrap_or(0);
    svg[start..].replacen("<svg ", "<svg role=\"img\" ", 1)
}

/// A sweep file's first comment: the question that it asks.
fn question(text: &str) -> String {
    let lines = text.lines().skip_while(|l| l.trim().is_empty()).map_while(|l| l.trim().strip_prefix('#'));
    lines.map(str::trim).collect::<Vec<_>>().join(" ").trim().to_owned()
}

/// A manifest's entries by group, as (group, key, value); the columns have their own section.
fn manifest(value: &serde_json::Value) -> Vec<minijinja::Value> {
    let word = |v: &serde_json::Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
    let mut all = Vec::new();
    for (group, inner) in value.as_object().into_iter().flatten().filter(|(k, _)| *k != "columns") {
        match inner.as_object() {
            Some(map) => {
                all.extend(map.iter().map(|(k, v)| context! { key => k.as_str(), value => word(v) }))
            }
            None => all.push(context! { key => group.as_str(), value => word(inner) }),
        }
    }
    all
}

/// The table per setting: its axes, how many trials, and mean ± half width of what is not one of a family.
fn results(points: &Points) -> (Vec<minijinja::Value>, Vec<Vec<minijinja::Value>>) {
    const OWN: [&str; 7] = ["point", "trial", "status", "message", "images", "accuracy_low", "accuracy_high"];
    let numeric = |c: &&Column| {
        let some = || points.table.column(&c.name).is_ok_and(|v| v.iter().any(|v| v.number().is_some()));
        !c.name.contains(':') && !OWN.contains(&c.name.as_str()) && some()
    };
    let columns: Vec<&Column> = points.table.columns.iter().filter(numeric).collect();
    let scales: Vec<(f64, String)> = columns
        .iter()
        .map(|c| {
            let values = points.table.column(&c.name).unwrap_or_default();
            let largest = values
                .iter()
                .filter_map(|v| v.number())
                .filter(|v| v.is_finite())
                .fold(0.0, |a: f64, b| a.max(b.abs()));
            prefixed(&c.unit, largest)
        })
        .collect();
    let head = |text: String, key: &str| cell(text, key.to_owned());
    let mut header: Vec<minijinja::Value> =
        points.axes.iter().map(|a| head(a.key.clone(), &format!("{AXIS}{}", a.key))).collect();
    header.push(head("trials".to_owned(), "finished trials; failed ones in brackets"));
    for (c, (_, unit)) in columns.iter().zip(&scales) {
        let unit = if unit.is_empty() { String::new() } else { format!(" [{unit}]") };
        header.push(head(format!("{}{unit}", c.name.replace('_', " ")), &c.meaning));
    }
    let row = |s: &Setting| {
        let axis = |(a, at): (&crate::Axis, &usize)| {
            let value: &Value = &a.values[*at];
            cell(a.plain(value), value.to_string())
        };
        let mut cells: Vec<minijinja::Value> = points.axes.iter().zip(&s.at).map(axis).collect();
        let text = if s.failed.is_empty() {
            s.rows.len().to_string()
        } else {
            format!("{} ({} failed)", s.rows.len(), s.failed.len())
        };
        cells.push(cell(text, s.rows.len().to_string()));
        for (c, (factor, _)) in columns.iter().zip(&scales) {
            cells.push(match points.estimate(&c.name, &[s]) {
                None => cell("–".to_owned(), String::new()),
                Some(e) => {
                    let half = e.half.filter(|h| *h > 1e-9 * e.mean.abs());
                    let half = half.map_or(String::new(), |h| format!(" ± {}", number(h * factor, 2)));
                    cell(format!("{}{half}", number(e.mean * factor, 4)), e.mean.to_string())
                }
            });
        }
        cells
    };
    (header, points.settings.iter().map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_is_the_first_comment() {
        assert_eq!(
            question("\n# How many bits?\n#\n# Second line.\n\n# not this\nseed = 1\n"),
            "How many bits?  Second line."
        );
        assert_eq!(question("seed = 1\n# later\n"), "");
    }
}
