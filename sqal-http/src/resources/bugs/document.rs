//! A bug as clients read it, with its comments, its attachments and its history.

use serde::Serialize;
use serde_json::Value;
use sqal_bugs::Reporter;
use sqal_bugs::change::EntryBody;
use sqal_core::DeviceId;
use sqal_protocol::time::rfc3339;
use sqal_storage::bugs;
use sqal_storage::sealed::Subject;

use crate::route::spelling::Case;

/// The most characters of a description that a list shows.
const LONGEST_LISTED: usize = 1000;

/// A bug as clients read it.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Bug {
    #[cfg_attr(feature = "openapi", schema(format = "uuid"))]
    id: String,
    title: String,
    /// What is wrong; a list has its first 1000 characters.
    description: String,
    severity: &'static str,
    priority: &'static str,
    category: Option<String>,
    status: &'static str,
    tags: Vec<String>,
    /// The person who works on it.
    assignee: Option<String>,
    /// The people who are told of its changes.
    watchers: Vec<String>,
    device_id: Option<String>,
    firmware_version: Option<String>,
    /// The sample that shows it.
    sample_id: Option<String>,
    /// The rollout that it came with.
    rollout: Option<String>,
    /// The profile by which was graded.
    profile: Option<String>,
    /// The bug that reports the same fault.
    duplicate_of: Option<String>,
    /// Bugs that wait for this one.
    blocks: Vec<String>,
    /// Bugs that have to do with this one.
    relates_to: Vec<String>,
    /// `person`, `device`, `page`, `server` or `import`.
    source: &'static str,
    /// The revision: also its `ETag`, for `If-Match`.
    revision: u64,
    /// How often it was taken up again after it had ended.
    reopened: u32,
    created_at: String,
    updated_at: String,
    /// When it became resolved or closed; null while it is neither.
    ended_at: Option<String>,
    /// The equal faults that were grouped into it; null if a person reported it.
    group: Option<FaultGroup>,
}

/// Equal faults that were grouped into one bug.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct FaultGroup {
    count: u64,
    first_seen: String,
    last_seen: String,
    /// How many devices reported one.
    devices: u64,
    /// The devices that reported one, in the order of their bytes, at most 100; only where one bug
    /// is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    device_ids: Option<Vec<String>>,
    /// The version of the firmware in which the fault came back after it had been resolved.
    regressed_in: Option<String>,
    /// When the fault came back after it had been resolved.
    regressed_at: Option<String>,
}

/// A bug with everything that stands beside it.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct BugDetails {
    #[serde(flatten)]
    bug: Bug,
    reproduction_steps: String,
    /// The name of the person who reported it; null for viewers.
    reported_by: Option<String>,
    /// The mail address of the person who reported it; null for viewers.
    reported_by_email: Option<String>,
    /// The subject under which both are sealed, for `sqal erase`; null for viewers.
    reporter_subject: Option<String>,
    /// The oldest 200 comments; internal ones are not shown to viewers.
    comments: Vec<BugComment>,
    attachments: Vec<BugAttachment>,
}

/// A comment as clients read it.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct BugComment {
    id: String,
    comment: String,
    author: String,
    /// Whether engineers and administrators alone may read it.
    is_internal: bool,
    created_at: String,
}

/// An attachment as clients read it.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct BugAttachment {
    id: String,
    file_name: String,
    /// What its content is, as the server found it.
    content_type: String,
    /// The number of bytes.
    size: u64,
    /// The SHA-256 of its content.
    sha256: String,
    attached_by: String,
    attached_at: String,
}

/// A revision of a bug: who changed what, when and why.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct BugRevision {
    revision: u64,
    at: String,
    by: String,
    /// The status before; null for the report.
    from: Option<&'static str>,
    /// The status after.
    to: &'static str,
    /// Why, if a person said so.
    why: Option<String>,
    /// What else happened, for example that the fault came back.
    #[cfg_attr(feature = "openapi", schema(value_type = Value))]
    note: Option<Value>,
    changes: Vec<BugFieldChange>,
}

/// A field of a bug before and after a change.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct BugFieldChange {
    /// The name of the field.
    field: String,
    /// The value before; null if there was none.
    #[cfg_attr(feature = "openapi", schema(value_type = Value))]
    before: Option<Value>,
    /// The value after; null if there is none.
    #[cfg_attr(feature = "openapi", schema(value_type = Value))]
    after: Option<Value>,
}

impl Bug {
    /// A bug with its whole description.
    pub(super) fn of(bug: &bugs::Bug) -> Self {
        let content = &bug.content;
        let links = &content.links;
        Self {
            id: bug.id.to_string(),
            title: content.title.clone(),
            description: content.description.clone(),
            severity: content.severity.as_str(),
            priority: content.priority.as_str(),
            category: text(content.category.as_ref()),
            status: content.status.as_str(),
            tags: texts(&content.tags),
            assignee: text(content.assignee.as_ref()),
            watchers: texts(&content.watchers),
            device_id: text(links.device_id.as_ref()),
            firmware_version: text(links.firmware_version.as_ref()),
            sample_id: text(links.sample_id.as_ref()),
            rollout: text(links.rollout.as_ref()),
            profile: text(links.profile.as_ref()),
            duplicate_of: text(links.duplicate_of.as_ref()),
            blocks: texts(&links.blocks),
            relates_to: texts(&links.relates_to),
            source: bug.source.as_str(),
            revision: bug.revision,
            reopened: bug.reopened,
            created_at: rfc3339(bug.created_at),
            updated_at: rfc3339(bug.updated_at),
            ended_at: bug.ended_at.map(rfc3339),
            group: bug.group.as_ref().map(FaultGroup::of),
        }
    }

