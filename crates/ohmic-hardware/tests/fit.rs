//! Raw measurements become devices: by hand on small files, and on the ReRAM measurement of `OHMIC_DATA`.

#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used)]

use ohmic_hardware::fit::{Fit, Measurement};
use ohmic_hardware::{Conditions, Hardware, Patch};
use ohmic_numerics::stats::{deviation, mean};
use ohmic_numerics::{Cells, Noise, Seed, Site};
use std::path::{Path, PathBuf};

fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&path).unwrap();
    path
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

/// Two states of eight cells, two reads of each; by hand below.
fn small(folder: &Path) -> PathBuf {
    // cells in turn: even ones 10 uS + k, odd ones 100 uS + 10 k for k = 0..8, as resistances; the second read is
    // 0.2 uS higher in every cell of the first state
    let mut reads = String::new();
    let mut later = String::new();
    for read in 0..2 {
        for cell in 0..16 {
            let k = f64::from(cell / 2);
            let g = if cell % 2 == 0 { 10.0 + k + 0.2 * f64::from(read) } else { 100.0 + 10.0 * k };
            reads.push_str(&format!("{cell}\t{:.9}\n", 1e6 / g));
            if read == 0 {
                // the first state loses 1 uS, the second gains as much as it is above its first cell
                let now = if cell % 2 == 0 { g - 0.9 } else { g + 10.0 * k };
                later.push_str(&format!("{:.9}\n", now));
            }
        }
    }
    write(&folder.join("reads.tsv"), &reads);
    write(&folder.join("later.csv"), &later);
    let file = folder.join("measurement.toml");
    write(
        &file,
        "name = \"small\"\nsource = \"by hand\"\n[reads.programmed]\nfile = \"reads.tsv\"\nelapsed = \"1 s\"\nunit = \
         \"Ohm\"\ncolumn = 2\nstates = 2\ncells = 16\n[reads.later]\nfile = \"later.csv\"\nelapsed = \"1000 s\"\n\
         temperature = \"300 K\"\nunit = \"uS\"\nstates = 2\n",
    );
    file
}

/// First state: cell means 10.1 + k uS: mean 13.6, sigma sqrt(sum (k - 3.5)^2 / 7) = sqrt(6) = 2.449490 uS; reads 0.1 uS
/// about their mean, two a cell: pooled sqrt(8 * 0.02 / 8) = 0.1414214 uS. Change: -0.9 - 0.1 = -1.0 uS, sigma 0.
/// Second state: mean 135, sigma 24.49490 uS, reads alike: 0. Change 10 k: mean 35, sigma 24.49490 uS.
#[test]
fn a_small_measurement_by_hand() {
    let folder = folder("fit_small");
    let fit = Fit::of(&Measurement::read(&small(&folder)).unwrap()).unwrap();
    let near = |a: f64, b: f64| assert!((a * 1e6 - b).abs() < 1e-5, "{} uS, not {b}", a * 1e6);
    let (low, high) = (&fit.states[0], &fit.states[1]);
    near(low.target_siemens, 13.6);
    near(low.sigma_siemens, 2.449_490);
    near(low.read_sigma_siemens.unwrap(), 0.141_421_4);
    near(high.mean_siemens, 135.0);
    near(high.sigma_siemens, 24.494_90);
    near(high.read_sigma_siemens.unwrap(), 0.0);
    let change = &fit.changes[0];
    near(change.states[0].0, -1.0);
    near(change.states[0].1, 0.0);
    near(change.states[1].0, 35.0);
    near(change.states[1].1, 24.494_90);
    assert_eq!(low.goodness.n, 8);
    // what is written is read back as a machine that says everything itself, and whose text changes with the tables
    write(&folder.join("states.csv"), &fit.states_csv());
    write(&folder.join("drift.csv"), &fit.drift_csv().unwrap());
    write(&folder.join("device.toml"), &fit.device_toml("generic_reram"));
    let machine = Hardware::read(&folder.join("device.toml")).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(machine.name(), "small");
    assert!((machine.device().window().g_max_siemens - 135e-6).abs() < 1e-12);
    let again = Hardware::from_text("elsewhere.toml", machine.resolved()).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(again.resolved(), machine.resolved());
    write(&folder.join("states.csv"), &fit.states_csv().replace("2.44949", "2.5"));
    let other = Hardware::read(&folder.join("device.toml")).unwrap_or_else(|e| panic!("{e}"));
    assert_ne!(other.resolved(), machine.resolved());
    // a table that is wrong is shown where it is wrong: in its own file
    write(&folder.join("states.csv"), &fit.states_csv().replace("2.44949", "-2.5"));
    let e = Hardware::read(&folder.join("device.toml")).unwrap_err().to_string();
    assert!(e.contains("states.csv:4:13") && e.contains("out of range"), "{e}");
    std::fs::remove_file(folder.join("states.csv")).unwrap();
    let e = Hardware::read(&folder.join("device.toml")).unwrap_err().to_string();
    assert!(e.contains("device.states") && e.contains("cannot read the table"), "{e}");
    // elsewhere by a setting: relative to the hardware file
    write(&folder.join("other.csv"), &fit.states_csv());
    let set = [("device.states".to_owned(), toml::Value::String("other.csv".to_owned()))];
    let path = folder.join("device.toml");
    let moved = Hardware::load(path.to_str().unwrap(), &set).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(moved.resolved(), machine.resolved());
}

