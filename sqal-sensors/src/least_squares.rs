//! [`LeastSquares`]: a linear fit that takes its equations one by one, by Givens rotations.
//!
//! The rotations keep an upper triangle of N x N for any number of equations, so a fit needs no
//! allocation. They never form the normal equations, whose condition number is squared (Golub & Van
//! Loan, Matrix Computations, 5.2.5 and 6.5).

/// A fit of `N` unknowns.
#[derive(Clone, Copy, Debug)]
pub struct LeastSquares<const N: usize> {
    triangle: [[f64; N]; N],
    right: [f64; N],
    residual: f64,
    equations: u32,
}

impl<const N: usize> Default for LeastSquares<N> {
    fn default() -> Self {
        Self { triangle: [[0.0; N]; N], right: [0.0; N], residual: 0.0, equations: 0 }
    }
}

impl<const N: usize> LeastSquares<N> {
    /// Takes one equation, `row · x = value`, with a weight of at least 0.
    pub fn push(&mut self, mut row: [f64; N], mut value: f64, weight: f64) {
        let scale = libm::sqrt(weight);
        for a in &mut row {
            *a *= scale;
        }
        value *= scale;
        for k in 0..N {
            if row[k] == 0.0 {
                continue;
            }
            // Rows are of moderate size, so the plain root does not overflow, and loses no more
            // digits than the rotation does.
            let length = libm::sqrt(self.triangle[k][k] * self.triangle[k][k] + row[k] * row[k]);
            let (c, s) = (self.triangle[k][k] / length, row[k] / length);
            for (r, a) in self.triangle[k].iter_mut().zip(&mut row).skip(k) {
                (*r, *a) = (c * *r + s * *a, c * *a - s * *r);
            }
            (self.right[k], value) = (c * self.right[k] + s * value, c * value - s * self.right[k]);
        }
        self.residual += value * value;
        self.equations += 1;
    }

    /// The unknowns of the best fit; `None` if the equations do not determine them.
    #[must_use]
    pub fn solve(&self) -> Option<[f64; N]> {
        let largest = (0..N).map(|k| self.triangle[k][k].abs()).fold(0.0, f64::max);
        let mut x = [0.0; N];
        for k in (0..N).rev() {
            let pivot = self.triangle[k][k];
            // A pivot of this size is rounding, so the unknown is not determined.
            if pivot.abs() <= 1e-12 * largest || largest == 0.0 {
                return None;
            }
            let known: f64 = (k + 1..N).map(|j| self.triangle[k][j] * x[j]).sum();
            x[k] = (self.right[k] - known) / pivot;
        }
        Some(x)
    }

    /// The leverage of a row, which is the share of its own value in the fitted one: x'(A'A)⁻¹x. It
    /// is 0 to 1 for an equation of the fit, and 0 for a fit without a solution.
    #[must_use]
    pub fn leverage(&self, row: &[f64; N]) -> f64 {
        // With A'A = R'R this is |R'⁻¹x|², by forward substitution.
        let mut w = [0.0; N];
        let mut sum = 0.0;
        for k in 0..N {
            let pivot = self.triangle[k][k];
            if pivot == 0.0 {
                return 0.0;
            }
            let known: f64 = (0..k).map(|j| self.triangle[j][k] * w[j]).sum();
            w[k] = (row[k] - known) / pivot;
            sum += w[k] * w[k];
        }
        sum
    }

    /// The sum of squared residuals of the best fit.
    #[must_use]
    pub const fn residual_squares(&self) -> f64 {
        self.residual
    }

    /// The number of equations taken.
    #[must_use]
    pub const fn equations(&self) -> u32 {
        self.equations
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn exact_equations_give_their_unknowns_back(
            truth in prop::array::uniform4(-10.0..10.0_f64), rows in prop::collection::vec(prop::array::uniform4(-1.0..1.0_f64), 12..40),
        ) {
            let mut fit = LeastSquares::<4>::default();
            for row in &rows {
                fit.push(*row, row.iter().zip(truth).map(|(a, x)| a * x).sum(), 2.0);
            }
            let found = fit.solve().unwrap();
            prop_assert!(found.iter().zip(truth).all(|(a, b)| (a - b).abs() < 1e-8), "{found:?} {truth:?}");
            prop_assert!(fit.residual_squares() < 1e-16);
        }

        #[test]
        fn the_residual_is_that_of_the_solution(
            equations in prop::collection::vec((prop::array::uniform3(-1.0..1.0_f64), -5.0..5.0_f64, 0.1..3.0_f64), 6..30),
        ) {
            let mut fit = LeastSquares::<3>::default();
            for (row, value, weight) in &equations {
                fit.push(*row, *value, *weight);
            }
            if let Some(x) = fit.solve() {
                let off = |(row, value, weight): &([f64; 3], f64, f64)| {
                    let r = row.iter().zip(x).map(|(a, x)| a * x).sum::<f64>() - value;
                    weight * r * r
                };
                let direct: f64 = equations.iter().map(off).sum();
                prop_assert!((direct - fit.residual_squares()).abs() < 1e-8 * (1.0 + direct));
            }
        }
    }

    /// The leverages of a fit's own equations sum to its unknowns.
    #[test]
    fn leverages_sum_to_the_number_of_unknowns() {
        let rows: [[f64; 3]; 7] = core::array::from_fn(|k| {
            let x = f64::from(u8::try_from(k).unwrap());
            [1.0, x, x * x]
        });
        let mut fit = LeastSquares::<3>::default();
        for row in rows {
            fit.push(row, 1.0, 1.0);
        }
        let sum: f64 = rows.iter().map(|row| fit.leverage(row)).sum();
        assert!((sum - 3.0).abs() < 1e-9, "{sum}");
    }

    #[test]
    fn equations_that_do_not_determine_the_unknowns_have_no_solution() {
        let mut fit = LeastSquares::<2>::default();
        assert_eq!(fit.solve(), None);
        for k in 0..5 {
            let a = f64::from(k);
            fit.push([a, 2.0 * a], a, 1.0);
        }
        assert_eq!((fit.solve(), fit.equations()), (None, 5));
    }
}
