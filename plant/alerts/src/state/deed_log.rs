//! Adds what people do about alerts to the register, each deed as the next version.

use sqal_storage::register::Entry;
use sqal_storage::{Register, StorageError, StorageErrorKind};

use super::stored::BACKEND;

/// The most attempts to add a version that another caller is first to add.
const TRIES: u32 = 16;

/// Adds an entry after the newest of its name, whatever `entry.version` says, and returns its
/// version.
///
/// # Errors
///
/// [`StorageError`] if the register fails; of the kind [`StorageErrorKind::Busy`] if other callers
/// were first each time.
pub(super) async fn append(register: &dyn Register, mut entry: Entry) -> Result<u32, StorageError> {
    for _ in 0..TRIES {
        let newest = register.history(&entry.kind, &entry.name, None, 1).await?;
        entry.version = newest.first().map_or(0, |newest| newest.version).saturating_add(1);
        if register.add(&entry).await? {
            return Ok(entry.version);
        }
    }
    Err(StorageError::new(BACKEND, StorageErrorKind::Busy))
}
