//! `ohmic train`: a recipe file becomes a trained network.

use super::Common;
use crate::answer::Answer;
use crate::args::TrainArgs;
use crate::progress::duration;
use crate::text::percent;
use anyhow::Result;
use ohmic_training::{EpochReport, Options, Progress, StepReport};
use serde_json::json;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

struct Lines {
    steps: bool,
    last: Instant,
}

impl Progress for Lines {
    fn step(&mut self, report: &StepReport) {
        if self.steps && self.last.elapsed() > Duration::from_millis(200) {
            self.last = Instant::now();
            let _ = write!(
                std::io::stderr(),
                "\r  epoch {}/{}, step {}/{}, loss {:.4}, {} left    ",
                report.epoch,
                report.epochs,
                report.step,
                report.steps,
                report.loss,
                duration(Duration::from_secs_f64(report.seconds_left.clamp(0.0, 1e9)))
            );
        }
    }

    fn epoch(&mut self, report: &EpochReport) {
        let start = if self.steps { "\r" } else { "" };
        let _ = writeln!(
            std::io::stderr(),
            "{start}  epoch {}/{}: loss {:.4}, training {}, test {}            ",
            report.epoch,
            report.epochs,
            report.loss,
            percent(report.train_correct as f64 / report.train_images.max(1) as f64),
            percent(report.test_accuracy()),
        );
    }
}

pub(crate) fn run(args: &TrainArgs, common: Common) -> Result<Answer> {
    let options = Options { output: args.out.clone(), ..Options::default() };
    let mut lines =
        Lines { steps: std::io::stderr().is_terminal() || common.verbose > 0, last: Instant::now() };
    let trained = ohmic_training::train(&args.recipe, &options, &mut lines)?;
    let mut text = String::new();
    if let Some(last) = trained.history.last() {
        text.push_str(&format!(
            "{}: {} of {} test images right ({})\n",
            trained.network.name,
            last.test_correct,
            last.test_images,
            percent(last.test_accuracy())
        ));
    }
    for file in &trained.files {
        text.push_str(&format!("wrote {}\n", file.display()));
    }
    let history: Vec<_> = trained
        .history
        .iter()
        .map(|e| {
            json!({ "epoch": e.epoch, "loss": e.loss, "train_correct": e.train_correct, "train_images": e.train_images,
                    "test_correct": e.test_correct, "test_images": e.test_images })
        })
        .collect();
    let files: Vec<String> = trained.files.iter().map(|f| f.display().to_string()).collect();
    let json = json!({ "network": trained.network.name, "hash": trained.network.hash, "history": history, "files": files });
    Ok(Answer::done(text, json))
}
