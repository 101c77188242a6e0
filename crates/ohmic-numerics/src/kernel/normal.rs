//! Normal deviates for runs of consecutive cells.

use super::{level, scalar};
use crate::noise::{philox4x32_10, quad_normals};

by_level! {
    fn quads(key: [u32; 2], place: [u32; 3], first_quad: u32, out: &mut [f32]) -> () = scalar::normal_quads
}

/// See [`crate::Noise::fill_normal`]. `place` holds counter words 1 to 3.
pub(crate) fn fill_normal(key: [u32; 2], place: [u32; 3], first: u32, out: &mut [f32]) {
    let single = |quad: u32| quad_normals(philox4x32_10([quad, place[0], place[1], place[2]], key));
    let lead = ((4 - first % 4) % 4).min(out.len() as u32) as usize;
    let (head, rest) = out.split_at_mut(lead);
    if lead > 0 {
        let from = (first % 4) as usize;
        head.copy_from_slice(&single(first / 4)[from..from + lead]);
    }
    let (body, tail) = rest.split_at_mut(rest.len() / 4 * 4);
    let first_quad = (first + lead as u32) / 4;
    if !body.is_empty() {
        quads(level(), key, place, first_quad, body);
    }
    if !tail.is_empty() {
        let n = tail.len();
        tail.copy_from_slice(&single(first_quad + (body.len() / 4) as u32)[..n]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Level;

    #[test]
    fn all_levels_give_the_same_bits() {
        let mut want = vec![0.0; 4 * 1000];
        quads(Level::Scalar, [1, 2], [3, 4, 5], u32::MAX - 100, &mut want);
        for level in Level::available() {
            let mut got = vec![0.0; want.len()];
            quads(level, [1, 2], [3, 4, 5], u32::MAX - 100, &mut got);
            assert!(got.iter().zip(&want).all(|(a, b)| a.to_bits() == b.to_bits()), "{}", level.name());
        }
    }
}
