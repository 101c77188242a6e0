//! A chip: one programmed instance of a design.

use crate::Error;
use crate::activity::{Activity, Events};
use crate::causes::{Cause, Causes};
use crate::compensate::{Affine, Compensation};
use crate::design::{Design, LayerDesign};
use crate::effective::effective;
use crate::fix::{Periphery, Seen};
use crate::nonlinear::{Driven, layer_program};
use crate::program::{Grid, LayerProgram};
use crate::redundancy::{Columns, Repair, Seats};
use crate::stairs::layer_stairs;
use crate::wires::{BlockCells, LayerWires, bit_lines};
use crate::writing::{BlockPulses, ChipWriting, longest};
use ohmic_hardware::dac::InputSlice;
use ohmic_hardware::{Conditions, DummyColumn, Encoded, Hardware, Held, Patch, Writing, Written};
use ohmic_mapping::{Block, LayerPlan};
use ohmic_network::LayerId;
use ohmic_numerics::{Cells, Mat, Noise, Site};
use rayon::prelude::*;

/// One programmed instance of a [`Design`]: `&self` in every run, nothing learned in a call.
#[derive(Debug)]
pub struct Chip<'a> {
    pub(crate) design: &'a Design<'a>,
    pub(crate) noise: Noise,
    /// By layer index.
    pub(crate) layers: Vec<Option<ChipLayer>>,
    /// What keeps its answers right, if anything does.
    pub(crate) compensation: Option<Compensation>,
}

/// One programmed layer.
#[derive(Debug)]
pub(crate) struct ChipLayer {
    /// `None`: nothing on the way from digits to codes can round, clip or disturb, so the exact
    /// integer product is the answer (the lossless shortcut).
    pub(crate) program: Option<LayerProgram>,
    /// Summed conductance of every row in siemens, blocks one after the other.
    pub(crate) row_conductance: Vec<f64>,
    /// Whether every cell sits on its target and neither reads nor conversions draw noise.
    pub(crate) quiet: bool,
    /// What writing it took.
    writing: ChipWriting,
    /// What was done about broken cells.
    repair: Repair,
    /// Gains and offsets of its answers, where they change anything.
    pub(crate) affine: Option<Affine>,
}

/// Whether fast paths that cannot change a result may be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Shortcuts {
    /// Where they apply.
    #[default]
    Taken,
    /// Never: every read is computed. For tests, and to measure what they save.
    Avoided,
}

/// The cells of one layer as they were programmed: targets, programming error, faults, and what its
/// converters see of them. It depends on nothing behind the cells, so chips that differ only there share it.
#[derive(Debug, PartialEq)]
pub struct ProgrammedLayer {
    /// One a block of the plan.
    seen: Vec<Seen>,
    /// Whether every cell sits exactly on its target.
    on_target: bool,
    /// Summed conductance of every row in siemens, blocks one after the other.
    row_conductance: Vec<f64>,
    /// What writing it took.
    writing: ChipWriting,
    /// What was done about broken cells.
    repair: Repair,
}

impl ProgrammedLayer {
    /// Programs the blocks of one layer and lets them age as the hardware says. Draws by address from `noise`;
    /// give each chip instance its own ([`Noise::instance`]).
    ///
    /// # Errors
    /// A conductance that is negative or not a number, or wires that cannot be computed.
    ///
    /// # Panics
    /// `id` is one of [`Design::layers`].
    pub fn program(design: &Design<'_>, id: LayerId, noise: &Noise) -> Result<Self, Error> {
        Self::program_with(design, id, noise, Causes::ALL)
    }

    /// The same with only these causes of error at work.
    ///
    /// # Errors
    /// See [`ProgrammedLayer::program`].
    ///
    /// # Panics
    /// See [`ProgrammedLayer::program`].
    pub fn program_with(
        design: &Design<'_>,
        id: LayerId,
        noise: &Noise,
        causes: Causes,
    ) -> Result<Self, Error> {
        let conditions = design.hardware.conditions();
        Self::program_in(Instance { design, noise, causes, conditions }, id)
    }

