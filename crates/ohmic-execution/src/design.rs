//! What a network on a piece of hardware has before any chip is programmed: encoded blocks, input
//! slices, converter ranges, and the exact digital form of every layer.

use crate::Error;
use crate::calibrate::Calibration;
use crate::program::{
    BlockProgram, Cells, Fragment, Grid, LayerProgram, ReadoutProgram, are_bits, join, lay_out,
};
use ohmic_hardware::dac::{InputSign, InputSlice, Part, Skipping};
use ohmic_hardware::{DummyColumn, EncodeError, Encoded, Gain, Hardware, RangePolicy, Span};
use ohmic_mapping::{Block, LayerPlan, Plan};
use ohmic_network::quantization::{Quantized, QuantizedMvm};
use ohmic_network::{LayerId, Network, Tensor};
use ohmic_numerics::kernel::{Grids, PackedI16};
use ohmic_numerics::{Mat, MatRef, Uniform};
use std::ops::Deref;
use std::sync::Arc;

/// A network encoded for a piece of hardware, shared by all chip instances.
#[derive(Debug)]
pub struct Design<'a> {
    pub(crate) network: &'a Network,
    pub(crate) quantized: &'a Quantized,
    pub(crate) plan: &'a Plan,
    pub(crate) hardware: &'a Hardware,
    /// By layer index.
    pub(crate) layers: Vec<Option<LayerDesign>>,
}

/// The weights of a network as levels of cells, and what follows from them and the input drivers alone:
/// the part of a [`Design`] that designs share which differ only behind the cells.
#[derive(Debug)]
pub struct EncodedNetwork {
    /// By layer index.
    layers: Vec<Option<Arc<EncodedLayer>>>,
}

/// One layer of a [`Design`].
#[derive(Clone, Debug)]
pub(crate) struct LayerDesign {
    shared: Arc<EncodedLayer>,
    /// Converter grid of every readout.
    pub(crate) grids: Vec<Grid>,
}

impl Deref for LayerDesign {
    type Target = EncodedLayer;

    fn deref(&self) -> &EncodedLayer {
        &self.shared
    }
}

/// One layer of an [`EncodedNetwork`].
#[derive(Debug)]
pub(crate) struct EncodedLayer {
    /// One a block of the plan.
    pub(crate) encoded: Vec<Encoded>,
    pub(crate) slices: Vec<InputSlice>,
    pub(crate) fragments: Vec<Fragment>,
    pub(crate) padded: usize,
    /// The same layer as one exact integer product a group.
    pub(crate) exact: LayerProgram,
    /// What an input drives the array with.
    pub(crate) squares: Squares,
}

/// Sum of the squared digits of an input over its slices, looked up for inputs of up to 12 bits.
#[derive(Debug)]
pub(crate) struct Squares {
    slices: Vec<InputSlice>,
    low: i32,
    table: Vec<u32>,
}

impl Squares {
    pub(crate) fn new(slices: &[InputSlice], layer: &QuantizedMvm) -> Self {
        let half = 1i32 << (layer.input_bits - 1);
        let (low, high) = if layer.input_signed { (-half, half) } else { (0, 2 * half) };
        let table = if layer.input_bits <= 12 {
            (low..high).map(|x| square(slices, x)).collect()
        } else {
            Vec::new()
        };
        Self { slices: slices.to_vec(), low, table }
    }

    pub(crate) fn of(&self, x: i32) -> u32 {
        match self.table.get((x - self.low) as usize) {
            Some(&s) => s,
            None => square(&self.slices, x),
        }
    }
}

fn square(slices: &[InputSlice], x: i32) -> u32 {
    slices.iter().map(|s| s.digit(x).unsigned_abs().pow(2)).sum()
}

/// The grid that one readout of a layer is converted with, for reports.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadoutRange {
    /// Layer name.
    pub layer: String,
    /// Readout index within the encoding.
    pub readout: usize,
    /// Its grid in levels; `None` without a converter.
    pub grid: Option<Uniform>,
}

