//! [`metrics_text`]: installs the metrics of the process and renders them.

use std::time::{Duration, SystemTime};

use metrics::SetRecorderError;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder};
use sqal_http::services::MetricsText;
use sqal_telemetry::exemplars::WithExemplars;
use sqal_telemetry::openmetrics;
use tokio::task::JoinHandle;

use super::described::describe;
use crate::wall_clock::wall_clock;

/// The documented buckets of `http_request_duration_seconds` (MET-02).
const REQUEST_SECONDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Buckets from a microsecond to a second.
const PROCESSING_SECONDS: [f64; 9] = [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 1e-1, 1.0];
/// Buckets from a frame that is judged at once to one that a station has kept for hours. A second
/// is the objective of `judged-in-time`.
const AGE_SECONDS: [f64; 11] = [0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 600.0, 3_600.0];
/// Buckets from a tenth of a millisecond to the deadline of a call.
const QUERY_SECONDS: [f64; 10] = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 5.0];
/// Buckets from a statement to a job on months of samples, in seconds.
const JOB_SECONDS: [f64; 8] = [0.01, 0.1, 1.0, 10.0, 60.0, 300.0, 1_800.0, 10_800.0];
/// Buckets from a bug that is mended at once to one that is left for months, in seconds: minutes,
/// hours, a day, a week, a month, a quarter.
const RESOLUTION_SECONDS: [f64; 9] =
    [60.0, 600.0, 3_600.0, 14_400.0, 86_400.0, 259_200.0, 604_800.0, 2_592_000.0, 7_776_000.0];
/// Buckets from a short answer to a page of samples, in bytes.
const BYTES: [f64; 8] = [0.0, 100.0, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8];
/// Buckets at the grade thresholds and between them.
const SCORES: [f64; 10] = [0.1, 0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 1.0];

/// The histograms of times with their buckets. Each bucket has the last sampled trace as exemplar.
const LATENCIES: [(&str, &[f64]); 9] = [
    ("http_request_duration_seconds", &REQUEST_SECONDS),
    ("api_slo_request_duration_seconds", &REQUEST_SECONDS),
    ("sample_processing_duration_seconds", &PROCESSING_SECONDS),
    ("sample_judged_age_seconds", &AGE_SECONDS),
    ("cache_latency_seconds", &QUERY_SECONDS),
    ("db_query_duration_seconds", &QUERY_SECONDS),
    ("job_run_duration_seconds", &JOB_SECONDS),
    ("outgoing_http_request_duration_seconds", &REQUEST_SECONDS),
    ("alert_evaluation_duration_seconds", &QUERY_SECONDS),
];

/// Installs the metrics of the process. Returns what renders them, and the task that sweeps them.
///
/// # Errors
///
/// If the process already has metrics.
pub fn metrics_text() -> Result<(MetricsText, JoinHandle<()>), BuildError> {
    let mut builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full("sample_quality_score".to_owned()), &SCORES)?
        .set_buckets_for_metric(Matcher::Full("bug_resolution_seconds".to_owned()), &RESOLUTION_SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_size_bytes".to_owned()), &BYTES)?;
    for (name, buckets) in LATENCIES {
        builder = builder.set_buckets_for_metric(Matcher::Full(name.to_owned()), buckets)?;
    }
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    let recorder = WithExemplars::new(recorder, LATENCIES, now);
    let exemplars = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|refused| SetRecorderError(refused.into_inner().into_inner()))?;
    describe();
    // Histograms keep all values until they are rendered. Without a scraper, this task sweeps them.
    let sweeper = handle.clone();
    let sweeping = tokio::spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_secs(5));
        loop {
            ticks.tick().await;
            sweeper.run_upkeep();
        }
    });
    let text = handle.clone();
    let rendered = MetricsText::new(move || text.render()).with_open_metrics(move || {
        // The exemplars are read first, so that each of them is counted in the text.
        let exemplars = exemplars.snapshot();
        openmetrics::render(&handle.render(), &exemplars)
    });
    Ok((rendered, sweeping))
}

/// Wall time as exemplars have it.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(wall_clock().micros()).unwrap_or(0))
}

/// Renders the metrics after updating the gauges of states (pools, caches), so that these are as
/// old as the scrape.
pub(crate) fn shown_with(rendered: MetricsText, report: impl Fn() + Send + Sync + 'static) -> MetricsText {
    rendered.updated_by(report)
}
