//! [`Bulkhead`]: a limit of calls at a time, a short queue for the rest, and a refusal when full.
//!
//! ```text
//!                      a place is free, none waits
//!     try_acquire ------------------------------------> running (max_concurrent)
//!         |                                                 ^            |
//!         |  all taken          the one who waited longest  |            | a permit is dropped
//!         +------------> line (max_queued, max_wait) -------+ <----------+
//!                          |
//!                          +--> refused: the line is full, the time is over, or those in it have waited too long
//! ```
//!
//! A free place costs one compare-and-swap to take and one subtraction to give back. The lock
//! guards the queue only.

#[cfg(feature = "tokio")]
mod acquire;
mod adaptive;
#[cfg(all(test, model_check))]
mod interleavings;
mod line;

use std::fmt;
use std::num::NonZeroU32;
use std::ops::Deref;
use std::sync::{Arc, PoisonError};
use std::task::Waker;
use std::time::Duration;

#[cfg(feature = "tokio")]
pub use acquire::AcquireOwned;
#[cfg(feature = "tokio")]
use acquire::Enter;
pub use adaptive::{AdaptiveBulkhead, AdaptivePermit, OwnedAdaptivePermit};
use line::{Line, Seat, Waiting};

use crate::sync::{AtomicU64, Mutex, MutexGuard, Ordering};
use crate::{Clock, Rejected, SystemClock, rejected::Reason};

/// Which caller is sent away when there are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Shed {
    /// The new caller: those in the queue have waited longer.
    #[default]
    Newest,
    /// The caller that has waited longest: a caller that is about to give up is not worth the
    /// place.
    Oldest,
}

/// The maximum number of calls at a time, and how many callers may wait for how long.
///
/// It begins with [`BulkheadConfig::default`]; its fields are then set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct BulkheadConfig {
    /// The maximum number of calls at a time; 25 by default.
    pub max_concurrent: NonZeroU32,
    /// The maximum number of waiting callers (at most 2³¹ - 1 wait); 0 by default.
    pub max_queued: u32,
    /// The longest time that a caller waits; 0 by default.
    #[cfg_attr(feature = "serde", serde(with = "crate::written"))]
    pub max_wait: Duration,
    /// Which caller is sent away when the queue is full, or too slow.
    pub shed: Shed,
    /// The queue is too slow if its first caller has waited longer than this time. `None`, as by
    /// default: the queue is never too slow.
    #[cfg_attr(feature = "serde", serde(default, with = "crate::written::optional"))]
    pub slow_after: Option<Duration>,
}

impl Default for BulkheadConfig {
    fn default() -> Self {
        Self {
            max_concurrent: NonZeroU32::new(25).unwrap_or(NonZeroU32::MIN),
            max_queued: 0,
            max_wait: Duration::ZERO,
            shed: Shed::Newest,
            slow_after: None,
        }
    }
}

/// The word: whether the bulkhead is closed (1 bit), how many callers wait (31), how many calls run
/// (32).
const RUNNING: u64 = u32::MAX as u64;
const ONE_WAITING: u64 = 1 << 32;
const CLOSED: u64 = 1 << 63;

const fn running(word: u64) -> u64 {
    word & RUNNING
}

const fn waiting(word: u64) -> u64 {
    (word & !CLOSED) >> 32
}

/// Admits a limited number of calls at a time; share it by reference or in an `Arc`.
///
/// ```
/// use std::num::NonZeroU32;
/// use sqal_resilience::{Bulkhead, BulkheadConfig, rejected::Reason, SystemClock};
///
/// let mut two = BulkheadConfig::default();
/// two.max_concurrent = NonZeroU32::new(2).unwrap();
/// let bulkhead = Bulkhead::new(two, SystemClock)?;
/// let (first, _second) = (bulkhead.try_acquire()?, bulkhead.try_acquire()?);
/// assert_eq!(bulkhead.try_acquire().unwrap_err().reason, Reason::BulkheadFull);
/// drop(first);
/// assert!(bulkhead.try_acquire().is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// The word comes first, next to the counts of an `Arc`: the owner of a permit touches both.
#[repr(C)]
pub struct Bulkhead<C = SystemClock> {
    word: AtomicU64,
    limit: AtomicU64,
    config: BulkheadConfig,
    line: Mutex<Line>,
    clock: C,
}

