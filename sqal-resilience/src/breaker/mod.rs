//! [`Breaker`]: stops calls to a target that is down, and finds out gently when it is back.
//!
//! ```text
//!              failures in a row, or a rate
//!    +--------+ ----------------------------------> +------+
//!    | CLOSED |                                     | OPEN | <-----------+
//!    +--------+ <--------+                          +------+             |
//!        ^ |             | success_threshold           |  after open_for |  any failure
//!        +-+             | successes                   v                 |
//!      success:          |                        +-----------+          |
//!      forget failures   +----------------------- | HALF_OPEN | ---------+
//!                                                 +-----------+
//!                     at most half_open_max_calls probes in a period; hung ones end it
//!
//!    by hand: FORCED_OPEN (refuses all), DISABLED (admits all), METRICS_ONLY (admits and counts all)
//! ```
//!
//! Acquire a permit ([`Breaker::acquire`]), call the target, report the outcome
//! ([`Permit::report`]). A permit that is dropped frees its place as a probe at once; whether it
//! counts is a setting ([`Abandoned`]). A permit that is dropped by a panic counts as a failure. A
//! report from before a change of state is ignored, because it does not describe the current state.
//!
//! While the breaker is closed, has no failure to forget and counts in no window, a call costs two
//! loads and writes nothing, so threads do not slow each other down. All changes happen under one
//! lock. Under that lock no foreign code runs except the clock's.

mod call;
mod config;
mod event;
mod permit;
mod registry;
mod state;
mod window;

use std::fmt;
use std::ops::BitOr;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

pub use config::{Abandoned, BreakerConfig, InvalidBreaker, OpenFor, Rates, SlowCalls, Window};
pub use event::{Cause, Event, Observer};
use permit::{Claim, Said};
pub use permit::{OwnedPermit, Permit};
pub use registry::{Breakers, RegistryFullError};
pub use state::State;
use state::Word;
pub use window::Counts;
use window::{Calls, Kind};

use crate::clock::{ORIGIN, SKEW, nanos, nanos_since};
use crate::sync::{AtomicU64, Mutex, MutexGuard, Ordering};
use crate::{Clock, Outcome, Rejected, SystemClock, rejected::Reason};

/// The minimum duration of a half-open period, unless a setting gives another one.
const LEAST_WAIT: Duration = Duration::from_secs(10);

/// The part of a breaker that the lock guards.
struct Inner {
    config: BreakerConfig,
    state: State,
    /// Counts the changes of state; a report of an older generation is ignored.
    generation: u64,
    failures: u32,
    /// In a half-open period: the probes under way, and (`successes`) those that succeeded.
    probes: u32,
    successes: u32,
    /// When the state began, and (`until`) when an open or half-open one ends.
    since: u64,
    until: u64,
    /// How many recoveries failed, less one for each base open time that was healthy since.
    level: u32,
    calls: Option<Calls>,
    /// The events that the observer has not received yet, and (`telling`) whether a thread delivers
    /// them.
    untold: std::collections::VecDeque<Event>,
    telling: bool,
    /// The breaker has opened, and the waiting tasks have not been woken yet.
    #[cfg(feature = "tower")]
    opened: bool,
}

/// A circuit breaker for one target; share it by reference or in an `Arc`.
pub struct Breaker<C = SystemClock> {
    clock: C,
    /// Times are counted from here, so that a clock that steps back does not underflow.
    origin: Instant,
    word: AtomicU64,
    open_until: AtomicU64,
    /// The last time that was seen under the lock, and (`look_again`) after how much more of it a
    /// refusal takes the lock to see it again.
    seen: AtomicU64,
    look_again: AtomicU64,
    observer: Option<Arc<dyn Observer>>,
    /// Wakes the tasks that wait for a target that is not ready.
    #[cfg(feature = "tower")]
    opened: Arc<tokio::sync::Notify>,
    inner: Mutex<Inner>,
}

