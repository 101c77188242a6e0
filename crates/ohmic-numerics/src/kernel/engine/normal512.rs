//! Deviations for AVX-512.

use super::Block;
use super::deviations::Tile;
use std::arch::x86_64::*;

/// The keys of the ten rounds of Philox4x32, in 64-bit lanes.
pub(super) struct Keys([(__m512i, __m512i); 10]);

impl Keys {
    /// The keys that follow from one.
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
    )]
    pub(super) fn new(key: [u32; 2]) -> Self {
        let [mut k0, mut k1] = key;
        Self(std::array::from_fn(|_| {
            let keys = (_mm512_set1_epi64(i64::from(k0)), _mm512_set1_epi64(i64::from(k1)));
            k0 = k0.wrapping_add(0x9E37_79B9);
            k1 = k1.wrapping_add(0xBB67_AE85);
            keys
        }))
    }
}

/// Four words a lane from a counter and a draw index a lane.
///
/// PERF: words stand in 64-bit lanes, so that a product needs no shuffle and its upper half is one shift
/// away; what stands above a word is never looked at.
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
)]
fn words(keys: &Keys, counter: __m512i, draw: __m512i, place: [u32; 2]) -> [__m512i; 4] {
    let (m0, m1) = (_mm512_set1_epi64(0xD251_1F53), _mm512_set1_epi64(0xCD9E_8D57));
    let place = place.map(|p| _mm512_set1_epi64(i64::from(p)));
    let odd = |v| _mm512_srli_epi64::<32>(v);
    let mut states = [[counter, draw, place[0], place[1]], [odd(counter), odd(draw), place[0], place[1]]];
    for &(k0, k1) in &keys.0 {
        for c in &mut states {
            let (p0, p1) = (_mm512_mul_epu32(c[0], m0), _mm512_mul_epu32(c[2], m1));
            *c = [
                _mm512_ternarylogic_epi64::<0x96>(odd(p1), c[1], k0),
                p1,
                _mm512_ternarylogic_epi64::<0x96>(odd(p0), c[3], k1),
                p0,
            ];
        }
    }
    std::array::from_fn(|i| {
        _mm512_mask_blend_epi32(0xaaaa, states[0][i], _mm512_slli_epi64::<32>(states[1][i]))
    })
}

/// Four normal deviates a lane.
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
)]
pub(super) fn normals(keys: &Keys, counter: __m512i, draw: __m512i, place: [u32; 2]) -> [__m512; 4] {
    let words = words(keys, counter, draw, place);
    // SAFETY: the same features.
    let ((a, b), (c, d)) = unsafe { (box_muller(words[0], words[1]), box_muller(words[2], words[3])) };
    [a, b, c, d]
}

/// Deviates times their standard deviations, see [`super::Deviates`]: the bits of the portable form.
///
/// # Safety
/// The CPU has the features named; sigmas and variances as [`super::Deviates::fill`] needs them.
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
)]
pub(super) unsafe fn deviations(tile: Tile<'_>, out: &mut [f32]) {
    let Tile { deviates, reads, first, count, width, .. } = tile;
    let (fours, panels) = (reads / 4, count);
    let keys = Keys::new(deviates.noise.key());
    let place = deviates.place();
    let index = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    let all = tile.vectors * fours * panels;
    // vector, four of reads, panel
    let mut then = (0, 0, 0);
    let next = |(t, four, panel): (usize, usize, usize)| {
        if panel + 1 < panels {
            (t, four, panel + 1)
        } else if four + 1 < fours {
            (t, four + 1, 0)
        } else {
            (t + 1, 0, 0)
        }
    };
    let mut at = then;
    let mut drawn = [[_mm512_setzero_si512(); 4]; PART];
    for part in (0..all).step_by(PART) {
        let n = PART.min(all - part);
        for drawn in &mut drawn[..n] {
            let (t, four, panel) = then;
            let counter = _mm512_add_epi32(
                index,
                _mm512_set1_epi32((four * width + (first + panel) * Block::PANEL) as i32),
            );
            let draw = _mm512_set1_epi32(deviates.first_draw.wrapping_add(t as u32) as i32);
            *drawn = words(&keys, counter, draw, place);
            then = next(then);
        }
        for words in &drawn[..n] {
            let (t, four, panel) = at;
            // SAFETY: the same features; sigmas and variances have an entry for all columns, `out` holds
            // `count` panels for each read.
            unsafe {
                for half in 0..2 {
                    let (a, b) = box_muller(words[2 * half], words[2 * half + 1]);
                    for (j, normal) in [a, b].into_iter().enumerate() {
                        let read = 4 * four + 2 * half + j;
                        let column = (first + panel) * Block::PANEL;
                        let sigma = _mm512_loadu_ps(deviates.sigma.as_ptr().add(column));
                        let std = match deviates.variance {
                            None => sigma,
                            Some(variance) => {
                                let (f, row) = tile.variance_row(t, read);
                                let sums = tile
                                    .variances
                                    .as_ptr()
                                    .add((row * count + column / Block::PANEL - first) * Block::PANEL);
                                let off = variance.taken_off.get_unchecked(f).as_ptr().add(column);
                                let sums = _mm512_add_epi32(
                                    _mm512_loadu_si512(sums.cast()),
                                    _mm512_loadu_si512(off.cast()),
                                );
                                let read =
                                    _mm512_mul_ps(_mm512_cvtepu32_ps(sums), _mm512_set1_ps(variance.unit));
                                _mm512_sqrt_ps(_mm512_add_ps(read, _mm512_mul_ps(sigma, sigma)))
                            }
                        };
                        let to = out.as_mut_ptr().add(((t * reads + read) * count + panel) * Block::PANEL);
                        _mm512_storeu_ps(to, _mm512_mul_ps(normal, std));
                    }
                }
            }
            at = next(at);
        }
    }
}

