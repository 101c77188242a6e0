//! What conversions deviate by: one normal deviate each, for read and converter noise together.
//!
//! Read noise of independent cells sums to one Gaussian a bit line with variance `Σ_k d_k² · v_kc`, and
//! converter noise is another with variance `σ_c²`; the sum of both is drawn at once, equal in distribution.
//! How far deviates follow that distribution is said in [`crate::noise`] and tested in `statistics.rs`.

use super::{Aligned, Block, Layout};
use crate::kernel::scalar::philox_sixteen;
use crate::kernel::{Level, PackedI16, mvm_i16};
use crate::noise::quad_deviates;
use crate::{MatRef, Noise, Purpose, Site};
use std::ops::Range;

/// Variances of the cells of a block at unit digits, as integers in units of `unit` levels².
#[derive(Clone, Debug)]
pub struct Variance {
    /// One matrix a fragment and group of four panels.
    packed: Vec<PackedI16>,
    groups: usize,
    /// What was taken off the squares of the digits, times the column's sum: fragments × width.
    pub(super) taken_off: Vec<Vec<u32>>,
    pub(super) unit: f32,
}

impl Variance {
    /// Packs variances (levels², rows × columns). The largest is held in as many bits as leave the sums of a
    /// fragment within 32: 8 to 9 for 128 rows of 8-bit digits, so a cell's variance is right to 0.2 % of the largest.
    ///
    /// # Panics
    /// `largest_digit` is at most 255.
    pub fn pack(variance: MatRef<'_, f64>, fragments: &[Range<usize>], largest_digit: u32) -> Self {
        assert!(largest_digit <= 255, "squares of digits of at most 8 bits");
        let rows = fragments.iter().map(ExactSizeIterator::len).max().unwrap_or(1).max(1);
        let square = f64::from(largest_digit.max(1)).powi(2);
        let most = (f64::from(u32::MAX) / (rows as f64 * square)).min(8191.0).floor();
        let all = || (0..variance.rows()).flat_map(|r| variance.row(r));
        let largest = all().fold(0f64, |top, &v| top.max(v));
        // a power of two, so that scaling is exact
        let unit = if largest > 0.0 { (largest / most).log2().ceil().exp2() } else { 1.0 };
        let mut packed = Vec::with_capacity(fragments.len());
        let mut taken_off = Vec::with_capacity(fragments.len());
        for f in fragments {
            let data: Vec<i16> =
                f.clone().flat_map(|r| variance.row(r)).map(|&v| (v / unit).round() as i16).collect();
            let mut sums = vec![0u32; variance.cols().next_multiple_of(PackedI16::PANEL)];
            for row in data.chunks_exact(variance.cols().max(1)) {
                for (sum, &v) in sums.iter_mut().zip(row) {
                    *sum = sum.wrapping_add(32_768 * v as u32);
                }
            }
            taken_off.push(sums);
            for first in (0..variance.cols()).step_by(GROUP) {
                let columns = first..(first + GROUP).min(variance.cols());
                let part: Vec<i16> = data
                    .chunks_exact(variance.cols())
                    .flat_map(|row| row[columns.clone()].iter().copied())
                    .collect();
                packed.push(PackedI16::pack(MatRef::new(f.len(), columns.len(), &part)));
            }
        }
        Self { packed, groups: variance.cols().div_ceil(GROUP), taken_off, unit: unit as f32 }
    }

    /// The variance of a cell: row within its fragment, column.
    pub fn at(&self, fragment: usize, row: usize, column: usize) -> u16 {
        self.packed[fragment * self.groups + column / GROUP].at(row, column % GROUP) as u16
    }

    /// Levels² that one unit stands for.
    pub fn unit(&self) -> f32 {
        self.unit
    }
}

/// Where the deviations of a block's conversions come from.
#[derive(Clone, Copy, Debug)]
pub struct Deviates<'a> {
    /// The source.
    pub noise: &'a Noise,
    /// Layer and block.
    pub site: Site,
    /// Draw index of the first vector; the next ones follow.
    pub first_draw: u32,
    /// Standard deviation of converter noise of every column (columns rounded up to panels), in levels.
    pub sigma: &'a [f32],
    /// Variance of the cells, if reads are noisy.
    pub variance: Option<&'a Variance>,
    /// Slices that the machine issues, bit `s` for slice `s`, vectors × fragments of the block, `None`: all.
    /// A read that is not issued deviates by nothing.
    pub issued: Option<&'a [u64]>,
}

/// Buffers for the deviations of a group of columns.
#[derive(Debug, Default)]
pub struct Deviations {
    variances: Aligned<i32>,
    /// In levels, as [`Deviates::fill`] lays them out.
    pub values: Aligned<f32>,
}

