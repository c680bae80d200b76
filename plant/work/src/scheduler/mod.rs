//! The [`Scheduler`], which enqueues the jobs of schedules when they are due, and what people see
//! of it and do with it.

mod advance;
mod control;
mod error;
mod forget;
mod hold;
mod orphans;
mod ports;
mod run_log;
mod runner;
mod scheduled;
mod state;
mod status;

pub use control::RequestKey;
pub use error::SchedulerError;
pub use runner::{InvalidScheduler, Scheduler, SchedulerConfig};
pub use scheduled::{Scheduled, ScheduledTask};
pub use state::{Noted, Pause};
pub use status::{LastRun, ScheduleStatus};
