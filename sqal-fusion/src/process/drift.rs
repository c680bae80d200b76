//! Slow change of an instrument: EWMA and CUSUM charts, and a Kalman filter for references.
//!
//! The filter is of the local-level model. Sources: NIST/SEMATECH e-Handbook 6.3.2.3 and 6.3.2.4;
//! Durbin and Koopman (2012), 2.2.

/// The exponentially weighted moving average of a stream and its control limits.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "stored::Ewma"))]
pub struct Ewma {
    target: f64,
    sigma: f64,
    lambda: f64,
    width: f64,
    average: f64,
    /// (1 − λ)²ᵗ, by which the limits differ from their final width.
    fading: f64,
}

/// A setting that is not valid for a chart.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{name} is {value}: expected {expected}")]
#[non_exhaustive]
pub struct InvalidChart {
    /// The name of the setting.
    pub name: &'static str,
    /// The value of the setting.
    pub value: f64,
    /// The values that would be valid.
    pub expected: &'static str,
}

fn check(name: &'static str, value: f64, holds: bool, expected: &'static str) -> Result<(), InvalidChart> {
    if holds { Ok(()) } else { Err(InvalidChart { name, value, expected }) }
}

impl Ewma {
    /// A chart about `target` for values of standard deviation `sigma`. Each new value counts
    /// `lambda` (0.2 is usual). The limits are `width` (3 is usual) standard deviations of the
    /// average away from `target`.
    ///
    /// # Errors
    ///
    /// [`InvalidChart`] names the setting that is out of range.
    pub fn new(target: f64, sigma: f64, lambda: f64, width: f64) -> Result<Self, InvalidChart> {
        check("target", target, target.is_finite(), "a finite number")?;
        check("sigma", sigma, sigma > 0.0 && sigma.is_finite(), "a positive number")?;
        check("lambda", lambda, lambda > 0.0 && lambda <= 1.0, "more than 0 and at most 1")?;
        check("width", width, width > 0.0 && width.is_finite(), "a positive number")?;
        Ok(Self { target, sigma, lambda, width, average: target, fading: 1.0 })
    }

    /// Takes the next value, and returns whether the average lies outside its limits. A value that
    /// is not finite changes nothing.
    pub fn push(&mut self, x: f64) -> bool {
        if x.is_finite() {
            self.average += self.lambda * (x - self.average);
            self.fading *= (1.0 - self.lambda) * (1.0 - self.lambda);
        }
        libm::fabs(self.average - self.target) > self.half_width()
    }

    /// The average.
    #[must_use]
    pub const fn average(&self) -> f64 {
        self.average
    }

    /// The present distance of the limits from the target: Lσ√(λ/(2 − λ) (1 − (1 − λ)²ᵗ)).
    #[must_use]
    pub fn half_width(&self) -> f64 {
        self.final_half_width() * libm::sqrt(1.0 - self.fading)
    }

    /// The final distance of the limits from the target, after many values.
    #[must_use]
    pub fn final_half_width(&self) -> f64 {
        self.width * self.sigma * libm::sqrt(self.lambda / (2.0 - self.lambda))
    }
}

/// The cumulative sums of deviations above and below a target (Page 1954), in the units of the
/// values.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "stored::Cusum"))]
pub struct Cusum {
    target: f64,
    allowance: f64,
    decision: f64,
    above: f64,
    below: f64,
}

impl Cusum {
    /// A chart of the sums of deviations beyond `target` ± `allowance` (half the shift to be
    /// found), with the decision interval `decision` (4 to 5 standard deviations).
    ///
    /// # Errors
    ///
    /// [`InvalidChart`] names the setting that is out of range.
    pub fn new(target: f64, allowance: f64, decision: f64) -> Result<Self, InvalidChart> {
        check("target", target, target.is_finite(), "a finite number")?;
        check("allowance", allowance, allowance >= 0.0 && allowance.is_finite(), "a number of at least 0")?;
        check("decision", decision, decision > 0.0 && decision.is_finite(), "a positive number")?;
        Ok(Self { target, allowance, decision, above: 0.0, below: 0.0 })
    }

    /// Takes the next value, and returns whether one of the sums exceeds the decision interval. A
    /// value that is not finite changes nothing.
    pub fn push(&mut self, x: f64) -> bool {
        if x.is_finite() {
            self.above = (self.above + x - self.target - self.allowance).max(0.0);
            self.below = (self.below + self.target - self.allowance - x).max(0.0);
        }
        self.above > self.decision || self.below > self.decision
    }

    /// The sum of the deviations above the target.
    #[must_use]
    pub const fn above(&self) -> f64 {
        self.above
    }

