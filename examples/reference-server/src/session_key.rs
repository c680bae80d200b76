//! Keeps the key of browser sessions in the data folder, so that a restart signs no browser out.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use sqal_http::door::SessionKey;

/// The file of the key: 32 bytes that only the server's own user can read. Servers that share it
/// accept each other's sessions.
const FILE: &str = "session.key";

/// The key in a data folder. If it is missing or has another length, a new one is made.
pub(crate) fn of(data_dir: &Path) -> io::Result<SessionKey> {
    let path = data_dir.join(FILE);
    match fs::read(&path) {
        Ok(bytes) => {
            if let Ok(bytes) = <[u8; 32]>::try_from(bytes) {
                return Ok(SessionKey::new(bytes));
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let key = SessionKey::random().map_err(io::Error::other)?;
    let new = data_dir.join("session.key.new");
    // The file of an interrupted attempt may have another mode.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(key.bytes())?;
    file.sync_all()?;
    fs::rename(&new, &path)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_outlives_the_server_and_is_read_by_no_other_user() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        fs::write(folder.path().join("session.key.new"), "left by a crash").unwrap();
        let key = of(folder.path()).unwrap();
        assert_eq!(of(folder.path()).unwrap().bytes(), key.bytes());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&path, "cut").unwrap();
        let other = of(folder.path()).unwrap();
        assert!(other.bytes() != key.bytes() && of(folder.path()).unwrap().bytes() == other.bytes());
    }
}