    /// The same with all causes at work, read under other conditions, such as [`Conditions::fresh`].
    ///
    /// # Errors
    /// See [`ProgrammedLayer::program`].
    ///
    /// # Panics
    /// See [`ProgrammedLayer::program`].
    pub fn program_until(
        design: &Design<'_>,
        id: LayerId,
        noise: &Noise,
        conditions: &Conditions,
    ) -> Result<Self, Error> {
        Self::program_in(Instance { design, noise, causes: Causes::ALL, conditions }, id)
    }

    fn program_in(chip: Instance<'_>, id: LayerId) -> Result<Self, Error> {
        let Instance { design, causes, .. } = chip;
        let (layer, plan) = layer_of(design, id);
        let wires = if causes.has(Cause::Wires) {
            LayerWires::new(design.hardware, plan)?
        } else {
            LayerWires::none()
        };
        let blocks: Vec<Result<Programmed, Error>> = plan
            .blocks
            .par_iter()
            .zip(&layer.encoded)
            .map_init(
                || wires.clone(),
                |wires, (block, encoded)| {
                    program_block(chip, (id, &layer.slices), plan, block, encoded, wires)
                },
            )
            .collect();
        let mut all = Self {
            seen: Vec::new(),
            on_target: true,
            row_conductance: Vec::new(),
            writing: ChipWriting::default(),
            repair: Repair::default(),
        };
        let mut steps = Vec::with_capacity(blocks.len());
        for block in blocks {
            let block = block?;
            all.seen.push(block.seen);
            all.on_target &= block.on_target;
            all.row_conductance.extend(block.row_conductance);
            all.writing.written.merge(&block.writing.written);
            steps.push(block.writing.steps);
            all.repair.merge(&block.repair);
        }
        all.writing.steps = longest(plan, &steps);
        Ok(all)
    }

    /// What writing it took.
    pub fn writing(&self) -> ChipWriting {
        self.writing
    }

    /// What was done about its broken cells.
    pub fn repair(&self) -> Repair {
        self.repair
    }

    /// Bytes that it takes in memory.
    pub fn bytes(&self) -> usize {
        let seen = |s: &Seen| s.levels.as_slice().len() + s.variance.as_slice().len();
        8 * (self.seen.iter().map(seen).sum::<usize>() + self.row_conductance.len())
    }
}

/// Puts a chip together, layer by layer, from cells that were programmed before.
#[derive(Debug)]
pub struct ChipBuilder<'a> {
    chip: Chip<'a>,
    shortcuts: Shortcuts,
    causes: Causes,
}

impl<'a> ChipBuilder<'a> {
    /// A chip without cells; `noise` is that of the instance whose cells it will get.
    pub fn new(design: &'a Design<'a>, noise: Noise, shortcuts: Shortcuts) -> Self {
        let layers = (0..design.layers.len()).map(|_| None).collect();
        let chip = Chip { design, noise, layers, compensation: None };
        Self { chip, shortcuts, causes: Causes::ALL }
    }

    /// Lets only these causes of error act in its converters; its cells have their own.
    #[must_use]
    pub fn with_causes(self, causes: Causes) -> Self {
        Self { causes, ..self }
    }

    /// Gives one layer its cells, programmed for this design or one that differs only behind the cells.
    ///
    /// # Panics
    /// `id` is one of [`Design::layers`].
    pub fn place(&mut self, id: LayerId, cells: &ProgrammedLayer) {
        let (layer, plan) = layer_of(self.chip.design, id);
        let chip = (&self.chip.noise, self.shortcuts, self.causes);
        let placed = chip_layer(self.chip.design, layer, plan, cells, chip);
        self.chip.layers[id.0 as usize] = Some(placed);
    }

    /// The chip.
    ///
    /// # Panics
    /// Every layer of [`Design::layers`] has its cells.
    pub fn finish(self) -> Chip<'a> {
        let complete = self.chip.design.layers().all(|id| self.chip.layers[id.0 as usize].is_some());
        assert!(complete, "a chip whose layers all have cells");
        self.chip
    }
}

