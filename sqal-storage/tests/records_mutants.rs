//! The laws of records are tested too: stores with one bug each, and the law that must catch it.
#![cfg(feature = "conformance")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use async_trait::async_trait;
use sqal_core::{Name, Timestamp};
use sqal_storage::conformance::records;
use sqal_storage::records::{
    Collection, ExpectedRecord, LARGEST_RECORD, Record, RecordDraft, RecordKey, RecordQuery, Revision,
};
use sqal_storage::{MemoryStore, Records, StorageError, StorageErrorKind, labels::Labels};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Bug {
    None,
    AbsentIsAnError,
    CutsBodies,
    LosesLabels,
    RoundsExpiries,
    KeepsOldExpiries,
    WritesInAnyCase,
    CreatesOverARecord,
    TakesEarlierRevisions,
    TakesLaterRevisions,
    CreatesForARevision,
    RemovesInAnyCase,
    SaysItRemoved,
    LooksThenWrites,
    LooksThenRemoves,
    RevisionsBeginAgain,
    RevisionsStay,
    ExpiresLate,
    ExpiresEarly,
    ReadsTheExpired,
    FindsTheExpired,
    WritesOverTheExpired,
    KeepsThePlaceOfTheExpired,
    KeepsLabelsOfTheExpired,
    RemovesTheExpired,
    ReadsOfAnyCollection,
    FindsOfAnyCollection,
    RemovesOfAnyCollection,
    KeepsOldLabels,
    FindsByTheName,
    FindsByTheValue,
    FindsByABeginning,
    LimitsBeforeLabels,
    PagesOverlap,
    PagesBeginAgain,
    FindsInNoOrder,
    IgnoresTheLimit,
    SweepsWithoutALimit,
    SweepsEarly,
    SweepsLate,
    SweepsOneCollection,
    SweepsInSilence,
    CutsWhatIsTooLarge,
    CountsCharacters,
    DropsNul,
    RemovesBeforeItRefuses,
}

/// A memory store with one bug.
#[derive(Debug)]
struct Mutant {
    bug: Bug,
    store: MemoryStore,
}

/// A time at which no record of the laws has expired.
fn long_ago() -> Timestamp {
    Timestamp::from_micros(0).unwrap()
}

fn later(time: Timestamp, micros: i64) -> Timestamp {
    Timestamp::from_micros(time.micros() + micros).unwrap()
}

fn collection(name: &str) -> Collection {
    Name::new(name).unwrap()
}

fn union(old: &Labels, new: &Labels) -> Labels {
    let both = old.iter().chain(new.iter()).map(|(name, value)| (*name, *value));
    Labels::of(both).unwrap_or_else(|_| new.clone())
}

impl Mutant {
    /// The time of a call as a store with a wrong clock has it.
    fn now(&self, now: Timestamp) -> Timestamp {
        match self.bug {
            Bug::ExpiresLate => later(now, -1),
            Bug::ExpiresEarly => later(now, 1),
            _ => now,
        }
    }

    /// The draft as a store with a bug in its columns keeps it; `there` is the stored record, also
    /// an expired one.
    fn changed(&self, draft: &RecordDraft, there: Option<&Record>, now: Timestamp) -> RecordDraft {
        let mut draft = draft.clone();
        match (self.bug, there) {
            (Bug::CutsBodies, _) => draft.body.truncate(draft.body.floor_char_boundary(65_536)),
            (Bug::LosesLabels, _) if draft.labels.len() == Labels::MOST => draft.labels = Labels::new(),
            (Bug::RoundsExpiries, _) => {
                draft.expires_at = draft.expires_at.map(|end| later(end, -end.micros().rem_euclid(1000)));
            }
            (Bug::KeepsOldExpiries, Some(there)) => draft.expires_at = draft.expires_at.or(there.expires_at),
            (Bug::KeepsOldLabels, Some(there)) if !there.is_expired(now) => {
                draft.labels = union(&there.labels, &draft.labels);
            }
            (Bug::KeepsLabelsOfTheExpired, Some(there)) if there.is_expired(now) => {
                draft.labels = union(&there.labels, &draft.labels);
            }
            (Bug::CutsWhatIsTooLarge, _) => draft.body.truncate(draft.body.floor_char_boundary(LARGEST_RECORD)),
            (Bug::CountsCharacters, _) if draft.body.chars().count() <= LARGEST_RECORD => {
                draft.body.truncate(draft.body.floor_char_boundary(LARGEST_RECORD));
            }
            (Bug::DropsNul, _) => draft.body = draft.body.replace('\0', ""),
            _ => {}
        }
        draft
    }

