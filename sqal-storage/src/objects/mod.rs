//! [`ObjectBlobs`]: blobs as objects of a bucket of S3, each named by its SHA-256 and the time of
//! its put.

mod config;
mod deletion;
mod listing;
mod names;
mod partial;
mod transport;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use sqal_core::Timestamp;

use crate::blobs::{BlobId, BlobInfo, BlobSource, Blobs, PutCheck, PutError, PutLimits};
use crate::{StorageError, StorageErrorKind};
pub use config::{InvalidS3, S3Config};
use deletion::{report, unless_absent};
use listing::Stored;
use names::Names;
use partial::{Partial, Remains};

/// The name of this store in errors.
const BACKEND: &str = "objects";

/// The size of the parts of an upload, in bytes. S3 demands at least 5 MiB, and at most 10,000
/// parts.
const PART: usize = 8 * 1024 * 1024;

/// The largest object that S3 copies in one request, in bytes (Amazon S3 API reference,
/// `CopyObject`).
const LARGEST: u64 = 5 * 1024 * 1024 * 1024;

/// The number of attempts to read a blob whose object is replaced between its listing and its read.
const ATTEMPTS: u32 = 5;

/// A store of blobs in a bucket of object storage, through the protocol of S3.
///
/// Each put stores one object: `<prefix>/ba/ba78…15ad/<time>-<unique>`. The time is the time of
/// the put, in microseconds since the year 0, as 18 digits. The unique part holds 128 random bits
/// of the store and a number, so no name is used twice. The last object of a hash, in the order of
/// names, is the blob. When a put has stored its object, it deletes the earlier ones.
///
/// A content of up to 8 MiB is hashed in memory and stored by one request. The store sends a larger
/// content as a multipart upload to `<prefix>/partial`, lets the storage copy it to its place, and
/// deletes the partial object. A content may have up to 5 GiB, which S3 copies in one request.
///
/// # Why the time is in the name
///
/// S3 states the modification time in seconds, by its own clock, and lists no metadata. With the
/// time in the name, one list request returns the id, the length and the time of a blob. No object
/// is ever changed, so a put needs no lock and no conditional request.
///
/// A put of a stored content stores the content again and then deletes the earlier object. A small
/// marker object with the new time would save this second copy. But a removal could then delete the
/// content between the two requests by which a put finds the content and writes the marker.
///
/// # Processes
///
/// Any number of processes may put, read, list, remove and sweep in one bucket, without a lock.
///
/// - A removal lists the objects of a content. If all their times are before `put_before`, it
///   deletes these objects by their names, the latest last.
/// - A put deletes only objects that are before a later one in its list.
///
/// So whatever the order of the requests, neither deletes the object of a put whose time is
/// `put_before` or later and that no later put replaces. The races that remain keep more than is
/// needed, and lose nothing:
///
/// - If a content is put again during its removal, the blob is there although the removal returns
///   `true`.
/// - If a process ends before it has deleted an earlier object, the content is stored twice. The
///   next put or removal of the content deletes that object.
/// - If a process is killed during a put, its multipart upload or its partial object stays.
///
/// # Bucket
///
/// - The bucket must exist. All objects under the prefix belong to the store: it ignores names that
///   it does not know, but fails to list names with empty parts, such as `a//b`.
/// - A lifecycle rule should abort incomplete multipart uploads and delete the objects under
///   `<prefix>/partial/`, both after a day. Otherwise the leftovers of killed processes stay.
/// - With versioning, the earlier objects of a content stay as old versions, until a lifecycle rule
///   deletes them.
/// - The storage must list names in the order of their bytes, and list an object as soon as it is
///   stored, as S3 does. The directory buckets of S3 Express have another order and cannot be used.
///
/// # Runtime
///
/// The requests need a runtime of `tokio` with its timer and its network: every method must be
/// called within one. If the future of a put is dropped, the runtime aborts its upload in the
/// background.
pub struct ObjectBlobs {
    store: Arc<dyn ObjectStore>,
    names: Names,
    /// The size of the parts of uploads and reads, in bytes.
    part: usize,
    /// The largest accepted content, in bytes.
    largest: u64,
}

impl ObjectBlobs {
    /// The store in a bucket of S3. It makes no connection before the first call.
    ///
    /// If the endpoint is `https`, the certificates of the machine are read, which takes some tens
    /// of milliseconds.
    ///
    /// ```
    /// use sqal_storage::objects::{ObjectBlobs, S3Config};
    ///
    /// let mut config = S3Config::at("http://storage.plant:9000", "sqal");
    /// config.prefix = "line-2/blobs".to_owned();
    /// config.access_key = "AKIAEXAMPLE".to_owned();
    /// config.secret_key = "hunter2".to_owned();
    /// config.allow_http = true;
    /// let blobs = ObjectBlobs::s3(&config)?;
    /// # Ok::<_, sqal_storage::objects::InvalidS3>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidS3`] names the field of the configuration that is not valid.
    pub fn s3(config: &S3Config) -> Result<Self, InvalidS3> {
        let (root, client) = (config.root()?, config.client()?);
        let mut epoch = [0; 16];
        getrandom::fill(&mut epoch).map_err(|_| InvalidS3::Randomness)?;
        Ok(Self::over(Arc::new(client), root, u128::from_be_bytes(epoch)))
    }

    fn over(store: Arc<dyn ObjectStore>, root: Path, epoch: u128) -> Self {
        Self { store, names: Names::under(root, epoch), part: PART, largest: LARGEST }
    }

    /// An empty store in memory, with parts of another size than S3 accepts.
    #[cfg(test)]
    pub(crate) fn in_memory(part: usize) -> Self {
        let memory = Arc::new(object_store::memory::InMemory::new());
        Self { part, ..Self::over(memory, Path::from("plant/blobs"), 7) }
    }

