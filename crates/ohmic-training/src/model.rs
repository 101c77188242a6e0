//! The trained network as files: `model.toml` and `weights.safetensors`.

use crate::train::EpochReport;
use crate::{Error, Recipe};
use ohmic_network::Network;
use ohmic_network::read::{ModelInfo, ReferenceAccuracy, save};
use std::path::{Path, PathBuf};

/// Writes a network whose training is finished, with how it came to be.
pub(crate) fn write(
    folder: &Path,
    recipe: &Recipe,
    network: &Network,
    history: &[EpochReport],
) -> Result<Vec<PathBuf>, Error> {
    let set = &recipe.set;
    let file = recipe.path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    let mut training = toml::Table::new();
    let hash = blake3::hash(recipe.text.as_bytes()).to_hex().to_string();
    training.insert("recipe".into(), file.into());
    training.insert("recipe_blake3".into(), hash.into());
    training.insert("seed".into(), (recipe.seed.0 as i64).into());
    training.insert("epochs".into(), i64::from(recipe.epochs).into());
    // the float products are the same on one kind of processor only
    training.insert("kernel".into(), ohmic_numerics::kernel::level().name().into());
    let reference = history.last().map(|last| {
        training.insert("loss_nats".into(), last.loss.into());
        ReferenceAccuracy {
            accuracy: last.test_accuracy(),
            images: last.test_images,
            source: "float32, measured at the end of training".into(),
        }
    });
    let info = ModelInfo {
        origin: format!("{}; trained from scratch on {set} by the recipe beside this file", recipe.origin),
        licence: recipe.licence.clone(),
        test: Some(format!("{set}:test")),
        calibration: Some(format!("{set}:calibration")),
        reference,
        training,
    };
    save(network, &info, folder)?;
    Ok(vec![folder.join("model.toml"), folder.join("weights.safetensors")])
}
