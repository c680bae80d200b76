//! The dashboard "Infrastructure" (DSH-04): requests, caches, the database, work, and the program.

use super::column::Column;
use super::dashboard::Dashboard;
use super::look::PanelLook::{Distribution, Figure, Lines, Ranking, Rows, Stack, States};
use super::panel::Panel;
use super::scale::{PanelScale, PanelUnit, StateWord};
use super::variable::DashboardVariable;

/// The states of a circuit breaker, by the values of `circuit_breaker_state`.
const BREAKER: [StateWord; 6] = [
    StateWord::new("0", "closed", "green"),
    StateWord::new("1", "open", "red"),
    StateWord::new("2", "half open", "yellow"),
    StateWord::new("3", "disabled", "blue"),
    StateWord::new("4", "forced open", "purple"),
    StateWord::new("5", "metrics only", "blue"),
];

/// Whether a check of the server's health succeeds.
const CHECK: [StateWord; 2] = [StateWord::new("0", "fails", "red"), StateWord::new("1", "works", "green")];

/// The share of requests that fail from which on `HighErrorRate` fires, and a fifth of it.
const ERRORS: PanelScale = PanelScale::Rising { warning: 0.01, critical: 0.05 };

/// The shares of cache hits below which `LowCacheHitRate` fires.
const HITS: PanelScale = PanelScale::Falling { critical: 0.5, warning: 0.7 };

/// The time from which on `APILatencyP95High` fires, and the objective of most routes.
const LATENCY: PanelScale = PanelScale::Rising { warning: 0.5, critical: 2.0 };

/// The dashboard.
pub(super) fn dashboard() -> Dashboard {
    Dashboard::new(
        "sqal-infrastructure",
        "Infrastructure",
        "The servers of SQAL: how fast they answer, whether they fail, and what they depend on.",
    )
    .variables(&DashboardVariable::WITH_DATABASE)
    .panels(overview())
    .section("Requests", requests())
    .section("Caches", caches())
    .section("Database", database())
    .section("Jobs, schedules and messages", work())
    .section("Limits and faults", faults())
    .section("Servers", servers())
}

/// The figures of DSH-04 as they are now.
fn overview() -> Vec<Panel> {
    vec![
        Panel::new(Figure, "Request rate", "Requests a second of all methods and routes, over the last minutes.")
            .promql("", "sum(rate(http_requests_total{$server}[$__rate_interval]))")
            .unit(PanelUnit::Requests),
        Panel::new(
            Figure,
            "Response time p95",
            "95 % of the requests of the last minutes were answered within this time.",
        )
        .promql(
            "",
            "histogram_quantile(0.95, \
             sum by (le) (rate(http_request_duration_seconds_bucket{$server}[$__rate_interval])))",
        )
        .unit(PanelUnit::Seconds)
        .scale(LATENCY),
        Panel::new(
            Figure,
            "Error rate",
            "Share of the requests of the last minutes that were answered with 500 or above. 504 does not count: the \
             device did not answer a command.",
        )
        .promql(
            "",
            "sum(rate(http_requests_total{$server,status=~\"5..\",status!=\"504\"}[$__rate_interval])) / \
             sum(rate(http_requests_total{$server}[$__rate_interval]))",
        )
        .unit(PanelUnit::Share)
        .scale(ERRORS),
        Panel::new(
            Figure,
            "Cache hit rate",
            "Share of the reads of the last minutes that a cache answered. Of a few reads the share says nothing: the \
             newest sample is mostly a miss.",
        )
        .promql(
            "",
            "sum(rate(cache_hits_total{$server}[$__rate_interval])) / \
             (sum(rate(cache_hits_total{$server}[$__rate_interval])) + \
             sum(rate(cache_misses_total{$server}[$__rate_interval])))",
        )
        .unit(PanelUnit::Share)
        .scale(HITS),
    ]
}

