//! How equal is equal: a declared tolerance, and the message when it is not met.

/// A declared tolerance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tolerance {
    /// The same bits.
    Exact,
    /// At most this many representable values apart.
    Ulp(u32),
    /// At most this fraction of the larger magnitude apart.
    Rel(f64),
    /// At most this far apart, in the unit of the values.
    Abs(f64),
}

impl Tolerance {
    /// Whether two values agree, and if not, how far apart they are.
    ///
    /// # Errors
    /// A message with both values and the tolerance.
    pub fn check(self, got: f64, want: f64) -> Result<(), String> {
        let apart = (got - want).abs();
        let agrees = got.to_bits() == want.to_bits()
            || match self {
                Self::Exact => false,
                Self::Ulp(n) => (got.to_bits() as i64).abs_diff(want.to_bits() as i64) <= u64::from(n),
                Self::Rel(r) => apart <= r * got.abs().max(want.abs()),
                Self::Abs(a) => apart <= a,
            };
        if agrees {
            Ok(())
        } else {
            Err(format!("got {got}, expected {want}: {apart:e} apart, allowed {self:?}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_from_both_sides() {
        assert!(Tolerance::Rel(0.01).check(1.0, 1.01).is_ok());
        assert!(Tolerance::Rel(0.01).check(1.0, 1.0102).is_err());
        assert!(Tolerance::Ulp(1).check(1.0, 1.0 + f64::EPSILON).is_ok());
        assert!(Tolerance::Ulp(1).check(1.0, 1.0 + 2.0 * f64::EPSILON).is_err());
        assert!(Tolerance::Exact.check(0.1 + 0.2, 0.3).is_err());
        assert!(Tolerance::Abs(1.0).check(f64::NAN, 0.0).is_err());
    }
}
