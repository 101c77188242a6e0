//! Buffers that start at a cache line: a vector that lies across two costs two loads.

/// A line of the cache.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// A growable run of numbers that starts at a cache line.
#[derive(Clone, Debug, Default)]
pub struct Aligned<T> {
    lines: Vec<Line>,
    len: usize,
    kind: std::marker::PhantomData<T>,
}

/// Numbers that any bytes make.
pub trait Number: Copy + Default + sealed::Sealed {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for i8 {}
    impl Sealed for u8 {}
    impl Sealed for i16 {}
    impl Sealed for u32 {}
    impl Sealed for i32 {}
    impl Sealed for f32 {}
}

impl<T: sealed::Sealed + Copy + Default> Number for T {}

impl<T: Number> Aligned<T> {
    /// `len` zeros.
    pub fn zeros(len: usize) -> Self {
        let mut new = Self { lines: Vec::new(), len: 0, kind: std::marker::PhantomData };
        new.resize(len);
        new
    }

    /// Makes room for `len` numbers; those that are there stay, new ones are zero.
    pub fn resize(&mut self, len: usize) {
        let Some(bytes) = len.checked_mul(size_of::<T>()) else { panic!("{len} numbers are too many") };
        let lines = bytes.div_ceil(64);
        if lines > self.lines.len() {
            self.lines.resize(lines, Line([0; 64]));
        }
        self.len = len;
    }
}

impl<T: Number> std::ops::Deref for Aligned<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        // SAFETY: `resize` sees to it that the lines hold `len` numbers; a line is aligned for any `T`, any
        // bytes are a `T` (the trait is sealed), and the borrow lasts as long as that of the lines.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl<T: Number> std::ops::DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above; the borrow is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}

impl<T: Number> FromIterator<T> for Aligned<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let values: Vec<T> = values.into_iter().collect();
        let mut new = Self::zeros(values.len());
        new.copy_from_slice(&values);
        new
    }
}
