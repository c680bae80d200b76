//! Lot acceptance from a sample: plans by attributes and by variables, and how they are found.
//!
//! For each plan there is its operating characteristic. Sources: NIST/SEMATECH e-Handbook 6.2;
//! Schilling and Neubauer (2017); the k-method is that of ISO 3951.

use sqal_core::normal::{normal_cdf, normal_quantile};

/// A single sampling plan by attributes: of `sample` items at most `accept` may be nonconforming.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct AttributePlan {
    /// The number of items inspected.
    pub sample: u32,
    /// The most nonconforming items with which the lot is still accepted.
    pub accept: u32,
}

/// One point of an operating characteristic: lots with a `share` of nonconforming items are
/// accepted with a `probability`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RiskPoint {
    /// The share of nonconforming items, 0 to 1.
    pub share: f64,
    /// The probability of acceptance, 0 to 1.
    pub probability: f64,
}

/// Two points for which there is no plan.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// A number does not lie between 0 and 1, or the good lot is not better or not accepted more
    /// often than the bad one.
    #[error(
        "accepting {good:?} and {bad:?}: shares and probabilities must lie between 0 and 1, the good share below the bad, and \
         the good lot be accepted more often"
    )]
    Points {
        /// The lot that should be accepted.
        good: RiskPoint,
        /// The lot that should be rejected.
        bad: RiskPoint,
    },
    /// The points are too close: no sample up to the largest size of the search tells them apart.
    #[error("no sample of at most {0} items tells the two apart")]
    TooLarge(u32),
}

/// The largest sample size of the search.
const MOST: u32 = 100_000;

fn checked(good: RiskPoint, bad: RiskPoint) -> Result<(), PlanError> {
    let inside = |x: f64| x > 0.0 && x < 1.0;
    let all = [good.share, good.probability, bad.share, bad.probability].into_iter().all(inside);
    if all && good.share < bad.share && good.probability > bad.probability {
        Ok(())
    } else {
        Err(PlanError::Points { good, bad })
    }
}

impl AttributePlan {
    /// The probability of accepting a long production run with a `share` of nonconforming items
    /// (binomial).
    #[must_use]
    pub fn acceptance(&self, share: f64) -> f64 {
        if share <= 0.0 || self.accept >= self.sample {
            return 1.0;
        }
        if share >= 1.0 {
            return 0.0;
        }
        let n = f64::from(self.sample);
        let odds = share / (1.0 - share);
        let ratio = |k: f64| (n - k) / (k + 1.0) * odds;
        cumulative(n * libm::log1p(-share), self.accept, ratio)
    }

    /// The probability of acceptance if nonconformities per 100 items are counted instead (Poisson
    /// with mean n·share).
    #[must_use]
    pub fn acceptance_of_nonconformities(&self, share: f64) -> f64 {
        let mean = f64::from(self.sample) * if share < 0.0 { 0.0 } else { share };
        cumulative(-mean, self.accept, |k| mean / (k + 1.0))
    }

    /// The probability of accepting a lot of `lot` items of which `nonconforming` do not conform
    /// (hypergeometric).
    #[must_use]
    pub fn acceptance_of_lot(&self, lot: u32, nonconforming: u32) -> f64 {
        let sample = self.sample.min(lot);
        let bad = nonconforming.min(lot);
        // The fewest nonconforming items that the sample can hold.
        let least = sample.saturating_sub(lot - bad);
        let most = sample.min(bad);
        if most <= self.accept {
            return 1.0;
        }
        if least > self.accept {
            return 0.0;
        }
        // With the fewest, the sample has no nonconforming item, or it has all the conforming ones.
        let good = lot - bad;
        let (taken, from) = if least == 0 { (sample, good) } else { (good, sample) };
        let first: f64 = (0..taken).map(|k| libm::log(f64::from(from - k) / f64::from(lot - k))).sum();
        let (lot, bad, sample, fewest) = (f64::from(lot), f64::from(bad), f64::from(sample), f64::from(least));
        let ratio = |j: f64| {
            let k = fewest + j;
            (bad - k) * (sample - k) / ((k + 1.0) * (lot - bad - sample + k + 1.0))
        };
        cumulative(first, self.accept - least, ratio)
    }

    /// Finds the smallest plan that accepts the good lot with at least its probability, and the bad
    /// lot with at most its probability.
    ///
    /// ```
    /// use sqal_fusion::process::acceptance::{AttributePlan, RiskPoint};
    ///
    /// let good = RiskPoint { share: 0.01, probability: 0.95 };
    /// let bad = RiskPoint { share: 0.08, probability: 0.10 };
    /// assert_eq!(AttributePlan::find(good, bad)?, AttributePlan { sample: 65, accept: 2 });
    /// # Ok::<(), sqal_fusion::process::acceptance::PlanError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`PlanError`] if the points contradict each other or are too close to each other.
    pub fn find(good: RiskPoint, bad: RiskPoint) -> Result<Self, PlanError> {
        checked(good, bad)?;
        let mut plan = Self { sample: 1, accept: 0 };
        while plan.sample <= MOST {
            if plan.acceptance(bad.share) > bad.probability {
                plan.sample += 1;
            } else if plan.acceptance(good.share) < good.probability {
                plan.accept += 1;
            } else {
                return Ok(plan);
            }
        }
        Err(PlanError::TooLarge(MOST))
    }
}

