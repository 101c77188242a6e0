//! The scheduler against the definition, brute force and bounds.

use super::*;
use proptest::prelude::*;

const fn heat(rewrites: usize, cells: usize, changes: usize) -> StepLimit {
    StepLimit { parallel: None, heat: Some(HeatLimit { rewrites, cells, changes }) }
}

/// The table of capacities: `published.md` 8, computed there from the definition; its column of one change is the
/// known capacity of (b-1, infinity) run-length-limited sequences.
#[test]
fn capacities_are_those_of_the_table() {
    let table: [&[f64]; 7] = [
        &[0.6942, 1.0],
        &[0.5515, 0.8791, 1.0],
        &[0.4650, 0.7776, 0.9468, 1.0],
        &[0.4057, 0.6979, 0.8834, 0.9752, 1.0],
        &[0.3620, 0.6346, 0.8234, 0.9369, 0.9881],
        &[0.3282, 0.5832, 0.7698, 0.8946, 0.9653],
        &[0.3011, 0.5405, 0.7226, 0.8527, 0.9364],
    ];
    for (window, row) in (2..).zip(table) {
        for (ones, &printed) in (1..).zip(row) {
            let c = capacity(window, ones).unwrap();
            assert!((c - printed).abs() < 5.001e-5, "C({window}, {ones}) = {c}, printed {printed}");
        }
    }
    // the golden ratio: sequences without two neighbouring ones
    assert!((capacity(2, 1).unwrap() - (0.5 + 1.25f64.sqrt()).log2()).abs() < 1e-11);
    assert!(capacity(32, 1).is_none());
}

/// Sequences counted one by one: their number grows by 2^capacity a place.
#[test]
fn capacity_is_the_growth_of_counted_sequences() {
    let count = |n: usize, window: usize, ones: u32| {
        (0u32..1 << n)
            .filter(|s| (0..=n - window).all(|i| (s >> i & ((1 << window) - 1)).count_ones() <= ones))
            .count() as f64
    };
    for (window, ones) in [(3, 1), (4, 2), (5, 3)] {
        let growth = (count(18, window, ones as u32) / count(17, window, ones as u32)).log2();
        assert!((growth - capacity(window, ones).unwrap()).abs() < 2e-3, "{window} {ones} {growth}");
    }
}

/// A full row of 12 cells, worked out by hand.
#[test]
fn full_rows_by_hand() {
    let row = [1u32; 12];
    // every fourth cell at a time: 4 steps
    assert_eq!(schedule(&row, &heat(1, 4, 1)).steps, [[0, 4, 8], [1, 5, 9], [2, 6, 10], [3, 7, 11]]);
    // two of four: 2 steps; each followed by two idle ones: 1 + 3 · 1
    assert_eq!(schedule(&row, &heat(1, 4, 2)).steps.len(), 2);
    assert_eq!(schedule(&row, &heat(3, 4, 2)).steps.len(), 4);
    // 3 drivers: 12 / 3
    let three = StepLimit { parallel: Some(3), heat: None };
    assert_eq!((makespan(&row, &three), schedule(&row, &three).steps.len()), (4, 4));
    // sparse rows need less: cells 0, 1 and 8, at most one of 4 at a time
    let mut sparse = [0u32; 12];
    (sparse[0], sparse[1], sparse[8]) = (1, 1, 1);
    assert_eq!(schedule(&sparse, &heat(2, 4, 1)).steps.len(), 3);
    assert!(schedule(&[0; 12], &heat(2, 4, 1)).steps.is_empty());
    assert!((schedule(&row, &heat(1, 4, 1)).throughput(12) - 0.25).abs() < 1e-15);
}

#[test]
fn violations_are_found_and_named() {
    let steps = |s: &[&[u32]]| RowSchedule { steps: s.iter().map(|s| s.to_vec()).collect() };
    let v = first_violation(&steps(&[&[0], &[3], &[1]]), 6, &heat(2, 3, 1)).unwrap();
    assert_eq!(v, Violation { steps: 1..3, cells: 1..4, found: 2, allowed: 1 });
    assert_eq!(first_violation(&steps(&[&[0], &[3], &[], &[1]]), 6, &heat(2, 3, 1)), None);
    let drivers = StepLimit { parallel: Some(1), heat: None };
    assert_eq!(first_violation(&steps(&[&[0, 5]]), 6, &drivers).unwrap().found, 2);
    assert_eq!(first_violation(&steps(&[&[2, 2]]), 6, &heat(1, 1, 5)).unwrap().cells, 2..3);
}

