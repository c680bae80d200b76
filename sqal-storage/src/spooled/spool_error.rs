//! [`SpoolError`]: why a spool accepts no samples, in words for operators.

use crate::StorageError;

/// Why the spool of a [`SpooledStore`](crate::SpooledStore) accepts no samples, or cannot move all
/// the samples that it accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpoolError {
    /// The largest number of samples waits in the spool.
    #[error("spool full: {waiting} samples wait, at most {most} may")]
    Full {
        /// The number of waiting samples.
        waiting: u64,
        /// The largest number of waiting samples.
        most: u64,
    },
    /// Some of its samples cannot be read any more; all others were or will be moved.
    #[error("spool damaged: {samples} samples cannot be read and are skipped")]
    Damaged {
        /// The number of samples that cannot be read.
        samples: u64,
    },
    /// The file of the spool cannot be used.
    #[error("spool: {0}")]
    File(#[source] StorageError),
}
