//! Graphs built here, read back; damaged ones refused.

use super::messages::*;
use super::*;
use crate::Tensor;
use crate::network::Network;
use crate::pass::fold_batch_norm;
use crate::reference::FloatEngine;

fn floats(name: &str, dims: &[i64], values: &[f32]) -> TensorProto {
    TensorProto {
        dims: dims.to_vec(),
        data_type: 1,
        float_data: values.to_vec(),
        name: name.into(),
        ..TensorProto::default()
    }
}

fn integers(name: &str, values: &[i64]) -> TensorProto {
    TensorProto {
        dims: vec![values.len() as i64],
        data_type: 7,
        int64_data: values.to_vec(),
        name: name.into(),
        ..TensorProto::default()
    }
}

fn node(op: &str, inputs: &[&str], output: &str, attribute: Vec<AttributeProto>) -> NodeProto {
    NodeProto {
        op_type: op.into(),
        name: format!("the_{output}"),
        input: inputs.iter().map(|s| (*s).into()).collect(),
        output: vec![output.into()],
        attribute,
        ..NodeProto::default()
    }
}

fn int(name: &str, i: i64) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: 2, i, ..AttributeProto::default() }
}

fn ints(name: &str, ints: &[i64]) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: 7, ints: ints.to_vec(), ..AttributeProto::default() }
}

fn text(name: &str, s: &str) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: 3, s: s.into(), ..AttributeProto::default() }
}

