//! Messages worked out by hand, and against a count value by value.

use super::*;
use crate::{Plan, map_shapes};
use ohmic_network::Node;
use ohmic_network::gather::Window;
use ohmic_network::layer::{Add, Concat, Conv2d, Flatten, Linear, MaxPool, Relu};

/// One crossbar a tile, of 8 rows and 4 outputs of 8 bits.
fn machine(more: &str) -> Hardware {
    let base = include_str!("../../../../models/hardware/generic_reram/hardware.toml");
    let text = base
        .replace("rows = 128", "rows = 8")
        .replace("cols = 128", "cols = 16")
        .replace("crossbars_per_macro = 8", "crossbars_per_macro = 1")
        .replace("macros_per_tile = 8", "macros_per_tile = 1")
        .replace("bits = 8\nrange", "bits = 4\nrange");
    Hardware::from_text("machine.toml", &format!("{text}\n{more}")).unwrap()
}

const MESH: &str = "[interconnect]\nkind = \"mesh\"\ncolumns = 4\n";

fn planned(nodes: Vec<Node>, input: Vec<usize>, hardware: &Hardware) -> (Shapes, Plan) {
    let network = Network::from_nodes("n", Shape(input), nodes).unwrap();
    let shapes = Shapes::unseen(&network, &hardware.precision());
    let plan = map_shapes(&shapes, hardware).unwrap();
    (shapes, plan)
}

fn linear(inputs: usize, outputs: usize) -> Box<Linear> {
    Box::new(Linear::new(inputs, outputs, vec![0.5; inputs * outputs], vec![]).unwrap())
}

fn after(ids: &[u32]) -> Vec<Source> {
    ids.iter().map(|&i| Source::Layer(LayerId(i))).collect()
}

/// 16 inputs to 8 outputs to 4: tiles 0, 1 have rows 0..8 and outputs 0..4, 4..8; tiles 2, 3 rows 8..16. Each of 2
/// and 3 sends 4 partial sums of 8 + 8 + 5 bits, as 3 bytes; 0 and 1 send 4 values of 8 bits each to tile 4.
#[test]
fn two_linear_layers_by_hand() {
    let hardware = machine(MESH);
    let nodes = vec![
        Node::new("a", linear(16, 8), vec![Source::Input]),
        Node::new("relu", Box::new(Relu), after(&[0])),
        Node::new("b", linear(8, 4), after(&[1])),
    ];
    let (_, plan) = planned(nodes, vec![16], &hardware);
    let traffic = plan.traffic.unwrap();
    let sum = |from, to| Message { from, to, cargo: Cargo::PartialSums, values: 4, bits: 24 };
    let value = |from| Message { from, to: 4, cargo: Cargo::Values(Some(LayerId(2))), values: 4, bits: 8 };
    assert_eq!(traffic.layers, [vec![sum(2, 0), sum(3, 1)], vec![], vec![value(0), value(1)]]);
    // four columns: 2 to 0 and 3 to 1 over two links each; 0 to 4 one, 1 to 4 two
    let interconnect = hardware.interconnect().unwrap();
    let all = |m: &Message| m.bytes(1.0, SendZeros::Yes);
    let sums = traffic.load(0, &traffic.places, interconnect, all);
    assert_eq!((sums.bytes, sums.byte_hops, sums.router_bytes), (24.0, 48.0, 72.0));
    // both cross the link from column 2 to column 1
    assert_eq!(
        sums.busiest().map(|b| (interconnect.link_name(b.0), b.1)),
        Some(("column 2, row 0, left".to_owned(), 24.0))
    );
    // 24 bytes are 6 flits of 32 bits, and 2 hops of one clock of 1 ns
    assert!((sums.time_s(&hardware) - 8e-9).abs() < 1e-20);
    let values = traffic.load(2, &traffic.places, interconnect, all);
    assert_eq!((values.bytes, values.byte_hops), (8.0, 12.0));
    // the parts sum to the whole
    assert_eq!(sums.links.iter().sum::<f64>(), sums.byte_hops);
    assert_eq!(sums.router_bytes, sums.byte_hops + sums.bytes);
}