impl<C: Clock> Breaker<C> {
    /// A closed breaker.
    ///
    /// # Errors
    ///
    /// [`InvalidBreaker`] names the setting that is not valid.
    pub fn new(config: BreakerConfig, clock: C) -> Result<Self, InvalidBreaker> {
        config.check()?;
        let config = config.seeded();
        let origin = clock.now();
        let inner = Inner {
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
            untold: std::collections::VecDeque::new(),
            telling: false,
            #[cfg(feature = "tower")]
            opened: false,
        };
        let word = AtomicU64::new(inner.word().0);
        Ok(Self {
            clock,
            origin,
            word,
            open_until: AtomicU64::new(0),
            seen: AtomicU64::new(ORIGIN),
            look_again: AtomicU64::new(0),
            observer: None,
            #[cfg(feature = "tower")]
            opened: Arc::default(),
            inner: Mutex::new(inner),
        })
    }

    /// Reports the changes of state of this breaker to `observer`.
    #[must_use]
    pub fn observed_by(self, observer: impl Observer + 'static) -> Self {
        Self { observer: Some(Arc::new(observer)), ..self }
    }

    /// Asks for permission to call the target.
    ///
    /// # Errors
    ///
    /// [`Rejected`] if the breaker does not admit the call. While the breaker is open, the refusal
    /// holds the time until a probe is admitted. While it is half open and all probes are under
    /// way, or while it is forced open, the refusal holds no time.
    #[inline]
    pub fn acquire(&self) -> Result<Permit<'_, C>, Rejected> {
        self.admit(|| self.clock.now()).map(|claim| Permit { breaker: self, claim })
    }

    /// Asks for permission to call the target at a given instant. Several primitives can share one
    /// reading of the clock, which costs more than all of them.
    ///
    /// # Errors
    ///
    /// As [`Breaker::acquire`].
    #[inline]
    pub fn acquire_at(&self, now: Instant) -> Result<Permit<'_, C>, Rejected> {
        self.admit(|| now).map(|claim| Permit { breaker: self, claim })
    }

    /// Asks for permission for a call that outlives the borrow, such as a future or a stream.
    ///
    /// # Errors
    ///
    /// As [`Breaker::acquire`].
    pub fn acquire_owned(self: &Arc<Self>) -> Result<OwnedPermit<C>, Rejected> {
        self.admit(|| self.clock.now()).map(|claim| OwnedPermit { breaker: Some(Arc::clone(self)), claim })
    }

    #[inline]
    fn admit(&self, now: impl FnOnce() -> Instant) -> Result<Claim, Rejected> {
        let word = Word(self.word.load(Ordering::Acquire));
        if word.state() == State::Closed && word.0 & Word::TIMED == 0 {
            return Ok(Claim::new(word.generation(), false, 0));
        }
        self.admit_otherwise(word, nanos_since(self.origin, now()))
    }

    #[inline(never)]
    fn admit_otherwise(&self, word: Word, now: u64) -> Result<Claim, Rejected> {
        let passes = |word: Word| Claim::new(word.generation(), false, now);
        match word.state() {
            State::Closed | State::Disabled | State::MetricsOnly => return Ok(passes(word)),
            State::ForcedOpen => return Err(Rejected::because(Reason::CircuitForcedOpen)),
            State::Open => {
                let until = self.open_until.load(Ordering::Acquire);
                let seen = self.seen.load(Ordering::Relaxed);
                // Now and then the lock is taken to look at the time, so that a clock that steps
                // back is noticed. The time by which it stepped back is then not waited for again.
                let look_again = self.look_again.load(Ordering::Relaxed);
                // Only if the state is still the one that was loaded: otherwise these times belong
                // to another state.
                let same = self.word.load(Ordering::Acquire) == word.0;
                if same && now < until && now >= seen && now - seen <= look_again {
                    return Err(open_for(until - now));
                }
            }
            State::HalfOpen => {}
        }
        let mut inner = self.lock();
        self.settle(&mut inner, now);
        let admitted = match inner.state {
            State::Closed | State::Disabled | State::MetricsOnly => Ok(passes(inner.word())),
            State::Open => Err(open_for(inner.until.saturating_sub(now))),
            State::HalfOpen if inner.probes + inner.successes < inner.config.half_open_max_calls.get() => {
                inner.probes += 1;
                Ok(Claim::new(inner.generation, true, now))
            }
            State::HalfOpen => Err(Rejected::because(Reason::ProbesExhausted)),
            State::ForcedOpen => Err(Rejected::because(Reason::CircuitForcedOpen)),
        };
        self.unlock(inner);
        admitted
    }

    /// Whether a call would be refused now and for some time: the breaker is forced open, or it is
    /// open and its time is not over.
    #[cfg(feature = "tower")]
    pub(crate) fn refuses(&self) -> bool {
        match Word(self.word.load(Ordering::Acquire)).state() {
            State::ForcedOpen => true,
            State::Open => self.now() < self.open_until.load(Ordering::Acquire),
            State::Closed | State::HalfOpen | State::Disabled | State::MetricsOnly => false,
        }
    }

    /// Completes when the breaker opens.
    #[cfg(feature = "tower")]
    pub(crate) fn opened(&self) -> tokio::sync::futures::OwnedNotified {
        Arc::clone(&self.opened).notified_owned()
    }

    /// The current state.
    #[must_use]
    pub fn state(&self) -> State {
        self.snapshot().state
    }

    /// A consistent view of the breaker at the current time.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let now = self.now();
        let mut inner = self.lock();
        self.settle(&mut inner, now);
        let snapshot = Snapshot {
            state: inner.state,
            generation: inner.generation,
            failures_in_a_row: inner.failures,
            probes: inner.probes,
            successes: inner.successes,
            window: inner.calls.as_ref().map(|calls| calls.counts(now)),
            retry_after: (inner.state == State::Open).then(|| Duration::from_nanos(inner.until.saturating_sub(now))),
            level: if inner.state == State::Closed { inner.level_at(now) } else { inner.level },
        };
        self.unlock(inner);
        snapshot
    }

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

    fn now(&self) -> u64 {
        nanos_since(self.origin, self.clock.now())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing that can panic runs under the lock, so a poisoned lock still guards a consistent
        // state.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Releases the lock and reports what happened to the observer, in order. One thread reports at
    /// a time.
    fn unlock(&self, mut inner: MutexGuard<'_, Inner>) {
        #[cfg(feature = "tower")]
        let mut inner = {
            if std::mem::take(&mut inner.opened) {
                // Wakers run foreign code, so they are called outside the lock.
                drop(inner);
                self.opened.notify_waiters();
                self.lock()
            } else {
                inner
            }
        };
        let Some(observer) = &self.observer else { return };
        if inner.telling || inner.untold.is_empty() || std::thread::panicking() {
            return;
        }
        inner.telling = true;
        drop(inner);
        let mut telling = Telling { breaker: self, done: false };
        loop {
            let mut inner = self.lock();
            let Some(event) = inner.untold.pop_front() else {
                // Cleared under the lock under which no event was found: a thread that adds an
                // event from now on reports it.
                inner.telling = false;
                telling.done = true;
                return;
            };
            drop(inner);
            observer.changed(&event);
        }
    }

    /// Applies what time alone changes. An open breaker whose time is over becomes half open, and a
    /// half-open period that hangs begins anew.
    ///
    /// Two threads may read the clock in one order and come here in the other, and one may have
    /// slept in between. If the clock seems to have stepped back, it is read again here, where all
    /// threads come one after the other. A step of less than a second does not count.
    fn settle(&self, inner: &mut Inner, now: u64) {
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

    fn change(&self, inner: &mut Inner, to: State, cause: Cause, now: u64) {
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
        #[cfg(feature = "tower")]
        {
            inner.opened |= matches!(to, State::Open | State::ForcedOpen);
        }
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

    #[inline]
    fn finish(&self, claim: Claim, said: Said) {
        let word = Word(self.word.load(Ordering::Acquire));
        if said == Said::Reported(Outcome::Success) && word.success_changes_nothing(claim.generation()) {
            return;
        }
        if word.generation() == claim.generation() {
            self.record(claim, said);
        }
    }

    #[inline(never)]
    fn record(&self, claim: Claim, said: Said) {
        let mut inner = self.lock();
        // Checked again under the lock: another report may have changed the state.
        if inner.generation == claim.generation() {
            self.count(&mut inner, claim, said);
            if inner.generation == claim.generation() {
                self.word.store(inner.word().0, Ordering::Release);
            }
        }
        self.unlock(inner);
    }

    fn count(&self, inner: &mut Inner, claim: Claim, said: Said) {
        if claim.is_probe() {
            inner.probes = inner.probes.saturating_sub(1);
        }
        // Reading the clock is the most expensive part of a report, so it is read only where
        // something depends on it.
        let slow_from = inner.config.rates.and_then(|rates| rates.slow).map(|slow| slow.from.as_nanos());
        let slow = slow_from.is_some_and(|from| u128::from(self.now().saturating_sub(claim.started)) >= from);
        let abandoned = said == Said::Abandoned;
        let outcome = match (said, inner.config.abandoned) {
            (Said::Reported(outcome), _) => outcome,
            (Said::Abandoned, Abandoned::AsFailure) => Outcome::Failure,
            (Said::Abandoned, Abandoned::Ignore | Abandoned::RateAbove(_)) => Outcome::Ignored,
        };
        match inner.state {
            State::Closed | State::MetricsOnly => self.count_call(inner, outcome, slow, abandoned),
            State::HalfOpen => match outcome {
                Outcome::Failure => self.change(inner, State::Open, Cause::ProbeFailed, self.now()),
                // A slow success is neither a sign of health nor a failure.
                Outcome::Success if !slow => {
                    inner.successes += 1;
                    if inner.successes >= inner.config.success_threshold.get() {
                        self.change(inner, State::Closed, Cause::ProbesSucceeded, self.now());
                    }
                }
                Outcome::Success | Outcome::Ignored => {}
            },
            State::Open | State::Disabled | State::ForcedOpen => {}
        }
    }

    fn count_call(&self, inner: &mut Inner, outcome: Outcome, slow: bool, abandoned: bool) {
        match outcome {
            Outcome::Success => inner.failures = 0,
            Outcome::Failure => inner.failures = inner.failures.saturating_add(1).min(u32::from(u16::MAX)),
            Outcome::Ignored => {}
        }
        let judged =
            outcome != Outcome::Ignored || (abandoned && matches!(inner.config.abandoned, Abandoned::RateAbove(_)));
        let now = if inner.calls.as_ref().is_some_and(Calls::depends_on_time) { self.now() } else { 0 };
        if let Some(calls) = inner.calls.as_mut().filter(|_| judged) {
            calls.record(Kind { failed: outcome == Outcome::Failure, slow, abandoned }, now);
        }
        if inner.state == State::Closed
            && let Some(cause) = inner.trips(now)
        {
            self.change(inner, State::Open, cause, self.now());
        }
    }
}

/// The refusal of an open breaker, with the time until a probe is admitted.
const fn open_for(nanos: u64) -> Rejected {
    Rejected::until(Reason::CircuitOpen, Duration::from_nanos(nanos))
}

impl Inner {
    /// How many recoveries failed, less one for each base open time that the breaker was closed
    /// since.
    fn level_at(&self, now: u64) -> u32 {
        let healthy = now.saturating_sub(self.since) / nanos(self.config.open_for.base).max(1);
        self.level.saturating_sub(u32::try_from(healthy).unwrap_or(u32::MAX))
    }

    fn word(&self) -> Word {
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
    fn trips(&self, now: u64) -> Option<Cause> {
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

/// Ends the reporting of events if an observer panics.
struct Telling<'a, C: Clock> {
    breaker: &'a Breaker<C>,
    done: bool,
}

impl<C: Clock> Drop for Telling<'_, C> {
    fn drop(&mut self) {
        if !self.done {
            self.breaker.lock().telling = false;
        }
    }
}

impl<C: fmt::Debug> fmt::Debug for Breaker<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Word(self.word.load(Ordering::Acquire));
        f.debug_struct("Breaker")
            .field("state", &word.state())
            .field("generation", &word.generation())
            .finish_non_exhaustive()
    }
}

/// A view of a breaker at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The state.
    pub state: State,
    /// How often the breaker has changed.
    pub generation: u64,
    /// Failures since the last success.
    pub failures_in_a_row: u32,
    /// The probes under way; 0 unless the breaker is half open.
    pub probes: u32,
    /// Probes that succeeded in this half-open period.
    pub successes: u32,
    /// The calls of the window, if there is one.
    pub window: Option<Counts>,
    /// The time until a probe is admitted; `None` unless the breaker is open.
    pub retry_after: Option<Duration>,
    /// How many recoveries have failed, less one for each base open time that was healthy since.
    pub level: u32,
}

