//! Which conversions of a layer have one range in common.

use crate::effective::width;
use crate::wires::bit_lines;
use ohmic_hardware::{Encoded, Hardware, RangePer};
use ohmic_mapping::LayerPlan;
use std::ops::Range;

/// The conversions of a layer in sets, each of which has one range: always of one readout.
#[derive(Clone, Debug)]
pub(crate) struct Sharing {
    pub(crate) sets: Vec<Set>,
    /// By block: the set of each column of what converters see.
    of: Vec<Vec<u32>>,
}

/// What a set of conversions has in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Set {
    pub(crate) readout: usize,
    pub(crate) place: RangePlace,
}

/// Where the converters are that share a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangePlace {
    /// Wherever the layer is.
    Layer,
    /// In this tile, counted over the chip.
    Tile(usize),
    /// On the crossbar of this block of the layer.
    Block(usize),
    /// The same, and only this converter of the crossbar.
    Converter {
        /// Block of the layer.
        block: usize,
        /// Converter of its crossbar, counted along the bit lines.
        converter: usize,
    },
}

impl std::fmt::Display for RangePlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Layer => write!(f, "layer"),
            Self::Tile(tile) => write!(f, "tile {tile}"),
            Self::Block(block) => write!(f, "block {block}"),
            Self::Converter { block, converter } => write!(f, "block {block} converter {converter}"),
        }
    }
}

impl Sharing {
    /// One set a readout, whatever the place.
    #[cfg(test)]
    pub(crate) fn of_layer(plan: &LayerPlan, encoded: &[Encoded]) -> Self {
        Self::new(plan, encoded, |_, _| RangePlace::Layer)
    }

    /// As the hardware says.
    pub(crate) fn of_hardware(plan: &LayerPlan, encoded: &[Encoded], hardware: &Hardware) -> Self {
        let (crossbar, hierarchy) = (hardware.crossbar(), hardware.hierarchy());
        let a_tile = hierarchy.crossbars_per_macro * hierarchy.macros_per_tile;
        Self::new(plan, encoded, |block, line| match hardware.adc().range_per() {
            RangePer::Layer => RangePlace::Layer,
            RangePer::Tile => RangePlace::Tile(plan.blocks[block].crossbar as usize / a_tile),
            RangePer::Crossbar => RangePlace::Block(block),
            RangePer::ColumnGroup => {
                let line = plan.blocks[block].first_col + line;
                RangePlace::Converter { block, converter: line * crossbar.adcs / crossbar.cols }
            }
        })
    }

    /// `place` of a block and a bit line of it.
    pub(crate) fn new(
        plan: &LayerPlan,
        encoded: &[Encoded],
        place: impl Fn(usize, usize) -> RangePlace,
    ) -> Self {
        let mut sets: Vec<Set> = Vec::new();
        let mut of = Vec::with_capacity(encoded.len());
        for (b, (block, encoded)) in plan.blocks.iter().zip(encoded).enumerate() {
            let outputs = block.outputs.len();
            let lines = bit_lines(encoded, outputs);
            let before = sets.len();
            let mut columns = Vec::new();
            for (r, readout) in encoded.readouts.iter().enumerate() {
                // several lines that are subtracted go to the converter of the first
                let (first, stride) = lines[readout.terms[0].0];
                for c in 0..width(encoded, readout, outputs) {
                    let set = Set { readout: r, place: place(b, first + c * stride) };
                    // sets of a place of this block are new ones; those of a layer or tile are among the first
                    let wide = matches!(set.place, RangePlace::Layer | RangePlace::Tile(_));
                    let from = if wide { 0 } else { before };
                    let at = sets[from..].iter().position(|s| *s == set).map(|at| from + at);
                    columns.push(at.unwrap_or_else(|| {
                        sets.push(set);
                        sets.len() - 1
                    }) as u32);
                }
            }
            of.push(columns);
        }
        Self { sets, of }
    }

    /// The set of every column of a block.
    pub(crate) fn columns(&self, block: usize) -> &[u32] {
        &self.of[block]
    }

    /// Runs of columns of one set, in `columns` of a block.
    pub(crate) fn runs(&self, block: usize, columns: Range<usize>) -> Vec<(usize, Range<usize>)> {
        let mut runs: Vec<(usize, Range<usize>)> = Vec::new();
        for c in columns {
            let set = self.of[block][c] as usize;
            match runs.last_mut() {
                Some((last, run)) if *last == set => run.end = c + 1,
                _ => runs.push((set, c..c + 1)),
            }
        }
        runs
    }
}
