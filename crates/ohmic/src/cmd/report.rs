//! `ohmic report`: figures and the page of a results folder.

use crate::answer::Answer;
use crate::args::ReportArgs;
use anyhow::{Result, anyhow};
use ohmic_report::Options;
use serde_json::json;
use std::path::{Path, PathBuf};

pub(crate) fn run(args: &ReportArgs) -> Result<Answer> {
    let out = args.out.clone().unwrap_or_else(|| args.dir.clone());
    let files = draw(&args.dir, &out)?;
    let mut text = String::new();
    for file in &files {
        text.push_str(&format!("wrote {}\n", file.display()));
    }
    let files: Vec<String> = files.iter().map(|f| f.display().to_string()).collect();
    Ok(Answer::done(text, json!({ "files": files })))
}

/// Draws the report of a folder; the files written, the page last.
pub(crate) fn draw(dir: &Path, out: &Path) -> Result<Vec<PathBuf>> {
    if !dir.is_dir() {
        return Err(anyhow!(
            "{} is no folder; `ohmic sweep FILE --out DIR` makes one with results",
            dir.display()
        ));
    }
    let options = Options { out: Some(out.to_owned()), ..Options::default() };
    Ok(ohmic_report::report(dir, &options)?)
}

/// Names and meanings of all figures.
pub(crate) fn plots() -> Vec<(String, String)> {
    ohmic_report::plot::KINDS.iter().map(|plot| (plot.name().to_owned(), plot.summary().to_owned())).collect()
}
