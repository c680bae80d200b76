//! [`Inputs`] and [`Quantity`]: propagation of uncertainty through one shared input vector.
//!
//! The shared vector carries the correlation between results.

use core::ops::{Add, Div, Mul, Neg, Sub};

use sqal_core::{Measured, measured::InvalidMeasured, normal::normal_cdf};

use crate::Covariance;

/// The measured inputs that everything is computed from, with their joint covariance.
///
/// Two results that are computed from shared inputs are always correlated. Therefore each result
/// keeps its derivative with respect to *every* input ([`Quantity`]); variances and covariances are
/// taken once, at the end (JCGM 100:2008, 5.2; JCGM 102).
///
/// ```
/// use sqal_core::Measured;
/// use sqal_fusion::propagate::Inputs;
///
/// // A difference of two heights against one reference plane: the uncertainty of the plane cancels.
/// let inputs = Inputs::independent([Measured::new(30.0, 0.2)?, Measured::new(28.0, 0.2)?, Measured::new(150.0, 2.0)?])?;
/// let [a, b, plane] = inputs.quantities();
/// let step = inputs.measured(&((plane - a) - (plane - b)))?;
/// assert!((step.value() + 2.0).abs() < 1e-12 && (step.u() - 0.2_f64.hypot(0.2)).abs() < 1e-12);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Inputs<const N: usize> {
    values: [f64; N],
    covariance: Covariance<N>,
}

impl<const N: usize> Inputs<N> {
    /// Inputs from their best estimates and their covariance.
    ///
    /// # Errors
    ///
    /// [`InvalidMeasured`] if an estimate is not finite.
    pub fn new(values: [f64; N], covariance: Covariance<N>) -> Result<Self, InvalidMeasured> {
        for value in values {
            Measured::new(value, 0.0)?;
        }
        Ok(Self { values, covariance })
    }

    /// Inputs whose errors are independent.
    ///
    /// # Errors
    ///
    /// [`crate::InvalidCovariance`] if the square of an uncertainty is not finite.
    pub fn independent(inputs: [Measured; N]) -> Result<Self, crate::InvalidCovariance> {
        let covariance = Covariance::independent(inputs.map(Measured::u))?;
        Ok(Self { values: inputs.map(Measured::value), covariance })
    }

    /// The inputs as quantities, from which results are computed.
    #[must_use]
    pub fn quantities(&self) -> [Quantity<N>; N] {
        core::array::from_fn(|k| {
            let mut gradient = [0.0; N];
            gradient[k] = 1.0;
            Quantity { value: self.values[k], gradient }
        })
    }

    /// The covariance of two results.
    #[must_use]
    pub fn covariance(&self, a: &Quantity<N>, b: &Quantity<N>) -> f64 {
        self.covariance.between(&a.gradient, &b.gradient)
    }

    /// The correlation of two results, −1 to 1; `None` if one of them has no uncertainty.
    #[must_use]
    pub fn correlation(&self, a: &Quantity<N>, b: &Quantity<N>) -> Option<f64> {
        let (va, vb) = (self.covariance(a, a), self.covariance(b, b));
        (va > 0.0 && vb > 0.0).then(|| (self.covariance(a, b) / libm::sqrt(va) / libm::sqrt(vb)).clamp(-1.0, 1.0))
    }

    /// A result with its standard uncertainty √(c'Vc).
    ///
    /// # Errors
    ///
    /// [`InvalidMeasured`] if the value or a derivative is not finite, because the formula left its
    /// domain.
    pub fn measured(&self, result: &Quantity<N>) -> Result<Measured, InvalidMeasured> {
        // Where errors cancel, rounding can leave a variance such as −1e-30.
        let variance = self.covariance(result, result);
        Measured::new(result.value, libm::sqrt(if variance < 0.0 { 0.0 } else { variance }))
    }
}

/// A computed quantity: its value, and its derivative with respect to each of the `N` inputs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantity<const N: usize> {
    value: f64,
    gradient: [f64; N],
}

impl<const N: usize> Quantity<N> {
    /// A number without uncertainty.
    #[must_use]
    pub const fn exact(value: f64) -> Self {
        Self { value, gradient: [0.0; N] }
    }

    /// The value.
    #[must_use]
    pub const fn value(&self) -> f64 {
        self.value
    }

