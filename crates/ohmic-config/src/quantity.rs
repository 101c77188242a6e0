//! Numbers with units: `"25 uS"` is `2.5e-5` siemens, and nothing else is.

/// What a number measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// Volt.
    Voltage,
    /// Ampere.
    Current,
    /// Siemens.
    Conductance,
    /// Ohm.
    Resistance,
    /// Second.
    Time,
    /// Hertz.
    Frequency,
    /// Joule.
    Energy,
    /// Watt.
    Power,
    /// Square metre.
    Area,
    /// Farad.
    Capacitance,
    /// Metre.
    Length,
    /// Kelvin.
    Temperature,
    /// Operations per second.
    Throughput,
    /// Operations per joule.
    Efficiency,
    /// Operations per second and square metre.
    ThroughputDensity,
    /// Bytes per square metre.
    StorageDensity,
}

/// Every unit: name, dimension, power of ten that leads to the SI base unit.
const UNITS: &[(&str, Dimension, i32)] = {
    use Dimension::*;
    &[
        ("V", Voltage, 0),
        ("mV", Voltage, -3),
        ("uV", Voltage, -6),
        ("A", Current, 0),
        ("mA", Current, -3),
        ("uA", Current, -6),
        ("nA", Current, -9),
        ("pA", Current, -12),
        ("S", Conductance, 0),
        ("mS", Conductance, -3),
        ("uS", Conductance, -6),
        ("nS", Conductance, -9),
        ("pS", Conductance, -12),
        ("Ohm", Resistance, 0),
        ("kOhm", Resistance, 3),
        ("MOhm", Resistance, 6),
        ("GOhm", Resistance, 9),
        ("s", Time, 0),
        ("ms", Time, -3),
        ("us", Time, -6),
        ("ns", Time, -9),
        ("ps", Time, -12),
        ("Hz", Frequency, 0),
        ("kHz", Frequency, 3),
        ("MHz", Frequency, 6),
        ("GHz", Frequency, 9),
        ("J", Energy, 0),
        ("mJ", Energy, -3),
        ("uJ", Energy, -6),
        ("nJ", Energy, -9),
        ("pJ", Energy, -12),
        ("fJ", Energy, -15),
        ("aJ", Energy, -18),
        ("W", Power, 0),
        ("mW", Power, -3),
        ("uW", Power, -6),
        ("nW", Power, -9),
        ("pW", Power, -12),
        ("m2", Area, 0),
        ("cm2", Area, -4),
        ("mm2", Area, -6),
        ("um2", Area, -12),
        ("nm2", Area, -18),
        ("F", Capacitance, 0),
        ("uF", Capacitance, -6),
        ("nF", Capacitance, -9),
        ("pF", Capacitance, -12),
        ("fF", Capacitance, -15),
        ("aF", Capacitance, -18),
        ("m", Length, 0),
        ("cm", Length, -2),
        ("mm", Length, -3),
        ("um", Length, -6),
        ("nm", Length, -9),
        ("K", Temperature, 0),
        ("OPS", Throughput, 0),
        ("MOPS", Throughput, 6),
        ("GOPS", Throughput, 9),
        ("TOPS", Throughput, 12),
        ("OPS/W", Efficiency, 0),
        ("GOPS/W", Efficiency, 9),
        ("TOPS/W", Efficiency, 12),
        ("OPS/m2", ThroughputDensity, 0),
        ("GOPS/mm2", ThroughputDensity, 15),
        ("TOPS/mm2", ThroughputDensity, 18),
        ("B/m2", StorageDensity, 0),
        ("kB/mm2", StorageDensity, 9),
        ("MB/mm2", StorageDensity, 12),
    ]
};

/// Units of time that are no power of ten of a second, in seconds. A year has 365.25 days.
const LONG: &[(&str, f64)] = &[("min", 60.0), ("h", 3600.0), ("day", 86_400.0), ("year", 31_557_600.0)];

