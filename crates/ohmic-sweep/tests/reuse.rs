//! Work that is shared, dropped or done again changes no byte of the results.

use ohmic_sweep::{Budget, Options, Shard, Simulation, Stage, SweepFile, Uses, run};
use std::path::Path;

/// Two axes behind the cells, one before: 2 × 2 sets of cells serve 8 points.
const TEXT: &str = "# Does sharing change anything?\nseed = 3\n[run]\nnetwork = \"mlp-glyphs\"\ndata = \"glyphs\"\n\
    images = 40\ntrials = 2\nhardware = [\"generic_reram\"]\n[set]\nadc.range = \"max\"\nadc.unused_codes = \"allow\"\n\
    [[axis]]\nkey = \"device.sigma_ln\"\nvalues = [0.1, 0.2]\n[[axis]]\nkey = \"adc.bits\"\nvalues = [6, 8]\n[[axis]]\n\
    key = \"crossbar.adcs\"\nvalues = [4, 8]\n";

fn go(bytes: usize, out: &Path, threads: usize, shard: Option<Shard>) -> Vec<(Stage, Uses)> {
    let sweep = SweepFile::parse("reuse.toml", TEXT).expect("the sweep is right");
    let simulation = Simulation::new(Budget { bytes });
    let options = Options { out, threads: Some(threads), shard, progress: &|_| {} };
    let outcome = run(&sweep, &simulation, &options).expect("the sweep runs");
    assert!(outcome.failed.is_empty(), "{:?}", outcome.failed);
    simulation.uses()
}

fn csv(out: &Path) -> String {
    std::fs::read_to_string(out.join("results.csv")).expect("results are there")
}

fn of(uses: &[(Stage, Uses)], stage: Stage) -> Uses {
    uses.iter().find(|(s, _)| *s == stage).map(|(_, uses)| *uses).expect("every stage is counted")
}

/// The smallest budget that is not refused, to a tenth of a MiB: next to nothing is left for the cache.
fn least() -> usize {
    let dir = tempfile::tempdir().expect("a folder");
    let sweep = SweepFile::parse("reuse.toml", TEXT).expect("the sweep is right");
    let simulation = Simulation::new(Budget { bytes: 26 << 20 });
    let options = Options { out: dir.path(), threads: Some(1), shard: None, progress: &|_| {} };
    let error = run(&sweep, &simulation, &options).expect_err("26 MiB hold the program alone").to_string();
    let mib = error.strip_prefix("at least ").and_then(|rest| rest.split_once(" MiB")).map(|(mib, _)| mib);
    let mib: f64 = mib.and_then(|mib| mib.parse().ok()).expect("the message says how much is needed");
    ((mib + 0.1) * 1_048_576.0) as usize
}

#[test]
fn budgets_threads_shards_and_resuming_give_the_same_bytes() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = |name: &str| dir.path().join(name);
    let large = 4usize << 30;
    let uses = go(large, &folder("large"), 2, None);
    let want = csv(&folder("large"));
    assert_eq!(want.lines().count(), 17);

    // one encoding and one calibration serve all points; cells: layers × 2 sigmas × 2 chips
    let layers = 3;
    assert_eq!(of(&uses, Stage::Encoding), Uses { found: 7, computed: 1, dropped: 0 });
    assert_eq!(of(&uses, Stage::Calibration), Uses { found: 7, computed: 1, dropped: 0 });
    let cells = of(&uses, Stage::Cells);
    assert_eq!((cells.computed, cells.found, cells.dropped), (4 * layers, 12 * layers, 0));

    // next to nothing kept: all but small layers are computed again and again
    let least = least();
    let uses = go(least, &folder("least"), 1, None);
    assert_eq!(csv(&folder("least")), want);
    let cells = of(&uses, Stage::Cells);
    assert!(cells.computed >= 16 * (layers - 1) && cells.dropped >= 16 * (layers - 1), "{cells:?}");

    // room for some: values come and go
    for (name, more) in [("some", 1usize << 20), ("more", 3 << 20)] {
        go(least + more, &folder(name), 1, None);
        assert_eq!(csv(&folder(name)), want, "{more} bytes over the least");
    }
    go(large, &folder("threads"), 5, None);
    assert_eq!(csv(&folder("threads")), want);

    // halves beside each other, and a sweep that is begun with little memory and taken up with much
    for part in [1, 2] {
        go(least + (64 << 20), &folder("shards"), 2, Some(Shard { part, of: 2 }));
    }
    go(large, &folder("shards"), 2, None);
    assert_eq!(csv(&folder("shards")), want);
    let journal = folder("least").join("journal.jsonl");
    let text = std::fs::read_to_string(&journal).expect("a journal");
    let half: String = text.split_inclusive('\n').take(7).collect();
    std::fs::write(&journal, half).expect("is writable");
    std::fs::remove_file(folder("least").join("results.csv")).expect("was there");
    go(large, &folder("least"), 2, None);
    assert_eq!(csv(&folder("least")), want);
}

