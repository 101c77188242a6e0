//! The sections of a hardware file that are plain numbers: geometry, hierarchy, precision.

/// What removes the current that cells of level 0 draw when the on/off ratio is finite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DummyColumn {
    /// Nothing: it stays in the sum, unless the encoding removes it.
    None,
    /// A column of cells at `g_min`, subtracted from every bit line before the conversion.
    Analog,
}

/// One crossbar and the converters at its foot.
#[derive(Clone, Debug, PartialEq)]
pub struct CrossbarSpec {
    /// Word lines.
    pub rows: usize,
    /// Bit lines.
    pub cols: usize,
    /// Rows that are summed in one read: the length of a fragment.
    pub rows_per_read: usize,
    /// What removes the current of level 0.
    pub dummy_column: DummyColumn,
    /// Read voltage of the largest input digit, in volt.
    pub v_read_volt: f64,
    /// Time that word lines are driven in one read, in seconds.
    pub t_read_s: f64,
    /// Converters per crossbar; its columns take turns.
    pub adcs: usize,
    /// Conversions per second of one converter, in hertz.
    pub adc_rate_hz: f64,
}

impl CrossbarSpec {
    /// Reads (fragments) of a crossbar with all rows in use.
    pub fn fragments(&self) -> usize {
        self.rows.div_ceil(self.rows_per_read)
    }

    /// Time of one read, in seconds: the lines are driven while the sums before are converted, so the slower of the two
    /// counts. `columns` is the number of conversions of one crossbar, `pulses` how many times the read time its lines
    /// are driven (more than 1 where digits are times; the mean over slices).
    pub fn read_time_s(&self, columns: usize, pulses: f64) -> f64 {
        (self.t_read_s * pulses).max(self.conversion_time_s(columns))
    }

    /// Time that the converters of a crossbar take for `columns` conversions, in seconds.
    pub fn conversion_time_s(&self, columns: usize) -> f64 {
        columns.div_ceil(self.adcs) as f64 / self.adc_rate_hz
    }
}

/// How crossbars make up a chip.
#[derive(Clone, Debug, PartialEq)]
pub struct Hierarchy {
    /// Crossbars in a macro.
    pub crossbars_per_macro: usize,
    /// Macros in a tile.
    pub macros_per_tile: usize,
    /// Tiles on the chip.
    pub tiles: usize,
    /// Clock of the digital parts, in hertz.
    pub clock_hz: f64,
    /// Width of the bus between a tile's buffer and its macros, in bits per clock.
    pub bus_bits: u32,
    /// Width of a router link between tiles, in bits per clock.
    pub link_bits: u32,
}

impl Hierarchy {
    /// Crossbars on the whole chip.
    pub fn crossbars(&self) -> usize {
        self.crossbars_per_macro * self.macros_per_tile * self.tiles
    }
}

/// When and how warm the machine is read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conditions {
    /// Time from programming to reading, in seconds.
    pub elapsed_s: f64,
    /// Temperature of the cells, in kelvin.
    pub temperature_kelvin: f64,
    /// Time that word lines are driven in one read, in seconds: that of the crossbar.
    pub t_read_s: f64,
}

impl Conditions {
    /// Temperature of a file without `[conditions]`, in kelvin.
    pub const ROOM_KELVIN: f64 = 300.0;

    /// The same machine right after it was programmed.
    pub fn fresh(&self) -> Self {
        Self { elapsed_s: 0.0, ..*self }
    }
}

/// What is assumed of data that nobody ran: for peak figures, and for costs without a data set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AssumedActivity {
    /// Fraction of the bits of inputs that are 1.
    pub ones: f64,
    /// Mean level of cells, as a fraction of the largest.
    pub levels: f64,
    /// Fraction of input slices that zero skipping issues.
    pub issued: f64,
    /// Fraction of the values sent between tiles that are not zero.
    pub non_zeros: f64,
    /// Write pulses of a cell of a network that nobody programs, if assumed.
    pub pulses: Option<f64>,
}

impl Default for AssumedActivity {
    /// Random bits, levels spread evenly, nothing skipped, no zeros.
    fn default() -> Self {
        Self { ones: 0.5, levels: 0.5, issued: 1.0, non_zeros: 1.0, pulses: None }
    }
}

/// For what set of weights one scale is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightScale {
    /// One scale a layer.
    Layer,
    /// One scale an output.
    Output,
}

/// How the largest representable input of a layer is chosen on the calibration images.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum InputRange {
    /// The largest magnitude seen.
    Max,
    /// This quantile of the magnitudes, as a fraction.
    Percentile(f64),
    /// The range with the smallest mean squared rounding error.
    MeanSquaredError,
}

/// Widths of the integers and how their scales are found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Precision {
    /// Bits of a weight, sign included.
    pub weight_bits: u32,
    /// Bits of an input.
    pub input_bits: u32,
    /// Granularity of weight scales.
    pub weight_scale: WeightScale,
    /// How input scales are chosen.
    pub input_range: InputRange,
    /// Images of the calibration set that scales and converter ranges are chosen on.
    pub calibration_images: usize,
}

/// How much may be written in a place and time before it gets too hot: the (alpha, beta, p) constraint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeatLimit {
    /// Consecutive rewrites of a word line (alpha).
    pub rewrites: usize,
    /// Contiguous cells on it (beta).
    pub cells: usize,
    /// Changes of cells in these rewrites and cells (p).
    pub changes: usize,
}

/// What is done about broken cells when a network is written into a chip whose broken cells are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Redundancy {
    /// Bit lines kept free in every crossbar, the last ones.
    pub spare_columns: usize,
    /// What may change places.
    pub remap: Remap,
}

/// What may change places to evade broken cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Remap {
    /// Nothing.
    #[default]
    None,
    /// The columns that broken cells hurt most go to spare ones.
    Spares,
    /// Outputs change places among each other first.
    Outputs,
    /// Any column goes anywhere in its crossbar.
    Columns,
}

/// How often the weights of a layer are held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Duplicate {
    /// Every layer once.
    #[default]
    None,
    /// Every layer as often as every other.
    Equal,
    /// As often as makes the slowest layer as fast as the budget allows.
    Balanced,
}

/// How the work of a network is spread over crossbars and time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Schedule {
    /// How often the weights of a layer are held.
    pub duplicate: Duplicate,
    /// Crossbars that layers and copies may take together; `None`: those of the chips that every layer once takes.
    pub crossbars: Option<usize>,
    /// When a layer starts with an image.
    pub start: Start,
    /// Time of one stage before or after the reads, in seconds.
    pub cycle_s: f64,
    /// Stages that a vector passes before its reads.
    pub stages_before: usize,
    /// Stages that it passes after them.
    pub stages_after: usize,
    /// Whether buses can hold up reads.
    pub bus: Bus,
    /// What happens if a network is larger than the chip.
    pub overflow: Overflow,
}

/// What happens if a network is larger than the chip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// It takes as many chips as hold it.
    #[default]
    Chips,
    /// One chip is written with some of its layers after the others.
    Reload {
        /// Images that go through the layers of one load.
        images: usize,
    },
}

/// When a layer starts with an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// When the layer before it is done.
    #[default]
    Whole,
    /// As soon as the rows of its input are there that its first window needs.
    Rows,
}

/// Whether the bus between a tile's buffer and its macros can hold up reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bus {
    /// Vectors are always there in time.
    #[default]
    Free,
    /// A vector takes at least as long as the buses carry its bits.
    Limits,
}
