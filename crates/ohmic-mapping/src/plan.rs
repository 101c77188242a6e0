//! The plan: which piece of which layer matrix sits on which crossbar.

use crate::duplicate::{Demand, balanced, equal};
use crate::{Error, FlowNode, Shapes, Traffic};
use ohmic_hardware::dac::InputSign;
use ohmic_hardware::{DummyColumn, Duplicate, Hardware, Overflow};
use ohmic_network::quantization::Quantized;
use ohmic_network::{LayerId, Network};
use ohmic_numerics::Mat;
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
    /// The crossbar, counted over the whole network with every layer once.
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
    /// The pieces of one copy: all copies are alike.
    pub blocks: Vec<Block>,
    /// Crossbars of one copy, counted over the whole network with every layer once: what is drawn at random for a
    /// crossbar does not depend on how many copies there are.
    pub crossbars: Range<u32>,
    /// How often its weights are held; input vectors are shared out among the copies.
    pub copies: usize,
    /// Crossbars of all copies, counted over everything that is placed: copies side by side, layers in order. Of a layer
    /// larger than the chip that is loaded in parts: all parts.
    pub placed: Range<u32>,
    /// Which loads of the chip hold it: the first, unless the chip is written anew for later layers.
    pub loads: Range<usize>,
    /// Conversions that a read asks of its widest crossbar.
    pub conversions: usize,
    /// Cells that the blocks of one copy occupy.
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

    /// Vectors of a sample that one copy takes, at most.
    pub fn turns(&self) -> usize {
        self.positions.div_ceil(self.copies.max(1))
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
    /// How often the chip is written for a batch of images; 1: once and for all.
    pub loads: usize,
    /// Crossbars in use, copies included; of the largest load.
    pub crossbars: usize,
    /// Macros in use.
    pub macros: usize,
    /// Tiles in use.
    pub tiles: usize,
    /// Chips needed to hold them.
    pub chips: usize,
    /// Occupied cells over all cells of the crossbars in use.
    pub utilization: f64,
    /// What layers wait for, by layer index; empty: one layer after the other.
    pub flow: Vec<FlowNode>,
    /// What tiles send each other, if the hardware file has an `[interconnect]`.
    pub traffic: Option<Traffic>,
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
            copies: 1,
            placed: first..next,
            loads: 0..1,
            conversions: conversions(name, layer.weight_bits, most_outputs.min(n), hardware)?,
            cells: occupied,
        }));
    }
    if next == 0 {
        return Err(Error::NothingToMap { network: shapes.network.clone() });
    }
    let placed = place(&mut layers, hardware)?;
    let crossbars = placed.crossbars;
    let cells: u64 = layers.iter().flatten().map(|l| l.cells * l.copies as u64).sum();
    let hierarchy = hardware.hierarchy();
    let macros = crossbars.div_ceil(hierarchy.crossbars_per_macro);
    let tiles = macros.div_ceil(hierarchy.macros_per_tile);
    Ok(Plan {
        traffic: Traffic::of(shapes, &layers, crossbars, hardware),
        layers,
        loads: placed.loads,
        crossbars,
        macros,
        tiles,
        chips: tiles.div_ceil(hierarchy.tiles),
        utilization: cells as f64 / (placed.all as f64 * (crossbar.rows * crossbar.cols) as f64),
        flow: shapes.flow.clone(),
    })
}

/// Conversions that a read asks of a crossbar with so many outputs: those of all readouts of the encoding.
fn conversions(layer: &str, bits: u32, outputs: usize, hardware: &Hardware) -> Result<usize, Error> {
    // how many there are does not depend on the weights; 1 is one that every encoding can hold
    let weights = Mat::from_fn(1, outputs, |_, _| 1);
    let encoded = hardware.encoding().encode(weights.view(), bits, 1).map_err(|source| Error::Encode {
        layer: layer.to_owned(),
        weight_bits: bits,
        source,
    })?;
    let width = |terms: &[(usize, _)]| terms.iter().map(|&(plane, _)| encoded.planes[plane].cols()).max();
    Ok(encoded.readouts.iter().filter_map(|r| width(&r.terms)).sum())
}

