//! The one uniform quantizer that weights, inputs and converters share.

/// A uniform quantizer on a grid that always contains zero: value = code · step.
///
/// Codes run over `2^bits` consecutive integers from `code_min` (0 for unsigned, `-2^(bits-1)` for
/// signed), never `2^bits + 1`. Rounding is to the nearest code, ties to even.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Uniform {
    /// Distance of two codes, in the unit of the values.
    pub step: f32,
    /// Smallest code.
    pub code_min: i32,
    /// Largest code.
    pub code_max: i32,
}

impl Uniform {
    /// Codes `0 ..= 2^bits - 1`.
    pub fn unsigned(bits: u32, step: f32) -> Self {
        Self { step, code_min: 0, code_max: ((1i64 << bits) - 1) as i32 }
    }

    /// Codes `-2^(bits-1) ..= 2^(bits-1) - 1`.
    pub fn signed(bits: u32, step: f32) -> Self {
        let half = 1i64 << (bits - 1);
        Self { step, code_min: -half as i32, code_max: (half - 1) as i32 }
    }

    /// Codes `-(2^(bits-1) - 1) ..= 2^(bits-1) - 1`: symmetric, as weights are stored.
    pub fn symmetric(bits: u32, step: f32) -> Self {
        let top = ((1i64 << (bits - 1)) - 1) as i32;
        Self { step, code_min: -top, code_max: top }
    }

    /// The code nearest to `value / step`, clipped to the codes there are.
    #[inline(always)]
    pub fn code(&self, value: f32) -> i32 {
        let ideal = (value * (1.0 / self.step)).round_ties_even();
        ideal.max(self.code_min as f32).min(self.code_max as f32) as i32
    }

    /// Whether `value` lies more than half a step outside the codes, so that `code` clips it.
    #[inline(always)]
    pub fn clips(&self, value: f32) -> bool {
        let ideal = (value * (1.0 / self.step)).round_ties_even();
        ideal < self.code_min as f32 || ideal > self.code_max as f32
    }

    /// The value a code stands for.
    pub fn value(&self, code: i32) -> f32 {
        code as f32 * self.step
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_two_to_the_bits_codes() {
        // 3 bits: 0..=7, not 0..=8
        let q = Uniform::unsigned(3, 1.0);
        assert_eq!((q.code(7.4), q.code(8.0), q.code(-3.0)), (7, 7, 0));
        assert!(!q.clips(7.4) && q.clips(7.6) && q.clips(-0.6) && !q.clips(-0.4));
        let s = Uniform::signed(3, 0.5);
        assert_eq!((s.code(-9.0), s.code(9.0), s.code(0.26)), (-4, 3, 1));
        let w = Uniform::symmetric(3, 0.5);
        assert_eq!((w.code(-9.0), w.code(9.0)), (-3, 3));
    }

    #[test]
    fn ties_go_to_even() {
        let q = Uniform::unsigned(4, 1.0);
        assert_eq!([0.5, 1.5, 2.5, 3.5].map(|v| q.code(v)), [0, 2, 2, 4]);
    }
}
