//! Converters: how the analog sum of a bit line becomes a code.
//!
//! To add one: 1. write `adc/<name>.rs` with a `KIND` (copy `uniform.rs`); 2. add `mod <name>;`
//! below; 3. add `<name>::KIND` to [`KINDS`].

mod ideal;
mod uniform;

use ohmic_config::Kind;
use ohmic_numerics::Uniform;
use std::fmt::Debug;

/// Every converter there is.
pub const KINDS: &[Kind<dyn Adc>] = &[ideal::KIND, uniform::KIND];

/// The sums that a converter has to cover, in levels times input digits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// Smallest sum.
    pub low: f64,
    /// Largest sum.
    pub high: f64,
}

/// Where the span of a converter comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RangePolicy {
    /// The largest sum there can be, whatever the inputs.
    FullScale,
    /// The largest sum seen on the calibration images, per layer and readout.
    Max,
    /// The quantile of the sums seen on the calibration images, per layer and readout, as a
    /// fraction (0.999 leaves one sum in a thousand outside).
    Percentile(f64),
}

/// The converter at the foot of the bit lines.
pub trait Adc: Debug + Send + Sync {
    /// Bits of a code: `2^bits` codes.
    fn bits(&self) -> u32;

    /// Where the span comes from.
    fn range(&self) -> RangePolicy;

    /// The quantizer for sums within `span`: unsigned if `span.low >= 0`, else signed; its step is
    /// the smallest that covers the span, but never below one level, so that enough bits give exact
    /// integers. `None`: the sum is taken as it is.
    fn quantizer(&self, span: Span) -> Option<Uniform>;

    /// Input-referred Gaussian noise of one conversion, standard deviation in steps of the code.
    fn sigma_lsb(&self) -> f32 {
        0.0
    }
}