#[test]
fn bad_measurements_are_refused_at_their_place() {
    let folder = folder("fit_bad");
    let head = "name = \"bad\"\nsource = \"by hand\"\n[reads.a]\nfile = \"raw.csv\"\nelapsed = \"1 s\"\nunit = \"Ohm\"\n";
    let good: String = (0..16).map(|i| format!("{}\n", 1000 + 10 * i + 5000 * (i % 2))).collect();
    for (raw, keys, says) in [
        ("", "states = 2", "raw.csv:1:1: "),
        ("1000\nabc\n", "states = 2", "raw.csv:2:1: "),
        ("1000\nNaN\n", "states = 2", "`NaN` is not a finite number"),
        ("1000\n0\n", "states = 2", "0 Ohm is not a resistance above 0"),
        ("1000\n-5\n", "states = 2", "raw.csv:2:1: "),
        ("1000\n1000\n", "states = 2\ncolumn = 2", "no column 2: the line has 1"),
        (good.as_str(), "states = 2\ncells = 5", "16 lines are not 5 cells"),
        (good.as_str(), "states = 4", "has 4 cells; 8 or more"),
        (good.as_str(), "", "missing key `reads.a.states`"),
        (good.as_str(), "states = 2\ntarget_column = 1", "both are given"),
        (good.as_str(), "state = 2", "unknown key"),
        ("1000\n", "target_column = 1", "all cells are in one state"),
    ] {
        write(&folder.join("raw.csv"), raw);
        let file = folder.join("measurement.toml");
        write(&file, &format!("{head}{keys}\n"));
        let e = Measurement::read(&file).and_then(|m| Fit::of(&m)).map(|_| ()).expect_err(says).one_line();
        assert!(e.contains(says), "{keys}: {e}, not {says}");
    }
    let file = folder.join("measurement.toml");
    write(&folder.join("raw.csv"), &good);
    write(&file, &format!("{head}states = 2\n").replace("elapsed = \"1 s\"\n", ""));
    let e = Measurement::read(&file).unwrap_err().one_line();
    assert!(e.contains("missing key `reads.a.elapsed`"), "{e}");
}

/// The folder of the ReRAM measurement, or nothing.
fn radar() -> Option<PathBuf> {
    #[allow(clippy::disallowed_methods)]
    match std::env::var_os("OHMIC_DATA") {
        Some(data) => Some(PathBuf::from(data).join("rram-radar/retention/data")),
        None => {
            println!("SKIPPED: OHMIC_DATA not set");
            None
        }
    }
}

fn numbers(path: &Path) -> Vec<f64> {
    let text = std::fs::read_to_string(path).unwrap();
    text.split_whitespace().map(|w| 1e6 / w.parse::<f64>().unwrap()).collect()
}

/// Fitted on the first half of the cells of the 8-level ReRAM chip; the other half is never shown to the fit. Standard
/// deviations of two samples of n = 64 from one distribution of kurtosis k differ by sqrt(2) * sqrt((k - 1) / (4 n)) of
/// themselves, where the sample's own kurtosis stands for k (it is 3 for a normal distribution, more with tails):
/// 3.5 standard errors of the logarithm of their ratio for 16 comparisons.
#[test]
fn sigmas_agree_with_reads_that_were_held_out() {
    let Some(data) = radar() else { return };
    let folder = folder("fit_radar");
    for set in ["readtest3bpc1", "readtest3bpc6"] {
        let all = numbers(&data.join(format!("{set}-prebake.csv")));
        let text = std::fs::read_to_string(data.join(format!("{set}-prebake.csv"))).unwrap();
        let half: String = text.lines().take(512).map(|l| format!("{l}\n")).collect();
        write(&folder.join("half.csv"), &half);
        let file = folder.join("measurement.toml");
        write(
            &file,
            "name = \"radar\"\nsource = \"RADAR\"\n[reads.a]\nfile = \"half.csv\"\nelapsed = \"1 s\"\nunit = \"Ohm\"\n\
             states = 8\nshift_every = 32\n",
        );
        let fit = Fit::of(&Measurement::read(&file).unwrap()).unwrap();
        assert_eq!(fit.states.len(), 8);
        for (i, state) in fit.states.iter().enumerate() {
            // levels fall from 0 to 7 in conductance
            let level = 7 - i;
            let held: Vec<f64> = (512..1024).filter(|n| (n + n / 32) % 8 == level).map(|n| all[n]).collect();
            assert_eq!((held.len(), state.goodness.n), (64, 64));
            let (m, s) = (mean(&held), deviation(&held));
            let kurtosis = held.iter().map(|v| ((v - m) / s).powi(4)).sum::<f64>() / 64.0;
            let own = (mean(&state.cells_siemens), deviation(&state.cells_siemens));
            let own_kurtosis =
                state.cells_siemens.iter().map(|v| ((v - own.0) / own.1).powi(4)).sum::<f64>() / 64.0;
            let error = ((kurtosis - 1.0 + own_kurtosis - 1.0) / (4.0 * 64.0)).sqrt();
            let apart = (state.sigma_siemens * 1e6 / s).ln().abs() / error;
            println!(
                "{set} level {level}: fitted {:.3} +- {:.3} uS, held out {m:.3} +- {s:.3} uS, {apart:.2} errors",
                state.mean_siemens * 1e6,
                state.sigma_siemens * 1e6
            );
            assert!(apart < 3.5, "{set} level {level}: {apart} standard errors");
            let mean_error = (s * s + (state.sigma_siemens * 1e6).powi(2)).sqrt() / 8.0;
            assert!((state.mean_siemens * 1e6 - m).abs() < 3.5 * mean_error, "{set} level {level}");
        }
    }
}

