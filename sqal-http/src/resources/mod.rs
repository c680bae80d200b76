//! The resources of the interface: each declares its routes beside their handlers.

mod accept;
#[cfg(feature = "alerts")]
pub(crate) mod alert_deeds;
#[cfg(feature = "alerts")]
pub(crate) mod alerts;
pub(crate) mod batch;
#[cfg(feature = "alerts")]
mod bilingual;
#[cfg(feature = "bugs")]
pub(crate) mod bugs;
pub(crate) mod calibrations;
pub(crate) mod capabilities;
#[cfg(feature = "ws")]
pub(crate) mod commands;
#[cfg(feature = "dashboard")]
pub(crate) mod dashboard;
pub(crate) mod dead_letters;
pub(crate) mod devices;
#[cfg(feature = "alerts")]
pub(crate) mod doubtful;
mod dry_run;
pub(crate) mod events;
pub(crate) mod health;
pub(crate) mod hours;
pub(crate) mod jobs;
pub(crate) mod log_level;
pub(crate) mod metrics;
mod parameters;
pub(crate) mod problems;
pub(crate) mod profiles;
pub(crate) mod queries;
#[cfg(feature = "alerts")]
mod remarks;
pub(crate) mod samples;
pub(crate) mod schedules;
pub(crate) mod session;
#[cfg(feature = "alerts")]
pub(crate) mod silences;
mod span;
#[cfg(feature = "alerts")]
pub(crate) mod stations;
mod trial_job;
pub(crate) mod versions;
