//! The scheduled work of the server, and the messages that wait in its database.
//!
//! Heads of the database are not scheduled: each server states them in a file of its own, so that a
//! person who can change one machine cannot change the heads of another. See
//! [`HeadKeeper`](crate::heads::HeadKeeper).

use std::sync::Arc;

use sqal_core::Name;
use sqal_resilience::{Shutdown, TokioClock};
use sqal_storage::queue::WorkerName;
use sqal_work::outbox::delivery_config;
use sqal_work::scheduler::{Scheduled, Scheduler, SchedulerConfig};
use sqal_work::{Work, WorkConfig, Worker, Zone};
use tracing::warn;

use super::bugs::BugTracker;
use super::database::Database;
use super::deliveries::Deliveries;
use super::profiling::ProcessProfiles;
use crate::expired_records::ExpiredRecords;
use crate::wall_clock::wall_clock;

/// The schedules over a database. Every server of the database has them, and one of all servers
/// does each run.
pub(super) fn over(
    database: &Database,
    zone: &Zone,
    profiling: &ProcessProfiles,
    bugs: Option<&BugTracker>,
) -> Arc<Scheduler> {
    let (queue, records) = (Arc::clone(&database.queue), Arc::clone(&database.records));
    let mut schedules = vec![ExpiredRecords::schedule(zone.clone())];
    schedules.extend(profiling.schedule(zone.clone()));
    schedules.extend(bugs.map(|_| BugTracker::schedule(zone.clone())));
    let config = SchedulerConfig::default();
    let scheduler = Scheduler::new(queue, records, Arc::new(wall_clock), Arc::new(TokioClock), schedules, config);
    Arc::new(scheduler.unwrap_or_else(|_| unreachable!("schedules of different names, with the usual intervals")))
}

/// Begins to look at the schedules, to do their work, and to deliver messages. All of that ends
/// when the process drains: before the database is closed, and runs under way go back to the queue.
pub(super) fn begin(
    scheduler: &Arc<Scheduler>,
    database: &Database,
    profiling: &ProcessProfiles,
    bugs: Option<&BugTracker>,
    deliveries: Deliveries,
    shutdown: &Shutdown,
) {
    let worker = worker(database, profiling, bugs, deliveries);
    if let Err(rejected) = scheduler.begin(shutdown).and_then(|()| worker.begin(shutdown).map(drop)) {
        warn!(%rejected, "scheduled work was not begun: the server ends");
    }
}

/// The worker of this process.
fn worker(
    database: &Database,
    profiling: &ProcessProfiles,
    bugs: Option<&BugTracker>,
    deliveries: Deliveries,
) -> Worker {
    let (queue, records) = (Arc::clone(&database.queue), || Arc::clone(&database.records));
    let worker = Worker::new(queue, name(), Arc::new(wall_clock), Arc::new(TokioClock));
    let removal = Scheduled::new(ExpiredRecords::new(records()), records());
    let mut worker = with(worker, Arc::new(removal), WorkConfig::default());
    if let Some(profile) = profiling.work(database) {
        worker = with(worker, profile, WorkConfig::default());
    }
    if let Some(bugs) = bugs {
        worker = with(worker, bugs.work(database), WorkConfig::default());
    }
    deliveries.works(database).into_iter().fold(worker, |worker, work| with(worker, work, delivery_config()))
}

fn with(worker: Worker, work: Arc<dyn Work>, config: WorkConfig) -> Worker {
    worker.add(work, config).unwrap_or_else(|_| unreachable!("different kinds, with constants in their ranges"))
}

/// The name that the queue shows with the jobs of this process.
fn name() -> WorkerName {
    Name::new(&format!("server {}", std::process::id())).unwrap_or_else(|_| unreachable!("at most 17 characters"))
}
