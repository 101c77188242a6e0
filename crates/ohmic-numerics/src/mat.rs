//! Row-major matrices whose shape is checked when they are made.
//!
//! Principal types: [`Mat`] owns, [`MatRef`] and [`MatMut`] borrow. No arithmetic lives here; see
//! [`crate::kernel`] for products.

/// An owned row-major matrix.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Mat<T> {
    rows: usize,
    cols: usize,
    data: Vec<T>,
}

/// A borrowed row-major matrix.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MatRef<'a, T> {
    rows: usize,
    cols: usize,
    data: &'a [T],
}

/// A mutably borrowed row-major matrix.
#[derive(Debug, PartialEq)]
pub struct MatMut<'a, T> {
    rows: usize,
    cols: usize,
    data: &'a mut [T],
}

impl<T: Copy> Mat<T> {
    /// A matrix with every entry equal to `value`.
    pub fn filled(rows: usize, cols: usize, value: T) -> Self {
        Self { rows, cols, data: vec![value; rows * cols] }
    }

    /// The matrix whose entry at (row, col) is `f(row, col)`.
    pub fn from_fn(rows: usize, cols: usize, mut f: impl FnMut(usize, usize) -> T) -> Self {
        let mut data = Vec::with_capacity(rows * cols);
        for r in 0..rows {
            for c in 0..cols {
                data.push(f(r, c));
            }
        }
        Self { rows, cols, data }
    }

    /// The same entries after `f`.
    pub fn map<U: Copy>(&self, mut f: impl FnMut(T) -> U) -> Mat<U> {
        Mat { rows: self.rows, cols: self.cols, data: self.data.iter().map(|&v| f(v)).collect() }
    }
}

impl<T> Mat<T> {
    /// A matrix from its entries, row after row.
    ///
    /// # Panics
    /// `data.len() == rows * cols`.
    pub fn from_vec(rows: usize, cols: usize, data: Vec<T>) -> Self {
        assert_eq!(data.len(), rows * cols, "a {rows} x {cols} matrix");
        Self { rows, cols, data }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// All entries, row after row.
    pub fn as_slice(&self) -> &[T] {
        &self.data
    }

    /// All entries, row after row.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.data
    }

    /// One row.
    pub fn row(&self, row: usize) -> &[T] {
        &self.data[row * self.cols..(row + 1) * self.cols]
    }

    /// One row.
    pub fn row_mut(&mut self, row: usize) -> &mut [T] {
        &mut self.data[row * self.cols..(row + 1) * self.cols]
    }

    /// The whole matrix, borrowed.
    pub fn view(&self) -> MatRef<'_, T> {
        MatRef { rows: self.rows, cols: self.cols, data: &self.data }
    }

    /// The whole matrix, mutably borrowed.
    pub fn view_mut(&mut self) -> MatMut<'_, T> {
        MatMut { rows: self.rows, cols: self.cols, data: &mut self.data }
    }
}

impl<T> std::ops::Index<(usize, usize)> for Mat<T> {
    type Output = T;
    fn index(&self, (row, col): (usize, usize)) -> &T {
        debug_assert!(col < self.cols);
        &self.data[row * self.cols + col]
    }
}

impl<T> std::ops::IndexMut<(usize, usize)> for Mat<T> {
    fn index_mut(&mut self, (row, col): (usize, usize)) -> &mut T {
        debug_assert!(col < self.cols);
        &mut self.data[row * self.cols + col]
    }
}

impl<'a, T> MatRef<'a, T> {
    /// A borrowed matrix over `data`, row after row.
    ///
    /// # Panics
    /// `data.len() == rows * cols`.
    pub fn new(rows: usize, cols: usize, data: &'a [T]) -> Self {
        assert_eq!(data.len(), rows * cols, "a {rows} x {cols} matrix");
        Self { rows, cols, data }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// All entries, row after row.
    pub fn as_slice(&self) -> &'a [T] {
        self.data
    }

    /// One row.
    pub fn row(&self, row: usize) -> &'a [T] {
        &self.data[row * self.cols..(row + 1) * self.cols]
    }
}

impl<T> std::ops::Index<(usize, usize)> for MatRef<'_, T> {
    type Output = T;
    fn index(&self, (row, col): (usize, usize)) -> &T {
        debug_assert!(col < self.cols);
        &self.data[row * self.cols + col]
    }
}

impl<'a, T> MatMut<'a, T> {
    /// A mutably borrowed matrix over `data`, row after row.
    ///
    /// # Panics
    /// `data.len() == rows * cols`.
    pub fn new(rows: usize, cols: usize, data: &'a mut [T]) -> Self {
        assert_eq!(data.len(), rows * cols, "a {rows} x {cols} matrix");
        Self { rows, cols, data }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// All entries, row after row.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        self.data
    }

    /// One row.
    pub fn row_mut(&mut self, row: usize) -> &mut [T] {
        &mut self.data[row * self.cols..(row + 1) * self.cols]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_contiguous() {
        let m = Mat::from_fn(2, 3, |r, c| r * 10 + c);
        assert_eq!(m.row(1), [10, 11, 12]);
        assert_eq!(m[(1, 2)], 12);
        assert_eq!(m.view().row(0), [0, 1, 2]);
    }

    #[test]
    #[should_panic(expected = "a 2 x 2 matrix")]
    fn wrong_length_is_refused() {
        let _ = Mat::from_vec(2, 2, vec![1, 2, 3]);
    }
}