impl<'a> Design<'a> {
    /// Encodes every block of the plan and fixes every converter's range. `calibration` is looked at
    /// only if the hardware asks for calibrated ranges; it is never the test set.
    ///
    /// # Errors
    /// A weight that the encoding cannot hold, named by layer, row and column.
    pub fn new(
        network: &'a Network,
        quantized: &'a Quantized,
        plan: &'a Plan,
        hardware: &'a Hardware,
        calibration: &Tensor,
    ) -> Result<Self, Error> {
        let encoded = EncodedNetwork::new(quantized, plan, hardware)?;
        let mut design = Self::uncalibrated(network, quantized, plan, hardware, &encoded);
        if design.asks_for_calibration() {
            let calibration = Calibration::observe(&design, calibration)?;
            design.calibrate(&calibration);
        }
        Ok(design)
    }

    /// A design whose converters cover every sum that a full read can give; `encoded` is of the same
    /// network, plan and hardware but for what stands behind the cells.
    pub fn uncalibrated(
        network: &'a Network,
        quantized: &'a Quantized,
        plan: &'a Plan,
        hardware: &'a Hardware,
        encoded: &EncodedNetwork,
    ) -> Self {
        let layers = encoded.layers.iter().map(|layer| {
            let shared = Arc::clone(layer.as_ref()?);
            let grids = full_scale_grids(&shared.encoded[0], &shared.slices, hardware);
            Some(LayerDesign::new(shared, grids))
        });
        Self { network, quantized, plan, hardware, layers: layers.collect() }
    }

    /// Whether the hardware wants converter ranges chosen on the calibration set.
    pub fn asks_for_calibration(&self) -> bool {
        self.hardware.adc().range() != RangePolicy::FullScale
    }

    /// Sets every converter's range by what its sums were on the calibration set.
    pub fn calibrate(&mut self, calibration: &Calibration) {
        let adc = self.hardware.adc();
        for (layer, ranges) in self.layers.iter_mut().zip(&calibration.ranges) {
            if let Some(layer) = layer {
                for (grid, range) in layer.grids.iter_mut().zip(ranges) {
                    *grid = adc.quantizer(range.span(adc.range()));
                }
            }
        }
    }

    /// The converter grids in use, layer by layer and readout by readout.
    pub fn ranges(&self) -> Vec<ReadoutRange> {
        self.layers
            .iter()
            .zip(&self.network.nodes)
            .filter_map(|(layer, node)| layer.as_ref().map(|l| (l, node)))
            .flat_map(|(layer, node)| {
                layer.grids.iter().enumerate().map(|(readout, &grid)| ReadoutRange {
                    layer: node.name.clone(),
                    readout,
                    grid,
                })
            })
            .collect()
    }

    /// The layers that run on crossbars, in order.
    pub fn layers(&self) -> impl Iterator<Item = LayerId> {
        self.layers.iter().enumerate().filter(|(_, layer)| layer.is_some()).map(|(i, _)| LayerId(i as u32))
    }

    /// Index, design, plan and integers of every layer that runs on crossbars.
    pub(crate) fn mvm_layers(
        &self,
    ) -> impl Iterator<Item = (LayerId, &LayerDesign, &LayerPlan, &QuantizedMvm)> {
        self.layers.iter().zip(&self.plan.layers).zip(&self.quantized.layers).enumerate().filter_map(
            |(i, ((design, plan), layer))| {
                Some((LayerId(i as u32), design.as_ref()?, plan.as_ref()?, layer.as_ref()?))
            },
        )
    }

    /// Conductance of level 0 in steps of a level: what a finite on/off ratio adds to every cell.
    pub(crate) fn base_level(&self) -> f64 {
        let window = self.hardware.device().window();
        window.g_min_siemens / window.step_siemens(1 << self.hardware.encoding().cell_bits())
    }
}

