//! Restore of a SQLite file, by a checked copy that takes its place.

use std::path::{Path, PathBuf};

use sqal_storage::sqlite::SqliteConfig;
use sqal_storage::{SqliteStore, StorageErrorKind};

use super::unfinished::{finish, remove_unfinished, unfinished};
use crate::command_error::CommandError;

/// Makes a checked copy beside the place and renames it. Fails if the replaced file is open in a
/// server.
pub(super) async fn restore(from: &Path, place: &Path, force: bool) -> Result<(), CommandError> {
    let unfinished = unfinished(place);
    if place.exists() && !force {
        return Err(CommandError::InTheWay(place.to_owned()));
    }
    if same_file(from, place) || same_file(from, &unfinished) {
        return Err(CommandError::Itself(from.to_owned()));
    }
    remove_unfinished(&unfinished)?;
    // Opened through SQLite, so that the log beside the backup is included.
    let backup = SqliteStore::open_as_it_is(&SqliteConfig::at(from)).await?;
    backup.check_integrity().await?;
    let foreign = backup.foreign_objects().await?;
    if !foreign.is_empty() {
        return Err(CommandError::Foreign { file: from.to_owned(), foreign });
    }
    backup.backup_to(&unfinished).await?;
    backup.close().await;
    let copy = SqliteStore::open_as_it_is(&SqliteConfig::at(&unfinished)).await?;
    copy.check_integrity().await?;
    copy.close().await;
    if place.exists() {
        match SqliteStore::retire(place).await {
            Ok(()) => {}
            Err(error) if error.kind == StorageErrorKind::Busy => return Err(CommandError::InUse(place.to_owned())),
            // A file that is too damaged to be opened is renamed with its log, for a later
            // examination.
            Err(_) => {
                for end in ["-wal", "-shm", ""] {
                    let name = |tail: &str| PathBuf::from(format!("{}{tail}{end}", place.display()));
                    if name("").exists() {
                        std::fs::rename(name(""), name(".replaced"))?;
                    }
                }
            }
        }
    }
    finish(&unfinished, place)
}

/// Whether two paths lead to one file.
pub(crate) fn same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}
