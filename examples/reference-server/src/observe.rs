//! Logging and metrics of the server. The libraries install neither.

use std::sync::Arc;
use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder};
use sqal_http::MetricsText;
use sqal_storage::queries::{QueryLayer, QueryLimits};
use tokio::task::JoinHandle;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::profiling::Profiling;

/// The documented buckets of `http_request_duration_seconds` (MET-02).
const REQUEST_SECONDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Buckets from a microsecond to a second.
const PROCESSING_SECONDS: [f64; 9] = [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 1e-1, 1.0];
/// Buckets from a tenth of a millisecond to the deadline of a call.
const QUERY_SECONDS: [f64; 10] = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 5.0];
/// Buckets from a short answer to a page of samples, in bytes.
const BYTES: [f64; 8] = [0.0, 100.0, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8];
/// Buckets at the grade thresholds and between them.
const SCORES: [f64; 10] = [0.1, 0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 1.0];

/// Logs to standard error until the guard is dropped, one line per event, filtered by `filter`.
/// Counts queries if `profiling` is enabled.
///
/// A separate thread writes the lines, so the server continues if the log is not read. After 128
/// 000 unwritten lines, further ones are dropped.
#[must_use = "the log ends with the guard"]
pub fn log_to_stderr(filter: EnvFilter, profiling: Profiling) -> WorkerGuard {
    let (writer, guard) = tracing_appender::non_blocking(std::io::stderr());
    // If a subscriber is installed already, as in tests, this call changes nothing. A closed log
    // must not stop the server, so lines that cannot be written are dropped silently.
    let lines = tracing_subscriber::fmt::layer()
        .log_internal_errors(false)
        .with_writer(writer)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_target(false)
        .with_filter(filter);
    let queries = profiling.enabled.then(|| QueryLayer::new(QueryLimits::default()));
    let _ = tracing_subscriber::registry().with(lines).with(queries).try_init();
    guard
}

/// Installs the metrics of the process. Returns the function that renders them, and the task that
/// sweeps them.
///
/// # Errors
///
/// If the process already has metrics.
pub fn metrics_text() -> Result<(MetricsText, JoinHandle<()>), BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full("http_request_duration_seconds".to_owned()), &REQUEST_SECONDS)?
        .set_buckets_for_metric(Matcher::Full("api_slo_request_duration_seconds".to_owned()), &REQUEST_SECONDS)?
        .set_buckets_for_metric(Matcher::Full("sample_processing_duration_seconds".to_owned()), &PROCESSING_SECONDS)?
        .set_buckets_for_metric(Matcher::Full("sample_quality_score".to_owned()), &SCORES)?
        .set_buckets_for_metric(Matcher::Full("cache_latency_seconds".to_owned()), &QUERY_SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_size_bytes".to_owned()), &BYTES)?
        .set_buckets_for_metric(Matcher::Full("db_query_duration_seconds".to_owned()), &QUERY_SECONDS)?
        .install_recorder()?;
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
    Ok((Arc::new(move || handle.render()), sweeping))
}

/// Renders the metrics after updating the gauges of states (pools, caches), so that these are as
/// old as the scrape.
pub(crate) fn shown_with(render: MetricsText, report: impl Fn() + Send + Sync + 'static) -> MetricsText {
    Arc::new(move || {
        report();
        render()
    })
}

