//! What happened in a run, counted in integers so that order cannot matter.

use crate::design::Design;
use ohmic_hardware::{Drive, Encoded, Event, Gain, Hardware, Skipping};
use ohmic_mapping::{Block, LayerPlan};
use ohmic_network::LayerId;
use std::convert::Infallible;

/// What one layer did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LayerActivity {
    /// Samples that went through.
    pub samples: u64,
    /// Reads issued: input vectors × fragments × input slices, less the skipped ones.
    pub reads: u64,
    /// Reads that zero skipping saved.
    pub skipped: u64,
    /// Rows driven, summed over the reads.
    pub rows: u64,
    /// Reads that had to wait for each other: the longest chain of reads on one crossbar, summed over
    /// input vectors.
    pub steps: u64,
    /// How many times the word lines' read time these take: more than `steps` where digits are times.
    pub pulses: u64,
    /// Conversions whose sum lay outside the converter's grid.
    pub clips: u64,
    /// Input values that came in, each once.
    pub values: u64,
    /// Those of them that were not zero.
    pub non_zeros: u64,
    /// Sum of the squared digits that drove each row of each group, `groups × k`; of the digits themselves where they
    /// are times.
    pub squares: Vec<u64>,
}

impl LayerActivity {
    /// Adds what happened elsewhere.
    pub fn merge(&mut self, other: &Self) {
        self.samples += other.samples;
        self.reads += other.reads;
        self.skipped += other.skipped;
        self.rows += other.rows;
        self.steps += other.steps;
        self.pulses += other.pulses;
        self.clips += other.clips;
        self.values += other.values;
        self.non_zeros += other.non_zeros;
        self.squares.resize(self.squares.len().max(other.squares.len()), 0);
        for (a, b) in self.squares.iter_mut().zip(&other.squares) {
            *a += b;
        }
    }
}

/// What a run of a whole network did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// By layer index; layers that do not run on crossbars stay empty.
    pub layers: Vec<LayerActivity>,
    /// Elements computed by digital layers (activation, pooling, addition).
    pub digital_elements: u64,
}

impl Activity {
    /// Adds what happened elsewhere.
    pub fn merge(&mut self, other: &Self) {
        self.layers.resize(self.layers.len().max(other.layers.len()), LayerActivity::default());
        for (a, b) in self.layers.iter_mut().zip(&other.layers) {
            a.merge(b);
        }
        self.digital_elements += other.digital_elements;
    }
}

/// How often each event happened, in the order of [`Event::ALL`]; [`Event::CellRead`] in joule.
#[derive(Clone, Debug, PartialEq)]
pub struct Events(pub [f64; Event::ALL.len()]);

impl Events {
    /// No event.
    pub const NONE: Self = Self([0.0; Event::ALL.len()]);

    /// The amount of one event.
    pub fn get(&self, event: Event) -> f64 {
        Event::ALL.iter().position(|&e| e == event).map_or(0.0, |i| self.0[i])
    }

    pub(crate) fn set(&mut self, event: Event, amount: f64) {
        if let Some(i) = Event::ALL.iter().position(|&e| e == event) {
            self.0[i] = amount;
        }
    }

    /// Every amount times a factor.
    pub fn scaled(&self, factor: f64) -> Self {
        Self(self.0.map(|v| v * factor))
    }

    /// Adds to the amount of one event.
    pub fn add_amount(&mut self, event: Event, amount: f64) {
        self.set(event, self.get(event) + amount);
    }

    /// Adds other events.
    pub fn add(&mut self, other: &Self) {
        for (a, b) in self.0.iter_mut().zip(&other.0) {
            *a += b;
        }
    }
}

/// What one read of a layer asks of the converters and adders behind it: what its encoding implies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ReadShape {
    /// Crossbars that are read together: all row ranges are cut into the same outputs.
    copies: usize,
    /// Conversions, over these crossbars.
    conversions: usize,
    /// Whether each code has a sign bit of its own.
    signs: bool,
    /// Whether inputs are added up digitally beside the read.
    input_sum: bool,
}

impl ReadShape {
    /// `encoded` gives what a block of the layer is encoded into.
    pub(crate) fn of<'a, T, E>(
        plan: &'a LayerPlan,
        mut encoded: impl FnMut(&'a Block) -> Result<T, E>,
    ) -> Result<Self, E>
    where
        T: std::borrow::Borrow<Encoded>,
    {
        let rows = &plan.blocks[0].rows;
        let mut shape = Self { copies: 0, conversions: 0, signs: false, input_sum: false };
        for block in plan.blocks.iter().filter(|b| b.group == 0 && b.rows == *rows) {
            let encoded = encoded(block)?;
            let encoded = encoded.borrow();
            let width = |readout| crate::effective::width(encoded, readout, block.outputs.len());
            shape.copies += 1;
            shape.conversions += encoded.readouts.iter().map(width).sum::<usize>();
            shape.signs |= encoded.readouts.iter().any(|r| matches!(r.gain, Gain::PerFragment(_)));
            shape.input_sum |= encoded.input_sum_scale.iter().any(|&s| s != 0);
        }
        Ok(shape)
    }
}

