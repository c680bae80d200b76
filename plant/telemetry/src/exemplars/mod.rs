//! Exemplars of histograms: for each bucket, the last measurement that was taken in a sampled
//! trace.
//!
//! [`WithExemplars`] wraps the recorder of a program. It passes every metric on, and keeps for the
//! histograms that it was given the trace of the last measurement in each bucket. A person who sees
//! a slow bucket follows its exemplar to the trace of one slow request.
//! [`openmetrics::render`](crate::openmetrics::render) writes the exemplars beside the buckets.
//!
//! Only a trace that is sampled at its head leaves an exemplar, because an exemplar must lead to a
//! trace that is exported. Whether an error will keep another trace is not known when its
//! measurement is recorded.
//!
//! ```
//! use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
//! use sqal_telemetry::exemplars::WithExemplars;
//! use sqal_telemetry::openmetrics;
//!
//! const SECONDS: [f64; 3] = [0.1, 1.0, 10.0];
//! let duration = "job_run_duration_seconds";
//! let recorder = PrometheusBuilder::new()
//!     .set_buckets_for_metric(Matcher::Full(duration.to_owned()), &SECONDS)
//!     .unwrap()
//!     .build_recorder();
//! let prometheus = recorder.handle();
//! let now = || std::time::UNIX_EPOCH;
//! let recorder = WithExemplars::new(recorder, [(duration, &SECONDS[..])], now);
//! let exemplars = recorder.handle();
//! // A program installs it: `metrics::set_global_recorder(recorder)`.
//! metrics::with_local_recorder(&recorder, || metrics::histogram!(duration).record(0.5));
//!
//! // The exemplars are read first, so that each of them is counted in the text.
//! let exemplars = exemplars.snapshot();
//! let text = openmetrics::render(&prometheus.render(), &exemplars);
//! assert!(text.contains("job_run_duration_seconds_bucket{le=\"1.0\"} 1\n"));
//! assert!(text.ends_with("# EOF\n"));
//! ```

mod observed;
mod snapshot;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

use observed::ObservedHistogram;
pub(crate) use snapshot::series;
pub use snapshot::{Exemplar, Exemplars};

/// The most series with exemplars, of all histograms together. A series with twelve buckets takes
/// about a kilobyte. The measurements of further series are recorded without exemplars.
pub const MOST_SERIES: usize = 1024;

/// A recorder that passes everything on to another, and keeps exemplars of some histograms.
///
/// A handle of a histogram is made once for each series. A recorder that forgets series (the idle
/// timeout of `metrics-exporter-prometheus`) must not forget the histograms that are named here.
#[derive(Debug)]
pub struct WithExemplars<R> {
    recorder: R,
    series: Arc<SeriesTable>,
}

/// The series of the histograms that have exemplars.
struct SeriesTable {
    /// The upper bounds of the buckets of each histogram, ascending, without infinity.
    bounds: HashMap<String, Arc<[f64]>>,
    observed: RwLock<HashMap<Key, Arc<ObservedHistogram>>>,
    now: fn() -> SystemTime,
}

/// Reads the exemplars of a [`WithExemplars`], which the program has given away by installing it.
#[derive(Clone, Debug)]
pub struct ExemplarHandle(Arc<SeriesTable>);

impl<R: Recorder> WithExemplars<R> {
    /// Wraps a recorder. `histograms` names the histograms that have exemplars, each with the upper
    /// bounds of its buckets, as `recorder` has them. `now` is wall time.
    #[must_use]
    pub fn new<'a>(
        recorder: R,
        histograms: impl IntoIterator<Item = (&'a str, &'a [f64])>,
        now: fn() -> SystemTime,
    ) -> Self {
        let ascending = |bounds: &[f64]| -> Arc<[f64]> {
            let mut bounds: Vec<f64> = bounds.iter().copied().filter(|bound| bound.is_finite()).collect();
            bounds.sort_by(f64::total_cmp);
            bounds.into()
        };
        let bounds = histograms.into_iter().map(|(name, bounds)| (name.to_owned(), ascending(bounds))).collect();
        Self { recorder, series: Arc::new(SeriesTable { bounds, observed: RwLock::default(), now }) }
    }

    /// Reads the exemplars after the recorder was installed.
    #[must_use]
    pub fn handle(&self) -> ExemplarHandle {
        ExemplarHandle(Arc::clone(&self.series))
    }

    /// The wrapped recorder, for example if this one could not be installed.
    #[must_use]
    pub fn into_inner(self) -> R {
        self.recorder
    }

    /// The histogram of a series, which observes what is recorded in it. A series beyond
    /// [`MOST_SERIES`] has the histogram of the wrapped recorder.
    fn observed(&self, key: &Key, bounds: &Arc<[f64]>, metadata: &Metadata<'_>) -> Histogram {
        {
            let observed = self.series.observed.read().unwrap_or_else(PoisonError::into_inner);
            match observed.get(key) {
                Some(series) => return Histogram::from_arc(Arc::clone(series)),
                None if observed.len() >= MOST_SERIES => return self.recorder.register_histogram(key, metadata),
                None => {}
            }
        }
        let histogram = self.recorder.register_histogram(key, metadata);
        let mut observed = self.series.observed.write().unwrap_or_else(PoisonError::into_inner);
        // Other threads may have added series meanwhile, also this one.
        if observed.len() >= MOST_SERIES && !observed.contains_key(key) {
            return histogram;
        }
        let series = observed
            .entry(key.to_retained())
            .or_insert_with(|| Arc::new(ObservedHistogram::new(histogram, Arc::clone(bounds), self.series.now)));
        Histogram::from_arc(Arc::clone(series))
    }
}

impl<R: Recorder> Recorder for WithExemplars<R> {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.recorder.describe_counter(key, unit, description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.recorder.describe_gauge(key, unit, description);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.recorder.describe_histogram(key, unit, description);
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        self.recorder.register_counter(key, metadata)
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        self.recorder.register_gauge(key, metadata)
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        match self.series.bounds.get(key.name()) {
            Some(bounds) => self.observed(key, bounds, metadata),
            None => self.recorder.register_histogram(key, metadata),
        }
    }
}

impl ExemplarHandle {
    /// The present exemplars. Read them before the metrics are rendered: a measurement is counted
    /// before it becomes an exemplar, so each of these exemplars is then counted in the text.
    #[must_use]
    pub fn snapshot(&self) -> Exemplars {
        let observed = self.0.observed.read().unwrap_or_else(PoisonError::into_inner);
        let mut exemplars = Exemplars::default();
        for (key, series) in &*observed {
            exemplars.insert(key, series.latest());
        }
        exemplars
    }
}

impl fmt::Debug for SeriesTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeriesTable").field("bounds", &self.bounds).finish_non_exhaustive()
    }
}
