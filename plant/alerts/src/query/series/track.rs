//! [`Track`]: the points of one series, in full for two hours and thinned before that.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::query::Labels;

/// How long every point is kept, in milliseconds.
const RECENT_MILLIS: i64 = 2 * 60 * 60 * 1000;

/// The most points that are kept in full: one a second for two hours.
const MOST_RECENT: usize = 7200;

/// The time of which older points leave one or a few, in milliseconds.
const BUCKET_MILLIS: i64 = 5 * 60 * 1000;

/// The bits of Prometheus' staleness marker: a NaN that no calculation gives.
const STALE: u64 = 0x7ff0_0000_0000_0002;

/// What queries need of the points of a metric.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Retention {
    /// How far queries look back, in milliseconds.
    pub(super) longest: i64,
    /// Whether a query takes the metric as a counter, so that its resets must be kept.
    pub(super) is_counter: bool,
    /// Whether a query wants the largest or smallest value of a range, so that both must be kept.
    pub(super) has_extremes: bool,
}

/// A point of a series, or a staleness marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Point {
    millis: i64,
    // Bits and not a number, so that no processor changes the marker.
    bits: u64,
}

impl Point {
    const fn value(self) -> f64 {
        f64::from_bits(self.bits)
    }

    const fn is_stale(self) -> bool {
        self.bits == STALE
    }
}

/// A point that is a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::query) struct Sample {
    /// Milliseconds since 1970.
    pub(in crate::query) millis: i64,
    pub(in crate::query) value: f64,
}

/// The points of one series, in the order of time.
#[derive(Clone, Debug)]
pub(in crate::query) struct Track {
    /// Points older than two hours, thinned and without staleness markers.
    old: VecDeque<Point>,
    recent: VecDeque<Point>,
    /// Whether the last point is a value.
    is_live: bool,
    /// Labels of the target that exposes the series.
    pub(super) target: Arc<Labels>,
    /// Number of the last scrape that had the series.
    pub(super) seen: u64,
}

impl Track {
    pub(super) const fn new(target: Arc<Labels>) -> Self {
        Self { old: VecDeque::new(), recent: VecDeque::new(), is_live: false, target, seen: 0 }
    }

    /// Adds a value. Points at its time or later were written by a clock that has been set back;
    /// the value replaces them.
    pub(super) fn push(&mut self, millis: i64, value: f64) {
        // Every NaN gets the usual bits, so that none has those of the marker.
        let bits = if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() };
        self.add(Point { millis, bits });
        self.is_live = true;
    }

    /// Marks the end of the series, unless it has ended already.
    pub(super) fn end(&mut self, millis: i64) {
        if self.is_live {
            self.add(Point { millis, bits: STALE });
            self.is_live = false;
        }
    }

    fn add(&mut self, point: Point) {
        for points in [&mut self.old, &mut self.recent] {
            let kept = points.partition_point(|earlier| earlier.millis < point.millis);
            points.truncate(kept);
        }
        self.recent.push_back(point);
    }

    /// Removes points that no query sees at `now`, and thins those older than two hours.
    pub(super) fn age(&mut self, now: i64, retention: Retention) {
        for points in [&mut self.old, &mut self.recent] {
            let gone = points.partition_point(|point| point.millis < now - retention.longest);
            points.drain(..gone);
        }
        // A marker says nothing if no value is before it.
        while self.old.is_empty() && self.recent.front().is_some_and(|first| first.is_stale()) {
            self.recent.pop_front();
        }
        let aged = self.recent.partition_point(|point| point.millis < now - RECENT_MILLIS);
        let aged = aged.max(self.recent.len().saturating_sub(MOST_RECENT));
        for point in self.recent.drain(..aged).filter(|point| !point.is_stale()) {
            thin(&mut self.old, point, retention);
        }
    }

    /// Number of points.
    pub(super) fn len(&self) -> usize {
        self.old.len() + self.recent.len()
    }

    /// The newest value that is not older than `from` and not newer than `at`, unless the series
    /// has ended.
    pub(in crate::query) fn value(&self, from: i64, at: i64) -> Option<f64> {
        let newest = |points: &VecDeque<Point>| {
            let count = points.partition_point(|point| point.millis <= at);
            count.checked_sub(1).and_then(|last| points.get(last).copied())
        };
        let point = newest(&self.recent).or_else(|| newest(&self.old))?;
        (point.millis >= from && !point.is_stale()).then(|| point.value())
    }

    /// The values from one time to another, both included.
    pub(in crate::query) fn samples(&self, from: i64, to: i64) -> Vec<Sample> {
        let after = |points: &VecDeque<Point>| points.partition_point(|point| point.millis < from);
        let points = self.old.range(after(&self.old)..).chain(self.recent.range(after(&self.recent)..));
        let within = points.take_while(|point| point.millis <= to).filter(|point| !point.is_stale());
        within.map(|point| Sample { millis: point.millis, value: point.value() }).collect()
    }
}

