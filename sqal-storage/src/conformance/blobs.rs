//! The laws of [`Blobs`] as code: each is a function on an empty store that panics with the broken
//! law.

use async_trait::async_trait;
use sqal_core::Timestamp;

use crate::blobs::{BlobId, BlobInfo, BlobSource, Blobs, PutError, PutLimits, SourceError, sweep_blobs};
use crate::{StorageError, StorageErrorKind};

/// More than any blob of the laws has.
const ROOM: PutLimits = PutLimits::at_most(16 * 1024 * 1024);

/// A source of parts of one size; other tasks run before each part.
struct Parts<'a> {
    left: &'a [u8],
    size: usize,
    /// Whether an empty part comes before each part.
    pauses: bool,
    /// Whether the source fails in place of its end.
    breaks_off: bool,
    has_paused: bool,
}

impl<'a> Parts<'a> {
    fn of(bytes: &'a [u8], size: usize) -> Self {
        Self { left: bytes, size, pauses: false, breaks_off: false, has_paused: false }
    }
}

#[async_trait]
impl BlobSource for Parts<'_> {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, SourceError> {
        tokio::task::yield_now().await;
        self.has_paused = self.pauses && !self.has_paused;
        if self.has_paused {
            return Ok(Some(Vec::new()));
        }
        if self.left.is_empty() {
            return if self.breaks_off { Err(SourceError::new("the source breaks off")) } else { Ok(None) };
        }
        let (part, rest) = self.left.split_at(self.size.min(self.left.len()));
        let part = part.to_vec();
        self.left = rest;
        Ok(Some(part))
    }
}

/// Times are one microsecond apart, so that a store that keeps coarser times breaks a law.
fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(1_794_000_000_000_000 + micros).expect("a time")
}

/// Bytes that repeat only after 4 GiB: the upper ones of the linear congruential generator of
/// Numerical Recipes in C (2nd edition, page 284).
fn content(len: usize, seed: u32) -> Vec<u8> {
    let mut state = seed;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..len).map(next).collect()
}

fn len_of(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).expect("a short text")
}

async fn put(blobs: &dyn Blobs, bytes: &[u8], now: Timestamp) -> BlobInfo {
    let mut source = bytes;
    blobs.put(&mut source, &ROOM, now).await.expect("the store takes the blob")
}

async fn put_parts(blobs: &dyn Blobs, bytes: &[u8], size: usize, now: Timestamp) -> BlobInfo {
    let mut source = Parts::of(bytes, size);
    blobs.put(&mut source, &ROOM, now).await.expect("the store takes the blob")
}

/// The error of a put that must fail.
async fn refused(blobs: &dyn Blobs, mut source: Parts<'_>, limits: PutLimits, now: Timestamp) -> PutError {
    blobs.put(&mut source, &limits, now).await.expect_err("the store takes a blob that it must refuse")
}

async fn info(blobs: &dyn Blobs, id: &BlobId) -> Option<BlobInfo> {
    blobs.info(id).await.expect("the store answers")
}

async fn whole(blobs: &dyn Blobs, id: &BlobId) -> Option<Vec<u8>> {
    blobs.read(id, 0..u64::MAX).await.expect("the store answers")
}

async fn list(blobs: &dyn Blobs, after: Option<&BlobId>, limit: u16) -> Vec<BlobInfo> {
    blobs.list(after, limit).await.expect("the store answers")
}

async fn remove(blobs: &dyn Blobs, id: &BlobId, put_before: Timestamp) -> bool {
    blobs.remove(id, put_before).await.expect("the store answers")
}

async fn assert_absent(blobs: &dyn Blobs, id: &BlobId) {
    assert_eq!(info(blobs, id).await, None, "an absent blob has information");
    for (start, end) in [(0, 0), (0, 10), (5, u64::MAX)] {
        let bytes = blobs.read(id, start..end).await.expect("an absent blob is not an error");
        assert_eq!(bytes, None, "an absent blob has bytes");
    }
}

