//! [`Inner`]: the part of a breaker that its lock guards, and the rules that read it.

use std::collections::VecDeque;
use std::ops::BitOr;

use super::event::{Cause, Event};
use super::state::Word;
use super::window::Calls;
use super::{Abandoned, BreakerConfig, State};
use crate::clock::{ORIGIN, nanos};

/// The part of a breaker that the lock guards.
pub(super) struct Inner {
    pub(super) config: BreakerConfig,
    pub(super) state: State,
    /// Counts the changes of state; a report of an older generation is ignored.
    pub(super) generation: u64,
    pub(super) failures: u32,
    /// In a half-open period: the probes under way, and (`successes`) those that succeeded.
    pub(super) probes: u32,
    pub(super) successes: u32,
    /// When the state began, and (`until`) when an open or half-open one ends.
    pub(super) since: u64,
    pub(super) until: u64,
    /// How many recoveries failed, less one for each base open time that was healthy since.
    pub(super) level: u32,
    pub(super) calls: Option<Calls>,
    /// The events that the observer has not received yet, and (`telling`) whether a thread delivers
    /// them.
    pub(super) untold: VecDeque<Event>,
    pub(super) telling: bool,
    /// The breaker has opened, and the waiting tasks have not been woken yet.
    pub(super) opened: bool,
}

impl Inner {
    /// The state of a closed breaker that has counted nothing.
    pub(super) fn closed(config: BreakerConfig) -> Self {
        Self {
            config,
            state: State::Closed,
            generation: 0,
            failures: 0,
            probes: 0,
            successes: 0,
            since: ORIGIN,
            until: 0,
            level: 0,
            calls: config.rates.map(|rates| Calls::new(rates.window)),
            untold: VecDeque::new(),
            telling: false,
            opened: false,
        }
    }

    /// How many recoveries failed, less one for each base open time that the breaker was closed
    /// since.
    pub(super) fn level_at(&self, now: u64) -> u32 {
        let healthy = now.saturating_sub(self.since) / nanos(self.config.open_for.base).max(1);
        self.level.saturating_sub(u32::try_from(healthy).unwrap_or(u32::MAX))
    }

    /// The word that publishes this state to threads that take no lock.
    pub(super) fn word(&self) -> Word {
        let flag = |set: bool, bit: u64| if set { bit } else { 0 };
        let timed = self.config.rates.is_some_and(|rates| rates.slow.is_some());
        let parts = [
            self.state as u64,
            flag(self.calls.is_some(), Word::COUNTED),
            flag(timed, Word::TIMED),
            u64::from(self.failures) << Word::FAILURES,
            self.generation << Word::GENERATION,
        ];
        Word(parts.into_iter().fold(0, BitOr::bitor))
    }

    /// The rule that is met, if there is one.
    pub(super) fn trips(&self, now: u64) -> Option<Cause> {
        if self.config.failure_threshold.is_some_and(|threshold| self.failures >= threshold.get()) {
            return Some(Cause::Failures);
        }
        let (rates, counts) = (self.config.rates?, self.calls.as_ref()?.counts(now));
        if counts.calls < rates.min_calls.get() {
            return None;
        }
        let share = |part: u32| f64::from(part) / f64::from(counts.calls);
        if share(counts.failures) >= rates.failure_rate {
            Some(Cause::FailureRate)
        } else if rates.slow.is_some_and(|slow| share(counts.slow) >= slow.rate) {
            Some(Cause::SlowRate)
        } else if matches!(self.config.abandoned, Abandoned::RateAbove(most) if share(counts.abandoned) > most) {
            Some(Cause::AbandonedRate)
        } else {
            None
        }
    }
}