    /// All records of a collection.
    async fn all(&self, of: Collection, at: Timestamp) -> Result<Vec<Record>, StorageError> {
        self.store.find(&RecordQuery::of(of, u16::MAX), at).await
    }
}

#[async_trait]
impl Records for Mutant {
    async fn write(
        &self,
        draft: &RecordDraft,
        expected: ExpectedRecord,
        now: Timestamp,
    ) -> Result<Option<Revision>, StorageError> {
        let now = self.now(now);
        let there = self.store.record(&draft.collection, &draft.key, long_ago()).await?;
        let live = there.as_ref().filter(|there| !there.is_expired(now)).map(|there| there.revision);
        let asked = if let ExpectedRecord::Revision(revision) = expected { Some(revision) } else { None };
        let changed = self.changed(draft, there.as_ref(), now);
        let (mut taken, mut at) = (expected, now);
        match self.bug {
            Bug::WritesInAnyCase => taken = ExpectedRecord::Any,
            Bug::CreatesOverARecord if expected == ExpectedRecord::Absent => taken = ExpectedRecord::Any,
            Bug::TakesEarlierRevisions if asked.is_some() && live > asked => taken = ExpectedRecord::Any,
            Bug::TakesLaterRevisions if live.is_some() && live < asked => taken = ExpectedRecord::Any,
            Bug::CreatesForARevision if live.is_none() => taken = ExpectedRecord::Any,
            Bug::WritesOverTheExpired if asked.is_some() => at = long_ago(),
            Bug::KeepsThePlaceOfTheExpired if expected == ExpectedRecord::Absent => at = long_ago(),
            Bug::LooksThenWrites => {
                if !expected.is_met_by(live) {
                    return Ok(None);
                }
                tokio::task::yield_now().await;
                taken = ExpectedRecord::Any;
            }
            Bug::RemovesBeforeItRefuses if draft.check("mutant").is_err() => {
                self.store.remove(&draft.collection, &draft.key, expected, now).await?;
            }
            _ => {}
        }
        let written = self.store.write(&changed, taken, at).await?;
        Ok(match self.bug {
            Bug::RevisionsBeginAgain if live.is_none() => written.map(|_| Revision::from_number(1)),
            Bug::RevisionsStay => written.map(|new| live.unwrap_or(new)),
            _ => written,
        })
    }

    async fn record(&self, of: &Collection, key: &RecordKey, now: Timestamp) -> Result<Option<Record>, StorageError> {
        let at = if self.bug == Bug::ReadsTheExpired { long_ago() } else { self.now(now) };
        let found = self.store.record(of, key, at).await?;
        match self.bug {
            Bug::ReadsOfAnyCollection if found.is_none() => self.store.record(&collection("sessions"), key, at).await,
            Bug::AbsentIsAnError if found.is_none() => Err(StorageError::new("mutant", StorageErrorKind::Internal)),
            _ => Ok(found),
        }
    }

    async fn remove(
        &self,
        of: &Collection,
        key: &RecordKey,
        expected: ExpectedRecord,
        now: Timestamp,
    ) -> Result<bool, StorageError> {
        let now = self.now(now);
        match self.bug {
            Bug::RemovesInAnyCase => self.store.remove(of, key, ExpectedRecord::Any, now).await,
            Bug::SaysItRemoved => self.store.remove(of, key, expected, now).await.map(|_| true),
            Bug::LooksThenRemoves => {
                let there = self.store.record(of, key, now).await?.map(|there| there.revision);
                let removes = there.is_some() && expected.is_met_by(there);
                tokio::task::yield_now().await;
                if removes {
                    self.store.remove(of, key, ExpectedRecord::Any, now).await?;
                }
                Ok(removes)
            }
            Bug::RemovesTheExpired => self.store.remove(of, key, expected, long_ago()).await,
            Bug::RemovesOfAnyCollection => {
                self.store.remove(&collection("sessions"), key, ExpectedRecord::Any, now).await?;
                self.store.remove(of, key, expected, now).await
            }
            _ => self.store.remove(of, key, expected, now).await,
        }
    }

