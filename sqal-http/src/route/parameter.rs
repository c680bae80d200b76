//! The parameters that routes have in their path, their query and their header.

use serde_json::{Value, json};

use crate::door::kinds::KINDS;

/// A parameter of a route.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "openapi"), allow(dead_code, reason = "only the description reads it"))]
pub(crate) struct Parameter {
    /// The name of the parameter.
    pub(crate) name: &'static str,
    /// `path`, `query` or `header`.
    pub(crate) place: &'static str,
    /// What the parameter means.
    pub(crate) meaning: &'static str,
    /// The values that it may have, as a JSON schema.
    pub(crate) schema: fn() -> Value,
}

const fn parameter(name: &'static str, place: &'static str, meaning: &'static str, schema: fn() -> Value) -> Parameter {
    Parameter { name, place, meaning, schema }
}

/// The characters that `sqal_core::Name` accepts. A schema cannot express its limit in bytes.
const PRINTABLE: &str = r"^[^\u0000-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+$";

fn device() -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": 100, "pattern": PRINTABLE })
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

pub(crate) const DEVICE_IN_QUERY: Parameter =
    parameter("device_id", "query", "Only items of this device: 1 to 100 bytes of printable text", device);

pub(crate) const DEVICE_IN_PATH: Parameter = parameter("device_id", "path", "The device", device);

pub(crate) const LIMIT: Parameter = parameter(
    "limit",
    "query",
    "The largest number of items in the answer",
    || json!({ "type": "integer", "minimum": 1, "maximum": 500, "default": 50 }),
);

pub(crate) const LIMIT_OF_LETTERS: Parameter = parameter(
    "limit",
    "query",
    "The largest number of items in the answer",
    || json!({ "type": "integer", "minimum": 1, "maximum": 1000, "default": 50 }),
);

pub(crate) const PROFILE: Parameter = parameter(
    "name",
    "path",
    "The profile's name",
    || json!({ "type": "string", "minLength": 1, "maxLength": 64, "pattern": PRINTABLE }),
);

pub(crate) const SCHEDULE: Parameter = parameter(
    "name",
    "path",
    "The schedule's name",
    || json!({ "type": "string", "minLength": 1, "maxLength": 64, "pattern": PRINTABLE }),
);

pub(crate) const BEFORE: Parameter = parameter(
    "before",
    "query",
    "Only items with a smaller number",
    || json!({ "type": "integer", "minimum": 1, "maximum": u32::MAX }),
);

pub(crate) const JOB: Parameter =
    parameter("id", "path", "The job's id", || json!({ "type": "string", "pattern": "^[0-9a-f]{16}-[0-9]+$" }));

pub(crate) const IF_MATCH: Parameter = parameter(
    "If-Match",
    "header",
    "The ETag of the profile that this one replaces",
    || json!({ "type": "string", "pattern": "^(\\*|\"[0-9a-f]{32}\")$" }),
);

pub(crate) const IF_NONE_MATCH: Parameter =
    parameter("If-None-Match", "header", "For a new name", || json!({ "const": "*" }));

pub(crate) const KNOWN: Parameter =
    parameter("If-None-Match", "header", "The ETag of the known content: 304 if it has not changed", text);

#[cfg(feature = "openapi")]
pub(crate) const IDEMPOTENCY_KEY: Parameter = parameter(
    "Idempotency-Key",
    "header",
    "Identifies a request: repetitions with the same key are not executed again and get the same answer for a day",
    || json!({ "type": "string", "pattern": "^(\"[!#-+.-\\[\\]-~-]{1,255}\"|[!#-+.-\\[\\]-~-]{1,255})$" }),
);

pub(crate) const LAST_EVENT_ID: Parameter = parameter(
    "Last-Event-ID",
    "header",
    "The id of the last event that was received: events since then are sent first",
    text,
);

pub(crate) const AFTER: Parameter = parameter(
    "after",
    "query",
    "The `next` of an earlier page",
    || json!({ "type": "string", "pattern": "^[0-9a-f]{48}$" }),
);

pub(crate) const FROM: Parameter = parameter(
    "from",
    "query",
    "The first hour: the one that this time lies in; without it 24 hours before `until`",
    time,
);

pub(crate) const UNTIL: Parameter = parameter(
    "until",
    "query",
    "The hour after the last, at most 10 000 after the first; without it the end of the present hour",
    time,
);

