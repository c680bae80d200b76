//! Durable and scheduled work: workers on a queue, and schedules that many servers run once.
//!
//! A [`Worker`] does the jobs of a [`Queue`](sqal_storage::Queue): it leases a job, renews the
//! lease while the [`Work`] runs, and stores its end. If a server is killed, another one does its
//! jobs again.
//!
//! A [`Scheduler`] enqueues jobs at the due times of [`Schedule`]s: cron expressions in a time
//! zone, with a jitter that is drawn from the name and the due time. Every server runs one; each
//! due time is enqueued once, or noted as missed.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use sqal_core::{Name, Timestamp};
//! use sqal_resilience::TokioClock;
//! use sqal_storage::queue::JobQuery;
//! use sqal_storage::{MemoryStore, Queue};
//! use sqal_work::schedule::{Cron, Schedule};
//! use sqal_work::scheduler::{Scheduler, SchedulerConfig};
//!
//! let cron = Cron::new("30 2 * * *", "Europe/Paris".parse()?)?;
//! let nightly = Schedule::new(Name::new("nightly report")?, cron, Name::new("report")?);
//!
//! // Two servers share a store. The wall clock is an argument; here it stands still.
//! let store = Arc::new(MemoryStore::new());
//! let server = |micros| -> Result<Scheduler, Box<dyn std::error::Error>> {
//!     let now = Timestamp::from_micros(micros)?;
//!     let (queue, records, clock) = (store.clone(), store.clone(), Arc::new(TokioClock));
//!     let schedules = vec![nightly.clone()];
//!     Ok(Scheduler::new(queue, records, Arc::new(move || now), clock, schedules, SchedulerConfig::default())?)
//! };
//! server(1_774_739_400_000_000)?.look_once().await?; // 00:10 in Paris: the schedule begins
//! server(1_774_746_600_000_000)?.look_once().await?; // 03:10 in summer time: 02:30 was left out
//! server(1_774_746_600_000_000)?.look_once().await?; // another server, at the same time
//!
//! let jobs = store.jobs(&JobQuery::newest(std::num::NonZeroU16::MAX)).await?;
//! assert_eq!(jobs.len(), 1);
//! assert_eq!(jobs[0].key, Some(Name::new("due 2026-03-29T01:00:00Z nightly report")?));
//! # Ok(()) }
//! ```
//!
//! # Traces
//!
//! Each run of a job is a span of `tracing`. A job that [`enqueue`] puts into the queue remembers
//! the trace of the work that has enqueued it, and its runs belong to that trace.
//!
//! # Features
//!
//! - `outbox`: messages that leave: signed webhooks (Standard Webhooks), notifications (JSON,
//!   Slack, `PagerDuty`), and e-mail as values.
//! - `smtp`: e-mail over SMTP, through lettre.
//!
//! # Metrics
//!
//! By `kind` of the jobs:
//!
//! - `job_runs_total`, also by `outcome`: `succeeded`, `failed`, `again`, `returned`, `lost`;
//! - `job_run_duration_seconds` and `job_runs_under_way`;
//! - `jobs`, also by `state`: the jobs of the queue, counted once a minute.
//!
//! By `schedule`: `schedule_due_total`, also by `outcome`: `enqueued`, `missed`, `paused`.

pub mod documented;
mod draw;
mod held;
#[cfg(feature = "outbox")]
pub mod outbox;
pub mod schedule;
pub mod scheduler;
mod traced;
mod wall;
pub mod worker;

#[cfg(feature = "outbox")]
#[doc(inline)]
pub use outbox::Outbox;
#[doc(inline)]
pub use schedule::{Cron, Schedule, Zone};
#[doc(inline)]
pub use scheduler::{Scheduler, SchedulerConfig};
pub use traced::enqueue;
pub use wall::WallClock;
#[doc(inline)]
pub use worker::{Running, Work, WorkConfig, WorkError, Worker, WorkerHandle};
