//! Write-verify against its closed forms, which stand in `expected.rs` and are worked out by hand there.

use super::*;
use crate::spec::Conditions;
use crate::write::expected;
use crate::{DeviceModel, device, variation};
use ohmic_numerics::{Noise, Seed, Site};

const CELLS: usize = 400_000;
const CONDITIONS: Conditions = Conditions { elapsed_s: 0.0, temperature_kelvin: 300.0, t_read_s: 1e-8 };

fn device(text: &str) -> Box<dyn DeviceModel> {
    let kind = device::KINDS.iter().find(|k| k.name == "gaussian_absolute").unwrap();
    kind.build_text(&format!("g_min = \"1 uS\"\ng_max = \"101 uS\"\n{text}")).unwrap()
}

/// Errors in units of sigma = 1 uS around 50 uS, pulses of each cell, and what it took.
fn write(device: &dyn DeviceModel, text: &str, rows: usize) -> (Vec<f64>, Vec<u32>, Written) {
    let model = KIND.build_text(text).unwrap();
    let noise = Noise::new(Seed(5));
    let at = Cells { site: Site { layer: 1, block: 2 }, first: 3 };
    let patch = Patch { rows, cols: CELLS / rows, ..Patch::row(CELLS, at, &noise) };
    let targets = vec![50e-6f32; CELLS];
    let (mut g, mut pulses) = (vec![0f32; CELLS], vec![0u32; CELLS]);
    let variation = variation::none();
    let writing = Writing {
        device,
        variation: variation.as_ref(),
        conditions: &CONDITIONS,
        patch: &patch,
        targets: &targets,
    };
    let written = model.write(writing, &mut g, &mut pulses);
    let target = f64::from(50e-6f32);
    (g.iter().map(|&g| (f64::from(g) - target) * 1e6).collect(), pulses, written)
}

fn variance(errors: impl Iterator<Item = f64>) -> f64 {
    let (n, sum) = errors.fold((0.0, 0.0), |(n, s), e| (n + 1.0, s + e * e));
    sum / n
}

/// 400 000 cells: means within five standard errors of the closed form, with and without noise in the verify read.
#[test]
fn loops_come_to_their_closed_form() {
    for (read, band, most) in [(0.0, 1.0, 3u32), (0.0, 0.5, 20), (0.7, 0.8, 5)] {
        let sigma = format!("sigma = \"1 uS\"\nread_sigma_fraction = {}", read / 100.0);
        let text = format!("band = \"{band} uS\"\nmax_pulses = {most}");
        let (errors, pulses, written) = write(device(&sigma).as_ref(), &text, 1000);
        let e = expected(1.0, read, band, most);
        let n = CELLS as f64;
        let five = |variance: f64| 5.0 * (variance / n).sqrt();
        let mean = written.pulses as f64 / n;
        // the variance of a geometric number is (1 - q) / q², of a cut one less
        let spread = (1.0 - e.success) / e.success.powi(2);
        assert!((mean - e.pulses).abs() < five(spread), "pulses {mean} expected {}", e.pulses);
        let converged = 1.0 - written.unaccepted as f64 / n;
        assert!((converged - e.converged).abs() < five(e.converged * (1.0 - e.converged)) + 1e-12);
        let all = variance(errors.iter().copied());
        assert!((all - e.sigma_siemens.powi(2)).abs() < five(2.0 * all * all), "{all} {e:?}");
        assert_eq!(written.verify_reads, written.pulses);
        assert_eq!(pulses.iter().map(|&p| u64::from(p)).sum::<u64>(), written.pulses);
        assert_eq!(pulses.iter().copied().max(), Some(written.most_pulses));
        // geometric: the fraction that takes exactly two pulses is q (1 - q)
        let two = pulses.iter().filter(|p| **p == 2).count() as f64 / n;
        let q2 = e.success * (1.0 - e.success);
        assert!((two - q2).abs() < five(q2 * (1.0 - q2)), "{two} {q2}");
        if read <= 0.0 {
            let inside = variance(errors.iter().copied().filter(|e| e.abs() <= band));
            let v = e.accepted_sigma_siemens.powi(2);
            assert!((inside - v).abs() < five(2.0 * v * v), "{inside} {v}");
        }
    }
}

/// The same cells in one row, in many, and on a device without error: one pulse.
#[test]
fn draws_are_by_address_and_exact_cells_take_one_pulse() {
    let noisy = device("sigma = \"1 uS\"\nread_sigma_rel = 0.02");
    let text = "band_rel = 0.02\nmax_pulses = 6";
    assert_eq!(write(noisy.as_ref(), text, 1), write(noisy.as_ref(), text, 500));
    let exact = device("sigma = \"0 S\"");
    let (errors, _, written) = write(exact.as_ref(), text, 10);
    assert!(errors.iter().all(|e| *e == 0.0));
    assert_eq!((written.pulses, written.unaccepted, written.most_pulses), (CELLS as u64, 0, 1));
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (text, part) in [
        ("max_pulses = 3", "missing key `verify.band`"),
        ("band = \"1 uS\"\nband_rel = 0.1\nmax_pulses = 3", "both are given"),
        ("band = \"0 S\"\nmax_pulses = 3", "out of range"),
        ("band = 1\nmax_pulses = 3", "has no unit"),
        ("band_rel = 0.1\nmax_pulses = 30\nendurance = 20", "wear a cell out"),
        ("band_rel = 0.1\nmax_pulses = 3\nheat_cells = 4", "missing key `verify.heat_rewrites`"),
    ] {
        let e = KIND.build_text(text).map(|_| ()).unwrap_err().to_string();
        assert!(e.contains(part), "{text}\n{e}");
    }
}
