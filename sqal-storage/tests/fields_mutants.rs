//! The laws of sealed fields are tested too: stores with one bug each, and the law that must catch
//! it.
#![cfg(feature = "conformance")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use async_trait::async_trait;
use sqal_storage::conformance::fields;
use sqal_storage::{
    Custody, MemoryStore, SealedFields, StorageError,
    sealed::{ErasureOf, FieldKey, FieldName, KeyId, Sealed, Subject},
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Bug {
    None,
    KeepsTheFirst,
    AbsentIsAnError,
    ForgetsWhichKey,
    FieldsOfAPrefix,
    ReplacesWithoutLooking,
    ReplacesUnderAnyKey,
    ReplacingMakes,
    SaysItReplaced,
    ListsWhatIsUnderTheKey,
    ListsTheFirstAgain,
    IgnoresTheLimit,
    NewestFirst,
    ErasesAPrefix,
    ErasesInSilence,
    ErasesNothing,
    WritesDownNone,
}

/// A memory store with one bug.
#[derive(Debug)]
struct Mutant {
    bug: Bug,
    store: MemoryStore,
}

impl Mutant {
    async fn all(&self) -> Vec<(FieldKey, Sealed)> {
        self.store.fields_not_under(KeyId::from_bytes([0; 8]), None, u16::MAX).await.unwrap()
    }

    async fn empty(&self, key: &FieldKey) -> Result<(), StorageError> {
        self.store.put_field(key, &Sealed { key: KeyId::from_bytes([0; 8]), bytes: Vec::new() }).await
    }
}

#[async_trait]
impl SealedFields for Mutant {
    async fn put_field(&self, key: &FieldKey, sealed: &Sealed) -> Result<(), StorageError> {
        if self.bug == Bug::KeepsTheFirst && self.store.field(key).await?.is_some() {
            return Ok(());
        }
        let mut sealed = sealed.clone();
        if self.bug == Bug::ForgetsWhichKey {
            sealed.key = KeyId::from_bytes([9; 8]);
        }
        self.store.put_field(key, &sealed).await
    }

    async fn field(&self, key: &FieldKey) -> Result<Option<Sealed>, StorageError> {
        let found = self.store.field(key).await?;
        if found.is_none() && self.bug == Bug::AbsentIsAnError {
            return Err(StorageError::new("mutant", sqal_storage::StorageErrorKind::Internal));
        }
        Ok(found)
    }

    async fn fields_of(&self, subject: &Subject) -> Result<Vec<(FieldName, Sealed)>, StorageError> {
        if self.bug != Bug::FieldsOfAPrefix {
            return self.store.fields_of(subject).await;
        }
        let all = self.all().await.into_iter();
        Ok(all.filter(|(k, _)| k.subject.as_str().starts_with(subject.as_str())).map(|(k, s)| (k.field, s)).collect())
    }

    async fn fields_not_under(
        &self,
        key: KeyId,
        after: Option<&FieldKey>,
        limit: u16,
    ) -> Result<Vec<(FieldKey, Sealed)>, StorageError> {
        let key = if self.bug == Bug::ListsWhatIsUnderTheKey { KeyId::from_bytes([0; 8]) } else { key };
        let limit = if self.bug == Bug::IgnoresTheLimit { limit + 1 } else { limit };
        let mut page = self.store.fields_not_under(key, after, limit).await?;
        if self.bug == Bug::ListsTheFirstAgain
            && let Some(after) = after
            && let Some(found) = self.store.field(after).await?
            && !page.is_empty()
        {
            page.insert(0, (*after, found));
            page.truncate(usize::from(limit).max(2));
        }
        if self.bug == Bug::NewestFirst {
            page.reverse();
        }
        Ok(page)
    }

    async fn replace_field(&self, key: &FieldKey, old: &Sealed, new: &Sealed) -> Result<bool, StorageError> {
        let there = self.store.field(key).await?;
        let replaces = match self.bug {
            Bug::ReplacesWithoutLooking => there.is_some(),
            Bug::ReplacesUnderAnyKey => there.is_some_and(|there| there.bytes == old.bytes),
            Bug::ReplacingMakes => there.is_none_or(|there| there == *old),
            Bug::SaysItReplaced => {
                self.store.replace_field(key, old, new).await?;
                return Ok(true);
            }
            _ => return self.store.replace_field(key, old, new).await,
        };
        if replaces {
            self.store.put_field(key, new).await?;
        }
        Ok(replaces)
    }

    async fn erase_subject(&self, subject: &Subject, action: ErasureOf<'_>) -> Result<u64, StorageError> {
        match self.bug {
            Bug::ErasesNothing => {
                self.store.log_action(action(2)).await?;
                Ok(2)
            }
            Bug::WritesDownNone => self.store.erase_subject(subject, &|_| action(0)).await,
            Bug::ErasesAPrefix => {
                for (key, _) in self.all().await {
                    if key.subject.as_str().starts_with(subject.as_str()) && key.subject != *subject {
                        self.empty(&key).await?;
                    }
                }
                self.store.erase_subject(subject, action).await
            }
            Bug::ErasesInSilence => {
                let fields = self.store.fields_of(subject).await?;
                for (field, _) in &fields {
                    self.empty(&FieldKey { subject: *subject, field: *field }).await?;
                }
                Ok(fields.len() as u64)
            }
            _ => self.store.erase_subject(subject, action).await,
        }
    }
}

/// The number of laws that a store with this bug breaks.
async fn broken_laws(bug: Bug) -> usize {
    macro_rules! broken {
        ($($law:ident($($part:ident),*))*) => {{
            let mut broken = 0;
            $(
                let mutant = Mutant { bug, store: MemoryStore::new() };
                let run = tokio::spawn(async move { fields::$law(&mutant $(, &mutant.$part)*).await });
                broken += usize::from(run.await.is_err());
            )*
            broken
        }};
    }
    broken! {
        what_was_put_last_is_there()
        replacing_is_for_what_is_still_there()
        what_is_not_under_a_key_is_listed_once()
        an_erased_subject_is_gone(store)
    }
}

#[tokio::test]
async fn a_store_without_a_bug_breaks_no_law() {
    assert_eq!(broken_laws(Bug::None).await, 0);
}

#[tokio::test]
async fn every_bug_breaks_a_law() {
    let bugs = [
        Bug::KeepsTheFirst,
        Bug::AbsentIsAnError,
        Bug::ForgetsWhichKey,
        Bug::FieldsOfAPrefix,
        Bug::ReplacesWithoutLooking,
        Bug::ReplacesUnderAnyKey,
        Bug::ReplacingMakes,
        Bug::SaysItReplaced,
        Bug::ListsWhatIsUnderTheKey,
        Bug::ListsTheFirstAgain,
        Bug::IgnoresTheLimit,
        Bug::NewestFirst,
        Bug::ErasesAPrefix,
        Bug::ErasesInSilence,
        Bug::ErasesNothing,
        Bug::WritesDownNone,
    ];
    for bug in bugs {
        assert!(broken_laws(bug).await > 0, "{bug:?} is caught by no law");
    }
}
