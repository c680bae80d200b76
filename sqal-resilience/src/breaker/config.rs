//! [`BreakerConfig`]: when a breaker opens, for how long, and how it finds that its target is back.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::clock::nanos;
use crate::random::{Random, fresh_seed};

/// The settings of a breaker (CBR-02). The first rule that is met opens the breaker.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct BreakerConfig {
    /// The number of failures in a row that opens the breaker; `None` to open by rates only.
    pub failure_threshold: Option<NonZeroU32>,
    /// Opens the breaker by rates over the last calls or the last span of time; `None` to open by
    /// failures in a row only.
    pub rates: Option<Rates>,
    /// The number of successful probes that closes a half-open breaker; at most
    /// `half_open_max_calls`.
    pub success_threshold: NonZeroU32,
    /// How long the breaker stays open.
    #[cfg_attr(feature = "serde", serde(alias = "timeout"))]
    pub open_for: OpenFor,
    /// The maximum number of probes in one half-open period, including those that succeeded.
    pub half_open_max_calls: NonZeroU32,
    /// How long a half-open period may last. After that a new period begins, so that a probe that
    /// hangs cannot block the breaker. `None`: as long as the breaker was open, and at least ten
    /// seconds.
    #[cfg_attr(feature = "serde", serde(default, with = "crate::written::optional"))]
    pub half_open_max_wait: Option<Duration>,
    /// What a permit counts as if it was dropped without a report.
    pub abandoned: Abandoned,
}

impl Default for BreakerConfig {
    /// 5 failures in a row open it for 60 seconds; at most 3 probes, of which 2 successes close it.
    fn default() -> Self {
        let n = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        Self {
            failure_threshold: Some(n(5)),
            rates: None,
            success_threshold: n(2),
            open_for: OpenFor::always(Duration::from_secs(60)),
            half_open_max_calls: n(3),
            half_open_max_wait: None,
            abandoned: Abandoned::Ignore,
        }
    }
}

impl BreakerConfig {
    /// These settings with a seed of their own, if there is jitter and no seed was given.
    pub(super) fn seeded(self) -> Self {
        let seed = self.open_for.seed.or_else(|| (self.open_for.jitter > 0.0).then(fresh_seed));
        Self { open_for: OpenFor { seed, ..self.open_for }, ..self }
    }
}

/// Rates over a window. They are evaluated at every report, also of a success, because a call that
/// leaves the window can raise a rate too.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Rates {
    /// Which calls count.
    pub window: Window,
    /// The minimum number of calls in the window: with fewer, no rate is evaluated. At most the
    /// size of a count window.
    pub min_calls: NonZeroU32,
    /// The share of failures from which the breaker opens, above 0 and at most 1.
    pub failure_rate: f64,
    /// When a call is slow, and the share of slow calls from which the breaker opens.
    pub slow: Option<SlowCalls>,
}

/// Which calls count for a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Window {
    /// The most recent calls, at most this number.
    Calls(NonZeroU32),
    /// The calls of the most recent span of time, forgotten in steps of a sixteenth of it.
    Time(#[cfg_attr(feature = "serde", serde(with = "crate::written"))] Duration),
}

/// When calls are too slow to be healthy.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct SlowCalls {
    /// A call that takes at least this time is slow.
    #[cfg_attr(feature = "serde", serde(with = "crate::written"))]
    pub from: Duration,
    /// The share of slow calls from which the breaker opens, above 0 and at most 1.
    pub rate: f64,
}

/// How long a breaker stays open: `base · factorˡᵉᵛᵉˡ` with jitter, never above `max`.
///
/// The level rises by one with each recovery that fails or hangs. It falls by one for each `base`
/// that the breaker was closed, so a single successful recovery does not reset it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(from = "WrittenOpenFor"))]
pub struct OpenFor {
    /// The first open time, above 0.
    #[cfg_attr(feature = "serde", serde(with = "crate::written"))]
    pub base: Duration,
    /// The factor by which the open time grows with each level, at least 1.
    pub factor: f64,
    /// The longest open time, jitter included; at least `base`.
    #[cfg_attr(feature = "serde", serde(with = "crate::written"))]
    pub max: Duration,
    /// The share of the open time by which it varies up or down, 0 to 1, so that many instances do
    /// not probe at the same time.
    pub jitter: f64,
    /// The seed of the jitter: equal seeds give equal open times. `None` is the default: each
    /// breaker then draws a seed of its own, so that many instances do not probe at the same time.
    pub seed: Option<u64>,
}

