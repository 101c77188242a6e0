//! Named tensors from a `.safetensors` file.

use super::onnx::{widen_bf16, widen_f16};
use super::section::Tensors;
use crate::Error;
use ::safetensors::{Dtype, SafeTensors};
use std::path::Path;

/// The tensors of a file. Those that do not hold floats are kept by name only.
pub(super) fn read(path: &Path, bytes: &[u8]) -> Result<Tensors, Error> {
    let file = SafeTensors::deserialize(bytes)
        .map_err(|e| Error::file(path, format!("is no safetensors file, or is cut off or damaged: {e}")))?;
    let mut tensors = Tensors::default();
    for (name, view) in file.iter() {
        let data = view.data();
        let two =
            |f: fn(u16) -> f32| data.chunks_exact(2).map(|b| f(u16::from_le_bytes([b[0], b[1]]))).collect();
        let values = match view.dtype() {
            Dtype::F32 => {
                Ok(data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
            }
            Dtype::F64 => {
                let wide =
                    |b: &[u8]| f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]) as f32;
                Ok(data.chunks_exact(8).map(wide).collect())
            }
            Dtype::F16 => Ok(two(widen_f16)),
            Dtype::BF16 => Ok(two(widen_bf16)),
            other => Err(format!("{other:?}")),
        };
        tensors.insert(name.to_owned(), view.shape().to_vec(), values);
    }
    Ok(tensors)
}
