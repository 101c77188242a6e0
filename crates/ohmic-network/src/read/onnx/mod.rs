//! ONNX files: the graph decoded with `prost`, constants folded, each node handed to the layer that reads it.
//!
//! Operator sets 7 to 21. Everything that cannot be read is listed in one error with its node's name.

mod constant;
mod messages;
mod operator;

pub(crate) use constant::{widen_bf16, widen_f16};
pub(crate) use operator::Attribute;
pub use operator::{Constant, Floats, Operand, Operator, Values};

use crate::layer::{KINDS, Layer};
use crate::network::{LayerId, Node, Source};
use crate::{Error, Shape};
use messages::{GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto};
use prost::Message;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Operator sets that are read.
const OPSETS: std::ops::RangeInclusive<i64> = 7..=21;

/// The network of an ONNX file: the shape of its input and its layers.
pub(super) fn read(path: &Path, bytes: &[u8]) -> Result<(Shape, Vec<Node>), Error> {
    let model = ModelProto::decode(bytes)
        .map_err(|e| Error::file(path, format!("is no ONNX file, or is cut off or damaged: {e}")))?;
    let main = |domain: &str| domain.is_empty() || domain == "ai.onnx";
    let opset = model.opset_import.iter().find(|o| main(&o.domain)).map(|o| o.version);
    let Some(graph) = model.graph else {
        return Err(Error::file(path, "is no ONNX file: it holds no graph"));
    };
    let (low, high) = (OPSETS.start(), OPSETS.end());
    let Some(opset) = opset.filter(|v| OPSETS.contains(v)) else {
        let found = opset.map_or("none".to_owned(), |v| v.to_string());
        let problem =
            format!("needs operator set {found}; {low} to {high} are read: export it with one of those");
        return Err(Error::file(path, problem));
    };
    Reader::new(path, opset, &graph)?.read(&graph)
}

/// What a name in the graph stands for.
#[derive(Debug)]
enum Value {
    Input,
    Layer(usize),
    Constant(Constant),
    /// A stored tensor that cannot be read: why.
    Unreadable(String),
    /// The result of a node that could not be read.
    Unknown,
}

struct Reader<'a> {
    path: &'a Path,
    opset: i64,
    input: Shape,
    values: BTreeMap<&'a str, Value>,
    /// Names that some node or the graph's output uses.
    used: BTreeSet<&'a str>,
    nodes: Vec<Node>,
    refused: Vec<String>,
}

impl<'a> Reader<'a> {
    fn new(path: &'a Path, opset: i64, graph: &'a GraphProto) -> Result<Self, Error> {
        let mut values = BTreeMap::new();
        for tensor in &graph.initializer {
            values.insert(tensor.name.as_str(), stored(tensor));
        }
        // old files list their initialisers among the inputs
        let inputs: Vec<&ValueInfoProto> =
            graph.input.iter().filter(|i| !values.contains_key(i.name.as_str())).collect();
        let [input] = inputs[..] else {
            let names: Vec<&str> = inputs.iter().map(|i| i.name.as_str()).collect();
            return Err(Error::file(path, format!("must have one input, has {}: {names:?}", names.len())));
        };
        values.insert(input.name.as_str(), Value::Input);
        let used = graph.node.iter().flat_map(|n| &n.input).chain(graph.output.iter().map(|o| &o.name));
        let used = used.map(String::as_str).collect();
        let input = sample_shape(input).map_err(|e| Error::file(path, e))?;
        Ok(Self { path, opset, input, values, used, nodes: Vec::new(), refused: Vec::new() })
    }

