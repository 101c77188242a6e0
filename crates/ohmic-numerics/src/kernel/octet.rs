//! Eight doubles at a time, in the registers of each level.

/// Eight doubles. Every form does the same, one lane like the other, and rounds once a product and sum.
///
/// # Safety
/// The CPU has the instructions of the form; pointers have eight values behind them.
pub(super) trait Octet: Copy {
    unsafe fn load(from: *const f64) -> Self;
    unsafe fn store(self, to: *mut f64);
    unsafe fn splat(value: f64) -> Self;
    /// `self · factor + sum`.
    unsafe fn times_plus(self, factor: Self, sum: Self) -> Self;
    unsafe fn times(self, factor: Self) -> Self;
    unsafe fn plus(self, other: Self) -> Self;
    /// One over each, 0 where it is not positive.
    unsafe fn inverse(self) -> Self;
}

/// The specification.
#[derive(Clone, Copy)]
pub(super) struct Plain([f64; 8]);

impl Octet for Plain {
    #[inline(always)]
    unsafe fn load(from: *const f64) -> Self {
        // SAFETY: the caller's pointer.
        Self(unsafe { from.cast::<[f64; 8]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f64) {
        // SAFETY: the caller's pointer.
        unsafe { to.cast::<[f64; 8]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    unsafe fn splat(value: f64) -> Self {
        Self([value; 8])
    }
    #[inline(always)]
    unsafe fn times_plus(self, factor: Self, sum: Self) -> Self {
        Self(std::array::from_fn(|l| self.0[l].mul_add(factor.0[l], sum.0[l])))
    }
    #[inline(always)]
    unsafe fn times(self, factor: Self) -> Self {
        Self(std::array::from_fn(|l| self.0[l] * factor.0[l]))
    }
    #[inline(always)]
    unsafe fn plus(self, other: Self) -> Self {
        Self(std::array::from_fn(|l| self.0[l] + other.0[l]))
    }
    #[inline(always)]
    unsafe fn inverse(self) -> Self {
        Self(self.0.map(|v| if v > 0.0 { 1.0 / v } else { 0.0 }))
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Wide, Wider};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Octet;
    use std::arch::x86_64::*;

    /// Two registers of AVX2.
    #[derive(Clone, Copy)]
    pub(in crate::kernel) struct Wide(__m256d, __m256d);

    // SAFETY of all bodies: the trait's callers have the instructions and the memory.
    impl Octet for Wide {
        #[inline(always)]
        unsafe fn load(from: *const f64) -> Self {
            // SAFETY: see above.
            unsafe { Self(_mm256_loadu_pd(from), _mm256_loadu_pd(from.add(4))) }
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f64) {
            // SAFETY: see above.
            unsafe {
                _mm256_storeu_pd(to, self.0);
                _mm256_storeu_pd(to.add(4), self.1);
            }
        }
        #[inline(always)]
        unsafe fn splat(value: f64) -> Self {
            // SAFETY: see above.
            unsafe { Self(_mm256_set1_pd(value), _mm256_set1_pd(value)) }
        }
        #[inline(always)]
        unsafe fn times_plus(self, f: Self, s: Self) -> Self {
            // SAFETY: see above.
            unsafe { Self(_mm256_fmadd_pd(self.0, f.0, s.0), _mm256_fmadd_pd(self.1, f.1, s.1)) }
        }
        #[inline(always)]
        unsafe fn times(self, f: Self) -> Self {
            // SAFETY: see above.
            unsafe { Self(_mm256_mul_pd(self.0, f.0), _mm256_mul_pd(self.1, f.1)) }
        }
        #[inline(always)]
        unsafe fn plus(self, o: Self) -> Self {
            // SAFETY: see above.
            unsafe { Self(_mm256_add_pd(self.0, o.0), _mm256_add_pd(self.1, o.1)) }
        }
        #[inline(always)]
        unsafe fn inverse(self) -> Self {
            // SAFETY: see above.
            unsafe {
                let one = |v| {
                    let positive = _mm256_cmp_pd::<_CMP_GT_OQ>(v, _mm256_setzero_pd());
                    _mm256_and_pd(positive, _mm256_div_pd(_mm256_set1_pd(1.0), v))
                };
                Self(one(self.0), one(self.1))
            }
        }
    }

    /// One register of AVX-512.
    #[derive(Clone, Copy)]
    pub(in crate::kernel) struct Wider(__m512d);

    impl Octet for Wider {
        #[inline(always)]
        unsafe fn load(from: *const f64) -> Self {
            // SAFETY: see above.
            unsafe { Self(_mm512_loadu_pd(from)) }
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f64) {
            // SAFETY: see above.
            unsafe { _mm512_storeu_pd(to, self.0) }
        }
        #[inline(always)]
        unsafe fn splat(value: f64) -> Self {
            // SAFETY: see above.
            unsafe { Self(_mm512_set1_pd(value)) }
        }
        #[inline(always)]
        unsafe fn times_plus(self, f: Self, s: Self) -> Self {
            // SAFETY: see above.
            unsafe { Self(_mm512_fmadd_pd(self.0, f.0, s.0)) }
        }
        #[inline(always)]
        unsafe fn times(self, f: Self) -> Self {
            // SAFETY: see above.
            unsafe { Self(_mm512_mul_pd(self.0, f.0)) }
        }
        #[inline(always)]
        unsafe fn plus(self, o: Self) -> Self {
            // SAFETY: see above.
            unsafe { Self(_mm512_add_pd(self.0, o.0)) }
        }
        #[inline(always)]
        unsafe fn inverse(self) -> Self {
            // SAFETY: see above.
            unsafe {
                let positive = _mm512_cmp_pd_mask::<_CMP_GT_OQ>(self.0, _mm512_setzero_pd());
                Self(_mm512_maskz_div_pd(positive, _mm512_set1_pd(1.0), self.0))
            }
        }
    }
}
