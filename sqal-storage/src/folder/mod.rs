//! [`FolderBlobs`]: blobs as files of one folder, each named by its SHA-256.

mod partial;

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use sqal_core::Timestamp;

use crate::blobs::{BlobId, BlobInfo, BlobSource, Blobs, PutError, PutLimits};
use crate::{StorageError, StorageErrorKind};
use partial::{Held, Partial};

/// The name of this store in errors.
const BACKEND: &str = "folder";

/// The folder of the files that are being written.
const PARTIAL: &str = ".partial";

/// The age after which [`FolderBlobs::open`] removes a partial file, in microseconds: one day since
/// its last write.
const PARTIAL_AGE: i64 = 24 * 60 * 60 * 1_000_000;

/// A store of blobs in a folder of a disk.
///
/// The content with the hash `ba78…15ad` is the file `ba/ba78…15ad` of the folder. The store writes
/// it to a file in `.partial`, syncs this file and renames it: a file under its hash is whole, also
/// after a loss of power. New files have mode 0600 and new folders mode 0700.
///
/// # Times
///
/// The time of the last put is the modification time of the file, in whole microseconds. A file
/// system with coarser times rounds it down: ext3 to one second, FAT to two seconds. The store
/// returns the time that it reads back, and a sweep may then remove a blob earlier by the
/// difference. A copy of the folder must keep the times (`cp -p`, `rsync -t`); otherwise the copied
/// blobs have the time of the copy.
///
/// # Processes
///
/// A put and a removal of one content exclude each other within one `FolderBlobs`, but not between
/// two. A folder whose blobs are removed or swept (see [`sweep_blobs`](crate::blobs::sweep_blobs))
/// must therefore be written by one process, with one `FolderBlobs`. Any number of processes may
/// read it.
///
/// # Runtime
///
/// The calls of the operating system run on the blocking threads of `tokio`: every method must be
/// called within a runtime of `tokio`. If the future of a put is dropped, a blocking thread removes
/// its partial file.
#[derive(Debug)]
pub struct FolderBlobs {
    folder: Arc<Folder>,
}

impl FolderBlobs {
    /// Opens a folder, and creates it if it does not exist. Partial files that a killed process has
    /// left are removed if their last write was more than a day before `now`.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the folder cannot be created or read.
    pub async fn open(path: impl Into<PathBuf>, now: Timestamp) -> Result<Self, StorageError> {
        let folder = Folder { path: path.into(), begun: AtomicU64::new(0), changes: Mutex::new(()) };
        let folder = blocking(move || folder.prepare(now).map(|()| folder).map_err(failed)).await?;
        Ok(Self { folder: Arc::new(folder) })
    }
}

#[async_trait]
impl Blobs for FolderBlobs {
    async fn put(&self, source: &mut dyn BlobSource, limits: &PutLimits, now: Timestamp) -> Result<BlobInfo, PutError> {
        let (folder, limits) = (Arc::clone(&self.folder), *limits);
        let mut held = blocking(move || folder.begin(limits).map(Held::new).map_err(failed)).await?;
        loop {
            match source.next().await {
                Ok(Some(part)) => held = held.on_disk(move |partial| partial.write(&part).map(Held::new)).await?,
                Ok(None) => break,
                Err(error) => return held.on_disk(|_| Err(error.into())).await,
            }
        }
        let folder = Arc::clone(&self.folder);
        held.on_disk(move |partial| folder.keep(partial, now)).await
    }

    async fn info(&self, id: &BlobId) -> Result<Option<BlobInfo>, StorageError> {
        let (folder, id) = (Arc::clone(&self.folder), *id);
        blocking(move || folder.look(&id).map_err(failed)).await
    }

    async fn read(&self, id: &BlobId, range: Range<u64>) -> Result<Option<Vec<u8>>, StorageError> {
        let (folder, id) = (Arc::clone(&self.folder), *id);
        blocking(move || folder.read(&id, &range).map_err(failed)).await
    }

    async fn list(&self, after: Option<&BlobId>, limit: u16) -> Result<Vec<BlobInfo>, StorageError> {
        let (folder, after) = (Arc::clone(&self.folder), after.copied());
        blocking(move || folder.list(after, usize::from(limit)).map_err(failed)).await
    }

    async fn remove(&self, id: &BlobId, put_before: Timestamp) -> Result<bool, StorageError> {
        let (folder, id) = (Arc::clone(&self.folder), *id);
        blocking(move || folder.remove(&id, put_before).map_err(failed)).await
    }
}