impl<'a> Chip<'a> {
    /// Programs every block: targets, programming error, faults. Draws by address from `noise`; give
    /// each chip instance its own ([`Noise::instance`]).
    ///
    /// # Errors
    /// A conductance that is negative or not a number, or wires that cannot be computed.
    pub fn program(design: &'a Design<'a>, noise: Noise, shortcuts: Shortcuts) -> Result<Self, Error> {
        Self::program_with(design, noise, shortcuts, Causes::ALL)
    }

    /// The same with only these causes of error at work.
    ///
    /// # Errors
    /// See [`Chip::program`].
    pub fn program_with(
        design: &'a Design<'a>,
        noise: Noise,
        shortcuts: Shortcuts,
        causes: Causes,
    ) -> Result<Self, Error> {
        let mut chip = ChipBuilder::new(design, noise, shortcuts).with_causes(causes);
        for id in design.layers() {
            chip.place(id, &ProgrammedLayer::program_with(design, id, &noise, causes)?);
        }
        Ok(chip.finish())
    }

    /// The same chip with its answers corrected by what was learned on it; what was there before is forgotten.
    #[must_use]
    pub fn compensated(mut self, mut compensation: Compensation) -> Self {
        for (layer, affine) in self.layers.iter_mut().zip(&mut compensation.layers) {
            if let Some(layer) = layer {
                layer.affine = affine.take();
            }
        }
        self.compensation = Some(compensation);
        self
    }

    /// What keeps its answers right, if anything does.
    pub fn compensation(&self) -> Option<&Compensation> {
        self.compensation.as_ref()
    }

    /// The events that an activity amounts to on this chip, by layer index.
    pub fn events(&self, activity: &Activity) -> Vec<Events> {
        let mut events: Vec<Events> = self
            .layers
            .iter()
            .enumerate()
            .map(|(i, layer)| match (layer, activity.layers.get(i)) {
                (Some(layer), Some(activity)) => {
                    self.design.events(LayerId(i as u32), activity, &layer.row_conductance)
                }
                _ => Events::NONE,
            })
            .collect();
        activity.count_messages(self.design.plan, self.design.hardware, &mut events);
        events
    }

    /// Whether nothing random happened or can happen: every cell sits exactly on its target, no cell can be
    /// faulty, reads and conversions are quiet. All instances of such a chip are the same.
    pub fn is_quiet(&self) -> bool {
        self.design.hardware.faults().is_none() && self.layers.iter().flatten().all(|l| l.quiet)
    }

    /// What writing the chip took: crossbars are written at the same time. One copy of each layer is simulated, and every
    /// other takes as much.
    pub fn writing(&self) -> ChipWriting {
        let mut all = ChipWriting::default();
        for (layer, plan) in self.layers.iter().zip(&self.design.plan.layers) {
            let (Some(layer), Some(plan)) = (layer, plan) else { continue };
            all.written.merge(&layer.writing.written.times(plan.copies as u64));
            all.steps = all.steps.max(layer.writing.steps);
        }
        all
    }

    /// What was done about broken cells.
    pub fn repair(&self) -> Repair {
        let mut all = Repair::default();
        self.layers.iter().flatten().for_each(|layer| all.merge(&layer.repair));
        all
    }

    /// Names of the layers that run on the lossless shortcut.
    pub fn lossless_layers(&self) -> Vec<&str> {
        self.layers
            .iter()
            .zip(&self.design.network.nodes)
            .filter(|(layer, _)| layer.as_ref().is_some_and(|l| l.program.is_none()))
            .map(|(_, node)| node.name.as_str())
            .collect()
    }
}

/// Design and plan of a layer that runs on crossbars.
fn layer_of<'d>(design: &'d Design<'_>, id: LayerId) -> (&'d LayerDesign, &'d LayerPlan) {
    let i = id.0 as usize;
    match (design.layers.get(i).and_then(Option::as_ref), design.plan.layers.get(i).and_then(Option::as_ref))
    {
        (Some(layer), Some(plan)) => (layer, plan),
        _ => panic!("layer {i} is not on crossbars"),
    }
}