    /// The derivative with respect to each input.
    #[must_use]
    pub const fn gradient(&self) -> &[f64; N] {
        &self.gradient
    }

    /// f(x) from its value and its slope at x, by the chain rule; for functions without a method
    /// here.
    #[must_use]
    pub fn map(self, value: f64, slope: f64) -> Self {
        Self { value, gradient: self.gradient.map(|c| slope * c) }
    }

    /// √x.
    #[must_use]
    pub fn sqrt(self) -> Self {
        let root = libm::sqrt(self.value);
        self.map(root, 0.5 / root)
    }

    /// eˣ.
    #[must_use]
    pub fn exp(self) -> Self {
        let power = libm::exp(self.value);
        self.map(power, power)
    }

    /// The natural logarithm.
    #[must_use]
    pub fn ln(self) -> Self {
        self.map(libm::log(self.value), 1.0 / self.value)
    }

    /// xᵖ for a constant exponent.
    #[must_use]
    pub fn powf(self, p: f64) -> Self {
        self.map(libm::pow(self.value, p), p * libm::pow(self.value, p - 1.0))
    }

    /// sin x, x in radians.
    #[must_use]
    pub fn sin(self) -> Self {
        self.map(libm::sin(self.value), libm::cos(self.value))
    }

    /// cos x, x in radians.
    #[must_use]
    pub fn cos(self) -> Self {
        self.map(libm::cos(self.value), -libm::sin(self.value))
    }

    /// Φ(x), the normal distribution function, from which scores are made.
    #[must_use]
    pub fn normal_cdf(self) -> Self {
        let density = libm::exp(-0.5 * self.value * self.value) * 0.398_942_280_401_432_7;
        self.map(normal_cdf(self.value), density)
    }

    fn joined(self, value: f64, slope: f64, other: &Self, other_slope: f64) -> Self {
        let gradient = core::array::from_fn(|k| slope * self.gradient[k] + other_slope * other.gradient[k]);
        Self { value, gradient }
    }
}

impl<const N: usize> Neg for Quantity<N> {
    type Output = Self;

    fn neg(self) -> Self {
        self.map(-self.value, -1.0)
    }
}

impl<const N: usize> Add for Quantity<N> {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.joined(self.value + other.value, 1.0, &other, 1.0)
    }
}

impl<const N: usize> Sub for Quantity<N> {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self.joined(self.value - other.value, 1.0, &other, -1.0)
    }
}

impl<const N: usize> Mul for Quantity<N> {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        self.joined(self.value * other.value, other.value, &other, self.value)
    }
}

impl<const N: usize> Div for Quantity<N> {
    type Output = Self;

    fn div(self, other: Self) -> Self {
        let ratio = self.value / other.value;
        self.joined(ratio, 1.0 / other.value, &other, -ratio / other.value)
    }
}

impl<const N: usize> Add<f64> for Quantity<N> {
    type Output = Self;

    fn add(self, constant: f64) -> Self {
        self.map(self.value + constant, 1.0)
    }
}

impl<const N: usize> Mul<f64> for Quantity<N> {
    type Output = Self;

    fn mul(self, factor: f64) -> Self {
        self.map(self.value * factor, factor)
    }
}

/// The effective degrees of freedom of a combined uncertainty (Welch-Satterthwaite, JCGM 100:2008,
/// G.4.1).
///
/// Each part is a contribution cᵢu(xᵢ) with the degrees of freedom of its u; `f64::INFINITY` stands
/// for infinitely many. The formula is valid for parts that are *not* correlated. If no part has an
/// uncertainty, the result is infinite.
///
/// ```
/// use sqal_fusion::propagate::effective_degrees_of_freedom;
///
/// let parts = [(3.0, 4.0), (4.0, f64::INFINITY)];
/// assert!((effective_degrees_of_freedom(&parts) - 5.0_f64.powi(4) / (81.0 / 4.0)).abs() < 1e-12);
/// ```
#[must_use]
pub fn effective_degrees_of_freedom(parts: &[(f64, f64)]) -> f64 {
    let variance: f64 = parts.iter().map(|(part, _)| part * part).sum();
    let spread: f64 = parts.iter().map(|(part, freedom)| part * part * (part * part) / freedom).sum();
    if spread > 0.0 { variance * variance / spread } else { f64::INFINITY }
}
