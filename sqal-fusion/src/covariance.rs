//! [`Covariance`]: the uncertainties of several quantities, and how far they are correlated.

/// A covariance matrix of `N` quantities. It is symmetric and positive semi-definite, so that every
/// combination of them has a variance of at least 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Covariance<const N: usize>([[f64; N]; N]);

/// Why a matrix is not a covariance.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCovariance {
    /// An entry is not finite.
    #[error("entry {row}, {column} is {value}: expected a finite number")]
    NotFinite {
        /// The row of the entry, from 0.
        row: usize,
        /// The column of the entry, from 0.
        column: usize,
        /// The entry.
        value: f64,
    },
    /// Two entries that must be equal are not.
    #[error("entries {row}, {column} and {column}, {row} differ: a covariance is symmetric")]
    NotSymmetric {
        /// The row of one of the two entries, from 0.
        row: usize,
        /// The column of that entry, from 0.
        column: usize,
    },
    /// A standard uncertainty is negative or not a number.
    #[error("standard uncertainty {u} of quantity {quantity}: expected a number of at least 0")]
    Uncertainty {
        /// The index of the quantity, from 0.
        quantity: usize,
        /// The standard uncertainty given.
        u: f64,
    },
    /// The correlation of a quantity with itself is not 1.
    #[error("the correlation of quantity {quantity} with itself is {r}: expected 1")]
    WithItself {
        /// The index of the quantity, from 0.
        quantity: usize,
        /// The correlation given.
        r: f64,
    },
    /// A combination of the quantities would have a negative variance.
    #[error("quantity {0} together with those before it has a negative variance")]
    Negative(usize),
}

impl<const N: usize> Covariance<N> {
    /// A checked covariance matrix; entries that differ by rounding only (1e-12 of their scale) are
    /// averaged.
    ///
    /// # Errors
    ///
    /// [`InvalidCovariance`] names the entry that is not finite or not symmetric, or the first
    /// quantity with a negative variance.
    pub fn new(matrix: [[f64; N]; N]) -> Result<Self, InvalidCovariance> {
        let mut m = matrix;
        for row in 0..N {
            for column in 0..N {
                let value = matrix[row][column];
                if !value.is_finite() {
                    return Err(InvalidCovariance::NotFinite { row, column, value });
                }
                let scale = libm::sqrt(libm::fabs(matrix[row][row])) * libm::sqrt(libm::fabs(matrix[column][column]));
                if libm::fabs(value - matrix[column][row]) > 1e-12 * scale.max(libm::fabs(value)) {
                    return Err(InvalidCovariance::NotSymmetric { row, column });
                }
                m[row][column] = 0.5 * value + 0.5 * matrix[column][row];
            }
        }
        Self(m).pivots().map(|_| Self(m))
    }

    /// The covariance of independent quantities from their standard uncertainties.
    ///
    /// # Errors
    ///
    /// [`InvalidCovariance::NotFinite`] if the square of an uncertainty is not finite.
    pub fn independent(u: [f64; N]) -> Result<Self, InvalidCovariance> {
        uncertainties(&u)?;
        let mut m = [[0.0; N]; N];
        for (k, u) in u.into_iter().enumerate() {
            m[k][k] = u * u;
        }
        Self::new(m)
    }

    /// The covariance of quantities from their standard uncertainties and their correlations (1 on
    /// the diagonal).
    ///
    /// # Errors
    ///
    /// [`InvalidCovariance`], as for [`Covariance::new`]; correlations that contradict each other
    /// give a negative variance.
    pub fn correlated(u: [f64; N], correlation: [[f64; N]; N]) -> Result<Self, InvalidCovariance> {
        uncertainties(&u)?;
        for (quantity, row) in correlation.iter().enumerate() {
            let off = libm::fabs(row[quantity] - 1.0);
            if off.is_nan() || off > 1e-12 {
                return Err(InvalidCovariance::WithItself { quantity, r: row[quantity] });
            }
        }
        let mut m = correlation;
        for (row, correlations) in m.iter_mut().enumerate() {
            for (column, r) in correlations.iter_mut().enumerate() {
                *r *= u[row] * u[column];
            }
        }
        Self::new(m)
    }

    /// The matrix.
    #[must_use]
    pub const fn matrix(&self) -> &[[f64; N]; N] {
        &self.0
    }

    /// The sum of the variances.
    #[must_use]
    pub fn trace(&self) -> f64 {
        (0..N).map(|k| self.0[k][k]).sum()
    }

    /// a' V b: the covariance of two linear combinations of the quantities. If both are equal, it
    /// is the variance of that combination.
    #[must_use]
    pub fn between(&self, a: &[f64; N], b: &[f64; N]) -> f64 {
        let row = |k: usize| -> f64 { self.0[k].iter().zip(b).map(|(v, b)| v * b).sum() };
        (0..N).map(|k| a[k] * row(k)).sum()
    }

    /// The inverse, which is the information matrix; `None` if some combination of the quantities
    /// has no variance.
    #[must_use]
    pub fn inverse(&self) -> Option<[[f64; N]; N]> {
        let (lower, pivots) = self.pivots().ok()?;
        if pivots.iter().any(|pivot| *pivot <= 0.0) {
            return None;
        }
        let mut inverse = [[0.0; N]; N];
        for column in 0..N {
            // Solves L D L' x = e: forward substitution, division by the pivots, and back
            // substitution.
            let mut x = [0.0; N];
            x[column] = 1.0;
            for row in 0..N {
                for k in 0..row {
                    x[row] -= lower[row][k] * x[k];
                }
            }
            for row in 0..N {
                x[row] /= pivots[row];
            }
            for row in (0..N).rev() {
                for k in row + 1..N {
                    x[row] -= lower[k][row] * x[k];
                }
            }
            for row in 0..N {
                inverse[row][column] = x[row];
            }
        }
        Some(inverse)
    }

    /// Factors V = L D L' with a unit lower triangle. A pivot that is zero within rounding counts
    /// as zero, and then its column must be zero too.
    fn pivots(&self) -> Result<([[f64; N]; N], [f64; N]), InvalidCovariance> {
        let (mut lower, mut pivots) = ([[0.0; N]; N], [0.0; N]);
        for k in 0..N {
            let taken: f64 = (0..k).map(|j| lower[k][j] * lower[k][j] * pivots[j]).sum();
            let pivot = self.0[k][k] - taken;
            // The tolerance is a few units in the last place for each subtracted term.
            let rounding = 1e-14 * libm::fabs(self.0[k][k]);
            if pivot < -rounding {
                return Err(InvalidCovariance::Negative(k));
            }
            pivots[k] = if pivot <= rounding { 0.0 } else { pivot };
            lower[k][k] = 1.0;
            for row in k + 1..N {
                let taken: f64 = (0..k).map(|j| lower[row][j] * lower[k][j] * pivots[j]).sum();
                let left = self.0[row][k] - taken;
                if pivots[k] > 0.0 {
                    lower[row][k] = left / pivots[k];
                } else if libm::fabs(left)
                    > 1e-7 * libm::sqrt(self.0[row][row].max(0.0)) * libm::sqrt(self.0[k][k].max(0.0))
                {
                    // A quantity without variance cannot be correlated with another one.
                    return Err(InvalidCovariance::Negative(row));
                }
            }
        }
        Ok((lower, pivots))
    }
}

fn uncertainties(u: &[f64]) -> Result<(), InvalidCovariance> {
    match u.iter().position(|u| u.is_nan() || *u < 0.0) {
        Some(quantity) => Err(InvalidCovariance::Uncertainty { quantity, u: u[quantity] }),
        None => Ok(()),
    }
}
