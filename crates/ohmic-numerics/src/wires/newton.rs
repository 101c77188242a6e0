//! Arrays of cells whose current is not proportional to their voltage: one operating point at a time, by
//! damped Newton steps.
//!
//! Cells that draw more current at more voltage make a network with exactly one solution: the minimum of a
//! convex function whose gradient are the sums of currents at the nodes. A Newton step is a linear network
//! again (cells of their slopes, currents fed into nodes), solved as [`super::Solver`] solves one; along the
//! step, the point is searched where those sums balance. So any start leads there, steep laws included.

use super::array::{Solver, check_cells, topology};
use super::check::wires;
use super::lines::{Error, Lines, Part, Side, Undriven, parts};
use super::plan::{BitLines, Plan, WordLines};
use super::solve::{Among, Mesh, Record, reduce};
use super::substitute::{backward, forward};
use crate::{Mat, MatRef};
use std::sync::Arc;

/// Along a step, how little of what drives it may be left, as a fraction.
const ENOUGH: f64 = 0.5;
/// How many times as far as the linear network says a step may go, and how often it is halved.
const LONGEST: f64 = 1024.0;
const HALVINGS: usize = 60;

/// What a cell does at one voltage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CellCurrent {
    /// Current in ampere from the word line to the bit line.
    pub ampere: f64,
    /// Its derivative by voltage, in siemens; 0 or more.
    pub slope_siemens: f64,
}

/// A law of cells: the current at a voltage (volt) across a cell of some conductance (siemens). It is 0 at 0 V
/// and never falls with the voltage.
pub type Law<'a> = dyn Fn(f64, f64) -> CellCurrent + Sync + 'a;

/// What a word line is driven with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Drive {
    /// A source of so many volt at each end that has a driver.
    Volt(f64),
    /// Its drivers are off.
    Floating,
}

/// When a solution is good enough.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NewtonOptions {
    /// Largest sum of currents into a node, relative to the largest current in any conductor; or less than the
    /// last digits of potentials make of it, where lines conduct that much better than cells.
    pub residual: f64,
    /// Most steps.
    pub steps: usize,
}

impl Default for NewtonOptions {
    /// A residual of 1e-10 within 100 steps.
    fn default() -> Self {
        Self { residual: 1e-10, steps: 100 }
    }
}

/// One operating point of an array.
#[derive(Clone, Debug, PartialEq)]
pub struct OperatingPoint {
    /// Current into the sense terminal of every bit line, in ampere.
    pub currents_ampere: Vec<f64>,
    /// Voltage across every cell, from its word to its bit line, in volt.
    pub cell_volt: Mat<f64>,
    /// Largest sum of currents into a node, relative to the largest current in any conductor.
    pub residual: f64,
    /// Newton steps that it took, the linear one that it starts with not counted.
    pub steps: usize,
}

/// The conductances that a linear array would need to have the same currents at the same operating point:
/// current over voltage of every cell, in siemens; the slope where the voltage is 0.
pub fn chords(cells: MatRef<'_, f64>, law: &Law<'_>, cell_volt: MatRef<'_, f64>) -> Mat<f64> {
    Mat::from_fn(cells.rows(), cells.cols(), |i, j| {
        let (volt, g) = (cell_volt.row(i)[j], cells.row(i)[j]);
        let cell = law(volt, g);
        if volt == 0.0 { cell.slope_siemens } else { cell.ampere / volt }
    })
}

/// Finds operating points of arrays of one size with lines of one kind; keeps its plan and its memory.
#[derive(Clone, Debug)]
pub struct NonlinearSolver {
    solver: Solver,
    networks: Vec<Network>,
    /// Conductances between terminals that belong to no cell: terminal, terminal, siemens.
    direct: Vec<(usize, usize, f64)>,
    /// Terminals of sources: one a row, and perhaps a second one a row behind them.
    sources: usize,
}

/// A part of the array that shares only terminals with others.
#[derive(Clone, Debug)]
struct Network {
    part: Part,
    /// How its inner nodes are taken out; `None` if it has none.
    plan: Option<Arc<Plan>>,
    nodes: usize,
    wires: Vec<(u32, u32, f64)>,
    /// Word and bit node of every cell.
    ends: Vec<(u32, u32)>,
    /// Node and terminal of every source.
    sources: Vec<(u32, usize)>,
    senses: Vec<u32>,
    /// Nodes that are no terminal.
    is_inner: Vec<bool>,
}