impl EncodedNetwork {
    /// Encodes every block of the plan.
    ///
    /// # Errors
    /// A weight that the encoding cannot hold, named by layer, row and column.
    pub fn new(quantized: &Quantized, plan: &Plan, hardware: &Hardware) -> Result<Self, Error> {
        let encode = |(plan, layer): (&Option<LayerPlan>, &Option<QuantizedMvm>)| match (plan, layer) {
            (Some(plan), Some(layer)) => Ok(Some(Arc::new(EncodedLayer::new(plan, layer, hardware)?))),
            _ => Ok(None),
        };
        let layers = plan.layers.iter().zip(&quantized.layers).map(encode).collect::<Result<_, Error>>()?;
        Ok(Self { layers })
    }

    /// Bytes that it takes in memory, but for what is small.
    pub fn bytes(&self) -> usize {
        self.layers.iter().flatten().map(|layer| layer.bytes()).sum()
    }
}

impl LayerDesign {
    /// A layer whose readouts are converted with these grids.
    pub(crate) fn new(shared: Arc<EncodedLayer>, grids: Vec<Grid>) -> Self {
        Self { shared, grids }
    }

    /// The same layer without converters: the sums themselves.
    pub(crate) fn without_converters(&self) -> Self {
        Self::new(Arc::clone(&self.shared), vec![None; self.grids.len()])
    }
}

impl EncodedLayer {
    fn new(plan: &LayerPlan, layer: &QuantizedMvm, hardware: &Hardware) -> Result<Self, Error> {
        let sign = if layer.input_signed { InputSign::Signed } else { InputSign::Unsigned };
        let slices = hardware.dac().slices(layer.input_bits, sign);
        let (fragments, padded) = lay_out(&plan.fragments);
        let mut encoded = Vec::with_capacity(plan.blocks.len());
        for block in &plan.blocks {
            let weights = &layer.weights[block.group];
            let piece = Mat::from_fn(block.rows.len(), block.outputs.len(), |r, c| {
                weights[(block.rows.start + r, block.outputs.start + c)]
            });
            encoded.push(
                hardware
                    .encoding()
                    .encode(piece.view(), layer.weight_bits, plan.rows_per_read)
                    .map_err(|source| encode_error(plan, block, source))?,
            );
        }
        let squares = Squares::new(&slices, layer);
        Ok(Self { encoded, slices, fragments, padded, exact: exact_program(layer), squares })
    }

    fn bytes(&self) -> usize {
        let planes: usize = self.encoded.iter().flat_map(|e| &e.planes).map(|p| 2 * p.as_slice().len()).sum();
        // the exact product holds each weight in 16 bits
        let exact: usize = self.exact.blocks.iter().map(|b| 2 * b.rows * b.outputs.len()).sum();
        planes + exact + 4 * self.squares.table.len()
    }
}

fn encode_error(plan: &LayerPlan, block: &Block, source: EncodeError) -> Error {
    Error::Encode {
        layer: plan.name.clone(),
        crossbar: block.crossbar,
        first_row: block.rows.start,
        first_output: block.group * plan.n + block.outputs.start,
        source,
    }
}

/// Grids that cover every sum a full read can give, whatever the layer: the converter as built.
fn full_scale_grids(encoded: &Encoded, slices: &[InputSlice], hardware: &Hardware) -> Vec<Grid> {
    let crossbar = hardware.crossbar();
    let window = hardware.device().window();
    let base = window.g_min_siemens / window.step_siemens(1 << hardware.encoding().cell_bits());
    let digit = f64::from(slices.iter().map(InputSlice::max_abs).max().unwrap_or(1));
    let largest = crossbar.rows_per_read as f64 * digit;
    encoded
        .readouts
        .iter()
        .map(|readout| {
            let net: i64 = readout.terms.iter().map(|(_, sign)| sign.value()).sum();
            let left_in = if crossbar.dummy_column == DummyColumn::Analog { 0.0 } else { net as f64 * base };
            let (low, high) =
                ((readout.level_low + left_in) * largest, (readout.level_high + left_in) * largest);
            let (low, high) = if slices.iter().any(InputSlice::can_be_negative) {
                (low.min(-high), high.max(-low))
            } else {
                (low, high)
            };
            hardware.adc().quantizer(Span { low: low.min(0.0), high: high.max(0.0) })
        })
        .collect()
}