/// A convolution of 2 channels to 4, a second to 4 behind it, and their sum: the residual goes to where the second
/// one's outputs live, and so do its zeros to whoever looks at them.
#[test]
fn residuals_and_concatenations_by_hand() {
    let hardware = machine(MESH);
    let conv = |channels: usize, outputs: usize| {
        let window = Window {
            channels,
            size: [4, 4],
            kernel: [1, 1],
            stride: [1, 1],
            padding: [0; 4],
            dilation: [1, 1],
            groups: 1,
        };
        Box::new(Conv2d::new(window, outputs, vec![0.5; channels * outputs], vec![]).unwrap())
    };
    let nodes = vec![
        Node::new("a", conv(2, 4), vec![Source::Input]),
        Node::new("b", conv(4, 4), after(&[0])),
        Node::new("add", Box::new(Add), after(&[1, 0])),
        Node::new("cat", Box::new(Concat::new(0)), after(&[2, 0])),
        Node::new("c", conv(8, 4), after(&[3])),
    ];
    let (_, plan) = planned(nodes, vec![2, 4, 4], &hardware);
    let traffic = plan.traffic.unwrap();
    let value = |from, to, seen: u32| Message {
        from,
        to,
        cargo: Cargo::Values(Some(LayerId(seen))),
        values: 4 * 16,
        bits: 8,
    };
    // a → b for the matrix; a → b again for the addition, which sees the zeros that b sees; b (the sum) and a → c
    assert_eq!(traffic.layers[1], [Message { values: 128, ..value(0, 1, 1) }]);
    assert_eq!(traffic.layers[4], [value(0, 2, 4), value(1, 2, 4)]);
    assert!(traffic.layers[2].is_empty() && traffic.layers[3].is_empty());
}

/// 1 x 1 windows that jump over every other row and column touch a quarter of the values: 4 of 16 of each channel.
#[test]
fn what_windows_jump_over_is_not_sent() {
    let hardware = machine(MESH);
    let conv = |stride: usize| {
        let window = Window {
            channels: 4,
            size: [4, 4],
            kernel: [1, 1],
            stride: [stride, stride],
            padding: [0; 4],
            dilation: [1, 1],
            groups: 1,
        };
        Box::new(Conv2d::new(window, 4, vec![0.5; 16], vec![]).unwrap())
    };
    let nodes = vec![Node::new("a", conv(1), vec![Source::Input]), Node::new("b", conv(2), after(&[0]))];
    let (_, plan) = planned(nodes, vec![4, 4, 4], &hardware);
    assert_eq!(plan.traffic.unwrap().layers[1].iter().map(|m| m.values).collect::<Vec<_>>(), [4 * 4]);
}

/// Three copies each of three convolutions of 1 x 1: every copy gets its part of what every copy before it finished.
#[test]
fn copies_share_positions() {
    let hardware = machine(&format!("{MESH}[schedule]\nduplicate = \"equal\"\ncrossbars = 10\n"));
    let conv = || {
        let window = Window {
            channels: 4,
            size: [4, 4],
            kernel: [1, 1],
            stride: [1, 1],
            padding: [0; 4],
            dilation: [1, 1],
            groups: 1,
        };
        Box::new(Conv2d::new(window, 4, vec![0.5; 16], vec![]).unwrap())
    };
    let nodes = vec![
        Node::new("a", conv(), vec![Source::Input]),
        Node::new("b", conv(), after(&[0])),
        Node::new("c", conv(), after(&[1])),
    ];
    let (_, plan) = planned(nodes, vec![4, 4, 4], &hardware);
    let copies = plan.layers[0].as_ref().unwrap().copies;
    assert_eq!(copies, 3);
    let traffic = plan.traffic.unwrap();
    // a value is in one window of 1 x 1: a third of it for each copy, from the copies that finished it (5, 5, 6 of 16
    // positions of 4 channels, rounded up)
    let sent: Vec<u64> = traffic.layers[1].iter().map(|m| m.values).collect();
    assert_eq!(sent, [7, 7, 7, 7, 7, 7, 8, 8, 8]);
}

/// Zeros that are not sent never cost: by hand, and for any fraction.
#[test]
fn zeros_by_hand() {
    let message = Message { from: 0, to: 1, cargo: Cargo::Values(None), values: 16, bits: 4 };
    assert_eq!(message.bytes(0.25, SendZeros::Yes), 8.0);
    assert_eq!(message.bytes(0.25, SendZeros::No), 2.0);
    // 16 bits of mask beside
    assert_eq!(message.bytes(0.25, SendZeros::Masked), 4.0);
    assert_eq!(message.bytes(0.9, SendZeros::Masked), 8.0);
    let sums = Message { cargo: Cargo::PartialSums, ..message };
    assert_eq!(sums.bytes(0.0, SendZeros::No), 8.0);
}

