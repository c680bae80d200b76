//! [`AdaptiveBulkhead`]: a bulkhead that finds its own limit.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Bulkhead, BulkheadConfig, BulkheadPermit, InvalidBulkhead, Occupancy, OwnedBulkheadPermit};
use crate::limit::{Limit, Observation};
use crate::{Clock, Outcome, Rejected};

/// A [`Bulkhead`] whose maximum number of calls at a time follows a [`Limit`].
///
/// ```
/// use sqal_resilience::{AdaptiveBulkhead, BulkheadConfig, limit::{Gradient, Range}, Outcome, SystemClock};
///
/// let bulkhead = AdaptiveBulkhead::new(BulkheadConfig::default(), Gradient::new(Range::default()), SystemClock)?;
/// let permit = bulkhead.try_acquire()?;
/// permit.report(Outcome::Success); // reports the duration and the calls under way
/// assert_eq!(bulkhead.occupancy().limit, 20);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct AdaptiveBulkhead<L, C> {
    bulkhead: Arc<Bulkhead<C>>,
    limit: Mutex<L>,
    clock: C,
}

impl<L: Limit, C: Clock + Clone> AdaptiveBulkhead<L, C> {
    /// A bulkhead with the queue of these settings and the maximum number of calls of `limit`.
    ///
    /// # Errors
    ///
    /// As [`Bulkhead::new`].
    pub fn new(config: BulkheadConfig, limit: L, clock: C) -> Result<Self, InvalidBulkhead> {
        let config = BulkheadConfig { max_concurrent: limit.current(), ..config };
        Ok(Self { bulkhead: Arc::new(Bulkhead::new(config, clock.clone())?), limit: Mutex::new(limit), clock })
    }

    /// Takes a place if one is free and no caller waits for it.
    ///
    /// # Errors
    ///
    /// As [`Bulkhead::try_acquire`].
    pub fn try_acquire(&self) -> Result<AdaptivePermit<'_, L, C>, Rejected> {
        self.bulkhead.try_acquire().map(|place| self.permit(place))
    }

    /// Takes a place. If none is free, waits for it in the queue.
    ///
    /// # Errors
    ///
    /// As [`Bulkhead::acquire`].
    #[cfg(feature = "tokio")]
    pub async fn acquire(&self) -> Result<AdaptivePermit<'_, L, C>, Rejected> {
        self.bulkhead.acquire().await.map(|place| self.permit(place))
    }

    /// Takes a place for a call that outlives the borrow, if one is free and no caller waits for
    /// it.
    ///
    /// # Errors
    ///
    /// As [`Bulkhead::try_acquire`].
    pub fn try_acquire_owned(self: &Arc<Self>) -> Result<OwnedAdaptivePermit<L, C>, Rejected> {
        self.bulkhead.try_acquire_owned().map(|place| self.owned(place))
    }

    /// Takes a place for a call that outlives the borrow. If none is free, waits for it in the
    /// queue.
    ///
    /// # Errors
    ///
    /// As [`Bulkhead::acquire`].
    #[cfg(feature = "tokio")]
    pub async fn acquire_owned(self: Arc<Self>) -> Result<OwnedAdaptivePermit<L, C>, Rejected> {
        let place = Arc::clone(&self.bulkhead).acquire_owned().await?;
        Ok(self.owned(place))
    }

    /// The wait for a place, as a named type.
    #[cfg(feature = "tower")]
    pub(crate) fn line(&self) -> super::AcquireOwned<C> {
        Arc::clone(&self.bulkhead).acquire_owned()
    }

    /// Whether a caller may wait.
    #[cfg(feature = "tower")]
    pub(crate) fn has_line(&self) -> bool {
        self.bulkhead.has_line()
    }

    /// A call that begins now, in a place that was taken.
    pub(crate) fn owned(self: &Arc<Self>, place: OwnedBulkheadPermit<C>) -> OwnedAdaptivePermit<L, C> {
        OwnedAdaptivePermit {
            of: Arc::clone(self),
            in_flight: self.bulkhead.occupancy().running,
            began: self.clock.now(),
            _place: place,
        }
    }

    /// Adjusts the limit by how a call went. `in_flight` is the number of calls that were under way
    /// when it began, itself included.
    fn learn(&self, began: Instant, in_flight: u32, outcome: Outcome) {
        if outcome == Outcome::Ignored {
            return;
        }
        let sample = Observation { began, ended: self.clock.now(), in_flight, dropped: outcome == Outcome::Failure };
        let mut limit = self.limit.lock().unwrap_or_else(PoisonError::into_inner);
        limit.learn(&sample);
        // Set under the lock, so that of two reports the later one stays. Waiting callers are
        // served when the permit gives its place back, which comes next.
        self.bulkhead.set_limit(limit.current());
    }

    fn permit<'a>(&'a self, place: BulkheadPermit<'a, C>) -> AdaptivePermit<'a, L, C> {
        AdaptivePermit {
            of: self,
            in_flight: self.bulkhead.occupancy().running,
            began: self.clock.now(),
            _place: place,
        }
    }

    /// The number of calls that run and that wait now, and the limit.
    #[must_use]
    pub fn occupancy(&self) -> Occupancy {
        self.bulkhead.occupancy()
    }

    /// Admits no more calls, as [`Bulkhead::close`].
    pub fn close(&self) {
        self.bulkhead.close();
    }
}

/// A place in an [`AdaptiveBulkhead`]; report how the call went. If it is dropped without a report,
/// it gives its place back and leaves the limit as it is.
#[derive(Debug)]
#[must_use = "a permit that is dropped teaches nothing; report how the call went"]
pub struct AdaptivePermit<'a, L: Limit, C: Clock + Clone> {
    of: &'a AdaptiveBulkhead<L, C>,
    in_flight: u32,
    began: Instant,
    _place: BulkheadPermit<'a, C>,
}

impl<L: Limit, C: Clock + Clone> AdaptivePermit<'_, L, C> {
    /// Reports how the call went. A failure is a drop for overload; an ignored call leaves the
    /// limit as it is.
    pub fn report(self, outcome: Outcome) {
        self.of.learn(self.began, self.in_flight, outcome);
    }

    /// How long the call has been under way.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.of.clock.now().saturating_duration_since(self.began)
    }
}

/// A place in an [`AdaptiveBulkhead`] for a call that outlives the borrow; report how the call
/// went. If it is dropped without a report, it gives its place back and leaves the limit as it is.
#[derive(Debug)]
#[must_use = "a permit that is dropped teaches nothing; report how the call went"]
pub struct OwnedAdaptivePermit<L: Limit, C: Clock + Clone> {
    of: Arc<AdaptiveBulkhead<L, C>>,
    in_flight: u32,
    began: Instant,
    _place: OwnedBulkheadPermit<C>,
}

impl<L: Limit, C: Clock + Clone> OwnedAdaptivePermit<L, C> {
    /// Reports how the call went. A failure is a drop for overload; an ignored call leaves the
    /// limit as it is.
    pub fn report(self, outcome: Outcome) {
        self.of.learn(self.began, self.in_flight, outcome);
    }

    /// How long the call has been under way.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.of.clock.now().saturating_duration_since(self.began)
    }
}
