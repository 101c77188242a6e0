//! What the inputs and weights of a network come to in its crossbars, in numbers that error powers follow from
//! in closed form: [`crate::predict`].
//!
//! They depend on network, encoding, mapping and input drivers alone, so that designs which differ in cells or
//! converters share them.

use crate::Error;
use crate::activity::{Activity, Events, LayerActivity};
use crate::apply::{Buffers, Multiply, Part, apply};
use crate::design::{Design, LayerDesign};
use crate::effective::{effective, width};
use crate::read::{Scratch, multiply};
use crate::run::{count, drive};
use ohmic_hardware::{DummyColumn, Encoded};
use ohmic_mapping::{Block, LayerPlan};
use ohmic_network::quantization::QuantizedMvm;
use ohmic_network::{LayerId, MvmEngine, Node, Tensor};
use ohmic_numerics::Mat;
use ohmic_numerics::kernel::engine::Values;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Vectors of a layer that are looked at, over all groups.
const VECTORS: usize = 512;
/// Outputs of a layer that sums are formed of.
const OUTPUTS: usize = 64;
/// Multiply-adds that one layer may take, for each of the two passes.
const WORK: usize = 200_000_000;
/// Images that one thread looks at before it takes others.
const PART: usize = 4;
/// Bins of a histogram of sums, and of all of a layer unless they have the fewest.
const BINS: usize = 1024;
const ALL_BINS: usize = 1 << 20;
const FEWEST_BINS: usize = 64;
/// Most groups of neighbouring levels that are told apart.
const GROUPS: usize = 16;

/// The statistics of every layer on crossbars.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    /// In the order of the network.
    pub layers: Vec<LayerStatistics>,
    /// What running the calibration set would make the machine do.
    pub activity: Activity,
}

/// The statistics of one layer: means over input vectors and outputs, in squared units of the exact integer
/// product.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerStatistics {
    /// Which layer.
    pub id: LayerId,
    /// Mean square of the exact product.
    pub signal: f64,
    /// By level: mean square of what a deviation of one level step in the cells at that level does to an output,
    /// if the deviations are independent.
    pub apart: Vec<f64>,
    /// By pairs of groups of levels: the same if all cells of a group deviate alike, as mean products.
    pub together: Mat<f64>,
    /// The conversions, by set of converters that share a range and input slice.
    pub conversions: Vec<ConversionStatistics>,
    /// Outputs whose conversions are of the same sets: fraction of the outputs, and those sets.
    pub alike: Vec<(f64, Vec<u32>)>,
    /// Of every row, blocks one after the other: cells, and the sum of their levels.
    pub rows: Vec<(f64, f64)>,
}

impl LayerStatistics {
    /// Group of a level.
    pub fn group(&self, level: usize) -> usize {
        level * self.together.rows() / self.apart.len()
    }
}

/// The conversions of one readout in one input slice, by converters that share a range.
#[derive(Clone, Debug, PartialEq)]
pub struct ConversionStatistics {
    /// Index within the encoding.
    pub readout: usize,
    /// Which of the layer's sets of converters that share a range, in the order of [`Design::ranges`].
    pub set: usize,
    /// Sum over an output's conversions of their squared digital gains.
    pub gain_square: f64,
    /// Sum over an output's conversions of their digital gains.
    pub gain_sum: f64,
    /// By level: mean over conversions of the sum of squared digits on cells at that level.
    pub digits: Vec<f64>,
    /// Fraction of the reads that drive a row.
    pub driven: f64,
    /// Fraction of the reads that the machine issues.
    pub issued: f64,
    /// Sum at the middle of the first bin, in levels, and width of a bin.
    pub first: f64,
    /// Width of a bin, in levels.
    pub width: f64,
    /// Reads that drive a row, by the sum that their converter meets with nominal cells.
    pub histogram: Vec<Bin>,
}

/// Conversions with about the same sum.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bin {
    /// Fraction of the conversions.
    pub share: f64,
    /// Mean over them of the sum of squared digits over cells.
    pub squares: f64,
    /// Mean over them of the sum of squared digits times levels.
    pub level_squares: f64,
}

