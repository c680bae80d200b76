//! A simulated server: a scheduler over a shared store, with a wall clock of its own that can step.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use sqal_core::{Name, Timestamp};
use sqal_resilience::{Clock, Shutdown, ShutdownConfig, TokioClock};
use sqal_storage::Records;
use sqal_work::schedule::{Cron, Missed, Schedule};
use sqal_work::scheduler::{Scheduler, SchedulerConfig};

use super::store::{Store, store};

pub(crate) const HOUR: i64 = 3_600_000_000;
pub(crate) const DAY: i64 = 24 * HOUR;

/// 2026-01-15T00:01:00Z: the 400 days from here have both changes of summer time.
const BEGIN: i64 = 1_768_435_260_000_000;

/// A time, in microseconds from the begin of the simulation.
pub(crate) fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(BEGIN + micros).unwrap()
}

/// A schedule in Paris whose kind is its name.
pub(crate) fn schedule(name: &str, expression: &str, missed: Missed) -> Schedule {
    let cron = Cron::new(expression, "Europe/Paris".parse().unwrap()).unwrap();
    Schedule::new(Name::new(name).unwrap(), cron, Name::new(name).unwrap()).on_missed(missed)
}

/// Ended jobs are kept for the shortest time, so that forgetting is seen.
const CONFIG: SchedulerConfig =
    SchedulerConfig { look_every: Duration::from_mins(30), kept_for: Duration::from_hours(24) };

/// The simulated time and the clocks of all servers.
#[derive(Clone, Debug)]
pub(crate) struct World {
    begun: std::time::Instant,
    pub(crate) store: Arc<Store>,
    pub(crate) schedules: Vec<Schedule>,
}

impl World {
    pub(crate) fn new(seed: u64, schedules: Vec<Schedule>) -> Self {
        Self { begun: TokioClock.now(), store: Arc::new(store(seed)), schedules }
    }

    /// The world after an update: the programs have other schedules.
    pub(crate) fn with(&self, schedules: Vec<Schedule>) -> Self {
        Self { schedules, ..self.clone() }
    }

    /// The true time, in microseconds from the begin of the simulation.
    pub(crate) fn elapsed(&self) -> i64 {
        i64::try_from(TokioClock.now().saturating_duration_since(self.begun).as_micros()).unwrap()
    }

    /// The scheduler of a server whose clock is right, over other records.
    pub(crate) fn server_over(&self, records: Arc<dyn Records>) -> Scheduler {
        let (world, queue) = (self.clone(), Arc::clone(&self.store));
        let now = Arc::new(move || at(world.elapsed()));
        let schedules = self.schedules.clone();
        Scheduler::new(queue, records, now, Arc::new(TokioClock), schedules, CONFIG).unwrap()
    }

    /// A server whose clock is right, and that does not run yet.
    pub(crate) fn server(&self) -> Server {
        Server { world: self.clone(), offset: Arc::default(), running: None }
    }
}

/// A server.
pub(crate) struct Server {
    world: World,
    /// How far its wall clock is ahead, in microseconds.
    pub(crate) offset: Arc<AtomicI64>,
    pub(crate) running: Option<Shutdown>,
}

impl Server {
    /// The scheduler of a process of this server.
    pub(crate) fn scheduler(&self) -> Arc<Scheduler> {
        let (world, offset) = (self.world.clone(), Arc::clone(&self.offset));
        let (queue, records) = (Arc::clone(&world.store), Arc::clone(&world.store));
        let schedules = world.schedules.clone();
        let now = Arc::new(move || at(world.elapsed() + offset.load(Ordering::Relaxed)));
        Arc::new(Scheduler::new(queue, records, now, Arc::new(TokioClock), schedules, CONFIG).unwrap())
    }

    pub(crate) fn start(&mut self) {
        let shutdown = Shutdown::new(ShutdownConfig::default());
        self.scheduler().begin(&shutdown).unwrap();
        self.running = Some(shutdown);
    }

    pub(crate) fn stop(&mut self) {
        if let Some(shutdown) = self.running.take() {
            shutdown.begin("test");
        }
    }
}
