//! The keys of the sections that are plain numbers, and the sections themselves.

use ohmic_config::{Dimension, KeyDoc};

pub(crate) const NAME: KeyDoc = KeyDoc::text("name", "name of the machine in reports and results");
pub(crate) const SUMMARY: KeyDoc =
    KeyDoc::text("summary", "what the machine is, in one line").optional("nothing is said");
pub(crate) const EXTENDS: KeyDoc =
    KeyDoc::text("extends", "preset that this file changes; `ohmic list hardware` shows the names")
        .optional("the file says everything itself");
pub(crate) const DEVICE: KeyDoc = KeyDoc::table("device", "the technology of a cell");
pub(crate) const ENCODING: KeyDoc = KeyDoc::table("encoding", "how weights become levels of cells");
pub(crate) const DAC: KeyDoc = KeyDoc::table("dac", "the input drivers");
pub(crate) const ADC: KeyDoc = KeyDoc::table("adc", "the converters");
pub(crate) const FAULT: KeyDoc = KeyDoc::table("fault", "broken cells").optional("no cell is broken");
pub(crate) const REDUNDANCY_SECTION: KeyDoc =
    KeyDoc::table("redundancy", "spare columns, and what changes places to evade broken cells")
        .optional("no column is spare and nothing changes places");
pub(crate) const WIRES: KeyDoc =
    KeyDoc::table("wires", "resistance of word and bit lines, drivers and sense inputs")
        .optional("lines have no resistance");
pub(crate) const COMPENSATION: KeyDoc =
    KeyDoc::table("compensation", "how answers are kept right while cells age")
        .optional("nothing is corrected");
pub(crate) const PRECISION_SECTION: KeyDoc = KeyDoc::table("precision", "widths and scales of integers");
pub(crate) const CROSSBAR_SECTION: KeyDoc = KeyDoc::table("crossbar", "one crossbar and its converters");
pub(crate) const HIERARCHY_SECTION: KeyDoc = KeyDoc::table("hierarchy", "how crossbars make up the chip");
pub(crate) const COMPONENT: KeyDoc =
    KeyDoc::table("component", "one table for each part that has a price, `[component.<name>]`")
        .optional("nothing has a price: energy, area and latency cannot be asked for");

pub(crate) const VARIATION: KeyDoc =
    KeyDoc::table("variation", "device-to-device variation, drawn once a chip")
        .optional("all cells are alike");
pub(crate) const RTN: KeyDoc =
    KeyDoc::table("rtn", "random telegraph noise: cells that jump between two conductances")
        .optional("no cell has a trap");
pub(crate) const WRITE: KeyDoc = KeyDoc::table("write", "how cells are brought to their targets")
    .optional("one pulse a cell, never looked at");
pub(crate) const CONDITIONS_SECTION: KeyDoc =
    KeyDoc::table("conditions", "when and how warm the machine is read")
        .optional("right after programming, at 300 K");

pub(crate) const INTERCONNECT: KeyDoc =
    KeyDoc::table("interconnect", "what carries bytes between tiles, and which way they take")
        .optional("every byte that a layer puts out passes one router, and takes no time");
pub(crate) const ACTIVITY_SECTION: KeyDoc = KeyDoc::table(
    "activity",
    "what is assumed of data that nobody ran: for peak figures, and for costs without data",
)
.optional("random bits, levels spread evenly, nothing skipped");

pub(crate) const SCHEDULE_SECTION: KeyDoc =
    KeyDoc::table("schedule", "how the work of a network is spread over crossbars and time")
        .optional("every layer once, one layer after the other");

pub(crate) const ROOT: &[KeyDoc] = &[
    NAME,
    SUMMARY,
    EXTENDS,
    DEVICE,
    VARIATION,
    RTN,
    WRITE,
    CONDITIONS_SECTION,
    ENCODING,
    DAC,
    ADC,
    FAULT,
    REDUNDANCY_SECTION,
    WIRES,
    COMPENSATION,
    PRECISION_SECTION,
    CROSSBAR_SECTION,
    HIERARCHY_SECTION,
    INTERCONNECT,
    ACTIVITY_SECTION,
    SCHEDULE_SECTION,
    COMPONENT,
];

pub(crate) const WEIGHT_BITS: KeyDoc =
    KeyDoc::integer("weight_bits", 2, 16, "bits of a weight, sign included");
pub(crate) const INPUT_BITS: KeyDoc =
    KeyDoc::integer("input_bits", 1, 16, "bits of an input, sign included where inputs can be negative");
