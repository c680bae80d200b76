//! [`Custody`]: what may be done to kept samples besides keeping them: purge, erase, and the log of it.

use async_trait::async_trait;
use sqal_core::{DeviceId, Timestamp};

use crate::{Action, AuditEntry, BrokenChain, Head, Hour, SampleStore, StorageError};

/// How long each class of data is kept, in days (GDP-01).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Samples (`GDPR_RETENTION_DAYS`).
    pub samples: u32,
    /// What hours come to (`GDPR_ANALYTICS_RETENTION_DAYS`).
    pub analytics: u32,
}

/// As documented: seven years and ten.
impl Default for Retention {
    fn default() -> Self {
        Self { samples: 2555, analytics: 3650 }
    }
}

/// What is to be purged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purge {
    /// Samples measured before this time. Their hours stay.
    pub samples_before: Timestamp,
    /// Hours that begin before this one.
    pub hours_before: Hour,
}

impl Purge {
    /// What is older than it may be.
    #[must_use]
    pub fn of(retention: &Retention, now: Timestamp) -> Self {
        let days_ago = |days: u32| {
            let micros = now.micros().saturating_sub(i64::from(days).saturating_mul(86_400_000_000));
            Timestamp::from_micros(micros).unwrap_or(FIRST)
        };
        Self { samples_before: days_ago(retention.samples), hours_before: Hour::of(days_ago(retention.analytics)) }
    }
}

/// The beginning of the year 0, before which there is nothing.
const FIRST: Timestamp = match Timestamp::from_micros(-62_167_219_200_000_000) {
    Ok(first) => first,
    Err(_) => unreachable!(),
};

/// What went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gone {
    /// Samples.
    pub samples: u64,
    /// Hours, counted for each device.
    pub hours: u64,
}

/// The line that tells of what went; it is asked inside the transaction, when that is known.
pub type ActionOf<'a> = &'a (dyn Fn(Gone) -> Action + Send + Sync);

/// What may be done to kept samples besides keeping them.
///
/// # Laws
///
/// Each is a test in `conformance` that every store runs.
///
/// 1. *Purging takes what is older and nothing else*; hours outlive their samples.
/// 2. *What would go is what goes*: `would_purge` changes nothing and says the same.
/// 3. *An erased device is gone*, from samples and hours, and no other is touched.
/// 4. *What was done is written down*, in the same transaction, and only then.
/// 5. *The log is a chain*, in the order in which it was written.
#[async_trait]
pub trait Custody: SampleStore {
    /// What a purge would take.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read.
    async fn would_purge(&self, purge: &Purge) -> Result<Gone, StorageError>;

    /// Takes what is older, and writes the action down with what went.
    ///
    /// # Errors
    ///
    /// [`StorageError`]; nothing is then gone and nothing is written down.
    async fn purge(&self, purge: &Purge, action: ActionOf<'_>) -> Result<Gone, StorageError>;

    /// Takes every sample and hour of a device, and writes the action down. What people have decided about it stays in the [register](crate::Register): it is
    /// evidence of how others' products were judged.
    ///
    /// # Errors
    ///
    /// [`StorageError`]; nothing is then gone and nothing is written down.
    async fn erase_device(&self, device: &DeviceId, action: ActionOf<'_>) -> Result<Gone, StorageError>;

    /// Writes an action down.
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

    /// Checks the whole audit log; gives its head, to be kept elsewhere and compared.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read; the inner error if the log was changed.
    async fn verify_audit(&self) -> Result<Result<Head, BrokenChain>, StorageError> {
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
