//! A crate uses only crates that stand above it: read from `cargo metadata`, dev-dependencies left out.

#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::process::Command;

/// From the bottom of the house upwards; a crate may use the crates before it. Two crates of one
/// row do not use each other.
const ROWS: &[&[&str]] = &[
    &["ohmic-numerics", "ohmic-config", "ohmic-results"],
    &["ohmic-network", "ohmic-hardware"],
    &["ohmic-mapping"],
    &["ohmic-execution"],
    &["ohmic-training", "ohmic-metrics"],
    &["ohmic-sweep", "ohmic-report"],
    &["ohmic-bench", "ohmic-repro"],
    &["ohmic"],
    &["ohmic-tests"],
];

/// What must not be used even though it stands above: the "never" column of docs/architecture.md.
const NEVER: &[(&str, &[&str])] = &[
    (
        "ohmic-report",
        &["ohmic-network", "ohmic-hardware", "ohmic-mapping", "ohmic-execution", "ohmic-metrics"],
    ),
    ("ohmic-network", &["ohmic-hardware", "ohmic-results"]),
    ("ohmic-hardware", &["ohmic-network", "ohmic-results"]),
];

fn edges() -> BTreeMap<String, Vec<String>> {
    let out = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .expect("cargo runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&out.stdout).expect("metadata is JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    packages
        .iter()
        .map(|package| {
            let uses = package["dependencies"]
                .as_array()
                .expect("a list of dependencies")
                .iter()
                .filter(|d| d["kind"].as_str() != Some("dev"))
                .filter_map(|d| d["name"].as_str())
                .filter(|name| name.starts_with("ohmic"))
                .map(str::to_owned)
                .collect();
            (package["name"].as_str().expect("a name").to_owned(), uses)
        })
        .collect()
}

/// The arrows that point the wrong way.
fn wrong(edges: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let row = |name: &str| ROWS.iter().position(|row| row.contains(&name));
    let mut wrong = Vec::new();
    for (name, uses) in edges {
        let Some(own) = row(name) else {
            wrong.push(format!("`{name}` stands in no row of tests/tests/layering.rs"));
            continue;
        };
        for used in uses {
            if row(used).is_none_or(|used| used >= own) {
                wrong.push(format!("`{name}` uses `{used}`, which does not stand above it"));
            }
            if NEVER.iter().any(|(who, never)| who == name && never.contains(&used.as_str())) {
                wrong.push(format!("`{name}` uses `{used}`, which it must never do"));
            }
        }
    }
    wrong
}

#[test]
fn dependencies_point_one_way() {
    let edges = edges();
    let known: usize = ROWS.iter().map(|row| row.len()).sum();
    assert_eq!(edges.len(), known, "crates of the workspace: {:?}", edges.keys());
    let wrong = wrong(&edges);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_wrong_arrow_is_found() {
    let edges = BTreeMap::from([
        ("ohmic-hardware".to_owned(), vec!["ohmic-network".to_owned()]),
        ("ohmic-mapping".to_owned(), vec!["ohmic-sweep".to_owned()]),
        ("ohmic-new".to_owned(), Vec::new()),
    ]);
    // same row and never; below; unknown
    assert_eq!(wrong(&edges).len(), 4);
}
