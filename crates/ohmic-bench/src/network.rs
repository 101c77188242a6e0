//! Whole networks on crossbars, against the same networks in float.

use crate::Figure;
use crate::case::Outcomes;
use crate::error::Problem;
use crate::machine::Machine;
use crate::setup::{Cells, Prepared, Slicing, hardware, uniform};
use crate::timing::{Pace, Work, compare};
use ohmic_execution::{Chip, Probe, Shortcuts};
use ohmic_network::data::{DataSet, DataSpec, DataSplit, data_folder, load};
use ohmic_network::gather::Window;
use ohmic_network::layer::{Conv2d, Flatten, Layer, Linear, MaxPool, Relu};
use ohmic_network::reference::FloatEngine;
use ohmic_network::{LayerId, Network, Node, Shape, Source};
use ohmic_numerics::{Noise, Seed};
use rayon::ThreadPool;
use rayon::prelude::*;
use std::time::Instant;

/// Images that are run together: what float is quickest with, and what crossbars are given too.
const BATCH: usize = 32;
/// Images there are.
const IMAGES: usize = 1024;
/// Images for calibration.
const CALIBRATION: usize = 32;

/// A network of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Model {
    /// LeNet-5 on MNIST, or on the built-in glyphs where there is no MNIST.
    LeNet5,
    /// Six convolutions of 128 to 512 channels and two full layers on 32 x 32 x 3, with random weights.
    Vgg8,
}

/// How a network sits on crossbars.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    pub(crate) slicing: Slicing,
    pub(crate) cells: Cells,
}

/// A network and its images.
struct Subject {
    network: Network,
    images: DataSet,
    calibration: DataSet,
}

impl Subject {
    fn new(model: Model, pace: Pace) -> Result<Self, Problem> {
        let (images, calibration) = match pace {
            Pace::Full => (IMAGES, CALIBRATION),
            Pace::Quick => (2, 2),
        };
        match model {
            Model::LeNet5 => {
                let network = ohmic_sweep::networks::load("lenet5-mnist")?;
                let spec = DataSpec::parse(if data_folder().is_some() { "mnist" } else { "glyphs" })?;
                Ok(Self {
                    network,
                    images: load(&spec.clone().with_limit(images))?,
                    calibration: load(&spec.with_split(DataSplit::Calibration).with_limit(calibration))?,
                })
            }
            Model::Vgg8 => Ok(Self {
                network: vgg8()?,
                images: random_images(4, images)?,
                calibration: random_images(5, calibration)?,
            }),
        }
    }

    /// One image after the other through `each`, batches in parallel.
    fn all(&self, count: usize, batch: usize, each: &Each<'_>) -> Result<(), Problem> {
        let starts: Vec<usize> = (0..count).step_by(batch).collect();
        starts.par_iter().try_for_each(|&first| each(first..count.min(first + batch)))
    }

    fn float(&self) -> impl Fn(std::ops::Range<usize>) -> Result<(), Problem> + Sync {
        |range| {
            let first = range.start;
            std::hint::black_box(self.network.forward(&self.images.batch(range), first, &mut FloatEngine)?);
            Ok(())
        }
    }
}

type Each<'a> = dyn Fn(std::ops::Range<usize>) -> Result<(), Problem> + Sync + 'a;

/// So many images, in batches of such a size, that a repetition takes long enough to be timed.
struct Amount {
    images: usize,
    batch: usize,
}

impl Amount {
    fn find(
        subject: &Subject,
        machine: &Machine,
        threads: usize,
        pool: &ThreadPool,
        each: &Each<'_>,
    ) -> Result<Self, Problem> {
        let available = subject.images.len();
        let of = |images: usize| {
            let batch = images.div_ceil(threads).clamp(1, BATCH);
            Self { images, batch }
        };
        let mut amount = of(available.min(threads));
        loop {
            let start = Instant::now();
            pool.install(|| subject.all(amount.images, amount.batch, each))?;
            let time = start.elapsed();
            let wanted = machine.pace.repetition();
            if time >= wanted || amount.images == available {
                return Ok(amount);
            }
            let more = (1.2 * wanted.as_secs_f64() / time.as_secs_f64().max(1e-6)).clamp(2.0, 64.0);
            let whole = threads * ((amount.images as f64 * more / threads as f64).ceil() as usize);
            // whole batches on every thread, so that none waits for another
            let step = threads * BATCH;
            let whole = if whole > step { whole.div_ceil(step) * step } else { whole };
            amount = of(whole.min(available));
        }
    }
}

/// The network in float with each number of threads, against one thread.
pub(crate) fn float(machine: &Machine, model: Model) -> Result<Outcomes, Problem> {
    let subject = Subject::new(model, machine.pace)?;
    let float = subject.float();
    let (_, single) = &machine.pools()[0];
    machine
        .pools()
        .iter()
        .map(|(threads, pool)| {
            let figure = versus(&subject, machine, (*threads, pool, &float), (1, single, &float))?;
            Ok((*threads, Ok(figure)))
        })
        .collect()
}

