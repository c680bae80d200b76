//! The laws of the register are tested too: stores with one bug each, and the law that must catch
//! it.
#![cfg(feature = "conformance")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Mutex;

use async_trait::async_trait;
use futures_util::FutureExt;
use sqal_core::Name;
use sqal_storage::conformance::register;
use sqal_storage::{
    Custody, MemoryStore, Register, StorageError, StorageErrorKind,
    labels::{LabelName, LabelValue, Labels},
    register::{Entry, EntryKind, EntryName},
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Bug {
    None,
    LeavesOut,
    BeginsAtZero,
    OverwritesTheNewest,
    SaysItAdded,
    OneSeriesForAllKinds,
    ForgetsWho,
    CutsBodies,
    AbsentIsAnError,
    OldestFirst,
    IgnoresTheLimit,
    BeginsAgain,
    HistoryOfAPrefix,
    NewestOfAnyKind,
    NewestIsTheFirst,
    NewestInNoOrder,
    AddsInSilence,
    WritesDownWhatFailed,
    LosesLabels,
    FindsAnyValue,
    FindsEarlierVersions,
    FindsEveryKind,
    FindsBackwards,
    LabelPagesOverlap,
    CountsEveryVersion,
    CountsValuesInNoOrder,
    CountsEveryKind,
    DropsNul,
}

/// A memory store with one bug.
#[derive(Debug)]
struct Mutant {
    bug: Bug,
    store: MemoryStore,
    /// The store that is read as the audit log.
    log: MemoryStore,
}

#[async_trait]
impl Register for Mutant {
    async fn add(&self, entry: &Entry) -> Result<bool, StorageError> {
        let newest = self.store.history(&entry.kind, &entry.name, None, 1).await?.first().map_or(0, |one| one.version);
        let mut entry = entry.clone();
        match self.bug {
            Bug::LeavesOut if entry.version > newest => entry.version = newest + 1,
            Bug::BeginsAtZero if entry.version == 0 => return Ok(true),
            // A known version is added under the next number: the newest is then the last one
            // added.
            Bug::OverwritesTheNewest if entry.version == newest => entry.version = newest + 1,
            Bug::OneSeriesForAllKinds => entry.kind = Name::new("profile").unwrap(),
            Bug::ForgetsWho => entry.by = None,
            Bug::DropsNul => entry.body = entry.body.replace('\0', ""),
            Bug::LosesLabels => entry.labels = Labels::new(),
            Bug::CutsBodies => entry.body.truncate(entry.body.floor_char_boundary(65_536)),
            _ => {}
        }
        let added = self.store.add(&entry).await?;
        if if added { self.bug != Bug::AddsInSilence } else { self.bug == Bug::WritesDownWhatFailed } {
            self.log.log_action(entry.action()).await?;
        }
        Ok(added || self.bug == Bug::SaysItAdded)
    }

    async fn history(
        &self,
        kind: &EntryKind,
        name: &EntryName,
        before: Option<u32>,
        limit: u16,
    ) -> Result<Vec<Entry>, StorageError> {
        let limit = if self.bug == Bug::IgnoresTheLimit { limit.saturating_add(1) } else { limit };
        let before = before.map(|before| if self.bug == Bug::BeginsAgain && before > 2 { before + 1 } else { before });
        let name = match self.bug {
            Bug::HistoryOfAPrefix => {
                let all = self.store.newest(kind).await?;
                all.into_iter()
                    .rev()
                    .find(|one| one.name.as_str().starts_with(name.as_str()))
                    .map_or(*name, |one| one.name)
            }
            _ => *name,
        };
        let mut found = self.store.history(kind, &name, before, limit).await?;
        if self.bug == Bug::OldestFirst {
            found.reverse();
        }
        if self.bug == Bug::AbsentIsAnError && found.is_empty() {
            return Err(StorageError::new("mutant", StorageErrorKind::Internal));
        }
        if self.bug == Bug::BeginsAgain && limit == 1 {
            found.truncate(1);
            if before.is_some_and(|before| before > 2) {
                found.clear();
            }
        }
        Ok(found)
    }

    async fn newest(&self, kind: &EntryKind) -> Result<Vec<Entry>, StorageError> {
        let mut found = self.store.newest(kind).await?;
        match self.bug {
            Bug::NewestOfAnyKind => found.extend(self.store.newest(&Name::new("profiles").unwrap()).await?),
            Bug::NewestIsTheFirst => {
                for one in &mut found {
                    *one = self.store.history(kind, &one.name, Some(2), 1).await?.remove(0);
                }
            }
            Bug::NewestInNoOrder => found.sort_by_key(|one| one.name.as_str().to_lowercase()),
            _ => {}
        }
        Ok(found)
    }

    async fn labelled(
        &self,
        kind: &EntryKind,
        label: (&LabelName, &LabelValue),
        after: Option<&EntryName>,
        limit: u16,
    ) -> Result<Vec<Entry>, StorageError> {
        let (name, value) = label;
        let wanted = |entry: &Entry| match self.bug {
            Bug::FindsAnyValue => entry.labels.get(name).is_some(),
            _ => entry.labels.get(name) == Some(value),
        };
        let after = after.filter(|_| self.bug != Bug::LabelPagesOverlap || limit == 1);
        let mut found = Vec::new();
        for newest in self.store.newest(kind).await? {
            let versions = self.store.history(kind, &newest.name, None, 100).await?;
            let versions = if self.bug == Bug::FindsEarlierVersions { versions } else { vec![newest] };
            found.extend(versions.into_iter().find(wanted));
        }
        if self.bug == Bug::FindsEveryKind {
            found.extend(self.store.labelled(&Name::new("firmwares").unwrap(), label, after, limit).await?);
        }
        if self.bug == Bug::FindsBackwards {
            found.reverse();
        }
        found.retain(|entry| after.is_none_or(|after| entry.name > *after));
        found.truncate(limit.into());
        Ok(found)
    }

    async fn count_labels(&self, kind: &EntryKind, label: &LabelName) -> Result<Vec<(LabelValue, u64)>, StorageError> {
        let mut counts = self.store.count_labels(kind, label).await?;
        match self.bug {
            Bug::CountsEveryVersion => {
                let mut all = BTreeMap::new();
                for newest in self.store.newest(kind).await? {
                    for entry in self.store.history(kind, &newest.name, None, 100).await? {
                        if let Some(value) = entry.labels.get(label) {
                            *all.entry(*value).or_insert(0) += 1;
                        }
                    }
                }
                counts = all.into_iter().collect();
            }
            Bug::CountsValuesInNoOrder => counts.reverse(),
            Bug::CountsEveryKind => counts.iter_mut().for_each(|(_, count)| *count *= 2),
            _ => {}
        }
        Ok(counts)
    }
}

/// The laws that a store with this bug breaks.
async fn broken_laws(bug: Bug) -> Vec<&'static str> {
    macro_rules! broken {
        ($($law:ident($($part:ident),*))*) => {{
            let mut broken = Vec::new();
            $(
                let mutant = Mutant { bug, store: MemoryStore::new(), log: MemoryStore::new() };
                let run = tokio::spawn(async move { register::$law(&mutant $(, &mutant.$part)*).await });
                if run.await.is_err() {
                    broken.push(stringify!($law));
                }
            )*
            broken
        }};
    }
    broken! {
        versions_follow_each_other()
        what_was_added_stays_as_it_is()
        a_history_is_newest_first()
        the_newest_of_each_name_once()
        the_newest_are_found_by_label()
        the_newest_are_counted_by_label()
        what_was_added_is_written_down(log)
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
        (Bug::LeavesOut, "versions_follow_each_other"),
        (Bug::BeginsAtZero, "versions_follow_each_other"),
        (Bug::OverwritesTheNewest, "versions_follow_each_other"),
        (Bug::SaysItAdded, "versions_follow_each_other"),
        (Bug::OneSeriesForAllKinds, "versions_follow_each_other"),
        (Bug::ForgetsWho, "what_was_added_stays_as_it_is"),
        (Bug::CutsBodies, "what_was_added_stays_as_it_is"),
        (Bug::AbsentIsAnError, "a_history_is_newest_first"),
        (Bug::OldestFirst, "a_history_is_newest_first"),
        (Bug::IgnoresTheLimit, "a_history_is_newest_first"),
        (Bug::BeginsAgain, "a_history_is_newest_first"),
        (Bug::HistoryOfAPrefix, "a_history_is_newest_first"),
        (Bug::NewestOfAnyKind, "the_newest_of_each_name_once"),
        (Bug::NewestIsTheFirst, "the_newest_of_each_name_once"),
        (Bug::NewestInNoOrder, "the_newest_of_each_name_once"),
        (Bug::DropsNul, "what_was_added_stays_as_it_is"),
        (Bug::LosesLabels, "what_was_added_stays_as_it_is"),
        (Bug::FindsAnyValue, "the_newest_are_found_by_label"),
        (Bug::FindsEarlierVersions, "the_newest_are_found_by_label"),
        (Bug::FindsEveryKind, "the_newest_are_found_by_label"),
        (Bug::FindsBackwards, "the_newest_are_found_by_label"),
        (Bug::LabelPagesOverlap, "the_newest_are_found_by_label"),
        (Bug::CountsEveryVersion, "the_newest_are_counted_by_label"),
        (Bug::CountsValuesInNoOrder, "the_newest_are_counted_by_label"),
        (Bug::CountsEveryKind, "the_newest_are_counted_by_label"),
        (Bug::AddsInSilence, "what_was_added_is_written_down"),
        (Bug::WritesDownWhatFailed, "what_was_added_is_written_down"),
    ];
    for (bug, law) in bugs {
        let broken = broken_laws(bug).await;
        assert!(broken.contains(&law), "{bug:?} breaks {broken:?}");
    }
}

