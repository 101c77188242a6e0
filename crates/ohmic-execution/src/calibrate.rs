//! What sums a layer's converters meet on the calibration set: the ground for calibrated ranges.
//!
//! The cells are nominal (no programming error, no fault), the inputs those of the exact integer
//! network, so that all chip instances and all noise settings share one range.

use crate::Error;
use crate::apply::{Buffers, Multiply, Part, apply};
use crate::design::{Design, LayerDesign};
use crate::fix::{Arithmetic, Periphery, Seen};
use crate::nonlinear::{Driven, layer_program};
use crate::program::{Cells, LayerProgram};
use crate::read::{Scratch, multiply};
use crate::wires::{BlockCells, LayerWires};
use ohmic_hardware::{DummyColumn, RangePolicy, Span};
use ohmic_mapping::LayerPlan;
use ohmic_network::{LayerId, MvmEngine, Node, Tensor};
use ohmic_numerics::Mat;
use ohmic_numerics::kernel::engine::{Digits, Vectors};
use ohmic_numerics::kernel::mvm_i16;
use rayon::prelude::*;

/// Bins of a histogram of sums.
const BINS: usize = 8192;

/// Images that one thread looks at before it takes others.
const PART: usize = 4;

/// The sums that every readout of a network met on the calibration set. They depend neither on the
/// converters nor on what programming does to the cells.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// By layer index, then readout.
    pub(crate) ranges: Vec<Vec<SumRange>>,
}

/// The sums that one readout of a layer met.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SumRange {
    low: f64,
    high: f64,
    /// Bounds of the histogram: what the encoding guarantees.
    bounds: Span,
    counts: Vec<u64>,
}

impl SumRange {
    fn new(bounds: Span) -> Self {
        Self { low: 0.0, high: 0.0, bounds, counts: vec![0; BINS] }
    }

    fn add(&mut self, level: f64, times: u64) {
        self.low = self.low.min(level);
        self.high = self.high.max(level);
        let width = (self.bounds.high - self.bounds.low).max(f64::MIN_POSITIVE);
        let at = (level - self.bounds.low) / width * BINS as f64;
        self.counts[(at.max(0.0) as usize).min(BINS - 1)] += times;
    }

    /// Takes over what another part of the calibration set gave.
    fn merge(&mut self, other: &Self) {
        self.low = self.low.min(other.low);
        self.high = self.high.max(other.high);
        for (a, b) in self.counts.iter_mut().zip(&other.counts) {
            *a += b;
        }
    }

    /// The span to convert: everything seen, or all but an equal share of both tails.
    pub(crate) fn span(&self, policy: RangePolicy) -> Span {
        let whole = Span { low: self.low, high: self.high };
        let RangePolicy::Percentile(keep) = policy else { return whole };
        let total: u64 = self.counts.iter().sum();
        let drop = ((1.0 - keep) * 0.5 * total as f64) as u64;
        let edge =
            |bin: usize| self.bounds.low + (self.bounds.high - self.bounds.low) * bin as f64 / BINS as f64;
        let mut seen = 0;
        let low = self.counts.iter().position(|&c| {
            seen += c;
            seen > drop
        });
        seen = 0;
        let high = self.counts.iter().rposition(|&c| {
            seen += c;
            seen > drop
        });
        // zero always lies inside: a read of nothing must give code 0
        Span {
            low: low.map_or(whole.low, |b| edge(b).max(whole.low)).min(0.0),
            high: high.map_or(whole.high, |b| edge(b + 1).min(whole.high)).max(0.0),
        }
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
            empty[id.0 as usize] = layer.encoded[0]
                .readouts
                .iter()
                .map(|r| {
                    let net: i64 = r.terms.iter().map(|(_, s)| s.value()).sum();
                    let reach = (r.level_low.abs().max(r.level_high.abs()) + net.abs() as f64 * base) * most;
                    let low = if r.level_low < 0.0 || layer.slices.iter().any(|s| s.can_be_negative()) {
                        -reach
                    } else {
                        0.0
                    };
                    SumRange::new(Span { low, high: reach })
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

    /// Bytes that it takes in memory.
    pub fn bytes(&self) -> usize {
        self.ranges.iter().flatten().map(|r| 8 * r.counts.len() + size_of::<SumRange>()).sum()
    }
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
    Ok(layer_program(driven.as_ref(), &layer.without_converters(), plan, periphery, &seen?))
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
                    Cells::Engine(_) => unreachable!("a program of sums alone"),
                };
                for (readout, range) in block.readouts.iter().zip(ranges.iter_mut()) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentile_drops_equal_tails() {
        let mut r = SumRange::new(Span { low: 0.0, high: 8192.0 });
        // 1000 sums of 10, one of 8000: keeping 99 % drops five on each side
        r.add(10.0, 1000);
        r.add(8000.0, 1);
        assert_eq!(r.span(RangePolicy::Max), Span { low: 0.0, high: 8000.0 });
        assert_eq!(r.span(RangePolicy::Percentile(0.99)), Span { low: 0.0, high: 11.0 });
    }
}
