//! How a bug, and what stands beside it, is written to a row and read back.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;

use sqal_core::{Name, SampleId};

use crate::blobs::BlobId;
use crate::bugs::{
    Bug, BugAttachment, BugComment, BugContent, BugEntry, BugGroup, BugId, BugLinks, BugStatus, InvalidBugWord,
    InvalidGroupKey,
};
use crate::sql::row::{Row, Value};

/// The texts of a bug's row that the bug itself does not hold.
#[derive(Debug)]
pub(super) struct Written {
    id: String,
    pub(super) tags: String,
    watchers: String,
    sample_id: Option<String>,
    duplicate_of: Option<String>,
    blocks: String,
    relates_to: String,
    group_key: Option<String>,
}

/// Texts as a JSON array.
pub(super) fn json<T: serde::Serialize>(values: &[T]) -> String {
    // Numbers and texts: JSON writes every one of them.
    serde_json::to_string(values).unwrap_or_default()
}

fn names<const N: usize>(names: &BTreeSet<Name<N>>) -> String {
    json(&names.iter().map(Name::as_str).collect::<Vec<_>>())
}

fn ids(ids: &BTreeSet<BugId>) -> String {
    json(&ids.iter().map(BugId::to_string).collect::<Vec<_>>())
}

impl Written {
    pub(super) fn of(bug: &Bug) -> Self {
        let BugContent { tags, watchers, links, .. } = &bug.content;
        Self {
            id: bug.id.to_string(),
            tags: names(tags),
            watchers: names(watchers),
            sample_id: links.sample_id.as_ref().map(SampleId::to_string),
            duplicate_of: links.duplicate_of.as_ref().map(BugId::to_string),
            blocks: ids(&links.blocks),
            relates_to: ids(&links.relates_to),
            group_key: bug.group.as_ref().map(|group| group.key.to_string()),
        }
    }

    /// The values of a change.
    pub(super) fn of_change<'v>(&'v self, bug: &'v Bug) -> Vec<Value<'v>> {
        let content = &bug.content;
        let links = &content.links;
        let group = bug.group.as_ref();
        let regressed_in = group.and_then(|group| group.regressed_in.as_ref());
        vec![
            self.id.as_str().into(),
            bug.revision.into(),
            Value::Time(bug.updated_at),
            Value::MaybeTime(bug.ended_at),
            u64::from(bug.reopened).into(),
            content.title.as_str().into(),
            content.description.as_str().into(),
            content.reproduction_steps.as_str().into(),
            content.severity.as_str().into(),
            content.priority.as_str().into(),
            (&content.category).into(),
            content.status.as_str().into(),
            self.tags.as_str().into(),
            (&content.assignee).into(),
            self.watchers.as_str().into(),
            (&links.device_id).into(),
            (&links.firmware_version).into(),
            Value::Text(self.sample_id.as_deref()),
            (&links.rollout).into(),
            (&links.profile).into(),
            Value::Text(self.duplicate_of.as_deref()),
            self.blocks.as_str().into(),
            self.relates_to.as_str().into(),
            Value::Text(regressed_in.map(Name::as_str)),
            Value::MaybeTime(group.and_then(|group| group.regressed_at)),
        ]
    }

    /// The values of a new bug.
    pub(super) fn of_new<'v>(&'v self, bug: &'v Bug) -> Vec<Value<'v>> {
        let group = bug.group.as_ref();
        let new: [Value<'v>; 8] = [
            bug.source.as_str().into(),
            (&bug.reporter).into(),
            Value::Time(bug.created_at),
            Value::Text(self.group_key.as_deref()),
            group.map(|group| group.count).into(),
            Value::MaybeTime(group.map(|group| group.first_seen)),
            Value::MaybeTime(group.map(|group| group.last_seen)),
            group.map(|group| group.devices).into(),
        ];
        [self.of_change(bug).as_slice(), new.as_slice()].concat()
    }
}

/// One of the words of a bug.
fn word<T: FromStr<Err = InvalidBugWord>>(row: &mut Row, column: &str) -> Result<T, String> {
    row.text(column)?.parse().map_err(|error| format!("{column}: {error}"))
}

/// The status before a change; NULL before the report.
pub(super) fn status_before(row: &mut Row) -> Result<Option<BugStatus>, String> {
    let parse = |text: String| text.parse::<BugStatus>().map_err(|error| format!("status_before: {error}"));
    row.optional_text("status_before")?.map(parse).transpose()
}

/// The status after a change.
pub(super) fn status_after(row: &mut Row) -> Result<BugStatus, String> {
    word(row, "status_after")
}

