//! When cells may be written: as many at a time as drivers and heat allow.
//!
//! Heat: in any `rewrites` consecutive rewrites and any `cells` contiguous cells of a word line at most `changes`
//! cell changes, the (alpha, beta, p) constraint of phase-change memories (Qin, Yaakobi, Siegel, "Time-space
//! constrained codes for phase-change memories", IEEE Trans. Inf. Theory 59(8), 2013). [`schedule`] orders and
//! delays the changes of a row into steps; [`first_violation`] checks a schedule by the definition;
//! [`least_steps`] is what no schedule can beat; [`capacity`] bounds what any code can store under it.

use crate::window::Windows;
use ohmic_hardware::HeatLimit;
use std::ops::Range;

/// What one step of writing a row may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepLimit {
    /// Cells that drivers can change at the same time; `None`: the whole row.
    pub parallel: Option<usize>,
    /// What heat allows; `None`: anything.
    pub heat: Option<HeatLimit>,
}

/// The changes of one row, step by step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowSchedule {
    /// The cells that change in each step, ascending; a step without any waits for the row to cool.
    pub steps: Vec<Vec<u32>>,
}

impl RowSchedule {
    /// Changes of all cells.
    pub fn changes(&self) -> usize {
        self.steps.iter().map(Vec::len).sum()
    }

    /// Changes per step and cell of a row of `cells` cells; 0 if nothing is changed.
    pub fn throughput(&self, cells: usize) -> f64 {
        match self.steps.len() * cells {
            0 => 0.0,
            places => self.changes() as f64 / places as f64,
        }
    }
}

/// Steps and cells in which there are more changes than allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The steps.
    pub steps: Range<usize>,
    /// The cells.
    pub cells: Range<usize>,
    /// Changes there.
    pub found: usize,
    /// What is allowed.
    pub allowed: usize,
}

/// Orders and delays changes: `changes[c]` is how often cell `c` of a row has to be changed, once a step at most.
///
/// The shorter of two valid schedules. *In turn*: the changes, from left to right and a cell's own one after the
/// other, go round `K` slots that are `rewrites` steps apart, `K` being what the fullest window, the most changed
/// cell and the drivers ask for; a window then holds at most `ceil(its changes / K) <= changes` in a slot. If no
/// cell changes more than once and drivers do not limit it, no schedule is shorter. *Greedy*: every step takes
/// what it may, cells with most changes left first.
pub fn schedule(changes: &[u32], limit: &StepLimit) -> RowSchedule {
    if changes.iter().all(|&d| d == 0) {
        return RowSchedule::default();
    }
    let turns = in_turn(changes, limit);
    let least = least_steps(changes, limit);
    if turns.steps.len() == least {
        return turns;
    }
    let greedy = greedy(changes, limit, turns.steps.len());
    greedy.unwrap_or(turns)
}

/// Steps of [`schedule`]; without a heat limit they are counted, not made.
pub fn makespan(changes: &[u32], limit: &StepLimit) -> usize {
    match limit.heat {
        // unit jobs on equal machines: always the longest left first reaches the bound (McNaughton 1959)
        None => least_steps(changes, limit),
        Some(_) => schedule(changes, limit).steps.len(),
    }
}

/// Steps that no schedule can do without: the fullest window of every width, the most changed cell, the drivers.
pub fn least_steps(changes: &[u32], limit: &StepLimit) -> usize {
    let total: usize = changes.iter().map(|&d| d as usize).sum();
    let mut least = changes.iter().copied().max().unwrap_or(0) as usize;
    if let Some(parallel) = limit.parallel {
        least = least.max(total.div_ceil(parallel.max(1)));
    }
    if let Some(heat) = limit.heat {
        for width in 1..=heat.cells.min(changes.len()) {
            let fullest = Windows::of(changes, width).max();
            least = least.max(window_steps(fullest, width, &heat));
        }
    }
    least
}

