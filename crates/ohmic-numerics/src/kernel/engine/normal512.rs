//! Deviates and deviations for AVX-512.

use super::Block;
use super::deviations::Tile;
use crate::noise::{COS, LN, SIN};
use std::arch::x86_64::*;

/// Multipliers of Philox4x32.
const M0: i64 = 0xD251_1F53;
const M1: i64 = 0xCD9E_8D57;

/// Philox4x32-10 for one key and place, sixteen counters at a time. See [`crate::noise::philox4x32_10`].
///
/// PERF: words stand in 64-bit lanes, counters of even lanes apart from those of odd ones, so that a product
/// needs no shuffle and its upper half is one shift away; what stands above a word is never looked at.
/// Of the first three rounds most depends on the counter alone, or on the draw index alone: one of each serves
/// many of the other.
pub(super) struct Philox {
    keys: [(__m512i, __m512i); 10],
    place: [u32; 2],
}

/// What the first rounds make of counters, in even and in odd lanes.
#[derive(Clone, Copy)]
pub(super) struct Counters([[__m512i; 4]; 2]);

/// What the first rounds make of draw indices, in even and in odd lanes.
#[derive(Clone, Copy)]
pub(super) struct Draws([[__m512i; 2]; 2]);

impl Counters {
    /// A place to put them.
    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
    )]
    pub(super) fn none() -> Self {
        Self([[_mm512_setzero_si512(); 4]; 2])
    }
}

impl Draws {
    /// A place to put them.
    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
    )]
    pub(super) fn none() -> Self {
        Self([[_mm512_setzero_si512(); 2]; 2])
    }
}

/// The upper word of each 64-bit lane.
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
)]
fn odd(v: __m512i) -> __m512i {
    _mm512_srli_epi64::<32>(v)
}