pub(crate) const PROBLEM: Parameter = parameter(
    "name",
    "path",
    "The last part of a problem's type",
    || json!({ "enum": KINDS.map(|kind| kind.name).as_slice() }),
);

pub(crate) const SAMPLE: Parameter =
    parameter("id", "path", "The sample's id", || json!({ "type": "string", "format": "uuid" }));

/// The parameters of alerts, silences and stations.
#[cfg(feature = "alerts")]
pub(crate) mod of_alerts {
    use serde_json::json;

    use super::{Parameter, device, parameter};

    pub(crate) const ALERT: Parameter =
        parameter("key", "path", "The alert's key", || json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" }));

    pub(crate) const ALERT_STATE: Parameter = parameter(
        "state",
        "query",
        "Only alerts that are open, or that have ended",
        || json!({ "enum": ["open", "ended", "all"], "default": "open" }),
    );

    pub(crate) const SEVERITY: Parameter =
        parameter("severity", "query", "Only alerts of this severity", || json!({ "enum": ["warning", "critical"] }));

    pub(crate) const RULE: Parameter = parameter(
        "rule",
        "query",
        "Only alerts of this rule: the value of `alertname`",
        || json!({ "type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]{0,63}$" }),
    );

    pub(crate) const AFTER_ALERT: Parameter = parameter(
        "after",
        "query",
        "The `next` of an earlier page",
        || json!({ "type": "string", "pattern": "^[0-9a-f]{16}-[0-9a-f]{64}$" }),
    );

    pub(crate) const SILENCE: Parameter =
        parameter("id", "path", "The silence's id", || json!({ "type": "string", "pattern": "^[0-9a-f]{32}$" }));

    pub(crate) const AFTER_STATION: Parameter = parameter("after", "query", "The `next` of an earlier page", device);

    pub(crate) const BEFORE_SAMPLE: Parameter = parameter(
        "before",
        "query",
        "The `next` of an earlier page",
        || json!({ "type": "string", "pattern": "^[0-9a-f]{48}$" }),
    );
}

/// The parameters of bugs.
#[cfg(feature = "bugs")]
pub(crate) mod of_bugs {
    use serde_json::{Value, json};
    use sqal_storage::bugs::{BugPriority, BugSeverity, BugStatus, MOST_SKIPPED};

    use super::{Parameter, device, parameter, time};

    fn uuid() -> Value {
        json!({ "type": "string", "format": "uuid" })
    }

    fn at_most(bytes: u32) -> Value {
        json!({ "type": "string", "minLength": 1, "maxLength": bytes, "pattern": super::PRINTABLE })
    }

    pub(crate) const BUG: Parameter = parameter("bug_id", "path", "The bug's id", uuid);

    pub(crate) const ATTACHMENT: Parameter = parameter("attachment", "path", "The attachment's id", uuid);

