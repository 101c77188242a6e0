//! CIFAR-10 binary records: a label byte, then 32 x 32 red, green and blue bytes.

use super::DataSet;
use super::stream::Stream;
use crate::{Error, Shape};
use std::path::PathBuf;

const PIXELS: usize = 3 * 32 * 32;
const RECORD: usize = 1 + PIXELS;
const CLASSES: usize = 10;

/// Reads record files, one after the other, until there are `enough` records.
pub(super) fn read(name: &str, files: &[PathBuf], enough: usize) -> Result<DataSet, Error> {
    let (mut values, mut labels) = (Vec::new(), Vec::new());
    for path in files {
        if labels.len() >= enough {
            break;
        }
        let mut stream = Stream::open(path)?;
        let limit = 1 << 30;
        let wanted = enough.saturating_sub(labels.len()).saturating_mul(RECORD) as u64;
        let bytes = stream.read_up_to(wanted.min(limit + 1))?;
        if bytes.len() as u64 > limit {
            return Err(stream.problem("is larger than 1 GiB: no CIFAR-10 file"));
        }
        if bytes.is_empty() || bytes.len() % RECORD != 0 {
            let (whole, rest) = (bytes.len() / RECORD, bytes.len() % RECORD);
            let problem =
                format!("must hold whole records of {RECORD} bytes, holds {whole} and {rest} bytes more");
            return Err(stream.problem(problem));
        }
        for (i, record) in bytes.chunks_exact(RECORD).enumerate() {
            if usize::from(record[0]) >= CLASSES {
                let problem = format!("label {} of record {i} is not below {CLASSES} classes", record[0]);
                return Err(stream.problem(problem));
            }
            labels.push(u16::from(record[0]));
            values.extend_from_slice(&record[1..]);
        }
    }
    DataSet::from_bytes(name, Shape(vec![3, 32, 32]), CLASSES, values, labels)
}