fn requests() -> Vec<Panel> {
    vec![
        Panel::new(Stack, "Request rate by status", "Requests a second, by the HTTP status of their answers.")
            .promql("{{status}}", "sum by (status) (rate(http_requests_total{$server}[$__rate_interval]))")
            .unit(PanelUnit::Requests),
        quantiles(
            "Response time p50, p95, p99",
            "Half, 95 % and 99 % of the requests were answered within these times.",
            "http_request_duration_seconds_bucket",
        )
        .scale(LATENCY),
        Panel::new(
            Lines,
            "Error rate by route",
            "Share of the requests of a route that were answered with 500 or above, without 504. A route without \
             errors is not shown.",
        )
        .promql(
            "{{endpoint}}",
            "sum by (endpoint) (rate(http_requests_total{$server,status=~\"5..\",status!=\"504\"}[$__rate_interval])) \
             / sum by (endpoint) (rate(http_requests_total{$server}[$__rate_interval])) > 0",
        )
        .unit(PanelUnit::Share)
        .scale(ERRORS),
        Panel::new(
            Ranking,
            "Slowest routes, p95",
            "The ten routes whose 95th percentile over the whole span is highest.",
        )
        .promql(
            "{{endpoint}}",
            "topk(10, histogram_quantile(0.95, \
             sum by (endpoint, le) (rate(http_request_duration_seconds_bucket{$server}[$__range]))) >= 0)",
        )
        .unit(PanelUnit::Seconds)
        .scale(LATENCY),
        Panel::new(Distribution, "Response times", "How many requests were answered within which time.")
            .promql("{{le}}", "sum by (le) (increase(http_request_duration_seconds_bucket{$server}[$__rate_interval]))")
            .unit(PanelUnit::Seconds),
        Panel::new(Lines, "Requests in progress", "Requests that are being answered, by server.")
            .promql("{{instance}}", "sum by (instance) (http_requests_in_progress{$server})"),
    ]
}

fn caches() -> Vec<Panel> {
    vec![
        Panel::new(
            Lines,
            "Cache hit rate by cache",
            "Share of the reads that a cache answered. Reads past a shared cache that was away are in no share.",
        )
        .promql(
            "{{cache_type}}",
            "sum by (cache_type) (rate(cache_hits_total{$server}[$__rate_interval])) / \
             (sum by (cache_type) (rate(cache_hits_total{$server}[$__rate_interval])) + \
             sum by (cache_type) (rate(cache_misses_total{$server}[$__rate_interval])))",
        )
        .unit(PanelUnit::Share)
        .scale(HITS)
        .size(8, 8),
        Panel::new(
            Lines,
            "Shared cache, p95",
            "95 % of the calls of the shared cache took at most this time. Empty if the plant has none.",
        )
        .promql(
            "{{operation}}",
            "histogram_quantile(0.95, \
             sum by (operation, le) (rate(cache_latency_seconds_bucket{$server}[$__rate_interval])))",
        )
        .unit(PanelUnit::Seconds)
        .size(8, 8),
        Panel::new(
            Lines,
            "Reads without their cache",
            "Reads a second that went to the database because the shared cache was away, and values that left the \
             memory of the server for lack of room.",
        )
        .promql("shared cache away", "sum(rate(cache_bypass_total{$server}[$__rate_interval]))")
        .promql("evicted", "sum(rate(cache_evictions_total{$server}[$__rate_interval]))")
        .unit(PanelUnit::Rate)
        .size(8, 8),
    ]
}

fn database() -> Vec<Panel> {
    vec![
        Panel::new(Lines, "Database calls, p95", "95 % of the calls of the database took at most this time.")
            .promql(
                "{{query_type}}",
                "histogram_quantile(0.95, \
                 sum by (query_type, le) (rate(db_query_duration_seconds_bucket{$server}[$__rate_interval])))",
            )
            .unit(PanelUnit::Seconds)
            .scale(PanelScale::below(1.0)),
        Panel::new(
            Lines,
            "Connections of the pools",
            "Connections in use by pool, and the free ones of the pool that has the fewest. Calls wait at 0 free ones.",
        )
        .promql("in use: {{pool}}, {{instance}}", "db_connections_in_use{$server}")
        .promql("free, {{instance}}", "db_connection_pool_available{$server}"),
        Panel::new(
            States,
            "Circuit breakers",
            "An open breaker refuses calls of what has failed before. While that of the database is open, samples wait \
             in the spool.",
        )
        .promql("{{name}}, {{instance}}", "circuit_breaker_state{$server}")
        .words(&BREAKER),
        Panel::new(
            Lines,
            "Samples in the spool",
            "Samples that were acknowledged and wait for the database. A server takes at most 2 000 000.",
        )
        .promql("waiting, {{instance}}", "spool_samples_waiting{$server}")
        .promql("damaged, {{instance}}", "spool_samples_damaged{$server} > 0")
        .scale(PanelScale::Rising { warning: 1000.0, critical: 1_600_000.0 }),
    ]
}

