//! [`Capability`]: how well a process fits its tolerance, with confidence intervals.
//!
//! Sources: NIST/SEMATECH e-Handbook 6.1.6; intervals of Cp by χ², of Cpk by Bissell (1990), of Cpm
//! by Boyles (1991).

use sqal_core::{
    Measured, Score,
    normal::{normal_cdf, normal_quantile},
};
use statrs::distribution::{ChiSquared, ContinuousCDF};

use super::Moments;
use crate::conformity::Tolerance;

/// An index with its two-sided confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Index {
    /// The estimate.
    pub value: f64,
    /// The lower end of the confidence interval.
    pub low: f64,
    /// The upper end of the confidence interval.
    pub high: f64,
}

/// The capability of a process that is in control and normal.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Capability {
    /// (upper − lower)/6s; `None` for a one-sided tolerance.
    pub cp: Option<Index>,
    /// The distance from the mean to the nearer limit, over 3s.
    pub cpk: Index,
    /// (upper − lower)/6√(s² + (x̄ − target)²); `None` for a one-sided tolerance or without a
    /// target.
    pub cpm: Option<Index>,
    /// The share of items outside the tolerance, for a normal process of this mean and spread.
    pub nonconforming: f64,
}

/// Why no capability can be computed.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CapabilityError {
    /// Fewer than two values.
    #[error("{0} values: a spread needs at least two")]
    TooFew(u64),
    /// The standard deviation of the values is 0, or not above that of the measurement alone.
    #[error(
        "standard deviation {sd} is not above that of the measurement, {u}: there is no spread of the process to judge"
    )]
    NoSpread {
        /// The standard deviation of the values.
        sd: f64,
        /// The standard uncertainty of one measurement.
        u: f64,
    },
    /// The confidence is not between 0 and 1.
    #[error("confidence {0}: expected more than 0 and less than 1")]
    Confidence(f64),
}

impl Capability {
    /// The capability of measured values. The variance that the measurement itself adds is
    /// subtracted: s² − u².
    ///
    /// `u` is the mean standard uncertainty of one measurement, as far as the error differs from
    /// item to item. If `u` is 0, nothing is subtracted.
    ///
    /// # Errors
    ///
    /// [`CapabilityError`] if there are fewer than two values, if there is no spread beyond `u`, or
    /// if the confidence is not between 0 and 1.
    pub fn of(
        values: &Moments,
        u: f64,
        tolerance: &Tolerance,
        target: Option<f64>,
        confidence: Score,
    ) -> Result<Self, CapabilityError> {
        let (Some(mean), Some(variance)) = (values.mean(), values.variance()) else {
            return Err(CapabilityError::TooFew(values.count()));
        };
        if confidence <= Score::ZERO || confidence >= Score::ONE {
            return Err(CapabilityError::Confidence(confidence.get()));
        }
        let spread = variance - u * u;
        // Written as "not above 0" instead of "at most 0", so that a NaN is refused too.
        if !(spread > 0.0 && u >= 0.0) {
            return Err(CapabilityError::NoSpread { sd: libm::sqrt(variance), u });
        }
        let sd = libm::sqrt(spread);
        #[expect(clippy::cast_precision_loss, reason = "counts below 2^53")]
        let n = values.count() as f64;
        let tail = 0.5 * (1.0 - confidence.get());
        let width = tolerance.high() - tolerance.low();
        let two_sided = width.is_finite();
        let value = (tolerance.high() - mean).min(mean - tolerance.low()) / (3.0 * sd);
        // After the measurement's part is subtracted, the rest scatters as s² does. That is
        // relatively more, as if there were fewer values.
        let freedom = (n - 1.0) * (spread / variance) * (spread / variance);
        let of_mean = variance / (9.0 * n * spread);
        let half = -normal_quantile(tail) * libm::sqrt(of_mean + value * value / (2.0 * freedom));
        let cpm = target.filter(|_| two_sided).map(|target| {
            let off = (mean - target) / sd;
            let value = width / (6.0 * libm::sqrt(spread + (mean - target) * (mean - target)));
            let square = off * off;
            let boyles = n * (1.0 + square) * (1.0 + square) / (1.0 + 2.0 * square);
            interval(value, boyles * freedom / (n - 1.0), tail)
        });
        let outside = |limit: f64| normal_cdf(-libm::fabs(limit - mean) / sd);
        let beyond = |limit: f64, wrong_side: bool| if wrong_side { 1.0 - outside(limit) } else { outside(limit) };
        Ok(Self {
            cp: two_sided.then(|| interval(width / (6.0 * sd), freedom, tail)),
            cpk: Index { value, low: value - half, high: value + half },
            cpm,
            nonconforming: beyond(tolerance.low(), mean < tolerance.low())
                + beyond(tolerance.high(), mean > tolerance.high()),
        })
    }

    /// Cpk and the share outside the tolerance, for a process whose mean and standard deviation are
    /// known; without intervals.
    #[must_use]
    pub fn of_known(process: Measured, tolerance: &Tolerance) -> (f64, f64) {
        let (mean, sd) = (process.value(), process.u());
        let cpk = (tolerance.high() - mean).min(mean - tolerance.low()) / (3.0 * sd);
        (cpk, 1.0 - tolerance.probability(process).get())
    }
}

/// The interval of an index that is inversely proportional to a standard deviation with `freedom`
/// degrees of freedom.
fn interval(value: f64, freedom: f64, tail: f64) -> Index {
    let at =
        |p: f64| ChiSquared::new(freedom).map_or(f64::NAN, |chi2| value * libm::sqrt(chi2.inverse_cdf(p) / freedom));
    Index { value, low: at(tail), high: at(1.0 - tail) }
}
