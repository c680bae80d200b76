//! Blobs in a bucket of an S3 server that this repository did not write: every law, and the tests
//! specific to objects: multipart uploads, several processes, objects of other programs.
#![cfg(all(feature = "conformance", feature = "objects"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod servers;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{LazyLock, mpsc};
use std::time::Duration;

use async_trait::async_trait;
use servers::S3Server;
use sqal_core::Timestamp;
use sqal_storage::blobs::{BlobId, BlobInfo, BlobSource, PutError, PutLimits, SourceError};
use sqal_storage::{
    Blobs, StorageError, StorageErrorKind,
    objects::{ObjectBlobs, S3Config},
};
use tokio::sync::oneshot;

/// The server of all tests of this binary; each test has a bucket of its own.
static SERVER: LazyLock<S3Server> = LazyLock::new(S3Server::start);

sqal_storage::blobs_conformance!(async { open(&SERVER.config()) });

const MIB: usize = 1024 * 1024;

const ROOM: PutLimits = PutLimits::at_most(100_000_000);

fn open(config: &S3Config) -> ObjectBlobs {
    ObjectBlobs::s3(config).unwrap()
}

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(1_794_000_000_000_000 + micros).unwrap()
}

/// Bytes that repeat only after 4 GiB: the upper ones of the linear congruential generator of
/// Numerical Recipes in C (2nd edition, page 284).
fn content(len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..len).map(next).collect()
}

async fn put(blobs: &ObjectBlobs, bytes: &[u8], now: Timestamp) -> BlobInfo {
    let mut source = bytes;
    blobs.put(&mut source, &ROOM, now).await.unwrap()
}

async fn whole(blobs: &ObjectBlobs, id: &BlobId) -> Option<Vec<u8>> {
    blobs.read(id, 0..u64::MAX).await.unwrap()
}

async fn list(blobs: &ObjectBlobs) -> Vec<BlobInfo> {
    blobs.list(None, 1_000).await.unwrap()
}

/// The folder of a content in its bucket.
fn folder_of(config: &S3Config, id: &BlobId) -> String {
    let id = id.to_string();
    format!("{}/{}/{id}", config.prefix, &id[..2])
}

#[tokio::test]
async fn a_content_of_several_parts_is_one_object_without_remains() {
    let config = SERVER.config();
    let blobs = open(&config);
    let bytes = content(17 * MIB + 1);
    let stored = put(&blobs, &bytes, at(3)).await;
    assert_eq!(stored, BlobInfo::new(BlobId::of(&bytes), 17_825_793, at(3)));
    let names = SERVER.names(&config.bucket);
    // Microseconds since the year 0: at(3) and the 719,528 days before 1970.
    let beginning = format!("{}/063961219200000003-", folder_of(&config, &stored.id));
    assert!(names.len() == 1 && names[0].starts_with(&beginning), "{names:?}");
    assert_eq!(SERVER.uploads(&config.bucket), 0);
    assert!(whole(&blobs, &stored.id).await.as_ref() == Some(&bytes), "the content is not read back");
    // Ranges beside and across the border of the first two parts.
    let border = 8 * 1024 * 1024;
    for (start, end) in [(border - 1, border), (border, border + 1), (border - 2, 2 * border + 2)] {
        let wanted = &bytes[usize::try_from(start).unwrap()..usize::try_from(end).unwrap()];
        let found = blobs.read(&stored.id, start..end).await.unwrap();
        assert!(found.as_deref() == Some(wanted), "the range {start}..{end}");
    }
    // Put again: one object, with the later time.
    let renewed = BlobInfo::new(stored.id, stored.len, at(9));
    for time in [9, 4] {
        assert_eq!(put(&blobs, &bytes, at(time)).await, renewed);
        assert_eq!(SERVER.names(&config.bucket).len(), 1);
    }
    assert_eq!(list(&blobs).await, [renewed]);
    assert!(blobs.remove(&stored.id, at(10)).await.unwrap());
    assert_eq!(SERVER.names(&config.bucket), Vec::<String>::new());
}

/// A source that breaks off after one part.
struct BrokenOff(Option<Vec<u8>>);

