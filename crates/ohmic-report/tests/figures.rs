//! Every plot over fixed tables: it draws, it names what it lacks, and its picture does not change unseen.
//!
//! `OHMIC_UPDATE_SNAPSHOTS=1` accepts new pictures (look at them first); `OHMIC_LOOK_AT=<folder>` writes all as PNG.

mod fixtures;

use ohmic_report::plot::KINDS;
use ohmic_report::{Points, png, svg};
use ohmic_results::Table;
use std::path::{Path, PathBuf};

fn tables() -> Vec<(&'static str, Table)> {
    vec![
        ("grid", fixtures::grid()),
        ("bits", fixtures::one_axis("axis:adc.bits", &[3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0], 5)),
        (
            "rows",
            fixtures::one_axis("axis:crossbar.rows_per_read", &[4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0], 5),
        ),
        ("sigma", fixtures::one_axis("axis:device.sigma_ln", &[0.0, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0], 1)),
        ("encodings", fixtures::encodings()),
        ("spares", fixtures::spares()),
        ("predicted", fixtures::predicted()),
    ]
}

fn degenerate() -> Vec<(&'static str, Table)> {
    vec![
        ("odd", fixtures::odd()),
        ("thirty", fixtures::thirty()),
        ("siemens", fixtures::one_axis("axis:device.g_max", &[1e-5, 2.5e-5, 5e-5], 2)),
        ("one_point", fixtures::one_axis("axis:adc.bits", &[8.0], 5)),
        ("one_run", fixtures::one_axis("axis:adc.bits", &[8.0], 1)),
        ("empty", Table::default()),
    ]
}

#[test]
fn pictures_do_not_change_unseen() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots");
    let update = std::env::var_os("OHMIC_UPDATE_SNAPSHOTS").is_some();
    let mut changed = Vec::new();
    for (name, table) in tables() {
        let points = Points::of(&table);
        for figure in KINDS.iter().filter(|k| k.fits(&points).is_ok()).flat_map(|k| k.figures(&points)) {
            let path = folder.join(format!("{name}-{}.svg", figure.name));
            let text = svg(&figure.chart).unwrap();
            if update {
                ohmic_results::write_atomically(&path, text.as_bytes()).unwrap();
            } else if std::fs::read_to_string(&path).ok().as_deref() != Some(&text) {
                changed.push(path.display().to_string());
            }
        }
    }
    assert!(
        changed.is_empty(),
        "changed pictures; accept with OHMIC_UPDATE_SNAPSHOTS=1:\n{}",
        changed.join("\n")
    );
}

#[test]
fn every_plot_is_drawn_from_some_table() {
    for kind in KINDS {
        let drawn = tables().iter().any(|(_, t)| kind.fits(&Points::of(t)).is_ok());
        assert!(drawn, "{} is drawn from no table", kind.name());
        assert!(!kind.summary().is_empty());
    }
}

#[test]
fn every_plot_says_what_it_lacks() {
    let full = fixtures::grid();
    let empty = Table::default();
    for kind in KINDS {
        let reason = kind.fits(&Points::of(&empty)).unwrap_err();
        assert!(reason.contains('`') || reason.contains("no "), "{}: {reason}", kind.name());
        let mut without = full.clone();
        for c in &mut without.columns {
            c.name = format!("old_{}", c.name);
        }
        assert!(kind.fits(&Points::of(&without)).unwrap_err().contains('`'), "{}", kind.name());
    }
}

#[test]
fn degenerate_tables_are_drawn_or_refused_and_never_panic() {
    let look = std::env::var_os("OHMIC_LOOK_AT").map(PathBuf::from);
    for (name, table) in tables().into_iter().chain(degenerate()) {
        let points = Points::of(&table);
        for kind in KINDS.iter().filter(|k| k.fits(&points).is_ok()) {
            for figure in kind.figures(&points) {
                let text = svg(&figure.chart).unwrap();
                assert!(
                    !text.contains("NaN") && !text.contains(">inf") && !text.contains("\ninf\n"),
                    "{name}: {}",
                    figure.name
                );
                assert!(!figure.caption.is_empty() && !figure.title.is_empty());
                if let Some(folder) = &look {
                    let bytes = png(&figure.chart).unwrap();
                    ohmic_results::write_atomically(
                        &folder.join(format!("{name}-{}.png", figure.name)),
                        &bytes,
                    )
                    .unwrap();
                }
            }
        }
    }
}
