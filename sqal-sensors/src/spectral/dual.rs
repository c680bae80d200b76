//! [`Dual`]: a number with its derivatives along three inputs, for gradients of formulas.
//!
//! Forward differentiation gives a gradient that is exact to rounding. It costs about two
//! evaluations, instead of the seven of difference quotients.

use core::ops::{Add, Div, Mul, Sub};

/// The operations that a formula needs of its numbers, so that it is written once for values and
/// for values with derivatives.
pub(super) trait Number:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    /// A number that does not depend on any input.
    fn constant(value: f64) -> Self;
    /// The value without derivatives.
    fn value(self) -> f64;
    /// The square root of a number of at least 0.
    fn sqrt(self) -> Self;
    /// The exponential.
    fn exp(self) -> Self;
    /// The sine of an angle in degrees.
    fn sin_degrees(self) -> Self;
    /// The angle in degrees, −180 to 180, of the point (x, self); 0 for the origin.
    fn degrees_from(self, x: Self) -> Self;
}

impl Number for f64 {
    fn constant(value: f64) -> Self {
        value
    }
    fn value(self) -> f64 {
        self
    }
    fn sqrt(self) -> Self {
        libm::sqrt(self)
    }
    fn exp(self) -> Self {
        libm::exp(self)
    }
    fn sin_degrees(self) -> Self {
        libm::sin(self.to_radians())
    }
    fn degrees_from(self, x: Self) -> Self {
        libm::atan2(self, x).to_degrees()
    }
}

/// A value and its derivatives along three inputs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dual {
    /// The value.
    pub(super) value: f64,
    /// The derivatives along the three inputs.
    pub(super) slope: [f64; 3],
}

impl Dual {
    /// A function of this number, from its value and its derivative there.
    fn through(self, value: f64, derivative: f64) -> Self {
        Self { value, slope: self.slope.map(|s| derivative * s) }
    }

    /// A function of two numbers, from its value and its derivative along each.
    fn of_two(self, other: Self, value: f64, (along, across): (f64, f64)) -> Self {
        Self { value, slope: core::array::from_fn(|k| along * self.slope[k] + across * other.slope[k]) }
    }
}

impl Add for Dual {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        self.of_two(other, self.value + other.value, (1.0, 1.0))
    }
}

impl Sub for Dual {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self.of_two(other, self.value - other.value, (1.0, -1.0))
    }
}

impl Mul for Dual {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        self.of_two(other, self.value * other.value, (other.value, self.value))
    }
}

impl Div for Dual {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        let quotient = self.value / other.value;
        self.of_two(other, quotient, (1.0 / other.value, -quotient / other.value))
    }
}

impl Number for Dual {
    fn constant(value: f64) -> Self {
        Self { value, slope: [0.0; 3] }
    }
    fn value(self) -> f64 {
        self.value
    }
    /// At 0 the root has no derivative, and 0 is used; no result depends on it.
    fn sqrt(self) -> Self {
        let root = libm::sqrt(self.value);
        self.through(root, if root > 0.0 { 0.5 / root } else { 0.0 })
    }
    fn exp(self) -> Self {
        let value = libm::exp(self.value);
        self.through(value, value)
    }
    fn sin_degrees(self) -> Self {
        let (sine, cosine) = libm::sincos(self.value.to_radians());
        self.through(sine, cosine.to_radians())
    }
    fn degrees_from(self, x: Self) -> Self {
        let square = self.value * self.value + x.value * x.value;
        let degrees = libm::atan2(self.value, x.value).to_degrees();
        if square > 0.0 {
            let per = 1.0_f64.to_degrees() / square;
            self.of_two(x, degrees, (x.value * per, -self.value * per))
        } else {
            Self::constant(degrees)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// One formula that uses every operation.
    fn formula<N: Number>([x, y, z]: [N; 3]) -> N {
        (x * x + y * y).sqrt() / (z + N::constant(3.0)) - (x - z).sin_degrees() * y.exp() + y.degrees_from(x)
    }

    proptest! {
        #[test]
        fn derivatives_are_the_limits_of_differences(x in 0.5..2.0_f64, y in 0.5..2.0_f64, z in 0.0..2.0_f64) {
            let at = [x, y, z];
            let along = |k: usize| Dual { value: at[k], slope: core::array::from_fn(|i| if i == k { 1.0 } else { 0.0 }) };
            let found = formula([along(0), along(1), along(2)]);
            prop_assert_eq!(found.value.to_bits(), formula(at).to_bits());
            for k in 0..3 {
                let step = |by: f64| {
                    let mut moved = at;
                    moved[k] += by;
                    formula(moved)
                };
                let difference = (step(1e-5) - step(-1e-5)) / 2e-5;
                prop_assert!((found.slope[k] - difference).abs() < 1e-5 * (1.0 + difference.abs()), "{k}: {} {difference}", found.slope[k]);
            }
        }
    }
}
