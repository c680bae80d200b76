//! [`SealedFields`]: where confidential fields lie, sealed; who keeps them cannot read them.

use std::fmt;

use async_trait::async_trait;
use sqal_core::Name;

use crate::{Action, StorageError};

/// Whom a field is about: a person, a customer, a device.
pub type Subject = Name<100>;

/// What one field of a subject is called, for example `name` or `wifi_password`.
pub type FieldName = Name<64>;

/// One field of one subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldKey {
    /// Whom it is about.
    pub subject: Subject,
    /// Which field of theirs.
    pub field: FieldName,
}

/// Says which key sealed a field: derived from the key, so that no list of names has to be kept, and it says nothing about it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 8]);

impl KeyId {
    /// From its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A sealed field: which key opens it, and what only that key can read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The key that opens it.
    pub key: KeyId,
    /// What is sealed: opaque to whoever keeps it.
    pub bytes: Vec<u8>,
}

/// The line that tells how many fields went; it is asked inside the transaction, when that is known.
pub type ErasureOf<'a> = &'a (dyn Fn(u64) -> Action + Send + Sync);

/// Keeps sealed fields; every store of samples of this crate does.
///
/// # Laws
///
/// Each is a test in `conformance` that every store runs.
///
/// 1. *What was put last is there*, under its subject and field, and absent is not an error.
/// 2. *Replacing is for what is still there*: a field that somebody else has written meanwhile stays as they wrote it.
/// 3. *What is not under a key is listed once*, in one order, page by page.
/// 4. *An erased subject is gone*, no other is touched, and it is written down in the same transaction.
#[async_trait]
pub trait SealedFields: fmt::Debug + Send + Sync + 'static {
    /// Puts a field there, whatever was there before.
    ///
    /// # Errors
    ///
    /// [`StorageError`]; what was there before is then still there.
    async fn put_field(&self, key: &FieldKey, sealed: &Sealed) -> Result<(), StorageError>;

    /// A field.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read.
    async fn field(&self, key: &FieldKey) -> Result<Option<Sealed>, StorageError>;

    /// All fields of a subject, by name.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read.
    async fn fields_of(&self, subject: &Subject) -> Result<Vec<(FieldName, Sealed)>, StorageError>;

    /// Fields that another key has sealed, after a place, in the order of bytes of subject and field.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read.
    async fn fields_not_under(
        &self,
        key: KeyId,
        after: Option<&FieldKey>,
        limit: u16,
    ) -> Result<Vec<(FieldKey, Sealed)>, StorageError>;

    /// Puts a field in the place of what was read, and says whether that was still there.
    ///
    /// # Errors
    ///
    /// [`StorageError`]; what was there before is then still there.
    async fn replace_field(&self, key: &FieldKey, old: &Sealed, new: &Sealed) -> Result<bool, StorageError>;

    /// Takes all fields of a subject, writes that down, and says how many they were.
    ///
    /// # Errors
    ///
    /// [`StorageError`]; nothing is then gone and nothing is written down.
    async fn erase_subject(&self, subject: &Subject, action: ErasureOf<'_>) -> Result<u64, StorageError>;
}

#[async_trait]
impl<S: SealedFields + ?Sized> SealedFields for std::sync::Arc<S> {
    async fn put_field(&self, key: &FieldKey, sealed: &Sealed) -> Result<(), StorageError> {
        (**self).put_field(key, sealed).await
    }

    async fn field(&self, key: &FieldKey) -> Result<Option<Sealed>, StorageError> {
        (**self).field(key).await
    }

    async fn fields_of(&self, subject: &Subject) -> Result<Vec<(FieldName, Sealed)>, StorageError> {
        (**self).fields_of(subject).await
    }

    async fn fields_not_under(
        &self,
        key: KeyId,
        after: Option<&FieldKey>,
        limit: u16,
    ) -> Result<Vec<(FieldKey, Sealed)>, StorageError> {
        (**self).fields_not_under(key, after, limit).await
    }

    async fn replace_field(&self, key: &FieldKey, old: &Sealed, new: &Sealed) -> Result<bool, StorageError> {
        (**self).replace_field(key, old, new).await
    }

    async fn erase_subject(&self, subject: &Subject, action: ErasureOf<'_>) -> Result<u64, StorageError> {
        (**self).erase_subject(subject, action).await
    }
}
