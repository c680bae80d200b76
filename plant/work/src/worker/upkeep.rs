//! The upkeep of a worker, once a minute: the number of jobs in each state is shown, and old jobs
//! are forgotten.

use std::sync::{Arc, Weak};
use std::time::Duration;

use sqal_resilience::Shutdown;
use sqal_storage::StorageError;

use super::desk::{Desk, pause};
use crate::wall::earlier;

/// The interval of the upkeep.
const EVERY: Duration = Duration::from_mins(1);

/// The most jobs that are forgotten at once.
const MOST_FORGOTTEN: u16 = 1_000;

/// Keeps up the works of a worker until the process drains, or until the tasks that do its jobs
/// have ended. It holds no work between two minutes, so that a worker without such a task has
/// ended.
pub(super) async fn keep_up(desks: Vec<Weak<Desk>>, shutdown: Shutdown) {
    loop {
        let desks: Vec<_> = desks.iter().filter_map(Weak::upgrade).collect();
        let Some(first) = desks.first() else { return };
        // After a failure, the next minute is another try.
        let kept_up = once(first, &desks).await;
        first.called(&kept_up);
        drop(desks);
        if !pause(&shutdown, EVERY).await {
            return;
        }
    }
}

async fn once(first: &Desk, desks: &[Arc<Desk>]) -> Result<(), StorageError> {
    for desk in desks {
        if let Some(kept_for) = desk.config.kept_for {
            let before = earlier((desk.now)(), kept_for);
            desk.queue.forget_jobs(desk.work.kind(), before, MOST_FORGOTTEN).await?;
        }
    }
    let counts = first.queue.count_jobs().await?;
    for desk in desks {
        desk.meter.counted(&counts, desk.work.kind());
    }
    Ok(())
}