impl Dimension {
    /// The word for it: `conductance`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Voltage => "voltage",
            Self::Current => "current",
            Self::Conductance => "conductance",
            Self::Resistance => "resistance",
            Self::Time => "time",
            Self::Frequency => "frequency",
            Self::Energy => "energy",
            Self::Power => "power",
            Self::Area => "area",
            Self::Capacitance => "capacitance",
            Self::Length => "length",
            Self::Temperature => "temperature",
            Self::Throughput => "throughput",
            Self::Efficiency => "efficiency",
            Self::ThroughputDensity => "throughput density",
            Self::StorageDensity => "storage density",
        }
    }

    /// The SI base unit as it is spelt in Rust names: `siemens`.
    pub fn si_name(self) -> &'static str {
        match self {
            Self::Voltage => "volt",
            Self::Current => "ampere",
            Self::Conductance => "siemens",
            Self::Resistance => "ohm",
            Self::Time => "s",
            Self::Frequency => "hz",
            Self::Energy => "joule",
            Self::Power => "watt",
            Self::Area => "m2",
            Self::Capacitance => "farad",
            Self::Length => "m",
            Self::Temperature => "kelvin",
            Self::Throughput => "operations_per_s",
            Self::Efficiency => "operations_per_joule",
            Self::ThroughputDensity => "operations_per_s_m2",
            Self::StorageDensity => "bytes_per_m2",
        }
    }

    /// The units there are, the SI base unit first.
    pub fn units(self) -> impl Iterator<Item = &'static str> {
        let long = LONG.iter().filter(move |_| self == Self::Time).map(|u| u.0);
        UNITS.iter().filter(move |u| u.1 == self).map(|u| u.0).chain(long)
    }

    /// A value as it is usually written, for messages.
    pub fn example(self) -> &'static str {
        match self {
            Self::Voltage => "0.2 V",
            Self::Current => "5 uA",
            Self::Conductance => "25 uS",
            Self::Resistance => "40 kOhm",
            Self::Time => "100 ns",
            Self::Frequency => "1.2 GHz",
            Self::Energy => "1.67 pJ",
            Self::Power => "2 mW",
            Self::Area => "1200 um2",
            Self::Capacitance => "1.2 fF",
            Self::Length => "65 nm",
            Self::Temperature => "300 K",
            Self::Throughput => "41.3 TOPS",
            Self::Efficiency => "627 GOPS/W",
            Self::ThroughputDensity => "479 GOPS/mm2",
            Self::StorageDensity => "0.74 MB/mm2",
        }
    }

    /// The dimension whose values are one over values of this one.
    pub fn reciprocal(self) -> Option<Self> {
        match self {
            Self::Conductance => Some(Self::Resistance),
            Self::Resistance => Some(Self::Conductance),
            Self::Time => Some(Self::Frequency),
            Self::Frequency => Some(Self::Time),
            _ => None,
        }
    }

    /// `value_si` in the unit that makes its number lie in 1..1000 where there is one: `25 uS`.
    pub fn format(self, value_si: f64) -> String {
        let of = |power: i32| value_si * 10f64.powi(-power);
        let (name, _, power) = UNITS
            .iter()
            .filter(|u| u.1 == self && of(u.2).abs() >= 1.0)
            .max_by_key(|u| u.2)
            .or_else(|| UNITS.iter().find(|u| u.1 == self && (value_si.abs() < f64::MIN_POSITIVE || u.2 < 0)))
            .copied()
            .unwrap_or(("?", self, 0));
        let rounded = (of(power) * 1e9).round() / 1e9;
        format!("{rounded} {name}")
    }
}

/// A number and what it measures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantity {
    /// In the SI base unit.
    pub value_si: f64,
    /// What it measures.
    pub dimension: Dimension,
}

/// Why a text is not a quantity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotAQuantity {
    /// It does not begin with a number.
    NoNumber,
    /// There is nothing after the number.
    NoUnit,
    /// What follows the number is not a unit.
    UnknownUnit(String),
}

impl Quantity {
    /// Reads a number and a unit, with or without a blank between. `µ` is `u` and `Ω` is `Ohm`. The result is the
    /// double nearest to the decimal number written: `"25 uS"` is the same bits as `25e-6`. `min`, `h`, `day` and
    /// `year` (365.25 days) are times as well: `"1 day"` is `86400` seconds.
    ///
    /// # Errors
    /// No number, no unit, or a unit that is not in the list.
    pub fn parse(text: &str) -> Result<Self, NotAQuantity> {
        let text = text.trim();
        let plain = text.replace(['\u{b5}', '\u{3bc}'], "u").replace(['\u{3a9}', '\u{2126}'], "Ohm");
        let end = number_length(&plain);
        let (number, unit) = (&plain[..end], plain[end..].trim());
        if number.parse::<f64>().is_err() {
            return Err(NotAQuantity::NoNumber);
        }
        if unit.is_empty() {
            return Err(NotAQuantity::NoUnit);
        }
        if let Some((_, seconds)) = LONG.iter().find(|u| u.0 == unit) {
            let value_si = number.parse::<f64>().map_err(|_| NotAQuantity::NoNumber)? * seconds;
            return Ok(Self { value_si, dimension: Dimension::Time });
        }
        let Some((_, dimension, power)) = UNITS.iter().find(|u| u.0 == unit) else {
            return Err(NotAQuantity::UnknownUnit(unit.to_owned()));
        };
        let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
        let exponent: i32 = exponent.parse().map_err(|_| NotAQuantity::NoNumber)?;
        let value_si = format!("{mantissa}e{}", exponent.saturating_add(*power))
            .parse()
            .map_err(|_| NotAQuantity::NoNumber)?;
        Ok(Self { value_si, dimension: *dimension })
    }

