//! [`GROUPS`]: the inventory of the server's metrics. `docs/metrics.md` is made from it.

use super::labels::{
    BREAKER, BUG_SEVERITY, BUG_SOURCE, CACHE, CALL, CALLED, CALLED_BREAKER, CAUSE, CHANNEL, CHECK, CRITICAL, DEVICE,
    DROPPED, DUE, ENDPOINT, FAULT_DROP, FAULT_ITEM, GRADE, JOB, LINE, MESSAGE, METHOD, OPERATION, PASSED, PLACE, POOL,
    QUERY, REFUSED, RESOURCE, REVISION, ROUTE, RUN, SCHEDULE, SEVERITY, STATE, STATUS, VERSION,
};
use super::metric::MetricUnit::{Bytes, PerSecond, Percent, Ratio, Seconds};
use super::metric::{counter, gauge, histogram};

pub use super::metric::{LabelValues, Metric, MetricKind, MetricLabel, MetricUnit, Series};

/// Requests and the objectives of their routes.
const REQUESTS: &[Metric] = &[
    counter("http_requests_total", &[METHOD, ENDPOINT, STATUS], "HTTP requests").of("MET-01"),
    histogram("http_request_duration_seconds", &[METHOD, ENDPOINT, STATUS], "Time to answer an HTTP request")
        .unit(Seconds)
        .of("MET-02"),
    histogram("http_request_size_bytes", &[], "Size of requests, as far as it is known before the body is read")
        .unit(Bytes)
        .of("MET-03")
        .beginning_at_zero(),
    histogram("http_response_size_bytes", &[], "Size of answers, as far as it is known before the body is sent")
        .unit(Bytes)
        .of("MET-04")
        .beginning_at_zero(),
    gauge("http_requests_in_progress", &[METHOD, ENDPOINT], "HTTP requests that are being answered").of("MET-05"),
    histogram(
        "api_slo_request_duration_seconds",
        &[ROUTE],
        "Time to answer a request of a route with an objective; its count is the number of requests that count for the \
         objective",
    )
    .unit(Seconds)
    .of("MET-29"),
    counter("api_slo_latency_breach_total", &[ROUTE], "Requests that took longer than the objective of their route")
        .of("MET-26"),
    counter("api_slo_error_breach_total", &[ROUTE], "Requests that were answered with 500 or above, without 504")
        .of("MET-27"),
    counter("api_slo_availability_breach_total", &[ROUTE], "Requests that were answered with 503").of("MET-28"),
    counter("request_panics_total", &[PLACE], "Requests that broke off because the server has a fault"),
    counter(
        "wrong_tokens_total",
        &[],
        "Requests with a token in Authorization that is wrong or expired, or was refused before it was looked up",
    )
    .beginning_at_zero(),
    gauge("budget_held", &[RESOURCE], "Amount of a shared resource that all holders together have now")
        .beginning_at_zero(),
    counter("budget_refused_total", &[REFUSED], "Refusals because the share of a resource was used up")
        .beginning_at_zero(),
    counter("log_lines_left_out_total", &[LINE], "Lines about refusals that were not written to the log")
        .beginning_at_zero(),
];

/// Devices and their frames.
const DEVICES: &[Metric] = &[
    gauge("websocket_connections_active", &[], "Open device connections").of("MET-15").beginning_at_zero(),
    counter("websocket_messages_sent_total", &[], "Answers sent to devices").of("MET-16").beginning_at_zero(),
    counter("websocket_messages_received_total", &[], "Messages received from devices")
        .of("MET-17")
        .beginning_at_zero(),
    counter("websocket_errors_total", &[], "Frames refused and connections broken").of("MET-18").beginning_at_zero(),
    gauge(
        "devices_clock_disagrees",
        &[],
        "Devices of the last five minutes whose clock is ahead of the server's by more than the limit",
    )
    .beginning_at_zero(),
    gauge("devices_profile_unknown", &[], "Devices of the last five minutes whose profile the server does not know")
        .beginning_at_zero(),
    gauge("dead_letters", &[], "Refused frames that are kept").beginning_at_zero(),
    counter(
        "dead_letters_dropped_total",
        &[],
        "Refused frames that were not kept, because they are larger than the share of their holder or too many in a \
         minute",
    )
    .beginning_at_zero(),
    counter(
        "samples_conflict_total",
        &[],
        "Readings that were rejected because another reading has their device, time and name",
    )
    .beginning_at_zero(),
];

