//! `ohmic list`: the parts, presets, networks, events and columns that there are.

use crate::answer::Answer;
use crate::args::ListArgs;
use crate::text;
use anyhow::Result;
use clap::ValueEnum;
use ohmic_hardware::documentation::sections;
use serde_json::json;

/// A list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum What {
    /// Device models: what conductance a cell has
    Device,
    /// Device-to-device variation
    Variation,
    /// Random telegraph noise
    Rtn,
    /// Weight encodings: how integers become levels of cells
    Encoding,
    /// Analog-to-digital converters
    Adc,
    /// Input drivers
    Dac,
    /// Broken cells
    Fault,
    /// Resistance of lines
    Wires,
    /// What keeps answers right while cells age
    Compensation,
    /// What carries bytes between tiles
    Interconnect,
    /// Components: unit costs and area
    Component,
    /// Layers of networks
    Layer,
    /// Figures of reports
    Plot,
    /// Hardware files that come with the program
    #[value(alias = "hardware")]
    Preset,
    /// Networks that come with the program
    Network,
    /// Data sets known by name
    Data,
    /// Environment variables
    Knobs,
    /// Events that are counted and priced
    Event,
    /// Columns of results
    Column,
}

pub(crate) fn run(args: &ListArgs) -> Result<Answer> {
    let Some(what) = args.what else {
        let rows: Vec<(String, String)> = What::value_variants()
            .iter()
            .filter_map(What::to_possible_value)
            .map(|v| (v.get_name().to_owned(), v.get_help().map(ToString::to_string).unwrap_or_default()))
            .collect();
        return Ok(answer(&rows));
    };
    Ok(answer(&rows(what)))
}

fn answer(rows: &[(String, String)]) -> Answer {
    let json = rows.iter().map(|(name, meaning)| json!({ "name": name, "meaning": meaning })).collect();
    Answer::done(text::names(rows), serde_json::Value::Array(json))
}

/// Names and meanings.
pub(crate) fn rows(what: What) -> Vec<(String, String)> {
    let family = |path: &str| {
        sections()
            .into_iter()
            .filter(|section| section.path == path)
            .flat_map(|section| section.members)
            .map(|member| (member.name.to_owned(), member.summary.to_owned()))
            .collect()
    };
    let pair = |name: &str, meaning: &str| (name.to_owned(), meaning.to_owned());
    match what {
        What::Device => family("device"),
        What::Variation => family("variation"),
        What::Rtn => family("rtn"),
        What::Encoding => family("encoding"),
        What::Adc => family("adc"),
        What::Dac => family("dac"),
        What::Fault => family("fault"),
        What::Wires => family("wires"),
        What::Compensation => family("compensation"),
        What::Interconnect => family("interconnect"),
        What::Component => family("component"),
        What::Layer => ohmic_network::layer::KINDS
            .iter()
            .map(|kind| {
                let onnx = match kind.onnx_ops {
                    [] => String::new(),
                    ops => format!(" (ONNX: {})", ops.join(", ")),
                };
                (kind.name.to_owned(), format!("{}{onnx}", kind.summary))
            })
            .collect(),
        What::Plot => super::report::plots(),
        What::Preset => ohmic_hardware::presets::PRESETS
            .iter()
            .map(|preset| pair(preset.name, summary(preset.text)))
            .collect(),
        What::Network => ohmic_sweep::networks::BUILT_IN
            .iter()
            .map(|network| (network.name.to_owned(), network.summary()))
            .collect(),
        What::Data => vec![
            pair(
                "glyphs",
                "digits drawn by the program itself, 28 x 28, ten classes; the same bits everywhere",
            ),
            pair("mnist", "handwritten digits, 28 x 28 (needs OHMIC_DATA)"),
            pair("fashion-mnist", "clothes, 28 x 28 (needs OHMIC_DATA)"),
            pair("cifar10", "photographs of ten classes, 3 x 32 x 32 (needs OHMIC_DATA)"),
            pair("pendigits", "digits as 16 pen coordinates (needs OHMIC_DATA)"),
        ],
        What::Knobs => vec![
            pair("OHMIC_DATA", "folder of data sets and networks that do not come with the program"),
            pair(
                super::KERNEL_KNOB,
                "SIMD level of the kernels: scalar, neon, avx2 or avx512; changes no result, only speed",
            ),
            pair(
                super::ENGINE_KNOB,
                "engine that reads layers wherever it fits: plain, dot16, dot8, table16, table8 or bits; changes no result, only speed",
            ),
        ],
        What::Event => ohmic_hardware::Event::ALL
            .iter()
            .map(|event| (event.name().to_owned(), format!("{} [{}]", event.meaning(), event.unit())))
            .collect(),
        What::Column => super::explain::result_columns()
            .into_iter()
            .map(|column| (column.header(), column.meaning))
            .collect(),
    }
}

/// The `summary` of a hardware file.
fn summary(text: &str) -> &str {
    text.lines()
        .find_map(|line| line.strip_prefix("summary = \""))
        .map_or("", |rest| rest.trim_end().trim_end_matches('"'))
}
