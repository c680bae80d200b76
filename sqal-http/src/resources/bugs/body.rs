//! The bodies of a new bug and of a change of a bug, as clients write them.

use serde::{Deserialize, Deserializer};
use sqal_bugs::report::MergeValue;
use sqal_bugs::{BugFields, PatchFields};

use super::input::Expected;

/// The fields of a new bug.
const FIELDS: [&str; 20] = [
    "title",
    "description",
    "reproduction_steps",
    "severity",
    "priority",
    "category",
    "status",
    "tags",
    "assignee",
    "watchers",
    "device_id",
    "firmware_version",
    "sample_id",
    "rollout",
    "profile",
    "duplicate_of",
    "blocks",
    "relates_to",
    "reported_by",
    "reported_by_email",
];

/// The fields of a change.
const CHANGED: [&str; 19] = [
    "title",
    "description",
    "reproduction_steps",
    "severity",
    "priority",
    "category",
    "status",
    "tags",
    "assignee",
    "watchers",
    "device_id",
    "firmware_version",
    "sample_id",
    "rollout",
    "profile",
    "duplicate_of",
    "blocks",
    "relates_to",
    "why",
];

/// What the body of a new bug should be.
pub(super) const NEW: Expected = Expected {
    english: "a bug: title, description, severity, priority",
    french: "une anomalie : title, description, severity, priority",
    fields: &FIELDS,
};

/// What the body of a change should be.
pub(super) const CHANGE: Expected = Expected {
    english: "a change of fields of a bug",
    french: "une modification de champs d'une anomalie",
    fields: &CHANGED,
};

/// A new bug. Without `title`, `description`, `severity` or `priority` it is refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a bug: title, description, severity, priority")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct NewBugReport {
    /// What is wrong, in a line.
    #[cfg_attr(feature = "openapi", schema(required, min_length = 1, max_length = 200))]
    title: Option<String>,
    /// What is wrong.
    #[cfg_attr(feature = "openapi", schema(required, min_length = 1, max_length = 20000))]
    description: Option<String>,
    /// How it is seen again.
    #[cfg_attr(feature = "openapi", schema(max_length = 20000))]
    reproduction_steps: Option<String>,
    /// `critical`, `high`, `medium` or `low`.
    #[cfg_attr(feature = "openapi", schema(required, pattern = "^(critical|high|medium|low)$"))]
    severity: Option<String>,
    /// `urgent`, `high`, `medium` or `low`.
    #[cfg_attr(feature = "openapi", schema(required, pattern = "^(urgent|high|medium|low)$"))]
    priority: Option<String>,
    /// The kind of what is wrong: one of those that `…/bugs/fields` lists, or a new one.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 32))]
    category: Option<String>,
    /// `open`, `in_progress`, `resolved` or `closed`; a new bug is open.
    #[cfg_attr(feature = "openapi", schema(pattern = "^(open|in_progress|resolved|closed)$"))]
    status: Option<String>,
    /// Words by which it is found: at most 20.
    tags: Option<Vec<String>>,
    /// The person who works on it.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 100))]
    assignee: Option<String>,
    /// The people who are told of its changes: at most 20.
    watchers: Option<Vec<String>>,
    /// The device that it is about.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 100))]
    device_id: Option<String>,
    /// The version of the firmware.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 32))]
    firmware_version: Option<String>,
    /// The sample that shows it.
    #[cfg_attr(feature = "openapi", schema(format = "uuid"))]
    sample_id: Option<String>,
    /// The rollout that it came with.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 100))]
    rollout: Option<String>,
    /// The profile by which was graded.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 100))]
    profile: Option<String>,
    /// The bug that reports the same fault.
    #[cfg_attr(feature = "openapi", schema(format = "uuid"))]
    duplicate_of: Option<String>,
    /// Bugs that wait for this one: at most 50.
    blocks: Option<Vec<String>>,
    /// Bugs that have to do with this one: at most 50.
    relates_to: Option<Vec<String>>,
    /// The name of the person who reports it; sealed, and shown to engineers and administrators
    /// only.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 200))]
    reported_by: Option<String>,
    /// The mail address of that person; sealed, and shown to engineers and administrators only.
    #[cfg_attr(feature = "openapi", schema(format = "email"))]
    reported_by_email: Option<String>,
}

