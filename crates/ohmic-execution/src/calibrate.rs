//! What sums a layer's converters meet on the calibration set: the ground for calibrated ranges.
//!
//! The cells are nominal (no programming error, no fault), the inputs those of the exact integer
//! network, so that all chip instances and all noise settings share one range.

use crate::Error;
use crate::apply::{Buffers, Multiply, Part, apply};
use crate::design::{Design, LayerDesign};
use crate::effective::effective;
use crate::fix::{Arithmetic, Periphery, Seen};
use crate::nonlinear::{Driven, layer_program};
use crate::program::{Cells, LayerProgram};
use crate::ranges::{Of, SumRange};
use crate::read::{Scratch, multiply};
use crate::sharing::RangePlace;
use crate::wires::{BlockCells, LayerWires};
use ohmic_hardware::{DummyColumn, RangePer, Span};
use ohmic_mapping::LayerPlan;
use ohmic_network::{LayerId, MvmEngine, Node, Tensor};
use ohmic_numerics::Mat;
use ohmic_numerics::kernel::engine::{Digits, Vectors};
use ohmic_numerics::kernel::mvm_i16;
use rayon::prelude::*;

/// Images that one thread looks at before it takes others.
const PART: usize = 4;

/// The sums that every readout of a network met on the calibration set. They depend neither on the
/// converters (but for which of them share a range) nor on what programming does to the cells.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// By layer index, then set of converters that share a range.
    pub(crate) ranges: Vec<Vec<SumRange>>,
}

/// The sums that one readout met, and the range that its converters cover.
#[derive(Clone, Debug, PartialEq)]
pub struct SumHistogram {
    /// Layer name.
    pub layer: String,
    /// Where the converters are that share the range.
    pub place: RangePlace,
    /// Readout index within the encoding.
    pub readout: usize,
    /// Where the first bin begins and the last one ends, in levels times input digits.
    pub bounds: Span,
    /// Sums in equally wide bins.
    pub counts: Vec<u64>,
    /// What is converted without clipping: half a step beyond the first and the last code; `None` without a converter.
    pub range: Option<Span>,
}

impl SumHistogram {
    /// Fractions of the sums below and above the range, as exact as the bins are: a bin counts as its lower end.
    pub fn tails(&self) -> (f64, f64) {
        let Some(range) = self.range else { return (0.0, 0.0) };
        let width = (self.bounds.high - self.bounds.low) / self.counts.len() as f64;
        let total = self.counts.iter().sum::<u64>().max(1) as f64;
        let share = |outside: &dyn Fn(f64) -> bool| {
            let bins = self.counts.iter().enumerate();
            let of = bins.filter(|&(bin, _)| outside(self.bounds.low + bin as f64 * width));
            of.map(|(_, &count)| count).sum::<u64>() as f64 / total
        };
        (share(&|sum| sum < range.low), share(&|sum| sum > range.high))
    }
}

