//! The recipe of a training run: a TOML file that says everything that decides the weights.
//!
//! ```toml
//! name = "mlp-glyphs"
//! seed = 1                       # root of all random numbers
//! origin = "one hidden layer"    # where the architecture comes from
//! licence = "MIT OR Apache-2.0"  # of the weights
//! [data]
//! set = "glyphs"                 # or mnist, fashion-mnist, cifar10, pendigits
//! train_images = 20000           # the first ones; left out: all
//! test_images = 10000
//! [training]
//! epochs = 15
//! batch = 64
//! init = "he"                    # or "glorot"
//! weight_decay = 5e-4
//! [optimizer]
//! kind = "sgd"                   # or "adam" with beta1, beta2, epsilon
//! momentum = 0.9
//! [learning_rate]
//! kind = "cosine"                # or "constant", or "step" with step_epochs, factor
//! rate = 0.03
//! warm_up_epochs = 1
//! [augmentation]                 # may be left out
//! shift_pixels = 1
//! [input]
//! shape = [1, 28, 28]            # samples come as pixels 0 to 255: begin with a `scale` layer
//! [[layer]]
//! kind = "scale"                 # then as in model.toml, but without names of tensors
//! factor = 0.00392156862745098
//! shift = 0
//! ```

use crate::Error;
use crate::init::Init;
use crate::optimizer::Optimizer;
use crate::schedule::{Course, Schedule};
use ohmic_config::document::{Document, Node as Setting, Value};
use ohmic_config::{KeyDoc, Section, SourceText};
use ohmic_network::data::{DataSpec, DataSplit, NAMED_SETS};
use ohmic_network::read::fresh_layers;
use ohmic_network::{Network, Shape};
use ohmic_numerics::Seed;
use std::path::{Path, PathBuf};

const NAME: KeyDoc = KeyDoc::text("name", "name of the network");
const SEED: KeyDoc = KeyDoc::integer(
    "seed",
    0,
    u32::MAX,
    "root of all random numbers: weights before training, order of samples, shifts",
);
const ORIGIN: KeyDoc = KeyDoc::text("origin", "where the architecture comes from");
const LICENCE: KeyDoc = KeyDoc::text("licence", "licence of the trained weights, as an SPDX expression");
const DATA: KeyDoc = KeyDoc::table("data", "what to train on and to test with");
const TRAINING: KeyDoc = KeyDoc::table("training", "how long and in what pieces to train");
const OPTIMIZER: KeyDoc = KeyDoc::table("optimizer", "how a gradient moves the weights");
const RATE: KeyDoc = KeyDoc::table("learning_rate", "the learning rate from step to step");
const AUGMENTATION: KeyDoc =
    KeyDoc::table("augmentation", "how samples are changed at random").optional("samples stay as they are");
const INPUT: KeyDoc =
    KeyDoc::table("input", "`shape`: the shape of one sample, [channels, height, width] or [values]");
const LAYER: KeyDoc = KeyDoc::table("layer", "the layers in order, as in model.toml but without tensors");

/// The keys of a recipe.
pub const KEYS: &[KeyDoc] =
    &[NAME, SEED, ORIGIN, LICENCE, DATA, TRAINING, OPTIMIZER, RATE, AUGMENTATION, INPUT, LAYER];

/// `set` is a short name, so that the written model can name its parts.
const SET: KeyDoc = KeyDoc::text("set", "data set: glyphs, mnist, fashion-mnist, cifar10 or pendigits");
const TRAIN_IMAGES: KeyDoc =
    KeyDoc::integer("train_images", 1, 5_000_000, "number of training samples").optional("all there are");
const TEST_IMAGES: KeyDoc =
    KeyDoc::integer("test_images", 1, 5_000_000, "number of test samples").optional("all there are");

/// The keys of `[data]`.
pub const DATA_KEYS: &[KeyDoc] = &[SET, TRAIN_IMAGES, TEST_IMAGES];

