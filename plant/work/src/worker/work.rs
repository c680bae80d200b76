//! [`Work`]: what is done for the jobs of one kind, and why it may fail.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use sqal_storage::StorageError;
use sqal_storage::queue::{Job, JobKind};

use super::running::Running;

/// Why the work on a job has not succeeded; it decides whether and when the job is tried again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WorkError {
    /// Another attempt may succeed. While attempts are left, the job is tried again by the backoff
    /// of its work.
    #[error("{why}")]
    Transient {
        /// Why the attempt has failed; the job shows it.
        why: String,
        /// The shortest wait before the next attempt, if the cause states one.
        retry_after: Option<Duration>,
    },
    /// Another attempt would fail too: the job has failed.
    #[error("{why}")]
    Permanent {
        /// Why the job has failed; the job shows it.
        why: String,
    },
    /// The body of the job was written by a newer program. The job goes back to the queue without a
    /// lost attempt, and waits for a server that runs that program.
    #[error("the body of the job has version {found}, and this program reads versions up to {known}")]
    Newer {
        /// The version of the body.
        found: u32,
        /// The newest version that this program reads.
        known: u32,
    },
    /// The work was not begun for a reason outside of the job, for example an open breaker. The job
    /// goes back to the queue without a lost attempt.
    #[error("{why}")]
    Postponed {
        /// Why the work was not begun; the log shows it at the level `DEBUG`, because a job may be
        /// postponed many times.
        why: String,
        /// The wait before the next attempt.
        retry_after: Duration,
    },
}

impl WorkError {
    /// A failure after which another attempt may succeed.
    #[must_use]
    pub fn transient(why: impl Into<String>) -> Self {
        Self::Transient { why: why.into(), retry_after: None }
    }

    /// A failure that another attempt would repeat.
    #[must_use]
    pub fn permanent(why: impl Into<String>) -> Self {
        Self::Permanent { why: why.into() }
    }
}

impl From<StorageError> for WorkError {
    /// A transient error of a store is a transient failure; every other error is permanent.
    fn from(error: StorageError) -> Self {
        if error.is_transient() {
            Self::Transient { why: error.to_string(), retry_after: error.retry_after }
        } else {
            Self::permanent(error.to_string())
        }
    }
}

/// What is done for the jobs of one kind.
///
/// A job is done at least once: a server may be killed after the work and before its end is stored.
/// The work must bear to be done again.
///
/// ```
/// use async_trait::async_trait;
/// use sqal_storage::queue::{Job, JobKind};
/// use sqal_work::worker::{Running, Work, WorkError};
///
/// /// Adds the numbers of a body.
/// #[derive(Debug)]
/// struct Sum(JobKind);
///
/// #[async_trait]
/// impl Work for Sum {
///     fn kind(&self) -> &JobKind {
///         &self.0
///     }
///
///     async fn run(&self, job: &Job, running: &Running) -> Result<String, WorkError> {
///         let mut sum: u64 = 0;
///         for word in job.body.split(' ') {
///             let number: u64 = word.parse().map_err(|_| WorkError::permanent(format!("{word:?} is no number")))?;
///             sum = sum.checked_add(number).ok_or_else(|| WorkError::permanent("the sum is too large"))?;
///             running.more(1);
///         }
///         Ok(sum.to_string())
///     }
/// }
/// ```
#[async_trait]
pub trait Work: Debug + Send + Sync + 'static {
    /// The kind of the jobs that this work does.
    fn kind(&self) -> &JobKind;

    /// Does a job and returns its result.
    ///
    /// The future is dropped at an `await` if the job is canceled, passes to another worker or
    /// takes too long, or if the process drains and
    /// [`finish_within`](super::WorkConfig::finish_within) is over. It is not polled while its
    /// lease cannot be renewed. It must not block its thread for longer than a heartbeat, because
    /// the lease is renewed on the same thread. If it panics, the attempt has failed and may be
    /// tried again.
    ///
    /// # Errors
    ///
    /// [`WorkError`] if the job has no result.
    async fn run(&self, job: &Job, running: &Running) -> Result<String, WorkError>;
}

#[cfg(test)]
mod tests {
    use sqal_storage::StorageErrorKind;

    use super::*;

    #[test]
    fn only_a_transient_error_of_a_store_is_tried_again() {
        let away = StorageError { retry_after: Some(Duration::from_secs(9)), ..error(StorageErrorKind::Unavailable) };
        let again = WorkError::Transient { why: away.to_string(), retry_after: Some(Duration::from_secs(9)) };
        assert_eq!(WorkError::from(away), again);
        for kind in [StorageErrorKind::Refused, StorageErrorKind::Internal] {
            assert!(matches!(WorkError::from(error(kind)), WorkError::Permanent { .. }));
        }
    }

    fn error(kind: StorageErrorKind) -> StorageError {
        StorageError::new("test", kind)
    }
}
