//! Cells whose current is not proportional to their voltage.
//!
//! One bit a step: every driven row is at the read voltage, where a cell is as good as a linear one of
//! conductance `I(v, g) / v`. More bits: each voltage of the driver has a matrix of its own, and a read is the
//! sum over them: a row becomes one row a voltage, of which at most one is driven, with one bit. So the
//! engines compute it as they are, with as many times the rows as there are voltages.

use crate::design::LayerDesign;
use crate::fix::{Periphery, Seen, program};
use crate::program::LayerProgram;
use crate::stairs::LayerStairs;
use ohmic_hardware::Hardware;
use ohmic_hardware::dac::{InputSlice, Part};
use ohmic_hardware::device::CurrentLaw;
use ohmic_mapping::LayerPlan;
use ohmic_numerics::Mat;
use ohmic_numerics::kernel::engine::{Values, Vectors};
use ohmic_numerics::wires::CellCurrent;
use std::ops::Range;
use std::sync::Arc;

/// The law of a layer's cells at the voltages of its driver.
#[derive(Clone, Debug)]
pub(crate) struct Driven<'a> {
    pub(crate) law: &'a dyn CurrentLaw,
    /// Voltage of a digit of 1.
    v_lsb: f64,
    /// The digits other than 0 that a row can be driven with.
    digits: Vec<i32>,
}

impl<'a> Driven<'a> {
    /// Of a layer with these input slices; `None` if its cells are linear.
    pub(crate) fn of(hardware: &'a Hardware, slices: &[InputSlice]) -> Option<Self> {
        let law = hardware.device().current_law()?;
        let most = slices.iter().map(InputSlice::max_abs).max().unwrap_or(1);
        let full = ((1u64 << hardware.dac().bits()) - 1) as f64;
        let mut digits: Vec<i32> = (1..=most).collect();
        if slices.iter().any(InputSlice::can_be_negative) {
            digits.extend((1..=most).map(|d| -d));
        }
        Some(Self { law, v_lsb: hardware.crossbar().v_read_volt / full, digits })
    }

    /// The digits that have a matrix of their own.
    pub(crate) fn digits(&self) -> &[i32] {
        &self.digits
    }

    /// The voltage that a row is driven with.
    pub(crate) fn volt(&self, digit: i32) -> f64 {
        f64::from(digit) * self.v_lsb
    }

    /// The law as solvers of networks take it.
    pub(crate) fn current(&self, volt: f64, siemens: f64) -> CellCurrent {
        CellCurrent {
            ampere: self.law.current_ampere(volt, siemens),
            slope_siemens: self.law.slope_siemens(volt, siemens),
        }
    }

    /// The level of a linear cell of the same current at a digit's voltage, and how much that current is of the
    /// linear one; `step` and `base` as in [`crate::wires::LayerWires::act`].
    pub(crate) fn level(&self, digit: i32, level: f64, (step, base): (f64, f64)) -> (f64, f64) {
        // rounding may leave a cell at nothing just below it
        let g = ((level + base) * step).max(0.0);
        let chord = self.law.chord_siemens(self.volt(digit), g);
        if chord.to_bits() == g.to_bits() {
            return (level, 1.0);
        }
        (chord / step - base, if g > 0.0 { chord / g } else { 1.0 })
    }

    /// How rows are spread for the engines; `None` if there is one matrix only.
    pub(crate) fn spread(&self, slices: &[InputSlice]) -> Option<Spread> {
        (self.digits.len() > 1).then(|| Spread::new(&self.digits, slices))
    }

    /// The largest current that any cell has, as a factor on that of a linear one.
    pub(crate) fn most(&self, levels: u32, (step, base): (f64, f64)) -> f64 {
        let all = (0..levels).flat_map(|l| self.digits.iter().map(move |&d| (l, d)));
        all.map(|(l, d)| self.level(d, f64::from(l), (step, base)).1).fold(1.0, f64::max)
    }
}