/// Steps in which a window of `width` cells can be changed `wanted` times.
fn window_steps(wanted: usize, width: usize, heat: &HeatLimit) -> usize {
    if wanted == 0 {
        return 0;
    }
    let (alpha, p) = (heat.rewrites, heat.changes);
    let full = p.min(width * alpha);
    let rounds = (wanted - 1) / full;
    alpha * rounds + (wanted - rounds * full).div_ceil(width)
}

fn in_turn(changes: &[u32], limit: &StepLimit) -> RowSchedule {
    let total: usize = changes.iter().map(|&d| d as usize).sum();
    let mut slots = changes.iter().copied().max().unwrap_or(0) as usize;
    slots = slots.max(limit.parallel.map_or(0, |m| total.div_ceil(m.max(1))));
    let mut apart = 1;
    if let Some(heat) = limit.heat {
        let width = heat.cells.min(changes.len());
        slots = slots.max(Windows::of(changes, width).max().div_ceil(heat.changes));
        apart = heat.rewrites;
    }
    let mut steps = vec![Vec::new(); apart * slots.saturating_sub(1) + usize::from(slots > 0)];
    let mut turn = 0;
    for (cell, &wanted) in changes.iter().enumerate() {
        for _ in 0..wanted {
            steps[apart * (turn % slots)].push(cell as u32);
            turn += 1;
        }
    }
    RowSchedule { steps }
}

/// The greedy schedule, if it is shorter than `most` steps.
fn greedy(changes: &[u32], limit: &StepLimit, most: usize) -> Option<RowSchedule> {
    let mut left = changes.to_vec();
    let mut remaining: usize = left.iter().map(|&d| d as usize).sum();
    let parallel = limit.parallel.unwrap_or(usize::MAX);
    let heat = limit.heat.unwrap_or(HeatLimit { rewrites: 1, cells: 1, changes: 1 });
    let mut windows = Windows::empty(changes.len(), heat.cells.min(changes.len()));
    let mut order: Vec<u32> = (0..changes.len() as u32).collect();
    let mut steps: Vec<Vec<u32>> = Vec::new();
    while remaining > 0 {
        if steps.len() + 1 >= most {
            return None;
        }
        if steps.len() >= heat.rewrites {
            steps[steps.len() - heat.rewrites].iter().for_each(|&c| windows.remove(c as usize));
        }
        order.retain(|&c| left[c as usize] > 0);
        order.sort_by_key(|&c| (std::cmp::Reverse(left[c as usize]), c));
        let mut step = Vec::new();
        for &c in &order {
            if step.len() == parallel {
                break;
            }
            if windows.around(c as usize) < heat.changes {
                windows.add(c as usize);
                left[c as usize] -= 1;
                step.push(c);
            }
        }
        remaining -= step.len();
        step.sort_unstable();
        steps.push(step);
    }
    Some(RowSchedule { steps })
}

/// The first window of steps and cells with more changes than allowed, or the first step that changes more cells
/// than drivers can, or one cell twice: by the definition, window by window.
pub fn first_violation(schedule: &RowSchedule, cells: usize, limit: &StepLimit) -> Option<Violation> {
    let steps = &schedule.steps;
    for (t, step) in steps.iter().enumerate() {
        if let Some(allowed) = limit.parallel.filter(|&m| step.len() > m) {
            return Some(Violation { steps: t..t + 1, cells: 0..cells, found: step.len(), allowed });
        }
        for c in 0..cells {
            let found = step.iter().filter(|&&s| s as usize == c).count();
            if found > 1 {
                return Some(Violation { steps: t..t + 1, cells: c..c + 1, found, allowed: 1 });
            }
        }
    }
    let heat = limit.heat?;
    for first in 0..steps.len() {
        let when = first..(first + heat.rewrites).min(steps.len());
        for left in 0..cells {
            let place = left..(left + heat.cells).min(cells);
            let here = |c: &&u32| place.contains(&(**c as usize));
            let found = steps[when.clone()].iter().flat_map(|s| s.iter().filter(here)).count();
            if found > heat.changes {
                return Some(Violation { steps: when, cells: place, found, allowed: heat.changes });
            }
        }
    }
    None
}

