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