/// The fixed-point form of one layer, unless its exact product is the answer.
fn chip_layer(
    design: &Design<'_>,
    layer: &LayerDesign,
    plan: &LayerPlan,
    cells: &ProgrammedLayer,
    (noise, shortcuts, causes): (&Noise, Shortcuts, Causes),
) -> ChipLayer {
    let seen = &cells.seen;
    let mut periphery = Periphery::of(design.hardware);
    let converting;
    let layer = if causes.has(Cause::Rounding) && causes.has(Cause::Clipping) {
        if !causes.has(Cause::Converter) {
            periphery.sigma_lsb = 0.0;
        }
        layer
    } else {
        converting =
            layer.converting(causes, plan.rows_per_read.min(plan.k), design.base_level(), &mut periphery);
        &converting
    };
    let driven = Driven::of(design.hardware, &layer.slices).filter(|_| causes.has(Cause::CurrentLaw));
    // what makes converters differ from uniform ones acts with all that converters do, or not at all
    let whole = [Cause::Converter, Cause::Rounding, Cause::Clipping].iter().all(|&c| causes.has(c));
    let stairs = if whole { layer_stairs(design, layer, plan, noise) } else { None };
    let quiet = periphery.sigma_lsb <= 0.0
        && stairs.is_none()
        && seen.iter().all(|seen| seen.variance.as_slice().is_empty());
    let lossless = quiet
        && shortcuts == Shortcuts::Taken
        && plan
            .blocks
            .iter()
            .zip(&layer.encoded)
            .zip(seen)
            .enumerate()
            .all(|(i, ((block, encoded), seen))| is_lossless(plan, block, encoded, (layer, i), seen));
    ChipLayer {
        program: (!lossless).then(|| layer_program(driven.as_ref(), layer, plan, periphery, stairs, seen)),
        row_conductance: cells.row_conductance.clone(),
        quiet: quiet && cells.on_target,
        writing: cells.writing,
        repair: cells.repair,
        affine: None,
    }
}

/// Whether every conversion passes on the exact integer sum: cells exactly on their levels, grids of
/// one level that no input can leave.
fn is_lossless(
    plan: &LayerPlan,
    block: &Block,
    encoded: &Encoded,
    (layer, i): (&LayerDesign, usize),
    seen: &Seen,
) -> bool {
    let ideal: Vec<Mat<f64>> = encoded.planes.iter().map(|p| p.map(f64::from)).collect();
    if effective(encoded, block.outputs.len(), &ideal, None, 0.0) != seen.levels {
        return false;
    }
    let grids: Vec<Grid> = layer.column_grids(i).collect();
    let digit = layer.slices.iter().map(|s| f64::from(s.max_abs())).fold(0.0, f64::max);
    let negative = layer.slices.iter().any(|s| s.can_be_negative());
    plan.fragments[plan.fragments_of(block)].iter().all(|rows| {
        let (mut above, mut below) = (vec![0.0; grids.len()], vec![0.0; grids.len()]);
        for row in rows.clone() {
            for (c, &v) in seen.levels.row(row - block.rows.start).iter().enumerate() {
                let v = v * digit;
                above[c] += if negative { v.abs() } else { v.max(0.0) };
                below[c] += if negative { -v.abs() } else { v.min(0.0) };
            }
        }
        grids.iter().zip(above.iter().zip(&below)).all(|(grid, (&above, &below))| match grid {
            None => true,
            // sums up to 2^24 are exact in the converter's arithmetic
            Some(g) => {
                g.step.to_bits() == 1f32.to_bits()
                    && above <= f64::from(g.code_max)
                    && below >= f64::from(g.code_min)
                    && above.max(-below) <= f64::from(1 << 24)
            }
        })
    })
}

struct Programmed {
    seen: Seen,
    on_target: bool,
    row_conductance: Vec<f64>,
    writing: ChipWriting,
    repair: Repair,
}

