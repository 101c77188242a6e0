//! Axes: from values to pixels, ticks and their words.

/// A value's prefix: what to multiply with, and the unit as shown.
pub(crate) fn prefixed(unit: &str, largest: f64) -> (f64, String) {
    const PREFIXES: [(f64, &str); 9] = [
        (1e9, "G"),
        (1e6, "M"),
        (1e3, "k"),
        (1.0, ""),
        (1e-3, "m"),
        (1e-6, "µ"),
        (1e-9, "n"),
        (1e-12, "p"),
        (1e-15, "f"),
    ];
    let usable = largest.is_finite() && largest > 0.0;
    match unit {
        "m2" if usable && largest < 1e-8 => (1e12, "µm²".to_owned()),
        "m2" => (1e6, "mm²".to_owned()),
        "J" | "s" | "W" | "S" | "V" | "A" | "Hz" | "F" | "m" | "ohm" | "1/s" | "J/op" if usable => {
            let word = if unit == "ohm" { "Ω" } else { unit };
            if unit == "1/s" {
                return (1.0, word.to_owned());
            }
            let (p, prefix) =
                PREFIXES.into_iter().find(|(p, _)| largest >= *p * 0.999_999).unwrap_or(PREFIXES[8]);
            (1.0 / p, format!("{prefix}{word}"))
        }
        _ => (1.0, unit.to_owned()),
    }
}

/// Times that people have words for, in seconds.
const TIMES: [(f64, &str); 5] =
    [(1.0, "s"), (60.0, "min"), (3600.0, "h"), (86_400.0, "day"), (31_557_600.0, "year")];

/// A time of a second or more in the largest of these units: `25 s`, `1 h`, `1.5 day`.
pub(crate) fn duration(seconds: f64) -> String {
    let (unit, name) =
        TIMES.into_iter().rev().find(|(unit, _)| seconds >= unit * 0.999_999).unwrap_or(TIMES[0]);
    format!("{} {name}", number(seconds / unit, 3))
}

/// A number in at most `digits` digits: plain between 1e-3 and 1e5, else as `1.2e-5`.
pub(crate) fn number(x: f64, digits: usize) -> String {
    if x.is_nan() {
        return "–".to_owned();
    }
    if x.is_infinite() {
        return if x > 0.0 { "∞" } else { "−∞" }.to_owned();
    }
    if x.abs() < f64::MIN_POSITIVE {
        return "0".to_owned();
    }
    let scientific = format!("{:.*e}", digits.max(1) - 1, x);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let text = if (-3..5).contains(&exponent) {
        format!("{x:.*}", (digits as i32 - 1 - exponent).max(0) as usize)
    } else {
        format!("{}e{exponent}", trimmed(mantissa))
    };
    trimmed(&text).replace('-', "−")
}

fn trimmed(text: &str) -> &str {
    if text.contains('.') && !text.contains('e') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        text
    }
}

/// How values are laid along an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scale {
    Linear {
        low: f64,
        high: f64,
    },
    /// In decades; `zero`: there are values 0, which stand apart at the lower end.
    Log {
        low: f64,
        high: f64,
        zero: bool,
    },
}

/// Share of the axis that a 0 on a logarithmic axis takes.
const ZERO_SHARE: f64 = 0.12;

impl Scale {
    /// For values at given places (x axes): logarithmic if they span a factor of 20 or more and none is negative.
    pub(crate) fn of_places(values: &[f64]) -> Self {
        let (low, high) = extent(values);
        let positive: Vec<f64> = values.iter().copied().filter(|v| *v > 0.0).collect();
        let (smallest, _) = extent(&positive);
        if low >= 0.0 && positive.len() > 2 && high / smallest >= 20.0 {
            let margin = (high / smallest).powf(0.04);
            return Scale::Log { low: smallest / margin, high: high * margin, zero: low <= 0.0 };
        }
        let margin = if high > low { 0.04 * (high - low) } else { 0.5 * high.abs().max(1.0) };
        Scale::Linear { low: low - margin, high: high + margin }
    }

    /// For measured values (y axes): room above and below; logarithmic if allowed and they span more than 30.
    pub(crate) fn of_values(values: &[f64], log: bool) -> Self {
        let (low, high) = extent(values);
        if log && low > 0.0 && high / low > 30.0 {
            let margin = (high / low).powf(0.06);
            return Scale::Log { low: low / margin, high: high * margin, zero: false };
        }
        let span = if high > low { high - low } else { high.abs().max(1e-300) * 0.2 };
        let span = if span > 0.0 { span } else { 1.0 };
        Scale::Linear { low: low - 0.07 * span, high: high + 0.07 * span }
    }

    /// Place of a value, 0..1 inside the axis.
    pub(crate) fn place(&self, v: f64) -> f64 {
        match *self {
            Scale::Linear { low, high } => (v - low) / (high - low),
            Scale::Log { low, high, zero } => {
                let start = if zero { ZERO_SHARE } else { 0.0 };
                if v <= 0.0 {
                    return ZERO_SHARE * 0.35;
                }
                start + (1.0 - start) * (v / low).ln() / (high / low).ln()
            }
        }
    }

    /// Whether a zero stands apart, and then the share of the axis where the gap is.
    pub(crate) fn gap(&self) -> Option<f64> {
        matches!(self, Scale::Log { zero: true, .. }).then_some(ZERO_SHARE * 0.78)
    }

    /// Ticks at times that people have words for.
    pub(crate) fn time_ticks(&self) -> Vec<(f64, String)> {
        let inside = |v: &f64| (-1e-9..=1.0 + 1e-9).contains(&self.place(*v));
        let times = [1.0, 60.0, 3600.0, 86_400.0, 2_592_000.0, 31_557_600.0];
        times.into_iter().filter(inside).map(|v| (v, duration(v))).collect()
    }