/// Law 1: what was put is read back under its hash, whatever its length and the sizes of its parts;
/// an empty part is not the end.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn what_was_put_is_read_back_under_its_hash(blobs: &dyn Blobs) {
    // FIPS 180-2, appendix B.1, and the hash of no bytes.
    for (text, hash) in [
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ] {
        let stored = put(blobs, text.as_bytes(), at(1)).await;
        assert_eq!(stored.id.to_string(), hash, "the hash of {text:?}");
        assert_eq!(whole(blobs, &stored.id).await.as_deref(), Some(text.as_bytes()));
    }
    let sizes = [
        (1, 1),
        (300, 1),
        (65_535, 65_536),
        (65_536, 65_536),
        (65_537, 65_536),
        (65_538, 1_000),
        (200_000, 4_000_000),
        (3_000_000, 100_003),
    ];
    let mut all = Vec::new();
    for (seed, (len, size)) in (1..).zip(sizes) {
        let bytes = content(len, seed);
        let mut source = Parts { pauses: true, ..Parts::of(&bytes, size) };
        let stored = blobs.put(&mut source, &ROOM, at(1)).await.expect("the store takes the blob");
        let wanted = BlobInfo::new(BlobId::of(&bytes), len_of(&bytes), at(1));
        assert_eq!(stored, wanted, "{len} bytes in parts of {size}");
        all.push((wanted, bytes));
    }
    // A later blob has not changed an earlier one.
    for (wanted, bytes) in &all {
        assert_eq!(info(blobs, &wanted.id).await, Some(*wanted));
        let found = whole(blobs, &wanted.id).await;
        assert!(found.as_ref() == Some(bytes), "{} bytes are not read back as they were put", wanted.len);
    }
}

/// Law 2: a range is cut to the blob, and is empty if it begins after the end or ends before it
/// begins.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn a_range_is_cut_to_the_blob(blobs: &dyn Blobs) {
    let places = [0, 1, 2, 65_535, 65_536, 65_537, 131_072, 199_999, 200_000, 200_001, 1_u64 << 40, u64::MAX];
    for bytes in [content(200_000, 1), content(1, 2), Vec::new()] {
        let id = put(blobs, &bytes, at(1)).await.id;
        let cut = |place: u64| usize::try_from(place).map_or(bytes.len(), |place| place.min(bytes.len()));
        for start in places {
            for end in places {
                let wanted = bytes.get(cut(start)..cut(end)).unwrap_or_default();
                let found = blobs.read(&id, start..end).await.expect("the store answers");
                assert!(found.as_deref() == Some(wanted), "the range {start}..{end} of {} bytes", bytes.len());
            }
        }
    }
}

/// Law 3: an absent blob is not an error: it has no information, no bytes, and nothing to remove.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn absent_is_not_an_error(blobs: &dyn Blobs) {
    let absent = BlobId::of(b"absent");
    assert_absent(blobs, &absent).await;
    assert!(!remove(blobs, &absent, at(9)).await, "an absent blob was removed");
    assert_eq!(list(blobs, None, 10).await, []);
    let stored = put(blobs, b"stored", at(1)).await;
    // The ids beside a stored one.
    for place in [0, 31] {
        let mut bytes = *stored.id.as_bytes();
        bytes[place] ^= 1;
        let beside = BlobId::from_bytes(bytes);
        assert_absent(blobs, &beside).await;
        assert!(!remove(blobs, &beside, at(9)).await, "an absent blob was removed");
    }
    assert_eq!(info(blobs, &stored.id).await, Some(stored));
}

/// Law 4: a content that is put again is stored once, with the later of both times.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn putting_again_renews_and_doubles_nothing(blobs: &dyn Blobs) {
    let bytes = content(1_000, 1);
    let first = put(blobs, &bytes, at(5)).await;
    for (again, latest) in [(5, 5), (9, 9), (2, 9), (8, 9)] {
        let wanted = BlobInfo { put_at: at(latest), ..first };
        assert_eq!(put(blobs, &bytes, at(again)).await, wanted, "a put returns the latest time");
        assert_eq!(info(blobs, &first.id).await, Some(wanted));
        assert_eq!(list(blobs, None, 10).await, [wanted], "a content is stored once");
        assert_eq!(whole(blobs, &first.id).await.as_deref(), Some(&bytes[..]));
    }
    let other = put(blobs, b"other", at(1)).await;
    put(blobs, &bytes, at(10)).await;
    assert_eq!(info(blobs, &other.id).await, Some(other), "another content is not renewed");
}