/// A change of a bug, as a JSON merge patch: what is absent stays, `null` clears.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a change of fields of a bug")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct BugChange {
    /// What is wrong, in a line.
    #[serde(default, deserialize_with = "member")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, min_length = 1, max_length = 200))]
    title: MergeValue<String>,
    /// What is wrong.
    #[serde(default, deserialize_with = "member")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, min_length = 1, max_length = 20000))]
    description: MergeValue<String>,
    /// How it is seen again.
    #[serde(default, deserialize_with = "member")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, max_length = 20000))]
    reproduction_steps: MergeValue<String>,
    /// `critical`, `high`, `medium` or `low`.
    #[serde(default, deserialize_with = "member")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, pattern = "^(critical|high|medium|low)$"))]
    severity: MergeValue<String>,
    /// `urgent`, `high`, `medium` or `low`.
    #[serde(default, deserialize_with = "member")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, pattern = "^(urgent|high|medium|low)$"))]
    priority: MergeValue<String>,
    /// The kind of what is wrong: one of those that `…/bugs/fields` lists, or a new one.
    #[serde(default, deserialize_with = "member")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, min_length = 1, max_length = 32))]
    category: MergeValue<String>,
    /// `open`, `in_progress`, `resolved` or `closed`.
    #[serde(default, deserialize_with = "member")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, pattern = "^(open|in_progress|resolved|closed)$"))]
    status: MergeValue<String>,
    /// Words by which it is found: at most 20.
    #[serde(default, deserialize_with = "member")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<String>>))]
    tags: MergeValue<Vec<String>>,
    /// The person who works on it.
    #[serde(default, deserialize_with = "member")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, min_length = 1, max_length = 100))]
    assignee: MergeValue<String>,
    /// The people who are told of its changes: at most 20.
    #[serde(default, deserialize_with = "member")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<String>>))]
    watchers: MergeValue<Vec<String>>,
    /// The device that it is about.
    #[serde(default, deserialize_with = "member")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, min_length = 1, max_length = 100))]
    device_id: MergeValue<String>,
    /// The version of the firmware.
    #[serde(default, deserialize_with = "member")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, min_length = 1, max_length = 32))]
    firmware_version: MergeValue<String>,
    /// The sample that shows it.
    #[serde(default, deserialize_with = "member")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = "uuid"))]
    sample_id: MergeValue<String>,
    /// The rollout that it came with.
    #[serde(default, deserialize_with = "member")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, min_length = 1, max_length = 100))]
    rollout: MergeValue<String>,
    /// The profile by which was graded.
    #[serde(default, deserialize_with = "member")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, min_length = 1, max_length = 100))]
    profile: MergeValue<String>,
    /// The bug that reports the same fault.
    #[serde(default, deserialize_with = "member")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = "uuid"))]
    duplicate_of: MergeValue<String>,
    /// Bugs that wait for this one: at most 50.
    #[serde(default, deserialize_with = "member")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<String>>))]
    blocks: MergeValue<Vec<String>>,
    /// Bugs that have to do with this one: at most 50.
    #[serde(default, deserialize_with = "member")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<String>>))]
    relates_to: MergeValue<Vec<String>>,
    /// Why: needed to close a bug that was not resolved, and to take up one that had ended.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 500))]
    why: Option<String>,
}

/// A member of a merge patch that is present.
fn member<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<MergeValue<T>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl From<NewBugReport> for BugFields {
    fn from(asked: NewBugReport) -> Self {
        Self {
            title: asked.title,
            description: asked.description,
            reproduction_steps: asked.reproduction_steps,
            severity: asked.severity,
            priority: asked.priority,
            category: asked.category,
            status: asked.status,
            tags: asked.tags,
            assignee: asked.assignee,
            watchers: asked.watchers,
            device_id: asked.device_id,
            firmware_version: asked.firmware_version,
            sample_id: asked.sample_id,
            rollout: asked.rollout,
            profile: asked.profile,
            duplicate_of: asked.duplicate_of,
            blocks: asked.blocks,
            relates_to: asked.relates_to,
            reported_by: asked.reported_by,
            reported_by_email: asked.reported_by_email,
        }
    }
}

impl NewBugReport {
    /// The fields with personal data that the client has sent.
    pub(super) fn personal(&self) -> Vec<&'static str> {
        let fields = [("reported_by", &self.reported_by), ("reported_by_email", &self.reported_by_email)];
        fields.into_iter().filter(|(_, value)| value.is_some()).map(|(field, _)| field).collect()
    }
}

impl From<BugChange> for PatchFields {
    fn from(asked: BugChange) -> Self {
        Self {
            title: asked.title,
            description: asked.description,
            reproduction_steps: asked.reproduction_steps,
            severity: asked.severity,
            priority: asked.priority,
            category: asked.category,
            status: asked.status,
            tags: asked.tags,
            assignee: asked.assignee,
            watchers: asked.watchers,
            device_id: asked.device_id,
            firmware_version: asked.firmware_version,
            sample_id: asked.sample_id,
            rollout: asked.rollout,
            profile: asked.profile,
            duplicate_of: asked.duplicate_of,
            blocks: asked.blocks,
            relates_to: asked.relates_to,
            why: asked.why,
        }
    }
}
