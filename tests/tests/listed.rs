//! A part is in its family's list if and only if its file is in the family's folder.

#![allow(missing_docs, clippy::unwrap_used)]

use ohmic_hardware::{documentation, presets};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn names_in(folder: &Path, of: impl Fn(&Path) -> Option<String>) -> BTreeSet<String> {
    std::fs::read_dir(folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .filter_map(|entry| of(&entry.unwrap().path()))
        .collect()
}

#[test]
fn every_part_of_a_hardware_file_is_listed() {
    for family in documentation::sections().into_iter().filter(|s| !s.members.is_empty()) {
        let folder = format!("crates/ohmic-hardware/src/{}", family.path);
        let files = names_in(&repository().join(&folder), |path| {
            let stem = path.file_stem()?.to_str()?.to_owned();
            // what members share stands beside them, and is none itself
            let is_member = std::fs::read_to_string(path).ok()?.contains("const KIND: Kind<");
            (path.extension()? == "rs" && is_member).then_some(stem)
        });
        let listed: BTreeSet<_> = family.members.iter().map(|m| m.name.to_owned()).collect();
        if let Some(name) = files.difference(&listed).next() {
            panic!("`{folder}/{name}.rs` is not in `{}::KINDS`", family.path);
        }
        if let Some(name) = listed.difference(&files).next() {
            panic!("`{}::KINDS` has `{name}`, but there is no `{folder}/{name}.rs`", family.path);
        }
        for member in &family.members {
            let text = std::fs::read_to_string(repository().join(family.file(member))).unwrap();
            assert!(text.starts_with("//! "), "{} does not say what it is", family.file(member));
        }
    }
}

#[test]
fn every_preset_folder_is_in_the_program_and_names_its_sources() {
    let folder = repository().join("models/hardware");
    let folders = names_in(&folder, |path| {
        path.is_dir().then(|| path.file_name()?.to_str().map(str::to_owned)).flatten()
    });
    let listed: BTreeSet<_> = presets::names().map(str::to_owned).collect();
    assert_eq!(folders, listed, "folders of models/hardware against presets::PRESETS");
    for preset in presets::PRESETS {
        let bib = std::fs::read_to_string(folder.join(preset.name).join("source.bib")).unwrap();
        assert!(bib.contains('@'), "{}/source.bib has no entry", preset.name);
        assert!(repository().join(preset.path).is_file(), "{}", preset.path);
    }
}
