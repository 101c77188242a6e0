//! Model folders, right and wrong.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // a test's helpers fail as the test does

use ohmic_network::layer::{Conv2d, KINDS, Linear};
use ohmic_network::read::ReferenceAccuracy;
use ohmic_network::reference::FloatEngine;
use ohmic_network::{
    LayerId, ModelInfo, Network, Node, Shape, Source, Tensor, gather::Window, load, load_model, save,
};
use std::path::Path;

fn info() -> ModelInfo {
    let reference = ReferenceAccuracy { accuracy: 0.5, images: 10, source: "drawn by lot".into() };
    ModelInfo {
        origin: "a test".into(),
        licence: "MIT".into(),
        test: Some("glyphs:test".into()),
        calibration: None,
        reference: Some(reference),
        training: "seed = 7\nrecipe = 'recipe.toml'".parse().unwrap(),
    }
}

fn small() -> Network {
    let window = Window {
        channels: 1,
        size: [4, 4],
        kernel: [3, 3],
        stride: [1, 1],
        padding: [1; 4],
        dilation: [1, 1],
        groups: 1,
    };
    let conv = Conv2d::new(window, 2, (0..18).map(|i| i as f32 / 7.0).collect(), vec![0.1, 0.2]).unwrap();
    let linear = Linear::new(32, 3, (0..96).map(|i| i as f32 / 31.0 - 1.0).collect(), vec![]).unwrap();
    let flatten = KINDS.iter().find(|k| k.name == "flatten").map(|k| (k.example)().layer).unwrap();
    let at = |i| vec![Source::Layer(LayerId(i))];
    let nodes = vec![
        Node::new("conv", Box::new(conv), vec![Source::Input]),
        Node::new("flat", flatten, at(0)),
        Node::new("fc", Box::new(linear), at(1)),
    ];
    Network::from_nodes("small", Shape(vec![1, 4, 4]), nodes).unwrap()
}

/// Every kind of layer, written and read again, is the same to the bit.
#[test]
fn every_kind_survives_writing() {
    for kind in KINDS {
        let example = (kind.example)();
        // several inputs: the network's, and that after `identity`
        let mut nodes = Vec::new();
        let mut sources = vec![Source::Input];
        let same_shape = example.inputs.windows(2).all(|w| w[0] == w[1]);
        if example.inputs.len() > 1 && same_shape {
            let identity = KINDS.iter().find(|k| k.name == "identity").map(|k| (k.example)().layer).unwrap();
            nodes.push(Node::new("first", identity, vec![Source::Input]));
            sources.push(Source::Layer(LayerId(0)));
        } else if example.inputs.len() > 1 {
            sources.push(Source::Input);
        }
        nodes.push(Node::new("it", example.layer, sources));
        let network = Network::from_nodes("one", example.inputs[0].clone(), nodes).unwrap();
        let folder = tempfile::tempdir().unwrap();
        save(&network, &info(), folder.path()).unwrap();
        let again = load_model(folder.path()).unwrap_or_else(|e| panic!("{}: {e}", kind.name));
        assert_eq!(again.info, info());
        assert_eq!(again.network.hash, network.hash, "{}", kind.name);
        let n = network.input.len();
        let x = Tensor::new(2, network.input.clone(), (0..2 * n).map(|i| (i % 7) as f32 - 3.0).collect());
        let answers = [&network, &again.network].map(|net| net.forward(&x, 0, &mut FloatEngine).unwrap());
        assert_eq!(answers[0], answers[1], "{}", kind.name);
    }
}

#[test]
fn hash_sees_weights_and_structure() {
    let hash = small().hash;
    assert_eq!(hash, small().hash);
    let mut other = small();
    other.nodes[2].layer.parameters_mut()[0].1[5] += 1.0;
    assert_eq!(other.hash, hash);
    other.rehash();
    assert_ne!(other.hash, hash);
}