impl Statistics {
    /// Looks at the calibration set in the exact network.
    ///
    /// # Errors
    /// The network refuses the inputs.
    pub fn observe(design: &Design<'_>, calibration: &Tensor) -> Result<Self, Error> {
        let each = calibration.shape.len();
        let parts: Vec<&[f32]> = calibration.data.chunks((PART * each).max(1)).collect();
        let look = |i: usize, part: &[f32]| -> Result<Sampler<'_>, Error> {
            let mut sampler = Sampler {
                design,
                images: calibration.batch,
                samples: design
                    .layers
                    .iter()
                    .zip(&design.plan.layers)
                    .map(|(_, plan)| vec![Vec::new(); plan.as_ref().map_or(0, |p| p.groups)])
                    .collect(),
                activity: Activity {
                    layers: vec![LayerActivity::default(); design.layers.len()],
                    digital_elements: 0,
                },
                signal: vec![0.0; design.layers.len()],
                squares: Vec::new(),
                scratch: Scratch::default(),
                buffers: Buffers::default(),
            };
            let part = Tensor::new(part.len() / each, calibration.shape.clone(), part.to_vec());
            design.network.forward(&part, i * PART, &mut sampler)?;
            Ok(sampler)
        };
        let parts: Vec<_> = parts.par_iter().enumerate().map(|(i, part)| look(i, part)).collect();
        let mut samples: Vec<Vec<Vec<i32>>> = vec![Vec::new(); design.layers.len()];
        let mut activity = Activity::default();
        let mut signal = vec![0.0; design.layers.len()];
        for part in parts {
            let part = part?;
            activity.merge(&part.activity);
            signal.iter_mut().zip(&part.signal).for_each(|(sum, part)| *sum += part);
            for (all, part) in samples.iter_mut().zip(part.samples) {
                all.resize(part.len(), Vec::new());
                all.iter_mut().zip(part).for_each(|(all, part)| all.extend(part));
            }
        }
        let layers: Vec<_> = design.mvm_layers().collect();
        let layers = layers
            .into_par_iter()
            .map(|(id, layer, plan, _)| {
                let products = calibration.batch * plan.positions * plan.groups * plan.n;
                let signal = signal[id.0 as usize] / products as f64;
                Layer { design, layer, plan }.statistics(id, &samples[id.0 as usize], signal)
            })
            .collect();
        Ok(Self { layers, activity })
    }

    /// The events of the calibration set on a machine with nominal cells, by layer index.
    pub fn events(&self, design: &Design<'_>) -> Vec<Events> {
        let window = design.hardware.device().window();
        let step = window.step_siemens(1 << design.hardware.encoding().cell_bits());
        let mut all = vec![Events::NONE; design.layers.len()];
        for layer in &self.layers {
            let of = |&(cells, levels): &(f64, f64)| cells * window.g_min_siemens + levels * step;
            let conductance: Vec<f64> = layer.rows.iter().map(of).collect();
            let i = layer.id.0 as usize;
            all[i] = design.events(layer.id, &self.activity.layers[i], &conductance);
        }
        self.activity.count_messages(design.plan, design.hardware, &mut all);
        all
    }

    /// Bytes that they take in memory.
    pub fn bytes(&self) -> usize {
        let of = |l: &LayerStatistics| {
            let conversions: usize =
                l.conversions.iter().map(|c| 3 * c.histogram.len() + c.digits.len() + 12).sum();
            let alike: usize = l.alike.iter().map(|(_, sets)| 4 + sets.len() / 2).sum();
            8 * (alike + l.apart.len() + l.together.as_slice().len() + 2 * l.rows.len() + conversions)
        };
        self.layers.iter().map(of).sum()
    }
}

/// Takes some vectors of every layer.
struct Sampler<'a> {
    design: &'a Design<'a>,
    /// Of the whole calibration set.
    images: usize,
    /// By layer and group: vectors, one after the other.
    samples: Vec<Vec<Vec<i32>>>,
    activity: Activity,
    /// By layer: sum of the squares of the exact product.
    signal: Vec<f64>,
    squares: Vec<u64>,
    scratch: Scratch,
    buffers: Buffers,
}

