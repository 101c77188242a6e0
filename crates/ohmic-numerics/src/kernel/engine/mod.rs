//! Reads of a block: many input vectors through one programmed matrix, converter and digital gain
//! included, by whichever engine is fastest for it.
//!
//! What is computed, for every vector `t`, slice `s`, fragment `f` and column `c`:
//!
//! ```text
//! sum    = Σ_k∈f digit_s(x_tk) · g_kc                          an exact integer
//! level  = sum · scale + deviation_tsfc                        deviation: read and converter noise
//! code   = clamp(round_ties_even(level / step_c), low_c, high_c)
//! total_tc += gain_s · gain_fc · code                          without a converter: code = sum
//! ```
//!
//! `plain.rs` is this, word for word; the engines ([`Engine`]) give the same bits and are tested against it
//! on one corpus (`conformance.rs`).
//! To add an engine: a variant of [`Engine`] with its name, what it asks for in `pack.rs`, its digits in
//! `digits.rs`, its sums in `portable.rs` and, if it is worth it, a form of its own for AVX-512.

mod aligned;
#[cfg(target_arch = "x86_64")]
mod avx512;

#[cfg(test)]
mod conformance;
mod deviations;
mod digits;
#[cfg(target_arch = "x86_64")]
mod normal512;
mod pack;
mod plain;
mod portable;
mod staircase;
#[cfg(test)]
mod statistics;
#[cfg(target_arch = "x86_64")]
mod table512;

pub use aligned::Aligned;
pub use deviations::{Deviates, Variance};
pub use digits::{DigitRows, Digits, Layout, Values, Vectors};
pub use pack::{Block, BlockSource, Negative, Slice, Unfit};

/// How the sums of a block are computed. All give the same bits; which is fastest depends on cells,
/// digits and machine (see [`Block::choose`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Engine {
    /// One product after the other: the specification.
    Plain,
    /// Dot products of 16-bit digits with 16-bit cells: takes everything that fits.
    Dot16,
    /// Dot products of 8-bit digits with 8-bit cells: whole levels, inputs of up to 8 bits.
    Dot8,
    /// Sums of four rows looked up by four one-bit digits, in 16 bits: cells with a programming error.
    Table16,
    /// The same in 8 bits: whole levels.
    Table8,
    /// AND and population count of bit planes: whole levels, one-bit digits.
    Bits,
}

impl Engine {
    /// Every engine, the specification first.
    pub const ALL: [Self; 6] =
        [Self::Plain, Self::Dot16, Self::Dot8, Self::Table16, Self::Table8, Self::Bits];

    /// The name used by the knob `OHMIC_ENGINE` and in benches.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Dot16 => "dot16",
            Self::Dot8 => "dot8",
            Self::Table16 => "table16",
            Self::Table8 => "table8",
            Self::Bits => "bits",
        }
    }

    /// The engine of a name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|e| e.name() == name)
    }

    /// Digits of a fragment start at a multiple of this in a row of digits.
    pub fn alignment(self) -> usize {
        match self {
            Self::Plain | Self::Dot16 => 2,
            Self::Dot8 | Self::Table16 | Self::Table8 => 4,
            Self::Bits => 32,
        }
    }
}

static FORCED: std::sync::OnceLock<Engine> = std::sync::OnceLock::new();

/// Has every layer read by one engine wherever it fits, for the rest of the process. Results do not depend
/// on it, only speed does.
///
/// # Errors
/// Another one was forced before.
pub fn force_engine(wanted: Engine) -> Result<(), String> {
    let used = *FORCED.get_or_init(|| wanted);
    if used == wanted { Ok(()) } else { Err(format!("the engine {} is already in use", used.name())) }
}

fn forced() -> Option<Engine> {
    FORCED.get().copied()
}