/// An open time as it is written in a configuration: a time such as `"60s"`, or how it grows.
#[cfg(feature = "serde")]
#[derive(serde::Deserialize)]
#[serde(untagged, expecting = "a time such as \"60s\", or base, factor and max (jitter, seed) of one that grows")]
enum WrittenOpenFor {
    Always(#[serde(with = "crate::written")] Duration),
    Grows(Growing),
}

#[cfg(feature = "serde")]
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Growing {
    #[serde(with = "crate::written")]
    base: Duration,
    factor: f64,
    #[serde(with = "crate::written")]
    max: Duration,
    #[serde(default)]
    jitter: f64,
    #[serde(default)]
    seed: Option<u64>,
}

#[cfg(feature = "serde")]
impl From<WrittenOpenFor> for OpenFor {
    fn from(written: WrittenOpenFor) -> Self {
        match written {
            WrittenOpenFor::Always(time) => Self::always(time),
            WrittenOpenFor::Grows(Growing { base, factor, max, jitter, seed }) => {
                Self { base, factor, max, jitter, seed }
            }
        }
    }
}

impl OpenFor {
    /// A constant open time.
    #[must_use]
    pub const fn always(time: Duration) -> Self {
        Self { base: time, factor: 1.0, max: time, jitter: 0.0, seed: None }
    }

    /// An open time that doubles with each recovery that fails, up to `max`.
    #[must_use]
    pub const fn doubling(base: Duration, max: Duration) -> Self {
        Self { base, factor: 2.0, max, jitter: 0.0, seed: None }
    }

    /// The open time of a level. No level overflows.
    pub(super) fn at(&self, level: u32, generation: u64) -> Duration {
        let exponent = i32::try_from(level).unwrap_or(i32::MAX);
        let plain = self.base.as_secs_f64() * self.factor.powi(exponent);
        let swing = self.jitter * 2.0f64.mul_add(Random(self.seed.unwrap_or(0) ^ generation).next(), -1.0);
        let jittered = plain * (1.0 + swing);
        // If the seconds do not fit in a `Duration`, they are above every limit.
        Duration::try_from_secs_f64(jittered.min(self.max.as_secs_f64())).unwrap_or(self.max).min(self.max)
    }
}

/// What a permit counts as if it was dropped without a report: the caller gave up, and how the call
/// went is unknown.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Abandoned {
    /// It does not count.
    Ignore,
    /// It counts as a failure.
    AsFailure,
    /// It does not count as a failure. If more than this share of the calls in the window was
    /// abandoned, the breaker opens. Needs rates.
    RateAbove(f64),
}

/// Settings that are not valid for a breaker.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidBreaker {
    /// Neither `failure_threshold` nor `rates` is set, so nothing would ever open the breaker.
    #[error("neither failure_threshold nor rates is set: nothing would ever open the breaker")]
    NoRule,
    /// `success_threshold` is above `half_open_max_calls`, so the breaker could never close.
    #[error("success_threshold {successes} is above half_open_max_calls {probes}: the breaker could never close")]
    NeverCloses {
        /// The required number of successes.
        successes: u32,
        /// The maximum number of probes.
        probes: u32,
    },
    /// A share is 0 or below, or above 1.
    #[error("{name} is {value}: expected more than 0 and at most 1")]
    Rate {
        /// The name of the setting.
        name: &'static str,
        /// The value of the setting.
        value: f64,
    },
    /// A number of the open time is out of range.
    #[error("open_for.{name} is {value}: expected {expected}")]
    OpenFor {
        /// The name of the number.
        name: &'static str,
        /// The value of the number, in seconds if it is a time.
        value: f64,
        /// The values that are valid.
        expected: &'static str,
    },
    /// A time window is shorter than 16 ns, or a count window holds fewer calls than `min_calls`.
    #[error("the window of {window} can never hold min_calls {min_calls}")]
    Window {
        /// The size of the window in calls, or in nanoseconds.
        window: u64,
        /// The minimum number of calls for a rate.
        min_calls: u32,
    },
    /// `abandoned` is a rate, and `rates` is not set: the share of abandoned calls needs a window.
    #[error("abandoned calls are judged by a rate, and there is no window: set rates")]
    AbandonedWithoutWindow,
    /// `half_open_max_wait` is 0, so no probe could report in time.
    #[error("half_open_max_wait is 0: no probe could ever report in time")]
    NoTimeForProbes,
    /// `failure_threshold` is above 65535, the largest number of failures that is counted.
    #[error("failure_threshold {0} is above 65535")]
    Threshold(u32),
}

