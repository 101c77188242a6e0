//! What wires make of programmed cells: effective levels in place of the programmed ones.
//!
//! All bit lines of a block share its word lines, so a block is solved as one array: the columns of one output
//! side by side (one a plane, in the encoding's order), output after output, then columns that all outputs
//! share, then the dummy column. Around it, unused cells of the crossbar conduct nothing, but their segments
//! lie between the block and its drivers and sense inputs. Blocks that share a crossbar lie on its diagonal:
//! they have neither word nor bit lines in common.

use crate::Error;
use crate::effective::{effective, effective_variance};
use crate::fix::Seen;
use crate::nonlinear::{Driven, interleaved};
use ohmic_hardware::wires::{Method, UndrivenRows, Wires};
use ohmic_hardware::{Encoded, Hardware};
use ohmic_mapping::{Block, LayerPlan};
use ohmic_numerics::Mat;
use ohmic_numerics::wires::{
    Drive, Lines, NewtonOptions, NonlinearSolver, Solver, Undriven, approximate, chords,
};

/// The wires of one layer's blocks; clones share what was worked out for each size, so that each thread can
/// have its own.
#[derive(Clone, Debug)]
pub(crate) struct LayerWires {
    wires: Option<Wires>,
    /// What blocks look like that differ, and the solver of those that are solved exactly.
    kinds: Vec<(Shape, Option<Solver>, Option<NonlinearSolver>)>,
    /// Which of them each block is.
    of_block: Vec<usize>,
}

#[derive(Clone, Debug, PartialEq)]
struct Shape {
    rows: usize,
    columns: usize,
    lines: Lines,
    undriven: Undriven,
}

/// The cells of one block as they are programmed, in levels above level 0, or variances in levels squared.
#[derive(Clone, Debug)]
pub(crate) struct BlockCells {
    /// One a plane of the encoding.
    pub(crate) planes: Vec<Mat<f64>>,
    /// The dummy column, if there is one.
    pub(crate) dummy: Option<Mat<f64>>,
}

impl LayerWires {
    /// Lines without resistance.
    pub(crate) fn none() -> Self {
        Self { wires: None, kinds: Vec::new(), of_block: Vec::new() }
    }

    /// Looks at every block of a layer, and works out how to solve it.
    ///
    /// # Errors
    /// An array too large to be solved.
    pub(crate) fn new(hardware: &Hardware, plan: &LayerPlan) -> Result<Self, Error> {
        let mut all = Self { wires: hardware.wires().wires(), kinds: Vec::new(), of_block: Vec::new() };
        let Some(wires) = all.wires else { return Ok(all) };
        for block in &plan.blocks {
            let rows = block.first_row..block.first_row + block.rows.len();
            let columns = block.first_col..block.first_col + block.columns;
            let undriven = match wires.method {
                Method::Exact(UndrivenRows::Floating) => {
                    let fragments = &plan.fragments[plan.fragments_of(block)];
                    let first = block.rows.start;
                    Undriven::Floating(fragments.iter().map(|f| f.start - first..f.end - first).collect())
                }
                Method::Exact(UndrivenRows::Grounded) | Method::Approximate(_) => Undriven::Grounded,
            };
            let lines = wires.seen_from(rows, columns, hardware.crossbar());
            let shape = Shape { rows: block.rows.len(), columns: block.columns, lines, undriven };
            let known = all.kinds.iter().position(|(s, ..)| *s == shape);
            all.of_block.push(match known {
                Some(kind) => kind,
                None => {
                    let solver = match wires.method {
                        Method::Exact(_) => Some(
                            Solver::new(shape.rows, shape.columns, &shape.lines, &shape.undriven)
                                .map_err(|source| error(plan, block, source))?,
                        ),
                        Method::Approximate(_) => None,
                    };
                    let nonlinear = match hardware.device().current_law() {
                        Some(_) => Some(
                            NonlinearSolver::new(shape.rows, shape.columns, &shape.lines)
                                .map_err(|source| error(plan, block, source))?,
                        ),
                        None => None,
                    };
                    all.kinds.push((shape, solver, nonlinear));
                    all.kinds.len() - 1
                }
            });
        }
        Ok(all)
    }