/// Puts the matrices of all digits into one: row after row, in each the digits one after the other, each
/// weighed with its digit.
pub(crate) fn interleaved(digits: &[i32], matrices: Vec<Seen>) -> Seen {
    if let ([1], 1) = (digits, matrices.len()) {
        return matrices.into_iter().next().unwrap_or_else(|| unreachable!("there is one"));
    }
    let of = |part: fn(&Seen) -> &Mat<f64>, power: i32| {
        let first = part(&matrices[0]);
        Mat::from_fn(first.rows() * digits.len(), first.cols(), |row, c| {
            let (row, at) = (row / digits.len(), row % digits.len());
            f64::from(digits[at]).powi(power) * part(&matrices[at])[(row, c)]
        })
    };
    Seen { levels: of(|s| &s.levels, 1), variance: of(|s| &s.variance, 2) }
}

/// How the rows of a layer become rows for each voltage, driven with one bit a step.
#[derive(Clone, Debug)]
pub(crate) struct Spread {
    /// Rows that one becomes.
    pub(crate) rows: usize,
    /// Largest digit; digits below 0 come behind those above it.
    most: i32,
    slices: Vec<InputSlice>,
    /// Which bit of a row's new input stands for each slice.
    bits: Vec<i32>,
}

/// Memory for vectors that are spread.
#[derive(Debug, Default)]
pub(crate) struct SpreadVectors {
    bytes: Vec<u8>,
    words: Vec<i32>,
}

impl Spread {
    fn new(digits: &[i32], slices: &[InputSlice]) -> Self {
        let mut next = [0u32; 2];
        let bits = slices.iter().map(|s| {
            // an input has either positive or negative steps: the latter make a negative number
            let is_negative = s.part == Part::Negative;
            let shift = next[usize::from(is_negative)];
            next[usize::from(is_negative)] += 1;
            if is_negative { -(1 << shift) } else { 1 << shift }
        });
        let most = digits.iter().copied().max().unwrap_or(1);
        Self { rows: digits.len(), most, bits: bits.collect(), slices: slices.to_vec() }
    }

    /// The steps of the new inputs: the same ones, one bit each.
    fn steps(&self) -> Vec<InputSlice> {
        let one = |(s, bit): (&InputSlice, &i32)| InputSlice {
            part: if s.part == Part::Signed { Part::Bits } else { s.part },
            shift: bit.unsigned_abs().trailing_zeros(),
            bits: 1,
            gain: s.gain,
        };
        self.slices.iter().zip(&self.bits).map(one).collect()
    }

    /// Whether no new input is negative.
    fn is_unsigned(&self) -> bool {
        self.bits.iter().all(|&b| b > 0)
    }

    /// Which of a row's new rows a digit drives.
    fn place(&self, digit: i32) -> usize {
        (if digit > 0 { digit - 1 } else { self.most - 1 - digit }) as usize
    }

    /// The range of rows that some rows become.
    fn range(&self, rows: &Range<usize>) -> Range<usize> {
        rows.start * self.rows..rows.end * self.rows
    }

    /// The inputs of the new rows.
    pub(crate) fn vectors<'b>(&self, from: Vectors<'_>, buffers: &'b mut SpreadVectors) -> Vectors<'b> {
        let k = from.k * self.rows;
        let stride = k.next_multiple_of(64);
        let len = from.count() * stride;
        if self.is_unsigned() && self.bits.iter().all(|&b| b < 256) {
            buffers.bytes.clear();
            buffers.bytes.resize(len, 0);
            self.fill(from, stride, |at, bit| buffers.bytes[at] |= bit as u8);
            return Vectors { values: Values::Bytes(&buffers.bytes), k, stride };
        }
        buffers.words.clear();
        buffers.words.resize(len, 0);
        self.fill(from, stride, |at, bit| buffers.words[at] += bit);
        Vectors { values: Values::Words(&buffers.words), k, stride }
    }

    fn fill(&self, from: Vectors<'_>, stride: usize, mut add: impl FnMut(usize, i32)) {
        for vector in 0..from.count() {
            for row in 0..from.k {
                let x = from.at(vector, row);
                if x == 0 {
                    continue;
                }
                for (slice, &bit) in self.slices.iter().zip(&self.bits) {
                    let digit = slice.digit(x);
                    if digit != 0 {
                        add(vector * stride + row * self.rows + self.place(digit), bit);
                    }
                }
            }
        }
    }

