//! The solver against hand cases, an independent solver, laws of linear networks, and itself.

use super::*;
use crate::kernel::Level;
use crate::{Mat, Noise, Purpose, Seed, Site};

/// Random numbers in 0..1 by index.
struct Draws(u32);

impl Draws {
    fn next(&mut self) -> f64 {
        self.0 += 1;
        Noise::new(Seed(7)).uniform(Purpose::Fault, Site { layer: 0, block: 0 }, 0, self.0)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() * n as f64) as usize
    }

    /// Evenly spread in its logarithm.
    fn log(&mut self, low: f64, high: f64) -> f64 {
        libm::exp(libm::log(low) + self.next() * (libm::log(high) - libm::log(low)))
    }
}

fn lines(driver: f64, row: f64, column: f64, sense: f64) -> Lines {
    Lines {
        row_segment_ohm: row,
        column_segment_ohm: column,
        driver_ohm: driver,
        sense_ohm: sense,
        ..Lines::IDEAL
    }
}

/// Largest difference, relative to the entry of `b`.
fn difference(a: &Mat<f64>, b: &Mat<f64>) -> f64 {
    let each = a.as_slice().iter().zip(b.as_slice());
    each.map(|(a, b)| if a == b { 0.0 } else { (a - b).abs() / b.abs() }).fold(0.0, f64::max)
}

/// Hand: driver 2 ohm, cell 4 ohm, sense 1 ohm in series: 1 / 7 S.
#[test]
fn one_cell_by_hand() {
    let cells = Mat::from_vec(1, 1, vec![0.25]);
    let g = effective(cells.view(), &lines(2.0, 5.0, 9.0, 1.0), &Undriven::Grounded).unwrap();
    assert!((g[(0, 0)] - 1.0 / 7.0).abs() < 1e-16, "{g:?}");
}

/// Hand: two rows, one column, cells of 1 S, drivers without resistance, 1 ohm between the rows and to
/// ground. Source 0 alone: node 1 sees 1 S to source 1 (at 0 V), 1 S to ground, and node 0 through 1 S; node 0
/// sees 1 S to source 0. v0 = (1 + v1) / 2, v1 = v0 / 3: v0 = 0.6, v1 = 0.2, current 0.2 A.
/// Source 1 alone: v0 = v1 / 2, v1 = (1 + v0) / 3: v1 = 0.4, current 0.4 A.
#[test]
fn two_rows_by_hand() {
    let cells = Mat::from_vec(2, 1, vec![1.0, 1.0]);
    let g = effective(cells.view(), &lines(0.0, 0.0, 1.0, 1.0), &Undriven::Grounded).unwrap();
    assert!((g[(0, 0)] - 0.2).abs() < 1e-15 && (g[(1, 0)] - 0.4).abs() < 1e-15, "{g:?}");
}

/// Hand: 2 x 2 cells of 1 S, drivers of 1 ohm, nothing else: word nodes see their source and two grounds, so
/// a third of a volt each; the other row sees nothing. Then sense inputs of 1 ohm as well: one volt on row 0;
/// by symmetry both bit nodes are at v, w0 = (1 + 2v) / 3, w1 = 2v / 3, v = (w0 + w1) / 3:
/// 9v = 1 + 4v, v = 1/5.
#[test]
fn two_by_two_by_hand() {
    let cells = Mat::filled(2, 2, 1.0);
    let g = effective(cells.view(), &lines(1.0, 0.0, 0.0, 0.0), &Undriven::Grounded).unwrap();
    assert!(g.as_slice().iter().all(|g| (g - 1.0 / 3.0).abs() < 1e-16), "{g:?}");
    let g = effective(cells.view(), &lines(1.0, 0.0, 0.0, 1.0), &Undriven::Grounded).unwrap();
    assert!(g.as_slice().iter().all(|g| (g - 0.2).abs() < 1e-15), "{g:?}");
    // row 1 floating: w1 = v, v = (w0 + w1) / 3 = w0 / 2, w0 = (1 + 2v) / 3: w0 = 1/2, v = 1/4
    let floating = Undriven::Floating(vec![0..1, 1..2]);
    let g = effective(cells.view(), &lines(1.0, 0.0, 0.0, 1.0), &floating).unwrap();
    assert!(g.as_slice().iter().all(|g| (g - 0.25).abs() < 1e-15), "{g:?}");
}

/// Without resistance the cells themselves, bit for bit.
#[test]
fn ideal_lines_change_nothing() {
    let mut draws = Draws(0);
    let cells = Mat::from_fn(9, 5, |_, _| draws.next());
    for undriven in [Undriven::Grounded, Undriven::Floating(vec![0..4, 4..9])] {
        let g = effective(cells.view(), &Lines::IDEAL, &undriven).unwrap();
        assert_eq!(g, cells);
    }
}

