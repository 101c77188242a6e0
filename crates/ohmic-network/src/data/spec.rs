//! Which data set is meant: a short name, paths, or a table of a TOML file.

use super::stream::need_data_folder;
use super::{DataSet, cifar, csv, glyphs, idx};
use crate::error::suggest;
use crate::{Error, Shape};
use std::path::{Path, PathBuf};

/// Data sets that are known by name.
pub const NAMED_SETS: &[&str] = &["glyphs", "mnist", "fashion-mnist", "cifar10", "pendigits"];

/// A part of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataSplit {
    /// For training.
    Train,
    /// For reported accuracies.
    Test,
    /// For choosing quantization and converter ranges; training images where a set has no such part.
    Calibration,
}

impl DataSplit {
    const NAMES: [&str; 3] = ["train", "test", "calibration"];

    /// The split of this name.
    ///
    /// # Errors
    /// No split has it.
    pub fn named(name: &str) -> Result<Self, Error> {
        match name {
            "train" => Ok(Self::Train),
            "test" => Ok(Self::Test),
            "calibration" => Ok(Self::Calibration),
            _ => Err(Error::request(format!("split `{name}` is not known{}", suggest(name, &Self::NAMES)))),
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

/// Which column of a CSV file holds the class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelColumn {
    /// The first.
    First,
    /// The last.
    Last,
}

/// Where samples come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataSource {
    /// The built-in set.
    Glyphs,
    /// A set known by name, in the folder that `OHMIC_DATA` names.
    Named(String),
    /// An IDX image file and its label file.
    Idx {
        /// Image file.
        images: PathBuf,
        /// Label file.
        labels: PathBuf,
    },
    /// CIFAR-10 record files.
    Cifar {
        /// Files, read one after the other.
        files: Vec<PathBuf>,
    },
    /// Rows of numbers.
    Csv {
        /// The file.
        file: PathBuf,
        /// Which column holds the class.
        label: LabelColumn,
        /// Shape of a sample; a vector unless given.
        shape: Option<Vec<usize>>,
    },
}

/// A data set that can be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataSpec {
    /// Where samples come from.
    pub source: DataSource,
    /// Which part (sets that come as files of one part are what they are).
    pub split: DataSplit,
    /// First sample.
    pub first: usize,
    /// Number of samples at most; `None`: all (of `glyphs`: 10 000).
    pub limit: Option<usize>,
    /// Number of classes, if it is not to be taken from the labels.
    pub classes: Option<usize>,
}

/// Samples of the endless set `glyphs` if no limit is given.
const GLYPHS_DEFAULT: usize = 10_000;

