//! [`Target`]: the share of events that must be good.

use super::InvalidObjective;

/// The least and the greatest share.
const LEAST: f64 = 0.000_001;
const GREATEST: f64 = 0.999_999;

/// The share of events that must be good within 30 days, from 0.000001 to 0.999999.
///
/// A target of 1 leaves no budget, so that every bad event would be an infinite burn; a target of 0
/// can never be missed.
///
/// ```
/// use sqal_alerts::objective::Target;
///
/// let target = Target::new(0.99)?;
/// assert_eq!(target.budget(), 0.01);
/// assert_eq!(Target::from_percent(99.0)?, target);
/// # Ok::<(), sqal_alerts::objective::InvalidObjective>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Target(f64);

impl Target {
    /// A target as a share: 0.99 for 99 %.
    ///
    /// # Errors
    ///
    /// [`InvalidObjective`] outside 0.000001 to 0.999999, and for NaN. If the number can be a
    /// percentage, the error says how it is written as a share.
    pub fn new(share: f64) -> Result<Self, InvalidObjective> {
        if (LEAST..=GREATEST).contains(&share) {
            return Ok(Self(rounded(share)));
        }
        let limit = if share > 1.0 && share < 100.0 {
            "a share from 0.000001 to 0.999999, and this looks like a percentage: 99 % is 0.99"
        } else {
            "a share from 0.000001 to 0.999999"
        };
        Err(InvalidObjective::number("target", share, limit))
    }

    /// A target in percent: 99.9 for a share of 0.999.
    ///
    /// # Errors
    ///
    /// [`InvalidObjective`] unless `percent` is above 1 and at most 99.9999. A target of 1 % or
    /// less is taken for a share that stands where a percentage is expected.
    pub fn from_percent(percent: f64) -> Result<Self, InvalidObjective> {
        if percent > 1.0 && percent <= 99.9999 {
            return Ok(Self(rounded(percent / 100.0)));
        }
        let limit = if percent > 0.0 && percent < 1.0 {
            "a percentage above 1 and at most 99.9999, and this looks like a share: 0.999 is 99.9 %"
        } else {
            "a percentage above 1 and at most 99.9999"
        };
        Err(InvalidObjective::number("target", percent, limit))
    }

    /// The share of events that must be good.
    #[must_use]
    pub const fn share(self) -> f64 {
        self.0
    }

    /// The error budget: the share of events that may be bad.
    #[must_use]
    pub fn budget(self) -> f64 {
        rounded(1.0 - self.0)
    }
}

/// A number without the last digits that binary fractions add, so that 1 - 0.99 is 0.01 in a rule.
pub(super) fn rounded(number: f64) -> f64 {
    (number * 1e12).round() / 1e12
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_leaves_no_budget_or_none_to_miss_is_refused() {
        for share in [0.0, 1.0, -0.5, 1.5, 99.0, 100.0, f64::NAN, f64::INFINITY, 1e-7, 0.999_999_9] {
            let refused = Target::new(share).unwrap_err();
            assert_eq!((refused.place, refused.value), ("target", share.to_string()));
        }
        for percent in [0.0, 0.999, 1.0, 100.0, -5.0, f64::NAN] {
            assert_eq!(Target::from_percent(percent).unwrap_err().value, percent.to_string());
        }
    }

    #[test]
    fn a_percentage_that_stands_for_a_share_is_named_as_such_and_the_reverse() {
        assert!(Target::new(99.0).unwrap_err().limit.contains("looks like a percentage"));
        assert!(!Target::new(1.0).unwrap_err().limit.contains("looks like"));
        assert!(Target::from_percent(0.999).unwrap_err().limit.contains("looks like a share"));
    }

    #[test]
    fn the_budget_is_what_a_person_would_write() {
        for (share, budget) in [(0.99, 0.01), (0.999, 0.001), (0.95, 0.05), (0.995, 0.005), (0.75, 0.25)] {
            assert_eq!(Target::new(share).unwrap().budget().to_string(), budget.to_string());
            assert_eq!(Target::from_percent(share * 100.0).unwrap().share().to_string(), share.to_string());
        }
    }
}