/// The layer as exact integer products: one block a group, inputs in one slice of up to 15 bits or in
/// slices of 8, rows in fragments short enough that sums stay within 32 bits.
pub(crate) fn exact_program(layer: &QuantizedMvm) -> LayerProgram {
    let bits = layer.input_bits;
    let slices: Vec<InputSlice> = if bits <= 15 {
        vec![InputSlice { part: Part::Signed, shift: 0, bits, gain: 1 }]
    } else {
        (0..bits)
            .step_by(8)
            .map(|shift| InputSlice {
                part: Part::Signed,
                shift,
                bits: 8.min(bits - shift),
                gain: 1 << shift,
            })
            .collect()
    };
    let digit = slices.iter().map(|s| i64::from(s.max_abs())).max().unwrap_or(1);
    let weight = (1i64 << (layer.weight_bits - 1)).max(1);
    let most = usize::try_from((i64::from(i32::MAX) / (digit * weight)).max(2)).unwrap_or(usize::MAX);
    let k = layer.weights[0].rows();
    let most = (most / 2 * 2).min(k.next_multiple_of(2));
    let rows: Vec<_> = (0..k).step_by(most).map(|r| r..(r + most).min(k)).collect();
    let (fragments, padded) = lay_out(&rows);
    let blocks = layer
        .weights
        .iter()
        .enumerate()
        .map(|(group, weights)| {
            let n = weights.cols();
            let packed = rows
                .iter()
                .map(|rows| {
                    let piece = Mat::from_fn(rows.len(), n, |r, c| weights[(rows.start + r, c)] as i16);
                    PackedI16::pack(piece.view())
                })
                .collect();
            BlockProgram {
                block: 0,
                group,
                first_row: 0,
                rows: k,
                outputs: 0..n,
                fragments: 0..rows.len(),
                cells: Cells::Narrow(packed),
                readouts: vec![ReadoutProgram { columns: 0..n, range: 0, shared_gain: None }],
                grids: Grids::default(),
                gains: vec![vec![1; n.next_multiple_of(PackedI16::PANEL)]; rows.len()],
                sigma: Vec::new(),
                variance: Vec::new(),
                input_sum_scale: Vec::new(),
            }
        })
        .collect();
    let runs = join(&fragments);
    LayerProgram {
        slices_are_bits: are_bits(&slices),
        slices,
        fragments,
        runs,
        padded,
        skipping: Skipping::None,
        blocks,
        ranges: vec![None],
        fraction_bits: 0,
        sigma_lsb: 0.0,
    }
}

/// The effective matrix of a block: what its converters see, rows × readout columns, in levels.
///
/// `levels` holds the levels of every plane as they are on the chip (or nominally), above level 0.
/// What level 0 itself conducts (`base`) is taken off by the dummy column if there is one, with that
/// column's own error, and else left in where the signs of a readout do not cancel it.
pub(crate) fn effective(
    encoded: &Encoded,
    outputs: usize,
    levels: &[Mat<f64>],
    dummy: Option<&[f64]>,
    base: f64,
) -> Mat<f64> {
    let rows = encoded.planes[0].rows();
    let widths: Vec<usize> = encoded.readouts.iter().map(|r| width(encoded, r, outputs)).collect();
    let mut out = Mat::filled(rows, widths.iter().sum(), 0.0);
    for i in 0..rows {
        let mut first = 0;
        for (readout, &width) in encoded.readouts.iter().zip(&widths) {
            let net: i64 = readout.terms.iter().map(|(_, sign)| sign.value()).sum();
            let removed = net as f64 * dummy.map_or(-base, |d| d[i]);
            for c in 0..width {
                let sum: f64 = readout
                    .terms
                    .iter()
                    .map(|&(plane, sign)| {
                        let plane = &levels[plane];
                        sign.value() as f64 * plane[(i, if plane.cols() == 1 { 0 } else { c })]
                    })
                    .sum();
                out[(i, first + c)] = sum - removed;
            }
            first += width;
        }
    }
    out
}

