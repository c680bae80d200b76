//! [`Bugs`]: faults that were reported, with their history, comments and attachments.

mod beside;
mod bug;
mod id;
mod query;
mod search;
mod summary;
mod words;

use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use sqal_core::{DeviceId, Timestamp};

use crate::StorageError;
use crate::blobs::BlobId;

pub use beside::{BesideId, BugAttachment, BugComment, BugEntry};
pub use bug::{Bug, BugCategory, BugContent, BugGroup, BugLinks, BugPerson, BugTag, LARGEST_BUG_TEXT, Occurrences};
pub use id::{BugId, GroupKey, InvalidBugId, InvalidGroupKey};
pub use query::{BugOrder, BugPage, BugQuery, BugSort, COUNTED_BUGS, MOST_SEARCHED_WORDS, MOST_SKIPPED};
pub use search::{LONGEST_BUG_WORD, MOST_BUG_WORDS, bug_words};
pub use summary::{BugDay, BugSummary};
pub use words::{BugPriority, BugSeverity, BugSource, BugStatus, BugStep, InvalidBugWord};

/// The most days that [`Bugs::bug_days`] gives at once.
pub const MOST_BUG_DAYS: usize = 366;

/// The length of the slots in which events of bugs are counted, in microseconds: 15 minutes,
/// because the offset of every time zone in use is a multiple of it.
pub const BUG_SLOT_MICROS: i64 = 15 * 60 * 1_000_000;

/// The number of the slot in which a time is; slot 0 begins with 1970.
pub(crate) const fn bug_slot(time: Timestamp) -> i64 {
    time.micros().div_euclid(BUG_SLOT_MICROS)
}

/// What became of a bug that was to be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddedBug {
    /// It is stored.
    New,
    /// A bug with its id is there; nothing was changed.
    Known,
    /// A bug of its group is there; nothing was changed.
    GroupTaken(BugId),
}

/// Keeps bugs.
///
/// # Laws
///
/// Each is a test in `conformance::bugs` that every store runs.
///
/// 1. *A bug is added once*: by its id, and by the key of its group. What is there stays.
/// 2. *A bug is got back equal*, in every field, with every part and with none.
/// 3. *Changing is for what was read*: a bug changes only from the revision that the caller names,
///    and of several callers with one revision one succeeds. A change leaves the count, the times
///    and the devices of its group, its `source`, `reporter` and `created_at` as they are.
/// 4. *Each revision has its entry*, in the same transaction, and no entry changes. An entry tells
///    the status of its bug before and after the change.
/// 5. *Occurrences add up*, in any order and from any number of callers, without a new revision:
///    the count is the sum, the first and last times are the extremes, each device counts once and
///    can be named.
/// 6. *Comments and attachments are there*, in the order of their times and ids, once each, only
///    of bugs that are there. An attachment that was removed is gone, and a blob is named as long
///    as an attachment has it.
/// 7. *A list has what meets its conditions and nothing else*, in its order, page by page, with
///    its total. All bugs can be read once each, in the order of their ids.
/// 8. *Summary and days equal a recount* of the bugs and their entries, after any history.
/// 9. *A bug that was removed is gone* with all that stands beside it, and from every sum.
#[async_trait]
pub trait Bugs: Debug + Send + Sync + 'static {
    /// Adds a bug of revision 1 with its first entry.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if nothing was stored; of the kind [`Refused`](crate::StorageErrorKind)
    /// if the [two cannot be stored together](BugEntry::check_with), if they are not of revision 1,
    /// or if the entry tells a status before.
    async fn add_bug(&self, bug: &Bug, entry: &BugEntry) -> Result<AddedBug, StorageError>;

    /// Reads a bug; `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read.
    async fn bug(&self, id: &BugId) -> Result<Option<Bug>, StorageError>;

    /// Reads the bug of a group; `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read.
    async fn bug_of_group(&self, key: &GroupKey) -> Result<Option<Bug>, StorageError>;

    /// Replaces a bug whose revision is one less than that of `bug`, and adds the entry of the
    /// change. Returns whether it did: `false` if the bug has another revision or is not there.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if nothing was changed; of the kind [`Refused`](crate::StorageErrorKind)
    /// if the [two cannot be stored together](BugEntry::check_with), or if the entry tells another
    /// status than that of the bug that would be replaced.
    async fn change_bug(&self, bug: &Bug, entry: &BugEntry) -> Result<bool, StorageError>;

    /// Counts occurrences of a group, and returns its bug as it is then; `None` if the group has
    /// no bug.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if nothing was counted.
    async fn count_occurrences(&self, key: &GroupKey, seen: &Occurrences) -> Result<Option<Bug>, StorageError>;

    /// The devices whose occurrences were counted in a bug, in the order of bytes: at most `limit`.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read.
    async fn bug_devices(&self, id: &BugId, limit: u16) -> Result<Vec<DeviceId>, StorageError>;

    /// The entries of a bug with a larger revision than `after`, in their order.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read.
    async fn bug_entries(&self, id: &BugId, after: u64, limit: u16) -> Result<Vec<BugEntry>, StorageError>;

    /// Adds a comment. Returns whether its bug is there; a comment whose id is there stays as it
    /// is.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if nothing was stored; of the kind [`Refused`](crate::StorageErrorKind)
    /// if the comment cannot be stored.
    async fn add_comment(&self, comment: &BugComment) -> Result<bool, StorageError>;

    /// The comments of a bug, the oldest first, after `skip` of them.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read.
    async fn comments(&self, id: &BugId, skip: u32, limit: u16) -> Result<Vec<BugComment>, StorageError>;

    /// Adds an attachment. Returns whether its bug is there; an attachment whose id is there stays
    /// as it is.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if nothing was stored.
    async fn attach(&self, attachment: &BugAttachment) -> Result<bool, StorageError>;

    /// The attachments of a bug, the oldest first: at most `limit`.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read.
    async fn attachments(&self, id: &BugId, limit: u16) -> Result<Vec<BugAttachment>, StorageError>;

    /// Removes an attachment of a bug; its blob stays. Returns whether it was there.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if nothing was removed.
    async fn detach(&self, bug: &BugId, attachment: &BesideId) -> Result<bool, StorageError>;

    /// Whether an attachment has this blob, for [sweeping](crate::blobs::sweep_blobs).
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read.
    async fn names_blob(&self, blob: &BlobId) -> Result<bool, StorageError>;

    /// A page of bugs.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read; of the kind
    /// [`Refused`](crate::StorageErrorKind) if the [query cannot be answered](BugQuery::check).
    async fn bugs(&self, query: &BugQuery) -> Result<BugPage, StorageError>;

    /// The bugs with a larger id than `after`, or the first, in the order of their ids (of the
    /// bytes): at most `limit`. With the last id of each page as the next `after`, all bugs are
    /// read, however many there are.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read.
    async fn bugs_after(&self, after: Option<&BugId>, limit: u16) -> Result<Vec<Bug>, StorageError>;

    /// How many bugs there are, and what happened in a span of time. Beginning and end of the span
    /// are rounded down to [slots](BUG_SLOT_MICROS).
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read.
    async fn bug_summary(&self, span: Range<Timestamp>) -> Result<BugSummary, StorageError>;

    /// How it went in consecutive days: `bounds` are their beginnings and the end of the last, in
    /// their order, each rounded down to a [slot](BUG_SLOT_MICROS).
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read; of the kind
    /// [`Refused`](crate::StorageErrorKind) if the bounds are not in their order or there are more
    /// than [`MOST_BUG_DAYS`] days.
    async fn bug_days(&self, bounds: &[Timestamp]) -> Result<Vec<BugDay>, StorageError>;

    /// The categories that bugs have, each with the number of its bugs, in the order of bytes.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read.
    async fn bug_categories(&self, limit: u16) -> Result<Vec<(BugCategory, u64)>, StorageError>;

    /// Removes a bug with its entries, comments and attachments. Returns whether it was there.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if nothing was removed.
    async fn remove_bug(&self, id: &BugId) -> Result<bool, StorageError>;
}

