//! IDX files, as MNIST comes: a magic number, dimensions, then bytes; big-endian.

use super::DataSet;
use super::stream::Stream;
use crate::{Error, Shape};
use std::path::Path;

/// Reads an image file and its label file.
pub(super) fn read(
    name: &str,
    images: &Path,
    labels: &Path,
    classes: Option<usize>,
) -> Result<DataSet, Error> {
    let (image_dims, values) = read_array(images, 3, "images")?;
    let (label_dims, label_bytes) = read_array(labels, 1, "labels")?;
    if image_dims[0] != label_dims[0] {
        let (n, m) = (image_dims[0], label_dims[0]);
        return Err(Error::file(
            labels,
            format!("has {m} labels for the {n} images of {}", images.display()),
        ));
    }
    let classes = classes.unwrap_or_else(|| label_bytes.iter().max().map_or(1, |&l| usize::from(l) + 1));
    if let Some(i) = label_bytes.iter().position(|&l| usize::from(l) >= classes) {
        let label = label_bytes[i];
        return Err(Error::file(
            labels,
            format!("label {label} of image {i} is not below {classes} classes"),
        ));
    }
    let shape = Shape(vec![1, image_dims[1], image_dims[2]]);
    DataSet::from_bytes(name, shape, classes, values, label_bytes.into_iter().map(u16::from).collect())
}

/// The dimensions and bytes of an array of unsigned bytes with this many dimensions.
fn read_array(path: &Path, rank: usize, what: &str) -> Result<(Vec<usize>, Vec<u8>), Error> {
    let mut stream = Stream::open(path)?;
    let head = stream.read_up_to(4 + 4 * rank as u64)?;
    let wanted = [0, 0, 8, rank as u8];
    if head.len() < 4 || head[..4] != wanted {
        let found = head.iter().take(4).map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" ");
        let other = match (head.get(..4), rank) {
            (Some([0, 0, 8, 1]), 3) => "; this is a label file: are images and labels swapped?",
            (Some([0, 0, 8, 3]), 1) => "; this is an image file: are images and labels swapped?",
            _ => "",
        };
        let problem =
            format!("is no IDX file of {what}: expected magic 00 00 08 {rank:02x}, found {found}{other}");
        return Err(stream.problem(problem));
    }
    if head.len() < 4 + 4 * rank {
        return Err(stream.problem(format!("ends within its header, after {} bytes", head.len())));
    }
    let dims: Vec<usize> =
        head[4..].chunks_exact(4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]) as usize).collect();
    let len = dims.iter().try_fold(1u64, |n, &d| n.checked_mul(d as u64)).filter(|&n| n <= 1 << 32);
    let Some(len) = len else {
        return Err(stream.problem(format!("declares {dims:?} bytes, more than 4 GiB")));
    };
    if len == 0 {
        return Err(stream.problem(format!("holds no {what}: it declares {dims:?}")));
    }
    let bytes = stream.read_rest(len, &format!("{} {what}", dims[0]))?;
    Ok((dims, bytes))
}
