//! Restricts the data folder to the user that the server runs as.

use std::fs::{DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use tracing::warn;

/// Files in the data folder that hold samples, frames, or evidence about them. An older server may
/// have made them readable for all users.
const FILES: [&str; 10] = [
    "sqal.db",
    "sqal.db-wal",
    "sqal.db-shm",
    "spool.db",
    "spool.db-wal",
    "spool.db-shm",
    "dead-letters.ndjson",
    "heads.ndjson",
    "erasures.ndjson",
    "in-use",
];

/// Creates the folder with mode 0700 if it does not exist, and removes all rights of other users
/// from it and from its files.
///
/// A folder of another user, for example a mount, may refuse the change. Rights that this user
/// cannot change stay as they are.
pub(crate) fn private_folder(folder: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    restrict(folder, 0o700);
    for name in FILES {
        restrict(&folder.join(name), 0o600);
    }
    Ok(())
}

/// Removes rights beyond `most`.
fn restrict(path: &Path, most: u32) {
    // Links are left alone, because their targets may be anywhere.
    let Ok(found) = std::fs::symlink_metadata(path) else { return };
    let mode = found.permissions().mode() & 0o777;
    if !found.is_symlink()
        && mode & !most != 0
        && let Err(error) = std::fs::set_permissions(path, Permissions::from_mode(mode & most))
    {
        warn!(path = %path.display(), %error, "other users of this machine may read what is kept here");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_new_folder_and_the_files_of_an_old_one_are_for_one_user_only() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("data").join("sqal");
        private_folder(&folder).unwrap();
        assert_eq!(mode(&folder), 0o700);
        std::fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        for name in FILES.iter().chain(&["other"]) {
            std::fs::write(folder.join(name), "").unwrap();
            std::fs::set_permissions(folder.join(name), Permissions::from_mode(0o644)).unwrap();
        }
        private_folder(&folder).unwrap();
        assert_eq!(mode(&folder), 0o700);
        for name in FILES {
            assert_eq!(mode(&folder.join(name)), 0o600, "{name}");
        }
        assert_eq!(mode(&folder.join("other")), 0o644, "what is not the server's stays as it is");
    }
}
