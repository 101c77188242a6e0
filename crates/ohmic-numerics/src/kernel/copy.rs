//! Copies of many short runs.

/// Windows beside each other.
#[derive(Clone, Copy, Debug)]
pub struct Windows {
    /// Where the first starts.
    pub first: usize,
    /// Distance of two.
    pub step: usize,
    /// How many.
    pub count: usize,
}

/// Bytes that are copied at once.
const RUN: usize = 8;

/// Copies eight bytes from each of `starts` of each window to the window's row, the runs `each` apart; rows are
/// `stride` apart. What is too much is written over by the next run.
///
/// PERF: runs are a few bytes long, so that a check of bounds a run would take longer than the run.
///
/// # Panics
/// A run of eight bytes leaves source or row.
pub fn copy_runs(
    source: &[u8],
    windows: Windows,
    starts: &[usize],
    each: usize,
    out: &mut [u8],
    stride: usize,
) {
    let Windows { first, step, count } = windows;
    let (Some(furthest), Some(last)) = (starts.iter().max(), count.checked_sub(1)) else { return };
    let reach =
        last.checked_mul(step).and_then(|at| at.checked_add(first)?.checked_add(*furthest)?.checked_add(RUN));
    assert!(reach.is_some_and(|reach| reach <= source.len()), "runs within the source");
    let reach = (starts.len() - 1).checked_mul(each).and_then(|at| at.checked_add(RUN));
    let room = count.checked_mul(stride);
    assert!(
        reach.is_some_and(|reach| reach <= stride) && room.is_some_and(|room| room <= out.len()),
        "runs within a row"
    );
    for i in 0..count {
        // SAFETY: the asserts give the last address of source and rows; all others are smaller.
        unsafe {
            let from = source.as_ptr().add(first + i * step);
            let mut to = out.as_mut_ptr().add(i * stride);
            for &start in starts {
                let run = from.add(start).cast::<u64>().read_unaligned();
                to.cast::<u64>().write_unaligned(run);
                to = to.add(each);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_by_hand() {
        let source: Vec<u8> = (0..40).collect();
        let mut out = [99; 32];
        copy_runs(&source, Windows { first: 1, step: 2, count: 2 }, &[0, 10], 3, &mut out, 16);
        assert_eq!(out[..11], [1, 2, 3, 11, 12, 13, 14, 15, 16, 17, 18]);
        assert_eq!(out[16..27], [3, 4, 5, 13, 14, 15, 16, 17, 18, 19, 20]);
        assert_eq!(out[27], 99);
    }

    #[test]
    #[should_panic(expected = "runs within the source")]
    fn runs_beyond_the_source_are_refused() {
        copy_runs(&[0; 20], Windows { first: 5, step: 1, count: 2 }, &[7], 3, &mut [0; 32], 16);
    }
}
