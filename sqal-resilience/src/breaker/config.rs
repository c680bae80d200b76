//! [`BreakerConfig`]: when a breaker opens, for how long, and how it finds out that its target is back.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::clock::nanos;
use crate::random::{Random, fresh_seed};

/// The settings of a breaker (CBR-02). Whichever rule is met first opens it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct BreakerConfig {
    /// So many failures in a row open it; `None` to open by rates only.
    pub failure_threshold: Option<NonZeroU32>,
    /// Rates over the last calls or the last while open it; `None` to open by failures in a row only.
    pub rates: Option<Rates>,
    /// So many successes of probes close it when it is half open; at most `half_open_max_calls`.
    pub success_threshold: NonZeroU32,
    /// How long it stays open.
    #[cfg_attr(feature = "serde", serde(alias = "timeout"))]
    pub open_for: OpenFor,
    /// How many probes it admits in one half-open period, those that succeeded included.
    pub half_open_max_calls: NonZeroU32,
    /// How long probes may keep it half open; then it begins a new period, so that a probe that hangs cannot block it. `None`: as long as it was
    /// open, and at least ten seconds.
    #[cfg_attr(feature = "serde", serde(default, with = "crate::written::optional"))]
    pub half_open_max_wait: Option<Duration>,
    /// What a permit means that was dropped without a report.
    pub abandoned: Abandoned,
}

impl Default for BreakerConfig {
    /// 5 failures, 2 successes, 60 seconds, 3 probes.
    fn default() -> Self {
        let n = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        Self {
            failure_threshold: Some(n(5)),
            rates: None,
            success_threshold: n(2),
            open_for: OpenFor::always(Duration::from_mins(1)),
            half_open_max_calls: n(3),
            half_open_max_wait: None,
            abandoned: Abandoned::Ignore,
        }
    }
}

impl BreakerConfig {
    /// The same with a seed of its own, if none was given.
    pub(super) fn seeded(self) -> Self {
        let seed = self.open_for.seed.or_else(|| (self.open_for.jitter > 0.0).then(fresh_seed));
        Self { open_for: OpenFor { seed, ..self.open_for }, ..self }
    }
}

/// Rates over a window, evaluated at every report, also of a success: what leaves the window can raise a rate too.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Rates {
    /// Which calls count.
    pub window: Window,
    /// With fewer calls in the window no rate is taken for true; at most the size of a count window.
    pub min_calls: NonZeroU32,
    /// The share of failures from which the breaker opens, above 0 and at most 1.
    pub failure_rate: f64,
    /// When calls are slow, and the share of them from which the breaker opens.
    pub slow: Option<SlowCalls>,
}

/// Which calls count for a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Window {
    /// The last so many calls.
    Calls(NonZeroU32),
    /// The calls of the last while, forgotten in steps of a sixteenth of it.
    Time(#[cfg_attr(feature = "serde", serde(with = "crate::written"))] Duration),
}

/// When calls are too slow to be healthy.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct SlowCalls {
    /// From this time on a call is slow.
    #[cfg_attr(feature = "serde", serde(with = "crate::written"))]
    pub from: Duration,
    /// The share of slow calls from which the breaker opens, above 0 and at most 1.
    pub rate: f64,
}

/// How long a breaker stays open: `base · factorˡᵉᵛᵉˡ` with jitter, never above `max`.
///
/// The level rises by one with each recovery that fails or hangs, and falls by one for each `base` that the breaker was closed: one lucky probe does
/// not forget a bad hour.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(from = "WrittenOpenFor"))]
pub struct OpenFor {
    /// The first open time, above 0.
    #[cfg_attr(feature = "serde", serde(with = "crate::written"))]
    pub base: Duration,
    /// By how much it grows, at least 1.
    pub factor: f64,
    /// The longest open time, jitter included; at least `base`.
    #[cfg_attr(feature = "serde", serde(with = "crate::written"))]
    pub max: Duration,
    /// The share of it by which it varies up or down, 0 to 1, so that a fleet does not probe in step.
    pub jitter: f64,
    /// What the jitter is drawn from: the same seed gives the same times. `None`, as by default: each breaker draws its own, so that a fleet does not.
    pub seed: Option<u64>,
}

