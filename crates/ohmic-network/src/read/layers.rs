//! The `[[layer]]` list of a TOML file: the same in `model.toml` and in a training recipe.

use super::section::{Document, Section, Tensors};
use crate::error::suggest;
use crate::layer::KINDS;
use crate::{Error, LayerId, Node, Shape, Source};
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The network's input, as layers name it.
const INPUT: &str = "input";

/// The layers of a file that has no weights: all parameters are zero, to be set by a trainer.
/// `text` is the whole file, of which only the `[[layer]]` sections are read.
///
/// # Errors
/// Not TOML, no layer, an unknown kind or key, a shape that does not fit.
pub fn fresh_layers(path: &Path, text: &str, input: &Shape) -> Result<Vec<Node>, Error> {
    let document = Document { path, text };
    let table = DeTable::parse(text).map_err(|e| {
        let place = document.place(e.span().map_or(0, |s| s.start));
        Error::Key { place, problem: e.message().to_owned() }
    })?;
    layers(document, table.get_ref(), input, Vec::new(), &mut Tensors::fresh())
}

/// The layers of the list under the key `layer`, in order. A layer takes the result of the one before
/// it, or of those that `inputs` names ("input" is the network's, after the layers of `start`).
pub(crate) fn layers(
    document: Document<'_>,
    table: &DeTable<'_>,
    input: &Shape,
    start: Vec<Node>,
    tensors: &mut Tensors,
) -> Result<Vec<Node>, Error> {
    let list = table.get("layer").and_then(|v| v.get_ref().as_array()).map_or(&[][..], |v| v);
    if list.is_empty() {
        return Err(Error::file(document.path, "has no layer; add a section [[layer]] with its `kind`"));
    }
    let given = start.len().checked_sub(1).map_or(Source::Input, |last| Source::Layer(LayerId(last as u32)));
    let mut nodes = start;
    for (i, entry) in list.iter().enumerate() {
        let node = layer(document, i, entry, input, given, &nodes, tensors)?;
        nodes.push(node);
    }
    Ok(nodes)
}

fn layer(
    document: Document<'_>,
    index: usize,
    entry: &Spanned<DeValue<'_>>,
    input: &Shape,
    given: Source,
    earlier: &[Node],
    tensors: &mut Tensors,
) -> Result<Node, Error> {
    let offset = entry.span().start;
    let DeValue::Table(table) = entry.get_ref() else {
        let place = format!("{}: layer[{index}]", document.place(offset));
        return Err(Error::Key { place, problem: "expected a section [[layer]]".into() });
    };
    let mut section = Section::new(document, format!("layer[{index}]"), table, offset);
    let kind_name = section.text("kind")?;
    let name = match section.optional_text("name")? {
        Some(name) => name.to_owned(),
        None => format!("{kind_name}{index}"),
    };
    if name == INPUT || earlier.iter().any(|n| n.name == name) {
        return Err(section.problem("name", format!("another layer is named `{name}`")));
    }
    let kind = KINDS.iter().find(|k| k.name == kind_name).ok_or_else(|| {
        let known: Vec<&str> = KINDS.iter().map(|k| k.name).collect();
        section.problem("kind", format!("no layer kind `{kind_name}`{}", suggest(kind_name, &known)))
    })?;
    let sources = match section.optional_texts("inputs")? {
        None if index == 0 => vec![given],
        None => vec![Source::Layer(LayerId(earlier.len() as u32 - 1))],
        Some(names) => names
            .into_iter()
            .map(|wanted| match earlier.iter().position(|n| n.name == wanted) {
                _ if wanted == INPUT => Ok(given),
                Some(i) => Ok(Source::Layer(LayerId(i as u32))),
                None => {
                    let known: Vec<&str> =
                        [INPUT].into_iter().chain(earlier.iter().map(|n| n.name.as_str())).collect();
                    let problem = format!("no earlier layer `{wanted}`{}", suggest(wanted, &known));
                    Err(section.problem("inputs", problem))
                }
            })
            .collect::<Result<_, _>>()?,
    };
    let shapes: Vec<&Shape> = sources
        .iter()
        .map(|source| match source {
            Source::Input => input,
            Source::Layer(id) => &earlier[id.0 as usize].shape,
        })
        .collect();
    let mut section = section.for_layer(&shapes, tensors);
    let placed = |section: &Section<'_>, error| match error {
        Error::Shape { .. } => section.problem("", error.in_layer(&name)),
        other => other,
    };
    let layer = (kind.from_toml)(&mut section).map_err(|e| placed(&section, e))?;
    section.finish()?;
    let shape = layer.out_shape(&shapes).map_err(|e| placed(&section, e))?;
    // checked again by `Network::from_nodes`; here so that no later layer is made of an impossible shape
    if shape.checked_len().is_none_or(|n| n == 0) {
        return Err(section.problem("", format!("a result of {shape} a sample is not possible")));
    }
    let mut node = Node::new(name, layer, sources);
    node.shape = shape;
    Ok(node)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Node>, String> {
        fresh_layers(Path::new("recipe.toml"), text, &Shape(vec![1, 8, 8])).map_err(|e| e.to_string())
    }

    #[test]
    fn shapes_follow_from_layer_to_layer() {
        let nodes = read(
            "[[layer]]\nname = 'conv1'\nkind = 'conv2d'\noutputs = 3\nkernel = 5\npadding = 2\n\
             [[layer]]\nkind = 'relu'\n[[layer]]\nkind = 'max_pool'\nkernel = 2\nstride = 2\n\
             [[layer]]\nkind = 'flatten'\n[[layer]]\nname = 'fc'\nkind = 'linear'\noutputs = 10\n",
        )
        .unwrap();
        // padding 2 keeps 8 x 8; the pool halves it to 3 x 4 x 4 = 48
        assert_eq!(nodes[2].shape, Shape(vec![3, 4, 4]));
        assert_eq!(nodes[1].name, "relu1");
        let sizes: Vec<usize> = nodes[4].layer.parameters().iter().map(|(_, p)| p.len()).collect();
        assert_eq!(sizes, [480, 10]);
    }

    #[test]
    fn wrong_layers_are_placed() {
        for (text, want) in [
            ("a = ", "recipe.toml:1:"),
            ("", "has no layer"),
            (
                "[[layer]]\nkind = 'convd'",
                "recipe.toml:2:8: layer[0].kind: no layer kind `convd`; did you mean `conv2d`?",
            ),
            ("[[layer]]\nkind = 'flatten'\nstride = 2", "recipe.toml:3:10: layer[0].stride: unknown key"),
            ("[[layer]]\nkind = 'flatten'\n[[layer]]\nkind = 'linear'", "layer[1].outputs: is missing"),
            (
                "[[layer]]\nkind = 'linear'\noutputs = 3",
                "layer `linear0` (linear): needs 64 inputs, got 1x8x8; put a `flatten` before it",
            ),
            ("[[layer]]\nkind = 'add'\ninputs = ['inptu', 'input']", "did you mean `input`?"),
        ] {
            match read(text) {
                Ok(_) => panic!("read: {text}"),
                Err(e) => assert!(e.contains(want), "{text}: {e}"),
            }
        }
    }
}
