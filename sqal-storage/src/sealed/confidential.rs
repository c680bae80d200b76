//! [`Confidential`]: fields that are sealed before they are stored and opened when they are read,
//! with a key rotation in operation.

use std::num::NonZeroU16;

use crate::{
    SealedFields, StorageError,
    sealed::{ErasureOf, FieldKey, FieldName, KeyRing, Nonce, Plain, RandomnessError, Sealed, Subject, UnsealError},
};

/// A confidential field could not be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FieldError {
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The field is stored and cannot be opened; other fields can be opened.
    #[error("{} of {}: {why}", .key.field, .key.subject)]
    Unreadable {
        /// The field.
        key: Box<FieldKey>,
        /// The reason.
        why: UnsealError,
    },
    /// The field is longer than the limit.
    #[error("{} of {} has {found} bytes, a field has at most {}", .key.field, .key.subject, Confidential::<()>::LONGEST)]
    TooLong {
        /// The field.
        key: Box<FieldKey>,
        /// The length of the field in bytes.
        found: usize,
    },
    /// The machine gives no random bytes, so no field can be sealed.
    #[error(transparent)]
    NoRandomness(#[from] RandomnessError),
}

/// The outcome of one or several batches of a key rotation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resealed {
    /// Fields that are under the active key now.
    pub resealed: usize,
    /// Fields that another caller wrote or erased meanwhile; the other caller's change stays.
    pub overtaken: usize,
    /// Fields that cannot be opened; they stay as they are.
    pub unreadable: Vec<(FieldKey, UnsealError)>,
    /// Where the next batch begins; `None` after the last.
    pub next: Option<FieldKey>,
}

/// Fields in a store, sealed with the keys of a ring.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::num::NonZeroU16;
/// use std::sync::Arc;
///
/// use sqal_core::Name;
/// use sqal_storage::{sealed::{Confidential, FieldKey, Key, KeyRing, Nonce, Resealed}, MemoryStore};
///
/// let store = Arc::new(MemoryStore::new()); // or a SqliteStore, or a PostgresStore
/// let monday = KeyRing::new(Key::from_bytes([1; 32])); // in earnest Key::from_text
/// let fields = Confidential::new(Arc::clone(&store), monday.clone(), Nonce::random);
/// let name = FieldKey { subject: Name::new("user 7")?, field: Name::new("name")? };
/// fields.write(&name, "Marie".as_bytes()).await?;
///
/// // Another key from now on: a new ring, and what is there is sealed anew, batch by batch, until a run from the beginning seals nothing.
/// let fields = Confidential::new(store, monday.rotated_to(Key::from_bytes([2; 32])), Nonce::random);
/// loop {
///     let mut done = Resealed::default();
///     fields.reseal_all(NonZeroU16::MAX, &mut done).await?;
///     assert!(done.unreadable.is_empty(), "a key is missing");
///     if done.resealed + done.overtaken == 0 {
///         break;
///     }
/// }
/// assert_eq!(fields.read(&name).await?.unwrap().as_bytes(), b"Marie");
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Confidential<S, N = fn() -> Result<Nonce, RandomnessError>> {
    store: S,
    ring: KeyRing,
    nonces: N,
}

impl<S, N> Confidential<S, N> {
    /// The longest field, in bytes.
    pub const LONGEST: usize = 65_536;
}

impl<S: SealedFields, N: Fn() -> Result<Nonce, RandomnessError>> Confidential<S, N> {
    /// Fields of a store; each is sealed with a nonce from `nonces`, in production
    /// [`Nonce::random`].
    pub const fn new(store: S, ring: KeyRing, nonces: N) -> Self {
        Self { store, ring, nonces }
    }

    /// The ring of keys.
    pub const fn ring(&self) -> &KeyRing {
        &self.ring
    }

    /// Seals a field and stores it; it replaces an earlier value.
    ///
    /// # Errors
    ///
    /// [`FieldError`] if the field was not stored; an earlier value is then unchanged.
    pub async fn write(&self, key: &FieldKey, plain: &[u8]) -> Result<(), FieldError> {
        if plain.len() > Self::LONGEST {
            return Err(FieldError::TooLong { key: Box::new(*key), found: plain.len() });
        }
        Ok(self.store.put_field(key, &self.seal(key, plain)?).await?)
    }

