//! One node of an ONNX graph as a layer sees it: attributes and inputs, checked as they are asked for.

use crate::gather::Window;
use crate::{Error, Shape};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// A tensor known when the file is read.
#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    /// Dimensions, outermost first; none for a single number.
    pub dims: Vec<usize>,
    /// Values, row-major.
    pub values: Values,
}

/// Values of a constant.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Weights and the like.
    Floats(Vec<f32>),
    /// Shapes, axes and the like.
    Integers(Vec<i64>),
}

/// Dimensions and values of stored floats.
pub type Floats<'a> = (&'a [usize], &'a [f32]);

/// One input of a node.
#[derive(Clone, Copy, Debug)]
pub enum Operand<'a> {
    /// The result of another node, or the network's input: shape of one sample.
    Activation(&'a Shape),
    /// Known when the file is read.
    Constant(&'a Constant),
    /// An optional input left out.
    Absent,
}

/// An attribute of a node.
#[derive(Clone, Debug)]
pub(crate) enum Attribute {
    /// A number.
    Float(f32),
    /// A whole number.
    Int(i64),
    /// A text.
    Text(String),
    /// A list of whole numbers.
    Ints(Vec<i64>),
    /// Anything else.
    Other,
}

/// One node of an ONNX graph.
#[derive(Debug)]
pub struct Operator<'a> {
    pub(crate) op: &'a str,
    pub(crate) opset: i64,
    pub(crate) attributes: &'a BTreeMap<String, Attribute>,
    pub(crate) operands: Vec<Operand<'a>>,
    pub(crate) asked: RefCell<Vec<String>>,
}

