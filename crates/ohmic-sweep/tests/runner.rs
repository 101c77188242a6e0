//! The runner with a made-up evaluation: sameness, resuming, failures.

use ohmic_results::{Column, Record, Value};
use ohmic_sweep::{Evaluate, Options, Outcome, Point, Prepared, Progress, Shard, SweepFile, run};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

const TEXT: &str = "# Does the runner keep its promises?\nseed = 3\n[run]\nnetwork = \"n\"\ndata = \"d\"\nimages = 5\n\
    trials = 3\nhardware = [\"a\", \"b\"]\n[[axis]]\nkey = \"adc.bits\"\nvalues = [4, 5, 6]\n[[axis]]\n\
    key = \"device.g_max\"\nvalues = [\"1 uS\", \"20 uS\"]\n";

/// y = 100 · point + trial; fails, panics or is refused where asked to.
#[derive(Default)]
struct Fake {
    calls: AtomicUsize,
    fail_at: Option<usize>,
    panic_at: Option<usize>,
    design_fails_at: Option<usize>,
    refuse_at: Option<usize>,
}

impl Evaluate for Fake {
    type Case = usize;
    type Design<'a> = usize;

    fn prepare(&self, point: &Point, _: &rayon::ThreadPool) -> Result<Prepared<usize>, String> {
        if self.refuse_at == Some(point.index) {
            return Err("unknown key `adc.bitz`".to_owned());
        }
        let resolved = format!("name = \"{}\"\n# {:?}\n", point.hardware, point.settings);
        Ok(Prepared { case: point.index, resolved, identity: "network and data".to_owned() })
    }

    fn design<'a>(&'a self, case: &'a usize, _: &Point, _: &rayon::ThreadPool) -> Result<usize, String> {
        if self.design_fails_at == Some(*case) { Err("too wide".to_owned()) } else { Ok(*case) }
    }

    fn evaluate(
        &self,
        design: &usize,
        point: &Point,
        trial: u32,
        _: &rayon::ThreadPool,
    ) -> Result<Record, String> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        assert_eq!(*design, point.index);
        if self.panic_at == Some(*design) && trial == 1 {
            panic!("index {design} out of range");
        }
        if self.fail_at == Some(*design) {
            return Err(format!("layer `conv1`: trial {trial} cannot be computed"));
        }
        let mut record = Record::new();
        record.set("y", Value::Float((100 * point.index) as f64 + f64::from(trial)));
        Ok(record)
    }

    fn columns(&self, _: &[&usize]) -> Vec<Column> {
        vec![Column::new("y", "J", "a made-up energy")]
    }
}

fn sweep() -> SweepFile {
    SweepFile::parse("fake.toml", TEXT).expect("the sweep is right")
}

fn go(fake: &Fake, out: &Path, threads: usize, shard: Option<Shard>) -> Result<Outcome, ohmic_sweep::Error> {
    run(&sweep(), fake, &Options { out, threads: Some(threads), shard, progress: &|_| {} })
}

/// Every file of the results and its bytes; not the journal, whose order is that of finishing, nor timings.
fn bytes(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(&next).expect("is a folder") {
            let path = entry.expect("is readable").path();
            let name = path.strip_prefix(folder).expect("is inside").display().to_string();
            if path.is_dir() {
                open.push(path);
            } else if !["journal.jsonl", "timings.csv", ".lock"].contains(&name.as_str()) {
                files.insert(name, std::fs::read(&path).expect("is readable"));
            }
        }
    }
    files
}

#[test]
fn the_same_bytes_with_any_number_of_threads() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut all = Vec::new();
    for threads in [1, 2, 7] {
        let out = folder.path().join(threads.to_string());
        let outcome = go(&Fake::default(), &out, threads, None).expect("runs");
        assert_eq!((outcome.computed, outcome.found, outcome.failed.len()), (2 * 3 * 2 * 3, 0, 0));
        all.push(bytes(&out));
    }
    assert_eq!(all[0], all[1]);
    assert_eq!(all[0], all[2]);
    let names: Vec<&str> = all[0].keys().map(String::as_str).collect();
    assert!(names.contains(&"results.parquet") && names.contains(&"resolved/0011.toml"), "{names:?}");
    let csv = String::from_utf8(all[0]["results.csv"].clone()).expect("is text");
    let head = csv.lines().next().expect("a header");
    assert_eq!(
        head,
        "point,hardware,network,data,axis:run.hardware,axis:adc.bits,axis:device.g_max [S],trial,seed,status,message,y [J]"
    );
    // point 7: hardware b (6 points each), bits 4 (2 points each), the second conductance, 20 uS
    assert!(csv.contains("7,b,n,d,b,4,2e-5,2,3,done,,702.0"), "{csv}");
}

