//! A driver with equally spaced voltages: `bits` of the input in one step.

use super::{Dac, DriveLevels, InputSign, InputSlice, Part, Skipping};
use ohmic_config::{Error, KeyDoc, Kind, Section};
use ohmic_numerics::{Noise, Purpose, Site};

/// The place of drivers in the address of a draw: no layer has this index.
const DRIVERS: u32 = 0x00ff_fffd;

/// The most bits of a driver whose voltages are held one by one.
const MOST_BITS: u32 = 8;

const BITS: KeyDoc = KeyDoc::integer("bits", 1, 16, "number of input bits driven in one step");
pub(super) const SIGNED_INPUTS: KeyDoc = KeyDoc::choice(
    "signed_inputs",
    &[
        ("twos_complement", "bits as they are; the top bit is a step of its own, subtracted (ISAAC)"),
        ("two_pass", "positive inputs in one pass, negative ones in another, subtracted"),
        ("signed_drive", "one pass; the driver has both polarities"),
    ],
    "way in which inputs that can be negative are driven",
)
.source("ISAAC, ISCA 2016 (twos_complement)");
const SKIP_ZEROS: KeyDoc = KeyDoc::choice(
    "skip_zeros",
    &[
        ("none", "every step is issued"),
        ("leading", "for each fragment, steps above the highest set bit of all its inputs are not issued"),
    ],
    "steps that are left out",
)
.optional("none")
.source("effective input cycles of FORMS, ISCA 2021");

const INL_BOW: KeyDoc = KeyDoc::number(
    "inl_bow_lsb",
    "height of a parabola by which the middle digit's voltage is too high, in steps of a digit; 8 bits at most",
)
.at_least(-64.0)
.at_most(64.0)
.optional("0, voltages are equally spaced");
const INL_SIGMA: KeyDoc = KeyDoc::number(
    "inl_sigma_lsb",
    "standard deviation of the voltage of each digit between the first and the last, in steps of a digit, drawn once a \
     chip: its drivers share one reference",
)
.at_least(0.0)
.at_most(8.0)
.optional("0, voltages are equally spaced");

pub(super) const KIND: Kind<dyn Dac> = Kind {
    name: "uniform",
    summary: "drives `bits` of the input in one step, with equally spaced voltages",
    example: "bits = 1\nsigned_inputs = \"twos_complement\"",
    quiet: Some("bits = 1\nsigned_inputs = \"twos_complement\""),
    keys: &[BITS, SIGNED_INPUTS, SKIP_ZEROS, INL_BOW, INL_SIGMA],
    build: |s| {
        let signed = SignedInputs::read(s)?;
        let skipping = match s.choice_if(&SKIP_ZEROS)? {
            Some("leading") => Skipping::LeadingZeros,
            _ => Skipping::None,
        };
        let bits = s.integer(&BITS)?;
        let levels = Levels {
            bits,
            bow: s.number_if(&INL_BOW)?.unwrap_or(0.0),
            sigma: s.number_if(&INL_SIGMA)?.unwrap_or(0.0),
        };
        if levels.is_some() && !(2..=MOST_BITS).contains(&bits) {
            let problem = format!("{bits} bits cannot have voltages that are not equally spaced");
            let help = format!("2 to {MOST_BITS} bits: one has no voltage between the first and the last");
            return Err(s.invalid("bits", problem, vec![], Some(help)));
        }
        Ok(Box::new(Uniform { bits, signed, skipping, levels }))
    },
};

#[derive(Clone, Copy, Debug)]
pub(super) enum SignedInputs {
    TwosComplement,
    TwoPass,
    SignedDrive,
}

impl SignedInputs {
    /// The key `signed_inputs`.
    pub(super) fn read(s: &Section<'_>) -> Result<Self, Error> {
        Ok(match s.choice(&SIGNED_INPUTS)? {
            "twos_complement" => Self::TwosComplement,
            "two_pass" => Self::TwoPass,
            _ => Self::SignedDrive,
        })
    }
}

#[derive(Debug)]
struct Uniform {
    bits: u32,
    signed: SignedInputs,
    skipping: Skipping,
    levels: Levels,
}

/// Model: digit d drives `d + bow 4 u (1 - u) + σ z_d` steps, `u = d / (2^bits - 1)`; both ends are held, because an error
/// there is one of gain or offset.
///
/// All drivers of a chip share the reference. Left out: spread from driver to driver, jitter, settling.
#[derive(Clone, Copy, Debug)]
struct Levels {
    bits: u32,
    bow: f64,
    sigma: f64,
}

impl Levels {
    fn is_some(&self) -> bool {
        self.bow.abs() > 0.0 || self.sigma > 0.0
    }
}

impl DriveLevels for Levels {
    fn levels(&self, noise: &Noise) -> Vec<f64> {
        let top = (1u32 << self.bits) - 1;
        let at = Site { layer: DRIVERS, block: 0 };
        let level = |d: u32| {
            let along = f64::from(d) / f64::from(top);
            let held = d == 0 || d == top;
            let z = if held { 0.0 } else { f64::from(noise.normal(Purpose::Device, at, 0, d)) };
            f64::from(d) + self.bow * 4.0 * along * (1.0 - along) + self.sigma * z
        };
        (0..=top).map(level).collect()
    }
}

/// Steps of `bits` for the lowest `width` bits, with gains times `sign`.
fn steps(bits: u32, part: Part, width: u32, sign: i64) -> Vec<InputSlice> {
    (0..width)
        .step_by(bits as usize)
        .map(|shift| InputSlice { part, shift, bits: bits.min(width - shift), gain: sign << shift })
        .collect()
}