/// Quads whose words are drawn before their deviates are made.
///
/// PERF: short loops apart keep more of their rounds in flight than one long loop: both are chains of
/// dependent operations.
const PART: usize = 16;

/// Two normal deviates a lane, operation by operation those of `noise::quad_normals`.
///
/// # Safety
/// The CPU has the features named.
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
)]
#[allow(clippy::approx_constant, clippy::excessive_precision)]
unsafe fn box_muller(w0: __m512i, w1: __m512i) -> (__m512, __m512) {
    let set = |v: f32| _mm512_set1_ps(v);
    let mul = |a, b| _mm512_mul_ps(a, b);
    let add = |a, b| _mm512_add_ps(a, b);
    // ln
    let u = mul(add(_mm512_cvtepu32_ps(w0), set(0.5)), set(1.0 / 4_294_967_296.0));
    let shift = _mm512_set1_epi32(0x3f35_04f3);
    let shifted = _mm512_sub_epi32(_mm512_castps_si512(u), shift);
    let exponent = _mm512_cvtepi32_ps(_mm512_srai_epi32::<23>(shifted));
    let mantissa = _mm512_castsi512_ps(_mm512_add_epi32(
        _mm512_and_si512(shifted, _mm512_set1_epi32(0x007f_ffff)),
        shift,
    ));
    let s = _mm512_div_ps(_mm512_sub_ps(mantissa, set(1.0)), add(mantissa, set(1.0)));
    let z = mul(s, s);
    let series = add(set(0.285_714_3), mul(z, set(0.222_222_22)));
    let series = add(set(0.4), mul(z, series));
    let series = add(set(0.666_666_7), mul(z, series));
    let series = add(set(2.0), mul(z, series));
    let ln = add(mul(exponent, set(std::f32::consts::LN_2)), mul(s, series));
    let radius = _mm512_sqrt_ps(_mm512_max_ps(mul(set(-2.0), ln), _mm512_setzero_ps()));
    // cosine and sine
    let t = mul(_mm512_cvtepi32_ps(w1), set(1.0 / 2_147_483_648.0));
    let above = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(t, set(0.5));
    let below = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(t, set(-0.5));
    let n = _mm512_sub_ps(_mm512_maskz_mov_ps(above, set(1.0)), _mm512_maskz_mov_ps(below, set(1.0)));
    let f = _mm512_sub_ps(t, n);
    let z = mul(f, f);
    let sin = add(set(0.082_145_89), mul(z, set(-0.007_370_43)));
    let sin = add(set(-0.599_264_5), mul(z, sin));
    let sin = add(set(2.550_164), mul(z, sin));
    let sin = add(set(-5.167_712_7), mul(z, sin));
    let sin = mul(f, add(set(3.141_592_7), mul(z, sin)));
    let cos = add(set(-0.025_806_89), mul(z, set(0.001_929_574)));
    let cos = add(set(0.235_330_63), mul(z, cos));
    let cos = add(set(-1.335_262_8), mul(z, cos));
    let cos = add(set(4.058_712), mul(z, cos));
    let cos = add(set(-4.934_802_2), mul(z, cos));
    let cos = add(set(1.0), mul(z, cos));
    // the sign of the half turn: a product with 1 or -1 flips a bit and nothing else
    let flip = _mm512_set1_epi32(i32::MIN);
    let signed = |v: __m512| {
        let bits = _mm512_castps_si512(v);
        _mm512_castsi512_ps(_mm512_mask_xor_epi32(bits, above | below, bits, flip))
    };
    (mul(radius, signed(cos)), mul(radius, signed(sin)))
}
