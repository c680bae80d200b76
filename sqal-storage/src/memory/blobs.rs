//! [`MemoryBlobs`]: the model that every other store of blobs is compared with; it lasts as long as
//! the process.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Bound, Range};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use sqal_core::Timestamp;

use crate::StorageError;
use crate::blobs::{BlobId, BlobInfo, BlobSource, Blobs, PutCheck, PutError, PutLimits};

/// Blobs in memory, for tests, examples and embedding services that store nothing.
#[derive(Default)]
pub struct MemoryBlobs {
    kept: Mutex<BTreeMap<BlobId, Kept>>,
}

struct Kept {
    put_at: Timestamp,
    bytes: Arc<[u8]>,
}

impl Kept {
    fn info(&self, id: BlobId) -> BlobInfo {
        BlobInfo::new(id, u64::try_from(self.bytes.len()).unwrap_or(u64::MAX), self.put_at)
    }
}

impl MemoryBlobs {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<BlobId, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows the number of blobs and not their content.
impl fmt::Debug for MemoryBlobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBlobs").field("count", &self.kept().len()).finish_non_exhaustive()
    }
}

#[async_trait]
impl Blobs for MemoryBlobs {
    async fn put(&self, source: &mut dyn BlobSource, limits: &PutLimits, now: Timestamp) -> Result<BlobInfo, PutError> {
        let (mut check, mut bytes) = (PutCheck::new(*limits), Vec::new());
        while let Some(part) = source.next().await? {
            check.take(&part)?;
            bytes.extend_from_slice(&part);
        }
        let (id, _) = check.finish()?;
        let mut kept = self.kept();
        let blob = kept.entry(id).or_insert_with(|| Kept { put_at: now, bytes: bytes.into() });
        blob.put_at = blob.put_at.max(now);
        Ok(blob.info(id))
    }

    async fn info(&self, id: &BlobId) -> Result<Option<BlobInfo>, StorageError> {
        Ok(self.kept().get(id).map(|blob| blob.info(*id)))
    }

    async fn read(&self, id: &BlobId, range: Range<u64>) -> Result<Option<Vec<u8>>, StorageError> {
        let Some(bytes) = self.kept().get(id).map(|blob| Arc::clone(&blob.bytes)) else { return Ok(None) };
        let cut = |place: u64| usize::try_from(place).map_or(bytes.len(), |place| place.min(bytes.len()));
        Ok(Some(bytes.get(cut(range.start)..cut(range.end)).unwrap_or_default().to_vec()))
    }

    async fn list(&self, after: Option<&BlobId>, limit: u16) -> Result<Vec<BlobInfo>, StorageError> {
        let kept = self.kept();
        let first = after.map_or(Bound::Unbounded, |after| Bound::Excluded(*after));
        let wanted = kept.range((first, Bound::Unbounded)).take(usize::from(limit));
        Ok(wanted.map(|(id, blob)| blob.info(*id)).collect())
    }

    async fn remove(&self, id: &BlobId, put_before: Timestamp) -> Result<bool, StorageError> {
        let mut kept = self.kept();
        let is_old = kept.get(id).is_some_and(|blob| blob.put_at < put_before);
        if is_old {
            kept.remove(id);
        }
        Ok(is_old)
    }
}