/// The sum of terms 0 to `last`, from the logarithm of the first term and the ratio of each term to
/// the previous one.
fn cumulative(ln_first: f64, last: u32, ratio: impl Fn(f64) -> f64) -> f64 {
    // Terms are relative to the first one, and rescaled before they exceed the range of a number.
    let (mut term, mut sum, mut ln_scale) = (1.0, 1.0, ln_first);
    for k in 0..last {
        term *= ratio(f64::from(k));
        sum += term;
        if sum > 1e280 {
            term *= 1e-280;
            sum *= 1e-280;
            ln_scale += 280.0 * core::f64::consts::LN_10;
        }
    }
    (libm::exp(ln_scale + libm::log(sum))).clamp(0.0, 1.0)
}

/// A plan by variables with one limit (the k-method): a lot is accepted if its mean lies at least k
/// standard deviations inside the limit.
///
/// It is valid only for a normally distributed quantity: test that first. It needs a fraction of
/// the items that a plan by attributes needs.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct VariablesPlan {
    /// The number of items measured, at least 2 unless the standard deviation is known.
    pub sample: u32,
    /// The acceptability constant.
    pub k: f64,
    /// Whether the standard deviation of the process is known; otherwise that of the sample is
    /// used.
    pub sigma_known: bool,
}

impl VariablesPlan {
    /// Whether a lot with this mean and standard deviation is accepted against an upper limit.
    #[must_use]
    pub fn accepts_below(&self, mean: f64, sd: f64, limit: f64) -> bool {
        limit - mean >= self.k * sd
    }

    /// Whether a lot with this mean and standard deviation is accepted against a lower limit.
    #[must_use]
    pub fn accepts_above(&self, mean: f64, sd: f64, limit: f64) -> bool {
        mean - limit >= self.k * sd
    }

    /// The probability of accepting a lot of whose items a `share` (between 0 and 1) lies beyond
    /// the limit.
    #[must_use]
    pub fn acceptance(&self, share: f64) -> f64 {
        let n = f64::from(self.sample);
        let margin = -normal_quantile(share);
        let given = |ratio: f64| normal_cdf(libm::sqrt(n) * (margin - self.k * ratio));
        if self.sigma_known {
            return given(1.0);
        }
        // The integral over the distribution of w = s/σ: 2c wᶠ⁻¹ exp(−f w²/2) with f = n − 1, c =
        // (f/2)^(f/2)/Γ(f/2).
        let freedom = n - 1.0;
        let half = 0.5 * freedom;
        let ln_c = libm::log(2.0) + half * libm::log(half) - libm::lgamma(half);
        let density = |w: f64| libm::exp(ln_c + (freedom - 1.0) * libm::log(w) - half * w * w);
        // s/σ has a standard deviation of about 1/√2f. With one degree of freedom it is a
        // half-normal variable.
        let width = 12.0 / libm::sqrt(2.0 * freedom);
        let (from, to) = ((1.0 - width).max(0.0), 1.0 + width);
        crate::conformity::smooth_integral(&|w: f64| density(w) * given(w), from, to, (to - from) / 128.0)
    }

    /// Finds the smallest plan with an unknown standard deviation that accepts the good lot with
    /// exactly its probability, and the bad lot with at most its probability.
    ///
    /// # Errors
    ///
    /// [`PlanError`] if the points contradict each other or are too close to each other.
    pub fn find(good: RiskPoint, bad: RiskPoint) -> Result<Self, PlanError> {
        checked(good, bad)?;
        let fits = |sample: u32| {
            let plan = Self::through(sample, good);
            (plan.acceptance(bad.share) <= bad.probability).then_some(plan)
        };
        // The probability falls as the sample grows, so the size is doubled, then its interval is
        // halved.
        let mut high = 2;
        let mut low = 2;
        while fits(high).is_none() {
            if high == MOST {
                return Err(PlanError::TooLarge(MOST));
            }
            low = high;
            high = (2 * high).min(MOST);
        }
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            *(if fits(middle).is_some() { &mut high } else { &mut low }) = middle;
        }
        Ok(Self::through(high, good))
    }

    /// The plan of this size whose operating characteristic goes through a point.
    fn through(sample: u32, point: RiskPoint) -> Self {
        let plan = |k: f64| Self { sample, k, sigma_known: false };
        let margin = -normal_quantile(point.share);
        let (mut low, mut high) = (margin - 60.0, margin + 60.0);
        for _ in 0..70 {
            let middle = 0.5 * (low + high);
            *(if plan(middle).acceptance(point.share) > point.probability { &mut low } else { &mut high }) = middle;
        }
        plan(0.5 * (low + high))
    }
}