    /// A layer's plan with its rows spread.
    fn plan(&self, plan: &LayerPlan) -> LayerPlan {
        let mut spread = plan.clone();
        spread.k *= self.rows;
        spread.rows_per_read *= self.rows;
        spread.fragments.iter_mut().for_each(|f| *f = self.range(f));
        spread.blocks.iter_mut().for_each(|b| b.rows = self.range(&b.rows));
        spread
    }
}

/// The fixed-point form of a layer from what its converters see, rows spread where cells are not linear.
pub(crate) fn layer_program(
    driven: Option<&Driven<'_>>,
    layer: &LayerDesign,
    plan: &LayerPlan,
    periphery: Periphery,
    stairs: Option<LayerStairs>,
    seen: &[Seen],
) -> LayerProgram {
    let spread = driven.and_then(|driven| driven.spread(&layer.slices));
    let Some(spread) = spread else { return program(layer, plan, periphery, stairs, seen) };
    let steps = layer.with_steps(spread.steps(), spread.is_unsigned());
    let program = program(&steps, &spread.plan(plan), periphery, stairs, seen);
    LayerProgram { spread: Some(Arc::new(spread)), ..program }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(part: Part, shift: u32, bits: u32, gain: i64) -> InputSlice {
        InputSlice { part, shift, bits, gain }
    }

    /// Hand: 13 = 1101b in two steps of 2 bits: digits 1 and 3. Its three rows (for 1, 2, 3) get bit 0 in the first
    /// and bit 1 in the third. -13 in two passes: no positive step, negative ones: -1 and -2. A signed drive of 4
    /// bits has rows 1..15 and then -1..-15: 13 is in row 12, -13 in row 27.
    #[test]
    fn rows_by_hand() {
        let spread_of = |slices: &[InputSlice], digits: &[i32], x: i32| {
            let spread = Spread::new(digits, slices);
            let mut buffers = SpreadVectors::default();
            let x = [x];
            let from = Vectors { values: Values::Words(&x), k: 1, stride: 1 };
            let to = spread.vectors(from, &mut buffers);
            (0..digits.len()).map(|i| to.at(0, i)).collect::<Vec<_>>()
        };
        let bits = [slice(Part::Bits, 0, 2, 1), slice(Part::Bits, 2, 2, 4)];
        assert_eq!(spread_of(&bits, &[1, 2, 3], 13), [1, 0, 2]);
        let passes = [
            slice(Part::Positive, 0, 2, 1),
            slice(Part::Positive, 2, 2, 4),
            slice(Part::Negative, 0, 2, -1),
            slice(Part::Negative, 2, 2, -4),
        ];
        assert_eq!(spread_of(&passes, &[1, 2, 3], 13), [1, 0, 2]);
        assert_eq!(spread_of(&passes, &[1, 2, 3], -13), [-1, 0, -2]);
        let digits: Vec<i32> = (1..=15).chain((1..=15).map(|d| -d)).collect();
        let signed = [slice(Part::Signed, 0, 4, 1)];
        for (x, at) in [(13, 12), (-13, 27)] {
            let rows = spread_of(&signed, &digits, x);
            assert!(rows.iter().enumerate().all(|(i, &r)| r == i32::from(i == at)), "{rows:?}");
        }
    }

    /// Steps of the new inputs give back the digits: the sum over a row's new rows of digit times bit.
    #[test]
    fn new_steps_drive_the_same_digits() {
        let signed = [slice(Part::Signed, 0, 3, 1), slice(Part::Signed, 3, 3, 8)];
        let digits: Vec<i32> = (1..=7).chain((1..=7).map(|d| -d)).collect();
        let spread = Spread::new(&digits, &signed);
        let mut buffers = SpreadVectors::default();
        let x: Vec<i32> = (-63..64).collect();
        let from = Vectors { values: Values::Words(&x), k: 1, stride: 1 };
        let to = spread.vectors(from, &mut buffers);
        for (vector, &x) in x.iter().enumerate() {
            for (step, slice) in spread.steps().iter().zip(&signed) {
                let sum: i32 = digits.iter().enumerate().map(|(i, d)| d * step.digit(to.at(vector, i))).sum();
                assert_eq!(sum, slice.digit(x), "{x}");
            }
        }
    }
}
