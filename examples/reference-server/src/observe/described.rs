//! [`describe`]: the documented metrics, with the words that describe each in the exposition.

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge};

/// The counters of events.
const COUNTERS: [(&str, &str); 21] = [
    ("http_requests_total", "HTTP requests by method, route and status"),
    ("websocket_messages_received_total", "Frames received from devices"),
    ("websocket_messages_sent_total", "Answers sent to devices"),
    ("websocket_errors_total", "Frames refused and connections broken"),
    ("cache_hits_total", "Reads that a cache answered, by cache_type"),
    ("cache_misses_total", "Reads that went to the database, by cache_type"),
    ("api_slo_latency_breach_total", "Requests that took longer than their route's objective"),
    ("api_slo_error_breach_total", "Requests that were answered with 500 or above"),
    ("api_slo_availability_breach_total", "Requests that were answered with 503 or 504"),
    ("wrong_tokens_total", "Requests with a token in Authorization that is wrong or over"),
    ("samples_conflict_total", "Readings whose device, time and name another reading had"),
    ("dead_letters_dropped_total", "Refused frames that were not kept: too many or too heavy of one holder"),
    ("budget_refused_total", "Refusals because a share was used up, by kind"),
    ("log_lines_left_out_total", "Lines about refusals that were not written, by kind"),
    ("request_panics_total", "Requests that broke off because the server has a mistake, by endpoint"),
    ("cache_bypass_total", "Reads that skipped a shared cache that was away"),
    ("cache_evictions_total", "Values that went because there was no room"),
    ("cache_expirations_total", "Values that had expired when they were read"),
    ("job_runs_total", "Runs of jobs that have ended, by kind and outcome"),
    ("schedule_due_total", "Due times of schedules, by schedule and outcome"),
    ("outbox_messages_total", "Messages that left or failed, by channel and outcome"),
];

/// The gauges of states.
const GAUGES: [(&str, Option<Unit>, &str); 21] = [
    ("circuit_breaker_state", None, "0 closed, 1 open, 2 half open, 3 disabled, 4 forced open, 5 metrics only"),
    ("websocket_connections_active", None, "Open device connections"),
    ("db_connection_pool_size", None, "Connections that the fullest pool may have"),
    ("db_connection_pool_available", None, "Connections that are free in the fullest pool"),
    ("db_connections_in_use", None, "Connections that are in use, by pool"),
    ("http_requests_in_progress", None, "HTTP requests that are being answered, by method and route"),
    ("budget_held", None, "What is held now of what holders share, by kind"),
    ("dead_letters", None, "Frames that were refused for good and are kept"),
    ("devices_clock_disagrees", None, "Devices whose clock is ahead of the server's by more than the limit"),
    ("devices_profile_unknown", None, "Devices whose profile is not known here"),
    ("spool_samples_waiting", None, "Samples that were acknowledged and wait for the database"),
    ("spool_samples_damaged", None, "Samples of the spool that cannot be read and are passed by"),
    ("cache_hit_rate", None, "Share of reads that a cache answered, 0 to 1; NaN before the first"),
    ("cache_size_bytes", Some(Unit::Bytes), "What the values in this process would take as bytes"),
    ("samples_throughput_per_second", None, "Samples stored a second over the last five minutes"),
    ("conformity_rate_percent", None, "Samples of the last five minutes that were graded C or better; NaN without any"),
    ("reject_rate_percent", None, "Samples of the last five minutes that were rejected; NaN without any"),
    ("jobs", None, "Jobs in the queue, by kind and state"),
    ("job_runs_under_way", None, "Jobs that this process works on now, by kind"),
    ("outbox_pending", None, "Messages that wait to leave, by channel"),
    ("average_quality_score", None, "Mean fused score of the last five minutes; NaN without any"),
];

/// The histograms.
const HISTOGRAMS: [(&str, Option<Unit>, &str); 9] = [
    ("http_request_duration_seconds", Some(Unit::Seconds), "Time to answer an HTTP request"),
    ("sample_processing_duration_seconds", Some(Unit::Seconds), "Time to check and judge a sample"),
    ("sample_quality_score", None, "Fused quality scores by final grade"),
    ("db_query_duration_seconds", Some(Unit::Seconds), "Time of a call of the database by query_type"),
    ("http_request_size_bytes", Some(Unit::Bytes), "Size of requests"),
    ("http_response_size_bytes", Some(Unit::Bytes), "Size of answers"),
    ("cache_latency_seconds", Some(Unit::Seconds), "Time of a call of the shared cache, by operation"),
    ("job_run_duration_seconds", Some(Unit::Seconds), "Time of a run of a job, by kind"),
    ("api_slo_request_duration_seconds", Some(Unit::Seconds), "Time to answer, of routes with an objective"),
];

/// The gauges of states that are 0 before the first event.
const EMPTY_AT_FIRST: [&str; 4] =
    ["websocket_connections_active", "dead_letters", "devices_clock_disagrees", "devices_profile_unknown"];

/// The counters that start at 0, because the rate over a missing series is not 0 (C-26).
const COUNTED_FROM_ZERO: [&str; 6] = [
    "wrong_tokens_total",
    "dead_letters_dropped_total",
    "samples_conflict_total",
    "websocket_messages_received_total",
    "websocket_messages_sent_total",
    "websocket_errors_total",
];

/// Describes the documented metrics, and sets to 0 those that are shown before their first event.
pub(super) fn describe() {
    for (name, what) in COUNTERS {
        describe_counter!(name, what);
    }
    for (name, unit, what) in GAUGES {
        match unit {
            Some(unit) => describe_gauge!(name, unit, what),
            None => describe_gauge!(name, what),
        }
    }
    for (name, unit, what) in HISTOGRAMS {
        match unit {
            Some(unit) => describe_histogram!(name, unit, what),
            None => describe_histogram!(name, what),
        }
    }
    for name in EMPTY_AT_FIRST {
        gauge!(name).set(0.0);
    }
    for name in COUNTED_FROM_ZERO {
        counter!(name).absolute(0);
    }
}