#[async_trait]
impl BlobSource for BrokenOff {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, SourceError> {
        self.0.take().map(Some).ok_or_else(|| SourceError::new("the source breaks off"))
    }
}

#[tokio::test]
async fn a_put_that_fails_aborts_its_upload() {
    let config = SERVER.config();
    let blobs = open(&config);
    let bytes = content(9 * MIB);
    let error = blobs.put(&mut BrokenOff(Some(bytes.clone())), &ROOM, at(1)).await.unwrap_err();
    assert!(matches!(error, PutError::Source(_)), "{error}");
    assert_eq!(SERVER.uploads(&config.bucket), 0, "the source broke off");
    let other = BlobId::of(b"other");
    let mut source = bytes.as_slice();
    let error = blobs.put(&mut source, &ROOM.expecting(other), at(1)).await.unwrap_err();
    assert!(matches!(error, PutError::OtherContent { .. }), "{error}");
    assert_eq!(SERVER.uploads(&config.bucket), 0, "it was another content");
    let mut source = bytes.as_slice();
    let error = blobs.put(&mut source, &PutLimits::at_most(9_000_000), at(1)).await.unwrap_err();
    assert!(matches!(error, PutError::TooLarge { most: 9_000_000 }), "{error}");
    assert_eq!(SERVER.uploads(&config.bucket), 0, "it was too large");
    assert_eq!(SERVER.names(&config.bucket), Vec::<String>::new());
}

