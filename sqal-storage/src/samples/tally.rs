//! [`Tally`]: the sums over many samples, which neither order nor engine changes.

use std::collections::BTreeMap;

use sqal_core::{DeviceId, Grade, Purpose, Sample, Score, Timestamp};

const MICROS_PER_HOUR: i64 = 3_600_000_000;

/// An hour of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hour(i64);

impl Hour {
    /// The hour that contains a time.
    #[must_use]
    pub const fn of(time: Timestamp) -> Self {
        Self(time.micros().div_euclid(MICROS_PER_HOUR))
    }

    /// The number of the hour since 1970.
    #[must_use]
    pub const fn number(self) -> i64 {
        self.0
    }

    /// The hour that is `hours` later, or earlier if negative: at most the last of the year 9999,
    /// at least the first of the year 0.
    #[must_use]
    pub const fn later(self, hours: i64) -> Self {
        const FIRST: i64 = -62_167_219_200 / 3600;
        const LAST: i64 = 253_402_300_799 / 3600;
        let later = self.0.saturating_add(hours);
        Self(if later < FIRST {
            FIRST
        } else if later > LAST {
            LAST
        } else {
            later
        })
    }

    /// The beginning of the hour.
    ///
    /// # Panics
    ///
    /// Never: an hour is made from a time, and begins in the same year.
    #[must_use]
    pub fn begins(self) -> Timestamp {
        Timestamp::from_micros(self.0 * MICROS_PER_HOUR).expect("an hour of a timestamp")
    }
}

/// A query for hours, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HourlyQuery {
    device_id: Option<DeviceId>,
    from: Hour,
    until: Hour,
}

/// The span of hours is negative or too long for one query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a span of {hours} hours: expected 0 to {}", HourlyQuery::MOST_HOURS)]
pub struct InvalidSpan {
    /// The length of the span; negative if it ends before it begins.
    pub hours: i64,
}

impl HourlyQuery {
    /// The longest span of one query: a little more than a year.
    pub const MOST_HOURS: i64 = 10_000;

    /// The hours that begin in `from..until`.
    ///
    /// # Errors
    ///
    /// [`InvalidSpan`] if the span ends before it begins, or is longer than
    /// [`MOST_HOURS`](Self::MOST_HOURS).
    pub const fn new(from: Hour, until: Hour) -> Result<Self, InvalidSpan> {
        let hours = until.0 - from.0;
        if hours < 0 || hours > Self::MOST_HOURS {
            Err(InvalidSpan { hours })
        } else {
            Ok(Self { device_id: None, from, until })
        }
    }

    /// This query for the samples of one device only.
    #[must_use]
    pub const fn of_device(mut self, device: DeviceId) -> Self {
        self.device_id = Some(device);
        self
    }

    /// The device; `None` for all devices.
    #[must_use]
    pub const fn device_id(&self) -> Option<&DeviceId> {
        self.device_id.as_ref()
    }

    /// The first hour.
    #[must_use]
    pub const fn from(&self) -> Hour {
        self.from
    }

    /// The hour after the last.
    #[must_use]
    pub const fn until(&self) -> Hour {
        self.until
    }
}

/// The sums over the samples of one hour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hourly {
    /// The hour.
    pub hour: Hour,
    /// The sums over its samples.
    pub tally: Tally,
}

impl Hourly {
    /// The sums over samples, by hour; the oldest first.
    #[must_use]
    pub fn of<'a>(samples: impl IntoIterator<Item = &'a Sample>) -> Vec<Self> {
        Self::together(
            samples.into_iter().map(|sample| Self { hour: Hour::of(sample.key.timestamp), tally: Tally::of(sample) }),
        )
    }

    /// Adds up the parts of each hour; the oldest hour first.
    pub(crate) fn together(parts: impl IntoIterator<Item = Self>) -> Vec<Self> {
        let mut hours: BTreeMap<Hour, Tally> = BTreeMap::new();
        for Self { hour, tally } in parts {
            hours.entry(hour).and_modify(|sum| *sum = sum.and(&tally)).or_insert(tally);
        }
        hours.into_iter().map(|(hour, tally)| Self { hour, tally }).collect()
    }
}

/// The sums over the samples of one device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DeviceTally {
    /// The device.
    pub device_id: DeviceId,
    /// The sums over its samples.
    pub tally: Tally,
}

