//! An independent solver for tests: nodal analysis with every node of the array, in arithmetic of 106 bits.
//!
//! Shares nothing with the solver under test: all nodes, a diagonal, subtraction, one right-hand side a row.

use super::{Lines, SenseEnd, Undriven};
use crate::{Mat, MatRef};

/// A number as the sum of two, the second below the last digit of the first (Dekker, Knuth).
#[derive(Clone, Copy, Debug, Default)]
struct Double(f64, f64);

impl Double {
    fn from_sum(a: f64, b: f64) -> Self {
        let s = a + b;
        let t = s - a;
        Self(s, (a - (s - t)) + (b - t))
    }

    fn plus(self, o: Self) -> Self {
        let s = Self::from_sum(self.0, o.0);
        Self::from_sum(s.0, s.1 + self.1 + o.1)
    }

    fn times(self, o: Self) -> Self {
        let p = self.0 * o.0;
        Self::from_sum(p, self.0.mul_add(o.0, -p) + (self.0 * o.1 + self.1 * o.0))
    }

    fn negative(self) -> Self {
        Self(-self.0, -self.1)
    }

    fn over(self, o: Self) -> Self {
        let q = Self(self.0 / o.0, 0.0);
        let rest = self.plus(q.times(o).negative());
        let q = q.plus(Self(rest.0 / o.0, 0.0));
        let rest = self.plus(q.times(o).negative());
        q.plus(Self(rest.0 / o.0, 0.0))
    }
}

/// The matrix that [`super::effective`] promises.
pub(super) fn effective(cells: MatRef<'_, f64>, lines: &Lines, undriven: &Undriven) -> Mat<f64> {
    match undriven {
        Undriven::Grounded => driven(cells, lines, &vec![true; cells.rows()]),
        Undriven::Floating(runs) => {
            let mut out = Mat::filled(cells.rows(), cells.cols(), 0.0);
            for run in runs {
                let on: Vec<bool> = (0..cells.rows()).map(|i| run.contains(&i)).collect();
                let found = driven(cells, lines, &on);
                run.clone().for_each(|i| out.row_mut(i).copy_from_slice(found.row(i)));
            }
            out
        }
    }
}