    /// The sum of the deviations below the target.
    #[must_use]
    pub const fn below(&self) -> f64 {
        self.below
    }

    /// Sets both sums to 0, for the time after the cause was repaired.
    pub const fn reset(&mut self) {
        self.above = 0.0;
        self.below = 0.0;
    }
}

/// A reading of a reference that does not change: an empty tray, a white tile.
///
/// It is a type of its own, so that the quality of products cannot be filtered by mistake. Each
/// product is a different item, and smoothing across products hides exactly the bad ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReferenceReading(pub f64);

/// The level of a reference as an instrument reads it, which drifts by a random walk (local-level
/// model): x ← x + w, z = x + v.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "stored::ReferenceLevel"))]
pub struct ReferenceLevel {
    level: f64,
    variance: f64,
    drift: f64,
    noise: f64,
}

/// The difference between one reading of a reference and its prediction.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Innovation {
    /// The reading minus its prediction.
    pub residual: f64,
    /// The square of the residual over its variance: χ² with one degree of freedom if the model
    /// holds.
    pub normalized_square: f64,
}

impl ReferenceLevel {
    /// A filter from an initial level with its variance, the variance `drift` that the level gains
    /// between readings, and the variance `noise` of one reading.
    ///
    /// # Errors
    ///
    /// [`InvalidChart`] names the setting that is out of range.
    pub fn new(level: f64, variance: f64, drift: f64, noise: f64) -> Result<Self, InvalidChart> {
        let variance_like = |x: f64| x >= 0.0 && x.is_finite();
        check("level", level, level.is_finite(), "a finite number")?;
        check("variance", variance, variance_like(variance), "a number of at least 0")?;
        check("drift", drift, variance_like(drift), "a number of at least 0")?;
        check("noise", noise, noise > 0.0 && noise.is_finite(), "a positive number")?;
        Ok(Self { level, variance, drift, noise })
    }

    /// Advances by one interval, with a reading if there is one. Without a reading, only the
    /// variance of the level grows.
    pub fn advance(&mut self, reading: Option<ReferenceReading>) -> Option<Innovation> {
        self.variance += self.drift;
        let residual = reading.map(|reading| reading.0 - self.level).filter(|residual| residual.is_finite())?;
        let expected = self.variance + self.noise;
        let gain = self.variance / expected;
        self.level += gain * residual;
        // Joseph's form is a sum of squares, so rounding cannot make the variance negative.
        let kept = 1.0 - gain;
        self.variance = kept * kept * self.variance + gain * gain * self.noise;
        Some(Innovation { residual, normalized_square: residual * residual / expected })
    }

    /// The level.
    #[must_use]
    pub const fn level(&self) -> f64 {
        self.level
    }

    /// The variance of the level.
    #[must_use]
    pub const fn variance(&self) -> f64 {
        self.variance
    }
}

/// Charts as they are deserialized, before they are checked.
#[cfg(feature = "serde")]
mod stored {
    use serde::Deserialize;

    use super::{InvalidChart, check};

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(super) struct Ewma {
        target: f64,
        sigma: f64,
        lambda: f64,
        width: f64,
        average: f64,
        fading: f64,
    }

    impl TryFrom<Ewma> for super::Ewma {
        type Error = InvalidChart;

        fn try_from(stored: Ewma) -> Result<Self, InvalidChart> {
            let Ewma { target, sigma, lambda, width, average, fading } = stored;
            check("average", average, average.is_finite(), "a finite number")?;
            check("fading", fading, (0.0..=1.0).contains(&fading), "0 to 1")?;
            Ok(Self { average, fading, ..Self::new(target, sigma, lambda, width)? })
        }
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(super) struct Cusum {
        target: f64,
        allowance: f64,
        decision: f64,
        above: f64,
        below: f64,
    }

    impl TryFrom<Cusum> for super::Cusum {
        type Error = InvalidChart;

        fn try_from(stored: Cusum) -> Result<Self, InvalidChart> {
            let Cusum { target, allowance, decision, above, below } = stored;
            for (name, sum) in [("above", above), ("below", below)] {
                check(name, sum, sum >= 0.0 && sum.is_finite(), "a number of at least 0")?;
            }
            Ok(Self { above, below, ..Self::new(target, allowance, decision)? })
        }
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(super) struct ReferenceLevel {
        level: f64,
        variance: f64,
        drift: f64,
        noise: f64,
    }

    impl TryFrom<ReferenceLevel> for super::ReferenceLevel {
        type Error = InvalidChart;

        fn try_from(stored: ReferenceLevel) -> Result<Self, InvalidChart> {
            Self::new(stored.level, stored.variance, stored.drift, stored.noise)
        }
    }
}
