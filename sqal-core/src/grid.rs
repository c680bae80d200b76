//! [`Grid`]: one value for each of the 8x8 zones of the time-of-flight sensor.

/// An 8x8 grid in row-major order; zone 0 is row 0, column 0.
///
/// Zone order is the device's: zone 0 is the bottom-left of the sensing array, which the lens shows
/// as the top-right of the scene (ST UM3109, 2.2). This type never flips the order. A display may
/// flip it, and an analysis does so according to the mounting that its profile states.
///
/// ```
/// use sqal_core::Grid;
///
/// let grid = Grid::from_fn(|zone| zone);
/// assert_eq!(grid[11], 11);
/// assert_eq!(grid.rows()[1][3], 11);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Grid<T>([[T; 8]; 8]);

impl<T> Grid<T> {
    /// The number of zones.
    pub const ZONES: usize = 64;

    /// A grid from its eight rows.
    #[must_use]
    pub const fn new(rows: [[T; 8]; 8]) -> Self {
        Self(rows)
    }

    /// A grid whose zone `k` (0 to 63) holds `f(k)`.
    #[inline]
    pub fn from_fn(mut f: impl FnMut(usize) -> T) -> Self {
        Self(core::array::from_fn(|row| core::array::from_fn(|column| f(row * 8 + column))))
    }

    /// The eight rows.
    #[must_use]
    #[inline]
    pub const fn rows(&self) -> &[[T; 8]; 8] {
        &self.0
    }

    /// The values in zone order.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &T> + DoubleEndedIterator + Clone {
        self.0.as_flattened().iter()
    }

    /// A grid of the same shape with `f` applied to every zone.
    #[inline]
    pub fn map<U>(&self, mut f: impl FnMut(&T) -> U) -> Grid<U> {
        Grid::from_fn(|zone| f(&self[zone]))
    }
}

impl<T> core::ops::Index<usize> for Grid<T> {
    type Output = T;

    /// The value of a zone.
    ///
    /// # Panics
    ///
    /// If `zone` is 64 or more.
    #[inline]
    fn index(&self, zone: usize) -> &T {
        &self.0.as_flattened()[zone]
    }
}

impl<T> core::ops::IndexMut<usize> for Grid<T> {
    #[inline]
    fn index_mut(&mut self, zone: usize) -> &mut T {
        &mut self.0.as_flattened_mut()[zone]
    }
}
