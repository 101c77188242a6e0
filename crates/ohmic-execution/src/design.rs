//! What a network on a piece of hardware has before any chip is programmed: encoded blocks, input
//! slices, converter ranges, and the exact digital form of every layer.

use crate::Error;
use crate::calibrate::Calibration;
use crate::causes::{Cause, Causes};
use crate::fix::{Periphery, exact_program};
use crate::program::{Grid, LayerProgram};
use crate::ranges::SumRange;
use crate::sharing::{RangePlace, Set, Sharing};
use ohmic_hardware::dac::{InputSign, InputSlice};
use ohmic_hardware::{Drive, DummyColumn, EncodeError, Encoded, Hardware, RangePolicy, Span};
use ohmic_mapping::{Block, LayerPlan, Plan};
use ohmic_network::quantization::{Quantized, QuantizedMvm};
use ohmic_network::{LayerId, Network, Tensor};
use ohmic_numerics::{Mat, Uniform, kernel};
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
    /// Which conversions have a range in common.
    pub(crate) sharing: Arc<Sharing>,
    /// Converter grid of every set of them.
    pub(crate) grids: Vec<Grid>,
    /// The largest magnitude that a full read can have, of every readout.
    pub(crate) full_reads: Vec<f64>,
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
    /// Whether inputs are never negative.
    pub(crate) unsigned: bool,
    /// The same layer as one exact integer product a group.
    pub(crate) exact: LayerProgram,
    /// What an input drives the array with.
    pub(crate) squares: Squares,
}

/// Sum of the squared digits of an input (of the digits, where they are times) over its slices, looked up for inputs of up to 12 bits.
#[derive(Debug)]
pub(crate) struct Squares {
    slices: Vec<InputSlice>,
    drive: Drive,
    low: i32,
    table: Vec<u32>,
}

impl Squares {
    pub(crate) fn new(slices: &[InputSlice], layer: &QuantizedMvm, drive: Drive) -> Self {
        let half = 1i32 << (layer.input_bits - 1);
        let (low, high) = if layer.input_signed { (-half, half) } else { (0, 2 * half) };
        let table = if layer.input_bits <= 12 {
            (low..high).map(|x| square(slices, x, drive)).collect()
        } else {
            Vec::new()
        };
        Self { slices: slices.to_vec(), drive, low, table }
    }

    fn of(&self, x: i32) -> u32 {
        match self.table.get((x - self.low) as usize) {
            Some(&s) => s,
            None => square(&self.slices, x, self.drive),
        }
    }

    /// Adds those of samples of `sums.len()` inputs, entry by entry.
    pub(crate) fn add_words(&self, x: &[i32], sums: &mut [u64]) {
        for x in x.chunks_exact(sums.len()) {
            for (sum, &x) in sums.iter_mut().zip(x) {
                *sum += u64::from(self.of(x));
            }
        }
    }

    /// The same for unsigned inputs of at most 8 bits.
    pub(crate) fn add_bytes(&self, x: &[u8], sums: &mut [u64]) {
        let mut table = [0u32; 256];
        table[..self.table.len()].copy_from_slice(&self.table);
        // one slice of all bits squares an input, slices of one bit count its bits
        let all = |f: fn(u32) -> u32| (0..).zip(&self.table).all(|(x, &square)| square == f(x));
        let (whole, bits) = (all(|x| x * x), all(u32::count_ones));
        for x in x.chunks_exact(sums.len()) {
            if whole {
                kernel::add_squares(x, sums);
                continue;
            }
            if bits {
                kernel::add_bits(x, sums);
                continue;
            }
            for (sum, &x) in sums.iter_mut().zip(x) {
                *sum += u64::from(table[usize::from(x)]);
            }
        }
    }
}

fn square(slices: &[InputSlice], x: i32, drive: Drive) -> u32 {
    let power = if drive == Drive::Amplitude { 2 } else { 1 };
    slices.iter().map(|s| s.digit(x).unsigned_abs().pow(power)).sum()
}

