//! What departs from the exact integer product, cause by cause.

/// One cause of error in a layer that runs on crossbars. Quantization of weights and inputs comes before
/// the exact integer product and is not among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Cause {
    /// Current of level 0 that the encoding leaves in: the on/off ratio is finite.
    OnOffRatio,
    /// Cells differ from each other: device-to-device variation.
    Variation,
    /// A write does not hit its target.
    Programming,
    /// Cells drift and relax from programming to reading.
    Ageing,
    /// Cells are stuck.
    Faults,
    /// The current of cells is not proportional to their voltage.
    CurrentLaw,
    /// Word lines, bit lines, drivers and sense inputs have resistance.
    Wires,
    /// Cells differ from read to read.
    Read,
    /// Converters add noise.
    Converter,
    /// Converters round.
    Rounding,
    /// Converters clip.
    Clipping,
}

impl Cause {
    /// All causes, from the cell to the code.
    pub const ALL: [Self; 11] = [
        Self::OnOffRatio,
        Self::Variation,
        Self::Programming,
        Self::Ageing,
        Self::Faults,
        Self::CurrentLaw,
        Self::Wires,
        Self::Read,
        Self::Converter,
        Self::Rounding,
        Self::Clipping,
    ];

    /// The name in tables, results and figures.
    pub fn name(self) -> &'static str {
        match self {
            Self::OnOffRatio => "on_off_ratio",
            Self::Variation => "variation",
            Self::Programming => "programming",
            Self::Ageing => "ageing",
            Self::Faults => "faults",
            Self::CurrentLaw => "current_law",
            Self::Wires => "wires",
            Self::Read => "read",
            Self::Converter => "converter",
            Self::Rounding => "rounding",
            Self::Clipping => "clipping",
        }
    }

    /// What it is, in one line.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::OnOffRatio => "current of level 0 that the encoding leaves in",
            Self::Variation => "cells differ from each other (device-to-device, [variation])",
            Self::Programming => "a write does not hit its target ([device], [write])",
            Self::Ageing => "cells drift and relax until they are read ([device], [conditions])",
            Self::Faults => "cells are stuck ([fault])",
            Self::CurrentLaw => "the current of cells is not proportional to their voltage ([device] law)",
            Self::Wires => "lines, drivers and sense inputs have resistance ([wires])",
            Self::Read => "cells differ from read to read ([device] read noise)",
            Self::Converter => "converters add noise (adc.sigma_lsb)",
            Self::Rounding => "converters round (adc.bits, adc.range)",
            Self::Clipping => "converters clip (adc.range)",
        }
    }
}

/// A set of causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Causes(u16);

impl Causes {
    /// None: cells on their targets, exact converters.
    pub const NONE: Self = Self(0);
    /// All: the machine as it is.
    pub const ALL: Self = Self((1 << Cause::ALL.len()) - 1);

    /// One cause alone.
    pub fn only(cause: Cause) -> Self {
        Self(1 << cause as u8)
    }

    /// The set with a cause more.
    #[must_use]
    pub fn and(self, cause: Cause) -> Self {
        Self(self.0 | 1 << cause as u8)
    }

    /// Whether a cause is in it.
    pub fn has(self, cause: Cause) -> bool {
        self.0 & (1 << cause as u8) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_by_hand() {
        assert!(Cause::ALL.iter().all(|&c| Causes::ALL.has(c) && !Causes::NONE.has(c)));
        let two = Causes::only(Cause::Read).and(Cause::Wires);
        assert_eq!(Cause::ALL.iter().filter(|&&c| two.has(c)).count(), 2);
        assert_eq!(Cause::ALL[Cause::Clipping as usize], Cause::Clipping);
    }
}
