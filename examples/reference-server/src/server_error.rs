//! [`ServerError`]: why the server did not start, or did not end in order.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use sqal_resilience::{breaker::InvalidBreaker, log::Causes, shutdown::Report};
use sqal_storage::{StorageError, postgres::InvalidPostgres, redis::RedisError};

/// Why the server did not start, or did not end in order.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The data folder cannot be used.
    #[error("data folder {path}: {source}")]
    DataDir {
        /// The path of the folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// Another server uses the data folder. Each would overwrite files of the other.
    #[error("data folder {0}: another server uses it; give each one of its own (SQAL_DATA_DIR)")]
    DataDirTaken(PathBuf),
    /// The settings of a breaker around the database are not valid.
    #[error("breaker: {0}")]
    Breaker(#[from] InvalidBreaker),
    /// The URL of the database is not valid.
    #[error("DATABASE_URL: {0}")]
    DatabaseUrl(#[from] InvalidPostgres),
    /// The URL of the cache is not valid.
    #[error("REDIS_URL: {0}")]
    RedisUrl(#[from] RedisError),
    /// The database cannot be used.
    #[error("database: {0}")]
    Storage(#[from] StorageError),
    /// The folder of attachments cannot be used.
    #[error("folder of attachments {}: {source}", .path.display())]
    Attachments {
        /// The path of the folder.
        path: PathBuf,
        /// The cause.
        source: StorageError,
    },
    /// The address cannot be bound.
    #[error("cannot listen on {address}: {source} (is another server running there? choose another with --address)")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The cause.
        source: std::io::Error,
    },
    /// The address for administrators cannot be bound.
    #[error("cannot listen on {address} for administrators: {source} (choose another with --admin-listen)")]
    AdminListen {
        /// The address.
        address: SocketAddr,
        /// The cause.
        source: std::io::Error,
    },
    /// The writer stopped while the server ran.
    #[error("the writer has stopped: samples cannot be stored any more")]
    Writer,
    /// Some parts did not end within their time, or a second signal forced the end.
    #[error("not everything ended in order: {0}")]
    Unfinished(Report),
    /// The server failed while it ran.
    #[error("server: {0}")]
    Serve(#[from] std::io::Error),
}

impl ServerError {
    /// Gives the error of a data folder, or of a file in it, that cannot be used.
    pub(crate) fn data_dir(path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::DataDir { path, source }
    }

    /// Whether a setting is not valid, so that a supervisor need not try again.
    #[must_use]
    pub const fn is_of_a_setting(&self) -> bool {
        matches!(self, Self::DatabaseUrl(_) | Self::RedisUrl(_))
    }

    /// The error with its causes: the store reports "does not answer", and the driver reports why.
    #[must_use]
    pub fn with_causes(&self) -> String {
        Causes::of(self).to_string()
    }
}
