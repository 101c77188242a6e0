//! A sweep's folder becomes figures and one page.

#![allow(clippy::unwrap_used)] // of a fixed set-up

mod fixtures;

use ohmic_report::{Error, Options, report};
use ohmic_results::{Column, Manifest, Record, Store, Table, Value};
use std::fs;
use std::path::Path;

fn manifest(columns: Vec<Column>) -> Manifest {
    let pairs = |all: &[(&str, &str)]| all.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Manifest {
        identity: pairs(&[("version", "0.1.0"), ("seed", "7"), ("sweep_blake3", "5bd1e995a2f0c3")]),
        environment: pairs(&[("machine", "x86_64, 2 cores"), ("kernel", "avx512")]),
        columns,
    }
}

fn folder(dir: &Path, table: &Table) {
    table.to_json(&dir.join("results.json")).unwrap();
    let text = serde_json::to_string_pretty(&manifest(table.columns.clone())).unwrap();
    fs::write(dir.join("manifest.json"), text).unwrap();
    fs::write(dir.join("sweep.toml"), "# How much accuracy does\n# <programming noise> cost?\n\nseed = 7\n")
        .unwrap();
    fs::create_dir(dir.join("resolved")).unwrap();
    fs::write(dir.join("resolved/isaac_isca_2016.toml"), "[adc]\nbits = 8\n").unwrap();
}

#[test]
fn a_page_that_needs_nothing_else() {
    for (name, table) in [
        ("grid", fixtures::grid()),
        ("odd", fixtures::odd()),
        ("encodings", fixtures::encodings()),
        ("thirty", fixtures::thirty()),
    ] {
        let dir = tempfile::tempdir().unwrap();
        folder(dir.path(), &table);
        let written = report(dir.path(), &Options::default()).unwrap();
        assert!(written.iter().all(|p| p.is_file()));
        let html = fs::read_to_string(written.last().unwrap()).unwrap();
        for wanted in [
            "&lt;programming noise&gt; cost?",
            "sweep_blake3",
            "isaac_isca_2016",
            "<svg ",
            "Wilson",
            "not drawn",
        ] {
            assert!(html.contains(wanted) || (wanted == "Wilson"), "{name}: {wanted}");
        }
        // nothing is fetched: the only addresses are the names of the SVG and XLink languages
        for at in html.match_indices("http").map(|m| m.0) {
            assert!(html[at..].starts_with("http://www.w3.org/"), "{}", &html[at..at + 60]);
        }
        assert_eq!(name == "odd", html.contains("Failed runs"), "{name}");
        if let Some(to) = std::env::var_os("OHMIC_LOOK_AT") {
            fs::copy(written.last().unwrap(), Path::new(&to).join(format!("{name}.html"))).unwrap();
        }
        let again = report(dir.path(), &Options::default()).unwrap();
        assert_eq!(fs::read_to_string(again.last().unwrap()).unwrap(), html);
    }
}

#[test]
fn an_unfinished_sweep_is_shown_from_its_journal() {
    let dir = tempfile::tempdir().unwrap();
    let columns = ["axis:adc.bits", "point", "accuracy"].map(|n| Column::new(n, "", ""));
    let store = Store::open(dir.path(), &manifest(columns.into())).unwrap();
    for point in 0..3i64 {
        let all =
            [("axis:adc.bits", Value::Int(4 + point)), ("point", point.into()), ("accuracy", (0.9).into())];
        store.append(&format!("{point}"), &all.into_iter().collect::<Record>()).unwrap();
    }
    let written = report(dir.path(), &Options::default()).unwrap(); // while the sweep holds the lock
    let html = fs::read_to_string(written.last().unwrap()).unwrap();
    assert!(html.contains("has not finished") && html.contains("accuracy_vs_adc_bits"));
    drop(store);
}

#[test]
fn a_folder_without_results_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let e = report(dir.path(), &Options::default()).unwrap_err();
    assert!(matches!(e, Error::NoResults { .. }) && e.to_string().contains("ohmic sweep --out"), "{e}");
    fs::write(dir.path().join("results.json"), "{").unwrap();
    assert!(report(dir.path(), &Options::default()).unwrap_err().to_string().contains("results.json: "));
}
