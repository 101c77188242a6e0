//! The shapes of three networks, with weights of 0: nothing here looks at them.

use ohmic_network::gather::Window;
use ohmic_network::layer::Layer;
use ohmic_network::layer::{Add, Conv2d, Flatten, GlobalAveragePool, Linear, MaxPool, PooledShape, Relu};
use ohmic_network::{LayerId, Network, Node, Shape, Source};

/// A network that grows layer by layer.
struct Growing {
    input: Shape,
    nodes: Vec<Node>,
    /// What the last layer gives: channels and size.
    channels: usize,
    size: usize,
}

impl Growing {
    fn new(channels: usize, size: usize) -> Self {
        Self { input: Shape(vec![channels, size, size]), nodes: Vec::new(), channels, size }
    }

    fn last(&self) -> Source {
        self.nodes.len().checked_sub(1).map_or(Source::Input, |i| Source::Layer(LayerId(i as u32)))
    }

    fn push(&mut self, layer: impl Layer + 'static, inputs: Vec<Source>) -> Source {
        self.nodes.push(Node::new(format!("{}_{}", layer.kind(), self.nodes.len()), Box::new(layer), inputs));
        self.last()
    }

    /// A convolution of `from`, which has the channels and size that are current.
    fn conv(&mut self, from: Source, outputs: usize, kernel: usize, stride: usize, padding: usize) -> Source {
        let window = Window {
            channels: self.channels,
            size: [self.size; 2],
            kernel: [kernel; 2],
            stride: [stride; 2],
            padding: [padding; 4],
            dilation: [1; 2],
            groups: 1,
        };
        self.size = window.out_size()[0];
        let weights = vec![0.0; outputs * self.channels * kernel * kernel];
        self.channels = outputs;
        self.push(Conv2d::new(window, outputs, weights, vec![]).unwrap(), vec![from])
    }

    fn relu(&mut self) -> Source {
        self.push(Relu, vec![self.last()])
    }

    fn pool(&mut self) -> Source {
        let window = Window {
            channels: self.channels,
            size: [self.size; 2],
            kernel: [2; 2],
            stride: [2; 2],
            padding: [0; 4],
            dilation: [1; 2],
            groups: self.channels,
        };
        self.size /= 2;
        self.push(MaxPool::new(window).unwrap(), vec![self.last()])
    }

    fn linear(&mut self, inputs: usize, outputs: usize) -> Source {
        let layer = Linear::new(inputs, outputs, vec![0.0; inputs * outputs], vec![]).unwrap();
        self.push(layer, vec![self.last()])
    }

    fn done(self, name: &str) -> Network {
        Network::from_nodes(name, self.input, self.nodes).unwrap()
    }
}

/// LeNet-5 for 28 x 28 images: 6 and 16 maps of 5 x 5, then 120, 84 and 10.
pub(crate) fn lenet5() -> Network {
    let mut n = Growing::new(1, 28);
    n.conv(n.last(), 6, 5, 1, 2);
    n.relu();
    n.pool();
    n.conv(n.last(), 16, 5, 1, 0);
    n.relu();
    n.pool();
    n.push(Flatten, vec![n.last()]);
    for (inputs, outputs) in [(400, 120), (120, 84), (84, 10)] {
        n.linear(inputs, outputs);
        if outputs > 10 {
            n.relu();
        }
    }
    n.done("lenet5")
}

/// VGG-8 for 32 x 32 images: twice 128, 256 and 512 maps of 3 x 3, then 1024 and 10.
pub(crate) fn vgg8() -> Network {
    let mut n = Growing::new(3, 32);
    for outputs in [128, 256, 512] {
        for _ in 0..2 {
            n.conv(n.last(), outputs, 3, 1, 1);
            n.relu();
        }
        n.pool();
    }
    n.push(Flatten, vec![n.last()]);
    n.linear(8192, 1024);
    n.relu();
    n.linear(1024, 10);
    n.done("vgg8")
}

/// ResNet-20 for 32 x 32 images: three stages of three blocks, 16, 32 and 64 maps, projections where they change.
pub(crate) fn resnet20() -> Network {
    let mut n = Growing::new(3, 32);
    n.conv(n.last(), 16, 3, 1, 1);
    let mut block = n.relu();
    for (stage, outputs) in [16, 32, 64].into_iter().enumerate() {
        for place in 0..3 {
            let stride = if stage > 0 && place == 0 { 2 } else { 1 };
            let (channels, size) = (n.channels, n.size);
            n.conv(block, outputs, 3, stride, 1);
            let inner = n.relu();
            let long = n.conv(inner, outputs, 3, 1, 1);
            let short = if stride == 2 {
                let after = (n.channels, n.size);
                (n.channels, n.size) = (channels, size);
                let short = n.conv(block, outputs, 1, 2, 0);
                assert_eq!((n.channels, n.size), after);
                short
            } else {
                block
            };
            n.push(Add, vec![long, short]);
            block = n.relu();
        }
    }
    n.push(GlobalAveragePool::new(PooledShape::Vector), vec![block]);
    n.linear(64, 10);
    n.done("resnet20")
}

/// A single linear layer.
pub(crate) fn linear(inputs: usize, outputs: usize) -> Network {
    let mut n = Growing { input: Shape(vec![inputs]), nodes: Vec::new(), channels: inputs, size: 1 };
    n.linear(inputs, outputs);
    n.done("linear")
}

/// Two convolutions of 3 x 3 with a row of padding, 32 x 32 values, 16 maps.
pub(crate) fn two_convolutions() -> Network {
    let mut n = Growing::new(3, 32);
    n.conv(n.last(), 16, 3, 1, 1);
    n.relu();
    n.conv(n.last(), 16, 3, 1, 1);
    n.done("two_convolutions")
}
