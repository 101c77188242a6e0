//! The arithmetic that decides speed, and the only `unsafe` of the workspace.
//!
//! `scalar.rs` is the specification; every other form gives the same bits and is tested
//! against it. The level is chosen once for the process, see [`level`].
#![allow(unsafe_code)]
// tiles of registers read best by index, and kernels take what they need as plain arguments
#![allow(clippy::needless_range_loop, clippy::too_many_arguments)]
// what only the forms for x86 read
#![cfg_attr(not(target_arch = "x86_64"), allow(dead_code, unused_imports, unused_variables))]
// codes are integers held in f32: they are equal or they are not
#![allow(clippy::float_cmp)]

/// Compiles one body three times, with wider vectors switched on, and calls the one of its `level`.
/// The body must be `inline(always)` and give the same bits at any vector width.
macro_rules! by_level {
    (fn $name:ident($($arg:ident: $type:ty),*) -> $out:ty = $body:path) => {
        fn $name(level: $crate::kernel::Level, $($arg: $type),*) -> $out {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,popcnt,bmi1,bmi2")]
                fn avx512($($arg: $type),*) -> $out {
                    $body($($arg),*)
                }
                #[target_feature(enable = "avx2,fma")]
                fn avx2($($arg: $type),*) -> $out {
                    $body($($arg),*)
                }
                match level {
                    // SAFETY: callers pass `level()` or a member of `Level::available()`: what CPUID reports.
                    $crate::kernel::Level::Avx512 => return unsafe { avx512($($arg),*) },
                    // SAFETY: as above.
                    $crate::kernel::Level::Avx2 => return unsafe { avx2($($arg),*) },
                    $crate::kernel::Level::Scalar | $crate::kernel::Level::Neon => {}
                }
            }
            #[cfg(not(target_arch = "x86_64"))]
            let _ = level;
            $body($($arg),*)
        }
    };
}
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod convert;
mod copy;
pub mod engine;
mod float;
mod gemm;
pub(crate) mod mesh;
pub(crate) mod mesh_lanes;
mod mvm;
mod normal;
mod octet;
mod peak;
mod scalar;
mod stairs;

pub use convert::{
    Accumulators, Digit, DigitPart, Grids, Order, Staircases, Weighed, add_bits, add_squares, digits,
    quantize_bytes, row_values, turned_values, values, weigh,
};
pub use copy::{Windows, copy_runs};
pub use float::{Begin, InputRows, PanelsF32, dots_f32};
pub use gemm::{Op, gemm_f32};
pub use mvm::{PackedI16, mvm_i16};
pub(crate) use normal::fill_normal;
pub use peak::{Peak, peak_instructions, spin};
pub use stairs::{ColumnReads, Stairs, Strided, convert_column};

/// The instruction sets that kernels are written for, from slowest to fastest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Plain Rust: the specification.
    Scalar,
    /// NEON of aarch64: forms of its own for dot products, plain Rust elsewhere (which the compiler vectorises).
    Neon,
    /// AVX2 with FMA.
    Avx2,
    /// AVX-512 F, BW, DQ, VL, VNNI, VBMI, VBMI2, BITALG and VPOPCNTDQ, GFNI: Ice Lake, Zen 4 and later.
    Avx512,
}

impl Level {
    /// The name used by the knob `OHMIC_KERNEL` and in manifests.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Neon => "neon",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// Every level this machine can run, slowest first.
    pub fn available() -> Vec<Self> {
        let mut levels = vec![Self::Scalar];
        #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
        if std::arch::is_aarch64_feature_detected!("neon") {
            levels.push(Self::Neon);
        }
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                levels.push(Self::Avx2);
                if is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512vnni")
                    && is_x86_feature_detected!("avx512vbmi")
                    && is_x86_feature_detected!("avx512vbmi2")
                    && is_x86_feature_detected!("avx512bitalg")
                    && is_x86_feature_detected!("avx512vpopcntdq")
                    && is_x86_feature_detected!("gfni")
                    && is_x86_feature_detected!("popcnt")
                    && is_x86_feature_detected!("bmi1")
                    && is_x86_feature_detected!("bmi2")
                {
                    levels.push(Self::Avx512);
                }
            }
        }
        levels
    }
}

static LEVEL: std::sync::OnceLock<Level> = std::sync::OnceLock::new();

/// The level in use: the fastest this machine has, unless [`force_level`] was called first.
pub fn level() -> Level {
    *LEVEL.get_or_init(|| Level::available().pop().unwrap_or(Level::Scalar))
}

/// Fixes the level for the rest of the process. Results do not depend on it, only speed does.
///
/// # Errors
/// The level is not available on this machine, or another one is already in use.
pub fn force_level(wanted: Level) -> Result<(), String> {
    if !Level::available().contains(&wanted) {
        return Err(format!("this machine cannot run {} kernels", wanted.name()));
    }
    let used = *LEVEL.get_or_init(|| wanted);
    if used == wanted { Ok(()) } else { Err(format!("{} kernels are already in use", used.name())) }
}