impl DataSpec {
    /// A set from its short form, as on the command line: a name (`glyphs`, `mnist`), a name and a split
    /// (`mnist:train`), two IDX files (`images.idx,labels.idx`), CIFAR files (`a.bin,b.bin`) or a CSV file.
    ///
    /// # Errors
    /// Nothing is known under that name.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (name, split) = match text.rsplit_once(':') {
            Some((name, split)) if DataSplit::NAMES.contains(&split) || NAMED_SETS.contains(&name) => {
                (name, DataSplit::named(split)?)
            }
            _ => (text, DataSplit::Test),
        };
        let spec = |source| Ok(Self { source, split, first: 0, limit: None, classes: None });
        if name == "glyphs" {
            return spec(DataSource::Glyphs);
        }
        if NAMED_SETS.contains(&name) {
            return spec(DataSource::Named(name.to_owned()));
        }
        let ends = |path: &str, end: &str| path.strip_suffix(".gz").unwrap_or(path).ends_with(end);
        let files: Vec<&str> = name.split(',').map(str::trim).collect();
        if files.iter().all(|f| ends(f, ".bin")) {
            return spec(DataSource::Cifar { files: files.iter().map(PathBuf::from).collect() });
        }
        match files[..] {
            [file] if ends(file, ".csv") => {
                spec(DataSource::Csv { file: file.into(), label: LabelColumn::Last, shape: None })
            }
            [images, labels] => spec(DataSource::Idx { images: images.into(), labels: labels.into() }),
            _ => Err(Error::request(format!(
                "data set `{text}` is not known{}; or give files: images.idx,labels.idx or batch.bin or rows.csv",
                suggest(name, NAMED_SETS)
            ))),
        }
    }

    /// A set from a TOML value: the short form as a text, or a table with `kind` = "glyphs", "idx", "cifar",
    /// "csv" or one of the names, and `split`, `first`, `limit`, `classes`; `images` and `labels` (idx), `files`
    /// (cifar), `file`, `label` = "first" or "last" and `shape` (csv). Paths are relative to `folder`.
    ///
    /// # Errors
    /// An unknown key, a missing one, a value of the wrong type.
    pub fn from_toml(value: &toml::Value, folder: &Path) -> Result<Self, Error> {
        let table = match value {
            toml::Value::String(text) => return Self::parse(text),
            toml::Value::Table(table) => table,
            other => {
                let got = other.type_str();
                return Err(Error::request(format!("a data set is a text or a table, got {got}")));
            }
        };
        let mut asked = vec!["kind", "split", "first", "limit", "classes"];
        let text = |key: &str| match table.get(key) {
            Some(toml::Value::String(s)) => Ok(s.as_str()),
            Some(v) => Err(Error::request(format!("data set: {key} must be a text, got {v}"))),
            None => Err(Error::request(format!("data set: {key} is missing"))),
        };
        let count = |key: &str| match table.get(key) {
            None => Ok(None),
            Some(toml::Value::Integer(n)) if *n >= 0 => Ok(Some(*n as usize)),
            Some(v) => Err(Error::request(format!("data set: {key} must be a whole number from 0, got {v}"))),
        };
        let path = |key: &str| text(key).map(|p| folder.join(p));
        let source = match text("kind")? {
            "glyphs" => DataSource::Glyphs,
            "idx" => {
                asked.extend(["images", "labels"]);
                DataSource::Idx { images: path("images")?, labels: path("labels")? }
            }
            "cifar" => {
                asked.push("files");
                let wrong = || Error::request("data set: files must be a list of texts");
                let list = table.get("files").and_then(toml::Value::as_array).ok_or_else(wrong)?;
                let files = list.iter().map(|f| f.as_str().map(|f| folder.join(f)).ok_or_else(wrong));
                DataSource::Cifar { files: files.collect::<Result<_, _>>()? }
            }
            "csv" => {
                asked.extend(["file", "label", "shape"]);
                let label = match table.get("label").map(|l| l.as_str()) {
                    None | Some(Some("last")) => LabelColumn::Last,
                    Some(Some("first")) => LabelColumn::First,
                    Some(_) => return Err(Error::request("data set: label must be \"first\" or \"last\"")),
                };
                let wrong = || Error::request("data set: shape must be a list of whole numbers above 0");
                let shape = match table.get("shape") {
                    None => None,
                    Some(v) => {
                        let dims = v.as_array().ok_or_else(wrong)?.iter().map(|d| match d.as_integer() {
                            Some(d) if d > 0 => Ok(d as usize),
                            _ => Err(wrong()),
                        });
                        Some(dims.collect::<Result<Vec<_>, _>>()?)
                    }
                };
                DataSource::Csv { file: path("file")?, label, shape }
            }
            name if NAMED_SETS.contains(&name) => DataSource::Named(name.to_owned()),
            other => {
                let known: Vec<&str> = ["idx", "cifar", "csv"].iter().chain(NAMED_SETS).copied().collect();
                let hint = suggest(other, &known);
                return Err(Error::request(format!("data set: kind `{other}` is not known{hint}")));
            }
        };
        if let Some(key) = table.keys().find(|k| !asked.contains(&k.as_str())) {
            return Err(Error::request(format!("data set: unknown key `{key}`{}", suggest(key, &asked))));
        }
        let split = match table.get("split") {
            None => DataSplit::Test,
            Some(_) => DataSplit::named(text("split")?)?,
        };
        let (first, limit) = (count("first")?.unwrap_or(0), count("limit")?);
        Ok(Self { source, split, first, limit, classes: count("classes")? })
    }

    /// The same set, another part of it.
    #[must_use]
    pub fn with_split(mut self, split: DataSplit) -> Self {
        self.split = split;
        self
    }

    /// The same set, at most this many samples.
    #[must_use]
    pub fn with_limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Name, as in results.
    pub fn name(&self) -> String {
        let stem = |path: &Path| path.file_name().map_or(String::new(), |n| n.to_string_lossy().into_owned());
        match &self.source {
            DataSource::Glyphs => format!("glyphs:{}", self.split.name()),
            DataSource::Named(name) => format!("{name}:{}", self.split.name()),
            DataSource::Idx { images, .. } => stem(images),
            DataSource::Cifar { files } => files.iter().map(|f| stem(f)).collect::<Vec<_>>().join("+"),
            DataSource::Csv { file, .. } => stem(file),
        }
    }
}

