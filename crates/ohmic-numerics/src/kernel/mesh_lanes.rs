//! Star-mesh elimination in eight small networks of one shape at a time, one a lane.
//!
//! The same arithmetic as `mesh.rs` with plain row sums. A [`LaneProgram`] says what is merged with what
//! and which nodes go; running it costs nothing but vector operations.

use super::Level;
use super::octet::{Octet, Plain};
#[cfg(target_arch = "x86_64")]
use super::octet::{Wide, Wider};

/// Networks worked on at a time.
pub(crate) const LANES: usize = 8;

/// One value of each of the networks.
pub(crate) type Lane = [f64; LANES];

/// Merges of small networks, in the order of their execution.
#[derive(Clone, Debug, Default)]
pub(crate) struct LaneProgram {
    /// The merges.
    pub(crate) steps: Vec<LaneStep>,
    /// Values that the stack holds at most.
    pub(crate) stack: usize,
    /// Values that one front holds at most.
    pub(crate) front: usize,
    /// Values that all rows of pivots have together: what recording them takes.
    pub(crate) record: usize,
    /// Values given: conductances that edges refer to.
    pub(crate) values: usize,
}

/// One merge: its parts are added up, then the first nodes are eliminated.
#[derive(Clone, Debug, Default)]
pub(crate) struct LaneStep {
    /// Nodes that go.
    pub(crate) pivots: usize,
    /// All nodes.
    pub(crate) nodes: usize,
    /// Single conductances: node, later node, which of the values.
    pub(crate) edges: Vec<(u8, u8, u16)>,
    /// Networks on the stack: where, and which node of the front each of their nodes is, ascending.
    pub(crate) children: Vec<(usize, Vec<u8>)>,
    /// Where the result goes on the stack.
    pub(crate) result: usize,
}

fn run(
    level: Level,
    program: &LaneProgram,
    values: &[Lane],
    stack: &mut [Lane],
    front: &mut [Lane],
    record: &mut [Lane],
) {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
        fn avx512(p: &LaneProgram, v: &[Lane], s: &mut [Lane], f: &mut [Lane], r: &mut [Lane]) {
            // SAFETY: the CPU has AVX-512 where this runs.
            unsafe { body::<Wider>(p, v, s, f, r) }
        }
        #[target_feature(enable = "avx2,fma")]
        fn avx2(p: &LaneProgram, v: &[Lane], s: &mut [Lane], f: &mut [Lane], r: &mut [Lane]) {
            // SAFETY: the CPU has AVX2 and FMA where this runs.
            unsafe { body::<Wide>(p, v, s, f, r) }
        }
        match level {
            // SAFETY: callers pass `level()` or a member of `Level::available()`: what CPUID reports.
            Level::Avx512 => return unsafe { avx512(program, values, stack, front, record) },
            // SAFETY: as above.
            Level::Avx2 => return unsafe { avx2(program, values, stack, front, record) },
            Level::Scalar | Level::Neon => {}
        }
    }
    let _ = level;
    // SAFETY: the plain form needs no instructions.
    unsafe { body::<Plain>(program, values, stack, front, record) }
}

/// Runs a program; its result is the network at the start of `stack`, upper triangle, row after row. With room
/// for it, `record` receives the rows of pivots of each step, one over their sums on the diagonal.
///
/// # Panics
/// The slices are as long as the program says; `record` may be empty.
pub(crate) fn run_lanes(
    level: Level,
    program: &LaneProgram,
    values: &[Lane],
    stack: &mut [Lane],
    front: &mut [Lane],
    record: &mut [Lane],
) {
    assert!(values.len() == program.values && stack.len() >= program.stack && front.len() >= program.front);
    assert!(record.is_empty() || record.len() == program.record, "all rows or none");
    run(level, program, values, stack, front, record);
}

/// # Safety
/// The CPU has the instructions of `V`.
#[inline(always)]
unsafe fn body<V: Octet>(
    program: &LaneProgram,
    values: &[Lane],
    stack: &mut [Lane],
    front: &mut [Lane],
    record: &mut [Lane],
) {
    let mut recorded = 0;
    for step in &program.steps {
        let (n, k) = (step.nodes, step.pivots);
        let f = &mut front[..n * n];
        // SAFETY: the CPU has the instructions of `V`.
        unsafe {
            assemble::<V>(step, values, stack, f);
            factor::<V>(f, n, k);
        }
        if !record.is_empty() {
            record[recorded..recorded + k * n].copy_from_slice(&f[..k * n]);
            recorded += k * n;
        }
        // SAFETY: as above.
        unsafe { update::<V>(f, n, k) };
        let left = n - k;
        for i in 0..left {
            let at = step.result + i * left;
            stack[at + i + 1..at + left].copy_from_slice(&f[(k + i) * n + k + i + 1..(k + i + 1) * n]);
        }
    }
}