/// Variances add where levels add or subtract.
pub(crate) fn effective_variance(
    encoded: &Encoded,
    outputs: usize,
    variance: &[Mat<f64>],
    dummy: Option<&[f64]>,
) -> Mat<f64> {
    let rows = encoded.planes[0].rows();
    let widths: Vec<usize> = encoded.readouts.iter().map(|r| width(encoded, r, outputs)).collect();
    let mut out = Mat::filled(rows, widths.iter().sum(), 0.0);
    for i in 0..rows {
        let mut first = 0;
        for (readout, &width) in encoded.readouts.iter().zip(&widths) {
            let net: i64 = readout.terms.iter().map(|(_, sign)| sign.value()).sum();
            let removed = dummy.map_or(0.0, |d| (net * net) as f64 * d[i]);
            for c in 0..width {
                let sum: f64 = readout
                    .terms
                    .iter()
                    .map(|&(plane, _)| {
                        let plane = &variance[plane];
                        plane[(i, if plane.cols() == 1 { 0 } else { c })]
                    })
                    .sum();
                out[(i, first + c)] = sum + removed;
            }
            first += width;
        }
    }
    out
}

/// Conversions of one read of a readout: one an output, or one that all share.
pub(crate) fn width(encoded: &Encoded, readout: &ohmic_hardware::Readout, outputs: usize) -> usize {
    if readout.terms.iter().all(|&(plane, _)| encoded.planes[plane].cols() == 1) { 1 } else { outputs }
}

/// What a program needs to know of the hardware beside its cells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Periphery {
    pub(crate) sigma_lsb: f32,
    pub(crate) skipping: Skipping,
    pub(crate) arithmetic: Arithmetic,
}

impl Periphery {
    pub(crate) fn of(hardware: &Hardware) -> Self {
        Self {
            sigma_lsb: hardware.adc().sigma_lsb(),
            skipping: hardware.dac().skipping(),
            arithmetic: Arithmetic::Chosen,
        }
    }
}

/// Which form of a read computes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    /// The kernels where they can, else the plain form.
    Chosen,
    /// The plain form, for tests.
    #[cfg_attr(not(test), allow(dead_code))]
    Plain,
}

/// A block's effective levels and read-noise variances.
#[derive(Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) levels: Mat<f64>,
    /// Empty (0 × 0) without read noise.
    pub(crate) variance: Mat<f64>,
}

