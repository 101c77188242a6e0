//! One layer of 512 x 512 with a part of the physics in it, against the same layer with programming error alone.

use crate::case::Outcomes;
use crate::error::Problem;
use crate::layer::{SIZE, Subject, pass};
use crate::machine::Machine;
use crate::setup::Prepared;
use crate::timing::{Work, compare};
use ohmic_execution::{Chip, ChipBuilder, Compensation, Design, ProgrammedLayer, Shortcuts};
use ohmic_hardware::{Correction, Hardware};
use ohmic_network::data::DataSet;
use ohmic_numerics::{Noise, Seed};

/// What is different from `mvm.programmed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Successive approximation on capacitors that do not match.
    Sar,
    /// Converters with a common curve and codes of unequal width.
    Inl,
    /// Fitted phase-change memory one day after programming.
    PcmDay,
    /// The same without read noise.
    PcmDaySteady,
    /// The same with one gain a layer.
    PcmDayCompensated,
    /// Device-to-device variation over a correlation length.
    Correlated,
    /// Telegraph noise slower than an inference.
    RtnSlow,
    /// Telegraph noise faster than a read.
    RtnFast,
    /// Charge-domain SRAM in one-bit cells.
    SramCharge,
    /// The same without kT/C.
    SramChargeCold,
    /// Inputs as lengths of pulses.
    Pwm,
}

const ERROR: &str = "device.kind = \"gaussian_absolute\"\ndevice.g_min = \"0 S\"\ndevice.g_max = \"40 uS\"\n\
                     device.sigma_fraction = 0.01\n";
const PCM: &str = "device.kind = \"pcm_nandakumar_2019\"\ndevice.g_min = \"0 S\"\ndevice.g_max = \"25 uS\"\n\
                   conditions.elapsed = \"1 day\"\n";
const SRAM: &str = "device.kind = \"sram_charge\"\ndevice.unit_capacitor = \"1 fF\"\ndevice.v_ref = \"1 V\"\n\
                    device.sigma_capacitor = 0.01\ndevice.lines = 2\ncrossbar.v_read = \"1 V\"\n\
                    component.array = { kind = \"charge_array\", cell_area = \"1 um2\", row_energy = \"1 pJ\", source = \"bench\" }\n";

impl Part {
    #[cfg(test)]
    const ALL: [Self; 11] = [
        Self::Sar,
        Self::Inl,
        Self::PcmDay,
        Self::PcmDaySteady,
        Self::PcmDayCompensated,
        Self::Correlated,
        Self::RtnSlow,
        Self::RtnFast,
        Self::SramCharge,
        Self::SramChargeCold,
        Self::Pwm,
    ];

    /// Bits of a cell: capacitors are there or not.
    fn cell_bits(self) -> u32 {
        if matches!(self, Self::SramCharge | Self::SramChargeCold) { 1 } else { 8 }
    }

    /// Device, converter and driver.
    fn text(self) -> [String; 3] {
        let (mut device, mut adc, mut dac) = (ERROR.to_owned(), "adc.kind = \"uniform\"\n", "uniform");
        match self {
            Self::Sar => adc = "adc.kind = \"sar\"\nadc.unit_capacitor_sigma = 0.02\n",
            Self::Inl => adc = "adc.kind = \"uniform\"\nadc.inl_bow_lsb = 1.0\nadc.dnl_sigma_lsb = 0.1\n",
            Self::PcmDay | Self::PcmDayCompensated => device = PCM.to_owned(),
            Self::PcmDaySteady => device = format!("{PCM}device.read_scale = 0.0\n"),
            Self::Correlated => {
                device += "variation = { kind = \"correlated\", sigma_ln = 0.05, correlation_length = 10, \
                           correlated_fraction = 0.8 }\n";
            }
            Self::RtnSlow | Self::RtnFast => {
                let pace = if self == Self::RtnSlow { "slow" } else { "fast" };
                device += &format!(
                    "rtn = {{ kind = \"two_level\", fraction = 0.1, amplitude = 0.2, pace = \"{pace}\" }}\n"
                );
            }
            Self::SramCharge => device = SRAM.to_owned(),
            Self::SramChargeCold => device = format!("{SRAM}device.thermal_noise = \"off\"\n"),
            Self::Pwm => dac = "pwm",
        }
        [device, adc.to_owned(), dac.to_owned()]
    }