/// A source that gives one part, reports when the store asks for the next, and never ends.
struct Stalled {
    part: Option<Vec<u8>>,
    asked: Option<oneshot::Sender<()>>,
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

#[tokio::test]
async fn a_put_that_is_dropped_aborts_its_upload_in_the_background() {
    let config = SERVER.config();
    let blobs = open(&config);
    let (asked, asks) = oneshot::channel();
    let mut stalled = Stalled { part: Some(content(9 * MIB)), asked: Some(asked) };
    let mut dropped = blobs.put(&mut stalled, &ROOM, at(1));
    tokio::select! {
        put = &mut dropped => panic!("the source never ends: {put:?}"),
        asked = asks => asked.unwrap(),
    }
    assert_eq!(SERVER.uploads(&config.bucket), 1);
    drop(dropped);
    for _ in 0..1_000 {
        if SERVER.uploads(&config.bucket) == 0 {
            assert_eq!(SERVER.names(&config.bucket), Vec::<String>::new());
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the upload is not aborted");
}

#[tokio::test]
async fn stores_in_one_bucket_with_one_prefix_have_the_same_blobs() {
    let config = SERVER.config();
    let (one, two) = (open(&config), open(&config));
    let stored = put(&one, b"abc", at(1)).await;
    assert_eq!(list(&two).await, [stored]);
    assert_eq!(whole(&two, &stored.id).await.unwrap(), b"abc");
    let renewed = put(&two, b"abc", at(2)).await;
    assert_eq!(one.info(&stored.id).await.unwrap(), Some(renewed));
    assert!(two.remove(&stored.id, at(3)).await.unwrap());
    assert_eq!(list(&one).await, []);
    assert_eq!(whole(&one, &stored.id).await, None);
}

#[tokio::test]
async fn stores_in_one_bucket_with_other_prefixes_have_no_blob_in_common() {
    let config = SERVER.config();
    let prefixes = ["", "plant", "plant/blobs", "plant/blob", "ab/cd"];
    let stores = prefixes.map(|prefix| {
        open(&{
            let mut config = config.clone();
            config.prefix = prefix.to_owned();
            config
        })
    });
    for (number, blobs) in (0..).zip(&stores) {
        put(blobs, format!("of {number}").as_bytes(), at(number)).await;
    }
    for (number, blobs) in (0..).zip(&stores) {
        let own = format!("of {number}");
        let wanted = BlobInfo::new(BlobId::of(own.as_bytes()), 4, at(number));
        assert_eq!(list(blobs).await, [wanted], "{}", prefixes[usize::try_from(number).unwrap()]);
    }
}

#[tokio::test]
async fn objects_of_other_programs_are_ignored() {
    let config = SERVER.config();
    let blobs = open(&config);
    let stored = put(&blobs, b"abc", at(1)).await;
    let own = SERVER.names(&config.bucket).remove(0);
    let (folder, put_name) = own.rsplit_once('/').unwrap();
    let absent = BlobId::of(b"absent");
    let capitals = folder_of(&config, &absent).replace(&absent.to_string(), &absent.to_string().to_uppercase());
    let other_shard = format!("{}/00/{}", config.prefix, absent);
    assert!(!absent.to_string().starts_with("00"));
    for name in [
        "README".to_owned(),
        format!("{}/README", config.prefix),
        format!("{}/partial/left", config.prefix),
        format!("{folder}/README"),
        format!("{folder}/063961219200000009"),
        format!("{folder}/63961219200000009-1"),
        // A time after the year 9999.
        format!("{folder}/999999999999999999-1"),
        format!("{own}/063961219200000009-1"),
        format!("{folder}.bak/{put_name}"),
        format!("{capitals}/{put_name}"),
        format!("{other_shard}/{put_name}"),
        folder_of(&config, &absent),
    ] {
        SERVER.put(&config.bucket, &name, b"x");
    }
    assert_eq!(list(&blobs).await, [stored]);
    assert_eq!(blobs.info(&stored.id).await.unwrap(), Some(stored));
    assert_eq!(blobs.info(&absent).await.unwrap(), None);
    assert_eq!(whole(&blobs, &absent).await, None);
    assert!(!blobs.remove(&absent, at(9)).await.unwrap());
    let names = SERVER.names(&config.bucket);
    put(&blobs, b"abc", at(2)).await;
    assert!(blobs.remove(&stored.id, at(9)).await.unwrap());
    let left: Vec<_> = names.into_iter().filter(|name| *name != own).collect();
    assert_eq!(SERVER.names(&config.bucket), left, "an object of another program was removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_content_that_is_put_again_is_not_lost_to_a_removal_of_another_process() {
    let config = SERVER.config();
    let (putting, removing) = (open(&config), open(&config));
    for round in 0..30 {
        let bytes = format!("content {round}").into_bytes();
        let old = put(&removing, &bytes, at(1)).await;
        let (renewed, removed) = tokio::join!(put(&putting, &bytes, at(20)), removing.remove(&old.id, at(10)));
        removed.unwrap();
        assert_eq!(renewed.put_at, at(20));
        assert_eq!(putting.info(&old.id).await.unwrap(), Some(renewed), "round {round}");
        assert_eq!(whole(&removing, &old.id).await.unwrap(), bytes, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_content_that_two_processes_put_at_once_is_stored_once() {
    let config = SERVER.config();
    let (one, two) = (open(&config), open(&config));
    for round in 1..=20 {
        let bytes = format!("content {round}").into_bytes();
        let (first, second) = tokio::join!(put(&one, &bytes, at(1)), put(&two, &bytes, at(2)));
        assert_eq!(second.put_at, at(2));
        assert_eq!(one.info(&first.id).await.unwrap(), Some(second), "round {round}");
        assert_eq!(SERVER.names(&config.bucket).len(), round, "round {round}");
    }
}

#[tokio::test]
async fn a_page_ends_only_at_the_last_blob_also_after_many_objects() {
    let config = SERVER.config();
    let blobs = open(&config);
    // The answer to one list request holds at most 1,000 names.
    let id = BlobId::of(b"abc");
    for number in 0..1_001 {
        let name = format!("{}/{number:018}-1", folder_of(&config, &id));
        SERVER.put(&config.bucket, &name, b"abc");
    }
    let newest = BlobInfo::new(id, 3, Timestamp::from_micros(1_000 - 62_167_219_200_000_000).unwrap());
    assert_eq!(blobs.info(&id).await.unwrap(), Some(newest));
    let other = put(&blobs, b"other", at(1)).await;
    let mut both = [newest, other];
    both.sort_by_key(|blob| blob.id);
    assert_eq!(list(&blobs).await, both);
    assert_eq!(blobs.list(None, 1).await.unwrap(), both[..1]);
    assert_eq!(blobs.list(Some(&both[0].id), 1).await.unwrap(), both[1..]);
}

async fn assert_unavailable(blobs: &ObjectBlobs) {
    let id = BlobId::of(b"abc");
    let mut source: &[u8] = b"abc";
    let put = match blobs.put(&mut source, &ROOM, at(1)).await.unwrap_err() {
        PutError::Storage(error) => error,
        other => panic!("{other}"),
    };
    let errors: [StorageError; 5] = [
        put,
        blobs.info(&id).await.unwrap_err(),
        blobs.read(&id, 0..3).await.unwrap_err(),
        blobs.list(None, 10).await.unwrap_err(),
        blobs.remove(&id, at(9)).await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!((error.backend, &error.kind), ("objects", &StorageErrorKind::Unavailable), "{error:?}");
        assert!(error.source.is_some());
    }
}

#[tokio::test]
async fn a_missing_bucket_is_an_error_and_not_an_empty_store() {
    let mut config = SERVER.config();
    config.bucket = "missing".to_owned();
    assert_unavailable(&open(&config)).await;
}

#[tokio::test]
async fn a_server_that_is_down_is_an_error() {
    // No server listens on a port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let endpoint = format!("http://127.0.0.1:{port}");
    assert_unavailable(&open(&{
        let mut config = SERVER.config();
        config.endpoint = endpoint;
        config
    }))
    .await;
}

/// The bytes of an answer that no client should take, and more than the buffers of a connection
/// hold.
const FLOOD: usize = 64 * MIB;

/// Waits for the next request on a connection of its own, and writes a text.
fn answer(listener: &TcpListener, text: &str) -> TcpStream {
    let (mut stream, _) = listener.accept().unwrap();
    let head = BufReader::new(&stream).lines().map_while(Result::ok).find(String::is_empty);
    assert!(head.is_some(), "the client sends no whole request");
    stream.write_all(text.as_bytes()).unwrap();
    stream
}

/// A storage that gives these answers, and then answers one request with [`FLOOD`] bytes; the
/// number of them that were written before the client closed its connection.
fn flooding(answers: Vec<String>) -> (S3Config, mpsc::Receiver<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let mut config = SERVER.config();
    config.endpoint = endpoint;
    "plant".clone_into(&mut config.bucket);
    let (sender, written) = mpsc::channel();
    std::thread::spawn(move || {
        for text in answers {
            answer(&listener, &text);
        }
        let date = "Sat, 26 Oct 2024 23:00:00 GMT";
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Length: {FLOOD}\r\nLast-Modified: {date}\r\nETag: \"1\"\r\n\r\n");
        let mut stream = answer(&listener, &head);
        let (mut count, piece) = (0, vec![b'x'; 65_536]);
        while count < FLOOD && stream.write_all(&piece).is_ok() {
            count += 65_536;
        }
        // A test that has failed does not wait for the number.
        let _ = sender.send(count);
    });
    (config, written)
}

/// The client must have closed its connection before it took all bytes.
fn assert_left_off(written: &mpsc::Receiver<usize>) {
    let written = written.recv_timeout(Duration::from_mins(1)).expect("the client does not close its connection");
    assert!(written < FLOOD, "the whole answer was taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storage_that_ignores_ranges_is_not_read_to_the_end() {
    let id = BlobId::of(b"abc");
    let (prefix, hash) = (SERVER.config().prefix, id.to_string());
    let key = format!("{prefix}/{}/{hash}/063961219200000003-0-0", &hash[..2]);
    let listed = format!(
        "<ListBucketResult><Contents><Key>{key}</Key><Size>{FLOOD}</Size><ETag>1</ETag>\
         <LastModified>2024-10-26T23:00:00.000Z</LastModified></Contents></ListBucketResult>"
    );
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", listed.len());
    let (config, written) = flooding(vec![head + &listed]);
    let error = open(&config).read(&id, 0..3).await.unwrap_err();
    assert_eq!((error.backend, &error.kind), ("objects", &StorageErrorKind::Unavailable), "{error:?}");
    assert_left_off(&written);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_longer_than_a_part_is_not_read_to_the_end() {
    let (config, written) = flooding(Vec::new());
    let error = open(&config).info(&BlobId::of(b"abc")).await.unwrap_err();
    assert_eq!((error.backend, &error.kind), ("objects", &StorageErrorKind::Unavailable), "{error:?}");
    assert_left_off(&written);
}
