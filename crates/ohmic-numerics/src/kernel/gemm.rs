//! Plain float matrix products, by the `gemm` crate.

/// Whether an operand is used as stored or transposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// As stored.
    Plain,
    /// Transposed.
    Transposed,
}

/// `c = beta · c + a · b` for row-major operands; `a` is `m × k` and `b` is `k × n` after their `Op`.
/// One thread. The order of additions is fixed for given shapes on one machine, not across machines.
///
/// # Panics
/// `a.len() == m * k`, `b.len() == k * n`, `c.len() == m * n`.
pub fn gemm_f32(
    [m, n, k]: [usize; 3],
    (a, op_a): (&[f32], Op),
    (b, op_b): (&[f32], Op),
    beta: f32,
    c: &mut [f32],
) {
    assert_eq!((a.len(), b.len(), c.len()), (m * k, k * n, m * n), "gemm {m} x {n} x {k}");
    let strides = |op, rows: usize, cols: usize| match op {
        Op::Plain => (cols as isize, 1),
        Op::Transposed => (1, rows as isize),
    };
    let (a_row, a_col) = strides(op_a, m, k);
    let (b_row, b_col) = strides(op_b, k, n);
    let read_c = beta != 0.0;
    // SAFETY: the three slices hold m*k, k*n and m*n values (asserted above) and the strides address
    // exactly those; c is borrowed mutably and so overlaps neither a nor b.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.as_mut_ptr(),
            1,
            n as isize,
            read_c,
            a.as_ptr(),
            a_col,
            a_row,
            b.as_ptr(),
            b_col,
            b_row,
            beta,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_transpositions_agree() {
        // a = [1 2 3; 4 5 6], b = [1 0; 0 1; 2 2]: a b = [7 8; 16 17]
        let a = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let at = [1.0, 4.0, 2.0, 5.0, 3.0, 6.0];
        let b = [1.0, 0.0, 0.0, 1.0, 2.0, 2.0];
        let bt = [1.0, 0.0, 2.0, 0.0, 1.0, 2.0];
        for (a, oa) in [(&a, Op::Plain), (&at, Op::Transposed)] {
            for (b, ob) in [(&b, Op::Plain), (&bt, Op::Transposed)] {
                let mut c = [1.0; 4];
                gemm_f32([2, 2, 3], (a, oa), (b, ob), 0.0, &mut c);
                assert_eq!(c, [7.0, 8.0, 16.0, 17.0]);
                gemm_f32([2, 2, 3], (a, oa), (b, ob), 1.0, &mut c);
                assert_eq!(c, [14.0, 16.0, 32.0, 34.0]);
            }
        }
    }
}