/// Samples and their grades.
const SAMPLES: &[Metric] = &[
    histogram("sample_processing_duration_seconds", &[], "Time to check and judge a sample")
        .unit(Seconds)
        .of("MET-19")
        .beginning_at_zero(),
    histogram("sample_quality_score", &[GRADE], "Fused quality scores by final grade").of("MET-20").beginning_at_zero(),
    histogram(
        "sample_judged_age_seconds",
        &[],
        "Time from the measurement of a product, by the clock of its device, to when its verdict is stored; 0 if that \
         clock is ahead",
    )
    .unit(Seconds)
    .beginning_at_zero(),
    counter("samples_judged_total", &[], "Products whose verdict was stored").beginning_at_zero(),
    counter(
        "samples_without_color_total",
        &[],
        "Products whose verdict was stored without their color, although their profile has a color map",
    )
    .beginning_at_zero(),
    gauge("samples_throughput_per_second", &[], "Samples stored a second over the last five minutes")
        .unit(PerSecond)
        .of("MET-23"),
    gauge(
        "conformity_rate_ratio",
        &[],
        "Share of the samples of the last five minutes that were graded C or better; NaN without any",
    )
    .unit(Ratio)
    .of("C-07"),
    gauge("conformity_rate_percent", &[], "conformity_rate_ratio under its older name and times 100")
        .unit(Percent)
        .of("MET-21"),
    gauge(
        "reject_rate_ratio",
        &[],
        "Share of the samples of the last five minutes that were rejected; NaN without any",
    )
    .unit(Ratio)
    .of("C-07"),
    gauge("reject_rate_percent", &[], "reject_rate_ratio under its older name and times 100")
        .unit(Percent)
        .of("MET-22"),
    gauge("average_quality_score", &[], "Mean fused score of the last five minutes; NaN without any").of("MET-24"),
];

/// Stations and their instruments.
const STATIONS: &[Metric] = &[
    gauge(
        "station_fault",
        &[DEVICE, CAUSE],
        "Whether an instrument of the station is at fault, by cause: 1 while it is",
    ),
    gauge("station_age_seconds", &[DEVICE], "Time since the newest sample of the station was received").unit(Seconds),
    gauge("station_silent", &[DEVICE], "Whether the station sends nothing while another one does: 1 while that is so"),
    counter(
        "station_observations_dropped_total",
        &[],
        "Samples by which no station was watched, because too many waited; they are stored all the same",
    )
    .beginning_at_zero(),
    counter(
        "station_trays_unwatched_total",
        &[],
        "Samples of stations beyond the 200 that a server watches, or that are new while the database is away",
    )
    .beginning_at_zero(),
];

/// Caches.
const CACHES: &[Metric] = &[
    counter("cache_hits_total", &[CACHE], "Reads that a cache answered").of("MET-06").beginning_at_zero(),
    counter("cache_misses_total", &[CACHE], "Reads that went to the database because no cache had the value")
        .of("MET-07")
        .beginning_at_zero(),
    counter(
        "cache_bypass_total",
        &[CACHE],
        "Reads that went to the database because the shared cache was away; they are no misses",
    )
    .of("MET-33")
    .beginning_at_zero(),
    gauge("cache_hit_ratio", &[], "Share of hits among hits and misses since the start; NaN before the first read")
        .unit(Ratio)
        .of("C-07"),
    gauge("cache_hit_rate", &[], "cache_hit_ratio under its older name").unit(Ratio).of("MET-34"),
    gauge("cache_hit_rate_threshold", &[], "Share of hits below which the log warns, as `HIT_RATE_THRESHOLD` sets it")
        .unit(Ratio)
        .of("CCH-10"),
    histogram("cache_latency_seconds", &[OPERATION], "Time of a call of the shared cache")
        .unit(Seconds)
        .of("MET-08")
        .only_with("REDIS_URL"),
    gauge("cache_size_bytes", &[], "Size of the values in the memory of this server").unit(Bytes).of("MET-09"),
    counter("cache_evictions_total", &[], "Values that left the memory of this server for lack of room")
        .of("MET-10")
        .beginning_at_zero(),
    counter("cache_expirations_total", &[], "Reads that found an expired value in the memory of this server")
        .of("MET-11")
        .beginning_at_zero(),
];