/// Runs calls of the operating system on a thread that may wait for the disk.
async fn blocking<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: From<StorageError> + Send + 'static,
{
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        let internal = StorageError::new(BACKEND, StorageErrorKind::Internal);
        Err(StorageError { source: Some(Box::new(error)), ..internal }.into())
    })
}

fn failed(error: io::Error) -> StorageError {
    let kind = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StorageErrorKind::Full,
        // A modification time that is not a `Timestamp`.
        ErrorKind::InvalidData => StorageErrorKind::Corrupt(error.to_string()),
        _ => StorageErrorKind::Unavailable,
    };
    StorageError { source: Some(Box::new(error)), ..StorageError::new(BACKEND, kind) }
}

/// The folder, as its blocking calls see it.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    /// The number of puts that this process has begun; it names their partial files.
    begun: AtomicU64,
    /// Held while a blob gets its place, its new time, or is removed.
    changes: Mutex<()>,
}

impl Folder {
    fn hold(&self) -> MutexGuard<'_, ()> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The folder of all blobs whose ids begin with this byte.
    fn shard(&self, first: u8) -> PathBuf {
        self.path.join(format!("{first:02x}"))
    }

    fn shard_of(&self, id: &BlobId) -> PathBuf {
        self.shard(id.as_bytes()[0])
    }

    fn path_of(&self, id: &BlobId) -> PathBuf {
        self.shard_of(id).join(id.to_string())
    }

    fn prepare(&self, now: Timestamp) -> io::Result<()> {
        let partial = self.path.join(PARTIAL);
        create_folder(&partial)?;
        // A killed process may have created folders that it did not sync.
        sync_folder(&self.path)?;
        for entry in fs::read_dir(partial)? {
            let entry = entry?;
            let Some(found) = if_present(entry.metadata())? else { continue };
            let is_old = put_at(&found).is_ok_and(|written| written.micros() < now.micros() - PARTIAL_AGE);
            if is_old && found.is_file() {
                if_present(fs::remove_file(entry.path()))?;
            }
        }
        Ok(())
    }

    fn begin(&self, limits: PutLimits) -> io::Result<Partial> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        loop {
            let number = self.begun.fetch_add(1, Ordering::Relaxed);
            let path = self.path.join(PARTIAL).join(format!("{}-{number}", std::process::id()));
            match options.open(&path) {
                // A killed process with the number of this process has left the file.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                opened => {
                    let file = opened?;
                    return Ok(Partial::new(path, file, limits));
                }
            }
        }
    }

    /// Checks a partial file that is whole, and gives it its place.
    fn keep(&self, mut partial: Partial, now: Timestamp) -> Result<BlobInfo, PutError> {
        let (id, len) = partial.finish()?;
        self.place(&mut partial, &id, len, now).map_err(|error| PutError::Storage(failed(error)))
    }

    fn place(&self, partial: &mut Partial, id: &BlobId, len: u64, now: Timestamp) -> io::Result<BlobInfo> {
        // A file of another length is damaged and is replaced.
        let find = || self.look(id).map(|found| found.filter(|found| found.len == len));
        // A large file is synced before the lock is held, and not at all if it is not needed.
        let was_there = find()?.is_some();
        if !was_there {
            partial.seal(now)?;
        }
        let _held = self.hold();
        if let Some(found) = find()? {
            return self.renew(found, now);
        }
        if was_there {
            partial.seal(now)?;
        }
        let shard = self.shard_of(id);
        create_folder(&shard)?;
        partial.place_at(&self.path_of(id))?;
        sync_folder(&shard)?;
        Ok(BlobInfo::new(*id, len, put_at(&partial.metadata()?)?))
    }

    /// Gives a blob the later of its time and `now`; the lock is held.
    fn renew(&self, found: BlobInfo, now: Timestamp) -> io::Result<BlobInfo> {
        let mut renewed = found;
        if found.put_at < now {
            let file = OpenOptions::new().write(true).open(self.path_of(&found.id))?;
            file.set_modified(system_time(now)?)?;
            file.sync_all()?;
            renewed.put_at = put_at(&file.metadata()?)?;
        }
        // An earlier put of the content may have failed before it synced the folder.
        sync_folder(&self.shard_of(&found.id))?;
        Ok(renewed)
    }

    /// What is known of a blob. A link or a folder in its place is not a blob.
    fn look(&self, id: &BlobId) -> io::Result<Option<BlobInfo>> {
        let found = if_present(fs::symlink_metadata(self.path_of(id)))?.filter(Metadata::is_file);
        found.map(|found| put_at(&found).map(|put_at| BlobInfo::new(*id, found.len(), put_at))).transpose()
    }

    fn read(&self, id: &BlobId, range: &Range<u64>) -> io::Result<Option<Vec<u8>>> {
        let Some(found) = self.look(id)? else { return Ok(None) };
        let Some(mut file) = if_present(File::open(self.path_of(id)))? else { return Ok(None) };
        let end = range.end.min(found.len);
        let start = range.start.min(end);
        let mut bytes = Vec::with_capacity(usize::try_from(end - start).unwrap_or(0));
        file.seek(SeekFrom::Start(start))?;
        file.take(end - start).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    fn list(&self, after: Option<BlobId>, limit: usize) -> io::Result<Vec<BlobInfo>> {
        let mut listed = Vec::new();
        for first in after.map_or(0, |after| after.as_bytes()[0])..=u8::MAX {
            let mut ids = self.ids_in(first)?;
            ids.sort_unstable();
            for id in ids.into_iter().filter(|id| after.is_none_or(|after| *id > after)) {
                if listed.len() == limit {
                    return Ok(listed);
                }
                listed.extend(self.look(&id)?);
            }
        }
        Ok(listed)
    }

    /// The ids that are names in a shard, in no order.
    fn ids_in(&self, first: u8) -> io::Result<Vec<BlobId>> {
        let mut ids = Vec::new();
        for entry in if_present(fs::read_dir(self.shard(first)))?.into_iter().flatten() {
            let name = entry?.file_name();
            let id = name.to_str().and_then(|name| name.parse::<BlobId>().ok().filter(|id| id.to_string() == name));
            ids.extend(id.filter(|id| id.as_bytes()[0] == first));
        }
        Ok(ids)
    }

    fn remove(&self, id: &BlobId, put_before: Timestamp) -> io::Result<bool> {
        let _held = self.hold();
        let is_old = self.look(id)?.is_some_and(|found| found.put_at < put_before);
        if !is_old || if_present(fs::remove_file(self.path_of(id)))?.is_none() {
            return Ok(false);
        }
        sync_folder(&self.shard_of(id))?;
        Ok(true)
    }
}

