//! [`ObjectBlobs`]: blobs as objects of a bucket of S3, each named by its SHA-256 and the time of
//! its put.

mod config;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt as _};
use sqal_core::Timestamp;
use tokio::runtime::Handle;
use tracing::warn;

use crate::blobs::{BlobId, BlobInfo, BlobSource, Blobs, PutCheck, PutError, PutLimits};
use crate::{StorageError, StorageErrorKind};

pub use config::{InvalidS3, S3Config};

/// The name of this store in errors.
const BACKEND: &str = "objects";

/// The folder of the objects whose hash is not known yet.
const PARTIAL: &str = "partial";

/// The size of the parts of an upload, in bytes. S3 demands at least 5 MiB, and at most 10,000
/// parts.
const PART: usize = 8 * 1024 * 1024;

/// The largest object that S3 copies in one request, in bytes (Amazon S3 API reference,
/// `CopyObject`).
const LARGEST: u64 = 5 * 1024 * 1024 * 1024;

/// The microseconds from the beginning of the year 0, the earliest [`Timestamp`], to 1970.
const YEAR_0: i64 = 62_167_219_200_000_000;

/// The number of digits of the latest [`Timestamp`], in microseconds since the year 0.
const TIME_DIGITS: usize = 18;

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
    /// The path above all objects of the store; empty for the whole bucket.
    root: Path,
    /// Random bits, so that the names of two stores differ.
    epoch: u128,
    /// The number of names that this store has given.
    names: AtomicU64,
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
    /// let config = S3Config {
    ///     endpoint: "http://storage.plant:9000".to_owned(),
    ///     region: "us-east-1".to_owned(),
    ///     bucket: "sqal".to_owned(),
    ///     prefix: "line-2/blobs".to_owned(),
    ///     access_key: "AKIAEXAMPLE".to_owned(),
    ///     secret_key: "hunter2".to_owned(),
    ///     allow_http: true,
    /// };
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
        Self { store, root, epoch, names: AtomicU64::new(0), part: PART, largest: LARGEST }
    }

    /// An empty store in memory, with parts of another size than S3 accepts.
    #[cfg(test)]
    pub(crate) fn in_memory(part: usize) -> Self {
        let memory = Arc::new(object_store::memory::InMemory::new());
        Self { part, ..Self::over(memory, Path::from("plant/blobs"), 7) }
    }

    /// A part of a name that no other put of any process has.
    fn unique(&self) -> String {
        format!("{:032x}-{}", self.epoch, self.names.fetch_add(1, Ordering::Relaxed))
    }

    /// The folder of the objects with a content.
    fn folder_of(&self, id: &BlobId) -> Path {
        Path::from(format!("{}/{:02x}/{id}", self.root, id.as_bytes()[0]))
    }

    /// A new name for a content.
    fn name(&self, id: &BlobId, put_at: Timestamp) -> Path {
        Path::from(format!("{}/{}-{}", self.folder_of(id), digits(put_at), self.unique()))
    }

    /// What the name and the size of an object say of a blob; `None` if it is another object.
    fn info_of(&self, object: &ObjectMeta) -> Option<BlobInfo> {
        let mut parts = object.location.prefix_match(&self.root)?;
        let (shard, name, put) = (parts.next()?, parts.next()?, parts.next()?);
        let (shard, name, put): (&str, &str, &str) = (shard.as_ref(), name.as_ref(), put.as_ref());
        if parts.next().is_some() || name.get(..2) != Some(shard) {
            return None;
        }
        // The parser accepts capitals too, which this store does not write.
        let id = name.parse::<BlobId>().ok().filter(|id| id.to_string() == name)?;
        let (time, _) = put.split_once('-')?;
        Some(BlobInfo::new(id, object.size, time_of(time)?))
    }

    /// The objects with a content, in the order of their names: the last one is the blob.
    async fn stored(&self, id: &BlobId) -> Result<Vec<Stored>, StorageError> {
        let mut objects = self.store.list(Some(&self.folder_of(id)));
        let mut stored = Vec::new();
        while let Some(object) = objects.try_next().await.map_err(failed)? {
            if let Some(info) = self.info_of(&object) {
                stored.push(Stored { info, location: object.location });
            }
        }
        stored.sort_unstable_by(|a, b| a.location.cmp(&b.location));
        Ok(stored)
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
                    *partial = Some(self.begin().await?);
                }
                if let Some(upload) = partial {
                    upload.write(part).await.map_err(failed)?;
                }
            }
        }
        let (id, len) = check.finish()?;
        let location = self.name(&id, now);
        if let Some(upload) = partial {
            upload.write(rest).await.map_err(failed)?;
            upload.complete().await.map_err(failed)?;
            self.store.copy(&upload.location, &location).await.map_err(failed)?;
        } else {
            self.store.put(&location, rest.into()).await.map_err(failed)?;
        }
        Ok(BlobInfo::new(id, len, now))
    }

    async fn begin(&self) -> Result<Partial, StorageError> {
        let location = Path::from(format!("{}/{PARTIAL}/{}", self.root, self.unique()));
        let upload = self.store.put_multipart(&location).await.map_err(failed)?;
        Ok(Partial { location, upload, is_whole: false })
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
        let mut remains = Remains { store: Arc::clone(&self.store), partial: None };
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
        let limit = usize::from(limit);
        if limit == 0 {
            return Ok(Vec::new());
        }
        let mut objects = match after {
            None => self.store.list(Some(&self.root)),
            Some(after) => {
                // `0` follows `/`: this name is after all objects of the id, and before all of the
                // next id.
                let offset = Path::from(format!("{}0", self.folder_of(after)));
                self.store.list_with_offset(Some(&self.root), &offset)
            }
        };
        let mut listed: Vec<BlobInfo> = Vec::new();
        while let Some(object) = objects.try_next().await.map_err(failed)? {
            let Some(info) = self.info_of(&object) else { continue };
            if let Some(last) = listed.last_mut().filter(|last| last.id == info.id) {
                // A later object of the same content.
                *last = info;
            } else if listed.len() == limit {
                break;
            } else {
                listed.push(info);
            }
        }
        Ok(listed)
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
            .field("root", &self.root.to_string())
            .finish_non_exhaustive()
    }
}

