//! [`Recording`]: what two servers have exposed in three quiet days and in the hour that follows.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;
use std::slice;

use sqal_alerts::catalogue;
use sqal_alerts::query::{Labels, Query, Series};
use sqal_core::Timestamp;

use crate::faults::FaultTimes;
use crate::page::{self, Page};
use crate::server::Server;

/// The beginning of the hour, in milliseconds since 1970.
pub(crate) const BEGIN: i64 = 1_700_000_000_000;

/// The bits by which Prometheus marks the end of a series.
pub(crate) const STALE: u64 = 0x7ff0_0000_0000_0002;

/// When servers are scraped: the first second of a phase, counted from the beginning of the hour,
/// the second that ends it, the seconds between scrapes, and whether everything is recorded. Before
/// the last two hours only the metrics that rules read over more than two hours are recorded.
const PHASES: [(i32, i32, usize, bool); 4] =
    [(-259_200, -21_600, 300, false), (-21_600, -7_200, 60, false), (-7_200, 0, 60, true), (0, 3_601, 15, true)];

/// A time by its milliseconds since 1970.
pub(crate) fn time(millis: i64) -> Timestamp {
    Timestamp::from_micros(1000 * millis).unwrap()
}

/// Seconds of milliseconds.
pub(crate) fn seconds(millis: i64) -> f64 {
    f64::from(i32::try_from(millis).unwrap()) / 1000.0
}

/// Times of the hour at which something is asked, from its beginning to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Steps {
    pub(crate) seconds: i64,
}

impl Steps {
    /// Times with `seconds` between them.
    pub(crate) fn every(seconds: i64) -> Self {
        assert_eq!(3600 % seconds, 0, "the hour ends with a step");
        Self { seconds }
    }

    /// The times in milliseconds since 1970.
    pub(crate) fn times(self) -> impl Iterator<Item = i64> {
        (0..=3600 / self.seconds).map(move |number| BEGIN + 1000 * self.seconds * number)
    }

    pub(crate) fn count(self) -> usize {
        self.times().count()
    }

    /// The number of the step at a time, if there is one.
    pub(crate) fn number(self, at: i64) -> Option<usize> {
        let (since, every) = (at - BEGIN, 1000 * self.seconds);
        (since % every == 0).then(|| usize::try_from(since / every).unwrap())
    }
}

/// One scrape. The page of a server that does not answer is empty.
#[derive(Debug)]
struct Scrape {
    at: i64,
    instance: &'static str,
    page: Page,
}

/// A point of a series: milliseconds since 1970, and the bits of its value or [`STALE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) at: i64,
    pub(crate) bits: u64,
}

/// The scrapes of both servers in the order of time.
#[derive(Debug)]
pub(crate) struct Recording(Vec<Scrape>);

impl Recording {
    /// The recording of a seed. `of_long_ranges` are the metrics that rules read over more than two
    /// hours.
    pub(crate) fn seeded(seed: u64, of_long_ranges: &BTreeSet<&str>) -> Self {
        let faults = FaultTimes::seeded(seed);
        let busy = Server::busy(faults.clone(), 10 * seed + 1);
        let quiet = Server::quiet(faults, 10 * seed + 2);
        let mut scrapes = Vec::new();
        // Each server is scraped some seconds before the times of evaluation, and not to the
        // millisecond.
        for (mut server, lead_millis) in [(busy, 4_000), (quiet, 11_000)] {
            let mut last: Option<i32> = None;
            for (from, until, every, is_whole) in PHASES {
                for second in (from..until).step_by(every) {
                    let millis = 1000 * second - lead_millis + server.chance.below_a_second();
                    let passed = last.map_or(0.0, |last| f64::from(millis - last) / 1000.0);
                    last = Some(millis);
                    let minute = f64::from(millis) / 60_000.0;
                    let mut page = server.scraped(minute, passed).unwrap_or_default();
                    if !is_whole {
                        page.remove(|series| !of_long_ranges.contains(page::metric(series)));
                    }
                    scrapes.push(Scrape { at: BEGIN + i64::from(millis), instance: server.instance, page });
                }
            }
        }
        scrapes.sort_by_key(|scrape| scrape.at);
        Self(scrapes)
    }

    /// The metrics that were exposed.
    pub(crate) fn metrics(&self) -> BTreeSet<&str> {
        let series = self.0.iter().flat_map(|scrape| scrape.page.values());
        series.map(|(series, _)| page::metric(series)).collect()
    }

    /// The points of each series as Prometheus would store them: a series that a scrape lacks ends
    /// with a staleness marker.
    pub(crate) fn series(&self) -> BTreeMap<Labels, Vec<Point>> {
        let mut targets = BTreeMap::<&str, BTreeMap<&str, Vec<Point>>>::new();
        for scrape in &self.0 {
            let of_target = targets.entry(scrape.instance).or_default();
            for (series, value) in scrape.page.values() {
                of_target.entry(series).or_default().push(Point { at: scrape.at, bits: value.to_bits() });
            }
            for points in of_target.values_mut() {
                if points.last().is_some_and(|last| last.at < scrape.at && last.bits != STALE) {
                    points.push(Point { at: scrape.at, bits: STALE });
                }
            }
        }
        let all = targets.into_iter().flat_map(|(instance, of_target)| {
            of_target.into_iter().map(move |(series, points)| (page::labels(series, &target(instance)), points))
        });
        all.collect()
    }

    /// The recording as a server sees it that reads its own metrics, for queries.
    pub(crate) fn replay<'a>(&self, queries: impl IntoIterator<Item = &'a Query>) -> Replay<'_> {
        Replay { scrapes: self.0.iter().peekable(), series: Series::keeping(queries) }
    }
}

/// The labels that a scrape adds.
fn target(instance: &str) -> [(&str, &str); 2] {
    [("instance", instance), ("job", catalogue::JOBS[0])]
}

/// A recording that is scraped into the memory of the built-in evaluator.
#[derive(Debug)]
pub(crate) struct Replay<'a> {
    scrapes: Peekable<slice::Iter<'a, Scrape>>,
    series: Series,
}

impl Replay<'_> {
    /// The memory after all scrapes until a time.
    pub(crate) fn until(&mut self, at: i64) -> &Series {
        while let Some(scrape) = self.scrapes.next_if(|scrape| scrape.at <= at) {
            let page = scrape.page.exposition();
            let scraped = self.series.scrape(&page, &target(scrape.instance), time(scrape.at));
            assert_eq!((scraped.left_out, scraped.bad_lines), (0, 0));
        }
        &self.series
    }
}