/// Law 5: a put that fails leaves nothing that can be read or listed, and a blob that was there
/// before stays as it was.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn a_put_that_fails_leaves_nothing(blobs: &dyn Blobs) {
    let bytes = content(10_000, 1);
    let (id, other) = (BlobId::of(&bytes), BlobId::of(b"other"));
    let parts = || Parts::of(&bytes, 1_000);
    for given in [0, 5_000, 10_000] {
        let source = Parts { breaks_off: true, ..Parts::of(&bytes[..given], 1_000) };
        let error = refused(blobs, source, ROOM, at(2)).await;
        assert!(matches!(error, PutError::Source(_)), "the source has broken off, but the store says: {error}");
        assert_absent(blobs, &BlobId::of(&bytes[..given])).await;
        assert_eq!(list(blobs, None, 10).await, [], "the source broke off after {given} bytes");
    }
    for most in [0, 1, 5_000, 9_999] {
        let error = refused(blobs, parts(), PutLimits::at_most(most), at(2)).await;
        let is_named = matches!(error, PutError::TooLarge { most: named } if named == most);
        assert!(is_named, "the limit is {most} bytes, but the store says: {error}");
        assert_absent(blobs, &id).await;
        assert_eq!(list(blobs, None, 10).await, [], "10000 bytes were put, the limit is {most}");
    }
    let endless = Parts { breaks_off: true, ..parts() };
    let error = refused(blobs, endless, PutLimits::at_most(2_500), at(2)).await;
    assert!(matches!(error, PutError::TooLarge { .. }), "a source that is too large is read to its end: {error}");
    let error = refused(blobs, parts(), ROOM.expecting(other), at(2)).await;
    let are_named = matches!(error, PutError::OtherContent { expected, found } if (expected, found) == (other, id));
    assert!(are_named, "the content is not the expected one, but the store says: {error}");
    for id in [&id, &other] {
        assert_absent(blobs, id).await;
    }
    assert_eq!(list(blobs, None, 10).await, []);
    // The limit itself and the expected content are accepted, also after the failures.
    let limits = PutLimits::at_most(10_000).expecting(id);
    let stored = blobs.put(&mut parts(), &limits, at(1)).await.expect("a blob as large as the limit");
    assert_eq!(info(blobs, &id).await, Some(stored));
    // What is there stays as it is.
    let broken = Parts { breaks_off: true, ..parts() };
    refused(blobs, broken, ROOM, at(9)).await;
    refused(blobs, parts(), PutLimits::at_most(9_999), at(9)).await;
    refused(blobs, parts(), ROOM.expecting(other), at(9)).await;
    assert_eq!(info(blobs, &id).await, Some(stored), "a put that failed has renewed a blob");
    assert_eq!(list(blobs, None, 10).await, [stored]);
    let mut empty: &[u8] = &[];
    blobs.put(&mut empty, &PutLimits::at_most(0), at(1)).await.expect("an empty blob within a limit of 0");
}

/// Law 6: blobs are listed once, in the order of their ids, page by page; only the last page is
/// shorter than its limit.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn blobs_are_listed_once_in_order(blobs: &dyn Blobs) {
    assert_eq!(list(blobs, None, 5).await, []);
    let mut stored = Vec::new();
    for number in 0..23 {
        stored.push(put(blobs, format!("blob {number}").as_bytes(), at(number)).await);
    }
    stored.sort_by_key(|blob| blob.id);
    for limit in [1, 2, 5, 22, 23, 24, u16::MAX] {
        let mut after = None;
        for wanted in stored.chunks(usize::from(limit)) {
            assert_eq!(list(blobs, after.as_ref(), limit).await, wanted, "a page of at most {limit}");
            after = wanted.last().map(|last| last.id);
        }
        assert_eq!(list(blobs, after.as_ref(), limit).await, [], "there is nothing after the last blob");
    }
    assert_eq!(list(blobs, None, 0).await, []);
    let removed = stored.remove(11);
    assert!(remove(blobs, &removed.id, at(100)).await);
    assert_eq!(list(blobs, None, 100).await, stored);
    // A page may begin after an id that is not there.
    assert_eq!(list(blobs, Some(&removed.id), 5).await, stored[11..16]);
}

/// Law 7: a blob is removed only if its last put was before the given time, and a removed content
/// can be put once more.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn a_blob_is_removed_only_if_it_was_put_before(blobs: &dyn Blobs) {
    let one = put(blobs, b"one", at(5)).await;
    let other = put(blobs, b"other", at(1)).await;
    for time in [at(4), at(5)] {
        assert!(!remove(blobs, &one.id, time).await, "a blob of that time or later is removed");
        assert_eq!(info(blobs, &one.id).await, Some(one));
    }
    put(blobs, b"one", at(7)).await;
    assert!(!remove(blobs, &one.id, at(7)).await, "a blob that was put again is removed");
    assert_eq!(whole(blobs, &one.id).await.as_deref(), Some(&b"one"[..]));
    assert!(remove(blobs, &one.id, at(8)).await, "an older blob is not removed");
    assert_absent(blobs, &one.id).await;
    assert!(!remove(blobs, &one.id, at(8)).await, "a blob is removed twice");
    assert_eq!(info(blobs, &other.id).await, Some(other), "another blob is removed");
    let again = put(blobs, b"one", at(3)).await;
    assert_eq!(again.put_at, at(3), "a removed blob has left its time");
    assert_eq!(info(blobs, &one.id).await, Some(again));
}