    /// What the converters of a block see of its cells, given in levels and variances: through their law, for each
    /// digit that rows are driven with, and over these wires; `left_in` is what level 0 leaves in sums where
    /// nothing takes it off.
    ///
    /// # Errors
    /// Wires cannot be computed.
    pub(crate) fn seen(
        &mut self,
        plan: &LayerPlan,
        block: &Block,
        encoded: &Encoded,
        (step, base, left_in): (f64, f64, f64),
        driven: Option<&Driven<'_>>,
        (mut levels, mut variance): (BlockCells, BlockCells),
    ) -> Result<Seen, Error> {
        let outputs = block.outputs.len();
        let seen = |levels: &BlockCells, variance: &BlockCells| Seen {
            levels: effective(
                encoded,
                outputs,
                &levels.planes,
                levels.dummy.as_ref().map(Mat::as_slice),
                left_in,
            ),
            variance: if variance.planes.is_empty() {
                Mat::default()
            } else {
                let dummy = variance.dummy.as_ref().map(Mat::as_slice);
                effective_variance(encoded, outputs, &variance.planes, dummy)
            },
        };
        let Some(driven) = driven else {
            self.act(plan, block, encoded, (step, base), &mut levels, &mut variance)?;
            return Ok(seen(&levels, &variance));
        };
        let mut matrices = Vec::with_capacity(driven.digits().len());
        for &digit in driven.digits() {
            let (mut levels, mut variance) = (levels.clone(), variance.clone());
            let cells = (&mut levels, &mut variance);
            if self.wires.is_some() {
                self.act_at(plan, block, encoded, (step, base), (driven, digit), cells)?;
            } else {
                bend(encoded, outputs, (step, base), (driven, digit), cells);
            }
            matrices.push(seen(&levels, &variance));
        }
        Ok(interleaved(driven.digits(), matrices))
    }