    async fn find(&self, query: &RecordQuery, now: Timestamp) -> Result<Vec<Record>, StorageError> {
        let at = if self.bug == Bug::FindsTheExpired { long_ago() } else { self.now(now) };
        let (mut asked, limit) = (query.clone(), usize::from(query.limit));
        let Some((name, value)) = query.label else {
            match self.bug {
                Bug::IgnoresTheLimit => asked.limit = asked.limit.saturating_add(1),
                Bug::PagesBeginAgain => asked.after = None,
                _ => {}
            }
            let mut found = self.store.find(&asked, at).await?;
            match self.bug {
                Bug::FindsOfAnyCollection => found.extend(self.all(collection("devices"), at).await?),
                Bug::FindsInNoOrder => found.sort_by_key(|record| record.key.as_str().to_lowercase()),
                Bug::PagesOverlap => {
                    let mut overlapping = self.all(query.collection, at).await?;
                    overlapping.retain(|record| Some(record.key) == query.after);
                    overlapping.append(&mut found);
                    found = overlapping;
                    found.truncate(limit);
                }
                _ => {}
            }
            return Ok(found);
        };
        let has = |record: &Record| match self.bug {
            Bug::FindsByTheName => record.labels.get(&name).is_some(),
            Bug::FindsByTheValue => record.labels.iter().any(|(_, known)| *known == value),
            Bug::FindsByABeginning => {
                record.labels.get(&name).is_some_and(|known| known.as_str().starts_with(value.as_str()))
            }
            _ => record.labels.get(&name) == Some(&value),
        };
        asked.label = None;
        if self.bug != Bug::LimitsBeforeLabels {
            asked.limit = u16::MAX;
        }
        let mut found = self.store.find(&asked, at).await?;
        found.retain(has);
        found.truncate(limit);
        Ok(found)
    }

    async fn sweep(&self, now: Timestamp, limit: u16) -> Result<u64, StorageError> {
        let now = self.now(now);
        match self.bug {
            Bug::SweepsWithoutALimit => self.store.sweep(now, u16::MAX).await,
            Bug::SweepsEarly => self.store.sweep(later(now, 1), limit).await,
            Bug::SweepsLate => self.store.sweep(later(now, -1), limit).await,
            Bug::SweepsInSilence => self.store.sweep(now, limit).await.map(|_| 0),
            Bug::SweepsOneCollection => {
                let all = self.all(collection("answers"), long_ago()).await?;
                let mut swept = 0;
                for record in all.iter().filter(|record| record.is_expired(now)).take(usize::from(limit)) {
                    self.store.remove(&record.collection, &record.key, ExpectedRecord::Any, long_ago()).await?;
                    swept += 1;
                }
                Ok(swept)
            }
            _ => self.store.sweep(now, limit).await,
        }
    }
}

/// The laws that a store with this bug breaks.
async fn broken_laws(bug: Bug) -> Vec<&'static str> {
    macro_rules! broken {
        ($($law:ident)*) => {{
            let mut broken = Vec::new();
            $(
                let mutant = Mutant { bug, store: MemoryStore::new() };
                let run = tokio::spawn(async move { records::$law(&mutant).await });
                if run.await.is_err() {
                    broken.push(stringify!($law));
                }
            )*
            broken
        }};
    }
    broken! {
        what_was_written_last_is_read
        a_record_changes_only_as_expected
        of_tasks_at_once_one_succeeds
        a_revision_never_repeats
        an_expired_record_is_absent
        collections_are_apart
        records_are_found_by_their_current_labels
        records_are_found_in_order_page_by_page
        a_sweep_removes_only_expired_records
        a_refused_record_changes_nothing
    }
}

#[tokio::test]
async fn a_store_without_a_bug_breaks_no_law() {
    assert_eq!(broken_laws(Bug::None).await, Vec::<&str>::new());
}