impl Calibration {
    /// Runs the calibration set through the exact network and collects every readout's sums, in parallel;
    /// counts and bounds come out the same in any order.
    ///
    /// # Errors
    /// The network refuses the inputs, or wires cannot be computed.
    pub fn observe(design: &Design<'_>, calibration: &Tensor) -> Result<Self, Error> {
        let base = design.base_level();
        let mut nominal: Vec<Option<LayerProgram>> = vec![None; design.layers.len()];
        let mut empty = vec![Vec::new(); design.layers.len()];
        for (id, layer, plan, _) in design.mvm_layers() {
            let digit = layer.slices.iter().map(|s| f64::from(s.max_abs())).fold(1.0, f64::max);
            // cells that are not linear may draw more than their levels say
            let levels = 1 << design.hardware.encoding().cell_bits();
            let step = design.hardware.device().window().step_siemens(levels);
            let digit = digit
                * Driven::of(design.hardware, &layer.slices).map_or(1.0, |d| d.most(levels, (step, base)));
            let most = plan.rows_per_read.min(plan.k) as f64 * digit;
            let of = match design.hardware.adc().range_per() {
                RangePer::Layer | RangePer::Tile => Of::Layer,
                RangePer::Crossbar => Of::Block,
                RangePer::ColumnGroup => Of::Converter,
            };
            let narrow = (of == Of::Converter).then(|| largest_columns(plan, layer, base));
            empty[id.0 as usize] = (layer.sharing.sets.iter().enumerate())
                .map(|(i, set)| {
                    let r = &layer.encoded[0].readouts[set.readout];
                    let net: i64 = r.terms.iter().map(|(_, s)| s.value()).sum();
                    let reach = (r.level_low.abs().max(r.level_high.abs()) + net.abs() as f64 * base) * most;
                    // the few columns of a converter may be far from what the encoding could hold
                    let reach = narrow.as_ref().map_or(reach, |n| reach.min((n[i] * digit).max(1.0)));
                    let low = if r.level_low < 0.0 || layer.slices.iter().any(|s| s.can_be_negative()) {
                        -reach
                    } else {
                        0.0
                    };
                    SumRange::new(Span { low, high: reach }, of)
                })
                .collect();
            nominal[id.0 as usize] = Some(nominal_program(design, layer, plan, base)?);
        }
        let each = calibration.shape.len();
        let parts: Vec<&[f32]> = calibration.data.chunks((PART * each).max(1)).collect();
        let look = |i: usize, part: &[f32], observer: &mut Observer<'_>| -> Result<(), Error> {
            let part = Tensor::new(part.len() / each, calibration.shape.clone(), part.to_vec());
            design.network.forward(&part, i * PART, observer)?;
            Ok(())
        };
        let fresh = || Observer {
            design,
            nominal: &nominal,
            calibration: Self { ranges: empty.clone() },
            scratch: Scratch::default(),
            buffers: Buffers::default(),
        };
        let parts: Vec<Result<Self, Error>> = parts
            .par_iter()
            .enumerate()
            .fold(
                || Ok(fresh()),
                |observer, (i, part)| {
                    let mut observer = observer?;
                    look(i, part, &mut observer)?;
                    Ok(observer)
                },
            )
            .map(|observer| observer.map(|o| o.calibration))
            .collect();
        let mut all = Self { ranges: empty.clone() };
        for part in parts {
            for (all, part) in all.ranges.iter_mut().flatten().zip(part?.ranges.iter().flatten()) {
                all.merge(part);
            }
        }
        Ok(all)
    }

    /// What the converters of a design met, with the range that the design covers.
    pub fn histograms(&self, design: &Design<'_>) -> Vec<SumHistogram> {
        let mut all = Vec::new();
        for (id, layer, ..) in design.mvm_layers() {
            let sets = self.ranges[id.0 as usize].iter().zip(&layer.grids);
            for ((sums, grid), set) in sets.zip(&layer.sharing.sets) {
                let (bounds, counts) = sums.histogram();
                let range = grid.map(|g| {
                    let edge = |code: i32, half: f64| (f64::from(code) + half) * f64::from(g.step);
                    Span { low: edge(g.code_min, -0.5), high: edge(g.code_max, 0.5) }
                });
                all.push(SumHistogram {
                    layer: design.network.nodes[id.0 as usize].name.clone(),
                    place: set.place,
                    readout: set.readout,
                    bounds,
                    counts: counts.to_vec(),
                    range,
                });
            }
        }
        all
    }

    /// Bytes that it takes in memory.
    pub fn bytes(&self) -> usize {
        self.ranges.iter().flatten().map(SumRange::bytes).sum()
    }
}

/// By set of converters: the largest sum of magnitudes of nominal levels that one of its columns has in a fragment.
fn largest_columns(plan: &LayerPlan, layer: &LayerDesign, base: f64) -> Vec<f64> {
    let mut largest = vec![0f64; layer.sharing.sets.len()];
    for (b, (block, encoded)) in plan.blocks.iter().zip(&layer.encoded).enumerate() {
        let ideal: Vec<Mat<f64>> = encoded.planes.iter().map(|p| p.map(f64::from)).collect();
        let levels = effective(encoded, block.outputs.len(), &ideal, None, base);
        for rows in &plan.fragments[plan.fragments_of(block)] {
            let mut sums = vec![0f64; levels.cols()];
            for row in rows.clone() {
                let levels = levels.row(row - block.rows.start);
                sums.iter_mut().zip(levels).for_each(|(sum, level)| *sum += level.abs());
            }
            for (&set, sum) in layer.sharing.columns(b).iter().zip(sums) {
                largest[set as usize] = largest[set as usize].max(sum);
            }
        }
    }
    largest
}

/// The layer with nominal cells on its wires and without converters, so that nothing behind the cells is
/// looked at.
fn nominal_program(
    design: &Design<'_>,
    layer: &LayerDesign,
    plan: &LayerPlan,
    base: f64,
) -> Result<LayerProgram, Error> {
    let hardware = design.hardware;
    let dummy = hardware.crossbar().dummy_column == DummyColumn::Analog;
    let step = hardware.device().window().step_siemens(1 << hardware.encoding().cell_bits());
    let wires = LayerWires::new(hardware, plan)?;
    let driven = Driven::of(hardware, &layer.slices);
    let seen: Result<Vec<Seen>, Error> = plan
        .blocks
        .par_iter()
        .zip(&layer.encoded)
        .map_init(
            || wires.clone(),
            |wires, (block, encoded)| {
                let planes = encoded.planes.iter().map(|p| p.map(f64::from)).collect();
                let dummy = dummy.then(|| Mat::filled(block.rows.len(), 1, 0.0));
                let levels = BlockCells { planes, dummy };
                let variance = BlockCells { planes: Vec::new(), dummy: None };
                wires.seen(plan, block, encoded, (step, base, base), driven.as_ref(), (levels, variance))
            },
        )
        .collect();
    let periphery = Periphery {
        sigma_lsb: 0.0,
        skipping: design.hardware.dac().skipping(),
        arithmetic: Arithmetic::Sums,
    };
    Ok(layer_program(driven.as_ref(), &layer.without_converters(), plan, periphery, None, &seen?))
}