/// The database.
const DATABASE: &[Metric] = &[
    histogram("db_query_duration_seconds", &[QUERY], "Time of a call of the database, whether it succeeded or not")
        .unit(Seconds)
        .of("MET-14"),
    gauge("db_connection_pool_size", &[], "Most connections of the pool that has the fewest free ones").of("MET-12"),
    gauge(
        "db_connection_pool_available",
        &[],
        "Free connections of the pool that has the fewest; 0 shows an exhausted pool beside idle ones",
    )
    .of("MET-13"),
    gauge("db_connections_in_use", &[POOL], "Connections in use"),
    gauge("spool_samples_waiting", &[], "Samples that were acknowledged and wait for the database"),
    gauge("spool_samples_damaged", &[], "Samples of the spool that cannot be read and are skipped"),
    gauge(
        "circuit_breaker_state",
        &[BREAKER],
        "State of a circuit breaker: 0 closed, 1 open, 2 half open, 3 disabled, 4 forced open, 5 metrics only",
    )
    .of("MET-25"),
];

/// Jobs, schedules and messages that leave.
const WORK: &[Metric] = &[
    counter("job_runs_total", &[JOB, RUN], "Runs of jobs that have ended"),
    histogram("job_run_duration_seconds", &[JOB], "Time of a run of a job").unit(Seconds),
    gauge("job_runs_under_way", &[JOB], "Jobs that this server works on now"),
    gauge("jobs", &[JOB, STATE], "Jobs in the queue of all servers, counted once a minute"),
    counter("schedule_due_total", &[SCHEDULE, DUE], "Due times of schedules"),
    counter("outbox_messages_total", &[CHANNEL, MESSAGE], "What has become of messages and digests")
        .only_with("SMTP_HOST` or `SQAL_NOTICE_CHANNELS_FILE"),
    gauge("outbox_pending", &[CHANNEL], "Deliveries of all servers that wait or are under way"),
];

/// Calls of other services by which messages leave.
const OUTGOING: &[Metric] = &[
    counter("outgoing_http_requests_total", &[CALLED, CALL], "Messages that were posted, whatever followed")
        .only_with("SQAL_NOTICE_CHANNELS_FILE"),
    histogram("outgoing_http_request_duration_seconds", &[CALLED], "Time to post a message")
        .unit(Seconds)
        .only_with("SQAL_NOTICE_CHANNELS_FILE"),
    counter(
        "outgoing_http_retries_total",
        &[CALLED],
        "Further attempts of one post; the queue repeats messages itself",
    )
    .only_with("SQAL_NOTICE_CHANNELS_FILE"),
    counter(
        "outgoing_http_retry_budget_exhausted_total",
        &[CALLED],
        "Posts without a further attempt, because the share of attempts was used up",
    )
    .only_with("SQAL_NOTICE_CHANNELS_FILE"),
    counter(
        "circuit_breaker_calls_total",
        &[CALLED_BREAKER, PASSED],
        "Attempts to post that a circuit breaker has seen",
    )
    .only_with("SQAL_NOTICE_CHANNELS_FILE"),
];

/// Alerts that this server finds.
const ALERTS: &[Metric] = &[
    counter("alert_evaluations_total", &[], "Evaluations of the rules of alerts by this server, every 15 seconds")
        .beginning_at_zero(),
    histogram(
        "alert_evaluation_duration_seconds",
        &[],
        "Time to render the metrics and to evaluate all rules of alerts",
    )
    .unit(Seconds)
    .beginning_at_zero(),
    gauge("alerts_open", &[SEVERITY], "Alerts that this server finds now").beginning_at_zero(),
    gauge("alert_rules_failing", &[], "Rules of alerts whose query has no answer now").beginning_at_zero(),
];

/// Bugs and how they are followed.
const BUGS: &[Metric] = &[
    gauge(
        "bugs_open",
        &[BUG_SEVERITY],
        "Bugs of all servers that are neither resolved nor closed, counted every 30 seconds",
    )
    .of("DSH-07")
    .beginning_at_zero(),
    counter("bugs_created_total", &[BUG_SOURCE], "Bugs that were reported to this server or by it")
        .of("BUG-12")
        .beginning_at_zero(),
    histogram("bug_resolution_seconds", &[], "Time from the report of a bug to when it was resolved or closed here")
        .unit(Seconds)
        .of("DSH-07")
        .beginning_at_zero(),
    counter(
        "fault_items_total",
        &[FAULT_ITEM],
        "Items of what clients of Sentry have sent and the server has accepted",
    )
    .beginning_at_zero(),
    counter(
        "fault_items_dropped_total",
        &[FAULT_DROP],
        "Events, files and devices of faults that were accepted and not kept",
    )
    .beginning_at_zero(),
];