/// The check that a store with a bug omits.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Unchecked {
    Nothing,
    History,
    Newest,
    Body,
    Actor,
    Name,
    OnlyTheFirst,
}

/// A store whose rows another program can change; the true entries are in the audit log of a memory
/// store.
#[derive(Debug)]
struct Shared {
    unchecked: Unchecked,
    store: MemoryStore,
    changed: Mutex<Option<Entry>>,
}

impl Shared {
    /// The entry as its row has it, if it passes the checks that this store makes.
    async fn row(&self, entry: Entry) -> Result<Entry, StorageError> {
        let changed = self.changed.lock().unwrap().clone().filter(|changed| {
            changed.kind == entry.kind && changed.name == entry.name && changed.version == entry.version
        });
        let mut row = changed.unwrap_or_else(|| entry.clone());
        let lines = self.store.audit(0, 1000).await?;
        let line = lines.into_iter().map(|line| line.action).find(|line| *line == entry.action());
        let found = row.clone();
        match self.unchecked {
            Unchecked::Body => row.body.clone_from(&entry.body),
            Unchecked::Actor => row.by = entry.by,
            _ => {}
        }
        match row.check(line.as_ref()) {
            Ok(()) => Ok(found),
            Err(altered) => {
                let said = if self.unchecked == Unchecked::Name { "damaged".to_owned() } else { altered.to_string() };
                Err(StorageError::new("shared", StorageErrorKind::Corrupt(said)))
            }
        }
    }
}