/// The result of a call about a file or folder that may be absent.
fn if_present<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        found => found.map(Some),
    }
}

/// The modification time of a file, in whole microseconds.
fn put_at(found: &Metadata) -> io::Result<Timestamp> {
    let micros = match found.modified()?.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_micros()),
        Err(before) => i64::try_from(before.duration().as_micros()).map(|micros| -micros),
    };
    Timestamp::from_micros(micros.unwrap_or(i64::MAX)).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
}

fn system_time(at: Timestamp) -> io::Result<SystemTime> {
    let distance = Duration::from_micros(at.micros().unsigned_abs());
    let time = if at.micros() < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) };
    time.ok_or_else(|| ErrorKind::InvalidInput.into())
}

/// Creates a folder, and those above it, if it does not exist. The entry of each new folder is on
/// the disk when this function returns.
fn create_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    create_folder(above)?;
    match folder_builder().create(path) {
        // Another process was first.
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => {}
        created => created?,
    }
    sync_folder(above)
}

#[cfg(unix)]
fn folder_builder() -> DirBuilder {
    let mut builder = DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

#[cfg(not(unix))]
fn folder_builder() -> DirBuilder {
    DirBuilder::new()
}

/// Waits until the entries of a folder are on the disk.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Other systems open no folder as a file.
#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_disk_has_the_kind_on_which_a_caller_decides() {
        let kind = |kind: ErrorKind| failed(io::Error::from(kind)).kind;
        assert_eq!(kind(ErrorKind::StorageFull), StorageErrorKind::Full);
        assert_eq!(kind(ErrorKind::QuotaExceeded), StorageErrorKind::Full);
        assert_eq!(kind(ErrorKind::PermissionDenied), StorageErrorKind::Unavailable);
        assert_eq!(kind(ErrorKind::Other), StorageErrorKind::Unavailable);
    }

    #[test]
    fn only_absence_is_absent() {
        let of = |kind: ErrorKind| if_present::<()>(Err(kind.into()));
        assert_eq!(of(ErrorKind::NotFound).unwrap(), None);
        assert_eq!(of(ErrorKind::NotADirectory).unwrap(), None);
        assert_eq!(of(ErrorKind::PermissionDenied).unwrap_err().kind(), ErrorKind::PermissionDenied);
        assert_eq!(if_present(Ok(7)).unwrap(), Some(7));
    }
}
