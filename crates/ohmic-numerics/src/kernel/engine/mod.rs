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
//! To add an engine: a variant of [`Engine`] with its name, what it asks for and costs in `pack.rs`, its digits in
//! `digits.rs`, its sums in `portable.rs` and, if it is worth it, a form of its own for AVX-512 or NEON.

mod aligned;
#[cfg(target_arch = "x86_64")]
mod bits512;
#[cfg(test)]
mod conformance;
#[cfg(target_arch = "x86_64")]
mod convert512;
mod deviations;
mod digits;
#[cfg(target_arch = "x86_64")]
mod dot512;
mod lookup;
#[cfg(target_arch = "x86_64")]
mod lookup512;
#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
mod neon;
#[cfg(target_arch = "x86_64")]
mod normal512;
mod pack;
#[cfg(target_arch = "x86_64")]
mod patterns512;
mod plain;
mod portable;
mod staircase;
#[cfg(test)]
mod statistics;
#[cfg(target_arch = "x86_64")]
mod turn512;

pub use aligned::Aligned;
pub use deviations::{Deviates, Deviations, Variance, deviate_number, read_index, reads};
pub use digits::{DigitRows, Digits, Layout, Values, Vectors};
pub use pack::{Block, BlockSource, Negative, Slice, Unfit};

use pack::Packed;
use std::ops::Range;
#[cfg(target_arch = "x86_64")]
pub(super) use turn512::transpose;

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
    /// Sums of rows looked up by their one-bit digits, in 16 bits: cells with a programming error.
    Table16,
    /// The same in 8 bits: whole levels, none negative.
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
            Self::Dot8 => 4,
            Self::Table8 => 6,
            Self::Table16 => 8,
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
    /// Sums of some rows of the columns in hand, for all patterns.
    tables: Aligned<u8>,
    /// What the reads of the columns in hand are worth so far.
    sums: Aligned<i32>,
    /// What counters of the columns in hand make of themselves before they meet a draw.
    counters: Aligned<i32>,
    /// Deviations of the columns in hand, in levels.
    deviations: Aligned<f32>,
    /// Variances of the columns in hand, and the same column by column.
    variances: Aligned<i32>,
    turned: Aligned<i32>,
    /// Totals of the columns in hand: which columns, how many vectors, and how they stand.
    totals: Aligned<i32>,
    held: (Range<usize>, usize, TotalOrder),
}

/// What the reads of some columns come to.
#[derive(Clone, Debug)]
pub struct Totals<'a> {
    /// The columns.
    pub columns: Range<usize>,
    /// How many vectors.
    pub vectors: usize,
    /// A total for each vector and column.
    pub values: &'a [i32],
    /// How they stand.
    pub order: TotalOrder,
}

/// How totals stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TotalOrder {
    /// Vector by vector, so far apart; there may be more than columns.
    ByVector(usize),
    /// Column by column, so far apart; there may be more than vectors.
    ByColumn(usize),
}

impl Default for TotalOrder {
    fn default() -> Self {
        Self::ByVector(0)
    }
}

/// How far apart the totals of two columns stand.
///
/// PERF: an odd number of cache lines, or columns would share few sets of the cache.
fn apart(vectors: usize) -> usize {
    vectors.next_multiple_of(32) + 16
}

impl Totals<'_> {
    /// One of them; the column counts from the first.
    pub fn at(&self, vector: usize, column: usize) -> i32 {
        match self.order {
            TotalOrder::ByVector(stride) => self.values[vector * stride + column],
            TotalOrder::ByColumn(stride) => self.values[column * stride + vector],
        }
    }
}

/// A read of many vectors through some columns.
#[derive(Clone, Copy, Debug)]
pub struct Read<'a> {
    /// Where digits stand.
    pub layout: &'a Layout,
    /// The block's first fragment within the layout.
    pub fragment: usize,
    /// The digits.
    pub digits: DigitRows<'a>,
    /// Where conversions deviate, and the squares of the digits ([`Digits::squares`]) where deviates have a
    /// variance.
    pub deviates: Option<(&'a Deviates<'a>, &'a [i16])>,
    /// Which group of columns ([`Block::groups`]).
    pub group: usize,
    /// What the totals are added to.
    pub start: Start,
}

/// What the totals of a read are added to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Nothing.
    Fresh,
    /// The totals of the read before, of a block of the same columns.
    Onto,
}

impl Workspace {
    /// What the last reads came to.
    pub fn totals(&self) -> Totals<'_> {
        let (columns, vectors, order) = self.held.clone();
        Totals { columns, vectors, values: &self.totals, order }
    }
}

impl Block {
    /// Groups of four panels: columns that are read together, so that they stay in the first- or second-level
    /// cache.
    pub fn groups(&self) -> usize {
        (self.width / Self::PANEL).div_ceil(4)
    }

