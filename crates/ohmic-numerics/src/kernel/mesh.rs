//! Star-mesh elimination of nodes from a dense network of conductances, blocked for the caches.
//!
//! A network is held by the conductance between every two of its nodes: no diagonal, no sign. Node `p` with
//! conductances `a[p][j]` to what is left goes away by `a[i][j] += a[i][p] · a[p][j] / d`, `d` the sum over
//! `j` of `a[p][j]`. Nothing is ever subtracted, so every entry keeps nearly all its digits, whatever the
//! ratio of the conductances (Grassmann, Taksar and Heyman's way with Markov chains). This is the Cholesky
//! factorization of the nodal matrix with its diagonal taken from row sums.

use super::Level;
use super::octet::{Octet, Plain};
#[cfg(target_arch = "x86_64")]
use super::octet::{Wide, Wider};

/// Nodes eliminated at a time, and rows of a tile of the update.
pub(crate) const PANEL: usize = 8;
/// Columns of a tile of the update.
pub(crate) const WIDE: usize = 16;
/// Pivots applied in one pass: what keeps a block of them in the nearest cache.
const DEPTH: usize = 256;

/// A dense network in the upper triangle of `f`, `stride` values a row.
pub(crate) struct Front<'a> {
    /// Conductances; entry `(i, j)` with `i < j` at `i · stride + j`. What is left of `j = i` is scratch.
    pub(crate) f: &'a mut [f64],
    /// Nodes rounded up to [`WIDE`]; rows beyond the nodes exist, columns beyond them are zero.
    pub(crate) stride: usize,
    /// Nodes to eliminate, the first ones; a multiple of [`PANEL`]; isolated ones do nothing.
    pub(crate) pivots: usize,
    /// First node of a group whose conductances among one another nobody needs; the group ends at `second`.
    pub(crate) first: usize,
    /// First node of a last group of the same sort.
    pub(crate) second: usize,
}

/// Eliminates the pivots of a front. Afterwards rows of pivots hold what each had when it went and, on the
/// diagonal, one over their sum.
///
/// # Panics
/// The front is as described; `u` and `w` hold `pivots · stride` values each.
pub(crate) fn eliminate(level: Level, front: Front<'_>, u: &mut [f64], w: &mut [f64]) {
    let Front { f, stride, pivots, first, second } = front;
    assert!(
        stride.is_multiple_of(WIDE) && pivots.is_multiple_of(PANEL) && pivots <= stride,
        "{pivots} pivots of {stride}"
    );
    assert_eq!(f.len(), stride * stride, "a square front");
    assert!(u.len() >= pivots * stride && w.len() >= pivots * stride, "room for the pivots");
    run(level, f, [stride, pivots, first, second], u, w);
}

fn run(level: Level, f: &mut [f64], shape: [usize; 4], u: &mut [f64], w: &mut [f64]) {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
        fn avx512(f: &mut [f64], shape: [usize; 4], u: &mut [f64], w: &mut [f64]) {
            // PERF: sixteen sums in registers; ten loads serve sixteen multiply-adds
            // SAFETY: the CPU has AVX-512 where this runs; `eliminate` checks the slices.
            unsafe { body::<Wider, 8, 2>(f, shape, u, w) }
        }
        #[target_feature(enable = "avx2,fma")]
        fn avx2(f: &mut [f64], shape: [usize; 4], u: &mut [f64], w: &mut [f64]) {
            // SAFETY: the CPU has AVX2 and FMA where this runs; `eliminate` checks the slices.
            unsafe { body::<Wide, 4, 1>(f, shape, u, w) }
        }
        match level {
            // SAFETY: callers pass `level()` or a member of `Level::available()`: what CPUID reports.
            Level::Avx512 => return unsafe { avx512(f, shape, u, w) },
            // SAFETY: as above.
            Level::Avx2 => return unsafe { avx2(f, shape, u, w) },
            Level::Scalar | Level::Neon => {}
        }
    }
    let _ = level;
    // SAFETY: the plain form needs no instructions; `eliminate` checks the slices.
    unsafe { body::<Plain, 4, 1>(f, shape, u, w) }
}

