//! Laws of generic cells whose current is not proportional to their voltage: `I = G(V) V` with a factor that
//! grows with the voltage and does not depend on the conductance.

use super::CurrentLaw;
use ohmic_config::{Dimension, Error, KeyDoc, Section};

pub(super) const CURRENT_LAW: KeyDoc = KeyDoc::choice(
    "current_law",
    &[
        ("linear", "I = g V"),
        ("sinh", "I = g v0 sinh(V / v0): hopping and tunnelling"),
        ("cubic", "I = g (V + V^3 / v0^2)"),
    ],
    "how a cell's current follows its voltage; `law_volt` is v0",
)
.optional("linear");
pub(super) const LAW_VOLT: KeyDoc = KeyDoc::quantity(
    "law_volt",
    Dimension::Voltage,
    "voltage v0 at which the law is far from linear: sinh(1) = 1.18, 1 + 1 = 2 for the cubic law",
)
.at_least(1e-3)
.at_most(100.0)
.optional("only a law that is not linear uses it");
pub(super) const LAW_AT: KeyDoc = KeyDoc::quantity(
    "law_at",
    Dimension::Voltage,
    "voltage at which conductances are current over voltage: that of the reads of write-verify",
)
.at_least(0.0)
.at_most(100.0)
.optional("0 V: the slope at the origin");

/// How the current of a generic cell follows its voltage.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    Sinh,
    Cubic,
}

/// A law of which every cell of a crossbar has the same factor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct GenericLaw {
    form: Form,
    v0_volt: f64,
    at_volt: f64,
}

/// Largest V / v0 of a hyperbolic sine: e^50 = 5e21.
const MOST: f64 = 50.0;

impl GenericLaw {
    /// The law that the keys of a section describe, if it is not linear.
    pub(super) fn read(s: &Section<'_>) -> Result<Option<Self>, Error> {
        let form = match s.choice_if(&CURRENT_LAW)? {
            Some("sinh") => Form::Sinh,
            Some("cubic") => Form::Cubic,
            _ => {
                // checked even where they are not used
                s.quantity_if(&LAW_VOLT)?;
                s.quantity_if(&LAW_AT)?;
                return Ok(None);
            }
        };
        let v0_volt = match s.quantity_if(&LAW_VOLT)? {
            Some(volt) => volt,
            // asks for it in the words of a missing key
            None => s.quantity(&LAW_VOLT)?,
        };
        let law = Self { form, v0_volt, at_volt: s.quantity_if(&LAW_AT)?.unwrap_or(0.0) };
        if law.at_volt > law.v_max_volt() {
            let also = vec![(s.place_of("law_volt").clone(), "v0".to_owned())];
            let help = Some(format!("at most {MOST} times `law_volt`"));
            let problem = format!("{} V is too far along the law", law.at_volt);
            return Err(s.invalid("law_at", problem, also, help));
        }
        Ok(Some(law))
    }

    /// Current over voltage, relative to that at the origin.
    fn factor(&self, v_volt: f64) -> f64 {
        let x = v_volt / self.v0_volt;
        match self.form {
            Form::Sinh if x == 0.0 => 1.0,
            Form::Sinh => libm::sinh(x) / x,
            Form::Cubic => 1.0 + x * x,
        }
    }
}

impl CurrentLaw for GenericLaw {
    fn current_ampere(&self, v_volt: f64, g_siemens: f64) -> f64 {
        self.chord_siemens(v_volt, g_siemens) * v_volt
    }

    fn chord_siemens(&self, v_volt: f64, g_siemens: f64) -> f64 {
        // one factor over the other first: where they are equal this is the conductance to the bit
        g_siemens * (self.factor(v_volt) / self.factor(self.at_volt))
    }

    fn slope_siemens(&self, v_volt: f64, g_siemens: f64) -> f64 {
        let x = v_volt / self.v0_volt;
        let slope = match self.form {
            Form::Sinh => libm::cosh(x),
            Form::Cubic => 1.0 + 3.0 * x * x,
        };
        g_siemens * (slope / self.factor(self.at_volt))
    }