pub(crate) const WEIGHT_SCALE: KeyDoc = KeyDoc::choice(
    "weight_scale",
    &[("layer", "one scale a layer"), ("output", "one scale an output")],
    "set of weights for which one scale is chosen",
);
pub(crate) const INPUT_RANGE: KeyDoc = KeyDoc::choice(
    "input_range",
    &[
        ("max", "the largest magnitude seen on the calibration images"),
        ("percentile", "the quantile `percentile` of the magnitudes seen there"),
        ("mse", "the range with the smallest mean squared rounding error there"),
    ],
    "largest input that can be represented",
);
pub(crate) const PERCENTILE: KeyDoc =
    KeyDoc::number("percentile", "quantile that input_range = \"percentile\" covers, as a fraction")
        .above(0.5)
        .at_most(1.0)
        .optional("only input_range = \"percentile\" uses it");
pub(crate) const CALIBRATION_IMAGES: KeyDoc = KeyDoc::integer(
    "calibration_images",
    1,
    1_000_000,
    "images (never of the test set) on which input scales and converter ranges are chosen",
);

pub(crate) const PRECISION: &[KeyDoc] =
    &[WEIGHT_BITS, INPUT_BITS, WEIGHT_SCALE, INPUT_RANGE, PERCENTILE, CALIBRATION_IMAGES];

pub(crate) const ELAPSED: KeyDoc =
    KeyDoc::quantity("elapsed", Dimension::Time, "time from programming to reading: cells age by it")
        .at_least(0.0)
        .at_most(1e10)
        .optional("0 s, right after programming");
pub(crate) const TEMPERATURE: KeyDoc =
    KeyDoc::quantity("temperature", Dimension::Temperature, "temperature of cells and converters")
        .at_least(200.0)
        .at_most(500.0)
        .optional("300 K");

pub(crate) const CONDITIONS: &[KeyDoc] = &[ELAPSED, TEMPERATURE];

pub(crate) const ROWS: KeyDoc = KeyDoc::integer("rows", 1, 65_536, "word lines of a crossbar");
pub(crate) const COLS: KeyDoc =
    KeyDoc::integer("cols", 1, 65_536, "bit lines of a crossbar, shared columns included");
pub(crate) const ROWS_PER_READ: KeyDoc = KeyDoc::integer_or(
    "rows_per_read",
    1,
    65_536,
    "all",
    "rows that are summed in one read: the length of a fragment",
);
pub(crate) const DUMMY_COLUMN: KeyDoc = KeyDoc::choice(
    "dummy_column",
    &[
        ("none", "it stays in the sum, unless the encoding removes it"),
        ("analog", "a column of cells at g_min is subtracted from every bit line before the conversion"),
    ],
    "what removes the current that level 0 draws at a finite on/off ratio",
)
.optional("none")
.source("dummy column of DNN+NeuroSim");
pub(crate) const V_READ: KeyDoc =
    KeyDoc::quantity("v_read", Dimension::Voltage, "voltage of the largest input digit on a word line")
        .above(0.0)
        .at_most(5.0);
pub(crate) const T_READ: KeyDoc =
    KeyDoc::quantity("t_read", Dimension::Time, "time that word lines are driven in one read")
        .above(0.0)
        .at_most(1.0);
pub(crate) const ADCS: KeyDoc =
    KeyDoc::integer("adcs", 1, 65_536, "converters of a crossbar; its columns take turns");
pub(crate) const ADC_RATE: KeyDoc =
    KeyDoc::quantity("adc_rate", Dimension::Frequency, "conversions per second of one converter")
        .above(0.0)
        .at_most(1e11);

pub(crate) const CROSSBAR: &[KeyDoc] =
    &[ROWS, COLS, ROWS_PER_READ, DUMMY_COLUMN, V_READ, T_READ, ADCS, ADC_RATE];

pub(crate) const SPARE_COLUMNS: KeyDoc =
    KeyDoc::integer("spare_columns", 0, 65_535, "bit lines kept free in every crossbar, the last ones")
        .optional("0");
pub(crate) const REMAP: KeyDoc = KeyDoc::choice(
    "remap",
    &[
        ("none", "nothing changes places"),
        ("spares", "the columns that broken cells hurt most go to spare ones"),
        (
            "outputs",
            "outputs of a block change places first, where their weights are hurt least; then as spares",
        ),
        ("columns", "any column of a block goes anywhere, spare ones included"),
    ],
    "what changes places when the broken cells of a chip are known",
)
.optional("\"spares\"");

pub(crate) const REDUNDANCY: &[KeyDoc] = &[SPARE_COLUMNS, REMAP];

pub(crate) const CROSSBARS_PER_MACRO: KeyDoc =
    KeyDoc::integer("crossbars_per_macro", 1, 65_536, "crossbars in a macro");
pub(crate) const MACROS_PER_TILE: KeyDoc = KeyDoc::integer("macros_per_tile", 1, 65_536, "macros in a tile");
pub(crate) const TILES: KeyDoc = KeyDoc::integer("tiles", 1, 1_000_000, "tiles on the chip");
pub(crate) const CLOCK: KeyDoc =
    KeyDoc::quantity("clock", Dimension::Frequency, "clock of buffers, bus and network")
        .above(0.0)
        .at_most(1e11);
