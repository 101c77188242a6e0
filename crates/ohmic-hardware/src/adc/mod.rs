//! Converters: how the analog sum of a bit line becomes a code.
//!
//! To add one: 1. write `adc/<name>.rs` with a `KIND` (copy `uniform.rs`); 2. add `mod <name>;`
//! below; 3. add `<name>::KIND` to [`KINDS`].

mod charge_injection_sar;
mod flash;
mod ideal;
pub mod measure;
mod ramp;
mod sar;
mod shared;
pub mod transfer;
mod uniform;

use ohmic_config::Kind;
use ohmic_numerics::Uniform;
use std::fmt::Debug;
use transfer::Imperfection;

/// Every converter there is.
pub const KINDS: &[Kind<dyn Adc>] =
    &[ideal::KIND, uniform::KIND, sar::KIND, flash::KIND, ramp::KIND, charge_injection_sar::KIND];

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
    /// The span with the smallest mean squared error of rounding and clipping on those sums.
    MeanSquaredError,
    /// The same with converter noise, which grows with the step, counted in.
    Snr,
}

/// Which converters share a calibrated range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum RangePer {
    /// Those of one readout of a layer.
    #[default]
    Layer,
    /// Those of one readout of a layer in one tile.
    Tile,
    /// Those of one readout of one block: of a layer on one crossbar.
    Crossbar,
    /// Those of one readout that take turns at one converter of one crossbar (`crossbar.adcs`).
    ColumnGroup,
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

    /// Which converters share a calibrated range.
    fn range_per(&self) -> RangePer {
        RangePer::Layer
    }

    /// What makes it other than its quantizer, if anything does.
    fn imperfection(&self) -> Option<&dyn Imperfection> {
        None
    }

    /// Input-referred Gaussian noise of one conversion, standard deviation in steps of the code.
    fn sigma_lsb(&self) -> f32 {
        0.0
    }
}