/// Law 8: a sweep removes every blob that is old and not named, also page by page, and keeps every
/// blob that is named, or new, or put again meanwhile.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn a_sweep_keeps_what_is_named_or_new(blobs: &dyn Blobs) {
    let nothing = sweep_blobs(blobs, at(10), async |_: &BlobId| Ok(false)).await;
    assert_eq!(nothing.expect("the store answers"), 0);
    let mut old = Vec::new();
    for number in 0..120 {
        old.push(put(blobs, format!("old {number}").as_bytes(), at(number % 10)).await);
    }
    let named = put(blobs, b"named", at(1)).await;
    let new = put(blobs, b"new", at(10)).await;
    let renewed = put(blobs, b"renewed", at(2)).await;
    let removed = sweep_blobs(blobs, at(10), async |id: &BlobId| {
        if *id == renewed.id {
            put(blobs, b"renewed", at(20)).await;
        }
        Ok(*id == named.id)
    })
    .await;
    assert_eq!(removed.expect("the store answers"), 120, "the number of removed blobs");
    for blob in &old {
        assert_absent(blobs, &blob.id).await;
    }
    let renewed = BlobInfo { put_at: at(20), ..renewed };
    for kept in [named, new, renewed] {
        assert_eq!(info(blobs, &kept.id).await, Some(kept), "a sweep has removed or changed a blob");
    }
    assert_eq!(list(blobs, None, 200).await.len(), 3);
    let failed = sweep_blobs(blobs, at(30), async |_: &BlobId| {
        Err(StorageError::new("conformance", StorageErrorKind::Unavailable))
    })
    .await;
    let error = failed.expect_err("a sweep goes on without the names");
    assert_eq!(error.kind, StorageErrorKind::Unavailable);
    assert_eq!(list(blobs, None, 200).await.len(), 3, "a sweep without the names has removed a blob");
}

/// Law 9: if several tasks put one content at once, all succeed, the latest time counts, and a put
/// that fails meanwhile changes nothing.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn of_tasks_that_put_one_content_at_once_all_succeed(blobs: &dyn Blobs) {
    for round in 0..5 {
        let bytes = content(70_000, round);
        let wanted = BlobInfo::new(BlobId::of(&bytes), 70_000, at(8));
        let broken = Parts { breaks_off: true, ..Parts::of(&bytes, 30_000) };
        // In memory, the put with the latest time is the last to end.
        let (a, b, c, d, error) = tokio::join!(
            put_parts(blobs, &bytes, 1_000, at(8)),
            put_parts(blobs, &bytes, 65_536, at(4)),
            put_parts(blobs, &bytes, 100_000, at(2)),
            put_parts(blobs, &bytes, 10_000, at(6)),
            refused(blobs, broken, ROOM, at(9)),
        );
        assert!(matches!(error, PutError::Source(_)), "the source has broken off, but the store says: {error}");
        for (stored, own) in [(a, 8), (b, 4), (c, 2), (d, 6)] {
            assert_eq!((stored.id, stored.len), (wanted.id, wanted.len));
            let times = at(own)..=wanted.put_at;
            assert!(times.contains(&stored.put_at), "{:?} is not one of {times:?}", stored.put_at);
        }
        assert_eq!(info(blobs, &wanted.id).await, Some(wanted), "the latest time counts");
        assert!(whole(blobs, &wanted.id).await.as_ref() == Some(&bytes), "the contents of several puts are mixed");
    }
    assert_eq!(list(blobs, None, 100).await.len(), 5, "a content is stored once");
}

/// One named test per law for a store: give an async expression that makes an empty store.
#[macro_export]
macro_rules! blobs_conformance {
    ($make:expr) => {
        $crate::blobs_conformance! { @each $make;
            what_was_put_is_read_back_under_its_hash
            a_range_is_cut_to_the_blob
            absent_is_not_an_error
            putting_again_renews_and_doubles_nothing
            a_put_that_fails_leaves_nothing
            blobs_are_listed_once_in_order
            a_blob_is_removed_only_if_it_was_put_before
            a_sweep_keeps_what_is_named_or_new
            of_tasks_that_put_one_content_at_once_all_succeed
        }
    };
    (@each $make:expr; $($law:ident)*) => {
        $(
            #[test]
            fn $law() {
                $crate::conformance::run(async {
                    let blobs = $make.await;
                    $crate::conformance::blobs::$law(&blobs).await;
                });
            }
        )*
    };
}