/// An open time as it is written: `"60s"`, or how it grows.
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
    /// The same open time always.
    #[must_use]
    pub const fn always(time: Duration) -> Self {
        Self { base: time, factor: 1.0, max: time, jitter: 0.0, seed: None }
    }

    /// An open time that doubles with each recovery that fails, up to `max`.
    #[must_use]
    pub const fn doubling(base: Duration, max: Duration) -> Self {
        Self { base, factor: 2.0, max, jitter: 0.0, seed: None }
    }

    /// The open time of a level; no level overflows.
    pub(super) fn at(&self, level: u32, generation: u64) -> Duration {
        let exponent = i32::try_from(level).unwrap_or(i32::MAX);
        let plain = self.base.as_secs_f64() * self.factor.powi(exponent);
        let swing = self.jitter * 2.0f64.mul_add(Random(self.seed.unwrap_or(0) ^ generation).next(), -1.0);
        let jittered = plain * (1.0 + swing);
        // Not a number of seconds that a duration holds: it is above any limit.
        Duration::try_from_secs_f64(jittered.min(self.max.as_secs_f64())).unwrap_or(self.max).min(self.max)
    }
}

/// What a permit means that was dropped without a report: the caller gave up, and nobody knows how the call went.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Abandoned {
    /// Nothing.
    Ignore,
    /// A failure.
    AsFailure,
    /// Nothing, until more than this share of the calls in the window was abandoned: then the breaker opens. Needs rates.
    RateAbove(f64),
}

/// Settings that no breaker can have.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidBreaker {
    /// Nothing would ever open it.
    #[error("neither failure_threshold nor rates is set: nothing would ever open the breaker")]
    NoRule,
    /// It could never close.
    #[error("success_threshold {successes} is above half_open_max_calls {probes}: the breaker could never close")]
    NeverCloses {
        /// The successes it would take.
        successes: u32,
        /// The probes there are.
        probes: u32,
    },
    /// A share is not above 0 and at most 1.
    #[error("{name} is {value}: expected more than 0 and at most 1")]
    Rate {
        /// Which one.
        name: &'static str,
        /// Its value.
        value: f64,
    },
    /// A number of the open time is out of range.
    #[error("open_for.{name} is {value}: expected {expected}")]
    OpenFor {
        /// Which one.
        name: &'static str,
        /// Its value, in seconds if it is a time.
        value: f64,
        /// What would do.
        expected: &'static str,
    },
    /// The window holds nothing, or fewer calls than a rate needs.
    #[error("the window of {window} can never hold min_calls {min_calls}")]
    Window {
        /// Its size in calls, or in nanoseconds.
        window: u64,
        /// How many calls a rate needs.
        min_calls: u32,
    },
    /// The share of abandoned calls needs a window.
    #[error("abandoned calls are judged by a rate, and there is no window: set rates")]
    AbandonedWithoutWindow,
    /// Probes that have no time at all.
    #[error("half_open_max_wait is 0: no probe could ever report in time")]
    NoTimeForProbes,
    /// More failures in a row than are counted.
    #[error("failure_threshold {0} is above 65535")]
    Threshold(u32),
}

impl BreakerConfig {
    /// Whether a breaker can have these settings.
    ///
    /// # Errors
    ///
    /// [`InvalidBreaker`] names the first that it cannot.
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
                // A step of a sixteenth must be at least a nanosecond.
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
            OpenFor { jitter: 0.5, seed: Some(7), ..OpenFor::doubling(Duration::from_mins(1), Duration::MAX) };
        for (level, generation) in [(0, 1), (1, 2), (3, 9)] {
            let r = Random(7 ^ generation).next();
            let expected = 60.0 * f64::from(1 << level) * 0.5f64.mul_add(2.0f64.mul_add(r, -1.0), 1.0);
            let found = open_for.at(level, generation).as_secs_f64();
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }
}