/// Potentials of all nodes: part after part, and the terminals of sources.
#[derive(Clone, Debug)]
struct Potentials {
    parts: Vec<Vec<f64>>,
    sources: Vec<f64>,
}

/// What flows at some potentials.
struct Flow {
    /// Sum of currents into every node, part after part, and into the terminals of sources.
    into: Potentials,
    /// Slope of every cell, part after part.
    slopes: Vec<Vec<f64>>,
    /// Largest sum at a node that is not held, and largest current in a conductor.
    imbalance: f64,
    largest: f64,
    /// What the last digits of potentials make of the sum at a node, at most.
    rounding: f64,
}

impl Flow {
    fn residual(&self) -> f64 {
        if self.imbalance > 0.0 { self.imbalance / self.largest } else { 0.0 }
    }

    fn is_balanced(&self, residual: f64) -> bool {
        self.imbalance <= residual * self.largest + self.rounding
    }
}

impl NonlinearSolver {
    /// Makes the plan for arrays of `rows × cols` cells.
    ///
    /// # Errors
    /// A resistance is negative, not finite or out of range; too many cells.
    pub fn new(rows: usize, cols: usize, lines: &Lines) -> Result<Self, Error> {
        let solver = Solver::new(rows, cols, lines, &Undriven::Grounded)?;
        let empty = vec![0.0; rows * cols];
        let mut networks = Vec::new();
        if rows > 0 && cols > 0 {
            for part in parts(rows, cols, lines) {
                let topology = topology(&part);
                let nodes = topology.nodes();
                let is_plain = part.words == WordLines::Fixed && part.bits == BitLines::Fixed;
                let height = part.rows.len();
                let terminal = |s: usize| {
                    let is_right = part.side == Side::Right || s >= height;
                    part.rows.start + s % height + if is_right { rows } else { 0 }
                };
                let (sources, senses) = (topology.sources(), topology.senses());
                let mut is_inner = vec![false; nodes.count()];
                let cells = (0..height).flat_map(|i| (0..part.cols.len()).map(move |j| (i, j)));
                let ends: Vec<_> = cells.map(|(i, j)| (nodes.word(i, j + 1), nodes.bit(i, j))).collect();
                let wires = wires(topology, solver.values(&part, &empty));
                // a line without resistance is one node, whatever it is called
                let conductors = wires.iter().map(|&(a, b, _)| (a, b)).chain(ends.iter().copied());
                conductors.for_each(|(a, b)| {
                    is_inner[a as usize] = true;
                    is_inner[b as usize] = true;
                });
                sources.iter().chain(&senses).for_each(|&n| is_inner[n as usize] = false);
                networks.push(Network {
                    plan: (!is_plain).then(|| Arc::new(Plan::new(topology))),
                    nodes: nodes.count(),
                    sources: sources.iter().enumerate().map(|(s, &n)| (n, terminal(s))).collect(),
                    wires,
                    ends,
                    senses,
                    is_inner,
                    part,
                });
            }
        }
        let ends_meet = lines.driver_ohm == 0.0 && lines.far_driver_ohm == Some(0.0);
        let mut direct = Vec::new();
        if ends_meet && cols == 2 && lines.row_segment_ohm > 0.0 {
            direct.extend((0..rows).map(|i| (i, rows + i, 1.0 / lines.row_segment_ohm)));
        }
        let sources = if lines.far_driver_ohm.is_some() { 2 * rows } else { rows };
        Ok(Self { solver, networks, direct, sources })
    }

