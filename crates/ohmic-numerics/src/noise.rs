//! Random numbers by address: a value is a pure function of seed, purpose, place, draw and cell.
//!
//! The generator is Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as
//! 1, 2, 3", SC 2011), checked against the authors' known answers. Nothing here has state, so
//! threads, batch size, order and resuming cannot change a draw. Words become normal deviates by
//! Box-Muller on fixed `f32` polynomials, the same bits on every machine and at every SIMD width.
//! There are two such transforms:
//!
//! * [`Noise::normal`] and [`Noise::fill_normal`], of additions, multiplications, a division and a
//!   square root: for what is drawn once. Generated data sets are pinned to their bits.
//! * [`Noise::deviate`], of fused multiply-adds and a square root, twice as fast: for conversions,
//!   of which a network has billions.
//!
//! The smallest uniform is 2^-33, so no deviate is beyond sqrt(66 ln 2) = 6.764; of a true normal
//! distribution 1.3e-11 is. The tails are those of that distribution to 4e-5 of themselves at 5.5
//! sigma, 0.12 % at 6 and 1.3 % at 6.5 (tested in `kernel/engine/statistics.rs`).

/// The root of all randomness of one run. Required in every run and sweep file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Seed(pub u64);

/// The physical cause that a number is drawn for. One cause switched off leaves the others' draws
/// as they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Purpose {
    /// Device-to-device spread, once a chip.
    Device = 1,
    /// Programming error, once a programming.
    Program = 2,
    /// Drift and retention, once an elapsed time.
    Age = 3,
    /// Read noise, once an MVM.
    Read = 4,
    /// Converter noise, once a conversion.
    Converter = 5,
    /// Stuck cells, once a chip.
    Fault = 6,
    /// Algorithm-level noise on MVM outputs.
    Output = 7,
    /// Bit flips of stored words.
    Storage = 8,
    /// Weights before training, order of samples, augmentation.
    Training = 9,
    /// Generated data sets.
    Data = 10,
    /// Noise of the reads that look whether a cell was written well, once a pulse.
    Verify = 11,
}

/// Where in the machine a number is drawn: layer and block (or any two indices that name a place).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Site {
    /// Layer index, below 2^24.
    pub layer: u32,
    /// Block index within the layer.
    pub block: u32,
}

/// The address of a run of consecutive cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cells {
    /// Layer and block.
    pub site: Site,
    /// Index of the first cell.
    pub first: u32,
}

/// A source of random numbers by address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noise {
    key: [u32; 2],
}

/// One Philox4x32-10 block: four words, a pure function of counter and key.
#[inline(always)]
pub fn philox4x32_10(mut c: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let (mut k0, mut k1) = (key[0], key[1]);
    for _ in 0..10 {
        let p0 = u64::from(c[0]) * 0xD251_1F53;
        let p1 = u64::from(c[2]) * 0xCD9E_8D57;
        c = [(p1 >> 32) as u32 ^ c[1] ^ k0, p1 as u32, (p0 >> 32) as u32 ^ c[3] ^ k1, p0 as u32];
        k0 = k0.wrapping_add(0x9E37_79B9);
        k1 = k1.wrapping_add(0xBB67_AE85);
    }
    c
}

impl Noise {
    pub(crate) fn key(&self) -> [u32; 2] {
        self.key
    }

    /// The source that belongs to a seed.
    pub fn new(seed: Seed) -> Self {
        Self { key: [seed.0 as u32, (seed.0 >> 32) as u32] }
    }

    /// An independent source for one instance (a chip, a trial): the key is hashed with the index.
    pub fn instance(&self, index: u32) -> Self {
        let w = philox4x32_10([index, 0x6f68_6d69, 0x6363_6869, 0x7000_0000], self.key);
        Self { key: [w[0], w[1]] }
    }

    #[inline(always)]
    fn block(&self, purpose: Purpose, at: Site, draw: u32, quad: u32) -> [u32; 4] {
        let high = (purpose as u32) << 24 | (at.layer & 0x00ff_ffff);
        philox4x32_10([quad, draw, at.block, high], self.key)
    }

    /// 32 uniformly random bits at an address.
    pub fn bits(&self, purpose: Purpose, at: Site, draw: u32, cell: u32) -> u32 {
        self.block(purpose, at, draw, cell >> 2)[(cell & 3) as usize]
    }

    /// A uniform deviate in the open interval (0, 1) at an address.
    pub fn uniform(&self, purpose: Purpose, at: Site, draw: u32, cell: u32) -> f64 {
        (f64::from(self.bits(purpose, at, draw, cell)) + 0.5) * (1.0 / 4_294_967_296.0)
    }