fn value(name: &str, dims: &[i64]) -> ValueInfoProto {
    let dim = dims.iter().map(|&d| Dim { dim_value: (d > 0).then_some(d), dim_param: None }).collect();
    let tensor_type = Some(TensorType { elem_type: 1, shape: Some(TensorShape { dim }) });
    ValueInfoProto { name: name.into(), r#type: Some(TypeProto { tensor_type }) }
}

/// A model whose last node makes the output. The input `x` has an open batch axis.
fn model(input: &[i64], opset: i64, node: Vec<NodeProto>, initializer: Vec<TensorProto>) -> ModelProto {
    let dims: Vec<i64> = [0].iter().chain(input).copied().collect();
    let output = vec![value(&node.last().unwrap().output[0], &[])];
    let graph = GraphProto { node, initializer, input: vec![value("x", &dims)], output };
    ModelProto {
        ir_version: 8,
        opset_import: vec![OperatorSetId { domain: String::new(), version: opset }],
        graph: Some(graph),
    }
}

fn load(model: &ModelProto) -> Result<Network, String> {
    let (input, nodes) = read(Path::new("m.onnx"), &model.encode_to_vec()).map_err(|e| e.to_string())?;
    let network = Network::from_nodes("m", input, nodes).map_err(|e| e.to_string())?;
    fold_batch_norm(network).map_err(|e| e.to_string())
}

/// The answer to one sample, and the kinds of the layers.
fn answer(model: &ModelProto, x: &[f32]) -> (Vec<f32>, Vec<&'static str>) {
    let network = load(model).unwrap_or_else(|e| panic!("{e}"));
    let x = Tensor::new(1, network.input.clone(), x.to_vec());
    let y = network.forward(&x, 0, &mut FloatEngine).unwrap();
    (y.data, network.nodes.iter().map(|n| n.layer.kind()).collect())
}

#[test]
fn product_and_bias_become_one_layer() {
    // x W + b with W = [1 2; 3 4] (k x n), b = (10, 20): (5, 6) -> (5 + 18 + 10, 10 + 24 + 20)
    let nodes = vec![node("MatMul", &["x", "w"], "p", vec![]), node("Add", &["p", "b"], "y", vec![])];
    let tensors = vec![floats("w", &[2, 2], &[1., 2., 3., 4.]), floats("b", &[2], &[10., 20.])];
    assert_eq!(answer(&model(&[2], 13, nodes, tensors), &[5., 6.]), (vec![33., 54.], vec!["linear"]));

    // Gemm with transB: W = [1 2; 3 4] (n x k), alpha 2, one bias for all: 2 (5 + 12) + 1, 2 (15 + 24) + 1
    let alpha = AttributeProto { name: "alpha".into(), r#type: 1, f: 2.0, ..AttributeProto::default() };
    let nodes = vec![node("Gemm", &["x", "w", "c"], "y", vec![int("transB", 1), alpha])];
    let tensors = vec![floats("w", &[2, 2], &[1., 2., 3., 4.]), floats("c", &[1], &[1.])];
    assert_eq!(answer(&model(&[2], 13, nodes, tensors), &[5., 6.]).0, [35., 79.]);
}

#[test]
fn weights_may_be_moved_before_use() {
    // a stored [2 4; 1 3] transposed is [2 1; 4 3]; (1, 10) times it (k x n) is (42, 31)
    let nodes = vec![
        node(
            "Constant",
            &[],
            "w",
            vec![AttributeProto {
                name: "value".into(),
                r#type: 4,
                t: Some(floats("", &[4], &[2., 4., 1., 3.])),
                ..AttributeProto::default()
            }],
        ),
        node("Reshape", &["w", "s"], "w2", vec![]),
        node("Transpose", &["w2"], "w3", vec![ints("perm", &[1, 0])]),
        node("Identity", &["w3"], "w4", vec![]),
        node("MatMul", &["x", "w4"], "y", vec![]),
    ];
    let model = model(&[2], 13, nodes, vec![integers("s", &[2, -1])]);
    assert_eq!(answer(&model, &[1., 10.]), (vec![42., 31.], vec!["linear"]));
}

#[test]
fn flatten_as_shape_arithmetic() {
    // what exporters write for x.view(x.size(0), -1)
    let nodes = vec![
        node("Shape", &["x"], "shape", vec![]),
        node("Gather", &["shape", "zero"], "batch", vec![int("axis", 0)]),
        node("Unsqueeze", &["batch"], "batch1", vec![ints("axes", &[0])]),
        node("Concat", &["batch1", "rest"], "target", vec![int("axis", 0)]),
        node("Reshape", &["x", "target"], "y", vec![]),
    ];
    let zero = TensorProto { dims: vec![], ..integers("zero", &[0]) };
    let network = load(&model(&[2, 1, 3], 11, nodes, vec![zero, integers("rest", &[-1])])).unwrap();
    assert_eq!(network.nodes[0].shape, Shape(vec![6]));
}

#[test]
fn same_padding_puts_the_odd_one_where_it_says() {
    // size 3, kernel 2, stride 1: one column of padding. 1 2 3 with weights (1, 10):
    // upper (after): 1 + 20, 2 + 30, 3; lower (before): 10, 1 + 20, 2 + 30
    for (mode, want) in [("SAME_UPPER", [21., 32., 3.]), ("SAME_LOWER", [10., 21., 32.])] {
        let nodes = vec![node("Conv", &["x", "w"], "y", vec![text("auto_pad", mode)])];
        let model = model(&[1, 1, 3], 8, nodes, vec![floats("w", &[1, 1, 1, 2], &[1., 10.])]);
        assert_eq!(answer(&model, &[1., 2., 3.]).0, want, "{mode}");
    }
}

#[test]
fn arithmetic_with_constants() {
    // per channel: ((x - (1, 2)) / (2, 4)) * 8 + 3 for x = 5 | 10: 2 * 8 + 3, 2 * 8 + 3; then 1 - that
    let channel = |name, values: &[f32]| floats(name, &[2, 1, 1], values);
    let nodes = vec![
        node("Sub", &["x", "mean"], "a", vec![]),
        node("Div", &["a", "deviation"], "b", vec![]),
        node("Mul", &["eight", "b"], "c", vec![]),
        node("Add", &["c", "three"], "d", vec![]),
        node("Sub", &["one", "d"], "y", vec![]),
    ];
    let tensors = vec![
        channel("mean", &[1., 2.]),
        channel("deviation", &[2., 4.]),
        floats("eight", &[], &[8.]),
        floats("three", &[1], &[3.]),
        floats("one", &[1, 1, 1, 1], &[1.]),
    ];
    assert_eq!(answer(&model(&[2, 1, 1], 13, nodes, tensors), &[5., 10.]).0, [-18., -18.]);
}

/// Nodes, stored tensors, operator set, and the answer to -1, 2, 3, -4.
type Case = (Vec<NodeProto>, Vec<TensorProto>, i64, Vec<f32>);

#[test]
fn every_other_operator() {
    let two = |op, inputs: &[&str], attributes| vec![node(op, inputs, "y", attributes)];
    let x = [-1.0, 2.0, 3.0, -4.0];
    let cases: Vec<Case> = vec![
        (two("Relu", &["x"], vec![]), vec![], 7, vec![0., 2., 3., 0.]),
        (two("LeakyRelu", &["x"], vec![]), vec![], 7, vec![-0.01, 2., 3., -0.04]),
        (
            two("Clip", &["x", "low", "high"], vec![]),
            vec![floats("low", &[], &[-2.]), floats("high", &[], &[2.5])],
            11,
            vec![-1., 2., 2.5, -2.],
        ),
        (two("MaxPool", &["x"], vec![ints("kernel_shape", &[2, 2])]), vec![], 8, vec![3.]),
        (two("AveragePool", &["x"], vec![ints("kernel_shape", &[1, 2])]), vec![], 7, vec![0.5, -0.5]),
        (two("GlobalAveragePool", &["x"], vec![]), vec![], 7, vec![0.]),
        (two("ReduceMean", &["x"], vec![ints("axes", &[-1, -2]), int("keepdims", 0)]), vec![], 13, vec![0.]),
        (two("ReduceMean", &["x", "axes"], vec![]), vec![integers("axes", &[2, 3])], 18, vec![0.]),
        (two("Flatten", &["x"], vec![]), vec![], 13, x.to_vec()),
        (two("Dropout", &["x"], vec![]), vec![], 13, x.to_vec()),
        (two("Add", &["x", "x"], vec![]), vec![], 13, vec![-2., 4., 6., -8.]),
        (
            two("Concat", &["x", "x"], vec![int("axis", -1)]),
            vec![],
            13,
            vec![-1., 2., -1., 2., 3., -4., 3., -4.],
        ),
        (
            two("Pad", &["x", "pads"], vec![]),
            vec![integers("pads", &[0, 0, 0, 1, 0, 0, 0, 0])],
            13,
            vec![0., -1., 2., 0., 3., -4.],
        ),
        (
            two("BatchNormalization", &["x", "a", "b", "m", "v"], vec![]),
            ["a", "b", "m", "v"].iter().zip([2., 1., 1., 4.]).map(|(n, v)| floats(n, &[1], &[v])).collect(),
            9,
            // 2 (x - 1) / 2 + 1 = x, up to epsilon
            x.to_vec(),
        ),
    ];
    for (nodes, tensors, opset, want) in cases {
        let op = nodes[0].op_type.clone();
        let (got, _) = answer(&model(&[1, 2, 2], opset, nodes, tensors), &x);
        assert_eq!(got.len(), want.len(), "{op}");
        let close = got.iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-4);
        assert!(close, "{op}: {got:?}, expected {want:?}");
    }
    for (op, want) in [("Sigmoid", 0.731_058_6), ("Tanh", 0.761_594_2)] {
        let (got, _) = answer(&model(&[1], 13, two(op, &["x"], vec![]), vec![]), &[1.0]);
        assert!((got[0] - want).abs() < 1e-6, "{op}");
    }
    let (got, _) = answer(&model(&[2], 13, two("Softmax", &["x"], vec![int("axis", 1)]), vec![]), &[0., 0.]);
    assert_eq!(got, [0.5, 0.5]);
}

#[test]
fn all_that_cannot_be_read_is_in_one_error() {
    let nodes = vec![
        node("Relu", &["x"], "a", vec![]),
        node("LSTM", &["a"], "b", vec![]),
        node("Foo", &["b"], "c", vec![]),
        node("MaxPool", &["x"], "d", vec![ints("kernel_shape", &[2, 2]), int("ceil_mode", 1)]),
        node("Relu", &["c"], "e", vec![]),
        node("Relu", &["x"], "y", vec![int("novel", 1)]),
    ];
    let error = load(&model(&[1, 4, 4], 13, nodes, vec![])).unwrap_err();
    assert!(error.starts_with("m.onnx: 4 nodes are not supported:\n"), "{error}");
    for line in [
        "\n  LSTM `the_b`\n",
        "\n  Foo `the_c`\n",
        "\n  MaxPool `the_d`: ceil_mode = 1 is not read; export with ceil_mode = 0\n",
        "\n  Relu `the_y`: its attribute `novel` is not read\n",
        "supported operators: Add, AveragePool, ",
    ] {
        assert!(error.contains(line), "{line} in {error}");
    }
}

#[test]
fn wrong_files_are_explained() {
    let relu = |input: &[i64], opset| model(input, opset, vec![node("Relu", &["x"], "y", vec![])], vec![]);
    assert!(load(&relu(&[4], 6)).unwrap_err().contains("needs operator set 6; 7 to 21 are read"));
    assert!(load(&relu(&[0, 4], 13)).unwrap_err().contains("export it with a fixed input size"));
    assert!(load(&relu(&[1 << 40, 1 << 40], 13)).unwrap_err().contains("export it with a fixed input size"));
    let conv = |tensor| model(&[1, 4, 4], 13, vec![node("Conv", &["x", "w"], "y", vec![])], vec![tensor]);
    let outside = TensorProto { data_location: 1, ..floats("w", &[1, 1, 2, 2], &[0.; 4]) };
    assert!(load(&conv(outside)).unwrap_err().contains("tensor `w` lies outside the file (external data)"));
    let huge = floats("w", &[1 << 30, 1 << 30, 1, 1], &[0.]);
    assert!(load(&conv(huge)).unwrap_err().contains("and holds 1 values"));
    let nan = floats("w", &[1, 1, 2, 2], &[0., f32::NAN, 0., 0.]);
    assert_eq!(load(&conv(nan)).unwrap_err(), "layer `the_y`: weight[1] is NaN; weights must be finite");
    let channels = floats("w", &[1, 3, 2, 2], &[0.; 12]);
    assert!(
        load(&conv(channels))
            .unwrap_err()
            .contains("Conv `the_y`: its weights take 3 channels a group, its input has 1")
    );
    let two = model(&[4], 13, vec![node("Relu", &["q"], "y", vec![])], vec![]);
    assert!(load(&two).unwrap_err().contains("its input `q` is made by no earlier node"));
    assert!(read(Path::new("m.onnx"), b"").unwrap_err().to_string().contains("is no ONNX file"));
}

/// A small network of every common kind.
fn typical() -> ModelProto {
    let weights: Vec<f32> = (0..18).map(|i| i as f32 / 9.0 - 1.0).collect();
    let nodes = vec![
        node("Conv", &["x", "w"], "a", vec![ints("pads", &[1, 1, 1, 1]), ints("strides", &[1, 1])]),
        node("BatchNormalization", &["a", "s", "b", "m", "v"], "b1", vec![]),
        node("Relu", &["b1"], "c", vec![]),
        node("MaxPool", &["c"], "d", vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])]),
        node("Reshape", &["d", "shape"], "e", vec![]),
        node("Gemm", &["e", "g"], "f", vec![]),
        node("Softmax", &["f"], "y", vec![int("axis", 1)]),
    ];
    let pair = |name, v: f32| floats(name, &[2], &[v, v]);
    let raw = TensorProto {
        raw_data: (0..24).flat_map(|i| (i as f32 / 12.0 - 1.0).to_le_bytes()).collect(),
        ..floats("g", &[8, 3], &[])
    };
    let tensors = vec![
        floats("w", &[2, 1, 3, 3], &weights),
        pair("s", 1.5),
        pair("b", 0.1),
        pair("m", 0.2),
        pair("v", 0.9),
        integers("shape", &[-1, 8]),
        raw,
    ];
    model(&[1, 4, 4], 13, nodes, tensors)
}