/// All of it, with register tiles of `M` rows by `N` octets: a sum is formed in the same order in any tile.
///
/// # Safety
/// The CPU has the instructions of `V`; the slices are as [`eliminate`] asserts.
#[inline(always)]
unsafe fn body<V: Octet, const M: usize, const N: usize>(
    f: &mut [f64],
    shape: [usize; 4],
    u: &mut [f64],
    w: &mut [f64],
) {
    let [stride, pivots, first, second] = shape;
    let blocks = stride / WIDE;
    for start in (0..pivots).step_by(PANEL) {
        // what earlier pivots add to these rows
        if start > 0 {
            for block in start / WIDE..blocks {
                let u = &u[block * pivots * WIDE..][..start * WIDE];
                let w = &w[start * pivots..][..start * PANEL];
                // SAFETY: the tile's rows and columns lie within the front.
                unsafe { tile::<V, M, N>(u, w, &mut f[start * stride + block * WIDE..], stride) };
            }
        }
        let rows = &mut f[start * stride..(start + PANEL) * stride];
        // SAFETY: whole rows of whole octets.
        let factors = unsafe { panel::<V>(rows, stride, start) };
        let own = start + PANEL;
        // SAFETY: octets within the rows; one place a pivot and column in `u` and `w`.
        unsafe {
            if !own.is_multiple_of(WIDE) {
                // the second half of the block of the panel's own columns
                spread::<V, 1>(rows, stride, own, &factors, u, w, (pivots, start));
            }
            for block in own.div_ceil(WIDE)..blocks {
                spread::<V, 2>(rows, stride, block * WIDE, &factors, u, w, (pivots, start));
            }
        }
    }
    // all pivots on what is left
    for from in (0..pivots).step_by(DEPTH) {
        let to = (from + DEPTH).min(pivots);
        for block in pivots / WIDE..blocks {
            let u = &u[(block * pivots + from) * WIDE..(block * pivots + to) * WIDE];
            let last = ((block + 1) * WIDE).min(second);
            for row in (pivots..last).step_by(PANEL) {
                if row >= first && (block + 1) * WIDE <= second {
                    break;
                }
                let w = &w[row * pivots + from * PANEL..row * pivots + to * PANEL];
                // SAFETY: the tile's rows and columns lie within the front.
                unsafe { tile::<V, M, N>(u, w, &mut f[row * stride + block * WIDE..], stride) };
            }
        }
    }
}

/// What a panel's pivots take of one another, and one over their sums.
struct Factors {
    take: [[f64; PANEL]; PANEL],
    inverse: [f64; PANEL],
}

/// Eliminates a panel within itself. What its rows have beyond the panel goes along as one sum a row: every
/// entry there changes by the same multiples.
///
/// # Safety
/// The CPU has the instructions of `V`; `rows` are [`PANEL`] rows of `stride` values, a multiple of [`PANEL`].
#[inline(always)]
unsafe fn panel<V: Octet>(rows: &mut [f64], stride: usize, start: usize) -> Factors {
    let own = start + PANEL;
    let mut beyond = [0.0; PANEL];
    for (beyond, row) in beyond.iter_mut().zip(rows.chunks_exact(stride)) {
        let mut sums = [0.0; PANEL];
        // SAFETY: whole octets of a row.
        unsafe {
            let mut sum = V::splat(0.0);
            for part in row[own..].as_chunks::<PANEL>().0 {
                sum = sum.plus(V::load(part.as_ptr()));
            }
            sum.store(sums.as_mut_ptr());
        }
        let [a, b, c, d, e, f, g, h] = sums;
        *beyond = ((a + e) + (c + g)) + ((b + f) + (d + h));
    }
    let mut a = [[0.0; PANEL]; PANEL];
    for p in 0..PANEL {
        for q in p + 1..PANEL {
            a[p][q] = rows[p * stride + start + q];
        }
    }
    let mut factors = Factors { take: [[0.0; PANEL]; PANEL], inverse: [0.0; PANEL] };
    for p in 0..PANEL {
        let mut sum = beyond[p];
        for q in p + 1..PANEL {
            sum += a[p][q];
        }
        let inverse = if sum > 0.0 { 1.0 / sum } else { 0.0 };
        factors.inverse[p] = inverse;
        for q in p + 1..PANEL {
            let take = a[p][q] * inverse;
            factors.take[p][q] = take;
            for t in q + 1..PANEL {
                a[q][t] = take.mul_add(a[p][t], a[q][t]);
            }
            beyond[q] = take.mul_add(beyond[p], beyond[q]);
        }
    }
    for p in 0..PANEL {
        rows[p * stride + start + p] = factors.inverse[p];
        for q in p + 1..PANEL {
            rows[p * stride + start + q] = a[p][q];
        }
    }
    factors
}

