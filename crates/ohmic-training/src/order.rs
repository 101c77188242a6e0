//! In which order samples are seen, and how they are moved: by address, so that a resumed run sees the
//! same.

use ohmic_numerics::{Noise, Purpose, Site};

/// Block of the addresses of weights before training; the layer is the layer's index.
pub(crate) const WEIGHTS: u32 = 0;
/// Block of the addresses of the order of samples; the layer is the epoch.
const ORDER: u32 = 1;
/// Block of the addresses of shifts; the layer is the epoch, the cell the sample.
const SHIFT: u32 = 2;

/// A whole number below `n`, nearly uniform for `n` far below 2^32.
fn below(bits: u32, n: usize) -> usize {
    ((u64::from(bits) * n as u64) >> 32) as usize
}

/// The order in which an epoch sees `n` samples (Fisher-Yates).
pub(crate) fn shuffled(noise: &Noise, epoch: u32, n: usize) -> Vec<u32> {
    let site = Site { layer: epoch, block: ORDER };
    let mut order: Vec<u32> = (0..n as u32).collect();
    for i in (1..n).rev() {
        let j = below(noise.bits(Purpose::Training, site, 0, i as u32), i + 1);
        order.swap(i, j);
    }
    order
}

/// How far a sample is moved in an epoch, down and to the right: each within `-reach..=reach`.
pub(crate) fn shift(noise: &Noise, epoch: u32, sample: u32, reach: u32) -> [isize; 2] {
    let site = Site { layer: epoch, block: SHIFT };
    [0, 1].map(|draw| {
        let bits = noise.bits(Purpose::Training, site, draw, sample);
        below(bits, 2 * reach as usize + 1) as isize - reach as isize
    })
}

/// Copies a sample of `channels × height × width` moved down and to the right; what moves in repeats
/// the edge.
pub(crate) fn copy_shifted(
    from: &[f32],
    [height, width]: [usize; 2],
    [down, right]: [isize; 2],
    to: &mut [f32],
) {
    let plane = height * width;
    let source = |at: usize, by: isize, end: usize| (at as isize - by).clamp(0, end as isize - 1) as usize;
    for (from, to) in from.chunks_exact(plane).zip(to.chunks_exact_mut(plane)) {
        for (y, row) in to.chunks_exact_mut(width).enumerate() {
            let line = &from[source(y, down, height) * width..][..width];
            for (x, value) in row.iter_mut().enumerate() {
                *value = line[source(x, right, width)];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ohmic_numerics::Seed;

    #[test]
    fn every_sample_once_an_epoch() {
        let noise = Noise::new(Seed(4));
        let (a, b) = (shuffled(&noise, 0, 100), shuffled(&noise, 1, 100));
        assert_ne!(a, b);
        let mut sorted = a.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..100).collect::<Vec<u32>>());
    }

    #[test]
    fn shifts_cover_their_reach() {
        let noise = Noise::new(Seed(4));
        let mut seen = std::collections::BTreeSet::new();
        for sample in 0..1000 {
            seen.insert(shift(&noise, 0, sample, 1));
        }
        assert_eq!(seen.len(), 9);
    }

    #[test]
    fn shifted_by_hand() {
        let mut out = vec![0.0; 6];
        let sample = [1., 2., 3., 4., 5., 6.];
        // 1 2 3 / 4 5 6 one down and one to the right: 1 1 2 / 1 1 2
        copy_shifted(&sample, [2, 3], [1, 1], &mut out);
        assert_eq!(out, [1., 1., 2., 1., 1., 2.]);
        copy_shifted(&sample, [2, 3], [0, -2], &mut out);
        assert_eq!(out, [3., 3., 3., 6., 6., 6.]);
    }
}