/// All sources that are `on` are connected, the others open.
fn driven(cells: MatRef<'_, f64>, lines: &Lines, on: &[bool]) -> Mat<f64> {
    let (m, n) = (cells.rows(), cells.cols());
    let u = |i: usize, j: usize| 2 * (i * n + j);
    let v = |i: usize, j: usize| 2 * (i * n + j) + 1;
    let source = |i: usize| 2 * m * n + i;
    let ground = 2 * m * n + m;
    // nodes joined by nothing but a conductor
    let mut joined: Vec<usize> = (0..=ground).collect();
    fn root(joined: &[usize], mut a: usize) -> usize {
        while joined[a] != a {
            a = joined[a];
        }
        a
    }
    let mut edges: Vec<(usize, usize, f64)> = Vec::new();
    let mut resistor = |a: usize, b: usize, ohm: f64| {
        if ohm > 0.0 {
            edges.push((a, b, 1.0 / ohm));
        } else {
            let (a, b) = (root(&joined, a), root(&joined, b));
            joined[a.min(b)] = a.max(b);
        }
    };
    for i in 0..m {
        for j in 1..n {
            resistor(u(i, j - 1), u(i, j), lines.row_segment_ohm);
        }
        if on[i] {
            resistor(source(i), u(i, 0), lines.driver_ohm);
            if let Some(far) = lines.far_driver_ohm {
                resistor(source(i), u(i, n - 1), far);
            }
        }
    }
    for j in 0..n {
        for i in 1..m {
            resistor(v(i - 1, j), v(i, j), lines.column_segment_ohm);
        }
    }
    // each sense terminal is a node of its own, so that its current can be told: what flows into bit lines
    let end = |j: usize| match lines.sensed_at {
        SenseEnd::Bottom => v(m - 1, j),
        SenseEnd::Top => v(0, j),
    };
    let grounded: Vec<usize> = if lines.sense_ohm > 0.0 {
        (0..n).for_each(|j| resistor(end(j), ground, lines.sense_ohm));
        vec![root(&joined, ground)]
    } else {
        (0..n).map(|j| root(&joined, end(j))).collect()
    };
    for i in 0..m {
        for j in 0..n {
            edges.push((u(i, j), v(i, j), cells[(i, j)]));
        }
    }
    let edges: Vec<(usize, usize, f64)> =
        edges.iter().map(|&(a, b, g)| (root(&joined, a), root(&joined, b), g)).collect();
    let fixed_source: Vec<Option<usize>> = (0..m).map(|i| on[i].then(|| root(&joined, source(i)))).collect();
    // unknowns
    let mut unknown = vec![usize::MAX; ground + 1];
    let mut count = 0;
    for node in 0..2 * m * n {
        let fixed = grounded.contains(&node) || fixed_source.contains(&Some(node));
        if root(&joined, node) == node && !fixed {
            unknown[node] = count;
            count += 1;
        }
    }
    let mut first: Vec<usize> = (0..count).collect();
    for &(a, b, _) in &edges {
        let (a, b) = (unknown[a], unknown[b]);
        if a != usize::MAX && b != usize::MAX {
            first[a.max(b)] = first[a.max(b)].min(a.min(b));
        }
    }
    // rows of the lower triangle from their first entry on
    let mut l: Vec<Vec<Double>> = (0..count).map(|i| vec![Double::default(); i - first[i] + 1]).collect();
    let mut rhs: Vec<Vec<Double>> = vec![vec![Double::default(); count]; m];
    for &(a, b, g) in &edges {
        for (a, b) in [(a, b), (b, a)] {
            let (ka, kb) = (unknown[a], unknown[b]);
            if ka == usize::MAX || a == b {
                continue;
            }
            let diagonal = l[ka].last_mut().unwrap();
            *diagonal = diagonal.plus(Double(g, 0.0));
            if kb == usize::MAX {
                if let Some(i) = fixed_source.iter().position(|s| *s == Some(b)) {
                    rhs[i][ka] = rhs[i][ka].plus(Double(g, 0.0));
                }
            } else if kb < ka {
                let at = kb - first[ka];
                l[ka][at] = l[ka][at].plus(Double(-g, 0.0));
            }
        }
    }
    // L D L^T; a node that nothing is connected to has no pivot
    for i in 0..count {
        for j in first[i]..i {
            let mut sum = l[i][j - first[i]];
            for k in first[i].max(first[j])..j {
                sum = sum.plus(l[i][k - first[i]].times(l[j][k - first[j]]).negative());
            }
            l[i][j - first[i]] = sum;
        }
        let mut diagonal = *l[i].last().unwrap();
        for j in first[i]..i {
            let (raw, d) = (l[i][j - first[i]], *l[j].last().unwrap());
            if d.0 > 0.0 {
                let scaled = raw.over(d);
                diagonal = diagonal.plus(raw.times(scaled).negative());
                l[i][j - first[i]] = scaled;
            }
        }
        *l[i].last_mut().unwrap() = diagonal;
    }
    let mut out = Mat::filled(m, n, 0.0);
    for row in (0..m).filter(|&i| on[i]) {
        let x = &mut rhs[row];
        for i in 0..count {
            for j in first[i]..i {
                x[i] = x[i].plus(l[i][j - first[i]].times(x[j]).negative());
            }
        }
        for i in 0..count {
            let d = *l[i].last().unwrap();
            x[i] = if d.0 > 0.0 { x[i].over(d) } else { Double::default() };
        }
        for i in (0..count).rev() {
            for j in first[i]..i {
                x[j] = x[j].plus(l[i][j - first[i]].times(x[i]).negative());
            }
        }
        let potential = |node: usize| match unknown[node] {
            usize::MAX if fixed_source[row] == Some(node) => Double(1.0, 0.0),
            usize::MAX => Double::default(),
            k => x[k],
        };
        for j in 0..n {
            let mut current = Double::default();
            if lines.sense_ohm > 0.0 {
                let v = potential(root(&joined, end(j)));
                current = v.times(Double(1.0, 0.0).over(Double(lines.sense_ohm, 0.0)));
            } else {
                let node = root(&joined, end(j));
                for &(a, b, g) in &edges {
                    for (a, b) in [(a, b), (b, a)] {
                        if a == node && b != node {
                            current = current.plus(potential(b).times(Double(g, 0.0)));
                        }
                    }
                }
            }
            out[(row, j)] = current.0;
        }
    }
    out
}
