//! [`Custody`]: purge and erasure of stored samples, and the audit log of both.

use async_trait::async_trait;
use sqal_core::{DeviceId, Timestamp};

use crate::{
    SampleStore, StorageError,
    audit::{Action, AuditEntry, ChainError, Head},
    samples::Hour,
};

/// The retention of each class of data, in days (GDP-01). The plant decides it: there is no
/// default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Samples.
    pub samples: u32,
    /// Hourly aggregates.
    pub analytics: u32,
}

/// The bounds of a purge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purge {
    /// Samples measured before this time are removed. Their hours stay.
    pub samples_before: Timestamp,
    /// Hours that begin before this hour are removed.
    pub hours_before: Hour,
}

impl Purge {
    /// The purge of everything that is older than its retention at the time `now`.
    #[must_use]
    pub fn of(retention: &Retention, now: Timestamp) -> Self {
        let days_ago = |days: u32| {
            let micros = now.micros().saturating_sub(i64::from(days).saturating_mul(86_400_000_000));
            Timestamp::from_micros(micros).unwrap_or(FIRST)
        };
        Self { samples_before: days_ago(retention.samples), hours_before: Hour::of(days_ago(retention.analytics)) }
    }
}

/// The beginning of the year 0, the earliest timestamp.
const FIRST: Timestamp = match Timestamp::from_micros(-62_167_219_200_000_000) {
    Ok(first) => first,
    Err(_) => unreachable!(),
};

/// What a purge or an erasure removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gone {
    /// The number of samples.
    pub samples: u64,
    /// The number of hours, counted for each device.
    pub hours: u64,
}

/// Builds the audit action from what was removed. The store calls it inside the transaction, when
/// the numbers are known.
pub type ActionOf<'a> = &'a (dyn Fn(Gone) -> Action + Send + Sync);

/// A store whose samples can be purged and erased, with an audit log of these actions.
///
/// # Laws
///
/// Each is a test in `conformance` that every store runs.
///
/// 1. *Purging takes what is older and nothing else*; hours outlive their samples.
/// 2. *What would go is what goes*: `would_purge` changes nothing and returns what `purge` then
///    removes.
/// 3. *An erased device is gone*, from samples and hours, and no other device is touched.
/// 4. *What was done is written down*: the line of an action is committed in the action's
///    transaction, and only with it.
/// 5. *The log is a chain*, in the order in which it was written.
#[async_trait]
pub trait Custody: SampleStore {
    /// What a purge would remove.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read.
    async fn would_purge(&self, purge: &Purge) -> Result<Gone, StorageError>;

    /// Removes what is older than the bounds, and records the action with the numbers of what was
    /// removed.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store fails; nothing is then removed and nothing is recorded.
    async fn purge(&self, purge: &Purge, action: ActionOf<'_>) -> Result<Gone, StorageError>;

    /// Removes every sample and hour of a device, and records the action.
    ///
    /// Entries about the device stay in the [register](crate::Register): they are evidence of how
    /// the products of others were judged.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store fails; nothing is then removed and nothing is recorded.
    async fn erase_device(&self, device: &DeviceId, action: ActionOf<'_>) -> Result<Gone, StorageError>;

    /// Records an action in the audit log.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be written.
    async fn log_action(&self, action: Action) -> Result<AuditEntry, StorageError>;

    /// Lines of the audit log after a number, oldest first.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read.
    async fn audit(&self, after: u64, limit: u16) -> Result<Vec<AuditEntry>, StorageError>;

    /// Checks the whole audit log and returns its head, which the caller keeps elsewhere and
    /// compares.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read; the inner error if the log was changed.
    async fn verify_audit(&self) -> Result<Result<Head, ChainError>, StorageError> {
        let mut head = Head::EMPTY;
        loop {
            let entries = self.audit(head.number, 1000).await?;
            if entries.is_empty() {
                return Ok(Ok(head));
            }
            for entry in entries {
                match entry.follows(&head) {
                    Ok(next) => head = next,
                    Err(broken) => return Ok(Err(broken)),
                }
            }
        }
    }
}
