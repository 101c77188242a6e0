//! Data sets: images or rows of numbers, each with its class.
//!
//! Values are what the file holds (pixels 0 to 255); a network's own `[input]` section scales them.

mod cifar;
mod csv;
pub mod glyphs;
mod idx;
mod spec;
mod stream;

pub use spec::{DataSource, DataSpec, DataSplit, LabelColumn, NAMED_SETS, load};
pub use stream::{DATA_FOLDER_KNOB, data_folder};

use crate::{Error, Network, Shape, Tensor};
use std::ops::Range;

/// A data set in memory.
#[derive(Clone, Debug)]
pub struct DataSet {
    /// Name, as in results.
    pub name: String,
    /// Shape of one sample.
    pub shape: Shape,
    /// Number of classes; labels are below it.
    pub classes: usize,
    /// Class of each sample.
    pub labels: Vec<u16>,
    values: Values,
}

#[derive(Clone, Debug)]
enum Values {
    Bytes(Vec<u8>),
    Floats(Vec<f32>),
}

impl DataSet {
    /// A data set of bytes, sample after sample.
    ///
    /// # Errors
    /// Values, shape, labels and classes do not fit each other.
    pub fn from_bytes(
        name: impl Into<String>,
        shape: Shape,
        classes: usize,
        values: Vec<u8>,
        labels: Vec<u16>,
    ) -> Result<Self, Error> {
        Self::new(name.into(), shape, classes, Values::Bytes(values), labels)
    }

    /// A data set of floats, sample after sample.
    ///
    /// # Errors
    /// Values, shape, labels and classes do not fit each other, or a value is not finite.
    pub fn from_floats(
        name: impl Into<String>,
        shape: Shape,
        classes: usize,
        values: Vec<f32>,
        labels: Vec<u16>,
    ) -> Result<Self, Error> {
        let name = name.into();
        if let Some(i) = values.iter().position(|v| !v.is_finite()) {
            return Err(Error::request(format!("data set `{name}`: value {i} is {}", values[i])));
        }
        Self::new(name, shape, classes, Values::Floats(values), labels)
    }

    fn new(
        name: String,
        shape: Shape,
        classes: usize,
        values: Values,
        labels: Vec<u16>,
    ) -> Result<Self, Error> {
        let count = match &values {
            Values::Bytes(v) => v.len(),
            Values::Floats(v) => v.len(),
        };
        if shape.is_empty() || shape.len().checked_mul(labels.len()) != Some(count) {
            let n = labels.len();
            let problem = format!("data set `{name}`: {n} samples of {shape} need other than {count} values");
            return Err(Error::request(problem));
        }
        if let Some(i) = labels.iter().position(|&l| usize::from(l) >= classes) {
            let label = labels[i];
            let problem =
                format!("data set `{name}`: label {label} of sample {i} is not below {classes} classes");
            return Err(Error::request(problem));
        }
        Ok(Self { name, shape, classes, labels, values })
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Bytes that it takes in memory.
    pub fn bytes(&self) -> usize {
        let values = match &self.values {
            Values::Bytes(v) => v.len(),
            Values::Floats(v) => size_of::<f32>() * v.len(),
        };
        values + size_of::<u16>() * self.labels.len()
    }

    /// Samples as a tensor, with the values the file holds.
    ///
    /// # Panics
    /// `range.end <= self.len()`.
    pub fn batch(&self, range: Range<usize>) -> Tensor {
        let n = self.shape.len();
        let span = range.start * n..range.end * n;
        let data = match &self.values {
            Values::Bytes(v) => v[span].iter().map(|&b| f32::from(b)).collect(),
            Values::Floats(v) => v[span].to_vec(),
        };
        Tensor::new(range.len(), self.shape.clone(), data)
    }

    /// Samples in the given order (a shuffled training batch), with the values the file holds.
    ///
    /// # Panics
    /// Every index is below `self.len()`.
    pub fn gather(&self, indices: &[usize]) -> Tensor {
        let n = self.shape.len();
        let mut data = Vec::with_capacity(indices.len() * n);
        for &i in indices {
            match &self.values {
                Values::Bytes(v) => data.extend(v[i * n..(i + 1) * n].iter().map(|&b| f32::from(b))),
                Values::Floats(v) => data.extend_from_slice(&v[i * n..(i + 1) * n]),
            }
        }
        Tensor::new(indices.len(), self.shape.clone(), data)
    }

    /// All samples.
    pub fn all(&self) -> DataSetView<'_> {
        DataSetView { set: self, range: 0..self.len() }
    }

