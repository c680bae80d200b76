//! The laws of blobs are tested too: stores with one bug each, and the laws that must catch it.
#![cfg(feature = "conformance")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::iter;
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use futures_util::FutureExt;
use sqal_core::Timestamp;
use sqal_storage::blobs::{BlobId, BlobInfo, BlobSource, PutError, PutLimits};
use sqal_storage::conformance::blobs;
use sqal_storage::{Blobs, StorageError, StorageErrorKind};

mod memory {
    use std::sync::Arc;

    use sqal_storage::{Blobs, memory::MemoryBlobs};

    sqal_storage::blobs_conformance!(async { Arc::new(MemoryBlobs::new()) as Arc<dyn Blobs> });
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Bug {
    #[default]
    None,
    EndsAtAnEmptyPart,
    HashesTheFirstPart,
    LengthOfTheLastPart,
    CutsContents,
    StampsInMilliseconds,
    NoneAfterTheEnd,
    RangeIsInclusive,
    AbsentIsAnError,
    AbsentIsEmpty,
    KeepsTheFirstTime,
    TakesTheLastTime,
    ReturnsTheOwnTime,
    DoublesInTheList,
    KeepsTheHalf,
    LeavesTheHalf,
    LimitIsExclusive,
    LimitIsOneMore,
    ReadsToTheEnd,
    LeavesWhatWasTooLarge,
    IgnoresTheExpected,
    StoresBeforeItChecks,
    RenewsBeforeItChecks,
    ListsBackwards,
    ListsInOrderOfTime,
    AfterIsInclusive,
    IgnoresTheLimit,
    RemovesWhatWasPutAtThatTime,
    RemovesWhateverTheTime,
    ReportsARemoval,
    RemovesTheNext,
    RemembersRemovedTimes,
    OneAtATime,
    OneFileForAll,
}

#[derive(Clone, Debug)]
struct Kept {
    bytes: Vec<u8>,
    len: u64,
    put_at: Timestamp,
    puts: usize,
}

/// Blobs in memory with one bug.
#[derive(Debug, Default)]
struct Mutant {
    bug: Bug,
    kept: Mutex<BTreeMap<BlobId, Kept>>,
    /// The times of removed blobs.
    removed: Mutex<BTreeMap<BlobId, Timestamp>>,
    /// The content of all puts that share one file.
    file: Mutex<Vec<u8>>,
    /// The number of puts that are not done.
    begun: AtomicUsize,
}

fn len(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap()
}

impl Mutant {
    fn store(&self, id: BlobId, bytes: Vec<u8>, len: u64, now: Timestamp) -> BlobInfo {
        let removed = self.removed.lock().unwrap().get(&id).copied();
        let own = match (self.bug, removed) {
            (Bug::StampsInMilliseconds, _) => Timestamp::from_micros(now.micros() / 1_000 * 1_000).unwrap(),
            (Bug::RemembersRemovedTimes, Some(removed)) => now.max(removed),
            _ => now,
        };
        let mut kept = self.kept.lock().unwrap();
        let blob = kept.entry(id).or_insert(Kept { bytes, len, put_at: own, puts: 0 });
        blob.puts += 1;
        match self.bug {
            Bug::KeepsTheFirstTime => {}
            Bug::TakesTheLastTime => blob.put_at = own,
            _ => blob.put_at = blob.put_at.max(own),
        }
        BlobInfo::new(id, blob.len, if self.bug == Bug::ReturnsTheOwnTime { own } else { blob.put_at })
    }