    /// The bytes of a range within an object, part by part; `None` if the object is absent.
    async fn bytes(&self, location: &Path, range: Range<u64>) -> Result<Option<Vec<u8>>, StorageError> {
        let part = u64::try_from(self.part).unwrap_or(u64::MAX);
        let mut bytes = Vec::with_capacity(usize::try_from(range.end - range.start).unwrap_or(0));
        let mut start = range.start;
        while start < range.end {
            let end = range.end.min(start.saturating_add(part));
            match self.store.get_range(location, start..end).await {
                Ok(found) => bytes.extend_from_slice(&found),
                Err(object_store::Error::NotFound { .. }) => return Ok(None),
                Err(error) => return Err(failed(error)),
            }
            start = end;
        }
        Ok(Some(bytes))
    }

    /// Takes a content to its end and stores it in an object of its own. The caller removes the
    /// partial object, also if this function fails.
    async fn place(
        &self,
        source: &mut dyn BlobSource,
        limits: &PutLimits,
        now: Timestamp,
        partial: &mut Option<Partial>,
    ) -> Result<BlobInfo, PutError> {
        let limits = PutLimits { most: limits.most.min(self.largest), ..*limits };
        let (mut check, mut rest) = (PutCheck::new(limits), Vec::new());
        while let Some(bytes) = source.next().await? {
            check.take(&bytes)?;
            rest.extend_from_slice(&bytes);
            // All parts but the last have one size, which some storage demands. The last one is not
            // empty.
            while rest.len() > self.part {
                let after = rest.split_off(self.part);
                let part = std::mem::replace(&mut rest, after);
                if partial.is_none() {
                    *partial = Some(Partial::begin(&self.store, self.names.new_partial()).await.map_err(failed)?);
                }
                if let Some(upload) = partial {
                    upload.write(part).await.map_err(failed)?;
                }
            }
        }
        let (id, len) = check.finish()?;
        let location = self.names.new_name(&id, now);
        if let Some(upload) = partial {
            upload.write(rest).await.map_err(failed)?;
            upload.complete().await.map_err(failed)?;
            self.store.copy(upload.location(), &location).await.map_err(failed)?;
        } else {
            self.store.put(&location, rest.into()).await.map_err(failed)?;
        }
        Ok(BlobInfo::new(id, len, now))
    }

    /// Deletes the objects of a content that a later one replaces; returns what is known of the
    /// blob.
    async fn settle(&self, placed: BlobInfo) -> Result<BlobInfo, StorageError> {
        let mut stored = self.stored(&placed.id).await?;
        // Some storage answers a copy with success and an error in the body, and another process
        // may have removed the blob since: only what is listed is stored.
        let is_there = |newest: &Stored| newest.info.put_at >= placed.put_at && newest.info.len == placed.len;
        let newest = stored.pop().filter(is_there);
        let newest = newest.ok_or_else(|| StorageError::new(BACKEND, StorageErrorKind::Busy))?;
        for earlier in stored {
            // The blob is stored: what cannot be deleted now is deleted by the next put or removal.
            report(&earlier.location, self.store.delete(&earlier.location).await);
        }
        Ok(newest.info)
    }

    /// Deletes objects in the order of their times, so that the time of a blob that is removed in
    /// part is still its latest.
    async fn delete(&self, stored: &[Stored]) -> Result<(), StorageError> {
        for object in stored {
            unless_absent(self.store.delete(&object.location).await).map_err(failed)?;
        }
        Ok(())
    }
}

#[async_trait]
impl Blobs for ObjectBlobs {
    async fn put(&self, source: &mut dyn BlobSource, limits: &PutLimits, now: Timestamp) -> Result<BlobInfo, PutError> {
        let mut remains = Remains::none(&self.store);
        let placed = self.place(source, limits, now, &mut remains.partial).await;
        let settled = match placed {
            Ok(placed) => self.settle(placed).await.map_err(PutError::from),
            Err(error) => Err(error),
        };
        remains.remove().await;
        settled
    }

    async fn info(&self, id: &BlobId) -> Result<Option<BlobInfo>, StorageError> {
        Ok(self.stored(id).await?.pop().map(|newest| newest.info))
    }

    async fn read(&self, id: &BlobId, range: Range<u64>) -> Result<Option<Vec<u8>>, StorageError> {
        for _ in 0..ATTEMPTS {
            let Some(newest) = self.stored(id).await?.pop() else { return Ok(None) };
            let end = range.end.min(newest.info.len);
            let start = range.start.min(end);
            if let Some(bytes) = self.bytes(&newest.location, start..end).await? {
                return Ok(Some(bytes));
            }
        }
        Err(StorageError::new(BACKEND, StorageErrorKind::Busy))
    }

    async fn list(&self, after: Option<&BlobId>, limit: u16) -> Result<Vec<BlobInfo>, StorageError> {
        self.page(after, usize::from(limit)).await
    }

    async fn remove(&self, id: &BlobId, put_before: Timestamp) -> Result<bool, StorageError> {
        let stored = self.stored(id).await?;
        let is_old = stored.last().is_some_and(|newest| newest.info.put_at < put_before);
        if is_old {
            self.delete(&stored).await?;
        }
        Ok(is_old)
    }
}

/// Shows the bucket and the prefix; the client of the storage holds keys.
impl fmt::Debug for ObjectBlobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectBlobs")
            .field("store", &self.store.to_string())
            .field("root", &self.names.root().to_string())
            .finish_non_exhaustive()
    }
}

fn failed(error: object_store::Error) -> StorageError {
    let unavailable = StorageError::new(BACKEND, StorageErrorKind::Unavailable);
    StorageError { source: Some(Box::new(error)), ..unavailable }
}

#[cfg(test)]
mod tests;
