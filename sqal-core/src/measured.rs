//! [`Measured`]: a value with its standard uncertainty.

/// A measured value and its standard uncertainty, in the unit that the field's name states.
///
/// Both are finite and the uncertainty is not negative (GUM, JCGM 100:2008, 2.3.1). An unknown
/// uncertainty is not zero: a quantity whose uncertainty cannot be stated is reported as `None`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Raw", into = "Raw"))]
pub struct Measured {
    value: f64,
    u: f64,
}

/// Why a pair of numbers is not a measured value.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("value {value} with standard uncertainty {u} is not a measurement: both must be finite and u at least 0")]
#[non_exhaustive]
pub struct InvalidMeasured {
    /// The value offered.
    pub value: f64,
    /// The standard uncertainty offered.
    pub u: f64,
}

impl Measured {
    /// A value with its standard uncertainty.
    ///
    /// # Errors
    ///
    /// [`InvalidMeasured`] if either number is not finite, or if `u` is negative.
    #[inline]
    pub const fn new(value: f64, u: f64) -> Result<Self, InvalidMeasured> {
        if value.is_finite() && u.is_finite() && u >= 0.0 {
            // Adding 0.0 turns -0.0 into +0.0, so that equal values have equal bits.
            Ok(Self { value: value + 0.0, u: u + 0.0 })
        } else {
            Err(InvalidMeasured { value, u })
        }
    }

    /// The best estimate.
    #[must_use]
    #[inline]
    pub const fn value(self) -> f64 {
        self.value
    }

    /// The standard uncertainty, at least 0.
    #[must_use]
    #[inline]
    pub const fn u(self) -> f64 {
        self.u
    }
}

#[cfg(feature = "serde")]
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    value: f64,
    u: f64,
}

#[cfg(feature = "serde")]
impl TryFrom<Raw> for Measured {
    type Error = InvalidMeasured;

    fn try_from(raw: Raw) -> Result<Self, InvalidMeasured> {
        Self::new(raw.value, raw.u)
    }
}

#[cfg(feature = "serde")]
impl From<Measured> for Raw {
    fn from(measured: Measured) -> Self {
        Self { value: measured.value, u: measured.u }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_finite_or_has_a_negative_uncertainty_cannot_be_built() {
        for (value, u) in [(f64::NAN, 1.0), (f64::INFINITY, 1.0), (1.0, f64::NAN), (1.0, -1e-300), (1.0, f64::INFINITY)]
        {
            assert!(Measured::new(value, u).is_err(), "{value} {u}");
        }
        assert_eq!(Measured::new(1.5, 0.0).map(Measured::value), Ok(1.5));
    }
}
