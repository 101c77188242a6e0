//! Runs a sweep: every trial of every point on all cores, each durable before it is reported.

use crate::evaluate::Prepared;
use crate::folder::{Folder, Row, labels};
use crate::{Error, Evaluate, Fidelity, Point, SweepFile, TrialKey};
use ohmic_results::{Column, Record, Store, Table, Value};
use rayon::ThreadPool;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// How a sweep is run; nothing here changes a result.
pub struct Options<'a> {
    /// Folder of the results.
    pub out: &'a Path,
    /// Number of threads; `None`: one a core.
    pub threads: Option<usize>,
    /// The part of the trials to compute here, kept in a folder of its own below `out`, so that shards can
    /// run at once on machines that share it; `None`: all, those that shards have finished taken over.
    pub shard: Option<Shard>,
    /// Told after each trial; the trial is durable by then.
    pub progress: &'a (dyn Fn(&Progress) + Sync),
}

/// One of `of` equal parts of a sweep, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which part, `1..=of`.
    pub part: u32,
    /// Number of parts.
    pub of: u32,
}

/// Where a running sweep stands.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Trials finished, those found finished included.
    pub done: usize,
    /// Trials among them that failed.
    pub failed: usize,
    /// Trials that were found finished.
    pub found: usize,
    /// All trials of the sweep (of this shard).
    pub total: usize,
    /// Time left at the mean pace so far; `None` before the first trial is finished.
    pub left: Option<Duration>,
    /// Point and trial that was just finished, and why it failed if it did.
    pub last: Option<(String, Option<String>)>,
}

/// A sweep that has run to its end.
#[derive(Debug)]
pub struct Outcome {
    /// One row a trial, in the sweep's order; what is in `results.csv`. `None` for one shard of several.
    pub table: Option<Table>,
    /// Trials that were computed now.
    pub computed: usize,
    /// Trials that were found finished.
    pub found: usize,
    /// Points with a failed trial, and the message of the first.
    pub failed: Vec<(String, String)>,
}

/// Folder, below that of the results, with what shards have finished.
const SHARDS: &str = "shards";

/// The trials of one point that are still to be computed.
struct Task<'a, C> {
    point: &'a Point,
    prepared: &'a Prepared<C>,
    trials: Vec<(u32, TrialKey)>,
}

/// Runs `sweep` and writes its results under `options.out`. Trials that the folder already holds
/// are not computed again, and the results have the same bytes as those of an undisturbed run.
///
/// # Errors
/// A point that is refused (before anything runs), or a folder that cannot be written.
/// A trial that fails is not an error: its row says `failed` and why.
pub fn run<E: Evaluate>(sweep: &SweepFile, evaluate: &E, options: &Options<'_>) -> Result<Outcome, Error> {
    let pool = pool(options.threads)?;
    let mut points = sweep.points();
    let prepared = prepare(sweep, &points, evaluate, &pool)?;
    let all: Vec<&E::Case> = prepared.iter().map(|ready| &ready.case).collect();
    // first, because it says how much memory shared work may take
    let lanes =
        evaluate.in_flight(&all, pool.current_num_threads()).map_err(|problem| Error::Trial { problem })?;
    evaluate.choose(&all, &mut points, &pool).map_err(|problem| Error::Trial { problem })?;

    let rows: Vec<Row<'_>> = points
        .iter()
        .zip(&prepared)
        .flat_map(|(point, ready)| {
            (0..point.trials).map(move |trial| {
                let key = TrialKey::new(point, &ready.resolved, &ready.identity, trial);
                Row { point, trial, key }
            })
        })
        .collect();
    let cases: Vec<&E::Case> = prepared.iter().map(|ready| &ready.case).collect();
    let columns = evaluate.columns(&cases);
    let out = match options.shard {
        Some(shard) => options.out.join(SHARDS).join(format!("{}-of-{}", shard.part, shard.of)),
        None => options.out.to_owned(),
    };
    let (folder, store) = Folder::open(&out, sweep, &points, &prepared, &columns)?;
    if options.shard.is_none() {
        folder.collect(&options.out.join(SHARDS), &store, &rows)?;
    }
    let mut tasks: Vec<Task<'_, E::Case>> = Vec::new();
    let (mut total, mut found) = (0, 0);
    for (index, row) in rows.iter().enumerate() {
        if options.shard.is_some_and(|shard| !shard.holds(index)) {
            continue;
        }
        total += 1;
        if store.contains(row.key.as_str()) {
            found += 1;
            continue;
        }
        if tasks.last().is_none_or(|task| task.point.index != row.point.index) {
            tasks.push(Task { point: row.point, prepared: &prepared[row.point.index], trials: Vec::new() });
        }
        if let Some(task) = tasks.last_mut() {
            task.trials.push((row.trial, row.key.clone()));
        }
    }

    let computed = total - found;
    let columns = folder.columns();
    let work = Work {
        evaluate,
        store: &store,
        columns,
        pool: &pool,
        lanes,
        found,
        total,
        progress: options.progress,
    };
    let timings = work.all(&tasks)?;
    folder.append_timings(&timings)?;

    let mut failed: Vec<(String, String)> = Vec::new();
    for row in &rows {
        for record in store.records([row.key.as_str()]) {
            if record.get("status").and_then(Value::text) == Some("failed")
                && failed.last().is_none_or(|(point, _)| *point != row.point.describe())
            {
                let message = record.get("message").and_then(Value::text).unwrap_or_default();
                failed.push((row.point.describe(), message.to_owned()));
            }
        }
    }
    let table = if options.shard.is_none() { folder.finish(&store, &rows)? } else { None };
    Ok(Outcome { table, computed, found, failed })
}

