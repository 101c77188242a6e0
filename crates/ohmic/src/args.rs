//! The arguments of every command.

use crate::answer::Format;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Simulates neural networks on analog in-memory computing hardware: accuracy, energy, latency and
/// area from one hardware file.
#[derive(Debug, Parser)]
#[command(name = "ohmic", version, max_term_width = 110)]
pub(crate) struct Arguments {
    /// How the answer is printed
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// Say more; twice: still more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Number of threads; default: one a core. Changes no result
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run one network on one hardware: accuracy, SNR and clipping of each layer, energy, latency, area
    Run(RunArgs),
    /// What disturbs each layer: signal-to-noise ratio by cause, predicted and measured, and which cause binds
    Snr(SnrArgs),
    /// Run every point of a sweep file, resuming what is there, and draw its report
    Sweep(SweepArgs),
    /// Train a network from a recipe file
    Train(TrainArgs),
    /// Cut a network into crossbars and tiles, without running it
    Map(MachineArgs),
    /// Energy by component and layer, latency and area of one network on one hardware
    Cost(CostArgs),
    /// Draw the figures and the page of a results folder
    Report(ReportArgs),
    /// Published figures of chips beside ours; exit code 1 if one lies outside its tolerance
    Repro(ReproArgs),
    /// Networks on machines side by side: energy, latency, rate and area, relative to the first machine
    Compare(CompareArgs),
    /// What differs between two finished runs: settings, and the numbers that moved
    Diff(DiffArgs),
    /// List what there is: parts, presets, networks, events, result columns
    List(ListArgs),
    /// Explain a hardware key or a result column: meaning, unit, formula, range, source
    Explain(ExplainArgs),
    /// Turn raw measurements of cells into a device file, and show how well it describes them
    Fit(FitArgs),
    /// Check a hardware, sweep, recipe or model file; without a file: ideal hardware equals integers
    Check(CheckArgs),
    /// Measure how fast this program is on this machine, against what the machine can do
    Bench(BenchArgs),
    /// Say what this program finds on this machine
    Doctor,
}

/// Settings given beside a file.
#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// Change one key, like --set adc.bits=6 or --set 'device.g_max="50 uS"'; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) sets: Vec<(String, toml::Value)>,
}

/// A network on a machine.
#[derive(Debug, Args)]
pub(crate) struct MachineArgs {
    /// Hardware preset (`ohmic list preset`) or path of a hardware file
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) hardware: String,
    /// Built-in network (`ohmic list network`) or path of an .onnx file or a folder with model.toml
    #[arg(long, value_name = "NAME|PATH")]
    pub(crate) network: String,
    /// Data set: glyphs (built in), a folder of OHMIC_DATA (mnist, fashion-mnist, cifar10), or a data file
    #[arg(long, value_name = "NAME|FILE", default_value = "glyphs")]
    pub(crate) data: String,
    #[command(flatten)]
    pub(crate) set: SetArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) machine: MachineArgs,
    /// Number of test images, from the first on
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) images: u32,
    /// Number of chip instances
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) trials: u32,
    /// Seed of all random numbers
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Folder for the results (CSV, JSON, Parquet, resolved hardware)
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Draw the sums that converters meet on the calibration images, and the range chosen, into the folder's figures/
    #[arg(long, requires = "out")]
    pub(crate) histograms: bool,
    #[command(flatten)]
    pub(crate) memory: MemoryArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CostArgs {
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// Run nothing: take the activity that the hardware file assumes (`[activity]`) instead of data
    #[arg(long)]
    pub(crate) assume: bool,
    /// Write which layer works on which image when, for a few images, to be opened in chrome://tracing or Perfetto
    #[arg(long, value_name = "FILE.json")]
    pub(crate) trace: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// Presets or hardware files; the others are shown relative to the first
    #[arg(required = true, num_args = 1.., value_name = "HARDWARE")]
    pub(crate) machines: Vec<String>,
    /// Network; may be repeated
    #[arg(long = "network", required = true, value_name = "NAME|PATH")]
    pub(crate) networks: Vec<String>,
    /// As many copies of the network as fit on this area, like "85.4 mm2"
    #[arg(long, value_name = "AREA", conflicts_with = "crossbars", value_parser = area)]
    pub(crate) area: Option<f64>,
    /// As many copies of the network as fit on so many crossbars
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) crossbars: Option<u32>,
    /// Data set that is run, for accuracies and measured activity; default: assumed activity
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) data: Option<String>,
    /// Number of test images
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..), requires = "data")]
    pub(crate) images: u32,
    /// Folder for the pictures
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) memory: MemoryArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// Folder of a finished run or sweep
    pub(crate) first: PathBuf,
    /// Another one
    pub(crate) second: PathBuf,
    /// Points of sweeps that are compared, like 3,7
    #[arg(long, value_name = "I,J", value_delimiter = ',', num_args = 1..=2)]
    pub(crate) point: Vec<usize>,
    /// Run the first machine's data again with each setting alone, instead of assuming its activity
    #[arg(long)]
    pub(crate) rerun: bool,
    #[command(flatten)]
    pub(crate) memory: MemoryArgs,
}