    /// The operating point of an array with a drive for every row.
    ///
    /// # Errors
    /// A cell, a drive or what the law says is out of range, a shape is not the one planned for, or Newton's
    /// method does not reach the residual.
    pub fn solve(
        &mut self,
        cells: MatRef<'_, f64>,
        law: &Law<'_>,
        drives: &[Drive],
        options: NewtonOptions,
    ) -> Result<OperatingPoint, Error> {
        self.solver.check(cells)?;
        check_cells(cells)?;
        let rows = cells.rows();
        if drives.len() != rows {
            return Err(Error::Drives { rows, found: drives.len() });
        }
        let mut most = 0f64;
        for (row, drive) in drives.iter().enumerate() {
            if let Drive::Volt(volt) = *drive {
                if !(-1e6..=1e6).contains(&volt) {
                    return Err(Error::Drive { row, volt });
                }
                most = if volt.abs() > most.abs() { volt } else { most };
            }
        }
        let own: Vec<Vec<f64>> = self.networks.iter().map(|n| self.solver.cells_of(&n.part, cells)).collect();
        // terminals count rows from the open end of the bit lines
        let driven: Vec<Option<f64>> = (0..self.sources)
            .map(|s| match drives[self.solver.source_row(s % rows)] {
                Drive::Volt(volt) => Some(volt),
                Drive::Floating => None,
            })
            .collect();
        let sources: Vec<f64> = driven.iter().map(|v| v.unwrap_or(0.0)).collect();
        let held = |n: &Network| {
            let mut x = vec![0.0; n.nodes];
            n.sources.iter().for_each(|&(node, terminal)| x[node as usize] = sources[terminal]);
            x
        };
        let mut x = Potentials { parts: self.networks.iter().map(held).collect(), sources };
        // a start that is exact for linear cells: as if all had the chord at the highest voltage
        let linear = |volt: f64, g: f64| {
            let cell = law(most, g);
            let chord = if most == 0.0 { cell.slope_siemens } else { cell.ampere / most };
            // a law that runs out of numbers at full voltage is as good as a short
            let slope_siemens = if chord < 1e6 { chord.max(0.0) } else { 1e6 };
            CellCurrent { ampere: slope_siemens * volt, slope_siemens }
        };
        let flow = self.flow(&own, &linear, &driven, &x)?;
        let delta = self.step(&flow, &driven);
        x.add(&delta, 1.0);
        let mut flow = self.flow(&own, law, &driven, &x)?;
        let mut steps = 0;
        while !flow.is_balanced(options.residual) {
            if steps == options.steps {
                return Err(Error::NotConverged {
                    steps,
                    residual: flow.residual(),
                    allowed: options.residual,
                });
            }
            let delta = self.step(&flow, &driven);
            (x, flow) = self.search(&own, law, &driven, &x, &flow, &delta)?;
            steps += 1;
        }
        Ok(self.point(cells, &x, &flow, steps))
    }

    fn point(&self, cells: MatRef<'_, f64>, x: &Potentials, flow: &Flow, steps: usize) -> OperatingPoint {
        let mut currents_ampere = vec![0.0; cells.cols()];
        let mut cell_volt = Mat::filled(cells.rows(), cells.cols(), 0.0);
        for ((network, x), into) in self.networks.iter().zip(&x.parts).zip(&flow.into.parts) {
            let width = network.part.cols.len();
            for (at, &(word, bit)) in network.ends.iter().enumerate() {
                let row = self.solver.source_row(network.part.rows.start + at / width);
                cell_volt[(row, network.part.cols.start + at % width)] = x[word as usize] - x[bit as usize];
            }
            for (j, &sense) in network.part.cols.clone().zip(&network.senses) {
                currents_ampere[j] += into[sense as usize];
            }
        }
        OperatingPoint { currents_ampere, cell_volt, residual: flow.residual(), steps }
    }

    /// The sums of currents at all nodes.
    fn flow(
        &self,
        cells: &[Vec<f64>],
        law: &Law<'_>,
        driven: &[Option<f64>],
        x: &Potentials,
    ) -> Result<Flow, Error> {
        let mut flow = Flow {
            into: Potentials { parts: Vec::new(), sources: vec![0.0; self.sources] },
            slopes: Vec::new(),
            imbalance: 0.0,
            largest: 0.0,
            rounding: 0.0,
        };
        for ((network, cells), x) in self.networks.iter().zip(cells).zip(&x.parts) {
            let mut into = vec![0.0; network.nodes];
            let mut largest = 0f64;
            let mut carry = |a: u32, b: u32, ampere: f64| {
                into[a as usize] -= ampere;
                into[b as usize] += ampere;
                largest = largest.max(ampere.abs());
            };
            let mut slopes = Vec::with_capacity(cells.len());
            for (at, (&g, &(word, bit))) in cells.iter().zip(&network.ends).enumerate() {
                let volt = x[word as usize] - x[bit as usize];
                let cell = law(volt, g);
                if !cell.ampere.is_finite() || !(0.0..f64::INFINITY).contains(&cell.slope_siemens) {
                    let width = network.part.cols.len();
                    let row = self.solver.source_row(network.part.rows.start + at / width);
                    let column = network.part.cols.start + at % width;
                    let (ampere, slope) = (cell.ampere, cell.slope_siemens);
                    return Err(Error::Law { row, column, volt, siemens: g, ampere, slope });
                }
                carry(word, bit, cell.ampere);
                slopes.push(cell.slope_siemens);
            }
            for &(a, b, siemens) in &network.wires {
                let (a_volt, b_volt) = (x[a as usize], x[b as usize]);
                carry(a, b, siemens * (a_volt - b_volt));
                let last_digit = siemens * a_volt.abs().max(b_volt.abs()) * f64::EPSILON;
                flow.rounding = flow.rounding.max(4.0 * last_digit);
            }
            for &(node, terminal) in &network.sources {
                flow.into.sources[terminal] += into[node as usize];
            }
            let inner = into.iter().zip(&network.is_inner).filter(|(_, is_inner)| **is_inner);
            flow.imbalance = inner.fold(flow.imbalance, |most, (i, _)| most.max(i.abs()));
            flow.largest = flow.largest.max(largest);
            flow.into.parts.push(into);
            flow.slopes.push(slopes);
        }
        for &(a, b, siemens) in &self.direct {
            let ampere = siemens * (x.sources[a] - x.sources[b]);
            flow.into.sources[a] -= ampere;
            flow.into.sources[b] += ampere;
            flow.largest = flow.largest.max(ampere.abs());
        }
        let floating = flow.into.sources.iter().zip(driven).filter(|(_, driven)| driven.is_none());
        flow.imbalance = floating.fold(flow.imbalance, |most, (i, _)| most.max(i.abs()));
        Ok(flow)
    }

