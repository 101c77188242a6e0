//! The commands, one a file. To add one: 1. write `cmd/<name>.rs` with `run`; 2. add its arguments
//! to `args.rs`; 3. add its line to `run` below.

mod bench;
mod check;
mod compare;
mod cost;
mod diff;
mod doctor;
mod exchange;
mod explain;
mod fit;
mod histograms;
pub(crate) mod list;
mod map;
mod report;
mod repro;
mod run;
mod single;
mod snr;
mod sweep;
mod train;
mod unfold;
mod writing;

use crate::answer::Answer;
use crate::args::{Arguments, Command};
use anyhow::{Context, Result, anyhow};
use ohmic_numerics::kernel::engine::Engine;

/// Environment variable that picks the SIMD level of the kernels.
pub(crate) const KERNEL_KNOB: &str = "OHMIC_KERNEL";

/// Environment variable that picks the engine that reads layers, wherever it fits.
pub(crate) const ENGINE_KNOB: &str = "OHMIC_ENGINE";

/// What every command is told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Common {
    /// Threads asked for; `None`: one a core.
    pub(crate) threads: Option<usize>,
    /// How often `-v` was given.
    pub(crate) verbose: u8,
}

/// Runs the command.
pub(crate) fn run(arguments: Arguments) -> Result<Answer> {
    let common = Common { threads: arguments.threads.map(usize::from), verbose: arguments.verbose };
    choose_kernel()?;
    choose_engine()?;
    if let Some(threads) = common.threads {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build_global()
            .with_context(|| format!("cannot start {threads} threads"))?;
    }
    match arguments.command {
        Command::Run(args) => run::run(&args, common),
        Command::Snr(args) => snr::run(&args, common),
        Command::Sweep(args) => sweep::run(&args, common),
        Command::Train(args) => train::run(&args, common),
        Command::Map(args) => map::run(&args),
        Command::Compare(args) => compare::run(&args, common),
        Command::Diff(args) => diff::run(&args, common),
        Command::Cost(args) => cost::run(&args, common),
        Command::Report(args) => report::run(&args),
        Command::Repro(args) => repro::run(&args, common),
        Command::List(args) => list::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Fit(args) => fit::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Bench(args) => bench::run(&args, common),
        Command::Doctor => doctor::run(),
    }
}

fn choose_kernel() -> Result<()> {
    // declared in `ohmic list knobs`
    #[allow(clippy::disallowed_methods)]
    let Ok(name) = std::env::var(KERNEL_KNOB) else { return Ok(()) };
    let levels = ohmic_numerics::kernel::Level::available();
    let level = levels.iter().find(|level| level.name() == name).ok_or_else(|| {
        let known: Vec<&str> = levels.iter().map(|level| level.name()).collect();
        anyhow!("{KERNEL_KNOB}={name} names no kernel of this machine; known here: {}", known.join(", "))
    })?;
    ohmic_numerics::kernel::force_level(*level).map_err(|problem| anyhow!("{KERNEL_KNOB}={name}: {problem}"))
}

fn choose_engine() -> Result<()> {
    // declared in `ohmic list knobs`
    #[allow(clippy::disallowed_methods)]
    let Ok(name) = std::env::var(ENGINE_KNOB) else { return Ok(()) };
    let engine = Engine::of_name(&name).ok_or_else(|| {
        let known = Engine::ALL.map(Engine::name).join(", ");
        anyhow!("{ENGINE_KNOB}={name} names no engine; known are {known}")
    })?;
    ohmic_numerics::kernel::engine::force_engine(engine)
        .map_err(|problem| anyhow!("{ENGINE_KNOB}={name}: {problem}"))
}
