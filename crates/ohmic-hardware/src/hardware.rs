//! The checked machine: what every later stage is given.

use crate::adc::Adc;
use crate::adc::transfer::BitLine;
use crate::compensation::{CompensationModel, Policy};
use crate::component::Component;
use crate::dac::Dac;
use crate::device::{DeviceModel, Held, Patch};
use crate::encoding::WeightEncoding;
use crate::fault::FaultModel;
use crate::interconnect::InterconnectModel;
use crate::rtn::TelegraphModel;
use crate::spec::{AssumedActivity, Conditions, CrossbarSpec, Hierarchy, Precision, Redundancy, Schedule};
use crate::variation::VariationModel;
use crate::wires::WireModel;
use crate::write::WriteModel;

/// A machine, checked: nothing downstream has to check it again.
#[derive(Debug)]
pub struct Hardware {
    pub(crate) name: String,
    pub(crate) resolved: String,
    pub(crate) device: Box<dyn DeviceModel>,
    pub(crate) variation: Box<dyn VariationModel>,
    pub(crate) rtn: Box<dyn TelegraphModel>,
    pub(crate) write: Box<dyn WriteModel>,
    pub(crate) conditions: Conditions,
    pub(crate) encoding: Box<dyn WeightEncoding>,
    pub(crate) dac: Box<dyn Dac>,
    pub(crate) adc: Box<dyn Adc>,
    pub(crate) fault: Box<dyn FaultModel>,
    pub(crate) redundancy: Redundancy,
    pub(crate) wires: Box<dyn WireModel>,
    pub(crate) compensation: Box<dyn CompensationModel>,
    pub(crate) precision: Precision,
    pub(crate) crossbar: CrossbarSpec,
    pub(crate) hierarchy: Hierarchy,
    pub(crate) interconnect: Option<Box<dyn InterconnectModel>>,
    pub(crate) activity: AssumedActivity,
    pub(crate) schedule: Schedule,
    pub(crate) components: Vec<Component>,
}

impl Hardware {
    /// The name that the file gives itself.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file with its preset and all settings merged in, as TOML text; reading it gives the same
    /// machine.
    pub fn resolved(&self) -> &str {
        &self.resolved
    }

    /// The technology of the cells.
    pub fn device(&self) -> &dyn DeviceModel {
        self.device.as_ref()
    }

    /// How its cells differ from each other.
    pub fn variation(&self) -> &dyn VariationModel {
        self.variation.as_ref()
    }

    /// Which of them jump between two conductances.
    pub fn rtn(&self) -> &dyn TelegraphModel {
        self.rtn.as_ref()
    }

    /// Whether two reads of a cell differ: by read noise of its technology, or by fast traps.
    pub fn reads_scatter(&self) -> bool {
        self.device.read_noise().is_some() || self.rtn.is_noisy()
    }

    /// Variance of one read of a cell, in squares of `unit_siemens`; `cell` is its index in the patch.
    pub fn read_variance(&self, held: Held, cell: usize, patch: &Patch<'_>, unit_siemens: f64) -> f64 {
        let device = self.device.read_noise().map_or(0.0, |r| r.sigma_siemens(held, &self.conditions));
        let traps = self.rtn.read_sigma_siemens(held.g_siemens, cell, patch);
        (f64::from(device) / unit_siemens).powi(2) + (f64::from(traps) / unit_siemens).powi(2)
    }

    /// How they are brought to their targets.
    pub fn write(&self) -> &dyn WriteModel {
        self.write.as_ref()
    }

    /// When and how warm it is read.
    pub fn conditions(&self) -> &Conditions {
        &self.conditions
    }

    /// How weights become levels.
    pub fn encoding(&self) -> &dyn WeightEncoding {
        self.encoding.as_ref()
    }

    /// The input drivers.
    pub fn dac(&self) -> &dyn Dac {
        self.dac.as_ref()
    }

    /// The converters.
    pub fn adc(&self) -> &dyn Adc {
        self.adc.as_ref()
    }

    /// What stands between the sums of bit lines and the converters, if anything does.
    pub fn bit_line(&self) -> Option<&dyn BitLine> {
        self.device.bit_line()
    }

    /// Broken cells.
    pub fn faults(&self) -> &dyn FaultModel {
        self.fault.as_ref()
    }

    /// What is done about broken cells.
    pub fn redundancy(&self) -> Redundancy {
        self.redundancy
    }

    /// Bit lines of a crossbar that weights may take: those that are not kept spare.
    pub fn usable_columns(&self) -> usize {
        self.crossbar.cols - self.redundancy.spare_columns
    }

    /// Resistance of the lines.
    pub fn wires(&self) -> &dyn WireModel {
        self.wires.as_ref()
    }

    /// How its answers are kept right while cells age, if they are.
    pub fn compensation(&self) -> Option<Policy> {
        self.compensation.policy()
    }

    /// Widths of integers and how scales are found.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// One crossbar and its converters.
    pub fn crossbar(&self) -> &CrossbarSpec {
        &self.crossbar
    }

    /// How crossbars make up the chip.
    pub fn hierarchy(&self) -> &Hierarchy {
        &self.hierarchy
    }

    /// What carries bytes between tiles; `None`: every byte that a layer puts out passes one router.
    pub fn interconnect(&self) -> Option<&dyn InterconnectModel> {
        self.interconnect.as_deref()
    }

    /// What is assumed of data that nobody ran.
    pub fn activity(&self) -> &AssumedActivity {
        &self.activity
    }

    /// How the work of a network is spread over crossbars and time.
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// Everything that has a price, in the order of the file.
    pub fn components(&self) -> &[Component] {
        &self.components
    }
}
