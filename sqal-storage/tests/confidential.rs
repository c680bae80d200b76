//! Confidential fields on real stores: missing keys, interrupted rotations, and rotations during
//! writes (F21).
#![cfg(all(feature = "conformance", feature = "keyring", feature = "postgres", feature = "sqlite"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod servers;

use std::num::NonZeroU16;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sqal_core::Name;
use sqal_storage::{
    MemoryStore, SealedFields, SqliteStore, StorageError, StorageErrorKind,
    sealed::{
        Confidential, ErasureOf, FieldError, FieldKey, FieldName, Key, KeyId, KeyRing, Nonce, Resealed, Sealed,
        Subject, UnsealError,
    },
    sqlite::SqliteConfig,
};

fn key(subject: &str, field: &str) -> FieldKey {
    FieldKey { subject: Name::new(subject).unwrap(), field: Name::new(field).unwrap() }
}

fn ring(key: u8) -> KeyRing {
    KeyRing::new(Key::from_bytes([key; 32]))
}

fn limit(limit: u16) -> NonZeroU16 {
    NonZeroU16::new(limit).unwrap()
}

/// A store that several rings share. It is unavailable for a while after a given number of
/// replacements, and another caller may write just after a list was read.
#[derive(Clone, Debug)]
struct Shared {
    store: Arc<dyn SealedFields>,
    until_away: Arc<AtomicI64>,
    meanwhile: Arc<Mutex<Vec<(FieldKey, Sealed)>>>,
}

impl Shared {
    fn new(store: impl SealedFields) -> Self {
        Self { store: Arc::new(store), until_away: Arc::new(AtomicI64::new(i64::MAX)), meanwhile: Arc::default() }
    }
}

#[async_trait]
impl SealedFields for Shared {
    async fn put_field(&self, key: &FieldKey, sealed: &Sealed) -> Result<(), StorageError> {
        self.store.put_field(key, sealed).await
    }
    async fn field(&self, key: &FieldKey) -> Result<Option<Sealed>, StorageError> {
        self.store.field(key).await
    }
    async fn fields_of(&self, subject: &Subject) -> Result<Vec<(FieldName, Sealed)>, StorageError> {
        self.store.fields_of(subject).await
    }
    async fn fields_not_under(
        &self,
        key: KeyId,
        after: Option<&FieldKey>,
        limit: u16,
    ) -> Result<Vec<(FieldKey, Sealed)>, StorageError> {
        let page = self.store.fields_not_under(key, after, limit).await?;
        let meanwhile = std::mem::take(&mut *self.meanwhile.lock().unwrap());
        for (key, sealed) in meanwhile {
            self.store.put_field(&key, &sealed).await?;
        }
        Ok(page)
    }
    async fn replace_field(&self, key: &FieldKey, old: &Sealed, new: &Sealed) -> Result<bool, StorageError> {
        if self.until_away.fetch_sub(1, Ordering::Relaxed) <= 0 {
            return Err(StorageError::new("test", StorageErrorKind::Unavailable));
        }
        self.store.replace_field(key, old, new).await
    }
    async fn erase_subject(&self, subject: &Subject, action: ErasureOf<'_>) -> Result<u64, StorageError> {
        self.store.erase_subject(subject, action).await
    }
}

#[tokio::test]
async fn f21_a_missing_key_hides_its_own_fields_and_no_other() {
    let store = Shared::new(MemoryStore::new());
    let (name, mail) = (key("user 7", "name"), key("user 7", "mail"));
    Confidential::new(store.clone(), ring(1), Nonce::random).write(&name, b"Marie").await.unwrap();
    let now = Confidential::new(store, ring(2), Nonce::random);
    now.write(&mail, b"m@example.org").await.unwrap();

    assert_eq!(now.read(&mail).await.unwrap().unwrap().as_bytes(), b"m@example.org");
    let error = now.read(&name).await.unwrap_err();
    let missing = UnsealError::MissingKey(ring(1).active());
    assert!(matches!(error, FieldError::Unreadable { ref key, why } if **key == name && why == missing), "{error}");
    assert!(error.to_string().starts_with("name of user 7: it was sealed with the key "), "{error}");
    let fields = now.export(&name.subject).await.unwrap();
    assert_eq!(fields.len(), 2);
    assert_eq!(fields[0].1.as_ref().unwrap().as_bytes(), b"m@example.org");
    assert_eq!(fields[1], (name.field, Err(missing)));
    // A rotation reports the fields that it cannot seal anew, and seals the others.
    let done = now.reseal(None, limit(10)).await.unwrap();
    assert_eq!(done, Resealed { resealed: 0, overtaken: 0, unreadable: vec![(name, missing)], next: None });
    assert_eq!(now.read(&key("user 8", "name")).await.unwrap(), None);
}

#[tokio::test]
async fn a_field_that_is_too_long_is_refused_and_what_was_there_stays() {
    let fields = Confidential::new(MemoryStore::new(), ring(1), Nonce::random);
    let name = key("user 7", "name");
    fields.write(&name, &vec![7; 65_536]).await.unwrap();
    let error = fields.write(&name, &vec![8; 65_537]).await.unwrap_err();
    assert_eq!(error.to_string(), "name of user 7 has 65537 bytes, a field has at most 65536");
    assert_eq!(fields.read(&name).await.unwrap().unwrap().as_bytes(), vec![7; 65_536]);
}

