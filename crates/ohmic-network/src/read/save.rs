//! Writing a network as a folder with `model.toml` and `weights.safetensors`.

use super::model::ModelInfo;
use crate::Error;
use crate::network::{Network, Source};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use std::io::Write;
use std::path::Path;

/// Name of the weights file in a model's folder.
const WEIGHTS: &str = "weights.safetensors";

/// Writes a network into a folder (made if it is not there) such that [`super::load`] gives it back, bit for
/// bit. Each file is written under another name first and then renamed, the weights before the description.
///
/// # Errors
/// The folder cannot be written.
pub fn save(network: &Network, info: &ModelInfo, folder: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(folder).map_err(|source| Error::Io {
        action: "create",
        path: folder.to_owned(),
        source,
    })?;
    let mut tensors: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
    let mut layers = Vec::new();
    for (i, node) in network.nodes.iter().enumerate() {
        let description = node.layer.describe();
        let mut table = toml::Table::new();
        table.insert("kind".into(), node.layer.kind().into());
        table.insert("name".into(), node.name.clone().into());
        let before = if i == 0 { "input" } else { network.nodes[i - 1].name.as_str() };
        let inputs: Vec<&str> = node
            .inputs
            .iter()
            .map(|source| match source {
                Source::Input => "input",
                Source::Layer(id) => network.nodes[id.0 as usize].name.as_str(),
            })
            .collect();
        if inputs != [before] {
            table.insert("inputs".into(), inputs.into());
        }
        table.extend(description.settings);
        for tensor in description.tensors {
            let name = format!("{}.{}", node.name, tensor.key);
            table.insert(tensor.key.into(), name.clone().into());
            tensors.push((name, tensor.dims, tensor.values.iter().flat_map(|v| v.to_le_bytes()).collect()));
        }
        layers.push(toml::Value::Table(table));
    }
    let broken =
        |e: safetensors::SafeTensorError| Error::file(folder.join(WEIGHTS), format!("cannot be made: {e}"));
    let mut views = Vec::with_capacity(tensors.len());
    for (name, dims, bytes) in &tensors {
        views.push((name, TensorView::new(Dtype::F32, dims.clone(), bytes).map_err(broken)?));
    }
    let bytes = safetensors::serialize(views, None).map_err(broken)?;
    replace(&folder.join(WEIGHTS), &bytes)?;
    let hash = blake3::hash(&bytes).to_hex();
    let text = description(network, info, hash.as_str(), layers)?;
    replace(&folder.join("model.toml"), text.as_bytes())
}

fn description(
    network: &Network,
    info: &ModelInfo,
    hash: &str,
    layers: Vec<toml::Value>,
) -> Result<String, Error> {
    let mut root = toml::Table::new();
    root.insert("name".into(), network.name.clone().into());
    root.insert("origin".into(), info.origin.clone().into());
    root.insert("licence".into(), info.licence.clone().into());
    let shape: Vec<toml::Value> = network.input.0.iter().map(|&d| (d as i64).into()).collect();
    root.insert("input".into(), toml::Table::from_iter([("shape".to_owned(), shape.into())]).into());
    let weights = [("file".to_owned(), WEIGHTS.into()), ("blake3".to_owned(), hash.into())];
    root.insert("weights".into(), toml::Table::from_iter(weights).into());
    let data: toml::Table = [("test", &info.test), ("calibration", &info.calibration)]
        .into_iter()
        .filter_map(|(key, value)| value.clone().map(|v| (key.to_owned(), v.into())))
        .collect();
    if !data.is_empty() {
        root.insert("data".into(), data.into());
    }
    if let Some(r) = &info.reference {
        let table = [
            ("accuracy".to_owned(), r.accuracy.into()),
            ("images".to_owned(), (r.images as i64).into()),
            ("source".to_owned(), r.source.clone().into()),
        ];
        root.insert("reference".into(), toml::Table::from_iter(table).into());
    }
    if !info.training.is_empty() {
        root.insert("training".into(), info.training.clone().into());
    }
    root.insert("layer".into(), layers.into());
    toml::to_string(&root)
        .map_err(|e| Error::request(format!("model `{}` cannot be written: {e}", network.name)))
}

/// Writes a file whole or not at all.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let io = |source| Error::Io { action: "write", path: path.to_owned(), source };
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".part");
    let written = std::fs::File::create(&temporary)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&temporary, path));
    written.map_err(|e| {
        // the part may not be there; the first error is the one to tell
        let _ = std::fs::remove_file(&temporary);
        io(e)
    })
}