#[cfg(all(test, not(model_check)))]
mod tests {
    use std::num::NonZeroU32;
    use std::sync::atomic::AtomicU32;

    use super::*;

    /// A clock that counts how often it is read.
    #[derive(Debug, Default)]
    struct Counting(AtomicU32);

    impl Clock for Counting {
        fn now(&self) -> Instant {
            self.0.fetch_add(1, Ordering::Relaxed);
            SystemClock.now()
        }
    }

    impl Counting {
        fn reads(&self) -> u32 {
            self.0.load(Ordering::Relaxed)
        }
    }

    /// CB-48: while all is well neither the lock nor the clock is touched, and nothing is written.
    #[test]
    fn a_healthy_call_needs_neither_lock_nor_clock() {
        let breaker = Arc::new(Breaker::new(BreakerConfig::default(), Counting::default()).unwrap());
        let (reads, word) = (breaker.clock.reads(), breaker.word.load(Ordering::SeqCst));
        let held = breaker.inner.lock().unwrap();
        let calls = std::thread::spawn({
            let breaker = Arc::clone(&breaker);
            move || {
                for _ in 0..1000 {
                    breaker.acquire().unwrap().report(Outcome::Success);
                    breaker.acquire_owned().unwrap().report(Outcome::Success);
                }
            }
        });
        // The calls wait for no lock that this thread holds. If they did, they would never end.
        calls.join().unwrap();
        drop(held);
        assert_eq!((breaker.clock.reads(), breaker.word.load(Ordering::SeqCst)), (reads, word));
    }