    fn read(mut self, graph: &'a GraphProto) -> Result<(Shape, Vec<Node>), Error> {
        for node in &graph.node {
            let value = self.node(node);
            let mut outputs = node.output.iter().map(String::as_str);
            let Some(first) = outputs.next() else { continue };
            let value = value.unwrap_or_else(|problem| {
                let name = if node.name.is_empty() { first } else { &node.name };
                let colon = if problem.is_empty() { "" } else { ": " };
                self.refused.push(format!("{} `{name}`{colon}{problem}", node.op_type));
                Value::Unknown
            });
            if self.values.insert(first, value).is_some() {
                return Err(Error::file(self.path, format!("two nodes make the result `{first}`")));
            }
            for other in outputs.filter(|o| !o.is_empty()) {
                if self.used.contains(other) {
                    let name = &node.name;
                    self.refused.push(format!("{} `{name}`: its result `{other}` is used", node.op_type));
                    self.values.insert(other, Value::Unknown);
                }
            }
        }
        if !self.refused.is_empty() {
            let mut supported: Vec<&str> = KINDS.iter().flat_map(|k| k.onnx_ops).copied().collect();
            supported.extend(constant::FOLDED);
            supported.sort_unstable();
            supported.dedup();
            let supported = supported.join(", ");
            return Err(Error::Unsupported {
                path: self.path.to_owned(),
                operators: self.refused,
                supported,
            });
        }
        let [output] = &graph.output[..] else {
            let names: Vec<&str> = graph.output.iter().map(|o| o.name.as_str()).collect();
            return Err(Error::file(
                self.path,
                format!("must have one output, has {}: {names:?}", names.len()),
            ));
        };
        match self.values.get(output.name.as_str()) {
            Some(Value::Layer(last)) => Ok((self.input, needed(self.nodes, *last))),
            _ => Err(Error::file(
                self.path,
                format!("its output `{}` is not computed by a layer", output.name),
            )),
        }
    }

    /// What a node's first result is, or why it cannot be read (empty: the operator is not known).
    fn node(&mut self, node: &'a NodeProto) -> Result<Value, String> {
        let known =
            |op: &str| constant::FOLDED.contains(&op) || KINDS.iter().any(|k| k.onnx_ops.contains(&op));
        if !(node.domain.is_empty() || node.domain == "ai.onnx") {
            return Err(format!("operators of the domain `{}` are not read", node.domain));
        }
        let op = node.op_type.as_str();
        if !known(op) {
            return Err(String::new());
        }
        if op == "Constant" {
            return constant_node(node);
        }
        let mut operands = Vec::with_capacity(node.input.len());
        let mut sources = Vec::new();
        for name in &node.input {
            operands.push(match self.values.get(name.as_str()) {
                None if name.is_empty() => Operand::Absent,
                None => return Err(format!("its input `{name}` is made by no earlier node")),
                Some(Value::Unknown) => return Ok(Value::Unknown),
                Some(Value::Unreadable(why)) => return Err(why.clone()),
                Some(Value::Constant(c)) => Operand::Constant(c),
                Some(Value::Input) => {
                    sources.push(Source::Input);
                    Operand::Activation(&self.input)
                }
                Some(Value::Layer(i)) => {
                    sources.push(Source::Layer(LayerId(*i as u32)));
                    Operand::Activation(&self.nodes[*i].shape)
                }
            });
        }
        let attributes = attributes(node);
        let asked = RefCell::new(Vec::new());
        let operator = Operator { op, opset: self.opset, attributes: &attributes, operands, asked };
        let strict = |operator: &Operator<'_>| match operator.unknown_attribute() {
            Some(name) => Err(format!("its attribute `{name}` is not read")),
            None => Ok(()),
        };
        if (sources.is_empty() || op == "Shape") && constant::FOLDED.contains(&op) {
            let constant = constant::fold(&operator).map_err(reason)?;
            strict(&operator)?;
            return Ok(Value::Constant(constant));
        }
        let layer = layer(&operator).map_err(reason)?;
        strict(&operator)?;
        let shapes: Vec<&Shape> = operator
            .operands
            .iter()
            .filter_map(|o| match o {
                Operand::Activation(shape) => Some(*shape),
                _ => None,
            })
            .collect();
        let shape = layer.out_shape(&shapes).map_err(reason)?;
        if shape.checked_len().is_none_or(|n| n == 0) {
            return Err(format!("a result of {shape} a sample is not possible (at most 2^26 values)"));
        }
        drop(operator);
        let mut name = if node.name.is_empty() { &node.output[0] } else { &node.name }.clone();
        while self.nodes.iter().any(|n| n.name == name) {
            name.push('_');
        }
        self.nodes.push(Node { name, layer, inputs: sources, shape });
        Ok(Value::Layer(self.nodes.len() - 1))
    }
}