/// The whole chip of 32 levels, before and after 30 minutes at 80 C: the device that is made of it draws the means and
/// sigmas that the files have, as programmed and after the bake.
#[test]
fn the_device_of_a_fit_draws_what_was_measured() {
    let Some(data) = radar() else { return };
    let folder = folder("fit_radar_32");
    let file = folder.join("measurement.toml");
    let of = |name: &str| data.join(name).display().to_string();
    write(
        &file,
        &format!(
            "name = \"radar\"\nsource = \"RADAR\"\n[reads.programmed]\nfile = \"{}\"\nelapsed = \"1 s\"\nunit = \"Ohm\"\n\
             states = 32\nshift_every = 32\n[reads.baked]\nfile = \"{}\"\nelapsed = \"1800 s\"\ntemperature = \
             \"353 K\"\nunit = \"Ohm\"\nstates = 32\nshift_every = 32\n",
            of("relaxation-prebake.csv"),
            of("relaxation-postbake.csv")
        ),
    );
    let fit = Fit::of(&Measurement::read(&file).unwrap()).unwrap();
    write(&folder.join("states.csv"), &fit.states_csv());
    write(&folder.join("drift.csv"), &fit.drift_csv().unwrap());
    write(&folder.join("device.toml"), &fit.device_toml("generic_reram"));
    let machine = Hardware::read(&folder.join("device.toml")).unwrap_or_else(|e| panic!("{e}"));
    let after = numbers(&data.join("relaxation-postbake.csv"));
    let baked = Conditions { elapsed_s: 1800.0, temperature_kelvin: 353.0, t_read_s: 1e-7 };
    assert!(machine.device().holds(&baked).is_ok());
    assert!(machine.device().holds(&Conditions { temperature_kelvin: 300.0, ..baked }).is_err());
    let noise = Noise::new(Seed(4));
    for (i, state) in fit.states.iter().enumerate().filter(|(_, s)| s.target_siemens > 100e-6) {
        let targets = vec![state.target_siemens as f32; 20_000];
        let mut g = targets.clone();
        let patch = Patch::row(g.len(), Cells { site: Site { layer: 0, block: 0 }, first: 0 }, &noise);
        machine.device().program(&mut g, &patch, 0);
        let of = |g: &[f32]| {
            let us: Vec<f64> = g.iter().map(|g| f64::from(*g) * 1e6).collect();
            (mean(&us), deviation(&us))
        };
        // tables have six digits; 20 000 draws: 5 sqrt(1 / 40 000) = 2.5 %
        assert!((of(&g).1 / (state.sigma_siemens * 1e6) - 1.0).abs() < 0.025, "{}", of(&g).1);
        machine.device().age(&mut g, &targets, &patch, &baked);
        // of the 32 cells after the bake the mean is the device's; sigma agrees as far as error and change are independent
        let level = 31 - i;
        let cells: Vec<f64> = (0..1024).filter(|n| (n + n / 32) % 32 == level).map(|n| after[n]).collect();
        let (m, s) = (mean(&cells), deviation(&cells));
        assert!(
            (of(&g).0 - m).abs() < 5.0 * s / 20_000f64.sqrt() + 0.01,
            "level {level}: {} and {m}",
            of(&g).0
        );
        assert!((of(&g).1 / s).ln().abs() < 0.45, "level {level}: sigma {} and {s}", of(&g).1);
    }
}
