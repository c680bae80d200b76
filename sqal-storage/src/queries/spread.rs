//! [`Spread`]: how durations are spread, kept in few numbers, from which percentiles are estimated.

use std::collections::BTreeMap;
use std::time::Duration;

/// Durations, each counted under its number of nanoseconds with four significant bits: there are at
/// most eight counts for each power of two.
#[derive(Clone, Debug, Default)]
pub(super) struct Spread {
    counts: BTreeMap<u64, u64>,
    longest: Duration,
}

impl Spread {
    /// Adds a duration.
    pub(super) fn add(&mut self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        *self.counts.entry(rounded_up(nanos)).or_default() += 1;
        self.longest = self.longest.max(time);
    }

    /// The longest duration; 0 before the first.
    pub(super) const fn longest(&self) -> Duration {
        self.longest
    }

    /// The duration that this percentage of all durations is not above, too long by an eighth at
    /// most; 0 before the first.
    pub(super) fn percentile(&self, percent: u64) -> Duration {
        let all: u64 = self.counts.values().sum();
        let rank = all.saturating_mul(percent).div_ceil(100);
        let mut reached = 0;
        let found = self.counts.iter().find(|(_, count)| {
            reached += **count;
            reached >= rank
        });
        found.map_or(self.longest, |(nanos, _)| Duration::from_nanos(*nanos).min(self.longest))
    }
}

/// The next number that has at most four significant bits.
fn rounded_up(number: u64) -> u64 {
    let shift = (u64::BITS - number.leading_zeros()).saturating_sub(4);
    let step = 1 << shift;
    number.div_ceil(step).saturating_mul(step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn without_a_duration_every_percentile_is_0() {
        assert_eq!((Spread::default().percentile(95), Spread::default().longest()), (Duration::ZERO, Duration::ZERO));
    }

    proptest! {
        /// An estimate is never too short, and at most an eighth too long; and the counts are few.
        #[test]
        fn a_percentile_is_estimated_from_above(
            nanos in prop::collection::vec(prop_oneof![0..50_u64, 0..10_000_000_000_u64, any::<u64>()], 1..200),
            percent in 1..=100_u64,
        ) {
            let mut spread = Spread::default();
            for nanos in &nanos {
                spread.add(Duration::from_nanos(*nanos));
            }
            let mut sorted = nanos.clone();
            sorted.sort_unstable();
            let rank = (sorted.len() as u64 * percent).div_ceil(100);
            let exact = Duration::from_nanos(sorted[usize::try_from(rank).unwrap() - 1]);
            let estimate = spread.percentile(percent);
            prop_assert!(estimate >= exact, "{estimate:?} for {exact:?}");
            prop_assert!(estimate <= exact + exact / 8 + Duration::from_nanos(1), "{estimate:?} for {exact:?}");
            prop_assert_eq!(spread.longest(), Duration::from_nanos(sorted[sorted.len() - 1]));
            prop_assert!(spread.counts.len() <= 8 * 64);
        }
    }
}