#[test]
fn a_killed_sweep_goes_on_and_ends_with_the_same_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = folder.path().join("whole");
    go(&Fake::default(), &whole, 2, None).expect("runs");
    let expected = bytes(&whole);
    let journal = std::fs::read(whole.join("journal.jsonl")).expect("there is a journal");
    for (i, cut) in
        [0, 1, 40, journal.len() / 3, journal.len() / 2, journal.len() - 1].into_iter().enumerate()
    {
        // what is left after kill -9: the folder as it was begun, and a journal that ends anywhere
        let out = folder.path().join(format!("cut{i}"));
        std::fs::create_dir_all(&out).expect("a folder");
        std::fs::copy(whole.join("manifest.json"), out.join("manifest.json")).expect("copies");
        std::fs::write(out.join("journal.jsonl"), &journal[..cut]).expect("writes");
        let kept = journal[..cut].iter().filter(|b| **b == b'\n').count();
        let fake = Fake::default();
        let outcome = go(&fake, &out, 2, None).expect("goes on");
        assert_eq!((outcome.found, outcome.computed), (kept, 36 - kept), "cut at {cut}");
        assert_eq!(fake.calls.into_inner(), 36 - kept, "nothing is computed twice");
        assert_eq!(bytes(&out), expected, "cut at {cut}");
    }
}

#[test]
fn a_point_that_fails_or_panics_leaves_a_row_and_the_rest_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let fake = Fake { fail_at: Some(2), panic_at: Some(5), design_fails_at: Some(9), ..Fake::default() };
    let mut tables = Vec::new();
    for threads in [1, 7] {
        let out = folder.path().join(threads.to_string());
        let outcome = go(&fake, &out, threads, None).expect("runs to its end");
        let points: Vec<&str> = outcome.failed.iter().map(|(point, _)| point.as_str()).collect();
        assert_eq!(points.len(), 3, "{points:?}");
        assert!(points[0].starts_with("point 2 (a,"), "{points:?}");
        let table = outcome.table.expect("is complete");
        let status = table.column("status").expect("is there");
        let failed = status.iter().filter(|v| v.text() == Some("failed")).count();
        // three trials of point 2, one of point 5, three of point 9
        assert_eq!(failed, 7);
        let messages = table.column("message").expect("is there");
        assert_eq!(messages[3 * 2].text(), Some("layer `conv1`: trial 0 cannot be computed"));
        assert!(
            messages[3 * 5 + 1].text().is_some_and(|m| m.contains("index 5 out of range")),
            "{messages:?}"
        );
        assert_eq!(messages[3 * 9].text(), Some("too wide"));
        tables.push(bytes(&out));
    }
    assert_eq!(tables[0], tables[1]);
}

#[test]
fn a_refused_point_stops_the_sweep_before_anything_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let fake = Fake { refuse_at: Some(4), ..Fake::default() };
    let message = go(&fake, &out, 2, None).expect_err("is refused").to_string();
    assert!(message.contains("point 4 (a, adc.bits = 6, device.g_max = \"1 uS\")"), "{message}");
    assert!(message.contains("adc.bitz"), "{message}");
    assert_eq!(fake.calls.into_inner(), 0);
    assert!(!out.exists(), "nothing is written");
}

#[test]
fn another_sweep_in_the_folder_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    go(&Fake::default(), folder.path(), 2, None).expect("runs");
    let other = SweepFile::parse("fake.toml", &TEXT.replace("seed = 3", "seed = 4")).expect("is right");
    let options = Options { out: folder.path(), threads: Some(1), shard: None, progress: &|_| {} };
    let message = run(&other, &Fake::default(), &options).expect_err("is refused").to_string();
    assert!(message.contains("results of another sweep") && message.contains("seed"), "{message}");
}

#[test]
fn progress_counts_up_to_the_total() {
    let folder = tempfile::tempdir().expect("a folder");
    let seen: Mutex<Vec<Progress>> = Mutex::default();
    let progress = |p: &Progress| seen.lock().expect("not poisoned").push(p.clone());
    let options = Options { out: folder.path(), threads: Some(2), shard: None, progress: &progress };
    run(&sweep(), &Fake { fail_at: Some(0), ..Fake::default() }, &options).expect("runs");
    let seen = seen.into_inner().expect("not poisoned");
    assert!(seen.iter().map(|p| p.done).eq(0..=36));
    let last = seen.last().expect("there is one");
    assert_eq!((last.failed, last.total, last.left.map(|d| d.as_secs())), (3, 36, Some(0)));
}

#[test]
fn shards_meet_in_one_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = folder.path().join("whole");
    go(&Fake::default(), &whole, 2, None).expect("runs");
    let out = folder.path().join("sharded");
    for part in [2, 1] {
        let outcome = go(&Fake::default(), &out, 2, Some(Shard { part, of: 3 })).expect("runs");
        assert_eq!((outcome.computed, outcome.table.is_none()), (12, true));
    }
    // the third part was never run: the run without a shard takes the others over and computes the rest
    let outcome = go(&Fake::default(), &out, 2, None).expect("runs");
    assert_eq!((outcome.found, outcome.computed), (24, 12));
    std::fs::remove_dir_all(out.join("shards")).expect("removes");
    assert_eq!(bytes(&out), bytes(&whole));
}