/// Makes the fixed-point form of a layer from what its converters see.
pub(crate) fn program(
    design: &LayerDesign,
    plan: &LayerPlan,
    periphery: Periphery,
    seen: &[Seen],
) -> LayerProgram {
    let mut ranges: Vec<Grid> = Vec::new();
    let range_of: Vec<usize> = design
        .grids
        .iter()
        .map(|grid| {
            ranges.iter().position(|r| r == grid).unwrap_or_else(|| {
                ranges.push(*grid);
                ranges.len() - 1
            })
        })
        .collect();
    let Periphery { sigma_lsb, skipping, arithmetic } = periphery;
    let fraction = narrow_fraction(design, plan, seen);
    let narrow = arithmetic == Arithmetic::Chosen && fraction.is_some() && codes_fit(design, plan);
    let fraction_bits = fraction.unwrap_or_else(|| wide_fraction(seen));
    let scale = f64::from(fraction_bits).exp2();
    let blocks = plan
        .blocks
        .iter()
        .zip(&design.encoded)
        .zip(seen)
        .map(|((block, encoded), seen)| {
            let fragments = plan.fragments_of(block);
            let n = block.outputs.len();
            let mut readouts = Vec::with_capacity(encoded.readouts.len());
            // which column of what the converters see each program column is, and in which fragment
            let mut sources: Vec<(usize, Option<usize>)> = Vec::new();
            let mut source = 0;
            for (readout, &range) in encoded.readouts.iter().zip(&range_of) {
                let width = width(encoded, readout, n);
                let first = sources.len();
                let mut shared_gain = None;
                if width == n {
                    sources.extend((source..source + n).map(|c| (c, None)));
                } else if let Gain::PerFragment(gains) = &readout.gain {
                    sources.extend((0..fragments.len()).map(|f| (source, Some(f))));
                    shared_gain = Some(gains.clone());
                } else {
                    sources.push((source, None));
                    shared_gain = Some(Mat::from_fn(1, n, |_, c| readout.gain.at(0, c)));
                }
                readouts.push(ReadoutProgram { columns: first..sources.len(), range, shared_gain });
                source += width;
            }
            let first = sources.len();
            let padded = first.next_multiple_of(PackedI16::PANEL);
            let column_grids = readouts.iter().flat_map(|r| r.columns.clone().map(|_| ranges[r.range]));
            let grids = Grids::new(column_grids.clone().flatten(), padded);
            let sigma = if sigma_lsb > 0.0 {
                {
                    let mut sigma: Vec<f32> =
                        column_grids.map(|grid| grid.map_or(0.0, |g| sigma_lsb * g.step)).collect();
                    sigma.resize(padded, 0.0);
                    sigma
                }
            } else {
                Vec::new()
            };
            let gains = (0..fragments.len())
                .map(|local| {
                    let mut row = vec![0; padded];
                    for (readout, encoded) in readouts.iter().zip(&encoded.readouts) {
                        for (c, at) in readout.columns.clone().enumerate() {
                            row[at] =
                                if readout.shared_gain.is_some() { 1 } else { gain(&encoded.gain, local, c) };
                        }
                    }
                    row
                })
                .collect();
            let local_of = |row: usize| {
                let at = row + block.rows.start;
                design.fragments[fragments.clone()].iter().position(|f| f.rows.contains(&at))
            };
            let picked =
                |m: &Mat<f64>, row: usize, local: Option<usize>, (column, only): (usize, Option<usize>)| {
                    if only.is_none() || only == local { m[(row, column)] } else { 0.0 }
                };
            let pick = |m: &Mat<f64>| {
                let locals: Vec<Option<usize>> = (0..m.rows()).map(local_of).collect();
                Mat::from_fn(m.rows(), first, |row, at| picked(m, row, locals[row], sources[at]))
            };
            let fixed = pick(&seen.levels).map(|v| (v * scale).round() as i32);
            let variance = if seen.variance.as_slice().is_empty() {
                Vec::new()
            } else {
                pick(&seen.variance).as_slice().iter().map(|&v| v as f32).collect()
            };
            let cells = if narrow {
                let piece = |f: &Fragment| {
                    let start = f.rows.start - block.rows.start;
                    let rows = f.rows.len();
                    let data: Vec<i16> = fixed.as_slice()
                        [start * fixed.cols()..(start + rows) * fixed.cols()]
                        .iter()
                        .map(|&v| v as i16)
                        .collect();
                    PackedI16::pack(MatRef::new(rows, fixed.cols(), &data))
                };
                Cells::Narrow(design.fragments[fragments.clone()].iter().map(piece).collect())
            } else {
                Cells::Wide(fixed)
            };
            BlockProgram {
                block: block.id.0,
                group: block.group,
                first_row: block.rows.start,
                rows: block.rows.len(),
                outputs: block.outputs.clone(),
                fragments,
                cells,
                readouts,
                grids,
                gains,
                sigma,
                variance,
                input_sum_scale: if encoded.input_sum_scale.iter().all(|&s| s == 0) {
                    Vec::new()
                } else {
                    encoded.input_sum_scale.clone()
                },
            }
        })
        .collect();
    LayerProgram {
        slices_are_bits: are_bits(&design.slices),
        slices: design.slices.clone(),
        runs: join(&design.fragments),
        fragments: design.fragments.clone(),
        padded: design.padded,
        skipping,
        blocks,
        ranges,
        fraction_bits,
        sigma_lsb,
    }
}