#[derive(Debug, Args)]
pub(crate) struct SnrArgs {
    #[command(flatten)]
    pub(crate) machine: MachineArgs,
    /// Number of test images that chips are measured on, from the first on
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) images: u32,
    /// Number of chip instances whose error powers are averaged
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) trials: u32,
    /// Predict only: no chip is programmed or run
    #[arg(long)]
    pub(crate) predict: bool,
    /// Vary one hardware key and show the ratio over its values, like --versus adc.bits=5,6,7,8 or --versus
    /// adc.range=max,mse; keys and values are those of --set
    #[arg(long, value_name = "KEY=V1,V2,...", value_parser = key_values)]
    pub(crate) versus: Option<Versus>,
    /// Seed of all random numbers
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Folder for the table (snr.csv; with --versus: snr_versus.csv and .json) and the figures
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) memory: MemoryArgs,
}

/// How much memory may be taken.
#[derive(Debug, Args)]
pub(crate) struct MemoryArgs {
    /// Memory for data, chips, batches and kept work, like 1GiB; default: half of what is available.
    /// Changes no result
    #[arg(long, value_name = "SIZE", value_parser = ohmic_sweep::Budget::parse)]
    pub(crate) memory: Option<ohmic_sweep::Budget>,
}

impl MemoryArgs {
    /// A simulation that keeps within it.
    pub(crate) fn simulation(&self) -> ohmic_sweep::Simulation {
        ohmic_sweep::Simulation::new(self.memory.unwrap_or_default())
    }
}

#[derive(Debug, Args)]
pub(crate) struct SweepArgs {
    /// The sweep file
    pub(crate) file: PathBuf,
    /// Folder of the results; default: out/ and the name of the file
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) set: SetArgs,
    /// Compute one of N equal parts, like 2/4, at the same time as others do; then run without it
    #[arg(long, value_name = "I/N", value_parser = shard)]
    pub(crate) shard: Option<ohmic_sweep::Shard>,
    #[command(flatten)]
    pub(crate) memory: MemoryArgs,
}

#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// The recipe file
    pub(crate) recipe: PathBuf,
    /// Folder for the trained network; default: the recipe's own folder
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Folder with the results of a sweep or run
    pub(crate) dir: PathBuf,
    /// Folder for the figures; default: the results' own folder
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ReproArgs {
    /// Preset, or folder with hardware.toml and expected.toml; default: every preset with published figures
    pub(crate) name: Option<String>,
    /// Leave out figures that run a data set, like accuracies
    #[arg(long)]
    pub(crate) without_data: bool,
    /// Folder for the pictures and repro.json
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) memory: MemoryArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// What to list; default: the lists that there are
    #[arg(value_enum)]
    pub(crate) what: Option<crate::cmd::list::What>,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// Hardware key (adc.bits), run option (run.images) or result column (energy_joule)
    #[arg(required_unless_present = "all")]
    pub(crate) key: Option<String>,
    /// Folder of a finished run: unfold its value of a cost column (energy:adc, energy_per_inference, area:adc) into
    /// events and unit costs
    #[arg(long, value_name = "DIR", requires = "key")]
    pub(crate) of: Option<PathBuf>,
    /// Point of a sweep's folder that is unfolded
    #[arg(long, value_name = "I", requires = "of")]
    pub(crate) point: Option<usize>,
    /// Every key and column: the reference pages, as Markdown
    #[arg(long, conflicts_with = "key")]
    pub(crate) all: bool,
    /// Write the pages of --all into this folder instead of printing them
    #[arg(long, value_name = "DIR", requires = "all")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Only cases whose name holds this, like mvm or vgg8.isaac; may be repeated
    #[arg(long = "case", value_name = "SUBSTRING")]
    pub(crate) cases: Vec<String>,
    /// One small repetition of each case: that it runs, not how fast
    #[arg(long)]
    pub(crate) quick: bool,
    /// List the cases and measure nothing
    #[arg(long)]
    pub(crate) list: bool,
    /// Folder for bench.json and table.md
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct FitArgs {
    /// The measurement file: which raw files hold reads of which cells, how long after programming
    pub(crate) file: PathBuf,
    /// Folder for the tables, the device file and the pictures; default: nothing is written
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Preset whose device the written file replaces
    #[arg(long, value_name = "NAME", default_value = "generic_reram")]
    pub(crate) extends: String,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The file; default: the self-test
    pub(crate) file: Option<PathBuf>,
}

