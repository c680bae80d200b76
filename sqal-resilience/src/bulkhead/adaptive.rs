//! [`AdaptiveBulkhead`]: a bulkhead that finds its own size.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Bulkhead, BulkheadConfig, BulkheadPermit, InvalidBulkhead, Occupancy};
use crate::limit::{Limit, Observation};
use crate::{Clock, Outcome, Rejected};

/// A [`Bulkhead`] whose size follows a [`Limit`].
///
/// ```
/// use sqal_resilience::{AdaptiveBulkhead, BulkheadConfig, Gradient, Outcome, Range, SystemClock};
///
/// let bulkhead = AdaptiveBulkhead::new(BulkheadConfig::default(), Gradient::new(Range::default()), SystemClock)?;
/// let permit = bulkhead.try_acquire()?;
/// permit.report(Outcome::Success); // took so long, with so many under way
/// assert_eq!(bulkhead.occupancy().limit, 20);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct AdaptiveBulkhead<L, C> {
    bulkhead: Bulkhead<C>,
    limit: Mutex<L>,
    clock: C,
}

impl<L: Limit, C: Clock + Clone> AdaptiveBulkhead<L, C> {
    /// A bulkhead with the line of these settings and the size of the limit.
    ///
    /// # Errors
    ///
    /// As [`Bulkhead::new`].
    pub fn new(config: BulkheadConfig, limit: L, clock: C) -> Result<Self, InvalidBulkhead> {
        let config = BulkheadConfig { max_concurrent: limit.current(), ..config };
        Ok(Self { bulkhead: Bulkhead::new(config, clock.clone())?, limit: Mutex::new(limit), clock })
    }

    /// Takes a place if one is free and nobody waits for it.
    ///
    /// # Errors
    ///
    /// As [`Bulkhead::try_acquire`].
    pub fn try_acquire(&self) -> Result<AdaptivePermit<'_, L, C>, Rejected> {
        self.bulkhead.try_acquire().map(|place| self.permit(place))
    }

    /// Takes a place, and waits in line for it.
    ///
    /// # Errors
    ///
    /// As [`Bulkhead::acquire`].
    #[cfg(feature = "tokio")]
    pub async fn acquire(&self) -> Result<AdaptivePermit<'_, L, C>, Rejected> {
        self.bulkhead.acquire().await.map(|place| self.permit(place))
    }

    fn permit<'a>(&'a self, place: BulkheadPermit<'a, C>) -> AdaptivePermit<'a, L, C> {
        AdaptivePermit {
            of: self,
            in_flight: self.bulkhead.occupancy().running,
            began: self.clock.now(),
            _place: place,
        }
    }

    /// How full it is now, and its limit.
    #[must_use]
    pub fn occupancy(&self) -> Occupancy {
        self.bulkhead.occupancy()
    }

    /// Takes nobody any more, as [`Bulkhead::close`].
    pub fn close(&self) {
        self.bulkhead.close();
    }
}

/// A place in an [`AdaptiveBulkhead`]; report how the call went. Dropped, it gives its place back and teaches nothing.
#[derive(Debug)]
#[must_use = "a permit that is dropped teaches nothing; report how the call went"]
pub struct AdaptivePermit<'a, L: Limit, C: Clock + Clone> {
    of: &'a AdaptiveBulkhead<L, C>,
    in_flight: u32,
    began: Instant,
    _place: BulkheadPermit<'a, C>,
}

impl<L: Limit, C: Clock + Clone> AdaptivePermit<'_, L, C> {
    /// Reports how the call went: a failure is a drop for overload, what is ignored leaves the limit as it is.
    pub fn report(self, outcome: Outcome) {
        if outcome == Outcome::Ignored {
            return;
        }
        let ended = self.of.clock.now();
        let sample =
            Observation { began: self.began, ended, in_flight: self.in_flight, dropped: outcome == Outcome::Failure };
        let mut limit = self.of.limit.lock().unwrap_or_else(PoisonError::into_inner);
        limit.learn(&sample);
        // Under the lock, so that of two reports the later one stays. Whoever waits is served when this permit gives its place back, next.
        self.of.bulkhead.set_limit(limit.current());
    }

    /// How long the call has been under way.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.of.clock.now().saturating_duration_since(self.began)
    }
}