const EPOCHS: KeyDoc = KeyDoc::integer("epochs", 1, 100_000, "times every training sample is seen");
const BATCH: KeyDoc = KeyDoc::integer("batch", 1, 65_536, "samples in one step");
const INIT: KeyDoc = KeyDoc::choice(
    "init",
    &[
        ("he", "variance 2 / inputs, for ReLU (He et al., ICCV 2015)"),
        ("glorot", "variance 2 / (inputs + outputs) (Glorot and Bengio, AISTATS 2010)"),
    ],
    "spread of the weights before training",
);
const WEIGHT_DECAY: KeyDoc = KeyDoc::number(
    "weight_decay",
    "share of a weight that is taken off in a step, times the learning rate; biases keep theirs",
)
.at_least(0.0)
.below(1.0);

/// The keys of `[training]`.
pub const TRAINING_KEYS: &[KeyDoc] = &[EPOCHS, BATCH, INIT, WEIGHT_DECAY];

const OPTIMIZER_KIND: KeyDoc = KeyDoc::choice(
    "kind",
    &[("sgd", "stochastic gradient descent with momentum"), ("adam", "Adam (Kingma and Ba, ICLR 2015)")],
    "rule of the optimizer",
);
const MOMENTUM: KeyDoc = KeyDoc::number("momentum", "share of the last move that goes on")
    .at_least(0.0)
    .below(1.0)
    .optional("sgd: 0");
const BETA1: KeyDoc =
    KeyDoc::number("beta1", "decay of the mean gradient").at_least(0.0).below(1.0).optional("adam: 0.9");
const BETA2: KeyDoc =
    KeyDoc::number("beta2", "decay of the mean square").at_least(0.0).below(1.0).optional("adam: 0.999");
const EPSILON: KeyDoc =
    KeyDoc::number("epsilon", "added to the root of the mean square").above(0.0).optional("adam: 1e-8");

/// The keys of `[optimizer]`.
pub const OPTIMIZER_KEYS: &[KeyDoc] = &[OPTIMIZER_KIND, MOMENTUM, BETA1, BETA2, EPSILON];

const COURSE: KeyDoc = KeyDoc::choice(
    "kind",
    &[
        ("constant", "always the same"),
        ("cosine", "half a cosine down to zero"),
        ("step", "times `factor` after every `step_epochs` epochs"),
    ],
    "how the rate goes after the warm-up",
);
const PEAK: KeyDoc = KeyDoc::number("rate", "learning rate at its highest").above(0.0).at_most(1000.0);
const WARM_UP: KeyDoc =
    KeyDoc::integer("warm_up_epochs", 0, 100_000, "epochs over which the rate rises from zero").optional("0");
const STEP_EPOCHS: KeyDoc = KeyDoc::integer("step_epochs", 1, 100_000, "epochs between two changes")
    .optional("only for kind = \"step\"");
const FACTOR: KeyDoc = KeyDoc::number("factor", "what the rate is multiplied with")
    .above(0.0)
    .at_most(1.0)
    .optional("only for kind = \"step\"");

/// The keys of `[learning_rate]`.
pub const RATE_KEYS: &[KeyDoc] = &[COURSE, PEAK, WARM_UP, STEP_EPOCHS, FACTOR];

const SHIFT: KeyDoc = KeyDoc::integer(
    "shift_pixels",
    0,
    64,
    "each sample is moved by up to this many pixels each way, anew in every epoch; the edge is repeated",
);

/// The keys of `[augmentation]`.
pub const AUGMENTATION_KEYS: &[KeyDoc] = &[SHIFT];

const INPUT_SHAPE: KeyDoc = KeyDoc::table("shape", "shape of one sample, a list");