/// What cells hold whose broken ones nobody has told apart yet.
pub(crate) struct HeldCells {
    /// Right after programming, in siemens.
    pub(crate) programmed: Vec<f32>,
    /// When they are read, in siemens.
    pub(crate) g: Vec<f32>,
    /// Write pulses of each.
    pub(crate) pulses: Vec<u32>,
    /// What writing them took.
    pub(crate) written: Written,
}

/// What cells hold that are asked to hold `targets`, with these causes of error at work, but for faults.
pub(crate) fn hold(
    hardware: &Hardware,
    (causes, conditions): (Causes, &Conditions),
    targets: &[f32],
    patch: &Patch<'_>,
) -> HeldCells {
    let device = hardware.device();
    // writes are verified right after programming, whenever the cells are read later
    let fresh = conditions.fresh();
    let alike = ohmic_hardware::variation::none();
    let variation = if causes.has(Cause::Variation) { hardware.variation() } else { alike.as_ref() };
    let mut programmed = targets.to_vec();
    let mut pulses = vec![0; targets.len()];
    let mut written = Written::default();
    if causes.has(Cause::Programming) {
        let writing = Writing { device, variation, conditions: &fresh, patch, targets };
        written = hardware.write().write(writing, &mut programmed, &mut pulses);
    } else {
        variation.apply(&mut programmed, patch);
    }
    let mut g = programmed.clone();
    if causes.has(Cause::Ageing) {
        device.age(&mut g, targets, patch, conditions);
        hardware.rtn().freeze(&mut g, patch);
    }
    HeldCells { programmed, g, pulses, written }
}

/// A chip instance and what disturbs it.
#[derive(Clone, Copy)]
struct Instance<'a> {
    design: &'a Design<'a>,
    noise: &'a Noise,
    causes: Causes,
    conditions: &'a Conditions,
}