    /// The Newton step: potentials that a linear network of the slopes takes when it is fed with the sums of
    /// currents, sense terminals and driven sources held at 0.
    fn step(&mut self, flow: &Flow, driven: &[Option<f64>]) -> Potentials {
        let floating: Vec<usize> = (0..self.sources).filter(|&s| driven[s].is_none()).collect();
        let among = if floating.is_empty() { Among::Dropped } else { Among::Kept };
        let mut fed = flow.into.sources.clone();
        let mut outer = Outer::new(self.sources, &floating);
        let mut done: Vec<(Record, Vec<f64>)> = Vec::with_capacity(self.networks.len());
        for ((network, slopes), into) in self.networks.iter().zip(&flow.slopes).zip(&flow.into.parts) {
            let (mut record, mut moved) = (Record::default(), into.clone());
            let width = network.senses.len();
            let mesh = match &network.plan {
                Some(plan) => {
                    let values = self.solver.values(&network.part, slopes);
                    let Solver { level, work, .. } = &mut self.solver;
                    let mesh = reduce(*level, plan, values, among, work, Some(&mut record));
                    forward(plan, &record, &mut moved);
                    mesh
                }
                // every cell is a conductance between terminals
                None => Mesh {
                    sources: network.sources.len(),
                    senses: width,
                    among: vec![0.0; network.sources.len().pow(2)],
                    across: slopes.clone(),
                },
            };
            for (s, &(node, terminal)) in network.sources.iter().enumerate() {
                fed[terminal] += moved[node as usize] - into[node as usize];
                if !floating.is_empty() {
                    outer.hold(terminal, mesh.across[s * width..(s + 1) * width].iter().sum());
                    for (t, &(_, other)) in network.sources.iter().enumerate().skip(s + 1) {
                        outer.join(terminal, other, mesh.among[s * mesh.sources + t]);
                    }
                }
            }
            done.push((record, moved));
        }
        self.direct.iter().for_each(|&(a, b, siemens)| outer.join(a, b, siemens));
        let sources = outer.solve(&fed, self.sources);
        let parts = self.networks.iter().zip(done).map(|(network, (record, moved))| {
            let mut x = vec![0.0; network.nodes];
            for &(node, terminal) in &network.sources {
                x[node as usize] = sources[terminal];
            }
            if let Some(plan) = &network.plan {
                backward(plan, &record, Some(&moved), &mut x);
            }
            x
        });
        Potentials { parts: parts.collect(), sources }
    }