/// The grid that one readout of a layer is converted with, for reports.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadoutRange {
    /// Layer name.
    pub layer: String,
    /// Where the converters are that share it.
    pub place: RangePlace,
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
        let layers = encoded.layers.iter().zip(&plan.layers).map(|(layer, plan)| {
            let shared = Arc::clone(layer.as_ref()?);
            let spans = full_scale_spans(&shared.encoded[0], &shared.slices, hardware);
            let full = spans.iter().map(|s| s.high.max(-s.low)).collect();
            let sharing = Arc::new(Sharing::of_hardware(plan.as_ref()?, &shared.encoded, hardware));
            let of = |set: &Set| grid(hardware, spans[set.readout], spans[set.readout]);
            let grids = sharing.sets.iter().map(of).collect();
            Some(LayerDesign { full_reads: full, ..LayerDesign::new(shared, sharing, grids) })
        });
        Self { network, quantized, plan, hardware, layers: layers.collect() }
    }

    /// Whether a cause of error can act on this machine at all.
    pub fn has(&self, cause: Cause) -> bool {
        let hardware = self.hardware;
        match cause {
            Cause::OnOffRatio => self.base_level() > 0.0,
            Cause::Variation => !hardware.variation().is_none(),
            Cause::Faults => !hardware.faults().is_none(),
            Cause::CurrentLaw => hardware.device().current_law().is_some(),
            Cause::Wires => hardware.wires().wires().is_some(),
            Cause::Read => hardware.reads_scatter(),
            Cause::Converter => hardware.adc().sigma_lsb() > 0.0,
            Cause::Rounding | Cause::Clipping => self.layers.iter().flatten().any(|l| l.grids[0].is_some()),
            Cause::Programming | Cause::Ageing => true,
        }
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
                let full = &layer.full_reads;
                let grid = |range: &SumRange, full: f64| {
                    let span = range.span(adc);
                    grid(self.hardware, span, Span { low: -full, high: full })
                };
                let sets = ranges.iter().zip(&layer.sharing.sets);
                layer.grids = sets.map(|(range, set)| grid(range, full[set.readout])).collect();
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
                layer.sharing.sets.iter().zip(&layer.grids).map(|(set, &grid)| ReadoutRange {
                    layer: node.name.clone(),
                    place: set.place,
                    readout: set.readout,
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
    /// The same layer driven in other steps, as a program is made from: neither its exact form nor what inputs
    /// draw from the array.
    pub(crate) fn with_steps(&self, slices: Vec<InputSlice>, unsigned: bool) -> Self {
        let shared = EncodedLayer {
            encoded: self.encoded.clone(),
            slices,
            unsigned,
            exact: LayerProgram::empty(),
            squares: Squares { slices: Vec::new(), drive: Drive::Amplitude, low: 0, table: Vec::new() },
        };
        Self { shared: Arc::new(shared), ..self.clone() }
    }

    /// A layer whose readouts are converted with these grids.
    pub(crate) fn new(shared: Arc<EncodedLayer>, sharing: Arc<Sharing>, grids: Vec<Grid>) -> Self {
        Self { shared, sharing, grids, full_reads: Vec::new() }
    }

    /// The grids of one block, column by column of what its converters see.
    pub(crate) fn column_grids(&self, block: usize) -> impl Iterator<Item = Grid> {
        self.sharing.columns(block).iter().map(|&set| self.grids[set as usize])
    }

    /// Whether every readout is converted.
    pub(crate) fn is_converted(&self) -> bool {
        self.grids.iter().all(Option::is_some)
    }

    /// The same layer with converters of which only these causes of error act; `periphery` gets the noise in
    /// steps of the grids that they have.
    ///
    /// What does not round has steps 2^-6 as fine: what is left of rounding is 36 dB below it. What does not
    /// clip has codes for twice the largest sum that a read of `rows` rows can give.
    pub(crate) fn converting(
        &self,
        causes: Causes,
        rows: usize,
        base: f64,
        periphery: &mut Periphery,
    ) -> Self {
        const FINER: i32 = 1 << 6;
        let act = |cause| causes.has(cause);
        let (rounds, clips) = (act(Cause::Rounding), act(Cause::Clipping));
        let noisy = act(Cause::Converter) && periphery.sigma_lsb > 0.0;
        if !noisy {
            periphery.sigma_lsb = 0.0;
        }
        // read noise is drawn in conversions
        if !(rounds || clips || noisy || act(Cause::Read)) {
            return self.without_converters();
        }
        let finer = if rounds { 1 } else { FINER };
        periphery.sigma_lsb *= finer as f32;
        let digit = self.slices.iter().map(|s| f64::from(s.max_abs())).fold(1.0, f64::max);
        let readouts = &self.encoded[0].readouts;
        let of = |(grid, set): (&Grid, &Set)| {
            let (grid, readout) = ((*grid)?, &readouts[set.readout]);
            let step = grid.step / finer as f32;
            let terms = readout.terms.len() as f64;
            let reach = readout.level_low.abs().max(readout.level_high.abs()) + terms * base;
            let most = (2.0 * reach * digit * rows as f64 / f64::from(step)).ceil() as i32;
            let (code_min, code_max) = if clips {
                (grid.code_min.saturating_mul(finer), grid.code_max.saturating_mul(finer))
            } else {
                (-most, most)
            };
            Some(Uniform { step, code_min, code_max })
        };
        let grids = self.grids.iter().zip(&self.sharing.sets).map(of).collect();
        Self::new(Arc::clone(&self.shared), Arc::clone(&self.sharing), grids)
    }

    /// The same layer without converters: the sums themselves.
    pub(crate) fn without_converters(&self) -> Self {
        Self::new(Arc::clone(&self.shared), Arc::clone(&self.sharing), vec![None; self.grids.len()])
    }
}

impl EncodedLayer {
    fn new(plan: &LayerPlan, layer: &QuantizedMvm, hardware: &Hardware) -> Result<Self, Error> {
        let sign = if layer.input_signed { InputSign::Signed } else { InputSign::Unsigned };
        let slices = hardware.dac().slices(layer.input_bits, sign);
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
        let squares = Squares::new(&slices, layer, hardware.dac().drive());
        Ok(Self { encoded, slices, unsigned: !layer.input_signed, exact: exact_program(layer), squares })
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

/// The grid that covers a span of sums as the bit line passes them on; `full`: all that a full read can give.
fn grid(hardware: &Hardware, span: Span, full: Span) -> Grid {
    let full = full.high.max(-full.low);
    let seen = |sum: f64| hardware.bit_line().map_or(sum, |line| line.seen(sum, full));
    // an offset of the line does not make a sum that cannot be negative a signed one
    let low = if span.low >= 0.0 { 0.0 } else { seen(span.low).min(0.0) };
    hardware.adc().quantizer(Span { low, high: seen(span.high).max(0.0) })
}

/// Spans of every sum a full read can give, whatever the layer: the converter as built.
fn full_scale_spans(encoded: &Encoded, slices: &[InputSlice], hardware: &Hardware) -> Vec<Span> {
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
            Span { low: low.min(0.0), high: high.max(0.0) }
        })
        .collect()
}