/// Buffers that a thread keeps from read to read, so that none is allocated in a steady state.
#[derive(Debug, Default)]
pub struct Workspace {
    /// Sums of four rows of the columns in hand.
    pub(super) table: Aligned<i16>,
    /// Entries of the table that each read adds.
    pub(super) lists: Aligned<u32>,
    /// How many, a read and fragment; 0: no row is driven.
    pub(super) lengths: Vec<u32>,
    /// Deviations of the columns in hand, in levels.
    pub(super) deviations: Aligned<f32>,
    /// Variances of the columns in hand.
    pub(super) variances: Aligned<i32>,
    /// Which fragments and rows `lists` holds, and of which digits.
    pub(super) listed: Option<(std::ops::Range<usize>, u64)>,
}

impl Block {
    /// Reads many vectors: adds to `totals` (vectors × [`Block::width`]) what is written at the head of this
    /// module, and returns how many conversions clipped. `fragments` are the block's within `layout`. With
    /// deviates that have a variance come the squares of the digits ([`Digits::squares`]).
    ///
    /// # Panics
    /// `digits` were cut for the block's engine by `layout`; one row of totals a vector; deviates are the block's.
    pub fn read(
        &self,
        layout: &Layout,
        fragments: std::ops::Range<usize>,
        digits: DigitRows<'_>,
        deviates: Option<(&Deviates<'_>, &[i16])>,
        totals: &mut [i32],
        workspace: &mut Workspace,
    ) -> u64 {
        self.read_at(super::level(), layout, fragments, digits, deviates, totals, workspace)
    }

    fn read_at(
        &self,
        level: super::Level,
        layout: &Layout,
        fragments: std::ops::Range<usize>,
        digits: DigitRows<'_>,
        deviates: Option<(&Deviates<'_>, &[i16])>,
        totals: &mut [i32],
        workspace: &mut Workspace,
    ) -> u64 {
        let (slices, offsets) = (self.slices.len(), &layout.offsets[fragments.clone()]);
        let vectors = digits.rows / slices;
        assert_eq!(layout.engine(), self.engine, "digits for the block's engine");
        assert_eq!(totals.len(), vectors * self.width, "one row of totals a vector");
        assert!(
            layout.rows[fragments.clone()].iter().map(ExactSizeIterator::len).eq(self.rows.iter().copied()),
            "the fragments of the block"
        );
        let deviates = deviates.map(|(deviates, squares)| {
            deviates.check(self, layout, digits.rows, squares);
            deviates.variances(self, layout, offsets, squares, &mut workspace.variances);
            deviates
        });
        let mut clips = 0;
        let panels = self.width / Self::PANEL;
        for first in (0..panels).step_by(4) {
            let group = (first, (panels - first).min(4));
            if let Some(deviates) = deviates {
                deviates.fill(level, self, group, vectors, &workspace.variances, &mut workspace.deviations);
            }
            clips += self.read_group(
                level,
                offsets,
                (fragments.start, digits),
                group,
                deviates.is_some(),
                totals,
                workspace,
            );
        }
        clips
    }

    /// Panels `group.0 .. group.0 + group.1`.
    fn read_group(
        &self,
        level: super::Level,
        offsets: &[usize],
        digits: (usize, DigitRows<'_>),
        group: (usize, usize),
        noisy: bool,
        totals: &mut [i32],
        workspace: &mut Workspace,
    ) -> u64 {
        if self.engine == Engine::Plain {
            let deviations = noisy.then_some(&workspace.deviations[..]);
            return plain::read_group(self, digits.1, offsets, group, deviations, totals);
        }
        #[cfg(target_arch = "x86_64")]
        if level == super::Level::Avx512 {
            // SAFETY: `level` reports AVX-512 only where all the features of the functions are there; `read_at`
            // has asserted the shapes that they rely on.
            return unsafe {
                match self.engine {
                    Engine::Table16 | Engine::Table8 => {
                        table512::table_group(self, digits, offsets, group, noisy, totals, workspace)
                    }
                    engine => {
                        let deviations = noisy.then_some(&workspace.deviations[..]);
                        let read =
                            if engine == Engine::Bits { table512::bits_group } else { avx512::dot_group };
                        read(self, digits.1, offsets, group, deviations, totals)
                    }
                }
            };
        }
        let deviations = noisy.then_some(&workspace.deviations[..]);
        portable::read_group(level, self, digits.1, offsets, group, deviations, totals)
    }
}
