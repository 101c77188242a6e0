//! The epilogue of a read: noise, conversion, digital gain.

use super::{level, scalar};
use crate::quantize::Uniform;

/// The digital gain of the codes of one read.
#[derive(Clone, Copy, Debug)]
pub enum Gains<'a> {
    /// The same for every column.
    All(i32),
    /// One a column.
    Each(&'a [i32]),
}

#[inline(always)]
fn body(
    sums: &[i32],
    scale: f32,
    noise: Option<&[f32]>,
    quantizer: Uniform,
    gains: Gains<'_>,
    codes: &mut [i32],
) -> u32 {
    // each combination is its own loop, so that each vectorises
    match (noise, gains) {
        (None, Gains::All(g)) => scalar::convert_add(sums, scale, |_| 0.0, quantizer, |_| g, codes),
        (None, Gains::Each(g)) => scalar::convert_add(sums, scale, |_| 0.0, quantizer, |i| g[i], codes),
        (Some(z), Gains::All(g)) => scalar::convert_add(sums, scale, |i| z[i], quantizer, |_| g, codes),
        (Some(z), Gains::Each(g)) => scalar::convert_add(sums, scale, |i| z[i], quantizer, |i| g[i], codes),
    }
}

by_level! {
    fn levelled(sums: &[i32], scale: f32, noise: Option<&[f32]>, quantizer: Uniform, gains: Gains<'_>, codes: &mut [i32]) -> u32 = body
}

/// Converts the sums of one read and adds `gain · code` to `accumulator`; returns how many clipped.
///
/// Model: `code = clamp(round_ties_even((sum · scale + noise) / step))`, see [`Uniform::code`].
/// Units: `scale` is levels per unit of `sums`; `noise` and the quantizer's step are in levels.
///
/// # Panics
/// All slices have `sums.len()` entries.
pub fn convert_add(
    sums: &[i32],
    scale: f32,
    noise: Option<&[f32]>,
    quantizer: Uniform,
    gains: Gains<'_>,
    accumulator: &mut [i32],
) -> u32 {
    let n = sums.len();
    assert_eq!(accumulator.len(), n, "one accumulator a column");
    assert!(noise.is_none_or(|z| z.len() == n), "one deviate a column");
    assert!(!matches!(gains, Gains::Each(g) if g.len() != n), "one gain a column");
    levelled(level(), sums, scale, noise, quantizer, gains, accumulator)
}

by_level! {
    fn squares(x: &[i16], v: &[f32], width: usize, out: &mut [f32]) -> () = scalar::add_squares
}

/// Adds to `out` the variance of a read: `sum_i x_i² · v[i][c]`, `v` row-major `x.len() × out.len()`.
///
/// # Panics
/// `v.len() == x.len() * out.len()`.
pub fn add_squares(x: &[i16], v: &[f32], out: &mut [f32]) {
    assert_eq!(v.len(), x.len() * out.len(), "one variance a cell");
    squares(level(), x, v, out.len(), out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Level;

    /// The quantizer's own `code` and `clips`, column by column, on every level of this machine.
    #[test]
    fn all_levels_equal_the_quantizer() {
        for n in [0usize, 1, 7, 15, 16, 17, 33, 100] {
            let sums: Vec<i32> = (0..n).map(|i| (i as i32 * 7919) % 5000 - 1500).collect();
            let noise: Vec<f32> = (0..n).map(|i| ((i * 31) % 17) as f32 * 0.37 - 3.0).collect();
            let each: Vec<i32> = (0..n).map(|i| if i % 3 == 0 { -1 } else { 4 }).collect();
            for quantizer in [Uniform::unsigned(6, 1.7), Uniform::signed(5, 0.9), Uniform::unsigned(20, 1.0)]
            {
                for z in [None, Some(&noise[..])] {
                    for gains in [Gains::All(3), Gains::Each(&each)] {
                        let (mut want, mut clips) = (vec![5i32; n], 0u32);
                        for i in 0..n {
                            let p = sums[i] as f32 * 0.25 + z.map_or(0.0, |z| z[i]);
                            let gain = if let Gains::Each(g) = gains { g[i] } else { 3 };
                            want[i] += gain * quantizer.code(p);
                            clips += u32::from(quantizer.clips(p));
                        }
                        for level in Level::available() {
                            let mut got = vec![5i32; n];
                            let c = levelled(level, &sums, 0.25, z, quantizer, gains, &mut got);
                            assert_eq!(
                                (got, c),
                                (want.clone(), clips),
                                "{} n {n} {quantizer:?}",
                                level.name()
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn variances_are_the_same_bits_on_all_levels() {
        let x: Vec<i16> = (0..37).map(|i| (i * 5 % 7) as i16).collect();
        let v: Vec<f32> = (0..37 * 21).map(|i| (i as f32 * 0.1).sqrt()).collect();
        let mut want = vec![0.5f32; 21];
        for i in 0..37 {
            for c in 0..21 {
                want[c] += f32::from(x[i]) * f32::from(x[i]) * v[i * 21 + c];
            }
        }
        for level in Level::available() {
            let mut got = vec![0.5f32; 21];
            squares(level, &x, &v, 21, &mut got);
            assert_eq!(
                got.iter().map(|v| v.to_bits()).collect::<Vec<_>>(),
                want.iter().map(|v| v.to_bits()).collect::<Vec<_>>()
            );
        }
    }
}
