//! The records of the outbox: their collections and keys, and their bodies as JSON.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqal_core::Name;
use sqal_storage::records::{Collection, RecordKey};
use sqal_storage::{StorageError, StorageErrorKind};

/// The name of the outbox in a storage error.
pub(crate) const BACKEND: &str = "outbox";

/// A collection of the outbox. The text is one of a few in the code.
pub(crate) fn collection(text: &'static str) -> Collection {
    Name::new(text).unwrap_or_else(|_| unreachable!("each collection of the outbox has a valid name"))
}

/// A key that is built from hashes, checked names and numbers.
///
/// # Errors
///
/// [`StorageErrorKind::Refused`] if the text is not a key.
pub(crate) fn key(text: &str) -> Result<RecordKey, StorageError> {
    Name::new(text).map_err(|_| StorageError::new(BACKEND, StorageErrorKind::Refused))
}

/// The body of a record.
///
/// # Errors
///
/// [`StorageErrorKind::Internal`] if the value has no JSON.
pub(crate) fn written(value: &impl Serialize) -> Result<String, StorageError> {
    serde_json::to_string(value).map_err(|_| StorageError::new(BACKEND, StorageErrorKind::Internal))
}

/// Reads the body of a record; `what` says in the error which record it is.
///
/// # Errors
///
/// [`StorageErrorKind::Corrupt`] if the body cannot be read.
pub(crate) fn parsed<T: DeserializeOwned>(what: &str, body: &str) -> Result<T, StorageError> {
    serde_json::from_str(body)
        .map_err(|error| StorageError::new(BACKEND, StorageErrorKind::Corrupt(format!("{what}: {error}"))))
}
