//! How long writing takes, in steps of one pulse each.
//!
//! Word lines of a crossbar are written one after the other, crossbars at the same time. On a word line, a step
//! pulses (and reads) as many cells as drivers and heat allow.

use ohmic_hardware::{WriteSpec, Written};
use ohmic_mapping::LayerPlan;
use ohmic_mapping::heat::{StepLimit, makespan};

/// What writing a whole chip took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChipWriting {
    /// Cells, pulses and reads.
    pub written: Written,
    /// Steps of the crossbar that took longest.
    pub steps: u64,
}

/// Pulses of the cells of a block, by word line and bit line.
#[derive(Debug)]
pub(crate) struct BlockPulses {
    columns: usize,
    pulses: Vec<u32>,
}

impl BlockPulses {
    pub(crate) fn new(rows: usize, columns: usize) -> Self {
        Self { columns, pulses: vec![0; rows * columns] }
    }

    /// Takes the pulses of a plane of `cols` columns, which lie `stride` apart from `first` on.
    pub(crate) fn place(&mut self, plane: &[u32], cols: usize, (first, stride): (usize, usize)) {
        for (row, pulses) in plane.chunks_exact(cols).enumerate() {
            for (c, &p) in pulses.iter().enumerate() {
                self.pulses[row * self.columns + first + c * stride] = p;
            }
        }
    }

    /// Steps that the block takes, word line after word line; 0 if writing is not accounted for.
    pub(crate) fn steps(&self, spec: Option<&WriteSpec>) -> u64 {
        let Some(spec) = spec else { return 0 };
        let limit = StepLimit { parallel: spec.parallel_cells, heat: spec.heat };
        self.pulses.chunks_exact(self.columns).map(|row| makespan(row, &limit) as u64).sum()
    }
}

/// Steps of the crossbar of a layer that takes longest, from those of its blocks.
pub(crate) fn longest(plan: &LayerPlan, blocks: &[u64]) -> u64 {
    let mut by_crossbar = vec![0u64; plan.crossbars.len()];
    for (block, steps) in plan.blocks.iter().zip(blocks) {
        by_crossbar[(block.crossbar - plan.crossbars.start) as usize] += steps;
    }
    by_crossbar.into_iter().max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ohmic_hardware::HeatLimit;

    /// Two word lines of two planes side by side, 1 2 | 3 1 and 1 1 | 1 1 pulses: interleaved 1 3 2 1 and 1 1 1 1.
    /// All cells at once: 3 + 1 steps; two at a time: ceil(7 / 2) + 2; one of two neighbours: at most one of the
    /// pulses 3 + 2 in the middle a step, so 5, and 2.
    #[test]
    fn steps_by_hand() {
        let mut block = BlockPulses::new(2, 4);
        block.place(&[1, 2, 1, 1], 2, (0, 2));
        block.place(&[3, 1, 1, 1], 2, (1, 2));
        assert_eq!(block.pulses, [1, 3, 2, 1, 1, 1, 1, 1]);
        let spec = WriteSpec::default();
        assert_eq!(block.steps(None), 0);
        assert_eq!(block.steps(Some(&spec)), 4);
        assert_eq!(block.steps(Some(&WriteSpec { parallel_cells: Some(2), ..spec })), 6);
        let heat = Some(HeatLimit { rewrites: 1, cells: 2, changes: 1 });
        assert_eq!(block.steps(Some(&WriteSpec { heat, ..spec })), 7);
    }
}
