//! [`lock`]: keeps a data folder to one server at a time.

use std::fs::{File, TryLockError};
use std::path::Path;

use tracing::warn;

use crate::server_error::ServerError;

/// Locks the data folder until the file is dropped. If the process is killed, the lock is released.
pub(crate) fn lock(data_dir: &Path) -> Result<File, ServerError> {
    let path = data_dir.join("in-use");
    let file = File::options().create(true).append(true).open(&path).map_err(ServerError::data_dir(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(ServerError::DataDirTaken(data_dir.to_owned())),
        // On a file system without locks, the server starts without one.
        Err(TryLockError::Error(error)) => {
            warn!(%error, "it is not known whether another server uses the data folder");
            Ok(file)
        }
    }
}