#[test]
fn too_little_memory_is_said_before_anything_runs() {
    let dir = tempfile::tempdir().expect("a folder");
    let sweep = SweepFile::parse("reuse.toml", TEXT).expect("the sweep is right");
    let simulation = Simulation::new(Budget { bytes: 26 << 20 });
    let options = Options { out: dir.path(), threads: Some(2), shard: None, progress: &|_| {} };
    let error = run(&sweep, &simulation, &options).expect_err("26 MiB hold the program alone").to_string();
    for part in ["of memory are needed, 26.0 MiB are allowed", "--memory", "run.images"] {
        assert!(error.contains(part), "{error}");
    }
    assert!(std::fs::read_dir(dir.path()).expect("a folder").next().is_none());
}

/// Two times and four policies: cells are aged once a time, and programmed once for all that compare with them.
const DRIFT: &str = "# Does sharing fresh and aged cells change anything?\nseed = 3\n[run]\nnetwork = \"mlp-glyphs\"\n\
    data = \"glyphs\"\nimages = 40\ntrials = 2\nhardware = [\"generic_reram\"]\n[set]\nadc.unused_codes = \"allow\"\n\
    device.drift_nu = 0.06\ndevice.drift_nu_sigma = 0.02\ndevice.drift_t0 = \"20 s\"\ndevice.read_sigma_rel = 0.01\n\
    [[axis]]\nkey = \"conditions.elapsed\"\nvalues = [\"1 h\", \"1 year\"]\n[[axis]]\nkey = \"compensation\"\n\
    labels = [\"none\", \"global\", \"per column\", \"batch norm\"]\nvalues = [{ kind = \"none\" }, \
    { kind = \"global\", images = 5 }, { kind = \"per_column\", images = 5 }, { kind = \"batch_norm\", images = 9 }]\n";

#[test]
fn fresh_cells_serve_all_times_and_aged_ones_all_policies() {
    let dir = tempfile::tempdir().expect("a folder");
    let go = |bytes: usize, name: &str, threads: usize| {
        let sweep = SweepFile::parse("drift.toml", DRIFT).expect("the sweep is right");
        let simulation = Simulation::new(Budget { bytes });
        let out = dir.path().join(name);
        let options = Options { out: &out, threads: Some(threads), shard: None, progress: &|_| {} };
        let outcome = run(&sweep, &simulation, &options).expect("the sweep runs");
        assert!(outcome.failed.is_empty(), "{:?}", outcome.failed);
        (csv(&out), simulation.uses())
    };
    let (want, uses) = go(4 << 30, "large", 2);
    // 3 layers of 2 chips, at two times and fresh; points at a time: all four take the aged ones, two the fresh ones
    let cells = of(&uses, Stage::Cells);
    assert_eq!((cells.computed, cells.found), (3 * 2 * 3, 3 * 2 * 2 * (4 + 2) - 3 * 2 * 3));
    assert_eq!(go(4 << 30, "threads", 5).0, want);
    assert_eq!(go(80 << 20, "small", 1).0, want);
    // what was learned costs energy and time, twice as much for two runs over as many images
    let rows: Vec<Vec<&str>> = want.lines().map(|line| line.split(',').collect()).collect();
    let column = |name: &str| rows[0].iter().position(|c| c.starts_with(name)).expect("a column");
    let (kind, time) = (column("axis:compensation"), column("compensation_time"));
    let of = |policy: &str| -> f64 {
        let row = rows.iter().find(|row| row[kind] == policy).expect("a row");
        row[time].parse().expect("a number")
    };
    assert!(of("none").abs() < 1e-30 && of("global") > 0.0);
    assert!((of("global") / of("per column") - 1.0).abs() < 1e-9);
    assert!((of("global") / of("batch norm") - 10.0 / 9.0).abs() < 1e-9);
}