impl DeviceTally {
    /// The sums over samples, by device; in the order of their names' bytes.
    #[must_use]
    pub fn of<'a>(samples: impl IntoIterator<Item = &'a Sample>) -> Vec<Self> {
        let one = |sample: &Sample| Self { device_id: sample.key.device_id, tally: Tally::of(sample) };
        Self::together(samples.into_iter().map(one))
    }

    /// Adds up the parts of each device; in the order of their names' bytes.
    pub(crate) fn together(parts: impl IntoIterator<Item = Self>) -> Vec<Self> {
        let mut devices: BTreeMap<DeviceId, Tally> = BTreeMap::new();
        for Self { device_id, tally } in parts {
            devices.entry(device_id).and_modify(|sum| *sum = sum.and(&tally)).or_insert(tally);
        }
        devices.into_iter().map(|(device_id, tally)| Self { device_id, tally }).collect()
    }
}

/// The sums over one sample or more.
///
/// A calibration counts as a sample, so that every stored sample is accounted for, and counts in no
/// other figure: see [`judged`](Self::judged).
///
/// Scores and confidences are added as whole billionths. Such sums are exact, so every store gives
/// equal numbers whatever the order in which samples came, and tallies of hours add up to those of
/// days.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tally {
    pub(crate) samples: i64,
    /// In the order of [`Grade`]: from REJECT to A+.
    pub(crate) grades: [i64; 5],
    pub(crate) scored: i64,
    pub(crate) score_sum: i64,
    pub(crate) score_squares: i64,
    pub(crate) score_range: Option<(Score, Score)>,
    pub(crate) confidence_sum: i64,
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
}

const BILLION: f64 = 1e9;

#[expect(clippy::cast_possible_truncation, reason = "a share of one has at most a billion billionths")]
fn billionths(share: f64) -> i64 {
    (share * BILLION).round_ties_even() as i64
}

#[expect(clippy::cast_precision_loss, reason = "the ratio of two sums: its first 15 digits")]
fn mean(billionths: i64, of: i64) -> f64 {
    billionths as f64 / BILLION / of as f64
}

impl Tally {
    /// The tally of one sample.
    #[must_use]
    pub fn of(sample: &Sample) -> Self {
        let verdict = &sample.inspection.verdict;
        let counts = sample.purpose == Purpose::Product;
        let score = verdict.score.filter(|_| counts).map(|score| Score::nearest(score.value()));
        let value = score.map_or(0.0, Score::get);
        let mut grades = [0; 5];
        grades[verdict.grade as usize] = i64::from(counts);
        Self {
            samples: 1,
            grades,
            scored: i64::from(score.is_some()),
            score_sum: billionths(value),
            score_squares: billionths(value * value),
            score_range: score.map(|score| (score, score)),
            confidence_sum: if counts { billionths(verdict.stated_confidence().get()) } else { 0 },
            first: sample.key.timestamp,
            last: sample.key.timestamp,
        }
    }

    /// The sum of both tallies.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.samples += other.samples;
        for (mine, theirs) in self.grades.iter_mut().zip(other.grades) {
            *mine += theirs;
        }
        self.scored += other.scored;
        self.score_sum += other.score_sum;
        self.score_squares += other.score_squares;
        self.score_range = match (self.score_range, other.score_range) {
            (Some((low, high)), Some((other_low, other_high))) => Some((low.min(other_low), high.max(other_high))),
            (mine, theirs) => mine.or(theirs),
        };
        self.confidence_sum += other.confidence_sum;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self
    }

    /// The number of stored samples, calibrations included.
    #[must_use]
    pub const fn samples(&self) -> u64 {
        self.samples.unsigned_abs()
    }

    /// The number of products that were judged: each has a grade, and all following figures are of
    /// them.
    #[must_use]
    pub const fn judged(&self) -> u64 {
        let [reject, c, b, a, a_plus] = self.grades;
        (reject + c + b + a + a_plus).unsigned_abs()
    }

    /// The number of products of this grade.
    #[must_use]
    pub const fn graded(&self, grade: Grade) -> u64 {
        self.grades[grade as usize].unsigned_abs()
    }

    /// The number of products with a score; the others were not measurable.
    #[must_use]
    pub const fn scored(&self) -> u64 {
        self.scored.unsigned_abs()
    }

    /// The mean of the scores; `None` without a score.
    #[must_use]
    pub fn mean_score(&self) -> Option<f64> {
        (self.scored > 0).then(|| mean(self.score_sum, self.scored))
    }

    /// The sample standard deviation of the scores; `None` with fewer than two. A spread below
    /// 0.0001 is mostly rounding.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "the difference is exact, its first 15 digits are given")]
    pub fn sd_score(&self) -> Option<f64> {
        let n = i128::from(self.scored);
        let sum = i128::from(self.score_sum);
        let spread = (n * i128::from(self.score_squares) * 1_000_000_000 - sum * sum).max(0);
        (n > 1).then(|| (spread as f64 / (n * (n - 1)) as f64).sqrt() / BILLION)
    }

    /// The worst and the best score; `None` without a score.
    #[must_use]
    pub const fn score_range(&self) -> Option<(Score, Score)> {
        self.score_range
    }

    /// The mean of the stated confidences; `None` if no product was judged.
    #[must_use]
    pub fn mean_confidence(&self) -> Option<f64> {
        let judged = self.judged().cast_signed();
        (judged > 0).then(|| mean(self.confidence_sum, judged))
    }

    /// The times of the first and the last sample.
    #[must_use]
    pub const fn span(&self) -> (Timestamp, Timestamp) {
        (self.first, self.last)
    }
}