fn to_id<T: FromStr<Err: Display>>(text: &str, column: &str) -> Result<T, String> {
    text.parse().map_err(|error| format!("{column}: {error}"))
}

/// The id in a column.
pub(super) fn id(row: &mut Row, column: &str) -> Result<BugId, String> {
    to_id(&row.text(column)?, column)
}

/// The id of a bug or of a sample in a column, if there is one.
fn optional_id<T: FromStr<Err: Display>>(row: &mut Row, column: &str) -> Result<Option<T>, String> {
    row.optional_text(column)?.map(|text| to_id(&text, column)).transpose()
}

/// A set, from its JSON array.
fn set<T: Ord>(
    row: &mut Row,
    column: &str,
    to: impl Fn(&str, &str) -> Result<T, String>,
) -> Result<BTreeSet<T>, String> {
    let texts: Vec<String> = serde_json::from_str(&row.text(column)?).map_err(|error| format!("{column}: {error}"))?;
    texts.iter().map(|text| to(text, column)).collect()
}

fn to_name<const N: usize>(text: &str, column: &str) -> Result<Name<N>, String> {
    Name::stored(text).map_err(|error| format!("{column} {error}"))
}

fn group(row: &mut Row) -> Result<Option<BugGroup>, String> {
    let Some(key) = row.optional_text("group_key")? else { return Ok(None) };
    Ok(Some(BugGroup {
        key: key.parse().map_err(|error: InvalidGroupKey| format!("group_key: {error}"))?,
        count: row.unsigned("occurrences")?,
        first_seen: row.time("first_seen")?,
        last_seen: row.time("last_seen")?,
        devices: row.unsigned("devices")?,
        regressed_in: row.optional_name("regressed_in")?,
        regressed_at: row.optional_time("regressed_at")?,
    }))
}

/// The bug of a row with the columns of a bug.
pub(super) fn to_bug(mut row: Row) -> Result<Bug, String> {
    let row = &mut row;
    // A row is read in the order of its columns, which is that of these lines.
    let (id, revision, source) = (id(row, "id")?, row.unsigned("revision")?, word(row, "source")?);
    let (reporter, created_at) = (row.optional_name("reporter")?, row.time("created_at")?);
    let (updated_at, ended_at) = (row.time("updated_at")?, row.optional_time("resolved_at")?);
    let reopened = row.unsigned("reopened")?;
    let content = BugContent {
        title: row.text("title")?,
        description: row.text("description")?,
        reproduction_steps: row.text("reproduction_steps")?,
        severity: word(row, "severity")?,
        priority: word(row, "priority")?,
        category: row.optional_name("category")?,
        status: word(row, "status")?,
        tags: set(row, "tags", to_name)?,
        assignee: row.optional_name("assignee")?,
        watchers: set(row, "watchers", to_name)?,
        links: BugLinks {
            device_id: row.optional_name("device_id")?,
            firmware_version: row.optional_name("firmware_version")?,
            sample_id: optional_id(row, "sample_id")?,
            rollout: row.optional_name("rollout")?,
            profile: row.optional_name("profile")?,
            duplicate_of: optional_id(row, "duplicate_of")?,
            blocks: set(row, "blocks", to_id)?,
            relates_to: set(row, "relates_to", to_id)?,
        },
    };
    let group = group(row)?;
    Ok(Bug { id, revision, source, reporter, created_at, updated_at, ended_at, reopened, content, group })
}

/// The entry of a row.
pub(super) fn to_entry(mut row: Row) -> Result<BugEntry, String> {
    Ok(BugEntry {
        bug: id(&mut row, "bug_id")?,
        revision: row.unsigned("revision")?,
        at: row.time("changed_at")?,
        by: row.name("author")?,
        from: status_before(&mut row)?,
        to: status_after(&mut row)?,
        body: row.text("body")?,
    })
}

/// The comment of a row.
pub(super) fn to_comment(mut row: Row) -> Result<BugComment, String> {
    Ok(BugComment {
        id: id(&mut row, "id")?,
        bug: id(&mut row, "bug_id")?,
        at: row.time("created_at")?,
        by: row.name("author")?,
        is_internal: row.int("is_internal")? != 0,
        text: row.text("comment")?,
    })
}

/// The attachment of a row.
pub(super) fn to_attachment(mut row: Row) -> Result<BugAttachment, String> {
    Ok(BugAttachment {
        id: id(&mut row, "id")?,
        bug: id(&mut row, "bug_id")?,
        at: row.time("created_at")?,
        by: row.name("author")?,
        name: row.name("name")?,
        media_type: row.name("media_type")?,
        len: row.unsigned("bytes")?,
        blob: BlobId::from_bytes(row.fixed("blob")?),
    })
}