/// Loads a data set.
///
/// # Errors
/// A file is missing, cut off, damaged, of another format, or holds other than it declares; nothing is left
/// after the cut; `OHMIC_DATA` is needed and not set.
pub fn load(spec: &DataSpec) -> Result<DataSet, Error> {
    let name = spec.name();
    let limit = spec.limit.unwrap_or(usize::MAX);
    let mut set = match &spec.source {
        DataSource::Glyphs => return load_glyphs(&name, spec),
        DataSource::Named(known) => load_named(&name, known, spec.split, spec.first.saturating_add(limit))?,
        DataSource::Idx { images, labels } => idx::read(&name, images, labels, spec.classes)?,
        DataSource::Cifar { files } => cifar::read(&name, files, spec.first.saturating_add(limit))?,
        DataSource::Csv { file, label, shape } => {
            csv::read(&name, file, *label, shape.clone().map(Shape), spec.classes)?
        }
    };
    let all = set.len();
    set.cut(spec.first, limit);
    if set.is_empty() {
        let first = spec.first;
        return Err(Error::request(format!(
            "data set `{name}`: no sample is left from sample {first} of {all} on"
        )));
    }
    Ok(set)
}

fn load_glyphs(name: &str, spec: &DataSpec) -> Result<DataSet, Error> {
    let split = match spec.split {
        DataSplit::Train => glyphs::Split::Train,
        DataSplit::Test => glyphs::Split::Test,
        DataSplit::Calibration => glyphs::Split::Calibration,
    };
    let count = spec.limit.unwrap_or(GLYPHS_DEFAULT);
    // 4 GiB of pixels
    let last = spec.first.checked_add(count).filter(|&l| count > 0 && l <= 5_000_000);
    let Some(last) = last else {
        return Err(Error::request(format!(
            "data set `{name}`: 1 to 5 000 000 samples can be drawn, not {count}"
        )));
    };
    let (values, labels) = glyphs::images(split, spec.first as u32..last as u32);
    let shape = Shape(vec![1, glyphs::SIDE, glyphs::SIDE]);
    DataSet::from_bytes(name, shape, glyphs::CLASSES, values, labels.into_iter().map(u16::from).collect())
}

fn load_named(name: &str, known: &str, split: DataSplit, enough: usize) -> Result<DataSet, Error> {
    let folder = need_data_folder(&format!("data set `{known}`"))?.join(known);
    // the plain file if it is there, else the packed one (which the error then names)
    let file = |file: &str| {
        let plain = folder.join(file);
        if plain.exists() { plain } else { folder.join(format!("{file}.gz")) }
    };
    match (known, split) {
        ("cifar10", DataSplit::Test) => {
            let whole = file("test_batch.bin");
            cifar::read(name, &[if whole.exists() { whole } else { file("test_first1000.bin") }], enough)
        }
        ("cifar10", _) => {
            let batches = (1..=5).map(|i| file(&format!("data_batch_{i}.bin")));
            let there: Vec<PathBuf> =
                batches.enumerate().filter(|(i, f)| *i == 0 || f.exists()).map(|b| b.1).collect();
            cifar::read(name, &there, enough)
        }
        ("pendigits", _) => {
            let part = if split == DataSplit::Test { "pendigits.tes.csv" } else { "pendigits.tra.csv" };
            csv::read(name, &folder.join(part), LabelColumn::Last, None, Some(10))
        }
        (_, split) => {
            let part = if split == DataSplit::Test { "t10k" } else { "train" };
            let images = file(&format!("{part}-images-idx3-ubyte"));
            idx::read(name, &images, &file(&format!("{part}-labels-idx1-ubyte")), Some(10))
        }
    }
}