#[async_trait]
impl<S: Bugs + ?Sized> Bugs for Arc<S> {
    async fn add_bug(&self, bug: &Bug, entry: &BugEntry) -> Result<AddedBug, StorageError> {
        (**self).add_bug(bug, entry).await
    }

    async fn bug(&self, id: &BugId) -> Result<Option<Bug>, StorageError> {
        (**self).bug(id).await
    }

    async fn bug_of_group(&self, key: &GroupKey) -> Result<Option<Bug>, StorageError> {
        (**self).bug_of_group(key).await
    }

    async fn change_bug(&self, bug: &Bug, entry: &BugEntry) -> Result<bool, StorageError> {
        (**self).change_bug(bug, entry).await
    }

    async fn count_occurrences(&self, key: &GroupKey, seen: &Occurrences) -> Result<Option<Bug>, StorageError> {
        (**self).count_occurrences(key, seen).await
    }

    async fn bug_devices(&self, id: &BugId, limit: u16) -> Result<Vec<DeviceId>, StorageError> {
        (**self).bug_devices(id, limit).await
    }

    async fn bug_entries(&self, id: &BugId, after: u64, limit: u16) -> Result<Vec<BugEntry>, StorageError> {
        (**self).bug_entries(id, after, limit).await
    }

    async fn add_comment(&self, comment: &BugComment) -> Result<bool, StorageError> {
        (**self).add_comment(comment).await
    }

    async fn comments(&self, id: &BugId, skip: u32, limit: u16) -> Result<Vec<BugComment>, StorageError> {
        (**self).comments(id, skip, limit).await
    }

    async fn attach(&self, attachment: &BugAttachment) -> Result<bool, StorageError> {
        (**self).attach(attachment).await
    }

    async fn attachments(&self, id: &BugId, limit: u16) -> Result<Vec<BugAttachment>, StorageError> {
        (**self).attachments(id, limit).await
    }

    async fn detach(&self, bug: &BugId, attachment: &BesideId) -> Result<bool, StorageError> {
        (**self).detach(bug, attachment).await
    }

    async fn names_blob(&self, blob: &BlobId) -> Result<bool, StorageError> {
        (**self).names_blob(blob).await
    }

    async fn bugs(&self, query: &BugQuery) -> Result<BugPage, StorageError> {
        (**self).bugs(query).await
    }

    async fn bugs_after(&self, after: Option<&BugId>, limit: u16) -> Result<Vec<Bug>, StorageError> {
        (**self).bugs_after(after, limit).await
    }

    async fn bug_summary(&self, span: Range<Timestamp>) -> Result<BugSummary, StorageError> {
        (**self).bug_summary(span).await
    }

    async fn bug_days(&self, bounds: &[Timestamp]) -> Result<Vec<BugDay>, StorageError> {
        (**self).bug_days(bounds).await
    }

    async fn bug_categories(&self, limit: u16) -> Result<Vec<(BugCategory, u64)>, StorageError> {
        (**self).bug_categories(limit).await
    }

    async fn remove_bug(&self, id: &BugId) -> Result<bool, StorageError> {
        (**self).remove_bug(id).await
    }
}