/// Cut at every length, with every byte changed in turn and with random changes: an answer or an error, soon, and
/// no panic.
#[test]
fn damaged_files_do_no_harm() {
    let bytes = typical().encode_to_vec();
    assert!(load(&typical()).is_ok());
    let try_one = |bytes: &[u8]| {
        let Ok((input, nodes)) = read(Path::new("m.onnx"), bytes) else { return 0 };
        let Ok(network) = Network::from_nodes("m", input, nodes) else { return 0 };
        let Ok(network) = fold_batch_norm(network) else { return 0 };
        if network.nodes.iter().map(|n| n.shape.len()).sum::<usize>() < 1 << 20 {
            let x = Tensor::zeros(1, network.input.clone());
            let _ = network.forward(&x, 0, &mut FloatEngine);
        }
        1
    };
    for len in 0..bytes.len() {
        try_one(&bytes[..len]);
    }
    let mut read_all_the_same = 0;
    for at in 0..bytes.len() {
        for change in [0x01u8, 0x80, 0xff, (at * 7) as u8] {
            let mut damaged = bytes.clone();
            damaged[at] ^= change;
            read_all_the_same += try_one(&damaged);
        }
    }
    // a changed weight is a network all the same; most of the file is weights
    assert!(read_all_the_same > 100, "{read_all_the_same}");
}
