//! [`Limit`]: rules that find out how many calls there is room for, from how long they take and which are dropped.

use std::num::NonZeroU32;
use std::time::Instant;

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

/// A limit within its range, and when a drop lowered it.
#[derive(Clone, Copy, Debug)]
struct Bounded {
    range: Range,
    limit: f64,
    lowered: Option<Instant>,
}

impl Bounded {
    /// By how much a drop lowers a limit.
    const AFTER_A_DROP: f64 = 0.9;

    fn new(range: Range) -> Self {
        Self { range, limit: range.clamp(f64::from(range.first.get())), lowered: None }
    }

    fn current(&self) -> NonZeroU32 {
        self.range.whole(self.limit)
    }

    fn set(&mut self, limit: f64) {
        self.limit = self.range.clamp(limit);
    }

    /// Lowers the limit once per round trip: calls that began before it was lowered say nothing of the lower one.
    fn drop_of(&mut self, seen: &Observation) {
        if self.lowered.is_none_or(|at| seen.began > at) {
            self.lowered = Some(seen.ended);
            self.set(self.limit * Self::AFTER_A_DROP);
        }
    }

    /// A caller that uses less than half the limit learns nothing about it.
    fn is_used_by(&self, seen: &Observation) -> bool {
        f64::from(seen.in_flight) >= self.limit / 2.0
    }
}

/// One more per limit of calls that go well, a tenth fewer once per round trip with drops (additive increase, multiplicative decrease).
#[derive(Clone, Copy, Debug)]
pub struct Aimd(Bounded);

impl Aimd {
    /// A limit within a range.
    #[must_use]
    pub fn new(range: Range) -> Self {
        Self(Bounded::new(range))
    }
}

impl Limit for Aimd {
    fn current(&self) -> NonZeroU32 {
        self.0.current()
    }

    fn learn(&mut self, seen: &Observation) {
        if seen.dropped {
            self.0.drop_of(seen);
        } else if self.0.is_used_by(seen) {
            self.0.set(self.0.limit + 1.0 / self.0.limit);
        }
    }
}

/// Follows the ratio of how long calls usually take to how long they take now (Gradient2 of Netflix' concurrency-limits, with its defaults: tolerance 1.5,
/// smoothing 0.2, a room of 4 for a queue, 600 samples of memory).
#[derive(Clone, Copy, Debug)]
pub struct Gradient {
    bounded: Bounded,
    /// How long calls usually take, in seconds, and how many samples say so.
    usual: f64,
    samples: u32,
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
        Self { bounded: Bounded::new(range), usual: 0.0, samples: 0 }
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
        self.bounded.current()
    }

    fn learn(&mut self, seen: &Observation) {
        if seen.dropped {
            self.bounded.drop_of(seen);
            return;
        }
        let seconds = seen.ended.saturating_duration_since(seen.began).as_secs_f64();
        self.remember(seconds);
        if self.bounded.is_used_by(seen) && seconds > 0.0 {
            let limit = self.bounded.limit;
            let gradient = (Self::TOLERANCE * self.usual / seconds).clamp(0.5, 1.0);
            let wanted = gradient.mul_add(limit, Self::QUEUE);
            self.bounded.set(Self::SMOOTHING.mul_add(wanted - limit, limit));
        }
    }
}