impl MvmEngine for Sampler<'_> {
    fn mvm(
        &mut self,
        id: LayerId,
        node: &Node,
        input: &Tensor,
        first_sample: usize,
    ) -> Result<Tensor, ohmic_network::Error> {
        let i = id.0 as usize;
        let (Some(quantized), Some(layer), Some(plan)) =
            (&self.design.quantized.layers[i], &self.design.layers[i], &self.design.plan.layers[i])
        else {
            unreachable!("every layer with a matrix is quantized, designed and planned");
        };
        let all = self.images * plan.positions;
        let activity = &mut self.activity.layers[i];
        activity.samples += input.batch as u64;
        let mut take = Take {
            design: self.design,
            layer,
            quantized,
            plan,
            activity,
            signal: &mut self.signal[i],
            squares: &mut self.squares,
            // not a divisor of what positions repeat by
            every: (all * plan.groups / VECTORS).max(1) | 1,
            samples: &mut self.samples[i],
            scratch: &mut self.scratch,
        };
        apply(&node.name, quantized, input, first_sample, &mut self.buffers, &mut take).map_err(|error| {
            ohmic_network::Error::Engine { layer: node.name.clone(), source: Box::new(error) }
        })
    }

    fn observe(&mut self, _: LayerId, node: &Node, output: &Tensor) {
        if node.layer.mvm().is_none() {
            self.activity.digital_elements += output.data.len() as u64;
        }
    }
}

struct Take<'a> {
    design: &'a Design<'a>,
    layer: &'a LayerDesign,
    quantized: &'a QuantizedMvm,
    plan: &'a LayerPlan,
    activity: &'a mut LayerActivity,
    signal: &'a mut f64,
    squares: &'a mut Vec<u64>,
    every: usize,
    samples: &'a mut [Vec<i32>],
    scratch: &'a mut Scratch,
}

impl Multiply for Take<'_> {
    fn begin(&mut self, integers: Values<'_>) {
        drive(self.layer, self.quantized, self.plan, integers, self.squares, self.activity);
    }

    fn multiply(&mut self, part: Part<'_>, y: &mut [f64]) {
        let Part { group, vectors, first_draw, order, .. } = part;
        for v in (0..vectors.count()).filter(|v| (first_draw as usize + v).is_multiple_of(self.every)) {
            self.samples[group].extend((0..vectors.k).map(|row| vectors.at(v, row)));
        }
        count(self.design, self.layer, self.plan, group, vectors, self.activity);
        multiply(&self.layer.exact, group, vectors, first_draw, None, (&mut *y, order), self.scratch);
        *self.signal += y.iter().map(|y| y * y).sum::<f64>();
    }
}

/// One layer while its numbers are worked out.
#[derive(Clone, Copy)]
struct Layer<'a> {
    design: &'a Design<'a>,
    layer: &'a LayerDesign,
    plan: &'a LayerPlan,
}