/// A checked recipe.
#[derive(Debug)]
pub struct Recipe {
    /// Where it was read from.
    pub path: PathBuf,
    /// Its whole text.
    pub text: String,
    /// Name of the network.
    pub name: String,
    /// Where the architecture comes from.
    pub origin: String,
    /// Licence of the trained weights.
    pub licence: String,
    /// Root of all random numbers.
    pub seed: Seed,
    /// The data set's name.
    pub set: String,
    /// Training samples.
    pub train: DataSpec,
    /// Test samples.
    pub test: DataSpec,
    /// Times every training sample is seen.
    pub epochs: u32,
    /// Samples in one step.
    pub batch: usize,
    /// Weights before training.
    pub init: Init,
    /// Share of a weight taken off in a step, times the learning rate.
    pub weight_decay: f32,
    /// How a gradient moves the weights.
    pub optimizer: Optimizer,
    /// The learning rate.
    pub schedule: Schedule,
    /// Pixels that a sample is moved by at most.
    pub shift_pixels: u32,
    /// Shape of one sample.
    pub input: Shape,
}

impl Recipe {
    /// Reads and checks a recipe file.
    ///
    /// # Errors
    /// The file cannot be read, a key is unknown, missing or out of range, the layers do not fit.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
        Self::parse(path, text)
    }

    /// Checks the text of a recipe; `path` is what messages call it.
    ///
    /// # Errors
    /// As [`Recipe::read`], but for the file.
    pub fn parse(path: &Path, text: String) -> Result<Self, Error> {
        let source = SourceText { path: path.display().to_string(), text: text.clone() };
        let document = Document::parse(source)?;
        let root = Section::root(&document, KEYS)?;
        let input = shape(&root, &document)?;
        let data = root.section(&DATA, DATA_KEYS)?;
        let set = data.text(&SET)?;
        let spec = |split, limit: Option<u32>| {
            let refuse = |problem| data.invalid(SET.key, problem, vec![], None);
            let spec = DataSpec::parse(&set).map_err(|e| refuse(e.to_string()))?;
            if !NAMED_SETS.contains(&set.as_str()) {
                return Err(refuse(format!("\"{set}\" is not one of {}", NAMED_SETS.join(", "))).into());
            }
            let mut spec = spec.with_split(split);
            spec.limit = limit.map(|n| n as usize);
            Ok::<_, Error>(spec)
        };
        let training = root.section(&TRAINING, TRAINING_KEYS)?;
        let epochs = training.integer(&EPOCHS)?;
        let shift_pixels = match root.has(&AUGMENTATION) {
            true => root.section(&AUGMENTATION, AUGMENTATION_KEYS)?.integer(&SHIFT)?,
            false => 0,
        };
        if shift_pixels > 0 && input.0.len() != 3 {
            let problem = format!("needs images of channels x height x width, the input is {input}");
            return Err(root.invalid(AUGMENTATION.key, problem, vec![], None).into());
        }
        let recipe = Self {
            path: path.to_owned(),
            name: root.text(&NAME)?,
            origin: root.text(&ORIGIN)?,
            licence: root.text(&LICENCE)?,
            seed: Seed(root.integer(&SEED)?.into()),
            train: spec(DataSplit::Train, data.integer_if(&TRAIN_IMAGES)?)?,
            test: spec(DataSplit::Test, data.integer_if(&TEST_IMAGES)?)?,
            epochs,
            batch: training.integer(&BATCH)? as usize,
            init: if training.choice(&INIT)? == "he" { Init::He } else { Init::Glorot },
            weight_decay: training.number(&WEIGHT_DECAY)? as f32,
            optimizer: optimizer(&root.section(&OPTIMIZER, OPTIMIZER_KEYS)?)?,
            schedule: schedule(&root.section(&RATE, RATE_KEYS)?, epochs)?,
            shift_pixels,
            input,
            set,
            text,
        };
        recipe.untrained()?;
        Ok(recipe)
    }

    /// The network with its weights before training.
    ///
    /// # Errors
    /// The layers are wrong, or one of them cannot be trained.
    pub fn untrained(&self) -> Result<Network, Error> {
        let nodes = fresh_layers(&self.path, &self.text, &self.input)?;
        let mut network = Network::from_nodes(&self.name, self.input.clone(), nodes)?;
        if let Some(last) = network.nodes.last()
            && (last.layer.kind() == "softmax" || last.shape.0.len() != 1)
        {
            return Err(Error::NotTrainable {
                layer: last.name.clone(),
                kind: last.layer.kind(),
                problem: format!(
                    "the last layer must give one score a class, before the softmax that the loss contains; it \
                     gives {}",
                    last.shape
                ),
            });
        }
        crate::init::initialize(&mut network, self.init, self.seed)?;
        Ok(network)
    }
}