    /// A refusal of an open breaker does not wait for the lock either, as long as a call has looked
    /// at the time lately.
    #[test]
    fn a_refusal_needs_no_lock() {
        let one = BreakerConfig { failure_threshold: NonZeroU32::new(1), ..BreakerConfig::default() };
        for force in [false, true] {
            let breaker = Arc::new(Breaker::new(one, Counting::default()).unwrap());
            breaker.acquire().unwrap().report(Outcome::Failure);
            if force {
                breaker.force_open();
            }
            let held = breaker.inner.lock().unwrap();
            let refused = std::thread::spawn({
                let breaker = Arc::clone(&breaker);
                move || (0..100).all(|_| breaker.acquire().is_err())
            });
            assert!(refused.join().unwrap());
            drop(held);
        }
    }

    /// An owned permit knows whether it is a probe, and dropping it frees its place.
    #[test]
    fn an_owned_permit_is_a_probe_or_not_and_comes_back() {
        let breaker = Arc::new(Breaker::new(BreakerConfig::default(), SystemClock).unwrap());
        assert!(!breaker.acquire_owned().unwrap().is_probe() && !breaker.acquire().unwrap().is_probe());
        breaker.force_half_open();
        let probe = breaker.acquire_owned().unwrap();
        assert!(probe.is_probe());
        assert_eq!(breaker.snapshot().probes, 1);
        drop(probe);
        assert_eq!(breaker.snapshot().probes, 0);
    }

    #[test]
    fn the_word_says_every_state() {
        let breaker = Breaker::new(BreakerConfig::default(), SystemClock).unwrap();
        let says = || Word(breaker.word.load(Ordering::SeqCst)).state();
        assert_eq!(says(), State::Closed);
        for (change, state) in [
            (Breaker::disable as fn(&Breaker), State::Disabled),
            (Breaker::force_open, State::ForcedOpen),
            (Breaker::metrics_only, State::MetricsOnly),
            (Breaker::force_half_open, State::HalfOpen),
            (Breaker::reset, State::Closed),
        ] {
            change(&breaker);
            assert_eq!(says(), state);
        }
        for _ in 0..5 {
            breaker.acquire().unwrap().report(Outcome::Failure);
        }
        assert_eq!(says(), State::Open);
    }
}
