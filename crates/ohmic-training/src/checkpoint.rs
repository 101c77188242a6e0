//! The state of a training run after an epoch, in one file that is there whole or not at all.
//!
//! Layout, all numbers little-endian: magic, blake3 of the recipe's text, epochs done, history (loss,
//! training correct, test correct an epoch), vectors (count, then length and values of each), blake3
//! of everything before.

use crate::optimizer::Moments;
use crate::train::EpochReport;
use crate::{Error, Recipe};
use ohmic_network::Network;
use std::io::Write;
use std::path::Path;

const MAGIC: &[u8; 8] = b"ohmckpt1";

/// What a run needs to go on.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) network: Network,
    pub(crate) moments: Moments,
    pub(crate) history: Vec<EpochReport>,
}

/// Writes a file under a temporary name beside it, makes it durable, then gives it its name.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".partial");
    let temporary = std::path::PathBuf::from(temporary);
    let written = std::fs::File::create(&temporary)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&temporary, path));
    written.map_err(|e| {
        // best effort: the first error is the one to report
        let _ = std::fs::remove_file(&temporary);
        Error::io("write", path, e)
    })
}

pub(crate) fn save(path: &Path, recipe: &Recipe, state: &State) -> Result<(), Error> {
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(blake3::hash(recipe.text.as_bytes()).as_bytes());
    out.extend((state.history.len() as u64).to_le_bytes());
    for e in &state.history {
        out.extend(e.loss.to_le_bytes());
        out.extend((e.train_correct as u64).to_le_bytes());
        out.extend((e.test_correct as u64).to_le_bytes());
    }
    let parameters = state.network.nodes.iter().flat_map(|n| n.layer.parameters()).map(|(_, p)| p);
    let vectors: Vec<&[f32]> = parameters.chain(state.moments.iter().map(|m| &m[..])).collect();
    out.extend((vectors.len() as u64).to_le_bytes());
    for vector in vectors {
        out.extend((vector.len() as u64).to_le_bytes());
        out.extend(vector.iter().flat_map(|v| v.to_le_bytes()));
    }
    let sum = blake3::hash(&out);
    out.extend_from_slice(sum.as_bytes());
    write_whole(path, &out)
}

/// Fills a fresh state from a checkpoint; whether there is one.
pub(crate) fn load(
    path: &Path,
    recipe: &Recipe,
    state: &mut State,
    counts: [usize; 2],
) -> Result<bool, Error> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(Error::io("read", path, e)),
    };
    let refuse = |problem: &str| Error::Checkpoint { path: path.to_owned(), problem: problem.into() };
    let damaged = || refuse("it is damaged or of another version");
    let (body, sum) = bytes.split_last_chunk::<32>().ok_or_else(damaged)?;
    if blake3::hash(body).as_bytes() != sum {
        return Err(damaged());
    }
    let mut rest = body.strip_prefix(MAGIC).ok_or_else(damaged)?;
    let (hash, after) = rest.split_first_chunk::<32>().ok_or_else(damaged)?;
    rest = after;
    if blake3::hash(recipe.text.as_bytes()).as_bytes() != hash {
        return Err(refuse("it was written with another text of the recipe"));
    }
    let mut word = || {
        let (first, after) = rest.split_first_chunk::<8>()?;
        rest = after;
        Some(u64::from_le_bytes(*first))
    };
    let epochs = word().ok_or_else(damaged)?;
    for epoch in 0..epochs {
        let [loss, train, test] = [word(), word(), word()];
        let (Some(loss), Some(train), Some(test)) = (loss, train, test) else { return Err(damaged()) };
        state.history.push(EpochReport {
            epoch: epoch as u32 + 1,
            epochs: recipe.epochs,
            loss: f64::from_bits(loss),
            train_correct: train as usize,
            train_images: counts[0],
            test_correct: test as usize,
            test_images: counts[1],
            seconds_left: f64::NAN,
        });
    }
    let parameters = state.network.nodes.iter_mut().flat_map(|n| n.layer.parameters_mut()).map(|(_, p)| p);
    let vectors: Vec<&mut [f32]> = parameters.chain(state.moments.iter_mut().map(|m| &mut m[..])).collect();
    if word() != Some(vectors.len() as u64) {
        return Err(damaged());
    }
    for vector in vectors {
        let (len, after) = rest.split_first_chunk::<8>().ok_or_else(damaged)?;
        if u64::from_le_bytes(*len) != vector.len() as u64 || after.len() < 4 * vector.len() {
            return Err(damaged());
        }
        let (values, after) = after.split_at(4 * vector.len());
        rest = after;
        for (to, from) in vector.iter_mut().zip(values.chunks_exact(4)) {
            *to = f32::from_le_bytes([from[0], from[1], from[2], from[3]]);
        }
    }
    Ok(true)
}
