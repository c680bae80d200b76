//! A store in which another caller is faster: before the next write, a deed of that caller is done.
//! It can also be away.

use std::fmt;
use std::ops::Range;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sqal_core::{DeviceId, Timestamp};
use sqal_storage::blobs::BlobId;
use sqal_storage::bugs::{
    AddedBug, BesideId, Bug, BugAttachment, BugCategory, BugComment, BugDay, BugEntry, BugId, BugPage, BugQuery,
    BugSummary, GroupKey, Occurrences,
};
use sqal_storage::{Bugs, MemoryStore, StorageError, StorageErrorKind};

type Deed = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// A memory store whose next write another caller overtakes.
pub(crate) struct Overtaken {
    store: Arc<MemoryStore>,
    deed: Mutex<Option<Deed>>,
    is_away: AtomicBool,
}

impl Overtaken {
    pub(crate) fn new(store: Arc<MemoryStore>) -> Self {
        Self { store, deed: Mutex::new(None), is_away: AtomicBool::new(false) }
    }

    /// Answers no question for the bug of a group from now on, or answers them again.
    pub(crate) fn set_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::Relaxed);
    }

    /// Does this before the next bug is added or changed.
    pub(crate) fn by<F: Future<Output = ()> + Send + 'static>(&self, deed: impl FnOnce() -> F + Send + 'static) {
        let deed: Deed = Box::new(move || -> Pin<Box<dyn Future<Output = ()> + Send>> { Box::pin(deed()) });
        *self.deed.lock().unwrap() = Some(deed);
    }

    async fn overtake(&self) {
        let deed = self.deed.lock().unwrap().take();
        if let Some(deed) = deed {
            deed().await;
        }
    }
}

impl fmt::Debug for Overtaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Overtaken")
    }
}

#[async_trait]
impl Bugs for Overtaken {
    async fn add_bug(&self, bug: &Bug, entry: &BugEntry) -> Result<AddedBug, StorageError> {
        self.overtake().await;
        self.store.add_bug(bug, entry).await
    }

    async fn bug(&self, id: &BugId) -> Result<Option<Bug>, StorageError> {
        self.store.bug(id).await
    }

    async fn bug_of_group(&self, key: &GroupKey) -> Result<Option<Bug>, StorageError> {
        if self.is_away.load(Ordering::Relaxed) {
            return Err(StorageError::new("away", StorageErrorKind::Unavailable));
        }
        self.store.bug_of_group(key).await
    }

    async fn change_bug(&self, bug: &Bug, entry: &BugEntry) -> Result<bool, StorageError> {
        self.overtake().await;
        self.store.change_bug(bug, entry).await
    }

    async fn count_occurrences(&self, key: &GroupKey, seen: &Occurrences) -> Result<Option<Bug>, StorageError> {
        self.store.count_occurrences(key, seen).await
    }

    async fn bug_devices(&self, id: &BugId, limit: u16) -> Result<Vec<DeviceId>, StorageError> {
        self.store.bug_devices(id, limit).await
    }

    async fn bug_entries(&self, id: &BugId, after: u64, limit: u16) -> Result<Vec<BugEntry>, StorageError> {
        self.store.bug_entries(id, after, limit).await
    }

    async fn add_comment(&self, comment: &BugComment) -> Result<bool, StorageError> {
        self.store.add_comment(comment).await
    }

    async fn comments(&self, id: &BugId, skip: u32, limit: u16) -> Result<Vec<BugComment>, StorageError> {
        self.store.comments(id, skip, limit).await
    }

    async fn attach(&self, attachment: &BugAttachment) -> Result<bool, StorageError> {
        self.store.attach(attachment).await
    }

    async fn attachments(&self, id: &BugId, limit: u16) -> Result<Vec<BugAttachment>, StorageError> {
        self.store.attachments(id, limit).await
    }

    async fn detach(&self, bug: &BugId, attachment: &BesideId) -> Result<bool, StorageError> {
        self.store.detach(bug, attachment).await
    }

    async fn names_blob(&self, blob: &BlobId) -> Result<bool, StorageError> {
        self.store.names_blob(blob).await
    }

    async fn bugs(&self, query: &BugQuery) -> Result<BugPage, StorageError> {
        self.store.bugs(query).await
    }

    async fn bugs_after(&self, after: Option<&BugId>, limit: u16) -> Result<Vec<Bug>, StorageError> {
        self.store.bugs_after(after, limit).await
    }

    async fn bug_summary(&self, span: Range<Timestamp>) -> Result<BugSummary, StorageError> {
        self.store.bug_summary(span).await
    }

    async fn bug_days(&self, bounds: &[Timestamp]) -> Result<Vec<BugDay>, StorageError> {
        self.store.bug_days(bounds).await
    }

    async fn bug_categories(&self, limit: u16) -> Result<Vec<(BugCategory, u64)>, StorageError> {
        self.store.bug_categories(limit).await
    }

    async fn remove_bug(&self, id: &BugId) -> Result<bool, StorageError> {
        self.store.remove_bug(id).await
    }
}
