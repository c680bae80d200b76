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
mod counting;
mod event;
mod inner;
mod opening;
mod permit;
mod registry;
mod snapshot;
mod state;
mod telling;
mod transition;
mod window;

use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

pub use config::{Abandoned, BreakerConfig, InvalidBreaker, OpenFor, Rates, SlowCalls, Window};
pub use event::{Cause, Event, Observer};
use inner::Inner;
pub use opening::Opening;
use opening::Waiting;
use permit::{Claim, Said};
pub use permit::{OwnedPermit, Permit};
pub use registry::{Breakers, RegistryFullError};
pub use snapshot::Snapshot;
pub use state::State;
use state::Word;
pub use window::Counts;

use crate::clock::{ORIGIN, nanos_since};
use crate::sync::{AtomicU64, Mutex, MutexGuard, Ordering};
use crate::{Clock, Outcome, Rejected, SystemClock, rejected::Reason};

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
    /// The tasks that wait until this breaker refuses calls.
    waiting: Waiting,
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
        let inner = Inner::closed(config);
        let word = AtomicU64::new(inner.word().0);
        Ok(Self {
            clock,
            origin,
            word,
            open_until: AtomicU64::new(0),
            seen: AtomicU64::new(ORIGIN),
            look_again: AtomicU64::new(0),
            observer: None,
            waiting: Waiting::default(),
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
    pub(crate) fn refuses(&self) -> bool {
        match Word(self.word.load(Ordering::Acquire)).state() {
            State::ForcedOpen => true,
            State::Open => self.now() < self.open_until.load(Ordering::Acquire),
            State::Closed | State::HalfOpen | State::Disabled | State::MetricsOnly => false,
        }
    }

    /// Waits until this breaker refuses calls: it is open or forced open. A breaker that does so
    /// already is not waited for.
    pub fn opening(self: &Arc<Self>) -> Opening<C> {
        Opening::of(Arc::clone(self))
    }

    fn now(&self) -> u64 {
        nanos_since(self.origin, self.clock.now())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing that can panic runs under the lock, so a poisoned lock still guards a consistent
        // state.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
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
}

/// The refusal of an open breaker, with the time until a probe is admitted.
const fn open_for(nanos: u64) -> Rejected {
    Rejected::until(Reason::CircuitOpen, Duration::from_nanos(nanos))
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
