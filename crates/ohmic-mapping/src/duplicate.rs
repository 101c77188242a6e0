//! How often the weights of each layer are held, under a budget of crossbars.
//!
//! `d` copies of a layer share out its input vectors: each takes at most `ceil(vectors / d)`, and the layer is done in
//! that many times the time of one vector. The slowest layer sets the interval at which samples follow each other.
//!
//! [`balanced`] is exact. The interval of a layer is a whole number of its vectors, so the best interval is one of the
//! candidates `ceil(vectors / d) · vector_s` of some layer; for each the fewest copies of every layer follow, and they
//! only grow as the interval shrinks: the shortest candidate within the budget is found by bisection. Copies that do not
//! shorten the interval are not made.

/// What a layer asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Demand {
    /// Input vectors of a sample, at least 1.
    pub vectors: usize,
    /// Time that one copy takes for one, in seconds.
    pub vector_s: f64,
    /// Crossbars of one copy.
    pub crossbars: usize,
}

impl Demand {
    /// Time of the layer with `copies` copies, in seconds.
    pub fn time_s(&self, copies: usize) -> f64 {
        self.vectors.div_ceil(copies.max(1)) as f64 * self.vector_s
    }

    /// Fewest copies that are done within `interval_s`; `None` if not even one vector each is.
    fn copies_within(&self, interval_s: f64) -> Option<usize> {
        let (mut low, mut high) = (0, self.vectors);
        // most vectors whose time, computed as `time_s` does, is within the interval
        while low < high {
            let middle = (low + high).div_ceil(2);
            if middle as f64 * self.vector_s <= interval_s {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        (low > 0).then(|| self.vectors.div_ceil(low))
    }
}

/// Time of the slowest layer, in seconds.
pub fn slowest_s(layers: &[Demand], copies: &[usize]) -> f64 {
    layers.iter().zip(copies).map(|(layer, &copies)| layer.time_s(copies)).fold(0.0, f64::max)
}

/// The copies that make the slowest layer as fast as `budget` crossbars allow, and of these the fewest. One of each if
/// not even these fit.
pub fn balanced(layers: &[Demand], budget: usize) -> Vec<usize> {
    let mut candidates: Vec<f64> = layers.iter().flat_map(times).collect();
    candidates.sort_unstable_by(f64::total_cmp);
    candidates.dedup();
    let copies = |interval_s: f64| -> Option<Vec<usize>> {
        layers.iter().map(|layer| layer.copies_within(interval_s)).collect()
    };
    let fits =
        |interval_s: f64| copies(interval_s).is_some_and(|copies| crossbars(layers, &copies) <= budget);
    let best = candidates.partition_point(|&interval_s| !fits(interval_s));
    candidates.get(best).and_then(|&interval_s| copies(interval_s)).unwrap_or_else(|| vec![1; layers.len()])
}

/// As many copies of every layer as of every other, but no more than it has vectors.
pub fn equal(layers: &[Demand], budget: usize) -> Vec<usize> {
    let once: usize = layers.iter().map(|layer| layer.crossbars).sum();
    let each = (budget / once.max(1)).max(1);
    layers.iter().map(|layer| each.min(layer.vectors)).collect()
}

/// Crossbars of all copies.
fn crossbars(layers: &[Demand], copies: &[usize]) -> usize {
    layers.iter().zip(copies).fold(0, |sum, (l, &d)| sum.saturating_add(l.crossbars.saturating_mul(d)))
}

/// Every time that a layer can take: `ceil(vectors / d)` takes about `2 √vectors` values.
fn times(layer: &Demand) -> Vec<f64> {
    let mut times = Vec::new();
    let mut copies = 1;
    while copies <= layer.vectors {
        let each = layer.vectors.div_ceil(copies);
        times.push(layer.time_s(copies));
        if each == 1 {
            break;
        }
        // the fewest copies of which each takes less
        copies = layer.vectors.div_ceil(each - 1);
    }
    times
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demand(vectors: usize, vector_s: f64, crossbars: usize) -> Demand {
        Demand { vectors, vector_s, crossbars }
    }

    /// The shortest interval of all ways to spend the budget, and the fewest crossbars that reach it.
    fn brute_force(layers: &[Demand], budget: usize) -> (f64, usize) {
        fn go(layers: &[Demand], budget: usize, slowest: f64, spent: usize, best: &mut (f64, usize)) {
            let Some((layer, rest)) = layers.split_first() else {
                if slowest < best.0 || (slowest == best.0 && spent < best.1) {
                    *best = (slowest, spent);
                }
                return;
            };
            for copies in 1..=layer.vectors {
                let cost = copies * layer.crossbars;
                if spent + cost > budget {
                    break;
                }
                go(rest, budget, slowest.max(layer.time_s(copies)), spent + cost, best);
            }
        }
        let mut best = (f64::INFINITY, usize::MAX);
        go(layers, budget, 0.0, 0, &mut best);
        best
    }

    /// 12 vectors of 1 s on 1 crossbar, 4 of 2 s on 3. 7 crossbars hold 1 and 2 copies (12 s and 4 s), or up to 4 and 1:
    /// 8 s, for which 2 of the first are enough.
    #[test]
    fn by_hand() {
        let layers = [demand(12, 1.0, 1), demand(4, 2.0, 3)];
        let copies = balanced(&layers, 7);
        assert_eq!((slowest_s(&layers, &copies), copies), (8.0, vec![2, 1]));
        // 8 crossbars: two of the second take 6, which leaves two of the first: 6 s and 4 s
        assert_eq!(balanced(&layers, 8), [2, 2]);
        assert_eq!(equal(&layers, 8), [2, 2]);
        assert_eq!(equal(&layers, 7), [1, 1]);
        // as many copies as vectors: 1 s and 2 s; more are not made, and of the first 6 do
        assert_eq!(balanced(&layers, 1000), [6, 4]);
    }

    /// Against all ways there are, on 400 small cases; throughput never falls with the budget, and never lies below that
    /// of no or equal copies.
    #[test]
    fn exact() {
        let mut state = 1u64;
        let mut draw = |most: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 33) % most) as usize + 1
        };
        for case in 0..400 {
            let count = draw(4);
            let layers: Vec<Demand> =
                (0..count).map(|_| demand(draw(12), draw(7) as f64 * 0.1, draw(5))).collect();
            let once: usize = layers.iter().map(|l| l.crossbars).sum();
            let mut before = f64::INFINITY;
            for budget in once..once + 24 {
                let copies = balanced(&layers, budget);
                let got = (slowest_s(&layers, &copies), crossbars(&layers, &copies));
                assert_eq!(got, brute_force(&layers, budget), "case {case}: {layers:?}, {budget} crossbars");
                assert!(got.0 <= before, "case {case}: slower with {budget} crossbars");
                assert!(got.0 <= slowest_s(&layers, &equal(&layers, budget)));
                before = got.0;
            }
            assert_eq!(balanced(&layers, once - 1), vec![1; count]);
        }
    }
}
