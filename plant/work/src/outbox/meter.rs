//! [`Meter`]: the metrics of one channel, through the `metrics` facade.

use std::fmt;

use metrics::{Counter, counter, gauge};
use sqal_storage::queue::JobState;
use sqal_storage::{Queue, StorageError};

use super::destination::Channel;

/// What has become of a message, as the label `outcome`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A job was enqueued for one message and one destination.
    Queued,
    /// The message is counted in a digest.
    Collected,
    /// The caller has sent a message again; nothing was added.
    Repeated,
    /// The destination has accepted a message or a digest.
    Delivered,
    /// An attempt has failed, and another one follows.
    Retried,
    /// A message or a digest was given up.
    Failed,
}

impl Outcome {
    const ALL: [Self; 6] =
        [Self::Queued, Self::Collected, Self::Repeated, Self::Delivered, Self::Retried, Self::Failed];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Collected => "collected",
            Self::Repeated => "repeated",
            Self::Delivered => "delivered",
            Self::Retried => "retried",
            Self::Failed => "failed",
        }
    }
}

/// The series of one channel, which exist from the beginning.
#[derive(Clone)]
pub(crate) struct Meter([Counter; Outcome::ALL.len()]);

impl Meter {
    pub(crate) fn new(channel: Channel) -> Self {
        Self(Outcome::ALL.map(|outcome| {
            let (channel, outcome) = (channel.as_str(), outcome.as_str());
            let counter = counter!("outbox_messages_total", "channel" => channel, "outcome" => outcome);
            counter.increment(0);
            counter
        }))
    }

    pub(crate) fn count(&self, outcome: Outcome) {
        // The place of an outcome is the order of the variants, which is that of `ALL`.
        if let Some(counter) = self.0.get(outcome as usize) {
            counter.increment(1);
        }
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter").finish_non_exhaustive()
    }
}

/// Sets the gauge `outbox_pending`, by `channel`: the deliveries that wait or are under way.
///
/// The number is read from the queue, so it is the same on every server. Call it before metrics are
/// read.
///
/// # Errors
///
/// [`StorageError`] if the queue cannot be read; the gauge then keeps its value.
pub async fn report_pending(queue: &dyn Queue) -> Result<(), StorageError> {
    let counts = queue.count_jobs().await?;
    for channel in Channel::ALL {
        let kind = channel.kind();
        let open = counts.iter().filter(|count| count.kind == kind && JobState::is_open(count.state));
        let pending: u64 = open.map(|count| count.jobs).sum();
        // Above 2^53 the gauge would be inexact; no queue holds as many jobs.
        #[expect(clippy::cast_precision_loss, reason = "a number of jobs is far below 2^53")]
        let pending = pending as f64;
        gauge!("outbox_pending", "channel" => channel.as_str()).set(pending);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_counted_in_its_own_place() {
        for (place, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, place, "{}", outcome.as_str());
        }
    }
}
