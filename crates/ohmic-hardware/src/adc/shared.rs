//! What converters of all kinds have in common: keys, range, noise, spread from converter to converter.

use super::transfer::{Calibrated, Imperfection, Instance, MOST_BITS};
use super::{Adc, RangePer, RangePolicy, Span};
use ohmic_config::{Error, KeyDoc, Section};
use std::fmt::Debug;

pub(super) const BITS: KeyDoc =
    KeyDoc::integer("bits", 1, MOST_BITS, "bits of a code: 2^bits codes; each decision is held by itself");
pub(super) const RANGE: KeyDoc = KeyDoc::choice(
    "range",
    &[
        ("full_scale", "the largest sum there can be, whatever the inputs"),
        ("max", "the largest sum seen on the calibration images"),
        ("percentile", "the quantile `percentile` of the sums seen on the calibration images"),
        ("mse", "the span with the smallest mean squared error of rounding and clipping on those sums"),
        ("snr", "the same with the converter's own noise, which grows with the step, counted in"),
    ],
    "sums that the codes cover; the step is never finer than one level times one input digit",
);
pub(super) const PERCENTILE: KeyDoc = KeyDoc::number(
    "percentile",
    "quantile that range = \"percentile\" covers, as a fraction: 0.999 leaves one sum in a thousand outside",
)
.above(0.5)
.at_most(1.0)
.optional("only range = \"percentile\" uses it");
pub(super) const RANGE_PER: KeyDoc = KeyDoc::choice(
    "range_per",
    &[
        ("layer", "one range for each readout of a layer"),
        ("tile", "one for each readout of a layer in each tile"),
        ("crossbar", "one for each readout of each of its blocks, a block being its part on one crossbar"),
        (
            "column_group",
            "the same for each converter: for columns that take turns at one, see `crossbar.adcs`",
        ),
    ],
    "set of converters that share a calibrated range",
)
.optional("layer");
pub(super) const SIGMA_LSB: KeyDoc = KeyDoc::number(
    "sigma_lsb",
    "standard deviation of input-referred noise of one conversion, in steps of the code",
)
.at_least(0.0)
.at_most(100.0)
.optional("0, no noise");
pub(super) const UNUSED_CODES: KeyDoc = KeyDoc::choice(
    "unused_codes",
    &[
        ("refuse", "an error that names the bits that suffice"),
        ("allow", "wanted, for a sweep of bits over designs of different size"),
    ],
    "what more bits than the largest possible sum needs are",
)
.optional("refuse");
pub(super) const OFFSET_SIGMA: KeyDoc = KeyDoc::number(
    "offset_sigma_lsb",
    "standard deviation of the offset from converter to converter, in steps of the code",
)
.at_least(0.0)
.at_most(1000.0)
.optional("0, no converter has an offset");
pub(super) const GAIN_SIGMA: KeyDoc = KeyDoc::number(
    "gain_sigma",
    "standard deviation of the gain from converter to converter, as a fraction (0.01 is 1 %)",
)
.at_least(0.0)
.below(0.2)
.optional("0, all gains are 1");
pub(super) const DNL_SIGMA: KeyDoc = KeyDoc::number(
    "dnl_sigma_lsb",
    "standard deviation of the width of a code, in steps; what adds up is held at both ends, so the integral \
     error at mid code has sigma dnl * sqrt(2^bits) / 2",
)
.at_least(0.0)
.at_most(10.0)
.optional("0, all codes are equally wide");
pub(super) const INL_BOW: KeyDoc = KeyDoc::number(
    "inl_bow_lsb",
    "height of a parabola that all converters have in common: how many steps late the middle code is reached",
)
.at_least(-1000.0)
.at_most(1000.0)
.optional("0, no curve in common");
pub(super) const CALIBRATION: KeyDoc = KeyDoc::choice(
    "calibration",
    &[
        ("none", "a code is taken for what it nominally stands for"),
        ("line", "gain and offset of each converter are measured and corrected digitally"),
        ("two_step", "then one curve that all converters of a crossbar share is corrected, too"),
    ],
    "digital correction of codes",
)
.optional("none")
.source("two steps: CAP-RAM, JSSC 2021");
pub(super) const FRACTION_BITS: KeyDoc =
    KeyDoc::integer("calibration_fraction_bits", 0, 8, "bits behind the binary point of a corrected code")
        .optional("4; only `calibration` uses it");

