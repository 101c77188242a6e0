//! The list of cases: names, what they mean, what they should reach.

use crate::error::Problem;
use crate::machine::Machine;
use crate::network::{Kind, Model};
use crate::physics::{self, Part};
use crate::setup::{Cells, Slicing};
use crate::{Error, Figure, layer, network, peaks, whole, wires};
use ohmic_numerics::kernel::Peak;

/// By number of threads: a figure, or why there is none.
pub(crate) type Outcomes = Vec<(usize, Result<Figure, String>)>;

/// What a ratio should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
}

impl Target {
    /// Whether a ratio meets it.
    pub fn met(self, ratio: f64) -> bool {
        match self {
            Self::AtLeast(least) => ratio >= least,
            Self::AtMost(most) => ratio <= most,
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AtLeast(least) => write!(f, ">= {least}"),
            Self::AtMost(most) => write!(f, "<= {most}"),
        }
    }
}

/// One case of the benchmark.
pub struct Case {
    /// Name.
    pub name: &'static str,
    /// What is measured and what it is held against, in one line.
    pub summary: &'static str,
    /// Unit of rate and reference.
    pub unit: &'static str,
    /// What the ratio should be.
    pub target: Option<Target>,
    pub(crate) run: fn(&Machine) -> Result<Outcomes, Problem>,
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Case").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Case {
    /// Whether a text is the case's name, or a part of it and the name of none.
    fn is_meant_by(&self, text: &str) -> bool {
        self.name == text || (self.name.contains(text) && CASES.iter().all(|case| case.name != text))
    }
}

/// Cases of which at least one name part is in the name; a whole name means that case alone.
pub(crate) fn select(parts: &[String]) -> Result<Vec<&'static Case>, Error> {
    for part in parts {
        if !CASES.iter().any(|case| case.name.contains(part.as_str())) {
            let names = CASES.iter().map(|case| case.name);
            let nearest = ohmic_config::suggest::nearest(part, names);
            return Err(Error::UnknownCase { name: part.clone(), nearest: nearest.unwrap_or("mvm.exact") });
        }
    }
    let wanted = |case: &&Case| parts.is_empty() || parts.iter().any(|part| case.is_meant_by(part));
    Ok(CASES.iter().filter(wanted).collect())
}

macro_rules! layer_case {
    ($name:literal, $slicing:ident, $cells:ident, $least:literal, $summary:literal) => {
        Case {
            name: $name,
            summary: concat!($summary, "; against the f32 peak of the same threads"),
            unit: "MAC/s",
            target: Some(Target::AtLeast($least)),
            run: |machine| layer::run(machine, Slicing::$slicing, Cells::$cells),
        }
    };
}

macro_rules! physics_case {
    ($name:literal, $part:ident, $summary:literal) => {
        Case {
            name: $name,
            summary: concat!("a layer as mvm.programmed: ", $summary, "; against programming error alone"),
            unit: "MAC/s",
            // at most 1.5 times as long
            target: Some(Target::AtLeast(0.667)),
            run: |machine| physics::run(machine, Part::$part),
        }
    };
}

macro_rules! network_case {
    ($name:literal, $model:ident, float) => {
        Case {
            name: $name,
            summary: "the network in float; against itself with one thread",
            unit: "images/s",
            target: None,
            run: |machine| network::float(machine, Model::$model),
        }
    };
    ($name:literal, $model:ident, $slicing:ident, $cells:ident, $least:literal) => {
        Case {
            name: $name,
            summary: "the network on crossbars; against the same in float on the same threads",
            unit: "images/s",
            target: Some(Target::AtLeast($least)),
            run: |machine| {
                network::analog(
                    machine,
                    Model::$model,
                    Kind { slicing: Slicing::$slicing, cells: Cells::$cells },
                )
            },
        }
    };
}

