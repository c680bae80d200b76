//! [`Bugs`] of the memory store: one map by id, with comments and attachments beside it.

mod counts;
mod list;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Bound, Range};

use async_trait::async_trait;
use sqal_core::{DeviceId, Timestamp};

use super::{MemoryStore, count};
use crate::blobs::BlobId;
use crate::bugs::{
    AddedBug, BesideId, Bug, BugAttachment, BugCategory, BugComment, BugDay, BugEntry, BugGroup, BugId, BugPage,
    BugQuery, BugSummary, GroupKey, MOST_BUG_DAYS, Occurrences,
};
use crate::{Bugs, StorageError, StorageErrorKind};

const BACKEND: &str = "memory";

/// The bugs of a memory store.
#[derive(Debug, Default)]
pub(super) struct Tracker {
    bugs: BTreeMap<BugId, Tracked>,
    groups: BTreeMap<GroupKey, BugId>,
    comments: BTreeMap<BesideId, BugComment>,
    attachments: BTreeMap<BesideId, BugAttachment>,
}

/// A bug with its history.
#[derive(Debug)]
struct Tracked {
    bug: Bug,
    entries: Vec<BugEntry>,
    /// The devices whose occurrences were counted.
    devices: BTreeSet<DeviceId>,
}

impl Tracker {
    fn of_group(&self, key: &GroupKey) -> Option<&Tracked> {
        self.groups.get(key).and_then(|id| self.bugs.get(id))
    }

    fn of_group_mut(&mut self, key: &GroupKey) -> Option<&mut Tracked> {
        self.groups.get(key).and_then(|id| self.bugs.get_mut(id))
    }
}

impl Tracked {
    /// Replaces what a change may replace.
    fn change(&mut self, to: &Bug) {
        let regressed = to.group.as_ref();
        let group = self.bug.group.take().map(|group| BugGroup {
            regressed_in: regressed.and_then(|new| new.regressed_in),
            regressed_at: regressed.and_then(|new| new.regressed_at),
            ..group
        });
        let Bug { source, reporter, created_at, .. } = self.bug;
        self.bug = Bug { source, reporter, created_at, group, ..to.clone() };
    }

    fn count(&mut self, seen: &Occurrences) {
        let Some(group) = &mut self.bug.group else { return };
        let known = self.devices.len();
        self.devices.extend(&seen.devices);
        group.devices = group.devices.saturating_add(count(self.devices.len() - known));
        group.count = group.count.saturating_add(seen.count);
        group.first_seen = group.first_seen.min(seen.first);
        group.last_seen = group.last_seen.max(seen.last);
    }
}

const fn refused() -> StorageError {
    StorageError::new(BACKEND, StorageErrorKind::Refused)
}

#[async_trait]
impl Bugs for MemoryStore {
    async fn add_bug(&self, bug: &Bug, entry: &BugEntry) -> Result<AddedBug, StorageError> {
        entry.check_with(bug, BACKEND)?;
        entry.check_after(None, BACKEND)?;
        if bug.revision != 1 {
            return Err(refused());
        }
        let mut kept = self.kept();
        let tracker = &mut kept.bugs;
        if tracker.bugs.contains_key(&bug.id) {
            return Ok(AddedBug::Known);
        }
        if let Some(group) = &bug.group {
            if let Some(taken_by) = tracker.groups.get(&group.key) {
                return Ok(AddedBug::GroupTaken(*taken_by));
            }
            tracker.groups.insert(group.key, bug.id);
        }
        let tracked = Tracked { bug: bug.clone(), entries: vec![entry.clone()], devices: BTreeSet::new() };
        tracker.bugs.insert(bug.id, tracked);
        Ok(AddedBug::New)
    }

    async fn bug(&self, id: &BugId) -> Result<Option<Bug>, StorageError> {
        Ok(self.kept().bugs.bugs.get(id).map(|tracked| tracked.bug.clone()))
    }

    async fn bug_of_group(&self, key: &GroupKey) -> Result<Option<Bug>, StorageError> {
        Ok(self.kept().bugs.of_group(key).map(|tracked| tracked.bug.clone()))
    }

    async fn change_bug(&self, bug: &Bug, entry: &BugEntry) -> Result<bool, StorageError> {
        entry.check_with(bug, BACKEND)?;
        let mut kept = self.kept();
        let Some(tracked) = kept.bugs.bugs.get_mut(&bug.id) else { return Ok(false) };
        let follows = tracked.bug.revision.checked_add(1) == Some(bug.revision);
        if follows {
            entry.check_after(Some(tracked.bug.content.status), BACKEND)?;
            tracked.change(bug);
            tracked.entries.push(entry.clone());
        }
        Ok(follows)
    }

    async fn count_occurrences(&self, key: &GroupKey, seen: &Occurrences) -> Result<Option<Bug>, StorageError> {
        let mut kept = self.kept();
        let Some(tracked) = kept.bugs.of_group_mut(key) else { return Ok(None) };
        tracked.count(seen);
        Ok(Some(tracked.bug.clone()))
    }