/// The state of a bulkhead at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Occupancy {
    /// The number of calls under way.
    pub running: u32,
    /// The number of callers in the queue.
    pub waiting: u32,
    /// The maximum number of calls under way. After it was lowered, it may be below `running` for a
    /// while.
    pub limit: u32,
    /// Whether the bulkhead is closed and admits no more calls.
    pub closed: bool,
}

/// Settings that are not valid for a bulkhead: a queue needs `max_queued` and `max_wait` above 0,
/// and without a queue both are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "max_queued is {max_queued} and max_wait is {max_wait:?}: expected both above 0 (a queue), or both 0 (no queue)"
)]
#[non_exhaustive]
pub struct InvalidBulkhead {
    /// The maximum number of waiting callers.
    pub max_queued: u32,
    /// The longest time that a caller waits.
    pub max_wait: Duration,
}

impl<C: Clock> Bulkhead<C> {
    /// An empty bulkhead.
    ///
    /// # Errors
    ///
    /// [`InvalidBulkhead`] if only one of `max_queued` and `max_wait` is 0: there is no room to
    /// wait, or no time to wait.
    pub fn new(config: BulkheadConfig, clock: C) -> Result<Self, InvalidBulkhead> {
        let BulkheadConfig { max_queued, max_wait, .. } = config;
        if (max_queued > 0) == max_wait.is_zero() {
            return Err(InvalidBulkhead { max_queued, max_wait });
        }
        Ok(Self {
            word: AtomicU64::new(0),
            limit: AtomicU64::new(u64::from(config.max_concurrent.get())),
            config,
            line: Mutex::new(Line::default()),
            clock,
        })
    }