    async fn take(
        &self,
        source: &mut dyn BlobSource,
        limits: &PutLimits,
        now: Timestamp,
    ) -> Result<BlobInfo, PutError> {
        let most = match self.bug {
            Bug::LimitIsExclusive => limits.most.saturating_sub(1),
            Bug::LimitIsOneMore => limits.most + 1,
            Bug::ReadsToTheEnd => u64::MAX,
            _ => limits.most,
        };
        let mut parts: Vec<Vec<u8>> = Vec::new();
        let mut total = 0;
        self.file.lock().unwrap().clear();
        loop {
            let part = match source.next().await {
                Ok(Some(part)) if part.is_empty() && self.bug == Bug::EndsAtAnEmptyPart => break,
                Ok(Some(part)) => part,
                Ok(None) => break,
                Err(_) if self.bug == Bug::KeepsTheHalf => break,
                Err(error) => {
                    if self.bug == Bug::LeavesTheHalf {
                        self.store(BlobId::of(&parts.concat()), parts.concat(), total, now);
                    }
                    return Err(error.into());
                }
            };
            if total + len(&part) > most {
                if self.bug == Bug::LeavesWhatWasTooLarge {
                    self.store(BlobId::of(&parts.concat()), parts.concat(), total, now);
                }
                return Err(PutError::TooLarge { most: limits.most });
            }
            total += len(&part);
            self.file.lock().unwrap().extend_from_slice(&part);
            parts.push(part);
        }
        if self.bug == Bug::ReadsToTheEnd && total > limits.most {
            return Err(PutError::TooLarge { most: limits.most });
        }
        let mut bytes = parts.concat();
        if self.bug == Bug::OneFileForAll {
            bytes.clone_from(&self.file.lock().unwrap());
        }
        let found = match parts.first() {
            Some(first) if self.bug == Bug::HashesTheFirstPart => BlobId::of(first),
            _ => BlobId::of(&bytes),
        };
        match self.bug {
            Bug::LengthOfTheLastPart => total = parts.last().map_or(0, |last| len(last)),
            Bug::CutsContents => bytes.truncate(65_536),
            _ => {}
        }
        if let Some(expected) = limits.expected.filter(|expected| *expected != found)
            && self.bug != Bug::IgnoresTheExpected
        {
            let is_there = self.kept.lock().unwrap().contains_key(&found);
            if self.bug == Bug::StoresBeforeItChecks || (is_there && self.bug == Bug::RenewsBeforeItChecks) {
                self.store(found, bytes, total, now);
            }
            return Err(PutError::OtherContent { expected, found });
        }
        Ok(self.store(found, bytes, total, now))
    }
}

#[async_trait]
impl Blobs for Mutant {
    async fn put(&self, source: &mut dyn BlobSource, limits: &PutLimits, now: Timestamp) -> Result<BlobInfo, PutError> {
        let others = self.begun.fetch_add(1, Ordering::Relaxed);
        let put = if self.bug == Bug::OneAtATime && others > 0 {
            Err(StorageError::new("mutant", StorageErrorKind::Busy).into())
        } else {
            self.take(source, limits, now).await
        };
        self.begun.fetch_sub(1, Ordering::Relaxed);
        put
    }

    async fn info(&self, id: &BlobId) -> Result<Option<BlobInfo>, StorageError> {
        Ok(self.kept.lock().unwrap().get(id).map(|blob| BlobInfo::new(*id, blob.len, blob.put_at)))
    }

    async fn read(&self, id: &BlobId, range: Range<u64>) -> Result<Option<Vec<u8>>, StorageError> {
        let Some(Kept { bytes, .. }) = self.kept.lock().unwrap().get(id).cloned() else {
            return match self.bug {
                Bug::AbsentIsAnError => Err(StorageError::new("mutant", StorageErrorKind::Internal)),
                Bug::AbsentIsEmpty => Ok(Some(Vec::new())),
                _ => Ok(None),
            };
        };
        if self.bug == Bug::NoneAfterTheEnd && range.start > len(&bytes) {
            return Ok(None);
        }
        let end = range.end.saturating_add(u64::from(self.bug == Bug::RangeIsInclusive));
        let cut = |place: u64| usize::try_from(place).map_or(bytes.len(), |place| place.min(bytes.len()));
        Ok(Some(bytes.get(cut(range.start)..cut(end)).unwrap_or_default().to_vec()))
    }

    async fn list(&self, after: Option<&BlobId>, limit: u16) -> Result<Vec<BlobInfo>, StorageError> {
        let kept = self.kept.lock().unwrap();
        let mut page = Vec::new();
        for (id, blob) in &*kept {
            let follows = |after: &BlobId| id > after || (id == after && self.bug == Bug::AfterIsInclusive);
            let times = if self.bug == Bug::DoublesInTheList { blob.puts } else { 1 };
            if after.is_none_or(follows) {
                page.extend(iter::repeat_n(BlobInfo::new(*id, blob.len, blob.put_at), times));
            }
        }
        page.truncate(usize::from(limit) + usize::from(self.bug == Bug::IgnoresTheLimit));
        match self.bug {
            Bug::ListsBackwards => page.reverse(),
            Bug::ListsInOrderOfTime => page.sort_by_key(|blob| blob.put_at),
            _ => {}
        }
        Ok(page)
    }

