//! Text for people: tables in columns, quantities with SI prefixes.

/// A table in columns: the first column to the left, the others to the right.
pub(crate) fn columns(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = head.iter().map(|h| h.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut text = String::new();
        for (i, (cell, width)) in cells.zip(&widths).enumerate() {
            let pad = " ".repeat(width - cell.chars().count());
            if i == 0 {
                text.push_str(&format!("  {cell}{pad}"));
            } else {
                text.push_str(&format!("  {pad}{cell}"));
            }
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
        text
    };
    let mut text = String::new();
    if head.iter().any(|h| !h.is_empty()) {
        text.push_str(&line(&mut head.iter().copied()));
    }
    for row in rows {
        text.push_str(&line(&mut row.iter().map(String::as_str)));
    }
    text
}

/// Two columns: names to the left, meanings wrapped beside them.
pub(crate) fn names(rows: &[(String, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).min(34);
    let room = 106usize.saturating_sub(width).max(40);
    let mut text = String::new();
    for (name, meaning) in rows {
        let mut lines = wrap(meaning, room).into_iter();
        let pad = " ".repeat(width.saturating_sub(name.chars().count()));
        text.push_str(&format!("  {name}{pad}  {}\n", lines.next().unwrap_or_default()));
        for line in lines {
            text.push_str(&format!("  {}  {line}\n", " ".repeat(width)));
        }
    }
    text
}

/// Lines of at most `width` characters, broken at blanks.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let Some(line) = lines.last_mut() else { break };
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

/// A signal-to-noise ratio; without any error it is `exact`.
pub(crate) fn decibel(snr: f64) -> String {
    if snr.is_infinite() && snr > 0.0 { "exact".to_owned() } else { format!("{snr:.1} dB") }
}

/// A time as people say it: `1.00 s`, `30 min`, `2.5 h`, `365 day`.
pub(crate) fn time(seconds: f64) -> String {
    const UNITS: [(&str, f64); 3] = [("day", 86_400.0), ("h", 3600.0), ("min", 60.0)];
    match UNITS.into_iter().find(|(_, unit)| seconds >= *unit) {
        // at most two digits behind the point, none that say nothing
        Some((name, unit)) => format!("{} {name}", (seconds / unit * 100.0).round() / 100.0),
        None => quantity(seconds, "s"),
    }
}

/// A quantity in its SI base unit, with the prefix that leaves 1 to 999: `1.67 pJ`.
pub(crate) fn quantity(value: f64, unit: &str) -> String {
    const PREFIXES: [(&str, f64); 12] = [
        ("T", 1e12),
        ("G", 1e9),
        ("M", 1e6),
        ("k", 1e3),
        ("", 1.0),
        ("m", 1e-3),
        ("u", 1e-6),
        ("n", 1e-9),
        ("p", 1e-12),
        ("f", 1e-15),
        ("a", 1e-18),
        ("z", 1e-21),
    ];
    if !value.is_finite() {
        return format!("{value} {unit}").trim_end().to_owned();
    }
    if unit == "m2" {
        // prefixes of squares mislead: say mm2 or um2
        let (scale, name) = if value.abs() >= 1e-8 { (1e6, "mm2") } else { (1e12, "um2") };
        return format!("{} {name}", digits(value * scale));
    }
    if value.abs() < 1e-21 || unit.is_empty() || unit == "dB" || unit == "bit" || unit.contains('/') {
        return format!("{} {unit}", digits(value)).trim_end().to_owned();
    }
    // rounded to three digits first, so that 999.9 p becomes 1 n
    let rounded: f64 = format!("{value:.2e}").parse().unwrap_or(value);
    let (prefix, scale) =
        PREFIXES.into_iter().find(|(_, s)| rounded.abs() >= *s * 0.9999).unwrap_or(("z", 1e-21));
    format!("{} {prefix}{unit}", digits(rounded / scale))
}

/// Three significant digits, without an exponent where that is readable.
pub(crate) fn digits(value: f64) -> String {
    let size = value.abs();
    match size {
        0.0 => "0".to_owned(),
        _ if !(1e-3..1e6).contains(&size) => format!("{value:.2e}"),
        _ if size >= 100.0 => format!("{value:.0}"),
        _ if size >= 10.0 => format!("{value:.1}"),
        _ if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// A fraction as percent with two decimals.
pub(crate) fn percent(fraction: f64) -> String {
    format!("{:.2} %", fraction * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_words() {
        for (seconds, words) in [
            (1.0, "1.00 s"),
            (1800.0, "30 min"),
            (9000.0, "2.5 h"),
            (31_536_000.0, "365 day"),
            (1e-6, "1.00 us"),
        ] {
            assert_eq!(time(seconds), words);
        }
    }

    #[test]
    fn quantities_get_the_prefix_that_reads_best() {
        assert_eq!(quantity(1.67e-12, "J"), "1.67 pJ");
        assert_eq!(quantity(0.0, "J"), "0 J");
        assert_eq!(quantity(9.999e-10, "s"), "1.00 ns");
        assert_eq!(quantity(2.5e-5, "S"), "25.0 uS");
        assert_eq!(quantity(3.2e-6, "m2"), "3.20 mm2");
        assert_eq!(quantity(41.25, "dB"), "41.2 dB");
    }

    #[test]
    fn tables_line_up() {
        let rows = vec![vec!["a".to_owned(), "1".to_owned()], vec!["bcd".to_owned(), "22".to_owned()]];
        assert_eq!(columns(&["x", "n"], &rows), "  x     n\n  a     1\n  bcd  22\n");
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
    }
}
