//! What can stand in a hardware file, section by section: from the same place as the checks.

use crate::keys;
use crate::{
    adc, compensation, component, dac, device, encoding, fault, interconnect, rtn, variation, wires, write,
};
use ohmic_config::{KeyDoc, Kind};

/// One section of a hardware file.
#[derive(Clone, Debug)]
pub struct SectionDoc {
    /// Its header without brackets; empty for the keys above the first section.
    pub path: &'static str,
    /// What it is for.
    pub meaning: &'static str,
    /// Keys that it always has.
    pub keys: &'static [KeyDoc],
    /// The members that `kind` picks from, if it is the section of a family of parts.
    pub members: Vec<MemberDoc>,
}

/// One member of a family of parts.
#[derive(Clone, Debug)]
pub struct MemberDoc {
    /// The value of `kind`, and the name of its file.
    pub name: &'static str,
    /// What it is, in one line.
    pub summary: &'static str,
    /// The smallest section that builds it, without `kind`.
    pub example: &'static str,
    /// The keys it reads.
    pub keys: &'static [KeyDoc],
}

impl SectionDoc {
    /// Path of a member's file in the repository.
    pub fn file(&self, member: &MemberDoc) -> String {
        format!("crates/ohmic-hardware/src/{}/{}.rs", self.path, member.name)
    }
}

/// All sections, in the order of a hardware file.
pub fn sections() -> Vec<SectionDoc> {
    fn members<T: ?Sized>(kinds: &[Kind<T>]) -> Vec<MemberDoc> {
        kinds
            .iter()
            .map(|k| MemberDoc { name: k.name, summary: k.summary, example: k.example, keys: k.keys })
            .collect()
    }
    let plain = |path, meaning, keys| SectionDoc { path, meaning, keys, members: Vec::new() };
    let family =
        |key: KeyDoc, members| SectionDoc { path: key.key, meaning: key.meaning, keys: &[], members };
    vec![
        plain("", "above the first section", keys::ROOT),
        family(keys::DEVICE, members(device::KINDS)),
        family(keys::VARIATION, members(variation::KINDS)),
        family(keys::RTN, members(rtn::KINDS)),
        family(keys::WRITE, members(write::KINDS)),
        plain("conditions", keys::CONDITIONS_SECTION.meaning, keys::CONDITIONS),
        family(keys::ENCODING, members(encoding::KINDS)),
        family(keys::DAC, members(dac::KINDS)),
        family(keys::ADC, members(adc::KINDS)),
        family(keys::FAULT, members(fault::KINDS)),
        plain("redundancy", keys::REDUNDANCY_SECTION.meaning, keys::REDUNDANCY),
        family(keys::WIRES, members(wires::KINDS)),
        family(keys::COMPENSATION, members(compensation::KINDS)),
        plain("precision", keys::PRECISION_SECTION.meaning, keys::PRECISION),
        plain("crossbar", keys::CROSSBAR_SECTION.meaning, keys::CROSSBAR),
        plain("hierarchy", keys::HIERARCHY_SECTION.meaning, keys::HIERARCHY),
        family(keys::INTERCONNECT, members(interconnect::KINDS)),
        plain("activity", keys::ACTIVITY_SECTION.meaning, keys::ACTIVITY),
        plain("schedule", keys::SCHEDULE_SECTION.meaning, keys::SCHEDULE),
        family(keys::COMPONENT, members(component::KINDS)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_of_the_root_has_a_section() {
        let sections = sections();
        for key in keys::ROOT.iter().filter(|k| k.form == ohmic_config::key::Form::Table) {
            assert!(sections.iter().any(|s| s.path == key.key), "[{}] is not documented", key.key);
        }
    }

    #[test]
    fn every_key_is_documented_in_the_house_style() {
        for section in sections() {
            for m in &section.members {
                assert!(m.summary.len() > 8 && !m.summary.ends_with('.'), "{}.{}", section.path, m.name);
            }
            for key in section.keys.iter().chain(section.members.iter().flat_map(|m| m.keys)) {
                let name = format!("{}.{}", section.path, key.key);
                assert!(key.meaning.len() > 8, "{name} says nothing");
                assert!(!key.meaning.ends_with('.'), "{name}: no full stop");
                assert!(!key.meaning.starts_with(char::is_uppercase), "{name}: lower case");
                let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
                assert!(key.key.chars().all(plain), "{name}");
            }
        }
    }
}
