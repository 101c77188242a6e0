//! `model.toml`: what a network is, where it comes from, and its layers.
//!
//! ```toml
//! name = "tiny"
//! origin = "trained by `ohmic train recipe.toml`"
//! licence = "MIT OR Apache-2.0"
//! [input]
//! shape = [1, 28, 28]            # of one sample: channels, height, width
//! scale = 0.00392156862745098    # x = (value * scale - mean) / deviation
//! mean = [0.1307]                # one number, or one a channel
//! deviation = [0.3081]
//! [weights]
//! file = "weights.safetensors"   # relative to this file, or below $OHMIC_DATA/
//! blake3 = "..."                 # of the file; checked
//!                                # file = "none": shapes alone; it can be mapped and costed, not run
//! ignore = []                    # tensors in it that no layer needs
//! [data]
//! test = "mnist:test"            # what to run it on
//! calibration = "mnist:train"
//! [reference]
//! accuracy = 0.989               # fraction of the test images that the float network gets right
//! images = 10000
//! source = "measured in float32"
//! [training]                     # free: how it was trained
//! recipe = "recipe.toml"
//! [[layer]]
//! kind = "conv2d"
//! name = "conv1"                 # unique; kind and number unless given
//! inputs = ["input"]             # earlier layers, or "input"; the layer before unless given
//! outputs = 6
//! kernel = 5
//! weight = "conv1.weight"        # names of tensors
//! bias = "conv1.bias"            # left out: none
//! ```

use super::layers::layers;
use super::section::{Document, Section, Tensors};
use super::{onnx, safetensors};
use crate::data::{DataSpec, data_folder};
use crate::layer::Scale;
use crate::network::{LayerId, Network, Node, Source, Weights};
use crate::pass::fold_batch_norm;
use crate::{Error, Shape};
use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use toml::de::DeTable;

/// A network and what its file says about it.
#[derive(Debug)]
pub struct Model {
    /// The network, batch normalisation folded.
    pub network: Network,
    /// What its file says about it.
    pub info: ModelInfo,
}

/// What a model file says about a network.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelInfo {
    /// Where the weights come from.
    pub origin: String,
    /// Under which licence.
    pub licence: String,
    /// Data set to report accuracies on, in short form ([`DataSpec::parse`]).
    pub test: Option<String>,
    /// Data set to choose quantization and converter ranges on.
    pub calibration: Option<String>,
    /// What the float network achieves.
    pub reference: Option<ReferenceAccuracy>,
    /// How it was trained: free keys.
    pub training: toml::Table,
}

/// What the float network achieves on its test set.
#[derive(Clone, Debug, PartialEq)]
pub struct ReferenceAccuracy {
    /// Fraction of the images that it gets right.
    pub accuracy: f64,
    /// Number of images, the first ones of the test set.
    pub images: usize,
    /// Who measured it, and how.
    pub source: String,
}

/// Loads a network: an `.onnx` file, a `model.toml`, or a folder that holds one. Batch normalisation is folded
/// into the layers before it where that is possible.
///
/// # Errors
/// The file is missing, damaged, of another hash than declared, or describes no possible network.
pub fn load(path: &Path) -> Result<Network, Error> {
    load_model(path).map(|m| m.network)
}

/// Loads a network with what its file says about it; see [`load`].
///
/// # Errors
/// As [`load`].
pub fn load_model(path: &Path) -> Result<Model, Error> {
    let path = if path.is_dir() { path.join("model.toml") } else { path.to_owned() };
    let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    match extension.as_deref() {
        Some("toml") => read_toml(&path),
        Some("onnx") => {
            let (input, nodes) = onnx::read(&path, &read_file(&path)?)?;
            let name = path.file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned());
            let network = fold_batch_norm(Network::from_nodes(name, input, nodes)?)?;
            Ok(Model { network, info: ModelInfo::default() })
        }
        Some("safetensors") => Err(Error::file(
            path,
            "holds weights without the layers; write a model.toml that names it and load that",
        )),
        _ => Err(Error::file(
            path,
            "is no model: expected an .onnx file, a model.toml or a folder that holds one",
        )),
    }
}