/// Adds a point to the thinned ones. Of each five minutes the last point stays; of a counter also
/// both points of each reset, and of a gauge whose range matters the largest and the smallest.
fn thin(points: &mut VecDeque<Point>, point: Point, retention: Retention) {
    let bucket = |point: &Point| point.millis.div_euclid(BUCKET_MILLIS);
    let begin = points.partition_point(|earlier| bucket(earlier) < bucket(&point));
    let before = begin.checked_sub(1).and_then(|last| points.get(last)).map(|before| before.value());
    let mut of_bucket: Vec<Point> = points.drain(begin..).collect();
    of_bucket.push(point);
    let values: Vec<f64> = of_bucket.iter().map(|point| point.value()).collect();
    let first_that = |is_better: fn(f64, f64) -> bool| {
        let mut best: Option<(usize, f64)> = None;
        for (at, &value) in values.iter().enumerate() {
            if best.is_none_or(|(_, other)| is_better(value, other) || other.is_nan()) {
                best = Some((at, value));
            }
        }
        best.map(|(at, _)| at)
    };
    let (largest, smallest) = (first_that(|a, b| a > b), first_that(|a, b| a < b));
    let is_edge = |at: usize| {
        let value = |at: Option<usize>| at.and_then(|at| values.get(at).copied());
        let (earlier, later) = (at.checked_sub(1).map_or(before, |at| value(Some(at))), value(at.checked_add(1)));
        let falls = |from: Option<f64>, to: Option<f64>| from.zip(to).is_some_and(|(from, to)| to < from);
        falls(earlier, value(Some(at))) || falls(value(Some(at)), later)
    };
    let last = of_bucket.len() - 1;
    let stays = |at: usize| {
        let is_extreme = retention.has_extremes && [largest, smallest].contains(&Some(at));
        at == last || is_extreme || (retention.is_counter && is_edge(at))
    };
    points.extend(of_bucket.iter().enumerate().filter(|(at, _)| stays(*at)).map(|(_, point)| *point));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: i64 = 60 * 60 * 1000;

    fn retention(longest: i64, is_counter: bool, has_extremes: bool) -> Retention {
        Retention { longest, is_counter, has_extremes }
    }

    /// A track with a value every 15 seconds, and the last of their times.
    fn track(values: &[f64], retention: Retention) -> (Track, i64) {
        let (mut track, mut now) = (Track::new(Arc::default()), 0);
        for value in values {
            now += 15_000;
            track.push(now, *value);
            track.age(now, retention);
        }
        (track, now)
    }

    fn total(samples: &[Sample]) -> f64 {
        let pairs = samples.iter().zip(samples.iter().skip(1));
        pairs.map(|(a, b)| if b.value < a.value { b.value } else { b.value - a.value }).sum()
    }

    fn whole(track: &Track, to: i64) -> Vec<Sample> {
        track.samples(0, to)
    }

    #[test]
    fn a_series_that_has_ended_has_no_value_and_keeps_its_points() {
        let (mut track, now) = track(&[1.0, 2.0], retention(HOUR, true, false));
        assert_eq!(track.value(0, now), Some(2.0));
        track.end(now + 1);
        track.end(now + 2);
        assert_eq!((track.value(0, now + 3), track.value(0, now), track.len()), (None, Some(2.0), 3));
        assert_eq!(track.samples(0, now + 3).len(), 2);
        assert_eq!(track.value(now + 1, now + 3), None);
        track.push(now + 4, f64::from_bits(STALE));
        assert!(track.value(0, now + 4).is_some_and(f64::is_nan), "a NaN of a page is a value");
    }

    #[test]
    fn a_clock_that_is_set_back_replaces_what_was_written_in_the_future() {
        let (mut track, now) = track(&[1.0, 2.0, 3.0], retention(HOUR, true, false));
        track.push(now - 15_000, 7.0);
        let values: Vec<_> = track.samples(0, now).iter().map(|sample| sample.value).collect();
        assert_eq!(values, [1.0, 7.0]);
    }

    #[test]
    fn points_that_no_query_sees_are_removed() {
        let (track, now) = track(&[1.0; 600], retention(HOUR, true, false));
        assert_eq!(whole(&track, now).first().map(|first| first.millis), Some(now - HOUR));
        assert_eq!(track.len(), 241);
    }

    #[test]
    fn more_points_than_one_a_second_are_thinned_early() {
        let mut track = Track::new(Arc::default());
        for now in 0..20_000 {
            track.push(now, 1.0);
            track.age(now, retention(HOUR, true, false));
        }
        assert!(track.len() <= MOST_RECENT + 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn thinning_keeps_every_increase_of_a_counter(
            steps in proptest::collection::vec((0_u32..4, 0_u32..200), 900..1500),
        ) {
            let mut value = 0.0;
            let values: Vec<_> = steps.iter().map(|&(step, reset)| {
                value = if reset == 0 { 0.0 } else { value + f64::from(step) };
                value
            }).collect();
            let resets = steps.iter().filter(|(_, reset)| *reset == 0).count();
            let (thinned, now) = track(&values, retention(10 * HOUR, true, false));
            let samples = whole(&thinned, now);
            let raw: Vec<_> = (1..).zip(&values).map(|(at, &value)| Sample { millis: 15_000 * at, value }).collect();
            let first = samples.first().map_or(0, |first| first.millis);
            let from_first: Vec<_> = raw.into_iter().filter(|sample| sample.millis >= first).collect();
            prop_assert!((total(&samples) - total(&from_first)).abs() < 1e-9);
            let buckets = usize::try_from((now - 2 * HOUR) / BUCKET_MILLIS).unwrap() + 2;
            prop_assert!(thinned.old.len() <= buckets + 2 * resets);
        }

        #[test]
        fn thinning_keeps_the_extremes_of_a_gauge(values in proptest::collection::vec(-1e6_f64..1e6, 900..1200)) {
            let (thinned, now) = track(&values, retention(10 * HOUR, false, true));
            let samples = whole(&thinned, now);
            for is_better in [f64::max as fn(f64, f64) -> f64, f64::min] {
                let of_all = values.iter().copied().reduce(is_better);
                prop_assert_eq!(samples.iter().map(|sample| sample.value).reduce(is_better), of_all);
            }
            prop_assert!(thinned.old.len() <= 3 * (values.len() / 20 + 1));
        }
    }
}