/// Adds in every lane.
///
/// # Safety
/// The CPU has the instructions of `V`.
#[inline(always)]
unsafe fn add<V: Octet>(to: &mut Lane, from: &Lane) {
    // SAFETY: a lane is eight values.
    unsafe { V::load(to.as_ptr()).plus(V::load(from.as_ptr())).store(to.as_mut_ptr()) }
}

/// The sum of a step's parts.
///
/// # Safety
/// The CPU has the instructions of `V`.
#[inline(always)]
unsafe fn assemble<V: Octet>(step: &LaneStep, values: &[Lane], stack: &[Lane], f: &mut [Lane]) {
    let n = step.nodes;
    for i in 0..n {
        f[i * n + i..(i + 1) * n].fill([0.0; LANES]);
    }
    for &(i, j, value) in &step.edges {
        // SAFETY: the CPU has the instructions of `V`.
        unsafe { add::<V>(&mut f[usize::from(i) * n + usize::from(j)], &values[usize::from(value)]) };
    }
    for (start, map) in &step.children {
        for (i, &row) in map.iter().enumerate() {
            let from = &stack[start + i * map.len()..][i + 1..map.len()];
            let to = &mut f[usize::from(row) * n..][..n];
            for (from, &at) in from.iter().zip(&map[i + 1..]) {
                // SAFETY: as above.
                unsafe { add::<V>(&mut to[usize::from(at)], from) };
            }
        }
    }
}

/// Eliminates the pivots from one another's rows.
///
/// # Safety
/// The CPU has the instructions of `V`.
#[inline(always)]
unsafe fn factor<V: Octet>(f: &mut [Lane], n: usize, k: usize) {
    for p in 0..k {
        let (done, rest) = f.split_at_mut((p + 1) * n);
        let row = &mut done[p * n..];
        // SAFETY: lanes are eight values each.
        unsafe {
            // four sums at a time, then together: an addition takes longer than it keeps its unit busy
            let mut sums = [V::splat(0.0); 4];
            let (fours, others) = row[p + 1..].as_chunks::<4>();
            for four in fours {
                for s in 0..4 {
                    sums[s] = sums[s].plus(V::load(four[s].as_ptr()));
                }
            }
            for other in others {
                sums[0] = sums[0].plus(V::load(other.as_ptr()));
            }
            let inverse = sums[0].plus(sums[2]).plus(sums[1].plus(sums[3])).inverse();
            inverse.store(row[p].as_mut_ptr());
            for q in p + 1..k {
                let take = V::load(row[q].as_ptr()).times(inverse);
                let target = &mut rest[(q - p - 1) * n..][q + 1..n];
                for (to, from) in target.iter_mut().zip(&row[q + 1..n]) {
                    take.times_plus(V::load(from.as_ptr()), V::load(to.as_ptr())).store(to.as_mut_ptr());
                }
            }
        }
    }
}

/// Adds what the pivots leave between the other nodes.
///
/// # Safety
/// The CPU has the instructions of `V`.
#[inline(always)]
unsafe fn update<V: Octet>(f: &mut [Lane], n: usize, k: usize) {
    let (pivots, rest) = f.split_at_mut(k * n);
    let mut p = 0;
    // SAFETY: the CPU has the instructions of `V`.
    unsafe {
        while p + 4 <= k {
            update_by::<V, 4>(pivots, rest, n, k, p);
            p += 4;
        }
        while p < k {
            update_by::<V, 1>(pivots, rest, n, k, p);
            p += 1;
        }
    }
}

/// The same for `P` pivots from `p` on.
///
/// # Safety
/// The CPU has the instructions of `V`.
#[inline(always)]
unsafe fn update_by<V: Octet, const P: usize>(
    pivots: &[Lane],
    rest: &mut [Lane],
    n: usize,
    k: usize,
    p: usize,
) {
    for i in k..n {
        // SAFETY: lanes are eight values each; rows of pivots are asserted as long as they are read.
        unsafe {
            let mut w = [V::splat(0.0); P];
            for s in 0..P {
                let inverse = V::load(pivots[(p + s) * n + p + s].as_ptr());
                w[s] = V::load(pivots[(p + s) * n + i].as_ptr()).times(inverse);
            }
            let target = &mut rest[(i - k) * n..][i + 1..n];
            let rows = &pivots[p * n..(p + P) * n];
            for (j, to) in (i + 1..n).zip(target) {
                let mut sum = V::load(to.as_ptr());
                for s in 0..P {
                    sum = w[s].times_plus(V::load(rows.as_ptr().add(s * n + j).cast()), sum);
                }
                sum.store(to.as_mut_ptr());
            }
        }
    }
}