/// Carries a panel's elimination on to `N` octets of its rows, and packs them for the tiles.
///
/// # Safety
/// The CPU has the instructions of `V`.
#[inline(always)]
unsafe fn spread<V: Octet, const N: usize>(
    rows: &mut [f64],
    stride: usize,
    column: usize,
    factors: &Factors,
    u: &mut [f64],
    w: &mut [f64],
    (pivots, start): (usize, usize),
) {
    assert!(rows.len() == PANEL * stride && column + N * PANEL <= stride, "octets within the rows");
    let (block, inner) = (column / WIDE, column % WIDE);
    let u = &mut u[(block * pivots + start) * WIDE..][..PANEL * WIDE];
    let w = &mut w[column * pivots..][..N * PANEL * pivots];
    assert!(start + PANEL <= pivots && inner + N * PANEL <= WIDE, "places of the panel");
    // SAFETY: row p has octets at `column`, `u` has 16 values a pivot, `w` eight a pivot and octet: see above.
    unsafe {
        let mut r = [[V::splat(0.0); N]; PANEL];
        for p in 0..PANEL {
            for n in 0..N {
                r[p][n] = V::load(rows.as_ptr().add(p * stride + column + n * PANEL));
            }
        }
        for p in 0..PANEL {
            for q in p + 1..PANEL {
                let take = V::splat(factors.take[p][q]);
                for n in 0..N {
                    r[q][n] = take.times_plus(r[p][n], r[q][n]);
                }
            }
        }
        for p in 0..PANEL {
            let inverse = V::splat(factors.inverse[p]);
            if inner > 0 {
                // columns of the panel itself: tiles pass over them
                V::splat(0.0).store(u.as_mut_ptr().add(p * WIDE));
            }
            for n in 0..N {
                r[p][n].store(u.as_mut_ptr().add(p * WIDE + inner + n * PANEL));
                r[p][n].store(rows.as_mut_ptr().add(p * stride + column + n * PANEL));
                r[p][n].times(inverse).store(w.as_mut_ptr().add(n * PANEL * pivots + (start + p) * PANEL));
            }
        }
    }
}

/// `c += wᵀ · u` for one tile of [`PANEL`] rows and [`WIDE`] columns, the pivots one after the other.
///
/// # Safety
/// The CPU has the instructions of `V`.
#[inline(always)]
unsafe fn tile<V: Octet, const M: usize, const N: usize>(u: &[f64], w: &[f64], c: &mut [f64], stride: usize) {
    let depth = w.len() / PANEL;
    assert!(u.len() == depth * WIDE && c.len() >= (PANEL - 1) * stride + WIDE, "a whole tile");
    for row in (0..PANEL).step_by(M) {
        for column in (0..WIDE).step_by(N * PANEL) {
            // SAFETY: the rows and columns of the tile, and `depth` rows of `u` and `w`: see above.
            unsafe {
                let c = c.as_mut_ptr().add(row * stride + column);
                let (mut u, mut w) = (u.as_ptr().add(column), w.as_ptr().add(row));
                let mut sums = [[V::splat(0.0); N]; M];
                for i in 0..M {
                    for n in 0..N {
                        sums[i][n] = V::load(c.add(i * stride + n * PANEL));
                    }
                }
                for _ in 0..depth {
                    let mut r = [V::splat(0.0); N];
                    for n in 0..N {
                        r[n] = V::load(u.add(n * PANEL));
                    }
                    for i in 0..M {
                        let w = V::splat(*w.add(i));
                        for n in 0..N {
                            sums[i][n] = w.times_plus(r[n], sums[i][n]);
                        }
                    }
                    u = u.add(WIDE);
                    w = w.add(PANEL);
                }
                for i in 0..M {
                    for n in 0..N {
                        sums[i][n].store(c.add(i * stride + n * PANEL));
                    }
                }
            }
        }
    }
}