struct Observer<'a> {
    design: &'a Design<'a>,
    nominal: &'a [Option<LayerProgram>],
    calibration: Calibration,
    scratch: Scratch,
    buffers: Buffers,
}

impl MvmEngine for Observer<'_> {
    fn mvm(
        &mut self,
        id: LayerId,
        node: &Node,
        input: &Tensor,
        first_sample: usize,
    ) -> Result<Tensor, ohmic_network::Error> {
        let i = id.0 as usize;
        let (Some(layer), Some(design), Some(nominal)) =
            (&self.design.quantized.layers[i], &self.design.layers[i], &self.nominal[i])
        else {
            unreachable!("every layer with a matrix is quantized, designed and nominal");
        };
        let mut collector = Collector {
            nominal,
            exact: &design.exact,
            ranges: &mut self.calibration.ranges[i],
            scratch: &mut self.scratch,
            digits: Digits::default(),
        };
        let output = apply(&node.name, layer, input, first_sample, &mut self.buffers, &mut collector);
        output.map_err(|error| ohmic_network::Error::Engine {
            layer: node.name.clone(),
            source: Box::new(error),
        })
    }
}

/// One layer while calibration inputs go through it.
struct Collector<'a> {
    nominal: &'a LayerProgram,
    exact: &'a LayerProgram,
    ranges: &'a mut [SumRange],
    scratch: &'a mut Scratch,
    digits: Digits,
}

impl Multiply for Collector<'_> {
    fn multiply(&mut self, part: Part<'_>, y: &mut [f64]) {
        let Part { group, vectors, first_draw, order, .. } = part;
        match &self.nominal.spread {
            None => collect(self.nominal, group, vectors, self.ranges, &mut self.digits, self.scratch),
            Some(spread) => {
                let mut buffers = std::mem::take(&mut self.scratch.spread);
                let driven = spread.vectors(vectors, &mut buffers);
                collect(self.nominal, group, driven, self.ranges, &mut self.digits, self.scratch);
                self.scratch.spread = buffers;
            }
        }
        multiply(self.exact, group, vectors, first_draw, None, (y, order), self.scratch);
    }
}

/// Adds the sums of all reads of one group to the ranges of their readouts.
fn collect(
    program: &LayerProgram,
    group: usize,
    vectors: Vectors<'_>,
    ranges: &mut [SumRange],
    digits: &mut Digits,
    scratch: &mut Scratch,
) {
    let (step, slices) = (64, program.slices.len());
    for first in (0..vectors.count()).step_by(step) {
        let n = step.min(vectors.count() - first);
        let tile = vectors.part(first, n);
        // digits of more than 15 bits are no words: every read is computed from its inputs
        let cut = program
            .slices
            .iter()
            .all(|s| s.bits <= 15)
            .then(|| digits.cut(&program.layout, &program.digits, tile));
        let (words, stride) = cut.and_then(|cut| cut.words()).unwrap_or((&[], program.layout.padded));
        for block in program.blocks.iter().filter(|b| b.group == group) {
            let width = block.padded_columns();
            for (local, fragment) in block.fragments.clone().enumerate() {
                let (rows, offset) =
                    (program.layout.rows[fragment].clone(), program.layout.offsets[fragment]);
                // reads without a driven row give zero: nothing to compute
                scratch.offsets.clear();
                for row in 0..n * slices {
                    let at = row * stride + offset;
                    if words.is_empty() || words[at..at + rows.len()].iter().fold(0, |a, &d| a | d) != 0 {
                        scratch.offsets.push(at as u32);
                    }
                }
                let reads = scratch.offsets.len();
                let sums: Vec<f64> = match &block.cells {
                    Cells::Sums(packed) => {
                        scratch.sums.resize(reads * width, 0);
                        mvm_i16(words, &scratch.offsets, &packed[local], &mut scratch.sums);
                        scratch.sums.iter().map(|&s| f64::from(s)).collect()
                    }
                    Cells::Wide { cells, .. } => {
                        let mut sums = vec![0.0; reads * width];
                        for (sums, &at) in sums.chunks_exact_mut(width).zip(&scratch.offsets) {
                            let row = at as usize / stride;
                            for k in rows.clone() {
                                let x = tile.at(row / slices, k);
                                let digit = f64::from(program.slices[row % slices].digit(x));
                                for (sum, &g) in sums.iter_mut().zip(cells.row(k - block.first_row)) {
                                    *sum += digit * f64::from(g);
                                }
                            }
                        }
                        sums
                    }
                    Cells::Engine(_) | Cells::Climb(_) => unreachable!("a program of sums alone"),
                };
                for readout in &block.readouts {
                    let range = &mut ranges[readout.set];
                    for sums in sums.chunks_exact(width) {
                        for &sum in &sums[readout.columns.clone()] {
                            range.add(sum * f64::from(program.scale()), 1);
                        }
                    }
                    range.add(0.0, ((n * slices - reads) * readout.columns.len()) as u64);
                }
            }
        }
    }
}