/// An object with a content.
struct Stored {
    info: BlobInfo,
    location: Path,
}

/// A content that is being uploaded, before its hash is known.
struct Partial {
    location: Path,
    upload: Box<dyn MultipartUpload>,
    /// Whether the upload is complete: its parts are then an object.
    is_whole: bool,
}

impl Partial {
    async fn write(&mut self, part: Vec<u8>) -> object_store::Result<()> {
        self.upload.put_part(part.into()).await
    }

    async fn complete(&mut self) -> object_store::Result<()> {
        self.upload.complete().await?;
        self.is_whole = true;
        Ok(())
    }

    /// Removes the parts and the object. If the request that completes the upload has failed,
    /// either may exist.
    async fn remove(&mut self, store: &Arc<dyn ObjectStore>) {
        if !self.is_whole {
            report(&self.location, self.upload.abort().await);
        }
        report(&self.location, store.delete(&self.location).await);
    }
}

/// The partial object of a put. It is removed at the end of the put; if the put is dropped before
/// its end, it is removed in the background.
struct Remains {
    store: Arc<dyn ObjectStore>,
    partial: Option<Partial>,
}

impl Remains {
    async fn remove(&mut self) {
        if let Some(partial) = &mut self.partial {
            partial.remove(&self.store).await;
        }
        self.partial = None;
    }
}

impl Drop for Remains {
    fn drop(&mut self) {
        let Some(mut partial) = self.partial.take() else { return };
        // Without a runtime, the lifecycle rule of the bucket removes it.
        if let Ok(runtime) = Handle::try_current() {
            let store = Arc::clone(&self.store);
            runtime.spawn(async move { partial.remove(&store).await });
        }
    }
}

/// The time of a put as it stands in a name, so that the order of names is the order of times.
fn digits(put_at: Timestamp) -> String {
    format!("{:0TIME_DIGITS$}", put_at.micros() + YEAR_0)
}

/// The time of a put, from its digits in a name.
fn time_of(digits: &str) -> Option<Timestamp> {
    if digits.len() != TIME_DIGITS || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    Timestamp::from_micros(digits.parse::<i64>().ok()? - YEAR_0).ok()
}

fn failed(error: object_store::Error) -> StorageError {
    let unavailable = StorageError::new(BACKEND, StorageErrorKind::Unavailable);
    StorageError { source: Some(Box::new(error)), ..unavailable }
}

/// The result of a deletion; an absent object is deleted.
fn unless_absent(deleted: object_store::Result<()>) -> object_store::Result<()> {
    match deleted {
        Err(object_store::Error::NotFound { .. }) => Ok(()),
        deleted => deleted,
    }
}