/// The least number of steps by trying everything: states are what is left and the last steps.
fn brute_force(changes: &[u32], limit: &StepLimit) -> usize {
    let cells = changes.len();
    let heat = limit.heat.unwrap();
    let mut front = vec![(changes.to_vec(), vec![0u32; heat.rewrites - 1])];
    for steps in 0.. {
        if front.iter().any(|(left, _)| left.iter().all(|&d| d == 0)) {
            return steps;
        }
        let mut next = std::collections::BTreeSet::new();
        for (left, recent) in &front {
            for set in 0u32..1 << cells {
                let fits = (0..cells).all(|c| set >> c & 1 <= left[c])
                    && limit.parallel.is_none_or(|m| set.count_ones() as usize <= m)
                    && (0..cells).all(|first| {
                        let window = ((1u32 << heat.cells.min(cells - first)) - 1) << first;
                        let all = recent.iter().chain([&set]).map(|s| (s & window).count_ones()).sum::<u32>();
                        all as usize <= heat.changes
                    });
                if fits {
                    let left: Vec<u32> = (0..cells).map(|c| left[c] - (set >> c & 1)).collect();
                    let mut recent = recent.clone();
                    recent.push(set);
                    recent.remove(0);
                    next.insert((left, recent));
                }
            }
        }
        front = next.into_iter().collect();
    }
    unreachable!()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Every schedule keeps the definition and does all changes; the bound is one.
    #[test]
    fn schedules_keep_the_limit(
        changes in prop::collection::vec(0u32..4, 1..40),
        (alpha, beta, p) in (1usize..5, 1usize..9, 1usize..5),
        parallel in prop::option::of(1usize..6),
    ) {
        let limit = StepLimit { parallel, ..heat(alpha, beta, p) };
        let made = schedule(&changes, &limit);
        prop_assert_eq!(first_violation(&made, changes.len(), &limit), None);
        let mut done = vec![0u32; changes.len()];
        made.steps.iter().flatten().for_each(|&c| done[c as usize] += 1);
        prop_assert_eq!(&done, &changes);
        prop_assert!(made.steps.len() >= least_steps(&changes, &limit));
        prop_assert!(made.steps.last().is_none_or(|s| !s.is_empty()));
        let free = StepLimit { parallel, heat: None };
        let made = schedule(&changes, &free);
        prop_assert_eq!(first_violation(&made, changes.len(), &free), None);
        prop_assert_eq!(made.steps.len(), makespan(&changes, &free));
    }

    /// One change a cell at most: as short as brute force. The bound is never above it.
    #[test]
    fn single_changes_take_the_fewest_steps(
        changes in prop::collection::vec(0u32..2, 1..7),
        (alpha, beta, p) in (1usize..4, 1usize..5, 1usize..4),
    ) {
        let limit = heat(alpha, beta, p);
        let best = brute_force(&changes, &limit);
        prop_assert_eq!(schedule(&changes, &limit).steps.len(), best);
        prop_assert!(least_steps(&changes, &limit) <= best);
    }

    /// Several changes a cell: never below brute force, and at most this far above it.
    #[test]
    fn repeated_changes_come_near(
        changes in prop::collection::vec(0u32..3, 1..5),
        (alpha, beta, p) in (1usize..4, 1usize..4, 1usize..4),
    ) {
        let limit = heat(alpha, beta, p);
        let (best, made) = (brute_force(&changes, &limit), schedule(&changes, &limit).steps.len());
        prop_assert!(made >= best && made <= best + alpha, "{} against {}", made, best);
        prop_assert!(least_steps(&changes, &limit) <= best);
    }
}

/// What the schemes store stays under the bound, and with one change in a window of one cell in time the known
/// values: 1 / alpha in turn, Hamming codes of 7 and 15 cells at 3/7 and 4/15.
#[test]
fn schemes_stay_under_the_bound() {
    let h = |rewrites, cells, changes| HeatLimit { rewrites, cells, changes };
    assert!((schemes(&h(4, 1, 1)).scheduled - 0.25).abs() < 1e-15);
    assert!((schemes(&h(1, 7, 2)).syndrome - 3.0 / 7.0).abs() < 1e-15);
    assert!((schemes(&h(1, 15, 2)).syndrome - 4.0 / 15.0).abs() < 1e-15);
    for alpha in 1..6 {
        for beta in 1..9 {
            for p in 1..6 {
                let limit = h(alpha, beta, p);
                let (bound, s) = (capacity_bound(&limit).unwrap(), schemes(&limit));
                // in time and space together one change in so many places may be had
                assert!(
                    s.scheduled <= bound + 1e-12 && s.syndrome <= bound + 1e-12,
                    "{limit:?} {bound} {s:?}"
                );
            }
        }
    }
}