    /// Ticks with their words, about `count` of them; `factor` turns values into the shown unit.
    pub(crate) fn ticks(&self, count: usize, factor: f64) -> Vec<(f64, String)> {
        match *self {
            Scale::Linear { low, high } => {
                let (low, high) = (low * factor, high * factor);
                let step = nice_step((high - low) / count.max(1) as f64);
                let decimals = (-(step.log10() + 1e-9).floor()).clamp(0.0, 12.0) as usize;
                let first = (low / step - 1e-9).ceil() as i64;
                let last = (high / step + 1e-9).floor() as i64;
                let word = |v: f64| {
                    if step < 1e-4 || high.abs() >= 1e6 {
                        number(v, 3)
                    } else {
                        format!("{v:.decimals$}").replace('-', "−")
                    }
                };
                (first..=last.min(first + 50))
                    .map(|i| (i as f64 * step / factor, word(i as f64 * step)))
                    .collect()
            }
            Scale::Log { low, high, zero } => {
                let (l, h) = ((low * factor).log10(), (high * factor).log10());
                let decades = h - l;
                let mantissas: &[f64] = if decades < 1.3 {
                    &[1.0, 2.0, 3.0, 5.0, 7.0]
                } else if decades < 3.0 {
                    &[1.0, 2.0, 5.0]
                } else {
                    &[1.0]
                };
                let every = (decades / count.max(1) as f64).ceil().max(1.0) as i32;
                let mut ticks = if zero { vec![(0.0, "0".to_owned())] } else { Vec::new() };
                for e in (l.floor() as i32)..=(h.ceil() as i32) {
                    for m in mantissas.iter().filter(|_| e.rem_euclid(every) == 0) {
                        let v = m * 10f64.powi(e);
                        if v.log10() >= l - 1e-9 && v.log10() <= h + 1e-9 {
                            ticks.push((v / factor, number(v, 2)));
                        }
                    }
                }
                ticks
            }
        }
    }
}

/// Smallest and largest of the finite values; 0 and 1 for none.
pub(crate) fn extent(values: &[f64]) -> (f64, f64) {
    let finite = values.iter().copied().filter(|v| v.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    if low <= high { (low, high) } else { (0.0, 1.0) }
}

/// The nearest of 1, 2 or 5 times a power of ten.
fn nice_step(rough: f64) -> f64 {
    if !(rough.is_finite() && rough > 0.0) {
        return 1.0;
    }
    let power = 10f64.powi((rough.log10() + 1e-9).floor() as i32);
    let m = rough / power;
    power
        * if m < 1.5 {
            1.0
        } else if m < 3.5 {
            2.0
        } else if m < 7.5 {
            5.0
        } else {
            10.0
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_words() {
        for (x, word) in [
            (0.0, "0"),
            (12.34, "12.3"),
            (0.5, "0.5"),
            (1e-3, "0.001"),
            (1e-4, "1e−4"),
            (123_456.0, "1.23e5"),
            (-2.0, "−2"),
            (99.96, "100"),
            (f64::INFINITY, "∞"),
            (f64::NAN, "–"),
        ] {
            assert_eq!(number(x, 3), word);
        }
    }

    #[test]
    fn prefixes() {
        // 12.3 nJ; 25 uS; 0.5 mm2; a dimensionless number stays
        assert_eq!(prefixed("J", 1.23e-8).1, "nJ");
        assert_eq!(prefixed("S", 25e-6).1, "µS");
        assert_eq!(prefixed("m2", 5e-7), (1e6, "mm²".to_owned()));
        assert_eq!(prefixed("dB", 1e-9), (1.0, "dB".to_owned()));
        assert_eq!(prefixed("J", 0.0).1, "J");
    }

    #[test]
    fn times_in_words() {
        for (seconds, words) in [
            (25.0, "25 s"),
            (60.0, "1 min"),
            (5400.0, "1.5 h"),
            (86_400.0, "1 day"),
            (31_557_600.0, "1 year"),
            (0.01, "0.01 s"),
        ] {
            assert_eq!(duration(seconds), words);
        }
        let scale = Scale::of_places(&[1.0, 100.0, 1e4, 1e6]);
        let words: Vec<String> = scale.time_ticks().into_iter().map(|t| t.1).collect();
        assert_eq!(words, ["1 s", "1 min", "1 h", "1 day"]);
    }

    #[test]
    fn ticks_are_round() {
        let words = |s: Scale, n| s.ticks(n, 1.0).into_iter().map(|t| t.1).collect::<Vec<_>>();
        assert_eq!(
            words(Scale::Linear { low: 0.0, high: 1.0 }, 5),
            ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
        );
        assert_eq!(
            words(Scale::Log { low: 9e-4, high: 2.0, zero: true }, 5),
            ["0", "0.001", "0.01", "0.1", "1"]
        );
        assert_eq!(
            words(Scale::Linear { low: 0.9901, high: 0.9921 }, 4),
            ["0.9905", "0.9910", "0.9915", "0.9920"]
        );
    }

    #[test]
    fn degenerate_axes_have_a_width() {
        for s in [
            Scale::of_places(&[4.0]),
            Scale::of_places(&[]),
            Scale::of_values(&[0.0, 0.0], true),
            Scale::of_values(&[f64::NAN], true),
        ] {
            assert!(s.place(0.0).is_finite() && !s.ticks(5, 1.0).is_empty(), "{s:?}");
        }
        assert!(matches!(Scale::of_places(&[0.0, 0.001, 0.01, 0.1]), Scale::Log { zero: true, .. }));
        assert!(matches!(Scale::of_places(&[0.0, 0.05, 0.1, 0.2]), Scale::Linear { .. }));
    }
}