    async fn bug_devices(&self, id: &BugId, limit: u16) -> Result<Vec<DeviceId>, StorageError> {
        let kept = self.kept();
        let devices = kept.bugs.bugs.get(id).into_iter().flat_map(|tracked| &tracked.devices);
        Ok(devices.take(limit.into()).copied().collect())
    }

    async fn bug_entries(&self, id: &BugId, after: u64, limit: u16) -> Result<Vec<BugEntry>, StorageError> {
        let kept = self.kept();
        let entries = kept.bugs.bugs.get(id).into_iter().flat_map(|tracked| &tracked.entries);
        Ok(entries.filter(|entry| entry.revision > after).take(limit.into()).cloned().collect())
    }

    async fn add_comment(&self, comment: &BugComment) -> Result<bool, StorageError> {
        comment.check(BACKEND)?;
        let mut kept = self.kept();
        let tracker = &mut kept.bugs;
        let is_there = tracker.bugs.contains_key(&comment.bug);
        if is_there {
            tracker.comments.entry(comment.id).or_insert_with(|| comment.clone());
        }
        Ok(is_there)
    }

    async fn comments(&self, id: &BugId, skip: u32, limit: u16) -> Result<Vec<BugComment>, StorageError> {
        let kept = self.kept();
        let mut comments: Vec<_> = kept.bugs.comments.values().filter(|comment| comment.bug == *id).collect();
        comments.sort_by_key(|comment| (comment.at, comment.id));
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        Ok(comments.into_iter().skip(skip).take(limit.into()).cloned().collect())
    }

    async fn attach(&self, attachment: &BugAttachment) -> Result<bool, StorageError> {
        let mut kept = self.kept();
        let tracker = &mut kept.bugs;
        let is_there = tracker.bugs.contains_key(&attachment.bug);
        if is_there {
            tracker.attachments.entry(attachment.id).or_insert_with(|| attachment.clone());
        }
        Ok(is_there)
    }

    async fn attachments(&self, id: &BugId, limit: u16) -> Result<Vec<BugAttachment>, StorageError> {
        let kept = self.kept();
        let mut attachments: Vec<_> =
            kept.bugs.attachments.values().filter(|attachment| attachment.bug == *id).collect();
        attachments.sort_by_key(|attachment| (attachment.at, attachment.id));
        Ok(attachments.into_iter().take(limit.into()).cloned().collect())
    }

    async fn detach(&self, bug: &BugId, attachment: &BesideId) -> Result<bool, StorageError> {
        let mut kept = self.kept();
        let attachments = &mut kept.bugs.attachments;
        let is_there = attachments.get(attachment).is_some_and(|known| known.bug == *bug);
        if is_there {
            attachments.remove(attachment);
        }
        Ok(is_there)
    }

    async fn names_blob(&self, blob: &BlobId) -> Result<bool, StorageError> {
        Ok(self.kept().bugs.attachments.values().any(|attachment| attachment.blob == *blob))
    }

    async fn bugs(&self, query: &BugQuery) -> Result<BugPage, StorageError> {
        query.check(BACKEND)?;
        Ok(list::page(self.kept().bugs.bugs.values().map(|tracked| &tracked.bug), query))
    }

    async fn bugs_after(&self, after: Option<&BugId>, limit: u16) -> Result<Vec<Bug>, StorageError> {
        let begin = after.map_or(Bound::Unbounded, |after| Bound::Excluded(*after));
        let kept = self.kept();
        let later = kept.bugs.bugs.range((begin, Bound::Unbounded)).map(|(_, tracked)| &tracked.bug);
        Ok(later.take(limit.into()).cloned().collect())
    }

    async fn bug_summary(&self, span: Range<Timestamp>) -> Result<BugSummary, StorageError> {
        Ok(counts::summary(self.kept().bugs.bugs.values(), &span))
    }

    async fn bug_days(&self, bounds: &[Timestamp]) -> Result<Vec<BugDay>, StorageError> {
        if !bounds.is_sorted() || bounds.len().saturating_sub(1) > MOST_BUG_DAYS {
            return Err(refused());
        }
        Ok(counts::days(&self.kept().bugs.bugs, bounds))
    }

    async fn bug_categories(&self, limit: u16) -> Result<Vec<(BugCategory, u64)>, StorageError> {
        let mut categories = BTreeMap::new();
        for category in self.kept().bugs.bugs.values().filter_map(|tracked| tracked.bug.content.category) {
            *categories.entry(category).or_insert(0) += 1;
        }
        Ok(categories.into_iter().take(limit.into()).collect())
    }

    async fn remove_bug(&self, id: &BugId) -> Result<bool, StorageError> {
        let mut kept = self.kept();
        let tracker = &mut kept.bugs;
        let is_there = tracker.bugs.remove(id).is_some();
        tracker.groups.retain(|_, of| of != id);
        tracker.comments.retain(|_, comment| comment.bug != *id);
        tracker.attachments.retain(|_, attachment| attachment.bug != *id);
        Ok(is_there)
    }
}