/// Time that one copy of a layer takes for one vector if nothing is skipped, in seconds.
fn vector_s(layer: &LayerPlan, hardware: &Hardware) -> f64 {
    let dac = hardware.dac();
    let slices = dac.slices(layer.input_bits, InputSign::Unsigned);
    let deepest = layer
        .blocks
        .iter()
        .filter(|b| b.group == 0 && b.outputs.start == 0)
        .map(|b| layer.fragments_of(b).len())
        .max()
        .unwrap_or(0);
    let turns = deepest * layer.groups.min(layer.blocks_in_turn());
    let pulses = slices.iter().map(|s| dac.pulses(s)).sum::<u64>() as f64 / slices.len().max(1) as f64;
    (slices.len() * turns) as f64 * hardware.crossbar().read_time_s(layer.conversions, pulses)
}

/// Chooses how often each layer is held, and gives all copies their places.
fn place(layers: &mut [Option<LayerPlan>], hardware: &Hardware) -> Result<Placed, Error> {
    let schedule = hardware.schedule();
    let chip = hardware.hierarchy().crossbars();
    let mut mapped: Vec<&mut LayerPlan> = layers.iter_mut().flatten().collect();
    let needed: usize = mapped.iter().map(|layer| layer.crossbars.len()).sum();
    let reload = matches!(schedule.overflow, Overflow::Reload { .. }) && needed > chip;
    let budget = match (schedule.crossbars, reload) {
        (Some(asked), true) => asked.min(chip),
        (Some(asked), false) => asked,
        (None, true) => chip,
        (None, false) => needed.div_ceil(chip) * chip,
    };
    if reload {
        let sizes: Vec<usize> = mapped.iter().map(|layer| layer.crossbars.len()).collect();
        for (layer, loads) in mapped.iter_mut().zip(in_loads(&sizes, budget)) {
            layer.loads = loads;
        }
    } else if schedule.duplicate != Duplicate::None && needed > budget {
        return Err(Error::Budget { needed, budget });
    }
    let (mut largest, mut all) = (0, 0);
    for of_load in mapped.chunk_by_mut(|a, b| a.loads == b.loads) {
        let demands: Vec<Demand> = of_load
            .iter()
            .map(|layer| Demand {
                vectors: layer.positions,
                vector_s: vector_s(layer, hardware),
                crossbars: layer.crossbars.len(),
            })
            .collect();
        let copies = match schedule.duplicate {
            Duplicate::None => vec![1; demands.len()],
            Duplicate::Equal => equal(&demands, budget),
            Duplicate::Balanced => balanced(&demands, budget),
        };
        let mut next = 0u32;
        for (layer, copies) in of_load.iter_mut().zip(copies) {
            layer.copies = copies;
            layer.placed = next..next + (layer.crossbars.len() * copies) as u32;
            next = layer.placed.end;
        }
        largest = largest.max(next as usize);
        all += next as usize;
    }
    let loads = mapped.iter().map(|layer| layer.loads.end).max().unwrap_or(1);
    Ok(Placed { loads, crossbars: if reload { largest.min(budget) } else { largest }, all })
}

/// What is placed.
struct Placed {
    loads: usize,
    /// Crossbars in use, of the largest load.
    crossbars: usize,
    /// Crossbars of all loads.
    all: usize,
}

/// Which loads of `budget` crossbars hold layers of these sizes, in order: each load takes what still fits, the fewest
/// loads that keep the order. A layer larger than that takes loads of its own.
fn in_loads(sizes: &[usize], budget: usize) -> Vec<Range<usize>> {
    let (mut load, mut used) = (0, 0);
    sizes
        .iter()
        .map(|&size| {
            if used > 0 && used + size > budget {
                (load, used) = (load + 1, 0);
            }
            let own = size.div_ceil(budget.max(1)).max(1);
            let loads = load..load + own;
            // nothing goes beside the rest of a layer in parts
            (load, used) = if own > 1 { (loads.end - 1, budget) } else { (load, used + size) };
            loads
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 4 + 5 fill a load of 10, 3 begins the next; 25 takes three of its own, and what follows another.
    #[test]
    fn loads_by_hand() {
        assert_eq!(in_loads(&[4, 5, 3, 25, 1, 9], 10), [0..1, 0..1, 1..2, 2..5, 5..6, 5..6]);
        assert_eq!(in_loads(&[25, 10], 10), [0..3, 3..4]);
    }
}