impl Layer<'_> {
    fn statistics(self, id: LayerId, samples: &[Vec<i32>], signal: f64) -> LayerStatistics {
        let Self { design, layer, plan } = self;
        let (k, n) = (plan.k, plan.n);
        let levels = 1usize << design.hardware.encoding().cell_bits();
        let groups = levels.min(GROUPS);
        let outputs: Vec<usize> = spread(n, OUTPUTS);
        let total: usize = samples.iter().map(|s| s.len() / k).sum();
        let planes = layer.encoded[0].planes.len().max(1);
        let mut all = LayerStatistics {
            id,
            signal,
            apart: vec![0.0; levels],
            together: Mat::filled(groups, groups, 0.0),
            conversions: Vec::new(),
            alike: alike(plan, layer),
            rows: Vec::new(),
        };
        for (block, encoded) in plan.blocks.iter().zip(&layer.encoded) {
            let dummy = f64::from(u8::from(design.hardware.crossbar().dummy_column == DummyColumn::Analog));
            let cells = dummy + encoded.planes.iter().map(|p| p.cols() as f64).sum::<f64>();
            let levels = |row: usize| -> f64 {
                encoded.planes.iter().flat_map(|p| p.row(row)).map(|&l| f64::from(l)).sum()
            };
            all.rows.extend((0..block.rows.len()).map(|row| (cells, levels(row))));
        }
        let mut reads = Reads::new(layer, levels);
        let looked_at = every_set(plan, layer, &outputs);
        let few = |work: usize| (WORK / work.max(1) / samples.len().max(1)).clamp(8, usize::MAX);
        let (most_joint, most_reads) = (
            few(k * outputs.len() * planes),
            few(k * looked_at.len() * layer.encoded[0].readouts.len() * layer.slices.len()),
        );
        let mut formed = 0f64;
        for (group, samples) in samples.iter().enumerate() {
            let vectors: Vec<&[i32]> = samples.chunks_exact(k).collect();
            if vectors.is_empty() {
                continue;
            }
            let share = vectors.len() as f64 / total as f64;
            let squares: Vec<f64> = (0..k)
                .map(|i| vectors.iter().map(|x| f64::from(x[i]).powi(2)).sum::<f64>() / vectors.len() as f64)
                .collect();
            let few: Vec<&[i32]> =
                spread(vectors.len(), most_joint).into_iter().map(|v| vectors[v]).collect();
            // what unit deviations of a group of levels do to an output: vector, output, group
            let mut unit = vec![0f64; few.len() * outputs.len() * groups];
            let blocks = plan.blocks.iter().zip(&layer.encoded).enumerate();
            for (b, (block, encoded)) in blocks.filter(|(_, (b, _))| b.group == group) {
                let worth = Worth::new(self, block, encoded);
                worth.add_apart(&squares, share / n as f64, &mut all.apart);
                worth.add_together(&few, &outputs, (levels, groups), &mut unit);
                let few: Vec<&[i32]> =
                    spread(vectors.len(), most_reads).into_iter().map(|v| vectors[v]).collect();
                reads.add(self, (b, block, encoded), &few, &looked_at);
            }
            for unit in unit.chunks_exact(groups) {
                for a in 0..groups {
                    for b in 0..groups {
                        all.together[(a, b)] += unit[a] * unit[b];
                    }
                }
            }
            formed += (few.len() * outputs.len()) as f64;
        }
        for a in 0..groups {
            for b in 0..groups {
                all.together[(a, b)] /= formed.max(1.0);
            }
        }
        all.conversions = reads.finish();
        all
    }

    /// Level of a conductance of zero, negated, where it is left in the sums.
    fn base(self) -> f64 {
        match self.design.hardware.crossbar().dummy_column {
            DummyColumn::Analog => 0.0,
            DummyColumn::None => self.design.base_level(),
        }
    }
}

/// Outputs whose conversions are of the same sets, with their fraction.
fn alike(plan: &LayerPlan, layer: &LayerDesign) -> Vec<(f64, Vec<u32>)> {
    let mut sets: Vec<Vec<u32>> = vec![Vec::new(); plan.groups * plan.n];
    for (b, (block, encoded)) in plan.blocks.iter().zip(&layer.encoded).enumerate() {
        let n = block.outputs.len();
        let mut columns = layer.sharing.columns(b);
        for readout in &encoded.readouts {
            let (own, rest) = columns.split_at(width(encoded, readout, n));
            columns = rest;
            for c in 0..n {
                // one column serves all outputs, or each its own
                let set = own[if own.len() == 1 { 0 } else { c }];
                let of_output = &mut sets[block.group * plan.n + block.outputs.start + c];
                if !of_output.contains(&set) {
                    of_output.push(set);
                }
            }
        }
    }
    let share = 1.0 / sets.len() as f64;
    let mut all = BTreeMap::new();
    for sets in sets {
        *all.entry(sets).or_insert(0.0) += share;
    }
    all.into_iter().map(|(sets, share)| (share, sets)).collect()
}