impl Philox {
    /// Purpose and place are the last two words of all counters.
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
    )]
    pub(super) fn new(key: [u32; 2], place: [u32; 2]) -> Self {
        let [mut k0, mut k1] = key;
        let keys = std::array::from_fn(|_| {
            let keys = (_mm512_set1_epi32(k0 as i32), _mm512_set1_epi32(k1 as i32));
            k0 = k0.wrapping_add(0x9E37_79B9);
            k1 = k1.wrapping_add(0xBB67_AE85);
            keys
        });
        Self { keys, place }
    }

    /// The product of round 1 that depends on nothing: upper and lower word.
    fn fixed(&self) -> [u32; 2] {
        let product = u64::from(self.place[0]) * M1 as u64;
        [(product >> 32) as u32, product as u32]
    }

    /// Sixteen counters.
    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
    )]
    pub(super) fn counters(&self, counter: __m512i) -> Counters {
        Counters([self.counters_of_even_lanes(counter), self.counters_of_even_lanes(odd(counter))])
    }

    /// One counter for all lanes.
    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
    )]
    pub(super) fn counter(&self, counter: usize) -> Counters {
        Counters([self.counters_of_even_lanes(_mm512_set1_epi32(counter as i32)); 2])
    }

    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
    )]
    fn counters_of_even_lanes(&self, counter: __m512i) -> [__m512i; 4] {
        let (m0, m1) = (_mm512_set1_epi64(M0), _mm512_set1_epi64(M1));
        let place = _mm512_set1_epi32(self.place[1] as i32);
        let fixed = _mm512_set1_epi32(self.fixed()[1] as i32);
        let p0 = _mm512_mul_epu32(counter, m0);
        let c2 = _mm512_ternarylogic_epi64::<0x96>(odd(p0), place, self.keys[0].1);
        let p1 = _mm512_mul_epu32(c2, m1);
        let c0 = _mm512_ternarylogic_epi64::<0x96>(odd(p1), fixed, self.keys[1].0);
        let then = _mm512_mul_epu32(c0, m0);
        let (k0, k1) = self.keys[2];
        [p0, _mm512_xor_si512(p1, k0), _mm512_xor_si512(odd(then), k1), then]
    }

    /// A draw index a lane.
    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
    )]
    pub(super) fn draws(&self, draw: __m512i) -> Draws {
        Draws([self.draws_of_even_lanes(draw), self.draws_of_even_lanes(odd(draw))])
    }

    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
    )]
    fn draws_of_even_lanes(&self, draw: __m512i) -> [__m512i; 2] {
        let fixed = _mm512_set1_epi32(self.fixed()[0] as i32);
        let c0 = _mm512_ternarylogic_epi64::<0x96>(draw, fixed, self.keys[0].0);
        let p0 = _mm512_mul_epu32(c0, _mm512_set1_epi64(M0));
        [_mm512_xor_si512(odd(p0), self.keys[1].1), p0]
    }

    /// One draw index for all lanes.
    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
    )]
    pub(super) fn draw(&self, draw: u32) -> Draws {
        Draws([self.draws_of_even_lanes(_mm512_set1_epi32(draw as i32)); 2])
    }

    /// Four words a lane, of `M` pairs of counters and draw indices.
    ///
    /// PERF: two pairs at a time. A CPU keeps about a hundred operations that wait in sight; of one pair, a long
    /// chain of them, that is not enough to find two a cycle that can begin.
    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
    )]
    pub(super) fn words<const M: usize>(
        &self,
        counters: [&Counters; M],
        draws: [&Draws; M],
    ) -> [[__m512i; 4]; M] {
        let (m0, m1) = (_mm512_set1_epi64(M0), _mm512_set1_epi64(M1));
        let mut states = [[[_mm512_setzero_si512(); 4]; 2]; M];
        for pair in 0..M {
            for i in 0..2 {
                let ([d, f], [e, b, h, l]) = (draws[pair].0[i], counters[pair].0[i]);
                let p1 = _mm512_mul_epu32(_mm512_xor_si512(d, e), m1);
                states[pair][i] = [_mm512_xor_si512(odd(p1), b), p1, _mm512_xor_si512(f, h), l];
            }
        }
        for &(k0, k1) in &self.keys[3..9] {
            for c in states.as_flattened_mut() {
                let (p0, p1) = (_mm512_mul_epu32(c[0], m0), _mm512_mul_epu32(c[2], m1));
                *c = [
                    _mm512_ternarylogic_epi64::<0x96>(odd(p1), c[1], k0),
                    p1,
                    _mm512_ternarylogic_epi64::<0x96>(odd(p0), c[3], k1),
                    p0,
                ];
            }
        }
        // the last round puts even and odd lanes together
        let (k0, k1) = self.keys[9];
        let mut words = [[_mm512_setzero_si512(); 4]; M];
        for (words, [even, odd]) in words.iter_mut().zip(states) {
            let p0 = [_mm512_mul_epu32(even[0], m0), _mm512_mul_epu32(odd[0], m0)];
            let p1 = [_mm512_mul_epu32(even[2], m1), _mm512_mul_epu32(odd[2], m1)];
            *words = [
                _mm512_ternarylogic_epi32::<0x96>(high_words(p1), low_words([even[1], odd[1]]), k0),
                low_words(p1),
                _mm512_ternarylogic_epi32::<0x96>(high_words(p0), low_words([even[3], odd[3]]), k1),
                low_words(p0),
            ];
        }
        words
    }
}