    async fn remove(&self, id: &BlobId, put_before: Timestamp) -> Result<bool, StorageError> {
        let mut kept = self.kept.lock().unwrap();
        let old = kept.get(id).map(|blob| blob.put_at).filter(|put_at| match self.bug {
            Bug::RemovesWhatWasPutAtThatTime => *put_at <= put_before,
            Bug::RemovesWhateverTheTime => true,
            _ => *put_at < put_before,
        });
        if let Some(put_at) = old {
            kept.remove(id);
            self.removed.lock().unwrap().insert(*id, put_at);
            let next = kept.range(*id..).next().or_else(|| kept.iter().next()).map(|(id, _)| *id);
            if let Some(next) = next.filter(|_| self.bug == Bug::RemovesTheNext) {
                kept.remove(&next);
            }
        }
        Ok(old.is_some() || self.bug == Bug::ReportsARemoval)
    }
}

/// The laws that a store with this bug breaks, in the order of the laws.
async fn broken_laws(bug: Bug) -> Vec<&'static str> {
    macro_rules! broken {
        ($($law:ident)*) => {{
            let mut broken = Vec::new();
            $(
                let mutant = Mutant { bug, ..Mutant::default() };
                if AssertUnwindSafe(blobs::$law(&mutant)).catch_unwind().await.is_err() {
                    broken.push(stringify!($law));
                }
            )*
            broken
        }};
    }
    broken! {
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
}

#[tokio::test]
async fn a_store_without_a_bug_breaks_no_law() {
    assert_eq!(broken_laws(Bug::None).await, Vec::<&str>::new());
}

const BACK: &str = "what_was_put_is_read_back_under_its_hash";
const RANGE: &str = "a_range_is_cut_to_the_blob";
const ABSENT: &str = "absent_is_not_an_error";
const AGAIN: &str = "putting_again_renews_and_doubles_nothing";
const FAILS: &str = "a_put_that_fails_leaves_nothing";
const LISTED: &str = "blobs_are_listed_once_in_order";
const REMOVED: &str = "a_blob_is_removed_only_if_it_was_put_before";
const SWEPT: &str = "a_sweep_keeps_what_is_named_or_new";
const AT_ONCE: &str = "of_tasks_that_put_one_content_at_once_all_succeed";

/// Each bug and all the laws that it breaks: a law that is broken by a bug of another law proves
/// nothing about its own.
const BUGS: [(Bug, &[&str]); 33] = [
    (Bug::EndsAtAnEmptyPart, &[BACK]),
    (Bug::HashesTheFirstPart, &[BACK, FAILS, AT_ONCE]),
    (Bug::LengthOfTheLastPart, &[BACK]),
    (Bug::CutsContents, &[BACK, RANGE, AT_ONCE]),
    (Bug::StampsInMilliseconds, &[BACK, AGAIN, REMOVED, SWEPT, AT_ONCE]),
    (Bug::NoneAfterTheEnd, &[RANGE]),
    (Bug::RangeIsInclusive, &[RANGE]),
    (Bug::AbsentIsAnError, &[ABSENT, FAILS, REMOVED, SWEPT]),
    (Bug::AbsentIsEmpty, &[ABSENT, FAILS, REMOVED, SWEPT]),
    (Bug::KeepsTheFirstTime, &[AGAIN, REMOVED, SWEPT, AT_ONCE]),
    (Bug::TakesTheLastTime, &[AGAIN]),
    (Bug::ReturnsTheOwnTime, &[AGAIN]),
    (Bug::DoublesInTheList, &[AGAIN, SWEPT, AT_ONCE]),
    (Bug::KeepsTheHalf, &[FAILS, AT_ONCE]),
    (Bug::LeavesTheHalf, &[FAILS, AT_ONCE]),
    (Bug::LimitIsExclusive, &[FAILS]),
    (Bug::LimitIsOneMore, &[FAILS]),
    (Bug::ReadsToTheEnd, &[FAILS]),
    (Bug::LeavesWhatWasTooLarge, &[FAILS]),
    (Bug::IgnoresTheExpected, &[FAILS]),
    (Bug::StoresBeforeItChecks, &[FAILS]),
    (Bug::RenewsBeforeItChecks, &[FAILS]),
    (Bug::ListsBackwards, &[LISTED]),
    (Bug::ListsInOrderOfTime, &[LISTED]),
    (Bug::AfterIsInclusive, &[LISTED]),
    (Bug::IgnoresTheLimit, &[LISTED]),
    (Bug::RemovesWhatWasPutAtThatTime, &[REMOVED]),
    (Bug::RemovesWhateverTheTime, &[REMOVED, SWEPT]),
    (Bug::ReportsARemoval, &[ABSENT, REMOVED, SWEPT]),
    (Bug::RemovesTheNext, &[LISTED, REMOVED, SWEPT]),
    (Bug::RemembersRemovedTimes, &[REMOVED]),
    (Bug::OneAtATime, &[AT_ONCE]),
    (Bug::OneFileForAll, &[AT_ONCE]),
];

#[tokio::test]
async fn every_bug_breaks_its_laws_and_no_other() {
    for (bug, laws) in BUGS {
        assert_eq!(broken_laws(bug).await, laws, "{bug:?}");
    }
}