    /// Reads many vectors: what is written at the head of this module goes to the workspace's totals. Returns
    /// how many conversions clipped.
    ///
    /// # Panics
    /// Digits were cut for the block's engine and slices by the layout; the group is one of the block's; deviates
    /// are the block's; totals are added to those of as many columns and vectors.
    pub fn read(&self, read: Read<'_>, workspace: &mut Workspace) -> u64 {
        let Read { layout, fragment, digits, deviates, group, start } = read;
        let (slices, fragments) = (self.slices.len(), fragment..fragment + self.rows.len());
        let vectors = digits.rows / slices;
        assert_eq!(layout.engine(), self.engine, "digits for the block's engine");
        assert_eq!(digits.slices, slices, "digits of the block's slices");
        assert!(
            layout.rows[fragments.clone()].iter().map(ExactSizeIterator::len).eq(self.rows.iter().copied()),
            "the fragments of the block"
        );
        let offsets = &layout.offsets[fragments];
        let together = self.engine.alignment();
        let mut next = offsets.first().copied().unwrap_or(0);
        for (&offset, &rows) in offsets.iter().zip(&self.rows) {
            assert!(offset == next && offset.is_multiple_of(together), "fragments one after the other");
            next += rows.next_multiple_of(together);
        }
        assert!(next <= digits.groups * together, "digits of the block's fragments");
        assert!(group < self.groups(), "group {group} of {}", self.groups());
        let first = 4 * group;
        let group = (first, (self.width / Self::PANEL - first).min(4));
        let columns = first * Self::PANEL..((first + group.1) * Self::PANEL).min(self.columns);
        let deviates = deviates.filter(|_| vectors > 0).map(|(deviates, squares)| {
            deviates.check(self, layout, digits.rows, squares);
            deviates.variances(self, layout, offsets, squares, group.0 / 4, &mut workspace.variances);
            deviates
        });
        let by_column = matches!(self.cells, Packed::Lookup(_) | Packed::Turned(_));
        let each = group.1 * Self::PANEL;
        let (order, length) = if by_column {
            (TotalOrder::ByColumn(apart(vectors)), apart(vectors) * each)
        } else {
            (TotalOrder::ByVector(each), vectors * each)
        };
        let held = (columns.clone(), vectors, order);
        let mut totals = std::mem::take(&mut workspace.totals);
        if start == Start::Onto {
            assert!(
                workspace.held == held && totals.len() == length,
                "totals of as many columns and vectors"
            );
        } else {
            workspace.held = held;
            totals.resize(length);
        }
        if vectors == 0 {
            workspace.totals = totals;
            return 0;
        }
        let clips =
            self.read_group(offsets, digits, group, columns, (deviates, start), &mut totals, workspace);
        workspace.totals = totals;
        clips
    }

    /// Some panels: columns that are there, totals of all.
    fn read_group(
        &self,
        offsets: &[usize],
        digits: DigitRows<'_>,
        group: (usize, usize),
        columns: Range<usize>,
        (deviates, start): (Option<&Deviates<'_>>, Start),
        totals: &mut [i32],
        workspace: &mut Workspace,
    ) -> u64 {
        #[cfg(target_arch = "x86_64")]
        if let Packed::Lookup(_) | Packed::Turned(_) = self.cells {
            let variances = std::mem::take(&mut workspace.variances);
            let noisy = deviates.map(|deviates| (deviates, &variances[..]));
            let turned = matches!(self.cells, Packed::Turned(_));
            let read = if turned { dot512::dot_group } else { lookup512::lookup_group };
            // SAFETY: cells are packed like this only for a level whose features are all there; `read` has
            // asserted the shapes that the functions rely on.
            let clips = unsafe { read(self, digits, offsets, columns, (noisy, start), totals, workspace) };
            workspace.variances = variances;
            return clips;
        }
        let _ = columns;
        if start == Start::Fresh {
            totals.fill(0);
        }
        let vectors = digits.rows / self.slices.len();
        let Workspace { deviations, variances, .. } = workspace;
        let deviations = deviates.map(|deviates| {
            deviates.fill(self, group, vectors, variances, deviations);
            &deviations[..]
        });
        if self.engine == Engine::Plain {
            return plain::read_group(self, digits, offsets, group, deviations, totals);
        }
        #[cfg(target_arch = "x86_64")]
        if self.level == super::Level::Avx512 {
            // SAFETY: the block's level is one whose features are all there; `read` has asserted the shapes
            // that the function relies on.
            return unsafe { bits512::bits_group(self, digits, offsets, group, deviations, totals) };
        }
        #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
        if self.level == super::Level::Neon && matches!(self.engine, Engine::Dot16 | Engine::Dot8) {
            // SAFETY: the block's level is one of this machine; `read` has asserted the shapes.
            return unsafe { neon::dot_group(self, digits, offsets, group, deviations, totals) };
        }
        portable::read_group(self.level, self, digits, offsets, group, deviations, totals)
    }
}
