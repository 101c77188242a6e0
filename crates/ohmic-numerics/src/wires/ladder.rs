//! One line whose cells all end in fixed nodes: potentials without solving for anything else.

/// A line of nodes in series: edge `0` leads from the driven terminal to node `0`, edge `i` from node `i - 1`
/// to node `i`; `far` leads from the last node to a second driven terminal, 0 if there is none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ladder {
    pub(super) first: f64,
    pub(super) segment: f64,
    pub(super) far: f64,
}

impl Ladder {
    /// Potentials of the nodes with the driven terminals at 1 and every load, in siemens, ending at 0.
    ///
    /// Nodes go from first to last, what each leaves behind being a conductance to the terminals and one to
    /// ground; no term is ever subtracted.
    pub(super) fn potentials(&self, loads: impl Iterator<Item = f64>, out: &mut [f64], back: &mut [f64]) {
        let n = out.len();
        let (mut driven, mut ground) = (self.first, 0.0);
        for (i, load) in loads.enumerate() {
            ground += load;
            let next = if i + 1 < n { self.segment } else { 0.0 };
            if i + 1 == n {
                driven += self.far;
            }
            let sum = driven + ground + next;
            out[i] = driven / sum;
            back[i] = next / sum;
            (driven, ground) = (driven * back[i], ground * back[i]);
        }
        for i in (0..n.saturating_sub(1)).rev() {
            out[i] += back[i] * out[i + 1];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hand: 1 S to node 0, 1 S on to node 1, loads of 1 S each. Node 1 sits at half of node 0; node 0 draws
    /// 1.5 S: potentials 1 / 2.5 = 0.4 and 0.2. With 1 S from node 1 to a second terminal the line is
    /// symmetric: no current between the nodes, each at 1 / 2.
    #[test]
    fn two_nodes_by_hand() {
        let (mut u, mut back) = ([0.0; 2], [0.0; 2]);
        let line = Ladder { first: 1.0, segment: 1.0, far: 0.0 };
        line.potentials([1.0, 1.0].into_iter(), &mut u, &mut back);
        assert!((u[0] - 0.4).abs() < 1e-15 && (u[1] - 0.2).abs() < 1e-15, "{u:?}");
        Ladder { far: 1.0, ..line }.potentials([1.0, 1.0].into_iter(), &mut u, &mut back);
        assert!((u[0] - 0.5).abs() < 1e-15 && (u[1] - 0.5).abs() < 1e-15, "{u:?}");
    }
}