    /// The first samples, or all if there are fewer.
    pub fn first(&self, count: usize) -> DataSetView<'_> {
        DataSetView { set: self, range: 0..count.min(self.len()) }
    }

    /// A run of samples.
    ///
    /// # Panics
    /// `range.end <= self.len()`.
    pub fn view(&self, range: Range<usize>) -> DataSetView<'_> {
        assert!(range.start <= range.end && range.end <= self.len(), "{range:?} of {} samples", self.len());
        DataSetView { set: self, range }
    }

    /// Keeps only a run of samples: from `first` on, at most `limit`.
    fn cut(&mut self, first: usize, limit: usize) {
        let n = self.shape.len();
        let first = first.min(self.len());
        let last = first.saturating_add(limit).min(self.len());
        self.labels.truncate(last);
        self.labels.drain(..first);
        match &mut self.values {
            Values::Bytes(v) => {
                v.truncate(last * n);
                v.drain(..first * n);
            }
            Values::Floats(v) => {
                v.truncate(last * n);
                v.drain(..first * n);
            }
        }
    }
}

/// A run of samples of a data set.
#[derive(Clone, Debug)]
pub struct DataSetView<'a> {
    set: &'a DataSet,
    range: Range<usize>,
}

impl<'a> DataSetView<'a> {
    /// Number of samples.
    pub fn len(&self) -> usize {
        self.range.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// The data set.
    pub fn set(&self) -> &'a DataSet {
        self.set
    }

    /// Class of each sample.
    pub fn labels(&self) -> &'a [u16] {
        &self.set.labels[self.range.clone()]
    }

    /// Samples of the run, counted from its start.
    ///
    /// # Panics
    /// `range.end <= self.len()`.
    pub fn batch(&self, range: Range<usize>) -> Tensor {
        assert!(range.end <= self.len(), "{range:?} of {} samples", self.len());
        self.set.batch(self.range.start + range.start..self.range.start + range.end)
    }

    /// The whole run in batches of at most `size` samples.
    pub fn batches(&self, size: usize) -> impl Iterator<Item = Tensor> + '_ {
        let size = size.max(1);
        (0..self.len()).step_by(size).map(move |start| self.batch(start..(start + size).min(self.len())))
    }

    /// Whether the network can be run on these samples.
    ///
    /// # Errors
    /// Another input shape, or a label beyond the network's outputs.
    pub fn fits(&self, network: &Network) -> Result<(), Error> {
        let DataSet { name, shape, .. } = self.set;
        if *shape != network.input {
            let (network, input) = (&network.name, &network.input);
            let problem =
                format!("data set `{name}` has samples of {shape}, network `{network}` takes {input}");
            return Err(Error::request(problem));
        }
        let outputs = network.nodes.last().map_or(0, |n| n.shape.len());
        if let Some(label) = self.labels().iter().find(|l| usize::from(**l) >= outputs) {
            let network = &network.name;
            let problem =
                format!("data set `{name}` has label {label}, network `{network}` has {outputs} outputs");
            return Err(Error::request(problem));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_count_from_their_start() {
        let set =
            DataSet::from_bytes("s", Shape(vec![2]), 9, (0..10).collect(), vec![5, 6, 7, 8, 0]).unwrap();
        let view = set.view(1..4);
        assert_eq!((view.len(), view.labels()), (3, &[6u16, 7, 8][..]));
        assert_eq!(view.batch(1..3).data, [4.0, 5.0, 6.0, 7.0]);
        let batches: Vec<usize> = view.batches(2).map(|b| b.batch).collect();
        assert_eq!(batches, [2, 1]);
        assert_eq!(set.gather(&[4, 0]).data, [8.0, 9.0, 0.0, 1.0]);
        let mut cut = set.clone();
        cut.cut(3, 100);
        assert_eq!((cut.len(), cut.labels.clone(), cut.batch(0..1).data), (2, vec![8, 0], vec![6.0, 7.0]));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(DataSet::from_bytes("s", Shape(vec![2]), 2, vec![0; 3], vec![0]).is_err());
        let e = DataSet::from_bytes("s", Shape(vec![2]), 2, vec![0; 4], vec![0, 2]).unwrap_err();
        assert_eq!(e.to_string(), "data set `s`: label 2 of sample 1 is not below 2 classes");
        assert!(DataSet::from_floats("s", Shape(vec![1]), 1, vec![f32::NAN], vec![0]).is_err());
    }
}
