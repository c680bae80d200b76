//! [`SqliteConfig`]: where the file of a SQLite store is, and how it is used.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

/// The configuration of a SQLite store. It begins with [`SqliteConfig::at`] or
/// [`SqliteConfig::spool_at`]; its fields are then set.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SqliteConfig {
    /// The database file; it is created if it does not exist, its folder is not.
    pub path: PathBuf,
    /// The number of connections that read.
    pub readers: NonZeroU32,
    /// The longest wait of a call for a lock or a connection.
    pub busy_timeout: Duration,
    /// The longest duration of a read, waiting included; SQLite is stopped then.
    pub deadline: Duration,
    /// The number of pages (of 4 KiB) after which the log is written back into the file.
    pub log_pages: NonZeroU32,
}

impl SqliteConfig {
    /// A file with four readers, a wait of five seconds, and ten seconds for a read.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        let readers = NonZeroU32::new(4).unwrap_or(NonZeroU32::MIN);
        let log_pages = NonZeroU32::new(1000).unwrap_or(NonZeroU32::MIN);
        let (busy_timeout, deadline) = (Duration::from_secs(5), Duration::from_secs(10));
        Self { path: path.into(), readers, busy_timeout, deadline, log_pages }
    }

    /// The file of the spool of a [`SpooledStore`](crate::SpooledStore).
    ///
    /// Its log is written back after 400 KB, so that the room of its reserve is enough for that on
    /// a full disk. All other settings are those of [`at`](Self::at).
    #[must_use]
    pub fn spool_at(path: impl Into<PathBuf>) -> Self {
        Self { log_pages: NonZeroU32::new(100).unwrap_or(NonZeroU32::MIN), ..Self::at(path) }
    }
}
