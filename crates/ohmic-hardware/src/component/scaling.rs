//! Prices of one technology node told for another, by a named law.

use ohmic_config::{Dimension, Error, KeyDoc, Section};

const LAW: &str = "Stillmaker and Baas, Integration 58, 2017, as in accelergy-library-plug-in";

pub(super) const NODE: KeyDoc =
    KeyDoc::quantity("node", Dimension::Length, "technology node that the figures are for")
        .above(0.0)
        .optional("that of the machine: nothing is scaled");
pub(super) const TO_NODE: KeyDoc =
    KeyDoc::quantity("to_node", Dimension::Length, "node that energies and areas are scaled to")
        .above(0.0)
        .optional("`node` itself")
        .source(LAW);
pub(super) const SUPPLY: KeyDoc =
    KeyDoc::quantity("supply", Dimension::Voltage, "supply at `node`, that energies are scaled with")
        .at_least(0.5)
        .at_most(1.3)
        .optional("needed with `to_node`");
pub(super) const TO_SUPPLY: KeyDoc = KeyDoc::quantity("to_supply", Dimension::Voltage, "supply at `to_node`")
    .at_least(0.5)
    .at_most(1.3)
    .optional("needed with `to_node`");

/// Energy of a gate in arbitrary units over its supply, `a V² + b V + c`, by node in nm.
const ENERGY: [(u32, [f64; 3]); 10] = [
    (130, [7.171, -6.709, 2.904]),
    (90, [4.762, -4.781, 2.092]),
    (65, [3.755, -4.398, 1.975]),
    (45, [1.103, -0.362, 0.2767]),
    (32, [0.9559, -0.7823, 0.471]),
    (20, [0.373, -0.1582, 0.04104]),
    (16, [0.2958, -0.1241, 0.03024]),
    (14, [0.2363, -0.09675, 0.02239]),
    (10, [0.2068, -0.09311, 0.02375]),
    (7, [0.1776, -0.09097, 0.02447]),
];

/// Area at one node over the area at another.
const AREA: [(u32, u32, f64); 4] = [(65, 32, 0.31), (32, 20, 0.46), (32, 7, 0.13), (65, 7, 0.039)];

/// What energies and areas of a section are multiplied with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scaling {
    pub(super) energy: f64,
    pub(super) area: f64,
}

impl Scaling {
    /// None: the figures are for the machine as it is.
    const NONE: Self = Self { energy: 1.0, area: 1.0 };

    /// Reads the four keys.
    pub(super) fn read(s: &Section<'_>) -> Result<Self, Error> {
        let (node, to) = (s.quantity_if(&NODE)?, s.quantity_if(&TO_NODE)?);
        let (supply, to_supply) = (s.quantity_if(&SUPPLY)?, s.quantity_if(&TO_SUPPLY)?);
        let Some(to) = to else {
            if let Some(key) = [(SUPPLY, supply), (TO_SUPPLY, to_supply)].iter().find(|k| k.1.is_some()) {
                let problem = "a supply says nothing without a node to scale to".to_owned();
                return Err(s.invalid(
                    key.0.key,
                    problem,
                    vec![],
                    Some("add `to_node`, or leave it out".to_owned()),
                ));
            }
            return Ok(Self::NONE);
        };
        // asks for what is missing in the words of a missing key
        let node = if let Some(node) = node { node } else { s.quantity(&NODE)? };
        let supply = if let Some(volt) = supply { volt } else { s.quantity(&SUPPLY)? };
        let to_supply = if let Some(volt) = to_supply { volt } else { s.quantity(&TO_SUPPLY)? };
        let energy = energy(s, &TO_NODE, to, to_supply)? / energy(s, &NODE, node, supply)?;
        let (from, to) = (nanometres(node), nanometres(to));
        let area = if from == to { Some(1.0) } else { area(from, to) };
        let Some(area) = area else {
            let known: Vec<String> = AREA.iter().map(|(a, b, _)| format!("{a} and {b} nm")).collect();
            let problem = format!("no factor of area between {from} and {to} nm is known");
            let help = Some(format!("known between {}", known.join(", ")));
            return Err(s.invalid(TO_NODE.key, problem, vec![], help));
        };
        Ok(Self { energy, area })
    }
}

fn nanometres(node_m: f64) -> u32 {
    (node_m * 1e9).round() as u32
}

/// The area of a node over that of another, in either direction.
fn area(from: u32, to: u32) -> Option<f64> {
    AREA.iter().find_map(|&(a, b, factor)| match (from, to) {
        pair if pair == (a, b) => Some(factor),
        pair if pair == (b, a) => Some(1.0 / factor),
        _ => None,
    })
}

fn energy(s: &Section<'_>, key: &KeyDoc, node_m: f64, volt: f64) -> Result<f64, Error> {
    let nm = nanometres(node_m);
    match ENERGY.iter().find(|n| n.0 == nm) {
        Some((_, [a, b, c])) => Ok(a * volt * volt + b * volt + c),
        None => {
            let known: Vec<String> = ENERGY.iter().map(|n| n.0.to_string()).collect();
            let problem = format!("the law has no node of {nm} nm");
            Err(s.invalid(key.key, problem, vec![], Some(format!("it has {} nm", known.join(", ")))))
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Hardware;

    /// From 65 nm at 1 V to 32 nm at 0.9 V: (0.9559 · 0.81 - 0.7823 · 0.9 + 0.471) over (3.755 - 4.398 + 1.975).
    #[test]
    fn by_hand() {
        let text = |keys: &str| {
            format!(
                "extends = \"isaac_isca_2016\"\n[component.more]\nkind = \"priced\"\nper = \"tile\"\narea = \"1 mm2\"\n\
                 events = {{ digital_op = \"1 pJ\" }}\nsource = \"a test\"\n{keys}\n"
            )
        };
        let keys = "node = \"65 nm\"\nto_node = \"32 nm\"\nsupply = \"1 V\"\nto_supply = \"0.9 V\"";
        let hardware = Hardware::from_text("test", &text(keys)).unwrap();
        let more = hardware.components().iter().find(|c| c.name == "more").unwrap();
        let ratio = (0.9559 * 0.81 - 0.7823 * 0.9 + 0.471) / (3.755 - 4.398 + 1.975);
        let unit = more.model.energy_joule(crate::Event::DigitalOp).unwrap();
        assert!((unit - ratio * 1e-12).abs() < 1e-18, "{unit}");
        assert!((more.model.area_m2() - 0.31e-6).abs() < 1e-15);
        for (keys, says) in [
            ("to_node = \"32 nm\"", "node"),
            (
                "node = \"65 nm\"\nto_node = \"33 nm\"\nsupply = \"1 V\"\nto_supply = \"1 V\"",
                "no node of 33 nm",
            ),
            (
                "node = \"65 nm\"\nto_node = \"45 nm\"\nsupply = \"1 V\"\nto_supply = \"1 V\"",
                "no factor of area",
            ),
            ("node = \"65 nm\"\nto_node = \"32 nm\"\nsupply = \"1 V\"", "to_supply"),
            ("supply = \"1 V\"", "to_node"),
            ("node = \"65 nm\"\nto_node = \"32 nm\"\nsupply = \"3 V\"\nto_supply = \"1 V\"", "supply"),
        ] {
            let said = Hardware::from_text("test", &text(keys)).unwrap_err().to_string();
            assert!(said.contains(says) && said.contains("test:"), "{keys}: {said}");
        }
    }
}