/// Even lanes from the lower words of 64 bits of the first, odd lanes from those of the second.
///
/// PERF: the compiler takes the intrinsic apart and shuffles twice.
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
)]
fn low_words([even, odd]: [__m512i; 2]) -> __m512i {
    let mut words = even;
    // SAFETY: registers only.
    unsafe {
        std::arch::asm!(
            "vmovsldup {words}{{{mask}}}, {odd}",
            words = inout(zmm_reg) words,
            odd = in(zmm_reg) odd,
            mask = in(kreg) 0xaaaa_u16,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    words
}

/// Even lanes from the upper words of 64 bits of the first, odd lanes from those of the second.
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
)]
fn high_words([even, odd]: [__m512i; 2]) -> __m512i {
    let mut words = odd;
    // SAFETY: registers only.
    unsafe {
        std::arch::asm!(
            "vmovshdup {words}{{{mask}}}, {even}",
            words = inout(zmm_reg) words,
            even = in(zmm_reg) even,
            mask = in(kreg) 0x5555_u16,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    words
}

/// Where the deviates of a counter go: four reads of a fragment, one panel.
#[derive(Clone, Copy)]
struct Target {
    /// The first of them among the deviations of a vector.
    to: usize,
    column: usize,
    fragment: usize,
    /// Their variances among those of the first vector.
    variances: [usize; 4],
}

/// Counters in hand, 512 bytes each.
const COUNTERS: usize = 16;

/// Quads whose words are drawn before their deviates are made.
///
/// PERF: short loops apart keep more of their rounds in flight than one long loop: both are chains of
/// dependent operations.
const PART: usize = 16;

/// Deviates times their standard deviations, see [`super::Deviates`]: the bits of the portable form.
///
/// # Safety
/// The CPU has the features named; sigmas and variances as [`super::Deviates::fill`] asserts them.
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
)]
pub(super) unsafe fn deviations(tile: Tile<'_>, out: &mut [f32]) {
    // SAFETY: the same features, the same slices.
    unsafe {
        if tile.deviates.variance.is_some() {
            deviations_of::<true>(tile, out);
        } else {
            deviations_of::<false>(tile, out);
        }
    }
}

/// See [`deviations`]; `READ`: with read noise.
///
/// # Safety
/// As [`deviations`].
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
)]
unsafe fn deviations_of<const READ: bool>(tile: Tile<'_>, out: &mut [f32]) {
    let Tile { deviates, reads, first, count, width, vectors, .. } = tile;
    let (fours, panels) = (reads / 4, count);
    let philox = Philox::new(deviates.noise.key(), deviates.place());
    let index = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    let none = Target { to: 0, column: 0, fragment: 0, variances: [0; 4] };
    let mut counters = [Counters::none(); COUNTERS];
    let mut targets = [none; COUNTERS];
    let mut drawn = [[_mm512_setzero_si512(); 4]; PART];
    for start in (0..fours * panels).step_by(COUNTERS) {
        let n = COUNTERS.min(fours * panels - start);
        for i in 0..n {
            let (four, panel) = ((start + i) / panels, (start + i) % panels);
            let column = (first + panel) * Block::PANEL;
            let counter = _mm512_set1_epi32((four * width + column) as i32);
            counters[i] = philox.counters(_mm512_add_epi32(index, counter));
            let variances = std::array::from_fn(|j| {
                (tile.variance_row(0, 4 * four + j).1 * count + panel) * Block::PANEL
            });
            let to = (4 * four * count + panel) * Block::PANEL;
            targets[i] = Target { to, column, fragment: tile.variance_row(0, 4 * four).0, variances };
        }
        let next = |(t, i): (usize, usize)| if i + 1 < n { (t, i + 1) } else { (t + 1, 0) };
        let (mut then, mut at) = ((0, 0), (0, 0));
        for part in (0..vectors * n).step_by(PART) {
            let part = PART.min(vectors * n - part);
            // one more than there are if they are odd
            for drawn in drawn[..part.next_multiple_of(2)].as_chunks_mut::<2>().0 {
                let (t, i) = then;
                let one = philox.draw(deviates.first_draw.wrapping_add(t as u32));
                then = next(then);
                let (t, other) = then;
                let two = philox.draw(deviates.first_draw.wrapping_add(t as u32));
                then = next(then);
                *drawn = philox.words([&counters[i], &counters[other]], [&one, &two]);
            }
            for words in &mut drawn[..part] {
                words[0] = _mm512_castps_si512(squares(words[0]));
                words[2] = _mm512_castps_si512(squares(words[2]));
            }
            for words in &drawn[..part] {
                let (t, i) = at;
                let target = &targets[i];
                for half in 0..2 {
                    let pair = normals(_mm512_castsi512_ps(words[2 * half]), words[2 * half + 1]);
                    for (j, normal) in pair.into_iter().enumerate() {
                        let read = 2 * half + j;
                        // SAFETY: sigmas and variances have an entry for all columns, `out` holds `count`
                        // panels for each read.
                        unsafe {
                            let sigma = _mm512_loadu_ps(deviates.sigma.as_ptr().add(target.column));
                            let std = match deviates.variance {
                                Some(variance) if READ => {
                                    let at = target.variances[read] + t * tile.slices * count * Block::PANEL;
                                    let sums = tile.variances.as_ptr().add(at);
                                    let off = variance.taken_off.get_unchecked(target.fragment);
                                    let off = off.as_ptr().add(target.column);
                                    let sums = _mm512_add_epi32(
                                        _mm512_loadu_si512(sums.cast()),
                                        _mm512_loadu_si512(off.cast()),
                                    );
                                    let read = _mm512_mul_ps(
                                        _mm512_cvtepu32_ps(sums),
                                        _mm512_set1_ps(variance.unit),
                                    );
                                    _mm512_sqrt_ps(_mm512_add_ps(read, _mm512_mul_ps(sigma, sigma)))
                                }
                                _ => sigma,
                            };
                            let to = (t * reads + read) * count * Block::PANEL + target.to;
                            _mm512_storeu_ps(out.as_mut_ptr().add(to), _mm512_mul_ps(normal, std));
                        }
                    }
                }
                at = next(at);
            }
        }
    }
}