pub(crate) const BUS_BITS: KeyDoc = KeyDoc::integer(
    "bus_bits",
    1,
    65_536,
    "width of the bus between a tile's buffer and its macros, a clock",
);
pub(crate) const LINK_BITS: KeyDoc =
    KeyDoc::integer("link_bits", 1, 65_536, "width of a link between neighbouring tiles, a clock");

pub(crate) const HIERARCHY: &[KeyDoc] =
    &[CROSSBARS_PER_MACRO, MACROS_PER_TILE, TILES, CLOCK, BUS_BITS, LINK_BITS];

pub(crate) const ONES: KeyDoc = KeyDoc::number("ones", "bits of inputs that are 1, as a fraction of all")
    .at_least(0.0)
    .at_most(1.0)
    .optional("0.5: random bits");
pub(crate) const LEVELS: KeyDoc =
    KeyDoc::number("levels", "mean level of the cells, as a fraction of the largest level")
        .at_least(0.0)
        .at_most(1.0)
        .optional("0.5: levels spread evenly");
pub(crate) const ISSUED: KeyDoc =
    KeyDoc::number("issued", "input slices that zero skipping issues, as a fraction of all")
        .above(0.0)
        .at_most(1.0)
        .optional("1: nothing is skipped");

pub(crate) const NON_ZEROS: KeyDoc = KeyDoc::number(
    "non_zeros",
    "values sent between tiles that are not zero, as a fraction of all; only `interconnect.send_zeros` uses it",
)
.at_least(0.0)
.at_most(1.0)
.optional("1: no value is zero");

pub(crate) const PULSES: KeyDoc =
    KeyDoc::number("pulses", "write pulses of a cell of a network that nobody programs, the mean")
        .at_least(1.0)
        .at_most(1e6)
        .optional("1 where cells are never looked at; where they are, nothing is assumed");

pub(crate) const ACTIVITY: &[KeyDoc] = &[ONES, LEVELS, ISSUED, NON_ZEROS, PULSES];

pub(crate) const DUPLICATE: KeyDoc = KeyDoc::choice(
    "duplicate",
    &[
        ("none", "every layer once"),
        ("equal", "every layer as often as every other, as often as the budget allows"),
        (
            "balanced",
            "slow layers more often: as often as makes the slowest layer as fast as the budget allows",
        ),
    ],
    "how often the weights of a layer are held, so that its input vectors are shared out among the copies",
)
.optional("none");
pub(crate) const BUDGET: KeyDoc = KeyDoc::integer_or(
    "crossbars",
    1,
    100_000_000,
    "chip",
    "crossbars that layers and their copies may take together",
)
.optional("\"chip\": those of as many chips as every layer once takes");

pub(crate) const START: KeyDoc = KeyDoc::choice(
    "start",
    &[
        ("whole", "when the layer before it is done with the image"),
        ("rows", "as soon as the rows of its input that its first window needs are there"),
    ],
    "when a layer starts with an image",
)
.optional("\"whole\"");
pub(crate) const CYCLE: KeyDoc = KeyDoc::quantity(
    "cycle",
    Dimension::Time,
    "time that a vector takes for one stage before or after the reads",
)
.above(0.0)
.at_most(1.0)
.optional("there are no such stages");
pub(crate) const STAGES_BEFORE: KeyDoc = KeyDoc::integer(
    "stages_before",
    0,
    1000,
    "stages that a vector passes before its reads, like fetching it from a buffer",
)
.optional("0");
pub(crate) const STAGES_AFTER: KeyDoc = KeyDoc::integer(
    "stages_after",
    0,
    1000,
    "stages that a vector passes after its reads, like shift-and-add, activation and write-back",
)
.optional("0");
pub(crate) const BUS: KeyDoc = KeyDoc::choice(
    "bus",
    &[
        ("free", "vectors are always there in time"),
        ("limits", "a vector takes at least as long as the buses of the layer's tiles carry its bits"),
    ],
    "whether the bus between a tile's buffer and its macros can hold up reads",
)
.optional("\"free\"");

pub(crate) const OVERFLOW: KeyDoc = KeyDoc::choice(
    "overflow",
    &[
        ("chips", "it takes as many chips as hold it"),
        ("reload", "one chip is written with some of its layers after the others"),
    ],
    "what happens if a network is larger than the chip",
)
.optional("\"chips\"");
pub(crate) const IMAGES_PER_LOAD: KeyDoc = KeyDoc::integer(
    "images_per_load",
    1,
    1_000_000_000,
    "images that go through the layers of one load before the chip is written anew",
)
.optional("only overflow = \"reload\" uses it");

pub(crate) const SCHEDULE: &[KeyDoc] =
    &[DUPLICATE, BUDGET, START, CYCLE, STAGES_BEFORE, STAGES_AFTER, BUS, OVERFLOW, IMAGES_PER_LOAD];