    /// A standard normal deviate at an address. Cell `4q + i` is the i-th of the four deviates that
    /// Box-Muller makes of counter `q`, so [`Noise::fill_normal`] gives the same values.
    pub fn normal(&self, purpose: Purpose, at: Site, draw: u32, cell: u32) -> f32 {
        quad_normals(self.block(purpose, at, draw, cell >> 2))[(cell & 3) as usize]
    }

    /// The standard normal deviate of a conversion, see [`crate::kernel::engine::deviate_number`] for its number.
    /// The fast transform: other bits than those of [`Noise::normal`], the same distribution.
    pub fn deviate(&self, at: Site, draw: u32, number: u32) -> f32 {
        quad_deviates(self.block(Purpose::Converter, at, draw, number >> 2))[(number & 3) as usize]
    }

    /// Standard normal deviates for consecutive cells from `at.first`.
    pub fn fill_normal(&self, purpose: Purpose, at: Cells, draw: u32, out: &mut [f32]) {
        let high = (purpose as u32) << 24 | (at.site.layer & 0x00ff_ffff);
        crate::kernel::fill_normal(self.key, [draw, at.site.block, high], at.first, out);
    }
}

/// ln(x) for x in (0, 1]: exponent and mantissa apart, then the series of atanh. Error below 2e-7.
#[inline(always)]
pub(crate) fn ln_unit(x: f32) -> f32 {
    let bits = x.to_bits();
    // mantissa in [sqrt(1/2), sqrt(2))
    let shifted = bits.wrapping_sub(0x3f35_04f3);
    let exponent = (shifted as i32) >> 23;
    let mantissa = f32::from_bits((shifted & 0x007f_ffff).wrapping_add(0x3f35_04f3));
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let z = s * s;
    // 2 atanh(s) = 2 s (1 + z/3 + z^2/5 + z^3/7 + z^4/9), |s| < 0.1716
    let series = 2.0 + z * (0.666_666_7 + z * (0.4 + z * (0.285_714_3 + z * 0.222_222_22)));
    exponent as f32 * std::f32::consts::LN_2 + s * series
}

// the coefficients are written as the decimal that names each f32, pi among them
#[allow(clippy::approx_constant, clippy::excessive_precision)]
/// (cos, sin) of pi * t for t in [-1, 1), by Taylor polynomials on |f| <= 1/2 with the sign of the
/// half turn taken off. Error below 4e-7.
#[inline(always)]
pub(crate) fn cos_sin_pi(t: f32) -> (f32, f32) {
    // the nearest integer of t is -1, 0 or 1
    let n = (if t > 0.5 { 1.0 } else { 0.0 }) - (if t < -0.5 { 1.0 } else { 0.0f32 });
    let f = t - n;
    let z = f * f;
    // pi^k / k!
    let sin = f
        * (3.141_592_7
            + z * (-5.167_712_7
                + z * (2.550_164 + z * (-0.599_264_5 + z * (0.082_145_89 + z * -0.007_370_43)))));
    let cos = 1.0
        + z * (-4.934_802_2
            + z * (4.058_712
                + z * (-1.335_262_8 + z * (0.235_330_63 + z * (-0.025_806_89 + z * 0.001_929_574)))));
    let sign = 1.0 - 2.0 * (n * n);
    (sign * cos, sign * sin)
}

/// Four standard normal deviates from four words: Box-Muller twice.
#[inline(always)]
pub(crate) fn quad_normals(w: [u32; 4]) -> [f32; 4] {
    let mut out = [0.0; 4];
    for half in 0..2 {
        // (0, 1]: 24 bits would end the tails at 5.9 sigma, 32 bits rounded to f32 end them at 6.76
        let u = (w[2 * half] as f32 + 0.5) * (1.0 / 4_294_967_296.0);
        let radius = (-2.0 * ln_unit(u)).max(0.0).sqrt();
        let (c, s) = cos_sin_pi(w[2 * half + 1] as i32 as f32 * (1.0 / 2_147_483_648.0));
        out[2 * half] = radius * c;
        out[2 * half + 1] = radius * s;
    }
    out
}

/// Coefficients of `-2 ln(1 + x) / x` for x in [-1/4, 1/2), lowest power first: minimax in relative
/// error (Remez exchange), 1.8e-7 off before rounding. Written as the decimals that name each f32.
#[allow(clippy::excessive_precision)]
pub(crate) const LN: [f32; 8] = [
    -2.000_000_24,
    1.000_004_29,
    -0.666_595_28,
    0.499_535_829,
    -0.402_160_674,
    0.347_444_445,
    -0.282_637_328,
    0.132_921_204,
];

/// Coefficients of `sin(π t / 4) / t` in t² for t in [-1, 1], found in the same way, 4e-9 off.
#[allow(clippy::excessive_precision)]
pub(crate) const SIN: [f32; 4] = [0.785_398_185, -0.080_745_436_3, 0.002_490_001_03, -3.595_045_2e-5];

