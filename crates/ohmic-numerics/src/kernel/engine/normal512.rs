//! Deviations for AVX-512.

use super::Block;
use super::deviations::{Draws, Scales};
use std::arch::x86_64::*;

/// Deviates times their standard deviations, see [`super::Deviates`]: the bits of the portable form.
///
/// PERF: words stand in 64-bit lanes, so that a product needs no shuffle and its upper half is one shift
/// away; what stands above a word is never looked at.
///
/// # Safety
/// The CPU has the features named.
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,popcnt,bmi1,bmi2"
)]
pub(super) unsafe fn deviations(draws: Draws, scales: Scales<'_>, out: &mut [f32]) {
    let slots = scales.slots.len();
    let sigma = scales.deviates.sigma.as_ptr();
    let (m0, m1) = (_mm512_set1_epi64(0xD251_1F53), _mm512_set1_epi64(0xCD9E_8D57));
    let mut keys = [(_mm512_setzero_si512(), _mm512_setzero_si512()); 10];
    let (mut k0, mut k1) = (draws.key[0], draws.key[1]);
    for key in &mut keys {
        *key = (_mm512_set1_epi64(i64::from(k0)), _mm512_set1_epi64(i64::from(k1)));
        k0 = k0.wrapping_add(0x9E37_79B9);
        k1 = k1.wrapping_add(0xBB67_AE85);
    }
    let even = _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0);
    let place = (_mm512_set1_epi64(i64::from(draws.place[0])), _mm512_set1_epi64(i64::from(draws.place[1])));
    let quads = slots / 4;
    let count = out.len() / (4 * Block::PANEL);
    let (mut t, mut q) = (0, 0);
    let mut words = [[_mm512_setzero_si512(); 4]; PART];
    for part in (0..count).step_by(PART) {
        let n = PART.min(count - part);
        let (mut then_t, mut then_q) = (t, q);
        for words in &mut words[..n] {
            let draw = _mm512_set1_epi64(i64::from(draws.draw.wrapping_add(then_t as u32)));
            let first = draws.first.wrapping_add((then_q * Block::PANEL) as u32);
            // quads 0, 2, .. 14 and 1, 3, .. 15
            let start = _mm512_add_epi32(even, _mm512_set1_epi64(i64::from(first)));
            let mut states = [0u32, 1].map(|odd| {
                [_mm512_add_epi32(start, _mm512_set1_epi64(i64::from(odd))), draw, place.0, place.1]
            });
            for &(k0, k1) in &keys {
                for c in &mut states {
                    let (p0, p1) = (_mm512_mul_epu32(c[0], m0), _mm512_mul_epu32(c[2], m1));
                    *c = [
                        _mm512_ternarylogic_epi64::<0x96>(_mm512_srli_epi64::<32>(p1), c[1], k0),
                        p1,
                        _mm512_ternarylogic_epi64::<0x96>(_mm512_srli_epi64::<32>(p0), c[3], k1),
                        p0,
                    ];
                }
            }
            *words = std::array::from_fn(|i| {
                _mm512_mask_blend_epi32(0xaaaa, states[0][i], _mm512_slli_epi64::<32>(states[1][i]))
            });
            then_q += 1;
            if then_q == quads {
                (then_t, then_q) = (then_t + 1, 0);
            }
        }
        for (i, words) in words[..n].iter().enumerate() {
            for half in 0..2 {
                // SAFETY: the same features; the caller vouches for columns and rows of the slots; `out` holds
                // four panels for each of the `count` quads.
                unsafe {
                    let (a, b) = box_muller(words[2 * half], words[2 * half + 1]);
                    for (j, normal) in [a, b].into_iter().enumerate() {
                        let slot = scales.slots.get_unchecked(4 * q + 2 * half + j);
                        let sigma = _mm512_loadu_ps(sigma.add(slot.column));
                        let sigma = match scales.deviates.variance {
                            None => sigma,
                            Some(variance) => {
                                let at = (slot.row + t * scales.slices) * scales.width + slot.column;
                                let sums = _mm512_loadu_si512(scales.variances.as_ptr().add(at).cast());
                                let off =
                                    variance.taken_off.get_unchecked(slot.fragment).as_ptr().add(slot.column);
                                let sums = _mm512_add_epi32(sums, _mm512_loadu_si512(off.cast()));
                                let read =
                                    _mm512_mul_ps(_mm512_cvtepu32_ps(sums), _mm512_set1_ps(variance.unit));
                                _mm512_sqrt_ps(_mm512_add_ps(read, _mm512_mul_ps(sigma, sigma)))
                            }
                        };
                        let out = out.as_mut_ptr().add(((part + i) * 4 + 2 * half + j) * Block::PANEL);
                        _mm512_storeu_ps(out, _mm512_mul_ps(normal, sigma));
                    }
                }
            }
            q += 1;
            if q == quads {
                (t, q) = (t + 1, 0);
            }
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
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,popcnt,bmi1,bmi2"
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
