//! Results are the same bits for any number of threads, any batch size and any cut of a data set;
//! every random effect is on, so that each has its address.

#![allow(missing_docs, clippy::unwrap_used)]

use ohmic_execution::{Chip, Design, RunOptions, SetRun, Shortcuts};
use ohmic_network::data::DataSet;
use ohmic_network::{Network, Node, Shape, Source};
use ohmic_numerics::{Noise, Seed};
use ohmic_tests::{Bench, Inputs, hardware, integers, random, samples};

/// A convolution, an activation and a linear layer.
fn network() -> Network {
    use ohmic_network::gather::Window;
    use ohmic_network::layer::{Conv2d, Linear};
    let window = Window {
        channels: 2,
        size: [7, 6],
        kernel: [3, 3],
        stride: [1, 1],
        padding: [1; 4],
        dilation: [1, 1],
        groups: 1,
    };
    let conv = Conv2d::new(window, 4, random(1, 4 * 18), random(2, 4)).unwrap();
    let fc = Linear::new(4 * 42, 5, random(3, 5 * 168), random(4, 5)).unwrap();
    let node = |name: &str, layer: Box<dyn ohmic_network::layer::Layer>, from| Node {
        name: name.into(),
        layer,
        inputs: vec![from],
        shape: Shape(vec![]),
    };

    use ohmic_network::LayerId;
    Network::from_nodes(
        "small",
        Shape(vec![2, 7, 6]),
        vec![
            node("conv", Box::new(conv), Source::Input),
            node("relu", Box::new(ohmic_network::layer::Relu), Source::Layer(LayerId(0))),
            node("flatten", Box::new(ohmic_network::layer::Flatten), Source::Layer(LayerId(1))),
            node("fc", Box::new(fc), Source::Layer(LayerId(2))),
        ],
    )
    .unwrap()
}

fn run(threads: usize, batch: usize) -> SetRun {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let network = network();
        let calibration = samples(5, 4, &network.input, Inputs::Signed);
        let x = samples(6, 33, &network.input, Inputs::Signed);
        let set = DataSet::from_floats("random", network.input.clone(), 5, x.data, vec![0; 33]).unwrap();
        let hw = hardware(
            "[device]\nkind = \"lognormal\"\ng_max = \"40 uS\"\ng_min = \"1 uS\"\nsigma_ln = 0.1\nread_sigma_rel = 0.02\n[adc]\nbits = 6\nrange = \"max\"\nsigma_lsb = 0.4\n\
             [crossbar]\nrows_per_read = 16\n[fault]\nkind = \"stuck\"\nstuck_hrs_fraction = 0.02\nstuck_lrs_fraction = 0.01\n",
        );
        let quantized = integers(&network, 8, 8, &calibration);
        let bench = Bench::new(&network, &quantized, &hw);
        let design = Design::new(&network, &quantized, &bench.plan, &hw, &calibration).unwrap();
        let chip = Chip::program(&design, Noise::new(Seed(4)), Shortcuts::Taken).unwrap();
        chip.run_set(&set.all(), RunOptions { batch, probe_images: 20 }).unwrap()
    })
}

#[test]
fn threads_and_batches_change_nothing() {
    let want = run(1, 33);
    for threads in [1, 2, 7] {
        for batch in [1, 2, 16, 33, 100] {
            let got = run(threads, batch);
            assert_eq!(got, want, "{threads} threads, batches of {batch}");
            for (a, b) in got.errors.iter().zip(&want.errors) {
                assert_eq!(a.error.to_bits(), b.error.to_bits(), "{threads} threads, batches of {batch}");
            }
        }
    }
}