fn gain(gain: &Gain, fragment: usize, column: usize) -> i32 {
    // weights have at most 16 bits, so gains stay below 2^16
    i32::try_from(gain.at(fragment, column)).expect("a gain of a weight of at most 16 bits")
}

/// The largest magnitude among the effective levels.
fn largest(seen: &[Seen]) -> f64 {
    seen.iter().flat_map(|s| s.levels.as_slice()).fold(0.0, |a: f64, v| a.max(v.abs()))
}

/// Fraction bits for 16-bit cells and 32-bit sums, if they leave 12 bits for the largest level.
fn narrow_fraction(design: &LayerDesign, plan: &LayerPlan, seen: &[Seen]) -> Option<i32> {
    let digit = design.slices.iter().map(|s| i64::from(s.max_abs())).max().unwrap_or(1);
    if design.slices.iter().any(|s| s.bits > 15) {
        return None;
    }
    let largest = largest(seen);
    let mut most_sum = 0f64;
    for (block, seen) in plan.blocks.iter().zip(seen) {
        for f in &plan.fragments[plan.fragments_of(block)] {
            let mut sums = vec![0f64; seen.levels.cols()];
            for row in f.clone() {
                for (sum, v) in sums.iter_mut().zip(seen.levels.row(row - block.rows.start)) {
                    *sum += v.abs();
                }
            }
            // half a unit of rounding a row
            most_sum = sums.into_iter().fold(most_sum, f64::max);
        }
    }
    if largest == 0.0 {
        return Some(0);
    }
    let by_cell = (32_767.0 / largest).log2().floor();
    let by_sum = (f64::from(i32::MAX / 2) / (most_sum * digit as f64)).log2().floor();
    let fraction = by_cell.min(by_sum).min(14.0);
    let whole = seen.iter().flat_map(|s| s.levels.as_slice()).all(|v| v.fract() == 0.0);
    let fine = if whole { fraction >= 0.0 } else { largest * fraction.exp2() >= 4096.0 };
    fine.then_some(fraction as i32)
}

/// Whether gain · code, summed over the fragments of a block, stays within 32 bits.
fn codes_fit(design: &LayerDesign, plan: &LayerPlan) -> bool {
    let fragments = plan.blocks.iter().map(|b| plan.fragments_of(b).len()).max().unwrap_or(1) as i64;
    design.encoded.iter().all(|encoded| {
        encoded.readouts.iter().zip(&design.grids).all(|(readout, grid)| {
            let code = grid.map_or(0, |g| i64::from(g.code_max).max(-i64::from(g.code_min)));
            let gain = match &readout.gain {
                Gain::All(g) => g.abs(),
                Gain::PerColumn(g) => g.iter().map(|g| g.abs()).max().unwrap_or(0),
                Gain::PerFragment(g) => g.as_slice().iter().map(|g| g.abs()).max().unwrap_or(0),
            };
            fragments * code * gain <= i64::from(i32::MAX)
        })
    })
}

/// Fraction bits for 32-bit cells: 24 bits for the largest level.
fn wide_fraction(seen: &[Seen]) -> i32 {
    let largest = largest(seen);
    if largest == 0.0 { 0 } else { ((f64::from(1 << 24) / largest).log2().floor() as i32).clamp(0, 16) }
}
