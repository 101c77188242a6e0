//! Who takes which place at the least cost.

use ohmic_numerics::Mat;

/// [`cheapest`], but where it costs no less than staying (row `i` in place `i`), everything stays.
///
/// # Panics
/// There are as many places (columns) as rows or more.
pub fn assign(costs: &Mat<f64>) -> Vec<usize> {
    let rows = costs.rows();
    let stay: f64 = (0..rows).map(|r| costs[(r, r)]).sum();
    let place_of = cheapest(costs);
    let found: f64 = place_of.iter().enumerate().map(|(r, &p)| costs[(r, p)]).sum();
    if stay <= found { (0..rows).collect() } else { place_of }
}

/// A place (column) for every row of a matrix of costs, no place taken twice, so that the sum of costs is as small
/// as it can be.
///
/// Shortest augmenting paths with potentials (Kuhn 1955, Munkres 1957; in the form of Jonker and Volgenant 1987),
/// `O(rows² · places)`.
///
/// # Panics
/// There are as many places as rows or more.
pub fn cheapest(costs: &Mat<f64>) -> Vec<usize> {
    let (rows, places) = (costs.rows(), costs.cols());
    assert!(places >= rows, "a place for every row");
    // row 0 and place 0 are none; others count from 1
    let mut row_price = vec![0.0f64; rows + 1];
    let mut place_price = vec![0.0f64; places + 1];
    let mut taken_by = vec![0usize; places + 1];
    let mut before = vec![0usize; places + 1];
    for row in 1..=rows {
        taken_by[0] = row;
        let mut at = 0;
        let mut least = vec![f64::INFINITY; places + 1];
        let mut seen = vec![false; places + 1];
        while taken_by[at] != 0 {
            seen[at] = true;
            let (here, mut step, mut next) = (taken_by[at], f64::INFINITY, 0);
            for place in 1..=places {
                if seen[place] {
                    continue;
                }
                let reduced = costs[(here - 1, place - 1)] - row_price[here] - place_price[place];
                if reduced < least[place] {
                    least[place] = reduced;
                    before[place] = at;
                }
                if least[place] < step {
                    step = least[place];
                    next = place;
                }
            }
            for place in 0..=places {
                if seen[place] {
                    row_price[taken_by[place]] += step;
                    place_price[place] -= step;
                } else {
                    least[place] -= step;
                }
            }
            at = next;
        }
        while at != 0 {
            taken_by[at] = taken_by[before[at]];
            at = before[at];
        }
    }
    let mut place_of = vec![0; rows];
    for place in 1..=places {
        if taken_by[place] != 0 {
            place_of[taken_by[place] - 1] = place - 1;
        }
    }
    place_of
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn by_hand() {
        // staying costs 4 + 0 + 2; (0→1, 1→0, 2→2) costs 1 + 2 + 2, (0→1, 1→2, 2→0) 1 + 5 + 3
        let costs = Mat::from_vec(3, 3, vec![4.0, 1.0, 3.0, 2.0, 0.0, 5.0, 3.0, 2.0, 2.0]);
        assert_eq!(assign(&costs), [1, 0, 2]);
        assert_eq!(assign(&Mat::from_vec(2, 3, vec![1.0, 1.0, 0.0, 2.0, 1.0, 1.0])), [2, 1]);
        assert_eq!(assign(&Mat::filled(3, 4, 0.5)), [0, 1, 2], "nothing moves without a reason");
    }

    proptest! {
        #[test]
        fn as_cheap_as_every_permutation(
            rows in 1usize..6,
            more in 0usize..3,
            costs in prop::collection::vec(0u8..20, 48),
        ) {
            let costs = Mat::from_fn(rows, rows + more, |r, p| f64::from(costs[r * 8 + p]));
            let made = assign(&costs);
            let mut used = made.clone();
            used.sort_unstable();
            used.dedup();
            prop_assert_eq!(used.len(), rows);
            fn best(costs: &Mat<f64>, row: usize, used: u32) -> f64 {
                if row == costs.rows() {
                    return 0.0;
                }
                (0..costs.cols())
                    .filter(|p| used >> p & 1 == 0)
                    .map(|p| costs[(row, p)] + best(costs, row + 1, used | 1 << p))
                    .fold(f64::INFINITY, f64::min)
            }
            let sum: f64 = made.iter().enumerate().map(|(r, &p)| costs[(r, p)]).sum();
            prop_assert_eq!(sum, best(&costs, 0, 0));
        }
    }
}
