//! [`SpoolError`]: why a spool takes no samples, in words for operators.

use crate::StorageError;

/// Why the spool of a [`SpooledStore`](crate::SpooledStore) takes no samples, or not all that it took can be moved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpoolError {
    /// As many samples wait as may.
    #[error("spool full: {waiting} samples wait, at most {most} may")]
    Full {
        /// How many wait.
        waiting: u64,
        /// How many may.
        most: u64,
    },
    /// Samples of it cannot be read any more; all others were or will be moved.
    #[error("spool damaged: {samples} samples cannot be read and are passed by")]
    Damaged {
        /// How many.
        samples: u64,
    },
    /// Its file cannot be used.
    #[error("spool: {0}")]
    File(#[source] StorageError),
}
