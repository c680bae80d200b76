//! Writes a file under another name until it is complete, so that a part is never taken for the
//! whole.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::command_error::CommandError;

/// The name for an unfinished file beside its final one, so that a partial file is never taken for
/// a complete one.
pub(super) fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".unfinished");
    PathBuf::from(name)
}

/// Renames a finished file to its final name, durably: it is still there after a power cut.
pub(super) fn finish(unfinished: &Path, path: &Path) -> Result<(), CommandError> {
    File::open(unfinished)?.sync_all()?;
    std::fs::rename(unfinished, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    Ok(File::open(folder)?.sync_all()?)
}

/// Removes the unfinished file of an earlier command, with the logs of SQLite beside it.
pub(super) fn remove_unfinished(path: &Path) -> Result<(), CommandError> {
    for end in ["", "-wal", "-shm", "-journal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        match std::fs::remove_file(Path::new(&name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}
