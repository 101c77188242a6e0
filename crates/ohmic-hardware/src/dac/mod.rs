//! Input drivers: how an integer input is cut into the steps that drive the word lines.
//!
//! To add one: 1. write `dac/<name>.rs` with a `KIND` (copy `uniform.rs`); 2. add `mod <name>;`
//! below; 3. add `<name>::KIND` to [`KINDS`].

mod pwm;
mod unary;
mod uniform;

use ohmic_config::Kind;
use ohmic_numerics::Noise;
use std::fmt::Debug;

/// Every input driver there is.
pub const KINDS: &[Kind<dyn Dac>] = &[uniform::KIND, pwm::KIND, unary::KIND];

/// Which integers an input of `b` bits can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputSign {
    /// `0 ..= 2^b - 1`.
    Unsigned,
    /// Two's complement, `-2^(b-1) ..= 2^(b-1) - 1`.
    Signed,
}

/// Which part of an input a slice takes its digit from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The bits of the unsigned or two's complement integer.
    Bits,
    /// The bits of `max(x, 0)`.
    Positive,
    /// The bits of `max(-x, 0)`.
    Negative,
    /// The bits of `|x|`, driven with the sign of `x`.
    Signed,
}

/// One step of a bit-serial input: `x = sum over slices of gain * digit(x)`, exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputSlice {
    /// Where the digit comes from.
    pub part: Part,
    /// Lowest bit of the digit.
    pub shift: u32,
    /// Number of bits of the digit.
    pub bits: u32,
    /// Digital gain of what this step returns.
    pub gain: i64,
}

impl InputSlice {
    /// The digit of input `x` that this step drives.
    pub fn digit(&self, x: i32) -> i32 {
        let mask = (1i64 << self.bits) - 1;
        let of = |v: i64| ((v >> self.shift) & mask) as i32;
        let x = i64::from(x);
        match self.part {
            Part::Bits => of(x),
            Part::Positive => of(x.max(0)),
            Part::Negative => of((-x).max(0)),
            Part::Signed => of(x.abs()) * x.signum() as i32,
        }
    }

    /// The largest magnitude of a digit.
    pub fn max_abs(&self) -> i32 {
        ((1i64 << self.bits) - 1) as i32
    }

    /// Whether a digit can be negative.
    pub fn can_be_negative(&self) -> bool {
        self.part == Part::Signed
    }
}

/// Which slices are not issued because all their digits are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skipping {
    /// Every slice is issued.
    None,
    /// For each fragment, slices above the highest set bit of any of its inputs are not issued
    /// (effective input cycles of FORMS, ISCA 2021).
    LeadingZeros,
}

/// What carries a digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Drive {
    /// The height of the voltage: one pulse a read.
    #[default]
    Amplitude,
    /// The length of one pulse of the full voltage.
    Width,
    /// The number of pulses of the full voltage.
    Pulses,
}

/// What makes a driver's voltages other than equally spaced.
pub trait DriveLevels: Debug + Send + Sync {
    /// The voltage of each digit `0 ..= 2^bits - 1`, in steps of a digit; 0 for 0. All drivers of a chip share the
    /// reference that it comes from.
    fn levels(&self, noise: &Noise) -> Vec<f64>;
}

/// The input side of a crossbar.
pub trait Dac: Debug + Send + Sync {
    /// Bits driven in one step.
    fn bits(&self) -> u32;

    /// The steps that an input of `input_bits` takes, lowest bits first.
    fn slices(&self, input_bits: u32, sign: InputSign) -> Vec<InputSlice>;

    /// What carries a digit.
    fn drive(&self) -> Drive {
        Drive::Amplitude
    }

    /// How many times `crossbar.t_read` a step takes.
    fn pulses(&self, slice: &InputSlice) -> u64 {
        match self.drive() {
            Drive::Amplitude => 1,
            Drive::Width | Drive::Pulses => slice.max_abs().unsigned_abs().into(),
        }
    }

    /// What makes its voltages other than equally spaced, if anything does.
    fn drive_levels(&self) -> Option<&dyn DriveLevels> {
        None
    }

    /// Which steps are left out.
    fn skipping(&self) -> Skipping {
        Skipping::None
    }
}