    fn seal(&self, key: &FieldKey, plain: &[u8]) -> Result<Sealed, RandomnessError> {
        Ok(self.ring.seal(key, plain, (self.nonces)()?))
    }

    /// Reads a field and opens it; `None` if the store does not have it.
    ///
    /// # Errors
    ///
    /// [`FieldError`] if the store cannot be read or the field cannot be opened.
    pub async fn read(&self, key: &FieldKey) -> Result<Option<Plain>, FieldError> {
        let Some(sealed) = self.store.field(key).await? else { return Ok(None) };
        self.ring.open(key, &sealed).map(Some).map_err(|why| FieldError::Unreadable { key: Box::new(*key), why })
    }

    /// All fields of a subject (GDP-05), by name; a field that cannot be opened does not hide the
    /// others.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read.
    pub async fn export(
        &self,
        subject: &Subject,
    ) -> Result<Vec<(FieldName, Result<Plain, UnsealError>)>, StorageError> {
        let fields = self.store.fields_of(subject).await?;
        let open = |(field, sealed): (FieldName, Sealed)| {
            (field, self.ring.open(&FieldKey { subject: *subject, field }, &sealed))
        };
        Ok(fields.into_iter().map(open).collect())
    }

    /// Erases all fields of a subject, and records the erasure in the audit log.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store fails; nothing is then erased and nothing is recorded.
    pub async fn erase(&self, subject: &Subject, action: ErasureOf<'_>) -> Result<u64, StorageError> {
        self.store.erase_subject(subject, action).await
    }

    /// Seals anew up to `limit` fields that are not under the active key (SEC-03), beginning after
    /// `after`.
    ///
    /// Other processes may read and write meanwhile, also with a ring that does not seal with the
    /// new key yet; what they write stays. A rotation is complete when every process has the new
    /// ring and a run from the beginning then seals nothing. Only then may the old key be removed.
    /// A run may be interrupted at any time and begun anew: finished work is not repeated.
    ///
    /// # Errors
    ///
    /// [`FieldError`] if the store failed; fields that were sealed anew before stay so.
    pub async fn reseal(&self, after: Option<&FieldKey>, limit: NonZeroU16) -> Result<Resealed, FieldError> {
        let mut done = Resealed::default();
        self.reseal_batch(after, limit, &mut done).await?;
        Ok(done)
    }

    /// Seals anew all fields in one run from the beginning to the end, `limit` fields at a time.
    ///
    /// The outcome is added to `done`, so a run that an error interrupts has still reported its
    /// work.
    ///
    /// # Errors
    ///
    /// [`FieldError`] if the store failed; fields that were sealed anew before stay so.
    pub async fn reseal_all(&self, limit: NonZeroU16, done: &mut Resealed) -> Result<(), FieldError> {
        done.next = None;
        loop {
            let after = done.next;
            self.reseal_batch(after.as_ref(), limit, done).await?;
            if done.next.is_none() {
                return Ok(());
            }
        }
    }

    async fn reseal_batch(
        &self,
        after: Option<&FieldKey>,
        limit: NonZeroU16,
        done: &mut Resealed,
    ) -> Result<(), FieldError> {
        let page = self.store.fields_not_under(self.ring.active(), after, limit.get()).await?;
        let next = page.last().filter(|_| page.len() >= usize::from(limit.get())).map(|(key, _)| *key);
        for (key, old) in page {
            match self.ring.open(&key, &old) {
                Ok(plain) => {
                    let new = self.seal(&key, plain.as_bytes())?;
                    let replaced = self.store.replace_field(&key, &old, &new).await?;
                    *(if replaced { &mut done.resealed } else { &mut done.overtaken }) += 1;
                }
                Err(why) => done.unreadable.push((key, why)),
            }
        }
        done.next = next;
        Ok(())
    }
}
