//! Digits in time: one pulse of the full voltage, as long as the digit.

use super::uniform::{SIGNED_INPUTS, SignedInputs};
use super::{Dac, Drive, InputSign, InputSlice};
use ohmic_config::{KeyDoc, Kind};

const BITS: KeyDoc = KeyDoc::integer(
    "bits",
    1,
    8,
    "number of input bits driven in one read, which takes `crossbar.t_read` times 2^bits - 1",
);

pub(super) const KIND: Kind<dyn Dac> = Kind {
    name: "pwm",
    summary: "one pulse of the full voltage, as long as the digit; one conversion a read",
    example: "bits = 4\nsigned_inputs = \"two_pass\"",
    quiet: Some("bits = 4\nsigned_inputs = \"two_pass\""),
    keys: &[BITS, SIGNED_INPUTS],
    build: |s| Ok(Box::new(Driver { bits: s.integer(&BITS)?, signed: SignedInputs::read(s)? })),
};

/// Model: the length of one pulse carries the digit, and charge is what is converted: sums are those of a driver of voltages.
///
/// A read takes `t_read (2^bits - 1)`, and a cell's energy is `v_read² g t_read` times the digit. A word line is driven once a read.
/// Left out: edges, jitter, and that noise of the cells averages over a longer pulse (its charge is taken to
/// grow with the digit, like the signal).
#[derive(Debug)]
struct Driver {
    bits: u32,
    signed: SignedInputs,
}

impl Dac for Driver {
    fn bits(&self) -> u32 {
        self.bits
    }

    fn slices(&self, input_bits: u32, sign: InputSign) -> Vec<InputSlice> {
        self.signed.slices(self.bits, input_bits, sign)
    }

    fn drive(&self) -> Drive {
        Drive::Width
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 8 bits by 4: two reads of up to 15 pulses each; the last of 6 bits by 4 has 2 bits, so 3 pulses.
    #[test]
    fn a_read_takes_as_long_as_the_largest_digit() {
        let dac = KIND.build_text(KIND.example).unwrap();
        let pulses = |bits| -> Vec<u64> {
            dac.slices(bits, InputSign::Unsigned).iter().map(|s| dac.pulses(s)).collect()
        };
        assert_eq!(pulses(8), [15, 15]);
        assert_eq!(pulses(6), [15, 3]);
    }
}
