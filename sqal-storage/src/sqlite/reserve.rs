//! [`Reserve`]: a file that holds room on a disk, to be given up when the disk is full.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The size of the reserve in bytes: enough to remove some hundred samples from a spool.
const BYTES: usize = 1024 * 1024;

/// A file of 1 MiB beside another file.
#[derive(Clone, Debug)]
pub(crate) struct Reserve {
    path: PathBuf,
}

impl Reserve {
    /// The reserve beside a file, with the file's name and `-reserve`. No file is written yet.
    pub(crate) fn beside(file: &Path) -> Self {
        let mut path = file.as_os_str().to_owned();
        path.push("-reserve");
        Self { path: PathBuf::from(path) }
    }

    /// Writes the file, unless it exists in its full size. A file that could not be written whole
    /// is removed again.
    ///
    /// # Errors
    ///
    /// The error of the file system.
    pub(crate) fn hold(&self) -> io::Result<()> {
        if fs::metadata(&self.path).is_ok_and(|found| usize::try_from(found.len()).is_ok_and(|bytes| bytes >= BYTES)) {
            return Ok(());
        }
        let written = File::create(&self.path).and_then(|mut file| {
            // The bytes are written, because a hole in a file holds no room.
            file.write_all(&vec![0_u8; BYTES])?;
            file.sync_all()
        });
        if written.is_err() {
            let _ = fs::remove_file(&self.path);
        }
        written
    }

    /// Removes the file, so that its room can be used; returns whether there was one.
    pub(crate) fn give_up(&self) -> bool {
        fs::remove_file(&self.path).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_is_held_given_up_once_and_held_again() {
        let folder = tempfile::tempdir().unwrap();
        let reserve = Reserve::beside(&folder.path().join("spool.db"));
        let path = folder.path().join("spool.db-reserve");
        assert!(!reserve.give_up());
        for _ in 0..2 {
            reserve.hold().unwrap();
            assert_eq!(fs::metadata(&path).unwrap().len(), 1024 * 1024);
        }
        fs::write(&path, "too short").unwrap();
        reserve.hold().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), 1024 * 1024, "one that was cut off is written again");
        assert!(reserve.give_up() && !reserve.give_up() && !path.exists());
    }
}
