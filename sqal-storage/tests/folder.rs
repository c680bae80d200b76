//! Blobs in a folder: every law, and the tests specific to files: a folder that is opened again,
//! leftovers of killed puts, permissions, files that other programs have put there.
#![cfg(all(feature = "conformance", feature = "folder"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod own_folder;

use std::fs::{self, File};
use std::path::Path;
use std::pin::Pin;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use own_folder::own_folder;
use sqal_core::Timestamp;
use sqal_storage::blobs::{BlobId, BlobInfo, BlobSource, PutError, PutLimits, SourceError};
use sqal_storage::{Blobs, StorageErrorKind, folder::FolderBlobs};
use tokio::runtime::Builder;
use tokio::sync::oneshot;

/// The hash of `abc` and of the empty text (FIPS 180-2).
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

const DAY: i64 = 86_400_000_000;

sqal_storage::blobs_conformance!(async { open(&own_folder(), at(0)).await });

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(1_794_000_000_000_000 + micros).unwrap()
}

fn system_time(at: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(at.micros().unsigned_abs())
}

async fn open(path: &Path, now: Timestamp) -> FolderBlobs {
    FolderBlobs::open(path, now).await.unwrap()
}

async fn put(blobs: &FolderBlobs, bytes: &[u8], now: Timestamp) -> BlobInfo {
    let mut source = bytes;
    blobs.put(&mut source, &PutLimits::at_most(1_000_000), now).await.unwrap()
}

async fn whole(blobs: &FolderBlobs, id: &BlobId) -> Option<Vec<u8>> {
    blobs.read(id, 0..u64::MAX).await.unwrap()
}

async fn list(blobs: &FolderBlobs) -> Vec<BlobInfo> {
    blobs.list(None, 1_000).await.unwrap()
}

/// The names in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn a_folder_that_is_opened_again_has_what_was_put() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plant").join("blobs");
    let blobs = open(&path, at(0)).await;
    let stored = [put(&blobs, b"abc", at(1)).await, put(&blobs, b"", at(2)).await];
    drop(blobs);
    let blobs = open(&path, at(DAY)).await;
    assert_eq!(list(&blobs).await, stored);
    assert_eq!(whole(&blobs, &stored[0].id).await.unwrap(), b"abc");
    assert_eq!(whole(&blobs, &stored[1].id).await.unwrap(), b"");
}

#[tokio::test]
async fn a_blob_is_a_file_under_its_hash_with_the_time_of_its_put() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = open(folder.path(), at(0)).await;
    put(&blobs, b"abc", at(3)).await;
    let path = folder.path().join("ba").join(ABC);
    assert_eq!(fs::read(&path).unwrap(), b"abc");
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), system_time(at(3)));
    // Also before 1970.
    let early = Timestamp::from_micros(-1).unwrap();
    let stored = put(&blobs, b"early", early).await;
    assert_eq!(stored.put_at, early);
    assert_eq!(blobs.info(&stored.id).await.unwrap(), Some(stored));
}

#[tokio::test]
async fn partial_files_of_a_killed_put_are_not_listed_and_are_removed_a_day_later() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path(), at(0)).await;
    let partial = folder.path().join(".partial");
    for (name, written) in [("1-0", at(-1)), ("1-1", at(0))] {
        let file = File::create(partial.join(name)).unwrap();
        file.set_modified(system_time(written)).unwrap();
    }
    // The killed process had the number of this one.
    let same = format!("{}-0", std::process::id());
    fs::write(partial.join(&same), "left").unwrap();
    File::options().write(true).open(partial.join(&same)).unwrap().set_modified(system_time(at(DAY))).unwrap();
    let blobs = open(folder.path(), at(0)).await;
    assert_eq!(list(&blobs).await, []);
    let stored = put(&blobs, b"abc", at(1)).await;
    assert_eq!(list(&blobs).await, [stored]);
    assert_eq!(fs::read(partial.join(&same)).unwrap(), b"left", "a put writes into the file of another put");
    assert_eq!(names(&partial).len(), 3, "{:?}", names(&partial));
    open(folder.path(), at(DAY)).await;
    assert!(!partial.join("1-0").exists(), "a file of more than a day stays");
    assert!(partial.join("1-1").exists(), "a file of a day is removed");
    open(folder.path(), at(DAY + 1)).await;
    assert_eq!(names(&partial), [same]);
    assert_eq!(list(&blobs).await, [stored], "a blob is not a partial file");
}