/// Every case there is, in the order of the table.
pub const CASES: &[Case] = &[
    Case {
        name: "peak.fma_f32",
        summary: "fused multiply-adds of f32 in registers; against one thread",
        unit: "MAC/s",
        target: None,
        run: |machine| peaks::arithmetic(machine, Peak::FmaF32),
    },
    Case {
        name: "peak.dot_i8",
        summary: "dot products of bytes in registers; against one thread",
        unit: "MAC/s",
        target: None,
        run: |machine| peaks::arithmetic(machine, Peak::DotI8),
    },
    Case {
        name: "peak.bits",
        summary: "AND, population count and addition in registers; against one thread",
        unit: "MAC/s",
        target: None,
        run: |machine| peaks::arithmetic(machine, Peak::Bits),
    },
    Case {
        name: "peak.copy",
        summary: "copying 128 MiB, bytes read and written both counted; against one thread",
        unit: "B/s",
        target: None,
        run: peaks::copy,
    },
    layer_case!(
        "mvm.exact",
        MultiBit,
        Exact,
        2.5,
        "8-bit inputs in one step, one plane of exact 8-bit cells"
    ),
    layer_case!("mvm.programmed", MultiBit, Programmed, 1.2, "mvm.exact with programming error"),
    layer_case!(
        "mvm.programmed_converter",
        MultiBit,
        ProgrammedConverter,
        0.8,
        "mvm.programmed with a Gaussian deviate a conversion"
    ),
    layer_case!("mvm.read_noise", MultiBit, ReadNoise, 0.6, "mvm.programmed with read noise of every cell"),
    layer_case!("isaac.exact", Isaac, Exact, 6.0, "8 one-bit inputs by 4 two-bit cells, exact cells"),
    layer_case!("isaac.programmed", Isaac, Programmed, 1.5, "isaac.exact with programming error"),
    layer_case!(
        "isaac.programmed_converter",
        Isaac,
        ProgrammedConverter,
        0.7,
        "isaac.programmed with a Gaussian deviate a conversion"
    ),
    layer_case!(
        "forms.exact",
        Forms,
        Exact,
        1.5,
        "fragments of 8 rows, one-bit inputs by two-bit cells, 4-bit ADC"
    ),
    layer_case!("forms.programmed", Forms, Programmed, 0.5, "forms.exact with programming error"),
    physics_case!("physics.sar", Sar, "SAR converters with capacitor mismatch"),
    physics_case!("physics.inl", Inl, "converters with INL and DNL"),
    physics_case!("physics.pcm_day", PcmDay, "fitted PCM after a day, with its read noise"),
    physics_case!("physics.pcm_day_steady", PcmDaySteady, "fitted PCM after a day, no read noise"),
    physics_case!(
        "physics.pcm_day_compensated",
        PcmDayCompensated,
        "fitted PCM after a day, read noise, one gain a layer"
    ),
    physics_case!("physics.correlated", Correlated, "variation correlated over 10 cells"),
    physics_case!("physics.rtn_slow", RtnSlow, "telegraph noise slower than an inference"),
    physics_case!("physics.rtn_fast", RtnFast, "telegraph noise faster than a read"),
    physics_case!("physics.sram_charge", SramCharge, "one-bit charge-domain SRAM, mismatch and kT/C"),
    physics_case!("physics.sram_charge_cold", SramChargeCold, "one-bit charge-domain SRAM, mismatch alone"),
    physics_case!("physics.pwm", Pwm, "inputs as lengths of pulses"),
    Case {
        name: "wires.128",
        summary: "seconds for the matrix of 128 x 128 cells with wires; against a 2048^3 product of f32",
        unit: "s",
        target: Some(Target::AtMost(0.2)),
        run: |machine| wires::run(machine, 128),
    },
    Case {
        name: "wires.256",
        summary: "seconds for the matrix of 256 x 256 cells with wires; against a 2048^3 product of f32",
        unit: "s",
        target: Some(Target::AtMost(1.0)),
        run: |machine| wires::run(machine, 256),
    },
    network_case!("lenet5.float", LeNet5, float),
    network_case!("lenet5.multi_bit", LeNet5, MultiBit, Exact, 1.0),
    network_case!("lenet5.multi_bit_programmed", LeNet5, MultiBit, Programmed, 0.7),
    network_case!("lenet5.isaac", LeNet5, Isaac, Exact, 0.3),
    network_case!("lenet5.isaac_programmed", LeNet5, Isaac, Programmed, 0.1),
    network_case!("lenet5.isaac_programmed_converter", LeNet5, Isaac, ProgrammedConverter, 0.05),
    network_case!("vgg8.float", Vgg8, float),
    network_case!("vgg8.multi_bit", Vgg8, MultiBit, Exact, 1.0),
    network_case!("vgg8.multi_bit_programmed", Vgg8, MultiBit, Programmed, 0.7),
    network_case!("vgg8.isaac", Vgg8, Isaac, Exact, 0.3),
    network_case!("vgg8.isaac_programmed", Vgg8, Isaac, Programmed, 0.1),
    network_case!("vgg8.isaac_programmed_converter", Vgg8, Isaac, ProgrammedConverter, 0.05),
    Case {
        name: "sweep.lenet5_sliced",
        summary: "seconds of a sweep of bit-sliced LeNet-5, 10 spreads x 5 chips x 1000 images; against 5 s",
        unit: "s",
        target: Some(Target::AtMost(1.0)),
        run: whole::sweep,
    },
    Case {
        name: "resnet20.isaac_programmed",
        summary: "seconds of ResNet-20 on 1000 CIFAR-10 images, ISAAC's slices, programmed; against 15 s",
        unit: "s",
        target: Some(Target::AtMost(1.0)),
        run: whole::resnet20,
    },
];
