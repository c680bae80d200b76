//! [`ObservedHistogram`]: a histogram of one series, with the last exemplar of each bucket.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use metrics::{Histogram, HistogramFn};

use super::snapshot::Exemplar;

/// A histogram that passes every value on, and keeps the last exemplar of each bucket.
pub(super) struct ObservedHistogram {
    histogram: Histogram,
    /// The upper bounds of all buckets but the last, ascending.
    bounds: Arc<[f64]>,
    /// The last exemplar of each bucket; the last bucket is unbounded.
    latest: Box<[Mutex<Option<Exemplar>>]>,
    now: fn() -> SystemTime,
}

impl ObservedHistogram {
    pub(super) fn new(histogram: Histogram, bounds: Arc<[f64]>, now: fn() -> SystemTime) -> Self {
        let latest = (0..=bounds.len()).map(|_| Mutex::new(None)).collect();
        Self { histogram, bounds, latest, now }
    }

    /// The exemplar of each bucket that has one, with the upper bound of the bucket.
    pub(super) fn latest(&self) -> impl Iterator<Item = (f64, Exemplar)> {
        let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
        bounds.zip(self.latest.iter()).filter_map(|(bound, latest)| {
            let latest = latest.lock().unwrap_or_else(PoisonError::into_inner);
            Some((bound, (*latest)?))
        })
    }

    /// Keeps a value that was recorded, if the current span is in a sampled trace. Without one,
    /// nothing is allocated, locked or read from the clock.
    fn observe(&self, value: f64) {
        let Some(context) = crate::current().filter(|context| context.sampled && !value.is_nan()) else { return };
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        if let Some(latest) = self.latest.get(bucket) {
            // The time is read under the lock, so that the exemplar that stays is the newest.
            let mut latest = latest.lock().unwrap_or_else(PoisonError::into_inner);
            *latest = Some(Exemplar { trace: context.trace, span: context.span, value, at: (self.now)() });
        }
    }
}

impl HistogramFn for ObservedHistogram {
    fn record(&self, value: f64) {
        self.histogram.record(value);
        self.observe(value);
    }

    fn record_many(&self, value: f64, count: usize) {
        self.histogram.record_many(value, count);
        if count > 0 {
            self.observe(value);
        }
    }
}
