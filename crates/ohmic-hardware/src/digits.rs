//! Cutting integers into the digits that cells hold, shared by the encodings.

use crate::encoding::{EncodeError, Encoded, Gain, Readout, Sign};
use ohmic_numerics::{Mat, MatRef};

/// One digit of an integer: `bits` bits from `shift`, worth `gain` each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Digit {
    pub(crate) shift: u32,
    pub(crate) bits: u32,
    pub(crate) gain: i64,
}

impl Digit {
    /// The digit of `u`.
    pub(crate) fn of(&self, u: u32) -> u16 {
        (u >> self.shift) as u16 & self.max()
    }

    /// The largest digit.
    pub(crate) fn max(&self) -> u16 {
        ((1u32 << self.bits) - 1) as u16
    }
}

/// The digits of integers of `width` bits, lowest first; the last has the bits that remain.
pub(crate) fn digits(width: u32, cell_bits: u32) -> Vec<Digit> {
    (0..width)
        .step_by(cell_bits as usize)
        .map(|shift| Digit { shift, bits: cell_bits.min(width - shift), gain: 1 << shift })
        .collect()
}

/// The integers of `k x n` weights after `f`, which says why it has none for a weight.
pub(crate) fn integers(
    weights: MatRef<'_, i32>,
    rows_per_read: usize,
    mut f: impl FnMut(i32) -> Result<u32, String>,
) -> Result<Mat<u32>, EncodeError> {
    let mut out = Vec::with_capacity(weights.rows() * weights.cols());
    for row in 0..weights.rows() {
        for (column, &weight) in weights.row(row).iter().enumerate() {
            out.push(f(weight).map_err(|problem| EncodeError::Weight {
                weight,
                row,
                column,
                fragment: row / rows_per_read,
                problem,
            })?);
        }
    }
    Ok(Mat::from_vec(weights.rows(), weights.cols(), out))
}

/// `weight` if it lies in the symmetric range of `weight_bits` bits.
pub(crate) fn symmetric(weight: i32, weight_bits: u32) -> Result<i32, String> {
    let top = (1i32 << (weight_bits - 1)) - 1;
    if weight.abs() <= top {
        Ok(weight)
    } else {
        Err(format!("not in -{top} to {top}, which {weight_bits} bits with sign can hold"))
    }
}

/// The bit pattern of `weight` in two's complement of `weight_bits` bits.
pub(crate) fn twos_complement(weight: i32, weight_bits: u32) -> Result<u32, String> {
    let half = 1i32 << (weight_bits - 1);
    if (-half..half).contains(&weight) {
        Ok(weight as u32 & ((1u32 << weight_bits) - 1))
    } else {
        Err(format!("not in -{half} to {}, which {weight_bits} bits in two's complement can hold", half - 1))
    }
}

/// Who adds up the inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InputSum {
    /// A column of cells of level 1 on every crossbar.
    UnitColumn,
    /// An exact digital adder.
    Digital,
}

/// Which columns store `max - level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flip {
    /// None.
    Never,
    /// Those whose levels of a read sum up to more than half of the largest sum.
    WhenLarge,
}

/// Planes of levels of which each is converted alone, and what they need of the sum of inputs:
/// `y = sum_digit gain * sum x level - bias * sum x`.
pub(crate) fn unsigned_planes(
    integers: &[Mat<u32>],
    digits: &[(usize, Digit)],
    bias: i64,
    input_sum: InputSum,
    flip: Flip,
    rows_per_read: usize,
) -> Encoded {
    let (k, n) = (integers[0].rows(), integers[0].cols());
    let fragments = k.div_ceil(rows_per_read);
    let mut planes = Vec::with_capacity(digits.len() + 1);
    let mut readouts = Vec::with_capacity(digits.len() + 1);
    let mut unit_gain = Mat::filled(fragments, n, -bias);
    for (which, digit) in digits {
        let mut plane = integers[*which].map(|u| digit.of(u));
        let max = digit.max();
        let (gain, level_high) = match flip {
            Flip::Never => (Gain::All(digit.gain), f64::from(max)),
            Flip::WhenLarge => {
                let mut gain = Mat::filled(fragments, n, digit.gain);
                for fragment in 0..fragments {
                    let rows = fragment * rows_per_read..((fragment + 1) * rows_per_read).min(k);
                    for c in 0..n {
                        let sum: u64 = rows.clone().map(|r| u64::from(plane[(r, c)])).sum();
                        if 2 * sum > rows.len() as u64 * u64::from(max) {
                            // sum x l = max sum x - sum x (max - l)
                            rows.clone().for_each(|r| plane[(r, c)] = max - plane[(r, c)]);
                            gain[(fragment, c)] = -digit.gain;
                            unit_gain[(fragment, c)] += digit.gain * i64::from(max);
                        }
                    }
                }
                (Gain::PerFragment(gain), f64::from(max) / 2.0)
            }
        };
        readouts.push(Readout { terms: vec![(planes.len(), Sign::Plus)], gain, level_low: 0.0, level_high });
        planes.push(plane);
    }
    let mut input_sum_scale = vec![0; n];
    match input_sum {
        InputSum::Digital => input_sum_scale.fill(-bias),
        InputSum::UnitColumn => {
            let gain = match flip {
                Flip::Never => Gain::All(-bias),
                Flip::WhenLarge => Gain::PerFragment(unit_gain),
            };
            let terms = vec![(planes.len(), Sign::Plus)];
            readouts.push(Readout { terms, gain, level_low: 0.0, level_high: 1.0 });
            planes.push(Mat::filled(k, 1, 1));
        }
    }
    Encoded { planes, readouts, input_sum_scale }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hand: 7 bits in cells of 3 are 3 + 3 + 1; 0b1_011_110 has digits 6, 3, 1.
    #[test]
    fn digits_with_a_remainder() {
        let d = digits(7, 3);
        assert_eq!(
            d.iter().map(|d| (d.shift, d.bits, d.gain)).collect::<Vec<_>>(),
            [(0, 3, 1), (3, 3, 8), (6, 1, 64)]
        );
        assert_eq!(d.iter().map(|d| d.of(0b1_011_110)).collect::<Vec<_>>(), [6, 3, 1]);
    }

    /// Hand: levels 3, 3, 0 of a 2-bit column sum to 6 > 3 * 3 / 2, so it stores 0, 0, 3 with gain
    /// -1, and 3 is added to the gain of the unit column; levels 1, 1, 1 stay.
    #[test]
    fn flips_only_large_columns() {
        let u = Mat::from_vec(3, 2, vec![3, 1, 3, 1, 0, 1]);
        let e = unsigned_planes(&[u], &[(0, digits(2, 2)[0])], 2, InputSum::UnitColumn, Flip::WhenLarge, 3);
        assert_eq!(e.planes[0].as_slice(), [0, 1, 0, 1, 3, 1]);
        assert_eq!((e.readouts[0].gain.at(0, 0), e.readouts[0].gain.at(0, 1)), (-1, 1));
        assert_eq!((e.readouts[1].gain.at(0, 0), e.readouts[1].gain.at(0, 1)), (1, -2));
    }
}