    /// The point along a step where the sums of currents, weighed with the step, nearly balance: they fall all
    /// the way, since no current falls with its voltage.
    fn search(
        &self,
        cells: &[Vec<f64>],
        law: &Law<'_>,
        driven: &[Option<f64>],
        x: &Potentials,
        flow: &Flow,
        delta: &Potentials,
    ) -> Result<(Potentials, Flow), Error> {
        let whole = self.along(delta, &flow.into);
        let enough = ENOUGH * whole;
        let at = |t: f64| -> Result<(Potentials, Flow, f64), Error> {
            let mut x = x.clone();
            x.add(delta, t);
            let flow = self.flow(cells, law, driven, &x)?;
            let left = self.along(delta, &flow.into);
            Ok((x, flow, left))
        };
        // what is left of it beyond a point where the law has no numbers any more is surely too far
        let left = |found: &Result<(Potentials, Flow, f64), Error>| {
            found.as_ref().map_or(f64::NEG_INFINITY, |(_, _, left)| *left)
        };
        let (mut low, mut t) = (0.0, 1.0);
        let mut found = at(t);
        // rounding is all that is left: whatever the step says
        if whole > 0.0 {
            while left(&found) > enough && t < LONGEST {
                (low, t) = (t, 2.0 * t);
                found = at(t);
            }
            let mut high = t;
            for _ in 0..HALVINGS {
                let left = left(&found);
                if left.abs() <= enough || high - low < 1e-3 * low {
                    break;
                }
                (low, high) = if left > 0.0 { (t, high) } else { (low, t) };
                t = 0.5 * (low + high);
                found = at(t);
            }
        }
        let (x, flow, _) = found?;
        Ok((x, flow))
    }

    /// What the currents into nodes that are not held do along a step.
    fn along(&self, delta: &Potentials, into: &Potentials) -> f64 {
        let mut sum: f64 = delta.sources.iter().zip(&into.sources).map(|(d, i)| d * i).sum();
        for ((network, delta), into) in self.networks.iter().zip(&delta.parts).zip(&into.parts) {
            let inner = delta.iter().zip(into).zip(&network.is_inner).filter(|(_, is_inner)| **is_inner);
            sum += inner.map(|((d, i), _)| d * i).sum::<f64>();
        }
        sum
    }
}

impl Potentials {
    fn add(&mut self, delta: &Self, times: f64) {
        let all = self.parts.iter_mut().zip(&delta.parts);
        for (x, d) in all.chain([(&mut self.sources, &delta.sources)]) {
            x.iter_mut().zip(d).for_each(|(x, d)| *x += times * d);
        }
    }
}

/// What is left of a step once all inner nodes are out: conductances among floating sources, and from them to
/// what is held.
struct Outer {
    /// Which unknown a source is, or none.
    place: Vec<Option<usize>>,
    floating: Vec<usize>,
    matrix: Mat<f64>,
}

impl Outer {
    fn new(sources: usize, floating: &[usize]) -> Self {
        let mut place = vec![None; sources];
        floating.iter().enumerate().for_each(|(at, &s)| place[s] = Some(at));
        let matrix = Mat::filled(floating.len(), floating.len(), 0.0);
        Self { place, floating: floating.to_vec(), matrix }
    }

    /// A conductance from a source to what is held.
    fn hold(&mut self, source: usize, siemens: f64) {
        if let Some(at) = self.place[source] {
            self.matrix[(at, at)] += siemens;
        }
    }

    /// A conductance between two sources.
    fn join(&mut self, a: usize, b: usize, siemens: f64) {
        self.hold(a, siemens);
        self.hold(b, siemens);
        if let (Some(a), Some(b)) = (self.place[a], self.place[b]) {
            self.matrix[(a, b)] -= siemens;
            self.matrix[(b, a)] -= siemens;
        }
    }

    /// Potentials of all sources fed with currents, those that are held at 0. What nothing is connected to
    /// stays where it is.
    fn solve(mut self, fed: &[f64], sources: usize) -> Vec<f64> {
        let mut b: Vec<f64> = self.floating.iter().map(|&s| fed[s]).collect();
        let n = b.len();
        let m = &mut self.matrix;
        for p in 0..n {
            let pivot = m[(p, p)];
            if pivot <= 0.0 {
                continue;
            }
            for i in p + 1..n {
                let factor = m[(i, p)] / pivot;
                if factor != 0.0 {
                    for j in p + 1..n {
                        m[(i, j)] -= factor * m[(p, j)];
                    }
                    b[i] -= factor * b[p];
                }
            }
        }
        for p in (0..n).rev() {
            let sum: f64 = (p + 1..n).map(|j| m[(p, j)] * b[j]).sum();
            b[p] = if m[(p, p)] > 0.0 { (b[p] - sum) / m[(p, p)] } else { 0.0 };
        }
        let mut x = vec![0.0; sources];
        self.floating.iter().zip(&b).for_each(|(&s, b)| x[s] = *b);
        x
    }
}

#[cfg(test)]
mod tests;