    pub(crate) const PROJECT: Parameter = parameter(
        "project",
        "path",
        "The number of the project, as its DSN has it",
        || json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX }),
    );

    pub(crate) const SENTRY_KEY: Parameter = parameter(
        "sentry_key",
        "query",
        "The public key of the DSN, unless X-Sentry-Auth or the header of the envelope has it",
        || json!({ "type": "string", "minLength": 1, "maxLength": 128 }),
    );

    pub(crate) const SENTRY_AUTH: Parameter = parameter(
        "X-Sentry-Auth",
        "header",
        "The public key of the DSN: `Sentry sentry_key=…`",
        || json!({ "type": "string", "pattern": "^[Ss]entry .*sentry_key=.+" }),
    );

    pub(crate) const IF_MATCH_BUG: Parameter = parameter(
        "If-Match",
        "header",
        "The ETag of the bug that was read: 412 if it has changed since",
        || json!({ "type": "string", "pattern": "^(\\*|\"[0-9]+\")$" }),
    );

    pub(crate) const FILE_NAME: Parameter = parameter(
        "name",
        "query",
        "The name of the file, if the body is the file itself",
        || json!({ "type": "string", "minLength": 1, "maxLength": 200 }),
    );

    pub(crate) const DAYS: Parameter = parameter(
        "days",
        "query",
        "How many days, of which the last is today",
        || json!({ "type": "integer", "minimum": 1, "maximum": 366, "default": 30 }),
    );

    const SKIP: Parameter = parameter(
        "skip",
        "query",
        "How many items, in the order, are passed over",
        || json!({ "type": "integer", "minimum": 0, "maximum": MOST_SKIPPED, "default": 0 }),
    );

    const LIMIT: Parameter = parameter(
        "limit",
        "query",
        "The largest number of items in the answer",
        || json!({ "type": "integer", "minimum": 1, "maximum": 200, "default": 50 }),
    );

    const AFTER_REVISION: Parameter = parameter(
        "after",
        "query",
        "Only entries with a larger revision",
        || json!({ "type": "integer", "minimum": 0, "default": 0 }),
    );

    const STATUS: Parameter = parameter(
        "status",
        "query",
        "Only bugs with this status",
        || json!({ "enum": BugStatus::ALL.map(BugStatus::as_str) }),
    );

    const SEVERITY: Parameter = parameter(
        "severity",
        "query",
        "Only bugs of this severity",
        || json!({ "enum": BugSeverity::ALL.map(BugSeverity::as_str) }),
    );

    const PRIORITY: Parameter = parameter(
        "priority",
        "query",
        "Only bugs of this priority",
        || json!({ "enum": BugPriority::ALL.map(BugPriority::as_str) }),
    );

    const CATEGORY: Parameter = parameter("category", "query", "Only bugs of this category", || at_most(32));

    const ASSIGNEE: Parameter = parameter("assignee", "query", "Only bugs on which this person works", || at_most(100));

    const TAG: Parameter = parameter("tag", "query", "Only bugs with this tag", || at_most(64));

    const WORDS: Parameter = parameter(
        "q",
        "query",
        "Only bugs with all of these words in their title, description, steps or tags",
        || json!({ "type": "string", "minLength": 1, "maxLength": 200 }),
    );

    const IN_DEVICE: &str = "Only bugs of this device";
    const IN_FIRMWARE: &str = "Only bugs of this version of the firmware";
    const IN_FROM: &str = "Only bugs that were reported at this time or later";
    const IN_UNTIL: &str = "Only bugs that were reported before this time";
    const IN_ORDER: &str = "The order; with `-` the latest, the worst or the soonest first";

    /// The parameters of a list, in `snake_case`.
    pub(crate) const LISTED: &[Parameter] = &[
        STATUS,
        SEVERITY,
        CATEGORY,
        PRIORITY,
        parameter("device_id", "query", IN_DEVICE, device),
        parameter("firmware_version", "query", IN_FIRMWARE, || at_most(32)),
        ASSIGNEE,
        TAG,
        WORDS,
        parameter("created_from", "query", IN_FROM, time),
        parameter("created_until", "query", IN_UNTIL, time),
        parameter("sort", "query", IN_ORDER, || {
            let words = ["-created_at", "created_at", "-updated_at", "updated_at"];
            let rest = ["-severity", "severity", "-priority", "priority"];
            json!({ "enum": ([words, rest].concat()), "default": "-created_at" })
        }),
        SKIP,
        LIMIT,
    ];

    /// The parameters of a list, in camelCase.
    pub(crate) const CAMEL_LISTED: &[Parameter] = &[
        STATUS,
        SEVERITY,
        CATEGORY,
        PRIORITY,
        parameter("deviceId", "query", IN_DEVICE, device),
        parameter("firmwareVersion", "query", IN_FIRMWARE, || at_most(32)),
        ASSIGNEE,
        TAG,
        WORDS,
        parameter("createdFrom", "query", IN_FROM, time),
        parameter("createdUntil", "query", IN_UNTIL, time),
        parameter("sort", "query", IN_ORDER, || {
            let words = ["-createdAt", "createdAt", "-updatedAt", "updatedAt"];
            let rest = ["-severity", "severity", "-priority", "priority"];
            json!({ "enum": ([words, rest].concat()), "default": "-createdAt" })
        }),
        SKIP,
        LIMIT,
    ];

    /// The parameters of the comments of a bug.
    pub(crate) const COMMENTS: &[Parameter] = &[BUG, SKIP, LIMIT];

    /// The parameters of the history of a bug.
    pub(crate) const HISTORY: &[Parameter] = &[BUG, AFTER_REVISION, LIMIT];
}