/// A source that gives one part, reports when the store asks for the next, and never ends.
struct Stalled {
    part: Option<Vec<u8>>,
    asked: Option<oneshot::Sender<()>>,
}

impl Stalled {
    fn of(part: &[u8]) -> Self {
        Self { part: Some(part.to_vec()), asked: None }
    }
}

#[async_trait]
impl BlobSource for Stalled {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, SourceError> {
        if let Some(part) = self.part.take() {
            return Ok(Some(part));
        }
        if let Some(asked) = self.asked.take() {
            asked.send(()).unwrap();
        }
        std::future::pending().await
    }
}

/// Begins a put whose source gives one part and never ends, and waits until the part is written.
async fn begun<'a>(blobs: &'a FolderBlobs, stalled: &'a mut Stalled, limits: &'a PutLimits) -> Put<'a> {
    let (asked, asks) = oneshot::channel();
    stalled.asked = Some(asked);
    let mut put = blobs.put(stalled, limits, at(1));
    tokio::select! {
        put = &mut put => panic!("the source never ends: {put:?}"),
        asked = asks => asked.unwrap(),
    }
    put
}

type Put<'a> = Pin<Box<dyn Future<Output = Result<BlobInfo, PutError>> + Send + 'a>>;

#[tokio::test]
async fn a_put_that_fails_or_is_dropped_leaves_no_partial_file() {
    let folder = tempfile::tempdir().unwrap();
    let partial = folder.path().join(".partial");
    let blobs = open(folder.path(), at(0)).await;
    let (mut stalled, limits) = (Stalled::of(b"abc"), PutLimits::at_most(1_000));
    let dropped = begun(&blobs, &mut stalled, &limits).await;
    assert_eq!(names(&partial).len(), 1);
    drop(dropped);
    let is_removed = async {
        while !names(&partial).is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), is_removed).await.expect("the put was dropped");
    let mut source: &[u8] = b"abc";
    let error = blobs.put(&mut source, &PutLimits::at_most(2), at(1)).await.unwrap_err();
    assert!(matches!(error, PutError::TooLarge { most: 2 }), "{error}");
    assert!(names(&partial).is_empty(), "the put was too large");
    for _ in 0..2 {
        put(&blobs, b"abc", at(1)).await;
        assert!(names(&partial).is_empty(), "the put has succeeded");
    }
}

/// The only thread that may wait for the disk is busy: the file of a dropped put waits for it, and
/// the thread that drops the put does not remove the file itself.
#[test]
fn the_file_of_a_dropped_put_is_removed_on_a_thread_that_may_wait_for_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let partial = folder.path().join(".partial");
    let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let blobs = open(folder.path(), at(0)).await;
        let (mut stalled, limits) = (Stalled::of(b"abc"), PutLimits::at_most(1_000));
        let put = begun(&blobs, &mut stalled, &limits).await;
        let (free, is_freed) = std::sync::mpsc::channel::<()>();
        let busy = tokio::task::spawn_blocking(move || is_freed.recv());
        drop(put);
        assert_eq!(names(&partial).len(), 1, "the file was removed by the thread that has dropped the put");
        free.send(()).unwrap();
        busy.await.unwrap().unwrap();
        // The tasks of the only thread run in order.
        tokio::task::spawn_blocking(|| ()).await.unwrap();
        assert!(names(&partial).is_empty());
    });
}