    /// A bug of a list, with the beginning of its description.
    pub(super) fn listed(bug: &bugs::Bug) -> Self {
        let mut listed = Self::of(bug);
        if let Some((end, _)) = listed.description.char_indices().nth(LONGEST_LISTED) {
            listed.description.truncate(end);
        }
        listed
    }
}

impl FaultGroup {
    fn of(group: &bugs::BugGroup) -> Self {
        Self {
            count: group.count,
            first_seen: rfc3339(group.first_seen),
            last_seen: rfc3339(group.last_seen),
            devices: group.devices,
            device_ids: None,
            regressed_in: text(group.regressed_in.as_ref()),
            regressed_at: group.regressed_at.map(rfc3339),
        }
    }
}

impl BugDetails {
    /// A bug with what the caller may see beside it. `subject` and `reporter` are `None` if the
    /// caller may not see them. `devices` are the devices that reported one of its equal faults.
    pub(super) fn of(
        bug: &bugs::Bug,
        subject: Option<Subject>,
        reporter: Option<&Reporter>,
        devices: &[DeviceId],
        comments: &[bugs::BugComment],
        attachments: &[bugs::BugAttachment],
    ) -> Self {
        let mut shown = Bug::of(bug);
        if let Some(group) = &mut shown.group {
            group.device_ids = Some(texts(devices));
        }
        Self {
            bug: shown,
            reproduction_steps: bug.content.reproduction_steps.clone(),
            reported_by: reporter.and_then(Reporter::name).map(|name| name.as_str().to_owned()),
            reported_by_email: reporter.and_then(Reporter::mail).map(|mail| mail.as_str().to_owned()),
            reporter_subject: text(subject.as_ref()),
            comments: comments.iter().map(BugComment::of).collect(),
            attachments: attachments.iter().map(BugAttachment::of).collect(),
        }
    }
}

impl BugComment {
    pub(super) fn of(comment: &bugs::BugComment) -> Self {
        Self {
            id: comment.id.to_string(),
            comment: comment.text.clone(),
            author: comment.by.to_string(),
            is_internal: comment.is_internal,
            created_at: rfc3339(comment.at),
        }
    }
}

impl BugAttachment {
    pub(super) fn of(attachment: &bugs::BugAttachment) -> Self {
        Self {
            id: attachment.id.to_string(),
            file_name: attachment.name.to_string(),
            content_type: attachment.media_type.to_string(),
            size: attachment.len,
            sha256: attachment.blob.to_string(),
            attached_by: attachment.by.to_string(),
            attached_at: rfc3339(attachment.at),
        }
    }
}

impl BugRevision {
    /// An entry of the history; names of fields are values here, and are written as keys are.
    pub(super) fn of(entry: &bugs::BugEntry, body: &EntryBody, case: Case) -> Self {
        let change = |change: &sqal_bugs::change::FieldChange| BugFieldChange {
            field: case.name(&change.field),
            before: change.before.clone(),
            after: change.after.clone(),
        };
        Self {
            revision: entry.revision,
            at: rfc3339(entry.at),
            by: entry.by.to_string(),
            from: entry.from.map(bugs::BugStatus::as_str),
            to: entry.to.as_str(),
            why: body.why.clone(),
            note: body.note.as_ref().and_then(|note| serde_json::to_value(note).ok()),
            changes: body.changes.iter().map(change).collect(),
        }
    }
}

fn text<T: ToString>(value: Option<&T>) -> Option<String> {
    value.map(ToString::to_string)
}

fn texts<'a, T: ToString + 'a>(values: impl IntoIterator<Item = &'a T>) -> Vec<String> {
    values.into_iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqal_core::Timestamp;
    use sqal_storage::bugs::{BugContent, BugId, BugLinks, BugPriority, BugSeverity, BugSource, BugStatus};

    #[test]
    fn a_list_shows_the_beginning_of_a_long_description_and_one_bug_all_of_it() {
        let at = Timestamp::from_micros(0).unwrap();
        let bug = bugs::Bug {
            id: BugId::from_random([7; 16]),
            revision: 1,
            source: BugSource::Person,
            reporter: None,
            created_at: at,
            updated_at: at,
            ended_at: None,
            reopened: 0,
            content: BugContent {
                title: "t".to_owned(),
                description: "é".repeat(1001),
                reproduction_steps: String::new(),
                severity: BugSeverity::Low,
                priority: BugPriority::Low,
                category: None,
                status: BugStatus::Open,
                tags: std::collections::BTreeSet::new(),
                assignee: None,
                watchers: std::collections::BTreeSet::new(),
                links: BugLinks::default(),
            },
            group: None,
        };
        assert_eq!(Bug::listed(&bug).description, "é".repeat(1000));
        assert_eq!(Bug::of(&bug).description, bug.content.description);
        let written = serde_json::to_value(BugDetails::of(&bug, None, None, &[], &[], &[])).unwrap();
        assert_eq!(written["created_at"], "1970-01-01T00:00:00Z");
        assert_eq!((&written["reported_by"], &written["group"]), (&Value::Null, &Value::Null));
    }
}
