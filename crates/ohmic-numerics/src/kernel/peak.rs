//! What the machine can do at most: loops that use one kind of instruction and nothing else. Whoever
//! times them has the roof that other kernels are held against.

use std::hint::black_box;

/// A kind of arithmetic whose peak can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peak {
    /// Fused multiply-adds of `f32`.
    FmaF32,
    /// Multiply-adds of unsigned by signed bytes, summed in 32 bits.
    DotI8,
    /// Multiply-adds of bits: AND, population count, addition.
    Bits,
}

/// The instructions that a peak is had with here.
pub fn peak_instructions(peak: Peak) -> &'static str {
    form(peak).0
}

/// Keeps one core busy with `rounds` rounds of this arithmetic, all of it in registers; the number of
/// multiply-adds done. The fastest form this machine has is taken, whatever [`super::level`] says.
pub fn spin(peak: Peak, rounds: u64) -> u64 {
    let (_, each, run) = form(peak);
    run(rounds);
    rounds * each
}

/// Name of the instructions, multiply-adds a round, and the loop.
fn form(peak: Peak) -> (&'static str, u64, fn(u64)) {
    #[cfg(target_arch = "x86_64")]
    {
        let has512 = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
        let has2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        // SAFETY, all calls below: the features each loop is compiled with were just detected.
        match peak {
            Peak::FmaF32 if has512 => {
                return ("AVX-512 VFMADD", 16 * 16, |n| unsafe { x86::fma512(n) });
            }
            Peak::FmaF32 if has2 => return ("AVX2 VFMADD", 8 * 12, |n| unsafe { x86::fma256(n) }),
            Peak::DotI8 if has512 && is_x86_feature_detected!("avx512vnni") => {
                return ("AVX-512 VPDPBUSD", 64 * 16, |n| unsafe { x86::dot512(n) });
            }
            Peak::DotI8 if has2 => {
                return ("AVX2 VPMADDUBSW, VPMADDWD, VPADDD", 32 * 12, |n| unsafe { x86::dot256(n) });
            }
            Peak::Bits if has512 && is_x86_feature_detected!("avx512vpopcntdq") => {
                return ("AVX-512 VPAND, VPOPCNTQ, VPADDQ", 512 * 16, |n| unsafe { x86::bits512(n) });
            }
            Peak::Bits if is_x86_feature_detected!("popcnt") => {
                return ("POPCNT", 64 * 4, |n| unsafe { x86::bits64(n) });
            }
            _ => {}
        }
    }
    match peak {
        Peak::FmaF32 => ("scalar", 32, fma_scalar),
        Peak::DotI8 => ("scalar", 32, dot_scalar),
        Peak::Bits => ("scalar", 64 * 4, bits_scalar),
    }
}

fn fma_scalar(rounds: u64) {
    let (b, c) = (black_box(0.5f32), black_box(0.25f32));
    let mut sums = [0f32; 32];
    for _ in 0..rounds {
        sums.iter_mut().for_each(|s| *s = *s * b + c);
    }
    black_box(sums);
}

fn dot_scalar(rounds: u64) {
    let mut b = [3i32; 32];
    let mut sums = [0i32; 32];
    for _ in 0..rounds {
        b = black_box(b);
        sums.iter_mut().zip(&b).for_each(|(s, b)| *s = s.wrapping_add(b * 5));
    }
    black_box(sums);
}

#[inline(always)]
fn bits_scalar(rounds: u64) {
    let mut sums = [0u64; 4];
    let g = black_box([0x1234u64, 0x4321, 0x00ff, 0xff00]);
    for i in 0..rounds {
        for (s, g) in sums.iter_mut().zip(g) {
            *s += u64::from((i & g).count_ones());
        }
    }
    black_box(sums);
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;
    use std::hint::black_box;

    /// A loop of as many independent chains as hide the latency of `step`. The empty assembly, which may
    /// change `x`, keeps the compiler from adding a round up once for all rounds.
    macro_rules! chains {
        ($name:ident, $features:literal, $chains:literal, $class:ident, $start:expr, $other:expr, |$sum:ident, $x:ident, $y:ident| $step:expr) => {
            #[target_feature(enable = $features)]
            pub(super) fn $name(rounds: u64) {
                let mut sums = [$start; $chains];
                let mut $x = black_box($other);
                let $y = black_box($other);
                for _ in 0..rounds {
                    for $sum in &mut sums {
                        *$sum = $step;
                    }
                    // SAFETY: no instruction at all; `x` is passed through.
                    unsafe {
                        std::arch::asm!("/* {0} */", inout($class) $x, options(nomem, nostack, preserves_flags));
                    }
                }
                black_box((sums, $x));
            }
        };
    }
    chains!(fma512, "avx512f", 16, zmm_reg, _mm512_setzero_ps(), _mm512_set1_ps(0.5), |s, x, y| {
        _mm512_fmadd_ps(x, y, *s)
    });
    chains!(fma256, "avx2,fma", 12, ymm_reg, _mm256_setzero_ps(), _mm256_set1_ps(0.5), |s, x, y| {
        _mm256_fmadd_ps(x, y, *s)
    });
    chains!(
        dot512,
        "avx512f,avx512vnni",
        16,
        zmm_reg,
        _mm512_setzero_si512(),
        _mm512_set1_epi8(1),
        |s, x, y| _mm512_dpbusd_epi32(*s, x, y)
    );
    chains!(dot256, "avx2", 12, ymm_reg, _mm256_setzero_si256(), _mm256_set1_epi8(1), |s, x, y| {
        // the sum goes in, so that each chain has a product of its own
        let product = _mm256_maddubs_epi16(_mm256_xor_si256(x, *s), y);
        _mm256_add_epi32(*s, _mm256_madd_epi16(product, y))
    });
    chains!(
        bits512,
        "avx512f,avx512vpopcntdq",
        16,
        zmm_reg,
        _mm512_set1_epi64(0x1234),
        _mm512_set1_epi64(0x5555),
        // the sum goes in, so that each chain has a count of its own
        |s, x, _y| _mm512_add_epi64(*s, _mm512_popcnt_epi64(_mm512_and_si512(x, *s)))
    );

    #[target_feature(enable = "popcnt")]
    pub(super) fn bits64(rounds: u64) {
        super::bits_scalar(rounds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_peak_has_a_form_that_runs() {
        for peak in [Peak::FmaF32, Peak::DotI8, Peak::Bits] {
            assert!(spin(peak, 1000) >= 1000 * 32, "{}", peak_instructions(peak));
        }
        // one chain of 16 lanes cannot be had by fewer multiply-adds than lanes
        fma_scalar(10);
        dot_scalar(10);
        bits_scalar(10);
    }
}