/// The keys of a kind, and those of all kinds (but for `bits`).
macro_rules! with_shared_keys {
    ($($key:expr),* $(,)?) => {
        &[
            $($key,)*
            $crate::adc::shared::RANGE,
            $crate::adc::shared::PERCENTILE,
            $crate::adc::shared::RANGE_PER,
            $crate::adc::shared::SIGMA_LSB,
            $crate::adc::shared::OFFSET_SIGMA,
            $crate::adc::shared::GAIN_SIGMA,
            $crate::adc::shared::DNL_SIGMA,
            $crate::adc::shared::INL_BOW,
            $crate::adc::shared::CALIBRATION,
            $crate::adc::shared::FRACTION_BITS,
            $crate::adc::shared::UNUSED_CODES,
        ]
    };
}
pub(super) use with_shared_keys;

/// Where a kind of converter decides, before what all kinds have in common.
pub(super) trait Decisions: Debug + Send + Sync {
    /// Whether it decides where a uniform converter does.
    fn is_uniform(&self) -> bool;

    /// See [`Imperfection::decisions`].
    fn decisions(&self, bits: u32, converter: Instance<'_>) -> Vec<f64>;
}

/// A converter: how it decides, and what all kinds have in common.
#[derive(Debug)]
pub(super) struct Converter<D> {
    pub(super) bits: u32,
    range: RangePolicy,
    range_per: RangePer,
    pub(super) sigma_lsb: f32,
    offset_sigma: f64,
    gain_sigma: f64,
    dnl_sigma: f64,
    inl_bow: f64,
    calibrated: Calibrated,
    fraction_bits: u32,
    pub(super) decides: D,
}

/// Numbers of the draws of one converter: offset, gain, then widths of codes; a kind draws from `OWN` on.
const OFFSET: u32 = 0;
const GAIN: u32 = 1;
const WIDTHS: u32 = 4;
pub(super) const OWN: u32 = 1 << 16;

impl<D: Decisions> Converter<D> {
    /// Reads the shared keys.
    pub(super) fn read(s: &Section<'_>, bits: u32, decides: D) -> Result<Self, Error> {
        let range = match s.choice(&RANGE)? {
            "full_scale" => RangePolicy::FullScale,
            "max" => RangePolicy::Max,
            "mse" => RangePolicy::MeanSquaredError,
            "snr" => RangePolicy::Snr,
            _ => RangePolicy::Percentile(s.number(&PERCENTILE)?),
        };
        // checked even where they are not used
        s.number_if(&PERCENTILE)?;
        s.choice_if(&UNUSED_CODES)?;
        let fraction_bits = s.integer_if(&FRACTION_BITS)?.unwrap_or(4);
        let calibrated = match s.choice_if(&CALIBRATION)? {
            Some("line") => Calibrated::Line,
            Some("two_step") => Calibrated::TwoStep,
            _ => Calibrated::No,
        };
        let number = |key: &KeyDoc| Ok::<_, Error>(s.number_if(key)?.unwrap_or(0.0));
        let converter = Self {
            bits,
            range,
            range_per: match s.choice_if(&RANGE_PER)? {
                Some("tile") => RangePer::Tile,
                Some("crossbar") => RangePer::Crossbar,
                Some("column_group") => RangePer::ColumnGroup,
                _ => RangePer::Layer,
            },
            sigma_lsb: number(&SIGMA_LSB)? as f32,
            offset_sigma: number(&OFFSET_SIGMA)?,
            gain_sigma: number(&GAIN_SIGMA)?,
            dnl_sigma: number(&DNL_SIGMA)?,
            inl_bow: number(&INL_BOW)?,
            calibrated,
            fraction_bits: if calibrated == Calibrated::No { 0 } else { fraction_bits },
            decides,
        };
        if bits > MOST_BITS && !converter.is_uniform() {
            return Err(s.invalid(
                "bits",
                format!("{bits} bits have too many decisions to be held one by one"),
                vec![],
                Some(format!("at most {MOST_BITS} bits, or no error that makes converters differ")),
            ));
        }
        Ok(converter)
    }