#[tokio::test]
async fn a_rotation_that_is_cut_off_goes_on_where_it_was() {
    let store = Shared::new(MemoryStore::new());
    let old = Confidential::new(store.clone(), ring(1), Nonce::random);
    let keys: Vec<_> = (0..50).map(|k| key(&format!("user {k:02}"), "name")).collect();
    for key in &keys {
        old.write(key, key.subject.as_str().as_bytes()).await.unwrap();
    }
    let new = Confidential::new(store.clone(), ring(1).rotated_to(Key::from_bytes([2; 32])), Nonce::random);
    let (mut cut_off, mut done) = (0, Resealed::default());
    store.until_away.store(17, Ordering::Relaxed);
    while let Err(error) = new.reseal_all(limit(7), &mut done).await {
        // The process ends here; the next one begins at the beginning.
        assert!(matches!(error, FieldError::Storage(_)), "{error}");
        cut_off += 1;
        store.until_away.store(17, Ordering::Relaxed);
    }
    assert_eq!(cut_off, 2, "three times seventeen are enough");
    // What was done before an interruption is counted, and not done again.
    assert_eq!(done, Resealed { resealed: 50, ..Resealed::default() });
    assert_eq!(store.fields_not_under(new.ring().active(), None, 100).await.unwrap(), []);
    let alone = Confidential::new(store, ring(2), Nonce::random);
    for key in &keys {
        assert_eq!(alone.read(key).await.unwrap().unwrap().as_bytes(), key.subject.as_str().as_bytes());
    }
}

#[tokio::test]
async fn a_field_that_is_written_while_a_run_seals_stays_as_written() {
    let store = Shared::new(MemoryStore::new());
    let (name, mail) = (key("user 7", "name"), key("user 7", "mail"));
    let old = Confidential::new(store.clone(), ring(1), Nonce::random);
    old.write(&name, b"Marie").await.unwrap();
    old.write(&mail, b"m@example.org").await.unwrap();
    let rotated = ring(1).rotated_to(Key::from_bytes([2; 32]));
    let wrote = rotated.seal(&name, b"Marie-Claire", Nonce::random().unwrap());
    store.meanwhile.lock().unwrap().push((name, wrote));
    let new = Confidential::new(store, rotated, Nonce::random);
    let mut done = Resealed::default();
    new.reseal_all(limit(10), &mut done).await.unwrap();
    assert_eq!(done, Resealed { resealed: 1, overtaken: 1, ..Resealed::default() });
    assert_eq!(new.read(&name).await.unwrap().unwrap().as_bytes(), b"Marie-Claire");
    assert_eq!(new.read(&mail).await.unwrap().unwrap().as_bytes(), b"m@example.org");
}

/// Four tasks write, half of them with the old ring, while a fifth seals anew: no acknowledged
/// write is lost.
async fn rotate_under_load(store: impl SealedFields) {
    const SUBJECTS: usize = 20;
    let store = Shared::new(store);
    let rotated = ring(1).rotated_to(Key::from_bytes([2; 32]));
    // A writer that still seals with the old key can already open the new key, because keys are
    // given out in that order.
    let behind = ring(1).with_legacy_key(Key::from_bytes([2; 32]));
    let over = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let ring = if writer % 2 == 0 { behind.clone() } else { rotated.clone() };
            let (fields, over) = (Confidential::new(store.clone(), ring, Nonce::random), Arc::clone(&over));
            tokio::spawn(async move {
                let mut last = 0_u32;
                while !over.load(Ordering::Relaxed) || last < 3 {
                    last += 1;
                    for k in 0..SUBJECTS {
                        let key = key(&format!("user {writer} {k}"), "name");
                        fields.write(&key, &last.to_be_bytes()).await.unwrap();
                        let read = fields.read(&key).await.unwrap().unwrap();
                        assert_eq!(read.as_bytes(), last.to_be_bytes(), "what was acknowledged is what is read");
                    }
                }
                (writer, last)
            })
        })
        .collect();
    let rotation = Confidential::new(store.clone(), rotated, Nonce::random);
    let mut done = Resealed::default();
    for _ in 0..10 {
        rotation.reseal_all(limit(5), &mut done).await.unwrap();
        tokio::task::yield_now().await;
    }
    over.store(true, Ordering::Relaxed);
    let mut wrote = Vec::new();
    for writer in writers {
        wrote.push(writer.await.unwrap());
    }
    // Every writer has the new ring now: one run from the beginning completes the rotation.
    let overtaken = done.overtaken;
    rotation.reseal_all(limit(5), &mut done).await.unwrap();
    assert_eq!((done.overtaken, &done.unreadable[..]), (overtaken, &[][..]));
    assert!(done.resealed >= 2 * SUBJECTS, "{done:?}");
    let alone = Confidential::new(store, ring(2), Nonce::random);
    for (writer, last) in wrote {
        for k in 0..SUBJECTS {
            let read = alone.read(&key(&format!("user {writer} {k}"), "name")).await.unwrap().unwrap();
            assert_eq!(read.as_bytes(), last.to_be_bytes(), "the old key is not needed, and the last write is there");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_change_while_everyone_writes_in_memory() {
    rotate_under_load(MemoryStore::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_change_while_everyone_writes_in_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    rotate_under_load(SqliteStore::open(&SqliteConfig::at(folder.path().join("samples.db"))).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_change_while_everyone_writes_in_postgres() {
    rotate_under_load(servers::fresh_store().await).await;
}