/// These outputs, and one of each set of converters that share a range.
fn every_set(plan: &LayerPlan, layer: &LayerDesign, outputs: &[usize]) -> Vec<usize> {
    let mut all = outputs.to_vec();
    let mut known = vec![false; layer.sharing.sets.len()];
    for pass in 0..2 {
        for (b, (block, encoded)) in plan.blocks.iter().zip(&layer.encoded).enumerate() {
            let n = block.outputs.len();
            let mut sets = layer.sharing.columns(b).iter();
            for readout in &encoded.readouts {
                for (c, &set) in sets.by_ref().take(width(encoded, readout, n)).enumerate() {
                    let output = block.outputs.start + c;
                    // first the sets that have one of these, then the others
                    if pass == 0 {
                        known[set as usize] |= outputs.binary_search(&output).is_ok();
                    } else if !known[set as usize] {
                        known[set as usize] = true;
                        all.push(output);
                    }
                }
            }
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// At most `most` of `0..n`, evenly spread.
fn spread(n: usize, most: usize) -> Vec<usize> {
    let count = n.min(most);
    (0..count).map(|i| i * n / count).collect()
}

/// What a level step in each cell of a block is worth in the answer: digital gains, signs included.
struct Worth<'a> {
    block: &'a Block,
    encoded: &'a Encoded,
    /// By plane: fragments × outputs.
    planes: Vec<Mat<f64>>,
    /// Of the dummy column, fragments × outputs.
    dummy: Option<Mat<f64>>,
    /// Fragment of every row of the block.
    fragment: Vec<usize>,
}

impl<'a> Worth<'a> {
    fn new(at: Layer<'_>, block: &'a Block, encoded: &'a Encoded) -> Self {
        let range = at.plan.fragments_of(block);
        let (fragments, n) = (range.len(), block.outputs.len());
        let mut planes = vec![Mat::filled(fragments, n, 0.0); encoded.planes.len()];
        let has_dummy = at.design.hardware.crossbar().dummy_column == DummyColumn::Analog;
        let mut dummy = has_dummy.then(|| Mat::filled(fragments, n, 0.0));
        for readout in &encoded.readouts {
            for f in 0..fragments {
                for c in 0..n {
                    let gain = readout.gain.at(f, c) as f64;
                    for &(plane, sign) in &readout.terms {
                        planes[plane][(f, c)] += gain * sign.value() as f64;
                        if let Some(dummy) = &mut dummy {
                            dummy[(f, c)] -= gain * sign.value() as f64;
                        }
                    }
                }
            }
        }
        let fragment = block
            .rows
            .clone()
            .map(|row| at.plan.fragments[range.clone()].iter().position(|f| f.contains(&row)).unwrap_or(0))
            .collect();
        Self { block, encoded, planes, dummy, fragment }
    }

    /// Every cell with what it is worth to an output: `f(row of the layer, output of the block, level, worth)`.
    fn each(
        &self,
        outputs: impl Iterator<Item = usize> + Clone,
        mut f: impl FnMut(usize, usize, usize, f64),
    ) {
        for (plane, worth) in self.encoded.planes.iter().zip(&self.planes) {
            for row in 0..plane.rows() {
                let worth = worth.row(self.fragment[row]);
                for c in outputs.clone() {
                    let level = plane[(row, if plane.cols() == 1 { 0 } else { c })];
                    if worth[c] != 0.0 {
                        f(self.block.rows.start + row, c, usize::from(level), worth[c]);
                    }
                }
            }
        }
        if let Some(dummy) = &self.dummy {
            for row in 0..self.block.rows.len() {
                let worth = dummy.row(self.fragment[row]);
                outputs.clone().for_each(|c| f(self.block.rows.start + row, c, 0, worth[c]));
            }
        }
    }

    fn add_apart(&self, squares: &[f64], share: f64, apart: &mut [f64]) {
        self.each(0..self.block.outputs.len(), |row, _, level, worth| {
            apart[level] += share * worth * worth * squares[row];
        });
    }

    fn add_together(
        &self,
        vectors: &[&[i32]],
        outputs: &[usize],
        (levels, groups): (usize, usize),
        unit: &mut [f64],
    ) {
        let own: Vec<(usize, usize)> = outputs
            .iter()
            .enumerate()
            .filter(|(_, j)| self.block.outputs.contains(j))
            .map(|(at, j)| (at, j - self.block.outputs.start))
            .collect();
        let at_of = |c: usize| own.iter().find(|o| o.1 == c).map_or(0, |o| o.0);
        let columns: Vec<usize> = own.iter().map(|o| o.1).collect();
        let mut cells: Vec<(u32, u32, f32)> = Vec::new();
        self.each(columns.iter().copied(), |row, c, level, worth| {
            cells.push((row as u32, (at_of(c) * groups + level * groups / levels) as u32, worth as f32));
        });
        for (x, unit) in vectors.iter().zip(unit.chunks_exact_mut(outputs.len() * groups)) {
            for &(row, to, worth) in &cells {
                unit[to as usize] += f64::from(worth) * f64::from(x[row as usize]);
            }
        }
    }
}

/// The reads of a layer as they are looked at.
struct Reads {
    /// By set of converters and slice: sum, sum of squared digits over cells, and of squared digits times levels.
    sums: Vec<Vec<[f32; 3]>>,
    /// Of reads that drive a row, and of those that are issued, and of all.
    driven: Vec<f64>,
    issued: Vec<f64>,
    all: Vec<f64>,
    digits: Vec<Vec<f64>>,
    conversions: Vec<f64>,
    gain_square: Vec<f64>,
    gain_sum: Vec<f64>,
    slices: usize,
    readouts: Vec<usize>,
}

impl Reads {
    fn new(layer: &LayerDesign, levels: usize) -> Self {
        let slices = layer.slices.len();
        let kinds = layer.sharing.sets.len() * slices;
        let zeros = vec![0.0; kinds];
        Self {
            sums: vec![Vec::new(); kinds],
            driven: zeros.clone(),
            issued: zeros.clone(),
            all: zeros.clone(),
            digits: vec![vec![0.0; levels]; kinds],
            conversions: zeros.clone(),
            gain_square: zeros.clone(),
            gain_sum: zeros,
            slices,
            readouts: layer.sharing.sets.iter().map(|s| s.readout).collect(),
        }
    }

    fn add(
        &mut self,
        at: Layer<'_>,
        (b, block, encoded): (usize, &Block, &Encoded),
        vectors: &[&[i32]],
        outputs: &[usize],
    ) {
        let ideal: Vec<Mat<f64>> = encoded.planes.iter().map(|p| p.map(f64::from)).collect();
        let n = block.outputs.len();
        let seen = effective(encoded, n, &ideal, None, at.base());
        let range = at.plan.fragments_of(block);
        let skips = at.design.hardware.dac().skipping() != ohmic_hardware::Skipping::None;
        let mut first = 0;
        for readout in &encoded.readouts {
            let wide = width(encoded, readout, n);
            for (set, run) in at.layer.sharing.runs(b, first..first + wide) {
                let own = run.start - first..run.end - first;
                let columns: Vec<usize> = if wide == 1 {
                    vec![0]
                } else {
                    outputs
                        .iter()
                        .filter(|j| block.outputs.contains(j))
                        .map(|j| j - block.outputs.start)
                        .filter(|c| own.contains(c))
                        .collect()
                };
                // the encodings' gains differ by fragment and output at most in sign
                let served = if wide == 1 { 0..n } else { own };
                let gains: (f64, f64) = (0..range.len())
                    .flat_map(|f| served.clone().map(move |c| (f, c)))
                    .map(|(f, c)| readout.gain.at(f, c) as f64)
                    .fold((0.0, 0.0), |(square, sum), g| (square + g * g, sum + g));
                for (s, slice) in at.layer.slices.iter().enumerate() {
                    let kind = set * self.slices + s;
                    let share = 1.0 / at.plan.n as f64 / at.plan.groups as f64;
                    self.gain_square[kind] += gains.0 * (slice.gain as f64).powi(2) * share;
                    self.gain_sum[kind] += gains.1 * slice.gain as f64 * share;
                    for f in &at.plan.fragments[range.clone()] {
                        for x in vectors {
                            let x = &x[f.clone()];
                            self.all[kind] += 1.0;
                            let reaches = !skips || x.iter().any(|&x| reaches(slice, x));
                            self.issued[kind] += f64::from(u8::from(reaches));
                            if x.iter().all(|&x| slice.digit(x) == 0) {
                                continue;
                            }
                            self.driven[kind] += 1.0;
                            let mut sums = vec![[0f32; 3]; columns.len()];
                            for (i, &x) in x.iter().enumerate() {
                                let digit = slice.digit(x);
                                if digit == 0 {
                                    continue;
                                }
                                let row = f.start + i - block.rows.start;
                                let levels = seen.row(row);
                                for (sum, &c) in sums.iter_mut().zip(&columns) {
                                    sum[0] += digit as f32 * levels[first + c] as f32;
                                }
                                let square = f64::from(digit).powi(2);
                                for &(plane, _) in &readout.terms {
                                    let plane = &encoded.planes[plane];
                                    for (sum, &c) in sums.iter_mut().zip(&columns) {
                                        let level = plane[(row, if plane.cols() == 1 { 0 } else { c })];
                                        self.digits[kind][usize::from(level)] += square;
                                        sum[1] += square as f32;
                                        sum[2] += (square * f64::from(level).powi(2)) as f32;
                                    }
                                }
                            }
                            self.conversions[kind] += columns.len() as f64;
                            self.sums[kind].extend(sums);
                        }
                    }
                }
            }
            first += wide;
        }
    }

    fn finish(self) -> Vec<ConversionStatistics> {
        let kinds = self.sums.len();
        let most = (ALL_BINS / kinds.max(1)).clamp(FEWEST_BINS, BINS);
        (0..kinds)
            .map(|kind| {
                let sums = &self.sums[kind];
                let low = sums.iter().map(|s| s[0]).fold(0.0, f32::min);
                let high = sums.iter().map(|s| s[0]).fold(0.0, f32::max);
                // integers have a bin each while there are few
                let span = f64::from(high - low);
                let bin = if sums.iter().all(|s| s[0].fract() == 0.0) {
                    (span / (most - 1) as f64).ceil().max(1.0)
                } else {
                    (span / (most - 1) as f64).max(1e-9)
                };
                let bins = (span / bin).round() as usize + 1;
                let mut histogram = vec![Bin::default(); bins];
                for &[sum, squares, level_squares] in sums {
                    let bin = (f64::from(sum - low) / bin).round() as usize;
                    let bin = &mut histogram[bin.min(bins - 1)];
                    bin.share += 1.0;
                    bin.squares += f64::from(squares);
                    bin.level_squares += f64::from(level_squares);
                }
                for bin in histogram.iter_mut().filter(|b| b.share > 0.0) {
                    bin.squares /= bin.share;
                    bin.level_squares /= bin.share;
                    bin.share /= sums.len() as f64;
                }
                let conversions = self.conversions[kind].max(1.0);
                let all = self.all[kind].max(1.0);
                ConversionStatistics {
                    readout: self.readouts[kind / self.slices],
                    set: kind / self.slices,
                    gain_square: self.gain_square[kind],
                    gain_sum: self.gain_sum[kind],
                    digits: self.digits[kind].iter().map(|d| d / conversions).collect(),
                    driven: self.driven[kind] / all,
                    issued: self.issued[kind] / all,
                    first: f64::from(low),
                    width: bin,
                    histogram,
                }
            })
            .collect()
    }
}

/// Whether an input makes the machine issue a slice that it skips for leading zeros.
fn reaches(slice: &ohmic_hardware::InputSlice, x: i32) -> bool {
    crate::program::Occupied::of(&[x]).reaches(slice)
}
