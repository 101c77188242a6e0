//! Progress on standard error: a bar on a terminal, a plain line now and then elsewhere.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ohmic_sweep::Progress;
use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A plain line at most this often.
const EVERY: Duration = Duration::from_secs(10);

/// Shows how a sweep goes.
pub(crate) struct Display {
    bar: Option<ProgressBar>,
    last_line: Mutex<Instant>,
    verbose: u8,
}

impl Display {
    /// A display on standard error.
    pub(crate) fn new(verbose: u8) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
            if let Ok(style) = ProgressStyle::with_template("  {bar:40} {pos}/{len} {msg}") {
                bar.set_style(style);
            }
            bar
        });
        Self { bar, last_line: Mutex::new(Instant::now()), verbose }
    }

    /// Shows where the sweep stands.
    pub(crate) fn show(&self, progress: &Progress) {
        let left = progress.left.map_or_else(String::new, |left| format!(", {} left", duration(left)));
        let failed =
            if progress.failed > 0 { format!(", {} failed", progress.failed) } else { String::new() };
        let found =
            if progress.found > 0 { format!(", {} found finished", progress.found) } else { String::new() };
        if let Some((what, Some(problem))) = &progress.last {
            let first = problem.lines().next().unwrap_or_default();
            self.line(&format!("  failed: {what}: {first}"));
        } else if self.verbose > 0
            && let Some((what, None)) = &progress.last
        {
            self.line(&format!("  done: {what}"));
        }
        if let Some(bar) = &self.bar {
            bar.set_length(progress.total as u64);
            bar.set_position(progress.done as u64);
            bar.set_message(format!("trials{failed}{found}{left}"));
            return;
        }
        let mut last = self.last_line.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if progress.last.is_none() || progress.done == progress.total || last.elapsed() >= EVERY {
            *last = Instant::now();
            self.line(&format!("  {}/{} trials{failed}{found}{left}", progress.done, progress.total));
        }
    }

    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => {
                // a closed standard error is no reason to stop the sweep
                let _ = writeln!(std::io::stderr(), "{text}");
            }
        }
    }

    /// Takes the bar off the screen.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Shows how many of some things are done, on standard error, where it takes long enough to ask.
pub(crate) struct Counted {
    what: &'static str,
    total: usize,
    done: usize,
    began: Instant,
    last_line: Instant,
}

impl Counted {
    /// Of `total` things named `what`.
    pub(crate) fn new(total: usize, what: &'static str) -> Self {
        Self { what, total, done: 0, began: Instant::now(), last_line: Instant::now() }
    }

    /// One more is done.
    pub(crate) fn step(&mut self) {
        self.done += 1;
        if self.last_line.elapsed() < EVERY {
            return;
        }
        self.last_line = Instant::now();
        let each = self.began.elapsed().div_f64(self.done as f64);
        let left = duration(each.mul_f64((self.total - self.done.min(self.total)) as f64));
        // a closed standard error is no reason to stop
        let _ = writeln!(std::io::stderr(), "  {}/{} {}, {left} left", self.done, self.total, self.what);
    }
}

/// `42 s`, `3 min 05 s`, `2 h 10 min`.
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64().round() as u64;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}