impl BreakerConfig {
    /// Checks whether a breaker can have these settings.
    ///
    /// # Errors
    ///
    /// [`InvalidBreaker`] names the first setting that is not valid.
    pub fn check(&self) -> Result<(), InvalidBreaker> {
        if self.failure_threshold.is_none() && self.rates.is_none() {
            return Err(InvalidBreaker::NoRule);
        }
        if let Some(threshold) = self.failure_threshold
            && threshold.get() > u32::from(u16::MAX)
        {
            return Err(InvalidBreaker::Threshold(threshold.get()));
        }
        if self.half_open_max_wait.is_some_and(|time| time.is_zero()) {
            return Err(InvalidBreaker::NoTimeForProbes);
        }
        let (successes, probes) = (self.success_threshold.get(), self.half_open_max_calls.get());
        if successes > probes {
            return Err(InvalidBreaker::NeverCloses { successes, probes });
        }
        let share = |name, value: f64| {
            if value > 0.0 && value <= 1.0 { Ok(()) } else { Err(InvalidBreaker::Rate { name, value }) }
        };
        if let Some(rates) = &self.rates {
            share("failure_rate", rates.failure_rate)?;
            if let Some(slow) = rates.slow {
                share("slow.rate", slow.rate)?;
            }
            let (window, holds) = match rates.window {
                Window::Calls(size) => (u64::from(size.get()), size >= rates.min_calls),
                // A step of a sixteenth of the window must be at least a nanosecond.
                Window::Time(length) => (nanos(length), nanos(length) >= 16),
            };
            if !holds {
                return Err(InvalidBreaker::Window { window, min_calls: rates.min_calls.get() });
            }
        }
        if let Abandoned::RateAbove(rate) = self.abandoned {
            share("abandoned", rate)?;
            if self.rates.is_none() {
                return Err(InvalidBreaker::AbandonedWithoutWindow);
            }
        }
        let OpenFor { base, factor, max, jitter, .. } = self.open_for;
        let out = |name, value, expected| Err(InvalidBreaker::OpenFor { name, value, expected });
        if base.is_zero() {
            out("base", 0.0, "more than 0 seconds")
        } else if !(factor >= 1.0 && factor.is_finite()) {
            out("factor", factor, "a number of at least 1")
        } else if max < base {
            out("max", max.as_secs_f64(), "at least the base")
        } else if !(0.0..=1.0).contains(&jitter) {
            out("jitter", jitter, "0 to 1")
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `base · factorˡᵉᵛᵉˡ · (1 + jitter · (2r - 1))`, with `r` from seed and generation.
    #[test]
    fn an_open_time_is_what_its_formula_says() {
        let open_for =
            OpenFor { jitter: 0.5, seed: Some(7), ..OpenFor::doubling(Duration::from_secs(60), Duration::MAX) };
        for (level, generation) in [(0, 1), (1, 2), (3, 9)] {
            let r = Random(7 ^ generation).next();
            let expected = 60.0 * f64::from(1 << level) * 0.5f64.mul_add(2.0f64.mul_add(r, -1.0), 1.0);
            let found = open_for.at(level, generation).as_secs_f64();
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }
}