fn work() -> Vec<Panel> {
    vec![
        Panel::new(
            Lines,
            "Jobs that wait",
            "Jobs in the queue of all servers, by kind. Each server counts the whole queue, and the highest count is \
             shown.",
        )
        .promql("{{kind}}", "max by (kind) (jobs{$server,state=\"enqueued\"})")
        .size(8, 8),
        Panel::new(
            Stack,
            "Ended runs of jobs",
            "Runs of jobs by how they ended: `again` is tried again, `returned` went back to the queue, and another \
             server has taken the job of a `lost` run.",
        )
        .promql("{{outcome}}", "sum by (outcome) (increase(job_runs_total{$server}[$__rate_interval]))")
        .size(8, 8),
        Panel::new(
            Lines,
            "Messages that wait",
            "Mails, webhooks and notices of all servers that wait or are under way, and those that have failed.",
        )
        .promql("{{channel}}", "max by (channel) (outbox_pending{$server})")
        .promql(
            "failed: {{channel}}",
            "sum by (channel) (increase(outbox_messages_total{$server,outcome=\"failed\"}[$__rate_interval])) > 0",
        )
        .size(8, 8),
        Panel::new(Rows, "Jobs that have failed", "The newest failures within the span, from the database.")
            .sql(
                "SELECT failed_at AS \"time\", kind, attempts, error FROM \"TaskFailure\" \
                 WHERE $__timeFilter(failed_at) ORDER BY failed_at DESC LIMIT 20",
            )
            .size(16, 8),
        Panel::new(
            Stack,
            "Due times that were missed",
            "Due times of schedules at which no server could begin the work in time.",
        )
        .promql(
            "{{schedule}}",
            "sum by (schedule) (increase(schedule_due_total{$server,outcome=\"missed\"}[$__rate_interval]))",
        )
        .size(8, 8),
    ]
}

fn faults() -> Vec<Panel> {
    vec![
        Panel::new(
            Lines,
            "Refusals for a share that was used up",
            "Refusals a second by the resource whose share one holder had used up: one device storms, or the server is \
             attacked.",
        )
        .promql("{{kind}}", "sum by (kind) (rate(budget_refused_total{$server}[$__rate_interval])) > 0")
        .unit(PanelUnit::Rate),
        Panel::new(
            Lines,
            "Faults of the program",
            "Requests that broke off because the server has a fault, and readings that were rejected because another \
             one has their name. Both should be 0.",
        )
        .promql(
            "broke off: {{endpoint}}",
            "sum by (endpoint) (increase(request_panics_total{$server}[$__rate_interval])) > 0",
        )
        .promql("name taken", "sum(increase(samples_conflict_total{$server}[$__rate_interval]))"),
        Panel::new(Lines, "Wrong tokens", "Requests a second with a token that is wrong or has expired.")
            .promql("{{instance}}", "sum by (instance) (rate(wrong_tokens_total{$server}[$__rate_interval]))")
            .unit(PanelUnit::Rate),
        Panel::new(
            Lines,
            "Traces that were lost",
            "Traces a second that should have reached the collector and did not, by the reason.",
        )
        .promql("{{reason}}", "sum by (reason) (rate(traces_dropped_total{$server}[$__rate_interval]))")
        .unit(PanelUnit::Rate),
    ]
}

fn servers() -> Vec<Panel> {
    vec![
        Panel::new(States, "Health checks", "The parts that a server needs to be ready.")
            .promql("{{check}}, {{instance}}", "min by (check, instance) (health_check_ok{$server})")
            .words(&CHECK),
        Panel::new(Rows, "Versions", "Which program runs on which server.")
            .promql("", "sqal_build_info{$server}")
            .columns(
                &[
                    Column::new("instance", "Server"),
                    Column::new("version", "Version"),
                    Column::new("revision", "Revision"),
                ],
                &["__name__", "job", "Value"],
            ),
        Panel::new(Lines, "Memory", "Resident memory of each server. A line needs about 100 MiB.")
            .promql("{{instance}}", "process_resident_memory_bytes{$server}")
            .unit(PanelUnit::Bytes)
            .scale(PanelScale::below(2_147_483_648.0))
            .size(8, 8),
        Panel::new(
            Lines,
            "Free room of the data folder",
            "Share of the file system of the data folder that is free. A server that has none takes no samples.",
        )
        .promql("{{instance}}", "data_dir_free_ratio{$server}")
        .unit(PanelUnit::Share)
        .scale(PanelScale::Falling { critical: 0.05, warning: 0.15 })
        .size(8, 8),
        Panel::new(Lines, "Open files", "Open descriptors of each server: one for each station and client.")
            .promql("{{instance}}", "process_open_fds{$server}")
            .size(8, 8),
    ]
}

/// The median, the 95th and the 99th percentile of a histogram of times.
fn quantiles(title: &'static str, description: &'static str, buckets: &str) -> Panel {
    [("p50", "0.5"), ("p95", "0.95"), ("p99", "0.99")].into_iter().fold(
        Panel::new(Lines, title, description).unit(PanelUnit::Seconds),
        |panel, (name, quantile)| {
            let rates = format!("sum by (le) (rate({buckets}{{$server}}[$__rate_interval]))");
            panel.promql(name, &format!("histogram_quantile({quantile}, {rates})"))
        },
    )
}