impl Deviates<'_> {
    /// Panics unless these are deviates of a block and of so many rows of digits: kernels rely on it.
    pub(super) fn check(&self, block: &Block, layout: &Layout, rows: usize, squares: &[i16]) {
        let vectors = rows / block.slices.len();
        assert_eq!(self.sigma.len(), block.width, "one sigma a column");
        assert!(
            self.issued.is_none_or(|issued| issued.len() == vectors * block.rows.len()),
            "one set of slices a vector and fragment"
        );
        assert!(self.issued.is_none() || block.slices.len() <= 64, "a bit a slice");
        if let Some(variance) = self.variance {
            let lengths = variance.packed.iter().step_by(variance.groups.max(1)).map(|p| p.padded_rows());
            assert!(
                variance.groups == block.groups()
                    && lengths.eq(block.rows.iter().map(|r| r.next_multiple_of(2)))
                    && variance.taken_off.iter().all(|off| off.len() == block.width),
                "variances of the block's cells"
            );
            assert_eq!(squares.len(), rows * layout.padded, "squares of these digits");
        }
    }

    /// The deviations of one group of columns ([`Block::groups`]), as [`Deviates::fill`] lays them out. Of `block`,
    /// only the number of fragments, slices and columns counts; `offsets` are those of its fragments in the layout.
    ///
    /// # Panics
    /// As [`Deviates::fill`].
    pub fn group(
        &self,
        block: &Block,
        (layout, offsets): (&Layout, &[usize]),
        squares: &[i16],
        (group, vectors): (usize, usize),
        out: &mut Deviations,
    ) {
        let first = 4 * group;
        let panels = (first, (block.width / Block::PANEL - first).min(4));
        self.variances(block, layout, offsets, squares, group, &mut out.variances);
        self.fill(block, panels, vectors, &out.variances, &mut out.values);
    }

    /// Variances of all reads of a tile and a group of columns: `[fragment][vector · slices + slice][column]`, as
    /// many columns as [`group_width`] says, integers. `squares` are
    /// those of the tile's digits ([`super::Digits::squares`]), laid out by `layout`.
    pub(super) fn variances(
        &self,
        block: &Block,
        layout: &Layout,
        offsets: &[usize],
        squares: &[i16],
        group: usize,
        out: &mut Aligned<i32>,
    ) {
        let Some(variance) = self.variance else { return };
        let rows = squares.len() / layout.padded;
        let width = group_width(block, group * GROUP);
        out.resize(block.rows.len() * rows * width);
        let mut at = Vec::with_capacity(rows);
        for (f, out) in out.chunks_exact_mut(rows * width).enumerate() {
            at.clear();
            at.extend((0..rows).map(|r| (r * layout.padded + offsets[f]) as u32));
            mvm_i16(squares, &at, &variance.packed[f * variance.groups + group], out);
        }
    }

    /// Purpose and place in the noise's address.
    pub(super) fn place(&self) -> [u32; 2] {
        [self.site.block, (Purpose::Converter as u32) << 24 | (self.site.layer & 0x00ff_ffff)]
    }

    /// The deviations of panels `first .. first + count`, in levels: `[vector][read][panel][16]`, reads in the
    /// order of [`deviate_number`]. `variances`: of all reads of the tile, `[fragment][vector][slice][panel][16]`.
    ///
    /// # Panics
    /// A sigma for all columns of the block; variances, if reads are noisy, for all reads and all the panels.
    pub fn fill(
        &self,
        block: &Block,
        panels: (usize, usize),
        vectors: usize,
        variances: &[i32],
        out: &mut Aligned<f32>,
    ) {
        self.fill_at(block.level, block, panels, vectors, variances, out);
    }

    /// The same at a level of this machine.
    pub(super) fn fill_at(
        &self,
        level: Level,
        block: &Block,
        (first, count): (usize, usize),
        vectors: usize,
        variances: &[i32],
        out: &mut Aligned<f32>,
    ) {
        let (fragments, slices) = (block.rows.len(), block.slices.len());
        let reads = reads(slices, fragments);
        let panels = block.width / Block::PANEL;
        assert!(self.sigma.len() == block.width && first <= panels && count <= panels - first, "columns");
        if let Some(variance) = self.variance {
            let off = &variance.taken_off;
            assert!(off.len() == fragments && off.iter().all(|off| off.len() == block.width), "variances");
            assert!(variances.len() == fragments * vectors * slices * count * Block::PANEL, "variances");
        }
        out.resize(vectors * reads * count * Block::PANEL);
        let tile = Tile {
            deviates: self,
            fragments,
            slices,
            reads,
            first,
            count,
            vectors,
            width: block.width,
            variances,
        };
        #[cfg(target_arch = "x86_64")]
        if level == Level::Avx512 && slices > 1 {
            // SAFETY: `level` reports AVX-512 only where all the features of the function are there; variances
            // and sigmas have an entry for all columns, see the asserts.
            unsafe { super::normal512::deviations(tile, out) };
        } else {
            deviations(level, tile, out);
        }
        #[cfg(not(target_arch = "x86_64"))]
        deviations(level, tile, out);
        if let Some(issued) = self.issued {
            let each = count * Block::PANEL;
            for (out, issued) in out.chunks_exact_mut(reads * each).zip(issued.chunks_exact(fragments)) {
                for (f, issued) in issued.iter().enumerate() {
                    for s in (0..slices).filter(|s| issued >> s & 1 == 0) {
                        out[read_index(slices, f, s) * each..][..each].fill(0.0);
                    }
                }
            }
        }
    }
}

