//! [`Partial`]: a content that is being written to a file, which is removed unless it gets a place.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use sqal_core::Timestamp;
use tokio::runtime::Handle;

use super::{BACKEND, blocking, failed, system_time};
use crate::blobs::{BlobId, PutCheck, PutError, PutLimits};
use crate::{StorageError, StorageErrorKind};

/// A content that is being written; the file is removed if it gets no place.
///
/// Its methods and its `drop` wait for the disk.
pub(super) struct Partial {
    path: PathBuf,
    file: File,
    check: PutCheck,
    is_placed: bool,
}

impl Partial {
    /// An empty content in a new file, within these limits.
    pub(super) fn new(path: PathBuf, file: File, limits: PutLimits) -> Self {
        Self { path, file, check: PutCheck::new(limits), is_placed: false }
    }

    /// Writes the next part.
    pub(super) fn write(mut self, part: &[u8]) -> Result<Self, PutError> {
        self.check.take(part)?;
        self.file.write_all(part).map_err(|error| PutError::Storage(failed(error)))?;
        Ok(self)
    }

    /// The hash and the length of the whole content.
    pub(super) fn finish(&self) -> Result<(BlobId, u64), PutError> {
        self.check.finish()
    }

    /// Sets the time of the put, and waits until the content and the time are on the disk.
    pub(super) fn seal(&self, now: Timestamp) -> io::Result<()> {
        self.file.set_modified(system_time(now)?)?;
        self.file.sync_all()
    }

    /// Moves the file to its place.
    pub(super) fn place_at(&mut self, path: &Path) -> io::Result<()> {
        fs::rename(&self.path, path)?;
        self.is_placed = true;
        Ok(())
    }

    /// What the file system knows of the file.
    pub(super) fn metadata(&self) -> io::Result<fs::Metadata> {
        self.file.metadata()
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.is_placed {
            // `open` removes a file that cannot be removed now.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A partial file between two calls of the operating system. If the future that holds it is
/// dropped, the file is removed on a thread that may wait for the disk.
pub(super) struct Held(Option<Partial>);

impl Held {
    /// Holds a partial file.
    pub(super) const fn new(partial: Partial) -> Self {
        Self(Some(partial))
    }

    /// Works on the file, on a thread that may wait for the disk.
    pub(super) async fn on_disk<T: Send + 'static>(
        mut self,
        work: impl FnOnce(Partial) -> Result<T, PutError> + Send + 'static,
    ) -> Result<T, PutError> {
        // It is always there: only this function takes it, and consumes the value.
        let Some(partial) = self.0.take() else {
            return Err(StorageError::new(BACKEND, StorageErrorKind::Internal).into());
        };
        blocking(move || work(partial)).await
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let (Some(partial), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            // A runtime that has ended drops the function here, and the file is removed all the
            // same.
            runtime.spawn_blocking(move || drop(partial));
        }
    }
}