    fn is_uniform(&self) -> bool {
        self.decides.is_uniform()
            && [self.offset_sigma, self.gain_sigma, self.dnl_sigma, self.inl_bow.abs()]
                .iter()
                .all(|&error| error <= 0.0)
    }
}

impl<D: Decisions> Adc for Converter<D> {
    fn bits(&self) -> u32 {
        self.bits
    }

    fn range(&self) -> RangePolicy {
        self.range
    }

    fn range_per(&self) -> RangePer {
        self.range_per
    }

    fn quantizer(&self, span: Span) -> Option<ohmic_numerics::Uniform> {
        Some(quantizer(self.bits, span))
    }

    fn sigma_lsb(&self) -> f32 {
        self.sigma_lsb
    }

    fn imperfection(&self) -> Option<&dyn Imperfection> {
        if self.is_uniform() { None } else { Some(self) }
    }
}

impl<D: Decisions> Imperfection for Converter<D> {
    fn decisions(&self, converter: Instance<'_>) -> Vec<f64> {
        let mut decisions = self.decides.decisions(self.bits, converter);
        let n = f64::from((1u32 << self.bits) - 1);
        if self.dnl_sigma > 0.0 {
            let widths: Vec<f64> =
                (0..1u32 << self.bits).map(|k| self.dnl_sigma * converter.normal(WIDTHS + k)).collect();
            let (mut sum, all) = (0.0, widths.iter().sum::<f64>());
            for (i, t) in decisions.iter_mut().enumerate() {
                sum += widths[i];
                *t += sum - all * (i + 1) as f64 / (n + 1.0);
            }
        }
        let gain = 1.0 + self.gain_sigma * converter.normal(GAIN);
        let offset = self.offset_sigma * converter.normal(OFFSET);
        // sums are counted from the lowest code, gains from the middle: the span grows to both sides
        let middle = 0.5 * n;
        let mut last = f64::NEG_INFINITY;
        for t in &mut decisions {
            let along = *t / n;
            *t += self.inl_bow * 4.0 * along * (1.0 - along);
            *t = middle + (*t - middle) * gain + offset;
            // a code of negative width is a missing one
            *t = t.max(last);
            last = *t;
        }
        decisions
    }

    fn calibrated(&self) -> Calibrated {
        self.calibrated
    }

    fn fraction_bits(&self) -> u32 {
        self.fraction_bits
    }
}

/// The grid whose codes cover a span: see [`Adc::quantizer`].
pub(super) fn quantizer(bits: u32, span: Span) -> ohmic_numerics::Uniform {
    let unsigned = span.low >= 0.0;
    let grid = if unsigned {
        ohmic_numerics::Uniform::unsigned(bits, 1.0)
    } else {
        ohmic_numerics::Uniform::signed(bits, 1.0)
    };
    // below 0 there is one code more than above it; with 1 bit none is above
    let up = span.high.max(0.0) / f64::from(grid.code_max.max(1));
    let down = if unsigned { 0.0 } else { -span.low / -f64::from(grid.code_min) };
    ohmic_numerics::Uniform { step: up.max(down).max(1.0) as f32, ..grid }
}

/// Decisions of a search by halves: `level(code)` is what a trial of `code` is compared with. Each decision holds
/// only where the search gets to it, so a code that no sum leads to is left out by two equal decisions.
pub(super) fn by_halves(bits: u32, level: &impl Fn(u32) -> f64) -> Vec<f64> {
    fn split(
        level: &impl Fn(u32) -> f64,
        out: &mut [f64],
        (first, size): (u32, u32),
        (low, high): (f64, f64),
    ) {
        if size < 2 {
            return;
        }
        let trial = first + size / 2;
        let decision = level(trial).max(low).min(high);
        out[trial as usize - 1] = decision;
        split(level, out, (first, size / 2), (low, decision));
        split(level, out, (trial, size / 2), (decision, high));
    }
    let mut out = vec![0.0; (1 << bits) - 1];
    split(level, &mut out, (0, 1 << bits), (f64::NEG_INFINITY, f64::INFINITY));
    out
}