/// Random sizes, options and ratios, every combination of resistances that are zero.
#[test]
fn agrees_with_nodal_analysis() {
    let mut draws = Draws(1000);
    let mut worst = 0f64;
    for case in 0..260 {
        let zero = case % 32;
        let most = if zero % 16 == 0 && case < 96 { 40 } else { 14 };
        let (m, n) = (1 + draws.below(most), 1 + draws.below(most));
        let mut ohm = |bit: usize| if zero >> bit & 1 == 1 { 0.0 } else { draws.log(0.01, 100.0) };
        let lines = Lines {
            row_segment_ohm: ohm(0),
            column_segment_ohm: ohm(1),
            driver_ohm: ohm(2),
            sense_ohm: ohm(3),
            far_driver_ohm: match case % 3 {
                0 => Some(ohm(4)),
                _ => None,
            },
            sensed_at: if case % 2 == 0 { SenseEnd::Bottom } else { SenseEnd::Top },
        };
        let cells = Mat::from_fn(m, n, |_, _| match draws.below(8) {
            0 => 0.0,
            _ => draws.log(1e-9, 1e-3),
        });
        let mut runs = Vec::new();
        let mut next = 0;
        while next < m {
            let end = (next + 1 + draws.below(m)).min(m);
            runs.push(next..end);
            next = end;
        }
        for undriven in [Undriven::Grounded, Undriven::Floating(runs)] {
            if undriven != Undriven::Grounded && most == 40 && case > 40 {
                continue;
            }
            let found = effective(cells.view(), &lines, &undriven).unwrap();
            let expected = oracle::effective(cells.view(), &lines, &undriven);
            let off = difference(&found, &expected);
            assert!(off < 1e-11, "case {case}: {m} x {n}, {lines:?}, {undriven:?}: {off:e}");
            worst = worst.max(off);
        }
    }
    assert!(worst < 1e-12, "{worst:e}");
}

/// What row i sends into column j, the array sends back when sources and sense terminals change places.
#[test]
fn reciprocity() {
    let mut draws = Draws(2000);
    let cells = Mat::from_fn(23, 17, |_, _| draws.log(1e-9, 1e-3));
    let there = Lines { sensed_at: SenseEnd::Top, ..lines(7.0, 0.5, 2.0, 3.0) };
    let g = effective(cells.view(), &there, &Undriven::Grounded).unwrap();
    let turned = Mat::from_fn(17, 23, |j, i| cells[(i, j)]);
    let back = Lines { sensed_at: SenseEnd::Top, ..lines(3.0, 2.0, 0.5, 7.0) };
    let h = effective(turned.view(), &back, &Undriven::Grounded).unwrap();
    let h = Mat::from_fn(23, 17, |i, j| h[(j, i)]);
    assert!(difference(&g, &h) < 1e-12, "{:e}", difference(&g, &h));
}

/// Every form of the kernels, bit for bit, small and large, whatever was computed before.
#[test]
fn same_bits_on_every_level() {
    for (m, n, far) in [(1, 1, None), (5, 3, Some(2.0)), (33, 20, None), (64, 50, Some(0.0)), (97, 71, None)]
    {
        let mut draws = Draws(3000);
        let cells = Mat::from_fn(m, n, |_, _| draws.log(1e-7, 1e-4));
        let lines = Lines { far_driver_ohm: far, ..lines(10.0, 1.0, 2.0, 10.0) };
        let halves: Vec<_> = [0..m / 2, m / 2..m].into_iter().filter(|r| !r.is_empty()).collect();
        for undriven in [Undriven::Grounded, Undriven::Floating(halves)] {
            let solver = Solver::new(m, n, &lines, &undriven).unwrap();
            let wanted = solver.clone().at_level(Level::Scalar).effective(cells.view()).unwrap();
            for level in Level::available() {
                let mut solver = solver.clone().at_level(level);
                for _ in 0..2 {
                    assert_eq!(solver.effective(cells.view()).unwrap(), wanted, "{} {m} x {n}", level.name());
                }
            }
        }
    }
}

