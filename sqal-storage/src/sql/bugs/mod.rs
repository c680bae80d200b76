//! [`Bugs`] over SQL, for both engines.

mod list;
mod marks;
mod metrics;
mod rows;
mod schema;
mod statements;

use std::collections::BTreeSet;
use std::ops::Range;

use async_trait::async_trait;
use sqal_core::{DeviceId, Name, Timestamp};

use super::row::Value;
use super::store::{Sql, SqlRunner, SqlStore, SqlTransaction};
use crate::blobs::BlobId;
use crate::bugs::{
    AddedBug, BesideId, Bug, BugAttachment, BugCategory, BugComment, BugContent, BugDay, BugEntry, BugId, BugPage,
    BugQuery, BugStatus, BugSummary, Bugs, GroupKey, MOST_BUG_DAYS, Occurrences,
};
use crate::{StorageError, StorageErrorKind};
use metrics::{Additions, given_days, slot_begins, to_days, to_summary};
use rows::{Written, json, to_attachment, to_bug, to_comment, to_entry};

#[cfg(feature = "postgres")]
pub(crate) use schema::BUGS_IN_POSTGRES;
#[cfg(feature = "sqlite")]
pub(crate) use schema::BUGS_IN_SQLITE;
pub(crate) use schema::NAMES_WITHOUT_PREFIX;

const fn refused<S: SqlStore>() -> StorageError {
    StorageError::new(S::ENGINE.backend(), StorageErrorKind::Refused)
}

/// The words by which a bug is found, in their order.
fn words_of(content: &BugContent) -> BTreeSet<String> {
    content.words().into_iter().collect()
}

/// Adds the words of a bug, in their order.
async fn add_words(runner: &mut dyn SqlRunner, id: &str, words: &BTreeSet<String>) -> Result<(), StorageError> {
    if !words.is_empty() {
        let given = json(&words.iter().collect::<Vec<_>>());
        runner.run(statements::ADD_WORDS, &[id.into(), given.as_str().into()]).await?;
    }
    Ok(())
}

/// Adds an entry to the history of its bug.
async fn add_entry(runner: &mut dyn SqlRunner, id: &str, entry: &BugEntry) -> Result<(), StorageError> {
    let values: [Value<'_>; 7] = [
        id.into(),
        entry.revision.into(),
        Value::Time(entry.at),
        (&entry.by).into(),
        Value::Text(entry.from.map(BugStatus::as_str)),
        entry.to.as_str().into(),
        entry.body.as_str().into(),
    ];
    runner.run(statements::ADD_ENTRY, &values).await?;
    Ok(())
}

/// Replaces the tags and the words of a bug where they differ.
async fn change_words(
    runner: &mut dyn SqlRunner,
    id: &str,
    (before, after): (&BugContent, &BugContent),
    tags: &str,
) -> Result<(), StorageError> {
    if before.tags != after.tags {
        runner.run(statements::UNTAG, &[id.into()]).await?;
        runner.run(statements::TAG, &[id.into(), tags.into()]).await?;
    }
    let words = words_of(after);
    if words_of(before) != words {
        runner.run(statements::FORGET_WORDS, &[id.into()]).await?;
        add_words(runner, id, &words).await?;
    }
    Ok(())
}

/// The bug that a statement of one row finds.
async fn one<S: SqlStore>(store: &S, statement: Sql, value: &str) -> Result<Option<Bug>, StorageError> {
    Ok(S::ENGINE.each(store.read(statement, &[value.into()]).await?, to_bug)?.pop())
}

/// What is there instead of a bug that was not added.
async fn known<S: SqlStore>(runner: &mut dyn SqlRunner, bug: &Bug) -> Result<AddedBug, StorageError> {
    let id = bug.id.to_string();
    if !runner.run(statements::TO_ADD_TO, &[id.as_str().into()]).await?.is_empty() {
        return Ok(AddedBug::Known);
    }
    if let Some(group) = &bug.group {
        let key = group.key.to_string();
        let found = runner.run(statements::TO_COUNT, &[key.as_str().into()]).await?;
        let taken_by = S::ENGINE.each(found, |mut row| rows::id(&mut row, "id"))?.pop();
        if let Some(taken_by) = taken_by {
            return Ok(AddedBug::GroupTaken(taken_by));
        }
    }
    // It was removed between the two statements: the caller may try again.
    Err(StorageError::new(S::ENGINE.backend(), StorageErrorKind::Busy))
}

/// Begins a transaction that adds something to a bug; `None` if the bug is not there.
async fn begin_at<'a, S: SqlStore>(
    store: &'a S,
    id: &str,
) -> Result<Option<Box<dyn SqlTransaction + 'a>>, StorageError> {
    let mut transaction = store.begin().await?;
    if transaction.run(statements::TO_ADD_TO, &[id.into()]).await?.is_empty() {
        transaction.commit().await?;
        return Ok(None);
    }
    Ok(Some(transaction))
}

