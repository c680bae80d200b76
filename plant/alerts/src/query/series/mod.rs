//! [`Series`]: a bounded memory of scraped points.

mod exposition;
mod track;

use std::collections::BTreeMap;
use std::sync::Arc;

use sqal_core::Timestamp;

use super::{Labels, Query, STALENESS, Selector, millis, names, range_millis};
pub(super) use exposition::number;
use exposition::samples;
use track::Retention;
pub(super) use track::{Sample, Track};

/// The most series that are kept if no other limit is set.
const MOST_SERIES: usize = 20_000;

/// What a scrape has brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scraped {
    /// Samples that were kept.
    pub kept: usize,
    /// Samples of metrics that a query selects, and that were not kept: their series are beyond
    /// the limit, or the page has them twice.
    pub left_out: usize,
    /// Lines that are no line of the text format.
    pub bad_lines: usize,
}

/// A bounded memory of scraped points: of the metrics that queries select, each for as long as
/// the queries look back.
///
/// Every point of the last two hours is kept. Of older ones the last of each five minutes stays;
/// of a metric whose `rate` or `increase` is asked both points of each reset too, and of one whose
/// `max_over_time` or `min_over_time` is asked the largest and the smallest. So three days of 200
/// series take a few MB. `rate` and `increase` of more than two hours can miss up to five minutes
/// at the beginning of their range; `avg_over_time`, `sum_over_time` and `count_over_time` of more
/// than two hours see the thinned points.
///
/// ```
/// use sqal_alerts::query::{Query, Selector, Series};
/// use sqal_core::Timestamp;
///
/// let query = Query::from(Selector::new("spool_samples_waiting")).above(1000.0);
/// let mut series = Series::keeping([&query]);
/// let now = Timestamp::from_micros(1_700_000_000_000_000)?;
/// let scraped = series.scrape("spool_samples_waiting 1200\nother 1\n", &[("instance", "a")], now);
/// assert_eq!((scraped.kept, series.points()), (1, 1));
/// assert_eq!(query.evaluate(&series, now)[0].labels["instance"], "a");
/// # Ok::<(), sqal_core::timestamp::InvalidTimestamp>(())
/// ```
#[derive(Clone, Debug)]
pub struct Series {
    metrics: BTreeMap<String, Metric>,
    limit: usize,
    /// Number of scrapes.
    scrapes: u64,
}

/// The series of one metric by their labels, without the name.
#[derive(Clone, Debug, Default)]
struct Metric {
    retention: Retention,
    tracks: BTreeMap<Labels, Track>,
}

impl Series {
    /// An empty memory for the metrics that `queries` select.
    #[must_use]
    pub fn keeping<'a>(queries: impl IntoIterator<Item = &'a Query>) -> Self {
        let mut metrics = BTreeMap::<String, Metric>::new();
        for query in queries {
            query.visit(&mut |leaf| {
                let Some(selector) = leaf.selector() else { return };
                let retention = &mut metrics.entry(selector.metric().to_owned()).or_default().retention;
                let range = leaf.range().map_or(0, range_millis);
                retention.longest = retention.longest.max(range).max(range_millis(STALENESS));
                retention.is_counter |= matches!(leaf, Query::Rate { .. } | Query::Increase { .. });
                retention.has_extremes |= matches!(leaf, Query::OverTime { .. });
            });
        }
        Self { metrics, limit: MOST_SERIES, scrapes: 0 }
    }

    /// Sets the most series that are kept; 20 000 if it is not set. Samples of further series are
    /// counted as left out.
    #[must_use]
    pub const fn with_limit(mut self, series: usize) -> Self {
        self.limit = series;
        self
    }

    /// Takes a page in Prometheus' text format, scraped at `at` from the target that
    /// `extra_labels` name. The labels are added to each series; a label of the page that has the
    /// name of one becomes `exported_…`, as in Prometheus.
    ///
    /// Timestamps in the page are left out. A series that the target exposed before and that the
    /// page lacks has ended, so an empty page ends all series of its target: that is how a failed
    /// scrape is told. If `at` is not later than an earlier scrape, the clock has been set back,
    /// and the page replaces the points from `at` on.
    pub fn scrape(&mut self, exposition: &str, extra_labels: &[(&str, &str)], at: Timestamp) -> Scraped {
        let now = millis(at);
        self.scrapes += 1;
        let target: Labels = extra_labels
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|&(label, value)| (names::matched_label(label).into_owned(), value.to_owned()))
            .collect();
        let target = Arc::new(target);
        let mut scraped = Scraped::default();
        let mut count: usize = self.metrics.values().map(|metric| metric.tracks.len()).sum();
        for sample in samples(exposition) {
            let Ok(sample) = sample else {
                scraped.bad_lines += 1;
                continue;
            };
            let Some(metric) = self.metrics.get_mut(sample.metric) else { continue };
            let labels = joined(sample.labels, &target);
            if !metric.tracks.contains_key(&labels) && count >= self.limit {
                scraped.left_out += 1;
                continue;
            }
            let track = metric.tracks.entry(labels).or_insert_with(|| {
                count += 1;
                Track::new(Arc::clone(&target))
            });
            if track.seen == self.scrapes {
                scraped.left_out += 1;
                continue;
            }
            track.seen = self.scrapes;
            track.target = Arc::clone(&target);
            track.push(now, sample.value);
            scraped.kept += 1;
        }
        for metric in self.metrics.values_mut() {
            for track in metric.tracks.values_mut() {
                if track.seen != self.scrapes && track.target == target {
                    track.end(now);
                }
                track.age(now, metric.retention);
            }
            metric.tracks.retain(|_, track| track.len() > 0);
        }
        scraped
    }

    /// Number of points in memory.
    #[must_use]
    pub fn points(&self) -> usize {
        self.metrics.values().flat_map(|metric| metric.tracks.values()).map(Track::len).sum()
    }

    /// The series that a selector selects, with their labels without the name.
    pub(super) fn tracks<'a>(&'a self, selector: &'a Selector) -> impl Iterator<Item = (&'a Labels, &'a Track)> {
        let tracks = self.metrics.get(selector.metric()).into_iter().flat_map(|metric| &metric.tracks);
        tracks.filter(|(labels, _)| selector.selects(|label| labels.get(label).map_or("", String::as_str)))
    }
}

/// The labels of a sample with those of its target.
fn joined(mut labels: Labels, target: &Labels) -> Labels {
    for (label, value) in target {
        if let Some(exposed) = labels.remove(label) {
            let mut renamed = format!("exported_{label}");
            while labels.contains_key(&renamed) || target.contains_key(&renamed) {
                renamed.insert_str(0, "exported_");
            }
            labels.insert(renamed, exposed);
        }
        labels.insert(label.clone(), value.clone());
    }
    labels
}
