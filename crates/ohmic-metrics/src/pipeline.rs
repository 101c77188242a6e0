//! When each layer works on which image: fill and drain of the pipeline that the layers of a network form.
//!
//! A layer takes its vectors in order, as many at a time as it has copies, and every such turn takes the time of one
//! vector. A turn begins when the turn before it has ended and the rows of its input that its last vector needs are
//! there (`schedule.start = "rows"`), or when the layer before it is done (`"whole"`). Stages before and after the reads
//! (`stages_before`, `stages_after`) are passed by every vector and delay it, but never hold up the next one. Layers
//! without crossbars take no time of their own. Buffers between layers are as large as it takes.
//!
//! Where the chip is loaded several times, the images of a batch go through the layers of one load, then the chip is
//! written anew, and so on; after [`SIMULATED`] images of a batch the slowest layer of the load alone sets the pace.

use ohmic_hardware::{Hardware, Start};
use ohmic_mapping::{LayerPlan, Plan};
use ohmic_network::LayerId;

/// Images of a batch that are followed turn by turn.
pub(crate) const SIMULATED: usize = 16;

/// What the walk through the network is given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Walk<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) hardware: &'a Hardware,
    /// Time of one vector in seconds, by layer index.
    pub(crate) vector_s: &'a [f64],
}

/// A turn of a layer: its copies take a vector each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    pub(crate) layer: LayerId,
    pub(crate) image: usize,
    /// Row of the result that its first vector belongs to.
    pub(crate) row: usize,
    pub(crate) start_s: f64,
    pub(crate) end_s: f64,
}

impl Walk<'_> {
    /// Time of all turns of an image, by layer, in seconds.
    pub(crate) fn busy_s(&self, layer: &LayerPlan) -> f64 {
        layer.turns() as f64 * self.vector_s[layer.id.0 as usize]
    }

    /// Time of the slowest layer of a load, in seconds.
    pub(crate) fn slowest_s(&self, load: usize) -> f64 {
        let of_load = self.plan.layers.iter().flatten().filter(|l| l.loads.contains(&load));
        of_load.map(|l| self.busy_s(l)).fold(0.0, f64::max)
    }

    /// Sends images through the layers of a load; image `i` is there at `from_s + i · apart_s`. Returns when each is
    /// done.
    pub(crate) fn load(
        &self,
        load: usize,
        images: usize,
        from_s: f64,
        apart_s: f64,
        mut each: impl FnMut(Turn),
    ) -> Vec<f64> {
        let mut free = vec![0.0f64; self.plan.layers.len()];
        let there = |image: usize| from_s + image as f64 * apart_s;
        (0..images).map(|image| self.image(load, image, there(image), &mut free, &mut each)).collect()
    }

    /// One image; `free` is when each layer has done its last turn.
    fn image(
        &self,
        load: usize,
        image: usize,
        there_s: f64,
        free: &mut [f64],
        each: &mut impl FnMut(Turn),
    ) -> f64 {
        let schedule = self.hardware.schedule();
        let before_s = schedule.stages_before as f64 * schedule.cycle_s;
        let after_s = schedule.stages_after as f64 * schedule.cycle_s;
        let rows_follow = schedule.start == Start::Rows && self.plan.flow.len() == self.plan.layers.len();
        // when each row of each layer's result is there, and no row before it is missing
        let mut ready: Vec<Vec<f64>> = Vec::with_capacity(if rows_follow { self.plan.flow.len() } else { 0 });
        let mut done_s = there_s;
        for (i, layer) in self.plan.layers.iter().enumerate() {
            let flow = rows_follow.then(|| &self.plan.flow[i]);
            let needed = |row: usize, ready: &[Vec<f64>]| {
                flow.map_or(there_s, |flow| {
                    let of = |input: &Option<usize>| match input {
                        None => there_s,
                        Some(input) => {
                            let rows = &ready[*input];
                            rows[flow.rows_needed(row, rows.len()) - 1]
                        }
                    };
                    flow.inputs.iter().map(of).fold(there_s, f64::max)
                })
            };
            let rows = flow.map_or(1, |flow| flow.rows);
            let mut result = vec![there_s; rows];
            match layer.as_ref().filter(|l| l.loads.contains(&load)) {
                Some(layer) => {
                    let row_length = (layer.positions / rows).max(1);
                    let one_s = self.vector_s[i];
                    // turns without a pause are counted, so that their ends do not depend on how sums round
                    let (mut base_s, mut turns, mut row_done) = (free[i], 0u64, 0);
                    for turn in 0..layer.turns() {
                        let first = turn * layer.copies;
                        let last = (first + layer.copies).min(layer.positions) - 1;
                        let start_s = base_s + turns as f64 * one_s;
                        let inputs_s = match rows_follow {
                            true => needed((last / row_length).min(rows - 1), &ready),
                            false => done_s,
                        } + before_s;
                        let start_s = if inputs_s > start_s {
                            (base_s, turns) = (inputs_s, 0);
                            inputs_s
                        } else {
                            start_s
                        };
                        turns += 1;
                        let end_s = base_s + turns as f64 * one_s;
                        each(Turn {
                            layer: layer.id,
                            image,
                            row: (first / row_length).min(rows - 1),
                            start_s,
                            end_s,
                        });
                        let whole = if last + 1 == layer.positions { rows } else { (last + 1) / row_length };
                        for row in &mut result[row_done..whole.max(row_done)] {
                            *row = end_s + after_s;
                        }
                        row_done = whole.max(row_done);
                    }
                    free[i] = base_s + turns as f64 * one_s;
                    if !rows_follow {
                        done_s = free[i] + after_s;
                    }
                    done_s = done_s.max(free[i] + after_s);
                }
                None if rows_follow => {
                    // of a load before, or without crossbars: there as soon as what it needs is
                    for row in 0..rows {
                        result[row] =
                            needed(row, &ready).max(row.checked_sub(1).map_or(there_s, |r| result[r]));
                    }
                }
                None => {}
            }
            if rows_follow {
                ready.push(result);
            }
        }
        done_s
    }
}