/// A file of at most 4 GiB.
fn read_file(path: &Path) -> Result<Vec<u8>, Error> {
    let io = |source| Error::Io { action: "read", path: path.to_owned(), source };
    let limit = 1u64 << 32;
    let mut bytes = Vec::new();
    File::open(path).map_err(io)?.take(limit + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > limit {
        return Err(Error::file(path, "is larger than 4 GiB"));
    }
    Ok(bytes)
}

fn read_toml(path: &Path) -> Result<Model, Error> {
    let bytes = read_file(path)?;
    let text = String::from_utf8(bytes).map_err(|e| Error::file(path, format!("is no text: {e}")))?;
    load_text(path, &text, None)
}

/// Loads a network from the text of its `model.toml`, for networks that are kept inside a program. `path`
/// stands for the file in messages, and weights that are not given are looked for beside it.
///
/// # Errors
/// As [`load`].
pub fn load_text(path: &Path, text: &str, weights_bytes: Option<&[u8]>) -> Result<Model, Error> {
    let document = Document { path, text };
    let root = DeTable::parse(text).map_err(|e| Error::Key {
        place: document.place(e.span().map_or(0, |s| s.start)),
        problem: e.message().to_owned(),
    })?;
    let table = root.get_ref();
    let mut root = Section::new(document, "model", table, 0);
    let name = root.text("name")?.to_owned();
    let info = read_info(&mut root)?;
    let mut weights = root.table("weights")?.ok_or_else(|| root.problem("weights", "is missing"))?;
    if weights.text("file")? == "none" {
        weights.finish()?;
        return shapes_alone(document, root, table, name, info);
    }
    let file = weights_path(weights.text("file")?, path, &weights)?;
    let declared = weights.text("blake3")?.to_owned();
    let bytes = match weights_bytes {
        Some(bytes) => Cow::Borrowed(bytes),
        None => Cow::Owned(read_file(&file)?),
    };
    let found = blake3::hash(&bytes).to_hex();
    if declared != found.as_str() {
        let problem = format!("{} has the hash {found}: it is another file, or damaged", file.display());
        return Err(weights.problem("blake3", problem));
    }
    let mut input = root.table("input")?.ok_or_else(|| root.problem("input", "is missing"))?;
    let shape = Shape(input.counts("shape")?);
    let normalisation = read_normalisation(&mut input, shape.0.first().copied().unwrap_or(1))?;
    input.finish()?;
    let mut nodes = Vec::new();
    root.know(&["layer"]);
    root.finish()?;
    if let Some(scale) = normalisation {
        let shape = shape.clone();
        nodes.push(Node { name: "input".into(), layer: Box::new(scale), inputs: vec![Source::Input], shape });
    }
    if file.extension().is_some_and(|e| e == "onnx") {
        weights.finish()?;
        if root.has("layer") {
            return Err(root.problem("layer", "an .onnx file brings its own layers"));
        }
        let (onnx_shape, more) = onnx::read(&file, &bytes)?;
        if onnx_shape != shape {
            return Err(input.problem("shape", format!("{} takes {onnx_shape}", file.display())));
        }
        append(&mut nodes, more);
    } else {
        let mut tensors = safetensors::read(&file, &bytes)?;
        for name in weights.texts("ignore")? {
            if !tensors.ignore(&name) {
                let problem = format!("{} has no tensor `{name}`", file.display());
                return Err(weights.problem("ignore", problem));
            }
        }
        weights.finish()?;
        nodes = layers(document, table, &shape, nodes, &mut tensors)?;
        let unused = tensors.unused();
        if !unused.is_empty() {
            let shown = unused.iter().take(10).copied().collect::<Vec<_>>().join(", ");
            let problem = format!(
                "{} tensors of {} are named by no layer: {shown}{}; name them, or list them under weights.ignore",
                unused.len(),
                file.display(),
                if unused.len() > 10 { ", ..." } else { "" }
            );
            return Err(weights.problem("file", problem));
        }
    }
    let network = fold_batch_norm(Network::from_nodes(name, shape, nodes)?)?;
    Ok(Model { network, info })
}

/// A network of which nobody has the weights.
fn shapes_alone(
    document: Document<'_>,
    mut root: Section<'_>,
    table: &DeTable<'_>,
    name: String,
    info: ModelInfo,
) -> Result<Model, Error> {
    let mut input = root.table("input")?.ok_or_else(|| root.problem("input", "is missing"))?;
    let shape = Shape(input.counts("shape")?);
    input.finish()?;
    root.know(&["layer"]);
    root.finish()?;
    let nodes = layers(document, table, &shape, Vec::new(), &mut Tensors::fresh())?;
    let mut network = fold_batch_norm(Network::from_nodes(name, shape, nodes)?)?;
    network.weights = Weights::Unknown;
    Ok(Model { network, info })
}

fn read_info(root: &mut Section<'_>) -> Result<ModelInfo, Error> {
    let mut info = ModelInfo {
        origin: root.text("origin")?.to_owned(),
        licence: root.text("licence")?.to_owned(),
        ..ModelInfo::default()
    };
    if let Some(mut data) = root.table("data")? {
        info.test = data.optional_text("test")?.map(str::to_owned);
        info.calibration = data.optional_text("calibration")?.map(str::to_owned);
        for (key, text) in [("test", &info.test), ("calibration", &info.calibration)] {
            if let Some(text) = text {
                DataSpec::parse(text).map_err(|e| data.problem(key, e))?;
            }
        }
        data.finish()?;
    }
    if let Some(mut reference) = root.table("reference")? {
        let accuracy = reference.wide_number("accuracy")?;
        if !(0.0..=1.0).contains(&accuracy) {
            return Err(
                reference.problem("accuracy", format!("expected a fraction from 0 to 1, got {accuracy}"))
            );
        }
        let images = reference.count("images")?;
        let source = reference.text("source")?.to_owned();
        reference.finish()?;
        info.reference = Some(ReferenceAccuracy { accuracy, images, source });
    }
    info.training = root.free_table("training")?;
    Ok(info)
}

/// The scale that `(value * scale - mean) / deviation` is, if any of them is given.
fn read_normalisation(input: &mut Section<'_>, channels: usize) -> Result<Option<Scale>, Error> {
    let given = ["scale", "mean", "deviation"].iter().any(|k| input.has(k));
    let scale = f64::from(input.number_or("scale", 1.0)?);
    let mut list = |key: &'static str, default: f32| {
        let values = if input.has(key) { input.numbers(key, channels)? } else { vec![default] };
        if values.len() != 1 && values.len() != channels {
            let problem =
                format!("expected one number or one for each of {channels} channels, got {}", values.len());
            return Err(input.problem(key, problem));
        }
        Ok(values)
    };
    let (mean, deviation) = (list("mean", 0.0)?, list("deviation", 1.0)?);
    if let Some(d) = deviation.iter().find(|d| **d <= 0.0) {
        return Err(input.problem("deviation", format!("must be above 0, got {d}")));
    }
    let at = |values: &[f32], c: usize| f64::from(values[if values.len() == 1 { 0 } else { c }]);
    let n = mean.len().max(deviation.len());
    let factor = (0..deviation.len()).map(|c| (scale / at(&deviation, c)) as f32).collect();
    let shift = (0..n).map(|c| (-at(&mean, c) / at(&deviation, c)) as f32).collect();
    if given { Scale::new(factor, shift).map(Some) } else { Ok(None) }
}