/// Number of a read of a fragment and slice among those of a vector. Slices are rounded up to fours, unless
/// there is one.
pub fn read_index(slices: usize, fragment: usize, slice: usize) -> usize {
    if slices == 1 { fragment } else { fragment * slices.next_multiple_of(4) + slice }
}

/// Which of the deviates of a vector is that of a fragment, slice and column of a block that is `width` columns
/// wide, panels rounded up. Four in a row share a counter: slices, or neighbouring columns if there is one slice.
pub fn deviate_number(slices: usize, width: usize, (fragment, slice): (usize, usize), column: usize) -> u32 {
    let read = read_index(slices, fragment, slice);
    let number = if slices == 1 { read * width + column } else { 4 * (read / 4 * width + column) + read % 4 };
    number as u32
}

/// Columns of a group of four panels.
pub(super) const GROUP: usize = 4 * Block::PANEL;

/// Columns of the group that a column is in, panels rounded up.
pub(super) fn group_width(block: &Block, column: usize) -> usize {
    (block.width - column / GROUP * GROUP).min(GROUP)
}

/// Reads of a vector, those that stand for no slice included.
pub fn reads(slices: usize, fragments: usize) -> usize {
    read_index(slices, fragments, 0)
}

/// The deviates of a tile of vectors and some panels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tile<'a> {
    pub(super) deviates: &'a Deviates<'a>,
    pub(super) fragments: usize,
    pub(super) slices: usize,
    /// Reads of a vector.
    pub(super) reads: usize,
    pub(super) first: usize,
    pub(super) count: usize,
    pub(super) vectors: usize,
    pub(super) width: usize,
    pub(super) variances: &'a [i32],
}

impl Tile<'_> {
    /// Standard deviation of a read of a vector and column.
    #[inline(always)]
    fn std(&self, vector: usize, read: usize, column: usize) -> f32 {
        let sigma = self.deviates.sigma[column];
        let Some(variance) = self.deviates.variance else { return sigma };
        let (f, row) = self.variance_row(vector, read);
        // the true sum is below 2^32
        let sum = (self.variances[row * self.count * Block::PANEL + column % GROUP] as u32)
            .wrapping_add(variance.taken_off[f][column]) as f32;
        (sum * variance.unit + sigma * sigma).sqrt()
    }

    /// Fragment of a read, and its row in the variances; those of the last where there is none.
    #[inline(always)]
    pub(super) fn variance_row(&self, vector: usize, read: usize) -> (usize, usize) {
        let slices = if self.slices == 1 { 1 } else { self.slices.next_multiple_of(4) };
        let (f, s) = ((read / slices).min(self.fragments - 1), (read % slices).min(self.slices - 1));
        (f, (f * self.vectors + vector) * self.slices + s)
    }
}

by_level! {
    fn deviations(tile: Tile<'_>, out: &mut [f32]) -> () = deviations_body
}

#[inline(always)]
fn deviations_body(tile: Tile<'_>, out: &mut [f32]) {
    const LANES: usize = Block::PANEL;
    let deviates = tile.deviates;
    let (key, place) = (deviates.noise.key(), deviates.place());
    let each = tile.count * LANES;
    let start = tile.first * LANES;
    let lanes: [u32; LANES] = std::array::from_fn(|l| l as u32);
    for (t, out) in out.chunks_exact_mut(tile.reads * each).enumerate() {
        let draw = deviates.first_draw.wrapping_add(t as u32);
        let drawn = |first: usize| sixteen_times_four(key, lanes.map(|l| l + first as u32), draw, place);
        if tile.slices == 1 {
            for (read, out) in out.chunks_exact_mut(each).enumerate() {
                let normals = drawn((read * tile.width + start) / 4);
                for (i, out) in out.iter_mut().enumerate() {
                    *out = normals[i % 4][i / 4] * tile.std(t, read, start + i);
                }
            }
            continue;
        }
        for (four, out) in out.chunks_exact_mut(4 * each).enumerate() {
            for panel in 0..tile.count {
                let column = start + panel * LANES;
                let normals = drawn(four * tile.width + column);
                for (j, normals) in normals.iter().enumerate() {
                    let out = &mut out[j * each + panel * LANES..][..LANES];
                    for i in 0..LANES {
                        out[i] = normals[i] * tile.std(t, 4 * four + j, column + i);
                    }
                }
            }
        }
    }
}

/// Four normal deviates for each of sixteen counters.
#[inline(always)]
fn sixteen_times_four(key: [u32; 2], counters: [u32; 16], draw: u32, place: [u32; 2]) -> [[f32; 16]; 4] {
    let c = philox_sixteen([counters, [draw; 16], [place[0]; 16], [place[1]; 16]], key);
    let mut normals = [[0f32; 16]; 4];
    for i in 0..16 {
        let four = quad_deviates([c[0][i], c[1][i], c[2][i], c[3][i]]);
        for (normals, normal) in normals.iter_mut().zip(four) {
            normals[i] = normal;
        }
    }
    normals
}
