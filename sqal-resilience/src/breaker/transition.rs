//! The changes of state of a [`Breaker`]: by time, by what was counted, by hand, by new settings.

use std::time::Duration;

use super::inner::Inner;
use super::window::Calls;
use super::{Breaker, BreakerConfig, Cause, Event, InvalidBreaker, State};
use crate::Clock;
use crate::clock::{SKEW, nanos};
use crate::sync::Ordering;

/// The minimum duration of a half-open period, unless a setting gives another one.
const LEAST_WAIT: Duration = Duration::from_secs(10);

impl<C: Clock> Breaker<C> {
    /// Closes the breaker and forgets everything. Reports of calls that are under way are ignored.
    pub fn reset(&self) {
        self.by_hand(State::Closed);
    }

    /// Refuses every call until [`Breaker::reset`].
    pub fn force_open(&self) {
        self.by_hand(State::ForcedOpen);
    }

    /// Begins a half-open period now.
    pub fn force_half_open(&self) {
        self.by_hand(State::HalfOpen);
    }

    /// Admits every call and counts none until [`Breaker::reset`].
    pub fn disable(&self) {
        self.by_hand(State::Disabled);
    }

    /// Admits and counts every call and never opens, until [`Breaker::reset`].
    pub fn metrics_only(&self) {
        self.by_hand(State::MetricsOnly);
    }

    fn by_hand(&self, to: State) {
        let now = self.now();
        let mut inner = self.lock();
        if to == State::Closed {
            inner.level = 0;
        }
        self.change(&mut inner, to, Cause::ByHand, now);
        self.unlock(inner);
    }

    /// Changes the settings. An open or half-open period that has begun ends as it would have; the
    /// counts begin anew.
    ///
    /// # Errors
    ///
    /// [`InvalidBreaker`] names the setting that is not valid. In that case nothing has changed.
    pub fn reconfigure(&self, config: BreakerConfig) -> Result<(), InvalidBreaker> {
        config.check()?;
        let mut inner = self.lock();
        inner.config = config.seeded();
        // The calls under way were admitted by other settings: their reports are ignored, and their
        // places are free.
        inner.generation += 1;
        (inner.failures, inner.probes, inner.successes) = (0, 0, 0);
        inner.calls = config.rates.map(|rates| Calls::new(rates.window));
        self.word.store(inner.word().0, Ordering::Release);
        self.unlock(inner);
        Ok(())
    }

    /// Applies what time alone changes. An open breaker whose time is over becomes half open, and a
    /// half-open period that hangs begins anew.
    ///
    /// Two threads may read the clock in one order and come here in the other, and one may have
    /// slept in between. If the clock seems to have stepped back, it is read again here, where all
    /// threads come one after the other. A step of less than a second does not count.
    pub(super) fn settle(&self, inner: &mut Inner, now: u64) {
        let seen = self.seen.load(Ordering::Relaxed);
        let stepped_back = |now: u64| now.saturating_add(SKEW) < seen;
        let now = if stepped_back(now) { self.now() } else { now };
        let now = if stepped_back(now) {
            if matches!(inner.state, State::Open | State::HalfOpen) {
                // The rest of the wait stays as long as it was.
                inner.until = now.saturating_add(inner.until.saturating_sub(seen));
                if inner.state == State::Open {
                    self.open_until.store(inner.until, Ordering::Release);
                }
            }
            inner.since = inner.since.min(now);
            now
        } else {
            now.max(seen)
        };
        self.seen.store(now, Ordering::Relaxed);
        if now < inner.until {
            return;
        }
        match inner.state {
            State::Open => self.change(inner, State::HalfOpen, Cause::OpenTimeOver, now),
            State::HalfOpen => self.change(inner, State::HalfOpen, Cause::ProbesHung, now),
            State::Closed | State::Disabled | State::ForcedOpen | State::MetricsOnly => {}
        }
    }

    /// Changes the state, publishes it, and keeps the event for the observer.
    pub(super) fn change(&self, inner: &mut Inner, to: State, cause: Cause, now: u64) {
        let from = inner.state;
        let open_for = inner.config.open_for;
        inner.generation += 1;
        match (from, to) {
            // A recovery failed: the next open time is longer.
            (State::HalfOpen, State::Open | State::HalfOpen) if cause != Cause::ByHand => {
                inner.level = inner.level.saturating_add(1);
            }
            (State::Closed, State::Open) => inner.level = inner.level_at(now),
            _ => {}
        }
        let lasts = match to {
            State::Open => open_for.at(inner.level, inner.generation),
            State::HalfOpen => {
                let as_long = || open_for.at(inner.level, inner.generation).max(LEAST_WAIT);
                inner.config.half_open_max_wait.unwrap_or_else(as_long)
            }
            State::Closed | State::Disabled | State::ForcedOpen | State::MetricsOnly => Duration::MAX,
        };
        inner.opened |= matches!(to, State::Open | State::ForcedOpen);
        (inner.state, inner.since, inner.until) = (to, now, now.saturating_add(nanos(lasts)));
        (inner.failures, inner.probes, inner.successes) = (0, 0, 0);
        if let Some(calls) = &mut inner.calls {
            calls.clear();
        }
        if self.observer.is_some() {
            inner.untold.push_back(Event { from, to, cause, generation: inner.generation });
        }
        self.seen.store(now, Ordering::Relaxed);
        self.look_again.store(nanos(lasts) / 64, Ordering::Relaxed);
        if to == State::Open {
            // The end of the open time is stored first, so that a thread that sees the new state
            // sees its end. The end of another state is not stored: a thread that still sees the
            // open state would take it for the end of the open time, and refuse the first probe.
            self.open_until.store(inner.until, Ordering::Release);
        }
        self.word.store(inner.word().0, Ordering::Release);
    }
}
