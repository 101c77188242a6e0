//! Sums over every window of a fixed number of neighbouring cells.

/// Changes in every window of `width` neighbouring cells of a row.
#[derive(Clone, Debug)]
pub(crate) struct Windows {
    width: usize,
    /// By the first cell.
    sums: Vec<usize>,
}

impl Windows {
    /// Nothing has changed yet in a row of `cells` cells; `width` is 1 to `cells`.
    pub(crate) fn empty(cells: usize, width: usize) -> Self {
        Self { width, sums: vec![0; cells + 1 - width] }
    }

    /// The sums of what each cell of a row has.
    pub(crate) fn of(changes: &[u32], width: usize) -> Self {
        let mut all = Self::empty(changes.len(), width);
        let mut sum: usize = changes[..width].iter().map(|&d| d as usize).sum();
        all.sums[0] = sum;
        for first in 1..all.sums.len() {
            sum = sum + changes[first + width - 1] as usize - changes[first - 1] as usize;
            all.sums[first] = sum;
        }
        all
    }

    /// The largest sum.
    pub(crate) fn max(&self) -> usize {
        self.sums.iter().copied().max().unwrap_or(0)
    }

    fn holding(&self, cell: usize) -> std::ops::RangeInclusive<usize> {
        (cell + 1).saturating_sub(self.width)..=cell.min(self.sums.len() - 1)
    }

    /// The largest sum of the windows that hold a cell.
    pub(crate) fn around(&self, cell: usize) -> usize {
        self.sums[self.holding(cell)].iter().copied().max().unwrap_or(0)
    }

    /// One change more.
    pub(crate) fn add(&mut self, cell: usize) {
        let windows = self.holding(cell);
        self.sums[windows].iter_mut().for_each(|s| *s += 1);
    }

    /// One change less.
    pub(crate) fn remove(&mut self, cell: usize) {
        let windows = self.holding(cell);
        self.sums[windows].iter_mut().for_each(|s| *s -= 1);
    }
}
