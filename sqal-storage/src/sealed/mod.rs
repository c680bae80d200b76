//! [`SealedFields`]: a store of sealed confidential fields, which cannot read them.

#[cfg(feature = "keyring")]
mod confidential;
#[cfg(feature = "keyring")]
mod keyring;

use std::fmt;

use async_trait::async_trait;
use sqal_core::Name;

use crate::{StorageError, audit::Action};

#[cfg(feature = "keyring")]
pub use confidential::{Confidential, FieldError, Resealed};
#[cfg(feature = "keyring")]
pub use keyring::{InvalidKey, InvalidKeyRing, Key, KeyPosition, KeyRing, Nonce, Plain, RandomnessError, UnsealError};

/// The subject of a field: a person, a customer, a device.
pub type Subject = Name<100>;

/// The name of one field of a subject, for example `name` or `wifi_password`.
pub type FieldName = Name<64>;

/// One field of one subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldKey {
    /// The subject of the field.
    pub subject: Subject,
    /// The name of the field.
    pub field: FieldName,
}

/// The id of the key that sealed a field.
///
/// The id is derived from the key, so no list of ids has to be kept, and it reveals nothing about
/// the key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 8]);

impl KeyId {
    /// The id with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// The bytes of the id.
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

/// A sealed field: the id of its key, and the bytes that only this key can open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The id of the key that opens the field.
    pub key: KeyId,
    /// The sealed bytes, which are opaque to the store.
    pub bytes: Vec<u8>,
}

/// Builds the audit action from the number of erased fields. The store calls it inside the
/// transaction, when the number is known.
pub type ErasureOf<'a> = &'a (dyn Fn(u64) -> Action + Send + Sync);

/// Keeps sealed fields; every sample store of this crate implements it.
///
/// # Laws
///
/// Each is a test in `conformance` that every store runs.
///
/// 1. *What was put last is there*, under its subject and field, and absent is not an error.
/// 2. *Replacing is for what is still there*: if another caller has written the field meanwhile,
///    that caller's value stays.
/// 3. *What is not under a key is listed once*, in one order, page by page.
/// 4. *An erased subject is gone*, no other subject is touched, and the erasure is recorded in the
///    same transaction.
#[async_trait]
pub trait SealedFields: fmt::Debug + Send + Sync + 'static {
    /// Stores a field; it replaces an earlier value.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the field was not stored; an earlier value is then unchanged.
    async fn put_field(&self, key: &FieldKey, sealed: &Sealed) -> Result<(), StorageError>;

    /// Reads a field; `None` if it is not stored.
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

    /// Fields that another key than `key` has sealed, after a place, in the order of bytes of
    /// subject and field.
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

    /// Replaces a field by `new` if it still equals `old`; returns whether it did.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store fails; the earlier value is then unchanged.
    async fn replace_field(&self, key: &FieldKey, old: &Sealed, new: &Sealed) -> Result<bool, StorageError>;

    /// Erases all fields of a subject, records the erasure, and returns the number of erased
    /// fields.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store fails; nothing is then erased and nothing is recorded.
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