/// Tiles on two chips of 4: from (1, 0) of the first over place 0 of both to (1, 1) of the second.
#[test]
fn between_chips_through_place_0() {
    let places = [1, 4 + 3];
    assert_eq!(ways(&places, 0, 1, 4), ([(0, 1, 0), (1, 0, 3)], 2));
    assert_eq!(ways(&places, 1, 0, 4), ([(1, 3, 0), (0, 0, 1)], 2));
}

/// Convolutions with stride, groups, pooling, flattening: every channel that a tile needs and has not is sent once.
#[test]
fn as_counted_value_by_value() {
    let hardware = machine(MESH);
    let window = |channels, size, stride, groups| Window {
        channels,
        size: [size, size],
        kernel: [3, 3],
        stride: [stride, stride],
        padding: [1; 4],
        dilation: [1, 1],
        groups,
    };
    let conv = |w: Window, outputs: usize| {
        let count = outputs * w.k();
        Box::new(Conv2d::new(w, outputs, vec![0.5; count], vec![]).unwrap())
    };
    let pool = Window { kernel: [2, 2], padding: [0; 4], ..window(6, 6, 2, 1) };
    let nodes = vec![
        Node::new("a", conv(window(3, 6, 1, 1), 6), vec![Source::Input]),
        Node::new("relu", Box::new(Relu), after(&[0])),
        Node::new("pool", Box::new(MaxPool::new(pool).unwrap()), after(&[1])),
        Node::new("b", conv(window(6, 3, 1, 2), 10), after(&[2])),
        Node::new("flat", Box::new(Flatten), after(&[3])),
        Node::new("fc", linear(90, 7), after(&[4])),
    ];
    let (shapes, plan) = planned(nodes, vec![3, 6, 6], &hardware);
    let traffic = plan.traffic.as_ref().unwrap();
    // where the values of a layer with a matrix live, value by value
    let homes = |i: usize| -> Vec<u32> {
        let layer = plan.layers[i].as_ref().unwrap();
        (0..layer.groups * layer.n * layer.positions)
            .map(|value| {
                let output = value / layer.positions;
                let (group, output) = (output / layer.n, output % layer.n);
                let holds = |b: &&crate::Block| b.group == group && b.outputs.contains(&output);
                let mut rows = BTreeMap::new();
                for block in layer.blocks.iter().filter(holds) {
                    *rows.entry(block.crossbar).or_insert(0) += block.rows.len();
                }
                let most = *rows.values().max().unwrap();
                *rows.iter().find(|r| *r.1 == most).unwrap().0
            })
            .collect()
    };
    let sent = |i: usize, source: &[u32]| -> BTreeMap<(u32, u32), u64> {
        let layer = plan.layers[i].as_ref().unwrap();
        let gather = shapes.streams[i].gather.as_ref().unwrap();
        let indices: Vec<i32> = (1..=source.len() as i32).collect();
        let mut needed = std::collections::BTreeSet::new();
        for block in &layer.blocks {
            let mut vectors = vec![0i32; gather.k() * gather.positions()];
            gather.gather(&indices, block.group, 0..gather.positions(), &mut vectors);
            for vector in vectors.chunks_exact(gather.k()) {
                let rows = vector[block.rows.clone()].iter().filter(|&&v| v > 0);
                // a tile gets the whole channel of every row that it has
                let plane = match gather {
                    Gather::Vector { .. } => 1,
                    Gather::Window(w) => w.size[0] * w.size[1],
                };
                let channels = rows.map(|&v| (v as usize - 1) / plane * plane);
                needed.extend(channels.flat_map(|c| (c..c + plane).map(|v| (v, block.crossbar))));
            }
        }
        let mut sent = BTreeMap::new();
        for (value, to) in needed {
            if source[value] != to {
                *sent.entry((source[value], to)).or_default() += 1;
            }
        }
        sent
    };
    let counted = |i: usize| -> BTreeMap<(u32, u32), u64> {
        let values = traffic.layers[i].iter().filter(|m| m.cargo != Cargo::PartialSums);
        values.map(|m| ((m.from, m.to), m.values)).collect()
    };
    // pooling keeps channels: the home of a channel of 6 x 6 is that of its 3 x 3
    let a = homes(0);
    let pooled: Vec<u32> = (0..6 * 9).map(|v| a[v / 9 * 36]).collect();
    assert_eq!(counted(3), sent(3, &pooled));
    assert_eq!(counted(5), sent(5, &homes(3)));
    assert!(!counted(3).is_empty() && !counted(5).is_empty());
}