/// Each bug is caught by the law about it: a mutant that is caught by another law proves nothing
/// about its own.
#[tokio::test]
async fn every_bug_breaks_its_law() {
    let bugs = [
        (Bug::AbsentIsAnError, "what_was_written_last_is_read"),
        (Bug::CutsBodies, "what_was_written_last_is_read"),
        (Bug::LosesLabels, "what_was_written_last_is_read"),
        (Bug::RoundsExpiries, "what_was_written_last_is_read"),
        (Bug::KeepsOldExpiries, "what_was_written_last_is_read"),
        (Bug::WritesInAnyCase, "a_record_changes_only_as_expected"),
        (Bug::CreatesOverARecord, "a_record_changes_only_as_expected"),
        (Bug::TakesEarlierRevisions, "a_record_changes_only_as_expected"),
        (Bug::TakesLaterRevisions, "a_record_changes_only_as_expected"),
        (Bug::CreatesForARevision, "a_record_changes_only_as_expected"),
        (Bug::RemovesInAnyCase, "a_record_changes_only_as_expected"),
        (Bug::SaysItRemoved, "a_record_changes_only_as_expected"),
        (Bug::LooksThenWrites, "of_tasks_at_once_one_succeeds"),
        (Bug::LooksThenRemoves, "of_tasks_at_once_one_succeeds"),
        (Bug::RevisionsBeginAgain, "a_revision_never_repeats"),
        (Bug::RevisionsStay, "a_revision_never_repeats"),
        (Bug::ExpiresLate, "an_expired_record_is_absent"),
        (Bug::ExpiresEarly, "an_expired_record_is_absent"),
        (Bug::ReadsTheExpired, "an_expired_record_is_absent"),
        (Bug::FindsTheExpired, "an_expired_record_is_absent"),
        (Bug::WritesOverTheExpired, "an_expired_record_is_absent"),
        (Bug::KeepsThePlaceOfTheExpired, "an_expired_record_is_absent"),
        (Bug::KeepsLabelsOfTheExpired, "an_expired_record_is_absent"),
        (Bug::RemovesTheExpired, "an_expired_record_is_absent"),
        (Bug::ReadsOfAnyCollection, "collections_are_apart"),
        (Bug::FindsOfAnyCollection, "collections_are_apart"),
        (Bug::RemovesOfAnyCollection, "collections_are_apart"),
        (Bug::KeepsOldLabels, "records_are_found_by_their_current_labels"),
        (Bug::FindsByTheName, "records_are_found_by_their_current_labels"),
        (Bug::FindsByTheValue, "records_are_found_by_their_current_labels"),
        (Bug::FindsByABeginning, "records_are_found_by_their_current_labels"),
        (Bug::LimitsBeforeLabels, "records_are_found_in_order_page_by_page"),
        (Bug::PagesOverlap, "records_are_found_in_order_page_by_page"),
        (Bug::PagesBeginAgain, "records_are_found_in_order_page_by_page"),
        (Bug::FindsInNoOrder, "records_are_found_in_order_page_by_page"),
        (Bug::IgnoresTheLimit, "records_are_found_in_order_page_by_page"),
        (Bug::SweepsWithoutALimit, "a_sweep_removes_only_expired_records"),
        (Bug::SweepsEarly, "a_sweep_removes_only_expired_records"),
        (Bug::SweepsLate, "a_sweep_removes_only_expired_records"),
        (Bug::SweepsOneCollection, "a_sweep_removes_only_expired_records"),
        (Bug::SweepsInSilence, "a_sweep_removes_only_expired_records"),
        (Bug::CutsWhatIsTooLarge, "a_refused_record_changes_nothing"),
        (Bug::CountsCharacters, "a_refused_record_changes_nothing"),
        (Bug::DropsNul, "a_refused_record_changes_nothing"),
        (Bug::RemovesBeforeItRefuses, "a_refused_record_changes_nothing"),
    ];
    for (bug, law) in bugs {
        let broken = broken_laws(bug).await;
        assert!(broken.contains(&law), "{bug:?} breaks {broken:?}");
    }
}
