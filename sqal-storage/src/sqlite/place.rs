//! [`Place`]: the place of a store's file: whether it is still the file that is open, and the room
//! of its file system.

use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::{StorageError, StorageErrorKind};

/// The largest room that is kept free on a file system, in bytes.
const KEPT: u64 = 32 * 1024 * 1024;

/// At most this part (one over the number) of a small file system is kept free.
const KEPT_PART: u64 = 10;

/// The path of a file, and the identity of the file that was opened there.
///
/// A file that was found missing once stays missing: a new connection would begin a new log, and
/// accept what the old one left.
#[derive(Debug)]
pub(crate) struct Place {
    path: PathBuf,
    /// The write-ahead log beside the file, where the store has one.
    log: Option<PathBuf>,
    opened: Option<Identity>,
    is_gone: AtomicBool,
}

/// The number of a file and of its file system.
type Identity = (u64, u64);

#[cfg(unix)]
#[allow(clippy::unnecessary_wraps, reason = "elsewhere there is none")]
fn identity(found: &Metadata) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    Some((found.dev(), found.ino()))
}

/// Other systems give a file no such number: only its absence is noticed.
#[cfg(not(unix))]
fn identity(_: &Metadata) -> Option<Identity> {
    None
}

/// The free bytes and all bytes of the file system of a folder.
#[cfg(unix)]
fn room(folder: &Path) -> Option<(u64, u64)> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some((found.f_bavail.saturating_mul(found.f_frsize), found.f_blocks.saturating_mul(found.f_frsize)))
}

#[cfg(not(unix))]
fn room(_: &Path) -> Option<(u64, u64)> {
    None
}

impl Place {
    /// The place of the file that is at a path now.
    pub(crate) fn of(path: &Path, has_log: bool) -> Self {
        // SQLite puts its log beside the file itself, also if the path is a link to it.
        let file = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let log = has_log.then(|| {
            let mut log = file.as_os_str().to_owned();
            log.push("-wal");
            PathBuf::from(log)
        });
        let opened = std::fs::metadata(path).ok().as_ref().and_then(identity);
        Self { path: path.to_owned(), log, opened, is_gone: AtomicBool::new(false) }
    }

    /// The path of the file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Checks that the file at the path is the file that was opened.
    ///
    /// # Errors
    ///
    /// [`FileGone`](StorageErrorKind::FileGone) if it was removed or replaced. Any other error of
    /// the check is not an error of the file.
    pub(crate) fn is_ours(&self) -> Result<(), StorageError> {
        if self.is_gone.load(Ordering::Relaxed) {
            return Err(self.gone(&self.path));
        }
        match std::fs::metadata(&self.path) {
            Ok(found) if self.opened.is_none() || identity(&found) == self.opened => Ok(()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Ok(()),
            _ => Err(self.gone(&self.path)),
        }
    }

    /// Checks that the last commit is found at the path after a restart: the file is the one that
    /// was opened, and its log is beside it.
    ///
    /// # Errors
    ///
    /// [`FileGone`](StorageErrorKind::FileGone) if the file or its log was removed, or if the file
    /// was replaced.
    pub(crate) fn keeps_commits(&self) -> Result<(), StorageError> {
        self.is_ours()?;
        match &self.log {
            Some(log) if matches!(std::fs::metadata(log), Err(error) if error.kind() == io::ErrorKind::NotFound) => {
                Err(self.gone(log))
            }
            _ => Ok(()),
        }
    }

    fn gone(&self, what: &Path) -> StorageError {
        self.is_gone.store(true, Ordering::Relaxed);
        let source = format!("{} is not the file that is open", what.display());
        StorageError { source: Some(source.into()), ..StorageError::new("sqlite", StorageErrorKind::FileGone) }
    }

    /// Checks that the file system has the room that is kept free: 32 MiB, or a tenth of a small
    /// file system.
    ///
    /// # Errors
    ///
    /// [`Full`](StorageErrorKind::Full) if it has less room.
    pub(crate) fn has_room(&self) -> Result<(), StorageError> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let Some((free, total)) = room(folder).filter(|(_, total)| *total > 0) else { return Ok(()) };
        let kept = KEPT.min(total / KEPT_PART);
        if free >= kept {
            return Ok(());
        }
        let source = format!("{free} bytes are free at {}, {kept} are kept free", folder.display());
        Err(StorageError { source: Some(source.into()), ..StorageError::new("sqlite", StorageErrorKind::Full) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_removed_or_replaced_is_not_the_one_that_is_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("samples.db");
        let log = folder.path().join("samples.db-wal");
        for file in [&path, &log] {
            std::fs::write(file, "x").unwrap();
        }
        let places = || [(); 3].map(|()| Place::of(&path, true));
        let [one, two, three] = places();
        one.keeps_commits().unwrap();
        std::fs::remove_file(&log).unwrap();
        one.is_ours().unwrap();
        assert_eq!(one.keeps_commits().unwrap_err().kind, StorageErrorKind::FileGone, "the log is gone");
        std::fs::write(&log, "x").unwrap();
        assert_eq!(one.keeps_commits().unwrap_err().kind, StorageErrorKind::FileGone, "and stays gone");
        // Another file takes its place while the first still exists, so that it cannot have the
        // same number.
        std::fs::rename(&path, folder.path().join("moved.db")).unwrap();
        assert_eq!(two.is_ours().unwrap_err().kind, StorageErrorKind::FileGone, "it is gone");
        std::fs::write(&path, "x").unwrap();
        assert_eq!(three.is_ours().unwrap_err().kind, StorageErrorKind::FileGone, "it is another");
        let [again, ..] = places();
        again.keeps_commits().unwrap();
    }

    #[test]
    fn a_file_system_with_room_has_room() {
        let folder = tempfile::tempdir().unwrap();
        Place::of(&folder.path().join("not-there.db"), false).has_room().unwrap();
    }
}
