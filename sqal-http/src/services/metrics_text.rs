//! [`MetricsText`]: renders the metrics of a process for scrapers.

use std::fmt;
use std::sync::Arc;

type Render = Arc<dyn Fn() -> String + Send + Sync>;

/// Renders the metrics of a process, in each format that scrapers may ask for.
///
/// ```
/// use sqal_http::services::MetricsText;
///
/// // As with `metrics_exporter_prometheus`: `MetricsText::new(move || handle.render())`.
/// let text = MetricsText::new(|| "# TYPE up gauge\nup 1\n".to_owned());
/// // `/metrics` then has OpenMetrics too, for scrapers that prefer it.
/// let both = text.with_open_metrics(|| "# TYPE up gauge\nup 1\n# EOF\n".to_owned());
/// assert_eq!(both.text(), "# TYPE up gauge\nup 1\n");
/// assert_eq!(both.open_metrics().as_deref(), Some("# TYPE up gauge\nup 1\n# EOF\n"));
/// ```
#[derive(Clone)]
pub struct MetricsText {
    text: Render,
    open_metrics: Option<Render>,
}

impl MetricsText {
    /// Metrics in Prometheus' text format 0.0.4, which every scraper reads.
    #[must_use]
    pub fn new(text: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self { text: Arc::new(text), open_metrics: None }
    }

    /// Adds OpenMetrics 1.0, which can hold exemplars. A scraper that does not ask for it still
    /// gets Prometheus' text format.
    #[must_use]
    pub fn with_open_metrics(self, open_metrics: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self { open_metrics: Some(Arc::new(open_metrics)), ..self }
    }

    /// Calls `update` before each rendering, for gauges that are to be as old as the scrape.
    #[must_use]
    pub fn updated_by(self, update: impl Fn() + Send + Sync + 'static) -> Self {
        let update = Arc::new(update);
        let updated = |render: Render| -> Render {
            let update = Arc::clone(&update);
            Arc::new(move || {
                update();
                render()
            })
        };
        Self { text: updated(self.text), open_metrics: self.open_metrics.map(updated) }
    }

    /// The metrics in Prometheus' text format 0.0.4.
    #[must_use]
    pub fn text(&self) -> String {
        (self.text)()
    }

    /// The metrics as OpenMetrics 1.0; `None` if they are rendered as Prometheus' text format only.
    #[must_use]
    pub fn open_metrics(&self) -> Option<String> {
        self.open_metrics.as_ref().map(|render| render())
    }
}

impl fmt::Debug for MetricsText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsText").field("open_metrics", &self.open_metrics.is_some()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn gauges_are_updated_before_each_rendering_in_each_format() {
        let updates = Arc::new(AtomicUsize::new(0));
        let (counted, seen) = (Arc::clone(&updates), Arc::clone(&updates));
        let plain = MetricsText::new(move || format!("updates {}\n", seen.load(Ordering::SeqCst)));
        let plain = plain.updated_by(move || {
            counted.fetch_add(1, Ordering::SeqCst);
        });
        assert_eq!((plain.text(), plain.open_metrics()), ("updates 1\n".to_owned(), None));

        let (counted, seen) = (Arc::clone(&updates), Arc::clone(&updates));
        let both = plain.with_open_metrics(move || format!("updates {}\n# EOF\n", seen.load(Ordering::SeqCst)));
        let both = both.updated_by(move || {
            counted.fetch_add(10, Ordering::SeqCst);
        });
        assert_eq!(both.open_metrics().as_deref(), Some("updates 11\n# EOF\n"));
        assert_eq!(both.text(), "updates 22\n", "both updates");
    }
}
