//! The hardware of the cases, and everything that a chip needs before it is programmed.

use crate::error::Problem;
use ohmic_execution::Design;
use ohmic_hardware::Hardware;
use ohmic_mapping::Plan;
use ohmic_network::quantization::{self, QuantizeOptions, Quantized, quantize};
use ohmic_network::{Network, data::DataSet};
use ohmic_numerics::{Noise, Purpose, Seed, Site};

/// How inputs and weights are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slicing {
    /// 8-bit inputs in one step, one plane of 8-bit cells, reads of 128 rows.
    MultiBit,
    /// 8 one-bit inputs by 4 two-bit cells, reads of 128 rows, as ISAAC (ISCA 2016) with 8 bits.
    Isaac,
    /// The same in fragments of 8 rows of one sign and 4-bit converters, as FORMS (ISCA 2021).
    Forms,
}

impl Slicing {
    /// Analog multiply-adds for one of the layer: input slices by cell slices.
    pub(crate) fn products(self) -> f64 {
        match self {
            Self::MultiBit => 1.0,
            Self::Isaac | Self::Forms => 8.0 * 4.0,
        }
    }

    /// Bits of a weight, sign included; those of FORMS have magnitudes of 8 bits, the sign is the fragment's.
    fn weight_bits(self) -> u32 {
        if self == Self::Forms { 9 } else { 8 }
    }

    fn text(self) -> &'static str {
        match self {
            // the largest sum that calibration saw is far above 127 levels: every code is rounded
            Self::MultiBit => {
                "encoding = { kind = \"differential\", cell_bits = 8, sides = \"one\", subtract = \"analog\" }\n\
                 dac = { kind = \"uniform\", bits = 8, signed_inputs = \"signed_drive\" }\n\
                 crossbar.rows_per_read = 128\nadc.bits = 8\nadc.range = \"max\"\n"
            }
            // full scale: 128 rows of level 3 sum to 384, a step and a half of 255 codes
            Self::Isaac => {
                "encoding = { kind = \"offset\", cell_bits = 2, input_sum = \"unit_column\" }\n\
                 dac = { kind = \"uniform\", bits = 1, signed_inputs = \"twos_complement\" }\n\
                 crossbar.cols = 129\ncrossbar.rows_per_read = 128\nadc.bits = 8\nadc.range = \"full_scale\"\n"
            }
            // full scale: 8 rows of level 3 sum to 24, a step and a half of 15 codes
            Self::Forms => {
                "encoding = { kind = \"polarized\", cell_bits = 2 }\n\
                 dac = { kind = \"uniform\", bits = 1, signed_inputs = \"two_pass\" }\n\
                 crossbar.rows_per_read = 8\nadc.bits = 4\nadc.range = \"full_scale\"\n"
            }
        }
    }
}

/// What disturbs cells and conversions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cells {
    /// Nothing: every cell sits on its level.
    Exact,
    /// Programming error.
    Programmed,
    /// The same, and one Gaussian deviate a conversion.
    ProgrammedConverter,
    /// Programming error, and read noise of every cell that grows with its conductance.
    ReadNoise,
}

impl Cells {
    fn text(self) -> &'static str {
        match self {
            Self::Exact => "device.kind = \"ideal\"\n",
            Self::Programmed => "device.kind = \"gaussian_absolute\"\ndevice.sigma_fraction = 0.01\n",
            Self::ProgrammedConverter => {
                "device.kind = \"gaussian_absolute\"\ndevice.sigma_fraction = 0.01\nadc.sigma_lsb = 0.5\n"
            }
            Self::ReadNoise => {
                "device.kind = \"gaussian_absolute\"\ndevice.sigma_fraction = 0.01\ndevice.read_sigma_rel = 0.02\n"
            }
        }
    }
}

/// The hardware of a case: 8-bit weights and inputs on crossbars of 128 rows.
pub(crate) fn hardware(slicing: Slicing, cells: Cells) -> Result<Hardware, Problem> {
    let text = format!(
        "name = \"bench\"\nextends = \"generic_reram\"\nadc.kind = \"uniform\"\ndevice.g_min = \"0 S\"\n\
         device.g_max = \"40 uS\"\nprecision.weight_bits = {}\nprecision.input_bits = 8\n\
         precision.weight_scale = \"layer\"\nhierarchy.tiles = 4096\n{}{}",
        slicing.weight_bits(),
        slicing.text(),
        cells.text()
    );
    Ok(Hardware::from_text("the hardware of a benchmark", &text)?)
}

/// A network in integers, placed on a piece of hardware.
pub(crate) struct Prepared<'a> {
    network: &'a Network,
    hardware: &'a Hardware,
    calibration: &'a DataSet,
    quantized: Quantized,
    plan: Plan,
}

impl<'a> Prepared<'a> {
    pub(crate) fn new(
        network: &'a Network,
        hardware: &'a Hardware,
        calibration: &'a DataSet,
    ) -> Result<Self, Problem> {
        let precision = hardware.precision();
        let options = QuantizeOptions {
            weight_bits: precision.weight_bits,
            input_bits: precision.input_bits,
            weight_scale: quantization::WeightScale::Layer,
            input_range: quantization::InputRange::Max,
        };
        let quantized = quantize(network, &options, &calibration.all())?;
        let plan = ohmic_mapping::map(network, &quantized, hardware)?;
        Ok(Self { network, hardware, calibration, quantized, plan })
    }

    pub(crate) fn design(&self) -> Result<Design<'_>, Problem> {
        let images = self.calibration.batch(0..self.calibration.len());
        Ok(Design::new(self.network, &self.quantized, &self.plan, self.hardware, &images)?)
    }
}

/// Uniform deviates in (0, 1), by address: value `i` of a stream.
pub(crate) fn uniform(stream: u32, i: usize) -> f32 {
    let site = Site { layer: (i >> 30) as u32, block: stream };
    Noise::new(Seed(3)).uniform(Purpose::Data, site, 0, (i & ((1 << 30) - 1)) as u32) as f32
}
