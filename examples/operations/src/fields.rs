//! Reads the confidential fields of a database page by page, and reports those that do not open.

use sqal_storage::sealed::{FieldKey, KeyId, Sealed, UnsealError};
use sqal_storage::{SealedFields, StorageError};

use crate::command_error::CommandError;

/// The number of fields that are read at a time.
const PAGE: u16 = 1000;

/// Visits every field that another key than `key` has sealed, in the order of the store.
pub(crate) async fn each_not_under(
    fields: &dyn SealedFields,
    key: KeyId,
    mut visit: impl FnMut(&FieldKey, &Sealed),
) -> Result<(), StorageError> {
    let mut after: Option<FieldKey> = None;
    loop {
        let page = fields.fields_not_under(key, after.as_ref(), PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = Some(*last);
        for (place, sealed) in &page {
            visit(place, sealed);
        }
    }
}

/// The name of a field that cannot be opened, and the reason.
pub(crate) fn unopened(key: &FieldKey, why: UnsealError) -> String {
    let is_missing = matches!(why, UnsealError::MissingKey(_));
    let hint = if is_missing { " (give it in LEGACY_ENCRYPTION_KEYS)" } else { "" };
    format!("{} of {}: {why}{hint}", key.field, key.subject)
}

/// An error that names the first field that could not be opened, if there is one.
pub(crate) fn all_opened(unreadable: &[String]) -> Result<(), CommandError> {
    match unreadable.first() {
        None => Ok(()),
        Some(first) => Err(CommandError::Unreadable { count: unreadable.len(), first: first.clone() }),
    }
}