/// Most states of the graph behind [`capacity`].
const MOST_STATES: usize = 1 << 20;

/// Capacity, in bits a place, of binary sequences in which any `window` places have at most `ones` ones: log2 of
/// the largest eigenvalue of the graph whose states are the last `window - 1` places. `None` for a window whose
/// graph has more than a million states.
///
/// Found by powers of the matrix between the bounds of Collatz and Wielandt, to 1e-12.
pub fn capacity(window: usize, ones: usize) -> Option<f64> {
    if ones >= window {
        return Some(1.0);
    }
    if ones == 0 {
        return Some(0.0);
    }
    let memory = window - 1;
    if memory > 30 {
        return None;
    }
    let mut states: Vec<u32> = Vec::new();
    for state in 0u32..1 << memory {
        if state.count_ones() as usize <= ones {
            if states.len() == MOST_STATES {
                return None;
            }
            states.push(state);
        }
    }
    let mask = (1u32 << memory) - 1;
    // where a state goes with a 0 and, if the window it then fills allows, with a 1
    let index = |state: u32| states.binary_search(&state).ok();
    let next: Vec<(Option<usize>, Option<usize>)> = states
        .iter()
        .map(|&s| {
            let one = ((s.count_ones() as usize) < ones).then(|| index((s << 1 | 1) & mask)).flatten();
            (index(s << 1 & mask), one)
        })
        .collect();
    let mut vector = vec![1.0f64; states.len()];
    for _ in 0..1_000_000 {
        let image: Vec<f64> =
            next.iter().map(|(z, o)| z.map_or(0.0, |z| vector[z]) + o.map_or(0.0, |o| vector[o])).collect();
        let (mut low, mut high) = (f64::INFINITY, 0f64);
        for (after, before) in image.iter().zip(&vector) {
            low = low.min(after / before);
            high = high.max(after / before);
        }
        if high - low <= 1e-12 * high {
            return Some(libm::log2(0.5 * (low + high)));
        }
        vector = image.iter().map(|v| v / high).collect();
    }
    None
}

/// What any code can store under a heat limit, in bits a cell and rewrite, at most: the smaller of the capacities
/// in time and in space. `None` where [`capacity`] is.
pub fn capacity_bound(heat: &HeatLimit) -> Option<f64> {
    let time = capacity(heat.rewrites, heat.changes)?;
    let space = capacity(heat.cells, heat.changes)?;
    Some(time.min(space))
}

/// What simple schemes store in any data, in bits a cell and rewrite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schemes {
    /// [`schedule`] itself: every cell gets its new value within `rewrites · ceil(cells / changes)` rewrites.
    pub scheduled: f64,
    /// A Hamming code's coset leaders, written every `rewrites`-th time: `r` bits in `2^r - 1` cells of which one
    /// changes. The best `r` whose blocks keep the limit; 0 if none does.
    pub syndrome: f64,
}

/// What simple schemes store under a heat limit.
pub fn schemes(heat: &HeatLimit) -> Schemes {
    let (alpha, beta, p) = (heat.rewrites, heat.cells, heat.changes);
    let scheduled = 1.0 / (alpha * beta.div_ceil(p)) as f64;
    let syndrome = (1..=30u32)
        .map(|r| (r, (1usize << r) - 1))
        // blocks of n cells that a window of beta can touch, one change in each
        .filter(|(_, n)| (beta - 1).div_ceil(*n) < p)
        .map(|(r, n)| f64::from(r) / (n * alpha) as f64)
        .fold(0.0, f64::max);
    Schemes { scheduled, syndrome }
}

#[cfg(test)]
mod tests;