/// Describes the documented metrics and starts the counters at 0, because the rate over a missing
/// series is not 0 (C-26).
fn describe() {
    describe_gauge!(
        "circuit_breaker_state",
        "0 closed, 1 open, 2 half open, 3 disabled, 4 forced open, 5 metrics only"
    );
    describe_counter!("http_requests_total", "HTTP requests by method, route and status");
    describe_histogram!("http_request_duration_seconds", Unit::Seconds, "Time to answer an HTTP request");
    describe_gauge!("websocket_connections_active", "Open device connections");
    describe_counter!("websocket_messages_received_total", "Frames received from devices");
    describe_counter!("websocket_messages_sent_total", "Answers sent to devices");
    describe_counter!("websocket_errors_total", "Frames refused and connections broken");
    describe_histogram!("sample_processing_duration_seconds", Unit::Seconds, "Time to check and judge a sample");
    describe_histogram!("sample_quality_score", "Fused quality scores by final grade");
    describe_histogram!("db_query_duration_seconds", Unit::Seconds, "Time of a call of the database by query_type");
    describe_gauge!("db_connection_pool_size", "Connections that the fullest pool may have");
    describe_gauge!("db_connection_pool_available", "Connections that are free in the fullest pool");
    describe_gauge!("db_connections_in_use", "Connections that are in use, by pool");
    describe_histogram!("http_request_size_bytes", Unit::Bytes, "Size of requests");
    describe_histogram!("http_response_size_bytes", Unit::Bytes, "Size of answers");
    describe_gauge!("http_requests_in_progress", "HTTP requests that are being answered, by method and route");
    describe_counter!("cache_hits_total", "Reads that a cache answered, by cache_type");
    describe_counter!("cache_misses_total", "Reads that went to the database, by cache_type");
    describe_histogram!("cache_latency_seconds", Unit::Seconds, "Time of a call of the shared cache, by operation");
    describe_counter!("api_slo_latency_breach_total", "Requests that took longer than their route's objective");
    describe_counter!("api_slo_error_breach_total", "Requests that were answered with 500 or above");
    describe_counter!("api_slo_availability_breach_total", "Requests that were answered with 503 or 504");
    describe_histogram!(
        "api_slo_request_duration_seconds",
        Unit::Seconds,
        "Time to answer, of routes with an objective"
    );
    describe_counter!("wrong_tokens_total", "Requests with a token in Authorization that is wrong or over");
    describe_counter!("samples_conflict_total", "Readings whose device, time and name another reading had");
    describe_counter!(
        "dead_letters_dropped_total",
        "Refused frames that were not kept: too many or too heavy of one holder"
    );
    describe_gauge!("budget_held", "What is held now of what holders share, by kind");
    describe_counter!("budget_refused_total", "Refusals because a share was used up, by kind");
    describe_counter!("log_lines_left_out_total", "Lines about refusals that were not written, by kind");
    describe_counter!("request_panics_total", "Requests that broke off because the server has a mistake, by endpoint");
    describe_gauge!("dead_letters", "Frames that were refused for good and are kept");
    describe_gauge!("devices_clock_disagrees", "Devices whose clock is ahead of the server's by more than the limit");
    describe_gauge!("devices_profile_unknown", "Devices whose profile is not known here");
    describe_gauge!("spool_samples_waiting", "Samples that were acknowledged and wait for the database");
    describe_gauge!("spool_samples_damaged", "Samples of the spool that cannot be read and are passed by");
    describe_counter!("cache_bypass_total", "Reads that went past a shared cache that was away");
    describe_gauge!("cache_hit_rate", "Share of reads that a cache answered, 0 to 1; NaN before the first");
    describe_gauge!("cache_size_bytes", Unit::Bytes, "What the values in this process would take as bytes");
    describe_counter!("cache_evictions_total", "Values that went because there was no room");
    describe_counter!("cache_expirations_total", "Values whose time was over when somebody asked");
    describe_gauge!("samples_throughput_per_second", "Samples stored a second over the last five minutes");
    describe_gauge!(
        "conformity_rate_percent",
        "Samples of the last five minutes that were graded C or better; NaN without any"
    );
    describe_gauge!("reject_rate_percent", "Samples of the last five minutes that were rejected; NaN without any");
    describe_gauge!("average_quality_score", "Mean fused score of the last five minutes; NaN without any");
    gauge!("websocket_connections_active").set(0.0);
    gauge!("dead_letters").set(0.0);
    gauge!("devices_clock_disagrees").set(0.0);
    gauge!("devices_profile_unknown").set(0.0);
    for name in [
        "wrong_tokens_total",
        "dead_letters_dropped_total",
        "samples_conflict_total",
        "websocket_messages_received_total",
        "websocket_messages_sent_total",
        "websocket_errors_total",
    ] {
        counter!(name).absolute(0);
    }
}