#[test]
#[allow(clippy::single_range_in_vec_init)]
fn wrong_values_are_named() {
    let cells = Mat::from_vec(1, 2, vec![1e-6, -1e-6]);
    let error = |cells: &Mat<f64>, lines: &Lines, undriven: &Undriven| {
        effective(cells.view(), lines, undriven).unwrap_err().to_string()
    };
    let good = lines(1.0, 1.0, 1.0, 1.0);
    assert!(error(&cells, &good, &Undriven::Grounded).starts_with("cell (0, 1) has -0.000001 S"));
    let cells = Mat::from_vec(1, 2, vec![1e-6, f64::NAN]);
    assert!(error(&cells, &good, &Undriven::Grounded).starts_with("cell (0, 1) has NaN S"));
    for bad in [-1.0, f64::NAN, f64::INFINITY, 1e-300] {
        let e = error(&cells, &Lines { sense_ohm: bad, ..good }, &Undriven::Grounded);
        assert!(e.starts_with("a sense input of"), "{e}");
    }
    let cells = Mat::filled(3, 1, 1e-6);
    for runs in [vec![], vec![0..2], vec![0..2, 1..3], vec![0..4], vec![1..3, 0..1]] {
        let e = error(&cells, &good, &Undriven::Floating(runs));
        assert!(e.starts_with("runs of driven rows have to cover 0..3"), "{e}");
    }
    let empty = Mat::from_vec(0, 3, vec![]);
    assert_eq!(effective(empty.view(), &good, &Undriven::Grounded).unwrap().rows(), 0);
}

/// Currents balance at every node, and what flows into sense terminals is what the matrix says: cells of
/// 1 to 100 uS, wires of 1 ohm, every option. Larger ratios leave less of 53 bits: a potential of 1 V is known
/// to 1e-16 V, which is 1e-16 A a siemens of wire.
#[test]
fn currents_balance() {
    let mut draws = Draws(4000);
    for (case, (m, n)) in [(3, 20), (7, 30), (40, 9), (64, 64), (100, 75)].into_iter().enumerate() {
        let cells = Mat::from_fn(m, n, |_, _| 1e-6 + 99e-6 * draws.next());
        for zero in 0..32 {
            let ohm = |bit: usize, ohm: f64| if zero >> bit & 1 == 1 { 0.0 } else { ohm };
            let lines = Lines {
                far_driver_ohm: (case % 2 == 0).then_some(ohm(4, 20.0)),
                ..lines(ohm(0, 10.0), ohm(1, 1.0), ohm(2, 2.0), ohm(3, 10.0))
            };
            let mut solver = Solver::new(m, n, &lines, &Undriven::Grounded).unwrap();
            let b = solver.balance(cells.view()).unwrap();
            assert!(b.imbalance < 3e-12 && b.mismatch < 1e-13, "{m} x {n}, {lines:?}: {b:?}");
        }
    }
}

/// For many arrays and inputs the approximation errs by less than it says, and it says something useful for
/// short lines: terms that it leaves out are of second order in wire over cell resistance.
#[test]
fn approximation_keeps_its_promise() {
    let mut draws = Draws(5000);
    let mut useful = 0;
    for case in 0..150 {
        let zero = case % 16;
        let (m, n) = (1 + draws.below(30), 1 + draws.below(30));
        let mut ohm = |bit: usize| if zero >> bit & 1 == 1 { 0.0 } else { draws.log(0.01, 100.0) };
        let lines = Lines {
            row_segment_ohm: ohm(0),
            column_segment_ohm: ohm(1),
            driver_ohm: ohm(2),
            sense_ohm: ohm(3),
            far_driver_ohm: (case % 3 == 0).then_some(ohm(1)),
            sensed_at: if case % 2 == 0 { SenseEnd::Bottom } else { SenseEnd::Top },
        };
        let cells = Mat::from_fn(m, n, |_, _| draws.log(1e-7, 1e-4));
        let exact = effective(cells.view(), &lines, &Undriven::Grounded).unwrap();
        let near = approximate(cells.view(), &lines, f64::INFINITY).unwrap();
        let ones = |j: usize| (0..m).map(|i| exact[(i, j)]).sum::<f64>();
        for _ in 0..10 {
            let x: Vec<f64> = (0..m).map(|_| if draws.below(2) == 0 { 0.0 } else { draws.next() }).collect();
            for j in 0..n {
                let current = |g: &Mat<f64>| (0..m).map(|i| x[i] * g[(i, j)]).sum::<f64>();
                let off = (current(&near.matrix) - current(&exact)).abs() / ones(j);
                assert!(off <= near.bound, "case {case}: {off:e} > {:e}", near.bound);
            }
        }
        useful += usize::from(near.bound < 1e-3);
        if near.bound > 0.0 {
            let refused = approximate(cells.view(), &lines, near.bound / 2.0).unwrap_err();
            assert!(matches!(refused, Error::Bound { .. }), "{refused}");
        }
    }
    assert!(useful > 50, "{useful} of 150");
}