/// Traces.
const TRACES: &[Metric] = &[
    counter("traceparents_refused_total", &[], "Contexts of traces that are not valid and were ignored")
        .beginning_at_zero(),
    counter("traces_exported_total", &[], "Traces that the collector has accepted").beginning_at_zero(),
    counter("traces_dropped_total", &[DROPPED], "Traces that should have reached the collector and did not")
        .beginning_at_zero(),
    counter("trace_spans_rejected_total", &[], "Spans that the collector rejected of traces that it accepted")
        .beginning_at_zero(),
];

/// The program itself, and its machine.
const PROGRAM: &[Metric] = &[
    gauge("sqal_build_info", &[VERSION, REVISION], "The program that runs; always 1"),
    gauge(
        "health_check_ok",
        &[CHECK, CRITICAL],
        "Whether a part of the server works: 1 if it does, 0 if it fails or was not checked lately",
    )
    .of("HLT-14"),
    gauge("process_resident_memory_bytes", &[], "Memory of the process; on Linux only").unit(Bytes),
    gauge("process_open_fds", &[], "Open file descriptors of the process; on Linux only"),
    gauge("process_start_time_seconds", &[], "Time at which the process was started, in seconds since 1970")
        .unit(Seconds),
    gauge("data_dir_free_ratio", &[], "Share of the disk of the data folder that is free").unit(Ratio),
    counter(
        "server_clock_steps_total",
        &[],
        "Steps of the wall clock of more than a second; that of a machine that was suspended steps too",
    )
    .beginning_at_zero(),
];

/// All metrics of the server, in groups with their titles.
pub const GROUPS: [(&str, &[Metric]); 12] = [
    ("Requests and objectives", REQUESTS),
    ("Devices", DEVICES),
    ("Samples", SAMPLES),
    ("Stations", STATIONS),
    ("Caches", CACHES),
    ("Database", DATABASE),
    ("Jobs, schedules and messages", WORK),
    ("Outgoing calls", OUTGOING),
    ("Alerts", ALERTS),
    ("Bugs", BUGS),
    ("Traces", TRACES),
    ("Program and machine", PROGRAM),
];

/// All metrics of the server.
pub fn all() -> impl Iterator<Item = &'static Metric> {
    GROUPS.into_iter().flat_map(|(_, metrics)| metrics)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_metric_stands_once_and_says_what_it_means() {
        let names: BTreeSet<_> = all().map(|metric| metric.name).collect();
        assert_eq!(names.len(), all().count());
        for Metric { name, meaning, .. } in all() {
            let sentence =
                meaning.starts_with(char::is_uppercase) || names.iter().any(|other| meaning.starts_with(other));
            assert!(sentence && !meaning.ends_with('.'), "{name}: {meaning:?}");
        }
    }

    /// The conventions of Prometheus: counters end with `_total`, and the unit is in the name.
    #[test]
    fn every_name_has_its_unit() {
        for Metric { name, kind, unit, .. } in all() {
            assert_eq!(name.ends_with("_total"), *kind == MetricKind::Counter, "{name}");
            let ending = match unit {
                Seconds => "_seconds",
                Bytes => "_bytes",
                Percent => "_percent",
                PerSecond => "_per_second",
                // `cache_hit_rate` is a documented name, and its threshold is called after it.
                Ratio if !name.starts_with("cache_hit_rate") => "_ratio",
                Ratio | MetricUnit::Number => continue,
            };
            assert!(name.ends_with(ending), "{name} in {}", unit.as_str());
        }
    }

    /// A series can only be there before its first event if its labels are known.
    #[test]
    fn what_begins_at_zero_has_known_labels() {
        for metric in all().filter(|metric| metric.begins_at_zero) {
            let series = metric.known_series().map_or(0, |series| series.len());
            assert!((1..=40).contains(&series), "{}: {series} series", metric.name);
        }
    }
}