#[test]
fn a_put_that_outlives_its_runtime_leaves_no_partial_file() {
    let folder = tempfile::tempdir().unwrap();
    let partial = folder.path().join(".partial");
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let blobs = runtime.block_on(open(folder.path(), at(0)));
    let (mut stalled, limits) = (Stalled::of(b"abc"), PutLimits::at_most(1_000));
    let put = runtime.block_on(begun(&blobs, &mut stalled, &limits));
    drop(runtime);
    assert_eq!(names(&partial).len(), 1);
    drop(put);
    assert!(names(&partial).is_empty());
}

#[cfg(unix)]
#[tokio::test]
async fn files_and_folders_are_readable_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("blobs");
    let blobs = open(&path, at(0)).await;
    put(&blobs, b"abc", at(1)).await;
    let shard = path.join("ba");
    for (path, mode) in [(&path, 0o700), (&path.join(".partial"), 0o700), (&shard, 0o700), (&shard.join(ABC), 0o600)] {
        let found = fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(found & 0o777, mode, "{}", path.display());
    }
}

#[tokio::test]
async fn files_of_other_programs_are_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = open(folder.path(), at(0)).await;
    let stored = put(&blobs, b"abc", at(1)).await;
    let shard = folder.path().join("ba");
    for path in [
        folder.path().join("README"),
        // A file in place of a shard.
        folder.path().join("00"),
        shard.join("notes.txt"),
        shard.join(format!("{ABC}.bak")),
        // A hash in the shard of another.
        shard.join(EMPTY),
    ] {
        fs::write(path, "x").unwrap();
    }
    // A name in capitals, in the right shard.
    let capitals = BlobId::of(b"capitals").to_string();
    let its_shard = folder.path().join(&capitals[..2]);
    fs::create_dir_all(&its_shard).unwrap();
    fs::write(its_shard.join(capitals.to_uppercase()), "x").unwrap();
    // A folder in place of a blob.
    fs::create_dir_all(folder.path().join("e3").join(EMPTY)).unwrap();
    assert_eq!(list(&blobs).await, [stored]);
    for id in [BlobId::of(b""), BlobId::from_bytes([0; 32])] {
        assert_eq!(blobs.info(&id).await.unwrap(), None);
        assert_eq!(whole(&blobs, &id).await, None);
        assert!(!blobs.remove(&id, at(DAY)).await.unwrap());
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_in_place_of_a_blob_is_not_followed() {
    let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let target = outside.path().join("secret");
    fs::write(&target, "secret").unwrap();
    let blobs = open(folder.path(), at(0)).await;
    let path = folder.path().join("ba").join(ABC);
    fs::create_dir(folder.path().join("ba")).unwrap();
    std::os::unix::fs::symlink(&target, &path).unwrap();
    let id = BlobId::of(b"abc");
    assert_eq!(list(&blobs).await, []);
    assert_eq!(blobs.info(&id).await.unwrap(), None);
    assert_eq!(whole(&blobs, &id).await, None);
    assert!(!blobs.remove(&id, at(DAY)).await.unwrap());
    // A put takes the place of the link and leaves its target as it is.
    let stored = put(&blobs, b"abc", at(1)).await;
    assert_eq!(list(&blobs).await, [stored]);
    assert!(fs::symlink_metadata(&path).unwrap().is_file());
    assert_eq!(whole(&blobs, &id).await.unwrap(), b"abc");
    assert_eq!(fs::read(&target).unwrap(), b"secret");
}

#[tokio::test]
async fn a_blob_of_another_length_is_replaced_when_its_content_is_put_again() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = open(folder.path(), at(0)).await;
    let stored = put(&blobs, b"abc", at(1)).await;
    fs::write(folder.path().join("ba").join(ABC), "ab").unwrap();
    assert_eq!(put(&blobs, b"abc", at(1)).await, stored);
    assert_eq!(whole(&blobs, &stored.id).await.unwrap(), b"abc");
}

#[tokio::test]
async fn a_file_in_place_of_the_folder_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("blobs");
    fs::write(&path, "x").unwrap();
    let error = FolderBlobs::open(&path, at(0)).await.unwrap_err();
    assert_eq!((error.backend, error.kind), ("folder", StorageErrorKind::Unavailable));
    assert!(error.source.is_some());
}
