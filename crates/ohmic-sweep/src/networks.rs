//! Networks by name or path. Those of `models/networks/` are in the program itself, so that it needs no
//! folder beside it; their weights are too where they are ours.

use ohmic_network::{Network, load_text};
use std::path::Path;

/// A network that comes with Ohmic.
#[derive(Clone, Copy, Debug)]
pub struct BuiltIn {
    /// Name, and name of its folder.
    pub name: &'static str,
    /// Path of its file in the repository.
    pub path: &'static str,
    /// Text of that file.
    pub text: &'static str,
    /// Its weights; `None`: they lie in the folder that `OHMIC_DATA` names, or nobody has them.
    pub weights: Option<&'static [u8]>,
}

macro_rules! with_weights {
    ($name:literal) => {
        BuiltIn {
            name: $name,
            path: concat!("models/networks/", $name, "/model.toml"),
            text: include_str!(concat!("../../../models/networks/", $name, "/model.toml")),
            weights: Some(include_bytes!(concat!(
                "../../../models/networks/",
                $name,
                "/weights.safetensors"
            ))),
        }
    };
}

macro_rules! in_data_folder {
    ($name:literal) => {
        BuiltIn {
            name: $name,
            path: concat!("models/networks/", $name, "/model.toml"),
            text: include_str!(concat!("../../../models/networks/", $name, "/model.toml")),
            weights: None,
        }
    };
}

/// All of them. To add one: a folder in `models/networks/`, and its line here.
pub const BUILT_IN: &[BuiltIn] = &[
    with_weights!("lenet5-glyphs"),
    with_weights!("mlp-glyphs"),
    with_weights!("lenet5-mnist"),
    in_data_folder!("cnn-mnist-onnx"),
    in_data_folder!("resnet14-cifar10"),
    in_data_folder!("resnet20-cifar10"),
    in_data_folder!("resnet50-imagenet"),
    in_data_folder!("vgg8-cifar10"),
];

impl BuiltIn {
    /// Whether nobody has its weights: it can be costed, not run.
    pub fn is_shapes_alone(&self) -> bool {
        let table = self.text.parse::<toml::Table>().unwrap_or_default();
        table.get("weights").and_then(|w| w.get("file")).and_then(|f| f.as_str()) == Some("none")
    }

    /// Its origin, what it is tested on and how well it does, in one line.
    pub fn summary(&self) -> String {
        let Ok(table) = self.text.parse::<toml::Table>() else { return String::new() };
        let text = |section: &str, key: &str| table.get(section)?.get(key).cloned();
        let origin = table.get("origin").and_then(toml::Value::as_str).unwrap_or_default();
        let mut summary = origin.to_owned();
        if let (Some(test), Some(accuracy)) =
            (text("data", "test"), text("reference", "accuracy").and_then(|v| v.as_float()))
        {
            summary.push_str(&format!(
                "; {:.2} % on {}",
                accuracy * 100.0,
                test.as_str().unwrap_or_default()
            ));
        }
        if self.is_shapes_alone() {
            summary.push_str(" (shapes alone: for costs, it cannot be run)");
        } else if self.weights.is_none() {
            summary.push_str(" (needs OHMIC_DATA)");
        }
        summary
    }
}

/// The network of a built-in name, of an `.onnx` file, of a `model.toml` or of a folder that holds one.
///
/// # Errors
/// The full message for the user.
pub fn load(name: &str) -> Result<Network, String> {
    if let Some(built_in) = BUILT_IN.iter().find(|b| b.name == name) {
        let model = load_text(Path::new(built_in.path), built_in.text, built_in.weights);
        return model.map(|m| m.network).map_err(|e| e.to_string());
    }
    let path = Path::new(name);
    let looks_like_path = name.contains(['/', '\\']) || path.extension().is_some();
    if !looks_like_path && !path.exists() {
        let names = || BUILT_IN.iter().map(|b| b.name);
        let hint = match ohmic_config::suggest::nearest(name, names()) {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => format!("known: {}; or give the path of an .onnx file or of a model folder", {
                names().collect::<Vec<_>>().join(", ")
            }),
        };
        return Err(format!("network `{name}` is not known; {hint}"));
    }
    ohmic_network::load(path).map_err(|e| e.to_string())
}