#[cfg(test)]
#[allow(clippy::cast_precision_loss, clippy::suboptimal_flops, reason = "the plain formulas, on few samples")]
mod tests {
    use super::*;
    use fixtures::strategy;
    use proptest::prelude::*;

    fn together(samples: &[Sample]) -> Tally {
        let tallies: Vec<_> = samples.iter().map(Tally::of).collect();
        tallies[1..].iter().fold(tallies[0], Tally::and)
    }

    proptest! {
        #[test]
        fn order_does_not_matter(samples in prop::collection::vec(strategy::sample(), 1..8), by in any::<prop::sample::Index>()) {
            let mut turned = samples.clone();
            turned.rotate_left(by.index(samples.len()));
            prop_assert_eq!(together(&samples), together(&turned));
        }

        /// Compared with the plain formulas in floating point.
        #[test]
        fn means_and_spread_are_those_of_the_scores(samples in prop::collection::vec(strategy::sample(), 1..40)) {
            let tally = together(&samples);
            let products: Vec<_> = samples.iter().filter(|s| s.purpose == Purpose::Product).collect();
            let verdicts = products.iter().map(|s| &s.inspection.verdict);
            let scores: Vec<_> = verdicts.clone().filter_map(|v| v.score).map(|s| s.value().clamp(0.0, 1.0)).collect();
            let n = scores.len() as f64;
            let mean = scores.iter().sum::<f64>() / n;
            prop_assert_eq!(tally.mean_score().is_some(), !scores.is_empty());
            if let Some(found) = tally.mean_score() {
                prop_assert!((found - mean).abs() < 1e-8, "{found} {mean}");
            }
            if let Some(found) = tally.sd_score() {
                let expected = (scores.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
                prop_assert!(found.mul_add(found, -(expected * expected)).abs() < 1e-8, "{found} {expected}");
            }
            let confidence = verdicts.map(|v| v.stated_confidence().get()).sum::<f64>() / products.len() as f64;
            prop_assert_eq!(tally.mean_confidence().is_some(), !products.is_empty());
            prop_assert!(tally.mean_confidence().is_none_or(|mean| (mean - confidence).abs() < 1e-8));
            prop_assert_eq!(Grade::ALL.iter().map(|g| tally.graded(*g)).sum::<u64>(), products.len() as u64);
            prop_assert_eq!((tally.judged(), tally.samples()), (products.len() as u64, samples.len() as u64));
        }

        #[test]
        fn an_hour_begins_before_its_times(micros in -62_167_219_200_000_000..=253_402_300_799_999_999_i64) {
            let time = Timestamp::from_micros(micros).unwrap();
            let begins = Hour::of(time).begins();
            prop_assert!(begins <= time && time.micros() - begins.micros() < MICROS_PER_HOUR);
            prop_assert_eq!(Hour::of(begins), Hour::of(time));
        }
    }

    #[test]
    fn a_span_is_neither_backwards_nor_endless() {
        let hour = |h| Hour(h);
        assert_eq!(HourlyQuery::new(hour(5), hour(4)), Err(InvalidSpan { hours: -1 }));
        assert!(HourlyQuery::new(hour(5), hour(5)).is_ok());
        assert!(HourlyQuery::new(hour(5), hour(10_005)).is_ok());
        let refused = HourlyQuery::new(hour(5), hour(10_006)).unwrap_err();
        assert_eq!(refused.to_string(), "a span of 10001 hours: expected 0 to 10000");
    }
}