    fn v_max_volt(&self) -> f64 {
        match self.form {
            Form::Sinh => MOST * self.v0_volt,
            Form::Cubic => f64::INFINITY,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::KINDS;

    const IDEAL: &str = "g_max = '20 uS'\ng_min = '0 S'\n";

    fn device(more: &str) -> Result<Box<dyn super::super::DeviceModel>, String> {
        KINDS[0].build_text(&format!("{IDEAL}{more}")).map_err(|e| e.to_string())
    }

    /// Hand: v0 = 0.1 V. sinh: 10 uS * 0.1 V * sinh(2) = 3.6269 uA at 0.2 V; cubic: 10 uS * (0.2 + 0.008 / 0.01) V =
    /// 10 uA, and a slope of 10 uS * 13. Conductances at 0.2 V: 10 uS * 0.2 V there, and less below.
    #[test]
    fn currents_by_hand() {
        let sinh = device("current_law = 'sinh'\nlaw_volt = '0.1 V'").unwrap();
        let law = sinh.current_law().unwrap();
        assert!((law.current_ampere(0.2, 10e-6) - 3.626_860_407_847e-6).abs() < 1e-17);
        assert!((law.slope_siemens(0.0, 10e-6) - 10e-6).abs() < 1e-20);
        let cubic = device("current_law = 'cubic'\nlaw_volt = '0.1 V'").unwrap();
        let law = cubic.current_law().unwrap();
        assert!((law.current_ampere(0.2, 10e-6) - 10e-6).abs() < 1e-18);
        assert!((law.slope_siemens(0.2, 10e-6) - 130e-6).abs() < 1e-17);
        let at = device("current_law = 'sinh'\nlaw_volt = '0.1 V'\nlaw_at = '0.2 V'").unwrap();
        let law = at.current_law().unwrap();
        assert_eq!(law.current_ampere(0.2, 10e-6).to_bits(), (10e-6 * 0.2f64).to_bits());
        // half the voltage: 0.1 sinh(1) / sinh(2) of 10 uS * 2
        let half = 10e-6 * 0.2 * 1f64.sinh() / 2f64.sinh();
        assert!((law.current_ampere(0.1, 10e-6) - half).abs() < 1e-18);
    }

    /// Slopes are the derivatives of currents.
    #[test]
    fn slopes_are_derivatives() {
        for form in ["sinh", "cubic"] {
            let device =
                device(&format!("current_law = '{form}'\nlaw_volt = '0.1 V'\nlaw_at = '0.1 V'")).unwrap();
            let law = device.current_law().unwrap();
            for v in [-0.3, -0.05, 0.0, 0.02, 0.4] {
                let d = 1e-6;
                let slope = (law.current_ampere(v + d, 5e-6) - law.current_ampere(v - d, 5e-6)) / (2.0 * d);
                assert!((slope / law.slope_siemens(v, 5e-6) - 1.0).abs() < 1e-7, "{form} {v}");
            }
        }
    }

    #[test]
    fn wrong_laws_are_refused() {
        assert!(device("current_law = 'linear'").unwrap().current_law().is_none());
        for (text, part) in [
            ("current_law = 'sinh'", "missing key `ideal.law_volt`"),
            ("current_law = 'sinh'\nlaw_volt = 0.1", "has no unit"),
            ("current_law = 'sinh'\nlaw_volt = '0 V'", "out of range"),
            ("current_law = 'sinh'\nlaw_volt = '0.01 V'\nlaw_at = '1 V'", "too far along the law"),
            ("current_law = 'tanh'\nlaw_volt = '0.1 V'", "tanh"),
        ] {
            let e = device(text).unwrap_err();
            assert!(e.contains(part), "{text}\n{e}");
        }
    }
}
