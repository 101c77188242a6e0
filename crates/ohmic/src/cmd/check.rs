//! `ohmic check`: says what kind a file is and whether it is right; without a file, the self-test.

use crate::answer::Answer;
use crate::args::CheckArgs;
use crate::text;
use anyhow::{Context, Result, anyhow};
use ohmic_hardware::Hardware;
use ohmic_sweep::{Simulation, SweepFile};
use serde_json::json;
use std::path::Path;

pub(crate) fn run(args: &CheckArgs) -> Result<Answer> {
    let Some(path) = &args.file else { return Ok(self_test()) };
    let (kind, what) = if path.is_dir() {
        if path.join("model.toml").exists() {
            ("model", model(path)?)
        } else if path.join("hardware.toml").exists() {
            ("hardware", hardware(path)?)
        } else {
            return Err(anyhow!("{} holds neither a model.toml nor a hardware.toml", path.display()));
        }
    } else if path.extension().is_some_and(|e| e == "toml") {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        match kind_of(path, &text)? {
            "hardware" => ("hardware", hardware(path)?),
            "sweep" => ("sweep", sweep(path)?),
            "recipe" => ("recipe", recipe(path)?),
            _ => ("model", model(path)?),
        }
    } else {
        ("model", model(path)?)
    };
    let json = json!({ "file": path.display().to_string(), "kind": kind, "right": true, "what": what });
    Ok(Answer::done(format!("{}: a {kind} file, and right: {what}\n", path.display()), json))
}

/// What a TOML file is, by the sections that only this kind has.
fn kind_of(path: &Path, text: &str) -> Result<&'static str> {
    let table: toml::Table = text.parse().map_err(|e| anyhow!("{} is no TOML: {e}", path.display()))?;
    let has = |keys: &[&str]| keys.iter().any(|key| table.contains_key(*key));
    if has(&["run", "axis"]) {
        Ok("sweep")
    } else if has(&["device", "encoding", "adc", "dac", "crossbar", "extends", "precision"]) {
        Ok("hardware")
    } else if has(&["optimizer", "schedule", "training", "init", "train"]) && !has(&["weights"]) {
        Ok("recipe")
    } else if has(&["weights", "layer", "input"]) {
        Ok("model")
    } else {
        Err(anyhow!(
            "{}: neither a hardware file ([device], [adc], ... or `extends`), nor a sweep ([run], [[axis]]), nor a recipe \
             ([optimizer]), nor a model ([weights], [[layer]])",
            path.display()
        ))
    }
}

fn hardware(path: &Path) -> Result<String> {
    let hardware = Hardware::load(&path.display().to_string(), &[])?;
    let (crossbar, hierarchy) = (hardware.crossbar(), hardware.hierarchy());
    Ok(format!(
        "`{}`, crossbars of {} x {} cells, {} on the chip, {} components",
        hardware.name(),
        crossbar.rows,
        crossbar.cols,
        hierarchy.crossbars(),
        hardware.components().len()
    ))
}

fn sweep(path: &Path) -> Result<String> {
    let file = SweepFile::read(path)?;
    let simulation = Simulation::default();
    let points = file.points();
    for point in &points {
        simulation
            .case(point)
            .map_err(|problem| anyhow!("{}:\n{}", point.describe(), file.locate(&problem)))?;
    }
    Ok(format!("{} points, {} trials each: {}", points.len(), file.run().trials, file.question()))
}

fn recipe(path: &Path) -> Result<String> {
    let recipe = ohmic_training::Recipe::read(path)?;
    let network = recipe.untrained()?;
    Ok(format!("trains `{}`, {} layers", network.name, network.nodes.len()))
}

fn model(path: &Path) -> Result<String> {
    let network = ohmic_network::load(path)?;
    Ok(format!(
        "`{}`, inputs {}, {} layers, {} of them on crossbars",
        network.name,
        network.input,
        network.nodes.len(),
        network.mvm_layers().count()
    ))
}

fn self_test() -> Answer {
    let all = ohmic_sweep::self_test();
    let failed = all.iter().any(|test| test.differing != Ok(0));
    let rows: Vec<(String, String)> = all
        .iter()
        .map(|test| {
            let result = match &test.differing {
                Ok(0) => format!("{} outputs equal the exact integers, bit for bit", test.compared),
                Ok(n) => format!("{n} of {} outputs DIFFER from the exact integers", test.compared),
                Err(problem) => format!("could not be run: {problem}"),
            };
            (test.encoding.to_owned(), result)
        })
        .collect();
    let json: Vec<_> = all
        .iter()
        .map(|test| json!({ "encoding": test.encoding, "compared": test.compared, "differing": test.differing.clone().ok(),
                            "error": test.differing.clone().err() }))
        .collect();
    let mut answer = Answer::done(
        format!("ideal hardware equals integer arithmetic, for every encoding:\n{}", text::names(&rows)),
        json!(json),
    );
    answer.code = u8::from(failed);
    answer
}