/// The layer that reads a node.
fn layer(operator: &Operator<'_>) -> Result<Box<dyn Layer>, Error> {
    for kind in KINDS.iter().filter(|k| k.onnx_ops.contains(&operator.op())) {
        if let Some(layer) = (kind.from_onnx)(operator)? {
            return Ok(layer);
        }
    }
    Err(operator.problem("this form of it is not read"))
}

/// What is wrong, without the layer, which the list of nodes names.
fn reason(error: Error) -> String {
    match error {
        Error::Shape { problem, .. } => problem,
        other => other.to_string(),
    }
}

fn stored(tensor: &TensorProto) -> Value {
    constant::decode(tensor).map_or_else(Value::Unreadable, Value::Constant)
}

fn constant_node(node: &NodeProto) -> Result<Value, String> {
    let [attribute] = &node.attribute[..] else {
        return Err("must have one attribute".to_owned());
    };
    let integers = |dims, v: Vec<i64>| Constant { dims, values: Values::Integers(v) };
    let floats = |dims, v: Vec<f32>| Constant { dims, values: Values::Floats(v) };
    match (attribute.name.as_str(), &attribute.t) {
        ("value", Some(tensor)) => Ok(stored(tensor)),
        ("value_int", _) => Ok(Value::Constant(integers(vec![], vec![attribute.i]))),
        ("value_float", _) => Ok(Value::Constant(floats(vec![], vec![attribute.f]))),
        ("value_ints", _) => {
            Ok(Value::Constant(integers(vec![attribute.ints.len()], attribute.ints.clone())))
        }
        ("value_floats", _) => {
            Ok(Value::Constant(floats(vec![attribute.floats.len()], attribute.floats.clone())))
        }
        (other, _) => Err(format!("attribute `{other}` is not read")),
    }
}

/// Attributes by name. Types of `onnx.proto`: 1 float, 2 int, 3 text, 7 ints.
fn attributes(node: &NodeProto) -> BTreeMap<String, Attribute> {
    let value = |a: &messages::AttributeProto| match a.r#type {
        1 => Attribute::Float(a.f),
        2 => Attribute::Int(a.i),
        3 => Attribute::Text(String::from_utf8_lossy(&a.s).into_owned()),
        7 => Attribute::Ints(a.ints.clone()),
        _ => Attribute::Other,
    };
    node.attribute.iter().map(|a| (a.name.clone(), value(a))).collect()
}

/// The shape of one sample of the graph's input: its dimensions without the first.
fn sample_shape(input: &ValueInfoProto) -> Result<Shape, String> {
    let name = &input.name;
    let tensor = input.r#type.as_ref().and_then(|t| t.tensor_type.as_ref());
    let Some(shape) = tensor.and_then(|t| t.shape.as_ref()) else {
        return Err(format!("its input `{name}` declares no shape"));
    };
    if !tensor.is_some_and(|t| matches!(t.elem_type, 1 | 10 | 11 | 16)) {
        return Err(format!("its input `{name}` does not hold floats"));
    }
    let dims: Option<Vec<usize>> = shape
        .dim
        .iter()
        .skip(1)
        .map(|d| d.dim_value.and_then(|v| usize::try_from(v).ok()).filter(|&v| v > 0))
        .collect();
    match dims.map(Shape) {
        Some(shape) if !shape.0.is_empty() && shape.checked_len().is_some() => Ok(shape),
        _ => Err(format!(
            "its input `{name}` must have a batch axis and then fixed sizes above 0; export it with a fixed input size"
        )),
    }
}

/// The nodes that node `last` needs, itself the last.
fn needed(nodes: Vec<Node>, last: usize) -> Vec<Node> {
    let mut wanted = vec![false; nodes.len()];
    wanted[last] = true;
    for i in (0..=last).rev() {
        if wanted[i] {
            for source in &nodes[i].inputs {
                if let Source::Layer(id) = source {
                    wanted[id.0 as usize] = true;
                }
            }
        }
    }
    let mut place = vec![0u32; nodes.len()];
    let mut kept = Vec::with_capacity(nodes.len());
    for (i, mut node) in nodes.into_iter().enumerate().filter(|(i, _)| wanted[*i]) {
        place[i] = kept.len() as u32;
        for source in &mut node.inputs {
            if let Source::Layer(id) = source {
                id.0 = place[id.0 as usize];
            }
        }
        kept.push(node);
    }
    kept
}

#[cfg(test)]
mod tests;