/// The events of one layer. `row_conductance` gives the summed conductance in siemens of a row of a block, by block
/// and row of the layer matrix.
///
/// Array energy: `E = v_lsb² · t · sum_i (sum of squared digits of row i) · (sum_j g_ij)`, exact for
/// linear cells; `v_lsb` is the read voltage over the largest digit of the input driver. Where digits are times, it is
/// the read voltage, `t` the time of digit 1, and digits are not squared.
pub(crate) fn layer_events(
    hardware: &Hardware,
    plan: &LayerPlan,
    read: ReadShape,
    activity: &LayerActivity,
    mut row_conductance: impl FnMut(&Block, usize) -> f64,
) -> Events {
    let mut events = Events::NONE;
    let crossbar = hardware.crossbar();
    let vectors = (activity.samples as usize * plan.positions) as f64;
    let copies = read.copies as f64;
    let converted = activity.reads as f64 * read.conversions as f64;
    let drives = match hardware.dac().drive() {
        Drive::Amplitude | Drive::Width => activity.rows as f64,
        // a digit is so many pulses
        Drive::Pulses => activity.squares.iter().sum::<u64>() as f64,
    };
    events.set(Event::RowDrive, drives * copies);
    events.set(Event::Conversion, converted);
    events.set(Event::Sample, converted);
    events.set(Event::ShiftAdd, converted);
    if read.signs {
        events.set(Event::SignApply, converted);
    }
    if hardware.dac().skipping() != Skipping::None {
        events.set(Event::SkipCheck, vectors * (plan.fragments.len() * plan.groups) as f64);
    }
    if read.input_sum {
        events.set(Event::InputSumAdd, vectors * (plan.k * plan.groups) as f64);
    }
    let input_bytes = f64::from(plan.input_bits) / 8.0;
    let inputs = vectors * (plan.k * plan.groups) as f64 * input_bytes;
    let outputs = vectors * (plan.n * plan.groups) as f64;
    // a partial sum holds the product of weight, input and the rows of one crossbar
    let partial_bits = plan.weight_bits + plan.input_bits + usize::BITS - crossbar.rows.leading_zeros();
    let row_ranges = plan.blocks.iter().filter(|b| b.group == 0 && b.outputs.start == 0).count() as f64;
    events.set(Event::InputRegisterByte, inputs * copies);
    events.set(Event::OutputRegisterByte, outputs * row_ranges * f64::from(partial_bits.div_ceil(8)));
    events.set(Event::BufferReadByte, inputs);
    events.set(Event::BusByte, inputs);
    events.set(Event::BufferWriteByte, outputs * input_bytes);
    events.set(Event::RouterByte, outputs * input_bytes);

    let v_lsb = match hardware.dac().drive() {
        Drive::Amplitude => {
            let largest_digit = ((1u64 << hardware.dac().bits()) - 1) as f64;
            crossbar.v_read_volt / largest_digit
        }
        // every pulse has the full voltage and is as long as a read
        Drive::Width | Drive::Pulses => crossbar.v_read_volt,
    };
    let mut sum = 0.0;
    for block in &plan.blocks {
        for k in block.rows.clone() {
            let squares = activity.squares.get(block.group * plan.k + k).copied().unwrap_or(0);
            sum += squares as f64 * row_conductance(block, k);
        }
    }
    // cells that move charge draw no current: what their rows cost is priced as row drives
    if hardware.device().supply_volt().is_none() {
        events.set(Event::CellRead, v_lsb * v_lsb * crossbar.t_read_s * sum);
    }
    events
}

impl Design<'_> {
    /// The events of one layer; `row_conductance` is the summed conductance of every row, blocks one after the other
    /// (from the chip that ran).
    pub(crate) fn events(&self, id: LayerId, activity: &LayerActivity, row_conductance: &[f64]) -> Events {
        let i = id.0 as usize;
        let (Some(plan), Some(design)) = (&self.plan.layers[i], &self.layers[i]) else {
            return Events::NONE;
        };
        let encoded = |block: &Block| Ok::<_, Infallible>(&design.encoded[block.id.0 as usize]);
        let Ok(read) = ReadShape::of(plan, encoded);
        let mut rows = row_conductance.iter();
        layer_events(self.hardware, plan, read, activity, |_, _| rows.next().copied().unwrap_or(0.0))
    }
}
