//! Newton's method against the linear solver, closed forms, an independent nodal solver, and Kirchhoff.

use super::*;
use crate::wires::{SenseEnd, effective};
use crate::{Noise, Purpose, Seed, Site};

/// Random numbers in 0..1 by index.
struct Draws(u32);

impl Draws {
    fn next(&mut self) -> f64 {
        self.0 += 1;
        Noise::new(Seed(8)).uniform(Purpose::Fault, Site { layer: 0, block: 0 }, 0, self.0)
    }

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

fn ohmic(volt: f64, g: f64) -> CellCurrent {
    CellCurrent { ampere: g * volt, slope_siemens: g }
}

/// I = g (v + 4 v^3).
fn cubic(volt: f64, g: f64) -> CellCurrent {
    CellCurrent { ampere: g * (volt + 4.0 * volt.powi(3)), slope_siemens: g * (1.0 + 12.0 * volt * volt) }
}

/// I = g v0 sinh(v / v0).
fn sinh(v0: f64) -> impl Fn(f64, f64) -> CellCurrent + Sync {
    move |volt, g| CellCurrent {
        ampere: g * v0 * libm::sinh(volt / v0),
        slope_siemens: g * libm::cosh(volt / v0),
    }
}

/// Saturating: I = g v0 tanh(v / v0).
fn tanh(v0: f64) -> impl Fn(f64, f64) -> CellCurrent + Sync {
    move |volt, g| CellCurrent {
        ampere: g * v0 * libm::tanh(volt / v0),
        slope_siemens: g / libm::cosh(volt / v0).powi(2),
    }
}

/// One step and the linear solver's currents, whatever the lines: zero resistances in all combinations, both
/// ends, both senses, grounded and floating rows, sizes beyond one small square.
#[test]
fn linear_cells_are_the_linear_solver() {
    let mut draws = Draws(1);
    let mut worst = 0f64;
    for (case, (m, n)) in [(1, 1), (2, 2), (5, 2), (3, 7), (20, 11)].into_iter().enumerate() {
        for zero in 0..32 {
            let mut ohm = |bit: usize| if zero >> bit & 1 == 1 { 0.0 } else { draws.log(0.1, 100.0) };
            let all = Lines {
                far_driver_ohm: ((case + zero) % 3 == 0).then_some(ohm(4)),
                sensed_at: if zero % 2 == 0 { SenseEnd::Bottom } else { SenseEnd::Top },
                ..lines(ohm(0), ohm(1), ohm(2), ohm(3))
            };
            let cells = Mat::from_fn(m, n, |_, _| draws.log(1e-6, 1e-3));
            let run = m / 3..m;
            let runs = [0..m / 3, m / 3..m].into_iter().filter(|r| !r.is_empty()).collect();
            for undriven in [Undriven::Grounded, Undriven::Floating(runs)] {
                let wanted = effective(cells.view(), &all, &undriven).unwrap();
                let volts: Vec<f64> = (0..m).map(|_| 2.0 * draws.next() - 1.0).collect();
                let is_floating = undriven != Undriven::Grounded;
                let drive = |i: usize| {
                    if is_floating && !run.contains(&i) { Drive::Floating } else { Drive::Volt(volts[i]) }
                };
                let drives: Vec<Drive> = (0..m).map(drive).collect();
                let mut solver = NonlinearSolver::new(m, n, &all).unwrap();
                let point = solver.solve(cells.view(), &ohmic, &drives, NewtonOptions::default()).unwrap();
                let rows = if is_floating { run.clone() } else { 0..m };
                for j in 0..n {
                    let sum: f64 = rows.clone().map(|i| volts[i] * wanted[(i, j)]).sum();
                    let size: f64 = rows.clone().map(|i| (volts[i] * wanted[(i, j)]).abs()).sum();
                    let off = (point.currents_ampere[j] - sum).abs() / size.max(1e-30);
                    assert!(off < 1e-10, "{m} x {n}, {all:?}, {undriven:?}: {off:e}");
                    worst = worst.max(off);
                }
                assert!(point.residual < 1e-8 && point.steps <= 1, "{point:?}");
            }
        }
    }
    assert!(worst < 1e-10, "{worst:e}");
}

/// Cardano: a cell I = g v + a v^3 behind resistors of R in all: v^3 + p v = q with p = (g + 1/R) / a and
/// q = V / (R a), v = cbrt(q/2 + s) + cbrt(q/2 - s), s^2 = q^2/4 + p^3/27.
#[test]
fn one_cubic_cell_by_cardano() {
    let cells = Mat::from_vec(1, 1, vec![1e-4]);
    for volt in [0.2f64, 1.0, -0.7, 5.0] {
        let (r, g, a) = (3000.0f64 + 2000.0, 1e-4f64, 4e-4f64);
        let (p, q) = ((g + 1.0 / r) / a, volt / (r * a));
        let s = (q * q / 4.0 + p * p * p / 27.0).sqrt();
        let v = (q / 2.0 + s).cbrt() + (q / 2.0 - s).cbrt();
        let mut solver = NonlinearSolver::new(1, 1, &lines(3000.0, 1.0, 1.0, 2000.0)).unwrap();
        let point =
            solver.solve(cells.view(), &cubic, &[Drive::Volt(volt)], NewtonOptions::default()).unwrap();
        assert!((point.cell_volt[(0, 0)] - v).abs() < 1e-9 * volt.abs(), "{point:?} {v}");
        assert!((point.currents_ampere[0] - (volt - v) / r).abs() < 1e-9 * (volt / r).abs(), "{point:?}");
    }
}

/// The zero of a falling function.
fn bisect(f: impl Fn(f64) -> f64, mut low: f64, mut high: f64) -> f64 {
    for _ in 0..80 {
        let middle = 0.5 * (low + high);
        if f(middle) > 0.0 { low = middle } else { high = middle }
    }
    low
}

/// Hand: 2 x 2 equal cells, drivers and sense inputs of R, both rows at V. By symmetry each word node is at
/// V - b, each bit node at b, with b = 2 R I(V - 2 b). One row floating: its word node is at b too, no current in
/// its cells; then (V - w) / R = 2 I(w - b) = 2 b / R: b = R I(V - 3 b).
#[test]
fn two_by_two_by_hand() {
    let cells = Mat::filled(2, 2, 2e-4);
    let r = 1000.0;
    let law = sinh(0.1);
    let mut solver = NonlinearSolver::new(2, 2, &lines(r, 0.0, 0.0, r)).unwrap();
    let current = |v: f64| law(v, 2e-4).ampere;
    let both = [Drive::Volt(1.0); 2];
    let point = solver.solve(cells.view(), &law, &both, NewtonOptions::default()).unwrap();
    let b = bisect(|b| 2.0 * r * current(1.0 - 2.0 * b) - b, 0.0, 1.0);
    assert!(point.currents_ampere.iter().all(|i| (i - b / r).abs() < 1e-9 * b / r), "{point:?} {b}");
    let one = [Drive::Volt(1.0), Drive::Floating];
    let point = solver.solve(cells.view(), &law, &one, NewtonOptions::default()).unwrap();
    let b = bisect(|b| r * current(1.0 - 3.0 * b) - b, 0.0, 1.0);
    assert!(point.currents_ampere.iter().all(|i| (i - b / r).abs() < 1e-9 * b / r), "{point:?} {b}");
    assert!(point.cell_volt[(1, 0)].abs() < 1e-9, "{point:?}");
}

/// All nodes of an array, one after the other put where their currents balance, until nothing moves: shares
/// nothing with the solver but the law. Every resistance is above 0.
fn by_relaxation(cells: &Mat<f64>, law: &Law<'_>, l: &Lines, drives: &[Drive]) -> Vec<f64> {
    let (m, n) = (cells.rows(), cells.cols());
    let mut u = Mat::filled(m, n, 0.0f64);
    let mut v = Mat::filled(m, n, 0.0f64);
    let last = if l.sensed_at == SenseEnd::Bottom { m - 1 } else { 0 };
    for _ in 0..2000 {
        for i in 0..m {
            for j in 0..n {
                // neighbours by resistance, then the cell
                let mut near: Vec<(f64, f64)> = Vec::new();
                if j > 0 {
                    near.push((u[(i, j - 1)], l.row_segment_ohm));
                }
                if j + 1 < n {
                    near.push((u[(i, j + 1)], l.row_segment_ohm));
                }
                if let Drive::Volt(volt) = drives[i] {
                    if j == 0 {
                        near.push((volt, l.driver_ohm));
                    }
                    if let (true, Some(far)) = (j + 1 == n, l.far_driver_ohm) {
                        near.push((volt, far));
                    }
                }
                let wires = |x: f64| near.iter().map(|(v, r)| (v - x) / r).sum::<f64>();
                u[(i, j)] = bisect(|x| wires(x) - law(x - v[(i, j)], cells[(i, j)]).ampere, -3.0, 3.0);
                near.clear();
                if i > 0 {
                    near.push((v[(i - 1, j)], l.column_segment_ohm));
                }
                if i + 1 < m {
                    near.push((v[(i + 1, j)], l.column_segment_ohm));
                }
                if i == last {
                    near.push((0.0, l.sense_ohm));
                }
                let wires = |x: f64| near.iter().map(|(v, r)| (v - x) / r).sum::<f64>();
                v[(i, j)] = bisect(|x| wires(x) + law(u[(i, j)] - x, cells[(i, j)]).ampere, -3.0, 3.0);
            }
        }
    }
    (0..n).map(|j| v[(last, j)] / l.sense_ohm).collect()
}

#[test]
fn small_arrays_by_relaxation() {
    let mut draws = Draws(500);
    for (case, (m, n)) in [(2, 3), (3, 3), (4, 2)].into_iter().enumerate() {
        let l = Lines {
            far_driver_ohm: (case == 1).then_some(400.0),
            sensed_at: if case == 2 { SenseEnd::Top } else { SenseEnd::Bottom },
            ..lines(500.0, 300.0, 200.0, 700.0)
        };
        let cells = Mat::from_fn(m, n, |_, _| draws.log(1e-4, 1e-3));
        let drives: Vec<Drive> = (0..m)
            .map(|i| if i == 1 && case > 0 { Drive::Floating } else { Drive::Volt(1.5 * draws.next() - 0.5) })
            .collect();
        let (steep, flat) = (sinh(0.2), tanh(0.1));
        let laws: [&Law<'_>; 3] = [&cubic, &steep, &flat];
        for law in laws {
            let wanted = by_relaxation(&cells, law, &l, &drives);
            let mut solver = NonlinearSolver::new(m, n, &l).unwrap();
            let point = solver.solve(cells.view(), law, &drives, NewtonOptions::default()).unwrap();
            let most = wanted.iter().fold(0f64, |a, i| a.max(i.abs()));
            for (got, wanted) in point.currents_ampere.iter().zip(&wanted) {
                assert!((got - wanted).abs() < 1e-8 * most, "{m} x {n}: {got:e} {wanted:e}");
            }
        }
    }
}

/// Laws that rise by 15 decades or lie flat within the drive, on lines of little and much resistance, rows
/// floating: Newton gets there, and the linear array of the chords has the same currents.
#[test]
fn steep_and_flat_laws_converge() {
    let mut draws = Draws(900);
    for (m, n) in [(16, 16), (33, 20)] {
        let cells = Mat::from_fn(m, n, |_, _| draws.log(1e-6, 1e-4));
        for ohm in [0.5, 50.0, 5000.0] {
            let l = lines(10.0, ohm, ohm, 10.0);
            let drives: Vec<Drive> = (0..m)
                .map(|i| if i % 5 == 4 { Drive::Floating } else { Drive::Volt(draws.next()) })
                .collect();
            let (steep, flat) = (sinh(0.03), tanh(0.02));
            let laws: [&Law<'_>; 3] = [&cubic, &steep, &flat];
            let mut solver = NonlinearSolver::new(m, n, &l).unwrap();
            for (which, law) in laws.into_iter().enumerate() {
                let point = solver.solve(cells.view(), law, &drives, NewtonOptions::default()).unwrap();
                assert!(point.residual < 1e-10, "{point:?}");
                assert!(point.steps <= 40, "law {which}, {ohm} ohm: {} steps", point.steps);
                let chord = chords(cells.view(), law, point.cell_volt.view());
                let linear = solver.solve(chord.view(), &ohmic, &drives, NewtonOptions::default()).unwrap();
                let most = point.currents_ampere.iter().fold(0f64, |a, i| a.max(i.abs()));
                for (a, b) in point.currents_ampere.iter().zip(&linear.currents_ampere) {
                    assert!((a - b).abs() < 1e-8 * most, "{a:e} {b:e}");
                }
            }
        }
    }
}

/// Reading one cell of N x N without selectors, rows that are not read at half voltage, every other cell on. On
/// ideal lines the bit line carries I(V) of the cell and N - 1 times I(V/2), so the margin between on and off is
/// (I_on - I_off) / (I_on + (N - 1) I_on(V/2)). With N = 32 and an on/off ratio of 10, linear cells leave
/// 0.9 / 16.5 = 5.5 %; I = g V sinh(v / v0) / sinh(V / v0) with v0 = V / 10 draws a fraction 1 / (2 cosh 5) =
/// 0.67 % at half voltage: 0.9 / (1 + 31 / 148.4) = 74 %. Wires take some of either.
#[test]
fn half_selected_cells_and_read_margin() {
    let n = 32;
    let margin = |l: &Lines, law: &Law<'_>| {
        let mut solver = NonlinearSolver::new(n, n, l).unwrap();
        let mut drives = vec![Drive::Volt(0.5); n];
        drives[0] = Drive::Volt(1.0);
        let mut read = |g: f64| {
            let cells = Mat::from_fn(n, n, |i, j| if (i, j) == (0, n - 1) { g } else { 1e-5 });
            let point = solver.solve(cells.view(), law, &drives, NewtonOptions::default()).unwrap();
            point.currents_ampere[n - 1]
        };
        let (on, off) = (read(1e-5), read(1e-6));
        (on - off) / on
    };
    let raw = sinh(0.1);
    let full = raw(1.0, 1.0).ampere;
    let law = |volt: f64, g: f64| raw(volt, g / full);
    let (linear, steep) = (margin(&Lines::IDEAL, &ohmic), margin(&Lines::IDEAL, &law));
    assert!((linear - 0.9 / 16.5).abs() < 1e-12, "{linear}");
    let half = 1.0 / (2.0 * libm::cosh(5.0));
    assert!((steep - 0.9 / (1.0 + 31.0 * half)).abs() < 1e-9, "{steep}");
    let l = lines(20.0, 2.0, 2.0, 20.0);
    let (linear, steep) = (margin(&l, &ohmic), margin(&l, &law));
    println!("on wires of 2 ohm: linear {linear:.4}, sinh {steep:.4}");
    assert!(linear < 0.9 / 16.5 && steep < 0.74 && steep > 5.0 * linear, "{linear} {steep}");
}

#[test]
fn what_cannot_be_solved_is_refused() {
    let cells = Mat::filled(2, 2, 1e-4);
    let mut solver = NonlinearSolver::new(2, 2, &lines(10.0, 1.0, 1.0, 10.0)).unwrap();
    let mut error = |law: &Law<'_>, drives: &[Drive], steps: usize| {
        let options = NewtonOptions { steps, ..NewtonOptions::default() };
        solver.solve(cells.view(), law, drives, options).unwrap_err().to_string()
    };
    let both = [Drive::Volt(1.0); 2];
    assert!(error(&cubic, &both[..1], 9).starts_with("1 drives for 2 rows"));
    assert!(error(&cubic, &[Drive::Volt(f64::NAN); 2], 9).starts_with("row 0 is driven with NaN V"));
    let e = error(&sinh(0.01), &both, 1);
    assert!(e.starts_with("no operating point after 1 Newton steps"), "{e}");
    let falling =
        |v: f64, g: f64| CellCurrent { ampere: g * v * (1.0 - v), slope_siemens: g * (1.0 - 2.0 * v) };
    let e = error(&falling, &both, 9);
    assert!(e.contains("does not fall with the voltage"), "{e}");
}
