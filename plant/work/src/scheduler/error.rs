//! [`SchedulerError`]: why a schedule cannot be looked at or changed.

use sqal_storage::StorageError;

use super::state::RecordError;
use crate::schedule::PlanError;

/// A schedule cannot be looked at or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SchedulerError {
    /// No schedule has the name.
    #[error("no schedule has the name {0:?}")]
    Unknown(String),
    /// The queue or the records fail.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A newer program has written the record of the schedule. That program enqueues its runs.
    #[error("the record of the schedule has version {found}, and this program reads versions up to {known}")]
    Newer {
        /// The version of the record.
        found: u32,
        /// The newest version that this program reads.
        known: u32,
    },
    /// The record of the schedule cannot be read. Nothing is enqueued until the schedule is
    /// resumed, which begins a new record from the present time.
    #[error("the record of the schedule is damaged ({0}): resume the schedule to begin again from now")]
    Damaged(String),
    /// No plan can be made.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Other servers change the schedule again and again at the same time.
    #[error("other servers change the schedule at the same time: try again")]
    Contended,
}

impl From<RecordError> for SchedulerError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Newer { found, known } => Self::Newer { found, known },
            RecordError::Damaged(what) => Self::Damaged(what),
        }
    }
}