/// So many threads, or one a core.
pub(crate) fn pool(threads: Option<usize>) -> Result<ThreadPool, Error> {
    let threads = threads.unwrap_or(0);
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|e| Error::Threads { threads, problem: e.to_string() })
}

/// Calls `work` for `0..count`, begun in order, at most `lanes` at a time, each on a thread that is in no
/// pool: it hands its work to a pool, so a lane that waits, for a value or for the disk, takes no thread
/// from the others, and the last ones have all threads to themselves.
pub(crate) fn in_lanes(lanes: usize, count: usize, work: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..lanes.clamp(1, count.max(1)) {
            scope.spawn(|| {
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    if i >= count {
                        return;
                    }
                    work(i);
                }
            });
        }
    });
}

/// Every point read and checked, in order; the first few refusals otherwise.
fn prepare<E: Evaluate>(
    sweep: &SweepFile,
    points: &[Point],
    evaluate: &E,
    pool: &ThreadPool,
) -> Result<Vec<Prepared<E::Case>>, Error> {
    let slots: Vec<OnceLock<Result<Prepared<E::Case>, String>>> =
        points.iter().map(|_| OnceLock::new()).collect();
    in_lanes(pool.current_num_threads(), points.len(), |i| {
        let _ = slots[i].set(guarded(|| evaluate.prepare(&points[i], pool)));
    });
    let results = slots.into_iter().filter_map(OnceLock::into_inner);
    let mut refused = Vec::new();
    let mut prepared = Vec::with_capacity(points.len());
    for (point, result) in points.iter().zip(results) {
        match result {
            Ok(ready) => prepared.push(ready),
            Err(problem) => refused.push((point.describe(), sweep.locate(&problem))),
        }
    }
    if refused.is_empty() {
        return Ok(prepared);
    }
    let total = refused.len();
    // one message a cause is enough: a bad preset refuses every point the same way
    let mut causes: Vec<(String, String)> = Vec::new();
    for (point, problem) in refused {
        if causes.iter().all(|(_, known)| *known != problem) {
            causes.push((point, problem));
        }
    }
    causes.truncate(3);
    Err(Error::Refused { points: causes, total })
}

struct Work<'a, E> {
    evaluate: &'a E,
    store: &'a Store,
    columns: &'a [Column],
    pool: &'a ThreadPool,
    lanes: usize,
    found: usize,
    total: usize,
    progress: &'a (dyn Fn(&Progress) + Sync),
}

#[derive(Default)]
struct Tally {
    done: usize,
    failed: usize,
    timings: String,
    error: Option<Error>,
}

