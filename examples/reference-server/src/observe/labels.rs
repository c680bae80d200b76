//! The labels of the inventory, each with its values.

use super::metric::MetricLabel;

pub(super) const METHOD: MetricLabel =
    MetricLabel::known("method", &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"]);
pub(super) const ENDPOINT: MetricLabel =
    MetricLabel::described("endpoint", "the template of the path, such as `/api/v1/samples/{id}`, or `unknown`");
pub(super) const STATUS: MetricLabel = MetricLabel::described("status", "the HTTP status");
pub(super) const ROUTE: MetricLabel = MetricLabel::described("endpoint", "the template of the path");
pub(super) const PLACE: MetricLabel = MetricLabel::described(
    "endpoint",
    "the template of the path, or `keyed request`, `batch`, `replay` for what runs in a task of its own",
);
pub(super) const RESOURCE: MetricLabel = MetricLabel::known(
    "kind",
    &["connections", "websockets", "message_bytes", "body_bytes", "batches", "event_streams", "answer_bytes"],
);
pub(super) const REFUSED: MetricLabel = MetricLabel::known(
    "kind",
    &[
        "connections",
        "websockets",
        "message_bytes",
        "body_bytes",
        "batches",
        "event_streams",
        "answer_bytes",
        "messages",
        "message_time",
        "heads",
    ],
);
pub(super) const LINE: MetricLabel = MetricLabel::known("kind", &["frame rejected", "connection refused"]);
pub(super) const GRADE: MetricLabel = MetricLabel::known("grade", &["A+", "A", "B", "C", "REJECT"]);
pub(super) const CACHE: MetricLabel =
    MetricLabel::known("cache_type", &["latest_sample", "dashboard_metrics", "device_stats", "hourly_aggregates"]);
pub(super) const OPERATION: MetricLabel = MetricLabel::known("operation", &["get", "set", "clear"]);
pub(super) const QUERY: MetricLabel = MetricLabel::known("query_type", &["select", "insert"]);
pub(super) const POOL: MetricLabel = MetricLabel::known("pool", &["readers", "writers"]);
pub(super) const BREAKER: MetricLabel = MetricLabel::described(
    "name",
    "`database` (writing), `database_reads`, with `REDIS_URL` `cache_dashboard`, `cache_devices`, `cache_hours`, and of \
     messages that leave `notice`, `webhook`",
);
pub(super) const JOB: MetricLabel = MetricLabel::described("kind", "the kind of the jobs");
pub(super) const RUN: MetricLabel =
    MetricLabel::known("outcome", &["succeeded", "failed", "again", "returned", "lost"]);
pub(super) const STATE: MetricLabel =
    MetricLabel::known("state", &["enqueued", "running", "succeeded", "failed", "canceled"]);
pub(super) const SCHEDULE: MetricLabel = MetricLabel::described("schedule", "the name of the schedule");
pub(super) const DUE: MetricLabel = MetricLabel::known("outcome", &["enqueued", "missed", "paused"]);
pub(super) const CHANNEL: MetricLabel = MetricLabel::known("channel", &["mail", "webhook", "notice"]);
pub(super) const MESSAGE: MetricLabel =
    MetricLabel::known("outcome", &["queued", "collected", "repeated", "delivered", "retried", "failed"]);
pub(super) const DROPPED: MetricLabel =
    MetricLabel::known("reason", &["queue_full", "undelivered", "refused", "shutdown", "rate"]);
pub(super) const DEVICE: MetricLabel = MetricLabel::described("device", "the device of the station");
pub(super) const CAUSE: MetricLabel = MetricLabel::known(
    "cause",
    &[
        "sensor_blind",
        "bus_errors",
        "window_dirty",
        "window_filmed",
        "floor_moved",
        "lamp_fading",
        "clock_wrong",
        "sensors_disagree",
        "product_changed",
    ],
);
pub(super) const SEVERITY: MetricLabel = MetricLabel::known("severity", &["warning", "critical"]);
pub(super) const BUG_SEVERITY: MetricLabel = MetricLabel::known("severity", &["critical", "high", "medium", "low"]);
pub(super) const BUG_SOURCE: MetricLabel =
    MetricLabel::known("source", &["person", "device", "page", "server", "import"]);
pub(super) const FAULT_ITEM: MetricLabel = MetricLabel::known(
    "kind",
    &["event", "transaction", "session", "attachment", "client_report", "check_in", "other"],
);
pub(super) const FAULT_DROP: MetricLabel = MetricLabel::known(
    "reason",
    &["groups", "refused", "devices", "files", "large_file", "memory", "alone", "content"],
);
pub(super) const CHECK: MetricLabel = MetricLabel::described("check", "the name of the part, as `/health` shows it");
pub(super) const CRITICAL: MetricLabel = MetricLabel::known("critical", &["true", "false"]);
pub(super) const CALLED: MetricLabel = MetricLabel::known("destination", &["notice", "webhook"]);
pub(super) const CALLED_BREAKER: MetricLabel = MetricLabel::known("name", &["notice", "webhook"]);
pub(super) const PASSED: MetricLabel =
    MetricLabel::known("outcome", &["success", "failure", "ignored", "rejected", "abandoned"]);
pub(super) const CALL: MetricLabel = MetricLabel::known(
    "outcome",
    &[
        "2xx",
        "3xx",
        "4xx",
        "5xx",
        "address_refused",
        "rejected",
        "timed_out",
        "not_sent",
        "untrusted",
        "broken",
        "too_large",
        "invalid",
        "abandoned",
    ],
);
pub(super) const VERSION: MetricLabel = MetricLabel::described("version", "the version of the server");
pub(super) const REVISION: MetricLabel =
    MetricLabel::described("revision", "`SQAL_REVISION` at the time of the build, or `unknown`");