    /// As [`Self::act`] for cells that are not linear, at the operating point of each fragment that has all its
    /// rows driven with one digit: the linear array that has the same currents there.
    fn act_at(
        &mut self,
        plan: &LayerPlan,
        block: &Block,
        encoded: &Encoded,
        (step, base): (f64, f64),
        (driven, digit): (&Driven<'_>, i32),
        (levels, variance): (&mut BlockCells, &mut BlockCells),
    ) -> Result<(), Error> {
        let columns = columns(encoded, block.outputs.len(), levels.dummy.is_some());
        assert_eq!(columns.len(), block.columns, "columns of a block as they were planned");
        let (shape, Some(linear), Some(nonlinear)) = &mut self.kinds[self.of_block[block.id.0 as usize]]
        else {
            unreachable!("cells that are not linear have exact wires and a solver");
        };
        let cells = Mat::from_fn(shape.rows, columns.len(), |row, at| {
            ((levels.at(columns[at], row) + base) * step).max(0.0)
        });
        let undriven = match &shape.undriven {
            Undriven::Grounded => Drive::Volt(0.0),
            Undriven::Floating(_) => Drive::Floating,
        };
        let law = |volt: f64, siemens: f64| driven.current(volt, siemens);
        let failed = |source| error(plan, block, source);
        for fragment in &plan.fragments[plan.fragments_of(block)] {
            let rows = fragment.start - block.rows.start..fragment.end - block.rows.start;
            let drives: Vec<Drive> = (0..shape.rows)
                .map(|row| if rows.contains(&row) { Drive::Volt(driven.volt(digit)) } else { undriven })
                .collect();
            let point =
                nonlinear.solve(cells.view(), &law, &drives, NewtonOptions::default()).map_err(failed)?;
            let chord = chords(cells.view(), &law, point.cell_volt.view());
            let seen = linear.effective(chord.view()).map_err(failed)?;
            for row in rows {
                for (at, &column) in columns.iter().enumerate() {
                    let (g, chord, seen) = (cells[(row, at)], chord[(row, at)], seen[(row, at)]);
                    *levels.at_mut(column, row) = seen / step - base;
                    if variance.has(column) {
                        let bent = if g > 0.0 { chord / g } else { 1.0 };
                        let passed = bent * if chord > seen { seen / chord } else { 1.0 };
                        *variance.at_mut(column, row) *= passed * passed;
                    }
                }
            }
        }
        Ok(())
    }

    /// Turns the levels of a block's cells into those that its bit lines see, and variances of reads with them;
    /// `step` is one level in siemens, `base` the level of a conductance of zero, negated.
    ///
    /// A cell's noise reaches its bit line like its current: by `t = min(1, effective / programmed)` of its
    /// conductance, so its variance by `t²`; what it adds to other columns over other word lines is left out.
    ///
    /// # Errors
    /// The approximate method cannot keep the bound that was asked for.
    pub(crate) fn act(
        &mut self,
        plan: &LayerPlan,
        block: &Block,
        encoded: &Encoded,
        (step, base): (f64, f64),
        levels: &mut BlockCells,
        variance: &mut BlockCells,
    ) -> Result<(), Error> {
        let Some(wires) = self.wires else { return Ok(()) };
        let columns = columns(encoded, block.outputs.len(), levels.dummy.is_some());
        assert_eq!(columns.len(), block.columns, "columns of a block as they were planned");
        let (shape, solver, _) = &mut self.kinds[self.of_block[block.id.0 as usize]];
        let cells = Mat::from_fn(shape.rows, columns.len(), |row, at| {
            // rounding may leave a cell at nothing just below it
            ((levels.at(columns[at], row) + base) * step).max(0.0)
        });
        let seen = match (solver, wires.method) {
            (Some(solver), _) => solver.effective(cells.view()),
            (None, Method::Approximate(bound)) => {
                approximate(cells.view(), &shape.lines, bound).map(|a| a.matrix)
            }
            (None, Method::Exact(_)) => unreachable!("exact wires have a solver"),
        }
        .map_err(|source| error(plan, block, source))?;
        for row in 0..shape.rows {
            for (at, &column) in columns.iter().enumerate() {
                let (programmed, effective) = (cells[(row, at)], seen[(row, at)]);
                *levels.at_mut(column, row) = effective / step - base;
                if variance.has(column) {
                    let passed = if programmed > effective { effective / programmed } else { 1.0 };
                    *variance.at_mut(column, row) *= passed * passed;
                }
            }
        }
        Ok(())
    }
}

/// Turns the levels of a block's cells into those of linear cells that have the same current at a digit's
/// voltage; the noise of a cell stays the same fraction of its current.
fn bend(
    encoded: &Encoded,
    outputs: usize,
    (step, base): (f64, f64),
    (driven, digit): (&Driven<'_>, i32),
    (levels, variance): (&mut BlockCells, &mut BlockCells),
) {
    for column in columns(encoded, outputs, levels.dummy.is_some()) {
        for row in 0..encoded.planes[0].rows() {
            let (level, factor) = driven.level(digit, levels.at(column, row), (step, base));
            *levels.at_mut(column, row) = level;
            if variance.has(column) {
                *variance.at_mut(column, row) *= factor * factor;
            }
        }
    }
}

/// A column of a plane, or the dummy column.
type Column = (Option<usize>, usize);

/// What each bit line of a block holds, from the left.
pub(crate) fn columns(encoded: &Encoded, outputs: usize, has_dummy: bool) -> Vec<Column> {
    let is_shared = |plane: &usize| encoded.planes[*plane].cols() != outputs;
    let (shared, own): (Vec<usize>, Vec<usize>) = (0..encoded.planes.len()).partition(is_shared);
    let mut columns: Vec<Column> =
        (0..outputs).flat_map(|output| own.iter().map(move |&plane| (Some(plane), output))).collect();
    columns.extend(shared.iter().map(|&plane| (Some(plane), 0)));
    columns.extend(has_dummy.then_some((None, 0)));
    columns
}

/// First bit line of each plane within its block, and bit lines from one of its columns to the next.
pub(crate) fn bit_lines(encoded: &Encoded, outputs: usize) -> Vec<(usize, usize)> {
    let columns = columns(encoded, outputs, false);
    let of = |plane, column| columns.iter().position(|&c| c == (Some(plane), column));
    (0..encoded.planes.len())
        .map(|plane| {
            let first = of(plane, 0).unwrap_or(0);
            (first, of(plane, 1).map_or(1, |second| second - first))
        })
        .collect()
}

impl BlockCells {
    fn matrix(&self, (plane, _): Column) -> Option<&Mat<f64>> {
        match plane {
            Some(plane) => self.planes.get(plane),
            None => self.dummy.as_ref(),
        }
    }

    fn has(&self, column: Column) -> bool {
        self.matrix(column).is_some()
    }

    fn at(&self, column: Column, row: usize) -> f64 {
        self.matrix(column).map_or(0.0, |m| m[(row, column.1)])
    }

    /// # Panics
    /// The column is there.
    fn at_mut(&mut self, column: Column, row: usize) -> &mut f64 {
        let matrix = match column.0 {
            Some(plane) => &mut self.planes[plane],
            None => self.dummy.as_mut().expect("a dummy column"),
        };
        &mut matrix[(row, column.1)]
    }
}

fn error(plan: &LayerPlan, block: &Block, source: ohmic_numerics::wires::Error) -> Error {
    Error::Wires { layer: plan.name.clone(), crossbar: block.crossbar, source }
}
