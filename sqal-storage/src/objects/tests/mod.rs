//! Blobs as objects in memory: every law, what objects a put leaves, and storage with a fault.

mod faulty;

use faulty::{Fault, Faulty};
use futures_util::TryStreamExt as _;

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
    let mut names: Vec<_> = store.list(None).map_ok(|object| object.location.to_string()).try_collect().await.unwrap();
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

#[tokio::test]
async fn objects_that_a_killed_put_has_left_are_one_blob_until_the_next_put_deletes_them() {
    let blobs = ObjectBlobs::in_memory(PART);
    let id = BlobId::of(b"abc");
    for time in [5, 2, 9] {
        blobs.store.put(&blobs.names.new_name(&id, at(time)), b"abc".to_vec().into()).await.unwrap();
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

/// A store over a memory with a fault.
fn faulty(fault: Fault) -> ObjectBlobs {
    let store = Arc::new(Faulty::new(fault));
    ObjectBlobs { part: 4, ..ObjectBlobs::over(store, Path::from("plant"), 7) }
}

/// Puts a content that is copied to its place, and returns the error of the store.
async fn refused_put(blobs: &ObjectBlobs) -> StorageError {
    let mut source: &[u8] = b"abcde";
    match blobs.put(&mut source, &ROOM, at(2)).await.unwrap_err() {
        PutError::Storage(error) => error,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_put_that_fails_at_its_last_step_leaves_no_object() {
    let blobs = faulty(Fault::FindsNothing);
    let error = refused_put(&blobs).await;
    // Absence is an answer to a read, and a failure of a copy.
    assert_eq!((error.backend, error.kind), ("objects", StorageErrorKind::Unavailable));
    assert!(error.source.is_some());
    assert!(names(&*blobs.store).await.is_empty());
}

/// Some storage answers a copy with success and an error in the body.
#[tokio::test]
async fn a_put_whose_copy_is_reported_and_not_made_fails_and_changes_nothing() {
    let id = BlobId::of(b"abcde");
    for earlier in [None, Some(BlobInfo::new(id, 5, at(1)))] {
        let blobs = faulty(Fault::CopiesNothing);
        if let Some(earlier) = earlier {
            let name = blobs.names.new_name(&id, earlier.put_at);
            blobs.store.put(&name, b"abcde".to_vec().into()).await.unwrap();
        }
        let before = names(&*blobs.store).await;
        let error = refused_put(&blobs).await;
        assert_eq!((error.backend, error.kind), ("objects", StorageErrorKind::Busy));
        assert_eq!(names(&*blobs.store).await, before);
        assert_eq!(blobs.info(&id).await.unwrap(), earlier);
    }
}

#[tokio::test]
async fn a_blob_that_is_listed_and_never_found_is_busy_and_not_absent() {
    let blobs = faulty(Fault::FindsNothing);
    let stored = put(&blobs, b"abc", at(1)).await;
    let error = blobs.read(&stored.id, 0..3).await.unwrap_err();
    assert_eq!((error.backend, error.kind), ("objects", StorageErrorKind::Busy));
    // An empty range needs no object.
    assert_eq!(blobs.read(&stored.id, 3..9).await.unwrap().unwrap(), b"");
}

#[test]
fn debug_shows_the_prefix() {
    let shown = format!("{:?}", ObjectBlobs::in_memory(PART));
    assert_eq!(shown, "ObjectBlobs { store: \"InMemory\", root: \"plant/blobs\", .. }");
}