    /// Takes a place if one is free and no caller waits for it.
    ///
    /// # Errors
    ///
    /// [`Reason::BulkheadFull`] if no place is free or callers wait for it,
    /// [`Reason::ShuttingDown`] after [`Bulkhead::close`].
    #[inline]
    pub fn try_acquire(&self) -> Result<BulkheadPermit<'_, C>, Rejected> {
        self.enter()?;
        Ok(BulkheadPermit { bulkhead: self })
    }

    /// Takes a place for a call that outlives the borrow, such as a future or the body of a
    /// response.
    ///
    /// # Errors
    ///
    /// As [`Bulkhead::try_acquire`].
    #[inline]
    pub fn try_acquire_owned(self: &Arc<Self>) -> Result<OwnedBulkheadPermit<C>, Rejected> {
        self.enter()?;
        Ok(OwnedBulkheadPermit { bulkhead: Arc::clone(self) })
    }

    /// Takes a place. If none is free, waits for it in the queue, at most for the time that the
    /// settings allow. A future that is dropped leaves the queue.
    ///
    /// # Errors
    ///
    /// - [`Reason::BulkheadFull`] at once if the queue is full;
    /// - [`Reason::QueueTimeout`] when the time is over;
    /// - [`Reason::Overloaded`] if the queue is too slow;
    /// - [`Reason::ShuttingDown`] after [`Bulkhead::close`], also for waiting callers.
    #[cfg(feature = "tokio")]
    pub async fn acquire(&self) -> Result<BulkheadPermit<'_, C>, Rejected> {
        Enter::new(self).await?;
        Ok(BulkheadPermit { bulkhead: self })
    }

    /// Takes a place for a call that outlives the borrow. If none is free, waits for it in the
    /// queue.
    ///
    /// # Errors
    ///
    /// As [`Bulkhead::acquire`].
    #[cfg(feature = "tokio")]
    pub const fn acquire_owned(self: Arc<Self>) -> AcquireOwned<C> {
        AcquireOwned::new(self)
    }

    /// Whether callers may wait.
    pub(crate) const fn has_line(&self) -> bool {
        // The settings were checked: a queue has a time to wait.
        self.config.max_queued > 0
    }

    /// Takes a place. If none is free, blocks the thread in the queue, at most for the time that
    /// the settings allow.
    ///
    /// # Errors
    ///
    /// - [`Reason::BulkheadFull`] at once if the queue is full;
    /// - [`Reason::QueueTimeout`] when the time is over;
    /// - [`Reason::Overloaded`] if the queue is too slow;
    /// - [`Reason::ShuttingDown`] after [`Bulkhead::close`], also for waiting callers.
    pub fn acquire_blocking(&self) -> Result<BulkheadPermit<'_, C>, Rejected> {
        match self.enter() {
            Err(_) if self.has_line() => line::block_on(Self::stand_in_line(self)?, self.config.max_wait)?,
            answer => answer?,
        }
        Ok(BulkheadPermit { bulkhead: self })
    }

    #[inline]
    fn enter(&self) -> Result<(), Rejected> {
        let limit = self.limit.load(Ordering::Relaxed);
        let mut seen = self.word.load(Ordering::Relaxed);
        loop {
            if seen >= limit {
                // The limit is reached, a caller waits, or the bulkhead is closed: each of these
                // makes the word at least the limit.
                let reason = if seen & CLOSED == 0 { Reason::BulkheadFull } else { Reason::ShuttingDown };
                return Err(Rejected::because(reason));
            }
            match self.word.compare_exchange_weak(seen, seen + 1, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Ok(()),
                Err(other) => seen = other,
            }
        }
    }

    #[inline]
    fn leave(&self) {
        if waiting(self.word.fetch_sub(1, Ordering::AcqRel)) > 0 {
            self.serve();
        }
    }

    /// Changes the maximum number of calls at a time. Calls under way go on. If the limit is
    /// lowered, new calls wait until enough calls have left.
    pub fn resize(&self, max_concurrent: NonZeroU32) {
        self.set_limit(max_concurrent);
        self.serve();
    }

    /// Changes the limit. A function that raises it must serve the queue.
    fn set_limit(&self, max_concurrent: NonZeroU32) {
        self.limit.store(u64::from(max_concurrent.get()), Ordering::Release);
    }

    /// Admits no more calls. Waiting callers are refused at once; calls under way go on.
    pub fn close(&self) {
        self.word.fetch_or(CLOSED, Ordering::AcqRel);
        let mut line = self.line();
        let sent_away = line.empty(Reason::ShuttingDown);
        self.word.fetch_sub(ONE_WAITING * sent_away.len() as u64, Ordering::AcqRel);
        drop(line);
        sent_away.into_iter().flatten().for_each(Waker::wake);
    }

    /// The number of calls that run and that wait now, and the limit.
    #[must_use]
    pub fn occupancy(&self) -> Occupancy {
        let word = self.word.load(Ordering::Acquire);
        let few = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        Occupancy {
            running: few(running(word)),
            waiting: few(waiting(word)),
            limit: few(self.limit.load(Ordering::Acquire)),
            closed: word & CLOSED != 0,
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        // Nothing that can panic runs under the lock, so a poisoned lock still guards a consistent
        // queue.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place if one has become free; otherwise joins the queue.
    fn stand_in_line<B: Deref<Target = Self>>(this: B) -> Result<Waiting<B, C>, Rejected> {
        let mut woken = Vec::new();
        let seat = this.find_seat(&mut woken);
        // Made before any waker is called: wakers run foreign code, and whatever they do, the seat
        // has an owner.
        let waiting = seat.map(|seat| Waiting::new(this, seat));
        woken.into_iter().for_each(Waker::wake);
        waiting
    }

    /// A seat in the queue, or `None` if a place has become free and is taken.
    fn find_seat(&self, woken: &mut Vec<Waker>) -> Result<Option<Arc<Seat>>, Rejected> {
        let most = u64::from(self.config.max_queued.min(i32::MAX.cast_unsigned()));
        let now = self.clock.now();
        let mut line = self.line();
        // A call may have left whose place has not been given to the first waiting caller yet. That
        // is done first, so that no caller is sent away while a place is free.
        self.serve_line(&mut line, woken);
        let too_slow = self
            .config
            .slow_after
            .filter(|slow| line.first_came().is_some_and(|came| now.saturating_duration_since(came) > *slow));
        let mut seen = self.word.load(Ordering::Acquire);
        let change = |seen: u64, word: u64| {
            self.word.compare_exchange(seen, word, Ordering::AcqRel, Ordering::Acquire).map(|_| ())
        };
        loop {
            if seen & CLOSED != 0 {
                return Err(Rejected::because(Reason::ShuttingDown));
            }
            if waiting(seen) == 0 && running(seen) < self.limit.load(Ordering::Acquire) {
                match change(seen, seen + 1) {
                    Ok(()) => return Ok(None),
                    Err(other) => seen = other,
                }
                continue;
            }
            let full = waiting(seen) >= most;
            if (full || too_slow.is_some()) && (self.config.shed == Shed::Newest || waiting(seen) == 0) {
                return Err(match too_slow {
                    Some(slow) => Rejected::until(Reason::Overloaded, slow),
                    None => Rejected::because(Reason::BulkheadFull),
                });
            }
            if full || too_slow.is_some() {
                // The first caller leaves and the new one joins, so the number of waiting callers
                // stays the same. That number changes only under the lock.
                woken.extend(line.send_first_away(if full { Reason::BulkheadFull } else { Reason::Overloaded }));
                break;
            }
            match change(seen, seen + ONE_WAITING) {
                Ok(()) => break,
                Err(other) => seen = other,
            }
        }
        Ok(Some(line.join(now)))
    }

    /// Gives free places to the callers that have waited longest.
    fn serve(&self) {
        let mut woken = Vec::new();
        self.serve_line(&mut self.line(), &mut woken);
        // Wakers run foreign code, so they are called outside the lock.
        woken.into_iter().for_each(Waker::wake);
    }

    fn serve_line(&self, line: &mut Line, woken: &mut Vec<Waker>) {
        loop {
            let seen = self.word.load(Ordering::Acquire);
            if waiting(seen) == 0 || running(seen) >= self.limit.load(Ordering::Acquire) {
                return;
            }
            let next = seen + 1 - ONE_WAITING;
            if self.word.compare_exchange(seen, next, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                woken.extend(line.serve_first());
            }
        }
    }
}

impl<C> fmt::Debug for Bulkhead<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.word.load(Ordering::Relaxed);
        f.debug_struct("Bulkhead")
            .field("running", &running(word))
            .field("waiting", &waiting(word))
            .field("closed", &(word & CLOSED != 0))
            .finish_non_exhaustive()
    }
}

/// A place in a [`Bulkhead`]; dropping the permit gives the place back.
#[must_use = "a permit that is dropped gives its place back at once"]
pub struct BulkheadPermit<'a, C: Clock> {
    bulkhead: &'a Bulkhead<C>,
}

/// A [`BulkheadPermit`] that owns its bulkhead. It can move into a future or the body of a
/// response.
#[must_use = "a permit that is dropped gives its place back at once"]
pub struct OwnedBulkheadPermit<C: Clock> {
    bulkhead: Arc<Bulkhead<C>>,
}

impl<C: Clock> Drop for BulkheadPermit<'_, C> {
    #[inline]
    fn drop(&mut self) {
        self.bulkhead.leave();
    }
}

impl<C: Clock> Drop for OwnedBulkheadPermit<C> {
    #[inline]
    fn drop(&mut self) {
        self.bulkhead.leave();
    }
}

impl<C: Clock> fmt::Debug for BulkheadPermit<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BulkheadPermit").field(&self.bulkhead).finish()
    }
}

impl<C: Clock> fmt::Debug for OwnedBulkheadPermit<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OwnedBulkheadPermit").field(&self.bulkhead).finish()
    }
}