impl SignedInputs {
    /// See [`Dac::slices`], for a driver of `bits` in one step.
    pub(super) fn slices(self, bits: u32, input_bits: u32, sign: InputSign) -> Vec<InputSlice> {
        match (sign, self) {
            (InputSign::Unsigned, _) => steps(bits, Part::Bits, input_bits, 1),
            (InputSign::Signed, Self::TwosComplement) => {
                let top = input_bits - 1;
                let mut slices = steps(bits, Part::Bits, top, 1);
                slices.push(InputSlice { part: Part::Bits, shift: top, bits: 1, gain: -(1 << top) });
                slices
            }
            // the magnitude of -2^(b-1) has b bits, all others have b-1
            (InputSign::Signed, Self::TwoPass) => {
                let mut slices = steps(bits, Part::Positive, input_bits - 1, 1);
                slices.extend(steps(bits, Part::Negative, input_bits, -1));
                slices
            }
            (InputSign::Signed, Self::SignedDrive) => steps(bits, Part::Signed, input_bits, 1),
        }
    }
}

impl Dac for Uniform {
    fn bits(&self) -> u32 {
        self.bits
    }

    fn slices(&self, input_bits: u32, sign: InputSign) -> Vec<InputSlice> {
        self.signed.slices(self.bits, input_bits, sign)
    }

    fn drive_levels(&self) -> Option<&dyn DriveLevels> {
        if self.levels.is_some() { Some(&self.levels) } else { None }
    }

    fn skipping(&self) -> Skipping {
        self.skipping
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(bits: u32, mode: &str) -> Box<dyn Dac> {
        KIND.build_text(&format!("bits = {bits}\nsigned_inputs = \"{mode}\"")).unwrap()
    }

    /// The identity, for every input of up to 9 bits and the corners of 16 bits.
    #[test]
    fn gains_times_digits_are_the_input() {
        for mode in ["twos_complement", "two_pass", "signed_drive"] {
            for bits in [1, 2, 3, 4, 8, 16] {
                let dac = built(bits, mode);
                for width in (1..=9).chain([16]) {
                    for sign in [InputSign::Unsigned, InputSign::Signed] {
                        let (low, high) = match sign {
                            InputSign::Unsigned => (0, (1i32 << width) - 1),
                            InputSign::Signed => (-(1i32 << (width - 1)), (1i32 << (width - 1)) - 1),
                        };
                        let slices = dac.slices(width, sign);
                        let step = if width > 9 { 257 } else { 1 };
                        for x in (low..=high).step_by(step).chain([high]) {
                            let sum: i64 = slices.iter().map(|s| s.gain * i64::from(s.digit(x))).sum();
                            assert_eq!(sum, i64::from(x), "{mode} {bits} of {width} bits {sign:?}");
                            for s in &slices {
                                assert!(s.digit(x).abs() <= s.max_abs() && s.bits <= bits, "{s:?} {x}");
                                assert!(s.can_be_negative() || s.digit(x) >= 0, "{s:?} {x}");
                            }
                        }
                    }
                }
            }
        }
    }

    /// Hand: 8 bits unsigned by 1 are 8 steps, by 3 are 3 (3 + 3 + 2); signed by 4 in two's
    /// complement are 4 + 3 + the top bit.
    #[test]
    fn number_of_steps() {
        assert_eq!(built(1, "two_pass").slices(8, InputSign::Unsigned).len(), 8);
        assert_eq!(built(3, "two_pass").slices(8, InputSign::Unsigned).len(), 3);
        let slices = built(4, "twos_complement").slices(8, InputSign::Signed);
        assert_eq!(slices.iter().map(|s| (s.bits, s.gain)).collect::<Vec<_>>(), [(4, 1), (3, 16), (1, -128)]);
    }

    /// By hand: 2 bits with a bow of 0.9: u = 1/3 and 2/3, 4 u (1 - u) = 8/9, so 1 and 2 are 0.8 too high. The sigma of
    /// each is what was asked for: 2000 chips, 5 standard errors are 8 %.
    #[test]
    fn digits_drive_voltages_that_are_off() {
        let dac = |more: &str| KIND.build_text(&format!("bits = 2\nsigned_inputs = \"two_pass\"\n{more}"));
        let noise = Noise::new(ohmic_numerics::Seed(1));
        let levels = dac("inl_bow_lsb = 0.9").unwrap().drive_levels().unwrap().levels(&noise);
        for (got, want) in levels.iter().zip([0.0, 1.8, 2.8, 3.0]) {
            assert!((got - want).abs() < 1e-12, "{levels:?}");
        }
        let spread = dac("inl_sigma_lsb = 0.1").unwrap();
        let squares: f64 = (0..2000)
            .map(|chip| (spread.drive_levels().unwrap().levels(&noise.instance(chip))[1] - 1.0).powi(2))
            .sum();
        let sigma = (squares / 2000.0).sqrt();
        assert!((sigma / 0.1 - 1.0).abs() < 0.08, "{sigma}");
        assert!(dac("inl_sigma_lsb = 0.0").unwrap().drive_levels().is_none());
        let one = KIND.build_text("bits = 1\nsigned_inputs = \"two_pass\"\ninl_bow_lsb = 0.1");
        assert!(one.unwrap_err().to_string().contains("equally spaced"));
    }
}