fn key_value(text: &str) -> Result<(String, toml::Value), String> {
    let (key, value) = text.split_once('=').ok_or("the form is KEY=VALUE, like adc.bits=6")?;
    if key.trim().is_empty() {
        return Err("the form is KEY=VALUE, like adc.bits=6".to_owned());
    }
    Ok((key.trim().to_owned(), ohmic_sweep::read_value(value.trim())))
}

/// One key and the values it takes in turn.
#[derive(Clone, Debug)]
pub(crate) struct Versus {
    pub(crate) key: String,
    pub(crate) values: Vec<toml::Value>,
}

fn key_values(text: &str) -> Result<Versus, String> {
    const FORM: &str = "the form is KEY=V1,V2,..., like adc.bits=5,6,7";
    let (key, values) = text.split_once('=').filter(|(key, _)| !key.trim().is_empty()).ok_or(FORM)?;
    let texts = at_commas(values);
    if let Some(place) = texts.iter().position(|text| text.is_empty()) {
        return Err(format!("value {} of {} is empty; {FORM}", place + 1, texts.len()));
    }
    let values: Vec<toml::Value> = texts.iter().map(|text| ohmic_sweep::read_value(text)).collect();
    if let Some(place) = (1..values.len()).find(|&i| values[..i].contains(&values[i])) {
        return Err(format!("{} is there twice", texts[place]));
    }
    if values.len() < 2 {
        return Err(format!("one value is no curve (a single one is `--set {text}`); {FORM}"));
    }
    Ok(Versus { key: key.trim().to_owned(), values })
}

/// The parts between commas that stand outside of quotes and brackets.
fn at_commas(text: &str) -> Vec<&str> {
    let (mut depth, mut quote, mut from) = (0_usize, None, 0);
    let mut parts = Vec::new();
    for (i, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => {
                parts.push(text[from..i].trim());
                from = i + 1;
            }
            (None, _) => {}
        }
    }
    parts.push(text[from..].trim());
    parts
}

fn area(text: &str) -> Result<f64, String> {
    use ohmic_config::quantity::{Dimension, Quantity};
    match Quantity::parse(text) {
        Ok(q) if q.dimension == Dimension::Area && q.value_si > 0.0 => Ok(q.value_si),
        _ => Err("the form is a number above 0 and a unit of area, like \"85.4 mm2\"".to_owned()),
    }
}

fn shard(text: &str) -> Result<ohmic_sweep::Shard, String> {
    let wrong = || "the form is I/N with 1 <= I <= N, like 2/4".to_owned();
    let (part, of) = text.split_once('/').ok_or_else(wrong)?;
    let (part, of) = (part.parse().map_err(|_| wrong())?, of.parse().map_err(|_| wrong())?);
    if part < 1 || part > of {
        return Err(wrong());
    }
    Ok(ohmic_sweep::Shard { part, of })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_versus() {
        let versus = key_values("adc = { kind = \"sar\", bits = 6 }, {kind=\"ideal\"}").expect("two tables");
        assert_eq!((versus.key.as_str(), versus.values.len()), ("adc", 2));
        assert!(versus.values.iter().all(toml::Value::is_table));
        let versus = key_values("device.g_max=\"25 uS\",50 uS").expect("two quantities");
        assert_eq!(versus.values, ["25 uS", "50 uS"].map(|v| toml::Value::String(v.into())));
        let versus = key_values("adc.bits=5,6").expect("two numbers");
        assert_eq!(versus.values, [5, 6].map(toml::Value::Integer));
        for wrong in
            ["adc.bits", "=5,6", "adc.bits=", "adc.bits=5", "adc.bits=5,,6", "adc.bits=5,6,", "adc.bits=5,5"]
        {
            assert!(key_values(wrong).is_err(), "{wrong}");
        }
    }
}
