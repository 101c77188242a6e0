//! The plan: which piece of which layer matrix sits on which crossbar.

use crate::{Error, Shapes};
use ohmic_hardware::{DummyColumn, Hardware};
use ohmic_network::quantization::Quantized;
use ohmic_network::{LayerId, Network};
use std::ops::Range;

/// Index of a block within its layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlockId(pub u32);

/// The piece of a layer matrix that one crossbar holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Index within the layer.
    pub id: BlockId,
    /// Which of the layer's independent matrices.
    pub group: usize,
    /// Rows of that matrix.
    pub rows: Range<usize>,
    /// Outputs (logical columns) of that matrix.
    pub outputs: Range<usize>,
    /// The crossbar, counted over the whole network.
    pub crossbar: u32,
    /// First word line it occupies there.
    pub first_row: usize,
    /// First bit line it occupies there.
    pub first_col: usize,
    /// Bit lines it occupies, shared columns included.
    pub columns: usize,
}

/// Where one layer sits.
#[derive(Clone, Debug)]
pub struct LayerPlan {
    /// Which layer.
    pub id: LayerId,
    /// Its name.
    pub name: String,
    /// Rows of the layer matrix (of one group).
    pub k: usize,
    /// Outputs of the layer matrix (of one group).
    pub n: usize,
    /// Independent matrices: 1 unless a grouped convolution.
    pub groups: usize,
    /// Vectors per sample.
    pub positions: usize,
    /// Bits of a weight, sign included.
    pub weight_bits: u32,
    /// Bits of an input.
    pub input_bits: u32,
    /// Rows summed in one read.
    pub rows_per_read: usize,
    /// Row ranges of the fragments of one group, none crossing a block's edge.
    pub fragments: Vec<Range<usize>>,
    /// The pieces.
    pub blocks: Vec<Block>,
    /// Crossbars it owns, counted over the whole network.
    pub crossbars: Range<u32>,
    /// Cells its blocks occupy.
    pub cells: u64,
}

impl LayerPlan {
    /// Blocks that share one crossbar and are therefore read one after the other (at most).
    pub fn blocks_in_turn(&self) -> usize {
        let mut counts = vec![0usize; self.crossbars.len()];
        for block in &self.blocks {
            counts[(block.crossbar - self.crossbars.start) as usize] += 1;
        }
        counts.into_iter().max().unwrap_or(0)
    }

    /// Fragments that lie in a block's rows.
    pub fn fragments_of(&self, block: &Block) -> Range<usize> {
        let first = self.fragments.iter().position(|f| f.start >= block.rows.start).unwrap_or(0);
        let count = self.fragments[first..].iter().take_while(|f| f.end <= block.rows.end).count();
        first..first + count
    }
}

/// Where a network sits on the hardware.
#[derive(Clone, Debug)]
pub struct Plan {
    /// By layer index, `Some` where the layer runs on crossbars.
    pub layers: Vec<Option<LayerPlan>>,
    /// Crossbars in use.
    pub crossbars: usize,
    /// Macros in use.
    pub macros: usize,
    /// Tiles in use.
    pub tiles: usize,
    /// Chips needed to hold them.
    pub chips: usize,
    /// Occupied cells over all cells of the crossbars in use.
    pub utilization: f64,
}

/// Cuts every layer matrix into blocks of at most one crossbar and gives each a place.
///
/// Rows are cut at multiples of `crossbar.rows_per_read`, so that no fragment crosses a crossbar's
/// edge. A layer starts on a fresh crossbar; groups of a grouped convolution share crossbars along
/// the diagonal (only the rows of the group that is read are driven). Tiles are filled in order. The last
/// `redundancy.spare_columns` bit lines of a crossbar stay free.
///
/// # Errors
/// [`Error::TooWide`] if one output does not fit a crossbar, [`Error::NothingToMap`].
pub fn map(network: &Network, quantized: &Quantized, hardware: &Hardware) -> Result<Plan, Error> {
    map_shapes(&Shapes::of(network, quantized), hardware)
}

/// [`map`] for a network of which only the shapes are known: weights have no say in where they sit.
///
/// # Errors
/// As [`map`].
pub fn map_shapes(shapes: &Shapes, hardware: &Hardware) -> Result<Plan, Error> {
    let crossbar = hardware.crossbar();
    let encoding = hardware.encoding();
    let cols = hardware.usable_columns();
    let rows_per_read = crossbar.rows_per_read;
    let most_rows = crossbar.rows / rows_per_read * rows_per_read;
    let mut next = 0u32;
    let mut cells = 0u64;
    let mut layers = Vec::with_capacity(shapes.layers.len());
    for (i, (name, shape)) in shapes.layers.iter().enumerate() {
        let Some(layer) = shape else {
            layers.push(None);
            continue;
        };
        let (k, n) = (layer.k, layer.n);
        let per_output = encoding.columns_per_output(layer.weight_bits);
        let shared = encoding.shared_columns(layer.weight_bits)
            + usize::from(crossbar.dummy_column == DummyColumn::Analog);
        if shared + per_output > cols {
            return Err(Error::TooWide {
                layer: name.clone(),
                needed: shared + per_output,
                per_output,
                shared,
                weight_bits: layer.weight_bits,
                cols,
            });
        }
        let most_outputs = (cols - shared) / per_output;
        let first = next;
        let mut blocks = Vec::new();
        let mut corner: Option<(usize, usize)> = None;
        for group in 0..layer.groups {
            for row in (0..k).step_by(most_rows) {
                let rows = row..(row + most_rows).min(k);
                for output in (0..n).step_by(most_outputs) {
                    let outputs = output..(output + most_outputs).min(n);
                    let columns = outputs.len() * per_output + shared;
                    let (first_row, first_col) = match corner {
                        Some((r, c))
                            if layer.groups > 1 && r + rows.len() <= crossbar.rows && c + columns <= cols =>
                        {
                            (r, c)
                        }
                        _ => {
                            next += 1;
                            (0, 0)
                        }
                    };
                    corner = Some((first_row + rows.len(), first_col + columns));
                    blocks.push(Block {
                        id: BlockId(blocks.len() as u32),
                        group,
                        rows: rows.clone(),
                        outputs,
                        crossbar: next - 1,
                        first_row,
                        first_col,
                        columns,
                    });
                }
            }
        }
        let fragments = (0..k)
            .step_by(most_rows)
            .flat_map(|start| {
                let end = (start + most_rows).min(k);
                (start..end).step_by(rows_per_read).map(move |f| f..(f + rows_per_read).min(end))
            })
            .collect();
        let occupied = blocks.iter().map(|b| (b.rows.len() * b.columns) as u64).sum();
        cells += occupied;
        layers.push(Some(LayerPlan {
            id: LayerId(i as u32),
            name: name.clone(),
            k,
            n,
            groups: layer.groups,
            positions: layer.positions,
            weight_bits: layer.weight_bits,
            input_bits: layer.input_bits,
            rows_per_read,
            fragments,
            blocks,
            crossbars: first..next,
            cells: occupied,
        }));
    }
    if next == 0 {
        return Err(Error::NothingToMap { network: shapes.network.clone() });
    }
    let hierarchy = hardware.hierarchy();
    let crossbars = next as usize;
    let macros = crossbars.div_ceil(hierarchy.crossbars_per_macro);
    let tiles = macros.div_ceil(hierarchy.macros_per_tile);
    Ok(Plan {
        layers,
        crossbars,
        macros,
        tiles,
        chips: tiles.div_ceil(hierarchy.tiles),
        utilization: cells as f64 / (crossbars as f64 * (crossbar.rows * crossbar.cols) as f64),
    })
}