/// Layers of another network put behind the nodes there are.
fn append(nodes: &mut Vec<Node>, more: Vec<Node>) {
    let offset = nodes.len() as u32;
    let given = offset.checked_sub(1).map_or(Source::Input, |last| Source::Layer(LayerId(last)));
    for mut node in more {
        for source in &mut node.inputs {
            *source = match source {
                Source::Input => given,
                Source::Layer(id) => Source::Layer(LayerId(id.0 + offset)),
            };
        }
        nodes.push(node);
    }
}

/// The weights file: `$OHMIC_DATA/...`, absolute, or relative to the model file.
fn weights_path(written: &str, model: &Path, section: &Section<'_>) -> Result<PathBuf, Error> {
    let Some(rest) = written.strip_prefix("$OHMIC_DATA/") else {
        return Ok(model.parent().unwrap_or(Path::new("")).join(written));
    };
    match data_folder() {
        Some(folder) => Ok(folder.join(rest)),
        None => Err(section.problem(
            "file",
            format!("`{written}` needs the environment variable OHMIC_DATA, the folder with downloaded data and models"),
        )),
    }
}

impl Section<'_> {
    /// A sub-table with unknown content, as plain TOML.
    fn free_table(&mut self, key: &'static str) -> Result<toml::Table, Error> {
        self.know(&[key]);
        let Some((offset, value)) = self.raw(key) else { return Ok(toml::Table::new()) };
        if value.as_table().is_none() {
            return Err(self.problem_at(offset, key, "expected a table"));
        }
        // parsed once more as plain values: spans are of no use there
        let whole: toml::Table = self.source().parse().map_err(|e| self.problem(key, e))?;
        match whole.get(key) {
            Some(toml::Value::Table(table)) => Ok(table.clone()),
            _ => Ok(toml::Table::new()),
        }
    }
}
