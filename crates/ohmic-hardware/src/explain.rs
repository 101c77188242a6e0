//! What every key, part and event of a hardware file means: the data behind `ohmic explain`,
//! `ohmic list` and the reference pages.

use crate::{adc, component, dac, device, encoding, fault, keys};
use ohmic_config::{KeyDoc, Kind, family};

/// One key of a hardware file.
#[derive(Clone, Debug)]
pub struct KeyEntry {
    /// Key path: `adc.bits`, `component.<name>.source`.
    pub path: String,
    /// The kind whose key it is, if not every kind of the section has it.
    pub kind: Option<&'static str>,
    /// Meaning, form, range, presence and source.
    pub doc: KeyDoc,
}

/// One member of a family of parts.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// The value of `kind`.
    pub name: &'static str,
    /// What it is, in one line.
    pub summary: &'static str,
    /// The smallest section that builds it, without `kind`.
    pub example: &'static str,
    /// The keys it reads.
    pub keys: &'static [KeyDoc],
}

/// A family of parts.
#[derive(Clone, Debug)]
pub struct Family {
    /// Section, folder and module: `device`.
    pub name: &'static str,
    /// What its parts do.
    pub meaning: &'static str,
    /// Its parts.
    pub members: Vec<Member>,
}

impl Family {
    /// Path of a member's file in the repository.
    pub fn file(&self, member: &Member) -> String {
        format!("crates/ohmic-hardware/src/{}/{}.rs", self.name, member.name)
    }
}

fn family_of<T: ?Sized>(doc: &KeyDoc, kinds: &'static [Kind<T>]) -> Family {
    let members = kinds
        .iter()
        .map(|k| Member { name: k.name, summary: k.summary, example: k.example, keys: k.keys })
        .collect();
    Family { name: doc.key, meaning: doc.meaning, members }
}

/// Every family of parts, in the order of a hardware file.
pub fn families() -> Vec<Family> {
    vec![
        family_of(&keys::DEVICE, device::KINDS),
        family_of(&keys::ENCODING, encoding::KINDS),
        family_of(&keys::DAC, dac::KINDS),
        family_of(&keys::ADC, adc::KINDS),
        family_of(&keys::FAULT, fault::KINDS),
        family_of(&keys::COMPONENT, component::KINDS),
    ]
}

/// Every key of a hardware file, section after section.
pub fn keys() -> Vec<KeyEntry> {
    let plain = |section: &str, docs: &[KeyDoc]| -> Vec<KeyEntry> {
        docs.iter()
            .map(|doc| KeyEntry {
                path: if section.is_empty() { doc.key.to_owned() } else { format!("{section}.{}", doc.key) },
                kind: None,
                doc: *doc,
            })
            .collect()
    };
    let mut out = plain("", keys::ROOT);
    for family in families() {
        let section =
            if family.name == "component" { "component.<name>".to_owned() } else { family.name.to_owned() };
        out.extend(plain(&section, &[*family::KIND_KEY]));
        for member in &family.members {
            out.extend(member.keys.iter().map(|doc| KeyEntry {
                path: format!("{section}.{}", doc.key),
                kind: Some(member.name),
                doc: *doc,
            }));
        }
    }
    out.extend(plain("precision", keys::PRECISION));
    out.extend(plain("crossbar", keys::CROSSBAR));
    out.extend(plain("hierarchy", keys::HIERARCHY));
    out
}

/// The keys that a path means: several where kinds of a section share a name. The name of a
/// component may be any (`component.adc.area`), and a key alone stands for every section's.
pub fn find(path: &str) -> Vec<KeyEntry> {
    let all = keys();
    let general = match path.split('.').collect::<Vec<_>>()[..] {
        ["component", _, key] => format!("component.<name>.{key}"),
        _ => path.to_owned(),
    };
    let exact: Vec<_> = all.iter().filter(|e| e.path == general).cloned().collect();
    if !exact.is_empty() || path.contains('.') {
        return exact;
    }
    all.into_iter().filter(|e| e.doc.key == path).collect()
}

/// The known key path nearest to a mistyped one.
pub fn nearest(path: &str) -> Option<String> {
    let all = keys();
    ohmic_config::suggest::nearest(path, all.iter().map(|e| e.path.as_str())).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_documented_in_the_house_style() {
        for e in keys() {
            assert!(e.doc.meaning.len() > 8, "{} says nothing", e.path);
            assert!(!e.doc.meaning.ends_with('.'), "{}: no full stop", e.path);
            let first = e.doc.meaning.split(' ').next().unwrap_or_default();
            assert!(!first.starts_with(|c: char| c.is_uppercase()), "{}: lower case", e.path);
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            assert!(e.doc.key.chars().all(plain), "{}", e.path);
        }
        for family in families() {
            for m in &family.members {
                assert!(m.summary.len() > 8 && !m.summary.ends_with('.'), "{}.{}", family.name, m.name);
            }
        }
    }

    #[test]
    fn paths_are_found_as_people_write_them() {
        assert!(find("adc.bits").iter().any(|e| e.kind == Some("uniform")));
        assert_eq!(find("crossbar.rows").len(), 1);
        assert!(find("component.adc.source").len() >= 6);
        assert!(find("bits").iter().any(|e| e.path == "dac.bits"));
        assert!(find("adc.bit").is_empty());
        assert_eq!(nearest("adc.bit").as_deref(), Some("adc.bits"));
    }
}