/// Coefficients of `cos(π t / 4)` in t² for t in [-1, 1]: 1 is held, minimax in absolute error,
/// 4e-8 off.
#[allow(clippy::excessive_precision)]
pub(crate) const COS: [f32; 4] = [1.0, -0.308_424_503, 0.015_850_396_8, -0.000_319_160_143];

/// Four standard normal deviates from four words, operation by operation what the kernels do: Box-Muller
/// twice, without a division. A fused multiply-add rounds once, so its bits are the same whether the CPU
/// has it or not.
///
/// The angle is uniform on the circle by construction: 30 bits choose one in the quarter around 0, one
/// bit mirrors it at the diagonal (cosine and sine swapped), which is the quarter around π/2, one turns
/// both by half a circle (the sign). Both maps keep lengths and the bits are independent.
#[inline(always)]
pub(crate) fn quad_deviates(w: [u32; 4]) -> [f32; 4] {
    let mut out = [0.0; 4];
    for half in 0..2 {
        let (wu, wt) = (w[2 * half], w[2 * half + 1]);
        let r = radius(wu);
        let r = f32::from_bits(r.to_bits() ^ (wt & 0x8000_0000));
        let (cos, sin) = cos_sin_quarter((wt << 2) as i32 as f32 * (1.0 / 2_147_483_648.0));
        let swap = wt & 0x4000_0000 != 0;
        out[2 * half] = r * if swap { sin } else { cos };
        out[2 * half + 1] = r * if swap { cos } else { sin };
    }
    out
}

/// sqrt(-2 ln u) of u = (w + 1/2) / 2³², which is in (0, 1].
#[inline(always)]
fn radius(w: u32) -> f32 {
    // 24 bits would end the tails at 5.9 sigma, 32 bits rounded to f32 end them at 6.76
    let u = (w as f32).mul_add(1.0 / 4_294_967_296.0, 0.5 / 4_294_967_296.0);
    // mantissa in [3/4, 3/2): near u = 1, where the radius is small, the exponent adds nothing
    let exponent = ((u.to_bits() + 0x0040_0000) >> 23) as i32 - 127;
    let x = f32::from_bits(u.to_bits().wrapping_sub((exponent << 23) as u32)) - 1.0;
    let mut q = LN[7];
    for c in [LN[6], LN[5], LN[4], LN[3], LN[2], LN[1], LN[0]] {
        q = x.mul_add(q, c);
    }
    // u <= 1, so that x <= 0 where the exponent is 0: never below zero
    x.mul_add(q, exponent as f32 * (-2.0 * std::f32::consts::LN_2)).sqrt()
}