fn shape(root: &Section<'_>, document: &Document) -> Result<Shape, Error> {
    let section = root.section(&INPUT, &[INPUT_SHAPE])?;
    let wrong = |problem: &str| -> Error {
        let help = Some("write the shape of one sample: shape = [1, 28, 28]".to_owned());
        section.invalid(INPUT_SHAPE.key, problem.to_owned(), vec![], help).into()
    };
    let Some(Setting { value: Value::List(list), .. }) = document.get("input.shape") else {
        return Err(wrong("must be a list of whole numbers above 0"));
    };
    let dims = list.iter().map(|n| match n.value {
        Value::Integer(n) if (1..=1 << 26).contains(&n) => Ok(n as usize),
        _ => Err(wrong("must be a list of whole numbers above 0")),
    });
    let shape = Shape(dims.collect::<Result<_, _>>()?);
    if shape.0.is_empty() || shape.checked_len().is_none() {
        return Err(wrong("must have between 1 and 2^26 values"));
    }
    Ok(shape)
}

/// Refuses keys that belong to another kind.
fn only_for(section: &Section<'_>, kind: &str, keys: &[&KeyDoc]) -> Result<(), Error> {
    match keys.iter().find(|k| section.has(k)) {
        None => Ok(()),
        Some(key) => {
            let problem = format!("means nothing here; it belongs to kind = \"{kind}\"");
            Err(section.invalid(key.key, problem, vec![], Some("leave it out".to_owned())).into())
        }
    }
}

fn optimizer(section: &Section<'_>) -> Result<Optimizer, Error> {
    let number = |key: &KeyDoc, absent: f32| -> Result<f32, Error> {
        Ok(section.number_if(key)?.map_or(absent, |v| v as f32))
    };
    if section.choice(&OPTIMIZER_KIND)? == "sgd" {
        only_for(section, "adam", &[&BETA1, &BETA2, &EPSILON])?;
        return Ok(Optimizer::Sgd { momentum: number(&MOMENTUM, 0.0)? });
    }
    only_for(section, "sgd", &[&MOMENTUM])?;
    let (beta1, beta2) = (number(&BETA1, 0.9)?, number(&BETA2, 0.999)?);
    Ok(Optimizer::Adam { beta1, beta2, epsilon: number(&EPSILON, 1e-8)? })
}