impl<'a> Operator<'a> {
    /// Name of the operator.
    pub fn op(&self) -> &'a str {
        self.op
    }

    /// Version of the operator set.
    pub fn opset(&self) -> i64 {
        self.opset
    }

    /// Number of inputs.
    pub fn inputs(&self) -> usize {
        self.operands.len()
    }

    /// An error that is about this node.
    pub fn problem(&self, problem: impl Into<String>) -> Error {
        Error::shape("", problem)
    }

    /// Declares attributes that make no difference here.
    pub fn ignore(&self, names: &[&str]) {
        self.asked.borrow_mut().extend(names.iter().map(|n| (*n).to_owned()));
    }

    /// The first attribute that nobody asked for.
    pub(crate) fn unknown_attribute(&self) -> Option<&'a str> {
        let asked = self.asked.borrow();
        self.attributes.keys().map(String::as_str).find(|name| !asked.iter().any(|a| a == name))
    }

    fn attribute(&self, name: &str) -> Option<&'a Attribute> {
        self.asked.borrow_mut().push(name.to_owned());
        self.attributes.get(name)
    }

    /// A whole-number attribute, or its default.
    pub fn int(&self, name: &str, default: i64) -> Result<i64, Error> {
        match self.attribute(name) {
            None => Ok(default),
            Some(Attribute::Int(v)) => Ok(*v),
            Some(_) => Err(self.problem(format!("attribute {name} is not a whole number"))),
        }
    }

    /// A whole-number attribute above 0, or its default.
    pub fn count(&self, name: &str, default: usize) -> Result<usize, Error> {
        match usize::try_from(self.int(name, default as i64)?) {
            Ok(v) if v > 0 => Ok(v),
            _ => Err(self.problem(format!("attribute {name} must be above 0"))),
        }
    }

    /// A number attribute, or its default.
    pub fn float(&self, name: &str, default: f32) -> Result<f32, Error> {
        match self.attribute(name) {
            None => Ok(default),
            Some(Attribute::Float(v)) => Ok(*v),
            Some(_) => Err(self.problem(format!("attribute {name} is not a number"))),
        }
    }

    /// A text attribute, or its default.
    pub fn text<'s>(&'s self, name: &str, default: &'s str) -> Result<&'s str, Error> {
        match self.attribute(name) {
            None => Ok(default),
            Some(Attribute::Text(v)) => Ok(v),
            Some(_) => Err(self.problem(format!("attribute {name} is not a text"))),
        }
    }

    /// A list attribute, if it is there.
    pub fn ints(&self, name: &str) -> Result<Option<&'a [i64]>, Error> {
        match self.attribute(name) {
            None => Ok(None),
            Some(Attribute::Ints(v)) => Ok(Some(v)),
            Some(_) => Err(self.problem(format!("attribute {name} is not a list of whole numbers"))),
        }
    }

    fn operand(&self, index: usize) -> Operand<'a> {
        self.operands.get(index).copied().unwrap_or(Operand::Absent)
    }

    /// Whether an input is the result of another node.
    pub fn is_activation(&self, index: usize) -> bool {
        matches!(self.operand(index), Operand::Activation(_))
    }

    /// Shape of one sample of an input that must be the result of another node.
    pub fn activation(&self, index: usize) -> Result<&'a Shape, Error> {
        match self.operand(index) {
            Operand::Activation(shape) => Ok(shape),
            Operand::Constant(_) => Err(self.problem(format!("its input {index} is a constant"))),
            Operand::Absent => Err(self.problem(format!("its input {index} is missing"))),
        }
    }

    /// Dimensions and values of an input that must be stored numbers.
    pub fn floats(&self, index: usize) -> Result<Floats<'a>, Error> {
        self.optional_floats(index)?.ok_or_else(|| self.problem(format!("its input {index} is missing")))
    }

    /// The same for an input that may be absent.
    pub fn optional_floats(&self, index: usize) -> Result<Option<Floats<'a>>, Error> {
        match self.operand(index) {
            Operand::Absent => Ok(None),
            Operand::Constant(Constant { dims, values: Values::Floats(v) }) => Ok(Some((dims, v))),
            Operand::Constant(_) => Err(self.problem(format!("its input {index} holds whole numbers"))),
            Operand::Activation(_) => {
                Err(self.problem(format!("its input {index} is computed; stored values are needed")))
            }
        }
    }

    /// Whole numbers that are an input in newer operator sets and an attribute in older ones.
    pub fn integers_or_attribute(&self, index: usize, attribute: &str) -> Result<Vec<i64>, Error> {
        self.optional_integers(index, attribute)?
            .ok_or_else(|| self.problem(format!("{attribute} is missing")))
    }

    pub(crate) fn optional_integers(&self, index: usize, attribute: &str) -> Result<Option<Vec<i64>>, Error> {
        if let Some(list) = self.ints(attribute)? {
            return Ok(Some(list.to_vec()));
        }
        match self.operand(index) {
            Operand::Absent => Ok(None),
            Operand::Constant(Constant { values: Values::Integers(v), .. }) => Ok(Some(v.clone())),
            _ => Err(self.problem(format!("its input {index} ({attribute}) must be constant whole numbers"))),
        }
    }

    /// `axes` (attribute or input `index`), counted from 0 = batch.
    pub fn axes(&self, index: usize) -> Result<Option<Vec<usize>>, Error> {
        let rank = self.activation(0)?.0.len() as i64 + 1;
        let Some(axes) = self.optional_integers(index, "axes")? else { return Ok(None) };
        let count = |a: i64| if a < 0 { a + rank } else { a };
        axes.iter()
            .map(|&a| match count(a) {
                axis if (0..rank).contains(&axis) => Ok(axis as usize),
                _ => Err(self.problem(format!("axis {a} does not exist"))),
            })
            .collect::<Result<Vec<_>, _>>()
            .map(Some)
    }

    fn pair(&self, name: &str) -> Result<Option<[usize; 2]>, Error> {
        match self.ints(name)? {
            None => Ok(None),
            Some(&[v, h]) if v > 0 && h > 0 => Ok(Some([v as usize, h as usize])),
            Some(other) => Err(self.problem(format!("{name} {other:?}: two numbers above 0 are needed"))),
        }
    }

    /// The window of a convolution or pooling, one group. `kernel` is what the weights say.
    pub fn window(
        &self,
        channels: usize,
        size: [usize; 2],
        kernel: Option<[usize; 2]>,
    ) -> Result<Window, Error> {
        let declared = self.pair("kernel_shape")?;
        let kernel = match (kernel, declared) {
            (Some(k), Some(d)) if k != d => {
                return Err(self.problem(format!("kernel_shape {d:?} differs from the weights' {k:?}")));
            }
            (Some(k), _) | (None, Some(k)) => k,
            (None, None) => return Err(self.problem("kernel_shape is missing")),
        };
        let stride = self.pair("strides")?.unwrap_or([1, 1]);
        let dilation = self.pair("dilations")?.unwrap_or([1, 1]);
        let pads = match self.ints("pads")? {
            None => [0; 4],
            Some(&[a, b, c, d]) if [a, b, c, d].iter().all(|&p| p >= 0) => {
                [a, b, c, d].map(|p| usize::try_from(p).unwrap_or(usize::MAX))
            }
            Some(other) => {
                return Err(self.problem(format!("pads {other:?}: four numbers from 0 up are needed")));
            }
        };
        let padding = match self.text("auto_pad", "NOTSET")? {
            "NOTSET" | "" => pads,
            "VALID" => [0; 4],
            same @ ("SAME_UPPER" | "SAME_LOWER") => {
                let mut padding = [0; 4];
                for d in 0..2 {
                    // as many as make ceil(size / stride) results; an odd one goes to the named side
                    let reach = (kernel[d].max(1) - 1).saturating_mul(dilation[d]).saturating_add(1);
                    let covered = (size[d].div_ceil(stride[d]).max(1) - 1).saturating_mul(stride[d]);
                    let total = covered.saturating_add(reach).saturating_sub(size[d]);
                    let (less, more) = (total / 2, total - total / 2);
                    (padding[d], padding[d + 2]) =
                        if same == "SAME_UPPER" { (less, more) } else { (more, less) };
                }
                padding
            }
            other => return Err(self.problem(format!("auto_pad `{other}` is not known"))),
        };
        Ok(Window { channels, size, kernel, stride, padding, dilation, groups: 1 })
    }
}