/// Logs the failure of a deletion that changes no blob.
fn report(location: &Path, deleted: object_store::Result<()>) {
    if let Err(error) = unless_absent(deleted) {
        warn!(%location, %error, "an object that no blob needs cannot be deleted, and takes room in the bucket");
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream::BoxStream;
    use object_store::memory::InMemory;
    use object_store::{
        CopyOptions, GetOptions, GetResult, ListResult, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    };

    use super::*;

    #[cfg(feature = "conformance")]
    mod contents_in_one_part {
        use super::*;

        crate::blobs_conformance!(async { ObjectBlobs::in_memory(PART) });
    }

    #[cfg(feature = "conformance")]
    mod contents_in_many_parts {
        use super::*;

        crate::blobs_conformance!(async { ObjectBlobs::in_memory(4_096) });
    }

    const ROOM: PutLimits = PutLimits::at_most(1_000_000);

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(1_794_000_000_000_000 + micros).unwrap()
    }

    async fn put(blobs: &ObjectBlobs, bytes: &[u8], now: Timestamp) -> BlobInfo {
        let mut source = bytes;
        blobs.put(&mut source, &ROOM, now).await.unwrap()
    }

    async fn whole(blobs: &ObjectBlobs, id: &BlobId) -> Option<Vec<u8>> {
        blobs.read(id, 0..u64::MAX).await.unwrap()
    }

    /// The names of all objects, in order.
    async fn names(store: &dyn ObjectStore) -> Vec<String> {
        let mut names: Vec<_> =
            store.list(None).map_ok(|object| object.location.to_string()).try_collect().await.unwrap();
        names.sort_unstable();
        names
    }

    #[tokio::test]
    async fn a_blob_is_one_object_under_its_hash_and_the_time_of_its_put() {
        // Of 999, 1,000 and 1,001 bytes, only the last has a second part.
        for (len, number) in [(999, 0), (1_000, 0), (1_001, 1)] {
            let blobs = ObjectBlobs::in_memory(1_000);
            let stored = put(&blobs, &vec![b'x'; len], at(3)).await;
            let id = stored.id.to_string();
            let name = format!("plant/blobs/{}/{id}/063961219200000003-{:032x}-{number}", &id[..2], 7);
            assert_eq!(names(&*blobs.store).await, [name], "{len} bytes");
            assert_eq!(whole(&blobs, &stored.id).await.unwrap().len(), len);
        }
    }

    #[test]
    fn the_order_of_digits_is_the_order_of_times() {
        let micros = [-62_167_219_200_000_000, -1, 0, 1, 1_794_000_000_000_000, 253_402_300_799_999_999];
        let times = micros.map(|micros| Timestamp::from_micros(micros).unwrap());
        assert!(times.map(digits).is_sorted());
        for time in times {
            assert_eq!(digits(time).len(), 18);
            assert_eq!(time_of(&digits(time)), Some(time));
        }
        for other in ["", "1", "+63961219200000003", "-63961219200000003", "0063961219200000003", "999999999999999999"]
        {
            assert_eq!(time_of(other), None, "{other}");
        }
    }

    #[tokio::test]
    async fn objects_that_a_killed_put_has_left_are_one_blob_until_the_next_put_deletes_them() {
        let blobs = ObjectBlobs::in_memory(PART);
        let id = BlobId::of(b"abc");
        for time in [5, 2, 9] {
            blobs.store.put(&blobs.name(&id, at(time)), b"abc".to_vec().into()).await.unwrap();
        }
        let other = put(&blobs, b"other", at(1)).await;
        let newest = BlobInfo::new(id, 3, at(9));
        assert_eq!(blobs.info(&id).await.unwrap(), Some(newest));
        let mut both = [newest, other];
        both.sort_by_key(|blob| blob.id);
        assert_eq!(blobs.list(None, 10).await.unwrap(), both);
        assert_eq!(blobs.list(None, 1).await.unwrap(), both[..1]);
        assert_eq!(blobs.list(Some(&both[0].id), 1).await.unwrap(), both[1..]);
        assert!(!blobs.remove(&id, at(9)).await.unwrap(), "the latest time counts");
        assert_eq!(names(&*blobs.store).await.len(), 4);
        assert_eq!(put(&blobs, b"abc", at(3)).await, newest);
        assert_eq!(names(&*blobs.store).await.len(), 2);
        assert!(blobs.remove(&id, at(10)).await.unwrap());
        assert_eq!(blobs.list(None, 10).await.unwrap(), [other]);
    }

    #[tokio::test]
    async fn a_removal_deletes_no_object_of_a_put_that_came_after_its_listing() {
        let blobs = ObjectBlobs::in_memory(PART);
        // At the same time too: no name is used twice.
        for time in [1, 2] {
            let old = put(&blobs, b"abc", at(1)).await;
            let listed = blobs.stored(&old.id).await.unwrap();
            let renewed = put(&blobs, b"abc", at(time)).await;
            blobs.delete(&listed).await.unwrap();
            assert_eq!(blobs.info(&old.id).await.unwrap(), Some(renewed));
            assert_eq!(whole(&blobs, &old.id).await.unwrap(), b"abc");
            assert!(blobs.remove(&old.id, at(9)).await.unwrap());
        }
    }

    #[tokio::test]
    async fn a_content_that_s3_cannot_copy_is_too_large() {
        let blobs = ObjectBlobs { largest: 10, ..ObjectBlobs::in_memory(4) };
        let mut source: &[u8] = &[0; 11];
        let error = blobs.put(&mut source, &ROOM, at(1)).await.unwrap_err();
        assert!(matches!(error, PutError::TooLarge { most: 10 }), "{error}");
        put(&blobs, &[0; 10], at(1)).await;
        assert_eq!(names(&*blobs.store).await.len(), 1);
    }

    /// A store in memory that cannot copy, and that lists objects which it then does not find.
    #[derive(Debug)]
    struct Broken(InMemory);

    impl Broken {
        fn absent(location: &Path) -> object_store::Error {
            object_store::Error::NotFound { path: location.to_string(), source: "it is broken".into() }
        }
    }

    impl fmt::Display for Broken {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Broken")
        }
    }

    #[async_trait]
    impl ObjectStore for Broken {
        async fn put_opts(
            &self,
            location: &Path,
            payload: PutPayload,
            options: PutOptions,
        ) -> object_store::Result<PutResult> {
            self.0.put_opts(location, payload, options).await
        }

        async fn put_multipart_opts(
            &self,
            location: &Path,
            options: PutMultipartOptions,
        ) -> object_store::Result<Box<dyn MultipartUpload>> {
            self.0.put_multipart_opts(location, options).await
        }

        async fn get_opts(&self, location: &Path, _: GetOptions) -> object_store::Result<GetResult> {
            Err(Self::absent(location))
        }

        fn delete_stream(
            &self,
            locations: BoxStream<'static, object_store::Result<Path>>,
        ) -> BoxStream<'static, object_store::Result<Path>> {
            self.0.delete_stream(locations)
        }

        fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
            self.0.list(prefix)
        }

        async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
            self.0.list_with_delimiter(prefix).await
        }

        async fn copy_opts(&self, from: &Path, _: &Path, _: CopyOptions) -> object_store::Result<()> {
            Err(Self::absent(from))
        }
    }

    #[tokio::test]
    async fn a_put_that_fails_at_its_last_step_leaves_no_object() {
        let broken = Arc::new(Broken(InMemory::new()));
        let blobs = ObjectBlobs { part: 4, ..ObjectBlobs::over(broken, Path::from(""), 7) };
        let mut source: &[u8] = b"abcde";
        let error = blobs.put(&mut source, &ROOM, at(1)).await.unwrap_err();
        let PutError::Storage(error) = error else { panic!("{error}") };
        // Absence is an answer to a read, and a failure of a copy.
        assert_eq!((error.backend, error.kind), ("objects", StorageErrorKind::Unavailable));
        assert!(error.source.is_some());
        assert!(names(&*blobs.store).await.is_empty());
    }

    #[tokio::test]
    async fn a_blob_that_is_listed_and_never_found_is_busy_and_not_absent() {
        let broken = Arc::new(Broken(InMemory::new()));
        let blobs = ObjectBlobs::over(broken, Path::from("plant"), 7);
        let stored = put(&blobs, b"abc", at(1)).await;
        let error = blobs.read(&stored.id, 0..3).await.unwrap_err();
        assert_eq!((error.backend, error.kind), ("objects", StorageErrorKind::Busy));
        // An empty range needs no object.
        assert_eq!(blobs.read(&stored.id, 3..9).await.unwrap().unwrap(), b"");
    }

    #[test]
    fn only_absence_is_absent() {
        let absent = Broken::absent(&Path::from("a"));
        assert!(unless_absent(Err(absent)).is_ok());
        let other = object_store::Error::Generic { store: "S3", source: "down".into() };
        assert!(unless_absent(Err(other)).is_err());
        assert!(unless_absent(Ok(())).is_ok());
    }

    #[test]
    fn debug_shows_the_prefix() {
        let shown = format!("{:?}", ObjectBlobs::in_memory(PART));
        assert_eq!(shown, "ObjectBlobs { store: \"InMemory\", root: \"plant/blobs\", .. }");
    }
}
