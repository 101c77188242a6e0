//! A driver with equally spaced voltages: `bits` of the input in one step.

use super::{Dac, InputSign, InputSlice, Part, Skipping};
use ohmic_config::{KeyDoc, Kind};

const BITS: KeyDoc = KeyDoc::integer("bits", 1, 16, "number of input bits driven in one step");
const SIGNED_INPUTS: KeyDoc = KeyDoc::choice(
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

pub(super) const KIND: Kind<dyn Dac> = Kind {
    name: "uniform",
    summary: "drives `bits` of the input in one step, with equally spaced voltages",
    example: "bits = 1\nsigned_inputs = \"twos_complement\"",
    quiet: None,
    keys: &[BITS, SIGNED_INPUTS, SKIP_ZEROS],
    build: |s| {
        let signed = match s.choice(&SIGNED_INPUTS)? {
            "twos_complement" => SignedInputs::TwosComplement,
            "two_pass" => SignedInputs::TwoPass,
            _ => SignedInputs::SignedDrive,
        };
        let skipping = match s.choice_if(&SKIP_ZEROS)? {
            Some("leading") => Skipping::LeadingZeros,
            _ => Skipping::None,
        };
        Ok(Box::new(Uniform { bits: s.integer(&BITS)?, signed, skipping }))
    },
};

#[derive(Clone, Copy, Debug)]
enum SignedInputs {
    TwosComplement,
    TwoPass,
    SignedDrive,
}

#[derive(Debug)]
struct Uniform {
    bits: u32,
    signed: SignedInputs,
    skipping: Skipping,
}

impl Uniform {
    /// Steps for the lowest `width` bits, with gains times `sign`.
    fn steps(&self, part: Part, width: u32, sign: i64) -> Vec<InputSlice> {
        (0..width)
            .step_by(self.bits as usize)
            .map(|shift| InputSlice { part, shift, bits: self.bits.min(width - shift), gain: sign << shift })
            .collect()
    }
}

impl Dac for Uniform {
    fn bits(&self) -> u32 {
        self.bits
    }

    fn slices(&self, input_bits: u32, sign: InputSign) -> Vec<InputSlice> {
        match (sign, self.signed) {
            (InputSign::Unsigned, _) => self.steps(Part::Bits, input_bits, 1),
            (InputSign::Signed, SignedInputs::TwosComplement) => {
                let top = input_bits - 1;
                let mut slices = self.steps(Part::Bits, top, 1);
                slices.push(InputSlice { part: Part::Bits, shift: top, bits: 1, gain: -(1 << top) });
                slices
            }
            // the magnitude of -2^(b-1) has b bits, all others have b-1
            (InputSign::Signed, SignedInputs::TwoPass) => {
                let mut slices = self.steps(Part::Positive, input_bits - 1, 1);
                slices.extend(self.steps(Part::Negative, input_bits, -1));
                slices
            }
            (InputSign::Signed, SignedInputs::SignedDrive) => self.steps(Part::Signed, input_bits, 1),
        }
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
}