/// The network on a chip with each number of threads, against float on the same threads: as `run` does it, with
/// layers whose conversions lose nothing computed as one product.
pub(crate) fn analog(machine: &Machine, model: Model, kind: Kind) -> Result<Outcomes, Problem> {
    let subject = Subject::new(model, machine.pace)?;
    let hardware = hardware(kind.slicing, kind.cells)?;
    let prepared = Prepared::new(&subject.network, &hardware, &subject.calibration)?;
    let design = prepared.design()?;
    let chip = Chip::program(&design, Noise::new(Seed(1)), Shortcuts::Taken)?;
    let analog = |range: std::ops::Range<usize>| {
        let first = range.start;
        std::hint::black_box(chip.run(&subject.images.batch(range), first, Probe::Off)?);
        Ok(())
    };
    let float = subject.float();
    machine
        .pools()
        .iter()
        .map(|(threads, pool)| {
            let figure = versus(&subject, machine, (*threads, pool, &analog), (*threads, pool, &float))?;
            Ok((*threads, Ok(figure)))
        })
        .collect()
}

type Side<'a> = (usize, &'a ThreadPool, &'a Each<'a>);

/// Images per second of one way against another.
fn versus(
    subject: &Subject,
    machine: &Machine,
    work: Side<'_>,
    reference: Side<'_>,
) -> Result<Figure, Problem> {
    let amount = |(threads, pool, each): Side<'_>| Amount::find(subject, machine, threads, pool, each);
    let (own, other) = (amount(work)?, amount(reference)?);
    let once = |(_, pool, each): Side<'_>, amount: &Amount| {
        pool.install(|| subject.all(amount.images, amount.batch, each))
    };
    compare(
        machine.pace,
        Work { amount: own.images as f64, once: &mut || once(work, &own) },
        Work { amount: other.images as f64, once: &mut || once(reference, &other) },
    )
}

/// VGG-8 with random weights: pairs of 3 x 3 convolutions of 128, 256 and 512 channels, each pair pooled
/// to half, then 1024 and 10 outputs.
fn vgg8() -> Result<Network, Problem> {
    let mut nodes: Vec<Node> = Vec::new();
    let mut add = |layer: Box<dyn Layer>| {
        let source = nodes.len().checked_sub(1).map_or(Source::Input, |i| Source::Layer(LayerId(i as u32)));
        nodes.push(Node::new(format!("{}{}", layer.kind(), nodes.len()), layer, vec![source]));
    };
    // uniform weights that keep the size of signals through rectifiers (He et al., ICCV 2015)
    let weights = |stream: usize, count: usize, inputs: usize| -> Vec<f32> {
        let span = (6.0 / inputs as f32).sqrt();
        (0..count).map(|i| span * (2.0 * uniform(100 + stream as u32, i) - 1.0)).collect()
    };
    let (mut channels, mut size) = (3, 32);
    for (i, outputs) in [128, 128, 256, 256, 512, 512].into_iter().enumerate() {
        let window = Window {
            channels,
            size: [size; 2],
            kernel: [3; 2],
            stride: [1; 2],
            padding: [1; 4],
            dilation: [1; 2],
            groups: 1,
        };
        let k = window.k();
        add(Box::new(Conv2d::new(window, outputs, weights(i, outputs * k, k), vec![0.0; outputs])?));
        add(Box::new(Relu));
        channels = outputs;
        if i % 2 == 1 {
            add(Box::new(MaxPool::new(Window {
                channels,
                size: [size; 2],
                kernel: [2; 2],
                stride: [2; 2],
                padding: [0; 4],
                dilation: [1; 2],
                groups: channels,
            })?));
            size /= 2;
        }
    }
    add(Box::new(Flatten));
    let inputs = channels * size * size;
    add(Box::new(Linear::new(inputs, 1024, weights(6, 1024 * inputs, inputs), vec![0.0; 1024])?));
    add(Box::new(Relu));
    add(Box::new(Linear::new(1024, 10, weights(7, 10 * 1024, 1024), vec![0.0; 10])?));
    Ok(Network::from_nodes("vgg8", Shape(vec![3, 32, 32]), nodes)?)
}

fn random_images(stream: u32, count: usize) -> Result<DataSet, Problem> {
    let shape = Shape(vec![3, 32, 32]);
    let values = (0..count * shape.len()).map(|i| uniform(stream, i)).collect();
    Ok(DataSet::from_floats("random", shape, 10, values, vec![0; count])?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vgg8_has_the_shapes_that_its_name_says() {
        let network = vgg8().unwrap();
        let outputs: Vec<usize> = network.mvm_layers().map(|(_, node)| node.shape.0[0]).collect();
        assert_eq!(outputs, [128, 128, 256, 256, 512, 512, 1024, 10]);
        // multiply-adds by hand: 32^2 (27 + 1152) 128 + 16^2 (1152 + 2304) 256 + 8^2 (2304 + 4608) 512
        // + 8192 x 1024 + 1024 x 10
        let count: usize = network
            .mvm_layers()
            .map(|(_, node)| {
                let mvm = node.layer.mvm().unwrap();
                mvm.gather.k() * mvm.outputs * mvm.gather.positions()
            })
            .sum();
        assert_eq!(count, 154_533_888 + 226_492_416 + 226_492_416 + 8_388_608 + 10_240);
    }
}
