//! [`AdaptiveBulkhead`]: a limit of concurrency that finds itself, from how long calls take and which are dropped.

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::{Bulkhead, BulkheadConfig, BulkheadPermit, Clock, InvalidBulkhead, Outcome, Rejected};

/// What one call tells of the room that there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observation {
    /// When it began.
    pub began: Instant,
    /// When it ended.
    pub ended: Instant,
    /// How many were under way when it began, itself included.
    pub in_flight: u32,
    /// Whether it was dropped for overload: it timed out, or the target said that it had no room.
    pub dropped: bool,
}

/// A rule that turns samples into a limit.
pub trait Limit: Send {
    /// The limit now.
    fn current(&self) -> NonZeroU32;

    /// Learns from one call.
    fn learn(&mut self, sample: &Observation);
}

/// The bounds of a limit, and where it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Never fewer.
    pub least: NonZeroU32,
    /// At first.
    pub first: NonZeroU32,
    /// Never more.
    pub most: NonZeroU32,
}

impl Default for Range {
    /// 20 to 200, beginning with 20.
    fn default() -> Self {
        let n = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        Self { least: n(20), first: n(20), most: n(200) }
    }
}

impl Range {
    /// The bound that a number lies beyond, or the number, as a whole one.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to whole numbers first")]
    fn whole(&self, limit: f64) -> NonZeroU32 {
        NonZeroU32::new(self.clamp(limit) as u32).unwrap_or(self.least)
    }

    fn clamp(&self, limit: f64) -> f64 {
        let most = f64::from(self.most.get().max(self.least.get()));
        limit.clamp(f64::from(self.least.get()), most)
    }
}

/// By how much a drop lowers a limit.
const AFTER_A_DROP: f64 = 0.9;

/// Once per round trip: calls that began before the limit was lowered say nothing of the lower one.
#[derive(Clone, Copy, Debug, Default)]
struct Lowered(Option<Instant>);

impl Lowered {
    fn may(&mut self, sample: &Observation) -> bool {
        let may = self.0.is_none_or(|at| sample.began > at);
        if may {
            self.0 = Some(sample.ended);
        }
        may
    }
}

/// A caller that uses less than half the limit learns nothing about it.
fn limited_by_caller(sample: &Observation, limit: f64) -> bool {
    f64::from(sample.in_flight) < limit / 2.0
}

/// One more per limit of calls that go well, a tenth fewer once per round trip with drops (additive increase, multiplicative decrease).
#[derive(Clone, Copy, Debug)]
pub struct Aimd {
    range: Range,
    limit: f64,
    lowered: Lowered,
}

impl Aimd {
    /// A limit within a range.
    #[must_use]
    pub fn new(range: Range) -> Self {
        Self { range, limit: range.clamp(f64::from(range.first.get())), lowered: Lowered::default() }
    }
}

impl Limit for Aimd {
    fn current(&self) -> NonZeroU32 {
        self.range.whole(self.limit)
    }

    fn learn(&mut self, sample: &Observation) {
        if sample.dropped {
            if self.lowered.may(sample) {
                self.limit = self.range.clamp(self.limit * AFTER_A_DROP);
            }
        } else if !limited_by_caller(sample, self.limit) {
            self.limit = self.range.clamp(self.limit + 1.0 / self.limit);
        }
    }
}

/// Follows the ratio of how long calls usually take to how long they take now (Gradient2 of Netflix' concurrency-limits, with its defaults: tolerance 1.5,
/// smoothing 0.2, a room of 4 for a queue, 600 samples of memory).
#[derive(Clone, Copy, Debug)]
pub struct Gradient {
    range: Range,
    limit: f64,
    /// How long calls usually take, in seconds, and how many samples say so.
    usual: f64,
    samples: u32,
    lowered: Lowered,
}

impl Gradient {
    const MEMORY: u32 = 600;
    const TOLERANCE: f64 = 1.5;
    const SMOOTHING: f64 = 0.2;
    const QUEUE: f64 = 4.0;
    /// The average of the first samples is a plain one.
    const WARM_UP: u32 = 10;

    /// A limit within a range.
    #[must_use]
    pub fn new(range: Range) -> Self {
        let limit = range.clamp(f64::from(range.first.get()));
        Self { range, limit, usual: 0.0, samples: 0, lowered: Lowered::default() }
    }

    fn remember(&mut self, seconds: f64) {
        self.samples = self.samples.saturating_add(1);
        let weight = if self.samples <= Self::WARM_UP {
            1.0 / f64::from(self.samples)
        } else {
            2.0 / f64::from(Self::MEMORY + 1)
        };
        self.usual += weight * (seconds - self.usual);
        if self.usual > 2.0 * seconds {
            // It was slow for long and is fast again: forget faster.
            self.usual *= 0.95;
        }
    }
}

impl Limit for Gradient {
    fn current(&self) -> NonZeroU32 {
        self.range.whole(self.limit)
    }

    fn learn(&mut self, sample: &Observation) {
        if sample.dropped {
            if self.lowered.may(sample) {
                self.limit = self.range.clamp(self.limit * AFTER_A_DROP);
            }
            return;
        }
        let seconds = sample.ended.saturating_duration_since(sample.began).as_secs_f64();
        self.remember(seconds);
        if limited_by_caller(sample, self.limit) || seconds <= 0.0 {
            return;
        }
        let gradient = (Self::TOLERANCE * self.usual / seconds).clamp(0.5, 1.0);
        let wanted = gradient.mul_add(self.limit, Self::QUEUE);
        self.limit = self.range.clamp(Self::SMOOTHING.mul_add(wanted - self.limit, self.limit));
    }
}

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
    pub fn occupancy(&self) -> crate::Occupancy {
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
        let larger = {
            let mut limit = self.of.limit.lock().unwrap_or_else(PoisonError::into_inner);
            let before = limit.current();
            limit.learn(&sample);
            // Under the lock, so that of two reports the later one stays.
            self.of.bulkhead.set_limit(limit.current());
            limit.current() > before
        };
        if larger {
            self.of.bulkhead.serve();
        }
    }

    /// How long the call has been under way.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.of.clock.now().saturating_duration_since(self.began)
    }
}
