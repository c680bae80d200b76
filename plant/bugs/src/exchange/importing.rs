//! [`import`]: adds bugs of a file to a store.

use sqal_storage::bugs::{AddedBug, Bug, BugContent, BugEntry, BugPerson, BugStatus, Bugs};
use sqal_storage::{StorageError, StorageErrorKind};

use super::import_file::ImportedBug;
use crate::change::{EntryBody, EntryNote, differences, first_entry};

/// What an import has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportTally {
    /// Bugs that were added.
    pub added: u64,
    /// Bugs that were there; they are as they were.
    pub known: u64,
    /// Comments of all these bugs, whether they were added now or before.
    pub comments: u64,
}

/// Adds bugs with their comments. A bug that is there stays as it is, so that a second import adds
/// nothing, and an import that was interrupted is finished by another one.
///
/// A bug that has ended is added as an open one and then ended, in two entries, so that the numbers
/// of bugs by day are those of the other tracker.
///
/// # Errors
///
/// [`StorageError`] if the store fails; the bugs before the failure were added.
pub async fn import(bugs: &dyn Bugs, file: &[ImportedBug], by: BugPerson) -> Result<ImportTally, StorageError> {
    let mut tally = ImportTally::default();
    for imported in file {
        let opened = opened(&imported.bug);
        if bugs.add_bug(&opened, &first_entry(&opened, by)).await? == AddedBug::New {
            tally.added += 1;
            end(bugs, &opened, &imported.bug, by).await?;
        } else {
            tally.known += 1;
            // An earlier import can have been interrupted between the two entries.
            if bugs.bug(&opened.id).await?.as_ref() == Some(&opened) {
                end(bugs, &opened, &imported.bug, by).await?;
            }
        }
        for comment in &imported.comments {
            if !bugs.add_comment(comment).await? {
                return Err(StorageError::new("import", StorageErrorKind::Internal));
            }
            tally.comments += 1;
        }
    }
    Ok(tally)
}

/// A bug as it was before it ended; a bug that has not ended as it is.
fn opened(bug: &Bug) -> Bug {
    if bug.ended_at.is_none() {
        return bug.clone();
    }
    let content = BugContent { status: BugStatus::Open, ..bug.content.clone() };
    Bug { ended_at: None, updated_at: bug.created_at, content, ..bug.clone() }
}

/// Ends a bug that was added as an open one.
async fn end(bugs: &dyn Bugs, opened: &Bug, imported: &Bug, by: BugPerson) -> Result<(), StorageError> {
    let Some(at) = imported.ended_at else { return Ok(()) };
    let revision = opened.revision.saturating_add(1);
    let changes = differences(Some(&opened.content), &imported.content);
    let body = EntryBody { changes, why: None, note: Some(EntryNote::Imported) }.to_text();
    let (from, to) = (Some(opened.content.status), imported.content.status);
    let entry = BugEntry { bug: opened.id, revision, at, by, from, to, body };
    // If another server was faster, the bug is ended already.
    bugs.change_bug(&Bug { revision, ..imported.clone() }, &entry).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use sqal_core::{Name, Timestamp};
    use sqal_storage::MemoryStore;

    use super::super::{ImportTerms, read_bugzilla};
    use super::*;

    const XML: &str = "<bugzilla><bug><bug_id>7</bug_id><short_desc>valve stuck</short_desc>\
        <bug_status>RESOLVED</bug_status><resolution>FIXED</resolution>\
        <creation_ts>2009-01-01 12:00:00 +0000</creation_ts><delta_ts>2009-01-02 12:00:00 +0000</delta_ts>\
        <long_desc><who>a@b.fr</who><bug_when>2009-01-01 12:00:00 +0000</bug_when><thetext>first</thetext></long_desc>\
        <long_desc><who>a@b.fr</who><bug_when>2009-01-01 13:00:00 +0000</bug_when><thetext>again</thetext></long_desc>\
        </bug><bug><bug_id>8</bug_id><short_desc>pump loud</short_desc><bug_status>NEW</bug_status></bug></bugzilla>";

    fn terms() -> ImportTerms {
        ImportTerms {
            system: Name::new("bugzilla").unwrap(),
            by: Name::new("admin").unwrap(),
            at: Timestamp::from_micros(1_774_746_000_000_000).unwrap(),
            people: BTreeMap::new(),
        }
    }

    #[tokio::test]
    async fn a_second_import_adds_nothing_and_what_was_changed_in_between_stays() {
        let (store, terms) = (MemoryStore::new(), terms());
        let file = read_bugzilla(XML, &terms);
        assert!(file.faults.is_empty(), "{:?}", file.faults);
        let first = import(&store, &file.bugs, terms.by).await.unwrap();
        assert_eq!(first, ImportTally { added: 2, known: 0, comments: 1 });
        let id = terms.bug_id("8");
        let mut changed = store.bug(&id).await.unwrap().unwrap();
        changed.revision = 2;
        changed.content.title = "pump is loud".to_owned();
        let (from, to) = (Some(BugStatus::Open), BugStatus::Open);
        let entry = BugEntry { bug: id, revision: 2, at: terms.at, by: terms.by, from, to, body: String::new() };
        assert!(store.change_bug(&changed, &entry).await.unwrap());

        let second = import(&store, &file.bugs, terms.by).await.unwrap();
        assert_eq!(second, ImportTally { added: 0, known: 2, comments: 1 });
        assert_eq!(store.bug(&id).await.unwrap(), Some(changed));
        assert_eq!(store.comments(&terms.bug_id("7"), 0, 10).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_bug_that_has_ended_has_ended_when_the_other_tracker_says() {
        let (store, terms) = (MemoryStore::new(), terms());
        let file = read_bugzilla(XML, &terms);
        import(&store, &file.bugs, terms.by).await.unwrap();
        let bug = store.bug(&terms.bug_id("7")).await.unwrap().unwrap();
        assert_eq!(bug, Bug { revision: 2, ..file.bugs[0].bug.clone() });
        assert_eq!(bug.ended_at.unwrap().micros(), 1_230_897_600_000_000);
        let entries = store.bug_entries(&bug.id, 0, 10).await.unwrap();
        let steps: Vec<_> = entries.iter().map(|entry| (entry.from, entry.to, Some(entry.at))).collect();
        let (open, resolved) = (BugStatus::Open, BugStatus::Resolved);
        assert_eq!(steps, [(None, open, Some(bug.created_at)), (Some(open), resolved, bug.ended_at)]);
    }

    #[tokio::test]
    async fn an_import_that_was_interrupted_is_finished() {
        let (store, terms) = (MemoryStore::new(), terms());
        let file = read_bugzilla(XML, &terms);
        let opened = opened(&file.bugs[0].bug);
        store.add_bug(&opened, &first_entry(&opened, terms.by)).await.unwrap();
        import(&store, &file.bugs, terms.by).await.unwrap();
        let bug = store.bug(&opened.id).await.unwrap().unwrap();
        assert_eq!((bug.content.status, bug.revision), (BugStatus::Resolved, 2));
    }
}