    /// The unit in the list nearest to `unit`, whatever its dimension; of several equally near ones
    /// the first of `wanted` dimension.
    pub fn nearest_unit(unit: &str, wanted: Dimension) -> Option<&'static str> {
        let spelt = unit.to_lowercase();
        let others = || UNITS.iter().filter(|u| u.1 != wanted).map(|u| u.0).chain(LONG.iter().map(|u| u.0));
        // "us" for uS: only the case is wrong
        wanted
            .units()
            .chain(others())
            .find(|u| u.to_lowercase() == spelt)
            .or_else(|| crate::suggest::nearest(unit, wanted.units()))
    }
}

/// Bytes of the number that `text` begins with.
fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let mut end = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    end += digits(end);
    if bytes.get(end) == Some(&b'.') {
        end += 1 + digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end + 1 + sign);
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_that_is_read() {
        for (text, si) in [
            ("25 uS", 25e-6),
            ("25uS", 25e-6),
            ("25 µS", 25e-6),
            ("10 kΩ", 1e4),
            ("1.67 pJ", 1.67e-12),
            ("-0.5 V", -0.5),
            ("1e3 ns", 1e-6),
            ("1200 um2", 1200e-12),
            ("0.0096 mm2", 0.0096e-6),
            ("1.2 GHz", 1.2e9),
            ("3 MOhm", 3e6),
            ("0 S", 0.0),
            (" 7 K ", 7.0),
            ("2 min", 120.0),
            ("1.5h", 5400.0),
            ("1 day", 86_400.0),
            // 365.25 * 86400
            ("10 year", 315_576_000.0),
        ] {
            let got = Quantity::parse(text).unwrap().value_si;
            // nearest double to the decimal number: no rounding on the way
            assert_eq!(got.to_bits(), f64::to_bits(si), "{text}: {got}");
        }
    }

    #[test]
    fn every_form_that_is_refused() {
        assert_eq!(Quantity::parse("25"), Err(NotAQuantity::NoUnit));
        assert_eq!(Quantity::parse("uS"), Err(NotAQuantity::NoNumber));
        assert_eq!(Quantity::parse("nan S"), Err(NotAQuantity::NoNumber));
        assert_eq!(Quantity::parse(""), Err(NotAQuantity::NoNumber));
        assert_eq!(Quantity::parse("25 us/cm"), Err(NotAQuantity::UnknownUnit("us/cm".into())));
        assert_eq!(Quantity::parse("5 %"), Err(NotAQuantity::UnknownUnit("%".into())));
    }

    #[test]
    fn case_decides_between_units_and_is_suggested() {
        assert_eq!(Quantity::parse("1 MHz").unwrap().value_si.to_bits(), 1e6f64.to_bits());
        assert_eq!(Quantity::parse("1 ms").unwrap().dimension, Dimension::Time);
        assert_eq!(Quantity::parse("1 mS").unwrap().dimension, Dimension::Conductance);
        assert_eq!(Quantity::nearest_unit("US", Dimension::Conductance), Some("uS"));
        assert_eq!(Quantity::nearest_unit("kohm", Dimension::Resistance), Some("kOhm"));
        assert_eq!(Quantity::nearest_unit("Ghz", Dimension::Frequency), Some("GHz"));
        assert_eq!(Quantity::nearest_unit("days", Dimension::Time), Some("day"));
        assert_eq!(Quantity::nearest_unit("H", Dimension::Time), Some("h"));
    }

    #[test]
    fn written_as_read() {
        assert_eq!(Dimension::Conductance.format(25e-6), "25 uS");
        assert_eq!(Dimension::Frequency.format(1.2e9), "1.2 GHz");
        assert_eq!(Dimension::Energy.format(0.0), "0 J");
        for u in UNITS {
            assert_eq!(Quantity::parse(&format!("1 {}", u.0)).unwrap().dimension, u.1, "{}", u.0);
        }
    }
}