/// (cos, sin) of π t / 4 for t in [-1, 1].
#[inline(always)]
fn cos_sin_quarter(t: f32) -> (f32, f32) {
    let z = t * t;
    let cos = z.mul_add(z.mul_add(z.mul_add(COS[3], COS[2]), COS[1]), COS[0]);
    let sin = t * z.mul_add(z.mul_add(z.mul_add(SIN[3], SIN[2]), SIN[1]), SIN[0]);
    (cos, sin)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Random123's kat_vectors for philox4x32 with 10 rounds.
    #[test]
    fn philox_known_answers() {
        assert_eq!(philox4x32_10([0; 4], [0; 2]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
        assert_eq!(
            philox4x32_10([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]
        );
        assert_eq!(
            philox4x32_10([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]),
            [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]
        );
    }

    #[test]
    fn filled_equals_single_at_any_offset() {
        let noise = Noise::new(Seed(7));
        let site = Site { layer: 3, block: 9 };
        for first in [0u32, 1, 2, 3, 5, 30] {
            for len in [0usize, 1, 3, 4, 15, 16, 17, 63, 64, 65, 200] {
                let mut out = vec![0.0; len];
                noise.fill_normal(Purpose::Program, Cells { site, first }, 2, &mut out);
                for (i, &v) in out.iter().enumerate() {
                    let one = noise.normal(Purpose::Program, site, 2, first + i as u32);
                    assert_eq!(v.to_bits(), one.to_bits(), "first {first} len {len} i {i}");
                }
            }
        }
    }

    /// Moments and tails of 4 M deviates: each bound is about five standard errors of the estimate.
    #[test]
    fn moments_and_tails() {
        let noise = Noise::new(Seed(1));
        let n = 1usize << 22;
        let mut z = vec![0.0; n];
        noise.fill_normal(Purpose::Read, Cells { site: Site { layer: 0, block: 0 }, first: 0 }, 0, &mut z);
        let m = |p: i32| z.iter().map(|&v| f64::from(v).powi(p)).sum::<f64>() / n as f64;
        assert!(m(1).abs() < 2.5e-3, "mean {}", m(1));
        assert!((m(2) - 1.0).abs() < 3.5e-3, "variance {}", m(2));
        assert!(m(3).abs() < 1e-2, "skew {}", m(3));
        assert!((m(4) - 3.0).abs() < 2.5e-2, "kurtosis {}", m(4));
        // P(|z| > t) from the complementary error function
        for (t, p) in [(1.0, 0.317_310_5), (2.0, 0.045_500_26), (3.0, 2.699_796e-3), (4.0, 6.334_248e-5)] {
            let count = z.iter().filter(|v| f64::from(v.abs()) > t).count() as f64;
            let want = p * n as f64;
            assert!((count - want).abs() < 5.0 * want.sqrt() + 1.0, "beyond {t}: {count}, expected {want}");
        }
    }

    #[test]
    fn polynomials_are_close() {
        for i in 1..=100_000u32 {
            let x = i as f32 / 100_000.0;
            assert!(
                (f64::from(ln_unit(x)) - f64::from(x).ln()).abs() < 4e-7 * (1.0 - f64::from(x).ln()),
                "{x}"
            );
            let t = 2.0 * x - 1.0;
            if t < 1.0 {
                let (c, s) = cos_sin_pi(t);
                let a = f64::from(t) * std::f64::consts::PI;
                assert!((f64::from(c) - a.cos()).abs() < 1e-6, "cos {t} {c}");
                assert!((f64::from(s) - a.sin()).abs() < 1e-6, "sin {t} {s}");
            }
        }
    }

    /// The errors that the coefficients are said to have, and what rounding adds: a few 2^-24.
    #[test]
    fn fast_polynomials_are_close() {
        // all around 1, where the radius is small, and a sample of everything
        let words = (0..1 << 16).flat_map(|i| [i, i << 16 | i, u32::MAX - i, u32::MAX - (i << 11)]);
        for w in words {
            // u as rounded: what its rounding does to the distribution is tested with the tails
            let u = f64::from((w as f32 + 0.5) * (1.0 / 4_294_967_296.0));
            let want = (-2.0 * u.ln()).sqrt();
            let got = f64::from(radius(w));
            assert!((got - want).abs() <= 3e-7 * want, "radius of {w}: {got}, exactly {want}");
        }
        for i in -100_000..=100_000 {
            let t = i as f32 / 100_000.0;
            let (c, s) = cos_sin_quarter(t);
            let a = f64::from(t) * std::f64::consts::FRAC_PI_4;
            assert!((f64::from(c) - a.cos()).abs() < 1.5e-7, "cos {t} {c}");
            assert!((f64::from(s) - a.sin()).abs() < 1.5e-7 * a.sin().abs() + 1e-12, "sin {t} {s}");
        }
    }

    /// The angle of the four bits that choose its quarter and its side of it, by the signs of cosine and
    /// sine: each of the eight octants once, so that none is likelier than another.
    #[test]
    fn every_octant_is_met_once() {
        let mut met = std::collections::BTreeSet::new();
        for bits in 0..8u32 {
            // half way between the edges of an octant
            let word = bits << 29 | 1 << 28;
            let [x, y, ..] = quad_deviates([1 << 20, word, 0, 0]);
            let angle = y.atan2(x).rem_euclid(std::f32::consts::TAU);
            let octant = angle / std::f32::consts::FRAC_PI_4;
            assert!((octant.fract() - 0.5).abs() < 1e-5, "{word:x}: octant {octant}");
            met.insert(octant as u32);
        }
        assert_eq!(met.len(), 8);
    }

    #[test]
    fn one_deviate_is_one_of_four() {
        let (noise, at) = (Noise::new(Seed(3)), Site { layer: 1, block: 2 });
        for number in 0..16 {
            let four = quad_deviates(noise.block(Purpose::Converter, at, 7, number / 4));
            assert_eq!(noise.deviate(at, 7, number).to_bits(), four[number as usize % 4].to_bits());
            // the same words by either transform: the same radius
            let slow = quad_normals(noise.block(Purpose::Converter, at, 7, number / 4));
            let radius = |z: [f32; 4]| z[0].hypot(z[1]);
            assert!((radius(four) - radius(slow)).abs() < 1e-6 * radius(slow));
        }
    }

    #[test]
    fn purposes_and_instances_differ() {
        let noise = Noise::new(Seed(5));
        let at = Site { layer: 1, block: 2 };
        let a = noise.normal(Purpose::Program, at, 0, 0);
        assert_ne!(a.to_bits(), noise.normal(Purpose::Read, at, 0, 0).to_bits());
        assert_ne!(a.to_bits(), noise.instance(1).normal(Purpose::Program, at, 0, 0).to_bits());
        assert_ne!(noise.instance(0), noise.instance(1));
    }
}