/// Squares of radii from words, operation by operation those of `noise::radius`.
///
/// PERF: radii of many words first, then what is made of them, for the reason given at [`Philox::words`].
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
)]
pub(super) fn squares(w: __m512i) -> __m512 {
    let set = |v: f32| _mm512_set1_ps(v);
    let fma = |a, b, c: f32| _mm512_fmadd_ps(a, b, _mm512_set1_ps(c));
    let u = fma(_mm512_cvtepu32_ps(w), set(1.0 / 4_294_967_296.0), 0.5 / 4_294_967_296.0);
    let above = _mm512_add_epi32(_mm512_castps_si512(u), _mm512_set1_epi32(0x0040_0000));
    let exponent = _mm512_getexp_ps(_mm512_castsi512_ps(above));
    let mantissa = _mm512_getmant_ps::<_MM_MANT_NORM_P75_1P5, _MM_MANT_SIGN_SRC>(u);
    let x = _mm512_sub_ps(mantissa, set(1.0));
    let q = fma(x, set(LN[7]), LN[6]);
    let q = fma(x, q, LN[5]);
    let q = fma(x, q, LN[4]);
    let q = fma(x, q, LN[3]);
    let q = fma(x, q, LN[2]);
    let q = fma(x, q, LN[1]);
    let q = fma(x, q, LN[0]);
    _mm512_fmadd_ps(x, q, _mm512_mul_ps(exponent, set(-2.0 * std::f32::consts::LN_2)))
}

/// Two normal deviates a lane from the square of a radius and a word, operation by operation those of
/// `noise::quad_deviates`.
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2"
)]
pub(super) fn normals(square: __m512, w: __m512i) -> [__m512; 2] {
    let set = |v: f32| _mm512_set1_ps(v);
    let fma = |a, b, c: f32| _mm512_fmadd_ps(a, b, _mm512_set1_ps(c));
    // radius ^ (w & sign)
    let radius = _mm512_castsi512_ps(_mm512_ternarylogic_epi32::<0x78>(
        _mm512_castps_si512(_mm512_sqrt_ps(square)),
        w,
        _mm512_set1_epi32(i32::MIN),
    ));
    let t = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_slli_epi32::<2>(w)), set(1.0 / 2_147_483_648.0));
    let z = _mm512_mul_ps(t, t);
    let cos = fma(z, set(COS[3]), COS[2]);
    let cos = fma(z, cos, COS[1]);
    let cos = fma(z, cos, COS[0]);
    let sin = fma(z, set(SIN[3]), SIN[2]);
    let sin = fma(z, sin, SIN[1]);
    let sin = _mm512_mul_ps(t, fma(z, sin, SIN[0]));
    let swap = _mm512_test_epi32_mask(w, _mm512_set1_epi32(0x4000_0000));
    [
        _mm512_mul_ps(radius, _mm512_mask_blend_ps(swap, cos, sin)),
        _mm512_mul_ps(radius, _mm512_mask_blend_ps(swap, sin, cos)),
    ]
}