    fn hardware(self) -> Result<Hardware, Problem> {
        hardware(self.cell_bits(), &self.text())
    }

    /// Programming error alone, in the same cells.
    fn reference(self) -> Result<Hardware, Problem> {
        let plain = [ERROR, "adc.kind = \"uniform\"\n", "uniform"].map(str::to_owned);
        hardware(self.cell_bits(), &plain)
    }
}

/// The machine of `mvm.programmed` with another device, converter and driver.
fn hardware(cell_bits: u32, [device, adc, dac]: &[String; 3]) -> Result<Hardware, Problem> {
    let text = format!(
        "name = \"bench\"\nextends = \"generic_reram\"\nprecision.weight_bits = 8\nprecision.input_bits = 8\n\
         precision.weight_scale = \"layer\"\nhierarchy.tiles = 4096\ncrossbar.rows_per_read = 128\n\
         encoding = {{ kind = \"differential\", cell_bits = {cell_bits}, sides = \"one\", subtract = \"analog\" }}\n\
         dac = {{ kind = \"{dac}\", bits = 8, signed_inputs = \"signed_drive\" }}\n\
         adc.bits = 8\nadc.range = \"max\"\n{adc}{device}"
    );
    Ok(Hardware::from_text("the hardware of a benchmark", &text)?)
}

/// The layer with the part and without, in turn, with each number of threads.
pub(crate) fn run(machine: &Machine, part: Part) -> Result<Outcomes, Problem> {
    let subject = Subject::new(machine.pace)?;
    let (own, plain) = (part.hardware()?, part.reference()?);
    let prepare = |hardware| Prepared::new(&subject.network, hardware, &subject.inputs);
    let (own, plain) = (prepare(&own)?, prepare(&plain)?);
    let (own, plain) = (own.design()?, plain.design()?);
    let (own, plain) = (chip(&own, part, &subject.inputs)?, chip_of(&plain)?);
    let mut outcomes = Outcomes::new();
    for (threads, pool) in machine.pools() {
        let amount = (subject.inputs.len() * SIZE * SIZE) as f64;
        let pieces = subject.pieces(*threads);
        let figure = compare(
            machine.pace,
            Work { amount, once: &mut || pass(pool, &pieces, &own) },
            Work { amount, once: &mut || pass(pool, &pieces, &plain) },
        )?;
        outcomes.push((*threads, Ok(figure)));
    }
    Ok(outcomes)
}

fn chip_of<'a>(design: &'a Design<'_>) -> Result<Chip<'a>, Problem> {
    Ok(Chip::program(design, Noise::new(Seed(1)), Shortcuts::Avoided)?)
}

fn chip<'a>(design: &'a Design<'_>, part: Part, images: &DataSet) -> Result<Chip<'a>, Problem> {
    let now = chip_of(design)?;
    if part != Part::PcmDayCompensated {
        return Ok(now);
    }
    let noise = Noise::new(Seed(1));
    let conditions = part.hardware()?.conditions().fresh();
    let mut fresh = ChipBuilder::new(design, noise, Shortcuts::Avoided);
    for id in design.layers() {
        fresh.place(id, &ProgrammedLayer::program_until(design, id, &noise, &conditions)?);
    }
    let few = images.batch(0..images.len().min(8));
    let learned = Compensation::learn(&now, Some(&fresh.finish()), Correction::LayerGain, &few)?;
    Ok(now.compensated(learned))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timing::Pace;
    use std::num::NonZeroUsize;

    #[test]
    fn every_part_runs_and_is_not_quiet() {
        let machine = Machine::new(NonZeroUsize::MIN, Pace::Quick).unwrap();
        for part in Part::ALL {
            let outcomes = run(&machine, part).unwrap();
            assert!(outcomes[0].1.as_ref().unwrap().ratio() > 0.0, "{part:?}");
        }
    }
}