/// The error of loading the small model after a change of its description.
fn error_of(change: impl Fn(String) -> String) -> String {
    let folder = tempfile::tempdir().unwrap();
    save(&small(), &info(), folder.path()).unwrap();
    let path = folder.path().join("model.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let changed = change(text.clone());
    assert_ne!(text, changed, "the change must change something");
    std::fs::write(&path, changed).unwrap();
    match load(folder.path()) {
        Ok(_) => panic!("was loaded"),
        Err(e) => e.to_string().replace(&folder.path().display().to_string(), "F"),
    }
}

#[test]
fn wrong_descriptions_are_explained() {
    let replaced = |from: &str, to: &str| {
        let (from, to) = (from.to_owned(), to.to_owned());
        error_of(move |text| text.replacen(&from, &to, 1))
    };
    for (from, to, wanted) in [
        (
            "kind = \"conv2d\"",
            "kind = \"conv3d\"",
            "layer[0].kind: no layer kind `conv3d`; did you mean `conv2d`",
        ),
        ("stride = [1, 1]", "strides = [1, 1]", "layer[0].strides: unknown key; did you mean `stride`"),
        (
            "outputs = 2",
            "outputs = 4",
            "tensor `conv.weight` has dimensions [2, 1, 3, 3], the layer needs [4, 1, 3, 3]",
        ),
        ("outputs = 2", "outputs = \"2\"", "layer[0].outputs: expected a whole number from 0 up, got string"),
        ("outputs = 2\n", "", "layer[0].outputs: is missing; expected a whole number above 0"),
        (
            "weight = \"conv.weight\"",
            "weight = \"conv.weights\"",
            "no tensor `conv.weights`; did you mean `conv.weight`",
        ),
        ("bias = \"conv.bias\"\n", "", "1 tensors of F/weights.safetensors are named by no layer: conv.bias"),
        ("name = \"fc\"", "name = \"conv\"", "another layer is named `conv`"),
        ("kind = \"flatten\"", "kind = \"flatten\"\ninputs = \"cnv\"", "expected a list of texts"),
        (
            "kind = \"flatten\"",
            "kind = \"flatten\"\ninputs = [\"cnv\"]",
            "no earlier layer `cnv`; did you mean `conv`",
        ),
        (
            "shape = [1, 4, 4]",
            "shape = [1, 4, 5]",
            "tensor `fc.weight` has dimensions [3, 32], the layer needs [3, 40]",
        ),
        ("shape = [1, 4, 4]", "shape = [1, 4000000000, 4000000000]", "must be 1 to 65536"),
        ("blake3 = \"", "blake3 = \"0", "has the hash"),
        (
            "test = \"glyphs:test\"",
            "test = \"glphs:test\"",
            "data.test: data set `glphs:test` is not known; did you mean `glyphs`",
        ),
        ("accuracy = 0.5", "accuracy = 50", "reference.accuracy: expected a fraction from 0 to 1, got 50"),
        ("origin = ", "orign = ", "model.origin: is missing"),
        ("[input]", "[input", "F/model.toml:"),
        (
            "file = \"weights.safetensors\"",
            "file = \"weight.safetensors\"",
            "cannot read F/weight.safetensors",
        ),
        (
            "padding = [1, 1, 1, 1]",
            "padding = [1, 1, 1]",
            "expected a whole number, [vertical, horizontal] or",
        ),
        ("kernel = [3, 3]", "kernel = [3, 0]", "kernel must be 1 to 65536"),
    ] {
        let error = replaced(from, to);
        assert!(error.contains(wanted), "{from} -> {to}\ngot      {error}\nexpected {wanted}");
    }
    let place = replaced("kind = \"conv2d\"", "kind = \"conv3d\"");
    let (file, rest) = place.split_once(".toml:").unwrap();
    assert_eq!(file, "F/model");
    assert!(rest.split(':').take(2).all(|n| n.parse::<usize>().is_ok()), "line and column in {place}");
}

#[test]
fn what_is_no_model_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = |path: &Path| load(path).unwrap_err().to_string();
    assert!(error(folder.path()).starts_with("cannot read "));
    assert!(error(&folder.path().join("none.onnx")).starts_with("cannot read "));
    assert!(error(Path::new("weights.safetensors")).contains("write a model.toml"));
    assert!(error(Path::new("model.pth")).contains("expected an .onnx file"));
    std::fs::write(folder.path().join("model.toml"), [0xff, 0xfe]).unwrap();
    assert!(error(folder.path()).contains("is no text"));
}

#[test]
fn normalisation_is_the_first_layer() {
    let folder = tempfile::tempdir().unwrap();
    save(&small(), &info(), folder.path()).unwrap();
    let path = folder.path().join("model.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text.replacen("[input]\n", "[input]\nscale = 0.5\nmean = [3]\ndeviation = 2\n", 1);
    std::fs::write(&path, text).unwrap();
    let network = load(folder.path()).unwrap();
    assert_eq!(network.nodes[0].layer.kind(), "scale");
    // (8 * 0.5 - 3) / 2 = 0.5
    let x = Tensor::new(1, Shape(vec![1, 4, 4]), vec![8.0; 16]);
    let direct = Tensor::new(1, Shape(vec![1, 4, 4]), vec![0.5; 16]);
    let a = network.forward(&x, 0, &mut FloatEngine).unwrap();
    let b = small().forward(&direct, 0, &mut FloatEngine).unwrap();
    assert_eq!(a, b);
}

/// Weights and descriptions cut or changed at every place: an error or a network, no panic.
#[test]
fn damaged_files_do_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    save(&small(), &info(), folder.path()).unwrap();
    let (weights, description) =
        (folder.path().join("weights.safetensors"), folder.path().join("model.toml"));
    let bytes = std::fs::read(&weights).unwrap();
    let text = std::fs::read_to_string(&description).unwrap();
    let hash = blake3_of(&text);
    let try_weights = |bytes: &[u8]| {
        std::fs::write(&weights, bytes).unwrap();
        // with the hash made right, so that the reader itself is tried
        let found = match load(folder.path()) {
            Err(e) => {
                e.to_string().split("has the hash ").nth(1).and_then(|s| s.get(..64)).map(str::to_owned)
            }
            Ok(_) => None,
        };
        if let Some(found) = found {
            std::fs::write(&description, text.replace(&hash, &found)).unwrap();
            let _ = load(folder.path());
            std::fs::write(&description, &text).unwrap();
        }
    };
    for part in 0..100 {
        try_weights(&bytes[..bytes.len() * part / 100]);
        let mut changed = bytes.clone();
        // the header is where the structure is
        changed[part * 3] ^= 1 << (part % 8);
        try_weights(&changed);
    }
    std::fs::write(&weights, &bytes).unwrap();
    for at in 0..text.len() {
        let mut changed = text.clone().into_bytes();
        changed[at] = [b'"', b'[', b'\n', b'9', 0xff][at % 5];
        std::fs::write(&description, &changed).unwrap();
        let _ = load(folder.path());
        if at % 10 == 0 {
            std::fs::write(&description, &text[..at]).unwrap();
            assert!(load(folder.path()).is_err());
        }
    }
}

fn blake3_of(description: &str) -> String {
    description.split("blake3 = \"").nth(1).and_then(|s| s.get(..64)).unwrap().to_owned()
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_written_is_an_error() {
    let error = save(&small(), &info(), Path::new("/proc/nowhere")).unwrap_err().to_string();
    assert!(error.starts_with("cannot create /proc/nowhere: "), "{error}");
    let _ = small().nodes[0].layer.kind();
}