#[async_trait]
impl Register for Shared {
    async fn add(&self, entry: &Entry) -> Result<bool, StorageError> {
        self.store.add(entry).await
    }

    async fn history(
        &self,
        kind: &EntryKind,
        name: &EntryName,
        before: Option<u32>,
        limit: u16,
    ) -> Result<Vec<Entry>, StorageError> {
        let mut rows = Vec::new();
        for entry in self.store.history(kind, name, before, limit).await? {
            match self.row(entry).await {
                Err(_) if self.unchecked == Unchecked::History => {}
                row => rows.push(row?),
            }
        }
        Ok(rows)
    }

    async fn newest(&self, kind: &EntryKind) -> Result<Vec<Entry>, StorageError> {
        let mut rows = Vec::new();
        for entry in self.store.newest(kind).await? {
            match self.row(entry.clone()).await {
                Ok(row) => rows.push(row),
                Err(_) if self.unchecked == Unchecked::Newest => rows.push(entry),
                Err(error) if self.unchecked == Unchecked::OnlyTheFirst => return Err(error),
                Err(_) => {}
            }
        }
        Ok(rows)
    }

    async fn labelled(
        &self,
        kind: &EntryKind,
        label: (&LabelName, &LabelValue),
        after: Option<&EntryName>,
        limit: u16,
    ) -> Result<Vec<Entry>, StorageError> {
        self.store.labelled(kind, label, after, limit).await
    }

    async fn count_labels(&self, kind: &EntryKind, label: &LabelName) -> Result<Vec<(LabelValue, u64)>, StorageError> {
        self.store.count_labels(kind, label).await
    }
}

/// Whether a store that omits this check keeps the law when the text or the author was changed.
async fn keeps_the_law(unchecked: Unchecked) -> bool {
    let mut kept = true;
    for change_body in [true, false] {
        let shared = Shared { unchecked, store: MemoryStore::new(), changed: Mutex::new(None) };
        let run = AssertUnwindSafe(register::what_was_changed_is_not_given(&shared, async |entry: &Entry| {
            let mut changed = entry.clone();
            if change_body {
                changed.body.push('!');
            } else {
                changed.by = Some(Name::new("quinn").unwrap());
            }
            *shared.changed.lock().unwrap() = Some(changed);
        }))
        .catch_unwind();
        kept &= run.await.is_ok();
    }
    kept
}

#[tokio::test]
async fn every_store_that_gives_what_was_changed_breaks_the_law_about_it() {
    assert!(keeps_the_law(Unchecked::Nothing).await);
    for unchecked in [
        Unchecked::History,
        Unchecked::Newest,
        Unchecked::Body,
        Unchecked::Actor,
        Unchecked::Name,
        Unchecked::OnlyTheFirst,
    ] {
        assert!(!keeps_the_law(unchecked).await, "{unchecked:?} is not noticed");
    }
}
