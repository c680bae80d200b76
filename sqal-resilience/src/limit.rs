//! [`Limit`]: rules that find a limit of calls at a time from their durations and drops.

use std::num::NonZeroU32;
use std::time::Instant;

/// What one call shows about the capacity of its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observation {
    /// When the call began.
    pub began: Instant,
    /// When the call ended.
    pub ended: Instant,
    /// How many calls were under way when it began, itself included.
    pub in_flight: u32,
    /// Whether the call was dropped for overload: it timed out, or the target answered that it had
    /// no room.
    pub dropped: bool,
}

/// A rule that computes a limit from observed calls.
pub trait Limit: Send {
    /// The current limit.
    fn current(&self) -> NonZeroU32;

    /// Updates the limit by one call.
    fn learn(&mut self, sample: &Observation);
}

/// The bounds of a limit, and its first value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The minimum.
    pub least: NonZeroU32,
    /// The first value.
    pub first: NonZeroU32,
    /// The maximum.
    pub most: NonZeroU32,
}

impl Default for Range {
    /// From 20 to 200, beginning with 20.
    fn default() -> Self {
        let n = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        Self { least: n(20), first: n(20), most: n(200) }
    }
}

impl Range {
    /// The number as a whole one; if it lies beyond a bound, the bound.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to whole numbers first")]
    fn whole(&self, limit: f64) -> NonZeroU32 {
        NonZeroU32::new(self.clamp(limit) as u32).unwrap_or(self.least)
    }

    fn clamp(&self, limit: f64) -> f64 {
        let most = f64::from(self.most.get().max(self.least.get()));
        limit.clamp(f64::from(self.least.get()), most)
    }
}

/// A limit within its range, and when a drop lowered it last.
#[derive(Clone, Copy, Debug)]
struct Bounded {
    range: Range,
    limit: f64,
    lowered: Option<Instant>,
}

impl Bounded {
    /// The factor by which a drop lowers a limit.
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

    /// Lowers the limit once per round trip: calls that began before it was lowered say nothing
    /// about the lower limit.
    fn drop_of(&mut self, seen: &Observation) {
        if self.lowered.is_none_or(|at| seen.began > at) {
            self.lowered = Some(seen.ended);
            self.set(self.limit * Self::AFTER_A_DROP);
        }
    }

    /// Whether a call says something about the limit: it does not if less than half the limit is in
    /// use.
    fn is_used_by(&self, seen: &Observation) -> bool {
        f64::from(seen.in_flight) >= self.limit / 2.0
    }
}

/// Raises the limit by one for each limit of calls that succeed. Lowers it by a tenth once per
/// round trip with drops (additive increase, multiplicative decrease).
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

/// Follows the ratio of how long calls usually take to how long they take now (Gradient2 of
/// Netflix' concurrency-limits, with its defaults: tolerance 1.5, smoothing 0.2, a room of 4 for a
/// queue, 600 samples of memory).
#[derive(Clone, Copy, Debug)]
pub struct Gradient {
    bounded: Bounded,
    /// How long calls usually take, in seconds, and (`samples`) the number of samples behind it.
    usual: f64,
    samples: u32,
}

impl Gradient {
    const MEMORY: u32 = 600;
    const TOLERANCE: f64 = 1.5;
    const SMOOTHING: f64 = 0.2;
    const QUEUE: f64 = 4.0;
    /// The number of first samples whose average is a plain one.
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
            // The calls were slow for long and are fast again, so the slow ones are forgotten
            // faster.
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn range(first: u32) -> Range {
        let n = |n| NonZeroU32::new(n).unwrap();
        Range { least: n(10), first: n(first), most: n(100_000) }
    }

    #[expect(clippy::disallowed_methods, reason = "some instant to count from; none can be made otherwise")]
    fn some_instant() -> Instant {
        Instant::now()
    }

    /// The limits after calls of these durations, with the whole limit in use.
    fn follow(limit: &mut dyn Limit, millis: &[u64]) -> Vec<u32> {
        let origin = some_instant();
        let learn = |millis: &u64| {
            let ended = origin + Duration::from_millis(*millis);
            limit.learn(&Observation { began: origin, ended, in_flight: 100_000, dropped: false });
            limit.current().get()
        };
        millis.iter().map(learn).collect()
    }

    /// Compared with the formulas of Gradient2 computed elsewhere (in Python): a plain average of
    /// ten, then a slow one; calls that take three times as long; a target that is fast again, so
    /// that the average is forgotten faster; and slow calls measured against what was forgotten.
    #[test]
    fn a_gradient_follows_its_formulas() {
        let millis = [
            10, 10, 10, 10, 10, 12, 8, 11, 9, 10, 30, 30, 30, 30, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
            2, 2, 12, 12, 12, 12, 12, 12,
        ];
        let limits = [
            400, 401, 402, 403, 404, 404, 405, 406, 407, 408, 368, 332, 300, 272, 273, 274, 274, 275, 276, 277, 278,
            278, 279, 280, 281, 282, 282, 283, 284, 285, 286, 286, 287, 288, 260, 235, 212, 192, 173, 157,
        ];
        assert_eq!(follow(&mut Gradient::new(range(400)), &millis), limits);
    }

    /// The limit rises by one for each limit of calls that succeed.
    #[test]
    fn an_additive_increase_is_one_a_round() {
        let mut limit = Aimd::new(range(50));
        let limits = follow(&mut limit, &[10; 104]);
        assert_eq!((limits[49], limits[50], limits[103]), (50, 51, 52));
    }

    /// The limit falls by a tenth, once for all calls that began before.
    #[test]
    fn a_drop_lowers_once_per_round_trip() {
        let (mut limit, origin) = (Aimd::new(range(100)), some_instant());
        let mut drop_of = |began: u64, ended: u64| {
            let at = |millis| origin + Duration::from_millis(millis);
            limit.learn(&Observation { began: at(began), ended: at(ended), in_flight: 100, dropped: true });
            limit.current().get()
        };
        assert_eq!([drop_of(0, 10), drop_of(1, 11), drop_of(10, 12), drop_of(11, 13)], [90, 90, 90, 81]);
    }

    #[test]
    fn a_gradient_remembers_as_its_formula_says() {
        let mut gradient = Gradient::new(range(20));
        (0..10).for_each(|_| gradient.remember(0.1));
        gradient.remember(0.2);
        assert!((gradient.usual - (2.0f64 / 601.0).mul_add(0.1, 0.1)).abs() < 1e-12, "{}", gradient.usual);
        // Exactly twice as fast as usual does not count as fast again: 0.25 is the plain average of
        // the two.
        let mut gradient = Gradient::new(range(20));
        gradient.remember(0.375);
        gradient.remember(0.125);
        assert!((gradient.usual - 0.25).abs() < 1e-15, "{}", gradient.usual);
    }

    #[test]
    fn a_call_that_took_no_time_teaches_a_gradient_nothing() {
        let now = some_instant();
        let mut gradient = Gradient::new(range(20));
        gradient.learn(&Observation { began: now, ended: now, in_flight: 20, dropped: false });
        assert_eq!(gradient.current().get(), 20);
        gradient.learn(&Observation { began: now, ended: now + Duration::from_secs(1), in_flight: 20, dropped: false });
        gradient.learn(&Observation { began: now, ended: now, in_flight: 20, dropped: false });
        let before = gradient.current();
        gradient.learn(&Observation { began: now, ended: now, in_flight: 20, dropped: false });
        assert_eq!(gradient.current(), before);
    }
}