/// Adds devices to a bug, and returns how many of them are new.
async fn add_devices(runner: &mut dyn SqlRunner, id: &str, devices: &BTreeSet<DeviceId>) -> Result<u64, StorageError> {
    if devices.is_empty() {
        return Ok(0);
    }
    let given = json(&devices.iter().map(Name::as_str).collect::<Vec<_>>());
    let added = runner.run(statements::ADD_DEVICES, &[id.into(), given.as_str().into()]).await?;
    Ok(added.len() as u64)
}

#[async_trait]
impl<S: SqlStore> Bugs for S {
    async fn add_bug(&self, bug: &Bug, entry: &BugEntry) -> Result<AddedBug, StorageError> {
        entry.check_with(bug, S::ENGINE.backend())?;
        entry.check_after(None, S::ENGINE.backend())?;
        if bug.revision != 1 {
            return Err(refused::<S>());
        }
        let (written, id) = (Written::of(bug), bug.id.to_string());
        let mut transaction = self.begin().await?;
        if transaction.run(statements::ADD, &written.of_new(bug)).await?.is_empty() {
            let known = known::<S>(&mut *transaction, bug).await?;
            transaction.commit().await?;
            return Ok(known);
        }
        if !bug.content.tags.is_empty() {
            transaction.run(statements::TAG, &[id.as_str().into(), written.tags.as_str().into()]).await?;
        }
        add_words(&mut *transaction, &id, &words_of(&bug.content)).await?;
        add_entry(&mut *transaction, &id, entry).await?;
        let mut additions = Additions::default();
        additions.bug(bug, bug.created_at, 1);
        additions.report(bug.created_at, 1);
        additions.step(entry.step(), entry.at, 1);
        additions.write(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(AddedBug::New)
    }

    async fn bug(&self, id: &BugId) -> Result<Option<Bug>, StorageError> {
        one(self, statements::ONE, &id.to_string()).await
    }

    async fn bug_of_group(&self, key: &GroupKey) -> Result<Option<Bug>, StorageError> {
        one(self, statements::OF_GROUP, &key.to_string()).await
    }

    async fn change_bug(&self, bug: &Bug, entry: &BugEntry) -> Result<bool, StorageError> {
        entry.check_with(bug, S::ENGINE.backend())?;
        let (written, id) = (Written::of(bug), bug.id.to_string());
        let mut transaction = self.begin().await?;
        let found = transaction.run(statements::TO_CHANGE, &[id.as_str().into(), bug.revision.into()]).await?;
        let Some(before) = S::ENGINE.each(found, to_bug)?.pop() else {
            transaction.commit().await?;
            return Ok(false);
        };
        if let Err(error) = entry.check_after(Some(before.content.status), S::ENGINE.backend()) {
            // Nothing was changed: a commit keeps the connection.
            transaction.commit().await?;
            return Err(error);
        }
        if transaction.run(statements::CHANGE, &written.of_change(bug)).await?.is_empty() {
            transaction.commit().await?;
            return Ok(false);
        }
        change_words(&mut *transaction, &id, (&before.content, &bug.content), &written.tags).await?;
        add_entry(&mut *transaction, &id, entry).await?;
        let mut additions = Additions::default();
        additions.bug(&before, before.created_at, -1);
        additions.bug(bug, before.created_at, 1);
        additions.step(entry.step(), entry.at, 1);
        additions.write(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(true)
    }

    async fn count_occurrences(&self, key: &GroupKey, seen: &Occurrences) -> Result<Option<Bug>, StorageError> {
        let key = key.to_string();
        let mut transaction = self.begin().await?;
        let found = transaction.run(statements::TO_COUNT, &[key.as_str().into()]).await?;
        let Some(id) = S::ENGINE.each(found, |mut row| row.text("id"))?.pop() else {
            transaction.commit().await?;
            return Ok(None);
        };
        let devices = add_devices(&mut *transaction, &id, &seen.devices).await?;
        let values: [Value<'_>; 5] =
            [id.as_str().into(), seen.count.into(), Value::Time(seen.first), Value::Time(seen.last), devices.into()];
        let rows = transaction.run(statements::COUNT, &values).await?;
        let counted = S::ENGINE.each(rows, to_bug)?.pop();
        transaction.commit().await?;
        Ok(counted)
    }

    async fn bug_devices(&self, id: &BugId, limit: u16) -> Result<Vec<DeviceId>, StorageError> {
        let id = id.to_string();
        let rows = self.read(statements::DEVICES, &[id.as_str().into(), limit.into()]).await?;
        S::ENGINE.each(rows, |mut row| row.name("device_id"))
    }

    async fn bug_entries(&self, id: &BugId, after: u64, limit: u16) -> Result<Vec<BugEntry>, StorageError> {
        let id = id.to_string();
        let values = [id.as_str().into(), after.into(), limit.into()];
        S::ENGINE.each(self.read(statements::ENTRIES, &values).await?, to_entry)
    }

    async fn add_comment(&self, comment: &BugComment) -> Result<bool, StorageError> {
        comment.check(S::ENGINE.backend())?;
        let (id, bug) = (comment.id.to_string(), comment.bug.to_string());
        let Some(mut transaction) = begin_at(self, &bug).await? else { return Ok(false) };
        let values: [Value<'_>; 6] = [
            id.as_str().into(),
            bug.as_str().into(),
            Value::Time(comment.at),
            (&comment.by).into(),
            i64::from(comment.is_internal).into(),
            comment.text.as_str().into(),
        ];
        transaction.run(statements::ADD_COMMENT, &values).await?;
        transaction.commit().await?;
        Ok(true)
    }

    async fn comments(&self, id: &BugId, skip: u32, limit: u16) -> Result<Vec<BugComment>, StorageError> {
        let id = id.to_string();
        let values = [id.as_str().into(), limit.into(), u64::from(skip).into()];
        S::ENGINE.each(self.read(statements::COMMENTS, &values).await?, to_comment)
    }

    async fn attach(&self, attachment: &BugAttachment) -> Result<bool, StorageError> {
        let (id, bug) = (attachment.id.to_string(), attachment.bug.to_string());
        let Some(mut transaction) = begin_at(self, &bug).await? else { return Ok(false) };
        let values: [Value<'_>; 8] = [
            id.as_str().into(),
            bug.as_str().into(),
            Value::Time(attachment.at),
            (&attachment.by).into(),
            (&attachment.name).into(),
            (&attachment.media_type).into(),
            attachment.len.into(),
            attachment.blob.as_bytes().as_slice().into(),
        ];
        transaction.run(statements::ATTACH, &values).await?;
        transaction.commit().await?;
        Ok(true)
    }

    async fn attachments(&self, id: &BugId, limit: u16) -> Result<Vec<BugAttachment>, StorageError> {
        let id = id.to_string();
        let rows = self.read(statements::ATTACHMENTS, &[id.as_str().into(), limit.into()]).await?;
        S::ENGINE.each(rows, to_attachment)
    }

    async fn detach(&self, bug: &BugId, attachment: &BesideId) -> Result<bool, StorageError> {
        let (bug, attachment) = (bug.to_string(), attachment.to_string());
        let values = [bug.as_str().into(), attachment.as_str().into()];
        Ok(!self.write(statements::DETACH, &values).await?.is_empty())
    }

    async fn names_blob(&self, blob: &BlobId) -> Result<bool, StorageError> {
        Ok(!self.read(statements::OF_BLOB, &[blob.as_bytes().as_slice().into()]).await?.is_empty())
    }

    async fn bugs(&self, query: &BugQuery) -> Result<BugPage, StorageError> {
        query.check(S::ENGINE.backend())?;
        list::listed(self, query).await
    }

    async fn bugs_after(&self, after: Option<&BugId>, limit: u16) -> Result<Vec<Bug>, StorageError> {
        // The empty text is less than every id.
        let after = after.map(BugId::to_string).unwrap_or_default();
        S::ENGINE.each(self.read(statements::AFTER, &[after.as_str().into(), limit.into()]).await?, to_bug)
    }

    async fn bug_summary(&self, span: Range<Timestamp>) -> Result<BugSummary, StorageError> {
        let values = [Value::Time(slot_begins(span.start)), Value::Time(slot_begins(span.end))];
        to_summary(S::ENGINE, self.read(statements::SUMMARY, &values).await?)
    }

    async fn bug_days(&self, bounds: &[Timestamp]) -> Result<Vec<BugDay>, StorageError> {
        let days = bounds.len().saturating_sub(1);
        if !bounds.is_sorted() || days > MOST_BUG_DAYS {
            return Err(refused::<S>());
        }
        if days == 0 {
            return Ok(Vec::new());
        }
        let given = given_days(bounds);
        to_days(S::ENGINE, self.read(statements::DAYS, &[given.as_str().into()]).await?, bounds)
    }

    async fn bug_categories(&self, limit: u16) -> Result<Vec<(BugCategory, u64)>, StorageError> {
        let rows = self.read(statements::CATEGORIES, &[limit.into()]).await?;
        S::ENGINE.each(rows, |mut row| Ok((row.name("category")?, row.unsigned("bugs")?)))
    }

    async fn remove_bug(&self, id: &BugId) -> Result<bool, StorageError> {
        let id = id.to_string();
        let mut transaction = self.begin().await?;
        let found = transaction.run(statements::TO_REMOVE, &[id.as_str().into()]).await?;
        let Some(bug) = S::ENGINE.each(found, to_bug)?.pop() else {
            transaction.commit().await?;
            return Ok(false);
        };
        let mut additions = Additions::default();
        additions.bug(&bug, bug.created_at, -1);
        additions.report(bug.created_at, -1);
        let events = transaction.run(statements::EVENTS, &[id.as_str().into()]).await?;
        S::ENGINE.each(events, |row| additions.take_back(row))?;
        transaction.run(statements::REMOVE, &[id.as_str().into()]).await?;
        additions.write(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(true)
    }
}
