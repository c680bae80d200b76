//! [`UsualInterval`]: the time that usually passes between two samples of a device.
//!
//! One odd interval does not move the estimate, and old intervals are forgotten.

use std::time::{Duration, Instant};

use sqal_core::Timestamp;

/// The number of values on which an estimate rests. Older ones are forgotten.
pub(crate) const LAST: usize = 15;

/// The last [`LAST`] values of a quantity.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LastValues<T> {
    values: [T; LAST],
    count: usize,
    next: usize,
}

impl<T: Copy> LastValues<T> {
    /// Adds a value. If there are more than [`LAST`], the oldest is forgotten.
    pub(crate) fn push(&mut self, value: T) {
        if let Some(place) = self.values.get_mut(self.next) {
            *place = value;
        }
        self.next = (self.next + 1) % LAST;
        self.count = (self.count + 1).min(LAST);
    }

    /// The values that are kept, in no particular order.
    pub(crate) fn known(&self) -> &[T] {
        self.values.get(..self.count).unwrap_or(&self.values)
    }
}

/// The median of the last 15 intervals between arrivals, each taken as at least 50 ms and at most
/// an hour.
///
/// Arrivals are measured by the server's monotonic clock, so it does not matter what a device's
/// clock shows. The times of measurement are used for one purpose only. If a sample arrives in less
/// than half of the time between the two measurements, its device or a gateway kept it back, and
/// its interval is left out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UsualInterval {
    intervals: LastValues<Duration>,
    arrived: Instant,
    measured: Timestamp,
}

impl UsualInterval {
    pub(crate) const SHORTEST: Duration = Duration::from_millis(50);
    pub(crate) const LONGEST: Duration = Duration::from_hours(1);
    /// With fewer intervals there is no estimate.
    pub(crate) const FEWEST: usize = 3;

    /// The state after the first sample.
    pub(crate) fn begin(measured: Timestamp, arrived: Instant) -> Self {
        Self { intervals: LastValues::default(), arrived, measured }
    }

    /// Adds the interval to a sample that has arrived.
    pub(crate) fn add(&mut self, measured: Timestamp, arrived: Instant) {
        let interval = arrived.saturating_duration_since(self.arrived);
        let between = Duration::from_micros(measured.micros().abs_diff(self.measured.micros()));
        if interval >= between / 2 {
            self.intervals.push(interval.clamp(Self::SHORTEST, Self::LONGEST));
        }
        (self.arrived, self.measured) = (arrived, measured);
    }

    /// The estimate; `None` before the third interval.
    pub(crate) fn median(&self) -> Option<Duration> {
        let mut sorted = self.intervals;
        let count = sorted.count;
        let known = sorted.values.get_mut(..count).filter(|known| known.len() >= Self::FEWEST)?;
        known.sort_unstable();
        known.get(count / 2).copied()
    }

    /// The longest of the intervals that are kept; `None` if there is no interval.
    pub(crate) fn longest(&self) -> Option<Duration> {
        self.intervals.known().iter().max().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sqal_resilience::{Clock, ManualClock};

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros).unwrap()
    }

    /// The estimate for a device whose clock agrees with the server's, and that sends after each of
    /// these intervals.
    fn after(intervals: &[u64]) -> UsualInterval {
        let (clock, mut measured) = (ManualClock::new(), 0);
        let mut usual = UsualInterval::begin(at(0), clock.now());
        for millis in intervals {
            clock.advance(Duration::from_millis(*millis));
            measured += i64::try_from(*millis).unwrap() * 1000;
            usual.add(at(measured), clock.now());
        }
        usual
    }

    proptest! {
        #[test]
        fn one_interval_of_any_size_moves_the_estimate_no_further_than_the_others_lie_apart(
            intervals in prop::collection::vec(1_000..10_000_u64, 4..15),
            odd in 0..100_000_000_000_u64,
            at in any::<prop::sample::Index>(),
        ) {
            let (least, most) = (intervals.iter().min().copied().unwrap(), intervals.iter().max().copied().unwrap());
            let mut with = intervals.clone();
            with.insert(at.index(intervals.len() + 1), odd);
            let median = after(&with).median().unwrap();
            prop_assert!((Duration::from_millis(least)..=Duration::from_millis(most)).contains(&median), "{median:?}");
        }

        #[test]
        fn a_real_change_of_pace_is_followed_after_eight_intervals(
            before in prop::collection::vec(50..3_600_000_u64, 0..40),
            pace in 50..3_600_000_u64,
        ) {
            let mut intervals = before;
            intervals.extend([pace; LAST / 2 + 1]);
            prop_assert_eq!(after(&intervals).median(), Some(Duration::from_millis(pace)));
        }

        #[test]
        fn a_step_of_the_devices_clock_changes_nothing(
            pace in 50..3_600_000_u64,
            step in -1_000_000_000_000_000..1_000_000_000_000_000_i64,
            at_sample in 0..30_i64,
        ) {
            let clock = ManualClock::new();
            let start = 2_000_000_000_000_000;
            let mut usual = UsualInterval::begin(at(start), clock.now());
            for k in 1..=30 {
                clock.advance(Duration::from_millis(pace));
                let step = if k >= at_sample { step } else { 0 };
                usual.add(at(start + k * i64::try_from(pace).unwrap() * 1000 + step), clock.now());
            }
            prop_assert_eq!(usual.median(), Some(Duration::from_millis(pace)));
        }

        #[test]
        fn what_a_device_kept_back_and_sends_at_once_changes_nothing(
            pace in 100..3_600_000_u64,
            kept in 1..1_000_i64,
        ) {
            let mut usual = after(&[pace; 5]);
            let (arrived, measured) = (usual.arrived, usual.measured.micros());
            for k in 1..=kept {
                usual.add(at(measured + k * i64::try_from(pace).unwrap() * 1000), arrived + Duration::from_millis(1));
            }
            prop_assert_eq!(usual.median(), Some(Duration::from_millis(pace)));
        }
    }

    #[test]
    fn before_the_third_interval_nothing_is_usual() {
        assert_eq!(after(&[5000, 5000]).median(), None);
        assert_eq!(after(&[5000, 5000, 7000]).median(), Some(Duration::from_secs(5)));
    }
}