/// Programs the cells of one block, planes one after the other, then the dummy column; what its bit lines see
/// of them is what wires leave.
fn program_block(
    chip: Instance<'_>,
    (id, slices): (LayerId, &[InputSlice]),
    plan: &LayerPlan,
    block: &Block,
    encoded: &Encoded,
    wires: &mut LayerWires,
) -> Result<Programmed, Error> {
    let Instance { design, noise, causes, conditions } = chip;
    let hardware = design.hardware;
    let window = hardware.device().window();
    let step = window.step_siemens(1 << hardware.encoding().cell_bits());
    let base = design.base_level();
    let rows = block.rows.len();
    let site = Site { layer: id.0, block: block.id.0 };
    let noisy_reads = causes.has(Cause::Read) && hardware.reads_scatter();
    let mut first = 0u32;
    let mut on_target = true;
    let mut row_conductance = vec![0f64; rows];
    let mut written = Written::default();
    let driven = Driven::of(hardware, slices).filter(|_| causes.has(Cause::CurrentLaw));
    // the conductance that takes the energy of a read
    let v_read = hardware.crossbar().v_read_volt;
    let at_read = |g: f64| driven.as_ref().map_or(g, |d| d.law.chord_siemens(v_read, g));
    let mut block_pulses = BlockPulses::new(rows, block.columns);
    let outputs = block.outputs.len();
    let places = bit_lines(encoded, outputs);
    let has_dummy = hardware.crossbar().dummy_column == DummyColumn::Analog;
    let patch_of = |first, cols, (first_col, col_stride): (usize, usize)| Patch {
        at: Cells { site, first },
        rows,
        cols,
        crossbar: block.crossbar,
        first_row: block.first_row,
        first_col: block.first_col + first_col,
        col_stride,
        noise,
    };
    let seats = (causes.has(Cause::Faults) && !hardware.faults().is_none()).then(|| {
        let columns = Columns { encoded, outputs, has_dummy, level: (window.g_min_siemens, step) };
        let mut shapes: Vec<_> = encoded.planes.iter().zip(&places).map(|(p, &at)| (p.cols(), at)).collect();
        shapes.extend(has_dummy.then_some((1, (block.columns - 1, 1))));
        let mut patches = Vec::with_capacity(shapes.len() + 1);
        let mut first = 0u32;
        for (cols, at) in shapes {
            patches.push((patch_of(first, cols, at), at.0));
            first += (rows * cols) as u32;
        }
        let redundancy = hardware.redundancy();
        if redundancy.spare_columns > 0 {
            let spare = patch_of(first, redundancy.spare_columns, (0, 1));
            patches.push((Patch { first_col: hardware.usable_columns(), ..spare }, block.columns));
        }
        let stick = |g: &mut [f32], patch: &Patch<'_>| hardware.faults().apply(g, window, patch);
        Seats::new(&columns, &patches, redundancy.remap, stick)
    });
    let mut program_plane = |plane: &Mat<u16>, place: (usize, usize)| -> Result<_, Error> {
        let targets: Vec<f32> =
            plane.as_slice().iter().map(|&l| (window.g_min_siemens + f64::from(l) * step) as f32).collect();
        let patch = patch_of(first, plane.cols(), place);
        let HeldCells { mut programmed, mut g, pulses, written: took } =
            hold(hardware, (causes, conditions), &targets, &patch);
        written.merge(&took);
        block_pulses.place(&pulses, plane.cols(), place);
        // a stuck cell holds its value from the beginning and does not age
        if let Some(seats) = &seats {
            seats.stick(&mut programmed, plane.cols(), place);
            seats.stick(&mut g, plane.cols(), place);
        }
        if let Some(cell) = g.iter().position(|v| !v.is_finite() || *v < 0.0) {
            return Err(Error::Conductance {
                layer: plan.name.clone(),
                crossbar: block.crossbar,
                cell: first as usize + cell,
                g_siemens: g[cell],
            });
        }
        first += g.len() as u32;
        on_target &= g.iter().zip(&targets).all(|(g, target)| g.to_bits() == target.to_bits());
        for (sum, g) in row_conductance.iter_mut().zip(g.chunks_exact(plane.cols())) {
            *sum += g.iter().map(|&g| at_read(f64::from(g))).sum::<f64>();
        }
        let levels = g
            .iter()
            .zip(&targets)
            .zip(plane.as_slice())
            .map(|((g, target), &level)| {
                // a cell exactly on its target is exactly on its level, whatever f32 made of siemens
                if g.to_bits() == target.to_bits() { f64::from(level) } else { f64::from(*g) / step - base }
            })
            .collect();
        let variance = noisy_reads.then(|| {
            let of = |cell: usize| {
                let held = Held {
                    g_target_siemens: targets[cell],
                    g_programmed_siemens: programmed[cell],
                    g_siemens: g[cell],
                };
                hardware.read_variance(held, cell, &patch, step)
            };
            Mat::from_vec(plane.rows(), plane.cols(), (0..g.len()).map(of).collect())
        });
        Ok((Mat::from_vec(plane.rows(), plane.cols(), levels), variance))
    };
    let mut levels = Vec::with_capacity(encoded.planes.len());
    let mut variance = Vec::new();
    for (plane, &place) in encoded.planes.iter().zip(&places) {
        let (l, v) = program_plane(plane, place)?;
        levels.push(l);
        variance.extend(v);
    }
    let dummy =
        if has_dummy { Some(program_plane(&Mat::filled(rows, 1, 0), (block.columns - 1, 1))?) } else { None };
    let (dummy, dummy_variance) = dummy.unzip();
    let left_in = if causes.has(Cause::OnOffRatio) { base } else { 0.0 };
    let levels = BlockCells { planes: levels, dummy };
    let variance = BlockCells { planes: variance, dummy: dummy_variance.flatten() };
    let seen =
        wires.seen(plan, block, encoded, (step, base, left_in), driven.as_ref(), (levels, variance))?;
    let writing = ChipWriting { written, steps: block_pulses.steps(hardware.write().spec()) };
    let repair = seats.map_or_else(Repair::default, |seats| seats.repair);
    Ok(Programmed { seen, on_target, row_conductance, writing, repair })
}
