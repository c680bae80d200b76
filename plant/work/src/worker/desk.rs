//! [`Desk`]: one work of a worker with everything that its runs need.

use std::fmt;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use sqal_resilience::log::Causes;
use sqal_resilience::outage::Outage;
use sqal_resilience::shutdown::Phase;
use sqal_resilience::{Clock, Shutdown};
use sqal_storage::queue::{Job, Leased, WorkerName};
use sqal_storage::{Queue, StorageError};
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::{info, warn};

use super::config::WorkConfig;
use super::ends::Ends;
use super::meter::Meter;
use super::work::Work;
use crate::draw;
use crate::wall::{Moment, WallClock, later};

/// One work of a worker. Its runs share it.
pub(super) struct Desk {
    pub(super) queue: Arc<dyn Queue>,
    /// The way of ends to the queue, which all works of a worker share.
    pub(super) ends: Arc<Ends>,
    pub(super) name: WorkerName,
    pub(super) now: WallClock,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) work: Arc<dyn Work>,
    pub(super) config: WorkConfig,
    pub(super) meter: Meter,
    pub(super) shutdown: Shutdown,
    /// Changes when this process has enqueued or canceled a job.
    pub(super) changed: watch::Receiver<u64>,
    /// The calls in a row that the queue did not answer.
    pub(super) outage: Outage,
}

/// Jobs that were leased by one call, with the moment before the call.
pub(super) struct Taken {
    pub(super) jobs: Vec<Leased>,
    pub(super) asked: Moment,
}

impl Desk {
    /// Leases due jobs, at most this many.
    pub(super) async fn lease(&self, most: NonZeroU16) -> Result<Taken, StorageError> {
        let asked = Moment { wall: (self.now)(), monotonic: self.clock.now() };
        let until = later(asked.wall, self.config.lease);
        let jobs = self.queue.lease(self.work.kind(), &self.name, asked.wall, until, most).await?;
        Ok(Taken { jobs, asked })
    }

    /// Notes whether the queue has answered a call: the log has a line when it no longer answers,
    /// and one when it answers again.
    pub(super) fn called<T>(&self, answer: &Result<T, StorageError>) {
        let kind = self.work.kind();
        match answer {
            Ok(_) => {
                if let Some(recovery) = self.outage.succeeded(self.clock.now()) {
                    info!(%kind, failures = recovery.failures, seconds = recovery.seconds(), "the queue answers again");
                }
            }
            Err(error) => {
                if self.outage.failed(self.clock.now()) {
                    warn!(%kind, error = %Causes::of(error), "jobs wait: the queue does not answer");
                }
            }
        }
    }

    /// The wait after an attempt that has failed. It is drawn from the job and the attempt, so that
    /// jobs that failed together are not tried again together.
    pub(super) fn wait_after(&self, job: &Job) -> Duration {
        let (id, attempt) = (job.id.number().to_le_bytes(), job.attempts.to_le_bytes());
        let retry = u32::from(job.attempts.saturating_sub(1));
        self.config.backoff.delay(retry, draw::share(&[b"attempt", &id, &attempt]))
    }

    /// Waits for a duration; returns early, with `false`, when the process drains.
    pub(super) async fn pause(&self, duration: Duration) -> bool {
        pause(&self.shutdown, duration).await
    }
}

/// Waits for a duration; returns early, with `false`, when the process drains.
pub(super) async fn pause(shutdown: &Shutdown, duration: Duration) -> bool {
    tokio::select! {
        biased;
        () = shutdown.reached(Phase::Draining) => false,
        () = sleep(duration) => true,
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("work", &self.work).field("config", &self.config).finish_non_exhaustive()
    }
}
