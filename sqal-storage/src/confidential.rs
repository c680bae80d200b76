//! [`Confidential`]: fields that are sealed before they are kept and opened when they are read, and change keys while work goes on.

use std::num::NonZeroU16;

use crate::{
    ErasureOf, FieldKey, FieldName, KeyRing, NoRandomness, Nonce, Plain, Sealed, SealedFields, StorageError, Subject,
    Unreadable,
};

/// A confidential field could not be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FieldError {
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// It is there and cannot be opened; the other fields can.
    #[error("{} of {}: {why}", .key.field, .key.subject)]
    Unreadable {
        /// Which field.
        key: Box<FieldKey>,
        /// Why not.
        why: Unreadable,
    },
    /// It is longer than a field may be.
    #[error("{} of {} has {found} bytes, a field has at most {}", .key.field, .key.subject, Confidential::<()>::LONGEST)]
    TooLong {
        /// Which field.
        key: Box<FieldKey>,
        /// Its length in bytes.
        found: usize,
    },
    /// Nothing can be sealed.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

/// What became of a batch of a rotation, or of several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resealed {
    /// Fields that are under the active key now.
    pub resealed: usize,
    /// Fields that somebody else wrote or erased meanwhile; what they wrote stays.
    pub overtaken: usize,
    /// Fields that cannot be opened; they stay as they are.
    pub unreadable: Vec<(FieldKey, Unreadable)>,
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
/// use sqal_storage::{Confidential, FieldKey, Key, KeyRing, MemoryStore, Nonce, Resealed};
///
/// let store = Arc::new(MemoryStore::new()); // or a SqliteStore, or a PostgresStore
/// let monday = KeyRing::new(Key::from_bytes([1; 32])); // in earnest KeyRing::from_texts
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
pub struct Confidential<S, N = fn() -> Result<Nonce, NoRandomness>> {
    store: S,
    ring: KeyRing,
    nonces: N,
}

impl<S, N> Confidential<S, N> {
    /// The longest field, in bytes.
    pub const LONGEST: usize = 65_536;
}

impl<S: SealedFields, N: Fn() -> Result<Nonce, NoRandomness>> Confidential<S, N> {
    /// Fields of a store; each is sealed with a nonce from `nonces`, in earnest [`Nonce::random`].
    pub const fn new(store: S, ring: KeyRing, nonces: N) -> Self {
        Self { store, ring, nonces }
    }

    /// The keys.
    pub const fn ring(&self) -> &KeyRing {
        &self.ring
    }

    /// Seals a field and keeps it, whatever was there before.
    ///
    /// # Errors
    ///
    /// [`FieldError`]; what was there before is then still there.
    pub async fn write(&self, key: &FieldKey, plain: &[u8]) -> Result<(), FieldError> {
        if plain.len() > Self::LONGEST {
            return Err(FieldError::TooLong { key: Box::new(*key), found: plain.len() });
        }
        Ok(self.store.put_field(key, &self.seal(key, plain)?).await?)
    }

    fn seal(&self, key: &FieldKey, plain: &[u8]) -> Result<Sealed, NoRandomness> {
        Ok(self.ring.seal(key, plain, (self.nonces)()?))
    }

    /// A field, opened.
    ///
    /// # Errors
    ///
    /// [`FieldError`] if the store cannot be read or the field not be opened.
    pub async fn read(&self, key: &FieldKey) -> Result<Option<Plain>, FieldError> {
        let Some(sealed) = self.store.field(key).await? else { return Ok(None) };
        self.ring.open(key, &sealed).map(Some).map_err(|why| FieldError::Unreadable { key: Box::new(*key), why })
    }

    /// All fields of a subject (GDP-05), by name; one that cannot be opened does not hide the others.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read.
    pub async fn export(&self, subject: &Subject) -> Result<Vec<(FieldName, Result<Plain, Unreadable>)>, StorageError> {
        let fields = self.store.fields_of(subject).await?;
        let open = |(field, sealed): (FieldName, Sealed)| {
            (field, self.ring.open(&FieldKey { subject: *subject, field }, &sealed))
        };
        Ok(fields.into_iter().map(open).collect())
    }

    /// Takes all fields of a subject, and writes that down.
    ///
    /// # Errors
    ///
    /// [`StorageError`]; nothing is then gone and nothing is written down.
    pub async fn erase(&self, subject: &Subject, action: ErasureOf<'_>) -> Result<u64, StorageError> {
        self.store.erase_subject(subject, action).await
    }

    /// Seals up to `limit` fields anew that are not under the active key (SEC-03), the first after a place.
    ///
    /// Others may read and write meanwhile, also with a ring that does not seal with the new key yet: what they write stays. A rotation is
    /// over when a run from the beginning, after everyone has the new ring, seals nothing; only then may the old key go. It may be cut off
    /// at any time and begun anew: what is done is not done again.
    ///
    /// # Errors
    ///
    /// [`FieldError`] if the store failed; what was sealed anew before stays so.
    pub async fn reseal(&self, after: Option<&FieldKey>, limit: NonZeroU16) -> Result<Resealed, FieldError> {
        let mut done = Resealed::default();
        self.reseal_batch(after, limit, &mut done).await?;
        Ok(done)
    }

    /// One run from the beginning to the end, `limit` fields at a time. What it does is added to `done`, so that a run that is cut off by an
    /// error has still said what it did.
    ///
    /// # Errors
    ///
    /// [`FieldError`] if the store failed; what was sealed anew before stays so.
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