fn schedule(section: &Section<'_>, epochs: u32) -> Result<Schedule, Error> {
    let kind = section.choice(&COURSE)?;
    let warm_up_epochs = section.integer_if(&WARM_UP)?.unwrap_or(0);
    if warm_up_epochs >= epochs {
        let problem = format!("{warm_up_epochs} warm-up epochs leave nothing of {epochs} epochs");
        return Err(section.invalid(WARM_UP.key, problem, vec![], None).into());
    }
    let course = if kind == "step" {
        let need = |key: &KeyDoc| {
            section.invalid(
                key.key,
                "is missing for kind = \"step\"".to_owned(),
                vec![],
                Some(key.example_line()),
            )
        };
        Course::Step {
            epochs: section.integer_if(&STEP_EPOCHS)?.ok_or_else(|| need(&STEP_EPOCHS))?,
            factor: section.number_if(&FACTOR)?.ok_or_else(|| need(&FACTOR))? as f32,
        }
    } else {
        only_for(section, "step", &[&STEP_EPOCHS, &FACTOR])?;
        if kind == "cosine" { Course::Cosine } else { Course::Constant }
    };
    Ok(Schedule { rate: section.number(&PEAK)? as f32, warm_up_epochs, course })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A recipe of a small network on few glyphs.
    pub(crate) const SMALL: &str = r#"name = "small"
seed = 5
origin = "a test"
licence = "CC0-1.0"

[data]
set = "glyphs"
train_images = 300
test_images = 100

[training]
epochs = 3
batch = 32
init = "he"
weight_decay = 1e-4

[optimizer]
kind = "sgd"
momentum = 0.9

[learning_rate]
kind = "cosine"
rate = 0.05
warm_up_epochs = 1

[augmentation]
shift_pixels = 1

[input]
shape = [1, 28, 28]

[[layer]]
kind = "scale"
factor = 0.00392156862745098
shift = 0

[[layer]]
kind = "average_pool"
kernel = 2
stride = 2

[[layer]]
kind = "flatten"

[[layer]]
kind = "linear"
outputs = 10
"#;

    pub(crate) fn small(change: &[(&str, &str)]) -> Result<Recipe, Error> {
        let mut text = SMALL.to_owned();
        for (old, new) in change {
            assert!(text.contains(old), "{old}");
            text = text.replace(old, new);
        }
        Recipe::parse(Path::new("recipe.toml"), text)
    }

    #[test]
    fn a_recipe_is_read() {
        let r = small(&[]).unwrap();
        assert_eq!((r.epochs, r.batch, r.shift_pixels), (3, 32, 1));
        assert_eq!(r.optimizer, Optimizer::Sgd { momentum: 0.9 });
        assert_eq!(r.schedule, Schedule { rate: 0.05, warm_up_epochs: 1, course: Course::Cosine });
        assert_eq!(r.train.limit, Some(300));
        let adam = small(&[("\"sgd\"", "\"adam\""), ("momentum = 0.9", "beta1 = 0.8")]).unwrap();
        assert_eq!(adam.optimizer, Optimizer::Adam { beta1: 0.8, beta2: 0.999, epsilon: 1e-8 });
    }

    #[test]
    fn mistakes_are_placed_and_explained() {
        for (old, new, wants) in [
            ("seed = 5\n", "", &["recipe.toml", "missing key `seed`"][..]),
            (
                "batch = 32",
                "bacth = 32",
                &["recipe.toml:13:1", "unknown key `training.bacth`", "did you mean `batch`"],
            ),
            ("batch = 32", "batch = 0", &["recipe.toml:13:9", "1 to 65536"]),
            ("\"sgd\"", "\"sgdd\"", &["recipe.toml:18:8", "did you mean `sgd`"]),
            ("\"sgd\"", "\"adam\"", &["recipe.toml:19:12", "belongs to kind = \"sgd\""]),
            ("\"glyphs\"", "\"glyhps\"", &["recipe.toml:7:7", "did you mean `glyphs`"]),
            ("warm_up_epochs = 1", "warm_up_epochs = 3", &["recipe.toml:24", "leave nothing of 3 epochs"]),
            ("\"cosine\"", "\"step\"", &["`learning_rate.step_epochs`", "is missing"]),
            ("[1, 28, 28]", "28", &["recipe.toml:30:9", "must be a list"]),
            ("kind = \"flatten\"", "kind = \"flaten\"", &["recipe.toml:43:8", "did you mean `flatten`"]),
            ("outputs = 10", "outputs = 10\nbias = 3", &["unknown key"]),
            ("[1, 28, 28]", "[784]", &["augmentation", "784"]),
            ("rate = 0.05", "rate = nan", &["`learning_rate.rate`"]),
        ] {
            let e = small(&[(old, new)]).map(|r| r.name).unwrap_err().to_string();
            assert!(wants.iter().all(|w| e.contains(w)), "{new}: {e}");
        }
    }

    #[test]
    fn the_last_layer_gives_scores() {
        let softmax = ("outputs = 10", "outputs = 10\n[[layer]]\nkind = \"softmax\"");
        let e = small(&[softmax]).map(|r| r.name).unwrap_err().to_string();
        assert!(e.contains("softmax that the loss contains"), "{e}");
    }
}
