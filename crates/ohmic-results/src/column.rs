//! What a column of results is called and means.

use serde::{Deserialize, Serialize};

/// One column of results: its name, and what a reader needs to know to use its values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Name, unique in its table; `family:member` for one of many (`energy:adc`, `axis:device.sigma_ln`).
    pub name: String,
    /// Unit of the values, SI base (`J`, `s`, `m2`, `dB`); empty: dimensionless.
    #[serde(default)]
    pub unit: String,
    /// Meaning in one sentence.
    #[serde(default)]
    pub meaning: String,
    /// How it is computed, empty where there is nothing to compute.
    #[serde(default)]
    pub formula: String,
}

impl Column {
    /// A column with name, unit (empty: dimensionless) and meaning, without a formula.
    pub fn new(name: impl Into<String>, unit: impl Into<String>, meaning: impl Into<String>) -> Self {
        Self { name: name.into(), unit: unit.into(), meaning: meaning.into(), formula: String::new() }
    }

    /// The same column with its formula.
    #[must_use]
    pub fn with_formula(mut self, formula: impl Into<String>) -> Self {
        self.formula = formula.into();
        self
    }

    /// Name with its unit as a header shows it: `energy_per_inference [J]`, or the name alone without a unit.
    pub fn header(&self) -> String {
        if self.unit.is_empty() { self.name.clone() } else { format!("{} [{}]", self.name, self.unit) }
    }
}