impl<E: Evaluate> Work<'_, E> {
    /// Computes the tasks; their timings, or the reason that no more can be kept.
    fn all(&self, tasks: &[Task<'_, E::Case>]) -> Result<String, Error> {
        let tally = Mutex::new(Tally::default());
        let stop = AtomicBool::new(false);
        let start = Instant::now();
        let (found, total) = (self.found, self.total);
        (self.progress)(&Progress { done: found, failed: 0, found, total, left: None, last: None });
        let finish = |done: &[Done<'_>]| {
            let rows: Vec<Record> =
                done.iter().map(|d| row_record(d.point, d.trial, self.columns, d.result.clone())).collect();
            let kept: Vec<(&str, &Record)> = done.iter().map(|d| d.key.as_str()).zip(&rows).collect();
            if let Err(error) = self.store.append_all(&kept) {
                stop.store(true, Ordering::Relaxed);
                lock(&tally).error.get_or_insert(error.into());
                return;
            }
            let mut tally = lock(&tally);
            for Done { point, trial, result, seconds, .. } in done {
                let problem = result.as_ref().err().cloned();
                tally.done += 1;
                tally.failed += usize::from(problem.is_some());
                tally.timings.push_str(&format!("{},{trial},{seconds:.3}\n", point.index));
                let open = (total - found - tally.done) as f64;
                // within the lock, so that reports come in order
                (self.progress)(&Progress {
                    done: found + tally.done,
                    failed: tally.failed,
                    found,
                    total,
                    left: Some(start.elapsed().mul_f64(open / tally.done as f64)),
                    last: Some((format!("{}, trial {trial}", point.describe()), problem)),
                });
            }
        };
        // a point's design is made by the first of its trials and goes with the last
        let designs: Vec<Shared<E::Design<'_>>> = tasks.iter().map(|t| Shared::new(t.trials.len())).collect();
        // predictions take less time than the disk: many of them wait for it together
        const TOGETHER: usize = 64;
        let mut queue: Vec<Vec<(usize, usize)>> = Vec::new();
        for (t, task) in tasks.iter().enumerate() {
            let predicted = |t: usize| tasks[t].point.fidelity == Fidelity::Predict;
            for trial in 0..task.trials.len() {
                match queue.last_mut() {
                    Some(last) if predicted(t) && predicted(last[0].0) && last.len() < TOGETHER => {
                        last.push((t, trial));
                    }
                    _ => queue.push(vec![(t, trial)]),
                }
            }
        }
        in_lanes(self.lanes, queue.len(), |i| {
            let mut done = Vec::with_capacity(queue[i].len());
            for &(t, trial) in &queue[i] {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let (task, (trial, key)) = (&tasks[t], &tasks[t].trials[trial]);
                let begun = Instant::now();
                let design = designs[t].get();
                let design = design.get_or_init(|| {
                    guarded(|| self.evaluate.design(&task.prepared.case, task.point, self.pool))
                });
                let result = match design {
                    Ok(design) => guarded(|| self.evaluate.evaluate(design, task.point, *trial, self.pool)),
                    Err(problem) => Err(problem.clone()),
                };
                designs[t].done();
                let seconds = begun.elapsed().as_secs_f64();
                done.push(Done { point: task.point, trial: *trial, key, result, seconds });
            }
            finish(&done);
        });
        let tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
        match tally.error {
            Some(error) => Err(error),
            None => Ok(tally.timings),
        }
    }
}

/// A trial that is computed.
struct Done<'a> {
    point: &'a Point,
    trial: u32,
    key: &'a TrialKey,
    result: Result<Record, String>,
    seconds: f64,
}

type Made<D> = Arc<OnceLock<Result<D, String>>>;

/// What the trials of a point share, as long as one of them is open.
struct Shared<D> {
    made: Mutex<Made<D>>,
    open: AtomicUsize,
}

impl<D> Shared<D> {
    fn new(trials: usize) -> Self {
        Self { made: Mutex::default(), open: AtomicUsize::new(trials) }
    }

    fn get(&self) -> Made<D> {
        Arc::clone(&lock(&self.made))
    }

    fn done(&self) {
        if self.open.fetch_sub(1, Ordering::Relaxed) == 1 {
            *lock(&self.made) = Arc::default();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A row of the results: labels, status and message, then what was measured.
fn row_record(point: &Point, trial: u32, columns: &[Column], result: Result<Record, String>) -> Record {
    let mut record = labels(point, trial, columns);
    match result {
        Ok(measured) => {
            record.set("status", Value::Text("done".to_owned()));
            record.set("message", Value::Missing);
            for (name, value) in measured.iter() {
                record.set(name, value.clone());
            }
        }
        Err(message) => {
            record.set("status", Value::Text("failed".to_owned()));
            record.set("message", Value::Text(message));
        }
    }
    record
}

/// What `compute` gives; a panic becomes an error, so that one point cannot take the sweep with it.
fn guarded<T>(compute: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(compute)).unwrap_or_else(|panic| {
        let panic: &(dyn Any + Send) = panic.as_ref();
        let text = panic
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "without a message".to_owned());
        Err(format!("panic (a mistake in Ohmic, please report it): {text}"))
    })
}

impl Shard {
    fn holds(self, index: usize) -> bool {
        index % self.of as usize == self.part as usize - 1
    }
}
